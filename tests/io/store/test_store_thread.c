/* The store thread: group commit, order of acks, failing commands, a failing disk. */
#include "cmocka_all.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault_vfs.h"
#include "fixture.h"
#include "io/store/store_thread.h"

enum { SLOTS = 1024 };

struct harness {
    struct store *store;
    struct store_thread *thread;
    sem_t woken;
    uint64_t next_command, next_ack;
};

static void wake(void *user)
{
    struct harness *h = user;
    sem_post(&h->woken);
}

static void start(struct harness *h, const struct fixture *f, uint32_t slots)
{
    memset(h, 0, sizeof *h);
    sem_init(&h->woken, 0, 0);
    h->store = open_store(f);
    const struct store_thread_options options = {
        .store = h->store, .slot_count = slots, .wake = wake, .user = h};
    assert_ok(store_thread_start(&options, &h->thread));
}

static void stop(struct harness *h)
{
    store_thread_free(h->thread);
    store_close(h->store);
    sem_destroy(&h->woken);
}

/* The next ack, in the order of the commands. */
static struct store_ack await(struct harness *h)
{
    struct store_ack ack;
    while (!store_thread_pop_ack(h->thread, &ack)) sem_wait(&h->woken);
    assert_int_equal(ack.id, ++h->next_ack);
    return ack;
}

static bool push(struct harness *h, struct store_command *c)
{
    c->id = h->next_command + 1;
    if (!store_thread_push(h->thread, c)) return false;
    h->next_command++;
    return true;
}

static struct store_command insert_command(void)
{
    struct store_command c = {.kind = STORE_BOT_INSERT};
    c.bot = malloc(sizeof *c.bot);
    *c.bot = sample_bot();
    return c;
}

static uint64_t insert_bot(struct harness *h)
{
    struct store_command c = insert_command();
    assert_true(push(h, &c));
    const struct store_ack ack = await(h);
    assert_int_equal(ack.err, OK);
    return ack.row_id;
}

static struct store_command placed(uint64_t id, uint64_t bot)
{
    struct store_command c;
    memset(&c, 0, sizeof c);
    c.kind = STORE_ORDER_PLACED;
    c.order = sample_order(id, bot);
    return c;
}

static void test_store_thread__thousands_of_commands_in_few_commits(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, SLOTS);
    const uint64_t bot = insert_bot(&h);
    for (uint64_t id = 1; id <= 5000; id++) {
        struct store_command c = placed(id, bot);
        while (!push(&h, &c)) assert_int_equal(await(&h).err, OK);
        struct store_command fill = {.kind = STORE_FILL_BOOKED};
        fill.booking = sample_booking(&c.order, id, (int64_t)id);
        while (!push(&h, &fill)) assert_int_equal(await(&h).err, OK);
    }
    while (h.next_ack < h.next_command) assert_int_equal(await(&h).err, OK);
    const struct store_thread_counters counters = store_thread_counters(h.thread);
    assert_int_equal(counters.commands, 10001);
    assert_int_equal(counters.refused, 0);
    assert_true(counters.batches < 5000);
    print_message("%u commits for 10001 commands\n", (unsigned)counters.batches);
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM fills"), 5000);
    assert_int_equal(query_i64(f, "SELECT base FROM positions"), 5000);
}

static void test_store_thread__full_ring_refuses(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, 2);
    for (int round = 0; round < 50; round++) {
        struct store_command c[3] = {insert_command(), insert_command(), insert_command()};
        assert_true(push(&h, &c[0]));
        assert_true(push(&h, &c[1]));
        /* Full whether the thread took them or not: their acks were not popped. */
        assert_false(push(&h, &c[2]));
        assert_int_equal(store_thread_pending(h.thread), 2);
        free(c[2].bot);
        await(&h);
        await(&h);
    }
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM bots"), 100);
}

static void test_store_thread__bad_command_does_not_take_others_with_it(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, SLOTS);
    const uint64_t bot = insert_bot(&h);
    for (uint64_t id = 1; id <= 300; id++) {
        struct store_command c = placed(id, id % 10 ? bot : bot + 7);
        if (id % 10 == 5) c.order.order.qty.units = -1;
        assert_true(push(&h, &c));
    }
    struct store_command last = placed(1, bot);
    assert_true(push(&h, &last));
    for (uint64_t id = 1; id <= 300; id++) {
        assert_int_equal(await(&h).err, id % 10 == 0   ? ERR_NOT_FOUND
                                        : id % 10 == 5 ? ERR_INVALID
                                                       : OK);
    }
    assert_int_equal(await(&h).err, ERR_EXISTS);
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 240);
}

