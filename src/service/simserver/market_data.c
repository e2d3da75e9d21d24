/* Trades, klines and depth over the market. */
#include "service/simserver/market_data.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "service/simserver/recording.h"
#include "service/simserver/simserver_internal.h"

#define DAY_MS     INT64_C(86400000)
#define AVERAGE_MS 300000

enum err market_history_init(struct market_history *h, uint32_t capacity, uint64_t aggregate_id)
{
    uint64_t size = 1;
    while (size < capacity) size *= 2;
    *h = (struct market_history){
        .trades = calloc(size, sizeof *h->trades),
        .aggregates = calloc(size, sizeof *h->aggregates),
        .mask = size - 1,
        .next_aggregate_id = aggregate_id,
        .is_told = true,
    };
    return h->trades && h->aggregates ? OK : err_set(ERR_NO_MEMORY, "no memory for the trades");
}

void market_history_deinit(struct market_history *h)
{
    free(h->trades);
    free(h->aggregates);
}

static bool is_same_taker(const struct market_trade *a, const struct market_trade *b)
{
    if (a->price.units != b->price.units || a->buyer_is_maker != b->buyer_is_maker) return false;
    return a->taker_order ? a->taker_order == b->taker_order : a->time_ms == b->time_ms;
}

bool market_history_add(struct market_history *h, const struct market_trade *trade)
{
    h->trades[h->trade_count++ & h->mask] = *trade;
    struct market_aggregate *last =
        h->aggregate_count ? &h->aggregates[(h->aggregate_count - 1) & h->mask] : NULL;
    if (last && !h->is_told && is_same_taker(&last->trade, trade)) {
        last->trade.qty.units += trade->qty.units;
        last->last_id = trade->id;
        return false;
    }
    h->aggregates[h->aggregate_count++ & h->mask] = (struct market_aggregate){
        .id = h->next_aggregate_id++,
        .trade = *trade,
        .first_id = trade->id,
        .last_id = trade->id,
    };
    return true;
}

void market_end_aggregate(struct simserver *s, uint16_t instrument)
{
    struct market_history *h = &s->feeds[instrument].history;
    if (!h->is_told && h->aggregate_count)
        streams_on_aggregate(s, instrument, &h->aggregates[(h->aggregate_count - 1) & h->mask]);
    h->is_told = true;
}

void market_note_trade(struct simserver *s, uint16_t instrument, const struct market_trade *trade)
{
    struct market_history *h = &s->feeds[instrument].history;
    const uint64_t before = h->aggregate_count;
    if (market_history_add(h, trade) && !h->is_told && before)
        streams_on_aggregate(s, instrument, &h->aggregates[(before - 1) & h->mask]);
    h->is_told = false;
    s->feeds[instrument].is_changed = true;
    streams_on_trade(s, instrument, trade);
}

uint64_t market_history_first(const struct market_history *h, uint64_t count)
{
    return count > h->mask + 1 ? count - h->mask - 1 : 0;
}

int64_t market_time(const struct simserver *s, uint16_t instrument)
{
    return s->recording ? s->recording->symbols[instrument].clock_ms
                        : s->driver.step * SYNTHETIC_STEP_MS;
}

void market_merge(struct synthetic_candle *into, const struct synthetic_candle *c)
{
    if (c->trades == 0) return;
    if (into->trades == 0) {
        const int64_t open_ms = into->candle.open_ms;
        *into = *c;
        into->candle.open_ms = open_ms;
        return;
    }
    if (c->candle.high.units > into->candle.high.units) into->candle.high = c->candle.high;
    if (c->candle.low.units < into->candle.low.units) into->candle.low = c->candle.low;
    into->candle.close = c->candle.close;
    into->candle.volume.units += c->candle.volume.units;
    into->quote_volume.units += c->quote_volume.units;
    into->taker_buy.units += c->taker_buy.units;
    into->taker_buy_quote.units += c->taker_buy_quote.units;
    into->trades += c->trades;
}

static struct synthetic_candle candle_of_trade(const struct instrument *i, int64_t open_ms,
                                               struct price price, struct qty qty, bool is_buy)
{
    struct synthetic_candle c = {.trades = 1};
    c.candle = (struct candle){open_ms, price, price, price, price, qty};
    const bool fits = money_notional(price, i->price_scale, qty, i->qty_scale, i->quote_scale,
                                     ROUND_DOWN, &c.quote_volume);
    CHECK(fits); /* the exchange has traded it */
    if (is_buy) {
        c.taker_buy = qty;
        c.taker_buy_quote = c.quote_volume;
    }
    return c;
}

