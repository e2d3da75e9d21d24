/* A server and its clients for tests. */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

static int64_t wall_ms(const struct clock *self)
{
    const struct test_clock *c = (const struct test_clock *)self;
    return c->fixed_ms ? c->fixed_ms : clock_wall_ms(&clock_system) + c->ahead_ms;
}

static int64_t monotonic_ns(const struct clock *self)
{
    (void)self;
    return clock_monotonic_ns(&clock_system);
}

void exchange_open(struct exchange *e, struct simserver_options options)
{
    const int64_t fixed_ms = e->clock.fixed_ms;
    *e = (struct exchange){.clock = {{monotonic_ns, wall_ms}, 0, fixed_ms}};
    assert_int_equal(uv_loop_init(&e->loop), 0);
    options.clock = &e->clock.clock;
    if (!options.seed) options.seed = 7;
    if (simserver_open(&e->loop, &options, &e->server) != OK) fail_msg("%s", err_text());
    simserver_info(e->server, &e->info);
    const struct http_client_options http = {.host = "127.0.0.1", .port = e->info.port};
    assert_int_equal(http_client_open(&e->loop, &http, &e->http), OK);
}

void exchange_close(struct exchange *e)
{
    http_client_close(e->http);
    simserver_close(e->server);
    loop_finish(&e->loop);
    buffer_deinit(&e->body);
}

int64_t exchange_now(const struct exchange *e)
{
    return clock_wall_ms(&e->clock.clock);
}

static int64_t header_number(const struct http_headers *headers, const char *name)
{
    const struct slice text = http_header_get(headers, name);
    char digits[24];
    return text.size && slice_copy(text, digits, sizeof digits) ? strtoll(digits, NULL, 10) : -1;
}

static void on_result(void *user, const struct http_result *result)
{
    struct exchange *e = user;
    assert_int_equal(result->err, OK);
    e->is_answered = true;
    e->status = result->status;
    e->weight = header_number(&result->headers, "X-MBX-USED-WEIGHT-1M");
    e->retry_after_s = header_number(&result->headers, "Retry-After");
    buffer_clear(&e->body);
    buffer_append(&e->body, result->body.data, result->body.size);
    buffer_append_char(&e->body, '\0');
}

int exchange_send(struct exchange *e, const char *method, const char *target, const char *body)
{
    const struct http_header header = {SLICE("X-MBX-APIKEY"), slice_of(e->info.api_key)};
    e->is_answered = false;
    assert_int_equal(http_client_send(e->http,
                                      &(struct http_call){
                                          .method = slice_of(method),
                                          .target = slice_of(target),
                                          .headers = &header,
                                          .header_count = 1,
                                          .body = slice_of(body),
                                          .on_result = on_result,
                                          .user = e,
                                      }),
                     OK);
    run_until(&e->loop, is_true, &e->is_answered);
    return e->status;
}

int exchange_get(struct exchange *e, const char *path)
{
    char target[1024];
    snprintf(target, sizeof target, "/binance/api/v3/%s", path);
    return exchange_send(e, "GET", target, "");
}

void exchange_sign(const struct exchange *e, const char *text, char out[65])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), e->info.secret, (int)strlen(e->info.secret), (const unsigned char *)text,
         strlen(text), mac, &size);
    assert_int_equal(size, 32);
    for (unsigned i = 0; i < 32; i++) snprintf(out + 2 * i, 3, "%02x", mac[i]);
}

int exchange_signed(struct exchange *e, const char *method, const char *path, const char *query)
{
    char text[1024], target[2048], signature[65];
    snprintf(text, sizeof text, "%s%stimestamp=%lld", query, *query ? "&" : "",
             (long long)exchange_now(e));
    exchange_sign(e, text, signature);
    const size_t size = strlen(text);
    snprintf(text + size, sizeof text - size, "&signature=%s", signature);
    const bool in_body = strcmp(method, "POST") == 0;
    snprintf(target, sizeof target, "/binance/api/v3/%s%s%s", path, in_body ? "" : "?",
             in_body ? "" : text);
    return exchange_send(e, method, target, in_body ? text : "");
}

json_t *exchange_json(const struct exchange *e)
{
    json_error_t error;
    json_t *json = json_loads(e->body.data, JSON_DECODE_ANY, &error);
    if (!json) fail_msg("not JSON (%s): %s", error.text, e->body.data);
    return json;
}

int exchange_code(const struct exchange *e)
{
    json_t *json = exchange_json(e);
    const int code = (int)json_integer_value(json_object_get(json, "code"));
    json_decref(json);
    return code;
}

static void on_open(struct ws *w)
{
    struct listener_client *c = ws_user(w);
    c->is_open = true;
}

static void on_message(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    struct listener_client *c = ws_user(w);
    json_error_t error;
    assert_int_equal(opcode, WS_TEXT);
    json_t *json = json_loadb(message.data, message.size, 0, &error);
    if (!json) fail_msg("not JSON (%s): %.*s", error.text, (int)message.size, message.data);
    json_array_append_new(c->messages, json);
}

static void on_close(struct ws *w, uint16_t code, struct slice reason, enum err err)
{
    struct listener_client *c = ws_user(w);
    (void)reason;
    (void)err;
    c->code = code;
    c->is_closed = true;
    c->ws = NULL;
}

static const struct ws_handler handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
};

void client_dial(struct listener_client *c, struct exchange *e, const char *path)
{
    char url[1024];
    *c = (struct listener_client){.exchange = e, .messages = json_array()};
    snprintf(url, sizeof url, "ws://127.0.0.1:%u%s", e->info.port, path);
    const struct ws_options options = {.deflate = true};
    assert_int_equal(ws_connect(&e->loop, url, &options, &handler, c, &c->ws), OK);
    run_until(&e->loop, is_true, &c->is_open);
}

void client_say(struct listener_client *c, const char *text)
{
    assert_int_equal(ws_send(c->ws, WS_TEXT, slice_of(text)), OK);
}

struct wish {
    const struct listener_client *client;
    size_t count;
};

static bool is_heard(const void *data)
{
    const struct wish *w = data;
    return json_array_size(w->client->messages) >= w->count;
}

void client_hear(struct listener_client *c, size_t count)
{
    const struct wish wish = {c, count};
    run_until(&c->exchange->loop, is_heard, &wish);
}

json_t *client_message(const struct listener_client *c, size_t index)
{
    return json_array_get(c->messages, index);
}

void client_await_close(struct listener_client *c)
{
    run_until(&c->exchange->loop, is_true, &c->is_closed);
}

void client_hang_up(struct listener_client *c)
{
    if (c->ws) {
        ws_set_handler(c->ws, NULL, NULL);
        ws_abort(c->ws);
    }
    json_decref(c->messages);
}
