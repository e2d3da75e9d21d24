/* tradebot rl: what the rate limits count, where they count it. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/admin_database.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/http_ask.h"
#include "app/options.h"
#include "app/output.h"
#include "app/process_guard.h"
#include "app/shared_counters.h"
#include "base/json_writer.h"

enum { FLAG_DATA, FLAG_JSON, FLAG_ALL };

static const struct flag list_flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
};

static const struct flag reset_flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
    [FLAG_ALL] = {"all", NULL, "every key of every limit"},
};

struct job {
    struct config config;
    bool resets, json;
    const char *key; /* to be reset; NULL: all */
    struct buffer out;
    struct json_writer w;
    uint64_t count;
};

static void print_more(void)
{
    puts("\nA key is as the list shows it: rl:login:192.0.2.1. With REDIS_URL (see 'tradebot serve "
         "--help')\nthe counters on Redis are meant, whether or not a server runs; without it "
         "those in the memory of\nthe server that runs by the data folder, which is found and "
         "asked through its file 'console'\nthere. A reset stands in the audit log before it is "
         "done.");
}

/* ---- the list ---- */

struct line {
    const char *key, *where;
    uint64_t used, remaining, ttl_ms;
};

static void tell(struct job *job, const struct line *line)
{
    struct json_writer *w = &job->w;
    job->count++;
    if (!job->json) {
        if (job->count == 1)
            buffer_printf(&job->out, "%-8s %9s %9s %10s  %s\n", "WHERE", "USED", "LEFT", "TTL_MS",
                          "KEY");
        buffer_printf(&job->out, "%-8s %9" PRIu64 " %9" PRIu64 " %10" PRIu64 "  %s\n", line->where,
                      line->used, line->remaining, line->ttl_ms, line->key);
        return;
    }
    writer_open(w, NULL, '{');
    writer_text(w, "key", line->key);
    writer_u64(w, "used", line->used);
    writer_u64(w, "remaining", line->remaining);
    writer_u64(w, "ttl_ms", line->ttl_ms);
    writer_text(w, "where", line->where);
    writer_close(w, '}');
}

static void on_key(void *user, const char *text, const struct guard_key *key)
{
    const struct line line = {text, "redis", key->used, key->remaining, key->ttl_ms};
    tell(user, &line);
}

/* ---- the memory of a running server ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* Leaves where to go on, "" at the end. */
static enum err tell_page(struct job *job, const struct http_ask *ask, char *cursor, size_t size)
{
    json_t *page = json_loadb(ask->body.data, ask->body.size, 0, NULL);
    const json_t *item, *items = json_object_get(page, "items");
    const bool good = json_is_array(items);
    size_t i;
    json_array_foreach(items, i, item)
    {
        const struct line line = {text_of(item, "key"), text_of(item, "where"),
                                  number_of(item, "used"), number_of(item, "remaining"),
                                  number_of(item, "ttl_ms")};
        tell(job, &line);
    }
    snprintf(cursor, size, "%s", text_of(page, "next_cursor"));
    json_decref(page);
    return good ? OK : err_set(ERR_PARSE, "the server answered what a list of keys is not");
}

static enum err refused(const struct http_ask *ask)
{
    json_t *problem = json_loadb(ask->body.data, ask->body.size, 0, NULL);
    const enum err err =
        err_set(ask->status == 404 ? ERR_NOT_FOUND : ERR_IO, "the server answered %d %.200s",
                ask->status, text_of(problem, "detail"));
    json_decref(problem);
    return err;
}

static enum err list_of_server(struct job *job, struct http_ask *ask)
{
    char path[96], cursor[32] = "";
    enum err err;
    do {
        snprintf(path, sizeof path, "/api/v1/admin/limits?limit=%d%s%s", GUARD_KEYS_PAGE_MAX,
                 *cursor ? "&cursor=" : "", cursor);
        err = http_ask(ask, "GET", path, NULL);
        if (!err && ask->status != 200) err = refused(ask);
        if (!err) err = tell_page(job, ask, cursor, sizeof cursor);
    } while (!err && *cursor);
    return err;
}

/* The limit that a key's text names, and the key alone. */
static bool split_key(const struct config *config, const char *text,
                      struct limiter_redis_rule *rule, char alone[LIMIT_KEY_SIZE])
{
    struct limit_key key;
    for (unsigned i = 0; i < LIMIT_CLASS_COUNT; i++) {
        limiter_redis_rule_init(rule, limit_names[i], config->limits[i]);
        if (!limiter_redis_key_parse(rule, slice_of(text), &key)) continue;
        limit_key_write(key, alone);
        return true;
    }
    return false;
}

static enum err reset_of_server(const struct job *job, struct http_ask *ask)
{
    char path[LIMITER_REDIS_KEY_SIZE + 32] = "/api/v1/admin/limits", alone[LIMIT_KEY_SIZE];
    struct limiter_redis_rule rule;
    if (job->key && split_key(&job->config, job->key, &rule, alone))
        snprintf(path, sizeof path, "/api/v1/admin/limits/%s/%s", rule.name, alone);
    const enum err err = http_ask(ask, "DELETE", path, NULL);
    return !err && ask->status != 204 ? refused(ask) : err;
}

