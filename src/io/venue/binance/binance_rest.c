/* Answers of Binance's REST API. The list of symbols is binance_exchange_info.c, what we ask is
 * binance_request.c. */
#include "io/venue/binance/binance_rest.h"

#include <string.h>

#include "io/venue/binance/binance_fields.h"
#include "io/venue/binance/binance_straight.h"
#include "io/venue/json_cursor.h"

static enum err finish(struct json_cursor *c, const char *what)
{
    return cursor_end(c) ? OK : cursor_fail(c, what);
}

enum err binance_read_error(struct slice body, struct binance_error *out)
{
    struct json_cursor c;
    struct slice key;
    int64_t code = 0;
    bool has_code = false;
    *out = (struct binance_error){0};
    cursor_init(&c, body);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "code")) {
            if (has_code) cursor_refuse(&c, "key given twice");
            has_code = cursor_i64(&c, &code);
        } else if (slice_is(key, "msg")) {
            cursor_string(&c, &out->message, NULL);
        } else {
            cursor_skip(&c);
        }
    }
    if (!c.error && (!has_code || code < INT32_MIN || code > INT32_MAX))
        cursor_refuse(&c, "no sound code");
    out->code = (int32_t)code;
    return finish(&c, "an error body");
}

enum err binance_read_time(struct slice body, int64_t *server_ms)
{
    struct json_cursor c;
    struct slice key;
    bool any = false;
    cursor_init(&c, body);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "serverTime"))
            any = cursor_i64(&c, server_ms);
        else
            cursor_skip(&c);
    }
    if (!c.error && (!any || *server_ms <= 0)) cursor_refuse(&c, "no sound serverTime");
    return finish(&c, "the server's time");
}

enum err binance_read_depth(struct slice body, const struct instrument *i, struct level *levels,
                            uint32_t capacity, struct binance_depth *out)
{
    struct json_cursor c;
    struct slice key;
    uint32_t used = 0;
    uint64_t odd = 0;
    *out = (struct binance_depth){0};
    bool has_id = false;
    cursor_init(&c, body);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        const bool bids = slice_is(key, "bids"), asks = slice_is(key, "asks");
        if (slice_is(key, "lastUpdateId")) {
            has_id = cursor_u64(&c, &out->last_id);
        } else if (bids || asks) {
            if (bids ? out->bids != NULL : out->asks != NULL) cursor_refuse(&c, "key given twice");
            const uint32_t from = used;
            binance_read_levels(&c, i->price_scale, i->qty_scale, levels, capacity, &used, &odd);
            *(bids ? &out->bids : &out->asks) = levels + from;
            *(bids ? &out->bid_count : &out->ask_count) = used - from;
        } else {
            cursor_skip(&c);
        }
    }
    if (!c.error && (!has_id || !out->bids || !out->asks)) cursor_refuse(&c, "a field is missing");
    out->first_id = out->last_id;
    if (c.error && strcmp(c.error, BINANCE_TOO_MANY_LEVELS) == 0)
        return err_set(ERR_LIMIT, "more than %u levels in a snapshot", capacity);
    return finish(&c, "a depth snapshot");
}

/* One more element of an array that is read into `capacity` places. */
static bool next_place(struct json_cursor *c, size_t count, size_t capacity, bool *full)
{
    if (!cursor_next_element(c)) return false;
    *full = count == capacity;
    return !*full || cursor_refuse(c, "too many elements");
}

static enum err finish_list(struct json_cursor *c, bool full, size_t capacity, const char *what)
{
    if (full) return err_set(ERR_LIMIT, "more than %zu elements in %s", capacity, what);
    return finish(c, what);
}

/* [openTime, "open", "high", "low", "close", "volume", …] */
static void read_kline_row(struct json_cursor *c, const struct instrument *i, struct candle *out)
{
    cursor_enter_array(c);
    const bool whole =
        cursor_next_element(c) && cursor_i64(c, &out->open_ms) && cursor_next_element(c) &&
        binance_read_market_price(c, i->price_scale, ROUND_DOWN, &out->open) &&
        cursor_next_element(c) &&
        binance_read_market_price(c, i->price_scale, ROUND_DOWN, &out->high) &&
        cursor_next_element(c) &&
        binance_read_market_price(c, i->price_scale, ROUND_DOWN, &out->low) &&
        cursor_next_element(c) &&
        binance_read_market_price(c, i->price_scale, ROUND_DOWN, &out->close) &&
        cursor_next_element(c) && binance_read_market_qty(c, i->qty_scale, &out->volume);
    if (!whole) cursor_refuse(c, "kline too short");
    while (cursor_next_element(c)) cursor_skip(c);
    if (!c->error && (out->open_ms < 0 || !candle_is_sound(out)))
        cursor_refuse(c, "candle is not sound");
}

