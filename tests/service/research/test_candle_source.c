/* Candles of recordings: equal to prints grouped here from the JSON alone; what is refused. */
#include "service/research/candle_source.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "core/market/candle_builder.h"
#include "core/strategy/strategy.h"
#include "service/research/backtest.h"
#include "shared_data.h"

enum { SCALE = 8, CANDLES_MAX = 4096 };

#define COMMITTED "tests/service/research/recording.jsonl"
#define TRADE(id, time, qty)                                                                       \
    "{\"recv_ns\":5,\"msg\":{\"stream\":\"abcusdt@trade\",\"data\":{\"t\":" id                     \
    ",\"p\":\"1.50\",\"q\":\"" qty "\",\"T\":" time ",\"m\":true}}}\n"

/* ---- the same prints, grouped independently ---- */

struct grouping {
    const char *symbol; /* in small letters */
    int64_t length_ms;
    struct candle candles[CANDLES_MAX]; /* in SCALE; the last one is unfinished */
    size_t count;
    json_int_t last_id;
    uint64_t gaps, missing;
};

static int64_t units_of(const char *text)
{
    int64_t units = 0;
    int decimals = -1;
    for (; *text; text++) {
        if (*text == '.') {
            decimals = 0;
            continue;
        }
        units = units * 10 + (*text - '0');
        if (decimals >= 0) decimals++;
    }
    for (int i = decimals < 0 ? 0 : decimals; i < SCALE; i++) units *= 10;
    return units;
}

static void fill_silence(struct grouping *g, int64_t slot_ms)
{
    const struct candle last = g->candles[g->count - 1];
    const int64_t missing = (slot_ms - last.open_ms) / g->length_ms - 1;
    if (missing > CANDLE_FILL_MAX) {
        g->gaps++;
        g->missing += (uint64_t)missing;
        return;
    }
    for (int64_t i = 1; i <= missing; i++)
        g->candles[g->count++] = (struct candle){.open_ms = last.open_ms + i * g->length_ms,
                                                 .open = last.close,
                                                 .high = last.close,
                                                 .low = last.close,
                                                 .close = last.close};
}

static void group_print(struct grouping *g, const json_t *data)
{
    const bool is_aggregate = json_object_get(data, "l") != NULL;
    const json_int_t id = json_integer_value(json_object_get(data, is_aggregate ? "l" : "t"));
    const int64_t time_ms = json_integer_value(json_object_get(data, "T"));
    const int64_t slot_ms = time_ms / g->length_ms * g->length_ms;
    const struct price price = {units_of(json_string_value(json_object_get(data, "p")))};
    if (id <= g->last_id) return;
    g->last_id = id;
    if (g->count == 0 || g->candles[g->count - 1].open_ms != slot_ms) {
        if (g->count) fill_silence(g, slot_ms);
        assert_true(g->count < CANDLES_MAX);
        g->candles[g->count++] =
            (struct candle){.open_ms = slot_ms, .open = price, .high = price, .low = price};
    }
    struct candle *c = &g->candles[g->count - 1];
    if (price.units > c->high.units) c->high = price;
    if (price.units < c->low.units) c->low = price;
    c->close = price;
    c->volume.units += units_of(json_string_value(json_object_get(data, "q")));
}

static void group_file(struct grouping *g, FILE *file, const char *kind)
{
    char wanted[64], *line = NULL;
    size_t size = 0;
    snprintf(wanted, sizeof wanted, "%s@%s", g->symbol, kind);
    rewind(file);
    while (getline(&line, &size, file) > 0) {
        json_t *o = json_loads(line, 0, NULL);
        const json_t *message = json_object_get(o, "msg");
        const char *stream = json_string_value(json_object_get(message, "stream"));
        if (stream && strcmp(stream, wanted) == 0) group_print(g, json_object_get(message, "data"));
        json_decref(o);
    }
    free(line);
}

static int64_t in_scale(int64_t units, unsigned scale)
{
    for (unsigned i = scale; i < SCALE; i++) units *= 10;
    return units;
}

static void assert_candles_equal(const struct candle_file *f, const struct grouping *g)
{
    assert_int_equal(f->count + 1, g->count);
    assert_int_equal(f->gaps, g->gaps);
    assert_int_equal(f->missing, g->missing);
    for (size_t i = 0; i < f->count; i++) {
        const struct candle *a = &f->candles[i], *b = &g->candles[i];
        assert_int_equal(a->open_ms, b->open_ms);
        assert_int_equal(in_scale(a->open.units, f->price_scale), b->open.units);
        assert_int_equal(in_scale(a->high.units, f->price_scale), b->high.units);
        assert_int_equal(in_scale(a->low.units, f->price_scale), b->low.units);
        assert_int_equal(in_scale(a->close.units, f->price_scale), b->close.units);
        assert_int_equal(in_scale(a->volume.units, f->volume_scale), b->volume.units);
    }
}

