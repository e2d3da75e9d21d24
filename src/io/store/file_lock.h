/* A lock file: says that one process, and no other, works on a data folder or a database.
 *
 * The lock is flock(2)'s, so it ends with its process whatever happens; the file itself stays and
 * holds the owner's process id for the message. A child that a fork leaves behind keeps the lock;
 * exec drops it. */
#ifndef IO_STORE_FILE_LOCK_H
#define IO_STORE_FILE_LOCK_H

#include "base/err.h"

struct file_lock {
    int fd; /* -1 when not held */
};

/* Takes the lock on that file, made if need be. ERR_EXISTS when somebody holds it, naming the
 * process; ERR_IO when the file cannot be written. Never waits. */
enum err file_lock_take(struct file_lock *lock, const char *path) ERR_MUST_USE;
/* Fine on one that is not held (fd -1). */
void file_lock_release(struct file_lock *lock);

#endif
