/* The store thread on a PostgreSQL whose connection breaks at the worst moments: nothing is lost,
 * nothing is done twice, and nothing is acked that is not there. */
#include "cmocka_all.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"
#include "io/store/store_thread.h"
#include "postgres.h"

enum { ROUNDS = 5, ORDERS = 40, CHUNK = 65536 };

enum cut {
    CUT_NEVER,
    CUT_ANSWER, /* the server committed, and we are not told */
    CUT_COMMIT, /* COMMIT does not reach the server */
    CUT_BATCH,  /* nothing of the batch does */
};

/* One connection at a time, from a port of loopback to the server's socket. */
struct proxy {
    int listener, port;
    pthread_t thread;
    atomic_int cut;
    atomic_int cuts;
    atomic_bool stopping;
    bool answered; /* since it was armed */
};

static bool contains(const char *data, ssize_t size, const char *what, size_t what_size)
{
    return memmem(data, (size_t)size, what, what_size) != NULL;
}

/* Whether the connection ends here, with `data` not passed on. */
static bool strikes(struct proxy *p, bool from_server, const char *data, ssize_t size)
{
    const int cut = atomic_load(&p->cut);
    bool now = false;
    if (cut == CUT_ANSWER) now = from_server && contains(data, size, "COMMIT", 7);
    if (cut == CUT_COMMIT) now = !from_server && p->answered;
    if (cut == CUT_BATCH) now = !from_server;
    if (cut != CUT_NEVER && from_server) p->answered = true;
    if (!now) return false;
    atomic_store(&p->cut, CUT_NEVER);
    p->answered = false;
    atomic_fetch_add(&p->cuts, 1);
    return true;
}

static bool pass_on(struct proxy *p, bool from_server, int from, int to)
{
    static char data[CHUNK];
    const ssize_t size = read(from, data, sizeof data);
    if (size <= 0 || strikes(p, from_server, data, size)) return false;
    for (ssize_t done = 0; done < size;) {
        const ssize_t written = write(to, data + done, (size_t)(size - done));
        if (written <= 0) return false;
        done += written;
    }
    return true;
}

