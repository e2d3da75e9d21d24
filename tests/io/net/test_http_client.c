/* The HTTP client against our server and against raw peers that misbehave. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/net/http_client.h"
#include "io/net/http_server.h"
#include "io/net/net_fixture.h"

/* One answer as the callback saw it. */
struct answer {
    bool is_here;
    enum err err;
    bool maybe_sent;
    int status;
    char text[256];
    char body[256];
    size_t body_size;
    struct raw_peer upgraded;
};

static struct raw_peer raw; /* the last conn that the raw listener accepted */
static unsigned raw_count;
static bool raw_closes_at_once;

static void on_result(void *user, const struct http_result *r)
{
    struct answer *a = user;
    assert_false(a->is_here);
    a->is_here = true;
    a->err = r->err;
    a->maybe_sent = r->maybe_sent;
    a->status = r->status;
    snprintf(a->text, sizeof a->text, "%s", r->text);
    a->body_size = r->body.size;
    if (r->body.size && r->body.size < sizeof a->body) memcpy(a->body, r->body.data, r->body.size);
    if (r->conn) {
        a->upgraded = (struct raw_peer){.conn = r->conn, .is_open = true};
        conn_set_handler(r->conn, &raw_peer_handler, &a->upgraded);
        assert_true(slice_is(http_header_get(&r->headers, "upgrade"), "websocket"));
    }
}

static void get(struct http_client *c, const char *target, struct answer *a)
{
    *a = (struct answer){0};
    const struct http_call call = {
        .method = SLICE("GET"), .target = slice_of(target), .on_result = on_result, .user = a};
    assert_int_equal(http_client_send(c, &call), OK);
    assert_false(a->is_here); /* never inside the call */
}

static void post(struct http_client *c, struct slice body, struct answer *a)
{
    *a = (struct answer){0};
    const struct http_header headers[] = {{SLICE("X-Key"), SLICE("k")}};
    const struct http_call call = {.method = SLICE("POST"),
                                   .target = SLICE("/echo"),
                                   .headers = headers,
                                   .header_count = 1,
                                   .body = body,
                                   .on_result = on_result,
                                   .user = a};
    assert_int_equal(http_client_send(c, &call), OK);
}

static void raw_on_accept(struct listener *l, struct conn *c)
{
    (void)l;
    raw_count++;
    raw_peer_deinit(&raw);
    raw = (struct raw_peer){.conn = c};
    conn_set_handler(c, &raw_peer_handler, &raw);
    if (raw_closes_at_once) conn_abort(c);
}

struct bench {
    uv_loop_t loop;
    struct listener *listener;
    struct http_client *client;
};

static void bench_open(struct bench *b, struct http_client_options options)
{
    *b = (struct bench){0};
    raw = (struct raw_peer){0};
    raw_count = 0;
    raw_closes_at_once = false;
    assert_int_equal(uv_loop_init(&b->loop), 0);
    const struct listener_options listen = {
        .address = "127.0.0.1", .connection_limit = 16, .on_accept = raw_on_accept};
    assert_int_equal(listener_open(&b->loop, &listen, &b->listener), OK);
    options.host = "127.0.0.1";
    options.port = listener_port(b->listener);
    if (!options.pool_size) options.pool_size = 1;
    assert_int_equal(http_client_open(&b->loop, &options, &b->client), OK);
}

static void bench_close(struct bench *b)
{
    http_client_close(b->client);
    raw_peer_deinit(&raw);
    listener_close(b->listener);
    loop_finish(&b->loop);
}

static bool raw_has_request(const void *data)
{
    (void)data;
    return raw_peer_count(&raw, "\r\n\r\n") > 0;
}

static bool client_is_warm(const void *data)
{
    return http_client_idle_count(data) == 1;
}

/* Sends a GET and lets the raw server answer with bytes; ends_after: it then closes in order. */
static void exchange(struct bench *b, const char *bytes, bool ends_after, struct answer *a)
{
    get(b->client, "/x", a);
    run_until(&b->loop, raw_has_request, NULL);
    raw_peer_send(&raw, bytes);
    if (ends_after) conn_close(raw.conn);
    run_until(&b->loop, is_true, &a->is_here);
    buffer_clear(&raw.got);
}

static void test_client__request_is_written_as_the_protocol_wants(void **state)
{
    (void)state;
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){.authority = "api.test"});
    post(b.client, SLICE("body"), &a);
    run_until(&b.loop, raw_has_request, NULL);
    buffer_append_char(&raw.got, '\0');
    assert_string_equal(raw.got.data, "POST /echo HTTP/1.1\r\nHost: api.test\r\nX-Key: "
                                      "k\r\nContent-Length: 4\r\n\r\nbody");
    raw_peer_send(&raw, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    run_until(&b.loop, is_true, &a.is_here);
    assert_int_equal(a.err, OK);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "hi");
    bench_close(&b);
}

