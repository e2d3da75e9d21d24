/* Reading recordings, strictly: each line and amount is looked at before anything is used. */
#include "io/venue/recording_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "io/venue/json_cursor.h"

enum { PIECE_SIZE = 1 << 16 };

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

static bool read_levels(struct json_cursor *c, struct recorded_symbol *s, struct level *levels,
                        uint32_t *used, uint32_t *count)
{
    const uint32_t before = *used;
    cursor_enter_array(c);
    while (cursor_next_element(c)) {
        struct slice more;
        if (*used == RECORDING_LEVELS_MAX) return cursor_refuse(c, "too many levels");
        struct level *l = &levels[(*used)++];
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
static enum err read_depth(struct level *levels, struct recorded_symbol *s, struct slice data,
                           struct recorded_depth *out)
{
    struct json_cursor c;
    struct slice key;
    uint32_t used = 0;
    *out = (struct recorded_depth){.bids = levels, .asks = levels};
    cursor_init(&c, data);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "U")) {
            cursor_u64(&c, &out->first_id);
        } else if (slice_is(key, "u") || slice_is(key, "lastUpdateId")) {
            cursor_u64(&c, &out->last_id);
        } else if (slice_is(key, "b") || slice_is(key, "bids")) {
            out->bids = levels + used;
            read_levels(&c, s, levels, &used, &out->bid_count);
        } else if (slice_is(key, "a") || slice_is(key, "asks")) {
            out->asks = levels + used;
            read_levels(&c, s, levels, &used, &out->ask_count);
        } else {
            cursor_skip(&c);
        }
    }
    if (cursor_end(&c) && out->last_id == 0) cursor_refuse(&c, "no update id");
    return c.error ? cursor_fail(&c, "a depth frame") : OK;
}

static enum err read_trade(struct recorded_symbol *s, struct slice data, struct print *out)
{
    struct json_cursor c;
    struct slice key;
    struct money worth;
    bool buyer_is_maker = false;
    *out = (struct print){0};
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
            cursor_bool(&c, &buyer_is_maker);
        else
            cursor_skip(&c);
    }
    if (cursor_end(&c) && (out->price.units <= 0 || out->qty.units <= 0 || out->time_ms <= 0))
        cursor_refuse(&c, "no price, quantity or time");
    if (!c.error && out->time_ms >= RECORDING_TIME_LIMIT) cursor_refuse(&c, "a time too far off");
    if (c.error) return cursor_fail(&c, "a trade");
    out->taker = buyer_is_maker ? SIDE_SELL : SIDE_BUY;
    if (!money_notional(out->price, RECORDING_SCALE, out->qty, RECORDING_SCALE, RECORDING_SCALE,
                        ROUND_DOWN, &worth))
        return err_set(ERR_PARSE, "a trade is worth more than there is");
    return OK;
}

/* ---- loading ---- */

static bool split_symbol(struct recorded_symbol *s)
{
    static const char *const quotes[] = {"USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC",
                                         "ETH",  "BNB",  "TRY",   "EUR",  "USD"};
    const size_t size = strlen(s->name);
    for (unsigned i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        const size_t tail = strlen(quotes[i]);
        if (size <= tail || size - tail >= sizeof s->base ||
            strcmp(s->name + size - tail, quotes[i]) != 0)
            continue;
        memcpy(s->base, s->name, size - tail);
        memcpy(s->quote, quotes[i], tail + 1);
        return true;
    }
    return false;
}

