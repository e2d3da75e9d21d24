/* Accounts in JSON. */
#include "service/api/views_account.h"

#include <stdio.h>

#include "service/account/directory.h"

void view_user(struct json_writer *w, const char *key, const struct store_user *user)
{
    writer_open(w, key, '{');
    writer_u64(w, "id", user->id);
    writer_text_or_null(w, "email", user->email);
    writer_text(w, "role", role_name((enum role)user->role));
    writer_bool(w, "disabled", user->is_disabled);
    writer_bool(w, "totp", user->totp.size > 0);
    writer_u64(w, "recovery_codes", user->recovery_codes);
    writer_text_or_null(w, "locale", user->locale);
    writer_time(w, "created_at", user->created_ms);
    writer_close(w, '}');
}

void view_session(struct json_writer *w, const struct store_session *session, bool is_current)
{
    writer_open(w, NULL, '{');
    writer_u64(w, "id", session->id);
    writer_bool(w, "current", is_current);
    writer_time(w, "created_at", session->created_ms);
    writer_time(w, "seen_at", session->seen_ms);
    writer_time(w, "expires_at", session->expires_ms);
    writer_text(w, "address", session->address);
    writer_text(w, "agent", session->agent);
    writer_close(w, '}');
}

static void time_or_null(struct json_writer *w, const char *key, int64_t time_ms)
{
    if (time_ms)
        writer_time(w, key, time_ms);
    else
        writer_null(w, key);
}

void view_token(struct json_writer *w, const struct store_api_token *token, const char *secret)
{
    writer_open(w, NULL, '{');
    writer_u64(w, "id", token->id);
    writer_text(w, "name", token->name);
    writer_open(w, "scopes", '[');
    if (token->scopes & SCOPE_READ) writer_text(w, NULL, "read");
    if (token->scopes & SCOPE_TRADE) writer_text(w, NULL, "trade");
    writer_close(w, ']');
    writer_time(w, "created_at", token->created_ms);
    time_or_null(w, "used_at", token->used_ms);
    time_or_null(w, "expires_at", token->expires_ms);
    if (secret) writer_text(w, "token", secret);
    writer_close(w, '}');
}

void view_key(struct json_writer *w, const struct store_key *key)
{
    static const struct {
        enum key_permission bit;
        const char *word;
    } permissions[] = {
        {KEY_MAY_READ, "read"},
        {KEY_MAY_TRADE_SPOT, "spot"},
        {KEY_MAY_TRADE_FUTURES, "futures"},
        {KEY_MAY_BORROW, "margin"},
        {KEY_MAY_TRADE_OPTIONS, "options"},
    };
    writer_open(w, NULL, '{');
    writer_u64(w, "id", key->id);
    writer_text(w, "venue", venue_name((enum venue)key->venue));
    writer_text(w, "label", key->label);
    writer_text(w, "api_key_masked", key->masked);
    writer_open(w, "permissions", '[');
    for (unsigned i = 0; i < sizeof permissions / sizeof *permissions; i++)
        if (key->permissions & permissions[i].bit) writer_text(w, NULL, permissions[i].word);
    writer_close(w, ']');
    writer_bool(w, "ip_restricted", key->ip_restricted);
    writer_time(w, "created_at", key->created_ms);
    writer_close(w, '}');
}

void view_audit(struct json_writer *w, const struct audit_entry *entry)
{
    static const char digits[] = "0123456789abcdef";
    char hash[2 * STORE_HASH_SIZE + 1] = "";
    for (unsigned i = 0; i < STORE_HASH_SIZE; i++) {
        hash[2 * i] = digits[entry->hash[i] >> 4];
        hash[2 * i + 1] = digits[entry->hash[i] & 15];
    }
    writer_open(w, NULL, '{');
    writer_u64(w, "id", entry->id);
    writer_time(w, "t", entry->time_ms);
    if (entry->user_id)
        writer_u64(w, "user_id", entry->user_id);
    else
        writer_null(w, "user_id");
    writer_text(w, "actor", entry->actor);
    writer_text(w, "action", entry->action);
    writer_text(w, "target", entry->target);
    writer_text_or_null(w, "address", entry->address);
    writer_text_or_null(w, "request_id", entry->request_id);
    writer_text_or_null(w, "detail", entry->detail);
    writer_text(w, "hash", hash);
    writer_close(w, '}');
}
