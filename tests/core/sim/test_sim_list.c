/* OCO lists: at most one leg trades, one lock covers both. */
#include "cmocka_all.h"

#include <string.h>

#include "sim_world.h"

static struct world w;

static int setup(void **state)
{
    (void)state;
    world_init(&w);
    world_trade_at(&w, 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_deinit(&w);
    return 0;
}

static struct sim_leg leg(enum sim_type type, int64_t price, int64_t stop)
{
    return (
        struct sim_leg){.type = (uint8_t)type, .price = {price * 100}, .stop_price = {stop * 100}};
}

static struct sim_list_request request(enum side side, struct sim_leg above, struct sim_leg below)
{
    struct sim_list_request r = {
        .account = w.people[0],
        .instrument = w.btc,
        .side = (uint8_t)side,
        .qty = {100},
        .above = above,
        .below = below,
        .client_id = "list",
        .time_ms = ++w.time_ms,
    };
    strcpy(r.above.client_id, "above");
    strcpy(r.below.client_id, "below");
    return r;
}

static struct sim_list_request usual_sell(void)
{
    return request(SIDE_SELL, leg(SIM_TYPE_LIMIT_MAKER, 1100, 0),
                   leg(SIM_TYPE_STOP_LOSS_LIMIT, 895, 900));
}

static struct sim_list_result place(struct sim_list_request r)
{
    struct sim_list_result out;
    assert_int_equal(sim_exchange_place_list(&w.exchange, &r, &out), SIM_REJECT_NONE);
    sim_exchange_audit(&w.exchange);
    return out;
}

static void assert_refused(struct sim_list_request r, int code)
{
    struct sim_list_result out;
    assert_int_equal(sim_reject_code(sim_exchange_place_list(&w.exchange, &r, &out)), code);
    assert_int_equal(w.exchange.list_count, 0);
    assert_int_equal(w.exchange.orders_count, 0);
}

static const struct sim_list *list_of(const struct sim_list_result *r)
{
    return sim_exchange_list(&w.exchange, w.people[0], r->list.id, "");
}

static void test_list__leg_types_have_their_places(void **state)
{
    (void)state;
    const struct sim_leg limit = leg(SIM_TYPE_LIMIT_MAKER, 1100, 0);
    const struct sim_leg low_limit = leg(SIM_TYPE_LIMIT_MAKER, 900, 0);
    const struct sim_leg stop = leg(SIM_TYPE_STOP_LOSS, 0, 900);
    const struct sim_leg high_stop = leg(SIM_TYPE_STOP_LOSS, 0, 1100);
    const struct sim_leg profit = leg(SIM_TYPE_TAKE_PROFIT, 0, 1100);
    const struct sim_leg low_profit = leg(SIM_TYPE_TAKE_PROFIT, 0, 900);
    assert_refused(request(SIDE_SELL, leg(SIM_TYPE_LIMIT, 1100, 0), stop), -1158);
    assert_refused(request(SIDE_SELL, limit, low_limit), -1168);
    assert_refused(request(SIDE_SELL, high_stop, low_limit), -1166);
    assert_refused(request(SIDE_SELL, limit, low_profit), -1199);
    assert_refused(request(SIDE_SELL, high_stop, stop), -1197);
    assert_refused(request(SIDE_BUY, limit, stop), -1165);
    assert_refused(request(SIDE_BUY, profit, low_limit), -1198);
    assert_refused(request(SIDE_BUY, high_stop, stop), -1196);
    place(request(SIDE_BUY, high_stop, low_profit));
}

static void test_list__prices_stand_around_the_last_price(void **state)
{
    (void)state;
    struct sim_list_request r = usual_sell();
    r.above.price.units = 100000;
    assert_refused(r, -2010);
    r = usual_sell();
    r.below.stop_price.units = 100000;
    assert_refused(r, -2010);
    assert_string_equal(sim_reject_text(SIM_REJECT_LIST_PRICES),
                        "The relationship of the prices for the orders is not correct.");
}

static void test_list__one_lock_covers_both_legs(void **state)
{
    (void)state;
    const struct sim_balance before = sim_exchange_balance(&w.exchange, w.people[0], w.usdt);
    const struct sim_list_result r = place(request(
        SIDE_BUY, leg(SIM_TYPE_STOP_LOSS_LIMIT, 1200, 1100), leg(SIM_TYPE_LIMIT_MAKER, 900, 0)));
    struct sim_balance b = sim_exchange_balance(&w.exchange, w.people[0], w.usdt);
    assert_int_equal(b.locked.units, INT64_C(12000000000)); /* the larger: 120 USDT */
    assert_int_equal(world_cancel(&w, 0, r.orders[0].id), SIM_REJECT_NONE);
    b = sim_exchange_balance(&w.exchange, w.people[0], w.usdt);
    assert_int_equal(b.locked.units, 0);
    assert_int_equal(b.free.units, before.free.units);
}

static void test_list__a_fill_of_the_limit_leg_expires_the_stop(void **state)
{
    (void)state;
    const struct sim_list_result r = place(usual_sell());
    world_place(&w, world_limit(&w, 1, SIDE_BUY, 1100, 40), NULL);
    const struct sim_order *limit = world_order(&w, 0, r.orders[0].id);
    const struct sim_order *stop = world_order(&w, 0, r.orders[1].id);
    assert_int_equal(limit->status, SIM_PARTIALLY_FILLED);
    assert_int_equal(stop->status, SIM_EXPIRED);
    assert_int_equal(stop->expiry, SIM_EXPIRY_OCO_TRIGGER);
    assert_false(list_of(&r)->is_done);
    world_place(&w, world_limit(&w, 1, SIDE_BUY, 1100, 60), NULL);
    assert_int_equal(world_order(&w, 0, r.orders[0].id)->status, SIM_FILLED);
    assert_true(list_of(&r)->is_done);
    const struct sim_balance b = sim_exchange_balance(&w.exchange, w.people[0], w.base);
    assert_int_equal(b.locked.units, 0);
}

static void test_list__a_triggered_stop_expires_the_limit_leg(void **state)
{
    (void)state;
    const struct sim_list_result r = place(usual_sell());
    world_rest(&w, 1, SIDE_BUY, 896, 30);
    world_trade_at(&w, 900);
    assert_int_equal(world_order(&w, 0, r.orders[0].id)->status, SIM_EXPIRED);
    const struct sim_order *stop = world_order(&w, 0, r.orders[1].id);
    assert_int_equal(stop->status, SIM_PARTIALLY_FILLED); /* sold 30 at 896, rests at 895 */
    assert_int_equal(stop->filled.units, 30);
    assert_false(list_of(&r)->is_done);
    assert_int_equal(world_cancel(&w, 0, stop->id), SIM_REJECT_NONE);
    assert_true(list_of(&r)->is_done);
}

static void test_list__cancel_of_either_leg_or_of_the_list_cancels_both(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        const struct sim_list_result r = place(usual_sell());
        w.event_count = 0;
        if (way < 2) {
            assert_int_equal(world_cancel(&w, 0, r.orders[way].id), SIM_REJECT_NONE);
        } else {
            const struct sim_list_cancel c = {
                .account = w.people[0],
                .instrument = w.btc,
                .list_client_id = "list",
                .client_id = "cancel",
                .time_ms = ++w.time_ms,
            };
            struct sim_list_result ended;
            assert_int_equal(sim_exchange_cancel_list(&w.exchange, &c, &ended), SIM_REJECT_NONE);
            assert_true(ended.list.is_done);
            assert_int_equal(ended.orders[1].status, SIM_CANCELED);
            assert_int_equal(sim_exchange_cancel_list(&w.exchange, &c, &ended),
                             SIM_REJECT_UNKNOWN_ORDER);
        }
        for (unsigned i = 0; i < SIM_LEGS; i++) {
            const struct sim_order *o = world_order(&w, 0, r.orders[i].id);
            assert_int_equal(o->status, SIM_CANCELED);
            assert_string_equal(o->client_id, "cancel");
            assert_string_equal(o->original_id, i ? "below" : "above");
        }
        assert_true(list_of(&r)->is_done);
        assert_int_equal(w.events[w.event_count - 1].event.kind, SIM_EVENT_LIST);
        assert_true(w.events[w.event_count - 1].list.is_done);
    }
}

