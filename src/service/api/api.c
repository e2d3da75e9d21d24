/* The server: requests to their routes, publications to the board and to those who wait for
 * them. */
#include "service/api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "io/redis/redis.h"
#include "service/api/query.h"
#include "service/api/route.h"

/* Of OPTIONS *: what some route or other takes. */
#define SERVER_METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

enum {
    BOOK_WAIT_MS = 5000,
    ACCOUNT_WAIT_MS = 12000,
    TIMER_MS = 100,
    BODY_LIMIT = 65536,
    ALLOW_SIZE = 64
};

/* On every answer, refusals of the HTTP server included. */
#define SECURITY_HEADERS                                                                           \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "              \
    "frame-ancestors 'none'; object-src 'none'\r\n"                                                \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Cross-Origin-Resource-Policy: same-origin\r\n"
static const char plain_headers[] = SECURITY_HEADERS;
/* Whoever came by https once is not to be led back to http by somebody in between. */
static const char tls_headers[] =
    SECURITY_HEADERS "Strict-Transport-Security: max-age=31536000\r\n";

/* For connections over a limit. Nobody reads their request, so they have no id of their own. */
static const char full_body[] =
    "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"busy\","
    "\"detail\":\"Too many connections are open. Try again in a moment.\","
    "\"request_id\":\"0000000000000000\"}";

static void on_request(const struct http_request *request, struct http_reply *reply);
static void on_own_answer(const struct http_own_answer *own, struct http_reply *reply);
static void on_timer(uv_timer_t *timer);

static void on_handle_closed(uv_handle_t *handle)
{
    free(handle);
}

static void tell_redis(struct tally *t, const struct redis *redis)
{
    const struct redis_counters c = redis_counters(redis);
    tally_set(t, TALLY_REDIS_DOWN, redis_state(redis) != BREAKER_CLOSED);
    tally_set(t, TALLY_REDIS_SENT, c.sent);
    tally_set(t, TALLY_REDIS_TIMED_OUT, c.timed_out);
    tally_set(t, TALLY_REDIS_CONNECTED, c.connected);
}

static void tell_reads(struct tally *t, const struct reads *reads)
{
    const struct reads_health h = reads_health(reads);
    tally_set(t, TALLY_READS_DONE, h.done_total);
    tally_set(t, TALLY_READS_FAILED, h.failed_total);
    tally_set(t, TALLY_READS_LATE, h.late_total);
    tally_set(t, TALLY_READS_REFUSED, h.refused_total);
    tally_set(t, TALLY_READS_OPENED, h.opened_total);
    tally_set(t, TALLY_READS_UNDER_WAY, h.under_way);
    tally_set(t, TALLY_READS_OPEN, h.state == BREAKER_OPEN);
    tally_set(t, TALLY_READS_HALF_OPEN, h.state == BREAKER_HALF_OPEN);
}

void api_tell_tally(struct api *a)
{
    const struct http_server_counters c = http_server_counters(a->server);
    struct tally *t = a->tally;
    tally_set(t, TALLY_REFUSALS, c.refusals);
    tally_set(t, TALLY_CONNECTIONS, c.connections);
    tally_set(t, TALLY_CONNECTIONS_REFUSED, c.connections_refused);
    tally_set(t, TALLY_STALLS, c.loop_stalls);
    tally_set(t, TALLY_LONGEST_MS, c.loop_longest_ms);
    tally_set(t, TALLY_CALLS_WAITING, a->call_count);
    tally_set(t, TALLY_PUBLICATIONS, a->board.publications);
    tally_set(t, TALLY_DEGRADED, guard_counters(a->options.guard).degraded);
    tell_reads(t, a->reads);
    if (a->options.redis) tell_redis(t, a->options.redis);
}

static void on_turn_end(uv_prepare_t *prepare)
{
    api_tell_tally(prepare->data);
}

static void open_handles(struct api *a)
{
    a->timer = calloc(1, sizeof *a->timer);
    a->turn_end = calloc(1, sizeof *a->turn_end);
    CHECK(a->timer && uv_timer_init(a->loop, a->timer) == 0);
    CHECK(a->turn_end && uv_prepare_init(a->loop, a->turn_end) == 0);
    a->timer->data = a->turn_end->data = a;
    uv_prepare_start(a->turn_end, on_turn_end);
    uv_unref((uv_handle_t *)a->turn_end); /* it keeps no loop alive */
}

