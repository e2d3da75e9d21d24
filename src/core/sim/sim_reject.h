/* Why the simulated exchange refuses a request: data, with the code and the exact text that Binance
 * spot gives for it.
 *
 * Source: Binance spot API documents, errors.md and filters.md. */
#ifndef CORE_SIM_SIM_REJECT_H
#define CORE_SIM_SIM_REJECT_H

#define SIM_REJECTS(X)                                                                             \
    X(NONE, 0, "")                                                                                 \
    X(PRICE_FILTER, -1013, "Filter failure: PRICE_FILTER")                                         \
    X(PERCENT_PRICE_BY_SIDE, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE")                       \
    X(LOT_SIZE, -1013, "Filter failure: LOT_SIZE")                                                 \
    X(MARKET_LOT_SIZE, -1013, "Filter failure: MARKET_LOT_SIZE")                                   \
    X(NOTIONAL, -1013, "Filter failure: NOTIONAL")                                                 \
    X(MAX_NUM_ORDERS, -1013, "Filter failure: MAX_NUM_ORDERS")                                     \
    X(MAX_NUM_ALGO_ORDERS, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS")                           \
    X(OVERLOADED, -1008,                                                                           \
      "Server is currently overloaded with other requests. Please try again in a few minutes.")    \
    X(MARKET_CLOSED, -2010, "Market is closed.")                                                   \
    X(INSUFFICIENT_BALANCE, -2010, "Account has insufficient balance for requested action.")       \
    X(DUPLICATE_ORDER, -2010, "Duplicate order sent.")                                             \
    X(WOULD_TRIGGER, -2010, "Order would trigger immediately.")                                    \
    X(WOULD_TAKE, -2010, "Order would immediately match and take.")                                \
    X(ZERO_NOTIONAL, -2010, "Price * QTY is zero or less.")                                        \
    X(NO_LIQUIDITY, -2010,                                                                         \
      "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.")                     \
    X(LIST_PRICES, -2010, "The relationship of the prices for the orders is not correct.")         \
    X(LIST_TYPE, -1158, "Order type not supported in OCO.")                                        \
    X(LIST_BUY_LIMIT_ABOVE, -1165, "A limit order in a buy OCO must be below.")                    \
    X(LIST_SELL_LIMIT_BELOW, -1166, "A limit order in a sell OCO must be above.")                  \
    X(LIST_BOTH_LIMIT, -1168, "At least one OCO order must be contingent.")                        \
    X(LIST_BUY_STOP_BELOW, -1196, "A stop loss order in a buy OCO must be above.")                 \
    X(LIST_SELL_STOP_ABOVE, -1197, "A stop loss order in a sell OCO must be below.")               \
    X(LIST_BUY_PROFIT_ABOVE, -1198, "A take profit order in a buy OCO must be below.")             \
    X(LIST_SELL_PROFIT_BELOW, -1199, "A take profit order in a sell OCO must be above.")           \
    X(UNKNOWN_ORDER, -2011, "Unknown order sent.")                                                 \
    X(CANCEL_MISMATCH, -2011, "Cancel order is invalid. Check origClOrdId and orderId.")           \
    X(CANCEL_RESTRICTED, -2011, "Order was not canceled due to cancel restrictions.")              \
    X(NO_SUCH_ORDER, -2013, "Order does not exist.")                                               \
    X(NO_SUCH_LIST, -2018, "Order list does not exist.")

enum sim_reject {
#define X(name, code, text) SIM_REJECT_##name,
    SIM_REJECTS(X)
#undef X
        SIM_REJECT_COUNT
};

int sim_reject_code(enum sim_reject reject);
const char *sim_reject_text(enum sim_reject reject);

#endif
