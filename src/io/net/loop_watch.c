/* The watch over a loop's turns. */
#include "io/net/loop_watch.h"

#include "base/check.h"

enum { NS_PER_MS = 1000000 };

static void on_polled(uv_check_t *check);
static void on_turn_end(uv_prepare_t *prepare);
static void on_handle_closed(uv_handle_t *handle);

void loop_watch_start(struct loop_watch *w, uv_loop_t *loop)
{
    *w = (struct loop_watch){.open_handles = 2};
    CHECK(uv_check_init(loop, &w->after_poll) == 0);
    CHECK(uv_prepare_init(loop, &w->before_poll) == 0);
    w->after_poll.data = w->before_poll.data = w;
    CHECK(uv_check_start(&w->after_poll, on_polled) == 0);
    CHECK(uv_prepare_start(&w->before_poll, on_turn_end) == 0);
    uv_unref((uv_handle_t *)&w->after_poll);
    uv_unref((uv_handle_t *)&w->before_poll);
}

void loop_watch_close(struct loop_watch *w, void (*on_closed)(struct loop_watch *w))
{
    w->on_closed = on_closed;
    uv_close((uv_handle_t *)&w->after_poll, on_handle_closed);
    uv_close((uv_handle_t *)&w->before_poll, on_handle_closed);
}

/* Callbacks of sockets ran already; the loop's own time is that of the poll's return. */
static void on_polled(uv_check_t *check)
{
    struct loop_watch *w = check->data;
    w->turn_start_ns = (int64_t)uv_now(check->loop) * NS_PER_MS;
}

static void on_turn_end(uv_prepare_t *prepare)
{
    struct loop_watch *w = prepare->data;
    if (!w->turn_start_ns) return;
    const int64_t spent_ms = ((int64_t)uv_hrtime() - w->turn_start_ns) / NS_PER_MS;
    if (spent_ms > w->longest_ms) w->longest_ms = (uint32_t)spent_ms;
    if (spent_ms > LOOP_STALL_MS) w->stalls++;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct loop_watch *w = handle->data;
    if (--w->open_handles == 0 && w->on_closed) w->on_closed(w);
}
