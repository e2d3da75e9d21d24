/* Orders to one venue account, and everything the venue says about them.
 *
 * gateway_place sends a request once. What is not proved is told as ON_NO_ANSWER, and then
 * gateway_query asks by every means until there is proof: the order by client id, its trades, and
 * after recvWindow and the venue's read lag have passed its absence (ON_PROVED_ABSENT). Fills of an
 * answer are told before its news. The user stream tells news and fills as they happen, in any
 * order, any number of times; the engine merges them.
 *
 * Absence is proved by a query that was sent when the venue could not accept the order any more and
 * had shown it if it had: recvWindow + read_lag_ms + a margin after the last moment at which the
 * order may have left (its answer's end; for an order of an earlier process, our start), and after
 * its creation by the venue's clock. An order that the venue has ever shown is never absent.
 *
 * A fill that is finer than the instrument's scales is told rounded down, and news with
 * ORDER_REASON_FILL_ROUNDED behind it, which ends the order where the venue has ended it: its fills
 * may never add up to its quantity here.
 *
 * Whenever the user stream was interrupted, on_stream says so and the caller queries every order
 * that works: the stream has no memory.
 *
 * Thread: that of the loop. Source: binance-spot-api-docs, user-data-stream.md, rest-api.md. */
#ifndef IO_FEED_GATEWAY_H
#define IO_FEED_GATEWAY_H

#include <uv.h>

#include "base/err.h"
#include "core/model/event.h"
#include "io/feed/venue_rest.h"

enum {
    GATEWAY_BODY_SIZE = 512,
    GATEWAY_ABSENCE_MARGIN_MS = 1000,
    /* An order that the budget holds back longer is not sent at all: its reason has aged. */
    GATEWAY_LINE_MS = 1000,
    GATEWAY_ANSWER_MS = 10000,
    GATEWAY_SILENCE_MS = 60000, /* of the user stream; half-way it is pinged */
    GATEWAY_SUBSCRIBE_MS = 10000,
    GATEWAY_INSTRUMENTS_MAX = 4096,
    GATEWAY_DOUBTS_MAX = 256, /* orders of unknown fate whose time of sending is remembered */
};

struct gateway;

struct gateway_sink {
    /* EVENT_ORDER or EVENT_FILL with our order id; seq and time_ms are the sequencer's to give. */
    void (*on_event)(void *user, struct event *event);
    /* The user stream is up (true: query what works, then trade) or down (false). */
    void (*on_stream)(void *user, bool up, const char *reason);
    /* An execution of an order that is not ours: the account is used by somebody else too. */
    void (*on_external)(void *user, uint16_t instrument, const struct fill *fill);
};

struct gateway_options {
    const char *ws_api_url;
    const struct tls_context *tls;
    struct venue_rest *rest; /* with a key */
    const char *install;     /* the installation's id, for client order ids */
    uint32_t read_lag_ms;    /* how late the venue's queries may be: 60 s at Binance, less at sim */
    uint64_t jitter_seed;
    /* A zero takes the default: those of venue_stream.h, and GATEWAY_SILENCE_MS. */
    uint32_t reconnect_first_ms, reconnect_last_ms, silence_ms;
    struct gateway_sink sink;
    void *user;
};

enum err gateway_open(uv_loop_t *loop, const struct gateway_options *options,
                      struct gateway **out) ERR_MUST_USE;
void gateway_close(struct gateway *g); /* NULL is fine */

/* Orders in this instrument may come; before the first gateway_place or gateway_query of it. Again
 * for the same index: its rules anew. ERR_LIMIT: GATEWAY_INSTRUMENTS_MAX. */
enum err gateway_add_instrument(struct gateway *g, const struct instrument *rules) ERR_MUST_USE;

/* The request as it will be sent, without time and signature: made durable before gateway_place. */
void gateway_body(const struct instrument *rules, const struct order *order, const char *client_id,
                  char out[GATEWAY_BODY_SIZE]);
/* Sends the body, once. Everything that follows comes as events, from the loop. */
void gateway_place(struct gateway *g, const struct order *order, const char *body);
/* Ends it as soon as the venue lets us: one that still waits in line is never sent, any other is
 * canceled there, and what became of it is asked behind that. While its placing is under way
 * nothing happens: the caller comes again when that is answered. */
void gateway_cancel(struct gateway *g, const struct order *order);
/* Asks what became of the order: state and missing fills come as events; nothing where the venue
 * could not be asked. A query that is under way for the same order is enough. */
void gateway_query(struct gateway *g, const struct order *order);

bool gateway_is_ready(const struct gateway *g); /* user stream up and clock known */

#endif
