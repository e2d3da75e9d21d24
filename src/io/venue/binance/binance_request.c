/* What we ask of Binance's REST API: the table of endpoints and their query strings. */
#include "base/check.h"
#include "io/venue/binance/binance_rest.h"

static const struct binance_endpoint_info endpoints[BINANCE_ENDPOINT_COUNT] = {
    [BINANCE_GET_TIME] = {"GET", "/api/v3/time", 1, false},
    [BINANCE_GET_EXCHANGE_INFO] = {"GET", "/api/v3/exchangeInfo", 20, false},
    [BINANCE_GET_DEPTH] = {"GET", "/api/v3/depth", 250, false},
    [BINANCE_GET_KLINES] = {"GET", "/api/v3/klines", 2, false},
    [BINANCE_POST_ORDER] = {"POST", "/api/v3/order", 1, true},
    [BINANCE_DELETE_ORDER] = {"DELETE", "/api/v3/order", 1, true},
    [BINANCE_GET_ORDER] = {"GET", "/api/v3/order", 4, true},
    [BINANCE_GET_MY_TRADES] = {"GET", "/api/v3/myTrades", 20, true},
    [BINANCE_GET_ACCOUNT] = {"GET", "/api/v3/account", 20, true},
    [BINANCE_GET_RESTRICTIONS] = {"GET", "/sapi/v1/account/apiRestrictions", 1, true},
};

const struct binance_endpoint_info *binance_endpoint_info(enum binance_endpoint endpoint)
{
    CHECK((unsigned)endpoint < BINANCE_ENDPOINT_COUNT);
    return &endpoints[endpoint];
}

uint32_t binance_depth_weight(uint32_t limit)
{
    if (limit <= 100) return 5;
    if (limit <= 500) return 25;
    return limit <= 1000 ? 50 : 250;
}

static void append_encoded(struct buffer *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *text; text++) {
        const unsigned char byte = (unsigned char)*text;
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_' ||
                           byte == '.' || byte == '~';
        if (plain) {
            buffer_append_char(out, (char)byte);
        } else {
            const char escaped[3] = {'%', hex[byte >> 4], hex[byte & 15]};
            buffer_append(out, escaped, sizeof escaped);
        }
    }
}

static void append_text(struct buffer *out, const char *name, const char *value)
{
    buffer_append_text(out, name);
    append_encoded(out, value);
}

static void append_number(struct buffer *out, const char *name, uint64_t value)
{
    buffer_append_text(out, name);
    buffer_append_u64(out, value);
}

static void append_decimal(struct buffer *out, const char *name, int64_t units, unsigned scale)
{
    char text[DECIMAL_TEXT_SIZE];
    buffer_append_text(out, name);
    buffer_append(out, text, decimal_write(units, scale, text));
}

/* Whole lots in a scale finer than the lot end in zeros: the venue counts them as precision. */
static void append_qty(struct buffer *out, const char *name, struct qty qty, unsigned scale)
{
    char text[DECIMAL_TEXT_SIZE];
    buffer_append_text(out, name);
    buffer_append(out, text, decimal_write_short(qty.units, scale, text));
}

void binance_query_depth(struct buffer *out, const char *symbol, uint32_t limit)
{
    append_text(out, "symbol=", symbol);
    append_number(out, "&limit=", limit);
}

void binance_query_klines(struct buffer *out, const char *symbol, enum timeframe timeframe,
                          int64_t start_ms, int64_t end_ms, uint32_t limit)
{
    append_text(out, "symbol=", symbol);
    append_text(out, "&interval=", timeframe_name(timeframe));
    if (start_ms >= 0) append_number(out, "&startTime=", (uint64_t)start_ms);
    if (end_ms >= 0) append_number(out, "&endTime=", (uint64_t)end_ms);
    append_number(out, "&limit=", limit);
}

void binance_query_order_new(struct buffer *out, const struct instrument *i,
                             const struct order *order, const char *client_id)
{
    append_text(out, "symbol=", i->symbol);
    buffer_append_text(out, order->side == SIDE_BUY ? "&side=BUY" : "&side=SELL");
    buffer_append_text(out, order->type == ORDER_TYPE_LIMIT ? "&type=LIMIT&timeInForce=GTC"
                                                            : "&type=MARKET");
    append_qty(out, "&quantity=", order->qty, i->qty_scale);
    if (order->type == ORDER_TYPE_LIMIT)
        append_decimal(out, "&price=", order->price.units, i->price_scale);
    append_text(out, "&newClientOrderId=", client_id);
    buffer_append_text(out, "&newOrderRespType=FULL");
}

void binance_query_order_cancel(struct buffer *out, const char *symbol, const char *client_id)
{
    binance_query_order(out, symbol, client_id);
}

void binance_query_order(struct buffer *out, const char *symbol, const char *client_id)
{
    append_text(out, "symbol=", symbol);
    append_text(out, "&origClientOrderId=", client_id);
}

void binance_query_my_trades_by_order(struct buffer *out, const char *symbol,
                                      uint64_t venue_order_id)
{
    append_text(out, "symbol=", symbol);
    append_number(out, "&orderId=", venue_order_id);
}
