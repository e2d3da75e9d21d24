/* Answers by pieces against raw bytes over real sockets: framing, slow readers, clients that go. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "io/net/http_server.h"
#include "io/net/net_fixture.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

enum { PIECE_SIZE = 60000, PIECES = 200 };

struct host {
    uv_loop_t loop;
    struct http_server *server;
    struct http_reply *reply; /* the stream under way */
    bool is_begun, is_gone, is_refused;
    unsigned written, drains;
    size_t pending_max;
    char piece[PIECE_SIZE];
};

static struct host *host;

static void on_gone(struct http_reply *reply, void *user)
{
    struct host *h = user;
    h->is_gone = true;
    assert_false(http_reply_is_alive(reply));
    assert_int_equal(http_reply_write(reply, SLICE("x")), ERR_CLOSED);
    http_reply_end(reply);
    h->reply = NULL;
}

static const struct http_stream events = {.on_gone = on_gone};

/* Writes as much as the client takes. */
static void on_drain(struct http_reply *reply, void *user)
{
    struct host *h = user;
    h->drains++;
    while (h->written < PIECES && http_reply_pending(reply) == 0) {
        assert_int_equal(http_reply_write(reply, (struct slice){h->piece, PIECE_SIZE}), OK);
        h->written++;
        if (http_reply_pending(reply) > h->pending_max) h->pending_max = http_reply_pending(reply);
    }
    if (h->written < PIECES) return;
    h->reply = NULL;
    http_reply_end(reply);
}

static const struct http_stream export = {.on_drain = on_drain, .on_gone = on_gone};

static const struct http_response ok = {.status = 200, .content_type = "text/csv"};

static void begin(struct http_reply *reply, const struct http_response *response,
                  const struct http_stream *stream)
{
    host->is_begun = http_reply_begin(reply, response, stream, host);
    host->is_refused = !host->is_begun;
    host->reply = host->is_begun ? reply : NULL;
}

static void handle(const struct http_request *q, struct http_reply *reply)
{
    if (slice_is(q->path, "/plain")) {
        http_reply_text(reply, 200, "text/plain", SLICE("[plain]"));
    } else if (slice_is(q->path, "/three")) {
        begin(reply, &ok, &events);
        for (int i = 0; i < 3; i++) (void)http_reply_write(reply, SLICE("0123456789abcdef+"));
        (void)http_reply_write(reply, SLICE(""));
        host->reply = NULL;
        http_reply_end(reply);
    } else if (slice_is(q->path, "/events")) {
        begin(reply, &ok, &events);
    } else if (slice_is(q->path, "/export")) {
        begin(reply, &ok, &export);
        if (host->is_begun) on_drain(reply, host);
    } else if (slice_is(q->path, "/bad")) {
        const struct http_header bad = {SLICE("X"), SLICE("a\r\nb")};
        begin(reply, &(struct http_response){.status = 200, .headers = &bad, .header_count = 1},
              &events);
    }
}

static void host_open(struct http_limits limits)
{
    host = calloc(1, sizeof *host);
    assert_int_equal(uv_loop_init(&host->loop), 0);
    memset(host->piece, '~', sizeof host->piece);
    const struct http_server_options options = {
        .address = "127.0.0.1", .limits = limits, .handler = handle, .user = host};
    assert_int_equal(http_server_open(&host->loop, &options, &host->server), OK);
}

static void host_close(void)
{
    http_server_close(host->server);
    loop_finish(&host->loop);
    assert_null(host->reply);
    free(host);
}

struct wanted {
    const struct raw_peer *peer;
    const char *text;
};

static bool has_text(const void *data)
{
    const struct wanted *w = data;
    return raw_peer_count(w->peer, w->text) > 0;
}

static void wait_for(struct raw_peer *p, const char *text)
{
    const struct wanted w = {p, text};
    run_until(&host->loop, has_text, &w);
}

static void dial_and_send(struct raw_peer *p, const char *text)
{
    raw_peer_dial(p, &host->loop, http_server_port(host->server));
    run_until(&host->loop, is_true, &p->is_open);
    raw_peer_send(p, text);
}

