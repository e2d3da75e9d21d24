/* Average true range after Wilder, incremental.
 *
 * The true range of a candle is the widest of high - low, |high - previous close| and
 * |low - previous close|; the first candle has no previous close and gives none. The average starts
 * as the plain mean of the first `period` ranges, then moves by (average * (period - 1) + range) /
 * period: TA-Lib's definition. A plain struct, copied freely. */
#ifndef CORE_INDICATOR_ATR_H
#define CORE_INDICATOR_ATR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

struct atr {
    double value; /* while warming up: the sum of ranges */
    double previous_close;
    double weight, keep;
    uint32_t period;
    uint32_t missing; /* candles until it is ready: period ranges need period + 1 candles */
};

static inline void atr_init(struct atr *a, uint32_t period)
{
    CHECK(period > 0 && period < UINT32_MAX);
    const double n = period;
    *a = (struct atr){
        .weight = 1.0 / n, .keep = (n - 1.0) / n, .period = period, .missing = period + 1};
}

/* True when ready: from candle number period + 1 on. */
static inline bool atr_add(struct atr *a, double high, double low, double close)
{
    const double top = high > a->previous_close ? high : a->previous_close;
    const double bottom = low < a->previous_close ? low : a->previous_close;
    const double range = top - bottom; /* the widest of the three, as high >= low */
    a->previous_close = close;
    if (__builtin_expect(a->missing == 0, 1)) {
        a->value = range * a->weight + a->value * a->keep;
        return true;
    }
    if (a->missing-- == a->period + 1) return false;
    a->value += range;
    if (a->missing > 0) return false;
    a->value /= a->period;
    return true;
}

static inline bool atr_ready(const struct atr *a)
{
    return a->missing == 0;
}

static inline double atr_value(const struct atr *a)
{
    CHECK(atr_ready(a));
    return a->value;
}

#endif
