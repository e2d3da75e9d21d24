/* Orders against a scripted venue: what every outcome proves,
 * and what is asked until there is proof. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/feed/gateway.h"
#include "io/feed/venue_script.h"
#include "io/net/net_fixture.h"

enum { ORDER = 40, INDEX = 6 };

struct desk {
    uv_loop_t loop;
    struct venue_script venue;
    struct binance_key key;
    struct venue_rest *rest;
    struct gateway *gateway;
    struct buffer
        log; /* "fill 56\n", "accept\n", "reject venue_rejected -2010\n", "up\n", "down\n" */
    unsigned told;
    unsigned close_at;
    struct fill last_fill;
    uint64_t venue_order_id;
};

static void told(struct desk *d)
{
    if (++d->told != d->close_at) return;
    gateway_close(d->gateway);
    d->gateway = NULL;
}

static void on_event(void *user, struct event *event)
{
    struct desk *d = user;
    assert_non_null(d->gateway);
    assert_int_equal(event->instrument, INDEX);
    if (event->kind == EVENT_FILL) {
        d->last_fill = event->fill;
        assert_int_equal(event->fill.order_id, ORDER);
        buffer_printf(&d->log, "fill %llu\n", (unsigned long long)event->fill.venue_trade_id);
    } else {
        assert_int_equal(event->kind, EVENT_ORDER);
        assert_int_equal(event->order.order_id, ORDER);
        if (event->order.venue_order_id) d->venue_order_id = event->order.venue_order_id;
        buffer_append_text(&d->log, order_input_name((enum order_input)event->order.input));
        if (event->order.reason)
            buffer_printf(&d->log, " %s",
                          order_reason_name((enum order_reason)event->order.reason));
        if (event->order.venue_code) buffer_printf(&d->log, " %d", event->order.venue_code);
        buffer_append_char(&d->log, '\n');
    }
    told(d);
}

static void on_stream(void *user, bool up, const char *reason)
{
    struct desk *d = user;
    assert_non_null(d->gateway);
    assert_true(up || reason[0] != '\0');
    buffer_append_text(&d->log, up ? "up\n" : "down\n");
    told(d);
}

static void on_external(void *user, uint16_t instrument, const struct fill *fill)
{
    struct desk *d = user;
    assert_int_equal(instrument, INDEX);
    buffer_printf(&d->log, "external %llu\n", (unsigned long long)fill->venue_trade_id);
    told(d);
}

static void desk_init(struct desk *d, uint32_t silence_ms)
{
    *d = (struct desk){0};
    assert_int_equal(uv_loop_init(&d->loop), 0);
    script_init(&d->venue, &d->loop, 0);
    assert_int_equal(binance_key_init_hmac(&d->key, SLICE("tradebot-test-key"),
                                           SLICE("tradebot-test-secret")),
                     OK);
    const struct venue_rest_options rest = {
        .url = d->venue.rest_url, .clock = &clock_system, .key = &d->key};
    assert_int_equal(venue_rest_open(&d->loop, &rest, &d->rest), OK);
    const struct gateway_options options = {
        .ws_api_url = d->venue.ws_api_url,
        .rest = d->rest,
        .install = "abcd1234",
        .reconnect_first_ms = 1,
        .reconnect_last_ms = 20,
        .silence_ms = silence_ms,
        .sink = {.on_event = on_event, .on_stream = on_stream, .on_external = on_external},
        .user = d,
    };
    assert_int_equal(gateway_open(&d->loop, &options, &d->gateway), OK);
    const struct instrument rules = script_instrument(INDEX);
    assert_int_equal(gateway_add_instrument(d->gateway, &rules), OK);
    assert_int_equal(gateway_add_instrument(d->gateway, &rules), OK);
}

static void desk_deinit(struct desk *d)
{
    gateway_close(d->gateway);
    d->gateway = NULL;
    venue_rest_close(d->rest);
    script_deinit(&d->venue);
    loop_finish(&d->loop);
    binance_key_deinit(&d->key);
    buffer_deinit(&d->log);
}

struct expected {
    const struct desk *desk;
    size_t size;
};

