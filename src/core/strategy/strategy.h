/* Strategies: what to want at the close of a candle. One file a strategy.
 *
 * A strategy sees closed candles in order and whether its bot holds a position, and answers with a
 * decision: enter, exit, hold, no entry, each with why. It knows nothing of money, orders or stops.
 * It enters only when flat and exits only when it holds (position awareness). Long only, as on
 * spot. While its indicators warm up it decides nothing. */
#ifndef CORE_STRATEGY_STRATEGY_H
#define CORE_STRATEGY_STRATEGY_H

#include <stdbool.h>

#include "core/indicator/ema.h"
#include "core/indicator/rsi.h"
#include "core/model/action.h"
#include "core/model/bot.h"
#include "core/model/visit.h"

enum strategy_kind { STRATEGY_EMA_CROSS, STRATEGY_RSI, STRATEGY_EMA_RSI, STRATEGY_COUNT };

enum param_kind { PARAM_INTEGER, PARAM_NUMBER, PARAM_CHOICE };

struct strategy_param {
    const char *name;
    enum param_kind kind;
    double min, max, standard;  /* CHOICE: standard is an index into choices */
    const char *const *choices; /* CHOICE: NULL-terminated */
};

/* Two parameters, the first of which must be the smaller one. */
struct param_order {
    const char *smaller, *larger;
};

struct strategy_type {
    const char *name;
    const char *summary; /* one sentence for people */
    unsigned param_count;
    const struct strategy_param *params;
    const char *value_names[DECISION_VALUES]; /* of decision.values; NULL = unused */
    /* Closed candles until it can decide. */
    unsigned (*warm_up)(const double *params);
    /* NULL when the parameters fit each other; else the two that do not. */
    const struct param_order *(*conflict)(const double *params);
};

struct ema_cross {
    struct ema fast, slow;
    double before; /* fast - slow at the candle before */
    bool primed;   /* before is known */
};

struct rsi_levels {
    struct rsi rsi;
    double oversold, overbought;
    double before;
    bool primed;
};

struct ema_rsi {
    struct ema_cross cross;
    struct rsi rsi;
    double oversold, overbought;
    bool state_rule;
};

struct strategy {
    uint8_t kind; /* enum strategy_kind */
    union {
        struct ema_cross ema_cross;
        struct rsi_levels rsi;
        struct ema_rsi ema_rsi;
    };
};

const struct strategy_type *strategy_type(enum strategy_kind kind);
bool strategy_find(const char *name, enum strategy_kind *out);
/* Fills in the standard values. */
void strategy_params_init(enum strategy_kind kind, double params[STRATEGY_PARAMS_MAX]);

/* params must be within the table's ranges and free of conflict. */
void strategy_init(struct strategy *s, enum strategy_kind kind, const double *params);
/* One closed candle. Fills in verdict, why and values (not price). */
void strategy_step(struct strategy *s, double close, bool holding, struct decision *out);
void strategy_visit(struct visitor *v, struct strategy *s);

/* The strategies, one file each; called by strategy.c alone. */
extern const struct strategy_type ema_cross_type, rsi_type, ema_rsi_type;
void ema_cross_init(struct ema_cross *s, const double *params);
void ema_cross_step(struct ema_cross *s, double close, bool holding, struct decision *out);
void rsi_levels_init(struct rsi_levels *s, const double *params);
void rsi_levels_step(struct rsi_levels *s, double close, bool holding, struct decision *out);
void ema_rsi_init(struct ema_rsi *s, const double *params);
void ema_rsi_step(struct ema_rsi *s, double close, bool holding, struct decision *out);

/* Where a fast average stands against a slow one. */
enum cross { CROSS_UNKNOWN, CROSS_LEVEL, CROSS_BELOW, CROSS_ABOVE, CROSS_UP, CROSS_DOWN };

/* Feeds both averages. CROSS_UP: above, and at the candle before not above; CROSS_DOWN likewise
 * (the usual definition: a touch is neither side). CROSS_UNKNOWN while warming up. */
static inline enum cross ema_cross_add(struct ema_cross *s, double close)
{
    ema_add(&s->fast, close);
    if (!ema_add(&s->slow, close)) return CROSS_UNKNOWN;
    const double before = s->before, gap = s->fast.value - s->slow.value;
    s->before = gap;
    if (!s->primed) {
        s->primed = true;
        return CROSS_UNKNOWN;
    }
    if (gap > 0) return before <= 0 ? CROSS_UP : CROSS_ABOVE;
    if (gap < 0) return before >= 0 ? CROSS_DOWN : CROSS_BELOW;
    return CROSS_LEVEL;
}

#endif