static void open_tally(struct api *a)
{
    a->only.count = 1;
    a->tallies = a->options.tallies ? a->options.tallies : &a->only;
    CHECK(a->options.thread < a->tallies->count);
    a->tally = &a->tallies->items[a->options.thread];
}

enum err api_open(uv_loop_t *loop, const struct api_options *options, struct api **out)
{
    struct api *a = calloc(1, sizeof *a);
    CHECK(a);
    a->options = *options;
    if (!a->options.book_wait_ms) a->options.book_wait_ms = BOOK_WAIT_MS;
    if (!a->options.account_wait_ms) a->options.account_wait_ms = ACCOUNT_WAIT_MS;
    open_tally(a);
    a->loop = loop;
    a->start_ms = api_monotonic_ms();
    CHECK(getrandom(&a->request_seed, sizeof a->request_seed, 0) == sizeof a->request_seed);
    board_init(&a->board);
    enum err err = reads_open(loop, a->options.store_path, options->read_wait_ms, &a->reads);
    if (!err) err = kept_open(&a->kept, options->version);
    if (err) goto failed;
    const struct http_server_options server = {
        .address = options->address,
        .port = options->port,
        .sharing = options->sharing,
        .limits = {.body_limit = BODY_LIMIT},
        .tls = options->tls,
        .headers = options->tls ? tls_headers : plain_headers,
        .full_type = "application/problem+json",
        .full_body = full_body,
        .handler = on_request,
        .on_own_answer = on_own_answer,
        .user = a,
    };
    err = http_server_open(loop, &server, &a->server);
    if (err) goto failed;
    open_handles(a);
    *out = a;
    return OK;
failed:
    kept_close(&a->kept);
    reads_close(a->reads);
    board_deinit(&a->board);
    free(a);
    return err_note(err, "while opening the API");
}

uint16_t api_port(const struct api *a)
{
    return http_server_port(a->server);
}

void api_quiet(struct api *a)
{
    if (!a || !a->server) return;
    uv_prepare_stop(a->turn_end);
    http_server_close(a->server);
    a->server = NULL;
}

void api_close(struct api *a)
{
    if (!a) return;
    api_quiet(a);
    while (a->calls) call_problem(a->calls, PROBLEM_STOPPING);
    uv_close((uv_handle_t *)a->timer, on_handle_closed);
    uv_close((uv_handle_t *)a->turn_end, on_handle_closed);
    reads_close(a->reads);
    kept_close(&a->kept);
    board_deinit(&a->board);
    free(a);
}

/* ---- requests ---- */

/* The methods of all rows with this row's pattern. */
static void allow_of(const struct route *row, char allow[ALLOW_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < routes_count; i++) {
        if (strcmp(routes[i].pattern, row->pattern) != 0) continue;
        const bool get = strcmp(routes[i].method, "GET") == 0;
        used += (size_t)snprintf(allow + used, ALLOW_SIZE - used, "%s, ",
                                 get ? "GET, HEAD" : routes[i].method);
        CHECK(used < ALLOW_SIZE);
    }
    snprintf(allow + used, ALLOW_SIZE - used, "OPTIONS");
}

/* A body must say that it is JSON, and a form must never pass for one: a page of somebody else can
 * send those without asking. An absent body needs no type. */
static bool is_media_type_right(const struct http_request *request)
{
    struct slice type = http_header_get(&request->headers, "Content-Type");
    if (!type.data) return request->body.size == 0;
    const char *semicolon = memchr(type.data, ';', type.size);
    if (semicolon) type.size = (size_t)(semicolon - type.data);
    while (type.size > 0 && type.data[type.size - 1] == ' ') type.size--;
    return http_text_equal(type, SLICE("application/json"));
}

static bool refuse_query(struct call *call, const struct http_request *request,
                         const struct route *row)
{
    struct faults faults __attribute__((uninitialized)); /* 16 KB, of which little is used */
    faults.language = call->language;
    faults.count = 0;
    if (query_check(request, row, &faults)) return false;
    call_problem_faults(call, PROBLEM_INVALID_QUERY, &faults);
    return true;
}

