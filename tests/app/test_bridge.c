/* The bridge between real threads: every request answered once where it was asked, publications in
 * order at every end, news never lost, what does not fit counted. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "app/bridge.h"

enum { ENDS = 3, REQUESTS = 3000, PUBLICATIONS = 20000, NEWS = 10 };

struct trade {
    struct bridge *bridge;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_idle_t idle;
    uint64_t asked, published;
    unsigned ended; /* web threads that have asked everything */
};

struct web {
    uv_loop_t loop;
    uv_idle_t idle;
    uv_thread_t thread;
    struct bridge_end *end;
    struct desk desk;
    unsigned asked, refused, answered, under_way, most;
    uint64_t told, last, last_news;
};

static void answer(void *user, const struct desk_request *request)
{
    struct trade *t = user;
    struct bridge_answer a = {
        .on_answer = request->on_answer, .user = request->user, .end = request->end};
    a.answer.bot_id = request->bot_id;
    if (request->bot_id % 3 == 0) {
        a.candles = calloc(4, sizeof *a.candles);
        a.answer.count = 4;
    }
    if (request->bot_id == REQUESTS) t->ended++;
    t->asked++;
    bridge_answer(t->bridge, &a);
}

static void publish(uv_idle_t *idle)
{
    struct trade *t = idle->data;
    for (unsigned i = 0; i < 300 && t->published < PUBLICATIONS; i++) {
        const struct publication p = {.bot_id = ++t->published};
        if (p.bot_id % NEWS == 0)
            bridge_publish_news(t->bridge, &p);
        else
            bridge_publish(t->bridge, &p);
    }
    bridge_flush(t->bridge);
    bool waits = t->ended < ENDS || t->published < PUBLICATIONS;
    for (unsigned i = 0; i < ENDS; i++) waits |= t->bridge->ends[i].unsent_count > 0;
    if (waits) return;
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
    if (p->bot_id % NEWS == 0) {
        assert_int_equal(p->bot_id, w->last_news + NEWS); /* none is missing */
        w->last_news = p->bot_id;
    }
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

/* Until everything was answered and the last news has come: that is the last publication. */
static void run_web(void *user)
{
    struct web *w = user;
    while (w->answered < REQUESTS || w->last_news < PUBLICATIONS) uv_run(&w->loop, UV_RUN_NOWAIT);
    bridge_close_web(w->end);
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

static void open_web(struct web *w, struct bridge_end *end)
{
    w->end = end;
    w->desk = bridge_desk(end);
    uv_loop_init(&w->loop);
    assert_int_equal(bridge_open_web(end, &w->loop, on_publication, w), OK);
    uv_idle_init(&w->loop, &w->idle);
    w->idle.data = w;
    uv_idle_start(&w->idle, ask);
}

static void test_bridge__every_end_gets_its_answers_and_all_news(void **state)
{
    (void)state;
    struct bridge *b = calloc(1, sizeof *b);
    struct web *webs = calloc(ENDS, sizeof *webs);
    struct trade t = {.bridge = b};
    assert_int_equal(bridge_init(b, ENDS), OK);
    for (unsigned i = 0; i < ENDS; i++) open_web(&webs[i], &b->ends[i]);
    uv_loop_init(&t.loop);
    assert_int_equal(bridge_open_trade(b, &t.loop, answer, &t), OK);
    uv_idle_init(&t.loop, &t.idle);
    t.idle.data = &t;
    uv_idle_start(&t.idle, publish);
    assert_int_equal(uv_thread_create(&t.thread, run_trade, &t), 0);
    for (unsigned i = 0; i < ENDS; i++)
        assert_int_equal(uv_thread_create(&webs[i].thread, run_web, &webs[i]), 0);
    uv_thread_join(&t.thread);
    uint64_t told = 0;
    for (unsigned i = 0; i < ENDS; i++) {
        struct web *w = &webs[i];
        uv_thread_join(&w->thread);
        told += w->told;
        assert_in_range(w->most, 1, BRIDGE_REQUESTS_MAX);
        assert_int_equal(uv_loop_close(&w->loop), 0);
    }
    assert_int_equal(t.asked, ENDS * REQUESTS);
    assert_int_equal(told + atomic_load(&b->dropped), ENDS * PUBLICATIONS);
    assert_int_equal(uv_loop_close(&t.loop), 0);
    bridge_deinit(b);
    free(webs);
    free(b);
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
    static struct bridge b;
    uv_loop_t loop;
    uv_loop_init(&loop);
    assert_int_equal(bridge_init(&b, 1), OK);
    assert_int_equal(bridge_open_web(&b.ends[0], &loop, on_publication, NULL), OK);
    struct bridge_answer a = {.on_answer = never};
    a.candles = calloc(2, sizeof *a.candles);
    a.instruments = calloc(2, sizeof *a.instruments);
    bridge_answer(&b, &a);
    bridge_close_web(&b.ends[0]);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    bridge_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bridge__every_end_gets_its_answers_and_all_news),
        cmocka_unit_test(test_bridge__answers_nobody_took_are_freed),
    };
    return cmocka_run_group_tests_name("app/bridge", tests, NULL, NULL);
}
