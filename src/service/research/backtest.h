/* A backtest: the one engine, driven over a candle file. There is no second implementation of any
 * rule: the same engine_step decides here, in paper trading and live.
 *
 * For each candle, in this order:
 *  1. An order of the previous close fills at this open, slippage_ticks against us.
 *  2. While a position is open, EVENT_BAR walks the candle's path (stamped with its last
 *     millisecond). A stop that it touches fills at once at the worse of its level and the open, a
 *     target at the better of the two; then slippage_ticks against us. An entry of step 1 is
 *     subject to this path as well.
 *  3. EVENT_CANDLE at the candle's end: the strategy decides; its order waits for the next open,
 *     across a gap as well.
 *
 * Every fill takes liquidity and pays the taker's fee in quote. An entry which the next open makes
 * dearer than the money there is fills as far as the money goes; the rest expires. An order of the
 * last close never fills. A position that is open at the end stays open and counts at the last
 * close, without an exit's fee.
 *
 * The instrument is a spot pair with the file's last decimal as tick. Quantities have as many
 * decimals as keep price times quantity exact in 8 decimals; more, up to 8, where the capital would
 * be worth less than 100,000 steps, and fewer where a thousandfold capital's quantity at the lowest
 * price would not fit. A candle's volume keeps the file's scale; no strategy reads it.
 *
 * Money is exact: equity = capital + realized + unrealized in integers at any time. The curve, the
 * day closes and the drawdown are statistics, in double.
 *
 * One thread at a time. Memory is taken at the start, but for the list of trades, which grows. */
#ifndef SERVICE_RESEARCH_BACKTEST_H
#define SERVICE_RESEARCH_BACKTEST_H

#include "base/err.h"
#include "core/engine/engine.h"
#include "service/research/candle_file.h"

enum {
    BACKTEST_QUOTE_SCALE = 8,
    BACKTEST_QTY_SCALE_MAX = 8,
    BACKTEST_CURVE_POINTS = 240,
};

struct backtest_config {
    char symbol[SYMBOL_SIZE];
    /* Strategy, parameters, sizing, capital (BACKTEST_QUOTE_SCALE) and risk count; the rest is
     * filled in. A fixed quantity is in 10^-BACKTEST_QTY_SCALE_MAX. */
    struct bot_config bot;
    int32_t maker_fee_ppm, taker_fee_ppm;
    uint32_t slippage_ticks;
};

/* Where it stands; good at any time. */
struct backtest_result {
    const struct candle_file *file;
    const struct backtest_config *config;
    const struct instrument *instrument;
    size_t candles; /* done so far */
    const struct round_trip *trades;
    size_t trade_count;
    struct money fees; /* of all fills */
    struct money realized, unrealized, equity;
    struct position position;
    uint64_t decision_hash;
    uint64_t cut_entries; /* filled in part only, for want of money */
    double drawdown;      /* the deepest fall from a peak, of the peak, at candle closes */
    /* Equity at the end of each UTC day from the first candle's day on, and evenly over the
     * candles, both in units. A day without candles has its forerunner's. */
    const double *day_closes;
    size_t day_count;
    const double *curve;
    size_t curve_count;
};

struct backtest;

/* The product's standard settings for a strategy: capital 10,000, all of the equity, stop 0.5 %,
 * take 1.5 %, trailing 0.3 %, fee 0.1 %, slippage of one tick, no daily limits. */
void backtest_config_init(struct backtest_config *c, uint8_t strategy);

/* Both arguments must outlive it. ERR_INVALID when the settings do not fit the file. */
enum err backtest_new(const struct backtest_config *config, const struct candle_file *file,
                      struct backtest **out) ERR_MUST_USE;
void backtest_free(struct backtest *b); /* NULL is fine */

/* The next `count` candles, or as many as are left; *done when none are left. ERR_LIMIT when an
 * amount outgrew 63 bits. How the candles are divided over calls changes nothing. */
enum err backtest_advance(struct backtest *b, size_t count, bool *done) ERR_MUST_USE;
/* Its pointers are good until the next call. */
void backtest_view(const struct backtest *b, struct backtest_result *out);

#endif
