/* Keys of exchanges and balances over HTTP: what is kept, what is refused with which words, and
 * that a secret is in no answer. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "io/store/account_store.h"
#include "service/account/directory_load.h"
#include "service/api/api_fixture.h"
#include "service/api/balances.h"

#define PATH   "/api/v1/api-keys"
#define SECRET "CANARY+of/the=api"
#define KEY(venue, label, api_key, secret)                                                         \
    "{\"venue\":" venue ",\"label\":" label ",\"api_key\":" api_key ",\"secret\":" secret "}"
#define GOOD_KEY KEY("\"binance\"", "\"main\"", "\"abcdEFGHijklMNOPqrstwxyz\"", "\"" SECRET "\"")

struct people {
    char owner[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
};

static struct world *open_people(struct people *p)
{
    struct world *w = open_english();
    add_user(w, "owner@example.test", ROLE_ADMIN, p->owner);
    add_user(w, "other@example.test", ROLE_TRADER, p->other);
    return w;
}

static struct answer add(struct world *w, const char *token, const char *body)
{
    struct answer a = ask_as(w, token, "POST", PATH, body);
    assert_null(strstr(a.text, "CANARY"));
    return a;
}

static size_t key_count(struct world *w, const char *token)
{
    struct answer a = ask_as(w, token, "GET", PATH, NULL);
    assert_status(&a, 200);
    assert_null(strstr(a.text, "CANARY"));
    const size_t count = json_array_size(answer_at(&a, "items"));
    answer_free(&a);
    return count;
}

static void test_keys__are_kept_shown_by_their_ends_and_deleted(void **state)
{
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    struct answer a = add(w, p.owner, GOOD_KEY);
    assert_status(&a, 201);
    assert_string_equal(answer_text(&a, "venue"), "binance");
    assert_string_equal(answer_text(&a, "label"), "main");
    assert_string_equal(answer_text(&a, "api_key_masked"), "abcd****wxyz");
    assert_string_equal(answer_text(&a, "permissions.0"), "read");
    assert_string_equal(answer_text(&a, "permissions.1"), "spot");
    assert_int_equal(json_array_size(answer_at(&a, "permissions")), 2);
    assert_true(json_is_false(answer_at(&a, "ip_restricted")));
    const long long id = json_integer_value(answer_at(&a, "id"));
    answer_free(&a);
    assert_int_equal(key_count(w, p.owner), 1);
    assert_int_equal(key_count(w, p.other), 0);

    char path[64];
    snprintf(path, sizeof path, PATH "/%lld", id);
    a = ask_as(w, p.other, "DELETE", path, NULL);
    assert_problem(&a, 404, "not_found");
    answer_free(&a);
    a = ask_as(w, p.owner, "DELETE", path, NULL);
    assert_status(&a, 204);
    answer_free(&a);
    a = ask_as(w, p.owner, "DELETE", path, NULL);
    assert_problem(&a, 404, "not_found");
    answer_free(&a);
    assert_int_equal(key_count(w, p.owner), 0);
    world_close(w);
}

static void test_keys__every_refusal_has_its_words_and_keeps_nothing(void **state)
{
    static const struct {
        enum account_outcome outcome;
        int status;
        const char *code;
    } cases[] = {
        {ACCOUNT_BAD_KEY, 422, "invalid_key"},
        {ACCOUNT_WRONG_KEY, 422, "wrong_key"},
        {ACCOUNT_KEY_MOVES_FUNDS, 422, "withdrawal_enabled"},
        {ACCOUNT_KEY_READS_NOTHING, 422, "reading_disabled"},
        {ACCOUNT_VENUE_BUSY, 503, "venue_failed"},
        {ACCOUNT_VENUE_GONE, 503, "venue_failed"},
        {ACCOUNT_VENUE_ODD, 502, "venue_unclear"},
    };
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->probe_outcome = cases[i].outcome;
        struct answer a = add(w, p.owner, GOOD_KEY);
        assert_problem(&a, cases[i].status, cases[i].code);
        answer_free(&a);
    }
    assert_int_equal(key_count(w, p.owner), 0);
    world_close(w);
}

static void test_keys__wrong_fields_are_named_without_their_values(void **state)
{
    static const struct {
        const char *body, *field;
    } cases[] = {
        {KEY("\"kraken\"", "\"a\"", "\"key\"", "\"CANARY\""), "venue"},
        {KEY("7", "\"a\"", "\"key\"", "\"CANARY\""), "venue"},
        {KEY("\"sim\"", "\"\"", "\"key\"", "\"CANARY\""), "label"},
        {KEY("\"sim\"", "\"a\\nb\"", "\"key\"", "\"CANARY\""), "label"},
        {KEY("\"sim\"", "\"a\"", "\"CANARY\"", "null"), "secret"},
        {KEY("\"sim\"", "\"a\"", "[\"CANARY\"]", "\"CANARY\""), "api_key"},
        {KEY("\"sim\"", "\"a\"", "\"key\"", "{\"CANARY\":1}"), "secret"},
        {KEY("\"sim\"", "\"a\"", "\"key\"", "\"CANARY\",\"passphrase\":\"CANARY\""), "passphrase"},
    };
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer a = add(w, p.owner, cases[i].body);
        assert_problem(&a, 422, "invalid_fields");
        if (strcmp(answer_text(&a, "errors.0.field"), cases[i].field) != 0)
            fail_msg("case %u: %s", i, a.text);
        answer_free(&a);
    }
    assert_int_equal(w->probes, 0);
    world_close(w);
}

static void test_keys__a_full_list_is_a_conflict(void **state)
{
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    for (unsigned i = 0; i <= EXCHANGE_KEYS_MAX; i++) {
        struct answer a = add(w, p.owner, GOOD_KEY);
        if (i < EXCHANGE_KEYS_MAX)
            assert_status(&a, 201);
        else
            assert_problem(&a, 409, "keys_full");
        answer_free(&a);
    }
    world_close(w);
}

/* ---- balances ---- */

