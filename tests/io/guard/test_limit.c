/* Rules and keys of rate limits. */
#include "io/guard/limit.h"

#include "cmocka_all.h"

#include <string.h>

static struct limit_key key_of(const char *text)
{
    struct ip_address a;
    assert_true(ip_address_parse(slice_of(text), &a));
    return limit_key_address(&a);
}

static void test_limit_rule__reads_count_and_span(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t count, span_ms;
    } good[] = {{"10/60s", 10, 60000},
                {"1/1ms", 1, 1},
                {"600/1m", 600, 60000},
                {"5/24h", 5, 86400000},
                {"100000000/1h", 100000000, 3600000}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct limit_rule r;
        assert_int_equal(limit_rule_parse(good[i].text, &r), OK);
        assert_int_equal(r.count, good[i].count);
        assert_int_equal(r.span_ms, good[i].span_ms);
    }
}

static void test_limit_rule__refuses_with_the_cause(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cause;
    } bad[] = {
        {"", "such as 10/60s"},
        {"10", "such as"},
        {"10/60", "such as"},
        {"10/s", "such as"},
        {"10/60s ", "such as"},
        {" 10/60s", "such as"},
        {"-1/60s", "such as"},
        {"1e3/60s", "such as"},
        {"10/60d", "such as"},
        {"10/60s/60s", "such as"},
        {"9999999999/1s", "such as"},
        {"0/60s", "count is not between"},
        {"100000001/1s", "count is not"},
        {"10/0s", "span is not"},
        {"10/25h", "span is not"},
        {"10/999999999h", "span is not"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct limit_rule r;
        assert_int_not_equal(limit_rule_parse(bad[i].text, &r), OK);
        if (!strstr(err_text(), bad[i].cause)) fail_msg("'%s': %s", bad[i].text, err_text());
    }
}

static void test_limit_key__ipv6_counts_by_its_64_and_ipv4_whole(void **state)
{
    (void)state;
    assert_true(limit_key_equal(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:2:ffff::9")));
    assert_false(limit_key_equal(key_of("2001:db8:1:2::1"), key_of("2001:db8:1:3::1")));
    assert_false(limit_key_equal(key_of("192.0.2.1"), key_of("192.0.2.2")));
    assert_true(limit_key_equal(key_of("::ffff:192.0.2.1"), key_of("192.0.2.1")));
    assert_false(limit_key_equal(key_of("::"), key_of("0.0.0.0")));
    /* an IPv6 network whose first bytes read like an IPv4 address is still another key */
    assert_false(limit_key_equal(key_of("0:0:c000:201::"), key_of("192.0.2.1")));
}

static void test_limit_key__text_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1", "255.255.255.255",
                                        "2001:db8:1:2::", "::", "global"};
    char out[LIMIT_KEY_SIZE];
    struct limit_key key, again;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(limit_key_parse(slice_of(texts[i]), &key));
        limit_key_write(key, out);
        assert_string_equal(out, texts[i]);
    }
    key = limit_key_account(slice_of("ada@example.com"));
    limit_key_write(key, out);
    assert_int_equal(strlen(out), 40);
    assert_null(strstr(out, "ada"));
    assert_true(limit_key_parse(slice_of(out), &again) && limit_key_equal(key, again));
    assert_false(limit_key_equal(key, limit_key_account(slice_of("bob@example.com"))));
    assert_false(limit_key_parse(slice_of("account:xyz"), &key));
    assert_false(limit_key_parse(slice_of("account:00000000000000000000000000000001"), &key));
    assert_false(limit_key_parse(slice_of("elsewhere"), &key));
}

static void test_limit_seconds__round_up(void **state)
{
    (void)state;
    assert_int_equal(limit_seconds(0), 0);
    assert_int_equal(limit_seconds(1), 1);
    assert_int_equal(limit_seconds(1000), 1);
    assert_int_equal(limit_seconds(1001), 2);
    assert_int_equal(limit_seconds(UINT32_MAX), 4294968);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_rule__reads_count_and_span),
        cmocka_unit_test(test_limit_rule__refuses_with_the_cause),
        cmocka_unit_test(test_limit_key__ipv6_counts_by_its_64_and_ipv4_whole),
        cmocka_unit_test(test_limit_key__text_and_back),
        cmocka_unit_test(test_limit_seconds__round_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
