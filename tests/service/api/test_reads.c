/* Reads of the API while the database is held: nobody else waits, what is late is told so, the
 * breaker opens and closes. */
#include "cmocka_all.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "api_fixture.h"

enum { WAIT_MS = 300, LISTS = BREAKER_BAD_RUN };

#define LIST "GET /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"

static sem_t begun, go_on;

static enum err hold(struct store_reader *reader, struct read *read)
{
    (void)reader;
    (void)read;
    sem_post(&begun);
    sem_wait(&go_on);
    return OK;
}

static enum err find_nothing(struct store_reader *reader, struct read *read)
{
    (void)reader;
    (void)read;
    return OK;
}

static bool ask_for_nobody(struct world *w,
                           enum err (*run)(struct store_reader *reader, struct read *read))
{
    return reads_ask(w->api->reads, BREAKER_OTHER, read_new(sizeof(struct read), run, NULL));
}

/* A world whose database threads are all held. */
static struct world *open_held(void)
{
    struct world *w =
        world_open((struct world_options){.language = LANGUAGE_ENGLISH, .read_wait_ms = WAIT_MS});
    sem_init(&begun, 0, 0);
    sem_init(&go_on, 0, 0);
    for (unsigned i = 0; i < READS_THREADS; i++) assert_true(ask_for_nobody(w, hold));
    for (unsigned i = 0; i < READS_THREADS; i++) sem_wait(&begun);
    return w;
}

static void let_go(void)
{
    for (unsigned i = 0; i < READS_THREADS; i++) sem_post(&go_on);
}

static void close_world(struct world *w)
{
    world_close(w);
    sem_destroy(&begun);
    sem_destroy(&go_on);
}

static struct reads_health health(const void *world)
{
    return reads_health(((const struct world *)world)->api->reads);
}

static bool is_idle(const void *world)
{
    return health(world).under_way == 0;
}

static bool answers(const void *world)
{
    return health(world).answers;
}

static bool is_silent(const void *world)
{
    return !health(world).answers;
}

static bool is_closed(const void *world)
{
    return health(world).state == BREAKER_CLOSED;
}

static bool is_open(const void *world)
{
    return health(world).state == BREAKER_OPEN;
}

static void assert_text(const struct answer *a, const char *path, const char *text)
{
    assert_non_null(answer_text(a, path));
    if (!strstr(answer_text(a, path), text)) fail_msg("%s in %s", text, answer_text(a, path));
}

static void test_reads__a_held_database_keeps_nobody_else_waiting(void **state)
{
    struct world *w = open_held();
    struct raw_peer p;
    (void)state;
    publish_status(w, VENUE_LIVE);
    raw_peer_dial(&p, &w->loop, w->port);
    run_until(&w->loop, is_true, &p.is_open);
    const int64_t began_ms = api_monotonic_ms();
    raw_peer_send(&p, LIST);
    const char *const others[] = {"/health",           "/ready",
                                  "/metrics",          "/api/v1/venues",
                                  "/api/v1/positions", "/api/v1/markets/sim/BTCUSDT/book"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct answer a = get(w, others[i]);
        assert_int_equal(a.status, 200);
        answer_free(&a);
    }
    run_until(&w->loop, is_true, &p.is_closed);
    assert_true(api_monotonic_ms() - began_ms >= WAIT_MS);
    buffer_append_char(&p.got, '\0');
    const char *text = p.got.data;
    assert_non_null(strstr(text, "HTTP/1.1 503"));
    assert_non_null(strstr(text, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(text, "\"code\":\"store_unavailable\""));
    raw_peer_deinit(&p);
    assert_int_equal(health(w).late_total, 1);
    let_go();
    run_until(&w->loop, is_idle, w);
    struct answer a = get(w, "/api/v1/orders");
    assert_status(&a, 200);
    answer_free(&a);
    close_world(w);
}

static void test_reads__breaker_opens_is_told_and_closes_again(void **state)
{
    struct world *w = open_held();
    struct raw_peer peers[LISTS];
    (void)state;
    publish_status(w, VENUE_LIVE);
    for (unsigned i = 0; i < LISTS; i++) {
        raw_peer_dial(&peers[i], &w->loop, w->port);
        run_until(&w->loop, is_true, &peers[i].is_open);
        raw_peer_send(&peers[i], LIST);
    }
    run_until(&w->loop, is_open, w);
    struct answer a = {0};
    while (health(w).refused_total == 0) {
        answer_free(&a);
        a = get(w, "/api/v1/orders");
        assert_problem(&a, 503, "store_unavailable");
        assert_in_range(atoi(answer_header(&a, "Retry-After")), 1, BREAKER_OPEN_LAST_MS / 1000);
    }
    answer_free(&a);
    for (unsigned i = 0; i < LISTS; i++) {
        run_until(&w->loop, is_true, &peers[i].is_closed);
        raw_peer_deinit(&peers[i]);
    }
    assert_true(health(w).late_total >= LISTS);
    a = get(w, "/metrics");
    assert_non_null(strstr(a.text,
                           "tradebot_breaker_state{breaker=\"store_reads\",state=\"closed\"}"
                           " 0\n"));
    answer_free(&a);

    run_until(&w->loop, is_silent, w);
    publish_status(w, VENUE_LIVE);
    a = get(w, "/ready");
    assert_status(&a, 503);
    assert_string_equal(answer_text(&a, "status"), "down");
    assert_string_equal(answer_text(&a, "parts.store.state"), "open");
    assert_text(&a, "parts.store.reason", "the database has not answered for ");
    assert_string_not_equal(answer_text(&a, "parts.store_reads.state"), "closed");
    answer_free(&a);

    let_go();
    run_until(&w->loop, answers, w);
    run_until(&w->loop, is_closed, w);
    a = get(w, "/api/v1/orders");
    assert_status(&a, 200);
    answer_free(&a);
    publish_status(w, VENUE_LIVE);
    a = get(w, "/ready");
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "parts.store_reads.state"), "closed");
    answer_free(&a);
    close_world(w);
}

