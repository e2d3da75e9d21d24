/* Reading and serving recordings. */
#include "service/simserver/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "io/venue/json_cursor.h"
#include "service/simserver/simserver_internal.h"

enum {
    FRAMES_A_TURN = 500,
    WAIT_FOR_CLIENTS_MS = 2,
    CLIENT_LEAD = 1 << 20, /* bytes that a client may be behind at full speed */
    MIRROR_ORDERS_MAX = 2 * SIMSERVER_MIRROR_LEVELS,
};

/* A depth message, levels in the recording's array: bids, then asks. */
struct recorded_depth {
    uint64_t first_id, last_id;
    uint32_t bids, asks;
};

/* ---- decoding ---- */

/* The decimals of a price or quantity that are not zeros at its end. */
static unsigned decimals_of(struct slice text)
{
    const char *dot = memchr(text.data, '.', text.size);
    if (!dot) return 0;
    size_t size = text.size;
    while (text.data[size - 1] == '0') size--;
    const size_t decimals = (size_t)(text.data + size - dot) - 1;
    return (unsigned)decimals;
}

static bool read_amount(struct json_cursor *c, int64_t *out, unsigned *decimals)
{
    struct slice text;
    if (!cursor_string(c, &text, NULL)) return false;
    if (!decimal_parse(text.data, text.size, RECORDING_SCALE, out) || *out < 0)
        return cursor_refuse(c, "not an amount of at most 8 decimals");
    const unsigned seen = decimals_of(text);
    if (seen > *decimals) *decimals = seen;
    return true;
}

static bool read_levels(struct recording *r, struct recorded_symbol *s, struct json_cursor *c,
                        uint32_t *used, uint32_t *count)
{
    const uint32_t before = *used;
    cursor_enter_array(c);
    while (cursor_next_element(c)) {
        struct slice more;
        if (*used == RECORDING_LEVELS_MAX) return cursor_refuse(c, "too many levels");
        struct level *l = &r->levels[(*used)++];
        cursor_enter_array(c);
        if (!cursor_next_element(c) || !read_amount(c, &l->price.units, &s->price_decimals) ||
            !cursor_next_element(c) || !read_amount(c, &l->qty.units, &s->qty_decimals))
            return cursor_refuse(c, "not a level");
        while (cursor_next_element(c)) cursor_raw(c, &more); /* old frames have a third element */
    }
    *count = *used - before;
    return !c->error;
}

/* Deltas name their sides b and a, snapshots bids and asks. */
static enum err read_depth(struct recording *r, struct recorded_symbol *s, struct slice data,
                           struct recorded_depth *out)
{
    struct json_cursor c;
    struct slice key;
    uint32_t used = 0;
    *out = (struct recorded_depth){0};
    cursor_init(&c, data);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "U"))
            cursor_u64(&c, &out->first_id);
        else if (slice_is(key, "u") || slice_is(key, "lastUpdateId"))
            cursor_u64(&c, &out->last_id);
        else if (slice_is(key, "b") || slice_is(key, "bids"))
            read_levels(r, s, &c, &used, &out->bids);
        else if (slice_is(key, "a") || slice_is(key, "asks"))
            read_levels(r, s, &c, &used, &out->asks);
        else
            cursor_skip(&c);
    }
    if (cursor_end(&c) && out->last_id == 0) cursor_refuse(&c, "no update id");
    return c.error ? cursor_fail(&c, "a depth frame") : OK;
}

static enum err read_trade(struct recorded_symbol *s, struct slice data, struct market_trade *out)
{
    struct json_cursor c;
    struct slice key;
    *out = (struct market_trade){0};
    cursor_init(&c, data);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "t") || slice_is(key, "l"))
            cursor_u64(&c, &out->id);
        else if (slice_is(key, "p"))
            read_amount(&c, &out->price.units, &s->price_decimals);
        else if (slice_is(key, "q"))
            read_amount(&c, &out->qty.units, &s->qty_decimals);
        else if (slice_is(key, "T"))
            cursor_i64(&c, &out->time_ms);
        else if (slice_is(key, "m"))
            cursor_bool(&c, &out->buyer_is_maker);
        else
            cursor_skip(&c);
    }
    if (cursor_end(&c) && (out->price.units <= 0 || out->qty.units <= 0 || out->time_ms <= 0))
        cursor_refuse(&c, "no price, quantity or time");
    if (c.error) return cursor_fail(&c, "a trade");
    if (!money_notional(out->price, RECORDING_SCALE, out->qty, RECORDING_SCALE, RECORDING_SCALE,
                        ROUND_DOWN, &out->quote))
        return err_set(ERR_PARSE, "a trade is worth more than there is");
    return OK;
}

