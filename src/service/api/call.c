/* From a request to its one answer. */
#include "service/api/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

enum { DETAIL_SIZE = 768, NUMBER_SIZE = 12, HEADERS_MAX = 9 + HTTP_BODY_HEADERS };

int64_t api_now_ms(void)
{
    return clock_wall_ms(&clock_system);
}

int64_t api_monotonic_ms(void)
{
    return clock_monotonic_ns(&clock_system) / 1000000;
}

static void id_write(uint64_t number, char id[CALL_ID_SIZE])
{
    for (int i = CALL_ID_SIZE - 2; i >= 0; i--, number >>= 4)
        id[i] = "0123456789abcdef"[number & 15];
    id[CALL_ID_SIZE - 1] = '\0';
}

struct call *call_new(struct api *api, const struct http_headers *headers, struct http_reply *reply)
{
    struct call *call = calloc(1, sizeof *call);
    CHECK(call);
    call->api = api;
    call->reply = reply;
    call->json.out = &call->body;
    call->instrument = INSTRUMENT_NONE;
    call_choose_language(call, headers, "");
    id_write(hash_u64(api->request_seed, ++api->request_count), call->id);
    call->next = api->calls;
    if (call->next) call->next->previous = call;
    api->calls = call;
    api->call_count++;
    return call;
}

void call_choose_language(struct call *call, const struct http_headers *headers, const char *locale)
{
    enum language otherwise = call->api->options.language;
    if (*locale) otherwise = strcmp(locale, "tr") == 0 ? LANGUAGE_TURKISH : LANGUAGE_ENGLISH;
    call->language = otherwise;
    if (headers)
        call->language = language_of(http_header_get(headers, "Accept-Language"), otherwise);
}

static void call_free(struct call *call)
{
    struct api *api = call->api;
    if (call->previous)
        call->previous->next = call->next;
    else
        api->calls = call->next;
    if (call->next) call->next->previous = call->previous;
    api->call_count--;
    if (call->ticket) *call->ticket = NULL;
    if (call->read) read_forget(call->read);
    buffer_deinit(&call->body);
    free(call->state);
    free(call);
}

static struct http_header number_header(struct slice name, uint32_t value, char text[NUMBER_SIZE])
{
    char *at = text + NUMBER_SIZE;
    do *--at = (char)('0' + value % 10);
    while (value /= 10);
    return (struct http_header){name, {at, (size_t)(text + NUMBER_SIZE - at)}};
}

/* What a counted request is told of its limit. */
struct rate_headers {
    char texts[4][NUMBER_SIZE];
    struct http_header items[4];
    size_t count;
};

static void rate_headers(const struct call *call, struct rate_headers *out)
{
    const struct limit_answer *rate = &call->rate;
    out->count = 0;
    if (!call->is_counted) return;
    const uint32_t reset_s = limit_seconds(rate->reset_ms), retry_s = limit_seconds(rate->retry_ms);
    out->items[0] = number_header(SLICE("RateLimit-Limit"), rate->limit, out->texts[0]);
    out->items[1] = number_header(SLICE("RateLimit-Remaining"), rate->remaining, out->texts[1]);
    out->items[2] = number_header(SLICE("RateLimit-Reset"), reset_s, out->texts[2]);
    out->items[3] = number_header(SLICE("Retry-After"), retry_s, out->texts[3]);
    out->count = rate->accepted ? 3 : 4;
}

/* The one way out: every answer bears its request's id. The call goes first, because answering may
 * bring the connection's next request in. */
static void answer_with(struct call *call, const struct http_response *response,
                        const struct http_header *own_headers, size_t own_count, bool is_kept)
{
    struct http_reply *reply = call->reply;
    struct buffer own = call->body;
    char id[CALL_ID_SIZE], cookie[CALL_COOKIE_SIZE], retry[NUMBER_SIZE];
    const uint32_t retry_s = call->retry_after_s;
    struct rate_headers rate;
    rate_headers(call, &rate);
    memcpy(id, call->id, sizeof id);
    memcpy(cookie, call->cookie, sizeof cookie);
    tally_add(&call->api->tally->answers[response->status / 100]);
    call->body = (struct buffer){0};
    call_free(call);
    struct http_header headers[HEADERS_MAX] = {{SLICE("X-Request-Id"), slice_of(id)},
                                               {SLICE("Cache-Control"),
                                                is_kept ? SLICE("no-cache") : SLICE("no-store")}};
    size_t count = 2;
    CHECK(own_count <= HEADERS_MAX - 9);
    for (size_t i = 0; i < own_count; i++) headers[count++] = own_headers[i];
    for (size_t i = 0; i < rate.count; i++) headers[count++] = rate.items[i];
    if (retry_s) headers[count++] = number_header(SLICE("Retry-After"), retry_s, retry);
    if (*cookie) headers[count++] = (struct http_header){SLICE("Set-Cookie"), slice_of(cookie)};
    if (response->status == 401)
        headers[count++] = (struct http_header){SLICE("WWW-Authenticate"), SLICE("Bearer")};
    struct http_response whole = *response;
    whole.headers = headers;
    whole.header_count = count;
    http_reply_send(reply, &whole);
    explicit_bzero(cookie, sizeof cookie);
    buffer_deinit(&own);
}

