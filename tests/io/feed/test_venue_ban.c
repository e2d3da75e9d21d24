/* A ban by the venue: however it is heard of, nothing leaves this process for that venue before it
 * ends, by no session. The script counts. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/feed/gateway.h"
#include "io/feed/market_session.h"
#include "io/feed/venue_script.h"
#include "io/net/net_fixture.h"

/* Both sessions of a venue on one line. */
struct house {
    uv_loop_t loop;
    struct venue_script venue;
    struct binance_key key;
    struct venue_rest *rest;
    struct market_session *session;
    struct gateway *gateway;
    int asked_status; /* of the last answer to ask() */
    bool user_up;
};

static void on_event(void *user, struct event *event)
{
    (void)user, (void)event;
}

static void on_nothing(void *user)
{
    (void)user;
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

static void open_session(struct house *h)
{
    const struct market_session_options session = {
        .ws_url = h->venue.ws_url,
        .rest = h->rest,
        .venue = VENUE_BINANCE,
        .instruments_max = 4,
        .reconnect_first_ms = 1,
        .reconnect_last_ms = 5,
        .sink = {.on_event = on_event, .on_symbols = on_nothing, .on_state = on_nothing},
        .user = h,
    };
    assert_int_equal(market_session_open(&h->loop, &session, &h->session), OK);
}

static void open_gateway(struct house *h)
{
    const struct gateway_options gateway = {
        .ws_api_url = h->venue.ws_api_url,
        .rest = h->rest,
        .install = "abcd1234",
        .reconnect_first_ms = 1,
        .reconnect_last_ms = 5,
        .sink = {.on_event = on_event, .on_stream = on_stream, .on_external = on_external},
        .user = h,
    };
    assert_int_equal(gateway_open(&h->loop, &gateway, &h->gateway), OK);
}

static bool knows_clock(const void *data)
{
    const struct house *h = data;
    return venue_rest_clock_known(h->rest);
}

static void house_init(struct house *h)
{
    *h = (struct house){0};
    assert_int_equal(uv_loop_init(&h->loop), 0);
    script_init(&h->venue, &h->loop, 0);
    assert_int_equal(binance_key_init_hmac(&h->key, SLICE("key"), SLICE("secret")), OK);
    const struct venue_rest_options rest = {
        .url = h->venue.rest_url, .clock = &clock_system, .key = &h->key};
    assert_int_equal(venue_rest_open(&h->loop, &rest, &h->rest), OK);
    run_until(&h->loop, knows_clock, h);
}

static void house_deinit(struct house *h)
{
    gateway_close(h->gateway);
    market_session_close(h->session);
    venue_rest_close(h->rest);
    script_deinit(&h->venue);
    loop_finish(&h->loop);
    binance_key_deinit(&h->key);
}

static bool is_open(const void *data)
{
    const struct house *h = data;
    struct market_status status;
    market_session_status(h->session, &status);
    return status.state == MARKET_LIVE && h->user_up;
}

static void on_asked(void *user, const struct binance_outcome *outcome)
{
    struct house *h = user;
    h->asked_status = outcome->answered ? outcome->status : -1;
}

static void ask(struct house *h)
{
    h->asked_status = 0;
    assert_int_equal(venue_rest_send(h->rest,
                                     &(struct venue_request){
                                         .endpoint = BINANCE_GET_KLINES,
                                         .priority = REQUEST_CANCEL,
                                         .query = SLICE("symbol=BTCUSDT"),
                                         .owner = h,
                                         .on_outcome = on_asked,
                                         .user = h,
                                     }),
                     OK);
}

static bool is_banned(const void *data)
{
    const struct house *h = data;
    return venue_rest_banned_until_ms(h->rest) > 0;
}

/* All that ever reached the venue. */
static unsigned arrivals(const struct house *h)
{
    return h->venue.asked_count + h->venue.stream_count + h->venue.user_count +
           h->venue.message_count + (unsigned)h->venue.heard_user.size;
}

static bool is_back(const void *data)
{
    const struct house *h = data;
    return is_open(h) && h->asked_status == 200;
}

/* Nothing arrives before the ban that is on ends; then everything comes back by itself. */
static void expect_silence_then_return(struct house *h)
{
    const unsigned before = arrivals(h);
    const int64_t until = venue_rest_banned_until_ms(h->rest);
    struct market_status status;
    market_session_status(h->session, &status);
    assert_int_equal(status.banned_until_ms, until);
    script_always(&h->venue, "GET /api/v3/klines", 200, "[]");
    ask(h);
    while (venue_rest_now_ms(h->rest) < until) {
        assert_int_equal(arrivals(h), before);
        uv_run(&h->loop, UV_RUN_ONCE);
    }
    run_until(&h->loop, is_back, h);
    market_session_status(h->session, &status);
    assert_int_equal(status.banned_until_ms, 0);
}

static bool is_down(const void *data)
{
    const struct house *h = data;
    struct market_status status;
    market_session_status(h->session, &status);
    return status.state == MARKET_DOWN && strstr(status.reason, "forbids") && !h->user_up;
}

static void test_ban__of_rest_stops_the_dials_of_both_streams(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    open_session(&h);
    open_gateway(&h);
    run_until(&h.loop, is_open, &h);
    script_answer_with(&h.venue, &(struct script_answer){.route = "GET /api/v3/klines",
                                                         .status = 418,
                                                         .headers = {{"Retry-After", "1"}}});
    ask(&h);
    run_until(&h.loop, is_banned, &h);
    script_cut(&h.venue);
    script_cut_user(&h.venue);
    run_until(&h.loop, is_down, &h);
    expect_silence_then_return(&h);
    house_deinit(&h);
}

static void test_ban__of_a_handshake_stops_requests_and_the_other_stream(void **state)
{
    (void)state;
    for (int status = 418; status <= 429; status += 429 - 418) {
        struct house h;
        house_init(&h);
        h.venue.refuses_dial = status;
        h.venue.retry_after = "1";
        open_session(&h);
        run_until(&h.loop, is_banned, &h);
        h.venue.refuses_dial = 0;
        open_gateway(&h);
        assert_int_equal(h.venue.stream_count, 1);
        expect_silence_then_return(&h);
        assert_int_equal(h.venue.stream_count, 2);
        assert_int_equal(h.venue.user_count, 1);
        house_deinit(&h);
    }
}

/* The WebSocket API has no Retry-After: the end stands in the text. */
static void test_ban__of_a_subscription_stops_everything(void **state)
{
    (void)state;
    struct house h;
    char refusal[160];
    house_init(&h);
    open_session(&h);
    snprintf(refusal, sizeof refusal,
             "\"status\":418,\"error\":{\"code\":-1003,\"msg\":\"Way too much request weight used; "
             "IP banned until %lld.\"}",
             (long long)venue_rest_now_ms(h.rest) + 1000);
    h.venue.refuses_user = true;
    h.venue.user_refusal = refusal;
    open_gateway(&h);
    run_until(&h.loop, is_banned, &h);
    h.venue.refuses_user = false;
    assert_int_equal(h.venue.user_count, 1);
    script_cut(&h.venue);
    run_until(&h.loop, is_down, &h);
    expect_silence_then_return(&h);
    house_deinit(&h);
}

/* The firewall's and the law's refusals stop dials, for longer than the backoff, but no order. */
static void test_ban__firewall_and_law_stop_dials_only(void **state)
{
    (void)state;
    static const int statuses[] = {403, 451};
    for (size_t i = 0; i < 2; i++) {
        struct house h;
        house_init(&h);
        h.venue.refuses_dial = statuses[i];
        open_session(&h);
        open_gateway(&h);
        while (venue_rest_dial_at(h.rest) == 0) uv_run(&h.loop, UV_RUN_ONCE);
        assert_true(venue_rest_dial_at(h.rest) > uv_now(&h.loop) + VENUE_REST_REFUSED_MS - 5000);
        assert_int_equal(venue_rest_banned_until_ms(h.rest), 0);
        run_until(&h.loop, is_down, &h);
        /* Both had dialled before either was refused, and neither does again. */
        const unsigned dials = h.venue.stream_count + h.venue.user_count;
        assert_true(dials <= 2);
        script_always(&h.venue, "GET /api/v3/klines", 200, "[]");
        ask(&h);
        while (h.asked_status == 0) uv_run(&h.loop, UV_RUN_ONCE);
        assert_int_equal(h.asked_status, 200);
        assert_true(h.venue.stream_count + h.venue.user_count <= 2);
        house_deinit(&h);
    }
}

static void test_ban__maintenance_is_waited_for_as_long_as_it_says(void **state)
{
    (void)state;
    struct house h;
    house_init(&h);
    h.venue.refuses_dial = 503;
    h.venue.retry_after = "1";
    open_session(&h);
    while (venue_rest_dial_at(h.rest) == 0) uv_run(&h.loop, UV_RUN_ONCE);
    const uint64_t at = venue_rest_dial_at(h.rest);
    h.venue.refuses_dial = 0;
    open_gateway(&h);
    while (h.venue.stream_count + h.venue.user_count < 2) uv_run(&h.loop, UV_RUN_ONCE);
    assert_true(uv_now(&h.loop) + 1 >= at);
    run_until(&h.loop, is_open, &h);
    house_deinit(&h);
}

int main(void)
{
    log_level_set(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ban__of_rest_stops_the_dials_of_both_streams),
        cmocka_unit_test(test_ban__of_a_handshake_stops_requests_and_the_other_stream),
        cmocka_unit_test(test_ban__of_a_subscription_stops_everything),
        cmocka_unit_test(test_ban__firewall_and_law_stop_dials_only),
        cmocka_unit_test(test_ban__maintenance_is_waited_for_as_long_as_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
