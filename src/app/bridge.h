/* The web threads' only connection with the trade thread: one end for each, three rings an end.
 *
 *   web   --requests-->     trade   full: refused, the client gets 503
 *   web   <--answers--      trade   has room for every request under way
 *   web   <--publications-- trade   full: market data is dropped and counted, bot news waits
 *
 * Everything that is published goes to every end: each web thread has a picture of its own and
 * shares none. Bot news that waits for room waits here, an end apart from the other; a web thread
 * that takes nothing for UNSENT_MAX of it is stuck, and the process stops. Each side opens its part
 * on its own loop. */
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
    BRIDGE_ENDS_MAX = 16,
    BRIDGE_REQUESTS_MAX = 256, /* an end, under way at a time */
    BRIDGE_PUBLICATIONS = 1024,
    UNSENT_MAX = 65536, /* bot news that waits, an end */
};

/* An answer on its way; arrays are from malloc and freed by the web side. */
struct bridge_answer {
    struct desk_answer answer;
    struct candle *candles;
    struct instrument *instruments;
    void (*on_answer)(void *user, const struct desk_answer *answer);
    void *user;
    uint32_t end; /* that asked: desk_request.end */
};

/* One web thread's. */
struct bridge_end {
    struct bridge *bridge;
    struct ring requests, answers, publications;
    uv_async_t to_web;
    atomic_uint under_way;
    void (*on_publication)(void *user, const struct publication *p); /* web side */
    void *web_user;
    struct publication *unsent; /* trade side: bot news that found the ring full, a ring itself */
    uint32_t unsent_first, unsent_count;
};

struct bridge {
    uint32_t end_count;
    struct bridge_end ends[BRIDGE_ENDS_MAX];
    uv_async_t to_trade;
    _Atomic uint64_t dropped;                                           /* publications */
    void (*on_request)(void *user, const struct desk_request *request); /* trade side */
    void *trade_user;
};

/* The bridge must not move. */
enum err bridge_init(struct bridge *b, uint32_t end_count) ERR_MUST_USE;
void bridge_deinit(struct bridge *b);

enum err bridge_open_web(struct bridge_end *end, uv_loop_t *loop,
                         void (*on_publication)(void *user, const struct publication *p),
                         void *user) ERR_MUST_USE;
enum err bridge_open_trade(struct bridge *b, uv_loop_t *loop,
                           void (*on_request)(void *user, const struct desk_request *request),
                           void *user) ERR_MUST_USE;
/* Close that side's handle; run the loop once more after it.
 * The other side must not post any more. */
void bridge_close_web(struct bridge_end *end);
void bridge_close_trade(struct bridge *b);

/* Web side: the face that service/api asks through. */
struct desk bridge_desk(struct bridge_end *end);

/* Trade side, all of these. To every end that has room; the others are counted in dropped. */
void bridge_publish(struct bridge *b, const struct publication *p);
/* To every end, and never dropped. */
void bridge_publish_news(struct bridge *b, const struct publication *p);
/* Whether news waits for room at some end. */
bool bridge_is_behind(const struct bridge *b);
/* To the end that asked. */
void bridge_answer(struct bridge *b, const struct bridge_answer *answer);
/* Sends what waited and tells the web sides that something is there; cheap to call often. */
void bridge_flush(struct bridge *b);

#endif
