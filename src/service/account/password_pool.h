/* Hashes and checks passwords with argon2id on threads of its own, at most two at a time.
 *
 * A hash takes some 100 ms and 64 MiB on purpose, so it must neither stop a loop nor be done a
 * hundred times at once: more than PASSWORD_QUEUE_MAX that wait are refused, and the caller answers
 * "busy".
 *
 * A job belongs to its owner again when on_done is called. That happens on a thread of the pool, so
 * on_done only hands it over (a list, a wake-up). Threads: submit from any.
 * Source: RFC 9106; libsodium documentation, "Password hashing". */
#ifndef SERVICE_ACCOUNT_PASSWORD_POOL_H
#define SERVICE_ACCOUNT_PASSWORD_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "service/account/password_rules.h"

enum {
    PASSWORD_THREADS = 2,
    PASSWORD_QUEUE_MAX = 64,
    PASSWORD_HASH_SIZE = 128, /* a text, with its NUL */
};

/* Of no password: checking against it costs what any check costs and is always wrong. For an
 * account that does not exist, so that time does not tell that. */
extern const char password_hash_of_nobody[PASSWORD_HASH_SIZE];

enum password_task {
    PASSWORD_MAKE_HASH, /* password -> hash */
    PASSWORD_CHECK,     /* password, hash -> is_right, is_outdated */
};

struct password_job {
    struct password_job *next; /* the pool's */
    enum password_task task;
    size_t size;
    char password[PASSWORD_SIZE_MAX]; /* wiped before on_done */
    char hash[PASSWORD_HASH_SIZE];
    bool is_right;
    bool is_outdated; /* made with other parameters than ours: hash it anew */
    bool failed;      /* no memory for it, or the pool is closing: nothing is known */
    void (*on_done)(struct password_job *job);
    void *user;
};

struct password_pool;

enum err password_pool_open(struct password_pool **out) ERR_MUST_USE;
/* False when too many wait: the job stays the caller's. */
bool password_pool_submit(struct password_pool *pool, struct password_job *job) ERR_MUST_USE;
/* Ends what is being hashed, gives back as failed what waits. NULL is fine. */
void password_pool_close(struct password_pool *pool);

#endif
