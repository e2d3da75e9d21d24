/* The Redis client against a real server, and against one that lies. */
#include "io/redis/redis.h"

#include "cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/net/net_fixture.h"
#include "io/redis/redis_fixture.h"

/* ---- REDIS_URL ---- */

static void test_redis_address__reads_every_form(void **state)
{
    (void)state;
    struct redis_address a;
    assert_int_equal(redis_address_parse("redis://127.0.0.1", &a), OK);
    assert_string_equal(a.host, "127.0.0.1");
    assert_int_equal(a.port, 6379);
    assert_int_equal(redis_address_parse("redis://bot:p%40ss%3a@cache.local:6380/12", &a), OK);
    assert_string_equal(a.user, "bot");
    assert_string_equal(a.password, "p@ss:");
    assert_string_equal(a.host, "cache.local");
    assert_int_equal(a.port, 6380);
    assert_int_equal(a.database, 12);
    assert_int_equal(redis_address_parse("redis://:secret@[::1]:1/", &a), OK);
    assert_string_equal(a.user, "");
    assert_string_equal(a.host, "::1");
    assert_int_equal(a.port, 1);
    assert_int_equal(redis_address_parse("unix:/run/redis/redis.sock", &a), OK);
    assert_string_equal(a.path, "/run/redis/redis.sock");
}

static void test_redis_address__refuses_and_never_shows_the_password(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "http://canary@h",
        "redis://",
        "redis://:canary@",
        "redis://canary@host",
        "redis://user:@host",
        "redis://:canary@host:0",
        "redis://:canary@host:65536",
        "redis://:canary@host:x",
        "redis://:canary@host/x",
        "redis://:canary@host/1024",
        "redis://:canary@[::1",
        "redis://:canary@[::1]x",
        "redis://:canary%zz@host",
        "redis://:canary@ho st",
        "unix:canary",
        "unix:",
    };
    struct redis_address a;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (redis_address_parse(bad[i], &a) == OK) fail_msg("'%s' was taken", bad[i]);
        assert_null(strstr(err_text(), "canary"));
    }
}

/* ---- a real server ---- */

static void test_redis__asks_and_is_answered_over_a_unix_socket(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct redis_server s;
    redis_server_start(&s, NULL);
    uv_loop_init(&loop);
    struct redis *r = redis_client(&loop, s.url);
    assert_string_equal(redis_ask(&loop, r, "SET k v"), "OK");
    assert_string_equal(redis_ask(&loop, r, "GET k"), "v");
    assert_string_equal(redis_ask(&loop, r, "GET none"), "nil");
    assert_string_equal(redis_ask(&loop, r, "INCR n"), "1");
    assert_non_null(strstr(redis_ask(&loop, r, "LPUSH k x"), "WRONGTYPE"));
    assert_int_equal(redis_state(r), BREAKER_CLOSED);
    redis_close(r);
    loop_finish(&loop);
    redis_server_stop(&s);
}

static void test_redis__greets_with_user_password_and_database(void **state)
{
    (void)state;
    static const char *const acl[] = {"--user", "bot",    "on",      ">pa55", "~*",
                                      "+@all",  "--user", "default", "off",   NULL};
    uv_loop_t loop;
    struct redis_server s;
    struct redis_address a;
    redis_server_start(&s, acl);
    uv_loop_init(&loop);
    assert_int_equal(redis_address_parse(s.url, &a), OK);
    strcpy(a.user, "bot");
    strcpy(a.password, "pa55");
    a.database = 3;
    struct redis *r;
    assert_int_equal(redis_open(&loop, &a, 1, &r), OK);
    redis_wait_up(&loop, r);
    assert_string_equal(redis_ask(&loop, r, "SET k v"), "OK");
    assert_non_null(strstr(redis_ask(&loop, r, "INFO keyspace"), "db3:keys=1"));
    redis_close(r);
    loop_finish(&loop);
    redis_server_stop(&s);
}

static bool has_tried_twice(const void *timer_count)
{
    return *(const int *)timer_count >= 8;
}

static void count_tick(uv_timer_t *timer)
{
    ++*(int *)timer->data;
}

static void test_redis__wrong_password_is_never_up(void **state)
{
    (void)state;
    static const char *const pass[] = {"--requirepass", "right", NULL};
    uv_loop_t loop;
    struct redis_server s;
    struct redis_address a;
    struct redis *r;
    int ticks = 0;
    uv_timer_t timer;
    redis_server_start(&s, pass);
    uv_loop_init(&loop);
    assert_int_equal(redis_address_parse(s.url, &a), OK);
    strcpy(a.password, "wrong");
    assert_int_equal(redis_open(&loop, &a, 1, &r), OK);
    uv_timer_init(&loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, count_tick, 50, 50);
    run_until(&loop, has_tried_twice, &ticks);
    assert_false(redis_is_up(r));
    assert_int_equal(redis_state(r), BREAKER_OPEN);
    assert_string_equal(redis_ask(&loop, r, "GET k"), "err:closed");
    uv_close((uv_handle_t *)&timer, NULL);
    redis_close(r);
    loop_finish(&loop);
    redis_server_stop(&s);
}

