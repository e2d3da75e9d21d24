/* The simulated exchange over REST: answers, refusals, signing, limits, saving. */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Half past a minute, so that no window turns while a test runs. */
#define FIXED_MS INT64_C(1795470030000)

static void test_simserver__public_endpoints_answer(void **state)
{
    (void)state;
    static const struct {
        const char *path, *has;
    } cases[] = {
        {"ping", "{}"},
        {"time", "{\"serverTime\":"},
        {"exchangeInfo", "\"symbol\":\"BTCUSDT\",\"status\":\"TRADING\""},
        {"exchangeInfo?symbol=ETHUSDT", "\"filterType\":\"NOTIONAL\""},
        {"exchangeInfo?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D", "\"symbol\":\"ETHUSDT\""},
        {"depth?symbol=BTCUSDT&limit=5", "{\"lastUpdateId\":"},
        {"trades?symbol=BTCUSDT", "["},
        {"historicalTrades?symbol=BTCUSDT&limit=1", "["},
        {"aggTrades?symbol=BTCUSDT", "["},
        {"klines?symbol=BTCUSDT&interval=1m&limit=2", "[[179"},
        {"klines?symbol=BTCUSDT&interval=1h&startTime=1700000000000&limit=1", "[[1700002800000,"},
        {"uiKlines?symbol=BTCUSDT&interval=1d&limit=1", "[[179"},
        {"avgPrice?symbol=BTCUSDT", "{\"mins\":5,\"price\":\""},
        {"ticker/24hr?symbol=BTCUSDT", "\"weightedAvgPrice\":"},
        {"ticker/24hr?symbol=BTCUSDT&type=MINI", "{\"symbol\":\"BTCUSDT\",\"lastPrice\":"},
        {"ticker/24hr", "[{\"symbol\":"},
        {"ticker/price?symbol=BTCUSDT", "{\"symbol\":\"BTCUSDT\",\"price\":\""},
        {"ticker/bookTicker", "\"askQty\":"},
    };
    struct exchange e = {0};
    exchange_open(&e, (struct simserver_options){0});
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (exchange_get(&e, cases[i].path) != 200 || !strstr(e.body.data, cases[i].has))
            fail_msg("%s: %d %s", cases[i].path, e.status, e.body.data);
        json_decref(exchange_json(&e));
        assert_true(e.weight > 0);
    }
    exchange_close(&e);
}

static void test_simserver__refusals_have_binance_codes(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int status, code;
    } cases[] = {
        {"depth", 400, -1102},
        {"depth?symbol=", 400, -1102},
        {"depth?symbol=NOPE", 400, -1121},
        {"depth?symbol=b%20c", 400, -1100},
        {"depth?symbol=BTCUSDT&limit=0", 400, -1130},
        {"depth?symbol=BTCUSDT&limit=x", 400, -1100},
        {"depth?symbol=BTCUSDT&limit=", 400, -1105},
        {"depth?symbol=BTCUSDT&symbol=BTCUSDT", 400, -1101},
        {"ping?a=1", 400, -1101},
        {"klines?symbol=BTCUSDT&interval=7m", 400, -1120},
        {"klines?symbol=BTCUSDT", 400, -1102},
        {"ticker/price?symbol=BTCUSDT&symbols=%5B%5D", 400, -1128},
        {"ticker/price?symbols=%5B%22BTCUSDT%22,%22BTCUSDT%22%5D", 400, -1151},
        {"ticker/price?symbols=%5B%22BTC", 400, -1100},
        {"ticker/24hr?type=SMALL", 400, -1130},
        {"account", 400, -1102},
    };
    struct exchange e = {0};
    exchange_open(&e, (struct simserver_options){0});
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        if (exchange_get(&e, cases[i].path) != cases[i].status ||
            exchange_code(&e) != cases[i].code)
            fail_msg("%s: %d %s", cases[i].path, e.status, e.body.data);
    assert_int_equal(exchange_get(&e, "nothing"), 404);
    assert_int_equal(exchange_send(&e, "POST", "/binance/api/v3/userDataStream", ""), 410);
    exchange_close(&e);
}

