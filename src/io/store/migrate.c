/* Forward-only migrations with checksums. */
#include "io/store/migrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"
#include "io/store/migrate_text.h"

/* "TBOT": marks a SQLite file as ours, see PRAGMA application_id. */
#define APPLICATION_ID 0x54424f54

#define CHECKSUM_SIZE 17

/* writer.epoch: see sql_postgres.c. */
static const char claim_text[] = "CREATE TABLE migrations (\n"
                                 "  version    INTEGER PRIMARY KEY CHECK (version > 0),\n"
                                 "  name       TEXT NOT NULL,\n"
                                 "  checksum   TEXT NOT NULL CHECK (length(checksum) = 16),\n"
                                 "  applied_ms INTEGER NOT NULL) STRICT;\n"
                                 "-- sqlite:\n"
                                 "PRAGMA application_id = 1413631828;\n"
                                 "-- postgres:\n"
                                 "COMMENT ON TABLE migrations IS 'TradeBot';\n"
                                 "CREATE TABLE writer (epoch BIGINT NOT NULL);\n"
                                 "INSERT INTO writer (epoch) VALUES (0);\n";

/* A migration may give rows ids of its own: PostgreSQL's counters go on behind them. */
static const char count_on[] =
    "DO $$ DECLARE t TEXT; s TEXT; BEGIN"
    "  FOR t IN SELECT table_name FROM information_schema.columns"
    "    WHERE table_schema = current_schema() AND column_name = 'id' AND is_identity = 'YES' LOOP"
    "    s := pg_get_serial_sequence(quote_ident(t), 'id');"
    "    EXECUTE format('SELECT setval(%L, greatest((SELECT max(id) FROM %I),"
    " (SELECT last_value FROM %s))) WHERE EXISTS (SELECT 1 FROM %I)', s, t, s, t);"
    "  END LOOP; END $$";

static enum err claim(struct sql *db);
static enum err is_ours(struct sql *db, bool *ours);
static enum err check_applied(struct sql *db, const struct migration *list, uint32_t count,
                              uint32_t *applied);
static enum err check_row(const struct migration *list, uint32_t count, uint32_t expected,
                          struct sql_statement *row);
static enum err apply(struct sql *db, const struct migration *m, int64_t now_ms);
static enum err apply_inside(struct sql *db, const struct migration *m, int64_t now_ms);
static enum err exec(struct sql *db, const char *text);
/* What a database does not do by itself in a migration. */
static enum err finish(struct sql *db);
static enum err record(struct sql *db, const struct migration *m, int64_t now_ms);
static enum err query_i64(struct sql *db, const char *text, int64_t *out);
static void checksum_of(const struct migration *m, char out[CHECKSUM_SIZE]);

enum err migrate(struct sql *db, const struct migration *list, uint32_t count, int64_t now_ms)
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

enum err migrate_check(struct sql *db, const struct migration *list, uint32_t count)
{
    uint32_t applied = 0;
    const enum err err = migrate_version(db, list, count, &applied);
    if (err || applied == count) return err;
    return err_set(ERR_UNSUPPORTED, "the database has version %u of %u", applied, count);
}

enum err migrate_version(struct sql *db, const struct migration *list, uint32_t count,
                         uint32_t *version)
{
    bool ours = false;
    *version = 0;
    const enum err err = is_ours(db, &ours);
    return !err && ours ? check_applied(db, list, count, version) : err;
}

bool migrate_is(const struct migration *m, const char *checksum)
{
    char own[CHECKSUM_SIZE];
    checksum_of(m, own);
    return strcmp(own, checksum) == 0;
}

enum err migrate_count_on(struct sql *db)
{
    return sql_kind(db) == SQL_SQLITE ? OK : sql_exec(db, count_on);
}

/* Makes an empty database ours, and refuses one that somebody else filled. */
static enum err claim(struct sql *db)
{
    bool ours = false;
    enum err err = is_ours(db, &ours);
    if (err || ours) return err;
    err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = exec(db, claim_text);
    if (!err) return sql_commit(db);
    sql_rollback(db);
    return err;
}

