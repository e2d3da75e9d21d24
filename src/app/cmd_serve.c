/* tradebot serve: the server. Simulated exchange, trade thread, store thread and web loop wired
 * together; the web loop is the main thread's. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "app/bridge.h"
#include "app/certificate.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/data_folder.h"
#include "app/demo.h"
#include "app/gate.h"
#include "app/letters.h"
#include "app/office.h"
#include "app/options.h"
#include "app/process_guard.h"
#include "app/sim_thread.h"
#include "app/trader.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/store/backup.h"
#include "service/api/api.h"

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
    char origin[ADDRESS_HOST_SIZE + 32]; /* where it listens */
    char store_url[2 * CONFIG_TEXT_SIZE];
    char rest_urls[VENUE_COUNT][CONFIG_TEXT_SIZE];
    uv_loop_t loop;
    uv_signal_t interrupt, terminate, hang_up;
    struct bridge bridge;
    struct store *store;
    struct sim_thread *sim;
    struct trader *trader;
    struct tls_context *tls; /* NULL: plain http */
    struct letters *letters;
    struct office *office;
    struct gate *gate;
    struct api *api;
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

static void on_publication(void *user, const struct publication *p)
{
    struct server *s = user;
    if (s->api) api_on_publication(s->api, p);
}

static enum err open_api(struct server *s)
{
    const struct api_options options = {
        .address = s->config.host,
        .port = s->config.port,
        .tls = s->tls,
        .store_path = s->store_url,
        .desk = bridge_desk(&s->bridge.ends[0]),
        .guard = gate_guard(s->gate),
        .proxies = &s->config.proxies,
        .redis = gate_redis(s->gate),
        .mailer = letters_mailer(s->letters),
        .accounts = office_accounts(s->office),
        .account_desk = office_desk(s->office),
        .version = TRADEBOT_VERSION,
        .commit = "",
        .live_enabled = s->config.live_trading,
        .demo = s->demo,
        .language = s->config.locale == LOCALE_TR ? LANGUAGE_TURKISH : LANGUAGE_ENGLISH,
        .publications_dropped = &s->bridge.dropped,
    };
    return api_open(&s->loop, &options, &s->api);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct server *s = signal->data;
    if (s->stopping) return;
    s->stopping = true;
    log_info("stopping", "signal=%d", number);
    uv_stop(&s->loop);
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

static enum err open_loop(struct server *s)
{
    int code = uv_loop_init(&s->loop);
    if (!code) code = uv_signal_init(&s->loop, &s->interrupt);
    if (!code) code = uv_signal_init(&s->loop, &s->terminate);
    if (!code) code = uv_signal_init(&s->loop, &s->hang_up);
    if (code) return err_set(ERR_IO, "cannot make the web loop: %s", uv_strerror(code));
    s->interrupt.data = s->terminate.data = s->hang_up.data = s;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of that write */
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    uv_signal_start(&s->terminate, on_signal, SIGTERM);
    return bridge_open_web(&s->bridge.ends[0], &s->loop, on_publication, s);
}

static void print_ready(void *user)
{
    const struct server *s = user;
    printf("ready %s\n", s->origin);
    fflush(stdout);
}

static void tell_origin(struct server *s)
{
    const bool v6 = strchr(s->config.host, ':') != NULL;
    snprintf(s->origin, sizeof s->origin, "%s://%s%s%s:%u", s->tls ? "https" : "http",
             v6 ? "[" : "", s->config.host, v6 ? "]" : "", api_port(s->api));
    letters_set_origin(s->letters, s->origin);
}

/* Takes down what is up, in the order that lets nothing talk to what is gone. */
static enum err close_all(struct server *s)
{
    api_quiet(s->api);
    gate_quiet(s->gate);
    office_finish(s->office);
    const enum err err = trader_stop(s->trader);
    api_close(s->api);
    gate_close(s->gate);
    office_close(s->office);
    letters_close(s->letters);
    tls_context_free(s->tls);
    sim_thread_stop(s->sim);
    bridge_close_web(&s->bridge.ends[0]);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->terminate, NULL);
    uv_close((uv_handle_t *)&s->hang_up, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    bridge_deinit(&s->bridge);
    store_close(s->store);
    return err;
}

static enum err start_office(struct server *s)
{
    struct office_surroundings around = {
        .loop = &s->loop,
        .store = trader_store_thread(s->trader),
        .store_url = s->store_url,
        .letters = s->letters,
    };
    for (unsigned i = 0; i < VENUE_COUNT; i++) around.rest_urls[i] = s->rest_urls[i];
    return office_start(s->office, &around);
}

static int serve(struct server *s, const struct options *usage)
{
    enum err err = process_guard();
    if (!err) err = bridge_init(&s->bridge, 1);
    if (err) return options_failed(usage);
    err = open_loop(s);
    if (!err) err = open_certificate(s);
    if (!err)
        err = data_folder_open(s->config.data, s->config.database_url, clock_wall_ms(&clock_system),
                               s->store_url, sizeof s->store_url, &s->store);
    if (!err) err = office_open(&s->config, s->store, !s->demo, &s->office);
    if (!err) err = open_trader(s);
    if (!err) err = letters_open(&s->config, &s->letters);
    if (!err) err = start_office(s);
    if (!err) err = gate_open(&s->config, &s->loop, &s->gate);
    if (!err) err = open_api(s);
    if (err) {
        const int status = options_failed(usage);
        if (close_all(s) != OK) log_warn("stop_failed", "cause=%s", err_text());
        return status;
    }
    tell_origin(s);
    if (s->demo)
        demo_start(bridge_desk(&s->bridge.ends[0]), office_accounts(s->office),
                   office_desk(s->office), s->store_url, print_ready, s);
    else
        print_ready(s);
    uv_run(&s->loop, UV_RUN_DEFAULT);
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
