/* Venues and their markets. */
#include <string.h>

#include "io/net/url.h"
#include "service/api/query.h"
#include "service/api/route.h"
#include "service/api/views.h"

enum { LEVELS_STANDARD = 15, PRINTS_STANDARD = 50, CANDLES_STANDARD = 500, CANDLES_MAX = 1000 };

void market_venues(struct call *call, const struct http_request *request)
{
    struct json_writer *w = &call->json;
    const int64_t now_ms = api_now_ms();
    (void)request;
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (unsigned v = 0; v < VENUE_COUNT; v++) {
        const struct board_venue *venue = &call->api->board.venues[v];
        if (venue->known) view_venue(w, venue, now_ms);
    }
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

void market_refuse(struct call *call, enum err err)
{
    switch (err) {
    case ERR_NOT_FOUND: call_problem(call, PROBLEM_UNKNOWN_SYMBOL); break;
    case ERR_UNSUPPORTED: call_problem(call, PROBLEM_UNKNOWN_VENUE); break;
    case ERR_TIMEOUT: call_problem(call, PROBLEM_MARKET_NOT_READY); break;
    case ERR_LIMIT: call_problem(call, PROBLEM_LIMIT_REACHED); break;
    default: call_problem(call, PROBLEM_VENUE_FAILED); break;
    }
}

/* ---- symbols ---- */

static void refuse_no_venue(struct call *call)
{
    struct faults faults = {.language = call->language};
    faults_add(&faults, "venue", FAULT_REQUIRED, "",
               "GET /api/v1/venues listesinden bir ad gönderin, örneğin ?venue=sim.",
               "Send a name that GET /api/v1/venues lists, such as ?venue=sim.");
    call_faults(call, &faults);
}

void market_symbols(struct call *call, const struct http_request *request)
{
    char name[32] = "";
    enum venue venue;
    if (url_query_get(request->query, "venue", name, sizeof name) == ERR_NOT_FOUND)
        refuse_no_venue(call);
    else if (!venue_parse(name, &venue))
        call_problem(call, PROBLEM_UNKNOWN_VENUE);
    else
        kept_send_symbols(call, request, venue);
}

/* ---- book, ticker, trades ---- */

static void send_book(struct call *call, const struct board_market *m)
{
    view_book(&call->json, m, call->limit, api_now_ms());
    call_send(call, 200);
}

static void send_ticker(struct call *call, const struct board_market *m)
{
    view_ticker(&call->json, m);
    call_send(call, 200);
}

static void send_prints(struct call *call, const struct board_market *m)
{
    struct json_writer *w = &call->json;
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (uint32_t age = 0; age < call->limit; age++) {
        const struct print *print = tape_at(&m->tape, age);
        if (!print) break;
        view_print(w, &m->rules, print);
    }
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

static void on_news(struct call *call)
{
    call->on_book(call, board_market(&call->api->board, call->instrument));
}

static void on_late(struct call *call)
{
    call_problem(call, PROBLEM_MARKET_NOT_READY);
}

static void on_watch(void *user, const struct desk_answer *answer)
{
    struct call *call = user;
    if (answer->err) {
        market_refuse(call, answer->err);
        return;
    }
    const struct board_market *m = board_market(&call->api->board, answer->instrument);
    call->instrument = answer->instrument;
    if (m && m->book_ms)
        call->on_book(call, m);
    else
        call_wait(call, call->api->options.book_wait_ms, on_news, on_late);
}

/* The path's venue and symbol; false when the answer is given already. */
static bool parse_market(struct call *call)
{
    if (!venue_parse(call->params[0], &call->venue)) {
        call_problem(call, PROBLEM_UNKNOWN_VENUE);
        return false;
    }
    if (strlen(call->params[1]) >= SYMBOL_SIZE) {
        call_problem(call, PROBLEM_UNKNOWN_SYMBOL);
        return false;
    }
    return true;
}

static struct desk_request market_request(const struct call *call, enum desk_request_kind kind)
{
    struct desk_request ask = {.kind = (uint8_t)kind, .venue = (uint8_t)call->venue};
    memcpy(ask.symbol, call->params[1], sizeof ask.symbol - 1);
    return ask;
}

/* Sends what on_book makes of the market; makes the trade thread watch it if need be. */
static void with_market(struct call *call,
                        void (*on_book)(struct call *call, const struct board_market *m))
{
    if (!parse_market(call)) return;
    const struct board_market *m = board_find(&call->api->board, call->venue, call->params[1]);
    if (m && m->book_ms) {
        on_book(call, m);
        return;
    }
    struct desk_request ask = market_request(call, DESK_WATCH);
    ask.on_answer = on_watch;
    call->on_book = on_book;
    call_ask(call, &ask);
}

void market_book(struct call *call, const struct http_request *request)
{
    struct faults faults = {.language = call->language};
    if (!query_limit(request, "levels", PUBLISH_LEVELS, LEVELS_STANDARD, &call->limit, &faults))
        call_faults(call, &faults);
    else
        with_market(call, send_book);
}

void market_ticker(struct call *call, const struct http_request *request)
{
    (void)request;
    with_market(call, send_ticker);
}

void market_trades(struct call *call, const struct http_request *request)
{
    struct faults faults = {.language = call->language};
    if (!query_limit(request, "limit", BOARD_TAPE, PRINTS_STANDARD, &call->limit, &faults))
        call_faults(call, &faults);
    else
        with_market(call, send_prints);
}

/* ---- candles ---- */

static void on_candles(void *user, const struct desk_answer *answer)
{
    struct call *call = user;
    struct json_writer *w = &call->json;
    const int64_t now_ms = api_now_ms(), length_ms = timeframe_ms(call->timeframe);
    if (answer->err) {
        market_refuse(call, answer->err);
        return;
    }
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (size_t i = 0; i < answer->count; i++) {
        const struct candle *c = &answer->candles[i];
        view_candle(w, &answer->rules, c, c->open_ms + length_ms <= now_ms);
    }
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

void market_candles(struct call *call, const struct http_request *request)
{
    struct faults faults = {.language = call->language};
    char name[16] = "", sent[FAULT_SENT_SIZE];
    const enum err err = url_query_get(request->query, "timeframe", name, sizeof name);
    if (err || !timeframe_parse(name, &call->timeframe))
        faults_add(&faults, "timeframe", err == ERR_NOT_FOUND ? FAULT_REQUIRED : FAULT_INVALID,
                   query_sent(request, "timeframe", sent), "Şunlardan birini gönderin: %s.",
                   "Send one of: %s.", "1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d");
    query_limit(request, "limit", CANDLES_MAX, CANDLES_STANDARD, &call->limit, &faults);
    if (faults.count) {
        call_faults(call, &faults);
        return;
    }
    if (!parse_market(call)) return;
    struct desk_request ask = market_request(call, DESK_CANDLES);
    ask.timeframe = (uint8_t)call->timeframe;
    ask.count = (uint16_t)call->limit;
    ask.on_answer = on_candles;
    call_ask(call, &ask);
}
