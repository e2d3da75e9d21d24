/* The fields of every value that is journaled, snapshot or hashed. */
#include "core/model/visit.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"

static void visit_number(struct visitor *v, uint64_t *value, unsigned size)
{
    if (v->mode == VISIT_HASH) {
        v->hash = hash_u64(v->hash, *value);
    } else if (v->mode == VISIT_WRITE) {
        for (unsigned i = 0; i < size; i++, v->at++)
            if (v->at < v->capacity) v->out[v->at] = (unsigned char)(*value >> (8 * i));
    } else {
        *value = 0;
        if (v->failed || v->capacity - v->at < size) {
            v->failed = true;
            return;
        }
        for (unsigned i = 0; i < size; i++) *value |= (uint64_t)v->in[v->at++] << (8 * i);
    }
}

#define VISIT_NUMBER(name, type, wide)                                                             \
    void visit_##name(struct visitor *v, type *value)                                              \
    {                                                                                              \
        uint64_t number = (uint64_t)(wide)*value;                                                  \
        visit_number(v, &number, sizeof *value);                                                   \
        if (v->mode == VISIT_READ) *value = (type)number;                                          \
    }

VISIT_NUMBER(u8, uint8_t, uint8_t)
VISIT_NUMBER(u16, uint16_t, uint16_t)
VISIT_NUMBER(u32, uint32_t, uint32_t)
VISIT_NUMBER(u64, uint64_t, uint64_t)
VISIT_NUMBER(i32, int32_t, int32_t)
VISIT_NUMBER(i64, int64_t, int64_t)

void visit_double(struct visitor *v, double *value)
{
    uint64_t bits;
    memcpy(&bits, value, sizeof bits);
    visit_number(v, &bits, sizeof bits);
    if (v->mode == VISIT_READ) memcpy(value, &bits, sizeof bits);
}

void visit_bool(struct visitor *v, bool *value)
{
    uint8_t number = v->mode == VISIT_READ ? 0 : *value; /* what is read over may be anything */
    visit_enum(v, &number, 2);
    *value = number != 0;
}

void visit_text(struct visitor *v, char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) visit_u8(v, (uint8_t *)&text[i]);
    if (v->mode == VISIT_READ && text[size - 1] != '\0') {
        v->failed = true;
        text[size - 1] = '\0';
    }
}

void visit_count(struct visitor *v, uint32_t *value, uint32_t max)
{
    visit_u32(v, value);
    if (*value <= max) return;
    CHECK(v->mode == VISIT_READ);
    v->failed = true;
    *value = 0;
}

void visit_enum(struct visitor *v, uint8_t *value, uint8_t count)
{
    visit_u8(v, value);
    if (*value < count) return;
    CHECK(v->mode == VISIT_READ);
    v->failed = true;
    *value = 0;
}

void visit_instrument(struct visitor *v, struct instrument *i)
{
    visit_u16(v, &i->index);
    visit_enum(v, &i->venue, VENUE_COUNT);
    visit_enum(v, &i->status, INSTRUMENT_HALTED + 1);
    visit_enum(v, &i->price_scale, SCALE_MAX + 1);
    visit_enum(v, &i->qty_scale, SCALE_MAX + 1);
    visit_enum(v, &i->base_scale, SCALE_MAX + 1);
    visit_enum(v, &i->quote_scale, SCALE_MAX + 1);
    visit_text(v, i->symbol, sizeof i->symbol);
    visit_text(v, i->base, sizeof i->base);
    visit_text(v, i->quote, sizeof i->quote);
    visit_i64(v, &i->tick.units);
    visit_i64(v, &i->price_min.units);
    visit_i64(v, &i->price_max.units);
    visit_i64(v, &i->step.units);
    visit_i64(v, &i->qty_min.units);
    visit_i64(v, &i->qty_max.units);
    visit_i64(v, &i->market_step.units);
    visit_i64(v, &i->market_qty_min.units);
    visit_i64(v, &i->market_qty_max.units);
    visit_i64(v, &i->notional_min.units);
    visit_i64(v, &i->notional_max.units);
    visit_bool(v, &i->notional_min_market);
    visit_bool(v, &i->notional_max_market);
    visit_i64(v, &i->bid_up_ppm);
    visit_i64(v, &i->bid_down_ppm);
    visit_i64(v, &i->ask_up_ppm);
    visit_i64(v, &i->ask_down_ppm);
    visit_u32(v, &i->orders_max);
    visit_u32(v, &i->algo_orders_max);
    visit_i32(v, &i->maker_fee_ppm);
    visit_i32(v, &i->taker_fee_ppm);
}

