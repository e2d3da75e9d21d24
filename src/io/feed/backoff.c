/* Exponential backoff with full jitter. */
#include "io/feed/backoff.h"

#include "base/check.h"

void backoff_init(struct backoff *b, uint64_t seed, uint32_t first_ms, uint32_t last_ms)
{
    CHECK(first_ms > 0 && first_ms <= last_ms);
    *b = (struct backoff){.first_ms = first_ms, .last_ms = last_ms, .ceiling_ms = first_ms};
    prng_init(&b->prng, seed);
}

uint32_t backoff_next_ms(struct backoff *b)
{
    const uint32_t ms = 1 + (uint32_t)prng_below(&b->prng, b->ceiling_ms);
    b->ceiling_ms = b->ceiling_ms > b->last_ms / 2 ? b->last_ms : b->ceiling_ms * 2;
    return ms;
}

void backoff_reset(struct backoff *b)
{
    b->ceiling_ms = b->first_ms;
}
