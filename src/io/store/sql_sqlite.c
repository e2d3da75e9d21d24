/* SQLite behind sql.h: one file in WAL mode, synchronous=FULL.
 *
 * The library is built thread-safe, but connections are opened NOMUTEX: one thread at a time. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "base/check.h"
#include "base/clock.h"
#include "io/store/file_lock.h"
#include "io/store/sql_backend.h"

#define LOCK_PATH_SIZE 4096
/* How many steps of its virtual machine a query does between two looks at the clock. */
#define STEPS_A_LOOK 20000

struct sqlite {
    struct sql sql;
    sqlite3 *db;
    struct file_lock lock;
    enum sql_access access;
    int64_t timeout_ns, deadline_ns;
};

struct sqlite_statement {
    struct sql_statement st;
    sqlite3_stmt *handle;
};

static const struct sql_backend backend;

static enum err lock_path(struct file_lock *lock, const char *path);
static enum err open_file(struct sqlite *s, const char *path);
static enum err configure(struct sqlite *s);
static int over_time(void *user);
static enum err run_text(struct sql *db, const char *text);
static enum err error_of(sqlite3 *db);
static enum err bind_all(struct sqlite_statement *s);

static struct sqlite *sqlite_of(struct sql *db)
{
    return (struct sqlite *)db;
}

static struct sqlite_statement *statement_of(struct sql_statement *st)
{
    return (struct sqlite_statement *)st;
}

static sqlite3_stmt *handle_of(struct sql_statement *st)
{
    return statement_of(st)->handle;
}

enum err sqlite_open(const char *path, enum sql_access access, uint32_t timeout_ms,
                     struct sql **out)
{
    *out = NULL;
    struct sqlite *s = calloc(1, sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "out of memory");
    s->sql.backend = &backend;
    s->sql.kind = SQL_SQLITE;
    s->access = access;
    s->lock.fd = -1;
    s->timeout_ns = (int64_t)timeout_ms * 1000000;
    enum err err = access == SQL_WRITE ? lock_path(&s->lock, path) : OK;
    if (!err) err = open_file(s, path);
    if (!err) err = configure(s);
    if (err) {
        sqlite3_close(s->db);
        file_lock_release(&s->lock);
        free(s);
        return err;
    }
    *out = &s->sql;
    return OK;
}

static enum err lock_path(struct file_lock *lock, const char *path)
{
    char name[LOCK_PATH_SIZE];
    const int size = snprintf(name, sizeof name, "%s-lock", path);
    if (size < 0 || (size_t)size >= sizeof name) {
        return err_set(ERR_LIMIT, "the path is longer than %d bytes", LOCK_PATH_SIZE - 6);
    }
    return file_lock_take(lock, name);
}

static enum err open_file(struct sqlite *s, const char *path)
{
    static const int flags[] = {
        [SQL_READ] = SQLITE_OPEN_READONLY,
        [SQL_WRITE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        [SQL_BESIDE] = SQLITE_OPEN_READWRITE,
    };
    const int flag = flags[s->access] | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(path, &s->db, flag, NULL) == SQLITE_OK) return OK;
    return s->db ? error_of(s->db) : err_set(ERR_NO_MEMORY, "out of memory");
}

/* Nothing in the file is trusted to be harmless: a schema that somebody prepared cannot call
 * functions with side effects, and no statement can rewrite the schema's own tables. */
static enum err configure(struct sqlite *s)
{
    sqlite3 *db = s->db;
    sqlite3_extended_result_codes(db, 1);
    if (sqlite3_busy_timeout(db, (int)(s->timeout_ns / 1000000)) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) != SQLITE_OK) {
        return error_of(db);
    }
    if (s->access == SQL_READ) {
        sqlite3_progress_handler(db, STEPS_A_LOOK, over_time, s);
        return sql_exec(&s->sql, "PRAGMA query_only = ON");
    }
    if (sqlite3_db_readonly(db, "main") == 1) {
        return err_set(ERR_IO, "the file or its folder is not writable");
    }
    /* What a savepoint needs to undo stays in memory: it must not cost a file a fill. */
    return sql_exec(&s->sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                             "PRAGMA temp_store = MEMORY");
}

static void sqlite_close(struct sql *db)
{
    struct sqlite *s = sqlite_of(db);
    const int code = sqlite3_close(s->db);
    CHECK(code == SQLITE_OK);
    file_lock_release(&s->lock);
    free(s);
}

