/* The WebSocket API: requests as JSON messages, and user data streams.
 *
 * Events of the account go to each connection that subscribed, wrapped with its subscription id, in
 * the order in which the exchange told them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/net/url.h"
#include "io/venue/json_cursor.h"
#include "service/simserver/simserver_internal.h"
#include "service/simserver/wire_text.h"
#include "service/simserver/ws_life.h"

enum { ID_SIZE_MAX = 64, SUBSCRIPTIONS_LIFE_MAX = 65535, API_MESSAGE_LIMIT = 16384 };

struct api_client {
    struct simserver *server;
    struct ws *ws;
    struct api_client *next;
    struct access_key *key; /* NULL: not logged on */
    struct ws_life life;
    int64_t logged_on_ms;
    bool is_subscribed, hides_limits;
    uint32_t subscription, subscription_count;
};

static void on_message(struct ws *w, enum ws_opcode opcode, struct slice message);
static void on_pong(struct ws *w, struct slice payload);
static void on_close(struct ws *w, uint16_t code, struct slice reason, enum err err);

static const struct ws_handler handler = {
    .on_message = on_message,
    .on_pong = on_pong,
    .on_close = on_close,
};

struct access_key *ws_api_client_key(struct api_client *client)
{
    return client->key;
}

void ws_api_accept(struct simserver *s, const struct http_request *request,
                   struct http_reply *reply)
{
    struct api_client *c = calloc(1, sizeof *c);
    const struct ws_options options = {
        .deflate = true,
        .message_limit = API_MESSAGE_LIMIT,
        .pending_limit = s->options.pending_bytes,
    };
    if (!c) {
        http_reply_text(reply, 503, "text/plain", SLICE("no memory\n"));
        return;
    }
    const int64_t now_ms = simserver_now(s);
    *c = (struct api_client){.server = s, .life = ws_life_begin(now_ms)};
    char hides[8];
    c->hides_limits =
        url_query_get(request->query, "returnRateLimits", hides, sizeof hides) == OK &&
        strcmp(hides, "false") == 0;
    struct limits_address *address = limits_address(&s->limits, request->peer, now_ms);
    if (ws_accept(request, reply, &options, &handler, c, &c->ws) != OK) {
        free(c);
        return;
    }
    (void)limits_charge(&s->limits, address, 2, now_ms);
    c->next = s->api_clients;
    s->api_clients = c;
    s->counters.api_clients++;
}

static void forget(struct api_client *c)
{
    struct simserver *s = c->server;
    struct api_client **at = &s->api_clients;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
    s->counters.api_clients--;
    free(c);
}

static void on_close(struct ws *w, uint16_t code, struct slice reason, enum err err)
{
    struct api_client *c = ws_user(w);
    (void)code;
    (void)reason;
    if (err == ERR_LIMIT) c->server->counters.slow_clients_cut++;
    forget(c);
}

static void on_pong(struct ws *w, struct slice payload)
{
    struct api_client *c = ws_user(w);
    ws_life_on_pong(&c->life, payload, simserver_now(c->server));
}

void ws_api_close(struct simserver *s)
{
    while (s->api_clients) {
        struct ws *w = s->api_clients->ws;
        ws_set_handler(w, NULL, NULL);
        ws_abort(w);
        forget(s->api_clients);
    }
}

void ws_api_tick(struct simserver *s, int64_t now_ms)
{
    for (struct api_client *c = s->api_clients; c; c = c->next)
        ws_life_check(&c->life, c->ws, &s->options, now_ms);
}

/* ---- requests ---- */

struct api_request {
    struct slice id; /* raw JSON */
    struct slice method;
    struct slice params; /* raw JSON; size 0: none */
};

/* Values as the signature has them: texts unescaped, the rest as written. */
static bool read_parameters(struct call *call, struct slice text, struct buffer *scratch)
{
    struct json_cursor j;
    struct slice key, value;
    if (text.size == 0) return true;
    cursor_init(&j, text);
    cursor_enter_object(&j);
    while (cursor_next_key(&j, &key)) {
        if (call->parameter_count == CALL_PARAMETERS_MAX)
            return call_refuse(call, 400, -1101,
                               "Too many parameters; expected '%d' and received more.",
                               CALL_PARAMETERS_MAX);
        /* The cursor's own memory of a key with escapes does not last. */
        char *room = buffer_reserve(scratch, key.size + 1);
        if (!room) return call_refuse(call, 400, -1135, "Invalid JSON Request");
        memcpy(room, key.data, key.size);
        buffer_commit(scratch, key.size);
        const struct slice name = {room, key.size};
        if (cursor_peek(&j) == CURSOR_STRING) {
            room = buffer_reserve(scratch, text.size);
            if (!room || !cursor_text(&j, room, text.size, &value)) break;
            if (value.data == room) buffer_commit(scratch, value.size);
        } else if (!cursor_raw(&j, &value)) {
            break;
        }
        if (slice_is(value, "null")) continue;
        call->parameters[call->parameter_count++] = (struct parameter){name, value};
    }
    return cursor_end(&j) || call_refuse(call, 400, -1135, "Invalid JSON Request");
}

