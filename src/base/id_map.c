/* Linear probing with backward-shift deletion, so that no tombstones gather. */
#include "base/id_map.h"

#include "base/check.h"
#include "base/hash.h"

static uint32_t slots_for(uint32_t capacity)
{
    CHECK(capacity > 0 && capacity <= UINT32_C(1) << 30);
    uint32_t slots = 4;
    while (slots < 2 * capacity) slots *= 2;
    return slots;
}

static uint32_t home(const struct id_map *m, uint64_t key)
{
    return (uint32_t)hash_u64(0, key) & m->mask;
}

/* The slot that holds the key, or the free one where it would go. */
static uint32_t probe(const struct id_map *m, uint64_t key)
{
    uint32_t slot = home(m, key);
    while (m->keys[slot] != 0 && m->keys[slot] != key) slot = (slot + 1) & m->mask;
    return slot;
}

size_t id_map_need(uint32_t capacity)
{
    const uint32_t slots = slots_for(capacity);
    return arena_need(slots, sizeof(uint64_t)) + arena_need(slots, sizeof(uint32_t));
}

void id_map_init(struct id_map *m, struct arena *a, uint32_t capacity)
{
    const uint32_t slots = slots_for(capacity);
    *m = (struct id_map){
        .keys = arena_take(a, slots, sizeof *m->keys),
        .values = arena_take(a, slots, sizeof *m->values),
        .mask = slots - 1,
        .capacity = capacity,
    };
}

bool id_map_find(const struct id_map *m, uint64_t key, uint32_t *value)
{
    if (key == 0) return false;
    const uint32_t slot = probe(m, key);
    if (m->keys[slot] == 0) return false;
    *value = m->values[slot];
    return true;
}

void id_map_insert(struct id_map *m, uint64_t key, uint32_t value)
{
    CHECK(key != 0);
    CHECK(m->count < m->capacity);
    const uint32_t slot = probe(m, key);
    CHECK(m->keys[slot] == 0);
    m->keys[slot] = key;
    m->values[slot] = value;
    m->count++;
}

bool id_map_remove(struct id_map *m, uint64_t key)
{
    if (key == 0) return false;
    uint32_t hole = probe(m, key);
    if (m->keys[hole] == 0) return false;
    for (uint32_t slot = (hole + 1) & m->mask; m->keys[slot] != 0; slot = (slot + 1) & m->mask) {
        /* An entry may fill the hole only if its home is not after the hole (cyclically). */
        if (((slot - home(m, m->keys[slot])) & m->mask) < ((slot - hole) & m->mask)) continue;
        m->keys[hole] = m->keys[slot];
        m->values[hole] = m->values[slot];
        hole = slot;
    }
    m->keys[hole] = 0;
    m->count--;
    return true;
}
