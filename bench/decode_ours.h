/* Our decoder behind a C face that the C++ bench can call. */
#ifndef BENCH_DECODE_OURS_H
#define BENCH_DECODE_OURS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct decode_frame {
    const char *data;
    size_t size;
};

/* Decodes every frame and mixes all its prices and quantities, in order, into one sum.
 * 0 = refused. */
uint64_t decode_ours(const struct decode_frame *frames, size_t count);
/* Scales of the one symbol, BTCUSDT. */
enum { DECODE_PRICE_SCALE = 2, DECODE_QTY_SCALE = 8 };

static inline uint64_t decode_mix(uint64_t sum, int64_t value)
{
    return (sum ^ (uint64_t)value) * UINT64_C(0x9e3779b97f4a7c15);
}

#ifdef __cplusplus
}
#endif

#endif
