/* A file and a rename, or a schema and a transaction. */
#include "io/store/restore_place.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/store/backup.h"
#include "io/store/migrate.h"
#include "io/store/store.h"

/* Where the swap below finds the old one's new name: a statement has no values in DO. */
static const char name_kept[] = "SELECT length(set_config('tradebot.kept', ?1, false))";
/* A server that lost its connection, and comes back later, must see that others have written. */
static const char count_epoch[] =
    "DO $$ BEGIN IF to_regclass('writer') IS NOT NULL THEN"
    " UPDATE tradebot_restoring.writer SET epoch = (SELECT max(epoch) FROM writer) + 1;"
    " END IF; END $$";
static const char swap[] =
    "DO $$ DECLARE t TEXT; here TEXT := current_schema();"
    " kept TEXT := current_setting('tradebot.kept'); BEGIN"
    "  EXECUTE format('CREATE SCHEMA %I', kept);"
    "  FOR t IN SELECT table_name FROM information_schema.tables"
    "    WHERE table_schema = here AND table_type = 'BASE TABLE' LOOP"
    "    EXECUTE format('ALTER TABLE %I.%I SET SCHEMA %I', here, t, kept);"
    "  END LOOP;"
    "  FOR t IN SELECT table_name FROM information_schema.tables"
    "    WHERE table_schema = 'tradebot_restoring' AND table_type = 'BASE TABLE' LOOP"
    "    EXECUTE format('ALTER TABLE tradebot_restoring.%I SET SCHEMA %I', t, here);"
    "  END LOOP;"
    "  IF NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = kept) THEN"
    "    EXECUTE format('DROP SCHEMA %I', kept);"
    "  END IF;"
    "  DROP SCHEMA tradebot_restoring; END $$";

static enum err open_file(struct restore_place *p, const char *stamp);
static enum err open_schema(struct restore_place *p, const char *url, const char *stamp);
static enum err look_at_file(struct restore_place *p);
static enum err look_at(struct restore_place *p, struct sql *db);
static enum err take_file(struct restore_place *p);
static enum err take_schema(struct restore_place *p);
static enum err run_alone(struct sql *db, const char *text);
static enum err sync_folder_of(const char *path);
static void remove_fresh(const struct restore_place *p);

enum err restore_place_open(struct restore_place *p, const char *url,
                            const char stamp[RESTORE_STAMP_SIZE])
{
    *p = (struct restore_place){.kind = SQL_POSTGRES, .lock = {-1}};
    enum err err;
    if (strncmp(url, "sqlite:", 7) == 0) {
        p->kind = SQL_SQLITE;
        snprintf(p->path, sizeof p->path, "%s", url + 7);
        err = open_file(p, stamp);
    } else {
        err = open_schema(p, url, stamp);
    }
    if (err) restore_place_close(p);
    return err;
}

enum err restore_place_take(struct restore_place *p)
{
    sql_close(p->db);
    p->db = NULL;
    return p->kind == SQL_SQLITE ? take_file(p) : take_schema(p);
}

void restore_place_close(struct restore_place *p)
{
    sql_close(p->db);
    p->db = NULL;
    if (p->kind == SQL_SQLITE && p->lock.fd >= 0) remove_fresh(p);
    sql_close(p->holder);
    p->holder = NULL;
    file_lock_release(&p->lock);
}

/* ---- SQLite ---- */

static enum err open_file(struct restore_place *p, const char *stamp)
{
    char lock[SQL_URL_SIZE + 8];
    snprintf(p->fresh, sizeof p->fresh, "%s.restoring", p->path);
    snprintf(p->kept, sizeof p->kept, "%s.before-%s", p->path, stamp);
    snprintf(lock, sizeof lock, "%s-lock", p->path);
    enum err err = file_lock_take(&p->lock, lock);
    if (err) return err;
    err = look_at_file(p);
    if (err) return err;
    remove_fresh(p);
    return sql_open(p->fresh, SQL_WRITE, BACKUP_TIMEOUT_MS, &p->db);
}

/* What cannot be read is the very thing that a backup is for: it is kept as it is. What can be read
 * is made one file, without a WAL beside it. */
static enum err look_at_file(struct restore_place *p)
{
    struct sql *db;
    p->is_there = access(p->path, F_OK) == 0;
    if (!p->is_there) return OK;
    enum err err = sql_open(p->path, SQL_BESIDE, STORE_BUSY_TIMEOUT_MS, &db);
    if (err) return OK;
    err = look_at(p, db);
    sql_close(db);
    return err;
}

