/* The database for commands that look at accounts or change them, while a server may run.
 *
 * Opened beside the server (SQL_READ or SQL_BESIDE, see sql.h) and held to this program's version.
 * A change is one transaction with its entry in the audit log, whose actor is "command line". */
#ifndef APP_ADMIN_DATABASE_H
#define APP_ADMIN_DATABASE_H

#include "app/config.h"
#include "base/err.h"
#include "io/store/audit_store.h"
#include "io/store/sql.h"

/* ERR_UNSUPPORTED: an older or newer program's. Others as of sql_open. */
enum err admin_database_open(const struct config *config, enum sql_access access,
                             struct sql **out) ERR_MUST_USE;
/* Makes the database where there is none yet, and brings it up to date where no server has it. */
enum err admin_database_make(const struct config *config) ERR_MUST_USE;

/* run changes what it likes by the open transaction and fills in action, target and detail of what
 * is told; any error undoes all of it. */
enum err admin_database_change(struct sql *db,
                               enum err (*run)(struct sql *db, void *user,
                                               struct audit_entry *told),
                               void *user) ERR_MUST_USE;

#endif
