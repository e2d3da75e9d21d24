/* The circuit breaker: tables, and a million random histories beside a reference model. */
#include "base/breaker.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

enum { SLOW_MS = 50, HISTORIES = 1000000, STEPS = 24, FLYING_MAX = 8 };

/* ---- the reference: the specification again, from plain lists ---- */

struct model_call {
    int era; /* which stay in a state it began in; -1: not listened to */
    int64_t begun;
};

struct model {
    enum breaker_state state;
    int era, probes, good, count;
    int64_t now, open_begun, open_for, ban;
    bool bad[STEPS * 40];
};

static void model_enter(struct model *m, enum breaker_state state)
{
    if (state == BREAKER_OPEN) {
        m->open_for = m->open_for == 0 ? 1000 : m->open_for * 2 > 60000 ? 60000 : m->open_for * 2;
        m->open_begun = m->now;
    }
    if (state == BREAKER_CLOSED) m->open_for = m->count = 0;
    m->state = state;
    m->era++;
    m->probes = m->good = 0;
}

static bool model_begin(struct model *m, bool protective, bool open_is_over,
                        struct model_call *call)
{
    *call = (struct model_call){protective && m->state != BREAKER_CLOSED ? -1 : m->era, m->now};
    if (m->now < m->ban) return false;
    if (protective || m->state == BREAKER_CLOSED) return true;
    if (m->state == BREAKER_OPEN && !open_is_over) return false;
    if (m->state == BREAKER_OPEN) model_enter(m, BREAKER_HALF_OPEN);
    call->era = m->era;
    return m->probes++ < 3;
}

static void model_end(struct model *m, const struct model_call *call, bool failed)
{
    const bool bad = failed || m->now - call->begun >= SLOW_MS;
    if (call->era != m->era) return;
    if (m->state == BREAKER_HALF_OPEN) {
        if (bad)
            model_enter(m, BREAKER_OPEN);
        else if (++m->good == 3)
            model_enter(m, BREAKER_CLOSED);
        return;
    }
    m->bad[m->count++] = bad;
    int last = 0, run = 0;
    const int looked = m->count < 100 ? m->count : 100;
    for (int i = m->count - looked; i < m->count; i++) last += m->bad[i];
    while (run < m->count && m->bad[m->count - 1 - run]) run++;
    if (run >= 5 || (looked >= 20 && last * 2 >= looked)) model_enter(m, BREAKER_OPEN);
}

/* ---- histories ---- */

struct flying {
    struct breaker_call call;
    struct model_call model;
};

/* How eager this history is to fail, and how far its clock goes between steps. */
struct mood {
    uint64_t fail_percent, step_ms, back_percent;
    int steps;
};

static struct mood mood_of(struct prng *p, int history)
{
    static const uint64_t steps_ms[] = {1, 10, 60, 700, 40000};
    return (struct mood){
        .fail_percent = prng_below(p, 5) * 25,
        .step_ms = steps_ms[prng_below(p, 5)],
        .back_percent = prng_below(p, 2) * 5,
        /* most are short, as many as time allows; some fill the window several times */
        .steps = history % 1000 == 0 ? STEPS * 40 : STEPS,
    };
}

static int64_t walk_clock(struct prng *p, const struct mood *mood, int64_t now)
{
    const int64_t step = (int64_t)prng_below(p, mood->step_ms + 1);
    return prng_below(p, 100) < mood->back_percent ? now - step : now + step;
}

/* The jitter is the breaker's own: the model only knows between which two times OPEN must end. */
static bool open_is_over(const struct breaker *b, const struct model *m)
{
    if (m->state != BREAKER_OPEN) return false;
    const int64_t length = b->open_until_ms - m->open_begun;
    assert_true(length >= m->open_for / 2 && length <= m->open_for);
    return m->now >= b->open_until_ms;
}

static void begin_one(struct prng *p, struct breaker *b, struct model *m, int64_t clock,
                      struct flying *flying, int *count)
{
    struct flying f;
    const bool protective = prng_below(p, 4) == 0;
    const bool expected = model_begin(m, protective, open_is_over(b, m), &f.model);
    assert_int_equal(breaker_begin(b, protective, clock, &f.call), expected);
    if (expected) flying[(*count)++] = f;
}

