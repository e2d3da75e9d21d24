/* tradebot audit: reads the audit log, and proves that nothing in it was altered. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "app/admin_database.h"
#include "app/commands.h"
#include "app/options.h"
#include "app/output.h"
#include "base/json_writer.h"
#include "base/log.h"

enum { FLAG_DATA, FLAG_JSON, FLAG_LIMIT, FLAG_BEFORE, FLAG_ANCHOR };
enum { LIMIT_STANDARD = 50, LIMIT_MAX = 100000, HEX_SIZE = 2 * STORE_HASH_SIZE + 1 };

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
    [FLAG_LIMIT] = {"limit", "N", "list: so many entries, the newest first (50)"},
    [FLAG_BEFORE] = {"before", "ID", "list: entries older than this one"},
    [FLAG_ANCHOR] = {"anchor", "ID:HASH", "verify: that entry must still be this one"},
};

struct job {
    struct config config;
    bool verifies, json, has_anchor;
    uint64_t limit, before;
    struct audit_anchor anchor;
};

static void print_more(void)
{
    puts("\nlist prints entries, the newest first. verify walks the whole chain and prints its "
         "newest\nentry as an anchor: kept elsewhere, it shows later whether the log up to there "
         "is still the\nsame. Exit status 1: it is not.");
}

/* ---- list ---- */

struct listing {
    struct json_writer w;
    bool json;
};

static void write_entry(struct json_writer *w, const struct audit_entry *e)
{
    writer_open(w, NULL, '{');
    writer_u64(w, "id", e->id);
    writer_time(w, "time", e->time_ms);
    if (e->user_id)
        writer_u64(w, "user_id", e->user_id);
    else
        writer_null(w, "user_id");
    writer_text_or_null(w, "actor", e->actor);
    writer_text(w, "action", e->action);
    writer_text_or_null(w, "target", e->target);
    writer_text_or_null(w, "address", e->address);
    writer_text_or_null(w, "request_id", e->request_id);
    writer_text_or_null(w, "detail", e->detail);
    writer_close(w, '}');
}

/* A field of a line: a terminal must not be told anything by what is in the log. */
static void print_field(struct buffer *out, const char *text)
{
    buffer_append_char(out, ' ');
    if (!*text) buffer_append_char(out, '-');
    for (; *text; text++)
        buffer_append_char(out, (unsigned char)*text < ' ' || *text == 0x7F ? '?' : *text);
}

static void print_entry(struct buffer *out, const struct audit_entry *e)
{
    struct json_writer w = {.out = out};
    buffer_printf(out, "%" PRIu64 " ", e->id);
    writer_time(&w, NULL, e->time_ms);
    print_field(out, e->action);
    print_field(out, e->actor);
    print_field(out, e->target);
    print_field(out, e->address);
    print_field(out, e->detail);
    buffer_append_char(out, '\n');
}

static void on_entry(void *user, const struct audit_entry *entry)
{
    struct listing *listing = user;
    if (listing->json)
        write_entry(&listing->w, entry);
    else
        print_entry(listing->w.out, entry);
}

static enum err list(const struct job *job, struct sql *db, struct buffer *out)
{
    struct listing listing = {{.out = out}, job->json};
    if (job->json) writer_open(&listing.w, NULL, '{');
    if (job->json) writer_open(&listing.w, "entries", '[');
    const enum err err = audit_list(db, job->before, (uint32_t)job->limit, on_entry, &listing);
    if (job->json) writer_close(&listing.w, ']');
    if (job->json) writer_close(&listing.w, '}');
    if (job->json) buffer_append_char(out, '\n');
    return err;
}

/* ---- verify ---- */

static void print_verdict(const struct job *job, enum err err, uint64_t count,
                          const struct audit_anchor *newest, struct buffer *out)
{
    char hex[HEX_SIZE], anchor[HEX_SIZE + 24];
    struct json_writer w = {.out = out};
    sodium_bin2hex(hex, sizeof hex, newest->hash, sizeof newest->hash);
    snprintf(anchor, sizeof anchor, "%" PRIu64 ":%s", newest->id, hex);
    if (job->json) {
        writer_open(&w, NULL, '{');
        writer_bool(&w, "holds", !err);
        writer_u64(&w, "entries", count);
        writer_text_or_null(&w, "anchor", err || !newest->id ? "" : anchor);
        writer_text_or_null(&w, "cause", err ? err_text() : "");
        writer_close(&w, '}');
        buffer_append_char(out, '\n');
    } else if (!err) {
        buffer_printf(out, "%" PRIu64 " entries, and all of them hold\n", count);
        if (newest->id) buffer_printf(out, "anchor %s\n", anchor);
    }
}

