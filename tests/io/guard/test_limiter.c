/* The rate limiter in memory beside the brute-force oracle, with wrong limiters that it catches. */
#include "io/guard/limiter.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "io/guard/limit_oracle.h"

static struct limit_key key_number(uint32_t n)
{
    return (struct limit_key){{n, 4}};
}

static struct limiter *limiter_of(uint32_t count, uint32_t span_ms, uint32_t keys_max)
{
    struct limiter *l;
    assert_int_equal(limiter_new((struct limit_rule){count, span_ms}, keys_max, &l), OK);
    return l;
}

static void assert_same(const struct limit_answer *ours, const struct limit_answer *oracle)
{
    assert_int_equal(ours->accepted, oracle->accepted);
    assert_int_equal(ours->limit, oracle->limit);
    assert_int_equal(ours->remaining, oracle->remaining);
    assert_int_equal(ours->retry_ms, oracle->retry_ms);
    assert_int_equal(ours->reset_ms, oracle->reset_ms);
    assert_int_equal(ours->at_ms, oracle->at_ms);
}

/* ---- every history of small limits ---- */

enum { HISTORY = 6 };

/* The next history of steps 0..most; false after the last. */
static bool next_history(int *steps, int most)
{
    for (int i = 0; i < HISTORY; i++) {
        if (steps[i]++ < most) return true;
        steps[i] = 0;
    }
    return false;
}

static void test_limiter__every_small_history_agrees_with_the_oracle(void **state)
{
    (void)state;
    static struct limit_oracle o;
    for (uint32_t count = 1; count <= 4; count++)
        for (uint32_t span = 1; span <= 4; span++) {
            struct limiter *l = limiter_of(count, span, 0);
            int64_t base = 1000;
            int steps[HISTORY] = {0};
            do {
                int64_t now = base;
                limit_oracle_init(&o, (struct limit_rule){count, span});
                for (int i = 0; i < HISTORY; i++) {
                    now += steps[i];
                    const struct limit_answer ours = limiter_take(l, key_number(1), now);
                    const struct limit_answer oracle = limit_oracle_take(&o, now);
                    assert_same(&ours, &oracle);
                }
                base = now + span; /* everything has run out: a fresh history */
            } while (next_history(steps, (int)span + 1));
            limiter_free(l);
        }
}

/* ---- random ones, with clocks that step back ---- */

static void test_limiter__random_histories_agree_with_the_oracle(void **state)
{
    (void)state;
    static struct limit_oracle oracles[3];
    struct prng p;
    prng_init(&p, 7);
    for (int round = 0; round < 300; round++) {
        const struct limit_rule rule = {1 + (uint32_t)prng_below(&p, LIMIT_EXACT_MAX),
                                        1 + (uint32_t)prng_below(&p, 200)};
        struct limiter *l = limiter_of(rule.count, rule.span_ms, 0);
        const uint64_t pace = 1 + prng_below(&p, 2 + 2 * rule.span_ms / rule.count);
        int64_t now = 5000;
        for (int k = 0; k < 3; k++) limit_oracle_init(&oracles[k], rule);
        for (int i = 0; i < 600; i++) {
            const uint32_t k = (uint32_t)prng_below(&p, 3);
            now += (int64_t)prng_below(&p, pace);
            if (prng_below(&p, 100) == 0) now += rule.span_ms;
            const struct limit_answer ours = limiter_take(l, key_number(k), now);
            const struct limit_answer oracle = limit_oracle_take(&oracles[k], now);
            assert_same(&ours, &oracle);
        }
        limiter_free(l);
    }
}

static void test_limiter__a_clock_that_steps_back_frees_nothing(void **state)
{
    (void)state;
    static struct limit_oracle o;
    struct prng p;
    prng_init(&p, 8);
    for (int round = 0; round < 300; round++) {
        const struct limit_rule rule = {1 + (uint32_t)prng_below(&p, 5),
                                        1 + (uint32_t)prng_below(&p, 50)};
        struct limiter *l = limiter_of(rule.count, rule.span_ms, 0);
        int64_t now = 100000;
        limit_oracle_init(&o, rule);
        for (int i = 0; i < 300; i++) {
            now += (int64_t)prng_below(&p, 20);
            if (prng_below(&p, 5) == 0) now -= (int64_t)prng_below(&p, 100);
            const struct limit_answer ours = limiter_take(l, key_number(1), now);
            const struct limit_answer oracle = limit_oracle_take(&o, now);
            assert_same(&ours, &oracle);
        }
        assert_true(limit_oracle_worst(&o) <= rule.count);
        limiter_free(l);
    }
}

