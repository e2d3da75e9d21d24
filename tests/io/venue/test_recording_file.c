/* Recordings as frames: kinds, symbols, decimals, which frames are prints, refusals by line. */
#include "io/venue/recording_file.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE(at, stream, data)                                                                     \
    "{\"recv_ns\":" at ",\"msg\":{\"stream\":\"" stream "\",\"data\":" data "}}\n"
#define TRADE(id, price, maker)                                                                    \
    "{\"t\":" id ",\"p\":\"" price "\",\"q\":\"2.50\",\"T\":1700000000000,\"m\":" maker "}"
#define SNAPSHOT                                                                                   \
    "{\"recv_s\":0.0000025,\"rest\":\"depth?symbol=ABCUSDT&limit=5\",\"msg\":{"                    \
    "\"lastUpdateId\":4,\"asks\":[[\"10.1\",\"1\"]],\"bids\":[[\"9.123\",\"2\"],[\"9\",\"3\"]]}}"  \
    "\n"
#define SERVER_TIME "{\"recv_ns\":2600,\"rest\":\"/api/v3/time\",\"msg\":{}}\n"
#define AGGREGATE   "{\"a\":1,\"f\":5,\"l\":7,\"p\":\"3.1\",\"q\":\"1\",\"T\":9,\"m\":true}"

static void write_file(char path[32], const char *text)
{
    strcpy(path, "/tmp/recording-XXXXXX");
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static void test_recording_file__frames_have_kind_symbol_and_time(void **state)
{
    (void)state;
    char path[32];
    struct recording_file f;
    struct recorded_depth depth;
    struct print print;
    static const char *const lines[] = {
        LINE("1000", "!ticker@arr", "[]"),
        LINE("1000", "abcusdt@trade", TRADE("7", "10.010", "false")),
        "\n",
        SNAPSHOT,
        SERVER_TIME,
        LINE("2700", "xyzeth@kline_1m", "{}"),
    };
    char text[2048] = "";
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) strcat(text, lines[i]);
    write_file(path, text);
    assert_int_equal(recording_file_open(&(const char *){path}, 1, &f), OK);
    assert_int_equal(f.frame_count, 4);
    assert_int_equal(f.frames[0].kind, RECORDED_OTHER);
    assert_int_equal(f.frames[0].symbol, INSTRUMENT_NONE);
    assert_int_equal(f.frames[1].kind, RECORDED_TRADE);
    assert_int_equal(f.frames[2].kind, RECORDED_SNAPSHOT);
    assert_int_equal(f.frames[2].at_ns, 1500);
    assert_int_equal(f.frames[3].kind, RECORDED_OTHER);
    assert_int_equal(f.symbol_count, 2);
    assert_string_equal(f.symbols[0].name, "ABCUSDT");
    assert_string_equal(f.symbols[0].base, "ABC");
    assert_string_equal(f.symbols[1].quote, "ETH");
    assert_int_equal(f.symbols[0].price_decimals, 3);
    assert_int_equal(f.symbols[0].qty_decimals, 1);
    assert_int_equal(f.symbols[0].trades, 1);

    recording_file_depth(&f, f.symbols[0].snapshot, &depth);
    assert_int_equal(depth.last_id, 4);
    assert_int_equal(depth.bid_count, 2);
    assert_int_equal(depth.bids[1].price.units, 900000000);
    assert_int_equal(depth.ask_count, 1);
    assert_int_equal(depth.asks[0].price.units, 1010000000);
    recording_file_print(&f.frames[1], &print);
    assert_int_equal(print.id, 7);
    assert_int_equal(print.price.units, 1001000000);
    assert_int_equal(print.qty.units, 250000000);
    assert_int_equal(print.time_ms, 1700000000000);
    assert_int_equal(print.taker, SIDE_BUY);
    assert_int_equal(recording_file_refuse(&f, f.frames[2].data, "no"), ERR_PARSE);
    assert_non_null(strstr(err_text(), ":4: no"));
    recording_file_close(&f);
    unlink(path);
}

static void test_recording_file__aggregates_are_prints_only_without_trades(void **state)
{
    (void)state;
    char paths[2][32];
    struct recording_file f;
    struct print print;
    write_file(paths[0],
               LINE("50", "abcusdt@aggTrade", AGGREGATE) LINE("60", "xyzusdt@aggTrade", AGGREGATE));
    write_file(paths[1], LINE("9000", "abcusdt@trade", TRADE("6", "3", "true")));
    const char *files[] = {paths[0], paths[1]};
    assert_int_equal(recording_file_open(files, 2, &f), OK);
    assert_int_equal(f.frame_count, 3);
    assert_int_equal(f.symbols[0].trades, 1);
    assert_int_equal(f.symbols[1].trades, 1);
    for (unsigned i = 0; i < 3; i++) {
        const bool is_print = f.frames[i].kind == RECORDED_TRADE;
        const bool is_aggregate = f.frames[i].stream.size == strlen("abcusdt@aggTrade");
        assert_int_equal(is_print, !(is_aggregate && f.frames[i].symbol == 0));
        if (!is_print || !is_aggregate) continue;
        recording_file_print(&f.frames[i], &print);
        assert_int_equal(print.id, 7);
        assert_int_equal(print.taker, SIDE_SELL);
    }
    recording_file_close(&f);
    unlink(paths[0]);
    unlink(paths[1]);
}

static void test_recording_file__what_is_damaged_is_refused_by_line(void **state)
{
    (void)state;
    static const char good[] = LINE("5", "abcusdt@trade", TRADE("1", "1.0", "true"));
    static const struct {
        const char *line, *cause;
    } cases[] = {
        {"{\"recv_ns\":6,\"msg\":{\"stream\":\"abcusdt@tr", ":2: "},
        {"x\n", ":2: "},
        {LINE("4", "abcusdt@trade", TRADE("2", "1.0", "true")), ":2: time runs backwards"},
        {LINE("6", "ab\\u001b[31musdt@trade", TRADE("2", "1", "true")), ":2: a frame of what"},
        {LINE("6", "\x7f@trade", TRADE("2", "1", "true")), ":2: a frame of what is no symbol"},
        {LINE("6", "@trade", TRADE("2", "1", "true")), ":2: a frame of what is no symbol"},
        {LINE("6", "abcdefghijklmnopqrstuvwusdt@trade", TRADE("2", "1", "true")), ":2: a frame"},
        {LINE("6", "abcusdt@trade", TRADE("2", "0", "true")), ":2: no price, quantity or time"},
        {LINE("6", "abcusdt@trade", TRADE("2", "0.000000001", "true")), ":2: not an amount"},
        {LINE("6", "abcusdt@trade", TRADE("2", "90000000000", "true")), ":2: a trade is worth"},
        {LINE("6", "abcusdt@trade", "{\"p\":\"1\",\"q\":\"1\",\"T\":100000000000000}"),
         ":2: a time too"},
        {LINE("6", "abcusdt@depth", "{\"U\":1,\"b\":[],\"a\":[]}"), ":2: no update id"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[32], text[1024];
        struct recording_file f;
        snprintf(text, sizeof text, "%s%s", good, cases[i].line);
        write_file(path, text);
        const enum err err = recording_file_open(&(const char *){path}, 1, &f);
        if (err != ERR_PARSE || !strstr(err_text(), path) || !strstr(err_text(), cases[i].cause))
            fail_msg("case %u: %d %s", i, err, err_text());
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recording_file__frames_have_kind_symbol_and_time),
        cmocka_unit_test(test_recording_file__aggregates_are_prints_only_without_trades),
        cmocka_unit_test(test_recording_file__what_is_damaged_is_refused_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
