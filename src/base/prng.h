/* Seeded pseudo-random numbers: xoshiro256** (Blackman and Vigna), seeded through splitmix64.
 * The same seed gives the same numbers everywhere. Never for secrets. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
/* Even over 0..bound-1; bound must not be 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);
/* Even over [0, 1). */
double prng_unit(struct prng *p);

#endif