static void test_list__own_taker_ends_the_whole_list(void **state)
{
    (void)state;
    const struct sim_list_result r = place(usual_sell());
    world_place(&w, world_limit(&w, 0, SIDE_BUY, 1100, 40), NULL);
    assert_int_equal(world_order(&w, 0, r.orders[0].id)->status, SIM_EXPIRED_IN_MATCH);
    assert_int_equal(world_order(&w, 0, r.orders[1].id)->status, SIM_EXPIRED);
    assert_true(list_of(&r)->is_done);
}

static void test_list__duplicate_ids_and_missing_money_are_refused(void **state)
{
    (void)state;
    struct sim_list_request r = usual_sell();
    strcpy(r.below.client_id, "above");
    assert_refused(r, -2010);
    r = usual_sell();
    r.qty.units = 800000;
    r.above.price.units = 105000;
    world_place(&w, world_limit(&w, 0, SIDE_SELL, 1500, 300000), NULL);
    struct sim_list_result out;
    assert_int_equal(sim_exchange_place_list(&w.exchange, &r, &out),
                     SIM_REJECT_INSUFFICIENT_BALANCE);
    place(usual_sell());
    struct sim_list_request again = usual_sell();
    strcpy(again.above.client_id, "a2");
    strcpy(again.below.client_id, "b2");
    assert_int_equal(sim_exchange_place_list(&w.exchange, &again, &out),
                     SIM_REJECT_DUPLICATE_ORDER);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_list__leg_types_have_their_places),
        CASE(test_list__prices_stand_around_the_last_price),
        CASE(test_list__one_lock_covers_both_legs),
        CASE(test_list__a_fill_of_the_limit_leg_expires_the_stop),
        CASE(test_list__a_triggered_stop_expires_the_limit_leg),
        CASE(test_list__cancel_of_either_leg_or_of_the_list_cancels_both),
        CASE(test_list__own_taker_ends_the_whole_list),
        CASE(test_list__duplicate_ids_and_missing_money_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
