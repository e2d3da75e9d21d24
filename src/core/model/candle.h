/* Candles and the timeframes they come in. Times are ms since 1970 UTC; a candle covers
 * [open_ms, open_ms + timeframe_ms). Days start at 00:00 UTC. */
#ifndef CORE_MODEL_CANDLE_H
#define CORE_MODEL_CANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/money.h"

#define TIMEFRAMES(X)                                                                              \
    X(1S, "1s", 1)                                                                                 \
    X(1M, "1m", 60)                                                                                \
    X(3M, "3m", 180)                                                                               \
    X(5M, "5m", 300)                                                                               \
    X(15M, "15m", 900)                                                                             \
    X(30M, "30m", 1800)                                                                            \
    X(1H, "1h", 3600)                                                                              \
    X(2H, "2h", 7200)                                                                              \
    X(4H, "4h", 14400)                                                                             \
    X(6H, "6h", 21600)                                                                             \
    X(8H, "8h", 28800)                                                                             \
    X(12H, "12h", 43200)                                                                           \
    X(1D, "1d", 86400)

enum timeframe {
#define X(name, text, seconds) TIMEFRAME_##name,
    TIMEFRAMES(X)
#undef X
        TIMEFRAME_COUNT
};

struct candle {
    int64_t open_ms;
    struct price open, high, low, close;
    struct qty volume; /* base */
};

int64_t timeframe_ms(enum timeframe timeframe);
const char *timeframe_name(enum timeframe timeframe); /* "1m", as exchanges write it */
bool timeframe_parse(const char *text, enum timeframe *out);
/* The timeframe of that length; false when there is none. */
bool timeframe_from_ms(int64_t ms, enum timeframe *out);
/* Start of the candle that time_ms (>= 0) falls into. */
int64_t timeframe_floor(enum timeframe timeframe, int64_t time_ms);

/* low <= open, close <= high and all prices > 0, volume >= 0. */
bool candle_is_sound(const struct candle *c);

#endif
