/* The engine's insides, shared by the files of this folder and nobody else.
 *
 * All arrays come from one arena and refer to each other by index, so the state has no pointers
 * that decide anything, and walking it in index order is the same walk everywhere. */
#ifndef CORE_ENGINE_STATE_H
#define CORE_ENGINE_STATE_H

#include "base/arena.h"
#include "base/id_map.h"
#include "core/engine/engine.h"
#include "core/execution/fill_set.h"
#include "core/execution/order_table.h"
#include "core/risk/sizing.h"
#include "core/strategy/strategy.h"

#define NO_INDEX UINT32_MAX

struct market {
    struct instrument rules;
    struct book book;
    struct price last; /* of the last print, bar or candle; 0 = none yet */
    uint8_t feed;      /* enum feed_state */
    bool known;        /* EVENT_INSTRUMENT came */
    uint32_t first_leg;
    uint32_t first_in_series[TIMEFRAME_COUNT];
};

struct leg {
    uint32_t bot;
    uint32_t next_on_market, next_in_series; /* chains in order of adding */
    uint16_t instrument;
    struct strategy strategy;
    struct position position;
    bool holds;        /* the position is open and a lot step or more of it can be sold */
    bool levels_known; /* levels are those of the position, its peak and the rules as they are */
    struct stop_levels levels;
    uint64_t working_order; /* id, 0 = none: at most one order at a time */
    struct money reserved;  /* quote set aside for a working entry */
    int64_t last_candle_ms; /* open time; INT64_MIN = none yet */
    int64_t cooldown_until_ms;
    bool exit_wanted; /* until flat: an exit that failed is tried again */
    uint8_t exit_purpose;
    struct price exit_trigger;
    int64_t exit_retry_ms;
    uint32_t exit_rejects; /* in a row */
    bool written_off;      /* held, too small to sell, and left alone while the bot is stopped */
};

struct bot {
    struct bot_config config;
    struct bot_totals totals;
    uint32_t first_leg; /* config.symbol_count of them in a row */
};

struct engine {
    struct engine_limits limits;
    struct arena arena;
    struct market *markets; /* by instrument index */
    struct bot *bots;
    struct leg *legs;
    struct id_map bot_by_id;
    struct order_table orders;
    struct fill_set fills;
    uint32_t bot_count, leg_count;
    uint32_t exits_wanted; /* legs with exit_wanted */
    uint64_t next_order_id;
    uint64_t seq;
    int64_t time_ms;
    int64_t day;
    uint64_t decision_hash;
    struct engine_counters counters;
};

static inline struct action *engine_emit(struct engine *e, struct outbox *out,
                                         enum action_kind kind, uint16_t instrument,
                                         uint64_t bot_id)
{
    CHECK(out->count < out->capacity);
    struct action *a = &out->items[out->count++];
    a->kind = (uint8_t)kind;
    a->instrument = instrument;
    a->bot_id = bot_id;
    a->time_ms = e->time_ms;
    return a;
}

static inline const struct instrument *leg_rules(const struct engine *e, const struct leg *leg)
{
    return &e->markets[leg->instrument].rules;
}

/* A flat leg has no stop, and one on its way out needs none: most legs at most prices. */
static inline bool leg_watches_price(const struct leg *leg)
{
    return leg->holds && !leg->exit_wanted && !leg->written_off;
}

struct bot *engine_find_bot(const struct engine *e, uint64_t bot_id);

/* legs.c: what a bot does in one instrument. */
void leg_on_candle(struct engine *e, struct leg *leg, const struct candle_event *c, double close,
                   struct outbox *out);
/* Both only for a leg that watches prices. */
void leg_on_price(struct engine *e, struct leg *leg, struct price price, struct outbox *out);
void leg_on_bar(struct engine *e, struct leg *leg, const struct candle *bar, struct outbox *out);
/* Asks for an exit that is tried until the leg is flat. */
void leg_want_exit(struct engine *e, struct leg *leg, enum purpose purpose, struct price trigger,
                   struct outbox *out);
/* Sends the wanted exit again where it failed and may be tried. */
void leg_retry_exit(struct engine *e, struct leg *leg, struct outbox *out);
void leg_exit_done(struct engine *e, struct leg *leg);
/* After every change of the position. */
void leg_note_position(struct engine *e, struct leg *leg);

/* roster.c: bots and legs come, change and go. Legs keep the order in which they were added. */
void roster_add(struct engine *e, const struct bot_config *config);
void roster_change(struct engine *e, const struct bot_config *config);
void roster_remove(struct engine *e, uint64_t bot_id);

/* bots.c: commands, days, and what the store kept. */
void bot_on_command(struct engine *e, const struct bot_event *command, struct outbox *out);
void bot_on_restore(struct engine *e, const struct event *in, struct outbox *out);
void bot_turn_day(struct engine *e, struct bot *bot, struct outbox *out);
struct purse bot_purse(const struct engine *e, const struct bot *bot);
/* Ends STOPPING once nothing that can be sold is held and nothing works. */
void bot_settle(struct engine *e, struct bot *bot, struct outbox *out);
/* A person must look: no entries until START or STOP. */
void bot_halt(struct engine *e, struct bot *bot, enum bot_reason reason, struct outbox *out);
void bot_tell(struct engine *e, struct bot *bot, struct outbox *out);

/* orders.c: from a wish to an order, and news about it. */
bool order_place(struct engine *e, struct leg *leg, enum side side, struct qty qty,
                 enum purpose purpose, struct price trigger, struct outbox *out);
/* Ends the leg's entry that is under way, if there is one. */
void order_cancel_entry(struct engine *e, const struct leg *leg, struct outbox *out);
void order_on_news(struct engine *e, const struct order_news *news, struct outbox *out);
void order_on_fill(struct engine *e, uint16_t instrument, const struct fill *fill,
                   struct outbox *out);
void order_on_time(struct engine *e, struct outbox *out);
void order_restore(struct engine *e, const struct order *order, struct outbox *out);

#endif
