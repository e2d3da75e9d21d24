/* Request weights by address, and order counts of the account, in windows aligned to the clock.
 *
 * Over the weight: 429 until the minute ends. An address that insists (LIMITS_INSIST requests after
 * its 429) is banned: 418 for LIMITS_BAN_FIRST_MS, doubling with each ban up to LIMITS_BAN_LAST_MS.
 * Known are the last LIMITS_ADDRESSES addresses; the one unused for longest is forgotten.
 * One thread. */
#ifndef SERVICE_SIMSERVER_LIMITS_H
#define SERVICE_SIMSERVER_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/net/conn.h"
#include "service/simserver/simserver.h"

enum {
    LIMITS_ADDRESSES = 256,
    LIMITS_INSIST = 10,
    LIMITS_BAN_FIRST_MS = 120000,
    LIMITS_BAN_LAST_MS = 259200000,
    LIMITS_DIALS_MS = 300000,
};

struct limits_address {
    char peer[CONN_PEER_SIZE]; /* "" marks a free place */
    int64_t minute, dial_window;
    uint32_t weight, dials;
    uint32_t insisted; /* requests after this minute's 429 */
    uint32_t bans;     /* so far */
    int64_t banned_until_ms, used_ms;
};

struct limits {
    uint32_t weight_limit, dials_limit, orders_10s_limit, orders_day_limit;
    struct limits_address addresses[LIMITS_ADDRESSES];
    int64_t orders_10s_window, orders_day_window;
    uint32_t orders_10s, orders_day; /* unfilled orders of the account */
    uint64_t after_limit, during_ban, bans;
};

enum limits_verdict { LIMITS_FINE, LIMITS_TOO_MANY, LIMITS_BANNED };

void limits_init(struct limits *l, const struct simserver_limits *options);
struct limits_address *limits_address(struct limits *l, const char *peer, int64_t now_ms);
/* Charges a request before it is served. */
enum limits_verdict limits_charge(struct limits *l, struct limits_address *a, uint32_t weight,
                                  int64_t now_ms);
/* Gives a charge back: the request turned out to be free. */
void limits_refund(struct limits_address *a, uint32_t weight);
uint32_t limits_weight_used(struct limits_address *a, int64_t now_ms);
/* Seconds for Retry-After. */
int64_t limits_retry_s(const struct limits_address *a, int64_t now_ms);
/* False: too many WebSocket connections from there. */
bool limits_dial(struct limits *l, struct limits_address *a, int64_t now_ms);

/* The window that is full. */
struct limits_full {
    const char *interval; /* "10 SECOND" */
    uint32_t limit;
    int64_t retry_s;
};

/* Whether `count` more orders may come; *out tells why not. */
bool limits_orders_allow(struct limits *l, uint32_t count, int64_t now_ms, struct limits_full *out);
void limits_orders_add(struct limits *l, uint32_t count, int64_t now_ms);
/* An order had its first fill: it does not count any more. */
void limits_orders_filled(struct limits *l);

#endif
