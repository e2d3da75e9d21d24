/* The engine's backtest beside a hand-written one-pass loop of the same rule over the same candles.
 *
 *   bench_backtest                   ema_rsi with stops: engine and loop in turn, best of 5, ratio
 *   bench_backtest --no-stops FILE   the engine alone without stops over a CSV file, ns a candle
 *   bench_backtest --read FILE       reading a CSV file, ns a row
 *
 * The loop knows one strategy, one symbol, one position and prices in double, and has no orders and
 * no states. It is what the rule and its results cost (both keep trades, day closes, drawdown); the
 * rest is what an engine costs that also trades live. Both must end with the same number of trades
 * and the same equity. Taking memory beforehand counts for neither. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/prng.h"
#include "core/strategy/strategy.h"
#include "service/research/backtest.h"

enum { CANDLES = 1051200, ROUNDS = 5 };

struct outcome {
    double ns;
    size_t trades;
    double equity;
};

/* ---- the loop ---- */

struct averages {
    double fast, slow, gain, loss, before, previous;
    int seen;
};

enum { FAST = 8, SLOW = 21, RSI = 7 };

/* The rule's moving parts after one more close: 1 crossed up, -1 crossed down, 0 neither. */
static inline int averages_add(struct averages *a, double close)
{
    const double change = close - a->previous;
    const double up = change > 0 ? change : 0, down = change < 0 ? -change : 0;
    const int seen = ++a->seen;
    a->previous = close;
    if (seen > SLOW) {
        a->fast = close * (2.0 / (FAST + 1)) + a->fast * (1 - 2.0 / (FAST + 1));
        a->slow = close * (2.0 / (SLOW + 1)) + a->slow * (1 - 2.0 / (SLOW + 1));
        a->gain = up * (1.0 / RSI) + a->gain * ((RSI - 1.0) / RSI);
        a->loss = down * (1.0 / RSI) + a->loss * ((RSI - 1.0) / RSI);
        const double before = a->before;
        a->before = a->fast - a->slow;
        if (a->before > 0) return before <= 0;
        return a->before < 0 && before >= 0 ? -1 : 0;
    }
    /* While warming up every average is the plain mean of its first values. */
    if (seen <= FAST)
        a->fast += close / FAST;
    else
        a->fast = close * (2.0 / (FAST + 1)) + a->fast * (1 - 2.0 / (FAST + 1));
    a->slow += close / SLOW;
    if (seen > 1 && seen <= RSI + 1) {
        a->gain += up / RSI;
        a->loss += down / RSI;
    } else if (seen > 1) {
        a->gain = up * (1.0 / RSI) + a->gain * ((RSI - 1.0) / RSI);
        a->loss = down * (1.0 / RSI) + a->loss * ((RSI - 1.0) / RSI);
    }
    a->before = a->fast - a->slow;
    return 0;
}

static inline double rsi_of(const struct averages *a)
{
    const double sum = a->gain + a->loss;
    return sum > 0 ? 100 * a->gain / sum : 100;
}

enum { DAYS = CANDLES / 1440 + 2 };

struct loop_trade {
    double entry, exit, qty, pnl, opened_ms, closed_ms;
};

static struct loop_trade loop_trades[CANDLES / 8];
static double loop_days[DAYS];

/* Prices are in ticks, so that levels round as the engine's do. */
static struct outcome run_loop(const struct candle_file *file)
{
    const double tick = 0.01, fee = 0.001, step = 1e-6;
    struct averages a = {0};
    struct outcome out = {0};
    double cash = 10000, equity = 10000, qty = 0, entry = 0, peak = 0, cost = 0, wanted = 0;
    double top = 10000, drawdown = 0, opened_ms = 0;
    int64_t day_end_ms = file->candles[0].open_ms + 86400000;
    size_t day = 0;
    bool sell = false;
    const int64_t began = clock_monotonic_ns(&clock_system);
    for (size_t i = 0; i < file->count; i++) {
        const double open = (double)file->candles[i].open.units;
        const double high = (double)file->candles[i].high.units;
        const double low = (double)file->candles[i].low.units;
        const double close = (double)file->candles[i].close.units;
        const int64_t open_ms = file->candles[i].open_ms;
        double exit = 0;
        if (open_ms >= day_end_ms) {
            loop_days[day++] = out.equity;
            day_end_ms += 86400000;
        }
        if (wanted > 0) {
            opened_ms = (double)open_ms;
            qty = wanted;
            wanted = 0;
            peak = entry = open + 1;
            cost = qty * entry * tick * (1 + fee);
            cash -= cost;
        }
        if (sell) exit = open;
        sell = false;
        if (qty > 0 && exit == 0) {
            const double fixed = ceil(entry * 0.995 - 1e-6), trail = ceil(peak * 0.997 - 1e-6);
            const double stop = fixed > trail ? fixed : trail;
            const double target = floor(entry * 1.015 + 1e-6);
            if (low <= stop)
                exit = stop < open ? stop : open;
            else if (high >= target)
                exit = target > open ? target : open;
            else
                peak = peak > high ? peak : high;
        }
        if (exit > 0) {
            const double proceeds = qty * (exit - 1) * tick * (1 - fee);
            cash += proceeds;
            loop_trades[out.trades++] = (struct loop_trade){
                entry, exit - 1, qty, proceeds - cost, opened_ms, (double)open_ms,
            };
            equity = cash;
            qty = 0;
        }
        const int cross = averages_add(&a, close);
        if (qty == 0 && cross > 0 && rsi_of(&a) < 65)
            wanted = floor(equity * 0.1 / (1 + fee) / (close * tick) / step) * step;
        else if (qty > 0 && cross < 0 && rsi_of(&a) > 35)
            sell = true;
        const double worth = cash + qty * close * tick;
        if (worth > top) top = worth;
        if (top - worth > drawdown * top) drawdown = (top - worth) / top;
        out.equity = worth;
    }
    out.ns = (double)(clock_monotonic_ns(&clock_system) - began);
    CHECK(drawdown < 1 && day < DAYS);
    return out;
}

