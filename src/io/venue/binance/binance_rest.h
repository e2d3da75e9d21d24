/* Binance's REST endpoints: what we ask, and what the answers mean.
 *
 * Requests are written as percent-encoded query strings, without signature (binance_sign.h adds
 * it). Answers are read into model values. Slices in results are borrowed from the body. No
 * sockets, no clock. Pure functions: any thread. Source: Binance rest-api.md (2026-07). */
#ifndef IO_VENUE_BINANCE_REST_H
#define IO_VENUE_BINANCE_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/model/candle.h"
#include "core/model/instrument.h"
#include "core/model/order.h"
#include "io/venue/binance/binance_stream.h"
#include "io/venue/request_budget.h"

enum {
    /* Commissions are written with eight decimals in every asset. */
    BINANCE_FEE_SCALE = 8,
    /* The basic spot commission, until the account's own is known: 0.1 %. */
    BINANCE_FEE_PPM = 1000,
    BINANCE_KLINES_MAX = 1000, /* a request; also myTrades */
    BINANCE_FILLS_MAX = 256,   /* of one order answer; more are cut and told */
};

enum binance_endpoint {
    BINANCE_GET_TIME,
    BINANCE_GET_EXCHANGE_INFO,
    BINANCE_GET_DEPTH,
    BINANCE_GET_KLINES,
    BINANCE_POST_ORDER,
    BINANCE_DELETE_ORDER,
    BINANCE_GET_ORDER,
    BINANCE_GET_MY_TRADES,
    BINANCE_GET_ACCOUNT,
    BINANCE_GET_RESTRICTIONS,
    BINANCE_ENDPOINT_COUNT
};

struct binance_endpoint_info {
    const char *method; /* "GET" */
    const char *path;   /* "/api/v3/order" */
    uint32_t weight;    /* the largest we cause; depth: binance_depth_weight */
    bool is_signed;     /* needs key, timestamp and signature */
};

const struct binance_endpoint_info *binance_endpoint_info(enum binance_endpoint endpoint);
uint32_t binance_depth_weight(uint32_t limit);

/* Query strings. Each appends to out, without a leading '?'. */
void binance_query_depth(struct buffer *out, const char *symbol, uint32_t limit);
/* start_ms and end_ms: -1 = left out. */
void binance_query_klines(struct buffer *out, const char *symbol, enum timeframe timeframe,
                          int64_t start_ms, int64_t end_ms, uint32_t limit);
/* Market or limit (GTC), with the client id, asking for the fullest answer. */
void binance_query_order_new(struct buffer *out, const struct instrument *i,
                             const struct order *order, const char *client_id);
void binance_query_order_cancel(struct buffer *out, const char *symbol, const char *client_id);
void binance_query_order(struct buffer *out, const char *symbol, const char *client_id);
void binance_query_my_trades_by_order(struct buffer *out, const char *symbol,
                                      uint64_t venue_order_id);

/* {"code":-1121,"msg":"Invalid symbol."} */
struct binance_error {
    int32_t code;
    struct slice message; /* as written, escapes kept */
};
enum err binance_read_error(struct slice body, struct binance_error *out) ERR_MUST_USE;

enum err binance_read_time(struct slice body, int64_t *server_ms) ERR_MUST_USE;

struct binance_exchange_info {
    int64_t server_ms;
    struct request_limits limits; /* 0 where the answer has none */
    struct instrument *instruments;
    size_t instrument_count;
    size_t
        skipped_count; /* symbols we cannot hold: names too long, no tick or step, odd precisions */
};
/* Reads all symbols into instruments[capacity]; index = place in the array, venue as given, fees
 * BINANCE_FEE_PPM. Limits that the scale cannot hold are rounded to the strict side.
 * ERR_LIMIT: more symbols than fit. */
enum err binance_read_exchange_info(struct slice body, enum venue venue,
                                    struct instrument *instruments, size_t capacity,
                                    struct binance_exchange_info *out) ERR_MUST_USE;

