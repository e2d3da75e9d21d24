/* ema_cross: in when the fast average crosses above the slow one, out when it crosses below. */
#include "core/strategy/strategy.h"

enum { FAST, SLOW };

static const struct strategy_param params[] = {
    [FAST] = {"ema_fast", PARAM_INTEGER, 2, 200, 8, NULL},
    [SLOW] = {"ema_slow", PARAM_INTEGER, 3, 500, 21, NULL},
};

static unsigned warm_up(const double *p)
{
    return (unsigned)p[SLOW] + 1; /* a cross needs the candle before */
}

static const struct param_order *conflict(const double *p)
{
    static const struct param_order averages = {"ema_fast", "ema_slow"};
    return p[FAST] < p[SLOW] ? NULL : &averages;
}

const struct strategy_type ema_cross_type = {
    .name = "ema_cross",
    .summary =
        "Buys when the fast moving average crosses above the slow one, sells when it crosses "
        "below.",
    .param_count = sizeof params / sizeof *params,
    .params = params,
    .value_names = {"ema_fast", "ema_slow"},
    .warm_up = warm_up,
    .conflict = conflict,
};

void ema_cross_init(struct ema_cross *s, const double *p)
{
    *s = (struct ema_cross){0};
    ema_init(&s->fast, (uint32_t)p[FAST]);
    ema_init(&s->slow, (uint32_t)p[SLOW]);
}

void ema_cross_step(struct ema_cross *s, double close, bool holding, struct decision *out)
{
    const enum cross cross = ema_cross_add(s, close);
    out->verdict = holding ? VERDICT_HOLD : VERDICT_NO_ENTRY;
    out->why = WHY_WARMING_UP;
    if (cross == CROSS_UNKNOWN) return;
    out->values[0] = s->fast.value;
    out->values[1] = s->slow.value;
    out->why = WHY_NO_CROSS;
    if (cross == (holding ? CROSS_DOWN : CROSS_UP)) {
        out->why = WHY_SIGNAL;
        out->verdict = holding ? VERDICT_EXIT : VERDICT_ENTER;
    }
}
