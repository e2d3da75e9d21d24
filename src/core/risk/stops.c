/* Protective levels. */
#include "core/risk/stops.h"

static int64_t away(int64_t price, int64_t ppm, const struct instrument *i, enum rounding mode)
{
    int64_t level;
    /* ppm is below 1,000,000 for stops and bounded for targets:
     * a level that does not fit is none. */
    if (!units_part(price, PPM + ppm, mode, &level) || level <= 0) return 0;
    return i->tick.units > 0 ? units_to_step(level, i->tick.units, mode) : level;
}

struct stop_levels stops_of(const struct risk_config *risk, const struct position *p,
                            const struct instrument *i)
{
    struct stop_levels levels = {.stop_why = WHY_STOP_LOSS};
    if (risk->stop_loss_ppm)
        levels.stop.units = away(p->entry_price.units, -risk->stop_loss_ppm, i, ROUND_UP);
    if (risk->take_profit_ppm)
        levels.target.units = away(p->entry_price.units, risk->take_profit_ppm, i, ROUND_DOWN);
    if (risk->trailing_ppm) {
        const int64_t trail = away(p->peak.units, -risk->trailing_ppm, i, ROUND_UP);
        if (trail > levels.stop.units) {
            levels.stop.units = trail;
            levels.stop_why = WHY_TRAILING_STOP;
        }
    }
    return levels;
}

enum why stops_on_price(const struct stop_levels *levels, struct price price, struct price *trigger)
{
    if (levels->stop.units && price.units <= levels->stop.units) {
        *trigger = levels->stop;
        return levels->stop_why;
    }
    if (levels->target.units && price.units >= levels->target.units) {
        *trigger = levels->target;
        return WHY_TAKE_PROFIT;
    }
    return WHY_NONE;
}

enum why stops_on_bar(const struct stop_levels *levels, const struct candle *bar,
                      struct price *trigger)
{
    const enum why at_low = stops_on_price(levels, bar->low, trigger);
    if (at_low != WHY_NONE && at_low != WHY_TAKE_PROFIT) return at_low;
    return stops_on_price(levels, bar->high, trigger);
}
