/* The picture that the web thread shows. */
#include "service/api/board.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void board_init(struct board *b)
{
    memset(b, 0, sizeof *b);
}

void board_deinit(struct board *b)
{
    for (unsigned i = 0; i < BOARD_MARKETS_MAX; i++) {
        if (!b->markets[i]) continue;
        arena_deinit(&b->markets[i]->arena);
        free(b->markets[i]);
    }
    for (uint32_t i = 0; i < b->bot_count; i++) {
        free(b->bots[i].legs);
        free(b->bots[i].decisions);
    }
    free(b->bots);
    memset(b, 0, sizeof *b);
}

static struct board_market *market_of(struct board *b, uint16_t instrument)
{
    return instrument < BOARD_MARKETS_MAX ? b->markets[instrument] : NULL;
}

static void on_instrument(struct board *b, const struct publication *p)
{
    if (p->instrument >= BOARD_MARKETS_MAX) {
        b->ignored++;
        return;
    }
    struct board_market *m = b->markets[p->instrument];
    if (!m) {
        m = calloc(1, sizeof *m);
        CHECK(m && arena_init(&m->arena, tape_need(BOARD_TAPE)) == OK);
        tape_init(&m->tape, &m->arena, BOARD_TAPE);
        b->markets[p->instrument] = m;
    }
    m->rules = p->rules;
}

static void on_book(struct board *b, const struct publication *p)
{
    struct board_market *m = market_of(b, p->instrument);
    if (!m) {
        b->ignored++;
        return;
    }
    CHECK(p->book.bid_count <= PUBLISH_LEVELS && p->book.ask_count <= PUBLISH_LEVELS);
    m->book = p->book;
    m->book_ms = p->time_ms;
}

static void on_print(struct board *b, const struct publication *p)
{
    struct board_market *m = market_of(b, p->instrument);
    if (!m) {
        b->ignored++;
        return;
    }
    if (!tape_add(&m->tape, &p->print)) return;
    m->last = p->print.price;
    m->last_ms = p->print.time_ms;
}

uint32_t board_bot_place(const struct board *b, uint64_t bot_id)
{
    uint32_t low = 0, high = b->bot_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (b->bots[middle].id < bot_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The bot's entry, made if need be; NULL when the board is full. */
static struct board_bot *bot_of(struct board *b, uint64_t bot_id)
{
    const uint32_t place = board_bot_place(b, bot_id);
    if (place < b->bot_count && b->bots[place].id == bot_id) return &b->bots[place];
    if (b->bot_count == BOARD_BOTS_MAX) {
        b->ignored++;
        return NULL;
    }
    if (b->bot_count == b->bot_capacity) {
        b->bot_capacity = b->bot_capacity ? 2 * b->bot_capacity : 16;
        b->bots = realloc(b->bots, b->bot_capacity * sizeof *b->bots);
        CHECK(b->bots);
    }
    memmove(&b->bots[place + 1], &b->bots[place], (b->bot_count - place) * sizeof *b->bots);
    b->bot_count++;
    b->bots[place] = (struct board_bot){.id = bot_id};
    return &b->bots[place];
}

static void on_leg(struct board_bot *bot, const struct leg_view *leg)
{
    if (!bot->legs) {
        bot->legs = calloc(BOT_SYMBOLS_MAX, sizeof *bot->legs);
        CHECK(bot->legs);
    }
    uint32_t i = 0;
    while (i < bot->leg_count && bot->legs[i].instrument != leg->instrument) i++;
    CHECK(i < BOT_SYMBOLS_MAX);
    if (i == bot->leg_count) bot->leg_count++;
    bot->legs[i] = *leg;
}

static void on_decision(struct board_bot *bot, const struct publication *p)
{
    if (!bot->decisions) {
        bot->decisions = calloc(1, sizeof *bot->decisions);
        CHECK(bot->decisions);
    }
    struct board_decisions *d = bot->decisions;
    d->items[d->next] = (struct board_decision){
        .decision = p->decision, .instrument = p->instrument, .time_ms = p->time_ms};
    d->next = (d->next + 1) % BOARD_DECISIONS;
    if (d->count < BOARD_DECISIONS) d->count++;
}

static void on_bot_news(struct board *b, const struct publication *p)
{
    struct board_bot *bot = bot_of(b, p->bot_id);
    if (!bot) return;
    bot->time_ms = p->time_ms;
    if (p->kind == PUBLISH_LEG) {
        on_leg(bot, &p->leg);
    } else if (p->kind == PUBLISH_DECISION) {
        on_decision(bot, p);
    } else {
        bot->has_totals = true;
        bot->user_id = p->user_id;
        bot->totals = p->bot.totals;
        bot->equity = p->bot.equity;
    }
}

static void forget_bot(struct board *b, uint64_t bot_id)
{
    const uint32_t place = board_bot_place(b, bot_id);
    if (place == b->bot_count || b->bots[place].id != bot_id) return;
    free(b->bots[place].legs);
    free(b->bots[place].decisions);
    b->bot_count--;
    memmove(&b->bots[place], &b->bots[place + 1], (b->bot_count - place) * sizeof *b->bots);
}

void board_on_publication(struct board *b, const struct publication *p)
{
    b->publications++;
    switch ((enum publication_kind)p->kind) {
    case PUBLISH_INSTRUMENT: on_instrument(b, p); break;
    case PUBLISH_BOOK: on_book(b, p); break;
    case PUBLISH_PRINT: on_print(b, p); break;
    case PUBLISH_BOT_GONE: forget_bot(b, p->bot_id); break;
    case PUBLISH_BOT:
    case PUBLISH_LEG:
    case PUBLISH_DECISION: on_bot_news(b, p); break;
    case PUBLISH_VENUE:
        CHECK(p->venue.venue < VENUE_COUNT);
        b->venues[p->venue.venue] = (struct board_venue){true, p->time_ms, p->venue};
        break;
    case PUBLISH_ENGINE:
        b->engine = p->engine;
        b->engine_ms = p->time_ms;
        break;
    case PUBLISH_ALARM: b->alarm = p->alarm; break;
    }
}

const struct board_market *board_market(const struct board *b, uint16_t instrument)
{
    return instrument < BOARD_MARKETS_MAX ? b->markets[instrument] : NULL;
}

const struct board_market *board_find(const struct board *b, enum venue venue, const char *symbol)
{
    for (unsigned i = 0; i < BOARD_MARKETS_MAX; i++) {
        const struct board_market *m = b->markets[i];
        if (m && m->rules.venue == venue && strcmp(m->rules.symbol, symbol) == 0) return m;
    }
    return NULL;
}

const struct board_bot *board_bot(const struct board *b, uint64_t bot_id)
{
    const uint32_t place = board_bot_place(b, bot_id);
    if (place == b->bot_count || b->bots[place].id != bot_id) return NULL;
    return &b->bots[place];
}

const struct board_decision *board_decision(const struct board_bot *bot, uint32_t age)
{
    const struct board_decisions *d = bot->decisions;
    if (!d || age >= d->count) return NULL;
    return &d->items[(d->next + BOARD_DECISIONS - 1 - age) % BOARD_DECISIONS];
}

struct price board_mark(const struct board_market *m)
{
    if (m->last.units > 0) return m->last;
    if (m->book.bid_count > 0) return m->book.bids[0].price;
    return (struct price){0};
}
