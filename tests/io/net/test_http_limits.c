/* The HTTP server against clients that want too much: too many connections, too slowly, and the
 * wrong protocol. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/net/http_server.h"
#include "io/net/net_fixture.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

enum { ATTACKERS = 60, ROUNDS = 400, BIG_SIZE = 8 << 20, TRICKLE_MS = 2, PATH_SIZE = 64 };

struct host {
    uv_loop_t loop;
    struct http_server *server;
    char big[BIG_SIZE];
};

static struct host *host;

static void no_release(void *owner)
{
    (void)owner;
}

static void handle(const struct http_request *q, struct http_reply *reply)
{
    if (slice_is(q->path, "/big"))
        http_reply_send(reply, &(struct http_response){.status = 200,
                                                       .body = {host->big, sizeof host->big},
                                                       .release = no_release});
    else
        http_reply_text(reply, 200, "text/plain", q->secure ? SLICE("[tls]") : SLICE("[ok]"));
}

static void host_open(const struct tls_context *tls, struct http_limits limits)
{
    host = calloc(1, sizeof *host);
    assert_int_equal(uv_loop_init(&host->loop), 0);
    const struct http_server_options options = {.address = "127.0.0.1",
                                                .tls = tls,
                                                .limits = limits,
                                                .headers = "X-Every: yes\r\n",
                                                .full_type = "application/problem+json",
                                                .full_body = "{\"status\":503}",
                                                .handler = handle,
                                                .user = host};
    assert_int_equal(http_server_open(&host->loop, &options, &host->server), OK);
}

static void host_close(void)
{
    http_server_close(host->server);
    loop_finish(&host->loop);
    free(host);
}

static void dial(struct raw_peer *p)
{
    raw_peer_dial(p, &host->loop, http_server_port(host->server));
    run_until(&host->loop, is_true, &p->is_open);
}

struct wanted {
    const struct raw_peer *peer;
    const char *text;
    unsigned count;
};

static bool has_count(const void *data)
{
    const struct wanted *w = data;
    return raw_peer_count(w->peer, w->text) >= w->count;
}

static void wait_for(const struct raw_peer *p, const char *text, unsigned count)
{
    const struct wanted w = {p, text, count};
    run_until(&host->loop, has_count, &w);
}

/* ---- too many ---- */

static void assert_refused(void)
{
    struct raw_peer p;
    dial(&p);
    raw_peer_send(&p, GET("/"));
    run_until(&host->loop, is_true, &p.is_closed);
    assert_int_equal(raw_peer_count(&p, "HTTP/1.1 503 Service Unavailable\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "X-Every: yes\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "Connection: close\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "Content-Length: 14\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "\r\n\r\n{\"status\":503}"), 1);
    raw_peer_deinit(&p);
}

static bool is_alone(const void *data)
{
    (void)data;
    return http_server_counters(host->server).connections == 0;
}

static void test_limits__connection_over_a_limit_hears_503(void **state)
{
    (void)state;
    const struct http_limits cases[] = {{.connection_limit = 3}, {.loopback_limit = 3}};
    for (size_t i = 0; i < 2; i++) {
        struct raw_peer peers[3];
        host_open(NULL, cases[i]);
        for (int p = 0; p < 3; p++) dial(&peers[p]);
        raw_peer_send(&peers[2], GET("/"));
        wait_for(&peers[2], "[ok]", 1);
        assert_refused();
        assert_refused();
        assert_int_equal(http_server_counters(host->server).connections_refused, 2);
        assert_int_equal(http_server_counters(host->server).connections, 3);
        /* A place that is given back is there for the next one. */
        raw_peer_deinit(&peers[0]);
        while (http_server_counters(host->server).connections == 3)
            uv_run(&host->loop, UV_RUN_ONCE);
        dial(&peers[0]);
        raw_peer_send(&peers[0], GET("/"));
        wait_for(&peers[0], "[ok]", 1);
        for (int p = 0; p < 3; p++) raw_peer_deinit(&peers[p]);
        run_until(&host->loop, is_alone, NULL);
        host_close();
    }
}

/* Refused ones that do not go away cost a bounded number of sockets. */
static void test_limits__refused_connections_are_bounded_too(void **state)
{
    (void)state;
    enum { MANY = LISTENER_REFUSING_MAX + 40 };
    static struct raw_peer peers[MANY];
    host_open(NULL, (struct http_limits){.connection_limit = 1});
    struct raw_peer first;
    dial(&first);
    for (int i = 0; i < MANY; i++)
        raw_peer_dial(&peers[i], &host->loop, http_server_port(host->server));
    for (int i = 0; i < MANY; i++) run_until(&host->loop, is_true, &peers[i].is_closed);
    unsigned heard = 0;
    for (int i = 0; i < MANY; i++) heard += raw_peer_count(&peers[i], "HTTP/1.1 503");
    assert_true(heard > 0 && heard <= MANY);
    assert_int_equal(http_server_counters(host->server).connections_refused, MANY);
    raw_peer_send(&first, GET("/"));
    wait_for(&first, "[ok]", 1);
    for (int i = 0; i < MANY; i++) raw_peer_deinit(&peers[i]);
    raw_peer_deinit(&first);
    host_close();
}

