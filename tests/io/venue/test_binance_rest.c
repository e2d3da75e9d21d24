/* REST answers: the real lists of symbols against jansson, klines, depth, orders, trades,
 * balances. */
#include "cmocka_all.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "io/venue/binance/binance_rest.h"
#include "recordings.h"
#include "stream_peer.h"

enum { SYMBOLS_MAX = 3000 };

static const struct instrument btc = {
    .symbol = "BTCUSDT", .price_scale = 2, .qty_scale = 5, .base_scale = 8, .quote_scale = 8};

static const json_t *filter_of(const json_t *symbol, const char *type)
{
    size_t n;
    json_t *filter;
    json_array_foreach(json_object_get(symbol, "filters"), n,
                       filter) if (strcmp(json_string_value(json_object_get(filter, "filterType")),
                                          type) == 0) return filter;
    return NULL;
}

/* A limit by plain arithmetic: whole units, and whether something is cut off. */
static void check_limit(const json_t *filter, const char *name, unsigned scale, bool up,
                        int64_t units)
{
    const char *text = filter ? json_string_value(json_object_get(filter, name)) : NULL;
    __int128 expected = 0;
    unsigned decimals = 0;
    bool dot = false, rest = false;
    for (const char *at = text ? text : ""; *at; at++) {
        if (*at == '.') {
            dot = true;
        } else if (dot && decimals == scale) {
            rest |= *at != '0';
        } else {
            expected = expected * 10 + (*at - '0');
            decimals += dot;
        }
    }
    for (; decimals < scale; decimals++) expected *= 10;
    if (rest && up) expected++;
    if (expected > INT64_MAX) expected = INT64_MAX;
    if (expected != units) fail_msg("%s %s: %lld", name, text, (long long)units);
}

/* As fine as the base asset is, unless there is no room for large sums then. */
static void check_qty_scale(const json_t *lot, const struct instrument *i)
{
    const char *step = json_string_value(json_object_get(lot, "stepSize"));
    const char *dot = strchr(step, '.');
    unsigned lot_scale = 0;
    for (const char *at = dot ? dot + 1 : ""; *at; at++)
        if (*at != '0') lot_scale = (unsigned)(at - dot);
    assert_int_equal(instrument_lot_scale(i), lot_scale);
    assert_in_range(i->qty_scale, lot_scale, 8);
    assert_in_range(i->step.units, 1, 10000);
    assert_true(i->qty_max.units <= INT64_MAX / 1000);
    assert_true(i->market_qty_max.units <= INT64_MAX / 1000);
    const bool finer_has_room = i->step.units <= 1000 &&
                                i->qty_max.units <= INT64_MAX / 10000 - 1 &&
                                i->market_qty_max.units <= INT64_MAX / 10000 - 1;
    assert_true(i->qty_scale == 8 || i->qty_scale == i->base_scale || !finer_has_room);
}

