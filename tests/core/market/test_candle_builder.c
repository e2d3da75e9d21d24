/* Candles from prints: rules by table, then against naive grouping. */
#include "cmocka_all.h"

#include <string.h>

#include "base/prng.h"
#include "core/market/candle_builder.h"

static struct candle_output out;

static enum candle_result add(struct candle_builder *b, uint64_t id, int64_t time_ms, int64_t price,
                              int64_t qty)
{
    const struct print print = {.id = id, .price = {price}, .qty = {qty}, .time_ms = time_ms};
    return candle_builder_add(b, &print, &out);
}

static void expect(const struct candle *c, int64_t open_ms, int64_t open, int64_t high, int64_t low,
                   int64_t close, int64_t volume)
{
    assert_int_equal(c->open_ms, open_ms);
    assert_int_equal(c->open.units, open);
    assert_int_equal(c->high.units, high);
    assert_int_equal(c->low.units, low);
    assert_int_equal(c->close.units, close);
    assert_int_equal(c->volume.units, volume);
    assert_true(candle_is_sound(c));
}

static struct candle_builder with_one_candle(void)
{
    struct candle_builder b;
    candle_builder_init(&b, TIMEFRAME_1M);
    assert_int_equal(add(&b, 1, 60000, 100, 5), CANDLE_ADDED);
    assert_int_equal(add(&b, 2, 60001, 120, 1), CANDLE_ADDED);
    assert_int_equal(add(&b, 3, 119999, 90, 2), CANDLE_ADDED);
    assert_int_equal(out.count, 0);
    return b;
}

static void test_candle_builder__a_print_of_the_next_interval_closes(void **state)
{
    (void)state;
    struct candle_builder b = with_one_candle();
    struct candle forming;
    assert_int_equal(add(&b, 4, 120000, 95, 7), CANDLE_ADDED);
    assert_int_equal(out.count, 1);
    expect(&out.candles[0], 60000, 100, 120, 90, 90, 8);
    assert_true(candle_builder_forming(&b, &forming));
    expect(&forming, 120000, 95, 95, 95, 95, 7);
}

static void test_candle_builder__time_closes_at_the_end_of_the_interval(void **state)
{
    (void)state;
    struct candle_builder b = with_one_candle();
    candle_builder_on_time(&b, 119999, &out);
    assert_int_equal(out.count, 0);
    candle_builder_on_time(&b, 120000, &out);
    assert_int_equal(out.count, 1);
    expect(&out.candles[0], 60000, 100, 120, 90, 90, 8);
    candle_builder_on_time(&b, 120001, &out);
    assert_int_equal(out.count, 0);
    /* the first print opens the candle, not the close before */
    assert_int_equal(add(&b, 4, 130000, 50, 7), CANDLE_ADDED);
    candle_builder_on_time(&b, 180000, &out);
    assert_int_equal(out.count, 1);
    expect(&out.candles[0], 120000, 50, 50, 50, 50, 7);
}

static void test_candle_builder__nothing_is_built_before_the_first_print(void **state)
{
    (void)state;
    struct candle_builder b;
    struct candle forming;
    candle_builder_init(&b, TIMEFRAME_1S);
    candle_builder_on_time(&b, 1000000, &out);
    assert_int_equal(out.count, 0);
    assert_false(candle_builder_forming(&b, &forming));
}

static void test_candle_builder__silent_intervals_are_filled_with_empty_candles(void **state)
{
    (void)state;
    struct candle_builder b = with_one_candle();
    assert_int_equal(add(&b, 4, 300500, 95, 7), CANDLE_ADDED);
    assert_int_equal(out.count, 4);
    assert_false(out.gap);
    for (uint32_t i = 1; i < 4; i++) expect(&out.candles[i], 60000 + i * 60000, 90, 90, 90, 90, 0);
    candle_builder_on_time(&b, 480000, &out);
    assert_int_equal(out.count, 3);
    expect(&out.candles[0], 300000, 95, 95, 95, 95, 7);
    expect(&out.candles[2], 420000, 95, 95, 95, 95, 0);
}

