/* Whose request it is, with hostile lists; and the list of trusted proxies. */
#include "io/guard/client_address.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static struct ip_address address_of(const char *text)
{
    struct ip_address a;
    if (!ip_address_parse(slice_of(text), &a)) fail_msg("'%s' is no address", text);
    return a;
}

static void expect_client(const char *trusted, const char *peer, const char *first,
                          const char *second, const char *expected)
{
    struct trusted_proxies t;
    struct slice forwarded[2];
    size_t count = 0;
    char got[IP_ADDRESS_SIZE];
    assert_int_equal(trusted_proxies_parse(trusted, &t), OK);
    if (first) forwarded[count++] = slice_of(first);
    if (second) forwarded[count++] = slice_of(second);
    const struct ip_address from = address_of(peer);
    const struct ip_address client = client_address(&t, &from, forwarded, count);
    ip_address_write(&client, got);
    if (strcmp(got, expected) != 0)
        fail_msg("peer %s, '%s' '%s': %s, not %s", peer, first ? first : "", second ? second : "",
                 got, expected);
}

static void test_client_address__table(void **state)
{
    (void)state;
    static const struct {
        const char *trusted, *peer, *first, *second, *expected;
    } rows[] = {
        /* nobody is trusted, not even loopback */
        {"", "127.0.0.1", "1.2.3.4", NULL, "127.0.0.1"},
        {"10.0.0.0/8", "192.0.2.9", "1.2.3.4", NULL, "192.0.2.9"},
        /* one proxy, two proxies, all of them */
        {"127.0.0.1", "127.0.0.1", "1.2.3.4", NULL, "1.2.3.4"},
        {"127.0.0.1", "127.0.0.1", NULL, NULL, "127.0.0.1"},
        {"10.0.0.0/8", "10.0.0.1", "1.2.3.4, 10.0.0.2", NULL, "1.2.3.4"},
        {"10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3"},
        /* what the client wrote stands left of what the proxy saw */
        {"127.0.0.1", "127.0.0.1", "6.6.6.6, 1.2.3.4", NULL, "1.2.3.4"},
        {"127.0.0.1", "127.0.0.1", "127.0.0.1, 6.6.6.6, 1.2.3.4", NULL, "1.2.3.4"},
        {"127.0.0.1", "127.0.0.1", "6.6.6.6", "1.2.3.4", "1.2.3.4"},
        {"127.0.0.1", "127.0.0.1", "1.2.3.4", "127.0.0.1", "1.2.3.4"},
        /* ports, brackets, mapped addresses, blanks */
        {"127.0.0.1", "127.0.0.1", "1.2.3.4:5678", NULL, "1.2.3.4"},
        {"127.0.0.1", "127.0.0.1", " \t1.2.3.4 \t", NULL, "1.2.3.4"},
        {"::1", "::1", "2001:db8::1", NULL, "2001:db8::1"},
        {"::1", "::1", "[2001:DB8::1]:443", NULL, "2001:db8::1"},
        {"::1", "::1", "[2001:db8::1]", NULL, "2001:db8::1"},
        {"127.0.0.1", "::ffff:127.0.0.1", "::ffff:1.2.3.4", NULL, "1.2.3.4"},
        {"::ffff:10.0.0.0/104", "10.9.9.9", "1.2.3.4", NULL, "1.2.3.4"},
        {"fd00::/8 10.0.0.0/8", "fd12::1", "2001:db8::7,10.1.1.1", NULL, "2001:db8::7"},
        /* garbage ends the walk at the last hop that was seen */
        {"127.0.0.1", "127.0.0.1", "unknown", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "1.2.3.4,", NULL, "127.0.0.1"},
        {"10.0.0.0/8", "10.0.0.1", "1.2.3.4, _hidden, 10.0.0.2", NULL, "10.0.0.2"},
        {"127.0.0.1", "127.0.0.1", "1.2.3.4;evil", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "0x7f.1", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "01.2.3.4", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "1.2.3", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "1.2.3.4:", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "1.2.3.4:123456", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "[1.2.3.4]:80", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "[2001:db8::1", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "[2001:db8::1]x", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "fe80::1%eth0", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "1.2.3.4 5.6.7.8", NULL, "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1", "\"1.2.3.4\"", NULL, "127.0.0.1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_client(rows[i].trusted, rows[i].peer, rows[i].first, rows[i].second,
                      rows[i].expected);
}

static void test_client_address__long_lists_are_read_so_far_and_no_further(void **state)
{
    (void)state;
    char list[8192] = "6.6.6.6";
    for (int i = 0; i < 500; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), ",10.0.%d.%d", i / 250, i % 250);
    char expected[32];
    const int last = 500 - FORWARDED_HOPS_MAX;
    snprintf(expected, sizeof expected, "10.0.%d.%d", last / 250, last % 250);
    expect_client("10.0.0.0/8", "10.1.0.1", list, NULL, expected);
    expect_client("127.0.0.1", "127.0.0.1", list, NULL, "10.0.1.249");
    memset(list, ',', sizeof list - 1);
    expect_client("127.0.0.1", "127.0.0.1", list, NULL, "127.0.0.1");
}

