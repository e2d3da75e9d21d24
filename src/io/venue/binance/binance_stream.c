/* The tolerant path of the stream decoder, and the control messages. The straight path is
 * binance_straight.c. */
#include "io/venue/binance/binance_stream.h"

#include <string.h>

#include "io/venue/binance/binance_straight.h"
#include "io/venue/json_cursor.h"

enum { TEXT_SIZE = 64 }; /* event kinds and symbols with escapes; longer ones match nothing */

/* What the tolerant path learns of a payload before it reads any value. */
struct survey {
    char scratch[2][TEXT_SIZE];
    struct slice kind, symbol;
    bool has_kind, has_symbol, is_object;
    bool result, code, error, last_update_id, update_id;
};

typedef bool payload_reader(struct binance_decoder *d, struct json_cursor *c,
                            const struct binance_symbol *s, struct binance_frame *out);

static payload_reader read_trade, read_agg_trade, read_depth, read_partial, read_ticker_book,
    read_kline, read_ticker, read_mini_ticker;

static const struct {
    const char *event;
    uint8_t kind;
    payload_reader *read;
} payloads[] = {
    {"trade", BINANCE_TRADE, read_trade},
    {"aggTrade", BINANCE_AGG_TRADE, read_agg_trade},
    {"depthUpdate", BINANCE_DEPTH, read_depth},
    {"bookTicker", BINANCE_BOOK_TICKER, read_ticker_book},
    {"kline", BINANCE_KLINE, read_kline},
    {"24hrTicker", BINANCE_TICKER, read_ticker},
    {"24hrMiniTicker", BINANCE_MINI_TICKER, read_mini_ticker},
};

static enum err decode_tolerant(struct binance_decoder *d, struct slice frame,
                                struct binance_frame *out);
static enum err read_payload(struct binance_decoder *d, struct slice payload, bool wrapped,
                             struct binance_frame *out);
static bool read_event_ms(struct slice payload, int64_t *out);
static enum err read_control(struct slice payload, bool is_error, struct binance_frame *out);

enum err binance_stream_decode(struct binance_decoder *d, struct slice frame,
                               struct binance_frame *out)
{
    d->frame_count++;
    if (binance_straight_decode(d, frame, out)) return OK;
    d->tolerant_count++;
    *out = (struct binance_frame){.instrument = INSTRUMENT_NONE};
    const enum err err = decode_tolerant(d, frame, out);
    if (err) d->malformed_count++;
    if (!err && out->kind == BINANCE_UNKNOWN) d->unknown_count++;
    if (!err && out->kind == BINANCE_FOREIGN) d->foreign_count++;
    return err;
}

static enum err decode_tolerant(struct binance_decoder *d, struct slice frame,
                                struct binance_frame *out)
{
    struct json_cursor c;
    struct slice key, data = {0};
    bool wrapped = false, named = false;

    cursor_init(&c, frame);
    if (cursor_peek(&c) != CURSOR_OBJECT) {
        out->kind = BINANCE_UNKNOWN;
        return cursor_skip(&c) && cursor_end(&c) ? OK : cursor_fail(&c, "a frame");
    }
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "stream") && cursor_peek(&c) == CURSOR_STRING) {
            if (named) cursor_refuse(&c, "key given twice");
            named = cursor_string(&c, &out->stream, NULL);
        } else if (slice_is(key, "data")) {
            if (wrapped) cursor_refuse(&c, "key given twice");
            wrapped = cursor_raw(&c, &data);
        } else {
            cursor_skip(&c);
        }
    }
    if (!cursor_end(&c)) return cursor_fail(&c, "a frame");
    wrapped = wrapped && named;
    if (!wrapped) out->stream = (struct slice){0};
    return read_payload(d, wrapped ? data : frame, wrapped, out);
}

/* A first pass over a payload that is known to be sound JSON. */
static bool survey_payload(struct json_cursor *c, struct survey *s)
{
    struct slice key;
    *s = (struct survey){0};
    s->is_object = cursor_peek(c) == CURSOR_OBJECT;
    if (!s->is_object) return cursor_skip(c);
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "e") && cursor_peek(c) == CURSOR_STRING) {
            if (s->has_kind) return cursor_refuse(c, "key given twice");
            s->has_kind = cursor_text(c, s->scratch[0], TEXT_SIZE, &s->kind);
        } else if (slice_is(key, "s") && cursor_peek(c) == CURSOR_STRING) {
            if (s->has_symbol) return cursor_refuse(c, "key given twice");
            s->has_symbol = cursor_text(c, s->scratch[1], TEXT_SIZE, &s->symbol);
        } else {
            s->result |= slice_is(key, "result");
            s->code |= slice_is(key, "code");
            s->error |= slice_is(key, "error");
            s->last_update_id |= slice_is(key, "lastUpdateId");
            s->update_id |= slice_is(key, "u");
            cursor_skip(c);
        }
    }
    return cursor_end(c);
}

