/* Streams over real sockets: order, limits, ends, and TLS. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/net/net_fixture.h"

/* A listener that turns each accepted conn into a raw peer. */
struct host {
    uv_loop_t loop;
    struct listener *listener;
    struct raw_peer peers[4];
    unsigned count;
};

static void host_on_accept(struct listener *l, struct conn *c)
{
    struct host *h = listener_user(l);
    assert_true(h->count < 4);
    struct raw_peer *p = &h->peers[h->count++];
    *p = (struct raw_peer){.conn = c};
    conn_set_handler(c, &raw_peer_handler, p);
}

static void host_init(struct host *h, const struct tls_context *tls, struct conn_options options)
{
    *h = (struct host){0};
    assert_int_equal(uv_loop_init(&h->loop), 0);
    const struct listener_options listen = {
        .address = "127.0.0.1",
        .connection_limit = 2,
        .tls = tls,
        .options = options,
        .on_accept = host_on_accept,
        .user = h,
    };
    assert_int_equal(listener_open(&h->loop, &listen, &h->listener), OK);
}

static void host_deinit(struct host *h)
{
    for (unsigned i = 0; i < h->count; i++) raw_peer_deinit(&h->peers[i]);
    listener_close(h->listener);
    loop_finish(&h->loop);
}

static bool has_five_bytes(const void *data)
{
    return ((const struct raw_peer *)data)->got.size >= 5;
}

static void echo_both_ways(struct host *h, struct raw_peer *client)
{
    run_until(&h->loop, is_true, &client->is_open);
    raw_peer_send(client, "hel");
    raw_peer_send(client, "lo");
    run_until(&h->loop, has_five_bytes, &h->peers[0]);
    assert_memory_equal(h->peers[0].got.data, "hello", 5);
    raw_peer_send(&h->peers[0], "world");
    run_until(&h->loop, has_five_bytes, client);
    assert_memory_equal(client->got.data, "world", 5);
}

static void test_conn__bytes_arrive_in_order_and_close_is_orderly(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    host_init(&h, NULL, (struct conn_options){.read_size = 1});
    raw_peer_dial(&client, &h.loop, listener_port(h.listener));
    echo_both_ways(&h, &client);
    assert_string_equal(conn_peer(client.conn), "127.0.0.1");
    assert_string_equal(conn_peer(h.peers[0].conn), "127.0.0.1");
    assert_int_equal(conn_written(client.conn), 5);
    conn_close(client.conn);
    run_until(&h.loop, is_true, &client.is_closed);
    run_until(&h.loop, is_true, &h.peers[0].is_closed);
    assert_int_equal(client.reason, OK);
    assert_int_equal(h.peers[0].reason, ERR_CLOSED);
    assert_int_equal(listener_connection_count(h.listener), 0);
    raw_peer_deinit(&client);
    host_deinit(&h);
}

static void test_conn__name_is_resolved_and_addresses_are_tried_in_turn(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    host_init(&h, NULL, (struct conn_options){0});
    const struct conn_dial dial = {.host = "localhost", .port = listener_port(h.listener)};
    raw_peer_dial_with(&client, &h.loop, &dial);
    run_until(&h.loop, is_true, &client.is_open);
    raw_peer_deinit(&client);
    host_deinit(&h);
}

static void test_conn__refused_port_is_told_with_the_address(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    host_init(&h, NULL, (struct conn_options){0});
    const uint16_t port = listener_port(h.listener);
    listener_close(h.listener);
    h.listener = NULL;
    uv_run(&h.loop, UV_RUN_DEFAULT);
    raw_peer_dial(&client, &h.loop, port);
    run_until(&h.loop, is_true, &client.is_closed);
    assert_false(client.is_open);
    assert_int_equal(client.reason, ERR_IO);
    assert_non_null(strstr(client.text, "cannot connect to 127.0.0.1:"));
    assert_non_null(strstr(client.text, "connection refused"));
    raw_peer_deinit(&client);
    host_deinit(&h);
}

