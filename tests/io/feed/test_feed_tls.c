/* The sessions of a venue over real TLS: they trade with the venue that they were told, compressed,
 * and with no other: not one request reaches a server that cannot prove its name. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/feed/gateway.h"
#include "io/feed/market_session.h"
#include "io/feed/venue_script.h"
#include "io/net/net_fixture.h"
#include "io/net/ws_shared.h"

enum { INDEX = 3 };

struct house {
    uv_loop_t loop;
    char folder[32], certificate[64], key_file[64], other[64], other_key[64];
    struct tls_context *server_tls, *client_tls;
    struct venue_script venue;
    struct binance_key key;
    struct venue_rest *rest;
    struct market_session *session;
    struct gateway *gateway;
    bool user_up;
    uint64_t book_id;
    unsigned downs;
};

static void on_event(void *user, struct event *event)
{
    struct house *h = user;
    if (event->kind == EVENT_BOOK) h->book_id = event->book.last_id;
}

static void on_symbols(void *user)
{
    (void)user;
}

static void on_state(void *user)
{
    struct house *h = user;
    struct market_status status;
    market_session_status(h->session, &status);
    h->downs += status.state == MARKET_DOWN;
}

static void on_order_event(void *user, struct event *event)
{
    (void)user, (void)event;
}

static void on_stream(void *user, bool up, const char *reason)
{
    struct house *h = user;
    (void)reason;
    h->user_up = up;
}

static void on_external(void *user, uint16_t instrument, const struct fill *fill)
{
    (void)user, (void)instrument, (void)fill;
}

static void make_certificates(struct house *h, const char *name, long valid_s, bool is_trusted)
{
    snprintf(h->folder, sizeof h->folder, "/tmp/feed-tls-XXXXXX");
    assert_non_null(mkdtemp(h->folder));
    snprintf(h->certificate, sizeof h->certificate, "%s/a.pem", h->folder);
    snprintf(h->key_file, sizeof h->key_file, "%s/a.key", h->folder);
    snprintf(h->other, sizeof h->other, "%s/b.pem", h->folder);
    snprintf(h->other_key, sizeof h->other_key, "%s/b.key", h->folder);
    certificate_make_for(name, valid_s, h->certificate, h->key_file);
    certificate_make("127.0.0.1", h->other, h->other_key);
    assert_int_equal(tls_server_new(h->certificate, h->key_file, &h->server_tls), OK);
    assert_int_equal(tls_client_new(is_trusted ? h->certificate : h->other, &h->client_tls), OK);
}

static void open_sessions(struct house *h)
{
    assert_int_equal(binance_key_init_hmac(&h->key, SLICE("key"), SLICE("secret")), OK);
    const struct venue_rest_options rest = {
        .url = h->venue.rest_url, .tls = h->client_tls, .clock = &clock_system, .key = &h->key};
    assert_int_equal(venue_rest_open(&h->loop, &rest, &h->rest), OK);
    const struct market_session_options session = {
        .ws_url = h->venue.ws_url,
        .tls = h->client_tls,
        .rest = h->rest,
        .venue = VENUE_BINANCE,
        .instruments_max = 4,
        .reconnect_first_ms = 1,
        .reconnect_last_ms = 5,
        .sink = {.on_event = on_event, .on_symbols = on_symbols, .on_state = on_state},
        .user = h,
    };
    assert_int_equal(market_session_open(&h->loop, &session, &h->session), OK);
    const struct gateway_options gateway = {
        .ws_api_url = h->venue.ws_api_url,
        .tls = h->client_tls,
        .rest = h->rest,
        .install = "abcd1234",
        .reconnect_first_ms = 1,
        .reconnect_last_ms = 5,
        .sink = {.on_event = on_order_event, .on_stream = on_stream, .on_external = on_external},
        .user = h,
    };
    assert_int_equal(gateway_open(&h->loop, &gateway, &h->gateway), OK);
    const struct instrument rules = script_instrument(INDEX);
    assert_int_equal(market_session_watch(h->session, &rules), OK);
}

/* The venue's certificate names `name`; the client trusts it, or another one. */
static void house_init(struct house *h, const char *name, long valid_s, bool is_trusted)
{
    *h = (struct house){0};
    assert_int_equal(uv_loop_init(&h->loop), 0);
    make_certificates(h, name, valid_s, is_trusted);
    script_init_tls(&h->venue, &h->loop, h->server_tls);
    script_always(&h->venue, "GET /api/v3/depth", 200,
                  "{\"lastUpdateId\":10,\"bids\":[[\"100.00\",\"2.0\"]],\"asks\":[]}");
    open_sessions(h);
}

