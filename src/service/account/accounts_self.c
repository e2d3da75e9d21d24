/* What people change of their own accounts, and admins of others'. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "io/store/account_store.h"
#include "service/account/desk_call.h"
#include "service/account/key_rotation.h"

/* ---- sessions and API tokens ---- */

static enum err apply_end_session(struct sql *db, struct account_call *call)
{
    return account_store_end_session(db, call->user.id, call->request.target_id);
}

void account_end_session(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    const bool own = request->target_id == request->who.credential_id &&
                     request->who.credential == CREDENTIAL_SESSION;
    call->not_found = ACCOUNT_NOT_FOUND;
    desk_call_audit(call, own ? "logout" : "session_ended", call->user.id, call->user.email,
                    "session %llu", (unsigned long long)request->target_id);
    desk_call_change(call, call->user.id, apply_end_session);
}

static enum err apply_add_token(struct sql *db, struct account_call *call)
{
    const struct account_request *r = &call->request;
    struct store_api_token token = {
        .user_id = call->user.id,
        .scopes = r->scopes,
        .created_ms = r->origin.now_ms,
        .expires_ms = r->expires_ms,
    };
    memcpy(token.hash, call->hash.bytes, sizeof token.hash);
    slice_copy(r->name, token.name, sizeof token.name);
    uint64_t count = 0;
    const enum err err = account_store_count_tokens(db, call->user.id, token.created_ms, &count);
    if (err) return err;
    if (count >= API_TOKENS_MAX) return desk_call_refused(call, ACCOUNT_LIMIT);
    return account_store_add_token(db, &token, &call->answer.id);
}

void account_add_token(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    if (!desk_call_name_is_good(call->request.name)) {
        desk_call_refuse(call, ACCOUNT_BAD_NAME);
        return;
    }
    token_new(TOKEN_API, call->answer.token, &call->hash);
    call->answer.expires_ms = request->expires_ms;
    desk_call_audit(call, "token_added", call->user.id, call->user.email, "%.*s",
                    (int)call->request.name.size, call->request.name.data);
    desk_call_change(call, call->user.id, apply_add_token);
}

static enum err apply_end_token(struct sql *db, struct account_call *call)
{
    return account_store_end_token(db, call->user.id, call->request.target_id);
}

void account_end_token(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    call->not_found = ACCOUNT_NOT_FOUND;
    desk_call_audit(call, "token_ended", call->user.id, call->user.email, "token %llu",
                    (unsigned long long)request->target_id);
    desk_call_change(call, call->user.id, apply_end_token);
}

/* ---- the second factor ---- */

static enum err apply_begin_totp(struct sql *db, struct account_call *call)
{
    const struct vault_place place = {"users", call->user.id, call->user.id};
    const struct slice secret = {(const char *)call->totp_secret, TOTP_SECRET_SIZE};
    struct vault *vault = desk_call_accounts(call)->vault;
    struct sealed sealed = {.size = VAULT_OVERHEAD + TOTP_SECRET_SIZE};
    enum err err = key_rotation_hold(db, vault);
    if (err) return err;
    /* An error of the vault is not the world's that the store would wait for. */
    err = vault_seal(vault, &place, secret, sealed.bytes);
    if (err) return err_note(ERR_INVALID, "while sealing a second factor");
    return account_store_begin_totp(db, call->user.id, &sealed);
}

void account_begin_totp(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    if (call->user.totp.size > 0) {
        desk_call_refuse(call, ACCOUNT_CONFLICT);
        return;
    }
    struct account_answer *answer = &call->answer;
    totp_secret_new(call->totp_secret);
    totp_secret_text(call->totp_secret, answer->secret);
    if (!totp_address(call->totp_secret, call->user.email, answer->address,
                      sizeof answer->address)) {
        desk_call_refuse(call, ACCOUNT_FAILED);
        return;
    }
    call->not_found = ACCOUNT_CONFLICT;
    desk_call_audit(call, "totp_begun", call->user.id, call->user.email, "second factor");
    desk_call_change(call, call->user.id, apply_begin_totp);
}

static enum err apply_confirm_totp(struct sql *db, struct account_call *call)
{
    return account_store_confirm_totp(db, call->user.id, &call->user.totp_next, call->step,
                                      (const uint8_t(*)[STORE_HASH_SIZE])call->code_hashes,
                                      RECOVERY_CODES);
}

/* Whether the code is one of the secret that waits. */
static enum account_outcome check_next(struct account_call *call)
{
    const struct sealed *next = &call->user.totp_next;
    uint8_t secret[TOTP_SECRET_SIZE];
    const struct vault_place place = {"users", call->user.id, call->user.id};
    if (next->size != VAULT_OVERHEAD + sizeof secret) return ACCOUNT_CONFLICT;
    if (vault_unseal(desk_call_accounts(call)->vault, &place,
                     (struct slice){(const char *)next->bytes, next->size}, secret) != OK)
        return ACCOUNT_FAILED;
    const bool right =
        totp_check(secret, call->request.code, call->request.origin.now_ms / 1000, 0, &call->step);
    sodium_memzero(secret, sizeof secret);
    return right ? ACCOUNT_OK : ACCOUNT_WRONG_CODE;
}

