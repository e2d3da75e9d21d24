/* A second reading of market frames, by jansson and plain text arithmetic, to compare ours with. */
#ifndef TESTS_IO_VENUE_STREAM_PEER_H
#define TESTS_IO_VENUE_STREAM_PEER_H

#include "io/venue/binance/binance_stream.h"

/* NULL when the frame that we accepted as `ours` is sound JSON and says the same to jansson; else
 * what is wrong. `table` gives the scales. */
const char *stream_peer_compare(struct slice frame, const struct binance_symbols *table,
                                const struct binance_frame *ours);
/* An instrument with those scales, for a table of symbols. */
struct instrument stream_peer_instrument(const char *symbol, uint16_t index, unsigned price_scale,
                                         unsigned qty_scale);

#endif
