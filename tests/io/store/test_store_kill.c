/* kill -9 at random moments of a busy store: what was acked is there, and it fits together. */
#include "cmocka_all.h"

#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/prng.h"
#include "fault_vfs.h"
#include "fixture.h"
#include "io/store/store_thread.h"

enum { KILLS = 20, SLOTS = 256 };

static void wake(void *user)
{
    sem_post(user);
}

static void report_acks(struct store_thread *t, int out)
{
    struct store_ack ack;
    while (store_thread_pop_ack(t, &ack)) {
        if (ack.err || write(out, &ack.id, sizeof ack.id) != sizeof ack.id) _exit(3);
    }
}

/* Places and fills orders without end. Command 2n places order n, 2n + 1 books its fill, after
 * which the bot has n trades and a position of n. */
static void work(const struct fixture *f, uint64_t bot, uint64_t first, int out)
{
    sem_t woken;
    sem_init(&woken, 0, 0);
    struct store *s = NULL;
    struct store_thread *t = NULL;
    if (store_open(f->url, NOW_MS, &s)) _exit(1);
    const struct store_thread_options options = {
        .store = s, .slot_count = SLOTS, .wake = wake, .user = &woken};
    if (store_thread_start(&options, &t)) _exit(2);
    for (uint64_t n = first;; n++) {
        struct store_command place = {.id = 2 * n, .kind = STORE_ORDER_PLACED};
        place.order = sample_order(n, bot);
        struct store_command fill = {.id = 2 * n + 1, .kind = STORE_FILL_BOOKED};
        fill.booking = sample_booking(&place.order, n, (int64_t)n);
        report_acks(t, out);
        for (; !store_thread_push(t, &place); report_acks(t, out)) sem_wait(&woken);
        for (; !store_thread_push(t, &fill); report_acks(t, out)) sem_wait(&woken);
    }
}

/* The last command that the child said was durable. */
static uint64_t run_and_kill(const struct fixture *f, uint64_t bot, uint64_t first, uint64_t acks,
                             int vfs_operations)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        if (vfs_operations) {
            fault_vfs_install();
            fault_vfs_set(FAULT_KILL, vfs_operations);
        }
        work(f, bot, first, ends[1]);
    }
    close(ends[1]);
    uint64_t id = 0, last = 0;
    for (uint64_t count = 0; read(ends[0], &id, sizeof id) == sizeof id;) {
        last = id;
        if (++count == acks) kill(child, SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(ends[0]);
    return last;
}

static void check(const struct fixture *f, uint64_t last_acked)
{
    store_close(open_store(f));
    const int64_t orders = query_i64(f, "SELECT coalesce(max(id), 0) FROM orders");
    const int64_t fills = query_i64(f, "SELECT coalesce(max(venue_trade_id), 0) FROM fills");
    assert_true(orders >= (int64_t)last_acked / 2);
    assert_true(fills >= ((int64_t)last_acked - 1) / 2);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), orders);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM fills"), fills);
    assert_int_equal(query_i64(f, "SELECT coalesce(max(base), 0) FROM positions"), fills);
    assert_int_equal(query_i64(f, "SELECT coalesce(max(trades), 0) FROM bot_states"), fills);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM round_trips"), fills);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM orders WHERE state = 'filled'"), fills);
    assert_int_equal(query_i64(f,
                               "SELECT order_id_limit > (SELECT coalesce(max(id), 0) FROM orders)"
                               " FROM settings"),
                     1);
    if (f->kind == SQL_POSTGRES) return;
    assert_int_equal(
        query_i64(f, "SELECT integrity_check = 'ok' FROM pragma_integrity_check LIMIT 1"), 1);
}

/* The child may have died with an order placed and not filled: its fill comes first then. */
static uint64_t settle(const struct fixture *f)
{
    const int64_t orders = query_i64(f, "SELECT coalesce(max(id), 0) FROM orders");
    const int64_t fills = query_i64(f, "SELECT coalesce(max(venue_trade_id), 0) FROM fills");
    struct store *s = open_store(f);
    assert_ok(store_begin(s));
    for (int64_t n = fills + 1; n <= orders; n++) {
        const struct store_order order = sample_order((uint64_t)n, 1);
        const struct store_booking booking = sample_booking(&order, (uint64_t)n, n);
        assert_ok(store_fill_booked(s, &booking));
    }
    assert_ok(store_commit(s));
    store_close(s);
    return (uint64_t)orders + 1;
}

static void test_store_kill__acked_commands_survive(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct prng random;
    prng_init(&random, 7);
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    assert_int_equal(bot, 1);
    store_close(s);
    uint64_t next = 1;
    for (int i = 0; i < KILLS; i++) {
        check(f, run_and_kill(f, bot, next, 1 + prng_below(&random, 400), 0));
        next = settle(f);
    }
    print_message("%u orders over %d kills\n", (unsigned)next - 1, KILLS);
    assert_true(next > KILLS);
}

static void test_store_kill__between_any_two_writes(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct store *s = open_store(f);
    const uint64_t bot = add_bot(s);
    store_close(s);
    uint64_t next = 1;
    for (int i = 0; i < KILLS; i++) {
        check(f, run_and_kill(f, bot, next, UINT64_MAX, 1 + i * 31));
        next = settle(f);
    }
    print_message("%u orders over %d kills\n", (unsigned)next - 1, KILLS);
    assert_true(next > KILLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_store_kill__acked_commands_survive),
        ON_SQLITE(test_store_kill__between_any_two_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
