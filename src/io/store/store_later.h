/* What a deferred transaction writes once, at its end: the state of orders, positions and totals,
 * of which only the last counts.
 *
 * A batch of bookings changes the same few rows over and over; each earlier state would be written
 * and overwritten before anybody can see it. Rows wait here by their key. store_later_write writes
 * all of them: before whatever looks at them, and before the commit.
 *
 * Memory: in the store. Thread: the store's. */
#ifndef IO_STORE_STORE_LATER_H
#define IO_STORE_STORE_LATER_H

#include <stdint.h>

#include "base/err.h"
#include "io/store/row.h"

/* Of each kind; one more has all of them written first. */
#define STORE_LATER_MAX 256

struct store;

struct store_later {
    uint32_t change_count, position_count, totals_count;
    struct store_change changes[STORE_LATER_MAX];
    struct store_position positions[STORE_LATER_MAX];
    struct store_totals totals[STORE_LATER_MAX];
};

/* The same as writing it now, but that a refusal is told by a later call. */
enum err store_later_change(struct store *s, const struct store_change *row) ERR_MUST_USE;
enum err store_later_position(struct store *s, const struct store_position *row) ERR_MUST_USE;
enum err store_later_totals(struct store *s, const struct store_totals *row) ERR_MUST_USE;
/* Refusals as the writes of store.h: then the transaction can only be rolled back. */
enum err store_later_write(struct store *s) ERR_MUST_USE;

#endif
