/* The driver: candles in, orders filled as the header says, figures kept. */
#include "service/research/backtest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "core/risk/day_budget.h"
#include "core/strategy/strategy.h"

enum { CAPITAL_HEADROOM = 1000, CAPITAL_STEPS_MIN = 100000 };

static const struct engine_limits limits = {
    .instruments = 1,
    .bots = 1,
    .legs = 1,
    .orders = 4,
    .fills = 4,
    .book_levels = 1,
};

struct backtest {
    struct backtest_config config;
    const struct candle_file *file;
    struct instrument instrument;
    struct bot_config bot;
    struct engine *engine;
    struct outbox out;
    struct event bar, candle; /* reused: only what changes is written */
    uint64_t seq, trade_id;
    size_t next; /* candle */

    struct order order; /* placed and not filled yet */
    bool holds;         /* a position is open */
    bool has_order;

    struct round_trip *trades;
    size_t trade_count, trade_capacity;
    bool out_of_memory;
    struct money fees, realized;
    uint64_t cut_entries;

    /* Equity at a close, in units: fixed + per_price * close.units. Changes with fills only. */
    double fixed, per_price;
    double equity, peak, drawdown;
    double *day_closes;
    size_t day;
    int64_t day_end_ms;
    double curve[BACKTEST_CURVE_POINTS];
    size_t curve_count, curve_step, curve_next;
};

void backtest_config_init(struct backtest_config *c, uint8_t strategy)
{
    *c = (struct backtest_config){
        .bot =
            {
                .strategy = strategy,
                .sizing_kind = SIZING_PERCENT,
                .sizing_value = PPM,
                .capital = {INT64_C(1000000000000)},
                .risk = {.stop_loss_ppm = 5000, .take_profit_ppm = 15000, .trailing_ppm = 3000},
            },
        .maker_fee_ppm = 1000,
        .taker_fee_ppm = 1000,
        .slippage_ticks = 1,
    };
    strategy_params_init((enum strategy_kind)strategy, c->bot.params);
}

/* ---- making one ---- */

static struct price lowest_price(const struct candle_file *file)
{
    struct price lowest = file->candles[0].low;
    for (size_t i = 1; i < file->count; i++)
        if (file->candles[i].low.units < lowest.units) lowest = file->candles[i].low;
    return lowest;
}

static bool quantity_fits(struct money most, const struct candle_file *file, struct price lowest,
                          unsigned scale)
{
    struct qty qty;
    return money_to_qty(most, BACKTEST_QUOTE_SCALE, lowest, file->price_scale, scale, &qty);
}

/* Whether the smallest quantity at the last price is a small part of the capital. */
static bool fine_enough(const struct backtest_config *c, const struct candle_file *file,
                        unsigned scale)
{
    struct qty qty;
    const struct price last = file->candles[file->count - 1].close;
    return !money_to_qty(c->bot.capital, BACKTEST_QUOTE_SCALE, last, file->price_scale, scale,
                         &qty) ||
           qty.units >= CAPITAL_STEPS_MIN;
}

/* As the header says; false when there is none. */
static bool find_qty_scale(const struct backtest_config *c, const struct candle_file *file,
                           uint8_t *out)
{
    const struct price lowest = lowest_price(file);
    const unsigned price_scale = file->price_scale;
    struct money most;
    if (__builtin_mul_overflow(c->bot.capital.units, CAPITAL_HEADROOM, &most.units))
        most.units = INT64_MAX;
    unsigned scale = price_scale < BACKTEST_QUOTE_SCALE ? BACKTEST_QUOTE_SCALE - price_scale : 0;
    while (scale < BACKTEST_QTY_SCALE_MAX && !fine_enough(c, file, scale)) scale++;
    while (scale > 0 && !quantity_fits(most, file, lowest, scale)) scale--;
    *out = (uint8_t)scale;
    return quantity_fits(most, file, lowest, scale);
}

