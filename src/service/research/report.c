/* Three forms of one result. */
#include "service/research/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/model/money_json.h"
#include "core/strategy/strategy.h"
#include "service/research/metrics.h"
#include "service/research/settings.h"
#include "service/research/utc_time.h"

enum {
    PPM_PERCENT_SCALE = 4,
    FIGURE_SIZE = 352,
    SPARK_WIDTH = 60,
    LABEL_WIDTH = 18,
    VALUE_WIDTH = 16
};

static const struct strategy_type *type_of(const struct backtest_result *r)
{
    return strategy_type((enum strategy_kind)r->config->bot.strategy);
}

static int64_t end_ms(const struct candle_file *f)
{
    return f->candles[f->count - 1].open_ms + timeframe_ms((enum timeframe)f->timeframe);
}

static void append_decimal(struct buffer *out, int64_t units, unsigned scale)
{
    char text[DECIMAL_TEXT_SIZE];
    buffer_append(out, text, decimal_write(units, scale, text));
}

static void append_time(struct buffer *out, int64_t time_ms)
{
    char text[UTC_TIME_TEXT_SIZE];
    utc_time_write(time_ms, text);
    buffer_append_text(out, text);
}

/* ---- JSON ---- */

static void write_figure(struct json_writer *w, const char *key, struct figure f)
{
    char text[FIGURE_SIZE];
    snprintf(text, sizeof text, "%.6f", f.value);
    writer_text_or_null(w, key, f.known ? text : "");
}

static void write_value(struct json_writer *w, const char *key, double value)
{
    write_figure(w, key, (struct figure){true, value});
}

static void write_amount(struct json_writer *w, const char *key, struct money amount)
{
    writer_decimal(w, key, amount.units, BACKTEST_QUOTE_SCALE);
}

static void write_percent(struct json_writer *w, const char *key, int64_t ppm)
{
    writer_short_decimal(w, key, ppm, PPM_PERCENT_SCALE);
}

static void write_time(struct json_writer *w, const char *key, int64_t time_ms)
{
    char text[UTC_TIME_TEXT_SIZE];
    utc_time_write(time_ms, text);
    writer_text(w, key, text);
}

static void write_metrics(struct json_writer *w, const struct backtest_result *r)
{
    struct metrics m;
    metrics_of(r, &m);
    writer_u64(w, "candles", r->candles);
    writer_u64(w, "trades", r->trade_count);
    write_value(w, "total_return_pct", m.total_return_pct);
    write_figure(w, "cagr_pct", m.cagr_pct);
    write_value(w, "max_drawdown_pct", m.max_drawdown_pct);
    write_figure(w, "sharpe", m.sharpe);
    write_figure(w, "sortino", m.sortino);
    write_figure(w, "calmar", m.calmar);
    write_figure(w, "profit_factor", m.profit_factor);
    write_figure(w, "win_rate_pct", m.win_rate_pct);
    write_amount(w, "fees", r->fees);
    write_value(w, "buy_and_hold_pct", m.buy_and_hold_pct);
    write_value(w, "exposure_pct", m.exposure_pct);
    write_figure(w, "average_trade", m.average_trade);
    write_figure(w, "average_trade_pct", m.average_trade_pct);
    write_figure(w, "best_trade_pct", m.best_trade_pct);
    write_figure(w, "worst_trade_pct", m.worst_trade_pct);
    write_amount(w, "equity", r->equity);
    write_amount(w, "realized", r->realized);
    write_amount(w, "unrealized", r->unrealized);
}

static void write_open_position(struct json_writer *w, const struct backtest_result *r)
{
    const struct position *p = &r->position;
    if (!p->open) {
        writer_null(w, "open_position");
        return;
    }
    writer_open(w, "open_position", '{');
    writer_text(w, "side", "long");
    writer_decimal(w, "qty", p->base.units, r->instrument->base_scale);
    writer_decimal(w, "entry_price", p->entry_price.units, r->instrument->price_scale);
    write_time(w, "opened_at", p->opened_ms);
    write_amount(w, "unrealized_pnl", r->unrealized);
    writer_close(w, '}');
}

static void write_params(struct json_writer *w, const struct backtest_result *r)
{
    const struct strategy_type *type = type_of(r);
    writer_open(w, "params", '{');
    for (unsigned i = 0; i < type->param_count; i++) {
        const struct strategy_param *p = &type->params[i];
        const double value = r->config->bot.params[i];
        if (p->kind == PARAM_CHOICE)
            writer_text(w, p->name, p->choices[(unsigned)value]);
        else
            writer_double(w, p->name, value);
    }
    writer_close(w, '}');
}

