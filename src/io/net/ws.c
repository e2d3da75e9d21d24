/* The WebSocket connection: handshake, events from the decoder, goodbyes.
 *
 * What on_close will say is decided once, by the first cause (result_set), and told when the conn
 * is gone: so a ws always outlives the call that ends it. */
#include "io/net/ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/utf8.h"
#include "io/net/url.h"

enum { MASK_POOL_SIZE = 256, PING_WINDOW_MS = 1000 };

enum state { DIALING, OPEN, CLOSING, ENDING };

/* What only a client needs. */
struct client {
    struct buffer request;
    struct buffer head; /* of the answer, as far as it has come */
    char key[WS_KEY_SIZE];
    bool offers_deflate;
    struct ws_refusal refusal;
    size_t mask_used;
    unsigned char masks[MASK_POOL_SIZE];
};

struct ws {
    struct conn *conn;
    const struct ws_handler *handler; /* NULL: nobody listens */
    void *user;
    enum state state;
    bool deflated;
    size_t message_limit;
    uv_timer_t timer; /* handshake, then close */
    uint32_t timeout_ms;
    uint64_t last_heard_ms;
    uint64_t ping_window_start_ms;
    uint32_t ping_count;
    struct ws_decoder decoder;
    struct ws_inflater inflater;
    struct buffer inflated;
    struct buffer masked;  /* the frame a client is sending */
    struct client *client; /* NULL: we are the server */
    bool has_result;
    uint16_t result_code;
    enum err result_err;
    char result_text[ERR_TEXT_SIZE];
};

static struct ws *ws_new(const struct ws_options *options, const struct ws_handler *handler,
                         void *user, size_t message_limit_default);
static void ws_free(struct ws *w);
static enum err client_prepare(struct ws *w, const struct url *url,
                               const struct ws_options *options);
static void dial_on_open(struct conn *c);
static void dial_on_data(struct conn *c, struct slice bytes);
static void stream_on_data(struct conn *c, struct slice bytes);
static void stream_on_close(struct conn *c, enum err reason, const char *text);
static void on_timeout(uv_timer_t *timer);
static void on_timer_closed(uv_handle_t *handle);
static void reply_refuse(struct http_reply *reply, int status, const char *text);
static void stream_begin(struct ws *w, enum ws_role role, const struct ws_agreement *agreement);
static void event_take(struct ws *w, const struct ws_event *event);
static void ping_take(struct ws *w, struct slice payload);
static void close_take(struct ws *w, const struct ws_event *event);
static void message_take(struct ws *w, const struct ws_event *event);
static enum err message_inflate(struct ws *w, const struct ws_event *event);
static enum err frame_send(struct ws *w, enum ws_opcode opcode, struct slice payload);
static const unsigned char *mask_next(struct client *client);
static void close_frame_send(struct ws *w, uint16_t code, struct slice reason);
static void fail(struct ws *w, uint16_t code, enum err err);
static void end(struct ws *w, bool was_open);
static void drop(struct ws *w, enum err err, const char *text);
static void result_set(struct ws *w, uint16_t code, enum err err, struct slice text);
static void buffer_shrink(struct buffer *b);

static const struct conn_handler dial_handler = {
    .on_open = dial_on_open,
    .on_data = dial_on_data,
    .on_close = stream_on_close,
};

static const struct conn_handler stream_handler = {
    .on_data = stream_on_data,
    .on_close = stream_on_close,
};

