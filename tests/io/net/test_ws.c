/* WebSocket connections over real sockets: both of our ends, and raw peers that misbehave. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/prng.h"
#include "io/net/net_fixture.h"
#include "io/net/ws.h"
#include "io/net/ws_handshake.h"

#define SIDE_LIMIT 8
#define UPGRADE                                                                                    \
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"       \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* One end and all that happened to it. */
struct side {
    struct ws *w; /* NULL once closed */
    bool echoes;
    bool is_open;
    bool is_closed;
    uint16_t code;
    enum err err;
    char reason[ERR_TEXT_SIZE];
    unsigned message_count;
    enum ws_opcode opcode; /* of the last message */
    struct buffer message; /* the last */
    struct buffer pong;
    struct buffer ping;
};

struct world {
    uv_loop_t loop;
    struct http_server *server;
    struct ws_options options;     /* of the server's ws */
    struct side sides[SIDE_LIMIT]; /* of the server */
    unsigned count;
};

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
    assert_true(slice_copy(reason, s->reason, sizeof s->reason));
    s->w = NULL;
}

static const struct ws_handler side_handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_ping = on_ping,
    .on_pong = on_pong,
    .on_close = on_close,
};

static void side_deinit(struct side *s)
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
    assert_true(world->count < SIDE_LIMIT);
    struct side *s = &world->sides[world->count];
    *s = (struct side){.is_open = true, .echoes = true};
    if (ws_accept(request, reply, &world->options, &side_handler, s, &s->w) == OK) world->count++;
}

static void world_init(struct world *world, const struct tls_context *tls, uint32_t read_size)
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

static void world_deinit(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++) side_deinit(&world->sides[i]);
    http_server_close(world->server);
    loop_finish(&world->loop);
}

static void client_start(struct world *world, struct side *client, const char *scheme,
                         const struct ws_options *options)
{
    char url[100];
    snprintf(url, sizeof url, "%s://127.0.0.1:%u/ws?x=1", scheme, http_server_port(world->server));
    *client = (struct side){0};
    assert_int_equal(ws_connect(&world->loop, url, options, &side_handler, client, &client->w), OK);
    assert_false(ws_is_open(client->w));
    assert_int_equal(ws_send(client->w, WS_TEXT, SLICE("early")), ERR_CLOSED);
}

static void client_open(struct world *world, struct side *client, const struct ws_options *options)
{
    client_start(world, client, "ws", options);
    run_until(&world->loop, is_true, &client->is_open);
}

static bool has_message(const void *data)
{
    const struct side *s = data;
    return s->message_count > 0;
}

static void exchange(struct world *world, struct side *client, enum ws_opcode opcode,
                     struct slice message)
{
    client->message_count = 0;
    assert_int_equal(ws_send(client->w, opcode, message), OK);
    run_until(&world->loop, has_message, client);
    assert_int_equal(client->message_count, 1);
    assert_int_equal(client->opcode, opcode);
    assert_true(slice_equal(buffer_slice(&client->message), message));
}

static void echo_sizes(uint32_t read_size, size_t size_max)
{
    static const size_t sizes[] = {0, 1, 125, 126, 5000, 65535, 65536, 70000, 300000};
    struct world world;
    world_init(&world, NULL, read_size);
    world.options.message_limit = 300000;
    struct side client;
    client_open(&world, &client, &(struct ws_options){.read_size = read_size});
    assert_false(ws_is_deflated(client.w));
    assert_string_equal(ws_peer(client.w), "127.0.0.1");
    char *payload = malloc(300000);
    for (size_t i = 0; i < 300000; i++) payload[i] = (char)('a' + i % 23);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && sizes[i] <= size_max; i++) {
        exchange(&world, &client, WS_TEXT, (struct slice){payload, sizes[i]});
        exchange(&world, &client, WS_BINARY, (struct slice){payload, sizes[i]});
    }
    assert_int_equal(ws_pending(client.w), 0);
    free(payload);
    side_deinit(&client);
    world_deinit(&world);
}

static void test_ws__messages_go_both_ways(void **state)
{
    (void)state;
    echo_sizes(0, 300000);
}

static void test_ws__one_byte_reads_give_the_same(void **state)
{
    (void)state;
    echo_sizes(1, 5000);
}

