/* The sealed columns, and the statements that walk them. */
#include "io/store/sealed_store.h"

#include <string.h>

struct column {
    const char *table;
    const char *next, *replace;
    bool is_account; /* servers keep it in memory */
};

static const struct column columns[SEALED_COLUMN_COUNT] = {
    [SEALED_TOTP] = {"users",
                     "SELECT id, id, totp FROM users WHERE id > ?1 AND totp IS NOT NULL "
                     "ORDER BY id LIMIT 1",
                     "UPDATE users SET totp = ?3 WHERE id = ?1 AND totp = ?2", true},
    [SEALED_TOTP_NEXT] = {"users",
                          "SELECT id, id, totp_next FROM users WHERE id > ?1 AND "
                          "totp_next IS NOT NULL ORDER BY id LIMIT 1",
                          "UPDATE users SET totp_next = ?3 WHERE id = ?1 AND totp_next = ?2", true},
    [SEALED_EXCHANGE_KEY] = {"exchange_keys",
                             "SELECT id, user_id, sealed FROM exchange_keys WHERE id > ?1 "
                             "ORDER BY id LIMIT 1",
                             "UPDATE exchange_keys SET sealed = ?3 WHERE id = ?1 AND sealed = ?2",
                             false},
};

const char *sealed_table(enum sealed_column column)
{
    return columns[column].table;
}

enum err sealed_store_lock(struct sql *db, uint32_t *version)
{
    struct sql_statement *st;
    int64_t value = 0;
    /* An update that changes nothing, for its lock. */
    enum err err =
        sql_use(db, "UPDATE settings SET key_version = key_version RETURNING key_version", &st);
    if (!err) err = sql_run_i64(st, &value);
    *version = (uint32_t)value;
    return err;
}

enum err sealed_store_set_version(struct sql *db, uint32_t version)
{
    struct sql_statement *st;
    const enum err err =
        sql_use(db, "UPDATE settings SET key_version = ?1 WHERE key_version < ?1", &st);
    if (err) return err;
    sql_i64(st, version);
    return sql_run(st);
}

enum err sealed_store_count(struct sql *db, uint64_t *count)
{
    struct sql_statement *st;
    int64_t value = 0;
    enum err err = sql_use(db,
                           "SELECT (SELECT count(totp) + count(totp_next) FROM users) + "
                           "(SELECT count(*) FROM exchange_keys)",
                           &st);
    if (!err) err = sql_run_i64(st, &value);
    *count = (uint64_t)value;
    return err;
}

enum err sealed_store_next(struct sql *db, enum sealed_column column, uint64_t after_id,
                           struct sealed_row *row, bool *more)
{
    struct sql_statement *st;
    enum err err = sql_use(db, columns[column].next, &st);
    if (err) return err;
    sql_u64(st, after_id);
    err = sql_next(st, more);
    if (err || !*more) return err;
    const struct slice blob = sql_column_blob(st, 2);
    row->column = (uint8_t)column;
    row->row_id = (uint64_t)sql_column_i64(st, 0);
    row->user_id = (uint64_t)sql_column_i64(st, 1);
    if (blob.size > sizeof row->sealed.bytes)
        err = err_set(ERR_PARSE, "%s %llu is sealed too long", columns[column].table,
                      (unsigned long long)row->row_id);
    row->sealed.size = err ? 0 : (uint32_t)blob.size;
    if (row->sealed.size > 0) memcpy(row->sealed.bytes, blob.data, blob.size);
    sql_reset(st);
    return err;
}

static enum err count_up(struct sql *db)
{
    struct sql_statement *st;
    const enum err err =
        sql_use(db, "UPDATE settings SET account_version = account_version + 1", &st);
    return err ? err : sql_run(st);
}

enum err sealed_store_replace(struct sql *db, const struct sealed_row *row, const uint8_t *bytes)
{
    const struct column *column = &columns[row->column];
    struct sql_statement *st;
    enum err err = sql_save(db, SQL_STATEMENTS);
    if (err) return err;
    err = sql_use(db, column->replace, &st);
    if (!err) {
        sql_u64(st, row->row_id);
        sql_blob(st, row->sealed.bytes, row->sealed.size);
        sql_blob(st, bytes, row->sealed.size);
        err = sql_run_one(st, "sealed row", row->row_id);
    }
    if (!err && column->is_account) err = count_up(db);
    return sql_saved(db, SQL_STATEMENTS, err);
}
