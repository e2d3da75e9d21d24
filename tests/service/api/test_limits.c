/* Rate limits of the API: what is counted, whose requests are one, what the refused are told. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "api_fixture.h"

#define LOGIN "{\"email\":\"%s\",\"password\":\"%s\"}"

static struct world_options english(void)
{
    return (struct world_options){.language = LANGUAGE_ENGLISH};
}

static int status_of(struct world *w, const char *method, const char *target, const char *headers,
                     const char *body)
{
    char lines[512];
    snprintf(lines, sizeof lines, "%s%s", body ? "Content-Type: application/json\r\n" : "",
             headers);
    struct answer a = ask(w, method, target, lines, body);
    const int status = a.status;
    answer_free(&a);
    return status;
}

static int try_login(struct world *w, const char *email, const char *headers)
{
    char body[256];
    snprintf(body, sizeof body, LOGIN, email, "wrong password");
    return status_of(w, "POST", "/api/v1/auth/login", headers, body);
}

static void test_limits__over_the_limit_is_429_with_when_to_come_again(void **state)
{
    (void)state;
    struct world_options options = english();
    options.limits[LIMIT_DEFAULT] = (struct limit_rule){3, 60000};
    struct world *w = world_open(options);
    for (unsigned i = 0; i < 3; i++) {
        struct answer a = get(w, "/api/v1/version");
        char left[2] = {(char)('2' - i), '\0'};
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "RateLimit-Limit"), "3");
        assert_string_equal(answer_header(&a, "RateLimit-Remaining"), left);
        assert_string_equal(answer_header(&a, "Retry-After"), "");
        answer_free(&a);
    }
    struct answer a = get(w, "/api/v1/version");
    assert_int_equal(a.status, 429);
    assert_string_equal(answer_text(&a, "code"), "rate_limited");
    assert_string_equal(answer_text(&a, "detail"), "Too many attempts. Please try again later.");
    assert_string_equal(answer_header(&a, "RateLimit-Remaining"), "0");
    const int wait_s = atoi(answer_header(&a, "Retry-After"));
    assert_in_range(wait_s, 59, 60);
    answer_free(&a);
    a = ask(w, "GET", "/api/v1/version", "Accept-Language: tr\r\n", NULL);
    assert_string_equal(answer_text(&a, "detail"),
                        "Çok fazla deneme. Lütfen daha sonra tekrar deneyin.");
    answer_free(&a);
    world_close(w);
}

static void test_limits__health_and_the_page_are_not_counted(void **state)
{
    (void)state;
    static const char *const targets[] = {"/health", "/", "/app.js", "/style.css"};
    struct world_options options = english();
    options.limits[LIMIT_DEFAULT] = (struct limit_rule){1, 60000};
    struct world *w = world_open(options);
    assert_int_equal(status_of(w, "GET", "/api/v1/version", "", NULL), 200);
    assert_int_equal(status_of(w, "GET", "/api/v1/version", "", NULL), 429);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(status_of(w, "GET", targets[i], "", NULL), 200);
    world_close(w);
}

static void test_limits__what_does_not_exist_is_counted_too(void **state)
{
    (void)state;
    struct world_options options = english();
    options.limits[LIMIT_DEFAULT] = (struct limit_rule){3, 60000};
    struct world *w = world_open(options);
    assert_int_equal(status_of(w, "GET", "/nothing", "", NULL), 404);
    assert_int_equal(status_of(w, "DELETE", "/health", "", NULL), 405);
    assert_int_equal(status_of(w, "OPTIONS", "/api/v1/bots", "", NULL), 204);
    assert_int_equal(status_of(w, "GET", "/nothing", "", NULL), 429);
    world_close(w);
}

static void test_limits__classes_count_apart(void **state)
{
    (void)state;
    struct world_options options = english();
    options.limits[LIMIT_LOGIN] = (struct limit_rule){2, 60000};
    struct world *w = world_open(options);
    for (unsigned i = 0; i < 2; i++) assert_int_equal(try_login(w, "nobody@example.test", ""), 401);
    assert_int_equal(try_login(w, "nobody@example.test", ""), 429);
    assert_int_equal(status_of(w, "GET", "/api/v1/version", "", NULL), 200);
    world_close(w);
}

static void test_limits__a_header_moves_nobody_to_another_address(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "X-Forwarded-For: 203.0.113.1\r\n",
        "X-Forwarded-For: 203.0.113.2, 127.0.0.1\r\n",
        "X-Real-IP: 203.0.113.3\r\n",
        "Forwarded: for=203.0.113.4\r\n",
        "X-Forwarded-For: 203.0.113.5\r\nX-Forwarded-For: 203.0.113.6\r\n",
    };
    struct world_options options = english();
    options.limits[LIMIT_LOGIN] = (struct limit_rule){2, 60000};
    struct world *w = world_open(options);
    unsigned looked_at = 0;
    for (unsigned i = 0; i < 20; i++)
        looked_at += try_login(w, "nobody@example.test", headers[i % 5]) == 401;
    assert_int_equal(looked_at, 2);
    world_close(w);
}

static void test_limits__a_trusted_proxy_tells_clients_apart(void **state)
{
    (void)state;
    struct world_options options = english();
    options.limits[LIMIT_LOGIN] = (struct limit_rule){1, 60000};
    options.proxies = "127.0.0.0/8";
    struct world *w = world_open(options);
    assert_int_equal(try_login(w, "a@example.test", "X-Forwarded-For: 203.0.113.1\r\n"), 401);
    assert_int_equal(try_login(w, "a@example.test", "X-Forwarded-For: 203.0.113.2\r\n"), 401);
    /* What stands left of the hop that the proxy saw was written by the client. */
    assert_int_equal(try_login(w, "a@example.test", "X-Forwarded-For: 9.9.9.9, 203.0.113.2\r\n"),
                     429);
    world_close(w);
}

