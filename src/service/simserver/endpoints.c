/* The table of what is served, and what comes before and behind each handler. */
#include <stdio.h>
#include <string.h>

#include "io/net/url.h"
#include "service/simserver/simserver_internal.h"
#include "service/simserver/wire_text.h"

#define ROOT          "/binance"
#define PREFIX        ROOT "/api/v3/"
#define RECV_WINDOW   INT64_C(5000)
#define RECV_MAX      INT64_C(60000)
#define AHEAD_MS      1000
#define SIGNED_FIELDS " apiKey timestamp recvWindow signature "
#define NEW_ORDER                                                                                  \
    " symbol side type timeInForce quantity quoteOrderQty price newClientOrderId stopPrice "       \
    "newOrderRespType selfTradePreventionMode "
#define NEW_OCO                                                                                    \
    " symbol listClientOrderId side quantity newOrderRespType selfTradePreventionMode aboveType "  \
    "aboveClientOrderId abovePrice aboveStopPrice aboveTimeInForce belowType belowClientOrderId "  \
    "belowPrice belowStopPrice belowTimeInForce "
#define ONE_ORDER " symbol orderId origClientOrderId "
#define TRADES    " symbol limit fromId "
#define KLINES    " symbol interval startTime endTime limit "
#define TICKER    " symbol symbols symbolStatus "

static const struct endpoint endpoints[] = {
    {"GET", "ping", "ping", SECURITY_NONE, 1, false, call_ping, NULL, ""},
    {"GET", "time", "time", SECURITY_NONE, 1, false, call_server_time, NULL, ""},
    {"GET", "exchangeInfo", "exchangeInfo", SECURITY_NONE, 20, false, call_exchange_info, NULL,
     " symbol symbols permissions symbolStatus showPermissionSets "},
    {"GET", "depth", "depth", SECURITY_NONE, 5, false, call_depth, weigh_depth,
     " symbol limit symbolStatus "},
    {"GET", "trades", "trades.recent", SECURITY_NONE, 25, false, call_trades, NULL,
     " symbol limit "},
    {"GET", "historicalTrades", "trades.historical", SECURITY_NONE, 25, false, call_trades, NULL,
     TRADES},
    {"GET", "aggTrades", "trades.aggregate", SECURITY_NONE, 4, false, call_agg_trades, NULL,
     TRADES "startTime endTime "},
    {"GET", "klines", "klines", SECURITY_NONE, 2, false, call_klines, NULL, KLINES},
    {"GET", "uiKlines", "uiKlines", SECURITY_NONE, 2, false, call_klines, NULL, KLINES},
    {"GET", "avgPrice", "avgPrice", SECURITY_NONE, 2, false, call_avg_price, NULL, " symbol "},
    {"GET", "ticker/24hr", "ticker.24hr", SECURITY_NONE, 2, false, call_ticker_day,
     weigh_ticker_day, TICKER "type "},
    {"GET", "ticker/price", "ticker.price", SECURITY_NONE, 2, false, call_ticker_price,
     weigh_ticker, TICKER},
    {"GET", "ticker/bookTicker", "ticker.book", SECURITY_NONE, 2, false, call_ticker_book,
     weigh_ticker, TICKER},

    {"POST", "order", "order.place", SECURITY_SIGNED, 1, true, call_order_place, NULL, NEW_ORDER},
    {"POST", "order/test", "order.test", SECURITY_SIGNED, 1, false, call_order_test, NULL,
     NEW_ORDER},
    {"POST", "order/cancelReplace", "order.cancelReplace", SECURITY_SIGNED, 1, true,
     call_cancel_replace, NULL,
     NEW_ORDER "cancelReplaceMode cancelOrderId cancelOrigClientOrderId cancelNewClientOrderId "
               "cancelRestrictions orderRateLimitExceededMode "},
    {"DELETE", "order", "order.cancel", SECURITY_SIGNED, 1, true, call_order_cancel, NULL,
     ONE_ORDER "newClientOrderId cancelRestrictions "},
    {"DELETE", "openOrders", "openOrders.cancelAll", SECURITY_SIGNED, 1, true,
     call_order_cancel_all, NULL, " symbol "},
    {"POST", "orderList/oco", "orderList.place.oco", SECURITY_SIGNED, 1, true, call_oco_place, NULL,
     NEW_OCO},
    {"DELETE", "orderList", "orderList.cancel", SECURITY_SIGNED, 1, true, call_list_cancel, NULL,
     " symbol orderListId listClientOrderId newClientOrderId "},

    {"GET", "order", "order.status", SECURITY_SIGNED, 4, false, call_order_status, NULL, ONE_ORDER},
    {"GET", "openOrders", "openOrders.status", SECURITY_SIGNED, 6, false, call_open_orders,
     weigh_open_orders, " symbol "},
    {"GET", "allOrders", "allOrders", SECURITY_SIGNED, 20, false, call_all_orders, NULL,
     " symbol orderId startTime endTime limit "},
    {"GET", "orderList", "orderList.status", SECURITY_SIGNED, 4, false, call_list_status, NULL,
     " orderListId origClientOrderId "},
    {"GET", "account", "account.status", SECURITY_SIGNED, 20, false, call_account, NULL,
     " omitZeroBalances "},
    {"GET", "account/commission", "account.commission", SECURITY_SIGNED, 20, false, call_commission,
     NULL, " symbol "},
    {"GET", "myTrades", "myTrades", SECURITY_SIGNED, 20, false, call_my_trades, weigh_my_trades,
     " symbol orderId startTime endTime fromId limit "},
    {"GET", "/sapi/v1/account/apiRestrictions", "", SECURITY_SIGNED, 1, false, call_restrictions,
     NULL, ""},
    {"GET", "rateLimit/order", "account.rateLimits.orders", SECURITY_SIGNED, 40, false,
     call_order_counts, NULL, ""},

    {"", "", "session.logon", SECURITY_SESSION, 2, false, call_session_logon, NULL, ""},
    {"", "", "session.status", SECURITY_NONE, 2, false, call_session_status, NULL, ""},
    {"", "", "session.logout", SECURITY_NONE, 2, false, call_session_logout, NULL, ""},
    {"", "", "session.subscriptions", SECURITY_NONE, 2, false, call_session_subscriptions, NULL,
     ""},
    {"", "", "userDataStream.subscribe", SECURITY_NONE, 2, false, call_user_subscribe, NULL, ""},
    {"", "", "userDataStream.subscribe.signature", SECURITY_SESSION, 2, false, call_user_subscribe,
     NULL, ""},
    {"", "", "userDataStream.unsubscribe", SECURITY_NONE, 2, false, call_user_unsubscribe, NULL,
     " subscriptionId "},
};

