/* tradebot smoke: a running server tried from end to end, as a client sees it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "app/commands.h"
#include "app/http_ask.h"
#include "app/options.h"
#include "app/output.h"
#include "app/process_guard.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/log.h"

enum { FLAG_URL, FLAG_EMAIL, FLAG_PASSWORD_STDIN, FLAG_TOKEN_STDIN, FLAG_JSON };

enum {
    CHECKS_MAX = 16,
    LOGIN_TRIES_MAX = 100,
    FILL_PATIENCE_S = 60,
    SECRET_SIZE = 256,
    ID_SIZE = 32,
    PATH_SIZE = 128,
};

static const struct flag flags[] = {
    [FLAG_URL] = {"url", "URL", "of the server (http://127.0.0.1:8000)"},
    [FLAG_EMAIL] = {"email", "EMAIL", "log in with the password that standard input gives"},
    [FLAG_PASSWORD_STDIN] = {"password-stdin", NULL, "the password is a line of standard input"},
    [FLAG_TOKEN_STDIN] = {"token-stdin", NULL, "an API token that may trade is a line of it"},
    [FLAG_JSON] = {"json", NULL, "print the result as JSON"},
};

struct check {
    bool passed;
    const char *name;
    char text[320];
};

struct smoke {
    struct http_ask ask;
    char token[SECRET_SIZE];
    bool has_session; /* that this made, and ends */
    char bot[ID_SIZE];
    struct check checks[CHECKS_MAX];
    unsigned count;
};

static void print_more(void)
{
    puts(
        "\nWithout an account: /health, /ready, and that the login limit answers 429 with a time "
        "to\n"
        "wait (by wrong passwords of an account that nobody has; this address cannot log in for\n"
        "that time). With one, before that: who we are, the version, and a round trip on the\n"
        "simulated exchange: a paper bot of its own is made, started, fills an order and is\n"
        "stopped. It takes up to a minute. The bot is deleted where the server has a way to; else\n"
        "it stays, stopped, and is named. Exit status 1 if a check fails.");
}

