/* Reading the store without waiting for it: a few threads with a connection each, for loops that
 * must not stall while a database is slow or gone.
 *
 *     loop --submit--> queue --> pool thread: read(reader) --> done list --wake()--> loop: deliver
 *
 * Which is for what. store_read.h alone reads at once on the caller's thread: for starting up, for
 * commands and tests, and for a SQLite file where a millisecond does not matter. In a server's loop
 * use the pool.
 *
 * - A full queue refuses (ERR_LIMIT): the caller answers 503 at once.
 * - A read has options.timeout_ms from store_pool_submit on. One that waited longer is not begun
 *   and is delivered with ERR_TIMEOUT; one under way is bounded by the connection's own limit of
 *   the same length. So each is delivered at most twice that (and PostgreSQL's margin) later.
 * - A lost connection is made anew by the next read; meanwhile reads are delivered with
 *   ERR_CLOSED.
 *
 * Threads: `read` runs on a pool thread, and touches only its reader and its job; everything else
 * of a client is called on the client's one thread, where `done` runs too. wake is called on a pool
 * thread and must only signal (uv_async_send). */
#ifndef IO_STORE_STORE_POOL_H
#define IO_STORE_STORE_POOL_H

#include <stdint.h>

#include "base/err.h"
#include "io/store/store_read.h"

#define STORE_POOL_THREADS_MAX 16

struct store_pool;
struct store_pool_client;

struct store_pool_options {
    const char *url;
    uint32_t thread_count; /* 1 to STORE_POOL_THREADS_MAX */
    uint32_t queue_max;    /* reads that wait, of all clients */
    uint32_t timeout_ms;
};

/* In the caller's memory, untouched from submit to done. */
struct store_job {
    enum err (*read)(struct store_reader *r, struct store_job *job);
    void (*done)(struct store_job *job, enum err err);
    char cause[ERR_TEXT_SIZE]; /* of an error, for `done` */
    /* The pool's own. */
    struct store_pool_client *client;
    struct store_job *next;
    int64_t deadline_ns;
    enum err err;
};

/* Connections are made by the first reads. */
enum err store_pool_start(const struct store_pool_options *options,
                          struct store_pool **out) ERR_MUST_USE;
/* Reads under way are waited for, others are not begun; nothing is delivered any more, so every job
 * is the caller's again. Clients end with it. NULL is fine. */
void store_pool_stop(struct store_pool *p);

enum err store_pool_client_open(struct store_pool *p, void (*wake)(void *user), void *user,
                                struct store_pool_client **out) ERR_MUST_USE;
/* ERR_LIMIT: the queue is full, nothing was taken. */
enum err store_pool_submit(struct store_pool_client *c, struct store_job *job) ERR_MUST_USE;
/* Calls `done` of what has come back. */
void store_pool_deliver(struct store_pool_client *c);

#endif
