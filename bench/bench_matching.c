/* Orders a second through the matching book alone, and through the whole simulated exchange.
 *
 *     bench_matching [SECONDS]
 *
 * The load is the usual one of order-book libraries: limit orders of random side around a fixed
 * price, about half of which meet something, and the best five levels of both sides kept up to
 * date after each. One core, wall clock; a fresh book for each round of ORDERS orders. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/check.h"
#include "base/prng.h"
#include "core/sim/sim_exchange.h"

enum { ORDERS = 1 << 18, DEPTH = 5, LEVELS = 512, MIDDLE = 100000, CANCEL_BACK = 64 };

struct load {
    int64_t price, qty;
    enum side side;
};

struct depth {
    struct level sides[2][DEPTH];
    uint64_t changes;
};

struct count {
    uint64_t orders, matched, trades, cancels;
};

static struct load load[ORDERS];
static uint32_t handles[ORDERS];

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_load(void)
{
    struct prng p;
    prng_init(&p, 1);
    for (unsigned i = 0; i < ORDERS; i++) {
        const enum side side = (enum side)prng_below(&p, 2);
        const int64_t away = (int64_t)prng_below(&p, 20) - 12; /* below 0: reaches across */
        load[i] = (struct load){
            .price = MIDDLE + (side == SIDE_BUY ? -away : away),
            .qty = 10 * (1 + (int64_t)prng_below(&p, 10)),
            .side = side,
        };
    }
}

static void refresh_depth(const struct sim_book *b, enum side side, struct depth *d)
{
    const struct sim_level *l;
    unsigned count = 0;
    for (; count < DEPTH && (l = sim_book_level(b, side, count)); count++)
        d->sides[side][count] = (struct level){{l->price}, {l->qty}};
    for (; count < DEPTH; count++) d->sides[side][count] = (struct level){0};
    d->changes++;
}

/* What remains of the order after it has met the other side. */
static int64_t meet(struct sim_book *b, const struct load *o, struct count *count)
{
    const enum side other = o->side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    const struct sim_level *l;
    int64_t qty = o->qty;
    while (qty > 0 && (l = sim_book_level(b, other, 0)) &&
           (o->side == SIDE_BUY ? l->price <= o->price : l->price >= o->price)) {
        const int64_t standing = b->nodes[l->head].qty;
        const int64_t eaten = standing < qty ? standing : qty;
        sim_book_fill(b, l->head, eaten);
        qty -= eaten;
        count->trades++;
    }
    return qty;
}

static void book_round(struct sim_book *b, struct count *count, struct depth *d)
{
    for (unsigned i = 0; i < ORDERS; i++) {
        const struct load *o = &load[i];
        const int64_t left = meet(b, o, count);
        if (left < o->qty) {
            count->matched++;
            refresh_depth(b, o->side == SIDE_BUY ? SIDE_SELL : SIDE_BUY, d);
        }
        if (left > 0) {
            CHECK(sim_book_insert(b, o->side, o->price, left, i, 0));
            const struct level *last = &d->sides[o->side][DEPTH - 1];
            if (last->qty.units == 0 || (o->side == SIDE_BUY ? o->price >= last->price.units
                                                             : o->price <= last->price.units))
                refresh_depth(b, o->side, d);
        }
        count->orders++;
    }
}

/* Inserts and cancels only: an order lives for CANCEL_BACK others. */
static void cancel_round(struct sim_book *b, struct count *count)
{
    for (unsigned i = 0; i < ORDERS; i++) {
        const int64_t away = 1 + load[i].qty;
        const int64_t price = MIDDLE + (load[i].side == SIDE_BUY ? -away : away);
        handles[i] = sim_book_insert(b, load[i].side, price, load[i].qty, i, 0);
        if (i >= CANCEL_BACK) {
            sim_book_remove(b, handles[i - CANCEL_BACK]);
            count->cancels++;
        }
        count->orders++;
    }
}