static void expect_balances(struct world *w, const char *token, const char *items)
{
    struct answer a = ask_as(w, token, "GET", "/api/v1/balances", NULL);
    assert_status(&a, 200);
    json_t *list = json_deep_copy(answer_at(&a, "items"));
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        assert_int_equal(json_object_del(item, "t"), 0);
    }
    char *text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, items);
    free(text);
    json_decref(list);
    answer_free(&a);
}

static void publish_working(struct world *w, uint64_t bot_id, struct leg_view leg)
{
    struct publication p = {
        .kind = PUBLISH_LEG, .bot_id = bot_id, .instrument = leg.instrument, .leg = leg};
    api_on_publication(w->api, &p);
}

static void make_bot(struct world *w, const char *token)
{
    struct answer a = ask_as(w, token, "POST", "/api/v1/bots", BOT);
    assert_status(&a, 201);
    answer_free(&a);
}

static void test_balances__add_up_what_paper_bots_have(void **state)
{
    struct people p;
    struct world *w = open_people(&p);
    const struct instrument btc = desk_instrument(DESK_BTC);
    int64_t unit = 1, coin = 1;
    (void)state;
    for (unsigned i = 0; i < btc.quote_scale; i++) unit *= 10;
    for (unsigned i = 0; i < btc.base_scale; i++) coin *= 10;
    expect_balances(w, p.owner, "[]");
    make_bot(w, p.owner);
    make_bot(w, p.owner);
    publish_instrument(w, DESK_BTC);
    publish_bot(w, 1, BOT_RUNNING);
    publish_bot(w, 2, BOT_RUNNING);
    expect_balances(w, p.owner, "[]"); /* nobody has told in what they trade */

    /* 10,000 each; one has bought for 650 and pays 0.5 in quote, the other is about to buy. */
    struct leg_view holds = {
        .instrument = DESK_BTC,
        .position = {
            .base = {coin / 100}, .cost = {650 * unit}, .fees_quote = {unit / 2}, .open = true}};
    const struct leg_view buys = {
        .instrument = DESK_BTC, .working_order = 7, .reserved = {1000 * unit}};
    publish_working(w, 1, holds);
    publish_working(w, 2, buys);
    expect_balances(w, p.owner,
                    "[{\"asset\":\"BTC\",\"free\":\"0.01\",\"locked\":\"0\",\"mode\":\"paper\","
                    "\"venue\":\"sim\"},{\"asset\":\"USDT\",\"free\":\"18349.5\",\"locked\":"
                    "\"1000\",\"mode\":\"paper\",\"venue\":\"sim\"}]");
    holds.working_order = 8; /* sells */
    holds.position.proceeds.units = 100 * unit;
    publish_working(w, 1, holds);
    expect_balances(w, p.owner,
                    "[{\"asset\":\"BTC\",\"free\":\"0\",\"locked\":\"0.01\",\"mode\":\"paper\","
                    "\"venue\":\"sim\"},{\"asset\":\"USDT\",\"free\":\"18449.5\",\"locked\":"
                    "\"1000\",\"mode\":\"paper\",\"venue\":\"sim\"}]");
    expect_balances(w, p.other, "[]");
    world_close(w);
}

static void test_balances__a_sum_beyond_counting_is_an_error(void **state)
{
    static struct board board;
    struct store_bot bot = {.id = 1, .mode = MODE_PAPER, .quote_scale = 8};
    struct balances b = {0};
    const struct instrument btc = desk_instrument(DESK_BTC);
    struct publication p = {.kind = PUBLISH_INSTRUMENT, .rules = btc};
    (void)state;
    bot.quote_scale = btc.quote_scale;
    board_init(&board);
    board_on_publication(&board, &p);
    p = (struct publication){.kind = PUBLISH_BOT, .bot_id = 1};
    board_on_publication(&board, &p);
    p = (struct publication){.kind = PUBLISH_LEG, .bot_id = 1, .leg = {.instrument = DESK_BTC}};
    board_on_publication(&board, &p);
    bot.capital.units = INT64_MAX;
    balances_add(&b, &bot, &board);
    assert_false(b.failed);
    balances_add(&b, &bot, &board);
    assert_true(b.failed);
    balances_deinit(&b);
    b = (struct balances){0};
    bot.mode = MODE_LIVE;
    balances_add(&b, &bot, &board);
    assert_int_equal(b.count, 0);
    balances_deinit(&b);
    board_deinit(&board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys__are_kept_shown_by_their_ends_and_deleted),
        cmocka_unit_test(test_keys__every_refusal_has_its_words_and_keeps_nothing),
        cmocka_unit_test(test_keys__wrong_fields_are_named_without_their_values),
        cmocka_unit_test(test_keys__a_full_list_is_a_conflict),
        cmocka_unit_test(test_balances__add_up_what_paper_bots_have),
        cmocka_unit_test(test_balances__a_sum_beyond_counting_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
