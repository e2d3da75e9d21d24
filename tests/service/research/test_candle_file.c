/* Candle files: what is taken exactly, and how each broken one is refused. */
#include "cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/prng.h"
#include "service/research/candle_file.h"
#include "service/research/utc_time.h"
#include "shared_data.h"

#define HEAD "open_time_ms,open,high,low,close,volume\n"
#define ROW0 "60000,10,12,9,11,5\n"
#define ROW1 "120000,11,12,9,11,5\n"

static enum err parse(const char *text, struct candle_file *out)
{
    return candle_file_parse("f.csv", slice_of(text), CANDLE_KEEP_VALUES, out);
}

static void assert_refused(const char *text, const char *message)
{
    struct candle_file f;
    if (parse(text, &f) == OK) fail_msg("taken: %s", text);
    if (!strstr(err_text(), message)) fail_msg("'%s' lacks '%s'", err_text(), message);
    assert_null(f.candles);
}

static struct candle_file taken(const char *text)
{
    struct candle_file f;
    if (parse(text, &f) != OK) fail_msg("%s", err_text());
    return f;
}

static void test_candle_file__numbers_are_exact_in_the_scale_they_need(void **state)
{
    (void)state;
    struct candle_file f = taken(HEAD "60000,1,2.50,0.5,1.1200,7\n"
                                      "120000,1.0,61234.123456789012,0.5,1,0.25\n");
    assert_int_equal(f.count, 2);
    assert_int_equal(f.price_scale, 12);
    assert_int_equal(f.volume_scale, 2);
    assert_int_equal(f.timeframe, TIMEFRAME_1M);
    assert_int_equal(f.candles[0].open.units, 1000000000000);
    assert_int_equal(f.candles[0].close.units, 1120000000000);
    assert_int_equal(f.candles[1].high.units, 61234123456789012);
    assert_int_equal(f.candles[0].volume.units, 700);
    assert_int_equal(f.candles[1].volume.units, 25);
    candle_file_free(&f);
}

static void test_candle_file__zeros_at_the_end_are_no_decimals(void **state)
{
    (void)state;
    struct candle_file f = taken(HEAD "60000,1.50000000,2.50000000,0.50000000,1.0,7.00\n" ROW1);
    assert_int_equal(f.price_scale, 1);
    assert_int_equal(f.volume_scale, 0);
    candle_file_free(&f);
}

static void test_candle_file__header_orders_the_columns(void **state)
{
    (void)state;
    struct candle_file f = taken("\xef\xbb\xbf"
                                 "Close,x,TIMESTAMP,Low, high ,Volume,open,note\r\n"
                                 "4,junk,1640995200,1,5,9,2,NaN\r\n"
                                 "5,,1640995500,1,6,8,4,\r\n");
    assert_int_equal(f.candles[0].open_ms, 1640995200000);
    assert_int_equal(f.candles[0].open.units, 2);
    assert_int_equal(f.candles[0].high.units, 5);
    assert_int_equal(f.candles[0].low.units, 1);
    assert_int_equal(f.candles[0].close.units, 4);
    assert_int_equal(f.candles[0].volume.units, 9);
    assert_int_equal(f.timeframe, TIMEFRAME_5M);
    candle_file_free(&f);
}

static void test_candle_file__times_are_taken_in_every_documented_form(void **state)
{
    (void)state;
    static const char *const forms[][3] = {
        {"timestamp", "1640995200", "1640998800"},
        {"time", "1640995200000", "1640998800000"},
        {"open_time", "1640995200000000", "1640998800000000"},
        {"date", "2022-01-01", "2022-01-01 01:00"},
        {"date", "2022-01-01T00:00:00Z", "2022-01-01T01:00:00Z"},
        {"datetime", "2022-01-01 00:00:00.000", "2022-01-01 01:00:00+00:00"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s,open,high,low,close,volume\n%s,1,1,1,1,1\n%s,1,1,1,1,1",
                 forms[i][0], forms[i][1], forms[i][2]);
        struct candle_file f = taken(text);
        assert_int_equal(f.candles[0].open_ms, 1640995200000);
        assert_int_equal(f.candles[1].open_ms, 1640998800000);
        assert_int_equal(f.timeframe, TIMEFRAME_1H);
        candle_file_free(&f);
    }
}

