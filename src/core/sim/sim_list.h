/* OCO order lists: two orders of which at most one trades.
 *
 * "above" and "below" are said of the price. A SELL list has its limit or take-profit leg above the
 * last price and its stop-loss leg below; a BUY list the other way round. One lock covers both
 * legs: the larger of what they need. When one leg trades or triggers the other expires
 * (OCO_TRIGGER) and the lock moves to the one that is left; a cancel of one leg cancels the list.
 *
 * Source: Binance spot API documents, rest-api.md "New Order list - OCO". */
#ifndef CORE_SIM_SIM_LIST_H
#define CORE_SIM_SIM_LIST_H

#include "core/sim/sim_order.h"
#include "core/sim/sim_reject.h"

enum { SIM_LEGS = 2 };

struct sim_leg {
    uint8_t type; /* enum sim_type: LIMIT_MAKER, or one of the stop types */
    uint8_t tif;
    struct price price, stop_price;
    char client_id[CLIENT_ID_SIZE];
};

struct sim_list_request {
    uint32_t account;
    uint16_t instrument;
    uint8_t side;
    struct qty qty; /* of both legs */
    struct sim_leg above, below;
    char client_id[CLIENT_ID_SIZE]; /* of the list */
    int64_t time_ms;
};

struct sim_list {
    uint64_t id; /* counts up over all instruments */
    uint32_t account;
    uint16_t instrument;
    bool is_done;        /* ALL_DONE; else EXEC_STARTED and EXECUTING */
    struct money locked; /* while both legs are open */
    uint64_t order_ids[SIM_LEGS];
    char order_client_ids[SIM_LEGS][CLIENT_ID_SIZE]; /* as they were placed */
    char client_id[CLIENT_ID_SIZE];
    int64_t created_ms, updated_ms;
};

/* The rules of the legs' types and of their prices against the last price (0: none yet). */
enum sim_reject sim_list_check(const struct sim_list_request *r, struct price last);
/* One leg as a request of its own. */
struct sim_request sim_list_leg_request(const struct sim_list_request *r,
                                        const struct sim_leg *leg);

#endif