/* One moment of the log: a server may be writing on. */
static enum err verify(const struct job *job, struct sql *db, struct buffer *out)
{
    uint64_t count = 0;
    struct audit_anchor newest = {0};
    enum err err = sql_begin(db, SQL_EXACT);
    if (err) return err;
    err = audit_newest(db, &newest);
    if (!err) err = audit_verify(db, job->has_anchor ? &job->anchor : NULL, &count);
    if (!err || err == ERR_INVALID) print_verdict(job, err, count, &newest, out);
    sql_rollback(db);
    return err;
}

/* ---- the command line ---- */

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return !*end && errno == 0 && *out > 0 && *out <= max;
}

static bool read_anchor(const char *text, struct audit_anchor *out)
{
    char id[24];
    size_t size = 0;
    const char *colon = strchr(text, ':');
    return colon && slice_copy((struct slice){text, (size_t)(colon - text)}, id, sizeof id) &&
           read_number(id, INT64_MAX, &out->id) && strlen(colon + 1) == HEX_SIZE - 1 &&
           sodium_hex2bin(out->hash, sizeof out->hash, colon + 1, HEX_SIZE - 1, NULL, &size,
                          NULL) == 0 &&
           size == sizeof out->hash;
}

static int wrong_use(const struct options *usage, const struct arguments *a, struct job *job)
{
    const char *const *v = a->values;
    if (!a->operand || (strcmp(a->operand, "list") != 0 && strcmp(a->operand, "verify") != 0))
        return options_usage(usage, "what is to be done? 'tradebot audit list' or 'audit verify'");
    job->verifies = strcmp(a->operand, "verify") == 0;
    job->json = v[FLAG_JSON] != NULL;
    job->limit = LIMIT_STANDARD;
    if (job->verifies ? v[FLAG_LIMIT] || v[FLAG_BEFORE] : v[FLAG_ANCHOR] != NULL)
        return options_usage(usage, "--limit and --before are for list, --anchor is for verify");
    if (v[FLAG_LIMIT] && !read_number(v[FLAG_LIMIT], LIMIT_MAX, &job->limit))
        return options_usage(usage, "--limit '%.100s': must be a whole number from 1 to %d",
                             v[FLAG_LIMIT], LIMIT_MAX);
    if (v[FLAG_BEFORE] && !read_number(v[FLAG_BEFORE], INT64_MAX, &job->before))
        return options_usage(usage, "--before '%.100s': must be an entry's number", v[FLAG_BEFORE]);
    job->has_anchor = v[FLAG_ANCHOR] != NULL;
    if (job->has_anchor && !read_anchor(v[FLAG_ANCHOR], &job->anchor))
        return options_usage(usage,
                             "--anchor '%.100s': must be a number, a colon and 64 hex digits",
                             v[FLAG_ANCHOR]);
    enum err err = config_load(&job->config);
    if (!err && v[FLAG_DATA]) err = config_set(&job->config, "TRADEBOT_DATA", v[FLAG_DATA]);
    return err ? options_usage(usage, "%s", err_text()) : 0;
}

int cmd_audit(int argc, char **argv)
{
    const struct options usage = {
        .command = "audit",
        .summary = "The log of who did what: audit list, audit verify.",
        .print_more = print_more,
        .operand = "list|verify",
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct job job;
    struct arguments arguments;
    struct buffer out = {0};
    struct sql *db = NULL;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    status = wrong_use(&usage, &arguments, &job);
    if (status) return status;
    log_level_set(job.config.log_level);
    enum err err = admin_database_open(&job.config, SQL_READ, &db);
    if (!err) err = job.verifies ? verify(&job, db, &out) : list(&job, db, &out);
    if (err) status = options_failed(&usage);
    const enum err print_err = output_print(&out);
    if (!err && print_err) status = options_failed(&usage);
    sql_close(db);
    buffer_deinit(&out);
    return status;
}
