/* Simple moving average over a window. */
#include "core/indicator/sma.h"

void sma_init(struct sma *s, double *values, uint32_t period)
{
    *s = (struct sma){0};
    window_init(&s->window, values, period);
}

bool sma_add(struct sma *s, double x)
{
    double left = 0;
    window_push(&s->window, x, &left);
    s->sum += x - left;
    s->lap_sum += x;
    if (window_lap_ended(&s->window)) {
        s->sum = s->lap_sum;
        s->lap_sum = 0;
    }
    return sma_ready(s);
}
