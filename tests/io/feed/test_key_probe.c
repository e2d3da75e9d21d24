/* Asking what a key may do: every answer has its verdict, and nothing but a full set of good ones
 * is fine. */
#include "cmocka_all.h"

#include <string.h>

#include "base/clock.h"
#include "io/feed/key_probe.h"
#include "io/feed/venue_script.h"
#include "io/net/net_fixture.h"

#define TIME         "GET /api/v3/time"
#define RESTRICTIONS "GET /sapi/v1/account/apiRestrictions"
#define ACCOUNT      "GET /api/v3/account"
#define MAY(withdraw, read)                                                                        \
    "{\"enableWithdrawals\":" withdraw ",\"enableReading\":" read                                  \
    ",\"enableSpotAndMarginTrading\":true,\"ipRestrict\":true}"
#define SECRET "CANARY-of-the-probe"

struct rig {
    uv_loop_t loop;
    struct venue_script venue;
    struct key_probe *probe;
    struct key_report report;
    char text[256];
    bool is_done;
};

static void on_report(void *user, const struct key_report *report)
{
    struct rig *r = user;
    r->report = *report;
    snprintf(r->text, sizeof r->text, "%s", report->text);
    r->is_done = true;
}

static void rig_init(struct rig *r)
{
    *r = (struct rig){0};
    assert_int_equal(uv_loop_init(&r->loop), 0);
    script_init(&r->venue, &r->loop, 0);
    script_always(&r->venue, TIME, 200, "{\"serverTime\":1700000000000}");
    script_always(&r->venue, RESTRICTIONS, 200, MAY("false", "true"));
    script_always(&r->venue, ACCOUNT, 200, "{\"canTrade\":true,\"balances\":[]}");
}

static void rig_deinit(struct rig *r)
{
    script_deinit(&r->venue);
    loop_finish(&r->loop);
}

static enum err start(struct rig *r, const char *url, uint32_t deadline_ms)
{
    return key_probe_start(&r->loop,
                           &(struct key_probe_options){
                               .url = url,
                               .api_key = SLICE("a-key"),
                               .secret = SLICE(SECRET),
                               .deadline_ms = deadline_ms,
                               .on_report = on_report,
                               .user = r,
                           },
                           &r->probe);
}

static void probe(struct rig *r, uint32_t deadline_ms)
{
    assert_int_equal(start(r, r->venue.rest_url, deadline_ms), OK);
    assert_false(r->is_done);
    run_until(&r->loop, is_true, &r->is_done);
    assert_null(strstr(r->text, SECRET));
}

static void test_probe__a_good_key_is_fine(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    probe(&r, 0);
    assert_int_equal(r.report.verdict, KEY_FINE);
    assert_true(r.report.restrictions.may_trade_spot && r.report.restrictions.ip_restricted);
    /* By the venue's clock, and signed. */
    const char *asked = script_last(&r.venue, RESTRICTIONS);
    assert_non_null(strstr(asked, "timestamp=17000000"));
    assert_non_null(strstr(asked, "&signature="));
    assert_null(strstr(asked, SECRET));
    assert_int_equal(r.venue.asked_count, 3);
    rig_deinit(&r);
}

static void test_probe__an_account_that_may_not_trade_is_told(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    script_always(&r.venue, ACCOUNT, 200, "{\"canTrade\":false,\"balances\":[]}");
    probe(&r, 0);
    assert_int_equal(r.report.verdict, KEY_FINE);
    assert_false(r.report.restrictions.may_trade_spot);
    rig_deinit(&r);
}

