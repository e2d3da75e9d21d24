/* A database by SQL: one face over SQLite and PostgreSQL, so that each statement is written once.
 *
 *     struct sql_statement *st;
 *     enum err err = sql_use(db, "UPDATE users SET role = ?2 WHERE id = ?1", &st);
 *     if (!err) {
 *         sql_u64(st, id);
 *         sql_text(st, "viewer");
 *         err = sql_run_one(st, "user", id);
 *     }
 *
 * One text for both. Values are ?1, ?2, … (?1 may stand in several places); ON CONFLICT and
 * RETURNING are the same on both. What to keep in mind:
 * - An integer is 64 bits, a truth is 0 or 1. PostgreSQL must be able to tell a value's type from
 *   its place: between two values write CAST(?1 AS BIGINT) + CAST(?2 AS BIGINT).
 * - Text is UTF-8 without NUL: other bytes are refused with ERR_INVALID before they reach a
 *   database. Blobs are any bytes. length() counts characters; octet_length() exists only on
 *   PostgreSQL, in migrations it is written length(CAST(x AS BLOB)) (see migrate.h).
 * - A boolean is no number on PostgreSQL: CASE WHEN … THEN 1 ELSE 0 END.
 * - Ids that the database gives go up but may leave holes.
 *
 * Transactions. Each write must stand in one, and inside it in a piece (sql_save to sql_saved),
 * which is all or nothing. After a refusal (ERR_EXISTS: the key is taken. ERR_NOT_FOUND: a
 * reference to nothing, or no row to change. ERR_INVALID: the table's rules) the piece leaves
 * nothing behind and the transaction goes on. After any other error the transaction is lost:
 * sql_rollback. A single query outside of a transaction is fine.
 *
 * Pace. SQL_EXACT: each call tells what became of it. SQL_DEFERRED: on PostgreSQL, sql_run and
 * sql_run_one only send, pieces cost nothing, and the first refusal is told by the next call that
 * needs an answer or by sql_commit; then nothing of the transaction has happened. On SQLite both
 * are exact.
 *
 * Other errors. ERR_TIMEOUT: a lock, the statement or the answer took longer than timeout_ms.
 * ERR_LIMIT: the disk is full, or too many connections. ERR_CLOSED: PostgreSQL is not reachable.
 * ERR_IO: the disk or the server failed. ERR_PARSE: not a database. In all of these cases nothing
 * was committed, but for sql_commit, which has a word of its own.
 *
 * Memory: a connection is on the heap and keeps its statements. Thread: one at a time. Sources:
 * sqlite.org c3ref; postgresql.org/docs/15, libpq and its pipeline mode. */
#ifndef IO_STORE_SQL_H
#define IO_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/* The most values of a statement; more is a bug. */
#define SQL_VALUES_MAX 40
/* The most different statements that a connection keeps for sql_use; one more is a bug. */
#define SQL_KEPT_MAX        512
#define SQL_URL_SIZE        1024
#define SQL_EXEC_TIMEOUT_MS 600000

enum sql_kind { SQL_SQLITE, SQL_POSTGRES };

/* SQL_WRITE: the one writer of the database; a second one is refused with ERR_EXISTS, naming the
 * first. On SQLite it makes the file. SQL_READ cannot write. SQL_BESIDE writes beside the writer,
 * one transaction at a time, and never makes a file: for commands that change accounts while a
 * server runs. What the writer keeps in memory (orders, bots) must not be changed by it. */
enum sql_access { SQL_READ, SQL_WRITE, SQL_BESIDE };

enum sql_pace { SQL_EXACT, SQL_DEFERRED };

struct sql;
struct sql_statement;

/* url: "sqlite:PATH", "postgresql://…" or a path alone. timeout_ms bounds every wait. */
enum err sql_open(const char *url, enum sql_access access, uint32_t timeout_ms,
                  struct sql **out) ERR_MUST_USE;
/* Rolls back what was not committed, and ends every statement. NULL is fine. */
void sql_close(struct sql *db);
enum sql_kind sql_kind(const struct sql *db);
/* The url without its password, for people. Cut where it does not fit. */
void sql_url_shown(const char *url, char *out, size_t size);