enum err ws_connect(uv_loop_t *loop, const char *url, const struct ws_options *options,
                    const struct ws_handler *handler, void *user, struct ws **out)
{
    struct url parsed;
    enum err e = url_parse(url, &parsed);
    if (e != OK) return e;
    if (!parsed.websocket) return err_set(ERR_UNSUPPORTED, "not a ws:// or wss:// URL: %s", url);
    if (parsed.secure && !options->tls) {
        return err_set(ERR_INVALID, "no TLS settings for %s", url);
    }
    struct ws *w = ws_new(options, handler, user, WS_CLIENT_MESSAGE_LIMIT);
    if (!w) return err_set(ERR_NO_MEMORY, "no memory for a WebSocket");
    w->timeout_ms =
        options->handshake_timeout_ms ? options->handshake_timeout_ms : WS_HANDSHAKE_TIMEOUT_MS;
    e = client_prepare(w, &parsed, options);
    if (e == OK) {
        e = conn_dial(loop,
                      &(struct conn_dial){
                          .host = parsed.host,
                          .port = parsed.port,
                          .tls = parsed.secure ? options->tls : NULL,
                          .options = {.pending_limit = options->pending_limit,
                                      .connect_timeout_ms = w->timeout_ms,
                                      .read_size = options->read_size},
                          .handler = &dial_handler,
                          .user = w,
                      },
                      &w->conn);
    }
    if (e != OK) {
        ws_free(w);
        return e;
    }
    uv_timer_init(loop, &w->timer);
    w->timer.data = w;
    uv_timer_start(&w->timer, on_timeout, w->timeout_ms, 0);
    w->last_heard_ms = uv_now(loop);
    *out = w;
    return OK;
}

enum err ws_accept(const struct http_request *request, struct http_reply *reply,
                   const struct ws_options *options, const struct ws_handler *handler, void *user,
                   struct ws **out)
{
    int status;
    const enum err e = ws_request_check(request, &status);
    if (e != OK) {
        reply_refuse(reply, status, err_text());
        return e;
    }
    struct buffer response = {0};
    struct ws_agreement agreement;
    ws_response_write(&response, request, options->deflate, &agreement);
    struct ws *w = ws_new(options, handler, user, WS_SERVER_MESSAGE_LIMIT);
    if (!w || response.failed) {
        ws_free(w);
        buffer_deinit(&response);
        reply_refuse(reply, 503, "no memory for a WebSocket");
        return err_set(ERR_NO_MEMORY, "no memory for a WebSocket");
    }
    w->conn = http_reply_take(reply, &stream_handler, w);
    if (!w->conn) {
        ws_free(w);
        buffer_deinit(&response);
        return err_set(ERR_CLOSED, "the client left during its WebSocket handshake");
    }
    uv_timer_init(conn_loop(w->conn), &w->timer);
    w->timer.data = w;
    w->last_heard_ms = uv_now(conn_loop(w->conn));
    conn_set_pending_limit(w->conn,
                           options->pending_limit ? options->pending_limit : CONN_PENDING_LIMIT);
    stream_begin(w, WS_SERVER, &agreement);
    (void)conn_write(w->conn, buffer_slice(&response)); /* on_close tells */
    buffer_deinit(&response);
    *out = w;
    return OK;
}

void *ws_user(const struct ws *w)
{
    return w->user;
}

void ws_set_handler(struct ws *w, const struct ws_handler *handler, void *user)
{
    w->handler = handler;
    w->user = user;
}

bool ws_is_open(const struct ws *w)
{
    return w->state == OPEN;
}

bool ws_is_deflated(const struct ws *w)
{
    return w->deflated;
}

const char *ws_peer(const struct ws *w)
{
    return conn_peer(w->conn);
}

size_t ws_pending(const struct ws *w)
{
    return conn_pending(w->conn);
}

struct ws_refusal ws_refusal(const struct ws *w)
{
    return w->client ? w->client->refusal : (struct ws_refusal){.retry_after_s = -1};
}

uint64_t ws_last_heard_ms(const struct ws *w)
{
    return w->last_heard_ms;
}

enum err ws_send(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    CHECK(opcode == WS_TEXT || opcode == WS_BINARY);
    return frame_send(w, opcode, message);
}

enum err ws_ping(struct ws *w, struct slice payload)
{
    CHECK(payload.size <= WS_CONTROL_LIMIT);
    return frame_send(w, WS_PING, payload);
}

