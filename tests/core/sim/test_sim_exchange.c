/* Each rule of the simulated exchange, by example. */
#include "cmocka_all.h"

#include <string.h>

#include "sim_world.h"

static struct world w;

static int setup(void **state)
{
    (void)state;
    world_init(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_deinit(&w);
    return 0;
}

static void assert_refused(struct sim_request r, int code, const char *text)
{
    struct sim_result result;
    const enum sim_reject reject = world_place(&w, r, &result);
    assert_int_equal(sim_reject_code(reject), code);
    assert_string_equal(sim_reject_text(reject), text);
    assert_int_equal(result.order.id, 0);
}

static struct sim_request market(unsigned person, enum side side, int64_t qty)
{
    struct sim_request r = world_limit(&w, person, side, 0, qty);
    r.type = SIM_TYPE_MARKET;
    return r;
}

static struct sim_request stop(unsigned person, enum sim_type type, enum side side, int64_t trigger,
                               int64_t price, int64_t qty)
{
    struct sim_request r = world_limit(&w, person, side, price, qty);
    r.type = (uint8_t)type;
    r.stop_price.units = trigger * 100;
    return r;
}

static struct sim_balance balance(unsigned person, uint16_t asset)
{
    return sim_exchange_balance(&w.exchange, w.people[person], asset);
}

/* Counts the reports of one execution type for an order. */
static unsigned reports(uint64_t order_id, enum sim_execution execution)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < w.event_count; i++)
        if (w.events[i].event.kind == SIM_EVENT_REPORT && w.events[i].order.id == order_id &&
            w.events[i].event.report.execution == execution)
            count++;
    return count;
}

