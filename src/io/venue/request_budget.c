/* Windows, shares and bans of a venue's request limits. */
#include "io/venue/request_budget.h"

#include "base/check.h"

static const uint8_t weight_shares[REQUEST_PRIORITY_COUNT] = {
    [REQUEST_CANCEL] = REQUEST_SHARE_CANCEL, [REQUEST_PROTECTIVE] = REQUEST_SHARE_PROTECTIVE,
    [REQUEST_EXIT] = REQUEST_SHARE_EXIT,     [REQUEST_ENTRY] = REQUEST_SHARE_ENTRY,
    [REQUEST_DATA] = REQUEST_SHARE_DATA,
};

static const uint8_t order_shares[REQUEST_PRIORITY_COUNT] = {
    [REQUEST_CANCEL] = ORDER_SHARE_PROTECTIVE, [REQUEST_PROTECTIVE] = ORDER_SHARE_PROTECTIVE,
    [REQUEST_EXIT] = ORDER_SHARE_EXIT,         [REQUEST_ENTRY] = ORDER_SHARE_ENTRY,
    [REQUEST_DATA] = ORDER_SHARE_ENTRY,
};

static void roll(struct request_window *w, int64_t length_ms, int64_t now_ms)
{
    const int64_t number = now_ms / length_ms;
    /* A clock that runs backwards never frees anything. */
    if (number <= w->number) return;
    w->before = number == w->number + 1 ? w->used : 0;
    w->number = number;
    w->used = 0;
}

static void roll_all(struct request_budget *b, int64_t now_ms)
{
    roll(&b->weight, REQUEST_WINDOW_MS, now_ms);
    roll(&b->orders_short, ORDER_WINDOW_SHORT_MS, now_ms);
    roll(&b->orders_long, ORDER_WINDOW_LONG_MS, now_ms);
}

static int64_t window_end(const struct request_window *w, int64_t length_ms)
{
    return (w->number + 1) * length_ms;
}

/* Does `more` still fit the share? An unknown limit (0) lets nothing through:
 * read the limits first. */
static bool fits(uint64_t used, uint32_t more, uint32_t limit, uint8_t share)
{
    return (used + more) * 100 <= (uint64_t)limit * share;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void request_budget_init(struct request_budget *b, const struct request_limits *limits)
{
    *b = (struct request_budget){.limits = *limits};
}

void request_budget_set_limits(struct request_budget *b, const struct request_limits *limits)
{
    b->limits = *limits;
}

/* The earliest time at which every window could let the request through; now_ms when they do. */
static int64_t earliest(const struct request_budget *b, enum request_priority priority,
                        uint32_t weight, bool order, int64_t now_ms)
{
    int64_t at = later(now_ms, b->banned_until_ms);
    if (!fits((uint64_t)b->weight.used + b->in_flight, weight, b->limits.weight,
              weight_shares[priority]))
        at = later(at, window_end(&b->weight, REQUEST_WINDOW_MS));
    if (!order) return at;
    at = later(at, b->orders_until_ms);
    const uint8_t share = order_shares[priority];
    if (!fits(b->orders_short.used, 1, b->limits.orders_short, share))
        at = later(at, window_end(&b->orders_short, ORDER_WINDOW_SHORT_MS));
    if (!fits(b->orders_long.used, 1, b->limits.orders_long, share))
        at = later(at, window_end(&b->orders_long, ORDER_WINDOW_LONG_MS));
    return at;
}

bool request_budget_take(struct request_budget *b, enum request_priority priority, uint32_t weight,
                         bool order, int64_t now_ms, struct request_ticket *ticket,
                         int64_t *retry_ms)
{
    CHECK((unsigned)priority < REQUEST_PRIORITY_COUNT);
    roll_all(b, now_ms);
    *retry_ms = earliest(b, priority, weight, order, now_ms);
    if (*retry_ms > now_ms) return false;
    b->in_flight += weight;
    if (order) {
        b->orders_short.used++;
        b->orders_long.used++;
    }
    *ticket = (struct request_ticket){++b->sent, b->weight.number, weight};
    return true;
}

/* An answer that crossed the turn of a minute may tell the count of either side: one at least as
 * high as the old window's last count is taken for the old window's. */
static bool is_of_old_window(const struct request_budget *b, const struct request_ticket *ticket,
                             int64_t used_weight)
{
    return ticket->window < b->weight.number && b->weight.before > 0 &&
           used_weight >= b->weight.before;
}

void request_budget_settle(struct request_budget *b, const struct request_ticket *ticket,
                           int64_t used_weight, int64_t now_ms)
{
    CHECK(b->in_flight >= ticket->weight);
    roll_all(b, now_ms);
    b->in_flight -= ticket->weight;
    const bool told = used_weight >= 0 && used_weight <= UINT32_MAX;
    if (!told) {
        /* It may have been counted: without the venue's word we count it ourselves. */
        b->weight.used += ticket->weight;
        return;
    }
    if (ticket->number < b->newest || is_of_old_window(b, ticket, used_weight)) return;
    b->newest = ticket->number;
    b->weight.used = (uint32_t)used_weight;
}

static void take_count(struct request_window *w, int64_t count)
{
    if (count >= 0 && count <= UINT32_MAX) w->used = (uint32_t)count;
}

void request_budget_on_order_count(struct request_budget *b, int64_t count_short,
                                   int64_t count_long, int64_t now_ms)
{
    roll_all(b, now_ms);
    take_count(&b->orders_short, count_short);
    take_count(&b->orders_long, count_long);
}

void request_budget_on_limited(struct request_budget *b, int64_t retry_after_ms, int64_t now_ms)
{
    const int64_t pause = retry_after_ms > 0 ? retry_after_ms : REQUEST_PAUSE_MS_DEFAULT;
    int64_t until;
    if (__builtin_add_overflow(now_ms, pause, &until)) until = INT64_MAX;
    b->banned_until_ms = later(b->banned_until_ms, until);
}

void request_budget_on_orders_limited(struct request_budget *b, int64_t retry_after_ms,
                                      int64_t now_ms)
{
    int64_t until;
    roll_all(b, now_ms);
    if (retry_after_ms <= 0)
        until = window_end(&b->orders_short, ORDER_WINDOW_SHORT_MS);
    else if (__builtin_add_overflow(now_ms, retry_after_ms, &until))
        until = INT64_MAX;
    b->orders_until_ms = later(b->orders_until_ms, until);
}

uint32_t request_budget_used(const struct request_budget *b, int64_t now_ms)
{
    const bool same = now_ms / REQUEST_WINDOW_MS <= b->weight.number;
    return (same ? b->weight.used : 0) + b->in_flight;
}
