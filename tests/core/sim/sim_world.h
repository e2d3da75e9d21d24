/* An exchange with two instruments and some accounts, for tests: every event is kept. */
#ifndef TESTS_CORE_SIM_SIM_WORLD_H
#define TESTS_CORE_SIM_SIM_WORLD_H

#include "core/sim/sim_exchange.h"

enum { WORLD_EVENTS_MAX = 4096, WORLD_PEOPLE = 4 };

/* An event with what it borrows. */
struct world_event {
    struct sim_event event;
    struct sim_order order;
    struct sim_fill fill;
    struct sim_list list;
};

struct world {
    struct arena arena;
    struct sim_exchange exchange;
    uint16_t btc, eth;             /* instruments */
    uint16_t usdt, base;           /* assets; base is BTC */
    uint32_t people[WORLD_PEOPLE]; /* accounts with 1,000,000 USDT and 1000 BTC each */
    int64_t time_ms;
    uint32_t names;
    struct world_event *events;
    uint32_t event_count;
};

/* Limits small enough to be reached. */
struct sim_config world_config(struct world *w);
struct instrument world_instrument(const char *symbol, const char *base);
void world_init(struct world *w);
void world_deinit(struct world *w);
/* Prices in whole USDT (scale 2), quantities in thousandths (scale 3). */
struct sim_request world_limit(struct world *w, unsigned person, enum side side, int64_t price,
                               int64_t qty);
enum sim_reject world_place(struct world *w, struct sim_request r, struct sim_result *out);
/* A placed LIMIT order that must not be refused; its id. */
uint64_t world_rest(struct world *w, unsigned person, enum side side, int64_t price, int64_t qty);
enum sim_reject world_cancel(struct world *w, unsigned person, uint64_t order_id);
const struct sim_order *world_order(const struct world *w, unsigned person, uint64_t order_id);
/* Makes the last price, with orders of people 2 and 3 that leave nothing behind. */
void world_trade_at(struct world *w, int64_t price);

#endif
