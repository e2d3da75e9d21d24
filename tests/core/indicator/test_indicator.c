/* Indicators: hand-made tables, edges, and against definitions computed over the whole window. */
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>

#include "base/prng.h"
#include "core/indicator/atr.h"
#include "core/indicator/bollinger.h"
#include "core/indicator/ema.h"
#include "core/indicator/macd.h"
#include "core/indicator/rsi.h"
#include "core/indicator/sma.h"

/* cmocka compares floats only. */
#define assert_close(got, want, tolerance) assert_true(fabs((got) - (want)) <= (tolerance))

static void test_ema__starts_from_the_mean_and_moves_by_its_weight(void **state)
{
    (void)state;
    struct ema e;
    ema_init(&e, 3);
    assert_false(ema_add(&e, 1));
    assert_false(ema_add(&e, 2));
    assert_false(ema_ready(&e));
    assert_true(ema_add(&e, 6));
    assert_true(ema_value(&e) == 3.0);
    assert_true(ema_add(&e, 7)); /* weight 1/2 */
    assert_true(ema_value(&e) == 5.0);
    assert_true(ema_add(&e, 1));
    assert_true(ema_value(&e) == 3.0);
}

static void test_ema__period_one_is_the_value_itself(void **state)
{
    (void)state;
    struct ema e;
    ema_init(&e, 1);
    for (int i = 1; i < 9; i++) {
        assert_true(ema_add(&e, i * 1.25));
        assert_true(ema_value(&e) == i * 1.25);
    }
}

static void test_sma__is_the_mean_of_the_last_values(void **state)
{
    (void)state;
    static const double in[] = {1, 2, 6, 7, 1, 1, 4};
    static const double want[] = {0, 0, 3, 5, 14.0 / 3, 3, 2};
    double values[3];
    struct sma s;
    sma_init(&s, values, 3);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(sma_add(&s, in[i]), i >= 2);
        assert_int_equal(sma_ready(&s), i >= 2);
        if (i >= 2) assert_close(sma_value(&s), want[i], 1e-15);
    }
}

static void test_rsi__needs_one_value_more_than_its_period(void **state)
{
    (void)state;
    struct rsi r;
    rsi_init(&r, 2);
    assert_false(rsi_add(&r, 10));
    assert_false(rsi_add(&r, 13));
    assert_true(rsi_add(&r, 12)); /* mean gain 3/2, mean loss 1/2 */
    assert_close(rsi_value(&r), 75.0, 1e-12);
    assert_true(rsi_add(&r, 12)); /* both halve */
    assert_close(rsi_value(&r), 75.0, 1e-12);
    assert_true(rsi_add(&r, 10)); /* gain 3/8, loss (1/4 + 2) / 2 */
    assert_close(rsi_value(&r), 25.0, 1e-12);
}