static enum err by_server(struct job *job)
{
    struct console console;
    struct http_ask ask;
    enum err err = console_read(job->config.data, &console);
    if (!err) err = http_ask_open(&ask, console.url);
    if (err) return err;
    ask.token = console.token;
    err = job->resets ? reset_of_server(job, &ask) : list_of_server(job, &ask);
    http_ask_close(&ask);
    explicit_bzero(&console, sizeof console);
    return err ? err_note(err, "asking the server that was last started by %s", job->config.data)
               : OK;
}

/* ---- Redis ---- */

static enum err tell_audit_log(struct sql *db, void *user, struct audit_entry *told)
{
    const struct job *job = user;
    (void)db;
    snprintf(told->action, sizeof told->action, "limit_reset");
    snprintf(told->target, sizeof told->target, "%s", job->key ? job->key : "all rate limits");
    return OK;
}

static enum err audit(struct job *job)
{
    struct sql *db = NULL;
    enum err err = admin_database_open(&job->config, SQL_BESIDE, &db);
    if (!err) err = admin_database_change(db, tell_audit_log, job);
    sql_close(db);
    return err ? err_note(err, "while writing the audit log; nothing was reset") : OK;
}

static enum err by_redis(struct job *job)
{
    struct shared_counters shared;
    enum err err = shared_counters_open(&shared, &job->config);
    if (!err && job->resets) err = audit(job);
    if (!err && job->resets) err = shared_counters_forget(&shared, job->key);
    if (!err && !job->resets) err = shared_counters_list(&shared, on_key, job);
    shared_counters_close(&shared);
    return err;
}

/* ---- the command line ---- */

static enum err work(struct job *job)
{
    struct json_writer *w = &job->w;
    w->out = &job->out;
    if (job->json) writer_open(w, NULL, '{');
    if (job->json && !job->resets) writer_open(w, "keys", '[');
    const enum err err = *job->config.redis_url ? by_redis(job) : by_server(job);
    if (err) return err;
    if (job->json && !job->resets) writer_close(w, ']');
    if (job->json && job->resets) writer_text(w, "reset", job->key ? job->key : "all");
    if (job->json) writer_close(w, '}');
    if (job->json) buffer_append_char(&job->out, '\n');
    if (!job->json && job->resets)
        buffer_printf(&job->out, "%s: nothing is counted\n", job->key ? job->key : "all");
    return output_print(&job->out);
}

static int wrong_use(const struct options *usage, const struct arguments *a, struct job *job)
{
    struct limiter_redis_rule rule;
    char alone[LIMIT_KEY_SIZE];
    enum err err = config_load(&job->config);
    if (!err && a->values[FLAG_DATA])
        err = config_set(&job->config, "TRADEBOT_DATA", a->values[FLAG_DATA]);
    if (err) return options_usage(usage, "%s", err_text());
    job->json = a->values[FLAG_JSON] != NULL;
    job->key = a->operand;
    if (!job->resets) return 0;
    if ((a->operand != NULL) == (a->values[FLAG_ALL] != NULL))
        return options_usage(usage, "which? Give a key as 'tradebot rl list' shows it, or --all");
    if (a->operand && !split_key(&job->config, a->operand, &rule, alone))
        return options_usage(usage,
                             "'%.100s' is no key of a rate limit, such as rl:login:192.0.2.1; "
                             "'tradebot rl list' shows them",
                             a->operand);
    return 0;
}

static int run(bool resets, int argc, char **argv)
{
    const struct options usage = {
        .command = resets ? "rl reset" : "rl list",
        .summary = resets ? "Forgets what a rate limit counts of a key."
                          : "Lists what the rate limits count at this moment, in no order.",
        .print_more = print_more,
        .operand = resets ? "[KEY]" : NULL,
        .flags = resets ? reset_flags : list_flags,
        .flag_count = resets ? sizeof reset_flags / sizeof *reset_flags
                             : sizeof list_flags / sizeof *list_flags,
    };
    static struct job job;
    struct arguments arguments;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    job.resets = resets;
    status = wrong_use(&usage, &arguments, &job);
    if (status) return status;
    log_level_set(job.config.log_level);
    enum err err = process_guard();
    if (!err) err = work(&job);
    buffer_deinit(&job.out);
    explicit_bzero(&job, sizeof job);
    return err ? options_failed(&usage) : 0;
}

static void print_actions(FILE *out)
{
    fprintf(out, "usage: tradebot rl COMMAND [flags] [KEY]\n\n"
                 "  list     Lists what the rate limits count at this moment.\n"
                 "  reset    Forgets what they count of a key, or of all (--all).\n\n"
                 "'tradebot rl COMMAND --help' tells the flags.\n");
}

int cmd_rl(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "list") == 0) return run(false, argc - 1, argv + 1);
    if (strcmp(name, "reset") == 0) return run(true, argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0) {
        print_actions(stdout);
        return 0;
    }
    if (*name) fprintf(stderr, "tradebot rl: there is no command '%.100s'\n\n", name);
    print_actions(stderr);
    return EXIT_USAGE;
}