/* A number, a text or null. */
static void read_id(struct json_cursor *j, struct slice *out)
{
    struct slice id;
    const enum cursor_kind kind = cursor_peek(j);
    if (kind != CURSOR_NUMBER && kind != CURSOR_STRING && kind != CURSOR_NULL)
        cursor_refuse(j, "not an id");
    else if (cursor_raw(j, &id))
        *out = id;
}

static bool read_request(struct slice message, struct api_request *r)
{
    struct json_cursor j;
    struct slice key;
    *r = (struct api_request){.id = SLICE("null")};
    cursor_init(&j, message);
    cursor_enter_object(&j);
    while (cursor_next_key(&j, &key)) {
        if (slice_is(key, "id"))
            read_id(&j, &r->id);
        else if (slice_is(key, "method"))
            cursor_string(&j, &r->method, NULL);
        else if (slice_is(key, "params"))
            cursor_raw(&j, &r->params);
        else
            cursor_skip(&j);
    }
    return cursor_end(&j) && r->id.size <= ID_SIZE_MAX;
}

static int by_name(const void *a, const void *b)
{
    const struct parameter *p = a, *q = b;
    const size_t size = p->name.size < q->name.size ? p->name.size : q->name.size;
    const int order = memcmp(p->name.data, q->name.data, size);
    return order ? order : (p->name.size > q->name.size) - (p->name.size < q->name.size);
}

/* What is signed: all parameters but the signature, sorted by name. */
static void append_signed(struct call *call, struct buffer *out)
{
    qsort(call->parameters, call->parameter_count, sizeof call->parameters[0], by_name);
    bool first = true;
    for (unsigned i = 0; i < call->parameter_count; i++) {
        const struct parameter *p = &call->parameters[i];
        if (slice_is(p->name, "signature")) continue;
        if (!first) buffer_append_char(out, '&');
        buffer_append(out, p->name.data, p->name.size);
        buffer_append_char(out, '=');
        buffer_append(out, p->value.data, p->value.size);
        first = false;
    }
}

static bool run(struct call *call, const struct api_request *r, struct limits_address *address)
{
    struct buffer *scratch = &call->server->scratch;
    struct slice api_key;
    buffer_clear(scratch);
    /* Reserved once for all texts and for what is signed, so that nothing moves. */
    if (!buffer_reserve(scratch, 4 * r->params.size + 4096))
        return call_refuse(call, 400, -1135, "Invalid JSON Request");
    call->endpoint = endpoint_of_api(r->method);
    if (!call->endpoint || r->method.size == 0)
        return call_refuse(call, 400, -1020, "This operation is not supported.");
    if (!read_parameters(call, r->params, scratch)) return false;
    const size_t start = scratch->size;
    append_signed(call, scratch);
    const struct slice payload = {scratch->data + start, scratch->size - start};
    (void)call_find(call, "apiKey", &api_key);
    return endpoint_run(call, address, api_key, payload);
}

static void write_limits(struct call *call, struct limits_address *address)
{
    const struct limits *l = &call->server->limits;
    buffer_append_text(call->out, ",\"rateLimits\":[");
    if (call->counts_orders) {
        text_order_limits(call->out, l, true);
        buffer_append_char(call->out, ',');
    }
    text_weight_limit(call->out, l, limits_weight_used(address, call->now_ms));
    buffer_append_char(call->out, ']');
}

static void write_error(struct call *call, struct slice data)
{
    buffer_append_text(call->out, ",\"error\":{");
    text_refusal(call->out, call, data);
    if (call->retry_s && !call->has_data) {
        text_number(call->out, ",\"data\":{\"serverTime\":", call->now_ms);
        text_number(call->out, ",\"retryAfter\":", call->now_ms + 1000 * call->retry_s);
        buffer_append_char(call->out, '}');
    }
    buffer_append_char(call->out, '}');
}

static bool wants_limits(const struct call *call)
{
    struct slice wish;
    if (call_find(call, "returnRateLimits", &wish)) return slice_is(wish, "true");
    return !call->client->hides_limits;
}

static void on_message(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    struct api_client *client = ws_user(w);
    struct simserver *s = client->server;
    struct api_request request;
    struct buffer result = {0};
    struct call call = {.server = s, .client = client, .now_ms = simserver_now(s), .out = &result};
    struct limits_address *address = limits_address(&s->limits, ws_peer(w), call.now_ms);
    if (opcode != WS_TEXT || !read_request(message, &request)) {
        request = (struct api_request){.id = SLICE("null")};
        call_refuse(&call, 400, -1135, "Invalid JSON Request");
    } else {
        (void)run(&call, &request, address);
    }
    struct buffer out = {0};
    call.out = &out;
    buffer_append_text(&out, "{\"id\":");
    buffer_append(&out, request.id.data, request.id.size);
    text_number(&out, ",\"status\":", call.status ? call.status : 200);
    if (call.status) {
        write_error(&call, buffer_slice(&result));
    } else {
        buffer_append_text(&out, ",\"result\":");
        buffer_append(&out, result.data, result.size);
    }
    if (wants_limits(&call)) write_limits(&call, address);
    buffer_append_char(&out, '}');
    (void)ws_send(w, WS_TEXT, buffer_slice(&out));
    buffer_deinit(&out);
    buffer_deinit(&result);
}