static void test_filters__each_one_refuses_with_its_name(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    struct sim_request r = world_limit(&w, 0, SIDE_BUY, 1000, 10);
    r.price.units = 100003;
    assert_refused(r, -1013, "Filter failure: PRICE_FILTER");
    r.price.units = 95;
    assert_refused(r, -1013, "Filter failure: PRICE_FILTER");
    r.price.units = 100000005;
    assert_refused(r, -1013, "Filter failure: PRICE_FILTER");
    r.price.units = 0;
    assert_refused(r, -1013, "Filter failure: PRICE_FILTER");

    r.price.units = 200005;
    assert_refused(r, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE");
    r.price.units = 19995;
    assert_refused(r, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE");
    r.side = SIDE_SELL;
    r.price.units = 49995;
    assert_refused(r, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE");
    r.price.units = 500005;
    assert_refused(r, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE");

    r = world_limit(&w, 0, SIDE_BUY, 1000, 11);
    assert_refused(r, -1013, "Filter failure: LOT_SIZE");
    r.qty.units = 2;
    assert_refused(r, -1013, "Filter failure: LOT_SIZE");
    r.qty.units = 1000002;
    assert_refused(r, -1013, "Filter failure: LOT_SIZE");
    r.qty.units = 4; /* 4 USDT */
    assert_refused(r, -1013, "Filter failure: NOTIONAL");
    r.qty.units = 1000000; /* 1,000,000 USDT */
    assert_refused(r, -1013, "Filter failure: NOTIONAL");

    r = market(0, SIDE_SELL, 600002);
    assert_refused(r, -1013, "Filter failure: MARKET_LOT_SIZE");
    r.qty.units = 4;
    assert_refused(r, -1013, "Filter failure: NOTIONAL");
    assert_int_equal(w.event_count, 0);
}

static void test_filters__prices_on_the_bounds_pass(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    struct sim_request r = world_limit(&w, 0, SIDE_BUY, 200, 100);
    assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_NONE);
    r = world_limit(&w, 0, SIDE_SELL, 5000, 100);
    assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_NONE);
    r = world_limit(&w, 0, SIDE_SELL, 1000, 0);
    r.qty.units = 6;
    assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_NONE);
}

static void test_filters__the_smallest_notional_passes(void **state)
{
    (void)state;
    world_rest(&w, 0, SIDE_BUY, 500, 10); /* 5 USDT exactly */
    assert_refused(world_limit(&w, 0, SIDE_BUY, 499, 10), -1013, "Filter failure: NOTIONAL");
    world_rest(&w, 0, SIDE_BUY, 90000, 10000); /* 900,000 USDT exactly */
}

static void test_average__weighs_five_minutes_then_is_the_last_price(void **state)
{
    (void)state;
    assert_int_equal(sim_exchange_average_price(&w.exchange, w.btc, w.time_ms).units, 0);
    world_trade_at(&w, 1000);
    w.time_ms += 120000;
    for (int i = 0; i < 3; i++) world_trade_at(&w, 1100);
    assert_int_equal(sim_exchange_average_price(&w.exchange, w.btc, w.time_ms).units, 107500);
    w.time_ms += 200000;
    assert_int_equal(sim_exchange_average_price(&w.exchange, w.btc, w.time_ms).units, 110000);
    world_trade_at(&w, 1200);
    w.time_ms += 400000;
    assert_int_equal(sim_exchange_average_price(&w.exchange, w.btc, w.time_ms).units, 120000);
}

static void test_filters__too_many_orders_and_stops(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(world_place(&w, stop(0, SIM_TYPE_STOP_LOSS, SIDE_SELL, 900, 0, 10), NULL),
                         0);
    assert_refused(stop(0, SIM_TYPE_STOP_LOSS, SIDE_SELL, 900, 0, 10), -1013,
                   "Filter failure: MAX_NUM_ALGO_ORDERS");
    for (int i = 0; i < 15; i++) world_rest(&w, 0, SIDE_BUY, 900, 10);
    assert_refused(world_limit(&w, 0, SIDE_BUY, 900, 10), -1013, "Filter failure: MAX_NUM_ORDERS");
    world_rest(&w, 1, SIDE_BUY, 900, 10); /* somebody else still may */
}

static void test_place__refusals_of_the_engine_have_their_texts(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    world_rest(&w, 0, SIDE_BUY, 1000, 400000); /* 400,000 of 1,000,000 */
    world_rest(&w, 0, SIDE_BUY, 1000, 400000);
    assert_refused(world_limit(&w, 0, SIDE_BUY, 1000, 400000), -2010,
                   "Account has insufficient balance for requested action.");
    struct sim_request r = world_limit(&w, 1, SIDE_SELL, 1000, 10);
    r.type = SIM_TYPE_LIMIT_MAKER;
    assert_refused(r, -2010, "Order would immediately match and take.");
    assert_refused(stop(1, SIM_TYPE_STOP_LOSS, SIDE_SELL, 1000, 0, 10), -2010,
                   "Order would trigger immediately.");
    assert_refused(stop(1, SIM_TYPE_STOP_LOSS_LIMIT, SIDE_BUY, 999, 999, 10), -2010,
                   "Order would trigger immediately.");
    assert_refused(stop(1, SIM_TYPE_TAKE_PROFIT, SIDE_SELL, 1000, 0, 10), -2010,
                   "Order would trigger immediately.");
    assert_refused(stop(1, SIM_TYPE_TAKE_PROFIT_LIMIT, SIDE_BUY, 1001, 1001, 10), -2010,
                   "Order would trigger immediately.");
    sim_exchange_set_status(&w.exchange, w.btc, INSTRUMENT_HALTED);
    assert_refused(world_limit(&w, 1, SIDE_BUY, 990, 10), -2010, "Market is closed.");
}

static void test_place__engine_refusals_are_reported_too(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    assert_refused(stop(1, SIM_TYPE_STOP_LOSS, SIDE_SELL, 1000, 0, 10), -2010,
                   "Order would trigger immediately.");
    assert_int_equal(w.event_count, 1);
    assert_int_equal(w.events[0].event.report.execution, SIM_EXECUTION_REJECTED);
    assert_int_equal(w.events[0].order.status, SIM_REJECTED);
    assert_null(world_order(&w, 1, w.events[0].order.id));
}

static void test_client_id__is_unique_among_open_orders_only(void **state)
{
    (void)state;
    struct sim_request r = world_limit(&w, 0, SIDE_BUY, 1000, 10);
    struct sim_result first, second;
    assert_int_equal(world_place(&w, r, &first), SIM_REJECT_NONE);
    assert_refused(r, -2010, "Duplicate order sent.");
    r.account = w.people[1];
    assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_NONE);
    world_place(&w, world_limit(&w, 2, SIDE_SELL, 1000, 20), NULL);
    assert_int_equal(world_order(&w, 0, first.order.id)->status, SIM_FILLED);
    r.account = w.people[0];
    assert_int_equal(world_place(&w, r, &second), SIM_REJECT_NONE);
    assert_true(second.order.id > first.order.id);
    /* The open one is found before the closed one. */
    const struct sim_order *found =
        sim_exchange_order(&w.exchange, w.people[0], w.btc, SIM_NO_ID, r.client_id);
    assert_int_equal(found->id, second.order.id);
}

