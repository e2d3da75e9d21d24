/* Making an engine, and the dispatch of its events. */
#include "core/engine/engine.h"

#include "base/check.h"
#include "base/hash.h"
#include "core/engine/state.h"
#include "core/execution/position.h"
#include "core/risk/day_budget.h"

static size_t memory_need(const struct engine_limits *l)
{
    return arena_need(1, sizeof(struct engine)) +
           arena_need(l->instruments, sizeof(struct market)) +
           arena_need(l->bots, sizeof(struct bot)) + arena_need(l->legs, sizeof(struct leg)) +
           id_map_need(l->bots) + order_table_need(l->orders) + fill_set_need(l->fills) +
           l->instruments * book_need(l->book_levels);
}

static void market_init(struct engine *e, struct market *m)
{
    book_init(&m->book, &e->arena, e->limits.book_levels);
    m->first_leg = NO_INDEX;
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) m->first_in_series[i] = NO_INDEX;
}

enum err engine_new(const struct engine_limits *limits, struct engine **out)
{
    CHECK(limits->instruments > 0 && limits->bots > 0 && limits->legs >= limits->bots);
    CHECK(limits->orders > 0 && limits->fills > 0);
    struct arena arena;
    const enum err err = arena_init(&arena, memory_need(limits));
    if (err) return err_note(err, "while making an engine");
    struct engine *e = arena_take(&arena, 1, sizeof *e); /* it lives in its own arena */
    e->arena = arena;
    e->limits = *limits;
    e->markets = arena_take(&e->arena, limits->instruments, sizeof *e->markets);
    e->bots = arena_take(&e->arena, limits->bots, sizeof *e->bots);
    e->legs = arena_take(&e->arena, limits->legs, sizeof *e->legs);
    id_map_init(&e->bot_by_id, &e->arena, limits->bots);
    order_table_init(&e->orders, &e->arena, limits->orders);
    fill_set_init(&e->fills, &e->arena, limits->fills);
    for (uint16_t i = 0; i < limits->instruments; i++) market_init(e, &e->markets[i]);
    e->next_order_id = 1;
    e->decision_hash = HASH_SEED;
    *out = e;
    return OK;
}

void engine_free(struct engine *e)
{
    if (!e) return;
    struct arena arena = e->arena;
    arena_deinit(&arena);
}

uint32_t engine_outbox_need(const struct engine_limits *limits)
{
    /* One leg gives at most a decision, an order and a bot's new state; one more of each for the
     * order that an event is about. Old orders may all be due for a query at once, and for another
     * cancel with it, which changes their state. */
    return 4 * limits->legs + limits->bots + 3 * limits->orders + 8;
}

static struct market *known_market(struct engine *e, uint16_t instrument)
{
    CHECK(instrument < e->limits.instruments);
    CHECK(e->markets[instrument].known);
    return &e->markets[instrument];
}

static void on_instrument(struct engine *e, const struct event *in)
{
    CHECK(in->instrument < e->limits.instruments);
    struct market *m = &e->markets[in->instrument];
    m->rules = *in->instrument_rules;
    m->rules.index = in->instrument;
    m->known = true;
    for (uint32_t i = m->first_leg; i != NO_INDEX; i = e->legs[i].next_on_market)
        leg_note_position(e, &e->legs[i]); /* steps and ticks may have changed */
}

static void on_feed(struct engine *e, const struct event *in)
{
    struct market *m = known_market(e, in->instrument);
    m->feed = in->feed;
    if (m->feed != FEED_LIVE) book_clear(&m->book);
}

static void on_book(struct engine *e, const struct event *in, struct outbox *out)
{
    struct market *m = known_market(e, in->instrument);
    const enum book_result result = book_apply(&m->book, &in->book);
    if (result != BOOK_CROSSED && result != BOOK_UNSOUND) return;
    e->counters.crossed_books++;
    m->feed = FEED_STALE;
    engine_emit(e, out, ACTION_RESYNC, in->instrument, 0);
}

static void on_print(struct engine *e, const struct event *in, struct outbox *out)
{
    struct market *m = known_market(e, in->instrument);
    m->last = in->print.price;
    for (uint32_t i = m->first_leg; i != NO_INDEX; i = e->legs[i].next_on_market)
        if (leg_watches_price(&e->legs[i])) leg_on_price(e, &e->legs[i], in->print.price, out);
}

static void on_bar(struct engine *e, const struct event *in, struct outbox *out)
{
    struct market *m = known_market(e, in->instrument);
    m->last = in->bar.close;
    for (uint32_t i = m->first_leg; i != NO_INDEX; i = e->legs[i].next_on_market)
        if (leg_watches_price(&e->legs[i])) leg_on_bar(e, &e->legs[i], &in->bar, out);
}

static void on_candle(struct engine *e, const struct event *in, struct outbox *out)
{
    struct market *m = known_market(e, in->instrument);
    const struct candle_event *c = &in->candle;
    const double close = decimal_to_double(c->candle.close.units, m->rules.price_scale);
    if (m->last.units == 0) m->last = c->candle.close;
    CHECK(c->timeframe < TIMEFRAME_COUNT);
    for (uint32_t i = m->first_in_series[c->timeframe]; i != NO_INDEX;
         i = e->legs[i].next_in_series)
        leg_on_candle(e, &e->legs[i], c, close, out);
}

