/* Writing values as Binance does. */
#include "service/simserver/wire_text.h"

#include <string.h>

enum { DECIMALS_MIN = 8 };

void text_decimal(struct buffer *out, int64_t units, unsigned scale)
{
    char text[DECIMAL_TEXT_SIZE];
    const size_t size = decimal_write(units, scale, text);
    buffer_append_char(out, '"');
    buffer_append(out, text, size);
    if (scale == 0) buffer_append_char(out, '.');
    if (scale < DECIMALS_MIN) buffer_append(out, "00000000", DECIMALS_MIN - scale);
    buffer_append_char(out, '"');
}

void text_price(struct buffer *out, const char *name, const struct instrument *i, struct price p)
{
    buffer_append_text(out, name);
    text_decimal(out, p.units, i->price_scale);
}

void text_qty(struct buffer *out, const char *name, const struct instrument *i, struct qty q)
{
    buffer_append_text(out, name);
    text_decimal(out, q.units, i->qty_scale);
}

void text_quote(struct buffer *out, const char *name, const struct instrument *i, struct money m)
{
    buffer_append_text(out, name);
    text_decimal(out, m.units, i->quote_scale);
}

void text_number(struct buffer *out, const char *name, int64_t value)
{
    buffer_append_text(out, name);
    buffer_append_i64(out, value);
}

void text_word(struct buffer *out, const char *name, const char *value)
{
    buffer_append_text(out, name);
    buffer_append_char(out, '"');
    buffer_append_text(out, value);
    buffer_append_char(out, '"');
}

void text_bool(struct buffer *out, const char *name, bool value)
{
    buffer_append_text(out, name);
    buffer_append_text(out, value ? "true" : "false");
}

void text_string(struct buffer *out, struct slice text)
{
    buffer_append_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        const unsigned char letter = (unsigned char)text.data[i];
        if (letter < 0x20)
            buffer_printf(out, "\\u%04x", letter);
        else if (letter == '"' || letter == '\\')
            buffer_printf(out, "\\%c", letter);
        else
            buffer_append_char(out, (char)letter);
    }
    buffer_append_char(out, '"');
}

void text_levels(struct buffer *out, const struct instrument *i, const struct level *levels,
                 uint32_t count)
{
    buffer_append_char(out, '[');
    for (uint32_t n = 0; n < count; n++) {
        text_price(out, n ? ",[" : "[", i, levels[n].price);
        text_qty(out, ",", i, levels[n].qty);
        buffer_append_char(out, ']');
    }
    buffer_append_char(out, ']');
}

static void rate_limit(struct buffer *out, const char *head, int64_t limit, int64_t count)
{
    text_number(out, head, limit);
    if (count >= 0) text_number(out, ",\"count\":", count);
    buffer_append_char(out, '}');
}

void text_order_limits(struct buffer *out, const struct limits *l, bool with_counts)
{
    rate_limit(
        out, "{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":",
        l->orders_10s_limit, with_counts ? (int64_t)l->orders_10s : -1);
    rate_limit(out,
               ",{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":",
               l->orders_day_limit, with_counts ? (int64_t)l->orders_day : -1);
}

void text_weight_limit(struct buffer *out, const struct limits *l, int64_t used)
{
    rate_limit(out,
               "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,"
               "\"limit\":",
               l->weight_limit, used);
}

void text_refusal(struct buffer *out, const struct call *c, struct slice data)
{
    text_number(out, "\"code\":", c->code);
    buffer_append_text(out, ",\"msg\":");
    text_string(out, slice_of(c->message));
    if (!c->has_data) return;
    buffer_append_text(out, ",\"data\":");
    buffer_append(out, data.data, data.size);
}

/* ---- orders ---- */

static int64_t list_id_of(const struct sim_order *o)
{
    return o->list_id ? (int64_t)o->list_id : -1;
}

static void order_head(struct buffer *out, const struct instrument *i, const struct sim_order *o)
{
    text_word(out, "{\"symbol\":", i->symbol);
    text_number(out, ",\"orderId\":", (int64_t)o->id);
    text_number(out, ",\"orderListId\":", list_id_of(o));
}

