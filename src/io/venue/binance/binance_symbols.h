/* The instruments that a Binance session knows, found by the name that a frame carries.
 *
 * A hash table in the caller's memory (about half a megabyte); adding happens at start, finding on
 * every frame. Binance writes one symbol in two ways: "BTCUSDT" in events, "btcusdt" in stream
 * names; both are kept and compared exactly. One thread. */
#ifndef IO_VENUE_BINANCE_SYMBOLS_H
#define IO_VENUE_BINANCE_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/model/instrument.h"

enum {
    BINANCE_SYMBOLS_MAX = 4096,  /* the spot market lists about 3,000, halted ones included */
    BINANCE_SYMBOL_SLOTS = 8192, /* a power of two: at most half full */
};

/* A name as three words that overlap where it is short: equal words and sizes are equal names. */
struct binance_name {
    uint64_t words[3];
    size_t size;
};

struct binance_symbol {
    struct binance_name upper, lower;
    char text[SYMBOL_SIZE]; /* upper case */
    uint8_t price_scale, qty_scale, base_scale, quote_scale;
    uint16_t instrument;
};

struct binance_symbols {
    uint32_t count;
    uint16_t slots[BINANCE_SYMBOL_SLOTS]; /* 1 + place in symbols; 0 = free */
    struct binance_symbol symbols[BINANCE_SYMBOLS_MAX];
};

/* A zeroed struct is an empty table. Adds an instrument, or renews the scales of one that is there.
 * ERR_LIMIT when full; ERR_INVALID for a name with bytes other than A-Z, 0-9, '_', '-', '.'. */
enum err binance_symbols_add(struct binance_symbols *t, const struct instrument *i) ERR_MUST_USE;
/* By "BTCUSDT"; NULL when not there. */
const struct binance_symbol *binance_symbols_find(const struct binance_symbols *t,
                                                  struct slice symbol);
/* By "btcusdt", the part of a stream name before '@'; NULL when not there. */
const struct binance_symbol *binance_symbols_find_stream(const struct binance_symbols *t,
                                                         struct slice name);
/* Is this text the symbol's name in upper case? */
bool binance_symbol_is(const struct binance_symbol *s, const char *text, size_t size);

#endif
