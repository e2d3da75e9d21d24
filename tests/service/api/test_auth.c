/* Accounts over HTTP: in, out, and what lets one in. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/store/account_store.h"
#include "service/account/directory_load.h"
#include "service/account/totp.h"
#include "service/api/api_fixture.h"

#define PASSWORD       "correct horse battery"
#define OTHER_PASSWORD "staple the other way"
#define AUTH           "/api/v1/auth"

static struct world *open_for(enum registration registration)
{
    return world_open(
        (struct world_options){.language = LANGUAGE_ENGLISH, .registration = registration});
}

static struct answer post_form(struct world *w, const char *token, const char *route,
                               const char *body)
{
    char target[128];
    snprintf(target, sizeof target, AUTH "/%s", route);
    return ask_as(w, token, "POST", target, body);
}

/* Wants that status and forgets the rest. */
static void expect(struct world *w, const char *token, const char *method, const char *target,
                   const char *body, int status)
{
    struct answer a = ask_as(w, token, method, target, body);
    if (a.status != status) fail_msg("%s %s: wanted %d, got %s", method, target, status, a.text);
    answer_free(&a);
}

static void expect_code(struct world *w, const char *token, const char *method, const char *target,
                        const char *body, int status, const char *code)
{
    struct answer a = ask_as(w, token, method, target, body);
    assert_problem(&a, status, code);
    answer_free(&a);
}

static void expect_fault(struct world *w, const char *token, const char *method, const char *target,
                         const char *body, const char *field, const char *code)
{
    struct answer a = ask_as(w, token, method, target, body);
    assert_problem(&a, 422, "invalid_fields");
    assert_string_equal(answer_text(&a, "errors.0.field"), field);
    assert_string_equal(answer_text(&a, "errors.0.code"), code);
    assert_null(strstr(a.text, "correct horse"));
    answer_free(&a);
}

static void register_as(struct world *w, const char *email)
{
    char body[256];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"" PASSWORD "\"}", email);
    expect(w, "", "POST", AUTH "/register", body, 201);
}

static struct answer try_login(struct world *w, const char *email, const char *password,
                               const char *more)
{
    char body[512];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\"%s}", email, password, more);
    return post_form(w, "", "login", body);
}

static void login_as(struct world *w, const char *email, const char *password,
                     char token[TOKEN_TEXT_SIZE])
{
    struct answer a = try_login(w, email, password, "");
    assert_status(&a, 200);
    snprintf(token, TOKEN_TEXT_SIZE, "%s", answer_text(&a, "access_token"));
    answer_free(&a);
}

/* ---- the first account ---- */

static void test_auth__the_first_account_is_the_admins_and_the_last_without_leave(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    (void)state;
    struct answer a = post_form(
        w, "", "register", "{\"email\":\" Owner@Example.TEST \",\"password\":\"" PASSWORD "\"}");
    assert_status(&a, 201);
    assert_string_equal(answer_text(&a, "user.email"), "owner@example.test");
    assert_string_equal(answer_text(&a, "user.role"), "admin");
    assert_int_equal(json_integer_value(answer_at(&a, "user.id")), STORE_FIRST_USER);
    assert_true(json_is_false(answer_at(&a, "user.totp")));
    answer_free(&a);
    expect_code(w, "", "POST", AUTH "/register",
                "{\"email\":\"b@example.test\",\"password\":\"" PASSWORD "\"}", 403,
                "registration_closed");
    char token[TOKEN_TEXT_SIZE];
    login_as(w, "OWNER@example.test", PASSWORD, token);
    a = ask_as(w, token, "GET", AUTH "/me", NULL);
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "email"), "owner@example.test");
    answer_free(&a);
    world_close(w);
}

