/* The flags by which a command is told its candles: the first of its table.
 *
 *     enum { FLAG_SHOW = CANDLE_FLAGS, ... };
 *     static const struct flag flags[] = {CANDLE_FLAG_ROWS, [FLAG_SHOW] = ...}; */
#ifndef APP_CANDLE_FLAGS_H
#define APP_CANDLE_FLAGS_H

#include "app/options.h"
#include "service/research/candle_source.h"

enum { FLAG_DATA, FLAG_SYMBOL, FLAG_TIMEFRAME, CANDLE_FLAGS };

#define CANDLE_FLAG_ROWS                                                                           \
    [FLAG_DATA] = {"data", "FILE", "candles as CSV, or recorded frames (.jsonl)"},                 \
    [FLAG_SYMBOL] = {"symbol", "SYMBOL", "which of a recording's symbols"},                        \
    [FLAG_TIMEFRAME] = {"timeframe", "TIME", "candles to make of a recording (1s)"}

/* What the files are, for --help. */
extern const char candle_flags_help[];

/* The values as they were given; --data may be missing. */
struct candle_source candle_flags_source(const struct arguments *arguments);

#endif
