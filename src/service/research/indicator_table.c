/* A small parser and one case an indicator. */
#include "service/research/indicator_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "core/indicator/atr.h"
#include "core/indicator/bollinger.h"
#include "core/indicator/ema.h"
#include "core/indicator/macd.h"
#include "core/indicator/rsi.h"
#include "core/indicator/sma.h"

enum kind { KIND_EMA, KIND_SMA, KIND_RSI, KIND_MACD, KIND_BBANDS, KIND_ATR, KIND_COUNT };
enum { ARGUMENTS_MAX = 3, ARGUMENT_SCALE = 6 };

static const struct {
    const char *name, *form;
    unsigned arguments;
    const char *columns[ARGUMENTS_MAX]; /* what is added to the name; NULL = no such column */
} kinds[KIND_COUNT] = {
    [KIND_EMA] = {"ema", "ema(8)", 1, {""}},
    [KIND_SMA] = {"sma", "sma(20)", 1, {""}},
    [KIND_RSI] = {"rsi", "rsi(14)", 1, {""}},
    [KIND_MACD] = {"macd", "macd(12,26,9)", 3, {".line", ".signal", ".hist"}},
    [KIND_BBANDS] = {"bbands", "bbands(20,2)", 2, {".upper", ".mid", ".lower"}},
    [KIND_ATR] = {"atr", "atr(14)", 1, {""}},
};

struct column {
    enum kind kind;
    unsigned first; /* of its columns */
    union {
        struct ema ema;
        struct sma sma;
        struct rsi rsi;
        struct macd macd;
        struct bollinger bollinger;
        struct atr atr;
    };
    double window[INDICATOR_PERIOD_MAX];
};

struct indicator_table {
    unsigned count, columns;
    char names[INDICATOR_COLUMNS_MAX][INDICATOR_NAME_SIZE];
    struct column items[INDICATORS_MAX];
};

/* ---- parsing ---- */

struct cursor {
    const char *text, *at;
};

static void skip_spaces(struct cursor *c)
{
    while (*c->at == ' ' || *c->at == '\t') c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_spaces(c);
    if (*c->at != wanted) return false;
    c->at++;
    return true;
}

static enum err wrong(const struct cursor *c, const char *at, const char *what)
{
    return err_set(ERR_PARSE, "'%.100s' at %zu: %s", c->text, (size_t)(at - c->text) + 1, what);
}

static enum err unknown_name(const struct cursor *c, const char *at)
{
    char names[128] = "an indicator is wanted: ";
    size_t size = strlen(names);
    for (unsigned i = 0; i < KIND_COUNT; i++)
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i ? ", " : "",
                                 kinds[i].form);
    return wrong(c, at, names);
}

static enum err parse_name(struct cursor *c, enum kind *out)
{
    skip_spaces(c);
    const char *start = c->at;
    while (*c->at >= 'a' && *c->at <= 'z') c->at++;
    const struct slice name = {start, (size_t)(c->at - start)};
    for (unsigned i = 0; i < KIND_COUNT; i++) {
        if (!slice_is(name, kinds[i].name)) continue;
        *out = (enum kind)i;
        return OK;
    }
    return unknown_name(c, start);
}

static enum err wrong_form(const struct cursor *c, const char *at, enum kind kind)
{
    char what[64];
    snprintf(what, sizeof what, "it must look like %s", kinds[kind].form);
    return wrong(c, at, what);
}

/* The last number of bbands is a width, all others are periods. */
static enum err parse_argument(struct cursor *c, enum kind kind, unsigned index, double *out)
{
    int64_t units;
    skip_spaces(c);
    const char *start = c->at;
    while ((*c->at >= '0' && *c->at <= '9') || *c->at == '.') c->at++;
    const size_t size = (size_t)(c->at - start);
    const bool width = kind == KIND_BBANDS && index == 1;
    const unsigned scale = width ? ARGUMENT_SCALE : 0;
    if (size == 0) return wrong_form(c, start, kind);
    if (!decimal_parse(start, size, scale, &units) || units <= 0)
        return wrong(c, start, width ? "a width above 0 is wanted" : "a whole period is wanted");
    *out = decimal_to_double(units, scale);
    const unsigned most = width ? 100 : INDICATOR_PERIOD_MAX;
    return *out <= most ? OK : wrong(c, start, width ? "at most 100" : "at most 500");
}

static enum err parse_arguments(struct cursor *c, enum kind kind, double *arguments)
{
    if (!take(c, '(')) return wrong_form(c, c->at, kind);
    const char *start = c->at;
    for (unsigned i = 0; i < kinds[kind].arguments; i++) {
        if (i && !take(c, ',')) return wrong_form(c, c->at, kind);
        const enum err err = parse_argument(c, kind, i, &arguments[i]);
        if (err) return err;
    }
    if (!take(c, ')')) return wrong_form(c, c->at, kind);
    if (kind == KIND_MACD && arguments[0] >= arguments[1])
        return wrong(c, start, "the first period of macd must be smaller than the second");
    return OK;
}