static void test_candle_file__headerless_binance_archive(void **state)
{
    (void)state;
    struct candle_file f;
    static const char text[] =
        "1735689600000000,93576.00000000,93610.93000000,93537.50000000,93610.93000000,8.21827000,"
        "1735689659999999,768978.00509730,2631,3.95157000,369757.32652890,0\n"
        "1735689660000000,93610.93000000,93652.00000000,93606.20000000,93652.00000000,9.99999000,"
        "1735689719999999,768978.00509730,2631,3.95157000,369757.32652890,0\n";
    assert_int_equal(candle_file_parse("a", SLICE(text), CANDLE_KEEP_LINES, &f), OK);
    assert_int_equal(f.candles[0].open_ms, 1735689600000);
    assert_int_equal(f.candles[0].open.units, 9357600);
    assert_int_equal(f.price_scale, 2);
    struct slice rest = buffer_slice(&f.lines), line;
    assert_true(candle_file_next_line(&rest, &line));
    assert_memory_equal(line.data, "open_time,open,high,low,close,volume,close_time", 47);
    assert_true(candle_file_next_line(&rest, &line));
    assert_memory_equal(line.data, text, line.size);
    candle_file_free(&f);
}

static void test_candle_file__gaps_are_kept_and_counted(void **state)
{
    (void)state;
    struct candle_file f = taken(HEAD ROW0 ROW1 "300000,1,1,1,1,0\n360000,1,1,1,1,0\n"
                                                "480000,1,1,1,1,0\n");
    assert_int_equal(f.count, 5);
    assert_int_equal(f.gaps, 2);
    assert_int_equal(f.missing, 3);
    candle_file_free(&f);
}