enum err binance_read_klines(struct slice body, const struct instrument *i, struct candle *candles,
                             size_t capacity, size_t *count)
{
    struct json_cursor c;
    bool full = false;
    *count = 0;
    cursor_init(&c, body);
    cursor_enter_array(&c);
    while (next_place(&c, *count, capacity, &full)) {
        struct candle *candle = &candles[*count];
        read_kline_row(&c, i, candle);
        if (*count > 0 && candle->open_ms <= candles[*count - 1].open_ms)
            cursor_refuse(&c, "klines out of order");
        ++*count;
    }
    return finish_list(&c, full, capacity, "klines");
}

static const char *const status_names[BINANCE_STATUS_COUNT] = {
    [BINANCE_STATUS_NONE] = "",
    [BINANCE_STATUS_NEW] = "NEW",
    [BINANCE_STATUS_PENDING_NEW] = "PENDING_NEW",
    [BINANCE_STATUS_PARTIALLY_FILLED] = "PARTIALLY_FILLED",
    [BINANCE_STATUS_FILLED] = "FILLED",
    [BINANCE_STATUS_CANCELED] = "CANCELED",
    [BINANCE_STATUS_PENDING_CANCEL] = "PENDING_CANCEL",
    [BINANCE_STATUS_REJECTED] = "REJECTED",
    [BINANCE_STATUS_EXPIRED] = "EXPIRED",
    [BINANCE_STATUS_EXPIRED_IN_MATCH] = "EXPIRED_IN_MATCH",
};

bool binance_order_status_parse(struct slice text, enum binance_order_status *out)
{
    for (unsigned i = BINANCE_STATUS_NEW; i < BINANCE_STATUS_COUNT; i++) {
        if (!slice_is(text, status_names[i])) continue;
        *out = (enum binance_order_status)i;
        return true;
    }
    return false;
}

enum order_input binance_order_status_input(enum binance_order_status status)
{
    switch (status) {
    case BINANCE_STATUS_CANCELED: return ON_CANCELED;
    case BINANCE_STATUS_REJECTED: return ON_REJECT;
    case BINANCE_STATUS_EXPIRED:
    case BINANCE_STATUS_EXPIRED_IN_MATCH: return ON_EXPIRED;
    default: return ON_ACCEPT;
    }
}

bool binance_read_side(struct json_cursor *c, uint8_t *out)
{
    struct slice text;
    if (!cursor_string(c, &text, NULL)) return false;
    *out = slice_is(text, "SELL") ? SIDE_SELL : SIDE_BUY;
    return slice_is(text, "BUY") || slice_is(text, "SELL") || cursor_refuse(c, "unknown side");
}

bool binance_read_status(struct json_cursor *c, uint8_t *out)
{
    struct slice text;
    enum binance_order_status status;
    if (!cursor_string(c, &text, NULL)) return false;
    if (!binance_order_status_parse(text, &status)) return cursor_refuse(c, "unknown order status");
    *out = (uint8_t)status;
    return true;
}

bool binance_read_asset(struct json_cursor *c, char out[ASSET_SIZE])
{
    struct slice text;
    return cursor_string(c, &text, NULL) &&
           ((text.size > 0 && slice_copy(text, out, ASSET_SIZE)) ||
            cursor_refuse(c, "asset name of a size we do not hold"));
}

bool binance_read_traded(struct json_cursor *c, unsigned scale, int64_t *out, bool *is_rounded)
{
    bool exact = true;
    if (!cursor_decimal_rounded(c, scale, ROUND_DOWN, out, &exact)) return false;
    *is_rounded |= !exact;
    return true;
}

bool binance_fill_is_sound(const struct fill *f, bool is_rounded)
{
    return f->price.units > 0 && f->fee.units >= 0 &&
           (f->qty.units > 0 || (is_rounded && f->qty.units == 0));
}

static void read_fill(struct json_cursor *c, const struct instrument *i, struct fill *out,
                      bool *is_rounded)
{
    struct slice key;
    unsigned seen = 0;
    *is_rounded = false;
    /* The answer to an order shows the trades it made at once: as a taker. */
    *out = (struct fill){.fee_scale = BINANCE_FEE_SCALE, .liquidity = LIQUIDITY_TAKER};
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "price"))
            seen |= binance_read_traded(c, i->price_scale, &out->price.units, is_rounded) ? 1 : 0;
        else if (slice_is(key, "qty"))
            seen |= binance_read_traded(c, i->qty_scale, &out->qty.units, is_rounded) ? 2 : 0;
        else if (slice_is(key, "commission"))
            seen |= cursor_decimal(c, BINANCE_FEE_SCALE, &out->fee.units) ? 4 : 0;
        else if (slice_is(key, "commissionAsset"))
            seen |= binance_read_asset(c, out->fee_asset) ? 8 : 0;
        else if (slice_is(key, "tradeId"))
            seen |= cursor_u64(c, &out->venue_trade_id) ? 16 : 0;
        else
            cursor_skip(c);
    }
    if (seen != 31 || !binance_fill_is_sound(out, *is_rounded))
        cursor_refuse(c, "fill is not sound");
}

