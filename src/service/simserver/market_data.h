/* What the market shows: recent trades, klines, 24 h figures, depth,
 * over either of the two markets.
 *
 * Trades are kept per instrument in a ring, so are aggregates: trades of one taker order at one
 * price (in a recording: consecutive ones of one time, side and price). */
#ifndef SERVICE_SIMSERVER_MARKET_DATA_H
#define SERVICE_SIMSERVER_MARKET_DATA_H

#include "base/err.h"
#include "core/model/event.h"
#include "core/sim/sim_event.h"
#include "core/sim/sim_synthetic.h"

enum {
    MARKET_TRADES_KEPT = 2048, /* an instrument, synthetic; a power of two */
    MARKET_KLINES_MAX = 1000,  /* an answer */
};

struct market_trade {
    uint64_t id;
    struct price price;
    struct qty qty;
    struct money quote;
    int64_t time_ms;
    uint64_t taker_order; /* 0: not known */
    bool buyer_is_maker;
};

struct market_aggregate {
    uint64_t id;
    struct market_trade trade; /* the last one, qty of all */
    uint64_t first_id, last_id;
};

/* Rings; row i (counted from the first ever) is at i & mask. */
struct market_history {
    struct market_trade *trades;
    struct market_aggregate *aggregates;
    uint64_t trade_count, aggregate_count;
    uint64_t mask;
    uint64_t next_aggregate_id;
    bool is_told; /* the last aggregate went to its subscribers */
};

struct simserver;

enum err market_history_init(struct market_history *h, uint32_t capacity,
                             uint64_t aggregate_id) ERR_MUST_USE;
void market_history_deinit(struct market_history *h);
/* True when the trade began a new aggregate; always, when the one before was told. */
bool market_history_add(struct market_history *h, const struct market_trade *trade);
/* The oldest row that is kept. */
uint64_t market_history_first(const struct market_history *h, uint64_t count);

/* Remembers a trade and sends what it means; its aggregate once it is known to be whole. */
void market_note_trade(struct simserver *s, uint16_t instrument, const struct market_trade *trade);
/* No trade follows that belongs to the last aggregate: sends it. */
void market_end_aggregate(struct simserver *s, uint16_t instrument);

/* The market's own time: of the last step, or recorded time. */
int64_t market_time(const struct simserver *s, uint16_t instrument);
/* Adds what was traded in *c, which is later than *into. */
void market_merge(struct synthetic_candle *into, const struct synthetic_candle *c);
/* Candles from_ms and on, at most count, the last one as it stands at market_time. Returns how
 * many. One call covers at most SYNTHETIC_SPAN_S_MAX. */
uint32_t market_klines(struct simserver *s, uint16_t instrument, enum timeframe timeframe,
                       int64_t from_ms, uint32_t count, struct synthetic_candle *out);
/* What was traded in [from_ms, to market_time]; trades 0 when nothing was. */
struct synthetic_candle market_span(struct simserver *s, uint16_t instrument, int64_t from_ms);
/* The last 24 hours, from a whole minute on. */
struct synthetic_candle market_day(struct simserver *s, uint16_t instrument);
/* What a day's candle comes to. */
struct market_change {
    struct price change, average;
    char percent[DECIMAL_TEXT_SIZE];
};

struct market_change market_change(const struct instrument *i, const struct synthetic_candle *day);
uint32_t market_depth(const struct simserver *s, uint16_t instrument, enum side side,
                      struct level *out, uint32_t max, uint64_t *update_id);
uint64_t market_update_id(const struct simserver *s, uint16_t instrument);
struct qty market_qty_at(const struct simserver *s, uint16_t instrument, enum side side,
                         struct price price);
struct price market_last_price(const struct simserver *s, uint16_t instrument);
/* Volume-weighted, of the last five minutes. */
struct price market_average_price(struct simserver *s, uint16_t instrument);
/* Ids of the first and the last trade of a candle that ends before until_ms; -1 where there are
 * none. */
void market_ids(const struct simserver *s, uint16_t instrument, const struct synthetic_candle *k,
                int64_t until_ms, int64_t *first, int64_t *last);

#endif