enum err ws_send_shared(struct ws *w, struct ws_shared *s)
{
    CHECK(!w->client);
    if (w->state != OPEN) return err_set(ERR_CLOSED, "the WebSocket is not open");
    const struct conn_piece piece = ws_shared_piece(s, w->deflated);
    return conn_write_pieces(w->conn, &piece, 1);
}

void ws_close(struct ws *w, uint16_t code, struct slice reason)
{
    CHECK(code == WS_CODE_NONE || ws_code_is_valid(code));
    if (w->state == DIALING) {
        ws_abort(w);
    } else if (w->state == OPEN) {
        close_frame_send(w, code, reason);
        w->state = CLOSING;
        w->timeout_ms = WS_CLOSE_TIMEOUT_MS;
        uv_timer_start(&w->timer, on_timeout, w->timeout_ms, 0);
    }
}

void ws_abort(struct ws *w)
{
    drop(w, ERR_CLOSED, "dropped by us");
}

static struct ws *ws_new(const struct ws_options *options, const struct ws_handler *handler,
                         void *user, size_t message_limit_default)
{
    struct ws *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->handler = handler;
    w->user = user;
    w->message_limit = options->message_limit ? options->message_limit : message_limit_default;
    return w;
}

static void ws_free(struct ws *w)
{
    if (!w) return;
    ws_decoder_deinit(&w->decoder);
    ws_inflater_deinit(&w->inflater);
    buffer_deinit(&w->inflated);
    buffer_deinit(&w->masked);
    if (w->client) {
        buffer_deinit(&w->client->request);
        buffer_deinit(&w->client->head);
        free(w->client);
    }
    free(w);
}

static enum err client_prepare(struct ws *w, const struct url *url,
                               const struct ws_options *options)
{
    struct client *client = calloc(1, sizeof *client);
    if (!client) return err_set(ERR_NO_MEMORY, "no memory for a WebSocket");
    w->client = client;
    client->head.limit = HTTP_HEAD_LIMIT + CONN_READ_SIZE;
    client->offers_deflate = options->deflate;
    client->mask_used = MASK_POOL_SIZE;
    client->refusal.retry_after_s = -1;
    ws_key_make(client->key);
    return ws_request_write(&client->request, url, client->key, options->deflate, options->headers,
                            options->header_count);
}

static void dial_on_open(struct conn *c)
{
    struct ws *w = conn_user(c);
    (void)conn_write(c, buffer_slice(&w->client->request)); /* on_close tells */
    buffer_deinit(&w->client->request);
}

static void dial_on_data(struct conn *c, struct slice bytes)
{
    struct ws *w = conn_user(c);
    struct buffer *head = &w->client->head;
    const size_t seen = head->size;
    buffer_append(head, bytes.data, bytes.size);
    const size_t head_size = http_head_size(buffer_slice(head), seen);
    if (head->failed || head_size > HTTP_HEAD_LIMIT ||
        (!head_size && head->size > HTTP_HEAD_LIMIT)) {
        drop(w, ERR_LIMIT, "the answer to the WebSocket handshake is too long");
        return;
    }
    if (head_size == 0) return;

    struct ws_agreement agreement;
    const enum err e =
        ws_response_check((struct slice){head->data, head_size}, w->client->key,
                          w->client->offers_deflate, &agreement, &w->client->refusal);
    if (e != OK) {
        drop(w, e, err_text());
        return;
    }
    const size_t behind = head->size - head_size;
    buffer_deinit(head);
    uv_timer_stop(&w->timer);
    stream_begin(w, WS_CLIENT, &agreement);
    conn_set_handler(c, &stream_handler, w);
    w->last_heard_ms = uv_now(conn_loop(c));
    if (w->handler && w->handler->on_open) w->handler->on_open(w);
    if (behind > 0) {
        stream_on_data(c, (struct slice){bytes.data + bytes.size - behind, behind});
    }
}

