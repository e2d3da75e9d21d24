/* Straight-line reading of the frequent frames.
 *
 * Every byte is compared or read as a digit, so a frame that gets through is sound JSON and sound
 * UTF-8 by construction. Nothing here reports an error: what is not the known shape goes to the
 * tolerant path, which decides. */
#include "io/venue/binance/binance_straight.h"

#include <string.h>

#include "io/venue/json_digits.h"

struct walk {
    const char *at, *end;
};

#define EAT(w, literal) eat((w), (literal), sizeof(literal) - 1)

static inline bool eat(struct walk *w, const char *literal, size_t size)
{
    if ((size_t)(w->end - w->at) < size || memcmp(w->at, literal, size) != 0) return false;
    w->at += size;
    return true;
}

static inline bool take_integer(struct walk *w, uint64_t *out)
{
    const char *after = digits_integer(w->at, w->end, out);
    if (!after) return false;
    w->at = after;
    return true;
}

static inline bool take_time(struct walk *w, int64_t *out)
{
    uint64_t value;
    if (!take_integer(w, &value)) return false;
    *out = (int64_t)value;
    return true;
}

/* Numbers that do not fit two words of digits: one in thousands. */
static __attribute__((noinline)) bool take_long_decimal(struct walk *w, unsigned scale,
                                                        int64_t *out)
{
    const char *at = w->at;
    while (at < w->end && ((*at >= '0' && *at <= '9') || *at == '.')) at++;
    if (at == w->end || *at != '"') return false;
    if (!decimal_parse(w->at, (size_t)(at - w->at), scale, out)) return false;
    w->at = at + 1;
    return true;
}

/* A decimal behind its opening quote, and the closing quote. */
static inline bool take_decimal(struct walk *w, unsigned scale, int64_t *out)
{
    const char *after = digits_decimal(w->at, w->end, scale, out);
    if (__builtin_expect(after == NULL, 0)) return take_long_decimal(w, scale, out);
    w->at = after;
    return true;
}

/* The symbol behind its opening quote, and the closing quote: the one expected,
 * else found in the table. */
static inline bool take_symbol(struct walk *w, const struct binance_decoder *d,
                               const struct binance_symbol **symbol)
{
    const size_t left = (size_t)(w->end - w->at);
    if (*symbol) {
        const size_t size = (*symbol)->upper.size;
        if (left <= size || w->at[size] != '"' || !binance_symbol_is(*symbol, w->at, size))
            return false;
        w->at += size + 1;
        return true;
    }
    const char *quote = memchr(w->at, '"', left < SYMBOL_SIZE ? left : SYMBOL_SIZE);
    if (!quote) return false;
    *symbol = binance_symbols_find(d->symbols, (struct slice){w->at, (size_t)(quote - w->at)});
    w->at = quote + 1;
    return *symbol != NULL;
}

static inline bool take_flag(struct walk *w, bool *out)
{
    *out = w->at < w->end && *w->at == 't';
    return *out ? EAT(w, "true") : EAT(w, "false");
}

/* Behind '[': [["price","quantity"],…], the closing bracket included. */
static inline bool take_levels(struct walk *walk, const struct binance_symbol *symbol,
                               struct level *levels, uint32_t capacity, uint32_t *count)
{
    const unsigned price_scale = symbol->price_scale, qty_scale = symbol->qty_scale;
    struct walk w = *walk;
    uint32_t used = 0;
    if (EAT(&w, "]")) {
        *walk = w;
        *count = 0;
        return true;
    }
    for (;;) {
        if (used == capacity) return false;
        struct level *level = &levels[used++];
        if (!EAT(&w, "[\"") || !take_decimal(&w, price_scale, &level->price.units) ||
            !EAT(&w, ",\"") || !take_decimal(&w, qty_scale, &level->qty.units) ||
            w.end - w.at < 2 || w.at[0] != ']' || level->price.units == 0)
            return false;
        w.at += 2;
        if (w.at[-1] == ',') continue;
        if (w.at[-1] != ']') return false;
        *walk = w;
        *count = used;
        return true;
    }
}

/* Behind {"e":"depthUpdate","E": */
static bool take_depth(struct walk *w, struct binance_decoder *d,
                       const struct binance_symbol *symbol, struct binance_frame *out)
{
    struct binance_depth *depth = &out->depth;
    out->kind = BINANCE_DEPTH;
    if (!take_time(w, &out->event_ms) || !EAT(w, ",\"s\":\"") || !take_symbol(w, d, &symbol) ||
        !EAT(w, ",\"U\":") || !take_integer(w, &depth->first_id) || !EAT(w, ",\"u\":") ||
        !take_integer(w, &depth->last_id) || depth->first_id > depth->last_id ||
        !EAT(w, ",\"b\":["))
        return false;
    out->instrument = symbol->instrument;
    depth->bids = d->levels;
    if (!take_levels(w, symbol, d->levels, d->level_capacity, &depth->bid_count) ||
        !EAT(w, ",\"a\":["))
        return false;
    struct level *rest = d->levels + depth->bid_count;
    depth->asks = rest;
    return take_levels(w, symbol, rest, d->level_capacity - depth->bid_count, &depth->ask_count) &&
           EAT(w, "}");
}