static void test_conn__abort_while_resolving_or_connecting_is_clean(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    host_init(&h, NULL, (struct conn_options){0});
    const char *hosts[] = {"localhost", "127.0.0.1"};
    for (int i = 0; i < 2; i++) {
        const struct conn_dial dial = {.host = hosts[i], .port = listener_port(h.listener)};
        raw_peer_dial_with(&client, &h.loop, &dial);
        conn_abort(client.conn);
        assert_false(client.is_closed); /* never inside the call */
        run_until(&h.loop, is_true, &client.is_closed);
        assert_int_equal(client.reason, OK);
        raw_peer_deinit(&client);
    }
    host_deinit(&h);
}

static void test_listener__used_port_is_named(void **state)
{
    (void)state;
    struct host h;
    host_init(&h, NULL, (struct conn_options){0});
    struct listener *second;
    const struct listener_options listen = {
        .address = "127.0.0.1", .port = listener_port(h.listener), .on_accept = host_on_accept};
    assert_int_equal(listener_open(&h.loop, &listen, &second), ERR_EXISTS);
    char wanted[64];
    snprintf(wanted, sizeof wanted, "address 127.0.0.1:%u is already in use", listen.port);
    assert_string_equal(err_text(), wanted);
    const struct listener_options bad = {.address = "nowhere", .on_accept = host_on_accept};
    assert_int_equal(listener_open(&h.loop, &bad, &second), ERR_INVALID);
    assert_string_equal(err_text(), "'nowhere' is not an IP address to listen on");
    host_deinit(&h);
}

struct shared_port {
    struct listener *listeners[3];
    unsigned accepted[3];
};

static void count_accepted(struct listener *l, struct conn *c)
{
    ++*(unsigned *)listener_user(l);
    conn_abort(c);
}

static enum err open_shared(uv_loop_t *loop, struct shared_port *s, unsigned i,
                            enum listener_sharing sharing)
{
    const struct listener_options listen = {
        .address = "127.0.0.1",
        .port = i == 0 ? 0 : listener_port(s->listeners[0]),
        .sharing = sharing,
        .connection_limit = 1000,
        .on_accept = count_accepted,
        .user = &s->accepted[i],
    };
    return listener_open(loop, &listen, &s->listeners[i]);
}

/* Of 200 connections the chance that one of three gets none is 1e-35. */
static void test_listener__those_that_share_a_port_all_accept(void **state)
{
    (void)state;
    enum { CLIENTS = 200 };
    struct shared_port shared = {0};
    struct host h;
    host_init(&h, NULL, (struct conn_options){0});
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(open_shared(&h.loop, &shared, i, i == 0 ? LISTENER_FIRST : LISTENER_JOINS),
                         OK);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct raw_peer client;
        raw_peer_dial(&client, &h.loop, listener_port(shared.listeners[0]));
        run_until(&h.loop, is_true, &client.is_closed);
        raw_peer_deinit(&client);
    }
    assert_int_equal(shared.accepted[0] + shared.accepted[1] + shared.accepted[2], CLIENTS);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(shared.accepted[i] > 0);
        listener_close(shared.listeners[i]);
    }
    host_deinit(&h);
}

static void test_listener__a_shared_port_is_refused_to_others(void **state)
{
    (void)state;
    struct shared_port shared = {0};
    struct host h;
    host_init(&h, NULL, (struct conn_options){0});
    assert_int_equal(open_shared(&h.loop, &shared, 0, LISTENER_FIRST), OK);
    assert_int_equal(open_shared(&h.loop, &shared, 1, LISTENER_JOINS), OK);
    assert_int_equal(open_shared(&h.loop, &shared, 2, LISTENER_ALONE), ERR_EXISTS);
    assert_int_equal(open_shared(&h.loop, &shared, 2, LISTENER_FIRST), ERR_EXISTS);
    listener_close(shared.listeners[0]);
    listener_close(shared.listeners[1]);
    host_deinit(&h);
}