static void end_one(struct prng *p, struct breaker *b, struct model *m, const struct mood *mood,
                    int64_t clock, struct flying *flying, int *count)
{
    const uint64_t which = prng_below(p, (uint64_t)*count);
    const bool failed = prng_below(p, 100) < mood->fail_percent;
    model_end(m, &flying[which].model, failed);
    breaker_end(b, &flying[which].call, failed, clock);
    flying[which] = flying[--*count];
}

static void test_breaker__a_million_histories_agree_with_the_model(void **state)
{
    (void)state;
    static struct model m;
    struct prng p;
    uint64_t seen[3] = {0};
    prng_init(&p, 20261123);
    for (int history = 0; history < HISTORIES; history++) {
        struct breaker b;
        struct flying flying[FLYING_MAX];
        const struct mood mood = mood_of(&p, history);
        int64_t clock = (int64_t)prng_below(&p, 1000);
        int count = 0;
        breaker_init(&b, SLOW_MS, prng_next(&p));
        m.state = BREAKER_CLOSED;
        m.era = m.probes = m.good = m.count = 0;
        m.now = m.ban = INT64_MIN;
        m.open_for = 0;
        for (int step = 0; step < mood.steps; step++) {
            clock = walk_clock(&p, &mood, clock);
            const uint64_t what = prng_below(&p, 50);
            if (what > 0 && clock > m.now) m.now = clock;
            if (what == 0) {
                const int64_t until = clock + (int64_t)prng_below(&p, 100);
                breaker_ban(&b, until);
                if (until > m.ban) m.ban = until;
            } else if (count > 0 && (count == FLYING_MAX || what < 26)) {
                end_one(&p, &b, &m, &mood, clock, flying, &count);
            } else {
                begin_one(&p, &b, &m, clock, flying, &count);
            }
            if (b.state != m.state) fail_msg("history %d, step %d", history, step);
            seen[b.state]++;
        }
    }
    for (int i = 0; i < 3; i++) assert_true(seen[i] > HISTORIES / 4); /* it did go everywhere */
}

/* ---- tables ---- */

static bool call_once(struct breaker *b, enum breaker_class class, int64_t now, bool failed)
{
    struct breaker_call call;
    if (!breaker_begin(b, class, now, &call)) return false;
    breaker_end(b, &call, failed, now);
    return true;
}

static void open_it(struct breaker *b, int64_t now)
{
    for (int i = 0; i < BREAKER_BAD_RUN; i++) assert_true(call_once(b, BREAKER_OTHER, now, true));
    assert_int_equal(b->state, BREAKER_OPEN);
}

static void test_breaker__five_bad_in_a_row_open_it_and_four_do_not(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, SLOW_MS, 1);
    for (int i = 0; i < 4; i++) call_once(&b, BREAKER_OTHER, 0, true);
    call_once(&b, BREAKER_OTHER, 0, false);
    for (int i = 0; i < 4; i++) call_once(&b, BREAKER_OTHER, 0, true);
    assert_int_equal(b.state, BREAKER_CLOSED);
    call_once(&b, BREAKER_OTHER, 0, true);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_false(call_once(&b, BREAKER_OTHER, 499, false));
}