/* In capitals; only letters and digits, because the name goes into other texts. */
static bool read_symbol(struct slice text, char out[SYMBOL_SIZE])
{
    if (text.size == 0 || !slice_copy(text, out, SYMBOL_SIZE)) return false;
    for (char *at = out; *at; at++) {
        if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 32);
        if (!(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9')) return false;
    }
    return strlen(out) == text.size;
}

static enum err take_symbol(struct recording_file *f, struct slice text, uint16_t *out)
{
    char name[SYMBOL_SIZE];
    if (!read_symbol(text, name)) return err_set(ERR_PARSE, "a frame of what is no symbol");
    for (*out = 0; *out < f->symbol_count; (*out)++)
        if (strcmp(f->symbols[*out].name, name) == 0) return OK;
    if (f->symbol_count == RECORDING_SYMBOLS_MAX)
        return err_set(ERR_LIMIT, "more than %d symbols", RECORDING_SYMBOLS_MAX);
    struct recorded_symbol *s = &f->symbols[f->symbol_count];
    memcpy(s->name, name, sizeof name);
    if (!split_symbol(s)) return err_set(ERR_PARSE, "cannot tell base from quote of %s", name);
    f->symbol_count++;
    return OK;
}

/* "/api/v3/depth?symbol=X&limit=1000"; the bare word "depth" means the file's only symbol. */
static enum err snapshot_symbol(struct recording_file *f, struct slice path, uint16_t first_symbol,
                                uint16_t *out)
{
    const char *at = memmem(path.data, path.size, "symbol=", 7);
    if (at) {
        const char *from = at + 7, *end = path.data + path.size;
        const char *stop = memchr(from, '&', (size_t)(end - from));
        return take_symbol(f, (struct slice){from, (size_t)((stop ? stop : end) - from)}, out);
    }
    *out = first_symbol;
    if (first_symbol < f->symbol_count) return OK;
    return err_set(ERR_PARSE, "a snapshot without a symbol before any frame of one");
}

static bool stream_is(const struct recorded_frame *frame, const char *word)
{
    const char *at = memchr(frame->stream.data, '@', frame->stream.size);
    return at && slice_is((struct slice){at + 1, frame->stream.size -
                                                     (size_t)(at + 1 - frame->stream.data)},
                          word);
}

/* What a stream frame is, and whether it can be read. */
static enum err check_frame(struct recording_file *f, struct recorded_frame *frame)
{
    struct print print;
    struct recorded_depth depth;
    const char *at = memchr(frame->stream.data, '@', frame->stream.size);
    frame->symbol = INSTRUMENT_NONE;
    frame->kind = RECORDED_OTHER;
    if (!at || frame->stream.data[0] == '!') return OK;
    const struct slice name = {frame->stream.data, (size_t)(at - frame->stream.data)};
    const enum err err = take_symbol(f, name, &frame->symbol);
    if (err) return err;
    struct recorded_symbol *s = &f->symbols[frame->symbol];
    if (stream_is(frame, "depth") || stream_is(frame, "depth@100ms") ||
        stream_is(frame, "depth@1000ms")) {
        frame->kind = RECORDED_DEPTH;
        return read_depth(f->levels, s, frame->data, &depth);
    }
    const bool is_trade = stream_is(frame, "trade");
    if (!is_trade && !stream_is(frame, "aggTrade")) return OK;
    frame->kind = RECORDED_TRADE;
    s->has_trade_frames |= is_trade;
    return read_trade(s, frame->data, &print);
}

static enum err check_snapshot(struct recording_file *f, struct recorded_frame *frame)
{
    struct recorded_depth depth;
    struct recorded_symbol *s = &f->symbols[frame->symbol];
    const enum err err = read_depth(f->levels, s, frame->data, &depth);
    if (!err && s->snapshot.size == 0) s->snapshot = frame->data;
    return err;
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

static enum err read_message(struct slice message, struct recorded_frame *frame)
{
    struct json_cursor c;
    struct slice key;
    cursor_init(&c, message);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "stream"))
            cursor_string(&c, &frame->stream, NULL);
        else if (slice_is(key, "data"))
            cursor_raw(&c, &frame->data);
        else
            cursor_skip(&c);
    }
    if (cursor_end(&c) && (frame->stream.size == 0 || frame->data.size == 0))
        cursor_refuse(&c, "msg has no stream or no data");
    return c.error ? cursor_fail(&c, "a frame") : OK;
}

static struct recorded_frame *add_frame(struct recording_file *f)
{
    if (f->frame_count == f->frame_capacity) {
        const size_t capacity = f->frame_capacity ? 2 * f->frame_capacity : 4096;
        struct recorded_frame *frames = capacity > 2 * (size_t)RECORDING_FRAMES_MAX
                                            ? NULL
                                            : realloc(f->frames, capacity * sizeof *f->frames);
        if (!frames) return NULL;
        f->frames = frames;
        f->frame_capacity = capacity;
    }
    struct recorded_frame *frame = &f->frames[f->frame_count++];
    *frame = (struct recorded_frame){0};
    return frame;
}

static bool names_depth(struct slice path)
{
    return path.size && memmem(path.data, path.size, "depth", 5) != NULL;
}

static enum err load_line(struct recording_file *f, struct slice text, size_t first_frame,
                          int64_t *first_ns)
{
    struct recorded_line line;
    enum err err = read_line(text, &line);
    if (err) return err;
    if (*first_ns == 0) *first_ns = line.recv_ns;
    /* Other answers are of no use to anybody. */
    if (line.rest.size && !names_depth(line.rest)) return OK;
    const uint16_t first_symbol =
        f->frame_count > first_frame ? f->frames[first_frame].symbol : INSTRUMENT_NONE;
    struct recorded_frame *frame = add_frame(f);
    if (!frame) return err_set(ERR_LIMIT, "the recording has too many frames");
    frame->at_ns = line.recv_ns - *first_ns;
    if (frame->at_ns < 0 || (f->frame_count - 1 > first_frame && frame->at_ns < frame[-1].at_ns))
        return err_set(ERR_PARSE, "time runs backwards");
    if (!line.rest.size) {
        err = read_message(line.message, frame);
        return err ? err : check_frame(f, frame);
    }
    frame->kind = RECORDED_SNAPSHOT;
    frame->data = line.message;
    err = snapshot_symbol(f, line.rest, first_symbol, &frame->symbol);
    return err ? err : check_snapshot(f, frame);
}

