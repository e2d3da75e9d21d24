/* Random orders against a naive exchange that looks at every order each time: the same trades, and
 * the invariants hold at each step. */
#include "cmocka_all.h"

#include <string.h>

#include "base/prng.h"
#include "sim_world.h"

enum { NAIVE_MAX = 2000, STEPS = 5000, SEEDS = 6 };

struct naive_order {
    uint64_t id;
    unsigned person;
    enum side side;
    int64_t price, qty; /* 0: closed */
};

struct naive {
    struct naive_order orders[NAIVE_MAX]; /* in order of arrival */
    uint32_t count;
};

struct naive_trade {
    uint64_t maker;
    int64_t price, qty;
};

static struct world w;
static struct naive model;

/* The best resting order that a taker may have: price, then time; -1 for none. */
static int naive_best(enum side taker, int64_t limit)
{
    int best = -1;
    for (uint32_t i = 0; i < model.count; i++) {
        const struct naive_order *o = &model.orders[i];
        if (o->qty == 0 || o->side == taker) continue;
        if (limit && (taker == SIDE_BUY ? o->price > limit : o->price < limit)) continue;
        if (best < 0 || (taker == SIDE_BUY ? o->price < model.orders[best].price
                                           : o->price > model.orders[best].price))
            best = (int)i;
    }
    return best;
}

static uint32_t naive_take(unsigned person, enum side side, int64_t limit, int64_t *qty,
                           struct naive_trade *out)
{
    uint32_t count = 0;
    int best;
    while (*qty > 0 && (best = naive_best(side, limit)) >= 0) {
        struct naive_order *o = &model.orders[best];
        if (o->person == person) {
            o->qty = 0;
            continue;
        }
        const int64_t eaten = o->qty < *qty ? o->qty : *qty;
        out[count++] = (struct naive_trade){o->id, o->price, eaten};
        o->qty -= eaten;
        *qty -= eaten;
    }
    return count;
}

static int64_t naive_available(unsigned person, enum side side, int64_t limit)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < model.count; i++) {
        const struct naive_order *o = &model.orders[i];
        if (o->qty == 0 || o->side == side || o->person == person) continue;
        if (side == SIDE_BUY ? o->price <= limit : o->price >= limit) sum += o->qty;
    }
    return sum;
}

static void naive_compact(void)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < model.count; i++)
        if (model.orders[i].qty > 0) model.orders[kept++] = model.orders[i];
    model.count = kept;
}

static void assert_same_book(void)
{
    struct level bids[300], asks[300];
    uint64_t id;
    const uint32_t bid_count = sim_exchange_depth(&w.exchange, w.btc, SIDE_BUY, bids, 300, &id);
    const uint32_t ask_count = sim_exchange_depth(&w.exchange, w.btc, SIDE_SELL, asks, 300, &id);
    if (bid_count && ask_count) assert_true(bids[0].price.units < asks[0].price.units);
    for (unsigned side = 0; side < 2; side++) {
        const struct level *levels = side == SIDE_BUY ? bids : asks;
        const uint32_t count = side == SIDE_BUY ? bid_count : ask_count;
        int64_t total = 0, modelled = 0;
        for (uint32_t i = 0; i < count; i++) {
            int64_t at = 0;
            for (uint32_t k = 0; k < model.count; k++)
                if (model.orders[k].side == side && model.orders[k].price == levels[i].price.units)
                    at += model.orders[k].qty;
            assert_int_equal(at, levels[i].qty.units);
            total += at;
            if (i > 0)
                assert_true(side == SIDE_BUY ? levels[i].price.units < levels[i - 1].price.units
                                             : levels[i].price.units > levels[i - 1].price.units);
        }
        for (uint32_t k = 0; k < model.count; k++)
            if (model.orders[k].side == side) modelled += model.orders[k].qty;
        assert_int_equal(total, modelled);
    }
}

static void place_one(struct prng *p)
{
    static const uint8_t types[] = {SIM_TYPE_LIMIT, SIM_TYPE_LIMIT, SIM_TYPE_LIMIT,
                                    SIM_TYPE_MARKET};
    const unsigned person = (unsigned)prng_below(p, WORLD_PEOPLE);
    const enum side side = (enum side)prng_below(p, 2);
    const int64_t price = 990 + (int64_t)prng_below(p, 21);
    struct sim_request r =
        world_limit(&w, person, side, price, 10 + 2 * (int64_t)prng_below(p, 50));
    r.type = types[prng_below(p, 4)];
    r.tif = (uint8_t)(prng_below(p, 6) < 4 ? SIM_GTC : 1 + prng_below(p, 2));
    const bool market = r.type == SIM_TYPE_MARKET;
    if (market) r.price.units = 0;

    struct sim_result result;
    w.event_count = 0;
    const enum sim_reject reject = world_place(&w, r, &result);
    if (reject != SIM_REJECT_NONE) {
        /* Nothing may have changed: the book is compared by the caller. */
        if (reject != SIM_REJECT_INSUFFICIENT_BALANCE)
            assert_int_equal(reject, SIM_REJECT_MAX_NUM_ORDERS);
        return;
    }
    struct naive_trade trades[NAIVE_MAX];
    int64_t left = r.qty.units;
    uint32_t count = 0;
    const bool kill =
        !market && r.tif == SIM_FOK && naive_available(person, side, r.price.units) < r.qty.units;
    if (!kill) count = naive_take(person, side, r.price.units, &left, trades);
    assert_int_equal(result.fill_count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(result.fills[i].price.units, trades[i].price);
        assert_int_equal(result.fills[i].qty.units, trades[i].qty);
    }
    if (left > 0 && !market && r.tif == SIM_GTC) {
        assert_true(model.count < NAIVE_MAX);
        model.orders[model.count++] =
            (struct naive_order){result.order.id, person, side, r.price.units, left};
        assert_true(sim_status_is_open((enum sim_status)result.order.status));
    } else {
        assert_int_equal(result.order.status, left == 0 ? SIM_FILLED : SIM_EXPIRED);
    }
}

