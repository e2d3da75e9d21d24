/* Answers that are made once and sent many times. */
#include "service/api/kept.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "service/api/openapi.h"
#include "service/api/route.h"
#include "service/api/views.h"
#include "service/api/web_files.h"

static enum err keep_openapi(struct kept *k, const char *version)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    openapi_write(&w, version);
    CHECK(!text.failed);
    const enum err err = http_body_new("application/json", buffer_slice(&text), &k->openapi);
    buffer_deinit(&text);
    return err;
}

enum err kept_open(struct kept *k, const char *version)
{
    *k = (struct kept){0};
    CHECK(web_files_count <= KEPT_FILES_MAX);
    enum err err = keep_openapi(k, version);
    for (size_t i = 0; i < web_files_count && !err; i++) {
        const struct web_file *file = &web_files[i];
        err =
            http_body_new(file->content_type, (struct slice){file->data, file->size}, &k->files[i]);
    }
    if (err) kept_close(k);
    return err;
}

void kept_close(struct kept *k)
{
    for (size_t i = 0; i < KEPT_FILES_MAX; i++) http_body_release(k->files[i]);
    http_body_release(k->openapi);
    for (unsigned v = 0; v < VENUE_COUNT; v++) http_body_release(k->symbols[v].body);
    *k = (struct kept){0};
}

struct http_body *kept_file(const struct kept *k, const char *path)
{
    for (size_t i = 0; i < web_files_count; i++)
        if (strcmp(web_files[i].path, path) == 0) return k->files[i];
    return NULL;
}

/* ---- instruments of a venue ---- */

static enum err keep_list(struct kept_list *list, const struct desk_answer *answer)
{
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct http_body *body;
    writer_open(&w, NULL, '[');
    for (size_t i = 0; i < answer->count; i++) view_instrument(&w, &answer->instruments[i]);
    writer_close(&w, ']');
    enum err err = text.failed ? err_set(ERR_LIMIT, "the list of instruments is too long") : OK;
    if (!err) err = http_body_new("application/json", buffer_slice(&text), &body);
    buffer_deinit(&text);
    if (err) return err;
    http_body_release(list->body);
    list->body = body;
    list->refresh_from_ms = api_monotonic_ms() + KEPT_FRESH_MS;
    return OK;
}

/* Nobody waits for this answer: what was kept has been sent meanwhile. */
static void on_refreshed(void *user, const struct desk_answer *answer)
{
    struct kept_list *list = user;
    list->is_asked = false;
    enum err err = answer->err;
    if (!err) err = keep_list(list, answer);
    if (!err) return;
    list->refresh_from_ms = api_monotonic_ms() + KEPT_RETRY_MS;
    log_warn("symbols_not_refreshed", "cause=%s", err_name(err));
}

static void refresh_if_old(const struct api *api, struct kept_list *list, enum venue venue)
{
    if (list->is_asked || api_monotonic_ms() < list->refresh_from_ms) return;
    const struct desk *desk = &api->options.desk;
    const struct desk_request ask = {
        .kind = DESK_SYMBOLS, .venue = (uint8_t)venue, .on_answer = on_refreshed, .user = list};
    list->is_asked = desk->ask(desk->self, &ask);
}

/* The first ones to ask: whoever is answered first keeps the list for the others. */
static void on_first(void *user, const struct desk_answer *answer)
{
    struct call *call = user;
    struct kept_list *list = &call->api->kept.symbols[call->venue];
    if (!list->body && answer->err) {
        market_refuse(call, answer->err);
        return;
    }
    if (!list->body && keep_list(list, answer)) {
        call_failed(call, "symbols", err_text());
        return;
    }
    const struct http_wish wish = *(const struct http_wish *)call->state;
    call_send_body(call, &wish, list->body);
}

void kept_send_symbols(struct call *call, const struct http_request *request, enum venue venue)
{
    struct kept_list *list = &call->api->kept.symbols[venue];
    struct http_wish wish;
    http_wish_read(&request->headers, &wish);
    if (list->body) {
        refresh_if_old(call->api, list, venue);
        call_send_body(call, &wish, list->body);
        return;
    }
    call->venue = venue;
    call->state = malloc(sizeof wish);
    CHECK(call->state);
    memcpy(call->state, &wish, sizeof wish);
    struct desk_request ask = {
        .kind = DESK_SYMBOLS, .venue = (uint8_t)venue, .on_answer = on_first};
    call_ask(call, &ask);
}
