/* One strict pass over the rows; the text of an error is worked out only when there is one.
 *
 * Every line is parsed between its start and a terminator that is really there (LF), so the loops
 * over digits need no bounds. */
#include "service/research/candle_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "service/research/utc_time.h"

/* What a column is for. Prices and volume stand in the order of struct candle. */
enum role { ROLE_OPEN, ROLE_HIGH, ROLE_LOW, ROLE_CLOSE, ROLE_VOLUME, ROLE_TIME, ROLE_NONE };
enum { NUMBER_COUNT = ROLE_VOLUME + 1, PIECE_SIZE = 1 << 18, DIGITS_MAX = 18 };

enum problem {
    FINE,
    NOT_A_NUMBER,
    TOO_MANY_DIGITS,
    TOO_FINE,
    TOO_LARGE,
    NOT_POSITIVE,
    NEGATIVE,
    NOT_A_TIME,
    TOO_FEW_COLUMNS,
    TOO_MANY_COLUMNS,
    LINE_TOO_LONG,
    EMPTY_LINE,
    TIME_REPEATED,
    TIME_BACK,
    HIGH_BELOW_LOW,
    OUTSIDE_RANGE,
    TOO_MANY_ROWS,
    NO_MEMORY,
};

static const char *const problems[] = {
    [NOT_A_NUMBER] = "is not a plain decimal number",
    [TOO_MANY_DIGITS] = "has more than 18 digits",
    [TOO_FINE] = "has more than 12 decimals",
    [TOO_LARGE] = "is too large",
    [NOT_POSITIVE] = "is not above zero",
    [NEGATIVE] = "is negative",
    [NOT_A_TIME] = "is neither a time in s, ms or us since 1970 nor ISO 8601 in UTC",
    [TOO_FEW_COLUMNS] = "too few columns: is the line cut short?",
    [TOO_MANY_COLUMNS] = "more columns than the first line has",
    [LINE_TOO_LONG] = "a line of more than 65536 bytes",
    [EMPTY_LINE] = "an empty line",
    [TIME_REPEATED] = "the same time as the row before",
    [TIME_BACK] = "an earlier time than the row before",
    [HIGH_BELOW_LOW] = "high is below low",
    [OUTSIDE_RANGE] = "open or close lies outside low and high",
    [TOO_MANY_ROWS] = "more rows than the limit of 104857600",
    [NO_MEMORY] = "no memory for more rows",
};

static const int64_t powers[CANDLE_SCALE_MAX + 1] = {
    1,        10,        100,        1000,        10000,        100000,        1000000,
    10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000,
};

struct reader {
    const char *name;
    struct candle_file *file;
    size_t capacity;
    size_t line; /* counted from 1; of the row at hand */
    uint8_t roles[CANDLE_COLUMNS_MAX];
    unsigned columns;
    bool begun;   /* the first line was seen */
    bool ms_only; /* the column says that its times are milliseconds */
    bool keep_lines;
    int64_t price_max, volume_max; /* in units: what a finer scale must still hold */
    unsigned bad_column;           /* of the row's problem */
    struct slice bad_field;
};

/* Column names of Binance's archive files (data.binance.vision, klines). */
static const char binance_header[] =
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore";

static const char *const role_names[] = {"open", "high", "low", "close", "volume"};
/* The first of these that a header has is the time. */
static const char *const time_names[] = {"open_time_ms", "open_time", "timestamp",
                                         "datetime",     "date",      "time"};
enum { TIME_NAME_COUNT = sizeof time_names / sizeof *time_names };

/* 10 or more for what is no digit. */
static inline unsigned digit_of(char c)
{
    return (unsigned)(unsigned char)c - '0';
}

static inline bool is_digit(char c)
{
    return digit_of(c) < 10;
}

/* ---- the first line ---- */

static bool name_is(struct slice name, const char *wanted)
{
    return strlen(wanted) == name.size && strncasecmp(name.data, wanted, name.size) == 0;
}

static struct slice trimmed(struct slice s)
{
    while (s.size && (s.data[0] == ' ' || s.data[0] == '\t')) s.data++, s.size--;
    while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t')) s.size--;
    return s;
}

static bool next_field(struct slice *rest, struct slice *field)
{
    if (!rest->data) return false;
    const char *comma = memchr(rest->data, ',', rest->size);
    const size_t size = comma ? (size_t)(comma - rest->data) : rest->size;
    *field = trimmed((struct slice){rest->data, size});
    *rest = comma ? (struct slice){comma + 1, rest->size - size - 1} : (struct slice){0};
    return true;
}

