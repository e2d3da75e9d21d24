/* Bollinger bands: the plain mean of the last `period` values, and `width` population standard
 * deviations above and below it, incremental.
 *
 * Mean and sum of squared deviations are updated together (Welford's recurrence with a value
 * leaving), which does not cancel as sums of squares do. As in sma.h, a second pair follows only
 * the values of this lap around the window and replaces the running pair when the lap ends, so
 * rounding errors live for one lap at most. */
#ifndef CORE_INDICATOR_BOLLINGER_H
#define CORE_INDICATOR_BOLLINGER_H

#include <math.h>

#include "core/indicator/window.h"

struct moments {
    double anchor;  /* a value of the window: what is small is kept apart from what is large */
    double mean;    /* of the distances from the anchor */
    double squares; /* sum of squared deviations from the mean */
};

struct bollinger {
    struct window window;
    double width;
    struct moments moments;
    struct moments lap;
};

/* values: room for `period` doubles, owned by the caller; period is 1..WINDOW_PERIOD_MAX. */
void bollinger_init(struct bollinger *b, double *values, uint32_t period, double width);
/* True when ready: from the period-th value on. */
bool bollinger_add(struct bollinger *b, double x);

static inline bool bollinger_ready(const struct bollinger *b)
{
    return window_full(&b->window);
}

static inline double bollinger_mid(const struct bollinger *b)
{
    CHECK(bollinger_ready(b));
    return b->moments.anchor + b->moments.mean;
}

/* The population standard deviation (divided by period, not period - 1). */
static inline double bollinger_deviation(const struct bollinger *b)
{
    CHECK(bollinger_ready(b));
    return sqrt(b->moments.squares / b->window.period);
}

static inline double bollinger_upper(const struct bollinger *b)
{
    return bollinger_mid(b) + b->width * bollinger_deviation(b);
}

static inline double bollinger_lower(const struct bollinger *b)
{
    return bollinger_mid(b) - b->width * bollinger_deviation(b);
}

#endif
