/* Names, timeframes, candles and client order ids: what is written can be read back, the rest is
 * refused. */
#include "cmocka_all.h"

#include <string.h>

#include "base/prng.h"
#include "core/model/bot.h"
#include "core/model/candle.h"
#include "core/model/instrument.h"
#include "core/model/order.h"

static void test_timeframe__names_and_lengths_go_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t ms;
    } cases[TIMEFRAME_COUNT] = {
        {"1s", 1000},     {"1m", 60000},     {"3m", 180000},   {"5m", 300000},   {"15m", 900000},
        {"30m", 1800000}, {"1h", 3600000},   {"2h", 7200000},  {"4h", 14400000}, {"6h", 21600000},
        {"8h", 28800000}, {"12h", 43200000}, {"1d", 86400000},
    };
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) {
        enum timeframe by_name, by_ms;
        assert_string_equal(timeframe_name((enum timeframe)i), cases[i].name);
        assert_int_equal(timeframe_ms((enum timeframe)i), cases[i].ms);
        assert_true(timeframe_parse(cases[i].name, &by_name));
        assert_true(timeframe_from_ms(cases[i].ms, &by_ms));
        assert_int_equal(by_name, i);
        assert_int_equal(by_ms, i);
    }
    static const char *const bad[] = {"", "1", "m", "1M", "01m", "1m ", "60s", "1w", "1H"};
    enum timeframe t;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(timeframe_parse(bad[i], &t));
    static const int64_t bad_ms[] = {0, -60000, 1, 60001, 120000, INT64_MAX};
    for (size_t i = 0; i < sizeof bad_ms / sizeof *bad_ms; i++)
        assert_false(timeframe_from_ms(bad_ms[i], &t));
}

static void test_timeframe__floor_is_the_start_of_the_candle(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 31);
    for (unsigned i = 0; i < 20000; i++) {
        const enum timeframe t = (enum timeframe)prng_below(&p, TIMEFRAME_COUNT);
        const int64_t ms = (int64_t)(prng_next(&p) >> (1 + prng_below(&p, 63)));
        const int64_t open_ms = timeframe_floor(t, ms);
        assert_true(open_ms >= 0 && open_ms <= ms && ms - open_ms < timeframe_ms(t));
        assert_int_equal(open_ms % timeframe_ms(t), 0);
        assert_int_equal(timeframe_floor(t, open_ms), open_ms);
    }
    /* 2024-08-08 23:54:13.937 UTC */
    assert_int_equal(timeframe_floor(TIMEFRAME_1D, INT64_C(1723161253937)), INT64_C(1723075200000));
    assert_int_equal(timeframe_floor(TIMEFRAME_8H, INT64_C(1723161253937)), INT64_C(1723132800000));
}

static void test_candle__is_sound_or_not(void **state)
{
    (void)state;
    static const struct {
        int64_t open, high, low, close, volume;
        bool sound;
    } cases[] = {
        {10, 12, 9, 11, 5, true},  {10, 10, 10, 10, 0, true}, {10, 12, 9, 11, -1, false},
        {13, 12, 9, 11, 5, false}, {10, 12, 9, 13, 5, false}, {8, 12, 9, 11, 5, false},
        {10, 12, 9, 8, 5, false},  {0, 12, 0, 11, 5, false},  {10, 12, -9, 11, 5, false},
        {10, 9, 12, 11, 5, false}, {0, 0, 0, 0, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct candle c = {.open = {cases[i].open},
                                 .high = {cases[i].high},
                                 .low = {cases[i].low},
                                 .close = {cases[i].close},
                                 .volume = {cases[i].volume}};
        assert_int_equal(candle_is_sound(&c), cases[i].sound);
    }
}

static const char install[INSTALL_ID_SIZE] = "k3x9ab0z";

static void test_client_id__known_texts(void **state)
{
    (void)state;
    static const struct {
        uint64_t id;
        const char *text;
    } cases[] = {
        {1, "tb-k3x9ab0z-1"},
        {35, "tb-k3x9ab0z-z"},
        {36, "tb-k3x9ab0z-10"},
        {1295, "tb-k3x9ab0z-zz"},
        {UINT64_MAX, "tb-k3x9ab0z-3w5e11264sgsf"},
        {0, "tb-k3x9ab0z-0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CLIENT_ID_SIZE];
        uint64_t id = 4711;
        client_id_write(install, cases[i].id, text);
        assert_string_equal(text, cases[i].text);
        assert_true(client_id_parse(install, text, strlen(text), &id));
        assert_int_equal(id, cases[i].id);
    }
}

static void test_client_id__of_somebody_else_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "tb-",
        "tb-k3x9ab0z",
        "tb-k3x9ab0z-",
        "tb-k3x9ab0y-1",
        "TB-k3x9ab0z-1",
        "tb_k3x9ab0z-1",
        "tb-k3x9ab0z_1",
        "tb-k3x9ab0z-A",
        "tb-k3x9ab0z--1",
        "tb-k3x9ab0z- 1",
        "tb-k3x9ab0z-1 ",
        "tb-k3x9ab0z-01",            /* a second text for 1 */
        "tb-k3x9ab0z-3w5e11264sgsg", /* 2^64 */
        "tb-k3x9ab0z-zzzzzzzzzzzzzzzzzzzzzzzz",
        "web_9f2c1d",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t id = 4711;
        if (client_id_parse(install, cases[i], strlen(cases[i]), &id)) fail_msg("%s", cases[i]);
        assert_int_equal(id, 4711);
    }
    uint64_t id;
    assert_false(client_id_parse(install, "tb-k3x9ab0z-1\0", 14, &id)); /* a NUL is no digit */
}