static void check_instrument(const json_t *symbol, const struct instrument *i)
{
    const json_t *price = filter_of(symbol, "PRICE_FILTER"), *lot = filter_of(symbol, "LOT_SIZE");
    const json_t *market = filter_of(symbol, "MARKET_LOT_SIZE");
    const json_t *side = filter_of(symbol, "PERCENT_PRICE_BY_SIDE");
    const json_t *both = filter_of(symbol, "PERCENT_PRICE");
    const json_t *orders = filter_of(symbol, "MAX_NUM_ORDERS");
    assert_string_equal(i->symbol, json_string_value(json_object_get(symbol, "symbol")));
    assert_string_equal(i->base, json_string_value(json_object_get(symbol, "baseAsset")));
    assert_string_equal(i->quote, json_string_value(json_object_get(symbol, "quoteAsset")));
    assert_int_equal(i->base_scale,
                     json_integer_value(json_object_get(symbol, "baseAssetPrecision")));
    assert_int_equal(i->status == INSTRUMENT_TRADING,
                     strcmp(json_string_value(json_object_get(symbol, "status")), "TRADING") == 0);
    check_limit(price, "tickSize", i->price_scale, true, i->tick.units);
    check_limit(price, "minPrice", i->price_scale, true, i->price_min.units);
    check_limit(price, "maxPrice", i->price_scale, false, i->price_max.units);
    check_limit(lot, "stepSize", i->qty_scale, true, i->step.units);
    check_limit(lot, "minQty", i->qty_scale, true, i->qty_min.units);
    check_limit(lot, "maxQty", i->qty_scale, false, i->qty_max.units);
    check_limit(market, "stepSize", i->qty_scale, true, i->market_step.units);
    check_limit(market, "maxQty", i->qty_scale, false, i->market_qty_max.units);
    if (side) {
        check_limit(side, "bidMultiplierUp", 6, false, i->bid_up_ppm);
        check_limit(side, "askMultiplierDown", 6, true, i->ask_down_ppm);
    } else {
        check_limit(both, "multiplierUp", 6, false, i->ask_up_ppm);
        check_limit(both, "multiplierDown", 6, true, i->bid_down_ppm);
    }
    if (!filter_of(symbol, "NOTIONAL"))
        check_limit(filter_of(symbol, "MIN_NOTIONAL"), "minNotional", i->quote_scale, true,
                    i->notional_min.units);
    assert_int_equal(i->orders_max, json_integer_value(json_object_get(orders, "maxNumOrders")));
    /* The price scale is the smallest that holds the tick exactly. */
    assert_true(i->tick.units > 0 && i->step.units > 0);
    assert_true(i->price_scale == 0 || i->tick.units % 10 != 0);
    check_qty_scale(lot, i);
}

static void test_rest__quantities_are_counted_finer_than_lots(void **state)
{
    (void)state;
    static const struct {
        const char *step, *max, *market_max;
        int precision;
        unsigned qty_scale, lot_scale;
    } rows[] = {
        {"0.00001000", "9000.00000000", "83.5", 8, 8, 5},
        {"0.00100000", "900000.0", "0.0", 8, 7, 3},
        {"1.00", "90000000.0", "", 8, 4, 0},
        {"1.00", "46116860414.00", "0", 2, 2, 0},
        {"1.00", "46116860414.00", "0", 8, 4, 0},
        {"1.00", "4611686041400.00", "0", 8, 3, 0},
        {"1.00", "90000000.0", "461168604140000", 8, 1, 0},
        {"0.01", "9.0", "0", 2, 2, 2},
        {"0.01", "9.0", "0", 0, 2, 2}, /* never coarser than the lot, whatever the asset says */
        {"0.000000001", "9.0", "0", 18, 9, 9},
        {"0.00001", "9223372036854775807", "0", 8, 5, 5}, /* no room at all: as the lot */
        {"5.0", "9000.0", "0", 8, 3, 0},
    };
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        char body[1024];
        struct instrument i;
        struct binance_exchange_info info;
        snprintf(body, sizeof body,
                 "{\"symbols\":[{\"symbol\":\"BTCUSDT\",\"status\":\"TRADING\","
                 "\"baseAsset\":\"BTC\",\"baseAssetPrecision\":%d,\"quoteAsset\":\"USDT\","
                 "\"quotePrecision\":8,\"filters\":[{\"filterType\":\"PRICE_FILTER\","
                 "\"tickSize\":\"0.01\"},{\"filterType\":\"LOT_SIZE\",\"stepSize\":\"%s\","
                 "\"maxQty\":\"%s\"},{\"filterType\":\"MARKET_LOT_SIZE\",\"maxQty\":\"%s\"}]}]}",
                 rows[n].precision, rows[n].step, rows[n].max, rows[n].market_max);
        if (binance_read_exchange_info(slice_of(body), VENUE_BINANCE, &i, 1, &info))
            fail_msg("row %zu: %s", n, err_text());
        assert_int_equal(info.instrument_count, 1);
        if (i.qty_scale != rows[n].qty_scale || instrument_lot_scale(&i) != rows[n].lot_scale)
            fail_msg("row %zu: %u and %u decimals", n, i.qty_scale, instrument_lot_scale(&i));
    }
}

