/* PostgreSQL behind sql.h: prepared statements only, written as a pipeline.
 *
 * What is sent stands in a queue until its result was read. An exact statement sends and reads to
 * the end; a deferred one only sends, and the queue is read by the next call that needs an answer.
 * COMMIT is sent when all before it was answered well: a statement that changed no row is no error
 * to PostgreSQL, but it is one to us.
 *
 * The writer holds an advisory lock as long as its connection lives, and counts up writer.epoch
 * once after its migrations. When the connection is lost it is made anew by the next transaction,
 * which needs the lock again, and an epoch that nobody else has counted up.
 *
 * A connection that breaks at COMMIT leaves its outcome open. Then the transaction's id, read
 * before, is asked for on a new connection: the lock tells that the old one has ended, so the
 * answer is final. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/store/pg_link.h"
#include "io/store/sql_backend.h"

/* "TBOT": the advisory lock of the writer. */
#define WRITER_LOCK "1413631828"
/* The process that served us before may take a moment to notice that we are gone. */
#define LOCK_PATIENCE_MS 1500
#define LOCK_RETRY_MS    50
/* How long the outcome of a COMMIT is asked for before it counts as unknown. */
#define OUTCOME_PATIENCE_MS 20000
#define OUTCOME_RETRY_MS    200
/* What waits for its result at most; then the queue is read. */
#define QUEUE_MAX 2048
#define XID_SIZE  24
/* A 64-bit integer as text, with its sign and NUL. */
#define NUMBER_SIZE 21

struct postgres_statement {
    struct sql_statement st;
    char name[16];
    char *text; /* with $1 */
    PGresult *rows;
    int row, row_count;
    uint64_t decoded; /* blob columns of this row that are bytes already */
};

/* What was sent, and what its result must be like. */
struct queued {
    struct postgres_statement *st; /* NULL: to be prepared */
    bool changes_one;              /* row, or it is an error */
    bool keeps;                    /* the result */
};

struct postgres {
    struct sql sql;
    struct pg_link link;
    char *url;
    enum sql_access access;
    uint32_t timeout_ms;
    uint32_t named; /* statements so far */
    int last_pid;   /* of the server process that served us last */
    int64_t epoch;  /* 0: not counted up yet */
    char holder[160];
    bool in_transaction;
    bool deferred;
    enum err failure; /* of the transaction, which can only be rolled back */
    char failure_text[ERR_TEXT_SIZE];
    struct queued queue[QUEUE_MAX];
    uint32_t queue_count;
};

static const struct sql_backend backend;

static enum err connect_to(struct postgres *p);
static enum err ready(struct postgres *p);
static enum err take_lock(struct postgres *p);
static enum err try_lock(struct postgres *p, bool *taken);
static enum err find_holder(struct postgres *p);
static enum err check_epoch(struct postgres *p);
static enum err send_prepare(struct postgres *p, struct postgres_statement *s);
static enum err prepare_again(struct postgres *p);
static enum err send_run(struct postgres *p, struct queued how);
static enum err read_queue(struct postgres *p);
static enum err read_one(struct postgres *p, const struct queued *queued, enum err *first);
static enum err read_sync(struct postgres *p);
static enum err judge(const struct queued *queued, const PGresult *result);
static enum err queue_text(struct postgres *p, const char *text);
static enum err fail(struct postgres *p, enum err err);
static enum err read_xid(struct postgres *p, char xid[XID_SIZE]);
static enum err learn_outcome(struct postgres *p, const char *xid);
static enum err ask_outcome(struct postgres *p, const char *xid, bool *known);
static char *translate(const char *text, int *value_count);
static size_t decode_hex(char *text, size_t size);
static void write_i64(int64_t value, char out[NUMBER_SIZE]);
static void pause_ms(int ms);

static struct postgres *postgres_of(struct sql *db)
{
    return (struct postgres *)db;
}

static struct postgres_statement *statement_of(struct sql_statement *st)
{
    return (struct postgres_statement *)st;
}

