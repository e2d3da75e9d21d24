/* A venue's REST line: requests wait by priority, leave when the budget allows,
 * and are answered once. */
#include "io/feed/venue_rest.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/log.h"
#include "io/feed/backoff.h"
#include "io/feed/venue_clock.h"
#include "io/feed/venue_url.h"

enum lane_kind { LANE_TRADING, LANE_DATA, LANE_COUNT };

enum { RETRY_FIRST_MS = 1000, RETRY_LAST_MS = 30000, TARGET_SIZE_MAX = 1 << 14 };

struct waiting {
    struct waiting *next;
    struct venue_rest *rest;
    struct venue_request request; /* its query is `query` below */
    char *query;
    uint64_t deadline;      /* loop time: the answer must be there */
    uint64_t wait_deadline; /* loop time: it must have left */
    struct request_ticket ticket;
    int64_t sent_ns;
    uint8_t lane;
    bool is_clock; /* ours, for the venue's time */
    bool is_unheard;
};

struct queue {
    struct waiting *first, *last;
};

struct venue_rest {
    uv_loop_t *loop;
    struct url url;
    const struct clock *clock;
    struct binance_key *key;
    struct http_client *lanes[LANE_COUNT];
    uint32_t lane_busy[LANE_COUNT];
    struct queue queues[REQUEST_PRIORITY_COUNT];
    uint32_t waiting_count;
    struct waiting *under_way; /* linked by next */
    struct queue refused;      /* to be answered as not sent, from the loop */
    struct request_budget budget;
    int64_t dials_until_ms; /* the venue's time: no WebSocket is dialled before */
    struct venue_clock venue_clock;
    struct backoff clock_backoff;
    uint64_t clock_next; /* loop time of the next measurement */
    uint32_t clock_tries_left;
    bool clock_under_way;
    bool is_closed;
    struct buffer target, body;
    uv_timer_t timer;
};

static enum err open_lanes(struct venue_rest *r, const struct tls_context *tls);
static void on_timer(uv_timer_t *timer);
static void pump(struct venue_rest *r);
static bool send_first(struct venue_rest *r, struct queue *queue, int64_t *retry_ms);
static enum err send_now(struct venue_rest *r, struct waiting *w);
static void on_result(void *user, const struct http_result *result);
static void take_limits(struct venue_rest *r, const struct http_result *result,
                        const struct binance_outcome *outcome);
static void on_clock_outcome(void *user, const struct binance_outcome *outcome);
static void tell_unsent(struct waiting *w);
static void waiting_free(struct waiting *w);
static void expire(struct venue_rest *r);
static void measure_clock(struct venue_rest *r);
static void arm(struct venue_rest *r, int64_t retry_ms);

static void queue_push(struct queue *q, struct waiting *w)
{
    w->next = NULL;
    if (q->last)
        q->last->next = w;
    else
        q->first = w;
    q->last = w;
}

static struct waiting *queue_pop(struct queue *q)
{
    struct waiting *w = q->first;
    if (!w) return NULL;
    q->first = w->next;
    if (!q->first) q->last = NULL;
    return w;
}

enum err venue_rest_open(uv_loop_t *loop, const struct venue_rest_options *options,
                         struct venue_rest **out)
{
    struct url url;
    *out = NULL;
    enum err err = venue_url_parse(options->url, false, &url);
    if (err) return err;
    if (url.secure && !options->tls) return err_set(ERR_INVALID, "%s needs TLS", options->url);

    struct venue_rest *r = calloc(1, sizeof *r);
    if (!r) return err_set(ERR_NO_MEMORY, "no memory for a REST line");
    r->loop = loop;
    r->url = url;
    r->clock = options->clock;
    r->key = options->key;
    r->clock_next = uv_now(loop);
    r->target.limit = TARGET_SIZE_MAX;
    r->body.limit = TARGET_SIZE_MAX;
    venue_clock_init(&r->venue_clock, clock_wall_ms(r->clock), clock_monotonic_ns(r->clock));
    backoff_init(&r->clock_backoff, (uint64_t)clock_monotonic_ns(r->clock), RETRY_FIRST_MS,
                 RETRY_LAST_MS);
    request_budget_init(&r->budget, &(struct request_limits){VENUE_REST_WEIGHT_START,
                                                             VENUE_REST_ORDERS_SHORT_START,
                                                             VENUE_REST_ORDERS_LONG_START});
    err = open_lanes(r, url.secure ? options->tls : NULL);
    if (err) {
        free(r);
        return err;
    }
    CHECK(uv_timer_init(loop, &r->timer) == 0);
    r->timer.data = r;
    arm(r, 0);
    *out = r;
    return OK;
}

