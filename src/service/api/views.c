/* Values as JSON. */
#include "service/api/views.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/model/money_json.h"
#include "core/risk/day_budget.h"
#include "service/api/strategy_params.h"

enum { PERCENT_SCALE = 4 }; /* 1 ppm is 0.0001 % */

static void percent(struct json_writer *w, const char *key, int64_t ppm)
{
    writer_short_decimal(w, key, ppm, PERCENT_SCALE);
}

static void percent_or_null(struct json_writer *w, const char *key, int64_t ppm)
{
    if (ppm)
        percent(w, key, ppm);
    else
        writer_null(w, key);
}

static void price_or_null(struct json_writer *w, const char *key, struct price p, unsigned scale)
{
    if (p.units)
        writer_decimal(w, key, p.units, scale);
    else
        writer_null(w, key);
}

static const char *state_of(const struct store_bot *bot, const struct board_bot *live)
{
    if (live && live->has_totals) return bot_state_name((enum bot_state)live->totals.state);
    return bot->running ? "starting" : "stopped";
}

static const char *reason_of(const struct board_bot *live)
{
    return live && live->has_totals ? bot_reason_name((enum bot_reason)live->totals.reason) : "";
}

static void sizing(struct json_writer *w, const struct store_bot *bot)
{
    const bool is_part = bot->sizing_kind == SIZING_PERCENT || bot->sizing_kind == SIZING_RISK;
    writer_open(w, "sizing", '{');
    writer_text(w, "kind", sizing_kind_name((enum sizing_kind)bot->sizing_kind));
    writer_short_decimal(w, "value", bot->sizing_value,
                         is_part ? PERCENT_SCALE : bot->sizing_scale);
    writer_close(w, '}');
}

static void risk(struct json_writer *w, const struct risk_config *risk)
{
    writer_open(w, "risk", '{');
    percent_or_null(w, "stop_loss_pct", risk->stop_loss_ppm);
    percent_or_null(w, "take_profit_pct", risk->take_profit_ppm);
    percent_or_null(w, "trailing_pct", risk->trailing_ppm);
    percent_or_null(w, "max_daily_loss_pct", risk->max_daily_loss_ppm);
    percent_or_null(w, "daily_target_pct", risk->daily_target_ppm);
    if (risk->max_daily_trades)
        writer_u64(w, "max_daily_trades", risk->max_daily_trades);
    else
        writer_null(w, "max_daily_trades");
    writer_u64(w, "cooldown_s", risk->cooldown_s);
    writer_close(w, '}');
}

void view_bot(struct json_writer *w, const struct store_bot *bot, const struct board_bot *live)
{
    writer_open(w, NULL, '{');
    writer_u64(w, "id", bot->id);
    writer_text(w, "name", bot->name);
    writer_text(w, "venue", venue_name((enum venue)bot->venue));
    writer_open(w, "symbols", '[');
    for (unsigned i = 0; i < bot->symbol_count; i++) writer_text(w, NULL, bot->symbols[i]);
    writer_close(w, ']');
    writer_text(w, "market", "spot");
    writer_text(w, "mode", mode_name((enum trading_mode)bot->mode));
    writer_null(w, "api_key_id");
    writer_text(w, "strategy", bot->strategy);
    writer_raw(w, "params", bot->params);
    writer_text(w, "timeframe", timeframe_name((enum timeframe)bot->timeframe));
    writer_short_decimal(w, "capital", bot->capital.units, bot->quote_scale);
    sizing(w, bot);
    risk(w, &bot->risk);
    writer_u64(w, "leverage", 1);
    writer_text(w, "margin", "isolated");
    writer_text(w, "state", state_of(bot, live));
    writer_text_or_null(w, "reason", reason_of(live));
    writer_time(w, "created_at", bot->created_ms);
    writer_time(w, "updated_at", bot->updated_ms);
    writer_close(w, '}');
}

void view_position(struct json_writer *w, const struct board_market *m, const struct leg_view *leg)
{
    const struct instrument *i = &m->rules;
    writer_text(w, "symbol", i->symbol);
    writer_text(w, "side", "long");
    writer_short_decimal(w, "qty", leg->position.base.units, i->base_scale);
    writer_decimal(w, "entry_price", leg->position.entry_price.units, i->price_scale);
    price_or_null(w, "mark_price", board_mark(m), i->price_scale);
    writer_short_decimal(w, "unrealized_pnl", leg->unrealized.units, i->quote_scale);
    price_or_null(w, "stop_price", leg->stops.stop, i->price_scale);
    price_or_null(w, "target_price", leg->stops.target, i->price_scale);
    writer_bool(w, "protected", leg->stops.stop.units > 0);
    writer_time(w, "opened_at", leg->position.opened_ms);
}

