/* tradebot restore: a backup in the place of the database, and the word that live trading may go
 * on after it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "app/admin_database.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/data_folder.h"
#include "app/options.h"
#include "app/output.h"
#include "app/process_guard.h"
#include "app/progress.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "io/store/backup.h"
#include "io/store/restore_place.h"

enum { FLAG_DATA, FLAG_FORCE, FLAG_SETTLED, FLAG_JSON };

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_FORCE] = {"force", NULL, "replace a database that is there; it is kept beside"},
    [FLAG_SETTLED] = {"settled", NULL, "after a restore: live entries may go on (no FILE)"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
};

struct job {
    struct config config;
    const char *path;
    bool force;
    struct backup_summary summary;
    struct restore_place place;
};

static void print_more(void)
{
    puts(
        "\nVerifies FILE's checksum and version, loads it beside the database of the settings, "
        "and\n"
        "puts it in its place. A backup of an older version is brought up to date, one of a newer\n"
        "is refused. Refused while a server runs. The database that was there is kept, and named:\n"
        "a file beside it, or a schema of its PostgreSQL.\n"
        "\nOrders that were sent after the backup was made are unknown to it. Therefore\n"
        "- order ids go on 1,000,000,000 above all known ones, so that none is used twice,\n"
        "- live bots take no new entries (exits go on), and /ready says so, until somebody has\n"
        "  looked at the exchange's orders and balances and says 'tradebot restore --settled',\n"
        "  which counts from the server's next start.\n"
        "All sessions end. API tokens, passwords and keys are those of the backup: revoke again\n"
        "what was revoked since. The master key file of its time must be there (see backup).\n"
        "\nSettings of the server (its .env or environment) name the database.");
}

static void on_rows(void *user, uint64_t done, uint64_t all)
{
    (void)user;
    progress_show(done, all);
}

static void write_stamp(int64_t now_ms, char out[RESTORE_STAMP_SIZE])
{
    const time_t now = (time_t)(now_ms / 1000);
    struct tm utc;
    gmtime_r(&now, &utc);
    const size_t size = strftime(out, RESTORE_STAMP_SIZE, "%Y%m%d%H%M%S", &utc);
    snprintf(out + size, RESTORE_STAMP_SIZE - size, "%03d", (int)(now_ms % 1000));
}

static enum err load(struct job *job, struct backup_file *b, int64_t now_ms)
{
    struct restore_place *p = &job->place;
    const struct restore_options options = {
        .order_ids_used = p->order_ids_used,
        .now_ms = now_ms,
        .watch = {.on_rows = on_rows},
    };
    if (p->is_there && !job->force)
        return err_set(ERR_EXISTS, "there is a database already; --force replaces it, and keeps it "
                                   "beside");
    const enum err err = backup_load(b, &job->summary, p->db, &options);
    return err ? err : restore_place_take(p);
}

static enum err restore_from(struct job *job, struct backup_file *b)
{
    const struct config *c = &job->config;
    const int64_t now_ms = clock_wall_ms(&clock_system);
    char url[SQL_URL_SIZE], stamp[RESTORE_STAMP_SIZE];
    enum err err = data_folder_database(c->data, c->database_url, url, sizeof url);
    if (err) return err;
    if (mkdir(c->data, 0700) != 0 && errno != EEXIST)
        return err_set(ERR_IO, "cannot make the data folder %s: %s", c->data, strerror(errno));
    write_stamp(now_ms, stamp);
    err = restore_place_open(&job->place, url, stamp);
    if (err == ERR_EXISTS) err = err_note(err, "stop that one first");
    if (err) return err;
    err = load(job, b, now_ms);
    restore_place_close(&job->place);
    return err;
}

static enum err restore(struct job *job)
{
    struct backup_file b = {0};
    FILE *file = fopen(job->path, "rbe");
    if (!file) return err_set(ERR_IO, "%s: %s", job->path, strerror(errno));
    enum err err = backup_open(&b, file, &job->summary);
    if (err) err = err_note(err, "while reading %s", job->path);
    if (!err) err = restore_from(job, &b);
    backup_file_deinit(&b);
    fclose(file);
    return err;
}

static void write_json(const struct job *job, struct buffer *out)
{
    const struct restore_place *p = &job->place;
    struct json_writer w = {.out = out};
    writer_open(&w, NULL, '{');
    writer_time(&w, "made_at", job->summary.made_ms);
    writer_u64(&w, "version", job->summary.version);
    writer_u64(&w, "rows", job->summary.rows);
    writer_text_or_null(&w, "kept", p->is_there ? p->kept : "");
    writer_bool(&w, "settled", false);
    writer_close(&w, '}');
    buffer_append_char(out, '\n');
}

static void write_text(const struct job *job, struct buffer *out)
{
    const struct restore_place *p = &job->place;
    buffer_printf(out, "restored %" PRIu64 " rows of %" PRIu32 " tables\n", job->summary.rows,
                  job->summary.tables);
    if (p->is_there) buffer_printf(out, "the database that was there is kept: %s\n", p->kept);
    if (p->is_there && !p->is_readable)
        buffer_append_text(out, "it could not be read, so its order ids are not known\n");
    buffer_append_text(out, "live bots take no new entries until 'tradebot restore --settled'\n");
}

static enum err print_result(const struct job *job, bool json)
{
    struct buffer out = {0};
    if (json)
        write_json(job, &out);
    else
        write_text(job, &out);
    const enum err err = output_print(&out);
    buffer_deinit(&out);
    return err;
}

static enum err settle(struct sql *db, void *user, struct audit_entry *told)
{
    (void)user;
    int64_t restored_ms = 0;
    const enum err err = store_restored(db, &restored_ms);
    if (err) return err;
    if (restored_ms == 0)
        return err_set(ERR_INVALID, "there is nothing to settle: no restore is open");
    snprintf(told->action, sizeof told->action, "restore_settled");
    return store_restored_settle(db);
}

static int settle_restore(const struct options *usage, const struct config *config, bool json)
{
    struct sql *db;
    enum err err = admin_database_open(config, SQL_BESIDE, &db);
    if (!err) err = admin_database_change(db, settle, NULL);
    sql_close(db);
    if (err) return options_failed(usage);
    puts(json ? "{\"settled\":true}" : "settled: live entries go on with the server's next start");
    return 0;
}

int cmd_restore(int argc, char **argv)
{
    const struct options usage = {
        .command = "restore",
        .summary = "Puts a backup in the place of the database.",
        .print_more = print_more,
        .operand = "FILE",
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct job job;
    struct arguments arguments;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    const bool settled = arguments.values[FLAG_SETTLED] != NULL;
    const bool json = arguments.values[FLAG_JSON] != NULL;
    job.path = arguments.operand;
    job.force = arguments.values[FLAG_FORCE] != NULL;
    if (settled == (job.path != NULL) || (settled && job.force))
        return options_usage(&usage, "'tradebot restore FILE', or 'tradebot restore --settled'");
    enum err err = config_load(&job.config);
    if (!err && arguments.values[FLAG_DATA])
        err = config_set(&job.config, "TRADEBOT_DATA", arguments.values[FLAG_DATA]);
    if (err) return options_usage(&usage, "%s", err_text());
    log_level_set(LOG_WARN);
    err = process_guard();
    if (err) return options_failed(&usage);
    if (settled) return settle_restore(&usage, &job.config, json);
    err = restore(&job);
    if (!err) err = print_result(&job, json);
    return err ? options_failed(&usage) : 0;
}
