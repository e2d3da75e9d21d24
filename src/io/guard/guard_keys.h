/* What the limits count at this moment, key by key, in memory and on Redis: listed in pages, and
 * forgotten. For people; nothing here is on a request's way.
 *
 * A key's text is that of Redis wherever it is counted: "rl:login:192.0.2.1". On Redis keys are
 * found by SCAN in steps of GUARD_KEYS_STEP, so a server with millions of keys of others is never
 * held up; a page may therefore be short, or empty, and go on. As SCAN does, a listing tells each
 * key that is there all the time at least once, and others perhaps.
 *
 * Every call answers once, inside it or from the loop, also when the client of Redis is closed.
 * Beyond what the limiter needs, Redis must let us use SCAN and MGET. Thread: the guard's loop. */
#ifndef IO_GUARD_GUARD_KEYS_H
#define IO_GUARD_GUARD_KEYS_H

#include "io/guard/guard.h"

#define GUARD_KEYS_PAGE_MAX   1000
#define GUARD_KEYS_STEP       200     /* places in Redis' table that a SCAN looks at */
#define GUARD_KEYS_STEPS_MAX  50      /* a page */
#define GUARD_KEYS_FORGET_MAX 1000000 /* steps; a server that is still not through is no Redis */

struct guard_key {
    size_t limit;
    struct limit_key key;
    uint32_t used;      /* requests that count at this moment */
    uint32_t remaining; /* of the rule that counts there: in memory beside Redis its share */
    uint32_t ttl_ms;    /* until nothing is known of the key */
    bool is_on_redis;
};

/* err: Redis did not answer, so what it counts is not told; keys has the rest. */
struct guard_page {
    enum err err;
    const struct guard_key *keys;
    size_t count;
    uint64_t next; /* where to go on; 0: this was all */
};

/* page is good during the call. */
typedef void (*guard_on_page)(void *user, const struct guard_page *page);
typedef void (*guard_on_forgotten)(void *user, enum err err);

/* Whether next of a page could be that number; 0 is the beginning. */
bool guard_keys_cursor_is_good(const struct guard *g, uint64_t cursor);
/* About max (at most GUARD_KEYS_PAGE_MAX) keys; a step of Redis is told whole. */
void guard_keys_list(struct guard *g, uint64_t cursor, uint32_t max, guard_on_page on_page,
                     void *user);
/* OK also where it was not known. */
void guard_keys_forget(struct guard *g, size_t limit, struct limit_key key,
                       guard_on_forgotten on_forgotten, void *user);
/* Keys of limits that this program does not have are left. */
void guard_keys_forget_all(struct guard *g, guard_on_forgotten on_forgotten, void *user);

/* "rl:login:192.0.2.1" to its limit and key. */
bool guard_keys_parse(const struct guard_limits *l, struct slice text, size_t *limit,
                      struct limit_key *key);

#endif