/* ---- sessions and user streams ---- */

static void write_session(struct call *c)
{
    const struct api_client *client = c->client;
    if (client->key)
        text_word(c->out, "{\"apiKey\":", client->key->name);
    else
        buffer_append_text(c->out, "{\"apiKey\":null");
    buffer_append_text(c->out, ",\"authorizedSince\":");
    if (client->key)
        buffer_append_i64(c->out, client->logged_on_ms);
    else
        buffer_append_text(c->out, "null");
    text_number(c->out, ",\"connectedSince\":", client->life.opened_ms);
    text_bool(c->out, ",\"returnRateLimits\":", !client->hides_limits);
    text_number(c->out, ",\"serverTime\":", c->now_ms);
    text_bool(c->out, ",\"userDataStream\":", client->is_subscribed);
    buffer_append_char(c->out, '}');
}

/* These exist over the WebSocket API only, which the table says by their empty path. */
bool call_session_logon(struct call *c)
{
    if (c->key->kind != BINANCE_KEY_ED25519)
        return call_refuse(c, 400, -2028,
                           "Unsupported API key type: session.logon needs an Ed25519 key.");
    c->client->key = c->key;
    c->client->logged_on_ms = c->now_ms;
    write_session(c);
    return true;
}

bool call_session_status(struct call *c)
{
    write_session(c);
    return true;
}

static void end_subscription(struct api_client *c)
{
    if (!c->is_subscribed) return;
    struct buffer out = {0};
    text_number(&out, "{\"subscriptionId\":", c->subscription);
    text_number(&out,
                ",\"event\":{\"e\":\"eventStreamTerminated\",\"E\":", simserver_now(c->server));
    buffer_append_text(&out, "}}");
    (void)ws_send(c->ws, WS_TEXT, buffer_slice(&out));
    buffer_deinit(&out);
    c->is_subscribed = false;
}

bool call_session_logout(struct call *c)
{
    c->client->key = NULL;
    end_subscription(c->client);
    write_session(c);
    return true;
}

bool call_session_subscriptions(struct call *c)
{
    buffer_append_char(c->out, '[');
    if (c->client->is_subscribed) {
        text_number(c->out, "{\"subscriptionId\":", c->client->subscription);
        buffer_append_char(c->out, '}');
    }
    buffer_append_char(c->out, ']');
    return true;
}

bool call_user_subscribe(struct call *c)
{
    struct api_client *client = c->client;
    if (!c->key && !client->key)
        return call_refuse(c, 400, -1193, "The session is not authenticated: log on first.");
    if (client->is_subscribed)
        return call_refuse(c, 400, -2035, "User Data Stream subscription already active.");
    if (client->subscription_count == SUBSCRIPTIONS_LIFE_MAX)
        return call_refuse(c, 400, -2042, "Too many subscription ids on this connection.");
    client->subscription = client->subscription_count++;
    client->is_subscribed = true;
    text_number(c->out, "{\"subscriptionId\":", client->subscription);
    buffer_append_char(c->out, '}');
    return true;
}

bool call_user_unsubscribe(struct call *c)
{
    uint64_t id;
    if (!call_u64(c, "subscriptionId", c->client->subscription, &id)) return false;
    if (!c->client->is_subscribed || id != c->client->subscription)
        return call_refuse(c, 400, -2036, "User Data Stream subscription not active.");
    end_subscription(c->client);
    buffer_append_text(c->out, "{}");
    return true;
}

static void append_event(struct buffer *out, const struct simserver *s,
                         const struct sim_event *event)
{
    switch ((enum sim_event_kind)event->kind) {
    case SIM_EVENT_REPORT: text_report(out, &s->exchange, event); break;
    case SIM_EVENT_LIST: text_list_status(out, &s->exchange, event); break;
    case SIM_EVENT_BALANCE: text_position(out, &s->exchange, event); break;
    case SIM_EVENT_PRINT:
    case SIM_EVENT_LEVEL: break;
    }
}

void ws_api_on_event(struct simserver *s, const struct sim_event *event)
{
    if (event->account != s->people) return;
    for (struct api_client *c = s->api_clients; c; c = c->next) {
        if (!c->is_subscribed || !ws_is_open(c->ws)) continue;
        struct buffer out = {0};
        text_number(&out, "{\"subscriptionId\":", c->subscription);
        buffer_append_text(&out, ",\"event\":");
        append_event(&out, s, event);
        buffer_append_char(&out, '}');
        (void)ws_send(c->ws, WS_TEXT, buffer_slice(&out));
        buffer_deinit(&out);
    }
}