static void test_store_thread__stop_carries_out_what_waits(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, SLOTS);
    const uint64_t bot = insert_bot(&h);
    for (uint64_t id = 1; id <= 900; id++) {
        struct store_command c = placed(id, bot);
        assert_true(push(&h, &c));
    }
    store_thread_stop(h.thread);
    struct store_ack ack;
    for (uint64_t id = 1; id <= 900; id++) {
        assert_true(store_thread_pop_ack(h.thread, &ack));
        assert_int_equal(ack.err, OK);
    }
    assert_false(store_thread_pop_ack(h.thread, &ack));
    assert_int_equal(store_thread_pending(h.thread), 0);
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 900);
}

static void test_store_thread__every_kind_of_command(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, SLOTS);
    const uint64_t bot = insert_bot(&h);
    struct store_command c = insert_command();
    c.kind = STORE_BOT_UPDATE;
    c.bot->id = bot;
    strcpy(c.bot->name, "Robert'); DROP TABLE bots;--");
    assert_true(push(&h, &c));
    c = (struct store_command){.kind = STORE_BOT_WANT, .target = {1, bot, true, NOW_MS}};
    assert_true(push(&h, &c));
    c.target.running = false;
    assert_true(push(&h, &c));
    c = (struct store_command){.kind = STORE_BOT_TOTALS,
                               .totals = {.bot_id = bot, .totals = {.trades = 4}}};
    assert_true(push(&h, &c));
    c = placed(9, bot);
    assert_true(push(&h, &c));
    const struct store_order order = c.order;
    c = (struct store_command){.kind = STORE_ORDER_CHANGED, .changed = {order.order, order.market}};
    c.changed.order.state = ORDER_REJECTED;
    c.changed.order.reason = ORDER_REASON_NEVER_ACCEPTED;
    c.changed.order.venue_code = -2010;
    assert_true(push(&h, &c));
    c = (struct store_command){.kind = STORE_BOT_DELETE, .target = {1, bot, false, NOW_MS}};
    assert_true(push(&h, &c));
    for (int i = 0; i < 7; i++) assert_int_equal(await(&h).err, OK);
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM bots WHERE name LIKE '%DROP TABLE%'"
                                  " AND deleted_ms IS NOT NULL"),
                     1);
    assert_int_equal(query_i64(f, "SELECT trades FROM bot_states"), 4);
    assert_int_equal(query_i64(f, "SELECT venue_code FROM orders WHERE reason = 'never_accepted'"),
                     -2010);
}

static void await_trouble(const struct harness *h, enum err want)
{
    const struct timespec step = {.tv_nsec = 1000000};
    for (int i = 0; store_thread_trouble(h->thread) != want; i++) {
        assert_true(i < 20000);
        nanosleep(&step, NULL);
    }
}

/* Every kind of command whose second try could do harm, in one batch whose commit's outcome nobody
 * knows: each is done once, and acked once as done. */
static void test_store_thread__failed_sync_is_found_out_about_and_nothing_is_lost(void **state)
{
    const struct fixture *f = fixture_of(state);
    fault_vfs_install();
    struct harness h;
    start(&h, f, SLOTS);
    const uint64_t bot = insert_bot(&h);
    for (int after = 0; after < 4; after++) {
        const uint64_t first = 1 + 100 * (uint64_t)after;
        fault_vfs_set(FAULT_SYNC, after);
        for (uint64_t id = first; id < first + 10; id++) {
            struct store_command c = placed(id, bot);
            assert_true(push(&h, &c));
            struct store_command fill = {.kind = STORE_FILL_BOOKED};
            fill.booking = sample_booking(&c.order, id, (int64_t)id);
            assert_true(push(&h, &fill));
        }
        struct store_command c = insert_command();
        assert_true(push(&h, &c));
        await_trouble(&h, ERR_IO);
        fault_vfs_set(FAULT_NONE, 0);
        for (int i = 0; i < 20; i++) assert_int_equal(await(&h).err, OK);
        const struct store_ack inserted = await(&h);
        assert_int_equal(inserted.err, OK);
        assert_int_equal(inserted.row_id, bot + 1 + (uint64_t)after);
        await_trouble(&h, OK);
    }
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 40);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM fills"), 40);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM round_trips"), 40);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM bots"), 5);
}

