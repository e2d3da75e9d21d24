/* The endpoints that change orders. */
#include <stdio.h>
#include <string.h>

#include "service/simserver/simserver_internal.h"
#include "service/simserver/wire_text.h"

static const struct instrument *rules_of(const struct call *c, uint16_t instrument)
{
    return sim_exchange_instrument(&c->server->exchange, instrument);
}

/* A client id of our own making, where the client gave none. */
static void make_client_id(struct call *c, char out[CLIENT_ID_SIZE])
{
    snprintf(out, CLIENT_ID_SIZE, "sim-%llu-%llu", (unsigned long long)c->now_ms,
             (unsigned long long)++c->server->next_client_id);
}

static bool read_client_id(struct call *c, const char *name, char out[CLIENT_ID_SIZE])
{
    if (!call_client_id(c, name, out)) return false;
    if (!out[0]) make_client_id(c, out);
    return true;
}

static bool read_side(struct call *c, uint8_t *out)
{
    struct slice text;
    if (!call_need(c, "side", &text)) return false;
    *out = slice_is(text, "BUY") ? SIDE_BUY : SIDE_SELL;
    return *out == SIDE_BUY || slice_is(text, "SELL") ||
           call_refuse(c, 400, -1117, "Invalid side.");
}

static bool read_type(struct call *c, const char *name, uint8_t *out)
{
    struct slice text;
    char word[32];
    enum sim_type type;
    if (!call_need(c, name, &text)) return false;
    if (!slice_copy(text, word, sizeof word) || !sim_type_parse(word, &type))
        return call_refuse(c, 400, -1116, "Invalid orderType.");
    *out = (uint8_t)type;
    return true;
}

static bool read_tif(struct call *c, const char *name, uint8_t *out)
{
    struct slice text;
    char word[8];
    enum sim_tif tif;
    if (!call_need(c, name, &text)) return false;
    if (!slice_copy(text, word, sizeof word) || !sim_tif_parse(word, &tif))
        return call_refuse(c, 400, -1115, "Invalid timeInForce.");
    *out = (uint8_t)tif;
    return true;
}

static bool check_prevention(struct call *c)
{
    struct slice mode;
    if (!call_find(c, "selfTradePreventionMode", &mode) || slice_is(mode, "EXPIRE_MAKER"))
        return true;
    return call_refuse(c, 400, -1013,
                       "This symbol does not allow the specified self-trade prevention mode.");
}

/* What the type must have and must not have. */
static bool check_needs(struct call *c, enum sim_type type)
{
    const bool priced = sim_type_is_priced(type);
    const bool timed = priced && type != SIM_TYPE_LIMIT_MAKER;
    if (timed && !call_has(c, "timeInForce")) return call_refuse_missing(c, "timeInForce");
    if (!timed && call_has(c, "timeInForce")) return call_refuse_not_required(c, "timeInForce");
    if (priced && !call_has(c, "price")) return call_refuse_missing(c, "price");
    if (!priced && call_has(c, "price")) return call_refuse_not_required(c, "price");
    if (sim_type_is_stop(type) && !call_has(c, "stopPrice"))
        return call_refuse_missing(c, "stopPrice");
    if (!sim_type_is_stop(type) && call_has(c, "stopPrice"))
        return call_refuse_not_required(c, "stopPrice");
    const bool by_quote = call_has(c, "quoteOrderQty");
    if (by_quote && type != SIM_TYPE_MARKET) return call_refuse_not_required(c, "quoteOrderQty");
    if (by_quote && call_has(c, "quantity"))
        return call_refuse(c, 400, -1128, "Combination of optional parameters invalid.");
    if (!by_quote && !call_has(c, "quantity")) return call_refuse_missing(c, "quantity");
    return true;
}

static bool read_order(struct call *c, struct sim_request *r)
{
    *r = (struct sim_request){.account = c->account, .time_ms = c->now_ms};
    if (!call_symbol(c, &r->instrument) || !read_side(c, &r->side) ||
        !read_type(c, "type", &r->type) || !check_needs(c, (enum sim_type)r->type))
        return false;
    const struct instrument *i = rules_of(c, r->instrument);
    if (call_has(c, "timeInForce") && !read_tif(c, "timeInForce", &r->tif)) return false;
    return call_decimal(c, "quantity", i->qty_scale, &r->qty.units) &&
           call_decimal(c, "quoteOrderQty", i->quote_scale, &r->quote_qty.units) &&
           call_decimal(c, "price", i->price_scale, &r->price.units) &&
           call_decimal(c, "stopPrice", i->price_scale, &r->stop_price.units) &&
           read_client_id(c, "newClientOrderId", r->client_id) && check_prevention(c);
}

