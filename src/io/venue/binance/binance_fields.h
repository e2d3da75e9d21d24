/* Fields that REST answers and user events have in common. Private to this folder. */
#ifndef IO_VENUE_BINANCE_FIELDS_H
#define IO_VENUE_BINANCE_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/instrument.h"
#include "io/venue/json_cursor.h"

/* "BUY" or "SELL" into an enum side. */
bool binance_read_side(struct json_cursor *c, uint8_t *out);
/* "PARTIALLY_FILLED" and the like into an enum binance_order_status. */
bool binance_read_status(struct json_cursor *c, uint8_t *out);
/* An asset's name; one that is empty or longer than we hold is refused. */
bool binance_read_asset(struct json_cursor *c, char out[ASSET_SIZE]);

#endif
