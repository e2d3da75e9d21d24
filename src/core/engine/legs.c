/* One bot in one instrument: from candles and prices to wishes, and which wishes are denied. */
#include "base/check.h"
#include "core/engine/state.h"
#include "core/execution/position.h"
#include "core/risk/day_budget.h"
#include "core/risk/sizing.h"

/* An exit that failed is tried again after this long; one that the venue rejects time after time
 * (too small for its filters, sold by somebody else), twice as long each time, up to the last. */
enum { EXIT_RETRY_MS = 1000, EXIT_RETRY_LAST_MS = 60000 };

/* So often must the venue have refused, before a rest that its filters rule out is left alone. */
enum { DUST_REJECTS = 4 };

static void explain(struct engine *e, const struct leg *leg, const struct decision *decision,
                    struct outbox *out)
{
    if (!e->limits.explain) return;
    struct action *a =
        engine_emit(e, out, ACTION_DECISION, leg->instrument, e->bots[leg->bot].config.id);
    a->decision = *decision;
}

static bool has_unknown_order(const struct engine *e, const struct leg *leg)
{
    const struct order *order = engine_order(e, leg->working_order);
    return order && order->state == ORDER_UNKNOWN;
}

/* Whether the account may hold more of this instrument than anybody knows: a live order of any of
 * its bots has an unknown fate there. */
static bool is_account_in_doubt(const struct engine *e, const struct leg *leg)
{
    const struct bot_config *bot = &e->bots[leg->bot].config;
    if (bot->mode != MODE_LIVE) return false;
    for (uint32_t i = 0; i < e->orders.working_count; i++) {
        const struct order_slot *slot = &e->orders.slots[e->orders.working[i]];
        const struct order *o = &slot->order;
        if (o->state == ORDER_UNKNOWN && o->mode == MODE_LIVE && o->instrument == leg->instrument &&
            e->bots[e->legs[slot->leg].bot].config.user_id == bot->user_id)
            return true;
    }
    return false;
}

/* The first reason not to enter, before size is asked; WHY_NONE when there is none. */
static enum why entry_denied(const struct engine *e, const struct leg *leg)
{
    const struct bot *bot = &e->bots[leg->bot];
    const struct market *m = &e->markets[leg->instrument];
    if (leg->working_order)
        return has_unknown_order(e, leg) ? WHY_ORDER_UNKNOWN : WHY_ORDER_PENDING;
    if (bot->totals.state == BOT_PAUSED) return WHY_BOT_PAUSED;
    if (bot->totals.state != BOT_RUNNING) return WHY_BOT_STOPPED;
    if (m->feed != FEED_LIVE) return WHY_FEED_STALE;
    if (m->rules.status != INSTRUMENT_TRADING) return WHY_HALTED;
    if (e->time_ms < leg->cooldown_until_ms) return WHY_COOLDOWN;
    return is_account_in_doubt(e, leg) ? WHY_ORDER_UNKNOWN : WHY_NONE;
}

static enum why enter(struct engine *e, struct leg *leg, struct price price, struct outbox *out)
{
    const struct bot *bot = &e->bots[leg->bot];
    const struct instrument *rules = leg_rules(e, leg);
    const struct purse purse = bot_purse(e, bot);
    struct qty qty;
    enum why why = entry_denied(e, leg);
    if (why == WHY_NONE) why = sizing_entry(&bot->config, rules, price, &purse, &qty);
    if (why != WHY_NONE) return why;
    if (!order_place(e, leg, SIDE_BUY, qty, PURPOSE_ENTRY, (struct price){0}, out))
        return WHY_ORDERS_FULL;
    /* Filters kept the notional within 63 bits. */
    CHECK(money_notional(price, rules->price_scale, qty, rules->qty_scale, rules->quote_scale,
                         ROUND_UP, &leg->reserved));
    return WHY_SIGNAL;
}

/* What protects the position. Counted out only when the position, its peak or the rules changed:
 * prices come far more often. */
static const struct stop_levels *levels_of(const struct engine *e, struct leg *leg)
{
    if (!leg->levels_known) {
        leg->levels = stops_of(&e->bots[leg->bot].config.risk, &leg->position, leg_rules(e, leg));
        leg->levels_known = true;
    }
    return &leg->levels;
}

static void raise_peak(struct leg *leg, struct price price)
{
    if (price.units <= leg->position.peak.units) return;
    leg->position.peak = price;
    leg->levels_known = false;
}

/* A position restored from the store knows its peak as of its last fill;
 * prices went on meanwhile. */
static void recall_peak(struct leg *leg, const struct candle *c)
{
    if (leg->position.open && c->open_ms >= leg->position.opened_ms) raise_peak(leg, c->high);
}

void leg_on_candle(struct engine *e, struct leg *leg, const struct candle_event *c, double close,
                   struct outbox *out)
{
    if (c->bot_id && c->bot_id != e->bots[leg->bot].config.id) return;
    if (c->candle.open_ms <= leg->last_candle_ms) return; /* told before */
    if (leg->last_candle_ms != INT64_MIN &&
        c->candle.open_ms - leg->last_candle_ms > timeframe_ms((enum timeframe)c->timeframe))
        e->counters.candle_gaps++;
    leg->last_candle_ms = c->candle.open_ms;

