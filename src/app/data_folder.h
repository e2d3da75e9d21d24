/* The folder that a server keeps its things in, and its database, there or elsewhere.
 *
 * What people run into at a first start is told with its cure: a folder that cannot be made or
 * written, something else in the place of the database, another server that has it. */
#ifndef APP_DATA_FOLDER_H
#define APP_DATA_FOLDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/store/store.h"

/* The database's url: tradebot.db in the folder where database_url is "", else that one (a relative
 * path of sqlite: begins in the folder). ERR_INVALID: too long. */
enum err data_folder_database(const char *folder, const char *database_url, char *out,
                              size_t size) ERR_MUST_USE;
/* Makes the folder where it is missing (mode 0700, its parent must exist) and opens the
 * database. Its url, which a reader of it opens, is left in store_url. Errors as store_open, and
 * ERR_IO. */
enum err data_folder_open(const char *folder, const char *database_url, int64_t now_ms,
                          char *store_url, size_t store_url_size, struct store **out) ERR_MUST_USE;
/* The same for commands that need no store: SQL_WRITE makes folder and file too, and is refused
 * while a server has the database. ERR_NOT_FOUND: there is no file, and this access makes none. */
enum err data_folder_open_sql(const char *folder, const char *database_url, enum sql_access how,
                              struct sql **out) ERR_MUST_USE;

#endif
