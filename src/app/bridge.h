/* The two threads' only connection: three rings and two wake-ups.
 *
 *   web   --requests-->     trade   full: refused, the client gets 503
 *   web   <--answers--      trade   has room for every request under way
 *   web   <--publications-- trade   full: market data is dropped and counted, bot news is retried
 *
 * Each side opens its half on its own loop. */
#ifndef APP_BRIDGE_H
#define APP_BRIDGE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <uv.h>

#include "base/err.h"
#include "base/ring.h"
#include "service/api/desk.h"
#include "service/api/publication.h"

enum {
    BRIDGE_REQUESTS_MAX = 256, /* under way at a time */
    BRIDGE_PUBLICATIONS = 1024,
};

/* An answer on its way; arrays are from malloc and freed by the web side. */
struct bridge_answer {
    struct desk_answer answer;
    struct candle *candles;
    struct instrument *instruments;
    void (*on_answer)(void *user, const struct desk_answer *answer);
    void *user;
};

struct bridge {
    struct ring requests, answers, publications;
    uv_async_t to_trade, to_web;
    atomic_uint under_way;
    _Atomic uint64_t dropped; /* publications */

    /* web side */
    void (*on_publication)(void *user, const struct publication *p);
    void *web_user;
    /* trade side */
    void (*on_request)(void *user, const struct desk_request *request);
    void *trade_user;
};

enum err bridge_init(struct bridge *b) ERR_MUST_USE;
void bridge_deinit(struct bridge *b);

enum err bridge_open_web(struct bridge *b, uv_loop_t *loop,
                         void (*on_publication)(void *user, const struct publication *p),
                         void *user) ERR_MUST_USE;
enum err bridge_open_trade(struct bridge *b, uv_loop_t *loop,
                           void (*on_request)(void *user, const struct desk_request *request),
                           void *user) ERR_MUST_USE;
/* Close that side's handle; run the loop once more after it.
 * The other side must not post any more. */
void bridge_close_web(struct bridge *b);
void bridge_close_trade(struct bridge *b);

/* Web side: the face that service/api asks through. */
struct desk bridge_desk(struct bridge *b);

/* Trade side. False when the ring is full. */
bool bridge_publish(struct bridge *b, const struct publication *p);
void bridge_answer(struct bridge *b, const struct bridge_answer *answer);
/* Tells the web side that something is there; cheap to call often. */
void bridge_flush(struct bridge *b);

#endif