enum err postgres_open(const char *url, enum sql_access access, uint32_t timeout_ms,
                       struct sql **out)
{
    *out = NULL;
    struct postgres *p = calloc(1, sizeof *p);
    if (!p) return err_set(ERR_NO_MEMORY, "out of memory");
    p->sql.backend = &backend;
    p->sql.kind = SQL_POSTGRES;
    p->access = access;
    p->timeout_ms = timeout_ms;
    p->url = strdup(url);
    enum err err = p->url ? connect_to(p) : err_set(ERR_NO_MEMORY, "out of memory");
    if (err) {
        sql_close(&p->sql);
        return err;
    }
    *out = &p->sql;
    return OK;
}

static void postgres_close(struct sql *db)
{
    struct postgres *p = postgres_of(db);
    pg_link_close(&p->link);
    if (p->url) explicit_bzero(p->url, strlen(p->url));
    free(p->url);
    free(p);
}

static enum err connect_to(struct postgres *p)
{
    p->queue_count = 0;
    enum err err = pg_link_open(&p->link, p->url, p->access, p->timeout_ms);
    if (!err) err = prepare_again(p);
    if (!err && p->access == SQL_WRITE) err = take_lock(p);
    if (!err && p->epoch) err = check_epoch(p);
    if (err)
        pg_link_close(&p->link);
    else
        p->last_pid = pg_link_pid(&p->link);
    return err;
}

/* A lost connection is made anew where no transaction hangs on it. */
static enum err ready(struct postgres *p)
{
    if (p->in_transaction) {
        return pg_link_is_open(&p->link) ? OK : err_set(ERR_CLOSED, "the connection was lost");
    }
    if (p->queue_count == 0) pg_link_check(&p->link);
    if (pg_link_is_open(&p->link)) return OK;
    const enum err err = connect_to(p);
    if (err == ERR_EXISTS) return err_note(ERR_CLOSED, "while connecting again");
    if (!err) log_info("database_connected", "access=%s", p->access == SQL_READ ? "read" : "write");
    return err;
}

static enum err take_lock(struct postgres *p)
{
    const int64_t deadline = clock_monotonic_ns(&clock_system) + LOCK_PATIENCE_MS * 1000000LL;
    for (;;) {
        bool taken = false;
        enum err err = try_lock(p, &taken);
        if (err || taken) return err;
        err = find_holder(p);
        if (err) return err;
        if (clock_monotonic_ns(&clock_system) > deadline) {
            return err_set(ERR_EXISTS, "another engine (%s) is using the database", p->holder);
        }
        pause_ms(LOCK_RETRY_MS);
    }
}

static enum err try_lock(struct postgres *p, bool *taken)
{
    struct sql_statement *st;
    int64_t value = 0;
    enum err err = sql_use(
        &p->sql, "SELECT CASE WHEN pg_try_advisory_lock(" WRITER_LOCK ") THEN 1 ELSE 0 END", &st);
    if (!err) err = sql_run_i64(st, &value);
    *taken = value == 1;
    return err;
}

/* A process that served us before, and has not noticed that we are gone because the network
 * between us hangs, is told to end. */
static enum err find_holder(struct postgres *p)
{
    struct sql_statement *st;
    enum err err = sql_use(
        &p->sql,
        "SELECT a.application_name, coalesce(host(a.client_addr), 'this machine'),"
        " CASE WHEN a.pid = CAST(?1 AS INTEGER) THEN pg_terminate_backend(a.pid) END"
        " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = " WRITER_LOCK
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        &st);
    if (err) return err;
    bool more;
    sql_i64(st, p->last_pid);
    err = sql_next(st, &more);
    if (!err && more) {
        snprintf(p->holder, sizeof p->holder, "%s, connected from %s", sql_column_text(st, 0).data,
                 sql_column_text(st, 1).data);
    }
    sql_reset(st);
    return err;
}

static enum err check_epoch(struct postgres *p)
{
    struct sql_statement *st;
    int64_t epoch = 0;
    enum err err = sql_use(&p->sql, "SELECT epoch FROM writer", &st);
    if (!err) err = sql_run_i64(st, &epoch);
    if (err || epoch == p->epoch) return err;
    return err_set(ERR_IO, "another engine wrote to the database while this one was not connected: "
                           "this one must be started again");
}

