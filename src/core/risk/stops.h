/* Stop-loss, take-profit and trailing stop of a long position, as prices.
 *
 * The stop-loss and the target are distances from the average entry price, the trailing stop is a
 * distance from the highest price since entry and active from entry. A sell stop is rounded up to
 * the tick and a target down: the protective side.
 * Of stop-loss and trailing the higher one counts. */
#ifndef CORE_RISK_STOPS_H
#define CORE_RISK_STOPS_H

#include "core/model/action.h"
#include "core/model/bot.h"
#include "core/model/event.h"
#include "core/model/instrument.h"

struct stop_levels {
    struct price stop;   /* sell at or below; 0 = none */
    struct price target; /* sell at or above; 0 = none */
    enum why stop_why;   /* WHY_STOP_LOSS or WHY_TRAILING_STOP */
};

struct stop_levels stops_of(const struct risk_config *risk, const struct position *p,
                            const struct instrument *i);

/* WHY_NONE when neither level is touched; else which one, and its level in *trigger. */
enum why stops_on_price(const struct stop_levels *levels, struct price price,
                        struct price *trigger);

/* The same over the path of a candle of which only open, high, low and close are known. The stop is
 * taken to come before the target, and the levels hold for the whole candle. */
enum why stops_on_bar(const struct stop_levels *levels, const struct candle *bar,
                      struct price *trigger);

#endif