static void checked(struct smoke *s, bool passed, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void checked(struct smoke *s, bool passed, const char *name, const char *format, ...)
{
    if (s->count == CHECKS_MAX) return;
    struct check *c = &s->checks[s->count++];
    *c = (struct check){.passed = passed, .name = name};
    va_list args;
    va_start(args, format);
    vsnprintf(c->text, sizeof c->text, format, args);
    va_end(args);
}

/* Asks, and tells whether that status came; the check is told only of a failure. */
static bool asked(struct smoke *s, const char *name, const char *method, const char *path,
                  const char *body, int status)
{
    if (http_ask(&s->ask, method, path, body) != OK)
        checked(s, false, name, "%s %s: %s", method, path, err_text());
    else if (s->ask.status != status)
        checked(s, false, name, "%s %s: status %d instead of %d: %.160s", method, path,
                s->ask.status, status, s->ask.body.data);
    else
        return true;
    return false;
}

/* A member of the answer, as text; numbers too. */
static bool read_member(const struct smoke *s, const char *key, char *out, size_t size)
{
    json_t *answer = json_loads(s->ask.body.data, 0, NULL);
    const json_t *value = json_object_get(answer, key);
    if (json_is_integer(value))
        snprintf(out, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(out, size, "%s", json_is_string(value) ? json_string_value(value) : "");
    json_decref(answer);
    return *out != '\0';
}

static void try_open(struct smoke *s)
{
    char status[32];
    if (asked(s, "health", "GET", "/health", NULL, 200))
        checked(s, true, "health", "answers after %.1f ms", (double)s->ask.took_ns / 1e6);
    if (asked(s, "ready", "GET", "/ready", NULL, 200)) {
        const bool told = read_member(s, "status", status, sizeof status);
        checked(s, told, "ready", "%s", told ? status : "says no status");
    }
}

/* ---- with an account ---- */

static bool log_in(struct smoke *s, const char *email, const char *password)
{
    struct buffer body = {0};
    struct json_writer w = {.out = &body};
    writer_open(&w, NULL, '{');
    writer_text(&w, "email", email);
    writer_text(&w, "password", password);
    writer_close(&w, '}');
    buffer_append_char(&body, '\0');
    const bool done = !body.failed &&
                      asked(s, "login", "POST", "/api/v1/auth/login", body.data, 200) &&
                      read_member(s, "access_token", s->token, sizeof s->token);
    if (body.data) explicit_bzero(body.data, body.size);
    buffer_deinit(&body);
    if (!done) return false;
    s->has_session = true;
    checked(s, true, "login", "a session was made");
    return true;
}

static bool look_around(struct smoke *s)
{
    char text[128];
    if (!asked(s, "account", "GET", "/api/v1/auth/me", NULL, 200)) return false;
    read_member(s, "email", text, sizeof text);
    checked(s, true, "account", "%s", text);
    if (!asked(s, "version", "GET", "/api/v1/version", NULL, 200)) return false;
    read_member(s, "version", text, sizeof text);
    checked(s, true, "version", "%s", text);
    return true;
}

static bool make_bot(struct smoke *s)
{
    char body[512];
    snprintf(body, sizeof body,
             "{\"name\":\"smoke %" PRId64 "\",\"venue\":\"sim\",\"market\":\"spot\","
             "\"mode\":\"paper\",\"symbols\":[\"BTCUSDT\"],\"strategy\":\"rsi\","
             "\"params\":{\"rsi_period\":2,\"rsi_oversold\":49,\"rsi_overbought\":51},"
             "\"timeframe\":\"1s\",\"capital\":\"1000\","
             "\"sizing\":{\"kind\":\"percent\",\"value\":\"10\"}}",
             clock_wall_ms(&clock_system));
    return asked(s, "order", "POST", "/api/v1/bots", body, 201) &&
           read_member(s, "id", s->bot, sizeof s->bot);
}

/* Orders of all bots come, the newest first: ours is among them once it has filled. */
static bool has_filled(const struct smoke *s)
{
    bool found = false;
    size_t i;
    json_t *answer = json_loads(s->ask.body.data, 0, NULL), *order;
    json_array_foreach(json_object_get(answer, "items"), i, order)
    {
        char bot[ID_SIZE];
        const json_t *id = json_object_get(order, "bot_id");
        const char *state = json_string_value(json_object_get(order, "state"));
        if (json_is_integer(id))
            snprintf(bot, sizeof bot, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
        else
            snprintf(bot, sizeof bot, "%s", json_is_string(id) ? json_string_value(id) : "");
        found |= strcmp(bot, s->bot) == 0 && state && strcmp(state, "filled") == 0;
    }
    json_decref(answer);
    return found;
}

static void wait_for_fill(struct smoke *s)
{
    const struct timespec pause = {.tv_nsec = 500000000};
    const int64_t began = clock_monotonic_ns(&clock_system);
    for (int i = 0; i < 2 * FILL_PATIENCE_S; i++) {
        if (!asked(s, "order", "GET", "/api/v1/orders?limit=100", NULL, 200)) return;
        if (has_filled(s)) {
            checked(s, true, "order", "a paper order of bot %s filled after %.1f s", s->bot,
                    (double)(clock_monotonic_ns(&clock_system) - began) / 1e9);
            return;
        }
        nanosleep(&pause, NULL);
    }
    checked(s, false, "order", "no order of bot %s filled within %d s", s->bot, FILL_PATIENCE_S);
}

/* What was made is stopped whatever came of it. An open position is sold first, so deleting may
 * have to wait for it. */
static void remove_bot(struct smoke *s)
{
    const struct timespec pause = {.tv_nsec = 500000000};
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/api/v1/bots/%s/stop", s->bot);
    if (!asked(s, "stop", "POST", path, NULL, 200)) return;
    checked(s, true, "stop", "bot %s was told to stop", s->bot);
    snprintf(path, sizeof path, "/api/v1/bots/%s", s->bot);
    enum err err = http_ask(&s->ask, "DELETE", path, NULL);
    for (int i = 0; !err && s->ask.status == 409 && i < 20; i++) {
        nanosleep(&pause, NULL);
        err = http_ask(&s->ask, "DELETE", path, NULL);
    }
    if (!err && s->ask.status == 405)
        checked(s, true, "left_behind", "bot %s stays, stopped: this server deletes none", s->bot);
    else
        checked(s, !err && s->ask.status == 204, "delete", "bot %s: %s", s->bot,
                err                    ? err_text()
                : s->ask.status == 204 ? "deleted"
                                       : s->ask.body.data);
}

static void try_round_trip(struct smoke *s)
{
    char path[PATH_SIZE];
    if (!make_bot(s)) return;
    snprintf(path, sizeof path, "/api/v1/bots/%s/start", s->bot);
    if (asked(s, "order", "POST", path, NULL, 200)) wait_for_fill(s);
    remove_bot(s);
}

static void try_account(struct smoke *s, const char *email, const char *secret)
{
    if (email && !log_in(s, email, secret)) return;
    if (!email) snprintf(s->token, sizeof s->token, "%s", secret);
    s->ask.token = s->token;
    if (look_around(s)) try_round_trip(s);
    if (s->has_session && asked(s, "logout", "POST", "/api/v1/auth/logout", NULL, 204))
        checked(s, true, "logout", "the session was ended");
    s->ask.token = NULL;
}

/* Last, because nobody of this address can log in for a while afterwards. */
static void try_limit(struct smoke *s)
{
    static const char body[] =
        "{\"email\":\"smoke@nobody.invalid\",\"password\":\"wrong on purpose\"}";
    for (int i = 1; i <= LOGIN_TRIES_MAX; i++) {
        if (http_ask(&s->ask, "POST", "/api/v1/auth/login", body) != OK) {
            checked(s, false, "login_limit", "%s", err_text());
            return;
        }
        if (s->ask.status == 429) {
            checked(s, *s->ask.retry_after != '\0', "login_limit",
                    "429 at try %d, Retry-After: %s s", i, s->ask.retry_after);
            return;
        }
        if (s->ask.status != 401) {
            checked(s, false, "login_limit", "status %d instead of 401 or 429", s->ask.status);
            return;
        }
    }
    checked(s, false, "login_limit", "no 429 in %d tries: see RATE_LIMIT_LOGIN", LOGIN_TRIES_MAX);
}

/* ---- result ---- */

static bool all_passed(const struct smoke *s)
{
    bool all = s->count > 0;
    for (unsigned i = 0; i < s->count; i++) all &= s->checks[i].passed;
    return all;
}

static void write_json(const struct smoke *s, struct buffer *out)
{
    struct json_writer w = {.out = out};
    writer_open(&w, NULL, '{');
    writer_bool(&w, "passed", all_passed(s));
    writer_open(&w, "checks", '[');
    for (unsigned i = 0; i < s->count; i++) {
        writer_open(&w, NULL, '{');
        writer_text(&w, "name", s->checks[i].name);
        writer_bool(&w, "passed", s->checks[i].passed);
        writer_text(&w, "detail", s->checks[i].text);
        writer_close(&w, '}');
    }
    writer_close(&w, ']');
    writer_close(&w, '}');
    buffer_append_char(out, '\n');
}

static void write_text(const struct smoke *s, struct buffer *out)
{
    for (unsigned i = 0; i < s->count; i++)
        buffer_printf(out, "%-4s  %-12s %s\n", s->checks[i].passed ? "ok" : "fail",
                      s->checks[i].name, s->checks[i].text);
}

static enum err print_result(const struct smoke *s, bool json)
{
    struct buffer out = {0};
    if (json)
        write_json(s, &out);
    else
        write_text(s, &out);
    const enum err err = output_print(&out);
    buffer_deinit(&out);
    return err;
}

static bool read_secret(char secret[SECRET_SIZE])
{
    if (!fgets(secret, SECRET_SIZE, stdin)) return false;
    secret[strcspn(secret, "\r\n")] = '\0';
    return *secret != '\0';
}

int cmd_smoke(int argc, char **argv)
{
    const struct options usage = {
        .command = "smoke",
        .summary = "Tries a running server from end to end, as a client sees it.",
        .print_more = print_more,
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct smoke smoke;
    struct arguments a;
    char secret[SECRET_SIZE] = "";
    int status;
    if (!options_read(&usage, argc, argv, &a, &status)) return status;
    const char *email = a.values[FLAG_EMAIL];
    const bool by_token = a.values[FLAG_TOKEN_STDIN] != NULL;
    if ((email != NULL) != (a.values[FLAG_PASSWORD_STDIN] != NULL) || (email && by_token))
        return options_usage(&usage, "an account is --email with --password-stdin, or "
                                     "--token-stdin alone");
    log_level_set(LOG_ERROR);
    if (process_guard() != OK) return options_failed(&usage);
    if ((email || by_token) && !read_secret(secret))
        return options_usage(&usage, "standard input gave no line");
    const char *url = a.values[FLAG_URL] ? a.values[FLAG_URL] : "http://127.0.0.1:8000";
    if (http_ask_open(&smoke.ask, url) != OK) return options_usage(&usage, "%s", err_text());
    try_open(&smoke);
    if (*secret && all_passed(&smoke)) try_account(&smoke, email, secret);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(smoke.token, sizeof smoke.token);
    if (smoke.checks[0].passed) try_limit(&smoke);
    http_ask_close(&smoke.ask);
    if (print_result(&smoke, a.values[FLAG_JSON] != NULL) != OK) return options_failed(&usage);
    return all_passed(&smoke) ? 0 : 1;
}