enum err sql_begin(struct sql *db, enum sql_pace pace) ERR_MUST_USE;
/* Goes on in that pace. To SQL_EXACT, it tells a refusal that came late. */
enum err sql_set_pace(struct sql *db, enum sql_pace pace) ERR_MUST_USE;
/* OK: durable. ERR_EXISTS, ERR_NOT_FOUND, ERR_INVALID (deferred only), ERR_LIMIT, ERR_TIMEOUT,
 * ERR_NO_MEMORY, ERR_CLOSED: nothing happened. ERR_IO: nobody knows. Whatever it says, the
 * transaction is over. */
enum err sql_commit(struct sql *db) ERR_MUST_USE;
/* Fine where there is none. */
void sql_rollback(struct sql *db);
/* False too where a failure ended the transaction by itself. */
bool sql_in_transaction(const struct sql *db);

/* A piece; pieces nest. SQL_ONE_STATEMENT where it is one statement, which SQLite does whole. */
enum sql_piece { SQL_ONE_STATEMENT, SQL_STATEMENTS };
enum err sql_save(struct sql *db, enum sql_piece piece) ERR_MUST_USE;
/* Ends the piece that began last: keeps it if err is OK, else undoes it. Returns err, or the error
 * of ending it. */
enum err sql_saved(struct sql *db, enum sql_piece piece, enum err err) ERR_MUST_USE;

/* One or more statements of our own, without values: migrations. They take the time they take; on
 * PostgreSQL up to SQL_EXEC_TIMEOUT_MS. */
enum err sql_exec(struct sql *db, const char *text) ERR_MUST_USE;
/* A statement that the caller keeps until sql_finalize or sql_close. */
enum err sql_prepare(struct sql *db, const char *text, struct sql_statement **out) ERR_MUST_USE;
void sql_finalize(struct sql_statement *st);
/* The connection's own statement of that text, prepared at its first use. text is found by its
 * address: a literal or a constant, never a buffer. */
enum err sql_use(struct sql *db, const char *text, struct sql_statement **out) ERR_MUST_USE;

/* Values, one after another from ?1 on. Texts and blobs are not copied: they must live until the
 * statement was run. A value that is refused is told by the run. */
void sql_i64(struct sql_statement *st, int64_t value);
/* Ids and counts; one above 2^63 - 1 becomes negative and is refused by the table's rules. */
void sql_u64(struct sql_statement *st, uint64_t value);
/* NULL is NULL. */
void sql_text(struct sql_statement *st, const char *text);
/* The same of bytes that may hold anything, and are refused if they are no text. */
void sql_slice(struct sql_statement *st, struct slice text);
void sql_blob(struct sql_statement *st, const void *data, size_t size);
void sql_null(struct sql_statement *st);

/* Runs a statement that returns no row. A wrong count of values is a bug. */
enum err sql_run(struct sql_statement *st) ERR_MUST_USE;
/* The same, where exactly one row must change: else ERR_NOT_FOUND, "there is no WHAT ID". */
enum err sql_run_one(struct sql_statement *st, const char *what, uint64_t id) ERR_MUST_USE;
/* The first column of the only row (a RETURNING, a count); ERR_NOT_FOUND without a row. */
enum err sql_run_i64(struct sql_statement *st, int64_t *out) ERR_MUST_USE;
/* Steps to the next row, the first time running the statement; *more is false behind the last.
 * After it, and after an error, the statement takes new values. */
enum err sql_next(struct sql_statement *st, bool *more) ERR_MUST_USE;
/* Leaves the rows that were not read. */
void sql_reset(struct sql_statement *st);

/* Columns of the row that sql_next stands on, from 0; good until the statement moves on. */
int64_t sql_column_i64(struct sql_statement *st, int column);
/* Ends with a NUL that is not counted; .data is NULL where the column is NULL. */
struct slice sql_column_text(struct sql_statement *st, int column);
struct slice sql_column_blob(struct sql_statement *st, int column);
bool sql_column_is_null(struct sql_statement *st, int column);
const char *sql_column_name(struct sql_statement *st, int column);

/* For the writer, once its tables are there: from here on a connection that was lost is made anew
 * only while no other engine has written since. */
enum err sql_fence(struct sql *db) ERR_MUST_USE;

#endif
