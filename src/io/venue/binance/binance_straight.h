/* The straight path of the stream decoder: frames exactly as Binance writes them, key by key, without
 * white space. Private to the stream decoder; binance_stream.h is the manual. */
#ifndef IO_VENUE_BINANCE_STRAIGHT_H
#define IO_VENUE_BINANCE_STRAIGHT_H

#include <stdbool.h>

#include "io/venue/binance/binance_stream.h"
#include "io/venue/json_cursor.h"

#define BINANCE_TOO_MANY_LEVELS "too many levels"

/* False where the frame is not of a known shape; then nothing is known about it and out is undefined. */
bool binance_straight_decode(struct binance_decoder *d, struct slice frame,
                             struct binance_frame *out);

/* Reads an array of levels behind the *count that are in the array already. */
bool binance_read_levels(struct json_cursor *c, unsigned price_scale, unsigned qty_scale,
                         struct level *levels, uint32_t capacity, uint32_t *count);

#endif
