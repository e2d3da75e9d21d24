/* Shares, windows and bans; random histories against a venue that counts and bans. */
#include "cmocka_all.h"

#include "base/prng.h"
#include "io/venue/request_budget.h"

static const struct request_limits limits = {
    .weight = 6000, .orders_short = 50, .orders_long = 1000};
static const int64_t noon = INT64_C(1700000040000); /* the start of a minute and of a 10 s window */

static void test_budget__each_priority_fills_only_its_share(void **state)
{
    (void)state;
    static const struct {
        enum request_priority priority;
        unsigned most;
    } rows[] = {
        {REQUEST_DATA, 4800},       {REQUEST_ENTRY, 5400},  {REQUEST_EXIT, 5700},
        {REQUEST_PROTECTIVE, 5880}, {REQUEST_CANCEL, 6000},
    };
    struct request_budget b;
    struct request_ticket ticket;
    int64_t retry;
    unsigned sent = 0;
    request_budget_init(&b, &limits);
    for (size_t i = 0; i < 5; i++) {
        while (request_budget_take(&b, rows[i].priority, 1, false, noon, &ticket, &retry)) sent++;
        assert_int_equal(sent, rows[i].most);
        assert_int_equal(retry, noon + 60000);
    }
    /* Nothing was answered, so it all still counts in the next minute. */
    assert_false(request_budget_take(&b, REQUEST_CANCEL, 1, false, noon + 60000, &ticket, &retry));
}

static void test_budget__the_venues_count_wins(void **state)
{
    (void)state;
    struct request_budget b;
    struct request_ticket first, second;
    int64_t retry;
    request_budget_init(&b, &limits);
    assert_true(request_budget_take(&b, REQUEST_DATA, 250, false, noon, &first, &retry));
    assert_true(request_budget_take(&b, REQUEST_DATA, 20, false, noon, &second, &retry));
    request_budget_settle(&b, &second, 4700, noon + 10);
    assert_int_equal(request_budget_used(&b, noon + 10), 4700 + 250);
    assert_false(request_budget_take(&b, REQUEST_DATA, 1, false, noon + 10, &second, &retry));
    /* an older answer that comes later does not turn the count back */
    request_budget_settle(&b, &first, 250, noon + 20);
    assert_int_equal(request_budget_used(&b, noon + 20), 4700);
    assert_true(request_budget_take(&b, REQUEST_DATA, 100, false, noon + 20, &first, &retry));
    /* an answer over the turn of the minute still tells of the old one */
    request_budget_settle(&b, &first, 4800, noon + 60005);
    assert_int_equal(request_budget_used(&b, noon + 60005), 0);
    /* without a count we count ourselves */
    assert_true(request_budget_take(&b, REQUEST_DATA, 5, false, noon + 60010, &first, &retry));
    request_budget_settle(&b, &first, -1, noon + 60020);
    assert_int_equal(request_budget_used(&b, noon + 60020), 5);
    /* a clock that runs backwards frees nothing */
    assert_true(request_budget_take(&b, REQUEST_DATA, 1, false, noon, &first, &retry));
    assert_int_equal(request_budget_used(&b, noon), 6);
}

static void test_budget__a_ban_stops_everything_until_it_ends(void **state)
{
    (void)state;
    struct request_budget b;
    struct request_ticket ticket;
    int64_t retry;
    request_budget_init(&b, &limits);
    request_budget_on_limited(&b, 120000, noon);
    request_budget_on_limited(&b, 1000, noon); /* a shorter one does not shorten it */
    assert_false(request_budget_take(&b, REQUEST_CANCEL, 1, false, noon + 119999, &ticket, &retry));
    assert_int_equal(retry, noon + 120000);
    assert_true(request_budget_take(&b, REQUEST_DATA, 1, false, noon + 120000, &ticket, &retry));
    request_budget_on_limited(&b, 0, noon + 130000);
    assert_int_equal(b.banned_until_ms, noon + 130000 + REQUEST_PAUSE_MS_DEFAULT);
    request_budget_on_limited(&b, INT64_MAX, noon);
    assert_int_equal(b.banned_until_ms, INT64_MAX);
}