static void write_risk(struct json_writer *w, const struct risk_config *risk)
{
    writer_open(w, "risk", '{');
    write_percent(w, "stop_loss_pct", risk->stop_loss_ppm);
    write_percent(w, "take_profit_pct", risk->take_profit_ppm);
    write_percent(w, "trailing_pct", risk->trailing_ppm);
    write_percent(w, "max_daily_loss_pct", risk->max_daily_loss_ppm);
    write_percent(w, "daily_target_pct", risk->daily_target_ppm);
    writer_u64(w, "max_daily_trades", risk->max_daily_trades);
    writer_u64(w, "cooldown_s", risk->cooldown_s);
    writer_close(w, '}');
}

static void write_settings(struct json_writer *w, const struct backtest_result *r)
{
    struct buffer sizing = {0};
    settings_write_sizing(r->config, &sizing);
    buffer_append_char(&sizing, '\0');
    writer_open(w, "settings", '{');
    writer_text(w, "strategy", type_of(r)->name);
    write_params(w, r);
    writer_text(w, "symbol", r->config->symbol);
    writer_text(w, "timeframe", timeframe_name((enum timeframe)r->file->timeframe));
    write_amount(w, "capital", r->config->bot.capital);
    writer_text(w, "sizing", sizing.failed ? "" : sizing.data);
    write_risk(w, &r->config->bot.risk);
    writer_open(w, "fees", '{');
    write_percent(w, "maker_pct", r->config->maker_fee_ppm);
    write_percent(w, "taker_pct", r->config->taker_fee_ppm);
    writer_close(w, '}');
    writer_u64(w, "slippage_ticks", r->config->slippage_ticks);
    writer_close(w, '}');
    buffer_deinit(&sizing);
}

void report_write_json(const struct backtest_result *r, struct buffer *out)
{
    struct json_writer w = {.out = out};
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, r->decision_hash);
    writer_open(&w, NULL, '{');
    write_metrics(&w, r);
    write_open_position(&w, r);
    write_time(&w, "from", r->file->candles[0].open_ms);
    write_time(&w, "to", end_ms(r->file));
    writer_u64(&w, "gaps", r->file->gaps);
    writer_u64(&w, "missing_candles", r->file->missing);
    writer_text(&w, "hash", hash);
    write_settings(&w, r);
    writer_close(&w, '}');
    buffer_append_char(out, '\n');
}

/* ---- CSV ---- */

void report_write_trades(const struct backtest_result *r, struct buffer *out)
{
    const struct instrument *i = r->instrument;
    buffer_append_text(out, "id,symbol,side,qty,entry_price,exit_price,opened_at,closed_at,pnl,"
                            "pnl_pct,fees,exit_reason\n");
    for (size_t n = 0; n < r->trade_count; n++) {
        const struct round_trip *t = &r->trades[n];
        buffer_printf(out, "%zu,%s,long,", n + 1, r->config->symbol);
        append_decimal(out, t->qty.units, i->qty_scale);
        buffer_append_char(out, ',');
        append_decimal(out, t->entry_price.units, i->price_scale);
        buffer_append_char(out, ',');
        append_decimal(out, t->exit_price.units, i->price_scale);
        buffer_append_char(out, ',');
        append_time(out, t->opened_ms);
        buffer_append_char(out, ',');
        append_time(out, t->closed_ms);
        buffer_append_char(out, ',');
        append_decimal(out, t->pnl.units, i->quote_scale);
        buffer_append_char(out, ',');
        append_decimal(out, t->pnl_ppm, PPM_PERCENT_SCALE);
        buffer_append_char(out, ',');
        append_decimal(out, t->fees.units, i->quote_scale);
        buffer_printf(out, ",%s\n", purpose_name((enum purpose)t->exit_reason));
    }
}

/* ---- text ---- */

