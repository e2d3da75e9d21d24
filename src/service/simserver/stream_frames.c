/* The frames of market streams, as Binance writes them, and when they go out. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "core/market/candle_builder.h"
#include "service/simserver/streams_internal.h"
#include "service/simserver/wire_text.h"

enum { PARTIAL_LEVELS_MAX = 20, BATCH_CAPACITY = 1024 };

/* Sends what is in hub->data to a topic's subscribers. */
static void publish(struct simserver *s, const struct topic *t, struct slice data)
{
    struct stream_hub *hub = s->hub;
    struct ws_shared *frames[2] = {NULL, NULL}; /* raw, combined */
    for (uint32_t i = 0; i < t->client_count; i++) {
        const struct stream_client *c = t->clients[i];
        if (!ws_is_open(c->ws)) continue;
        struct ws_shared **frame = &frames[c->is_combined];
        if (!*frame && c->is_combined) {
            buffer_clear(&hub->wrapped);
            buffer_append_text(&hub->wrapped, "{\"stream\":");
            text_string(&hub->wrapped, slice_of(t->name));
            buffer_append_text(&hub->wrapped, ",\"data\":");
            buffer_append(&hub->wrapped, data.data, data.size);
            buffer_append_char(&hub->wrapped, '}');
        }
        if (!*frame && ws_shared_new(WS_TEXT, c->is_combined ? buffer_slice(&hub->wrapped) : data,
                                     &hub->deflater, frame) != OK)
            break;
        (void)ws_send_shared(c->ws, *frame);
        s->counters.frames++;
    }
    ws_shared_free(frames[0]);
    ws_shared_free(frames[1]);
}

void streams_publish(struct simserver *s, struct slice name, struct slice data)
{
    const struct topic *t = topic_find(s->hub, name);
    if (t) publish(s, t, data);
}

/* The topic of an instrument's stream, or NULL: nobody wants it. */
static const struct topic *wanted(struct simserver *s, uint16_t instrument, const char *word)
{
    char name[STREAM_NAME_SIZE];
    size_t size = 0;
    for (const char *at = sim_exchange_instrument(&s->exchange, instrument)->symbol; *at; at++)
        name[size++] = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    size += (size_t)snprintf(name + size, sizeof name - size, "@%s", word);
    const struct topic *t = topic_find(s->hub, (struct slice){name, size});
    return t && t->kind != TOPIC_SILENT ? t : NULL;
}

/* When something of an instrument is told: recorded frames have their time, made ones the same. */
static int64_t told_ms(const struct simserver *s, uint16_t instrument)
{
    return s->recording ? market_time(s, instrument) : simserver_now(s);
}

static struct buffer *begin(struct simserver *s)
{
    buffer_clear(&s->hub->data);
    return &s->hub->data;
}

static void finish(struct simserver *s, const struct topic *t)
{
    if (!s->hub->data.failed) publish(s, t, buffer_slice(&s->hub->data));
}

void streams_on_trade(struct simserver *s, uint16_t instrument, const struct market_trade *trade)
{
    const struct topic *t = wanted(s, instrument, "trade");
    if (!t) return;
    const struct instrument *i = sim_exchange_instrument(&s->exchange, instrument);
    struct buffer *out = begin(s);
    text_number(out, "{\"e\":\"trade\",\"E\":", told_ms(s, instrument));
    text_word(out, ",\"s\":", i->symbol);
    text_number(out, ",\"t\":", (int64_t)trade->id);
    text_price(out, ",\"p\":", i, trade->price);
    text_qty(out, ",\"q\":", i, trade->qty);
    text_number(out, ",\"T\":", trade->time_ms);
    text_bool(out, ",\"m\":", trade->buyer_is_maker);
    buffer_append_text(out, ",\"M\":true}");
    finish(s, t);
}

void streams_on_aggregate(struct simserver *s, uint16_t instrument,
                          const struct market_aggregate *a)
{
    const struct topic *t = wanted(s, instrument, "aggTrade");
    if (!t) return;
    const struct instrument *i = sim_exchange_instrument(&s->exchange, instrument);
    struct buffer *out = begin(s);
    text_number(out, "{\"e\":\"aggTrade\",\"E\":", told_ms(s, instrument));
    text_word(out, ",\"s\":", i->symbol);
    text_number(out, ",\"a\":", (int64_t)a->id);
    text_price(out, ",\"p\":", i, a->trade.price);
    text_qty(out, ",\"q\":", i, a->trade.qty);
    text_number(out, ",\"f\":", (int64_t)a->first_id);
    text_number(out, ",\"l\":", (int64_t)a->last_id);
    text_number(out, ",\"T\":", a->trade.time_ms);
    text_bool(out, ",\"m\":", a->trade.buyer_is_maker);
    buffer_append_text(out, ",\"M\":true}");
    finish(s, t);
}

