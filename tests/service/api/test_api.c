/* The API's routes over real HTTP. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "service/api/api_fixture.h"
#include "service/api/route.h"

/* ---- who is answered ---- */

/* Puts the port where the text says PORT. */
static void fill_port(char *out, size_t size, const char *text, unsigned port)
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *at; (at = strstr(text, "PORT")); text = at + 4)
        used += (size_t)snprintf(out + used, size - used, "%.*s%u", (int)(at - text), text, port);
    snprintf(out + used, size - used, "%s", text);
}

static void test_local__forged_requests_are_refused(void **state)
{
    static const struct {
        const char *headers; /* PORT is our port */
        bool local;
    } rows[] = {
        {"Host: 127.0.0.1:PORT\r\n", true},
        {"Host: localhost\r\n", true},
        {"Host: LocalHost:1\r\n", true},
        {"Host: [::1]:PORT\r\n", true},
        {"Host: [::1]\r\n", true},
        {"Host: evil.example\r\n", false},
        {"Host: 127.0.0.1.evil.example\r\n", false},
        {"Host: localhost.evil.example:PORT\r\n", false},
        {"Host: 127.0.0.2\r\n", false},
        {"Host: localhost.\r\n", false},
        {"Host: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\n", false},
        {"Host: 127.0.0.1\r\nx-forwarded-for: \r\n", false},
        {"Host: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n", false},
        {"Host: 127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n", false},
        {"Host: 127.0.0.1:PORT\r\nOrigin: http://127.0.0.1:PORT\r\n", true},
        {"Host: localhost:8000\r\nOrigin: http://localhost:8000\r\n", true},
        {"Host: localhost:8000\r\nOrigin: http://localhost:8001\r\n", false},
        {"Host: localhost:8000\r\nOrigin: http://127.0.0.1:8000\r\n", false},
        {"Host: localhost:8000\r\nOrigin: https://localhost:8000\r\n", false},
        {"Host: localhost:8000\r\nOrigin: http://localhost:8000.evil.example\r\n", false},
        {"Host: localhost:8000\r\nOrigin: http://evil.example\r\n", false},
        {"Host: localhost:8000\r\nOrigin: null\r\n", false},
        {"Host: localhost:8000\r\nOrigin: \r\n", false},
        {"Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example\r\n", false},
    };
    static const char *const targets[] = {"/api/v1/version", "/metrics", "/openapi.json"};
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char headers[256];
        fill_port(headers, sizeof headers, rows[i].headers, w->port);
        for (size_t t = 0; t < sizeof targets / sizeof *targets; t++) {
            struct answer a = ask(w, "GET", targets[t], headers, NULL);
            if (!rows[i].local)
                assert_problem(&a, 403, "not_local");
            else if (a.status == 403)
                fail_msg("refused: %s", headers);
            answer_free(&a);
        }
        struct answer health = ask(w, "GET", "/health", headers, NULL);
        assert_status(&health, 200);
        assert_string_equal(health.body, "{\"status\":\"ok\"}");
        answer_free(&health);
    }
    world_close(w);
}

static void test_api__every_answer_has_security_headers(void **state)
{
    static const struct {
        const char *method, *target, *headers;
        int status;
    } rows[] = {
        {"GET", "/", "", 200},
        {"GET", "/app.js", "", 200},
        {"GET", "/style.css", "", 200},
        {"GET", "/api/v1/version", "", 200},
        {"GET", "/missing", "", 404},
        {"GET", "/metrics", "Host: evil.example\r\n", 403},
        {"OPTIONS", "/api/v1/bots", "", 204},
        {"OPTIONS", "*", "", 204},
        {"HEAD", "/api/v1/version", "", 200},
        {"HEAD", "/missing", "", 404},
        {"PUT", "/api/v1/bots", "", 405},
        {"TRACE", "/", "", 501},
        {"POST", "/api/v1/bots", "Content-Length: 999999\r\n", 413},
        {"GET", "/", "Host: a\r\nHost: b\r\n", 400},
        {"GET", "/", "Folded\r\n folded\r\n", 400},
        {"POST", "/api/v1/bots", "Transfer-Encoding: gzip\r\n", 501},
        {"POST", "/api/v1/bots", "Expect: wonders\r\n", 417},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer a = ask(w, rows[i].method, rows[i].target, rows[i].headers, NULL);
        assert_status(&a, rows[i].status);
        assert_int_equal(strlen(answer_header(&a, "X-Request-Id")), 16);
        if (a.status >= 400) {
            assert_string_equal(answer_header(&a, "Content-Type"), "application/problem+json");
            if (strcmp(rows[i].method, "HEAD") != 0)
                assert_problem(&a, rows[i].status, answer_text(&a, "code"));
        }
        const char *policy = answer_header(&a, "Content-Security-Policy");
        assert_non_null(strstr(policy, "default-src 'none'"));
        assert_non_null(strstr(policy, "frame-ancestors 'none'"));
        assert_null(strstr(policy, "unsafe"));
        assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(answer_header(&a, "Referrer-Policy"), "no-referrer");
        const bool is_kept = *answer_header(&a, "ETag") != '\0';
        assert_true(is_kept == (i < 3));
        assert_string_equal(answer_header(&a, "Cache-Control"), is_kept ? "no-cache" : "no-store");
        assert_string_equal(answer_header(&a, "Server"), "");
        assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "");
        answer_free(&a);
    }
    world_close(w);
}