/* ---- loading ---- */

static bool split_symbol(const char *symbol, struct instrument *rules)
{
    static const char *const quotes[] = {"USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC",
                                         "ETH",  "BNB",  "TRY",   "EUR",  "USD"};
    const size_t size = strlen(symbol);
    for (unsigned i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        const size_t tail = strlen(quotes[i]);
        if (size <= tail || size - tail >= sizeof rules->base ||
            strcmp(symbol + size - tail, quotes[i]) != 0)
            continue;
        memcpy(rules->base, symbol, size - tail);
        memcpy(rules->quote, quotes[i], tail + 1);
        return true;
    }
    return false;
}

static enum err take_symbol(struct recording *r, struct slice name, uint16_t *out)
{
    char symbol[SYMBOL_SIZE];
    if (name.size == 0 || !slice_copy(name, symbol, sizeof symbol))
        return err_set(ERR_PARSE, "not a symbol: '%.*s'", (int)name.size, name.data);
    for (char *at = symbol; *at; at++)
        if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 32);
    for (*out = 0; *out < r->symbol_count; (*out)++)
        if (strcmp(r->symbols[*out].rules.symbol, symbol) == 0) return OK;
    if (r->symbol_count == RECORDING_SYMBOLS_MAX)
        return err_set(ERR_LIMIT, "more than %d symbols", RECORDING_SYMBOLS_MAX);
    struct recorded_symbol *s = &r->symbols[r->symbol_count];
    if (!split_symbol(symbol, &s->rules))
        return err_set(ERR_PARSE, "cannot tell base from quote of %s", symbol);
    memcpy(s->rules.symbol, symbol, sizeof symbol);
    book_init(&s->book, &r->arena, RECORDING_LEVELS_MAX);
    r->symbol_count++;
    return OK;
}

/* "/api/v3/depth?symbol=X&limit=1000"; the bare word "depth" means the file's only symbol. */
static enum err snapshot_symbol(struct recording *r, struct slice path, uint16_t first_symbol,
                                uint16_t *out)
{
    const char *at = memmem(path.data, path.size, "symbol=", 7);
    if (at) {
        const char *from = at + 7, *end = path.data + path.size;
        const char *stop = memchr(from, '&', (size_t)(end - from));
        return take_symbol(r, (struct slice){from, (size_t)((stop ? stop : end) - from)}, out);
    }
    *out = first_symbol;
    if (first_symbol < r->symbol_count) return OK;
    return err_set(ERR_PARSE, "a snapshot without a symbol before any frame of one");
}

static enum err check_snapshot(struct recording *r, struct recorded_frame *f)
{
    struct recorded_symbol *s = &r->symbols[f->symbol];
    struct recorded_depth d;
    const enum err err = read_depth(r, s, f->data, &d);
    if (err || s->has_snapshot) return err;
    const struct book_update update = {
        .snapshot = true,
        .last_id = d.last_id,
        .bids = r->levels,
        .asks = r->levels + d.bids,
        .bid_count = d.bids,
        .ask_count = d.asks,
    };
    if (book_apply(&s->book, &update) != BOOK_OK)
        return err_set(ERR_PARSE, "a snapshot that is out of order or crossed");
    s->has_snapshot = true;
    return OK;
}

static bool stream_is(const struct recorded_frame *f, const char *word)
{
    const char *at = memchr(f->stream.data, '@', f->stream.size);
    return at &&
           slice_is((struct slice){at + 1, f->stream.size - (size_t)(at + 1 - f->stream.data)},
                    word);
}

/* What a stream frame is, and whether it can be read. */
static enum err check_frame(struct recording *r, struct recorded_frame *f)
{
    struct market_trade trade;
    struct recorded_depth depth;
    const char *at = memchr(f->stream.data, '@', f->stream.size);
    f->symbol = INSTRUMENT_NONE;
    f->kind = RECORDED_OTHER;
    if (!at || f->stream.data[0] == '!') return OK;
    enum err err =
        take_symbol(r, (struct slice){f->stream.data, (size_t)(at - f->stream.data)}, &f->symbol);
    if (err) return err;
    struct recorded_symbol *s = &r->symbols[f->symbol];
    if (stream_is(f, "depth") || stream_is(f, "depth@100ms") || stream_is(f, "depth@1000ms")) {
        f->kind = RECORDED_DEPTH;
        return read_depth(r, s, f->data, &depth);
    }
    const bool is_trade = stream_is(f, "trade");
    if (!is_trade && !stream_is(f, "aggTrade")) return OK;
    f->kind = RECORDED_TRADE;
    s->has_trades |= is_trade;
    s->trades++;
    return read_trade(s, f->data, &trade);
}