/* ---- too slowly ---- */

enum attack { HEADS, BODIES, READERS, ATTACKS };

struct siege {
    struct raw_peer peers[ATTACKS][ATTACKERS];
    uv_timer_t timer;
    unsigned at;
};

/* One more byte of every slow head and body; slow readers take a little. */
static void on_trickle(uv_timer_t *timer)
{
    struct siege *s = timer->data;
    const unsigned i = s->at++ % ATTACKERS;
    for (int kind = 0; kind < READERS; kind++)
        if (s->peers[kind][i].is_open && s->peers[kind][i].conn)
            raw_peer_send(&s->peers[kind][i], "a");
    struct raw_peer *reader = &s->peers[READERS][i];
    if (!reader->conn || !reader->is_open) return;
    conn_resume(reader->conn);
    conn_pause(reader->conn);
}

static void siege_begin(struct siege *s)
{
    static const char *const starts[ATTACKS] = {
        [HEADS] = "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: ",
        [BODIES] = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n",
        [READERS] = GET("/big") GET("/big"),
    };
    for (int kind = 0; kind < ATTACKS; kind++)
        for (int i = 0; i < ATTACKERS; i++) {
            struct raw_peer *p = &s->peers[kind][i];
            dial(p);
            raw_peer_send(p, starts[kind]);
            if (kind == READERS) conn_pause(p->conn);
        }
    uv_timer_init(&host->loop, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, on_trickle, TRICKLE_MS, TRICKLE_MS);
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The 99th percentile of a well-behaved client's waits, in microseconds. */
static uint64_t honest_p99(void)
{
    static uint64_t waits[ROUNDS];
    struct raw_peer p;
    dial(&p);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const uint64_t start = uv_hrtime();
        const size_t before = p.got.size;
        raw_peer_send(&p, GET("/"));
        while (p.got.size == before) uv_run(&host->loop, UV_RUN_ONCE);
        waits[i] = (uv_hrtime() - start) / 1000;
    }
    raw_peer_deinit(&p);
    qsort(waits, ROUNDS, sizeof *waits, compare);
    return waits[ROUNDS * 99 / 100];
}

static bool is_siege_over(const void *data)
{
    const struct siege *s = data;
    for (int kind = 0; kind < READERS; kind++)
        for (int i = 0; i < ATTACKERS; i++)
            if (!s->peers[kind][i].is_closed) return false;
    return http_server_counters(host->server).connections == 0;
}

static void test_limits__slow_clients_hold_nobody_else_up_and_end(void **state)
{
    (void)state;
    struct siege *s = calloc(1, sizeof *s);
    host_open(NULL,
              (struct http_limits){
                  .head_ms = 1500, .body_progress_ms = 1500, .stall_ms = 1500, .idle_ms = 1500});
    const uint64_t alone_us = honest_p99();
    siege_begin(s);
    const uint64_t besieged_us = honest_p99();
    const struct http_server_counters counters = http_server_counters(host->server);
    print_message("p99 alone %llu us, besieged %llu us, longest turn %u ms, %llu over 20 ms\n",
                  (unsigned long long)alone_us, (unsigned long long)besieged_us,
                  counters.loop_longest_ms, (unsigned long long)counters.loop_stalls);
    /* Client and attackers share the loop here, so their own work is in it. */
    assert_true(besieged_us < 10 * alone_us + 20000);
    run_until(&host->loop, is_siege_over, s);
    for (int i = 0; i < ATTACKERS; i++) {
        assert_int_equal(raw_peer_count(&s->peers[HEADS][i], "HTTP/1.1 408 "), 1);
        assert_int_equal(raw_peer_count(&s->peers[BODIES][i], "HTTP/1.1 408 "), 1);
    }
    uv_close((uv_handle_t *)&s->timer, NULL);
    for (int kind = 0; kind < ATTACKS; kind++)
        for (int i = 0; i < ATTACKERS; i++) raw_peer_deinit(&s->peers[kind][i]);
    host_close();
    free(s);
}

/* ---- TLS ---- */

struct files {
    char folder[PATH_SIZE], certificate[PATH_SIZE], key[PATH_SIZE];
};

static struct files files_make(void)
{
    struct files f = {.folder = "/tmp/tradebot-limits-XXXXXX"};
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.certificate, sizeof f.certificate, "%.40s/c.pem", f.folder);
    snprintf(f.key, sizeof f.key, "%.40s/k.pem", f.folder);
    certificate_make("127.0.0.1", f.certificate, f.key);
    return f;
}