static void test_api__refusals_of_the_http_server_are_problems(void **state)
{
    static const struct {
        const char *method, *target, *headers;
        int status;
        const char *code, *cause;
    } rows[] = {
        {"GET", "/", "Host: a\r\nHost: b\r\n", 400, "malformed_request", "more than one Host"},
        {"GET", "/", "Host : a\r\n", 400, "malformed_request", "no token"},
        {"POST", "/api/v1/bots", "Content-Length: 65537\r\n", 413, "body_too_large", "65536"},
        {"POST", "/", "Expect: wonders\r\n", 417, "expectation_failed", "100-continue"},
        {"TRACE", "/", "", 501, "not_implemented", "unknown method"},
        {"POST", "/", "Transfer-Encoding: gzip\r\n", 501, "not_implemented", "chunked"},
    };
    struct world *w = world_open((struct world_options){.language = LANGUAGE_TURKISH});
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char headers[128];
        snprintf(headers, sizeof headers, "%sAccept-Language: en\r\n", rows[i].headers);
        struct answer a = ask(w, rows[i].method, rows[i].target, headers, NULL);
        assert_problem(&a, rows[i].status, rows[i].code);
        if (!strstr(answer_text(&a, "detail"), rows[i].cause)) fail_msg("%s", a.text);
        /* Where the head was readable, so was the language that it asks for. */
        if (i != 1) assert_memory_equal(answer_text(&a, "detail"), "Th", 2);
        answer_free(&a);
    }
    char target[9000];
    memset(target, 'a', sizeof target - 1);
    target[0] = '/';
    target[sizeof target - 1] = '\0';
    struct answer a = get(w, target);
    assert_problem(&a, 414, "target_too_long");
    answer_free(&a);
    char headers[1500] = "";
    for (size_t i = 0; i < 101; i++) strcat(headers, "X-Many: 1\r\n");
    a = ask(w, "GET", "/", headers, NULL);
    assert_problem(&a, 431, "headers_too_large");
    answer_free(&a);
    world_close(w);
}

/* ---- methods and words ---- */

static void test_api__methods_are_what_the_table_says(void **state)
{
    struct world *w = open_english();
    (void)state;
    struct answer a = ask(w, "DELETE", "/api/v1/bots", "", NULL);
    assert_problem(&a, 405, "method_not_allowed");
    assert_string_equal(answer_header(&a, "Allow"), "GET, HEAD, POST, OPTIONS");
    answer_free(&a);
    a = ask(w, "OPTIONS", "/api/v1/bots/3/start", "", NULL);
    assert_status(&a, 204);
    assert_string_equal(answer_header(&a, "Allow"), "POST, OPTIONS");
    answer_free(&a);
    a = ask(w, "HEAD", "/api/v1/version", "", NULL);
    assert_status(&a, 200);
    assert_string_equal(a.body, "");
    assert_string_not_equal(answer_header(&a, "Content-Length"), "0");
    answer_free(&a);
    a = ask(w, "GET", "/api/v1/bots/3/start", "", NULL);
    assert_problem(&a, 405, "method_not_allowed");
    answer_free(&a);
    world_close(w);
}

static void test_api__unknown_paths_are_404(void **state)
{
    static const char *const targets[] = {"/nothing",
                                          "/api/v1",
                                          "/api/v1/bots/",
                                          "/api/v1/bots/x",
                                          "/api/v1/bots/0",
                                          "/api/v1/bots/-1",
                                          "/api/v1/bots/99",
                                          "/api/v1/bots/1/no",
                                          "//",
                                          "/api/v2/bots",
                                          "/app.js/",
                                          "/%2e%2e/etc/passwd",
                                          "/api/v1/bots/99999999999999999999"};
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        expect_problem(w, targets[i], 404, "not_found");
    world_close(w);
}