enum { ENDPOINT_COUNT = sizeof endpoints / sizeof *endpoints };

const struct endpoint *endpoint_of_path(struct slice method, struct slice path)
{
    static const char api[] = PREFIX, root[] = ROOT "/";
    size_t skipped = sizeof api - 1;
    if (path.size < sizeof root || memcmp(path.data, root, sizeof root - 1) != 0) return NULL;
    if (path.size < sizeof api || memcmp(path.data, api, sizeof api - 1) != 0)
        skipped = sizeof root - 2; /* the table names the slash */
    const struct slice name = {path.data + skipped, path.size - skipped};
    for (unsigned i = 0; i < ENDPOINT_COUNT; i++)
        if (slice_is(name, endpoints[i].path) && slice_is(method, endpoints[i].method))
            return &endpoints[i];
    return NULL;
}

const struct endpoint *endpoint_of_api(struct slice method)
{
    if (method.size > 3 && memcmp(method.data, "v3/", 3) == 0) {
        method.data += 3;
        method.size -= 3;
    }
    for (unsigned i = 0; i < ENDPOINT_COUNT; i++)
        if (slice_is(method, endpoints[i].api_method)) return &endpoints[i];
    return NULL;
}

/* ---- before and behind a handler ---- */

static bool is_listed(const char *list, struct slice name)
{
    const char *at = *list ? memmem(list, strlen(list), name.data, name.size) : NULL;
    while (at) {
        if (at > list && at[-1] == ' ' && at[name.size] == ' ') return true;
        at = memmem(at + 1, strlen(at + 1), name.data, name.size);
    }
    return false;
}

static bool check_parameters(struct call *c)
{
    unsigned known = 0;
    for (unsigned i = 0; i < c->parameter_count; i++) {
        const struct slice name = c->parameters[i].name;
        for (unsigned j = 0; j < i; j++)
            if (slice_equal(name, c->parameters[j].name))
                return call_refuse(c, 400, -1101, "Duplicate values for a parameter detected.");
        known += name.size > 0 &&
                 (is_listed(c->endpoint->parameters, name) ||
                  (c->endpoint->security != SECURITY_NONE && is_listed(SIGNED_FIELDS, name)) ||
                  (c->client && slice_is(name, "returnRateLimits")));
    }
    if (known == c->parameter_count) return true;
    if (c->endpoint->security == SECURITY_NONE)
        return call_refuse(c, 400, -1101, "Too many parameters; expected '%u' and received '%u'.",
                           known, c->parameter_count);
    return call_refuse(
        c, 400, -1104,
        "Not all sent parameters were read; read '%u' parameter(s) but was sent '%u'.", known,
        c->parameter_count);
}

