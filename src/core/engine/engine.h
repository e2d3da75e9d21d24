/* The engine: a pure function of its events.
 *
 * engine_step takes one event and answers with actions. It reads no clock, draws no random number,
 * does no I/O and takes no memory after engine_new: the same events give the same actions, always.
 * Live, paper, backtest and replay are four drivers of this one function.
 *
 * One thread at a time may use an engine. Everything it hands out by pointer is its own and good
 * until the next engine_step. */
#ifndef CORE_ENGINE_ENGINE_H
#define CORE_ENGINE_ENGINE_H

#include "base/err.h"
#include "core/market/book.h"
#include "core/model/action.h"
#include "core/model/event.h"
#include "core/risk/stops.h"

/* How much there may be of everything; memory for all of it is taken at once, and costs real pages
 * only when used. What happens at a limit: instruments, bots, legs: engine_has_room says no before;
 * orders: new orders are denied (WHY_ORDERS_FULL); fills: the oldest is forgotten (the store still
 * knows it); book_levels: the worst level falls off. */
struct engine_limits {
    uint16_t instruments;
    uint32_t bots, legs; /* a leg is one bot in one instrument */
    uint32_t orders, fills;
    uint32_t book_levels; /* a side */
    bool explain;         /* emit ACTION_DECISION */
};

struct engine;

struct engine_counters {
    uint64_t events, orders, fills;
    uint64_t duplicate_fills, unknown_orders; /* news that concerned nothing of ours */
    uint64_t impossible_news, crossed_books, candle_gaps;
    uint64_t unknown_fills; /* of orders that nobody knows: money that is booked nowhere */
};

/* One bot in one instrument, as people see it. */
struct leg_view {
    uint16_t instrument;
    struct position position;
    struct stop_levels stops; /* of the open position */
    struct money unrealized;
    uint64_t working_order; /* 0 = none */
    struct money reserved;  /* quote that an entry under way may cost */
};

struct bot_view {
    const struct bot_config *config;
    struct bot_totals totals;
    struct money equity; /* capital + realized + unrealized */
    uint32_t leg_count;
    struct leg_view legs[BOT_SYMBOLS_MAX];
};

enum err engine_new(const struct engine_limits *limits, struct engine **out) ERR_MUST_USE;
void engine_free(struct engine *e); /* NULL is fine */

/* The largest number of actions one step may give: the capacity an outbox must have. */
uint32_t engine_outbox_need(const struct engine_limits *limits);

/* The one entry to the core. Resets the outbox, then fills it. Events must come with seq counting
 * up by one from 1 and time never going back. */
void engine_step(struct engine *e, const struct event *in, struct outbox *out);

/* Whether engine_step may be given this event: for events that come from a file and not from our
 * own drivers. Says nothing about whether it makes sense, only that it breaks no rule that the
 * engine CHECKs. The text of err_text names the rule. */
bool engine_takes(const struct engine *e, const struct event *in);

/* Room for one more bot with so many symbols; ask before BOT_COMMAND_ADD. */
bool engine_has_room(const struct engine *e, uint32_t symbol_count);
/* Stopped, flat in all its instruments, and no order of it works: it may be changed or removed. */
bool engine_bot_is_idle(const struct engine *e, uint64_t bot_id);
/* NULL when the bot is unknown. */
const struct bot_config *engine_bot_config(const struct engine *e, uint64_t bot_id);
bool engine_bot_view(const struct engine *e, uint64_t bot_id, struct bot_view *out);
/* NULL when the order is unknown or long closed. */
const struct order *engine_order(const struct engine *e, uint64_t order_id);
/* Calls back for each order that is not closed. */
void engine_working_orders(const struct engine *e,
                           void (*callback)(void *context, const struct order *order),
                           void *context);
/* Bots that wait for a person to look at impossible news, an unknown or a rounded fill. */
uint32_t engine_halted_bots(const struct engine *e);
const struct book *engine_book(const struct engine *e, uint16_t index);
uint64_t engine_next_order_id(const struct engine *e);
uint64_t engine_seq(const struct engine *e); /* of the last event */
const struct engine_counters *engine_counters(const struct engine *e);

/* Runs over every ACTION_PLACE so far: equal hashes mean equal decisions. */
uint64_t engine_decision_hash(const struct engine *e);

#endif
