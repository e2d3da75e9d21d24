/* The endpoints that tell an account about itself. */
#include <stdlib.h>
#include <string.h>

#include "service/simserver/simserver_internal.h"
#include "service/simserver/wire_text.h"

#define DAY_MS INT64_C(86400000)

enum { ROWS_MAX = 1000 };

static bool read_order_name(struct call *c, uint64_t *order_id, char client_id[CLIENT_ID_SIZE])
{
    if (!call_u64(c, "orderId", 0, order_id) || !call_client_id(c, "origClientOrderId", client_id))
        return false;
    if (*order_id || client_id[0]) return true;
    return call_refuse(c, 400, -1102,
                       "Param 'origClientOrderId' or 'orderId' must be sent, but both were "
                       "empty/null!");
}

bool call_order_status(struct call *c)
{
    uint16_t instrument;
    uint64_t order_id;
    char client_id[CLIENT_ID_SIZE];
    if (!call_symbol(c, &instrument) || !read_order_name(c, &order_id, client_id)) return false;
    const struct sim_order *o =
        sim_exchange_order(&c->server->exchange, c->account, instrument, order_id, client_id);
    if (!o) return call_reject(c, SIM_REJECT_NO_SUCH_ORDER);
    const char *name = o->original_id[0] ? o->original_id : o->client_id;
    if (client_id[0] && strcmp(name, client_id) != 0)
        return call_refuse(c, 400, -2039, "Client order ID is not correct for this order ID.");
    text_order(c->out, &c->server->exchange, o);
    return true;
}

static void write_orders(struct call *c, const struct sim_order *const *orders, uint32_t count)
{
    buffer_append_char(c->out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i) buffer_append_char(c->out, ',');
        text_order(c->out, &c->server->exchange, orders[i]);
    }
    buffer_append_char(c->out, ']');
}

uint32_t weigh_open_orders(const struct call *c)
{
    return call_has(c, "symbol") ? 6 : 80;
}

bool call_open_orders(struct call *c)
{
    uint16_t instrument = INSTRUMENT_NONE;
    const struct sim_order **orders = calloc(PEOPLE_ORDERS_MAX, sizeof *orders);
    if (!orders) return call_reject(c, SIM_REJECT_OVERLOADED);
    const bool is_fine = !call_has(c, "symbol") || call_symbol(c, &instrument);
    if (is_fine)
        write_orders(c, orders,
                     sim_exchange_open_orders(&c->server->exchange, c->account, instrument, orders,
                                              PEOPLE_ORDERS_MAX));
    free(orders);
    return is_fine;
}

/* startTime and endTime: in order, and at most a day apart. */
static bool read_span(struct call *c, int64_t *start_ms, int64_t *end_ms)
{
    if (!call_time(c, "startTime", start_ms) || !call_time(c, "endTime", end_ms)) return false;
    if (*start_ms < 0 || *end_ms < 0) return true;
    if (*end_ms < *start_ms) return call_refuse_value(c, "startTime");
    return *end_ms - *start_ms <= DAY_MS ||
           call_refuse(c, 400, -1127, "More than 24 hours between startTime and endTime.");
}

/* An id to start from. Ids count from 1, and the exchange takes 0 for "the newest": a client that
 * asks for id 0 and up wants the oldest. */
static bool read_from(struct call *c, const char *name, uint64_t *id)
{
    if (!call_u64(c, name, 0, id)) return false;
    if (*id == 0 && call_has(c, name)) *id = 1;
    return true;
}

bool call_all_orders(struct call *c)
{
    uint16_t instrument;
    uint64_t from_id;
    int64_t start_ms, end_ms;
    uint32_t limit;
    if (!call_symbol(c, &instrument) || !read_from(c, "orderId", &from_id) ||
        !read_span(c, &start_ms, &end_ms) || !call_limit(c, 500, ROWS_MAX, &limit))
        return false;
    const struct sim_order *orders[ROWS_MAX];
    const uint32_t count = sim_exchange_all_orders(&c->server->exchange, c->account, instrument,
                                                   from_id, start_ms < 0 ? 0 : start_ms,
                                                   end_ms < 0 ? INT64_MAX : end_ms, orders, limit);
    write_orders(c, orders, count);
    return true;
}

bool call_list_status(struct call *c)
{
    uint64_t list_id;
    char client_id[CLIENT_ID_SIZE];
    if (!call_u64(c, "orderListId", 0, &list_id) ||
        !call_client_id(c, "origClientOrderId", client_id))
        return false;
    if (!list_id && !client_id[0]) return call_refuse_missing(c, "orderListId");
    const struct sim_list *l =
        sim_exchange_list(&c->server->exchange, c->account, list_id, client_id);
    if (!l) return call_reject(c, SIM_REJECT_NO_SUCH_LIST);
    text_list_open(c->out, &c->server->exchange, l, ",\"transactionTime\":");
    buffer_append_char(c->out, '}');
    return true;
}

static void write_rates(struct buffer *out, const char *name, int32_t maker_ppm, int32_t taker_ppm)
{
    buffer_append_text(out, name);
    buffer_append_text(out, "{\"maker\":");
    text_decimal(out, maker_ppm, 6);
    buffer_append_text(out, ",\"taker\":");
    text_decimal(out, taker_ppm, 6);
    buffer_append_text(out, ",\"buyer\":\"0.00000000\",\"seller\":\"0.00000000\"}");
}

