/* A client of one Redis server on a libuv loop: one connection, commands pipelined over it, an
 * answer or a reason for each within REDIS_DEADLINE_MS.
 *
 *     down ──(backoff)──> dialling ──> greeting (AUTH, SELECT, PING) ──> up ──> down
 *
 * Nobody waits for a connection: while it is not up, or while the breaker is open, redis_send
 * refuses at once, and the caller goes on without Redis. A connection whose oldest answer is
 * REDIS_STUCK_MS late is given up, as is one that sends what is not RESP, what was not asked for or
 * what is larger than the limits. It is dialled again for ever, after times that double from
 * REDIS_RECONNECT_FIRST_MS to _LAST_MS, the later half of each random.
 *
 * Commands of one turn of the loop leave in one write. An answer is hostile input: its bytes and
 * items are bounded, its meaning is for the caller to check. Error answers that say that the server
 * cannot serve (full, read-only, loading, busy, no permission) count against the breaker, others
 * (NOSCRIPT, WRONGTYPE) do not.
 *
 * Needed of the server: RESP2, Redis 6 or later for users. Bytes are read by hiredis' reader; its
 * own connection is not used, because it asserts on what a server may send. Thread: the loop's. */
#ifndef IO_REDIS_REDIS_H
#define IO_REDIS_REDIS_H

#include <stddef.h>

#include <uv.h>

#include "base/breaker.h"
#include "base/slice.h"
#include "io/redis/redis_address.h"

#define REDIS_DEADLINE_MS        50
#define REDIS_SLOW_MS            25 /* slower counts as bad for the breaker */
#define REDIS_STUCK_MS           1000
#define REDIS_CONNECT_MS         1000 /* name, socket and greeting together */
#define REDIS_RECONNECT_FIRST_MS 100
#define REDIS_RECONNECT_LAST_MS  5000
#define REDIS_PENDING_MAX        4096              /* commands without an answer; more: ERR_LIMIT */
#define REDIS_OUTPUT_MAX         ((size_t)8 << 20) /* bytes the kernel has not taken; ERR_LIMIT */
#define REDIS_REPLY_MAX          ((size_t)4 << 20) /* bytes of one answer; more: given up */
#define REDIS_ITEMS_MAX          65536             /* values in one answer; more: given up */

enum redis_kind { REDIS_NIL, REDIS_INTEGER, REDIS_TEXT, REDIS_LIST, REDIS_FAILED };

struct redis_reply {
    enum redis_kind kind;
    int64_t integer;
    struct slice text; /* of TEXT and FAILED */
    struct redis_reply **items;
    size_t count;
};

/* reply is good during the call, and NULL unless err is OK. */
typedef void (*redis_on_reply)(void *user, enum err err, const struct redis_reply *reply);

struct redis_counters {
    uint64_t sent, answered, timed_out, refused;
    uint64_t connected; /* times that the connection came up */
};

struct redis;

/* Starts to connect; the address is copied. seed is for jitter. */
enum err redis_open(uv_loop_t *loop, const struct redis_address *address, uint64_t seed,
                    struct redis **out) ERR_MUST_USE;
/* One command. OK: on_reply comes once, from the loop or inside redis_close. ERR_CLOSED (not up, or
 * the breaker is open), ERR_LIMIT: nothing was sent and on_reply will not come. */
enum err redis_send(struct redis *r, const struct slice *words, size_t count,
                    redis_on_reply on_reply, void *user);
bool redis_is_up(const struct redis *r);
/* The breaker's state; BREAKER_OPEN while not up. */
enum breaker_state redis_state(const struct redis *r);
struct redis_counters redis_counters(const struct redis *r);
/* Answers what waits with ERR_CLOSED inside the call; the memory goes with the loop's next turns.
 * NULL is fine. */
void redis_close(struct redis *r);

#endif
