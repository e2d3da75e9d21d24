/* A file of zeros beside the database, given back to the disk when it is full: what must still be
 * written (exits, fills) then has room while entries wait. Thread: one at a time. */
#ifndef IO_STORE_RESERVE_H
#define IO_STORE_RESERVE_H

#include <stdbool.h>

/* Some hundred exits with their fills: a commit appends a few pages of 4 KiB to the WAL. */
#define RESERVE_SIZE (8 << 20)

/* A database that is no file (NULL) needs none. */

/* "<database>-reserve" is there with all its blocks. False while the disk has no room for it. */
bool reserve_make(const char *database);
/* False when there was none to give. */
bool reserve_give(const char *database);

#endif
