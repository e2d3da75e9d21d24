/* The HTTP server against raw bytes over real sockets. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/net/http_server.h"
#include "io/net/net_fixture.h"
#include "io/net/url.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

struct host {
    uv_loop_t loop;
    struct http_server *server;
    uint16_t port;
    struct http_reply *late[8];
    unsigned late_count;
    unsigned released;
    struct raw_peer taken;
    char big[100000];
};

static struct host *host;

static void release(void *owner)
{
    ++*(unsigned *)owner;
}

static void handle(const struct http_request *q, struct http_reply *reply)
{
    struct host *h = q->user;
    assert_string_equal(q->peer, "127.0.0.1");
    if (slice_is(q->path, "/late")) {
        assert_true(h->late_count < 8);
        h->late[h->late_count++] = reply;
    } else if (slice_is(q->path, "/echo")) {
        http_reply_text(reply, 200, "application/octet-stream", q->body);
    } else if (slice_is(q->path, "/big")) {
        http_reply_send(reply, &(struct http_response){.status = 200,
                                                       .body = {h->big, sizeof h->big},
                                                       .release = release,
                                                       .owner = &h->released});
    } else if (slice_is(q->path, "/take")) {
        h->taken = (struct raw_peer){.is_open = true};
        h->taken.conn = http_reply_take(reply, &raw_peer_handler, &h->taken);
    } else if (slice_is(q->path, "/split")) {
        const struct http_header bad = {SLICE("X-Name"), SLICE("a\r\nSet-Cookie: b")};
        http_reply_send(reply,
                        &(struct http_response){.status = 200, .headers = &bad, .header_count = 1});
    } else if (slice_is(q->path, "/show")) {
        char name[32] = "";
        if (url_query_get(q->query, "name", name, sizeof name)) name[0] = 0;
        const struct slice seen = http_header_get(&q->headers, "x-seen");
        char text[128];
        snprintf(text, sizeof text, "[%.*s|%s|%.*s]", (int)q->method.size, q->method.data, name,
                 (int)seen.size, seen.size ? seen.data : "");
        const struct http_header extra = {SLICE("X-Extra"), SLICE("yes")};
        http_reply_send(reply, &(struct http_response){.status = 200,
                                                       .content_type = "text/plain",
                                                       .headers = &extra,
                                                       .header_count = 1,
                                                       .body = slice_of(text)});
    } else {
        http_reply_text(reply, 404, "text/plain", SLICE("nothing here"));
    }
}

/* Tells status, cause, and a header of the request where its head was readable. */
static void answer_own(const struct http_own_answer *own, struct http_reply *reply)
{
    char text[256];
    assert_ptr_equal(own->user, host);
    const struct slice seen =
        own->headers ? http_header_get(own->headers, "x-seen") : SLICE("no head");
    (void)err_set(ERR_IO, "an error of the answer's maker");
    snprintf(text, sizeof text, "{%d|%s|%.*s}", own->status, own->cause, (int)seen.size,
             seen.size ? seen.data : "");
    const struct http_header extra = {SLICE("X-Own"), SLICE("yes")};
    http_reply_send(reply, &(struct http_response){.status = own->status,
                                                   .content_type = "text/own",
                                                   .headers = &extra,
                                                   .header_count = 1,
                                                   .body = slice_of(text)});
}

static void host_open_with(struct http_limits limits, http_own_answer_handler on_own_answer);

static void host_open(struct http_limits limits)
{
    host_open_with(limits, NULL);
}

static void host_open_with(struct http_limits limits, http_own_answer_handler on_own_answer)
{
    host = calloc(1, sizeof *host);
    assert_int_equal(uv_loop_init(&host->loop), 0);
    memset(host->big, 'x', sizeof host->big);
    const struct http_server_options options = {
        .address = "127.0.0.1",
        .limits = limits,
        .headers = "X-Content-Type-Options: nosniff\r\n",
        .handler = handle,
        .on_own_answer = on_own_answer,
        .user = host,
    };
    assert_int_equal(http_server_open(&host->loop, &options, &host->server), OK);
    host->port = http_server_port(host->server);
}

