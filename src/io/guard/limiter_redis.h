/* One rate limit counted on a Redis server, so that several instances count together: the meaning
 * of limit.h, one script call a question.
 *
 * A key `rl:<limit>:<key>` holds the same ring of sub-windows as an entry in memory. It is read,
 * judged and written by one Lua script, which nothing interrupts: instances at the same time never
 * accept more than N together. The key lives for T after its last acceptance.
 *
 * Time is the server's, so callers' clocks do not matter. Where the server's clock steps back it
 * counts as standing still, and for a step of more than T all that counts does so as if accepted
 * at that moment: no token comes back early, and nobody waits longer than 2 T. A step forward
 * cannot be told from time that passed: it costs at most one window, as does a server that lost
 * its data. A value that is not ours counts as lost.
 *
 * The server needs to let us use EVALSHA, SCRIPT LOAD, TIME, GET, SET and DEL on `rl:*`. Thread:
 * that of the Redis client's loop. */
#ifndef IO_GUARD_LIMITER_REDIS_H
#define IO_GUARD_LIMITER_REDIS_H

#include "io/guard/limiter.h"
#include "io/redis/redis.h"

#define LIMITER_REDIS_NAME_SIZE 32 /* of a limit, with its NUL */
#define LIMITER_REDIS_KEY_SIZE  (LIMITER_REDIS_NAME_SIZE + LIMIT_KEY_SIZE + 4)

/* A rule as the script wants it. */
struct limiter_redis_rule {
    struct limit_rule rule;
    char name[LIMITER_REDIS_NAME_SIZE];
    char count[12], span_ms[12], width_ms[12];
};

/* answer is good during the call, and NULL unless err is OK. */
typedef void (*limiter_redis_on_answer)(void *user, enum err err,
                                        const struct limit_answer *answer);

struct limiter_redis;

void limiter_redis_rule_init(struct limiter_redis_rule *r, const char *name,
                             struct limit_rule rule);
/* The client must be closed before limiter_redis_free. */
enum err limiter_redis_new(struct redis *redis, struct limiter_redis **out) ERR_MUST_USE;
void limiter_redis_free(struct limiter_redis *l);

/* OK: on_answer comes once, as redis_send says. The rule must outlive the answer. */
enum err limiter_redis_take(struct limiter_redis *l, const struct limiter_redis_rule *rule,
                            struct limit_key key, limiter_redis_on_answer on_answer, void *user);
/* Gives back what was accepted at at_ms of an answer; nobody waits for it. */
void limiter_redis_give_back(struct limiter_redis *l, const struct limiter_redis_rule *rule,
                             struct limit_key key, int64_t at_ms);
/* "rl:login:192.0.2.1" */
void limiter_redis_key(const struct limiter_redis_rule *rule, struct limit_key key,
                       char out[LIMITER_REDIS_KEY_SIZE]);
/* The key in such a text; false where it is none of that rule. */
bool limiter_redis_key_parse(const struct limiter_redis_rule *rule, struct slice text,
                             struct limit_key *out);
/* What a key's value tells at now_ms of the server's clock; used 0: nothing that counts, which a
 * value that is not ours does not either. */
struct limiter_row limiter_redis_read(const struct limiter_redis_rule *rule, struct limit_key key,
                                      struct slice value, int64_t now_ms);
/* The script that takes: for the bench, which runs it by other means. */
const char *limiter_redis_script(void);

#endif