static void test_reads__more_than_wait_are_refused_and_prove_nothing(void **state)
{
    struct world *w = open_held();
    (void)state;
    while (health(w).under_way < READS_MAX) assert_true(ask_for_nobody(w, find_nothing));
    struct answer a = get(w, "/api/v1/orders");
    assert_problem(&a, 503, "busy");
    assert_string_equal(answer_header(&a, "Retry-After"), "1");
    answer_free(&a);
    assert_int_equal(health(w).late_total, 0);
    let_go();
    run_until(&w->loop, is_idle, w);
    run_until(&w->loop, is_closed, w);
    a = get(w, "/api/v1/orders");
    assert_status(&a, 200);
    answer_free(&a);
    close_world(w);
}

/* A stop needs no row of the database: the board knows whose a running bot is. */
static void test_reads__a_running_bot_is_stopped_while_the_database_is_held(void **state)
{
    struct world *w =
        world_open((struct world_options){.language = LANGUAGE_ENGLISH, .read_wait_ms = WAIT_MS});
    (void)state;
    create_bot(w);
    sem_init(&begun, 0, 0);
    sem_init(&go_on, 0, 0);
    for (unsigned i = 0; i < READS_THREADS; i++) assert_true(ask_for_nobody(w, hold));
    for (unsigned i = 0; i < READS_THREADS; i++) sem_wait(&begun);
    struct answer a = post(w, "/api/v1/bots/1/stop", "");
    assert_problem(&a, 503, "store_unavailable"); /* of the state that is shown */
    answer_free(&a);
    assert_int_equal(w->asked[DESK_BOT_STOP], 1);
    let_go();
    close_world(w);
}

static void test_reads__closing_answers_who_waits(void **state)
{
    struct world *w = open_held();
    struct raw_peer p;
    (void)state;
    raw_peer_dial(&p, &w->loop, w->port);
    run_until(&w->loop, is_true, &p.is_open);
    raw_peer_send(&p, LIST);
    while (health(w).under_way < READS_THREADS + 2) uv_run(&w->loop, UV_RUN_ONCE);
    let_go();
    close_world(w);
    raw_peer_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads__a_held_database_keeps_nobody_else_waiting),
        cmocka_unit_test(test_reads__breaker_opens_is_told_and_closes_again),
        cmocka_unit_test(test_reads__more_than_wait_are_refused_and_prove_nothing),
        cmocka_unit_test(test_reads__a_running_bot_is_stopped_while_the_database_is_held),
        cmocka_unit_test(test_reads__closing_answers_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
