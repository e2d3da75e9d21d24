/* The trade thread's insides, shared by the trader_*.c files and nobody else. */
#ifndef APP_TRADER_STATE_H
#define APP_TRADER_STATE_H

#include <uv.h>

#include "app/journal.h"
#include "app/trader.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/id_map.h"
#include "core/engine/engine.h"
#include "core/sim/sim_paper.h"
#include "io/feed/gateway.h"
#include "io/feed/market_session.h"
#include "io/feed/venue_rest.h"
#include "io/store/store_thread.h"

enum {
    TRADER_INSTRUMENTS_MAX = 1024, /* watched at a time; a request for one more is refused */
    TRADER_BOTS_MAX = 20000,
    TRADER_LEGS_MAX = 30000,
    TRADER_ORDERS_MAX = 65536,
    TRADER_FILLS_MAX = 65536,
    TRADER_NEWEST_ORDERS = 16384, /* of which closed live ones are known again after a restart */
    TRADER_EARLY_MAX = 4096,      /* news of orders of bots that are still on their way in */
    TRADER_BOOK_LEVELS = 5000,
    TRADER_PAPER_ORDERS_MAX = 30000, /* one a leg */
    TRADER_PAPER_LATENCY_MS = 50,
    TRADER_PAPER_SLIPPAGE_TICKS = 1,
    TRADER_STORE_SLOTS = 1024,
    /* Commands that wait for the store: entries are refused from the first, and a trader that
     * cannot record what happened stops (CHECK) at the second. */
    TRADER_BACKLOG_ENTRY_MAX = 4096,
    TRADER_BACKLOG_MAX = 65536,
    /* An entry that became durable later than this is not sent: its reason has aged. */
    TRADER_ENTRY_AGE_MS = 5000,
    TRADER_TICK_MS = 50,
    TRADER_STATUS_MS = 1000,
    TRADER_RECENT_CANDLES = 64, /* that came while a bot's history was fetched: of the newest */
    TRADER_WARM_UP_EXTRA = 50,  /* candles of history beyond a strategy's own warm-up */
    TRADER_PATIENCE_MS = 5000,  /* of a person, for a venue that does not answer */
};

/* One venue as the trader reaches it. */
struct line {
    struct trader *trader;
    enum venue venue;
    bool offered;
    struct venue_rest *rest;
    struct market_session *session; /* NULL until somebody asks for this venue */
    struct gateway *gateway;        /* NULL: paper only */
    struct binance_key key;
    struct tls_context *tls;
    bool symbols_known;
    uint32_t restoring;      /* bots of this venue that are on their way into the engine */
    struct waiting *waiting; /* for symbols_known */
};

/* The newest closed candles of one series, as they were told to the engine. */
struct recent {
    struct candle candles[TRADER_RECENT_CANDLES]; /* ring */
    uint64_t count;                               /* ever */
};

/* A request or a restored bot that cannot go on before its venue told its symbols. */
struct waiting {
    struct waiting *next;
    void (*go)(struct trader *t, void *user);
    /* Instead of go, at the deadline or when the trader ends. */
    void (*give_up)(struct trader *t, void *user, const char *why);
    void *user;
    int64_t deadline_ms; /* INT64_MAX: as long as it takes */
};

/* A bot that the engine knows, or will once its history is fetched. */
struct seat {
    uint64_t bot_id, user_id;
    enum venue venue;
    bool changed;      /* publish it */
    bool changing;     /* a change or removal is under way: it may not start */
    uint32_t starting; /* starts under way */
    bool holds;        /* has an open position: publish its value each second */
};

/* A store command under way, in order; what to do when its ack comes. */
struct pending {
    uint64_t id;
    uint8_t kind;       /* enum store_command_kind */
    struct order order; /* ORDER_PLACED */
    char body[STORE_BODY_SIZE];
    struct errand *errand; /* a person's command, to be answered; NULL otherwise */
};

/* A person's request on its way through venue, store and engine. */
struct errand {
    struct trader *trader;
    struct desk_request request;
    struct bot_config config;
    unsigned histories_left; /* fetches under way */
    bool failed;
    bool is_exclusive;     /* a change or removal: its seat is `changing` until it ends */
    struct event *history; /* candle events for the engine, in order of arrival */
    size_t history_count;
    struct restored *restored; /* restoring at start, not a request */
    struct errand
        *next; /* of those that are being restored, or that wait for their bot to be idle */
};

/* What the store kept of one bot. */
struct restored {
    struct restored *next;
    struct store_bot bot;
    struct bot_totals totals;
    bool has_totals;
    struct store_position *positions;
    struct store_order *orders;
    struct store_fill *fills;
    size_t position_count, order_count, fill_count;
};

struct trader {
    struct trader_options options;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    uv_timer_t tick, status;
    bool stopping; /* nothing enters the engine any more */
    bool stepping; /* carry_out is under way: no event may come */

    struct engine *engine;
    struct engine_limits limits;
    struct outbox outbox;
    uint64_t seq;
    int64_t time_ms;
    struct journal_writer *journal;

    struct line lines[VENUE_COUNT];
    struct instrument *instruments; /* by engine index */
    const struct book **books;
    bool *book_changed;
    struct recent *recent[TRADER_INSTRUMENTS_MAX][TIMEFRAME_COUNT]; /* NULL: none came */
    uint16_t instrument_count;

