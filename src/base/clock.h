/* Time from the machine, as an interface, so that tests and the fault simulation can hand in their
 * own. The core never sees it: there, time arrives in events. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    /* Never runs backwards; for intervals and deadlines. */
    int64_t (*monotonic_ns)(const struct clock *self);
    /* Milliseconds since 1970 UTC as this machine believes; may step. */
    int64_t (*wall_ms)(const struct clock *self);
};

/* The machine's clocks. */
extern const struct clock clock_system;

static inline int64_t clock_monotonic_ns(const struct clock *c)
{
    return c->monotonic_ns(c);
}

static inline int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}

#endif
