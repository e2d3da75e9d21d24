/* Indicators against vectors: our own, computed from the definitions in exact arithmetic
 * (make_vectors.py), and those of two other projects where their definitions agree with ours. */
#include "cmocka_all.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/indicator/atr.h"
#include "core/indicator/bollinger.h"
#include "core/indicator/ema.h"
#include "core/indicator/macd.h"
#include "core/indicator/rsi.h"
#include "core/indicator/sma.h"
#include "shared_data.h"

enum { ROWS_MAX = 1024, COLUMNS_MAX = 16 };

/* A CSV of numbers; a cell that is empty, or is no number, is NAN. */
struct table {
    double cells[ROWS_MAX][COLUMNS_MAX];
    unsigned rows;
};

static void read_row(char *line, double *row)
{
    for (unsigned column = 0; column < COLUMNS_MAX; column++) {
        char *cell = strsep(&line, ",");
        char *end = cell;
        const double value = cell ? strtod(cell, &end) : 0;
        const bool whole = cell && end != cell && (*end == '\0' || *end == '\n');
        row[column] = whole ? value : (double)NAN;
    }
}

static bool read_table(FILE *file, struct table *t)
{
    if (!file) return false;
    char line[1024];
    t->rows = 0;
    assert_non_null(fgets(line, sizeof line, file)); /* the names of the columns */
    while (fgets(line, sizeof line, file)) {
        assert_true(t->rows < ROWS_MAX);
        read_row(line, t->cells[t->rows++]);
    }
    fclose(file);
    return true;
}

/* Everything at once, in the shape of a row of a vector file. */
struct all {
    struct ema ema;
    struct sma sma;
    struct rsi rsi;
    struct macd macd;
    struct bollinger bollinger;
    struct atr atr;
    double sma_values[WINDOW_PERIOD_MAX], bollinger_values[WINDOW_PERIOD_MAX];
};

static void all_init(struct all *a, uint32_t ema, uint32_t rsi)
{
    ema_init(&a->ema, ema);
    sma_init(&a->sma, a->sma_values, 20);
    rsi_init(&a->rsi, rsi);
    macd_init(&a->macd, 12, 26, 9);
    bollinger_init(&a->bollinger, a->bollinger_values, 20, 2);
    atr_init(&a->atr, 14);
}

enum { EMA, SMA, RSI, LINE, SIGNAL, UPPER, LOWER, ATR, ALL_COUNT };

static void all_add(struct all *a, double high, double low, double close, double out[ALL_COUNT])
{
    for (unsigned i = 0; i < ALL_COUNT; i++) out[i] = (double)NAN;
    if (ema_add(&a->ema, close)) out[EMA] = ema_value(&a->ema);
    if (sma_add(&a->sma, close)) out[SMA] = sma_value(&a->sma);
    if (rsi_add(&a->rsi, close)) out[RSI] = rsi_value(&a->rsi);
    if (macd_add(&a->macd, close)) out[SIGNAL] = macd_signal(&a->macd);
    if (macd_line_ready(&a->macd)) out[LINE] = macd_line(&a->macd);
    if (atr_add(&a->atr, high, low, close)) out[ATR] = atr_value(&a->atr);
    if (!bollinger_add(&a->bollinger, close)) return;
    out[UPPER] = bollinger_upper(&a->bollinger);
    out[LOWER] = bollinger_lower(&a->bollinger);
}

static void expect_close(double got, double want, double tolerance, const char *name, unsigned row)
{
    if (isnan(got) && isnan(want)) return;
    if (fabs(got - want) <= tolerance) return; /* false where one of them is NAN */
    fail_msg("%s row %u: %.17g, not %.17g", name, row, got, want);
}

/* All rows, warm-up included: a value comes exactly where the definition has one. */
static void test_indicator__own_vectors_in_every_row(void **state)
{
    (void)state;
    static const char *const names[ALL_COUNT] = {"ema8",   "sma20",    "rsi7",     "macd",
                                                 "signal", "bb_upper", "bb_lower", "atr14"};
    static struct table t;
    static struct all all;
    assert_true(read_table(source_file_open("tests/core/indicator/vectors.csv"), &t));
    assert_int_equal(t.rows, 300);
    all_init(&all, 8, 7);
    for (unsigned row = 0; row < t.rows; row++) {
        const double *cells = t.cells[row];
        double got[ALL_COUNT];
        all_add(&all, cells[0], cells[1], cells[2], got);
        /* prices near 60,000: ten to fifteen of a double's digits left for the tolerance */
        for (unsigned i = 0; i < ALL_COUNT; i++)
            expect_close(got[i], cells[3 + i], i == RSI ? 1e-10 : 5e-9, names[i], row);
    }
}

/* Stock.Indicators: its seeds are ours, so every row agrees, from the first value on. It computes
 * in doubles itself. Its average true range keeps the range of row 0 out, as ours does. */
static void test_indicator__stock_indicators_in_every_row(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        unsigned column, ours;
    } cases[] = {
        {"ema.csv", 1, EMA},     {"sma.csv", 1, SMA},  {"rsi.csv", 1, RSI},  {"macd.csv", 1, LINE},
        {"macd.csv", 2, SIGNAL}, {"bb.csv", 2, UPPER}, {"bb.csv", 3, LOWER}, {"atr.csv", 2, ATR},
    };
    static struct table quotes, t;
    static double got[ROWS_MAX][ALL_COUNT];
    static struct all all;
    if (!read_table(shared_data_open("indicators/stock_indicators/quotes_default.csv"), &quotes))
        skip();
    assert_int_equal(quotes.rows, 502);
    all_init(&all, 20, 14);
    for (unsigned row = 0; row < quotes.rows; row++) {
        const double *q = quotes.cells[row]; /* date, open, high, low, close, volume */
        all_add(&all, q[2], q[3], q[4], got[row]);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        snprintf(path, sizeof path, "indicators/stock_indicators/%s", cases[i].file);
        assert_true(read_table(shared_data_open(path), &t));
        assert_int_equal(t.rows, quotes.rows);
        for (unsigned row = 0; row < t.rows; row++)
            expect_close(got[row][cases[i].ours], t.cells[row][cases[i].column], 1e-10,
                         cases[i].file, row);
    }
}

