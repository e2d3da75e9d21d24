/* What becomes of the engine's orders: unknown, rejected, filled late, twice or in odd parts. */
#include "cmocka_all.h"

#include "engine_fixture.h"

static void test_engine__exit_that_expires_is_sent_again_as_a_new_order(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 980000);
    const struct order first = placed(&d);
    fill(&d, &first, 980000, 1000);
    news(&d, first.id, ON_EXPIRED);
    assert_null(find(&d, ACTION_PLACE)); /* not before the retry time */
    wait_ms(&d, 1000);
    const struct order second = placed(&d);
    assert_true(second.id > first.id);
    assert_int_equal(second.qty.units, entry.qty.units - 1000);
    assert_int_equal(second.purpose, PURPOSE_STOP);
    desk_close(&d);
}

static void test_engine__unknown_order_blocks_entries_and_is_queried_not_resent(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    news(&d, entry.id, ON_NO_ANSWER);
    assert_int_equal(find(&d, ACTION_ORDER)->order.state, ORDER_UNKNOWN);
    unsigned queries = 0;
    for (int i = 0; i < 600; i++) {
        wait_ms(&d, 1000);
        assert_null(find(&d, ACTION_PLACE));
        if (find(&d, ACTION_QUERY)) queries++;
    }
    assert_in_range(queries, 10, 20); /* at once, then 4, 8, 16, 32, 60, 60 ... seconds */
    candle(&d, 900000);
    candle(&d, 800000);
    candle(&d, 1100000);
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_ORDER_UNKNOWN);
    news(&d, entry.id, ON_PROVED_ABSENT);
    assert_int_equal(find(&d, ACTION_ORDER)->order.state, ORDER_REJECTED);
    assert_int_equal(view(&d, 1).legs[0].working_order, 0);
    desk_close(&d);
}

static void test_engine__unknown_order_blocks_its_symbol_for_all_bots_of_the_account(void **state)
{
    (void)state;
    enum { ACCOUNT = 1, SAME_ACCOUNT, PAPER, SOMEBODY_ELSE, BOTS };
    struct desk d = desk_open();
    struct bot_config bots[BOTS];
    for (uint64_t id = ACCOUNT; id < BOTS; id++) {
        bots[id] = bot_of(id);
        bots[id].mode = id == PAPER ? MODE_PAPER : MODE_LIVE;
        bots[id].user_id = id == SOMEBODY_ELSE ? 2 : 1;
    }
    add_and_start(&d, &bots[ACCOUNT]);
    const struct order entry = enter(&d);
    news(&d, entry.id, ON_NO_ANSWER);
    for (uint64_t id = SAME_ACCOUNT; id < BOTS; id++) add_and_start(&d, &bots[id]);
    for (int64_t close = 990000; close >= 960000; close -= 10000) candle(&d, close);
    candle(&d, 1000000);
    unsigned placed_by = 0;
    for (uint32_t i = 0; i < d.out.count; i++) {
        const struct action *a = &d.out.items[i];
        if (a->kind == ACTION_PLACE) placed_by |= 1u << a->bot_id;
        if (a->kind == ACTION_DECISION && a->bot_id == SAME_ACCOUNT)
            assert_int_equal(a->decision.why, WHY_ORDER_UNKNOWN);
    }
    assert_int_equal(placed_by, 1u << PAPER | 1u << SOMEBODY_ELSE);
    desk_close(&d);
}

static void test_engine__fill_told_three_times_is_booked_once(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    for (int i = 0; i < 3; i++) {
        d.trade_id = 0;
        fill(&d, &entry, 1000000, 100);
        assert_int_equal(d.out.count, i == 0 ? 1 : 0);
    }
    assert_int_equal(engine_counters(d.engine)->duplicate_fills, 2);
    assert_int_equal(engine_order(d.engine, entry.id)->filled.units, 100);
    desk_close(&d);
}

/* A fill was finer than the scale and came rounded: the order ends, what is left of it is not sold
 * or bought again, and the bot waits for a person. */
static void test_engine__rounded_fill_ends_the_order_and_halts_the_bot(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units - 1);
    struct event e = {.kind = EVENT_ORDER, .instrument = entry.instrument};
    e.order = (struct order_news){
        .order_id = entry.id, .input = ON_ACCEPT, .reason = ORDER_REASON_FILL_ROUNDED};
    step(&d, e);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_PAUSED);
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_FILL_ROUNDED);
    e.order.input = ON_EXPIRED;
    step(&d, e);
    assert_null(find(&d, ACTION_BOT)); /* told once */
    const struct order *order = &find(&d, ACTION_ORDER)->order;
    assert_int_equal(order->state, ORDER_EXPIRED);
    assert_int_equal(order->reason, ORDER_REASON_FILL_ROUNDED);
    assert_int_equal(order->filled.units, entry.qty.units - 1);
    assert_int_equal(view(&d, 1).legs[0].working_order, 0);
    assert_int_equal(engine_halted_bots(d.engine), 1);
    for (int i = 0; i < 120; i++) {
        wait_ms(&d, 1000);
        assert_null(find(&d, ACTION_PLACE));
        assert_null(find(&d, ACTION_QUERY));
    }
    desk_close(&d);
}

