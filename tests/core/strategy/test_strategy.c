/* Strategies: tables of closes by hand, and a naive model over random walks. */
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "base/prng.h"
#include "core/strategy/strategy.h"

static struct strategy strategy_of(enum strategy_kind kind, const double *changes, unsigned count)
{
    struct strategy s;
    double params[STRATEGY_PARAMS_MAX];
    strategy_params_init(kind, params);
    for (unsigned i = 0; i < count; i++)
        if (changes[i] >= 0) params[i] = changes[i];
    strategy_init(&s, kind, params);
    return s;
}

static struct decision decide(struct strategy *s, double close, bool holding)
{
    struct decision d = {.verdict = VERDICT_HOLD};
    strategy_step(s, close, holding, &d);
    return d;
}

static void test_strategy__tables_are_sound(void **state)
{
    (void)state;
    for (unsigned k = 0; k < STRATEGY_COUNT; k++) {
        const struct strategy_type *type = strategy_type((enum strategy_kind)k);
        enum strategy_kind found;
        double params[STRATEGY_PARAMS_MAX];
        assert_true(strategy_find(type->name, &found));
        assert_int_equal(found, k);
        assert_true(type->param_count <= STRATEGY_PARAMS_MAX);
        strategy_params_init((enum strategy_kind)k, params);
        assert_null(type->conflict(params));
        assert_true(type->warm_up(params) > 1);
        for (unsigned i = 0; i < type->param_count; i++) {
            const struct strategy_param *p = &type->params[i];
            assert_true(p->min <= p->standard && p->standard <= p->max);
            assert_int_equal(p->kind == PARAM_CHOICE, p->choices != NULL);
        }
    }
    enum strategy_kind none;
    assert_false(strategy_find("nonsense", &none));
}

static void test_ema_cross__touching_is_neither_side(void **state)
{
    (void)state;
    const double changes[] = {1 + 1, 3};
    struct strategy s = strategy_of(STRATEGY_EMA_CROSS, changes, 2);
    /* A flat market: both averages equal. The first move up is a cross up. */
    for (int i = 0; i < 3; i++) assert_int_equal(decide(&s, 100, false).why, WHY_WARMING_UP);
    assert_int_equal(decide(&s, 100, false).why, WHY_NO_CROSS);
    const struct decision up = decide(&s, 101, false);
    assert_int_equal(up.verdict, VERDICT_ENTER);
    assert_int_equal(up.why, WHY_SIGNAL);
    assert_int_equal(decide(&s, 102, false).verdict, VERDICT_NO_ENTRY);
}

static void test_ema_cross__enters_only_flat_and_exits_only_holding(void **state)
{
    (void)state;
    const double changes[] = {2, 3};
    static const double closes[] = {10, 9, 8, 7, 12, 5};
    struct strategy flat = strategy_of(STRATEGY_EMA_CROSS, changes, 2);
    struct strategy holding = flat;
    for (int i = 0; i < 6; i++) {
        assert_int_not_equal(decide(&flat, closes[i], false).verdict, VERDICT_EXIT);
        assert_int_not_equal(decide(&holding, closes[i], true).verdict, VERDICT_ENTER);
    }
}

static void test_rsi__crosses_out_of_oversold_and_overbought(void **state)
{
    (void)state;
    const double changes[] = {2, 30, 70};
    struct strategy s = strategy_of(STRATEGY_RSI, changes, 3);
    for (double close = 100; close > 94; close -= 2)
        assert_int_equal(decide(&s, close, false).why, WHY_WARMING_UP);
    assert_int_equal(decide(&s, 92, false).why, WHY_NO_CROSS); /* still 0 */
    const struct decision up = decide(&s, 96, false);
    assert_true(up.values[0] > 30);
    assert_int_equal(up.verdict, VERDICT_ENTER);
    assert_int_equal(decide(&s, 104, true).verdict, VERDICT_HOLD); /* above 70 */
    const struct decision down = decide(&s, 90, true);
    assert_true(down.values[0] < 70);
    assert_int_equal(down.verdict, VERDICT_EXIT);
}

