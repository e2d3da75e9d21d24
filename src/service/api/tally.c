/* Sums over the web threads. */
#include "service/api/tally.h"

static uint64_t value_of(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

uint64_t tallies_answers(const struct tallies *t, unsigned digit)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < t->count; i++) sum += value_of(&t->items[i].answers[digit]);
    return sum;
}

uint64_t tallies_limited(const struct tallies *t, enum limit_class class)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < t->count; i++) sum += value_of(&t->items[i].limited[class]);
    return sum;
}

uint64_t tallies_sum(const struct tallies *t, enum tally_gauge gauge)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < t->count; i++) sum += value_of(&t->items[i].gauges[gauge]);
    return sum;
}

uint64_t tallies_most(const struct tallies *t, enum tally_gauge gauge)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        const uint64_t value = value_of(&t->items[i].gauges[gauge]);
        if (value > most) most = value;
    }
    return most;
}

uint64_t tally_requests(const struct tally *t)
{
    uint64_t sum = 0;
    for (unsigned digit = 2; digit <= 5; digit++) sum += value_of(&t->answers[digit]);
    return sum;
}
