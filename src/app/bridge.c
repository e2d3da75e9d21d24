/* Rings and wake-ups between the web and the trade thread. */
#include "app/bridge.h"

#include <stdlib.h>

#include "base/check.h"

/* Publications handled in one wake-up, so that a flood cannot keep the loop from its sockets. */
enum { PUBLICATIONS_AT_ONCE = 1024 };

enum err bridge_init(struct bridge *b)
{
    *b = (struct bridge){0};
    enum err err = ring_init(&b->requests, sizeof(struct desk_request), BRIDGE_REQUESTS_MAX);
    if (!err) err = ring_init(&b->answers, sizeof(struct bridge_answer), BRIDGE_REQUESTS_MAX);
    if (!err) err = ring_init(&b->publications, sizeof(struct publication), BRIDGE_PUBLICATIONS);
    if (err) bridge_deinit(b);
    return err;
}

static void free_arrays(struct bridge_answer *a)
{
    free(a->candles);
    free(a->instruments);
}

void bridge_deinit(struct bridge *b)
{
    struct bridge_answer answer;
    if (b->answers.slots)
        while (ring_pop(&b->answers, &answer)) free_arrays(&answer);
    ring_deinit(&b->requests);
    ring_deinit(&b->answers);
    ring_deinit(&b->publications);
}

static void on_web_wake(uv_async_t *handle)
{
    struct bridge *b = handle->data;
    struct bridge_answer answer;
    while (ring_pop(&b->answers, &answer)) {
        atomic_fetch_sub(&b->under_way, 1);
        answer.answer.candles = answer.candles;
        answer.answer.instruments = answer.instruments;
        answer.on_answer(answer.user, &answer.answer);
        free_arrays(&answer);
    }
    struct publication p;
    for (unsigned i = 0; i < PUBLICATIONS_AT_ONCE; i++) {
        if (!ring_pop(&b->publications, &p)) return;
        b->on_publication(b->web_user, &p);
    }
    uv_async_send(&b->to_web); /* more is there: after the sockets had their turn */
}

static void on_trade_wake(uv_async_t *handle)
{
    struct bridge *b = handle->data;
    struct desk_request request;
    while (ring_pop(&b->requests, &request)) b->on_request(b->trade_user, &request);
}

static enum err open_side(uv_loop_t *loop, uv_async_t *async, uv_async_cb callback,
                          struct bridge *b)
{
    const int code = uv_async_init(loop, async, callback);
    if (code) return err_set(ERR_IO, "cannot make a wake-up: %s", uv_strerror(code));
    async->data = b;
    return OK;
}

enum err bridge_open_web(struct bridge *b, uv_loop_t *loop,
                         void (*on_publication)(void *user, const struct publication *p),
                         void *user)
{
    b->on_publication = on_publication;
    b->web_user = user;
    return open_side(loop, &b->to_web, on_web_wake, b);
}

enum err bridge_open_trade(struct bridge *b, uv_loop_t *loop,
                           void (*on_request)(void *user, const struct desk_request *request),
                           void *user)
{
    b->on_request = on_request;
    b->trade_user = user;
    return open_side(loop, &b->to_trade, on_trade_wake, b);
}

void bridge_close_web(struct bridge *b)
{
    uv_close((uv_handle_t *)&b->to_web, NULL);
}

void bridge_close_trade(struct bridge *b)
{
    uv_close((uv_handle_t *)&b->to_trade, NULL);
}

static bool ask(void *self, const struct desk_request *request)
{
    struct bridge *b = self;
    if (atomic_load(&b->under_way) >= BRIDGE_REQUESTS_MAX) return false;
    if (!ring_push(&b->requests, request)) return false;
    atomic_fetch_add(&b->under_way, 1);
    uv_async_send(&b->to_trade);
    return true;
}

struct desk bridge_desk(struct bridge *b)
{
    return (struct desk){.self = b, .ask = ask};
}

bool bridge_publish(struct bridge *b, const struct publication *p)
{
    return ring_push(&b->publications, p);
}

void bridge_answer(struct bridge *b, const struct bridge_answer *answer)
{
    /* At most BRIDGE_REQUESTS_MAX are under way, and the ring holds as many. */
    CHECK(ring_push(&b->answers, answer));
    uv_async_send(&b->to_web);
}

void bridge_flush(struct bridge *b)
{
    uv_async_send(&b->to_web);
}
