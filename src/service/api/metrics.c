/* Counters in Prometheus' text format (version 0.0.4). */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "service/api/route.h"

static void head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP tradebot_%s %s\n# TYPE tradebot_%s %s\n", name, help, name, type);
}

static void single(struct buffer *out, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    head(out, name, type, help);
    buffer_printf(out, "tradebot_%s %llu\n", name, (unsigned long long)value);
}

static void engine(struct buffer *out, const struct engine_counters *e)
{
    single(out, "events_total", "counter", "Events the engine has stepped through.", e->events);
    single(out, "orders_total", "counter", "Orders the engine has placed.", e->orders);
    single(out, "fills_total", "counter", "Fills the engine has booked.", e->fills);
    single(out, "fills_duplicate_total", "counter", "Fills that were booked before and not again.",
           e->duplicate_fills);
    single(out, "orders_unknown_total", "counter", "News of orders that are not ours.",
           e->unknown_orders);
    single(out, "news_impossible_total", "counter", "Order news that cannot be.",
           e->impossible_news);
    single(out, "fills_unknown_total", "counter", "Fills of ours that no order explains.",
           e->unknown_fills);
    single(out, "books_crossed_total", "counter", "Books emptied because they were crossed.",
           e->crossed_books);
    single(out, "candle_gaps_total", "counter", "Candles that were missing.", e->candle_gaps);
}

static void by_venue(struct buffer *out, const struct board *board, const char *name,
                     const char *help, uint64_t (*value)(const struct venue_status *v))
{
    const bool is_counter = strstr(name, "_total") != NULL;
    head(out, name, is_counter ? "counter" : "gauge", help);
    for (unsigned i = 0; i < VENUE_COUNT; i++) {
        const struct board_venue *venue = &board->venues[i];
        if (!venue->known) continue;
        buffer_printf(out, "tradebot_%s{venue=\"%s\"} %llu\n", name, venue_name((enum venue)i),
                      (unsigned long long)value(&venue->status));
    }
}

static uint64_t live_of(const struct venue_status *v)
{
    return v->state == VENUE_LIVE;
}

static uint64_t frames_of(const struct venue_status *v)
{
    return v->frames;
}

static uint64_t malformed_of(const struct venue_status *v)
{
    return v->malformed;
}

static uint64_t gaps_of(const struct venue_status *v)
{
    return v->gaps;
}

static uint64_t reconnects_of(const struct venue_status *v)
{
    return v->reconnects;
}

static uint64_t streams_of(const struct venue_status *v)
{
    return v->streams;
}

static uint64_t weight_of(const struct venue_status *v)
{
    return v->weight_used;
}

static uint64_t banned_until_of(const struct venue_status *v)
{
    return (uint64_t)v->banned_until_ms / 1000;
}

static void venues(struct buffer *out, const struct board *board)
{
    by_venue(out, board, "venue_live", "1 while the venue's market data is live.", live_of);
    by_venue(out, board, "frames_total", "Frames received from the venue.", frames_of);
    by_venue(out, board, "frames_malformed_total", "Frames that were dropped.", malformed_of);
    by_venue(out, board, "gaps_total", "Gaps found in the order book's sequence.", gaps_of);
    by_venue(out, board, "reconnects_total", "Reconnects to the venue.", reconnects_of);
    by_venue(out, board, "streams", "Streams subscribed at the venue.", streams_of);
    by_venue(out, board, "request_weight", "Request weight used in this minute.", weight_of);
    by_venue(out, board, "venue_banned_until_seconds",
             "Unix time before which the venue takes nothing from us; 0: no ban.", banned_until_of);
}

static void connections(struct buffer *out, const struct tallies *t)
{
    single(out, "http_refusals_total", "counter", "Requests refused before their route.",
           tallies_sum(t, TALLY_REFUSALS));
    single(out, "http_connections", "gauge", "Open HTTP connections.",
           tallies_sum(t, TALLY_CONNECTIONS));
    single(out, "http_connections_refused_total", "counter", "Connections over the limit.",
           tallies_sum(t, TALLY_CONNECTIONS_REFUSED));
    single(out, "loop_stall_over_20ms_total", "counter",
           "Turns of the web threads' loops that took longer than 20 ms.",
           tallies_sum(t, TALLY_STALLS));
    single(out, "loop_longest_ms", "gauge", "The longest turn of those loops since the start.",
           tallies_most(t, TALLY_LONGEST_MS));
    single(out, "http_calls_waiting", "gauge", "Requests that wait for their answer.",
           tallies_sum(t, TALLY_CALLS_WAITING));
}

static void http(struct buffer *out, const struct tallies *t)
{
    head(out, "http_requests_total", "counter", "Requests answered by their routes.");
    for (unsigned digit = 2; digit <= 5; digit++)
        buffer_printf(out, "tradebot_http_requests_total{status=\"%uxx\"} %llu\n", digit,
                      (unsigned long long)tallies_answers(t, digit));
    head(out, "web_thread_requests_total", "counter", "The same by the web thread that answered.");
    for (uint32_t i = 0; i < t->count; i++)
        buffer_printf(out, "tradebot_web_thread_requests_total{thread=\"%u\"} %llu\n", i,
                      (unsigned long long)tally_requests(&t->items[i]));
    connections(out, t);
}