/* The name before '@'; "" for a stream over all symbols, such as "!miniTicker@arr". */
static struct slice stream_symbol(struct slice stream)
{
    const char *at = stream.size ? memchr(stream.data, '@', stream.size) : NULL;
    if (!at || stream.data[0] == '!') return (struct slice){0};
    return (struct slice){stream.data, (size_t)(at - stream.data)};
}

static payload_reader *find_reader(const struct survey *s, bool wrapped, uint8_t *kind)
{
    for (size_t i = 0; s->has_kind && i < sizeof payloads / sizeof *payloads; i++) {
        if (!slice_is(s->kind, payloads[i].event)) continue;
        *kind = payloads[i].kind;
        return payloads[i].read;
    }
    if (!s->has_kind && s->has_symbol && s->update_id) {
        *kind = BINANCE_BOOK_TICKER;
        return read_ticker_book;
    }
    if (!s->has_kind && s->last_update_id && wrapped) {
        *kind = BINANCE_PARTIAL_DEPTH;
        return read_partial;
    }
    return NULL;
}

static enum err read_payload(struct binance_decoder *d, struct slice payload, bool wrapped,
                             struct binance_frame *out)
{
    struct json_cursor c;
    struct survey found;
    cursor_init(&c, payload);
    if (!survey_payload(&c, &found)) return cursor_fail(&c, "a frame");

    out->kind = BINANCE_UNKNOWN;
    if (!found.is_object) return OK;
    if (found.has_kind && slice_is(found.kind, "serverShutdown")) {
        out->kind = BINANCE_SHUTDOWN;
        return read_event_ms(payload, &out->event_ms)
                   ? OK
                   : err_set(ERR_PARSE, "serverShutdown without a sound E");
    }
    if (!wrapped && !found.has_kind && (found.code || found.error))
        return read_control(payload, true, out);
    if (!wrapped && !found.has_kind && found.result) return read_control(payload, false, out);

    uint8_t kind = BINANCE_UNKNOWN;
    payload_reader *read = find_reader(&found, wrapped, &kind);
    if (!read) return OK;

    const struct slice named = stream_symbol(out->stream);
    const struct binance_symbol *symbol = found.has_symbol
                                              ? binance_symbols_find(d->symbols, found.symbol)
                                              : binance_symbols_find_stream(d->symbols, named);
    if (found.has_symbol && named.size > 0 &&
        binance_symbols_find_stream(d->symbols, named) != symbol)
        return err_set(ERR_PARSE, "stream and symbol of a frame disagree");
    out->kind = BINANCE_FOREIGN;
    if (!symbol) return OK;

    out->kind = kind;
    out->instrument = symbol->instrument;
    cursor_init(&c, payload);
    cursor_enter_object(&c);
    if (read(d, &c, symbol, out) && cursor_end(&c)) return OK;
    if (c.error && strcmp(c.error, BINANCE_TOO_MANY_LEVELS) == 0)
        return err_set(ERR_LIMIT, "more than %u levels in a frame", d->level_capacity);
    return cursor_fail(&c, "a market event");
}

/* Marks a field as read; a second one of the same name fails. */
static bool claim(struct json_cursor *c, uint32_t *seen, unsigned field)
{
    const uint32_t bit = UINT32_C(1) << field;
    if (*seen & bit) return cursor_refuse(c, "key given twice");
    *seen |= bit;
    return true;
}

/* Fields are named by their one letter: lower case 0-25, upper case 26-51. */
static uint64_t letter_bit(char letter)
{
    if (letter >= 'a' && letter <= 'z') return UINT64_C(1) << (letter - 'a');
    if (letter >= 'A' && letter <= 'Z') return UINT64_C(1) << (26 + letter - 'A');
    return 0;
}

static uint64_t letter_bits(const char *letters)
{
    uint64_t bits = 0;
    for (; *letters; letters++) bits |= letter_bit(*letters);
    return bits;
}

/* The next key that is one of `letters`, others skipped; '\0' at the end or on failure, and at the
 * end all letters must have been there. */
