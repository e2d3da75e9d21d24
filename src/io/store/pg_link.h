/* A connection to PostgreSQL on which no wait is without end: libpq, non-blocking, with a deadline
 * for every answer, in pipeline mode.
 *
 * What does not answer in time, or breaks, is closed at once: pg_link_is_open tells, and whoever
 * has an open transaction on it knows that the server undoes it (unless COMMIT was sent).
 *
 * Thread: one at a time. Source: postgresql.org/docs/15, libpq-async and libpq-pipeline-mode. */
#ifndef IO_STORE_PG_LINK_H
#define IO_STORE_PG_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/err.h"
#include "io/store/sql.h"

/* How much longer than the server's own limit for a statement we wait for its answer. */
#define PG_ANSWER_MARGIN_MS 2000

struct pg_link {
    PGconn *conn; /* NULL: closed */
    uint32_t timeout_ms;
};

/* Connects and sets the session's limits. ERR_INVALID: not an address. ERR_CLOSED: cannot be
 * reached, or says no. ERR_UNSUPPORTED: too old, or its database is not in UTF-8. */
enum err pg_link_open(struct pg_link *l, const char *url, enum sql_access access,
                      uint32_t timeout_ms) ERR_MUST_USE;
void pg_link_close(struct pg_link *l);
bool pg_link_is_open(const struct pg_link *l);
/* Looks whether the other side has gone, and closes if so. */
void pg_link_check(struct pg_link *l);
/* Of the server process that serves us; 0 when closed. */
int pg_link_pid(const struct pg_link *l);

/* For the functions PQsend…: their return value, made an error. Closes on failure. */
enum err pg_link_sent(struct pg_link *l, int sent) ERR_MUST_USE;
/* Ends a pipeline's section: results come up to PGRES_PIPELINE_SYNC. */
enum err pg_link_sync(struct pg_link *l) ERR_MUST_USE;
/* The next result, the caller's to clear; NULL ends a command's results. ERR_TIMEOUT, ERR_CLOSED:
 * and then it is closed. */
enum err pg_link_result(struct pg_link *l, PGresult **out) ERR_MUST_USE;
/* Several statements without values, by the simple protocol; the pipeline must be empty. In a
 * transaction, its statements from here on may take that long on the server. */
enum err pg_link_exec(struct pg_link *l, const char *text, uint32_t timeout_ms) ERR_MUST_USE;

/* The error that a result tells of as ours, its text set. */
enum err pg_error(const PGresult *result);
/* Whether that error says that the server ends the connection. */
bool pg_error_is_farewell(const PGresult *result);

#endif
