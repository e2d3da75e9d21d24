/* What can be traded at a venue, with the rules that its orders must keep.
 *
 * Values only. Filled from a venue's list of symbols (Binance: GET exchangeInfo and its filters)
 * and never changed by the core. A limit of 0 means that the venue has no such rule.
 *
 * qty_scale may be finer than the lot: orders are whole steps, but what others left in the book,
 * and so what our orders trade with, may come in smaller parts. */
#ifndef CORE_MODEL_INSTRUMENT_H
#define CORE_MODEL_INSTRUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/money.h"

enum { SYMBOL_SIZE = 24, ASSET_SIZE = 16, INSTRUMENT_NONE = UINT16_MAX };

enum venue { VENUE_SIM, VENUE_BINANCE, VENUE_COUNT };

enum instrument_status {
    INSTRUMENT_TRADING,
    INSTRUMENT_HALTED, /* HALT, BREAK, END_OF_DAY: no order is taken */
};

struct instrument {
    uint16_t index; /* its place in the engine's table: instruments[index] */
    uint8_t venue;  /* enum venue */
    uint8_t status; /* enum instrument_status */
    uint8_t price_scale, qty_scale, base_scale, quote_scale;
    char symbol[SYMBOL_SIZE]; /* the venue's spelling: "BTCUSDT" */
    char base[ASSET_SIZE], quote[ASSET_SIZE];

    struct price tick, price_min, price_max;
    struct qty step, qty_min, qty_max;
    struct qty market_step, market_qty_min, market_qty_max;
    struct money notional_min, notional_max; /* in quote_scale */
    bool notional_min_market, notional_max_market;
    /* PERCENT_PRICE_BY_SIDE: the average price times these bounds a limit price. */
    int64_t bid_up_ppm, bid_down_ppm, ask_up_ppm, ask_down_ppm;
    uint32_t orders_max, algo_orders_max;
    int32_t maker_fee_ppm, taker_fee_ppm;
};

/* The decimals that whole lots need: 5 where a step is 0.00001, whatever qty_scale is. A quantity
 * that a person names for an order has no more. */
unsigned instrument_lot_scale(const struct instrument *i);

/* "sim", "binance". */
const char *venue_name(enum venue venue);
bool venue_parse(const char *name, enum venue *out);

#endif