static enum err is_ours(struct sql *db, bool *ours)
{
    const bool sqlite = sql_kind(db) == SQL_SQLITE;
    int64_t mark = 0, tables = 0;
    enum err err = query_i64(db,
                             sqlite ? "PRAGMA application_id"
                                    : "SELECT CASE WHEN obj_description(to_regclass('migrations'),"
                                      " 'pg_class') = 'TradeBot' THEN 1413631828 ELSE 0 END",
                             &mark);
    if (err) return err;
    *ours = mark == APPLICATION_ID;
    if (*ours) return OK;
    err = query_i64(db,
                    sqlite ? "SELECT count(*) FROM sqlite_schema"
                           : "SELECT count(*) FROM information_schema.tables"
                             " WHERE table_schema = current_schema()",
                    &tables);
    if (!err && (mark != 0 || tables != 0)) {
        err = err_set(ERR_INVALID, "the database belongs to another program");
    }
    return err;
}

static enum err check_applied(struct sql *db, const struct migration *list, uint32_t count,
                              uint32_t *applied)
{
    struct sql_statement *rows;
    enum err err =
        sql_use(db, "SELECT version, name, checksum FROM migrations ORDER BY version", &rows);
    if (err) return err;
    bool more;
    *applied = 0;
    while (!(err = sql_next(rows, &more)) && more) {
        err = check_row(list, count, ++*applied, rows);
        if (err) break;
    }
    sql_reset(rows);
    return err;
}

static enum err check_row(const struct migration *list, uint32_t count, uint32_t expected,
                          struct sql_statement *row)
{
    const int64_t version = sql_column_i64(row, 0);
    const char *name = sql_column_text(row, 1).data;
    const char *checksum = sql_column_text(row, 2).data;
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

/* Whether references are followed can be changed only outside of a transaction. */
static enum err apply(struct sql *db, const struct migration *m, int64_t now_ms)
{
    const bool sqlite = sql_kind(db) == SQL_SQLITE;
    enum err err = sqlite ? sql_exec(db, "PRAGMA foreign_keys = OFF") : OK;
    if (!err) err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = apply_inside(db, m, now_ms);
    if (!err)
        err = sql_commit(db);
    else
        sql_rollback(db);
    /* One that failed is never used again. */
    return err || !sqlite ? err : sql_exec(db, "PRAGMA foreign_keys = ON");
}

static enum err apply_inside(struct sql *db, const struct migration *m, int64_t now_ms)
{
    enum err err = exec(db, m->sql);
    if (!err) err = record(db, m, now_ms);
    if (!err) err = finish(db);
    return err;
}

static enum err exec(struct sql *db, const char *text)
{
    char *own = migrate_text(text, sql_kind(db));
    if (!own) return err_set(ERR_NO_MEMORY, "out of memory");
    const enum err err = sql_exec(db, own);
    free(own);
    return err;
}

static enum err finish(struct sql *db)
{
    if (sql_kind(db) != SQL_SQLITE) return migrate_count_on(db);
    struct sql_statement *rows;
    enum err err = sql_use(db, "PRAGMA foreign_key_check", &rows);
    bool more = false;
    if (!err) err = sql_next(rows, &more);
    if (err || !more) return err;
    err = err_set(ERR_INVALID, "a row of %s refers to a row of %s that is not there",
                  sql_column_text(rows, 0).data, sql_column_text(rows, 2).data);
    sql_reset(rows);
    return err;
}

static enum err record(struct sql *db, const struct migration *m, int64_t now_ms)
{
    char checksum[CHECKSUM_SIZE];
    checksum_of(m, checksum);
    struct sql_statement *insert;
    const enum err err = sql_use(db,
                                 "INSERT INTO migrations (version, name, checksum, applied_ms)"
                                 " VALUES (?1, ?2, ?3, ?4)",
                                 &insert);
    if (err) return err;
    sql_i64(insert, m->version);
    sql_text(insert, m->name);
    sql_text(insert, checksum);
    sql_i64(insert, now_ms);
    return sql_run(insert);
}

static enum err query_i64(struct sql *db, const char *text, int64_t *out)
{
    struct sql_statement *query;
    const enum err err = sql_use(db, text, &query);
    return err ? err : sql_run_i64(query, out);
}

static void checksum_of(const struct migration *m, char out[CHECKSUM_SIZE])
{
    const uint64_t hash = hash_bytes(HASH_SEED, m->sql, strlen(m->sql));
    snprintf(out, CHECKSUM_SIZE, "%016llx", (unsigned long long)hash);
}