static void test_match__price_first_then_time(void **state)
{
    (void)state;
    const uint64_t late = world_rest(&w, 0, SIDE_SELL, 1010, 10);
    const uint64_t first = world_rest(&w, 1, SIDE_SELL, 1000, 10);
    const uint64_t second = world_rest(&w, 0, SIDE_SELL, 1000, 10);
    struct sim_result result;
    world_place(&w, world_limit(&w, 2, SIDE_BUY, 1010, 24), &result);
    assert_int_equal(result.order.status, SIM_FILLED);
    assert_int_equal(result.fill_count, 3);
    assert_int_equal(result.fills[0].price.units, 100000);
    assert_int_equal(result.fills[2].price.units, 101000);
    assert_int_equal(world_order(&w, 1, first)->status, SIM_FILLED);
    assert_int_equal(world_order(&w, 0, second)->status, SIM_FILLED);
    assert_int_equal(world_order(&w, 0, late)->filled.units, 4);
    assert_int_equal(world_order(&w, 0, late)->status, SIM_PARTIALLY_FILLED);
    assert_int_equal(result.fills[0].trade_id + 2, result.fills[2].trade_id);
}

static void test_match__fees_are_part_of_what_is_received(void **state)
{
    (void)state;
    const struct money quote0 = balance(0, w.usdt).free, base0 = balance(0, w.base).free;
    const struct money quote1 = balance(1, w.usdt).free, base1 = balance(1, w.base).free;
    world_rest(&w, 0, SIDE_SELL, 1000, 100);
    assert_int_equal(balance(0, w.base).locked.units, 10000000);
    struct sim_result result;
    world_place(&w, world_limit(&w, 1, SIDE_BUY, 1001, 100), &result);
    const int64_t paid = INT64_C(10000000000), bought = 10000000; /* 100 USDT, 0.1 BTC */
    assert_int_equal(result.fills[0].fee.units, bought / 500);
    assert_int_equal(result.fills[0].fee_asset, w.base);
    assert_false(result.fills[0].is_maker);
    assert_int_equal(balance(1, w.base).free.units, base1.units + bought - bought / 500);
    assert_int_equal(balance(1, w.usdt).free.units, quote1.units - paid);
    assert_int_equal(balance(1, w.usdt).locked.units, 0);
    assert_int_equal(balance(0, w.usdt).free.units, quote0.units + paid - paid / 1000);
    assert_int_equal(balance(0, w.base).free.units, base0.units - bought);
    assert_int_equal(w.exchange.fees[w.base].units, bought / 500);
    assert_int_equal(w.exchange.fees[w.usdt].units, paid / 1000);
}

static void test_match__own_resting_order_expires(void **state)
{
    (void)state;
    const uint64_t own = world_rest(&w, 0, SIDE_SELL, 1000, 10);
    const uint64_t other = world_rest(&w, 1, SIDE_SELL, 1000, 10);
    struct sim_result result;
    world_place(&w, world_limit(&w, 0, SIDE_BUY, 1000, 10), &result);
    assert_int_equal(result.order.status, SIM_FILLED);
    assert_int_equal(world_order(&w, 0, own)->status, SIM_EXPIRED_IN_MATCH);
    assert_int_equal(world_order(&w, 1, other)->status, SIM_FILLED);
    assert_int_equal(reports(own, SIM_EXECUTION_TRADE_PREVENTION), 1);
}

