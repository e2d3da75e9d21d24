/* The engine decides alike: from a snapshot, in a backtest, on paper and live. */
#include "cmocka_all.h"

#include <stdlib.h>

#include "base/prng.h"
#include "core/engine/snapshot.h"
#include "core/strategy/strategy.h"

#include "engine_fixture.h"

static void test_engine__wilder_weather_same_events_same_state(void **state)
{
    (void)state;
    /* Two engines on one random script, one of them replaced by its own snapshot half-way. */
    struct desk a = desk_open(), b = desk_open();
    struct prng prng;
    prng_init(&prng, 11);
    for (uint64_t id = 1; id <= 3; id++) {
        struct bot_config bot = bot_of(id);
        bot.strategy = (uint8_t)(id - 1);
        strategy_params_init((enum strategy_kind)bot.strategy, bot.params);
        bot.risk = (struct risk_config){.stop_loss_ppm = 3000, .trailing_ppm = 4000};
        add_and_start(&a, &bot);
        add_and_start(&b, &bot);
    }
    int64_t price = 1000000;
    struct order open[8];
    unsigned open_count = 0, orders = 0;
    for (int i = 0; i < 4000; i++) {
        price += (int64_t)prng_below(&prng, 4001) - 2000;
        const bool is_candle = prng_below(&prng, 4) == 0;
        struct desk *both[] = {&a, &b};
        for (int k = 0; k < 2; k++) {
            if (is_candle)
                candle(both[k], price);
            else
                print(both[k], price);
        }
        assert_int_equal(a.out.count, b.out.count);
        for (uint32_t n = 0; n < a.out.count; n++)
            if (a.out.items[n].kind == ACTION_PLACE) open[open_count++] = a.out.items[n].order;
        while (open_count > 0) {
            const struct order order = open[--open_count];
            orders++;
            fill(&a, &order, price, order.qty.units);
            fill(&b, &order, price, order.qty.units);
            for (uint32_t n = 0; n < a.out.count; n++)
                if (a.out.items[n].kind == ACTION_PLACE) open[open_count++] = a.out.items[n].order;
        }
        if (i == 2000) {
            const size_t size = snapshot_write(b.engine, NULL, 0);
            unsigned char *bytes = malloc(size);
            assert_int_equal(snapshot_write(b.engine, bytes, size), size);
            engine_free(b.engine);
            assert_int_equal(engine_new(&limits, &b.engine), OK);
            assert_int_equal(snapshot_read(b.engine, bytes, size), OK);
            free(bytes);
        }
        assert_true(snapshot_hash(a.engine) == snapshot_hash(b.engine));
    }
    assert_true(orders > 100);
    assert_true(engine_decision_hash(a.engine) == engine_decision_hash(b.engine));
    desk_close(&a);
    desk_close(&b);
}

static void bar(struct desk *d, int64_t open, int64_t high, int64_t low, int64_t close)
{
    step(d, (struct event){.kind = EVENT_BAR,
                           .bar = {.open_ms = d->candle_ms,
                                   .open = {open},
                                   .high = {high},
                                   .low = {low},
                                   .close = {close}}});
}

static void test_engine__backtest_paper_and_live_decide_alike(void **state)
{
    (void)state;
    /* One market and one set of fills and acknowledgements, told to an engine as each driver sets
     * it up: without explanations, on paper, and live. */
    struct engine_limits quiet = limits;
    quiet.explain = false;
    struct desk desks[3] = {desk_open(), desk_open(), desk_open()};
    engine_free(desks[0].engine);
    assert_int_equal(engine_new(&quiet, &desks[0].engine), OK);
    desks[0].seq = 0;
    step(&desks[0], (struct event){.kind = EVENT_INSTRUMENT, .instrument_rules = &btc});
    step(&desks[0], (struct event){.kind = EVENT_FEED, .feed = FEED_LIVE});
    for (int k = 0; k < 3; k++) {
        struct bot_config bot = bot_of(1);
        bot.mode = k == 2 ? MODE_LIVE : MODE_PAPER;
        bot.risk = (struct risk_config){.stop_loss_ppm = 3000, .trailing_ppm = 4000};
        add_and_start(&desks[k], &bot);
    }
    struct prng prng;
    prng_init(&prng, 23);
    int64_t price = 1000000;
    unsigned orders = 0;
    for (int i = 0; i < 3000; i++) {
        const int64_t open = price;
        price += (int64_t)prng_below(&prng, 8001) - 4000;
        const int64_t high = (open > price ? open : price) + 500, low = open + price - high;
        const int64_t filled_ppm = (int64_t)prng_below(&prng, PPM);
        for (int k = 0; k < 3; k++) {
            struct desk *d = &desks[k];
            for (int half = 0; half < 2; half++) {
                if (half == 0)
                    bar(d, open, high, low, price);
                else
                    candle(d, price);
                const struct action *a = find(d, ACTION_PLACE);
                if (!a) continue;
                const struct order order = a->order;
                orders++;
                news(d, order.id, ON_ACCEPT);
                const int64_t part = order.qty.units * filled_ppm / PPM;
                if (part) fill(d, &order, price, part);
                if (part < order.qty.units) fill(d, &order, price + 1, order.qty.units - part);
            }
        }
    }
    assert_true(orders > 300);
    assert_true(engine_decision_hash(desks[0].engine) == engine_decision_hash(desks[1].engine));
    assert_true(engine_decision_hash(desks[0].engine) == engine_decision_hash(desks[2].engine));
    for (int k = 0; k < 3; k++) desk_close(&desks[k]);
}

static void test_snapshot__every_cut_and_flipped_byte_is_refused_or_harmless(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, 10);
    const size_t size = snapshot_write(d.engine, NULL, 0);
    unsigned char *bytes = malloc(size);
    snapshot_write(d.engine, bytes, size);
    struct engine *e;
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(engine_new(&limits, &e), OK);
        assert_int_equal(snapshot_read(e, bytes, cut), ERR_PARSE);
        engine_free(e);
    }
    for (size_t at = 0; at < size; at++) {
        bytes[at] ^= 0xff;
        assert_int_equal(engine_new(&limits, &e), OK);
        if (snapshot_read(e, bytes, size) != OK) assert_non_null(err_text());
        engine_free(e);
        bytes[at] ^= 0xff;
    }
    free(bytes);
    desk_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__wilder_weather_same_events_same_state),
        cmocka_unit_test(test_engine__backtest_paper_and_live_decide_alike),
        cmocka_unit_test(test_snapshot__every_cut_and_flipped_byte_is_refused_or_harmless),
    };
    return cmocka_run_group_tests_name("core/engine_alike", tests, NULL, NULL);
}
