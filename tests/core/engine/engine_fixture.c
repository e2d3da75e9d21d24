/* An engine, one instrument, and short ways to tell it things. */
#include "engine_fixture.h"

#include <stdlib.h>

#include "core/strategy/strategy.h"

#include "cmocka_all.h"

const struct engine_limits limits = {
    .instruments = 4,
    .bots = 8,
    .legs = 16,
    .orders = 16,
    .fills = 64,
    .book_levels = 32,
    .explain = true,
};

const struct instrument btc = {
    .symbol = "BTCUSDT",
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
    .notional_min_market = true,
    .taker_fee_ppm = 1000,
};

struct bot_config bot_of(uint64_t id)
{
    struct bot_config bot = {
        .id = id,
        .user_id = 1,
        .strategy = STRATEGY_EMA_CROSS,
        .timeframe = TIMEFRAME_1M,
        .sizing_kind = SIZING_PERCENT,
        .sizing_value = 100000,
        .symbol_count = 1,
        .quote_scale = 8,
        .capital = {INT64_C(1000000000000)},
    };
    strategy_params_init(STRATEGY_EMA_CROSS, bot.params);
    bot.params[0] = 2;
    bot.params[1] = 3;
    return bot;
}

void step(struct desk *d, struct event event)
{
    event.seq = ++d->seq;
    event.time_ms = d->time_ms;
    engine_step(d->engine, &event, &d->out);
}

struct desk desk_open(void)
{
    struct desk d = {.time_ms = START_MS, .candle_ms = START_MS - 100 * MINUTE};
    assert_int_equal(engine_new(&limits, &d.engine), OK);
    d.out.capacity = engine_outbox_need(&limits);
    d.out.items = calloc(d.out.capacity, sizeof *d.out.items);
    assert_non_null(d.out.items);
    step(&d, (struct event){.kind = EVENT_INSTRUMENT, .instrument_rules = &btc});
    step(&d, (struct event){.kind = EVENT_FEED, .feed = FEED_LIVE});
    return d;
}

void desk_close(struct desk *d)
{
    engine_free(d->engine);
    free(d->out.items);
}

void command(struct desk *d, enum bot_command what, const struct bot_config *bot)
{
    step(d, (struct event){.kind = EVENT_BOT,
                           .instrument = INSTRUMENT_NONE,
                           .bot = {.command = (uint8_t)what, .bot_id = bot->id, .config = bot}});
}

void add_and_start(struct desk *d, const struct bot_config *bot)
{
    command(d, BOT_COMMAND_ADD, bot);
    command(d, BOT_COMMAND_START, bot);
}

void candle(struct desk *d, int64_t close)
{
    d->candle_ms += MINUTE;
    if (d->time_ms < d->candle_ms + MINUTE) d->time_ms = d->candle_ms + MINUTE;
    step(d, (struct event){.kind = EVENT_CANDLE,
                           .candle = {.timeframe = TIMEFRAME_1M,
                                      .candle = {.open_ms = d->candle_ms,
                                                 .open = {close},
                                                 .high = {close},
                                                 .low = {close},
                                                 .close = {close}}}});
}

void print(struct desk *d, int64_t price)
{
    step(d, (struct event){.kind = EVENT_PRINT,
                           .print = {.price = {price}, .qty = {1}, .time_ms = d->time_ms}});
}

void wait_ms(struct desk *d, int64_t ms)
{
    d->time_ms += ms;
    step(d, (struct event){.kind = EVENT_TIME, .instrument = INSTRUMENT_NONE});
}

void news(struct desk *d, uint64_t order_id, enum order_input input)
{
    step(d, (struct event){.kind = EVENT_ORDER,
                           .order = {.order_id = order_id, .input = (uint8_t)input}});
}

void fill(struct desk *d, const struct order *order, int64_t price, int64_t qty)
{
    struct event event = {.kind = EVENT_FILL,
                          .fill = {.order_id = order->id,
                                   .venue_trade_id = ++d->trade_id,
                                   .price = {price},
                                   .qty = {qty},
                                   .fee_scale = 8,
                                   .fee_asset = "USDT",
                                   .time_ms = d->time_ms}};
    step(d, event);
}

const struct action *find(const struct desk *d, enum action_kind kind)
{
    const struct action *found = NULL;
    for (uint32_t i = 0; i < d->out.count; i++) {
        if (d->out.items[i].kind != kind) continue;
        assert_null(found);
        found = &d->out.items[i];
    }
    return found;
}

struct order placed(const struct desk *d)
{
    const struct action *a = find(d, ACTION_PLACE);
    assert_non_null(a);
    return a->order;
}

struct order enter(struct desk *d)
{
    static const int64_t closes[] = {10000, 9900, 9800, 9700, 9600};
    for (unsigned i = 0; i < 5; i++) {
        candle(d, closes[i] * 100);
        assert_null(find(d, ACTION_PLACE));
    }
    candle(d, 1000000);
    return placed(d);
}

struct bot_view view(const struct desk *d, uint64_t id)
{
    struct bot_view v;
    assert_true(engine_bot_view(d->engine, id, &v));
    return v;
}
