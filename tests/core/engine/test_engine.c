/* The engine as a whole: candles in, orders out, news of orders back in. */
#include "cmocka_all.h"

#include "engine_fixture.h"

static void test_engine__cross_up_buys_and_cross_down_sells(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    assert_int_equal(entry.side, SIDE_BUY);
    assert_int_equal(entry.purpose, PURPOSE_ENTRY);
    assert_int_equal(entry.qty.units, 9990); /* 10 % of 10,000 at 10,000, less the fee */
    news(&d, entry.id, ON_ACCEPT);
    fill(&d, &entry, 1000100, entry.qty.units);
    assert_true(find(&d, ACTION_FILL)->booking.position.open);
    candle(&d, 1010000);
    assert_null(find(&d, ACTION_PLACE));
    candle(&d, 900000);
    const struct order exit = placed(&d);
    assert_int_equal(exit.side, SIDE_SELL);
    assert_int_equal(exit.purpose, PURPOSE_EXIT);
    assert_true(exit.id > entry.id);
    fill(&d, &exit, 900000, exit.qty.units);
    const struct action *booked = find(&d, ACTION_FILL);
    assert_true(booked->booking.closed);
    assert_int_equal(booked->booking.round_trip.exit_reason, PURPOSE_EXIT);
    assert_false(view(&d, 1).legs[0].position.open);
    assert_int_equal(view(&d, 1).totals.trades, 1);
    desk_close(&d);
}

static void test_engine__history_warms_up_and_never_trades(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    static const int64_t closes[] = {10000, 9900, 9800, 9700, 9600, 10000};
    for (unsigned i = 0; i < 6; i++) {
        d.candle_ms += MINUTE;
        step(&d, (struct event){.kind = EVENT_CANDLE,
                                .candle = {.timeframe = TIMEFRAME_1M,
                                           .history = true,
                                           .bot_id = 1,
                                           .candle = {.open_ms = d.candle_ms,
                                                      .open = {closes[i] * 100},
                                                      .high = {closes[i] * 100},
                                                      .low = {closes[i] * 100},
                                                      .close = {closes[i] * 100}}}});
        assert_int_equal(d.out.count, 0);
    }
    candle(&d, 900000); /* below again: averages are warm, so there is an answer */
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_NO_CROSS);
    desk_close(&d);
}

static void test_engine__candle_told_twice_counts_once(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    candle(&d, 1000000);
    assert_non_null(find(&d, ACTION_DECISION));
    d.candle_ms -= MINUTE;
    candle(&d, 1000000);
    assert_null(find(&d, ACTION_DECISION));
    desk_close(&d);
}

static void test_engine__stop_sells_at_the_first_price_that_touches(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 990001);
    assert_null(find(&d, ACTION_PLACE));
    print(&d, 990000);
    const struct order stop = placed(&d);
    assert_int_equal(stop.purpose, PURPOSE_STOP);
    assert_int_equal(stop.trigger.units, 990000);
    print(&d, 980000); /* one exit at a time */
    assert_null(find(&d, ACTION_PLACE));
    desk_close(&d);
}

static void test_engine__stale_feed_denies_entries_with_the_reason(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    step(&d, (struct event){.kind = EVENT_FEED, .feed = FEED_STALE});
    static const int64_t closes[] = {10000, 9900, 9800, 9700, 9600, 10000};
    for (unsigned i = 0; i < 6; i++) candle(&d, closes[i] * 100);
    assert_null(find(&d, ACTION_PLACE));
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_FEED_STALE);
    desk_close(&d);
}

static void test_engine__crossed_book_asks_for_a_new_one_and_gates(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct level bid = {{101}, {5}}, ask = {{100}, {5}};
    step(&d,
         (struct event){
             .kind = EVENT_BOOK,
             .book = {
                 .snapshot = true, .bids = &bid, .asks = &ask, .bid_count = 1, .ask_count = 1}});
    assert_non_null(find(&d, ACTION_RESYNC));
    assert_int_equal(engine_book(d.engine, 0)->state, BOOK_STALE);
    desk_close(&d);
}

static void test_engine__stopping_sells_first_and_stops_when_flat(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    command(&d, BOT_COMMAND_STOP, &bot);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPING);
    assert_null(find(&d, ACTION_PLACE)); /* the entry is still on its way */
    fill(&d, &entry, 1000000, entry.qty.units);
    const struct order exit = placed(&d);
    assert_int_equal(exit.side, SIDE_SELL);
    fill(&d, &exit, 1000000, exit.qty.units);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPED);
    desk_close(&d);
}

static void test_engine__daily_trade_limit_pauses_until_midnight_utc(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.max_daily_trades = 1;
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 900000);
    const struct order stop = placed(&d);
    fill(&d, &stop, 900000, stop.qty.units);
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_DAILY_TRADES);
    wait_ms(&d, START_MS + 86400000 - d.time_ms - 1);
    assert_int_equal(view(&d, 1).totals.state, BOT_PAUSED);
    wait_ms(&d, 1);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_RUNNING);
    assert_int_equal(view(&d, 1).totals.day_trades, 0);
    desk_close(&d);
}

static void test_engine__day_limit_outlives_stop_and_start(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.max_daily_trades = 1;
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 900000);
    const struct order stop = placed(&d);
    fill(&d, &stop, 900000, stop.qty.units);
    command(&d, BOT_COMMAND_STOP, &bot);
    command(&d, BOT_COMMAND_START, &bot);
    assert_int_equal(view(&d, 1).totals.state, BOT_PAUSED);
    assert_int_equal(view(&d, 1).totals.reason, BOT_REASON_DAILY_TRADES);
    wait_ms(&d, START_MS + 86400000 - d.time_ms);
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__cross_up_buys_and_cross_down_sells),
        cmocka_unit_test(test_engine__history_warms_up_and_never_trades),
        cmocka_unit_test(test_engine__candle_told_twice_counts_once),
        cmocka_unit_test(test_engine__stop_sells_at_the_first_price_that_touches),
        cmocka_unit_test(test_engine__stale_feed_denies_entries_with_the_reason),
        cmocka_unit_test(test_engine__crossed_book_asks_for_a_new_one_and_gates),
        cmocka_unit_test(test_engine__stopping_sells_first_and_stops_when_flat),
        cmocka_unit_test(test_engine__daily_trade_limit_pauses_until_midnight_utc),
        cmocka_unit_test(test_engine__day_limit_outlives_stop_and_start),
    };
    return cmocka_run_group_tests_name("core/engine", tests, NULL, NULL);
}
