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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
