/* The ways in: register, log in, authenticate again, recover a lost password. */
#include <ctype.h>
#include <string.h>

#include <sodium.h>

#include "base/utf8.h"
#include "io/store/account_store.h"
#include "service/account/desk_call.h"

enum { MINUTE_MS = 60 * 1000, EMAIL_SIZE_MIN = 3 };

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

bool email_normalise(struct slice text, char out[STORE_EMAIL_SIZE])
{
    unsigned signs = 0;
    if (text.size > EMAIL_TEXT_SIZE_MAX) return false;
    while (text.size > 0 && text.data[0] == ' ') text.data++, text.size--;
    while (text.size > 0 && text.data[text.size - 1] == ' ') text.size--;
    if (text.size < EMAIL_SIZE_MIN || !slice_copy(text, out, STORE_EMAIL_SIZE)) return false;
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)out[i];
        if (c <= ' ' || c >= 0x7F || strchr("\"(),:;<>[\\]", c)) return false;
        signs += c == '@';
        out[i] = (char)tolower(c);
    }
    return signs == 1 && out[0] != '@' && out[text.size - 1] != '@';
}

/* Refuses, and returns false, where the new password may not be. */
static bool take_password(struct account_call *call, struct slice password, const char *email)
{
    call->answer.password_fault = password_check(password, email);
    if (call->answer.password_fault == PASSWORD_GOOD) return true;
    desk_call_refuse(call, ACCOUNT_BAD_PASSWORD);
    return false;
}

/* ---- registering ---- */

static enum err apply_register(struct sql *db, struct account_call *call)
{
    struct store_user user = {.role = ROLE_TRADER, .created_ms = call->request.origin.now_ms};
    memcpy(user.email, call->email, sizeof user.email);
    memcpy(user.password_hash, call->new_password_hash, sizeof user.password_hash);
    const enum err err = account_store_insert(db, &user, &call->changed_user);
    if (err == ERR_EXISTS) return desk_call_refused(call, ACCOUNT_EMAIL_TAKEN);
    call->audit.user_id = call->changed_user;
    return err;
}

/* Who comes second to the first account has one of his own where everybody may. */
static enum err apply_claim(struct sql *db, struct account_call *call)
{
    call->changed_user = call->audit.user_id = 1;
    const enum err err =
        account_store_claim(db, call->email, call->new_password_hash, call->request.origin.now_ms);
    if (err != ERR_EXISTS) return err;
    return desk_call_accounts(call)->registration == REGISTRATION_OPEN
               ? apply_register(db, call)
               : desk_call_refused(call, ACCOUNT_REGISTRATION_CLOSED);
}

/* Somebody from elsewhere shows by the token that he has seen this machine. */
static enum account_outcome may_register(const struct account_call *call)
{
    const struct accounts *accounts = desk_call_accounts(call);
    enum token_kind kind;
    struct token_hash hash;
    if (accounts->registration == REGISTRATION_CLOSED) return ACCOUNT_REGISTRATION_CLOSED;
    if (directory_count(accounts->directory) >= DIRECTORY_USERS_MAX) return ACCOUNT_LIMIT;
    if (directory_is_claimed(accounts->directory))
        return accounts->registration == REGISTRATION_OPEN ? ACCOUNT_OK
                                                           : ACCOUNT_REGISTRATION_CLOSED;
    if (call->request.origin.is_local) return ACCOUNT_OK;
    const bool shown = accounts->has_setup_token && token_read(call->request.token, &kind, &hash) &&
                       kind == TOKEN_SETUP && token_hash_equal(&hash, &accounts->setup_token);
    return shown ? ACCOUNT_OK : ACCOUNT_SETUP_TOKEN_WANTED;
}

/* Asked again: while the password was hashed, somebody may have claimed the first account. */
static void register_hashed(struct account_call *call)
{
    const bool is_first = !directory_is_claimed(desk_call_accounts(call)->directory);
    const enum account_outcome outcome = may_register(call);
    if (outcome != ACCOUNT_OK) {
        desk_call_refuse(call, outcome);
        return;
    }
    desk_call_audit(call, "register", 1, call->email, "%s", is_first ? "first account" : "account");
    desk_call_change(call, 1, is_first ? apply_claim : apply_register);
}

void account_register(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_new(desk, request);
    if (!call) return;
    const enum account_outcome outcome = may_register(call);
    if (outcome != ACCOUNT_OK)
        desk_call_refuse(call, outcome);
    else if (!email_normalise(call->request.email, call->email))
        desk_call_refuse(call, ACCOUNT_BAD_EMAIL);
    else if (take_password(call, call->request.password, call->email))
        desk_call_hash(call, call->request.password, register_hashed);
}

