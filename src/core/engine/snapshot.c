/* The engine's state, field by field. */
#include "core/engine/snapshot.h"

#include "base/check.h"
#include "base/hash.h"
#include "core/engine/state.h"

enum { SNAPSHOT_VERSION = 4 };

static void visit_limits(struct visitor *v, const struct engine_limits *limits)
{
    struct engine_limits l = *limits;
    visit_u16(v, &l.instruments);
    visit_u32(v, &l.bots);
    visit_u32(v, &l.legs);
    visit_u32(v, &l.orders);
    visit_u32(v, &l.fills);
    visit_u32(v, &l.book_levels);
    visit_bool(v, &l.explain);
    if (l.instruments != limits->instruments || l.bots != limits->bots || l.legs != limits->legs ||
        l.orders != limits->orders || l.fills != limits->fills ||
        l.book_levels != limits->book_levels || l.explain != limits->explain)
        v->failed = true;
}

static void visit_book(struct visitor *v, struct book *b)
{
    visit_enum(v, &b->state, BOOK_STALE + 1);
    visit_u64(v, &b->last_id);
    visit_u64(v, &b->dropped);
    for (unsigned side = 0; side < 2; side++) {
        struct book_half *half = &b->sides[side];
        visit_count(v, &half->count, b->levels_max);
        for (uint32_t i = 0; i < half->count; i++) visit_level(v, &half->levels[i]);
    }
}

static void visit_market(struct visitor *v, struct engine *e, struct market *m)
{
    visit_bool(v, &m->known);
    if (!m->known) return;
    visit_instrument(v, &m->rules);
    visit_book(v, &m->book);
    visit_i64(v, &m->last.units);
    visit_enum(v, &m->feed, FEED_STALE + 1);
    visit_u32(v, &m->first_leg);
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) visit_u32(v, &m->first_in_series[i]);
    if (v->mode != VISIT_READ) return;
    v->failed |= m->first_leg != NO_INDEX && m->first_leg >= e->limits.legs;
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++)
        v->failed |= m->first_in_series[i] != NO_INDEX && m->first_in_series[i] >= e->limits.legs;
}

static void visit_leg(struct visitor *v, struct engine *e, struct leg *leg)
{
    visit_count(v, &leg->bot, e->limits.bots - 1);
    visit_u32(v, &leg->next_on_market);
    visit_u32(v, &leg->next_in_series);
    visit_u16(v, &leg->instrument);
    strategy_visit(v, &leg->strategy);
    visit_position(v, &leg->position);
    visit_bool(v, &leg->holds);
    visit_u64(v, &leg->working_order);
    visit_i64(v, &leg->reserved.units);
    visit_i64(v, &leg->last_candle_ms);
    visit_i64(v, &leg->cooldown_until_ms);
    visit_bool(v, &leg->exit_wanted);
    visit_enum(v, &leg->exit_purpose, PURPOSE_TARGET + 1);
    visit_i64(v, &leg->exit_trigger.units);
    visit_i64(v, &leg->exit_retry_ms);
    visit_u32(v, &leg->exit_rejects);
    visit_bool(v, &leg->written_off);
    if (v->mode != VISIT_READ) return;
    v->failed |= leg->next_on_market != NO_INDEX && leg->next_on_market >= e->limits.legs;
    v->failed |= leg->next_in_series != NO_INDEX && leg->next_in_series >= e->limits.legs;
    v->failed |= leg->instrument >= e->limits.instruments;
}

static void visit_bot(struct visitor *v, struct engine *e, struct bot *bot, uint32_t index)
{
    visit_bot_config(v, &bot->config);
    visit_bot_totals(v, &bot->totals);
    visit_count(v, &bot->first_leg, e->limits.legs);
    if (v->mode != VISIT_READ || v->failed) return;
    v->failed |= bot->config.symbol_count > e->limits.legs - bot->first_leg;
    v->failed |= bot->config.id == 0 || engine_find_bot(e, bot->config.id) != NULL;
    if (!v->failed) id_map_insert(&e->bot_by_id, bot->config.id, index);
}

