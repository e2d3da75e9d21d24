/* Bollinger bands over a window. */
#include "core/indicator/bollinger.h"

void bollinger_init(struct bollinger *b, double *values, uint32_t period, double width)
{
    *b = (struct bollinger){.width = width};
    window_init(&b->window, values, period);
}

/* x joins; count is how many there are with it. The first one becomes the anchor. */
static void moments_grow(struct moments *m, double x, uint32_t count)
{
    if (count == 1) *m = (struct moments){.anchor = x};
    const double delta = x - m->anchor - m->mean;
    m->mean += delta / count;
    m->squares += delta * (x - m->anchor - m->mean);
}

/* x joins and left leaves, count stays. */
static void moments_slide(struct moments *m, double x, double left, uint32_t count)
{
    const double mean = m->mean + (x - left) / count;
    m->squares += (x - left) * (x - m->anchor - mean + (left - m->anchor - m->mean));
    if (m->squares < 0) m->squares = 0; /* rounding of what is nearly flat */
    m->mean = mean;
}

bool bollinger_add(struct bollinger *b, double x)
{
    struct window *window = &b->window;
    const uint32_t lap_count = window->at + 1;
    double left;
    if (window_push(window, x, &left)) moments_slide(&b->moments, x, left, window->period);
    moments_grow(&b->lap, x, lap_count);
    if (window_lap_ended(window)) b->moments = b->lap;
    return bollinger_ready(b);
}