static void stream_on_data(struct conn *c, struct slice bytes)
{
    struct ws *w = conn_user(c);
    w->last_heard_ms = uv_now(conn_loop(c));
    while (w->state == OPEN || w->state == CLOSING) {
        struct ws_event event;
        const enum err e = ws_decoder_next(&w->decoder, &bytes, &event);
        if (e != OK) {
            fail(w, event.code, e);
            return;
        }
        if (event.opcode == WS_CONTINUE) return;
        event_take(w, &event);
    }
}

static void stream_on_close(struct conn *c, enum err reason, const char *text)
{
    struct ws *w = conn_user(c);
    result_set(w, WS_CODE_ABNORMAL, reason, slice_of(text));
    w->state = ENDING;
    if (w->handler) {
        w->handler->on_close(w, w->result_code, slice_of(w->result_text), w->result_err);
    }
    uv_close((uv_handle_t *)&w->timer, on_timer_closed);
}

static void on_timeout(uv_timer_t *timer)
{
    struct ws *w = timer->data;
    char text[64];
    snprintf(text, sizeof text, "no %s within %u ms",
             w->state == DIALING ? "WebSocket handshake" : "answer to our close", w->timeout_ms);
    drop(w, ERR_TIMEOUT, text);
}

static void on_timer_closed(uv_handle_t *handle)
{
    ws_free(handle->data);
}

static void reply_refuse(struct http_reply *reply, int status, const char *text)
{
    /* RFC 9110 section 15.5.22: a 426 names what it wants */
    static const struct http_header wanted[] = {
        {SLICE("Upgrade"), SLICE("websocket")},
        {SLICE("Sec-WebSocket-Version"), SLICE("13")},
    };
    http_reply_send(reply, &(struct http_response){
                               .status = status,
                               .content_type = "text/plain",
                               .headers = wanted,
                               .header_count = status == 426 ? 2 : 0,
                               .body = slice_of(text),
                           });
}

static void stream_begin(struct ws *w, enum ws_role role, const struct ws_agreement *agreement)
{
    w->state = OPEN;
    w->deflated = agreement->deflate;
    w->inflated.limit = w->message_limit + WS_KEEP_SIZE; /* room to see that a message is over it */
    ws_decoder_init(&w->decoder, role, w->message_limit, agreement->deflate);
    ws_inflater_init(&w->inflater, agreement->takeover);
}

/* While closing, only the peer's close frame is of interest. */
static void event_take(struct ws *w, const struct ws_event *event)
{
    if (event->opcode == WS_CLOSE) {
        close_take(w, event);
    } else if (w->state == CLOSING) {
        return;
    } else if (event->opcode == WS_PING) {
        ping_take(w, event->payload);
    } else if (event->opcode == WS_PONG) {
        if (w->handler && w->handler->on_pong) w->handler->on_pong(w, event->payload);
    } else {
        message_take(w, event);
    }
}

static void ping_take(struct ws *w, struct slice payload)
{
    if (w->last_heard_ms - w->ping_window_start_ms >= PING_WINDOW_MS) {
        w->ping_window_start_ms = w->last_heard_ms;
        w->ping_count = 0;
    }
    if (++w->ping_count > WS_PING_LIMIT) {
        fail(w, WS_CODE_POLICY, err_set(ERR_LIMIT, "over %d pings in a second", WS_PING_LIMIT));
        return;
    }
    (void)frame_send(w, WS_PONG, payload); /* on_close tells */
    if (w->handler && w->handler->on_ping) w->handler->on_ping(w, payload);
}

static void close_take(struct ws *w, const struct ws_event *event)
{
    const bool was_open = w->state == OPEN;
    result_set(w, event->code, OK, event->payload);
    if (was_open) close_frame_send(w, event->code, (struct slice){0});
    end(w, was_open);
}