static void test_candle_file__broken_files_name_line_and_cause(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } table[] = {
        {"", "f.csv: the file is empty"},
        {"\n", "f.csv:1: the header has no column 'open'"},
        {HEAD, "f.csv: no rows"},
        {HEAD ROW0, "f.csv: only one row"},
        {"# TradeBot\n\ntext\n", "f.csv:1: the header has no column 'open'"},
        {"open_time_ms,open,high,low,close\n", "f.csv:1: the header has no column 'volume'"},
        {"open,high,low,close,volume\n", "f.csv:1: the header has no time column"},
        {"time,open,open,high,low,close,volume\n", "has more than one column 'open'"},
        {"1,2,3\n", "no header, and 3 columns where a Binance archive has 12"},
        {HEAD ROW0 "120000,NaN,12,9,11,5\n", "f.csv:3: open 'NaN' is not a plain decimal number"},
        {HEAD ROW0 "120000,inf,12,9,11,5\n", "f.csv:3: open 'inf' is not"},
        {HEAD ROW0 "120000,1e5,12,9,11,5\n", "f.csv:3: open '1e5' is not"},
        {HEAD ROW0 "120000, 11,12,9,11,5\n", "f.csv:3: open ' 11' is not"},
        {HEAD ROW0 "120000,\"11\",12,9,11,5\n", "f.csv:3: open '\"11\"' is not"},
        {HEAD ROW0 "120000,11,12.,9,11,5\n", "f.csv:3: high '12.' is not"},
        {HEAD ROW0 "120000,11,.5,9,11,5\n", "f.csv:3: high '.5' is not"},
        {HEAD ROW0 "120000,11,0x12,9,11,5\n", "f.csv:3: high '0x12' is not"},
        {HEAD ROW0 "120000,11,12,,11,5\n", "f.csv:3: low '' is not"},
        {HEAD ROW0 "120000,11,12,9,-11,5\n", "f.csv:3: close '-11' is negative"},
        {HEAD ROW0 "120000,11,12,0,11,5\n", "f.csv:3: low '0' is not above zero"},
        {HEAD ROW0 "120000,11,12,0.000,11,5\n", "f.csv:3: low '0.000' is not above zero"},
        {HEAD ROW0 "120000,11,12,9,11,-5\n", "f.csv:3: volume '-5' is negative"},
        {HEAD ROW0 "120000,11,1000000000000,9,11,5\n", "high '1000000000000' is too large"},
        {HEAD ROW0 "120000,11,99999999999999999999,9,11,5\n", "has more than 18 digits"},
        {HEAD ROW0 "120000,11,12.0000000000001,9,11,5\n", "has more than 12 decimals"},
        {HEAD "60000,500000000000,500000000000,5,5,5\n120000,1.123456789,2,1,1,1\n",
         "f.csv:3: open '1.123456789' has more than 12 decimals"},
        {HEAD ROW1 ROW0, "f.csv:3: an earlier time than the row before"},
        {HEAD ROW0 ROW0, "f.csv:3: the same time as the row before"},
        {HEAD ROW0 "120000,11,8,9,11,5\n", "f.csv:3: high is below low"},
        {HEAD ROW0 "120000,13,12,9,11,5\n", "f.csv:3: open or close lies outside low and high"},
        {HEAD ROW0 "120000,11,12,9,8,5\n", "f.csv:3: open or close lies outside"},
        {HEAD ROW0 "120000,11,12,9\n", "f.csv:3: too few columns: is the line cut short?"},
        {HEAD ROW0 "120000,11,12,9,11", "f.csv:3: too few columns: is the line cut short?"},
        {HEAD ROW0 "120000,11,12,9,11,", "f.csv:3: too few columns: is the line cut short?"},
        {HEAD ROW0 "120000,11,12,9,11,5,6\n", "f.csv:3: more columns than the first line has"},
        {HEAD ROW0 "\n" ROW1, "f.csv:3: an empty line"},
        {HEAD ROW0 "x,11,12,9,11,5\n", "f.csv:3: time 'x' is neither"},
        {HEAD ROW0 "-5,11,12,9,11,5\n", "f.csv:3: time '-5' is neither"},
        {HEAD ROW0 "120000.5,11,12,9,11,5\n", "f.csv:3: time '120000.5' is neither"},
        {HEAD ROW0 "1640995200000000,11,12,9,11,5\n", "f.csv:3: time '1640995200000000' is"},
        {HEAD ROW0 "120001,11,12,9,11,5\n", "f.csv: rows 60001 ms apart are no timeframe"},
        {HEAD ROW0 ROW1 "270000,11,12,9,11,5\n", "f.csv:4: 150000 ms after the row before"},
        {"date,open,high,low,close,volume\n2022-02-29,1,1,1,1,1\n", "time '2022-02-29' is neither"},
        {"date,open,high,low,close,volume\n20220228,1,1,1,1,1\n", "time '20220228' is neither"},
        {"date,open,high,low,close,volume\n2022-02-28T00:00:00+03:00,1,1,1,1,1\n", "is neither"},
        {"time,open,high,low,close,volume\n1640995200000001,1,1,1,1,1\n", "is neither"},
        {HEAD "60000,1\x01\x1b[2J,1,1,1,1\n", "f.csv:2: open '1??[2J' is not"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_refused(table[i].text, table[i].message);
}

static void test_candle_file__too_long_a_line_is_refused(void **state)
{
    (void)state;
    const size_t size = CANDLE_LINE_SIZE_MAX + 10;
    struct candle_file f;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, '1', size);
    assert_int_equal(candle_file_parse("f", (struct slice){text, size}, CANDLE_KEEP_VALUES, &f),
                     ERR_PARSE);
    assert_non_null(strstr(err_text(), "a line of more than 65536 bytes"));
    free(text);
}

static void test_candle_file__missing_file_and_folder_are_named(void **state)
{
    (void)state;
    struct candle_file f;
    assert_int_equal(candle_file_read("/no/such/file", CANDLE_KEEP_VALUES, &f), ERR_IO);
    assert_non_null(strstr(err_text(), "/no/such/file: No such file"));
    assert_int_equal(candle_file_read("/", CANDLE_KEEP_VALUES, &f), ERR_IO);
    assert_non_null(strstr(err_text(), "/: Is a directory"));
}

