/* The second reading. */
#include "stream_peer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct instrument stream_peer_instrument(const char *symbol, uint16_t index, unsigned price_scale,
                                         unsigned qty_scale)
{
    struct instrument i = {
        .index = index,
        .price_scale = (uint8_t)price_scale,
        .qty_scale = (uint8_t)qty_scale,
        .base_scale = 8,
        .quote_scale = 8,
    };
    snprintf(i.symbol, sizeof i.symbol, "%s", symbol);
    return i;
}

/* Whole and part as two numbers, the part filled up with zeros; *rest:
 * digits that the scale cuts off. */
static bool read_decimal(const json_t *value, unsigned scale, __int128 *units, bool *rest)
{
    char part[32];
    const char *text = json_string_value(value);
    *rest = false;
    if (!text) return false;
    const char *dot = strchr(text, '.');
    memset(part, '0', sizeof part);
    if (dot) {
        const size_t size = strlen(dot + 1);
        for (size_t i = scale; i < size; i++) *rest |= dot[1 + i] != '0';
        memcpy(part, dot + 1, size < scale ? size : scale);
    }
    part[scale] = '\0';
    *units = strtoll(text, NULL, 10);
    for (unsigned i = 0; i < scale; i++) *units *= 10;
    *units += strtoll(part, NULL, 10);
    return *text != '-';
}

static bool is_decimal(const json_t *value, unsigned scale, int64_t units)
{
    __int128 expected;
    bool rest;
    return read_decimal(value, scale, &expected, &rest) && expected == units;
}

static bool is_ask(const json_t *value, unsigned scale, int64_t units)
{
    __int128 expected;
    bool rest;
    return read_decimal(value, scale, &expected, &rest) && expected + rest == units;
}

static bool is_qty(const json_t *value, unsigned scale, int64_t units)
{
    __int128 expected;
    bool rest;
    return read_decimal(value, scale, &expected, &rest) &&
           (expected == 0 && rest ? 1 : expected) == units;
}

static bool is_integer(const json_t *value, int64_t number)
{
    return json_is_integer(value) && json_integer_value(value) == number;
}

static bool same_levels(const json_t *side, const struct level *levels, uint32_t count,
                        const struct binance_symbol *s)
{
    uint32_t read = 0;
    for (size_t i = 0; i < json_array_size(side); i++) {
        const json_t *row = json_array_get(side, i);
        __int128 price;
        bool odd;
        if (!read_decimal(json_array_get(row, 0), s->price_scale, &price, &odd)) return false;
        if (odd) continue;
        if (read == count || price != levels[read].price.units ||
            !is_qty(json_array_get(row, 1), s->qty_scale, levels[read].qty.units))
            return false;
        read++;
    }
    return read == count;
}

static bool same_print(const json_t *e, const char *id, const struct print *p,
                       const struct binance_symbol *s)
{
    return is_integer(json_object_get(e, id), (int64_t)p->id) &&
           is_decimal(json_object_get(e, "p"), s->price_scale, p->price.units) &&
           is_qty(json_object_get(e, "q"), s->qty_scale, p->qty.units) &&
           is_integer(json_object_get(e, "T"), p->time_ms) &&
           json_is_true(json_object_get(e, "m")) == (p->taker == SIDE_SELL);
}

static bool same_candle(const json_t *k, const struct binance_kline *ours,
                        const struct binance_symbol *s)
{
    const struct candle *c = &ours->candle;
    const char *interval = json_string_value(json_object_get(k, "i"));
    const char *name =
        ours->timeframe == TIMEFRAME_COUNT ? NULL : timeframe_name((enum timeframe)ours->timeframe);
    return is_integer(json_object_get(k, "t"), c->open_ms) &&
           is_decimal(json_object_get(k, "o"), s->price_scale, c->open.units) &&
           is_decimal(json_object_get(k, "h"), s->price_scale, c->high.units) &&
           is_decimal(json_object_get(k, "l"), s->price_scale, c->low.units) &&
           is_decimal(json_object_get(k, "c"), s->price_scale, c->close.units) &&
           is_qty(json_object_get(k, "v"), s->qty_scale, c->volume.units) &&
           is_integer(json_object_get(k, "n"), (int64_t)ours->trade_count) &&
           json_is_true(json_object_get(k, "x")) == ours->closed && interval &&
           (!name || strcmp(name, interval) == 0);
}

