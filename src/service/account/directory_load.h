/* Fills the directory from the database. */
#ifndef SERVICE_ACCOUNT_DIRECTORY_LOAD_H
#define SERVICE_ACCOUNT_DIRECTORY_LOAD_H

#include "base/err.h"
#include "io/store/sql.h"
#include "service/account/directory.h"

/* Reads every account anew, by any connection. On an error the directory stays as it is. Errors:
 * those of account_read. */
enum err directory_load(struct directory *d, struct sql *db, int64_t now_ms) ERR_MUST_USE;
/* The same where the database knows more than the directory, else nothing: for asking often. */
enum err directory_catch_up(struct directory *d, struct sql *db, int64_t now_ms) ERR_MUST_USE;

#endif