static void test_api__posts_must_be_json(void **state)
{
    static const struct {
        const char *headers;
        int status;
    } rows[] = {
        {"Content-Type: application/json\r\n", 201},
        {"Content-Type: application/json; charset=utf-8\r\n", 201},
        {"Content-Type: APPLICATION/JSON\r\n", 201},
        {"Content-Type: text/plain\r\n", 415},
        {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
        {"Content-Type: application/jsonp\r\n", 415},
        {"Content-Type: \r\n", 415},
        {"", 415},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer a = ask(w, "POST", "/api/v1/bots", rows[i].headers, BOT);
        assert_status(&a, rows[i].status);
        if (a.status == 415) assert_problem(&a, 415, "unsupported_media_type");
        answer_free(&a);
    }
    world_close(w);
}

static void test_problem__speaks_the_readers_language(void **state)
{
    static const struct {
        const char *header;
        bool turkish;
    } rows[] = {
        {"", true},
        {"Accept-Language: en\r\n", false},
        {"Accept-Language: en-GB,en;q=0.9\r\n", false},
        {"Accept-Language: tr-TR\r\n", true},
        {"Accept-Language: de, en;q=0.5, tr;q=0.4\r\n", false},
        {"Accept-Language: de, en;q=0.5, tr;q=0.6\r\n", true},
        {"Accept-Language: de\r\n", true},
        {"Accept-Language: en;q=0\r\n", true},
        {"Accept-Language: ;;;,,q=\r\n", true},
    };
    struct world *w = world_open((struct world_options){.language = LANGUAGE_TURKISH});
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer a = ask(w, "GET", "/missing", rows[i].header, NULL);
        assert_problem(&a, 404, "not_found");
        assert_string_equal(answer_text(&a, "detail"), rows[i].turkish
                                                           ? "Burada böyle bir şey yok."
                                                           : "There is no such thing here.");
        answer_free(&a);
    }
    world_close(w);
}

static void test_page__is_not_sent_again_to_who_has_it(void **state)
{
    static const struct {
        const char *format; /* %s: the page's tag */
        int status;
    } rows[] = {
        {"If-None-Match: %s\r\n", 304},
        {"If-None-Match: W/%s\r\n", 304},
        {"If-None-Match: \"other\", %s\r\n", 304},
        {"If-None-Match: *\r\n%.0s", 304},
        {"If-None-Match: \"other\"\r\n%.0s", 200},
        {"If-None-Match: \r\n%.0s", 200},
        {"X-If-None-Match: %s\r\n", 200},
    };
    struct world *w = open_english();
    (void)state;
    struct answer page = get(w, "/app.js");
    char tag[64];
    snprintf(tag, sizeof tag, "%s", answer_header(&page, "ETag"));
    assert_int_equal(strlen(tag), 18);
    answer_free(&page);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char headers[128];
        const char *at = strchr(rows[i].format, '%');
        const bool shows = at[1] == 's';
        snprintf(headers, sizeof headers, "%.*s%s%s", (int)(at - rows[i].format), rows[i].format,
                 shows ? tag : "", at + (shows ? 2 : 4));
        struct answer a = ask(w, "GET", "/app.js", headers, NULL);
        assert_status(&a, rows[i].status);
        assert_string_equal(answer_header(&a, "ETag"), tag);
        assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
        assert_int_equal(strlen(answer_header(&a, "X-Request-Id")), 16);
        if (a.status == 304) assert_string_equal(a.body, "");
        answer_free(&a);
    }
    world_close(w);
}

/* ---- queries ---- */

