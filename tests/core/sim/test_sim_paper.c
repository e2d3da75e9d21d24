/* Paper orders against a book that is only looked at. */
#include "cmocka_all.h"

#include <string.h>

#include "core/sim/sim_paper.h"
#include "sim_world.h"

enum { EVENTS_MAX = 700, LATENCY_MS = 50 };

static struct arena arena;
static struct book book;
static const struct book *books[1];
static struct instrument rules;
static struct sim_paper paper;
static struct event items[EVENTS_MAX];
static struct paper_events out;

static void show(const struct level *bids, uint32_t bid_count, const struct level *asks,
                 uint32_t ask_count)
{
    const struct book_update update = {.snapshot = true,
                                       .last_id = 1,
                                       .bids = bids,
                                       .asks = asks,
                                       .bid_count = bid_count,
                                       .ask_count = ask_count};
    assert_int_equal(book_apply(&book, &update), BOOK_OK);
}

/* Bids 999 (10), 998 (20); asks 1001 (10), 1002 (20); prices in whole USDT. */
static void show_usual(void)
{
    const struct level bids[] = {{{99900}, {10}}, {{99800}, {20}}};
    const struct level asks[] = {{{100100}, {10}}, {{100200}, {20}}};
    show(bids, 2, asks, 2);
}

static void start(uint32_t latency_ms, uint32_t slippage_ticks)
{
    const struct paper_config config = {.orders_max = 8,
                                        .latency_ms = latency_ms,
                                        .slippage_ticks = slippage_ticks,
                                        .trade_id_base = 100};
    assert_int_equal(arena_init(&arena, book_need(16) + sim_paper_need(&config, 1)), OK);
    rules = world_instrument("BTCUSDT", "BTC");
    book_init(&book, &arena, 16);
    books[0] = &book;
    sim_paper_init(&paper, &arena, &config, &rules, books, 1);
    show_usual();
    out = (struct paper_events){.items = items, .capacity = sim_paper_events_max(&paper)};
    assert_true(out.capacity <= EVENTS_MAX);
}

static int teardown(void **state)
{
    (void)state;
    arena_deinit(&arena);
    return 0;
}

static void place(uint64_t id, enum order_type type, enum side side, int64_t price, int64_t qty,
                  int64_t time_ms)
{
    const struct order o = {.id = id,
                            .type = (uint8_t)type,
                            .side = (uint8_t)side,
                            .price = {price * 100},
                            .qty = {qty}};
    out.count = 0;
    sim_paper_place(&paper, &o, time_ms, &out);
}

static void print_at(enum side taker, int64_t price, int64_t qty, int64_t time_ms)
{
    const struct print p = {.price = {price * 100}, .qty = {qty}, .taker = (uint8_t)taker};
    out.count = 0;
    sim_paper_on_print(&paper, 0, &p, time_ms, &out);
}

static void assert_order(uint32_t at, enum order_input input, enum order_reason reason)
{
    assert_true(at < out.count);
    assert_int_equal(items[at].kind, EVENT_ORDER);
    assert_int_equal(items[at].order.input, input);
    assert_int_equal(items[at].order.reason, reason);
}

static void assert_fill(uint32_t at, int64_t price_units, int64_t qty, enum liquidity liquidity)
{
    assert_true(at < out.count);
    assert_int_equal(items[at].kind, EVENT_FILL);
    assert_int_equal(items[at].fill.price.units, price_units);
    assert_int_equal(items[at].fill.qty.units, qty);
    assert_int_equal(items[at].fill.liquidity, liquidity);
    assert_string_equal(items[at].fill.fee_asset, "USDT");
}

static void test_paper__market_walks_levels_with_slippage_and_fees(void **state)
{
    (void)state;
    start(0, 2);
    place(1, ORDER_TYPE_MARKET, SIDE_BUY, 0, 14, 1000);
    assert_int_equal(out.count, 3);
    assert_order(0, ON_ACCEPT, ORDER_REASON_NONE);
    assert_fill(1, 100110, 10, LIQUIDITY_TAKER);
    assert_fill(2, 100210, 4, LIQUIDITY_TAKER);
    /* 1001.10 * 0.010 = 10.011 USDT, 0.2 % of it */
    assert_int_equal(items[1].fill.fee.units, 2002200);
    assert_int_equal(items[1].fill.fee_scale, 8);
    assert_int_equal(items[1].fill.venue_trade_id, 100);
    assert_int_equal(items[2].fill.venue_trade_id, 101);
    place(2, ORDER_TYPE_MARKET, SIDE_SELL, 0, 4, 1001);
    assert_fill(1, 99890, 4, LIQUIDITY_TAKER);
}