/* What is sent has the lot's decimals, or the venue refuses it as too precise. */
static void test_rest__an_order_is_written_in_the_lots_decimals(void **state)
{
    (void)state;
    static const struct instrument fine = {
        .symbol = "BTCUSDT", .price_scale = 2, .qty_scale = 8, .step = {1000}};
    const struct order order = {.side = SIDE_SELL, .qty = {1540000}};
    struct buffer out = {0};
    binance_query_order_new(&out, &fine, &order, "tb-1");
    buffer_append_char(&out, '\0');
    assert_string_equal(out.data, "symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.0154"
                                  "&newClientOrderId=tb-1&newOrderRespType=FULL");
    buffer_deinit(&out);
}

static void test_rest__real_symbol_lists_equal_jansson(void **state)
{
    (void)state;
    static struct instrument instruments[SYMBOLS_MAX];
    static const struct {
        const char *name;
        size_t count;
        uint32_t weight, orders_short;
    } rows[] = {
        {"data/rest/binance-spot/exchangeInfo_2021-10-12.json", 1695, 1200, 50},
        {"data/rest/binance-tr/exchangeInfo_2023-04-10.json", 2183, 1200, 50},
        {"data/rest/binance-usdm/exchangeInfo_2021-07-22.json", 122, 2400, 300},
        {"data/rest/binance-usdm/exchangeInfo_2026-03-31.json", 705, 6000, 300},
    };
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        struct recording r;
        struct binance_exchange_info info;
        if (!recording_open(&r, rows[n].name)) skip();
        if (binance_read_exchange_info(recording_text(&r), VENUE_BINANCE, instruments, SYMBOLS_MAX,
                                       &info))
            fail_msg("%s: %s", rows[n].name, err_text());
        assert_int_equal(info.instrument_count + info.skipped_count, rows[n].count);
        if (n < 2) assert_int_equal(info.skipped_count, 0);
        assert_int_equal(info.limits.weight, rows[n].weight);
        assert_int_equal(info.limits.orders_short, rows[n].orders_short);
        json_t *root = json_loadb(r.text, r.size, 0, NULL);
        const json_t *symbols = json_object_get(root, "symbols");
        for (size_t i = 0, at = 0; n < 2 && i < json_array_size(symbols); i++)
            check_instrument(json_array_get(symbols, i), &instruments[at++]);
        assert_int_equal(info.server_ms, json_integer_value(json_object_get(root, "serverTime")));
        json_decref(root);
        assert_int_equal(binance_read_exchange_info(recording_text(&r), VENUE_BINANCE, instruments,
                                                    10, &info),
                         ERR_LIMIT);
        assert_int_equal(binance_read_exchange_info((struct slice){r.text, r.size / 2},
                                                    VENUE_BINANCE, instruments, SYMBOLS_MAX, &info),
                         ERR_PARSE);
        recording_close(&r);
    }
}

static void test_rest__real_klines_equal_jansson(void **state)
{
    (void)state;
    struct recording r;
    static struct candle candles[BINANCE_KLINES_MAX];
    size_t count;
    if (!recording_open(&r, "data/rest/binance-spot/klines_BTCUSDT_15m_week.json")) skip();
    assert_int_equal(
        binance_read_klines(recording_text(&r), &btc, candles, BINANCE_KLINES_MAX, &count), OK);
    assert_int_equal(count, 672);
    json_t *root = json_loadb(r.text, r.size, 0, NULL);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(root, i);
        assert_int_equal(candles[i].open_ms, json_integer_value(json_array_get(row, 0)));
        const int64_t values[] = {candles[i].open.units, candles[i].high.units,
                                  candles[i].low.units, candles[i].close.units};
        for (size_t k = 0; k < 4; k++) {
            int64_t expected;
            const char *text = json_string_value(json_array_get(row, k + 1));
            assert_true(decimal_parse(text, strlen(text), 2, &expected));
            assert_int_equal(values[k], expected);
        }
    }
    json_decref(root);
    assert_int_equal(binance_read_klines(recording_text(&r), &btc, candles, 100, &count),
                     ERR_LIMIT);
    recording_close(&r);
}

