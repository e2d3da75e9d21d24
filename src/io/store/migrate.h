/* Brings a database to this program's version, forward only.
 *
 * Migrations are the numbered files in migrations/, built into the program. Each runs in one
 * transaction together with the row that records it, so a kill leaves the old state or the next
 * one. A recorded migration never changes: its checksum is kept and compared at every open. */
#ifndef IO_STORE_MIGRATE_H
#define IO_STORE_MIGRATE_H

#include <stdint.h>

#include <sqlite3.h>

#include "base/err.h"

struct migration {
    uint32_t version; /* counts from 1 */
    const char *name; /* "0001_spine" */
    const char *sql;
};

/* All of this program's, in order. */
extern const struct migration migrations[];
extern const uint32_t migrations_count;

/* Applies what is missing of `list`. ERR_INVALID: the file is another program's database, or a
 * migration that ran is not the one in the list. ERR_UNSUPPORTED: the database knows a version that
 * the list does not. Else the error of the statement that failed, naming the migration. */
enum err migrate(sqlite3 *db, const struct migration *list, uint32_t count,
                 int64_t now_ms) ERR_MUST_USE;

#endif
