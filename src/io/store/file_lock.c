/* Lock files by flock(2). */
#include "io/store/file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static long owner_of(int fd);
static enum err write_owner(int fd);

enum err file_lock_take(struct file_lock *lock, const char *path)
{
    lock->fd = -1;
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set(ERR_IO, "cannot write the lock file %s: %s", path, strerror(errno));
    }
    enum err err = OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK
                  ? err_set(ERR_EXISTS, "another engine (process %ld) is using it: %s is locked",
                            owner_of(fd), path)
                  : err_set(ERR_IO, "cannot lock %s: %s", path, strerror(errno));
    } else {
        err = write_owner(fd);
    }
    if (err)
        close(fd);
    else
        lock->fd = fd;
    return err;
}

void file_lock_release(struct file_lock *lock)
{
    if (lock->fd < 0) return;
    close(lock->fd);
    lock->fd = -1;
}

/* 0 where the owner has not written its id yet. */
static long owner_of(int fd)
{
    char text[32] = {0};
    const ssize_t size = pread(fd, text, sizeof text - 1, 0);
    return size > 0 ? strtol(text, NULL, 10) : 0;
}

static enum err write_owner(int fd)
{
    char text[32];
    const int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)size, 0) != size) {
        return err_set(ERR_IO, "cannot write the lock file: %s", strerror(errno));
    }
    return OK;
}
