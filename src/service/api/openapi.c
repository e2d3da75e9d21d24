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

static void content(struct json_writer *w, const char *type, const char *schema)
{
    writer_open(w, "content", '{');
    writer_open(w, type, '{');
    if (schema)
        reference(w, "schema", schema);
    else
        writer_raw(w, "schema", "{\"type\":\"string\"}");
    writer_close(w, '}');
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

static void path_parameters(struct json_writer *w, const char *pattern)
{
    for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
        char name[CALL_PARAM_SIZE];
        CHECK(slice_copy((struct slice){at + 1, strcspn(at + 1, "}")}, name, sizeof name));
        const bool is_id = strcmp(name, "id") == 0;
        parameter(w, name, "path",
                  is_id ? "{\"type\":\"integer\",\"minimum\":1}" : "{\"type\":\"string\"}", true);
    }
}

static void response(struct json_writer *w, const struct route *r, int status, const char *words)
{
    char key[8];
    snprintf(key, sizeof key, "%d", status);
    writer_open(w, key, '{');
    writer_text(w, "description", words);
    if (status != 204) content(w, r->schema ? "application/json" : r->content_type, r->schema);
    writer_close(w, '}');
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
    writer_raw(w, "security", is_public ? "[]" : "[{\"bearer\":[]}]");
}

static void operation(struct json_writer *w, const struct route *r)
{
    char key[8] = "";
    for (size_t i = 0; r->method[i]; i++) key[i] = (char)tolower(r->method[i]);
    writer_open(w, key, '{');
    writer_text(w, "operationId", r->id);
    writer_text(w, "summary", r->summary);
    security(w, r);
    writer_open(w, "parameters", '[');
    path_parameters(w, r->pattern);
    for (unsigned i = 0; i < QUERY_MAX && r->query[i].name; i++)
        parameter(w, r->query[i].name, "query", r->query[i].schema, r->query[i].required);
    writer_close(w, ']');
    if (r->body_schema) {
        writer_open(w, "requestBody", '{');
        writer_bool(w, "required", true);
        content(w, "application/json", r->body_schema);
        writer_close(w, '}');
    }
    writer_open(w, "responses", '{');
    response(w, r, r->status, "Good");
    if (r->other_status) response(w, r, r->other_status, "Not so good, told in the same shape");
    writer_open(w, "default", '{');
    writer_text(w, "description", "What went wrong");
    content(w, "application/problem+json", "Problem");
    writer_close(w, '}');
    writer_close(w, '}');
    writer_close(w, '}');
}

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
    writer_raw(w, "securitySchemes", "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"}}");
    writer_close(w, '}');
    writer_close(w, '}');
}