static enum err postgres_fence(struct sql *db)
{
    struct postgres *p = postgres_of(db);
    struct sql_statement *st;
    const enum err err = sql_use(db, "UPDATE writer SET epoch = epoch + 1 RETURNING epoch", &st);
    return err ? err : sql_run_i64(st, &p->epoch);
}

static enum err postgres_prepare(struct sql *db, const char *text, struct sql_statement **out)
{
    struct postgres *p = postgres_of(db);
    enum err err = ready(p);
    if (!err) err = read_queue(p);
    if (err) return fail(p, err);
    struct postgres_statement *s = calloc(1, sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "out of memory");
    snprintf(s->name, sizeof s->name, "s%u", p->named++);
    s->text = translate(text, &s->st.value_wanted);
    err = s->text ? send_prepare(p, s) : err_set(ERR_NO_MEMORY, "out of memory");
    if (!err) err = read_queue(p);
    if (err) {
        free(s->text);
        free(s);
        return fail(p, err);
    }
    *out = &s->st;
    return OK;
}

static enum err send_prepare(struct postgres *p, struct postgres_statement *s)
{
    CHECK(p->queue_count < QUEUE_MAX);
    p->queue[p->queue_count++] = (struct queued){.st = NULL};
    return pg_link_sent(&p->link, PQsendPrepare(p->link.conn, s->name, s->text, 0, NULL));
}

/* Statements live as long as their connection. */
static enum err prepare_again(struct postgres *p)
{
    enum err err = OK;
    for (struct sql_statement *st = p->sql.statements; st && !err; st = st->next) {
        err = send_prepare(p, statement_of(st));
        if (!err && p->queue_count == QUEUE_MAX) err = read_queue(p);
    }
    return err ? err : read_queue(p);
}

static void postgres_finalize(struct sql_statement *st)
{
    struct postgres_statement *s = statement_of(st);
    PQclear(s->rows);
    free(s->text);
    free(s);
}

static enum err postgres_run(struct sql_statement *st, int64_t *changes)
{
    struct postgres *p = postgres_of(st->db);
    struct postgres_statement *s = statement_of(st);
    const bool waits = !p->in_transaction || !p->deferred;
    enum err err = send_run(p, (struct queued){s, changes && !waits, waits});
    if (!err && waits) err = read_queue(p);
    if (changes) *changes = 1;
    if (!err && waits && changes) *changes = strtoll(PQcmdTuples(s->rows), NULL, 10);
    PQclear(s->rows);
    s->rows = NULL;
    return fail(p, err);
}

static enum err postgres_next(struct sql_statement *st, bool first, bool *more)
{
    struct postgres *p = postgres_of(st->db);
    struct postgres_statement *s = statement_of(st);
    if (first) {
        enum err err = send_run(p, (struct queued){s, false, true});
        if (!err) err = read_queue(p);
        if (err) return fail(p, err);
        s->row = -1;
        s->row_count = PQntuples(s->rows);
    }
    s->decoded = 0;
    *more = ++s->row < s->row_count;
    return OK;
}

static void postgres_reset(struct sql_statement *st)
{
    struct postgres_statement *s = statement_of(st);
    PQclear(s->rows);
    s->rows = NULL;
}

/* A boolean is a truth like any other: 0 or 1. */
static int64_t postgres_column_i64(struct sql_statement *st, int column)
{
    const struct postgres_statement *s = statement_of(st);
    const char *text = PQgetvalue(s->rows, s->row, column);
    return *text == 't' ? 1 : strtoll(text, NULL, 10);
}

static struct slice postgres_column_text(struct sql_statement *st, int column)
{
    const struct postgres_statement *s = statement_of(st);
    if (PQgetisnull(s->rows, s->row, column)) return (struct slice){NULL, 0};
    return (struct slice){PQgetvalue(s->rows, s->row, column),
                          (size_t)PQgetlength(s->rows, s->row, column)};
}

