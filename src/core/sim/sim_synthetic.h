/* The built-in market's prices: a made-up market whose every second is a function of (seed, symbol,
 * second) alone, so that history, back-fill and restarts agree.
 *
 * The path. Log price is a Brownian bridge between knots SYNTHETIC_ROOT_S (97 days) apart, refined
 * by midpoint displacement: each midpoint is the mean of its ends plus a hashed Gaussian step.
 * Knots are independent draws around the symbol's usual price with the spread that a free path
 * would have over that span: on the scale of trading the path is driftless, over years it stays
 * realistic. Going down the tree, volatility is multiplied by hashed factors, which clusters it as
 * real markets do.
 *
 * The trades. Every second has one trade at least (so no candle is ever empty), more when volatile,
 * at 100 ms steps, at the bid or the ask of that step. The book around them is a function of the
 * step.
 *
 * Reproducible to the bit: doubles with + - * / only (IEEE 754, no contraction, own exp), hashed
 * integers for chance, and integers come out. Times before 2000-01-01 are not defined (CHECK).
 * Pure; a cache is the caller's and only ever changes speed. One thread a cache. */
#ifndef CORE_SIM_SIM_SYNTHETIC_H
#define CORE_SIM_SIM_SYNTHETIC_H

#include "base/arena.h"
#include "core/model/candle.h"
#include "core/model/event.h"
#include "core/sim/sim_exchange.h"

#define SYNTHETIC_FIRST_MS INT64_C(946684800000) /* 2000-01-01 */

enum {
    SYNTHETIC_SYMBOLS = 6,
    SYNTHETIC_STEP_MS = 100,
    SYNTHETIC_STEPS = 10,      /* a second */
    SYNTHETIC_TRADES_MAX = 40, /* a second */
    SYNTHETIC_LEVELS = 60,     /* a side */
    SYNTHETIC_ROOT_S = 1 << 23,
    SYNTHETIC_BLOCK_S = 1 << 10,
    SYNTHETIC_BLOCKS = 16,       /* cached paths */
    SYNTHETIC_MINUTES = 1 << 13, /* cached candles of a minute, all symbols */
    SYNTHETIC_HOURS = 1 << 14,   /* cached candles of an hour, all symbols */
    /* One call computes at most this many seconds: see synthetic_candles_max. */
    SYNTHETIC_SPAN_S_MAX = 60 * 86400,
};

struct synthetic_trade {
    int64_t time_ms;
    struct price price;
    struct qty qty;
    uint8_t taker; /* enum side */
};

/* The columns of an exchange's kline. */
struct synthetic_candle {
    struct candle candle;
    struct money quote_volume;
    struct qty taker_buy;
    struct money taker_buy_quote;
    uint64_t trades;
};

/* The path of one symbol over SYNTHETIC_BLOCK_S seconds. */
struct synthetic_block {
    bool filled;
    uint16_t symbol;
    int64_t first_s;
    double price[SYNTHETIC_BLOCK_S + 1];  /* at the start of each second, and after the last */
    double volatility[SYNTHETIC_BLOCK_S]; /* of each second, 1 = usual */
};

struct synthetic_cached {
    uint16_t symbol;
    struct synthetic_candle candle; /* open_ms 0 marks a free place */
};

struct synthetic {
    uint64_t seeds[SYNTHETIC_SYMBOLS];
    struct synthetic_block *blocks;
    struct synthetic_cached *minutes, *hours;
};

size_t synthetic_need(void);
void synthetic_init(struct synthetic *s, struct arena *a, uint64_t seed);
/* The rules of symbol 0..SYNTHETIC_SYMBOLS-1 (venue sim, index = symbol): BTCUSDT, ETHUSDT,
 * BNBUSDT, SOLUSDT, LINKUSDT, AVAXUSDT. */
struct instrument synthetic_instrument(uint16_t symbol);

/* Best bid and ask at the 100 ms step that time_ms falls into. */
void synthetic_quote(struct synthetic *s, uint16_t symbol, int64_t time_ms, struct price *bid,
                     struct price *ask);
/* The trades of the second that starts at second * 1000 ms, in order; returns how many (>= 1). */
uint32_t synthetic_trades(struct synthetic *s, uint16_t symbol, int64_t second,
                          struct synthetic_trade out[SYNTHETIC_TRADES_MAX]);
/* The book that makers want at that step, best first;
 * returns how many levels (SYNTHETIC_LEVELS). */
uint32_t synthetic_levels(struct synthetic *s, uint16_t symbol, int64_t time_ms, enum side side,
                          struct level out[SYNTHETIC_LEVELS]);
/* Candles open_ms = timeframe_floor(from_ms) and on; returns how many were written: count, but at
 * most synthetic_candles_max. */
uint32_t synthetic_candles(struct synthetic *s, uint16_t symbol, enum timeframe timeframe,
                           int64_t from_ms, uint32_t count, struct synthetic_candle *out);
/* The most candles of that timeframe in one call. */
uint32_t synthetic_candles_max(enum timeframe timeframe);

/* One order of the synthetic maker. */
struct synthetic_standing {
    struct level level;
    uint64_t order_id; /* SIM_NO_ID: to be placed */
};

struct synthetic_standings {
    struct synthetic_standing items[SYNTHETIC_LEVELS]; /* best first */
    uint32_t count;
};

/* The synthetic market's part in a running exchange. Its makers and takers are two unlimited
 * accounts; their orders stand in the same book as everybody's. */
struct synthetic_driver {
    struct synthetic *synthetic;
    struct sim_exchange *exchange;
    uint32_t maker, taker;                                      /* accounts */
    uint16_t instruments[SYNTHETIC_SYMBOLS];                    /* of the exchange, by symbol */
    struct synthetic_standings standings[SYNTHETIC_SYMBOLS][2]; /* by side */
    int64_t step; /* the last one done: time_ms / SYNTHETIC_STEP_MS; 0: none */
};

/* Adds the instruments and the accounts "synthetic-maker" and "synthetic-taker" where they are
 * missing; the exchange needs room for 2 * SYNTHETIC_SYMBOLS * SYNTHETIC_LEVELS orders of
 * theirs. */
enum err synthetic_driver_init(struct synthetic_driver *d, struct synthetic *s,
                               struct sim_exchange *e) ERR_MUST_USE;
/* Plays the market up to and including the step of now_ms: quotes, then trades, step by step. After
 * a pause of more than SYNTHETIC_CATCH_UP_MS the steps in between are left out (users' orders then
 * trade at the first quote that crosses them). */
void synthetic_step(struct synthetic_driver *d, int64_t now_ms);

enum { SYNTHETIC_CATCH_UP_MS = 5000 };

#endif
