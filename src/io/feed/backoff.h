/* How long to wait before the next try: exponential with full jitter.
 *
 * The n-th wait is even over 1 ms .. min(last, first * 2^n), so that many clients which lost a
 * server at the same moment do not come back at the same moment. Pure. Source: Brooker,
 * "Exponential backoff and jitter", AWS Architecture Blog, 2015. */
#ifndef IO_FEED_BACKOFF_H
#define IO_FEED_BACKOFF_H

#include <stdint.h>

#include "base/prng.h"

struct backoff {
    struct prng prng;
    uint32_t first_ms, last_ms;
    uint32_t ceiling_ms; /* the longest that the next wait can be */
};

/* 0 < first_ms <= last_ms. */
void backoff_init(struct backoff *b, uint64_t seed, uint32_t first_ms, uint32_t last_ms);
uint32_t backoff_next_ms(struct backoff *b);
/* It went well: the next wait is short again. */
void backoff_reset(struct backoff *b);

#endif
