/* Daily limits. */
#include "core/risk/day_budget.h"

static bool paused_by_day(const struct bot_totals *t)
{
    return t->state == BOT_PAUSED &&
           (t->reason == BOT_REASON_DAILY_LOSS || t->reason == BOT_REASON_DAILY_TARGET ||
            t->reason == BOT_REASON_DAILY_TRADES);
}

bool day_budget_turn(struct bot_totals *t, int64_t time_ms)
{
    if (!day_budget_due(t, time_ms)) return false;
    const int64_t day = day_of(time_ms);
    const bool resume = paused_by_day(t);
    const bool counted = t->day_trades > 0 || t->day_pnl.units != 0;
    t->day = day;
    t->day_pnl.units = 0;
    t->day_trades = 0;
    if (resume) {
        t->state = BOT_RUNNING;
        t->reason = BOT_REASON_NONE;
    }
    return resume || counted;
}

enum bot_reason day_budget_reached(const struct bot_totals *t, const struct bot_config *bot)
{
    int64_t limit;
    const struct risk_config *risk = &bot->risk;
    if (risk->max_daily_loss_ppm &&
        units_part(bot->capital.units, risk->max_daily_loss_ppm, ROUND_DOWN, &limit) &&
        t->day_pnl.units <= -limit)
        return BOT_REASON_DAILY_LOSS;
    if (risk->daily_target_ppm &&
        units_part(bot->capital.units, risk->daily_target_ppm, ROUND_UP, &limit) &&
        t->day_pnl.units >= limit)
        return BOT_REASON_DAILY_TARGET;
    if (risk->max_daily_trades && t->day_trades >= risk->max_daily_trades)
        return BOT_REASON_DAILY_TRADES;
    return BOT_REASON_NONE;
}

bool day_budget_count(struct bot_totals *t, const struct bot_config *bot, struct money pnl)
{
    struct bot_totals after = *t;
    if (__builtin_add_overflow(after.day_pnl.units, pnl.units, &after.day_pnl.units)) return false;
    if (__builtin_add_overflow(after.realized.units, pnl.units, &after.realized.units))
        return false;
    after.day_trades++;
    after.trades++;
    const enum bot_reason reason = day_budget_reached(&after, bot);
    if (reason != BOT_REASON_NONE && after.state == BOT_RUNNING) {
        after.state = BOT_PAUSED;
        after.reason = (uint8_t)reason;
    }
    *t = after;
    return true;
}