/* Gives the column of that name its role; its index, or -1. */
static int find_column(struct reader *r, struct slice header, const char *name, enum role role,
                       bool *twice)
{
    struct slice field;
    int found = -1;
    for (unsigned i = 0; next_field(&header, &field); i++) {
        if (!name_is(field, name)) continue;
        *twice |= found >= 0;
        found = (int)i;
        r->roles[i] = (uint8_t)role;
    }
    return found;
}

static enum err header_error(const struct reader *r, const char *what, const char *name)
{
    return err_set(ERR_PARSE, "%s:%zu: the header %s column '%s'", r->name, r->line, what, name);
}

static enum err assign_roles(struct reader *r, struct slice header)
{
    bool twice = false;
    for (unsigned i = 0; i < NUMBER_COUNT; i++) {
        if (find_column(r, header, role_names[i], (enum role)i, &twice) < 0)
            return header_error(r, "has no", role_names[i]);
        if (twice) return header_error(r, "has more than one", role_names[i]);
    }
    for (unsigned i = 0; i < TIME_NAME_COUNT; i++) {
        if (find_column(r, header, time_names[i], ROLE_TIME, &twice) < 0) continue;
        if (twice) return header_error(r, "has more than one", time_names[i]);
        r->ms_only = i == 0;
        return OK;
    }
    return header_error(r, "has no time", "open_time_ms");
}

static void keep_line(struct reader *r, const char *line, size_t size)
{
    if (!r->keep_lines) return;
    buffer_append(&r->file->lines, line, size);
    buffer_append_char(&r->file->lines, '\n');
}

/* *is_row: the line has no names but is the first row already. */
static enum err read_first_line(struct reader *r, const char *line, size_t size, bool *is_row)
{
    struct slice rest = {line, size}, field;
    r->begun = true;
    memset(r->roles, ROLE_NONE, sizeof r->roles);
    while (next_field(&rest, &field))
        if (r->columns++ == CANDLE_COLUMNS_MAX)
            return err_set(ERR_PARSE, "%s:%zu: more than %d columns", r->name, r->line,
                           CANDLE_COLUMNS_MAX);
    *is_row = size > 0 && is_digit(line[0]);
    if (!*is_row) {
        keep_line(r, line, size);
        return assign_roles(r, (struct slice){line, size});
    }
    if (r->columns != 12)
        return err_set(ERR_PARSE,
                       "%s:%zu: no header, and %u columns where a Binance archive has 12: the "
                       "first line must name the columns",
                       r->name, r->line, r->columns);
    keep_line(r, binance_header, sizeof binance_header - 1);
    return assign_roles(r, SLICE(binance_header));
}

/* ---- numbers and times ---- */

struct number {
    int64_t digits; /* the number without its point */
    unsigned decimals;
};

/* Reads up to what cannot belong to a number; the caller looks at what comes there. */
static inline enum problem read_number(const char **at, struct number *out)
{
    const char *p = *at;
    uint64_t value = 0;
    const char *const start = p;
    for (unsigned digit; (digit = digit_of(*p)) < 10; p++) value = value * 10 + digit;
    size_t digits = (size_t)(p - start), decimals = 0;
    if (*p == '.' && digits > 0) {
        const char *const fraction = ++p;
        for (unsigned digit; (digit = digit_of(*p)) < 10; p++) value = value * 10 + digit;
        decimals = (size_t)(p - fraction);
        digits += decimals;
        if (decimals == 0) return NOT_A_NUMBER;
    }
    *at = p;
    if (digits == 0) return *p == '-' && is_digit(p[1]) ? NEGATIVE : NOT_A_NUMBER;
    if (digits > DIGITS_MAX) return TOO_MANY_DIGITS; /* value may have wrapped: not used */
    out->digits = (int64_t)value;
    out->decimals = (unsigned)decimals;
    return FINE;
}

static int64_t *number_of(struct candle *c, unsigned index)
{
    switch (index) {
    case ROLE_OPEN: return &c->open.units;
    case ROLE_HIGH: return &c->high.units;
    case ROLE_LOW: return &c->low.units;
    case ROLE_CLOSE: return &c->close.units;
    default: return &c->volume.units;
    }
}

