/* The simulated exchange: instruments, accounts, orders, matching, fees; Binance spot's rules
 * without its wire.
 *
 * Pure: time comes with each request, memory from one arena at init, nothing is random; the same
 * calls give the same events. One thread. The listener hears everything (sim_event.h).
 *
 * Rules worth knowing:
 * - Matching is by price, then by time of arrival; trades happen at the resting order's price.
 * - Self-trade prevention is EXPIRE_MAKER, always: a taker that meets its own account's resting
 *   order ends that one with EXPIRED_IN_MATCH and goes on.
 * - A fee is part of what is received: base for the buyer, quote for the seller, rounded down.
 *   Unlimited accounts pay none.
 * - A client order id is unique among the open orders of an account and instrument; it is free
 *   again once its order is closed. A "" id is not indexed.
 * - A refusal that is reported (REPORT REJECTED) uses up an order id.
 * - A MARKET order that finds too little is filled as far as it goes, the rest is EXPIRED. A MARKET
 *   buy is refused when the account cannot pay for what it would take. By quote quantity, the
 *   largest lot-conform quantity is taken that does not exceed it; that becomes the order's
 *   quantity.
 * - Stop orders watch the last price. One that triggers is re-dated, works as MARKET or LIMIT and
 *   takes liquidity after the order that triggered it has finished; several trigger in order of
 *   their ids. A STOP_LOSS or TAKE_PROFIT buy locks stop price * quantity; if the market then
 *   costs more than that plus what is free, the rest expires.
 * - Of MAX_NUM_ORDERS, an OCO list counts two.
 *
 * Limits: those of struct sim_config. A full pool refuses with OVERLOADED; of closed orders, lists
 * and trades the oldest are forgotten, per account. */
#ifndef CORE_SIM_SIM_EXCHANGE_H
#define CORE_SIM_SIM_EXCHANGE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/id_map.h"
#include "core/model/event.h"
#include "core/sim/sim_account.h"
#include "core/sim/sim_book.h"
#include "core/sim/sim_event.h"
#include "core/sim/sim_list.h"
#include "core/sim/sim_order.h"
#include "core/sim/sim_reject.h"

enum {
    SIM_INSTRUMENTS_MAX = 200,
    SIM_RESULT_FILLS_MAX = 1024, /* fills told in one sim_result; more are in the events */
    SIM_VWAP_BUCKETS = 30,
    SIM_VWAP_BUCKET_MS = 10000,
};

struct sim_config {
    uint32_t instruments_max; /* <= SIM_INSTRUMENTS_MAX */
    uint32_t accounts_max;
    uint32_t orders_max;  /* open at a time, all accounts */
    uint32_t lists_max;   /* open at a time */
    uint32_t levels_max;  /* prices a side and instrument */
    uint32_t history_max; /* closed orders kept an account; also its closed lists */
    uint32_t fills_max;   /* trades kept an account */
    /* The first id of each kind, > 0 and < 2^54: take them from the clock, so that a restart counts
     * on above what it gave out before. */
    uint64_t order_id_base, trade_id_base, update_id_base, list_id_base;
    sim_listener listener; /* may be NULL */
    void *context;
};

/* Base and quote traded in one span of SIM_VWAP_BUCKET_MS. */
struct sim_vwap_bucket {
    int64_t span; /* time / SIM_VWAP_BUCKET_MS */
    int64_t base, quote;
};

struct sim_market {
    struct instrument instrument;
    uint16_t base, quote; /* asset indexes */
    struct sim_book book;
    uint64_t next_order_id, next_trade_id, update_id;
    struct price last; /* 0: nothing traded yet */
    uint32_t *stops;   /* order slots that wait for their trigger, in no order */
    uint32_t stop_count;
    /* No waiting stop triggers above-or-at below this, or below-or-at above that. */
    int64_t trigger_above, trigger_below;
    struct sim_vwap_bucket vwap[SIM_VWAP_BUCKETS];
};