/* ---- the engine ---- */

static struct outcome run_engine(const struct backtest_config *config,
                                 const struct candle_file *file)
{
    struct backtest *b;
    struct backtest_result result;
    bool done;
    CHECK(backtest_new(config, file, &b) == OK);
    const int64_t began = clock_monotonic_ns(&clock_system);
    CHECK(backtest_advance(b, file->count, &done) == OK && done);
    backtest_view(b, &result);
    const struct outcome out = {
        .ns = (double)(clock_monotonic_ns(&clock_system) - began),
        .trades = result.trade_count,
        .equity = decimal_to_double(result.equity.units, BACKTEST_QUOTE_SCALE),
    };
    backtest_free(b);
    return out;
}

/* ---- candles ---- */

static double normal(struct prng *p)
{
    double sum = -6;
    for (int i = 0; i < 12; i++) sum += prng_unit(p);
    return sum;
}

static struct candle_file make_candles(void)
{
    struct candle_file f = {.count = CANDLES, .price_scale = 2, .timeframe = TIMEFRAME_1M};
    struct prng p;
    int64_t price = 3000000;
    prng_init(&p, 7);
    f.candles = calloc(CANDLES, sizeof *f.candles);
    CHECK(f.candles);
    for (size_t i = 0; i < CANDLES; i++) {
        const int64_t next = (int64_t)((double)price * (1 + 0.0006 * normal(&p)));
        const int64_t top = price > next ? price : next, bottom = price < next ? price : next;
        f.candles[i] = (struct candle){
            .open_ms = INT64_C(1640995200000) + (int64_t)i * 60000,
            .open = {price},
            .high = {top + top / 5000},
            .low = {bottom - bottom / 5000},
            .close = {next},
            .volume = {1},
        };
        price = next;
    }
    return f;
}

/* ---- modes ---- */

static int compare(void)
{
    struct candle_file file = make_candles();
    struct backtest_config config;
    struct outcome loop = {.ns = INFINITY}, engine = {.ns = INFINITY};
    backtest_config_init(&config, STRATEGY_EMA_RSI);
    config.bot.sizing_value = PPM / 10;
    for (int i = 0; i < ROUNDS; i++) {
        const struct outcome a = run_loop(&file), b = run_engine(&config, &file);
        if (a.ns < loop.ns) loop = a;
        if (b.ns < engine.ns) engine = b;
    }
    printf("loop   %6.1f ns/candle  %zu trades  equity %.4f\n", loop.ns / CANDLES, loop.trades,
           loop.equity);
    printf("engine %6.1f ns/candle  %zu trades  equity %.4f\n", engine.ns / CANDLES, engine.trades,
           engine.equity);
    printf("engine against loop: %.2fx (wanted: 0.20x)\n", loop.ns / engine.ns);
    const bool same = loop.trades == engine.trades && fabs(loop.equity - engine.equity) < 0.01;
    if (!same) printf("the two do not agree\n");
    candle_file_free(&file);
    return same && loop.ns >= 0.2 * engine.ns ? 0 : 1;
}

static int read_file(const char *path, struct candle_file *file)
{
    if (candle_file_read(path, CANDLE_KEEP_VALUES, file) == OK) return 0;
    fprintf(stderr, "%s\n", err_text());
    return 1;
}

static int without_stops(const char *path)
{
    struct candle_file file;
    struct backtest_config config;
    struct outcome best = {.ns = INFINITY};
    if (read_file(path, &file)) return 1;
    backtest_config_init(&config, STRATEGY_EMA_RSI);
    config.bot.risk = (struct risk_config){0};
    config.bot.sizing_value = PPM / 10;
    config.slippage_ticks = 0;
    for (int i = 0; i < ROUNDS; i++) {
        const struct outcome one = run_engine(&config, &file);
        if (one.ns < best.ns) best = one;
    }
    printf("%.2f %zu %.6f\n", best.ns / (double)file.count, best.trades, best.equity);
    candle_file_free(&file);
    return 0;
}

static int time_reading(const char *path)
{
    double best = INFINITY;
    for (int i = 0; i < ROUNDS; i++) {
        struct candle_file file;
        const int64_t began = clock_monotonic_ns(&clock_system);
        if (read_file(path, &file)) return 1;
        const double ns = (double)(clock_monotonic_ns(&clock_system) - began);
        if (ns / (double)file.count < best) best = ns / (double)file.count;
        candle_file_free(&file);
    }
    printf("%.1f ns/row\n", best);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--no-stops") == 0) return without_stops(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--read") == 0) return time_reading(argv[2]);
    if (argc == 1) return compare();
    fprintf(stderr, "usage: bench_backtest [--no-stops FILE | --read FILE]\n");
    return 2;
}
