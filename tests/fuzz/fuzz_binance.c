/* Hostile bytes into every Binance decoder. The first byte picks the decoder; a market frame that
 * is accepted must mean the same to jansson. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../io/venue/stream_peer.h"
#include "io/venue/binance/binance_answer.h"
#include "io/venue/binance/binance_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct binance_symbols table;
static struct instrument btc;

static void set_up(void)
{
    if (table.count) return;
    btc = stream_peer_instrument("BTCUSDT", 0, 2, 5);
    const struct instrument bnb = stream_peer_instrument("BNBBTC", 1, 8, 8);
    if (binance_symbols_add(&table, &btc) || binance_symbols_add(&table, &bnb)) abort();
}

static void fuzz_stream(struct slice frame)
{
    static struct level levels[256];
    struct binance_decoder decoder = {.symbols = &table, .levels = levels, .level_capacity = 256};
    struct binance_frame out;
    if (binance_stream_decode(&decoder, frame, &out)) return;
    if (stream_peer_compare(frame, &table, &out)) abort();
}

static void fuzz_answer(struct slice body, uint8_t first)
{
    static const int statuses[] = {200, 400, 401, 403, 409, 418, 429, 500};
    struct fill fills[4];
    struct binance_answer answer;
    const struct binance_outcome outcome = {.answered = true,
                                            .maybe_sent = true,
                                            .status = statuses[first >> 5],
                                            .body = body,
                                            .retry_after_s = -1};
    const enum binance_request_kind kind = (enum binance_request_kind)(first % 3);
    binance_classify(kind, &outcome, &btc, "tb-x-1", fills, 4, &answer);
    if (answer.verdict == BINANCE_REJECTED && answer.code >= 0) abort();
}

static void fuzz_rest(struct slice body)
{
    static struct instrument instruments[16];
    static struct candle candles[16];
    static struct level levels[64];
    static struct binance_my_trade mine[16];
    struct binance_exchange_info info;
    struct binance_restrictions restrictions;
    bool can_trade;
    struct binance_depth depth;
    size_t count;
    /* Each must only come back; what it says is the other tests' affair. */
    enum err err = binance_read_exchange_info(body, VENUE_BINANCE, instruments, 16, &info);
    err |= binance_read_klines(body, &btc, candles, 16, &count);
    err |= binance_read_depth(body, &btc, levels, 64, &depth);
    err |= binance_read_my_trades(body, &btc, mine, 16, &count);
    err |= binance_read_can_trade(body, &can_trade);
    err |= binance_read_restrictions(body, &restrictions);
    (void)err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct binance_user_frame user;
    if (size == 0) return 0;
    set_up();
    const struct slice bytes = {(const char *)data + 1, size - 1};
    switch (data[0] & 3) {
    case 0: fuzz_stream(bytes); break;
    case 1: fuzz_answer(bytes, data[0]); break;
    case 2: fuzz_rest(bytes); break;
    default:
        if (binance_user_decode(&table, bytes, &user)) return 0;
        if (user.kind >= BINANCE_USER_KIND_COUNT) abort();
    }
    return 0;
}