static void test_listener__over_the_limit_closes_unheard(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer clients[3];
    host_init(&h, NULL, (struct conn_options){0});
    for (int i = 0; i < 3; i++) {
        raw_peer_dial(&clients[i], &h.loop, listener_port(h.listener));
        run_until(&h.loop, is_true, &clients[i].is_open);
    }
    run_until(&h.loop, is_true, &clients[2].is_closed);
    assert_int_equal(h.count, 2);
    assert_int_equal(listener_refused_count(h.listener), 1);
    assert_false(clients[0].is_closed);
    for (int i = 0; i < 3; i++) raw_peer_deinit(&clients[i]);
    host_deinit(&h);
}

static void count_release(void *owner)
{
    ++*(unsigned *)owner;
}

static void test_conn__reader_that_stops_hits_the_limit_and_shared_bytes_are_released(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    const size_t limit = 1 << 20;
    host_init(&h, NULL, (struct conn_options){.pending_limit = limit});
    raw_peer_dial(&client, &h.loop, listener_port(h.listener));
    run_until(&h.loop, is_true, &client.is_open);
    run_until(&h.loop, is_true, &h.peers[0].is_open);
    conn_pause(client.conn);
    char *block = calloc(1, 65536);
    unsigned released = 0, written = 0;
    enum err err = OK;
    while (!err) {
        const struct conn_piece pieces[] = {
            {.bytes = SLICE("head")},
            {.bytes = {block, 65536}, .release = count_release, .owner = &released}};
        err = conn_write_pieces(h.peers[0].conn, pieces, 2);
        written++;
        assert_true(conn_pending(h.peers[0].conn) <= limit);
        assert_true(written < 10000);
    }
    assert_int_equal(err, ERR_LIMIT);
    assert_true(released < written);
    run_until(&h.loop, is_true, &h.peers[0].is_closed);
    assert_int_equal(h.peers[0].reason, ERR_LIMIT);
    assert_int_equal(released, written);
    free(block);
    raw_peer_deinit(&client);
    host_deinit(&h);
}

struct wanted_size {
    const struct raw_peer *peer;
    size_t size;
};

static bool has_size(const void *data)
{
    const struct wanted_size *w = data;
    return w->peer->got.size >= w->size;
}

static void test_conn__close_flushes_what_waits_for_a_slow_reader(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    const size_t size = (size_t)8 << 20;
    host_init(&h, NULL, (struct conn_options){.pending_limit = size});
    raw_peer_dial(&client, &h.loop, listener_port(h.listener));
    run_until(&h.loop, is_true, &client.is_open);
    run_until(&h.loop, is_true, &h.peers[0].is_open);
    conn_pause(client.conn);
    char *block = malloc(size);
    for (size_t i = 0; i < size; i++) block[i] = (char)(i * 7 + i / 251);
    assert_int_equal(conn_write(h.peers[0].conn, (struct slice){block, size}), OK);
    assert_true(conn_pending(h.peers[0].conn) > 0);
    conn_close(h.peers[0].conn);
    assert_int_equal(conn_write(h.peers[0].conn, SLICE("late")), ERR_CLOSED);
    conn_resume(client.conn);
    const struct wanted_size all = {&client, size};
    run_until(&h.loop, has_size, &all);
    assert_memory_equal(client.got.data, block, size);
    run_until(&h.loop, is_true, &client.is_closed);
    assert_int_equal(client.got.size, size);
    free(block);
    raw_peer_deinit(&client);
    host_deinit(&h);
}

static void test_conn__writing_to_a_peer_that_reset_is_an_error_not_a_signal(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    host_init(&h, NULL, (struct conn_options){0});
    raw_peer_dial(&client, &h.loop, listener_port(h.listener));
    run_until(&h.loop, is_true, &client.is_open);
    run_until(&h.loop, is_true, &h.peers[0].is_open);
    conn_abort(client.conn);
    /* The first write draws a reset, the next ones meet a broken pipe. */
    for (int i = 0; i < 3; i++) raw_peer_send(&h.peers[0], "x");
    run_until(&h.loop, is_true, &h.peers[0].is_closed);
    assert_int_equal(h.peers[0].reason, ERR_IO);
    raw_peer_deinit(&client);
    host_deinit(&h);
}