static enum err make_instrument(struct backtest *b)
{
    uint8_t qty_scale;
    if (!find_qty_scale(&b->config, b->file, &qty_scale))
        return err_set(ERR_INVALID, "the capital is too large for prices as low as these");
    b->instrument = (struct instrument){
        .status = INSTRUMENT_TRADING,
        .price_scale = b->file->price_scale,
        .qty_scale = qty_scale,
        .base_scale = qty_scale,
        .quote_scale = BACKTEST_QUOTE_SCALE,
        .base = "BASE",
        .quote = "QUOTE",
        .tick = {1},
        .step = {1},
        .maker_fee_ppm = b->config.maker_fee_ppm,
        .taker_fee_ppm = b->config.taker_fee_ppm,
    };
    memcpy(b->instrument.symbol, b->config.symbol, SYMBOL_SIZE);
    return OK;
}

static enum err make_bot_config(struct backtest *b)
{
    struct bot_config *bot = &b->bot;
    *bot = b->config.bot;
    CHECK(bot->capital.units > 0);
    bot->id = 1;
    bot->user_id = 1;
    bot->mode = MODE_PAPER;
    bot->timeframe = b->file->timeframe;
    bot->quote_scale = BACKTEST_QUOTE_SCALE;
    bot->symbol_count = 1;
    bot->instruments[0] = 0;
    if (bot->sizing_kind != SIZING_QUANTITY) return OK;
    const unsigned scale = b->instrument.qty_scale;
    if (units_rescale_exact(bot->sizing_value, BACKTEST_QTY_SCALE_MAX, scale, &bot->sizing_value))
        return OK;
    return err_set(ERR_INVALID, "the quantity may have %u decimals at these prices", scale);
}

static enum err take_memory(struct backtest *b)
{
    const struct candle_file *f = b->file;
    const int64_t first_day = day_of(f->candles[0].open_ms);
    const int64_t last_day = day_of(f->candles[f->count - 1].open_ms);
    b->day_closes = calloc((size_t)(last_day - first_day) + 1, sizeof *b->day_closes);
    b->out.capacity = engine_outbox_need(&limits);
    b->out.items = calloc(b->out.capacity, sizeof *b->out.items);
    if (!b->day_closes || !b->out.items) return err_set(ERR_NO_MEMORY, "no memory");
    return engine_new(&limits, &b->engine);
}

static void add_trade(struct backtest *b, const struct round_trip *trip)
{
    if (b->trade_count == b->trade_capacity) {
        const size_t capacity = b->trade_capacity ? 2 * b->trade_capacity : 256;
        struct round_trip *grown = reallocarray(b->trades, capacity, sizeof *grown);
        if (!grown) {
            b->out_of_memory = true;
            return;
        }
        b->trades = grown;
        b->trade_capacity = capacity;
    }
    b->trades[b->trade_count++] = *trip;
}

/* ---- one event ---- */

static void on_booking(struct backtest *b, const struct booking *booking)
{
    const struct position *p = &booking->position;
    const struct instrument *i = &b->instrument;
    b->fees.units += booking->fill.fee.units;
    b->realized = booking->totals.realized;
    b->fixed = (double)(b->config.bot.capital.units + b->realized.units);
    b->per_price = 0;
    b->holds = p->open;
    if (p->open) {
        b->fixed += (double)(p->proceeds.units - p->cost.units - p->fees_quote.units);
        b->per_price = (double)p->base.units *
                       pow(10, (int)i->quote_scale - (int)i->price_scale - (int)i->base_scale);
    }
    if (booking->closed) add_trade(b, &booking->round_trip);
}

static inline void step(struct backtest *b, struct event *event, int64_t time_ms)
{
    event->seq = ++b->seq;
    event->time_ms = time_ms;
    engine_step(b->engine, event, &b->out);
    for (uint32_t i = 0; i < b->out.count; i++) {
        const struct action *a = &b->out.items[i];
        if (a->kind == ACTION_FILL) on_booking(b, &a->booking);
        if (a->kind != ACTION_PLACE) continue;
        CHECK(!b->has_order); /* one leg, one order at a time */
        b->order = a->order;
        b->has_order = true;
    }
}

