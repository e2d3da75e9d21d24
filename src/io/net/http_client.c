/* The HTTP/1.1 client: a pool of kept connections to one origin. */
#include "io/net/http_client.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "io/net/http_message.h"

/* A request on its way, without its bytes. */
struct call {
    void (*on_result)(void *user, const struct http_result *result);
    void *user;
    uint64_t deadline; /* loop time in ms */
    bool is_head;
    bool wants_upgrade;
};

struct queued {
    struct queued *next;
    struct call call;
    struct buffer bytes;
};

/* One connection. It leaves the pool when it can take no more requests, and is freed when its conn
 * closes. */
struct link {
    struct http_client *client;
    struct link *next;
    struct conn *conn;
    struct http_message message;
    struct call call;
    uint64_t written_before; /* conn_written when the call's bytes were handed over */
    uint64_t idle_deadline;
    bool is_pooled;
    bool is_open;
    bool is_busy;
};

struct http_client {
    uv_loop_t *loop;
    struct http_client_options options;
    char *host;
    char *authority;
    struct link *pool;
    uint32_t link_count;
    struct queued *queue_first;
    struct queued *queue_last;
    uint32_t queue_count;
    struct buffer out; /* a request being built */
    uv_timer_t timer;  /* one for all deadlines; it may fire early */
    uint64_t armed;
    uint32_t holds; /* owner, timer, links */
    bool is_closed;
};

static enum err options_copy(struct http_client *c, const struct http_client_options *options);
static enum err build(struct http_client *c, const struct http_call *call);
static bool call_is_valid(const struct http_call *call);
static bool method_takes_body(struct slice method);
static enum err enqueue(struct http_client *c, const struct call *call);
static struct queued *dequeue(struct http_client *c);
static void queued_free(struct queued *q);
static struct link *idle_link(const struct http_client *c);
static enum err dial(struct http_client *c);
static enum err dial_as_needed(struct http_client *c);
static void link_start(struct link *l, const struct call *call, struct slice bytes);
static void pump(struct http_client *c);
static void unpool(struct link *l);
static void link_rest(struct link *l);
static void on_open(struct conn *conn);
static void on_data(struct conn *conn, struct slice bytes);
static void read_answer(struct link *l);
static void finish(struct link *l);
static void finish_upgrade(struct link *l, struct http_result *result);
static void on_close(struct conn *conn, enum err reason, const char *text);
static void link_fail(struct link *l, enum err err, const char *text);
static void queue_fail(struct http_client *c, enum err err, const char *text);
static void tell_failure(const struct call *call, enum err err, const char *text, bool maybe_sent);
static void arm(struct http_client *c, uint64_t deadline);
static void on_timer(uv_timer_t *timer);
static bool expire_one(struct http_client *c, uint64_t now);
static bool expire_queued(struct http_client *c, uint64_t now);
static uint64_t earliest_deadline(const struct http_client *c);
static void on_timer_closed(uv_handle_t *handle);
static void client_hold_end(struct http_client *c);

static const struct conn_handler handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

enum err http_client_open(uv_loop_t *loop, const struct http_client_options *options,
                          struct http_client **out)
{
    CHECK(options->pool_size <= HTTP_CLIENT_POOL_LIMIT);
    struct http_client *c = calloc(1, sizeof *c);
    if (!c) return err_set(ERR_NO_MEMORY, "no memory for an HTTP client");
    c->loop = loop;
    c->holds = 1;
    c->out.limit = HTTP_CLIENT_REQUEST_LIMIT;
    const enum err err = options_copy(c, options);
    if (err) {
        client_hold_end(c);
        return err;
    }
    CHECK(uv_timer_init(loop, &c->timer) == 0);
    c->timer.data = c;
    c->holds++;
    *out = c;
    return OK;
}

