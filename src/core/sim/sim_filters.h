/* The instrument's filters, checked as Binance spot does before an order reaches the matching
 * engine.
 *
 * A limit of 0 in the instrument switches its rule off. Average price: the volume-weighted average
 * of the last five minutes, else the last price; 0 when nothing ever traded, and then the rules
 * that need it are skipped. Source: Binance spot API documents, filters.md. */
#ifndef CORE_SIM_SIM_FILTERS_H
#define CORE_SIM_SIM_FILTERS_H

#include "core/sim/sim_order.h"
#include "core/sim/sim_reject.h"

/* PRICE_FILTER, PERCENT_PRICE_BY_SIDE, LOT_SIZE, MARKET_LOT_SIZE, NOTIONAL of one order. A MARKET
 * order by quote quantity has its lot sizes checked once its quantity is known. */
enum sim_reject sim_filters_check(const struct instrument *i, const struct sim_request *r,
                                  struct price average);
/* MAX_NUM_ORDERS and MAX_NUM_ALGO_ORDERS for `orders` more, of which `algo` are stop orders, where
 * the account has open_orders (open_algo of them stops) on the instrument. */
enum sim_reject sim_filters_check_counts(const struct instrument *i, uint32_t open_orders,
                                         uint32_t open_algo, uint32_t orders, uint32_t algo);

#endif