static void positions(struct json_writer *w, const struct board *board,
                      const struct board_bot *live)
{
    writer_open(w, "positions", '[');
    for (uint32_t i = 0; live && i < live->leg_count; i++) {
        const struct board_market *m = board_market(board, live->legs[i].instrument);
        if (!m || !live->legs[i].position.open) continue;
        writer_open(w, NULL, '{');
        view_position(w, m, &live->legs[i]);
        writer_close(w, '}');
    }
    writer_close(w, ']');
}

static void daily(struct json_writer *w, const struct store_bot *bot, const struct board_bot *live,
                  int64_t now_ms)
{
    static const struct bot_totals none;
    const struct bot_totals *t = live && live->has_totals ? &live->totals : &none;
    const int64_t today = day_of(now_ms);
    const bool is_today = t->day == today;
    struct buffer text = {.limit = 64};
    struct json_writer date = {.out = &text};
    writer_time(&date, NULL, today * DAY_MS);
    writer_open(w, "daily", '{');
    writer_short_decimal(w, "pnl", is_today ? t->day_pnl.units : 0, bot->quote_scale);
    writer_u64(w, "trades", is_today ? t->day_trades : 0);
    if (text.size > 11) {
        char day[11] = "";
        memcpy(day, text.data + 1, 10);
        writer_text(w, "date", day);
    }
    writer_close(w, '}');
    buffer_deinit(&text);
}

void view_bot_state(struct json_writer *w, const struct store_bot *bot, const struct board *board,
                    int64_t now_ms)
{
    const struct board_bot *live = board_bot(board, bot->id);
    const bool told = live && live->has_totals;
    writer_open(w, NULL, '{');
    writer_text(w, "state", state_of(bot, live));
    writer_text_or_null(w, "reason", reason_of(live));
    positions(w, board, live);
    writer_short_decimal(w, "equity", told ? live->equity.units : bot->capital.units,
                         bot->quote_scale);
    writer_short_decimal(w, "realized_pnl", told ? live->totals.realized.units : 0,
                         bot->quote_scale);
    writer_u64(w, "trades", told ? live->totals.trades : 0);
    daily(w, bot, live, now_ms);
    if (live)
        writer_time(w, "last_event_at", live->time_ms);
    else
        writer_null(w, "last_event_at");
    writer_close(w, '}');
}

/* The strategy's named parameter, 0 where it has none of that name. */
static double parameter(const struct strategy_type *type, const double *params, const char *name)
{
    for (unsigned i = 0; i < type->param_count; i++)
        if (strcmp(type->params[i].name, name) == 0) return params[i];
    return 0;
}

static double value_of(const struct strategy_type *type, const struct decision *d, const char *name)
{
    for (unsigned i = 0; i < DECISION_VALUES; i++)
        if (type->value_names[i] && strcmp(type->value_names[i], name) == 0) return d->values[i];
    return 0;
}

/* A decision's reason in words and numbers. */
static void reason(char *out, size_t size, const struct strategy_type *type, const double *params,
                   const struct decision *d)
{
    if (type && d->why == WHY_RSI_OVERBOUGHT) {
        snprintf(out, size, "rsi %.1f above %g", value_of(type, d, "rsi"),
                 parameter(type, params, "rsi_overbought"));
    } else if (type && d->why == WHY_RSI_OVERSOLD) {
        snprintf(out, size, "rsi %.1f below %g", value_of(type, d, "rsi"),
                 parameter(type, params, "rsi_oversold"));
    } else {
        snprintf(out, size, "%s", why_name((enum why)d->why));
        for (char *at = out; *at; at++)
            if (*at == '_') *at = ' ';
    }
}

static void values(struct json_writer *w, const struct strategy_type *type,
                   const struct decision *d)
{
    writer_open(w, "values", '{');
    for (unsigned i = 0; type && d->why != WHY_WARMING_UP && i < DECISION_VALUES; i++) {
        char text[32];
        if (!type->value_names[i] || !isfinite(d->values[i])) continue;
        snprintf(text, sizeof text, "%.8g", d->values[i]);
        writer_text(w, type->value_names[i], text);
    }
    writer_close(w, '}');
}