enum err http_client_send(struct http_client *c, const struct http_call *call)
{
    if (c->is_closed) return err_set(ERR_CLOSED, "the HTTP client is closed");
    enum err err = build(c, call);
    if (err) return err;
    uv_update_time(c->loop); /* the deadline counts from this call, not from the loop's last turn */
    const uint32_t deadline_ms = call->deadline_ms ? call->deadline_ms : HTTP_CLIENT_DEADLINE_MS;
    const struct call kept = {
        .on_result = call->on_result,
        .user = call->user,
        .deadline = uv_now(c->loop) + deadline_ms,
        .is_head = slice_is(call->method, "HEAD"),
        .wants_upgrade = call->upgrade != NULL,
    };
    struct link *l = c->queue_count ? NULL : idle_link(c);
    if (l) {
        link_start(l, &kept, buffer_slice(&c->out));
    } else {
        if (c->queue_count >= c->options.queue_limit)
            return err_set(ERR_LIMIT, "%u requests wait for %s already", c->queue_count, c->host);
        err = enqueue(c, &kept);
        if (err) return err;
    }
    arm(c, kept.deadline);
    return OK;
}

void http_client_warm(struct http_client *c)
{
    if (c->is_closed || idle_link(c)) return;
    for (const struct link *l = c->pool; l; l = l->next)
        if (!l->is_open) return;
    if (c->link_count < c->options.pool_size) (void)dial(c);
}

uint32_t http_client_idle_count(const struct http_client *c)
{
    uint32_t count = 0;
    for (const struct link *l = c->pool; l; l = l->next) count += l->is_open && !l->is_busy;
    return count;
}

void http_client_close(struct http_client *c)
{
    if (!c) return;
    CHECK(!c->is_closed);
    c->is_closed = true;
    while (c->pool) link_fail(c->pool, ERR_CLOSED, "the HTTP client is closed");
    queue_fail(c, ERR_CLOSED, "the HTTP client is closed");
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
    client_hold_end(c);
}

/* ---- requests ---- */

static enum err options_copy(struct http_client *c, const struct http_client_options *options)
{
    char authority[320];
    const bool is_v6 = strchr(options->host, ':') != NULL;
    snprintf(authority, sizeof authority, is_v6 ? "[%s]:%u" : "%s:%u", options->host,
             options->port);
    c->options = *options;
    c->host = strdup(options->host);
    c->authority = strdup(options->authority ? options->authority : authority);
    if (!c->host || !c->authority) return err_set(ERR_NO_MEMORY, "no memory for an HTTP client");
    if (!c->options.pool_size) c->options.pool_size = HTTP_CLIENT_POOL_SIZE;
    if (!c->options.queue_limit) c->options.queue_limit = HTTP_CLIENT_QUEUE_LIMIT;
    if (!c->options.idle_ms) c->options.idle_ms = HTTP_CLIENT_IDLE_MS;
    if (!c->options.response_limit) c->options.response_limit = HTTP_CLIENT_RESPONSE_LIMIT;
    /* A request is written whole or waits whole. */
    if (c->options.conn.pending_limit < 2 * HTTP_CLIENT_REQUEST_LIMIT)
        c->options.conn.pending_limit = 2 * HTTP_CLIENT_REQUEST_LIMIT;
    return OK;
}

static enum err build(struct http_client *c, const struct http_call *call)
{
    if (!call_is_valid(call))
        return err_set(ERR_INVALID, "a request line or header that HTTP cannot carry");
    struct buffer *out = &c->out;
    buffer_clear(out);
    buffer_append(out, call->method.data, call->method.size);
    buffer_append_char(out, ' ');
    buffer_append(out, call->target.data, call->target.size);
    buffer_append_text(out, " HTTP/1.1\r\nHost: ");
    buffer_append_text(out, c->authority);
    buffer_append_text(out, "\r\n");
    if (call->upgrade) {
        buffer_append_text(out, "Connection: Upgrade\r\nUpgrade: ");
        buffer_append_text(out, call->upgrade);
        buffer_append_text(out, "\r\n");
    }
    for (size_t i = 0; i < call->header_count; i++) {
        const struct http_header *header = &call->headers[i];
        buffer_append(out, header->name.data, header->name.size);
        buffer_append_text(out, ": ");
        buffer_append(out, header->value.data, header->value.size);
        buffer_append_text(out, "\r\n");
    }
    if (call->body.size || method_takes_body(call->method)) {
        buffer_append_text(out, "Content-Length: ");
        buffer_append_u64(out, call->body.size);
        buffer_append_text(out, "\r\n");
    }
    buffer_append_text(out, "\r\n");
    buffer_append(out, call->body.data, call->body.size);
    if (!out->failed) return OK;
    return err_set(ERR_LIMIT, "a request of more than %zu bytes", HTTP_CLIENT_REQUEST_LIMIT);
}