static bool is_logged(const void *data)
{
    const struct expected *e = data;
    return e->desk->log.size >= e->size;
}

static void expect(struct desk *d, const char *log)
{
    run_until(&d->loop, is_logged, &(struct expected){d, strlen(log)});
    buffer_append_char(&d->log, '\0');
    assert_string_equal(d->log.data, log);
    buffer_clear(&d->log);
}

static void desk_open(struct desk *d)
{
    desk_init(d, 0);
    expect(d, "up\n");
    assert_true(gateway_is_ready(d->gateway));
}

static const struct order order = {.id = ORDER,
                                   .instrument = INDEX,
                                   .side = SIDE_SELL,
                                   .type = ORDER_TYPE_MARKET,
                                   .purpose = PURPOSE_EXIT,
                                   .state = ORDER_SENT,
                                   .qty = {1000000}};

static void client_id(char out[CLIENT_ID_SIZE])
{
    client_id_write("abcd1234", ORDER, out);
}

static void place(struct desk *d)
{
    char body[GATEWAY_BODY_SIZE], id[CLIENT_ID_SIZE];
    const struct instrument rules = script_instrument(INDEX);
    client_id(id);
    gateway_body(&rules, &order, id, body);
    gateway_place(d->gateway, &order, body);
}

/* An order answer; fills is its JSON. */
static const char *answer(const char *status, const char *executed, const char *fills)
{
    static char text[2048];
    char id[CLIENT_ID_SIZE];
    client_id(id);
    snprintf(text, sizeof text,
             "{\"symbol\":\"BTCUSDT\",\"orderId\":28,\"orderListId\":-1,\"clientOrderId\":\"%s\","
             "\"transactTime\":1507725176595,\"price\":\"0.0\",\"origQty\":\"10.0\","
             "\"executedQty\":\"%s\",\"cummulativeQuoteQty\":\"1.0\",\"status\":\"%s\","
             "\"timeInForce\":\"GTC\",\"type\":\"MARKET\",\"side\":\"SELL\"%s%s}",
             id, executed, status, fills[0] ? ",\"fills\":" : "", fills);
    return text;
}

#define FILL(id, qty)                                                                              \
    "{\"price\":\"4000.0\",\"qty\":\"" qty "\",\"commission\":\"4.0\",\"commissionAsset\":"        \
    "\"USDT\",\"tradeId\":" id "}"
#define TRADE(id, qty)                                                                             \
    "{\"symbol\":\"BTCUSDT\",\"id\":" id ",\"orderId\":28,\"orderListId\":-1,\"price\":"           \
    "\"4000.0\",\"qty\":\"" qty "\",\"quoteQty\":\"1.0\",\"commission\":\"4.0\","                  \
    "\"commissionAsset\":\"USDT\",\"time\":1507725176595,\"isBuyer\":false,\"isMaker\":false,"     \
    "\"isBestMatch\":true}"

