/* The simulated exchange's own view of an order, in the words of Binance spot. Values only. */
#ifndef CORE_SIM_SIM_ORDER_H
#define CORE_SIM_SIM_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/instrument.h"
#include "core/model/money.h"
#include "core/model/order.h"

#define SIM_TYPES(X)                                                                               \
    X(LIMIT)                                                                                       \
    X(MARKET)                                                                                      \
    X(STOP_LOSS)                                                                                   \
    X(STOP_LOSS_LIMIT)                                                                             \
    X(TAKE_PROFIT)                                                                                 \
    X(TAKE_PROFIT_LIMIT)                                                                           \
    X(LIMIT_MAKER)

enum sim_type {
#define X(name) SIM_TYPE_##name,
    SIM_TYPES(X)
#undef X
        SIM_TYPE_COUNT
};

enum sim_tif { SIM_GTC, SIM_IOC, SIM_FOK, SIM_TIF_COUNT };

#define SIM_STATUSES(X)                                                                            \
    X(NEW)                                                                                         \
    X(PARTIALLY_FILLED)                                                                            \
    X(FILLED)                                                                                      \
    X(CANCELED)                                                                                    \
    X(REJECTED)                                                                                    \
    X(EXPIRED)                                                                                     \
    X(EXPIRED_IN_MATCH)

enum sim_status {
#define X(name) SIM_##name,
    SIM_STATUSES(X)
#undef X
        SIM_STATUS_COUNT
};

/* What a report tells: field x of executionReport. */
#define SIM_EXECUTIONS(X)                                                                          \
    X(NEW)                                                                                         \
    X(TRADE)                                                                                       \
    X(CANCELED)                                                                                    \
    X(EXPIRED)                                                                                     \
    X(REJECTED)                                                                                    \
    X(TRADE_PREVENTION)

enum sim_execution {
#define X(name) SIM_EXECUTION_##name,
    SIM_EXECUTIONS(X)
#undef X
        SIM_EXECUTION_COUNT
};

/* Why an order expired: field eR; "" for none. */
#define SIM_EXPIRIES(X)                                                                            \
    X(NONE, "")                                                                                    \
    X(OCO_TRIGGER, "OCO_TRIGGER")                                                                  \
    X(UNFILLED_IOC, "UNFILLED_IOC_QUANTITY_EXPIRED")                                               \
    X(UNFILLED_FOK, "UNFILLED_FOK_ORDER_EXPIRED")                                                  \
    X(LIQUIDITY, "INSUFFICIENT_LIQUIDITY")                                                         \
    X(EXCHANGE, "EXCHANGE_CANCELED")

enum sim_expiry {
#define X(name, text) SIM_EXPIRY_##name,
    SIM_EXPIRIES(X)
#undef X
        SIM_EXPIRY_COUNT
};

enum { SIM_NO_ID = 0 }; /* order, list and trade ids start above 0 */

/* What a client asks for. Parameters that the type does not need are 0. The texts were checked by
 * the protocol layer (characters, sizes); the client id must not be "" for accounts of people. */
struct sim_request {
    uint32_t account;
    uint16_t instrument;
    uint8_t side; /* enum side */
    uint8_t type; /* enum sim_type */
    uint8_t tif;  /* enum sim_tif; LIMIT, STOP_LOSS_LIMIT and TAKE_PROFIT_LIMIT */
    struct qty qty;
    struct money quote_qty; /* MARKET instead of qty: quote to spend or to receive */
    struct price price, stop_price;
    char client_id[CLIENT_ID_SIZE];
    int64_t time_ms;
};

struct sim_order {
    uint64_t id, list_id; /* per instrument; list_id is SIM_NO_ID outside a list */
    uint32_t account;
    uint16_t instrument;
    uint8_t side, type, tif;
    uint8_t status;    /* enum sim_status */
    uint8_t expiry;    /* enum sim_expiry */
    bool is_working;   /* false for a stop order that has not triggered */
    bool traded_maker; /* its last trade was as maker */
    struct price price, stop_price;
    struct qty qty, filled;
    struct money quote_qty;    /* as asked; 0 */
    struct money filled_quote; /* sum over its trades, quote */
    struct money locked;       /* what it holds of its account: quote for buys, base for sells */
    int64_t created_ms, updated_ms;
    int64_t working_ms;               /* -1 until it works */
    char client_id[CLIENT_ID_SIZE];   /* after a cancel: the id of the cancel */
    char original_id[CLIENT_ID_SIZE]; /* after a cancel: its own id; else "" */
    /* Links inside the exchange; 0 is none. */
    uint32_t node, next, previous, client_next;
};

/* A trade as one of its two accounts sees it: a row of myTrades, an entry of fills. */
struct sim_fill {
    uint64_t trade_id, order_id, list_id;
    uint16_t instrument;
    uint16_t fee_asset; /* index of sim_account.h's asset table */
    uint8_t side;       /* of this account's order */
    bool is_maker;
    struct price price;
    struct qty qty;
    struct money quote; /* price * qty, rounded down to quote_scale */
    struct money fee;
    int64_t time_ms;
};

bool sim_type_is_stop(enum sim_type type);   /* waits for stop_price */
bool sim_type_is_priced(enum sim_type type); /* has a limit price */
bool sim_status_is_open(enum sim_status status);
/* A stop order of this type and side triggers when the last price is at or above (else at or below)
 * its stop price. */
bool sim_type_triggers_above(enum sim_type type, enum side side);

const char *sim_type_name(enum sim_type type); /* "STOP_LOSS_LIMIT" */
bool sim_type_parse(const char *text, enum sim_type *out);
const char *sim_tif_name(enum sim_tif tif); /* "GTC" */
bool sim_tif_parse(const char *text, enum sim_tif *out);
const char *sim_status_name(enum sim_status status);
const char *sim_execution_name(enum sim_execution execution);
const char *sim_expiry_name(enum sim_expiry expiry);

#endif
