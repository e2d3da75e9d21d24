/* What the files of the market session share; of no use to anybody else.
 *
 *   market_session.c  life, connection, watchdog, frames to their readers
 *   market_streams.c  which streams are wanted, and telling the venue so
 *   market_books.c    depth: buffer, snapshot, gap
 *   market_candles.c  closed candles in order, history
 *   market_symbols.c  the venue's list of symbols
 *
 * The sink may close the session inside any callback: after telling it anything, is_closed is
 * looked at before the session is touched again. The memory goes when the loop comes round. */
#ifndef IO_FEED_MARKET_INTERNAL_H
#define IO_FEED_MARKET_INTERNAL_H

#include "core/market/book_sync.h"
#include "io/feed/backoff.h"
#include "io/feed/market_session.h"
#include "io/feed/venue_stream.h"

enum { MARKET_REST_DEADLINE_MS = 60000 };

/* The kinds of stream of one instrument: depth, prints, and from STREAM_KLINE on the candles of
 * each timeframe. */
enum { STREAM_DEPTH, STREAM_TRADE, STREAM_KLINE };

enum stream_state { STREAM_WANTED, STREAM_ASKED, STREAM_ON };

struct stream {
    uint16_t watch; /* place in watches */
    uint8_t kind;
    uint8_t state;      /* enum stream_state */
    int64_t message_id; /* ASKED: by this message */
};

struct candle_line {
    struct watch *watch;
    uint8_t timeframe;
    bool is_fetching;
    int64_t watched_ms;     /* the venue's time when it was asked for; -1 where that is unknown */
    int64_t last_open_ms;   /* of the last candle told, or before the first to tell; -1: unknown */
    int64_t empty_until_ms; /* the venue has no candle that opens between the last and this */
    int64_t fetch_end_ms;
    uint64_t fetch_next; /* loop time before which no other fetch starts */
    struct backoff backoff;
    struct candle held[MARKET_HELD_CANDLES_MAX];
    uint32_t held_count;
};

struct watch {
    struct market_session *session;
    struct instrument rules; /* index: the caller's */
    uint16_t place;          /* in watches, and in the decoder's table */
    struct book_sync sync;
    struct buffer deltas; /* buffered, see market_books.c */
    uint8_t feed;         /* enum feed_state as told */
    bool is_fetching;
    bool is_live;         /* snapshot and buffered deltas were told */
    bool is_doubted;      /* the engine found it wrong */
    uint32_t connection;  /* counts how often all was forgotten */
    uint32_t fetched_for; /* connection that the snapshot under way belongs to */
    uint64_t fetch_next;  /* loop time; UINT64_MAX: no snapshot is wanted */
    uint64_t live_since;  /* loop time */
    struct backoff backoff;
    struct candle_line *lines[TIMEFRAME_COUNT];
};

/* A fetch of candles for somebody. */
struct candle_fetch {
    struct candle_fetch *next;
    struct market_session *session;
    struct instrument rules;
    market_candles on_candles;
    void *user;
};

struct market_session {
    uv_loop_t *loop;
    struct market_session_options options;
    uint8_t state;
    char reason[MARKET_REASON_SIZE];
    bool is_closed;
    uv_timer_t timer;

    struct venue_stream stream;
    uint64_t last_frame; /* loop time; 0: none ever */
    uint64_t frames, gaps, reconnects, refused;
    uint64_t next_id;      /* of control messages */
    uint64_t next_message; /* loop time before which no control message leaves */
    struct buffer out;

    struct binance_decoder decoder;
    struct binance_symbols *table; /* of watches; an entry's instrument is its place */
    struct level *levels;          /* of frames */
    struct level *snapshot_levels;
    struct candle *candles; /* of an answer: MARKET_CANDLES_MAX */

    struct watch **watches; /* instruments_max */
    uint16_t watch_count;
    struct stream *streams; /* MARKET_STREAMS_MAX */
    uint32_t stream_count;

    struct instrument *symbols;
    size_t symbol_count;
    bool symbols_fetching;
    uint64_t symbols_next;
    struct backoff symbols_backoff;
    struct candle_fetch *fetches;
};

/* market_session.c */
void market_wake(struct market_session *m); /* something is to be done: look, from the loop */
void market_set_state(struct market_session *m, enum market_state state, const char *reason);
void market_tell(struct market_session *m, struct event *event);
void market_judge(struct market_session *m); /* LIVE or SYNCING, by the books */
/* For something else of the session that is tried again: waits as between dials, jitter its own. */
void market_backoff_init(const struct market_session *m, struct backoff *b, uint64_t number);
struct watch *market_watch_of(const struct market_session *m, uint16_t instrument);
/* OK, or what the outcome of a request means; err_text names it. */
enum err market_check(const struct binance_outcome *outcome) ERR_MUST_USE;

/* Each _due function does what is due and returns the loop time of the next thing, UINT64_MAX for
 * none. It may close the session. */

/* market_streams.c */
enum err market_streams_add(struct market_session *m, uint16_t watch, unsigned kind) ERR_MUST_USE;
void market_streams_forget(struct market_session *m); /* the connection is gone */
uint64_t market_streams_due(struct market_session *m);
void market_streams_on_answer(struct market_session *m, const struct binance_frame *frame);

/* market_books.c */
void market_book_init(struct watch *w);
void market_book_deinit(struct watch *w);
void market_book_on_delta(struct watch *w, const struct binance_depth *depth);
void market_book_want_snapshot(struct watch *w); /* its stream is on: a snapshot is of use */
void market_book_drop(struct watch *w);          /* stale, all forgotten */
uint64_t market_book_due(struct watch *w);

/* market_candles.c */
void market_candles_on_kline(struct watch *w, const struct binance_kline *kline);
uint64_t market_candles_due(struct watch *w);
void market_candles_give_up(struct market_session *m); /* answers all fetches: closed */

/* market_symbols.c */
uint64_t market_symbols_due(struct market_session *m);

#endif
