/* The paper venue: orders of paper bots filled against the live book of any market.
 *
 * - An order acts latency_ms after it was placed, on the book as it is then; a cancel too.
 * - What crosses the book takes. It walks the visible levels; each trade is slippage_ticks worse
 *   than its level, but never beyond a limit order's own price. Quantity that paper orders took
 *   stays taken until that book changes, so two orders between changes share what is shown.
 * - Where the shown depth is too thin a market order is filled in part and the rest EXPIRED; a
 *   book that is not live shows nothing (ORDER_REASON_NO_LIQUIDITY).
 * - A limit order rests behind the quantity shown at its price. It fills as maker when a print
 *   trades through its price, or at its price once the queue ahead has traded; a level that is
 *   shown smaller than the queue ahead moves the order up. When the opposite side of the book
 *   comes to its price, it fills as maker as far as that side's quantity goes. One print's
 *   quantity is used once, by orders in order of arrival.
 * - What 64 bits cannot count (an absurd price times an absurd quantity) ends the order with
 *   ORDER_REASON_FILTER.
 * - Fees are in quote, rounded up. Trade ids count up from a base.
 *
 * Pure: what happened comes in, events come out, appended to the caller's array; one call writes at
 * most sim_paper_events_max. The engine's order ids are the keys. One thread,
 * memory from an arena. */
#ifndef CORE_SIM_SIM_PAPER_H
#define CORE_SIM_SIM_PAPER_H

#include "base/arena.h"
#include "core/market/book.h"
#include "core/model/event.h"

enum {
    PAPER_TAKE_LEVELS_MAX = 64, /* levels one order walks; deeper is "too thin" */
};

struct paper_config {
    uint32_t orders_max; /* working at a time; more are refused with EVENT_ORDER ON_REJECT */
    uint32_t latency_ms;
    uint32_t slippage_ticks;
    uint64_t trade_id_base; /* > 0 */
};

struct paper_order {
    struct order order;         /* id 0 marks a free place */
    int64_t acts_ms, cancel_ms; /* cancel_ms INT64_MAX: none under way */
    struct qty ahead;           /* queue at our price that trades before us */
    bool active;                /* accepted, works on the book */
};

struct sim_paper {
    struct paper_config config;
    const struct instrument *instruments; /* by index; the caller's, for the life of this */
    const struct book *const *books;      /* by instrument index; NULL for one without a book */
    uint32_t instrument_count;
    struct paper_order *orders; /* in order of arrival; [0..count) */
    uint32_t count;
    struct qty (*taken)[2]; /* by instrument and taker side: taken since the book changed */
    uint64_t next_trade_id;
};

/* A growing list of events in the caller's memory; what would not fit is a CHECK. */
struct paper_events {
    struct event *items;
    uint32_t count, capacity;
};

size_t sim_paper_need(const struct paper_config *config, uint32_t instrument_count);
void sim_paper_init(struct sim_paper *p, struct arena *a, const struct paper_config *config,
                    const struct instrument *instruments, const struct book *const *books,
                    uint32_t instrument_count);
/* The most events that one call appends. */
uint32_t sim_paper_events_max(const struct sim_paper *p);

/* A new order (type, side, qty, price, id, instrument are used). */
void sim_paper_place(struct sim_paper *p, const struct order *order, int64_t time_ms,
                     struct paper_events *out);
/* An order that is not there is answered with ON_CANCEL_REFUSED. */
void sim_paper_cancel(struct sim_paper *p, uint64_t order_id, uint16_t instrument, int64_t time_ms,
                      struct paper_events *out);
/* The book of that instrument has changed (the books[] pointer shows it). Call sim_paper_on_time
 * before the change is applied: what was due by then acts on the book as it was. */
void sim_paper_on_book(struct sim_paper *p, uint16_t instrument, int64_t time_ms,
                       struct paper_events *out);
void sim_paper_on_print(struct sim_paper *p, uint16_t instrument, const struct print *print,
                        int64_t time_ms, struct paper_events *out);
/* Orders and cancels whose latency has passed act. The other calls do this first, too. */
void sim_paper_on_time(struct sim_paper *p, int64_t time_ms, struct paper_events *out);

#endif
