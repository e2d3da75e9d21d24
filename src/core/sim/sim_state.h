/* The exchange's state as bytes: accounts, open and recent orders, lists and trades of people, the
 * next ids. Versioned and with a checksum, so that the built-in market survives restarts.
 *
 * Unlimited accounts are saved as their net only: their open orders are the synthetic market's,
 * which quotes anew. Format: "TBSIM" version, then little-endian integers in the order of
 * sim_state.c, then a 64-bit hash of all before it. */
#ifndef CORE_SIM_SIM_STATE_H
#define CORE_SIM_SIM_STATE_H

#include "base/slice.h"
#include "core/sim/sim_exchange.h"

/* Takes the next bytes; false stops the writing. */
typedef bool (*sim_sink)(void *context, const void *data, size_t size);

/* False when the sink gave up. */
bool sim_exchange_write(const struct sim_exchange *e, sim_sink sink, void *context);
/* Into an exchange fresh from init, with its instruments added and nothing placed. Accounts that
 * were added already (the synthetic market's) must be the first ones of the saved state, in its
 * order; the others are added. Tells nothing to the listener. The next ids are the larger of the
 * saved ones and the bases. ERR_PARSE for damaged bytes, ERR_UNSUPPORTED for another version,
 * ERR_INVALID for other instruments or facts that cannot be, ERR_LIMIT when the exchange is too
 * small for them; after an error the exchange must not be used. */
enum err sim_exchange_read(struct sim_exchange *e, struct slice bytes) ERR_MUST_USE;

#endif
