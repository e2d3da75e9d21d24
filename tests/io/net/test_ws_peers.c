/* WebSocket connections against raw peers that misbehave. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/net/ws_fixture.h"
#include "io/net/ws_handshake.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws__handshakes_that_are_refused),
        cmocka_unit_test(test_ws__bytes_behind_the_upgrade_are_heard),
        cmocka_unit_test(test_ws__bad_peers_are_told_why),
        cmocka_unit_test(test_ws__compressed_bomb_is_closed_with_1009),
        cmocka_unit_test(test_ws__peer_that_never_answers_our_close_is_dropped),
        cmocka_unit_test(test_ws__answers_that_are_not_a_handshake),
        cmocka_unit_test(test_ws__endless_answer_is_cut),
        cmocka_unit_test(test_ws__silent_server_times_out),
        cmocka_unit_test(test_ws__frames_behind_the_answer_are_heard),
        cmocka_unit_test(test_ws__server_may_take_its_context_over),
        cmocka_unit_test(test_ws__client_that_does_not_read_is_dropped_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
