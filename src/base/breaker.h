/* A circuit breaker: stops calling what does not answer, and finds out by few probes when it does.
 *
 *               >= 50 % bad of the last 100 (of at least 20), or 5 bad in a row
 *      CLOSED ───────────────────────────────────────────────────────────────> OPEN
 *        ^                                                                    │  ^
 *        │ 3 probes of 3 good                            its time has passed, │  │ one probe
 *        └────────────────────────── HALF_OPEN <───────── and a call comes ───┘  │ bad
 *                                        └───────────────────────────────────────┘
 *
 * A call is bad when it failed or took slow_ms and longer. OPEN lasts 1 s, twice as long each time
 * a probe is bad, up to 60 s; of each such time the later half is random, so that many instances do
 * not probe at once. While OPEN or HALF_OPEN only probes decide; how calls end that began in an
 * earlier state tells nothing about this one.
 *
 * Protective calls (cancel, reduce, stop) always leave, in every state, and are never probes. Only
 * a ban (the peer said: nothing until then) stops them.
 *
 * A pure machine: the time is an argument in milliseconds of any clock, and one that runs backwards
 * counts as standing still. A plain value, to be used by one thread at a time. */
#ifndef BASE_BREAKER_H
#define BASE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

#define BREAKER_WINDOW        100 /* calls that the rate looks at */
#define BREAKER_CALLS_MIN     20  /* fewer say nothing about a rate */
#define BREAKER_BAD_PERCENT   50
#define BREAKER_BAD_RUN       5
#define BREAKER_PROBES        3
#define BREAKER_OPEN_FIRST_MS 1000
#define BREAKER_OPEN_LAST_MS  60000

/* What is shown at /ready and /metrics. */
#define BREAKER_STATES(X)                                                                          \
    X(BREAKER_CLOSED, "closed")                                                                    \
    X(BREAKER_OPEN, "open")                                                                        \
    X(BREAKER_HALF_OPEN, "half_open")

enum breaker_state {
#define X(name, text) name,
    BREAKER_STATES(X)
#undef X
};

enum breaker_class { BREAKER_OTHER, BREAKER_PROTECTIVE };

struct breaker {
    enum breaker_state state;
    uint32_t slow_ms;
    uint32_t generation; /* counts changes of state; a call of an older one is not listened to */
    int64_t now_ms;      /* the latest time that was told */
    int64_t open_until_ms;
    int64_t banned_until_ms;
    uint32_t open_ms; /* the length of the next OPEN, before jitter */
    uint32_t probes_begun, probes_good;
    uint32_t bad_run;
    uint32_t call_count, bad_count; /* in the window */
    uint32_t next;                  /* where the window's next outcome goes */
    bool window[BREAKER_WINDOW];    /* true: bad */
    uint64_t opened_total, refused_total;
    struct prng jitter;
};

/* One call on its way; what breaker_end wants back. */
struct breaker_call {
    int64_t begun_ms;
    uint32_t generation;
    bool counts; /* its end is listened to */
};

/* Closed. slow_ms: a call that took so long is bad even if it succeeded. */
void breaker_init(struct breaker *b, uint32_t slow_ms, uint64_t seed);
/* True: the call may leave, and breaker_end must follow, whatever becomes of it. False: it must not
 * leave. */
bool breaker_begin(struct breaker *b, enum breaker_class class, int64_t now_ms,
                   struct breaker_call *call);
void breaker_end(struct breaker *b, const struct breaker_call *call, bool failed, int64_t now_ms);
/* Nothing leaves before until_ms, protective calls included. A shorter ban does not end a longer
 * one. */
void breaker_ban(struct breaker *b, int64_t until_ms);
const char *breaker_state_name(enum breaker_state state);

#endif