void visit_candle(struct visitor *v, struct candle *c)
{
    visit_i64(v, &c->open_ms);
    visit_i64(v, &c->open.units);
    visit_i64(v, &c->high.units);
    visit_i64(v, &c->low.units);
    visit_i64(v, &c->close.units);
    visit_i64(v, &c->volume.units);
}

void visit_level(struct visitor *v, struct level *l)
{
    visit_i64(v, &l->price.units);
    visit_i64(v, &l->qty.units);
}

void visit_order(struct visitor *v, struct order *o)
{
    visit_u64(v, &o->id);
    visit_u64(v, &o->bot_id);
    visit_u16(v, &o->instrument);
    visit_enum(v, &o->side, SIDE_SELL + 1);
    visit_enum(v, &o->type, ORDER_TYPE_LIMIT + 1);
    visit_enum(v, &o->purpose, PURPOSE_TARGET + 1);
    visit_enum(v, &o->mode, MODE_LIVE + 1);
    visit_enum(v, &o->state, ORDER_STATE_COUNT);
    visit_enum(v, &o->reason, ORDER_REASON_COUNT);
    visit_i64(v, &o->qty.units);
    visit_i64(v, &o->price.units);
    visit_i64(v, &o->trigger.units);
    visit_i64(v, &o->filled.units);
    visit_i64(v, &o->filled_quote.units);
    visit_u64(v, &o->venue_order_id);
    visit_i32(v, &o->venue_code);
    visit_i64(v, &o->created_ms);
    visit_i64(v, &o->updated_ms);
}

void visit_fill(struct visitor *v, struct fill *f)
{
    visit_u64(v, &f->order_id);
    visit_u64(v, &f->venue_trade_id);
    visit_i64(v, &f->price.units);
    visit_i64(v, &f->qty.units);
    visit_i64(v, &f->fee.units);
    visit_enum(v, &f->fee_scale, SCALE_MAX + 1);
    visit_enum(v, &f->liquidity, LIQUIDITY_TAKER + 1);
    visit_text(v, f->fee_asset, sizeof f->fee_asset);
    visit_i64(v, &f->time_ms);
}

void visit_position(struct visitor *v, struct position *p)
{
    visit_i64(v, &p->base.units);
    visit_i64(v, &p->cost.units);
    visit_i64(v, &p->proceeds.units);
    visit_i64(v, &p->fees.units);
    visit_i64(v, &p->fees_quote.units);
    visit_i64(v, &p->bought.units);
    visit_i64(v, &p->sold.units);
    visit_i64(v, &p->entry_price.units);
    visit_i64(v, &p->peak.units);
    visit_i64(v, &p->opened_ms);
    visit_bool(v, &p->open);
}

void visit_bot_totals(struct visitor *v, struct bot_totals *t)
{
    visit_i64(v, &t->day);
    visit_i64(v, &t->day_pnl.units);
    visit_u32(v, &t->day_trades);
    visit_i64(v, &t->realized.units);
    visit_u64(v, &t->trades);
    visit_enum(v, &t->state, BOT_STATE_COUNT);
    visit_enum(v, &t->reason, BOT_REASON_COUNT);
}

void visit_bot_config(struct visitor *v, struct bot_config *c)
{
    visit_u64(v, &c->id);
    visit_u64(v, &c->user_id);
    visit_enum(v, &c->mode, MODE_LIVE + 1);
    visit_u8(v, &c->strategy);
    visit_enum(v, &c->timeframe, TIMEFRAME_COUNT);
    visit_enum(v, &c->sizing_kind, SIZING_KIND_COUNT);
    visit_enum(v, &c->symbol_count, BOT_SYMBOLS_MAX + 1);
    visit_enum(v, &c->quote_scale, SCALE_MAX + 1);
    for (unsigned i = 0; i < BOT_SYMBOLS_MAX; i++) visit_u16(v, &c->instruments[i]);
    visit_i64(v, &c->sizing_value);
    visit_i64(v, &c->capital.units);
    for (unsigned i = 0; i < STRATEGY_PARAMS_MAX; i++) visit_double(v, &c->params[i]);
    visit_i32(v, &c->risk.stop_loss_ppm);
    visit_i32(v, &c->risk.take_profit_ppm);
    visit_i32(v, &c->risk.trailing_ppm);
    visit_i32(v, &c->risk.max_daily_loss_ppm);
    visit_i32(v, &c->risk.daily_target_ppm);
    visit_u32(v, &c->risk.max_daily_trades);
    visit_u32(v, &c->risk.cooldown_s);
}

