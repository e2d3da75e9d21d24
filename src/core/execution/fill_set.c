/* A set that forgets its oldest member when full. */
#include "core/execution/fill_set.h"

#include "base/check.h"

size_t fill_set_need(uint32_t capacity)
{
    return id_map_need(capacity) + arena_need(capacity, sizeof(uint64_t));
}

void fill_set_init(struct fill_set *s, struct arena *a, uint32_t capacity)
{
    *s = (struct fill_set){.capacity = capacity};
    id_map_init(&s->seen, a, capacity);
    s->order = arena_take(a, capacity, sizeof *s->order);
}

bool fill_set_add(struct fill_set *s, uint16_t instrument, enum trading_mode mode,
                  uint64_t venue_trade_id)
{
    CHECK(venue_trade_id < VENUE_TRADE_ID_LIMIT);
    /* Instrument (16 bits, counted from 1 so that a key is never 0), mode (1) and id (47) fit
     * exactly. */
    const uint64_t key = ((uint64_t)instrument + 1) << 48 | (uint64_t)mode << 47 | venue_trade_id;
    uint32_t value;
    if (id_map_find(&s->seen, key, &value)) return false;
    if (s->count == s->capacity) {
        CHECK(id_map_remove(&s->seen, s->order[s->first]));
        s->first = (s->first + 1) % s->capacity;
        s->count--;
    }
    s->order[(s->first + s->count) % s->capacity] = key;
    s->count++;
    id_map_insert(&s->seen, key, 0);
    return true;
}