static char next_letter(struct json_cursor *c, const char *letters, uint64_t *seen)
{
    struct slice key;
    while (cursor_next_key(c, &key)) {
        const uint64_t bit = key.size == 1 ? letter_bit(key.data[0]) : 0;
        if (!(bit & letter_bits(letters))) {
            cursor_skip(c);
            continue;
        }
        if (*seen & bit) cursor_refuse(c, "key given twice");
        *seen |= bit;
        return c->error ? '\0' : key.data[0];
    }
    if (!c->error && *seen != letter_bits(letters)) cursor_refuse(c, "a field is missing");
    return '\0';
}

static bool refuse_unless(struct json_cursor *c, bool sound, const char *cause)
{
    return !c->error && (sound || cursor_refuse(c, cause));
}

bool binance_read_market_price(struct json_cursor *c, unsigned scale, enum rounding mode,
                               struct price *out)
{
    bool exact;
    return cursor_decimal_rounded(c, scale, mode, &out->units, &exact);
}

bool binance_read_market_qty(struct json_cursor *c, unsigned scale, struct qty *out)
{
    bool exact;
    if (!cursor_decimal_rounded(c, scale, ROUND_DOWN, &out->units, &exact)) return false;
    if (out->units == 0 && !exact) out->units = 1;
    return true;
}

static bool read_price(struct json_cursor *c, const struct binance_symbol *s, struct price *out)
{
    return binance_read_market_price(c, s->price_scale, ROUND_DOWN, out);
}

static bool read_qty(struct json_cursor *c, const struct binance_symbol *s, struct qty *out)
{
    return binance_read_market_qty(c, s->qty_scale, out);
}

static bool read_time(struct json_cursor *c, int64_t *out)
{
    return cursor_i64(c, out) && (*out >= 0 || cursor_refuse(c, "negative time"));
}

static void read_taker(struct json_cursor *c, uint8_t *out)
{
    bool buyer_is_maker;
    if (cursor_bool(c, &buyer_is_maker)) *out = buyer_is_maker ? SIDE_SELL : SIDE_BUY;
}

static bool read_trade(struct binance_decoder *d, struct json_cursor *c,
                       const struct binance_symbol *s, struct binance_frame *out)
{
    (void)d;
    struct print *p = &out->trade;
    uint64_t seen = 0;
    for (char letter; (letter = next_letter(c, "EtpqTm", &seen));) {
        switch (letter) {
        case 'E': read_time(c, &out->event_ms); break;
        case 't': cursor_u64(c, &p->id); break;
        case 'p': read_price(c, s, &p->price); break;
        case 'q': read_qty(c, s, &p->qty); break;
        case 'T': read_time(c, &p->time_ms); break;
        case 'm': read_taker(c, &p->taker); break;
        }
    }
    return refuse_unless(c, p->price.units > 0 && p->qty.units > 0, "trade of nothing");
}

static bool read_agg_trade(struct binance_decoder *d, struct json_cursor *c,
                           const struct binance_symbol *s, struct binance_frame *out)
{
    (void)d;
    struct binance_agg_trade *a = &out->agg_trade;
    uint64_t seen = 0;
    for (char letter; (letter = next_letter(c, "EapqflTm", &seen));) {
        switch (letter) {
        case 'E': read_time(c, &out->event_ms); break;
        case 'a': cursor_u64(c, &a->print.id); break;
        case 'p': read_price(c, s, &a->print.price); break;
        case 'q': read_qty(c, s, &a->print.qty); break;
        case 'f': cursor_u64(c, &a->first_trade_id); break;
        case 'l': cursor_u64(c, &a->last_trade_id); break;
        case 'T': read_time(c, &a->print.time_ms); break;
        case 'm': read_taker(c, &a->print.taker); break;
        }
    }
    return refuse_unless(c, a->print.price.units > 0 && a->print.qty.units > 0, "trade of nothing");
}

/* ["price","quantity",…]; false where the level is to be left out, or on failure. */
static bool read_level(struct json_cursor *c, unsigned price_scale, unsigned qty_scale,
                       struct level *out)
{
    bool exact = false;
    cursor_enter_array(c);
    if (!cursor_next_element(c) ||
        !cursor_decimal_rounded(c, price_scale, ROUND_DOWN, &out->price.units, &exact) ||
        !cursor_next_element(c) || !binance_read_market_qty(c, qty_scale, &out->qty))
        return cursor_refuse(c, "level without price and quantity");
    while (cursor_next_element(c)) cursor_skip(c);
    if (exact && out->price.units == 0) return cursor_refuse(c, "level at a price of 0");
    return exact && !c->error;
}

