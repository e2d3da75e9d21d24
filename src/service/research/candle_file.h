/* Candles from a CSV file, strictly: either every row is what it says, or there is an error that
 * names file, line and cause. Nothing is sorted, filled in, rounded or guessed.
 *
 * Columns. A header names them, in any case: open, high, low, close, volume, and for the time the
 * first of open_time_ms, open_time, timestamp, datetime, date, time that is there; other columns
 * are ignored. A file that begins with a digit has no header and must be a Binance archive of 12
 * columns. Fields are separated by commas and not quoted; lines end in LF or CRLF, and the last one
 * may lack its end as long as all its columns are there. A byte order mark is skipped.
 *
 * Times are those of the open: seconds, milliseconds or microseconds since 1970 UTC (told apart by
 * their size: 10^8 to 10^11, to 10^14, to 10^17), or ISO 8601 in UTC (see utc_time.h);
 * open_time_ms is always milliseconds. They must rise from row to row.
 *
 * Prices and volumes are plain decimals, kept exactly: the scale of each kind is the most decimals
 * that any row needs (zeros at the end do not count), at most CANDLE_SCALE_MAX. Prices are above 0
 * and below CANDLE_PRICE_LIMIT.
 *
 * The timeframe is the smallest step between two rows, and must be one that we know; every other
 * step must be a multiple of it. Steps of more than one timeframe are gaps: kept, and counted.
 *
 * The file is read in pieces, so memory is what the candles take, up to CANDLE_ROWS_MAX. */
#ifndef SERVICE_RESEARCH_CANDLE_FILE_H
#define SERVICE_RESEARCH_CANDLE_FILE_H

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/model/candle.h"

#define CANDLE_PRICE_LIMIT INT64_C(1000000000000) /* whole quote units */
#define CANDLE_ROWS_MAX    ((size_t)100 << 20)    /* of 48 bytes */

enum {
    CANDLE_SCALE_MAX = 12,
    CANDLE_COLUMNS_MAX = 64,
    CANDLE_LINE_SIZE_MAX = 65536, /* bytes */
};

struct candle_file {
    struct candle *candles; /* ours; prices in price_scale, volumes in volume_scale */
    size_t count;           /* at least 2 */
    uint8_t price_scale, volume_scale;
    uint8_t timeframe;
    uint64_t gaps;       /* places where candles are missing */
    uint64_t missing;    /* candles that would have been there */
    struct buffer lines; /* with CANDLE_KEEP_LINES: the header, then the row of each candle, as they
                            stand in the file, each ended by LF */
};

enum candle_keep { CANDLE_KEEP_VALUES, CANDLE_KEEP_LINES };

/* On an error nothing is left to free. */
enum err candle_file_read(const char *path, enum candle_keep keep,
                          struct candle_file *out) ERR_MUST_USE;
/* The same from memory; name stands for the file in errors. */
enum err candle_file_parse(const char *name, struct slice text, enum candle_keep keep,
                           struct candle_file *out) ERR_MUST_USE;
void candle_file_free(struct candle_file *f);

/* Takes the next line off *rest, without its end; false when nothing is left. */
bool candle_file_next_line(struct slice *rest, struct slice *line);

#endif
