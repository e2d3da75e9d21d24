/* The chain: appending to it and walking it. */
#include "io/store/audit_store.h"

#include <string.h>

#include <sodium.h>

#define COLUMNS "id, time_ms, user_id, actor, action, target, address, request_id, detail, hash"

/* ---- the hash ---- */

static void mix_u64(crypto_generichash_state *h, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(value >> (8 * i));
    crypto_generichash_update(h, bytes, sizeof bytes);
}

/* With its size, so that no two rows of fields read alike. */
static void mix_text(crypto_generichash_state *h, const char *text)
{
    const size_t size = strlen(text);
    mix_u64(h, size);
    crypto_generichash_update(h, (const unsigned char *)text, size);
}

static void hash_entry(const uint8_t before[STORE_HASH_SIZE], const struct audit_entry *e,
                       uint8_t hash[STORE_HASH_SIZE])
{
    crypto_generichash_state h;
    crypto_generichash_init(&h, NULL, 0, STORE_HASH_SIZE);
    crypto_generichash_update(&h, before, STORE_HASH_SIZE);
    mix_u64(&h, e->id);
    mix_u64(&h, (uint64_t)e->time_ms);
    mix_u64(&h, e->user_id);
    mix_text(&h, e->actor);
    mix_text(&h, e->action);
    mix_text(&h, e->target);
    mix_text(&h, e->address);
    mix_text(&h, e->request_id);
    mix_text(&h, e->detail);
    crypto_generichash_final(&h, hash, STORE_HASH_SIZE);
}

/* ---- appending ---- */

/* Takes the next number, and with it, on PostgreSQL, the row's lock: whoever else appends waits. */
static enum err next_id(struct sql *db, uint64_t *id, uint8_t before[STORE_HASH_SIZE])
{
    struct sql_statement *st;
    bool more = false;
    enum err err = sql_use(db,
                           "UPDATE settings SET audit_id = audit_id + 1 WHERE id = 1 "
                           "RETURNING audit_id, audit_hash",
                           &st);
    if (!err) err = sql_next(st, &more);
    if (err) return err;
    const struct slice hash = more ? sql_column_blob(st, 1) : (struct slice){0};
    const bool good = hash.size == STORE_HASH_SIZE;
    if (good) memcpy(before, hash.data, STORE_HASH_SIZE);
    if (more) *id = (uint64_t)sql_column_i64(st, 0);
    sql_reset(st);
    return good ? OK : err_set(ERR_PARSE, "settings hold no hash of the audit log");
}

static enum err insert(struct sql *db, const struct audit_entry *e)
{
    struct sql_statement *st;
    const enum err err = sql_use(db,
                                 "INSERT INTO audit_log (" COLUMNS
                                 ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                                 &st);
    if (err) return err;
    sql_u64(st, e->id);
    sql_i64(st, e->time_ms);
    sql_u64(st, e->user_id);
    sql_text(st, e->actor);
    sql_text(st, e->action);
    sql_text(st, e->target);
    sql_text(st, e->address);
    sql_text(st, e->request_id);
    sql_text(st, e->detail);
    sql_blob(st, e->hash, sizeof e->hash);
    return sql_run(st);
}

static enum err keep_hash(struct sql *db, const uint8_t hash[STORE_HASH_SIZE])
{
    struct sql_statement *st;
    const enum err err = sql_use(db, "UPDATE settings SET audit_hash = ?1 WHERE id = 1", &st);
    if (err) return err;
    sql_blob(st, hash, STORE_HASH_SIZE);
    return sql_run(st);
}

enum err audit_append(struct sql *db, struct audit_entry *entry)
{
    uint8_t before[STORE_HASH_SIZE] = {0};
    enum err err = sql_save(db, SQL_STATEMENTS);
    if (err) return err;
    err = next_id(db, &entry->id, before);
    if (!err) {
        hash_entry(before, entry, entry->hash);
        err = insert(db, entry);
    }
    if (!err) err = keep_hash(db, entry->hash);
    err = sql_saved(db, SQL_STATEMENTS, err);
    return err ? err_note(err, "while writing the audit log") : OK;
}

/* ---- reading ---- */

static enum err read_entry(struct sql_statement *st, struct audit_entry *e)
{
    const struct slice hash = sql_column_blob(st, 9);
    *e = (struct audit_entry){
        .id = (uint64_t)sql_column_i64(st, 0),
        .time_ms = sql_column_i64(st, 1),
        .user_id = (uint64_t)sql_column_i64(st, 2),
    };
    const bool good = slice_copy(sql_column_text(st, 3), e->actor, sizeof e->actor) &&
                      slice_copy(sql_column_text(st, 4), e->action, sizeof e->action) &&
                      slice_copy(sql_column_text(st, 5), e->target, sizeof e->target) &&
                      slice_copy(sql_column_text(st, 6), e->address, sizeof e->address) &&
                      slice_copy(sql_column_text(st, 7), e->request_id, sizeof e->request_id) &&
                      slice_copy(sql_column_text(st, 8), e->detail, sizeof e->detail) &&
                      hash.size == STORE_HASH_SIZE;
    if (!good)
        return err_set(ERR_INVALID, "audit entry %llu is not as this program writes them",
                       (unsigned long long)e->id);
    memcpy(e->hash, hash.data, STORE_HASH_SIZE);
    return OK;
}