static void test_auth__from_elsewhere_the_first_account_takes_the_setup_token(void **state)
{
    static const char elsewhere[] =
        "Content-Type: application/json\r\nX-Forwarded-For: 192.0.2.1\r\n";
    struct world *w = open_for(REGISTRATION_FIRST);
    char token[TOKEN_TEXT_SIZE], body[256];
    (void)state;
    token_new(TOKEN_SETUP, token, &w->accounts.setup_token);
    w->accounts.has_setup_token = true;
    struct answer a = ask(w, "POST", AUTH "/register", elsewhere,
                          "{\"email\":\"a@example.test\",\"password\":\"" PASSWORD "\"}");
    assert_problem(&a, 403, "setup_token_wanted");
    answer_free(&a);
    snprintf(body, sizeof body,
             "{\"email\":\"a@example.test\",\"password\":\"" PASSWORD "\",\"setup_token\":\"%s\"}",
             token);
    a = ask(w, "POST", AUTH "/register", elsewhere, body);
    assert_status(&a, 201);
    answer_free(&a);
    world_close(w);
}

static void test_auth__open_registration_makes_traders(void **state)
{
    struct world *w = open_for(REGISTRATION_OPEN);
    (void)state;
    register_as(w, "a@example.test");
    struct answer a = post_form(w, "", "register",
                                "{\"email\":\"b@example.test\",\"password\":\"" PASSWORD "\"}");
    assert_status(&a, 201);
    assert_string_equal(answer_text(&a, "user.role"), "trader");
    answer_free(&a);
    expect_code(w, "", "POST", AUTH "/register",
                "{\"email\":\"B@example.test\",\"password\":\"" PASSWORD "\"}", 409, "email_taken");
    world_close(w);
}

static void test_auth__refused_fields_are_named_and_never_shown(void **state)
{
    static const struct {
        const char *body, *field, *code;
    } rows[] = {
        {"{\"password\":\"" PASSWORD "\"}", "email", "required"},
        {"{\"email\":\"a@b.co\"}", "password", "required"},
        {"{\"email\":7,\"password\":\"" PASSWORD "\"}", "email", "wrong_type"},
        {"{\"email\":\"nonsense\",\"password\":\"" PASSWORD "\"}", "email", "invalid"},
        {"{\"email\":\"a@b.co\",\"password\":[\"" PASSWORD "\"]}", "password", "wrong_type"},
        {"{\"email\":\"a@b.co\",\"password\":\"short\"}", "password", "too_short"},
        {"{\"email\":\"a@b.co\",\"password\":\"password\"}", "password", "too_common"},
        {"{\"email\":\"someone@b.co\",\"password\":\"someone@b.co\"}", "password", "holds_email"},
        {"{\"email\":\"a@b.co\",\"password\":\"" PASSWORD "\\u0007\"}", "password", "invalid"},
        {"{\"email\":\"a@b.co\",\"password\":\"" PASSWORD "\\u0000\"}", "password", "invalid"},
        {"{\"email\":\"a@b.co\",\"password\":\"" PASSWORD "\",\"role\":\"admin\"}", "role",
         "unknown_field"},
        {"{\"email\":\"a@b.co\",\"password\":\"" PASSWORD "\",\"id\":1}", "id", "unknown_field"},
    };
    struct world *w = open_for(REGISTRATION_FIRST);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_fault(w, "", "POST", AUTH "/register", rows[i].body, rows[i].field, rows[i].code);
    struct buffer body = {0};
    buffer_printf(&body, "{\"email\":\"a@b.co\",\"password\":\"");
    for (unsigned i = 0; i < 1025; i++) buffer_append_char(&body, (char)('a' + i % 23));
    buffer_printf(&body, "\"}");
    buffer_append_char(&body, '\0');
    expect_fault(w, "", "POST", AUTH "/register", body.data, "password", "too_long");
    buffer_deinit(&body);
    struct answer a = ask(w, "POST", AUTH "/register",
                          "Content-Type: application/json\r\nAccept-Language: tr\r\n",
                          "{\"email\":\"a@b.co\",\"password\":\"short\"}");
    assert_non_null(strstr(answer_text(&a, "errors.0.detail"), "En az 8 karakter"));
    answer_free(&a);
    expect_code(w, "", "POST", AUTH "/login", "[]", 400, "not_json");
    world_close(w);
}

