/* A bot's life: added, started, paused by its day, stopped, halted, restored. */
#include "base/check.h"
#include "core/engine/state.h"
#include "core/execution/position.h"
#include "core/risk/day_budget.h"

void bot_tell(struct engine *e, struct bot *bot, struct outbox *out)
{
    engine_emit(e, out, ACTION_BOT, INSTRUMENT_NONE, bot->config.id)->totals = bot->totals;
}

static void set_state(struct engine *e, struct bot *bot, enum bot_state state,
                      enum bot_reason reason, struct outbox *out)
{
    if (bot->totals.state == state && bot->totals.reason == reason) return;
    bot->totals.state = (uint8_t)state;
    bot->totals.reason = (uint8_t)reason;
    bot_tell(e, bot, out);
}

/* A day's limit outlives STOP and START: else two clicks would undo it. */
static void start_bot(struct engine *e, struct bot *bot, struct outbox *out)
{
    bot_turn_day(e, bot, out);
    for (uint32_t i = 0; i < bot->config.symbol_count; i++)
        e->legs[bot->first_leg + i].written_off = false;
    const enum bot_reason limit = day_budget_reached(&bot->totals, &bot->config);
    set_state(e, bot, limit == BOT_REASON_NONE ? BOT_RUNNING : BOT_PAUSED, limit, out);
}

static bool is_settled(const struct engine *e, const struct bot *bot)
{
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        const struct leg *leg = &e->legs[bot->first_leg + i];
        if ((leg->holds && !leg->written_off) || leg->working_order) return false;
    }
    return true;
}

static void stop_bot(struct engine *e, struct bot *bot, struct outbox *out)
{
    if (bot->totals.state == BOT_STOPPED && is_settled(e, bot)) return;
    set_state(e, bot, BOT_STOPPING, BOT_REASON_NONE, out);
    /* An open position without a running bot would have nobody to watch its stop. */
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        struct leg *leg = &e->legs[bot->first_leg + i];
        if ((leg->holds && !leg->written_off) || leg->working_order)
            leg_want_exit(e, leg, PURPOSE_EXIT, (struct price){0}, out);
    }
    bot_settle(e, bot, out);
}

/* What stop leaves to time is done here and now: nothing is bought any more, no exit waits for its
 * next try, and a rest that was given up is tried again. */
static void panic_bot(struct engine *e, struct bot *bot, struct outbox *out)
{
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        struct leg *leg = &e->legs[bot->first_leg + i];
        leg->written_off = false;
        leg->exit_rejects = 0;
    }
    stop_bot(e, bot, out);
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        struct leg *leg = &e->legs[bot->first_leg + i];
        order_cancel_entry(e, leg, out);
        leg->exit_retry_ms = e->time_ms;
        leg_retry_exit(e, leg, out);
    }
}

void bot_on_command(struct engine *e, const struct bot_event *command, struct outbox *out)
{
    struct bot *bot = engine_find_bot(e, command->bot_id);
    CHECK(bot || command->command == BOT_COMMAND_ADD);
    switch ((enum bot_command)command->command) {
    case BOT_COMMAND_ADD: roster_add(e, command->config); break;
    case BOT_COMMAND_START: start_bot(e, bot, out); break;
    case BOT_COMMAND_STOP: stop_bot(e, bot, out); break;
    case BOT_COMMAND_PANIC: panic_bot(e, bot, out); break;
    case BOT_COMMAND_CHANGE: roster_change(e, command->config); break;
    case BOT_COMMAND_REMOVE: roster_remove(e, command->bot_id); break;
    case BOT_COMMAND_COUNT: CHECK(false);
    }
}

void bot_settle(struct engine *e, struct bot *bot, struct outbox *out)
{
    if (bot->totals.state != BOT_STOPPING || !is_settled(e, bot)) return;
    enum bot_reason reason = (enum bot_reason)bot->totals.reason;
    for (uint32_t i = 0; i < bot->config.symbol_count; i++)
        if (e->legs[bot->first_leg + i].written_off) reason = BOT_REASON_DUST;
    set_state(e, bot, BOT_STOPPED, reason, out);
}

void bot_halt(struct engine *e, struct bot *bot, enum bot_reason reason, struct outbox *out)
{
    /* What stops, stops all the same. */
    const bool ends = bot->totals.state == BOT_STOPPED || bot->totals.state == BOT_STOPPING;
    set_state(e, bot, ends ? (enum bot_state)bot->totals.state : BOT_PAUSED, reason, out);
}

struct purse bot_purse(const struct engine *e, const struct bot *bot)
{
    struct purse purse;
    purse.equity.units = bot->config.capital.units + bot->totals.realized.units;
    purse.free = purse.equity;
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        const struct leg *leg = &e->legs[bot->first_leg + i];
        const struct money committed = position_committed(&leg->position);
        if (__builtin_sub_overflow(purse.free.units, committed.units, &purse.free.units) ||
            __builtin_sub_overflow(purse.free.units, leg->reserved.units, &purse.free.units))
            return (struct purse){0}; /* beyond counting is beyond spending */
    }
    return purse;
}

void bot_turn_day(struct engine *e, struct bot *bot, struct outbox *out)
{
    if (day_budget_turn(&bot->totals, e->time_ms)) bot_tell(e, bot, out);
}

static void restore_position(struct engine *e, const struct event *in)
{
    const struct bot *bot = engine_find_bot(e, in->restore.bot_id);
    CHECK(bot);
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        struct leg *leg = &e->legs[bot->first_leg + i];
        if (leg->instrument != in->instrument) continue;
        leg->position = in->restore.position;
        leg_note_position(e, leg);
        leg->written_off =
            bot->totals.state == BOT_STOPPED && bot->totals.reason == BOT_REASON_DUST;
    }
}

/* A flat leg's last fill ended its last round trip: what is left of the cooldown goes on. */
static void recall_cooldown(struct engine *e, const struct bot *bot, uint16_t instrument,
                            int64_t time_ms)
{
    const int64_t until = time_ms + INT64_C(1000) * bot->config.risk.cooldown_s;
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        struct leg *leg = &e->legs[bot->first_leg + i];
        if (leg->instrument == instrument && !leg->holds && until > leg->cooldown_until_ms)
            leg->cooldown_until_ms = until;
    }
}

static void restore_fill(struct engine *e, const struct event *in)
{
    const struct fill *fill = &in->restore.fill;
    const struct bot *bot = engine_find_bot(e, in->restore.bot_id);
    CHECK(bot);
    if (fill->venue_trade_id < VENUE_TRADE_ID_LIMIT)
        fill_set_add(&e->fills, in->instrument, (enum trading_mode)bot->config.mode,
                     fill->venue_trade_id);
    recall_cooldown(e, bot, in->instrument, fill->time_ms);
}

void bot_on_restore(struct engine *e, const struct event *in, struct outbox *out)
{
    const struct restore *r = &in->restore;
    switch ((enum restore_kind)r->kind) {
    case RESTORE_BOT: {
        struct bot *bot = engine_find_bot(e, r->bot_id);
        CHECK(bot);
        bot->totals = r->totals;
        bot_turn_day(e, bot, out); /* the day may have turned while nobody ran */
        break;
    }
    case RESTORE_POSITION: restore_position(e, in); break;
    case RESTORE_ORDER: order_restore(e, &r->order, out); break;
    case RESTORE_FILL: restore_fill(e, in); break;
    case RESTORE_COUNTER:
        if (r->next_order_id > e->next_order_id) e->next_order_id = r->next_order_id;
        break;
    }
}