static void test_conn__unread_bytes_come_first(void **state)
{
    (void)state;
    struct host h;
    struct raw_peer client;
    host_init(&h, NULL, (struct conn_options){0});
    raw_peer_dial(&client, &h.loop, listener_port(h.listener));
    run_until(&h.loop, is_true, &client.is_open);
    run_until(&h.loop, is_true, &h.peers[0].is_open);
    raw_peer_send(&client, "lo");
    assert_int_equal(conn_unread(h.peers[0].conn, SLICE("el")), OK);
    assert_int_equal(conn_unread(h.peers[0].conn, SLICE("h")), OK);
    assert_int_equal(h.peers[0].got.size, 0);
    run_until(&h.loop, has_five_bytes, &h.peers[0]);
    assert_memory_equal(h.peers[0].got.data, "hello", 5);
    raw_peer_deinit(&client);
    host_deinit(&h);
}

/* ---- TLS ---- */

struct tls_files {
    char folder[64], certificate[96], key[96];
};

static void tls_files_make(struct tls_files *f, const char *name)
{
    snprintf(f->folder, sizeof f->folder, "/tmp/tradebot-tls-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->certificate, sizeof f->certificate, "%s/cert.pem", f->folder);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->folder);
    certificate_make(name, f->certificate, f->key);
}

static void tls_files_remove(const struct tls_files *f)
{
    unlink(f->certificate);
    unlink(f->key);
    rmdir(f->folder);
}

/* Dials `host` with a server whose certificate bears `name`; ca NULL: the system's roots. */
static void tls_attempt(const char *name, const char *host, bool is_trusted, bool must_open,
                        const char *cause)
{
    struct tls_files files;
    struct tls_context *server, *client_tls;
    struct host h;
    struct raw_peer client;
    tls_files_make(&files, name);
    assert_int_equal(tls_server_new(files.certificate, files.key, &server), OK);
    assert_int_equal(tls_client_new(is_trusted ? files.certificate : NULL, &client_tls), OK);
    host_init(&h, server, (struct conn_options){.read_size = must_open ? 1 : 0});
    const struct conn_dial dial = {
        .host = host, .port = listener_port(h.listener), .tls = client_tls};
    raw_peer_dial_with(&client, &h.loop, &dial);
    if (must_open) {
        echo_both_ways(&h, &client);
        conn_close(client.conn);
        run_until(&h.loop, is_true, &h.peers[0].is_closed);
        assert_int_equal(h.peers[0].reason, ERR_CLOSED);
    }
    run_until(&h.loop, is_true, &client.is_closed);
    assert_int_equal(client.is_open, must_open);
    assert_int_equal(client.reason, must_open ? OK : ERR_INVALID);
    if (cause) assert_non_null(strstr(client.text, cause));
    raw_peer_deinit(&client);
    host_deinit(&h);
    tls_context_free(server);
    tls_context_free(client_tls);
    tls_files_remove(&files);
}

static void test_tls__trusted_chain_and_name_opens(void **state)
{
    (void)state;
    tls_attempt("localhost", "localhost", true, true, NULL);
    tls_attempt("127.0.0.1", "127.0.0.1", true, true, NULL);
}

static void test_tls__untrusted_chain_is_refused(void **state)
{
    (void)state;
    tls_attempt("localhost", "localhost", false, false, "certificate is refused: self");
}

static void test_tls__wrong_host_is_refused(void **state)
{
    (void)state;
    tls_attempt("exchange.test", "localhost", true, false, "ostname mismatch");
    tls_attempt("localhost", "127.0.0.1", true, false, "address mismatch");
}

static void test_tls__plain_peer_is_refused(void **state)
{
    (void)state;
    struct tls_context *tls;
    struct host h;
    struct raw_peer client;
    assert_int_equal(tls_client_new(NULL, &tls), OK);
    host_init(&h, NULL, (struct conn_options){0});
    const struct conn_dial dial = {
        .host = "127.0.0.1", .port = listener_port(h.listener), .tls = tls};
    raw_peer_dial_with(&client, &h.loop, &dial);
    run_until(&h.loop, has_five_bytes, &h.peers[0]);
    raw_peer_send(&h.peers[0], "HTTP/1.1 400 Bad Request\r\n\r\n");
    run_until(&h.loop, is_true, &client.is_closed);
    assert_int_equal(client.reason, ERR_INVALID);
    raw_peer_deinit(&client);
    host_deinit(&h);
    tls_context_free(tls);
}

static void test_tls__silent_server_times_out(void **state)
{
    (void)state;
    struct tls_context *tls;
    struct host h;
    struct raw_peer client;
    assert_int_equal(tls_client_new(NULL, &tls), OK);
    host_init(&h, NULL, (struct conn_options){0});
    const struct conn_dial dial = {.host = "127.0.0.1",
                                   .port = listener_port(h.listener),
                                   .tls = tls,
                                   .options = {.connect_timeout_ms = 50}};
    raw_peer_dial_with(&client, &h.loop, &dial);
    run_until(&h.loop, is_true, &client.is_closed);
    assert_int_equal(client.reason, ERR_TIMEOUT);
    assert_non_null(strstr(client.text, "within 50 ms"));
    raw_peer_deinit(&client);
    host_deinit(&h);
    tls_context_free(tls);
}

static void test_tls__missing_files_are_named(void **state)
{
    (void)state;
    struct tls_context *tls;
    assert_int_equal(tls_client_new("/nonexistent/ca.pem", &tls), ERR_INVALID);
    assert_non_null(strstr(err_text(), "/nonexistent/ca.pem"));
    assert_int_equal(tls_server_new("/nonexistent/c.pem", "/nonexistent/k.pem", &tls), ERR_INVALID);
    assert_non_null(strstr(err_text(), "/nonexistent/c.pem"));
}

static void test_tls__cut_stream_is_not_an_orderly_end(void **state)
{
    (void)state;
    struct tls_files files;
    struct tls_context *server, *client_tls;
    struct host h;
    struct raw_peer client;
    tls_files_make(&files, "localhost");
    assert_int_equal(tls_server_new(files.certificate, files.key, &server), OK);
    assert_int_equal(tls_client_new(files.certificate, &client_tls), OK);
    host_init(&h, server, (struct conn_options){0});
    const struct conn_dial dial = {
        .host = "localhost", .port = listener_port(h.listener), .tls = client_tls};
    raw_peer_dial_with(&client, &h.loop, &dial);
    echo_both_ways(&h, &client);
    conn_abort(h.peers[0].conn);
    run_until(&h.loop, is_true, &client.is_closed);
    assert_int_equal(client.reason, ERR_IO);
    raw_peer_deinit(&client);
    host_deinit(&h);
    tls_context_free(server);
    tls_context_free(client_tls);
    tls_files_remove(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conn__bytes_arrive_in_order_and_close_is_orderly),
        cmocka_unit_test(test_conn__name_is_resolved_and_addresses_are_tried_in_turn),
        cmocka_unit_test(test_conn__refused_port_is_told_with_the_address),
        cmocka_unit_test(test_conn__abort_while_resolving_or_connecting_is_clean),
        cmocka_unit_test(test_listener__used_port_is_named),
        cmocka_unit_test(test_listener__those_that_share_a_port_all_accept),
        cmocka_unit_test(test_listener__a_shared_port_is_refused_to_others),
        cmocka_unit_test(test_listener__over_the_limit_closes_unheard),
        cmocka_unit_test(test_conn__reader_that_stops_hits_the_limit_and_shared_bytes_are_released),
        cmocka_unit_test(test_conn__close_flushes_what_waits_for_a_slow_reader),
        cmocka_unit_test(test_conn__writing_to_a_peer_that_reset_is_an_error_not_a_signal),
        cmocka_unit_test(test_conn__unread_bytes_come_first),
        cmocka_unit_test(test_tls__trusted_chain_and_name_opens),
        cmocka_unit_test(test_tls__untrusted_chain_is_refused),
        cmocka_unit_test(test_tls__wrong_host_is_refused),
        cmocka_unit_test(test_tls__plain_peer_is_refused),
        cmocka_unit_test(test_tls__silent_server_times_out),
        cmocka_unit_test(test_tls__missing_files_are_named),
        cmocka_unit_test(test_tls__cut_stream_is_not_an_orderly_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
