/* Candles from a file of either kind, told apart by its first byte: a recording of exchange frames
 * begins with '{' and is a regular file; everything else is read as CSV (candle_file.h).
 *
 * A recording's candles are made from its prints by core/market/candle_builder, as live. The first
 * one begins with the first print; the last one is left out, because nothing says that it was over.
 * Silence is as the builder has it: empty candles, or a gap when more than CANDLE_FILL_MAX are
 * missing. A print that the recording holds twice counts once; one of a candle that is over is
 * refused. Scales are the decimals that the symbol's prices and quantities have anywhere in the
 * recording. With CANDLE_KEEP_LINES the lines are the candles in the columns open_time_ms to
 * volume. */
#ifndef SERVICE_RESEARCH_CANDLE_SOURCE_H
#define SERVICE_RESEARCH_CANDLE_SOURCE_H

#include "base/err.h"
#include "core/model/instrument.h"
#include "service/research/candle_file.h"

struct candle_source {
    const char *path;
    const char *symbol;    /* in any case; NULL: a recording's only one. Not for CSV */
    const char *timeframe; /* NULL: 1s of a recording. CSV must have it already */
    enum candle_keep keep;
};

/* The symbol is "" for CSV, which does not tell. ERR_INVALID: symbol or timeframe do not fit the
 * file; else errors name file, line and cause. On an error nothing is left to free. */
enum err candle_source_read(const struct candle_source *source, struct candle_file *out,
                            char symbol[SYMBOL_SIZE]) ERR_MUST_USE;

#endif
