/* The OpenAPI document. */
#include "service/api/openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "service/api/route.h"
#include "service/api/web_files.h"

static void reference(struct json_writer *w, const char *key, const char *schema)
{
    char text[96];
    snprintf(text, sizeof text, "{\"$ref\":\"#/components/schemas/%s\"}", schema);
    writer_raw(w, key, text);
}

/* schema: JSON. */
static void media(struct json_writer *w, const char *type, const char *schema)
{
    writer_open(w, type, '{');
    writer_raw(w, "schema", schema);
    writer_close(w, '}');
}

static void content(struct json_writer *w, const char *type, const char *schema)
{
    writer_open(w, type, '{');
    reference(w, "schema", schema);
    writer_close(w, '}');
}

static void parameter(struct json_writer *w, const char *name, const char *place,
                      const char *schema, bool required)
{
    writer_open(w, NULL, '{');
    writer_text(w, "name", name);
    writer_text(w, "in", place);
    writer_bool(w, "required", required);
    writer_raw(w, "schema", schema);
    writer_close(w, '}');
}

static const char *path_schema(const char *name)
{
    if (strcmp(name, "id") == 0)
        return "{\"type\":\"integer\",\"minimum\":1,\"maximum\":999999999999999999}";
    if (strcmp(name, "venue") == 0) return "{\"$ref\":\"#/components/schemas/Venue\"}";
    return "{\"type\":\"string\",\"minLength\":1,\"maxLength\":63}";
}

static void path_parameters(struct json_writer *w, const char *pattern)
{
    for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
        char name[CALL_PARAM_SIZE];
        CHECK(slice_copy((struct slice){at + 1, strcspn(at + 1, "}")}, name, sizeof name));
        parameter(w, name, "path", path_schema(name), true);
    }
}

/* ---- answers ---- */

static void header(struct json_writer *w, const char *name, const char *component)
{
    char text[96];
    snprintf(text, sizeof text, "{\"$ref\":\"#/components/headers/%s\"}", component);
    writer_raw(w, name, text);
}

static void headers(struct json_writer *w, const struct route *r, int status)
{
    writer_open(w, "headers", '{');
    header(w, "X-Request-Id", "RequestId");
    if (r->limit != LIMIT_NONE) {
        header(w, "RateLimit-Limit", "RateLimitLimit");
        header(w, "RateLimit-Remaining", "RateLimitRemaining");
        header(w, "RateLimit-Reset", "RateLimitReset");
    }
    if (status == 429 || status == 503) header(w, "Retry-After", "RetryAfter");
    if (status == 401) header(w, "WWW-Authenticate", "Challenge");
    if (r->kept && (status == 200 || status == 304)) header(w, "ETag", "ETag");
    writer_close(w, '}');
}

static bool is_refusal(uint64_t set, unsigned problem, int status)
{
    return (set >> problem & 1) && problem_status((enum problem)problem) == status;
}

/* The row's problems of that status: their words in text, their codes as the schema's. */
static bool describe(uint64_t set, int status, struct buffer *text, struct buffer *schema)
{
    const size_t start = text->size;
    buffer_printf(schema, "{\"allOf\":[{\"$ref\":\"#/components/schemas/Problem\"},"
                          "{\"properties\":{\"code\":{\"enum\":[");
    for (unsigned i = 0; i < PROBLEM_COUNT; i++) {
        if (!is_refusal(set, i, status)) continue;
        const bool first = text->size == start;
        const enum problem problem = (enum problem)i;
        buffer_printf(text, "%s%s: %s", start || !first ? "\n" : "", problem_code(problem),
                      problem_detail(problem, LANGUAGE_ENGLISH));
        buffer_printf(schema, "%s\"%s\"", first ? "" : ",", problem_code(problem));
    }
    buffer_printf(schema, "]}}}]}");
    return text->size > start;
}

static void good_content(struct json_writer *w, const struct route *r)
{
    if (r->schema)
        content(w, "application/json", r->schema);
    else
        media(w, r->content_type, "{\"type\":\"string\"}");
}

