/* One venue's market data: from sockets to events that are safe to trade on.
 *
 *   DOWN --dial--> DIALING --open--> SYNCING --every book synced--> LIVE --silence--> STALE
 *     ^                |                |                            |                |
 *     +---backoff------+----------------+----------cut, shutdown-----+----------------+
 *
 * One connection for all streams of the venue, subscribed on demand and within the venue's limit of
 * messages a second. For each watched instrument: depth deltas synchronised with a REST snapshot by
 * the documented procedure (core/market/book_sync.h), prints, and closed candles of the timeframes
 * asked for. A gap in a stream makes that book stale at once (EVENT_FEED) until it is synchronised
 * again. A missing candle is fetched by REST before the next one is told. Frames that cannot be
 * read are counted, sampled into the log and dropped; a dropped depth frame shows as a gap.
 *
 * Reconnects for ever, as venue_stream.h says; while the venue forbids it, which venue_rest.h
 * knows, the session is DOWN and does not dial. Silence of SILENCE_MS on a connection with streams
 * is a hang: STALE, then a new connection. Half-way a ping is sent, so that a quiet market is not
 * taken for a hang; but MARKET_DATA_SILENCE_MS without any message is one even so.
 *
 * Thread: that of the loop. */
#ifndef IO_FEED_MARKET_SESSION_H
#define IO_FEED_MARKET_SESSION_H

#include <uv.h>

#include "base/err.h"
#include "core/model/event.h"
#include "io/feed/venue_rest.h"
#include "io/feed/venue_stream.h"

enum {
    SILENCE_MS = 10000,
    MARKET_DATA_SILENCE_MS = 60000,
    MARKET_STREAMS_MAX = 1024,      /* of one connection */
    MARKET_MESSAGES_PER_SECOND = 4, /* of the venue's 5: one is left for a pong */
    MARKET_STREAMS_PER_MESSAGE = 50,
    MARKET_DEPTH_LIMIT = 1000,    /* levels a side of a snapshot */
    MARKET_BUFFER_MAX = 1 << 20,  /* bytes of deltas that wait for a snapshot; then anew */
    MARKET_HELD_CANDLES_MAX = 64, /* that wait for missing ones; the oldest is dropped */
    MARKET_SYMBOLS_INTERVAL_MS = 3600000,
    MARKET_REASON_SIZE = VENUE_STREAM_REASON_SIZE,
    MARKET_CANDLES_MAX = BINANCE_KLINES_MAX, /* of one fetch */
};

enum market_state { MARKET_DOWN, MARKET_DIALING, MARKET_SYNCING, MARKET_LIVE, MARKET_STALE };

struct market_session;

struct market_sink {
    /* An event for the engine: kind, instrument and payload are set (FEED, BOOK, PRINT, CANDLE);
     * seq and time_ms are the sequencer's to give. Pointers are good during the call. */
    void (*on_event)(void *user, struct event *event);
    /* The venue's list of symbols came, for the first time or anew. */
    void (*on_symbols)(void *user);
    /* The session's state changed. */
    void (*on_state)(void *user);
};

struct market_session_options {
    const char *ws_url; /* "wss://stream.binance.com:9443" */
    const struct tls_context *tls;
    struct venue_rest *rest; /* the caller's, for the life of this */
    enum venue venue;
    uint64_t jitter_seed;
    uint16_t instruments_max; /* watched at a time */
    /* A zero takes the default: the streams', or the one named above. */
    uint32_t reconnect_first_ms, reconnect_last_ms, silence_ms, data_silence_ms;
    uint32_t read_size; /* see struct conn_options */
    struct market_sink sink;
    void *user;
};

struct market_status {
    uint8_t state;                   /* enum market_state */
    char reason[MARKET_REASON_SIZE]; /* of a state that is not LIVE; "" otherwise */
    double latency_ms;               /* of REST; -1 unknown */
    int64_t age_ms;                  /* since the last frame; -1 when none came */
    uint32_t streams;
    uint64_t frames, gaps, reconnects, malformed;
    uint64_t refused; /* SUBSCRIBE messages */
    uint32_t weight_used, weight_limit;
    int64_t banned_until_ms; /* the venue's time before which nothing is sent to it; 0: no ban */
};

/* Starts to fetch the symbols and to dial. */
enum err market_session_open(uv_loop_t *loop, const struct market_session_options *options,
                             struct market_session **out) ERR_MUST_USE;
void market_session_close(struct market_session *m); /* NULL is fine */

/* The venue's symbols, good until the next on_symbols; NULL and 0 before the first. */
const struct instrument *market_session_symbols(const struct market_session *m, size_t *count);
/* By "BTCUSDT"; NULL when the venue has no such symbol. */
const struct instrument *market_session_find(const struct market_session *m, const char *symbol);

/* From now on depth and prints of this instrument are told; rules->index is the caller's own
 * number. Watching twice is once. ERR_LIMIT: instruments_max, MARKET_STREAMS_MAX. */
enum err market_session_watch(struct market_session *m,
                              const struct instrument *rules) ERR_MUST_USE;
/* From now on its closed candles too, beginning with the one that is open, none left out and each
 * once. ERR_NOT_FOUND: not watched. */
enum err market_session_watch_candles(struct market_session *m, uint16_t instrument,
                                      enum timeframe timeframe) ERR_MUST_USE;
/* The engine found the book wrong: synchronise it anew. */
void market_session_resync(struct market_session *m, uint16_t instrument);

typedef void (*market_candles)(void *user, enum err err, const struct candle *candles,
                               size_t count);
/* The newest `count` candles of any symbol that the venue has, oldest first, the last one still
 * open; err_text says what went wrong. One answer, from the loop, or ERR_CLOSED inside
 * market_session_close. */
enum err market_session_fetch_candles(struct market_session *m, const char *symbol,
                                      enum timeframe timeframe, uint32_t count,
                                      market_candles on_candles, void *user) ERR_MUST_USE;

void market_session_status(const struct market_session *m, struct market_status *out);

#endif
