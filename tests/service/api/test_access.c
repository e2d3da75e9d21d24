/* Who is answered: every route of the table, asked by everybody. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "io/store/account_store.h"
#include "service/account/directory_load.h"
#include "service/api/api_fixture.h"

enum { TARGET_SIZE = 128, HEADERS_SIZE = 512 };

/* An installation with all sorts of people; each token is a session but for reader and
 * trader_token. */
struct people {
    char owner[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE], viewer[TOKEN_TEXT_SIZE];
    char disabled[TOKEN_TEXT_SIZE], reader[TOKEN_TEXT_SIZE], machine[TOKEN_TEXT_SIZE];
};

static void disable(struct world *w, uint64_t user_id)
{
    assert_ok(store_begin(w->store));
    assert_ok(account_store_set_disabled(store_sql(w->store), user_id, true));
    assert_ok(store_commit(w->store));
    assert_ok(directory_load(w->accounts.directory, store_sql(w->store), api_now_ms()));
}

static struct world *open_people(struct people *p)
{
    struct world *w = open_english();
    const uint64_t owner = add_user(w, "owner@example.test", ROLE_ADMIN, p->owner);
    add_user(w, "other@example.test", ROLE_TRADER, p->other);
    add_user(w, "viewer@example.test", ROLE_VIEWER, p->viewer);
    const uint64_t gone = add_user(w, "gone@example.test", ROLE_ADMIN, p->disabled);
    add_api_token(w, owner, SCOPE_READ, p->reader);
    add_api_token(w, owner, SCOPE_READ | SCOPE_TRADE, p->machine);
    disable(w, gone);
    publish_instrument(w, DESK_BTC);
    publish_book(w, DESK_BTC);
    return w;
}

static struct answer ask_route(struct world *w, const struct route *r, const char *id,
                               const char *token)
{
    char target[TARGET_SIZE];
    fill_pattern(r->pattern, id, target, sizeof target);
    return ask_as(w, token, r->method, target, r->body_schema ? "{}" : NULL);
}

static void expect_route(struct world *w, const struct route *r, const char *who, const char *token,
                         int status, const char *code)
{
    struct answer a = ask_route(w, r, "1", token);
    const char *got = answer_text(&a, "code");
    if (code && (a.status != status || !got || strcmp(got, code) != 0))
        fail_msg("%s %s by %s: wanted %s, got %s", r->method, r->pattern, who, code, a.text);
    if (!code && (a.status == 401 || a.status == 403))
        fail_msg("%s %s by %s: refused: %s", r->method, r->pattern, who, a.text);
    if (a.status == 401) assert_string_equal(answer_header(&a, "WWW-Authenticate"), "Bearer");
    answer_free(&a);
}

static bool is_public(const struct route *r)
{
    return r->access == ACCESS_OPEN || r->access == ACCESS_ENTRY;
}

static bool is_for_sessions(const struct route *r)
{
    return r->access == ACCESS_SELF || r->access == ACCESS_SECRETS || r->access == ACCESS_ADMIN;
}

static void test_access__every_route_is_held_to_its_column(void **state)
{
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *r = &routes[i];
        const bool open = is_public(r) || r->access == ACCESS_LOCAL; /* the test sits on loopback */
        const bool trade = r->access == ACCESS_TRADE || r->access == ACCESS_SECRETS;
        if (r->handle == auth_logout) continue; /* has a test of its own */
        expect_route(w, r, "nobody", "", 401, open ? NULL : "unauthenticated");
        expect_route(w, r, "somebody disabled", p.disabled, 401, open ? NULL : "unauthenticated");
        expect_route(w, r, "a viewer", p.viewer, 403,
                     trade || r->access == ACCESS_ADMIN ? "role_too_low" : NULL);
        expect_route(w, r, "a reading token", p.reader, 403,
                     is_for_sessions(r) || r->access == ACCESS_TRADE ? "scope_too_small" : NULL);
        expect_route(w, r, "a trading token", p.machine, 403,
                     is_for_sessions(r) ? "scope_too_small" : NULL);
        expect_route(w, r, "a trader", p.other, 403,
                     r->access == ACCESS_ADMIN ? "role_too_low" : NULL);
    }
    world_close(w);
}

