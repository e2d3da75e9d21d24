/* User stream: events, answers and the frames that subscribe. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "io/venue/binance/binance_user.h"
#include "recordings.h"
#include "stream_peer.h"

static struct binance_symbols table;

static int set_up(void **state)
{
    (void)state;
    const struct instrument btc = stream_peer_instrument("BTCUSDT", 0, 2, 5);
    const struct instrument eth = stream_peer_instrument("ETHUSDT", 1, 2, 4);
    const struct instrument ethbtc = stream_peer_instrument("ETHBTC", 2, 8, 8);
    assert_int_equal(binance_symbols_add(&table, &btc), OK);
    assert_int_equal(binance_symbols_add(&table, &eth), OK);
    assert_int_equal(binance_symbols_add(&table, &ethbtc), OK);
    return 0;
}

#define REPORT(x, X, c, C)                                                                         \
    "{\"e\":\"executionReport\",\"E\":1700000000123,\"s\":\"BTCUSDT\",\"c\":\"" c "\","            \
    "\"S\":\"BUY\",\"o\":\"LIMIT\",\"f\":\"GTC\",\"q\":\"0.01000\",\"p\":\"60000.00\","            \
    "\"P\":\"0.00\",\"F\":\"0.00\",\"g\":-1,\"C\":\"" C "\",\"x\":\"" x "\",\"X\":\"" X "\","      \
    "\"r\":\"NONE\",\"i\":4293153,\"l\":\"0.00400\",\"z\":\"0.00400\",\"L\":\"60000.00\","         \
    "\"n\":\"0.00000400\",\"N\":\"BTC\",\"T\":1700000000120,\"t\":77,\"I\":8641984,\"w\":true,"    \
    "\"m\":true,\"M\":false,\"O\":1700000000000,\"Z\":\"240.00\",\"Y\":\"240.00\",\"Q\":\"0.00\"," \
    "\"W\":1700000000000,\"V\":\"EXPIRE_MAKER\"}"
#define WRAPPED(event) "{\"subscriptionId\":0,\"event\":" event "}"

static void test_user__a_trade_is_a_fill(void **state)
{
    (void)state;
    struct binance_user_frame f;
    const char *const frames[] = {WRAPPED(REPORT("TRADE", "PARTIALLY_FILLED", "tb-1", "")),
                                  REPORT("TRADE", "PARTIALLY_FILLED", "tb-1", "")};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(binance_user_decode(&table, slice_of(frames[i]), &f), OK);
        const struct binance_execution *x = &f.execution;
        assert_int_equal(f.kind, BINANCE_USER_EXECUTION);
        assert_int_equal(f.instrument, 0);
        assert_int_equal(f.event_ms, 1700000000123);
        assert_true(slice_is(x->client_id, "tb-1"));
        assert_true(x->has_fill && !x->has_news);
        assert_int_equal(x->fill.venue_trade_id, 77);
        assert_int_equal(x->fill.price.units, 6000000);
        assert_int_equal(x->fill.qty.units, 400);
        assert_int_equal(x->fill.fee.units, 400);
        assert_string_equal(x->fill.fee_asset, "BTC");
        assert_int_equal(x->fill.liquidity, LIQUIDITY_MAKER);
        assert_int_equal(x->filled.units, 400);
        assert_int_equal(x->venue_order_id, 4293153);
    }
}

static void test_user__execution_types_are_news(void **state)
{
    (void)state;
    static const struct {
        const char *frame;
        bool news;
        uint8_t input;
        const char *client_id;
    } rows[] = {
        {REPORT("NEW", "NEW", "tb-1", ""), true, ON_ACCEPT, "tb-1"},
        {REPORT("CANCELED", "CANCELED", "cancel-9", "tb-1"), true, ON_CANCELED, "tb-1"},
        {REPORT("EXPIRED", "EXPIRED", "tb-1", ""), true, ON_EXPIRED, "tb-1"},
        {REPORT("REJECTED", "REJECTED", "tb-1", ""), true, ON_REJECT, "tb-1"},
        {REPORT("TRADE_PREVENTION", "EXPIRED_IN_MATCH", "tb-1", ""), true, ON_EXPIRED, "tb-1"},
        {REPORT("TRADE_PREVENTION", "PARTIALLY_FILLED", "tb-1", ""), false, 0, "tb-1"},
        {REPORT("REPLACED", "NEW", "tb-1", ""), false, 0, "tb-1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct binance_user_frame f;
        assert_int_equal(binance_user_decode(&table, slice_of(rows[i].frame), &f), OK);
        assert_int_equal(f.execution.has_news, rows[i].news);
        assert_false(f.execution.has_fill);
        if (rows[i].news) assert_int_equal(f.execution.input, rows[i].input);
        assert_true(slice_is(f.execution.client_id, rows[i].client_id));
    }
}

static void test_user__other_events_are_read(void **state)
{
    (void)state;
    struct binance_user_frame f;
    assert_int_equal(binance_user_decode(
                         &table,
                         SLICE(WRAPPED("{\"e\":\"outboundAccountPosition\",\"E\":5,\"u\":4,\"B\":["
                                       "{\"a\":\"ETH\",\"f\":\"10000.000000\",\"l\":\"0.5\"}]}")),
                         &f),
                     OK);
    assert_int_equal(f.kind, BINANCE_USER_POSITION);
    assert_int_equal(f.position.balance_count, 1);
    assert_string_equal(f.position.balances[0].asset, "ETH");
    assert_int_equal(f.position.balances[0].free.units, INT64_C(1000000000000));
    assert_int_equal(f.position.balances[0].locked.units, 50000000);
    assert_int_equal(binance_user_decode(&table,
                                         SLICE("{\"e\":\"balanceUpdate\",\"E\":5,\"a\":\"BTC\","
                                               "\"d\":\"-0.001\",\"T\":5}"),
                                         &f),
                     OK);
    assert_int_equal(f.kind, BINANCE_USER_BALANCE);
    assert_int_equal(f.balance.delta.units, -100000);
    assert_int_equal(binance_user_decode(
                         &table, SLICE(WRAPPED("{\"e\":\"eventStreamTerminated\",\"E\":9}")), &f),
                     OK);
    assert_int_equal(f.kind, BINANCE_USER_TERMINATED);
    assert_int_equal(f.event_ms, 9);
    assert_int_equal(
        binance_user_decode(&table, SLICE("{\"event\":{\"e\":\"serverShutdown\",\"E\":8}}"), &f),
        OK);
    assert_int_equal(f.kind, BINANCE_USER_SHUTDOWN);
    assert_int_equal(binance_user_decode(&table, SLICE("{\"e\":\"somethingNew\",\"E\":8}"), &f),
                     OK);
    assert_int_equal(f.kind, BINANCE_USER_UNKNOWN);
    assert_int_equal(
        binance_user_decode(&table, SLICE("{\"e\":\"executionReport\",\"s\":\"XUSDT\"}"), &f), OK);
    assert_int_equal(f.kind, BINANCE_USER_FOREIGN);
}

static void test_user__answers_are_read(void **state)
{
    (void)state;
    struct binance_user_frame f;
    assert_int_equal(binance_user_decode(
                         &table,
                         SLICE("{\"id\":1,\"status\":200,\"result\":{\"subscriptionId\":3},"
                               "\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":"
                               "\"MINUTE\",\"intervalNum\":1,\"limit\":6000,\"count\":42}]}"),
                         &f),
                     OK);
    assert_int_equal(f.kind, BINANCE_USER_ANSWER);
    assert_int_equal(f.answer.id, 1);
    assert_int_equal(f.answer.subscription_id, 3);
    assert_int_equal(f.answer.used_weight, 42);
    assert_int_equal(
        binance_user_decode(&table,
                            SLICE("{\"id\":null,\"status\":400,\"error\":{\"code\":-1021,"
                                  "\"msg\":\"late\",\"data\":{\"serverTime\":5}}}"),
                            &f),
        OK);
    assert_int_equal(f.answer.id, -1);
    assert_int_equal(f.answer.status, 400);
    assert_int_equal(f.answer.error.code, -1021);
    assert_int_equal(binance_user_decode(&table, SLICE("{\"id\":1,\"status\":400}"), &f),
                     ERR_PARSE);
    assert_int_equal(binance_user_decode(&table, SLICE("{\"id\":1,\"status\":\"200\"}"), &f),
                     ERR_PARSE);
}

static void test_user__fixtures_of_other_people_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        uint8_t kind;
        bool news, fill;
    } rows[] = {
        {"user_data_json/account_position.json", BINANCE_USER_POSITION, false, false},
        {"user_data_json/account_position_wrapped.json", BINANCE_USER_POSITION, false, false},
        {"user_data_json/balance_update.json", BINANCE_USER_BALANCE, false, false},
        {"user_data_json/balance_update_wrapped.json", BINANCE_USER_BALANCE, false, false},
        {"user_data_json/execution_report_canceled.json", BINANCE_USER_EXECUTION, true, false},
        {"user_data_json/execution_report_expired.json", BINANCE_USER_EXECUTION, true, false},
        {"user_data_json/execution_report_new.json", BINANCE_USER_EXECUTION, true, false},
        {"user_data_json/execution_report_stop_loss.json", BINANCE_USER_EXECUTION, true, false},
        {"user_data_json/execution_report_trade.json", BINANCE_USER_EXECUTION, false, true},
        {"user_data_json/execution_report_wrapped.json", BINANCE_USER_EXECUTION, true, false},
        {"user_data_json/list_status_wrapped.json", BINANCE_USER_LIST, false, false},
    };
    struct recording r;
    if (!recording_open(&r, "data/rest/message_fixtures_nautilus.jsonl")) skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slice body;
        struct binance_user_frame f;
        assert_true(recording_fixture(&r, rows[i].file, &body));
        if (binance_user_decode(&table, body, &f)) fail_msg("%s: %s", rows[i].file, err_text());
        if (f.kind != rows[i].kind) fail_msg("%s: kind %d", rows[i].file, f.kind);
        if (f.kind != BINANCE_USER_EXECUTION) continue;
        assert_int_equal(f.execution.has_news, rows[i].news);
        assert_int_equal(f.execution.has_fill, rows[i].fill);
    }
    recording_close(&r);
}

/* Whatever is damaged: no crash, and a fill only ever with a price,
 * a quantity and an asset for its fee. */
