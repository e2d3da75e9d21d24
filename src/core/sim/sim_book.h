/* The matching book of one instrument: resting orders by price, then by time of arrival.
 *
 * It knows nothing of accounts, fees or order types. A side is an array of levels sorted by price
 * with the best at the end, so that work near the top moves few bytes; a level is a doubly linked
 * queue of nodes. Insert is O(distance from the top), cancel and fill of a node are O(1) while its
 * level lives.
 *
 * Invariants: no level is empty; level.qty is the sum of its nodes; within a side prices differ.
 * The book does not prevent a crossed state: the caller matches before it rests an order. Handles
 * are 1..capacity; 0 is none. One thread, no allocation after init. Prices and quantities are int64
 * units of the instrument's scales. */
#ifndef CORE_SIM_SIM_BOOK_H
#define CORE_SIM_SIM_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/model/order.h"

struct sim_node {
    int64_t qty;    /* what is left */
    uint32_t order; /* the caller's tag */
    uint32_t owner; /* the caller's account, for self-trade prevention */
    uint32_t level;
    uint32_t next, previous; /* in the queue; 0 at its ends */
    uint8_t side;
};

struct sim_level {
    int64_t price, qty;
    uint32_t head, tail; /* nodes; the head trades first */
    uint32_t count;
};

struct sim_rung {
    int64_t price;
    uint32_t level;
};

struct sim_side {
    struct sim_rung *rungs; /* worst first, best last */
    uint32_t count;
};

struct sim_book {
    struct sim_side sides[2]; /* by enum side: bids are SIDE_BUY */
    struct sim_node *nodes;   /* [1..node_capacity] */
    struct sim_level *levels; /* [1..2 * level_capacity] */
    uint32_t node_capacity, node_used, node_free, node_count;
    uint32_t level_capacity, level_used, level_free;
};

/* node_capacity orders in all, level_capacity prices a side. */
size_t sim_book_need(uint32_t node_capacity, uint32_t level_capacity);
void sim_book_init(struct sim_book *b, struct arena *a, uint32_t node_capacity,
                   uint32_t level_capacity);

/* Puts an order at the end of its price's queue. 0 when the book is full (nodes or levels). */
uint32_t sim_book_insert(struct sim_book *b, enum side side, int64_t price, int64_t qty,
                         uint32_t order, uint32_t owner);
/* True when an insert at this price cannot fail. */
bool sim_book_has_room(const struct sim_book *b, enum side side, int64_t price);
/* Takes the node out; returns what is left at its price (0: the level is gone). */
int64_t sim_book_remove(struct sim_book *b, uint32_t node);
/* Reduces the node by qty <= node.qty and takes it out at 0; returns what is left at its price. */
int64_t sim_book_fill(struct sim_book *b, uint32_t node, int64_t qty);
/* Quantity at a price; 0 when there is none. */
int64_t sim_book_qty_at(const struct sim_book *b, enum side side, int64_t price);

/* The depth-th best level, 0 the best; NULL past the last. Good until the book changes. */
static inline const struct sim_level *sim_book_level(const struct sim_book *b, enum side side,
                                                     uint32_t depth)
{
    const struct sim_side *s = &b->sides[side];
    return depth < s->count ? &b->levels[s->rungs[s->count - 1 - depth].level] : NULL;
}

#endif
