/* Keys of the simulated exchange, asked about over its wire. */
#include "cmocka_all.h"

#include <string.h>

#include "service/api/key_probes.h"
#include "service/simserver/sim_fixture.h"

struct rig {
    struct exchange exchange;
    struct key_probes *probes;
    struct account_probe probe;
    bool is_done;
};

static void on_done(struct account_probe *probe)
{
    ((struct rig *)((char *)probe - offsetof(struct rig, probe)))->is_done = true;
}

static void open_probes(struct rig *r, const char *url)
{
    const char *const urls[VENUE_COUNT] = {url, url};
    assert_int_equal(key_probes_new(&r->exchange.loop, urls, &r->probes), OK);
}

static bool begin(struct rig *r, const char *api_key, const char *secret)
{
    r->is_done = false;
    r->probe = (struct account_probe){.venue = VENUE_BINANCE,
                                      .api_key = slice_of(api_key),
                                      .secret = slice_of(secret),
                                      .on_done = on_done};
    return key_probes_ask(r->probes, &r->probe);
}

static enum account_outcome ask(struct rig *r, const char *api_key, const char *secret)
{
    assert_true(begin(r, api_key, secret));
    run_until(&r->exchange.loop, is_true, &r->is_done);
    return r->probe.outcome;
}

static void test_probes__the_exchange_tells_good_keys_from_others(void **state)
{
    (void)state;
    static struct rig r;
    exchange_open(&r.exchange, (struct simserver_options){0});
    const struct simserver_info *i = &r.exchange.info;
    open_probes(&r, i->rest);
    assert_int_equal(ask(&r, i->api_key, i->secret), ACCOUNT_OK);
    assert_int_equal(r.probe.permissions, KEY_MAY_READ | KEY_MAY_TRADE_SPOT);
    assert_false(r.probe.ip_restricted);
    assert_int_equal(ask(&r, i->withdraw_api_key, i->withdraw_secret), ACCOUNT_KEY_MOVES_FUNDS);
    assert_int_equal(ask(&r, i->api_key, i->withdraw_secret), ACCOUNT_WRONG_KEY);
    assert_int_equal(ask(&r, "somebody", i->secret), ACCOUNT_WRONG_KEY);
    assert_int_equal(ask(&r, "a key", i->secret), ACCOUNT_BAD_KEY);
    assert_int_equal(ask(&r, i->api_key, "-----BEGIN PRIVATE KEY-----"), ACCOUNT_BAD_KEY);
    key_probes_free(r.probes);
    exchange_close(&r.exchange);
}

static void test_probes__more_than_a_few_at_a_time_are_refused(void **state)
{
    (void)state;
    static struct rig r, others[KEY_PROBES_MAX];
    exchange_open(&r.exchange, (struct simserver_options){0});
    const struct simserver_info *i = &r.exchange.info;
    open_probes(&r, i->rest);
    for (unsigned n = 0; n < KEY_PROBES_MAX; n++) {
        others[n].probes = r.probes;
        assert_true(begin(&others[n], i->api_key, i->secret));
    }
    assert_false(begin(&r, i->api_key, i->secret));
    for (unsigned n = 0; n < KEY_PROBES_MAX; n++) {
        run_until(&r.exchange.loop, is_true, &others[n].is_done);
        assert_int_equal(others[n].probe.outcome, ACCOUNT_OK);
    }
    assert_int_equal(ask(&r, i->api_key, i->secret), ACCOUNT_OK);
    assert_true(begin(&r, i->api_key, i->secret));
    key_probes_free(r.probes); /* with one under way */
    assert_true(r.is_done);
    assert_int_equal(r.probe.outcome, ACCOUNT_VENUE_GONE);
    exchange_close(&r.exchange);
}

static void test_probes__an_address_that_may_not_be_asked_is_gone(void **state)
{
    (void)state;
    static struct rig r;
    exchange_open(&r.exchange, (struct simserver_options){0});
    open_probes(&r, "http://203.0.113.1");
    assert_int_equal(ask(&r, "key", "secret"), ACCOUNT_VENUE_GONE);
    key_probes_free(r.probes);
    exchange_close(&r.exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes__the_exchange_tells_good_keys_from_others),
        cmocka_unit_test(test_probes__more_than_a_few_at_a_time_are_refused),
        cmocka_unit_test(test_probes__an_address_that_may_not_be_asked_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
