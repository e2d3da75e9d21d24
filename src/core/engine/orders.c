/* From a wish to an order, and what its news does. */
#include "base/check.h"
#include "base/hash.h"
#include "core/engine/state.h"
#include "core/execution/order_state.h"
#include "core/execution/position.h"
#include "core/risk/day_budget.h"

/* When to ask the venue about a live order that is not closed: first,
 * and at most this far apart. */
enum { QUERY_FIRST_MS = 2000, QUERY_LAST_MS = 60000 };

static void schedule_query(struct engine *e, struct order_slot *slot)
{
    int64_t wait = QUERY_FIRST_MS;
    for (uint32_t i = 0; i < slot->queries && wait < QUERY_LAST_MS; i++) wait *= 2;
    slot->query_at_ms = e->time_ms + (wait < QUERY_LAST_MS ? wait : QUERY_LAST_MS);
}

static void hash_order(struct engine *e, const struct order *o)
{
    uint64_t h = e->decision_hash;
    h = hash_u64(h, o->id);
    h = hash_u64(h, o->bot_id);
    h = hash_u64(h, (uint64_t)o->instrument << 24 | (uint64_t)o->side << 16 |
                        (uint64_t)o->type << 8 | o->purpose);
    h = hash_i64(h, o->qty.units);
    h = hash_i64(h, o->price.units);
    h = hash_i64(h, o->trigger.units);
    e->decision_hash = hash_i64(h, o->created_ms);
}

bool order_place(struct engine *e, struct leg *leg, enum side side, struct qty qty,
                 enum purpose purpose, struct price trigger, struct outbox *out)
{
    const struct bot_config *bot = &e->bots[leg->bot].config;
    CHECK(leg->working_order == 0);
    CHECK(qty.units > 0);
    struct order_slot *slot = order_table_add(&e->orders, e->next_order_id);
    if (!slot) return false;
    slot->leg = (uint32_t)(leg - e->legs);
    slot->order = (struct order){
        .id = e->next_order_id++,
        .bot_id = bot->id,
        .instrument = leg->instrument,
        .side = (uint8_t)side,
        .type = ORDER_TYPE_MARKET,
        .purpose = (uint8_t)purpose,
        .mode = bot->mode,
        .state = ORDER_SENT,
        .qty = qty,
        .trigger = trigger,
        .created_ms = e->time_ms,
        .updated_ms = e->time_ms,
    };
    leg->working_order = slot->order.id;
    schedule_query(e, slot);
    hash_order(e, &slot->order);
    e->counters.orders++;
    engine_emit(e, out, ACTION_PLACE, leg->instrument, bot->id)->order = slot->order;
    return true;
}

static void send_cancel(struct engine *e, struct order_slot *slot, struct outbox *out)
{
    struct order *o = &slot->order;
    /* While it is SENT no answer says that there is anything to cancel: one that has not left is
     * dropped, and any other canceled once the answer is there. */
    const bool is_sent = o->state == ORDER_SENT;
    const enum order_state after =
        is_sent ? ORDER_SENT : order_state_next((enum order_state)o->state, ON_CANCEL_SENT);
    if (after != o->state) {
        o->state = (uint8_t)after;
        o->updated_ms = e->time_ms;
        engine_emit(e, out, ACTION_ORDER, o->instrument, o->bot_id)->order = *o;
    }
    engine_emit(e, out, ACTION_CANCEL, o->instrument, o->bot_id)->order = *o;
}

void order_cancel_entry(struct engine *e, const struct leg *leg, struct outbox *out)
{
    struct order_slot *slot = order_table_find(&e->orders, leg->working_order);
    if (!slot || slot->order.side != SIDE_BUY || slot->cancel_wanted) return;
    slot->cancel_wanted = true;
    send_cancel(e, slot, out);
}

/* It may live at the venue, and was to be canceled before that was known. */
static void cancel_if_due(struct engine *e, struct order_slot *slot, enum order_state before,
                          struct outbox *out)
{
    const enum order_state state = (enum order_state)slot->order.state;
    if (!slot->cancel_wanted || state == before) return;
    if (before == ORDER_CANCELING)
        slot->query_at_ms = e->time_ms; /* refused: what became of it is asked first */
    else if (state == ORDER_OPEN || state == ORDER_UNKNOWN)
        send_cancel(e, slot, out);
}

/* The order closed: its leg may act again. */
static void release_leg(struct engine *e, struct order_slot *slot, struct outbox *out)
{
    struct leg *leg = &e->legs[slot->leg];
    order_table_close(&e->orders, slot);
    if (leg->working_order == slot->order.id) {
        leg->working_order = 0;
        leg->reserved.units = 0;
    }
    if (slot->order.state != ORDER_REJECTED)
        leg->exit_rejects = 0;
    else if (slot->order.side == SIDE_SELL)
        leg->exit_rejects++;
    if (!leg->holds) leg_exit_done(e, leg);
    leg_retry_exit(e, leg, out);
    bot_settle(e, &e->bots[leg->bot], out);
}