/* ---- logging in ---- */

static char *body_without_id(struct answer *a)
{
    char *at = strstr(a->body, "\"request_id\":\"");
    assert_non_null(at);
    memset(at + 14, '-', 16);
    return a->body;
}

static void test_auth__unknown_wrong_and_disabled_look_the_same(void **state)
{
    struct world *w = open_for(REGISTRATION_OPEN);
    (void)state;
    register_as(w, "a@example.test");
    register_as(w, "b@example.test");
    assert_ok(store_begin(w->store));
    assert_ok(account_store_set_disabled(store_sql(w->store), 2, true));
    assert_ok(store_commit(w->store));
    assert_ok(directory_load(w->accounts.directory, store_sql(w->store), api_now_ms()));
    struct answer wrong = try_login(w, "a@example.test", OTHER_PASSWORD, "");
    struct answer unknown = try_login(w, "x@example.test", PASSWORD, "");
    struct answer disabled = try_login(w, "b@example.test", PASSWORD, "");
    struct answer nonsense = try_login(w, "nonsense", PASSWORD, "");
    struct answer empty = try_login(w, "a@example.test", "", "");
    assert_problem(&wrong, 401, "invalid_credentials");
    const char *want = body_without_id(&wrong);
    assert_string_equal(body_without_id(&unknown), want);
    assert_string_equal(body_without_id(&disabled), want);
    assert_string_equal(body_without_id(&nonsense), want);
    assert_string_equal(body_without_id(&empty), want);
    answer_free(&wrong);
    answer_free(&unknown);
    answer_free(&disabled);
    answer_free(&nonsense);
    answer_free(&empty);
    world_close(w);
}

static void test_auth__login_answers_a_token_and_a_cookie(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    char cookie[256];
    (void)state;
    register_as(w, "a@example.test");
    struct answer a = try_login(w, "a@example.test", PASSWORD, "");
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "token_type"), "bearer");
    assert_int_equal(json_integer_value(answer_at(&a, "expires_in")), 604800);
    assert_string_equal(answer_text(&a, "user.email"), "a@example.test");
    const char *set = answer_header(&a, "Set-Cookie");
    snprintf(cookie, sizeof cookie, "tradebot=%s; Path=/; HttpOnly; SameSite=Strict",
             answer_text(&a, "access_token"));
    assert_string_equal(set, cookie);
    answer_free(&a);
    a = try_login(w, "a@example.test", PASSWORD, ",\"remember_me\":true");
    assert_status(&a, 200);
    assert_int_equal(json_integer_value(answer_at(&a, "expires_in")), 30 * 86400);
    assert_non_null(strstr(answer_header(&a, "Set-Cookie"), "; Max-Age=34560000"));
    answer_free(&a);
    world_close(w);
}

static void test_auth__logout_kills_at_once_and_alone(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    char one[TOKEN_TEXT_SIZE], two[TOKEN_TEXT_SIZE];
    (void)state;
    register_as(w, "a@example.test");
    login_as(w, "a@example.test", PASSWORD, one);
    login_as(w, "a@example.test", PASSWORD, two);
    struct answer a = post_form(w, one, "logout", NULL);
    assert_status(&a, 204);
    assert_non_null(strstr(answer_header(&a, "Set-Cookie"), "tradebot=; "));
    assert_non_null(strstr(answer_header(&a, "Set-Cookie"), "Max-Age=0"));
    answer_free(&a);
    expect_code(w, one, "GET", AUTH "/me", NULL, 401, "unauthenticated");
    expect_code(w, one, "POST", AUTH "/logout", NULL, 401, "unauthenticated");
    expect(w, two, "GET", AUTH "/me", NULL, 200);
    world_close(w);
}