struct sim_account {
    char name[SIM_ACCOUNT_NAME_SIZE];
    struct sim_balances balances;
    uint32_t first_open, last_open;    /* order slots, oldest first */
    uint32_t *open_orders, *open_algo; /* counts by instrument */
    struct sim_order *history;         /* rings */
    struct sim_fill *fills;
    struct sim_list *lists;
    uint64_t history_count, fills_count, lists_count; /* ever */
    int64_t updated_ms;
};

struct sim_exchange {
    struct sim_config config;
    struct sim_assets assets;
    struct sim_market *markets;
    uint32_t market_count;
    struct sim_account *accounts;
    uint32_t account_count;
    struct money fees[SIM_ASSETS_MAX], deposited[SIM_ASSETS_MAX];
    struct sim_order *orders; /* [1..orders_max] */
    uint32_t orders_used, orders_free, orders_count;
    struct id_map by_id; /* of open orders */
    uint32_t *by_client; /* buckets of open orders */
    uint32_t by_client_mask;
    struct sim_list *lists; /* open; id SIM_NO_ID marks a free place */
    uint32_t list_count;
    uint64_t next_list_id, next_execution_id;
    struct sim_fill *result_fills;
    uint32_t result_fill_count;
    uint32_t result_slot;          /* the order whose fills are gathered; 0: none */
    int64_t now_ms;                /* of the call under way */
    int64_t trade_low, trade_high; /* prices traded in the call under way */
};

/* What a placed order came to; the borrowed fills are good until the next call. */
struct sim_result {
    struct sim_order order; /* a copy, after matching */
    const struct sim_fill *fills;
    uint32_t fill_count;
};

struct sim_list_result {
    struct sim_list list;
    struct sim_order orders[SIM_LEGS]; /* above, below */
};

enum sim_cancel_restriction {
    SIM_CANCEL_ANY,
    SIM_CANCEL_ONLY_NEW,
    SIM_CANCEL_ONLY_PARTIALLY_FILLED
};

struct sim_cancel {
    uint32_t account;
    uint16_t instrument;
    uint8_t restriction;
    uint64_t order_id;                /* SIM_NO_ID: by client id; both: they must agree */
    char original_id[CLIENT_ID_SIZE]; /* "": by order id */
    char client_id[CLIENT_ID_SIZE];   /* of the cancel */
    int64_t time_ms;
};

struct sim_list_cancel {
    uint32_t account;
    uint16_t instrument;
    uint64_t list_id; /* SIM_NO_ID: by client id */
    char list_client_id[CLIENT_ID_SIZE];
    char client_id[CLIENT_ID_SIZE]; /* of the cancel */
    int64_t time_ms;
};

/* Bytes of arena that init takes. */
size_t sim_exchange_need(const struct sim_config *config);
void sim_exchange_init(struct sim_exchange *e, struct arena *a, const struct sim_config *config);
/* Copies the rules; ERR_EXISTS for a known symbol, ERR_LIMIT when full, ERR_INVALID for unsound
 * rules. */
enum err sim_exchange_add_instrument(struct sim_exchange *e, const struct instrument *i,
                                     uint16_t *out) ERR_MUST_USE;
bool sim_exchange_find_instrument(const struct sim_exchange *e, const char *symbol, uint16_t *out);
/* An unlimited account may owe, pays no fee, keeps no history, and is not saved but for its net. */
enum err sim_exchange_add_account(struct sim_exchange *e, const char *name, bool unlimited,
                                  uint32_t *out) ERR_MUST_USE;
bool sim_exchange_find_account(const struct sim_exchange *e, const char *name, uint32_t *out);
/* Money from outside (amount > 0); false when the asset's total would pass SIM_ASSET_TOTAL_MAX. */
bool sim_exchange_deposit(struct sim_exchange *e, uint32_t account, uint16_t asset,
                          struct money amount, int64_t time_ms);

