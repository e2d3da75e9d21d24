/* The last `period` values of a series, in memory that the caller owns.
 *
 * For the averages that must know which value leaves. Kept out of their structs so that ten
 * thousand bots do not carry windows that their strategies never use. */
#ifndef CORE_INDICATOR_WINDOW_H
#define CORE_INDICATOR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum { WINDOW_PERIOD_MAX = 512 };

struct window {
    double *values;
    uint32_t period;
    uint32_t at;    /* where the next value goes */
    uint32_t count; /* <= period */
};

/* values: room for `period` doubles, alive as long as the window.
 * period is 1..WINDOW_PERIOD_MAX. */
static inline void window_init(struct window *w, double *values, uint32_t period)
{
    CHECK(period > 0 && period <= WINDOW_PERIOD_MAX);
    *w = (struct window){.values = values, .period = period};
}

static inline bool window_full(const struct window *w)
{
    return w->count == w->period;
}

/* Puts x in; true when an old value left for it. */
static inline bool window_push(struct window *w, double x, double *left)
{
    const bool full = window_full(w);
    if (full)
        *left = w->values[w->at];
    else
        w->count++;
    w->values[w->at] = x;
    if (++w->at == w->period) w->at = 0;
    return full;
}

/* After a push: the next value begins a new lap,
 * and all values in the window came in on this one. */
static inline bool window_lap_ended(const struct window *w)
{
    return w->at == 0;
}

#endif