static bool call_is_valid(const struct http_call *call)
{
    if (!http_is_token(call->method)) return false;
    if (call->target.size == 0 || call->target.data[0] != '/') return false;
    for (size_t i = 0; i < call->target.size; i++) {
        const unsigned char byte = (unsigned char)call->target.data[i];
        if (byte <= ' ' || byte >= 127) return false;
    }
    for (size_t i = 0; i < call->header_count; i++)
        if (!http_header_is_valid(&call->headers[i])) return false;
    return !call->upgrade || http_is_token(slice_of(call->upgrade));
}

static bool method_takes_body(struct slice method)
{
    return slice_is(method, "POST") || slice_is(method, "PUT") || slice_is(method, "PATCH");
}

/* The built request waits for a connection. */
static enum err enqueue(struct http_client *c, const struct call *call)
{
    struct queued *q = calloc(1, sizeof *q);
    if (!q) return err_set(ERR_NO_MEMORY, "no memory for a request");
    q->call = *call;
    q->bytes = c->out;
    c->out = (struct buffer){.limit = HTTP_CLIENT_REQUEST_LIMIT};
    c->queue_count++;
    const enum err err = dial_as_needed(c);
    if (err && c->link_count == 0) {
        c->queue_count--;
        queued_free(q);
        return err;
    }
    if (c->queue_last)
        c->queue_last->next = q;
    else
        c->queue_first = q;
    c->queue_last = q;
    return OK;
}

static struct queued *dequeue(struct http_client *c)
{
    struct queued *q = c->queue_first;
    if (!q) return NULL;
    c->queue_first = q->next;
    if (!c->queue_first) c->queue_last = NULL;
    c->queue_count--;
    return q;
}

static void queued_free(struct queued *q)
{
    buffer_deinit(&q->bytes);
    free(q);
}

/* ---- connections ---- */

static struct link *idle_link(const struct http_client *c)
{
    for (struct link *l = c->pool; l; l = l->next)
        if (l->is_open && !l->is_busy && conn_is_open(l->conn)) return l;
    return NULL;
}

static enum err dial(struct http_client *c)
{
    struct link *l = calloc(1, sizeof *l);
    if (!l) return err_set(ERR_NO_MEMORY, "no memory for a connection");
    const struct conn_dial to = {
        .host = c->host,
        .port = c->options.port,
        .tls = c->options.tls,
        .options = c->options.conn,
        .handler = &handler,
        .user = l,
    };
    const enum err err = conn_dial(c->loop, &to, &l->conn);
    if (err) {
        free(l);
        return err;
    }
    http_message_init(&l->message, HTTP_RESPONSE, c->options.response_limit);
    l->client = c;
    l->is_pooled = true;
    l->next = c->pool;
    c->pool = l;
    c->link_count++;
    c->holds++;
    return OK;
}

/* One connection in the making for each request that waits, as far as the pool allows. */
static enum err dial_as_needed(struct http_client *c)
{
    uint32_t opening = 0;
    for (const struct link *l = c->pool; l; l = l->next) opening += !l->is_open;
    while (opening < c->queue_count && c->link_count < c->options.pool_size) {
        const enum err err = dial(c);
        if (err) return err;
        opening++;
    }
    return OK;
}

static void link_start(struct link *l, const struct call *call, struct slice bytes)
{
    l->call = *call;
    l->is_busy = true;
    l->written_before = conn_written(l->conn);
    /* A failure comes by on_close. */
    (void)conn_write(l->conn, bytes);
}

/* Gives waiting requests to idle connections, oldest first. */
static void pump(struct http_client *c)
{
    struct link *l;
    while (c->queue_first && (l = idle_link(c)) != NULL) {
        struct queued *q = dequeue(c);
        link_start(l, &q->call, buffer_slice(&q->bytes));
        queued_free(q);
    }
    if (!c->queue_first) return;
    const enum err err = dial_as_needed(c);
    if (err && c->link_count == 0) queue_fail(c, err, err_text());
}