static void test_client_id__round_trip_in_the_venues_alphabet(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 32);
    for (unsigned i = 0; i < 50000; i++) {
        const uint64_t id = prng_next(&p) >> prng_below(&p, 64);
        char text[CLIENT_ID_SIZE];
        uint64_t again;
        client_id_write(install, id, text);
        const size_t size = strlen(text);
        assert_true(size <= 36);
        assert_int_equal(strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-"), size);
        assert_true(client_id_parse(install, text, size, &again));
        assert_int_equal(again, id);
    }
}

/* What the store and the API read back. Each name is written out, so that renaming one by accident
 * shows. */
static void test_instrument__lot_scale_is_what_whole_steps_need(void **state)
{
    (void)state;
    static const struct {
        uint8_t qty_scale;
        int64_t step;
        unsigned lot_scale;
    } rows[] = {
        {8, 1000, 5},  {5, 1, 5},      {8, 1, 8},  {8, 5000, 5}, {8, 2500, 6},
        {4, 10000, 0}, {2, 100000, 0}, {0, 10, 0}, {8, 0, 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct instrument rules = {.qty_scale = rows[i].qty_scale, .step = {rows[i].step}};
        assert_int_equal(instrument_lot_scale(&rules), rows[i].lot_scale);
    }
}

static void test_names__read_back_as_they_were_written(void **state)
{
    (void)state;
    static const char *const order_states[ORDER_STATE_COUNT] = {
        "impossible", "sent",     "unknown", "open",     "canceling",
        "filled",     "canceled", "expired", "rejected",
    };
    static const bool closed[ORDER_STATE_COUNT] = {
        [ORDER_FILLED] = true,
        [ORDER_CANCELED] = true,
        [ORDER_EXPIRED] = true,
        [ORDER_REJECTED] = true,
    };
    for (unsigned i = 0; i < ORDER_STATE_COUNT; i++) {
        assert_string_equal(order_state_name((enum order_state)i), order_states[i]);
        assert_int_equal(order_state_is_closed((enum order_state)i), closed[i]);
    }
    static const char *const sizings[SIZING_KIND_COUNT] = {"quantity", "quote", "percent", "risk"};
    for (unsigned i = 0; i < SIZING_KIND_COUNT; i++) {
        enum sizing_kind sizing;
        assert_string_equal(sizing_kind_name((enum sizing_kind)i), sizings[i]);
        assert_true(sizing_kind_parse(sizings[i], &sizing));
        assert_int_equal(sizing, i);
    }
    static const char *const bot_states[BOT_STATE_COUNT] = {"stopped", "running", "paused",
                                                            "stopping"};
    for (unsigned i = 0; i < BOT_STATE_COUNT; i++)
        assert_string_equal(bot_state_name((enum bot_state)i), bot_states[i]);
    enum venue venue;
    assert_true(venue_parse("sim", &venue) && venue == VENUE_SIM);
    assert_true(venue_parse("binance", &venue) && venue == VENUE_BINANCE);
    assert_string_equal(venue_name(VENUE_SIM), "sim");
    assert_string_equal(venue_name(VENUE_BINANCE), "binance");
    assert_string_equal(side_name(SIDE_BUY), "buy");
    assert_string_equal(side_name(SIDE_SELL), "sell");
    assert_string_equal(mode_name(MODE_PAPER), "paper");
    assert_string_equal(mode_name(MODE_LIVE), "live");
    assert_string_equal(order_type_name(ORDER_TYPE_MARKET), "market");
    assert_string_equal(order_type_name(ORDER_TYPE_LIMIT), "limit");
    assert_string_equal(liquidity_name(LIQUIDITY_MAKER), "maker");
    assert_string_equal(liquidity_name(LIQUIDITY_TAKER), "taker");
    assert_string_equal(purpose_name(PURPOSE_STOP), "stop");
}

static void test_names__unknown_words_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "Open", "open ", "nonsense", "binanc", "quantity2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum sizing_kind sizing;
        enum venue venue;
        assert_false(sizing_kind_parse(bad[i], &sizing));
        assert_false(venue_parse(bad[i], &venue));
    }
}

/* An X-macro or a table that lost an entry would leave a NULL. */
static void test_names__every_value_has_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ORDER_INPUT_COUNT; i++)
        assert_true(strlen(order_input_name((enum order_input)i)) > 0);
    for (unsigned i = 0; i < ORDER_REASON_COUNT; i++)
        assert_non_null(order_reason_name((enum order_reason)i));
    for (unsigned i = 0; i < BOT_REASON_COUNT; i++)
        assert_non_null(bot_reason_name((enum bot_reason)i));
    assert_string_equal(order_reason_name(ORDER_REASON_NONE), "");
    assert_string_equal(bot_reason_name(BOT_REASON_NONE), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timeframe__names_and_lengths_go_both_ways),
        cmocka_unit_test(test_timeframe__floor_is_the_start_of_the_candle),
        cmocka_unit_test(test_candle__is_sound_or_not),
        cmocka_unit_test(test_client_id__known_texts),
        cmocka_unit_test(test_client_id__of_somebody_else_is_refused),
        cmocka_unit_test(test_client_id__round_trip_in_the_venues_alphabet),
        cmocka_unit_test(test_instrument__lot_scale_is_what_whole_steps_need),
        cmocka_unit_test(test_names__read_back_as_they_were_written),
        cmocka_unit_test(test_names__unknown_words_are_refused),
        cmocka_unit_test(test_names__every_value_has_one),
    };
    return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