static void test_query__unknown_and_doubled_names_are_refused_by_name(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *field, *fault, *words;
    } rows[] = {
        {"/api/v1/orders?limt=5", 400, "limt", "unknown_parameter", "limit, cursor, bot_id"},
        {"/api/v1/orders?limit=5&x", 400, "x", "unknown_parameter", "Leave it out"},
        {"/api/v1/orders?Limit=5", 400, "Limit", "unknown_parameter", "(sent: 5)"},
        {"/api/v1/orders?%6Cimit=5", 400, "%6Cimit", "unknown_parameter", "limit, cursor"},
        {"/api/v1/orders?limit=5&limit=6", 400, "limit", "duplicate", "(sent: 6)"},
        {"/api/v1/orders?limit=5&limit=5&limit=5", 400, "limit", "duplicate", "once"},
        {"/api/v1/orders?=5", 400, "=", "unknown_parameter", ""},
        {"/api/v1/bots?bot_id=3", 400, "bot_id", "unknown_parameter", "limit, cursor"},
        {"/api/v1/version?a=1", 400, "a", "unknown_parameter", "takes none"},
        {"/api/v1/bots/77?a=1", 400, "a", "unknown_parameter", "takes none"},
        {"/metrics?verbose", 400, "verbose", "unknown_parameter", "takes none"},
        {"/api/v1/markets/sim/BTCUSDT/candles?timeframe=1m&limit=5&end=3", 400, "end",
         "unknown_parameter", "timeframe, limit"},
        {"/api/v1/orders?limit=0", 422, "limit", "out_of_range", "(sent: 0). Send a whole"},
        {"/api/v1/orders?limit=1001", 422, "limit", "out_of_range", "from 1 to 1000"},
        {"/api/v1/orders?limit=", 422, "limit", "out_of_range", "(sent: \"\")"},
        {"/api/v1/orders?limit=%zz", 422, "limit", "out_of_range", "(sent: %zz)"},
        {"/api/v1/orders?limit=99999999999999999999", 422, "limit", "out_of_range", "1000"},
        {"/api/v1/orders?cursor=-1", 422, "cursor", "invalid", "above 0"},
        {"/api/v1/orders?bot_id=%ff", 422, "bot_id", "invalid", "(sent: %ff)"},
        {"/api/v1/symbols/spot", 422, "venue", "required", "?venue=sim"},
        {"/api/v1/markets/sim/BTCUSDT/candles", 422, "timeframe", "required", "1s, 1m"},
        {"/api/v1/markets/sim/BTCUSDT/candles?timeframe=9m", 422, "timeframe", "invalid",
         "(sent: 9m)"},
        {"/api/v1/orders?limit=5&&cursor=9&", 200, NULL, NULL, NULL},
        {"/health?from=probe", 200, NULL, NULL, NULL},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer a = get(w, rows[i].target);
        assert_status(&a, rows[i].status);
        if (rows[i].field) {
            assert_problem(&a, rows[i].status,
                           rows[i].status == 400 ? "invalid_query" : "invalid_fields");
            assert_int_equal(json_array_size(answer_at(&a, "errors")), 1);
            if (strcmp(answer_text(&a, "errors.0.field"), rows[i].field) != 0 ||
                strcmp(answer_text(&a, "errors.0.code"), rows[i].fault) != 0 ||
                !strstr(answer_text(&a, "errors.0.detail"), rows[i].words))
                fail_msg("%s: %s", rows[i].target, a.text);
        }
        answer_free(&a);
    }
    world_close(w);
}

/* ---- operation ---- */

static void test_ready__follows_the_trade_thread_and_venues(void **state)
{
    struct world *w = open_english();
    (void)state;
    struct answer a = get(w, "/ready");
    assert_status(&a, 503);
    assert_string_equal(answer_text(&a, "status"), "down");
    assert_string_equal(answer_text(&a, "parts.engine.state"), "open");
    assert_string_equal(answer_text(&a, "parts.store.state"), "closed");
    answer_free(&a);
    publish_status(w, VENUE_STALE);
    a = get(w, "/ready");
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "status"), "degraded");
    answer_free(&a);
    publish_status(w, VENUE_LIVE);
    a = get(w, "/ready");
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "status"), "ok");
    assert_true(json_is_null(answer_at(&a, "parts.engine.reason")));
    answer_free(&a);
    publish_alarm(w, "", "1 bot waits for a person");
    a = get(w, "/ready");
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "status"), "degraded");
    assert_string_equal(answer_text(&a, "parts.orders.reason"), "1 bot waits for a person");
    answer_free(&a);
    publish_alarm(w, "the disk is full", "");
    a = get(w, "/ready");
    assert_status(&a, 503);
    assert_string_equal(answer_text(&a, "parts.store.state"), "open");
    assert_string_equal(answer_text(&a, "parts.store.reason"), "the disk is full");
    answer_free(&a);
    a = get(w, "/metrics");
    assert_non_null(strstr(a.body, "tradebot_store_writable 0"));
    answer_free(&a);
    publish_alarm(w, "", "");
    a = get(w, "/ready");
    assert_status(&a, 200);
    answer_free(&a);
    a = get(w, "/api/v1/venues");
    assert_string_equal(answer_text(&a, "items.0.venue"), "sim");
    assert_string_equal(answer_text(&a, "items.0.state"), "live");
    assert_int_equal(json_integer_value(answer_at(&a, "items.0.weight_limit")), 6000);
    answer_free(&a);
    world_close(w);
}

/* Reads the text strictly: each sample's family was declared before it, once,
 * with HELP and TYPE. */
