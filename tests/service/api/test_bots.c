/* Bots over HTTP: made, refused field by field, steered, looked at. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "service/api/api_fixture.h"

static void test_bot__is_created_started_and_stopped(void **state)
{
    struct world *w = open_english();
    (void)state;
    struct answer a = post(w, "/api/v1/bots", BOT);
    assert_status(&a, 201);
    json_t *sent = json_loads(BOT, 0, NULL);
    const char *name;
    json_t *value;
    json_object_foreach(sent, name, value)
    {
        if (strcmp(name, "params") == 0) continue; /* 35 comes back as 35.0 */
        if (!json_equal(value, json_object_get(a.json, name))) fail_msg("%s: %s", name, a.body);
    }
    json_decref(sent);
    assert_string_equal(answer_text(&a, "state"), "stopped");
    assert_int_equal(json_integer_value(answer_at(&a, "params.ema_slow")), 21);
    const uint64_t id = (uint64_t)json_integer_value(answer_at(&a, "id"));
    answer_free(&a);
    assert_int_equal(w->last_bot.capital.units, INT64_C(1000000000000));
    assert_int_equal(w->last_bot.sizing_value, 100000);
    assert_int_equal(w->last_bot.risk.max_daily_loss_ppm, 50000);
    assert_int_equal(w->last_bot.risk.daily_target_ppm, 0);
    assert_int_equal(w->last_bot.user_id, 1);

    char target[64];
    snprintf(target, sizeof target, "/api/v1/bots/%d/start", (int)id);
    a = ask(w, "POST", target, "", NULL);
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "state"), "running");
    assert_string_equal(answer_text(&a, "daily.pnl"), "-0.42");
    assert_string_equal(answer_text(&a, "equity"), "9999.58");
    answer_free(&a);
    snprintf(target, sizeof target, "/api/v1/bots/%d/stop", (int)id);
    a = post(w, target, "{}");
    assert_string_equal(answer_text(&a, "state"), "stopped");
    answer_free(&a);
    a = post(w, target, "{\"now\":true}");
    assert_problem(&a, 422, "invalid_fields");
    assert_string_equal(answer_text(&a, "errors.0.field"), "now");
    answer_free(&a);
    a = post(w, target, "stop");
    assert_problem(&a, 400, "not_json");
    answer_free(&a);
    a = post(w, "/api/v1/bots/77/start", "");
    assert_problem(&a, 404, "not_found");
    answer_free(&a);
    world_close(w);
}

static void test_bot__state_shows_positions_and_why(void **state)
{
    struct world *w = open_english();
    (void)state;
    const uint64_t id = create_bot(w);
    publish_instrument(w, DESK_BTC);
    publish_instrument(w, DESK_ETH);
    publish_print(w, DESK_BTC, 1, 6485000);
    publish_leg(w, id, DESK_BTC, true);
    publish_leg(w, id, DESK_ETH, false);
    for (uint64_t i = 0; i < 60; i++) publish_decision(w, id, i);
    struct answer a = get(w, "/api/v1/bots/1/state");
    assert_int_equal(json_array_size(answer_at(&a, "positions")), 1);
    assert_string_equal(answer_text(&a, "positions.0.qty"), "0.0154");
    assert_string_equal(answer_text(&a, "positions.0.entry_price"), "64812.40");
    assert_string_equal(answer_text(&a, "positions.0.mark_price"), "64850.00");
    assert_string_equal(answer_text(&a, "positions.0.unrealized_pnl"), "0.58");
    assert_string_equal(answer_text(&a, "positions.0.stop_price"), "64488.34");
    assert_true(json_is_true(answer_at(&a, "positions.0.protected")));
    answer_free(&a);
    a = get(w, "/api/v1/bots/1/why");
    assert_int_equal(json_array_size(answer_at(&a, "items")), 50);
    assert_string_equal(answer_text(&a, "items.0.reason"), "rsi 130.2 above 65");
    assert_string_equal(answer_text(&a, "items.49.reason"), "rsi 81.2 above 65");
    assert_string_equal(answer_text(&a, "items.0.decision"), "no_entry");
    assert_string_equal(answer_text(&a, "items.0.values.ema_fast"), "64820.1");
    answer_free(&a);
    a = get(w, "/api/v1/positions");
    assert_int_equal(json_array_size(answer_at(&a, "items")), 1);
    assert_int_equal(json_integer_value(answer_at(&a, "items.0.bot_id")), id);
    answer_free(&a);
    world_close(w);
}