/* Only readers have it: what the writer does is bounded by what it is given, and a migration takes
 * the time it takes. */
static int over_time(void *user)
{
    return clock_monotonic_ns(&clock_system) > ((const struct sqlite *)user)->deadline_ns;
}

static enum err sqlite_prepare(struct sql *db, const char *text, struct sql_statement **out)
{
    struct sqlite *s = sqlite_of(db);
    struct sqlite_statement *made = calloc(1, sizeof *made);
    if (!made) return err_set(ERR_NO_MEMORY, "out of memory");
    const int code =
        sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &made->handle, NULL);
    if (code != SQLITE_OK) {
        free(made);
        return error_of(s->db);
    }
    made->st.value_wanted = sqlite3_bind_parameter_count(made->handle);
    *out = &made->st;
    return OK;
}

static void sqlite_finalize(struct sql_statement *st)
{
    sqlite3_finalize(handle_of(st));
    free(statement_of(st));
}

static enum err sqlite_run(struct sql_statement *st, int64_t *changes)
{
    sqlite3 *db = sqlite_of(st->db)->db;
    enum err err = bind_all(statement_of(st));
    if (err) return err;
    const int code = sqlite3_step(handle_of(st));
    CHECK(code != SQLITE_ROW);
    if (code != SQLITE_DONE) err = error_of(db);
    if (changes) *changes = sqlite3_changes64(db);
    sqlite3_reset(handle_of(st));
    return err;
}

static enum err sqlite_next(struct sql_statement *st, bool first, bool *more)
{
    struct sqlite *s = sqlite_of(st->db);
    if (first) {
        s->deadline_ns = clock_monotonic_ns(&clock_system) + s->timeout_ns;
        const enum err err = bind_all(statement_of(st));
        if (err) return err;
    }
    const int code = sqlite3_step(handle_of(st));
    *more = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? OK : error_of(s->db);
}

static void sqlite_reset(struct sql_statement *st)
{
    sqlite3_reset(handle_of(st));
}

static int64_t sqlite_column_i64(struct sql_statement *st, int column)
{
    return sqlite3_column_int64(handle_of(st), column);
}

static struct slice sqlite_column_text(struct sql_statement *st, int column)
{
    const char *text = (const char *)sqlite3_column_text(handle_of(st), column);
    return (struct slice){text, (size_t)sqlite3_column_bytes(handle_of(st), column)};
}

static struct slice sqlite_column_blob(struct sql_statement *st, int column)
{
    const void *data = sqlite3_column_blob(handle_of(st), column);
    const size_t size = (size_t)sqlite3_column_bytes(handle_of(st), column);
    const bool is_null = sqlite3_column_type(handle_of(st), column) == SQLITE_NULL;
    return (struct slice){data || is_null ? data : "", size};
}

static bool sqlite_column_is_null(struct sql_statement *st, int column)
{
    return sqlite3_column_type(handle_of(st), column) == SQLITE_NULL;
}

static const char *sqlite_column_name(struct sql_statement *st, int column)
{
    return sqlite3_column_name(handle_of(st), column);
}

static enum err sqlite_begin(struct sql *db, enum sql_pace pace)
{
    (void)pace;
    return run_text(db, sqlite_of(db)->access == SQL_READ ? "BEGIN" : "BEGIN IMMEDIATE");
}

static enum err sqlite_set_pace(struct sql *db, enum sql_pace pace)
{
    (void)db, (void)pace;
    return OK;
}

/* Only a full disk and somebody else's lock are known to leave nothing behind: the last thing
 * written is the frame that makes the transaction valid. Of any other failure nobody knows. */
static enum err sqlite_commit(struct sql *db)
{
    enum err err = run_text(db, "COMMIT");
    if (!err) return OK;
    if (err != ERR_LIMIT && err != ERR_TIMEOUT) {
        err = err_note(ERR_IO, "the commit failed and its outcome is unknown");
    }
    sql_rollback(db);
    return err;
}

/* What the failed statement told is worth more than what ROLLBACK may add, and a transaction that
 * SQLite ended itself has nothing to roll back. */
static void sqlite_rollback(struct sql *db)
{
    sqlite3 *handle = sqlite_of(db)->db;
    for (struct sql_statement *st = db->statements; st; st = st->next) sql_reset(st);
    if (!sqlite3_get_autocommit(handle)) sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
}