/* What an order would be refused for before it reaches the book: order/test. */
enum sim_reject sim_exchange_test(const struct sim_exchange *e, const struct sim_request *r);
/* Takes a new order; on a refusal it has changed nothing, and *out is zeroed. Refusals for balance,
 * trigger or taking are told as a REPORT REJECTED too. */
enum sim_reject sim_exchange_place(struct sim_exchange *e, const struct sim_request *r,
                                   struct sim_result *out);
enum sim_reject sim_exchange_place_list(struct sim_exchange *e, const struct sim_list_request *r,
                                        struct sim_list_result *out);
/* Cancels an open order; a leg of a list cancels its list. *out: a copy after the cancel. */
enum sim_reject sim_exchange_cancel(struct sim_exchange *e, const struct sim_cancel *c,
                                    struct sim_order *out);
enum sim_reject sim_exchange_cancel_list(struct sim_exchange *e, const struct sim_list_cancel *c,
                                         struct sim_list_result *out);
/* Sets what trades from now on: INSTRUMENT_HALTED refuses new orders; cancels still work. */
void sim_exchange_set_status(struct sim_exchange *e, uint16_t instrument,
                             enum instrument_status status);

/* Queries. Pointers are good until the next call that changes the exchange. */

/* By id, or by client id where order_id is SIM_NO_ID (the open one, else the newest closed one);
 * NULL when it is not known (any more). After a cancel an order is found by its original id. */
const struct sim_order *sim_exchange_order(const struct sim_exchange *e, uint32_t account,
                                           uint16_t instrument, uint64_t order_id,
                                           const char *client_id);
/* Oldest first; INSTRUMENT_NONE for all. Returns how many were written, at most max. */
uint32_t sim_exchange_open_orders(const struct sim_exchange *e, uint32_t account,
                                  uint16_t instrument, const struct sim_order **out, uint32_t max);
/* Open and closed, by id: those with id >= from_id, and created in [from_ms, to_ms], the first max
 * of them; with from_id and from_ms 0, the newest max. */
uint32_t sim_exchange_all_orders(const struct sim_exchange *e, uint32_t account,
                                 uint16_t instrument, uint64_t from_id, int64_t from_ms,
                                 int64_t to_ms, const struct sim_order **out, uint32_t max);

struct sim_fill_query {
    uint32_t account;
    uint16_t instrument;
    uint64_t order_id;      /* SIM_NO_ID: any */
    uint64_t from_trade_id; /* 0: any */
    int64_t from_ms, to_ms; /* inclusive; to_ms 0: no end */
};
/* Ascending; the newest max when neither from_trade_id nor from_ms is set, else the first max. */
uint32_t sim_exchange_fills(const struct sim_exchange *e, const struct sim_fill_query *query,
                            const struct sim_fill **out, uint32_t max);
/* By id, or by client id where list_id is SIM_NO_ID; NULL when not known. */
const struct sim_list *sim_exchange_list(const struct sim_exchange *e, uint32_t account,
                                         uint64_t list_id, const char *client_id);
struct sim_balance sim_exchange_balance(const struct sim_exchange *e, uint32_t account,
                                        uint16_t asset);
/* Best first; also the update id that the levels belong to. */
uint32_t sim_exchange_depth(const struct sim_exchange *e, uint16_t instrument, enum side side,
                            struct level *out, uint32_t max, uint64_t *update_id);
/* Five-minute VWAP, else the last price; 0 when nothing ever traded. */
struct price sim_exchange_average_price(const struct sim_exchange *e, uint16_t instrument,
                                        int64_t now_ms);
struct price sim_exchange_last_price(const struct sim_exchange *e, uint16_t instrument);
const struct instrument *sim_exchange_instrument(const struct sim_exchange *e, uint16_t instrument);

/* CHECKs that money is conserved and that each lock belongs to an order or a list: O(everything),
 * for tests and after a restore. */
void sim_exchange_audit(const struct sim_exchange *e);

#endif
