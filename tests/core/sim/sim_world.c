/* The exchange that tests play with. */
#include "sim_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static void listen(void *context, const struct sim_event *event)
{
    struct world *w = context;
    CHECK(w->event_count < WORLD_EVENTS_MAX);
    struct world_event *kept = &w->events[w->event_count++];
    kept->event = *event;
    if (event->kind == SIM_EVENT_LIST) kept->list = *event->list;
    if (event->kind != SIM_EVENT_REPORT) return;
    kept->order = *event->report.order;
    if (event->report.fill) kept->fill = *event->report.fill;
}

struct sim_config world_config(struct world *w)
{
    return (struct sim_config){
        .instruments_max = 3,
        .accounts_max = 8,
        .orders_max = 500,
        .lists_max = 8,
        .levels_max = 300,
        .history_max = 64,
        .fills_max = 128,
        .order_id_base = 1000,
        .trade_id_base = 5000,
        .update_id_base = 9000,
        .list_id_base = 70,
        .listener = listen,
        .context = w,
    };
}

struct instrument world_instrument(const char *symbol, const char *base)
{
    struct instrument i = {
        .venue = VENUE_SIM,
        .status = INSTRUMENT_TRADING,
        .price_scale = 2,
        .qty_scale = 3,
        .base_scale = 8,
        .quote_scale = 8,
        .quote = "USDT",
        .tick = {5},
        .price_min = {100},
        .price_max = {100000000},
        .step = {2},
        .qty_min = {4},
        .qty_max = {1000000},
        .market_qty_max = {600000},
        .notional_min = {INT64_C(500000000)},
        .notional_max = {INT64_C(90000000000000)},
        .notional_min_market = true,
        .bid_up_ppm = 2 * PPM,
        .bid_down_ppm = PPM / 5,
        .ask_up_ppm = 5 * PPM,
        .ask_down_ppm = PPM / 2,
        .orders_max = 20,
        .algo_orders_max = 5,
        .maker_fee_ppm = 1000,
        .taker_fee_ppm = 2000,
    };
    strcpy(i.symbol, symbol);
    strcpy(i.base, base);
    return i;
}

void world_init(struct world *w)
{
    *w = (struct world){.time_ms = 1700000000000};
    w->events = calloc(WORLD_EVENTS_MAX, sizeof *w->events);
    CHECK(w->events);
    const struct sim_config config = world_config(w);
    CHECK(arena_init(&w->arena, sim_exchange_need(&config)) == OK);
    sim_exchange_init(&w->exchange, &w->arena, &config);
    const struct instrument btc = world_instrument("BTCUSDT", "BTC");
    const struct instrument eth = world_instrument("ETHUSDT", "ETH");
    CHECK(sim_exchange_add_instrument(&w->exchange, &btc, &w->btc) == OK);
    CHECK(sim_exchange_add_instrument(&w->exchange, &eth, &w->eth) == OK);
    CHECK(sim_assets_find(&w->exchange.assets, "USDT", &w->usdt));
    CHECK(sim_assets_find(&w->exchange.assets, "BTC", &w->base));
    for (unsigned i = 0; i < WORLD_PEOPLE; i++) {
        char name[16];
        snprintf(name, sizeof name, "person-%u", i);
        CHECK(sim_exchange_add_account(&w->exchange, name, false, &w->people[i]) == OK);
        CHECK(sim_exchange_deposit(&w->exchange, w->people[i], w->usdt,
                                   (struct money){INT64_C(100000000000000)}, w->time_ms));
        CHECK(sim_exchange_deposit(&w->exchange, w->people[i], w->base,
                                   (struct money){INT64_C(100000000000)}, w->time_ms));
    }
    w->event_count = 0;
}

void world_deinit(struct world *w)
{
    free(w->events);
    arena_deinit(&w->arena);
}

struct sim_request world_limit(struct world *w, unsigned person, enum side side, int64_t price,
                               int64_t qty)
{
    struct sim_request r = {
        .account = w->people[person],
        .instrument = w->btc,
        .side = (uint8_t)side,
        .type = SIM_TYPE_LIMIT,
        .tif = SIM_GTC,
        .qty = {qty},
        .price = {price * 100},
        .time_ms = ++w->time_ms,
    };
    snprintf(r.client_id, sizeof r.client_id, "id-%u", ++w->names);
    return r;
}

enum sim_reject world_place(struct world *w, struct sim_request r, struct sim_result *out)
{
    struct sim_result unused;
    const enum sim_reject reject = sim_exchange_place(&w->exchange, &r, out ? out : &unused);
    sim_exchange_audit(&w->exchange);
    return reject;
}

uint64_t world_rest(struct world *w, unsigned person, enum side side, int64_t price, int64_t qty)
{
    struct sim_result result;
    CHECK(world_place(w, world_limit(w, person, side, price, qty), &result) == SIM_REJECT_NONE);
    return result.order.id;
}

enum sim_reject world_cancel(struct world *w, unsigned person, uint64_t order_id)
{
    const struct sim_cancel c = {
        .account = w->people[person],
        .instrument = w->btc,
        .order_id = order_id,
        .time_ms = ++w->time_ms,
        .client_id = "cancel",
    };
    struct sim_order ended;
    const enum sim_reject reject = sim_exchange_cancel(&w->exchange, &c, &ended);
    sim_exchange_audit(&w->exchange);
    return reject;
}

const struct sim_order *world_order(const struct world *w, unsigned person, uint64_t order_id)
{
    return sim_exchange_order(&w->exchange, w->people[person], w->btc, order_id, "");
}

void world_trade_at(struct world *w, int64_t price)
{
    struct sim_result result;
    world_rest(w, 2, SIDE_SELL, price, 10);
    CHECK(world_place(w, world_limit(w, 3, SIDE_BUY, price, 10), &result) == SIM_REJECT_NONE);
    CHECK(result.order.status == SIM_FILLED);
    w->event_count = 0;
}