static void test_rsi__is_100_without_loss_and_0_without_gain(void **state)
{
    (void)state;
    static const struct {
        double step, want;
    } cases[] = {{1, 100}, {0, 100}, {-1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rsi r;
        rsi_init(&r, 7);
        for (int k = 0; k < 50; k++)
            if (rsi_add(&r, 1000 + k * cases[i].step)) assert_true(rsi_value(&r) == cases[i].want);
        assert_true(rsi_ready(&r));
    }
}

static void test_macd__line_comes_before_signal(void **state)
{
    (void)state;
    struct macd m;
    macd_init(&m, 2, 4, 3);
    struct ema fast, slow, signal;
    ema_init(&fast, 2);
    ema_init(&slow, 4);
    ema_init(&signal, 3);
    for (int i = 1; i <= 12; i++) {
        const double x = 100 + i * i % 7;
        ema_add(&fast, x);
        if (ema_add(&slow, x)) ema_add(&signal, ema_value(&fast) - ema_value(&slow));
        assert_int_equal(macd_add(&m, x), i >= 6);
        assert_int_equal(macd_line_ready(&m), i >= 4);
        assert_int_equal(macd_ready(&m), i >= 6);
        if (i < 6) continue;
        assert_true(macd_line(&m) == ema_value(&fast) - ema_value(&slow));
        assert_true(macd_signal(&m) == ema_value(&signal));
        assert_true(macd_histogram(&m) == macd_line(&m) - macd_signal(&m));
    }
}

static void test_bollinger__population_deviation_around_the_mean(void **state)
{
    (void)state;
    static const double in[] = {2, 4, 4, 4, 5, 5, 7, 9}; /* mean 5, deviation 2 */
    double values[8];
    struct bollinger b;
    bollinger_init(&b, values, 8, 1.5);
    for (int i = 0; i < 8; i++) assert_int_equal(bollinger_add(&b, in[i]), i == 7);
    assert_close(bollinger_mid(&b), 5, 1e-15);
    assert_close(bollinger_deviation(&b), 2, 1e-15);
    assert_close(bollinger_upper(&b), 8, 1e-15);
    assert_close(bollinger_lower(&b), 2, 1e-15);
}

static void test_bollinger__flat_window_has_no_width(void **state)
{
    (void)state;
    double values[20];
    struct bollinger b;
    bollinger_init(&b, values, 20, 2);
    for (int i = 0; i < 200; i++) bollinger_add(&b, i % 13 * 1000.1);
    for (int i = 0; i < 40; i++) bollinger_add(&b, 61837.63);
    assert_true(bollinger_deviation(&b) == 0);
    assert_close(bollinger_mid(&b), 61837.63, 1e-10);
}

static void test_atr__counts_gaps_and_skips_the_first_candle(void **state)
{
    (void)state;
    static const struct {
        double high, low, close;
        bool ready;
        double want;
    } cases[] = {
        {99, 1, 10, false, 0},  /* no close before: no range */
        {12, 9, 11, false, 0},  /* 3 */
        {20, 15, 16, true, 6},  /* gap up: 20 - 11 = 9; mean 6 */
        {14, 12, 13, true, 5},  /* gap down: 16 - 12 = 4; (6 + 4) / 2 */
        {13, 13, 13, true, 2.5} /* 0 */
    };
    struct atr a;
    atr_init(&a, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(atr_add(&a, cases[i].high, cases[i].low, cases[i].close), cases[i].ready);
        if (cases[i].ready) assert_close(atr_value(&a), cases[i].want, 1e-15);
    }
}

static void test_window__of_one_value_hands_it_back(void **state)
{
    (void)state;
    double values[1];
    struct window w;
    window_init(&w, values, 1);
    double left = 0;
    assert_false(window_push(&w, 4, &left));
    assert_true(window_push(&w, 5, &left));
    assert_true(left == 4);
    assert_true(window_lap_ended(&w));
}

/* Mean and population deviation of the last `period` of `count` values, in long double,
 * two passes. */
static void naive_moments(const double *series, size_t count, uint32_t period, long double *mean,
                          long double *deviation)
{
    long double sum = 0, squares = 0;
    for (size_t i = count - period; i < count; i++) sum += series[i];
    *mean = sum / period;
    for (size_t i = count - period; i < count; i++)
        squares += (series[i] - *mean) * (series[i] - *mean);
    *deviation = sqrtl(squares / period);
}

/* Millions of values of a walk at the price of a coin, with crashes to a thousandth and back, which
 * leave large errors in sums that never start anew. */
static void test_bollinger__stays_accurate_over_millions_of_values(void **state)
{
    (void)state;
    static const uint32_t periods[] = {2, 20, 512};
    enum { COUNT = 2000000 };
    double *series = malloc(COUNT * sizeof *series);
    assert_non_null(series);
    struct prng p;
    prng_init(&p, 5);
    double price = 61837.63;
    for (size_t i = 0; i < COUNT; i++) {
        price += (double)((int64_t)prng_below(&p, 2001) - 1000) / 100;
        if (price < 1000) price = 61837.63;
        series[i] = i % 100000 == 77777 ? price / 1000 : price;
    }
    for (unsigned k = 0; k < sizeof periods / sizeof *periods; k++) {
        const uint32_t period = periods[k];
        double bollinger_values[512], sma_values[512];
        struct bollinger b;
        struct sma s;
        bollinger_init(&b, bollinger_values, period, 2);
        sma_init(&s, sma_values, period);
        for (size_t i = 0; i < COUNT; i++) {
            sma_add(&s, series[i]);
            if (!bollinger_add(&b, series[i]) || i % 101 != 0) continue;
            long double mean, deviation;
            naive_moments(series, i + 1, period, &mean, &deviation);
            assert_true(fabsl(sma_value(&s) - mean) < 1e-9L);
            assert_true(fabsl(bollinger_mid(&b) - mean) < 1e-9L);
            /* A crash may leave an error of its square times 2^-53 until the lap ends. */
            const bool calm = i % 100000 < 77777 || i % 100000 > 77777 + 2 * period;
            assert_true(fabsl(bollinger_deviation(&b) - deviation) < (calm ? 1e-10L : 1e-6L));
        }
    }
    free(series);
}

/* The recurrences unrolled: each value from the whole history, in long double. */
static void test_ema_rsi_atr__equal_the_unrolled_definition(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static double high[COUNT], low[COUNT], close[COUNT];
    struct prng p;
    prng_init(&p, 6);
    for (int i = 0; i < COUNT; i++) {
        close[i] = 100 + 10 * prng_unit(&p);
        high[i] = close[i] + prng_unit(&p);
        low[i] = close[i] - prng_unit(&p);
    }
    for (uint32_t period = 1; period <= 50; period += 7) {
        struct ema e;
        struct rsi r;
        struct atr a;
        ema_init(&e, period);
        rsi_init(&r, period);
        atr_init(&a, period);
        long double ema = 0, gain = 0, loss = 0, range = 0;
        const long double n = period;
        for (uint32_t i = 0; i < COUNT; i++) {
            if (i < period)
                ema += close[i] / n;
            else
                ema += (close[i] - ema) * 2 / (n + 1);
            assert_int_equal(ema_add(&e, close[i]), i + 1 >= period);
            if (ema_ready(&e)) assert_true(fabsl(ema_value(&e) - ema) < 1e-12L * 100);

            const long double change = i ? (long double)close[i] - close[i - 1] : 0;
            const long double up = change > 0 ? change : 0, down = change < 0 ? -change : 0;
            const long double widest =
                i ? fmaxl(high[i] - low[i], fmaxl(fabsl((long double)high[i] - close[i - 1]),
                                                  fabsl((long double)low[i] - close[i - 1])))
                  : 0;
            if (i <= period)
                gain += up / n, loss += down / n, range += widest / n;
            else {
                gain = (gain * (n - 1) + up) / n;
                loss = (loss * (n - 1) + down) / n;
                range = (range * (n - 1) + widest) / n;
            }
            assert_int_equal(rsi_add(&r, close[i]), i >= period);
            assert_int_equal(atr_add(&a, high[i], low[i], close[i]), i >= period);
            if (i < period) continue;
            const long double rsi = loss > 0 ? 100 - 100 / (1 + gain / loss) : 100;
            assert_true(fabsl(rsi_value(&r) - rsi) < 1e-10L);
            assert_true(fabsl(atr_value(&a) - range) < 1e-12L * 10);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ema__starts_from_the_mean_and_moves_by_its_weight),
        cmocka_unit_test(test_ema__period_one_is_the_value_itself),
        cmocka_unit_test(test_sma__is_the_mean_of_the_last_values),
        cmocka_unit_test(test_rsi__needs_one_value_more_than_its_period),
        cmocka_unit_test(test_rsi__is_100_without_loss_and_0_without_gain),
        cmocka_unit_test(test_macd__line_comes_before_signal),
        cmocka_unit_test(test_bollinger__population_deviation_around_the_mean),
        cmocka_unit_test(test_bollinger__flat_window_has_no_width),
        cmocka_unit_test(test_atr__counts_gaps_and_skips_the_first_candle),
        cmocka_unit_test(test_window__of_one_value_hands_it_back),
        cmocka_unit_test(test_bollinger__stays_accurate_over_millions_of_values),
        cmocka_unit_test(test_ema_rsi_atr__equal_the_unrolled_definition),
    };
    return cmocka_run_group_tests_name("indicator", tests, NULL, NULL);
}