static unsigned parse_metrics(char *text)
{
    char family[128] = "", name[128], type[16], help[256];
    char *rest = NULL;
    bool typed = false;
    unsigned samples = 0, used;
    assert_true(text[strlen(text) - 1] == '\n');
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (sscanf(line, "# HELP %127s %255[^\n]", name, help) == 2) {
            strcpy(family, name);
            typed = false;
        } else if (sscanf(line, "# TYPE %127s %15s", name, type) == 2) {
            assert_string_equal(name, family);
            assert_true(!typed && (!strcmp(type, "counter") || !strcmp(type, "gauge")));
            assert_int_equal(!strcmp(type, "counter"), strstr(name, "_total") != NULL);
            typed = true;
        } else {
            unsigned long long value;
            used = 0;
            if (sscanf(line, "%127[a-z0-9_]{%*[^}]} %llu%n", name, &value, (int *)&used) != 2)
                assert_int_equal(sscanf(line, "%127[a-z0-9_] %llu%n", name, &value, (int *)&used),
                                 2);
            assert_int_equal(used, strlen(line));
            assert_true(typed);
            assert_string_equal(name, family);
            samples++;
        }
    }
    return samples;
}

static void test_metrics__are_what_prometheus_reads(void **state)
{
    struct world *w = open_english();
    (void)state;
    publish_status(w, VENUE_LIVE);
    struct answer a = get(w, "/metrics");
    assert_status(&a, 200);
    assert_non_null(strstr(a.body, "\ntradebot_events_total 99\n"));
    assert_non_null(strstr(a.body, "\ntradebot_frames_total{venue=\"sim\"} 1234\n"));
    assert_non_null(
        strstr(a.body, "\ntradebot_venue_banned_until_seconds{venue=\"sim\"} 1700000000\n"));
    assert_non_null(strstr(a.body, "\ntradebot_build_info{version=\"1.2.3\",commit=\"abc\"} 1\n"));
    assert_non_null(strstr(a.body, "\ntradebot_resident_memory_bytes "));
    assert_true(parse_metrics(a.body) > 20);
    answer_free(&a);
    world_close(w);
}

static void count_references(const json_t *value, const json_t *components)
{
    const char *key;
    json_t *member;
    size_t index;
    if (json_is_array(value)) {
        json_array_foreach(value, index, member) count_references(member, components);
        return;
    }
    json_object_foreach((json_t *)value, key, member)
    {
        const char *text = json_string_value(member);
        if (strcmp(key, "$ref") == 0 && text) {
            char kind[16], name[64];
            assert_int_equal(sscanf(text, "#/components/%15[a-z]/%63s", kind, name), 2);
            if (!json_object_get(json_object_get(components, kind), name)) fail_msg("no %s", text);
        }
        count_references(member, components);
    }
}

static void test_openapi__lists_exactly_the_routes(void **state)
{
    struct world *w = open_english();
    size_t count = 0;
    const char *path, *method;
    json_t *item, *operation;
    (void)state;
    struct answer a = get(w, "/openapi.json");
    assert_status(&a, 200);
    assert_non_null(a.json);
    assert_string_equal(answer_text(&a, "openapi"), "3.1.0");
    json_object_foreach((json_t *)answer_at(&a, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            bool found = false;
            for (size_t i = 0; i < routes_count; i++)
                found |= strcmp(routes[i].pattern, path) == 0 &&
                         strcasecmp(routes[i].method, method) == 0;
            if (!found) fail_msg("no route %s %s", method, path);
            count++;
        }
    }
    assert_int_equal(count, routes_count);
    count_references(a.json, answer_at(&a, "components"));
    answer_free(&a);
    world_close(w);
}

static void test_page__is_served_without_inline_code(void **state)
{
    struct world *w = open_english();
    (void)state;
    struct answer a = get(w, "/");
    assert_status(&a, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "text/html; charset=utf-8");
    assert_non_null(strstr(a.body, "src=\"/app.js\""));
    assert_null(strstr(a.body, " style="));
    assert_null(strstr(a.body, " onclick="));
    assert_null(strstr(a.body, "<script>"));
    answer_free(&a);
    world_close(w);
}

/* ---- markets ---- */

static void test_market__book_comes_on_demand(void **state)
{
    struct world *w = open_english();
    (void)state;
    struct answer a = get(w, "/api/v1/markets/sim/BTCUSDT/book");
    assert_status(&a, 200);
    assert_string_equal(answer_text(&a, "symbol"), "BTCUSDT");
    assert_int_equal(json_integer_value(answer_at(&a, "seq")), 812);
    assert_int_equal(json_array_size(answer_at(&a, "bids")), 15);
    assert_string_equal(answer_text(&a, "bids.0.0"), "64812.40");
    assert_string_equal(answer_text(&a, "bids.0.1"), "0.52");
    answer_free(&a);
    a = get(w, "/api/v1/markets/sim/BTCUSDT/book?levels=50");
    assert_int_equal(json_array_size(answer_at(&a, "asks")), 20);
    answer_free(&a);
    assert_int_equal(w->asked[DESK_WATCH], 1);
    world_close(w);
}