/* ---- limits above the exact ones ---- */

/* Whether the key has room at `now`, without counting: asked of a second limiter that heard the
 * same. */
static void check_retry(const struct limit_oracle *o, const struct limit_answer *refused,
                        int64_t now)
{
    for (int early = 0; early < 2; early++) {
        struct limiter *again = limiter_of(o->rule.count, o->rule.span_ms, 0);
        for (size_t i = 0; i < o->count; i++)
            assert_true(limiter_take(again, key_number(1), o->accepted[i]).accepted);
        const int64_t then = now + refused->retry_ms - early;
        assert_int_equal(limiter_take(again, key_number(1), then).accepted, !early);
        limiter_free(again);
    }
}

static void test_limiter__big_limits_are_never_exceeded_and_lose_little(void **state)
{
    (void)state;
    static struct limit_oracle o;
    struct prng p;
    int refused_at_all = 0;
    prng_init(&p, 9);
    for (int round = 0; round < 400; round++) {
        const struct limit_rule rule = {65 + (uint32_t)prng_below(&p, 200),
                                        1 + (uint32_t)prng_below(&p, 1000)};
        const uint32_t width = limit_rule_width_ms(rule);
        struct limiter *l = limiter_of(rule.count, rule.span_ms, 0);
        const uint64_t pace = 1 + prng_below(&p, 2 + 3 * rule.span_ms / rule.count);
        int64_t now = 5000;
        limit_oracle_init(&o, rule);
        for (int i = 0; i < 1500; i++) {
            now += (int64_t)prng_below(&p, pace);
            const uint32_t used_wider = limit_oracle_used(&o, now - width);
            const struct limit_answer a = limiter_take(l, key_number(1), now);
            if (used_wider < rule.count) assert_true(a.accepted);
            if (!a.accepted && refused_at_all++ % 97 == 0) check_retry(&o, &a, now);
            if (a.accepted) limit_oracle_add(&o, now);
        }
        assert_true(limit_oracle_worst(&o) <= rule.count);
        /* all of them at once after T of silence */
        now = o.accepted[o.count - 1] + rule.span_ms;
        for (uint32_t i = 0; i <= rule.count; i++)
            assert_int_equal(limiter_take(l, key_number(1), now).accepted, i < rule.count);
        limiter_free(l);
    }
    assert_true(refused_at_all > 1000);
}

/* ---- wrong limiters: the oracle must see them ---- */

struct mutant {
    struct limit_rule rule;
    int64_t theoretical; /* GCRA's arrival time, in units of 1/count ms */
    int64_t window;
    uint32_t used;
    uint32_t ring[16];
};

/* GCRA that lets N go at once: the next N follow at T/N each, within the same T. */
static bool gcra_take(struct mutant *m, int64_t now_ms)
{
    const int64_t now = now_ms * m->rule.count;
    const int64_t start = m->theoretical > now ? m->theoretical : now;
    const int64_t gap = m->rule.span_ms;
    if (start + gap - now > gap * m->rule.count) return false;
    m->theoretical = start + gap;
    return true;
}

/* Counts from 0 at each multiple of T: 2N around the edge. */
static bool fixed_window_take(struct mutant *m, int64_t now_ms)
{
    if (now_ms / m->rule.span_ms != m->window) m->used = 0;
    m->window = now_ms / m->rule.span_ms;
    if (m->used == m->rule.count) return false;
    m->used++;
    return true;
}

/* The window starts with its first request: the last of one and the first of the next are close. */
static bool reset_window_take(struct mutant *m, int64_t now_ms)
{
    if (now_ms >= m->window + m->rule.span_ms) {
        m->used = 0;
        m->window = now_ms;
    }
    if (m->used == m->rule.count) return false;
    m->used++;
    return true;
}

