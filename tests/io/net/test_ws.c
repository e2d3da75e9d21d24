/* WebSocket connections over real sockets, both ends ours. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/prng.h"
#include "io/net/ws_fixture.h"

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

static void test_ws__refused_handshake_tells_status_and_retry_after(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *retry_after;
        int64_t retry_after_s;
    } rows[] = {
        {429, "7", 7},     {418, "259200", 259200}, {403, NULL, -1},
        {451, "soon", -1}, {503, "", -1},           {429, "99999999999999999999", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_header header = {SLICE("Retry-After"), SLICE("")};
        if (rows[i].retry_after) header.value = slice_of(rows[i].retry_after);
        const struct http_response refusal = {.status = rows[i].status,
                                              .content_type = "text/plain",
                                              .headers = &header,
                                              .header_count = rows[i].retry_after ? 1 : 0};
        struct world world;
        world_init(&world, NULL, 0);
        world.refusal = &refusal;
        struct side client;
        client_start(&world, &client, "ws", &(struct ws_options){0});
        assert_int_equal(ws_refusal(client.w).status, 0);
        run_until(&world.loop, is_true, &client.is_closed);
        assert_int_equal(client.err, ERR_INVALID);
        assert_int_equal(client.refusal.status, rows[i].status);
        assert_int_equal(client.refusal.retry_after_s, rows[i].retry_after_s);
        side_deinit(&client);
        world_deinit(&world);
    }
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
        cmocka_unit_test(test_ws__lost_stream_is_1006),
        cmocka_unit_test(test_ws__bad_urls_and_headers_make_no_ws),
        cmocka_unit_test(test_ws__refused_connection_is_told_by_on_close),
        cmocka_unit_test(test_ws__refused_handshake_tells_status_and_retry_after),
        cmocka_unit_test(test_ws__owner_that_left_hears_nothing),
        cmocka_unit_test(test_ws__wss_trusts_only_its_roots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
