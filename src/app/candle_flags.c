/* The flags that name candles. */
#include "app/candle_flags.h"

const char candle_flags_help[] =
    "\nCSV has a header that names its columns, or is a Binance archive. A recording has one\n"
    "frame a line; its candles are made of its trade frames, or of aggTrade frames where\n"
    "there are no others, and the last one, which may be unfinished, is left out.\n";

struct candle_source candle_flags_source(const struct arguments *arguments)
{
    return (struct candle_source){
        .path = arguments->values[FLAG_DATA],
        .symbol = arguments->values[FLAG_SYMBOL],
        .timeframe = arguments->values[FLAG_TIMEFRAME],
    };
}