/* The bot above with one field replaced, or left out where value is NULL. */
static char *bot_with(const char *path, const char *value)
{
    json_t *bot = json_loads(BOT, 0, NULL), *at = bot;
    char part[32];
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(part, sizeof part, "%.*s", (int)(dot - path), path);
        at = json_object_get(at, part);
    }
    if (value)
        json_object_set_new(at, path, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(at, path);
    char *text = json_dumps(bot, 0);
    json_decref(bot);
    return text;
}

static void test_bot_form__each_field_is_checked(void **state)
{
    static const struct {
        const char *path, *value, *field, *code; /* code NULL: taken */
    } rows[] = {
        {"name", NULL, "name", "required"},
        {"name", "\"\"", "name", "out_of_range"},
        {"name", "\"   \"", "name", "out_of_range"},
        {"name", "\"a\\nb\"", "name", "invalid"},
        {"name", "7", "name", "wrong_type"},
        {"name", "\"<script>'; DROP TABLE bots;-- ğüş\"", NULL, NULL},
        {"venue", NULL, "venue", "required"},
        {"venue", "\"kraken\"", "venue", "invalid"},
        {"symbols", NULL, "symbols", "required"},
        {"symbols", "\"BTCUSDT\"", "symbols", "wrong_type"},
        {"symbols", "[]", "symbols", "out_of_range"},
        {"symbols", "[\"NOPE\"]", "symbols", "not_found"},
        {"symbols", "[\"BTCUSDT\",\"BTCUSDT\"]", "symbols", "duplicate"},
        {"symbols", "[\"BTCUSDT\",\"BTCTRY\"]", "symbols", "conflict"},
        {"symbols", "[\"BTCUSDT\",\"ETHUSDT\"]", NULL, NULL},
        {"symbols", "[1]", "symbols", "wrong_type"},
        {"symbols", "[1,2,3,4,5,6,7,8,9,10,11]", "symbols", "out_of_range"},
        {"market", "\"futures\"", "market", "unsupported"},
        {"market", NULL, NULL, NULL},
        {"mode", "\"live\"", "mode", "live_disabled"},
        {"mode", "\"real\"", "mode", "invalid"},
        {"mode", NULL, NULL, NULL},
        {"api_key_id", "3", "api_key_id", "unsupported"},
        {"strategy", "\"magic\"", "strategy", "invalid"},
        {"params.ema_fast", "1", "params.ema_fast", "out_of_range"},
        {"params.ema_fast", "\"8\"", "params.ema_fast", "wrong_type"},
        {"params.ema_fast", "21", "params.ema_fast", "conflict"},
        {"params.magic", "1", "params.magic", "unknown_field"},
        {"params", "[]", "params", "wrong_type"},
        {"params", NULL, NULL, NULL},
        {"timeframe", "\"7m\"", "timeframe", "invalid"},
        {"capital", "10000", "capital", "wrong_type"},
        {"capital", "\"NaN\"", "capital", "invalid"},
        {"capital", "\"1e3\"", "capital", "invalid"},
        {"capital", "\"0\"", "capital", "out_of_range"},
        {"capital", "\"-5\"", "capital", "out_of_range"},
        {"capital", "\"0.000000001\"", "capital", "invalid"},
        {"capital", "\"99999999999999999999\"", "capital", "invalid"},
        {"capital", "\"0.00000001\"", NULL, NULL},
        {"sizing", NULL, "sizing", "required"},
        {"sizing", "1", "sizing", "wrong_type"},
        {"sizing.kind", "\"all\"", "sizing.kind", "invalid"},
        {"sizing.value", "\"100.0001\"", "sizing.value", "out_of_range"},
        {"sizing.value", "\"0\"", "sizing.value", "out_of_range"},
        {"sizing.extra", "1", "sizing.extra", "unknown_field"},
        {"sizing", "{\"kind\":\"quantity\",\"value\":\"0.01\"}", NULL, NULL},
        {"sizing", "{\"kind\":\"quantity\",\"value\":\"0.000001\"}", "sizing.value", "invalid"},
        {"sizing", "{\"kind\":\"quote\",\"value\":\"12.5\"}", NULL, NULL},
        {"risk", "[]", "risk", "wrong_type"},
        {"risk", NULL, NULL, NULL},
        {"risk.stop_loss_pct", "\"50.0001\"", "risk.stop_loss_pct", "out_of_range"},
        {"risk.stop_loss_pct", "\"-1\"", "risk.stop_loss_pct", "out_of_range"},
        {"risk.stop_loss_pct", "\"0.00001\"", "risk.stop_loss_pct", "invalid"},
        {"risk.stop_loss_pct", "0.5", "risk.stop_loss_pct", "wrong_type"},
        {"risk.trailing_pct", "\"51\"", "risk.trailing_pct", "out_of_range"},
        {"risk.take_profit_pct", "\"1001\"", "risk.take_profit_pct", "out_of_range"},
        {"risk.take_profit_pct", "\"1000\"", NULL, NULL},
        {"risk.max_daily_loss_pct", "\"101\"", "risk.max_daily_loss_pct", "out_of_range"},
        {"risk.max_daily_trades", "-1", "risk.max_daily_trades", "out_of_range"},
        {"risk.max_daily_trades", "\"20\"", "risk.max_daily_trades", "wrong_type"},
        {"risk.cooldown_s", "31536001", "risk.cooldown_s", "out_of_range"},
        {"risk.max_drawdown", "1", "risk.max_drawdown", "unknown_field"},
        {"leverage", "5", "leverage", "unsupported"},
        {"leverage", "null", "leverage", "unsupported"},
        {"margin", "\"cross\"", "margin", "unsupported"},
        {"margin", "null", NULL, NULL},
        {"id", "7", "id", "unknown_field"},
        {"user_id", "2", "user_id", "unknown_field"},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *body = bot_with(rows[i].path, rows[i].value);
        struct answer a = post(w, "/api/v1/bots", body);
        if (!rows[i].code) {
            if (a.status != 201) fail_msg("%s %s: %s", rows[i].path, rows[i].value, a.text);
        } else {
            const char *field = answer_text(&a, "errors.0.field");
            const char *code = answer_text(&a, "errors.0.code");
            if (a.status != 422 || !field || strcmp(field, rows[i].field) != 0 ||
                strcmp(code, rows[i].code) != 0)
                fail_msg("%s %s: %s", rows[i].path, rows[i].value, a.text);
            assert_problem(&a, 422, "invalid_fields");
            assert_true(*answer_text(&a, "errors.0.detail"));
        }
        answer_free(&a);
        free(body);
    }
    world_close(w);
}

