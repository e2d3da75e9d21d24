/* The HTTP/1.1 server: connections, their clocks, and the answers. */
#include "io/net/http_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/log.h"
#include "io/net/http_message.h"
#include "io/net/http_request.h"
#include "io/net/http_response.h"
#include "io/net/loop_watch.h"

enum {
    COPY_SIZE = 16384,  /* a body up to this is joined with its head, a larger one goes beside it */
    FLUSH_SIZE = 65536, /* answers to pipelined requests gather up to this */
    READ_AHEAD_SIZE =
        65536, /* bytes kept behind a request that is not answered: then reading stops */
    CAUSE_SIZE = 160,
};

/* What the connection's clock stands for. */
enum phase { PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_HANDLER, PHASE_STALL };

struct http_server {
    uv_loop_t *loop;
    struct listener *listener;
    struct http_limits limits;
    struct response_writer writer;
    struct loop_watch watch;
    struct buffer refusal;
    http_handler handler;
    http_own_answer_handler on_own_answer;
    void *user;
    struct http_reply *first;
    struct http_server_counters counters;
    uint32_t holds; /* the owner, and each connection */
    bool is_closed;
};

/* One connection: as it owes at most one answer at a time, it is its own reply handle. */
struct http_reply {
    struct http_server *server;
    struct conn *conn; /* NULL: gone, or taken over */
    struct http_reply *next, *previous;
    struct http_message message;
    struct request_framing framing;
    struct buffer out; /* answers not yet handed to conn */
    uv_timer_t timer;
    enum phase phase;
    uint64_t deadline; /* of the phase, loop time in ms; 0: none */
    uint64_t armed;    /* when the timer fires; it may be earlier than the deadline */
    size_t mark;       /* progress at the phase's start: bytes of body come, or taken */
    uint32_t holds;    /* conn, timer, owed answer */
    bool is_owed;
    bool is_own; /* the owed answer is one that no handler is asked for */
    bool is_processing;
    bool is_paused;
    bool is_last;    /* the answer under way is the connection's last */
    bool is_closing; /* the last answer is written */
    /* An answer by pieces is under way: see http_reply_begin. */
    const struct http_stream *stream;
    void *stream_user;
    enum response_body stream_body;
};

static struct http_limits limits_or_defaults(struct http_limits limits);
static enum err make_refusal(struct http_server *s, const struct http_server_options *options);
static void on_watch_closed(struct loop_watch *w);
static void on_accept(struct listener *l, struct conn *c);
static void on_data(struct conn *c, struct slice bytes);
static void on_drain(struct conn *c);
static void on_close(struct conn *c, enum err reason, const char *text);
static void process(struct http_reply *r);
static bool process_one(struct http_reply *r);
static bool begin(struct http_reply *r, struct http_request *request, struct slice line);
static void dispatch(struct http_reply *r, struct http_request *request);
static void refuse(struct http_reply *r, int status);
static void answer_own(struct http_reply *r, int status, const char *cause);
static void send_words(struct http_reply *r, int status);
static void answer(struct http_reply *r, const struct http_response *response);
static void write_head(struct http_reply *r, const struct http_response *response,
                       enum response_body body);
static void answered(struct http_reply *r);
static void write_body(struct http_reply *r, const struct http_response *response);
static void write_piece(struct http_reply *r, struct slice bytes);
static void flush(struct http_reply *r);
static void rest_phase(struct http_reply *r);
static void phase_set(struct http_reply *r, enum phase phase, uint32_t after_ms);
static void on_timer(uv_timer_t *timer);
static void on_deadline(struct http_reply *r);
static void unlink_reply(struct http_reply *r);
static void forget_conn(struct http_reply *r);
static void on_timer_closed(uv_handle_t *handle);
static void reply_hold_end(struct http_reply *r);
static void server_hold_end(struct http_server *s);

static const struct conn_handler handler = {
    .on_data = on_data,
    .on_drain = on_drain,
    .on_close = on_close,
};