static void order_amounts(struct buffer *out, const struct instrument *i, const struct sim_order *o)
{
    text_price(out, ",\"price\":", i, o->price);
    text_qty(out, ",\"origQty\":", i, o->qty);
    text_qty(out, ",\"executedQty\":", i, o->filled);
    text_quote(out, ",\"origQuoteOrderQty\":", i, o->quote_qty);
    text_quote(out, ",\"cummulativeQuoteQty\":", i, o->filled_quote);
    text_word(out, ",\"status\":", sim_status_name((enum sim_status)o->status));
    text_word(out, ",\"timeInForce\":", sim_tif_name((enum sim_tif)o->tif));
    text_word(out, ",\"type\":", sim_type_name((enum sim_type)o->type));
    text_word(out, ",\"side\":", o->side == SIDE_BUY ? "BUY" : "SELL");
    if (o->stop_price.units) text_price(out, ",\"stopPrice\":", i, o->stop_price);
}

static void order_tail(struct buffer *out, const struct sim_order *o)
{
    text_number(out, ",\"workingTime\":", o->working_ms);
    if (o->expiry)
        text_word(out, ",\"expiryReason\":", sim_expiry_name((enum sim_expiry)o->expiry));
    text_word(out, ",\"selfTradePreventionMode\":", "EXPIRE_MAKER");
}

static void answer_fills(struct buffer *out, const struct sim_exchange *e,
                         const struct instrument *i, const struct sim_result *result)
{
    buffer_append_text(out, ",\"fills\":[");
    for (uint32_t n = 0; n < result->fill_count; n++) {
        const struct sim_fill *f = &result->fills[n];
        const struct sim_asset *asset = &e->assets.items[f->fee_asset];
        text_price(out, n ? ",{\"price\":" : "{\"price\":", i, f->price);
        text_qty(out, ",\"qty\":", i, f->qty);
        buffer_append_text(out, ",\"commission\":");
        text_decimal(out, f->fee.units, asset->scale);
        text_word(out, ",\"commissionAsset\":", asset->name);
        text_number(out, ",\"tradeId\":", (int64_t)f->trade_id);
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ']');
}

void text_order_answer(struct buffer *out, const struct sim_exchange *e,
                       const struct sim_result *result, enum answer_kind kind)
{
    const struct sim_order *o = &result->order;
    const struct instrument *i = sim_exchange_instrument(e, o->instrument);
    order_head(out, i, o);
    text_word(out, ",\"clientOrderId\":", o->client_id);
    text_number(out, ",\"transactTime\":", o->updated_ms);
    if (kind != ANSWER_ACK) {
        order_amounts(out, i, o);
        order_tail(out, o);
    }
    if (kind == ANSWER_FULL) answer_fills(out, e, i, result);
    buffer_append_char(out, '}');
}

void text_order_cancelled(struct buffer *out, const struct sim_exchange *e,
                          const struct sim_order *o)
{
    const struct instrument *i = sim_exchange_instrument(e, o->instrument);
    text_word(out, "{\"symbol\":", i->symbol);
    text_word(out, ",\"origClientOrderId\":", o->original_id);
    text_number(out, ",\"orderId\":", (int64_t)o->id);
    text_number(out, ",\"orderListId\":", list_id_of(o));
    text_word(out, ",\"clientOrderId\":", o->client_id);
    text_number(out, ",\"transactTime\":", o->updated_ms);
    order_amounts(out, i, o);
    text_word(out, ",\"selfTradePreventionMode\":", "EXPIRE_MAKER");
    buffer_append_char(out, '}');
}

void text_order(struct buffer *out, const struct sim_exchange *e, const struct sim_order *o)
{
    const struct instrument *i = sim_exchange_instrument(e, o->instrument);
    order_head(out, i, o);
    text_word(out, ",\"clientOrderId\":", o->client_id);
    order_amounts(out, i, o);
    if (!o->stop_price.units) text_price(out, ",\"stopPrice\":", i, o->stop_price);
    text_qty(out, ",\"icebergQty\":", i, (struct qty){0});
    text_number(out, ",\"time\":", o->created_ms);
    text_number(out, ",\"updateTime\":", o->updated_ms);
    text_bool(out, ",\"isWorking\":", o->is_working);
    order_tail(out, o);
    buffer_append_char(out, '}');
}

