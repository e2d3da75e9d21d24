/* Rows as values. */
#include "io/store/row.h"

#include <string.h>

struct store_market store_market_of(const struct instrument *instrument)
{
    struct store_market market = {
        .venue = instrument->venue,
        .price_scale = instrument->price_scale,
        .qty_scale = instrument->qty_scale,
        .base_scale = instrument->base_scale,
        .quote_scale = instrument->quote_scale,
    };
    memcpy(market.symbol, instrument->symbol, sizeof market.symbol);
    return market;
}
