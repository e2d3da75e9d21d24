/* Daily limits by UTC date of the event's time: loss, target and number of round trips.
 *
 * A day begins with the first event that carries its date; then counters are zero and a bot that a
 * daily limit paused runs again. A closed round trip counts once, on the day it closed. */
#ifndef CORE_RISK_DAY_BUDGET_H
#define CORE_RISK_DAY_BUDGET_H

#include <stdbool.h>

#include "base/check.h"
#include "core/model/bot.h"
#include "core/model/event.h"

enum { DAY_MS = 86400000 };

/* Days since 1970 UTC; time_ms >= 0. */
static inline int64_t day_of(int64_t time_ms)
{
    CHECK(time_ms >= 0);
    return time_ms / DAY_MS;
}
/* Whether a new day has begun: day_budget_turn would do something. */
static inline bool day_budget_due(const struct bot_totals *t, int64_t time_ms)
{
    return day_of(time_ms) > t->day;
}
/* Turns the counters over when a new day has begun; true when the totals changed. A clock that went
 * back never opens an old day again. */
bool day_budget_turn(struct bot_totals *t, int64_t time_ms);
/* The limit that the day has reached; BOT_REASON_NONE for none. */
enum bot_reason day_budget_reached(const struct bot_totals *t, const struct bot_config *bot);
/* Counts a closed round trip and pauses the bot when a limit is reached. False on overflow. */
bool day_budget_count(struct bot_totals *t, const struct bot_config *bot, struct money pnl);

#endif
