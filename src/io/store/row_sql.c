/* Binding values, reading columns. */
#include "io/store/row_sql.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/slice.h"

/* The words of an enum, whichever it is. */
typedef const char *(*name_fn)(unsigned value);

/* Reads columns one after another. The first failure stays in err,
 * and what is read after it is 0. */
struct columns {
    struct sql_statement *row;
    int next;
    enum err err;
};

static enum err refuse(struct columns *c, const char *why);
static int64_t take_i64(struct columns *c, int64_t low, int64_t high);
static uint64_t take_id(struct columns *c);
static uint8_t take_scale(struct columns *c);
static void take_text(struct columns *c, char *out, size_t size);
static uint8_t take_word(struct columns *c, name_fn name, unsigned count);
static void take_market(struct columns *c, struct store_market *out);
static void take_symbols(struct columns *c, struct store_bot *out);
static void take_risk(struct columns *c, struct risk_config *out);

#define TAKE_ANY(c) take_i64(c, INT64_MIN, INT64_MAX)

#define WORD(word, name, type)                                                                     \
    static const char *word(unsigned value)                                                        \
    {                                                                                              \
        return name((enum type)value);                                                             \
    }
WORD(venue_word, venue_name, venue)
WORD(side_word, side_name, side)
WORD(type_word, order_type_name, order_type)
WORD(mode_word, mode_name, trading_mode)
WORD(purpose_word, purpose_name, purpose)
WORD(liquidity_word, liquidity_name, liquidity)
WORD(order_state_word, order_state_name, order_state)
WORD(order_reason_word, order_reason_name, order_reason)
WORD(bot_state_word, bot_state_name, bot_state)
WORD(bot_reason_word, bot_reason_name, bot_reason)
WORD(sizing_word, sizing_kind_name, sizing_kind)
WORD(timeframe_word, timeframe_name, timeframe)
#undef WORD

static const char *wanted_word(unsigned running)
{
    return running ? "running" : "stopped";
}

void bind_market(struct sql_statement *st, const struct store_market *market)
{
    sql_text(st, venue_name((enum venue)market->venue));
    sql_text(st, market->symbol);
    sql_i64(st, market->price_scale);
    sql_i64(st, market->qty_scale);
    sql_i64(st, market->base_scale);
    sql_i64(st, market->quote_scale);
}

enum err row_bot(struct sql_statement *row, struct store_bot *out)
{
    struct columns c = {.row = row};
    memset(out, 0, sizeof *out);
    out->id = take_id(&c);
    out->user_id = take_id(&c);
    take_text(&c, out->name, sizeof out->name);
    out->venue = take_word(&c, venue_word, VENUE_COUNT);
    out->mode = take_word(&c, mode_word, MODE_LIVE + 1);
    take_text(&c, out->strategy, sizeof out->strategy);
    take_text(&c, out->params, sizeof out->params);
    take_symbols(&c, out);
    out->timeframe = take_word(&c, timeframe_word, TIMEFRAME_COUNT);
    out->capital.units = TAKE_ANY(&c);
    out->quote_scale = take_scale(&c);
    out->sizing_kind = take_word(&c, sizing_word, SIZING_KIND_COUNT);
    out->sizing_value = TAKE_ANY(&c);
    out->sizing_scale = take_scale(&c);
    take_risk(&c, &out->risk);
    out->running = take_word(&c, wanted_word, 2);
    out->created_ms = TAKE_ANY(&c);
    out->updated_ms = TAKE_ANY(&c);
    return c.err;
}

enum err row_totals(struct sql_statement *row, struct store_totals *out)
{
    struct columns c = {.row = row};
    memset(out, 0, sizeof *out);
    out->bot_id = take_id(&c);
    out->totals.state = take_word(&c, bot_state_word, BOT_STATE_COUNT);
    out->totals.reason = take_word(&c, bot_reason_word, BOT_REASON_COUNT);
    out->totals.day = TAKE_ANY(&c);
    out->totals.day_pnl.units = TAKE_ANY(&c);
    out->totals.day_trades = (uint32_t)take_i64(&c, 0, UINT32_MAX);
    out->totals.realized.units = TAKE_ANY(&c);
    out->totals.trades = (uint64_t)take_i64(&c, 0, INT64_MAX);
    out->quote_scale = take_scale(&c);
    return c.err;
}