static void test_paper__thin_book_fills_in_part_and_expires(void **state)
{
    (void)state;
    start(0, 0);
    place(1, ORDER_TYPE_MARKET, SIDE_BUY, 0, 50, 1000);
    assert_int_equal(out.count, 4);
    assert_fill(2, 100200, 20, LIQUIDITY_TAKER);
    assert_order(3, ON_EXPIRED, ORDER_REASON_NO_LIQUIDITY);
    /* What was taken stays taken until the book changes. */
    place(2, ORDER_TYPE_MARKET, SIDE_BUY, 0, 4, 1001);
    assert_int_equal(out.count, 2);
    assert_order(1, ON_EXPIRED, ORDER_REASON_NO_LIQUIDITY);
    show_usual();
    sim_paper_on_book(&paper, 0, 1002, &out);
    place(3, ORDER_TYPE_MARKET, SIDE_BUY, 0, 4, 1003);
    assert_fill(1, 100100, 4, LIQUIDITY_TAKER);
    book_clear(&book);
    place(4, ORDER_TYPE_MARKET, SIDE_BUY, 0, 4, 1004);
    assert_order(1, ON_EXPIRED, ORDER_REASON_NO_LIQUIDITY);
}

static void test_paper__latency_acts_on_the_book_of_its_time(void **state)
{
    (void)state;
    start(LATENCY_MS, 0);
    place(1, ORDER_TYPE_MARKET, SIDE_BUY, 0, 4, 1000);
    assert_int_equal(out.count, 0);
    sim_paper_on_time(&paper, 1020, &out);
    const struct level bids[] = {{{100900}, {10}}}, asks[] = {{{101000}, {10}}};
    show(bids, 1, asks, 1);
    sim_paper_on_book(&paper, 0, 1020, &out);
    assert_int_equal(out.count, 0);
    sim_paper_on_time(&paper, 1000 + LATENCY_MS, &out);
    assert_fill(1, 101000, 4, LIQUIDITY_TAKER);
    assert_int_equal(items[1].time_ms, 1000 + LATENCY_MS);
}

static void test_paper__limit_takes_within_its_price_then_rests(void **state)
{
    (void)state;
    start(0, 5);
    place(1, ORDER_TYPE_LIMIT, SIDE_BUY, 1001, 30, 1000);
    assert_int_equal(out.count, 2);
    assert_fill(1, 100100, 10, LIQUIDITY_TAKER); /* slippage stops at the limit */
    print_at(SIDE_SELL, 1000, 15, 1001);         /* through the price */
    assert_int_equal(out.count, 1);
    assert_fill(0, 100100, 15, LIQUIDITY_MAKER);
    print_at(SIDE_SELL, 1000, 15, 1002);
    assert_fill(0, 100100, 5, LIQUIDITY_MAKER);
    assert_int_equal(paper.count, 0);
}

static void test_paper__limit_waits_for_the_queue_ahead(void **state)
{
    (void)state;
    start(0, 0);
    place(1, ORDER_TYPE_LIMIT, SIDE_BUY, 999, 8, 1000); /* 10 ahead */
    print_at(SIDE_SELL, 999, 6, 1001);
    assert_int_equal(out.count, 0);
    print_at(SIDE_BUY, 999, 6, 1001); /* takers of our side do not reach us */
    assert_int_equal(out.count, 0);
    print_at(SIDE_SELL, 999, 6, 1002); /* 4 for the queue, 2 for us */
    assert_fill(0, 99900, 2, LIQUIDITY_MAKER);
    /* A level shown smaller than the queue ahead moves a later order up. */
    place(2, ORDER_TYPE_LIMIT, SIDE_BUY, 998, 8, 1003); /* 20 ahead */
    const struct level bids[] = {{{99900}, {10}}, {{99800}, {3}}}, asks[] = {{{100100}, {10}}};
    show(bids, 2, asks, 1);
    out.count = 0;
    sim_paper_on_book(&paper, 0, 1004, &out);
    assert_int_equal(out.count, 0);
    print_at(SIDE_SELL, 998, 12, 1005); /* 6 to the order at 999, then 3 for the queue, 3 for us */
    assert_fill(0, 99900, 6, LIQUIDITY_MAKER);
    assert_fill(1, 99800, 3, LIQUIDITY_MAKER);
}