void view_decision(struct json_writer *w, const struct store_bot *bot, const struct board *board,
                   const struct board_decision *d)
{
    const struct board_market *m = board_market(board, d->instrument);
    const struct strategy_type *type = NULL;
    double params[STRATEGY_PARAMS_MAX] = {0};
    struct param_fault fault;
    enum strategy_kind kind;
    char words[96];
    if (strategy_find(bot->strategy, &kind) &&
        strategy_params_parse(kind, bot->params, params, &fault) == OK)
        type = strategy_type(kind);
    reason(words, sizeof words, type, params, &d->decision);
    writer_open(w, NULL, '{');
    writer_time(w, "t", d->time_ms);
    writer_text_or_null(w, "symbol", m ? m->rules.symbol : "");
    writer_text(w, "decision", verdict_name((enum verdict)d->decision.verdict));
    writer_text(w, "code", why_name((enum why)d->decision.why));
    writer_text(w, "reason", words);
    if (m) price_or_null(w, "price", d->decision.price, m->rules.price_scale);
    values(w, type, &d->decision);
    writer_close(w, '}');
}

static void average(struct json_writer *w, const struct order *o, const struct store_market *m)
{
    struct price p;
    if (o->filled.units > 0 &&
        money_average(o->filled_quote, m->quote_scale, o->filled, m->qty_scale, m->price_scale, &p))
        writer_decimal(w, "avg_price", p.units, m->price_scale);
    else
        writer_null(w, "avg_price");
}

void view_order(struct json_writer *w, const struct store_order *order)
{
    const struct order *o = &order->order;
    const struct store_market *m = &order->market;
    char venue_id[32] = "";
    if (o->venue_order_id)
        snprintf(venue_id, sizeof venue_id, "%llu", (unsigned long long)o->venue_order_id);
    writer_open(w, NULL, '{');
    writer_u64(w, "id", o->id);
    writer_u64(w, "bot_id", o->bot_id);
    writer_text(w, "venue", venue_name((enum venue)m->venue));
    writer_text(w, "symbol", m->symbol);
    writer_text(w, "mode", mode_name((enum trading_mode)o->mode));
    writer_text(w, "side", side_name((enum side)o->side));
    writer_text(w, "type", order_type_name((enum order_type)o->type));
    writer_short_decimal(w, "qty", o->qty.units, m->qty_scale);
    price_or_null(w, "price", o->price, m->price_scale);
    price_or_null(w, "stop_price", o->trigger, m->price_scale);
    writer_short_decimal(w, "filled_qty", o->filled.units, m->qty_scale);
    average(w, o, m);
    writer_text(w, "state", order_state_name((enum order_state)o->state));
    writer_text_or_null(w, "reason", order_reason_name((enum order_reason)o->reason));
    writer_text(w, "client_order_id", order->client_order_id);
    writer_text_or_null(w, "venue_order_id", venue_id);
    writer_text(w, "purpose", purpose_name((enum purpose)o->purpose));
    writer_time(w, "created_at", o->created_ms);
    writer_time(w, "updated_at", o->updated_ms);
    writer_close(w, '}');
}

void view_fill(struct json_writer *w, const struct store_fill *fill)
{
    const struct fill *f = &fill->fill;
    char trade_id[32];
    snprintf(trade_id, sizeof trade_id, "%llu", (unsigned long long)f->venue_trade_id);
    writer_open(w, NULL, '{');
    writer_u64(w, "id", fill->id);
    writer_u64(w, "order_id", f->order_id);
    writer_u64(w, "bot_id", fill->bot_id);
    writer_text(w, "venue", venue_name((enum venue)fill->market.venue));
    writer_text(w, "symbol", fill->market.symbol);
    writer_text(w, "mode", mode_name((enum trading_mode)fill->mode));
    writer_text(w, "venue_trade_id", trade_id);
    writer_decimal(w, "price", f->price.units, fill->market.price_scale);
    writer_short_decimal(w, "qty", f->qty.units, fill->market.qty_scale);
    writer_decimal(w, "fee", f->fee.units, f->fee_scale);
    writer_text(w, "fee_asset", f->fee_asset);
    writer_text(w, "liquidity", liquidity_name((enum liquidity)f->liquidity));
    writer_time(w, "t", f->time_ms);
    writer_close(w, '}');
}

