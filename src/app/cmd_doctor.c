/* tradebot doctor: looks for what would keep a server from working well, and says the cure. */
#include <stdarg.h>
#include <stdio.h>

#include "app/commands.h"
#include "app/doctor.h"
#include "app/options.h"
#include "app/output.h"
#include "base/json_writer.h"
#include "base/log.h"

enum { FLAG_DATA, FLAG_LISTEN, FLAG_JSON };

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "DIR", "the data folder (as the server has it)"},
    [FLAG_LISTEN] = {"listen", "ADDR:PORT", "where the server listens"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
};

static const char *const state_names[] = {
    [FINDING_OK] = "ok", [FINDING_WARN] = "warn", [FINDING_FAIL] = "fail"};

static void print_more(void)
{
    puts(
        "\nLooks at the settings, the data folder, disk, secret file, database, limits, clocks, "
        "the\n"
        "server's port, Redis where REDIS_URL is set, and the venues. A server may run meanwhile.\n"
        "One line each: ok, warn or fail, with cause and cure. Exit status 1 if one fails.");
}

void doctor_found(struct doctor *d, enum finding_state state, const char *name, const char *cure,
                  const char *format, ...)
{
    if (d->count == FINDINGS_MAX) return;
    struct finding *f = &d->findings[d->count++];
    *f = (struct finding){.state = state, .cure = cure};
    snprintf(f->name, sizeof f->name, "%s", name);
    va_list args;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
}

static void look_at_settings(struct doctor *d)
{
    const struct config *c = &d->config;
    if (config_check(c) != OK)
        doctor_found(d, FINDING_FAIL, "settings", "the server refuses to start with them", "%s",
                     err_text());
    else if (c->live_trading && *c->sim_url && !*c->sim_api_key)
        doctor_found(d, FINDING_WARN, "settings", "set SIM_API_KEY and SIM_SECRET",
                     "LIVE_TRADING_ENABLED and SIM_URL, but no key: live bots cannot send there");
    else
        doctor_found(d, FINDING_OK, "settings", NULL, "they can be read and fit each other");
}

static enum err configure(struct doctor *d, const struct arguments *a)
{
    enum err err = config_load(&d->config);
    if (!err && a->values[FLAG_DATA])
        err = config_set(&d->config, "TRADEBOT_DATA", a->values[FLAG_DATA]);
    if (!err && a->values[FLAG_LISTEN])
        err = config_set(&d->config, "TRADEBOT_LISTEN", a->values[FLAG_LISTEN]);
    return err;
}

static enum finding_state worst_of(const struct doctor *d)
{
    enum finding_state worst = FINDING_OK;
    for (unsigned i = 0; i < d->count; i++)
        if (d->findings[i].state > worst) worst = d->findings[i].state;
    return worst;
}

static void write_json(const struct doctor *d, struct buffer *out)
{
    struct json_writer w = {.out = out};
    writer_open(&w, NULL, '{');
    writer_text(&w, "status", state_names[worst_of(d)]);
    writer_open(&w, "checks", '[');
    for (unsigned i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];
        writer_open(&w, NULL, '{');
        writer_text(&w, "name", f->name);
        writer_text(&w, "status", state_names[f->state]);
        writer_text(&w, "detail", f->text);
        writer_text_or_null(&w, "cure", f->cure ? f->cure : "");
        writer_close(&w, '}');
    }
    writer_close(&w, ']');
    writer_close(&w, '}');
    buffer_append_char(out, '\n');
}

static void write_text(const struct doctor *d, struct buffer *out)
{
    for (unsigned i = 0; i < d->count; i++) {
        const struct finding *f = &d->findings[i];
        buffer_printf(out, "%-4s  %-17s %s%s%s\n", state_names[f->state], f->name, f->text,
                      f->cure ? "; cure: " : "", f->cure ? f->cure : "");
    }
}

int cmd_doctor(int argc, char **argv)
{
    const struct options usage = {
        .command = "doctor",
        .summary = "Looks for what keeps a server from working well, and says the cure.",
        .print_more = print_more,
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct doctor doctor;
    struct arguments arguments;
    struct buffer out = {0};
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    log_level_set(LOG_ERROR);
    if (configure(&doctor, &arguments) != OK) {
        doctor_found(&doctor, FINDING_FAIL, "settings", "set it right: see tradebot serve --help",
                     "%s", err_text());
    } else {
        look_at_settings(&doctor);
        doctor_look_here(&doctor);
        doctor_look_around(&doctor);
    }
    if (arguments.values[FLAG_JSON])
        write_json(&doctor, &out);
    else
        write_text(&doctor, &out);
    const enum err err = output_print(&out);
    buffer_deinit(&out);
    if (err) return options_failed(&usage);
    return worst_of(&doctor) == FINDING_FAIL;
}