static void test_tif__ioc_keeps_what_it_got_fok_all_or_nothing(void **state)
{
    (void)state;
    world_rest(&w, 0, SIDE_SELL, 1000, 10);
    struct sim_request r = world_limit(&w, 1, SIDE_BUY, 1000, 16);
    struct sim_result result;
    r.tif = SIM_FOK;
    world_place(&w, r, &result);
    assert_int_equal(result.order.status, SIM_EXPIRED);
    assert_int_equal(result.order.expiry, SIM_EXPIRY_UNFILLED_FOK);
    assert_int_equal(result.order.filled.units, 0);
    r.tif = SIM_IOC;
    world_place(&w, r, &result);
    assert_int_equal(result.order.status, SIM_EXPIRED);
    assert_int_equal(result.order.expiry, SIM_EXPIRY_UNFILLED_IOC);
    assert_int_equal(result.order.filled.units, 10);
    world_rest(&w, 0, SIDE_SELL, 1000, 16);
    r.tif = SIM_FOK;
    world_place(&w, r, &result);
    assert_int_equal(result.order.status, SIM_FILLED);
    assert_int_equal(balance(1, w.usdt).locked.units, 0);
}

static void test_market__remainder_expires(void **state)
{
    (void)state;
    struct sim_result result;
    world_place(&w, market(1, SIDE_BUY, 16), &result);
    assert_int_equal(result.order.status, SIM_EXPIRED);
    assert_int_equal(result.order.expiry, SIM_EXPIRY_LIQUIDITY);
    world_rest(&w, 0, SIDE_SELL, 1000, 10);
    world_place(&w, market(1, SIDE_BUY, 16), &result);
    assert_int_equal(result.order.status, SIM_EXPIRED);
    assert_int_equal(result.order.filled.units, 10);
    assert_int_equal(balance(1, w.usdt).locked.units, 0);
    world_rest(&w, 0, SIDE_BUY, 1000, 10);
    world_place(&w, market(1, SIDE_SELL, 16), &result);
    assert_int_equal(result.order.filled.units, 10);
    assert_int_equal(balance(1, w.base).locked.units, 0);
}

static void test_market__quote_quantity_buys_the_most_that_fits(void **state)
{
    (void)state;
    world_rest(&w, 0, SIDE_SELL, 1000, 10); /* 10 USDT */
    world_rest(&w, 0, SIDE_SELL, 1005, 100);
    struct sim_request r = market(1, SIDE_BUY, 0);
    r.quote_qty.units = INT64_C(2000000000); /* 20 USDT: 10 more for 1005 each is 8 (9.95) */
    struct sim_result result;
    world_place(&w, r, &result);
    assert_int_equal(result.order.status, SIM_FILLED);
    assert_int_equal(result.order.qty.units, 18);
    assert_int_equal(result.order.filled_quote.units, INT64_C(1804000000));

    r = market(1, SIDE_BUY, 0);
    r.quote_qty.units = INT64_C(400000000);
    assert_refused(r, -1013, "Filter failure: NOTIONAL");
}

static void test_market__quote_quantity_without_a_book_is_refused(void **state)
{
    (void)state;
    struct sim_request r = market(1, SIDE_SELL, 0);
    r.quote_qty.units = INT64_C(2000000000);
    assert_refused(r, -2010,
                   "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.");
}

static void test_market__buy_that_cannot_be_paid_is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) world_rest(&w, 0, SIDE_SELL, 1000, 300000);
    world_rest(&w, 1, SIDE_SELL, 2000, 400000);
    for (int i = 0; i < 2; i++) world_rest(&w, 2, SIDE_BUY, 900, 400000); /* 280,000 left */
    assert_refused(market(2, SIDE_BUY, 300000), -2010,
                   "Account has insufficient balance for requested action.");
    struct sim_result result;
    assert_int_equal(world_place(&w, market(2, SIDE_BUY, 280000), &result), SIM_REJECT_NONE);
    assert_int_equal(result.order.status, SIM_FILLED);
    assert_int_equal(balance(2, w.usdt).free.units, 0);
}