static void test_simserver__orders_are_refused_as_binance_does(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int code;
        const char *text;
    } cases[] = {
        {"side=BUY&type=MARKET&quantity=1", -1102, "'symbol'"},
        {"symbol=BTCUSDT&side=HOLD&type=MARKET&quantity=1", -1117, "Invalid side."},
        {"symbol=BTCUSDT&side=BUY&type=MAYBE&quantity=1", -1116, "Invalid orderType."},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=1", -1102, "'timeInForce'"},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=X&quantity=1&price=1", -1115, "Invalid"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&price=1", -1106, "'price'"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET", -1102, "'quantity'"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&quoteOrderQty=1", -1128, ""},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.000001", -1111, "'quantity'"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=-1", -1100, "'quantity'"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=NaN", -1100, "'quantity'"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1e3", -1100, "'quantity'"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&newClientOrderId=%7B%7D", -1100, ""},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&icebergQty=1", -1104, "Not all sent"},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=9999999", -1013, "LOT_SIZE"},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00001&price=50000", -1013,
         "Filter failure: NOTIONAL"},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=99999999", -1013,
         "Filter failure: PRICE_FILTER"},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=1", -1013,
         "Filter failure: PERCENT_PRICE_BY_SIDE"},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=100&price=50000", -2010,
         "Account has insufficient balance for requested action."},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=300000", -2010,
         "Order would immediately match and take."},
        {"symbol=BTCUSDT&side=BUY&type=STOP_LOSS&quantity=0.1&stopPrice=30000", -2010,
         "Order would trigger immediately."},
        {"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&selfTradePreventionMode=NONE", -1013,
         "does not allow"},
    };
    struct exchange e = {0};
    exchange_open(&e, (struct simserver_options){0});
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        if (exchange_signed(&e, "POST", "order", cases[i].query) != 400 ||
            exchange_code(&e) != cases[i].code || !strstr(e.body.data, cases[i].text))
            fail_msg("%s: %d %s", cases[i].query, e.status, e.body.data);
    assert_int_equal(exchange_signed(&e, "GET", "openOrders", ""), 200);
    assert_string_equal(e.body.data, "[]");
    assert_int_equal(simserver_counters(e.server).orders, 0);
    exchange_close(&e);
}

static void test_simserver__only_true_signatures_pass(void **state)
{
    (void)state;
    unsigned char public_key[32], secret_key[64], seed[32];
    for (unsigned i = 0; i < 32; i++) seed[i] = (unsigned char)i;
    assert_true(sodium_init() >= 0);
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    struct exchange e = {.clock.fixed_ms = FIXED_MS};
    exchange_open(&e, (struct simserver_options){.ed25519_public_key = public_key});
    char text[512], target[1024], hex[65];

    assert_int_equal(exchange_signed(&e, "GET", "account", ""), 200);
    snprintf(text, sizeof text, "timestamp=%lld", (long long)FIXED_MS);
    exchange_sign(&e, "timestamp=1", hex);
    snprintf(target, sizeof target, "/binance/api/v3/account?%s&signature=%s", text, hex);
    assert_int_equal(exchange_send(&e, "GET", target, ""), 400);
    assert_int_equal(exchange_code(&e), -1022);

    /* Query and body are joined without a separator. */
    snprintf(text, sizeof text, "symbol=BTCUSDT&side=BUYtype=MARKET&quantity=0.01&timestamp=%lld",
             (long long)FIXED_MS);
    exchange_sign(&e, text, hex);
    snprintf(text, sizeof text, "type=MARKET&quantity=0.01&timestamp=%lld&signature=%s",
             (long long)FIXED_MS, hex);
    assert_int_equal(
        exchange_send(&e, "POST", "/binance/api/v3/order/test?symbol=BTCUSDT&side=BUY", text), 200);

    static const struct {
        int64_t off_ms;
        const char *more;
        int code;
    } times[] = {{-5000, "", 0},
                 {-5001, "", -1021},
                 {999, "", 0},
                 {1000, "", -1021},
                 {-30000, "recvWindow=30000&", 0},
                 {0, "recvWindow=60001&", -1131}};
    for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
        snprintf(text, sizeof text, "%stimestamp=%lld", times[i].more,
                 (long long)(FIXED_MS + times[i].off_ms));
        exchange_sign(&e, text, hex);
        snprintf(target, sizeof target, "/binance/api/v3/account?%s&signature=%s", text, hex);
        (void)exchange_send(&e, "GET", target, "");
        if (exchange_code(&e) != times[i].code) fail_msg("case %u: %s", i, e.body.data);
    }

    /* The same by Ed25519; base64 is percent-encoded in a URL. */
    unsigned char signature[64];
    char base64[96];
    snprintf(text, sizeof text, "timestamp=%lld", (long long)FIXED_MS);
    crypto_sign_detached(signature, NULL, (const unsigned char *)text, strlen(text), secret_key);
    sodium_bin2base64(base64, sizeof base64, signature, 64, sodium_base64_VARIANT_ORIGINAL);
    size_t size =
        (size_t)snprintf(target, sizeof target, "/binance/api/v3/account?%s&signature=", text);
    for (const char *at = base64; *at; at++)
        size += (size_t)snprintf(target + size, sizeof target - size,
                                 strchr("+/=", *at) ? "%%%02X" : "%c", *at);
    snprintf(e.info.api_key, sizeof e.info.api_key, "ed25519-test");
    assert_int_equal(exchange_send(&e, "GET", target, ""), 200);
    snprintf(e.info.api_key, sizeof e.info.api_key, "somebody");
    assert_int_equal(exchange_send(&e, "GET", target, ""), 401);
    assert_int_equal(exchange_code(&e), -2015);
    exchange_close(&e);
}