/* The trades of the taker name the makers in the model's order. */
static void assert_makers_in_order(const struct naive_trade *trades, uint32_t count)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < w.event_count; i++) {
        const struct sim_event *e = &w.events[i].event;
        if (e->kind != SIM_EVENT_PRINT) continue;
        const uint64_t maker =
            e->print.buyer_is_maker ? e->print.buyer_order_id : e->print.seller_order_id;
        assert_true(seen < count);
        assert_int_equal(maker, trades[seen++].maker);
    }
    assert_int_equal(seen, count);
}

static void cancel_one(struct prng *p)
{
    if (model.count == 0) return;
    struct naive_order *o = &model.orders[prng_below(p, model.count)];
    w.event_count = 0;
    assert_int_equal(world_cancel(&w, o->person, o->id), SIM_REJECT_NONE);
    o->qty = 0;
}

static void sweep_one(struct prng *p)
{
    const unsigned person = (unsigned)prng_below(p, WORLD_PEOPLE);
    const enum side side = (enum side)prng_below(p, 2);
    struct sim_request r = world_limit(&w, person, side, side == SIDE_BUY ? 1010 : 990, 600);
    r.tif = SIM_IOC;
    struct sim_result result;
    struct naive_trade trades[NAIVE_MAX];
    int64_t left = r.qty.units;
    w.event_count = 0;
    if (world_place(&w, r, &result) != SIM_REJECT_NONE) return;
    assert_makers_in_order(trades, naive_take(person, side, r.price.units, &left, trades));
}

static void test_exchange__trades_as_the_naive_model_does(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct prng p;
        uint64_t traded = 0;
        prng_init(&p, seed);
        model.count = 0;
        world_init(&w);
        for (unsigned step = 0; step < STEPS; step++) {
            const uint64_t dice = prng_below(&p, 20);
            if (dice < 14)
                place_one(&p);
            else if (dice < 19)
                cancel_one(&p);
            else
                sweep_one(&p);
            naive_compact();
            if (step % 8 == 0) assert_same_book();
            traded = w.exchange.markets[w.btc].next_trade_id - 5000;
        }
        assert_in_range(traded, STEPS / 10, STEPS * 10);
        world_deinit(&w);
    }
}

/* Everything at once, stops and lists too: no model, but the audit and the order of the book. */
static void test_exchange__keeps_its_invariants_under_everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct prng p;
        prng_init(&p, 100 + seed);
        model.count = 0;
        world_init(&w);
        for (unsigned step = 0; step < STEPS; step++) {
            w.event_count = 0;
            const unsigned person = (unsigned)prng_below(&p, WORLD_PEOPLE);
            struct sim_request r = world_limit(&w, person, (enum side)prng_below(&p, 2),
                                               990 + (int64_t)prng_below(&p, 21),
                                               10 + 2 * (int64_t)prng_below(&p, 50));
            r.type = (uint8_t)prng_below(&p, SIM_TYPE_COUNT);
            r.tif = (uint8_t)prng_below(&p, SIM_TIF_COUNT);
            r.stop_price.units = 100 * (985 + (int64_t)prng_below(&p, 31));
            if (prng_below(&p, 8) == 0) {
                struct sim_list_request l = {
                    .account = r.account,
                    .instrument = r.instrument,
                    .side = r.side,
                    .qty = r.qty,
                    .above = {SIM_TYPE_LIMIT_MAKER, SIM_GTC, {101000}, {0}, "a"},
                    .below = {SIM_TYPE_STOP_LOSS_LIMIT, SIM_GTC, {98900}, {99100}, "b"},
                    .time_ms = r.time_ms,
                };
                struct sim_list_result out;
                if (r.side == SIDE_BUY) {
                    const struct sim_leg leg = l.above;
                    l.above = l.below;
                    l.below = leg;
                    l.above.stop_price.units = 100900;
                    l.above.price.units = 101100;
                    l.below.price.units = 99000;
                }
                sim_exchange_place_list(&w.exchange, &l, &out);
                sim_exchange_audit(&w.exchange);
            } else {
                world_place(&w, r, NULL);
            }
            const struct sim_order *open[64];
            const uint32_t count =
                sim_exchange_open_orders(&w.exchange, w.people[person], INSTRUMENT_NONE, open, 64);
            if (count > 8) world_cancel(&w, person, open[prng_below(&p, count)]->id);
            struct level bid, ask;
            uint64_t id;
            if (sim_exchange_depth(&w.exchange, w.btc, SIDE_BUY, &bid, 1, &id) &&
                sim_exchange_depth(&w.exchange, w.btc, SIDE_SELL, &ask, 1, &id))
                assert_true(bid.price.units < ask.price.units);
        }
        assert_true(w.exchange.next_list_id > 75);
        world_deinit(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange__trades_as_the_naive_model_does),
        cmocka_unit_test(test_exchange__keeps_its_invariants_under_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