static void test_stop__triggers_on_the_last_price(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    struct sim_result loss, profit, limit;
    world_place(&w, stop(0, SIM_TYPE_STOP_LOSS, SIDE_SELL, 950, 0, 10), &loss);
    world_place(&w, stop(0, SIM_TYPE_TAKE_PROFIT, SIDE_SELL, 1050, 0, 10), &profit);
    world_place(&w, stop(0, SIM_TYPE_STOP_LOSS_LIMIT, SIDE_BUY, 1050, 1060, 10), &limit);
    assert_int_equal(loss.order.status, SIM_NEW);
    assert_false(loss.order.is_working);
    assert_int_equal(loss.order.working_ms, -1);
    world_rest(&w, 1, SIDE_BUY, 940, 10);
    world_trade_at(&w, 955);
    assert_int_equal(world_order(&w, 0, loss.order.id)->status, SIM_NEW);
    world_trade_at(&w, 950);
    const struct sim_order *o = world_order(&w, 0, loss.order.id);
    assert_int_equal(o->status, SIM_FILLED);
    assert_int_equal(o->filled_quote.units, INT64_C(940000000)); /* at what the market gave */
    assert_true(o->is_working);
    /* The profit order finds no buyer; the limit order rests. */
    world_trade_at(&w, 1050);
    assert_int_equal(world_order(&w, 0, profit.order.id)->status, SIM_EXPIRED);
    o = world_order(&w, 0, limit.order.id);
    assert_int_equal(o->status, SIM_NEW);
    assert_true(o->is_working);
    assert_int_equal(sim_exchange_last_price(&w.exchange, w.btc).units, 105000);
}

static void test_stop__one_may_trigger_the_next(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    struct sim_result first, second;
    world_place(&w, stop(0, SIM_TYPE_STOP_LOSS, SIDE_SELL, 950, 0, 10), &first);
    world_place(&w, stop(1, SIM_TYPE_STOP_LOSS, SIDE_SELL, 901, 0, 10), &second);
    world_rest(&w, 2, SIDE_BUY, 900, 10);
    world_rest(&w, 2, SIDE_BUY, 800, 10);
    world_rest(&w, 2, SIDE_BUY, 949, 10);
    world_place(&w, world_limit(&w, 3, SIDE_SELL, 949, 10), NULL);
    assert_int_equal(world_order(&w, 0, first.order.id)->status, SIM_FILLED);
    assert_int_equal(world_order(&w, 1, second.order.id)->status, SIM_FILLED);
    assert_int_equal(sim_exchange_last_price(&w.exchange, w.btc).units, 80000);
}

static void test_stop__market_buy_never_overdraws(void **state)
{
    (void)state;
    world_trade_at(&w, 1000);
    world_rest(&w, 0, SIDE_BUY, 900, 1000000 - 200000); /* 720,000 */
    struct sim_result result;
    world_place(&w, stop(0, SIM_TYPE_STOP_LOSS, SIDE_BUY, 1100, 0, 240000), &result); /* 264,000 */
    assert_int_equal(result.order.status, SIM_NEW);
    world_rest(&w, 1, SIDE_SELL, 2000, 400000);
    world_trade_at(&w, 1100);
    const struct sim_order *o = world_order(&w, 0, result.order.id);
    assert_int_equal(o->status, SIM_EXPIRED);
    assert_in_range(o->filled.units, 139000, 140100); /* 280,000 / 2000, less the trade's USDT */
    assert_true(balance(0, w.usdt).free.units >= 0);
}

