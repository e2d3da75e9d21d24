/* Accounts in the database: users, their sessions, API tokens, second factors and resets. The
 * writing side; account_read.h has the other.
 *
 * The functions that change stand inside a transaction of the writer (sql_begin to sql_commit, or a
 * store thread's STORE_RUN), each all or nothing on its own. Every one of them also counts up
 * settings.account_version in that transaction: a server that reads another number than it knows
 * reads the accounts anew, so what a command of another process changed holds within moments.
 *
 * Tokens are known by hashes of STORE_HASH_SIZE bytes only. E-mail addresses come normalised.
 * Thread: that of the connection. Errors beside those named: those of sql.h. */
#ifndef IO_STORE_ACCOUNT_STORE_H
#define IO_STORE_ACCOUNT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store/account_row.h"
#include "io/store/sql.h"

/* ---- users ---- */

/* Gives the first account, made by the first migration, its owner. ERR_EXISTS: somebody has it, or
 * the address is taken. */
enum err account_store_claim(struct sql *db, const char *email, const char *password_hash,
                             int64_t now_ms) ERR_MUST_USE;
/* email, password_hash, role, locale and created_ms of user; *id is the new one's. ERR_EXISTS: the
 * address is taken. */
enum err account_store_insert(struct sql *db, const struct store_user *user,
                              uint64_t *id) ERR_MUST_USE;
/* Each: ERR_NOT_FOUND, no such user. */
enum err account_store_set_password(struct sql *db, uint64_t user_id, const char *password_hash,
                                    int64_t now_ms) ERR_MUST_USE;
enum err account_store_set_role(struct sql *db, uint64_t user_id, enum role role) ERR_MUST_USE;
enum err account_store_set_disabled(struct sql *db, uint64_t user_id,
                                    bool is_disabled) ERR_MUST_USE;
enum err account_store_set_locale(struct sql *db, uint64_t user_id,
                                  const char *locale) ERR_MUST_USE;
/* ERR_NOT_FOUND: the user is gone, disabled, or has another password since password_ms. What was
 * decided by a password that was good a moment ago asks this in the transaction that acts on it. */
enum err account_store_still(struct sql *db, uint64_t user_id, int64_t password_ms) ERR_MUST_USE;
/* How many active admins there are; the first account is none while nobody has claimed it. */
enum err account_store_admins(struct sql *db, uint64_t *count) ERR_MUST_USE;
/* With everything that is the user's; the audit log alone keeps telling of them. */
enum err account_store_delete(struct sql *db, uint64_t user_id) ERR_MUST_USE;

/* ---- second factors ---- */

/* The secret that waits for its first code; NULL: none. ERR_NOT_FOUND: no such user, or one with a
 * second factor in use. */
enum err account_store_begin_totp(struct sql *db, uint64_t user_id,
                                  const struct sealed *secret) ERR_MUST_USE;
/* The secret, which must be the one that waits, is in use from step on, with its recovery codes.
 * ERR_NOT_FOUND: it does not wait. */
enum err account_store_confirm_totp(struct sql *db, uint64_t user_id, const struct sealed *secret,
                                    uint64_t step, const uint8_t (*codes)[STORE_HASH_SIZE],
                                    uint32_t code_count) ERR_MUST_USE;
enum err account_store_drop_totp(struct sql *db, uint64_t user_id) ERR_MUST_USE;
/* ERR_NOT_FOUND: this step or a later one was used already, by whoever came first. */
enum err account_store_use_step(struct sql *db, uint64_t user_id, uint64_t step) ERR_MUST_USE;
/* ERR_NOT_FOUND: not a code of this user, or used. */
enum err account_store_use_code(struct sql *db, uint64_t user_id,
                                const uint8_t hash[STORE_HASH_SIZE]) ERR_MUST_USE;

/* ---- sessions, tokens, resets ---- */

enum err account_store_add_session(struct sql *db, const struct store_session *session,
                                   uint64_t *id) ERR_MUST_USE;
/* seen_ms and expires_ms; without news to other processes: a little late is fine there. */
enum err account_store_touch_session(struct sql *db, const struct store_session *s) ERR_MUST_USE;
enum err account_store_authenticate_session(struct sql *db, uint64_t session_id,
                                            int64_t now_ms) ERR_MUST_USE;
/* ERR_NOT_FOUND: no such session of this user. */
enum err account_store_end_session(struct sql *db, uint64_t user_id,
                                   uint64_t session_id) ERR_MUST_USE;
/* All of them but one; 0 spares none. */
enum err account_store_end_sessions(struct sql *db, uint64_t user_id, uint64_t but_id) ERR_MUST_USE;
/* Leaves `keep` of those that are not over: the ones seen last, as far as the rows tell. */
enum err account_store_trim_sessions(struct sql *db, uint64_t user_id, uint32_t keep,
                                     int64_t now_ms) ERR_MUST_USE;
/* Sessions, API tokens and resets of all users whose time is over. */
enum err account_store_sweep(struct sql *db, int64_t now_ms) ERR_MUST_USE;

enum err account_store_add_token(struct sql *db, const struct store_api_token *token,
                                 uint64_t *id) ERR_MUST_USE;
/* How many of the user's are not over. */
enum err account_store_count_tokens(struct sql *db, uint64_t user_id, int64_t now_ms,
                                    uint64_t *count) ERR_MUST_USE;
enum err account_store_touch_token(struct sql *db, uint64_t token_id, int64_t now_ms) ERR_MUST_USE;
enum err account_store_end_token(struct sql *db, uint64_t user_id, uint64_t token_id) ERR_MUST_USE;
enum err account_store_end_tokens(struct sql *db, uint64_t user_id) ERR_MUST_USE;

/* Takes the place of an older one of this user. */
enum err account_store_add_reset(struct sql *db, uint64_t user_id,
                                 const uint8_t hash[STORE_HASH_SIZE], int64_t now_ms,
                                 int64_t expires_ms) ERR_MUST_USE;
/* One that was not used is worth nothing from here on; fine where there is none. */
enum err account_store_drop_reset(struct sql *db, uint64_t user_id) ERR_MUST_USE;
/* Uses it up. ERR_NOT_FOUND: unknown, used or over. */
enum err account_store_use_reset(struct sql *db, const uint8_t hash[STORE_HASH_SIZE],
                                 int64_t now_ms, uint64_t *user_id) ERR_MUST_USE;

#endif