static void test_rest__recorded_snapshots_are_sorted_books(void **state)
{
    (void)state;
    struct recording r;
    struct slice line, body;
    static struct level levels[BINANCE_LEVELS_MAX];
    unsigned count = 0;
    if (!recording_open(&r, "data/raw/binance-spot/btcusdt_20240808.jsonl")) skip();
    while (recording_line(&r, &line)) {
        struct binance_depth depth;
        if (!memmem(line.data, line.size, "\"rest\"", 6)) continue;
        assert_true(recording_member(line, "msg", &body));
        assert_int_equal(binance_read_depth(body, &btc, levels, BINANCE_LEVELS_MAX, &depth), OK);
        assert_true(depth.last_id > 0 && depth.bid_count > 100 && depth.ask_count > 100);
        assert_true(depth.bids[0].price.units < depth.asks[0].price.units);
        for (uint32_t i = 1; i < depth.bid_count; i++)
            assert_true(depth.bids[i].price.units < depth.bids[i - 1].price.units);
        for (uint32_t i = 1; i < depth.ask_count; i++)
            assert_true(depth.asks[i].price.units > depth.asks[i - 1].price.units);
        assert_int_equal(binance_read_depth(body, &btc, levels, 10, &depth), ERR_LIMIT);
        count++;
    }
    assert_true(count > 0);
    recording_close(&r);
}

static void test_rest__fixtures_of_other_people_are_read(void **state)
{
    (void)state;
    struct recording r;
    struct slice body;
    const struct instrument bnb = {
        .symbol = "BNBBTC", .price_scale = 8, .qty_scale = 8, .base_scale = 8, .quote_scale = 8};
    const struct instrument ltc = {
        .symbol = "LTCBTC", .price_scale = 8, .qty_scale = 8, .base_scale = 8, .quote_scale = 8};
    if (!recording_open(&r, "data/rest/message_fixtures_nautilus.jsonl")) skip();

    int64_t ms;
    assert_true(recording_fixture(&r, "server_time_response.json", &body));
    assert_int_equal(binance_read_time(body, &ms), OK);
    assert_int_equal(ms, 1499827319559);

    struct binance_my_trade mine[4];
    size_t count;
    assert_true(recording_fixture(&r, "account_trades_response.json", &body));
    assert_int_equal(binance_read_my_trades(body, &bnb, mine, 4, &count), OK);
    assert_true(count >= 1);
    assert_int_equal(mine[0].fill.venue_trade_id, 28457);
    assert_int_equal(mine[0].venue_order_id, 100234);
    assert_int_equal(mine[0].fill.price.units, 400000100);
    assert_int_equal(mine[0].fill.fee.units, 1010000000);

    struct binance_order order;
    struct fill fills[8];
    assert_true(recording_fixture(&r, "spot/http_json/order_response.json", &body));
    assert_int_equal(binance_read_order(body, &ltc, NULL, 0, &order), OK);
    assert_true(slice_is(order.client_id, "myOrder1"));
    assert_int_equal(order.status, BINANCE_STATUS_NEW);
    assert_true(recording_fixture(&r, "spot/http_json/cancel_order_response.json", &body));
    assert_int_equal(binance_read_order(body, &ltc, NULL, 0, &order), OK);
    assert_true(slice_is(order.client_id, "myOrder1"));
    assert_int_equal(order.status, BINANCE_STATUS_CANCELED);
    assert_true(recording_fixture(&r, "new_order_full_response.json", &body));
    const struct instrument fine = {
        .symbol = "BTCUSDT", .price_scale = 8, .qty_scale = 8, .base_scale = 8, .quote_scale = 8};
    assert_int_equal(binance_read_order(body, &fine, fills, 8, &order), OK);
    assert_int_equal(order.venue_order_id, 28);
    assert_true(order.fill_count > 0);
    recording_close(&r);
}

#define RESTRICTIONS(withdrawals, more)                                                            \
    "{\"ipRestrict\":true,\"createTime\":1698645219000,\"enableReading\":true,"                    \
    "\"enableWithdrawals\":" withdrawals ",\"enableMargin\":false,\"enableFutures\":true,"         \
    "\"enableVanillaOptions\":false,\"enableSpotAndMarginTrading\":true" more "}"