/* The answer of one status, good or bad or, where a status can be both, both. */
static void response(struct json_writer *w, const struct route *r, int status)
{
    struct buffer text = {0}, schema = {0};
    const bool is_good = status == r->status || status == r->other_status;
    char key[8];
    if (is_good) buffer_printf(&text, status == r->status ? "Good" : "The same, told as not good");
    const bool is_bad = describe(route_refusals(r), status, &text, &schema);
    buffer_append_char(&text, '\0');
    buffer_append_char(&schema, '\0');
    if (is_good || is_bad) {
        snprintf(key, sizeof key, "%d", status);
        writer_open(w, key, '{');
        writer_text(w, "description", text.data);
        headers(w, r, status);
        if (status != 204) {
            writer_open(w, "content", '{');
            if (is_good) good_content(w, r);
            if (is_bad) media(w, "application/problem+json", schema.data);
            writer_close(w, '}');
        }
        writer_close(w, '}');
    }
    buffer_deinit(&text);
    buffer_deinit(&schema);
}

static void not_modified(struct json_writer *w, const struct route *r)
{
    writer_open(w, "304", '{');
    writer_text(w, "description", "What If-None-Match names is still it");
    headers(w, r, 304);
    writer_close(w, '}');
}

static void responses(struct json_writer *w, const struct route *r)
{
    writer_open(w, "responses", '{');
    for (int status = 200; status < 600; status++) {
        if (status == 304 && r->kept)
            not_modified(w, r);
        else
            response(w, r, status);
    }
    writer_open(w, "default", '{');
    writer_text(w, "description",
                "What the HTTP server refuses before it looks for a route (400, 408, 413, 414, "
                "417, 431, 501, 505), and 500, which is our fault");
    writer_raw(w, "headers", "{\"X-Request-Id\":{\"$ref\":\"#/components/headers/RequestId\"}}");
    writer_open(w, "content", '{');
    content(w, "application/problem+json", "Problem");
    writer_close(w, '}');
    writer_close(w, '}');
    writer_close(w, '}');
}

/* ---- operations ---- */

/* Where an address belongs in the manual: by its beginning, the first that fits. */
static const struct tag {
    const char *prefix, *name, *description;
} tags[] = {
    {"/api/v1/auth/", "auth", "Accounts, sessions, second factors and API tokens"},
    {"/api/v1/bots", "bots", "Bots: made, steered and looked at"},
    {"/api/v1/strategies", "bots", NULL},
    {"/api/v1/orders", "history", "What bots did, and what they have"},
    {"/api/v1/fills", "history", NULL},
    {"/api/v1/trades", "history", NULL},
    {"/api/v1/positions", "history", NULL},
    {"/api/v1/balances", "history", NULL},
    {"/api/v1/markets/", "markets", "Venues, their symbols, books, prints and candles"},
    {"/api/v1/symbols/", "markets", NULL},
    {"/api/v1/venues", "markets", NULL},
    {"/api/v1/api-keys", "keys", "Keys of exchanges"},
    {"/api/v1/admin/", "admin", "Everybody's accounts, the audit log, rate limits"},
    {"", "server", "The server itself, its pages and its manual"},
};

static const char *tag_of(const char *pattern)
{
    size_t i = 0;
    while (strncmp(pattern, tags[i].prefix, strlen(tags[i].prefix)) != 0) i++;
    return tags[i].name;
}

/* What the route's column of access says, for people and for programs. */
static void security(struct json_writer *w, const struct route *r)
{
    static const char *const words[] = {
        [ACCESS_ADMIN] = "A session of an admin.",
        [ACCESS_OPEN] = "Anybody.",
        [ACCESS_ENTRY] = "Anybody.",
        [ACCESS_LOCAL] = "Local requests, or any session or API token.",
        [ACCESS_READ] = "Any session, or an API token of scope read.",
        [ACCESS_TRADE] = "A session of a trader, or an API token of scope trade.",
        [ACCESS_SELF] = "Any session.",
        [ACCESS_SECRETS] = "A session of a trader.",
    };
    char text[160];
    snprintf(text, sizeof text, "For: %s%s", words[r->access],
             r->fresh ? " The password must have been given in the last 10 minutes." : "");
    writer_text(w, "description", text);
    const bool is_public = r->access == ACCESS_OPEN || r->access == ACCESS_ENTRY;
    if (is_public)
        writer_raw(w, "security", "[]");
    else if (r->access == ACCESS_LOCAL)
        writer_raw(w, "security", "[{\"bearer\":[]},{\"cookie\":[]},{\"secure_cookie\":[]},{}]");
    else
        writer_raw(w, "security", "[{\"bearer\":[]},{\"cookie\":[]},{\"secure_cookie\":[]}]");
}

