/* The made-up market: the same everywhere, of one piece in all timeframes, and like a market. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/sim/sim_synthetic.h"

#define NOW_MS INT64_C(1795000020000)

static struct arena arena;
static struct synthetic market;

static void start(uint64_t seed)
{
    assert_int_equal(arena_init(&arena, synthetic_need()), OK);
    synthetic_init(&market, &arena, seed);
}

static uint64_t hash_of_trades(uint64_t hash, uint16_t symbol, int64_t second)
{
    struct synthetic_trade trades[SYNTHETIC_TRADES_MAX];
    const uint32_t count = synthetic_trades(&market, symbol, second, trades);
    for (uint32_t i = 0; i < count; i++) {
        hash = hash_i64(hash, trades[i].time_ms);
        hash = hash_i64(hash, trades[i].price.units);
        hash = hash_i64(hash, trades[i].qty.units);
        hash = hash_i64(hash, trades[i].taker);
    }
    return hash;
}

static void test_synthetic__is_the_same_everywhere(void **state)
{
    (void)state;
    start(1);
    uint64_t hash = 0;
    for (uint16_t symbol = 0; symbol < SYNTHETIC_SYMBOLS; symbol++)
        for (int64_t s = 0; s < 3000; s++)
            hash = hash_of_trades(hash, symbol, NOW_MS / 1000 - 1500 + s * 7);
    struct level levels[SYNTHETIC_LEVELS];
    const uint32_t count = synthetic_levels(&market, 0, NOW_MS, SIDE_SELL, levels);
    for (uint32_t i = 0; i < count; i++)
        hash = hash_i64(hash_i64(hash, levels[i].price.units), levels[i].qty.units);
    assert_int_equal(hash, UINT64_C(0x2b1905cd181e411f));
    arena_deinit(&arena);
}

static void test_synthetic__does_not_depend_on_the_order_of_questions(void **state)
{
    (void)state;
    start(5);
    uint64_t forward = 0, backward = 0;
    for (int64_t s = 0; s < 2000; s++) forward += hash_of_trades(0, 3, NOW_MS / 1000 + s * 977);
    arena_deinit(&arena);
    start(5);
    for (int64_t s = 1999; s >= 0; s--) backward += hash_of_trades(0, 3, NOW_MS / 1000 + s * 977);
    assert_int_equal(forward, backward);
    arena_deinit(&arena);
    start(6);
    assert_int_not_equal(forward, hash_of_trades(0, 3, NOW_MS / 1000));
    arena_deinit(&arena);
}

static void assert_sums_up(const struct synthetic_candle *whole,
                           const struct synthetic_candle *parts, uint32_t count)
{
    struct synthetic_candle sum = parts[0];
    for (uint32_t i = 1; i < count; i++) {
        const struct candle *c = &parts[i].candle;
        if (c->high.units > sum.candle.high.units) sum.candle.high = c->high;
        if (c->low.units < sum.candle.low.units) sum.candle.low = c->low;
        sum.candle.close = c->close;
        sum.candle.volume.units += c->volume.units;
        sum.quote_volume.units += parts[i].quote_volume.units;
        sum.taker_buy.units += parts[i].taker_buy.units;
        sum.taker_buy_quote.units += parts[i].taker_buy_quote.units;
        sum.trades += parts[i].trades;
    }
    assert_memory_equal(&sum.candle, &whole->candle, sizeof sum.candle);
    assert_int_equal(sum.quote_volume.units, whole->quote_volume.units);
    assert_int_equal(sum.taker_buy.units, whole->taker_buy.units);
    assert_int_equal(sum.taker_buy_quote.units, whole->taker_buy_quote.units);
    assert_int_equal(sum.trades, whole->trades);
}

static void test_candles__all_timeframes_agree(void **state)
{
    (void)state;
    start(1);
    struct synthetic_candle *parts = calloc(3600, sizeof *parts);
    struct synthetic_candle whole;
    for (uint16_t symbol = 0; symbol < SYNTHETIC_SYMBOLS; symbol++) {
        for (unsigned t = TIMEFRAME_1M; t <= TIMEFRAME_2H; t++) {
            const enum timeframe timeframe = (enum timeframe)t;
            const int64_t open_ms = timeframe_floor(timeframe, NOW_MS);
            const enum timeframe part = t == TIMEFRAME_1M ? TIMEFRAME_1S : TIMEFRAME_1M;
            const uint32_t count = (uint32_t)(timeframe_ms(timeframe) / timeframe_ms(part));
            assert_int_equal(synthetic_candles(&market, symbol, timeframe, NOW_MS, 1, &whole), 1);
            assert_int_equal(synthetic_candles(&market, symbol, part, open_ms, count, parts),
                             count);
            assert_true(candle_is_sound(&whole.candle));
            assert_sums_up(&whole, parts, count);
        }
    }
    /* A second is its trades. */
    struct synthetic_trade trades[SYNTHETIC_TRADES_MAX];
    const uint32_t count = synthetic_trades(&market, 2, NOW_MS / 1000, trades);
    synthetic_candles(&market, 2, TIMEFRAME_1S, NOW_MS, 1, &whole);
    assert_int_equal(whole.candle.open.units, trades[0].price.units);
    assert_int_equal(whole.candle.close.units, trades[count - 1].price.units);
    assert_int_equal(whole.trades, count);
    assert_int_equal(synthetic_candles(&market, 0, TIMEFRAME_1D, NOW_MS, 1000, parts) <= 60, true);
    free(parts);
    arena_deinit(&arena);
}

