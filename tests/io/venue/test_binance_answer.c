/* What answers prove: every listed code, and everything that proves nothing. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "io/venue/binance/binance_answer.h"

static const struct instrument btc = {
    .symbol = "BTCUSDT", .price_scale = 2, .qty_scale = 5, .base_scale = 8, .quote_scale = 8};

#define FULL                                                                                       \
    "{\"symbol\":\"BTCUSDT\",\"orderId\":28,\"orderListId\":-1,\"clientOrderId\":\"tb-x-1\","      \
    "\"transactTime\":1507725176595,\"price\":\"0.00000000\",\"origQty\":\"10.00000000\","         \
    "\"executedQty\":\"10.00000000\",\"cummulativeQuoteQty\":\"40000.5\",\"status\":\"FILLED\","   \
    "\"timeInForce\":\"GTC\",\"type\":\"MARKET\",\"side\":\"SELL\",\"fills\":["                    \
    "{\"price\":\"4000.00000000\",\"qty\":\"1.00000000\",\"commission\":\"4.00000000\","           \
    "\"commissionAsset\":\"USDT\",\"tradeId\":56},"                                                \
    "{\"price\":\"3999.50\",\"qty\":\"9.00000\",\"commission\":\"19.995\","                        \
    "\"commissionAsset\":\"BNB\",\"tradeId\":57}]}"

static struct binance_answer classify(enum binance_request_kind kind, int status, const char *body)
{
    struct binance_answer answer;
    struct fill fills[4];
    const struct binance_outcome outcome = {.answered = true,
                                            .maybe_sent = true,
                                            .status = status,
                                            .body = slice_of(body),
                                            .retry_after_s = -1};
    binance_classify(kind, &outcome, &btc, "tb-x-1", fills, 4, &answer);
    return answer;
}

static struct binance_answer classify_code(enum binance_request_kind kind, int status, int code,
                                           const char *message)
{
    char body[256];
    snprintf(body, sizeof body, "{\"code\":%d,\"msg\":\"%s\"}", code, message);
    return classify(kind, status, body);
}

static void test_answer__every_code_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        int code;
        uint8_t place, cancel, query;
    } rows[] = {
#define U BINANCE_UNKNOWN_FATE
#define R BINANCE_REJECTED
        {-1000, U, U, U},
        {-1001, U, U, U},
        {-1006, U, U, U},
        {-1007, U, U, U},
        {-1002, R, R, R},
        {-1003, BINANCE_RATE_LIMITED, BINANCE_RATE_LIMITED, BINANCE_RATE_LIMITED},
        {-1008, U, U, U},
        {-1013, R, R, R},
        {-1014, R, R, R},
        {-1015, BINANCE_RATE_LIMITED, BINANCE_RATE_LIMITED, BINANCE_RATE_LIMITED},
        {-1016, R, R, R},
        {-1020, R, R, R},
        {-1021, BINANCE_CLOCK, BINANCE_CLOCK, BINANCE_CLOCK},
        {-1022, R, R, R},
        {-1034, U, U, U},
        {-1100, R, R, R},
        {-1101, R, R, R},
        {-1102, R, R, R},
        {-1103, R, R, R},
        {-1104, R, R, R},
        {-1105, R, R, R},
        {-1106, R, R, R},
        {-1108, R, R, R},
        {-1111, R, R, R},
        {-1112, R, R, R},
        {-1114, R, R, R},
        {-1115, R, R, R},
        {-1116, R, R, R},
        {-1117, R, R, R},
        {-1118, R, R, R},
        {-1119, R, R, R},
        {-1120, R, R, R},
        {-1121, R, R, R},
        {-1122, R, R, R},
        {-1125, U, U, U},
        {-1127, U, U, U},
        {-1128, R, R, R},
        {-1130, R, R, R},
        {-1134, R, R, R},
        {-1135, R, R, R},
        {-1145, R, R, R},
        {-1151, R, R, R},
        {-1158, U, U, U},
        {-1160, U, U, U},
        {-1165, U, U, U},
        {-1166, U, U, U},
        {-1168, U, U, U},
        {-1193, U, U, U},
        {-1196, U, U, U},
        {-1199, U, U, U},
        {-1220, R, R, R},
        {-2010, R, R, R},
        {-2011, U, R, U},
        {-2013, U, U, BINANCE_ABSENT},
        {-2014, R, R, R},
        {-2015, R, R, R},
        {-2021, U, U, U},
        {-2022, U, U, U},
        {-2026, U, U, U},
        {-2028, U, U, U},
        {-2035, U, U, U},
        {-2036, U, U, U},
        {-2038, U, U, U},
        {-2039, U, U, U},
        {-2042, U, U, U},
        {-2043, U, U, U},
        {0, U, U, U},
        {-9999, U, U, U},
        {1, U, U, U},
#undef U
#undef R
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint8_t expected[] = {rows[i].place, rows[i].cancel, rows[i].query};
        for (int kind = BINANCE_PLACE; kind <= BINANCE_QUERY; kind++) {
            const struct binance_answer a =
                classify_code((enum binance_request_kind)kind, 400, rows[i].code, "text");
            if (a.verdict != expected[kind])
                fail_msg("code %d, kind %d: %d", rows[i].code, kind, a.verdict);
            assert_int_equal(a.code, rows[i].code);
            /* The same code in an answer that nobody vouches for proves nothing. */
            static const int doubtful[] = {200, 403, 409, 500, 502, 503, 504, 302, 408};
            for (size_t n = 0; n < sizeof doubtful / sizeof *doubtful; n++) {
                const struct binance_answer b = classify_code((enum binance_request_kind)kind,
                                                              doubtful[n], rows[i].code, "text");
                assert_int_equal(b.verdict, BINANCE_UNKNOWN_FATE);
            }
        }
    }
}

