/* The statements of exchange keys. */
#include "io/store/key_store.h"

#include <string.h>

#define KEYS                                                                                       \
    "SELECT id, user_id, venue, label, masked, permissions, ip_restricted, created_ms, sealed "    \
    "FROM exchange_keys WHERE user_id = ?1 "

/* ---- changes ---- */

static enum err insert(struct sql *db, const struct store_key *key, uint64_t *id)
{
    struct sql_statement *st;
    int64_t row_id = 0;
    enum err err = sql_use(db,
                           "INSERT INTO exchange_keys (user_id, venue, label, masked, permissions, "
                           "ip_restricted, created_ms, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                           "?8) RETURNING id",
                           &st);
    if (err) return err;
    sql_u64(st, key->user_id);
    sql_text(st, venue_name((enum venue)key->venue));
    sql_text(st, key->label);
    sql_text(st, key->masked);
    sql_i64(st, key->permissions);
    sql_i64(st, key->ip_restricted);
    sql_i64(st, key->created_ms);
    sql_blob(st, "", 0);
    err = sql_run_i64(st, &row_id);
    *id = (uint64_t)row_id;
    return err;
}

static enum err set_sealed(struct sql *db, uint64_t id, const struct store_key_sealed *sealed)
{
    struct sql_statement *st;
    const enum err err = sql_use(db, "UPDATE exchange_keys SET sealed = ?2 WHERE id = ?1", &st);
    if (err) return err;
    sql_u64(st, id);
    sql_blob(st, sealed->bytes, sealed->size);
    return sql_run_one(st, "exchange key", id);
}

enum err key_store_add(struct sql *db, const struct store_key *key,
                       enum err (*seal)(void *user, uint64_t id, struct store_key_sealed *out),
                       void *user, uint64_t *id)
{
    struct store_key_sealed sealed = {0};
    enum err err = sql_save(db, SQL_STATEMENTS);
    if (err) return err;
    err = insert(db, key, id);
    if (!err) err = seal(user, *id, &sealed);
    if (!err) err = set_sealed(db, *id, &sealed);
    return sql_saved(db, SQL_STATEMENTS, err);
}

enum err key_store_end(struct sql *db, uint64_t user_id, uint64_t id)
{
    struct sql_statement *st;
    enum err err = sql_save(db, SQL_ONE_STATEMENT);
    if (err) return err;
    err = sql_use(db, "DELETE FROM exchange_keys WHERE user_id = ?1 AND id = ?2", &st);
    if (!err) {
        sql_u64(st, user_id);
        sql_u64(st, id);
        err = sql_run_one(st, "exchange key", id);
    }
    return sql_saved(db, SQL_ONE_STATEMENT, err);
}

/* ---- queries ---- */

enum err key_store_count(struct sql *db, uint64_t user_id, uint32_t *count)
{
    struct sql_statement *st;
    int64_t value = 0;
    enum err err = sql_use(db, "SELECT count(*) FROM exchange_keys WHERE user_id = ?1", &st);
    if (err) return err;
    sql_u64(st, user_id);
    err = sql_run_i64(st, &value);
    *count = (uint32_t)value;
    return err;
}

/* Sizes are the table's rules too: what does not fit was not written by this program. */
static bool take_row(struct sql_statement *st, struct store_key *key)
{
    char venue_text[16];
    enum venue venue;
    *key = (struct store_key){
        .id = (uint64_t)sql_column_i64(st, 0),
        .user_id = (uint64_t)sql_column_i64(st, 1),
        .permissions = (uint32_t)sql_column_i64(st, 5),
        .ip_restricted = sql_column_i64(st, 6) != 0,
        .created_ms = sql_column_i64(st, 7),
    };
    if (!slice_copy(sql_column_text(st, 2), venue_text, sizeof venue_text) ||
        !venue_parse(venue_text, &venue))
        return false;
    key->venue = (uint8_t)venue;
    return slice_copy(sql_column_text(st, 3), key->label, sizeof key->label) &&
           slice_copy(sql_column_text(st, 4), key->masked, sizeof key->masked);
}

static enum err row_key(struct sql_statement *st, struct store_key *key)
{
    if (take_row(st, key)) return OK;
    return err_set(ERR_PARSE, "exchange key %lld holds what this program does not know",
                   (long long)sql_column_i64(st, 0));
}

enum err key_store_list(struct sql *db, uint64_t user_id,
                        void (*on_key)(void *user, const struct store_key *key), void *user)
{
    struct sql_statement *st;
    struct store_key key;
    bool more = false;
    enum err err = sql_use(db, KEYS "ORDER BY id", &st);
    if (err) return err;
    sql_u64(st, user_id);
    err = sql_next(st, &more);
    while (!err && more) {
        err = row_key(st, &key);
        if (err) {
            sql_reset(st);
            break;
        }
        on_key(user, &key);
        err = sql_next(st, &more);
    }
    return err;
}

enum err key_store_get(struct sql *db, uint64_t user_id, uint64_t id, struct store_key *key,
                       struct store_key_sealed *sealed)
{
    struct sql_statement *st;
    bool more = false;
    enum err err = sql_use(db, KEYS "AND id = ?2", &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_u64(st, id);
    err = sql_next(st, &more);
    if (err) return err;
    if (!more)
        return err_set(ERR_NOT_FOUND, "there is no exchange key %llu", (unsigned long long)id);
    err = row_key(st, key);
    const struct slice blob = sql_column_blob(st, 8);
    if (!err && blob.size > sizeof sealed->bytes)
        err = err_set(ERR_PARSE, "exchange key %llu is sealed too long", (unsigned long long)id);
    if (!err) {
        sealed->size = (uint32_t)blob.size;
        memcpy(sealed->bytes, blob.data, blob.size);
    }
    sql_reset(st);
    return err;
}