/* By many addresses: only the account's own counter is in the way. */
static int try_from(struct world *w, unsigned number, const char *email, const char *password)
{
    char body[256], header[64];
    snprintf(header, sizeof header, "X-Forwarded-For: 203.0.113.%u\r\n", number);
    snprintf(body, sizeof body, LOGIN, email, password);
    return status_of(w, "POST", "/api/v1/auth/login", header, body);
}

static void test_limits__failures_of_an_account_count_from_everywhere(void **state)
{
    (void)state;
    struct world_options options = english();
    options.registration = REGISTRATION_OPEN;
    options.limits[LIMIT_LOGIN_ACCOUNT] = (struct limit_rule){3, 60000};
    options.proxies = "127.0.0.1";
    struct world *w = world_open(options);
    assert_int_equal(status_of(w, "POST", "/api/v1/auth/register", "",
                               "{\"email\":\"me@example.test\",\"password\":\"right one 77\"}"),
                     201);
    /* Successes do not count, however many. */
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(try_from(w, 100 + i, "me@example.test", "right one 77"), 200);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(try_from(w, i, " ME@example.test ", "wrong one 77"), 401);
    assert_int_equal(try_from(w, 50, "me@example.test", "wrong one 77"), 429);
    assert_int_equal(try_from(w, 51, "me@example.test", "right one 77"), 429);
    assert_int_equal(try_from(w, 52, "you@example.test", "wrong one 77"), 401);
    world_close(w);
}

/* ---- seen and forgotten ---- */

static struct world *open_three_logins(char admin[TOKEN_TEXT_SIZE])
{
    struct world_options options = english();
    options.limits[LIMIT_LOGIN] = (struct limit_rule){3, 60000};
    options.proxies = "127.0.0.1";
    struct world *w = world_open(options);
    add_user(w, "owner@example.test", ROLE_ADMIN, admin);
    for (unsigned i = 0; i < 4; i++) (void)try_from(w, 1, "nobody@example.test", "wrong one 77");
    return w;
}

/* Of that key, however many others there are; -1: it is not listed. */
static int used_of(const struct answer *a, const char *key)
{
    size_t i;
    json_t *item;
    json_array_foreach(answer_at(a, "items"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "key")), key) != 0) continue;
        assert_string_equal(json_string_value(json_object_get(item, "where")), "memory");
        assert_in_range(json_integer_value(json_object_get(item, "ttl_ms")), 1, 60000);
        return (int)json_integer_value(json_object_get(item, "used"));
    }
    return -1;
}