/* Behind {"e":"trade","E": */
static bool take_trade(struct walk *w, struct binance_decoder *d,
                       const struct binance_symbol *symbol, struct binance_frame *out)
{
    struct print *p = &out->trade;
    bool buyer_is_maker, ignored;
    out->kind = BINANCE_TRADE;
    if (!take_time(w, &out->event_ms) || !EAT(w, ",\"s\":\"") || !take_symbol(w, d, &symbol) ||
        !EAT(w, ",\"t\":") || !take_integer(w, &p->id) || !EAT(w, ",\"p\":\"") ||
        !take_decimal(w, symbol->price_scale, &p->price.units) || !EAT(w, ",\"q\":\"") ||
        !take_decimal(w, symbol->qty_scale, &p->qty.units) || !EAT(w, ",\"T\":") ||
        !take_time(w, &p->time_ms) || !EAT(w, ",\"m\":") || !take_flag(w, &buyer_is_maker) ||
        !EAT(w, ",\"M\":") || !take_flag(w, &ignored) || !EAT(w, "}"))
        return false;
    out->instrument = symbol->instrument;
    p->taker = buyer_is_maker ? SIDE_SELL : SIDE_BUY;
    return p->price.units > 0 && p->qty.units > 0;
}

/* Behind {"e":"aggTrade","E": */
static bool take_agg_trade(struct walk *w, struct binance_decoder *d,
                           const struct binance_symbol *symbol, struct binance_frame *out)
{
    struct binance_agg_trade *a = &out->agg_trade;
    struct print *p = &a->print;
    bool buyer_is_maker, ignored;
    out->kind = BINANCE_AGG_TRADE;
    if (!take_time(w, &out->event_ms) || !EAT(w, ",\"s\":\"") || !take_symbol(w, d, &symbol) ||
        !EAT(w, ",\"a\":") || !take_integer(w, &p->id) || !EAT(w, ",\"p\":\"") ||
        !take_decimal(w, symbol->price_scale, &p->price.units) || !EAT(w, ",\"q\":\"") ||
        !take_decimal(w, symbol->qty_scale, &p->qty.units) || !EAT(w, ",\"f\":") ||
        !take_integer(w, &a->first_trade_id) || !EAT(w, ",\"l\":") ||
        !take_integer(w, &a->last_trade_id) || !EAT(w, ",\"T\":") || !take_time(w, &p->time_ms) ||
        !EAT(w, ",\"m\":") || !take_flag(w, &buyer_is_maker) || !EAT(w, ",\"M\":") ||
        !take_flag(w, &ignored) || !EAT(w, "}"))
        return false;
    out->instrument = symbol->instrument;
    p->taker = buyer_is_maker ? SIDE_SELL : SIDE_BUY;
    return p->price.units > 0 && p->qty.units > 0;
}

/* Behind {"u": */
static bool take_book_ticker(struct walk *w, struct binance_decoder *d,
                             const struct binance_symbol *symbol, struct binance_frame *out)
{
    struct binance_book_ticker *t = &out->book_ticker;
    out->kind = BINANCE_BOOK_TICKER;
    out->event_ms = 0;
    if (!take_integer(w, &t->update_id) || !EAT(w, ",\"s\":\"") || !take_symbol(w, d, &symbol) ||
        !EAT(w, ",\"b\":\"") || !take_decimal(w, symbol->price_scale, &t->bid.price.units) ||
        !EAT(w, ",\"B\":\"") || !take_decimal(w, symbol->qty_scale, &t->bid.qty.units) ||
        !EAT(w, ",\"a\":\"") || !take_decimal(w, symbol->price_scale, &t->ask.price.units) ||
        !EAT(w, ",\"A\":\"") || !take_decimal(w, symbol->qty_scale, &t->ask.qty.units) ||
        !EAT(w, "}"))
        return false;
    out->instrument = symbol->instrument;
    return true;
}

static bool take_payload(struct walk *w, struct binance_decoder *d,
                         const struct binance_symbol *symbol, struct binance_frame *out)
{
    if (EAT(w, "{\"u\":")) return take_book_ticker(w, d, symbol, out);
    if (!EAT(w, "{\"e\":\"")) return false;
    if (EAT(w, "trade\",\"E\":")) return take_trade(w, d, symbol, out);
    if (EAT(w, "depthUpdate\",\"E\":")) return take_depth(w, d, symbol, out);
    if (EAT(w, "aggTrade\",\"E\":")) return take_agg_trade(w, d, symbol, out);
    return false;
}

/* The name behind {"stream":" and what follows it up to the payload; all of it printable ASCII. */
static inline bool take_stream(struct walk *w, struct binance_decoder *d,
                               const struct binance_symbol **symbol, struct slice *stream)
{
    const char *from = w->at;
    const size_t left = (size_t)(w->end - w->at);
    const char *sign = memchr(from, '@', left < SYMBOL_SIZE ? left : SYMBOL_SIZE);
    if (!sign) return false;
    *symbol = binance_symbols_find_stream(d->symbols, (struct slice){from, (size_t)(sign - from)});
    if (!*symbol) return false;
    w->at = sign + 1;
    if (!EAT(w, "bookTicker") && !EAT(w, "trade") && !EAT(w, "depth@100ms") && !EAT(w, "depth") &&
        !EAT(w, "aggTrade"))
        return false;
    *stream = (struct slice){from, (size_t)(w->at - from)};
    return EAT(w, "\",\"data\":");
}

bool binance_straight_decode(struct binance_decoder *d, struct slice frame,
                             struct binance_frame *out)
{
    struct walk w = {frame.data, frame.data + frame.size};
    const struct binance_symbol *symbol = NULL;
    out->stream = (struct slice){0};
    const bool wrapped = EAT(&w, "{\"stream\":\"");
    if (wrapped && !take_stream(&w, d, &symbol, &out->stream)) return false;
    if (!take_payload(&w, d, symbol, out)) return false;
    return (!wrapped || EAT(&w, "}")) && w.at == w.end;
}
