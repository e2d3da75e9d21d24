/* What the simulated exchange tells while it works, in the order in which it happened.
 *
 * For one taker order: REPORT NEW; then for each trade PRINT, REPORT TRADE of the taker and of the
 * maker; LEVEL when the taker leaves a price; at last REPORT EXPIRED of what cannot rest, or LEVEL
 * of what does. A stop order that triggers has a second REPORT NEW, with is_working set. A BALANCE
 * event follows each report that may have changed an account's money. Unlimited accounts have no
 * REPORT, LIST and BALANCE events: nobody listens for them. */
#ifndef CORE_SIM_SIM_EVENT_H
#define CORE_SIM_SIM_EVENT_H

#include "core/sim/sim_account.h"
#include "core/sim/sim_list.h"
#include "core/sim/sim_order.h"
#include "core/sim/sim_reject.h"

enum sim_event_kind {
    SIM_EVENT_REPORT,  /* an order's news: executionReport */
    SIM_EVENT_LIST,    /* an order list's news: listStatus */
    SIM_EVENT_BALANCE, /* outboundAccountPosition */
    SIM_EVENT_PRINT,   /* a public trade */
    SIM_EVENT_LEVEL,   /* a price level's absolute quantity, the source of depth diffs */
};

struct sim_report {
    const struct sim_order *order; /* after the news; borrowed until the listener returns */
    const struct sim_fill *fill;   /* for TRADE, else NULL */
    uint64_t execution_id;         /* counts up over all instruments */
    uint8_t execution;             /* enum sim_execution */
    uint8_t reject;                /* enum sim_reject, for REJECTED */
};

struct sim_balance_news {
    uint16_t assets[2];
    struct sim_balance balances[2];
    uint8_t count;
};

struct sim_print {
    uint64_t id;
    struct price price;
    struct qty qty;
    struct money quote;
    bool buyer_is_maker;
    uint64_t buyer_order_id, seller_order_id;
};

struct sim_level_news {
    uint64_t update_id; /* counts up by one a change */
    uint8_t side;
    struct price price;
    struct qty qty; /* all that rests at the price; 0: the level is gone */
};

struct sim_event {
    uint8_t kind;
    uint16_t instrument; /* INSTRUMENT_NONE for BALANCE after a deposit */
    uint32_t account;    /* REPORT, LIST, BALANCE */
    int64_t time_ms;
    union {
        struct sim_report report;
        const struct sim_list *list; /* borrowed until the listener returns */
        struct sim_balance_news balance;
        struct sim_print print;
        struct sim_level_news level;
    };
};

/* Must not call back into the exchange but for its queries. */
typedef void (*sim_listener)(void *context, const struct sim_event *event);

#endif
