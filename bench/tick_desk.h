/* Our side of bench_tick: the program's own parts from the bytes of a feed to a signed order.
 *
 *     conn -> ws_decoder -> binance_stream_decode -> engine_step
 *          -> body -> [store] -> sign -> http_client
 *
 * One bot holds a position whose stop every trade of the feed breaks, so each tick gives one
 * order. When its answer has come, the desk books the fill, buys again far above the market and
 * counts itself armed: all that is outside of what the peer measures.
 *
 * Thread: that of the loop, except the two atomics. */
#ifndef BENCH_TICK_DESK_H
#define BENCH_TICK_DESK_H

#include <stdatomic.h>

#include <uv.h>

#include "core/engine/engine.h"
#include "io/net/conn.h"
#include "io/net/http_client.h"
#include "io/net/ws_codec.h"
#include "io/store/store_thread.h"
#include "io/venue/binance/binance_sign.h"
#include "io/venue/binance/binance_stream.h"
#include "tick_input.h"

struct desk {
    uv_loop_t *loop;
    const struct tick_input *input;
    const struct tls_context *tls;
    uint16_t port;
    struct conn *feed;
    struct http_client *orders;
    struct ws_decoder frames;
    struct binance_symbols *symbols;
    struct binance_decoder decoder;
    struct binance_key key;
    struct engine *engine;
    struct outbox outbox;
    struct level *levels;
    uint64_t seq, trade_id;
    int64_t time_ms, candle_ms;
    uint32_t ticks_taken;
    struct price last; /* of the last trade */
    struct order order;
    struct buffer body;
    char folder[64];
    struct store *store;
    struct store_thread *store_thread;
    uv_async_t store_wake;
    atomic_bool durable; /* the order's row is on the disk before the order leaves */
    atomic_uint armed;   /* how often the desk became ready for a tick */
};

/* Dials the peer twice: the feed, then, once that is open, the orders. Starts a store in a folder
 * of its own. Stops the program on any failure. */
void desk_open(struct desk *d, uv_loop_t *loop, const struct tick_input *input, uint16_t port,
               const struct tls_context *tls);
void desk_close(struct desk *d);

#endif
