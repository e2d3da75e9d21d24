/* A backtest's settings as text: key=value pairs by the names that the API uses.
 *
 * Keys: the strategy's own parameters; stop_loss_pct, take_profit_pct, trailing_pct,
 * max_daily_loss_pct, daily_target_pct (percent, at most 4 decimals, 0 switches off);
 * max_daily_trades, cooldown_s, slippage_ticks (whole numbers); sizing (quantity:0.1, quote:100,
 * percent:50, risk:1). A value is taken as it is or refused with ERR_INVALID, never clamped; the
 * message names the key and what is allowed. */
#ifndef SERVICE_RESEARCH_SETTINGS_H
#define SERVICE_RESEARCH_SETTINGS_H

#include "base/buffer.h"
#include "core/strategy/strategy.h"
#include "service/research/backtest.h"

#define SETTINGS_CAPITAL_MAX INT64_C(1000000000) /* whole quote units */

enum { SETTINGS_FEE_MAX_PPM = 100000, SETTINGS_SLIPPAGE_MAX = 1000000 };

/* "key=value"; the strategy must be set before. */
enum err settings_apply(struct backtest_config *c, const char *pair) ERR_MUST_USE;
/* "0.1,0.1": maker's and taker's fee in percent. */
enum err settings_fees(struct backtest_config *c, const char *text) ERR_MUST_USE;
enum err settings_capital(struct backtest_config *c, const char *text) ERR_MUST_USE;
/* Whether they fit each other; call last. */
enum err settings_check(const struct backtest_config *c) ERR_MUST_USE;
/* All keys for that strategy, with range and standard value, one a line. */
void settings_describe(uint8_t strategy, struct buffer *out);

/* One setting's value as text, for reports: "0.5", "percent:100". */
void settings_write_percent(int64_t ppm, struct buffer *out);
void settings_write_sizing(const struct backtest_config *c, struct buffer *out);
void settings_write_param(const struct strategy_param *p, double value, struct buffer *out);

#endif