    const bool holding = leg->holds;
    struct decision decision = {.price = c->candle.close};
    strategy_step(&leg->strategy, close, holding, &decision);
    if (c->history) {
        recall_peak(leg, &c->candle);
        return;
    }

    if (day_budget_due(&e->bots[leg->bot].totals, e->time_ms))
        bot_turn_day(e, &e->bots[leg->bot], out);
    if (decision.verdict == VERDICT_EXIT) {
        leg_want_exit(e, leg, PURPOSE_EXIT, (struct price){0}, out);
    } else if (decision.verdict == VERDICT_ENTER) {
        decision.why = (uint8_t)enter(e, leg, c->candle.close, out);
        if (decision.why != WHY_SIGNAL) decision.verdict = VERDICT_NO_ENTRY;
    }
    explain(e, leg, &decision, out);
}

static void touched(struct engine *e, struct leg *leg, enum why why, struct price price,
                    struct price trigger, struct outbox *out)
{
    const struct decision decision = {.verdict = VERDICT_EXIT, .why = (uint8_t)why, .price = price};
    leg_want_exit(e, leg, why == WHY_TAKE_PROFIT ? PURPOSE_TARGET : PURPOSE_STOP, trigger, out);
    explain(e, leg, &decision, out);
}

void leg_on_price(struct engine *e, struct leg *leg, struct price price, struct outbox *out)
{
    struct price trigger;
    const enum why why = stops_on_price(levels_of(e, leg), price, &trigger);
    if (why != WHY_NONE)
        touched(e, leg, why, price, trigger, out);
    else
        raise_peak(leg, price);
}

void leg_on_bar(struct engine *e, struct leg *leg, const struct candle *bar, struct outbox *out)
{
    struct price trigger;
    const enum why why = stops_on_bar(levels_of(e, leg), bar, &trigger);
    if (why != WHY_NONE)
        touched(e, leg, why, trigger, trigger, out);
    else
        raise_peak(leg, bar->high);
}

static int64_t exit_wait_ms(const struct leg *leg)
{
    int64_t wait = EXIT_RETRY_MS;
    for (uint32_t i = 0; i < leg->exit_rejects && wait < EXIT_RETRY_LAST_MS; i++) wait *= 2;
    return wait < EXIT_RETRY_LAST_MS ? wait : EXIT_RETRY_LAST_MS;
}

/* What the venue's filters rule out at this price, for a bot that only wants out. One that runs
 * waits for better prices instead. */
static bool is_dust(const struct engine *e, const struct leg *leg, struct qty qty)
{
    const struct market *m = &e->markets[leg->instrument];
    const struct instrument *i = &m->rules;
    struct money value;
    if (e->bots[leg->bot].totals.state != BOT_STOPPING || leg->exit_rejects < DUST_REJECTS)
        return false;
    if (qty.units < i->qty_min.units) return true;
    return i->notional_min_market && m->last.units > 0 &&
           money_notional(m->last, i->price_scale, qty, i->qty_scale, i->quote_scale, ROUND_DOWN,
                          &value) &&
           value.units < i->notional_min.units;
}

static void try_exit(struct engine *e, struct leg *leg, struct outbox *out)
{
    const struct instrument *rules = leg_rules(e, leg);
    if (leg->working_order) return; /* tried again when it is done */
    if (!leg->holds) {
        leg_exit_done(e, leg);
        bot_settle(e, &e->bots[leg->bot], out);
        return;
    }
    const struct qty qty = position_sellable(&leg->position, rules);
    if (is_dust(e, leg, qty)) {
        leg->written_off = true;
        leg_exit_done(e, leg);
        bot_settle(e, &e->bots[leg->bot], out);
        return;
    }
    leg->exit_retry_ms = e->time_ms + exit_wait_ms(leg);
    if (rules->status != INSTRUMENT_TRADING) return;
    /* Too small for the venue's filters is not asked here: the venue's own answer decides, and what
     * it refuses is tried again at the next chance, because the price may rise. */
    order_place(e, leg, SIDE_SELL, qty, (enum purpose)leg->exit_purpose, leg->exit_trigger, out);
}

void leg_want_exit(struct engine *e, struct leg *leg, enum purpose purpose, struct price trigger,
                   struct outbox *out)
{
    if (leg->exit_wanted) return;
    leg->exit_wanted = true;
    leg->exit_purpose = (uint8_t)purpose;
    leg->exit_trigger = trigger;
    e->exits_wanted++;
    try_exit(e, leg, out);
}

void leg_retry_exit(struct engine *e, struct leg *leg, struct outbox *out)
{
    if (leg->exit_wanted && e->time_ms >= leg->exit_retry_ms) try_exit(e, leg, out);
}

void leg_exit_done(struct engine *e, struct leg *leg)
{
    if (!leg->exit_wanted) return;
    leg->exit_wanted = false;
    leg->exit_trigger = (struct price){0};
    leg->exit_rejects = 0;
    e->exits_wanted--;
}

void leg_note_position(struct engine *e, struct leg *leg)
{
    leg->holds =
        leg->position.open && position_sellable(&leg->position, leg_rules(e, leg)).units > 0;
    leg->levels_known = false;
}
