/* Which fills are booked already: the last `capacity` of them, by (instrument, mode, trade id).
 *
 * Venues tell a fill several times: in the answer, on the user stream, in queries. The first is
 * booked, the rest are recognised here; older ones are caught by the store's unique key. */
#ifndef CORE_EXECUTION_FILL_SET_H
#define CORE_EXECUTION_FILL_SET_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/id_map.h"
#include "core/model/order.h"

/* Trade ids at or above this cannot be told apart and are refused at the border. */
#define VENUE_TRADE_ID_LIMIT (UINT64_C(1) << 47)

struct fill_set {
    struct id_map seen;
    uint64_t *order; /* ring of keys, oldest first */
    uint32_t capacity, first, count;
};

size_t fill_set_need(uint32_t capacity);
void fill_set_init(struct fill_set *s, struct arena *a, uint32_t capacity);
/* False when it is there already. venue_trade_id must be below VENUE_TRADE_ID_LIMIT. */
bool fill_set_add(struct fill_set *s, uint16_t instrument, enum trading_mode mode,
                  uint64_t venue_trade_id);

#endif
