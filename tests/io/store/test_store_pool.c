/* Reads beside the loop that asks for them: delivered, refused when too many, late when the
 * database hangs, and never in the way. */
#include "cmocka_all.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fixture.h"
#include "io/store/store_pool.h"
#include "postgres.h"

enum { JOBS = 200, THREADS = 2, QUEUE = 8, TIMEOUT_MS = 1000, PATIENT_MS = 20000 };

struct harness {
    struct store *store;
    struct store_pool *pool;
    struct store_pool_client *client;
    sem_t woken;
    uint64_t bot;
};

struct bot_job {
    struct store_job job;
    struct harness *h;
    uint64_t bot;
    sem_t *hold; /* `read` waits for it */
    struct store_bot found;
    pthread_t read_by;
    bool is_done;
    enum err err;
};

static void wake(void *user)
{
    sem_post(user);
}

static enum err read_bot(struct store_reader *r, struct store_job *job)
{
    struct bot_job *b = (struct bot_job *)job;
    b->read_by = pthread_self();
    if (b->hold) sem_wait(b->hold);
    return store_read_bot(r, STORE_FIRST_USER, b->bot, &b->found);
}

static void done(struct store_job *job, enum err err)
{
    struct bot_job *b = (struct bot_job *)job;
    assert_false(b->is_done);
    b->is_done = true;
    b->err = err;
}

static struct bot_job job_of(uint64_t bot)
{
    return (struct bot_job){.job = {.read = read_bot, .done = done}, .bot = bot};
}

static void start(struct harness *h, const struct fixture *f, uint32_t threads, uint32_t timeout_ms)
{
    memset(h, 0, sizeof *h);
    sem_init(&h->woken, 0, 0);
    h->store = open_store(f);
    h->bot = add_bot(h->store);
    const struct store_pool_options options = {
        .url = f->url, .thread_count = threads, .queue_max = QUEUE, .timeout_ms = timeout_ms};
    assert_ok(store_pool_start(&options, &h->pool));
    assert_ok(store_pool_client_open(h->pool, wake, &h->woken, &h->client));
}

static void stop(struct harness *h)
{
    store_pool_stop(h->pool);
    store_close(h->store);
    sem_destroy(&h->woken);
}

static void await(struct harness *h, const struct bot_job *b)
{
    while (!b->is_done) {
        sem_wait(&h->woken);
        store_pool_deliver(h->client);
    }
}

static void test_store_pool__reads_come_back_to_their_client(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, THREADS, PATIENT_MS);
    for (int i = 0; i < JOBS; i++) {
        struct bot_job b[3] = {job_of(h.bot), job_of(h.bot + 1), job_of(h.bot)};
        for (int k = 0; k < 3; k++) assert_ok(store_pool_submit(h.client, &b[k].job));
        for (int k = 0; k < 3; k++) await(&h, &b[k]);
        assert_int_equal(b[0].err, OK);
        assert_string_equal(b[0].found.name, "btc trend");
        assert_false(pthread_equal(b[0].read_by, pthread_self()));
        assert_int_equal(b[1].err, ERR_NOT_FOUND);
        assert_non_null(strstr(b[1].job.cause, "no such row"));
        assert_int_equal(b[2].err, OK);
    }
    stop(&h);
}

static void test_store_pool__full_queue_refuses_and_what_waited_too_long_is_not_begun(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    sem_t hold;
    sem_init(&hold, 0, 0);
    start(&h, f, 1, TIMEOUT_MS);
    struct bot_job first = job_of(h.bot);
    first.hold = &hold;
    assert_ok(store_pool_submit(h.client, &first.job));
    struct bot_job waiting[QUEUE + 2];
    int taken = 0;
    /* The first one is either in the queue or under way: one more or less fits. */
    for (int i = 0; i < QUEUE + 2; i++) {
        waiting[i] = job_of(h.bot);
        const enum err err = store_pool_submit(h.client, &waiting[i].job);
        if (err) assert_err(err, ERR_LIMIT, "reads wait");
        taken += !err;
        if (err) break;
    }
    assert_true(taken >= QUEUE - 1 && taken <= QUEUE);
    const int64_t late = clock_monotonic_ns(&clock_system) + (TIMEOUT_MS + 50) * INT64_C(1000000);
    while (clock_monotonic_ns(&clock_system) < late) continue;
    sem_post(&hold);
    await(&h, &first);
    assert_int_equal(first.err, OK);
    for (int i = 0; i < taken; i++) {
        await(&h, &waiting[i]);
        assert_int_equal(waiting[i].err, ERR_TIMEOUT);
    }
    struct bot_job next = job_of(h.bot);
    assert_ok(store_pool_submit(h.client, &next.job));
    await(&h, &next);
    assert_int_equal(next.err, OK);
    stop(&h);
    sem_destroy(&hold);
}

static void test_store_pool__stop_leaves_what_was_not_begun(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, THREADS, PATIENT_MS);
    struct bot_job b[QUEUE];
    for (int i = 0; i < QUEUE; i++) {
        b[i] = job_of(h.bot);
        if (store_pool_submit(h.client, &b[i].job) != OK) break;
    }
    stop(&h);
    for (int i = 0; i < QUEUE; i++) assert_false(b[i].is_done);
}

static pid_t stop_reader(const struct fixture *f)
{
    const int64_t pid = query_i64(f, "SELECT pid FROM pg_stat_activity WHERE datname = "
                                     "current_database() AND query LIKE '%FROM bots WHERE user_id%'"
                                     " AND pid <> pg_backend_pid() LIMIT 1");
    assert_int_equal(kill((pid_t)pid, SIGSTOP), 0);
    return (pid_t)pid;
}

/* The asking thread goes on all the while; the read is told late, and the next one has a new
 * connection. */
static void test_store_pool__hung_database_is_told_in_time_and_recovers(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, 1, TIMEOUT_MS);
    struct bot_job b = job_of(h.bot);
    assert_ok(store_pool_submit(h.client, &b.job));
    await(&h, &b);
    assert_int_equal(b.err, OK);
    const pid_t stopped = stop_reader(f);
    const int64_t began = clock_monotonic_ns(&clock_system);
    b = job_of(h.bot);
    assert_ok(store_pool_submit(h.client, &b.job));
    store_pool_deliver(h.client);
    assert_false(b.is_done);
    assert_true(clock_monotonic_ns(&clock_system) - began < INT64_C(100000000));
    await(&h, &b);
    assert_int_equal(b.err, ERR_TIMEOUT);
    b = job_of(h.bot);
    assert_ok(store_pool_submit(h.client, &b.job));
    await(&h, &b);
    assert_int_equal(b.err, OK);
    kill(stopped, SIGCONT);
    stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_store_pool__reads_come_back_to_their_client),
        ON_BOTH(test_store_pool__full_queue_refuses_and_what_waited_too_long_is_not_begun),
        ON_BOTH(test_store_pool__stop_leaves_what_was_not_begun),
        ON_POSTGRES(test_store_pool__hung_database_is_told_in_time_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