/* Seconds with a fraction, to ns. */
static bool read_seconds(struct json_cursor *c, int64_t *out)
{
    struct slice text;
    if (!cursor_raw(c, &text)) return false;
    size_t size = text.size;
    const char *dot = memchr(text.data, '.', size);
    if (dot && (size_t)(text.data + size - dot) > 10) size = (size_t)(dot + 10 - text.data);
    return decimal_parse(text.data, size, 9, out) || cursor_refuse(c, "recv_s is not a time");
}

struct recorded_line {
    int64_t recv_ns;
    struct slice rest, message;
};

static enum err read_line(struct slice text, struct recorded_line *out)
{
    struct json_cursor c;
    struct slice key;
    *out = (struct recorded_line){0};
    cursor_init(&c, text);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "recv_ns"))
            cursor_i64(&c, &out->recv_ns);
        else if (slice_is(key, "recv_s"))
            read_seconds(&c, &out->recv_ns);
        else if (slice_is(key, "rest"))
            cursor_string(&c, &out->rest, NULL);
        else if (slice_is(key, "msg"))
            cursor_raw(&c, &out->message);
        else
            cursor_refuse(&c, "an unknown key");
    }
    if (cursor_end(&c) && out->recv_ns <= 0) cursor_refuse(&c, "no recv_ns or recv_s");
    if (!c.error && out->message.size == 0) cursor_refuse(&c, "no msg");
    return c.error ? cursor_fail(&c, "a line of a recording") : OK;
}

static enum err read_message(struct slice message, struct recorded_frame *f)
{
    struct json_cursor c;
    struct slice key;
    cursor_init(&c, message);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "stream"))
            cursor_string(&c, &f->stream, NULL);
        else if (slice_is(key, "data"))
            cursor_raw(&c, &f->data);
        else
            cursor_skip(&c);
    }
    if (cursor_end(&c) && (f->stream.size == 0 || f->data.size == 0))
        cursor_refuse(&c, "msg has no stream or no data");
    return c.error ? cursor_fail(&c, "a frame") : OK;
}

static struct recorded_frame *add_frame(struct recording *r)
{
    if (r->frame_count == r->frame_capacity) {
        const size_t capacity = r->frame_capacity ? 2 * r->frame_capacity : 4096;
        struct recorded_frame *frames = capacity > 2 * (size_t)RECORDING_FRAMES_MAX
                                            ? NULL
                                            : realloc(r->frames, capacity * sizeof *r->frames);
        if (!frames) return NULL;
        r->frames = frames;
        r->frame_capacity = capacity;
    }
    struct recorded_frame *f = &r->frames[r->frame_count++];
    *f = (struct recorded_frame){0};
    return f;
}

static bool names_depth(struct slice path)
{
    return path.size && memmem(path.data, path.size, "depth", 5) != NULL;
}

static enum err load_line(struct recording *r, struct slice text, size_t first_frame,
                          int64_t *first_ns)
{
    struct recorded_line line;
    enum err err = read_line(text, &line);
    if (err) return err;
    if (*first_ns == 0) *first_ns = line.recv_ns;
    /* Other answers are of no use to anybody. */
    if (line.rest.size && !names_depth(line.rest)) return OK;
    const uint16_t first_symbol =
        r->frame_count > first_frame ? r->frames[first_frame].symbol : INSTRUMENT_NONE;
    struct recorded_frame *f = add_frame(r);
    if (!f) return err_set(ERR_LIMIT, "the recording has too many frames");
    f->at_ns = line.recv_ns - *first_ns;
    if (f->at_ns < 0 ||
        (r->frame_count - 1 > first_frame && f->at_ns < r->frames[r->frame_count - 2].at_ns))
        return err_set(ERR_PARSE, "time runs backwards");
    if (!line.rest.size) {
        err = read_message(line.message, f);
        return err ? err : check_frame(r, f);
    }
    f->kind = RECORDED_SNAPSHOT;
    f->data = line.message;
    err = snapshot_symbol(r, line.rest, first_symbol, &f->symbol);
    return err ? err : check_snapshot(r, f);
}

