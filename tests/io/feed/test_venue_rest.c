/* The REST line: who goes first, what waits, what provably never left. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/feed/venue_rest.h"
#include "io/feed/venue_script.h"
#include "io/net/net_fixture.h"

struct line {
    uv_loop_t loop;
    struct venue_script venue;
    struct binance_key key;
    struct venue_rest *rest;
    struct buffer log; /* "a 200\n", "b unsent\n", "c cut\n" */
    bool closes;
};

struct asker {
    struct line *line;
    char name;
};

static void on_outcome(void *user, const struct binance_outcome *outcome)
{
    struct asker *a = user;
    if (outcome->answered)
        buffer_printf(&a->line->log, "%c %d\n", a->name, outcome->status);
    else
        buffer_printf(&a->line->log, "%c %s\n", a->name, outcome->maybe_sent ? "cut" : "unsent");
    if (!a->line->closes) return;
    a->line->closes = false;
    venue_rest_close(a->line->rest);
    a->line->rest = NULL;
}

static void line_init(struct line *l)
{
    *l = (struct line){0};
    assert_int_equal(uv_loop_init(&l->loop), 0);
    script_init(&l->venue, &l->loop, 0);
    assert_int_equal(binance_key_init_hmac(&l->key, SLICE("key"), SLICE("secret")), OK);
    const struct venue_rest_options options = {
        .url = l->venue.rest_url, .clock = &clock_system, .key = &l->key};
    assert_int_equal(venue_rest_open(&l->loop, &options, &l->rest), OK);
    assert_false(venue_rest_clock_known(l->rest));
    while (!venue_rest_clock_known(l->rest)) uv_run(&l->loop, UV_RUN_ONCE);
}

static void line_deinit(struct line *l)
{
    venue_rest_close(l->rest);
    script_deinit(&l->venue);
    loop_finish(&l->loop);
    binance_key_deinit(&l->key);
    buffer_deinit(&l->log);
}

static void ask(struct asker *a, enum binance_endpoint endpoint, enum request_priority priority,
                uint32_t wait_ms)
{
    const struct venue_request request = {
        .endpoint = endpoint,
        .priority = priority,
        .query = SLICE("symbol=BTCUSDT"),
        .weight = 10,
        .wait_ms = wait_ms,
        .owner = a,
        .on_outcome = on_outcome,
        .user = a,
    };
    const size_t before = a->line->log.size;
    assert_int_equal(venue_rest_send(a->line->rest, &request), OK);
    assert_int_equal(a->line->log.size, before);
}

struct expected {
    const struct line *line;
    size_t size;
};

static bool is_logged(const void *data)
{
    const struct expected *e = data;
    return e->line->log.size >= e->size;
}

static void expect(struct line *l, const char *log)
{
    run_until(&l->loop, is_logged, &(struct expected){l, strlen(log)});
    buffer_append_char(&l->log, '\0');
    assert_string_equal(l->log.data, log);
    buffer_clear(&l->log);
}

static void test_rest__clock_follows_the_venue(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    const int64_t off = venue_rest_now_ms(l.rest) - clock_wall_ms(&clock_system);
    assert_true(off > -1000 && off < 1000);
    assert_true(venue_rest_latency_ms(l.rest) >= 0);
    assert_int_equal(script_count(&l.venue, "GET /api/v3/time"), VENUE_REST_CLOCK_TRIES);
    /* The venue's clock turns out to be another: after a doubt that is believed. */
    script_always(&l.venue, "GET /api/v3/time", 200, "{\"serverTime\":1700000000000}");
    venue_rest_clock_doubt(l.rest);
    venue_rest_clock_doubt(l.rest);
    while (venue_rest_now_ms(l.rest) > 1700000010000) uv_run(&l.loop, UV_RUN_ONCE);
    assert_true(venue_rest_now_ms(l.rest) >= 1700000000000);
    assert_int_equal(script_count(&l.venue, "GET /api/v3/time"), 2 * VENUE_REST_CLOCK_TRIES);
    line_deinit(&l);
}

