/* Rate limits for the web threads: one question, whoever counts.
 *
 * Without Redis the limiter in memory answers at once. With Redis it is asked, and its answer comes
 * later; where it cannot be asked or does not answer in time, the limiter in memory answers at once
 * with a share of GUARD_SHARE_PERCENT of N: nothing is let through uncounted, and nobody waits for
 * a Redis that is gone. Both count exactly and on their own, so k instances accept at most
 * N + k * share of a key in any span of T, however often Redis comes and goes.
 *
 * guard_limits is shared by all threads; each has its own guard, on its loop, with its own client
 * of Redis. Closing: the client first, whose waiting questions are then answered locally, then the
 * guard, then the limits. */
#ifndef IO_GUARD_GUARD_H
#define IO_GUARD_GUARD_H

#include "io/guard/limiter.h"
#include "io/guard/limiter_redis.h"

#define GUARD_SHARE_PERCENT 50 /* of N, at least 1: what an instance lets through without Redis */
#define GUARD_LIMITS_MAX    32

struct guard_limit {
    const char *name; /* of the keys: "login" of rl:login:<ip> */
    struct limit_rule rule;
};

struct guard_counters {
    uint64_t asked, answered; /* of Redis */
    uint64_t degraded;        /* answered locally although Redis is configured */
};

struct guard_totals {
    uint64_t accepted, refused;
};

struct guard_limits;
struct guard;

/* One for the process. A limit is named from here on by its place in the table. */
enum err guard_limits_new(const struct guard_limit *limits, size_t count, bool with_redis,
                          struct guard_limits **out) ERR_MUST_USE;
void guard_limits_free(struct guard_limits *l);
size_t guard_limits_count(const struct guard_limits *l);
/* The rule as it is set: without Redis, or with it that of all servers together. */
const struct limiter_redis_rule *guard_limits_rule(const struct guard_limits *l, size_t limit);
/* The limiter in memory: for listing and resetting. */
struct limiter *guard_limits_local(struct guard_limits *l, size_t limit);
/* What this process has let in and refused, wherever it was counted. */
struct guard_totals guard_limits_totals(struct guard_limits *l, size_t limit);

/* One for a loop. redis: a client on the same loop where the limits were made with_redis, else
 * NULL. */
enum err guard_new(uv_loop_t *loop, struct guard_limits *limits, struct redis *redis,
                   struct guard **out) ERR_MUST_USE;
void guard_free(struct guard *g);

struct guard_limits *guard_limits_of(const struct guard *g);
/* NULL: there is none. */
struct redis *guard_redis(const struct guard *g);
/* By the clock of the limiters in memory. */
int64_t guard_now_ms(const struct guard *g);
/* Whether every question is answered at once: there is no Redis. */
bool guard_is_local(const struct guard *g);

/* answer is good during the call. */
typedef void (*guard_on_answer)(void *user, const struct limit_answer *answer);

/* Asks nothing: guard_take of the key comes soon, see limiter_expect. */
void guard_expect(const struct guard *g, size_t limit, struct limit_key key);
/* Asks for one request. True: *answer holds it, and on_answer does not come. False: on_answer comes
 * once, from the loop or inside redis_close. */
bool guard_take(struct guard *g, size_t limit, struct limit_key key, struct limit_answer *answer,
                guard_on_answer on_answer, void *user);
/* Gives back what `answer` accepted: for limits that count failures only. */
void guard_give_back(struct guard *g, size_t limit, struct limit_key key,
                     const struct limit_answer *answer);
struct guard_counters guard_counters(const struct guard *g);

#endif