struct burst {
    unsigned wanted, done, failed;
    bool is_done;
};

static void on_burst(void *user, enum err err, const struct redis_reply *reply)
{
    struct burst *b = user;
    b->failed += err != OK || reply->integer != ++b->done;
    b->is_done = b->done == b->wanted;
}

static void test_redis__a_full_pipeline_is_answered_in_order_and_more_is_refused(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct redis_server s;
    redis_server_start(&s, NULL);
    uv_loop_init(&loop);
    struct redis *r = redis_client(&loop, s.url);
    struct burst b = {.wanted = REDIS_PENDING_MAX};
    const struct slice words[] = {SLICE("INCR"), SLICE("n")};
    for (unsigned i = 0; i < b.wanted; i++)
        assert_int_equal(redis_send(r, words, 2, on_burst, &b), OK);
    assert_int_equal(redis_send(r, words, 2, on_burst, &b), ERR_LIMIT);
    run_until(&loop, is_true, &b.is_done);
    assert_int_equal(b.failed, 0);
    redis_close(r);
    loop_finish(&loop);
    redis_server_stop(&s);
}

static void test_redis__stopped_server_is_noticed_and_comes_back(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct redis_server s;
    redis_server_start(&s, NULL);
    uv_loop_init(&loop);
    struct redis *r = redis_client(&loop, s.url);
    redis_server_kill(&s);
    assert_string_equal(redis_ask(&loop, r, "GET k"), "err:closed");
    assert_string_equal(redis_ask(&loop, r, "GET k"), "err:closed");
    redis_server_restart(&s, NULL);
    redis_wait_up(&loop, r);
    assert_string_equal(redis_ask(&loop, r, "SET k v"), "OK");
    redis_close(r);
    loop_finish(&loop);
    redis_server_stop(&s);
}

static void test_redis__hung_server_costs_a_deadline_then_nothing(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct redis_server s;
    redis_server_start(&s, NULL);
    uv_loop_init(&loop);
    struct redis *r = redis_client(&loop, s.url);
    assert_string_equal(redis_ask(&loop, r, "SET k v"), "OK");
    kill(s.pid, SIGSTOP);
    uv_update_time(&loop);
    for (int i = 0; i < BREAKER_BAD_RUN; i++) {
        const uint64_t begun = uv_now(&loop);
        assert_string_equal(redis_ask(&loop, r, "GET k"), "err:timeout");
        assert_in_range(uv_now(&loop) - begun, REDIS_DEADLINE_MS - 1, REDIS_DEADLINE_MS * 4);
    }
    assert_int_equal(redis_state(r), BREAKER_OPEN);
    assert_string_equal(redis_ask(&loop, r, "GET k"), "err:closed");
    kill(s.pid, SIGCONT);
    redis_wait_up(&loop, r);
    uv_timer_t timer;
    int ticks = 0;
    uv_timer_init(&loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, count_tick, 20, 20);
    while (strcmp(redis_ask(&loop, r, "GET k"), "v") != 0) {
        uv_run(&loop, UV_RUN_ONCE);
        if (ticks > 400) fail_msg("it does not recover");
    }
    uv_close((uv_handle_t *)&timer, NULL);
    redis_close(r);
    loop_finish(&loop);
    redis_server_stop(&s);
}

static void on_value(void *user, enum err err, const struct redis_reply *reply)
{
    assert_int_equal(err, OK);
    assert_int_equal(reply->kind, REDIS_TEXT);
    *(bool *)user = true;
}

/* The loop did other things for longer than the deadline: the answers were there all the time. */
static void test_redis__a_busy_loop_is_not_taken_for_a_slow_server(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct redis_server s;
    redis_server_start(&s, NULL);
    uv_loop_init(&loop);
    struct redis *r = redis_client(&loop, s.url);
    for (int i = 0; i < BREAKER_BAD_RUN + 1; i++) {
        bool is_done = false;
        /* the time that the loop remembers is old when the command is sent */
        nanosleep(&(struct timespec){.tv_nsec = 60000000}, NULL);
        assert_int_equal(
            redis_send(r, (struct slice[]){SLICE("ECHO"), SLICE("x")}, 2, on_value, &is_done), OK);
        run_until(&loop, is_true, &is_done);
    }
    assert_int_equal(redis_state(r), BREAKER_CLOSED);
    bool is_done = false;
    assert_int_equal(
        redis_send(r, (struct slice[]){SLICE("ECHO"), SLICE("x")}, 2, on_value, &is_done), OK);
    uv_run(&loop, UV_RUN_NOWAIT); /* it leaves, and then nobody reads for a while */
    nanosleep(&(struct timespec){.tv_nsec = 80000000}, NULL);
    run_until(&loop, is_true, &is_done);
    assert_int_equal(redis_counters(r).timed_out, 0);
    redis_close(r);
    loop_finish(&loop);
    redis_server_stop(&s);
}

/* ---- a server that lies ---- */