static void path_of(char out[4096], const char *name)
{
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    snprintf(out, 4096, "%s/%s", root ? root : ".", name);
}

static void check_recording(FILE *file, const char *name, const char *symbol, const char *kind,
                            enum timeframe timeframe)
{
    static struct grouping g;
    char path[4096], found[SYMBOL_SIZE];
    struct candle_file f;
    g = (struct grouping){.symbol = symbol, .length_ms = timeframe_ms(timeframe), .last_id = -1};
    group_file(&g, file, kind);
    path_of(path, name);
    const struct candle_source source = {
        .path = path, .symbol = symbol, .timeframe = timeframe_name(timeframe)};
    const enum err err = candle_source_read(&source, &f, found);
    if (g.count < 3) {
        assert_int_equal(err, ERR_PARSE);
        assert_non_null(strstr(err_text(), "two are needed"));
        return;
    }
    if (err) fail_msg("%s", err_text());
    assert_int_equal(strcasecmp(found, symbol), 0);
    assert_int_equal(f.timeframe, timeframe);
    assert_candles_equal(&f, &g);
    candle_file_free(&f);
}

static void test_candle_source__recorded_candles_equal_an_independent_grouping(void **state)
{
    (void)state;
    FILE *file = source_file_open(COMMITTED);
    assert_non_null(file);
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) {
        check_recording(file, COMMITTED, "abcusdt", "trade", (enum timeframe)i);
        check_recording(file, COMMITTED, "xyzbtc", "aggTrade", (enum timeframe)i);
    }
    fclose(file);
}

