/* A queue of fixed-size items between exactly one producer thread and one consumer thread, no
 * locks.
 *
 * A full ring refuses the push: what then happens (wait, drop, conflate, halt) is the caller's
 * named policy. Each side keeps a stale copy of the other's index and refreshes it only when it
 * seems out of room, so the shared cache lines move once a lap, not once an item. */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct ring {
    alignas(64) _Atomic uint64_t head; /* next slot to read; written by the consumer */
    uint64_t tail_seen;
    alignas(64) _Atomic uint64_t tail; /* next slot to write; written by the producer */
    uint64_t head_seen;
    alignas(64) unsigned char *slots;
    uint32_t slot_size;
    uint32_t slot_count; /* a power of two */
};

/* slot_count must be a power of two. */
enum err ring_init(struct ring *r, uint32_t slot_size, uint32_t slot_count) ERR_MUST_USE;
void ring_deinit(struct ring *r);

/* Producer: copies the item in; false when full. */
static inline bool ring_push(struct ring *r, const void *item)
{
    const uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - r->head_seen == r->slot_count) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail - r->head_seen == r->slot_count) return false;
    }
    memcpy(r->slots + (tail & (r->slot_count - 1)) * r->slot_size, item, r->slot_size);
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return true;
}

/* Consumer: copies the oldest item out; false when empty. */
static inline bool ring_pop(struct ring *r, void *item)
{
    const uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == r->tail_seen) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head == r->tail_seen) return false;
    }
    memcpy(item, r->slots + (head & (r->slot_count - 1)) * r->slot_size, r->slot_size);
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

#endif