static enum err look_at(struct restore_place *p, struct sql *db)
{
    uint32_t version = 0;
    const enum err err = migrate_version(db, migrations, migrations_count, &version);
    if (err == ERR_INVALID) return err_note(err, "it is not replaced");
    /* A newer program's is replaced too: a backup is the way back to an older program. */
    p->is_readable = !err || err == ERR_UNSUPPORTED;
    if (version == 0 && !err) {
        p->is_there = false; /* an empty one */
        return OK;
    }
    const enum err read = p->is_readable ? store_order_ids_used(db, &p->order_ids_used) : OK;
    if (read && read != ERR_NOT_FOUND) p->is_readable = false;
    return OK;
}

static void file_beside(const char *path, const char *end, char *out, size_t size)
{
    snprintf(out, size, "%s%s", path, end);
}

static void remove_fresh(const struct restore_place *p)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", "-lock"};
    char path[SQL_URL_SIZE + 32];
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
        file_beside(p->fresh, ends[i], path, sizeof path);
        unlink(path);
    }
}

/* A WAL belongs to its file: beside another one it would be played into that. */
static enum err move_beside(const struct restore_place *p, const char *end)
{
    char from[SQL_URL_SIZE + 48], to[SQL_URL_SIZE + 48];
    file_beside(p->path, end, from, sizeof from);
    file_beside(p->kept, end, to, sizeof to);
    return rename(from, to) == 0 || errno == ENOENT
               ? OK
               : err_set(ERR_IO, "cannot move %s: %s", from, strerror(errno));
}

static enum err take_file(struct restore_place *p)
{
    if (access(p->path, F_OK) == 0 && link(p->path, p->kept) != 0)
        return err_set(ERR_IO, "cannot keep the old database as %s: %s", p->kept, strerror(errno));
    enum err err = move_beside(p, "-wal");
    if (!err) err = move_beside(p, "-shm");
    if (!err && rename(p->fresh, p->path) != 0)
        err = err_set(ERR_IO, "cannot put the database in place: %s", strerror(errno));
    return err ? err : sync_folder_of(p->path);
}

static enum err sync_folder_of(const char *path)
{
    char copy[SQL_URL_SIZE];
    snprintf(copy, sizeof copy, "%s", path);
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    const enum err err = done ? OK : err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return err;
}

/* ---- PostgreSQL ---- */

static enum err open_schema(struct restore_place *p, const char *url, const char *stamp)
{
    snprintf(p->kept, sizeof p->kept, "tradebot_before_%s", stamp);
    char there[SQL_URL_SIZE];
    const int size =
        snprintf(there, sizeof there, "%s%coptions=-csearch_path%%3Dtradebot_restoring", url,
                 strchr(url, '?') ? '&' : '?');
    if (size < 0 || (size_t)size >= sizeof there)
        return err_set(ERR_INVALID, "the database's address is too long");
    enum err err = sql_open(url, SQL_WRITE, BACKUP_TIMEOUT_MS, &p->holder);
    p->is_there = true;
    if (!err) err = look_at(p, p->holder);
    if (!err)
        err = run_alone(p->holder, "DROP SCHEMA IF EXISTS tradebot_restoring CASCADE;"
                                   "CREATE SCHEMA tradebot_restoring");
    if (!err) err = sql_open(there, SQL_BESIDE, BACKUP_TIMEOUT_MS, &p->db);
    explicit_bzero(there, sizeof there); /* may hold a password */
    return err;
}

static enum err take_schema(struct restore_place *p)
{
    struct sql_statement *st;
    int64_t size = 0;
    enum err err = sql_begin(p->holder, SQL_EXACT);
    if (err) return err;
    err = sql_use(p->holder, name_kept, &st);
    if (!err) {
        sql_text(st, p->kept);
        err = sql_run_i64(st, &size);
    }
    if (!err) err = sql_exec(p->holder, count_epoch);
    if (!err) err = sql_exec(p->holder, swap);
    if (!err) return sql_commit(p->holder);
    sql_rollback(p->holder);
    return err;
}

static enum err run_alone(struct sql *db, const char *text)
{
    enum err err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = sql_exec(db, text);
    if (!err) return sql_commit(db);
    sql_rollback(db);
    return err;
}