static void unpool(struct link *l)
{
    if (!l->is_pooled) return;
    l->is_pooled = false;
    struct link **at = &l->client->pool;
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    l->client->link_count--;
}

static void link_rest(struct link *l)
{
    l->idle_deadline = uv_now(l->client->loop) + l->client->options.idle_ms;
    arm(l->client, l->idle_deadline);
}

static void on_open(struct conn *conn)
{
    struct link *l = conn_user(conn);
    l->is_open = true;
    link_rest(l);
    pump(l->client);
}

/* ---- answers ---- */

static void on_data(struct conn *conn, struct slice bytes)
{
    struct link *l = conn_user(conn);
    if (!l->is_busy) {
        /* Nobody asked: whatever it is, the next answer could not be trusted. */
        unpool(l);
        conn_abort(conn);
        return;
    }
    if (http_message_add(&l->message, bytes))
        link_fail(l, ERR_NO_MEMORY, err_text());
    else
        read_answer(l);
}

static void read_answer(struct link *l)
{
    struct slice line;
    struct http_headers headers;
    for (;;) {
        const enum message_progress progress = http_message_read(&l->message, &line, &headers);
        switch (progress) {
        case MESSAGE_HEAD: l->message.has_no_body = l->call.is_head; continue;
        case MESSAGE_NEEDS_MORE: http_message_compact(&l->message); return;
        case MESSAGE_FAULT:
            link_fail(l, l->message.fault == 400 ? ERR_PARSE : ERR_LIMIT, err_text());
            return;
        case MESSAGE_DONE: break;
        }
        const int status = l->message.parser.status_code;
        if (status >= 200 || status == 101) break;
        http_message_next(&l->message);
    }
    finish(l);
}

/* A whole answer is there. The connection is free again before the caller hears of it, so that the
 * caller's next request can leave at once; the answer stays in the message until the next read. */
static void finish(struct link *l)
{
    struct http_client *c = l->client;
    const struct call call = l->call;
    struct http_result result = {.err = OK, .text = "", .maybe_sent = true};
    struct slice line;
    http_message_head(&l->message, &line, &result.headers);
    result.status = l->message.parser.status_code;
    result.body = buffer_slice(&l->message.body);
    if (result.status == 101) {
        finish_upgrade(l, &result);
        return;
    }
    l->is_busy = false;
    const bool is_kept = l->message.keep_alive && http_message_rest(&l->message).size == 0;
    if (is_kept) {
        link_rest(l);
    } else {
        unpool(l);
        conn_close(l->conn);
    }
    c->holds++;
    call.on_result(call.user, &result);
    http_message_next(&l->message);
    http_message_compact(&l->message);
    if (!c->is_closed) pump(c);
    client_hold_end(c);
}

static void finish_upgrade(struct link *l, struct http_result *result)
{
    if (!l->call.wants_upgrade) {
        link_fail(l, ERR_PARSE, "the server switched protocols unasked");
        return;
    }
    struct http_client *c = l->client;
    struct conn *conn = l->conn;
    unpool(l);
    conn_set_handler(conn, NULL, NULL);
    if (conn_unread(conn, http_message_rest(&l->message))) conn_abort(conn);
    result->conn = conn;
    c->holds++;
    l->call.on_result(l->call.user, result);
    http_message_deinit(&l->message);
    free(l);
    client_hold_end(c);
    if (!c->is_closed) pump(c);
    client_hold_end(c);
}

/* ---- failures ---- */

static void on_close(struct conn *conn, enum err reason, const char *text)
{
    struct link *l = conn_user(conn);
    struct http_client *c = l->client;
    const bool was_opening = !l->is_open;
    unpool(l);
    c->holds++;
    if (l->is_busy) {
        if (reason == ERR_CLOSED && http_message_end(&l->message) == MESSAGE_DONE)
            finish(l);
        else
            link_fail(l, reason ? reason : ERR_CLOSED, text);
    }
    /* Nothing else is on its way that could serve those who wait. */
    if (was_opening && c->link_count == 0) queue_fail(c, reason ? reason : ERR_CLOSED, text);
    http_message_deinit(&l->message);
    free(l);
    client_hold_end(c);
    /* After a refusal the others serve the queue; dialling again at once would only spin. */
    if (!c->is_closed && !was_opening) pump(c);
    client_hold_end(c);
}