/* The book holds parts of a step: an entry that found no more is sold in whole steps, and what is
 * less than one is dust. */
static void test_engine__fills_in_parts_of_a_step_are_booked_exactly(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct instrument rules = btc;
    rules.qty_scale = 8;
    rules.step.units = rules.qty_min.units = 1000;
    struct event e = {.kind = EVENT_INSTRUMENT, .instrument_rules = &rules};
    step(&d, e);
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    assert_int_equal(entry.qty.units % 1000, 0);
    fill(&d, &entry, 1000000, 618900);
    fill(&d, &entry, 1000000, 7);
    news(&d, entry.id, ON_EXPIRED);
    assert_int_equal(view(&d, 1).legs[0].position.base.units, 618907);
    e = (struct event){.kind = EVENT_BOT, .instrument = INSTRUMENT_NONE};
    e.bot = (struct bot_event){.command = BOT_COMMAND_STOP, .bot_id = 1};
    step(&d, e);
    const struct order exit = find(&d, ACTION_PLACE)->order;
    assert_int_equal(exit.qty.units, 618000);
    fill(&d, &exit, 1000000, 617999);
    assert_false(find(&d, ACTION_FILL)->booking.closed);
    fill(&d, &exit, 1000000, 1);
    const struct booking *last = &find(&d, ACTION_FILL)->booking;
    assert_int_equal(last->order.state, ORDER_FILLED);
    assert_true(last->closed);
    assert_int_equal(last->position.base.units, 907);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPED);
    desk_close(&d);
}

static void test_engine__overfill_halts_the_bot_and_books_nothing(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units + 1);
    assert_null(find(&d, ACTION_FILL));
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_IMPOSSIBLE_NEWS);
    assert_int_equal(engine_order(d.engine, entry.id)->filled.units, 0);
    desk_close(&d);
}

static void test_engine__late_fill_of_a_stopped_bot_goes_out_again(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    command(&d, BOT_COMMAND_STOP, &bot);
    news(&d, entry.id, ON_EXPIRED);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPED);
    fill(&d, &entry, 1000000, 100);
    assert_int_equal(find(&d, ACTION_FILL)->booking.totals.state, BOT_STOPPING);
    const struct order exit = placed(&d);
    assert_int_equal(exit.qty.units, 100);
    fill(&d, &exit, 1000000, 100);
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    desk_close(&d);
}

static void test_engine__late_fill_of_a_closed_exit_ends_stopping(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    command(&d, BOT_COMMAND_STOP, &bot);
    const struct order exit = placed(&d);
    news(&d, exit.id, ON_CANCELED);
    fill(&d, &exit, 1000000, exit.qty.units); /* its cancel overtook it */
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    wait_ms(&d, 5000);
    assert_null(find(&d, ACTION_PLACE));
    desk_close(&d);
}

static void test_engine__fill_of_an_order_nobody_knows_halts_who_trades_live_there(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config live = bot_of(1), paper = bot_of(2);
    live.mode = MODE_LIVE;
    add_and_start(&d, &live);
    add_and_start(&d, &paper);
    fill(&d, &(struct order){.id = 999}, 1000000, 600);
    assert_null(find(&d, ACTION_FILL)); /* nothing is invented */
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_UNKNOWN_FILL);
    assert_int_equal(view(&d, 1).totals.state, BOT_PAUSED);
    assert_int_equal(view(&d, 2).totals.state, BOT_RUNNING);
    assert_int_equal(engine_counters(d.engine)->unknown_fills, 1);
    assert_int_equal(engine_halted_bots(d.engine), 1);
    command(&d, BOT_COMMAND_START, &live); /* a person has looked */
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    assert_int_equal(engine_halted_bots(d.engine), 0);
    desk_close(&d);
}

static void test_engine__fill_that_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    struct event event = {.kind = EVENT_FILL,
                          .fill = {.order_id = entry.id,
                                   .venue_trade_id = 1,
                                   .price = {1000000},
                                   .qty = {10},
                                   .fee = {1},
                                   .fee_scale = 8,
                                   .fee_asset = "USDT"}};
    step(&d, event);
    event.fill.venue_trade_id = 2;
    event.fill.fee.units = INT64_MAX; /* with the first one's more than fits */
    step(&d, event);
    assert_null(find(&d, ACTION_FILL));
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_IMPOSSIBLE_NEWS);
    assert_int_equal(engine_order(d.engine, entry.id)->filled.units, 10);
    assert_int_equal(view(&d, 1).legs[0].position.bought.units, 10);
    desk_close(&d);
}

