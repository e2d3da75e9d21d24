/* Recordings: byte for byte, a book at any moment, clear errors,
 * orders against the recorded book. */
#include "sim_fixture.h"

#include "cmocka_all.h"
#include "shared_data.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_0 "{\"recv_ns\":1000,\"rest\":\"depth\",\"msg\":"
#define TRADE(id, price)                                                                           \
    "{\"e\":\"trade\",\"E\":1700000000001,\"s\":\"ABCUSDT\",\"t\":" id ",\"p\":\"" price           \
    "\",\"q\":\"2.50\",\"T\":1700000000000,\"m\":true,\"M\":true}"
#define KLINE(open, interval, volume)                                                              \
    "{\"e\":\"kline\",\"E\":1700000001000,\"s\":\"ABCUSDT\",\"k\":{\"t\":" open                    \
    ",\"T\":1700000039999,\"s\":\"ABCUSDT\",\"i\":\"" interval                                     \
    "\",\"f\":1,\"L\":9,\"o\":\"9.00\",\"c\":\"10.00\",\"h\":\"11.00\",\"l\":\"8.00\",\"v\":"      \
    "\"" volume "\",\"n\":9,\"x\":false,\"q\":\"30\",\"V\":\"1\",\"Q\":\"10\",\"B\":\"0\"}}"
#define LINE(at, stream, data)                                                                     \
    "{\"recv_ns\":" at ",\"msg\":{\"stream\":\"" stream "\",\"data\":" data "}}\n"

static const char good[] =
    LINE("1000", "abcusdt@trade",
         TRADE("1", "10.00")) "{\"recv_ns\":1000,\"rest\":\"/api/v3/"
                              "depth?symbol=ABCUSDT&limit=10\",\"msg\":{\"lastUpdateId\":"
                              "100,\"bids\":[[\"9.99\",\"5\"],[\"9.98\",\"7\"]],\"asks\":[[\"10."
                              "01\",\"3\"],[\"10.02\",\"8\"]]}}"
                              "\n" LINE("2000", "abcusdt@depth@100ms",
                                        "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"ABCUSDT\",\"U\":"
                                        "101,\"u\":103,\"b\":[[\"9.99\","
                                        "\"0\"]],\"a\":[[\"10.01\",\"4\"]]}")
                                  LINE("3000", "abcusdt@trade", TRADE("2", "10.01"));

static void write_recording(char path[32], const char *text)
{
    strcpy(path, "/tmp/recording-XXXXXX");
    const int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
}

static void test_recording__malformed_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"", ":1: "},
        {"{", ":1: "},
        {"{\"recv_ns\":1}\n", ":1: "},
        {"{\"msg\":{}}\n", ":1: "},
        {"{\"recv_ns\":5,\"msg\":{}}\n", ":1: "},
        {"{\"recv_s\":\"x\",\"msg\":{}}\n", ":1: "},
        {LINE("9", "abcusdt@trade", TRADE("1", "1.0"))
             LINE("8", "abcusdt@trade", TRADE("2", "1.0")),
         ":2: time runs backwards"},
        {LINE("9", "abcusdt@trade", TRADE("1", "NaN")), ":1: "},
        {LINE("9", "abcusdt@trade", TRADE("1", "-1")), ":1: "},
        {LINE("9", "abcusdt@trade", TRADE("1", "0.123456789")), ":1: "},
        {LINE("9", "abcusdt@trade", TRADE("1", "99999999999999")), ":1: "},
        {LINE("9", "abcusdt@depth", "{\"u\":1,\"b\":[[\"1\"]],\"a\":[]}"), ":1: "},
        {LINE("9", "abcusdt@depth", "{\"b\":[],\"a\":[]}"), ":1: "},
        {LINE("9", "nonsense@trade", TRADE("1", "1")), ":1: cannot tell base from quote"},
        {LINE("9", "abcusdt@kline_1m", "{\"k\":{}}"), ":1: a kline frame"},
        {LINE("9", "abcusdt@kline_1m", KLINE("1700000000001", "1m", "3")), ":1: a kline frame"},
        {LINE("9", "abcusdt@trade", TRADE("1", "20000000000"))
             LINE("9", "abcusdt@trade", TRADE("2", "20000000000")),
         ":2: more is traded"},
        {DEPTH_0 "{\"lastUpdateId\":5,\"bids\":[],\"asks\":[]}}\n", ":1: a snapshot without"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[32];
        write_recording(path, cases[i].text);
        const char *files[] = {path};
        uv_loop_t loop;
        struct simserver *server;
        uv_loop_init(&loop);
        const enum err err = simserver_open(
            &loop, &(struct simserver_options){.recordings = files, .recording_count = 1}, &server);
        if (err == OK || !strstr(err_text(), path) || !strstr(err_text(), cases[i].place))
            fail_msg("case %u: %d %s", i, err, err_text());
        loop_finish(&loop);
        unlink(path);
    }
}