/* Off by one: a request counts until T inclusive. */
static bool long_log_take(struct mutant *m, int64_t now_ms)
{
    if (m->used == m->rule.count && m->ring[0] + m->rule.span_ms >= now_ms) return false;
    if (m->used == m->rule.count)
        memmove(m->ring, m->ring + 1, sizeof m->ring - sizeof *m->ring);
    else
        m->used++;
    m->ring[m->used - 1] = (uint32_t)now_ms;
    return true;
}

static bool is_caught(bool (*take)(struct mutant *, int64_t))
{
    static struct limit_oracle o;
    for (uint32_t count = 1; count <= 3; count++)
        for (uint32_t span = 2; span <= 4; span++) {
            int steps[HISTORY] = {0};
            do {
                struct mutant m = {{count, span}, 0, -1000, 0, {0}};
                int64_t now = 1000;
                limit_oracle_init(&o, m.rule);
                for (int i = 0; i < HISTORY; i++) {
                    now += steps[i];
                    if (take(&m, now) != limit_oracle_take(&o, now).accepted) return true;
                }
            } while (next_history(steps, (int)span + 1));
        }
    return false;
}

static void test_limiter__the_oracle_catches_wrong_limiters(void **state)
{
    (void)state;
    assert_true(is_caught(gcra_take));
    assert_true(is_caught(fixed_window_take));
    assert_true(is_caught(reset_window_take));
    assert_true(is_caught(long_log_take));
}

/* ---- giving back ---- */

static void test_limiter__what_is_given_back_never_was(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 10);
    for (int round = 0; round < 400; round++) {
        static struct limit_oracle o;
        const struct limit_rule rule = {1 + (uint32_t)prng_below(&p, round % 2 ? 6 : 90),
                                        1 + (uint32_t)prng_below(&p, 60)};
        struct limiter *l = limiter_of(rule.count, rule.span_ms, 0);
        int64_t now = 1000;
        limit_oracle_init(&o, rule);
        for (int i = 0; i < 400; i++) {
            now += (int64_t)prng_below(&p, 4);
            if (o.count > 0 && prng_below(&p, 3) == 0) {
                const uint64_t back = prng_below(&p, o.count < 10 ? o.count : 10);
                const size_t which = o.count - 1 - (size_t)back;
                limiter_give_back(l, key_number(1), o.accepted[which], now);
                memmove(&o.accepted[which], &o.accepted[which + 1],
                        (o.count - which - 1) * sizeof *o.accepted);
                o.count--;
                continue;
            }
            const bool has_room = limit_oracle_used(&o, now) < rule.count;
            const struct limit_answer a = limiter_take(l, key_number(1), now);
            if (rule.count <= LIMIT_EXACT_MAX) assert_int_equal(a.accepted, has_room);
            if (a.accepted) limit_oracle_add(&o, now);
        }
        assert_true(limit_oracle_worst(&o) <= rule.count);
        limiter_free(l);
    }
}

static void test_limiter__a_reset_key_starts_over(void **state)
{
    (void)state;
    struct limiter *l = limiter_of(2, 1000, 0);
    for (int i = 0; i < 3; i++) limiter_take(l, key_number(1), 10);
    assert_false(limiter_reset(l, key_number(2)));
    assert_true(limiter_reset(l, key_number(1)));
    assert_false(limiter_reset(l, key_number(1)));
    assert_int_equal(limiter_take(l, key_number(1), 10).remaining, 1);
    limiter_free(l);
}

static void test_limiter__lists_what_counts_and_how_long(void **state)
{
    (void)state;
    struct limiter *l = limiter_of(5, 1000, 0);
    struct limiter_row rows[4];
    limiter_take(l, key_number(1), 100);
    limiter_take(l, key_number(2), 500);
    limiter_take(l, key_number(2), 700);
    uint32_t place = 0;
    assert_int_equal(limiter_list(l, 1100, &place, rows, 4), 1);
    assert_int_equal(place, 0);
    assert_true(limit_key_equal(rows[0].key, key_number(2)));
    assert_int_equal(rows[0].used, 2);
    assert_int_equal(rows[0].ttl_ms, 600);
    assert_int_equal(limiter_list(l, 1700, &place, rows, 4), 0);
    limiter_free(l);
}

