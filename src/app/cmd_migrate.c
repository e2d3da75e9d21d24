/* tradebot migrate: brings the database to this program's version, or tells what is missing. */
#include <inttypes.h>
#include <stdio.h>

#include "app/commands.h"
#include "app/config.h"
#include "app/data_folder.h"
#include "app/options.h"
#include "app/output.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "io/store/migrate.h"

enum { FLAG_DATA, FLAG_CHECK, FLAG_JSON };

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_CHECK] = {"check", NULL, "change nothing; exit 1 if something is missing"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
};

struct job {
    struct config config;
    bool check, json;
    uint32_t before, after;
};

static void print_more(void)
{
    puts(
        "\nThe server does the same at its start. This command is for those who want to see it\n"
        "done first, or whose server may not change tables. Make a backup before: there is no way\n"
        "back but 'tradebot restore'. Refused while a server has the database; --check is not.\n"
        "\nSettings of the server (its .env or environment) name the database.");
}

static enum err look(struct job *job, struct sql *db)
{
    const enum err err = migrate_version(db, migrations, migrations_count, &job->before);
    job->after = job->before;
    return err;
}

static enum err apply(struct job *job, struct sql *db)
{
    if (job->before == migrations_count) return OK;
    const enum err err = migrate(db, migrations, migrations_count, clock_wall_ms(&clock_system));
    if (!err) job->after = migrations_count;
    return err ? err_note(err, "what was applied before it stays; the rest can be tried again")
               : OK;
}

static enum err work(struct job *job)
{
    const struct config *c = &job->config;
    struct sql *db;
    enum err err =
        data_folder_open_sql(c->data, c->database_url, job->check ? SQL_READ : SQL_WRITE, &db);
    if (!err) err = look(job, db);
    if (!err && !job->check) err = apply(job, db);
    sql_close(db);
    return err;
}

static void write_names(struct json_writer *w, const char *key, uint32_t from, uint32_t to)
{
    writer_open(w, key, '[');
    for (uint32_t i = from; i < to; i++) writer_text(w, NULL, migrations[i].name);
    writer_close(w, ']');
}

static void write_json(const struct job *job, struct buffer *out)
{
    struct json_writer w = {.out = out};
    writer_open(&w, NULL, '{');
    writer_u64(&w, "version", job->after);
    writer_u64(&w, "newest", migrations_count);
    write_names(&w, "applied", job->before, job->after);
    write_names(&w, "missing", job->after, migrations_count);
    writer_close(&w, '}');
    buffer_append_char(out, '\n');
}

static void write_text(const struct job *job, struct buffer *out)
{
    for (uint32_t i = job->before; i < job->after; i++)
        buffer_printf(out, "applied %s\n", migrations[i].name);
    for (uint32_t i = job->after; i < migrations_count; i++)
        buffer_printf(out, "missing %s\n", migrations[i].name);
    buffer_printf(out, "the database has version %" PRIu32 " of %" PRIu32 "\n", job->after,
                  migrations_count);
}

static enum err print_result(const struct job *job)
{
    struct buffer out = {0};
    if (job->json)
        write_json(job, &out);
    else
        write_text(job, &out);
    const enum err err = output_print(&out);
    buffer_deinit(&out);
    return err;
}

int cmd_migrate(int argc, char **argv)
{
    const struct options usage = {
        .command = "migrate",
        .summary = "Brings the database to this program's version, or tells what is missing.",
        .print_more = print_more,
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct job job;
    struct arguments arguments;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    enum err err = config_load(&job.config);
    if (!err && arguments.values[FLAG_DATA])
        err = config_set(&job.config, "TRADEBOT_DATA", arguments.values[FLAG_DATA]);
    if (err) return options_usage(&usage, "%s", err_text());
    log_level_set(LOG_WARN); /* what was applied is printed */
    job.check = arguments.values[FLAG_CHECK] != NULL;
    job.json = arguments.values[FLAG_JSON] != NULL;
    err = work(&job);
    if (!err) err = print_result(&job);
    if (err) return options_failed(&usage);
    return job.after == migrations_count ? 0 : 1;
}