static void impossible(struct engine *e, const struct order_slot *slot, struct outbox *out)
{
    e->counters.impossible_news++;
    bot_halt(e, &e->bots[e->legs[slot->leg].bot], BOT_REASON_IMPOSSIBLE_NEWS, out);
}

void order_on_news(struct engine *e, const struct order_news *news, struct outbox *out)
{
    struct order_slot *slot = order_table_find(&e->orders, news->order_id);
    if (!slot) {
        e->counters.unknown_orders++;
        return;
    }
    struct order *o = &slot->order;
    if (news->reason == ORDER_REASON_FILL_ROUNDED)
        bot_halt(e, &e->bots[e->legs[slot->leg].bot], BOT_REASON_FILL_ROUNDED, out);
    const enum order_state before = (enum order_state)o->state;
    const enum order_state after = order_state_next(before, (enum order_input)news->input);
    if (after == ORDER_IMPOSSIBLE) {
        impossible(e, slot, out);
        return;
    }
    const bool learned_id = news->venue_order_id && news->venue_order_id != o->venue_order_id;
    if (learned_id) o->venue_order_id = news->venue_order_id;
    if (after == before && !learned_id) return;

    o->state = (uint8_t)after;
    o->updated_ms = e->time_ms;
    if (after != before) {
        o->reason = news->reason;
        o->venue_code = news->venue_code;
        if (after == ORDER_UNKNOWN) slot->query_at_ms = e->time_ms; /* ask at once */
    }
    engine_emit(e, out, ACTION_ORDER, o->instrument, o->bot_id)->order = *o;
    if (!order_state_is_closed(after))
        cancel_if_due(e, slot, before, out);
    else if (!order_state_is_closed(before))
        release_leg(e, slot, out);
}

/* Adds the fill to its order; false when it does not fit into it. */
static bool add_to_order(struct engine *e, struct order *o, const struct instrument *rules,
                         const struct fill *f, enum order_state *after)
{
    struct qty filled;
    struct money quote;
    if (f->qty.units <= 0 || f->price.units <= 0) return false;
    if (f->fee.units < 0 || f->fee_scale > SCALE_MAX) return false;
    if (__builtin_add_overflow(o->filled.units, f->qty.units, &filled.units)) return false;
    if (filled.units > o->qty.units) return false;
    if (!money_notional(f->price, rules->price_scale, f->qty, rules->qty_scale, rules->quote_scale,
                        ROUND_DOWN, &quote) ||
        __builtin_add_overflow(quote.units, o->filled_quote.units, &quote.units))
        return false;
    *after = order_state_next((enum order_state)o->state,
                              filled.units == o->qty.units ? ON_FILL_REST : ON_FILL_PART);
    if (*after == ORDER_IMPOSSIBLE) return false;
    o->filled = filled;
    o->filled_quote = quote;
    o->state = (uint8_t)*after;
    o->updated_ms = e->time_ms;
    return true;
}

/* Position, profit and day of one fill; false when an amount does not fit, and then some of it may
 * be booked. */
static bool book(struct engine *e, struct leg *leg, const struct fill *f, struct booking *b)
{
    struct bot *bot = &e->bots[leg->bot];
    if (!position_book(&leg->position, leg_rules(e, leg), &b->order, f, &b->closed, &b->round_trip))
        return false;
    if (b->closed) {
        b->round_trip.exit_reason = b->order.purpose;
        if (!day_budget_count(&bot->totals, &bot->config, b->round_trip.pnl)) return false;
        leg->cooldown_until_ms = e->time_ms + INT64_C(1000) * bot->config.risk.cooldown_s;
    }
    leg_note_position(e, leg);
    leg->written_off = false;
    /* Late, after its order had closed and the bot had stopped: it goes out again. */
    if (leg->holds && bot->totals.state == BOT_STOPPED) bot->totals.state = BOT_STOPPING;
    return true;
}

/* The whole fill or nothing of it. */
static bool apply(struct engine *e, struct order *o, struct leg *leg, const struct fill *f,
                  struct booking *b)
{
    struct bot *bot = &e->bots[leg->bot];
    const struct order order = *o;
    const struct position position = leg->position;
    const struct bot_totals totals = bot->totals;
    enum order_state after;
    if (add_to_order(e, o, leg_rules(e, leg), f, &after)) {
        *b = (struct booking){.fill = *f, .order = *o};
        if (book(e, leg, f, b)) {
            b->position = leg->position;
            b->totals = bot->totals;
            return true;
        }
    }
    *o = order;
    leg->position = position;
    bot->totals = totals;
    return false;
}