/* ---- the second factor ---- */

/* Reads the code that was given into step or recovery. */
static enum account_outcome read_code(struct account_call *call)
{
    const struct store_user *user = &call->user;
    uint8_t secret[VAULT_OVERHEAD + TOTP_SECRET_SIZE];
    const struct vault_place place = {"users", user->id, user->id};
    const struct slice sealed = {(const char *)user->totp.bytes, user->totp.size};
    if (user->totp.size == 0) return ACCOUNT_OK;
    if (call->request.code.size == 0) return ACCOUNT_TOTP_REQUIRED;
    call->has_recovery = recovery_code_read(call->request.code, &call->recovery);
    if (call->has_recovery) return ACCOUNT_OK;
    if (user->totp.size != sizeof secret ||
        vault_unseal(desk_call_accounts(call)->vault, &place, sealed, secret) != OK)
        return ACCOUNT_FAILED;
    const bool right = totp_check(secret, call->request.code, call->request.origin.now_ms / 1000,
                                  user->totp_step, &call->step);
    sodium_memzero(secret, sizeof secret);
    return right ? ACCOUNT_OK : ACCOUNT_WRONG_CODE;
}

/* Each code once, also when two come at the same time: the row decides. */
static enum err use_code(struct sql *db, struct account_call *call)
{
    enum err err = OK;
    if (call->has_recovery)
        err = account_store_use_code(db, call->user.id, call->recovery.bytes);
    else if (call->step > 0)
        err = account_store_use_step(db, call->user.id, call->step);
    return err == ERR_NOT_FOUND ? desk_call_refused(call, ACCOUNT_WRONG_CODE) : err;
}

/* The password was right when it was checked; is it still? */
static enum err still_right(struct sql *db, struct account_call *call)
{
    const enum err err = account_store_still(db, call->user.id, call->user.password_ms);
    return err == ERR_NOT_FOUND ? desk_call_refused(call, ACCOUNT_WRONG_CREDENTIALS) : err;
}

/* ---- logging in ---- */

static enum err apply_login(struct sql *db, struct account_call *call)
{
    const struct account_request *r = &call->request;
    const int64_t now_ms = r->origin.now_ms;
    const int64_t days = r->remember_me ? SESSION_DAYS_REMEMBERED : SESSION_DAYS;
    struct store_session session = {
        .user_id = call->user.id,
        .created_ms = now_ms,
        .authenticated_ms = now_ms,
        .seen_ms = now_ms,
        .expires_ms = now_ms + days * day_ms,
        .lifetime_ms = days * day_ms,
    };
    memcpy(session.hash, call->hash.bytes, sizeof session.hash);
    memcpy(session.address, r->origin.address, sizeof session.address);
    memcpy(session.agent, r->origin.agent, sizeof session.agent);
    enum err err = still_right(db, call);
    if (!err) err = use_code(db, call);
    if (!err && *call->new_password_hash)
        err = account_store_set_password(db, call->user.id, call->new_password_hash,
                                         call->user.password_ms);
    if (!err && call->session_to_end) {
        err = account_store_end_session(db, call->user.id, call->session_to_end);
        if (err == ERR_NOT_FOUND) err = OK;
    }
    if (!err) err = account_store_trim_sessions(db, call->user.id, SESSIONS_MAX - 1, now_ms);
    if (!err) err = account_store_add_session(db, &session, &call->answer.id);
    call->answer.expires_ms = session.expires_ms;
    return err;
}

/* The one that was seen least lately, where there is no room for another. The directory knows
 * better than the rows when that was, and the rows (account_store_trim_sessions) how many there
 * are. */
static uint64_t session_to_end(const struct account_call *call)
{
    struct store_session rows[SESSIONS_MAX];
    const uint32_t count =
        directory_sessions(desk_call_accounts(call)->directory, call->user.id, rows);
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < count; i++)
        if (rows[i].seen_ms < rows[oldest].seen_ms) oldest = i;
    return count == SESSIONS_MAX ? rows[oldest].id : 0;
}

static void fail(struct account_call *call, const char *action, enum account_outcome outcome)
{
    call->answer.outcome = outcome;
    desk_call_audit(call, action, call->user.id, call->email, "%s",
                    outcome == ACCOUNT_WRONG_CODE ? "wrong code" : "wrong credentials");
    desk_call_change(call, 0, NULL);
}