/* All numbers of that kind so far, and of the row at hand, in a finer scale. */
static enum problem raise_scale(struct reader *r, bool volume, unsigned scale, int64_t *row)
{
    struct candle_file *f = r->file;
    uint8_t *now = volume ? &f->volume_scale : &f->price_scale;
    int64_t *max = volume ? &r->volume_max : &r->price_max;
    if (scale > CANDLE_SCALE_MAX) return TOO_FINE;
    const int64_t factor = powers[scale - *now];
    if (__builtin_mul_overflow(*max, factor, max)) return TOO_FINE;
    const unsigned first = volume ? ROLE_VOLUME : ROLE_OPEN;
    const unsigned last = volume ? ROLE_VOLUME : ROLE_CLOSE;
    for (size_t i = 0; i < f->count; i++)
        for (unsigned n = first; n <= last; n++) *number_of(&f->candles[i], n) *= factor;
    for (unsigned n = first; n <= last; n++) row[n] *= factor;
    *now = (uint8_t)scale;
    return FINE;
}

/* The number in the scale of its kind, which grows where it must. */
static inline enum problem to_units(struct reader *r, struct number n, unsigned role, int64_t *row)
{
    const bool volume = role == ROLE_VOLUME;
    const uint8_t *scale = volume ? &r->file->volume_scale : &r->file->price_scale;
    while (n.decimals > *scale && n.digits % 10 == 0) {
        n.digits /= 10;
        n.decimals--;
    }
    if (__builtin_expect(n.decimals > *scale, 0)) {
        const enum problem problem = raise_scale(r, volume, n.decimals, row);
        if (problem) return problem;
    }
    if (__builtin_mul_overflow(n.digits, powers[*scale - n.decimals], &row[role])) return TOO_LARGE;
    if (volume) {
        if (row[role] > r->volume_max) r->volume_max = row[role];
        return FINE;
    }
    if (row[role] > r->price_max) {
        if (row[role] / powers[*scale] >= CANDLE_PRICE_LIMIT) return TOO_LARGE;
        r->price_max = row[role];
    }
    return row[role] > 0 ? FINE : NOT_POSITIVE;
}

static enum problem unix_time(const struct reader *r, struct number n, int64_t *out)
{
    if (n.decimals) return NOT_A_TIME;
    if (n.digits >= INT64_C(100000000000000000)) return NOT_A_TIME;
    if (r->ms_only && n.digits >= INT64_C(100000000000000)) return NOT_A_TIME;
    if (r->ms_only) {
        *out = n.digits;
    } else if (n.digits < INT64_C(100000000000)) {
        if (n.digits < INT64_C(100000000)) return NOT_A_TIME; /* 20220131 is a date of its own */
        *out = n.digits * 1000;
    } else if (n.digits < INT64_C(100000000000000)) {
        *out = n.digits;
    } else {
        if (n.digits % 1000) return NOT_A_TIME; /* between two milliseconds */
        *out = n.digits / 1000;
    }
    return FINE;
}

static size_t field_size(const char *at)
{
    size_t size = 0;
    while (at[size] != ',' && at[size] != '\n' && at[size] != '\r') size++;
    return size;
}

static inline enum problem read_time(const struct reader *r, const char **at, int64_t *out)
{
    struct number n;
    const char *p = *at;
    if (read_number(&p, &n) == FINE && *p != '-') {
        *at = p;
        return unix_time(r, n, out);
    }
    const size_t size = field_size(*at);
    if (r->ms_only || !utc_time_parse(*at, size, out)) return NOT_A_TIME;
    *at += size;
    return FINE;
}

/* ---- rows ---- */

static inline bool at_end(const char *p)
{
    return *p == '\n' || (*p == '\r' && p[1] == '\n');
}

static enum problem read_fields(struct reader *r, const char *p, int64_t *row)
{
    for (unsigned i = 0; i < r->columns; i++) {
        struct number n;
        enum problem problem = FINE;
        const char *const field = p;
        r->bad_column = i;
        if (r->roles[i] < ROLE_TIME) {
            problem = read_number(&p, &n);
            if (!problem && *p != ',' && !at_end(p)) problem = NOT_A_NUMBER;
            if (!problem) problem = to_units(r, n, r->roles[i], row);
        } else if (r->roles[i] == ROLE_TIME) {
            problem = read_time(r, &p, &row[ROLE_TIME]);
            if (!problem && *p != ',' && !at_end(p)) problem = NOT_A_TIME;
        } else {
            while (*p != ',' && *p != '\n') p++;
        }
        if (__builtin_expect(problem != FINE, 0)) {
            r->bad_field = (struct slice){field, field_size(field)};
            if (r->bad_field.size == 0 && at_end(field)) return TOO_FEW_COLUMNS;
            return problem;
        }
        if (*p == ',' && i + 1 < r->columns)
            p++;
        else if (i + 1 < r->columns)
            return TOO_FEW_COLUMNS;
    }
    return *p == ',' ? TOO_MANY_COLUMNS : FINE;
}