static void test_client__answers_of_every_framing_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool ends_after;
        int status;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, 200, "abc"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
         false, 200, "abc"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false, 204, ""},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, 304, ""},
        {"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n", false, 418, ""},
        {"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", false, 302, ""},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, 200, "until the end"},
        {"HTTP/1.0 200 OK\r\n\r\nold", true, 200, "old"},
    };
    for (uint32_t round = 0; round < 2; round++) {
        struct bench b;
        struct answer a;
        bench_open(&b, (struct http_client_options){.conn = {.read_size = round}});
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            exchange(&b, cases[i].bytes, cases[i].ends_after, &a);
            assert_int_equal(a.err, OK);
            assert_int_equal(a.status, cases[i].status);
            assert_string_equal(a.body, cases[i].body);
        }
        assert_int_equal(raw_count, 2); /* kept, but for the two that ended with their stream */
        bench_close(&b);
    }
}

static void test_client__broken_answers_are_errors_of_unknown_outcome(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum err err;
    } cases[] = {
        {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", ERR_PARSE},
        {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", ERR_PARSE},
        {"nonsense\r\n\r\n", ERR_PARSE},
        {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         ERR_PARSE},
    };
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){.response_limit = 1000});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        exchange(&b, cases[i].bytes, false, &a);
        assert_int_equal(a.err, cases[i].err);
        assert_true(a.maybe_sent);
        assert_int_equal(a.status, 0);
        assert_true(strlen(a.text) > 0);
    }
    char big[1200] = "HTTP/1.1 200 OK\r\nContent-Length: 1100\r\n\r\n";
    memset(big + strlen(big), 'x', sizeof big - strlen(big) - 1);
    big[sizeof big - 1] = '\0';
    exchange(&b, big, false, &a);
    assert_int_equal(a.err, ERR_LIMIT);
    assert_true(a.maybe_sent);
    bench_close(&b);
}

static void test_client__refused_connection_is_provably_unsent(void **state)
{
    (void)state;
    struct bench b;
    struct answer a[2];
    bench_open(&b, (struct http_client_options){0});
    listener_close(b.listener);
    b.listener = NULL;
    uv_run(&b.loop, UV_RUN_NOWAIT);
    get(b.client, "/1", &a[0]);
    get(b.client, "/2", &a[1]);
    for (int i = 0; i < 2; i++) {
        run_until(&b.loop, is_true, &a[i].is_here);
        assert_int_equal(a[i].err, ERR_IO);
        assert_false(a[i].maybe_sent);
        assert_non_null(strstr(a[i].text, "connection refused"));
    }
    bench_close(&b);
}

static void test_client__server_gone_after_reading_may_have_acted(void **state)
{
    (void)state;
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){0});
    post(b.client, SLICE("order"), &a);
    run_until(&b.loop, raw_has_request, NULL);
    conn_close(raw.conn);
    run_until(&b.loop, is_true, &a.is_here);
    assert_int_equal(a.err, ERR_CLOSED);
    assert_true(a.maybe_sent);
    assert_int_equal(raw_count, 1); /* not sent again */
    bench_close(&b);
}

static void test_client__stale_kept_connection_is_not_retried(void **state)
{
    (void)state;
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){0});
    exchange(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, &a);
    assert_int_equal(http_client_idle_count(b.client), 1);
    /* The server has closed, but our loop has not heard of it when the order leaves. */
    conn_abort(raw.conn);
    post(b.client, SLICE("order"), &a);
    run_until(&b.loop, is_true, &a.is_here);
    assert_int_not_equal(a.err, OK);
    assert_true(a.maybe_sent);
    assert_int_equal(raw_count, 1);
    bench_close(&b);
}

static void test_client__noticed_close_of_an_idle_connection_costs_nothing(void **state)
{
    (void)state;
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){0});
    exchange(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, &a);
    conn_close(raw.conn);
    run_until(&b.loop, is_true, &raw.is_closed);
    while (http_client_idle_count(b.client)) uv_run(&b.loop, UV_RUN_ONCE);
    exchange(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, &a);
    assert_int_equal(a.err, OK);
    assert_int_equal(raw_count, 2);
    bench_close(&b);
}

static void test_client__server_that_closes_before_reading_ends_the_request_once(void **state)
{
    (void)state;
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){0});
    raw_closes_at_once = true;
    post(b.client, SLICE("order"), &a);
    run_until(&b.loop, is_true, &a.is_here);
    assert_int_not_equal(a.err, OK);
    assert_true(a.maybe_sent); /* the kernel took it: nobody knows */
    assert_int_equal(raw_count, 1);
    bench_close(&b);
}

