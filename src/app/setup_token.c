/* The file of the set-up token. */
#include "app/setup_token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum { PATH_SIZE = 1024 };

static enum err path_of(const char *folder, char path[PATH_SIZE])
{
    const int size = snprintf(path, PATH_SIZE, "%s/setup-token", folder);
    return size < PATH_SIZE ? OK : err_set(ERR_INVALID, "the data folder's name is too long");
}

/* False where there is no file, or none of ours. */
static bool read_file(const char *path, char text[TOKEN_TEXT_SIZE], struct token_hash *hash)
{
    enum token_kind kind;
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return false;
    const ssize_t size = read(file, text, TOKEN_TEXT_SIZE - 1);
    close(file);
    text[size > 0 ? size : 0] = '\0';
    return token_read(slice_of(text), &kind, hash) && kind == TOKEN_SETUP;
}

enum err setup_token_open(const char *folder, char text[TOKEN_TEXT_SIZE], struct token_hash *hash)
{
    char path[PATH_SIZE];
    const enum err err = path_of(folder, path);
    if (err || read_file(path, text, hash)) return err;
    unlink(path);
    token_new(TOKEN_SETUP, text, hash);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool whole = file >= 0 && dprintf(file, "%s\n", text) == (int)strlen(text) + 1;
    const int code = errno;
    if (file >= 0) close(file);
    return whole ? OK : err_set(ERR_IO, "cannot write %s: %s", path, strerror(code));
}

void setup_token_remove(const char *folder)
{
    char path[PATH_SIZE];
    if (path_of(folder, path) || unlink(path) == 0 || errno == ENOENT) return;
    log_warn("setup_token_stays", "path=%s cause=%s", path, strerror(errno));
}