static bool read_answer_kind(struct call *c, enum sim_type type, enum answer_kind *out)
{
    struct slice text;
    *out = type == SIM_TYPE_MARKET || type == SIM_TYPE_LIMIT ? ANSWER_FULL : ANSWER_ACK;
    if (!call_find(c, "newOrderRespType", &text)) return true;
    if (slice_is(text, "ACK"))
        *out = ANSWER_ACK;
    else if (slice_is(text, "RESULT"))
        *out = ANSWER_RESULT;
    else if (slice_is(text, "FULL"))
        *out = ANSWER_FULL;
    else
        return call_refuse_value(c, "newOrderRespType");
    return true;
}

static bool check_order_count(struct call *c, uint32_t count)
{
    const char *interval;
    uint32_t limit;
    if (limits_orders_allow(&c->server->limits, count, c->now_ms, &interval, &limit)) return true;
    return call_refuse(c, 429, -1015, "Too many new orders; current limit is %u orders per %s.",
                       limit, interval);
}

/* Orders were taken; the answer shows how many count now. */
static void note_orders(struct call *c, uint32_t count)
{
    c->server->counters.orders += count;
    c->counts_orders = true;
    simserver_touch(c->server);
}

bool call_order_place(struct call *c)
{
    struct sim_request r;
    struct sim_result result;
    enum answer_kind kind;
    if (!read_order(c, &r) || !read_answer_kind(c, (enum sim_type)r.type, &kind) ||
        !check_order_count(c, 1))
        return false;
    simserver_prepare(c->server, r.instrument);
    /* Counted before it is placed, because its first fill takes it off the count. */
    limits_orders_add(&c->server->limits, 1, c->now_ms);
    const enum sim_reject reject = sim_exchange_place(&c->server->exchange, &r, &result);
    if (reject) {
        limits_orders_filled(&c->server->limits);
        return call_reject(c, reject);
    }
    note_orders(c, 1);
    text_order_answer(c->out, &c->server->exchange, &result, kind);
    return true;
}

bool call_order_test(struct call *c)
{
    struct sim_request r;
    enum answer_kind kind;
    if (!read_order(c, &r) || !read_answer_kind(c, (enum sim_type)r.type, &kind)) return false;
    const enum sim_reject reject = sim_exchange_test(&c->server->exchange, &r);
    if (reject) return call_reject(c, reject);
    buffer_append_text(c->out, "{}");
    return true;
}

static bool read_restriction(struct call *c, uint8_t *out)
{
    struct slice text;
    *out = SIM_CANCEL_ANY;
    if (!call_find(c, "cancelRestrictions", &text)) return true;
    if (slice_is(text, "ONLY_NEW"))
        *out = SIM_CANCEL_ONLY_NEW;
    else if (slice_is(text, "ONLY_PARTIALLY_FILLED"))
        *out = SIM_CANCEL_ONLY_PARTIALLY_FILLED;
    else
        return call_refuse(c, 400, -1145, "Invalid cancelRestrictions");
    return true;
}

/* A list that is done, with the orders it had. */
static void write_list(struct call *c, const struct sim_list_result *r, bool cancelled)
{
    text_list_open(c->out, &c->server->exchange, &r->list, ",\"transactionTime\":");
    buffer_append_text(c->out, ",\"orderReports\":[");
    for (unsigned leg = 0; leg < SIM_LEGS; leg++) {
        const struct sim_result order = {.order = r->orders[leg]};
        if (leg) buffer_append_char(c->out, ',');
        if (cancelled)
            text_order_cancelled(c->out, &c->server->exchange, &order.order);
        else
            text_order_answer(c->out, &c->server->exchange, &order, ANSWER_RESULT);
    }
    buffer_append_text(c->out, "]}");
}

static bool cancel_list(struct call *c, const struct sim_list_cancel *request)
{
    struct sim_list_result result;
    const enum sim_reject reject = sim_exchange_cancel_list(&c->server->exchange, request, &result);
    if (reject) return call_reject(c, reject);
    simserver_touch(c->server);
    write_list(c, &result, true);
    return true;
}

bool call_order_cancel(struct call *c)
{
    struct sim_cancel r = {.account = c->account, .time_ms = c->now_ms};
    if (!call_symbol(c, &r.instrument) || !call_u64(c, "orderId", 0, &r.order_id) ||
        !call_client_id(c, "origClientOrderId", r.original_id) ||
        !read_client_id(c, "newClientOrderId", r.client_id) || !read_restriction(c, &r.restriction))
        return false;
    if (!r.order_id && !r.original_id[0])
        return call_refuse(c, 400, -1102,
                           "Param 'origClientOrderId' or 'orderId' must be sent, but both were "
                           "empty/null!");
    const struct sim_order *open = sim_exchange_order(&c->server->exchange, c->account,
                                                      r.instrument, r.order_id, r.original_id);
    if (open && open->list_id && sim_status_is_open((enum sim_status)open->status)) {
        struct sim_list_cancel list = {.account = c->account,
                                       .instrument = r.instrument,
                                       .list_id = open->list_id,
                                       .time_ms = c->now_ms};
        memcpy(list.client_id, r.client_id, sizeof list.client_id);
        return cancel_list(c, &list);
    }
    struct sim_order order;
    const enum sim_reject reject = sim_exchange_cancel(&c->server->exchange, &r, &order);
    if (reject) return call_reject(c, reject);
    simserver_touch(c->server);
    text_order_cancelled(c->out, &c->server->exchange, &order);
    return true;
}