static bool has_ended(const void *data)
{
    return simserver_counters(data).recording_ended;
}

static void test_recording__is_served_and_traded_against(void **state)
{
    (void)state;
    char path[32];
    write_recording(path, good);
    const char *files[] = {path};
    struct exchange e = {0};
    struct listener_client c;
    exchange_open(&e, (struct simserver_options){.recordings = files, .recording_count = 1});
    assert_int_equal(exchange_get(&e, "depth?symbol=ABCUSDT"), 200);
    assert_string_equal(e.body.data,
                        "{\"lastUpdateId\":100,\"bids\":[[\"9.99000000\",\"5.00000000\"],"
                        "[\"9.98000000\",\"7.00000000\"]],\"asks\":[[\"10.01000000\","
                        "\"3.00000000\"],[\"10.02000000\",\"8.00000000\"]]}");
    client_dial(&c, &e, "/binance/ws/abcusdt@trade");
    client_hear(&c, 2);
    json_t *expected = json_loads(TRADE("2", "10.01"), 0, NULL);
    assert_true(json_equal(client_message(&c, 1), expected));
    json_decref(expected);
    run_until(&e.loop, has_ended, e.server);

    assert_int_equal(exchange_get(&e, "depth?symbol=ABCUSDT"), 200);
    assert_non_null(strstr(e.body.data, "{\"lastUpdateId\":103,\"bids\":[[\"9.98"));
    assert_int_equal(exchange_get(&e, "klines?symbol=ABCUSDT&interval=1m"), 200);
    assert_non_null(strstr(e.body.data, "[[1699999980000,\"10.00000000\",\"10.01000000\""));
    assert_int_equal(exchange_get(&e, "exchangeInfo"), 200);
    assert_non_null(strstr(e.body.data, "\"tickSize\":\"0.01000000\""));

    assert_int_equal(exchange_signed(&e, "POST", "order",
                                     "symbol=ABCUSDT&side=BUY&type=MARKET&quantity=5.0"),
                     200);
    assert_non_null(strstr(e.body.data, "\"status\":\"FILLED\""));
    assert_non_null(strstr(e.body.data, "\"price\":\"10.01000000\",\"qty\":\"4.00000000\""));
    assert_non_null(strstr(e.body.data, "\"price\":\"10.02000000\",\"qty\":\"1.00000000\""));
    client_hang_up(&c);
    exchange_close(&e);
    unlink(path);
}

/* ---- a real one, at full speed ---- */

struct rebuilt {
    json_t *sides[2];
    json_int_t last_id;
};

static void set_levels(json_t *side, const json_t *levels)
{
    size_t i;
    json_t *level;
    json_array_foreach(levels, i, level)
    {
        const char *price = json_string_value(json_array_get(level, 0));
        const char *qty = json_string_value(json_array_get(level, 1));
        if (strspn(qty, "0.") == strlen(qty))
            json_object_del(side, price);
        else
            json_object_set_new(side, price, json_string(qty));
    }
}

