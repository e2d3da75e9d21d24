/* What operators and the page itself ask. */
#include <stdio.h>

#include "service/api/route.h"

/* The trade thread tells its counters every second; silent for so long it is stuck. */
enum { ENGINE_SILENT_MS = 5000 };
/* One letter that its recipient's server does not want says nothing about ours. */
enum { MAIL_FAILED_MAX = 1 };

void ops_health(struct call *call, const struct http_request *request)
{
    (void)request;
    writer_raw(&call->json, NULL, "{\"status\":\"ok\"}");
    call_send(call, 200);
}

/* A part that works is a closed circuit. */
static void part(struct json_writer *w, const char *name, bool works, const char *reason)
{
    writer_open(w, name, '{');
    writer_text(w, "state", works ? "closed" : "open");
    writer_text_or_null(w, "reason", works ? "" : reason);
    writer_close(w, '}');
}

/* Whether the database answers, as the newest probe knows it. */
static bool store_part(struct json_writer *w, const struct api *api)
{
    const struct reads_health reads = reads_health(api->reads);
    const char *alarm = api->board.alarm.store;
    char silent[80];
    snprintf(silent, sizeof silent, "the database has not answered for %lld.%lld s",
             (long long)reads.silent_ms / 1000, (long long)reads.silent_ms / 100 % 10);
    part(w, "store", reads.answers && !*alarm, reads.answers ? alarm : silent);
    return reads.answers && !*alarm;
}

/* Whether reads are let through, by all web threads. */
static bool reads_part(struct json_writer *w, const struct tallies *t)
{
    const enum breaker_state state = tallies_sum(t, TALLY_READS_OPEN)        ? BREAKER_OPEN
                                     : tallies_sum(t, TALLY_READS_HALF_OPEN) ? BREAKER_HALF_OPEN
                                                                             : BREAKER_CLOSED;
    const bool passes = state == BREAKER_CLOSED;
    writer_open(w, "store_reads", '{');
    writer_text(w, "state", breaker_state_name(state));
    writer_text_or_null(w, "reason", passes ? "" : "the database failed or was slow");
    writer_close(w, '}');
    return passes;
}

/* Whether mail goes out, as far as the last attempts tell; no part where none is set up. */
static bool mail_part(struct json_writer *w, struct mailer *mailer)
{
    if (!mailer) return true;
    const bool works = mailer_counters(mailer).failed_in_row <= MAIL_FAILED_MAX;
    part(w, "mail", works, "the last letters could not be sent: the log tells why");
    return works;
}

/* Whether every venue is live; tells each as a part. */
static bool venue_parts(struct json_writer *w, const struct board *board)
{
    bool all = true;
    for (unsigned v = 0; v < VENUE_COUNT; v++) {
        const struct board_venue *venue = &board->venues[v];
        char name[32];
        if (!venue->known) continue;
        const bool live = venue->status.state == VENUE_LIVE;
        const char *reason = venue->status.reason;
        snprintf(name, sizeof name, "venue.%s", venue_name((enum venue)v));
        part(w, name, live, *reason ? reason : "no live market data");
        all &= live;
    }
    return all;
}

void ops_ready(struct call *call, const struct http_request *request)
{
    const struct board *board = &call->api->board;
    struct buffer text = {.limit = 65536};
    struct json_writer parts = {.out = &text};
    (void)request;
    const struct trade_alarm *alarm = &board->alarm;
    const bool engine = board->engine_ms && api_now_ms() - board->engine_ms <= ENGINE_SILENT_MS;
    writer_open(&parts, NULL, '{');
    api_tell_tally(call->api);
    const bool store = store_part(&parts, call->api);
    const bool reads = reads_part(&parts, call->api->tallies);
    part(&parts, "engine", engine, "the trade thread is silent");
    part(&parts, "orders", !*alarm->orders, alarm->orders);
    const bool shared = tallies_sum(call->api->tallies, TALLY_REDIS_DOWN) == 0;
    if (call->api->options.redis)
        part(&parts, "redis", shared, "Redis does not answer: rate limits are counted here alone");
    const bool mail = mail_part(&parts, call->api->options.mailer);
    const bool whole = venue_parts(&parts, board) && shared && mail && !*alarm->orders && reads;
    writer_close(&parts, '}');
    buffer_append_char(&text, '\0');

    const bool up = store && engine;
    writer_open(&call->json, NULL, '{');
    writer_text(&call->json, "status", !up ? "down" : whole ? "ok" : "degraded");
    writer_raw(&call->json, "parts", text.data);
    writer_close(&call->json, '}');
    buffer_deinit(&text);
    call_send(call, up ? 200 : 503);
}

void ops_version(struct call *call, const struct http_request *request)
{
    const struct api_options *o = &call->api->options;
    (void)request;
    writer_open(&call->json, NULL, '{');
    writer_text(&call->json, "version", o->version);
    writer_text_or_null(&call->json, "commit", o->commit);
    writer_bool(&call->json, "live_enabled", o->live_enabled);
    writer_bool(&call->json, "demo", o->demo);
    writer_bool(&call->json, "claimed", directory_is_claimed(o->accounts->directory));
    writer_text(&call->json, "language", o->language == LANGUAGE_TURKISH ? "tr" : "en");
    writer_i64(&call->json, "uptime_s", (api_monotonic_ms() - call->api->start_ms) / 1000);
    writer_close(&call->json, '}');
    call_send(call, 200);
}

static void send_kept(struct call *call, const struct http_request *request, struct http_body *body)
{
    struct http_wish wish;
    http_wish_read(&request->headers, &wish);
    call_send_body(call, &wish, body);
}

void ops_openapi(struct call *call, const struct http_request *request)
{
    send_kept(call, request, call->api->kept.openapi);
}

void ops_page(struct call *call, const struct http_request *request)
{
    struct http_body *file = kept_file(&call->api->kept, call->route->pattern);
    if (file)
        send_kept(call, request, file);
    else
        call_problem(call, PROBLEM_NOT_FOUND);
}
