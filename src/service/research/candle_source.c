/* CSV as it is; recordings print by print through the candle builder. */
#include "service/research/candle_source.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/check.h"
#include "core/market/candle_builder.h"
#include "io/venue/recording_file.h"

#define LINES_SIZE_MAX ((size_t)4 << 30)

static bool is_recording(const char *path);
static enum err read_csv(const struct candle_source *source, bool has_timeframe,
                         enum timeframe timeframe, struct candle_file *out);
static enum err read_recording(const struct candle_source *source, enum timeframe timeframe,
                               struct candle_file *out, char symbol[SYMBOL_SIZE]);

enum err candle_source_read(const struct candle_source *source, struct candle_file *out,
                            char symbol[SYMBOL_SIZE])
{
    enum timeframe timeframe = TIMEFRAME_1S;
    symbol[0] = '\0';
    if (source->timeframe && !timeframe_parse(source->timeframe, &timeframe))
        return err_set(ERR_INVALID,
                       "timeframe '%.20s': must be 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, "
                       "12h or 1d",
                       source->timeframe);
    if (!is_recording(source->path))
        return read_csv(source, source->timeframe != NULL, timeframe, out);
    return read_recording(source, timeframe, out, symbol);
}

/* Looks without taking the byte, so that a pipe still gives all of its CSV. */
static bool is_recording(const char *path)
{
    char first = '\0';
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false; /* the reader of CSV says why */
    const bool has_first = pread(fd, &first, 1, 0) == 1;
    close(fd);
    return has_first && first == '{';
}

static enum err read_csv(const struct candle_source *source, bool has_timeframe,
                         enum timeframe timeframe, struct candle_file *out)
{
    if (source->symbol)
        return err_set(ERR_INVALID, "%s: symbols are chosen from recordings, and this is none",
                       source->path);
    const enum err err = candle_file_read(source->path, source->keep, out);
    if (err || !has_timeframe || out->timeframe == timeframe) return err;
    const enum timeframe own = (enum timeframe)out->timeframe;
    candle_file_free(out);
    return err_set(ERR_INVALID, "%s: has candles of %s, which cannot be made into %s", source->path,
                   timeframe_name(own), timeframe_name(timeframe));
}

/* ---- symbols ---- */

static enum err refuse_symbol(const struct candle_source *source, const struct recording_file *f)
{
    struct buffer names = {0};
    enum err err = ERR_INVALID;
    for (uint16_t i = 0; i < f->symbol_count; i++)
        if (f->symbols[i].trades)
            buffer_printf(&names, "%s%s", names.size ? ", " : "", f->symbols[i].name);
    const int size = (int)names.size;
    if (size == 0)
        err =
            err_set(err, "%s: no trade or aggTrade frames, so there is nothing to make candles of",
                    source->path);
    else if (source->symbol)
        err = err_set(err, "%s: no prints of '%.24s'; there are some of %.*s", source->path,
                      source->symbol, size, names.data);
    else
        err = err_set(err, "%s: more than one symbol; choose one with --symbol: %.*s", source->path,
                      size, names.data);
    buffer_deinit(&names);
    return err;
}

/* The one asked for, or else the only one, with prints. */
static enum err choose_symbol(const struct candle_source *source, const struct recording_file *f,
                              uint16_t *out)
{
    unsigned found = 0;
    for (uint16_t i = 0; i < f->symbol_count; i++) {
        const struct recorded_symbol *s = &f->symbols[i];
        if (s->trades == 0) continue;
        if (source->symbol && strcasecmp(source->symbol, s->name) != 0) continue;
        *out = i;
        found++;
    }
    return found == 1 ? OK : refuse_symbol(source, f);
}

/* ---- candles ---- */

struct maker {
    const struct recording_file *recording;
    struct candle_builder builder;
    struct candle_output closed; /* by the last print */
    struct candle_file *file;
    size_t capacity;
    bool keep_lines;
};

/* Without the zeros that all amounts of the symbol have at the end. */
static int64_t coarser(int64_t units, uint8_t scale)
{
    int64_t value;
    const bool fits = units_rescale(units, RECORDING_SCALE, scale, ROUND_DOWN, &value);
    CHECK(fits);
    return value;
}

