/* Order table, order slots, fill set and positions. */
#include "cmocka_all.h"

#include <string.h>

#include "base/prng.h"
#include "core/execution/fill_set.h"
#include "core/execution/order_state.h"
#include "core/execution/order_table.h"
#include "core/execution/position.h"

/* The whole table once more, written down by hand from the diagram: rows are states, columns inputs
 * in the order accept, reject, no_answer, proved_absent, fill_part, fill_rest, cancel_sent,
 * cancel_refused, canceled, expired. s u o c F C E R are the states, '.' is impossible. */
static const char *const expected[ORDER_STATE_COUNT] = {
    [ORDER_IMPOSSIBLE] = "..........", [ORDER_SENT] = "oRuRoF..CE",
    [ORDER_UNKNOWN] = "oRuRoFuuCE",    [ORDER_OPEN] = "o.o.oFcoCE",
    [ORDER_CANCELING] = "c.c.cFcoCE",  [ORDER_FILLED] = "F.F.FF.FFF",
    [ORDER_CANCELED] = "C.C.CF.CCC",   [ORDER_EXPIRED] = "E.E.EF.EEE",
    [ORDER_REJECTED] = ".RRR...R..",
};

static void test_order_state__every_pair_is_as_drawn(void **state)
{
    (void)state;
    static const char letters[] = ".suocFCER";
    for (unsigned s = 0; s < ORDER_STATE_COUNT; s++) {
        for (unsigned i = 0; i < ORDER_INPUT_COUNT; i++) {
            const enum order_state next =
                order_state_next((enum order_state)s, (enum order_input)i);
            if (letters[next] != expected[s][i])
                fail_msg("%s + %s gives %s", order_state_name((enum order_state)s),
                         order_input_name((enum order_input)i), order_state_name(next));
        }
    }
}

static void test_order_state__closed_orders_never_open_again(void **state)
{
    (void)state;
    for (unsigned s = 0; s < ORDER_STATE_COUNT; s++)
        for (unsigned i = 0; i < ORDER_INPUT_COUNT; i++)
            if (order_state_is_closed((enum order_state)s)) {
                const enum order_state next =
                    order_state_next((enum order_state)s, (enum order_input)i);
                assert_true(next == ORDER_IMPOSSIBLE || order_state_is_closed(next));
            }
}

static void test_order_table__closed_orders_leave_oldest_first(void **state)
{
    (void)state;
    struct arena arena;
    struct order_table table;
    assert_int_equal(arena_init(&arena, order_table_need(4)), OK);
    order_table_init(&table, &arena, 4);

    for (uint64_t id = 1; id <= 4; id++) assert_non_null(order_table_add(&table, id));
    assert_null(order_table_add(&table, 5)); /* all four work */
    order_table_close(&table, order_table_find(&table, 2));
    order_table_close(&table, order_table_find(&table, 1));
    assert_non_null(order_table_find(&table, 2)); /* late news still finds it */
    assert_non_null(order_table_add(&table, 5));
    assert_null(order_table_find(&table, 2));
    assert_non_null(order_table_find(&table, 1));
    assert_int_equal(table.working_count, 3);
    arena_deinit(&arena);
}

static void test_order_table__agrees_with_a_naive_list(void **state)
{
    (void)state;
    enum { CAPACITY = 16, STEPS = 20000 };
    struct arena arena;
    struct order_table table;
    struct prng prng;
    uint64_t working[CAPACITY];
    unsigned count = 0;
    assert_int_equal(arena_init(&arena, order_table_need(CAPACITY)), OK);
    order_table_init(&table, &arena, CAPACITY);
    prng_init(&prng, 3);
    for (uint64_t id = 1; id <= STEPS; id++) {
        if (count < CAPACITY) {
            assert_non_null(order_table_add(&table, id));
            working[count++] = id;
        } else {
            assert_null(order_table_add(&table, id));
        }
        while (count > 0 && prng_below(&prng, 2)) {
            const unsigned at = (unsigned)prng_below(&prng, count);
            order_table_close(&table, order_table_find(&table, working[at]));
            working[at] = working[--count];
        }
        assert_int_equal(table.working_count, count);
        for (unsigned i = 0; i < count; i++) {
            const struct order_slot *slot = order_table_find(&table, working[i]);
            assert_non_null(slot);
            assert_true(slot->order.id == working[i]);
        }
    }
    arena_deinit(&arena);
}