/* What the column must say, by name: the test above believes it. */
static void test_access__no_route_is_open_by_mistake(void **state)
{
    static const char *const ways_in[] = {"register", "login", "forgot_password", "reset_password"};
    static const char *const open[] = {"page", "page_script", "page_style", "health", "ready"};
    static const char *const local[] = {"metrics", "openapi", "docs", "docs_script", "docs_style"};
    (void)state;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *r = &routes[i];
        bool in = false, free = false, near = false;
        for (size_t n = 0; n < 4; n++) in |= strcmp(r->id, ways_in[n]) == 0;
        for (size_t n = 0; n < 5; n++) free |= strcmp(r->id, open[n]) == 0;
        for (size_t n = 0; n < 5; n++) near |= strcmp(r->id, local[n]) == 0;
        if (in != (r->access == ACCESS_ENTRY) || free != (r->access == ACCESS_OPEN) ||
            near != (r->access == ACCESS_LOCAL))
            fail_msg("%s %s", r->method, r->pattern);
        if (strncmp(r->pattern, "/api/v1/auth/", 13) == 0) assert_true(in || is_for_sessions(r));
        if (strncmp(r->pattern, "/api/v1/api-keys", 16) == 0)
            assert_int_equal(r->access, ACCESS_SECRETS);
        if (strncmp(r->pattern, "/api/v1/admin/", 14) == 0)
            assert_int_equal(r->access, ACCESS_ADMIN);
        if (strcmp(r->method, "GET") != 0) assert_true(r->access != ACCESS_READ && !free && !near);
        if (in) assert_true(r->limit != LIMIT_DEFAULT && r->limit != LIMIT_NONE);
    }
}

/* The body without the request's id, which is the one thing that differs. */
static char *without_id(const struct answer *a)
{
    char *text = strdup(a->body);
    char *at = strstr(text, "\"request_id\":\"");
    assert_non_null(at);
    memset(at + 14, '-', 16);
    return text;
}

static void test_access__foreign_unknown_and_malformed_ids_look_the_same(void **state)
{
    static const char *const ids[] = {"1",        "999999", "0",   "-1",
                                      "nonsense", "1%00",   "1e0", "99999999999999999999"};
    struct people p;
    struct world *w = open_people(&p);
    struct answer made = ask_as(w, p.owner, "POST", "/api/v1/bots", BOT);
    (void)state;
    assert_status(&made, 201);
    assert_int_equal(json_integer_value(answer_at(&made, "id")), 1);
    answer_free(&made);
    unsigned compared = 0;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *r = &routes[i];
        char *first = NULL;
        if (!strstr(r->pattern, "{id}")) continue;
        /* The other trader asks for what is the owner's; of users, who are nobody's, an admin
         * asks. */
        const bool admin = r->access == ACCESS_ADMIN;
        for (size_t n = admin ? 1 : 0; n < sizeof ids / sizeof *ids; n++) {
            char target[TARGET_SIZE];
            fill_pattern(r->pattern, ids[n], target, sizeof target);
            struct answer a = ask_as(w, admin ? p.owner : p.other, r->method, target,
                                     admin ? "{\"role\":\"viewer\"}" : NULL);
            assert_problem(&a, 404, "not_found");
            char *body = without_id(&a);
            if (first) assert_string_equal(body, first);
            compared += first != NULL;
            if (!first) first = strdup(body);
            free(body);
            answer_free(&a);
        }
        free(first);
    }
    assert_true(compared > 20);
    world_close(w);
}

static void expect_items(struct world *w, const char *token, const char *target, size_t count)
{
    struct answer a = ask_as(w, token, "GET", target, NULL);
    assert_status(&a, 200);
    if (json_array_size(answer_at(&a, "items")) != count) fail_msg("%s: %s", target, a.text);
    answer_free(&a);
}

static void test_access__lists_show_ones_own_alone(void **state)
{
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    struct answer made = ask_as(w, p.owner, "POST", "/api/v1/bots", BOT);
    assert_status(&made, 201);
    answer_free(&made);
    publish_leg(w, 1, DESK_BTC, true);
    expect_items(w, p.owner, "/api/v1/bots", 1);
    expect_items(w, p.other, "/api/v1/bots", 0);
    expect_items(w, p.owner, "/api/v1/positions", 1);
    expect_items(w, p.other, "/api/v1/positions", 0);
    expect_items(w, p.other, "/api/v1/positions?bot_id=1", 0);
    expect_items(w, p.owner, "/api/v1/auth/sessions", 1);
    expect_items(w, p.owner, "/api/v1/auth/tokens", 2);
    expect_items(w, p.other, "/api/v1/auth/tokens", 0);
    expect_items(w, p.other, "/api/v1/orders?bot_id=1", 0);
    made = ask_as(w, p.other, "POST", "/api/v1/bots", BOT);
    assert_status(&made, 201);
    answer_free(&made);
    expect_items(w, p.owner, "/api/v1/bots", 1);
    expect_items(w, p.other, "/api/v1/bots", 1);
    world_close(w);
}