enum err http_server_open(uv_loop_t *loop, const struct http_server_options *options,
                          struct http_server **out)
{
    struct http_server *s = calloc(1, sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "no memory for an HTTP server");
    s->loop = loop;
    s->limits = limits_or_defaults(options->limits);
    s->handler = options->handler;
    s->on_own_answer = options->on_own_answer;
    s->user = options->user;
    s->holds = 1;
    enum err err = response_writer_init(&s->writer, options->headers);
    if (!err) err = make_refusal(s, options);
    const struct listener_options listener = {
        .address = options->address,
        .port = options->port,
        .sharing = options->sharing,
        .connection_limit = s->limits.connection_limit,
        .address_limit = s->limits.address_limit,
        .loopback_limit = s->limits.loopback_limit,
        .refusal = buffer_slice(&s->refusal),
        .tls = options->tls,
        .options = {.pending_limit = s->limits.pending_limit,
                    .connect_timeout_ms = s->limits.head_ms,
                    .read_size = s->limits.read_size},
        .on_accept = on_accept,
        .user = s,
    };
    if (!err) err = listener_open(loop, &listener, &s->listener);
    if (err) {
        server_hold_end(s);
        return err;
    }
    loop_watch_start(&s->watch, loop);
    s->holds++;
    *out = s;
    return OK;
}

uint16_t http_server_port(const struct http_server *s)
{
    return listener_port(s->listener);
}

struct http_server_counters http_server_counters(const struct http_server *s)
{
    struct http_server_counters counters = s->counters;
    counters.connections = listener_connection_count(s->listener);
    counters.connections_refused = listener_refused_count(s->listener);
    counters.loop_stalls = s->watch.stalls;
    counters.loop_longest_ms = s->watch.longest_ms;
    return counters;
}

void http_server_close(struct http_server *s)
{
    if (!s) return;
    CHECK(!s->is_closed);
    s->is_closed = true;
    listener_close(s->listener);
    loop_watch_close(&s->watch, on_watch_closed);
    for (struct http_reply *r = s->first; r; r = r->next) conn_abort(r->conn);
    server_hold_end(s);
}

void http_reply_send(struct http_reply *r, const struct http_response *response)
{
    CHECK(r->is_owed && !r->stream);
    r->is_owed = false;
    if (!r->conn || !conn_is_open(r->conn)) {
        r->server->counters.late_drops++;
        if (response->release) response->release(response->owner);
    } else {
        answer(r, response);
        if (!r->is_processing) process(r);
    }
    reply_hold_end(r);
}

void http_reply_text(struct http_reply *r, int status, const char *content_type, struct slice body)
{
    http_reply_send(
        r, &(struct http_response){.status = status, .content_type = content_type, .body = body});
}

bool http_reply_begin(struct http_reply *r, const struct http_response *response,
                      const struct http_stream *stream, void *user)
{
    CHECK(r->is_owed && !r->stream);
    CHECK(response->body.size == 0 && !response->release);
    if (!http_reply_is_alive(r) || !response_is_valid(response)) {
        http_reply_send(r, response);
        return false;
    }
    r->stream = stream;
    r->stream_user = user;
    r->stream_body = r->framing.is_1_0 ? RESPONSE_UNTIL_CLOSE : RESPONSE_CHUNKED;
    write_head(r, response, r->stream_body);
    if (!r->is_processing) process(r);
    return true;
}

enum err http_reply_write(struct http_reply *r, struct slice bytes)
{
    CHECK(r->stream);
    if (!http_reply_is_alive(r)) return err_set(ERR_CLOSED, "the client is gone");
    if (bytes.size == 0 || r->framing.is_head) return OK;
    const size_t waiting = conn_pending(r->conn) + r->out.size;
    if (bytes.size > HTTP_STREAM_LIMIT || waiting > HTTP_STREAM_LIMIT - bytes.size) {
        conn_abort(r->conn);
        return err_set(ERR_LIMIT, "the client does not read: more than %zu bytes wait",
                       HTTP_STREAM_LIMIT);
    }
    write_piece(r, bytes);
    if (!r->is_processing)
        process(r);
    else if (r->out.size >= FLUSH_SIZE)
        flush(r);
    return OK;
}

size_t http_reply_pending(const struct http_reply *r)
{
    return http_reply_is_alive(r) ? conn_pending(r->conn) : 0;
}

