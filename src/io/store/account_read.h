/* Reads accounts from the database, on any connection. */
#ifndef IO_STORE_ACCOUNT_READ_H
#define IO_STORE_ACCOUNT_READ_H

#include <stdint.h>

#include "base/err.h"
#include "io/store/account_row.h"
#include "io/store/sql.h"

enum { ACCOUNT_READ_ALL = 0 };

/* Rows are good during the call. All functions must be there. */
struct account_reader {
    void (*on_user)(void *user, const struct store_user *row);
    void (*on_session)(void *user, const struct store_session *row);
    void (*on_token)(void *user, const struct store_api_token *row);
    void *user;
};

/* Counted up with every change of an account; see account_store.h. */
enum err account_read_version(struct sql *db, uint64_t *version) ERR_MUST_USE;
/* One user, or all of them (ACCOUNT_READ_ALL); then sessions, then tokens, in the order of their
 * ids, without those that are over at now_ms. Who wants to know the version reads it before: a
 * change in between then counts as one to come. ERR_PARSE: a row that this program cannot know. */
enum err account_read(struct sql *db, uint64_t user_id, int64_t now_ms,
                      const struct account_reader *reader) ERR_MUST_USE;

#endif
