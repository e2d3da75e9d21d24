/* A restart of the built-in market: what was saved is what comes back. */
#include "cmocka_all.h"

#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/prng.h"
#include "core/sim/sim_state.h"
#include "sim_world.h"

static bool to_buffer(void *context, const void *data, size_t size)
{
    buffer_append(context, data, size);
    return true;
}

static bool gives_up(void *context, const void *data, size_t size)
{
    (void)data;
    size_t *left = context;
    if (*left < size) return false;
    *left -= size;
    return true;
}

/* An exchange that has seen a bit of everything. */
static void play(struct world *w, uint64_t seed, unsigned steps)
{
    struct prng p;
    prng_init(&p, seed);
    for (unsigned i = 0; i < steps; i++) {
        struct sim_request r =
            world_limit(w, (unsigned)prng_below(&p, WORLD_PEOPLE), (enum side)prng_below(&p, 2),
                        990 + (int64_t)prng_below(&p, 21), 10 + 2 * (int64_t)prng_below(&p, 50));
        r.type = (uint8_t)prng_below(&p, SIM_TYPE_COUNT);
        r.stop_price.units = 100 * (985 + (int64_t)prng_below(&p, 31));
        w->event_count = 0;
        world_place(w, r, NULL);
    }
}

static void play_list(struct world *w)
{
    const struct sim_list_request r = {
        .account = w->people[1],
        .instrument = w->btc,
        .side = SIDE_SELL,
        .qty = {100},
        .above = {SIM_TYPE_LIMIT_MAKER, SIM_GTC, {150000}, {0}, "above"},
        .below = {SIM_TYPE_STOP_LOSS_LIMIT, SIM_GTC, {79000}, {80000}, "below"},
        .client_id = "list",
        .time_ms = ++w->time_ms,
    };
    struct sim_list_result out;
    assert_int_equal(sim_exchange_place_list(&w->exchange, &r, &out), SIM_REJECT_NONE);
}

static void save(const struct world *w, struct buffer *out)
{
    assert_true(sim_exchange_write(&w->exchange, to_buffer, out));
    assert_false(out->failed);
}

/* The same exchange without its past, to read into. */
static void fresh(struct world *w, struct arena *arena)
{
    const struct sim_config config = world_config(w);
    const struct instrument btc = world_instrument("BTCUSDT", "BTC");
    const struct instrument eth = world_instrument("ETHUSDT", "ETH");
    uint16_t index;
    assert_int_equal(arena_init(arena, sim_exchange_need(&config)), OK);
    sim_exchange_init(&w->exchange, arena, &config);
    assert_int_equal(sim_exchange_add_instrument(&w->exchange, &btc, &index), OK);
    assert_int_equal(sim_exchange_add_instrument(&w->exchange, &eth, &index), OK);
}

static void test_state__comes_back_equal_and_behaves_the_same(void **state)
{
    (void)state;
    struct world a, b;
    struct buffer saved = {0}, again = {0};
    world_init(&a);
    play_list(&a);
    play(&a, 7, 600);
    save(&a, &saved);

    world_init(&b);
    arena_deinit(&b.arena);
    fresh(&b, &b.arena);
    assert_int_equal(sim_exchange_read(&b.exchange, buffer_slice(&saved)), OK);
    sim_exchange_audit(&b.exchange);
    save(&b, &again);
    assert_true(slice_equal(buffer_slice(&saved), buffer_slice(&again)));

    /* The same future from both. */
    b.time_ms = a.time_ms;
    b.names = a.names;
    play(&a, 8, 300);
    play(&b, 8, 300);
    buffer_clear(&saved);
    buffer_clear(&again);
    save(&a, &saved);
    save(&b, &again);
    assert_true(slice_equal(buffer_slice(&saved), buffer_slice(&again)));
    buffer_deinit(&saved);
    buffer_deinit(&again);
    world_deinit(&a);
    world_deinit(&b);
}

static void test_state__damage_is_an_error_and_never_a_crash(void **state)
{
    (void)state;
    struct world a, b;
    struct buffer saved = {0};
    struct prng p;
    prng_init(&p, 3);
    world_init(&a);
    play_list(&a);
    play(&a, 7, 200);
    save(&a, &saved);
    world_init(&b);
    for (unsigned i = 0; i < 300; i++) {
        struct arena arena;
        fresh(&b, &arena);
        const size_t at = prng_below(&p, saved.size);
        struct slice bytes = buffer_slice(&saved);
        const char kept = saved.data[at];
        if (i % 2)
            bytes.size = at;
        else
            saved.data[at] = (char)(kept ^ (1 << prng_below(&p, 8)));
        const enum err err = sim_exchange_read(&b.exchange, bytes);
        assert_true(err == ERR_PARSE || err == ERR_INVALID || err == ERR_LIMIT ||
                    err == ERR_UNSUPPORTED);
        saved.data[at] = kept;
        arena_deinit(&arena);
    }
    buffer_deinit(&saved);
    world_deinit(&a);
    world_deinit(&b);
}

static void test_state__ids_count_on_above_both_the_saved_and_the_base(void **state)
{
    (void)state;
    struct world a, b;
    struct buffer saved = {0};
    world_init(&a);
    const uint64_t last = world_rest(&a, 0, SIDE_BUY, 1000, 10);
    save(&a, &saved);
    world_init(&b);
    arena_deinit(&b.arena);
    fresh(&b, &b.arena);
    assert_int_equal(sim_exchange_read(&b.exchange, buffer_slice(&saved)), OK);
    struct sim_result result;
    assert_int_equal(world_place(&b, world_limit(&a, 0, SIDE_BUY, 999, 10), &result), 0);
    assert_int_equal(result.order.id, last + 1);
    buffer_deinit(&saved);
    world_deinit(&a);
    world_deinit(&b);
}

static void test_state__a_sink_that_gives_up_is_told(void **state)
{
    (void)state;
    struct world a;
    world_init(&a);
    size_t left = 1000;
    assert_false(sim_exchange_write(&a.exchange, gives_up, &left));
    world_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state__comes_back_equal_and_behaves_the_same),
        cmocka_unit_test(test_state__damage_is_an_error_and_never_a_crash),
        cmocka_unit_test(test_state__ids_count_on_above_both_the_saved_and_the_base),
        cmocka_unit_test(test_state__a_sink_that_gives_up_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