static void add_item(struct indicator_table *t, enum kind kind, const double *a)
{
    struct column *item = &t->items[t->count++];
    const uint32_t period = (uint32_t)a[0];
    item->kind = kind;
    item->first = t->columns;
    switch (kind) {
    case KIND_EMA: ema_init(&item->ema, period); break;
    case KIND_SMA: sma_init(&item->sma, item->window, period); break;
    case KIND_RSI: rsi_init(&item->rsi, period); break;
    case KIND_MACD: macd_init(&item->macd, period, (uint32_t)a[1], (uint32_t)a[2]); break;
    case KIND_BBANDS: bollinger_init(&item->bollinger, item->window, period, a[1]); break;
    case KIND_ATR: atr_init(&item->atr, period); break;
    case KIND_COUNT: break;
    }
}

static void add_names(struct indicator_table *t, enum kind kind, const double *a)
{
    char base[INDICATOR_NAME_SIZE - 8];
    size_t size = (size_t)snprintf(base, sizeof base, "%s(", kinds[kind].name);
    for (unsigned i = 0; i < kinds[kind].arguments; i++)
        size += (size_t)snprintf(base + size, sizeof base - size, "%s%.10g", i ? "," : "", a[i]);
    CHECK(size < sizeof base);
    for (unsigned i = 0; i < ARGUMENTS_MAX && kinds[kind].columns[i]; i++)
        snprintf(t->names[t->columns++], INDICATOR_NAME_SIZE, "%s)%s", base,
                 kinds[kind].columns[i]);
}

static enum err parse_list(struct cursor *c, struct indicator_table *t)
{
    do {
        enum kind kind = KIND_COUNT;
        double arguments[ARGUMENTS_MAX];
        skip_spaces(c);
        if (t->count == INDICATORS_MAX) return wrong(c, c->at, "at most 32 indicators");
        enum err err = parse_name(c, &kind);
        if (!err) err = parse_arguments(c, kind, arguments);
        if (err) return err;
        add_item(t, kind, arguments);
        add_names(t, kind, arguments);
    } while (take(c, ','));
    skip_spaces(c);
    return *c->at ? wrong(c, c->at, "a comma or the end is wanted") : OK;
}

enum err indicator_table_parse(const char *text, struct indicator_table **out)
{
    struct cursor c = {text, text};
    struct indicator_table *t = calloc(1, sizeof *t);
    if (!t) return err_set(ERR_NO_MEMORY, "no memory");
    const enum err err = parse_list(&c, t);
    if (err)
        indicator_table_free(t);
    else
        *out = t;
    return err;
}

void indicator_table_free(struct indicator_table *t)
{
    free(t);
}

unsigned indicator_table_columns(const struct indicator_table *t)
{
    return t->columns;
}

const char *indicator_table_name(const struct indicator_table *t, unsigned column)
{
    CHECK(column < t->columns);
    return t->names[column];
}

/* ---- stepping ---- */

static void step_macd(struct macd *m, double close, double *values)
{
    macd_add(m, close);
    if (macd_line_ready(m)) values[0] = macd_line(m);
    if (!macd_ready(m)) return;
    values[1] = macd_signal(m);
    values[2] = macd_histogram(m);
}

static void step_bbands(struct bollinger *b, double close, double *values)
{
    if (!bollinger_add(b, close)) return;
    values[0] = bollinger_upper(b);
    values[1] = bollinger_mid(b);
    values[2] = bollinger_lower(b);
}

void indicator_table_step(struct indicator_table *t, const struct candle *c, unsigned price_scale,
                          double values[INDICATOR_COLUMNS_MAX])
{
    const double close = decimal_to_double(c->close.units, price_scale);
    const double high = decimal_to_double(c->high.units, price_scale);
    const double low = decimal_to_double(c->low.units, price_scale);
    for (unsigned i = 0; i < t->columns; i++) values[i] = NAN;
    for (unsigned i = 0; i < t->count; i++) {
        struct column *item = &t->items[i];
        double *v = &values[item->first];
        switch (item->kind) {
        case KIND_EMA:
            if (ema_add(&item->ema, close)) *v = ema_value(&item->ema);
            break;
        case KIND_SMA:
            if (sma_add(&item->sma, close)) *v = sma_value(&item->sma);
            break;
        case KIND_RSI:
            if (rsi_add(&item->rsi, close)) *v = rsi_value(&item->rsi);
            break;
        case KIND_MACD: step_macd(&item->macd, close, v); break;
        case KIND_BBANDS: step_bbands(&item->bollinger, close, v); break;
        case KIND_ATR:
            if (atr_add(&item->atr, high, low, close)) *v = atr_value(&item->atr);
            break;
        case KIND_COUNT: break;
        }
    }
}

/* ---- text ---- */

void indicator_table_describe(struct buffer *out)
{
    for (unsigned i = 0; i < KIND_COUNT; i++) buffer_printf(out, "  %s\n", kinds[i].form);
}

void indicator_write_value(double value, struct buffer *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    buffer_append_text(out, text);
}
