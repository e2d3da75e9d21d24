/* An empty database beside the one that a server uses, and the step that puts it in its place.
 *
 *     restore_place_open -> fill place.db -> restore_place_take -> restore_place_close
 *
 * SQLite: "<path>.restoring" is filled; then one rename puts it in the place of <path>, and the old
 * file stays as "<path>.before-<time>". PostgreSQL: the schema "tradebot_restoring" is filled; then
 * one transaction moves every table of the database's own schema to "tradebot_before_<time>" and
 * the new ones there. Killed at any point, the database is the old one or the new one, and what a
 * try left behind is cleared by the next.
 *
 * No server can open the database from open to close. Memory: the caller's struct. Thread: one. */
#ifndef IO_STORE_RESTORE_PLACE_H
#define IO_STORE_RESTORE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store/file_lock.h"
#include "io/store/sql.h"

enum { RESTORE_STAMP_SIZE = 24 };

struct restore_place {
    struct sql *db; /* to fill; open for writing */
    /* Of the database that is there: */
    bool is_there;
    bool is_readable;        /* else nothing is known of it, and a file is kept as it is */
    uint64_t order_ids_used; /* 0: not known */

    enum sql_kind kind;
    struct sql *holder; /* PostgreSQL: has the writer's lock */
    struct file_lock lock;
    char path[SQL_URL_SIZE], fresh[SQL_URL_SIZE + 16];
    char kept[SQL_URL_SIZE + 40]; /* where the old one stays: a file, or a schema */
};

/* stamp: letters and digits that make the kept one's name. ERR_EXISTS: a server has it.
 * ERR_INVALID: it is another program's. Others as of sql_open. */
enum err restore_place_open(struct restore_place *p, const char *url,
                            const char stamp[RESTORE_STAMP_SIZE]) ERR_MUST_USE;
/* Closes db and puts it in place, durably. */
enum err restore_place_take(struct restore_place *p) ERR_MUST_USE;
/* Removes what was not taken, and lets go. */
void restore_place_close(struct restore_place *p);

#endif