static void test_breaker__half_bad_of_twenty_opens_it(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, SLOW_MS, 1);
    for (int i = 0; i < 19; i++) {
        call_once(&b, BREAKER_OTHER, 0, i % 2 == 0);
        assert_int_equal(b.state, BREAKER_CLOSED);
    }
    call_once(&b, BREAKER_OTHER, 0, false); /* 10 bad of 20 */
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void test_breaker__slow_success_counts_as_bad(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, SLOW_MS, 1);
    for (int i = 0; i < 5; i++) {
        struct breaker_call call;
        assert_true(breaker_begin(&b, BREAKER_OTHER, 0, &call));
        assert_int_equal(b.state, BREAKER_CLOSED);
        b.now_ms = 0;
        breaker_end(&b, &call, false, SLOW_MS);
        b.now_ms = 0; /* the next call begins at 0 again */
    }
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void test_breaker__protective_calls_always_leave_save_under_a_ban(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b, SLOW_MS, 1);
    open_it(&b, 0);
    for (int i = 0; i < 100; i++) assert_true(call_once(&b, BREAKER_PROTECTIVE, 1, i % 2));
    assert_int_equal(b.state, BREAKER_OPEN);
    breaker_ban(&b, 5000);
    breaker_ban(&b, 3000); /* does not shorten it */
    assert_false(call_once(&b, BREAKER_PROTECTIVE, 4999, false));
    assert_true(call_once(&b, BREAKER_PROTECTIVE, 5000, false));
}

static void test_breaker__three_probes_at_once_and_all_must_be_good(void **state)
{
    (void)state;
    struct breaker b;
    struct breaker_call probes[BREAKER_PROBES], one_more;
    breaker_init(&b, SLOW_MS, 1);
    open_it(&b, 0);
    for (int i = 0; i < BREAKER_PROBES; i++)
        assert_true(breaker_begin(&b, BREAKER_OTHER, 1000, &probes[i]));
    assert_false(breaker_begin(&b, BREAKER_OTHER, 1000, &one_more));
    breaker_end(&b, &probes[0], false, 1001);
    breaker_end(&b, &probes[1], false, 1001);
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    breaker_end(&b, &probes[2], false, 1001);
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static void test_breaker__open_doubles_up_to_a_minute_and_starts_over_once_closed(void **state)
{
    (void)state;
    struct breaker b;
    int64_t now = 0;
    breaker_init(&b, SLOW_MS, 1);
    open_it(&b, now);
    for (int64_t length = 1000, i = 0; i < 10; i++) {
        assert_in_range(b.open_until_ms - now, length / 2, length);
        now = b.open_until_ms;
        assert_true(call_once(&b, BREAKER_OTHER, now, true));
        length = length * 2 > 60000 ? 60000 : length * 2;
    }
    now = b.open_until_ms;
    for (int i = 0; i < BREAKER_PROBES; i++) assert_true(call_once(&b, BREAKER_OTHER, now, false));
    assert_int_equal(b.state, BREAKER_CLOSED);
    open_it(&b, now);
    assert_in_range(b.open_until_ms - now, 500, 1000);
}

static void test_breaker__a_late_answer_tells_nothing_about_the_next_state(void **state)
{
    (void)state;
    struct breaker b;
    struct breaker_call old, probe;
    breaker_init(&b, SLOW_MS, 1);
    assert_true(breaker_begin(&b, BREAKER_OTHER, 0, &old));
    open_it(&b, 0);
    assert_true(breaker_begin(&b, BREAKER_OTHER, 1000, &probe));
    breaker_end(&b, &old, true, 1000);
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    breaker_end(&b, &probe, true, 1000);
    assert_int_equal(b.state, BREAKER_OPEN);
}

static void test_breaker__states_have_names(void **state)
{
    (void)state;
    assert_string_equal(breaker_state_name(BREAKER_CLOSED), "closed");
    assert_string_equal(breaker_state_name(BREAKER_OPEN), "open");
    assert_string_equal(breaker_state_name(BREAKER_HALF_OPEN), "half_open");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breaker__five_bad_in_a_row_open_it_and_four_do_not),
        cmocka_unit_test(test_breaker__half_bad_of_twenty_opens_it),
        cmocka_unit_test(test_breaker__slow_success_counts_as_bad),
        cmocka_unit_test(test_breaker__protective_calls_always_leave_save_under_a_ban),
        cmocka_unit_test(test_breaker__three_probes_at_once_and_all_must_be_good),
        cmocka_unit_test(test_breaker__open_doubles_up_to_a_minute_and_starts_over_once_closed),
        cmocka_unit_test(test_breaker__a_late_answer_tells_nothing_about_the_next_state),
        cmocka_unit_test(test_breaker__states_have_names),
        cmocka_unit_test(test_breaker__a_million_histories_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
