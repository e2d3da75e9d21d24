/* Frames of Binance's market streams into values, and the control messages that steer them.
 *
 * Two ways of reading, one result: frames whose keys come in the order Binance writes them go down
 * a straight path; anything else that is sound JSON (other order, unknown keys, white space) goes
 * down the tolerant one. Both check the whole frame: nothing is accepted that a strict JSON parser
 * refuses. A known key twice, a missing field, a decimal that the instrument's scale cannot hold:
 * refused.
 *
 * The frame may come bare or in the combined wrapper {"stream":…,"data":…}. Partial depth and the
 * book ticker of one symbol are told apart by their fields; partial depth names no symbol, so it is
 * only understood in the wrapper.
 *
 * Slices and levels in the result are borrowed from the frame and from the decoder: good until the
 * next call. One thread. Source: Binance web-socket-streams.md (2026-07). */
#ifndef IO_VENUE_BINANCE_STREAM_H
#define IO_VENUE_BINANCE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/model/event.h"
#include "io/venue/binance/binance_symbols.h"

/* Both sides of one message together: a snapshot has at most 5,000 levels a side. */
enum { BINANCE_LEVELS_MAX = 10000 };

enum binance_frame_kind {
    BINANCE_TRADE,
    BINANCE_AGG_TRADE,
    BINANCE_DEPTH,         /* a delta: depthUpdate */
    BINANCE_PARTIAL_DEPTH, /* the best 5, 10 or 20 levels, whole */
    BINANCE_BOOK_TICKER,
    BINANCE_KLINE,
    BINANCE_TICKER,      /* 24hrTicker */
    BINANCE_MINI_TICKER, /* 24hrMiniTicker */
    BINANCE_SHUTDOWN,    /* the server is about to close: reconnect at once */
    BINANCE_RESULT,      /* the answer to a control message */
    BINANCE_ERROR,       /* a refusal of a control message */
    BINANCE_UNKNOWN,     /* an event kind that we do not know */
    BINANCE_FOREIGN,     /* a symbol that is not in the table */
    BINANCE_FRAME_KIND_COUNT
};

struct binance_agg_trade {
    struct print print; /* id: the aggregate's own */
    uint64_t first_trade_id, last_trade_id;
};

/* first_id and last_id are U and u of a delta; a snapshot has both at lastUpdateId. */
struct binance_depth {
    uint64_t first_id, last_id;
    const struct level *bids, *asks;
    uint32_t bid_count, ask_count;
};

struct binance_book_ticker {
    uint64_t update_id; /* counts together with u of depth */
    struct level bid, ask;
};

struct binance_kline {
    uint8_t timeframe; /* enum timeframe; TIMEFRAME_COUNT for one we do not build (3d, 1w, 1M) */
    bool closed;
    uint64_t trade_count;
    struct candle candle;
};

/* Of the last 24 hours. */
struct binance_ticker {
    struct price open, high, low, last;
    struct qty volume;     /* base */
    struct price bid, ask; /* 0 in a mini ticker */
};

struct binance_control {
    int64_t id;           /* of the message answered; -1 where it was null or text */
    int64_t code;         /* BINANCE_ERROR only */
    struct slice message; /* BINANCE_ERROR only, as written */
};

struct binance_frame {
    uint8_t kind;        /* enum binance_frame_kind */
    uint16_t instrument; /* INSTRUMENT_NONE where it concerns none that we know */
    int64_t event_ms;    /* E: the venue's clock; 0 where the frame has none */
    struct slice stream; /* "btcusdt@trade"; "" where the frame came bare */
    union {
        struct print trade;
        struct binance_agg_trade agg_trade;
        struct binance_depth depth; /* DEPTH and PARTIAL_DEPTH */
        struct binance_book_ticker book_ticker;
        struct binance_kline kline;
        struct binance_ticker ticker; /* TICKER and MINI_TICKER */
        struct binance_control control;
    };
};

struct binance_decoder {
    const struct binance_symbols *symbols;
    struct level *levels; /* the caller's; holds the levels of the last depth frame */
    uint32_t level_capacity;
    uint64_t frame_count, tolerant_count, unknown_count, foreign_count, malformed_count;
    uint64_t odd_level_count; /* levels left out because their price is finer than the scale */
};

/* ERR_PARSE: not sound JSON or not the shape it claims. ERR_LIMIT: more levels than fit. */
enum err binance_stream_decode(struct binance_decoder *d, struct slice frame,
                               struct binance_frame *out) ERR_MUST_USE;

/* {"method":"SUBSCRIBE","params":["btcusdt@trade",…],"id":7}; UNSUBSCRIBE likewise. */
void binance_stream_write_subscribe(struct buffer *out, bool subscribe, const struct slice *streams,
                                    uint32_t stream_count, int64_t id);
/* "btcusdt@depth@100ms" and the like: the symbol in lower case, then suffix ("@depth@100ms"). */
void binance_stream_write_name(struct buffer *out, const char *symbol, const char *suffix);

#endif