static void test_bot_form__all_errors_come_together(void **state)
{
    struct world *w = open_english();
    (void)state;
    struct answer a =
        post(w, "/api/v1/bots",
             "{\"venue\":\"sim\",\"symbols\":[\"NOPE\"],\"capital\":\"x\",\"bad\":1}");
    assert_problem(&a, 422, "invalid_fields");
    static const char *const fields[] = {"bad",    "name",    "strategy", "timeframe",
                                         "sizing", "capital", "symbols"};
    assert_int_equal(json_array_size(answer_at(&a, "errors")), sizeof fields / sizeof *fields);
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        char path[32];
        snprintf(path, sizeof path, "errors.%u.field", i);
        assert_string_equal(answer_text(&a, path), fields[i]);
    }
    answer_free(&a);
    world_close(w);
}

static void expect_words(const struct answer *a, const char *field, const char *const *words)
{
    const char *detail = answer_text(a, "errors.0.detail");
    if (strncmp(detail, field, strlen(field)) != 0) fail_msg("%s is not named: %s", field, detail);
    for (; *words; words++)
        if (!strstr(detail, *words)) fail_msg("%s: no '%s' in: %s", field, *words, detail);
    /* Who shows the problem's detail alone shows the first fault too. */
    assert_non_null(strstr(answer_text(a, "detail"), detail));
}