/* What the account's key may do, into e->body. */
static int ask_restrictions(struct exchange *e)
{
    char text[64], hex[65], target[256];
    snprintf(text, sizeof text, "timestamp=%lld", (long long)FIXED_MS);
    exchange_sign(e, text, hex);
    snprintf(target, sizeof target, "/binance/sapi/v1/account/apiRestrictions?%s&signature=%s",
             text, hex);
    return exchange_send(e, "GET", target, "");
}

static void test_simserver__a_key_is_told_what_it_may_do(void **state)
{
    (void)state;
    struct exchange e = {.clock.fixed_ms = FIXED_MS};
    exchange_open(&e, (struct simserver_options){0});
    assert_int_equal(ask_restrictions(&e), 200);
    assert_non_null(strstr(e.body.data, "\"enableWithdrawals\":false"));
    memcpy(e.info.api_key, e.info.withdraw_api_key, sizeof e.info.api_key);
    assert_int_equal(ask_restrictions(&e), 400); /* signed by the other key's secret */
    assert_int_equal(exchange_code(&e), -1022);
    memcpy(e.info.secret, e.info.withdraw_secret, sizeof e.info.secret);
    assert_int_equal(ask_restrictions(&e), 200);
    assert_non_null(strstr(e.body.data, "\"enableWithdrawals\":true"));
    static const char *const others[] = {"/binance/sapi/v1/account", "/binance/sapi/v1/",
                                         "/binance/time", "/binance/",
                                         "/sapi/v1/account/apiRestrictions"};
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(exchange_send(&e, "GET", others[i], ""), 404);
    exchange_close(&e);
}

static void test_simserver__insisting_after_429_is_banned(void **state)
{
    (void)state;
    struct exchange e = {.clock.fixed_ms = FIXED_MS};
    exchange_open(&e, (struct simserver_options){.limits.weight = 10});
    for (int i = 1; i <= 10; i++) {
        assert_int_equal(exchange_get(&e, "ping"), 200);
        assert_int_equal(e.weight, i);
    }
    for (int i = 0; i < 10; i++) {
        assert_int_equal(exchange_get(&e, "ping"), 429);
        assert_int_equal(exchange_code(&e), -1003);
        assert_int_equal(e.retry_after_s, 30);
    }
    assert_int_equal(exchange_get(&e, "ping"), 418);
    assert_int_equal(e.retry_after_s, 120);
    assert_int_equal(simserver_counters(e.server).bans, 1);
    assert_int_equal(simserver_counters(e.server).during_ban, 0);
    e.clock.fixed_ms += 119999;
    assert_int_equal(exchange_get(&e, "ping"), 418);
    assert_int_equal(e.retry_after_s, 1);
    assert_int_equal(simserver_counters(e.server).during_ban, 1);
    e.clock.fixed_ms += 1;
    assert_int_equal(exchange_get(&e, "ping"), 200);
    for (int i = 0; i < 20; i++) (void)exchange_get(&e, "ping");
    assert_int_equal(e.status, 418);
    assert_int_equal(e.retry_after_s, 240); /* bans grow */
    exchange_close(&e);
}

