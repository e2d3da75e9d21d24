/* What the files of the simulated exchange's server share and nobody else uses. */
#ifndef SERVICE_SIMSERVER_SIMSERVER_INTERNAL_H
#define SERVICE_SIMSERVER_SIMSERVER_INTERNAL_H

#include "base/buffer.h"
#include "core/sim/sim_exchange.h"
#include "core/sim/sim_synthetic.h"
#include "io/net/http_server.h"
#include "io/net/ws.h"
#include "service/simserver/access.h"
#include "service/simserver/call.h"
#include "service/simserver/limits.h"
#include "service/simserver/market_data.h"
#include "service/simserver/simserver.h"

enum {
    SAVE_DELAY_MS = 200,
    PEOPLE_ORDERS_MAX = 2000, /* open at a time; more: -1008 */
    PEOPLE_HISTORY_MAX = 2000,
    PEOPLE_FILLS_MAX = 5000,
    DEPTH_LIMIT_MAX = 5000,
    DEPTH_SPEEDS = 2, /* 100 ms and 1000 ms */
};

#define CONNECTION_LIFE_MS INT64_C(86400000)
#define PING_EVERY_MS      20000
#define PONG_WITHIN_MS     60000
#define CLIENT_PENDING     ((size_t)4 << 20)

/* A price whose level changed. */
struct depth_change {
    int64_t price;
    uint8_t side;
};

/* Changes since a stream's last frame. */
struct depth_batch {
    struct depth_change *items;
    uint32_t count, capacity;
    uint64_t first_id; /* 0: nothing changed */
};

struct instrument_feed {
    struct market_history history;
    struct depth_batch batches[DEPTH_SPEEDS];
    struct level best[2]; /* as bookTicker told last, by side */
    bool is_changed;
};

struct stream_hub; /* streams.c */
struct recording;  /* recording.h */

struct simserver {
    uv_loop_t *loop;
    const struct clock *clock;
    struct simserver_limits options;
    struct http_server *http;
    uv_timer_t *timer; /* its own memory: it outlives the server until the loop has closed it */
    struct arena arena;
    struct sim_exchange exchange;
    struct synthetic synthetic;
    struct synthetic_driver driver;
    struct recording *recording; /* NULL: the synthetic market */
    struct instrument_feed *feeds;
    int64_t stepped_ms; /* the last tick of the synthetic market's streams */
    uint32_t people;    /* the test account */
    struct access access;
    struct limits limits;
    struct stream_hub *hub;
    struct api_client *api_clients;
    struct buffer out, scratch; /* of the call under way */
    struct level levels[DEPTH_LIMIT_MAX];
    uint64_t next_client_id;
    char *state_path; /* NULL: nothing is kept */
    bool is_dirty;
    int64_t save_ms; /* when it is due */
    struct simserver_counters counters;
    struct simserver_info info;
};

int64_t simserver_now(const struct simserver *s);
/* Something changed that must be kept. */
void simserver_touch(struct simserver *s);
/* To call before an order of people: what they trade against is there. */
void simserver_prepare(struct simserver *s, uint16_t instrument);
/* To call after anything that moved the exchange: aggregates and best prices go out. */
void simserver_settle(struct simserver *s);

/* endpoints.c */
enum security { SECURITY_NONE, SECURITY_SIGNED, SECURITY_SESSION };

struct endpoint {
    /* REST; "" where there is none. A path with a '/' in front is not one of /api/v3. */
    const char *method, *path;
    const char *api_method; /* WebSocket API; "" where there is none */
    uint8_t security;
    uint16_t weight;
    bool is_free; /* weight 0 when it succeeds */
    bool (*handler)(struct call *c);
    uint32_t (*weigh)(const struct call *c); /* NULL: weight */
    const char *parameters;                  /* names with spaces around */
};

const struct endpoint *endpoint_of_path(struct slice method, struct slice path);
const struct endpoint *endpoint_of_api(struct slice method);
/* Everything that comes before and behind the handler: charge, parameters, key, signature, time.
 * The payload is what was signed. False: refused. */
bool endpoint_run(struct call *c, struct limits_address *address, struct slice api_key,
                  struct slice payload);
/* The account of a call's key, from its parameters (WebSocket API) or header. */
bool endpoint_authenticate(struct call *c, struct slice api_key, struct slice payload);
void rest_handle(struct simserver *s, const struct http_request *request, struct http_reply *reply);

/* market_calls.c, order_calls.c, account_calls.c */
bool call_ping(struct call *c);
bool call_server_time(struct call *c);
bool call_exchange_info(struct call *c);
bool call_depth(struct call *c);
bool call_trades(struct call *c);
bool call_agg_trades(struct call *c);
bool call_klines(struct call *c);
bool call_avg_price(struct call *c);
bool call_ticker_day(struct call *c);
bool call_ticker_price(struct call *c);
bool call_ticker_book(struct call *c);
uint32_t weigh_depth(const struct call *c);
uint32_t weigh_ticker_day(const struct call *c);
uint32_t weigh_ticker(const struct call *c);

bool call_order_place(struct call *c);
bool call_order_test(struct call *c);
bool call_cancel_replace(struct call *c);
bool call_order_cancel(struct call *c);
bool call_order_cancel_all(struct call *c);
bool call_oco_place(struct call *c);
bool call_list_cancel(struct call *c);

bool call_order_status(struct call *c);
bool call_open_orders(struct call *c);
bool call_all_orders(struct call *c);
bool call_list_status(struct call *c);
bool call_account(struct call *c);
bool call_commission(struct call *c);
bool call_restrictions(struct call *c);
bool call_my_trades(struct call *c);
bool call_order_counts(struct call *c);
uint32_t weigh_open_orders(const struct call *c);
uint32_t weigh_my_trades(const struct call *c);

/* ws_api.c */
/* The key of a session that is logged on; NULL. */
struct access_key *ws_api_client_key(struct api_client *client);
void ws_api_accept(struct simserver *s, const struct http_request *request,
                   struct http_reply *reply);
void ws_api_on_event(struct simserver *s, const struct sim_event *event);
void ws_api_tick(struct simserver *s, int64_t now_ms);
void ws_api_close(struct simserver *s);
bool call_session_logon(struct call *c);
bool call_session_status(struct call *c);
bool call_session_logout(struct call *c);
bool call_session_subscriptions(struct call *c);
bool call_user_subscribe(struct call *c);
bool call_user_unsubscribe(struct call *c);

/* streams.c */
enum err streams_open(struct simserver *s) ERR_MUST_USE;
void streams_close(struct simserver *s);
void streams_accept(struct simserver *s, const struct http_request *request,
                    struct http_reply *reply);
void streams_on_trade(struct simserver *s, uint16_t instrument, const struct market_trade *trade);
void streams_on_aggregate(struct simserver *s, uint16_t instrument,
                          const struct market_aggregate *aggregate);
void streams_on_best(struct simserver *s, uint16_t instrument);
/* Depth, klines and tickers that fall due as the market's time goes on from before_ms to
 * now_ms. */
void streams_step(struct simserver *s, uint16_t instrument, int64_t before_ms, int64_t now_ms);
/* Pings, and the end of connections whose time has come. */
void streams_check(struct simserver *s, int64_t now_ms);
/* Sends a frame that is text already to those who subscribed to that name. */
void streams_publish(struct simserver *s, struct slice name, struct slice data);
/* The most bytes that wait for one client. */
size_t streams_pending(const struct simserver *s);
void depth_batch_add(struct depth_batch *b, uint64_t update_id, uint8_t side, int64_t price);
void depth_batch_clear(struct depth_batch *b);

#endif