static void answer(struct call *call, int status, const char *content_type, struct slice body,
                   const char *allow)
{
    const struct http_header allow_header = {SLICE("Allow"), slice_of(allow)};
    answer_with(
        call, &(struct http_response){.status = status, .content_type = content_type, .body = body},
        &allow_header, *allow ? 1 : 0, false);
}

void call_send_as(struct call *call, int status, const char *content_type)
{
    if (call->body.failed) {
        call_failed(call, "answer", "too large");
        return;
    }
    answer(call, status, content_type, buffer_slice(&call->body), "");
}

void call_send(struct call *call, int status)
{
    call_send_as(call, status, "application/json");
}

void call_send_text(struct call *call, struct buffer *text)
{
    buffer_deinit(&call->body);
    call->body = *text;
    *text = (struct buffer){0};
    call_send(call, 200);
}

void call_done(struct call *call)
{
    answer(call, 204, NULL, SLICE(""), "");
}

void call_send_body(struct call *call, const struct http_wish *wish, struct http_body *body)
{
    struct http_body_answer a;
    http_body_answer(body, wish, &a);
    answer_with(call, &a.response, a.headers, a.header_count, true);
}

static void open_problem(struct call *call, enum problem problem, const char *cause)
{
    char detail[DETAIL_SIZE], whole[2 * DETAIL_SIZE];
    snprintf(whole, sizeof whole, "%s%s%s", problem_detail(problem, call->language),
             *cause ? " " : "", cause);
    excerpt_write(slice_of(whole), detail, sizeof detail);
    struct json_writer *w = &call->json;
    buffer_deinit(&call->body);
    w->needs_comma = false;
    writer_open(w, NULL, '{');
    writer_text(w, "type", "about:blank");
    writer_text(w, "title", problem_title(problem));
    writer_i64(w, "status", problem_status(problem));
    writer_text(w, "code", problem_code(problem));
    writer_text(w, "detail", detail);
    writer_text(w, "request_id", call->id);
}

static void close_problem(struct call *call, enum problem problem, const char *allow)
{
    writer_close(&call->json, '}');
    answer(call, problem_status(problem), "application/problem+json", buffer_slice(&call->body),
           allow);
}

void call_problem(struct call *call, enum problem problem)
{
    call_problem_because(call, problem, "");
}

void call_problem_because(struct call *call, enum problem problem, const char *cause)
{
    open_problem(call, problem, cause);
    close_problem(call, problem, "");
}

void call_not_allowed(struct call *call, const char *allow)
{
    open_problem(call, PROBLEM_METHOD_NOT_ALLOWED, "");
    close_problem(call, PROBLEM_METHOD_NOT_ALLOWED, allow);
}

void call_options(struct call *call, const char *allow)
{
    answer(call, 204, NULL, SLICE(""), allow);
}

void call_faults(struct call *call, const struct faults *faults)
{
    call_problem_faults(call, PROBLEM_INVALID_FIELDS, faults);
}

void call_problem_faults(struct call *call, enum problem problem, const struct faults *faults)
{
    struct json_writer *w = &call->json;
    open_problem(call, problem, faults->count ? faults->items[0].detail : "");
    writer_open(w, "errors", '[');
    for (unsigned i = 0; i < faults->count; i++) {
        writer_open(w, NULL, '{');
        writer_text(w, "field", faults->items[i].field);
        writer_text(w, "code", fault_code(faults->items[i].fault));
        writer_text(w, "detail", faults->items[i].detail);
        writer_close(w, '}');
    }
    writer_close(w, ']');
    close_problem(call, problem, "");
}

void call_failed(struct call *call, const char *what, const char *cause)
{
    log_error("request_failed", "request_id=%s what=%s cause=%s", call->id, what, cause);
    call_problem(call, PROBLEM_INTERNAL);
}

bool call_ask(struct call *call, struct desk_request *request)
{
    const struct desk *desk = &call->api->options.desk;
    request->user_id = call->who.user_id;
    request->user = call;
    if (desk->ask(desk->self, request)) return true;
    call_problem(call, PROBLEM_BUSY);
    return false;
}
