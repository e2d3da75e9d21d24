/* Who is there: bots and their legs added, changed and taken out.
 *
 * Both arrays stay without holes. A person takes a bot out rarely, so it may cost a walk over
 * everything; what trades every second then never meets a hole. */
#include <string.h>

#include "base/check.h"
#include "core/engine/state.h"

/* Appends to the chains of its market and its series, so that legs act in the order they were
 * added. */
static void chain_leg(struct engine *e, uint32_t index, enum timeframe timeframe)
{
    struct market *m = &e->markets[e->legs[index].instrument];
    uint32_t *at = &m->first_leg;
    while (*at != NO_INDEX) at = &e->legs[*at].next_on_market;
    *at = index;
    at = &m->first_in_series[timeframe];
    while (*at != NO_INDEX) at = &e->legs[*at].next_in_series;
    *at = index;
}

static void add_leg(struct engine *e, uint32_t bot_index, uint16_t instrument)
{
    const struct bot_config *config = &e->bots[bot_index].config;
    CHECK(instrument < e->limits.instruments && e->markets[instrument].known);
    CHECK(e->leg_count < e->limits.legs);
    const uint32_t index = e->leg_count++;
    struct leg *leg = &e->legs[index];
    *leg = (struct leg){
        .bot = bot_index,
        .instrument = instrument,
        .next_on_market = NO_INDEX,
        .next_in_series = NO_INDEX,
        .last_candle_ms = INT64_MIN,
    };
    strategy_init(&leg->strategy, (enum strategy_kind)config->strategy, config->params);
    chain_leg(e, index, (enum timeframe)config->timeframe);
}

void roster_add(struct engine *e, const struct bot_config *config)
{
    CHECK(config->id > 0 && !engine_find_bot(e, config->id));
    CHECK(config->symbol_count > 0 && config->symbol_count <= BOT_SYMBOLS_MAX);
    CHECK(engine_has_room(e, config->symbol_count));
    const uint32_t index = e->bot_count++;
    struct bot *bot = &e->bots[index];
    *bot = (struct bot){.config = *config, .first_leg = e->leg_count};
    bot->totals.state = BOT_STOPPED;
    id_map_insert(&e->bot_by_id, config->id, index);
    for (unsigned i = 0; i < config->symbol_count; i++) add_leg(e, index, config->instruments[i]);
}

static void unchain(struct engine *e, uint32_t *at, uint32_t index, bool series)
{
    while (*at != index) at = series ? &e->legs[*at].next_in_series : &e->legs[*at].next_on_market;
    *at = series ? e->legs[index].next_in_series : e->legs[index].next_on_market;
}

/* A leg that was at `*index`, once those from first on are out. */
static void close_up(uint32_t *index, uint32_t first, uint32_t count)
{
    if (*index != NO_INDEX && *index >= first + count) *index -= count;
}

static void close_up_orders(struct engine *e, uint32_t first, uint32_t count)
{
    struct order_table *t = &e->orders;
    for (uint32_t i = 0; i < t->working_count; i++)
        close_up(&t->slots[t->working[i]].leg, first, count);
    for (uint32_t i = 0; i < t->closed_count; i++)
        close_up(&t->slots[t->closed[(t->closed_first + i) % t->capacity]].leg, first, count);
}

/* Closed orders of theirs are forgotten: late news of one is news that nobody knows. */
static void remove_legs(struct engine *e, uint32_t first, uint32_t count, enum timeframe timeframe)
{
    order_table_forget_legs(&e->orders, first, count);
    for (uint32_t i = first; i < first + count; i++) {
        struct market *m = &e->markets[e->legs[i].instrument];
        leg_exit_done(e, &e->legs[i]);
        unchain(e, &m->first_leg, i, false);
        unchain(e, &m->first_in_series[timeframe], i, true);
    }
    e->leg_count -= count;
    memmove(&e->legs[first], &e->legs[first + count], (e->leg_count - first) * sizeof *e->legs);
    for (uint32_t i = 0; i < e->leg_count; i++) {
        close_up(&e->legs[i].next_on_market, first, count);
        close_up(&e->legs[i].next_in_series, first, count);
    }
    for (uint32_t i = 0; i < e->limits.instruments; i++) {
        close_up(&e->markets[i].first_leg, first, count);
        for (unsigned k = 0; k < TIMEFRAME_COUNT; k++)
            close_up(&e->markets[i].first_in_series[k], first, count);
    }
    for (uint32_t i = 0; i < e->bot_count; i++) close_up(&e->bots[i].first_leg, first, count);
    close_up_orders(e, first, count);
}

/* What outlives a change: dust, the cooldown, and closed orders that late news may still find. */
static void inherit(struct engine *e, const struct leg *old, struct leg *leg)
{
    struct order_table *t = &e->orders;
    leg->position = old->position;
    leg->cooldown_until_ms = old->cooldown_until_ms;
    leg_note_position(e, leg);
    for (uint32_t i = 0; i < t->closed_count; i++) {
        struct order_slot *slot = &t->slots[t->closed[(t->closed_first + i) % t->capacity]];
        if (slot->leg == (uint32_t)(old - e->legs)) slot->leg = (uint32_t)(leg - e->legs);
    }
}

void roster_change(struct engine *e, const struct bot_config *config)
{
    struct bot *bot = engine_find_bot(e, config->id);
    CHECK(bot && engine_bot_is_idle(e, config->id));
    CHECK(config->symbol_count > 0 && config->symbol_count <= BOT_SYMBOLS_MAX);
    CHECK(config->symbol_count <= e->limits.legs - e->leg_count);
    const struct bot_config before = bot->config;
    const uint32_t old_first = bot->first_leg, first = e->leg_count;
    bot->config = *config;
    for (unsigned i = 0; i < config->symbol_count; i++) {
        add_leg(e, (uint32_t)(bot - e->bots), config->instruments[i]);
        for (unsigned k = 0; k < before.symbol_count; k++)
            if (before.instruments[k] == config->instruments[i])
                inherit(e, &e->legs[old_first + k], &e->legs[first + i]);
    }
    bot->first_leg = first;
    remove_legs(e, old_first, before.symbol_count, (enum timeframe)before.timeframe);
}

void roster_remove(struct engine *e, uint64_t bot_id)
{
    const struct bot *bot = engine_find_bot(e, bot_id);
    CHECK(bot && engine_bot_is_idle(e, bot_id));
    const uint32_t index = (uint32_t)(bot - e->bots);
    remove_legs(e, bot->first_leg, bot->config.symbol_count, (enum timeframe)bot->config.timeframe);
    CHECK(id_map_remove(&e->bot_by_id, bot_id));
    e->bot_count--;
    memmove(&e->bots[index], &e->bots[index + 1], (e->bot_count - index) * sizeof *e->bots);
    for (uint32_t i = index; i < e->bot_count; i++) {
        CHECK(id_map_remove(&e->bot_by_id, e->bots[i].config.id));
        id_map_insert(&e->bot_by_id, e->bots[i].config.id, i);
    }
    for (uint32_t i = 0; i < e->leg_count; i++)
        if (e->legs[i].bot > index) e->legs[i].bot--;
}