static bool same_ticker(const json_t *e, const struct binance_frame *f,
                        const struct binance_symbol *s)
{
    const struct binance_ticker *t = &f->ticker;
    return is_decimal(json_object_get(e, "o"), s->price_scale, t->open.units) &&
           is_decimal(json_object_get(e, "h"), s->price_scale, t->high.units) &&
           is_decimal(json_object_get(e, "l"), s->price_scale, t->low.units) &&
           is_decimal(json_object_get(e, "c"), s->price_scale, t->last.units) &&
           is_qty(json_object_get(e, "v"), s->qty_scale, t->volume.units) &&
           (f->kind == BINANCE_MINI_TICKER ||
            (is_decimal(json_object_get(e, "b"), s->price_scale, t->bid.units) &&
             is_decimal(json_object_get(e, "a"), s->price_scale, t->ask.units)));
}

static bool same_book_ticker(const json_t *e, const struct binance_book_ticker *t,
                             const struct binance_symbol *s)
{
    return is_integer(json_object_get(e, "u"), (int64_t)t->update_id) &&
           is_decimal(json_object_get(e, "b"), s->price_scale, t->bid.price.units) &&
           is_qty(json_object_get(e, "B"), s->qty_scale, t->bid.qty.units) &&
           is_ask(json_object_get(e, "a"), s->price_scale, t->ask.price.units) &&
           is_qty(json_object_get(e, "A"), s->qty_scale, t->ask.qty.units);
}

static bool same_control(const json_t *e, const struct binance_frame *f)
{
    const json_t *id = json_object_get(e, "id");
    const json_t *inner = json_object_get(e, "error");
    const json_t *error = json_is_object(inner) ? inner : e;
    if (json_is_integer(id) && json_integer_value(id) != f->control.id) return false;
    return f->kind == BINANCE_RESULT || !json_is_integer(json_object_get(error, "code")) ||
           json_integer_value(json_object_get(error, "code")) == f->control.code;
}

static bool same_event(const json_t *e, const struct binance_symbol *s,
                       const struct binance_frame *f)
{
    const struct binance_depth *d = &f->depth;
    const struct binance_agg_trade *a = &f->agg_trade;
    if (f->event_ms && f->kind != BINANCE_KLINE &&
        !is_integer(json_object_get(e, "E"), f->event_ms))
        return false;
    switch ((enum binance_frame_kind)f->kind) {
    case BINANCE_TRADE: return same_print(e, "t", &f->trade, s);
    case BINANCE_AGG_TRADE:
        return same_print(e, "a", &a->print, s) &&
               is_integer(json_object_get(e, "f"), (int64_t)a->first_trade_id) &&
               is_integer(json_object_get(e, "l"), (int64_t)a->last_trade_id);
    case BINANCE_DEPTH:
        return is_integer(json_object_get(e, "U"), (int64_t)d->first_id) &&
               is_integer(json_object_get(e, "u"), (int64_t)d->last_id) &&
               same_levels(json_object_get(e, "b"), d->bids, d->bid_count, s) &&
               same_levels(json_object_get(e, "a"), d->asks, d->ask_count, s);
    case BINANCE_PARTIAL_DEPTH:
        return is_integer(json_object_get(e, "lastUpdateId"), (int64_t)d->last_id) &&
               same_levels(json_object_get(e, "bids"), d->bids, d->bid_count, s) &&
               same_levels(json_object_get(e, "asks"), d->asks, d->ask_count, s);
    case BINANCE_BOOK_TICKER: return same_book_ticker(e, &f->book_ticker, s);
    case BINANCE_KLINE: return same_candle(json_object_get(e, "k"), &f->kline, s);
    case BINANCE_TICKER:
    case BINANCE_MINI_TICKER: return same_ticker(e, f, s);
    case BINANCE_RESULT:
    case BINANCE_ERROR: return same_control(e, f);
    default: return true;
    }
}

static const struct binance_symbol *symbol_of(const struct binance_symbols *table,
                                              uint16_t instrument)
{
    for (uint32_t i = 0; i < table->count; i++)
        if (table->symbols[i].instrument == instrument) return &table->symbols[i];
    return NULL;
}

const char *stream_peer_compare(struct slice frame, const struct binance_symbols *table,
                                const struct binance_frame *ours)
{
    json_error_t error;
    json_t *root = json_loadb(frame.data, frame.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!root) {
        /* Sound JSON that jansson cannot hold. */
        const enum json_error_code code = json_error_code(&error);
        return code == json_error_numeric_overflow || code == json_error_null_byte_in_key
                   ? NULL
                   : "accepted, but jansson says that it is no JSON";
    }
    const json_t *event = root;
    if (json_is_string(json_object_get(root, "stream")) && json_object_get(root, "data"))
        event = json_object_get(root, "data");
    const struct binance_symbol *s = symbol_of(table, ours->instrument);
    const char *name = json_string_value(json_object_get(event, "s"));
    const char *wrong = NULL;
    if (s && name && strcmp(name, s->text) != 0)
        wrong = "another symbol";
    else if (!same_event(event, s, ours))
        wrong = "other values than jansson";
    json_decref(root);
    return wrong;
}
