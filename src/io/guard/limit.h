/* What a rate limit is: its rule, the keys it counts by, its answer. Both limiters, in memory and
 * on Redis, speak these words.
 *
 * `N/T` means: never more than N requests of a key are accepted in any span of T, that is, of times
 * t with s <= t < s + T, whatever s. Up to LIMIT_EXACT_MAX the log is exact. Above, acceptances are
 * kept in up to LIMIT_BUCKETS sub-windows of T/16 each, and one of them counts whole until its last
 * acceptance is T old: never more than N in any T still, and N at once after T of silence, but in
 * between a key may wait up to T/16 longer than it would have to.
 *
 * Pure values, any thread. Times are milliseconds. */
#ifndef IO_GUARD_LIMIT_H
#define IO_GUARD_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/guard/ip_address.h"

#define LIMIT_COUNT_MAX   100000000
#define LIMIT_SPAN_MS_MAX 86400000 /* a day */
#define LIMIT_EXACT_MAX   64
#define LIMIT_BUCKETS     17 /* sixteen whole ones, and one that has partly expired */
#define LIMIT_KEY_SIZE    64 /* of a key's text, with its NUL */

struct limit_rule {
    uint32_t count;
    uint32_t span_ms;
};

/* An address, an account, or all together. Keys of different kinds never are equal. */
struct limit_key {
    uint64_t words[2];
};

struct limit_answer {
    bool accepted;
    bool is_local;      /* Redis is configured and did not answer: a bounded share, see guard.h */
    uint32_t limit;     /* N of the rule that answered */
    uint32_t remaining; /* further requests that would be accepted at once */
    uint32_t retry_ms;  /* refused: accepted after exactly so long if nobody else comes; else 0 */
    uint32_t reset_ms;  /* until all N are there again if nobody comes */
    int64_t at_ms;      /* accepted: when, by the limiter's clock; the token to give it back */
};

/* "10/60s": units ms, s, m, h. ERR_PARSE or ERR_INVALID (out of range) with a text that says what
 * is wrong. */
enum err limit_rule_parse(const char *text, struct limit_rule *out) ERR_MUST_USE;
/* How many sub-windows the rule needs, and how long one is. */
uint32_t limit_rule_buckets(struct limit_rule rule);
uint32_t limit_rule_width_ms(struct limit_rule rule);

/* IPv4 whole, IPv6 by its /64: within one a single customer picks addresses as he likes. */
struct limit_key limit_key_address(const struct ip_address *a);
/* By a BLAKE2b hash of the name: what is stored and shown does not tell it. Case matters: hand in
 * what identifies the account. */
struct limit_key limit_key_account(struct slice name);
/* The one key of a limit over everybody. */
struct limit_key limit_key_global(void);
bool limit_key_equal(struct limit_key a, struct limit_key b);
/* "192.0.2.1", "2001:db8:1:2::", "account:<32 hex digits>" or "global", and back. */
void limit_key_write(struct limit_key key, char out[LIMIT_KEY_SIZE]);
bool limit_key_parse(struct slice text, struct limit_key *out);

/* Whole seconds for Retry-After and RateLimit headers: rounded up, so that they suffice. */
uint32_t limit_seconds(uint32_t ms);

#endif
