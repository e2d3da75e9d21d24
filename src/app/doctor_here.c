/* What can be seen on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "app/data_folder.h"
#include "app/doctor.h"
#include "app/secret_file.h"
#include "base/clock.h"
#include "io/store/backup.h"
#include "io/store/migrate.h"

#define SPACE_FAIL     (UINT64_C(64) << 20)
#define SPACE_WARN     (UINT64_C(1) << 30)
#define SYNC_WARN_NS   INT64_C(20000000)
#define FILES_WANTED   4096
#define MEMLOCK_WANTED 65536

enum { SYNCS = 5, BLOCK = 4096, PATH_SIZE = 2 * CONFIG_TEXT_SIZE };

static void look_at_folder(struct doctor *d);
static void look_at_space(struct doctor *d);
static void look_at_syncs(struct doctor *d);
static void look_at_secret(struct doctor *d);
static void look_at_database(struct doctor *d);
static void look_at_rows(struct doctor *d, struct sql *db);
static void look_at_owner(struct doctor *d);
static void look_at_limits(struct doctor *d);
static void look_at_clock(struct doctor *d);

void doctor_look_here(struct doctor *d)
{
    look_at_folder(d);
    look_at_secret(d);
    look_at_database(d);
    look_at_limits(d);
    look_at_clock(d);
}

static void look_at_folder(struct doctor *d)
{
    const char *path = d->config.data;
    struct stat info;
    if (stat(path, &info) != 0) {
        doctor_found(d, errno == ENOENT ? FINDING_WARN : FINDING_FAIL, "data_folder",
                     "the server makes it at its first start; --data names another", "%s: %s", path,
                     strerror(errno));
        return;
    }
    if (!S_ISDIR(info.st_mode) || access(path, R_OK | W_OK | X_OK) != 0)
        doctor_found(d, FINDING_FAIL, "data_folder", "give it to the server's user",
                     "%s is no folder that this user can write", path);
    else if (info.st_mode & (S_IRWXG | S_IRWXO))
        doctor_found(d, FINDING_WARN, "data_folder", "chmod 700 it",
                     "%s can be read by others (mode %04o)", path, (unsigned)info.st_mode & 07777);
    else
        doctor_found(d, FINDING_OK, "data_folder", NULL, "%s", path);
    look_at_space(d);
    look_at_syncs(d);
}

static void look_at_space(struct doctor *d)
{
    struct statvfs disk;
    if (statvfs(d->config.data, &disk) != 0) return;
    const uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    doctor_found(d,
                 free_bytes < SPACE_FAIL   ? FINDING_FAIL
                 : free_bytes < SPACE_WARN ? FINDING_WARN
                                           : FINDING_OK,
                 "disk_space",
                 free_bytes < SPACE_WARN ? "make room: a full disk stops all entries" : NULL,
                 "%" PRIu64 " MiB are free", free_bytes >> 20);
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* An order waits for one of these before it is sent. */
static void look_at_syncs(struct doctor *d)
{
    static const char block[BLOCK];
    char path[PATH_SIZE];
    int64_t took[SYNCS] = {0};
    snprintf(path, sizeof path, "%s/doctor-XXXXXX", d->config.data);
    const int fd = mkstemp(path);
    bool done = fd >= 0;
    for (int i = 0; done && i < SYNCS; i++) {
        const int64_t began = clock_monotonic_ns(&clock_system);
        done = write(fd, block, sizeof block) == BLOCK && fsync(fd) == 0;
        took[i] = clock_monotonic_ns(&clock_system) - began;
    }
    const int cause = errno;
    if (fd >= 0) {
        unlink(path);
        close(fd);
    }
    if (!done) {
        doctor_found(d, FINDING_FAIL, "disk_sync", "look at the disk and its free space",
                     "cannot write to %s: %s", d->config.data, strerror(cause));
        return;
    }
    qsort(took, SYNCS, sizeof *took, by_size);
    const int64_t middle = took[SYNCS / 2];
    const bool slow = middle > SYNC_WARN_NS;
    doctor_found(d, slow ? FINDING_WARN : FINDING_OK, "disk_sync",
                 slow ? "each order waits for one: use a faster disk" : NULL,
                 "a write is durable after %.1f ms", (double)middle / 1e6);
}

static void look_at_secret(struct doctor *d)
{
    struct secret_file file;
    struct vault *vault = NULL;
    enum err err = secret_file_find(&d->config, &file);
    if (!err) err = secret_file_open(&file, false, &vault);
    if (err == ERR_NOT_FOUND)
        doctor_found(d, FINDING_WARN, "secret_file",
                     "the server makes one at its first start; bring the old one back if there are "
                     "sealed keys",
                     "there is no %s", file.path);
    else if (err)
        doctor_found(d, FINDING_FAIL, "secret_file", "it must be this user's, of mode 600", "%s",
                     err_text());
    else
        doctor_found(d, FINDING_OK, "secret_file", NULL, "%s", file.path);
    vault_close(vault);
}