/* Moves of one-minute closes over many seeds: mean about 0, spread about the daily volatility, and
 * quiet and loud hours differ more than chance alone would make them. */
static void test_synthetic__moves_like_a_market_without_drift(void **state)
{
    (void)state;
    enum { SEEDS = 30, MINUTES = 720 };
    static struct synthetic_candle c[MINUTES + 1];
    double sum = 0, squares = 0, loudest = 0, quietest = 1e9;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        start(seed);
        synthetic_candles(&market, 0, TIMEFRAME_1M, NOW_MS, MINUTES + 1, c);
        for (int hour = 0; hour < MINUTES / 60; hour++) {
            double hour_squares = 0;
            for (int i = hour * 60; i < hour * 60 + 60; i++) {
                const double from = (double)c[i].candle.close.units;
                const double move = ((double)c[i + 1].candle.close.units - from) / from;
                sum += move;
                hour_squares += move * move;
            }
            squares += hour_squares;
            if (hour_squares > loudest) loudest = hour_squares;
            if (hour_squares < quietest) quietest = hour_squares;
        }
        arena_deinit(&arena);
    }
    const double n = (double)SEEDS * MINUTES;
    const double usual = 0.025 * 0.025 / 1440; /* variance of a minute at 2.5 % a day */
    assert_true(squares / n > usual * 0.6 && squares / n < usual * 1.7);
    /* Four standard errors of the mean. */
    assert_true(sum / n * sum / n < 16 * (squares / n) / n);
    assert_true(loudest > 10 * quietest);
}

static void test_synthetic__book_is_deep_sorted_and_never_crossed(void **state)
{
    (void)state;
    start(1);
    for (uint16_t symbol = 0; symbol < SYNTHETIC_SYMBOLS; symbol++) {
        for (int64_t step = 0; step < 2000; step++) {
            const int64_t time_ms = NOW_MS + step * SYNTHETIC_STEP_MS;
            struct level bids[SYNTHETIC_LEVELS], asks[SYNTHETIC_LEVELS];
            struct price bid, ask;
            synthetic_quote(&market, symbol, time_ms, &bid, &ask);
            assert_true(bid.units > 0 && bid.units < ask.units && ask.units - bid.units <= 4);
            assert_int_equal(synthetic_levels(&market, symbol, time_ms, SIDE_BUY, bids),
                             SYNTHETIC_LEVELS);
            assert_int_equal(synthetic_levels(&market, symbol, time_ms, SIDE_SELL, asks),
                             SYNTHETIC_LEVELS);
            assert_int_equal(bids[0].price.units, bid.units);
            assert_int_equal(asks[0].price.units, ask.units);
            for (int i = 1; i < SYNTHETIC_LEVELS; i++) {
                assert_true(bids[i].price.units < bids[i - 1].price.units && bids[i].qty.units > 0);
                assert_true(asks[i].price.units > asks[i - 1].price.units && asks[i].qty.units > 0);
            }
        }
    }
    arena_deinit(&arena);
}

/* Driver */

enum { PRINTS_MAX = 100000 };

struct prints {
    struct sim_print items[PRINTS_MAX];
    uint16_t instruments[PRINTS_MAX];
    int64_t times[PRINTS_MAX];
    uint32_t count;
};

static struct prints prints;
static struct sim_exchange exchange;
static struct arena exchange_arena;
static struct synthetic_driver driver;

static void keep_print(void *context, const struct sim_event *event)
{
    struct prints *p = context;
    if (event->kind != SIM_EVENT_PRINT) return;
    assert_true(p->count < PRINTS_MAX);
    p->instruments[p->count] = event->instrument;
    p->times[p->count] = event->time_ms;
    p->items[p->count++] = event->print;
}

static void start_driver(void)
{
    const struct sim_config config = {
        .instruments_max = SYNTHETIC_SYMBOLS,
        .accounts_max = 4,
        .orders_max = 2000,
        .lists_max = 4,
        .levels_max = 500,
        .history_max = 100,
        .fills_max = 1000,
        .order_id_base = 1,
        .trade_id_base = 1,
        .update_id_base = 1,
        .list_id_base = 1,
        .listener = keep_print,
        .context = &prints,
    };
    start(1);
    prints.count = 0;
    assert_int_equal(arena_init(&exchange_arena, sim_exchange_need(&config)), OK);
    sim_exchange_init(&exchange, &exchange_arena, &config);
    assert_int_equal(synthetic_driver_init(&driver, &market, &exchange), OK);
}

static void stop_driver(void)
{
    arena_deinit(&exchange_arena);
    arena_deinit(&arena);
}