static void on_time(struct engine *e, struct outbox *out)
{
    const int64_t day = day_of(e->time_ms);
    if (day > e->day) {
        e->day = day;
        for (uint32_t i = 0; i < e->bot_count; i++) bot_turn_day(e, &e->bots[i], out);
    }
    order_on_time(e, out);
    if (e->exits_wanted == 0) return;
    for (uint32_t i = 0; i < e->leg_count; i++) leg_retry_exit(e, &e->legs[i], out);
}

void engine_step(struct engine *e, const struct event *in, struct outbox *out)
{
    CHECK(in->seq == e->seq + 1);
    CHECK(in->time_ms >= e->time_ms);
    out->count = 0;
    e->seq = in->seq;
    e->time_ms = in->time_ms;
    e->counters.events++;
    switch ((enum event_kind)in->kind) {
    case EVENT_TIME: on_time(e, out); break;
    case EVENT_INSTRUMENT: on_instrument(e, in); break;
    case EVENT_FEED: on_feed(e, in); break;
    case EVENT_BOOK: on_book(e, in, out); break;
    case EVENT_PRINT: on_print(e, in, out); break;
    case EVENT_BAR: on_bar(e, in, out); break;
    case EVENT_CANDLE: on_candle(e, in, out); break;
    case EVENT_ORDER: order_on_news(e, &in->order, out); break;
    case EVENT_FILL: order_on_fill(e, in->instrument, &in->fill, out); break;
    case EVENT_BOT: bot_on_command(e, &in->bot, out); break;
    case EVENT_RESTORE: bot_on_restore(e, in, out); break;
    case EVENT_KIND_COUNT: CHECK(false);
    }
}

struct bot *engine_find_bot(const struct engine *e, uint64_t bot_id)
{
    uint32_t index;
    return id_map_find(&e->bot_by_id, bot_id, &index) ? &e->bots[index] : NULL;
}

bool engine_has_room(const struct engine *e, uint32_t symbol_count)
{
    return e->bot_count < e->limits.bots && symbol_count <= e->limits.legs - e->leg_count;
}

bool engine_bot_is_idle(const struct engine *e, uint64_t bot_id)
{
    const struct bot *bot = engine_find_bot(e, bot_id);
    if (!bot || bot->totals.state != BOT_STOPPED) return false;
    for (uint32_t i = 0; i < bot->config.symbol_count; i++) {
        const struct leg *leg = &e->legs[bot->first_leg + i];
        if (leg->position.open || leg->working_order) return false;
    }
    return true;
}

const struct bot_config *engine_bot_config(const struct engine *e, uint64_t bot_id)
{
    const struct bot *bot = engine_find_bot(e, bot_id);
    return bot ? &bot->config : NULL;
}

static void view_leg(const struct engine *e, const struct bot *bot, const struct leg *leg,
                     struct leg_view *out)
{
    const struct market *m = &e->markets[leg->instrument];
    *out = (struct leg_view){
        .instrument = leg->instrument,
        .position = leg->position,
        .unrealized = position_unrealized(&leg->position, &m->rules, m->last),
        .working_order = leg->working_order,
        .reserved = leg->reserved,
    };
    if (leg->position.open) out->stops = stops_of(&bot->config.risk, &leg->position, &m->rules);
}

bool engine_bot_view(const struct engine *e, uint64_t bot_id, struct bot_view *out)
{
    const struct bot *bot = engine_find_bot(e, bot_id);
    if (!bot) return false;
    out->config = &bot->config;
    out->totals = bot->totals;
    out->leg_count = bot->config.symbol_count;
    out->equity.units = bot->config.capital.units + bot->totals.realized.units;
    for (uint32_t i = 0; i < out->leg_count; i++) {
        view_leg(e, bot, &e->legs[bot->first_leg + i], &out->legs[i]);
        out->equity.units += out->legs[i].unrealized.units;
    }
    return true;
}

const struct order *engine_order(const struct engine *e, uint64_t order_id)
{
    uint32_t slot;
    return id_map_find(&e->orders.by_id, order_id, &slot) ? &e->orders.slots[slot].order : NULL;
}

void engine_working_orders(const struct engine *e,
                           void (*callback)(void *context, const struct order *order),
                           void *context)
{
    for (uint32_t i = 0; i < e->orders.working_count; i++)
        callback(context, &e->orders.slots[e->orders.working[i]].order);
}

uint32_t engine_halted_bots(const struct engine *e)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->bot_count; i++)
        count += e->bots[i].totals.reason == BOT_REASON_IMPOSSIBLE_NEWS ||
                 e->bots[i].totals.reason == BOT_REASON_UNKNOWN_FILL ||
                 e->bots[i].totals.reason == BOT_REASON_FILL_ROUNDED;
    return count;
}

const struct book *engine_book(const struct engine *e, uint16_t index)
{
    CHECK(index < e->limits.instruments);
    return &e->markets[index].book;
}

uint64_t engine_next_order_id(const struct engine *e)
{
    return e->next_order_id;
}

uint64_t engine_seq(const struct engine *e)
{
    return e->seq;
}

const struct engine_counters *engine_counters(const struct engine *e)
{
    return &e->counters;
}

uint64_t engine_decision_hash(const struct engine *e)
{
    return e->decision_hash;
}