void streams_on_best(struct simserver *s, uint16_t instrument)
{
    const struct topic *t = wanted(s, instrument, "bookTicker");
    if (!t) return;
    const struct instrument *i = sim_exchange_instrument(&s->exchange, instrument);
    const struct level *best = s->feeds[instrument].best;
    struct buffer *out = begin(s);
    text_number(out, "{\"u\":", (int64_t)market_update_id(s, instrument));
    text_word(out, ",\"s\":", i->symbol);
    text_price(out, ",\"b\":", i, best[SIDE_BUY].price);
    text_qty(out, ",\"B\":", i, best[SIDE_BUY].qty);
    text_price(out, ",\"a\":", i, best[SIDE_SELL].price);
    text_qty(out, ",\"A\":", i, best[SIDE_SELL].qty);
    buffer_append_char(out, '}');
    finish(s, t);
}

static int by_side_and_price(const void *a, const void *b)
{
    const struct depth_change *p = a, *q = b;
    if (p->side != q->side) return p->side < q->side ? -1 : 1;
    if (p->price == q->price) return 0;
    /* best first: bids from above, asks from below */
    return (p->price > q->price) == (p->side == SIDE_BUY) ? -1 : 1;
}

static void compact(struct depth_batch *b)
{
    uint32_t kept = 0;
    qsort(b->items, b->count, sizeof *b->items, by_side_and_price);
    for (uint32_t i = 0; i < b->count; i++)
        if (kept == 0 || by_side_and_price(&b->items[kept - 1], &b->items[i]) != 0)
            b->items[kept++] = b->items[i];
    b->count = kept;
}

void depth_batch_add(struct depth_batch *b, uint64_t update_id, uint8_t side, int64_t price)
{
    if (b->count == b->capacity) {
        if (b->count) compact(b);
        if (b->count >= b->capacity / 2) {
            b->capacity = b->capacity ? 2 * b->capacity : BATCH_CAPACITY;
            b->items = realloc(b->items, b->capacity * sizeof *b->items);
            CHECK(b->items); /* a change that is not told would break every client's book */
        }
    }
    if (b->first_id == 0) b->first_id = update_id;
    b->items[b->count++] = (struct depth_change){.price = price, .side = side};
}

void depth_batch_clear(struct depth_batch *b)
{
    b->count = 0;
    b->first_id = 0;
}

static void write_changes(struct buffer *out, const struct simserver *s, uint16_t instrument,
                          const struct depth_batch *b, uint8_t side)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, instrument);
    bool first = true;
    for (uint32_t n = 0; n < b->count; n++) {
        if (b->items[n].side != side) continue;
        const struct price price = {b->items[n].price};
        text_price(out, first ? "[" : ",[", i, price);
        text_qty(out, ",", i, market_qty_at(s, instrument, (enum side)side, price));
        buffer_append_char(out, ']');
        first = false;
    }
}

static void send_depth(struct simserver *s, uint16_t instrument, uint8_t speed)
{
    struct depth_batch *b = &s->feeds[instrument].batches[speed];
    const struct topic *t = wanted(s, instrument, speed == 0 ? "depth@100ms" : "depth");
    if (t && b->first_id) {
        const struct instrument *i = sim_exchange_instrument(&s->exchange, instrument);
        compact(b);
        struct buffer *out = begin(s);
        text_number(out, "{\"e\":\"depthUpdate\",\"E\":", told_ms(s, instrument));
        text_word(out, ",\"s\":", i->symbol);
        text_number(out, ",\"U\":", (int64_t)b->first_id);
        text_number(out, ",\"u\":", (int64_t)market_update_id(s, instrument));
        buffer_append_text(out, ",\"b\":[");
        write_changes(out, s, instrument, b, SIDE_BUY);
        buffer_append_text(out, "],\"a\":[");
        write_changes(out, s, instrument, b, SIDE_SELL);
        buffer_append_text(out, "]}");
        finish(s, t);
    }
    depth_batch_clear(b);
}

