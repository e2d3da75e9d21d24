/* Protective levels, entry sizes and daily limits. */
#include "cmocka_all.h"

#include "core/risk/day_budget.h"
#include "core/risk/sizing.h"
#include "core/risk/stops.h"

static const struct instrument btc = {
    .price_scale = 2,
    .qty_scale = 5,
    .base_scale = 8,
    .quote_scale = 8,
    .tick = {1},
    .step = {1},
    .qty_min = {1},
    .qty_max = {900000000},
    .notional_min = {500000000},
    .notional_min_market = true,
    .taker_fee_ppm = 1000,
};

static void test_stops__levels_round_to_the_protective_side(void **state)
{
    (void)state;
    const struct risk_config risk = {.stop_loss_ppm = 5000, .take_profit_ppm = 15000};
    const struct position p = {.entry_price = {6481241}, .peak = {6481241}, .open = true};
    const struct stop_levels levels = stops_of(&risk, &p, &btc);
    assert_int_equal(levels.stop.units, 6448835);   /* 64488.34795 up */
    assert_int_equal(levels.target.units, 6578459); /* 65784.59615 down */
    assert_int_equal(levels.stop_why, WHY_STOP_LOSS);
}

static void test_stops__trailing_follows_the_peak_once_it_is_higher(void **state)
{
    (void)state;
    const struct risk_config risk = {.stop_loss_ppm = 5000, .trailing_ppm = 10000};
    struct position p = {.entry_price = {10000}, .peak = {10000}, .open = true};
    assert_int_equal(stops_of(&risk, &p, &btc).stop.units, 9950);
    p.peak.units = 10100;
    const struct stop_levels levels = stops_of(&risk, &p, &btc);
    assert_int_equal(levels.stop.units, 9999);
    assert_int_equal(levels.stop_why, WHY_TRAILING_STOP);
}

static void test_stops__bar_takes_the_stop_before_the_target(void **state)
{
    (void)state;
    const struct stop_levels levels = {.stop = {95}, .target = {110}, .stop_why = WHY_STOP_LOSS};
    const struct candle both = {.open = {100}, .high = {120}, .low = {90}, .close = {105}};
    const struct candle up = {.open = {100}, .high = {110}, .low = {96}, .close = {105}};
    const struct candle none = {.open = {100}, .high = {109}, .low = {96}, .close = {105}};
    struct price trigger = {0};
    assert_int_equal(stops_on_bar(&levels, &both, &trigger), WHY_STOP_LOSS);
    assert_int_equal(trigger.units, 95);
    assert_int_equal(stops_on_bar(&levels, &up, &trigger), WHY_TAKE_PROFIT);
    assert_int_equal(trigger.units, 110);
    assert_int_equal(stops_on_bar(&levels, &none, &trigger), WHY_NONE);
}

static void test_sizing__percent_of_equity_pays_its_fee_too(void **state)
{
    (void)state;
    const struct bot_config bot = {.sizing_kind = SIZING_PERCENT, .sizing_value = PPM};
    const struct purse purse = {.equity = {1000000000000}, .free = {1000000000000}};
    struct qty qty;
    assert_int_equal(sizing_entry(&bot, &btc, (struct price){6500000}, &purse, &qty), WHY_NONE);
    assert_int_equal(qty.units, 15369); /* 10000 / 1.001 / 65000 */
}

static void test_sizing__percent_is_cut_to_what_is_free_fixed_is_denied(void **state)
{
    (void)state;
    struct bot_config bot = {.sizing_kind = SIZING_PERCENT, .sizing_value = PPM};
    const struct purse purse = {.equity = {1000000000000}, .free = {10000000000}};
    struct qty qty;
    assert_int_equal(sizing_entry(&bot, &btc, (struct price){6500000}, &purse, &qty), WHY_NONE);
    assert_int_equal(qty.units, 153);
    bot.sizing_kind = SIZING_QUOTE;
    bot.sizing_value = 20000000000;
    assert_int_equal(sizing_entry(&bot, &btc, (struct price){6500000}, &purse, &qty),
                     WHY_NO_CAPITAL);
    bot.sizing_kind = SIZING_QUANTITY;
    bot.sizing_value = 154;
    assert_int_equal(sizing_entry(&bot, &btc, (struct price){6500000}, &purse, &qty),
                     WHY_NO_CAPITAL);
}

static void test_sizing__risk_loses_its_share_at_the_stop(void **state)
{
    (void)state;
    const struct bot_config bot = {
        .sizing_kind = SIZING_RISK, .sizing_value = 10000, .risk.stop_loss_ppm = 20000};
    const struct purse purse = {.equity = {1000000000000}, .free = {1000000000000}};
    struct qty qty;
    assert_int_equal(sizing_entry(&bot, &btc, (struct price){5000000}, &purse, &qty), WHY_NONE);
    assert_int_equal(qty.units, 9990); /* 1 % of 10,000 at a 2 % stop: 5,000, less the fee */
}

