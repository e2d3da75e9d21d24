/* Putting a web thread together, and taking it apart. */
#include "app/web_thread.h"

#include "base/check.h"

/* A machine of so many cores has some to spare beside the trade thread, the store's and one. */
enum { CORES_FOR_TWO = 4 };

static void on_publication(void *user, const struct publication *p)
{
    struct web_thread *w = user;
    if (w->api) api_on_publication(w->api, p);
}

static void on_stop(uv_async_t *handle)
{
    uv_stop(handle->loop);
}

uint32_t web_thread_count(const struct config *config)
{
    if (config->web_threads) return config->web_threads;
    return uv_available_parallelism() < CORES_FOR_TWO ? 1 : 2;
}

enum err web_thread_prepare(struct web_thread *w, uint32_t number, struct bridge *bridge)
{
    *w = (struct web_thread){.number = number};
    int code = uv_loop_init(&w->loop);
    if (code) return err_set(ERR_IO, "cannot make a web loop: %s", uv_strerror(code));
    code = uv_async_init(&w->loop, &w->stop, on_stop);
    const enum err err = code ? err_set(ERR_IO, "cannot make a wake-up: %s", uv_strerror(code))
                              : bridge_open_web(&bridge->ends[number], &w->loop, on_publication, w);
    if (err) {
        if (!code) uv_close((uv_handle_t *)&w->stop, NULL);
        uv_run(&w->loop, UV_RUN_DEFAULT);
        uv_loop_close(&w->loop);
        return err;
    }
    w->end = &bridge->ends[number];
    w->is_prepared = true;
    return OK;
}

/* ---- opening ---- */

static enum err open_clerk(struct web_thread *w, const struct web_surroundings *around)
{
    struct clerk_surroundings clerk = {
        .loop = &w->loop,
        .accounts = office_accounts(around->office),
        .store = around->store,
        .letters = around->letters,
    };
    for (unsigned i = 0; i < VENUE_COUNT; i++) clerk.rest_urls[i] = around->rest_urls[i];
    return clerk_open(&clerk, &w->clerk);
}

static enum listener_sharing sharing_of(const struct web_thread *w,
                                        const struct web_surroundings *around)
{
    if (around->tallies->count == 1) return LISTENER_ALONE;
    return w->number == 0 ? LISTENER_FIRST : LISTENER_JOINS;
}

static enum err open_api(struct web_thread *w, const struct web_surroundings *around, uint16_t port)
{
    const struct config *config = around->config;
    const struct api_options options = {
        .address = config->host,
        .port = port,
        .sharing = sharing_of(w, around),
        .tls = around->tls,
        .store_path = around->store_url,
        .desk = bridge_desk(w->end),
        .guard = gate_guard(w->gate),
        .proxies = &config->proxies,
        .redis = gate_redis(w->gate),
        .mailer = letters_mailer(around->letters),
        .accounts = office_accounts(around->office),
        .account_desk = clerk_desk(w->clerk),
        .console = around->console,
        .version = TRADEBOT_VERSION,
        .commit = "",
        .live_enabled = config->live_trading,
        .demo = around->demo,
        .language = config->locale == LOCALE_TR ? LANGUAGE_TURKISH : LANGUAGE_ENGLISH,
        .publications_dropped = &around->bridge->dropped,
        .tallies = around->tallies,
        .thread = w->number,
    };
    return api_open(&w->loop, &options, &w->api);
}

enum err web_thread_open(struct web_thread *w, const struct web_surroundings *around, uint16_t port)
{
    enum err err = open_clerk(w, around);
    if (!err) err = gate_open(around->config, around->limits, &w->loop, &w->gate);
    return err ? err : open_api(w, around, port);
}

static void run(void *user)
{
    struct web_thread *w = user;
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

enum err web_thread_start(struct web_thread *w)
{
    const int code = uv_thread_create(&w->thread, run, w);
    if (code) return err_set(ERR_IO, "cannot start a web thread: %s", uv_strerror(code));
    w->is_running = true;
    return OK;
}

/* ---- closing ---- */

void web_thread_stop(struct web_thread *w)
{
    if (!w->is_running) return;
    uv_async_send(&w->stop);
    CHECK(uv_thread_join(&w->thread) == 0);
    w->is_running = false;
}

void web_thread_quiet(struct web_thread *w)
{
    api_quiet(w->api);
    gate_quiet(w->gate);
    clerk_finish(w->clerk);
}

void web_thread_close(struct web_thread *w)
{
    if (!w->is_prepared) return;
    api_close(w->api);
    gate_close(w->gate);
    clerk_close(w->clerk);
    w->api = NULL;
    bridge_close_web(w->end);
    uv_close((uv_handle_t *)&w->stop, NULL);
}

void web_thread_finish(struct web_thread *w)
{
    if (!w->is_prepared) return;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&w->loop) == 0);
    w->is_prepared = false;
}
