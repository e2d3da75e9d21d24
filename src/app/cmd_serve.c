/* tradebot serve: the server. Simulated exchange, trade thread, store thread and web threads wired
 * together; the first web thread's loop is the main thread's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "app/bridge.h"
#include "app/certificate.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/console.h"
#include "app/data_folder.h"
#include "app/demo.h"
#include "app/letters.h"
#include "app/office.h"
#include "app/options.h"
#include "app/process_guard.h"
#include "app/sim_thread.h"
#include "app/trader.h"
#include "app/web_thread.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/store/backup.h"

/* How late Binance's queries may be, before "not found" is proof;
 * the simulated exchange is never. */
enum { BINANCE_READ_LAG_MS = 60000, SIM_READ_LAG_MS = 0 };

enum { FLAG_LISTEN, FLAG_DATA, FLAG_DEMO, FLAG_JOURNAL };

static const struct flag flags[] = {
    [FLAG_LISTEN] = {"listen", "ADDR:PORT", "where to listen; port 0 picks a free one"},
    [FLAG_DATA] = {"data", "DIR", "folder of the database and the simulated exchange"},
    [FLAG_DEMO] = {"demo", NULL,
                   "make a demo account and three running paper bots where there are none"},
    [FLAG_JOURNAL] = {"journal", "FILE", "write the engine's input events, for tradebot replay"},
};

struct server {
    struct config config;
    bool demo;
    const char *journal_path;
    char origin[CONSOLE_URL_SIZE]; /* where it listens */
    struct console console;
    struct token_hash console_hash;
    bool has_console; /* the file is there, and ours */
    char store_url[2 * CONFIG_TEXT_SIZE];
    char rest_urls[VENUE_COUNT][CONFIG_TEXT_SIZE];
    uv_signal_t interrupt, terminate, hang_up;
    struct bridge bridge;
    struct store *store;
    struct sim_thread *sim;
    struct trader *trader;
    struct tls_context *tls; /* NULL: plain http */
    struct letters *letters;
    struct office *office;
    struct guard_limits *limits;
    struct tallies tallies;
    struct web_thread webs[WEB_THREADS_MAX];
    uint32_t web_count;
    bool stopping;
};

static void copy_venue(struct trader_venue *v, const char *rest, const char *ws, const char *ws_api,
                       uint32_t read_lag_ms)
{
    snprintf(v->rest, sizeof v->rest, "%s", rest);
    snprintf(v->ws, sizeof v->ws, "%s", ws);
    snprintf(v->ws_api, sizeof v->ws_api, "%s", ws_api);
    v->read_lag_ms = read_lag_ms;
}

/* The built-in exchange, or the one in a process of its own that the settings name. */
static enum err open_sim(struct server *s, struct trader_venue *v)
{
    const struct config *c = &s->config;
    if (*c->sim_url) {
        copy_venue(v, c->sim_url, c->sim_ws_url, c->sim_ws_api_url, SIM_READ_LAG_MS);
        snprintf(v->api_key, sizeof v->api_key, "%s", c->sim_api_key);
        snprintf(v->secret, sizeof v->secret, "%s", c->sim_secret);
        return OK;
    }
    struct sim_access access;
    const enum err err = sim_thread_start(c->data, &s->sim, &access);
    if (err) return err_note(err, "while starting the simulated exchange");
    copy_venue(v, access.rest, access.ws, access.ws_api, SIM_READ_LAG_MS);
    snprintf(v->api_key, sizeof v->api_key, "%s", access.api_key);
    snprintf(v->secret, sizeof v->secret, "%s", access.secret);
    explicit_bzero(&access, sizeof access);
    return OK;
}

