/* Server addresses and percent coding. */
#include "cmocka_all.h"

#include "io/net/url.h"

static void test_url__good_ones_are_taken_apart(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool secure, websocket;
        const char *host;
        uint16_t port;
        const char *path, *authority;
    } cases[] = {
        {"http://example.com", false, false, "example.com", 80, "/", "example.com"},
        {"https://Example.com:8443/a/b?c=d", true, false, "example.com", 8443, "/a/b?c=d",
         "example.com:8443"},
        {"wss://stream.example:443?streams=a@b", true, true, "stream.example", 443, "/?streams=a@b",
         "stream.example"},
        {"WS://127.0.0.1:9000/ws", false, true, "127.0.0.1", 9000, "/ws", "127.0.0.1:9000"},
        {"http://[::1]:81/", false, false, "::1", 81, "/", "[::1]:81"},
        {"http://[::1]", false, false, "::1", 80, "/", "[::1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url u;
        char authority[300];
        assert_int_equal(url_parse(cases[i].text, &u), OK);
        assert_int_equal(u.secure, cases[i].secure);
        assert_int_equal(u.websocket, cases[i].websocket);
        assert_string_equal(u.host, cases[i].host);
        assert_int_equal(u.port, cases[i].port);
        assert_string_equal(u.path, cases[i].path);
        url_authority(&u, authority, sizeof authority);
        assert_string_equal(authority, cases[i].authority);
    }
}

static void test_url__bad_ones_are_refused_with_the_cause(void **state)
{
    (void)state;
    const struct {
        const char *text, *cause;
    } cases[] = {
        {"", "has no scheme"},
        {"example.com", "has no scheme"},
        {"ftp://example.com", "scheme is not"},
        {"http://", "has no host"},
        {"http://:80", "has no host"},
        {"http://user:secret@host/", "user name"},
        {"http://host:0/", "port is not"},
        {"http://host:65536/", "port is not"},
        {"http://host:/", "port is not"},
        {"http://host:8x/", "port is not"},
        {"http://host/a#b", "fragment"},
        {"http://host/a b", "space"},
        {"http://ho st/", "character"},
        {"http://[::1", "without ']'"},
        {"http://[::g]/", "not an IPv6"},
        {"http://[::1]x/", "follows ']'"},
        {"http://host/\r\nX: y", "control"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url u;
        assert_int_not_equal(url_parse(cases[i].text, &u), OK);
        assert_non_null(strstr(err_text(), cases[i].cause));
    }
    char text[8192] = "http://";
    memset(text + 7, 'a', 4000);
    struct url u;
    assert_int_equal(url_parse(text, &u), ERR_LIMIT);
    strcpy(text, "http://h/");
    memset(text + 9, 'a', 4000);
    assert_int_equal(url_parse(text, &u), ERR_LIMIT);
}

static void test_url__loopback_is_known_by_its_address(void **state)
{
    (void)state;
    assert_true(url_host_is_loopback("127.0.0.1"));
    assert_true(url_host_is_loopback("127.9.8.7"));
    assert_true(url_host_is_loopback("::1"));
    assert_true(url_host_is_loopback("LocalHost"));
    assert_false(url_host_is_loopback("127.0.0.1.example.com"));
    assert_false(url_host_is_loopback("128.0.0.1"));
    assert_false(url_host_is_loopback("localhost.example.com"));
    assert_false(url_host_is_loopback("::2"));
}

static void test_url__query_values_are_found_and_decoded(void **state)
{
    (void)state;
    char value[8];
    const struct slice query = SLICE("a=1&bb=x%20y+z&empty=&flag&bad=%4&nul=%00&long=123456789");
    assert_int_equal(url_query_get(query, "a", value, sizeof value), OK);
    assert_string_equal(value, "1");
    assert_int_equal(url_query_get(query, "bb", value, sizeof value), OK);
    assert_string_equal(value, "x y z");
    assert_int_equal(url_query_get(query, "empty", value, sizeof value), OK);
    assert_string_equal(value, "");
    assert_int_equal(url_query_get(query, "flag", value, sizeof value), OK);
    assert_string_equal(value, "");
    assert_int_equal(url_query_get(query, "b", value, sizeof value), ERR_NOT_FOUND);
    assert_int_equal(url_query_get(query, "bad", value, sizeof value), ERR_PARSE);
    assert_int_equal(url_query_get(query, "nul", value, sizeof value), ERR_PARSE);
    assert_int_equal(url_query_get(query, "long", value, sizeof value), ERR_LIMIT);
    assert_int_equal(url_query_get((struct slice){0}, "a", value, sizeof value), ERR_NOT_FOUND);
    assert_int_equal(url_decode(SLICE("a+%2F"), false, value, sizeof value), OK);
    assert_string_equal(value, "a+/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url__good_ones_are_taken_apart),
        cmocka_unit_test(test_url__bad_ones_are_refused_with_the_cause),
        cmocka_unit_test(test_url__loopback_is_known_by_its_address),
        cmocka_unit_test(test_url__query_values_are_found_and_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