void text_fill(struct buffer *out, const struct sim_exchange *e, const struct sim_fill *f)
{
    const struct instrument *i = sim_exchange_instrument(e, f->instrument);
    const struct sim_asset *asset = &e->assets.items[f->fee_asset];
    text_word(out, "{\"symbol\":", i->symbol);
    text_number(out, ",\"id\":", (int64_t)f->trade_id);
    text_number(out, ",\"orderId\":", (int64_t)f->order_id);
    text_number(out, ",\"orderListId\":", f->list_id ? (int64_t)f->list_id : -1);
    text_price(out, ",\"price\":", i, f->price);
    text_qty(out, ",\"qty\":", i, f->qty);
    text_quote(out, ",\"quoteQty\":", i, f->quote);
    buffer_append_text(out, ",\"commission\":");
    text_decimal(out, f->fee.units, asset->scale);
    text_word(out, ",\"commissionAsset\":", asset->name);
    text_number(out, ",\"time\":", f->time_ms);
    text_bool(out, ",\"isBuyer\":", f->side == SIDE_BUY);
    text_bool(out, ",\"isMaker\":", f->is_maker);
    buffer_append_text(out, ",\"isBestMatch\":true}");
}

void text_list_open(struct buffer *out, const struct sim_exchange *e, const struct sim_list *l,
                    const char *time_name)
{
    const struct instrument *i = sim_exchange_instrument(e, l->instrument);
    text_number(out, "{\"orderListId\":", (int64_t)l->id);
    text_word(out, ",\"contingencyType\":", "OCO");
    text_word(out, ",\"listStatusType\":", l->is_done ? "ALL_DONE" : "EXEC_STARTED");
    text_word(out, ",\"listOrderStatus\":", l->is_done ? "ALL_DONE" : "EXECUTING");
    text_word(out, ",\"listClientOrderId\":", l->client_id);
    text_number(out, time_name, l->updated_ms);
    text_word(out, ",\"symbol\":", i->symbol);
    buffer_append_text(out, ",\"orders\":[");
    for (unsigned leg = 0; leg < SIM_LEGS; leg++) {
        text_word(out, leg ? ",{\"symbol\":" : "{\"symbol\":", i->symbol);
        text_number(out, ",\"orderId\":", (int64_t)l->order_ids[leg]);
        text_word(out, ",\"clientOrderId\":", l->order_client_ids[leg]);
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ']');
}

/* ---- user stream ---- */

/* Words of the field r; other refusals have no report. */
static const char *reject_word(uint8_t reject)
{
    switch ((enum sim_reject)reject) {
    case SIM_REJECT_INSUFFICIENT_BALANCE: return "INSUFFICIENT_BALANCES";
    case SIM_REJECT_WOULD_TRIGGER: return "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY";
    case SIM_REJECT_WOULD_TAKE: return "WOULD_MATCH_IMMEDIATELY";
    case SIM_REJECT_LIST_PRICES: return "OCO_BAD_PRICES";
    default: return "NONE";
    }
}

static void report_fill(struct buffer *out, const struct sim_exchange *e,
                        const struct instrument *i, const struct sim_fill *f)
{
    static const struct sim_fill none;
    const struct sim_fill *of = f ? f : &none;
    const struct sim_asset *asset = &e->assets.items[of->fee_asset];
    text_price(out, ",\"L\":", i, of->price);
    buffer_append_text(out, ",\"n\":");
    if (f)
        text_decimal(out, f->fee.units, asset->scale);
    else
        buffer_append_text(out, "\"0\"");
    if (f)
        text_word(out, ",\"N\":", asset->name);
    else
        buffer_append_text(out, ",\"N\":null");
}