static void test_candle_builder__a_long_silence_is_a_gap(void **state)
{
    (void)state;
    static const int64_t empties[] = {CANDLE_FILL_MAX, CANDLE_FILL_MAX + 1, 1000000};
    for (size_t i = 0; i < sizeof empties / sizeof *empties; i++)
        for (int by_time = 0; by_time < 2; by_time++) {
            struct candle_builder b = with_one_candle();
            const int64_t next_ms = 120000 + empties[i] * 60000;
            if (by_time)
                candle_builder_on_time(&b, next_ms, &out);
            else
                add(&b, 4, next_ms, 95, 7);
            assert_int_equal(out.gap, empties[i] > CANDLE_FILL_MAX);
            assert_int_equal(out.count, out.gap ? 1 : 1 + CANDLE_FILL_MAX);
            expect(&out.candles[0], 60000, 100, 120, 90, 90, 8);
            struct candle forming;
            assert_true(candle_builder_forming(&b, &forming));
            assert_int_equal(forming.open_ms, next_ms);
            if (!out.gap) continue;
            assert_int_equal(out.gap_from_ms, 120000);
            assert_int_equal(out.gap_to_ms, next_ms);
        }
}

static void test_candle_builder__late_print_never_changes_a_closed_candle(void **state)
{
    (void)state;
    struct candle_builder b = with_one_candle();
    candle_builder_on_time(&b, 120000, &out);
    const struct candle_builder before = b;
    assert_int_equal(add(&b, 4, 119999, 1, 1), CANDLE_LATE);
    assert_int_equal(out.count, 0);
    assert_int_equal(b.late, 1);
    assert_memory_equal(&b.forming, &before.forming, sizeof b.forming);
    candle_builder_on_time(&b, 0, &out); /* time never goes back, and does no harm if it does */
    assert_int_equal(out.count, 0);
}

static void test_candle_builder__repeated_and_unsound_prints_are_counted(void **state)
{
    (void)state;
    struct candle_builder b = with_one_candle();
    assert_int_equal(add(&b, 3, 119999, 500, 1), CANDLE_REPEATED);
    assert_int_equal(add(&b, 1, 119999, 500, 1), CANDLE_REPEATED);
    assert_int_equal(add(&b, 4, 119999, 0, 1), CANDLE_UNSOUND);
    assert_int_equal(add(&b, 4, 119999, 500, -1), CANDLE_UNSOUND);
    assert_int_equal(add(&b, 4, -1, 500, 1), CANDLE_UNSOUND);
    assert_int_equal(add(&b, 4, 119999, 500, INT64_MAX), CANDLE_UNSOUND); /* volume overflows */
    assert_int_equal(b.repeated, 2);
    assert_int_equal(b.unsound, 4);
    candle_builder_on_time(&b, 120000, &out);
    expect(&out.candles[0], 60000, 100, 120, 90, 90, 8);
    /* a venue without ids */
    assert_int_equal(add(&b, 0, 120000, 7, 1), CANDLE_ADDED);
    assert_int_equal(add(&b, 0, 120000, 7, 1), CANDLE_ADDED);
    candle_builder_on_time(&b, 180000, &out);
    expect(&out.candles[0], 120000, 7, 7, 7, 7, 2);
}

static void test_candle_builder__goes_on_from_a_seeded_candle(void **state)
{
    (void)state;
    struct candle_builder b;
    const struct candle seed = {
        .open_ms = 60000, .open = {10}, .high = {14}, .low = {9}, .close = {12}, .volume = {30}};
    candle_builder_init(&b, TIMEFRAME_1M);
    assert_true(candle_builder_seed(&b, &seed, 77));
    assert_int_equal(add(&b, 77, 70000, 500, 1), CANDLE_REPEATED);
    assert_int_equal(add(&b, 78, 70000, 15, 1), CANDLE_ADDED);
    assert_int_equal(add(&b, 79, 59999, 15, 1), CANDLE_LATE);
    candle_builder_on_time(&b, 120000, &out);
    assert_int_equal(out.count, 1);
    expect(&out.candles[0], 60000, 10, 15, 9, 15, 31);

    /* a seed that had no print yet: its prices are the close before */
    const struct candle empty = {
        .open_ms = 60000, .open = {10}, .high = {10}, .low = {10}, .close = {10}};
    candle_builder_init(&b, TIMEFRAME_1M);
    assert_true(candle_builder_seed(&b, &empty, 0));
    assert_int_equal(add(&b, 1, 70000, 15, 1), CANDLE_ADDED);
    candle_builder_on_time(&b, 120000, &out);
    expect(&out.candles[0], 60000, 15, 15, 15, 15, 1);
}

static void test_candle_builder__bad_seeds_are_refused(void **state)
{
    (void)state;
    const struct candle good = {
        .open_ms = 60000, .open = {10}, .high = {14}, .low = {9}, .close = {12}, .volume = {30}};
    struct candle bad[4] = {good, good, good, good};
    bad[0].open_ms = 60001;
    bad[1].open_ms = -60000;
    bad[2].high.units = 11;
    bad[3].volume.units = -1;
    struct candle_builder b, before;
    candle_builder_init(&b, TIMEFRAME_1M);
    before = b;
    for (unsigned i = 0; i < 4; i++) assert_false(candle_builder_seed(&b, &bad[i], 0));
    assert_memory_equal(&b, &before, sizeof b);
}

