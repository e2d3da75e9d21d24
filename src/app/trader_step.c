/* The sequencer: numbers and dates every event, journals it, steps the engine, and carries out what
 * the engine answers. */
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/check.h"
#include "base/log.h"

static const struct instrument *rules_of(const struct trader *t, uint16_t instrument)
{
    CHECK(instrument < t->instrument_count);
    return &t->instruments[instrument];
}

/* The engine's answer to an order that we ourselves could not send. Stepped at the next tick,
 * because the engine is in the middle of a step. */
static void refuse(struct trader *t, const struct order *order)
{
    CHECK(t->paper_events.count < t->paper_events.capacity);
    t->paper_events.items[t->paper_events.count++] = (struct event){
        .kind = EVENT_ORDER,
        .instrument = order->instrument,
        .order = {.order_id = order->id,
                  .input = ON_PROVED_ABSENT,
                  .reason = ORDER_REASON_NOT_RECORDED},
    };
}

/* NULL where a live entry may go. */
static const char *live_entry_denied(const struct line *line)
{
    if (!gateway_is_ready(line->gateway)) return "user_stream_down";
    /* One of them may have an order of unknown fate in this very instrument. */
    if (line->restoring > 0) return "bots_not_restored";
    return NULL;
}

static void place(struct trader *t, const struct order *order)
{
    const struct instrument *rules = rules_of(t, order->instrument);
    /* What protects is recorded as long as there is any room;
     * what adds risk waits for better times. */
    if (order->purpose == PURPOSE_ENTRY && *trader_store_trouble(t)) {
        log_warn("entry_refused", "order=%llu reason=store cause=\"%s\"",
                 (unsigned long long)order->id, trader_store_trouble(t));
        refuse(t, order);
        return;
    }
    /* No live bot gets here without both; this is the last door before money. */
    const bool live = order->mode == MODE_LIVE;
    if (live && (!t->options.live_enabled || !trader_line_of(t, order->instrument)->gateway)) {
        log_error("order_refused", "order=%llu reason=live_trading_not_enabled",
                  (unsigned long long)order->id);
        refuse(t, order);
        return;
    }
    if (live && order->purpose == PURPOSE_ENTRY) {
        const char *reason = t->options.restored
                                 ? "restored_not_settled"
                                 : live_entry_denied(trader_line_of(t, order->instrument));
        if (reason) {
            log_warn("entry_refused", "order=%llu reason=%s", (unsigned long long)order->id,
                     reason);
            refuse(t, order);
            return;
        }
    }
    struct store_command command = {.kind = STORE_ORDER_PLACED};
    struct pending what = {.kind = STORE_ORDER_PLACED, .order = *order};
    command.order.order = *order;
    command.order.market = store_market_of(rules);
    client_id_write(store_install_id(t->options.store), order->id, command.order.client_order_id);
    gateway_body(rules, order, command.order.client_order_id, command.order.body);
    memcpy(what.body, command.order.body, sizeof what.body);
    trader_store_push(t, &command, &what);
}

static void order_changed(struct trader *t, const struct order *order)
{
    /* There is no row of it; the store keeps its id from being used again anyway. */
    if (order->state == ORDER_REJECTED && order->reason == ORDER_REASON_NOT_RECORDED) return;
    struct store_command command = {
        .kind = STORE_ORDER_CHANGED,
        .changed = {*order, store_market_of(rules_of(t, order->instrument))},
    };
    struct pending what = {.kind = STORE_ORDER_CHANGED};
    trader_store_push(t, &command, &what);
}

static void fill_booked(struct trader *t, const struct action *a)
{
    struct store_command command = {.kind = STORE_FILL_BOOKED};
    struct pending what = {.kind = STORE_FILL_BOOKED};
    command.booking.bot_id = a->bot_id;
    command.booking.market = store_market_of(rules_of(t, a->instrument));
    command.booking.booking = a->booking;
    trader_store_push(t, &command, &what);
}

static void bot_changed(struct trader *t, const struct action *a)
{
    const struct bot_config *config = engine_bot_config(t->engine, a->bot_id);
    struct store_command command = {.kind = STORE_BOT_TOTALS};
    struct pending what = {.kind = STORE_BOT_TOTALS};
    command.totals = (struct store_totals){
        .bot_id = a->bot_id, .quote_scale = config->quote_scale, .totals = a->totals};
    trader_store_push(t, &command, &what);
    log_info("bot_state", "bot=%llu state=%s reason=%s", (unsigned long long)a->bot_id,
             bot_state_name((enum bot_state)a->totals.state),
             bot_reason_name((enum bot_reason)a->totals.reason));
}

static void decided(struct trader *t, const struct action *a)
{
    const struct publication p = {
        .kind = PUBLISH_DECISION,
        .instrument = a->instrument,
        .bot_id = a->bot_id,
        .time_ms = a->time_ms,
        .decision = a->decision,
    };
    trader_publish(t, &p);
}

static void cancel(struct trader *t, const struct order *order)
{
    if (order->id > t->handed_id) return; /* on its way to the store: `placed` drops it there */
    if (order->mode == MODE_LIVE)
        gateway_cancel(trader_line_of(t, order->instrument)->gateway, order);
    else
        sim_paper_cancel(&t->paper, order->id, order->instrument, t->time_ms, &t->paper_events);
}