static void house_deinit(struct house *h)
{
    gateway_close(h->gateway);
    market_session_close(h->session);
    venue_rest_close(h->rest);
    script_deinit(&h->venue);
    loop_finish(&h->loop);
    binance_key_deinit(&h->key);
    tls_context_free(h->server_tls);
    tls_context_free(h->client_tls);
    unlink(h->certificate);
    unlink(h->key_file);
    unlink(h->other);
    unlink(h->other_key);
    rmdir(h->folder);
}

static bool is_up(const void *data)
{
    const struct house *h = data;
    struct market_status status;
    market_session_status(h->session, &status);
    return status.state == MARKET_LIVE && h->book_id == 10 && h->user_up &&
           gateway_is_ready(h->gateway);
}

static bool has_delta(const void *data)
{
    const struct house *h = data;
    return h->book_id == 11;
}

static void send_compressed(struct house *h)
{
    struct buffer text = {0};
    struct ws_deflater deflater;
    struct ws_shared *shared;
    assert_int_equal(ws_deflater_init(&deflater), OK);
    buffer_append_text(&text, "{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":11,\"u\":11,"
                              "\"b\":[");
    for (unsigned i = 0; i < 50; i++)
        buffer_printf(&text, "%s[\"%u.00\",\"1.00000\"]", i ? "," : "", 99 - i);
    buffer_append_text(&text, "],\"a\":[]}");
    assert_int_equal(ws_shared_new(WS_TEXT, buffer_slice(&text), &deflater, &shared), OK);
    assert_true(ws_is_deflated(h->venue.stream));
    assert_int_equal(ws_send_shared(h->venue.stream, shared), OK);
    run_until(&h->loop, has_delta, h);
    ws_shared_free(shared);
    ws_deflater_deinit(&deflater);
    buffer_deinit(&text);
}

static void test_tls__sessions_work_with_the_venue_that_proves_its_name(void **state)
{
    (void)state;
    struct house h;
    house_init(&h, "127.0.0.1", 3600, true);
    run_until(&h.loop, is_up, &h);
    send_compressed(&h);
    /* Cut, they come back. */
    h.book_id = 0;
    script_cut(&h.venue);
    script_cut_user(&h.venue);
    h.user_up = false;
    run_until(&h.loop, is_up, &h);
    house_deinit(&h);
}

static bool was_down_thrice(const void *data)
{
    const struct house *h = data;
    return h->downs >= 3;
}

static void test_tls__no_request_reaches_a_server_that_cannot(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        long valid_s;
        bool is_trusted;
        const char *cause;
    } rows[] = {
        {"venue.example", 3600, true, "mismatch"},
        {"127.0.0.1", -60, true, "expired"},
        {"127.0.0.1", 3600, false, "self"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct house h;
        struct market_status status;
        house_init(&h, rows[i].name, rows[i].valid_s, rows[i].is_trusted);
        run_until(&h.loop, was_down_thrice, &h);
        market_session_status(h.session, &status);
        if (!strstr(status.reason, rows[i].cause)) fail_msg("the cause is: %s", status.reason);
        assert_int_equal(h.venue.asked_count, 0);
        assert_int_equal(h.venue.stream_count + h.venue.user_count, 0);
        assert_false(venue_rest_clock_known(h.rest));
        house_deinit(&h);
    }
}

int main(void)
{
    log_level_set(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls__sessions_work_with_the_venue_that_proves_its_name),
        cmocka_unit_test(test_tls__no_request_reaches_a_server_that_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
