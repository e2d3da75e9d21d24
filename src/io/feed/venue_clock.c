/* Estimating a venue's clock. */
#include "io/feed/venue_clock.h"

enum { NS_PER_MS = 1000000 };

void venue_clock_init(struct venue_clock *c, int64_t wall_ms, int64_t monotonic_ns)
{
    *c = (struct venue_clock){
        .offset_ns = wall_ms * NS_PER_MS - monotonic_ns, .best_trip_ns = -1, .latency_ms = -1};
}

void venue_clock_begin(struct venue_clock *c)
{
    c->best_trip_ns = -1;
}

void venue_clock_add(struct venue_clock *c, int64_t server_ms, int64_t sent_ns, int64_t now_ns)
{
    const int64_t trip_ns = now_ns > sent_ns ? now_ns - sent_ns : 0;
    /* A time beyond what nanoseconds can hold is nonsense, and would move nothing sensibly. */
    if (server_ms < 0 || server_ms > INT64_MAX / NS_PER_MS / 2) return;
    if (c->best_trip_ns >= 0 && trip_ns >= c->best_trip_ns) return;
    c->best_trip_ns = trip_ns;
    /* The venue cut its time to whole ms: half a ms is lost on average. */
    c->best_offset_ns = server_ms * NS_PER_MS + NS_PER_MS / 2 - (sent_ns + trip_ns / 2);
}

void venue_clock_end(struct venue_clock *c)
{
    if (c->best_trip_ns < 0) return;
    c->offset_ns = c->best_offset_ns;
    c->latency_ms = (double)c->best_trip_ns / NS_PER_MS;
    c->is_known = true;
}

int64_t venue_clock_now_ms(const struct venue_clock *c, int64_t monotonic_ns)
{
    return (c->offset_ns + monotonic_ns) / NS_PER_MS;
}
