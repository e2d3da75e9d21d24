/* SQLite as the store uses it: how a connection is opened, how its errors become ours.
 *
 * The library is built thread-safe but connections are opened NOMUTEX: one thread at a time. */
#ifndef IO_STORE_DATABASE_H
#define IO_STORE_DATABASE_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/err.h"

enum database_access { DATABASE_READ, DATABASE_WRITE };

/* DATABASE_WRITE makes the file if need be and puts it into WAL mode with synchronous=FULL. */
enum err database_open(const char *path, enum database_access access, int busy_timeout_ms,
                       sqlite3 **out) ERR_MUST_USE;
/* The last error of db as ours, its text set. Constraint violations: ERR_EXISTS for a key that is
 * taken, ERR_NOT_FOUND for a reference to nothing, ERR_INVALID for the rest. */
enum err database_error(sqlite3 *db);
/* One or more statements of our own, without values. */
enum err database_exec(sqlite3 *db, const char *sql) ERR_MUST_USE;
/* Prepares a statement that is kept. */
enum err database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out) ERR_MUST_USE;
/* Steps a statement that returns no row to its end and resets it. */
enum err database_run(sqlite3_stmt *statement) ERR_MUST_USE;
/* Steps to the next row; *more is false behind the last. The caller resets. */
enum err database_next(sqlite3_stmt *statement, bool *more) ERR_MUST_USE;
/* The first column of the only row of a statement, which is reset; ERR_NOT_FOUND without a row. */
enum err database_run_i64(sqlite3_stmt *statement, int64_t *out) ERR_MUST_USE;

#endif