static void test_market__no_book_in_time_is_503(void **state)
{
    struct world *w =
        world_open((struct world_options){.language = LANGUAGE_ENGLISH, .book_wait_ms = 150});
    (void)state;
    expect_problem(w, "/api/v1/markets/sim/SLOWUSDT/book", 503, "market_not_ready");
    expect_problem(w, "/api/v1/markets/sim/SLOWUSDT/ticker", 503, "market_not_ready");
    world_close(w);
}

static void test_market__refusals_name_the_cause(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *code;
    } rows[] = {
        {"/api/v1/markets/sim/NOPE/book", 404, "unknown_symbol"},
        {"/api/v1/markets/sim/NOPE/candles?timeframe=1m", 404, "unknown_symbol"},
        {"/api/v1/markets/sim/AVERYLONGSYMBOLTHATNOBODYHAS/book", 404, "unknown_symbol"},
        {"/api/v1/markets/kraken/BTCUSDT/book", 404, "unknown_venue"},
        {"/api/v1/markets/sim/BTCUSDT/book?levels=0", 422, "invalid_fields"},
        {"/api/v1/markets/sim/BTCUSDT/book?levels=51", 422, "invalid_fields"},
        {"/api/v1/markets/sim/BTCUSDT/book?levels=x", 422, "invalid_fields"},
        {"/api/v1/markets/sim/BTCUSDT/trades?limit=201", 422, "invalid_fields"},
        {"/api/v1/markets/sim/BTCUSDT/candles", 422, "invalid_fields"},
        {"/api/v1/markets/sim/BTCUSDT/candles?timeframe=7m", 422, "invalid_fields"},
        {"/api/v1/markets/sim/BTCUSDT/candles?timeframe=1m&limit=1001", 422, "invalid_fields"},
        {"/api/v1/symbols/spot", 422, "invalid_fields"},
        {"/api/v1/symbols/spot?venue=kraken", 404, "unknown_venue"},
    };
    struct world *w = open_english();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expect_problem(w, rows[i].target, rows[i].status, rows[i].code);
    world_close(w);
}

static void test_market__ticker_trades_candles_symbols(void **state)
{
    struct world *w = open_english();
    (void)state;
    publish_instrument(w, DESK_BTC);
    publish_book(w, DESK_BTC);
    struct answer a = get(w, "/api/v1/markets/sim/BTCUSDT/ticker");
    assert_true(json_is_null(answer_at(&a, "last")));
    assert_string_equal(answer_text(&a, "ask"), "64812.41");
    answer_free(&a);
    for (uint64_t id = 1; id <= 250; id++) publish_print(w, DESK_BTC, id, 6481200 + (int64_t)id);
    a = get(w, "/api/v1/markets/sim/BTCUSDT/trades?limit=200");
    assert_int_equal(json_array_size(answer_at(&a, "items")), 200);
    assert_int_equal(json_integer_value(answer_at(&a, "items.0.id")), 250);
    assert_int_equal(json_integer_value(answer_at(&a, "items.199.id")), 51);
    assert_string_equal(answer_text(&a, "items.0.side"), "sell");
    answer_free(&a);
    a = get(w, "/api/v1/markets/sim/BTCUSDT/ticker");
    assert_string_equal(answer_text(&a, "last"), "64814.50");
    answer_free(&a);
    a = get(w, "/api/v1/markets/sim/BTCUSDT/candles?timeframe=1m&limit=10");
    assert_int_equal(json_array_size(answer_at(&a, "items")), 10);
    assert_true(json_is_true(answer_at(&a, "items.0.closed")));
    assert_true(json_is_false(answer_at(&a, "items.9.closed")));
    assert_string_equal(answer_text(&a, "items.0.v"), "1.2345");
    answer_free(&a);
    a = get(w, "/api/v1/symbols/spot?venue=sim");
    assert_int_equal(json_array_size(a.json), DESK_SYMBOLS_COUNT);
    assert_string_equal(answer_text(&a, "0.tick"), "0.01");
    assert_string_equal(answer_text(&a, "0.step"), "0.00001");
    /* Quantities are counted in 8 decimals; people order in lots. */
    assert_int_equal(json_integer_value(answer_at(&a, "0.qty_scale")), 5);
    assert_int_equal(json_integer_value(answer_at(&a, "1.qty_scale")), 4);
    assert_string_equal(answer_text(&a, "0.min_notional"), "5");
    answer_free(&a);
    world_close(w);
}

