/* One rate limit in memory, exact in the sense of limit.h, for all threads of the process.
 *
 * Keys live in shards, each behind its own lock, and a key always in the same one: what threads ask
 * at the same time is counted one after the other. Nothing is kept of a key for longer than T after
 * its last acceptance.
 *
 * The number of keys is bounded, and what lives is never dropped for what comes: if it were,
 * anyone with many addresses could push a victim's or his own count out. Keys that find no room
 * are counted together, in LIMITER_SHARED counters a shard, by their hash, until room is there
 * and that counter has run out: one address more never is a token more. Under such a flood
 * unlucky newcomers are refused, known keys are not touched. The hash is SipHash under a key
 * drawn at start.
 *
 * Time is the caller's, any clock in milliseconds; where it runs backwards it counts as standing
 * still, so no token comes back early. Use a monotonic one: a jump forward is time that passed. */
#ifndef IO_GUARD_LIMITER_H
#define IO_GUARD_LIMITER_H

#include "io/guard/limit.h"

#define LIMITER_KEYS_MAX 131072 /* living keys at once where options say 0 */
#define LIMITER_SHARDS   64     /* fewer in small tables */
#define LIMITER_SHARED   16     /* counters a shard for keys that find no room */

struct limiter;

struct limiter_row {
    struct limit_key key;
    uint32_t used;   /* requests that count at this moment */
    uint32_t ttl_ms; /* until nothing is known of the key */
};

struct limiter_counters {
    uint64_t accepted, refused;
    uint64_t shared; /* requests that were counted together with other keys' */
    uint32_t keys;   /* kept at this moment */
};

/* keys_max 0: LIMITER_KEYS_MAX. Memory for all keys, and half as many again, is reserved at once
 * and costs pages only where keys were. */
enum err limiter_new(struct limit_rule rule, uint32_t keys_max, struct limiter **out) ERR_MUST_USE;
void limiter_free(struct limiter *l);
struct limit_rule limiter_rule(const struct limiter *l);

/* Asks nothing: has the key's memory brought near, for a limiter_take some hundred nanoseconds
 * later. In a table larger than the processor's caches that wait is most of what a check costs, so
 * it is called as soon as the key is known, before the request is read. */
void limiter_expect(const struct limiter *l, struct limit_key key);
/* Asks for one request of the key and counts it if it is accepted. */
struct limit_answer limiter_take(struct limiter *l, struct limit_key key, int64_t now_ms);
/* Gives back what was accepted at at_ms, as if it never had been: for limits that count failures
 * only, where every try takes and success gives back. */
void limiter_give_back(struct limiter *l, struct limit_key key, int64_t at_ms, int64_t now_ms);
/* Forgets the key; false when it is not known. A key that shares a counter forgets it for all. */
bool limiter_reset(struct limiter *l, struct limit_key key);
/* Forgets every key. */
void limiter_clear(struct limiter *l);
/* Tells up to max living keys from *place on, which is 0 at first; how many were written. *place is
 * where to go on, or 0 after the last. In no order, and of keys that come, go or move between two
 * calls, some may be told twice or not at all. */
uint32_t limiter_list(struct limiter *l, int64_t now_ms, uint32_t *place, struct limiter_row *rows,
                      uint32_t max);
struct limiter_counters limiter_counters(struct limiter *l);

#endif
