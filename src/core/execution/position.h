/* What fills do to a bot's holding: long only, as on spot.
 *
 * A round trip opens with the first buy and closes with the sell that leaves less than one lot
 * step and nothing more to come of its order (fees in base may use up what its next part sells).
 * What is left then is dust: it stays in `base`, costs nothing, and goes out with a later sell. A
 * round trip whose buys, less their fees, make no whole lot step stays open and waits for more buys
 * to join it: there is nothing to sell yet, and nothing to protect. Fees are booked in the asset
 * they were paid in: paid in base they shrink the holding, paid in quote they shrink the profit,
 * paid in a third asset they do neither (the fill itself keeps them). */
#ifndef CORE_EXECUTION_POSITION_H
#define CORE_EXECUTION_POSITION_H

#include <stdbool.h>

#include "core/model/action.h"
#include "core/model/event.h"
#include "core/model/instrument.h"

/* Books one fill; order is the one it belongs to, as of after the fill. False on overflow, and then
 * nothing is changed. *closed says whether it closed the round trip; if so *trip is filled in (but
 * exit_reason, which the order knows). */
bool position_book(struct position *p, const struct instrument *i, const struct order *order,
                   const struct fill *f, bool *closed, struct round_trip *trip);

/* The part of the holding that can be sold: whole lot steps. */
struct qty position_sellable(const struct position *p, const struct instrument *i);

/* Value at a price, less cost and fees, of an open round trip; 0 where the amount does not fit.
 * With none open, what a sell brought that was told after the round trip had closed, mostly 0. */
struct money position_unrealized(const struct position *p, const struct instrument *i,
                                 struct price price);

/* Quote that is tied up in the open round trip. */
struct money position_committed(const struct position *p);

#endif