static void visit_slot(struct visitor *v, struct engine *e, uint32_t index)
{
    struct order_table *t = &e->orders;
    struct order_slot *slot = &t->slots[index];
    visit_order(v, &slot->order);
    visit_count(v, &slot->leg, e->limits.legs - 1);
    visit_u32(v, &slot->queries);
    visit_i64(v, &slot->query_at_ms);
    visit_bool(v, &slot->cancel_wanted);
    if (v->mode != VISIT_READ || v->failed || slot->order.id == 0) return;
    v->failed |= engine_order(e, slot->order.id) != NULL;
    if (!v->failed) id_map_insert(&t->by_id, slot->order.id, index);
}

static void visit_order_table(struct visitor *v, struct engine *e)
{
    struct order_table *t = &e->orders;
    const uint32_t last = t->capacity - 1;
    visit_count(v, &t->free_count, t->capacity);
    visit_count(v, &t->closed_first, last);
    visit_count(v, &t->closed_count, t->capacity);
    visit_count(v, &t->working_count, t->capacity);
    for (uint32_t i = 0; i < t->free_count; i++) visit_count(v, &t->free[i], last);
    for (uint32_t i = 0; i < t->closed_count && !v->failed; i++) {
        const uint32_t at = (t->closed_first + i) % t->capacity;
        visit_count(v, &t->closed[at], last);
        visit_slot(v, e, t->closed[at]);
    }
    for (uint32_t i = 0; i < t->working_count && !v->failed; i++) {
        visit_count(v, &t->working[i], last);
        visit_slot(v, e, t->working[i]);
    }
}

static void visit_fill_set(struct visitor *v, struct fill_set *s)
{
    visit_count(v, &s->first, s->capacity - 1);
    visit_count(v, &s->count, s->capacity);
    for (uint32_t i = 0; i < s->count && !v->failed; i++) {
        uint64_t *key = &s->order[(s->first + i) % s->capacity];
        uint32_t value;
        visit_u64(v, key);
        if (v->mode != VISIT_READ) continue;
        v->failed |= *key == 0 || id_map_find(&s->seen, *key, &value);
        if (!v->failed) id_map_insert(&s->seen, *key, 0);
    }
}

static void visit_counters(struct visitor *v, struct engine_counters *c)
{
    visit_u64(v, &c->events);
    visit_u64(v, &c->orders);
    visit_u64(v, &c->fills);
    visit_u64(v, &c->duplicate_fills);
    visit_u64(v, &c->unknown_orders);
    visit_u64(v, &c->impossible_news);
    visit_u64(v, &c->crossed_books);
    visit_u64(v, &c->candle_gaps);
    visit_u64(v, &c->unknown_fills);
}

static void visit_engine(struct visitor *v, struct engine *e)
{
    uint32_t version = SNAPSHOT_VERSION;
    visit_u32(v, &version);
    v->failed |= version != SNAPSHOT_VERSION;
    visit_limits(v, &e->limits);
    if (v->mode == VISIT_READ && v->failed) return;

    visit_u64(v, &e->seq);
    visit_i64(v, &e->time_ms);
    visit_i64(v, &e->day);
    visit_u64(v, &e->next_order_id);
    visit_u64(v, &e->decision_hash);
    visit_counters(v, &e->counters);
    visit_count(v, &e->exits_wanted, e->limits.legs);
    visit_count(v, &e->bot_count, e->limits.bots);
    visit_count(v, &e->leg_count, e->limits.legs);
    for (uint32_t i = 0; i < e->limits.instruments; i++) visit_market(v, e, &e->markets[i]);
    for (uint32_t i = 0; i < e->bot_count; i++) visit_bot(v, e, &e->bots[i], i);
    for (uint32_t i = 0; i < e->leg_count; i++) visit_leg(v, e, &e->legs[i]);
    visit_order_table(v, e);
    visit_fill_set(v, &e->fills);
}

size_t snapshot_write(struct engine *e, void *data, size_t capacity)
{
    struct visitor v = {.mode = VISIT_WRITE, .out = data, .capacity = capacity};
    visit_engine(&v, e);
    return v.at;
}

enum err snapshot_read(struct engine *e, const void *data, size_t size)
{
    CHECK(e->seq == 0);
    struct visitor v = {.mode = VISIT_READ, .in = data, .capacity = size};
    visit_engine(&v, e);
    if (v.failed || v.at != size)
        return err_set(ERR_PARSE, "these %zu bytes are no snapshot of an engine with these limits",
                       size);
    return OK;
}

uint64_t snapshot_hash(struct engine *e)
{
    struct visitor v = {.mode = VISIT_HASH, .hash = HASH_SEED};
    visit_engine(&v, e);
    return v.hash;
}
