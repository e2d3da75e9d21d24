/* The simulated exchange's streams and its WebSocket API. */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include "service/simserver/ws_life.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { LEVELS_MAX = 5000 };

/* A client's book by the documented procedure, prices as text. */
struct local_book {
    json_t *sides[2]; /* objects: price -> quantity; by side: bids, asks */
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

static void book_start(struct local_book *b, const json_t *snapshot)
{
    b->last_id = json_integer_value(json_object_get(snapshot, "lastUpdateId"));
    b->sides[0] = json_object();
    b->sides[1] = json_object();
    set_levels(b->sides[0], json_object_get(snapshot, "bids"));
    set_levels(b->sides[1], json_object_get(snapshot, "asks"));
}

static void book_change(struct local_book *b, const json_t *delta)
{
    const json_int_t last = json_integer_value(json_object_get(delta, "u"));
    if (last <= b->last_id) return;
    assert_true(json_integer_value(json_object_get(delta, "U")) <= b->last_id + 1);
    set_levels(b->sides[0], json_object_get(delta, "b"));
    set_levels(b->sides[1], json_object_get(delta, "a"));
    b->last_id = last;
}

static void book_drop(struct local_book *b)
{
    json_decref(b->sides[0]);
    json_decref(b->sides[1]);
}

static json_t *depth_of(struct exchange *e, const char *symbol)
{
    char path[64];
    snprintf(path, sizeof path, "depth?symbol=%s&limit=%d", symbol, LEVELS_MAX);
    assert_int_equal(exchange_get(e, path), 200);
    return exchange_json(e);
}

static void test_simserver__deltas_over_a_snapshot_make_the_same_book(void **state)
{
    (void)state;
    struct exchange e = {0};
    struct listener_client c;
    exchange_open(&e, (struct simserver_options){0});
    client_dial(&c, &e, "/binance/ws/btcusdt@depth@100ms");
    client_hear(&c, 2);
    struct local_book ours, theirs;
    json_t *snapshot = depth_of(&e, "BTCUSDT");
    book_start(&ours, snapshot);
    json_decref(snapshot);
    assert_int_equal(exchange_signed(&e, "POST", "order",
                                     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&"
                                     "quantity=0.01&price=51234.56"),
                     200);
    size_t used = 0;
    for (size_t wanted = 6;; wanted++) {
        client_hear(&c, wanted);
        while (used < json_array_size(c.messages)) book_change(&ours, client_message(&c, used++));
        snapshot = depth_of(&e, "BTCUSDT");
        book_start(&theirs, snapshot);
        json_decref(snapshot);
        const bool is_level = theirs.last_id == ours.last_id && wanted > 12;
        if (is_level) break;
        book_drop(&theirs);
        assert_true(wanted < 200); /* between two ticks both show the same */
    }
    assert_true(json_equal(ours.sides[0], theirs.sides[0]));
    assert_true(json_equal(ours.sides[1], theirs.sides[1]));
    assert_non_null(json_object_get(ours.sides[0], "51234.56000000"));
    book_drop(&ours);
    book_drop(&theirs);
    client_hang_up(&c);
    exchange_close(&e);
}

static const char *stream_of(const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "stream"));
    return name ? name : "";
}

/* The n-th frame of a stream of a combined connection; waits for it. */
static json_t *frame_of(struct listener_client *c, const char *stream, unsigned n)
{
    for (size_t i = 0;; i++) {
        client_hear(c, i + 1);
        json_t *message = client_message(c, i);
        if (strcmp(stream_of(message), stream) == 0 && n-- == 0)
            return json_object_get(message, "data");
    }
}

static void test_simserver__streams_carry_their_frames(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *event;
    } cases[] = {
        {"btcusdt@trade", "trade"},
        {"btcusdt@aggTrade", "aggTrade"},
        {"btcusdt@depth@100ms", "depthUpdate"},
        {"btcusdt@depth", "depthUpdate"},
        {"btcusdt@ticker", "24hrTicker"},
        {"btcusdt@miniTicker", "24hrMiniTicker"},
        {"btcusdt@avgPrice", "avgPrice"},
        {"btcusdt@bookTicker", NULL},
        {"btcusdt@depth5", NULL},
        {"btcusdt@depth20@100ms", NULL},
        {"btcusdt@kline_1s", "kline"},
        {"btcusdt@kline_1h", "kline"},
    };
    struct exchange e = {0};
    struct listener_client c;
    char path[512] = "/binance/stream?streams=";
    exchange_open(&e, (struct simserver_options){0});
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        strncat(path, i ? "/" : "", sizeof path - strlen(path) - 1);
        strncat(path, cases[i].stream, sizeof path - strlen(path) - 1);
    }
    client_dial(&c, &e, path);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *event =
            json_string_value(json_object_get(frame_of(&c, cases[i].stream, 0), "e"));
        if (cases[i].event)
            assert_string_equal(event, cases[i].event);
        else
            assert_null(event);
    }
    client_hang_up(&c);
    exchange_close(&e);
}