static void test_rest__unreadable_clock_is_asked_again(void **state)
{
    (void)state;
    struct line l;
    l = (struct line){0};
    assert_int_equal(uv_loop_init(&l.loop), 0);
    script_init(&l.venue, &l.loop, 0);
    script_answer(&l.venue, "GET /api/v3/time", 500, "");
    const struct venue_rest_options options = {.url = l.venue.rest_url, .clock = &clock_system};
    assert_int_equal(venue_rest_open(&l.loop, &options, &l.rest), OK);
    while (!venue_rest_clock_known(l.rest)) uv_run(&l.loop, UV_RUN_ONCE);
    assert_int_equal(script_count(&l.venue, "GET /api/v3/time"), VENUE_REST_CLOCK_TRIES + 1);
    /* Without a key nothing can be signed. */
    const struct venue_request request = {
        .endpoint = BINANCE_GET_ORDER, .priority = REQUEST_PROTECTIVE, .on_outcome = on_outcome};
    assert_int_equal(venue_rest_send(l.rest, &request), ERR_INVALID);
    line_deinit(&l);
}

static void test_rest__data_never_stands_before_an_order(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    struct asker data[4], order = {&l, 'o'};
    for (unsigned i = 0; i < 4; i++) {
        script_answer_with(&l.venue, &(struct script_answer){.route = "GET /api/v3/klines",
                                                             .manner = SCRIPT_HANG});
        data[i] = (struct asker){&l, (char)('a' + i)};
        ask(&data[i], BINANCE_GET_KLINES, REQUEST_DATA, 0);
    }
    while (l.venue.held_count < VENUE_REST_DATA_POOL) uv_run(&l.loop, UV_RUN_ONCE);
    script_answer(&l.venue, "POST /api/v3/order", 200, "{}");
    ask(&order, BINANCE_POST_ORDER, REQUEST_ENTRY, 0);
    expect(&l, "o 200\n");
    line_deinit(&l);
}

static void test_rest__waiting_goes_by_priority(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    /* Limited for a second: everything waits, then the most urgent goes first. */
    script_answer_with(&l.venue, &(struct script_answer){.route = "GET /api/v3/klines",
                                                         .status = 429,
                                                         .headers = {{"Retry-After", "1"}}});
    struct asker first = {&l, 'x'};
    ask(&first, BINANCE_GET_KLINES, REQUEST_DATA, 0);
    expect(&l, "x 429\n");
    const unsigned asked = l.venue.asked_count;
    struct asker a = {&l, 'a'}, b = {&l, 'b'}, c = {&l, 'c'}, d = {&l, 'd'}, e = {&l, 'e'};
    script_always(&l.venue, "GET /api/v3/depth", 200, "{}");
    script_always(&l.venue, "POST /api/v3/order", 200, "{}");
    script_always(&l.venue, "DELETE /api/v3/order", 200, "{}");
    ask(&a, BINANCE_GET_DEPTH, REQUEST_DATA, 0);
    ask(&b, BINANCE_POST_ORDER, REQUEST_ENTRY, 0);
    ask(&c, BINANCE_POST_ORDER, REQUEST_EXIT, 0);
    ask(&d, BINANCE_DELETE_ORDER, REQUEST_CANCEL, 0);
    ask(&e, BINANCE_POST_ORDER, REQUEST_EXIT, 100);
    expect(&l, "e unsent\n");
    assert_int_equal(l.venue.asked_count, asked);
    const int64_t until = venue_rest_budget(l.rest)->banned_until_ms;
    while (l.log.size < 4 * strlen("a 200\n")) {
        uv_run(&l.loop, UV_RUN_ONCE);
        /* Not one request before the ban ends. */
        if (l.venue.asked_count > asked) assert_true(venue_rest_now_ms(l.rest) >= until);
    }
    assert_int_equal(l.venue.asked_count, asked + 4);
    assert_non_null(strstr(l.venue.asked[asked], "/api/v3/order"));
    line_deinit(&l);
}

