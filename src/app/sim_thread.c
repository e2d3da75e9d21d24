/* The built-in exchange's thread. */
#include "app/sim_thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uv.h>

#include "base/log.h"
#include "service/simserver/simserver.h"

/* The built-in market is the same one everywhere and always:
 * its price is a function of this and time. */
enum { SIM_SEED = 1 };

struct sim_thread {
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t stop;
    struct simserver *server;
};

static void on_stop(uv_async_t *handle)
{
    struct sim_thread *s = handle->data;
    simserver_close(s->server);
    uv_close((uv_handle_t *)&s->stop, NULL);
}

static void run(void *user)
{
    struct sim_thread *s = user;
    uv_run(&s->loop, UV_RUN_DEFAULT);
}

static void tell(const struct simserver *server, struct sim_access *access)
{
    struct simserver_info info;
    simserver_info(server, &info);
    snprintf(access->rest, sizeof access->rest, "%s", info.rest);
    snprintf(access->ws, sizeof access->ws, "%s", info.ws);
    snprintf(access->ws_api, sizeof access->ws_api, "%s", info.ws_api);
    snprintf(access->api_key, sizeof access->api_key, "%s", info.api_key);
    snprintf(access->secret, sizeof access->secret, "%s", info.secret);
    explicit_bzero(&info, sizeof info);
}

/* Closes a loop whose thread never ran. */
static void abandon(struct sim_thread *s)
{
    uv_close((uv_handle_t *)&s->stop, NULL);
    simserver_close(s->server);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    free(s);
}

enum err sim_thread_start(const char *data_folder, struct sim_thread **out,
                          struct sim_access *access)
{
    char folder[1024];
    snprintf(folder, sizeof folder, "%s/sim", data_folder);
    struct sim_thread *s = calloc(1, sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "cannot make its thread");
    if (uv_loop_init(&s->loop) != 0) {
        free(s);
        return err_set(ERR_IO, "cannot make its loop");
    }
    s->stop.data = s;
    if (uv_async_init(&s->loop, &s->stop, on_stop) != 0) {
        uv_loop_close(&s->loop);
        free(s);
        return err_set(ERR_IO, "cannot make its wake-up");
    }
    const struct simserver_options options = {.seed = SIM_SEED, .state_folder = folder};
    enum err err = simserver_open(&s->loop, &options, &s->server);
    if (!err) {
        tell(s->server, access);
        if (uv_thread_create(&s->thread, run, s) == 0) {
            *out = s;
            return OK;
        }
        err = err_set(ERR_IO, "cannot start its thread");
    }
    abandon(s);
    return err;
}

void sim_thread_stop(struct sim_thread *s)
{
    if (!s) return;
    uv_async_send(&s->stop);
    uv_thread_join(&s->thread);
    if (uv_loop_close(&s->loop) != 0) log_warn("sim_loop_busy", "what=handles_left");
    free(s);
}