/* Blobs come as "\x" and hexadecimal digits, and become bytes where they stand. */
static struct slice postgres_column_blob(struct sql_statement *st, int column)
{
    struct postgres_statement *s = statement_of(st);
    CHECK(column < 64);
    if (PQgetisnull(s->rows, s->row, column)) return (struct slice){NULL, 0};
    char *text = PQgetvalue(s->rows, s->row, column);
    size_t size = ((size_t)PQgetlength(s->rows, s->row, column) - 2) / 2;
    if (!(s->decoded >> column & 1)) size = decode_hex(text, size);
    s->decoded |= UINT64_C(1) << column;
    return (struct slice){text, size};
}

static bool postgres_column_is_null(struct sql_statement *st, int column)
{
    const struct postgres_statement *s = statement_of(st);
    return PQgetisnull(s->rows, s->row, column);
}

static const char *postgres_column_name(struct sql_statement *st, int column)
{
    return PQfname(statement_of(st)->rows, column);
}

static enum err postgres_begin(struct sql *db, enum sql_pace pace)
{
    struct postgres *p = postgres_of(db);
    p->in_transaction = false;
    p->failure = OK;
    enum err err = ready(p);
    if (!err) {
        err = queue_text(
            p, p->access == SQL_READ ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN");
    }
    p->in_transaction = !err;
    p->deferred = pace == SQL_DEFERRED;
    return err;
}

static enum err postgres_set_pace(struct sql *db, enum sql_pace pace)
{
    struct postgres *p = postgres_of(db);
    const enum err err = fail(p, pace == SQL_EXACT ? read_queue(p) : OK);
    if (!err) p->deferred = pace == SQL_DEFERRED;
    return err;
}

static enum err postgres_commit(struct sql *db)
{
    struct postgres *p = postgres_of(db);
    char xid[XID_SIZE];
    enum err err = read_xid(p, xid);
    if (err) {
        sql_rollback(db);
        return err;
    }
    err = queue_text(p, "COMMIT");
    if (!err) err = read_queue(p);
    if (err && !pg_link_is_open(&p->link)) return learn_outcome(p, xid);
    if (err) sql_rollback(db);
    p->in_transaction = false;
    return err;
}

/* The trace of the error that is being handled is worth more than what may be added here. */
static void postgres_rollback(struct sql *db)
{
    struct postgres *p = postgres_of(db);
    char trace[ERR_TEXT_SIZE];
    snprintf(trace, sizeof trace, "%s", err_text());
    for (struct sql_statement *st = db->statements; st; st = st->next) sql_reset(st);
    if (p->in_transaction && pg_link_is_open(&p->link)) {
        /* What is queued must be out of the way: behind an error nothing else is carried out. */
        enum err err = read_queue(p);
        p->failure = OK;
        if (pg_link_is_open(&p->link)) err = queue_text(p, "ROLLBACK");
        if (!err) err = read_queue(p);
        if (err) pg_link_close(&p->link);
    }
    p->in_transaction = false;
    p->failure = OK;
    err_set(ERR_IO, "%s", trace);
}

static bool postgres_in_transaction(const struct sql *db)
{
    const struct postgres *p = (const struct postgres *)db;
    return p->in_transaction && pg_link_is_open(&p->link);
}

static enum err postgres_save(struct sql *db, enum sql_piece piece)
{
    (void)piece;
    struct postgres *p = postgres_of(db);
    return p->deferred ? OK : queue_text(p, "SAVEPOINT piece");
}

static enum err postgres_saved(struct sql *db, enum sql_piece piece, enum err err)
{
    (void)piece;
    struct postgres *p = postgres_of(db);
    if (p->deferred || !postgres_in_transaction(db)) return fail(p, err);
    if (!err) return queue_text(p, "RELEASE piece");
    char trace[ERR_TEXT_SIZE];
    snprintf(trace, sizeof trace, "%s", err_text());
    enum err undone = queue_text(p, "ROLLBACK TO piece");
    if (!undone) undone = read_queue(p);
    if (!undone) undone = queue_text(p, "RELEASE piece");
    return undone ? undone : err_set(err, "%s", trace);
}

static enum err postgres_exec(struct sql *db, const char *text)
{
    struct postgres *p = postgres_of(db);
    enum err err = ready(p);
    if (!err) err = read_queue(p);
    if (!err) err = pg_link_exec(&p->link, text, SQL_EXEC_TIMEOUT_MS);
    return fail(p, err);
}

/* libpq copies what it sends. */
static enum err send_run(struct postgres *p, struct queued how)
{
    if (p->in_transaction && p->failure) return err_set(p->failure, "%s", p->failure_text);
    enum err err = ready(p);
    if (!err && p->queue_count == QUEUE_MAX) err = read_queue(p);
    if (err) return err;
    const char *data[SQL_VALUES_MAX];
    int sizes[SQL_VALUES_MAX], formats[SQL_VALUES_MAX];
    char numbers[SQL_VALUES_MAX][NUMBER_SIZE];
    const struct sql_statement *st = &how.st->st;
    for (int i = 0; i < st->value_wanted; i++) {
        const struct sql_value *v = &st->values[i];
        /* In binary both are their bytes, by their size; as text libpq would look for a NUL. */
        formats[i] = v->kind == SQL_VALUE_BLOB || v->kind == SQL_VALUE_TEXT;
        sizes[i] = (int)v->size;
        data[i] = v->kind == SQL_VALUE_NULL ? NULL : v->data;
        if (v->kind != SQL_VALUE_INTEGER) continue;
        write_i64(v->number, numbers[i]);
        data[i] = numbers[i];
    }
    p->queue[p->queue_count++] = how;
    return pg_link_sent(&p->link, PQsendQueryPrepared(p->link.conn, how.st->name, st->value_wanted,
                                                      data, sizes, formats, 0));
}

/* Reads the results of all that was sent; the first error, or what broke the connection. */
static enum err read_queue(struct postgres *p)
{
    if (p->queue_count == 0) return OK;
    enum err first = OK, err = pg_link_sync(&p->link);
    for (uint32_t i = 0; !err && i < p->queue_count; i++) err = read_one(p, &p->queue[i], &first);
    if (!err) err = read_sync(p);
    p->queue_count = 0;
    return err ? err : first;
}

static enum err read_one(struct postgres *p, const struct queued *queued, enum err *first)
{
    PGresult *result, *end;
    enum err err = pg_link_result(&p->link, &result);
    if (err) return err;
    CHECK(result);
    if (!*first) *first = judge(queued, result);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR && pg_error_is_farewell(result)) {
        err = *first;
        PQclear(result);
        pg_link_close(&p->link);
        return err;
    }
    if (queued->keeps && !*first) {
        PQclear(queued->st->rows);
        queued->st->rows = result;
    } else {
        PQclear(result);
    }
    err = pg_link_result(&p->link, &end);
    CHECK(err || !end);
    return err;
}

