/* Moving average convergence / divergence (Appel): line = EMA(fast) - EMA(slow), signal = EMA of
 * the line, histogram = line - signal.
 *
 * Every EMA starts from the plain mean of its own first values: the fast one from the first `fast`
 * values of the series (TA-Lib starts it later, together with the slow one; the two agree once that
 * has decayed), the signal from the first `signal` values of the line. A plain struct,
 * copied freely. */
#ifndef CORE_INDICATOR_MACD_H
#define CORE_INDICATOR_MACD_H

#include "core/indicator/ema.h"

struct macd {
    struct ema fast, slow, signal;
};

/* fast < slow. */
static inline void macd_init(struct macd *m, uint32_t fast, uint32_t slow, uint32_t signal)
{
    CHECK(fast < slow);
    ema_init(&m->fast, fast);
    ema_init(&m->slow, slow);
    ema_init(&m->signal, signal);
}

/* True when the signal is ready: from value number slow + signal - 1 on. */
static inline bool macd_add(struct macd *m, double x)
{
    ema_add(&m->fast, x);
    if (!ema_add(&m->slow, x)) return false;
    return ema_add(&m->signal, m->fast.value - m->slow.value);
}

/* The line is there before the signal: from value number slow on. */
static inline bool macd_line_ready(const struct macd *m)
{
    return ema_ready(&m->slow);
}

static inline bool macd_ready(const struct macd *m)
{
    return ema_ready(&m->signal);
}

static inline double macd_line(const struct macd *m)
{
    return ema_value(&m->fast) - ema_value(&m->slow);
}

static inline double macd_signal(const struct macd *m)
{
    return ema_value(&m->signal);
}

static inline double macd_histogram(const struct macd *m)
{
    return macd_line(m) - macd_signal(m);
}

#endif