/* ---- credentials ---- */

static void expect_me(struct world *w, const char *headers, int status)
{
    struct answer a = ask(w, "GET", "/api/v1/auth/me", headers, NULL);
    if (a.status != status) fail_msg("wanted %d for %s, got %s", status, headers, a.text);
    if (status == 401) assert_problem(&a, 401, "unauthenticated");
    answer_free(&a);
}

static void test_access__altered_tokens_are_nobodys(void **state)
{
    struct people p;
    struct world *w = open_people(&p);
    char headers[HEADERS_SIZE], token[TOKEN_TEXT_SIZE];
    (void)state;
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", p.owner);
    expect_me(w, headers, 200);
    snprintf(headers, sizeof headers, "authorization: bearer %s\r\n", p.owner);
    expect_me(w, headers, 200);
    for (size_t at = 0; at < strlen(p.owner); at++) {
        strcpy(token, p.owner);
        token[at] = token[at] == 'A' ? 'B' : 'A';
        snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
        expect_me(w, headers, 401);
    }
    static const char *const forms[] = {
        "Authorization: Bearer %.46s\r\n",
        "Authorization: Bearer %sA\r\n",
        "Authorization: Bearer  %s\r\n",
        "Authorization: Basic %s\r\n",
        "Authorization: %s\r\n",
        "Authorization: Bearer\r\nX-Rest: %s\r\n",
        "X-Api-Key: %s\r\n",
        "Cookie: __Host-tradebot=%s\r\n",
        "Cookie: Tradebot=%s\r\n",
        "Cookie: xtradebot=%s\r\n",
        "Cookie: tradebot=%s; tradebot=a\r\n",
        "Cookie: tradebot=a; tradebot=%s\r\n",
        "Cookie: tradebot=%s\r\nCookie: a=b\r\n",
        "Authorization: Bearer x\r\nCookie: tradebot=%s\r\n",
        "Authorization: Bearer %s\r\nAuthorization: Bearer x\r\n",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(headers, sizeof headers, forms[i], p.owner);
#pragma GCC diagnostic pop
        expect_me(w, headers, 401);
    }
    snprintf(headers, sizeof headers, "Cookie: a=b; tradebot=%s; c=d\r\n", p.owner);
    expect_me(w, headers, 200);
    snprintf(headers, sizeof headers, "Cookie: tradebot=%s\r\n", p.machine);
    expect_me(w, headers, 401);
    world_close(w);
}

/* Puts the port where the text says PORT. */
static void fill_port(char *out, size_t size, const char *text, unsigned port)
{
    const char *at = strstr(text, "PORT");
    if (at)
        snprintf(out, size, "%.*s%u%s", (int)(at - text), text, port, at + 4);
    else
        snprintf(out, size, "%s", text);
}

static void test_access__other_sites_cannot_write_with_a_cookie(void **state)
{
    static const struct {
        const char *header; /* PORT is our port */
        bool own;
    } rows[] = {
        {"Origin: http://127.0.0.1:PORT\r\n", true},
        {"Sec-Fetch-Site: same-origin\r\n", true},
        {"", false},
        {"Origin: http://evil.example\r\n", false},
        {"Origin: http://127.0.0.1:PORT.evil.example\r\n", false},
        {"Origin: http://evil127.0.0.1:PORT\r\n", false},
        {"Origin: http://evil.example/127.0.0.1:PORT\r\n", false},
        {"Origin: http://127.0.0.1:1\r\n", false},
        {"Origin: http://127.0.0.1\r\n", false},
        {"Origin: https://127.0.0.1:PORT\r\n", false},
        {"Origin: HTTP://127.0.0.1:PORT\r\n", false},
        {"Origin: http://localhost:PORT\r\n", false},
        {"Origin: null\r\n", false},
        {"Origin: \r\n", false},
        {"Origin: http://127.0.0.1:PORT\r\nSec-Fetch-Site: cross-site\r\n", false},
        {"Origin: http://127.0.0.1:PORT\r\nSec-Fetch-Site: same-site\r\n", false},
        {"Sec-Fetch-Site: none\r\n", false},
        {"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n", false},
    };
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char header[HEADERS_SIZE / 2], headers[HEADERS_SIZE];
        fill_port(header, sizeof header, rows[i].header, w->port);
        snprintf(headers, sizeof headers,
                 "Content-Type: application/json\r\nCookie: tradebot=%s\r\n%s", p.owner, header);
        struct answer a = ask(w, "PATCH", "/api/v1/auth/me", headers, "{\"locale\":\"en\"}");
        if (!rows[i].own)
            assert_problem(&a, 403, "foreign_origin");
        else if (a.status != 200)
            fail_msg("%s: %s", header, a.text);
        assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "");
        answer_free(&a);
        /* Whoever can read a token needs no cookie, and no other site can send it. */
        snprintf(headers, sizeof headers,
                 "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n%s", p.owner,
                 header);
        a = ask(w, "PATCH", "/api/v1/auth/me", headers, "{\"locale\":\"en\"}");
        assert_status(&a, 200);
        answer_free(&a);
        /* Reading is the same-origin rule's affair: nothing lets another site see the answer. */
        snprintf(headers, sizeof headers, "Cookie: tradebot=%s\r\n%s", p.owner, header);
        a = ask(w, "GET", "/api/v1/auth/me", headers, NULL);
        assert_status(&a, 200);
        assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "");
        assert_string_equal(answer_header(&a, "Cross-Origin-Resource-Policy"), "same-origin");
        answer_free(&a);
    }
    world_close(w);
}

