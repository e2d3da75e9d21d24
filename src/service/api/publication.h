/* What the trade thread tells the web threads: copies of what changed, by value,
 * over a ring each.
 *
 * Market data is conflated before it is published (a book at most once a tick of the trade thread)
 * and may be dropped when the ring is full, because the next one says it all again. Bot news is
 * never dropped: it waits in the trade thread until the ring has room. */
#ifndef SERVICE_API_PUBLICATION_H
#define SERVICE_API_PUBLICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "core/engine/engine.h"
#include "core/model/action.h"

enum { PUBLISH_LEVELS = 50, VENUE_REASON_SIZE = 128, ALARM_TEXT_SIZE = 128 };

enum publication_kind {
    PUBLISH_INSTRUMENT, /* from now on this index means this instrument */
    PUBLISH_BOOK,
    PUBLISH_PRINT,
    PUBLISH_BOT,      /* a bot's totals and equity */
    PUBLISH_BOT_GONE, /* forget what was said of it */
    PUBLISH_LEG,      /* a bot's position in one instrument */
    PUBLISH_DECISION, /* why */
    PUBLISH_VENUE,
    PUBLISH_ENGINE, /* counters */
    PUBLISH_ALARM,  /* what keeps the trade thread from its whole work */
};

enum venue_state { VENUE_DOWN, VENUE_DIALING, VENUE_SYNCING, VENUE_LIVE, VENUE_STALE };

/* A venue's market session, for people. Ages and latencies are -1 while unknown. */
struct venue_status {
    uint8_t venue; /* enum venue */
    uint8_t state; /* enum venue_state */
    char reason[VENUE_REASON_SIZE];
    double latency_ms;
    int64_t age_ms;
    uint32_t streams;
    uint64_t gaps, reconnects, malformed, frames;
    uint32_t weight_used, weight_limit;
    int64_t banned_until_ms; /* the venue takes nothing from us before; 0: no ban */
};

struct published_book {
    uint64_t last_id;
    uint32_t bid_count, ask_count;
    struct level bids[PUBLISH_LEVELS], asks[PUBLISH_LEVELS]; /* best first */
};

struct published_bot {
    struct bot_totals totals;
    struct money equity;
};

/* Told each second. Empty texts: all is well. */
struct trade_alarm {
    char store[ALARM_TEXT_SIZE];  /* why the store takes no writes, or not all */
    char orders[ALARM_TEXT_SIZE]; /* which news of orders waits for a person */
    uint32_t halted_bots;         /* that news of orders has paused */
};

struct publication {
    uint8_t kind;
    uint16_t instrument;
    uint64_t bot_id;
    uint64_t user_id; /* BOT: whose it is */
    int64_t time_ms;
    union {
        struct instrument rules;
        struct published_book book;
        struct print print;
        struct published_bot bot;
        struct leg_view leg;
        struct decision decision;
        struct venue_status venue;
        struct engine_counters engine;
        struct trade_alarm alarm;
    };
};

#endif
