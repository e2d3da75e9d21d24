/* Answers kept for a while: in memory, and on Redis where there is one, so that instances and
 * restarts share what was fetched.
 *
 *     cache_get ── fresh ──────────────────────────────> the value, at once
 *               ── older than TTL, kept ───────────────> the value marked stale, at once;
 *                                                         one refresh begins behind it
 *               ── nothing ──> Redis ──> load ──────────> the value, later; one load, all wait
 *
 * One refresh of a key runs at a time, and after one that failed none for CACHE_RETRY_MS: until
 * then the last good value is given, or the failure if there is none. On Redis a value lives
 * under its key for TTL, and as `<key>:last_good` for TTL + keep. What comes from there is
 * hostile until the source accepts it.
 *
 * Memory is bounded by entries and bytes: what was not asked for longest goes first. Values are
 * counted references; a held one outlives its entry. The hits and misses of a source are also added
 * to `metrics:cache_hit:<name>` and `metrics:cache_miss:<name>` on Redis with each load.
 *
 * Thread: that of the loop, values included; each web thread has a cache of its own. */
#ifndef IO_GUARD_CACHE_H
#define IO_GUARD_CACHE_H

#include <uv.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/redis/redis.h"

#define CACHE_KEY_SIZE    96                 /* with its NUL; longer: ERR_LIMIT */
#define CACHE_ENTRIES_MAX 4096               /* the one unused for longest is dropped */
#define CACHE_BYTES_MAX   ((size_t)64 << 20) /* the same */
#define CACHE_VALUE_MAX   ((size_t)2 << 20)  /* a larger one is a failed load: ERR_LIMIT */
#define CACHE_WAITERS_MAX 1024               /* of one key; more: ERR_LIMIT at once */
#define CACHE_RETRY_MS    1000

struct cache_value {
    uint32_t references;
    size_t size;
    char data[];
};

/* A load on its way: whoever loads keeps it and ends it with cache_loaded, once. */
struct cache_load;

/* Where values of a kind come from. It must outlive the cache. */
struct cache_source {
    const char *name; /* of the counters: "symbols:spot" */
    uint32_t ttl_ms;
    uint32_t keep_ms; /* past the TTL, as the last good one */
    /* Fetches the value of key; may end it before it returns. */
    void (*load)(void *user, const char *key, struct cache_load *load);
    /* Whether bytes from Redis are a value; NULL: any are. */
    bool (*accepts)(void *user, struct slice value);
    void *user;
    uint64_t hits, stale_hits, misses, loads, failed_loads;
    uint64_t told_hits, told_misses; /* the cache's own: what Redis knows of them */
};

struct cache_answer {
    enum err err;
    struct cache_value *value; /* good during the call unless held; NULL with an err */
    uint32_t age_ms;
    bool is_stale;
};

typedef void (*cache_on_answer)(void *user, const struct cache_answer *answer);

struct cache_usage {
    size_t entries, bytes;
    uint64_t dropped; /* to make room */
};

struct cache;

/* redis: a client on the same loop, or NULL. */
enum err cache_new(uv_loop_t *loop, struct redis *redis, struct cache **out) ERR_MUST_USE;
/* After the client was closed, and when no load is on its way. Who waits is answered ERR_CLOSED. */
void cache_free(struct cache *c);

/* The value of "cache:symbols:spot:v1". True: *answer holds it, good until the loop's next turn,
 * and on_answer does not come. False: on_answer comes once, from the loop, or inside this call
 * where the source loads at once. */
bool cache_get(struct cache *c, struct cache_source *source, const char *key,
               struct cache_answer *answer, cache_on_answer on_answer, void *user);
/* Ends a load: the bytes are copied, or err is passed on to who waits. */
void cache_loaded(struct cache_load *load, enum err err, struct slice value);
/* Forgets the key here and on Redis; what is being loaded still comes. */
void cache_drop(struct cache *c, const char *key);
struct cache_usage cache_usage(const struct cache *c);

void cache_value_hold(struct cache_value *v);
void cache_value_release(struct cache_value *v); /* NULL is fine */

#endif
