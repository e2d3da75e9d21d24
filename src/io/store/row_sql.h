/* Between rows and prepared statements: columns in the order of the lists below, which both the
 * statements and the functions here are written from. */
#ifndef IO_STORE_ROW_SQL_H
#define IO_STORE_ROW_SQL_H

#include <stdint.h>

#include <sqlite3.h>

#include "base/err.h"
#include "io/store/row.h"

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

/* Writes values to ?1, ?2, … one after another. Texts are not copied: they must live until the
 * statement was run. The first failure stays in err. */
struct binder {
    sqlite3_stmt *statement;
    int count;
    int code;
};

void bind_start(struct binder *b, sqlite3_stmt *statement);
void bind_i64(struct binder *b, int64_t value);
/* Ids and counts; one above 2^63 - 1 becomes negative and is refused by the table's rules. */
void bind_u64(struct binder *b, uint64_t value);
void bind_text(struct binder *b, const char *text);
void bind_market(struct binder *b, const struct store_market *market);
/* ERR_NO_MEMORY, or OK. A wrong count of values is a bug. */
enum err bind_end(const struct binder *b) ERR_MUST_USE;

/* Each reads the row that the statement stands on, whose columns begin with its list. ERR_PARSE
 * names the column that holds what this program cannot know or hold. */
enum err row_bot(sqlite3_stmt *row, struct store_bot *out) ERR_MUST_USE;
enum err row_totals(sqlite3_stmt *row, struct store_totals *out) ERR_MUST_USE;
enum err row_position(sqlite3_stmt *row, struct store_position *out) ERR_MUST_USE;
enum err row_order(sqlite3_stmt *row, struct store_order *out) ERR_MUST_USE;
enum err row_fill(sqlite3_stmt *row, struct store_fill *out) ERR_MUST_USE;
enum err row_round_trip(sqlite3_stmt *row, struct store_round_trip *out) ERR_MUST_USE;

#endif