static void bench_book(double seconds, bool cancels)
{
    struct count count = {0};
    struct depth depth = {0};
    double spent = 0;
    while (spent < seconds) {
        struct arena arena;
        struct sim_book book;
        CHECK(arena_init(&arena, sim_book_need(ORDERS, LEVELS)) == OK);
        sim_book_init(&book, &arena, ORDERS, LEVELS);
        const double start = now_s();
        if (cancels)
            cancel_round(&book, &count);
        else
            book_round(&book, &count, &depth);
        spent += now_s() - start;
        arena_deinit(&arena);
    }
    const double orders = (double)count.orders;
    if (cancels)
        printf("book      insert + cancel      %6.2f M orders/s, %6.2f M cancels/s\n",
               orders / spent / 1e6, (double)count.cancels / spent / 1e6);
    else
        printf(
            "book      match, 5-level depth %6.2f M orders/s (%.0f %% met, %.2f trades an order)\n",
            orders / spent / 1e6, 100 * (double)count.matched / orders,
            (double)count.trades / orders);
}

static void count_events(void *context, const struct sim_event *event)
{
    struct count *count = context;
    if (event->kind == SIM_EVENT_PRINT) count->trades++;
}

static struct instrument rules(void)
{
    return (struct instrument){
        .symbol = "BTCUSDT",
        .base = "BTC",
        .quote = "USDT",
        .price_scale = 2,
        .qty_scale = 5,
        .base_scale = 8,
        .quote_scale = 8,
        .tick = {1},
        .step = {1},
        .qty_min = {1},
        .notional_min = {1},
        .bid_up_ppm = 5 * PPM,
        .ask_down_ppm = PPM / 5,
        .maker_fee_ppm = 1000,
        .taker_fee_ppm = 1000,
    };
}

static double exchange_round(struct count *count)
{
    const struct sim_config config = {
        .instruments_max = 1,
        .accounts_max = 2,
        .orders_max = ORDERS,
        .lists_max = 1,
        .levels_max = LEVELS,
        .history_max = 1000,
        .fills_max = 1000,
        .order_id_base = 1,
        .trade_id_base = 1,
        .update_id_base = 1,
        .list_id_base = 1,
        .listener = count_events,
        .context = count,
    };
    struct arena arena;
    struct sim_exchange *e = calloc(1, sizeof *e);
    const struct instrument instrument = rules();
    uint16_t index;
    uint32_t accounts[2];
    CHECK(e && arena_init(&arena, sim_exchange_need(&config)) == OK);
    sim_exchange_init(e, &arena, &config);
    CHECK(sim_exchange_add_instrument(e, &instrument, &index) == OK);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(sim_exchange_add_account(e, i ? "b" : "a", false, &accounts[i]) == OK);
        for (uint16_t asset = 0; asset < 2; asset++)
            CHECK(sim_exchange_deposit(e, accounts[i], asset, (struct money){INT64_MAX / 16}, 0));
    }
    const double start = now_s();
    for (unsigned i = 0; i < ORDERS; i++) {
        const struct sim_request r = {
            .account = accounts[load[i].side], /* buyers and sellers: no self-trades */
            .instrument = index,
            .side = (uint8_t)load[i].side,
            .type = SIM_TYPE_LIMIT,
            .qty = {load[i].qty},
            .price = {load[i].price},
            .time_ms = i,
        };
        struct sim_result result;
        CHECK(sim_exchange_place(e, &r, &result) == SIM_REJECT_NONE);
        count->orders++;
        if (result.fill_count) count->matched++;
    }
    const double spent = now_s() - start;
    arena_deinit(&arena);
    free(e);
    return spent;
}

static void bench_exchange(double seconds)
{
    struct count count = {0};
    double spent = 0;
    while (spent < seconds) spent += exchange_round(&count);
    printf(
        "exchange  filters, money, events %4.2f M orders/s (%.0f %% met, %.2f trades an order)\n",
        (double)count.orders / spent / 1e6, 100 * (double)count.matched / (double)count.orders,
        (double)count.trades / (double)count.orders);
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 2;
    make_load();
    bench_book(seconds, false);
    bench_book(seconds, true);
    bench_exchange(seconds);
    return 0;
}