static void test_rest__headers_lead_the_budget(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    struct asker a = {&l, 'a'};
    script_answer_with(&l.venue,
                       &(struct script_answer){.route = "POST /api/v3/order",
                                               .status = 200,
                                               .headers = {{"X-MBX-USED-WEIGHT-1M", "321"},
                                                           {"x-mbx-order-count-10s", "7"}}});
    ask(&a, BINANCE_POST_ORDER, REQUEST_ENTRY, 0);
    expect(&l, "a 200\n");
    const struct request_budget *budget = venue_rest_budget(l.rest);
    assert_int_equal(budget->weight.used, 321);
    assert_int_equal(budget->orders_short.used, 7);
    assert_int_equal(budget->in_flight, 0);

    /* Too many orders holds back orders only. */
    script_answer_with(
        &l.venue, &(struct script_answer){.route = "POST /api/v3/order",
                                          .status = 429,
                                          .headers = {{"Retry-After", "60"}},
                                          .body = (char *)"{\"code\":-1015,\"msg\":\"Too many\"}"});
    ask(&a, BINANCE_POST_ORDER, REQUEST_ENTRY, 0);
    expect(&l, "a 429\n");
    script_answer(&l.venue, "GET /api/v3/depth", 200, "{}");
    ask(&a, BINANCE_POST_ORDER, REQUEST_ENTRY, 50);
    struct asker b = {&l, 'b'};
    ask(&b, BINANCE_GET_DEPTH, REQUEST_DATA, 0);
    expect(&l, "b 200\na unsent\n");
    line_deinit(&l);
}

static void test_rest__line_is_bounded(void **state)
{
    (void)state;
    struct line l;
    line_init(&l);
    request_budget_on_limited(venue_rest_budget(l.rest), 600000, venue_rest_now_ms(l.rest));
    struct asker a = {&l, 'a'}, b = {&l, 'b'};
    for (unsigned i = 0; i < VENUE_REST_WAITING_MAX - 1; i++)
        ask(&a, BINANCE_GET_DEPTH, REQUEST_DATA, 0);
    ask(&b, BINANCE_GET_DEPTH, REQUEST_DATA, 0);
    const struct venue_request request = {.endpoint = BINANCE_GET_DEPTH,
                                          .priority = REQUEST_DATA,
                                          .on_outcome = on_outcome,
                                          .user = &a};
    assert_int_equal(venue_rest_send(l.rest, &request), ERR_LIMIT);
    /* Whose owner is gone is not told; who is left is told at the close. */
    venue_rest_forget(l.rest, &a);
    venue_rest_close(l.rest);
    l.rest = NULL;
    buffer_append_char(&l.log, '\0');
    assert_string_equal(l.log.data, "b unsent\n");
    line_deinit(&l);
}

static void test_rest__close_answers_what_is_under_way(void **state)
{
    (void)state;
    for (unsigned inside = 0; inside < 2; inside++) {
        struct line l;
        line_init(&l);
        struct asker a = {&l, 'a'}, b = {&l, 'b'}, c = {&l, 'c'};
        script_answer_with(&l.venue, &(struct script_answer){.route = "GET /api/v3/klines",
                                                             .manner = SCRIPT_HANG});
        script_answer_with(&l.venue, &(struct script_answer){.route = "GET /api/v3/klines",
                                                             .manner = SCRIPT_HANG});
        ask(&a, BINANCE_GET_KLINES, REQUEST_DATA, 0);
        ask(&c, BINANCE_GET_KLINES, REQUEST_DATA, 0);
        while (l.venue.held_count < 2) uv_run(&l.loop, UV_RUN_ONCE);
        venue_rest_forget(l.rest, &c);
        if (inside) {
            l.closes = true;
            script_answer(&l.venue, "DELETE /api/v3/order", 200, "{}");
            ask(&b, BINANCE_DELETE_ORDER, REQUEST_CANCEL, 0);
            expect(&l, "b 200\na cut\n");
        } else {
            venue_rest_close(l.rest);
            l.rest = NULL;
            expect(&l, "a cut\n");
        }
        line_deinit(&l);
    }
}

int main(void)
{
    log_level_set(LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rest__clock_follows_the_venue),
        cmocka_unit_test(test_rest__unreadable_clock_is_asked_again),
        cmocka_unit_test(test_rest__data_never_stands_before_an_order),
        cmocka_unit_test(test_rest__waiting_goes_by_priority),
        cmocka_unit_test(test_rest__headers_lead_the_budget),
        cmocka_unit_test(test_rest__line_is_bounded),
        cmocka_unit_test(test_rest__close_answers_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