void account_confirm_totp(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    const enum account_outcome outcome = check_next(call);
    if (outcome == ACCOUNT_FAILED) {
        desk_call_fail(call, "reading a second factor");
        return;
    }
    if (outcome != ACCOUNT_OK) {
        desk_call_refuse(call, outcome);
        return;
    }
    for (uint32_t i = 0; i < RECOVERY_CODES; i++) {
        struct token_hash hash;
        recovery_code_new(call->answer.codes[i], &hash);
        memcpy(call->code_hashes[i], hash.bytes, STORE_HASH_SIZE);
    }
    call->answer.code_count = RECOVERY_CODES;
    call->not_found = ACCOUNT_CONFLICT;
    desk_call_audit(call, "totp_on", call->user.id, call->user.email, "second factor");
    desk_call_change(call, call->user.id, apply_confirm_totp);
}

static enum err apply_drop_totp(struct sql *db, struct account_call *call)
{
    return account_store_drop_totp(db, call->user.id);
}

void account_drop_totp(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    if (call->user.totp.size == 0 && call->user.totp_next.size == 0) {
        desk_call_refuse(call, ACCOUNT_CONFLICT);
        return;
    }
    desk_call_audit(call, "totp_off", call->user.id, call->user.email, "second factor");
    desk_call_change(call, call->user.id, apply_drop_totp);
}

/* ---- language ---- */

static enum err apply_locale(struct sql *db, struct account_call *call)
{
    return account_store_set_locale(db, call->user.id, call->request.locale);
}

void account_set_locale(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    desk_call_change(call, call->user.id, apply_locale);
}

/* ---- admins ---- */

/* What somebody could do must end with what lets them do it; and one admin must remain. */
static enum err end_all(struct sql *db, struct account_call *call)
{
    const uint64_t user_id = call->request.target_id;
    uint64_t admins = 0;
    enum err err = account_store_end_sessions(db, user_id, 0);
    if (!err) err = account_store_end_tokens(db, user_id);
    if (!err) err = account_store_admins(db, &admins);
    if (err) return err;
    return admins > 0 ? OK : desk_call_refused(call, ACCOUNT_LAST_ADMIN);
}

static enum err apply_role(struct sql *db, struct account_call *call)
{
    const struct account_request *r = &call->request;
    const enum err err = account_store_set_role(db, r->target_id, r->role);
    return err ? err : end_all(db, call);
}

static enum err apply_disabled(struct sql *db, struct account_call *call)
{
    const struct account_request *r = &call->request;
    const enum err err = account_store_set_disabled(db, r->target_id, r->is_disabled);
    return err ? err : end_all(db, call);
}

void account_set_role(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    call->not_found = ACCOUNT_NOT_FOUND;
    desk_call_audit(call, "role_set", call->user.id, call->user.email, "user %llu is %s",
                    (unsigned long long)request->target_id, role_name(request->role));
    desk_call_change(call, request->target_id, apply_role);
}

void account_set_disabled(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    call->not_found = ACCOUNT_NOT_FOUND;
    desk_call_audit(call, request->is_disabled ? "user_disabled" : "user_enabled", call->user.id,
                    call->user.email, "user %llu", (unsigned long long)request->target_id);
    desk_call_change(call, request->target_id, apply_disabled);
}

void account_tell_limit_reset(struct account_desk *desk, const struct account_request *request)
{
    const bool by_console = request->who.credential == CREDENTIAL_CONSOLE;
    struct account_call *call =
        by_console ? desk_call_new(desk, request) : desk_call_of(desk, request);
    if (!call) return;
    desk_call_audit(call, "limit_reset", call->user.id,
                    by_console ? "command line" : call->user.email, "%.*s", (int)request->name.size,
                    request->name.data);
    desk_call_change(call, 0, NULL);
}

/* ---- use ---- */

static enum err apply_touch(struct sql *db, struct account_call *call)
{
    const struct principal *who = &call->request.who;
    const int64_t now_ms = call->request.origin.now_ms;
    const struct store_session session = {
        .id = who->credential_id, .seen_ms = now_ms, .expires_ms = who->expires_ms};
    const enum err err = who->credential == CREDENTIAL_SESSION
                             ? account_store_touch_session(db, &session)
                             : account_store_touch_token(db, who->credential_id, now_ms);
    return err == ERR_NOT_FOUND ? OK : err; /* it has ended meanwhile */
}

static void touched(void *user, const struct account_answer *answer)
{
    (void)user;
    (void)answer;
}

void account_touch(struct account_desk *desk, const struct principal *who, int64_t now_ms)
{
    const struct account_request request = {
        .origin = {.now_ms = now_ms}, .who = *who, .done = touched};
    struct account_call *call = desk_call_new(desk, &request);
    if (call) desk_call_change(call, 0, apply_touch);
}
