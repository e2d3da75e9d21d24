/* Rate limits' counters on Redis, for commands: the server that counts there need not run. Sends,
 * waits, answers; thread: one. */
#ifndef APP_SHARED_COUNTERS_H
#define APP_SHARED_COUNTERS_H

#include <uv.h>

#include "app/config.h"
#include "base/err.h"
#include "io/guard/guard_keys.h"

struct shared_counters {
    uv_loop_t loop;
    struct redis *redis;
    struct guard_limits *limits;
    struct guard *guard;
    /* The answer that is waited for: */
    bool is_answered;
    enum err err;
    char cause[256];
    uint64_t next;
    void (*on_key)(void *user, const char *text, const struct guard_key *key);
    void *user;
};

/* REDIS_URL of the settings. ERR_TIMEOUT: it does not answer. */
enum err shared_counters_open(struct shared_counters *v, const struct config *config) ERR_MUST_USE;
/* Every key once, or more often where the table grew meanwhile. */
enum err shared_counters_list(struct shared_counters *v,
                              void (*on_key)(void *user, const char *text,
                                             const struct guard_key *key),
                              void *user) ERR_MUST_USE;
/* text: a key as guard_keys_parse takes it, or NULL: all. */
enum err shared_counters_forget(struct shared_counters *v, const char *text) ERR_MUST_USE;
/* Fine after shared_counters_open failed. */
void shared_counters_close(struct shared_counters *v);

#endif