/* One command to a liar: it fails, the connection is given up and dialled again. */
static void expect_dropped(struct slice answer, unsigned times)
{
    uv_loop_t loop;
    struct fake_redis f;
    uv_loop_init(&loop);
    fake_redis_start(&f, &loop, answer, times);
    struct redis *r = redis_client(&loop, f.url);
    const char *got = redis_ask(&loop, r, "GET k");
    if (strncmp(got, "err:", 4) != 0) fail_msg("'%.40s' was taken: %.40s", answer.data, got);
    while (redis_counters(r).connected < 2) uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(f.connections, 2);
    listener_close(f.listener);
    redis_close(r);
    loop_finish(&loop);
}

static void test_redis__garbage_is_an_error_and_a_new_connection(void **state)
{
    (void)state;
    expect_dropped(SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"), 1);
    expect_dropped(SLICE("\0\0\0\0\r\n"), 1);
    expect_dropped(SLICE("$-9\r\n"), 1);
    expect_dropped(SLICE("$99999999999999999999999\r\n"), 1);
    expect_dropped(SLICE("*-7\r\n"), 1);
    expect_dropped(SLICE("*2147483647\r\n"), 1);
    expect_dropped(SLICE("*1000000\r\n"), 1);
    expect_dropped(SLICE(":12x\r\n"), 1);
    expect_dropped(SLICE("*1\r\n"), 1000); /* nested without an end */
}

static void test_redis__an_answer_too_many_costs_the_connection(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct fake_redis f;
    uv_loop_init(&loop);
    fake_redis_start(&f, &loop, SLICE("+a\r\n"), 2);
    struct redis *r = redis_client(&loop, f.url);
    assert_string_equal(redis_ask(&loop, r, "GET k"), "a");
    while (redis_counters(r).connected < 2) uv_run(&loop, UV_RUN_ONCE);
    listener_close(f.listener);
    redis_close(r);
    loop_finish(&loop);
}

static void test_redis__an_endless_answer_ends_at_its_limit(void **state)
{
    (void)state;
    static char block[65536];
    memset(block, 'a', sizeof block);
    block[0] = '+'; /* a line without an end, 16 MiB of it */
    expect_dropped((struct slice){block, sizeof block}, 256);
    static char many[65536];
    for (size_t i = 0; i + 8 <= sizeof many; i += 8) memcpy(many + i, "*9999\r\n:", 8);
    expect_dropped((struct slice){many, sizeof many}, 4);
}

static void test_redis__errors_that_mean_unable_open_the_breaker(void **state)
{
    (void)state;
    static const char *const unable[] = {"-OOM command not allowed\r\n", "-READONLY replica\r\n",
                                         "-LOADING dataset\r\n"};
    for (size_t i = 0; i < 4; i++) {
        uv_loop_t loop;
        struct fake_redis f;
        uv_loop_init(&loop);
        fake_redis_start(&f, &loop, slice_of(i < 3 ? unable[i] : "-ERR wrong\r\n"), 1);
        struct redis *r = redis_client(&loop, f.url);
        for (int k = 0; k < BREAKER_BAD_RUN; k++) redis_ask(&loop, r, "SET k v");
        assert_int_equal(redis_state(r), i < 3 ? BREAKER_OPEN : BREAKER_CLOSED);
        listener_close(f.listener);
        redis_close(r);
        loop_finish(&loop);
    }
}

static void on_closing(void *user, enum err err, const struct redis_reply *reply)
{
    assert_int_equal(err, ERR_CLOSED);
    assert_null(reply);
    ++*(int *)user;
}

static void test_redis__closing_answers_what_waits(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct fake_redis f;
    int told = 0;
    uv_loop_init(&loop);
    fake_redis_start(&f, &loop, SLICE(""), 0);
    struct redis *r = redis_client(&loop, f.url);
    for (int i = 0; i < 3; i++)
        assert_int_equal(redis_send(r, (struct slice[]){SLICE("PONG?")}, 1, on_closing, &told), OK);
    redis_close(r);
    assert_int_equal(told, 3);
    listener_close(f.listener);
    loop_finish(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_redis_address__reads_every_form),
        cmocka_unit_test(test_redis_address__refuses_and_never_shows_the_password),
        cmocka_unit_test(test_redis__asks_and_is_answered_over_a_unix_socket),
        cmocka_unit_test(test_redis__greets_with_user_password_and_database),
        cmocka_unit_test(test_redis__wrong_password_is_never_up),
        cmocka_unit_test(test_redis__a_full_pipeline_is_answered_in_order_and_more_is_refused),
        cmocka_unit_test(test_redis__stopped_server_is_noticed_and_comes_back),
        cmocka_unit_test(test_redis__hung_server_costs_a_deadline_then_nothing),
        cmocka_unit_test(test_redis__a_busy_loop_is_not_taken_for_a_slow_server),
        cmocka_unit_test(test_redis__garbage_is_an_error_and_a_new_connection),
        cmocka_unit_test(test_redis__an_answer_too_many_costs_the_connection),
        cmocka_unit_test(test_redis__an_endless_answer_ends_at_its_limit),
        cmocka_unit_test(test_redis__errors_that_mean_unable_open_the_breaker),
        cmocka_unit_test(test_redis__closing_answers_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
