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
        cmocka_unit_test(test_recording__a_client_that_does_not_read_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
