/* rsi: in when the RSI crosses above oversold, out when it crosses below overbought. */
#include "core/strategy/strategy.h"

enum { PERIOD, OVERSOLD, OVERBOUGHT };

static const struct strategy_param params[] = {
    [PERIOD] = {"rsi_period", PARAM_INTEGER, 2, 100, 7, NULL},
    [OVERSOLD] = {"rsi_oversold", PARAM_NUMBER, 1, 99, 35, NULL},
    [OVERBOUGHT] = {"rsi_overbought", PARAM_NUMBER, 1, 99, 65, NULL},
};

static unsigned warm_up(const double *p)
{
    return (unsigned)p[PERIOD] + 2; /* period changes, and the candle before */
}

static const struct param_order *conflict(const double *p)
{
    static const struct param_order levels = {"rsi_oversold", "rsi_overbought"};
    return p[OVERSOLD] < p[OVERBOUGHT] ? NULL : &levels;
}

const struct strategy_type rsi_type = {
    .name = "rsi",
    .summary =
        "Buys when the relative strength index rises out of oversold, sells when it falls out "
        "of overbought.",
    .param_count = sizeof params / sizeof *params,
    .params = params,
    .value_names = {"rsi"},
    .warm_up = warm_up,
    .conflict = conflict,
};

void rsi_levels_init(struct rsi_levels *s, const double *p)
{
    *s = (struct rsi_levels){.oversold = p[OVERSOLD], .overbought = p[OVERBOUGHT]};
    rsi_init(&s->rsi, (uint32_t)p[PERIOD]);
}

void rsi_levels_step(struct rsi_levels *s, double close, bool holding, struct decision *out)
{
    out->verdict = holding ? VERDICT_HOLD : VERDICT_NO_ENTRY;
    out->why = WHY_WARMING_UP;
    if (!rsi_add(&s->rsi, close)) return;

    const double before = s->before, value = rsi_value(&s->rsi);
    s->before = value;
    out->values[0] = value;
    if (!s->primed) {
        s->primed = true;
        return;
    }
    out->why = WHY_NO_CROSS;
    const bool crossed = holding ? before >= s->overbought && value < s->overbought
                                 : before <= s->oversold && value > s->oversold;
    if (!crossed) return;
    out->why = WHY_SIGNAL;
    out->verdict = holding ? VERDICT_EXIT : VERDICT_ENTER;
}