static void test_limiter__lists_in_pages_and_forgets_all(void **state)
{
    (void)state;
    struct limiter *l = limiter_of(5, 1000, 1000);
    struct limiter_row rows[7];
    uint32_t place = 0, seen = 0, pages = 0;
    for (uint32_t i = 0; i < 500; i++) limiter_take(l, key_number(i), 100);
    do {
        seen += limiter_list(l, 100, &place, rows, 7);
        pages++;
    } while (place != 0);
    assert_int_equal(seen, limiter_counters(l).keys);
    assert_true(seen > 400 && pages >= seen / 7);
    limiter_clear(l);
    assert_int_equal(limiter_list(l, 100, &place, rows, 7), 0);
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(limiter_take(l, key_number(i), 100).remaining, 4);
    limiter_free(l);
}

/* ---- bounded memory ---- */

static void test_limiter__a_flood_of_keys_evicts_nobody_and_frees_nothing(void **state)
{
    (void)state;
    struct limiter *l = limiter_of(3, 1000, 64);
    uint32_t flood_accepted = 0;
    for (int i = 0; i < 4; i++) limiter_take(l, key_number(0), 1000);
    for (uint32_t k = 1; k <= 100000; k++)
        flood_accepted += limiter_take(l, key_number(k), 1000 + k % 900).accepted;
    assert_false(limiter_take(l, key_number(0), 1999).accepted);
    assert_true(limiter_take(l, key_number(0), 2000).accepted);
    const struct limiter_counters c = limiter_counters(l);
    assert_int_equal(c.keys, 64);
    assert_true(flood_accepted >= 63 && flood_accepted <= 63 * 1 + LIMITER_SHARED * 3);
    assert_true(c.shared >= 99000);
    limiter_free(l);
}

static void test_limiter__keys_that_move_out_of_a_shared_counter_stay_within_n(void **state)
{
    (void)state;
    enum { KEYS = 24 };
    static struct limit_oracle o[KEYS];
    struct prng p;
    prng_init(&p, 11);
    for (int round = 0; round < 200; round++) {
        const struct limit_rule rule = {1 + (uint32_t)prng_below(&p, 4),
                                        1 + (uint32_t)prng_below(&p, 100)};
        struct limiter *l = limiter_of(rule.count, rule.span_ms, 4);
        int64_t now = 1000;
        for (int k = 0; k < KEYS; k++) limit_oracle_init(&o[k], rule);
        for (int i = 0; i < 3000; i++) {
            const uint32_t k = (uint32_t)prng_below(&p, KEYS);
            now += (int64_t)prng_below(&p, 8);
            if (limiter_take(l, key_number(k), now).accepted) limit_oracle_add(&o[k], now);
        }
        for (int k = 0; k < KEYS; k++) assert_true(limit_oracle_worst(&o[k]) <= rule.count);
        limiter_free(l);
    }
}

static void test_limiter__forgets_keys_that_have_run_out(void **state)
{
    (void)state;
    struct limiter *l = limiter_of(3, 160, 4096);
    int64_t now = 0;
    for (uint32_t k = 0; k < 200000; k++) {
        if (k % 10 == 0) now++;
        assert_true(limiter_take(l, key_number(k), now).accepted);
    }
    /* 160 ms of 10 keys each live, and what an eighth of T has not come to yet */
    assert_in_range(limiter_counters(l).keys, 1600, 2400);
    limiter_free(l);
}

static void test_limiter__expecting_a_key_counts_nothing(void **state)
{
    (void)state;
    struct limiter *l = limiter_of(2, 1000, 4);
    for (uint32_t k = 0; k < 100; k++) limiter_expect(l, key_number(k));
    assert_int_equal(limiter_counters(l).keys, 0);
    assert_int_equal(limiter_take(l, key_number(1), 10).remaining, 1);
    limiter_free(l);
}