/* A snapshot: best first, first_id = last_id = lastUpdateId; levels in the caller's array. */
enum err binance_read_depth(struct slice body, const struct instrument *i, struct level *levels,
                            uint32_t capacity, struct binance_depth *out) ERR_MUST_USE;
/* Oldest first. The last may still be open: compare its end with the venue's time. */
enum err binance_read_klines(struct slice body, const struct instrument *i, struct candle *candles,
                             size_t capacity, size_t *count) ERR_MUST_USE;

enum binance_order_status {
    BINANCE_STATUS_NONE, /* the answer has none: newOrderRespType ACK */
    BINANCE_STATUS_NEW,
    BINANCE_STATUS_PENDING_NEW,
    BINANCE_STATUS_PARTIALLY_FILLED,
    BINANCE_STATUS_FILLED,
    BINANCE_STATUS_CANCELED,
    BINANCE_STATUS_PENDING_CANCEL,
    BINANCE_STATUS_REJECTED,
    BINANCE_STATUS_EXPIRED,
    BINANCE_STATUS_EXPIRED_IN_MATCH,
    BINANCE_STATUS_COUNT
};

bool binance_order_status_parse(struct slice text, enum binance_order_status *out);
/* What a status alone says about an order: ACCEPT, CANCELED, EXPIRED or REJECT. Fills are told
 * apart, so FILLED is an ACCEPT. */
enum order_input binance_order_status_input(enum binance_order_status status);

/* An order as placement, cancel and query answers show it; fields that an answer lacks are 0. */
struct binance_order {
    struct slice symbol;
    struct slice client_id; /* the one it was placed with, also in the answer to a cancel */
    uint64_t venue_order_id;
    uint8_t status; /* enum binance_order_status */
    uint8_t side;
    struct price price;
    struct qty qty, filled;
    struct money filled_quote; /* in quote_scale, rounded down */
    int64_t time_ms;           /* of the transaction or the last update */
    uint32_t fill_count;       /* of a FULL answer, in the array given */
    uint32_t rounded_count;    /* of these fills, those that were finer than the scales */
    bool is_rounded;           /* `filled` is finer than the scale */
    uint32_t fills_missing;    /* fills that did not fit: ask myTrades */
};

/* What traded may be finer than the instrument's scales: an old order in the book was placed under
 * finer rules, and the scales had no room for that. Such a fill is rounded down, to a quantity of 0
 * at the least, and marked: the order must come to an end, and a person must know. */

/* Answers of POST, DELETE and GET order. fills may be NULL with fill_capacity 0. The fills'
 * order_id is left 0: only the caller knows our id. */
enum err binance_read_order(struct slice body, const struct instrument *i, struct fill *fills,
                            uint32_t fill_capacity, struct binance_order *out) ERR_MUST_USE;

struct binance_my_trade {
    uint64_t venue_order_id;
    uint8_t side;
    bool is_rounded;  /* the fill was finer than the scales */
    struct fill fill; /* order_id 0 */
};
enum err binance_read_my_trades(struct slice body, const struct instrument *i,
                                struct binance_my_trade *trades, size_t capacity,
                                size_t *count) ERR_MUST_USE;

struct binance_balance {
    char asset[ASSET_SIZE];
    struct money free, locked; /* in BINANCE_FEE_SCALE decimals */
};

/* Of an account: whether it may trade at all. */
enum err binance_read_can_trade(struct slice body, bool *can_trade) ERR_MUST_USE;

/* What the venue says a key may do. Rights that move funds out of the account are not told apart:
 * withdrawals, transfers to other accounts, and whatever else is named so one day. */
struct binance_restrictions {
    bool may_read, may_trade_spot, may_trade_futures, may_borrow, may_trade_options;
    bool may_move_funds;
    bool ip_restricted;
};
/* ERR_PARSE also where it does not say whether the key may withdraw. Source: Binance wallet
 * documents, "Get API Key Permission". */
enum err binance_read_restrictions(struct slice body,
                                   struct binance_restrictions *out) ERR_MUST_USE;

#endif