static void start(struct backtest *b)
{
    const int64_t now = b->file->candles[0].open_ms;
    struct event event = {.kind = EVENT_INSTRUMENT, .instrument_rules = &b->instrument};
    step(b, &event, now);
    event = (struct event){.kind = EVENT_FEED, .feed = FEED_LIVE};
    step(b, &event, now);
    event = (struct event){
        .kind = EVENT_BOT,
        .instrument = INSTRUMENT_NONE,
        .bot = {.command = BOT_COMMAND_ADD, .bot_id = 1, .config = &b->bot},
    };
    step(b, &event, now);
    event.bot.command = BOT_COMMAND_START;
    step(b, &event, now);
    b->bar = (struct event){.kind = EVENT_BAR};
    b->candle = (struct event){.kind = EVENT_CANDLE, .candle.timeframe = b->file->timeframe};
}

enum err backtest_new(const struct backtest_config *config, const struct candle_file *file,
                      struct backtest **out)
{
    struct backtest *b = calloc(1, sizeof *b);
    if (!b) return err_set(ERR_NO_MEMORY, "no memory");
    b->config = *config;
    b->file = file;
    enum err err = make_instrument(b);
    if (!err) err = make_bot_config(b);
    if (!err) err = take_memory(b);
    if (err) {
        backtest_free(b);
        return err;
    }
    b->fixed = b->equity = b->peak = (double)config->bot.capital.units;
    b->day_end_ms = (day_of(file->candles[0].open_ms) + 1) * DAY_MS;
    b->curve_step = (file->count + BACKTEST_CURVE_POINTS - 1) / BACKTEST_CURVE_POINTS;
    b->curve_next = b->curve_step;
    start(b);
    *out = b;
    return OK;
}

void backtest_free(struct backtest *b)
{
    if (!b) return;
    engine_free(b->engine);
    free(b->out.items);
    free(b->day_closes);
    free(b->trades);
    free(b);
}

/* ---- fills ---- */

/* The part of an entry that the money pays for, fee included. */
static struct qty affordable(const struct backtest *b, struct price price, struct qty wanted)
{
    const struct instrument *i = &b->instrument;
    const int64_t free_units = b->config.bot.capital.units + b->realized.units;
    struct money before_fee;
    struct qty qty;
    if (!units_mul_div(free_units, PPM, PPM + i->taker_fee_ppm, ROUND_DOWN, &before_fee.units) ||
        !money_to_qty(before_fee, i->quote_scale, price, i->price_scale, i->qty_scale, &qty))
        return wanted; /* more than fits into an int64 is more than is wanted */
    return qty.units < wanted.units ? qty : wanted;
}

static void tell_fill(struct backtest *b, const struct order *order, struct price price,
                      struct qty qty, int64_t time_ms)
{
    const struct instrument *i = &b->instrument;
    struct money notional, fee;
    /* An amount that does not fit here does not fit in the engine, which says so. */
    if (!money_notional(price, i->price_scale, qty, i->qty_scale, i->quote_scale, ROUND_DOWN,
                        &notional) ||
        !units_part(notional.units, i->taker_fee_ppm, ROUND_UP, &fee.units))
        fee.units = 0;
    struct event event = {
        .kind = EVENT_FILL,
        .fill =
            {
                .order_id = order->id,
                .venue_trade_id = ++b->trade_id,
                .price = price,
                .qty = qty,
                .fee = fee,
                .fee_scale = i->quote_scale,
                .liquidity = LIQUIDITY_TAKER,
                .fee_asset = "QUOTE",
                .time_ms = time_ms,
            },
    };
    step(b, &event, time_ms);
}

static void tell_expired(struct backtest *b, const struct order *order, int64_t time_ms)
{
    struct event event = {
        .kind = EVENT_ORDER,
        .order = {.order_id = order->id,
                  .input = ON_EXPIRED,
                  .reason = ORDER_REASON_INSUFFICIENT_BALANCE},
    };
    b->cut_entries++;
    step(b, &event, time_ms);
}