static enum problem check_row(const struct candle_file *f, const struct candle *c)
{
    if (f->count > 0 && c->open_ms <= f->candles[f->count - 1].open_ms)
        return c->open_ms == f->candles[f->count - 1].open_ms ? TIME_REPEATED : TIME_BACK;
    if (c->high.units < c->low.units) return HIGH_BELOW_LOW;
    return candle_is_sound(c) ? FINE : OUTSIDE_RANGE;
}

static enum problem make_room(struct reader *r)
{
    if (r->file->count < r->capacity) return FINE;
    if (r->file->count >= CANDLE_ROWS_MAX) return TOO_MANY_ROWS;
    const size_t capacity = r->capacity ? 2 * r->capacity : 4096;
    struct candle *grown = reallocarray(r->file->candles, capacity, sizeof *grown);
    if (!grown) return NO_MEMORY;
    r->file->candles = grown;
    r->capacity = capacity;
    return FINE;
}

static inline enum problem read_row(struct reader *r, const char *line)
{
    int64_t row[NUMBER_COUNT + 1] = {0};
    enum problem problem;
    if (at_end(line)) return EMPTY_LINE;
    if ((problem = read_fields(r, line, row)) || (problem = make_room(r))) return problem;
    struct candle_file *f = r->file;
    struct candle *c = &f->candles[f->count];
    *c = (struct candle){
        .open_ms = row[ROLE_TIME],
        .open = {row[ROLE_OPEN]},
        .high = {row[ROLE_HIGH]},
        .low = {row[ROLE_LOW]},
        .close = {row[ROLE_CLOSE]},
        .volume = {row[ROLE_VOLUME]},
    };
    if ((problem = check_row(f, c))) return problem;
    f->count++;
    return FINE;
}

static const char *column_name(const struct reader *r)
{
    const uint8_t role = r->roles[r->bad_column];
    return role == ROLE_TIME ? "time" : role_names[role];
}

/* The field as it may be shown: short, and without what could mislead a terminal. */
static const char *printable(struct slice field, char out[32])
{
    const bool cut = field.size > 24;
    const size_t size = cut ? 24 : field.size;
    for (size_t i = 0; i < size; i++)
        out[i] = field.data[i] >= ' ' && field.data[i] <= '~' ? field.data[i] : '?';
    memcpy(out + size, cut ? "..." : "", cut ? 4 : 1);
    return out;
}

static enum err row_error(const struct reader *r, enum problem problem)
{
    char field[32];
    const bool about_field = problem <= NOT_A_TIME;
    const enum err code = problem == NO_MEMORY       ? ERR_NO_MEMORY
                          : problem == TOO_MANY_ROWS ? ERR_LIMIT
                                                     : ERR_PARSE;
    if (!about_field) return err_set(code, "%s:%zu: %s", r->name, r->line, problems[problem]);
    return err_set(code, "%s:%zu: %s '%s' %s", r->name, r->line, column_name(r),
                   printable(r->bad_field, field), problems[problem]);
}

/* line ends in LF at line[size]. */
static enum err read_line(struct reader *r, const char *line, size_t size)
{
    r->line++;
    if (size && line[size - 1] == '\r') size--;
    if (!r->begun) {
        bool is_row = false;
        if (size >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) line += 3, size -= 3;
        const enum err err = read_first_line(r, line, size, &is_row);
        if (err || !is_row) return err;
    }
    const enum problem problem = read_row(r, line);
    if (problem) return row_error(r, problem);
    keep_line(r, line, size);
    return OK;
}

/* All whole lines of a piece; *used is what they took. */
static enum err read_lines(struct reader *r, const char *data, size_t size, size_t *used)
{
    size_t at = 0;
    const char *end;
    while ((end = memchr(data + at, '\n', size - at))) {
        const enum err err = read_line(r, data + at, (size_t)(end - data) - at);
        if (err) return err;
        at = (size_t)(end - data) + 1;
    }
    *used = at;
    return OK;
}

/* ---- timeframe and gaps ---- */

static enum err find_timeframe(const struct reader *r, enum timeframe *out)
{
    const struct candle_file *f = r->file;
    if (f->count < 2)
        return err_set(ERR_PARSE, "%s: %s, and two rows at least are needed to tell the timeframe",
                       r->name, f->count ? "only one row" : "no rows");
    int64_t smallest = INT64_MAX;
    for (size_t i = 1; i < f->count; i++) {
        const int64_t step = f->candles[i].open_ms - f->candles[i - 1].open_ms;
        if (step < smallest) smallest = step;
    }
    if (timeframe_from_ms(smallest, out)) return OK;
    return err_set(ERR_PARSE,
                   "%s: rows %" PRId64 " ms apart are no timeframe that we know (1s to 1d)",
                   r->name, smallest);
}

