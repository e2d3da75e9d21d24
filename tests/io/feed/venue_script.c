/* The scripted venue. */
#include "io/feed/venue_script.h"

#include "cmocka_all.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "io/net/ws_handshake.h"

#define SYMBOL                                                                                     \
    "{\"symbol\":\"%s\",\"status\":\"TRADING\",\"baseAsset\":\"%s\",\"baseAssetPrecision\":8,"     \
    "\"quoteAsset\":\"%s\",\"quotePrecision\":8,\"quoteAssetPrecision\":8,\"filters\":["           \
    "{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"0.01000000\",\"maxPrice\":\"1000000.0\","     \
    "\"tickSize\":\"0.01000000\"},{\"filterType\":\"LOT_SIZE\",\"minQty\":\"0.00001000\","         \
    "\"maxQty\":\"9000.0\",\"stepSize\":\"0.00001000\"}]}"
#define LIMITS                                                                                     \
    "{\"timezone\":\"UTC\",\"serverTime\":1700000000000,\"rateLimits\":["                          \
    "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":"   \
    "6000},{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":"    \
    "100},{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":200000}]" \
    ",\"exchangeFilters\":[],\"symbols\":["

static void on_request(const struct http_request *request, struct http_reply *reply);

static void open_server(struct venue_script *v, uint32_t read_size, const struct tls_context *tls);

void script_init(struct venue_script *v, uv_loop_t *loop, uint32_t read_size)
{
    *v = (struct venue_script){.loop = loop};
    open_server(v, read_size, NULL);
}

void script_init_tls(struct venue_script *v, uv_loop_t *loop, const struct tls_context *tls)
{
    *v = (struct venue_script){.loop = loop, .deflates = true};
    open_server(v, 0, tls);
}

static void open_server(struct venue_script *v, uint32_t read_size, const struct tls_context *tls)
{
    const struct http_server_options options = {
        .address = "127.0.0.1",
        .tls = tls,
        .limits = {.read_size = read_size},
        .handler = on_request,
        .user = v,
    };
    assert_int_equal(http_server_open(v->loop, &options, &v->server), OK);
    const unsigned port = http_server_port(v->server);
    const char *s = tls ? "s" : "";
    snprintf(v->rest_url, sizeof v->rest_url, "http%s://127.0.0.1:%u/binance", s, port);
    snprintf(v->ws_url, sizeof v->ws_url, "ws%s://127.0.0.1:%u/binance/", s, port);
    snprintf(v->ws_api_url, sizeof v->ws_api_url, "ws%s://127.0.0.1:%u/binance/ws-api/v3", s, port);
    char info[4096];
    snprintf(info, sizeof info, LIMITS SYMBOL "," SYMBOL "]}", "BTCUSDT", "BTC", "USDT", "ETHUSDT",
             "ETH", "USDT");
    script_always(v, "GET /api/v3/exchangeInfo", 200, info);
}

void script_cut(struct venue_script *v)
{
    if (!v->stream) return;
    ws_set_handler(v->stream, NULL, NULL);
    ws_abort(v->stream);
    v->stream = NULL;
}

void script_cut_user(struct venue_script *v)
{
    if (!v->user) return;
    ws_set_handler(v->user, NULL, NULL);
    ws_abort(v->user);
    v->user = NULL;
}

void script_deinit(struct venue_script *v)
{
    script_cut(v);
    script_cut_user(v);
    if (v->deaf) conn_abort(v->deaf);
    for (unsigned i = 0; i < v->held_count; i++) http_reply_text(v->held[i], 503, NULL, SLICE(""));
    http_server_close(v->server);
    for (unsigned i = 0; i < v->answer_count; i++) free(v->answers[i].body);
    for (unsigned i = 0; i < v->asked_count; i++) free(v->asked[i]);
    buffer_deinit(&v->heard);
    buffer_deinit(&v->heard_user);
}

void script_answer_with(struct venue_script *v, const struct script_answer *answer)
{
    assert_true(v->answer_count < SCRIPT_ANSWERS_MAX);
    v->answers[v->answer_count] = *answer;
    v->answers[v->answer_count++].body = strdup(answer->body ? answer->body : "");
}

void script_answer(struct venue_script *v, const char *route, int status, const char *body)
{
    script_answer_with(
        v, &(struct script_answer){.route = route, .status = status, .body = (char *)body});
}

void script_always(struct venue_script *v, const char *route, int status, const char *body)
{
    for (unsigned i = 0; i < v->answer_count; i++) {
        struct script_answer *a = &v->answers[i];
        if (!a->stays || strcmp(a->route, route) != 0) continue;
        free(a->body);
        a->body = strdup(body);
        a->status = status;
        return;
    }
    script_answer_with(v,
                       &(struct script_answer){
                           .route = route, .status = status, .body = (char *)body, .stays = true});
}

