/* The endpoints that change orders. */
#include <stdio.h>
#include <string.h>

#include "service/simserver/simserver_internal.h"
#include "service/simserver/wire_text.h"

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
    const struct instrument *i = call_rules(c, r->instrument);
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
    struct limits_full full;
    if (limits_orders_allow(&c->server->limits, count, c->now_ms, &full)) return true;
    c->retry_s = full.retry_s;
    return call_refuse(c, 429, -1015, "Too many new orders; current limit is %u orders per %s.",
                       full.limit, full.interval);
}

/* Orders were taken; the answer shows how many count now. */
static void note_orders(struct call *c, uint32_t count)
{
    c->server->counters.orders += count;
    c->counts_orders = true;
    simserver_touch(c->server);
}

/* Takes the order, and writes its answer. */
static enum sim_reject place(struct call *c, const struct sim_request *r, enum answer_kind kind,
                             struct buffer *out)
{
    struct sim_result result;
    simserver_prepare(c->server, r->instrument);
    /* Counted before it is placed, because its first fill takes it off the count. */
    limits_orders_add(&c->server->limits, 1, c->now_ms);
    const enum sim_reject reject = sim_exchange_place(&c->server->exchange, r, &result);
    if (reject) return reject;
    note_orders(c, 1);
    text_order_answer(out, &c->server->exchange, &result, kind);
    return SIM_REJECT_NONE;
}