/* A fill of an order that had closed before: nobody waits for it any more. */
static void settle_late(struct engine *e, struct leg *leg, struct outbox *out)
{
    struct bot *bot = &e->bots[leg->bot];
    if (leg->holds && bot->totals.state == BOT_STOPPING)
        leg_want_exit(e, leg, PURPOSE_EXIT, (struct price){0}, out);
    if (!leg->holds && !leg->working_order) leg_exit_done(e, leg);
    bot_settle(e, bot, out);
}

/* Money moved and no order says whose it was. Whoever trades live there may hold other than it
 * thinks. */
static void unknown_fill(struct engine *e, uint16_t instrument, struct outbox *out)
{
    e->counters.unknown_fills++;
    if (instrument >= e->limits.instruments || !e->markets[instrument].known) return;
    for (uint32_t i = e->markets[instrument].first_leg; i != NO_INDEX;
         i = e->legs[i].next_on_market) {
        struct bot *bot = &e->bots[e->legs[i].bot];
        if (bot->config.mode == MODE_LIVE) bot_halt(e, bot, BOT_REASON_UNKNOWN_FILL, out);
    }
}

void order_on_fill(struct engine *e, uint16_t instrument, const struct fill *fill,
                   struct outbox *out)
{
    struct order_slot *slot = order_table_find(&e->orders, fill->order_id);
    if (fill->venue_trade_id >= VENUE_TRADE_ID_LIMIT) {
        e->counters.unknown_orders++;
        return;
    }
    if (!slot) {
        unknown_fill(e, instrument, out);
        return;
    }
    struct order *o = &slot->order;
    struct leg *leg = &e->legs[slot->leg];
    struct bot *bot = &e->bots[leg->bot];
    if (!fill_set_add(&e->fills, o->instrument, (enum trading_mode)o->mode, fill->venue_trade_id)) {
        e->counters.duplicate_fills++;
        return;
    }
    const enum order_state order_before = (enum order_state)o->state;
    const bool was_closed = order_state_is_closed(order_before);
    bot_turn_day(e, bot, out);
    const uint8_t state_before = bot->totals.state;
    struct action *a = engine_emit(e, out, ACTION_FILL, o->instrument, o->bot_id);
    if (!apply(e, o, leg, fill, &a->booking)) {
        out->count--;
        impossible(e, slot, out);
        return;
    }
    e->counters.fills++;
    if (bot->totals.state != state_before) bot_tell(e, bot, out);
    if (was_closed)
        settle_late(e, leg, out);
    else if (order_state_is_closed((enum order_state)o->state))
        release_leg(e, slot, out);
    else
        cancel_if_due(e, slot, order_before, out);
}

void order_on_time(struct engine *e, struct outbox *out)
{
    for (uint32_t i = 0; i < e->orders.working_count; i++) {
        struct order_slot *slot = &e->orders.slots[e->orders.working[i]];
        if (slot->order.mode != MODE_LIVE || e->time_ms < slot->query_at_ms) continue;
        schedule_query(e, slot);
        slot->queries++;
        engine_emit(e, out, ACTION_QUERY, slot->order.instrument, slot->order.bot_id)->order =
            slot->order;
        if (slot->cancel_wanted) send_cancel(e, slot, out);
    }
}

static uint32_t leg_of(const struct engine *e, const struct order *order)
{
    const struct bot *bot = engine_find_bot(e, order->bot_id);
    CHECK(bot);
    for (uint32_t i = 0; i < bot->config.symbol_count; i++)
        if (e->legs[bot->first_leg + i].instrument == order->instrument) return bot->first_leg + i;
    check_failed("a leg for the order", __FILE__, __LINE__);
}

void order_restore(struct engine *e, const struct order *order, struct outbox *out)
{
    struct order_slot *slot = order_table_add(&e->orders, order->id);
    CHECK(slot); /* the store holds no more working orders than the table had room for */
    slot->order = *order;
    slot->query_at_ms = e->time_ms;
    slot->leg = leg_of(e, order);
    if (order->id >= e->next_order_id) e->next_order_id = order->id + 1;
    if (order_state_is_closed((enum order_state)order->state)) {
        order_table_close(&e->orders, slot); /* known, so that a late fill finds it */
        return;
    }
    struct leg *leg = &e->legs[slot->leg];
    const struct bot *bot = &e->bots[leg->bot];
    leg->working_order = order->id;
    if (order->side == SIDE_BUY) {
        /* At what price it was sized is not known any more: until it is done nothing is free. */
        leg->reserved.units = bot->config.capital.units + bot->totals.realized.units;
    } else if (!leg->exit_wanted) {
        leg->exit_wanted = true; /* as it was when this was sent */
        leg->exit_purpose = order->purpose;
        leg->exit_trigger = order->trigger;
        e->exits_wanted++;
    }
    if (order->state != ORDER_SENT) return;
    /* We may have died before, while or after the bytes left. */
    slot->order.state = ORDER_UNKNOWN;
    slot->order.updated_ms = e->time_ms;
    engine_emit(e, out, ACTION_ORDER, order->instrument, order->bot_id)->order = slot->order;
}