void script_forget(struct venue_script *v)
{
    for (unsigned i = 0; i < v->asked_count; i++) free(v->asked[i]);
    v->asked_count = 0;
    buffer_clear(&v->heard);
}

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

unsigned script_count(const struct venue_script *v, const char *start)
{
    unsigned count = 0;
    for (unsigned i = 0; i < v->asked_count; i++) count += begins(v->asked[i], start);
    return count;
}

const char *script_last(const struct venue_script *v, const char *start)
{
    for (unsigned i = v->asked_count; i-- > 0;)
        if (begins(v->asked[i], start)) return v->asked[i];
    return "";
}

__attribute__((format(printf, 2, 0))) static void send_text(struct ws *w, const char *format,
                                                            va_list arguments)
{
    char *text;
    assert_non_null(w);
    const int size = vasprintf(&text, format, arguments);
    assert_int_equal(ws_send(w, WS_TEXT, (struct slice){text, (size_t)size}), OK);
    free(text);
}

void script_send(struct venue_script *v, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send_text(v->stream, format, arguments);
    va_end(arguments);
}

void script_send_user(struct venue_script *v, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    send_text(v->user, format, arguments);
    va_end(arguments);
}

static long long id_of(struct slice message)
{
    char text[32];
    const char *at = memmem(message.data, message.size, "\"id\":", 5);
    assert_non_null(at);
    at += 5;
    const size_t left = (size_t)(message.data + message.size - at);
    snprintf(text, sizeof text, "%.*s", (int)(left < sizeof text ? left : sizeof text - 1), at);
    return atoll(text);
}

static void on_stream_message(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    struct venue_script *v = ws_user(w);
    (void)opcode;
    v->message_count++;
    v->stream_messages++;
    buffer_append(&v->heard, message.data, message.size);
    buffer_append_char(&v->heard, '\n');
    if (v->refuses)
        script_send(v, "{\"error\":{\"code\":2,\"msg\":\"Invalid request\"},\"id\":%lld}",
                    id_of(message));
    else
        script_send(v, "{\"result\":null,\"id\":%lld}", id_of(message));
}

static void on_user_message(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    struct venue_script *v = ws_user(w);
    (void)opcode;
    buffer_append(&v->heard_user, message.data, message.size);
    buffer_append_char(&v->heard_user, '\n');
    if (v->refuses_user)
        script_send_user(v, "{\"id\":%lld,%s}", id_of(message),
                         v->user_refusal
                             ? v->user_refusal
                             : "\"status\":400,\"error\":{\"code\":-1021,\"msg\":\"late\"}");
    else
        script_send_user(v, "{\"id\":%lld,\"status\":200,\"result\":{\"subscriptionId\":0}}",
                         id_of(message));
}

static void on_ping(struct ws *w, struct slice payload)
{
    struct venue_script *v = ws_user(w);
    (void)payload;
    v->ping_count++;
}

static void on_stream_close(struct ws *w, uint16_t code, struct slice reason, enum err err)
{
    struct venue_script *v = ws_user(w);
    (void)code, (void)reason, (void)err;
    if (v->stream == w) v->stream = NULL;
}

static void on_user_close(struct ws *w, uint16_t code, struct slice reason, enum err err)
{
    struct venue_script *v = ws_user(w);
    (void)code, (void)reason, (void)err;
    if (v->user == w) v->user = NULL;
}

static const struct ws_handler stream_handler = {
    .on_message = on_stream_message, .on_ping = on_ping, .on_close = on_stream_close};
static const struct ws_handler user_handler = {
    .on_message = on_user_message, .on_ping = on_ping, .on_close = on_user_close};

static void on_deaf_data(struct conn *c, struct slice bytes)
{
    (void)c, (void)bytes;
}

static void on_deaf_close(struct conn *c, enum err reason, const char *text)
{
    struct venue_script *v = conn_user(c);
    (void)reason, (void)text;
    v->deaf = NULL;
}

static const struct conn_handler deaf_handler = {.on_data = on_deaf_data,
                                                 .on_close = on_deaf_close};

static void accept_deaf(struct venue_script *v, const struct http_request *request,
                        struct http_reply *reply)
{
    struct buffer out = {0};
    struct ws_agreement agreement;
    ws_response_write(&out, request, false, &agreement);
    assert_null(v->deaf);
    v->deaf = http_reply_take(reply, &deaf_handler, v);
    conn_write(v->deaf, buffer_slice(&out));
    buffer_deinit(&out);
    v->stream_count++;
}

static void refuse_dial(const struct venue_script *v, struct http_reply *reply)
{
    struct http_header header = {SLICE("Retry-After"), SLICE("")};
    if (v->retry_after) header.value = slice_of(v->retry_after);
    http_reply_send(reply, &(struct http_response){.status = v->refuses_dial,
                                                   .headers = &header,
                                                   .header_count = v->retry_after ? 1 : 0});
}

