/* How each thing looks in JSON. The shapes are the API's: fields may be added, never taken away. */
#ifndef SERVICE_API_VIEWS_H
#define SERVICE_API_VIEWS_H

#include "base/json_writer.h"
#include "core/strategy/strategy.h"
#include "io/store/row.h"
#include "service/api/balances.h"
#include "service/api/board.h"

/* key: see json_writer.h. `live` may be NULL: the trade thread has not told of the bot. */
void view_bot(struct json_writer *w, const struct store_bot *bot, const struct board_bot *live);
/* What a bot is, holds and has earned today. */
void view_bot_state(struct json_writer *w, const struct store_bot *bot, const struct board *board,
                    int64_t now_ms);
void view_decision(struct json_writer *w, const struct store_bot *bot, const struct board *board,
                   const struct board_decision *d);
/* The members of a position, without the brackets. */
void view_position(struct json_writer *w, const struct board_market *m, const struct leg_view *leg);
void view_order(struct json_writer *w, const struct store_order *order);
void view_fill(struct json_writer *w, const struct store_fill *fill);
void view_round_trip(struct json_writer *w, const struct store_round_trip *trip);
void view_book(struct json_writer *w, const struct board_market *m, uint32_t levels,
               int64_t now_ms);
void view_ticker(struct json_writer *w, const struct board_market *m);
void view_print(struct json_writer *w, const struct instrument *rules, const struct print *print);
void view_candle(struct json_writer *w, const struct instrument *rules, const struct candle *c,
                 bool closed);
void view_instrument(struct json_writer *w, const struct instrument *i);
void view_venue(struct json_writer *w, const struct board_venue *venue, int64_t now_ms);
void view_strategy(struct json_writer *w, const struct strategy_type *type);
void view_balances(struct json_writer *w, const struct balances *balances);

#endif
