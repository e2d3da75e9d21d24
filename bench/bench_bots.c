/* Ten thousand idle bots on two hundred symbols: resident memory, and what one candle close costs.
 *
 * The engine has the limits that the running program gives it, so tables of the real size are in
 * the figure as far as they are touched. Every book gets a snapshot of 1,000 levels a side, every
 * bot its warm-up history. Then one candle closes on every symbol: all bots step their strategies
 * and none trades, because the price does not move. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "core/engine/engine.h"
#include "core/strategy/strategy.h"

enum {
    BOTS = 10000,
    SYMBOLS = 200,
    LEVELS = 1000,
    HISTORY_EXTRA = 50, /* candles beyond a strategy's own warm-up */
    CLOSES = 20,
    MINUTE_MS = 60000,
    PRICE = 10000000,
};

/* As in src/app/trader_state.h: those of the program. */
static const struct engine_limits limits = {
    .instruments = 1024,
    .bots = 20000,
    .legs = 30000,
    .orders = 65536,
    .fills = 65536,
    .book_levels = 5000,
    .explain = true,
};

struct bench {
    struct engine *engine;
    struct outbox out;
    uint64_t seq;
    int64_t time_ms, candle_ms;
};

static double resident_mb(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%*u %lu", &pages) == 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static void step(struct bench *b, struct event event)
{
    event.seq = ++b->seq;
    event.time_ms = b->time_ms;
    engine_step(b->engine, &event, &b->out);
}

static void add_symbol(struct bench *b, uint16_t index)
{
    struct instrument rules = {
        .base = "BTC",
        .quote = "USDT",
        .price_scale = 2,
        .qty_scale = 5,
        .base_scale = 8,
        .quote_scale = 8,
        .tick = {1},
        .step = {1},
        .qty_min = {1},
        .notional_min = {500000000},
        .taker_fee_ppm = 1000,
    };
    static struct level bids[LEVELS], asks[LEVELS];
    snprintf(rules.symbol, sizeof rules.symbol, "COIN%uUSDT", index);
    for (int i = 0; i < LEVELS; i++) {
        bids[i] = (struct level){{PRICE - i}, {100 + i}};
        asks[i] = (struct level){{PRICE + 1 + i}, {100 + i}};
    }
    step(b,
         (struct event){.kind = EVENT_INSTRUMENT, .instrument = index, .instrument_rules = &rules});
    step(b, (struct event){.kind = EVENT_FEED, .instrument = index, .feed = FEED_LIVE});
    step(b, (struct event){.kind = EVENT_BOOK,
                           .instrument = index,
                           .book = {.snapshot = true,
                                    .last_id = 1,
                                    .bids = bids,
                                    .asks = asks,
                                    .bid_count = LEVELS,
                                    .ask_count = LEVELS}});
}

static struct event candle_of(uint16_t symbol, uint64_t bot_id, int64_t open_ms)
{
    const struct price price = {PRICE};
    return (struct event){
        .kind = EVENT_CANDLE,
        .instrument = symbol,
        .candle = {.timeframe = TIMEFRAME_1M,
                   .history = bot_id != 0,
                   .bot_id = bot_id,
                   .candle = {open_ms, price, price, price, price, {1000}}},
    };
}

static void add_bot(struct bench *b, uint64_t id)
{
    const uint16_t symbol = (uint16_t)(id % SYMBOLS);
    struct bot_config bot = {
        .id = id,
        .user_id = 1,
        .strategy = (uint8_t)(id / SYMBOLS % STRATEGY_COUNT),
        .timeframe = TIMEFRAME_1M,
        .sizing_kind = SIZING_PERCENT,
        .sizing_value = 100000,
        .symbol_count = 1,
        .quote_scale = 8,
        .instruments = {symbol},
        .capital = {INT64_C(1000000000000)},
        .risk = {.stop_loss_ppm = 20000, .take_profit_ppm = 40000, .trailing_ppm = 15000},
    };
    const enum strategy_kind kind = (enum strategy_kind)bot.strategy;
    strategy_params_init(kind, bot.params);
    CHECK(engine_has_room(b->engine, 1));
    struct event command = {.kind = EVENT_BOT,
                            .instrument = INSTRUMENT_NONE,
                            .bot = {.command = BOT_COMMAND_ADD, .bot_id = id, .config = &bot}};
    step(b, command);
    const unsigned history = strategy_type(kind)->warm_up(bot.params) + HISTORY_EXTRA;
    for (unsigned i = history; i > 0; i--)
        step(b, candle_of(symbol, id, b->candle_ms - (int64_t)i * MINUTE_MS));
    command.bot.command = BOT_COMMAND_START;
    step(b, command);
}

/* One close on every symbol; the time it took, ns. */
static int64_t close_candles(struct bench *b)
{
    uint64_t decisions = 0;
    b->time_ms += MINUTE_MS;
    const int64_t start = clock_monotonic_ns(&clock_system);
    for (uint16_t symbol = 0; symbol < SYMBOLS; symbol++) {
        step(b, candle_of(symbol, 0, b->candle_ms));
        decisions += b->out.count;
    }
    const int64_t spent = clock_monotonic_ns(&clock_system) - start;
    CHECK(decisions == BOTS); /* each bot decided, none traded */
    b->candle_ms += MINUTE_MS;
    return spent;
}

int main(void)
{
    struct bench b = {.time_ms = INT64_C(1700006400000), .candle_ms = INT64_C(1700006400000)};
    const double before = resident_mb();
    CHECK(engine_new(&limits, &b.engine) == OK);
    b.out.capacity = engine_outbox_need(&limits);
    b.out.items = calloc(b.out.capacity, sizeof *b.out.items);
    CHECK(b.out.items);
    for (uint16_t i = 0; i < SYMBOLS; i++) add_symbol(&b, i);
    const double books = resident_mb();
    for (uint64_t id = 1; id <= BOTS; id++) add_bot(&b, id);
    int64_t best = INT64_MAX;
    for (int i = 0; i < CLOSES; i++) {
        const int64_t spent = close_candles(&b);
        if (spent < best) best = spent;
    }
    const double all = resident_mb();
    printf("idle bots, resident memory: ours %.1f MB (program %.1f, %d books %.1f, %d bots %.1f), "
           "peer -, ratio - (target < 200 MB)\n",
           all, before, SYMBOLS, books - before, BOTS, all - books);
    printf("idle bots, one candle close on all: ours %.0f us (%.0f ns a bot), peer -, ratio - (no "
           "target)\n",
           (double)best / 1000, (double)best / BOTS);
    engine_free(b.engine);
    free(b.out.items);
    return 0;
}