static void test_store_thread__full_disk_loses_nothing_and_passes(void **state)
{
    const struct fixture *f = fixture_of(state);
    fault_vfs_install();
    struct harness h;
    start(&h, f, SLOTS);
    const uint64_t bot = insert_bot(&h);
    fault_vfs_set(FAULT_DISK_FULL, 0);
    for (uint64_t id = 1; id <= 10; id++) {
        struct store_command c = placed(id, bot);
        assert_true(push(&h, &c));
    }
    await_trouble(&h, ERR_LIMIT);
    fault_vfs_set(FAULT_NONE, 0);
    for (int i = 0; i < 10; i++) assert_int_equal(await(&h).err, OK);
    await_trouble(&h, OK);
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 10);
}

static void test_store_thread__stop_does_not_wait_for_a_broken_disk(void **state)
{
    const struct fixture *f = fixture_of(state);
    fault_vfs_install();
    struct harness h;
    start(&h, f, SLOTS);
    const uint64_t bot = insert_bot(&h);
    fault_vfs_set(FAULT_SYNC, 0);
    struct store_command c = placed(1, bot);
    assert_true(push(&h, &c));
    await_trouble(&h, ERR_IO);
    store_thread_stop(h.thread);
    assert_int_equal(await(&h).err, ERR_IO);
    fault_vfs_set(FAULT_NONE, 0);
    stop(&h);
}

/* Files may not grow in a process of its own; the parent gives them room again. */
static int work_under_a_size_limit(const struct fixture *f)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit)) return 2;
    struct store *store = NULL;
    struct store_thread *thread = NULL;
    if (store_open(f->url, NOW_MS, &store)) return 3;
    const struct store_thread_options options = {.store = store, .slot_count = SLOTS};
    if (store_thread_start(&options, &thread)) return 4;
    struct store_command c = insert_command();
    struct store_ack ack;
    const struct timespec step = {.tv_nsec = 1000000};
    const rlim_t roomy = limit.rlim_cur;
    limit.rlim_cur = 64 * 1024;
    setrlimit(RLIMIT_FSIZE, &limit);
    c.id = 1;
    if (!store_thread_push(thread, &c)) return 5;
    for (uint64_t id = 2; id <= 500; id++) {
        c = placed(id, 1);
        c.id = id;
        if (!store_thread_push(thread, &c)) return 6;
    }
    while (store_thread_trouble(thread) == OK) nanosleep(&step, NULL);
    limit.rlim_cur = roomy;
    setrlimit(RLIMIT_FSIZE, &limit);
    for (uint64_t id = 1; id <= 500; id++) {
        while (!store_thread_pop_ack(thread, &ack)) nanosleep(&step, NULL);
        if (ack.id != id || ack.err) return 7;
    }
    store_thread_free(thread);
    store_close(store);
    return 0;
}

static void test_store_thread__files_that_may_not_grow_lose_nothing(void **state)
{
    const struct fixture *f = fixture_of(state);
    const pid_t child = fork();
    if (child == 0) _exit(work_under_a_size_limit(f));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 499);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM bots"), 1);
}

/* ---- several clients, and functions as commands ---- */

enum { CLIENTS = 4, RUNS = 300 };

struct web_client {
    struct store_client *client;
    pthread_t thread;
    sem_t woken;
    uint64_t number, refused;
};

struct rename_job {
    uint64_t bot;
    int64_t cooldown_s;
    int calls;
    bool is_bad;
};

/* Two statements, of which the second may be refused. */
static enum err change_bot(struct store *s, void *arg)
{
    struct rename_job *job = arg;
    struct sql_statement *st;
    job->calls++;
    enum err err = sql_use(store_sql(s), "UPDATE bots SET cooldown_s = ?2 WHERE id = ?1", &st);
    if (err) return err;
    sql_u64(st, job->bot);
    sql_i64(st, job->cooldown_s);
    err = sql_run_one(st, "bot", job->bot);
    if (!err) err = sql_use(store_sql(s), "UPDATE bots SET capital = ?2 WHERE id = ?1", &st);
    if (err) return err;
    sql_u64(st, job->bot);
    sql_i64(st, job->is_bad ? 0 : 7 + job->cooldown_s);
    return sql_run_one(st, "bot", job->bot);
}

