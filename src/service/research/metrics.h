/* The figures that a backtest is judged by.
 *
 * Percentages are in percent. A figure that does not exist (a win rate without trades, a Sortino
 * ratio without a losing day) is `known = false`, never a NaN or an infinity. Daily figures use the
 * equity at UTC day closes, the first against the capital; risk-free rate 0, a year of 365 days. */
#ifndef SERVICE_RESEARCH_METRICS_H
#define SERVICE_RESEARCH_METRICS_H

#include "service/research/backtest.h"

struct figure {
    bool known;
    double value;
};

struct metrics {
    double total_return_pct;
    struct figure cagr_pct; /* of a run of a day or more */
    double
        max_drawdown_pct; /* candle close against the highest close before, open positions valued */
    struct figure sharpe, sortino, calmar;
    struct figure profit_factor; /* profits of winners / losses of losers */
    struct figure win_rate_pct;
    struct figure average_trade_pct, best_trade_pct,
        worst_trade_pct;         /* of the entry notional, net */
    struct figure average_trade; /* quote, net */
    double average_hold_ms;      /* of closed trades; 0 without any */
    double exposure_pct;         /* share of the time in which a position was held */
    double buy_and_hold_pct;     /* first open to last close, without fees */
    double days;                 /* the span of the candles */
};

void metrics_of(const struct backtest_result *result, struct metrics *out);

#endif
