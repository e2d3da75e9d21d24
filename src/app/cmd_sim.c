/* tradebot sim: the simulated exchange alone. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/options.h"
#include "core/model/money.h"
#include "io/net/url.h"
#include "service/simserver/simserver.h"

enum { RECORDINGS_MAX = 16, ADDRESS_SIZE = 64, SEED_STANDARD = 1, SPEED_STANDARD = 1 };

enum { FLAG_LISTEN, FLAG_SEED, FLAG_RECORDING, FLAG_SPEED, FLAG_NO_LIMITS };

/* More than anybody sends, and far from overflowing anybody's percentages. */
enum { NO_LIMIT = 10000000 };

static const struct flag flags[] = {
    [FLAG_LISTEN] = {"listen", "ADDR:PORT",
                     "where to listen; port 0 picks one; warns beyond loopback (127.0.0.1:9100)"},
    [FLAG_SEED] = {"seed", "N", "of the synthetic market (1)"},
    [FLAG_RECORDING] = {"recording", "FILE", "frames to play instead; may be given again",
                        RECORDINGS_MAX},
    [FLAG_SPEED] = {"speed", "X", "of a recording: 1 recorded time, 10 ten times, max (1)"},
    [FLAG_NO_LIMITS] = {"no-limits", NULL, "never answer 429 or 418, however often it is asked"},
};

static const char *const wants[] = {
    [FLAG_LISTEN] = "must be ADDRESS:PORT, as 127.0.0.1:9100",
    [FLAG_SEED] = "must be a whole number, 0 or more",
    [FLAG_SPEED] = "must be above 0 and at most 1000000, or max",
};

static const struct options options = {
    .command = "sim",
    .summary =
        "The simulated exchange: Binance spot's REST and WebSocket protocols over a made-up\n"
        "market or a recording. Prints where it is, and a test account's keys: one that may "
        "trade,\n"
        "and one that says it may withdraw, which serve refuses to keep.",
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
};

struct request {
    char address[ADDRESS_SIZE];
    const char *recordings[RECORDINGS_MAX];
    struct simserver_options server;
};

static bool read_listen(const char *text, struct request *r)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !decimal_parse(colon + 1, strlen(colon + 1), 0, &port) || port < 0 ||
        port > UINT16_MAX)
        return false;
    size_t size = (size_t)(colon - text);
    if (size >= 2 && text[0] == '[' && text[size - 1] == ']') {
        text++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof r->address) return false;
    memcpy(r->address, text, size);
    r->address[size] = '\0';
    if (strcmp(r->address, "localhost") == 0) snprintf(r->address, sizeof r->address, "127.0.0.1");
    r->server.port = (uint16_t)port;
    return true;
}

static bool read_speed(const char *text, double *out)
{
    char *end;
    *out = 0;
    if (strcmp(text, "max") == 0) return true;
    *out = strtod(text, &end);
    return *text && !*end && isfinite(*out) && *out > 0 && *out <= 1e6;
}

static bool read_seed(const char *text, uint64_t *out)
{
    int64_t seed;
    if (!decimal_parse(text, strlen(text), 0, &seed) || seed < 0) return false;
    *out = (uint64_t)seed;
    return true;
}

static bool read_flag(struct request *r, int flag, const char *value)
{
    switch (flag) {
    case FLAG_LISTEN: return read_listen(value, r);
    case FLAG_SEED: return read_seed(value, &r->server.seed);
    case FLAG_SPEED: return read_speed(value, &r->server.speed);
    case FLAG_NO_LIMITS: r->server.limits.weight = r->server.limits.dials = NO_LIMIT; return true;
    default: break;
    }
    r->recordings[r->server.recording_count++] = value;
    return true;
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    uv_stop(handle->loop);
}

static void print_start(const struct simserver_info *i)
{
    printf("{\"venue\":\"binance\",\"rest\":\"%s\",\"ws\":\"%s\",\"ws_api\":\"%s\","
           "\"api_key\":\"%s\",\"secret\":\"%s\",\"withdraw_api_key\":\"%s\","
           "\"withdraw_secret\":\"%s\"}\nready %s\n",
           i->rest, i->ws, i->ws_api, i->api_key, i->secret, i->withdraw_api_key,
           i->withdraw_secret, i->url);
    fflush(stdout);
}

/* Its keys are for tests, and travel in the clear. */
static void warn_if_reachable(const char *address)
{
    if (url_host_is_loopback(address)) return;
    fprintf(
        stderr,
        "tradebot sim: warning: %s is not this machine's loopback: whoever reaches it can read\n"
        "its test keys' traffic in the clear and trade with them. This is an exchange for tests;\n"
        "listen on 127.0.0.1, or let only a network in that you trust.\n",
        address);
}

static void close_signal(uv_signal_t *handle)
{
    uv_close((uv_handle_t *)handle, NULL);
}

static int serve(const struct request *r)
{
    uv_loop_t loop;
    uv_signal_t interrupted, terminated;
    struct simserver *server;
    struct simserver_info info;
    uv_loop_init(&loop);
    uv_signal_init(&loop, &interrupted);
    uv_signal_init(&loop, &terminated);
    const enum err err = simserver_open(&loop, &r->server, &server);
    if (!err) {
        uv_signal_start(&interrupted, on_signal, SIGINT);
        uv_signal_start(&terminated, on_signal, SIGTERM);
        simserver_info(server, &info);
        print_start(&info);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    simserver_close(server);
    close_signal(&interrupted);
    close_signal(&terminated);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (!err) return 0;
    const int status = options_failed(&options);
    return err == ERR_INVALID ? EXIT_USAGE : status;
}

int cmd_sim(int argc, char **argv)
{
    struct request r = {
        .address = "127.0.0.1",
        .server = {.port = 9100, .seed = SEED_STANDARD, .speed = SPEED_STANDARD},
    };
    const char *value;
    int flag;
    while ((flag = options_next(&options, argc, argv, &value)) >= 0)
        if (!read_flag(&r, flag, value))
            return options_usage(&options, "--%s '%.200s': %s", flags[flag].name, value,
                                 wants[flag]);
    if (flag == OPTIONS_HELP) return 0;
    if (flag == OPTIONS_WRONG) return EXIT_USAGE;
    if (r.server.speed != SPEED_STANDARD && !r.server.recording_count)
        return options_usage(&options, "--speed is for a recording: give --recording FILE too");
    r.server.address = r.address;
    r.server.recordings = r.recordings;
    warn_if_reachable(r.address);
    return serve(&r);
}
