/* What the store keeps, row by row, as values.
 *
 * Amounts are integer units, as everywhere; the scales they were written in stand next to them,
 * because an instrument's scales may differ between two runs (its venue changes its decimals, or we
 * count finer): whoever loads a row fits it to the instrument before using the units, and whoever
 * changes a row writes its scales anew. The store knows no
 * instrument table, so an instrument is named by venue and symbol, and `instrument` inside struct
 * order is INSTRUMENT_NONE in every row that comes out. */
#ifndef IO_STORE_ROW_H
#define IO_STORE_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/action.h"
#include "core/model/bot.h"
#include "core/model/event.h"
#include "core/model/instrument.h"
#include "core/model/order.h"

/* Sizes count the NUL. A longer text is refused where it is made; nothing here is cut. */
enum {
    STORE_NAME_SIZE = 129,    /* a bot's name: 1 to 128 bytes of UTF-8 */
    STORE_STRATEGY_SIZE = 32, /* a strategy's name */
    STORE_PARAMS_SIZE = 2048, /* a strategy's parameters: one JSON object */
    STORE_BODY_SIZE = 512,    /* the frozen request of an order, as it goes to the venue */
};

/* The one account until people can register; made by the first migration. */
#define STORE_FIRST_USER UINT64_C(1)

/* Which instrument a row is about, and the scales of its units. */
struct store_market {
    uint8_t venue; /* enum venue */
    uint8_t price_scale, qty_scale, base_scale, quote_scale;
    char symbol[SYMBOL_SIZE];
};

/* A bot as a person asked for it: the names, where struct bot_config has indexes. */
struct store_bot {
    uint64_t id; /* 0 when it is to be inserted: the store gives the id, and never twice */
    uint64_t user_id;
    char name[STORE_NAME_SIZE];
    uint8_t venue; /* enum venue */
    uint8_t mode;  /* enum trading_mode */
    char strategy[STORE_STRATEGY_SIZE];
    char params[STORE_PARAMS_SIZE]; /* JSON object, "{}" for all defaults */
    uint8_t symbol_count;           /* 1 to BOT_SYMBOLS_MAX */
    char symbols[BOT_SYMBOLS_MAX][SYMBOL_SIZE];
    uint8_t timeframe;   /* enum timeframe */
    uint8_t quote_scale; /* of capital */
    struct money capital;
    uint8_t sizing_kind;  /* enum sizing_kind */
    uint8_t sizing_scale; /* decimals of sizing_value; 6 where it is in ppm */
    int64_t sizing_value;
    struct risk_config risk;
    bool running; /* what a person wants; what it does is in its totals */
    int64_t created_ms, updated_ms;
};

struct store_totals {
    uint64_t bot_id;
    uint8_t quote_scale; /* of day_pnl and realized */
    struct bot_totals totals;
};

struct store_position {
    uint64_t bot_id;
    struct store_market market;
    struct position position;
};

struct store_order {
    struct order order;
    struct store_market market;
    char client_order_id[CLIENT_ID_SIZE];
    char body[STORE_BODY_SIZE];
};

/* What changed of an order, and the scales that it is counted in by now. */
struct store_change {
    struct order order;
    struct store_market market;
};

/* What one fill changes, all of it or nothing. */
struct store_booking {
    uint64_t bot_id;
    struct store_market market;
    struct booking booking;
};

struct store_fill {
    uint64_t id;
    uint64_t bot_id;
    uint8_t mode; /* enum trading_mode */
    struct store_market market;
    struct fill fill;
};

struct store_round_trip {
    uint64_t id;
    uint64_t bot_id;
    uint8_t mode; /* enum trading_mode */
    struct store_market market;
    struct round_trip round_trip;
};

struct store_market store_market_of(const struct instrument *instrument);

/* Into the instrument's scales. Amounts stay what they are to the last digit; prices that only
 * guide (averages, peaks, triggers) are rounded down where a tick grew. False where an amount has
 * no exact place there, and then nothing is changed. */
bool store_position_fit(struct store_position *row, const struct instrument *instrument);
bool store_order_fit(struct store_order *row, const struct instrument *instrument);

#endif