static void test_gateway__every_outcome_tells_what_it_proves(void **state)
{
    (void)state;
    static const struct {
        enum script_manner manner;
        int status;
        const char *body; /* NULL: `order_status` */
        const char *order_status, *executed, *fills;
        const char *log;
    } rows[] = {
        {SCRIPT_ANSWER, 200, NULL, "FILLED", "10.0",
         "[" FILL("56", "1.0") "," FILL("57", "9.0") "]", "fill 56\nfill 57\naccept\n"},
        {SCRIPT_ANSWER, 200, NULL, "NEW", "0.0", "[]", "accept\n"},
        {SCRIPT_ANSWER, 200, NULL, "EXPIRED", "1.0", "[" FILL("56", "1.0") "]",
         "fill 56\nexpired\n"},
        {SCRIPT_ANSWER, 200, NULL, "EXPIRED", "0.0", "[]", "expired\n"},
        {SCRIPT_ANSWER, 400, "{\"code\":-2010,\"msg\":\"Account has insufficient balance.\"}", "",
         "", "", "reject insufficient_balance -2010\n"},
        {SCRIPT_ANSWER, 400, "{\"code\":-1013,\"msg\":\"Filter failure: LOT_SIZE\"}", "", "", "",
         "reject filter_failed -1013\n"},
        {SCRIPT_ANSWER, 400, "{\"code\":-2010,\"msg\":\"Duplicate order sent.\"}", "", "", "",
         "no_answer no_answer -2010\n"},
        {SCRIPT_ANSWER, 400, "{\"code\":-1021,\"msg\":\"Timestamp\"}", "", "", "",
         "no_answer no_answer -1021\n"},
        {SCRIPT_ANSWER, 429, "{\"code\":-1015,\"msg\":\"Too many new orders\"}", "", "", "",
         "reject rate_limited -1015\n"},
        {SCRIPT_ANSWER, 403, "<html>", "", "", "", "no_answer no_answer\n"},
        {SCRIPT_ANSWER, 500, "{\"code\":-1000,\"msg\":\"?\"}", "", "", "",
         "no_answer no_answer -1000\n"},
        {SCRIPT_ANSWER, 503, "", "", "", "", "no_answer no_answer\n"},
        {SCRIPT_ANSWER, 200, "{\"truncated\":", "", "", "", "no_answer no_answer\n"},
        {SCRIPT_CUT, 0, "", "", "", "", "no_answer no_answer\n"},
        {SCRIPT_HALF, 0, "", "", "", "", "no_answer no_answer\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk d;
        desk_open(&d);
        const char *body = rows[i].body
                               ? rows[i].body
                               : answer(rows[i].order_status, rows[i].executed, rows[i].fills);
        script_answer_with(&d.venue, &(struct script_answer){.route = "POST /api/v3/order",
                                                             .manner = rows[i].manner,
                                                             .status = rows[i].status,
                                                             .body = (char *)body});
        place(&d);
        assert_int_equal(d.log.size, 0);
        expect(&d, rows[i].log);
        assert_int_equal(script_count(&d.venue, "POST /api/v3/order"), 1);
        if (rows[i].order_status[0]) assert_int_equal(d.venue_order_id, 28);
        desk_deinit(&d);
    }
}

static void test_gateway__request_is_signed_over_the_frozen_body(void **state)
{
    (void)state;
    struct desk d;
    char id[CLIENT_ID_SIZE], wanted[512], signature[BINANCE_SIGNATURE_SIZE];
    desk_open(&d);
    script_answer(&d.venue, "POST /api/v3/order", 200, answer("NEW", "0.0", "[]"));
    place(&d);
    expect(&d, "accept\n");
    const char *asked =
        script_last(&d.venue, "POST /api/v3/order ") + strlen("POST /api/v3/order ");
    client_id(id);
    snprintf(wanted, sizeof wanted,
             "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=10&newClientOrderId=%s"
             "&newOrderRespType=FULL&recvWindow=5000&timestamp=",
             id);
    assert_memory_equal(asked, wanted, strlen(wanted));
    const long long timestamp = atoll(asked + strlen(wanted));
    const long long off = timestamp - clock_wall_ms(&clock_system);
    assert_true(off > -2000 && off < 1000);
    const char *signed_part = strstr(asked, "&signature=");
    assert_non_null(signed_part);
    assert_int_equal(
        binance_sign(&d.key, (struct slice){asked, (size_t)(signed_part - asked)}, signature), OK);
    assert_string_equal(signed_part + strlen("&signature="), signature);
    desk_deinit(&d);
}

static void test_gateway__nothing_leaves_while_banned(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    script_answer_with(&d.venue,
                       &(struct script_answer){
                           .route = "POST /api/v3/order",
                           .status = 429,
                           .headers = {{"Retry-After", "600"}},
                           .body = (char *)"{\"code\":-1003,\"msg\":\"Too much request weight\"}"});
    place(&d);
    expect(&d, "reject rate_limited -1003\n");
    const unsigned asked = d.venue.asked_count;
    place(&d);
    gateway_query(d.gateway, &order);
    /* The order waits its second in line, then it is proved that it never left. */
    expect(&d, "proved_absent not_sent\n");
    assert_int_equal(d.venue.asked_count, asked);
    desk_deinit(&d);
}

static void test_gateway__refused_connection_is_proved_unsent(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    script_deinit(&d.venue);
    /* Connections that were kept are gone as soon as the loop sees it. */
    expect(&d, "down\n");
    place(&d);
    expect(&d, "proved_absent not_sent\n");
    script_init(&d.venue, &d.loop, 0);
    desk_deinit(&d);
}

static void test_gateway__more_fills_than_told_are_asked_for(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    script_answer(&d.venue, "POST /api/v3/order", 200,
                  answer("EXPIRED", "2.0", "[" FILL("56", "1.0") "]"));
    script_answer(&d.venue, "GET /api/v3/order", 200, answer("EXPIRED", "2.0", ""));
    script_answer(&d.venue, "GET /api/v3/myTrades", 200,
                  "[" TRADE("56", "1.0") "," TRADE("58", "1.0") "]");
    place(&d);
    expect(&d, "fill 56\naccept\nfill 56\nfill 58\nexpired\n");
    desk_deinit(&d);
}

static void test_gateway__query_tells_fills_before_the_state(void **state)
{
    (void)state;
    static const struct {
        const char *status, *executed, *trades, *log;
    } rows[] = {
        {"NEW", "0.0", NULL, "accept\n"},
        {"CANCELED", "0.0", NULL, "canceled\n"},
        {"REJECTED", "0.0", NULL, "reject venue_rejected\n"},
        {"FILLED", "2.0", "[" TRADE("7", "1.5") "," TRADE("8", "0.5") "]",
         "fill 7\nfill 8\naccept\n"},
        {"CANCELED", "1.5", "[" TRADE("7", "1.5") "]", "fill 7\ncanceled\n"},
        /* The venue shows the end before all trades: it is not told yet. */
        {"CANCELED", "2.0", "[" TRADE("7", "1.5") "]", "fill 7\naccept\n"},
        {"FILLED", "2.0", "[]", "accept\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk d;
        desk_open(&d);
        script_answer(&d.venue, "GET /api/v3/order", 200,
                      answer(rows[i].status, rows[i].executed, ""));
        if (rows[i].trades) script_answer(&d.venue, "GET /api/v3/myTrades", 200, rows[i].trades);
        gateway_query(d.gateway, &order);
        gateway_query(d.gateway, &order);
        expect(&d, rows[i].log);
        assert_int_equal(script_count(&d.venue, "GET /api/v3/order"), 1);
        desk_deinit(&d);
    }
}

/* Runs until the venue was asked `count` times for it, and the answer was taken in. */
static void settle(struct desk *d, const char *route, unsigned count)
{
    while (script_count(&d->venue, route) < count) uv_run(&d->loop, UV_RUN_ONCE);
    const unsigned asked = script_count(&d->venue, "GET /api/v3/time");
    venue_rest_clock_doubt(d->rest);
    while (script_count(&d->venue, "GET /api/v3/time") < asked + 3) uv_run(&d->loop, UV_RUN_ONCE);
}

static void test_gateway__a_query_that_fails_tells_nothing(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    script_answer(&d.venue, "GET /api/v3/order", 500, "");
    gateway_query(d.gateway, &order);
    settle(&d, "GET /api/v3/order", 1);
    script_answer(&d.venue, "GET /api/v3/order", 200, answer("FILLED", "2.0", ""));
    script_answer(&d.venue, "GET /api/v3/myTrades", 502, "");
    gateway_query(d.gateway, &order);
    settle(&d, "GET /api/v3/myTrades", 1);
    assert_int_equal(d.log.size, 0);
    /* And it may be asked again. */
    script_answer(&d.venue, "GET /api/v3/order", 200, answer("NEW", "0.0", ""));
    gateway_query(d.gateway, &order);
    expect(&d, "accept\n");
    desk_deinit(&d);
}

#define ABSENT "{\"code\":-2013,\"msg\":\"Order does not exist.\"}"

/* Absence is believed only from a query that left after recvWindow and margin; the wait is real. */
static void test_gateway__absence_is_proved_only_after_the_lag(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    script_always(&d.venue, "GET /api/v3/order", 400, ABSENT);
    script_answer_with(&d.venue, &(struct script_answer){.route = "POST /api/v3/order",
                                                         .manner = SCRIPT_CUT});
    place(&d);
    expect(&d, "no_answer no_answer\n");
    const uint64_t start = uv_now(&d.loop);
    struct order asked = order;
    asked.state = ORDER_UNKNOWN;
    while (d.log.size == 0) {
        const unsigned before = script_count(&d.venue, "GET /api/v3/order");
        gateway_query(d.gateway, &asked);
        settle(&d, "GET /api/v3/order", before + 1);
        assert_true(uv_now(&d.loop) - start < 9000);
        uv_sleep(250); /* the lag itself is what is waited for; asking costs weight */
    }
    assert_true(uv_now(&d.loop) - start + 100 > BINANCE_RECV_WINDOW_MS + GATEWAY_ABSENCE_MARGIN_MS);
    expect(&d, "proved_absent never_accepted\n");

    /* An order that the venue has shown is never absent, however often it says so. */
    asked.venue_order_id = 28;
    gateway_query(d.gateway, &asked);
    settle(&d, "GET /api/v3/order", script_count(&d.venue, "GET /api/v3/order") + 1);
    asked.venue_order_id = 0;
    asked.state = ORDER_OPEN;
    gateway_query(d.gateway, &asked);
    settle(&d, "GET /api/v3/order", script_count(&d.venue, "GET /api/v3/order") + 1);
    /* One that was created a moment ago by the venue's clock may be on its way. */
    asked.state = ORDER_UNKNOWN;
    asked.created_ms = venue_rest_now_ms(d.rest);
    gateway_query(d.gateway, &asked);
    settle(&d, "GET /api/v3/order", script_count(&d.venue, "GET /api/v3/order") + 1);
    assert_int_equal(d.log.size, 0);
    desk_deinit(&d);
}

static void send_quantity(struct desk *d, const char *id, const char *execution, const char *status,
                          int trade, const char *quantity)
{
    script_send_user(
        &d->venue,
        "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",\"E\":1700000000123,\"s\":"
        "\"BTCUSDT\",\"c\":\"%s\",\"S\":\"SELL\",\"o\":\"MARKET\",\"f\":\"GTC\",\"q\":\"10.0\","
        "\"p\":\"0.0\",\"P\":\"0.0\",\"F\":\"0.0\",\"g\":-1,\"C\":\"\",\"x\":\"%s\",\"X\":\"%s\","
        "\"r\":\"NONE\",\"i\":28,\"l\":\"%s\",\"z\":\"1.0\",\"L\":\"4000.0\",\"n\":\"4.0\",\"N\":"
        "\"USDT\",\"T\":1700000000120,\"t\":%d,\"I\":1,\"w\":true,\"m\":false,\"M\":false,\"O\":1,"
        "\"Z\":\"1.0\",\"Y\":\"1.0\",\"Q\":\"0.0\",\"W\":1,\"V\":\"NONE\"}}",
        id, execution, status, quantity, trade);
}

static void send_report(struct desk *d, const char *id, const char *execution, const char *status,
                        int trade)
{
    send_quantity(d, id, execution, status, trade, trade >= 0 ? "1.0" : "0.0");
}

static void test_gateway__user_stream_tells_in_any_order(void **state)
{
    (void)state;
    struct desk d;
    char id[CLIENT_ID_SIZE];
    client_id(id);
    desk_open(&d);
    script_answer_with(&d.venue, &(struct script_answer){.route = "POST /api/v3/order",
                                                         .manner = SCRIPT_HANG});
    place(&d);
    while (d.venue.held_count == 0) uv_run(&d.loop, UV_RUN_ONCE);
    send_report(&d, id, "TRADE", "PARTIALLY_FILLED", 56);
    send_report(&d, id, "TRADE", "PARTIALLY_FILLED", 56);
    send_report(&d, id, "NEW", "NEW", -1);
    expect(&d, "fill 56\nfill 56\naccept\n");
    assert_int_equal(d.last_fill.qty.units, 100000);
    assert_int_equal(d.last_fill.price.units, 400000);
    assert_string_equal(d.last_fill.fee_asset, "USDT");
    http_reply_text(d.venue.held[--d.venue.held_count], 200, "application/json",
                    slice_of(answer("PARTIALLY_FILLED", "1.0", "[" FILL("56", "1.0") "]")));
    expect(&d, "fill 56\naccept\n");
    send_report(&d, "somebody-else", "TRADE", "FILLED", 57);
    send_report(&d, "somebody-else", "NEW", "NEW", -1);
    send_report(&d, "tb-other567-1", "TRADE", "FILLED", 58);
    send_report(&d, id, "CANCELED", "CANCELED", -1);
    expect(&d, "external 57\nexternal 58\ncanceled\n");
    desk_deinit(&d);
}

/* ---- fills finer than the instrument's scale ---- */

/* Such an order must not be asked about for ever: it ends, and a person is told. */
static void test_gateway__fill_finer_than_the_scale_ends_the_order(void **state)
{
    (void)state;
    static const struct {
        const char *status, *executed, *trades, *log;
        int64_t last_qty;
    } rows[] = {
        {"FILLED", "10.0", "[" TRADE("7", "9.9999951") "," TRADE("8", "0.0000049") "]",
         "fill 7\nexpired fill_rounded\n", 999999},
        {"FILLED", "10.0", "[" TRADE("7", "4.000005") "," TRADE("8", "5.999995") "]",
         "fill 7\nfill 8\nexpired fill_rounded\n", 599999},
        {"EXPIRED", "0.0000049", "[" TRADE("7", "0.0000049") "]", "expired fill_rounded\n", 0},
        {"EXPIRED", "1.000004", "[" TRADE("7", "1.000004") "]", "fill 7\nexpired fill_rounded\n",
         100000},
        /* It may trade on, or not all of it is shown yet: the person is told, the end is not. */
        {"PARTIALLY_FILLED", "1.000004", "[" TRADE("7", "1.000004") "]",
         "fill 7\naccept fill_rounded\n", 100000},
        {"FILLED", "10.0", "[" TRADE("7", "1.000004") "]", "fill 7\naccept fill_rounded\n", 100000},
        {"FILLED", "1.000004", "[" TRADE("7", "1.0") "]", "fill 7\naccept\n", 100000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct desk d;
        desk_open(&d);
        script_answer(&d.venue, "GET /api/v3/order", 200,
                      answer(rows[i].status, rows[i].executed, ""));
        script_answer(&d.venue, "GET /api/v3/myTrades", 200, rows[i].trades);
        gateway_query(d.gateway, &order);
        expect(&d, rows[i].log);
        assert_int_equal(d.last_fill.qty.units, rows[i].last_qty);
        desk_deinit(&d);
    }
}

static void test_gateway__answer_with_a_finer_fill_is_an_answer(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    script_answer(&d.venue, "POST /api/v3/order", 200,
                  answer("FILLED", "10.0",
                         "[" FILL("56", "4.000005") "," FILL("57", "5.999995") "]"));
    place(&d);
    expect(&d, "fill 56\nfill 57\nexpired fill_rounded\n");
    desk_deinit(&d);
}

static void test_gateway__stream_with_a_finer_fill_stays_up(void **state)
{
    (void)state;
    struct desk d;
    char id[CLIENT_ID_SIZE];
    client_id(id);
    desk_open(&d);
    send_quantity(&d, id, "TRADE", "PARTIALLY_FILLED", 56, "1.0000049");
    expect(&d, "fill 56\naccept fill_rounded\n");
    assert_int_equal(d.last_fill.qty.units, 100000);
    send_quantity(&d, id, "TRADE", "PARTIALLY_FILLED", 57, "0.0000049");
    expect(&d, "accept fill_rounded\n");
    send_quantity(&d, id, "TRADE", "FILLED", 58, "0.0000049");
    expect(&d, "expired fill_rounded\n");
    assert_true(gateway_is_ready(d.gateway));
    desk_deinit(&d);
}

static void test_gateway__stream_comes_back_with_a_fresh_signature(void **state)
{
    (void)state;
    struct desk d;
    desk_open(&d);
    for (unsigned i = 0; i < 3; i++) {
        buffer_clear(&d.venue.heard_user);
        if (i == 0)
            script_cut_user(&d.venue);
        else if (i == 1)
            script_send_user(&d.venue, "{\"subscriptionId\":0,\"event\":{\"e\":"
                                       "\"eventStreamTerminated\",\"E\":1}}");
        else
            script_send_user(&d.venue,
                             "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\"");
        expect(&d, "down\nup\n");
        assert_int_equal(d.venue.user_count, i + 2);
        buffer_append_char(&d.venue.heard_user, '\0');
        const char *at = strstr(d.venue.heard_user.data, "\"timestamp\":");
        assert_non_null(at);
        const long long off = atoll(at + strlen("\"timestamp\":")) - clock_wall_ms(&clock_system);
        assert_true(off > -2000 && off < 1000);
        assert_non_null(strstr(d.venue.heard_user.data, "userDataStream.subscribe.signature"));
    }
    desk_deinit(&d);
}

static void test_gateway__refused_subscription_is_tried_again(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d, 0);
    d.venue.refuses_user = true;
    while (d.venue.user_count < 4) uv_run(&d.loop, UV_RUN_ONCE);
    assert_false(gateway_is_ready(d.gateway));
    d.venue.refuses_user = false;
    expect(&d, "up\n");
    desk_deinit(&d);
}

static void test_gateway__quiet_stream_is_pinged_and_kept(void **state)
{
    (void)state;
    struct desk d;
    desk_init(&d, 400);
    expect(&d, "up\n");
    while (d.venue.ping_count < 3) uv_run(&d.loop, UV_RUN_ONCE);
    assert_int_equal(d.venue.user_count, 1);
    desk_deinit(&d);
}

static void test_gateway__may_be_closed_inside_any_event(void **state)
{
    (void)state;
    for (unsigned at = 1; at <= 6; at++) {
        struct desk d;
        desk_init(&d, 0);
        d.close_at = at;
        script_answer(&d.venue, "POST /api/v3/order", 200,
                      answer("EXPIRED", "2.0", "[" FILL("56", "1.0") "]"));
        script_always(&d.venue, "GET /api/v3/order", 200, answer("EXPIRED", "2.0", ""));
        script_always(&d.venue, "GET /api/v3/myTrades", 200,
                      "[" TRADE("56", "1.0") "," TRADE("58", "1.0") "]");
        /* up, fill, accept, fill, fill, expired */
        while (d.told < 1) uv_run(&d.loop, UV_RUN_ONCE);
        if (d.gateway) place(&d);
        while (d.gateway) uv_run(&d.loop, UV_RUN_ONCE);
        assert_int_equal(d.told, at);
        desk_deinit(&d);
    }
}

int main(void)
{
    log_level_set(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gateway__every_outcome_tells_what_it_proves),
        cmocka_unit_test(test_gateway__request_is_signed_over_the_frozen_body),
        cmocka_unit_test(test_gateway__nothing_leaves_while_banned),
        cmocka_unit_test(test_gateway__refused_connection_is_proved_unsent),
        cmocka_unit_test(test_gateway__more_fills_than_told_are_asked_for),
        cmocka_unit_test(test_gateway__query_tells_fills_before_the_state),
        cmocka_unit_test(test_gateway__a_query_that_fails_tells_nothing),
        cmocka_unit_test(test_gateway__absence_is_proved_only_after_the_lag),
        cmocka_unit_test(test_gateway__user_stream_tells_in_any_order),
        cmocka_unit_test(test_gateway__fill_finer_than_the_scale_ends_the_order),
        cmocka_unit_test(test_gateway__answer_with_a_finer_fill_is_an_answer),
        cmocka_unit_test(test_gateway__stream_with_a_finer_fill_stays_up),
        cmocka_unit_test(test_gateway__stream_comes_back_with_a_fresh_signature),
        cmocka_unit_test(test_gateway__refused_subscription_is_tried_again),
        cmocka_unit_test(test_gateway__quiet_stream_is_pinged_and_kept),
        cmocka_unit_test(test_gateway__may_be_closed_inside_any_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
