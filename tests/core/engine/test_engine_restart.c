/* The engine after a restart: what the store gives back, and what follows from it. */
#include "cmocka_all.h"

#include "engine_fixture.h"

static void test_engine__restored_sent_order_is_unknown_and_asked_about(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    desk_close(&d);

    d = desk_open();
    d.time_ms = entry.created_ms + 5000;
    command(&d, BOT_COMMAND_ADD, &bot);
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = entry}});
    assert_int_equal(find(&d, ACTION_ORDER)->order.state, ORDER_UNKNOWN);
    wait_ms(&d, 0);
    assert_int_equal(find(&d, ACTION_QUERY)->order.id, entry.id);
    assert_true(engine_next_order_id(d.engine) > entry.id);
    desk_close(&d);
}

static void restore_order(struct desk *d, const struct order *order)
{
    step(d, (struct event){.kind = EVENT_RESTORE,
                           .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = *order}});
}

static void test_engine__late_fill_of_an_order_closed_before_the_restart_is_booked(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order closed = {.id = 41,
                                 .bot_id = 1,
                                 .mode = MODE_LIVE,
                                 .state = ORDER_EXPIRED,
                                 .qty = {1000},
                                 .filled = {400}};
    restore_order(&d, &closed);
    assert_int_equal(view(&d, 1).legs[0].working_order, 0);
    assert_true(engine_next_order_id(d.engine) > closed.id);
    fill(&d, &closed, 1000000, 600);
    const struct action *booked = find(&d, ACTION_FILL);
    assert_non_null(booked);
    assert_int_equal(booked->booking.order.filled.units, 1000);
    assert_int_equal(booked->booking.position.bought.units, 600);
    assert_int_equal(engine_counters(d.engine)->unknown_fills, 0);
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    desk_close(&d);
}

static void test_engine__restored_exit_that_fails_is_tried_again(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    const struct position position = view(&d, 1).legs[0].position;
    command(&d, BOT_COMMAND_STOP, &bot);
    const struct order exit = placed(&d);
    desk_close(&d);

    d = desk_open();
    d.time_ms = exit.created_ms + 5000;
    command(&d, BOT_COMMAND_ADD, &bot);
    step(&d,
         (struct event){.kind = EVENT_RESTORE,
                        .restore = {.kind = RESTORE_POSITION, .bot_id = 1, .position = position}});
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = exit}});
    news(&d, exit.id, ON_EXPIRED);
    assert_int_equal(placed(&d).side, SIDE_SELL);
    desk_close(&d);
}

static void test_engine__restored_entry_leaves_no_capital_for_others(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    step(&d, (struct event){.kind = EVENT_INSTRUMENT, .instrument = 1, .instrument_rules = &btc});
    bot.symbol_count = 2;
    bot.instruments[0] = 1;
    const struct order entry = {
        .id = 5, .bot_id = 1, .instrument = 1, .state = ORDER_SENT, .qty = {9}};
    command(&d, BOT_COMMAND_ADD, &bot);
    bot.instruments[0] = 0;
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = entry}});
    command(&d, BOT_COMMAND_START, &bot);
    for (int64_t close = 1000000; close >= 960000; close -= 10000) candle(&d, close);
    candle(&d, 1000000);
    assert_null(find(&d, ACTION_PLACE));
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_NO_CAPITAL);
    desk_close(&d);
}

static void test_engine__restored_day_that_is_over_does_not_pause(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    wait_ms(&d, 0); /* the engine's own day has turned before the bot is there */
    command(&d, BOT_COMMAND_ADD, &bot);
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_BOT,
                                        .bot_id = 1,
                                        .totals = {.day = START_MS / 86400000 - 1,
                                                   .day_trades = 3,
                                                   .state = BOT_PAUSED,
                                                   .reason = BOT_REASON_DAILY_TRADES}}});
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__restored_sent_order_is_unknown_and_asked_about),
        cmocka_unit_test(test_engine__late_fill_of_an_order_closed_before_the_restart_is_booked),
        cmocka_unit_test(test_engine__restored_exit_that_fails_is_tried_again),
        cmocka_unit_test(test_engine__restored_entry_leaves_no_capital_for_others),
        cmocka_unit_test(test_engine__restored_day_that_is_over_does_not_pause),
    };
    return cmocka_run_group_tests_name("core/engine_restart", tests, NULL, NULL);
}