static void test_answer__reasons_are_read_from_the_text(void **state)
{
    (void)state;
    assert_int_equal(classify_code(BINANCE_PLACE, 400, -2010,
                                   "Account has insufficient balance for requested action.")
                         .reason,
                     ORDER_REASON_INSUFFICIENT_BALANCE);
    assert_int_equal(classify_code(BINANCE_PLACE, 400, -1013, "Filter failure: NOTIONAL").reason,
                     ORDER_REASON_FILTER);
    assert_int_equal(classify_code(BINANCE_PLACE, 400, -2010, "Market is closed.").reason,
                     ORDER_REASON_VENUE_REJECTED);
    /* Somebody holds an order under our id: perhaps our own. */
    assert_int_equal(classify_code(BINANCE_PLACE, 400, -2010, "Duplicate order sent.").verdict,
                     BINANCE_UNKNOWN_FATE);
}

static void test_answer__transport_failures(void **state)
{
    (void)state;
    struct binance_answer a;
    struct binance_outcome outcome = {.retry_after_s = -1};
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", NULL, 0, &a);
    assert_int_equal(a.verdict, BINANCE_NOT_SENT);
    outcome.maybe_sent = true;
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", NULL, 0, &a);
    assert_int_equal(a.verdict, BINANCE_UNKNOWN_FATE);
}

static void test_answer__unreadable_bodies_prove_nothing(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "{",
        "<html>403 Forbidden</html>",
        "{\"code\":-2010,\"msg\":\"x\"",
        "{\"code\":\"-2010\"}",
        "{\"msg\":\"x\"}",
        "[]",
        "null",
        "{\"code\":-2010,\"code\":-2010,\"msg\":\"\"}",
        "{\"code\":-2010,\"msg\":\"\xff\"}",
        "{\"code\":-99999999999}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        static const int statuses[] = {200, 400, 429, 418, 401, 500};
        for (size_t n = 0; n < 6; n++) {
            const struct binance_answer a = classify(BINANCE_PLACE, statuses[n], bodies[i]);
            if (a.verdict != BINANCE_UNKNOWN_FATE) fail_msg("%d %s", statuses[n], bodies[i]);
        }
    }
}

static void test_answer__limits_bind_the_budget_whatever_they_prove(void **state)
{
    (void)state;
    struct binance_answer a;
    struct binance_outcome outcome = {.answered = true,
                                      .maybe_sent = true,
                                      .status = 418,
                                      .body =
                                          SLICE("{\"code\":-1003,\"msg\":\"Way too much request "
                                                "weight used; IP banned until 1700000123456. "
                                                "Please use WebSocket Streams.\"}"),
                                      .retry_after_s = 120};
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", NULL, 0, &a);
    assert_int_equal(a.verdict, BINANCE_RATE_LIMITED);
    assert_int_equal(a.retry_after_ms, 120000);
    assert_int_equal(a.banned_until_ms, 1700000123456);
    assert_false(a.orders_limited);
    outcome.status = 429;
    outcome.body = SLICE("{\"code\":-1015,\"msg\":\"Too many new orders.\"}");
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", NULL, 0, &a);
    assert_int_equal(a.verdict, BINANCE_RATE_LIMITED);
    assert_true(a.orders_limited);
    outcome.body = SLICE("slow down");
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", NULL, 0, &a);
    assert_int_equal(a.verdict, BINANCE_UNKNOWN_FATE);
    assert_int_equal(a.retry_after_ms, 120000);
}