bool call_order_place(struct call *c)
{
    struct sim_request r;
    enum answer_kind kind;
    if (!read_order(c, &r) || !read_answer_kind(c, (enum sim_type)r.type, &kind) ||
        !check_order_count(c, 1))
        return false;
    const enum sim_reject reject = place(c, &r, kind, c->out);
    if (reject == SIM_REJECT_NONE) return true;
    limits_orders_filled(&c->server->limits); /* it does not count */
    return call_reject(c, reject);
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

/* A list, with the orders it has or had. */
static void write_list(struct call *c, const struct sim_list_result *r, enum answer_kind kind,
                       struct buffer *out)
{
    const struct sim_exchange *e = &c->server->exchange;
    text_list_open(out, e, &r->list, ",\"transactionTime\":");
    buffer_append_text(out, ",\"orderReports\":[");
    for (unsigned leg = 0; leg < SIM_LEGS; leg++) {
        const struct sim_result order = {.order = r->orders[leg]};
        if (leg) buffer_append_char(out, ',');
        if (r->list.is_done)
            text_order_cancelled(out, e, &order.order);
        else
            text_order_answer(out, e, &order, kind);
    }
    buffer_append_text(out, "]}");
}

static bool cancel_list(struct call *c, const struct sim_list_cancel *request)
{
    struct sim_list_result result;
    const enum sim_reject reject = sim_exchange_cancel_list(&c->server->exchange, request, &result);
    if (reject) return call_reject(c, reject);
    simserver_touch(c->server);
    write_list(c, &result, ANSWER_RESULT, c->out);
    return true;
}

/* Cancels, and writes the answer: of a list's leg, the list, which is cancelled with it. */
static enum sim_reject cancel(struct call *c, const struct sim_cancel *r, struct buffer *out)
{
    const struct sim_exchange *e = &c->server->exchange;
    struct sim_order order;
    const enum sim_reject reject = sim_exchange_cancel(&c->server->exchange, r, &order);
    if (reject) return reject;
    simserver_touch(c->server);
    const struct sim_list *list =
        order.list_id ? sim_exchange_list(e, c->account, order.list_id, "") : NULL;
    if (!list) {
        text_order_cancelled(out, e, &order);
        return SIM_REJECT_NONE;
    }
    struct sim_list_result result = {.list = *list};
    for (unsigned leg = 0; leg < SIM_LEGS; leg++) {
        const struct sim_order *o =
            sim_exchange_order(e, c->account, r->instrument, list->order_ids[leg], "");
        if (o) result.orders[leg] = *o;
    }
    write_list(c, &result, ANSWER_RESULT, out);
    return SIM_REJECT_NONE;
}

/* Which order to cancel, by the names that the endpoint has for that. */
static bool read_cancel(struct call *c, const char *id_name, const char *client_name,
                        const char *new_name, struct sim_cancel *r)
{
    *r = (struct sim_cancel){.account = c->account, .time_ms = c->now_ms};
    if (!call_symbol(c, &r->instrument) || !call_u64(c, id_name, 0, &r->order_id) ||
        !call_client_id(c, client_name, r->original_id) ||
        !read_client_id(c, new_name, r->client_id) || !read_restriction(c, &r->restriction))
        return false;
    if (r->order_id || r->original_id[0]) return true;
    return call_refuse(c, 400, -1102, "Param '%s' or '%s' must be sent, but both were empty/null!",
                       client_name, id_name);
}

bool call_order_cancel(struct call *c)
{
    struct sim_cancel r;
    if (!read_cancel(c, "orderId", "origClientOrderId", "newClientOrderId", &r)) return false;
    const enum sim_reject reject = cancel(c, &r, c->out);
    return reject == SIM_REJECT_NONE || call_reject(c, reject);
}

/* ---- cancelReplace ---- */

enum replace_result { REPLACE_SUCCESS, REPLACE_FAILURE, REPLACE_NOT_ATTEMPTED };

static void write_reject(struct buffer *out, int code, const char *text)
{
    buffer_clear(out);
    text_number(out, "{\"code\":", code);
    text_word(out, ",\"msg\":", text);
    buffer_append_char(out, '}');
}

/* Reads one of two words; *second: it is the second one. */
static bool read_choice(struct call *c, const char *name, const char *const words[2], bool *second)
{
    struct slice text;
    if (!call_need(c, name, &text)) return false;
    *second = slice_is(text, words[1]);
    return *second || slice_is(text, words[0]) || call_refuse_value(c, name);
}

struct replace {
    struct sim_cancel cancel;
    struct sim_request order;
    enum answer_kind kind;
    bool goes_on;     /* ALLOW_FAILURE */
    bool only_cancel; /* the order limit is reached, and the client wants that much */
};

static bool read_replace(struct call *c, struct replace *r)
{
    static const char *const modes[] = {"STOP_ON_FAILURE", "ALLOW_FAILURE"};
    static const char *const excesses[] = {"DO_NOTHING", "CANCEL_ONLY"};
    bool may_cancel_only = false;
    if (!read_order(c, &r->order) || !read_answer_kind(c, (enum sim_type)r->order.type, &r->kind) ||
        !read_choice(c, "cancelReplaceMode", modes, &r->goes_on) ||
        !read_cancel(c, "cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId",
                     &r->cancel))
        return false;
    if (call_has(c, "orderRateLimitExceededMode") &&
        !read_choice(c, "orderRateLimitExceededMode", excesses, &may_cancel_only))
        return false;
    /* Filters come before the cancel. */
    const enum sim_reject reject = sim_exchange_test(&c->server->exchange, &r->order);
    if (sim_reject_code(reject) == sim_reject_code(SIM_REJECT_LOT_SIZE))
        return call_reject(c, reject);
    if (check_order_count(c, 1)) return true;
    r->only_cancel = may_cancel_only;
    return may_cancel_only;
}

/* The two parts, in order; their answers go to the two buffers. */
static void run_replace(struct call *c, const struct replace *r, struct buffer texts[2],
                        enum replace_result results[2])
{
    enum sim_reject reject = cancel(c, &r->cancel, &texts[0]);
    results[0] = reject ? REPLACE_FAILURE : REPLACE_SUCCESS;
    if (reject) write_reject(&texts[0], sim_reject_code(reject), sim_reject_text(reject));
    if (r->only_cancel) {
        results[1] = REPLACE_FAILURE;
        write_reject(&texts[1], c->code, c->message);
        return;
    }
    if (reject && !r->goes_on) {
        results[1] = REPLACE_NOT_ATTEMPTED;
        buffer_append_text(&texts[1], "null");
        limits_orders_add(&c->server->limits, 1, c->now_ms); /* counts all the same */
        return;
    }
    reject = place(c, &r->order, r->kind, &texts[1]);
    results[1] = reject ? REPLACE_FAILURE : REPLACE_SUCCESS;
    if (reject) write_reject(&texts[1], sim_reject_code(reject), sim_reject_text(reject));
}

bool call_cancel_replace(struct call *c)
{
    static const char *const words[] = {"SUCCESS", "FAILURE", "NOT_ATTEMPTED"};
    struct replace r = {0};
    struct buffer texts[2] = {{0}};
    enum replace_result results[2];
    if (!read_replace(c, &r)) return false;
    run_replace(c, &r, texts, results);
    text_word(c->out, "{\"cancelResult\":", words[results[0]]);
    text_word(c->out, ",\"newOrderResult\":", words[results[1]]);
    buffer_append_text(c->out, ",\"cancelResponse\":");
    buffer_append(c->out, texts[0].data, texts[0].size);
    buffer_append_text(c->out, ",\"newOrderResponse\":");
    buffer_append(c->out, texts[1].data, texts[1].size);
    buffer_append_char(c->out, '}');
    buffer_deinit(&texts[0]);
    buffer_deinit(&texts[1]);
    if (!results[0] && !results[1]) return true;
    c->has_data = true;
    const bool is_partial = !results[0] || !results[1];
    return call_refuse(c,
                       r.only_cancel ? 429
                       : is_partial  ? 409
                                     : 400,
                       is_partial ? -2021 : -2022, "Order cancel-replace %sfailed.",
                       is_partial ? "partially " : "");
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
        struct sim_cancel r = {.account = c->account,
                               .instrument = instrument,
                               .order_id = o->id,
                               .time_ms = c->now_ms};
        memcpy(r.client_id, name, sizeof name);
        const enum sim_reject reject = cancel(c, &r, c->out);
        if (reject) return call_reject(c, reject);
    }
    buffer_append_char(c->out, ']');
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
    const struct instrument *i = call_rules(c, r.instrument);
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
    write_list(c, &result, kind, c->out);
    return true;
}