static enum err read_sync(struct postgres *p)
{
    PGresult *result;
    const enum err err = pg_link_result(&p->link, &result);
    if (err) return err;
    CHECK(PQresultStatus(result) == PGRES_PIPELINE_SYNC);
    PQclear(result);
    return OK;
}

static enum err judge(const struct queued *queued, const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (!queued->changes_one || strcmp(PQcmdTuples((PGresult *)result), "1") == 0) return OK;
        return err_set(ERR_NOT_FOUND, "there is no such row");
    default: return pg_error(result);
    }
}

static enum err queue_text(struct postgres *p, const char *text)
{
    struct sql_statement *st;
    enum err err = sql_use(&p->sql, text, &st);
    if (!err) err = send_run(p, (struct queued){statement_of(st), false, false});
    return fail(p, err);
}

/* Notes an error that the transaction cannot outlive. */
static enum err fail(struct postgres *p, enum err err)
{
    if (!err || !p->in_transaction || p->failure) return err;
    if (!p->deferred && pg_link_is_open(&p->link)) return err;
    p->failure = err;
    snprintf(p->failure_text, sizeof p->failure_text, "%s", err_text());
    return err;
}

/* Ends the queue too, so that COMMIT is sent behind nothing but success. Empty where the
 * transaction changed nothing. */