static void test_answer__an_accepted_order_is_shown_with_its_fills(void **state)
{
    (void)state;
    struct binance_answer a;
    struct fill fills[4];
    struct binance_outcome outcome = {.answered = true,
                                      .maybe_sent = true,
                                      .status = 200,
                                      .body = SLICE(FULL),
                                      .retry_after_s = -1};
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", fills, 4, &a);
    assert_int_equal(a.verdict, BINANCE_ACCEPTED);
    assert_int_equal(a.order.status, BINANCE_STATUS_FILLED);
    assert_int_equal(a.order.venue_order_id, 28);
    assert_int_equal(a.order.filled.units, 1000000);
    assert_int_equal(a.order.filled_quote.units, INT64_C(4000050000000));
    assert_int_equal(a.order.fill_count, 2);
    assert_int_equal(fills[0].price.units, 400000);
    assert_int_equal(fills[1].qty.units, 900000);
    assert_int_equal(fills[1].fee.units, 1999500000);
    assert_string_equal(fills[1].fee_asset, "BNB");
    assert_int_equal(fills[1].venue_trade_id, 57);
    assert_int_equal(fills[1].time_ms, 1507725176595);
    assert_int_equal(binance_order_status_input(a.order.status), ON_ACCEPT);
    /* fewer places than fills: told, not lost in silence */
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", fills, 1, &a);
    assert_int_equal(a.order.fill_count, 1);
    assert_int_equal(a.order.fills_missing, 1);
    /* another order than ours */
    binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-2", fills, 4, &a);
    assert_int_equal(a.verdict, BINANCE_UNKNOWN_FATE);
}

static void test_answer__a_cancel_is_known_by_the_orders_own_id(void **state)
{
    (void)state;
    const struct binance_answer a = classify(
        BINANCE_CANCEL, 200,
        "{\"symbol\":\"BTCUSDT\",\"origClientOrderId\":\"tb-x-1\",\"orderId\":4,"
        "\"clientOrderId\":\"cancelMyOrder1\",\"transactTime\":1684804350068,\"price\":\"2.00\","
        "\"origQty\":\"1.0\",\"executedQty\":\"0.5\",\"cummulativeQuoteQty\":\"1.0\","
        "\"status\":\"CANCELED\",\"side\":\"BUY\"}");
    assert_int_equal(a.verdict, BINANCE_ACCEPTED);
    assert_int_equal(a.order.filled.units, 50000);
    assert_int_equal(binance_order_status_input(a.order.status), ON_CANCELED);
}

/* No cut and no flipped byte of a good answer may prove a rejection. */
static void test_answer__damaged_answers_never_reject(void **state)
{
    (void)state;
    struct prng random;
    struct fill fills[4];
    prng_init(&random, 3);
    for (int round = 0; round < 50000; round++) {
        size_t size = sizeof FULL - 1;
        char *copy = malloc(size);
        memcpy(copy, FULL, size);
        copy[prng_below(&random, size)] ^= (char)(1 + prng_below(&random, 255));
        if (prng_below(&random, 2)) size = prng_below(&random, size);
        struct binance_answer a;
        const struct binance_outcome outcome = {.answered = true,
                                                .maybe_sent = true,
                                                .status = prng_below(&random, 2) ? 200 : 400,
                                                .body = {copy, size},
                                                .retry_after_s = -1};
        binance_classify(BINANCE_PLACE, &outcome, &btc, "tb-x-1", fills, 4, &a);
        assert_true(a.verdict == BINANCE_ACCEPTED || a.verdict == BINANCE_UNKNOWN_FATE);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer__every_code_has_its_verdict),
        cmocka_unit_test(test_answer__reasons_are_read_from_the_text),
        cmocka_unit_test(test_answer__transport_failures),
        cmocka_unit_test(test_answer__unreadable_bodies_prove_nothing),
        cmocka_unit_test(test_answer__limits_bind_the_budget_whatever_they_prove),
        cmocka_unit_test(test_answer__an_accepted_order_is_shown_with_its_fills),
        cmocka_unit_test(test_answer__a_cancel_is_known_by_the_orders_own_id),
        cmocka_unit_test(test_answer__damaged_answers_never_reject),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
