/* The table of strategies and the dispatch to them. */
#include "core/strategy/strategy.h"

#include <string.h>

#include "base/check.h"

static const struct strategy_type *const types[STRATEGY_COUNT] = {
    [STRATEGY_EMA_CROSS] = &ema_cross_type,
    [STRATEGY_RSI] = &rsi_type,
    [STRATEGY_EMA_RSI] = &ema_rsi_type,
};

const struct strategy_type *strategy_type(enum strategy_kind kind)
{
    CHECK(kind < STRATEGY_COUNT);
    return types[kind];
}

bool strategy_find(const char *name, enum strategy_kind *out)
{
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) {
        if (strcmp(name, types[i]->name) != 0) continue;
        *out = (enum strategy_kind)i;
        return true;
    }
    return false;
}

void strategy_params_init(enum strategy_kind kind, double params[STRATEGY_PARAMS_MAX])
{
    const struct strategy_type *type = strategy_type(kind);
    for (unsigned i = 0; i < STRATEGY_PARAMS_MAX; i++)
        params[i] = i < type->param_count ? type->params[i].standard : 0;
}

void strategy_init(struct strategy *s, enum strategy_kind kind, const double *params)
{
    CHECK(kind < STRATEGY_COUNT);
    *s = (struct strategy){.kind = (uint8_t)kind};
    switch (kind) {
    case STRATEGY_EMA_CROSS: ema_cross_init(&s->ema_cross, params); break;
    case STRATEGY_RSI: rsi_levels_init(&s->rsi, params); break;
    case STRATEGY_EMA_RSI: ema_rsi_init(&s->ema_rsi, params); break;
    case STRATEGY_COUNT: break;
    }
}

void strategy_step(struct strategy *s, double close, bool holding, struct decision *out)
{
    switch ((enum strategy_kind)s->kind) {
    case STRATEGY_EMA_CROSS: ema_cross_step(&s->ema_cross, close, holding, out); break;
    case STRATEGY_RSI: rsi_levels_step(&s->rsi, close, holding, out); break;
    case STRATEGY_EMA_RSI: ema_rsi_step(&s->ema_rsi, close, holding, out); break;
    case STRATEGY_COUNT: break;
    }
}

static void visit_ema(struct visitor *v, struct ema *e)
{
    visit_double(v, &e->value);
    visit_double(v, &e->weight);
    visit_double(v, &e->keep);
    visit_u32(v, &e->period);
    visit_u32(v, &e->missing);
}

static void visit_rsi(struct visitor *v, struct rsi *r)
{
    visit_double(v, &r->previous);
    visit_double(v, &r->gain);
    visit_double(v, &r->loss);
    visit_double(v, &r->weight);
    visit_double(v, &r->keep);
    visit_u32(v, &r->period);
    visit_u32(v, &r->missing);
}

static void visit_ema_cross(struct visitor *v, struct ema_cross *s)
{
    visit_ema(v, &s->fast);
    visit_ema(v, &s->slow);
    visit_double(v, &s->before);
    visit_bool(v, &s->primed);
}

void strategy_visit(struct visitor *v, struct strategy *s)
{
    visit_enum(v, &s->kind, STRATEGY_COUNT);
    switch ((enum strategy_kind)s->kind) {
    case STRATEGY_EMA_CROSS: visit_ema_cross(v, &s->ema_cross); break;
    case STRATEGY_RSI:
        visit_rsi(v, &s->rsi.rsi);
        visit_double(v, &s->rsi.oversold);
        visit_double(v, &s->rsi.overbought);
        visit_double(v, &s->rsi.before);
        visit_bool(v, &s->rsi.primed);
        break;
    case STRATEGY_EMA_RSI:
        visit_ema_cross(v, &s->ema_rsi.cross);
        visit_rsi(v, &s->ema_rsi.rsi);
        visit_double(v, &s->ema_rsi.oversold);
        visit_double(v, &s->ema_rsi.overbought);
        visit_bool(v, &s->ema_rsi.state_rule);
        break;
    case STRATEGY_COUNT: break;
    }
}