static void host_close(void)
{
    http_server_close(host->server);
    loop_finish(&host->loop);
    free(host);
}

struct wanted_count {
    const struct raw_peer *peer;
    const char *text;
    unsigned count;
};

static bool has_count(const void *data)
{
    const struct wanted_count *w = data;
    return raw_peer_count(w->peer, w->text) >= w->count;
}

static void wait_for(struct raw_peer *p, const char *text, unsigned count)
{
    const struct wanted_count w = {p, text, count};
    run_until(&host->loop, has_count, &w);
}

static void dial_and_send(struct raw_peer *p, const char *text)
{
    raw_peer_dial(p, &host->loop, host->port);
    run_until(&host->loop, is_true, &p->is_open);
    raw_peer_send(p, text);
}

/* Sends on a connection of its own and returns all that came until the server closed. */
static void ask_until_closed(struct raw_peer *p, const char *text)
{
    dial_and_send(p, text);
    run_until(&host->loop, is_true, &p->is_closed);
    buffer_append_char(&p->got, '\0');
}

static void test_server__answers_with_date_defaults_and_keeps_alive(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, "GET /show?name=a%20b HTTP/1.1\r\nHost: localhost\r\nX-Seen: \t v \r\n\r\n");
    wait_for(&p, "[GET|a b|v]", 1);
    buffer_append_char(&p.got, '\0');
    assert_non_null(strstr(p.got.data, "HTTP/1.1 200 OK\r\nDate: "));
    assert_non_null(strstr(p.got.data, " GMT\r\n"));
    assert_non_null(strstr(p.got.data, "X-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(p.got.data, "Content-Type: text/plain\r\n"));
    assert_non_null(strstr(p.got.data, "X-Extra: yes\r\n"));
    assert_non_null(strstr(p.got.data, "Content-Length: 11\r\n"));
    assert_null(strstr(p.got.data, "Server:"));
    assert_null(strstr(p.got.data, "Connection:"));
    raw_peer_send(&p, GET("/nowhere"));
    wait_for(&p, "404 Not Found", 1);
    const struct http_server_counters counters = http_server_counters(host->server);
    assert_int_equal(counters.requests, 2);
    assert_int_equal(counters.connections, 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(
        &p, GET("/show?name=1") GET("/late") GET("/show?name=3")
                GET("/late") "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nfive!" GET(
                    "/show?name=6"));
    wait_for(&p, "[GET|1|]", 1);
    while (!host->late_count) uv_run(&host->loop, UV_RUN_ONCE);
    assert_int_equal(raw_peer_count(&p, "[GET|3|]"), 0);
    http_reply_text(host->late[0], 200, "text/plain", SLICE("second"));
    wait_for(&p, "[GET|3|]", 1);
    assert_int_equal(host->late_count, 2);
    http_reply_text(host->late[1], 200, "text/plain", SLICE("fourth"));
    wait_for(&p, "[GET|6|]", 1);
    buffer_append_char(&p.got, '\0');
    const char *order[] = {"[GET|1|]", "second", "[GET|3|]", "fourth", "five!", "[GET|6|]"};
    const char *at = p.got.data;
    for (size_t i = 0; i < 6; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    raw_peer_deinit(&p);
    host_close();
}

static unsigned writes;
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    writes++;
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    writes++;
    return syscall(SYS_write, fd, bytes, size);
}

/* libuv writes a socket by these two; its own wake-ups are not met on this path. */
static void test_server__sixteen_pipelined_requests_cost_one_write(void **state)
{
    (void)state;
    struct raw_peer p;
    struct buffer all = {0};
    host_open((struct http_limits){0});
    for (int i = 0; i < 16; i++) buffer_append_text(&all, GET("/show?name=1"));
    buffer_append_char(&all, '\0');
    dial_and_send(&p, GET("/show?name=first"));
    wait_for(&p, "[GET|first|]", 1);
    writes = 0;
    raw_peer_send(&p, all.data);
    wait_for(&p, "[GET|1|]", 16);
    assert_int_equal(writes, 2); /* the client's, and the server's */
    buffer_deinit(&all);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__one_byte_reads_give_the_same_answers(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){.read_size = 1});
    dial_and_send(
        &p,
        GET("/show?name=1") "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\n\r\n"
                            "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nwxyz" GET(
                                "/show?name=4"));
    wait_for(&p, "[GET|4|]", 1);
    assert_int_equal(raw_peer_count(&p, "\r\n\r\nabc0123456789HTTP/1.1"), 1);
    assert_int_equal(raw_peer_count(&p, "\r\n\r\nwxyzHTTP/1.1"), 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__head_has_no_body_and_http_1_0_closes(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, "HEAD /show HTTP/1.1\r\nHost: h\r\n\r\n" GET("/show?name=2"));
    wait_for(&p, "[GET|2|]", 1);
    assert_int_equal(raw_peer_count(&p, "[HEAD||]"), 0);
    assert_int_equal(raw_peer_count(&p, "Content-Length: 8\r\n\r\nHTTP/1.1 200"), 1);
    raw_peer_deinit(&p);
    ask_until_closed(&p, "GET /show HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(p.got.data, "Connection: close\r\n"));
    raw_peer_deinit(&p);
    dial_and_send(&p, "GET /show HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    wait_for(&p, "[GET||]", 1);
    assert_int_equal(raw_peer_count(&p, "Connection: keep-alive\r\n"), 1);
    raw_peer_deinit(&p);
    ask_until_closed(&p, "GET /show HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" GET("/show"));
    assert_int_equal(raw_peer_count(&p, "HTTP/1.1 "), 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__ambiguous_or_malformed_requests_get_one_refusal(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *bytes;
    } cases[] = {
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: "
              "chunked\r\n\r\n0\r\n\r\n"},
        {400,
         "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nabcde"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nabcde"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nabcde"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\n"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551621\r\n\r\n"},
        {501, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"},
        {501, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n"},
        {501, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, identity\r\n\r\n"},
        {501, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
              "chunked\r\n\r\n"},
        {400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "GET /show HTTP/1.1\nHost: h\n\n"},
        {400, "GET /show HTTP/1.1\r\nHost: h\nX: y\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\n Host: h\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost : h\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\n: h\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost: h\r\nX-Abc: \rxTransfer-Encoding: chunked\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost: h\r\n\rX"},
        {400, "GET /show HTTP/1.1\r\nHost: h\r\nX: a\x01"
              "b\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost: u@h\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost: h/x\r\n\r\n"},
        {400, "GET /show HTTP/1.1\r\nHost: h:8x\r\n\r\n"},
        {400, "GET http://other/show HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET show HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET  /show HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /show  HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /show#a HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET /show\r\nHost: h\r\n\r\n"},
        {400, "GET /show HTTP/1.10\r\nHost: h\r\n\r\n"},
        {400, "GET /show http/1.1\r\nHost: h\r\n\r\n"},
        {505, "GET /show HTTP/2.0\r\nHost: h\r\n\r\n"},
        {505, "GET /show HTTP/1.2\r\nHost: h\r\n\r\n"},
        {501, "BREW /show HTTP/1.1\r\nHost: h\r\n\r\n"},
        {501, "CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n"},
        {501, "TRACE /show HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "G@T /show HTTP/1.1\r\nHost: h\r\n\r\n"},
        {417, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\na"},
        {413, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n"},
        {400, "\x16\x03\x01\x02"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
              "chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
              "10000000000000005\r\nhello\r\n0\r\n\r\n"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
              "chunked\r\n\r\n2\r\nabX\r\n0\r\n\r\n"},
        {400, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
              "chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n"},
        {400,
         "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\rX"},
    };
    for (int round = 0; round < 2; round++) {
        host_open((struct http_limits){.body_limit = 1000, .read_size = round});
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct raw_peer p;
            char wanted[32];
            snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", cases[i].status);
            ask_until_closed(&p, cases[i].bytes);
            if (strncmp(p.got.data, wanted, strlen(wanted)) != 0)
                fail_msg("case %zu, round %d: wanted %s, got %s", i, round, wanted, p.got.data);
            assert_int_equal(raw_peer_count(&p, "HTTP/1.1 "), 1);
            assert_int_equal(raw_peer_count(&p, "Connection: close\r\n"), 1);
            raw_peer_deinit(&p);
        }
        assert_int_equal(http_server_counters(host->server).requests, 0);
        host_close();
    }
}

static void fill(struct buffer *b, const char *before, size_t count, const char *piece,
                 const char *after)
{
    buffer_clear(b);
    buffer_append_text(b, before);
    for (size_t i = 0; i < count; i++) buffer_append_text(b, piece);
    buffer_append_text(b, after);
    buffer_append_char(b, '\0');
}

static void test_server__limits_of_sizes_have_their_own_status(void **state)
{
    (void)state;
    struct raw_peer p;
    struct buffer b = {0};
    host_open((struct http_limits){.body_limit = 1000});
    fill(&b, "GET /", 8191, "a", " HTTP/1.1\r\nHost: h\r\n\r\n");
    ask_until_closed(&p, b.data);
    assert_memory_equal(p.got.data, "HTTP/1.1 414", 12);
    raw_peer_deinit(&p);
    fill(&b, "GET /", 100000, "a", "");
    ask_until_closed(&p, b.data);
    assert_memory_equal(p.got.data, "HTTP/1.1 414", 12);
    raw_peer_deinit(&p);
    fill(&b, "GET / HTTP/1.1\r\nHost: h\r\nX: ", 33000, "a", "\r\n\r\n");
    ask_until_closed(&p, b.data);
    assert_memory_equal(p.got.data, "HTTP/1.1 431", 12);
    raw_peer_deinit(&p);
    fill(&b, "GET / HTTP/1.1\r\nHost: h\r\n", 100, "X: y\r\n", "\r\n");
    ask_until_closed(&p, b.data);
    assert_memory_equal(p.got.data, "HTTP/1.1 431", 12);
    raw_peer_deinit(&p);
    fill(&b, "GET / HTTP/1.1\r\nConnection: close\r\nHost: h\r\n", 98, "X: y\r\n", "\r\n");
    ask_until_closed(&p, b.data);
    assert_memory_equal(p.got.data, "HTTP/1.1 404", 12);
    raw_peer_deinit(&p);
    fill(&b, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 101,
         "A\r\n0123456789\r\n", "0\r\n\r\n");
    ask_until_closed(&p, b.data);
    assert_memory_equal(p.got.data, "HTTP/1.1 413", 12);
    raw_peer_deinit(&p);
    fill(&b, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;", 300, "x",
         "\r\na\r\n0\r\n\r\n");
    ask_until_closed(&p, b.data);
    assert_memory_equal(p.got.data, "HTTP/1.1 400", 12);
    raw_peer_deinit(&p);
    buffer_deinit(&b);
    host_close();
}

static void test_server__slow_head_and_slow_body_get_408_and_idle_closes(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){.head_ms = 40, .body_progress_ms = 40, .idle_ms = 40});
    ask_until_closed(&p, "GET / HTTP/1.1\r\nHost:");
    assert_memory_equal(p.got.data, "HTTP/1.1 408", 12);
    raw_peer_deinit(&p);
    ask_until_closed(&p, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9999\r\n\r\nabc");
    assert_memory_equal(p.got.data, "HTTP/1.1 408", 12);
    raw_peer_deinit(&p);
    ask_until_closed(&p, GET("/show"));
    assert_memory_equal(p.got.data, "HTTP/1.1 200", 12);
    assert_int_equal(raw_peer_count(&p, "HTTP/1.1 "), 1);
    raw_peer_deinit(&p);
    ask_until_closed(&p, "");
    assert_int_equal(p.got.size, 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__client_that_reads_nothing_is_dropped(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){.stall_ms = 40});
    raw_peer_dial(&p, &host->loop, host->port);
    run_until(&host->loop, is_true, &p.is_open);
    conn_pause(p.conn);
    for (int i = 0; i < 200; i++) raw_peer_send(&p, GET("/big"));
    bool is_gone = false;
    while (!is_gone) {
        uv_run(&host->loop, UV_RUN_ONCE);
        is_gone = http_server_counters(host->server).connections == 0 && host->released;
    }
    /* It stopped asking the handler while the answers waited. */
    assert_true(http_server_counters(host->server).requests < 200);
    assert_int_equal(http_server_counters(host->server).requests, host->released);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__large_shared_bodies_arrive_whole_when_pipelined(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    raw_peer_dial(&p, &host->loop, host->port);
    run_until(&host->loop, is_true, &p.is_open);
    for (int i = 0; i < 50; i++) raw_peer_send(&p, GET("/big"));
    raw_peer_send(&p, GET("/show?name=end"));
    wait_for(&p, "[GET|end|]", 1);
    assert_int_equal(host->released, 50);
    size_t count = 0;
    for (size_t i = 0; i < p.got.size; i++) count += p.got.data[i] == 'x';
    assert_true(count >= 50 * sizeof host->big);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__late_answer_to_a_gone_client_is_dropped(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/late"));
    while (!host->late_count) uv_run(&host->loop, UV_RUN_ONCE);
    assert_true(http_reply_is_alive(host->late[0]));
    conn_abort(p.conn);
    while (http_reply_is_alive(host->late[0])) uv_run(&host->loop, UV_RUN_ONCE);
    http_reply_send(host->late[0], &(struct http_response){.status = 200,
                                                           .body = SLICE("x"),
                                                           .release = release,
                                                           .owner = &host->released});
    assert_int_equal(host->released, 1);
    assert_int_equal(http_server_counters(host->server).late_drops, 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__late_answer_after_the_server_closed_is_dropped(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/late"));
    while (!host->late_count) uv_run(&host->loop, UV_RUN_ONCE);
    struct http_reply *reply = host->late[0];
    http_server_close(host->server);
    raw_peer_deinit(&p);
    loop_finish(&host->loop);
    assert_false(http_reply_is_alive(reply));
    http_reply_text(reply, 200, "text/plain", SLICE("x"));
    free(host);
}

static void test_server__expect_continue_is_answered_before_the_body(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
                      "3\r\n\r\n");
    wait_for(&p, "HTTP/1.1 100 Continue\r\n\r\n", 1);
    assert_int_equal(raw_peer_count(&p, "200 OK"), 0);
    raw_peer_send(&p, "abc");
    wait_for(&p, "\r\n\r\nabc", 1);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__taken_connection_gets_the_bytes_behind_the_request(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){.idle_ms = 20});
    dial_and_send(
        &p,
        GET("/show?name=first") "GET /take HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: "
                                "websocket\r\n\r\nframes");
    wait_for(&host->taken, "frames", 1);
    assert_int_equal(raw_peer_count(&p, "[GET|first|]"), 1);
    raw_peer_send(&host->taken, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    raw_peer_send(&p, " and more");
    wait_for(&host->taken, "frames and more", 1);
    wait_for(&p, "101 Switching", 1);
    http_server_close(host->server);
    raw_peer_send(&host->taken, "still here");
    wait_for(&p, "still here", 1);
    raw_peer_deinit(&host->taken);
    raw_peer_deinit(&p);
    loop_finish(&host->loop);
    free(host);
}

static void test_server__header_that_would_split_the_answer_makes_a_500(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open((struct http_limits){0});
    dial_and_send(&p, GET("/split"));
    wait_for(&p, "500 Internal Server Error", 1);
    assert_int_equal(raw_peer_count(&p, "Set-Cookie"), 0);
    raw_peer_deinit(&p);
    host_close();
}

static void test_server__own_answers_look_as_its_owner_wants(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *status, *body;
    } cases[] = {
        {"GET /show HTTP/1.1\r\nHost: a\r\nHost: b\r\nX-Seen: v\r\n\r\n", "400 Bad Request",
         "{400|more than one Host|v}"},
        {"GET /show HTTP/1.1\r\n Host: a\r\n\r\n", "400 Bad Request", "|no head}"},
        {"BREW / HTTP/1.1\r\nHost: a\r\nX-Seen: w\r\n\r\n", "501 Not Implemented",
         "{501|unknown method|w}"},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "505 HTTP Version Not Supported", "{505|"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nX-Seen: u\r\nContent-Length: 1001\r\n\r\n",
         "413 Content Too Large", "{413|the body is too large|u}"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nX-Seen: t\r\nTransfer-Encoding: chunked\r\n\r\n-1",
         "400 Bad Request", "|t}"},
        {"GET / HTTP/1.1\r\nHost:", "408 Request Timeout", "{408|the client is too slow|no head}"},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nX-Seen: s\r\nContent-Length: 9\r\n\r\nabc",
         "408 Request Timeout", "{408|the client is too slow|s}"},
        {"GET /split HTTP/1.1\r\nHost: h\r\nX-Seen: r\r\n\r\n", "500 Internal Server Error",
         "{500|the answer could not be sent|r}"},
    };
    for (int round = 0; round < 2; round++) {
        host_open_with((struct http_limits){.body_limit = 1000,
                                            .read_size = (uint32_t)round,
                                            .head_ms = 40,
                                            .body_progress_ms = 40},
                       answer_own);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct raw_peer p;
            ask_until_closed(&p, cases[i].bytes);
            if (!strstr(p.got.data, cases[i].status) || !strstr(p.got.data, cases[i].body))
                fail_msg("case %zu: got %s", i, p.got.data);
            assert_int_equal(raw_peer_count(&p, "HTTP/1.1 "), 1);
            assert_int_equal(raw_peer_count(&p, "X-Own: yes\r\n"), 1);
            assert_int_equal(raw_peer_count(&p, "Content-Type: text/own\r\n"), 1);
            assert_int_equal(raw_peer_count(&p, "Connection: close\r\n"), 1);
            raw_peer_deinit(&p);
        }
        host_close();
    }
}

static void test_server__options_asterisk_is_its_own_and_keeps_alive(void **state)
{
    (void)state;
    struct raw_peer p;
    host_open_with((struct http_limits){0}, answer_own);
    dial_and_send(&p, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" GET("/show?name=2"));
    wait_for(&p, "[GET|2|]", 1);
    assert_int_equal(raw_peer_count(&p, "HTTP/1.1 204 No Content\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "X-Own: yes\r\n"), 1);
    assert_int_equal(raw_peer_count(&p, "{204|"), 0);
    raw_peer_deinit(&p);
    host_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server__own_answers_look_as_its_owner_wants),
        cmocka_unit_test(test_server__options_asterisk_is_its_own_and_keeps_alive),
        cmocka_unit_test(test_server__answers_with_date_defaults_and_keeps_alive),
        cmocka_unit_test(test_server__pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_server__sixteen_pipelined_requests_cost_one_write),
        cmocka_unit_test(test_server__one_byte_reads_give_the_same_answers),
        cmocka_unit_test(test_server__head_has_no_body_and_http_1_0_closes),
        cmocka_unit_test(test_server__ambiguous_or_malformed_requests_get_one_refusal),
        cmocka_unit_test(test_server__limits_of_sizes_have_their_own_status),
        cmocka_unit_test(test_server__slow_head_and_slow_body_get_408_and_idle_closes),
        cmocka_unit_test(test_server__client_that_reads_nothing_is_dropped),
        cmocka_unit_test(test_server__large_shared_bodies_arrive_whole_when_pipelined),
        cmocka_unit_test(test_server__late_answer_to_a_gone_client_is_dropped),
        cmocka_unit_test(test_server__late_answer_after_the_server_closed_is_dropped),
        cmocka_unit_test(test_server__expect_continue_is_answered_before_the_body),
        cmocka_unit_test(test_server__taken_connection_gets_the_bytes_behind_the_request),
        cmocka_unit_test(test_server__header_that_would_split_the_answer_makes_a_500),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