static void login_refused(struct account_call *call, enum account_outcome outcome)
{
    fail(call, "login_failed", outcome);
}

/* Clients call themselves in any bytes; the database takes text. */
static void make_text(char *agent)
{
    if (utf8_is_valid(slice_of(agent))) return;
    for (; *agent; agent++)
        if ((unsigned char)*agent >= 0x80) *agent = '?';
}

static void login_hashed(struct account_call *call)
{
    make_text(call->request.origin.agent);
    token_new(TOKEN_SESSION, call->answer.token, &call->hash);
    call->session_to_end = session_to_end(call);
    call->on_refused = login_refused;
    desk_call_audit(call, "login", call->user.id, call->user.email, "%s",
                    call->has_recovery ? "with a recovery code" : "session");
    desk_call_change(call, call->user.id, apply_login);
}

static bool is_right(const struct account_call *call)
{
    return call->job.is_right && call->user.id && !call->user.is_disabled;
}

static void login_checked(struct account_call *call)
{
    if (!is_right(call)) {
        fail(call, "login_failed", ACCOUNT_WRONG_CREDENTIALS);
        return;
    }
    const enum account_outcome outcome = read_code(call);
    if (outcome == ACCOUNT_WRONG_CODE)
        fail(call, "login_failed", outcome);
    else if (outcome == ACCOUNT_FAILED)
        desk_call_fail(call, "reading a second factor");
    else if (outcome != ACCOUNT_OK)
        desk_call_refuse(call, outcome);
    else if (call->job.is_outdated)
        desk_call_hash(call, call->request.password, login_hashed);
    else
        login_hashed(call);
}

void account_login(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_new(desk, request);
    if (!call) return;
    struct store_user user;
    if (email_normalise(call->request.email, call->email) &&
        directory_find(desk_call_accounts(call)->directory, call->email, &user))
        call->user = user;
    desk_call_check(call, call->user.password_hash, call->request.password, login_checked);
}

/* ---- authenticating again ---- */

bool account_is_fresh(const struct principal *who, int64_t now_ms)
{
    return who->credential == CREDENTIAL_SESSION &&
           now_ms - who->authenticated_ms < (int64_t)REAUTHENTICATE_MINUTES * MINUTE_MS;
}

static enum err apply_reauthenticate(struct sql *db, struct account_call *call)
{
    enum err err = still_right(db, call);
    if (!err) err = use_code(db, call);
    return err ? err
               : account_store_authenticate_session(db, call->request.who.credential_id,
                                                    call->request.origin.now_ms);
}

static void reauthenticate_refused(struct account_call *call, enum account_outcome outcome)
{
    fail(call, "reauthenticate_failed", outcome);
}

static void reauthenticate_checked(struct account_call *call)
{
    const enum account_outcome outcome =
        is_right(call) ? read_code(call) : ACCOUNT_WRONG_CREDENTIALS;
    if (outcome == ACCOUNT_WRONG_CREDENTIALS || outcome == ACCOUNT_WRONG_CODE) {
        fail(call, "reauthenticate_failed", outcome);
    } else if (outcome == ACCOUNT_FAILED) {
        desk_call_fail(call, "reading a second factor");
    } else if (outcome != ACCOUNT_OK) {
        desk_call_refuse(call, outcome);
    } else {
        call->not_found = ACCOUNT_NOT_FOUND; /* the session has ended meanwhile */
        call->on_refused = reauthenticate_refused;
        desk_call_audit(call, "reauthenticate", call->user.id, call->user.email, "session %llu",
                        (unsigned long long)call->request.who.credential_id);
        desk_call_change(call, call->user.id, apply_reauthenticate);
    }
}

void account_reauthenticate(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_new(desk, request);
    if (!call) return;
    const bool by_session = request->who.credential == CREDENTIAL_SESSION;
    if (!by_session ||
        !directory_user(desk_call_accounts(call)->directory, request->who.user_id, &call->user)) {
        desk_call_refuse(call, ACCOUNT_NOT_FOUND);
        return;
    }
    memcpy(call->email, call->user.email, sizeof call->email);
    desk_call_check(call, call->user.password_hash, call->request.password, reauthenticate_checked);
}

/* ---- a lost password ---- */

static enum err apply_forgot(struct sql *db, struct account_call *call)
{
    const int64_t now_ms = call->request.origin.now_ms;
    return account_store_add_reset(db, call->user.id, call->hash.bytes, now_ms,
                                   now_ms + (int64_t)RESET_MINUTES * MINUTE_MS);
}