/* Written by a naive printer, so every number must come back; in pieces through a pipe as well. */
static void test_candle_file__random_files_come_back_whatever_the_pieces(void **state)
{
    (void)state;
    enum { ROWS = 400, SIZE_MAX_ROW = 128 };
    struct prng p;
    prng_init(&p, 1);
    for (int round = 0; round < 20; round++) {
        static char text[ROWS * SIZE_MAX_ROW];
        static int64_t units[ROWS];
        const unsigned scale = (unsigned)prng_below(&p, 9);
        size_t size = (size_t)snprintf(text, sizeof text, HEAD);
        for (int i = 0; i < ROWS; i++) {
            char price[DECIMAL_TEXT_SIZE];
            units[i] = 1 + (int64_t)prng_below(&p, 1000000000);
            decimal_write(units[i], scale, price);
            size +=
                (size_t)snprintf(text + size, sizeof text - size, "%d,%s,%s,%s,%s,%d%s", i * 60000,
                                 price, price, price, price, i, prng_below(&p, 2) ? "\n" : "\r\n");
        }
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        const pid_t child = fork();
        if (child == 0) {
            for (size_t at = 0; at < size;) {
                size_t piece = 1 + prng_below(&p, 5000);
                if (piece > size - at) piece = size - at;
                if (write(ends[1], text + at, piece) < 0) _exit(1);
                at += piece;
            }
            _exit(0);
        }
        close(ends[1]);
        char path[64];
        struct candle_file whole, pieces;
        snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
        assert_int_equal(candle_file_read(path, CANDLE_KEEP_LINES, &pieces), OK);
        assert_int_equal(
            candle_file_parse("t", (struct slice){text, size}, CANDLE_KEEP_LINES, &whole), OK);
        close(ends[0]);
        assert_int_equal(whole.count, ROWS);
        assert_int_equal(pieces.count, ROWS);
        assert_memory_equal(whole.candles, pieces.candles, ROWS * sizeof *whole.candles);
        assert_true(slice_equal(buffer_slice(&whole.lines), buffer_slice(&pieces.lines)));
        for (int i = 0; i < ROWS; i++) {
            int64_t wanted;
            assert_true(units_rescale(whole.candles[i].close.units, whole.price_scale, scale,
                                      ROUND_DOWN, &wanted));
            assert_int_equal(wanted, units[i]);
        }
        candle_file_free(&whole);
        candle_file_free(&pieces);
    }
}

static void test_utc_time__text_and_number_are_inverse(void **state)
{
    (void)state;
    struct prng p;
    char text[UTC_TIME_TEXT_SIZE];
    int64_t back;
    prng_init(&p, 2);
    for (int i = 0; i < 20000; i++) {
        const int64_t ms = (int64_t)prng_below(&p, UINT64_C(253402300800000));
        utc_time_write(ms, text);
        assert_true(utc_time_parse(text, strlen(text), &back));
        assert_int_equal(back, ms);
    }
    utc_time_write(1709208000000, text);
    assert_string_equal(text, "2024-02-29T12:00:00Z");
    utc_time_write(INT64_C(4107542399999), text);
    assert_string_equal(text, "2100-02-28T23:59:59.999Z");
}

static void read_folder(const char *folder, unsigned *files)
{
    char path[4096];
    struct dirent *entry;
    DIR *dir = opendir(folder);
    if (!dir) return;
    while ((entry = readdir(dir))) {
        struct candle_file f;
        if (!strstr(entry->d_name, ".csv")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (candle_file_read(path, CANDLE_KEEP_VALUES, &f)) fail_msg("%s", err_text());
        assert_true(f.count > 1000);
        assert_non_null(strstr(entry->d_name, timeframe_name((enum timeframe)f.timeframe)));
        candle_file_free(&f);
        ++*files;
    }
    closedir(dir);
}

static void test_candle_file__every_recorded_file_is_taken(void **state)
{
    (void)state;
    static const char *const folders[] = {"binance-spot", "binance-usdm", "coinbase-exchange"};
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    unsigned files = 0;
    for (unsigned i = 0; i < 3; i++) {
        char path[2048];
        snprintf(path, sizeof path, "%s/../shared/data/klines/%s", root ? root : ".", folders[i]);
        read_folder(path, &files);
    }
    if (files == 0) {
        fprintf(stderr, "skipped: ../shared/data/klines is absent\n");
        skip();
    }
    assert_true(files >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candle_file__numbers_are_exact_in_the_scale_they_need),
        cmocka_unit_test(test_candle_file__zeros_at_the_end_are_no_decimals),
        cmocka_unit_test(test_candle_file__header_orders_the_columns),
        cmocka_unit_test(test_candle_file__times_are_taken_in_every_documented_form),
        cmocka_unit_test(test_candle_file__headerless_binance_archive),
        cmocka_unit_test(test_candle_file__gaps_are_kept_and_counted),
        cmocka_unit_test(test_candle_file__broken_files_name_line_and_cause),
        cmocka_unit_test(test_candle_file__too_long_a_line_is_refused),
        cmocka_unit_test(test_candle_file__missing_file_and_folder_are_named),
        cmocka_unit_test(test_candle_file__random_files_come_back_whatever_the_pieces),
        cmocka_unit_test(test_utc_time__text_and_number_are_inverse),
        cmocka_unit_test(test_candle_file__every_recorded_file_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