static void test_client_address__a_nul_in_a_hop_is_no_address(void **state)
{
    (void)state;
    struct trusted_proxies t;
    const struct ip_address peer = address_of("127.0.0.1");
    const struct slice hop = SLICE("1.2.3.4\0.evil");
    assert_int_equal(trusted_proxies_parse("127.0.0.1", &t), OK);
    const struct ip_address client = client_address(&t, &peer, &hop, 1);
    assert_true(ip_address_equal(&client, &peer));
}

static void test_trusted_proxies__ranges_hold_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *range, *inside, *outside;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"192.0.2.128/25", "192.0.2.129", "192.0.2.1"},
        {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
        {"0.0.0.0/0", "203.0.113.1", "2001:db8::1"},
        {"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
        {"::1", "::1", "::2"},
        {"::/0", "1.2.3.4", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trusted_proxies t;
        assert_int_equal(trusted_proxies_parse(rows[i].range, &t), OK);
        const struct ip_address inside = address_of(rows[i].inside);
        assert_true(trusted_proxies_has(&t, &inside));
        if (!rows[i].outside) continue;
        const struct ip_address outside = address_of(rows[i].outside);
        assert_false(trusted_proxies_has(&t, &outside));
    }
}

static void test_trusted_proxies__refuses_with_the_item_at_fault(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cause;
    } rows[] = {
        {"127.0.0.1, nginx", "'nginx' is not an IPv4 or IPv6 address"},
        {"10.0.0.0/33", "'10.0.0.0/33': the part after '/' is not a number from 0 to 32"},
        {"10.0.0.0/", "not a number"},
        {"::1/129", "from 0 to 128"},
        {"10.0.0.1/8", "'10.0.0.1/8' has address bits set behind its /8"},
        {"10.0.0.0/-1", "not a number"},
        {"[::1]", "is not an IPv4"},
        {"*", "is not an IPv4"},
        {"127.0.0.1:80", "is not an IPv4"},
    };
    struct trusted_proxies t;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(trusted_proxies_parse(rows[i].text, &t), ERR_PARSE);
        if (!strstr(err_text(), rows[i].cause)) fail_msg("'%s': %s", rows[i].text, err_text());
    }
    char many[1024] = "";
    for (int i = 0; i <= TRUSTED_PROXIES_MAX; i++) strcat(many, "10.0.0.1,");
    assert_int_equal(trusted_proxies_parse(many, &t), ERR_LIMIT);
    assert_int_equal(trusted_proxies_parse("", &t), OK);
    assert_int_equal(t.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_address__table),
        cmocka_unit_test(test_client_address__long_lists_are_read_so_far_and_no_further),
        cmocka_unit_test(test_client_address__a_nul_in_a_hop_is_no_address),
        cmocka_unit_test(test_trusted_proxies__ranges_hold_what_they_say),
        cmocka_unit_test(test_trusted_proxies__refuses_with_the_item_at_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
