/* The statements of accounts. */
#include "io/store/account_store.h"

/* ---- pieces ---- */

static enum err count_up(struct sql *db)
{
    struct sql_statement *st;
    const enum err err =
        sql_use(db, "UPDATE settings SET account_version = account_version + 1", &st);
    return err ? err : sql_run(st);
}

/* Ends a piece that was begun with sql_save; what was changed is told to other processes. */
static enum err changed(struct sql *db, enum err err)
{
    return sql_saved(db, SQL_STATEMENTS, err ? err : count_up(db));
}

/* A piece of one statement about one user, whose value is bound by the caller in between. */
static enum err begin(struct sql *db, const char *text, struct sql_statement **st)
{
    const enum err err = sql_save(db, SQL_STATEMENTS);
    if (err) return err;
    const enum err use_err = sql_use(db, text, st);
    return use_err ? sql_saved(db, SQL_STATEMENTS, use_err) : OK;
}

static enum err end_one(struct sql *db, struct sql_statement *st, const char *what, uint64_t id)
{
    return changed(db, sql_run_one(st, what, id));
}

static void bind_sealed(struct sql_statement *st, const struct sealed *sealed)
{
    if (sealed && sealed->size > 0)
        sql_blob(st, sealed->bytes, sealed->size);
    else
        sql_null(st);
}

/* ---- users ---- */

enum err account_store_claim(struct sql *db, const char *email, const char *password_hash,
                             int64_t now_ms)
{
    struct sql_statement *st;
    enum err err = begin(db,
                         "UPDATE users SET email = ?1, password_hash = ?2, password_ms = ?3 "
                         "WHERE id = 1 AND email IS NULL",
                         &st);
    if (err) return err;
    sql_text(st, email);
    sql_text(st, password_hash);
    sql_i64(st, now_ms);
    err = end_one(db, st, "unclaimed account", 1);
    return err == ERR_NOT_FOUND ? err_set(ERR_EXISTS, "the first account has its owner") : err;
}

enum err account_store_insert(struct sql *db, const struct store_user *user, uint64_t *id)
{
    struct sql_statement *st;
    int64_t row_id = 0;
    enum err err = begin(db,
                         "INSERT INTO users (email, password_hash, role, state, locale, "
                         "totp_step, created_ms, password_ms) VALUES (?1, ?2, ?3, 'active', "
                         "?4, 0, ?5, ?6) RETURNING id",
                         &st);
    if (err) return err;
    sql_text(st, user->email);
    sql_text(st, user->password_hash);
    sql_text(st, role_name(user->role));
    sql_text(st, *user->locale ? user->locale : NULL);
    sql_i64(st, user->created_ms);
    sql_i64(st, user->created_ms);
    err = changed(db, sql_run_i64(st, &row_id));
    *id = (uint64_t)row_id;
    return err;
}

