/* How many requests may be sent to a venue that counts weights a minute and orders a window.
 *
 * Pure: time is an argument, and it is the venue's time (local clock plus measured offset), because
 * windows are aligned to the venue's clock. The count that leads is the venue's own, from the
 * header of the newest answer; requests that are not answered yet are added to it. Each priority
 * may fill the window only to its share, so that data can never starve what protects money. A ban
 * stops everything, cancels included, until it expires: one more request would lengthen it. It
 * is kept in memory only: a restart forgets it and learns it anew by its first request.
 *
 * One thread. Never blocks: a refusal says when to try again. Source: Binance rest-api.md,
 * "LIMITS". */
#ifndef IO_VENUE_REQUEST_BUDGET_H
#define IO_VENUE_REQUEST_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

enum request_priority {
    REQUEST_CANCEL,
    REQUEST_PROTECTIVE, /* stops and targets, and queries for orders in doubt */
    REQUEST_EXIT,
    REQUEST_ENTRY,
    REQUEST_DATA,
    REQUEST_PRIORITY_COUNT
};

/* Percent of a window that each priority may fill. */
enum {
    REQUEST_SHARE_CANCEL = 100,
    REQUEST_SHARE_PROTECTIVE = 98,
    REQUEST_SHARE_EXIT = 95,
    REQUEST_SHARE_ENTRY = 90,
    REQUEST_SHARE_DATA = 80,
    /* Order counts are kept per account: there the last part is for protective orders. */
    ORDER_SHARE_PROTECTIVE = 100,
    ORDER_SHARE_EXIT = 95,
    ORDER_SHARE_ENTRY = 80,
};

enum {
    REQUEST_WINDOW_MS = 60000,
    ORDER_WINDOW_SHORT_MS = 10000,
    ORDER_WINDOW_LONG_MS = 86400000,
    REQUEST_PAUSE_MS_DEFAULT = 60000, /* limited without a Retry-After */
};

struct request_limits {
    uint32_t weight;       /* a minute */
    uint32_t orders_short; /* 10 seconds */
    uint32_t orders_long;  /* a day */
};

struct request_window {
    int64_t number;  /* time / length */
    uint32_t used;   /* by the newest count of the venue, or our own where it told none */
    uint32_t before; /* used when the window before this one ended */
};

struct request_budget {
    struct request_limits limits;
    struct request_window weight, orders_short, orders_long;
    uint32_t in_flight; /* weight sent and not answered */
    uint64_t sent;      /* requests so far */
    uint64_t newest;    /* the newest request whose count was taken over */
    int64_t banned_until_ms;
    int64_t orders_until_ms; /* no new order before */
};

/* One request that was let through; its owner hands it back with the answer, exactly once. */
struct request_ticket {
    uint64_t number;
    int64_t window;
    uint32_t weight;
};

void request_budget_init(struct request_budget *b, const struct request_limits *limits);

/* May a request of that weight leave? False: nothing is taken and *retry_ms is the earliest time at
 * which the answer may differ. `order`: it places an order (counts for the order windows too). */
bool request_budget_take(struct request_budget *b, enum request_priority priority, uint32_t weight,
                         bool order, int64_t now_ms, struct request_ticket *ticket,
                         int64_t *retry_ms);
/* The answer came, or none ever will. used_weight: X-MBX-USED-WEIGHT-1M,
 * -1 where there was none. */
void request_budget_settle(struct request_budget *b, const struct request_ticket *ticket,
                           int64_t used_weight, int64_t now_ms);
/* X-MBX-ORDER-COUNT-10S and -1D of an answer, -1 where there was none. */
void request_budget_on_order_count(struct request_budget *b, int64_t count_short,
                                   int64_t count_long, int64_t now_ms);
/* HTTP 429 or 418, or code -1003: nothing leaves before now + retry_after_ms (0: the default
 * pause). A later end wins over an earlier one. */
void request_budget_on_limited(struct request_budget *b, int64_t retry_after_ms, int64_t now_ms);
/* Code -1015: no new order before now + retry_after_ms (0: the end of the short window). */
void request_budget_on_orders_limited(struct request_budget *b, int64_t retry_after_ms,
                                      int64_t now_ms);
/* New limits, as the venue's list of symbols told them. */
void request_budget_set_limits(struct request_budget *b, const struct request_limits *limits);
/* Weight that counts in the window of now_ms, in flight included. */
uint32_t request_budget_used(const struct request_budget *b, int64_t now_ms);

#endif