static void look_at_database(struct doctor *d)
{
    struct sql *db;
    const struct config *c = &d->config;
    const enum err err = data_folder_open_sql(c->data, c->database_url, SQL_READ, &db);
    if (err) {
        doctor_found(d, err == ERR_NOT_FOUND ? FINDING_WARN : FINDING_FAIL, "database",
                     "look at DATABASE_URL and --data, or restore a backup", "%s", err_text());
        return;
    }
    look_at_rows(d, db);
    if (sql_kind(db) == SQL_SQLITE) look_at_owner(d);
    sql_close(db);
}

static enum err quick_check(struct sql *db, bool *whole)
{
    struct sql_statement *st;
    bool more = false;
    *whole = true;
    if (sql_kind(db) != SQL_SQLITE) return OK;
    enum err err = sql_use(db, "PRAGMA quick_check(1)", &st);
    if (!err) err = sql_next(st, &more);
    if (err) return err;
    *whole = more && slice_is(sql_column_text(st, 0), "ok");
    sql_reset(st);
    return OK;
}

static void look_at_rows(struct doctor *d, struct sql *db)
{
    uint32_t version = 0;
    bool whole = false;
    int64_t restored_ms = 0;
    enum err err = quick_check(db, &whole);
    if (err == ERR_TIMEOUT) {
        doctor_found(d, FINDING_WARN, "database_whole", "run PRAGMA quick_check while nobody waits",
                     "it is too large to be checked in a few seconds");
        err = OK;
    } else if (err || !whole) {
        doctor_found(d, FINDING_FAIL, "database_whole", "stop the server and restore a backup",
                     "the database is damaged%s%s", err ? ": " : "", err ? err_text() : "");
        return;
    }
    err = migrate_version(db, migrations, migrations_count, &version);
    if (err)
        doctor_found(d, FINDING_FAIL, "database", "see tradebot migrate --check", "%s", err_text());
    else
        doctor_found(d, version == migrations_count ? FINDING_OK : FINDING_WARN, "database",
                     version == migrations_count
                         ? NULL
                         : "tradebot migrate, or the server's next start, brings it up to date",
                     "version %" PRIu32 " of %" PRIu32, version, migrations_count);
    if (!err && version == migrations_count && store_restored(db, &restored_ms) == OK &&
        restored_ms)
        doctor_found(d, FINDING_WARN, "database_restored",
                     "look at the exchange's orders and balances, then tradebot restore --settled",
                     "it was restored from a backup: live bots take no entries");
}

/* Whether a server has it; the lock is only looked at. */
static void look_at_owner(struct doctor *d)
{
    char path[PATH_SIZE], owner[32] = "";
    if (data_folder_database(d->config.data, d->config.database_url, path, sizeof path) != OK)
        return;
    const size_t size = strlen(path);
    if (size + 6 > sizeof path) return;
    snprintf(path + size, sizeof path - size, "-lock");
    const int fd = open(path + 7, O_RDONLY | O_CLOEXEC); /* behind "sqlite:" */
    const bool is_held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (is_held && read(fd, owner, sizeof owner - 1) > 0) owner[strcspn(owner, "\n")] = '\0';
    if (fd >= 0) close(fd);
    if (is_held)
        doctor_found(d, FINDING_OK, "database_owner", NULL, "a server has it: process %s", owner);
    else
        doctor_found(d, FINDING_OK, "database_owner", NULL, "no server has it");
}

static void look_at_limits(struct doctor *d)
{
    struct rlimit files, locked, core;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || getrlimit(RLIMIT_MEMLOCK, &locked) != 0 ||
        getrlimit(RLIMIT_CORE, &core) != 0)
        return;
    const bool few = files.rlim_cur < FILES_WANTED;
    doctor_found(d, few ? FINDING_WARN : FINDING_OK, "open_files",
                 few ? "raise it: ulimit -n, or LimitNOFILE= of the unit" : NULL,
                 "%" PRIu64 " at most", (uint64_t)files.rlim_cur);
    const bool little = locked.rlim_cur < MEMLOCK_WANTED;
    doctor_found(d, little ? FINDING_WARN : FINDING_OK, "locked_memory",
                 little ? "raise it: ulimit -l, or LimitMEMLOCK= of the unit; secrets may be "
                          "swapped out"
                        : NULL,
                 "%" PRIu64 " KiB at most", (uint64_t)locked.rlim_cur >> 10);
    doctor_found(d, FINDING_OK, "core_dumps", NULL, "%s here; the server switches them off",
                 core.rlim_cur ? "on" : "off");
}

static void look_at_clock(struct doctor *d)
{
    struct timex state = {0};
    const bool runs = adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
    doctor_found(d, runs ? FINDING_OK : FINDING_WARN, "clock_sync",
                 runs ? NULL
                      : "run chrony or systemd-timesyncd: exchanges refuse orders of wrong "
                        "times",
                 "the system's clock is %s", runs ? "synchronised" : "not synchronised");
}
