/* What fills do to a bot's holding: long only, as on spot.
 *
 * A round trip opens with the first buy and closes with the sell that leaves less than one lot
 * step. What is left then is dust: it stays in `base`, costs nothing, and goes out with a later
 * sell. Fees are booked in the asset they were paid in: paid in base they shrink the holding, paid
 * in quote they shrink the profit, paid in a third asset they do neither (the fill itself keeps
 * them). */
#ifndef CORE_EXECUTION_POSITION_H
#define CORE_EXECUTION_POSITION_H

#include <stdbool.h>

#include "core/model/action.h"
#include "core/model/event.h"
#include "core/model/instrument.h"

/* Books one fill. False on overflow, and then nothing is changed. *closed says whether it closed
 * the round trip; if so *trip is filled in (but exit_reason, which the order knows). */
bool position_book(struct position *p, const struct instrument *i, enum side side,
                   const struct fill *f, bool *closed, struct round_trip *trip);

/* The part of the holding that can be sold: whole lot steps. */
struct qty position_sellable(const struct position *p, const struct instrument *i);

/* Value at a price, less cost and fees, of an open round trip; 0 when none is open, and where the
 * amount does not fit. */
struct money position_unrealized(const struct position *p, const struct instrument *i,
                                 struct price price);

/* Quote that is tied up in the open round trip. */
struct money position_committed(const struct position *p);

#endif