static void query(struct trader *t, const struct order *order)
{
    const struct line *line = trader_line_of(t, order->instrument);
    if (line->gateway && order->id <= t->handed_id) gateway_query(line->gateway, order);
}

struct working {
    struct trader *trader;
    enum venue venue;
};

static void query_one(void *context, const struct order *order)
{
    const struct working *w = context;
    struct trader *t = w->trader;
    if (order->mode == MODE_LIVE && trader_line_of(t, order->instrument)->venue == w->venue)
        query(t, order);
}

void trader_query_working(struct trader *t, enum venue venue)
{
    struct working w = {t, venue};
    CHECK(!t->stepping);
    t->stepping = true; /* an answer inside the call would move the orders under our feet */
    engine_working_orders(t->engine, query_one, &w);
    t->stepping = false;
}

static void carry_out(struct trader *t, const struct action *a)
{
    switch ((enum action_kind)a->kind) {
    case ACTION_PLACE: place(t, &a->order); break;
    case ACTION_CANCEL: cancel(t, &a->order); break;
    case ACTION_QUERY: query(t, &a->order); break;
    case ACTION_ORDER: order_changed(t, &a->order); break;
    case ACTION_FILL: fill_booked(t, a); break;
    case ACTION_BOT: bot_changed(t, a); break;
    case ACTION_DECISION: decided(t, a); break;
    case ACTION_RESYNC:
        log_warn("book_wrong", "symbol=%s", rules_of(t, a->instrument)->symbol);
        market_session_resync(trader_line_of(t, a->instrument)->session, a->instrument);
        break;
    }
    if (a->kind == ACTION_DECISION || a->bot_id == 0) return;
    struct seat *seat = trader_seat(t, a->bot_id);
    if (seat) seat->changed = true;
}

static void step(struct trader *t, struct event *event)
{
    const int64_t now_ms = clock_wall_ms(&clock_system);
    if (now_ms > t->time_ms) t->time_ms = now_ms; /* a wall clock that steps back waits */
    CHECK(!t->stepping); /* else the outbox would be written over while it is read */
    t->stepping = true;
    event->seq = ++t->seq;
    event->time_ms = t->time_ms;
    if (t->journal) journal_event(t->journal, event);
    engine_step(t->engine, event, &t->outbox);
    for (uint32_t i = 0; i < t->outbox.count; i++) carry_out(t, &t->outbox.items[i]);
    t->stepping = false;
    if (t->journal && event->kind != EVENT_BOOK && event->kind != EVENT_PRINT)
        journal_mark(t->journal, engine_decision_hash(t->engine));
}

void trader_drain_paper(struct trader *t)
{
    for (uint32_t i = 0; i < t->paper_events.count; i++) {
        struct event event = t->paper_events.items[i];
        step(t, &event);
    }
    t->paper_events.count = 0;
}

static void publish_print(struct trader *t, const struct event *event)
{
    const struct publication p = {
        .kind = PUBLISH_PRINT,
        .instrument = event->instrument,
        .time_ms = t->time_ms,
        .print = event->print,
    };
    trader_publish(t, &p);
}

/* A bot that is on its way in has missed it: its history may end before this one. */
static void remember(struct trader *t, const struct event *event)
{
    const struct candle_event *c = &event->candle;
    struct recent **r = &t->recent[event->instrument][c->timeframe];
    if (c->history) return;
    if (!*r) *r = calloc(1, sizeof **r);
    CHECK(*r);
    (*r)->candles[(*r)->count++ % TRADER_RECENT_CANDLES] = c->candle;
}

void trader_event(struct trader *t, struct event *event)
{
    step(t, event);
    switch ((enum event_kind)event->kind) {
    case EVENT_BOOK:
        t->book_changed[event->instrument] = true;
        sim_paper_on_book(&t->paper, event->instrument, t->time_ms, &t->paper_events);
        break;
    case EVENT_PRINT:
        publish_print(t, event);
        sim_paper_on_print(&t->paper, event->instrument, &event->print, t->time_ms,
                           &t->paper_events);
        break;
    case EVENT_CANDLE: remember(t, event); break;
    default: break;
    }
    trader_drain_paper(t);
}

static bool is_known(const struct trader *t, const struct event *event)
{
    const uint64_t id = event->kind == EVENT_FILL ? event->fill.order_id : event->order.order_id;
    return engine_order(t->engine, id) != NULL;
}

void trader_order_news(struct trader *t, struct event *event)
{
    if (t->restoring > 0 && t->early_count < TRADER_EARLY_MAX && !is_known(t, event)) {
        if (!t->early) t->early = calloc(TRADER_EARLY_MAX, sizeof *t->early);
        CHECK(t->early);
        t->early[t->early_count++] = *event;
        return;
    }
    trader_event(t, event);
}

void trader_early_due(struct trader *t)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->early_count; i++) {
        struct event event = t->early[i];
        if (t->restoring > 0 && !is_known(t, &event))
            t->early[kept++] = event;
        else
            trader_event(t, &event);
    }
    t->early_count = kept;
}

void trader_tick(struct trader *t)
{
    struct event event = {.kind = EVENT_TIME, .instrument = INSTRUMENT_NONE};
    step(t, &event);
    sim_paper_on_time(&t->paper, t->time_ms, &t->paper_events);
    trader_drain_paper(t);
    trader_roster_due(t);
}
