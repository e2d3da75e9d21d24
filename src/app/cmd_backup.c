/* tradebot backup: the whole database in one file, while the server goes on. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/config.h"
#include "app/data_folder.h"
#include "app/options.h"
#include "app/output.h"
#include "app/process_guard.h"
#include "app/progress.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "io/store/backup.h"

enum { FLAG_DATA, FLAG_JSON };

enum { PATH_SIZE = 4096 };

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON (not with -)"},
};

struct job {
    struct config config;
    const char *path;
    struct backup_summary summary;
};

static void print_more(void)
{
    puts("\nWrites FILE, or standard output where it is -, as of one moment, with a checksum over\n"
         "all of it. A FILE that is there is never overwritten. 'tradebot restore FILE' reads it,\n"
         "into SQLite or PostgreSQL, whichever it came from.\n"
         "\nNot in it: the master key file (secret.key, or TRADEBOT_SECRET_FILE), without which\n"
         "sealed exchange keys and second factors cannot be opened: keep a copy of it apart. The\n"
         "accounts of the built-in simulated exchange (the folder sim), and journals.\n"
         "\nSettings of the server (its .env or environment) name the database.");
}

static void on_rows(void *user, uint64_t done, uint64_t all)
{
    (void)user;
    progress_show(done, all);
}

static enum err write_to(struct job *job, FILE *out)
{
    const struct config *c = &job->config;
    const struct backup_watch watch = {.on_rows = on_rows};
    struct sql *db;
    enum err err = data_folder_open_sql(c->data, c->database_url, SQL_READ, &db);
    if (!err) err = backup_write(db, out, clock_wall_ms(&clock_system), &watch, &job->summary);
    sql_close(db);
    return err;
}

static enum err sync_folder_of(const char *path)
{
    char copy[PATH_SIZE];
    snprintf(copy, sizeof copy, "%s", path);
    const int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    const enum err err = done ? OK : err_set(ERR_IO, "%s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return err;
}

/* link, unlike rename, never replaces anything. */
static enum err give_name(const char *partial, const char *path)
{
    if (link(partial, path) != 0)
        return err_set(errno == EEXIST ? ERR_EXISTS : ERR_IO, "%s: %s", path, strerror(errno));
    unlink(partial);
    return sync_folder_of(path);
}

static enum err write_partial(struct job *job, const char *partial)
{
    const int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *out = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!out) return err_set(ERR_IO, "%s: %s", partial, strerror(errno));
    enum err err = write_to(job, out);
    if (!err && fsync(fd) != 0) err = err_set(ERR_IO, "%s: %s", partial, strerror(errno));
    if (fclose(out) != 0 && !err) err = err_set(ERR_IO, "%s: %s", partial, strerror(errno));
    return err;
}

/* The name appears when all of it is on the disk. */
static enum err write_file(struct job *job)
{
    char partial[PATH_SIZE];
    const int size = snprintf(partial, sizeof partial, "%s.partial", job->path);
    if (size < 0 || (size_t)size >= sizeof partial)
        return err_set(ERR_INVALID, "the file's name is too long");
    if (access(job->path, F_OK) == 0)
        return err_set(ERR_EXISTS, "%s is there already: remove it, or choose another name",
                       job->path);
    enum err err = write_partial(job, partial);
    if (!err) err = give_name(partial, job->path);
    if (err) unlink(partial);
    return err;
}

static void write_json(const struct job *job, struct buffer *out)
{
    struct json_writer w = {.out = out};
    writer_open(&w, NULL, '{');
    writer_text(&w, "file", job->path);
    writer_time(&w, "made_at", job->summary.made_ms);
    writer_u64(&w, "version", job->summary.version);
    writer_u64(&w, "tables", job->summary.tables);
    writer_u64(&w, "rows", job->summary.rows);
    writer_bool(&w, "master_key_included", false);
    writer_close(&w, '}');
    buffer_append_char(out, '\n');
}

static enum err print_result(const struct job *job, bool json)
{
    struct buffer out = {0};
    if (json)
        write_json(job, &out);
    else
        buffer_printf(&out,
                      "%s: %" PRIu64 " rows of %" PRIu32 " tables. The master key file is not in "
                      "it: keep a copy apart\n",
                      job->path, job->summary.rows, job->summary.tables);
    const enum err err = output_print(&out);
    buffer_deinit(&out);
    return err;
}

int cmd_backup(int argc, char **argv)
{
    const struct options usage = {
        .command = "backup",
        .summary = "Writes the whole database to a file, while the server goes on.",
        .print_more = print_more,
        .operand = "FILE",
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct job job;
    struct arguments arguments;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    job.path = arguments.operand;
    if (!job.path || !*job.path)
        return options_usage(&usage, "to which file? 'tradebot backup FILE', or - for standard "
                                     "output");
    const bool stream = strcmp(job.path, "-") == 0;
    const bool json = arguments.values[FLAG_JSON] != NULL;
    if (stream && json) return options_usage(&usage, "--json and - would both be standard output");
    if (stream && isatty(STDOUT_FILENO))
        return options_usage(&usage, "a backup is not for a terminal: send it to a file or a pipe");
    enum err err = config_load(&job.config);
    if (!err && arguments.values[FLAG_DATA])
        err = config_set(&job.config, "TRADEBOT_DATA", arguments.values[FLAG_DATA]);
    if (err) return options_usage(&usage, "%s", err_text());

    err = process_guard();
    if (!err) err = stream ? write_to(&job, stdout) : write_file(&job);
    if (!err && !stream) err = print_result(&job, json);
    return err ? options_failed(&usage) : 0;
}