/* Calls on_row with every row of a statement whose values are bound, until it returns an error. */
static enum err each(struct sql_statement *st,
                     enum err (*on_row)(void *user, const struct audit_entry *entry), void *user)
{
    struct audit_entry entry;
    bool more = false;
    enum err err = sql_next(st, &more);
    while (!err && more) {
        err = read_entry(st, &entry);
        if (!err) err = on_row(user, &entry);
        if (err)
            sql_reset(st);
        else
            err = sql_next(st, &more);
    }
    return err;
}

enum err audit_newest(struct sql *db, struct audit_anchor *anchor)
{
    struct sql_statement *st;
    bool more = false;
    enum err err = sql_use(db, "SELECT audit_id, audit_hash FROM settings WHERE id = 1", &st);
    if (!err) err = sql_next(st, &more);
    if (err) return err;
    const struct slice hash = more ? sql_column_blob(st, 1) : (struct slice){0};
    const bool good = hash.size == STORE_HASH_SIZE;
    if (good) memcpy(anchor->hash, hash.data, STORE_HASH_SIZE);
    if (good) anchor->id = (uint64_t)sql_column_i64(st, 0);
    sql_reset(st);
    return good ? OK : err_set(ERR_PARSE, "settings hold no hash of the audit log");
}

struct listing {
    void (*on_entry)(void *user, const struct audit_entry *entry);
    void *user;
};

static enum err list_one(void *user, const struct audit_entry *entry)
{
    const struct listing *listing = user;
    listing->on_entry(listing->user, entry);
    return OK;
}

enum err audit_list(struct sql *db, uint64_t before_id, uint32_t limit,
                    void (*on_entry)(void *user, const struct audit_entry *entry), void *user)
{
    struct sql_statement *st;
    struct listing listing = {on_entry, user};
    const enum err err = sql_use(db,
                                 "SELECT " COLUMNS " FROM audit_log WHERE id < ?1 "
                                 "ORDER BY id DESC LIMIT ?2",
                                 &st);
    if (err) return err;
    sql_i64(st, before_id > 0 && before_id < INT64_MAX ? (int64_t)before_id : INT64_MAX);
    sql_i64(st, limit);
    return each(st, list_one, &listing);
}

/* ---- verifying ---- */

struct walk {
    uint64_t count;
    uint8_t hash[STORE_HASH_SIZE]; /* of the last one that holds */
    const struct audit_anchor *anchor;
};

static enum err verify_one(void *user, const struct audit_entry *e)
{
    struct walk *walk = user;
    uint8_t hash[STORE_HASH_SIZE];
    if (e->id != walk->count + 1)
        return err_set(ERR_INVALID, "audit entry %llu is missing: %llu follows %llu",
                       (unsigned long long)walk->count + 1, (unsigned long long)e->id,
                       (unsigned long long)walk->count);
    hash_entry(walk->hash, e, hash);
    if (memcmp(hash, e->hash, sizeof hash) != 0)
        return err_set(ERR_INVALID, "audit entry %llu, or the one before it, was altered",
                       (unsigned long long)e->id);
    const bool is_anchor = walk->anchor && walk->anchor->id == e->id;
    if (is_anchor && memcmp(hash, walk->anchor->hash, sizeof hash) != 0)
        return err_set(ERR_INVALID,
                       "audit entry %llu is not the one of the anchor: the log up to "
                       "there was written anew",
                       (unsigned long long)e->id);
    memcpy(walk->hash, hash, sizeof hash);
    walk->count = e->id;
    return OK;
}

enum err audit_verify(struct sql *db, const struct audit_anchor *anchor, uint64_t *count)
{
    struct walk walk = {.anchor = anchor};
    struct audit_anchor newest = {0};
    struct sql_statement *st;
    enum err err = audit_newest(db, &newest);
    if (!err) err = sql_use(db, "SELECT " COLUMNS " FROM audit_log ORDER BY id", &st);
    if (!err) err = each(st, verify_one, &walk);
    *count = walk.count;
    if (err) return err;
    /* Entries may have been added since the newest was asked for. */
    if (walk.count < newest.id || (anchor && walk.count < anchor->id))
        return err_set(ERR_INVALID, "the audit log ends at entry %llu, and had %llu",
                       (unsigned long long)walk.count,
                       (unsigned long long)(anchor && anchor->id > newest.id ? anchor->id
                                                                             : newest.id));
    if (walk.count == newest.id && memcmp(walk.hash, newest.hash, sizeof walk.hash) != 0)
        return err_set(ERR_INVALID, "the audit log ends with another entry than was written last");
    return OK;
}