static void test_driver__prints_are_the_functions_trades(void **state)
{
    (void)state;
    enum { SECONDS = 60 };
    start_driver();
    for (int64_t t = NOW_MS; t < NOW_MS + SECONDS * 1000; t += 250) {
        synthetic_step(&driver, t);
        sim_exchange_audit(&exchange);
    }
    synthetic_step(&driver, NOW_MS + SECONDS * 1000 - 1);
    for (uint16_t asset = 0; asset < exchange.assets.count; asset++)
        assert_int_equal(exchange.fees[asset].units, 0); /* it pays none */
    for (uint16_t symbol = 0; symbol < SYNTHETIC_SYMBOLS; symbol++) {
        uint32_t at = 0;
        for (int64_t s = NOW_MS / 1000; s < NOW_MS / 1000 + SECONDS; s++) {
            struct synthetic_trade trades[SYNTHETIC_TRADES_MAX];
            const uint32_t count = synthetic_trades(&market, symbol, s, trades);
            for (uint32_t i = 0; i < count; i++, at++) {
                while (prints.instruments[at] != driver.instruments[symbol]) at++;
                assert_true(at < prints.count);
                assert_int_equal(prints.items[at].price.units, trades[i].price.units);
                assert_int_equal(prints.items[at].qty.units, trades[i].qty.units);
                assert_int_equal(prints.items[at].buyer_is_maker, trades[i].taker == SIDE_SELL);
                assert_int_equal(prints.times[at], trades[i].time_ms);
            }
        }
    }
    stop_driver();
}

static void test_driver__users_trade_in_the_same_book(void **state)
{
    (void)state;
    start_driver();
    uint32_t user;
    uint16_t usdt;
    assert_true(sim_assets_find(&exchange.assets, "USDT", &usdt));
    assert_int_equal(sim_exchange_add_account(&exchange, "user", false, &user), OK);
    assert_true(
        sim_exchange_deposit(&exchange, user, usdt, (struct money){100000000000000}, NOW_MS));
    synthetic_step(&driver, NOW_MS);
    struct sim_request r = {
        .account = user,
        .instrument = driver.instruments[0],
        .side = SIDE_BUY,
        .type = SIM_TYPE_MARKET,
        .qty = {1000},
        .client_id = "market",
        .time_ms = NOW_MS,
    };
    struct sim_result result;
    assert_int_equal(sim_exchange_place(&exchange, &r, &result), SIM_REJECT_NONE);
    assert_int_equal(result.order.status, SIM_FILLED);
    /* A bid at the touch is filled when the market comes down through it. */
    struct price bid, ask;
    synthetic_quote(&market, 0, NOW_MS, &bid, &ask);
    r.type = SIM_TYPE_LIMIT_MAKER;
    r.price = bid;
    strcpy(r.client_id, "rest");
    assert_int_equal(sim_exchange_place(&exchange, &r, &result), SIM_REJECT_NONE);
    const uint64_t id = result.order.id;
    int64_t t = NOW_MS;
    const struct sim_order *o = &result.order;
    while (o->status != SIM_FILLED && t < NOW_MS + 600000) {
        synthetic_step(&driver, t += 100);
        o = sim_exchange_order(&exchange, user, driver.instruments[0], id, "");
    }
    assert_int_equal(o->status, SIM_FILLED);
    assert_int_equal(o->filled_quote.units, bid.units * 1000 * 10); /* at its own price */
    assert_true(o->traded_maker);
    sim_exchange_audit(&exchange);
    stop_driver();
}

static void test_driver__a_pause_is_skipped(void **state)
{
    (void)state;
    start_driver();
    synthetic_step(&driver, NOW_MS);
    const uint32_t before = prints.count;
    synthetic_step(&driver, NOW_MS + 86400000);
    assert_true(prints.count - before < SYNTHETIC_SYMBOLS * SYNTHETIC_TRADES_MAX);
    struct level bid, ask;
    uint64_t id;
    struct price want_bid, want_ask;
    synthetic_quote(&market, 0, NOW_MS + 86400000, &want_bid, &want_ask);
    assert_int_equal(sim_exchange_depth(&exchange, 0, SIDE_BUY, &bid, 1, &id), 1);
    assert_int_equal(sim_exchange_depth(&exchange, 0, SIDE_SELL, &ask, 1, &id), 1);
    assert_int_equal(bid.price.units, want_bid.units);
    assert_int_equal(ask.price.units, want_ask.units);
    stop_driver();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synthetic__is_the_same_everywhere),
        cmocka_unit_test(test_synthetic__does_not_depend_on_the_order_of_questions),
        cmocka_unit_test(test_candles__all_timeframes_agree),
        cmocka_unit_test(test_synthetic__moves_like_a_market_without_drift),
        cmocka_unit_test(test_synthetic__book_is_deep_sorted_and_never_crossed),
        cmocka_unit_test(test_driver__prints_are_the_functions_trades),
        cmocka_unit_test(test_driver__users_trade_in_the_same_book),
        cmocka_unit_test(test_driver__a_pause_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