static void test_rest__what_a_key_may_do(void **state)
{
    (void)state;
    static const struct {
        struct slice body;
        enum err err;
        bool may_move_funds;
    } cases[] = {
        {SLICE(RESTRICTIONS("false", "")), OK, false},
        {SLICE(RESTRICTIONS("false", ",\"permitsUniversalTransfer\":false")), OK, false},
        {SLICE(RESTRICTIONS("true", "")), OK, true},
        {SLICE(RESTRICTIONS("false", ",\"permitsUniversalTransfer\":true")), OK, true},
        {SLICE(RESTRICTIONS("false", ",\"enableInternalTransfer\":true")), OK, true},
        {SLICE(RESTRICTIONS("true", ",\"enableInternalTransfer\":false")), OK, true},
        {SLICE(RESTRICTIONS("false", ",\"enableTransferOfSomeKind\":true")), OK, true},
        {SLICE(RESTRICTIONS("false", ",\"somethingElse\":true")), OK, false},
        /* What is not told in so many words counts as not known. */
        {SLICE(RESTRICTIONS("0", "")), ERR_PARSE, false},
        {SLICE(RESTRICTIONS("\"false\"", "")), ERR_PARSE, false},
        {SLICE(RESTRICTIONS("null", "")), ERR_PARSE, false},
        {SLICE("{\"enableReading\":true}"), ERR_PARSE, false},
        {SLICE("{}"), ERR_PARSE, false},
        {SLICE("[]"), ERR_PARSE, false},
        {SLICE("<html>"), ERR_PARSE, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct binance_restrictions r;
        if (binance_read_restrictions(cases[i].body, &r) != cases[i].err) fail_msg("case %u", i);
        if (cases[i].err) continue;
        if (r.may_move_funds != cases[i].may_move_funds) fail_msg("case %u", i);
        assert_true(r.may_read && r.may_trade_spot && r.may_trade_futures && r.ip_restricted);
        assert_false(r.may_borrow || r.may_trade_options);
    }
    bool can_trade = true;
    assert_int_equal(
        binance_read_can_trade(SLICE("{\"canTrade\":false,\"balances\":[{}]}"), &can_trade), OK);
    assert_false(can_trade);
    assert_int_equal(binance_read_can_trade(SLICE("{}"), &can_trade), ERR_PARSE);
}

static void test_rest__hostile_bodies_are_refused(void **state)
{
    (void)state;
    struct binance_order order;
    struct binance_error error;
    struct candle candles[2];
    struct binance_depth depth;
    struct level levels[4];
    size_t count;
    int64_t ms = 0;
    assert_int_equal(binance_read_time(SLICE("{}"), &ms), ERR_PARSE);
    assert_int_equal(binance_read_time(SLICE("{\"serverTime\":-5}"), &ms), ERR_PARSE);
    assert_int_equal(binance_read_error(SLICE("{\"code\":99999999999}"), &error), ERR_PARSE);
    assert_int_equal(binance_read_depth(SLICE("{\"lastUpdateId\":1,\"bids\":[]}"), &btc, levels, 4,
                                        &depth),
                     ERR_PARSE);
    assert_int_equal(binance_read_klines(SLICE("[[1,\"1\",\"1\",\"1\",\"1\"]]"), &btc, candles, 2,
                                         &count),
                     ERR_PARSE);
    assert_int_equal(
        binance_read_klines(
            SLICE("[[2,\"1\",\"1\",\"1\",\"1\",\"1\"],[1,\"1\",\"1\",\"1\",\"1\",\"1\"]]"), &btc,
            candles, 2, &count),
        ERR_PARSE);
    /* filled beyond its quantity, of another symbol, a status that we do not know, half an order */
    static const char *const orders[] = {
        "{\"symbol\":\"BTCUSDT\",\"orderId\":1,\"clientOrderId\":\"a\",\"origQty\":\"1\","
        "\"executedQty\":\"2\",\"status\":\"NEW\"}",
        "{\"symbol\":\"ETHUSDT\",\"orderId\":1,\"clientOrderId\":\"a\"}",
        "{\"symbol\":\"BTCUSDT\",\"orderId\":1,\"clientOrderId\":\"a\",\"origQty\":\"1\","
        "\"executedQty\":\"0\",\"status\":\"ODD\"}",
        "{\"symbol\":\"BTCUSDT\",\"orderId\":1,\"clientOrderId\":\"a\",\"origQty\":\"1\"}",
        "{\"symbol\":\"BTCUSDT\",\"orderId\":1}",
        "{\"symbol\":\"BTCUSDT\",\"orderId\":1,\"clientOrderId\":\"a\",\"origQty\":\"1.000001\","
        "\"executedQty\":\"0\",\"status\":\"NEW\"}",
    };
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        assert_int_equal(binance_read_order(slice_of(orders[i]), &btc, NULL, 0, &order), ERR_PARSE);
    /* ACK shows no status */
    assert_int_equal(
        binance_read_order(SLICE("{\"symbol\":\"BTCUSDT\",\"orderId\":1,\"orderListId\":-1,"
                                 "\"clientOrderId\":\"a\",\"transactTime\":5}"),
                           &btc, NULL, 0, &order),
        OK);
    assert_int_equal(order.status, BINANCE_STATUS_NONE);
    assert_int_equal(binance_order_status_input(BINANCE_STATUS_NONE), ON_ACCEPT);
}

static void test_rest__queries_are_written(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct order order = {
        .side = SIDE_BUY, .type = ORDER_TYPE_LIMIT, .qty = {1000}, .price = {6000000}};
#define EXPECT(text)                                                                               \
    do {                                                                                           \
        if (!slice_is(buffer_slice(&out), text)) fail_msg("%.*s", (int)out.size, out.data);        \
        buffer_clear(&out);                                                                        \
    } while (0)
    binance_query_order_new(&out, &btc, &order, "tb-x-1");
    EXPECT("symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=60000.00"
           "&newClientOrderId=tb-x-1&newOrderRespType=FULL");
    order.side = SIDE_SELL;
    order.type = ORDER_TYPE_MARKET;
    binance_query_order_new(&out, &btc, &order, "tb-x-1");
    EXPECT("symbol=BTCUSDT&side=SELL&type=MARKET&quantity=0.01&newClientOrderId=tb-x-1"
           "&newOrderRespType=FULL");
    binance_query_order_cancel(&out, "BTCUSDT", "tb-x-1");
    EXPECT("symbol=BTCUSDT&origClientOrderId=tb-x-1");
    binance_query_klines(&out, "BTCUSDT", TIMEFRAME_1M, 5, -1, 1000);
    EXPECT("symbol=BTCUSDT&interval=1m&startTime=5&limit=1000");
    binance_query_depth(&out, "BTCUSDT", 5000);
    EXPECT("symbol=BTCUSDT&limit=5000");
    binance_query_depth(&out, "\xe5\xb8\x81USDT", 5);
    EXPECT("symbol=%E5%B8%81USDT&limit=5");
    binance_query_my_trades_by_order(&out, "BTCUSDT", 9);
    EXPECT("symbol=BTCUSDT&orderId=9");
#undef EXPECT
    assert_int_equal(binance_depth_weight(100), 5);
    assert_int_equal(binance_depth_weight(101), 25);
    assert_int_equal(binance_depth_weight(1000), 50);
    assert_int_equal(binance_depth_weight(5000), 250);
    assert_string_equal(binance_endpoint_info(BINANCE_DELETE_ORDER)->method, "DELETE");
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rest__quantities_are_counted_finer_than_lots),
        cmocka_unit_test(test_rest__an_order_is_written_in_the_lots_decimals),
        cmocka_unit_test(test_rest__real_symbol_lists_equal_jansson),
        cmocka_unit_test(test_rest__real_klines_equal_jansson),
        cmocka_unit_test(test_rest__recorded_snapshots_are_sorted_books),
        cmocka_unit_test(test_rest__fixtures_of_other_people_are_read),
        cmocka_unit_test(test_rest__what_a_key_may_do),
        cmocka_unit_test(test_rest__hostile_bodies_are_refused),
        cmocka_unit_test(test_rest__queries_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
