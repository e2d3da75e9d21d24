/* Weights, bans and order counts. */
#include "service/simserver/limits.h"

#include <string.h>

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value ? value : standard;
}

void limits_init(struct limits *l, const struct simserver_limits *options)
{
    *l = (struct limits){
        .weight_limit = or_default(options->weight, SIMSERVER_WEIGHT_LIMIT),
        .dials_limit = or_default(options->dials, SIMSERVER_DIALS_LIMIT),
        .orders_10s_limit = or_default(options->orders_10s, SIMSERVER_ORDERS_10S_LIMIT),
        .orders_day_limit = or_default(options->orders_day, SIMSERVER_ORDERS_DAY_LIMIT),
    };
}

struct limits_address *limits_address(struct limits *l, const char *peer, int64_t now_ms)
{
    struct limits_address *oldest = &l->addresses[0];
    for (unsigned i = 0; i < LIMITS_ADDRESSES; i++) {
        struct limits_address *a = &l->addresses[i];
        if (strncmp(a->peer, peer, sizeof a->peer - 1) == 0 && a->peer[0]) {
            a->used_ms = now_ms;
            return a;
        }
        if (a->used_ms < oldest->used_ms) oldest = a;
    }
    *oldest = (struct limits_address){.used_ms = now_ms};
    strncpy(oldest->peer, peer, sizeof oldest->peer - 1);
    return oldest;
}

static void roll(struct limits_address *a, int64_t now_ms)
{
    const int64_t minute = now_ms / 60000;
    if (a->minute == minute) return;
    a->minute = minute;
    a->weight = 0;
    a->insisted = 0;
}

static void ban(struct limits *l, struct limits_address *a, int64_t now_ms)
{
    int64_t length = LIMITS_BAN_FIRST_MS;
    for (uint32_t i = 0; i < a->bans && length < LIMITS_BAN_LAST_MS; i++) length *= 2;
    a->banned_until_ms = now_ms + (length < LIMITS_BAN_LAST_MS ? length : LIMITS_BAN_LAST_MS);
    a->bans++;
    l->bans++;
}

enum limits_verdict limits_charge(struct limits *l, struct limits_address *a, uint32_t weight,
                                  int64_t now_ms)
{
    if (now_ms < a->banned_until_ms) {
        l->during_ban++;
        return LIMITS_BANNED;
    }
    roll(a, now_ms);
    if (a->insisted) l->after_limit++;
    a->weight += weight;
    if (a->weight <= l->weight_limit) return LIMITS_FINE;
    if (++a->insisted <= LIMITS_INSIST) return LIMITS_TOO_MANY;
    ban(l, a, now_ms);
    return LIMITS_BANNED;
}

void limits_refund(struct limits_address *a, uint32_t weight)
{
    a->weight -= weight < a->weight ? weight : a->weight;
}

uint32_t limits_weight_used(struct limits_address *a, int64_t now_ms)
{
    roll(a, now_ms);
    return a->weight;
}

int64_t limits_retry_s(const struct limits_address *a, int64_t now_ms)
{
    const int64_t until_ms =
        now_ms < a->banned_until_ms ? a->banned_until_ms : (now_ms / 60000 + 1) * 60000;
    return (until_ms - now_ms + 999) / 1000;
}

bool limits_dial(struct limits *l, struct limits_address *a, int64_t now_ms)
{
    const int64_t window = now_ms / LIMITS_DIALS_MS;
    if (a->dial_window != window) {
        a->dial_window = window;
        a->dials = 0;
    }
    return ++a->dials <= l->dials_limit;
}

static void roll_orders(struct limits *l, int64_t now_ms)
{
    if (l->orders_10s_window != now_ms / 10000) l->orders_10s = 0;
    if (l->orders_day_window != now_ms / 86400000) l->orders_day = 0;
    l->orders_10s_window = now_ms / 10000;
    l->orders_day_window = now_ms / 86400000;
}

static int64_t until_next_s(int64_t now_ms, int64_t window_ms)
{
    return (window_ms - now_ms % window_ms + 999) / 1000;
}

bool limits_orders_allow(struct limits *l, uint32_t count, int64_t now_ms, struct limits_full *out)
{
    roll_orders(l, now_ms);
    *out = (struct limits_full){"10 SECOND", l->orders_10s_limit, until_next_s(now_ms, 10000)};
    if (l->orders_10s + count > l->orders_10s_limit) return false;
    *out = (struct limits_full){"1 DAY", l->orders_day_limit, until_next_s(now_ms, 86400000)};
    return l->orders_day + count <= l->orders_day_limit;
}

void limits_orders_add(struct limits *l, uint32_t count, int64_t now_ms)
{
    roll_orders(l, now_ms);
    l->orders_10s += count;
    l->orders_day += count;
}

void limits_orders_filled(struct limits *l)
{
    if (l->orders_10s) l->orders_10s--;
    if (l->orders_day) l->orders_day--;
}
