/* Our side of the comparison with an npm order book: one seeded sequence of operations.
 *
 *     bench_operations FILE
 *
 * Writes the sequence to FILE, a row of five int32 (enum operation, side, price, quantity, target)
 * each, so that matching_npm/driver.mjs runs the very same one; then times it through the matching
 * book alone and through the whole simulated exchange, which also keeps money, filters and
 * histories. Best of ROUNDS, a fresh book each. The last words of a line tell what rests at the
 * end: equal on both sides, or the comparison is void. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/prng.h"
#include "core/sim/sim_exchange.h"

enum { OPERATIONS = 1 << 18, ROUNDS = 5, LEVELS = 1024, MIDDLE = 100000 };

enum operation { OPERATION_LIMIT, OPERATION_MARKET, OPERATION_CANCEL };

struct row {
    int32_t operation, side, price, qty;
    int32_t target; /* of a cancel: the place of the limit order, which may be gone by then */
};

/* What stands in the book at the end. */
struct rest {
    int64_t qty, value;
};

static struct row rows[OPERATIONS];
/* The book's handle, or the exchange's id, of each limit order that rests. */
static uint64_t handles[OPERATIONS];

static struct row make_row(struct prng *p, int32_t place)
{
    const uint64_t dice = prng_below(p, 100);
    const int32_t side = (int32_t)prng_below(p, 2), qty = 1 + (int32_t)prng_below(p, 100);
    if (dice < 30 && place > 0) {
        /* Most cancels are of young orders. */
        const int32_t back = 1 + (int32_t)prng_below(p, place < 512 ? (uint64_t)place : 512);
        return (struct row){.operation = OPERATION_CANCEL, .target = place - back};
    }
    if (dice < 40) return (struct row){.operation = OPERATION_MARKET, .side = side, .qty = qty};
    const int32_t away = (int32_t)prng_below(p, 200) - 20; /* below 0: reaches across */
    return (struct row){.operation = OPERATION_LIMIT,
                        .side = side,
                        .price = side == SIDE_BUY ? MIDDLE - away : MIDDLE + away,
                        .qty = qty};
}

static void make_rows(const char *path)
{
    struct prng p;
    prng_init(&p, 1);
    for (int32_t i = 0; i < OPERATIONS; i++) rows[i] = make_row(&p, i);
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(rows, sizeof rows, 1, file) == 1 && fclose(file) == 0);
}

static void add_rest(const struct sim_book *b, struct rest *rest)
{
    *rest = (struct rest){0};
    for (int side = 0; side < 2; side++) {
        const struct sim_level *l;
        for (uint32_t depth = 0; (l = sim_book_level(b, (enum side)side, depth)); depth++) {
            rest->qty += l->qty;
            rest->value += l->price * l->qty;
        }
    }
}

/* ---- the book alone ---- */

/* What remains of an order after it has met the other side; price 0: any. */
static int64_t meet(struct sim_book *b, enum side side, int64_t price, int64_t qty)
{
    const enum side other = side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    const struct sim_level *l;
    while (qty > 0 && (l = sim_book_level(b, other, 0)) &&
           (price == 0 || (side == SIDE_BUY ? l->price <= price : l->price >= price))) {
        const struct sim_node *standing = &b->nodes[l->head];
        const int64_t eaten = standing->qty < qty ? standing->qty : qty;
        if (eaten == standing->qty) handles[standing->order] = 0;
        sim_book_fill(b, l->head, eaten);
        qty -= eaten;
    }
    return qty;
}

static void book_operation(struct sim_book *b, const struct row *row, uint32_t place)
{
    handles[place] = 0;
    if (row->operation == OPERATION_CANCEL) {
        if (handles[row->target]) sim_book_remove(b, (uint32_t)handles[row->target]);
        handles[row->target] = 0;
        return;
    }
    const int64_t left = meet(b, (enum side)row->side, row->price, row->qty);
    if (left == 0 || row->operation == OPERATION_MARKET) return;
    handles[place] = sim_book_insert(b, (enum side)row->side, row->price, left, place, 0);
    CHECK(handles[place]);
}