static bool accept_socket(struct venue_script *v, const struct http_request *request,
                          struct http_reply *reply)
{
    const bool is_stream = slice_is(request->path, "/binance/stream");
    if (!is_stream && !slice_is(request->path, "/binance/ws-api/v3")) return false;
    if (v->refuses_dial) {
        (is_stream ? &v->stream_count : &v->user_count)[0]++;
        refuse_dial(v, reply);
    } else if (is_stream && v->is_deaf) {
        accept_deaf(v, request, reply);
    } else if (is_stream) {
        script_cut(v);
        v->stream_count++;
        v->stream_messages = 0;
        assert_int_equal(ws_accept(request, reply, &(struct ws_options){.deflate = v->deflates},
                                   &stream_handler, v, &v->stream),
                         OK);
    } else {
        script_cut_user(v);
        v->user_count++;
        assert_int_equal(
            ws_accept(request, reply, &(struct ws_options){0}, &user_handler, v, &v->user), OK);
    }
    return true;
}

static void note_request(struct venue_script *v, const struct http_request *request)
{
    const struct slice prefix = SLICE("/binance");
    char line[8192];
    assert_true(request->path.size > prefix.size);
    assert_memory_equal(request->path.data, prefix.data, prefix.size);
    snprintf(line, sizeof line, "%.*s %.*s %.*s%.*s", (int)request->method.size,
             request->method.data, (int)(request->path.size - prefix.size),
             request->path.data + prefix.size, (int)request->query.size,
             request->query.size ? request->query.data : "", (int)request->body.size,
             request->body.size ? request->body.data : "");
    assert_true(v->asked_count < SCRIPT_ASKED_MAX);
    v->asked[v->asked_count++] = strdup(line);
}

static bool take_answer(struct venue_script *v, const char *line, struct script_answer *out)
{
    unsigned found = SCRIPT_ANSWERS_MAX;
    for (unsigned i = 0; i < v->answer_count; i++) {
        const struct script_answer *a = &v->answers[i];
        const size_t size = strlen(a->route);
        if (strncmp(line, a->route, size) != 0 || line[size] != ' ') continue;
        if (found == SCRIPT_ANSWERS_MAX || (v->answers[found].stays && !a->stays)) found = i;
    }
    if (found == SCRIPT_ANSWERS_MAX) return false;
    *out = v->answers[found];
    if (out->stays) {
        out->body = strdup(out->body);
        return true;
    }
    v->answer_count--;
    memmove(v->answers + found, v->answers + found + 1,
            (v->answer_count - found) * sizeof *v->answers);
    return true;
}

static void drop(struct http_reply *reply, const char *bytes)
{
    struct conn *c = http_reply_take(reply, NULL, NULL);
    if (!c) return;
    if (bytes) {
        conn_write(c, slice_of(bytes));
        conn_close(c);
    } else {
        conn_abort(c);
    }
}

static void play(struct venue_script *v, const struct script_answer *a, struct http_reply *reply)
{
    struct http_header headers[2];
    size_t count = 0;
    for (unsigned i = 0; i < 2 && a->headers[i][0]; i++)
        headers[count++] =
            (struct http_header){slice_of(a->headers[i][0]), slice_of(a->headers[i][1])};
    switch (a->manner) {
    case SCRIPT_ANSWER:
        http_reply_send(reply, &(struct http_response){.status = a->status,
                                                       .content_type = "application/json",
                                                       .headers = headers,
                                                       .header_count = count,
                                                       .body = slice_of(a->body)});
        break;
    case SCRIPT_CUT: drop(reply, NULL); break;
    case SCRIPT_HALF: drop(reply, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"a\":"); break;
    case SCRIPT_HANG:
        assert_true(v->held_count < SCRIPT_HELD_MAX);
        v->held[v->held_count++] = reply;
        break;
    }
}

static void on_request(const struct http_request *request, struct http_reply *reply)
{
    struct venue_script *v = request->user;
    struct script_answer answer;
    char text[64];
    if (accept_socket(v, request, reply)) return;
    note_request(v, request);
    const char *line = v->asked[v->asked_count - 1];
    if (take_answer(v, line, &answer)) {
        play(v, &answer, reply);
        free(answer.body);
        return;
    }
    if (!begins(line, "GET /api/v3/time")) fail_msg("nothing is scripted for %s", line);
    snprintf(text, sizeof text, "{\"serverTime\":%lld}", (long long)clock_wall_ms(&clock_system));
    http_reply_text(reply, 200, "application/json", slice_of(text));
}

struct instrument script_instrument(uint16_t index)
{
    return (struct instrument){.index = index,
                               .venue = VENUE_BINANCE,
                               .price_scale = 2,
                               .qty_scale = 5,
                               .base_scale = 8,
                               .quote_scale = 8,
                               .symbol = "BTCUSDT",
                               .base = "BTC",
                               .quote = "USDT"};
}
