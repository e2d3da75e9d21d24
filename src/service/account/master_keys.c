/* Reading and writing the master keys' file. */
#include "service/account/master_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

enum { BASE64_SIZE = 45, LINE_SIZE = 64, TEXT_SIZE = 1024, PATH_SIZE = 4096 };

enum err master_keys_add(struct master_keys *keys)
{
    if (keys->count == MASTER_KEYS_MAX)
        return err_set(ERR_LIMIT, "the file holds %d master keys already: finish the last rotation",
                       MASTER_KEYS_MAX);
    struct master_key *key = &keys->items[keys->count];
    key->version = keys->count > 0 ? keys->items[keys->count - 1].version + 1 : 1;
    randombytes_buf(key->bytes, sizeof key->bytes);
    keys->count++;
    return OK;
}

/* ---- reading ---- */

static enum err parse_line(const char *line, struct master_keys *keys)
{
    char *rest;
    size_t size = 0;
    if (keys->count == MASTER_KEYS_MAX) return err_set(ERR_INVALID, "more keys than there may be");
    struct master_key *key = &keys->items[keys->count];
    const unsigned long version = strtoul(line, &rest, 10);
    const unsigned long before = keys->count > 0 ? key[-1].version : 0;
    if (line[0] < '0' || line[0] > '9' || *rest != ' ' || version > UINT32_MAX || version <= before)
        return err_set(ERR_INVALID, "not a rising version number and a key");
    key->version = (uint32_t)version;
    rest++;
    if (sodium_base642bin(key->bytes, sizeof key->bytes, rest, strlen(rest), NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size != MASTER_KEY_SIZE)
        return err_set(ERR_INVALID, "not a key: 32 bytes in base64 are wanted");
    keys->count++;
    return OK;
}

/* text is cut up. */
static enum err parse(char *text, struct master_keys *keys)
{
    unsigned number = 0;
    char *rest = text;
    keys->count = 0;
    for (char *line; (line = strsep(&rest, "\n"));) {
        number++;
        if (*line == '\0' || *line == '#') continue;
        const enum err err = parse_line(line, keys);
        if (err) return err_note(err, "in line %u", number);
    }
    return keys->count > 0 ? OK : err_set(ERR_INVALID, "there is no key in it");
}

/* The key is as safe as its file: links, other owners and open modes are refused. */
static enum err check_file(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return err_set(ERR_IO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode)) return err_set(ERR_INVALID, "not a plain file");
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(ERR_INVALID,
                       "others may read it (mode %04o): chmod 600 it, and rotate the "
                       "key if they may have done so",
                       (unsigned)(info.st_mode & 07777));
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return err_set(ERR_INVALID, "it belongs to user %u, not to the one who runs this",
                       (unsigned)info.st_uid);
    return info.st_size < TEXT_SIZE ? OK : err_set(ERR_INVALID, "too long for a key file");
}

enum err master_keys_read(const char *path, struct master_keys *keys)
{
    char text[TEXT_SIZE] = "";
    keys->count = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_set(errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                       "cannot read the secret file %s: %s", path, strerror(errno));
    enum err err = check_file(fd);
    const ssize_t size = err ? 0 : read(fd, text, sizeof text - 1);
    if (size < 0) err = err_set(ERR_IO, "%s", strerror(errno));
    close(fd);
    if (!err) err = parse(text, keys);
    sodium_memzero(text, sizeof text);
    if (err) sodium_memzero(keys, sizeof *keys);
    return err ? err_note(err, "while reading the secret file %s", path) : OK;
}

/* ---- writing ---- */

static size_t write_text(const struct master_keys *keys, char text[TEXT_SIZE])
{
    int size = snprintf(text, TEXT_SIZE,
                        "# TradeBot's master keys: whoever has them can read the "
                        "exchange keys. Keep a copy apart from the backups.\n");
    for (uint32_t i = 0; i < keys->count; i++) {
        char base64[BASE64_SIZE];
        sodium_bin2base64(base64, sizeof base64, keys->items[i].bytes, MASTER_KEY_SIZE,
                          sodium_base64_VARIANT_ORIGINAL);
        size += snprintf(text + size, TEXT_SIZE - (size_t)size, "%u %s\n", keys->items[i].version,
                         base64);
        sodium_memzero(base64, sizeof base64);
    }
    return (size_t)size;
}

/* The name itself must be on the disk too, or a power cut may take the whole file back. */
static enum err sync_folder(const char *path)
{
    char folder[PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == folder)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    else
        snprintf(folder, sizeof folder, ".");
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    const int code = errno;
    if (fd >= 0) close(fd);
    return done ? OK : err_set(ERR_IO, "cannot sync the folder %s: %s", folder, strerror(code));
}

static enum err write_file(const char *path, const struct master_keys *keys)
{
    char text[TEXT_SIZE];
    const size_t size = write_text(keys, text);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    const bool done = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    const int code = errno;
    if (fd >= 0) close(fd);
    sodium_memzero(text, sizeof text);
    return done ? OK : err_set(ERR_IO, "cannot write %s: %s", path, strerror(code));
}

enum err master_keys_write(const char *path, const struct master_keys *keys, bool exclusive)
{
    char beside[PATH_SIZE];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= PATH_SIZE)
        return err_set(ERR_INVALID, "the name of the secret file is too long");
    unlink(beside); /* of an attempt that was cut off: its rename never happened */
    enum err err = write_file(beside, keys);
    if (err) return err;
    /* link(2) refuses a name that is taken, rename(2) replaces it. */
    const int code = exclusive ? link(beside, path) : rename(beside, path);
    if (code != 0)
        err = err_set(errno == EEXIST ? ERR_EXISTS : ERR_IO, "cannot make the secret file %s: %s",
                      path, strerror(errno));
    if (exclusive || err) unlink(beside);
    return err ? err : sync_folder(path);
}