/* Each refusal names the field, what was sent, what is allowed and what to do. */
static void test_bot_form__refusals_say_what_was_sent_and_what_to_send(void **state)
{
    static const struct {
        const char *path, *value, *field;
        const char *words[4];
    } rows[] = {
        {"name", "7", "name", {"(sent: 7)", "1 to 128 bytes", "\"first\""}},
        {"name", NULL, "name", {"is missing", "Send a text"}},
        {"name", "\"a\\nb\"", "name", {"(sent: \"a\\nb\")", "control characters"}},
        {"venue", "\"kraken\"", "venue", {"\"kraken\"", "\"sim\" or \"binance\""}},
        {"symbols", "\"BTCUSDT\"", "symbols", {"(sent: \"BTCUSDT\")", "[\"BTCUSDT\"]"}},
        {"symbols", "[\"NOPE\"]", "symbols", {"(sent: NOPE)", "GET /api/v1/symbols"}},
        {"symbols", "[\"BTCUSDT\",\"BTCTRY\"]", "symbols", {"BTCTRY", "same quote asset"}},
        {"mode", "\"live\"", "mode", {"LIVE_TRADING_ENABLED=true"}},
        {"mode", "true", "mode", {"wrong type", "(sent: true)", "\"paper\" or \"live\""}},
        {"leverage", "5", "leverage", {"(sent: 5)", "Send 1"}},
        {"capital", "10000", "capital", {"(sent: 10000)", "in quotes", "\"1000.50\""}},
        {"capital", "\"1e3\"", "capital", {"(sent: \"1e3\")", "8 decimals", "no exponent"}},
        {"capital", "\"-5\"", "capital", {"out of range", "\"-5\"", "above 0"}},
        {"sizing", "[]", "sizing", {"(sent: [])", "{\"kind\":\"percent\",\"value\":\"10\"}"}},
        {"sizing.kind", "\"all\"", "sizing.kind", {"\"all\"", "\"quantity\", \"quote\""}},
        {"sizing.value", "\"101\"", "sizing.value", {"\"101\"", "up to 100"}},
        {"sizing.extra", "1", "sizing.extra", {"(sent: 1)", "Leave it out", "kind, value"}},
        {"risk.stop_loss_pct", "0.5", "risk.stop_loss_pct", {"0.5)", "0 to 50", "4 decimals"}},
        {"risk.stop_loss_pct", "\"x\"", "risk.stop_loss_pct", {"\"x\"", "null switches"}},
        {"risk.cooldown_s", "\"1\"", "risk.cooldown_s", {"(sent: \"1\")", "without quotes"}},
        {"params", "[1]", "params", {"(sent: [1])", "{\"ema_fast\":"}},
        {"params.ema_fast", "\"8\"", "params.ema_fast", {"\"8\"", "2 to 200", "without quotes"}},
        {"params.ema_fast", "21", "params.ema_fast", {"(sent: 21)", "than ema_slow, which is 21"}},
        {"params.rsi_oversold", "65", "params.rsi_oversold", {"(sent: 65)", "rsi_overbought"}},
        {"params.rule", "\"x\"", "params.rule", {"\"x\"", "\"cross\""}},
        {"params.magic", "{\"a\":[1]}", "params.magic", {"{\"a\":[1]}", "ema_fast, ema_slow"}},
        {"timeframe", "\"7m\"", "timeframe", {"\"7m\"", "\"1s\", \"1m\""}},
        {"hello", "1", "hello", {"not a known field", "name, venue, symbols"}},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *body = bot_with(rows[i].path, rows[i].value);
        struct answer a = post(w, "/api/v1/bots", body);
        if (a.status != 422) fail_msg("%s: %s", body, a.text);
        assert_string_equal(answer_text(&a, "errors.0.field"), rows[i].field);
        expect_words(&a, rows[i].field, rows[i].words);
        answer_free(&a);
        free(body);
    }
    world_close(w);
}

static void test_bot_form__refusals_are_turkish_for_who_reads_turkish(void **state)
{
    struct world *w = open_english();
    (void)state;
    char *body = bot_with("capital", "10000");
    struct answer a = ask(w, "POST", "/api/v1/bots",
                          "Content-Type: application/json\r\nAccept-Language: tr\r\n", body);
    assert_problem(&a, 422, "invalid_fields");
    assert_string_equal(answer_text(&a, "errors.0.detail"),
                        "capital yanlış türde (gönderilen: 10000). Tırnak içinde, 0'dan büyük ve "
                        "en çok 8 ondalıklı bir sayı gönderin, örneğin \"1000.50\".");
    answer_free(&a);
    free(body);
    world_close(w);
}

