/* What the files of the simulated exchange share and nobody else uses. Slots are places in
 * sim_exchange.orders, 1 and up. */
#ifndef CORE_SIM_SIM_INTERNAL_H
#define CORE_SIM_SIM_INTERNAL_H

#include "core/sim/sim_exchange.h"

/* What a taker would get from the book as it is. */
struct sim_plan {
    int64_t qty;
    struct money cost; /* quote, each trade rounded down */
    bool dry;          /* the book (or the limit) ended before quantity and budget did */
};

struct sim_plan_request {
    uint32_t account; /* its own resting orders are passed over */
    enum side side;
    int64_t limit;  /* price; 0: any */
    int64_t qty;    /* at most */
    int64_t budget; /* quote, at most */
};

/* sim_tell.c: events to the listener */
void sim_tell_report(struct sim_exchange *e, const struct sim_order *o,
                     enum sim_execution execution, const struct sim_fill *fill,
                     enum sim_reject reject);
void sim_tell_balances(struct sim_exchange *e, uint32_t account, uint16_t instrument);
void sim_tell_list(struct sim_exchange *e, const struct sim_list *list);
void sim_tell_print(struct sim_exchange *e, uint16_t instrument, const struct sim_print *print);
/* Counts the update id, listener or not. */
void sim_tell_level(struct sim_exchange *e, uint16_t instrument, enum side side, int64_t price);

/* sim_orders.c: the pool of open orders, its indexes, history, lists */
uint64_t sim_orders_key(uint16_t instrument, uint64_t order_id);
/* Puts a new order into pool and indexes; there must be room. Locks nothing, tells nothing. */
uint32_t sim_orders_open(struct sim_exchange *e, const struct sim_request *r, uint64_t list_id);
/* Puts a whole order (from a saved state) into pool and indexes. */
uint32_t sim_orders_adopt(struct sim_exchange *e, const struct sim_order *o);
/* Out of the indexes and the pool into its account's history. The slot's values stay readable
 * until the next sim_orders_open. */
void sim_orders_retire(struct sim_exchange *e, uint32_t slot);
/* Ends an order that is not filled: off the book, its lock freed, told, retired. */
void sim_orders_close(struct sim_exchange *e, uint32_t slot, enum sim_execution execution,
                      enum sim_status status, enum sim_expiry expiry);
uint32_t sim_orders_find(const struct sim_exchange *e, uint16_t instrument, uint64_t order_id);
uint32_t sim_orders_find_client(const struct sim_exchange *e, uint32_t account, uint16_t instrument,
                                const char *client_id);
void sim_stops_add(struct sim_exchange *e, uint32_t slot);
void sim_stops_remove(struct sim_exchange *e, uint32_t slot);
/* What an order must hold of its account for what is left of it; false on overflow. */
bool sim_orders_lock_need(const struct sim_market *m, const struct sim_order *o, struct money *out);
/* What the open orders and lists of an account hold of an asset (sim_query.c). */
int64_t sim_orders_locked(const struct sim_exchange *e, uint32_t account, uint16_t asset);
/* The asset that an order of this side holds. */
uint16_t sim_orders_lock_asset(const struct sim_market *m, enum side side);

struct sim_list *sim_lists_open_of(const struct sim_exchange *e, uint64_t list_id);
/* One leg trades or triggers: the other expires and the lock becomes the winner's. */
void sim_lists_resolve(struct sim_exchange *e, uint32_t winner);
/* The list's lock is freed and its other leg ends, before `leg` itself is ended by the caller. */
void sim_lists_dissolve(struct sim_exchange *e, uint32_t leg, enum sim_execution execution,
                        enum sim_status status, enum sim_expiry expiry);

/* sim_match.c */
struct sim_plan sim_match_plan(const struct sim_market *m, const struct sim_plan_request *r);
/* An order that works from now on: takes what it can, rests or expires. */
void sim_match_work(struct sim_exchange *e, uint32_t slot);
/* Triggers stops until none is due by the prices traded in this call. */
void sim_match_run_stops(struct sim_exchange *e, uint16_t instrument);

#endif