static void test_limits__an_admin_sees_what_is_counted(void **state)
{
    (void)state;
    char admin[TOKEN_TEXT_SIZE];
    struct world *w = open_three_logins(admin);
    struct answer a = ask_as(w, admin, "GET", "/api/v1/admin/limits", NULL);
    assert_status(&a, 200);
    assert_int_equal(used_of(&a, "rl:login:203.0.113.1"), 3);
    assert_int_equal(used_of(&a, "rl:login:203.0.113.2"), -1);
    assert_string_equal(answer_text(&a, "redis"), "none");
    assert_string_equal(answer_text(&a, "limits.1.name"), "login");
    assert_int_equal(json_integer_value(answer_at(&a, "limits.1.count")), 3);
    assert_int_equal(json_integer_value(answer_at(&a, "limits.1.accepted")), 3);
    assert_int_equal(json_integer_value(answer_at(&a, "limits.1.refused")), 1);
    assert_int_equal(json_array_size(answer_at(&a, "limits")), LIMIT_CLASS_COUNT);
    answer_free(&a);
    world_close(w);
}

static void test_limits__the_list_goes_on_by_its_cursor(void **state)
{
    (void)state;
    char admin[TOKEN_TEXT_SIZE], target[192] = "/api/v1/admin/limits?limit=2";
    struct world *w = open_three_logins(admin);
    for (unsigned i = 2; i < 8; i++) (void)try_from(w, i, "nobody@example.test", "wrong one 77");
    size_t logins = 0;
    for (unsigned page = 0;; page++) {
        struct answer a = ask_as(w, admin, "GET", target, NULL);
        assert_status(&a, 200);
        assert_true(page < 20 && json_array_size(answer_at(&a, "items")) <= 2);
        for (size_t i = 0; i < json_array_size(answer_at(&a, "items")); i++) {
            char path[48];
            snprintf(path, sizeof path, "items.%zu.limit", i);
            logins += strcmp(answer_text(&a, path), "login") == 0;
        }
        const char *cursor = answer_text(&a, "next_cursor");
        snprintf(target, sizeof target, "/api/v1/admin/limits?limit=2&cursor=%.30s",
                 cursor ? cursor : "");
        const bool more = cursor != NULL;
        answer_free(&a);
        if (!more) break;
    }
    assert_int_equal(logins, 7);
    static const char *const wrong[] = {"cursor=x", "cursor=999999999999999999", "limit=0",
                                        "limit=1001", "cursor=576460752303423488"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(target, sizeof target, "/api/v1/admin/limits?%s", wrong[i]);
        struct answer a = ask_as(w, admin, "GET", target, NULL);
        assert_problem(&a, 422, "invalid_fields");
        answer_free(&a);
    }
    world_close(w);
}

static int forget(struct world *w, const char *token, const char *key)
{
    char target[128];
    snprintf(target, sizeof target, "/api/v1/admin/limits%s", key);
    struct answer a = ask_as(w, token, "DELETE", target, NULL);
    const int status = a.status;
    answer_free(&a);
    return status;
}

static void test_limits__an_admin_lets_somebody_in_again_and_the_audit_log_tells(void **state)
{
    (void)state;
    char admin[TOKEN_TEXT_SIZE];
    struct world *w = open_three_logins(admin);
    assert_int_equal(try_from(w, 1, "nobody@example.test", "wrong one 77"), 429);
    assert_int_equal(forget(w, admin, "/nothing/203.0.113.1"), 404);
    assert_int_equal(forget(w, admin, "/login/nobody"), 404);
    assert_int_equal(forget(w, admin, "/bot/203.0.113.1"), 204);
    assert_int_equal(try_from(w, 1, "nobody@example.test", "wrong one 77"), 429);
    assert_int_equal(forget(w, admin, "/login/203.0.113.1"), 204);
    assert_int_equal(try_from(w, 1, "nobody@example.test", "wrong one 77"), 401);
    for (unsigned i = 0; i < 3; i++) (void)try_from(w, 1, "nobody@example.test", "wrong one 77");
    assert_int_equal(forget(w, admin, ""), 204);
    assert_int_equal(try_from(w, 1, "nobody@example.test", "wrong one 77"), 401);
    struct answer a = ask_as(w, admin, "GET", "/api/v1/admin/audit", NULL);
    size_t i;
    json_t *item;
    char told[128] = "";
    json_array_foreach(answer_at(&a, "items"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "action")), "limit_reset") != 0)
            continue;
        assert_string_equal(json_string_value(json_object_get(item, "actor")),
                            "owner@example.test");
        strcat(strcat(told, json_string_value(json_object_get(item, "target"))), ";");
    }
    assert_string_equal(told, "all rate limits;rl:login:203.0.113.1;rl:bot:203.0.113.1;");
    answer_free(&a);
    world_close(w);
}