static void link_fail(struct link *l, enum err err, const char *text)
{
    struct http_client *c = l->client;
    unpool(l);
    conn_abort(l->conn);
    if (!l->is_busy) return;
    l->is_busy = false;
    char kept[ERR_TEXT_SIZE];
    snprintf(kept, sizeof kept, "%s", text);
    const bool maybe_sent = conn_written(l->conn) != l->written_before;
    const struct call call = l->call;
    c->holds++;
    tell_failure(&call, err, kept, maybe_sent);
    if (!c->is_closed) pump(c);
    client_hold_end(c);
}

static void queue_fail(struct http_client *c, enum err err, const char *text)
{
    char kept[ERR_TEXT_SIZE];
    snprintf(kept, sizeof kept, "%s", text);
    /* Only those that wait at this moment: a callback may send again. */
    uint32_t count = c->queue_count;
    c->holds++;
    while (count-- && c->queue_first) {
        struct queued *q = dequeue(c);
        tell_failure(&q->call, err, kept, false);
        queued_free(q);
    }
    client_hold_end(c);
}

static void tell_failure(const struct call *call, enum err err, const char *text, bool maybe_sent)
{
    const struct http_result result = {.err = err, .text = text, .maybe_sent = maybe_sent};
    call->on_result(call->user, &result);
}

/* ---- deadlines ---- */

static void arm(struct http_client *c, uint64_t deadline)
{
    if (uv_is_active((const uv_handle_t *)&c->timer) && c->armed <= deadline) return;
    const uint64_t now = uv_now(c->loop);
    c->armed = deadline;
    uv_timer_start(&c->timer, on_timer, deadline > now ? deadline - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct http_client *c = timer->data;
    const uint64_t now = uv_now(c->loop);
    c->holds++;
    while (!c->is_closed && expire_one(c, now)) continue;
    if (!c->is_closed) {
        const uint64_t next = earliest_deadline(c);
        if (next != UINT64_MAX) arm(c, next);
    }
    client_hold_end(c);
}

/* One at a time, because a callback may change everything. */
static bool expire_one(struct http_client *c, uint64_t now)
{
    for (struct link *l = c->pool; l; l = l->next) {
        if (l->is_busy && l->call.deadline <= now) {
            link_fail(l, ERR_TIMEOUT, "no answer in time");
            return true;
        }
        if (l->is_open && !l->is_busy && l->idle_deadline <= now) {
            unpool(l);
            conn_close(l->conn);
            return true;
        }
    }
    return expire_queued(c, now);
}

static bool expire_queued(struct http_client *c, uint64_t now)
{
    struct queued *before = NULL;
    for (struct queued *q = c->queue_first; q; before = q, q = q->next) {
        if (q->call.deadline > now) continue;
        if (before)
            before->next = q->next;
        else
            c->queue_first = q->next;
        if (c->queue_last == q) c->queue_last = before;
        c->queue_count--;
        tell_failure(&q->call, ERR_TIMEOUT, "no connection was free in time", false);
        queued_free(q);
        return true;
    }
    return false;
}

static uint64_t earliest_deadline(const struct http_client *c)
{
    uint64_t earliest = UINT64_MAX;
    for (const struct link *l = c->pool; l; l = l->next) {
        const uint64_t deadline = l->is_busy ? l->call.deadline : l->idle_deadline;
        if (l->is_open && deadline < earliest) earliest = deadline;
    }
    for (const struct queued *q = c->queue_first; q; q = q->next)
        if (q->call.deadline < earliest) earliest = q->call.deadline;
    return earliest;
}

/* ---- ends ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    client_hold_end(handle->data);
}

static void client_hold_end(struct http_client *c)
{
    if (--c->holds) return;
    buffer_deinit(&c->out);
    free(c->host);
    free(c->authority);
    free(c);
}
