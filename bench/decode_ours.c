/* Our side of bench_decode. */
#include "decode_ours.h"

#include "base/check.h"
#include "io/venue/binance/binance_stream.h"

static uint64_t mix_levels(uint64_t sum, const struct level *levels, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        sum = decode_mix(decode_mix(sum, levels[i].price.units), levels[i].qty.units);
    return sum;
}

static uint64_t mix_frame(uint64_t sum, const struct binance_frame *f)
{
    const struct binance_book_ticker *t = &f->book_ticker;
    switch (f->kind) {
    case BINANCE_TRADE:
        return decode_mix(decode_mix(sum, f->trade.price.units), f->trade.qty.units);
    case BINANCE_BOOK_TICKER: return mix_levels(mix_levels(sum, &t->bid, 1), &t->ask, 1);
    case BINANCE_DEPTH:
        sum = mix_levels(sum, f->depth.bids, f->depth.bid_count);
        return mix_levels(sum, f->depth.asks, f->depth.ask_count);
    default: return sum;
    }
}

uint64_t decode_ours(const struct decode_frame *frames, size_t count)
{
    static struct binance_symbols table;
    static struct level levels[BINANCE_LEVELS_MAX];
    const struct instrument i = {
        .symbol = "BTCUSDT", .price_scale = DECODE_PRICE_SCALE, .qty_scale = DECODE_QTY_SCALE};
    CHECK(binance_symbols_add(&table, &i) == OK);
    struct binance_decoder decoder = {
        .symbols = &table, .levels = levels, .level_capacity = BINANCE_LEVELS_MAX};
    struct binance_frame f;
    uint64_t sum = 1;
    for (size_t n = 0; n < count; n++) {
        if (binance_stream_decode(&decoder, (struct slice){frames[n].data, frames[n].size}, &f))
            return 0;
        sum = mix_frame(sum, &f);
    }
    return sum;
}