static void test_budget__orders_are_counted_apart(void **state)
{
    (void)state;
    struct request_budget b;
    struct request_ticket ticket;
    int64_t retry;
    unsigned sent = 0;
    request_budget_init(&b, &limits);
    while (request_budget_take(&b, REQUEST_ENTRY, 0, true, noon, &ticket, &retry)) sent++;
    assert_int_equal(sent, 40);
    assert_int_equal(retry, noon + 10000);
    while (request_budget_take(&b, REQUEST_PROTECTIVE, 0, true, noon, &ticket, &retry)) sent++;
    assert_int_equal(sent, 50);
    /* a cancel is no order */
    assert_true(request_budget_take(&b, REQUEST_CANCEL, 1, false, noon, &ticket, &retry));
    request_budget_on_order_count(&b, 3, 1000, noon + 5);
    assert_false(request_budget_take(&b, REQUEST_PROTECTIVE, 0, true, noon + 5, &ticket, &retry));
    assert_int_equal(retry, (noon / 86400000 + 1) * 86400000);
    request_budget_on_order_count(&b, 3, 100, noon + 6);
    request_budget_on_orders_limited(&b, 0, noon + 7);
    assert_false(request_budget_take(&b, REQUEST_EXIT, 0, true, noon + 8, &ticket, &retry));
    assert_int_equal(retry, noon + 10000);
    assert_true(request_budget_take(&b, REQUEST_CANCEL, 1, false, noon + 8, &ticket, &retry));
}

static void test_budget__unknown_limits_let_nothing_out(void **state)
{
    (void)state;
    struct request_budget b;
    struct request_ticket ticket;
    int64_t retry;
    request_budget_init(&b, &(struct request_limits){0});
    assert_false(request_budget_take(&b, REQUEST_CANCEL, 1, false, noon, &ticket, &retry));
    request_budget_set_limits(&b, &limits);
    assert_true(request_budget_take(&b, REQUEST_CANCEL, 1, false, noon, &ticket, &retry));
}

/* A model venue counts what reaches it within its own minutes. With its counts told in order the
 * budget never goes over the limit, and during a ban nothing at all arrives. */
static void test_budget__random_histories_never_exceed_the_venue(void **state)
{
    (void)state;
    enum { FLIGHT_MAX = 64 };
    struct prng random;
    uint64_t passed = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct request_budget b;
        struct request_ticket flight[FLIGHT_MAX];
        unsigned count = 0;
        uint64_t venue_used = 0;
        int64_t venue_minute = 0, ban = 0, now = noon;
        prng_init(&random, seed);
        request_budget_init(&b, &(struct request_limits){200, 50, 1000});
        for (int step = 0; step < 500; step++) {
            struct request_ticket ticket;
            int64_t retry;
            now += (int64_t)prng_below(&random, 900);
            if (now / 60000 != venue_minute) venue_used = 0;
            venue_minute = now / 60000;
            if (prng_below(&random, 100) == 0) {
                ban = now + 1000 + (int64_t)prng_below(&random, 20000);
                request_budget_on_limited(&b, ban - now, now);
            }
            const uint32_t weight = (uint32_t)prng_below(&random, 20);
            const enum request_priority priority =
                (enum request_priority)prng_below(&random, REQUEST_PRIORITY_COUNT);
            if (count < FLIGHT_MAX &&
                request_budget_take(&b, priority, weight, false, now, &ticket, &retry)) {
                assert_true(now >= ban);
                /* it arrives at once, its answer waits */
                venue_used += weight;
                assert_true(venue_used <= 200);
                flight[count++] = ticket;
                passed++;
            } else if (count < FLIGHT_MAX) {
                assert_true(retry > now);
            }
            while (count && prng_below(&random, 3)) {
                request_budget_settle(&b, &flight[0], (int64_t)venue_used, now);
                for (unsigned i = 1; i < count; i++) flight[i - 1] = flight[i];
                count--;
            }
        }
    }
    assert_true(passed > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget__each_priority_fills_only_its_share),
        cmocka_unit_test(test_budget__the_venues_count_wins),
        cmocka_unit_test(test_budget__a_ban_stops_everything_until_it_ends),
        cmocka_unit_test(test_budget__orders_are_counted_apart),
        cmocka_unit_test(test_budget__unknown_limits_let_nothing_out),
        cmocka_unit_test(test_budget__random_histories_never_exceed_the_venue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
