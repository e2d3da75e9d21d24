/* The machine's clocks. */
#include "base/clock.h"

#include <time.h>

static int64_t system_monotonic_ns(const struct clock *self)
{
    (void)self;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int64_t system_wall_ms(const struct clock *self)
{
    (void)self;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

const struct clock clock_system = {
    .monotonic_ns = system_monotonic_ns,
    .wall_ms = system_wall_ms,
};
