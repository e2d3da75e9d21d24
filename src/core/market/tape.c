/* The tape: a ring that overwrites its oldest print. */
#include "core/market/tape.h"

#include "base/check.h"

void tape_init(struct tape *t, struct arena *arena, uint32_t capacity)
{
    CHECK(capacity > 0 && capacity <= TAPE_PRINTS_LIMIT);
    *t = (struct tape){
        .prints = arena_take(arena, capacity, sizeof(struct print)),
        .capacity = capacity,
    };
}

size_t tape_need(uint32_t capacity)
{
    return arena_need(capacity, sizeof(struct print));
}

bool tape_add(struct tape *t, const struct print *print)
{
    const struct print *newest = tape_at(t, 0);
    if (newest && print->id <= newest->id) {
        t->repeated++;
        return false;
    }
    t->prints[t->next] = *print;
    if (++t->next == t->capacity) t->next = 0;
    if (t->count < t->capacity) t->count++;
    return true;
}

const struct print *tape_at(const struct tape *t, uint32_t age)
{
    if (age >= t->count) return NULL;
    const uint32_t back = age + 1;
    return &t->prints[t->next >= back ? t->next - back : t->next + t->capacity - back];
}
