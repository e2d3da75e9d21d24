/* ema_rsi: an EMA cross (or state) that the RSI must not contradict.
 *
 * rule=cross: in on the candle where fast crosses above slow with RSI < overbought, out where it
 * crosses below with RSI > oversold. rule=state: the same with "is above" and "is below". */
#include "core/strategy/strategy.h"

enum { FAST, SLOW, PERIOD, OVERSOLD, OVERBOUGHT, RULE };
enum { RULE_CROSS, RULE_STATE };

static const char *const rules[] = {[RULE_CROSS] = "cross", [RULE_STATE] = "state", NULL};

static const struct strategy_param params[] = {
    [FAST] = {"ema_fast", PARAM_INTEGER, 2, 200, 8, NULL},
    [SLOW] = {"ema_slow", PARAM_INTEGER, 3, 500, 21, NULL},
    [PERIOD] = {"rsi_period", PARAM_INTEGER, 2, 100, 7, NULL},
    [OVERSOLD] = {"rsi_oversold", PARAM_NUMBER, 1, 99, 35, NULL},
    [OVERBOUGHT] = {"rsi_overbought", PARAM_NUMBER, 1, 99, 65, NULL},
    [RULE] = {"rule", PARAM_CHOICE, 0, 1, RULE_CROSS, rules},
};

static unsigned warm_up(const double *p)
{
    const unsigned cross = (unsigned)p[SLOW] + 1, rsi = (unsigned)p[PERIOD] + 1;
    return cross > rsi ? cross : rsi;
}

static const struct param_order *conflict(const double *p)
{
    static const struct param_order averages = {"ema_fast", "ema_slow"};
    static const struct param_order levels = {"rsi_oversold", "rsi_overbought"};
    if (p[FAST] >= p[SLOW]) return &averages;
    return p[OVERSOLD] < p[OVERBOUGHT] ? NULL : &levels;
}

const struct strategy_type ema_rsi_type = {
    .name = "ema_rsi",
    .summary = "Buys when the fast moving average crosses above the slow one unless the relative "
               "strength index is overbought, sells when it crosses below unless it is oversold.",
    .param_count = sizeof params / sizeof *params,
    .params = params,
    .value_names = {"ema_fast", "ema_slow", "rsi"},
    .warm_up = warm_up,
    .conflict = conflict,
};

void ema_rsi_init(struct ema_rsi *s, const double *p)
{
    *s = (struct ema_rsi){
        .oversold = p[OVERSOLD],
        .overbought = p[OVERBOUGHT],
        .state_rule = p[RULE] == RULE_STATE,
    };
    ema_cross_init(&s->cross, p);
    rsi_init(&s->rsi, (uint32_t)p[PERIOD]);
}

static void decide_entry(const struct ema_rsi *s, enum cross cross, double rsi,
                         struct decision *out)
{
    out->verdict = VERDICT_NO_ENTRY;
    if (cross != CROSS_UP && !(s->state_rule && cross == CROSS_ABOVE)) {
        out->why = s->state_rule ? WHY_TREND_DOWN : WHY_NO_CROSS;
    } else if (rsi >= s->overbought) {
        out->why = WHY_RSI_OVERBOUGHT;
    } else {
        out->verdict = VERDICT_ENTER;
        out->why = WHY_SIGNAL;
    }
}

static void decide_exit(const struct ema_rsi *s, enum cross cross, double rsi, struct decision *out)
{
    out->verdict = VERDICT_HOLD;
    if (cross != CROSS_DOWN && !(s->state_rule && cross == CROSS_BELOW)) {
        out->why = s->state_rule ? WHY_TREND_UP : WHY_NO_CROSS;
    } else if (rsi <= s->oversold) {
        out->why = WHY_RSI_OVERSOLD;
    } else {
        out->verdict = VERDICT_EXIT;
        out->why = WHY_SIGNAL;
    }
}

void ema_rsi_step(struct ema_rsi *s, double close, bool holding, struct decision *out)
{
    const enum cross cross = ema_cross_add(&s->cross, close);
    const bool ready = rsi_add(&s->rsi, close);
    if (cross == CROSS_UNKNOWN || !ready) {
        out->verdict = holding ? VERDICT_HOLD : VERDICT_NO_ENTRY;
        out->why = WHY_WARMING_UP;
        return;
    }
    const double rsi = rsi_value(&s->rsi);
    out->values[0] = s->cross.fast.value;
    out->values[1] = s->cross.slow.value;
    out->values[2] = rsi;
    if (holding)
        decide_exit(s, cross, rsi, out);
    else
        decide_entry(s, cross, rsi, out);
}