/* Values and names of any size and content come back short, whole in UTF-8, and harmless. */
static void test_bot_form__hostile_texts_are_shown_short_and_escaped(void **state)
{
    struct world *w = open_english();
    char long_text[4000], body[9000];
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        size_t used = shift;
        memset(long_text, 'a', shift);
        while (used + 3 < sizeof long_text) {
            memcpy(long_text + used, "€", 3);
            used += 3;
        }
        long_text[used] = '\0';
        snprintf(body, sizeof body, "{\"timeframe\":\"%s\",\"%s\":1}", long_text, long_text);
        struct answer a = post(w, "/api/v1/bots", body);
        assert_problem(&a, 422, "invalid_fields"); /* which jansson could read: it is UTF-8 */
        assert_true(strlen(a.body) < 12000);
        assert_non_null(strstr(a.body, "€…"));
        answer_free(&a);
    }
    struct answer a = post(w, "/api/v1/bots", "{\"\xe2\x80\xae\x7f\":\"\xe2\x80\xae\"}");
    assert_problem(&a, 422, "invalid_fields");
    assert_string_equal(answer_text(&a, "errors.0.field"), "\\u202e\\u007f");
    assert_null(strstr(a.body, "\xe2\x80\xae"));
    answer_free(&a);
    world_close(w);
}

static void test_json_body__what_cannot_be_read_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *code, *field, *fault, *words;
    } rows[] = {
        {"{\"a\":1,\"a\":2}", 422, "invalid_fields", "a", "duplicate", "Send it once"},
        {"{\"risk\":{\"x\":1,\"\\u0078\":2}}", 422, "invalid_fields", "risk.\\u0078", "duplicate",
         "more than once"},
        {"{\"risk\":{\"x\":{}},\"b\":[{\"c\":0},{\"d\":1,\"d\":2}]}", 422, "invalid_fields",
         "b[1].d", "duplicate", "once"},
        {"{\"leverage\":99999999999999999999}", 422, "invalid_fields", "leverage", "out_of_range",
         "64 bits"},
        {"{\"risk\":{\"cooldown_s\":-99999999999999999999}}", 422, "invalid_fields",
         "risk.cooldown_s", "out_of_range", "64 bits"},
        {"{\"params\":{\"a\":1,\"rsi_oversold\":1e999}}", 422, "invalid_fields",
         "params.rsi_oversold", "out_of_range", "exponent"},
        {"{\"symbols\":[\"a\",1E400]}", 422, "invalid_fields", "symbols[1]", "out_of_range",
         "too large"},
        {"{\"name\":\"\\u0000\"}", 422, "invalid_fields", "name", "invalid", "\\u0000"},
        {"{\"name\":\"a\xff\"}", 400, "not_json", "name", "invalid", "UTF-8"},
        {"{\"name\":\"\xed\xa0\x80\"}", 400, "not_json", "name", "invalid", "UTF-8"},
        {"{\"name\":\"\\ud800\"}", 400, "not_json", "name", "invalid", "line 1"},
        {"{\"name\":\"a\",\n\"venue\":sim}", 400, "not_json", "venue", "invalid", "line 2"},
        {"{\"name\":\"a\",}", 400, "not_json", "body", "invalid", "line 1"},
        {"{\"name\":", 400, "not_json", "name", "invalid", "line 1"},
        {"[1,{\"a\":2}]", 400, "not_json", "body", "wrong_type", "(sent: [1,{\"a\":2}])"},
        {"{\"params\":{\"a\":[[[[[[[0]]]]]]]}}", 400, "json_too_deep",
         "params.a[0][0][0][0][0][0][0]", "invalid", "8 levels"},
        {"", 400, "not_json", "body", "invalid", ""},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer a = post(w, "/api/v1/bots", rows[i].body);
        assert_problem(&a, rows[i].status, rows[i].code);
        if (strcmp(answer_text(&a, "errors.0.field"), rows[i].field) != 0 ||
            strcmp(answer_text(&a, "errors.0.code"), rows[i].fault) != 0 ||
            !strstr(answer_text(&a, "errors.0.detail"), rows[i].words))
            fail_msg("%s: %s", rows[i].body, a.text);
        answer_free(&a);
    }
    world_close(w);
}

