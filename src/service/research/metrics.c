/* Statistics over day closes and trades. */
#include "service/research/metrics.h"

#include <math.h>

static const double day_ms = 86400000, year_days = 365;

static struct figure figure_of(double value)
{
    return isfinite(value) ? (struct figure){true, value} : (struct figure){0};
}

static struct figure ratio(double a, double b)
{
    return b > 0 ? figure_of(a / b) : (struct figure){0};
}

static int64_t end_ms(const struct candle_file *f)
{
    return f->candles[f->count - 1].open_ms + timeframe_ms((enum timeframe)f->timeframe);
}

static void daily_ratios(const struct backtest_result *r, struct metrics *out)
{
    const double n = (double)r->day_count;
    double before = (double)r->config->bot.capital.units, sum = 0, squares = 0, down = 0;
    for (size_t i = 0; i < r->day_count; i++) {
        const double change = r->day_closes[i] / before - 1;
        sum += change;
        squares += change * change;
        if (change < 0) down += change * change;
        before = r->day_closes[i];
    }
    if (r->day_count < 2) return;
    const double mean = sum / n, variance = (squares - n * mean * mean) / (n - 1);
    out->sharpe = ratio(mean * sqrt(year_days), sqrt(fmax(variance, 0)));
    out->sortino = ratio(mean * sqrt(year_days), sqrt(down / n));
}

static void growth(const struct backtest_result *r, struct metrics *out)
{
    const double capital = (double)r->config->bot.capital.units, equity = (double)r->equity.units;
    out->total_return_pct = (equity / capital - 1) * 100;
    out->max_drawdown_pct = r->drawdown * 100;
    if (out->days < 1 || equity < 0) return;
    out->cagr_pct = figure_of((pow(equity / capital, year_days / out->days) - 1) * 100);
    if (out->cagr_pct.known) out->calmar = ratio(out->cagr_pct.value, out->max_drawdown_pct);
}

static void trade_figures(const struct backtest_result *r, struct metrics *out)
{
    const double n = (double)r->trade_count;
    double profit = 0, loss = 0, wins = 0, sum_ppm = 0, held = 0;
    double best = -INFINITY, worst = INFINITY;
    for (size_t i = 0; i < r->trade_count; i++) {
        const struct round_trip *t = &r->trades[i];
        const double pnl = (double)t->pnl.units, ppm = (double)t->pnl_ppm;
        if (pnl > 0) {
            wins++;
            profit += pnl;
        } else {
            loss -= pnl;
        }
        sum_ppm += ppm;
        best = fmax(best, ppm);
        worst = fmin(worst, ppm);
        held += (double)(t->closed_ms - t->opened_ms);
    }
    if (r->trade_count > 0) {
        out->win_rate_pct = figure_of(100 * wins / n);
        out->average_trade = figure_of((profit - loss) / n / pow(10, BACKTEST_QUOTE_SCALE));
        out->average_trade_pct = figure_of(sum_ppm / n / 1e4);
        out->best_trade_pct = figure_of(best / 1e4);
        out->worst_trade_pct = figure_of(worst / 1e4);
        out->average_hold_ms = held / n;
    }
    out->profit_factor = ratio(profit, loss);
    if (r->position.open) held += (double)(end_ms(r->file) - r->position.opened_ms);
    out->exposure_pct = 100 * held / (out->days * day_ms);
}

void metrics_of(const struct backtest_result *r, struct metrics *out)
{
    const struct candle_file *f = r->file;
    *out = (struct metrics){0};
    out->days = (double)(end_ms(f) - f->candles[0].open_ms) / day_ms;
    out->buy_and_hold_pct =
        ((double)f->candles[f->count - 1].close.units / (double)f->candles[0].open.units - 1) * 100;
    growth(r, out);
    daily_ratios(r, out);
    trade_figures(r, out);
}