static void close_by(bool by_server)
{
    struct world world;
    world_init(&world, NULL, 0);
    struct side client;
    client_open(&world, &client, &(struct ws_options){0});
    struct side *server = &world.sides[0];
    ws_close(by_server ? server->w : client.w, 3456, SLICE("enough"));
    assert_int_equal(ws_send(by_server ? server->w : client.w, WS_TEXT, SLICE("x")), ERR_CLOSED);
    run_until(&world.loop, is_true, &client.is_closed);
    run_until(&world.loop, is_true, &server->is_closed);
    struct side *told = by_server ? &client : server;
    assert_int_equal(client.err, OK);
    assert_int_equal(server->err, OK);
    assert_int_equal(client.code, 3456);
    assert_int_equal(server->code, 3456);
    assert_string_equal(told->reason, "enough");
    side_deinit(&client);
    world_deinit(&world);
}

static void test_ws__both_ends_learn_of_a_clean_close(void **state)
{
    (void)state;
    close_by(false);
    close_by(true);
}

static void test_ws__no_message_comes_after_ws_close(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct side client;
    client_open(&world, &client, &(struct ws_options){0});
    assert_int_equal(ws_send(client.w, WS_TEXT, SLICE("the echo of this comes too late")), OK);
    ws_close(client.w, 1000, SLICE(""));
    ws_close(client.w, 1001, SLICE("a second time is nothing"));
    run_until(&world.loop, is_true, &client.is_closed);
    assert_int_equal(client.message_count, 0);
    assert_int_equal(client.code, 1000);
    assert_int_equal(world.sides[0].message_count, 1);
    side_deinit(&client);
    world_deinit(&world);
}

static bool has_pong(const void *data)
{
    return ((const struct side *)data)->pong.size > 0;
}

static void test_ws__ping_is_answered_with_its_payload(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct side client;
    client_open(&world, &client, &(struct ws_options){0});
    assert_int_equal(ws_ping(client.w, SLICE("1732365600000")), OK);
    run_until(&world.loop, has_pong, &client);
    assert_true(slice_is(buffer_slice(&client.pong), "1732365600000"));
    assert_true(slice_is(buffer_slice(&world.sides[0].ping), "1732365600000"));
    assert_true(ws_last_heard_ms(client.w) <= uv_now(&world.loop));
    assert_true(ws_last_heard_ms(client.w) + FIXTURE_WAIT_MS > uv_now(&world.loop));
    side_deinit(&client);
    world_deinit(&world);
}

static void test_ws__ping_flood_is_closed_with_1008(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct side client;
    client_open(&world, &client, &(struct ws_options){0});
    for (int i = 0; i < 10 * WS_PING_LIMIT; i++) (void)ws_ping(client.w, SLICE("!"));
    run_until(&world.loop, is_true, &client.is_closed);
    run_until(&world.loop, is_true, &world.sides[0].is_closed);
    assert_int_equal(client.code, 1008);
    assert_int_equal(world.sides[0].code, 1008);
    assert_int_equal(world.sides[0].err, ERR_LIMIT);
    assert_int_equal(world.sides[0].ping.size, WS_PING_LIMIT);
    side_deinit(&client);
    world_deinit(&world);
}

static void test_ws__message_over_the_limit_is_closed_with_1009(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct side client;
    client_open(&world, &client, &(struct ws_options){0});
    char *payload = calloc(1, WS_SERVER_MESSAGE_LIMIT + 1);
    exchange(&world, &client, WS_BINARY, (struct slice){payload, WS_SERVER_MESSAGE_LIMIT});
    (void)ws_send(client.w, WS_BINARY, (struct slice){payload, WS_SERVER_MESSAGE_LIMIT + 1});
    run_until(&world.loop, is_true, &client.is_closed);
    run_until(&world.loop, is_true, &world.sides[0].is_closed);
    assert_int_equal(world.sides[0].code, 1009);
    assert_int_equal(world.sides[0].err, ERR_LIMIT);
    assert_int_equal(world.sides[0].message_count, 1);
    free(payload);
    side_deinit(&client);
    world_deinit(&world);
}

/* ---- one frame for many ---- */

