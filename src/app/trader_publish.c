/* What people see: market data as far as the ring has room, bot news always. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/check.h"

void trader_publish(struct trader *t, const struct publication *p)
{
    bridge_publish(t->options.bridge, p);
}

void trader_publish_news(struct trader *t, const struct publication *p)
{
    bridge_publish_news(t->options.bridge, p);
}

void trader_publish_books(struct trader *t)
{
    for (uint16_t i = 0; i < t->instrument_count; i++) {
        if (!t->book_changed[i]) continue;
        t->book_changed[i] = false;
        const struct book *book = t->books[i];
        struct publication p = {.kind = PUBLISH_BOOK, .instrument = i, .time_ms = t->time_ms};
        p.book.last_id = book->last_id;
        p.book.bid_count = book_side(book, SIDE_BUY, p.book.bids, PUBLISH_LEVELS);
        p.book.ask_count = book_side(book, SIDE_SELL, p.book.asks, PUBLISH_LEVELS);
        trader_publish(t, &p);
    }
    bridge_flush(t->options.bridge);
}

static void publish_bot(struct trader *t, struct seat *seat)
{
    struct bot_view view;
    if (!engine_bot_view(t->engine, seat->bot_id, &view)) return;
    struct publication p = {.kind = PUBLISH_BOT,
                            .bot_id = seat->bot_id,
                            .user_id = seat->user_id,
                            .instrument = INSTRUMENT_NONE,
                            .time_ms = t->time_ms,
                            .bot = {.totals = view.totals, .equity = view.equity}};
    trader_publish_news(t, &p);
    seat->holds = false;
    for (uint32_t i = 0; i < view.leg_count; i++) {
        p.kind = PUBLISH_LEG;
        p.instrument = view.legs[i].instrument;
        p.leg = view.legs[i];
        seat->holds |= view.legs[i].position.open;
        trader_publish_news(t, &p);
    }
}

void trader_publish_bots(struct trader *t, bool all_holding)
{
    for (uint32_t i = 0; all_holding && i < t->seat_count; i++)
        t->seats[i].changed |= t->seats[i].holds;
    /* While a ring is full bots conflate: each is told as it is when there is room again,
     * in turn. */
    for (uint32_t i = 0; i < t->seat_count && !bridge_is_behind(t->options.bridge); i++) {
        if (t->seat_next >= t->seat_count) t->seat_next = 0;
        struct seat *seat = &t->seats[t->seat_next++];
        if (!seat->changed) continue;
        seat->changed = false;
        publish_bot(t, seat);
    }
}

static enum venue_state state_of(uint8_t state)
{
    static const uint8_t states[] = {
        [MARKET_DOWN] = VENUE_DOWN,       [MARKET_DIALING] = VENUE_DIALING,
        [MARKET_SYNCING] = VENUE_SYNCING, [MARKET_LIVE] = VENUE_LIVE,
        [MARKET_STALE] = VENUE_STALE,
    };
    return (enum venue_state)states[state];
}

static void publish_alarm(struct trader *t)
{
    struct publication p = {.kind = PUBLISH_ALARM, .time_ms = t->time_ms};
    const uint64_t unknown = engine_counters(t->engine)->unknown_fills;
    snprintf(p.alarm.store, sizeof p.alarm.store, "%s", trader_store_trouble(t));
    p.alarm.halted_bots = engine_halted_bots(t->engine);
    if (p.alarm.halted_bots || unknown)
        snprintf(p.alarm.orders, sizeof p.alarm.orders,
                 "%u bots wait for a person; %llu fills since the start belong to no known order",
                 p.alarm.halted_bots, (unsigned long long)unknown);
    else if (t->options.restored)
        snprintf(p.alarm.orders, sizeof p.alarm.orders,
                 "the database was restored: no live entries until 'tradebot restore --settled'");
    trader_publish(t, &p);
}

void trader_publish_status(struct trader *t)
{
    for (unsigned v = 0; v < VENUE_COUNT; v++) {
        if (!t->lines[v].session) continue;
        struct market_status status;
        market_session_status(t->lines[v].session, &status);
        struct publication p = {.kind = PUBLISH_VENUE, .time_ms = t->time_ms};
        p.venue = (struct venue_status){
            .venue = (uint8_t)v,
            .state = (uint8_t)state_of(status.state),
            .latency_ms = status.latency_ms,
            .age_ms = status.age_ms,
            .streams = status.streams,
            .frames = status.frames,
            .gaps = status.gaps,
            .reconnects = status.reconnects,
            .malformed = status.malformed,
            .weight_used = status.weight_used,
            .weight_limit = status.weight_limit,
            .banned_until_ms = status.banned_until_ms,
        };
        memcpy(p.venue.reason, status.reason, sizeof p.venue.reason);
        trader_publish(t, &p);
    }
    const struct publication p = {
        .kind = PUBLISH_ENGINE, .time_ms = t->time_ms, .engine = *engine_counters(t->engine)};
    trader_publish(t, &p);
    publish_alarm(t);
    bridge_flush(t->options.bridge);
}
