/* Waiting between tries, the venue's clock, and which addresses may be asked. */
#include "cmocka_all.h"

#include <string.h>

#include "base/prng.h"
#include "io/feed/backoff.h"
#include "io/feed/venue_clock.h"
#include "io/feed/venue_url.h"

static void test_backoff__waits_grow_to_the_last_and_never_beyond(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct backoff b;
        backoff_init(&b, seed, 250, 30000);
        uint32_t ceiling = 250;
        for (unsigned i = 0; i < 20; i++) {
            const uint32_t ms = backoff_next_ms(&b);
            assert_in_range(ms, 1, ceiling);
            ceiling = ceiling * 2 > 30000 ? 30000 : ceiling * 2;
        }
        backoff_reset(&b);
        assert_in_range(backoff_next_ms(&b), 1, 250);
    }
}

static void test_backoff__jitter_is_full(void **state)
{
    (void)state;
    struct backoff b;
    unsigned quarters[4] = {0};
    backoff_init(&b, 7, 1000, 1000);
    for (unsigned i = 0; i < 4000; i++) quarters[(backoff_next_ms(&b) - 1) / 250]++;
    for (unsigned i = 0; i < 4; i++) assert_in_range(quarters[i], 850, 1150);
}

static void test_backoff__largest_bounds_do_not_wrap(void **state)
{
    (void)state;
    struct backoff b;
    backoff_init(&b, 1, 1, UINT32_MAX);
    for (unsigned i = 0; i < 100; i++) assert_true(backoff_next_ms(&b) > 0);
    assert_int_equal(b.ceiling_ms, UINT32_MAX);
}

/* However long the ways are, the estimate is off by at most half the shortest round trip. */
static void test_venue_clock__error_is_at_most_half_the_shortest_trip(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 11);
    for (unsigned round = 0; round < 1000; round++) {
        const int64_t offset_ms = (int64_t)prng_below(&prng, 4000000000000) - 1000;
        struct venue_clock c;
        int64_t now_ns = (int64_t)prng_below(&prng, 1000000000000), shortest = INT64_MAX;
        venue_clock_init(&c, 5, now_ns);
        assert_int_equal(venue_clock_now_ms(&c, now_ns), 5);
        venue_clock_begin(&c);
        for (unsigned i = 0; i < 3; i++) {
            const int64_t sent = now_ns;
            const int64_t there = (int64_t)prng_below(&prng, 300000000);
            const int64_t back = (int64_t)prng_below(&prng, 300000000);
            now_ns += there;
            int64_t server_ms = now_ns / 1000000 + offset_ms;
            if (server_ms < 0) server_ms = 0;
            now_ns += back;
            venue_clock_add(&c, server_ms, sent, now_ns);
            if (there + back < shortest) shortest = there + back;
        }
        assert_false(c.is_known);
        venue_clock_end(&c);
        assert_true(c.is_known);
        const int64_t error = venue_clock_now_ms(&c, now_ns) - (now_ns / 1000000 + offset_ms);
        assert_in_range(error + 1000, 1000 - shortest / 2000000 - 2, 1000 + shortest / 2000000 + 2);
    }
}

static void test_venue_clock__absurd_time_is_not_believed(void **state)
{
    (void)state;
    struct venue_clock c;
    venue_clock_init(&c, 1000, 0);
    venue_clock_begin(&c);
    venue_clock_add(&c, INT64_MAX, 0, 10);
    venue_clock_add(&c, -5, 0, 10);
    venue_clock_end(&c);
    assert_false(c.is_known);
    assert_int_equal(venue_clock_now_ms(&c, 0), 1000);
}

static void test_venue_url__plain_text_stays_on_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool websocket;
        enum err err;
        const char *joined;
    } rows[] = {
        {"https://api.binance.com", false, OK, "https://api.binance.com/x"},
        {"https://api.binance.com/", false, OK, "https://api.binance.com/x"},
        {"http://127.0.0.1:9000/binance", false, OK, "http://127.0.0.1:9000/binance/x"},
        {"http://127.9.8.7:9000/binance/", false, OK, "http://127.9.8.7:9000/binance/x"},
        {"http://[::1]:9000", false, OK, "http://[::1]:9000/x"},
        {"ws://localhost:9000/b", true, OK, "ws://localhost:9000/b/x"},
        {"wss://stream.binance.com:9443", true, OK, "wss://stream.binance.com:9443/x"},
        {"http://api.binance.com", false, ERR_INVALID, NULL},
        {"http://10.0.0.1", false, ERR_INVALID, NULL},
        {"http://127.0.0.1.evil.example", false, ERR_INVALID, NULL},
        {"ws://stream.binance.com", true, ERR_INVALID, NULL},
        {"wss://a.example", false, ERR_INVALID, NULL},
        {"https://a.example", true, ERR_INVALID, NULL},
        {"https://a.example/?x=1", false, ERR_INVALID, NULL},
        {"ftp://a.example", false, ERR_UNSUPPORTED, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct url url;
        char joined[256];
        assert_int_equal(venue_url_parse(rows[i].text, rows[i].websocket, &url), rows[i].err);
        if (rows[i].err) {
            assert_non_null(strstr(err_text(), "://"));
            continue;
        }
        assert_int_equal(venue_url_join(&url, "/x", joined, sizeof joined), OK);
        assert_string_equal(joined, rows[i].joined);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backoff__waits_grow_to_the_last_and_never_beyond),
        cmocka_unit_test(test_backoff__jitter_is_full),
        cmocka_unit_test(test_backoff__largest_bounds_do_not_wrap),
        cmocka_unit_test(test_venue_clock__error_is_at_most_half_the_shortest_trip),
        cmocka_unit_test(test_venue_clock__absurd_time_is_not_believed),
        cmocka_unit_test(test_venue_url__plain_text_stays_on_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
