/* Whole writes by file descriptor. */
#include "app/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static enum err write_all(int fd, const char *name, const struct buffer *b)
{
    if (b->failed) return err_set(ERR_LIMIT, "%s: too much to write", name);
    for (size_t at = 0; at < b->size;) {
        const ssize_t done = write(fd, b->data + at, b->size - at);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return err_set(ERR_IO, "%s: %s", name, strerror(errno));
        at += (size_t)done;
    }
    return OK;
}

enum err output_print(const struct buffer *b)
{
    return write_all(STDOUT_FILENO, "standard output", b);
}

enum err output_write_file(const char *path, const struct buffer *b)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return err_set(ERR_IO, "%s: %s", path, strerror(errno));
    enum err err = write_all(fd, path, b);
    if (close(fd) && !err) err = err_set(ERR_IO, "%s: %s", path, strerror(errno));
    return err;
}