static void take_delta(struct rebuilt *b, const json_t *d)
{
    const json_int_t last = json_integer_value(json_object_get(d, "u"));
    if (last <= b->last_id) return;
    assert_true(json_integer_value(json_object_get(d, "U")) <= b->last_id + 1);
    set_levels(b->sides[0], json_object_get(d, "b"));
    set_levels(b->sides[1], json_object_get(d, "a"));
    b->last_id = last;
}

static void take_snapshot(struct rebuilt *b, const json_t *snapshot)
{
    b->last_id = json_integer_value(json_object_get(snapshot, "lastUpdateId"));
    b->sides[0] = json_object();
    b->sides[1] = json_object();
    set_levels(b->sides[0], json_object_get(snapshot, "bids"));
    set_levels(b->sides[1], json_object_get(snapshot, "asks"));
}

/* From the file's lines alone; the snapshot first, wherever it stands. */
static struct rebuilt rebuild(FILE *file)
{
    struct rebuilt b = {0};
    char *line = NULL;
    size_t size = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        rewind(file);
        while (getline(&line, &size, file) > 0) {
            json_t *o = json_loads(line, 0, NULL);
            const char *rest = json_string_value(json_object_get(o, "rest"));
            const json_t *message = json_object_get(o, "msg");
            const char *stream = json_string_value(json_object_get(message, "stream"));
            if (pass == 0 && rest && strstr(rest, "NKNUSDT") && !b.sides[0])
                take_snapshot(&b, message);
            if (pass == 1 && stream && strcmp(stream, "nknusdt@depth@100ms") == 0)
                take_delta(&b, json_object_get(message, "data"));
            json_decref(o);
        }
    }
    free(line);
    return b;
}

static void test_recording__at_full_speed_ends_in_the_rebuilt_book(void **state)
{
    (void)state;
    static const char name[] = "raw/binance-spot/nknusdt_blzeth_20211012_with_snapshots.jsonl";
    FILE *file = shared_data_open(name);
    if (!file) skip();
    struct rebuilt expected = rebuild(file), ours;
    fclose(file);
    char path[4096];
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/../shared/data/%s", root ? root : ".", name);
    const char *files[] = {path};
    struct exchange e = {0};
    struct listener_client c;
    exchange_open(&e, (struct simserver_options){.recordings = files, .recording_count = 1});
    client_dial(&c, &e, "/binance/ws/nknusdt@depth@100ms");
    client_hear(&c, 1);
    assert_int_equal(exchange_get(&e, "depth?symbol=NKNUSDT&limit=5000"), 200);
    json_t *snapshot = exchange_json(&e);
    take_snapshot(&ours, snapshot);
    json_decref(snapshot);
    for (size_t used = 0; ours.last_id < expected.last_id;) {
        client_hear(&c, used + 1);
        take_delta(&ours, client_message(&c, used++));
    }
    assert_int_equal(ours.last_id, expected.last_id);
    for (unsigned side = 0; side < 2; side++) {
        assert_true(json_object_size(ours.sides[side]) > 0);
        assert_true(json_equal(ours.sides[side], expected.sides[side]));
        json_decref(ours.sides[side]);
        json_decref(expected.sides[side]);
    }
    client_hang_up(&c);
    exchange_close(&e);
}

/* ---- what is made of a recording ---- */

struct played {
    char path[32];
    struct exchange e;
    struct listener_client c;
};

/* Plays text at full speed to one subscriber, and waits for all of it. */
static void play(struct played *p, const char *path, const char *streams)
{
    const char *files[] = {path};
    char url[1024];
    p->e = (struct exchange){0};
    exchange_open(&p->e, (struct simserver_options){.recordings = files, .recording_count = 1});
    snprintf(url, sizeof url, "/binance/stream?streams=%s", streams);
    client_dial(&p->c, &p->e, url);
    run_until(&p->e.loop, has_ended, p->e.server);
    client_say(&p->c, "{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":1}");
    for (size_t n = 1;; n++) {
        client_hear(&p->c, n);
        if (json_object_get(client_message(&p->c, n - 1), "id")) break;
    }
}

