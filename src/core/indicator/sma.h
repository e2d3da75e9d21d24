/* Simple moving average: the plain mean of the last `period` values, incremental.
 *
 * A running sum that adds what comes and subtracts what leaves gathers rounding errors without end.
 * So a second sum counts only the values of this lap around the window; when the lap ends it is the
 * sum of exactly the window's values and replaces the running one.
 * Errors live for one lap at most. */
#ifndef CORE_INDICATOR_SMA_H
#define CORE_INDICATOR_SMA_H

#include "core/indicator/window.h"

struct sma {
    struct window window;
    double sum;
    double lap_sum;
};

/* values: room for `period` doubles, owned by the caller; period is 1..WINDOW_PERIOD_MAX. */
void sma_init(struct sma *s, double *values, uint32_t period);
/* True when ready: from the period-th value on. */
bool sma_add(struct sma *s, double x);

static inline bool sma_ready(const struct sma *s)
{
    return window_full(&s->window);
}

static inline double sma_value(const struct sma *s)
{
    CHECK(sma_ready(s));
    return s->sum / s->window.period;
}

#endif