static void test_paper__the_book_coming_to_the_price_fills_as_maker(void **state)
{
    (void)state;
    start(0, 0);
    place(1, ORDER_TYPE_LIMIT, SIDE_BUY, 999, 8, 1000);
    const struct level bids[] = {{{99700}, {10}}}, asks[] = {{{99850}, {6}}};
    show(bids, 1, asks, 1);
    out.count = 0;
    sim_paper_on_book(&paper, 0, 1001, &out);
    assert_int_equal(out.count, 1);
    assert_fill(0, 99900, 6, LIQUIDITY_MAKER);
}

static void test_paper__cancel_and_its_refusal(void **state)
{
    (void)state;
    start(LATENCY_MS, 0);
    place(1, ORDER_TYPE_LIMIT, SIDE_BUY, 999, 8, 1000);
    out.count = 0;
    sim_paper_on_time(&paper, 1100, &out);
    assert_order(0, ON_ACCEPT, ORDER_REASON_NONE);
    out.count = 0;
    sim_paper_cancel(&paper, 1, 0, 1200, &out);
    assert_int_equal(out.count, 0);
    print_at(SIDE_SELL, 998, 2, 1210); /* the cancel is still on its way */
    assert_fill(0, 99900, 2, LIQUIDITY_MAKER);
    out.count = 0;
    sim_paper_on_time(&paper, 1300, &out);
    assert_order(0, ON_CANCELED, ORDER_REASON_NONE);
    assert_int_equal(items[0].time_ms, 1200 + LATENCY_MS);
    out.count = 0;
    sim_paper_cancel(&paper, 1, 0, 1400, &out);
    assert_order(0, ON_CANCEL_REFUSED, ORDER_REASON_NONE);
}

static void test_paper__too_many_orders_are_rejected(void **state)
{
    (void)state;
    start(0, 0);
    for (uint64_t id = 1; id <= 8; id++) {
        place(id, ORDER_TYPE_LIMIT, SIDE_BUY, 990, 8, 1000);
        assert_order(0, ON_ACCEPT, ORDER_REASON_NONE);
    }
    place(9, ORDER_TYPE_LIMIT, SIDE_BUY, 990, 8, 1000);
    assert_int_equal(out.count, 1);
    assert_order(0, ON_REJECT, ORDER_REASON_VENUE_REJECTED);
    assert_int_equal(items[0].order.order_id, 9);
}

/* Prices and quantities that a book may show and whose product no amount can hold. */
static void test_paper__amounts_beyond_counting_are_refused(void **state)
{
    (void)state;
    const int64_t most = INT64_MAX - 4;
    const struct level bids[] = {{{99900}, {most}}};
    const struct level asks[] = {{{100100}, {10}}, {{most}, {most}}};
    start(0, 100);
    show(bids, 1, asks, 2);
    place(1, ORDER_TYPE_MARKET, SIDE_BUY, 0, most, 1000);
    assert_int_equal(out.count, 3);
    assert_order(0, ON_ACCEPT, ORDER_REASON_NONE);
    assert_fill(1, 100600, 10, LIQUIDITY_TAKER);
    assert_order(2, ON_EXPIRED, ORDER_REASON_FILTER);
    place(2, ORDER_TYPE_MARKET, SIDE_SELL, 0, most, 1000);
    assert_int_equal(out.count, 2);
    assert_order(1, ON_EXPIRED, ORDER_REASON_FILTER);
    place(3, ORDER_TYPE_LIMIT, SIDE_BUY, 990, most, 1000);
    assert_int_equal(out.count, 1);
    print_at(SIDE_SELL, 980, most, 1001);
    assert_int_equal(out.count, 1);
    assert_order(0, ON_EXPIRED, ORDER_REASON_FILTER);
    place(4, ORDER_TYPE_MARKET, SIDE_BUY, 0, 1, 1002); /* and it goes on */
    assert_order(0, ON_ACCEPT, ORDER_REASON_NONE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_paper__market_walks_levels_with_slippage_and_fees),
        CASE(test_paper__thin_book_fills_in_part_and_expires),
        CASE(test_paper__latency_acts_on_the_book_of_its_time),
        CASE(test_paper__limit_takes_within_its_price_then_rests),
        CASE(test_paper__limit_waits_for_the_queue_ahead),
        CASE(test_paper__the_book_coming_to_the_price_fills_as_maker),
        CASE(test_paper__cancel_and_its_refusal),
        CASE(test_paper__too_many_orders_are_rejected),
        CASE(test_paper__amounts_beyond_counting_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