static void test_cancel__by_id_by_client_id_and_refusals(void **state)
{
    (void)state;
    struct sim_request r = world_limit(&w, 0, SIDE_BUY, 1000, 10);
    struct sim_result placed;
    world_place(&w, r, &placed);
    struct sim_cancel c = {
        .account = w.people[0],
        .instrument = w.btc,
        .order_id = placed.order.id,
        .original_id = "somebody else",
        .client_id = "the-cancel",
        .time_ms = ++w.time_ms,
    };
    struct sim_order ended;
    assert_int_equal(sim_exchange_cancel(&w.exchange, &c, &ended), SIM_REJECT_CANCEL_MISMATCH);
    assert_int_equal(sim_reject_code(SIM_REJECT_CANCEL_MISMATCH), -2011);
    c.restriction = SIM_CANCEL_ONLY_PARTIALLY_FILLED;
    c.order_id = SIM_NO_ID;
    strcpy(c.original_id, r.client_id);
    assert_int_equal(sim_exchange_cancel(&w.exchange, &c, &ended), SIM_REJECT_CANCEL_RESTRICTED);
    c.restriction = SIM_CANCEL_ONLY_NEW;
    assert_int_equal(sim_exchange_cancel(&w.exchange, &c, &ended), SIM_REJECT_NONE);
    assert_int_equal(ended.status, SIM_CANCELED);
    assert_string_equal(ended.client_id, "the-cancel");
    assert_string_equal(ended.original_id, r.client_id);
    assert_int_equal(balance(0, w.usdt).locked.units, 0);
    assert_int_equal(sim_exchange_cancel(&w.exchange, &c, &ended), SIM_REJECT_UNKNOWN_ORDER);
    assert_string_equal(sim_reject_text(SIM_REJECT_UNKNOWN_ORDER), "Unknown order sent.");
    /* Somebody else's order is unknown. */
    const uint64_t other = world_rest(&w, 1, SIDE_BUY, 1000, 10);
    assert_int_equal(world_cancel(&w, 0, other), SIM_REJECT_UNKNOWN_ORDER);
    /* A cancelled order is still found by its own client id. */
    assert_non_null(sim_exchange_order(&w.exchange, w.people[0], w.btc, SIM_NO_ID, r.client_id));
}

static void test_events__levels_count_on_and_sum_up_to_the_book(void **state)
{
    (void)state;
    int64_t asks[4] = {0};
    uint64_t last = 9000;
    world_rest(&w, 0, SIDE_SELL, 1001, 10);
    world_rest(&w, 0, SIDE_SELL, 1002, 20);
    world_rest(&w, 1, SIDE_SELL, 1002, 30);
    world_place(&w, world_limit(&w, 2, SIDE_BUY, 1002, 40), NULL);
    for (uint32_t i = 0; i < w.event_count; i++) {
        const struct sim_event *e = &w.events[i].event;
        if (e->kind != SIM_EVENT_LEVEL) continue;
        assert_int_equal(e->level.update_id, ++last);
        assert_int_equal(e->level.side, SIDE_SELL);
        asks[e->level.price.units / 100 - 1000] = e->level.qty.units;
    }
    struct level levels[4];
    uint64_t update_id;
    assert_int_equal(sim_exchange_depth(&w.exchange, w.btc, SIDE_SELL, levels, 4, &update_id), 1);
    assert_int_equal(update_id, last);
    assert_int_equal(asks[1], 0);
    assert_int_equal(asks[2], 20);
    assert_int_equal(levels[0].qty.units, 20);
}

static void test_limits__full_pool_refuses_and_recovers(void **state)
{
    (void)state;
    struct sim_request r = world_limit(&w, 0, SIDE_SELL, 1000, 10);
    uint32_t maker;
    assert_int_equal(sim_exchange_add_account(&w.exchange, "maker", true, &maker), OK);
    r.account = maker;
    r.client_id[0] = '\0';
    for (int i = 0; i < 300; i++) {
        r.price.units += 5;
        assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_NONE);
    }
    r.price.units += 5;
    assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_OVERLOADED); /* levels */
    r.price.units -= 5;
    for (int i = 0; i < 200; i++) assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_NONE);
    assert_int_equal(world_place(&w, r, NULL), SIM_REJECT_OVERLOADED); /* orders */
    assert_int_equal(sim_reject_code(SIM_REJECT_OVERLOADED), -1008);
    assert_refused(market(0, SIDE_BUY, 100), -1008, sim_reject_text(SIM_REJECT_OVERLOADED));
}