static void test_simserver__unfilled_orders_are_counted(void **state)
{
    (void)state;
    static const char resting[] =
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000";
    struct exchange e = {.clock.fixed_ms = FIXED_MS};
    exchange_open(&e, (struct simserver_options){.limits.orders_10s = 2});
    for (int i = 0; i < 5; i++) /* filled at once: they do not count */
        assert_int_equal(exchange_signed(&e, "POST", "order",
                                         "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.00100"),
                         200);
    assert_int_equal(exchange_signed(&e, "POST", "order", resting), 200);
    assert_int_equal(exchange_signed(&e, "POST", "order", resting), 200);
    assert_int_equal(exchange_signed(&e, "POST", "order", resting), 429);
    assert_int_equal(exchange_code(&e), -1015);
    assert_int_equal(exchange_signed(&e, "GET", "rateLimit/order", ""), 200);
    assert_non_null(strstr(e.body.data, "\"limit\":2,\"count\":2"));
    e.clock.fixed_ms += 10000;
    assert_int_equal(exchange_signed(&e, "POST", "order", resting), 200);
    exchange_close(&e);
}

static int open_orders(struct exchange *e)
{
    assert_int_equal(exchange_signed(e, "GET", "openOrders", ""), 200);
    json_t *json = exchange_json(e);
    const int count = (int)json_array_size(json);
    json_decref(json);
    return count;
}

static void test_simserver__oco_lists_are_placed_and_cancelled(void **state)
{
    (void)state;
    struct exchange e = {0};
    exchange_open(&e, (struct simserver_options){0});
    assert_int_equal(exchange_signed(&e, "POST", "orderList/oco",
                                     "symbol=BTCUSDT&side=SELL&quantity=0.1&listClientOrderId=both&"
                                     "aboveType=LIMIT_MAKER&abovePrice=200000&belowType=STOP_LOSS&"
                                     "belowStopPrice=30000"),
                     200);
    assert_non_null(strstr(e.body.data, "\"listStatusType\":\"EXEC_STARTED\""));
    assert_int_equal(open_orders(&e), 2);
    assert_int_equal(exchange_signed(&e, "GET", "orderList", "origClientOrderId=both"), 200);
    assert_int_equal(
        exchange_signed(&e, "DELETE", "orderList", "symbol=BTCUSDT&listClientOrderId=both"), 200);
    assert_non_null(strstr(e.body.data, "\"listOrderStatus\":\"ALL_DONE\""));
    assert_int_equal(open_orders(&e), 0);
    assert_int_equal(
        exchange_signed(&e, "DELETE", "orderList", "symbol=BTCUSDT&listClientOrderId=both"), 400);
    assert_int_equal(exchange_signed(&e, "POST", "orderList/oco",
                                     "symbol=BTCUSDT&side=SELL&quantity=0.1&"
                                     "aboveType=LIMIT_MAKER&abovePrice=30000&"
                                     "belowType=STOP_LOSS&belowStopPrice=20000"),
                     400);
    assert_int_equal(exchange_code(&e), -2010);
    exchange_close(&e);
}

static void test_simserver__a_leg_cancelled_wrongly_keeps_its_list(void **state)
{
    (void)state;
    static const char oco[] = "symbol=BTCUSDT&side=SELL&quantity=0.1&newOrderRespType=ACK&"
                              "aboveType=LIMIT_MAKER&abovePrice=200000&aboveClientOrderId=up&"
                              "belowType=STOP_LOSS&belowStopPrice=30000";
    char query[256];
    struct exchange e = {0};
    exchange_open(&e, (struct simserver_options){0});
    assert_int_equal(exchange_signed(&e, "POST", "orderList/oco", oco), 200);
    assert_null(strstr(e.body.data, "\"origQty\"")); /* an ACK was wanted */
    json_t *list = exchange_json(&e);
    const json_t *leg = json_array_get(json_object_get(list, "orders"), 0);
    const long long id = json_integer_value(json_object_get(leg, "orderId"));
    json_decref(list);
    snprintf(query, sizeof query, "symbol=BTCUSDT&orderId=%lld&origClientOrderId=down", id);
    assert_int_equal(exchange_signed(&e, "DELETE", "order", query), 400);
    assert_int_equal(exchange_code(&e), -2011);
    assert_int_equal(exchange_signed(&e, "GET", "order", query), 400);
    assert_int_equal(exchange_code(&e), -2039);
    assert_int_equal(exchange_signed(&e, "DELETE", "order",
                                     "symbol=BTCUSDT&origClientOrderId=up&"
                                     "cancelRestrictions=ONLY_PARTIALLY_FILLED"),
                     400);
    assert_int_equal(exchange_code(&e), -2011);
    assert_int_equal(open_orders(&e), 2);
    assert_int_equal(exchange_signed(&e, "DELETE", "order", "symbol=BTCUSDT&origClientOrderId=up"),
                     200);
    assert_non_null(strstr(e.body.data, "\"listOrderStatus\":\"ALL_DONE\""));
    assert_int_equal(open_orders(&e), 0);
    exchange_close(&e);
}

