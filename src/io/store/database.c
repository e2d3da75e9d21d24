/* Opening SQLite, and its errors. */
#include "io/store/database.h"

#include <stddef.h>

#include "base/check.h"

static enum err configure(sqlite3 *db, enum database_access access, int busy_timeout_ms);

enum err database_open(const char *path, enum database_access access, int busy_timeout_ms,
                       sqlite3 **out)
{
    const int flags = access == DATABASE_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                               : SQLITE_OPEN_READONLY;
    sqlite3 *db = NULL;
    *out = NULL;
    enum err err = OK;
    if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        err = db ? database_error(db) : err_set(ERR_NO_MEMORY, "out of memory");
    } else {
        err = configure(db, access, busy_timeout_ms);
    }
    if (err) {
        sqlite3_close(db);
        return err_note(err, "while opening the database %s", path);
    }
    *out = db;
    return OK;
}

enum err database_error(sqlite3 *db)
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
    case SQLITE_NOTADB: return err_set(ERR_PARSE, "the file is not a database");
    case SQLITE_CORRUPT: return err_set(ERR_IO, "the database file is damaged: %s", text);
    case SQLITE_READONLY: return err_set(ERR_IO, "the database cannot be written: %s", text);
    default: return err_set(ERR_IO, "%s (SQLite error %d)", text, extended);
    }
}

enum err database_exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : database_error(db);
}

enum err database_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) != SQLITE_OK) {
        return database_error(db);
    }
    return OK;
}

enum err database_run(sqlite3_stmt *statement)
{
    const int code = sqlite3_step(statement);
    CHECK(code != SQLITE_ROW);
    const enum err err = code == SQLITE_DONE ? OK : database_error(sqlite3_db_handle(statement));
    sqlite3_reset(statement);
    return err;
}

enum err database_next(sqlite3_stmt *statement, bool *more)
{
    const int code = sqlite3_step(statement);
    *more = code == SQLITE_ROW;
    if (code == SQLITE_ROW || code == SQLITE_DONE) return OK;
    return database_error(sqlite3_db_handle(statement));
}

enum err database_run_i64(sqlite3_stmt *statement, int64_t *out)
{
    bool more;
    enum err err = database_next(statement, &more);
    if (!err && !more) err = err_set(ERR_NOT_FOUND, "there is no such row");
    if (!err) *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return err;
}

/* Nothing in the file is trusted to be harmless: a schema that somebody prepared cannot call
 * functions with side effects, and no statement can rewrite the schema's own tables. */
static enum err configure(sqlite3 *db, enum database_access access, int busy_timeout_ms)
{
    sqlite3_extended_result_codes(db, 1);
    if (sqlite3_busy_timeout(db, busy_timeout_ms) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) != SQLITE_OK) {
        return database_error(db);
    }
    if (access == DATABASE_READ) return database_exec(db, "PRAGMA query_only = ON");

    if (sqlite3_db_readonly(db, "main") == 1) {
        return err_set(ERR_IO, "the file or its folder is not writable");
    }
    /* What a savepoint needs to undo stays in memory: it must not cost a file a fill. */
    return database_exec(
        db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY");
}