static void test_ws__shared_frame_reaches_plain_and_deflated_clients(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    world.options.deflate = true;
    struct ws_deflater deflater;
    assert_int_equal(ws_deflater_init(&deflater), OK);
    struct side clients[6];
    for (unsigned i = 0; i < 6; i++) {
        client_open(&world, &clients[i], &(struct ws_options){.deflate = i % 2});
        assert_int_equal(ws_is_deflated(clients[i].w), i % 2);
        assert_int_equal(ws_is_deflated(world.sides[i].w), i % 2);
    }
    static const size_t sizes[] = {0, 10, 199, 200, 1500, 100000};
    char *payload = malloc(100000);
    for (size_t i = 0; i < 100000; i++) payload[i] = "price 0.123 "[i % 12];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const struct slice message = {payload, sizes[s]};
        struct ws_shared *shared;
        assert_int_equal(ws_shared_new(WS_TEXT, message, &deflater, &shared), OK);
        for (unsigned i = 0; i < 6; i++) {
            clients[i].message_count = 0;
            assert_int_equal(ws_send_shared(world.sides[i].w, shared), OK);
        }
        const struct conn_piece deflated = ws_shared_piece(shared, true);
        if (message.size > 1000) assert_true(deflated.bytes.size < message.size / 10);
        deflated.release(deflated.owner);
        ws_shared_free(shared);
        for (unsigned i = 0; i < 6; i++) {
            run_until(&world.loop, has_message, &clients[i]);
            assert_true(slice_equal(buffer_slice(&clients[i].message), message));
        }
    }
    free(payload);
    for (unsigned i = 0; i < 6; i++) side_deinit(&clients[i]);
    world_deinit(&world);
    ws_deflater_deinit(&deflater);
}

static void test_ws__frame_that_does_not_shrink_is_shared_plain(void **state)
{
    (void)state;
    struct ws_deflater deflater;
    assert_int_equal(ws_deflater_init(&deflater), OK);
    struct prng p;
    prng_init(&p, 5);
    uint64_t noise[100];
    for (size_t i = 0; i < 100; i++) noise[i] = prng_next(&p);
    struct ws_shared *shared;
    assert_int_equal(ws_shared_new(WS_BINARY, (struct slice){(char *)noise, sizeof noise},
                                   &deflater, &shared),
                     OK);
    const struct conn_piece plain = ws_shared_piece(shared, false);
    const struct conn_piece deflated = ws_shared_piece(shared, true);
    assert_ptr_equal(plain.bytes.data, deflated.bytes.data);
    plain.release(plain.owner);
    deflated.release(deflated.owner);
    ws_shared_free(shared);
    ws_deflater_deinit(&deflater);
}

static void test_ws__client_that_does_not_read_is_dropped_at_the_limit(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    world.options.pending_limit = 1 << 20;
    struct raw_peer raw;
    raw_peer_dial(&raw, &world.loop, http_server_port(world.server));
    run_until(&world.loop, is_true, &raw.is_open);
    raw_peer_send(&raw, UPGRADE "\r\n");
    run_until(&world.loop, is_true, &world.sides[0].is_open);
    conn_pause(raw.conn);
    char *payload = calloc(1, 100000);
    struct ws_shared *shared;
    assert_int_equal(ws_shared_new(WS_BINARY, (struct slice){payload, 100000}, NULL, &shared), OK);
    enum err e = OK;
    size_t pending_max = 0;
    for (int i = 0; i < 1000 && e == OK; i++) {
        e = ws_send_shared(world.sides[0].w, shared);
        if (e == OK && ws_pending(world.sides[0].w) > pending_max) {
            pending_max = ws_pending(world.sides[0].w);
        }
    }
    assert_int_equal(e, ERR_LIMIT);
    assert_true(pending_max > 0 && pending_max <= 1 << 20);
    ws_shared_free(shared);
    run_until(&world.loop, is_true, &world.sides[0].is_closed);
    assert_int_equal(world.sides[0].err, ERR_LIMIT);
    assert_int_equal(world.sides[0].code, 1006);
    free(payload);
    raw_peer_deinit(&raw);
    world_deinit(&world);
}

/* ---- server against raw clients ---- */