static void test_auth__sessions_are_listed_and_ended(void **state)
{
    struct world *w = open_english();
    char one[TOKEN_TEXT_SIZE], two[TOKEN_TEXT_SIZE];
    (void)state;
    add_user(w, "a@example.test", ROLE_ADMIN, one);
    add_user(w, "b@example.test", ROLE_TRADER, two);
    struct answer a = ask_as(w, one, "GET", AUTH "/sessions", NULL);
    assert_status(&a, 200);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 1);
    assert_true(json_is_true(answer_at(&a, "items.0.current")));
    answer_free(&a);
    expect(w, two, "DELETE", AUTH "/sessions/1", NULL, 404);
    expect(w, one, "GET", AUTH "/me", NULL, 200);
    expect(w, one, "DELETE", AUTH "/sessions/1", NULL, 204);
    expect(w, one, "GET", AUTH "/me", NULL, 401);
    world_close(w);
}

/* ---- passwords ---- */

static void test_auth__a_changed_password_ends_all_else(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    char one[TOKEN_TEXT_SIZE], two[TOKEN_TEXT_SIZE], machine[TOKEN_TEXT_SIZE];
    (void)state;
    register_as(w, "a@example.test");
    login_as(w, "a@example.test", PASSWORD, one);
    login_as(w, "a@example.test", PASSWORD, two);
    add_api_token(w, STORE_FIRST_USER, SCOPE_READ, machine);
    expect(w, machine, "GET", "/api/v1/bots", NULL, 200);
    expect_code(w, one, "POST", AUTH "/change-password",
                "{\"password\":\"" OTHER_PASSWORD "\",\"new_password\":\"" OTHER_PASSWORD "\"}",
                401, "invalid_credentials");
    expect_fault(w, one, "POST", AUTH "/change-password",
                 "{\"password\":\"" PASSWORD "\",\"new_password\":\"short\"}", "new_password",
                 "too_short");
    expect(w, one, "POST", AUTH "/change-password",
           "{\"password\":\"" PASSWORD "\",\"new_password\":\"" OTHER_PASSWORD "\"}", 204);
    expect(w, one, "GET", AUTH "/me", NULL, 200);
    expect(w, two, "GET", AUTH "/me", NULL, 401);
    expect(w, machine, "GET", "/api/v1/bots", NULL, 401);
    login_as(w, "a@example.test", OTHER_PASSWORD, two);
    world_close(w);
}

static void test_auth__a_lost_password_is_recovered_by_mail(void **state)
{
    struct world *w =
        world_open((struct world_options){.language = LANGUAGE_ENGLISH, .has_mail = true});
    char one[TOKEN_TEXT_SIZE], body[256];
    (void)state;
    register_as(w, "a@example.test");
    login_as(w, "a@example.test", PASSWORD, one);
    expect(w, "", "POST", AUTH "/forgot-password", "{\"email\":\"x@example.test\"}", 204);
    assert_string_equal(w->mailed, "");
    expect(w, "", "POST", AUTH "/forgot-password", "{\"email\":\"a@example.test\"}", 204);
    expect(w, one, "GET", AUTH "/me", NULL, 200); /* the loop has turned: it was sent */
    assert_true(*w->mailed);
    expect_fault(w, "", "POST", AUTH "/reset-password",
                 "{\"token\":\"tbr_nonsense\",\"new_password\":\"" OTHER_PASSWORD "\"}", "token",
                 "invalid");
    snprintf(body, sizeof body, "{\"token\":\"%s\",\"new_password\":\"" OTHER_PASSWORD "\"}",
             w->mailed);
    expect(w, "", "POST", AUTH "/reset-password", body, 204);
    expect_fault(w, "", "POST", AUTH "/reset-password", body, "token", "invalid");
    expect(w, one, "GET", AUTH "/me", NULL, 401);
    login_as(w, "a@example.test", OTHER_PASSWORD, one);
    world_close(w);
}