static void test_user__damaged_reports_are_refused_or_sound(void **state)
{
    (void)state;
    static const char seed[] = WRAPPED(REPORT("TRADE", "PARTIALLY_FILLED", "tb-1", ""));
    struct prng random;
    unsigned refused = 0;
    prng_init(&random, 5);
    for (int round = 0; round < 60000; round++) {
        struct binance_user_frame f;
        size_t size = sizeof seed - 1;
        char *copy = malloc(size);
        memcpy(copy, seed, size);
        for (uint64_t n = prng_below(&random, 3); n-- > 0;)
            copy[prng_below(&random, size)] = "{}[]\",:0123456789.-eTN"[prng_below(&random, 22)];
        if (prng_below(&random, 4) == 0) size = prng_below(&random, size);
        if (binance_user_decode(&table, (struct slice){copy, size}, &f)) {
            refused++;
        } else if (f.kind == BINANCE_USER_EXECUTION && f.execution.has_fill) {
            const struct fill *fill = &f.execution.fill;
            assert_true(fill->price.units > 0 && fill->qty.units > 0 && fill->fee.units >= 0);
            assert_true(fill->fee.units == 0 || fill->fee_asset[0]);
        }
        free(copy);
    }
    assert_true(refused > 10000);
}

static void test_user__frames_are_written(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct binance_key key;
    assert_int_equal(
        binance_key_init_hmac(&key, SLICE("tradebot-test-key"), SLICE("tradebot-test-secret")), OK);
    assert_int_equal(binance_user_write_subscribe(&out, 1, &key, INT64_C(1700000000000)), OK);
    assert_true(slice_is(
        buffer_slice(&out),
        "{\"id\":1,\"method\":\"userDataStream.subscribe.signature\",\"params\":{\"apiKey\":"
        "\"tradebot-test-key\",\"timestamp\":1700000000000,\"signature\":"
        "\"687f8d8d1e5892f84c46e2990328efac19274db157365a04594bf5a2442bef7c\"}}"));
    binance_key_deinit(&key);
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_user__a_trade_is_a_fill),
        cmocka_unit_test(test_user__execution_types_are_news),
        cmocka_unit_test(test_user__other_events_are_read),
        cmocka_unit_test(test_user__answers_are_read),
        cmocka_unit_test(test_user__fixtures_of_other_people_are_read),
        cmocka_unit_test(test_user__damaged_reports_are_refused_or_sound),
        cmocka_unit_test(test_user__frames_are_written),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