static void store_reads(struct buffer *out, const struct tallies *t)
{
    const uint64_t open = tallies_sum(t, TALLY_READS_OPEN);
    const uint64_t half_open = tallies_sum(t, TALLY_READS_HALF_OPEN);
    const uint64_t counts[] = {t->count - open - half_open, open, half_open};
    head(out, "breaker_state", "gauge", "Web threads whose circuit breaker is in that state.");
    for (unsigned i = BREAKER_CLOSED; i <= BREAKER_HALF_OPEN; i++)
        buffer_printf(out, "tradebot_breaker_state{breaker=\"store_reads\",state=\"%s\"} %llu\n",
                      breaker_state_name((enum breaker_state)i), (unsigned long long)counts[i]);
    single(out, "store_reads_total", "counter", "Reads that came back from the database.",
           tallies_sum(t, TALLY_READS_DONE));
    single(out, "store_reads_failed_total", "counter", "Those that came back as a failure.",
           tallies_sum(t, TALLY_READS_FAILED));
    single(out, "store_reads_late_total", "counter", "Requests answered 503 before their read.",
           tallies_sum(t, TALLY_READS_LATE));
    single(out, "store_reads_refused_total", "counter", "Reads that the breaker kept away.",
           tallies_sum(t, TALLY_READS_REFUSED));
    single(out, "store_reads_opened_total", "counter", "Times that the breaker opened.",
           tallies_sum(t, TALLY_READS_OPENED));
    single(out, "store_reads_under_way", "gauge", "Reads that wait or run.",
           tallies_sum(t, TALLY_READS_UNDER_WAY));
}

static void process(struct buffer *out, const struct api *api)
{
    size_t resident = 0;
    char version[64];
    if (uv_resident_set_memory(&resident) != 0) resident = 0;
    head(out, "build_info", "gauge", "What runs here.");
    snprintf(version, sizeof version, "version=\"%s\",commit=\"%s\"", api->options.version,
             api->options.commit);
    buffer_printf(out, "tradebot_build_info{%s} 1\n", version);
    single(out, "uptime_seconds", "gauge", "Since the start.",
           (uint64_t)(api_monotonic_ms() - api->start_ms) / 1000);
    single(out, "resident_memory_bytes", "gauge", "Resident memory of the process.", resident);
}

static void limits(struct buffer *out, const struct tallies *t, bool with_redis)
{
    head(out, "rate_limited_total", "counter", "Requests answered 429.");
    for (unsigned i = 0; i < LIMIT_CLASS_COUNT; i++)
        buffer_printf(out, "tradebot_rate_limited_total{limit=\"%s\"} %llu\n", limit_names[i],
                      (unsigned long long)tallies_limited(t, (enum limit_class)i));
    if (!with_redis) return;
    single(out, "redis_up", "gauge", "1 while Redis is connected and answers every web thread.",
           tallies_sum(t, TALLY_REDIS_DOWN) == 0);
    single(out, "redis_commands_total", "counter", "Commands sent to Redis.",
           tallies_sum(t, TALLY_REDIS_SENT));
    single(out, "redis_timeouts_total", "counter", "Commands that Redis did not answer in time.",
           tallies_sum(t, TALLY_REDIS_TIMED_OUT));
    single(out, "redis_connects_total", "counter", "Times that a connection came up.",
           tallies_sum(t, TALLY_REDIS_CONNECTED));
    single(out, "rate_limits_degraded_total", "counter",
           "Requests counted in memory, by a share, because Redis did not answer.",
           tallies_sum(t, TALLY_DEGRADED));
}

static void mail(struct buffer *out, const struct api *api)
{
    if (!api->options.mailer) return;
    const struct mailer_counters c = mailer_counters(api->options.mailer);
    single(out, "mail_sent_total", "counter", "Letters that the mail server took.", c.sent);
    single(out, "mail_retried_total", "counter", "Attempts that failed and are made again.",
           c.retried);
    single(out, "mail_given_up_total", "counter", "Letters that could not be sent.", c.given_up);
    single(out, "mail_refused_total", "counter", "Letters that found no room to wait.", c.refused);
    single(out, "mail_waiting", "gauge", "Letters that wait.", c.waiting);
}

void metrics_get(struct call *call, const struct http_request *request)
{
    struct api *api = call->api;
    struct buffer *out = &call->body;
    (void)request;
    api_tell_tally(api);
    process(out, api);
    engine(out, &api->board.engine);
    venues(out, &api->board);
    single(out, "bots", "gauge", "Bots the trade thread runs.", api->board.bot_count);
    single(out, "bots_halted", "gauge", "Bots that wait for a person to look at news of orders.",
           api->board.alarm.halted_bots);
    single(out, "store_writable", "gauge", "0 while the store does not take every write.",
           !*api->board.alarm.store);
    single(out, "publications_total", "counter",
           "News taken from the trade thread, by each web thread.",
           tallies_sum(api->tallies, TALLY_PUBLICATIONS));
    if (api->options.publications_dropped)
        single(out, "publications_dropped_total", "counter",
               "Market news dropped because a web thread was behind.",
               atomic_load_explicit(api->options.publications_dropped, memory_order_relaxed));
    store_reads(out, api->tallies);
    http(out, api->tallies);
    limits(out, api->tallies, api->options.redis != NULL);
    mail(out, api);
    call_send_as(call, 200, "text/plain; version=0.0.4; charset=utf-8");
}