void text_report(struct buffer *out, const struct sim_exchange *e, const struct sim_event *event)
{
    const struct sim_report *r = &event->report;
    const struct sim_order *o = r->order;
    const struct sim_fill *f = r->fill;
    const struct instrument *i = sim_exchange_instrument(e, o->instrument);
    text_number(out, "{\"e\":\"executionReport\",\"E\":", event->time_ms);
    text_word(out, ",\"s\":", i->symbol);
    text_word(out, ",\"c\":", o->client_id);
    text_word(out, ",\"S\":", o->side == SIDE_BUY ? "BUY" : "SELL");
    text_word(out, ",\"o\":", sim_type_name((enum sim_type)o->type));
    text_word(out, ",\"f\":", sim_tif_name((enum sim_tif)o->tif));
    text_qty(out, ",\"q\":", i, o->qty);
    text_price(out, ",\"p\":", i, o->price);
    text_price(out, ",\"P\":", i, o->stop_price);
    text_qty(out, ",\"F\":", i, (struct qty){0});
    text_number(out, ",\"g\":", list_id_of(o));
    text_word(out, ",\"C\":", o->original_id);
    text_word(out, ",\"x\":", sim_execution_name((enum sim_execution)r->execution));
    text_word(out, ",\"X\":", sim_status_name((enum sim_status)o->status));
    text_word(out, ",\"r\":", reject_word(r->reject));
    text_number(out, ",\"i\":", (int64_t)o->id);
    text_qty(out, ",\"l\":", i, f ? f->qty : (struct qty){0});
    text_qty(out, ",\"z\":", i, o->filled);
    report_fill(out, e, i, f);
    text_number(out, ",\"T\":", o->updated_ms);
    text_number(out, ",\"t\":", f ? (int64_t)f->trade_id : -1);
    text_number(out, ",\"I\":", (int64_t)r->execution_id);
    text_bool(out, ",\"w\":", o->is_working && sim_status_is_open((enum sim_status)o->status));
    text_bool(out, ",\"m\":", f && f->is_maker);
    text_number(out, ",\"M\":false,\"O\":", o->created_ms);
    text_quote(out, ",\"Z\":", i, o->filled_quote);
    text_quote(out, ",\"Y\":", i, f ? f->quote : (struct money){0});
    text_quote(out, ",\"Q\":", i, o->quote_qty);
    if (o->working_ms >= 0) text_number(out, ",\"W\":", o->working_ms);
    text_word(out, ",\"V\":", "EXPIRE_MAKER");
    if (o->expiry) text_word(out, ",\"eR\":", sim_expiry_name((enum sim_expiry)o->expiry));
    buffer_append_char(out, '}');
}

void text_position(struct buffer *out, const struct sim_exchange *e, const struct sim_event *event)
{
    const struct sim_balance_news *news = &event->balance;
    text_number(out, "{\"e\":\"outboundAccountPosition\",\"E\":", event->time_ms);
    text_number(out, ",\"u\":", event->time_ms);
    buffer_append_text(out, ",\"B\":[");
    for (unsigned n = 0; n < news->count; n++) {
        const struct sim_asset *asset = &e->assets.items[news->assets[n]];
        text_word(out, n ? ",{\"a\":" : "{\"a\":", asset->name);
        buffer_append_text(out, ",\"f\":");
        text_decimal(out, news->balances[n].free.units, asset->scale);
        buffer_append_text(out, ",\"l\":");
        text_decimal(out, news->balances[n].locked.units, asset->scale);
        buffer_append_char(out, '}');
    }
    buffer_append_text(out, "]}");
}

void text_list_status(struct buffer *out, const struct sim_exchange *e,
                      const struct sim_event *event)
{
    const struct sim_list *l = event->list;
    const struct instrument *i = sim_exchange_instrument(e, l->instrument);
    text_number(out, "{\"e\":\"listStatus\",\"E\":", event->time_ms);
    text_word(out, ",\"s\":", i->symbol);
    text_number(out, ",\"g\":", (int64_t)l->id);
    text_word(out, ",\"c\":", "OCO");
    text_word(out, ",\"l\":", l->is_done ? "ALL_DONE" : "EXEC_STARTED");
    text_word(out, ",\"L\":", l->is_done ? "ALL_DONE" : "EXECUTING");
    text_word(out, ",\"r\":", "NONE");
    text_word(out, ",\"C\":", l->client_id);
    text_number(out, ",\"T\":", l->updated_ms);
    buffer_append_text(out, ",\"O\":[");
    for (unsigned leg = 0; leg < SIM_LEGS; leg++) {
        text_word(out, leg ? ",{\"s\":" : "{\"s\":", i->symbol);
        text_number(out, ",\"i\":", (int64_t)l->order_ids[leg]);
        text_word(out, ",\"c\":", l->order_client_ids[leg]);
        buffer_append_char(out, '}');
    }
    buffer_append_text(out, "]}");
}