static void test_bot_form__broken_bodies_are_400(void **state)
{
    static const char *const bodies[] = {
        "", "{", "[]", "null", "7", "{\"name\":\"a\",}", "\x01", "{\"a\":NaN}", "{} {}"};
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct answer a = post(w, "/api/v1/bots", bodies[i]);
        assert_problem(&a, 400, "not_json");
        answer_free(&a);
    }
    char deep[20001];
    memset(deep, '[', 20000);
    deep[20000] = '\0';
    struct answer a = post(w, "/api/v1/bots", deep);
    assert_problem(&a, 400, "json_too_deep");
    answer_free(&a);
    world_close(w);
}

static void test_bot__risk_left_out_takes_the_standard_stop(void **state)
{
    struct world *w = open_english();
    (void)state;
    char *body = bot_with("risk", NULL);
    struct answer a = post(w, "/api/v1/bots", body);
    assert_status(&a, 201);
    assert_string_equal(answer_text(&a, "risk.stop_loss_pct"), "0.5");
    assert_string_equal(answer_text(&a, "risk.take_profit_pct"), "1.5");
    assert_string_equal(answer_text(&a, "risk.trailing_pct"), "0.3");
    answer_free(&a);
    free(body);
    body = bot_with("risk", "{\"stop_loss_pct\":null}");
    a = post(w, "/api/v1/bots", body);
    assert_true(json_is_null(answer_at(&a, "risk.stop_loss_pct")));
    assert_int_equal(w->last_bot.risk.stop_loss_ppm, 0);
    answer_free(&a);
    free(body);
    world_close(w);
}

static void test_bot__desk_refusals_become_clear_answers(void **state)
{
    static const struct {
        enum err err;
        int status;
        const char *code;
    } rows[] = {
        {ERR_TIMEOUT, 503, "market_not_ready"},
        {ERR_UNSUPPORTED, 422, "invalid_fields"},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        w->desk_err = rows[i].err;
        struct answer a = post(w, "/api/v1/bots", BOT);
        assert_problem(&a, rows[i].status, rows[i].code);
        answer_free(&a);
    }
    w->desk_err = OK;
    w->desk_full = true;
    struct answer a = post(w, "/api/v1/bots", BOT);
    assert_problem(&a, 503, "busy");
    answer_free(&a);
    w->desk_full = false;
    create_bot(w);
    w->desk_err = ERR_IO;
    a = post(w, "/api/v1/bots/1/start", "");
    assert_problem(&a, 500, "internal_error");
    assert_null(strstr(a.text, "the desk says no"));
    answer_free(&a);
    world_close(w);
}

static void test_bot__live_is_taken_where_it_is_enabled(void **state)
{
    struct world *w =
        world_open((struct world_options){.language = LANGUAGE_ENGLISH, .live_enabled = true});
    (void)state;
    char *body = bot_with("mode", "\"live\"");
    struct answer a = post(w, "/api/v1/bots", body);
    assert_status(&a, 201);
    assert_string_equal(answer_text(&a, "mode"), "live");
    assert_int_equal(w->last_bot.mode, MODE_LIVE);
    answer_free(&a);
    free(body);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bot__is_created_started_and_stopped),
        cmocka_unit_test(test_bot__state_shows_positions_and_why),
        cmocka_unit_test(test_bot_form__each_field_is_checked),
        cmocka_unit_test(test_bot_form__all_errors_come_together),
        cmocka_unit_test(test_bot_form__refusals_say_what_was_sent_and_what_to_send),
        cmocka_unit_test(test_bot_form__refusals_are_turkish_for_who_reads_turkish),
        cmocka_unit_test(test_bot_form__hostile_texts_are_shown_short_and_escaped),
        cmocka_unit_test(test_json_body__what_cannot_be_read_is_refused_with_its_place),
        cmocka_unit_test(test_bot_form__broken_bodies_are_400),
        cmocka_unit_test(test_bot__risk_left_out_takes_the_standard_stop),
        cmocka_unit_test(test_bot__desk_refusals_become_clear_answers),
        cmocka_unit_test(test_bot__live_is_taken_where_it_is_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
