/* The watch over a loop's turns. */
#include "cmocka_all.h"

#include "io/net/loop_watch.h"

struct spin {
    uv_timer_t timer;
    unsigned left;
    uint32_t ms;
};

static void on_timer(uv_timer_t *timer)
{
    struct spin *s = timer->data;
    const uint64_t until = uv_hrtime() + (uint64_t)s->ms * 1000000;
    while (uv_hrtime() < until) continue;
    if (--s->left == 0) uv_close((uv_handle_t *)timer, NULL);
}

/* Turns whose callback takes so long; returns the watch's state. */
static struct loop_watch watch_turns(unsigned count, uint32_t ms)
{
    uv_loop_t loop;
    struct loop_watch w;
    struct spin s = {.left = count, .ms = ms};
    assert_int_equal(uv_loop_init(&loop), 0);
    loop_watch_start(&w, &loop);
    uv_timer_init(&loop, &s.timer);
    s.timer.data = &s;
    uv_timer_start(&s.timer, on_timer, 1, 1);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_watch_close(&w, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return w;
}

static void test_loop_watch__counts_turns_over_the_limit(void **state)
{
    (void)state;
    const struct loop_watch w = watch_turns(3, 25);
    /* The first timer runs before any poll, and the last turn ends without another one. */
    assert_true(w.stalls >= 1 && w.stalls <= 3);
    assert_true(w.longest_ms >= 24);
}

static void test_loop_watch__waiting_is_no_stall(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct loop_watch w;
    struct spin s = {.left = 3};
    assert_int_equal(uv_loop_init(&loop), 0);
    loop_watch_start(&w, &loop);
    uv_timer_init(&loop, &s.timer);
    s.timer.data = &s;
    uv_timer_start(&s.timer, on_timer, 60, 60);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(w.longest_ms < 50);
    loop_watch_close(&w, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_watch__counts_turns_over_the_limit),
        cmocka_unit_test(test_loop_watch__waiting_is_no_stall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