static void test_simserver__a_closed_kline_comes_once_and_equals_rest(void **state)
{
    (void)state;
    struct exchange e = {0};
    struct listener_client c;
    char path[128];
    exchange_open(&e, (struct simserver_options){0});
    client_dial(&c, &e, "/binance/stream?streams=ethusdt@kline_1s");
    json_t *kline = NULL;
    unsigned seen = 0;
    for (unsigned n = 0; !kline || seen < 2; n++) {
        json_t *k = json_object_get(frame_of(&c, "ethusdt@kline_1s", n), "k");
        if (!json_is_true(json_object_get(k, "x"))) continue;
        if (kline)
            assert_int_equal(json_integer_value(json_object_get(k, "t")),
                             json_integer_value(json_object_get(kline, "t")) + 1000);
        if (seen++ == 0 || !kline) kline = k;
    }
    snprintf(path, sizeof path, "klines?symbol=ETHUSDT&interval=1s&limit=1&startTime=%lld",
             (long long)json_integer_value(json_object_get(kline, "t")));
    assert_int_equal(exchange_get(&e, path), 200);
    json_t *rows = exchange_json(&e);
    json_t *row = json_array_get(rows, 0);
    static const char *const names[] = {"t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(json_equal(json_array_get(row, i), json_object_get(kline, names[i])));
    json_decref(rows);
    client_hang_up(&c);
    exchange_close(&e);
}

static void test_simserver__control_messages_are_answered(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"method\":\"SUBSCRIBE\",\"params\":[\"no@such\"],\"id\":1}",
         "{\"result\":null,\"id\":1}"},
        {"{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":\"a\"}",
         "{\"result\":[\"no@such\"],\"id\":\"a\"}"},
        {"{\"method\":\"UNSUBSCRIBE\",\"params\":[\"no@such\"],\"id\":null}",
         "{\"result\":null,\"id\":null}"},
        {"{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":2}",
         "{\"result\":false,\"id\":2}"},
        {"{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",true],\"id\":3}",
         "{\"result\":null,\"id\":3}"},
        {"{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":4}",
         "{\"result\":true,\"id\":4}"},
        {"{\"method\":\"SET_PROPERTY\",\"params\":[\"colour\",true],\"id\":5}",
         "{\"code\":0,\"msg\":\"Unknown property\",\"id\":5}"},
        {"{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",1],\"id\":6}",
         "{\"code\":1,\"msg\":\"Invalid value type: expected Boolean\",\"id\":6}"},
        {"{\"id\":7}", "{\"code\":2,\"msg\":\"Invalid request: missing field `method`\",\"id\":7}"},
    };
    struct exchange e = {.clock.fixed_ms = INT64_C(1795470030000)};
    exchange_open(&e, (struct simserver_options){0});
    struct listener_client c;
    client_dial(&c, &e, "/binance/ws");
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        client_say(&c, cases[i][0]);
        client_hear(&c, i + 1);
        json_t *expected = json_loads(cases[i][1], 0, NULL);
        if (!json_equal(expected, client_message(&c, i)))
            fail_msg("%s: %s", cases[i][0], json_dumps(client_message(&c, i), 0));
        json_decref(expected);
        e.clock.fixed_ms += 1000; /* at most five messages a second are taken */
    }
    client_say(&c, "{\"method\":");
    client_hear(&c, 10);
    assert_int_equal(json_integer_value(json_object_get(client_message(&c, 9), "code")), 3);
    for (int i = 0; i < 5; i++) client_say(&c, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}");
    client_await_close(&c);
    assert_int_equal(c.code, WS_CODE_POLICY);
    client_hang_up(&c);
    exchange_close(&e);
}