static enum err finish(struct reader *r)
{
    struct candle_file *f = r->file;
    enum timeframe timeframe;
    if (f->lines.failed) return err_set(ERR_LIMIT, "%s: too large to keep its text", r->name);
    if (!r->begun) return err_set(ERR_PARSE, "%s: the file is empty", r->name);
    const enum err err = find_timeframe(r, &timeframe);
    if (err) return err;
    const int64_t length = timeframe_ms(timeframe);
    const size_t first_line = r->line - f->count + 1;
    f->timeframe = (uint8_t)timeframe;
    for (size_t i = 1; i < f->count; i++) {
        const int64_t step = f->candles[i].open_ms - f->candles[i - 1].open_ms;
        if (step == length) continue;
        if (step % length)
            return err_set(ERR_PARSE,
                           "%s:%zu: %" PRId64
                           " ms after the row before, which %s candles cannot be",
                           r->name, first_line + i, step, timeframe_name(timeframe));
        f->gaps++;
        f->missing += (uint64_t)(step / length - 1);
    }
    return OK;
}

/* ---- files ---- */

static enum err read_last_line(struct reader *r, char *line, size_t size)
{
    if (size == 0) return OK;
    line[size] = '\n';
    return read_line(r, line, size);
}

static enum err read_pieces(struct reader *r, int fd, char *piece)
{
    size_t held = 0, used = 0;
    for (;;) {
        const ssize_t got = read(fd, piece + held, PIECE_SIZE - held);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return err_set(ERR_IO, "%s: %s", r->name, strerror(errno));
        if (got == 0) return read_last_line(r, piece, held);
        held += (size_t)got;
        const enum err err = read_lines(r, piece, held, &used);
        if (err) return err;
        held -= used;
        memmove(piece, piece + used, held);
        if (held > CANDLE_LINE_SIZE_MAX) {
            r->line++;
            return row_error(r, LINE_TOO_LONG);
        }
    }
}

static struct reader reader_of(const char *name, enum candle_keep keep, struct candle_file *out)
{
    *out = (struct candle_file){0};
    out->lines.limit = (size_t)4 << 30;
    return (struct reader){.name = name, .file = out, .keep_lines = keep == CANDLE_KEEP_LINES};
}

enum err candle_file_read(const char *path, enum candle_keep keep, struct candle_file *out)
{
    struct reader r = reader_of(path, keep, out);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    char *piece = malloc(PIECE_SIZE + 1); /* one more for the last line's LF */
    enum err err = piece ? read_pieces(&r, fd, piece) : err_set(ERR_NO_MEMORY, "no memory");
    if (!err) err = finish(&r);
    free(piece);
    close(fd);
    if (err) candle_file_free(out);
    return err;
}

/* The rest after the last LF, in a copy that has one. */
static enum err parse_tail(struct reader *r, const char *data, size_t size)
{
    if (size > CANDLE_LINE_SIZE_MAX) {
        r->line++;
        return row_error(r, LINE_TOO_LONG);
    }
    char *copy = malloc(size + 1);
    if (!copy) return err_set(ERR_NO_MEMORY, "no memory");
    memcpy(copy, data, size);
    const enum err err = read_last_line(r, copy, size);
    free(copy);
    return err;
}

enum err candle_file_parse(const char *name, struct slice text, enum candle_keep keep,
                           struct candle_file *out)
{
    struct reader r = reader_of(name, keep, out);
    size_t used = 0;
    enum err err = text.size ? read_lines(&r, text.data, text.size, &used) : OK;
    if (!err && used < text.size) err = parse_tail(&r, text.data + used, text.size - used);
    if (!err) err = finish(&r);
    if (err) candle_file_free(out);
    return err;
}

void candle_file_free(struct candle_file *f)
{
    free(f->candles);
    buffer_deinit(&f->lines);
    *f = (struct candle_file){0};
}

bool candle_file_next_line(struct slice *rest, struct slice *line)
{
    if (rest->size == 0) return false;
    const char *end = memchr(rest->data, '\n', rest->size);
    const size_t size = end ? (size_t)(end - rest->data) : rest->size;
    *line = (struct slice){rest->data, size};
    const size_t taken = size + (end ? 1 : 0);
    *rest = (struct slice){rest->data + taken, rest->size - taken};
    return true;
}