static enum err read_text(struct recording *r, const char *path, struct slice *out)
{
    FILE *file = fopen(path, "rbe");
    if (!file) return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    struct buffer text = {.limit = RECORDING_SIZE_MAX};
    enum err err = OK;
    for (;;) {
        char *room = buffer_reserve(&text, 1 << 16);
        if (!room) {
            err = err_set(ERR_LIMIT, "%s: too large for memory", path);
            break;
        }
        const size_t got = fread(room, 1, 1 << 16, file);
        buffer_commit(&text, got);
        if (got == 0) break;
    }
    if (!err && ferror(file)) err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    fclose(file);
    r->texts[r->text_count++] = text.data;
    *out = buffer_slice(&text);
    return err;
}

static enum err load_file(struct recording *r, const char *path)
{
    struct slice text = {0};
    enum err err = read_text(r, path, &text);
    const size_t first_frame = r->frame_count;
    int64_t first_ns = 0;
    const char *at = text.data, *end = text.data + text.size;
    for (size_t number = 1; !err && at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        if (stop > at)
            err = load_line(r, (struct slice){at, (size_t)(stop - at)}, first_frame, &first_ns);
        if (err) {
            char cause[ERR_TEXT_SIZE];
            snprintf(cause, sizeof cause, "%s", err_text());
            return err_set(err, "%s:%zu: %s", path, number, cause);
        }
        at = stop + 1;
    }
    if (!err && r->frame_count == first_frame)
        err = err_set(ERR_PARSE, "%s:1: the recording is empty", path);
    return err;
}

static int by_time(const void *a, const void *b)
{
    const struct recorded_frame *p = a, *q = b;
    if (p->at_ns != q->at_ns) return p->at_ns < q->at_ns ? -1 : 1;
    /* lines of one text keep their order */
    return (p->data.data > q->data.data) - (p->data.data < q->data.data);
}

/* Ten to the decimals that the smallest step leaves of the scale. */
static int64_t step_of(unsigned decimals)
{
    int64_t step = 1;
    for (unsigned i = decimals; i < RECORDING_SCALE; i++) step *= 10;
    return step;
}

/* Rules that fit the data: what was recorded could have been ordered. */
static void set_rules(struct recorded_symbol *s)
{
    struct instrument *i = &s->rules;
    i->venue = VENUE_SIM;
    i->status = INSTRUMENT_TRADING;
    i->price_scale = i->qty_scale = i->base_scale = i->quote_scale = RECORDING_SCALE;
    i->tick.units = i->price_min.units = step_of(s->price_decimals);
    i->price_max.units = INT64_C(10000000) * step_of(0);
    i->step.units = i->qty_min.units = step_of(s->qty_decimals);
    i->qty_max.units = INT64_C(90000000) * step_of(0);
    i->bid_up_ppm = i->ask_up_ppm = 5 * PPM;
    i->bid_down_ppm = i->ask_down_ppm = PPM / 5;
    i->orders_max = 200;
    i->algo_orders_max = 5;
    i->maker_fee_ppm = i->taker_fee_ppm = 1000;
}

