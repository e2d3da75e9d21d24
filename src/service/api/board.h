/* A web thread's picture of what the trade thread has published: markets, bots, venues, counters.
 *
 * Bounded: BOARD_MARKETS_MAX markets (each its newest book and a tape of BOARD_TAPE prints) and
 * BOARD_BOTS_MAX bots; what comes beyond is counted in `ignored`. A bot costs some 150 bytes until
 * it has a leg or a decision: those arrays are taken when they are first needed.
 *
 * Pointers handed out are good until the next board_on_publication. Thread: that web thread. */
#ifndef SERVICE_API_BOARD_H
#define SERVICE_API_BOARD_H

#include "core/market/tape.h"
#include "service/api/publication.h"

enum {
    BOARD_MARKETS_MAX = 4096,
    BOARD_BOTS_MAX = 100000,
    BOARD_TAPE = 200,
    BOARD_DECISIONS = 50, /* a bot */
};

struct board_market {
    struct instrument rules;
    struct published_book book;
    int64_t book_ms; /* of the newest book; 0 = none came */
    struct arena arena;
    struct tape tape;
    struct price last; /* of the newest print; 0 = none came */
    int64_t last_ms;
};

struct board_decision {
    struct decision decision;
    uint16_t instrument;
    int64_t time_ms;
};

struct board_decisions {
    struct board_decision items[BOARD_DECISIONS];
    uint32_t count, next;
};

struct board_bot {
    uint64_t id;
    uint64_t user_id; /* 0: not told yet */
    bool has_totals;  /* the trade thread runs it */
    struct bot_totals totals;
    struct money equity;
    int64_t time_ms; /* of the newest news */
    uint32_t leg_count;
    struct leg_view *legs;             /* BOT_SYMBOLS_MAX places; NULL: none came */
    struct board_decisions *decisions; /* NULL: none came */
};

struct board_venue {
    bool known;
    int64_t time_ms;
    struct venue_status status;
};

struct board {
    struct board_market *markets[BOARD_MARKETS_MAX];
    struct board_bot *bots; /* by id, upward */
    uint32_t bot_count, bot_capacity;
    struct board_venue venues[VENUE_COUNT];
    struct engine_counters engine;
    int64_t engine_ms; /* when the trade thread last said so; 0 = never */
    struct trade_alarm alarm;
    uint64_t publications, ignored;
};

void board_init(struct board *b);
void board_deinit(struct board *b);
void board_on_publication(struct board *b, const struct publication *p);

/* NULL when it was not published. */
const struct board_market *board_market(const struct board *b, uint16_t instrument);
const struct board_market *board_find(const struct board *b, enum venue venue, const char *symbol);
const struct board_bot *board_bot(const struct board *b, uint64_t bot_id);
/* The first bot with an id of at least bot_id: its place in bots[],
 * bot_count when there is none. */
uint32_t board_bot_place(const struct board *b, uint64_t bot_id);
/* age 0 is the newest; NULL when there are not so many. */
const struct board_decision *board_decision(const struct board_bot *bot, uint32_t age);
/* What a position in it is worth now: the newest print, else the book's best bid; 0 = unknown. */
struct price board_mark(const struct board_market *m);

#endif