static void write_balances(struct call *c, bool omit_zero)
{
    const struct sim_exchange *e = &c->server->exchange;
    bool first = true;
    for (uint16_t asset = 0; asset < e->assets.count; asset++) {
        const struct sim_balance b = sim_exchange_balance(e, c->account, asset);
        if (omit_zero && b.free.units == 0 && b.locked.units == 0) continue;
        text_word(c->out, first ? "{\"asset\":" : ",{\"asset\":", e->assets.items[asset].name);
        buffer_append_text(c->out, ",\"free\":");
        text_decimal(c->out, b.free.units, e->assets.items[asset].scale);
        buffer_append_text(c->out, ",\"locked\":");
        text_decimal(c->out, b.locked.units, e->assets.items[asset].scale);
        buffer_append_char(c->out, '}');
        first = false;
    }
}

bool call_account(struct call *c)
{
    struct slice omit;
    const bool omit_zero = call_find(c, "omitZeroBalances", &omit) && slice_is(omit, "true");
    const struct instrument *i = sim_exchange_instrument(&c->server->exchange, 0);
    text_number(c->out, "{\"makerCommission\":", i->maker_fee_ppm / 100);
    text_number(c->out, ",\"takerCommission\":", i->taker_fee_ppm / 100);
    buffer_append_text(c->out, ",\"buyerCommission\":0,\"sellerCommission\":0");
    write_rates(c->out, ",\"commissionRates\":", i->maker_fee_ppm, i->taker_fee_ppm);
    buffer_append_text(c->out, ",\"canTrade\":true,\"canWithdraw\":false,\"canDeposit\":false,"
                               "\"brokered\":false,\"requireSelfTradePrevention\":false,"
                               "\"preventSor\":false");
    text_number(c->out, ",\"updateTime\":", c->server->exchange.accounts[c->account].updated_ms);
    buffer_append_text(c->out, ",\"accountType\":\"SPOT\",\"balances\":[");
    write_balances(c, omit_zero);
    buffer_append_text(c->out, "],\"permissions\":[\"SPOT\"],\"uid\":1}");
    return true;
}

bool call_restrictions(struct call *c)
{
    buffer_append_text(c->out, "{\"ipRestrict\":false,\"createTime\":1700000000000,"
                               "\"enableReading\":true,\"enableWithdrawals\":");
    buffer_append_text(c->out, c->key->may_withdraw ? "true" : "false");
    buffer_append_text(c->out, ",\"enableInternalTransfer\":false,\"enableMargin\":false,"
                               "\"enableFutures\":false,\"permitsUniversalTransfer\":false,"
                               "\"enableVanillaOptions\":false,\"enableFixApiTrade\":false,"
                               "\"enableFixReadOnly\":false,\"enableSpotAndMarginTrading\":true,"
                               "\"enablePortfolioMarginTrading\":false}");
    return true;
}

bool call_commission(struct call *c)
{
    uint16_t instrument;
    if (!call_symbol(c, &instrument)) return false;
    const struct instrument *i = sim_exchange_instrument(&c->server->exchange, instrument);
    text_word(c->out, "{\"symbol\":", i->symbol);
    write_rates(c->out, ",\"standardCommission\":", i->maker_fee_ppm, i->taker_fee_ppm);
    write_rates(c->out, ",\"specialCommission\":", 0, 0);
    write_rates(c->out, ",\"taxCommission\":", 0, 0);
    buffer_append_text(c->out,
                       ",\"discount\":{\"enabledForAccount\":false,\"enabledForSymbol\":false,"
                       "\"discountAsset\":\"BNB\",\"discount\":\"0.00000000\"}}");
    return true;
}

uint32_t weigh_my_trades(const struct call *c)
{
    return call_has(c, "orderId") ? 5 : 20;
}

bool call_my_trades(struct call *c)
{
    struct sim_fill_query q = {.account = c->account};
    int64_t start_ms, end_ms;
    uint32_t limit;
    if (!call_symbol(c, &q.instrument) || !call_u64(c, "orderId", 0, &q.order_id) ||
        !read_from(c, "fromId", &q.from_trade_id) || !read_span(c, &start_ms, &end_ms) ||
        !call_limit(c, 500, ROWS_MAX, &limit))
        return false;
    if ((q.from_trade_id || q.order_id) && (start_ms >= 0 || end_ms >= 0))
        return call_refuse(c, 400, -1128, "Combination of optional parameters invalid.");
    q.from_ms = start_ms < 0 ? 0 : start_ms;
    q.to_ms = end_ms < 0 ? 0 : end_ms;
    const struct sim_fill *fills[ROWS_MAX];
    const uint32_t count = sim_exchange_fills(&c->server->exchange, &q, fills, limit);
    buffer_append_char(c->out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i) buffer_append_char(c->out, ',');
        text_fill(c->out, &c->server->exchange, fills[i]);
    }
    buffer_append_char(c->out, ']');
    return true;
}

bool call_order_counts(struct call *c)
{
    struct limits *l = &c->server->limits;
    struct limits_full full;
    (void)limits_orders_allow(l, 0, c->now_ms, &full); /* starts a new window */
    buffer_append_char(c->out, '[');
    text_order_limits(c->out, l, true);
    buffer_append_char(c->out, ']');
    return true;
}
