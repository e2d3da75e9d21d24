/* Slots, a map from ids to them, and the order in which closed ones leave. */
#include "core/execution/order_table.h"

#include "base/check.h"

size_t order_table_need(uint32_t capacity)
{
    return arena_need(capacity, sizeof(struct order_slot)) + id_map_need(capacity) +
           3 * arena_need(capacity, sizeof(uint32_t));
}

void order_table_init(struct order_table *t, struct arena *a, uint32_t capacity)
{
    *t = (struct order_table){.capacity = capacity};
    t->slots = arena_take(a, capacity, sizeof *t->slots);
    id_map_init(&t->by_id, a, capacity);
    t->free = arena_take(a, capacity, sizeof *t->free);
    t->closed = arena_take(a, capacity, sizeof *t->closed);
    t->working = arena_take(a, capacity, sizeof *t->working);
    for (uint32_t i = 0; i < capacity; i++) t->free[i] = capacity - 1 - i;
    t->free_count = capacity;
}

static void forget(struct order_table *t, uint32_t slot)
{
    CHECK(id_map_remove(&t->by_id, t->slots[slot].order.id));
    t->slots[slot] = (struct order_slot){0};
    t->free[t->free_count++] = slot;
}

static void forget_oldest_closed(struct order_table *t)
{
    const uint32_t slot = t->closed[t->closed_first];
    t->closed_first = (t->closed_first + 1) % t->capacity;
    t->closed_count--;
    forget(t, slot);
}

struct order_slot *order_table_add(struct order_table *t, uint64_t id)
{
    if (t->free_count == 0 && t->closed_count > 0) forget_oldest_closed(t);
    if (t->free_count == 0) return NULL;
    const uint32_t slot = t->free[--t->free_count];
    id_map_insert(&t->by_id, id, slot);
    t->slots[slot] = (struct order_slot){.order.id = id};
    t->working[t->working_count++] = slot;
    return &t->slots[slot];
}

struct order_slot *order_table_find(struct order_table *t, uint64_t id)
{
    uint32_t slot;
    return id_map_find(&t->by_id, id, &slot) ? &t->slots[slot] : NULL;
}

void order_table_close(struct order_table *t, struct order_slot *slot)
{
    const uint32_t index = (uint32_t)(slot - t->slots);
    uint32_t at = 0;
    while (at < t->working_count && t->working[at] != index) at++;
    CHECK(at < t->working_count);
    t->working[at] = t->working[--t->working_count];
    t->closed[(t->closed_first + t->closed_count) % t->capacity] = index;
    t->closed_count++;
}

void order_table_forget_legs(struct order_table *t, uint32_t first, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->closed_count; i++) {
        const uint32_t slot = t->closed[(t->closed_first + i) % t->capacity];
        if (t->slots[slot].leg - first < count)
            forget(t, slot);
        else
            t->closed[(t->closed_first + kept++) % t->capacity] = slot;
    }
    t->closed_count = kept;
}