static enum err read_xid(struct postgres *p, char xid[XID_SIZE])
{
    struct sql_statement *st;
    bool more;
    xid[0] = '\0';
    enum err err = sql_use(&p->sql, "SELECT CAST(pg_current_xact_id_if_assigned() AS TEXT)", &st);
    if (!err) err = sql_next(st, &more);
    if (err) return err;
    const struct slice text = sql_column_text(st, 0);
    const bool fits = !text.data || slice_copy(text, xid, XID_SIZE);
    CHECK(fits);
    sql_reset(st);
    return OK;
}

static enum err learn_outcome(struct postgres *p, const char *xid)
{
    log_warn("commit_unknown", "cause=\"%s\"", err_text());
    p->in_transaction = false;
    if (!*xid) return err_note(ERR_CLOSED, "while committing nothing");
    const int64_t deadline = clock_monotonic_ns(&clock_system) + OUTCOME_PATIENCE_MS * 1000000LL;
    bool known = false;
    enum err err;
    while ((err = ask_outcome(p, xid, &known)) && !known) {
        if (err == ERR_IO || clock_monotonic_ns(&clock_system) > deadline) {
            return err_note(ERR_IO, "the connection was lost while committing and the outcome is "
                                    "unknown");
        }
        pause_ms(OUTCOME_RETRY_MS);
    }
    log_info("commit_known", "committed=%d", !err);
    return err;
}

/* OK: it was committed. Else *known tells whether it certainly was not. */
static enum err ask_outcome(struct postgres *p, const char *xid, bool *known)
{
    struct sql_statement *st;
    bool more;
    enum err err = ready(p);
    /* Texts are sent as their bytes, which only a text takes. */
    if (!err) err = sql_use(&p->sql, "SELECT pg_xact_status(CAST(CAST(?1 AS TEXT) AS xid8))", &st);
    if (err) return err;
    sql_text(st, xid);
    err = sql_next(st, &more);
    if (err) return err;
    const struct slice status = sql_column_text(st, 0);
    *known = status.data && (slice_is(status, "committed") || slice_is(status, "aborted"));
    if (!*known || slice_is(status, "aborted")) {
        err = err_set(ERR_CLOSED, "the connection was lost and the transaction undone");
    }
    sql_reset(st);
    return err;
}

/* ?1 to $1, outside of quotes. From malloc. */
static char *translate(const char *text, int *value_count)
{
    char *own = strdup(text);
    *value_count = 0;
    bool quoted = false;
    for (char *at = own; at && *at; at++) {
        if (*at == '\'') quoted = !quoted;
        if (*at != '?' || quoted) continue;
        *at = '$';
        const int number = (int)strtol(at + 1, NULL, 10);
        if (number > *value_count) *value_count = number;
    }
    return own;
}

/* `size` bytes, in place. */
static size_t decode_hex(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char pair[3] = {text[2 + 2 * i], text[3 + 2 * i], '\0'};
        text[i] = (char)strtol(pair, NULL, 16);
    }
    return size;
}

static void write_i64(int64_t value, char out[NUMBER_SIZE])
{
    char digits[NUMBER_SIZE];
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int count = 0;
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0) *out++ = '-';
    while (count > 0) *out++ = digits[--count];
    *out = '\0';
}

static void pause_ms(int ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000L};
    nanosleep(&time, NULL);
}

static const struct sql_backend backend = {
    .prepare = postgres_prepare,
    .finalize = postgres_finalize,
    .run = postgres_run,
    .next = postgres_next,
    .reset = postgres_reset,
    .column_i64 = postgres_column_i64,
    .column_text = postgres_column_text,
    .column_blob = postgres_column_blob,
    .column_is_null = postgres_column_is_null,
    .column_name = postgres_column_name,
    .begin = postgres_begin,
    .set_pace = postgres_set_pace,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .in_transaction = postgres_in_transaction,
    .save = postgres_save,
    .saved = postgres_saved,
    .exec = postgres_exec,
    .fence = postgres_fence,
    .close = postgres_close,
};