/* The second that is under way, as far as it was played. */
static void merge_second(struct simserver *s, uint16_t symbol, int64_t second, int64_t until_ms,
                         struct synthetic_candle *into)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, symbol);
    struct synthetic_trade trades[SYNTHETIC_TRADES_MAX];
    const uint32_t count = synthetic_trades(&s->synthetic, symbol, second, trades);
    for (uint32_t n = 0; n < count; n++) {
        if (trades[n].time_ms > until_ms) break;
        const struct synthetic_candle c =
            candle_of_trade(i, 0, trades[n].price, trades[n].qty, trades[n].taker == SIDE_BUY);
        market_merge(into, &c);
    }
}

/* Whole candles of a timeframe from *at_ms on, while they end by until_ms. */
static void merge_whole(struct simserver *s, uint16_t symbol, enum timeframe timeframe,
                        int64_t *at_ms, int64_t until_ms, struct synthetic_candle *into)
{
    enum { CHUNK = 64 };
    struct synthetic_candle candles[CHUNK];
    const int64_t length = timeframe_ms(timeframe);
    while (*at_ms % length == 0 && *at_ms + length <= until_ms) {
        int64_t count = (until_ms - *at_ms) / length;
        if (count > CHUNK) count = CHUNK;
        count =
            synthetic_candles(&s->synthetic, symbol, timeframe, *at_ms, (uint32_t)count, candles);
        for (int64_t n = 0; n < count; n++) market_merge(into, &candles[n]);
        *at_ms += count * length;
    }
}

/* [from_ms, until_ms), from_ms a whole second, in the largest steps that are cached. */
static struct synthetic_candle synthetic_span(struct simserver *s, uint16_t symbol, int64_t from_ms,
                                              int64_t until_ms)
{
    struct synthetic_candle c = {.candle.open_ms = from_ms};
    int64_t at_ms = from_ms;
    const int64_t minute = timeframe_floor(TIMEFRAME_1M, at_ms + 59999);
    const int64_t hour = timeframe_floor(TIMEFRAME_1H, at_ms + 3599999);
    merge_whole(s, symbol, TIMEFRAME_1S, &at_ms, minute < until_ms ? minute : until_ms, &c);
    merge_whole(s, symbol, TIMEFRAME_1M, &at_ms, hour < until_ms ? hour : until_ms, &c);
    merge_whole(s, symbol, TIMEFRAME_1H, &at_ms, until_ms, &c);
    merge_whole(s, symbol, TIMEFRAME_1M, &at_ms, until_ms, &c);
    merge_whole(s, symbol, TIMEFRAME_1S, &at_ms, until_ms, &c);
    if (at_ms < until_ms) merge_second(s, symbol, at_ms / 1000, until_ms - 1, &c);
    return c;
}

static const struct recorded_candles *recorded(const struct simserver *s, uint16_t instrument)
{
    return &s->recording->symbols[instrument].candles;
}

struct synthetic_candle market_span(struct simserver *s, uint16_t instrument, int64_t from_ms)
{
    int64_t first_id, last_id;
    if (s->recording)
        return recorded_candles_sum(recorded(s, instrument), from_ms, INT64_MAX, &first_id,
                                    &last_id);
    return synthetic_span(s, instrument, from_ms, market_time(s, instrument) + 1);
}

struct synthetic_candle market_day(struct simserver *s, uint16_t instrument)
{
    const int64_t from_ms = market_time(s, instrument) - DAY_MS;
    return market_span(s, instrument, from_ms < 0 ? 0 : timeframe_floor(TIMEFRAME_1M, from_ms));
}

struct market_change market_change(const struct instrument *i, const struct synthetic_candle *day)
{
    const struct candle *c = &day->candle;
    struct market_change out = {.change = {c->close.units - c->open.units}};
    int64_t percent = 0;
    if (c->open.units)
        (void)units_mul_div(out.change.units, 100000, c->open.units, ROUND_DOWN, &percent);
    decimal_write(percent, 3, out.percent);
    (void)money_average(day->quote_volume, i->quote_scale, c->volume, i->qty_scale, i->price_scale,
                        &out.average);
    return out;
}

