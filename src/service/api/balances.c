/* Adding up paper bots. */
#include "service/api/balances.h"

#include <stdlib.h>
#include <string.h>

static int compare(const struct balance *row, uint8_t venue, const char *asset)
{
    return row->venue != venue ? row->venue - venue : strcmp(row->asset, asset);
}

/* Made where it is missing; NULL without memory. */
static struct balance *row_of(struct balances *b, uint8_t venue, const char *asset, uint8_t scale)
{
    uint32_t place = 0;
    while (place < b->count && compare(&b->rows[place], venue, asset) < 0) place++;
    if (place < b->count && compare(&b->rows[place], venue, asset) == 0) return &b->rows[place];
    if (b->count == b->capacity) {
        const uint32_t capacity = b->capacity ? 2 * b->capacity : 16;
        struct balance *rows = realloc(b->rows, capacity * sizeof *rows);
        if (!rows) return NULL;
        b->rows = rows;
        b->capacity = capacity;
    }
    struct balance *row = &b->rows[place];
    memmove(row + 1, row, (b->count++ - place) * sizeof *row);
    *row = (struct balance){.venue = venue, .scale = scale};
    memcpy(row->asset, asset, sizeof row->asset);
    return row;
}

/* The finer scale of two holds both. */
static bool make_finer(struct balance *row, uint8_t scale)
{
    if (scale <= row->scale) return true;
    const bool fits = units_rescale_exact(row->free.units, row->scale, scale, &row->free.units) &&
                      units_rescale_exact(row->locked.units, row->scale, scale, &row->locked.units);
    row->scale = scale;
    return fits;
}

static void add(struct balances *b, const struct balance *part)
{
    struct balance *row = row_of(b, part->venue, part->asset, part->scale);
    int64_t free, locked;
    if (!row || !make_finer(row, part->scale) ||
        !units_rescale_exact(part->free.units, part->scale, row->scale, &free) ||
        !units_rescale_exact(part->locked.units, part->scale, row->scale, &locked) ||
        __builtin_add_overflow(row->free.units, free, &row->free.units) ||
        __builtin_add_overflow(row->locked.units, locked, &row->locked.units))
        b->failed = true;
    else if (part->time_ms > row->time_ms)
        row->time_ms = part->time_ms;
}

/* Quote that the leg's position cost, and what is reserved for more of it. */
static bool spend(struct money *free, const struct leg_view *leg)
{
    const struct position *p = &leg->position;
    return !__builtin_sub_overflow(free->units, p->cost.units, &free->units) &&
           !__builtin_add_overflow(free->units, p->proceeds.units, &free->units) &&
           !__builtin_sub_overflow(free->units, p->fees_quote.units, &free->units) &&
           !__builtin_sub_overflow(free->units, leg->reserved.units, &free->units);
}

static void add_base(struct balances *b, const struct board_bot *live, const struct leg_view *leg,
                     const struct instrument *rules)
{
    /* An entry has a reserve; an order without one sells. */
    const bool sells = leg->working_order != 0 && leg->reserved.units == 0;
    struct balance part = {
        .venue = rules->venue, .scale = rules->base_scale, .time_ms = live->time_ms};
    memcpy(part.asset, rules->base, sizeof part.asset);
    *(sells ? &part.locked : &part.free) = leg->position.base;
    if (leg->position.base.units != 0) add(b, &part);
}

void balances_add(struct balances *b, const struct store_bot *bot, const struct board *board)
{
    const struct board_bot *live = board_bot(board, bot->id);
    if (bot->mode != MODE_PAPER || !live || !live->has_totals || live->leg_count == 0) return;
    const struct board_market *first = board_market(board, live->legs[0].instrument);
    if (!first) return;
    struct balance quote = {
        .venue = bot->venue, .scale = first->rules.quote_scale, .time_ms = live->time_ms};
    memcpy(quote.asset, first->rules.quote, sizeof quote.asset);
    if (!units_rescale_exact(bot->capital.units, bot->quote_scale, quote.scale,
                             &quote.free.units) ||
        __builtin_add_overflow(quote.free.units, live->totals.realized.units, &quote.free.units))
        b->failed = true;
    for (uint32_t i = 0; i < live->leg_count; i++) {
        const struct board_market *m = board_market(board, live->legs[i].instrument);
        if (!m) continue;
        add_base(b, live, &live->legs[i], &m->rules);
        if (!spend(&quote.free, &live->legs[i]) ||
            __builtin_add_overflow(quote.locked.units, live->legs[i].reserved.units,
                                   &quote.locked.units))
            b->failed = true;
    }
    add(b, &quote);
}

void balances_deinit(struct balances *b)
{
    free(b->rows);
}