static void test_auth__without_mail_nothing_is_promised(void **state)
{
    struct world *w = open_english();
    (void)state;
    expect_code(w, "", "POST", AUTH "/forgot-password", "{\"email\":\"a@example.test\"}", 503,
                "mail_not_configured");
    world_close(w);
}

/* ---- grave things ---- */

static void age_session(struct world *w)
{
    assert_ok(store_begin(w->store));
    assert_ok(account_store_authenticate_session(store_sql(w->store), 1,
                                                 api_now_ms() - REAUTHENTICATE_MINUTES * 60000));
    assert_ok(store_commit(w->store));
    assert_ok(directory_load(w->accounts.directory, store_sql(w->store), api_now_ms()));
}

static void test_auth__grave_things_ask_for_the_password_again(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    char token[TOKEN_TEXT_SIZE];
    (void)state;
    register_as(w, "a@example.test");
    login_as(w, "a@example.test", PASSWORD, token);
    age_session(w);
    unsigned grave = 0;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *r = &routes[i];
        char target[128];
        if (!r->fresh) continue;
        grave++;
        fill_pattern(r->pattern, "1", target, sizeof target);
        expect_code(w, token, r->method, target, r->body_schema ? "{}" : NULL, 403,
                    "reauthenticate");
    }
    assert_true(grave >= 4);
    expect_code(w, token, "POST", AUTH "/reauthenticate", "{\"password\":\"" OTHER_PASSWORD "\"}",
                401, "invalid_credentials");
    expect(w, token, "POST", AUTH "/reauthenticate", "{\"password\":\"" PASSWORD "\"}", 204);
    expect(w, token, "POST", AUTH "/tokens", "{\"name\":\"x\",\"scopes\":[\"read\"]}", 201);
    world_close(w);
}

static void test_auth__api_tokens_are_made_used_and_ended(void **state)
{
    struct world *w = open_english();
    char token[TOKEN_TEXT_SIZE], made[TOKEN_TEXT_SIZE];
    (void)state;
    add_user(w, "a@example.test", ROLE_ADMIN, token);
    expect_fault(w, token, "POST", AUTH "/tokens", "{\"name\":\"x\",\"scopes\":[]}", "scopes",
                 "invalid");
    expect_fault(w, token, "POST", AUTH "/tokens", "{\"name\":\"x\",\"scopes\":[\"admin\"]}",
                 "scopes", "invalid");
    expect_fault(w, token, "POST", AUTH "/tokens", "{\"name\":\"\",\"scopes\":[\"read\"]}", "name",
                 "invalid");
    expect_fault(w, token, "POST", AUTH "/tokens",
                 "{\"name\":\"x\",\"scopes\":[\"read\"],\"expires_at\":\"2020-01-01T00:00:00Z\"}",
                 "expires_at", "invalid");
    struct answer a = ask_as(w, token, "POST", AUTH "/tokens",
                             "{\"name\":\"mine\",\"scopes\":[\"trade\"],"
                             "\"expires_at\":\"2100-01-01T00:00:00Z\"}");
    assert_status(&a, 201);
    assert_string_equal(answer_text(&a, "scopes.0"), "read");
    assert_string_equal(answer_text(&a, "scopes.1"), "trade");
    assert_string_equal(answer_text(&a, "expires_at"), "2100-01-01T00:00:00.000Z");
    snprintf(made, sizeof made, "%s", answer_text(&a, "token"));
    answer_free(&a);
    assert_memory_equal(made, "tbt_", 4);
    a = ask_as(w, made, "POST", "/api/v1/bots", BOT);
    assert_status(&a, 201);
    answer_free(&a);
    a = ask_as(w, token, "GET", AUTH "/tokens", NULL);
    assert_string_equal(answer_text(&a, "items.0.name"), "mine");
    assert_null(answer_at(&a, "items.0.token"));
    assert_null(strstr(a.text, made));
    answer_free(&a);
    expect(w, token, "DELETE", AUTH "/tokens/1", NULL, 204);
    expect(w, made, "GET", "/api/v1/bots", NULL, 401);
    expect(w, token, "DELETE", AUTH "/tokens/1", NULL, 404);
    for (unsigned i = 0; i < API_TOKENS_MAX; i++)
        add_api_token(w, STORE_FIRST_USER, SCOPE_READ, made);
    expect_code(w, token, "POST", AUTH "/tokens", "{\"name\":\"x\",\"scopes\":[\"read\"]}", 409,
                "tokens_full");
    world_close(w);
}