static void test_client__warm_connection_takes_the_next_request(void **state)
{
    (void)state;
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){.pool_size = 4});
    http_client_warm(b.client);
    http_client_warm(b.client);
    run_until(&b.loop, client_is_warm, b.client);
    exchange(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, &a);
    assert_int_equal(a.err, OK);
    assert_int_equal(raw_count, 1);
    bench_close(&b);
}

static void test_client__deadlines_free_the_queue_and_the_connection(void **state)
{
    (void)state;
    struct bench b;
    struct answer active = {0}, waiting = {0}, after;
    bench_open(&b, (struct http_client_options){0});
    struct http_call call = {.method = SLICE("GET"),
                             .target = SLICE("/"),
                             .deadline_ms = 60,
                             .on_result = on_result,
                             .user = &active};
    assert_int_equal(http_client_send(b.client, &call), OK);
    call.deadline_ms = 30;
    call.user = &waiting;
    assert_int_equal(http_client_send(b.client, &call), OK);
    run_until(&b.loop, is_true, &waiting.is_here);
    assert_false(active.is_here);
    assert_int_equal(waiting.err, ERR_TIMEOUT);
    assert_false(waiting.maybe_sent);
    run_until(&b.loop, is_true, &active.is_here);
    assert_int_equal(active.err, ERR_TIMEOUT);
    assert_true(active.maybe_sent);
    buffer_clear(&raw.got);
    exchange(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, &after);
    assert_int_equal(after.err, OK);
    bench_close(&b);
}