enum err row_position(struct sql_statement *row, struct store_position *out)
{
    struct columns c = {.row = row};
    memset(out, 0, sizeof *out);
    struct position *p = &out->position;
    out->bot_id = take_id(&c);
    p->open = take_i64(&c, 0, 1);
    p->base.units = TAKE_ANY(&c);
    p->cost.units = TAKE_ANY(&c);
    p->proceeds.units = TAKE_ANY(&c);
    p->fees.units = TAKE_ANY(&c);
    p->fees_quote.units = TAKE_ANY(&c);
    p->bought.units = TAKE_ANY(&c);
    p->sold.units = TAKE_ANY(&c);
    p->entry_price.units = TAKE_ANY(&c);
    p->peak.units = TAKE_ANY(&c);
    p->opened_ms = TAKE_ANY(&c);
    take_market(&c, &out->market);
    return c.err;
}

enum err row_order(struct sql_statement *row, struct store_order *out)
{
    struct columns c = {.row = row};
    memset(out, 0, sizeof *out);
    struct order *o = &out->order;
    o->instrument = INSTRUMENT_NONE;
    o->id = take_id(&c);
    o->bot_id = take_id(&c);
    o->mode = take_word(&c, mode_word, MODE_LIVE + 1);
    o->side = take_word(&c, side_word, SIDE_SELL + 1);
    o->type = take_word(&c, type_word, ORDER_TYPE_LIMIT + 1);
    o->purpose = take_word(&c, purpose_word, PURPOSE_TARGET + 1);
    o->state = take_word(&c, order_state_word, ORDER_STATE_COUNT);
    o->reason = take_word(&c, order_reason_word, ORDER_REASON_COUNT);
    o->qty.units = TAKE_ANY(&c);
    o->price.units = TAKE_ANY(&c);
    o->trigger.units = TAKE_ANY(&c);
    o->filled.units = TAKE_ANY(&c);
    o->filled_quote.units = TAKE_ANY(&c);
    o->venue_order_id = (uint64_t)take_i64(&c, 0, INT64_MAX);
    o->venue_code = (int32_t)take_i64(&c, INT32_MIN, INT32_MAX);
    take_text(&c, out->client_order_id, sizeof out->client_order_id);
    take_text(&c, out->body, sizeof out->body);
    o->created_ms = TAKE_ANY(&c);
    o->updated_ms = TAKE_ANY(&c);
    take_market(&c, &out->market);
    return c.err;
}

enum err row_fill(struct sql_statement *row, struct store_fill *out)
{
    struct columns c = {.row = row};
    memset(out, 0, sizeof *out);
    struct fill *f = &out->fill;
    out->id = take_id(&c);
    out->bot_id = take_id(&c);
    out->mode = take_word(&c, mode_word, MODE_LIVE + 1);
    f->order_id = take_id(&c);
    f->venue_trade_id = (uint64_t)take_i64(&c, 0, INT64_MAX);
    f->price.units = TAKE_ANY(&c);
    f->qty.units = TAKE_ANY(&c);
    f->fee.units = TAKE_ANY(&c);
    f->fee_scale = take_scale(&c);
    take_text(&c, f->fee_asset, sizeof f->fee_asset);
    f->liquidity = take_word(&c, liquidity_word, LIQUIDITY_TAKER + 1);
    f->time_ms = TAKE_ANY(&c);
    take_market(&c, &out->market);
    return c.err;
}

