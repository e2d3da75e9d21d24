/* Exchange keys in the database: who has which, and their sealed bytes.
 *
 * A key's id is part of what its secret is bound to, so the secret is sealed once the id is known:
 * key_store_add gives the id to `seal` inside the piece that makes the row. Nobody reads a row
 * without its secret.
 *
 * Writing stands inside a transaction of the writer, each function all or nothing on its own; the
 * queries run on any connection. Thread: that of the connection. Errors beside those named: those
 * of sql.h. */
#ifndef IO_STORE_KEY_STORE_H
#define IO_STORE_KEY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model/instrument.h"
#include "io/store/account_row.h"
#include "io/store/sql.h"

enum {
    STORE_KEY_SEALED_MAX = 1024,
    STORE_MASKED_SIZE = 16, /* with the NUL */
};

/* What a key may do at its venue; these are the bits of a row. */
enum key_permission {
    KEY_MAY_READ = 1,
    KEY_MAY_TRADE_SPOT = 2, /* and on margin, where the account can */
    KEY_MAY_TRADE_FUTURES = 4,
    KEY_MAY_BORROW = 8,
    KEY_MAY_TRADE_OPTIONS = 16,
};

struct store_key {
    uint64_t id, user_id;
    uint8_t venue; /* enum venue */
    char label[STORE_LABEL_SIZE];
    char masked[STORE_MASKED_SIZE]; /* what people see of the API key */
    uint32_t permissions;           /* enum key_permission bits */
    bool ip_restricted;
    int64_t created_ms;
};

struct store_key_sealed {
    uint32_t size;
    uint8_t bytes[STORE_KEY_SEALED_MAX];
};

/* Everything of key but its id; *id is the new one. seal is called once, and its error is the
 * call's. ERR_NOT_FOUND: no such user. */
enum err key_store_add(struct sql *db, const struct store_key *key,
                       enum err (*seal)(void *user, uint64_t id, struct store_key_sealed *out),
                       void *user, uint64_t *id) ERR_MUST_USE;
/* ERR_NOT_FOUND: no such key of this user. */
enum err key_store_end(struct sql *db, uint64_t user_id, uint64_t id) ERR_MUST_USE;

enum err key_store_count(struct sql *db, uint64_t user_id, uint32_t *count) ERR_MUST_USE;
/* One user's, by id. Rows are good during the call. ERR_PARSE: a row that this program cannot
 * know. */
enum err key_store_list(struct sql *db, uint64_t user_id,
                        void (*on_key)(void *user, const struct store_key *key),
                        void *user) ERR_MUST_USE;
/* With its sealed bytes. ERR_NOT_FOUND: no such key of this user. */
enum err key_store_get(struct sql *db, uint64_t user_id, uint64_t id, struct store_key *key,
                       struct store_key_sealed *sealed) ERR_MUST_USE;

#endif