enum err account_store_set_password(struct sql *db, uint64_t user_id, const char *password_hash,
                                    int64_t now_ms)
{
    struct sql_statement *st;
    const enum err err =
        begin(db, "UPDATE users SET password_hash = ?2, password_ms = ?3 WHERE id = ?1", &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_text(st, password_hash);
    sql_i64(st, now_ms);
    return end_one(db, st, "user", user_id);
}

/* text is a statement of the user's id and one text. */
static enum err set_text(struct sql *db, const char *text, uint64_t user_id, const char *value)
{
    struct sql_statement *st;
    const enum err err = begin(db, text, &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_text(st, value);
    return end_one(db, st, "user", user_id);
}

enum err account_store_set_role(struct sql *db, uint64_t user_id, enum role role)
{
    return set_text(db, "UPDATE users SET role = ?2 WHERE id = ?1", user_id, role_name(role));
}

enum err account_store_set_disabled(struct sql *db, uint64_t user_id, bool is_disabled)
{
    return set_text(db, "UPDATE users SET state = ?2 WHERE id = ?1", user_id,
                    is_disabled ? "disabled" : "active");
}

enum err account_store_set_locale(struct sql *db, uint64_t user_id, const char *locale)
{
    return set_text(db, "UPDATE users SET locale = ?2 WHERE id = ?1", user_id,
                    *locale ? locale : NULL);
}

enum err account_store_still(struct sql *db, uint64_t user_id, int64_t password_ms)
{
    struct sql_statement *st;
    int64_t id;
    const enum err err = sql_use(
        db, "SELECT id FROM users WHERE id = ?1 AND password_ms = ?2 AND state = 'active'", &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_i64(st, password_ms);
    return sql_run_i64(st, &id);
}

enum err account_store_admins(struct sql *db, uint64_t *count)
{
    struct sql_statement *st;
    int64_t value = 0;
    enum err err = sql_use(db,
                           "SELECT count(*) FROM users WHERE role = 'admin' AND state = 'active' "
                           "AND email IS NOT NULL",
                           &st);
    if (!err) err = sql_run_i64(st, &value);
    *count = (uint64_t)value;
    return err;
}

enum err account_store_delete(struct sql *db, uint64_t user_id)
{
    struct sql_statement *st;
    const enum err err = begin(db, "DELETE FROM users WHERE id = ?1", &st);
    if (err) return err;
    sql_u64(st, user_id);
    return end_one(db, st, "user", user_id);
}

/* ---- second factors ---- */

enum err account_store_begin_totp(struct sql *db, uint64_t user_id, const struct sealed *secret)
{
    struct sql_statement *st;
    const enum err err =
        begin(db, "UPDATE users SET totp_next = ?2 WHERE id = ?1 AND totp IS NULL", &st);
    if (err) return err;
    sql_u64(st, user_id);
    bind_sealed(st, secret);
    return end_one(db, st, "user without a second factor", user_id);
}

static enum err drop_codes(struct sql *db, uint64_t user_id)
{
    struct sql_statement *st;
    const enum err err = sql_use(db, "DELETE FROM recovery_codes WHERE user_id = ?1", &st);
    if (err) return err;
    sql_u64(st, user_id);
    return sql_run(st);
}

static enum err add_code(struct sql *db, uint64_t user_id, const uint8_t hash[STORE_HASH_SIZE])
{
    struct sql_statement *st;
    const enum err err =
        sql_use(db, "INSERT INTO recovery_codes (user_id, code_hash) VALUES (?1, ?2)", &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_blob(st, hash, STORE_HASH_SIZE);
    return sql_run(st);
}

enum err account_store_confirm_totp(struct sql *db, uint64_t user_id, const struct sealed *secret,
                                    uint64_t step, const uint8_t (*codes)[STORE_HASH_SIZE],
                                    uint32_t code_count)
{
    struct sql_statement *st;
    enum err err = begin(db,
                         "UPDATE users SET totp = totp_next, totp_next = NULL, totp_step = ?2 "
                         "WHERE id = ?1 AND totp_next = ?3",
                         &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_u64(st, step);
    bind_sealed(st, secret);
    err = sql_run_one(st, "second factor that waits, of user", user_id);
    if (!err) err = drop_codes(db, user_id);
    for (uint32_t i = 0; !err && i < code_count; i++) err = add_code(db, user_id, codes[i]);
    return changed(db, err);
}

enum err account_store_drop_totp(struct sql *db, uint64_t user_id)
{
    struct sql_statement *st;
    enum err err = begin(db, "UPDATE users SET totp = NULL, totp_next = NULL WHERE id = ?1", &st);
    if (err) return err;
    sql_u64(st, user_id);
    err = sql_run_one(st, "user", user_id);
    return changed(db, err ? err : drop_codes(db, user_id));
}

enum err account_store_use_step(struct sql *db, uint64_t user_id, uint64_t step)
{
    struct sql_statement *st;
    const enum err err =
        begin(db, "UPDATE users SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2", &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_u64(st, step);
    return end_one(db, st, "unused code of user", user_id);
}

enum err account_store_use_code(struct sql *db, uint64_t user_id,
                                const uint8_t hash[STORE_HASH_SIZE])
{
    struct sql_statement *st;
    const enum err err =
        begin(db, "DELETE FROM recovery_codes WHERE user_id = ?1 AND code_hash = ?2", &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_blob(st, hash, STORE_HASH_SIZE);
    return end_one(db, st, "unused recovery code of user", user_id);
}

/* ---- sessions ---- */

enum err account_store_add_session(struct sql *db, const struct store_session *s, uint64_t *id)
{
    struct sql_statement *st;
    int64_t row_id = 0;
    enum err err = begin(db,
                         "INSERT INTO sessions (user_id, token_hash, created_ms, "
                         "authenticated_ms, seen_ms, expires_ms, lifetime_ms, address, agent) "
                         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING id",
                         &st);
    if (err) return err;
    sql_u64(st, s->user_id);
    sql_blob(st, s->hash, sizeof s->hash);
    sql_i64(st, s->created_ms);
    sql_i64(st, s->authenticated_ms);
    sql_i64(st, s->seen_ms);
    sql_i64(st, s->expires_ms);
    sql_i64(st, s->lifetime_ms);
    sql_text(st, s->address);
    sql_text(st, s->agent);
    err = changed(db, sql_run_i64(st, &row_id));
    *id = (uint64_t)row_id;
    return err;
}

enum err account_store_touch_session(struct sql *db, const struct store_session *s)
{
    struct sql_statement *st;
    enum err err = sql_save(db, SQL_ONE_STATEMENT);
    if (err) return err;
    err = sql_use(db, "UPDATE sessions SET seen_ms = ?2, expires_ms = ?3 WHERE id = ?1", &st);
    if (!err) {
        sql_u64(st, s->id);
        sql_i64(st, s->seen_ms);
        sql_i64(st, s->expires_ms);
        err = sql_run_one(st, "session", s->id);
    }
    return sql_saved(db, SQL_ONE_STATEMENT, err);
}

enum err account_store_authenticate_session(struct sql *db, uint64_t session_id, int64_t now_ms)
{
    struct sql_statement *st;
    const enum err err = begin(db, "UPDATE sessions SET authenticated_ms = ?2 WHERE id = ?1", &st);
    if (err) return err;
    sql_u64(st, session_id);
    sql_i64(st, now_ms);
    return end_one(db, st, "session", session_id);
}

/* text is a statement of a user's id and the id of something that is his. */
static enum err end_owned(struct sql *db, const char *text, uint64_t user_id, const char *what,
                          uint64_t id)
{
    struct sql_statement *st;
    const enum err err = begin(db, text, &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_u64(st, id);
    return end_one(db, st, what, id);
}

enum err account_store_end_session(struct sql *db, uint64_t user_id, uint64_t session_id)
{
    return end_owned(db, "DELETE FROM sessions WHERE user_id = ?1 AND id = ?2", user_id, "session",
                     session_id);
}

enum err account_store_end_sessions(struct sql *db, uint64_t user_id, uint64_t but_id)
{
    struct sql_statement *st;
    const enum err err = begin(db, "DELETE FROM sessions WHERE user_id = ?1 AND id <> ?2", &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_u64(st, but_id);
    return changed(db, sql_run(st));
}

enum err account_store_trim_sessions(struct sql *db, uint64_t user_id, uint32_t keep,
                                     int64_t now_ms)
{
    struct sql_statement *st;
    const enum err err = begin(db,
                               "DELETE FROM sessions WHERE user_id = ?1 AND expires_ms > ?2 AND "
                               "id NOT IN (SELECT id FROM sessions WHERE user_id = ?1 AND "
                               "expires_ms > ?2 ORDER BY seen_ms DESC, id DESC LIMIT ?3)",
                               &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_i64(st, now_ms);
    sql_i64(st, keep);
    return changed(db, sql_run(st));
}

/* text is a statement of the time. */
static enum err sweep(struct sql *db, const char *text, int64_t now_ms)
{
    struct sql_statement *st;
    const enum err err = sql_use(db, text, &st);
    if (err) return err;
    sql_i64(st, now_ms);
    return sql_run(st);
}

enum err account_store_sweep(struct sql *db, int64_t now_ms)
{
    enum err err = sql_save(db, SQL_STATEMENTS);
    if (err) return err;
    err = sweep(db, "DELETE FROM sessions WHERE expires_ms <= ?1", now_ms);
    if (!err)
        err = sweep(db, "DELETE FROM api_tokens WHERE expires_ms > 0 AND expires_ms <= ?1", now_ms);
    if (!err) err = sweep(db, "DELETE FROM password_resets WHERE expires_ms <= ?1", now_ms);
    return sql_saved(db, SQL_STATEMENTS, err);
}

/* ---- API tokens ---- */

enum err account_store_add_token(struct sql *db, const struct store_api_token *token, uint64_t *id)
{
    struct sql_statement *st;
    int64_t row_id = 0;
    enum err err = begin(db,
                         "INSERT INTO api_tokens (user_id, name, token_hash, scopes, created_ms, "
                         "used_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6) RETURNING id",
                         &st);
    if (err) return err;
    sql_u64(st, token->user_id);
    sql_text(st, token->name);
    sql_blob(st, token->hash, sizeof token->hash);
    sql_i64(st, token->scopes);
    sql_i64(st, token->created_ms);
    sql_i64(st, token->expires_ms);
    err = changed(db, sql_run_i64(st, &row_id));
    *id = (uint64_t)row_id;
    return err;
}

enum err account_store_count_tokens(struct sql *db, uint64_t user_id, int64_t now_ms,
                                    uint64_t *count)
{
    struct sql_statement *st;
    int64_t value = 0;
    enum err err = sql_use(db,
                           "SELECT count(*) FROM api_tokens WHERE user_id = ?1 AND "
                           "(expires_ms = 0 OR expires_ms > ?2)",
                           &st);
    if (err) return err;
    sql_u64(st, user_id);
    sql_i64(st, now_ms);
    err = sql_run_i64(st, &value);
    *count = (uint64_t)value;
    return err;
}

enum err account_store_touch_token(struct sql *db, uint64_t token_id, int64_t now_ms)
{
    struct sql_statement *st;
    enum err err = sql_save(db, SQL_ONE_STATEMENT);
    if (err) return err;
    err = sql_use(db, "UPDATE api_tokens SET used_ms = ?2 WHERE id = ?1", &st);
    if (!err) {
        sql_u64(st, token_id);
        sql_i64(st, now_ms);
        err = sql_run_one(st, "API token", token_id);
    }
    return sql_saved(db, SQL_ONE_STATEMENT, err);
}

enum err account_store_end_token(struct sql *db, uint64_t user_id, uint64_t token_id)
{
    return end_owned(db, "DELETE FROM api_tokens WHERE user_id = ?1 AND id = ?2", user_id,
                     "API token", token_id);
}

enum err account_store_end_tokens(struct sql *db, uint64_t user_id)
{
    struct sql_statement *st;
    const enum err err = begin(db, "DELETE FROM api_tokens WHERE user_id = ?1", &st);
    if (err) return err;
    sql_u64(st, user_id);
    return changed(db, sql_run(st));
}

/* ---- password resets ---- */

enum err account_store_add_reset(struct sql *db, uint64_t user_id,
                                 const uint8_t hash[STORE_HASH_SIZE], int64_t now_ms,
                                 int64_t expires_ms)
{
    struct sql_statement *st;
    enum err err = sql_save(db, SQL_ONE_STATEMENT);
    if (err) return err;
    err = sql_use(db,
                  "INSERT INTO password_resets (user_id, token_hash, created_ms, expires_ms) "
                  "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (user_id) DO UPDATE SET "
                  "token_hash = excluded.token_hash, created_ms = excluded.created_ms, "
                  "expires_ms = excluded.expires_ms",
                  &st);
    if (!err) {
        sql_u64(st, user_id);
        sql_blob(st, hash, STORE_HASH_SIZE);
        sql_i64(st, now_ms);
        sql_i64(st, expires_ms);
        err = sql_run(st);
    }
    return sql_saved(db, SQL_ONE_STATEMENT, err);
}

enum err account_store_drop_reset(struct sql *db, uint64_t user_id)
{
    struct sql_statement *st;
    enum err err = sql_save(db, SQL_ONE_STATEMENT);
    if (err) return err;
    err = sql_use(db, "DELETE FROM password_resets WHERE user_id = ?1", &st);
    if (!err) {
        sql_u64(st, user_id);
        err = sql_run(st);
    }
    return sql_saved(db, SQL_ONE_STATEMENT, err);
}

enum err account_store_use_reset(struct sql *db, const uint8_t hash[STORE_HASH_SIZE],
                                 int64_t now_ms, uint64_t *user_id)
{
    struct sql_statement *st;
    int64_t id = 0;
    enum err err = sql_save(db, SQL_ONE_STATEMENT);
    if (err) return err;
    err = sql_use(db,
                  "DELETE FROM password_resets WHERE token_hash = ?1 AND expires_ms > ?2 "
                  "RETURNING user_id",
                  &st);
    if (!err) {
        sql_blob(st, hash, STORE_HASH_SIZE);
        sql_i64(st, now_ms);
        err = sql_run_i64(st, &id);
    }
    *user_id = (uint64_t)id;
    return sql_saved(db, SQL_ONE_STATEMENT, err);
}
