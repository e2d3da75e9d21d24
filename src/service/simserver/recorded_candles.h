/* The candles of one recorded symbol: made of its prints, or as recorded kline frames tell them.
 *
 * Prints make candles of a second (core/market/candle_builder); all longer ones are sums of those,
 * so that candles of all timeframes agree. A print that comes after a later second began is late,
 * and in no candle. Where the recording holds kline frames of a timeframe, the candles they tell
 * stand as told, and only those that they leave out are sums.
 *
 * First the whole recording is planned, frame by frame; then there is room for all of it. Planned
 * amounts have sums that fit. One thread. */
#ifndef SERVICE_SIMSERVER_RECORDED_CANDLES_H
#define SERVICE_SIMSERVER_RECORDED_CANDLES_H

#include "base/err.h"
#include "base/slice.h"
#include "core/market/candle_builder.h"
#include "core/sim/sim_synthetic.h"

struct recorded_second {
    struct synthetic_candle sum;
    uint64_t first_id, last_id;
};

/* Rows by time. */
struct told_candles {
    struct synthetic_candle *rows;
    uint32_t count, planned;
    int64_t planned_ms; /* of the row planned last */
};

struct recorded_candles {
    struct candle_builder builder;
    struct recorded_second *seconds; /* by time; those with a print */
    uint32_t count, planned;
    int64_t planned_ms;
    struct qty planned_base;
    struct money planned_quote;
    struct told_candles told[TIMEFRAME_COUNT];
};

/* Of a kline frame's data, of that timeframe. ERR_PARSE. */
enum err recorded_kline_read(struct slice data, enum timeframe timeframe,
                             struct synthetic_candle *out) ERR_MUST_USE;

/* False: more is traded than can be counted. */
bool recorded_candles_plan(struct recorded_candles *c, const struct print *print);
void recorded_candles_plan_told(struct recorded_candles *c, enum timeframe timeframe,
                                const struct synthetic_candle *k);
enum err recorded_candles_init(struct recorded_candles *c) ERR_MUST_USE;
void recorded_candles_deinit(struct recorded_candles *c);

/* Both take no more than was planned. */
void recorded_candles_add(struct recorded_candles *c, const struct print *print,
                          struct money quote);
void recorded_candles_tell(struct recorded_candles *c, enum timeframe timeframe,
                           const struct synthetic_candle *k);

/* Candles from_ms and on that begin up to now_ms, from the first known one on; an interval without
 * one repeats the close before it. Returns how many. */
uint32_t recorded_candles_list(const struct recorded_candles *c, enum timeframe timeframe,
                               int64_t from_ms, int64_t now_ms, uint32_t count,
                               struct synthetic_candle *out);
/* What was traded in the seconds of [from_ms, until_ms), and the ids of the first and the last of
 * those prints; trades 0 and ids -1 when nothing was. */
struct synthetic_candle recorded_candles_sum(const struct recorded_candles *c, int64_t from_ms,
                                             int64_t until_ms, int64_t *first_id, int64_t *last_id);

#endif