#define RESTING "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000"

static void test_simserver__cancel_replace_tells_both_results(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int status, code;
        const char *has[3];
        int open;
    } cases[] = {
        {RESTING "&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=old",
         200,
         0,
         {"\"cancelResult\":\"SUCCESS\",\"newOrderResult\":\"SUCCESS\"",
          "\"origClientOrderId\":\"old\"", "\"newOrderResponse\":{\"symbol\""},
         1},
        {RESTING "&cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=none",
         400,
         -2022,
         {"\"newOrderResult\":\"NOT_ATTEMPTED\"", "\"cancelResponse\":{\"code\":-2011",
          "\"newOrderResponse\":null"},
         1},
        {RESTING "&cancelReplaceMode=ALLOW_FAILURE&cancelOrigClientOrderId=none",
         409,
         -2021,
         {"\"cancelResult\":\"FAILURE\",\"newOrderResult\":\"SUCCESS\"", "\"data\":{", ""},
         2},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=300000&"
         "cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=old",
         409,
         -2021,
         {"\"cancelResult\":\"SUCCESS\",\"newOrderResult\":\"FAILURE\"",
          "\"newOrderResponse\":{\"code\":-2010", ""},
         0},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.1&price=300000&"
         "cancelReplaceMode=ALLOW_FAILURE&cancelOrigClientOrderId=none",
         400,
         -2022,
         {"\"cancelResult\":\"FAILURE\",\"newOrderResult\":\"FAILURE\"", "", ""},
         1},
        {"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=1&"
         "cancelReplaceMode=STOP_ON_FAILURE&cancelOrigClientOrderId=old",
         400,
         -1013,
         {"Filter failure", "", ""},
         1},
        {RESTING "&cancelReplaceMode=PERHAPS&cancelOrigClientOrderId=old",
         400,
         -1130,
         {"", "", ""},
         1},
        {RESTING "&cancelReplaceMode=ALLOW_FAILURE", 400, -1102, {"'cancelOrderId'", "", ""}, 1},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct exchange e = {0};
        exchange_open(&e, (struct simserver_options){0});
        assert_int_equal(exchange_signed(&e, "POST", "order", RESTING "&newClientOrderId=old"),
                         200);
        (void)exchange_signed(&e, "POST", "order/cancelReplace", cases[i].query);
        for (unsigned n = 0; n < 3; n++)
            if (e.status != cases[i].status || exchange_code(&e) != cases[i].code ||
                !strstr(e.body.data, cases[i].has[n]))
                fail_msg("%s: %d %s", cases[i].query, e.status, e.body.data);
        assert_int_equal(open_orders(&e), cases[i].open);
        exchange_close(&e);
    }
}

static void test_simserver__cancel_replace_may_only_cancel_over_the_limit(void **state)
{
    (void)state;
    static const char replace[] = RESTING "&cancelReplaceMode=STOP_ON_FAILURE&"
                                          "cancelOrigClientOrderId=old";
    char query[256];
    struct exchange e = {.clock.fixed_ms = FIXED_MS};
    exchange_open(&e, (struct simserver_options){.limits.orders_10s = 1});
    assert_int_equal(exchange_signed(&e, "POST", "order", RESTING "&newClientOrderId=old"), 200);
    assert_int_equal(exchange_signed(&e, "POST", "order/cancelReplace", replace), 429);
    assert_int_equal(exchange_code(&e), -1015);
    assert_int_equal(e.retry_after_s, 10); /* of the window that is full */
    assert_int_equal(open_orders(&e), 1);
    snprintf(query, sizeof query, "%s&orderRateLimitExceededMode=CANCEL_ONLY", replace);
    assert_int_equal(exchange_signed(&e, "POST", "order/cancelReplace", query), 429);
    assert_int_equal(exchange_code(&e), -2021);
    assert_non_null(strstr(e.body.data, "\"newOrderResponse\":{\"code\":-1015"));
    assert_int_equal(open_orders(&e), 0);
    exchange_close(&e);
}

