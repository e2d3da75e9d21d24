/* Rotation: the passes over all rows, and what sealing does meanwhile. */
#include "service/account/key_rotation.h"

#include "io/store/sealed_store.h"

static struct slice bytes_of(const struct sealed_row *row)
{
    return (struct slice){(const char *)row->sealed.bytes, row->sealed.size};
}

static enum err replace(struct sql *db, const struct sealed_row *row, const uint8_t *bytes)
{
    enum err err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = sealed_store_replace(db, row, bytes);
    if (!err) return sql_commit(db);
    sql_rollback(db);
    return err;
}

static enum err wrap_row(struct key_rotation *r, const struct sealed_row *row)
{
    const struct vault_place place = {sealed_table((enum sealed_column)row->column), row->row_id,
                                      row->user_id};
    struct store_key_sealed fresh = row->sealed;
    enum err err = vault_rewrap(r->vault, &place, fresh.bytes, fresh.size);
    if (err) return err_note(err, "%s %llu", place.table, (unsigned long long)row->row_id);
    err = replace(r->db, row, fresh.bytes);
    /* Somebody changed or ended it meanwhile: what is there now was sealed by the newest. */
    if (err == ERR_NOT_FOUND) return OK;
    r->wrapped += err == OK;
    return err;
}

static enum err walk_column(struct key_rotation *r, enum sealed_column column, uint64_t *done)
{
    struct sealed_row row = {0};
    uint64_t total = 0;
    bool more = true;
    enum err err = sealed_store_count(r->db, &total);
    while (!err) {
        err = sealed_store_next(r->db, column, row.row_id, &row, &more);
        if (err || !more) break;
        if (vault_sealed_version(bytes_of(&row)) < r->version) err = wrap_row(r, &row);
        ++*done;
        if (!err && r->on_row) r->on_row(r->user, *done, *done > total ? *done : total);
    }
    return err;
}

/* From here on everybody who writes sealed bytes asks for this version or a newer one. */
static enum err set_version(struct key_rotation *r)
{
    enum err err = sql_begin(r->db, SQL_EXACT);
    if (err) return err;
    err = sql_save(r->db, SQL_ONE_STATEMENT);
    if (!err)
        err = sql_saved(r->db, SQL_ONE_STATEMENT, sealed_store_set_version(r->db, r->version));
    if (!err) return sql_commit(r->db);
    sql_rollback(r->db);
    return err;
}

enum err key_rotation_run(struct key_rotation *r)
{
    uint64_t done = 0;
    r->wrapped = 0;
    r->was_begun = vault_version_count(r->vault) > 1;
    enum err err = r->was_begun ? OK : vault_rotate(r->vault);
    if (err) return err_note(err, "while adding a master key");
    r->version = vault_version(r->vault);
    err = set_version(r);
    for (unsigned column = 0; !err && column < SEALED_COLUMN_COUNT; column++)
        err = walk_column(r, (enum sealed_column)column, &done);
    if (err) return err_note(err, "while wrapping what is sealed");
    if (r->wrapped > 0 || r->was_begun) r->pause(r->user);
    err = vault_retire(r->vault, r->version);
    return err ? err_note(err, "while dropping the older master keys") : OK;
}

enum err key_rotation_hold(struct sql *db, struct vault *v)
{
    uint32_t version = 0;
    const enum err err = sealed_store_lock(db, &version);
    if (err) return err;
    return vault_learn(v, version) ? err_note(ERR_INVALID, "while sealing a secret") : OK;
}
