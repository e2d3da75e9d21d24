/* Hooks xWrite and xSync of the files that the real VFS opens. */
#include "fault_vfs.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include <sqlite3.h>

/* The unix VFS has one table of methods for the database and one for everything beside it. */
static const sqlite3_io_methods *real[2];
static sqlite3_io_methods hooked[2];
static sqlite3_vfs *below;
static sqlite3_vfs vfs;
static atomic_int fault_kind, countdown;

static const sqlite3_io_methods *real_of(sqlite3_file *file)
{
    return real[file->pMethods == &hooked[1]];
}

static bool strikes(enum fault fault)
{
    return atomic_load(&countdown) <= 0 && atomic_load(&fault_kind) == (int)fault;
}

static void count_down(void)
{
    if (strikes(FAULT_KILL)) kill(getpid(), SIGKILL);
    atomic_fetch_sub(&countdown, 1);
}

static int fault_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    count_down();
    if (strikes(FAULT_DISK_FULL)) return SQLITE_FULL;
    return real_of(file)->xWrite(file, data, size, at);
}

static int fault_sync(sqlite3_file *file, int flags)
{
    count_down();
    if (strikes(FAULT_SYNC)) return SQLITE_IOERR_FSYNC;
    return real_of(file)->xSync(file, flags);
}

static int fault_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)self;
    const int code = below->xOpen(below, name, file, flags, out);
    if (code != SQLITE_OK || !file->pMethods) return code;
    const int which = (flags & SQLITE_OPEN_MAIN_DB) == 0;
    real[which] = file->pMethods;
    hooked[which] = *file->pMethods;
    hooked[which].xWrite = fault_write;
    hooked[which].xSync = fault_sync;
    file->pMethods = &hooked[which];
    return code;
}

void fault_vfs_install(void)
{
    if (below) return;
    below = sqlite3_vfs_find(NULL);
    vfs = *below;
    vfs.zName = "fault";
    vfs.xOpen = fault_open;
    sqlite3_vfs_register(&vfs, 1);
}

void fault_vfs_set(enum fault fault, int after)
{
    atomic_store(&fault_kind, FAULT_NONE);
    atomic_store(&countdown, after);
    atomic_store(&fault_kind, (int)fault);
}
