/* Rings and wake-ups between the web threads and the trade thread. */
#include "app/bridge.h"

#include <stdlib.h>

#include "base/check.h"

/* Publications handled in one wake-up, so that a flood cannot keep the loop from its sockets. */
enum { PUBLICATIONS_AT_ONCE = 1024 };

static enum err init_end(struct bridge_end *end)
{
    enum err err = ring_init(&end->requests, sizeof(struct desk_request), BRIDGE_REQUESTS_MAX);
    if (!err) err = ring_init(&end->answers, sizeof(struct bridge_answer), BRIDGE_REQUESTS_MAX);
    if (!err) err = ring_init(&end->publications, sizeof(struct publication), BRIDGE_PUBLICATIONS);
    return err;
}

enum err bridge_init(struct bridge *b, uint32_t end_count)
{
    CHECK(end_count > 0 && end_count <= BRIDGE_ENDS_MAX);
    *b = (struct bridge){.end_count = end_count};
    enum err err = OK;
    for (uint32_t i = 0; i < end_count && !err; i++) {
        b->ends[i].bridge = b;
        err = init_end(&b->ends[i]);
    }
    if (err) bridge_deinit(b);
    return err;
}

static void free_arrays(struct bridge_answer *a)
{
    free(a->candles);
    free(a->instruments);
}

static void deinit_end(struct bridge_end *end)
{
    struct bridge_answer answer;
    if (end->answers.slots)
        while (ring_pop(&end->answers, &answer)) free_arrays(&answer);
    ring_deinit(&end->requests);
    ring_deinit(&end->answers);
    ring_deinit(&end->publications);
    free(end->unsent);
}

void bridge_deinit(struct bridge *b)
{
    for (uint32_t i = 0; i < b->end_count; i++) deinit_end(&b->ends[i]);
}

/* ---- the web sides ---- */

static void on_web_wake(uv_async_t *handle)
{
    struct bridge_end *end = handle->data;
    struct bridge_answer answer;
    while (ring_pop(&end->answers, &answer)) {
        atomic_fetch_sub(&end->under_way, 1);
        answer.answer.candles = answer.candles;
        answer.answer.instruments = answer.instruments;
        answer.on_answer(answer.user, &answer.answer);
        free_arrays(&answer);
    }
    struct publication p;
    for (unsigned i = 0; i < PUBLICATIONS_AT_ONCE; i++) {
        if (!ring_pop(&end->publications, &p)) return;
        end->on_publication(end->web_user, &p);
    }
    uv_async_send(&end->to_web); /* more is there: after the sockets had their turn */
}

static enum err open_side(uv_loop_t *loop, uv_async_t *async, uv_async_cb callback, void *user)
{
    const int code = uv_async_init(loop, async, callback);
    if (code) return err_set(ERR_IO, "cannot make a wake-up: %s", uv_strerror(code));
    async->data = user;
    return OK;
}

enum err bridge_open_web(struct bridge_end *end, uv_loop_t *loop,
                         void (*on_publication)(void *user, const struct publication *p),
                         void *user)
{
    end->on_publication = on_publication;
    end->web_user = user;
    return open_side(loop, &end->to_web, on_web_wake, end);
}

void bridge_close_web(struct bridge_end *end)
{
    uv_close((uv_handle_t *)&end->to_web, NULL);
}

static bool ask(void *self, const struct desk_request *request)
{
    struct bridge_end *end = self;
    struct desk_request marked = *request;
    marked.end = (uint32_t)(end - end->bridge->ends);
    if (atomic_load(&end->under_way) >= BRIDGE_REQUESTS_MAX) return false;
    if (!ring_push(&end->requests, &marked)) return false;
    atomic_fetch_add(&end->under_way, 1);
    uv_async_send(&end->bridge->to_trade);
    return true;
}

struct desk bridge_desk(struct bridge_end *end)
{
    return (struct desk){.self = end, .ask = ask};
}

/* ---- the trade side ---- */

static void on_trade_wake(uv_async_t *handle)
{
    struct bridge *b = handle->data;
    struct desk_request request;
    for (uint32_t i = 0; i < b->end_count; i++)
        while (ring_pop(&b->ends[i].requests, &request)) b->on_request(b->trade_user, &request);
}

enum err bridge_open_trade(struct bridge *b, uv_loop_t *loop,
                           void (*on_request)(void *user, const struct desk_request *request),
                           void *user)
{
    b->on_request = on_request;
    b->trade_user = user;
    return open_side(loop, &b->to_trade, on_trade_wake, b);
}

void bridge_close_trade(struct bridge *b)
{
    uv_close((uv_handle_t *)&b->to_trade, NULL);
}

/* What comes behind news that waits would overtake it. */
static bool push(struct bridge_end *end, const struct publication *p)
{
    return end->unsent_count == 0 && ring_push(&end->publications, p);
}

void bridge_publish(struct bridge *b, const struct publication *p)
{
    for (uint32_t i = 0; i < b->end_count; i++)
        if (!push(&b->ends[i], p)) atomic_fetch_add_explicit(&b->dropped, 1, memory_order_relaxed);
}

static void keep(struct bridge_end *end, const struct publication *p)
{
    if (!end->unsent) end->unsent = calloc(UNSENT_MAX, sizeof *end->unsent);
    CHECK(end->unsent && end->unsent_count < UNSENT_MAX);
    end->unsent[(end->unsent_first + end->unsent_count) % UNSENT_MAX] = *p;
    end->unsent_count++;
}

void bridge_publish_news(struct bridge *b, const struct publication *p)
{
    for (uint32_t i = 0; i < b->end_count; i++)
        if (!push(&b->ends[i], p)) keep(&b->ends[i], p);
}

bool bridge_is_behind(const struct bridge *b)
{
    bool is_behind = false;
    for (uint32_t i = 0; i < b->end_count; i++) is_behind |= b->ends[i].unsent_count > 0;
    return is_behind;
}

static void send_unsent(struct bridge_end *end)
{
    while (end->unsent_count > 0 &&
           ring_push(&end->publications, &end->unsent[end->unsent_first])) {
        end->unsent_first = (end->unsent_first + 1) % UNSENT_MAX;
        end->unsent_count--;
    }
}

void bridge_answer(struct bridge *b, const struct bridge_answer *answer)
{
    struct bridge_end *end = &b->ends[answer->end];
    /* At most BRIDGE_REQUESTS_MAX are under way, and the ring holds as many. */
    CHECK(ring_push(&end->answers, answer));
    uv_async_send(&end->to_web);
}

void bridge_flush(struct bridge *b)
{
    for (uint32_t i = 0; i < b->end_count; i++) {
        send_unsent(&b->ends[i]);
        uv_async_send(&b->ends[i].to_web);
    }
}