/* The request was answered; what is left is the mail. */
static void forgot_done(void *user, const struct account_answer *answer)
{
    const struct account_call *call = user;
    if (answer->outcome != ACCOUNT_OK) return;
    desk_call_port(call)->send_reset(desk_call_port(call)->self, call->user.email,
                                     call->user.locale, answer->token);
}

void account_forgot_password(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_new(desk, request);
    if (!call) return;
    if (!desk_call_port(call)->send_reset) {
        desk_call_refuse(call, ACCOUNT_NO_MAIL);
        return;
    }
    const struct account_answer answer = {.outcome = ACCOUNT_OK};
    call->request.done(call->request.user, &answer);
    call->request.done = NULL;
    const bool known =
        email_normalise(call->request.email, call->email) &&
        directory_find(desk_call_accounts(call)->directory, call->email, &call->user) &&
        !call->user.is_disabled;
    if (!known) {
        desk_call_answer(call);
        return;
    }
    token_new(TOKEN_RESET, call->answer.token, &call->hash);
    call->request.done = forgot_done;
    call->request.user = call;
    call->not_found = ACCOUNT_NOT_FOUND; /* deleted meanwhile */
    desk_call_audit(call, "reset_asked", call->user.id, call->user.email, "password");
    desk_call_change(call, 0, apply_forgot);
}

static enum err apply_reset(struct sql *db, struct account_call *call)
{
    const int64_t now_ms = call->request.origin.now_ms;
    uint64_t user_id = 0;
    struct store_user user;
    enum err err = account_store_use_reset(db, call->hash.bytes, now_ms, &user_id);
    if (!err && directory_user(desk_call_accounts(call)->directory, user_id, &user))
        memcpy(call->audit.actor, user.email, sizeof user.email);
    if (!err) err = account_store_set_password(db, user_id, call->new_password_hash, now_ms);
    if (!err) err = account_store_end_sessions(db, user_id, 0);
    if (!err) err = account_store_end_tokens(db, user_id);
    call->changed_user = call->audit.user_id = user_id;
    return err;
}

static void reset_hashed(struct account_call *call)
{
    call->not_found = ACCOUNT_WRONG_TOKEN;
    desk_call_audit(call, "password_reset", 0, "", "password");
    desk_call_change(call, 1, apply_reset);
}

void account_reset_password(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_new(desk, request);
    enum token_kind kind;
    if (!call) return;
    if (!token_read(call->request.token, &kind, &call->hash) || kind != TOKEN_RESET)
        desk_call_refuse(call, ACCOUNT_WRONG_TOKEN);
    else if (take_password(call, call->request.new_password, ""))
        desk_call_hash(call, call->request.new_password, reset_hashed);
}

/* ---- changing it ---- */

static enum err apply_password(struct sql *db, struct account_call *call)
{
    const struct principal *who = &call->request.who;
    const uint64_t own = who->credential == CREDENTIAL_SESSION ? who->credential_id : 0;
    enum err err = still_right(db, call);
    if (!err)
        err = account_store_set_password(db, call->user.id, call->new_password_hash,
                                         call->request.origin.now_ms);
    if (!err) err = account_store_end_sessions(db, call->user.id, own);
    if (!err) err = account_store_end_tokens(db, call->user.id);
    return err ? err : account_store_drop_reset(db, call->user.id);
}

static void password_refused(struct account_call *call, enum account_outcome outcome)
{
    fail(call, "password_change_failed", outcome);
}

static void password_hashed(struct account_call *call)
{
    call->on_refused = password_refused;
    desk_call_audit(call, "password_changed", call->user.id, call->user.email, "password");
    desk_call_change(call, call->user.id, apply_password);
}

static void password_checked(struct account_call *call)
{
    if (!is_right(call))
        fail(call, "password_change_failed", ACCOUNT_WRONG_CREDENTIALS);
    else
        desk_call_hash(call, call->request.new_password, password_hashed);
}

void account_change_password(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_new(desk, request);
    if (!call) return;
    if (!directory_user(desk_call_accounts(call)->directory, request->who.user_id, &call->user)) {
        desk_call_refuse(call, ACCOUNT_NOT_FOUND);
        return;
    }
    memcpy(call->email, call->user.email, sizeof call->email);
    if (take_password(call, call->request.new_password, call->email))
        desk_call_check(call, call->user.password_hash, call->request.password, password_checked);
}