static void keep_line(struct candle_file *f, const struct candle *c)
{
    const int64_t prices[] = {c->open.units, c->high.units, c->low.units, c->close.units};
    char text[DECIMAL_TEXT_SIZE];
    buffer_append_i64(&f->lines, c->open_ms);
    for (unsigned i = 0; i < sizeof prices / sizeof *prices; i++) {
        decimal_write(prices[i], f->price_scale, text);
        buffer_printf(&f->lines, ",%s", text);
    }
    decimal_write(c->volume.units, f->volume_scale, text);
    buffer_printf(&f->lines, ",%s\n", text);
}

static enum err append(struct maker *m, const struct candle *c)
{
    struct candle_file *f = m->file;
    if (f->count == CANDLE_ROWS_MAX) return err_set(ERR_LIMIT, "more candles than the limit");
    if (f->count == m->capacity) {
        const size_t capacity = m->capacity ? 2 * m->capacity : 4096;
        struct candle *grown = reallocarray(f->candles, capacity, sizeof *grown);
        if (!grown) return err_set(ERR_NO_MEMORY, "no memory for more candles");
        f->candles = grown;
        m->capacity = capacity;
    }
    struct candle *to = &f->candles[f->count++];
    *to = (struct candle){
        .open_ms = c->open_ms,
        .open = {coarser(c->open.units, f->price_scale)},
        .high = {coarser(c->high.units, f->price_scale)},
        .low = {coarser(c->low.units, f->price_scale)},
        .close = {coarser(c->close.units, f->price_scale)},
        .volume = {coarser(c->volume.units, f->volume_scale)},
    };
    if (m->keep_lines) keep_line(f, to);
    return OK;
}

static enum err take_print(struct maker *m, const struct recorded_frame *frame)
{
    struct print print;
    enum err err = OK;
    recording_file_print(frame, &print);
    const enum candle_result result = candle_builder_add(&m->builder, &print, &m->closed);
    if (result == CANDLE_LATE)
        return recording_file_refuse(m->recording, frame->data, "a print of a candle that is over");
    if (result == CANDLE_UNSOUND)
        return recording_file_refuse(m->recording, frame->data, "the volume is too large");
    for (uint32_t i = 0; !err && i < m->closed.count; i++) err = append(m, &m->closed.candles[i]);
    if (!err && m->closed.gap) {
        const int64_t length = timeframe_ms((enum timeframe)m->file->timeframe);
        m->file->gaps++;
        m->file->missing += (uint64_t)((m->closed.gap_to_ms - m->closed.gap_from_ms) / length);
    }
    return err;
}

static enum err make_candles(const struct candle_source *source, struct maker *m, uint16_t symbol)
{
    struct candle_file *f = m->file;
    const struct recording_file *r = m->recording;
    enum err err = OK;
    if (m->keep_lines) buffer_append_text(&f->lines, "open_time_ms,open,high,low,close,volume\n");
    for (size_t i = 0; !err && i < r->frame_count; i++)
        if (r->frames[i].kind == RECORDED_TRADE && r->frames[i].symbol == symbol)
            err = take_print(m, &r->frames[i]);
    if (err) return err;
    if (f->lines.failed) return err_set(ERR_LIMIT, "%s: too large to keep its text", source->path);
    if (f->count >= 2) return OK;
    return err_set(ERR_PARSE,
                   "%s: %" PRIu64 " prints of %s make %zu whole candles of %s; two are needed",
                   source->path, r->symbols[symbol].trades, r->symbols[symbol].name, f->count,
                   timeframe_name((enum timeframe)f->timeframe));
}

static enum err read_recording(const struct candle_source *source, enum timeframe timeframe,
                               struct candle_file *out, char symbol[SYMBOL_SIZE])
{
    struct recording_file recording;
    uint16_t chosen = 0;
    *out = (struct candle_file){0};
    enum err err = recording_file_open(&source->path, 1, &recording);
    if (err) return err;
    err = choose_symbol(source, &recording, &chosen);
    if (!err) {
        const struct recorded_symbol *s = &recording.symbols[chosen];
        struct maker m = {
            .recording = &recording,
            .file = out,
            .keep_lines = source->keep == CANDLE_KEEP_LINES,
        };
        out->price_scale = (uint8_t)s->price_decimals;
        out->volume_scale = (uint8_t)s->qty_decimals;
        out->timeframe = (uint8_t)timeframe;
        out->lines.limit = LINES_SIZE_MAX;
        candle_builder_init(&m.builder, timeframe);
        err = make_candles(source, &m, chosen);
        memcpy(symbol, s->name, SYMBOL_SIZE);
    }
    recording_file_close(&recording);
    if (err) candle_file_free(out);
    return err;
}