static unsigned code_at(const char *secret_text, uint64_t step)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t secret[TOTP_SECRET_SIZE] = {0};
    for (size_t i = 0; secret_text[i]; i++) {
        const unsigned value = (unsigned)(strchr(digits, secret_text[i]) - digits);
        for (unsigned bit = 0; bit < 5; bit++)
            if (value & (16u >> bit))
                secret[(5 * i + bit) / 8] |= (uint8_t)(128u >> (5 * i + bit) % 8);
    }
    return totp_code(secret, step);
}

static void test_auth__a_second_factor_from_begin_to_drop(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    char token[TOKEN_TEXT_SIZE], secret[64], body[128], more[64], recovery[64];
    (void)state;
    const uint64_t step = (uint64_t)(api_now_ms() / 1000 / TOTP_STEP_S);
    register_as(w, "a@example.test");
    login_as(w, "a@example.test", PASSWORD, token);
    expect_code(w, token, "POST", AUTH "/totp/confirm", "{\"code\":\"000000\"}", 409, "totp_state");
    expect_code(w, token, "DELETE", AUTH "/totp", NULL, 409, "totp_state");
    struct answer a = post_form(w, token, "totp", NULL);
    assert_status(&a, 201);
    snprintf(secret, sizeof secret, "%s", answer_text(&a, "secret"));
    assert_memory_equal(answer_text(&a, "address"), "otpauth://totp/", 15);
    answer_free(&a);
    expect_fault(w, token, "POST", AUTH "/totp/confirm", "{\"code\":\"12345\"}", "code", "invalid");
    snprintf(body, sizeof body, "{\"code\":\"%06u\"}", code_at(secret, step));
    a = post_form(w, token, "totp/confirm", body);
    assert_status(&a, 200);
    assert_int_equal(json_array_size(answer_at(&a, "recovery_codes")), RECOVERY_CODES);
    snprintf(recovery, sizeof recovery, ",\"totp\":\"%s\"", answer_text(&a, "recovery_codes.3"));
    answer_free(&a);
    expect_code(w, token, "POST", AUTH "/totp", NULL, 409, "totp_state");

    a = try_login(w, "a@example.test", PASSWORD, "");
    assert_problem(&a, 401, "totp_required");
    answer_free(&a);
    snprintf(more, sizeof more, ",\"totp\":\"%06u\"",
             code_at(secret, step)); /* used by confirming */
    a = try_login(w, "a@example.test", PASSWORD, more);
    assert_problem(&a, 401, "invalid_credentials");
    answer_free(&a);
    snprintf(more, sizeof more, ",\"totp\":\"%06u\"", code_at(secret, step + 1));
    a = try_login(w, "a@example.test", PASSWORD, more);
    assert_status(&a, 200);
    answer_free(&a);
    a = try_login(w, "a@example.test", PASSWORD, recovery);
    assert_status(&a, 200);
    assert_int_equal(json_integer_value(answer_at(&a, "user.recovery_codes")), RECOVERY_CODES - 1);
    answer_free(&a);
    a = try_login(w, "a@example.test", PASSWORD, recovery);
    assert_problem(&a, 401, "invalid_credentials");
    answer_free(&a);
    expect(w, token, "DELETE", AUTH "/totp", NULL, 204);
    login_as(w, "a@example.test", PASSWORD, token);
    world_close(w);
}

