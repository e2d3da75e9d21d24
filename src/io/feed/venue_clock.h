/* A venue's clock, estimated from asked times: the venue's time minus our monotonic clock, from the
 * round trip that was the shortest of a few, so that steps of this machine's wall clock move
 * nothing. Pure. Source: Cristian, "Probabilistic clock synchronization", 1989. */
#ifndef IO_FEED_VENUE_CLOCK_H
#define IO_FEED_VENUE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct venue_clock {
    int64_t offset_ns;                    /* venue minus monotonic */
    int64_t best_offset_ns, best_trip_ns; /* of the measurement under way; trip -1: none yet */
    double latency_ms;                    /* round trip of the last measurement; -1 unknown */
    bool is_known;
};

/* Believes this machine until something better is known. */
void venue_clock_init(struct venue_clock *c, int64_t wall_ms, int64_t monotonic_ns);
void venue_clock_begin(struct venue_clock *c);
/* The venue said server_ms in an answer to a request that left at sent_ns and came at now_ns. */
void venue_clock_add(struct venue_clock *c, int64_t server_ms, int64_t sent_ns, int64_t now_ns);
/* Takes the best of what was added since venue_clock_begin. */
void venue_clock_end(struct venue_clock *c);
int64_t venue_clock_now_ms(const struct venue_clock *c, int64_t monotonic_ns);

#endif
