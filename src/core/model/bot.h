/* What a person asked a bot to do. Values only; whoever takes them in checks them before the engine
 * sees them (service/api/bot_form.h, service/research/settings.h). */
#ifndef CORE_MODEL_BOT_H
#define CORE_MODEL_BOT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/candle.h"
#include "core/model/order.h"

enum { BOT_SYMBOLS_MAX = 10, STRATEGY_PARAMS_MAX = 8 };

enum sizing_kind {
    SIZING_QUANTITY, /* value: base, in each instrument's qty_scale */
    SIZING_QUOTE,    /* value: quote money */
    SIZING_PERCENT,  /* value: ppm of the bot's equity */
    SIZING_RISK,     /* value: ppm of the bot's equity that may be lost at the stop */
    SIZING_KIND_COUNT
};

enum bot_state { BOT_STOPPED, BOT_RUNNING, BOT_PAUSED, BOT_STOPPING, BOT_STATE_COUNT };

/* Why a bot is not simply running or stopped. */
enum bot_reason {
    BOT_REASON_NONE,
    BOT_REASON_DAILY_LOSS,
    BOT_REASON_DAILY_TARGET,
    BOT_REASON_DAILY_TRADES,
    BOT_REASON_IMPOSSIBLE_NEWS, /* the venue told what cannot be: a person must look */
    BOT_REASON_UNKNOWN_FILL,    /* a fill of ours that no order explains: a person must look */
    BOT_REASON_DUST, /* stopped, with a rest too small for the venue: nobody manages it */
    BOT_REASON_FILL_ROUNDED,    /* a fill was finer than we count: what is held is a little off */
    BOT_REASON_COUNT
};

/* 0 switches a rule off. Ratios in ppm. */
struct risk_config {
    int32_t stop_loss_ppm, take_profit_ppm, trailing_ppm;
    int32_t max_daily_loss_ppm, daily_target_ppm; /* of capital */
    uint32_t max_daily_trades;                    /* round trips closed on one UTC day */
    uint32_t cooldown_s;                          /* no entry for so long after an exit */
};

struct bot_config {
    uint64_t id;      /* > 0 */
    uint64_t user_id; /* > 0 */
    uint8_t mode;     /* enum trading_mode */
    uint8_t strategy; /* index into core/strategy's table */
    uint8_t timeframe;
    uint8_t sizing_kind;
    uint8_t symbol_count;
    uint8_t quote_scale; /* of capital; all instruments of a bot share one quote asset */
    uint16_t instruments[BOT_SYMBOLS_MAX];
    int64_t sizing_value;
    struct money capital;
    double params[STRATEGY_PARAMS_MAX]; /* in the order of the strategy's parameter table */
    struct risk_config risk;
};

const char *sizing_kind_name(enum sizing_kind kind);
bool sizing_kind_parse(const char *text, enum sizing_kind *out);
const char *bot_state_name(enum bot_state state);
const char *bot_reason_name(enum bot_reason reason); /* "" for none */

#endif
