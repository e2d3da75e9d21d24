/* The queries of accounts: each once for everybody and once for one user. */
#include "io/store/account_read.h"

#include <stdbool.h>
#include <string.h>

#define USERS                                                                                      \
    "SELECT id, email, password_hash, role, state, locale, totp, totp_next, totp_step, "           \
    "created_ms, password_ms, (SELECT count(*) FROM recovery_codes AS c WHERE c.user_id = "        \
    "users.id) FROM users "
#define SESSIONS                                                                                   \
    "SELECT id, user_id, token_hash, created_ms, authenticated_ms, seen_ms, expires_ms, "          \
    "lifetime_ms, address, agent FROM sessions WHERE expires_ms > ?1 "
#define TOKENS                                                                                     \
    "SELECT id, user_id, name, token_hash, scopes, created_ms, used_ms, expires_ms FROM "          \
    "api_tokens WHERE (expires_ms = 0 OR expires_ms > ?1) "

enum err account_read_version(struct sql *db, uint64_t *version)
{
    struct sql_statement *st;
    int64_t value = 0;
    enum err err = sql_use(db, "SELECT account_version FROM settings", &st);
    if (!err) err = sql_run_i64(st, &value);
    *version = (uint64_t)value;
    return err;
}

/* ---- rows ---- */

static enum err bad_column(struct sql_statement *st, int column, const char *table)
{
    return err_set(ERR_PARSE, "%s %lld: column %s holds what this program does not know", table,
                   (long long)sql_column_i64(st, 0), sql_column_name(st, column));
}

static bool column_text(struct sql_statement *st, int column, char *out, size_t size)
{
    const struct slice text = sql_column_text(st, column);
    out[0] = '\0';
    return !text.data || slice_copy(text, out, size);
}

static bool column_hash(struct sql_statement *st, int column, uint8_t hash[STORE_HASH_SIZE])
{
    const struct slice blob = sql_column_blob(st, column);
    if (blob.size != STORE_HASH_SIZE) return false;
    memcpy(hash, blob.data, STORE_HASH_SIZE);
    return true;
}

static bool column_sealed(struct sql_statement *st, int column, struct sealed *sealed)
{
    const struct slice blob = sql_column_blob(st, column);
    if (blob.size > sizeof sealed->bytes) return false;
    sealed->size = (uint32_t)blob.size;
    if (blob.size > 0) memcpy(sealed->bytes, blob.data, blob.size);
    return true;
}

static enum err row_user(struct sql_statement *st, struct store_user *u)
{
    enum role role;
    *u = (struct store_user){.id = (uint64_t)sql_column_i64(st, 0)};
    if (!column_text(st, 1, u->email, sizeof u->email)) return bad_column(st, 1, "user");
    if (!column_text(st, 2, u->password_hash, sizeof u->password_hash))
        return bad_column(st, 2, "user");
    if (!role_from_name(sql_column_text(st, 3), &role)) return bad_column(st, 3, "user");
    u->role = (uint8_t)role;
    u->is_disabled = !slice_is(sql_column_text(st, 4), "active");
    if (!column_text(st, 5, u->locale, sizeof u->locale)) return bad_column(st, 5, "user");
    if (!column_sealed(st, 6, &u->totp)) return bad_column(st, 6, "user");
    if (!column_sealed(st, 7, &u->totp_next)) return bad_column(st, 7, "user");
    u->totp_step = (uint64_t)sql_column_i64(st, 8);
    u->created_ms = sql_column_i64(st, 9);
    u->password_ms = sql_column_i64(st, 10);
    u->recovery_codes = (uint32_t)sql_column_i64(st, 11);
    return OK;
}

static enum err tell_user(struct sql_statement *st, const struct account_reader *reader)
{
    struct store_user row;
    const enum err err = row_user(st, &row);
    if (!err) reader->on_user(reader->user, &row);
    return err;
}

static enum err row_session(struct sql_statement *st, struct store_session *s)
{
    *s = (struct store_session){
        .id = (uint64_t)sql_column_i64(st, 0),
        .user_id = (uint64_t)sql_column_i64(st, 1),
        .created_ms = sql_column_i64(st, 3),
        .authenticated_ms = sql_column_i64(st, 4),
        .seen_ms = sql_column_i64(st, 5),
        .expires_ms = sql_column_i64(st, 6),
        .lifetime_ms = sql_column_i64(st, 7),
    };
    if (!column_hash(st, 2, s->hash)) return bad_column(st, 2, "session");
    if (!column_text(st, 8, s->address, sizeof s->address)) return bad_column(st, 8, "session");
    if (!column_text(st, 9, s->agent, sizeof s->agent)) return bad_column(st, 9, "session");
    return OK;
}

static enum err tell_session(struct sql_statement *st, const struct account_reader *reader)
{
    struct store_session row;
    const enum err err = row_session(st, &row);
    if (!err) reader->on_session(reader->user, &row);
    return err;
}

static enum err row_token(struct sql_statement *st, struct store_api_token *t)
{
    *t = (struct store_api_token){
        .id = (uint64_t)sql_column_i64(st, 0),
        .user_id = (uint64_t)sql_column_i64(st, 1),
        .scopes = (uint32_t)sql_column_i64(st, 4),
        .created_ms = sql_column_i64(st, 5),
        .used_ms = sql_column_i64(st, 6),
        .expires_ms = sql_column_i64(st, 7),
    };
    if (!column_text(st, 2, t->name, sizeof t->name)) return bad_column(st, 2, "API token");
    return column_hash(st, 3, t->hash) ? OK : bad_column(st, 3, "API token");
}

static enum err tell_token(struct sql_statement *st, const struct account_reader *reader)
{
    struct store_api_token row;
    const enum err err = row_token(st, &row);
    if (!err) reader->on_token(reader->user, &row);
    return err;
}

/* ---- queries ---- */

struct query {
    const char *of_all, *of_one;
    bool is_timed; /* value ?1 is the time; of_one's next value is the user */
    enum err (*tell)(struct sql_statement *st, const struct account_reader *reader);
};

static const struct query queries[] = {
    {USERS "ORDER BY id", USERS "WHERE id = ?1", false, tell_user},
    {SESSIONS "ORDER BY id", SESSIONS "AND user_id = ?2 ORDER BY id", true, tell_session},
    {TOKENS "ORDER BY id", TOKENS "AND user_id = ?2 ORDER BY id", true, tell_token},
};

static enum err read_rows(struct sql *db, const struct query *query, uint64_t user_id,
                          int64_t now_ms, const struct account_reader *reader)
{
    const bool all = user_id == ACCOUNT_READ_ALL;
    struct sql_statement *st;
    bool more = false;
    enum err err = sql_use(db, all ? query->of_all : query->of_one, &st);
    if (err) return err;
    if (query->is_timed) sql_i64(st, now_ms);
    if (!all) sql_u64(st, user_id);
    err = sql_next(st, &more);
    while (!err && more) {
        err = query->tell(st, reader);
        if (err)
            sql_reset(st);
        else
            err = sql_next(st, &more);
    }
    return err;
}

enum err account_read(struct sql *db, uint64_t user_id, int64_t now_ms,
                      const struct account_reader *reader)
{
    enum err err = OK;
    for (unsigned i = 0; !err && i < sizeof queries / sizeof *queries; i++)
        err = read_rows(db, &queries[i], user_id, now_ms, reader);
    return err ? err_note(err, "while reading the accounts") : OK;
}
