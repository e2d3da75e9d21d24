/* One loop, run until the answer is there. */
#include "app/http_ask.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "io/feed/venue_url.h"

enum { DEADLINE_MS = 10000, HEADER_SIZE = 256 };

enum err http_ask_open(struct http_ask *a, const char *url)
{
    char authority[URL_HOST_SIZE + 16];
    *a = (struct http_ask){0};
    enum err err = venue_url_parse(url, false, &a->url);
    if (!err && a->url.secure) err = tls_client_new(NULL, &a->tls);
    if (err) return err;
    if (uv_loop_init(&a->loop) != 0) {
        tls_context_free(a->tls);
        return err_set(ERR_IO, "cannot make a loop");
    }
    url_authority(&a->url, authority, sizeof authority);
    const struct http_client_options options = {
        .host = a->url.host, .port = a->url.port, .authority = authority, .tls = a->tls};
    err = http_client_open(&a->loop, &options, &a->client);
    if (err) http_ask_close(a);
    return err;
}

static void on_result(void *user, const struct http_result *result)
{
    struct http_ask *a = user;
    a->is_answered = true;
    a->err = result->err;
    a->status = result->status;
    const struct slice retry = http_header_get(&result->headers, "Retry-After");
    snprintf(a->retry_after, sizeof a->retry_after, "%.*s", (int)retry.size,
             retry.data ? retry.data : "");
    snprintf(a->cause, sizeof a->cause, "%s", result->text);
    buffer_append(&a->body, result->body.data, result->body.size);
    buffer_append_char(&a->body, '\0');
    if (a->body.size) a->body.size--;
    uv_stop(&a->loop);
}

enum err http_ask(struct http_ask *a, const char *method, const char *path, const char *body)
{
    char target[URL_PATH_SIZE + 256], bearer[HEADER_SIZE];
    snprintf(target, sizeof target, "%s%s", a->url.path, path);
    snprintf(bearer, sizeof bearer, "Bearer %s", a->token ? a->token : "");
    const struct http_header headers[] = {
        {slice_of("Content-Type"), slice_of("application/json")},
        {slice_of("Authorization"), slice_of(bearer)},
    };
    const struct http_call call = {
        .method = slice_of(method),
        .target = slice_of(target),
        .headers = headers + !body,
        .header_count = 2U - !body - !a->token,
        .body = body ? slice_of(body) : (struct slice){"", 0},
        .deadline_ms = DEADLINE_MS,
        .on_result = on_result,
        .user = a,
    };
    const int64_t began = clock_monotonic_ns(&clock_system);
    buffer_clear(&a->body);
    a->is_answered = false;
    const enum err err = http_client_send(a->client, &call);
    explicit_bzero(bearer, sizeof bearer);
    if (err) return err;
    while (!a->is_answered) uv_run(&a->loop, UV_RUN_DEFAULT);
    a->took_ns = clock_monotonic_ns(&clock_system) - began;
    return a->err ? err_set(a->err, "%s", a->cause) : OK;
}

void http_ask_close(struct http_ask *a)
{
    http_client_close(a->client);
    a->client = NULL;
    uv_run(&a->loop, UV_RUN_DEFAULT);
    uv_loop_close(&a->loop);
    tls_context_free(a->tls);
    if (a->body.data) explicit_bzero(a->body.data, a->body.size);
    buffer_deinit(&a->body);
}
