/* The bridge between two real threads: every request answered once, publications in order, what
 * does not fit counted by the side that could not send it. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "app/bridge.h"

enum { REQUESTS = 5000, PUBLICATIONS = 20000 };

struct trade {
    struct bridge *bridge;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_idle_t idle;
    uint64_t asked, published, dropped;
    bool ends;
};

struct web {
    uv_loop_t loop;
    uv_idle_t idle;
    struct bridge bridge;
    struct desk desk;
    struct trade trade;
    unsigned asked, refused, answered, under_way, most;
    uint64_t told, last;
};

static void answer(void *user, const struct desk_request *request)
{
    struct trade *t = user;
    struct bridge_answer a = {.on_answer = request->on_answer, .user = request->user};
    a.answer.bot_id = request->bot_id;
    if (request->bot_id % 3 == 0) {
        a.candles = calloc(4, sizeof *a.candles);
        a.answer.count = 4;
    }
    if (request->bot_id == REQUESTS) t->ends = true;
    t->asked++;
    bridge_answer(t->bridge, &a);
}

static void publish(uv_idle_t *idle)
{
    struct trade *t = idle->data;
    for (unsigned i = 0; i < 300 && t->published + t->dropped < PUBLICATIONS; i++) {
        const struct publication p = {.bot_id = t->published + t->dropped + 1};
        if (bridge_publish(t->bridge, &p))
            t->published++;
        else
            t->dropped++;
    }
    bridge_flush(t->bridge);
    if (!t->ends || t->published + t->dropped < PUBLICATIONS) return;
    bridge_close_trade(t->bridge);
    uv_close((uv_handle_t *)idle, NULL);
}

static void run_trade(void *user)
{
    uv_run(&((struct trade *)user)->loop, UV_RUN_DEFAULT);
}

static void on_answer(void *user, const struct desk_answer *a)
{
    struct web *w = user;
    w->answered++;
    w->under_way--;
    assert_int_equal(a->bot_id, w->answered); /* in the order of asking */
    assert_int_equal(a->count, a->bot_id % 3 == 0 ? 4 : 0);
    assert_true((a->candles != NULL) == (a->bot_id % 3 == 0));
}

static void on_publication(void *user, const struct publication *p)
{
    struct web *w = user;
    assert_true(p->bot_id > w->last);
    w->last = p->bot_id;
    w->told++;
}

static void ask(uv_idle_t *idle)
{
    struct web *w = idle->data;
    while (w->asked < REQUESTS) {
        const struct desk_request r = {.bot_id = w->asked + 1, .on_answer = on_answer, .user = w};
        if (!w->desk.ask(w->desk.self, &r)) {
            w->refused++;
            break;
        }
        w->asked++;
        if (++w->under_way > w->most) w->most = w->under_way;
    }
    if (w->answered == REQUESTS) uv_close((uv_handle_t *)idle, NULL);
}

static void test_bridge__every_request_is_answered_once_in_order(void **state)
{
    (void)state;
    struct web *w = calloc(1, sizeof *w);
    struct trade *t = &w->trade;
    assert_int_equal(bridge_init(&w->bridge), OK);
    t->bridge = &w->bridge;
    w->desk = bridge_desk(&w->bridge);
    uv_loop_init(&w->loop);
    uv_loop_init(&t->loop);
    assert_int_equal(bridge_open_web(&w->bridge, &w->loop, on_publication, w), OK);
    assert_int_equal(bridge_open_trade(&w->bridge, &t->loop, answer, t), OK);
    uv_idle_init(&w->loop, &w->idle);
    uv_idle_init(&t->loop, &t->idle);
    w->idle.data = w;
    t->idle.data = t;
    uv_idle_start(&w->idle, ask);
    uv_idle_start(&t->idle, publish);
    assert_int_equal(uv_thread_create(&t->thread, run_trade, t), 0);
    while (w->answered < REQUESTS) uv_run(&w->loop, UV_RUN_NOWAIT);
    /* The trade side ends by itself; what it published last may still be on its way. */
    uv_thread_join(&t->thread);
    while (w->told < t->published) uv_run(&w->loop, UV_RUN_NOWAIT);
    bridge_close_web(&w->bridge);
    uv_run(&w->loop, UV_RUN_DEFAULT);

    assert_int_equal(t->asked, REQUESTS);
    assert_int_equal(w->told, t->published);
    assert_in_range(w->most, 1, BRIDGE_REQUESTS_MAX);
    assert_true(w->refused > 0);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    assert_int_equal(uv_loop_close(&t->loop), 0);
    bridge_deinit(&w->bridge);
    free(w);
}

static void never(void *user, const struct desk_answer *a)
{
    (void)user;
    (void)a;
    fail();
}

static void test_bridge__answers_nobody_took_are_freed(void **state)
{
    (void)state;
    struct bridge b;
    uv_loop_t loop;
    uv_loop_init(&loop);
    assert_int_equal(bridge_init(&b), OK);
    assert_int_equal(bridge_open_web(&b, &loop, on_publication, NULL), OK);
    struct bridge_answer a = {.on_answer = never};
    a.candles = calloc(2, sizeof *a.candles);
    a.instruments = calloc(2, sizeof *a.instruments);
    bridge_answer(&b, &a);
    bridge_close_web(&b);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    bridge_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bridge__every_request_is_answered_once_in_order),
        cmocka_unit_test(test_bridge__answers_nobody_took_are_freed),
    };
    return cmocka_run_group_tests_name("app/bridge", tests, NULL, NULL);
}