void view_round_trip(struct json_writer *w, const struct store_round_trip *trip)
{
    const struct round_trip *r = &trip->round_trip;
    const struct store_market *m = &trip->market;
    writer_open(w, NULL, '{');
    writer_u64(w, "id", trip->id);
    writer_u64(w, "bot_id", trip->bot_id);
    writer_text(w, "venue", venue_name((enum venue)m->venue));
    writer_text(w, "symbol", m->symbol);
    writer_text(w, "mode", mode_name((enum trading_mode)trip->mode));
    writer_text(w, "side", "long");
    writer_short_decimal(w, "qty", r->qty.units, m->qty_scale);
    writer_decimal(w, "entry_price", r->entry_price.units, m->price_scale);
    writer_decimal(w, "exit_price", r->exit_price.units, m->price_scale);
    writer_time(w, "opened_at", r->opened_ms);
    writer_time(w, "closed_at", r->closed_ms);
    writer_short_decimal(w, "pnl", r->pnl.units, m->quote_scale);
    percent(w, "pnl_pct", r->pnl_ppm);
    writer_short_decimal(w, "fees", r->fees.units, m->quote_scale);
    writer_text(w, "exit_reason", purpose_name((enum purpose)r->exit_reason));
    writer_close(w, '}');
}

static void levels_of(struct json_writer *w, const char *key, const struct instrument *i,
                      const struct level *levels, uint32_t count)
{
    writer_open(w, key, '[');
    for (uint32_t n = 0; n < count; n++) {
        writer_open(w, NULL, '[');
        writer_decimal(w, NULL, levels[n].price.units, i->price_scale);
        writer_short_decimal(w, NULL, levels[n].qty.units, i->qty_scale);
        writer_close(w, ']');
    }
    writer_close(w, ']');
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void view_book(struct json_writer *w, const struct board_market *m, uint32_t levels, int64_t now_ms)
{
    const struct published_book *b = &m->book;
    writer_open(w, NULL, '{');
    writer_text(w, "venue", venue_name((enum venue)m->rules.venue));
    writer_text(w, "symbol", m->rules.symbol);
    writer_u64(w, "seq", b->last_id);
    writer_i64(w, "age_ms", now_ms > m->book_ms ? now_ms - m->book_ms : 0);
    levels_of(w, "bids", &m->rules, b->bids, least(levels, b->bid_count));
    levels_of(w, "asks", &m->rules, b->asks, least(levels, b->ask_count));
    writer_close(w, '}');
}

void view_ticker(struct json_writer *w, const struct board_market *m)
{
    const struct price none = {0};
    const unsigned scale = m->rules.price_scale;
    writer_open(w, NULL, '{');
    writer_text(w, "venue", venue_name((enum venue)m->rules.venue));
    writer_text(w, "symbol", m->rules.symbol);
    price_or_null(w, "last", m->last, scale);
    price_or_null(w, "bid", m->book.bid_count ? m->book.bids[0].price : none, scale);
    price_or_null(w, "ask", m->book.ask_count ? m->book.asks[0].price : none, scale);
    writer_time(w, "t", m->last_ms > m->book_ms ? m->last_ms : m->book_ms);
    writer_close(w, '}');
}

void view_print(struct json_writer *w, const struct instrument *rules, const struct print *print)
{
    writer_open(w, NULL, '{');
    writer_u64(w, "id", print->id);
    writer_decimal(w, "price", print->price.units, rules->price_scale);
    writer_short_decimal(w, "qty", print->qty.units, rules->qty_scale);
    writer_text(w, "side", side_name((enum side)print->taker));
    writer_time(w, "t", print->time_ms);
    writer_close(w, '}');
}

void view_candle(struct json_writer *w, const struct instrument *rules, const struct candle *c,
                 bool closed)
{
    writer_open(w, NULL, '{');
    writer_time(w, "t", c->open_ms);
    writer_decimal(w, "o", c->open.units, rules->price_scale);
    writer_decimal(w, "h", c->high.units, rules->price_scale);
    writer_decimal(w, "l", c->low.units, rules->price_scale);
    writer_decimal(w, "c", c->close.units, rules->price_scale);
    writer_short_decimal(w, "v", c->volume.units, rules->qty_scale);
    writer_bool(w, "closed", closed);
    writer_close(w, '}');
}

void view_instrument(struct json_writer *w, const struct instrument *i)
{
    writer_open(w, NULL, '{');
    writer_text(w, "symbol", i->symbol);
    writer_text(w, "base", i->base);
    writer_text(w, "quote", i->quote);
    writer_text(w, "status", i->status == INSTRUMENT_TRADING ? "trading" : "halted");
    writer_u64(w, "price_scale", i->price_scale);
    writer_u64(w, "qty_scale", instrument_lot_scale(i));
    writer_short_decimal(w, "tick", i->tick.units, i->price_scale);
    writer_short_decimal(w, "step", i->step.units, i->qty_scale);
    writer_short_decimal(w, "min_notional", i->notional_min.units, i->quote_scale);
    writer_close(w, '}');
}

void view_venue(struct json_writer *w, const struct board_venue *venue, int64_t now_ms)
{
    static const char *const states[] = {[VENUE_DOWN] = "down",
                                         [VENUE_DIALING] = "dialing",
                                         [VENUE_SYNCING] = "syncing",
                                         [VENUE_LIVE] = "live",
                                         [VENUE_STALE] = "stale"};
    const struct venue_status *v = &venue->status;
    const int64_t since_ms = now_ms > venue->time_ms ? now_ms - venue->time_ms : 0;
    writer_open(w, NULL, '{');
    writer_text(w, "venue", venue_name((enum venue)v->venue));
    writer_text(w, "state", states[v->state]);
    writer_bool(w, "simulated", v->venue == VENUE_SIM);
    writer_text_or_null(w, "reason", v->reason);
    if (v->latency_ms >= 0)
        writer_double(w, "latency_ms", v->latency_ms);
    else
        writer_null(w, "latency_ms");
    if (v->age_ms >= 0)
        writer_i64(w, "age_ms", v->age_ms + since_ms);
    else
        writer_null(w, "age_ms");
    writer_u64(w, "streams", v->streams);
    writer_u64(w, "gaps", v->gaps);
    writer_u64(w, "reconnects", v->reconnects);
    writer_u64(w, "malformed", v->malformed);
    writer_u64(w, "frames", v->frames);
    writer_u64(w, "weight_used", v->weight_used);
    writer_u64(w, "weight_limit", v->weight_limit);
    writer_close(w, '}');
}

static void bounds(struct json_writer *w, const struct strategy_param *p)
{
    if (p->kind == PARAM_CHOICE) {
        writer_open(w, "choices", '[');
        for (unsigned i = 0; p->choices[i]; i++) writer_text(w, NULL, p->choices[i]);
        writer_close(w, ']');
        writer_text(w, "default", p->choices[(unsigned)p->standard]);
        return;
    }
    writer_double(w, "min", p->min);
    writer_double(w, "max", p->max);
    writer_double(w, "default", p->standard);
}

void view_strategy(struct json_writer *w, const struct strategy_type *type)
{
    static const char *const kinds[] = {
        [PARAM_INTEGER] = "integer", [PARAM_NUMBER] = "number", [PARAM_CHOICE] = "choice"};
    writer_open(w, NULL, '{');
    writer_text(w, "name", type->name);
    writer_text(w, "summary", type->summary);
    writer_open(w, "params", '[');
    for (unsigned i = 0; i < type->param_count; i++) {
        writer_open(w, NULL, '{');
        writer_text(w, "name", type->params[i].name);
        writer_text(w, "type", kinds[type->params[i].kind]);
        bounds(w, &type->params[i]);
        writer_close(w, '}');
    }
    writer_close(w, ']');
    writer_close(w, '}');
}

void view_balances(struct json_writer *w, const struct balances *balances)
{
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (uint32_t i = 0; i < balances->count; i++) {
        const struct balance *b = &balances->rows[i];
        writer_open(w, NULL, '{');
        writer_text(w, "venue", venue_name((enum venue)b->venue));
        writer_text(w, "mode", "paper");
        writer_text(w, "asset", b->asset);
        writer_short_decimal(w, "free", b->free.units, b->scale);
        writer_short_decimal(w, "locked", b->locked.units, b->scale);
        writer_time(w, "t", b->time_ms);
        writer_close(w, '}');
    }
    writer_close(w, ']');
    writer_close(w, '}');
}
