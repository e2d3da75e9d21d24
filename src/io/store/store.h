/* Everything that must outlive the process, in a SQLite file or a PostgreSQL database: the writing
 * side.
 *
 * There is one writer a database: store_open takes "<path>-lock" or an advisory lock and refuses a
 * second engine. A file is in WAL mode with synchronous=FULL, and PostgreSQL waits for its disk:
 * when store_commit returned OK the changes survive kill -9 and power loss. Readers (store_read.h)
 * never block it. A connection to PostgreSQL that was lost is made anew by store_begin, with its
 * lock, and refused for good where another engine has written since.
 *
 *     store_begin -> any number of writes -> store_commit      one fsync
 *
 * A write is all or nothing on its own, inside the transaction around it:
 * - ERR_EXISTS, ERR_NOT_FOUND, ERR_INVALID: refused, nothing changed, the transaction goes on.
 * - ERR_LIMIT: the disk is full. ERR_NO_MEMORY. ERR_TIMEOUT: somebody else holds the file for too
 *   long, or PostgreSQL does not answer. ERR_CLOSED: it is gone. Nothing was committed:
 *   store_rollback, then everything since store_begin may be tried again.
 * - ERR_IO: the disk or the file failed. From a write the same holds; from store_commit nobody
 *   knows whether it happened. The store then refuses every further write (ERR_IO) until
 *   store_reopen, after which the rows tell.
 *
 * Memory: a store is on the heap and keeps its statements prepared. Thread: one at a time (in the
 * server: the store thread, after loading). Source: sqlite.org, wal.html and c3ref. */
#ifndef IO_STORE_STORE_H
#define IO_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store/row.h"
#include "io/store/sql.h"

/* Order ids are set aside in blocks, ahead of use, so that an id is never used twice, not even one
 * whose order was never written: a restart goes on behind the block. */
#define STORE_ORDER_ID_BLOCK UINT64_C(1000)
/* How long a write waits for somebody else's hold on the file (a backup, a shell). */
#define STORE_BUSY_TIMEOUT_MS 5000

struct store;

/* url as for sql_open. Opens the database, made if need be (its folder must exist), and brings it
 * to this program's version. now_ms (wall clock) dates what this writes itself. Refused with the
 * cause: ERR_EXISTS another engine has it, ERR_IO not readable or writable, ERR_PARSE not a
 * database, ERR_INVALID somebody else's database or a changed migration, ERR_UNSUPPORTED a newer
 * program's database. */
enum err store_open(const char *url, int64_t now_ms, struct store **out) ERR_MUST_USE;
/* Rolls back what was not committed. NULL is fine. */
void store_close(struct store *s);

/* This installation's 8 characters of [a-z0-9], made at the first open:
 * part of client order ids. */
const char *store_install_id(const struct store *s);
/* The connection that it writes by, for the statements of other files; see sql.h for their
 * rules. */
struct sql *store_sql(struct store *s);
/* Whether a failed commit or a broken file stopped all writing. */
bool store_is_broken(const struct store *s);

/* Opens a broken store anew. What the kernel claims to have written is not believed: the WAL is
 * copied into the database and that is synced. A failure leaves the store broken, and may be tried
 * again. */
enum err store_reopen(struct store *s) ERR_MUST_USE;
/* Of the file; NULL for a database that is none. */
const char *store_path(const struct store *s);

/* As store_begin, but a refusal may be told late, by any later call or by store_commit. After a
 * refusal nothing of the transaction is done, and only one begun by store_begin tells which write
 * was refused; store_run alone is told at once. The states of an order, a position and a bot's
 * totals are written once, as they are at the end (store_later.h). */
enum err store_begin_deferred(struct store *s) ERR_MUST_USE;
enum err store_begin(struct store *s) ERR_MUST_USE;
enum err store_commit(struct store *s) ERR_MUST_USE;
/* Fine where a failure ended the transaction already. */
void store_rollback(struct store *s);

/* The writes. Each must stand between store_begin and store_commit. */

/* Makes the order durable as it is about to be sent: state SENT, with its frozen body.
 * ERR_NOT_FOUND: no such bot. ERR_EXISTS: the id or the client order id was used before.
 * ERR_INVALID: a row that the table's rules refuse. */
enum err store_order_placed(struct store *s, const struct store_order *order) ERR_MUST_USE;
/* State, reason, fill sums, venue id and code, updated_ms; what was asked for never changes, but
 * the scales of all amounts may. */
enum err store_order_changed(struct store *s, const struct store_change *change) ERR_MUST_USE;
/* Fill, order, position, bot totals and, if it closed one, the round trip. ERR_EXISTS: this trade
 * id is booked already, and nothing changes. ERR_NOT_FOUND: no such order of this bot, or no such
 * bot. */
enum err store_fill_booked(struct store *s, const struct store_booking *booking) ERR_MUST_USE;

/* bot->id must be 0; *id is the new one. ERR_NOT_FOUND: no such user. */
enum err store_bot_insert(struct store *s, const struct store_bot *bot, uint64_t *id) ERR_MUST_USE;
/* Whether a bot ever had this id: how the fate of an insert is found out. */
bool store_has_bot(struct store *s, uint64_t bot_id);
/* Everything but id, user_id, created_ms and running. ERR_NOT_FOUND: no such bot of this user. */
enum err store_bot_update(struct store *s, const struct store_bot *bot) ERR_MUST_USE;
/* Hides the bot for good; its orders, fills and round trips stay. ERR_INVALID while it is wanted to
 * run, an order of it is not closed or a position is open. */
enum err store_bot_delete(struct store *s, uint64_t user_id, uint64_t bot_id,
                          int64_t now_ms) ERR_MUST_USE;
enum err store_bot_want(struct store *s, uint64_t user_id, uint64_t bot_id, bool running,
                        int64_t now_ms) ERR_MUST_USE;
/* All bots of the user. */
enum err store_bots_stop(struct store *s, uint64_t user_id, int64_t now_ms) ERR_MUST_USE;
enum err store_bot_totals(struct store *s, const struct store_totals *totals) ERR_MUST_USE;

/* Statements of other files (see sql.h) as one write, all or nothing. `run` may refuse with
 * ERR_EXISTS, ERR_NOT_FOUND or ERR_INVALID; any other error ends the transaction. */
enum err store_run(struct store *s, enum err (*run)(struct store *s, void *arg),
                   void *arg) ERR_MUST_USE;

/* What the engine needs at start. Rows are good during the call; every function must be there. */
struct store_loader {
    void *user;
    void (*on_bot)(void *user, const struct store_bot *bot);                /* by id, all users */
    void (*on_totals)(void *user, const struct store_totals *totals);       /* by bot */
    void (*on_position)(void *user, const struct store_position *position); /* flat ones too */
    /* By id: those not closed, and of the newest order_count the live ones that are. */
    void (*on_order)(void *user, const struct store_order *order);
    void (*on_fill)(void *user, const struct store_fill *fill); /* oldest first */
    uint32_t fill_count; /* how many of the newest fills; those of told orders come in any case */
    uint32_t order_count;
};

/* Tells everything in the order of the functions above, as of one moment, and sets the next block
 * of order ids aside: ids from *next_order_id on were never used. Not between begin and commit. */
enum err store_load(struct store *s, const struct store_loader *loader,
                    uint64_t *next_order_id) ERR_MUST_USE;

#endif