static bool sqlite_in_transaction(const struct sql *db)
{
    return !sqlite3_get_autocommit(((const struct sqlite *)db)->db);
}

static enum err sqlite_save(struct sql *db, enum sql_piece piece)
{
    return piece == SQL_ONE_STATEMENT ? OK : run_text(db, "SAVEPOINT piece");
}

static enum err sqlite_saved(struct sql *db, enum sql_piece piece, enum err err)
{
    if (piece == SQL_ONE_STATEMENT || !sqlite_in_transaction(db)) return err;
    enum err ended = err ? run_text(db, "ROLLBACK TO piece") : OK;
    if (!ended) ended = run_text(db, "RELEASE piece");
    return ended ? ended : err;
}

/* The lock on the file lasts as long as this process holds the file open. */
static enum err sqlite_fence(struct sql *db)
{
    (void)db;
    return OK;
}

static enum err sqlite_exec(struct sql *db, const char *text)
{
    sqlite3 *handle = sqlite_of(db)->db;
    return sqlite3_exec(handle, text, NULL, NULL, NULL) == SQLITE_OK ? OK : error_of(handle);
}

/* The trace of an error that is being handled stays as it is. */
static enum err run_text(struct sql *db, const char *text)
{
    struct sql_statement *st;
    const enum err err = sql_use(db, text, &st);
    return err ? err : sql_run(st);
}

static enum err error_of(sqlite3 *db)
{
    const int extended = sqlite3_extended_errcode(db);
    const char *text = sqlite3_errmsg(db);
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return err_set(ERR_EXISTS, "%s", text);
    case SQLITE_CONSTRAINT_FOREIGNKEY: return err_set(ERR_NOT_FOUND, "%s", text);
    default: break;
    }
    switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return err_set(ERR_INVALID, "%s", text);
    case SQLITE_FULL: return err_set(ERR_LIMIT, "the disk is full");
    case SQLITE_NOMEM: return err_set(ERR_NO_MEMORY, "out of memory");
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return err_set(ERR_TIMEOUT, "somebody else holds the database");
    case SQLITE_INTERRUPT: return err_set(ERR_TIMEOUT, "the query took too long");
    case SQLITE_NOTADB: return err_set(ERR_PARSE, "the file is not a database");
    case SQLITE_CORRUPT: return err_set(ERR_IO, "the database file is damaged: %s", text);
    case SQLITE_READONLY: return err_set(ERR_IO, "the database cannot be written: %s", text);
    default: return err_set(ERR_IO, "%s (SQLite error %d)", text, extended);
    }
}

static enum err bind_all(struct sqlite_statement *s)
{
    int code = SQLITE_OK;
    for (int i = 0; i < s->st.value_wanted; i++) {
        const struct sql_value *v = &s->st.values[i];
        switch ((enum sql_value_kind)v->kind) {
        case SQL_VALUE_NULL: code |= sqlite3_bind_null(s->handle, i + 1); break;
        case SQL_VALUE_INTEGER: code |= sqlite3_bind_int64(s->handle, i + 1, v->number); break;
        case SQL_VALUE_TEXT:
            code |=
                sqlite3_bind_text64(s->handle, i + 1, v->data, v->size, SQLITE_STATIC, SQLITE_UTF8);
            break;
        case SQL_VALUE_BLOB:
            code |= sqlite3_bind_blob64(s->handle, i + 1, v->data, v->size, SQLITE_STATIC);
            break;
        }
    }
    return code == SQLITE_OK ? OK : err_set(ERR_NO_MEMORY, "out of memory");
}

static const struct sql_backend backend = {
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .run = sqlite_run,
    .next = sqlite_next,
    .reset = sqlite_reset,
    .column_i64 = sqlite_column_i64,
    .column_text = sqlite_column_text,
    .column_blob = sqlite_column_blob,
    .column_is_null = sqlite_column_is_null,
    .column_name = sqlite_column_name,
    .begin = sqlite_begin,
    .set_pace = sqlite_set_pace,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .in_transaction = sqlite_in_transaction,
    .save = sqlite_save,
    .saved = sqlite_saved,
    .exec = sqlite_exec,
    .fence = sqlite_fence,
    .close = sqlite_close,
};