static void send_partial(struct simserver *s, const struct topic *t)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, t->instrument);
    struct level levels[PARTIAL_LEVELS_MAX];
    uint64_t update_id = 0;
    struct buffer *out = begin(s);
    uint32_t count = market_depth(s, t->instrument, SIDE_BUY, levels, t->levels, &update_id);
    text_number(out, "{\"lastUpdateId\":", (int64_t)update_id);
    buffer_append_text(out, ",\"bids\":");
    text_levels(out, i, levels, count);
    count = market_depth(s, t->instrument, SIDE_SELL, levels, t->levels, &update_id);
    buffer_append_text(out, ",\"asks\":");
    text_levels(out, i, levels, count);
    buffer_append_char(out, '}');
    finish(s, t);
}

static void write_kline(struct simserver *s, const struct topic *t,
                        const struct synthetic_candle *k, bool closed)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, t->instrument);
    const enum timeframe timeframe = (enum timeframe)t->timeframe;
    struct buffer *out = begin(s);
    int64_t first, last;
    const int64_t next_ms = k->candle.open_ms + timeframe_ms(timeframe);
    market_ids(s, t->instrument, k, next_ms, &first, &last);
    text_number(out, "{\"e\":\"kline\",\"E\":", told_ms(s, t->instrument));
    text_word(out, ",\"s\":", i->symbol);
    text_number(out, ",\"k\":{\"t\":", k->candle.open_ms);
    text_number(out, ",\"T\":", next_ms - 1);
    text_word(out, ",\"s\":", i->symbol);
    text_word(out, ",\"i\":", timeframe_name(timeframe));
    text_number(out, ",\"f\":", first);
    text_number(out, ",\"L\":", last);
    text_price(out, ",\"o\":", i, k->candle.open);
    text_price(out, ",\"c\":", i, k->candle.close);
    text_price(out, ",\"h\":", i, k->candle.high);
    text_price(out, ",\"l\":", i, k->candle.low);
    text_qty(out, ",\"v\":", i, k->candle.volume);
    text_number(out, ",\"n\":", (int64_t)k->trades);
    text_bool(out, ",\"x\":", closed);
    text_quote(out, ",\"q\":", i, k->quote_volume);
    text_qty(out, ",\"V\":", i, k->taker_buy);
    text_quote(out, ",\"Q\":", i, k->taker_buy_quote);
    buffer_append_text(out, ",\"B\":\"0\"}}");
    finish(s, t);
}

/* Closed candles at once, the forming one when it is due. After a jump of more than
 * CANDLE_FILL_MAX candles only the one before it is told. */
static void send_kline(struct simserver *s, struct topic *t, int64_t now_ms)
{
    const enum timeframe timeframe = (enum timeframe)t->timeframe;
    const int64_t length = timeframe_ms(timeframe);
    const int64_t open_ms = timeframe_floor(timeframe, market_time(s, t->instrument));
    const bool is_jump = t->open_ms && (open_ms - t->open_ms) / length > CANDLE_FILL_MAX;
    struct synthetic_candle k;
    for (; t->open_ms && t->open_ms < open_ms; t->open_ms = is_jump ? open_ms : t->open_ms + length)
        if (market_klines(s, t->instrument, timeframe, t->open_ms, 1, &k) == 1)
            write_kline(s, t, &k, true);
    t->open_ms = open_ms;
    if (now_ms < t->due_ms) return;
    const int64_t every_ms = timeframe == TIMEFRAME_1S ? 1000 : 2000;
    t->due_ms = (now_ms / every_ms + 1) * every_ms;
    if (market_klines(s, t->instrument, timeframe, open_ms, 1, &k) == 1)
        write_kline(s, t, &k, false);
}

static void send_mini_ticker(struct simserver *s, const struct topic *t)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, t->instrument);
    const struct synthetic_candle day = market_day(s, t->instrument);
    struct buffer *out = begin(s);
    text_number(out, "{\"e\":\"24hrMiniTicker\",\"E\":", told_ms(s, t->instrument));
    text_word(out, ",\"s\":", i->symbol);
    text_price(out, ",\"c\":", i, day.candle.close);
    text_price(out, ",\"o\":", i, day.candle.open);
    text_price(out, ",\"h\":", i, day.candle.high);
    text_price(out, ",\"l\":", i, day.candle.low);
    text_qty(out, ",\"v\":", i, day.candle.volume);
    text_quote(out, ",\"q\":", i, day.quote_volume);
    buffer_append_char(out, '}');
    finish(s, t);
}