    struct sim_paper paper;
    struct arena paper_arena;
    struct paper_events paper_events;

    struct store_thread *store;
    uint64_t next_command_id;
    struct pending *pending; /* ring: pushed to the store, oldest first */
    uint32_t pending_first, pending_count;
    struct store_command *backlog; /* ring: not pushed yet */
    uint32_t backlog_first, backlog_count;
    uv_async_t store_wake;
    /* Orders up to here are with their venue, or never will be: the store acks them in order. One
     * above is not asked for, because "not found" would be no proof: it may still be sent. */
    uint64_t handed_id;
    /* The store did not take what happened to money: no entries until a restart, which recovers. */
    bool records_lost;

    struct seat *seats;
    uint32_t seat_count;
    uint32_t seat_next; /* to look at for publishing */
    struct id_map seat_by_id;
    struct arena seat_arena;
    struct restored *restored; /* bots that are not in the engine yet */
    struct errand *coming;     /* those that are on their way */
    struct errand *parked;     /* changes and removals whose bot got a late fill meanwhile */
    uint32_t restoring;        /* how many of them are on their way */
    struct event *early;       /* TRADER_EARLY_MAX places, taken when first needed */
    uint32_t early_count;
};

/* trader_step.c: the sequencer and what follows from actions. */
void trader_event(struct trader *t, struct event *event);
void trader_tick(struct trader *t);
/* Steps what the paper venue (or a refusal of ours) answered; that may give further answers. */
void trader_drain_paper(struct trader *t);

/* News from a gateway: kept back while the bot whose order it may be is on its way in. */
void trader_order_news(struct trader *t, struct event *event);
/* Steps the kept news whose orders are known by now; all of it once no bot is on its way. */
void trader_early_due(struct trader *t);

/* trader_store.c: what goes to the store and what comes back. */
enum err trader_store_open(struct trader *t) ERR_MUST_USE;
void trader_store_push(struct trader *t, struct store_command *command, struct pending *what);
/* Why nothing that adds risk may be recorded; "" where it may. */
const char *trader_store_trouble(const struct trader *t);
void trader_store_close(struct trader *t);

/* trader_market.c: venues and instruments. */
enum err trader_lines_open(struct trader *t) ERR_MUST_USE;
void trader_lines_close(struct trader *t);
/* The venue's session, opened if need be; NULL with an err_set where the venue is not offered. */
struct line *trader_line(struct trader *t, enum venue venue);
/* Calls what->go once the venue's symbols are known, perhaps at once. */
void trader_when_known(struct trader *t, struct line *line, const struct waiting *what);
/* Gives up what waited too long. */
void trader_lines_tick(struct trader *t);
/* The engine's index of that instrument, watched from now on. */
enum err trader_watch(struct trader *t, struct line *line, const char *symbol,
                      uint16_t *index) ERR_MUST_USE;
struct line *trader_line_of(struct trader *t, uint16_t instrument);

/* trader_bots.c: bots from the store and from people. */
enum err trader_restore(struct trader *t) ERR_MUST_USE; /* before the thread runs */
void trader_restore_begin(struct trader *t);            /* on the thread */
void trader_bot_create(struct trader *t, const struct desk_request *request);
void trader_bot_durable(struct trader *t, struct errand *errand, const struct store_ack *ack);
void trader_bot_want(struct trader *t, const struct desk_request *request, bool running);
/* trader_roster.c: bots changed, removed, and all stopped at once. */
void trader_bot_change(struct trader *t, const struct desk_request *request);
void trader_bot_remove(struct trader *t, const struct desk_request *request);
void trader_kill(struct trader *t, const struct desk_request *request);
/* The history is there: into the store. */
void trader_change_ready(struct trader *t, struct errand *errand);
/* Durable: into the engine, as soon as the bot is idle. */
void trader_roster_durable(struct trader *t, struct errand *errand);
void trader_roster_due(struct trader *t);
void trader_roster_close(struct trader *t);

/* What trader_bots.c and trader_roster.c share. */
enum err trader_config(struct trader *t, const struct store_bot *bot,
                       struct bot_config *config) ERR_MUST_USE;
enum err trader_fetch_history(struct trader *t, struct errand *errand) ERR_MUST_USE;
void trader_tell_history(struct trader *t, struct errand *errand);
void trader_command(struct trader *t, uint64_t bot_id, enum bot_command what,
                    const struct bot_config *config);
void trader_refuse(struct trader *t, struct errand *errand, enum err err);
struct seat *trader_seat(struct trader *t, uint64_t bot_id);
void restored_free(struct restored *r);
void errand_free(struct errand *errand); /* NULL is fine */
/* The user stream of that venue was interrupted: asks for every live order that works there. */
void trader_query_working(struct trader *t, enum venue venue);

/* trader_requests.c: the desk. */
void trader_on_request(void *user, const struct desk_request *request);
void trader_answer(struct trader *t, const struct desk_request *request, enum err err,
                   const char *text, uint64_t bot_id);
void trader_answer_count(struct trader *t, const struct desk_request *request, size_t count);

/* trader_publish.c: what people see. */
void trader_publish(struct trader *t, const struct publication *p);
void trader_publish_news(struct trader *t, const struct publication *p);
void trader_publish_books(struct trader *t);
void trader_publish_bots(struct trader *t, bool all_holding);
void trader_publish_status(struct trader *t);

#endif
