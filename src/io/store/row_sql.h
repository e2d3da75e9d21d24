/* Between rows and prepared statements: columns in the order of the lists below, which both the
 * statements and the functions here are written from. */
#ifndef IO_STORE_ROW_SQL_H
#define IO_STORE_ROW_SQL_H

#include <stdint.h>

#include "base/err.h"
#include "io/store/row.h"
#include "io/store/sql.h"

#define MARKET_COLUMNS "venue, symbol, price_scale, qty_scale, base_scale, quote_scale"
#define BOT_COLUMNS                                                                                \
    "id, user_id, name, venue, mode, strategy, params, symbols, timeframe, capital, quote_scale, " \
    "sizing_kind, sizing_value, sizing_scale, stop_loss_ppm, take_profit_ppm, trailing_ppm, "      \
    "max_daily_loss_ppm, daily_target_ppm, max_daily_trades, cooldown_s, wanted, created_ms, "     \
    "updated_ms"
#define TOTALS_COLUMNS                                                                             \
    "bot_id, state, reason, day, day_pnl, day_trades, realized, trades, quote_scale"
#define POSITION_COLUMNS                                                                           \
    "bot_id, is_open, base, cost, proceeds, fees, fees_quote, bought, sold, entry_price, peak, "   \
    "opened_ms, " MARKET_COLUMNS
#define ORDER_COLUMNS                                                                              \
    "id, bot_id, mode, side, type, purpose, state, reason, qty, price, trigger_price, filled, "    \
    "filled_quote, venue_order_id, venue_code, client_order_id, body, created_ms, "                \
    "updated_ms, " MARKET_COLUMNS
#define FILL_COLUMNS                                                                               \
    "id, bot_id, mode, order_id, venue_trade_id, price, qty, fee, fee_scale, fee_asset, "          \
    "liquidity, created_ms, " MARKET_COLUMNS
#define ROUND_TRIP_COLUMNS                                                                         \
    "id, bot_id, mode, qty, entry_price, exit_price, pnl, pnl_ppm, fees, opened_ms, created_ms, "  \
    "exit_reason, " MARKET_COLUMNS

void bind_market(struct sql_statement *st, const struct store_market *market);

/* Each reads the row that the statement stands on, whose columns begin with its list. ERR_PARSE
 * names the column that holds what this program cannot know or hold. */
enum err row_bot(struct sql_statement *row, struct store_bot *out) ERR_MUST_USE;
enum err row_totals(struct sql_statement *row, struct store_totals *out) ERR_MUST_USE;
enum err row_position(struct sql_statement *row, struct store_position *out) ERR_MUST_USE;
enum err row_order(struct sql_statement *row, struct store_order *out) ERR_MUST_USE;
enum err row_fill(struct sql_statement *row, struct store_fill *out) ERR_MUST_USE;
enum err row_round_trip(struct sql_statement *row, struct store_round_trip *out) ERR_MUST_USE;

#endif