static uint64_t take_acks(struct web_client *w)
{
    struct store_ack ack;
    uint64_t count = 0;
    for (; store_client_pop_ack(w->client, &ack); count++) w->refused += ack.err == ERR_INVALID;
    return count;
}

static void *run_web_client(void *argument)
{
    struct web_client *w = argument;
    struct rename_job jobs[RUNS];
    uint64_t acked = 0;
    for (uint64_t i = 0; i < RUNS; i++) {
        jobs[i] =
            (struct rename_job){.bot = w->number, .cooldown_s = (int64_t)i, .is_bad = i % 3 == 2};
        const struct store_command c = {.id = i, .kind = STORE_RUN, .run = {change_bot, &jobs[i]}};
        for (; !store_client_push(w->client, &c); acked += take_acks(w)) sem_wait(&w->woken);
    }
    for (; acked < RUNS; acked += take_acks(w)) sem_wait(&w->woken);
    return jobs[RUNS - 1].calls > 0 ? NULL : argument;
}

static void wake_web(void *user)
{
    sem_post(&((struct web_client *)user)->woken);
}

static void test_store_thread__clients_write_beside_each_other(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, SLOTS);
    struct web_client web[CLIENTS];
    memset(web, 0, sizeof web);
    for (int i = 0; i < CLIENTS; i++) {
        struct web_client *w = &web[i];
        w->number = insert_bot(&h);
        sem_init(&w->woken, 0, 0);
        const struct store_thread_options options = {.slot_count = 8, .wake = wake_web, .user = w};
        assert_ok(store_client_open(h.thread, &options, &w->client));
        assert_int_equal(pthread_create(&w->thread, NULL, run_web_client, w), 0);
    }
    for (uint64_t id = 1; id <= 2000; id++) {
        struct store_command c = placed(id, web[0].number);
        while (!push(&h, &c)) assert_int_equal(await(&h).err, OK);
    }
    while (h.next_ack < h.next_command) assert_int_equal(await(&h).err, OK);
    for (int i = 0; i < CLIENTS; i++) {
        void *failed = web;
        pthread_join(web[i].thread, &failed);
        assert_null(failed);
        assert_int_equal(web[i].refused, RUNS / 3);
        assert_int_equal(store_client_pending(web[i].client), 0);
        sem_destroy(&web[i].woken);
    }
    stop(&h);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), 2000);
    /* The last function of each was refused by its second half, and took the first with it. */
    assert_int_equal(
        query_i64(f, "SELECT count(*) FROM bots WHERE cooldown_s = 298 AND capital = 305"),
        CLIENTS);
}

static void test_store_thread__clients_have_a_limit(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f, 2);
    struct store_client *client = NULL;
    const struct store_thread_options options = {.slot_count = 2};
    for (int i = 1; i < STORE_CLIENTS_MAX; i++)
        assert_ok(store_client_open(h.thread, &options, &client));
    assert_err(store_client_open(h.thread, &options, &client), ERR_LIMIT, "32 clients");
    assert_null(client);
    stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_store_thread__thousands_of_commands_in_few_commits),
        ON_BOTH(test_store_thread__full_ring_refuses),
        ON_BOTH(test_store_thread__bad_command_does_not_take_others_with_it),
        ON_BOTH(test_store_thread__stop_carries_out_what_waits),
        ON_BOTH(test_store_thread__every_kind_of_command),
        ON_BOTH(test_store_thread__clients_write_beside_each_other),
        ON_SQLITE(test_store_thread__clients_have_a_limit),
        ON_SQLITE(test_store_thread__failed_sync_is_found_out_about_and_nothing_is_lost),
        ON_SQLITE(test_store_thread__full_disk_loses_nothing_and_passes),
        ON_SQLITE(test_store_thread__stop_does_not_wait_for_a_broken_disk),
        ON_SQLITE(test_store_thread__files_that_may_not_grow_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