static void play_text(struct played *p, const char *text, const char *streams)
{
    write_recording(p->path, text);
    play(p, p->path, streams);
    unlink(p->path);
}

static void stop(struct played *p)
{
    client_hang_up(&p->c);
    exchange_close(&p->e);
}

/* The n-th frame of a stream, NULL where there are fewer; of a kline stream: the n-th closed one's
 * k. */
static json_t *heard(const struct played *p, const char *stream, unsigned n)
{
    size_t i;
    json_t *message;
    json_array_foreach(p->c.messages, i, message)
    {
        const char *name = json_string_value(json_object_get(message, "stream"));
        json_t *data = json_object_get(message, "data");
        json_t *k = json_object_get(data, "k");
        if (!name || strcmp(name, stream) != 0 || (k && !json_is_true(json_object_get(k, "x"))))
            continue;
        if (n-- == 0) return k ? k : data;
    }
    return NULL;
}

static void assert_row_is(const json_t *row, const json_t *k)
{
    static const char *const names[] = {"t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!json_equal(json_array_get(row, i), json_object_get(k, names[i])))
            fail_msg("%s: %s is not %s", names[i], json_dumps(row, 0), json_dumps(k, 0));
}

/* Every closed candle of the stream is the same over REST and over the WebSocket API. */
static void assert_klines_agree(struct played *p, const char *symbol, const char *interval,
                                const char *stream)
{
    char text[256];
    struct listener_client api;
    client_dial(&api, &p->e, "/binance/ws-api/v3");
    json_t *k;
    for (unsigned n = 0; (k = heard(p, stream, n)); n++) {
        const long long open_ms = json_integer_value(json_object_get(k, "t"));
        snprintf(text, sizeof text, "klines?symbol=%s&interval=%s&limit=1&startTime=%lld", symbol,
                 interval, open_ms);
        assert_int_equal(exchange_get(&p->e, text), 200);
        json_t *rows = exchange_json(&p->e);
        assert_row_is(json_array_get(rows, 0), k);
        json_decref(rows);
        snprintf(
            text, sizeof text,
            "{\"id\":1,\"method\":\"klines\",\"params\":{\"symbol\":\"%s\",\"interval\":\"%s\","
            "\"limit\":1,\"startTime\":%lld}}",
            symbol, interval, open_ms);
        client_say(&api, text);
        client_hear(&api, n + 1);
        const json_t *result = json_object_get(client_message(&api, n), "result");
        assert_row_is(json_array_get(result, 0), k);
    }
    client_hang_up(&api);
}

#define TRADE_AT(id, price, qty, time, maker)                                                      \
    "{\"e\":\"trade\",\"E\":" time ",\"s\":\"ABCUSDT\",\"t\":" id ",\"p\":\"" price                \
    "\",\"q\":\"" qty "\",\"T\":" time ",\"m\":" maker ",\"M\":true}"
#define QUIET(at) LINE(at, "!miniTicker@arr", "[]")

static void assert_kline(const json_t *k, const char *expected)
{
    json_t *wanted = json_loads(expected, 0, NULL);
    if (!k || !json_equal(k, wanted)) fail_msg("%s, not %s", json_dumps(k, 0), expected);
    json_decref(wanted);
}

static void test_recording__time_that_passes_closes_candles(void **state)
{
    (void)state;
    struct played p;
    play_text(
        &p,
        LINE("1000000000", "abcusdt@trade", TRADE_AT("7", "10.00", "2.50", "1700000000000", "true"))
            LINE("1300000000", "abcusdt@trade",
                 TRADE_AT("8", "10.02", "0.50", "1700000000300", "false")) QUIET("4200000000"),
        "abcusdt@kline_1s/abcusdt@kline_1m");
    assert_kline(
        heard(&p, "abcusdt@kline_1s", 0),
        "{\"t\":1700000000000,\"T\":1700000000999,\"s\":\"ABCUSDT\",\"i\":\"1s\",\"f\":7,"
        "\"L\":8,\"o\":\"10.00000000\",\"c\":\"10.02000000\",\"h\":\"10.02000000\",\"l\":"
        "\"10.00000000\",\"v\":\"3.00000000\",\"n\":2,\"x\":true,\"q\":\"30.01000000\",\"V\":"
        "\"0.50000000\",\"Q\":\"5.01000000\",\"B\":\"0\"}");
    assert_kline(
        heard(&p, "abcusdt@kline_1s", 1),
        "{\"t\":1700000001000,\"T\":1700000001999,\"s\":\"ABCUSDT\",\"i\":\"1s\",\"f\":-1,"
        "\"L\":-1,\"o\":\"10.02000000\",\"c\":\"10.02000000\",\"h\":\"10.02000000\",\"l\":"
        "\"10.02000000\",\"v\":\"0.00000000\",\"n\":0,\"x\":true,\"q\":\"0.00000000\",\"V\":"
        "\"0.00000000\",\"Q\":\"0.00000000\",\"B\":\"0\"}");
    assert_non_null(heard(&p, "abcusdt@kline_1s", 3)); /* the second after the last frame, too */
    assert_null(heard(&p, "abcusdt@kline_1s", 4));
    assert_null(heard(&p, "abcusdt@kline_1m", 0));
    assert_klines_agree(&p, "ABCUSDT", "1s", "abcusdt@kline_1s");
    stop(&p);
}

static bool has_closed(const void *data)
{
    return heard(data, "abcusdt@kline_1s", 0) != NULL;
}

static void test_recording__candles_close_before_the_next_frame(void **state)
{
    (void)state;
    struct played p = {0};
    write_recording(p.path, LINE("1000000000", "abcusdt@trade",
                                 TRADE_AT("7", "10.00", "2.50", "1700000000000", "true"))
                                QUIET("3600000000000"));
    const char *files[] = {p.path};
    exchange_open(
        &p.e, (struct simserver_options){.recordings = files, .recording_count = 1, .speed = 10});
    unlink(p.path);
    client_dial(&p.c, &p.e, "/binance/stream?streams=abcusdt@kline_1s");
    run_until(&p.e.loop, has_closed, &p);
    assert_false(simserver_counters(p.e.server).recording_ended);
    stop(&p);
}

static void test_recording__a_jump_in_time_is_one_closed_candle(void **state)
{
    (void)state;
    struct played p;
    play_text(&p,
              LINE("1000000000", "abcusdt@trade",
                   TRADE_AT("1", "10.00", "1.00", "1700000000000", "true"))
                  LINE("1100000000", "abcusdt@trade",
                       TRADE_AT("2", "11.00", "1.00", "99999999999000", "true"))
                      LINE("1200000000", "abcusdt@trade",
                           TRADE_AT("3", "12.00", "1.00", "1700000000200", "true")),
              "abcusdt@kline_1s/abcusdt@kline_1m");
    assert_int_equal(json_integer_value(json_object_get(heard(&p, "abcusdt@kline_1s", 0), "t")),
                     1700000000000);
    assert_null(heard(&p, "abcusdt@kline_1s", 1));
    assert_non_null(heard(&p, "abcusdt@kline_1m", 0));
    /* What came late is in no candle. */
    assert_klines_agree(&p, "ABCUSDT", "1s", "abcusdt@kline_1s");
    stop(&p);
}

static void test_recording__kline_frames_in_it_stand_as_told(void **state)
{
    (void)state;
    struct played p;
    play_text(&p,
              LINE("1000000000", "abcusdt@trade",
                   TRADE_AT("9", "10.00", "2.50", "1700000000000", "true"))
                  LINE("1300000000", "abcusdt@kline_1m", KLINE("1699999980000", "1m", "33"))
                      LINE("1310000000", "abcusdt@kline_1w", "{}") /* a timeframe of nobody */
              QUIET("301000000000"),
              "abcusdt@kline_1m/abcusdt@kline_5m");
    /* The recording does not close it, so nobody does. */
    assert_null(heard(&p, "abcusdt@kline_1m", 0));
    assert_int_equal(exchange_get(&p.e, "klines?symbol=ABCUSDT&interval=1m&limit=1"
                                        "&startTime=1699999980000"),
                     200);
    assert_non_null(strstr(p.e.body.data, "[[1699999980000,\"9.00000000\",\"11.00000000\","
                                          "\"8.00000000\",\"10.00000000\",\"33.00000000\""));
    const json_t *k = heard(&p, "abcusdt@kline_5m", 0);
    assert_string_equal(json_string_value(json_object_get(k, "v")), "2.50000000");
    assert_klines_agree(&p, "ABCUSDT", "5m", "abcusdt@kline_5m");
    stop(&p);
}

static void test_recording__what_it_lacks_is_made_of_prints_and_book(void **state)
{
    (void)state;
    static const char *const streams[] = {
        "abcusdt@aggTrade",   "abcusdt@bookTicker", "abcusdt@depth5@100ms", "abcusdt@depth",
        "abcusdt@miniTicker", "abcusdt@ticker",     "abcusdt@avgPrice",
    };
    char text[2048], all[512] = "";
    for (unsigned i = 0; i < sizeof streams / sizeof *streams; i++) {
        if (i) strcat(all, "/");
        strcat(all, streams[i]);
    }
    snprintf(text, sizeof text, "%s%s%s", good, LINE("3100", "abcusdt@trade", TRADE("3", "10.01")),
             LINE("1500003000", "abcusdt@trade",
                  TRADE_AT("4", "10.01", "1.00", "1700000001500", "true")));
    struct played p;
    play_text(&p, text, all);
    for (unsigned i = 0; i < sizeof streams / sizeof *streams; i++)
        if (!heard(&p, streams[i], 0)) fail_msg("no %s", streams[i]);
    const json_t *a = heard(&p, "abcusdt@aggTrade", 1);
    assert_string_equal(json_string_value(json_object_get(a, "q")), "5.00000000");
    assert_int_equal(json_integer_value(json_object_get(a, "f")), 2);
    assert_int_equal(json_integer_value(json_object_get(a, "l")), 3);
    assert_null(heard(&p, "abcusdt@aggTrade", 3));
    assert_kline(heard(&p, "abcusdt@bookTicker", 0),
                 "{\"u\":103,\"s\":\"ABCUSDT\",\"b\":\"9.98000000\",\"B\":\"7.00000000\",\"a\":"
                 "\"10.01000000\",\"A\":\"4.00000000\"}");
    const json_t *d = heard(&p, "abcusdt@depth", 0);
    assert_int_equal(json_integer_value(json_object_get(d, "U")), 101);
    assert_int_equal(json_integer_value(json_object_get(d, "u")), 103);
    json_t *gone = json_loads("[[\"9.99000000\",\"0.00000000\"]]", 0, NULL);
    assert_true(json_equal(json_object_get(d, "b"), gone));
    json_decref(gone);
    stop(&p);
}

/* Candles of a second, from the file's lines alone: open time -> [open, close, prints]. */
static json_t *seconds_of(FILE *file)
{
    json_t *seconds = json_object();
    char *line = NULL, key[32];
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        if (!strstr(line, "btcusdt@trade\"")) continue;
        json_t *o = json_loads(line, 0, NULL);
        const json_t *d = json_object_get(json_object_get(o, "msg"), "data");
        const long long time_ms = json_integer_value(json_object_get(d, "T"));
        snprintf(key, sizeof key, "%lld", time_ms / 1000 * 1000);
        json_t *second = json_object_get(seconds, key);
        if (!second) {
            second = json_pack("[O,O,i]", json_object_get(d, "p"), json_object_get(d, "p"), 0);
            json_object_set_new(seconds, key, second);
        }
        json_array_set(second, 1, json_object_get(d, "p"));
        json_array_set_new(second, 2,
                           json_integer(json_integer_value(json_array_get(second, 2)) + 1));
        json_decref(o);
    }
    free(line);
    return seconds;
}