static bool check_time(struct call *c)
{
    int64_t timestamp, window;
    if (!call_time(c, "timestamp", &timestamp)) return false;
    /* Milliseconds with up to three decimals. */
    if (!call_decimal(c, "recvWindow", 3, &window)) return false;
    window = call_has(c, "recvWindow") ? window / 1000 : RECV_WINDOW;
    if (window > RECV_MAX)
        return call_refuse(c, 400, -1131, "recvWindow must be less than %d.", (int)RECV_MAX);
    if (timestamp >= c->now_ms + AHEAD_MS)
        return call_refuse(c, 400, -1021,
                           "Timestamp for this request was 1000ms ahead of the server's time.");
    if (c->now_ms - timestamp > window)
        return call_refuse(c, 400, -1021,
                           "Timestamp for this request is outside of the recvWindow.");
    return true;
}

bool endpoint_authenticate(struct call *c, struct slice api_key, struct slice payload)
{
    struct slice signature, timestamp;
    if (api_key.size == 0 || api_key.size > ACCESS_NAME_SIZE)
        return call_refuse(c, 401, -2014, "API-key format invalid.");
    c->key = access_find(&c->server->access, api_key);
    if (!c->key)
        return call_refuse(c, 401, -2015, "Invalid API-key, IP, or permissions for action.");
    if (!call_need(c, "timestamp", &timestamp) || !call_need(c, "signature", &signature))
        return false;
    if (!access_is_signed(c->key, payload, signature))
        return call_refuse(c, 400, -1022, "Signature for this request is not valid.");
    return check_time(c);
}

/* Over the WebSocket API a session that is logged on need not sign. */
static bool authorise(struct call *c, struct slice api_key, struct slice payload)
{
    struct access_key *session = c->client ? ws_api_client_key(c->client) : NULL;
    struct slice timestamp;
    if (!session || call_has(c, "signature") || c->endpoint->security == SECURITY_SESSION)
        return endpoint_authenticate(c, api_key, payload);
    c->key = session;
    return call_need(c, "timestamp", &timestamp) && check_time(c);
}

static bool charge(struct call *c, struct limits_address *address, uint32_t weight)
{
    struct limits *l = &c->server->limits;
    const enum limits_verdict verdict = limits_charge(l, address, weight, c->now_ms);
    if (verdict == LIMITS_FINE) return true;
    c->retry_s = limits_retry_s(address, c->now_ms);
    if (verdict == LIMITS_TOO_MANY)
        return call_refuse(c, 429, -1003,
                           "Too much request weight used; current limit is %u request weight per "
                           "1 MINUTE. Please use WebSocket Streams for live updates to avoid "
                           "polling the API.",
                           l->weight_limit);
    return call_refuse(c, 418, -1003,
                       "Way too much request weight used; IP banned until %lld. Please use "
                       "WebSocket Streams for live updates to avoid bans.",
                       (long long)address->banned_until_ms);
}

bool endpoint_run(struct call *c, struct limits_address *address, struct slice api_key,
                  struct slice payload)
{
    const struct endpoint *e = c->endpoint;
    const uint32_t weight = e->weigh ? e->weigh(c) : e->weight;
    c->server->counters.requests++;
    if (!charge(c, address, weight)) return false;
    if (!check_parameters(c)) return false;
    if (e->security != SECURITY_NONE && !authorise(c, api_key, payload)) return false;
    c->account = c->server->people;
    const size_t start = c->out->size;
    if (e->handler(c)) {
        if (e->is_free) limits_refund(address, weight);
    } else if (!c->has_data) {
        c->out->size = start;
    }
    simserver_settle(c->server);
    return c->status == 0;
}

/* ---- REST ---- */

/* Adds the parameters of one encoded part; texts go to scratch, which has room. */
static bool parse_part(struct call *c, struct slice part, struct buffer *scratch, unsigned from)
{
    const char *at = part.data, *end = part.data + part.size;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop) stop = end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (!equals) equals = stop;
        const struct slice coded[2] = {{at, (size_t)(equals - at)},
                                       {equals < stop ? equals + 1 : stop,
                                        (size_t)(stop - equals) - (equals < stop)}};
        at = stop + 1;
        if (coded[0].size == 0 && coded[1].size == 0) continue;
        if (c->parameter_count == CALL_PARAMETERS_MAX)
            return call_refuse(c, 400, -1101,
                               "Too many parameters; expected '%d' and received more.",
                               CALL_PARAMETERS_MAX);
        struct slice text[2];
        for (unsigned n = 0; n < 2; n++) {
            char *room = buffer_reserve(scratch, coded[n].size + 1);
            if (!room || url_decode(coded[n], true, room, coded[n].size + 1) != OK)
                return call_refuse(c, 400, -1100, "Illegal characters found in a parameter.");
            text[n] = slice_of(room);
            buffer_commit(scratch, text[n].size + 1);
        }
        /* A name in query and body: the query's counts. */
        bool is_known = false;
        for (unsigned n = 0; n < from; n++) is_known |= slice_equal(c->parameters[n].name, text[0]);
        if (!is_known) c->parameters[c->parameter_count++] = (struct parameter){text[0], text[1]};
    }
    return true;
}