bool binance_read_levels(struct json_cursor *c, unsigned price_scale, unsigned qty_scale,
                         struct level *levels, uint32_t capacity, uint32_t *count, uint64_t *odd)
{
    cursor_enter_array(c);
    while (cursor_next_element(c)) {
        if (*count == capacity) return cursor_refuse(c, BINANCE_TOO_MANY_LEVELS);
        if (read_level(c, price_scale, qty_scale, &levels[*count]))
            ++*count;
        else
            ++*odd;
    }
    return !c->error;
}

static void read_side(struct binance_decoder *d, struct json_cursor *c,
                      const struct binance_symbol *s, uint32_t *used, const struct level **levels,
                      uint32_t *count)
{
    const uint32_t from = *used;
    binance_read_levels(c, s->price_scale, s->qty_scale, d->levels, d->level_capacity, used,
                        &d->odd_level_count);
    *levels = d->levels + from;
    *count = *used - from;
}

static bool read_depth(struct binance_decoder *d, struct json_cursor *c,
                       const struct binance_symbol *s, struct binance_frame *out)
{
    struct binance_depth *depth = &out->depth;
    uint64_t seen = 0;
    uint32_t used = 0;
    for (char letter; (letter = next_letter(c, "EUuba", &seen));) {
        switch (letter) {
        case 'E': read_time(c, &out->event_ms); break;
        case 'U': cursor_u64(c, &depth->first_id); break;
        case 'u': cursor_u64(c, &depth->last_id); break;
        case 'b': read_side(d, c, s, &used, &depth->bids, &depth->bid_count); break;
        case 'a': read_side(d, c, s, &used, &depth->asks, &depth->ask_count); break;
        }
    }
    return refuse_unless(c, depth->first_id <= depth->last_id, "update ids run backwards");
}

static bool read_partial(struct binance_decoder *d, struct json_cursor *c,
                         const struct binance_symbol *s, struct binance_frame *out)
{
    struct binance_depth *depth = &out->depth;
    struct slice key;
    uint32_t seen = 0, used = 0;
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "lastUpdateId")) {
            if (claim(c, &seen, 0)) cursor_u64(c, &depth->last_id);
        } else if (slice_is(key, "bids")) {
            if (claim(c, &seen, 1)) read_side(d, c, s, &used, &depth->bids, &depth->bid_count);
        } else if (slice_is(key, "asks")) {
            if (claim(c, &seen, 2)) read_side(d, c, s, &used, &depth->asks, &depth->ask_count);
        } else {
            cursor_skip(c);
        }
    }
    depth->first_id = depth->last_id;
    return refuse_unless(c, seen == 7, "a field is missing");
}

static bool read_ticker_book(struct binance_decoder *d, struct json_cursor *c,
                             const struct binance_symbol *s, struct binance_frame *out)
{
    (void)d;
    struct binance_book_ticker *t = &out->book_ticker;
    uint64_t seen = 0;
    for (char letter; (letter = next_letter(c, "ubBaA", &seen));) {
        switch (letter) {
        case 'u': cursor_u64(c, &t->update_id); break;
        case 'b': read_price(c, s, &t->bid.price); break;
        case 'B': read_qty(c, s, &t->bid.qty); break;
        case 'a': binance_read_market_price(c, s->price_scale, ROUND_UP, &t->ask.price); break;
        case 'A': read_qty(c, s, &t->ask.qty); break;
        }
    }
    return !c->error;
}

static void read_timeframe(struct json_cursor *c, uint8_t *out)
{
    struct slice text;
    char name[8];
    enum timeframe timeframe;
    if (!cursor_string(c, &text, NULL)) return;
    *out = slice_copy(text, name, sizeof name) && timeframe_parse(name, &timeframe)
               ? (uint8_t)timeframe
               : TIMEFRAME_COUNT;
}

static bool read_candle(struct json_cursor *c, const struct binance_symbol *s,
                        struct binance_kline *k)
{
    uint64_t seen = 0;
    cursor_enter_object(c);
    for (char letter; (letter = next_letter(c, "tiochlvnx", &seen));) {
        switch (letter) {
        case 't': read_time(c, &k->candle.open_ms); break;
        case 'i': read_timeframe(c, &k->timeframe); break;
        case 'o': read_price(c, s, &k->candle.open); break;
        case 'c': read_price(c, s, &k->candle.close); break;
        case 'h': read_price(c, s, &k->candle.high); break;
        case 'l': read_price(c, s, &k->candle.low); break;
        case 'v': read_qty(c, s, &k->candle.volume); break;
        case 'n': cursor_u64(c, &k->trade_count); break;
        case 'x': cursor_bool(c, &k->closed); break;
        }
    }
    return refuse_unless(c, candle_is_sound(&k->candle), "candle is not sound");
}

