/* Forward-only migrations with checksums. */
#include "io/store/migrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "io/store/database.h"

/* "TBOT": marks the file as ours, see PRAGMA application_id. */
#define APPLICATION_ID 0x54424f54

#define CHECKSUM_SIZE 17

static enum err claim(sqlite3 *db);
static enum err check_applied(sqlite3 *db, const struct migration *list, uint32_t count,
                              uint32_t *applied);
static enum err check_row(const struct migration *list, uint32_t count, uint32_t expected,
                          sqlite3_stmt *row);
static enum err apply(sqlite3 *db, const struct migration *m, int64_t now_ms);
static enum err record(sqlite3 *db, const struct migration *m, int64_t now_ms);
static enum err query_i64(sqlite3 *db, const char *sql, int64_t *out);
static void checksum_of(const struct migration *m, char out[CHECKSUM_SIZE]);

enum err migrate(sqlite3 *db, const struct migration *list, uint32_t count, int64_t now_ms)
{
    uint32_t applied = 0;
    enum err err = claim(db);
    if (!err) err = check_applied(db, list, count, &applied);
    for (uint32_t i = applied; !err && i < count; i++) {
        CHECK(list[i].version == i + 1);
        err = apply(db, &list[i], now_ms);
        if (err) return err_note(err, "while applying migration %s", list[i].name);
        log_info("store_migrated", "migration=%s", list[i].name);
    }
    return err;
}

/* Makes an empty file ours, and refuses one that somebody else filled. */
static enum err claim(sqlite3 *db)
{
    int64_t id = 0, tables = 0;
    enum err err = query_i64(db, "PRAGMA application_id", &id);
    if (err) return err;
    if (id == APPLICATION_ID) return OK;
    err = query_i64(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (err) return err;
    if (id != 0 || tables != 0) {
        return err_set(ERR_INVALID, "the database belongs to another program");
    }
    err = database_exec(db, "BEGIN IMMEDIATE;"
                            "PRAGMA application_id = 1413631828;"
                            "CREATE TABLE migrations ("
                            "  version    INTEGER PRIMARY KEY CHECK (version > 0),"
                            "  name       TEXT NOT NULL,"
                            "  checksum   TEXT NOT NULL CHECK (length(checksum) = 16),"
                            "  applied_ms INTEGER NOT NULL) STRICT;"
                            "COMMIT");
    if (err && !sqlite3_get_autocommit(db)) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static enum err check_applied(sqlite3 *db, const struct migration *list, uint32_t count,
                              uint32_t *applied)
{
    sqlite3_stmt *rows = NULL;
    enum err err = database_prepare(
        db, "SELECT version, name, checksum FROM migrations ORDER BY version", &rows);
    uint32_t seen = 0;
    int code = SQLITE_DONE;
    while (!err && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        err = check_row(list, count, ++seen, rows);
    }
    if (!err && code != SQLITE_DONE) err = database_error(db);
    sqlite3_finalize(rows);
    *applied = seen;
    return err;
}

static enum err check_row(const struct migration *list, uint32_t count, uint32_t expected,
                          sqlite3_stmt *row)
{
    const int64_t version = sqlite3_column_int64(row, 0);
    const char *name = (const char *)sqlite3_column_text(row, 1);
    const char *checksum = (const char *)sqlite3_column_text(row, 2);
    if (!name || !checksum) return err_set(ERR_NO_MEMORY, "out of memory");
    if (version > count) {
        return err_set(
            ERR_UNSUPPORTED,
            "the database is of a newer TradeBot: it has migration %s, this program knows "
            "%u migrations; use the newer program",
            name, count);
    }
    if (version != expected) {
        return err_set(ERR_INVALID, "migration %u is missing in the database", expected);
    }
    char own[CHECKSUM_SIZE];
    checksum_of(&list[version - 1], own);
    if (strcmp(own, checksum) != 0) {
        return err_set(ERR_INVALID,
                       "migration %s was applied with other content (checksum %s, this program has "
                       "%s); a released migration must not change",
                       name, checksum, own);
    }
    return OK;
}

static enum err apply(sqlite3 *db, const struct migration *m, int64_t now_ms)
{
    enum err err = database_exec(db, "BEGIN IMMEDIATE");
    if (err) return err;
    err = database_exec(db, m->sql);
    if (!err) err = record(db, m, now_ms);
    if (!err) err = database_exec(db, "COMMIT");
    if (err && !sqlite3_get_autocommit(db)) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static enum err record(sqlite3 *db, const struct migration *m, int64_t now_ms)
{
    char checksum[CHECKSUM_SIZE];
    checksum_of(m, checksum);
    sqlite3_stmt *insert = NULL;
    enum err err = database_prepare(db,
                                    "INSERT INTO migrations (version, name, checksum, applied_ms)"
                                    " VALUES (?1, ?2, ?3, ?4)",
                                    &insert);
    if (!err) {
        sqlite3_bind_int64(insert, 1, m->version);
        sqlite3_bind_text(insert, 2, m->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 3, checksum, -1, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 4, now_ms);
        err = database_run(insert);
    }
    sqlite3_finalize(insert);
    return err;
}

static enum err query_i64(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *query = NULL;
    enum err err = database_prepare(db, sql, &query);
    if (!err) err = database_run_i64(query, out);
    sqlite3_finalize(query);
    return err;
}

static void checksum_of(const struct migration *m, char out[CHECKSUM_SIZE])
{
    const uint64_t hash = hash_bytes(HASH_SEED, m->sql, strlen(m->sql));
    snprintf(out, CHECKSUM_SIZE, "%016llx", (unsigned long long)hash);
}