static void test_recording__a_real_one_gives_its_candles(void **state)
{
    (void)state;
    static const char name[] = "raw/binance-spot/btcusdt_20240808.jsonl";
    FILE *file = shared_data_open(name);
    if (!file) skip();
    json_t *seconds = seconds_of(file);
    fclose(file);
    char path[4096];
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/../shared/data/%s", root ? root : ".", name);
    struct played p;
    play(&p, path, "btcusdt@kline_1s/btcusdt@kline_1m/btcusdt@aggTrade/btcusdt@depth20@100ms");
    size_t found = 0, empty = 0;
    const json_t *k;
    for (unsigned n = 0; (k = heard(&p, "btcusdt@kline_1s", n)); n++) {
        char key[32];
        snprintf(key, sizeof key, "%lld", (long long)json_integer_value(json_object_get(k, "t")));
        const json_t *second = json_object_get(seconds, key);
        const json_int_t prints = json_integer_value(json_object_get(k, "n"));
        found += second != NULL;
        empty += second == NULL;
        assert_int_equal(prints, json_integer_value(json_array_get(second, 2)));
        if (!second) continue;
        assert_true(json_equal(json_object_get(k, "o"), json_array_get(second, 0)));
        assert_true(json_equal(json_object_get(k, "c"), json_array_get(second, 1)));
    }
    print_message("%zu candles of a second with prints, %zu without\n", found, empty);
    assert_int_equal(found, json_object_size(seconds));
    assert_klines_agree(&p, "BTCUSDT", "1s", "btcusdt@kline_1s");
    assert_klines_agree(&p, "BTCUSDT", "1m", "btcusdt@kline_1m");
    assert_non_null(heard(&p, "btcusdt@aggTrade", 0));
    assert_non_null(heard(&p, "btcusdt@depth20@100ms", 0));
    json_decref(seconds);
    stop(&p);
}