static void test_probe__every_other_answer_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *route;
        int status;
        const char *body;
        enum key_verdict verdict;
    } cases[] = {
        {RESTRICTIONS, 200, MAY("true", "true"), KEY_MOVES_FUNDS},
        {RESTRICTIONS, 200, MAY("false", "false"), KEY_READS_NOTHING},
        {RESTRICTIONS, 200, "{}", KEY_VENUE_ODD},
        {RESTRICTIONS, 200, "<html>", KEY_VENUE_ODD},
        {RESTRICTIONS, 404, "", KEY_VENUE_ODD},
        {RESTRICTIONS, 403, "<html>", KEY_VENUE_ODD},
        {RESTRICTIONS, 401, "{\"code\":-2015,\"msg\":\"Invalid API-key\"}", KEY_WRONG},
        {RESTRICTIONS, 401, "{\"code\":-2014,\"msg\":\"API-key format invalid.\"}", KEY_WRONG},
        {RESTRICTIONS, 400, "{\"code\":-1022,\"msg\":\"Signature\"}", KEY_WRONG},
        {RESTRICTIONS, 400, "{\"code\":-2008,\"msg\":\"Invalid Api-Key ID.\"}", KEY_WRONG},
        {RESTRICTIONS, 400, "{\"code\":-1021,\"msg\":\"Timestamp\"}", KEY_VENUE_ODD},
        {RESTRICTIONS, 429, "{\"code\":-1003,\"msg\":\"\"}", KEY_VENUE_BUSY},
        {RESTRICTIONS, 418, "", KEY_VENUE_BUSY},
        {RESTRICTIONS, 500, "", KEY_VENUE_GONE},
        {TIME, 200, "{\"serverTime\":-1}", KEY_VENUE_ODD},
        {TIME, 503, "", KEY_VENUE_GONE},
        {ACCOUNT, 200, "{}", KEY_VENUE_ODD},
        {ACCOUNT, 401, "{\"code\":-2015,\"msg\":\"\"}", KEY_WRONG},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        rig_init(&r);
        script_always(&r.venue, cases[i].route, cases[i].status, cases[i].body);
        probe(&r, 0);
        if (r.report.verdict != cases[i].verdict)
            fail_msg("case %u: %u (%s)", i, r.report.verdict, r.text);
        rig_deinit(&r);
    }
}

static void test_probe__a_venue_that_does_not_answer_is_gone(void **state)
{
    (void)state;
    for (unsigned at = 0; at < 3; at++) {
        static const char *const routes[] = {TIME, RESTRICTIONS, ACCOUNT};
        for (enum script_manner manner = SCRIPT_CUT; manner <= SCRIPT_HALF; manner++) {
            struct rig r;
            rig_init(&r);
            script_answer_with(&r.venue, &(struct script_answer){
                                             .route = routes[at],
                                             .manner = manner,
                                             .status = 200,
                                             .body = (char *)"{}",
                                         });
            probe(&r, 300);
            assert_int_equal(r.report.verdict, KEY_VENUE_GONE);
            assert_true(strlen(r.text) > 0);
            rig_deinit(&r);
        }
    }
    struct rig r;
    char url[64];
    rig_init(&r);
    snprintf(url, sizeof url, "%s", r.venue.rest_url);
    script_deinit(&r.venue);
    assert_int_equal(start(&r, url, 2000), OK); /* nobody listens there */
    run_until(&r.loop, is_true, &r.is_done);
    assert_int_equal(r.report.verdict, KEY_VENUE_GONE);
    loop_finish(&r.loop);
}

static void test_probe__what_cannot_be_a_key_or_an_address_is_not_asked_about(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    const struct key_probe_options bad = {.url = r.venue.rest_url,
                                          .api_key = SLICE("a key\r\nX: y"),
                                          .secret = SLICE(SECRET),
                                          .on_report = on_report,
                                          .user = &r};
    assert_int_equal(key_probe_start(&r.loop, &bad, &r.probe), ERR_INVALID);
    assert_int_equal(start(&r, "http://203.0.113.1/", 0), ERR_INVALID);
    assert_int_equal(start(&r, "https://127.0.0.1/", 0), ERR_INVALID); /* without TLS's context */
    assert_null(r.probe);
    assert_int_equal(r.venue.asked_count, 0);
    rig_deinit(&r);
}

static void test_probe__one_that_is_canceled_reports_nothing(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    assert_int_equal(start(&r, r.venue.rest_url, 0), OK);
    key_probe_cancel(r.probe);
    assert_int_equal(start(&r, r.venue.rest_url, 0), OK);
    while (r.venue.asked_count < 1) uv_run(&r.loop, UV_RUN_ONCE);
    key_probe_cancel(r.probe);
    rig_deinit(&r);
    assert_false(r.is_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe__a_good_key_is_fine),
        cmocka_unit_test(test_probe__an_account_that_may_not_trade_is_told),
        cmocka_unit_test(test_probe__every_other_answer_has_its_verdict),
        cmocka_unit_test(test_probe__a_venue_that_does_not_answer_is_gone),
        cmocka_unit_test(test_probe__what_cannot_be_a_key_or_an_address_is_not_asked_about),
        cmocka_unit_test(test_probe__one_that_is_canceled_reports_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
