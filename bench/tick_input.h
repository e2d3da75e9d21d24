/* What the peer of bench_tick sends: ticks (book deltas, then a trade) as WebSocket bytes, and the
 * snapshot that the deltas follow. Recorded where ../shared is there, else made up in the same
 * shapes. Immutable once loaded; any thread. */
#ifndef BENCH_TICK_INPUT_H
#define BENCH_TICK_INPUT_H

#include <stdbool.h>

#include "base/buffer.h"

enum { TICKS_MAX = 1024 };

struct tick_input {
    bool recorded;
    struct buffer snapshot; /* a REST depth answer */
    uint32_t count;
    struct buffer ticks[TICKS_MAX]; /* whole unmasked frames */
    size_t size_average;            /* of a tick */
};

/* path: a recording of BTCUSDT; a missing file gives made-up frames. */
void tick_input_load(struct tick_input *in, const char *path);
void tick_input_free(struct tick_input *in);

#endif