/* Entries move when one before them is forgotten, and must be found where they went. */
static void test_limiter__keys_that_come_and_go_in_a_full_table_agree_with_the_oracle(void **state)
{
    (void)state;
    enum { KEYS = 60 };
    static struct limit_oracle o[KEYS];
    struct prng p;
    prng_init(&p, 12);
    for (int round = 0; round < 50; round++) {
        const struct limit_rule rule = {1 + (uint32_t)prng_below(&p, 12),
                                        1 + (uint32_t)prng_below(&p, 400)};
        struct limiter *l = limiter_of(rule.count, rule.span_ms, KEYS);
        int64_t now = 1000;
        for (int k = 0; k < KEYS; k++) limit_oracle_init(&o[k], rule);
        for (int i = 0; i < 5000; i++) {
            const uint32_t k = (uint32_t)prng_below(&p, KEYS);
            now += (int64_t)prng_below(&p, 4);
            if (prng_below(&p, 500) == 0) now += prng_below(&p, 300) * rule.span_ms;
            const struct limit_answer ours = limiter_take(l, key_number(k), now);
            const struct limit_answer oracle = limit_oracle_take(&o[k], now);
            assert_same(&ours, &oracle);
        }
        limiter_free(l);
    }
}

/* ---- threads ---- */

enum { THREADS = 4, SHARED_KEYS = 8, TAKES = 20000 };

struct taker {
    struct limiter *l;
    uint64_t seed;
    uint32_t accepted[SHARED_KEYS];
};

static void *take_many(void *arg)
{
    struct taker *t = arg;
    struct prng p;
    prng_init(&p, t->seed);
    for (int i = 0; i < TAKES; i++) {
        const uint32_t k = (uint32_t)prng_below(&p, SHARED_KEYS);
        t->accepted[k] += limiter_take(t->l, key_number(k), 100 + i % 50).accepted;
    }
    return NULL;
}

static void test_limiter__threads_together_accept_exactly_n(void **state)
{
    (void)state;
    for (uint32_t count = 50; count <= 500; count *= 10) {
        struct limiter *l = limiter_of(count, 1000, 0);
        struct taker takers[THREADS];
        pthread_t threads[THREADS];
        for (uint64_t i = 0; i < THREADS; i++) {
            takers[i] = (struct taker){.l = l, .seed = i};
            assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
        }
        uint32_t sum[SHARED_KEYS] = {0};
        for (int i = 0; i < THREADS; i++) {
            pthread_join(threads[i], NULL);
            for (int k = 0; k < SHARED_KEYS; k++) sum[k] += takers[i].accepted[k];
        }
        for (int k = 0; k < SHARED_KEYS; k++) assert_int_equal(sum[k], count);
        limiter_free(l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limiter__every_small_history_agrees_with_the_oracle),
        cmocka_unit_test(test_limiter__random_histories_agree_with_the_oracle),
        cmocka_unit_test(test_limiter__a_clock_that_steps_back_frees_nothing),
        cmocka_unit_test(test_limiter__big_limits_are_never_exceeded_and_lose_little),
        cmocka_unit_test(test_limiter__the_oracle_catches_wrong_limiters),
        cmocka_unit_test(test_limiter__what_is_given_back_never_was),
        cmocka_unit_test(test_limiter__a_reset_key_starts_over),
        cmocka_unit_test(test_limiter__lists_what_counts_and_how_long),
        cmocka_unit_test(test_limiter__lists_in_pages_and_forgets_all),
        cmocka_unit_test(test_limiter__a_flood_of_keys_evicts_nobody_and_frees_nothing),
        cmocka_unit_test(test_limiter__keys_that_move_out_of_a_shared_counter_stay_within_n),
        cmocka_unit_test(test_limiter__forgets_keys_that_have_run_out),
        cmocka_unit_test(test_limiter__expecting_a_key_counts_nothing),
        cmocka_unit_test(test_limiter__keys_that_come_and_go_in_a_full_table_agree_with_the_oracle),
        cmocka_unit_test(test_limiter__threads_together_accept_exactly_n),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
