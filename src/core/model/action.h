/* What the engine answers to an event. The driver carries actions out: orders through the store to
 * the venue, bookings to the store, the rest to people. Values only. */
#ifndef CORE_MODEL_ACTION_H
#define CORE_MODEL_ACTION_H

#include <stdint.h>

#include "core/model/event.h"

enum action_kind {
    ACTION_PLACE,    /* make durable as SENT, then send once: order */
    ACTION_CANCEL,   /* ask the venue to end it, or do not send it if that can still be: order */
    ACTION_QUERY,    /* ask the venue what became of it; never resend: order */
    ACTION_ORDER,    /* an order's state changed: order */
    ACTION_FILL,     /* a fill was booked; one transaction: booking */
    ACTION_BOT,      /* a bot's state or day changed: totals */
    ACTION_DECISION, /* why a bot did or did not trade; for people: decision */
    ACTION_RESYNC,   /* this instrument's book is wrong: fetch it anew */
};

/* A closed position. */
struct round_trip {
    struct qty qty;
    struct price entry_price, exit_price; /* averages */
    struct money pnl;                     /* net of all fees, quote */
    struct money fees;                    /* quote value of all fees */
    int64_t pnl_ppm;                      /* of the entry notional */
    int64_t opened_ms, closed_ms;
    uint8_t exit_reason; /* enum purpose of the order that closed it */
};

struct booking {
    struct fill fill;
    struct order order;       /* after the fill */
    struct position position; /* after the fill */
    struct bot_totals totals; /* after the fill */
    bool closed;              /* this fill closed a round trip */
    struct round_trip round_trip;
};

#define WHYS(X)                                                                                    \
    X(NONE, "")                                                                                    \
    X(WARMING_UP, "warming_up")                                                                    \
    X(NO_CROSS, "no_cross")                                                                        \
    X(TREND_DOWN, "trend_down")                                                                    \
    X(TREND_UP, "trend_up")                                                                        \
    X(RSI_OVERBOUGHT, "rsi_overbought")                                                            \
    X(RSI_OVERSOLD, "rsi_oversold")                                                                \
    X(SIGNAL, "signal")                                                                            \
    X(STOP_LOSS, "stop_loss")                                                                      \
    X(TRAILING_STOP, "trailing_stop")                                                              \
    X(TAKE_PROFIT, "take_profit")                                                                  \
    X(BOT_STOPPED, "bot_stopped")                                                                  \
    X(BOT_PAUSED, "bot_paused")                                                                    \
    X(COOLDOWN, "cooldown")                                                                        \
    X(ORDER_PENDING, "order_pending")                                                              \
    X(ORDER_UNKNOWN, "order_unknown")                                                              \
    X(FEED_STALE, "feed_stale")                                                                    \
    X(HALTED, "instrument_halted")                                                                 \
    X(NO_PRICE, "no_price")                                                                        \
    X(SIZE_TOO_SMALL, "size_too_small")                                                            \
    X(SIZE_TOO_LARGE, "size_too_large")                                                            \
    X(NO_CAPITAL, "no_capital")                                                                    \
    X(ORDERS_FULL, "orders_full")

/* Why a decision came out as it did. A denial is data: it is recorded and shown. */
enum why {
#define X(name, text) WHY_##name,
    WHYS(X)
#undef X
        WHY_COUNT
};

enum verdict { VERDICT_HOLD, VERDICT_NO_ENTRY, VERDICT_ENTER, VERDICT_EXIT };

enum { DECISION_VALUES = 3 };

struct decision {
    uint8_t verdict; /* enum verdict */
    uint8_t why;     /* enum why */
    struct price price;
    double values[DECISION_VALUES]; /* what the strategy looked at; strategy_type.value_names */
};

struct action {
    uint8_t kind;
    uint16_t instrument;
    uint64_t bot_id;
    int64_t time_ms;
    union {
        struct order order;
        struct booking booking;
        struct bot_totals totals;
        struct decision decision;
    };
};

/* The actions of one engine_step, in the order they must happen. The caller's memory; the engine
 * never writes past capacity (see engine_outbox_need). */
struct outbox {
    struct action *items;
    uint32_t count, capacity;
};

const char *why_name(enum why why);
const char *verdict_name(enum verdict verdict); /* "no_entry" */

#endif
