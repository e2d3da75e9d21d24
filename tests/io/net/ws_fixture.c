/* Ends and server for the tests of WebSocket connections. */
#include "io/net/ws_fixture.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

static void on_open(struct ws *w)
{
    struct side *s = ws_user(w);
    assert_false(s->is_open);
    s->is_open = true;
}

static void on_message(struct ws *w, enum ws_opcode opcode, struct slice message)
{
    struct side *s = ws_user(w);
    assert_true(s->is_open);
    assert_true(ws_is_open(w));
    s->message_count++;
    s->opcode = opcode;
    buffer_clear(&s->message);
    buffer_append(&s->message, message.data, message.size);
    if (s->echoes) assert_int_equal(ws_send(w, opcode, message), OK);
}

static void on_ping(struct ws *w, struct slice payload)
{
    struct side *s = ws_user(w);
    buffer_append(&s->ping, payload.data, payload.size);
}

static void on_pong(struct ws *w, struct slice payload)
{
    struct side *s = ws_user(w);
    buffer_append(&s->pong, payload.data, payload.size);
}

static void on_close(struct ws *w, uint16_t code, struct slice reason, enum err err)
{
    struct side *s = ws_user(w);
    assert_false(s->is_closed);
    s->is_closed = true;
    s->code = code;
    s->err = err;
    s->refusal = ws_refusal(w);
    assert_true(slice_copy(reason, s->reason, sizeof s->reason));
    s->w = NULL;
}

const struct ws_handler side_handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_ping = on_ping,
    .on_pong = on_pong,
    .on_close = on_close,
};

void side_deinit(struct side *s)
{
    if (s->w) {
        ws_set_handler(s->w, NULL, NULL);
        ws_abort(s->w);
    }
    buffer_deinit(&s->message);
    buffer_deinit(&s->pong);
    buffer_deinit(&s->ping);
}

static void on_request(const struct http_request *request, struct http_reply *reply)
{
    struct world *world = request->user;
    if (world->refusal) {
        http_reply_send(reply, world->refusal);
        return;
    }
    assert_true(world->count < SIDE_LIMIT);
    struct side *s = &world->sides[world->count];
    *s = (struct side){.is_open = true, .echoes = true};
    if (ws_accept(request, reply, &world->options, &side_handler, s, &s->w) == OK) world->count++;
}

void world_init(struct world *world, const struct tls_context *tls, uint32_t read_size)
{
    *world = (struct world){0};
    assert_int_equal(uv_loop_init(&world->loop), 0);
    const struct http_server_options options = {
        .address = "127.0.0.1",
        .tls = tls,
        .limits = {.read_size = read_size},
        .handler = on_request,
        .user = world,
    };
    assert_int_equal(http_server_open(&world->loop, &options, &world->server), OK);
}

void world_deinit(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) side_deinit(&world->sides[i]);
    http_server_close(world->server);
    loop_finish(&world->loop);
}

void client_start(struct world *world, struct side *client, const char *scheme,
                  const struct ws_options *options)
{
    char url[100];
    snprintf(url, sizeof url, "%s://127.0.0.1:%u/ws?x=1", scheme, http_server_port(world->server));
    *client = (struct side){0};
    assert_int_equal(ws_connect(&world->loop, url, options, &side_handler, client, &client->w), OK);
    assert_false(ws_is_open(client->w));
    assert_int_equal(ws_send(client->w, WS_TEXT, SLICE("early")), ERR_CLOSED);
}

void client_open(struct world *world, struct side *client, const struct ws_options *options)
{
    client_start(world, client, "ws", options);
    run_until(&world->loop, is_true, &client->is_open);
}
