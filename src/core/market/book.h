/* One instrument's order book: what is offered at which price, as the venue tells it.
 *
 * Each side is a sorted array with the best level at its end, because most changes happen near the
 * best price and then move little memory. Memory comes from an arena once, for levels_max levels a
 * side; when a side is full its worst level falls off and is counted, so deep levels are best
 * effort and levels near the top are exact.
 *
 * A book takes deltas only after a snapshot. An update that cannot be true (crossed, unsound)
 * empties the book and marks it stale until the next snapshot: prices that are known to be wrong
 * are never shown. Gaps are found before this, by book_sync. Used by one thread. */
#ifndef CORE_MARKET_BOOK_H
#define CORE_MARKET_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/model/event.h"
#include "core/model/order.h"

enum { BOOK_LEVELS_LIMIT = 1 << 20 };

enum book_state {
    BOOK_EMPTY, /* waits for its first snapshot, or was cleared */
    BOOK_LIVE,
    BOOK_STALE, /* was emptied by an update that cannot be true */
};

enum book_result {
    BOOK_OK,
    BOOK_CROSSED,     /* the best bid is not below the best ask: emptied, stale */
    BOOK_UNSOUND,     /* a price <= 0, a quantity < 0, or a snapshot out of order: emptied, stale */
    BOOK_NO_SNAPSHOT, /* a delta while not live: ignored */
};

struct book_half {
    struct level *levels; /* the best is levels[count - 1] */
    uint32_t count;
};

struct book {
    struct book_half sides[2]; /* by enum side: bids, asks */
    uint32_t levels_max;
    uint8_t state; /* enum book_state */
    uint64_t last_id;
    uint64_t dropped; /* levels that fell off a full side, ever */
};

/* levels_max is 1..BOOK_LEVELS_LIMIT. */
void book_init(struct book *b, struct arena *arena, uint32_t levels_max);
/* What book_init takes from its arena. */
size_t book_need(uint32_t levels_max);
/* Forgets all levels: the feed is down, or a new snapshot will come. */
void book_clear(struct book *b);

enum book_result book_apply(struct book *b, const struct book_update *update);

/* False while that side is empty. */
static inline bool book_best(const struct book *b, enum side side, struct level *out)
{
    const struct book_half *half = &b->sides[side];
    if (half->count == 0) return false;
    *out = half->levels[half->count - 1];
    return true;
}

static inline bool book_best_bid(const struct book *b, struct level *out)
{
    return book_best(b, SIDE_BUY, out);
}

static inline bool book_best_ask(const struct book *b, struct level *out)
{
    return book_best(b, SIDE_SELL, out);
}

static inline uint32_t book_count(const struct book *b, enum side side)
{
    return b->sides[side].count;
}

/* Copies up to `max` levels of a side, best first; returns how many. */
uint32_t book_side(const struct book *b, enum side side, struct level *out, uint32_t max);

/* What an order of the taker would eat now: walks the opposite side from its best level while there
 * is quantity left and the price is within the limit (0 = any price). Writes price and eaten
 * quantity of each level, at most `max`, and returns how many; *left is what found no level.
 * Changes nothing. */
uint32_t book_take(const struct book *b, enum side taker, struct qty qty, struct price limit,
                   struct level *out, uint32_t max, struct qty *left);

/* Equal for equal state, last_id and levels, on every machine. */
uint64_t book_hash(const struct book *b);

#endif