static void test_simserver__connections_end_after_their_day(void **state)
{
    (void)state;
    struct exchange e = {0};
    struct listener_client c, silent;
    exchange_open(&e, (struct simserver_options){.limits.connection_life_ms = 300});
    client_dial(&c, &e, "/binance/ws/btcusdt@trade");
    client_await_close(&c);
    assert_int_equal(c.code, WS_CODE_GOING_AWAY);
    client_hang_up(&c);
    client_dial(&silent, &e, "/binance/ws-api/v3");
    client_await_close(&silent);
    assert_int_equal(silent.code, WS_CODE_GOING_AWAY);
    client_hang_up(&silent);
    exchange_close(&e);
}

static void test_simserver__a_pong_unasked_keeps_nobody_alive(void **state)
{
    (void)state;
    struct ws_life life = ws_life_begin(1000);
    ws_life_on_pong(&life, SLICE("x"), 5000);
    assert_int_equal(life.heard_ms, 1000);
    ws_life_on_pong(&life, SLICE("1000"), 5000); /* a pong carries what its ping did */
    assert_int_equal(life.heard_ms, 5000);
}

static void subscribe_user(struct listener_client *c)
{
    char text[512], payload[256], hex[65];
    const long long now_ms = (long long)exchange_now(c->exchange);
    snprintf(payload, sizeof payload, "apiKey=%s&timestamp=%lld", c->exchange->info.api_key,
             now_ms);
    exchange_sign(c->exchange, payload, hex);
    snprintf(text, sizeof text,
             "{\"id\":1,\"method\":\"userDataStream.subscribe.signature\",\"params\":{\"apiKey\":"
             "\"%s\",\"timestamp\":%lld,\"signature\":\"%s\"}}",
             c->exchange->info.api_key, now_ms, hex);
    client_say(c, text);
    client_hear(c, 1);
    assert_int_equal(json_integer_value(json_object_get(client_message(c, 0), "status")), 200);
}

static const char *event_text(const struct listener_client *c, size_t index, const char *name)
{
    const json_t *event = json_object_get(client_message(c, index), "event");
    const char *text = json_string_value(json_object_get(event, name));
    return text ? text : "";
}

static void test_simserver__user_events_come_in_order(void **state)
{
    (void)state;
    static const char *const expected[][2] = {
        {"executionReport", "NEW"},      {"outboundAccountPosition", ""},
        {"executionReport", "TRADE"},    {"outboundAccountPosition", ""},
        {"executionReport", "NEW"},      {"outboundAccountPosition", ""},
        {"executionReport", "CANCELED"}, {"outboundAccountPosition", ""},
    };
    /* The clock stands still, so nobody else trades. */
    struct exchange e = {.clock.fixed_ms = INT64_C(1795470030000)};
    struct listener_client c;
    exchange_open(&e, (struct simserver_options){0});
    client_dial(&c, &e, "/binance/ws-api/v3");
    subscribe_user(&c);
    assert_int_equal(exchange_signed(&e, "POST", "order",
                                     "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.00100"),
                     200);
    assert_int_equal(exchange_signed(&e, "POST", "order",
                                     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&"
                                     "quantity=0.01&price=50000&newClientOrderId=one"),
                     200);
    assert_int_equal(exchange_signed(&e, "DELETE", "order",
                                     "symbol=BTCUSDT&origClientOrderId=one&newClientOrderId=two"),
                     200);
    client_hear(&c, 9);
    for (unsigned i = 0; i < 8; i++) {
        assert_string_equal(event_text(&c, i + 1, "e"), expected[i][0]);
        assert_string_equal(event_text(&c, i + 1, "x"), expected[i][1]);
    }
    assert_string_equal(event_text(&c, 7, "c"), "two");
    assert_string_equal(event_text(&c, 7, "C"), "one");
    client_hang_up(&c);
    exchange_close(&e);
}