static enum err open_lanes(struct venue_rest *r, const struct tls_context *tls)
{
    char authority[URL_HOST_SIZE + 16];
    url_authority(&r->url, authority, sizeof authority);
    for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
        const struct http_client_options options = {
            .host = r->url.host,
            .port = r->url.port,
            .authority = authority,
            .tls = tls,
            .pool_size = lane == LANE_TRADING ? VENUE_REST_TRADING_POOL : VENUE_REST_DATA_POOL,
        };
        const enum err err = http_client_open(r->loop, &options, &r->lanes[lane]);
        if (err) {
            for (unsigned i = 0; i < lane; i++) http_client_close(r->lanes[i]);
            return err;
        }
    }
    return OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct venue_rest *r = handle->data;
    buffer_deinit(&r->target);
    buffer_deinit(&r->body);
    free(r);
}

void venue_rest_close(struct venue_rest *r)
{
    if (!r || r->is_closed) return;
    r->is_closed = true;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++) http_client_close(r->lanes[lane]);
    struct waiting *w;
    for (unsigned p = 0; p < REQUEST_PRIORITY_COUNT; p++)
        while ((w = queue_pop(&r->queues[p]))) tell_unsent(w);
    while ((w = queue_pop(&r->refused))) tell_unsent(w);
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}

static enum err enqueue(struct venue_rest *r, const struct venue_request *request, bool is_clock)
{
    CHECK((unsigned)request->priority < REQUEST_PRIORITY_COUNT);
    if (r->waiting_count >= VENUE_REST_WAITING_MAX)
        return err_set(ERR_LIMIT, "%d requests wait for the venue already", VENUE_REST_WAITING_MAX);
    if (binance_endpoint_info(request->endpoint)->is_signed && !r->key)
        return err_set(ERR_INVALID, "%s needs a key",
                       binance_endpoint_info(request->endpoint)->path);
    struct waiting *w = calloc(1, sizeof *w);
    char *query = malloc(request->query.size + 1);
    if (!w || !query) {
        free(w);
        free(query);
        return err_set(ERR_NO_MEMORY, "no memory for a request");
    }
    if (request->query.size > 0) memcpy(query, request->query.data, request->query.size);
    const uint32_t deadline_ms =
        request->deadline_ms > 0 ? request->deadline_ms : VENUE_REST_DEADLINE_MS;
    *w = (struct waiting){
        .rest = r,
        .request = *request,
        .query = query,
        .deadline = uv_now(r->loop) + deadline_ms,
        .lane = request->priority == REQUEST_DATA ? LANE_DATA : LANE_TRADING,
        .is_clock = is_clock,
    };
    w->wait_deadline = request->wait_ms > 0 && request->wait_ms < deadline_ms
                           ? uv_now(r->loop) + request->wait_ms
                           : w->deadline;
    w->request.query.data = query;
    queue_push(&r->queues[request->priority], w);
    r->waiting_count++;
    return OK;
}

enum err venue_rest_send(struct venue_rest *r, const struct venue_request *request)
{
    if (r->is_closed) return err_set(ERR_CLOSED, "the venue's REST line is closed");
    /* Deadlines count from here, also where the loop has been busy since it last looked. */
    uv_update_time(r->loop);
    const enum err err = enqueue(r, request, false);
    if (!err) pump(r);
    return err;
}

static void queue_forget(struct venue_rest *r, struct queue *q, const void *owner, bool is_counted)
{
    struct queue kept = {0};
    struct waiting *w;
    while ((w = queue_pop(q))) {
        if (w->request.owner != owner) {
            queue_push(&kept, w);
            continue;
        }
        if (is_counted) r->waiting_count--;
        waiting_free(w);
    }
    *q = kept;
}

void venue_rest_forget(struct venue_rest *r, const void *owner)
{
    CHECK(owner);
    for (unsigned p = 0; p < REQUEST_PRIORITY_COUNT; p++)
        queue_forget(r, &r->queues[p], owner, true);
    queue_forget(r, &r->refused, owner, false);
    for (struct waiting *w = r->under_way; w; w = w->next)
        if (w->request.owner == owner) w->is_unheard = true;
}

bool venue_rest_withdraw(struct venue_rest *r, const void *owner, const void *user)
{
    if (r->is_closed) return false;
    for (unsigned p = 0; p < REQUEST_PRIORITY_COUNT; p++)
        for (struct waiting *w = r->queues[p].first; w; w = w->next) {
            if (w->request.owner != owner || w->request.user != user) continue;
            w->wait_deadline = 0;
            CHECK(uv_timer_start(&r->timer, on_timer, 0, 0) == 0);
            return true;
        }
    return false;
}