static void test_engine__holding_that_cannot_be_sold_blocks_neither_stop_nor_entry(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    struct event event = {.kind = EVENT_FILL,
                          .fill = {.order_id = entry.id,
                                   .venue_trade_id = 1,
                                   .price = {1000000},
                                   .qty = {1},
                                   .fee = {1}, /* of 1,000: less than a lot is left */
                                   .fee_scale = 8,
                                   .fee_asset = "BTC"}};
    step(&d, event);
    news(&d, entry.id, ON_EXPIRED);
    command(&d, BOT_COMMAND_STOP, &bot);
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    command(&d, BOT_COMMAND_START, &bot);
    for (int64_t close = 990000; close > 960000; close -= 10000) candle(&d, close);
    candle(&d, 1000000);
    assert_int_equal(placed(&d).side, SIDE_BUY);
    desk_close(&d);
}

static void test_engine__exit_rejected_time_after_time_is_tried_ever_less_often(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    command(&d, BOT_COMMAND_STOP, &bot);
    unsigned tries = 0;
    for (unsigned second = 0; second < 3600; second++) {
        const struct action *a = find(&d, ACTION_PLACE);
        if (a) {
            tries++;
            news(&d, a->order.id, ON_REJECT);
        }
        wait_ms(&d, 1000);
    }
    assert_in_range(tries, 60, 70);
    desk_close(&d);
}

static void test_engine__rest_too_small_to_sell_is_left_alone_and_told(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, 40); /* 0.0004 at 10,000: 4 of the 5 USDT that a sell must have */
    news(&d, entry.id, ON_EXPIRED);
    command(&d, BOT_COMMAND_STOP, &bot);
    unsigned tries = 0;
    for (int i = 0; i < 120 && view(&d, 1).totals.state == BOT_STOPPING; i++) {
        const struct action *sent = find(&d, ACTION_PLACE);
        if (sent) {
            tries++;
            news(&d, sent->order.id, ON_REJECT);
        }
        if (view(&d, 1).totals.state == BOT_STOPPING) wait_ms(&d, 1000);
    }
    assert_in_range(tries, 2, 6); /* the venue's word counts too */
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    assert_int_equal(view(&d, 1).totals.reason, BOT_REASON_DUST);
    assert_true(view(&d, 1).legs[0].position.open); /* nothing is invented */
    assert_int_equal(view(&d, 1).totals.trades, 0);
    print(&d, 500000); /* no stop of a stopped bot */
    assert_null(find(&d, ACTION_PLACE));
    command(&d, BOT_COMMAND_STOP, &bot);
    assert_null(find(&d, ACTION_PLACE));
    /* Worth more again, a person starts it and lets it go. */
    command(&d, BOT_COMMAND_START, &bot);
    print(&d, 2000000);
    command(&d, BOT_COMMAND_STOP, &bot);
    const struct order exit = placed(&d);
    fill(&d, &exit, 2000000, exit.qty.units);
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    assert_int_equal(view(&d, 1).totals.reason, BOT_REASON_NONE);
    assert_int_equal(view(&d, 1).totals.trades, 1);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__exit_that_expires_is_sent_again_as_a_new_order),
        cmocka_unit_test(test_engine__unknown_order_blocks_entries_and_is_queried_not_resent),
        cmocka_unit_test(test_engine__unknown_order_blocks_its_symbol_for_all_bots_of_the_account),
        cmocka_unit_test(test_engine__fill_told_three_times_is_booked_once),
        cmocka_unit_test(test_engine__rounded_fill_ends_the_order_and_halts_the_bot),
        cmocka_unit_test(test_engine__fills_in_parts_of_a_step_are_booked_exactly),
        cmocka_unit_test(test_engine__overfill_halts_the_bot_and_books_nothing),
        cmocka_unit_test(test_engine__late_fill_of_a_stopped_bot_goes_out_again),
        cmocka_unit_test(test_engine__late_fill_of_a_closed_exit_ends_stopping),
        cmocka_unit_test(test_engine__fill_of_an_order_nobody_knows_halts_who_trades_live_there),
        cmocka_unit_test(test_engine__fill_that_does_not_fit_changes_nothing),
        cmocka_unit_test(test_engine__holding_that_cannot_be_sold_blocks_neither_stop_nor_entry),
        cmocka_unit_test(test_engine__exit_rejected_time_after_time_is_tried_ever_less_often),
        cmocka_unit_test(test_engine__rest_too_small_to_sell_is_left_alone_and_told),
    };
    return cmocka_run_group_tests_name("core/engine_orders", tests, NULL, NULL);
}