void http_reply_end(struct http_reply *r)
{
    CHECK(r->stream);
    r->stream = NULL;
    r->is_owed = false;
    if (http_reply_is_alive(r)) {
        if (r->stream_body == RESPONSE_CHUNKED && !r->framing.is_head)
            buffer_append_text(&r->out, "0\r\n\r\n");
        answered(r);
        if (!r->is_processing) process(r);
    }
    reply_hold_end(r);
}

void http_reply_cut(struct http_reply *r)
{
    CHECK(r->stream);
    r->stream = NULL;
    r->is_owed = false;
    if (http_reply_is_alive(r)) conn_abort(r->conn);
    reply_hold_end(r);
}

bool http_reply_is_alive(const struct http_reply *r)
{
    return r->conn && conn_is_open(r->conn);
}

struct conn *http_reply_take(struct http_reply *r, const struct conn_handler *taker, void *user)
{
    CHECK(r->is_owed && !r->stream);
    r->is_owed = false;
    struct conn *c = NULL;
    if (!r->conn || !conn_is_open(r->conn)) {
        r->server->counters.late_drops++;
    } else {
        flush(r);
        c = r->conn;
        conn_set_handler(c, taker, user);
        if (conn_unread(c, http_message_rest(&r->message))) conn_abort(c);
        if (r->is_paused) conn_resume(c);
        forget_conn(r);
    }
    reply_hold_end(r);
    return c;
}

static struct http_limits limits_or_defaults(struct http_limits limits)
{
    if (!limits.body_limit) limits.body_limit = HTTP_BODY_LIMIT;
    if (!limits.head_ms) limits.head_ms = HTTP_HEAD_MS;
    if (!limits.body_progress_ms) limits.body_progress_ms = HTTP_BODY_PROGRESS_MS;
    if (!limits.body_progress_bytes) limits.body_progress_bytes = HTTP_BODY_PROGRESS_BYTES;
    if (!limits.idle_ms) limits.idle_ms = HTTP_IDLE_MS;
    if (!limits.stall_ms) limits.stall_ms = HTTP_STALL_MS;
    if (!limits.connection_limit) limits.connection_limit = HTTP_CONNECTION_LIMIT;
    if (!limits.address_limit) limits.address_limit = HTTP_ADDRESS_LIMIT;
    if (!limits.loopback_limit) limits.loopback_limit = limits.connection_limit;
    if (!limits.pending_limit) limits.pending_limit = HTTP_PENDING_LIMIT;
    return limits;
}