static void test_symbols__are_asked_for_once_and_not_sent_again_to_who_has_them(void **state)
{
    struct world *w = open_english();
    char headers[160] = "";
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct answer a = ask(w, "GET", "/api/v1/symbols/spot?venue=sim", headers, NULL);
        assert_status(&a, round < 2 ? 200 : 304);
        assert_true(round >= 2 || json_array_size(a.json) == DESK_SYMBOLS_COUNT);
        assert_string_equal(answer_header(&a, "Cache-Control"), "no-cache");
        if (round >= 1)
            snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", answer_header(&a, "ETag"));
        answer_free(&a);
    }
    assert_int_equal(w->asked[DESK_SYMBOLS], 1);
    world_close(w);
}

static void test_kept__answers_come_in_the_form_that_is_asked_for(void **state)
{
    static const char *const targets[] = {"/app.js", "/openapi.json"};
    struct world *w = open_english();
    (void)state;
    for (int i = 0; i < 4; i++) {
        const bool gzip = i % 2;
        struct answer a =
            ask(w, "GET", targets[i / 2], gzip ? "Accept-Encoding: gzip\r\n" : "", NULL);
        assert_status(&a, 200);
        assert_string_equal(answer_header(&a, "Vary"), "Accept-Encoding");
        assert_string_equal(answer_header(&a, "Content-Encoding"), gzip ? "gzip" : "");
        assert_int_equal(strlen(answer_header(&a, "ETag")), gzip ? 21 : 18);
        assert_int_equal(memcmp(a.body, "\x1f\x8b", 2) == 0, gzip);
        answer_free(&a);
    }
    world_close(w);
}

static void test_symbols__a_refusal_is_not_kept(void **state)
{
    struct world *w = open_english();
    (void)state;
    w->desk_err = ERR_IO;
    struct answer a = get(w, "/api/v1/symbols/spot?venue=sim");
    assert_int_equal(a.status / 100, 5);
    answer_free(&a);
    w->desk_err = OK;
    a = get(w, "/api/v1/symbols/spot?venue=sim");
    assert_status(&a, 200);
    answer_free(&a);
    world_close(w);
}

/* ---- lists ---- */

static void fill_store(struct world *w, unsigned count)
{
    const uint64_t bot = add_bot(w->store);
    for (unsigned i = 1; i <= count; i++) {
        const struct store_order order = sample_order(i, bot);
        const struct store_booking booking = sample_booking(&order, 1000 + i, i);
        assert_ok(store_begin(w->store));
        assert_ok(store_order_placed(w->store, &order));
        assert_ok(store_fill_booked(w->store, &booking));
        assert_ok(store_commit(w->store));
    }
}

static void walk(struct world *w, const char *list, unsigned limit, unsigned want)
{
    char cursor[32] = "", target[128];
    unsigned count = 0;
    uint64_t last = UINT64_MAX;
    for (unsigned page = 0; page <= want; page++) {
        snprintf(target, sizeof target, "%s?limit=%u%s%s", list, limit, *cursor ? "&cursor=" : "",
                 cursor);
        struct answer a = get(w, target);
        assert_status(&a, 200);
        const size_t size = json_array_size(answer_at(&a, "items"));
        assert_true(size <= limit);
        for (size_t i = 0; i < size; i++) {
            const json_t *item = json_array_get(answer_at(&a, "items"), i);
            const uint64_t id = (uint64_t)json_integer_value(json_object_get(item, "id"));
            assert_true(id < last);
            last = id;
            count++;
        }
        const char *next = answer_text(&a, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        answer_free(&a);
        if (!*cursor) break;
    }
    assert_int_equal(count, want);
}

static void test_lists__are_paged_without_loss(void **state)
{
    static const char *const lists[] = {"/api/v1/orders", "/api/v1/fills"};
    struct world *w = open_english();
    (void)state;
    fill_store(w, 23);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        walk(w, lists[i], 1, 23);
        walk(w, lists[i], 10, 23);
        walk(w, lists[i], 23, 23);
        walk(w, lists[i], 1000, 23);
    }
    walk(w, "/api/v1/bots", 1, 1);
    struct answer a = get(w, "/api/v1/orders?bot_id=9");
    assert_int_equal(json_array_size(answer_at(&a, "items")), 0);
    answer_free(&a);
    a = get(w, "/api/v1/orders?limit=1");
    assert_string_equal(answer_text(&a, "items.0.qty"), "0.0154");
    assert_string_equal(answer_text(&a, "items.0.purpose"), "entry");
    answer_free(&a);
    a = get(w, "/api/v1/fills?limit=1");
    assert_string_equal(answer_text(&a, "items.0.symbol"), "BTCUSDT");
    assert_non_null(answer_text(&a, "items.0.fee"));
    answer_free(&a);
    a = get(w, "/api/v1/trades");
    assert_status(&a, 200);
    assert_non_null(answer_at(&a, "items"));
    answer_free(&a);
    world_close(w);
}

