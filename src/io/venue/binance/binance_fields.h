/* Fields that REST answers and user events have in common. Private to this folder. */
#ifndef IO_VENUE_BINANCE_FIELDS_H
#define IO_VENUE_BINANCE_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/order.h"
#include "io/venue/json_cursor.h"

/* "BUY" or "SELL" into an enum side. */
bool binance_read_side(struct json_cursor *c, uint8_t *out);
/* "PARTIALLY_FILLED" and the like into an enum binance_order_status. */
bool binance_read_status(struct json_cursor *c, uint8_t *out);
/* An asset's name; one that is empty or longer than we hold is refused. */
bool binance_read_asset(struct json_cursor *c, char out[ASSET_SIZE]);
/* A price or a quantity that was traded: rounded down where it is finer than the scale, and then
 * *is_rounded becomes true. */
bool binance_read_traded(struct json_cursor *c, unsigned scale, int64_t *out, bool *is_rounded);
/* Price, quantity and fee of a fill; only a rounded one may have a quantity of 0. */
bool binance_fill_is_sound(const struct fill *f, bool is_rounded);

#endif