static enum err open_trader(struct server *s)
{
    struct trader_options options = {
        .store = s->store,
        .bridge = &s->bridge,
        .journal_path = s->journal_path,
        .live_enabled = s->config.live_trading,
    };
    int64_t restored_ms = 0;
    enum err err = store_restored(store_sql(s->store), &restored_ms);
    options.restored = restored_ms != 0;
    if (options.restored)
        log_warn("live_entries_halted", "cause=\"the database was restored, and nobody has said "
                                        "'tradebot restore --settled'\"");
    if (!err) err = open_sim(s, &options.venues[VENUE_SIM]);
    copy_venue(&options.venues[VENUE_BINANCE], s->config.binance_url, s->config.binance_ws_url,
               s->config.binance_ws_api_url, BINANCE_READ_LAG_MS);
    for (unsigned i = 0; i < VENUE_COUNT; i++)
        snprintf(s->rest_urls[i], sizeof s->rest_urls[i], "%s", options.venues[i].rest);
    if (!err) err = trader_start(&options, &s->trader);
    explicit_bzero(&options, sizeof options);
    return err;
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct server *s = signal->data;
    if (s->stopping) return;
    s->stopping = true;
    log_info("stopping", "signal=%d", number);
    uv_stop(signal->loop);
}

static void on_hang_up(uv_signal_t *signal, int number)
{
    const struct server *s = signal->data;
    (void)number;
    certificate_reload(&s->config, s->tls);
}

/* Whoever renews the certificate sends SIGHUP. Without one it ends the program, as everywhere. */
static enum err open_certificate(struct server *s)
{
    const enum err err = certificate_open(&s->config, &s->tls);
    if (!err && s->tls) uv_signal_start(&s->hang_up, on_hang_up, SIGHUP);
    return err;
}

static void open_signals(struct server *s)
{
    uv_signal_t *const signals[] = {&s->interrupt, &s->terminate, &s->hang_up};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        CHECK(uv_signal_init(&s->webs[0].loop, signals[i]) == 0);
        signals[i]->data = s;
    }
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of that write */
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    uv_signal_start(&s->terminate, on_signal, SIGTERM);
}

static enum err prepare_webs(struct server *s)
{
    enum err err = OK;
    for (uint32_t i = 0; !err && i < s->web_count; i++)
        err = web_thread_prepare(&s->webs[i], i, &s->bridge);
    if (!err) open_signals(s);
    return err;
}

static void close_signals(struct server *s)
{
    if (!s->interrupt.data) return;
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->terminate, NULL);
    uv_close((uv_handle_t *)&s->hang_up, NULL);
}

static void print_ready(void *user)
{
    const struct server *s = user;
    printf("ready %s\n", s->origin);
    fflush(stdout);
}

/* People wait for the server, so a console that cannot be is only warned of. */
static void tell_origin(struct server *s)
{
    const bool v6 = strchr(s->config.host, ':') != NULL;
    snprintf(s->origin, sizeof s->origin, "%s://%s%s%s:%u", s->tls ? "https" : "http",
             v6 ? "[" : "", s->config.host, v6 ? "]" : "", api_port(s->webs[0].api));
    letters_set_origin(s->letters, s->origin);
    memcpy(s->console.url, s->origin, sizeof s->console.url);
    s->has_console = console_write(s->config.data, &s->console) == OK;
    if (!s->has_console) log_warn("no_console", "cause=\"%s\"", err_text());
    explicit_bzero(&s->console, sizeof s->console);
}

/* Takes down what is up, in the order that lets nothing talk to what is gone. */
static enum err close_all(struct server *s)
{
    if (s->has_console) console_remove(s->config.data);
    const uint32_t count = s->web_count;
    for (uint32_t i = 1; i < count; i++) web_thread_stop(&s->webs[i]);
    for (uint32_t i = 0; i < count; i++) web_thread_quiet(&s->webs[i]);
    office_finish(s->office);
    const enum err err = trader_stop(s->trader);
    for (uint32_t i = 0; i < count; i++) web_thread_close(&s->webs[i]);
    guard_limits_free(s->limits);
    office_close(s->office);
    letters_close(s->letters);
    tls_context_free(s->tls);
    sim_thread_stop(s->sim);
    close_signals(s);
    for (uint32_t i = 0; i < count; i++) web_thread_finish(&s->webs[i]);
    bridge_deinit(&s->bridge);
    store_close(s->store);
    return err;
}

static enum err start_office(struct server *s)
{
    const struct office_surroundings around = {
        .loop = &s->webs[0].loop,
        .store = trader_store_thread(s->trader),
        .store_url = s->store_url,
    };
    return office_start(s->office, &around);
}