static void message_take(struct ws *w, const struct ws_event *event)
{
    struct slice message = event->payload;
    if (event->compressed) {
        const enum err e = message_inflate(w, event);
        if (e != OK) {
            fail(w,
                 e == ERR_LIMIT     ? WS_CODE_TOO_BIG
                 : e == ERR_INVALID ? WS_CODE_DATA
                                    : WS_CODE_INTERNAL,
                 e);
            return;
        }
        message = buffer_slice(&w->inflated);
    }
    if (w->handler) w->handler->on_message(w, event->opcode, message);
    buffer_shrink(&w->inflated);
}

static enum err message_inflate(struct ws *w, const struct ws_event *event)
{
    buffer_clear(&w->inflated);
    const enum err e = ws_inflate(&w->inflater, event->payload, w->message_limit, &w->inflated);
    if (e != OK) return e;
    if (event->opcode == WS_TEXT && !utf8_is_valid(buffer_slice(&w->inflated))) {
        return err_set(ERR_INVALID, "WebSocket: text that is not UTF-8");
    }
    return OK;
}

static enum err frame_send(struct ws *w, enum ws_opcode opcode, struct slice payload)
{
    if (w->state != OPEN) return err_set(ERR_CLOSED, "the WebSocket is not open");
    if (w->client) {
        buffer_clear(&w->masked);
        ws_frame_build(&w->masked, opcode, false, payload, mask_next(w->client));
        if (w->masked.failed) {
            return err_set(ERR_LIMIT, "a message of %zu bytes is too large to send", payload.size);
        }
        const enum err e = conn_write(w->conn, buffer_slice(&w->masked));
        buffer_shrink(&w->masked);
        return e;
    }
    unsigned char header[WS_HEADER_SIZE_MAX];
    const size_t header_size = ws_header_write(header, opcode, false, payload.size, NULL);
    const struct conn_piece pieces[] = {
        {.bytes = {(const char *)header, header_size}},
        {.bytes = payload},
    };
    return conn_write_pieces(w->conn, pieces, payload.size > 0 ? 2 : 1);
}

/* RFC 6455 section 5.3 wants masks that nobody can foretell: the kernel's,
 * fetched many at a time. */
static const unsigned char *mask_next(struct client *client)
{
    if (client->mask_used == MASK_POOL_SIZE) {
        CHECK(getrandom(client->masks, MASK_POOL_SIZE, 0) == MASK_POOL_SIZE);
        client->mask_used = 0;
    }
    client->mask_used += 4;
    return client->masks + client->mask_used - 4;
}

static void close_frame_send(struct ws *w, uint16_t code, struct slice reason)
{
    char payload[WS_CONTROL_LIMIT];
    const size_t size = ws_close_write(payload, code, reason);
    (void)frame_send(w, WS_CLOSE, (struct slice){payload, size}); /* on_close tells */
}

/* The peer broke a rule: say which, and go. */
static void fail(struct ws *w, uint16_t code, enum err err)
{
    const struct slice text = slice_of(err_text());
    result_set(w, code, err, text);
    const bool was_open = w->state == OPEN;
    if (was_open) close_frame_send(w, code, slice_of(w->result_text));
    end(w, was_open);
}

static void end(struct ws *w, bool was_open)
{
    w->state = ENDING;
    uv_timer_stop(&w->timer);
    conn_close(w->conn);
    if (was_open && w->handler && w->handler->on_end)
        w->handler->on_end(w, w->result_code, slice_of(w->result_text), w->result_err);
}

static void drop(struct ws *w, enum err err, const char *text)
{
    result_set(w, WS_CODE_ABNORMAL, err, slice_of(text));
    w->state = ENDING;
    uv_timer_stop(&w->timer);
    conn_abort(w->conn);
}

/* The first cause stays. */
static void result_set(struct ws *w, uint16_t code, enum err err, struct slice text)
{
    if (w->has_result) return;
    w->has_result = true;
    w->result_code = code;
    w->result_err = err;
    snprintf(w->result_text, sizeof w->result_text, "%.*s", (int)text.size, text.data);
}

static void buffer_shrink(struct buffer *b)
{
    if (b->capacity > WS_KEEP_SIZE) buffer_deinit(b);
}