static void send_ticker(struct simserver *s, const struct topic *t)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, t->instrument);
    const struct instrument_feed *feed = &s->feeds[t->instrument];
    const struct market_history *h = &feed->history;
    const struct synthetic_candle day = market_day(s, t->instrument);
    const struct market_change change = market_change(i, &day);
    int64_t first, last;
    struct buffer *out = begin(s);
    market_ids(s, t->instrument, &day, INT64_MAX, &first, &last);
    text_number(out, "{\"e\":\"24hrTicker\",\"E\":", told_ms(s, t->instrument));
    text_word(out, ",\"s\":", i->symbol);
    text_price(out, ",\"p\":", i, change.change);
    text_word(out, ",\"P\":", change.percent);
    text_price(out, ",\"w\":", i, change.average);
    text_price(out, ",\"x\":", i, day.candle.open);
    text_price(out, ",\"c\":", i, day.candle.close);
    text_qty(out, ",\"Q\":", i,
             h->trade_count ? h->trades[(h->trade_count - 1) & h->mask].qty : (struct qty){0});
    text_price(out, ",\"b\":", i, feed->best[SIDE_BUY].price);
    text_qty(out, ",\"B\":", i, feed->best[SIDE_BUY].qty);
    text_price(out, ",\"a\":", i, feed->best[SIDE_SELL].price);
    text_qty(out, ",\"A\":", i, feed->best[SIDE_SELL].qty);
    text_price(out, ",\"o\":", i, day.candle.open);
    text_price(out, ",\"h\":", i, day.candle.high);
    text_price(out, ",\"l\":", i, day.candle.low);
    text_qty(out, ",\"v\":", i, day.candle.volume);
    text_quote(out, ",\"q\":", i, day.quote_volume);
    text_number(out, ",\"O\":", day.candle.open_ms);
    text_number(out, ",\"C\":", market_time(s, t->instrument));
    text_number(out, ",\"F\":", first);
    text_number(out, ",\"L\":", last);
    text_number(out, ",\"n\":", (int64_t)day.trades);
    buffer_append_char(out, '}');
    finish(s, t);
}

static void send_average(struct simserver *s, const struct topic *t)
{
    const struct instrument *i = sim_exchange_instrument(&s->exchange, t->instrument);
    struct buffer *out = begin(s);
    text_number(out, "{\"e\":\"avgPrice\",\"E\":", told_ms(s, t->instrument));
    text_word(out, ",\"s\":", i->symbol);
    text_price(out, ",\"i\":\"5m\",\"w\":", i, market_average_price(s, t->instrument));
    text_number(out, ",\"T\":", market_time(s, t->instrument));
    buffer_append_char(out, '}');
    finish(s, t);
}

static void send_due(struct simserver *s, struct topic *t, bool is_new_second, int64_t now_ms)
{
    const bool is_due = t->speed == 0 || is_new_second;
    switch ((enum topic_kind)t->kind) {
    case TOPIC_KLINE: send_kline(s, t, now_ms); break;
    case TOPIC_PARTIAL:
        if (is_due) send_partial(s, t);
        break;
    case TOPIC_TICKER:
        if (is_due) send_ticker(s, t);
        break;
    case TOPIC_MINI_TICKER:
        if (is_due) send_mini_ticker(s, t);
        break;
    case TOPIC_AVERAGE:
        if (is_due) send_average(s, t);
        break;
    case TOPIC_SILENT:
    case TOPIC_TRADE:
    case TOPIC_AGGREGATE:
    case TOPIC_BEST:
    case TOPIC_DEPTH: break; /* sent as they happen, or below */
    }
}

/* No print has joined the last aggregate for a step: it is whole. */
static void end_aggregate(struct simserver *s, uint16_t instrument, int64_t now_ms)
{
    const struct market_history *h = &s->feeds[instrument].history;
    if (h->trade_count &&
        now_ms - h->trades[(h->trade_count - 1) & h->mask].time_ms >= SYNTHETIC_STEP_MS)
        market_end_aggregate(s, instrument);
}

void streams_step(struct simserver *s, uint16_t instrument, int64_t before_ms, int64_t now_ms)
{
    const bool is_new_second = before_ms / 1000 != now_ms / 1000;
    end_aggregate(s, instrument, now_ms);
    send_depth(s, instrument, 0);
    if (is_new_second) send_depth(s, instrument, 1);
    for (struct topic *t = s->hub->due; t; t = t->due_next)
        if (t->instrument == instrument) send_due(s, t, is_new_second, now_ms);
}
