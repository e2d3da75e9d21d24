/* Orders and fills as values, and the words for what can happen to an order. The state table that
 * joins them is core/execution/order_state.h. */
#ifndef CORE_MODEL_ORDER_H
#define CORE_MODEL_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/instrument.h"
#include "core/model/money.h"

enum side { SIDE_BUY, SIDE_SELL };
enum order_type { ORDER_TYPE_MARKET, ORDER_TYPE_LIMIT };
enum trading_mode { MODE_PAPER, MODE_LIVE };
enum purpose { PURPOSE_ENTRY, PURPOSE_EXIT, PURPOSE_STOP, PURPOSE_TARGET };
enum liquidity { LIQUIDITY_MAKER, LIQUIDITY_TAKER };

#define ORDER_STATES(X)                                                                            \
    X(IMPOSSIBLE, "impossible")                                                                    \
    X(SENT, "sent")                                                                                \
    X(UNKNOWN, "unknown")                                                                          \
    X(OPEN, "open")                                                                                \
    X(CANCELING, "canceling")                                                                      \
    X(FILLED, "filled")                                                                            \
    X(CANCELED, "canceled")                                                                        \
    X(EXPIRED, "expired")                                                                          \
    X(REJECTED, "rejected")

enum order_state {
#define X(name, text) ORDER_##name,
    ORDER_STATES(X)
#undef X
        ORDER_STATE_COUNT
};

#define ORDER_INPUTS(X)                                                                            \
    X(ACCEPT, "accept")                                                                            \
    X(REJECT, "reject")                                                                            \
    X(NO_ANSWER, "no_answer")                                                                      \
    X(PROVED_ABSENT, "proved_absent")                                                              \
    X(FILL_PART, "fill_part")                                                                      \
    X(FILL_REST, "fill_rest")                                                                      \
    X(CANCEL_SENT, "cancel_sent")                                                                  \
    X(CANCEL_REFUSED, "cancel_refused")                                                            \
    X(CANCELED, "canceled")                                                                        \
    X(EXPIRED, "expired")

enum order_input {
#define X(name, text) ON_##name,
    ORDER_INPUTS(X)
#undef X
        ORDER_INPUT_COUNT
};

/* Why an order ended or was refused, for the store and for people.
 * Venue codes are kept beside it. */
#define ORDER_REASONS(X)                                                                           \
    X(NONE, "")                                                                                    \
    X(VENUE_REJECTED, "venue_rejected")                                                            \
    X(INSUFFICIENT_BALANCE, "insufficient_balance")                                                \
    X(FILTER, "filter_failed")                                                                     \
    X(NO_LIQUIDITY, "no_liquidity")                                                                \
    X(NEVER_ACCEPTED, "never_accepted")                                                            \
    X(NOT_SENT, "not_sent")                                                                        \
    X(NOT_RECORDED, "not_recorded")                                                                \
    X(RATE_LIMITED, "rate_limited")                                                                \
    X(NO_ANSWER, "no_answer")                                                                      \
    X(FILL_ROUNDED, "fill_rounded")

enum order_reason {
#define X(name, text) ORDER_REASON_##name,
    ORDER_REASONS(X)
#undef X
        ORDER_REASON_COUNT
};

enum { CLIENT_ID_SIZE = 37, INSTALL_ID_SIZE = 9 };

/* One order of ours. The id is counted by the engine, never used twice in the life of an
 * installation, and goes to the venue inside the client order id. */
struct order {
    uint64_t id;
    uint64_t bot_id;
    uint16_t instrument;
    uint8_t side, type, purpose, mode, state, reason;
    struct qty qty;
    struct price price;   /* limit price; 0 for market */
    struct price trigger; /* the stop or target level that made us send it; 0 for none */
    struct qty filled;
    struct money filled_quote; /* sum of price * qty over its fills, in quote_scale */
    uint64_t venue_order_id;   /* 0 until the venue told it */
    int32_t venue_code;        /* the venue's own error code, 0 for none */
    int64_t created_ms, updated_ms;
};

/* One execution of one of our orders, as the venue reports it. */
struct fill {
    uint64_t order_id;
    uint64_t venue_trade_id; /* unique per venue, mode and symbol */
    struct price price;
    struct qty qty;
    struct money fee; /* in fee_scale decimals of fee_asset; >= 0 */
    uint8_t fee_scale;
    uint8_t liquidity; /* enum liquidity */
    char fee_asset[ASSET_SIZE];
    int64_t time_ms;
};

const char *side_name(enum side side);             /* "buy" */
const char *order_type_name(enum order_type type); /* "market" */
const char *mode_name(enum trading_mode mode);     /* "paper" */
const char *purpose_name(enum purpose purpose);    /* "entry" */
const char *liquidity_name(enum liquidity liquidity);
const char *order_state_name(enum order_state state);
const char *order_input_name(enum order_input input);
const char *order_reason_name(enum order_reason reason);
/* No news is expected from the venue any more (late fills may still come). */
bool order_state_is_closed(enum order_state state);

/* "tb-<install>-<id in base 36>": at most 36 characters of [a-z0-9-], as Binance wants. install is
 * the installation's own 8 characters, so that two installations on one account cannot collide. */
void client_id_write(const char install[INSTALL_ID_SIZE], uint64_t order_id,
                     char out[CLIENT_ID_SIZE]);
/* False when the text is not a client id of this installation: an order of somebody else. */
bool client_id_parse(const char install[INSTALL_ID_SIZE], const char *text, size_t size,
                     uint64_t *order_id);

#endif