static void test_lists__bad_pages_are_422(void **state)
{
    static const char *const queries[] = {
        "limit=0",    "limit=1001", "limit=-1",
        "limit=x",    "limit=",     "limit=99999999999999999999",
        "cursor=x",   "cursor=0",   "cursor=-1",
        "bot_id=abc", "bot_id=%zz", "cursor=1%27%20OR%201=1",
    };
    static const char *const lists[] = {"/api/v1/orders", "/api/v1/fills", "/api/v1/trades",
                                        "/api/v1/positions", "/api/v1/bots"};
    struct world *w = open_english();
    (void)state;
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++) {
        for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
            char target[128];
            snprintf(target, sizeof target, "%s?%s", lists[l], queries[i]);
            /* The list of bots knows no bot_id. */
            const bool is_known = l < 4 || strncmp(queries[i], "bot_id", 6) != 0;
            expect_problem(w, target, is_known ? 422 : 400,
                           is_known ? "invalid_fields" : "invalid_query");
        }
    }
    world_close(w);
}

static void test_positions__are_paged_by_bot_and_leg(void **state)
{
    struct world *w = open_english();
    char cursor[32] = "", target[96];
    unsigned count = 0;
    (void)state;
    publish_instrument(w, DESK_BTC);
    publish_instrument(w, DESK_ETH);
    for (uint64_t bot = 1; bot <= 9; bot++) {
        publish_bot(w, bot, BOT_RUNNING);
        publish_leg(w, bot, DESK_BTC, bot % 3 != 0);
        publish_leg(w, bot, DESK_ETH, true);
    }
    do {
        snprintf(target, sizeof target, "/api/v1/positions?limit=4%s%s", *cursor ? "&cursor=" : "",
                 cursor);
        struct answer a = get(w, target);
        count += (unsigned)json_array_size(answer_at(&a, "items"));
        const char *next = answer_text(&a, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        answer_free(&a);
    } while (*cursor);
    assert_int_equal(count, 15);
    struct answer a = get(w, "/api/v1/positions?bot_id=3");
    assert_int_equal(json_array_size(answer_at(&a, "items")), 1);
    answer_free(&a);
    world_close(w);
}

static void test_api__closing_answers_what_waits(void **state)
{
    struct world *w = open_english();
    struct raw_peer p;
    (void)state;
    w->desk_silent = true;
    raw_peer_dial(&p, &w->loop, w->port);
    run_until(&w->loop, is_true, &p.is_open);
    raw_peer_send(&p, "GET /api/v1/markets/sim/BTCUSDT/book HTTP/1.1\r\nHost: localhost\r\n\r\n");
    while (w->asked[DESK_WATCH] == 0) uv_run(&w->loop, UV_RUN_ONCE);
    world_close(w);
    raw_peer_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local__forged_requests_are_refused),
        cmocka_unit_test(test_api__every_answer_has_security_headers),
        cmocka_unit_test(test_api__refusals_of_the_http_server_are_problems),
        cmocka_unit_test(test_page__is_not_sent_again_to_who_has_it),
        cmocka_unit_test(test_query__unknown_and_doubled_names_are_refused_by_name),
        cmocka_unit_test(test_api__methods_are_what_the_table_says),
        cmocka_unit_test(test_api__unknown_paths_are_404),
        cmocka_unit_test(test_api__posts_must_be_json),
        cmocka_unit_test(test_problem__speaks_the_readers_language),
        cmocka_unit_test(test_ready__follows_the_trade_thread_and_venues),
        cmocka_unit_test(test_metrics__are_what_prometheus_reads),
        cmocka_unit_test(test_openapi__lists_exactly_the_routes),
        cmocka_unit_test(test_page__is_served_without_inline_code),
        cmocka_unit_test(test_market__book_comes_on_demand),
        cmocka_unit_test(test_market__no_book_in_time_is_503),
        cmocka_unit_test(test_market__refusals_name_the_cause),
        cmocka_unit_test(test_market__ticker_trades_candles_symbols),
        cmocka_unit_test(test_symbols__are_asked_for_once_and_not_sent_again_to_who_has_them),
        cmocka_unit_test(test_kept__answers_come_in_the_form_that_is_asked_for),
        cmocka_unit_test(test_symbols__a_refusal_is_not_kept),
        cmocka_unit_test(test_lists__are_paged_without_loss),
        cmocka_unit_test(test_lists__bad_pages_are_422),
        cmocka_unit_test(test_positions__are_paged_by_bot_and_leg),
        cmocka_unit_test(test_api__closing_answers_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