struct order_reader {
    struct fill *fills;
    uint32_t fill_capacity;
    unsigned price_scale, qty_scale, quote_scale;
    const struct instrument *i; /* for fills; NULL where none are wanted */
};

enum {
    HAS_SYMBOL = 1,
    HAS_ID = 2,
    HAS_CLIENT_ID = 4,
    HAS_QTY = 8,
    HAS_FILLED = 16,
    HAS_STATUS = 32
};

static void read_fills(struct json_cursor *c, const struct order_reader *r,
                       struct binance_order *out)
{
    cursor_enter_array(c);
    while (cursor_next_element(c)) {
        if (!r->i || out->fill_count == r->fill_capacity) {
            cursor_skip(c);
            out->fills_missing++;
        } else {
            bool is_rounded;
            read_fill(c, r->i, &r->fills[out->fill_count++], &is_rounded);
            out->rounded_count += is_rounded;
        }
    }
}

/* One member of an order object; false for a key that is not ours. */
static bool read_order_member(struct json_cursor *c, struct slice key, const struct order_reader *r,
                              struct binance_order *out, unsigned *seen, struct slice *original)
{
    unsigned got = 0;
    bool ok = true;
    if (slice_is(key, "symbol"))
        ok = cursor_string(c, &out->symbol, NULL), got = HAS_SYMBOL;
    else if (slice_is(key, "orderId"))
        ok = cursor_u64(c, &out->venue_order_id), got = HAS_ID;
    else if (slice_is(key, "clientOrderId"))
        ok = cursor_string(c, &out->client_id, NULL), got = HAS_CLIENT_ID;
    else if (slice_is(key, "origClientOrderId"))
        ok = cursor_string(c, original, NULL);
    else if (slice_is(key, "price"))
        ok = cursor_decimal(c, r->price_scale, &out->price.units);
    else if (slice_is(key, "origQty"))
        ok = cursor_decimal(c, r->qty_scale, &out->qty.units), got = HAS_QTY;
    else if (slice_is(key, "executedQty"))
        ok = binance_read_traded(c, r->qty_scale, &out->filled.units, &out->is_rounded),
        got = HAS_FILLED;
    else if (slice_is(key, "cummulativeQuoteQty"))
        ok = cursor_decimal_limit(c, r->quote_scale, ROUND_DOWN, &out->filled_quote.units);
    else if (slice_is(key, "status"))
        ok = binance_read_status(c, &out->status), got = HAS_STATUS;
    else if (slice_is(key, "side"))
        ok = binance_read_side(c, &out->side);
    else if (slice_is(key, "transactTime") || slice_is(key, "updateTime"))
        ok = cursor_i64(c, &out->time_ms);
    else
        return false;
    if (*seen & got) cursor_refuse(c, "key given twice");
    if (ok) *seen |= got;
    return true;
}

static void read_order_object(struct json_cursor *c, const struct order_reader *r,
                              struct binance_order *out)
{
    struct slice key, original = {0};
    unsigned seen = 0;
    *out = (struct binance_order){0};
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "fills"))
            read_fills(c, r, out);
        else if (!read_order_member(c, key, r, out, &seen, &original))
            cursor_skip(c);
    }
    /* After a cancel, clientOrderId is the cancel's own id and the order's is kept beside it. */
    if (original.size > 0) out->client_id = original;
    const unsigned always = HAS_SYMBOL | HAS_ID | HAS_CLIENT_ID;
    const unsigned shown = HAS_QTY | HAS_FILLED | HAS_STATUS;
    if ((seen & always) != always || ((seen & shown) != 0 && (seen & shown) != shown))
        cursor_refuse(c, "order lacks a field");
    if (out->filled.units < 0 || out->filled.units > out->qty.units)
        cursor_refuse(c, "order filled beyond its quantity");
}

enum err binance_read_order(struct slice body, const struct instrument *i, struct fill *fills,
                            uint32_t fill_capacity, struct binance_order *out)
{
    struct json_cursor c;
    const struct order_reader r = {fills,        fill_capacity,  i->price_scale,
                                   i->qty_scale, i->quote_scale, i};
    cursor_init(&c, body);
    read_order_object(&c, &r, out);
    if (!c.error && !slice_is(out->symbol, i->symbol)) cursor_refuse(&c, "order of another symbol");
    for (uint32_t n = 0; n < out->fill_count; n++) fills[n].time_ms = out->time_ms;
    return finish(&c, "an order");
}