static void visit_book(struct visitor *v, struct book_update *b, struct event_memory *memory)
{
    visit_bool(v, &b->snapshot);
    visit_u64(v, &b->last_id);
    visit_u32(v, &b->bid_count);
    visit_u32(v, &b->ask_count);
    if (v->mode == VISIT_READ) {
        if (b->bid_count > memory->level_capacity ||
            b->ask_count > memory->level_capacity - b->bid_count) {
            v->failed = true;
            b->bid_count = b->ask_count = 0;
        }
        b->bids = memory->levels;
        b->asks = memory->levels + b->bid_count;
    }
    /* Only a reader writes through these pointers, and then they point into its own memory. */
    for (uint32_t i = 0; i < b->bid_count; i++) visit_level(v, (struct level *)&b->bids[i]);
    for (uint32_t i = 0; i < b->ask_count; i++) visit_level(v, (struct level *)&b->asks[i]);
}

static void visit_restore(struct visitor *v, struct restore *r)
{
    visit_enum(v, &r->kind, RESTORE_COUNTER + 1);
    visit_u64(v, &r->bot_id);
    switch ((enum restore_kind)r->kind) {
    case RESTORE_BOT: visit_bot_totals(v, &r->totals); break;
    case RESTORE_POSITION: visit_position(v, &r->position); break;
    case RESTORE_ORDER: visit_order(v, &r->order); break;
    case RESTORE_FILL: visit_fill(v, &r->fill); break;
    case RESTORE_COUNTER: visit_u64(v, &r->next_order_id); break;
    }
}

static void visit_bot_event(struct visitor *v, struct bot_event *b, struct event_memory *memory)
{
    visit_enum(v, &b->command, BOT_COMMAND_COUNT);
    visit_u64(v, &b->bot_id);
    if (b->command != BOT_COMMAND_ADD && b->command != BOT_COMMAND_CHANGE) return;
    if (v->mode == VISIT_READ) b->config = &memory->bot_config;
    visit_bot_config(v, (struct bot_config *)b->config);
}

static void visit_order_news(struct visitor *v, struct order_news *o)
{
    visit_u64(v, &o->order_id);
    visit_enum(v, &o->input, ORDER_INPUT_COUNT);
    visit_enum(v, &o->reason, ORDER_REASON_COUNT);
    visit_i32(v, &o->venue_code);
    visit_u64(v, &o->venue_order_id);
}

static void visit_print(struct visitor *v, struct print *p)
{
    visit_u64(v, &p->id);
    visit_i64(v, &p->price.units);
    visit_i64(v, &p->qty.units);
    visit_enum(v, &p->taker, SIDE_SELL + 1);
    visit_i64(v, &p->time_ms);
}

void visit_event(struct visitor *v, struct event *event, struct event_memory *memory)
{
    visit_enum(v, &event->kind, EVENT_KIND_COUNT);
    visit_u16(v, &event->instrument);
    visit_u64(v, &event->seq);
    visit_i64(v, &event->time_ms);
    switch ((enum event_kind)event->kind) {
    case EVENT_TIME:
    case EVENT_KIND_COUNT: break;
    case EVENT_INSTRUMENT:
        if (v->mode == VISIT_READ) event->instrument_rules = &memory->instrument;
        visit_instrument(v, (struct instrument *)event->instrument_rules);
        break;
    case EVENT_FEED: visit_enum(v, &event->feed, FEED_STALE + 1); break;
    case EVENT_BOOK: visit_book(v, &event->book, memory); break;
    case EVENT_PRINT: visit_print(v, &event->print); break;
    case EVENT_BAR: visit_candle(v, &event->bar); break;
    case EVENT_CANDLE:
        visit_enum(v, &event->candle.timeframe, TIMEFRAME_COUNT);
        visit_bool(v, &event->candle.history);
        visit_u64(v, &event->candle.bot_id);
        visit_candle(v, &event->candle.candle);
        break;
    case EVENT_ORDER: visit_order_news(v, &event->order); break;
    case EVENT_FILL: visit_fill(v, &event->fill); break;
    case EVENT_BOT: visit_bot_event(v, &event->bot, memory); break;
    case EVENT_RESTORE: visit_restore(v, &event->restore); break;
    }
}