static bool is_cut(const void *data)
{
    return simserver_counters(data).slow_clients_cut == 1;
}

static void test_recording__a_client_that_does_not_read_is_cut(void **state)
{
    (void)state;
    static const char name[] = "raw/binance-spot/btcusdt_20240808.jsonl";
    FILE *file = shared_data_open(name);
    if (!file) skip();
    fclose(file);
    char path[4096];
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    snprintf(path, sizeof path, "%s/../shared/data/%s", root ? root : ".", name);
    const char *files[] = {path};
    struct exchange e = {0};
    struct raw_peer peer;
    exchange_open(&e, (struct simserver_options){
                          .recordings = files,
                          .recording_count = 1,
                          .limits.pending_bytes = 100000,
                      });
    raw_peer_dial(&peer, &e.loop, e.info.port);
    run_until(&e.loop, is_true, &peer.is_open);
    raw_peer_send(&peer, "GET /binance/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/"
                         "btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    conn_pause(peer.conn);
    run_until(&e.loop, is_cut, e.server);
    assert_int_equal(simserver_counters(e.server).stream_clients, 0);
    raw_peer_deinit(&peer);
    exchange_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recording__malformed_lines_are_named),
        cmocka_unit_test(test_recording__is_served_and_traded_against),
        cmocka_unit_test(test_recording__at_full_speed_ends_in_the_rebuilt_book),
        cmocka_unit_test(test_recording__time_that_passes_closes_candles),
        cmocka_unit_test(test_recording__candles_close_before_the_next_frame),
        cmocka_unit_test(test_recording__a_jump_in_time_is_one_closed_candle),
        cmocka_unit_test(test_recording__kline_frames_in_it_stand_as_told),
        cmocka_unit_test(test_recording__what_it_lacks_is_made_of_prints_and_book),
        cmocka_unit_test(test_recording__a_real_one_gives_its_candles),
        cmocka_unit_test(test_recording__a_client_that_does_not_read_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