static void test_auth__the_language_chosen_speaks_where_the_client_names_none(void **state)
{
    struct world *w = open_english();
    char token[TOKEN_TEXT_SIZE];
    (void)state;
    add_user(w, "a@example.test", ROLE_ADMIN, token);
    expect(w, token, "PATCH", AUTH "/me", "{\"locale\":\"tr\"}", 200);
    struct answer a = ask_as(w, token, "GET", "/api/v1/bots/9", NULL);
    assert_string_equal(answer_text(&a, "detail"), "Burada böyle bir şey yok.");
    answer_free(&a);
    expect_fault(w, token, "PATCH", AUTH "/me", "{\"locale\":\"de\"}", "locale", "invalid");
    a = ask_as(w, token, "PATCH", AUTH "/me", "{\"locale\":null}");
    assert_status(&a, 200);
    assert_true(json_is_null(answer_at(&a, "locale")));
    answer_free(&a);
    world_close(w);
}

/* ---- admins ---- */

static void test_admin__roles_and_locks_hold_at_once(void **state)
{
    struct world *w = open_english();
    char admin[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
    (void)state;
    add_user(w, "a@example.test", ROLE_ADMIN, admin);
    add_user(w, "b@example.test", ROLE_TRADER, other);
    expect_fault(w, admin, "PATCH", "/api/v1/admin/users/2", "{}", "role", "conflict");
    expect_fault(w, admin, "PATCH", "/api/v1/admin/users/2", "{\"role\":\"god\"}", "role",
                 "invalid");
    expect(w, admin, "PATCH", "/api/v1/admin/users/99", "{\"role\":\"viewer\"}", 404);
    expect_code(w, admin, "PATCH", "/api/v1/admin/users/1", "{\"role\":\"trader\"}", 409,
                "last_admin");
    expect(w, other, "GET", AUTH "/me", NULL, 200);
    struct answer a = ask_as(w, admin, "PATCH", "/api/v1/admin/users/2", "{\"disabled\":true}");
    assert_status(&a, 200);
    assert_true(json_is_true(answer_at(&a, "disabled")));
    answer_free(&a);
    expect(w, other, "GET", AUTH "/me", NULL, 401);
    expect(w, admin, "PATCH", "/api/v1/admin/users/2", "{\"disabled\":false}", 200);
    expect(w, admin, "PATCH", "/api/v1/admin/users/2", "{\"role\":\"admin\"}", 200);
    a = ask_as(w, admin, "GET", "/api/v1/admin/users?limit=1", NULL);
    assert_string_equal(answer_text(&a, "items.0.email"), "a@example.test");
    assert_string_equal(answer_text(&a, "next_cursor"), "1");
    answer_free(&a);
    a = ask_as(w, admin, "GET", "/api/v1/admin/users?cursor=1", NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 1);
    assert_string_equal(answer_text(&a, "items.0.role"), "admin");
    assert_true(json_is_null(answer_at(&a, "next_cursor")));
    answer_free(&a);
    world_close(w);
}

static void test_admin__the_audit_log_is_told_in_pages(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    char token[TOKEN_TEXT_SIZE];
    (void)state;
    register_as(w, "a@example.test");
    struct answer a = try_login(w, "a@example.test", OTHER_PASSWORD, "");
    answer_free(&a);
    login_as(w, "a@example.test", PASSWORD, token);
    a = ask_as(w, token, "GET", "/api/v1/admin/audit?limit=2", NULL);
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "items.0.action"), "login");
    assert_string_equal(answer_text(&a, "items.0.actor"), "a@example.test");
    assert_string_equal(answer_text(&a, "items.0.address"), "127.0.0.1");
    assert_int_equal(strlen(answer_text(&a, "items.0.hash")), 64);
    assert_string_equal(answer_text(&a, "items.1.action"), "login_failed");
    assert_string_equal(answer_text(&a, "next_cursor"), "2");
    assert_null(strstr(a.text, PASSWORD));
    assert_null(strstr(a.text, token));
    answer_free(&a);
    a = ask_as(w, token, "GET", "/api/v1/admin/audit?limit=2&cursor=2", NULL);
    assert_int_equal(json_array_size(answer_at(&a, "items")), 1);
    assert_string_equal(answer_text(&a, "items.0.action"), "register");
    assert_true(json_is_null(answer_at(&a, "next_cursor")));
    answer_free(&a);
    world_close(w);
}

