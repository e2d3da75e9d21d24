/* Exponential moving average, incremental: one multiplication and one addition of latency a value.
 *
 * Starts from the plain mean of the first `period` values, then value = x * k + value * (1 - k)
 * with k = 2 / (period + 1): TA-Lib's default. Values must be finite. A plain struct, copied
 * freely; the same values give the same bits in live, paper and backtest. */
#ifndef CORE_INDICATOR_EMA_H
#define CORE_INDICATOR_EMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

struct ema {
    double value; /* while warming up: the sum so far */
    double weight, keep;
    uint32_t period;
    uint32_t missing; /* values until it is ready */
};

static inline void ema_init(struct ema *e, uint32_t period)
{
    CHECK(period > 0);
    const double weight = 2.0 / ((double)period + 1.0);
    *e = (struct ema){.weight = weight, .keep = 1.0 - weight, .period = period, .missing = period};
}

/* True when ready: from the period-th value on. */
static inline bool ema_add(struct ema *e, double x)
{
    if (__builtin_expect(e->missing == 0, 1)) {
        e->value = x * e->weight + e->value * e->keep;
        return true;
    }
    e->value += x;
    if (--e->missing > 0) return false;
    e->value /= e->period;
    return true;
}

static inline bool ema_ready(const struct ema *e)
{
    return e->missing == 0;
}

static inline double ema_value(const struct ema *e)
{
    CHECK(ema_ready(e));
    return e->value;
}

#endif
