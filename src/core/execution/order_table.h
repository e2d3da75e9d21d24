/* All orders that the engine still knows, by id. Fixed memory.
 *
 * Working orders stay until they close; closed ones stay as long as there is room, the longest
 * closed leaving first, because late and repeated news still has to find them. */
#ifndef CORE_EXECUTION_ORDER_TABLE_H
#define CORE_EXECUTION_ORDER_TABLE_H

#include "base/arena.h"
#include "base/id_map.h"
#include "core/model/order.h"

struct order_slot {
    struct order order;
    uint32_t leg;        /* who asked for it */
    uint32_t queries;    /* how often the venue was asked about it */
    int64_t query_at_ms; /* when to ask next */
    bool cancel_wanted;  /* until it closed: a cancel that failed is sent again */
};

struct order_table {
    struct order_slot *slots;
    struct id_map by_id;
    uint32_t *free;    /* stack of free slots */
    uint32_t *closed;  /* ring of closed slots, oldest first */
    uint32_t *working; /* slots of working orders, in no particular but a deterministic order */
    uint32_t capacity, free_count, closed_first, closed_count, working_count;
};

size_t order_table_need(uint32_t capacity);
void order_table_init(struct order_table *t, struct arena *a, uint32_t capacity);
/* A slot for a new order with this id (never used before);
 * NULL when all slots hold working orders. */
struct order_slot *order_table_add(struct order_table *t, uint64_t id);
/* NULL for an id that is not (or no longer) known. */
struct order_slot *order_table_find(struct order_table *t, uint64_t id);
/* Call once when the order reached a closed state. */
void order_table_close(struct order_table *t, struct order_slot *slot);
/* Forgets the closed orders of these legs. */
void order_table_forget_legs(struct order_table *t, uint32_t first, uint32_t count);

#endif