static void test_simserver__api_refuses_with_codes(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int code;
    } cases[] = {
        {"{\"id\":1,\"method\":\"ping\"}", 0},
        {"{\"id\":\"x\",\"method\":\"depth\",\"params\":{\"symbol\":\"BTCUSDT\",\"limit\":5}}", 0},
        {"{\"id\":1,\"method\":\"klines\",\"params\":{\"symbol\":\"BTCUSDT\",\"interval\":\"1m\"}}",
         0},
        {"{\"id\":1,\"method\":\"exchangeInfo\",\"params\":{\"symbols\":[\"BTCUSDT\"]}}", 0},
        {"{\"id\":1,\"method\":\"nonsense\"}", -1020},
        {"{\"id\":1,", -1135},
        {"[]", -1135},
        {"{\"id\":[1],\"method\":\"ping\"}", -1135},
        {"{\"id\":1,\"method\":\"depth\",\"params\":[]}", -1135},
        {"{\"id\":1,\"method\":\"depth\",\"params\":{\"symbol\":\"X\"}}", -1121},
        {"{\"id\":1,\"method\":\"account.status\"}", -2014},
        {"{\"id\":1,\"method\":\"account.status\",\"params\":{\"apiKey\":\"nobody\"}}", -2015},
        {"{\"id\":1,\"method\":\"userDataStream.subscribe\"}", -1193},
        {"{\"id\":1,\"method\":\"userDataStream.unsubscribe\"}", -2036},
    };
    struct exchange e = {0};
    struct listener_client c;
    exchange_open(&e, (struct simserver_options){0});
    client_dial(&c, &e, "/binance/ws-api/v3");
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        client_say(&c, cases[i].request);
        client_hear(&c, i + 1);
        const json_t *error = json_object_get(client_message(&c, i), "error");
        if (json_integer_value(json_object_get(error, "code")) != cases[i].code)
            fail_msg("%s: %s", cases[i].request, json_dumps(client_message(&c, i), 0));
    }
    client_hang_up(&c);
    exchange_close(&e);
}

static void say_at(struct listener_client *c, const char *method, const char *params)
{
    char text[512];
    snprintf(text, sizeof text, "{\"id\":1,\"method\":\"%s\",\"params\":{%s\"timestamp\":%lld}}",
             method, params, (long long)exchange_now(c->exchange));
    client_say(c, text);
}

static void test_simserver__a_session_logged_on_need_not_sign(void **state)
{
    (void)state;
    unsigned char public_key[32], secret_key[64], seed[32] = {1}, signature[64];
    char text[128], params[256], base64[96];
    assert_true(sodium_init() >= 0);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    struct exchange e = {.clock.fixed_ms = INT64_C(1795470030000)};
    struct listener_client c;
    exchange_open(&e, (struct simserver_options){.ed25519_public_key = public_key});
    client_dial(&c, &e, "/binance/ws-api/v3?returnRateLimits=false");
    snprintf(text, sizeof text, "apiKey=ed25519-test&timestamp=%lld", (long long)e.clock.fixed_ms);
    crypto_sign_detached(signature, NULL, (const unsigned char *)text, strlen(text), secret_key);
    sodium_bin2base64(base64, sizeof base64, signature, 64, sodium_base64_VARIANT_ORIGINAL);
    snprintf(params, sizeof params, "\"apiKey\":\"ed25519-test\",\"signature\":\"%s\",", base64);
    say_at(&c, "session.logon", params);
    client_hear(&c, 1);
    json_t *result = json_object_get(client_message(&c, 0), "result");
    assert_string_equal(json_string_value(json_object_get(result, "apiKey")), "ed25519-test");
    assert_null(json_object_get(client_message(&c, 0), "rateLimits"));

    client_say(&c, "{\"id\":2,\"method\":\"userDataStream.subscribe\"}");
    client_hear(&c, 2);
    assert_int_equal(json_integer_value(json_object_get(client_message(&c, 1), "status")), 200);
    say_at(&c, "order.place",
           "\"symbol\":\"BTCUSDT\",\"side\":\"SELL\",\"type\":\"MARKET\","
           "\"quantity\":\"0.00100\",");
    client_hear(&c, 7); /* four events, then the answer */
    result = json_object_get(client_message(&c, 6), "result");
    assert_string_equal(json_string_value(json_object_get(result, "status")), "FILLED");

    client_say(&c, "{\"id\":3,\"method\":\"session.logout\"}");
    client_hear(&c, 9);
    assert_string_equal(event_text(&c, 7, "e"), "eventStreamTerminated");
    say_at(&c, "account.status", "");
    client_hear(&c, 10);
    assert_int_equal(json_integer_value(json_object_get(client_message(&c, 9), "status")), 401);
    client_hang_up(&c);
    exchange_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simserver__deltas_over_a_snapshot_make_the_same_book),
        cmocka_unit_test(test_simserver__streams_carry_their_frames),
        cmocka_unit_test(test_simserver__a_closed_kline_comes_once_and_equals_rest),
        cmocka_unit_test(test_simserver__control_messages_are_answered),
        cmocka_unit_test(test_simserver__connections_end_after_their_day),
        cmocka_unit_test(test_simserver__a_pong_unasked_keeps_nobody_alive),
        cmocka_unit_test(test_simserver__user_events_come_in_order),
        cmocka_unit_test(test_simserver__api_refuses_with_codes),
        cmocka_unit_test(test_simserver__a_session_logged_on_need_not_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