static void line(struct buffer *out, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Two columns: the label to the left, the value to the right. */
static void line(struct buffer *out, const char *label, const char *format, ...)
{
    char value[64];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    buffer_printf(out, "  %-*s %*s\n", LABEL_WIDTH, label, VALUE_WIDTH, value);
}

static void figure_line(struct buffer *out, const char *label, struct figure f, const char *unit)
{
    if (f.known)
        line(out, label, "%.2f%s", f.value, unit);
    else
        line(out, label, "-%*s", (int)strlen(unit), "");
}

static void amount_line(struct buffer *out, const char *label, int64_t units)
{
    line(out, label, "%.2f", decimal_to_double(units, BACKTEST_QUOTE_SCALE));
}

static void write_head(struct buffer *out, const struct backtest_result *r)
{
    const struct strategy_type *type = type_of(r);
    const struct candle_file *f = r->file;
    buffer_printf(out, "%s on %s %s, ", type->name, r->config->symbol,
                  timeframe_name((enum timeframe)f->timeframe));
    append_time(out, f->candles[0].open_ms);
    buffer_append_text(out, " to ");
    append_time(out, end_ms(f));
    buffer_append_text(out, "\n ");
    for (unsigned i = 0; i < type->param_count; i++) {
        buffer_printf(out, " %s=", type->params[i].name);
        settings_write_param(&type->params[i], r->config->bot.params[i], out);
    }
    buffer_append_text(out, "\n  sizing=");
    settings_write_sizing(r->config, out);
    buffer_append_text(out, " stop=");
    settings_write_percent(r->config->bot.risk.stop_loss_ppm, out);
    buffer_append_text(out, "% take=");
    settings_write_percent(r->config->bot.risk.take_profit_ppm, out);
    buffer_append_text(out, "% trailing=");
    settings_write_percent(r->config->bot.risk.trailing_ppm, out);
    buffer_append_text(out, "% fee=");
    settings_write_percent(r->config->taker_fee_ppm, out);
    buffer_printf(out, "%% slippage=%u\n\n", r->config->slippage_ticks);
}

static void write_curve(struct buffer *out, const struct backtest_result *r)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    if (r->curve_count == 0) return;
    double low = r->curve[0], high = r->curve[0];
    for (size_t i = 1; i < r->curve_count; i++) {
        if (r->curve[i] < low) low = r->curve[i];
        if (r->curve[i] > high) high = r->curve[i];
    }
    const size_t width = r->curve_count < SPARK_WIDTH ? r->curve_count : SPARK_WIDTH;
    buffer_append_text(out, "\n  equity  ");
    for (size_t i = 0; i < width; i++) {
        const double equity = r->curve[(i + 1) * r->curve_count / width - 1];
        const double part = high > low ? (equity - low) / (high - low) : 0;
        buffer_append_text(out, blocks[(unsigned)(part * 7.999)]);
    }
    const double unit = decimal_to_double(1, BACKTEST_QUOTE_SCALE);
    buffer_printf(out, "\n          lowest %.2f, highest %.2f\n", low * unit, high * unit);
}

static void write_results(struct buffer *out, const struct backtest_result *r,
                          const struct metrics *m)
{
    amount_line(out, "capital", r->config->bot.capital.units);
    amount_line(out, "equity at the end", r->equity.units);
    line(out, "return", "%.2f %%", m->total_return_pct);
    line(out, "buy and hold", "%.2f %%", m->buy_and_hold_pct);
    figure_line(out, "per year (CAGR)", m->cagr_pct, " %");
    line(out, "deepest drawdown", "%.2f %%", m->max_drawdown_pct);
    figure_line(out, "Sharpe", m->sharpe, "");
    figure_line(out, "Sortino", m->sortino, "");
    figure_line(out, "Calmar", m->calmar, "");
    buffer_append_char(out, '\n');
    line(out, "trades", "%zu", r->trade_count);
    figure_line(out, "won", m->win_rate_pct, " %");
    figure_line(out, "profit factor", m->profit_factor, "");
    figure_line(out, "average trade", m->average_trade, "");
    figure_line(out, "average trade", m->average_trade_pct, " %");
    figure_line(out, "best trade", m->best_trade_pct, " %");
    figure_line(out, "worst trade", m->worst_trade_pct, " %");
    line(out, "average time held", "%.1f h", m->average_hold_ms / 3600000);
    line(out, "time in the market", "%.2f %%", m->exposure_pct);
    amount_line(out, "fees", r->fees.units);
}

static void write_position(struct buffer *out, const struct backtest_result *r)
{
    const struct position *p = &r->position;
    if (!p->open) return;
    buffer_append_text(out, "\n  still open: ");
    append_decimal(out, p->base.units, r->instrument->base_scale);
    buffer_append_text(out, " bought at ");
    append_decimal(out, p->entry_price.units, r->instrument->price_scale);
    buffer_printf(out, ", %.2f at the last close\n",
                  decimal_to_double(r->unrealized.units, BACKTEST_QUOTE_SCALE));
}

void report_write_text(const struct backtest_result *r, struct buffer *out)
{
    struct metrics m;
    metrics_of(r, &m);
    write_head(out, r);
    write_results(out, r, &m);
    write_position(out, r);
    write_curve(out, r);
    buffer_printf(out, "\n  %zu candles", r->candles);
    if (r->file->gaps)
        buffer_printf(out, ", %" PRIu64 " gaps of %" PRIu64 " missing candles", r->file->gaps,
                      r->file->missing);
    buffer_printf(out, "; decisions %016" PRIx64 "\n", r->decision_hash);
}