static void test_candle_source__real_recordings_too(void **state)
{
    (void)state;
    static const struct {
        const char *name, *symbol, *kind;
    } cases[] = {
        {"raw/binance-spot/btcusdt_20240808.jsonl", "btcusdt", "trade"},
        {"raw/binance-spot/nknusdt_blzeth_20211012_with_snapshots.jsonl", "nknusdt", "aggTrade"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[4096];
        FILE *file = shared_data_open(cases[i].name);
        if (!file) skip();
        snprintf(path, sizeof path, "../shared/data/%s", cases[i].name);
        check_recording(file, path, cases[i].symbol, cases[i].kind, TIMEFRAME_1S);
        check_recording(file, path, cases[i].symbol, cases[i].kind, TIMEFRAME_1M);
        fclose(file);
    }
}

/* ---- what comes of them ---- */

static void test_candle_source__a_recording_decides_the_same_for_ever(void **state)
{
    (void)state;
    char path[4096];
    struct candle_file f;
    struct backtest_config config;
    struct backtest_result result;
    struct backtest *b;
    bool done = false;
    path_of(path, COMMITTED);
    backtest_config_init(&config, STRATEGY_RSI);
    const struct candle_source source = {.path = path, .symbol = "ABCUSDT"};
    assert_int_equal(candle_source_read(&source, &f, config.symbol), OK);
    assert_string_equal(config.symbol, "ABCUSDT");
    assert_int_equal(backtest_new(&config, &f, &b), OK);
    while (!done) assert_int_equal(backtest_advance(b, 50, &done), OK);
    backtest_view(b, &result);
    assert_true(result.trade_count > 0);
    assert_int_equal(result.decision_hash, UINT64_C(0x2e2f376118e54cd9));
    backtest_free(b);
    candle_file_free(&f);
}

static void test_candle_source__kept_lines_are_the_same_candles_as_csv(void **state)
{
    (void)state;
    char path[4096], symbol[SYMBOL_SIZE];
    struct candle_file f, again;
    path_of(path, COMMITTED);
    const struct candle_source source = {
        .path = path, .symbol = "xyzbtc", .keep = CANDLE_KEEP_LINES};
    assert_int_equal(candle_source_read(&source, &f, symbol), OK);
    assert_int_equal(candle_file_parse("lines", buffer_slice(&f.lines), CANDLE_KEEP_VALUES, &again),
                     OK);
    assert_int_equal(again.count, f.count);
    assert_int_equal(again.price_scale, f.price_scale);
    assert_int_equal(again.gaps, f.gaps);
    assert_int_equal(again.missing, f.missing);
    assert_memory_equal(again.candles, f.candles, f.count * sizeof *f.candles);
    candle_file_free(&again);
    candle_file_free(&f);
}

/* ---- refusals ---- */

static void write_file(char path[32], const char *text)
{
    strcpy(path, "/tmp/candles-XXXXXX");
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static void test_candle_source__what_does_not_fit_is_refused_with_its_cause(void **state)
{
    (void)state;
    static const char csv[] = "time,open,high,low,close,volume\n"
                              "1640995200,1,1,1,1,1\n1640995260,1,1,1,1,1\n";
    static const char three[] =
        TRADE("1", "1000", "1") TRADE("2", "2000", "1") TRADE("3", "3000", "1");
    static const struct {
        const char *text, *symbol, *timeframe, *cause;
        enum err err;
    } cases[] = {
        {three, NULL, NULL, NULL, OK},
        {three, "AbcUsdt", "1s", NULL, OK},
        {csv, NULL, NULL, NULL, OK},
        {csv, NULL, "1m", NULL, OK},
        {csv, NULL, "1h", ": has candles of 1m, which cannot be made into 1h", ERR_INVALID},
        {csv, "ABCUSDT", NULL, ": symbols are chosen from recordings", ERR_INVALID},
        {csv, NULL, "7m", "timeframe '7m': must be 1s, 1m", ERR_INVALID},
        {three, NULL, "", "timeframe '': must be 1s, 1m", ERR_INVALID},
        {three, "XYZUSDT", NULL, ": no prints of 'XYZUSDT'; there are some of ABCUSDT",
         ERR_INVALID},
        {three, NULL, "1m", "3 prints of ABCUSDT make 0 whole candles of 1m", ERR_PARSE},
        {"{\"recv_ns\":5,\"msg\":{\"stream\":\"abcusdt@kline_1m\",\"data\":{}}}\n", NULL, NULL,
         ": no trade or aggTrade frames", ERR_INVALID},
        {TRADE("1", "1000", "1") TRADE("2", "2000", "1") TRADE("3", "1999", "1"), NULL, NULL,
         ":3: a print of a candle that is over", ERR_PARSE},
        {TRADE("1", "1000", "60000000000") TRADE("2", "1001", "60000000000"), NULL, NULL,
         ":2: the volume is too large", ERR_PARSE},
        {TRADE("1", "1000", "1") "{\"recv_ns\":6,\"msg\":{\"str", NULL, NULL, ":2: ", ERR_PARSE},
        {"{", NULL, NULL, ":1: ", ERR_PARSE},
        {"", NULL, NULL, ": the file is empty", ERR_PARSE},
        {" {}", NULL, NULL, ":1: the header has no column", ERR_PARSE},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[32], symbol[SYMBOL_SIZE];
        struct candle_file f;
        write_file(path, cases[i].text);
        const struct candle_source source = {
            .path = path, .symbol = cases[i].symbol, .timeframe = cases[i].timeframe};
        const enum err err = candle_source_read(&source, &f, symbol);
        if (err != cases[i].err || (cases[i].cause && !strstr(err_text(), cases[i].cause)))
            fail_msg("case %u: %d %s", i, err, err_text());
        if (!err) candle_file_free(&f);
        unlink(path);
    }
}

static void test_candle_source__a_recording_cut_anywhere_is_refused_or_shorter(void **state)
{
    (void)state;
    static const char text[] = TRADE("1", "1000", "1") TRADE("2", "2000", "1")
        TRADE("3", "3000", "1") TRADE("4", "4000", "1");
    for (size_t size = 1; size < sizeof text; size++) {
        char path[32], symbol[SYMBOL_SIZE], cut[sizeof text];
        struct candle_file f;
        memcpy(cut, text, size);
        cut[size] = '\0';
        write_file(path, cut);
        const struct candle_source source = {.path = path};
        const enum err err = candle_source_read(&source, &f, symbol);
        const size_t whole = size / ((sizeof text - 1) / 4);
        const size_t rest = size % ((sizeof text - 1) / 4);
        /* A last line without its end is whole when only the LF is missing. */
        const bool is_whole = rest == 0 || rest == (sizeof text - 1) / 4 - 1;
        const size_t prints = whole + (rest ? 1 : 0);
        if (is_whole && prints >= 3) {
            assert_int_equal(err, OK);
            assert_int_equal(f.count, prints - 1);
            candle_file_free(&f);
        } else {
            assert_int_equal(err, ERR_PARSE);
            assert_non_null(strstr(err_text(), path));
        }
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candle_source__recorded_candles_equal_an_independent_grouping),
        cmocka_unit_test(test_candle_source__real_recordings_too),
        cmocka_unit_test(test_candle_source__a_recording_decides_the_same_for_ever),
        cmocka_unit_test(test_candle_source__kept_lines_are_the_same_candles_as_csv),
        cmocka_unit_test(test_candle_source__what_does_not_fit_is_refused_with_its_cause),
        cmocka_unit_test(test_candle_source__a_recording_cut_anywhere_is_refused_or_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