static void parameters(struct json_writer *w, const struct route *r)
{
    writer_open(w, "parameters", '[');
    path_parameters(w, r->pattern);
    for (unsigned i = 0; i < QUERY_MAX && r->query[i].name; i++)
        parameter(w, r->query[i].name, "query", r->query[i].schema, r->query[i].required);
    if (r->kept) parameter(w, "If-None-Match", "header", "{\"type\":\"string\"}", false);
    writer_close(w, ']');
}

/* Writes without a body of their own take {} as well. */
static void request_body(struct json_writer *w, const struct route *r)
{
    if (!r->body_schema && strcmp(r->method, "POST") != 0) return;
    writer_open(w, "requestBody", '{');
    writer_bool(w, "required", r->body_schema);
    writer_open(w, "content", '{');
    content(w, "application/json", r->body_schema ? r->body_schema : "Nothing");
    writer_close(w, '}');
    writer_close(w, '}');
}

static void operation(struct json_writer *w, const struct route *r)
{
    char key[8] = "";
    for (size_t i = 0; r->method[i]; i++) key[i] = (char)tolower(r->method[i]);
    writer_open(w, key, '{');
    writer_text(w, "operationId", r->id);
    writer_open(w, "tags", '[');
    writer_text(w, NULL, tag_of(r->pattern));
    writer_close(w, ']');
    writer_text(w, "summary", r->summary);
    security(w, r);
    parameters(w, r);
    request_body(w, r);
    responses(w, r);
    writer_close(w, '}');
}

static void tag_list(struct json_writer *w)
{
    writer_open(w, "tags", '[');
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (!tags[i].description) continue;
        writer_open(w, NULL, '{');
        writer_text(w, "name", tags[i].name);
        writer_text(w, "description", tags[i].description);
        writer_close(w, '}');
    }
    writer_close(w, ']');
}

static const char header_components[] =
    "{\"RequestId\":{\"description\":\"the request's number, as the log has it\","
    "\"required\":true,\"schema\":{\"type\":\"string\",\"pattern\":\"^[0-9a-f]{16}$\"}},"
    "\"RateLimitLimit\":{\"description\":\"requests in any span of the limit's time\","
    "\"schema\":{\"type\":\"integer\"}},"
    "\"RateLimitRemaining\":{\"description\":\"of those, how many are left\","
    "\"schema\":{\"type\":\"integer\"}},"
    "\"RateLimitReset\":{\"description\":\"seconds until all of them are there again\","
    "\"schema\":{\"type\":\"integer\"}},"
    "\"RetryAfter\":{\"description\":\"seconds after which to try again\","
    "\"schema\":{\"type\":\"integer\"}},"
    "\"Challenge\":{\"required\":true,\"schema\":{\"const\":\"Bearer\"}},"
    "\"ETag\":{\"description\":\"for If-None-Match\",\"schema\":{\"type\":\"string\"}}}";

static const char security_schemes[] =
    "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
    "\"description\":\"access_token of a login, or an API token\"},"
    "\"cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"tradebot\","
    "\"description\":\"set by a login, for browsers; writes must come from our own page\"},"
    "\"secure_cookie\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-tradebot\","
    "\"description\":\"the same over TLS\"}}";

void openapi_write(struct json_writer *w, const char *version)
{
    writer_open(w, NULL, '{');
    writer_text(w, "openapi", "3.1.0");
    writer_open(w, "info", '{');
    writer_text(w, "title", "TradeBot");
    writer_text(w, "version", version);
    writer_text(w, "description",
                "Amounts are strings, ids integers, times RFC 3339 in UTC. Until the first account "
                "exists, local requests are answered without a session.");
    writer_close(w, '}');
    writer_raw(w, "servers", "[{\"url\":\"/\"}]");
    tag_list(w);
    writer_open(w, "paths", '{');
    for (size_t i = 0; i < routes_count; i++) {
        /* Rows of one pattern stand together. */
        const bool first = i == 0 || strcmp(routes[i].pattern, routes[i - 1].pattern) != 0;
        const bool last =
            i + 1 == routes_count || strcmp(routes[i].pattern, routes[i + 1].pattern) != 0;
        if (first) writer_open(w, routes[i].pattern, '{');
        operation(w, &routes[i]);
        if (last) writer_close(w, '}');
    }
    writer_close(w, '}');
    writer_open(w, "components", '{');
    writer_raw(w, "schemas", openapi_schemas);
    writer_raw(w, "headers", header_components);
    writer_raw(w, "securitySchemes", security_schemes);
    writer_close(w, '}');
    writer_close(w, '}');
}