static void test_ws__handshakes_that_are_refused(void **state)
{
    (void)state;
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UP  "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define GET "GET / HTTP/1.1\r\nHost: x\r\n"
    static const struct {
        const char *status;
        const char *request;
    } table[] = {
        {"426 ", GET "\r\n"},
        {"426 ", GET "Upgrade: h2c\r\nConnection: Upgrade\r\n" KEY V13 "\r\n"},
        {"426 ", GET UP KEY "\r\n"},
        {"426 ", GET UP KEY "Sec-WebSocket-Version: 8\r\n\r\n"},
        {"426 ", GET UP KEY V13 V13 "\r\n"},
        {"400 ", GET "Upgrade: websocket\r\n" KEY V13 "\r\n"},
        {"400 ", GET "Upgrade: websocket\r\nConnection: close\r\n" KEY V13 "\r\n"},
        {"400 ", GET UP V13 "\r\n"},
        {"400 ", GET UP KEY KEY V13 "\r\n"},
        {"400 ", GET UP V13 "Sec-WebSocket-Key: short\r\n\r\n"},
        {"400 ", GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n\r\n"},
        {"400 ", GET UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25*ZQ==\r\n\r\n"},
        {"400 ", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n" UP KEY V13 "\r\n"},
        {"400 ", GET UP KEY V13 "Content-Length: 1\r\n\r\nz"},
    };
    struct world world;
    world_init(&world, NULL, 0);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct raw_peer raw;
        raw_peer_dial(&raw, &world.loop, http_server_port(world.server));
        run_until(&world.loop, is_true, &raw.is_open);
        raw_peer_send(&raw, table[i].request);
        while (raw_peer_count(&raw, "\r\n\r\n") == 0) uv_run(&world.loop, UV_RUN_ONCE);
        if (memcmp(raw.got.data + strlen("HTTP/1.1 "), table[i].status, 4) != 0) {
            fail_msg("row %zu: %.60s", i, raw.got.data);
        }
        if (table[i].status[1] == '2') {
            assert_int_equal(raw_peer_count(&raw, "Sec-WebSocket-Version: 13\r\n"), 1);
        }
        raw_peer_deinit(&raw);
    }
    assert_int_equal(world.count, 0);
    world_deinit(&world);
#undef KEY
#undef UP
#undef V13
#undef GET
}

/* Sends the upgrade and the bytes behind it in one write, waits for the end, and gives what came
 * behind the head of the answer. */
static struct slice raw_exchange(struct world *world, struct raw_peer *raw, const char *headers,
                                 struct slice bytes)
{
    struct buffer request = {0};
    buffer_printf(&request, UPGRADE "%s\r\n", headers);
    buffer_append(&request, bytes.data, bytes.size);
    raw_peer_dial(raw, &world->loop, http_server_port(world->server));
    run_until(&world->loop, is_true, &raw->is_open);
    (void)conn_write(raw->conn, buffer_slice(&request));
    buffer_deinit(&request);
    run_until(&world->loop, is_true, &raw->is_closed);
    const char *end = memmem(raw->got.data, raw->got.size, "\r\n\r\n", 4);
    assert_non_null(end);
    assert_memory_equal(raw->got.data, "HTTP/1.1 101 ", 13);
    return (struct slice){end + 4, (size_t)(raw->got.data + raw->got.size - end - 4)};
}

static void test_ws__bytes_behind_the_upgrade_are_heard(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct raw_peer raw;
    const struct slice answer = raw_exchange(
        &world, &raw, "", SLICE("\x81\x82\0\0\0\0hi\x89\x81\0\0\0\0!\x88\x82\0\0\0\0\x03\xe8"));
    assert_int_equal(raw_peer_count(&raw, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
                     1);
    assert_true(slice_equal(answer, SLICE("\x81\x02hi\x8a\x01!\x88\x02\x03\xe8")));
    assert_int_equal(world.sides[0].err, OK);
    assert_int_equal(world.sides[0].code, 1000);
    raw_peer_deinit(&raw);
    world_deinit(&world);
}

static void test_ws__bad_peers_are_told_why(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        enum err err;
        const char *headers;
        struct slice bytes;
    } table[] = {
        {1002, ERR_PARSE, "", SLICE("\x81\x02hi")},
        {1002, ERR_PARSE, "", SLICE("\x83\x80\0\0\0\0")},
        {1007, ERR_INVALID, "", SLICE("\x81\x81\0\0\0\0\xff")},
        {1009, ERR_LIMIT, "", SLICE("\x82\xff\0\0\0\0\0\1\0\1")}, /* ends inside the header */
        {1002, ERR_PARSE, "", SLICE("\xc1\x87\0\0\0\0\xf2\x48\xcd\xc9\xc9\x07\x00")},
        {1007, ERR_INVALID, "Sec-WebSocket-Extensions: permessage-deflate\r\n",
         SLICE("\xc1\x83\0\0\0\0\xff\xff\xff")},
        {1007, ERR_INVALID, "Sec-WebSocket-Extensions: permessage-deflate\r\n",
         SLICE("\xc1\x87\0\0\0\0\x00\x01\x00\xfe\xff\xff\x00")}, /* stored, not UTF-8 */
    };
    struct world world;
    world_init(&world, NULL, 0);
    world.options.deflate = true;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct raw_peer raw;
        struct buffer bytes = {0};
        buffer_append(&bytes, table[i].bytes.data, table[i].bytes.size);
        if (table[i].code == 1009) buffer_append(&bytes, "\0\0\0\0", 4);
        const struct slice answer =
            raw_exchange(&world, &raw, table[i].headers, buffer_slice(&bytes));
        const char expected[] = {(char)(table[i].code >> 8), (char)table[i].code};
        assert_true(answer.size >= 4);
        assert_int_equal((unsigned char)answer.data[0], 0x88);
        assert_memory_equal(answer.data + 2, expected, 2);
        struct side *s = &world.sides[world.count - 1];
        run_until(&world.loop, is_true, &s->is_closed);
        assert_int_equal(s->code, table[i].code);
        assert_int_equal(s->err, table[i].err);
        assert_true(strlen(s->reason) > 0);
        assert_int_equal(s->message_count, 0);
        buffer_deinit(&bytes);
        raw_peer_deinit(&raw);
    }
    world_deinit(&world);
}

static void test_ws__compressed_bomb_is_closed_with_1009(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    world.options.deflate = true;
    struct ws_deflater deflater;
    assert_int_equal(ws_deflater_init(&deflater), OK);
    char *zeros = calloc(1, (size_t)4 << 20);
    struct buffer bomb = {0}, frame = {0};
    ws_deflate(&deflater, (struct slice){zeros, (size_t)4 << 20}, &bomb);
    assert_true(bomb.size < WS_SERVER_MESSAGE_LIMIT);
    ws_frame_build(&frame, WS_BINARY, true, buffer_slice(&bomb), (const unsigned char *)"abcd");
    struct raw_peer raw;
    const struct slice answer = raw_exchange(
        &world, &raw, "Sec-WebSocket-Extensions: permessage-deflate\r\n", buffer_slice(&frame));
    assert_memory_equal(answer.data + 2, "\x03\xf1", 2);
    assert_int_equal(world.sides[0].code, 1009);
    raw_peer_deinit(&raw);
    world_deinit(&world);
    buffer_deinit(&bomb);
    buffer_deinit(&frame);
    free(zeros);
    ws_deflater_deinit(&deflater);
}

static void test_ws__peer_that_never_answers_our_close_is_dropped(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct raw_peer raw;
    raw_peer_dial(&raw, &world.loop, http_server_port(world.server));
    run_until(&world.loop, is_true, &raw.is_open);
    raw_peer_send(&raw, UPGRADE "\r\n");
    run_until(&world.loop, is_true, &world.sides[0].is_open);
    ws_close(world.sides[0].w, 1001, SLICE("leaving"));
    run_until(&world.loop, is_true, &world.sides[0].is_closed);
    assert_int_equal(world.sides[0].err, ERR_TIMEOUT);
    assert_int_equal(world.sides[0].code, 1006);
    raw_peer_deinit(&raw);
    world_deinit(&world);
}

static void test_ws__lost_stream_is_1006(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct side client;
    client_open(&world, &client, &(struct ws_options){0});
    ws_abort(world.sides[0].w);
    assert_false(world.sides[0].is_closed); /* never inside the call */
    run_until(&world.loop, is_true, &client.is_closed);
    run_until(&world.loop, is_true, &world.sides[0].is_closed);
    assert_int_equal(client.code, 1006);
    assert_int_not_equal(client.err, OK);
    assert_int_equal(world.sides[0].code, 1006);
    assert_int_equal(world.sides[0].err, ERR_CLOSED);
    side_deinit(&client);
    world_deinit(&world);
}

/* ---- client against raw servers ---- */

struct raw_server {
    struct world *world;
    struct listener *listener;
    struct raw_peer peer;
    const char
        *answer; /* sent as soon as the request is whole; %s is the right Sec-WebSocket-Accept */
    struct slice behind;
};

static void raw_server_on_data(struct conn *c, struct slice bytes)
{
    struct raw_server *r = conn_user(c);
    buffer_append(&r->peer.got, bytes.data, bytes.size);
    const char *key = memmem(r->peer.got.data, r->peer.got.size, "Sec-WebSocket-Key: ", 19);
    if (raw_peer_count(&r->peer, "\r\n\r\n") == 0 || !r->answer) return;
    assert_non_null(key);
    char accept[WS_ACCEPT_SIZE];
    ws_accept_make((struct slice){key + 19, WS_KEY_SIZE - 1}, accept);
    struct buffer answer = {0};
    for (const char *at = r->answer; *at; at++) {
        if (*at == '%')
            buffer_append_text(&answer, accept);
        else
            buffer_append_char(&answer, *at);
    }
    buffer_append(&answer, r->behind.data, r->behind.size);
    (void)conn_write(c, buffer_slice(&answer));
    buffer_deinit(&answer);
}

static void raw_server_on_close(struct conn *c, enum err reason, const char *text)
{
    (void)reason;
    (void)text;
    struct raw_server *r = conn_user(c);
    r->peer.conn = NULL;
}

static void raw_server_on_accept(struct listener *l, struct conn *c)
{
    static const struct conn_handler handler = {
        .on_data = raw_server_on_data,
        .on_close = raw_server_on_close,
    };
    struct raw_server *r = listener_user(l);
    r->peer.conn = c;
    conn_set_handler(c, &handler, r);
}

static void raw_server_run(struct side *client, const char *answer, struct slice behind,
                           const struct ws_options *options)
{
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct raw_server server = {.answer = answer, .behind = behind};
    const struct listener_options listen = {
        .address = "127.0.0.1",
        .connection_limit = 4,
        .on_accept = raw_server_on_accept,
        .user = &server,
    };
    assert_int_equal(listener_open(&loop, &listen, &server.listener), OK);
    char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/stream", listener_port(server.listener));
    *client = (struct side){0};
    assert_int_equal(ws_connect(&loop, url, options, &side_handler, client, &client->w), OK);
    run_until(&loop, is_true, &client->is_closed);
    raw_peer_deinit(&server.peer);
    listener_close(server.listener);
    loop_finish(&loop);
}

#define SWITCH   "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
#define ACCEPTED SWITCH "Sec-WebSocket-Accept: %\r\n"

static void test_ws__answers_that_are_not_a_handshake(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        const char *answer;
    } table[] = {
        {ERR_INVALID, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"},
        {ERR_INVALID, "HTTP/1.1 1010\r\n\r\n"},
        {ERR_PARSE, "HTTP/1.0 101 Switching\r\n\r\n"},
        {ERR_PARSE, "SSH-2.0-OpenSSH\r\n\r\n"},
        {ERR_PARSE, "\r\n\r\n"},
        {ERR_PARSE, SWITCH "\r\n"},
        {ERR_PARSE, SWITCH "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
        {ERR_PARSE, ACCEPTED "Sec-WebSocket-Accept: %\r\n\r\n"},
        {ERR_PARSE, "HTTP/1.1 101 x\r\nConnection: upgrade\r\nSec-WebSocket-Accept: %\r\n\r\n"},
        {ERR_PARSE, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %\r\n\r\n"},
        {ERR_PARSE, ACCEPTED "Sec-WebSocket-Protocol: chat\r\n\r\n"},
        {ERR_PARSE, ACCEPTED "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"},
        {ERR_PARSE, ACCEPTED " folded\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct side client;
        raw_server_run(&client, table[i].answer, SLICE(""), &(struct ws_options){0});
        if (client.is_open || client.err != table[i].err || client.code != 1006) {
            fail_msg("row %zu: %s, %s", i, err_name(client.err), client.reason);
        }
        assert_true(strlen(client.reason) > 0);
        side_deinit(&client);
    }
    struct side client;
    raw_server_run(&client, table[0].answer, SLICE(""), &(struct ws_options){0});
    assert_non_null(strstr(client.reason, "HTTP/1.1 403 Forbidden"));
    side_deinit(&client);
}

static void test_ws__endless_answer_is_cut(void **state)
{
    (void)state;
    char *flood = malloc(200000);
    memset(flood, 'x', 200000);
    struct side client;
    raw_server_run(&client, "HTTP/1.1 101 x\r\nA: ", (struct slice){flood, 200000},
                   &(struct ws_options){0});
    assert_true(client.err == ERR_LIMIT || client.err == ERR_PARSE);
    side_deinit(&client);
    free(flood);
}

static void test_ws__silent_server_times_out(void **state)
{
    (void)state;
    struct side client;
    raw_server_run(&client, NULL, SLICE(""), &(struct ws_options){.handshake_timeout_ms = 50});
    assert_int_equal(client.err, ERR_TIMEOUT);
    assert_false(client.is_open);
    side_deinit(&client);
}

static void test_ws__frames_behind_the_answer_are_heard(void **state)
{
    (void)state;
    for (uint32_t read_size = 0; read_size < 3; read_size++) {
        struct side client;
        raw_server_run(&client, ACCEPTED "\r\n",
                       SLICE("\x81\x02hi\x88\x05\x03\xe8"
                             "bye"),
                       &(struct ws_options){.read_size = read_size});
        assert_true(client.is_open);
        assert_true(slice_is(buffer_slice(&client.message), "hi"));
        assert_int_equal(client.err, OK);
        assert_int_equal(client.code, 1000);
        assert_string_equal(client.reason, "bye");
        side_deinit(&client);
    }
}

static void test_ws__server_may_take_its_context_over(void **state)
{
    (void)state;
    struct side client;
    raw_server_run(
        &client, ACCEPTED "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        SLICE("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00\x88\x00"),
        &(struct ws_options){.deflate = true});
    assert_int_equal(client.err, OK);
    assert_int_equal(client.code, WS_CODE_NONE);
    assert_int_equal(client.message_count, 2);
    assert_true(slice_is(buffer_slice(&client.message), "Hello"));
    side_deinit(&client);
}

static void test_ws__bad_urls_and_headers_make_no_ws(void **state)
{
    (void)state;
    static const struct http_header bad[] = {
        {SLICE("X-Key"), SLICE("a\r\nHost: evil")},
        {SLICE("Sec-WebSocket-Protocol"), SLICE("chat")},
        {SLICE("sec-websocket-KEY"), SLICE("mine")},
        {SLICE("X Y"), SLICE("1")},
    };
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct ws *w = NULL;
    const struct ws_options none = {0};
    assert_int_equal(ws_connect(&loop, "http://127.0.0.1/", &none, &side_handler, NULL, &w),
                     ERR_UNSUPPORTED);
    assert_int_equal(ws_connect(&loop, "wss://127.0.0.1/", &none, &side_handler, NULL, &w),
                     ERR_INVALID);
    assert_int_equal(ws_connect(&loop, "ws://", &none, &side_handler, NULL, &w), ERR_PARSE);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct ws_options options = {.headers = &bad[i], .header_count = 1};
        assert_int_equal(ws_connect(&loop, "ws://127.0.0.1:1/", &options, &side_handler, NULL, &w),
                         ERR_INVALID);
    }
    assert_null(w);
    loop_finish(&loop);
}

static void test_ws__refused_connection_is_told_by_on_close(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/", http_server_port(world.server));
    http_server_close(world.server);
    world.server = NULL;
    struct side client = {0};
    /* the listener is gone once the loop has turned */
    while (uv_run(&world.loop, UV_RUN_NOWAIT)) continue;
    assert_int_equal(ws_connect(&world.loop, url, &(struct ws_options){0}, &side_handler, &client,
                                &client.w),
                     OK);
    run_until(&world.loop, is_true, &client.is_closed);
    assert_int_equal(client.err, ERR_IO);
    assert_int_equal(client.code, 1006);
    side_deinit(&client);
    world_deinit(&world);
}

static void test_ws__owner_that_left_hears_nothing(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, NULL, 0);
    struct side clients[3];
    client_start(&world, &clients[0], "ws", &(struct ws_options){0}); /* still dialing */
    client_open(&world, &clients[1], &(struct ws_options){0});
    client_open(&world, &clients[2], &(struct ws_options){0});
    for (int i = 0; i < 3; i++) {
        ws_set_handler(clients[i].w, NULL, NULL);
        if (i == 1)
            ws_close(clients[i].w, 1000, SLICE(""));
        else
            ws_abort(clients[i].w);
        clients[i].w = NULL;
        side_deinit(&clients[i]);
    }
    world_deinit(&world);
}

/* ---- TLS ---- */

static void test_ws__wss_trusts_only_its_roots(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_ws_XXXXXX";
    assert_non_null(mkdtemp(folder));
    char certificate[64], key[64], other[64], other_key[64];
    snprintf(certificate, sizeof certificate, "%s/a.pem", folder);
    snprintf(key, sizeof key, "%s/a.key", folder);
    snprintf(other, sizeof other, "%s/b.pem", folder);
    snprintf(other_key, sizeof other_key, "%s/b.key", folder);
    certificate_make("127.0.0.1", certificate, key);
    certificate_make("127.0.0.1", other, other_key);
    struct tls_context *server_tls, *trusting, *doubting;
    assert_int_equal(tls_server_new(certificate, key, &server_tls), OK);
    assert_int_equal(tls_client_new(certificate, &trusting), OK);
    assert_int_equal(tls_client_new(other, &doubting), OK);

    struct world world;
    world_init(&world, server_tls, 0);
    world.options.deflate = true;
    struct side client;
    client_start(&world, &client, "wss", &(struct ws_options){.tls = trusting, .deflate = true});
    run_until(&world.loop, is_true, &client.is_open);
    char *payload = malloc(60000);
    memset(payload, 'p', 60000);
    exchange(&world, &client, WS_TEXT, SLICE("hello"));
    exchange(&world, &client, WS_TEXT, (struct slice){payload, 60000});
    free(payload);
    ws_close(client.w, 1000, SLICE("done"));
    run_until(&world.loop, is_true, &client.is_closed);
    assert_int_equal(client.err, OK);
    side_deinit(&client);

    client_start(&world, &client, "wss", &(struct ws_options){.tls = doubting});
    run_until(&world.loop, is_true, &client.is_closed);
    assert_false(client.is_open);
    assert_int_equal(client.err, ERR_INVALID);
    side_deinit(&client);
    world_deinit(&world);
    tls_context_free(server_tls);
    tls_context_free(trusting);
    tls_context_free(doubting);
    unlink(certificate);
    unlink(key);
    unlink(other);
    unlink(other_key);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws__messages_go_both_ways),
        cmocka_unit_test(test_ws__one_byte_reads_give_the_same),
        cmocka_unit_test(test_ws__both_ends_learn_of_a_clean_close),
        cmocka_unit_test(test_ws__no_message_comes_after_ws_close),
        cmocka_unit_test(test_ws__ping_is_answered_with_its_payload),
        cmocka_unit_test(test_ws__ping_flood_is_closed_with_1008),
        cmocka_unit_test(test_ws__message_over_the_limit_is_closed_with_1009),
        cmocka_unit_test(test_ws__shared_frame_reaches_plain_and_deflated_clients),
        cmocka_unit_test(test_ws__frame_that_does_not_shrink_is_shared_plain),
        cmocka_unit_test(test_ws__client_that_does_not_read_is_dropped_at_the_limit),
        cmocka_unit_test(test_ws__handshakes_that_are_refused),
        cmocka_unit_test(test_ws__bytes_behind_the_upgrade_are_heard),
        cmocka_unit_test(test_ws__bad_peers_are_told_why),
        cmocka_unit_test(test_ws__compressed_bomb_is_closed_with_1009),
        cmocka_unit_test(test_ws__peer_that_never_answers_our_close_is_dropped),
        cmocka_unit_test(test_ws__lost_stream_is_1006),
        cmocka_unit_test(test_ws__answers_that_are_not_a_handshake),
        cmocka_unit_test(test_ws__endless_answer_is_cut),
        cmocka_unit_test(test_ws__silent_server_times_out),
        cmocka_unit_test(test_ws__frames_behind_the_answer_are_heard),
        cmocka_unit_test(test_ws__server_may_take_its_context_over),
        cmocka_unit_test(test_ws__bad_urls_and_headers_make_no_ws),
        cmocka_unit_test(test_ws__refused_connection_is_told_by_on_close),
        cmocka_unit_test(test_ws__owner_that_left_hears_nothing),
        cmocka_unit_test(test_ws__wss_trusts_only_its_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