/* Without a date: it is made once. */
static enum err make_refusal(struct http_server *s, const struct http_server_options *options)
{
    const char *body = options->full_body ? options->full_body : http_status_text(503);
    const char *type = options->full_type ? options->full_type : "text/plain; charset=utf-8";
    buffer_printf(&s->refusal,
                  "HTTP/1.1 503 Service Unavailable\r\n%sContent-Type: %s\r\nRetry-After: 1\r\n"
                  "Cache-Control: no-store\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                  options->headers ? options->headers : "", type, strlen(body), body);
    return s->refusal.failed ? err_set(ERR_NO_MEMORY, "no memory for an HTTP server") : OK;
}

static void on_watch_closed(struct loop_watch *w)
{
    server_hold_end((struct http_server *)((char *)w - offsetof(struct http_server, watch)));
}

/* ---- a connection's life ---- */

static void on_accept(struct listener *l, struct conn *c)
{
    struct http_server *s = listener_user(l);
    struct http_reply *r = calloc(1, sizeof *r);
    if (!r) {
        conn_abort(c);
        return;
    }
    r->server = s;
    r->conn = c;
    http_message_init(&r->message, HTTP_REQUEST, s->limits.body_limit);
    CHECK(uv_timer_init(s->loop, &r->timer) == 0);
    r->timer.data = r;
    r->holds = 2;
    r->next = s->first;
    if (s->first) s->first->previous = r;
    s->first = r;
    s->holds++;
    conn_set_handler(c, &handler, r);
    phase_set(r, PHASE_IDLE, s->limits.head_ms);
}

static void on_data(struct conn *c, struct slice bytes)
{
    struct http_reply *r = conn_user(c);
    if (r->is_closing) return;
    if (http_message_add(&r->message, bytes)) {
        conn_abort(c);
        return;
    }
    process(r);
}

static void on_drain(struct conn *c)
{
    struct http_reply *r = conn_user(c);
    r->holds++;
    if (r->stream && r->stream->on_drain) r->stream->on_drain(r, r->stream_user);
    if (r->conn && !r->is_closing) process(r);
    reply_hold_end(r);
}

static void on_close(struct conn *c, enum err reason, const char *text)
{
    (void)reason;
    (void)text;
    struct http_reply *r = conn_user(c);
    const struct http_stream *stream = r->stream;
    forget_conn(r);
    /* The owed end of the answer holds r. */
    if (stream && stream->on_gone) stream->on_gone(r, r->stream_user);
}

/* Handles what has come, until an answer is owed, the client must read first, or bytes run out. */
static void process(struct http_reply *r)
{
    r->holds++;
    r->is_processing = true;
    while (process_one(r)) continue;
    r->is_processing = false;
    if (r->conn) {
        flush(r);
        http_message_compact(&r->message);
        if (!r->is_closing && conn_is_open(r->conn)) rest_phase(r);
    }
    reply_hold_end(r);
}

/* False: nothing more can be done for the moment. */
static bool process_one(struct http_reply *r)
{
    if (!r->conn || r->is_owed || r->is_closing || !conn_is_open(r->conn)) return false;
    if (r->out.size >= FLUSH_SIZE) flush(r);
    if (conn_pending(r->conn)) return false;

    /* Its table of headers is 3 KB; what is used of it is set below. */
    struct http_request request __attribute__((uninitialized));
    struct slice line;
    enum message_progress progress = http_message_read(&r->message, &line, &request.headers);
    bool is_head_fresh = false;
    if (progress == MESSAGE_HEAD) {
        if (!begin(r, &request, line)) return false;
        is_head_fresh = true;
        progress = http_message_read(&r->message, &line, &request.headers);
    }
    if (progress == MESSAGE_FAULT) {
        refuse(r, r->message.fault);
        return false;
    }
    if (progress == MESSAGE_NEEDS_MORE) {
        /* The body may have come together with the head: then nobody waits for a 100. */
        if (is_head_fresh && r->framing.expects_continue && r->message.body.size == 0)
            buffer_append_text(&r->out, "HTTP/1.1 100 Continue\r\n\r\n");
        return false;
    }
    if (!is_head_fresh) {
        struct request_framing same;
        http_message_head(&r->message, &line, &request.headers);
        CHECK(http_request_check(&request, line, r->server->limits.body_limit, &same) == 0);
    }
    dispatch(r, &request);
    return true;
}

static bool begin(struct http_reply *r, struct http_request *request, struct slice line)
{
    const int status = http_request_check(request, line, r->server->limits.body_limit, &r->framing);
    if (status) refuse(r, status);
    return !status;
}

static void dispatch(struct http_reply *r, struct http_request *request)
{
    request->body = buffer_slice(&r->message.body);
    request->peer = conn_peer(r->conn);
    request->secure = conn_is_tls(r->conn);
    request->user = r->server->user;
    if (r->framing.is_asterisk) {
        answer_own(r, 204, "");
        return;
    }
    r->is_owed = true;
    r->holds++;
    r->server->counters.requests++;
    r->server->handler(request, r);
}

/* ---- answers ---- */

static void refuse(struct http_reply *r, int status)
{
    r->server->counters.refusals++;
    r->message.keep_alive = false;
    log_debug("http_refused", "peer=%s status=%d cause=%s", conn_peer(r->conn), status, err_text());
    answer_own(r, status, err_text());
}

static void answer_own(struct http_reply *r, int status, const char *cause)
{
    struct http_headers headers;
    struct slice line;
    char cause_kept[CAUSE_SIZE]; /* the maker of the answer may set another error */
    const bool has_head = r->message.state != AT_HEAD;
    CHECK(!r->is_owed);
    snprintf(cause_kept, sizeof cause_kept, "%s", cause);
    if (has_head) http_message_head(&r->message, &line, &headers);
    const struct http_own_answer own = {
        .status = status,
        .cause = cause_kept,
        .headers = has_head ? &headers : NULL,
        .user = r->server->user,
    };
    r->is_owed = true;
    r->is_own = true;
    r->holds += 2;
    if (r->server->on_own_answer)
        r->server->on_own_answer(&own, r);
    else
        send_words(r, status);
    CHECK(!r->is_owed);
    reply_hold_end(r);
}

static void send_words(struct http_reply *r, int status)
{
    if (status == 204)
        http_reply_send(r, &(struct http_response){.status = status});
    else
        http_reply_text(r, status, "text/plain; charset=utf-8", slice_of(http_status_text(status)));
}

static void answer(struct http_reply *r, const struct http_response *response)
{
    const bool is_own = r->is_own;
    r->is_own = false;
    if (!response_is_valid(response)) {
        log_error("http_answer_invalid", "status=%d", response->status);
        if (response->release) response->release(response->owner);
        CHECK(!is_own);
        (void)err_set(ERR_INVALID, "the answer could not be sent");
        refuse(r, 500);
        return;
    }
    write_head(r, response, RESPONSE_LENGTH);
    write_body(r, response);
    answered(r);
}

/* Of an answer with this way to end its body: also decides whether the connection goes on. */
static void write_head(struct http_reply *r, const struct http_response *response,
                       enum response_body body)
{
    const bool keep_alive = r->message.keep_alive && !r->server->is_closed;
    r->is_last = !keep_alive || body == RESPONSE_UNTIL_CLOSE;
    const enum response_connection connection = r->is_last          ? RESPONSE_CLOSES
                                                : r->framing.is_1_0 ? RESPONSE_KEEP_ALIVE
                                                                    : RESPONSE_STAYS;
    response_write(&r->server->writer, uv_now(r->server->loop), response, body, connection,
                   &r->out);
}

/* The answer is written: on to the next request, or to the end. */
static void answered(struct http_reply *r)
{
    http_message_next(&r->message);
    r->framing = (struct request_framing){0};
    r->phase = PHASE_IDLE; /* the next request's clock starts afresh */
    if (!r->is_last) return;
    r->is_closing = true;
    flush(r);
    conn_close(r->conn);
}

static void write_body(struct http_reply *r, const struct http_response *response)
{
    const bool is_bare = r->framing.is_head || response->status == 204 || response->status == 304;
    if (is_bare || response->body.size <= COPY_SIZE) {
        if (!is_bare) buffer_append(&r->out, response->body.data, response->body.size);
        if (response->release) response->release(response->owner);
        return;
    }
    if (r->out.failed) {
        if (response->release) response->release(response->owner);
        return; /* flush tells */
    }
    const struct conn_piece pieces[] = {
        {.bytes = buffer_slice(&r->out)},
        {.bytes = response->body, .release = response->release, .owner = response->owner},
    };
    (void)conn_write_pieces(r->conn, pieces, 2);
    buffer_clear(&r->out);
}

/* A piece of an answer by pieces. */
static void write_piece(struct http_reply *r, struct slice bytes)
{
    const bool is_chunked = r->stream_body == RESPONSE_CHUNKED;
    if (is_chunked) buffer_printf(&r->out, "%zx\r\n", bytes.size);
    const struct slice end = is_chunked ? SLICE("\r\n") : SLICE("");
    if (bytes.size <= COPY_SIZE) {
        buffer_append(&r->out, bytes.data, bytes.size);
        buffer_append(&r->out, end.data, end.size);
        return;
    }
    if (r->out.failed) return; /* flush tells */
    const struct conn_piece pieces[] = {
        {.bytes = buffer_slice(&r->out)}, {.bytes = bytes}, {.bytes = end}};
    (void)conn_write_pieces(r->conn, pieces, 3);
    buffer_clear(&r->out);
}

static void flush(struct http_reply *r)
{
    if (r->out.failed)
        conn_abort(r->conn);
    else if (r->out.size && conn_is_open(r->conn))
        (void)conn_write(r->conn, buffer_slice(&r->out));
    buffer_clear(&r->out);
}

/* ---- clocks ---- */

/* What the connection waits for, after all that could be done was done. */
static void rest_phase(struct http_reply *r)
{
    const struct http_limits *limits = &r->server->limits;
    const size_t behind = http_message_rest(&r->message).size;
    const size_t pending = conn_pending(r->conn);
    const bool is_waiting = r->is_owed || pending;
    if (is_waiting && behind >= READ_AHEAD_SIZE && !r->is_paused) {
        r->is_paused = true;
        conn_pause(r->conn);
    } else if (!is_waiting && r->is_paused) {
        r->is_paused = false;
        conn_resume(r->conn);
    }
    if (pending) {
        if (r->phase != PHASE_STALL) r->mark = (size_t)conn_taken(r->conn);
        if (r->phase != PHASE_STALL) phase_set(r, PHASE_STALL, limits->stall_ms);
    } else if (r->is_owed) {
        phase_set(r, PHASE_HANDLER, 0);
    } else if (r->message.state == AT_BODY) {
        if (r->phase != PHASE_BODY) r->mark = 0;
        if (r->phase != PHASE_BODY) phase_set(r, PHASE_BODY, limits->body_progress_ms);
    } else if (behind) {
        if (r->phase != PHASE_HEAD) phase_set(r, PHASE_HEAD, limits->head_ms);
    } else {
        phase_set(r, PHASE_IDLE, limits->idle_ms);
    }
}

/* The timer is moved only when it would fire too late: a busy connection never touches it. */
static void phase_set(struct http_reply *r, enum phase phase, uint32_t after_ms)
{
    r->phase = phase;
    r->deadline = after_ms ? uv_now(r->server->loop) + after_ms : 0;
    if (!r->deadline) return;
    if (uv_is_active((const uv_handle_t *)&r->timer) && r->armed <= r->deadline) return;
    r->armed = r->deadline;
    uv_timer_start(&r->timer, on_timer, after_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct http_reply *r = timer->data;
    if (!r->deadline || r->is_closing) return;
    const uint64_t now = uv_now(r->server->loop);
    if (now >= r->deadline) {
        on_deadline(r);
        return;
    }
    r->armed = r->deadline;
    uv_timer_start(timer, on_timer, r->deadline - now, 0);
}

static void on_deadline(struct http_reply *r)
{
    const struct http_limits *limits = &r->server->limits;
    (void)err_set(ERR_TIMEOUT, "the client is too slow");
    switch (r->phase) {
    case PHASE_HANDLER: return;
    case PHASE_IDLE: conn_close(r->conn); return;
    case PHASE_HEAD: refuse(r, 408); return;
    case PHASE_BODY:
        if (r->message.body.size - r->mark < limits->body_progress_bytes) {
            refuse(r, 408);
            return;
        }
        r->mark = r->message.body.size;
        phase_set(r, PHASE_BODY, limits->body_progress_ms);
        return;
    case PHASE_STALL:
        if ((size_t)conn_taken(r->conn) - r->mark < HTTP_STALL_BYTES) {
            conn_abort(r->conn);
            return;
        }
        r->mark = (size_t)conn_taken(r->conn);
        phase_set(r, PHASE_STALL, limits->stall_ms);
        return;
    }
}

/* ---- ends ---- */

static void unlink_reply(struct http_reply *r)
{
    if (r->next) r->next->previous = r->previous;
    if (r->previous)
        r->previous->next = r->next;
    else
        r->server->first = r->next;
    r->next = r->previous = NULL;
}

/* The connection is gone, or somebody else's. */
static void forget_conn(struct http_reply *r)
{
    unlink_reply(r);
    r->conn = NULL;
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
    reply_hold_end(r);
}

static void on_timer_closed(uv_handle_t *handle)
{
    reply_hold_end(handle->data);
}

static void reply_hold_end(struct http_reply *r)
{
    CHECK(r->holds > 0);
    if (--r->holds) return;
    struct http_server *s = r->server;
    http_message_deinit(&r->message);
    buffer_deinit(&r->out);
    free(r);
    server_hold_end(s);
}

static void server_hold_end(struct http_server *s)
{
    if (--s->holds) return;
    response_writer_deinit(&s->writer);
    buffer_deinit(&s->refusal);
    free(s);
}