uint32_t market_klines(struct simserver *s, uint16_t instrument, enum timeframe timeframe,
                       int64_t from_ms, uint32_t count, struct synthetic_candle *out)
{
    const int64_t length = timeframe_ms(timeframe);
    const int64_t now_ms = market_time(s, instrument);
    if (s->recording)
        return recorded_candles_list(recorded(s, instrument), timeframe, from_ms, now_ms, count,
                                     out);
    const uint32_t max = synthetic_candles_max(timeframe);
    const int64_t first_ms = timeframe_floor(timeframe, from_ms);
    const int64_t forming_ms = timeframe_floor(timeframe, now_ms);
    if (first_ms > now_ms) return 0;
    if (count > max) count = max;
    int64_t closed = (forming_ms - first_ms) / length;
    if (closed > count) closed = count;
    uint32_t written = 0;
    while (written < closed)
        written +=
            synthetic_candles(&s->synthetic, instrument, timeframe, first_ms + written * length,
                              (uint32_t)closed - written, out + written);
    if (written == count) return written;
    out[written] = market_span(s, instrument, forming_ms);
    /* Right at the boundary, before the second's first trade, there is no candle yet. */
    return written + (out[written].trades > 0);
}

uint32_t market_depth(const struct simserver *s, uint16_t instrument, enum side side,
                      struct level *out, uint32_t max, uint64_t *update_id)
{
    if (s->recording) {
        const struct book *b = &s->recording->symbols[instrument].book;
        *update_id = b->last_id;
        return book_side(b, side, out, max);
    }
    return sim_exchange_depth(&s->exchange, instrument, side, out, max, update_id);
}

uint64_t market_update_id(const struct simserver *s, uint16_t instrument)
{
    return s->recording ? s->recording->symbols[instrument].book.last_id
                        : s->exchange.markets[instrument].update_id;
}

/* Of a recorded book. */
static int64_t book_qty_at(const struct book_half *half, enum side side, int64_t price)
{
    uint32_t low = 0, high = half->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const int64_t at = half->levels[middle].price.units;
        if (at == price) return half->levels[middle].qty.units;
        /* The best is last. */
        if ((at < price) == (side == SIDE_BUY))
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

struct qty market_qty_at(const struct simserver *s, uint16_t instrument, enum side side,
                         struct price price)
{
    if (s->recording)
        return (struct qty){
            book_qty_at(&s->recording->symbols[instrument].book.sides[side], side, price.units)};
    return (struct qty){sim_book_qty_at(&s->exchange.markets[instrument].book, side, price.units)};
}

struct price market_last_price(const struct simserver *s, uint16_t instrument)
{
    const struct market_history *h = &s->feeds[instrument].history;
    if (!s->recording) return sim_exchange_last_price(&s->exchange, instrument);
    return h->trade_count ? h->trades[(h->trade_count - 1) & h->mask].price : (struct price){0};
}

struct price market_average_price(struct simserver *s, uint16_t instrument)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, instrument);
    if (!s->recording)
        return sim_exchange_average_price(&s->exchange, instrument, simserver_now(s));
    const int64_t from_ms = market_time(s, instrument) - AVERAGE_MS;
    const struct synthetic_candle c = market_span(s, instrument, from_ms < 0 ? 0 : from_ms);
    struct price average = c.candle.close;
    (void)money_average(c.quote_volume, i->quote_scale, c.candle.volume, i->qty_scale,
                        i->price_scale, &average);
    return average;
}

void market_ids(const struct simserver *s, uint16_t instrument, const struct synthetic_candle *k,
                int64_t until_ms, int64_t *first, int64_t *last)
{
    const struct market_history *h = &s->feeds[instrument].history;
    if (s->recording) {
        (void)recorded_candles_sum(recorded(s, instrument), k->candle.open_ms, until_ms, first,
                                   last);
        return;
    }
    *first = *last = -1;
    const uint64_t oldest = market_history_first(h, h->trade_count);
    uint64_t end = h->trade_count;
    while (end > oldest && h->trades[(end - 1) & h->mask].time_ms >= until_ms) end--;
    if (k->trades == 0 || end == oldest) return;
    const uint64_t id = h->trades[(end - 1) & h->mask].id;
    *last = (int64_t)id;
    *first = k->trades <= id ? (int64_t)(id - k->trades + 1) : -1;
}