static void serve(struct call *call, const struct http_request *request)
{
    const struct route *row = call->route;
    const bool is_write = strcmp(row->method, "GET") != 0;
    /* Probes add what they like to what is open. */
    const bool has_query = request->query.size > 0 && row->access != ACCESS_OPEN;
    const enum problem problem = access_check(call, request);
    if (problem != PROBLEM_COUNT)
        call_problem(call, problem);
    else if (is_write && !is_media_type_right(request))
        call_problem(call, PROBLEM_UNSUPPORTED_MEDIA_TYPE);
    else if (call->api->call_count > CALLS_WAITING_MAX)
        call_problem(call, PROBLEM_BUSY);
    else if (!has_query || !refuse_query(call, request, row))
        row->handle(call, request);
}

/* The row of a method and a path, with call->params; near is one of the path alone. */
static const struct route *find_route(struct call *call, const struct http_request *request,
                                      const struct route **near)
{
    const struct slice method = slice_is(request->method, "HEAD") ? SLICE("GET") : request->method;
    *near = NULL;
    for (size_t i = 0; i < routes_count; i++) {
        if (!route_match(routes[i].pattern, request->path, call->params)) continue;
        *near = &routes[i];
        if (slice_is(method, routes[i].method)) return &routes[i];
    }
    return NULL;
}

/* There is no such route. */
static void refuse(struct call *call, const struct http_request *request)
{
    const struct route *near;
    char allow[ALLOW_SIZE];
    find_route(call, request, &near);
    if (near) allow_of(near, allow);
    if (request->target.size == 0 || request->target.data[0] != '/')
        call_problem(call, PROBLEM_BAD_TARGET);
    else if (!near)
        call_problem(call, PROBLEM_NOT_FOUND);
    else if (slice_is(request->method, "OPTIONS"))
        call_options(call, allow);
    else
        call_not_allowed(call, allow);
}

static void dispatch(struct call *call, const struct http_request *request)
{
    const struct route *near;
    call->route = find_route(call, request, &near);
    if (call->route && request->target.data[0] == '/')
        limits_take(call, request,
                    access_by_console(call, request) ? LIMIT_NONE : call->route->limit, serve);
    else
        limits_take(call, request, LIMIT_DEFAULT, refuse);
}

static void on_request(const struct http_request *request, struct http_reply *reply)
{
    dispatch(call_new(request->user, &request->headers, reply), request);
}

/* What the HTTP server refuses has the same shape as our own refusals. */
static void on_own_answer(const struct http_own_answer *own, struct http_reply *reply)
{
    struct call *call = call_new(own->user, own->headers, reply);
    if (own->status == 204)
        call_options(call, SERVER_METHODS);
    else if (own->status == 500)
        call_failed(call, "answer", own->cause);
    else
        call_problem_because(call, problem_of_status(own->status), own->cause);
}

/* ---- news ---- */

static bool concerns(const struct call *call, const struct publication *p)
{
    if (!call->deadline_ms || !call->on_news) return false;
    return p->kind == PUBLISH_BOOK ? call->instrument == p->instrument : call->bot_id == p->bot_id;
}

void api_on_publication(struct api *a, const struct publication *p)
{
    board_on_publication(&a->board, p);
    if (p->kind != PUBLISH_BOOK && p->kind != PUBLISH_BOT) return;
    struct call *next;
    for (struct call *call = a->calls; call; call = next) {
        next = call->next;
        if (!concerns(call, p)) continue;
        call->deadline_ms = 0;
        call->on_news(call);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct api *a = timer->data;
    const int64_t now_ms = api_monotonic_ms();
    unsigned waiting = 0;
    struct call *next;
    for (struct call *call = a->calls; call; call = next) {
        next = call->next;
        if (!call->deadline_ms) continue;
        if (call->deadline_ms <= now_ms)
            call->on_late(call);
        else
            waiting++;
    }
    if (!waiting) uv_timer_stop(timer);
}

void call_wait(struct call *call, uint32_t wait_ms, void (*on_news)(struct call *call),
               void (*on_late)(struct call *call))
{
    uv_timer_t *timer = call->api->timer;
    call->on_news = on_news;
    call->on_late = on_late;
    call->deadline_ms = api_monotonic_ms() + wait_ms;
    if (!uv_is_active((uv_handle_t *)timer)) uv_timer_start(timer, on_timer, TIMER_MS, TIMER_MS);
}