int64_t venue_rest_now_ms(const struct venue_rest *r)
{
    return venue_clock_now_ms(&r->venue_clock, clock_monotonic_ns(r->clock));
}

bool venue_rest_clock_known(const struct venue_rest *r)
{
    return r->venue_clock.is_known;
}

void venue_rest_clock_doubt(struct venue_rest *r)
{
    if (r->is_closed || r->clock_tries_left > 0) return;
    log_warn("clock_doubt", "host=%s", r->url.host);
    r->clock_next = uv_now(r->loop);
    arm(r, 0);
}

void venue_rest_warm(struct venue_rest *r)
{
    if (venue_rest_banned_until_ms(r) > 0) return;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++) http_client_warm(r->lanes[lane]);
}

struct binance_key *venue_rest_key(struct venue_rest *r)
{
    return r->key;
}

struct request_budget *venue_rest_budget(struct venue_rest *r)
{
    return &r->budget;
}

double venue_rest_latency_ms(const struct venue_rest *r)
{
    return r->venue_clock.latency_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct venue_rest *r = timer->data;
    expire(r);
    if (!r->is_closed) pump(r);
}

/* Sends what may be sent, and sleeps until something can change. */
static void pump(struct venue_rest *r)
{
    int64_t retry_ms = INT64_MAX;
    if (!r->is_closed) measure_clock(r);
    for (unsigned p = 0; p < REQUEST_PRIORITY_COUNT && !r->is_closed; p++)
        while (send_first(r, &r->queues[p], &retry_ms)) {
        }
    if (!r->is_closed) arm(r, retry_ms);
}

static bool is_order(const struct waiting *w)
{
    return w->request.endpoint == BINANCE_POST_ORDER;
}

static uint32_t lane_room(const struct venue_rest *r, unsigned lane)
{
    const uint32_t size = lane == LANE_TRADING ? VENUE_REST_TRADING_POOL : VENUE_REST_DATA_POOL;
    return size - r->lane_busy[lane];
}

/* True when the first of the queue is gone from it. */
static bool send_first(struct venue_rest *r, struct queue *queue, int64_t *retry_ms)
{
    struct waiting *w = queue->first;
    if (!w || w->wait_deadline <= uv_now(r->loop) || lane_room(r, w->lane) == 0) return false;
    const struct binance_endpoint_info *info = binance_endpoint_info(w->request.endpoint);
    const uint32_t weight = w->request.weight > 0 ? w->request.weight : info->weight;
    const int64_t now = venue_rest_now_ms(r);
    int64_t at;
    if (!request_budget_take(&r->budget, w->request.priority, weight, is_order(w), now, &w->ticket,
                             &at)) {
        if (at < *retry_ms) *retry_ms = at;
        return false;
    }
    queue_pop(queue);
    r->waiting_count--;
    if (send_now(r, w)) {
        /* Nothing left us: the venue's count stays what it was. */
        request_budget_settle(&r->budget, &w->ticket, r->budget.weight.used, now);
        log_error("request_unsent", "path=%s cause=\"%s\"", info->path, err_text());
        queue_push(&r->refused, w);
        return true;
    }
    w->next = r->under_way;
    r->under_way = w;
    r->lane_busy[w->lane]++;
    return true;
}

static enum err send_now(struct venue_rest *r, struct waiting *w)
{
    const struct binance_endpoint_info *info = binance_endpoint_info(w->request.endpoint);
    const bool has_body = strcmp(info->method, "POST") == 0;
    struct http_header headers[2];
    size_t header_count = 0;

