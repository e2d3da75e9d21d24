/* The endpoints that anybody may ask: rules, prices, trades, candles. */
#include <stdlib.h>
#include <string.h>

#include "service/simserver/simserver_internal.h"
#include "service/simserver/wire_text.h"

bool call_ping(struct call *c)
{
    buffer_append_text(c->out, "{}");
    return true;
}

bool call_server_time(struct call *c)
{
    text_number(c->out, "{\"serverTime\":", c->now_ms);
    buffer_append_char(c->out, '}');
    return true;
}

/* ---- exchangeInfo ---- */

static void write_lot(struct buffer *out, const char *name, const struct instrument *i,
                      struct qty min, struct qty max, struct qty step)
{
    text_word(out, ",{\"filterType\":", name);
    text_qty(out, ",\"minQty\":", i, min);
    text_qty(out, ",\"maxQty\":", i, max);
    text_qty(out, ",\"stepSize\":", i, step);
    buffer_append_char(out, '}');
}

static void write_multiplier(struct buffer *out, const char *name, int64_t ppm)
{
    char text[DECIMAL_TEXT_SIZE];
    decimal_write(ppm / 100, 4, text); /* four decimals are enough for a bound */
    text_word(out, name, text);
}

static void write_filters(struct buffer *out, const struct instrument *i)
{
    text_price(out, "[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":", i, i->price_min);
    text_price(out, ",\"maxPrice\":", i, i->price_max);
    text_price(out, ",\"tickSize\":", i, i->tick);
    buffer_append_char(out, '}');
    write_lot(out, "LOT_SIZE", i, i->qty_min, i->qty_max, i->step);
    write_lot(out, "MARKET_LOT_SIZE", i, i->market_qty_min, i->market_qty_max, i->market_step);
    write_multiplier(
        out, ",{\"filterType\":\"PERCENT_PRICE_BY_SIDE\",\"bidMultiplierUp\":", i->bid_up_ppm);
    write_multiplier(out, ",\"bidMultiplierDown\":", i->bid_down_ppm);
    write_multiplier(out, ",\"askMultiplierUp\":", i->ask_up_ppm);
    write_multiplier(out, ",\"askMultiplierDown\":", i->ask_down_ppm);
    buffer_append_text(out, ",\"avgPriceMins\":5}");
    text_quote(out, ",{\"filterType\":\"NOTIONAL\",\"minNotional\":", i, i->notional_min);
    text_bool(out, ",\"applyMinToMarket\":", i->notional_min_market);
    text_quote(out, ",\"maxNotional\":", i, i->notional_max);
    text_bool(out, ",\"applyMaxToMarket\":", i->notional_max_market);
    buffer_append_text(out, ",\"avgPriceMins\":5}");
    text_number(out, ",{\"filterType\":\"MAX_NUM_ORDERS\",\"maxNumOrders\":", i->orders_max);
    text_number(
        out, "},{\"filterType\":\"MAX_NUM_ALGO_ORDERS\",\"maxNumAlgoOrders\":", i->algo_orders_max);
    buffer_append_text(out, "}]");
}

static void write_symbol(struct buffer *out, const struct instrument *i)
{
    text_word(out, "{\"symbol\":", i->symbol);
    text_word(out, ",\"status\":", i->status == INSTRUMENT_TRADING ? "TRADING" : "HALT");
    text_word(out, ",\"baseAsset\":", i->base);
    text_number(out, ",\"baseAssetPrecision\":", i->base_scale);
    text_word(out, ",\"quoteAsset\":", i->quote);
    text_number(out, ",\"quotePrecision\":", i->quote_scale);
    text_number(out, ",\"quoteAssetPrecision\":", i->quote_scale);
    text_number(out, ",\"baseCommissionPrecision\":", i->base_scale);
    text_number(out, ",\"quoteCommissionPrecision\":", i->quote_scale);
    buffer_append_text(
        out, ",\"orderTypes\":[\"LIMIT\",\"LIMIT_MAKER\",\"MARKET\",\"STOP_LOSS\","
             "\"STOP_LOSS_LIMIT\",\"TAKE_PROFIT\",\"TAKE_PROFIT_LIMIT\"],\"icebergAllowed\":false,"
             "\"ocoAllowed\":true,\"otoAllowed\":false,\"quoteOrderQtyMarketAllowed\":true,"
             "\"allowTrailingStop\":false,\"cancelReplaceAllowed\":true,\"amendAllowed\":false,"
             "\"pegInstructionsAllowed\":false,\"isSpotTradingAllowed\":true,"
             "\"isMarginTradingAllowed\":false,\"filters\":");
    write_filters(out, i);
    buffer_append_text(out, ",\"permissions\":[],\"permissionSets\":[[\"SPOT\"]],"
                            "\"defaultSelfTradePreventionMode\":\"EXPIRE_MAKER\","
                            "\"allowedSelfTradePreventionModes\":[\"EXPIRE_MAKER\"]}");
}

bool call_exchange_info(struct call *c)
{
    uint16_t instruments[CALL_SYMBOLS_MAX];
    unsigned count;
    bool single;
    if (!call_symbols(c, instruments, &count, &single)) return false;
    text_number(c->out, "{\"timezone\":\"UTC\",\"serverTime\":", c->now_ms);
    buffer_append_text(c->out, ",\"rateLimits\":[");
    text_weight_limit(c->out, &c->server->limits, -1);
    buffer_append_char(c->out, ',');
    text_order_limits(c->out, &c->server->limits, false);
    buffer_append_text(c->out, "],\"exchangeFilters\":[],\"symbols\":[");
    for (unsigned i = 0; i < count; i++) {
        if (i) buffer_append_char(c->out, ',');
        write_symbol(c->out, call_rules(c, instruments[i]));
    }
    buffer_append_text(c->out, "]}");
    return true;
}

/* ---- book and trades ---- */

uint32_t weigh_depth(const struct call *c)
{
    struct slice text;
    int64_t limit = 100;
    if (call_find(c, "limit", &text)) (void)decimal_parse(text.data, text.size, 0, &limit);
    return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1000 ? 50 : 250;
}

bool call_depth(struct call *c)
{
    struct level *levels = c->server->levels;
    uint16_t instrument;
    uint32_t limit;
    uint64_t update_id = 0;
    if (!call_symbol(c, &instrument) || !call_limit(c, 100, DEPTH_LIMIT_MAX, &limit)) return false;
    uint32_t count = market_depth(c->server, instrument, SIDE_BUY, levels, limit, &update_id);
    text_number(c->out, "{\"lastUpdateId\":", (int64_t)update_id);
    buffer_append_text(c->out, ",\"bids\":");
    text_levels(c->out, call_rules(c, instrument), levels, count);
    count = market_depth(c->server, instrument, SIDE_SELL, levels, limit, &update_id);
    buffer_append_text(c->out, ",\"asks\":");
    text_levels(c->out, call_rules(c, instrument), levels, count);
    buffer_append_char(c->out, '}');
    return true;
}

static void write_trade(struct buffer *out, const struct instrument *i,
                        const struct market_trade *t)
{
    text_number(out, "{\"id\":", (int64_t)t->id);
    text_price(out, ",\"price\":", i, t->price);
    text_qty(out, ",\"qty\":", i, t->qty);
    text_quote(out, ",\"quoteQty\":", i, t->quote);
    text_number(out, ",\"time\":", t->time_ms);
    text_bool(out, ",\"isBuyerMaker\":", t->buyer_is_maker);
    buffer_append_text(out, ",\"isBestMatch\":true}");
}

bool call_trades(struct call *c)
{
    uint16_t instrument;
    uint32_t limit;
    uint64_t from_id;
    if (!call_symbol(c, &instrument) || !call_limit(c, 500, 1000, &limit) ||
        !call_u64(c, "fromId", 0, &from_id))
        return false;
    const struct market_history *h = &c->server->feeds[instrument].history;
    uint64_t at = market_history_first(h, h->trade_count);
    if (call_has(c, "fromId"))
        while (at < h->trade_count && h->trades[at & h->mask].id < from_id) at++;
    else if (h->trade_count - at > limit)
        at = h->trade_count - limit;
    buffer_append_char(c->out, '[');
    for (uint32_t n = 0; n < limit && at < h->trade_count; n++, at++) {
        if (n) buffer_append_char(c->out, ',');
        write_trade(c->out, call_rules(c, instrument), &h->trades[at & h->mask]);
    }
    buffer_append_char(c->out, ']');
    return true;
}

static void write_aggregate(struct buffer *out, const struct instrument *i,
                            const struct market_aggregate *a)
{
    text_number(out, "{\"a\":", (int64_t)a->id);
    text_price(out, ",\"p\":", i, a->trade.price);
    text_qty(out, ",\"q\":", i, a->trade.qty);
    text_number(out, ",\"f\":", (int64_t)a->first_id);
    text_number(out, ",\"l\":", (int64_t)a->last_id);
    text_number(out, ",\"T\":", a->trade.time_ms);
    text_bool(out, ",\"m\":", a->trade.buyer_is_maker);
    buffer_append_text(out, ",\"M\":true}");
}

bool call_agg_trades(struct call *c)
{
    uint16_t instrument;
    uint32_t limit;
    uint64_t from_id;
    int64_t start_ms, end_ms;
    if (!call_symbol(c, &instrument) || !call_limit(c, 500, 1000, &limit) ||
        !call_u64(c, "fromId", 0, &from_id) || !call_time(c, "startTime", &start_ms) ||
        !call_time(c, "endTime", &end_ms))
        return false;
    const struct market_history *h = &c->server->feeds[instrument].history;
    uint64_t at = market_history_first(h, h->aggregate_count), end = h->aggregate_count;
    while (at < end && (h->aggregates[at & h->mask].id < from_id ||
                        h->aggregates[at & h->mask].trade.time_ms < start_ms))
        at++;
    while (end_ms >= 0 && end > at && h->aggregates[(end - 1) & h->mask].trade.time_ms > end_ms)
        end--;
    if (!call_has(c, "fromId") && start_ms < 0 && end - at > limit) at = end - limit;
    buffer_append_char(c->out, '[');
    for (uint32_t n = 0; n < limit && at < end; n++, at++) {
        if (n) buffer_append_char(c->out, ',');
        write_aggregate(c->out, call_rules(c, instrument), &h->aggregates[at & h->mask]);
    }
    buffer_append_char(c->out, ']');
    return true;
}

/* ---- candles ---- */

static void write_kline(struct buffer *out, const struct instrument *i, enum timeframe timeframe,
                        const struct synthetic_candle *k)
{
    text_number(out, "[", k->candle.open_ms);
    text_price(out, ",", i, k->candle.open);
    text_price(out, ",", i, k->candle.high);
    text_price(out, ",", i, k->candle.low);
    text_price(out, ",", i, k->candle.close);
    text_qty(out, ",", i, k->candle.volume);
    text_number(out, ",", k->candle.open_ms + timeframe_ms(timeframe) - 1);
    text_quote(out, ",", i, k->quote_volume);
    text_number(out, ",", (int64_t)k->trades);
    text_qty(out, ",", i, k->taker_buy);
    text_quote(out, ",", i, k->taker_buy_quote);
    buffer_append_text(out, ",\"0\"]");
}

/* Where the answer begins, and how many candles it may have. */
static int64_t klines_from(const struct call *c, uint16_t instrument, enum timeframe timeframe,
                           int64_t start_ms, int64_t end_ms, uint32_t *count)
{
    const int64_t length = timeframe_ms(timeframe);
    const int64_t now_ms = market_time(c->server, instrument);
    const int64_t last_ms = end_ms >= 0 && end_ms < now_ms ? end_ms : now_ms;
    const int64_t first_ms = c->server->recording ? 0 : SYNTHETIC_FIRST_MS;
    const uint32_t max =
        c->server->recording ? MARKET_KLINES_MAX : synthetic_candles_max(timeframe);
    if (*count > max) *count = max;
    int64_t from_ms = start_ms >= 0 ? timeframe_floor(timeframe, start_ms + length - 1)
                                    : timeframe_floor(timeframe, last_ms) - (*count - 1) * length;
    if (from_ms < first_ms) from_ms = timeframe_floor(timeframe, first_ms + length - 1);
    if (from_ms > last_ms)
        *count = 0;
    else if ((last_ms - from_ms) / length + 1 < *count)
        *count = (uint32_t)((last_ms - from_ms) / length + 1);
    return from_ms;
}

bool call_klines(struct call *c)
{
    uint16_t instrument;
    enum timeframe timeframe;
    uint32_t count;
    int64_t start_ms, end_ms;
    if (!call_symbol(c, &instrument) || !call_interval(c, &timeframe) ||
        !call_limit(c, 500, MARKET_KLINES_MAX, &count) || !call_time(c, "startTime", &start_ms) ||
        !call_time(c, "endTime", &end_ms))
        return false;
    const int64_t from_ms = klines_from(c, instrument, timeframe, start_ms, end_ms, &count);
    struct synthetic_candle *candles = calloc(MARKET_KLINES_MAX, sizeof *candles);
    if (!candles) return call_reject(c, SIM_REJECT_OVERLOADED);
    if (count) count = market_klines(c->server, instrument, timeframe, from_ms, count, candles);
    buffer_append_char(c->out, '[');
    for (uint32_t n = 0; n < count; n++) {
        if (n) buffer_append_char(c->out, ',');
        write_kline(c->out, call_rules(c, instrument), timeframe, &candles[n]);
    }
    buffer_append_char(c->out, ']');
    free(candles);
    return true;
}

/* ---- prices ---- */

bool call_avg_price(struct call *c)
{
    uint16_t instrument;
    if (!call_symbol(c, &instrument)) return false;
    text_price(c->out, "{\"mins\":5,\"price\":", call_rules(c, instrument),
               market_average_price(c->server, instrument));
    text_number(c->out, ",\"closeTime\":", market_time(c->server, instrument));
    buffer_append_char(c->out, '}');
    return true;
}

static uint32_t count_symbols(const struct call *c)
{
    struct slice text;
    if (call_has(c, "symbol")) return 1;
    if (!call_find(c, "symbols", &text)) return 0;
    uint32_t count = 1;
    for (size_t i = 0; i < text.size; i++) count += text.data[i] == ',';
    return count;
}

uint32_t weigh_ticker_day(const struct call *c)
{
    const uint32_t count = count_symbols(c);
    return count == 0 || count > 100 ? 80 : count <= 20 ? 2 : 40;
}

uint32_t weigh_ticker(const struct call *c)
{
    return call_has(c, "symbol") ? 2 : 4;
}

/* For each symbol asked for, one object; an array unless `symbol` was given. */
static bool write_tickers(struct call *c, void (*write)(struct call *c, uint16_t instrument))
{
    uint16_t instruments[CALL_SYMBOLS_MAX];
    unsigned count;
    bool single;
    if (!call_symbols(c, instruments, &count, &single)) return false;
    if (!single) buffer_append_char(c->out, '[');
    for (unsigned i = 0; i < count; i++) {
        if (i) buffer_append_char(c->out, ',');
        write(c, instruments[i]);
    }
    if (!single) buffer_append_char(c->out, ']');
    return true;
}

static void write_price(struct call *c, uint16_t instrument)
{
    const struct instrument *i = call_rules(c, instrument);
    text_word(c->out, "{\"symbol\":", i->symbol);
    text_price(c->out, ",\"price\":", i, market_last_price(c->server, instrument));
    buffer_append_char(c->out, '}');
}

bool call_ticker_price(struct call *c)
{
    return write_tickers(c, write_price);
}

static void write_best(struct call *c, uint16_t instrument, const char *const names[4])
{
    const struct instrument *i = call_rules(c, instrument);
    for (unsigned side = 0; side < 2; side++) {
        struct level best = {0};
        uint64_t update_id;
        market_depth(c->server, instrument, (enum side)side, &best, 1, &update_id);
        text_price(c->out, names[2 * side], i, best.price);
        text_qty(c->out, names[2 * side + 1], i, best.qty);
    }
}

static const char *const best_names[4] = {
    ",\"bidPrice\":", ",\"bidQty\":", ",\"askPrice\":", ",\"askQty\":"};

static void write_book_ticker(struct call *c, uint16_t instrument)
{
    text_word(c->out, "{\"symbol\":", call_rules(c, instrument)->symbol);
    write_best(c, instrument, best_names);
    buffer_append_char(c->out, '}');
}

bool call_ticker_book(struct call *c)
{
    return write_tickers(c, write_book_ticker);
}

static void write_change(struct buffer *out, const struct instrument *i,
                         const struct synthetic_candle *day)
{
    const struct market_change change = market_change(i, day);
    text_price(out, ",\"priceChange\":", i, change.change);
    text_word(out, ",\"priceChangePercent\":", change.percent);
    text_price(out, ",\"weightedAvgPrice\":", i, change.average);
    text_price(out, ",\"prevClosePrice\":", i, day->candle.open);
}

static void write_last(struct call *c, uint16_t instrument)
{
    const struct market_history *h = &c->server->feeds[instrument].history;
    const struct qty last =
        h->trade_count ? h->trades[(h->trade_count - 1) & h->mask].qty : (struct qty){0};
    text_qty(c->out, ",\"lastQty\":", call_rules(c, instrument), last);
    write_best(c, instrument, best_names);
}

static void write_day(struct call *c, uint16_t instrument)
{
    struct slice type;
    const bool full = !call_find(c, "type", &type) || slice_is(type, "FULL");
    const struct instrument *i = call_rules(c, instrument);
    const struct synthetic_candle day = market_day(c->server, instrument);
    int64_t first, last;
    market_ids(c->server, instrument, &day, INT64_MAX, &first, &last);
    text_word(c->out, "{\"symbol\":", i->symbol);
    if (full) write_change(c->out, i, &day);
    text_price(c->out, ",\"lastPrice\":", i, day.candle.close);
    if (full) write_last(c, instrument);
    text_price(c->out, ",\"openPrice\":", i, day.candle.open);
    text_price(c->out, ",\"highPrice\":", i, day.candle.high);
    text_price(c->out, ",\"lowPrice\":", i, day.candle.low);
    text_qty(c->out, ",\"volume\":", i, day.candle.volume);
    text_quote(c->out, ",\"quoteVolume\":", i, day.quote_volume);
    text_number(c->out, ",\"openTime\":", day.candle.open_ms);
    text_number(c->out, ",\"closeTime\":", market_time(c->server, instrument));
    text_number(c->out, ",\"firstId\":", first);
    text_number(c->out, ",\"lastId\":", last);
    text_number(c->out, ",\"count\":", (int64_t)day.trades);
    buffer_append_char(c->out, '}');
}

bool call_ticker_day(struct call *c)
{
    struct slice type;
    if (call_find(c, "type", &type) && !slice_is(type, "FULL") && !slice_is(type, "MINI"))
        return call_refuse_value(c, "type");
    return write_tickers(c, write_day);
}