static void test_client__idle_connection_is_closed_and_surplus_bytes_end_it(void **state)
{
    (void)state;
    struct bench b;
    struct answer a;
    bench_open(&b, (struct http_client_options){.idle_ms = 30});
    exchange(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, &a);
    run_until(&b.loop, is_true, &raw.is_closed);
    assert_int_equal(http_client_idle_count(b.client), 0);
    exchange(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", false, &a);
    assert_int_equal(a.err, OK);
    assert_int_equal(http_client_idle_count(b.client), 0);
    bench_close(&b);
}

static void on_time(uv_timer_t *timer)
{
    bool *is_over = timer->data;
    *is_over = true;
}

static void test_client__refused_second_connection_leaves_the_queue_to_the_first(void **state)
{
    (void)state;
    struct bench b;
    struct answer first, second;
    bench_open(&b, (struct http_client_options){.pool_size = 2});
    get(b.client, "/1", &first);
    run_until(&b.loop, raw_has_request, NULL);
    listener_close(b.listener);
    b.listener = NULL;
    get(b.client, "/2", &second);
    bool is_over = false;
    unsigned turns = 0;
    uv_timer_t timer = {.data = &is_over};
    uv_timer_init(&b.loop, &timer);
    uv_timer_start(&timer, on_time, 30, 0);
    for (; !is_true(&is_over); turns++) uv_run(&b.loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    assert_true(turns < 20); /* it does not spin */
    assert_false(second.is_here);
    buffer_clear(&raw.got);
    raw_peer_send(&raw, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    run_until(&b.loop, is_true, &first.is_here);
    run_until(&b.loop, raw_has_request, NULL);
    raw_peer_send(&raw, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    run_until(&b.loop, is_true, &second.is_here);
    assert_int_equal(second.status, 201);
    bench_close(&b);
}

static void test_client__what_cannot_be_sent_is_refused_at_once(void **state)
{
    (void)state;
    struct bench b;
    struct answer a = {0};
    bench_open(&b, (struct http_client_options){.queue_limit = 2});
    const struct http_header bad = {SLICE("X"), SLICE("a\r\nY: b")};
    struct http_call call = {
        .method = SLICE("GET"), .target = SLICE("/a b"), .on_result = on_result, .user = &a};
    assert_int_equal(http_client_send(b.client, &call), ERR_INVALID);
    call.target = SLICE("/");
    call.headers = &bad;
    call.header_count = 1;
    assert_int_equal(http_client_send(b.client, &call), ERR_INVALID);
    call.header_count = 0;
    struct answer queued[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        call.user = &queued[i];
        assert_int_equal(http_client_send(b.client, &call), OK);
    }
    call.user = &a;
    assert_int_equal(http_client_send(b.client, &call), ERR_LIMIT);
    bench_close(&b);
    assert_false(a.is_here);
    for (int i = 0; i < 2; i++) {
        assert_true(queued[i].is_here); /* closing answers */
        assert_int_equal(queued[i].err, ERR_CLOSED);
        assert_false(queued[i].maybe_sent);
    }
}

static void test_client__upgrade_hands_over_the_stream_with_what_came_behind(void **state)
{
    (void)state;
    struct bench b;
    struct answer a = {0};
    bench_open(&b, (struct http_client_options){0});
    const struct http_call call = {.method = SLICE("GET"),
                                   .target = SLICE("/ws"),
                                   .upgrade = "websocket",
                                   .on_result = on_result,
                                   .user = &a};
    assert_int_equal(http_client_send(b.client, &call), OK);
    run_until(&b.loop, raw_has_request, NULL);
    assert_int_equal(raw_peer_count(&raw, "Connection: Upgrade\r\nUpgrade: websocket\r\n"), 1);
    raw_peer_send(&raw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
                        "websocket\r\n\r\nframes");
    run_until(&b.loop, is_true, &a.is_here);
    assert_int_equal(a.status, 101);
    while (raw_peer_count(&a.upgraded, "frames") == 0) uv_run(&b.loop, UV_RUN_ONCE);
    http_client_close(b.client);
    b.client = NULL;
    raw_peer_send(&a.upgraded, "\r\n\r\nstill here");
    while (raw_peer_count(&raw, "still here") == 0) uv_run(&b.loop, UV_RUN_ONCE);
    raw_peer_deinit(&a.upgraded);
    bench_close(&b);
}

/* ---- with our own server ---- */

static void serve(const struct http_request *q, struct http_reply *reply)
{
    http_reply_text(reply, 200, "text/plain", slice_is(q->path, "/echo") ? q->body : q->path);
}

static void run_against_own_server(const struct tls_context *server_tls,
                                   const struct tls_context *client_tls)
{
    uv_loop_t loop;
    struct http_server *server;
    struct http_client *client;
    enum { COUNT = 40 };
    struct answer answers[COUNT];
    assert_int_equal(uv_loop_init(&loop), 0);
    const struct http_server_options options = {
        .address = "127.0.0.1", .tls = server_tls, .handler = serve};
    assert_int_equal(http_server_open(&loop, &options, &server), OK);
    const struct http_client_options to = {
        .host = "127.0.0.1", .port = http_server_port(server), .tls = client_tls, .pool_size = 3};
    assert_int_equal(http_client_open(&loop, &to, &client), OK);
    for (int i = 0; i < COUNT; i++) {
        char text[32];
        snprintf(text, sizeof text, i % 2 ? "/page%d" : "body%d", i);
        if (i % 2)
            get(client, text, &answers[i]);
        else
            post(client, slice_of(text), &answers[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, i % 2 ? "/page%d" : "body%d", i);
        run_until(&loop, is_true, &answers[i].is_here);
        assert_int_equal(answers[i].err, OK);
        assert_string_equal(answers[i].body, wanted);
    }
    assert_int_equal(http_server_counters(server).requests, COUNT);
    assert_true(http_server_counters(server).connections <= 3);
    http_client_close(client);
    http_server_close(server);
    loop_finish(&loop);
}

static void test_client__many_requests_share_few_connections(void **state)
{
    (void)state;
    run_against_own_server(NULL, NULL);
}

static void test_client__the_same_over_tls(void **state)
{
    (void)state;
    char folder[] = "/tmp/tradebot-http-XXXXXX";
    char certificate[64], key[64];
    struct tls_context *server, *client;
    assert_non_null(mkdtemp(folder));
    snprintf(certificate, sizeof certificate, "%s/c.pem", folder);
    snprintf(key, sizeof key, "%s/k.pem", folder);
    certificate_make("127.0.0.1", certificate, key);
    assert_int_equal(tls_server_new(certificate, key, &server), OK);
    assert_int_equal(tls_client_new(certificate, &client), OK);
    run_against_own_server(server, client);
    tls_context_free(server);
    tls_context_free(client);
    unlink(certificate);
    unlink(key);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client__request_is_written_as_the_protocol_wants),
        cmocka_unit_test(test_client__answers_of_every_framing_are_read),
        cmocka_unit_test(test_client__broken_answers_are_errors_of_unknown_outcome),
        cmocka_unit_test(test_client__refused_connection_is_provably_unsent),
        cmocka_unit_test(test_client__server_gone_after_reading_may_have_acted),
        cmocka_unit_test(test_client__stale_kept_connection_is_not_retried),
        cmocka_unit_test(test_client__noticed_close_of_an_idle_connection_costs_nothing),
        cmocka_unit_test(test_client__server_that_closes_before_reading_ends_the_request_once),
        cmocka_unit_test(test_client__warm_connection_takes_the_next_request),
        cmocka_unit_test(test_client__deadlines_free_the_queue_and_the_connection),
        cmocka_unit_test(test_client__idle_connection_is_closed_and_surplus_bytes_end_it),
        cmocka_unit_test(test_client__refused_second_connection_leaves_the_queue_to_the_first),
        cmocka_unit_test(test_client__what_cannot_be_sent_is_refused_at_once),
        cmocka_unit_test(test_client__upgrade_hands_over_the_stream_with_what_came_behind),
        cmocka_unit_test(test_client__many_requests_share_few_connections),
        cmocka_unit_test(test_client__the_same_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