/* Naive: all prints of a timeframe's interval looked up for each candle. */
static struct candle naive_candle(const struct print *prints, unsigned count, int64_t open_ms,
                                  int64_t step, struct price close_before)
{
    struct candle c = {.open_ms = open_ms, .open = close_before, .close = close_before};
    bool any = false;
    for (unsigned i = 0; i < count; i++) {
        if (prints[i].time_ms < open_ms || prints[i].time_ms >= open_ms + step) continue;
        if (!any) c.open = prints[i].price;
        c.close = prints[i].price;
        c.volume.units += prints[i].qty.units;
        any = true;
    }
    c.high = c.open.units > c.close.units ? c.open : c.close;
    c.low = c.open.units < c.close.units ? c.open : c.close;
    for (unsigned i = 0; i < count; i++) {
        if (prints[i].time_ms < open_ms || prints[i].time_ms >= open_ms + step) continue;
        if (prints[i].price.units > c.high.units) c.high = prints[i].price;
        if (prints[i].price.units < c.low.units) c.low = prints[i].price;
    }
    return c;
}

static void run_against_naive(enum timeframe timeframe, uint64_t seed)
{
    enum { PRINTS = 600, CANDLES = PRINTS * 4 };
    static struct print prints[PRINTS];
    static struct candle built[CANDLES];
    const int64_t step = timeframe_ms(timeframe);
    struct prng p;
    struct candle_builder b;
    unsigned count = 0;
    prng_init(&p, seed);
    candle_builder_init(&b, timeframe);

    int64_t time_ms = INT64_C(1700000000000) + (int64_t)prng_below(&p, (uint64_t)step);
    for (unsigned i = 0; i < PRINTS; i++) {
        const bool silence = prng_below(&p, 10) == 0;
        time_ms += (int64_t)prng_below(&p, (uint64_t)(silence ? 6 * step : step / 3));
        prints[i] = (struct print){
            .id = i + 1,
            .price = {1 + (int64_t)prng_below(&p, 1000)},
            .qty = {(int64_t)prng_below(&p, 50)},
            .time_ms = time_ms,
        };
        if (prng_below(&p, 2)) {
            /* time events come anywhere between two prints */
            const int64_t before = i ? prints[i - 1].time_ms : time_ms;
            candle_builder_on_time(
                &b, before + (int64_t)prng_below(&p, (uint64_t)(time_ms - before) + 1), &out);
            assert_false(out.gap);
            memcpy(&built[count], out.candles, out.count * sizeof *built);
            count += out.count;
        }
        assert_int_equal(candle_builder_add(&b, &prints[i], &out), CANDLE_ADDED);
        assert_false(out.gap);
        memcpy(&built[count], out.candles, out.count * sizeof *built);
        count += out.count;
    }

    struct price close = prints[0].price;
    int64_t open_ms = timeframe_floor(timeframe, prints[0].time_ms);
    assert_true(count > 50);
    for (unsigned i = 0; i < count; i++, open_ms += step) {
        const struct candle want = naive_candle(prints, PRINTS, open_ms, step, close);
        assert_memory_equal(&built[i], &want, sizeof want);
        close = want.close;
    }
    assert_int_equal(open_ms, timeframe_floor(timeframe, time_ms));
}

static void test_candle_builder__equals_naive_grouping_in_every_timeframe(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) run_against_naive((enum timeframe)i, i + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candle_builder__a_print_of_the_next_interval_closes),
        cmocka_unit_test(test_candle_builder__time_closes_at_the_end_of_the_interval),
        cmocka_unit_test(test_candle_builder__nothing_is_built_before_the_first_print),
        cmocka_unit_test(test_candle_builder__silent_intervals_are_filled_with_empty_candles),
        cmocka_unit_test(test_candle_builder__a_long_silence_is_a_gap),
        cmocka_unit_test(test_candle_builder__late_print_never_changes_a_closed_candle),
        cmocka_unit_test(test_candle_builder__repeated_and_unsound_prints_are_counted),
        cmocka_unit_test(test_candle_builder__goes_on_from_a_seeded_candle),
        cmocka_unit_test(test_candle_builder__bad_seeds_are_refused),
        cmocka_unit_test(test_candle_builder__equals_naive_grouping_in_every_timeframe),
    };
    return cmocka_run_group_tests_name("candle_builder", tests, NULL, NULL);
}