enum err recording_open(const char *const *files, unsigned count, double speed,
                        struct recording **out)
{
    struct recording *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return err_set(ERR_NO_MEMORY, "no memory for a recording");
    r->speed = speed;
    r->texts = calloc(count, sizeof *r->texts);
    r->symbols = calloc(RECORDING_SYMBOLS_MAX, sizeof *r->symbols);
    r->levels = calloc(RECORDING_LEVELS_MAX, sizeof *r->levels);
    enum err err = arena_init(&r->arena, RECORDING_SYMBOLS_MAX * book_need(RECORDING_LEVELS_MAX));
    if (!err && (!r->texts || !r->symbols || !r->levels))
        err = err_set(ERR_NO_MEMORY, "no memory for a recording");
    for (unsigned i = 0; !err && i < count; i++) err = load_file(r, files[i]);
    if (err) {
        recording_close(r);
        return err;
    }
    if (count > 1) qsort(r->frames, r->frame_count, sizeof *r->frames, by_time);
    for (uint16_t i = 0; i < r->symbol_count; i++) set_rules(&r->symbols[i]);
    *out = r;
    return OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

void recording_close(struct recording *r)
{
    if (!r) return;
    if (r->timer) uv_close((uv_handle_t *)r->timer, on_timer_closed);
    for (unsigned i = 0; i < r->text_count; i++) free(r->texts[i]);
    free(r->texts);
    free(r->frames);
    free(r->symbols);
    free(r->levels);
    arena_deinit(&r->arena);
    free(r);
}

/* ---- serving ---- */

static void apply_depth(struct recording *r, const struct recorded_frame *f)
{
    struct recorded_symbol *s = &r->symbols[f->symbol];
    struct recorded_depth d;
    const enum err err = read_depth(r, s, f->data, &d);
    CHECK(err == OK); /* it was read at open */
    const bool is_snapshot = f->kind == RECORDED_SNAPSHOT;
    if (is_snapshot ? !s->has_gap || d.last_id < s->book.last_id
                    : !s->has_snapshot || d.last_id <= s->book.last_id)
        return;
    if (!is_snapshot && (s->has_gap || d.first_id > s->book.last_id + 1)) {
        s->has_gap = true;
        return;
    }
    const struct book_update update = {
        .snapshot = is_snapshot,
        .last_id = d.last_id,
        .bids = r->levels,
        .asks = r->levels + d.bids,
        .bid_count = d.bids,
        .ask_count = d.asks,
    };
    s->has_gap = book_apply(&s->book, &update) != BOOK_OK;
}

static void serve(struct recording *r, const struct recorded_frame *f)
{
    struct market_trade trade;
    if (f->kind == RECORDED_DEPTH || f->kind == RECORDED_SNAPSHOT) apply_depth(r, f);
    if (f->kind == RECORDED_TRADE && (!r->symbols[f->symbol].has_trades || stream_is(f, "trade"))) {
        const enum err err = read_trade(&r->symbols[f->symbol], f->data, &trade);
        CHECK(err == OK); /* it was read at open */
        (void)market_history_add(&r->server->feeds[f->symbol].history, &trade);
    }
    if (f->stream.size) streams_publish(r->server, f->stream, f->data);
}

static uint64_t due_ns(const struct recording *r)
{
    if (r->speed <= 0) return 0;
    return r->began_ns + (uint64_t)((double)r->frames[r->at].at_ns / r->speed);
}

static void on_timer(uv_timer_t *timer)
{
    struct recording *r = timer->data;
    const uint64_t now_ns = uv_hrtime();
    if (r->speed <= 0 && streams_pending(r->server) > CLIENT_LEAD) {
        uv_timer_start(timer, on_timer, WAIT_FOR_CLIENTS_MS, 0);
        return;
    }
    for (unsigned i = 0; i < FRAMES_A_TURN && r->at < r->frame_count && due_ns(r) <= now_ns; i++)
        serve(r, &r->frames[r->at++]);
    if (r->at == r->frame_count) {
        r->server->counters.recording_ended = true;
        return;
    }
    const uint64_t due = due_ns(r);
    uv_timer_start(timer, on_timer, due > now_ns ? (due - now_ns) / 1000000 + 1 : 0, 0);
}

void recording_begin(struct recording *r)
{
    if (r->is_playing) return;
    r->is_playing = true;
    r->began_ns = uv_hrtime();
    /* Not before the request that began it is answered. */
    uv_timer_start(r->timer, on_timer, 0, 0);
}

/* ---- what people trade against ---- */

static void withdraw(struct recording *r, uint16_t instrument, int64_t now_ms)
{
    struct sim_exchange *e = &r->server->exchange;
    const struct sim_order *orders[MIRROR_ORDERS_MAX];
    uint64_t ids[MIRROR_ORDERS_MAX];
    const uint32_t count =
        sim_exchange_open_orders(e, r->maker, instrument, orders, MIRROR_ORDERS_MAX);
    for (uint32_t i = 0; i < count; i++) ids[i] = orders[i]->id;
    for (uint32_t i = 0; i < count; i++) {
        const struct sim_cancel cancel = {
            .account = r->maker, .instrument = instrument, .order_id = ids[i], .time_ms = now_ms};
        struct sim_order ended;
        (void)sim_exchange_cancel(e, &cancel, &ended); /* one that is gone is as good */
    }
}

void recording_mirror(struct recording *r, uint16_t instrument)
{
    const int64_t now_ms = simserver_now(r->server);
    withdraw(r, instrument, now_ms);
    for (unsigned side = 0; side < 2; side++) {
        struct level levels[SIMSERVER_MIRROR_LEVELS];
        const uint32_t count = book_side(&r->symbols[instrument].book, (enum side)side, levels,
                                         SIMSERVER_MIRROR_LEVELS);
        for (uint32_t i = 0; i < count; i++) {
            const struct sim_request request = {
                .account = r->maker,
                .instrument = instrument,
                .side = (uint8_t)side,
                .type = SIM_TYPE_LIMIT,
                .tif = SIM_GTC,
                .qty = levels[i].qty,
                .price = levels[i].price,
                .time_ms = now_ms,
            };
            struct sim_result result;
            (void)sim_exchange_place(&r->server->exchange, &request, &result); /* full: thinner */
        }
    }
}
