/* Everything that can happen to the engine. An event is a value that the sequencer has given a
 * number and a time; the same events in the same order give the same decisions, always.
 *
 * Pointers inside an event are borrowed: they are good until engine_step returns. */
#ifndef CORE_MODEL_EVENT_H
#define CORE_MODEL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/bot.h"
#include "core/model/candle.h"
#include "core/model/instrument.h"
#include "core/model/order.h"

enum event_kind {
    EVENT_TIME,       /* nothing but time passed */
    EVENT_INSTRUMENT, /* an instrument is there, or its rules changed */
    EVENT_FEED,       /* a market's data became live or stale */
    EVENT_BOOK,       /* a snapshot or a delta, already checked for gaps */
    EVENT_PRINT,      /* somebody traded at the venue */
    EVENT_BAR,        /* the path of prices inside a candle, where there are no prints (history) */
    EVENT_CANDLE,     /* a candle closed */
    EVENT_ORDER,      /* news of one of our orders */
    EVENT_FILL,       /* one of our orders traded */
    EVENT_BOT,        /* a person's command to a bot */
    EVENT_RESTORE,    /* what the store kept of a bot or an order, at start */
    EVENT_KIND_COUNT
};

struct level {
    struct price price;
    struct qty qty; /* 0 in a delta removes the level */
};

struct book_update {
    bool snapshot; /* replaces the book; else each level is set or removed */
    uint64_t last_id;
    const struct level *bids, *asks; /* any order in a delta; best first in a snapshot */
    uint32_t bid_count, ask_count;
};

/* A trade of the market. */
struct print {
    uint64_t id;
    struct price price;
    struct qty qty;
    uint8_t taker; /* enum side: who came to the book */
    int64_t time_ms;
};

enum feed_state { FEED_DOWN, FEED_LIVE, FEED_STALE };

struct candle_event {
    uint8_t timeframe;
    bool history;    /* from before now: warms indicators up, never trades */
    uint64_t bot_id; /* for this bot alone (its warm-up); 0 = for all */
    struct candle candle;
};

struct order_news {
    uint64_t order_id;
    uint8_t input;      /* enum order_input, but FILL_PART and FILL_REST: those are EVENT_FILL */
    uint8_t reason;     /* enum order_reason; FILL_ROUNDED halts the bot, whatever the input */
    int32_t venue_code; /* 0 for none */
    uint64_t venue_order_id; /* 0 when not told */
};

enum bot_command {
    BOT_COMMAND_ADD,
    BOT_COMMAND_START,
    BOT_COMMAND_STOP,   /* sell what is held, then stay stopped */
    BOT_COMMAND_PANIC,  /* the same at once: entries under way are canceled, no exit waits */
    BOT_COMMAND_CHANGE, /* another configuration under the same id; of an idle bot only */
    BOT_COMMAND_REMOVE, /* gone for good; of an idle bot only */
    BOT_COMMAND_COUNT
};

struct bot_event {
    uint8_t command;
    uint64_t bot_id;
    const struct bot_config *config; /* with ADD and CHANGE only */
};

/* A bot's holding in one instrument, as the store keeps it. Amounts in the assets' scales. */
struct position {
    struct money base;        /* what we hold, dust of earlier round trips included */
    struct money cost;        /* quote paid for it, without fees */
    struct money proceeds;    /* quote received in this round trip so far, without fees */
    struct money fees;        /* quote value of all fees of this round trip so far */
    struct money fees_quote;  /* the part of fees that was paid in quote */
    struct qty bought, sold;  /* in this round trip */
    struct price entry_price; /* average, rounded to price_scale; 0 when flat */
    struct price peak;        /* highest price since there is something to sell, for trailing */
    int64_t opened_ms;
    bool open; /* a round trip is under way */
};

/* What a bot has done on one UTC day and over its life, as the store keeps it. */
struct bot_totals {
    int64_t day; /* days since 1970 UTC of day_pnl and day_trades */
    struct money day_pnl;
    uint32_t day_trades;
    struct money realized; /* net of fees, all closed round trips */
    uint64_t trades;
    uint8_t state; /* enum bot_state */
    uint8_t reason;
};

enum restore_kind { RESTORE_BOT, RESTORE_POSITION, RESTORE_ORDER, RESTORE_FILL, RESTORE_COUNTER };

struct restore {
    uint8_t kind;
    uint64_t bot_id;
    union {
        struct bot_totals totals; /* BOT, after its ADD */
        struct position position; /* POSITION, with the event's instrument */
        struct order order;       /* ORDER: those not closed, and newly closed live ones */
        struct fill fill;         /* FILL: already booked, so that it is not booked again */
        uint64_t next_order_id;   /* COUNTER */
    };
};

struct event {
    uint8_t kind;
    uint16_t instrument; /* INSTRUMENT_NONE where it concerns none */
    uint64_t seq;        /* counts up by one */
    int64_t time_ms;     /* the sequencer's time; never smaller than the event before */
    union {
        const struct instrument *instrument_rules; /* INSTRUMENT: its index is the event's */
        uint8_t feed;                              /* enum feed_state */
        struct book_update book;
        struct print print;
        struct candle bar;
        struct candle_event candle;
        struct order_news order;
        struct fill fill;
        struct bot_event bot;
        struct restore restore;
    };
};

#endif
