/* Everything in the database that is sealed by the master key: what changing that key walks over.
 *
 * settings.key_version is the lowest version that may seal from then on. Whoever writes sealed
 * bytes asks for it in the same transaction (sealed_store_lock): the question takes the lock of the
 * settings, so each such transaction is either seen by the walk that comes behind
 * sealed_store_set_version, or knows of the version.
 *
 * The functions that write or lock stand inside a transaction; each is one statement or all or
 * nothing. Thread: that of the connection. Errors beside those named: those of sql.h. */
#ifndef IO_STORE_SEALED_STORE_H
#define IO_STORE_SEALED_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store/key_store.h"
#include "io/store/sql.h"

/* In the order of a walk: what waits for its first code comes first, because it may become the one
 * in use behind the walk's back, and never the other way round. */
enum sealed_column { SEALED_TOTP_NEXT, SEALED_TOTP, SEALED_EXCHANGE_KEY, SEALED_COLUMN_COUNT };

struct sealed_row {
    uint8_t column; /* enum sealed_column */
    uint64_t row_id, user_id;
    struct store_key_sealed sealed;
};

/* The table whose rows hold it, by which the bytes are bound. */
const char *sealed_table(enum sealed_column column);

/* The lowest version that may seal; others who ask wait until this transaction has ended. */
enum err sealed_store_lock(struct sql *db, uint32_t *version) ERR_MUST_USE;
/* Never goes down. */
enum err sealed_store_set_version(struct sql *db, uint32_t version) ERR_MUST_USE;

/* How many there are, of all columns. */
enum err sealed_store_count(struct sql *db, uint64_t *count) ERR_MUST_USE;
/* The first of the column behind that row id (0: from the first). *more: there was one. */
enum err sealed_store_next(struct sql *db, enum sealed_column column, uint64_t after_id,
                           struct sealed_row *row, bool *more) ERR_MUST_USE;
/* Puts `bytes`, of the same size, in the place of row->sealed; a second factor's user counts as
 * changed. ERR_NOT_FOUND: it is not there any more, or another one is. */
enum err sealed_store_replace(struct sql *db, const struct sealed_row *row,
                              const uint8_t *bytes) ERR_MUST_USE;

#endif
