/* What the web threads count, so that each can tell it of all of them.
 *
 * A thread writes its own tally alone and reads everybody's. Counts that an answer changes are
 * there before it leaves; the others are as of the end of that thread's last turn. Nothing keeps
 * two numbers in step. Thread: see each function. */
#ifndef SERVICE_API_TALLY_H
#define SERVICE_API_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "service/api/limits.h"

enum { TALLIES_MAX = 16, TALLY_APART = 64 /* a cache line */ };

/* What is looked up at a turn's end: see api.c. */
enum tally_gauge {
    TALLY_REFUSALS,
    TALLY_CONNECTIONS,
    TALLY_CONNECTIONS_REFUSED,
    TALLY_STALLS,
    TALLY_LONGEST_MS,
    TALLY_CALLS_WAITING,
    TALLY_PUBLICATIONS,
    TALLY_DEGRADED,
    TALLY_REDIS_DOWN, /* 1 while this thread's client has no Redis */
    TALLY_REDIS_SENT,
    TALLY_REDIS_TIMED_OUT,
    TALLY_REDIS_CONNECTED,
    TALLY_READS_DONE,
    TALLY_READS_FAILED,
    TALLY_READS_LATE,
    TALLY_READS_REFUSED,
    TALLY_READS_OPENED,
    TALLY_READS_UNDER_WAY,
    TALLY_READS_OPEN, /* 1 while this thread's breaker is */
    TALLY_READS_HALF_OPEN,
    TALLY_GAUGES,
};

/* One thread's. Zero is its start. */
struct tally {
    _Atomic uint64_t answers[6]; /* by first digit of the status */
    _Atomic uint64_t limited[LIMIT_CLASS_COUNT];
    _Atomic uint64_t gauges[TALLY_GAUGES];
    char apart[TALLY_APART]; /* no two threads write to one cache line */
};

/* All of them. */
struct tallies {
    uint32_t count;
    struct tally items[TALLIES_MAX];
};

/* The owner's: no other thread writes there, so it needs no locked instruction. */
static inline void tally_add(_Atomic uint64_t *counter)
{
    const uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static inline void tally_set(struct tally *t, enum tally_gauge gauge, uint64_t value)
{
    atomic_store_explicit(&t->gauges[gauge], value, memory_order_relaxed);
}

/* Any thread's, over all. */
uint64_t tallies_answers(const struct tallies *t, unsigned digit);
uint64_t tallies_limited(const struct tallies *t, enum limit_class class);
uint64_t tallies_sum(const struct tallies *t, enum tally_gauge gauge);
uint64_t tallies_most(const struct tallies *t, enum tally_gauge gauge);
/* Of one thread. */
uint64_t tally_requests(const struct tally *t);

#endif