static int64_t book_round(struct rest *rest)
{
    struct arena arena;
    struct sim_book book;
    CHECK(arena_init(&arena, sim_book_need(OPERATIONS, LEVELS)) == OK);
    sim_book_init(&book, &arena, OPERATIONS, LEVELS);
    const int64_t start = clock_monotonic_ns(&clock_system);
    for (uint32_t i = 0; i < OPERATIONS; i++) book_operation(&book, &rows[i], i);
    const int64_t spent = clock_monotonic_ns(&clock_system) - start;
    add_rest(&book, rest);
    arena_deinit(&arena);
    return spent;
}

/* ---- the whole exchange ---- */

static const struct instrument rules = {
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

static void exchange_operation(struct sim_exchange *e, const uint32_t accounts[2],
                               const struct row *row, uint32_t place)
{
    handles[place] = 0;
    if (row->operation == OPERATION_CANCEL) {
        const struct sim_cancel cancel = {.account = accounts[rows[row->target].side],
                                          .order_id = handles[row->target],
                                          .time_ms = place};
        struct sim_order closed;
        if (cancel.order_id == SIM_NO_ID) return;
        /* It may have traded meanwhile: then the answer is a refusal. */
        (void)sim_exchange_cancel(e, &cancel, &closed);
        return;
    }
    const struct sim_request r = {
        .account = accounts[row->side], /* buyers and sellers: no self-trades */
        .side = (uint8_t)row->side,
        .type = row->operation == OPERATION_LIMIT ? SIM_TYPE_LIMIT : SIM_TYPE_MARKET,
        .qty = {row->qty},
        .price = {row->price},
        .time_ms = place,
    };
    struct sim_result result;
    const enum sim_reject reject = sim_exchange_place(e, &r, &result);
    CHECK(reject == SIM_REJECT_NONE || row->operation == OPERATION_MARKET);
    if (row->operation == OPERATION_LIMIT) handles[place] = result.order.id;
}

static int64_t exchange_round(struct rest *rest)
{
    const struct sim_config config = {
        .instruments_max = 1,
        .accounts_max = 2,
        .orders_max = OPERATIONS,
        .lists_max = 1,
        .levels_max = LEVELS,
        .history_max = 1000,
        .fills_max = 1000,
        .order_id_base = 1,
        .trade_id_base = 1,
        .update_id_base = 1,
        .list_id_base = 1,
    };
    struct arena arena;
    struct sim_exchange *e = calloc(1, sizeof *e);
    uint16_t index;
    uint32_t accounts[2];
    CHECK(e && arena_init(&arena, sim_exchange_need(&config)) == OK);
    sim_exchange_init(e, &arena, &config);
    CHECK(sim_exchange_add_instrument(e, &rules, &index) == OK && index == 0);
    for (unsigned i = 0; i < 2; i++) {
        CHECK(sim_exchange_add_account(e, i ? "b" : "a", false, &accounts[i]) == OK);
        for (uint16_t asset = 0; asset < 2; asset++)
            CHECK(sim_exchange_deposit(e, accounts[i], asset, (struct money){INT64_MAX / 16}, 0));
    }
    const int64_t start = clock_monotonic_ns(&clock_system);
    for (uint32_t i = 0; i < OPERATIONS; i++) exchange_operation(e, accounts, &rows[i], i);
    const int64_t spent = clock_monotonic_ns(&clock_system) - start;
    add_rest(&e->markets[0].book, rest);
    arena_deinit(&arena);
    free(e);
    return spent;
}

static void best_of(const char *name, int64_t (*round)(struct rest *rest))
{
    struct rest rest;
    int64_t best = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        const int64_t spent = round(&rest);
        if (spent < best) best = spent;
    }
    printf("%s %.0f operations/s rest %" PRId64 " %" PRId64 "\n", name,
           OPERATIONS * 1e9 / (double)best, rest.qty, rest.value);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: bench_operations FILE\n", stderr);
        return 2;
    }
    make_rows(argv[1]);
    best_of("book", book_round);
    best_of("exchange", exchange_round);
    return 0;
}
