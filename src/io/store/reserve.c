/* A preallocated file. */
#include "io/store/reserve.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static bool path_of(const char *database, char path[PATH_SIZE])
{
    const int size = snprintf(path, PATH_SIZE, "%s-reserve", database);
    return size > 0 && size < PATH_SIZE;
}

bool reserve_make(const char *database)
{
    char path[PATH_SIZE];
    struct stat is;
    if (!database) return true;
    if (!path_of(database, path)) return false;
    if (stat(path, &is) == 0 && is.st_size == RESERVE_SIZE) return true;
    const int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return false;
    const bool made = posix_fallocate(file, 0, RESERVE_SIZE) == 0;
    close(file);
    if (!made) unlink(path); /* half a reserve only takes room */
    return made;
}

bool reserve_give(const char *database)
{
    char path[PATH_SIZE];
    return database && path_of(database, path) && unlink(path) == 0;
}