/* Appends what was signed of a part: all but its signature. */
static void append_signed(struct buffer *out, struct slice part)
{
    const char *at = part.data, *end = part.data + part.size;
    const size_t start = out->size;
    while (at < end) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop) stop = end;
        const size_t size = (size_t)(stop - at);
        if (size < 10 || memcmp(at, "signature=", 10) != 0) {
            if (out->size > start) buffer_append_char(out, '&');
            buffer_append(out, at, size);
        }
        at = stop + 1;
    }
}

struct answer_headers {
    struct http_header items[6];
    char texts[6][48];
    unsigned count;
};

static void add_header(struct answer_headers *h, const char *name, int64_t value)
{
    snprintf(h->texts[h->count], sizeof h->texts[0], "%lld", (long long)value);
    h->items[h->count] = (struct http_header){slice_of(name), slice_of(h->texts[h->count])};
    h->count++;
}

static void send_answer(struct call *c, struct limits_address *address, struct http_reply *reply)
{
    struct answer_headers h = {0};
    const struct limits *l = &c->server->limits;
    const uint32_t used = limits_weight_used(address, c->now_ms);
    add_header(&h, "X-MBX-USED-WEIGHT", used);
    add_header(&h, "X-MBX-USED-WEIGHT-1M", used);
    if (c->retry_s) add_header(&h, "Retry-After", c->retry_s);
    if (c->status == 0 && c->counts_orders) {
        add_header(&h, "X-MBX-ORDER-COUNT-10S", l->orders_10s);
        add_header(&h, "X-MBX-ORDER-COUNT-1D", l->orders_day);
    }
    struct buffer *body = c->out;
    if (c->status) {
        body = &c->server->scratch; /* the parameters are done with */
        buffer_clear(body);
        buffer_append_char(body, '{');
        text_refusal(body, c, buffer_slice(c->out));
        buffer_append_char(body, '}');
    }
    http_reply_send(reply, &(struct http_response){
                               .status = c->status ? c->status : 200,
                               .content_type = "application/json;charset=UTF-8",
                               .headers = h.items,
                               .header_count = h.count,
                               .body = buffer_slice(body),
                           });
}

static bool run_rest(struct call *c, struct limits_address *address,
                     const struct http_request *request)
{
    struct buffer *scratch = &c->server->scratch;
    const bool has_body = !slice_is(request->method, "GET");
    const struct slice body = has_body ? request->body : (struct slice){0};
    buffer_clear(scratch);
    /* Reserved once, so that the texts of parameters stay where they are. */
    if (!buffer_reserve(scratch, 2 * (request->query.size + body.size) + 4 * CALL_PARAMETERS_MAX))
        return call_refuse(c, 400, -1101, "Too many parameters; the request is too long.");
    if (!parse_part(c, request->query, scratch, 0)) return false;
    if (!parse_part(c, body, scratch, c->parameter_count)) return false;
    const size_t start = scratch->size;
    append_signed(scratch, request->query);
    append_signed(scratch, body);
    const struct slice payload = {scratch->data + start, scratch->size - start};
    return endpoint_run(c, address, http_header_get(&request->headers, "X-MBX-APIKEY"), payload);
}

void rest_handle(struct simserver *s, const struct http_request *request, struct http_reply *reply)
{
    const struct endpoint *endpoint = endpoint_of_path(request->method, request->path);
    if (!endpoint) {
        /* The listenKey endpoints of old are gone for good. */
        const bool is_gone = slice_is(request->path, PREFIX "userDataStream");
        http_reply_text(reply, is_gone ? 410 : 404, "text/plain",
                        is_gone ? SLICE("gone: subscribe to the user data stream over the "
                                        "WebSocket API\n")
                                : SLICE("no such endpoint\n"));
        return;
    }
    struct call c = {
        .server = s,
        .endpoint = endpoint,
        .now_ms = simserver_now(s),
        .out = &s->out,
    };
    struct limits_address *address = limits_address(&s->limits, request->peer, c.now_ms);
    buffer_clear(c.out);
    (void)run_rest(&c, address, request);
    send_answer(&c, address, reply);
}
