/* A finished backtest as text for people, JSON for programs and CSV for spreadsheets. */
#ifndef SERVICE_RESEARCH_REPORT_H
#define SERVICE_RESEARCH_REPORT_H

#include "base/buffer.h"
#include "service/research/backtest.h"

/* Aligned figures, and the equity curve as a line of blocks (UTF-8). */
void report_write_text(const struct backtest_result *result, struct buffer *out);
/* The metrics object of the API, with `hash` (the decisions', 16 hex digits) and the settings used.
 * Amounts and ratios are strings; what does not exist is null. */
void report_write_json(const struct backtest_result *result, struct buffer *out);
/* One row a closed round trip, with the columns of GET /trades. */
void report_write_trades(const struct backtest_result *result, struct buffer *out);

#endif
