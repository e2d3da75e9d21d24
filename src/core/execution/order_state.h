/* The life of one order, as one table of (state, input) -> state.
 *
 *   SENT --accept--> OPEN --cancel_sent--> CANCELING --canceled--> CANCELED
 *    | \               |                       |
 *    |  \--reject--> REJECTED                  |
 *    |                 +------ fill_rest ------+--> FILLED  (also from SENT, UNKNOWN, CANCELED,
 *    +--no_answer--> UNKNOWN                                 EXPIRED: a fill may overtake any news)
 *                      |--accept--> OPEN
 *                      |--proved_absent, reject (late)--> REJECTED
 *   SENT, UNKNOWN, OPEN, CANCELING --expired--> EXPIRED, --canceled--> CANCELED
 *
 * A part fill is booked in every state but REJECTED. It moves SENT and UNKNOWN to OPEN and never
 * opens a closed order again. Words: core/model/order.h. */
#ifndef CORE_EXECUTION_ORDER_STATE_H
#define CORE_EXECUTION_ORDER_STATE_H

#include "core/model/order.h"

/* ORDER_IMPOSSIBLE for a pair that cannot happen. From the venue: record it and halt the bot; from
 * ourselves it is a bug. */
enum order_state order_state_next(enum order_state state, enum order_input input);

#endif