static void test_access__a_form_never_passes_for_json(void **state)
{
    static const char *const types[] = {"text/plain", "application/x-www-form-urlencoded",
                                        "multipart/form-data", "application/jsonx"};
    struct people p;
    struct world *w = open_people(&p);
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char headers[HEADERS_SIZE];
        snprintf(headers, sizeof headers,
                 "Content-Type: %s\r\nCookie: tradebot=%s\r\nSec-Fetch-Site: same-origin\r\n",
                 types[i], p.owner);
        struct answer a = ask(w, "PATCH", "/api/v1/auth/me", headers, "{\"locale\":\"en\"}");
        assert_problem(&a, 415, "unsupported_media_type");
        answer_free(&a);
        snprintf(headers, sizeof headers, "Content-Type: %s\r\n", types[i]);
        a = ask(w, "POST", "/api/v1/auth/login", headers, "{\"email\":\"a@b.co\"}");
        assert_problem(&a, 415, "unsupported_media_type");
        answer_free(&a);
    }
    struct answer a =
        ask(w, "OPTIONS", "/api/v1/auth/login",
            "Origin: http://evil.example\r\nAccess-Control-Request-Method: POST\r\n", NULL);
    assert_status(&a, 204);
    assert_null(strstr(a.text, "Access-Control"));
    assert_string_equal(answer_header(&a, "Allow"), "POST, OPTIONS");
    answer_free(&a);
    world_close(w);
}

/* ---- before the first account ---- */

static void test_access__unclaimed_it_serves_this_machine_without_a_token(void **state)
{
    struct world *w = open_english();
    (void)state;
    expect_items(w, "", "/api/v1/bots", 0);
    struct answer a = get(w, "/api/v1/version");
    assert_true(json_is_false(answer_at(&a, "claimed")));
    answer_free(&a);
    for (size_t i = 0; i < routes_count; i++) {
        if (!is_for_sessions(&routes[i])) continue;
        a = ask_route(w, &routes[i], "1", "");
        assert_problem(&a, 401, "unauthenticated");
        answer_free(&a);
    }
    a = ask(w, "GET", "/api/v1/bots", "Host: evil.example\r\n", NULL);
    assert_problem(&a, 403, "not_local");
    answer_free(&a);
    char token[TOKEN_TEXT_SIZE];
    add_user(w, "owner@example.test", ROLE_ADMIN, token);
    a = get(w, "/api/v1/bots");
    assert_problem(&a, 401, "unauthenticated");
    answer_free(&a);
    expect_items(w, token, "/api/v1/bots", 0);
    a = get(w, "/metrics");
    assert_status(&a, 200);
    answer_free(&a);
    a = ask(w, "GET", "/metrics", "X-Forwarded-For: 192.0.2.1\r\n", NULL);
    assert_problem(&a, 401, "unauthenticated");
    answer_free(&a);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_access__every_route_is_held_to_its_column),
        cmocka_unit_test(test_access__no_route_is_open_by_mistake),
        cmocka_unit_test(test_access__foreign_unknown_and_malformed_ids_look_the_same),
        cmocka_unit_test(test_access__lists_show_ones_own_alone),
        cmocka_unit_test(test_access__altered_tokens_are_nobodys),
        cmocka_unit_test(test_access__other_sites_cannot_write_with_a_cookie),
        cmocka_unit_test(test_access__a_form_never_passes_for_json),
        cmocka_unit_test(test_access__unclaimed_it_serves_this_machine_without_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