static enum err read_text(struct recorded_text *text)
{
    FILE *file = fopen(text->path, "rbe");
    if (!file) return err_set(ERR_IO, "%s: %s", text->path, strerror(errno));
    struct buffer bytes = {.limit = RECORDING_SIZE_MAX};
    enum err err = OK;
    for (size_t got = 1; !err && got > 0;) {
        char *room = buffer_reserve(&bytes, PIECE_SIZE);
        got = room ? fread(room, 1, PIECE_SIZE, file) : 0;
        if (room) buffer_commit(&bytes, got);
        if (!room) err = err_set(ERR_LIMIT, "%s: too large for memory", text->path);
    }
    if (!err && ferror(file)) err = err_set(ERR_IO, "%s: %s", text->path, strerror(errno));
    fclose(file);
    text->data = bytes.data;
    text->size = bytes.size;
    return err;
}

static enum err at_line(const char *path, size_t line, enum err code, const char *cause)
{
    return err_set(code, "%s:%zu: %s", path, line, cause);
}

static enum err load_file(struct recording_file *f, struct recorded_text *text)
{
    enum err err = read_text(text);
    if (err) return err;
    const size_t first_frame = f->frame_count;
    int64_t first_ns = 0;
    const char *at = text->data, *end = text->data + text->size;
    for (size_t number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        if (stop > at)
            err = load_line(f, (struct slice){at, (size_t)(stop - at)}, first_frame, &first_ns);
        if (err) {
            char cause[ERR_TEXT_SIZE];
            snprintf(cause, sizeof cause, "%s", err_text());
            return at_line(text->path, number, err, cause);
        }
        at = stop + 1;
    }
    if (f->frame_count > first_frame) return OK;
    return at_line(text->path, 1, ERR_PARSE, "the recording is empty");
}

static int by_time(const void *a, const void *b)
{
    const struct recorded_frame *p = a, *q = b;
    if (p->at_ns != q->at_ns) return p->at_ns < q->at_ns ? -1 : 1;
    /* lines of one text keep their order */
    return (p->data.data > q->data.data) - (p->data.data < q->data.data);
}

/* Only at the end is it known whether a symbol has trade frames. */
static void settle_prints(struct recording_file *f)
{
    for (size_t i = 0; i < f->frame_count; i++) {
        struct recorded_frame *frame = &f->frames[i];
        if (frame->kind != RECORDED_TRADE) continue;
        struct recorded_symbol *s = &f->symbols[frame->symbol];
        if (s->has_trade_frames && !stream_is(frame, "trade"))
            frame->kind = RECORDED_OTHER;
        else
            s->trades++;
    }
}

/* ---- recordings ---- */

enum err recording_file_open(const char *const *paths, unsigned count, struct recording_file *out)
{
    struct recording_file *f = out;
    enum err err = OK;
    *f = (struct recording_file){0};
    f->texts = calloc(count, sizeof *f->texts);
    f->symbols = calloc(RECORDING_SYMBOLS_MAX, sizeof *f->symbols);
    f->levels = calloc(RECORDING_LEVELS_MAX, sizeof *f->levels);
    if (!f->texts || !f->symbols || !f->levels)
        err = err_set(ERR_NO_MEMORY, "no memory for a recording");
    for (unsigned i = 0; !err && i < count; i++) {
        f->texts[f->text_count++].path = paths[i];
        err = load_file(f, &f->texts[i]);
    }
    if (err) {
        recording_file_close(f);
        return err;
    }
    if (count > 1) qsort(f->frames, f->frame_count, sizeof *f->frames, by_time);
    settle_prints(f);
    return OK;
}

void recording_file_close(struct recording_file *f)
{
    for (unsigned i = 0; i < f->text_count; i++) free(f->texts[i].data);
    free(f->texts);
    free(f->frames);
    free(f->symbols);
    free(f->levels);
    *f = (struct recording_file){0};
}

void recording_file_depth(struct recording_file *f, struct slice data, struct recorded_depth *out)
{
    struct recorded_symbol seen = {0};
    const enum err err = read_depth(f->levels, &seen, data, out);
    CHECK(err == OK);
}

void recording_file_print(const struct recorded_frame *frame, struct print *out)
{
    struct recorded_symbol seen = {0};
    const enum err err = read_trade(&seen, frame->data, out);
    CHECK(err == OK);
}

enum err recording_file_refuse(const struct recording_file *f, struct slice data, const char *cause)
{
    const struct recorded_text *text = f->texts;
    while (data.data < text->data || data.data >= text->data + text->size) text++;
    size_t line = 1;
    for (const char *at = text->data; at < data.data; at++) line += *at == '\n';
    return at_line(text->path, line, ERR_PARSE, cause);
}
