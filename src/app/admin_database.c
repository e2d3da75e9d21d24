/* Open, check, change in one transaction. */
#include "app/admin_database.h"

#include "app/data_folder.h"
#include "base/clock.h"
#include "io/store/migrate.h"
#include "io/store/store.h"

enum { URL_SIZE = 2 * CONFIG_TEXT_SIZE };

enum err admin_database_open(const struct config *config, enum sql_access access, struct sql **out)
{
    char url[URL_SIZE];
    *out = NULL;
    enum err err = data_folder_database(config->data, config->database_url, url, sizeof url);
    if (!err) {
        err = sql_open(url, access, STORE_BUSY_TIMEOUT_MS, out);
        if (err) err = err_note(err, "is this the server's? --data names its folder");
    }
    if (err) return err;
    err = migrate_check(*out, migrations, migrations_count);
    if (!err) return OK;
    if (err == ERR_UNSUPPORTED)
        err = err_note(err, "start the server of this version once, which brings it up to date");
    sql_close(*out);
    *out = NULL;
    return err;
}

enum err admin_database_make(const struct config *config)
{
    char url[URL_SIZE];
    struct store *store = NULL;
    const enum err err = data_folder_open(config->data, config->database_url,
                                          clock_wall_ms(&clock_system), url, sizeof url, &store);
    store_close(store);
    return err == ERR_EXISTS ? OK : err; /* a server has it, and has made it */
}

static enum err run_and_tell(struct sql *db,
                             enum err (*run)(struct sql *db, void *user, struct audit_entry *told),
                             void *user)
{
    struct audit_entry told = {.time_ms = clock_wall_ms(&clock_system), .actor = "command line"};
    enum err err = sql_save(db, SQL_STATEMENTS);
    if (err) return err;
    err = run(db, user, &told);
    if (!err) err = audit_append(db, &told);
    return sql_saved(db, SQL_STATEMENTS, err);
}

enum err admin_database_change(struct sql *db,
                               enum err (*run)(struct sql *db, void *user,
                                               struct audit_entry *told),
                               void *user)
{
    enum err err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = run_and_tell(db, run, user);
    if (!err) return sql_commit(db);
    sql_rollback(db);
    return err;
}
