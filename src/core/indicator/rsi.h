/* Relative strength index after Wilder ("New Concepts in Technical Trading Systems", 1978),
 * incremental.
 *
 * Average gain and average loss start as plain means of the first `period` changes, then move by
 * average = (average * (period - 1) + change) / period. The index is 100 * gain / (gain + loss),
 * which is 100 - 100 / (1 + gain / loss) with one division. With no loss it is 100, also when the
 * price has never moved at all: a dead market must not look oversold (TA-Lib says 0 there). Values
 * must be finite. A plain struct, copied freely. */
#ifndef CORE_INDICATOR_RSI_H
#define CORE_INDICATOR_RSI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

struct rsi {
    double previous;
    double gain, loss; /* averages; while warming up: sums */
    double weight, keep;
    uint32_t period;
    uint32_t missing; /* values until it is ready: period changes need period + 1 values */
};

static inline void rsi_init(struct rsi *r, uint32_t period)
{
    CHECK(period > 0 && period < UINT32_MAX);
    const double n = period;
    *r = (struct rsi){
        .weight = 1.0 / n, .keep = (n - 1.0) / n, .period = period, .missing = period + 1};
}

/* True when ready: from value number period + 1 on. */
static inline bool rsi_add(struct rsi *r, double x)
{
    const double change = x - r->previous;
    const double gain = change > 0 ? change : 0;
    const double loss = gain - change; /* exact: one of the two is zero */
    r->previous = x;
    if (__builtin_expect(r->missing == 0, 1)) {
        r->gain = gain * r->weight + r->gain * r->keep;
        r->loss = loss * r->weight + r->loss * r->keep;
        return true;
    }
    if (r->missing-- == r->period + 1) return false; /* the first value has no change */
    r->gain += gain;
    r->loss += loss;
    if (r->missing > 0) return false;
    r->gain /= r->period;
    r->loss /= r->period;
    return true;
}

static inline bool rsi_ready(const struct rsi *r)
{
    return r->missing == 0;
}

static inline double rsi_value(const struct rsi *r)
{
    CHECK(rsi_ready(r));
    const double sum = r->gain + r->loss;
    return sum > 0 ? 100.0 * (r->gain / sum) : 100.0;
}

#endif