static void test_limits__what_the_audit_log_cannot_tell_is_not_done(void **state)
{
    (void)state;
    char admin[TOKEN_TEXT_SIZE];
    struct world *w = open_three_logins(admin);
    w->change_err = ERR_TIMEOUT;
    assert_int_equal(forget(w, admin, "/login/203.0.113.1"), 503);
    assert_int_equal(forget(w, admin, ""), 503);
    w->change_err = OK;
    assert_int_equal(try_from(w, 1, "nobody@example.test", "wrong one 77"), 429);
    world_close(w);
}

static void
test_limits__the_console_sees_and_forgets_them_uncounted_and_does_nothing_else(void **state)
{
    (void)state;
    struct world_options options = english();
    options.limits[LIMIT_DEFAULT] = (struct limit_rule){1, 60000};
    struct world *w = world_open(options);
    char owner[TOKEN_TEXT_SIZE], bearer[128], proxied[192];
    struct token_hash hash;
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s\r\n", w->console);
    snprintf(proxied, sizeof proxied, "%sX-Forwarded-For: 203.0.113.1\r\n", bearer);
    assert_int_equal(status_of(w, "GET", "/api/v1/admin/limits", bearer, NULL),
                     200); /* unclaimed */
    add_user(w, "owner@example.test", ROLE_ADMIN, owner);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(status_of(w, "GET", "/api/v1/admin/limits", bearer, NULL), 200);
    assert_int_equal(status_of(w, "DELETE", "/api/v1/admin/limits", bearer, NULL), 204);
    /* not from elsewhere, not with another token, and nothing else */
    assert_int_equal(status_of(w, "GET", "/api/v1/admin/limits", proxied, NULL), 401);
    assert_int_equal(forget(w, w->console, ""), 204);
    assert_int_equal(status_of(w, "GET", "/api/v1/admin/users", bearer, NULL), 401);
    assert_int_equal(forget(w, w->console, ""), 204);
    assert_int_equal(status_of(w, "POST", "/api/v1/bots", bearer, BOT), 401);
    assert_int_equal(forget(w, w->console, ""), 204);
    token_new(TOKEN_CONSOLE, bearer, &hash);
    assert_int_equal(forget(w, bearer, ""), 401);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits__over_the_limit_is_429_with_when_to_come_again),
        cmocka_unit_test(test_limits__health_and_the_page_are_not_counted),
        cmocka_unit_test(test_limits__what_does_not_exist_is_counted_too),
        cmocka_unit_test(test_limits__classes_count_apart),
        cmocka_unit_test(test_limits__a_header_moves_nobody_to_another_address),
        cmocka_unit_test(test_limits__a_trusted_proxy_tells_clients_apart),
        cmocka_unit_test(test_limits__failures_of_an_account_count_from_everywhere),
        cmocka_unit_test(test_limits__an_admin_sees_what_is_counted),
        cmocka_unit_test(test_limits__the_list_goes_on_by_its_cursor),
        cmocka_unit_test(test_limits__an_admin_lets_somebody_in_again_and_the_audit_log_tells),
        cmocka_unit_test(test_limits__what_the_audit_log_cannot_tell_is_not_done),
        cmocka_unit_test(
            test_limits__the_console_sees_and_forgets_them_uncounted_and_does_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
