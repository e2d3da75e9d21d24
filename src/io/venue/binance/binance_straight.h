/* The straight path of the stream decoder: frames exactly as Binance writes them, key by key,
 * without white space. Private to the stream decoder; binance_stream.h is the manual. */
#ifndef IO_VENUE_BINANCE_STRAIGHT_H
#define IO_VENUE_BINANCE_STRAIGHT_H

#include <stdbool.h>

#include "io/venue/binance/binance_stream.h"
#include "io/venue/json_cursor.h"

#define BINANCE_TOO_MANY_LEVELS "too many levels"

/* False where the frame is not of a known shape;
 * then nothing is known about it and out is undefined. */
bool binance_straight_decode(struct binance_decoder *d, struct slice frame,
                             struct binance_frame *out);

/* Reads an array of levels behind the *count that are in the array already; *odd counts those left
 * out because the price scale cannot hold their price. */
bool binance_read_levels(struct json_cursor *c, unsigned price_scale, unsigned qty_scale,
                         struct level *levels, uint32_t capacity, uint32_t *count, uint64_t *odd);
/* A quantity of market data: rounded down, but what is there never reads as 0. */
bool binance_read_market_qty(struct json_cursor *c, unsigned scale, struct qty *out);
/* A price of market data, rounded where it is finer than the scale. */
bool binance_read_market_price(struct json_cursor *c, unsigned scale, enum rounding mode,
                               struct price *out);

#endif