static void test_simserver__from_id_0_is_the_oldest_and_none_the_newest(void **state)
{
    (void)state;
    struct exchange e = {0};
    exchange_open(&e, (struct simserver_options){0});
    for (int i = 0; i < 2; i++)
        assert_int_equal(exchange_signed(&e, "POST", "order",
                                         i ? "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.01&"
                                             "newClientOrderId=second"
                                           : "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&"
                                             "newClientOrderId=first"),
                         200);
    static const struct {
        const char *path, *query, *has;
    } cases[] = {
        {"allOrders", "symbol=BTCUSDT&limit=1&orderId=0", "\"first\""},
        {"allOrders", "symbol=BTCUSDT&limit=1", "\"second\""},
        {"myTrades", "symbol=BTCUSDT&limit=1&fromId=0", "\"isBuyer\":true"},
        {"myTrades", "symbol=BTCUSDT&limit=1", "\"isBuyer\":false"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(exchange_signed(&e, "GET", cases[i].path, cases[i].query), 200);
        if (!strstr(e.body.data, cases[i].has)) fail_msg("%s: %s", cases[i].query, e.body.data);
    }
    exchange_close(&e);
}

static void test_simserver__accounts_and_open_orders_survive_a_restart(void **state)
{
    (void)state;
    char folder[] = "/tmp/simserver-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    const struct simserver_options options = {.state_folder = folder};
    struct exchange e = {0};
    exchange_open(&e, options);
    assert_int_equal(exchange_signed(&e, "POST", "order",
                                     "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.5"),
                     200);
    assert_int_equal(exchange_signed(&e, "POST", "order",
                                     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&"
                                     "quantity=0.01&price=50000&newClientOrderId=kept"),
                     200);
    exchange_close(&e);

    exchange_open(&e, options);
    assert_int_equal(exchange_signed(&e, "GET", "account", ""), 200);
    assert_non_null(strstr(e.body.data, "{\"asset\":\"BTC\",\"free\":\"1000.49950000\""));
    assert_int_equal(exchange_signed(&e, "GET", "myTrades", "symbol=BTCUSDT"), 200);
    assert_non_null(strstr(e.body.data, "\"isBuyer\":true"));
    assert_int_equal(
        exchange_signed(&e, "DELETE", "order", "symbol=BTCUSDT&origClientOrderId=kept"), 200);
    exchange_close(&e);

    snprintf(path, sizeof path, "%s/binance.state", folder);
    assert_int_equal(truncate(path, 100), 0);
    uv_loop_t loop;
    struct simserver *server;
    uv_loop_init(&loop);
    assert_int_equal(simserver_open(&loop, &options, &server), ERR_PARSE);
    assert_non_null(strstr(err_text(), path));
    loop_finish(&loop);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simserver__public_endpoints_answer),
        cmocka_unit_test(test_simserver__refusals_have_binance_codes),
        cmocka_unit_test(test_simserver__orders_are_refused_as_binance_does),
        cmocka_unit_test(test_simserver__only_true_signatures_pass),
        cmocka_unit_test(test_simserver__a_key_is_told_what_it_may_do),
        cmocka_unit_test(test_simserver__insisting_after_429_is_banned),
        cmocka_unit_test(test_simserver__unfilled_orders_are_counted),
        cmocka_unit_test(test_simserver__oco_lists_are_placed_and_cancelled),
        cmocka_unit_test(test_simserver__a_leg_cancelled_wrongly_keeps_its_list),
        cmocka_unit_test(test_simserver__cancel_replace_tells_both_results),
        cmocka_unit_test(test_simserver__cancel_replace_may_only_cancel_over_the_limit),
        cmocka_unit_test(test_simserver__from_id_0_is_the_oldest_and_none_the_newest),
        cmocka_unit_test(test_simserver__accounts_and_open_orders_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