/* Tulip's file: a line with name and options, then one line a series, inputs first. */
enum { SERIES_MAX = 8 };

struct series {
    double values[ROWS_MAX];
    unsigned count;
};

static void read_series(char *line, struct series *s)
{
    s->count = 0;
    for (char *at = line + 1; *at && *at != '}';) {
        char *end;
        assert_true(s->count < ROWS_MAX);
        s->values[s->count++] = strtod(at, &end);
        assert_true(end != at);
        at = end + strspn(end, ", ");
    }
}

/* The series under the heading; 0 when it is not there. */
static unsigned read_section(FILE *file, const char *heading, struct series *out)
{
    static char line[1 << 16];
    unsigned count = 0;
    bool inside = false;
    rewind(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!inside)
            inside = strcmp(line, heading) == 0;
        else if (line[0] == '{' && count < SERIES_MAX)
            read_series(line, &out[count++]);
        else if (line[0] != '#')
            break;
    }
    return count;
}

static double tulip_input(const struct series *s, unsigned input, unsigned row)
{
    return s[input].values[row];
}

/* One row of ours for each row of input, NAN while warming up. */
static void run_tulip(const char *name, const struct series *in, unsigned row, struct all *all,
                      double out[3])
{
    out[0] = out[1] = out[2] = (double)NAN;
    const double x = tulip_input(in, 0, row);
    if (strncmp(name, "atr", 3) == 0) {
        if (atr_add(&all->atr, x, tulip_input(in, 1, row), tulip_input(in, 2, row)))
            out[0] = atr_value(&all->atr);
    } else if (strncmp(name, "ema", 3) == 0) {
        if (ema_add(&all->ema, x)) out[0] = ema_value(&all->ema);
    } else if (strncmp(name, "sma", 3) == 0) {
        if (sma_add(&all->sma, x)) out[0] = sma_value(&all->sma);
    } else if (strncmp(name, "rsi", 3) == 0) {
        if (rsi_add(&all->rsi, x)) out[0] = rsi_value(&all->rsi);
    } else if (strncmp(name, "bbands", 6) == 0) {
        if (!bollinger_add(&all->bollinger, x)) return;
        out[0] = bollinger_lower(&all->bollinger);
        out[1] = bollinger_mid(&all->bollinger);
        out[2] = bollinger_upper(&all->bollinger);
    } else {
        const bool ready = macd_add(&all->macd, x);
        if (macd_line_ready(&all->macd)) out[0] = macd_line(&all->macd);
        if (ready) out[1] = macd_signal(&all->macd), out[2] = macd_histogram(&all->macd);
    }
}

/* sma, bbands and rsi agree in every value. ema and macd start from the first value there and agree
 * once that has decayed: the difference is 0.015 after 8 rows of ema 5, 0.04 after 52 rows of macd.
 * atr counts the first candle's high - low, which in these rows is just the mean, so it agrees from
 * our first value on. The numbers are a book's, rounded to three to five decimals,
 * some of them wrongly. */
static void test_indicator__tulip_book_values(void **state)
{
    (void)state;
    static const struct {
        const char *heading;
        unsigned inputs, outputs, from;
        double tolerance;
    } cases[] = {
        {"sma 5", 1, 1, 4, 5e-4},  {"bbands 5 2", 1, 3, 4, 1e-4},    {"rsi 5", 1, 1, 5, 1e-4},
        {"ema 5", 1, 1, 7, 0.016}, {"macd 12 26 9", 1, 3, 52, 0.04}, {"atr 4", 3, 1, 4, 1e-4},
    };
    FILE *file = shared_data_open("indicators/tulip/atoz.txt");
    if (!file) skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct series series[SERIES_MAX];
        static struct all all;
        const unsigned count = read_section(file, cases[i].heading, series);
        assert_int_equal(count, cases[i].inputs + cases[i].outputs);
        ema_init(&all.ema, 5);
        sma_init(&all.sma, all.sma_values, 5);
        rsi_init(&all.rsi, 5);
        macd_init(&all.macd, 12, 26, 9);
        bollinger_init(&all.bollinger, all.bollinger_values, 5, 2);
        atr_init(&all.atr, 4);
        for (unsigned row = 0; row < series[0].count; row++) {
            double got[3];
            run_tulip(cases[i].heading, series, row, &all, got);
            for (unsigned output = 0; output < cases[i].outputs; output++) {
                const struct series *want = &series[cases[i].inputs + output];
                const unsigned warm_up = series[0].count - want->count;
                if (row < cases[i].from) continue;
                expect_close(got[output], want->values[row - warm_up], cases[i].tolerance,
                             cases[i].heading, row);
            }
        }
    }
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_indicator__own_vectors_in_every_row),
        cmocka_unit_test(test_indicator__stock_indicators_in_every_row),
        cmocka_unit_test(test_indicator__tulip_book_values),
    };
    return cmocka_run_group_tests_name("indicator_vectors", tests, NULL, NULL);
}