static void files_remove(const struct files *f)
{
    unlink(f->certificate);
    unlink(f->key);
    rmdir(f->folder);
}

static void dial_tls(struct raw_peer *p, const struct tls_context *tls)
{
    raw_peer_dial_with(p, &host->loop,
                       &(struct conn_dial){.host = "127.0.0.1",
                                           .port = http_server_port(host->server),
                                           .tls = tls});
}

static bool is_settled(const void *data)
{
    const struct raw_peer *p = data;
    return p->is_open || p->is_closed;
}

static void test_tls__server_answers_and_takes_a_renewed_certificate(void **state)
{
    (void)state;
    struct tls_context *server, *old_trust, *new_trust;
    struct raw_peer before, after, distrusting;
    const struct files f = files_make();
    assert_int_equal(tls_server_new(f.certificate, f.key, &server), OK);
    assert_int_equal(tls_client_new(f.certificate, &old_trust), OK);
    host_open(server, (struct http_limits){0});
    dial_tls(&before, old_trust);
    run_until(&host->loop, is_true, &before.is_open);
    raw_peer_send(&before, GET("/") GET("/"));
    wait_for(&before, "[tls]", 2);

    certificate_make("127.0.0.1", f.certificate, f.key);
    assert_int_equal(tls_client_new(f.certificate, &new_trust), OK);
    assert_int_equal(tls_server_reload(server), OK);
    dial_tls(&after, new_trust);
    run_until(&host->loop, is_true, &after.is_open);
    dial_tls(&distrusting, old_trust);
    run_until(&host->loop, is_settled, &distrusting);
    assert_true(distrusting.is_closed);
    raw_peer_send(&before, GET("/"));
    wait_for(&before, "[tls]", 3);

    /* A file that is gone changes nothing. */
    unlink(f.key);
    assert_int_equal(tls_server_reload(server), ERR_INVALID);
    raw_peer_deinit(&after);
    dial_tls(&after, new_trust);
    run_until(&host->loop, is_true, &after.is_open);

    raw_peer_deinit(&before);
    raw_peer_deinit(&after);
    raw_peer_deinit(&distrusting);
    host_close();
    tls_context_free(server);
    tls_context_free(old_trust);
    tls_context_free(new_trust);
    files_remove(&f);
}

static void test_tls__plain_http_on_the_port_is_closed_at_once(void **state)
{
    (void)state;
    struct tls_context *server;
    struct raw_peer p;
    const struct files f = files_make();
    assert_int_equal(tls_server_new(f.certificate, f.key, &server), OK);
    host_open(server, (struct http_limits){0});
    dial(&p);
    const uint64_t start = uv_hrtime();
    raw_peer_send(&p, GET("/"));
    run_until(&host->loop, is_true, &p.is_closed);
    assert_true(uv_hrtime() - start < UINT64_C(3000000000));
    assert_int_equal(raw_peer_count(&p, "HTTP/1.1 2"), 0);
    assert_int_equal(http_server_counters(host->server).requests, 0);
    raw_peer_deinit(&p);
    host_close();
    tls_context_free(server);
    files_remove(&f);
}

static void test_tls__handshake_that_does_not_go_on_is_ended_in_time(void **state)
{
    (void)state;
    static const char *const starts[] = {"", "\x16", "\x16\x03\x01\x02\x00\x01\x00"};
    struct tls_context *server, *trust;
    struct raw_peer slow[3], good;
    const struct files f = files_make();
    assert_int_equal(tls_server_new(f.certificate, f.key, &server), OK);
    assert_int_equal(tls_client_new(f.certificate, &trust), OK);
    host_open(server, (struct http_limits){.head_ms = 300});
    for (int i = 0; i < 3; i++) {
        dial(&slow[i]);
        raw_peer_send(&slow[i], starts[i]);
    }
    dial_tls(&good, trust);
    run_until(&host->loop, is_true, &good.is_open);
    raw_peer_send(&good, GET("/"));
    wait_for(&good, "[tls]", 1);
    for (int i = 0; i < 3; i++) run_until(&host->loop, is_true, &slow[i].is_closed);
    assert_int_equal(http_server_counters(host->server).connections, 1);
    for (int i = 0; i < 3; i++) raw_peer_deinit(&slow[i]);
    raw_peer_deinit(&good);
    host_close();
    tls_context_free(server);
    tls_context_free(trust);
    files_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits__connection_over_a_limit_hears_503),
        cmocka_unit_test(test_limits__refused_connections_are_bounded_too),
        cmocka_unit_test(test_limits__slow_clients_hold_nobody_else_up_and_end),
        cmocka_unit_test(test_tls__server_answers_and_takes_a_renewed_certificate),
        cmocka_unit_test(test_tls__plain_http_on_the_port_is_closed_at_once),
        cmocka_unit_test(test_tls__handshake_that_does_not_go_on_is_ended_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