static void read_my_trade(struct json_cursor *c, const struct instrument *i,
                          struct binance_my_trade *out)
{
    struct slice key;
    unsigned seen = 0;
    bool buyer = false, maker = false;
    struct fill *f = &out->fill;
    bool *rounded = &out->is_rounded;
    *out = (struct binance_my_trade){.fill = {.fee_scale = BINANCE_FEE_SCALE}};
    cursor_enter_object(c);
    while (cursor_next_key(c, &key)) {
        if (slice_is(key, "id"))
            seen |= cursor_u64(c, &f->venue_trade_id) ? 1 : 0;
        else if (slice_is(key, "orderId"))
            seen |= cursor_u64(c, &out->venue_order_id) ? 2 : 0;
        else if (slice_is(key, "price"))
            seen |= binance_read_traded(c, i->price_scale, &f->price.units, rounded) ? 4 : 0;
        else if (slice_is(key, "qty"))
            seen |= binance_read_traded(c, i->qty_scale, &f->qty.units, rounded) ? 8 : 0;
        else if (slice_is(key, "commission"))
            seen |= cursor_decimal(c, BINANCE_FEE_SCALE, &f->fee.units) ? 16 : 0;
        else if (slice_is(key, "commissionAsset"))
            seen |= binance_read_asset(c, f->fee_asset) ? 32 : 0;
        else if (slice_is(key, "time"))
            seen |= cursor_i64(c, &f->time_ms) ? 64 : 0;
        else if (slice_is(key, "isBuyer"))
            seen |= cursor_bool(c, &buyer) ? 128 : 0;
        else if (slice_is(key, "isMaker"))
            seen |= cursor_bool(c, &maker) ? 256 : 0;
        else
            cursor_skip(c);
    }
    out->side = buyer ? SIDE_BUY : SIDE_SELL;
    f->liquidity = maker ? LIQUIDITY_MAKER : LIQUIDITY_TAKER;
    if (seen != 511 || !binance_fill_is_sound(f, *rounded))
        cursor_refuse(c, "trade of ours is not sound");
}

enum err binance_read_my_trades(struct slice body, const struct instrument *i,
                                struct binance_my_trade *trades, size_t capacity, size_t *count)
{
    struct json_cursor c;
    bool full = false;
    *count = 0;
    cursor_init(&c, body);
    cursor_enter_array(&c);
    while (next_place(&c, *count, capacity, &full)) read_my_trade(&c, i, &trades[(*count)++]);
    return finish_list(&c, full, capacity, "trades of ours");
}

enum err binance_read_can_trade(struct slice body, bool *can_trade)
{
    struct json_cursor c;
    struct slice key;
    bool any = false;
    *can_trade = false;
    cursor_init(&c, body);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        if (slice_is(key, "canTrade"))
            any = cursor_bool(&c, can_trade);
        else
            cursor_skip(&c);
    }
    if (!c.error && !any) cursor_refuse(&c, "no canTrade");
    return finish(&c, "an account");
}

/* Of a name such as enableWithdrawals, enableInternalTransfer, permitsUniversalTransfer. */
static bool moves_funds(struct slice key)
{
    return memmem(key.data, key.size, "ithdrawal", 9) || memmem(key.data, key.size, "ransfer", 7);
}

enum err binance_read_restrictions(struct slice body, struct binance_restrictions *out)
{
    struct json_cursor c;
    struct slice key;
    bool told = false, flag;
    *out = (struct binance_restrictions){0};
    cursor_init(&c, body);
    cursor_enter_object(&c);
    while (cursor_next_key(&c, &key)) {
        const bool is_withdrawals = slice_is(key, "enableWithdrawals");
        if (moves_funds(key)) {
            if (!cursor_bool(&c, &flag)) break;
            out->may_move_funds |= flag;
            told |= is_withdrawals;
        } else if (slice_is(key, "enableReading")) {
            cursor_bool(&c, &out->may_read);
        } else if (slice_is(key, "enableSpotAndMarginTrading")) {
            cursor_bool(&c, &out->may_trade_spot);
        } else if (slice_is(key, "enableFutures")) {
            cursor_bool(&c, &out->may_trade_futures);
        } else if (slice_is(key, "enableMargin")) {
            cursor_bool(&c, &out->may_borrow);
        } else if (slice_is(key, "enableVanillaOptions")) {
            cursor_bool(&c, &out->may_trade_options);
        } else if (slice_is(key, "ipRestrict")) {
            cursor_bool(&c, &out->ip_restricted);
        } else {
            cursor_skip(&c);
        }
    }
    if (!c.error && !told) cursor_refuse(&c, "no enableWithdrawals");
    return finish(&c, "a key's restrictions");
}