static void test_queries__open_all_and_trades(void **state)
{
    (void)state;
    uint64_t ids[70];
    for (int i = 0; i < 70; i++) {
        ids[i] = world_rest(&w, 0, SIDE_BUY, 1000, 10);
        world_place(&w, world_limit(&w, 1, SIDE_SELL, 1000, 10), NULL);
    }
    const uint64_t open = world_rest(&w, 0, SIDE_BUY, 990, 10);
    const struct sim_order *orders[100];
    assert_int_equal(sim_exchange_open_orders(&w.exchange, w.people[0], w.btc, orders, 100), 1);
    assert_int_equal(sim_exchange_open_orders(&w.exchange, w.people[0], w.eth, orders, 100), 0);
    const uint32_t count =
        sim_exchange_all_orders(&w.exchange, w.people[0], w.btc, 0, 0, INT64_MAX, orders, 100);
    assert_int_equal(count, 65); /* history_max and the open one */
    assert_int_equal(orders[64]->id, open);
    assert_int_equal(orders[0]->id, ids[6]);
    assert_int_equal(
        sim_exchange_all_orders(&w.exchange, w.people[0], w.btc, 0, 0, INT64_MAX, orders, 2), 2);
    assert_int_equal(orders[1]->id, open);
    assert_int_equal(sim_exchange_all_orders(&w.exchange, w.people[0], w.btc, ids[20], 0, INT64_MAX,
                                             orders, 2),
                     2);
    assert_int_equal(orders[0]->id, ids[20]);
    const struct sim_fill *fills[100];
    struct sim_fill_query q = {.account = w.people[0], .instrument = w.btc};
    assert_int_equal(sim_exchange_fills(&w.exchange, &q, fills, 3), 3);
    assert_int_equal(fills[2]->order_id, ids[69]);
    q.from_trade_id = fills[0]->trade_id - 1;
    assert_int_equal(sim_exchange_fills(&w.exchange, &q, fills, 100), 4);
    q = (struct sim_fill_query){.account = w.people[0], .instrument = w.btc, .order_id = ids[5]};
    assert_int_equal(sim_exchange_fills(&w.exchange, &q, fills, 100), 1);
    assert_true(fills[0]->is_maker);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_filters__each_one_refuses_with_its_name),
        CASE(test_filters__prices_on_the_bounds_pass),
        CASE(test_filters__the_smallest_notional_passes),
        CASE(test_average__weighs_five_minutes_then_is_the_last_price),
        CASE(test_filters__too_many_orders_and_stops),
        CASE(test_place__refusals_of_the_engine_have_their_texts),
        CASE(test_place__engine_refusals_are_reported_too),
        CASE(test_client_id__is_unique_among_open_orders_only),
        CASE(test_match__price_first_then_time),
        CASE(test_match__fees_are_part_of_what_is_received),
        CASE(test_match__own_resting_order_expires),
        CASE(test_tif__ioc_keeps_what_it_got_fok_all_or_nothing),
        CASE(test_market__remainder_expires),
        CASE(test_market__quote_quantity_buys_the_most_that_fits),
        CASE(test_market__quote_quantity_without_a_book_is_refused),
        CASE(test_market__buy_that_cannot_be_paid_is_refused),
        CASE(test_stop__triggers_on_the_last_price),
        CASE(test_stop__one_may_trigger_the_next),
        CASE(test_stop__market_buy_never_overdraws),
        CASE(test_cancel__by_id_by_client_id_and_refusals),
        CASE(test_events__levels_count_on_and_sum_up_to_the_book),
        CASE(test_limits__full_pool_refuses_and_recovers),
        CASE(test_queries__open_all_and_trades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
