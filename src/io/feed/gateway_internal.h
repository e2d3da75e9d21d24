/* What the files of the gateway share; of no use to anybody else.
 *
 *   gateway.c         life, instruments, placing, telling
 *   gateway_cancel.c  ending an order
 *   gateway_query.c   what became of an order: its state, its trades, its absence
 *   gateway_stream.c  the user stream
 *
 * The sink may close the gateway inside any callback: after telling it anything, is_closed is
 * looked at before the gateway is touched again. The memory goes when the loop comes round. */
#ifndef IO_FEED_GATEWAY_INTERNAL_H
#define IO_FEED_GATEWAY_INTERNAL_H

#include "io/feed/gateway.h"
#include "io/feed/venue_stream.h"

/* One order that is being placed or asked about. */
struct errand {
    struct errand *next;
    struct gateway *gateway;
    struct order order;
    const struct instrument *rules;
    char client_id[CLIENT_ID_SIZE];
    bool is_place, is_cancel;
    bool is_unsent;             /* to be told from the loop */
    bool may_prove;             /* a query that finds nothing proves that there is nothing */
    bool is_seen;               /* the venue showed the order meanwhile */
    struct binance_order found; /* its slices are not kept */
    struct qty told;            /* by fills of this query */
    uint32_t rounded_count;     /* of them; each lost less than one unit */
    uint64_t next_trade_id;     /* where the next page of trades begins */
};

/* When an order of unknown fate left at the latest, in loop time. */
struct doubt {
    uint64_t order_id;
    uint64_t left_ms;
};

struct gateway {
    uv_loop_t *loop;
    struct gateway_options options;
    char install[INSTALL_ID_SIZE];
    bool is_closed;
    uv_timer_t timer;
    uint64_t started; /* loop time */

    struct instrument **rules; /* GATEWAY_INSTRUMENTS_MAX */
    uint16_t rules_count;
    struct binance_symbols *table; /* an entry's instrument is its place in rules */

    struct errand *errands;
    struct fill *fills;              /* of an answer: BINANCE_FILLS_MAX */
    struct binance_my_trade *trades; /* of an answer: BINANCE_KLINES_MAX */
    struct doubt doubts[GATEWAY_DOUBTS_MAX];
    uint32_t doubt_count;
    uint64_t doubt_next;   /* where the next one goes: a ring */
    uint64_t forgotten_ms; /* loop time of the newest doubt that fell off the ring */
    struct buffer out;

    struct venue_stream stream;
    int64_t subscribe_id; /* of the message under way; 0: none */
    int64_t next_id;
    bool is_up;
    uint64_t foreign, malformed;
};

/* gateway.c */
void gateway_wake(struct gateway *g);
const struct instrument *gateway_rules(const struct gateway *g, uint16_t instrument);
struct errand *gateway_errand_new(struct gateway *g, const struct order *order);
void gateway_errand_end(struct errand *e);
void gateway_tell_fill(struct gateway *g, const struct instrument *rules, const struct fill *fill);
void gateway_tell_news(struct gateway *g, const struct instrument *rules,
                       const struct order_news *news);

/* What to tell of an order some of whose fills were rounded: an end, if the venue has ended it. */
enum order_input gateway_rounded_input(enum binance_order_status status);

/* gateway_query.c */
void gateway_doubt(struct gateway *g, uint64_t order_id); /* it may have left, at the latest now */

/* gateway_stream.c */
uint64_t gateway_stream_due(struct gateway *g); /* as the _due functions of market_internal.h */

#endif