static void test_fill_set__a_trade_counts_once_per_instrument_and_mode(void **state)
{
    (void)state;
    struct arena arena;
    struct fill_set set;
    assert_int_equal(arena_init(&arena, fill_set_need(3)), OK);
    fill_set_init(&set, &arena, 3);
    assert_true(fill_set_add(&set, 0, MODE_LIVE, 0));
    assert_false(fill_set_add(&set, 0, MODE_LIVE, 0));
    assert_true(fill_set_add(&set, 0, MODE_PAPER, 0));
    assert_true(fill_set_add(&set, 1, MODE_LIVE, 0));
    assert_true(fill_set_add(&set, 1, MODE_LIVE, VENUE_TRADE_ID_LIMIT - 1)); /* the oldest leaves */
    assert_true(fill_set_add(&set, 0, MODE_LIVE, 0));
    assert_false(fill_set_add(&set, 1, MODE_LIVE, 0));
    arena_deinit(&arena);
}

static const struct instrument btc = {
    .price_scale = 2,
    .qty_scale = 5,
    .base_scale = 8,
    .quote_scale = 8,
    .base = "BTC",
    .quote = "USDT",
    .step = {1},
};

static struct fill fill_of(int64_t price, int64_t qty, const char *asset, int64_t fee)
{
    struct fill f = {.price = {price}, .qty = {qty}, .fee = {fee}, .fee_scale = 8, .time_ms = 1000};
    strcpy(f.fee_asset, asset);
    return f;
}

static const struct order buying = {.side = SIDE_BUY}, selling = {.side = SIDE_SELL};

static void test_position__round_trip_with_quote_fees(void **state)
{
    (void)state;
    struct position p = {0};
    struct round_trip trip;
    bool closed;
    const struct fill buy = fill_of(6481240, 1540, "USDT", 99811096);
    const struct fill sell = fill_of(6500000, 1540, "USDT", 100100000);
    assert_true(position_book(&p, &btc, &buying, &buy, &closed, &trip));
    assert_false(closed);
    assert_true(p.open);
    assert_int_equal(p.entry_price.units, 6481240);
    assert_true(p.cost.units == INT64_C(99811096000));
    assert_int_equal(p.base.units, 1540000);
    /* 0.0154 * 65000 = 1001 - 998.11096 - 0.99811096 */
    assert_true(position_unrealized(&p, &btc, (struct price){6500000}).units == 189092904);
    assert_true(position_book(&p, &btc, &selling, &sell, &closed, &trip));
    assert_true(closed);
    assert_false(p.open);
    assert_true(trip.pnl.units == 189092904 - 100100000);
    assert_true(trip.fees.units == 99811096 + 100100000);
    assert_int_equal(trip.exit_price.units, 6500000);
    assert_int_equal(p.base.units, 0);
}

static void test_position__base_fee_leaves_dust_that_is_sold_later(void **state)
{
    (void)state;
    struct position p = {0};
    struct round_trip trip;
    bool closed;
    /* 0.00150 BTC bought, 0.0000015 kept by the venue: 0.0014985 held, 0.00149 can be sold. */
    const struct fill buy = fill_of(6000000, 150, "BTC", 150);
    assert_true(position_book(&p, &btc, &buying, &buy, &closed, &trip));
    assert_int_equal(p.base.units, 149850);
    assert_int_equal(p.fees.units, 9000000); /* 0.0000015 BTC are 0.09 USDT */
    assert_int_equal(p.fees_quote.units, 0);
    assert_int_equal(position_sellable(&p, &btc).units, 149);

    const struct fill sell = fill_of(6000000, 149, "USDT", 8940000);
    assert_true(position_book(&p, &btc, &selling, &sell, &closed, &trip));
    assert_true(closed);
    assert_int_equal(p.base.units, 850); /* dust stays ours */
    /* 89.40 got, 90.00 paid, 0.0894 fee */
    assert_true(trip.pnl.units == INT64_C(8940000000) - INT64_C(9000000000) - 8940000);

    const struct fill again = fill_of(6000000, 150, "BTC", 150);
    assert_true(position_book(&p, &btc, &buying, &again, &closed, &trip));
    assert_int_equal(position_sellable(&p, &btc).units, 150); /* 0.0014985 + 0.0000085 */
}

