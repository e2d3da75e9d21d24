/* Looks before it opens, so that an error names what is wrong and not what SQLite met. */
#include "app/data_folder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err make_folder(const char *path);
static enum err check_file(const char *path);
static const char *cure_of(enum err err);
static const char *cure_of_server(enum err err);

static bool is_sqlite(const char *database_url)
{
    return !*database_url || strncmp(database_url, "sqlite:", 7) == 0;
}

enum err data_folder_database(const char *folder, const char *database_url, char *out, size_t size)
{
    const char *file = *database_url ? database_url + 7 : "tradebot.db";
    const int written = is_sqlite(database_url) && *file != '/'
                            ? snprintf(out, size, "sqlite:%s/%s", folder, file)
                            : snprintf(out, size, "%s", database_url);
    return written < 0 || (size_t)written >= size
               ? err_set(ERR_INVALID, "the data folder's name is too long")
               : OK;
}

static enum err with_cure(const char *database_url, enum err err)
{
    const char *cure = is_sqlite(database_url) ? cure_of(err) : cure_of_server(err);
    return err && cure ? err_note(err, "%s", cure) : err;
}

enum err data_folder_open(const char *folder, const char *database_url, int64_t now_ms,
                          char *store_url, size_t store_url_size, struct store **out)
{
    enum err err = data_folder_database(folder, database_url, store_url, store_url_size);
    if (!err) err = make_folder(folder);
    if (!err && is_sqlite(database_url)) err = check_file(store_url + 7);
    return err ? err : with_cure(database_url, store_open(store_url, now_ms, out));
}

enum err data_folder_open_sql(const char *folder, const char *database_url, enum sql_access how,
                              struct sql **out)
{
    char url[SQL_URL_SIZE];
    *out = NULL;
    enum err err = data_folder_database(folder, database_url, url, sizeof url);
    if (!err && how == SQL_WRITE) err = make_folder(folder);
    if (!err && is_sqlite(database_url)) {
        err = check_file(url + 7);
        if (!err && how != SQL_WRITE && access(url + 7, F_OK) != 0)
            err = err_set(ERR_NOT_FOUND,
                          "there is no database %s: --data names the server's folder, and the "
                          "server makes it at its first start",
                          url + 7);
    }
    if (err) return err;
    return with_cure(database_url, sql_open(url, how, STORE_BUSY_TIMEOUT_MS, out));
}

static enum err make_folder(const char *path)
{
    struct stat status;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set(ERR_IO, "cannot make the data folder %s: %s; %s", path, strerror(errno),
                       errno == ENOENT ? "make the folder that it is to be in first"
                                       : "choose another one with --data");
    if (stat(path, &status) != 0)
        return err_set(ERR_IO, "cannot use the data folder %s: %s", path, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return err_set(ERR_IO, "%s is a file, and must be a folder; choose another with --data",
                       path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return err_set(ERR_IO,
                       "the data folder %s cannot be written: %s; give it to this user, or choose "
                       "another with --data",
                       path, strerror(errno));
    return OK;
}

static enum err check_file(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) return OK; /* it will be made */
    if (!S_ISREG(status.st_mode))
        return err_set(ERR_IO,
                       "%s is %s, and must be the database's file; move it away, or choose another "
                       "folder with --data",
                       path, S_ISDIR(status.st_mode) ? "a folder" : "no plain file");
    if (access(path, R_OK | W_OK) != 0)
        return err_set(ERR_IO, "the database %s cannot be written: %s; give it to this user", path,
                       strerror(errno));
    return OK;
}

static const char *cure_of(enum err err)
{
    switch (err) {
    case ERR_EXISTS: return "stop that one, or give this one a folder of its own with --data";
    case ERR_PARSE:
    case ERR_INVALID: return "move that file away, or choose another folder with --data";
    case ERR_UNSUPPORTED: return "run the newer program, or choose another folder with --data";
    default: return NULL;
    }
}

static const char *cure_of_server(enum err err)
{
    switch (err) {
    case ERR_EXISTS: return "stop that one, or name another database with DATABASE_URL";
    case ERR_CLOSED:
    case ERR_TIMEOUT: return "look whether the database is up, and at DATABASE_URL";
    case ERR_INVALID: return "name an empty database with DATABASE_URL";
    case ERR_UNSUPPORTED: return "run the newer program, or name another with DATABASE_URL";
    default: return NULL;
    }
}