enum err row_round_trip(struct sql_statement *row, struct store_round_trip *out)
{
    struct columns c = {.row = row};
    memset(out, 0, sizeof *out);
    struct round_trip *t = &out->round_trip;
    out->id = take_id(&c);
    out->bot_id = take_id(&c);
    out->mode = take_word(&c, mode_word, MODE_LIVE + 1);
    t->qty.units = TAKE_ANY(&c);
    t->entry_price.units = TAKE_ANY(&c);
    t->exit_price.units = TAKE_ANY(&c);
    t->pnl.units = TAKE_ANY(&c);
    t->pnl_ppm = TAKE_ANY(&c);
    t->fees.units = TAKE_ANY(&c);
    t->opened_ms = TAKE_ANY(&c);
    t->closed_ms = TAKE_ANY(&c);
    t->exit_reason = take_word(&c, purpose_word, PURPOSE_TARGET + 1);
    take_market(&c, &out->market);
    return c.err;
}

static enum err refuse(struct columns *c, const char *why)
{
    if (c->err) return c->err;
    c->err =
        err_set(ERR_PARSE, "column %s of the database %s", sql_column_name(c->row, c->next), why);
    return c->err;
}

static int64_t take_i64(struct columns *c, int64_t low, int64_t high)
{
    int64_t value = sql_column_i64(c->row, c->next);
    if (value < low || value > high) {
        refuse(c, "holds a number out of range");
        value = low;
    }
    c->next++;
    return value;
}

static uint64_t take_id(struct columns *c)
{
    return (uint64_t)take_i64(c, 1, INT64_MAX);
}

static uint8_t take_scale(struct columns *c)
{
    return (uint8_t)take_i64(c, 0, SCALE_MAX);
}

static void take_text(struct columns *c, char *out, size_t size)
{
    const struct slice text = sql_column_text(c->row, c->next);
    if (!text.data)
        refuse(c, "cannot be read");
    else if (memchr(text.data, '\0', text.size) || !slice_copy(text, out, size))
        refuse(c, "holds a text that does not fit");
    c->next++;
}

static uint8_t take_word(struct columns *c, name_fn name, unsigned count)
{
    const char *text = sql_column_text(c->row, c->next).data;
    unsigned value = 0;
    while (text && value < count && strcmp(text, name(value)) != 0) value++;
    if (!text || value == count) {
        refuse(c, "holds a word that this program does not know");
        value = 0;
    }
    c->next++;
    return (uint8_t)value;
}

static void take_market(struct columns *c, struct store_market *out)
{
    out->venue = take_word(c, venue_word, VENUE_COUNT);
    take_text(c, out->symbol, sizeof out->symbol);
    out->price_scale = take_scale(c);
    out->qty_scale = take_scale(c);
    out->base_scale = take_scale(c);
    out->quote_scale = take_scale(c);
}

static void take_symbols(struct columns *c, struct store_bot *out)
{
    const char *text = sql_column_text(c->row, c->next).data;
    json_t *list = text ? json_loads(text, 0, NULL) : NULL;
    const size_t count = json_array_size(list);
    if (count == 0 || count > BOT_SYMBOLS_MAX) refuse(c, "holds no list of symbols");
    for (size_t i = 0; !c->err && i < count; i++) {
        const char *symbol = json_string_value(json_array_get(list, i));
        if (symbol && slice_copy(slice_of(symbol), out->symbols[i], SYMBOL_SIZE)) continue;
        refuse(c, "holds a symbol that cannot be one");
    }
    out->symbol_count = c->err ? 0 : (uint8_t)count;
    json_decref(list);
    c->next++;
}

static void take_risk(struct columns *c, struct risk_config *out)
{
    out->stop_loss_ppm = (int32_t)take_i64(c, 0, INT32_MAX);
    out->take_profit_ppm = (int32_t)take_i64(c, 0, INT32_MAX);
    out->trailing_ppm = (int32_t)take_i64(c, 0, INT32_MAX);
    out->max_daily_loss_ppm = (int32_t)take_i64(c, 0, INT32_MAX);
    out->daily_target_ppm = (int32_t)take_i64(c, 0, INT32_MAX);
    out->max_daily_trades = (uint32_t)take_i64(c, 0, UINT32_MAX);
    out->cooldown_s = (uint32_t)take_i64(c, 0, UINT32_MAX);
}
