/* The thread that owns the store: clients hand it commands and go on; acks come back when the
 * changes are durable.
 *
 *     client --push--> command ring --> store thread: BEGIN, all that waits, COMMIT
 *            <--pop_ack-- ack ring <--wake()--
 *
 * - The first client is the trade thread's and is served first; others (a web thread each) share
 *   what a batch has left, at least STORE_BATCH_OTHERS.
 * - Group commit: everything that waits (up to STORE_BATCH_MAX) becomes one transaction, one fsync.
 *   Acks come in the order of a client's commands, each command exactly one.
 * - A full ring refuses the push, and the caller is told: the trade thread then takes no new
 *   entries. Commands whose ack was not popped yet count as waiting, so an ack always has room.
 * - A command that cannot be done (its rows refuse it) is acked with the error and does not take
 *   the others with it.
 * - What the world refuses (a full disk, a failing one, somebody else's lock) is no command's
 *   fault: the batch is tried again, ever less often up to once a second, and nothing behind it is
 *   lost or overtakes it. After a commit of unknown outcome the store is reopened, and each command
 *   finds out by its own rows whether it is done; a STORE_RUN has no rows that we know, and is
 *   acked ERR_IO: whoever asked for it looks. Meanwhile store_thread_trouble tells why.
 * - A batch is a deferred transaction (store_begin_deferred), on PostgreSQL one pipeline. If one of
 *   its commands is refused, nothing of it has happened, and it is carried out once more with an
 *   answer to each.
 * - A full disk gets the reserve (reserve.h): commands go on, but the trouble stays until there is
 *   room for a reserve again. Whoever adds risk must not use it up.
 *
 * Threads: start, push, pop_ack and stop from one thread (trade); each other client from one thread
 * of its own; wake is called on the store thread and must only signal (uv_async_send). While the
 * thread runs, nobody else touches the store. */
#ifndef IO_STORE_STORE_THREAD_H
#define IO_STORE_STORE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store/row.h"
#include "io/store/store.h"

#define STORE_BATCH_MAX    256
#define STORE_BATCH_OTHERS 32
/* The first one with them. */
#define STORE_CLIENTS_MAX 32

enum store_command_kind {
    STORE_ORDER_PLACED,  /* order */
    STORE_ORDER_CHANGED, /* changed */
    STORE_FILL_BOOKED,   /* booking */
    STORE_BOT_INSERT,    /* bot; the ack's row_id is the new bot's id */
    STORE_BOT_UPDATE,    /* bot */
    STORE_BOT_DELETE,    /* target */
    STORE_BOT_WANT,      /* target */
    STORE_BOTS_STOP,     /* target: all bots of its user */
    STORE_BOT_TOTALS,    /* totals */
    STORE_RUN,           /* run */
};

/* A function that runs with the open transaction, on the store thread: see store_run. It may be
 * called several times before it is acked, so each call fills `arg` anew; nothing of a call that
 * was not acked OK has happened. It must be quick, and must refuse only as store_run says: whatever
 * else it returns counts as the world's, and is tried again. */
struct store_run_target {
    enum err (*run)(struct store *s, void *arg);
    void *arg; /* stays the caller's, and lives until the ack */
};

struct store_bot_target {
    uint64_t user_id, bot_id;
    bool running; /* BOT_WANT */
    int64_t now_ms;
};

/* What the functions of the same name in store.h take. */
struct store_command {
    uint64_t id; /* the caller's; comes back in the ack */
    uint8_t kind;
    union {
        struct store_order order;
        struct store_change changed;
        struct store_booking booking;
        struct store_bot *bot; /* from malloc; a push that succeeds takes it over and frees it */
        struct store_bot_target target;
        struct store_totals totals;
        struct store_run_target run;
    };
};

struct store_ack {
    uint64_t id;
    uint8_t err;     /* enum err: OK means durable */
    uint64_t row_id; /* BOT_INSERT; else 0 */
};

struct store_thread_options {
    struct store *store;      /* stays the caller's: close it after store_thread_stop */
    uint32_t slot_count;      /* of the rings; a power of two */
    void (*wake)(void *user); /* acks are there; may be NULL */
    void *user;
};

struct store_thread_counters {
    uint64_t batches;  /* commits tried */
    uint64_t commands; /* acked */
    uint64_t refused;  /* acked with an error */
};

struct store_thread;
struct store_client;

enum err store_thread_start(const struct store_thread_options *options,
                            struct store_thread **out) ERR_MUST_USE;
/* False when full: nothing was taken. Not after store_thread_stop. */
bool store_thread_push(struct store_thread *t, const struct store_command *command) ERR_MUST_USE;
/* False when there is none. */
bool store_thread_pop_ack(struct store_thread *t, struct store_ack *ack);
/* Commands pushed whose ack was not popped. */
uint32_t store_thread_pending(const struct store_thread *t);
/* Any thread. */
struct store_thread_counters store_thread_counters(struct store_thread *t);

/* One more client, with options as for the first (its store is not looked at). Any one thread at a
 * time, before store_thread_stop. It lives as long as the thread. ERR_LIMIT: too many. */
enum err store_client_open(struct store_thread *t, const struct store_thread_options *options,
                           struct store_client **out) ERR_MUST_USE;
/* As the functions of the first one. */
bool store_client_push(struct store_client *c, const struct store_command *command) ERR_MUST_USE;
bool store_client_pop_ack(struct store_client *c, struct store_ack *ack);
uint32_t store_client_pending(const struct store_client *c);

/* Any thread. Why writes wait, or may use up the reserve: ERR_LIMIT the disk is full, ERR_IO the
 * disk or the file failed, ERR_TIMEOUT somebody else holds the file, ERR_CLOSED no PostgreSQL,
 * ERR_NO_MEMORY; OK all is well. */
enum err store_thread_trouble(struct store_thread *t);
/* From here on a batch that the world refuses is acked with the error instead of waiting. */
void store_thread_hurry(struct store_thread *t);
/* Hurries, carries out everything pushed, then ends the thread. Acks can still be popped. */
void store_thread_stop(struct store_thread *t);
/* Stops it if it runs. NULL is fine. */
void store_thread_free(struct store_thread *t);

#endif