static bool read_kline(struct binance_decoder *d, struct json_cursor *c,
                       const struct binance_symbol *s, struct binance_frame *out)
{
    (void)d;
    uint64_t seen = 0;
    for (char letter; (letter = next_letter(c, "Ek", &seen));) {
        if (letter == 'E')
            read_time(c, &out->event_ms);
        else
            read_candle(c, s, &out->kline);
    }
    return !c->error;
}

static bool read_ticker_fields(struct json_cursor *c, const struct binance_symbol *s,
                               const char *letters, struct binance_frame *out)
{
    struct binance_ticker *t = &out->ticker;
    uint64_t seen = 0;
    for (char letter; (letter = next_letter(c, letters, &seen));) {
        switch (letter) {
        case 'E': read_time(c, &out->event_ms); break;
        case 'o': read_price(c, s, &t->open); break;
        case 'h': read_price(c, s, &t->high); break;
        case 'l': read_price(c, s, &t->low); break;
        case 'c': read_price(c, s, &t->last); break;
        case 'v': read_qty(c, s, &t->volume); break;
        case 'b': read_price(c, s, &t->bid); break;
        case 'a': read_price(c, s, &t->ask); break;
        }
    }
    return !c->error;
}

static bool read_ticker(struct binance_decoder *d, struct json_cursor *c,
                        const struct binance_symbol *s, struct binance_frame *out)
{
    (void)d;
    return read_ticker_fields(c, s, "Eohlcvba", out);
}

static bool read_mini_ticker(struct binance_decoder *d, struct json_cursor *c,
                             const struct binance_symbol *s, struct binance_frame *out)
{
    (void)d;
    return read_ticker_fields(c, s, "Eohlcv", out);
}

static bool read_event_ms(struct slice payload, int64_t *out)
{
    struct json_cursor c;
    uint64_t seen = 0;
    cursor_init(&c, payload);
    cursor_enter_object(&c);
    while (next_letter(&c, "E", &seen)) read_time(&c, out);
    return cursor_end(&c);
}

/* {"code":…,"msg":…} in an object that was entered, or the members of one that holds them. */
static void read_error_member(struct json_cursor *c, struct slice key, uint32_t *seen,
                              struct binance_control *out)
{
    if (slice_is(key, "code")) {
        if (claim(c, seen, 0)) cursor_i64(c, &out->code);
    } else if (slice_is(key, "msg")) {
        if (claim(c, seen, 1)) cursor_string(c, &out->message, NULL);
    } else {
        cursor_skip(c);
    }
}

static enum err read_control(struct slice payload, bool is_error, struct binance_frame *out)
{
    struct json_cursor c;
    struct slice key;
    uint32_t seen = 0;
    struct binance_control *control = &out->control;

    out->kind = is_error ? BINANCE_ERROR : BINANCE_RESULT;
    *control = (struct binance_control){.id = -1};
    cursor_init(&c, payload);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "id")) {
            if (!claim(&c, &seen, 2)) break;
            if (cursor_peek(&c) == CURSOR_NUMBER)
                cursor_i64(&c, &control->id);
            else
                cursor_skip(&c);
        } else if (is_error && slice_is(key, "error") && cursor_peek(&c) == CURSOR_OBJECT) {
            cursor_enter_object(&c);
            while (cursor_next_key(&c, &key)) read_error_member(&c, key, &seen, control);
        } else if (is_error) {
            read_error_member(&c, key, &seen, control);
        } else {
            cursor_skip(&c);
        }
    }
    return cursor_end(&c) ? OK : cursor_fail(&c, "a control answer");
}

void binance_stream_write_subscribe(struct buffer *out, bool subscribe, const struct slice *streams,
                                    uint32_t stream_count, int64_t id)
{
    buffer_append_text(out, subscribe ? "{\"method\":\"SUBSCRIBE\",\"params\":["
                                      : "{\"method\":\"UNSUBSCRIBE\",\"params\":[");
    for (uint32_t i = 0; i < stream_count; i++) {
        buffer_append_text(out, i ? ",\"" : "\"");
        buffer_append(out, streams[i].data, streams[i].size);
        buffer_append_char(out, '"');
    }
    buffer_append_text(out, "],\"id\":");
    buffer_append_i64(out, id);
    buffer_append_char(out, '}');
}

void binance_stream_write_name(struct buffer *out, const char *symbol, const char *suffix)
{
    for (; *symbol; symbol++)
        buffer_append_char(out,
                           *symbol >= 'A' && *symbol <= 'Z' ? (char)(*symbol | 0x20) : *symbol);
    buffer_append_text(out, suffix);
}
