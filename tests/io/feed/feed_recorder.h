/* A market session beside a scripted venue, and a log of all it tells: one line an event. */
#ifndef TESTS_IO_FEED_FEED_RECORDER_H
#define TESTS_IO_FEED_FEED_RECORDER_H

#include "base/arena.h"
#include "core/market/book.h"
#include "io/feed/market_session.h"
#include "io/feed/venue_script.h"

enum { RECORDER_BOOKS_MAX = 8 };

struct feed_recorder {
    uv_loop_t loop;
    struct venue_script venue;
    struct venue_rest *rest;
    struct market_session *session;
    struct buffer
        log; /* "snap 13\n", "delta 14\n", "live\n", "stale\n", "print 5\n", "candle 1m 60000\n" */
    bool is_quiet; /* books only, no log */
    bool is_live;  /* as the newest EVENT_FEED of any instrument says */
    /* After each event about a book or its feed; may be NULL. */
    void (*on_book)(struct feed_recorder *f, const struct event *event);
    void *user;
    unsigned symbols_count; /* calls of on_symbols */
    unsigned event_count;
    unsigned close_at; /* closes the session inside the n-th event; 0: never */
    bool resyncs;      /* asks for a resync inside the next delta */
    unsigned refusals; /* book updates that book_apply refused */
    struct arena arena;
    struct book books[RECORDER_BOOKS_MAX]; /* by instrument: kept from the events */
    /* candles of a fetch */
    unsigned fetched;
    enum err fetch_err;
    struct candle fetched_last;
};

/* The options that matter to a test; venue, rest and sink are filled in. */
void recorder_init(struct feed_recorder *f, const struct market_session_options *options);
void recorder_deinit(struct feed_recorder *f);
/* Runs until condition(f). */
void recorder_run(struct feed_recorder *f, bool (*condition)(const struct feed_recorder *f));
/* Runs until the log says exactly that. */
void recorder_expect(struct feed_recorder *f, const char *log);
void recorder_on_candles(void *user, enum err err, const struct candle *candles, size_t count);
/* Runs until the session's symbols are known, watches BTCUSDT as instrument 3 and runs until the
 * venue has been asked for its streams. */
void recorder_watch(struct feed_recorder *f);

#endif