static int connect_to_server(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", postgres_socket());
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

static void *run_proxy(void *argument)
{
    struct proxy *p = argument;
    for (int client; (client = accept(p->listener, NULL, NULL)) >= 0;) {
        const int server = connect_to_server();
        bool open = server >= 0;
        while (open && !atomic_load(&p->stopping)) {
            struct pollfd ends[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
            poll(ends, 2, 50);
            if (ends[1].revents) open = pass_on(p, true, server, client);
            if (open && ends[0].revents) open = pass_on(p, false, client, server);
        }
        if (server >= 0) close(server);
        close(client);
    }
    return NULL;
}

static void start_proxy(struct proxy *p)
{
    *p = (struct proxy){.listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    assert_int_equal(bind(p->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(p->listener, 4), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &size), 0);
    p->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, run_proxy, p), 0);
}

static void stop_proxy(struct proxy *p)
{
    atomic_store(&p->stopping, true);
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
}

struct harness {
    struct proxy proxy;
    struct store *store;
    struct store_thread *thread;
    sem_t woken;
    uint64_t bot, next_order;
};

static void wake(void *user)
{
    sem_post(user);
}

static struct store_ack await(struct harness *h)
{
    struct store_ack ack;
    while (!store_thread_pop_ack(h->thread, &ack)) sem_wait(&h->woken);
    return ack;
}

static void start(struct harness *h, const struct fixture *f)
{
    char url[128], database[32];
    assert_int_equal(sscanf(f->url, "postgresql:///%31[^?]", database), 1);
    memset(h, 0, sizeof *h);
    start_proxy(&h->proxy);
    snprintf(url, sizeof url, "postgresql://tradebot@127.0.0.1:%d/%s", h->proxy.port, database);
    assert_ok(store_open(url, NOW_MS, &h->store));
    h->bot = add_bot(h->store);
    sem_init(&h->woken, 0, 0);
    const struct store_thread_options options = {
        .store = h->store, .slot_count = 256, .wake = wake, .user = &h->woken};
    assert_ok(store_thread_start(&options, &h->thread));
}

static void stop(struct harness *h)
{
    store_thread_free(h->thread);
    store_close(h->store);
    sem_destroy(&h->woken);
    stop_proxy(&h->proxy);
}

static enum err count_up(struct store *s, void *arg)
{
    struct sql_statement *st;
    enum err err =
        sql_use(store_sql(s), "UPDATE settings SET order_id_limit = order_id_limit + ?1", &st);
    if (err) return err;
    sql_i64(st, *(const int64_t *)arg);
    return sql_run_one(st, "settings", 1);
}

static void push_orders(struct harness *h)
{
    for (int i = 0; i < ORDERS; i++) {
        struct store_command c = {.kind = STORE_ORDER_PLACED};
        c.order = sample_order(++h->next_order, h->bot);
        c.id = h->next_order;
        assert_true(store_thread_push(h->thread, &c));
        if (i % 4) continue;
        struct store_command fill = {.kind = STORE_FILL_BOOKED, .id = h->next_order};
        fill.booking = sample_booking(&c.order, h->next_order, (int64_t)h->next_order);
        assert_true(store_thread_push(h->thread, &fill));
    }
}

static void check_cut(void **state, enum cut cut)
{
    const struct fixture *f = fixture_of(state);
    struct harness h;
    start(&h, f);
    int64_t ten = 10;
    for (int round = 0; round < ROUNDS; round++) {
        atomic_store(&h.proxy.cut, cut);
        push_orders(&h);
        struct store_command c = {.kind = STORE_RUN, .run = {count_up, &ten}};
        assert_true(store_thread_push(h.thread, &c));
        for (int i = 0; i < ORDERS + ORDERS / 4 + 1; i++) assert_int_equal(await(&h).err, OK);
        assert_int_equal(store_thread_trouble(h.thread), OK);
        assert_int_equal(query_i64(f, "SELECT count(*) FROM orders"), h.next_order);
        assert_int_equal(query_i64(f, "SELECT count(*) FROM fills"), h.next_order / 4);
        assert_int_equal(query_i64(f, "SELECT count(*) FROM round_trips"), h.next_order / 4);
    }
    assert_int_equal(atomic_load(&h.proxy.cuts), ROUNDS);
    assert_int_equal(store_thread_counters(h.thread).refused, 0);
    stop(&h);
}

static void test_store_outage__lost_answer_to_commit_is_found_out(void **state)
{
    check_cut(state, CUT_ANSWER);
}

static void test_store_outage__commit_that_never_arrived_is_done_again(void **state)
{
    check_cut(state, CUT_COMMIT);
}

static void test_store_outage__lost_batch_is_sent_again(void **state)
{
    check_cut(state, CUT_BATCH);
}

/* A function that may have run is run once: its effect is counted. */
static void test_store_outage__function_happens_once_for_each_ack(void **state)
{
    const struct fixture *f = fixture_of(state);
    static const enum cut cuts[] = {CUT_ANSWER, CUT_COMMIT, CUT_BATCH, CUT_NEVER};
    struct harness h;
    start(&h, f);
    int64_t thousand = 1000;
    const int64_t before = query_i64(f, "SELECT order_id_limit FROM settings");
    for (int i = 0; i < 8; i++) {
        atomic_store(&h.proxy.cut, (int)cuts[i % 4]);
        struct store_command c = {.kind = STORE_RUN, .run = {count_up, &thousand}};
        assert_true(store_thread_push(h.thread, &c));
        assert_int_equal(await(&h).err, OK);
        assert_int_equal(query_i64(f, "SELECT order_id_limit FROM settings"),
                         before + 1000 * (i + 1));
    }
    stop(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POSTGRES(test_store_outage__lost_answer_to_commit_is_found_out),
        ON_POSTGRES(test_store_outage__commit_that_never_arrived_is_done_again),
        ON_POSTGRES(test_store_outage__lost_batch_is_sent_again),
        ON_POSTGRES(test_store_outage__function_happens_once_for_each_ack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