static void fill_order(struct backtest *b, struct price at, int64_t time_ms)
{
    const struct order order = b->order;
    const int64_t slip = b->config.slippage_ticks;
    b->has_order = false;
    if (order.side == SIDE_SELL) {
        const struct price price = {at.units > slip ? at.units - slip : 1};
        tell_fill(b, &order, price, order.qty, time_ms);
        return;
    }
    const struct price price = {at.units + slip};
    const struct qty qty = affordable(b, price, order.qty);
    if (qty.units > 0) tell_fill(b, &order, price, qty, time_ms);
    if (qty.units < order.qty.units) tell_expired(b, &order, time_ms);
}

/* Where a level that the bar touched trades. */
static struct price touched_price(const struct order *order, struct price open)
{
    const struct price level = order->trigger;
    const bool open_first =
        order->purpose == PURPOSE_TARGET ? open.units > level.units : open.units < level.units;
    return open_first ? open : level;
}

/* ---- the loop ---- */

static void turn_days(struct backtest *b, int64_t open_ms)
{
    for (; open_ms >= b->day_end_ms; b->day_end_ms += DAY_MS) b->day_closes[b->day++] = b->equity;
}

static inline void sample(struct backtest *b, struct price close)
{
    b->equity = b->fixed + b->per_price * (double)close.units;
    if (b->equity > b->peak) {
        b->peak = b->equity;
    } else if (b->peak - b->equity > b->drawdown * b->peak) {
        b->drawdown = (b->peak - b->equity) / b->peak;
    }
    if (b->next != b->curve_next && b->next != b->file->count) return;
    b->curve[b->curve_count++] = b->equity;
    b->curve_next += b->curve_step;
}

static inline void do_candle(struct backtest *b, const struct candle *c, int64_t length_ms)
{
    const int64_t last_ms = c->open_ms + length_ms - 1;
    if (c->open_ms >= b->day_end_ms) turn_days(b, c->open_ms);
    if (b->has_order) fill_order(b, c->open, c->open_ms);
    if (b->holds) { /* the path of prices concerns a position and nothing else */
        b->bar.bar = *c;
        step(b, &b->bar, last_ms);
        if (b->has_order) fill_order(b, touched_price(&b->order, c->open), last_ms);
    }
    b->candle.candle.candle = *c;
    step(b, &b->candle, last_ms + 1);
    b->next++;
    sample(b, c->close);
}

enum err backtest_advance(struct backtest *b, size_t count, bool *done)
{
    const size_t left = b->file->count - b->next;
    const int64_t length_ms = timeframe_ms((enum timeframe)b->file->timeframe);
    const struct candle *c = &b->file->candles[b->next];
    const struct candle *const end = c + (count < left ? count : left);
    for (; c < end; c++) do_candle(b, c, length_ms);
    *done = b->next == b->file->count;
    b->day_closes[b->day] = b->equity;
    if (b->out_of_memory) return err_set(ERR_NO_MEMORY, "no memory for more trades");
    if (engine_counters(b->engine)->impossible_news)
        return err_set(ERR_LIMIT, "an amount outgrew 63 bits: take a smaller capital");
    return OK;
}

void backtest_view(const struct backtest *b, struct backtest_result *out)
{
    struct bot_view view;
    CHECK(engine_bot_view(b->engine, 1, &view));
    *out = (struct backtest_result){
        .file = b->file,
        .config = &b->config,
        .instrument = &b->instrument,
        .candles = b->next,
        .trades = b->trades,
        .trade_count = b->trade_count,
        .fees = b->fees,
        .realized = view.totals.realized,
        .unrealized = view.legs[0].unrealized,
        .equity = view.equity,
        .position = view.legs[0].position,
        .decision_hash = engine_decision_hash(b->engine),
        .cut_entries = b->cut_entries,
        .drawdown = b->drawdown,
        .day_closes = b->day_closes,
        .day_count = b->next ? b->day + 1 : 0,
        .curve = b->curve,
        .curve_count = b->curve_count,
    };
}
