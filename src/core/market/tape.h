/* The last prints of one market, newest first.
 *
 * A ring in arena memory: a full tape forgets its oldest print. A venue counts its prints upward,
 * so a print whose id is not above the last one was seen before (a reconnect repeats some): it is
 * refused and counted. Used by one thread. */
#ifndef CORE_MARKET_TAPE_H
#define CORE_MARKET_TAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/model/event.h"

enum { TAPE_PRINTS_LIMIT = 1 << 20 };

struct tape {
    struct print *prints;
    uint32_t capacity, count;
    uint32_t next; /* where the next print goes */
    uint64_t repeated;
};

/* capacity is 1..TAPE_PRINTS_LIMIT. */
void tape_init(struct tape *t, struct arena *arena, uint32_t capacity);
/* What tape_init takes from its arena. */
size_t tape_need(uint32_t capacity);
/* False for a print that was seen before. */
bool tape_add(struct tape *t, const struct print *print);
/* age 0 is the newest; NULL when there are not so many. Good until the next tape_add. */
const struct print *tape_at(const struct tape *t, uint32_t age);

#endif
