/* Indicator columns beside candles: "ema(8),rsi(14),macd(12,26,9),bbands(20,2),atr(14),sma(20)".
 *
 * Every indicator is a name and its numbers in brackets, as many as the table says; spaces do not
 * count. A column is named after the expression without spaces, with ".line", ".signal" and ".hist"
 * for macd and ".upper", ".mid" and ".lower" for bbands, in the order asked for. All are of closes
 * but atr. Definitions and seeds: core/indicator. */
#ifndef SERVICE_RESEARCH_INDICATOR_TABLE_H
#define SERVICE_RESEARCH_INDICATOR_TABLE_H

#include "base/buffer.h"
#include "base/err.h"
#include "core/model/candle.h"

enum {
    INDICATORS_MAX = 32,
    INDICATOR_COLUMNS_MAX = 3 * INDICATORS_MAX,
    INDICATOR_NAME_SIZE = 48,
    INDICATOR_PERIOD_MAX = 500,
};

struct indicator_table;

/* ERR_PARSE with the position (from 1) and what is allowed there. */
enum err indicator_table_parse(const char *text, struct indicator_table **out) ERR_MUST_USE;
void indicator_table_free(struct indicator_table *t); /* NULL is fine */

unsigned indicator_table_columns(const struct indicator_table *t);
const char *indicator_table_name(const struct indicator_table *t, unsigned column);
/* One candle more; values[column] is a NaN while that column warms up. */
void indicator_table_step(struct indicator_table *t, const struct candle *c, unsigned price_scale,
                          double values[INDICATOR_COLUMNS_MAX]);

/* What may be asked for, one a line. */
void indicator_table_describe(struct buffer *out);
/* The shortest decimal text that reads back as the same double. */
void indicator_write_value(double value, struct buffer *out);

#endif
