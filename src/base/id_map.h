/* From a 64-bit id to a 32-bit index: a fixed open-addressing table over an arena.
 *
 * Never grows: the caller promises at most `capacity` entries at a time. Key 0 is not allowed. */
#ifndef BASE_ID_MAP_H
#define BASE_ID_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct id_map {
    uint64_t *keys; /* 0 = free */
    uint32_t *values;
    uint32_t mask; /* slots - 1; slots is a power of two of at least twice the capacity */
    uint32_t count, capacity;
};

size_t id_map_need(uint32_t capacity);
void id_map_init(struct id_map *m, struct arena *a, uint32_t capacity);
bool id_map_find(const struct id_map *m, uint64_t key, uint32_t *value);
/* The key must be absent, and the map not full. */
void id_map_insert(struct id_map *m, uint64_t key, uint32_t value);
/* False when the key is absent. */
bool id_map_remove(struct id_map *m, uint64_t key);

#endif