static void test_stream__pieces_are_chunks_and_the_connection_goes_on(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/three") GET("/plain"));
    wait_for(&p, "[plain]");
    assert_int_equal(raw_peer_count(&p, "Transfer-Encoding: chunked\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "\r\n\r\n11\r\n0123456789abcdef+\r\n"
                                        "11\r\n0123456789abcdef+\r\n"
                                        "11\r\n0123456789abcdef+\r\n0\r\n\r\nHTTP/1.1 200 OK"),
                     1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_stream__http_1_0_gets_bytes_until_the_close(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, "GET /three HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    run_until(&host->loop, is_true, &p.is_closed);
    assert_int_equal(p.reason, ERR_CLOSED);
    assert_int_equal(raw_peer_count(&p, "Transfer-Encoding"), 0);
    assert_int_equal(raw_peer_count(&p, "Content-Length"), 0);
    assert_int_equal(raw_peer_count(&p, "Connection: close\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "\r\n\r\n0123456789abcdef+0123456789abcdef+"), 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_stream__head_has_the_head_alone(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, "HEAD /three HTTP/1.1\r\nHost: h\r\n\r\n" GET("/plain"));
    wait_for(&p, "[plain]");
    assert_int_equal(raw_peer_count(&p, "chunked\r\n\r\nHTTP/1.1 200 OK"), 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_stream__events_arrive_while_the_answer_is_open(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){.idle_ms = 20, .stall_ms = 20});
    dial_and_send(&p, GET("/events") GET("/plain"));
    run_until(&host->loop, is_true, &host->is_begun);
    wait_for(&p, "chunked");
    assert_int_equal(http_reply_write(host->reply, SLICE("data: 1\n\n")), OK);
    wait_for(&p, "9\r\ndata: 1\n\n\r\n");
    assert_int_equal(http_reply_write(host->reply, SLICE("data: 2\n\n")), OK);
    wait_for(&p, "data: 2");
    assert_int_equal(raw_peer_count(&p, "[plain]"), 0);
    struct http_reply *reply = host->reply;
    host->reply = NULL;
    http_reply_end(reply);
    wait_for(&p, "[plain]");
    assert_false(host->is_gone);
    raw_peer_deinit(&p);
    host_close();
}

/* The writer never has more than a piece waiting, however slowly the client reads. */
static void test_stream__slow_reader_slows_the_writer(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/export") GET("/plain"));
    conn_pause(p.conn);
    run_until(&host->loop, is_true, &host->is_begun);
    for (int turns = 0; turns < 100; turns++) uv_run(&host->loop, UV_RUN_NOWAIT);
    assert_true(host->written < PIECES);
    /* Reads a little, stops, reads on. */
    while (p.got.size < (size_t)PIECES * PIECE_SIZE) {
        conn_resume(p.conn);
        uv_run(&host->loop, UV_RUN_NOWAIT);
        assert_non_null(p.conn);
        conn_pause(p.conn);
        uv_run(&host->loop, UV_RUN_NOWAIT);
    }
    conn_resume(p.conn);
    wait_for(&p, "[plain]");
    assert_int_equal(raw_peer_count(&p, "[plain]"), 1);
    assert_true(host->drains > 1);
    assert_true(host->pending_max <= PIECE_SIZE + 16);
    size_t count = 0;
    for (size_t i = 0; i < p.got.size; i++) count += p.got.data[i] == '~';
    assert_int_equal(count, (size_t)PIECES * PIECE_SIZE);
    raw_peer_deinit(&p);
    host_close();
}

static void test_stream__reader_that_stops_is_dropped_in_time(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){.stall_ms = 40});
    dial_and_send(&p, GET("/export"));
    conn_pause(p.conn);
    run_until(&host->loop, is_true, &host->is_gone);
    assert_true(host->written < PIECES);
    assert_int_equal(http_server_counters(host->server).late_drops, 0);
    raw_peer_deinit(&p);
    host_close();
}

/* Events cannot wait: who does not read them loses the connection, and not our memory. */
static void test_stream__events_nobody_reads_are_cut_at_the_limit(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/events"));
    conn_pause(p.conn);
    run_until(&host->loop, is_true, &host->is_begun);
    enum err err = OK;
    for (unsigned i = 0; i < 10000 && !err; i++) {
        err = http_reply_write(host->reply, (struct slice){host->piece, 30000});
        assert_true(http_reply_pending(host->reply) <= HTTP_STREAM_LIMIT + 16);
    }
    assert_int_equal(err, ERR_LIMIT);
    run_until(&host->loop, is_true, &host->is_gone);
    raw_peer_deinit(&p);
    host_close();
}

static void test_stream__client_that_goes_is_told_once(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/events"));
    run_until(&host->loop, is_true, &host->is_begun);
    conn_abort(p.conn);
    run_until(&host->loop, is_true, &host->is_gone);
    raw_peer_deinit(&p);
    host_close();
}

static void test_stream__server_that_closes_tells_the_writer(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/events"));
    run_until(&host->loop, is_true, &host->is_begun);
    http_server_close(host->server);
    run_until(&host->loop, is_true, &host->is_gone);
    raw_peer_deinit(&p);
    loop_finish(&host->loop);
    free(host);
}

/* Without the last chunk the client knows that a part is missing. */
static void test_stream__cut_answer_has_no_end(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/events"));
    run_until(&host->loop, is_true, &host->is_begun);
    (void)http_reply_write(host->reply, SLICE("half"));
    wait_for(&p, "half");
    struct http_reply *reply = host->reply;
    host->reply = NULL;
    http_reply_cut(reply);
    run_until(&host->loop, is_true, &p.is_closed);
    assert_int_equal(raw_peer_count(&p, "0\r\n\r\n"), 0);
    raw_peer_deinit(&p);
    host_close();
}

static void test_stream__head_that_cannot_be_sent_is_a_500(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/bad"));
    wait_for(&p, "500 Internal Server Error");
    assert_true(host->is_refused);
    raw_peer_deinit(&p);
    host_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream__pieces_are_chunks_and_the_connection_goes_on),
        cmocka_unit_test(test_stream__http_1_0_gets_bytes_until_the_close),
        cmocka_unit_test(test_stream__head_has_the_head_alone),
        cmocka_unit_test(test_stream__events_arrive_while_the_answer_is_open),
        cmocka_unit_test(test_stream__slow_reader_slows_the_writer),
        cmocka_unit_test(test_stream__reader_that_stops_is_dropped_in_time),
        cmocka_unit_test(test_stream__events_nobody_reads_are_cut_at_the_limit),
        cmocka_unit_test(test_stream__client_that_goes_is_told_once),
        cmocka_unit_test(test_stream__server_that_closes_tells_the_writer),
        cmocka_unit_test(test_stream__cut_answer_has_no_end),
        cmocka_unit_test(test_stream__head_that_cannot_be_sent_is_a_500),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
