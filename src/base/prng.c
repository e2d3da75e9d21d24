/* xoshiro256**. */
#include "base/prng.h"

#include "base/check.h"

static uint64_t splitmix_next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

void prng_init(struct prng *p, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) p->state[i] = splitmix_next(&seed);
}

uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->state;
    const uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    const uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
    CHECK(bound > 0);
    /* Numbers past the last whole multiple of bound would favour the small results. */
    const uint64_t uneven = (0 - bound) % bound;
    uint64_t value;
    do value = prng_next(p);
    while (value < uneven);
    return value % bound;
}

double prng_unit(struct prng *p)
{
    return (double)(prng_next(p) >> 11) * 0x1p-53;
}
