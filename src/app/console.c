/* The file between a server and the commands beside it. */
#include "app/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum { PATH_SIZE = 1024 };

static enum err path_of(const char *folder, char path[PATH_SIZE])
{
    const int size = snprintf(path, PATH_SIZE, "%s/console", folder);
    return size < PATH_SIZE ? OK : err_set(ERR_INVALID, "the data folder's name is too long");
}

enum err console_write(const char *folder, const struct console *c)
{
    char path[PATH_SIZE];
    const enum err err = path_of(folder, path);
    if (err) return err;
    unlink(path);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const int size = (int)(strlen(c->url) + strlen(c->token) + 2);
    const bool whole = file >= 0 && dprintf(file, "%s\n%s\n", c->url, c->token) == size;
    const int code = errno;
    if (file >= 0) close(file);
    return whole ? OK : err_set(ERR_IO, "cannot write %s: %s", path, strerror(code));
}

void console_remove(const char *folder)
{
    char path[PATH_SIZE];
    if (path_of(folder, path) || unlink(path) == 0 || errno == ENOENT) return;
    log_warn("console_stays", "path=%s cause=%s", path, strerror(errno));
}

/* Cuts a line off the front of *text. */
static bool take_line(char **text, char *out, size_t size)
{
    char *end = strchr(*text, '\n');
    if (!end) return false;
    const struct slice line = {*text, (size_t)(end - *text)};
    *text = end + 1;
    return slice_copy(line, out, size);
}

enum err console_read(const char *folder, struct console *c)
{
    char path[PATH_SIZE], text[sizeof *c + 3], *at = text;
    struct token_hash hash;
    enum token_kind kind;
    const enum err err = path_of(folder, path);
    if (err) return err;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 && errno == ENOENT)
        return err_set(ERR_NOT_FOUND, "no server runs by %s (--data names its folder)", folder);
    const ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    const int code = errno;
    if (file >= 0) close(file);
    if (size < 0) return err_set(ERR_IO, "cannot read %s: %s", path, strerror(code));
    text[size] = '\0';
    const bool good = take_line(&at, c->url, sizeof c->url) &&
                      take_line(&at, c->token, sizeof c->token) &&
                      token_read(slice_of(c->token), &kind, &hash) && kind == TOKEN_CONSOLE;
    explicit_bzero(text, sizeof text);
    return good ? OK : err_set(ERR_PARSE, "%s is not what a server writes there", path);
}