bool call_list_cancel(struct call *c)
{
    struct sim_list_cancel r = {.account = c->account, .time_ms = c->now_ms};
    if (!call_symbol(c, &r.instrument) || !call_u64(c, "orderListId", 0, &r.list_id) ||
        !call_client_id(c, "listClientOrderId", r.list_client_id) ||
        !read_client_id(c, "newClientOrderId", r.client_id))
        return false;
    if (!r.list_id && !r.list_client_id[0])
        return call_refuse(c, 400, -1102,
                           "Param 'listClientOrderId' or 'orderListId' must be sent, but both "
                           "were empty/null!");
    return cancel_list(c, &r);
}

bool call_order_cancel_all(struct call *c)
{
    uint16_t instrument;
    const struct sim_order *o;
    struct sim_exchange *e = &c->server->exchange;
    if (!call_symbol(c, &instrument)) return false;
    if (sim_exchange_open_orders(e, c->account, instrument, &o, 1) == 0)
        return call_reject(c, SIM_REJECT_UNKNOWN_ORDER);
    char name[CLIENT_ID_SIZE];
    make_client_id(c, name);
    buffer_append_char(c->out, '[');
    for (bool first = true; sim_exchange_open_orders(e, c->account, instrument, &o, 1) == 1;
         first = false) {
        if (!first) buffer_append_char(c->out, ',');
        if (o->list_id) {
            struct sim_list_cancel list = {.account = c->account,
                                           .instrument = instrument,
                                           .list_id = o->list_id,
                                           .time_ms = c->now_ms};
            memcpy(list.client_id, name, sizeof name);
            if (!cancel_list(c, &list)) return false;
            continue;
        }
        struct sim_cancel r = {.account = c->account,
                               .instrument = instrument,
                               .order_id = o->id,
                               .time_ms = c->now_ms};
        struct sim_order ended;
        memcpy(r.client_id, name, sizeof name);
        const enum sim_reject reject = sim_exchange_cancel(e, &r, &ended);
        if (reject) return call_reject(c, reject);
        text_order_cancelled(c->out, e, &ended);
    }
    buffer_append_char(c->out, ']');
    simserver_touch(c->server);
    return true;
}

/* ---- OCO ---- */

static bool read_leg(struct call *c, const char *prefix, const struct instrument *i,
                     struct sim_leg *leg)
{
    char name[32];
    snprintf(name, sizeof name, "%sType", prefix);
    if (!read_type(c, name, &leg->type)) return false;
    const enum sim_type type = (enum sim_type)leg->type;
    snprintf(name, sizeof name, "%sTimeInForce", prefix);
    const bool timed = type == SIM_TYPE_STOP_LOSS_LIMIT || type == SIM_TYPE_TAKE_PROFIT_LIMIT;
    if (timed && !read_tif(c, name, &leg->tif)) return false;
    if (!timed && call_has(c, name)) return call_refuse_not_required(c, name);
    snprintf(name, sizeof name, "%sPrice", prefix);
    if (sim_type_is_priced(type) && !call_has(c, name)) return call_refuse_missing(c, name);
    if (!call_decimal(c, name, i->price_scale, &leg->price.units)) return false;
    snprintf(name, sizeof name, "%sStopPrice", prefix);
    if (sim_type_is_stop(type) && !call_has(c, name)) return call_refuse_missing(c, name);
    if (!call_decimal(c, name, i->price_scale, &leg->stop_price.units)) return false;
    snprintf(name, sizeof name, "%sClientOrderId", prefix);
    return read_client_id(c, name, leg->client_id);
}

bool call_oco_place(struct call *c)
{
    struct sim_list_request r = {.account = c->account, .time_ms = c->now_ms};
    struct sim_list_result result;
    enum answer_kind kind;
    struct slice quantity;
    if (!call_symbol(c, &r.instrument) || !read_side(c, &r.side) ||
        !call_need(c, "quantity", &quantity))
        return false;
    const struct instrument *i = rules_of(c, r.instrument);
    if (!call_decimal(c, "quantity", i->qty_scale, &r.qty.units) ||
        !read_leg(c, "above", i, &r.above) || !read_leg(c, "below", i, &r.below) ||
        !read_client_id(c, "listClientOrderId", r.client_id) || !check_prevention(c) ||
        !read_answer_kind(c, SIM_TYPE_LIMIT, &kind) || !check_order_count(c, SIM_LEGS))
        return false;
    simserver_prepare(c->server, r.instrument);
    const enum sim_reject reject = sim_exchange_place_list(&c->server->exchange, &r, &result);
    if (reject) return call_reject(c, reject);
    limits_orders_add(&c->server->limits, SIM_LEGS, c->now_ms);
    note_orders(c, SIM_LEGS);
    write_list(c, &result, false);
    return true;
}