static void test_position__fee_in_base_does_not_close_before_the_order_is_done(void **state)
{
    (void)state;
    struct position p = {0};
    struct round_trip trip;
    bool closed;
    const struct fill buy = fill_of(6000000, 3, "USDT", 0);
    assert_true(position_book(&p, &btc, &buying, &buy, &closed, &trip));
    struct order order = {.side = SIDE_SELL, .state = ORDER_OPEN, .qty = {3}, .filled = {2}};
    const struct fill part = fill_of(6000000, 2, "BTC", 10); /* less than a lot is left */
    assert_true(position_book(&p, &btc, &order, &part, &closed, &trip));
    assert_false(closed);
    order.filled.units = 3;
    const struct fill rest = fill_of(6000000, 1, "BTC", 5);
    assert_true(position_book(&p, &btc, &order, &rest, &closed, &trip));
    assert_true(closed);
    assert_int_equal(trip.pnl.units, 0);
    assert_int_equal(p.base.units, -15); /* lent by the account, back with the next buy */
}

static void test_position__partial_sells_close_once(void **state)
{
    (void)state;
    struct position p = {0};
    struct round_trip trip;
    bool closed;
    const struct fill buy = fill_of(6000000, 100, "USDT", 0);
    const struct fill part = fill_of(6100000, 40, "USDT", 0);
    const struct fill rest = fill_of(6200000, 60, "USDT", 0);
    assert_true(position_book(&p, &btc, &buying, &buy, &closed, &trip));
    assert_true(position_book(&p, &btc, &selling, &part, &closed, &trip));
    assert_false(closed);
    assert_true(position_book(&p, &btc, &selling, &rest, &closed, &trip));
    assert_true(closed);
    assert_int_equal(trip.exit_price.units, 6160000);
    assert_int_equal(trip.qty.units, 100);
    assert_int_equal(trip.pnl_ppm, 26666);
}

static void test_position__third_asset_fee_touches_neither(void **state)
{
    (void)state;
    struct position p = {0};
    struct round_trip trip;
    bool closed;
    const struct fill buy = fill_of(6000000, 100, "BNB", 12345);
    assert_true(position_book(&p, &btc, &buying, &buy, &closed, &trip));
    assert_int_equal(p.base.units, 100000);
    assert_int_equal(p.fees.units, 0);
}

static void test_position__overflow_changes_nothing(void **state)
{
    (void)state;
    struct position p = {.base = {7}}, before = p;
    struct round_trip trip;
    bool closed;
    const struct fill huge = fill_of(INT64_MAX / 2, INT64_MAX / 2000, "USDT", 0);
    assert_false(position_book(&p, &btc, &buying, &huge, &closed, &trip));
    assert_memory_equal(&p, &before, sizeof p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_state__every_pair_is_as_drawn),
        cmocka_unit_test(test_order_state__closed_orders_never_open_again),
        cmocka_unit_test(test_order_table__closed_orders_leave_oldest_first),
        cmocka_unit_test(test_order_table__agrees_with_a_naive_list),
        cmocka_unit_test(test_fill_set__a_trade_counts_once_per_instrument_and_mode),
        cmocka_unit_test(test_position__round_trip_with_quote_fees),
        cmocka_unit_test(test_position__base_fee_leaves_dust_that_is_sold_later),
        cmocka_unit_test(test_position__fee_in_base_does_not_close_before_the_order_is_done),
        cmocka_unit_test(test_position__partial_sells_close_once),
        cmocka_unit_test(test_position__third_asset_fee_touches_neither),
        cmocka_unit_test(test_position__overflow_changes_nothing),
    };
    return cmocka_run_group_tests_name("core/execution", tests, NULL, NULL);
}