static void test_sizing__filters_deny_with_the_reason(void **state)
{
    (void)state;
    const struct price price = {6500000};
    assert_int_equal(sizing_filters(&btc, price, (struct qty){0}), WHY_SIZE_TOO_SMALL);
    assert_int_equal(sizing_filters(&btc, price, (struct qty){7}), WHY_SIZE_TOO_SMALL); /* 4.55 */
    assert_int_equal(sizing_filters(&btc, price, (struct qty){8}), WHY_NONE);
    assert_int_equal(sizing_filters(&btc, price, (struct qty){900000001}), WHY_SIZE_TOO_LARGE);
}

static void test_sizing__no_price_and_no_capital(void **state)
{
    (void)state;
    const struct bot_config bot = {.sizing_kind = SIZING_PERCENT, .sizing_value = PPM};
    const struct purse broke = {.equity = {-5}, .free = {-5}}, rich = {{1 << 30}, {1 << 30}};
    struct qty qty;
    assert_int_equal(sizing_entry(&bot, &btc, (struct price){0}, &rich, &qty), WHY_NO_PRICE);
    assert_int_equal(sizing_entry(&bot, &btc, (struct price){1}, &broke, &qty), WHY_NO_CAPITAL);
}

enum { DAY = 86400000 };

static void test_day_budget__loss_pauses_and_the_next_utc_day_resumes(void **state)
{
    (void)state;
    const struct bot_config bot = {.capital = {1000}, .risk.max_daily_loss_ppm = 50000};
    struct bot_totals t = {.state = BOT_RUNNING};
    day_budget_turn(&t, 5 * (int64_t)DAY);
    assert_true(day_budget_count(&t, &bot, (struct money){-49}));
    assert_int_equal(t.state, BOT_RUNNING);
    assert_true(day_budget_count(&t, &bot, (struct money){-1}));
    assert_int_equal(t.state, BOT_PAUSED);
    assert_int_equal(t.reason, BOT_REASON_DAILY_LOSS);
    assert_false(day_budget_turn(&t, 6 * (int64_t)DAY - 1));
    assert_int_equal(t.state, BOT_PAUSED);
    assert_true(day_budget_turn(&t, 6 * (int64_t)DAY));
    assert_int_equal(t.state, BOT_RUNNING);
    assert_int_equal(t.day_pnl.units, 0);
    assert_int_equal(t.realized.units, -50);
}

static void test_day_budget__target_and_trades_pause_too(void **state)
{
    (void)state;
    struct bot_config bot = {.capital = {1000}, .risk.daily_target_ppm = 10000};
    struct bot_totals t = {.state = BOT_RUNNING};
    assert_true(day_budget_count(&t, &bot, (struct money){10}));
    assert_int_equal(t.reason, BOT_REASON_DAILY_TARGET);
    bot.risk = (struct risk_config){.max_daily_trades = 2};
    t = (struct bot_totals){.state = BOT_RUNNING};
    assert_true(day_budget_count(&t, &bot, (struct money){1}));
    assert_int_equal(t.state, BOT_RUNNING);
    assert_true(day_budget_count(&t, &bot, (struct money){1}));
    assert_int_equal(t.reason, BOT_REASON_DAILY_TRADES);
}

static void test_day_budget__only_daily_pauses_resume_and_time_never_goes_back(void **state)
{
    (void)state;
    struct bot_totals t = {
        .state = BOT_PAUSED, .reason = BOT_REASON_IMPOSSIBLE_NEWS, .day = 10, .day_trades = 3};
    assert_true(day_budget_turn(&t, 11 * (int64_t)DAY));
    assert_int_equal(t.state, BOT_PAUSED);
    t.day_trades = 2;
    assert_false(day_budget_turn(&t, 10 * (int64_t)DAY));
    assert_int_equal(t.day_trades, 2);
    assert_int_equal(t.day, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stops__levels_round_to_the_protective_side),
        cmocka_unit_test(test_stops__trailing_follows_the_peak_once_it_is_higher),
        cmocka_unit_test(test_stops__bar_takes_the_stop_before_the_target),
        cmocka_unit_test(test_sizing__percent_of_equity_pays_its_fee_too),
        cmocka_unit_test(test_sizing__percent_is_cut_to_what_is_free_fixed_is_denied),
        cmocka_unit_test(test_sizing__risk_loses_its_share_at_the_stop),
        cmocka_unit_test(test_sizing__filters_deny_with_the_reason),
        cmocka_unit_test(test_sizing__no_price_and_no_capital),
        cmocka_unit_test(test_day_budget__loss_pauses_and_the_next_utc_day_resumes),
        cmocka_unit_test(test_day_budget__target_and_trades_pause_too),
        cmocka_unit_test(test_day_budget__only_daily_pauses_resume_and_time_never_goes_back),
    };
    return cmocka_run_group_tests_name("core/risk", tests, NULL, NULL);
}