/* All of them listen before one of the others runs. */
static enum err open_webs(struct server *s)
{
    token_new(TOKEN_CONSOLE, s->console.token, &s->console_hash);
    struct web_surroundings around = {
        .config = &s->config,
        .demo = s->demo,
        .bridge = &s->bridge,
        .store_url = s->store_url,
        .store = trader_store_thread(s->trader),
        .office = s->office,
        .letters = s->letters,
        .tls = s->tls,
        .console = &s->console_hash,
        .limits = s->limits,
        .tallies = &s->tallies,
    };
    for (unsigned i = 0; i < VENUE_COUNT; i++) around.rest_urls[i] = s->rest_urls[i];
    s->tallies.count = s->web_count;
    enum err err = web_thread_open(&s->webs[0], &around, s->config.port);
    for (uint32_t i = 1; !err && i < s->web_count; i++)
        err = web_thread_open(&s->webs[i], &around, api_port(s->webs[0].api));
    if (!err) tell_origin(s);
    for (uint32_t i = 1; !err && i < s->web_count; i++) err = web_thread_start(&s->webs[i]);
    return err;
}

static enum err open_all(struct server *s)
{
    enum err err = prepare_webs(s);
    if (!err) err = open_certificate(s);
    if (!err)
        err = data_folder_open(s->config.data, s->config.database_url, clock_wall_ms(&clock_system),
                               s->store_url, sizeof s->store_url, &s->store);
    if (!err) err = office_open(&s->config, s->store, !s->demo, &s->office);
    if (!err) err = open_trader(s);
    if (!err) err = letters_open(&s->config, &s->letters);
    if (!err) err = start_office(s);
    if (!err) err = gate_limits_open(&s->config, &s->limits);
    return err ? err : open_webs(s);
}

static int serve(struct server *s, const struct options *usage)
{
    s->web_count = web_thread_count(&s->config);
    enum err err = process_guard();
    if (!err) err = bridge_init(&s->bridge, s->web_count);
    if (err) return options_failed(usage);
    err = open_all(s);
    if (err) {
        const int status = options_failed(usage);
        if (close_all(s) != OK) log_warn("stop_failed", "cause=%s", err_text());
        return status;
    }
    if (s->demo)
        demo_start(bridge_desk(&s->bridge.ends[0]), office_accounts(s->office),
                   clerk_desk(s->webs[0].clerk), s->store_url, print_ready, s);
    else
        print_ready(s);
    uv_run(&s->webs[0].loop, UV_RUN_DEFAULT);
    return close_all(s) == OK ? 0 : options_failed(usage);
}

static void print_settings(void)
{
    puts("\nSettings, from the environment or from .env in the working folder (flags win):");
    config_help();
}

/* Flags win over what the environment says; their errors name the flag. */
static enum err configure(struct server *s, const struct arguments *a)
{
    static const char *const keys[] = {
        [FLAG_LISTEN] = "TRADEBOT_LISTEN", [FLAG_DATA] = "TRADEBOT_DATA"};
    enum err err = config_load(&s->config);
    for (unsigned i = 0; !err && i < sizeof keys / sizeof *keys; i++) {
        if (!a->values[i]) continue;
        err = config_set(&s->config, keys[i], a->values[i]);
        if (err) err = err_note(err, "given by --%s", flags[i].name);
    }
    if (!err) err = config_check(&s->config);
    s->demo = a->values[FLAG_DEMO] != NULL;
    s->journal_path = a->values[FLAG_JOURNAL];
    return err;
}

int cmd_serve(int argc, char **argv)
{
    const struct options usage = {
        .command = "serve",
        .summary = "The server: market data, bots, paper and live orders, page and API.",
        .print_more = print_settings,
        .flags = flags,
        .flag_count = sizeof flags / sizeof *flags,
    };
    static struct server server; /* large, and there is one */
    struct arguments arguments;
    int status;
    if (!options_read(&usage, argc, argv, &arguments, &status)) return status;
    if (configure(&server, &arguments)) return options_usage(&usage, "%s", err_text());
    log_level_set(server.config.log_level);
    return serve(&server, &usage);
}
