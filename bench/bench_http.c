/* The web thread alone, for load from outside: the whole API over a store in a folder of its own,
 * with a desk that knows 400 made-up instruments and answers at once.
 *
 *     bench_http FOLDER
 *
 * Prints its port, and serves until SIGTERM or SIGINT. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/prng.h"
#include "io/store/store.h"
#include "service/api/api.h"
#include "service/api/limits.h"

enum { SYMBOLS = 400, PATH_SIZE = 512, WAITING_MAX = 64, LETTERS = 4 };

struct bench {
    uv_loop_t loop;
    uv_signal_t terminate, interrupt;
    uv_idle_t answering;
    struct api *api;
    struct guard_limits *limits;
    struct guard *guard;
    struct trusted_proxies proxies;
    struct store *store;
    struct instrument instruments[SYMBOLS];
    struct desk_request waiting[WAITING_MAX];
    unsigned waiting_count;
};

static struct bench bench;

static void make_instruments(void)
{
    struct prng p;
    prng_init(&p, 1);
    for (unsigned i = 0; i < SYMBOLS; i++) {
        struct instrument *one = &bench.instruments[i];
        char name[LETTERS + 1] = "";
        for (unsigned at = 0; at < LETTERS; at++) name[at] = (char)('A' + prng_below(&p, 26));
        *one = (struct instrument){
            .index = (uint16_t)i,
            .venue = VENUE_SIM,
            .price_scale = 4,
            .qty_scale = 8,
            .base_scale = 8,
            .quote_scale = 8,
            .tick = {1 + (int64_t)prng_below(&p, 100)},
            .step = {1 + (int64_t)prng_below(&p, 100000)},
            .notional_min = {500000000},
        };
        snprintf(one->base, sizeof one->base, "%s", name);
        snprintf(one->quote, sizeof one->quote, "USDT");
        snprintf(one->symbol, sizeof one->symbol, "%sUSDT", name);
    }
}

/* An answer comes after the question has returned. */
static void on_idle(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    const struct desk_answer answer = {.instruments = bench.instruments, .count = SYMBOLS};
    const unsigned count = bench.waiting_count;
    bench.waiting_count = 0;
    for (unsigned i = 0; i < count; i++) bench.waiting[i].on_answer(bench.waiting[i].user, &answer);
}

static bool ask(void *self, const struct desk_request *request)
{
    (void)self;
    if (request->kind != DESK_SYMBOLS || bench.waiting_count == WAITING_MAX) return false;
    bench.waiting[bench.waiting_count++] = *request;
    uv_idle_start(&bench.answering, on_idle);
    return true;
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    api_close(bench.api);
    uv_close((uv_handle_t *)&bench.terminate, NULL);
    uv_close((uv_handle_t *)&bench.interrupt, NULL);
    uv_close((uv_handle_t *)&bench.answering, NULL);
    uv_stop(signal->loop);
}

static void start_signal(uv_signal_t *signal, int number)
{
    CHECK(uv_signal_init(&bench.loop, signal) == 0);
    CHECK(uv_signal_start(signal, on_signal, number) == 0);
}

/* Every request is counted, and none refused. */
static void open_limits(void)
{
    struct guard_limit limits[LIMIT_CLASS_COUNT];
    for (unsigned i = 0; i < LIMIT_CLASS_COUNT; i++)
        limits[i] = (struct guard_limit){limit_names[i], {LIMIT_COUNT_MAX, 1000}};
    CHECK(guard_limits_new(limits, LIMIT_CLASS_COUNT, false, &bench.limits) == OK);
    CHECK(guard_new(&bench.loop, bench.limits, NULL, &bench.guard) == OK);
}

int main(int argc, char **argv)
{
    char path[PATH_SIZE];
    if (argc != 2) {
        fputs("usage: bench_http FOLDER\n", stderr);
        return 2;
    }
    CHECK(snprintf(path, sizeof path, "%s/bench.db", argv[1]) < PATH_SIZE);
    make_instruments();
    CHECK(uv_loop_init(&bench.loop) == 0);
    CHECK(uv_idle_init(&bench.loop, &bench.answering) == 0);
    start_signal(&bench.terminate, SIGTERM);
    start_signal(&bench.interrupt, SIGINT);
    static struct accounts accounts; /* of an installation that nobody has claimed */
    accounts.directory = directory_new();
    open_limits();
    const struct api_options options = {
        .address = "127.0.0.1",
        .guard = bench.guard,
        .proxies = &bench.proxies,
        .store_path = path,
        .desk = {.ask = ask},
        .accounts = &accounts,
        .version = "bench",
        .commit = "",
    };
    if (store_open(path, 1, &bench.store) || api_open(&bench.loop, &options, &bench.api)) {
        fprintf(stderr, "%s\n", err_text());
        return 1;
    }
    printf("%u\n", api_port(bench.api));
    fflush(stdout);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    uv_run(&bench.loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&bench.loop) == 0);
    store_close(bench.store);
    guard_free(bench.guard);
    guard_limits_free(bench.limits);
    directory_free(accounts.directory);
    return 0;
}
