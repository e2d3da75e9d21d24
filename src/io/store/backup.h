/* A backup of a whole database, as of one moment, while its server goes on: row by row, so that a
 * backup of SQLite can be restored into PostgreSQL and the other way round.
 *
 * In the file (see backup_file.h): its time, the names and checksums of the migrations that the
 * database had, how many rows follow, then each table (name, columns, kinds) with its rows, those
 * that are referred to before those that refer. Not in it: the tables that a database has of its
 * own (migrations, writer).
 *
 * A backup is loaded into an empty database, which gets the backup's version first and this
 * program's afterwards: so its rows pass through the same migrations as they would have in place,
 * and every rule of the tables is checked.
 *
 * Thread: that of the connection. Errors beside those named: those of sql.h. */
#ifndef IO_STORE_BACKUP_H
#define IO_STORE_BACKUP_H

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "io/store/backup_file.h"
#include "io/store/sql.h"

/* How many order ids a restored database leaves out, above the highest that it knows of: ids of the
 * time between backup and restore must not come again, and nobody may know how many there were. */
#define RESTORE_ORDER_ID_GAP UINT64_C(1000000000)
/* A statement of a backup may take that long. */
#define BACKUP_TIMEOUT_MS SQL_EXEC_TIMEOUT_MS
/* Tables, and columns of one; more are a bug of the migrations. */
enum { BACKUP_TABLES_MAX = 64, BACKUP_COLUMNS_MAX = SQL_VALUES_MAX, BACKUP_NAME_SIZE = 64 };

struct backup_summary {
    int64_t made_ms;
    uint64_t rows;
    uint32_t tables;
    uint32_t version; /* of the database that it was made of */
};

/* NULL function: nobody looks. */
struct backup_watch {
    void (*on_rows)(void *user, uint64_t done, uint64_t all);
    void *user;
};

/* db is open for reading, outside of a transaction, and of this program's version or older. */
enum err backup_write(struct sql *db, FILE *out, int64_t now_ms, const struct backup_watch *watch,
                      struct backup_summary *summary) ERR_MUST_USE;

/* Verifies the file and reads what it says of itself; b then stands before the tables.
 * ERR_UNSUPPORTED: made by a newer program. ERR_INVALID: by one with other migrations. */
enum err backup_open(struct backup_file *b, FILE *file,
                     struct backup_summary *summary) ERR_MUST_USE;

struct restore_options {
    uint64_t order_ids_used; /* by the database that is replaced; 0: not known */
    int64_t now_ms;
    struct backup_watch watch;
};

/* Behind backup_open, into an empty database that is open for writing. Live entries are refused
 * until store_restored_settle, order ids go on RESTORE_ORDER_ID_GAP above all that are known, and
 * sessions and password resets are left out: some had ended since. */
enum err backup_load(struct backup_file *b, const struct backup_summary *summary, struct sql *db,
                     const struct restore_options *options) ERR_MUST_USE;

/* When the database was restored, if nobody has settled it yet; else 0. */
enum err store_restored(struct sql *db, int64_t *restored_ms) ERR_MUST_USE;
/* Inside a transaction: somebody has looked at the accounts, and live entries may go on. */
enum err store_restored_settle(struct sql *db) ERR_MUST_USE;
/* Order ids from *limit on were never used. ERR_NOT_FOUND: no server has ever used it. */
enum err store_order_ids_used(struct sql *db, uint64_t *limit) ERR_MUST_USE;

#endif