    buffer_clear(&r->target);
    buffer_clear(&r->body);
    buffer_append_text(&r->target, r->url.path);
    buffer_append_text(&r->target, info->path);
    if (!has_body && (w->request.query.size > 0 || info->is_signed))
        buffer_append_char(&r->target, '?');
    struct buffer *query = has_body ? &r->body : &r->target;
    const size_t from = query->size;
    buffer_append(query, w->request.query.data, w->request.query.size);
    if (info->is_signed) {
        const enum err err = binance_sign_query(r->key, query, from, venue_rest_now_ms(r));
        if (err) return err;
        headers[header_count++] =
            (struct http_header){SLICE("X-MBX-APIKEY"), slice_of(r->key->api_key)};
    }
    if (has_body)
        headers[header_count++] =
            (struct http_header){SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded")};
    if (r->target.failed || r->body.failed)
        return err_set(ERR_LIMIT, "a request of more than %d bytes", TARGET_SIZE_MAX);
    w->sent_ns = clock_monotonic_ns(r->clock);
    return http_client_send(r->lanes[w->lane],
                            &(struct http_call){
                                .method = slice_of(info->method),
                                .target = buffer_slice(&r->target),
                                .headers = headers,
                                .header_count = header_count,
                                .body = buffer_slice(&r->body),
                                .deadline_ms = (uint32_t)(w->deadline - uv_now(r->loop)),
                                .on_result = on_result,
                                .user = w,
                            });
}

static void leave_under_way(struct venue_rest *r, struct waiting *w)
{
    struct waiting **at = &r->under_way;
    while (*at != w) at = &(*at)->next;
    *at = w->next;
    r->lane_busy[w->lane]--;
}

static void on_result(void *user, const struct http_result *result)
{
    struct waiting *w = user;
    struct venue_rest *r = w->rest;
    const bool answered = result->err == OK;
    const struct binance_outcome outcome = {
        .answered = answered,
        .maybe_sent = result->maybe_sent,
        .status = result->status,
        .body = result->body,
        .retry_after_s = answered ? http_header_number(&result->headers, "Retry-After") : -1,
    };
    leave_under_way(r, w);
    take_limits(r, result, &outcome);
    request_budget_settle(&r->budget, &w->ticket,
                          answered ? http_header_number(&result->headers, "X-MBX-USED-WEIGHT-1M")
                                   : -1,
                          venue_rest_now_ms(r));
    if (w->is_clock)
        on_clock_outcome(w, &outcome);
    else if (!w->is_unheard)
        w->request.on_outcome(w->request.user, &outcome);
    waiting_free(w);
    if (!r->is_closed) pump(r);
}

/* What the answer says about how much more may be asked. */
static void take_limits(struct venue_rest *r, const struct http_result *result,
                        const struct binance_outcome *outcome)
{
    if (!outcome->answered) return;
    const struct http_headers *headers = &result->headers;
    request_budget_on_order_count(&r->budget, http_header_number(headers, "X-MBX-ORDER-COUNT-10S"),
                                  http_header_number(headers, "X-MBX-ORDER-COUNT-1D"),
                                  venue_rest_now_ms(r));
    venue_rest_heed(r, outcome);
}

void venue_rest_heed(struct venue_rest *r, const struct binance_outcome *outcome)
{
    struct binance_answer answer;
    const int64_t now = venue_rest_now_ms(r);
    if (outcome->status == 200) return;
    binance_classify(BINANCE_QUERY, outcome, NULL, "", NULL, 0, &answer);
    if (answer.orders_limited) {
        request_budget_on_orders_limited(&r->budget, answer.retry_after_ms, now);
        log_warn("orders_limited", "host=%s until_ms=%lld", r->url.host,
                 (long long)r->budget.orders_until_ms);
        return;
    }
    if (outcome->status != 429 && outcome->status != 418 && answer.verdict != BINANCE_RATE_LIMITED)
        return;
    int64_t pause_ms = answer.retry_after_ms;
    if (answer.banned_until_ms - now > pause_ms) pause_ms = answer.banned_until_ms - now;
    request_budget_on_limited(&r->budget, pause_ms, now);
    log_warn("requests_limited", "host=%s status=%d until_ms=%lld", r->url.host, outcome->status,
             (long long)r->budget.banned_until_ms);
}

void venue_rest_on_refused_dial(struct venue_rest *r, int status, int64_t retry_after_s)
{
    venue_rest_heed(r, &(struct binance_outcome){
                           .answered = true, .status = status, .retry_after_s = retry_after_s});
    const bool is_told = retry_after_s > 0 && retry_after_s <= INT64_MAX / 1000;
    if (status == 429 || status == 418 || (!is_told && status != 403 && status != 451)) return;
    const int64_t pause_ms = is_told ? retry_after_s * 1000 : VENUE_REST_REFUSED_MS;
    const int64_t until = venue_rest_now_ms(r) + pause_ms;
    if (until > r->dials_until_ms) r->dials_until_ms = until;
    log_warn("dials_refused", "host=%s status=%d until_ms=%lld", r->url.host, status,
             (long long)r->dials_until_ms);
}

uint64_t venue_rest_dial_at(const struct venue_rest *r)
{
    const int64_t banned_until = r->budget.banned_until_ms;
    const int64_t until = banned_until > r->dials_until_ms ? banned_until : r->dials_until_ms;
    const int64_t now = venue_rest_now_ms(r);
    return until > now ? uv_now(r->loop) + (uint64_t)(until - now) : 0;
}

int64_t venue_rest_banned_until_ms(const struct venue_rest *r)
{
    const int64_t until = r->budget.banned_until_ms;
    return until > venue_rest_now_ms(r) ? until : 0;
}

static void tell_unsent(struct waiting *w)
{
    static const struct binance_outcome unsent = {.retry_after_s = -1};
    if (w->is_clock)
        on_clock_outcome(w, &unsent);
    else if (!w->is_unheard)
        w->request.on_outcome(w->request.user, &unsent);
    waiting_free(w);
}

static void waiting_free(struct waiting *w)
{
    free(w->query);
    free(w);
}

/* Moves what waited too long, to be answered. */
static void expire_queue(struct venue_rest *r, struct queue *q)
{
    struct queue kept = {0};
    struct waiting *w;
    while ((w = queue_pop(q))) {
        if (w->wait_deadline > uv_now(r->loop)) {
            queue_push(&kept, w);
            continue;
        }
        r->waiting_count--;
        queue_push(&r->refused, w);
    }
    *q = kept;
}

static void expire(struct venue_rest *r)
{
    struct waiting *w;
    for (unsigned p = 0; p < REQUEST_PRIORITY_COUNT; p++) expire_queue(r, &r->queues[p]);
    while (!r->is_closed && (w = queue_pop(&r->refused))) tell_unsent(w);
}

/* Asks the time, a few tries in a row: the shortest round trip knows it best. */
static void measure_clock(struct venue_rest *r)
{
    if (r->clock_under_way || r->clock_next > uv_now(r->loop)) return;
    if (r->clock_tries_left == 0) {
        r->clock_tries_left = VENUE_REST_CLOCK_TRIES;
        venue_clock_begin(&r->venue_clock);
    }
    const struct venue_request request = {.endpoint = BINANCE_GET_TIME,
                                          .priority = REQUEST_PROTECTIVE};
    if (enqueue(r, &request, true)) {
        r->clock_next = uv_now(r->loop) + backoff_next_ms(&r->clock_backoff);
        return;
    }
    r->clock_under_way = true;
}

static void clock_failed(struct venue_rest *r, const struct binance_outcome *outcome)
{
    r->clock_tries_left = 0;
    r->clock_next = uv_now(r->loop) + backoff_next_ms(&r->clock_backoff);
    log_debug("clock_failed", "host=%s status=%d", r->url.host, outcome->status);
}

static void on_clock_outcome(void *user, const struct binance_outcome *outcome)
{
    struct waiting *w = user;
    struct venue_rest *r = w->rest;
    int64_t server_ms;
    r->clock_under_way = false;
    if (!outcome->answered || outcome->status != 200 ||
        binance_read_time(outcome->body, &server_ms)) {
        clock_failed(r, outcome);
        return;
    }
    venue_clock_add(&r->venue_clock, server_ms, w->sent_ns, clock_monotonic_ns(r->clock));
    backoff_reset(&r->clock_backoff);
    if (--r->clock_tries_left > 0) return;
    const bool was_known = r->venue_clock.is_known;
    venue_clock_end(&r->venue_clock);
    r->clock_next = uv_now(r->loop) + VENUE_REST_CLOCK_INTERVAL_MS;
    if (!was_known)
        log_info("clock_known", "host=%s offset_ms=%lld round_trip_ms=%.1f", r->url.host,
                 (long long)(venue_rest_now_ms(r) - clock_wall_ms(r->clock)),
                 r->venue_clock.latency_ms);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* retry_ms: the venue's time at which the budget may say yes. */
static void arm(struct venue_rest *r, int64_t retry_ms)
{
    const uint64_t now = uv_now(r->loop);
    uint64_t at = r->clock_under_way ? UINT64_MAX : r->clock_next;
    if (r->refused.first) at = now;
    for (unsigned p = 0; p < REQUEST_PRIORITY_COUNT; p++)
        for (const struct waiting *w = r->queues[p].first; w; w = w->next)
            at = earlier(at, w->wait_deadline);
    if (retry_ms != INT64_MAX) {
        const int64_t wait = retry_ms - venue_rest_now_ms(r);
        at = earlier(at, now + (wait > 0 ? (uint64_t)wait : 0));
    }
    if (at == UINT64_MAX)
        uv_timer_stop(&r->timer);
    else
        CHECK(uv_timer_start(&r->timer, on_timer, at > now ? at - now : 0, 0) == 0);
}