/* ---- when things fail ---- */

static void test_auth__a_database_that_fails_is_told_and_lets_nobody_in(void **state)
{
    struct world *w = open_for(REGISTRATION_FIRST);
    char token[TOKEN_TEXT_SIZE];
    (void)state;
    register_as(w, "a@example.test");
    login_as(w, "a@example.test", PASSWORD, token);
    w->change_err = ERR_TIMEOUT;
    struct answer a = try_login(w, "a@example.test", PASSWORD, "");
    assert_problem(&a, 503, "store_unavailable");
    assert_string_equal(answer_header(&a, "Set-Cookie"), "");
    answer_free(&a);
    expect(w, token, "GET", AUTH "/me", NULL, 200); /* who is in stays in */
    expect_code(w, token, "POST", AUTH "/logout", NULL, 503, "store_unavailable");
    w->change_err = ERR_PARSE;
    expect_code(w, token, "PATCH", AUTH "/me", "{\"locale\":\"tr\"}", 500, "internal_error");
    w->change_err = OK;
    world_close(w);
}

static void test_auth__a_database_that_hangs_holds_nobody(void **state)
{
    struct world *w =
        world_open((struct world_options){.language = LANGUAGE_ENGLISH, .account_wait_ms = 100});
    char token[TOKEN_TEXT_SIZE];
    (void)state;
    add_user(w, "a@example.test", ROLE_ADMIN, token);
    w->account_silent = true;
    expect_code(w, token, "PATCH", AUTH "/me", "{\"locale\":\"tr\"}", 503, "store_unavailable");
    expect_code(w, token, "POST", AUTH "/logout", NULL, 503, "store_unavailable");
    expect(w, token, "GET", AUTH "/me", NULL, 200);
    w->account_silent = false; /* what was asked for happens, and is told to nobody */
    uv_async_send(&w->account_wake);
    run_until(&w->loop, has_no_calls, w);
    expect(w, token, "GET", AUTH "/me", NULL, 401);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auth__the_first_account_is_the_admins_and_the_last_without_leave),
        cmocka_unit_test(test_auth__from_elsewhere_the_first_account_takes_the_setup_token),
        cmocka_unit_test(test_auth__open_registration_makes_traders),
        cmocka_unit_test(test_auth__refused_fields_are_named_and_never_shown),
        cmocka_unit_test(test_auth__unknown_wrong_and_disabled_look_the_same),
        cmocka_unit_test(test_auth__login_answers_a_token_and_a_cookie),
        cmocka_unit_test(test_auth__logout_kills_at_once_and_alone),
        cmocka_unit_test(test_auth__sessions_are_listed_and_ended),
        cmocka_unit_test(test_auth__a_changed_password_ends_all_else),
        cmocka_unit_test(test_auth__a_lost_password_is_recovered_by_mail),
        cmocka_unit_test(test_auth__without_mail_nothing_is_promised),
        cmocka_unit_test(test_auth__grave_things_ask_for_the_password_again),
        cmocka_unit_test(test_auth__api_tokens_are_made_used_and_ended),
        cmocka_unit_test(test_auth__a_second_factor_from_begin_to_drop),
        cmocka_unit_test(test_auth__the_language_chosen_speaks_where_the_client_names_none),
        cmocka_unit_test(test_admin__roles_and_locks_hold_at_once),
        cmocka_unit_test(test_admin__the_audit_log_is_told_in_pages),
        cmocka_unit_test(test_auth__a_database_that_fails_is_told_and_lets_nobody_in),
        cmocka_unit_test(test_auth__a_database_that_hangs_holds_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