static void test_ema_rsi__rsi_vetoes_a_cross(void **state)
{
    (void)state;
    /* A jump out of a fall: the averages cross, but the RSI is over a low "overbought" as well. */
    const double careful[] = {2, 3, 2, 10, 20, 0}, bold[] = {2, 3, 2, 10, 99, 0};
    static const double closes[] = {10, 9, 8, 7, 6, 12};
    struct strategy a = strategy_of(STRATEGY_EMA_RSI, careful, 6);
    struct strategy b = strategy_of(STRATEGY_EMA_RSI, bold, 6);
    struct decision last_a = {0}, last_b = {0};
    for (int i = 0; i < 6; i++) {
        last_a = decide(&a, closes[i], false);
        last_b = decide(&b, closes[i], false);
    }
    assert_int_equal(last_a.verdict, VERDICT_NO_ENTRY);
    assert_int_equal(last_a.why, WHY_RSI_OVERBOUGHT);
    assert_int_equal(last_b.verdict, VERDICT_ENTER);
}

/* The rules once more, over whole arrays and without increments. */
struct naive {
    double fast, slow, rsi;
    bool ready;
};

static double naive_ema(const double *closes, int count, int period)
{
    double value = 0;
    for (int i = 0; i < period; i++) value += closes[i];
    value /= period;
    for (int i = period; i < count; i++) value += 2.0 / (period + 1) * (closes[i] - value);
    return value;
}

static double naive_rsi(const double *closes, int count, int period)
{
    double gain = 0, loss = 0;
    for (int i = 1; i < count; i++) {
        const double change = closes[i] - closes[i - 1];
        const double up = change > 0 ? change : 0, down = change < 0 ? -change : 0;
        if (i <= period) {
            gain += up / period;
            loss += down / period;
        } else {
            gain = (gain * (period - 1) + up) / period;
            loss = (loss * (period - 1) + down) / period;
        }
    }
    return loss > 0 ? 100 - 100 / (1 + gain / loss) : 100;
}

static void test_ema_rsi__agrees_with_the_rule_written_naively(void **state)
{
    (void)state;
    enum { COUNT = 1500, FAST = 8, SLOW = 21, RSI = 7 };
    static double closes[COUNT];
    struct prng prng;
    prng_init(&prng, 5);
    for (int rule = 0; rule < 2; rule++) {
        const double changes[] = {FAST, SLOW, RSI, 35, 65, rule};
        struct strategy s = strategy_of(STRATEGY_EMA_RSI, changes, 6);
        bool holding = false;
        unsigned entries = 0;
        for (int i = 0; i < COUNT; i++) {
            closes[i] = (i ? closes[i - 1] : 100) * (1 + (prng_unit(&prng) - 0.5) * 0.02);
            const struct decision d = decide(&s, closes[i], holding);
            if (i < SLOW) {
                assert_int_equal(d.why, WHY_WARMING_UP);
                continue;
            }
            const double gap = naive_ema(closes, i + 1, FAST) - naive_ema(closes, i + 1, SLOW);
            const double before = naive_ema(closes, i, FAST) - naive_ema(closes, i, SLOW);
            const double rsi = naive_rsi(closes, i + 1, RSI);
            const bool up = gap > 0 && (rule || before <= 0),
                       down = gap < 0 && (rule || before >= 0);
            if (fabs(gap) < 1e-9 || fabs(before) < 1e-9) continue;
            const enum verdict want = holding ? (down && rsi > 35 ? VERDICT_EXIT : VERDICT_HOLD)
                                              : (up && rsi < 65 ? VERDICT_ENTER : VERDICT_NO_ENTRY);
            assert_int_equal(d.verdict, want);
            if (want == VERDICT_ENTER) holding = true, entries++;
            if (want == VERDICT_EXIT) holding = false;
        }
        assert_true(entries > 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strategy__tables_are_sound),
        cmocka_unit_test(test_ema_cross__touching_is_neither_side),
        cmocka_unit_test(test_ema_cross__enters_only_flat_and_exits_only_holding),
        cmocka_unit_test(test_rsi__crosses_out_of_oversold_and_overbought),
        cmocka_unit_test(test_ema_rsi__rsi_vetoes_a_cross),
        cmocka_unit_test(test_ema_rsi__agrees_with_the_rule_written_naively),
    };
    return cmocka_run_group_tests_name("core/strategy", tests, NULL, NULL);
}
