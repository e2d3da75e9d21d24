/* One venue's REST line, shared by everything that asks that venue: kept connections, the request
 * budget of our address, the venue's clock, and the key that signs.
 *
 * A request leaves when its priority's share of the budget allows, else it waits in line (cancel
 * before protective before exit before entry before data, first come first served within one); what
 * waits longer than its deadline is answered ERR_TIMEOUT, provably unsent. Nothing is ever sent
 * twice.
 *
 * Ban: a 429 or 418, or the code -1003, stops everything that this process sends to the venue until
 * it ends: requests here, cancels included, and dials and subscriptions of the streams, which ask
 * venue_rest_dial_at. Whoever hears of one (REST, a refused handshake, the WebSocket API) tells it
 * here, because the venue counts by address. A handshake that is refused otherwise, but with a
 * Retry-After, or by 403 or 451, stops dials only, for that long or VENUE_REST_REFUSED_MS. What was
 * handed to a socket before the ban was known is not called back.
 *
 * Clock: the venue's time minus ours, from GET time every VENUE_REST_CLOCK_INTERVAL_MS with the
 * shortest round trip of a few tries, and at once after a -1021.
 *
 * Thread: that of the loop. */
#ifndef IO_FEED_VENUE_REST_H
#define IO_FEED_VENUE_REST_H

#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "io/net/http_client.h"
#include "io/net/tls.h"
#include "io/venue/binance/binance_answer.h"
#include "io/venue/binance/binance_rest.h"
#include "io/venue/binance/binance_sign.h"
#include "io/venue/request_budget.h"

enum {
    VENUE_REST_WAITING_MAX = 512,
    VENUE_REST_CLOCK_INTERVAL_MS = 300000,
    VENUE_REST_CLOCK_TRIES = 3,
    VENUE_REST_DEADLINE_MS = 10000,
    VENUE_REST_REFUSED_MS = 300000, /* as long as the venue's firewall counts */
    /* Connections: data never stands in front of an order. */
    VENUE_REST_TRADING_POOL = 4,
    VENUE_REST_DATA_POOL = 2,
    /* Until the venue told its limits: less than any venue of ours allows. */
    VENUE_REST_WEIGHT_START = 1200,
    VENUE_REST_ORDERS_SHORT_START = 50,
    VENUE_REST_ORDERS_LONG_START = 160000,
};

struct venue_rest;

struct venue_rest_options {
    const char *url; /* "https://api.binance.com" or "http://127.0.0.1:9000/binance" */
    const struct tls_context *tls; /* must be there for https */
    const struct clock *clock;
    struct binance_key *key; /* the caller's, for the life of this; NULL: public data only */
};

struct venue_request {
    enum binance_endpoint endpoint;
    enum request_priority priority;
    struct slice query;   /* unsigned; copied */
    uint32_t weight;      /* 0: the endpoint's own */
    uint32_t deadline_ms; /* of waiting and answer together; 0: 10 s */
    uint32_t wait_ms;     /* the longest it may wait in line; 0: as deadline_ms */
    const void *owner;    /* for venue_rest_forget */
    /* Once, from the loop, never inside venue_rest_send. The outcome's body is good during the
     * call. */
    void (*on_outcome)(void *user, const struct binance_outcome *outcome);
    void *user;
};

/* Starts to measure the venue's clock. ERR_INVALID: a URL we may not use, see venue_url.h. */
enum err venue_rest_open(uv_loop_t *loop, const struct venue_rest_options *options,
                         struct venue_rest **out) ERR_MUST_USE;
/* Outstanding requests are answered as cut off. NULL is fine. */
void venue_rest_close(struct venue_rest *r);

/* ERR_LIMIT: VENUE_REST_WAITING_MAX requests wait already. */
enum err venue_rest_send(struct venue_rest *r, const struct venue_request *request) ERR_MUST_USE;
/* Requests of this owner that wait are dropped unsent; those under way run on, unheard. */
void venue_rest_forget(struct venue_rest *r, const void *owner);
/* The owner's request with this user, if it still waits, is never sent: it is answered as unsent,
 * from the loop. False when it is under way or answered. */
bool venue_rest_withdraw(struct venue_rest *r, const void *owner, const void *user);
/* Our best estimate of the venue's clock, ms. */
int64_t venue_rest_now_ms(const struct venue_rest *r);
/* Whether the clock offset was measured at least once. */
bool venue_rest_clock_known(const struct venue_rest *r);
/* A -1021 or the like: measure again at once. */
void venue_rest_clock_doubt(struct venue_rest *r);
/* A WebSocket handshake with the venue was refused; retry_after_s -1: it did not say. */
void venue_rest_on_refused_dial(struct venue_rest *r, int status, int64_t retry_after_s);
/* What an answer that came by another way than this line says about limits. */
void venue_rest_heed(struct venue_rest *r, const struct binance_outcome *outcome);
/* Loop time before which nobody may dial the venue; 0: now. */
uint64_t venue_rest_dial_at(const struct venue_rest *r);
/* The venue's time at which a ban ends; 0 while there is none. */
int64_t venue_rest_banned_until_ms(const struct venue_rest *r);
/* Opens a connection ahead of use; not during a ban. */
void venue_rest_warm(struct venue_rest *r);
struct binance_key *venue_rest_key(struct venue_rest *r);
struct request_budget *venue_rest_budget(struct venue_rest *r);
double
venue_rest_latency_ms(const struct venue_rest *r); /* of the last clock request; -1 unknown */

#endif
