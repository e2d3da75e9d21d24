/* The order book: rules by table, then against a naive unsorted map. */
#include "cmocka_all.h"

#include "base/prng.h"
#include "core/market/book.h"

#define LEVELS(...)                                                                                \
    (const struct level[])                                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define L(price_units, qty_units)                                                                  \
    {                                                                                              \
        {price_units},                                                                             \
        {                                                                                          \
            qty_units                                                                              \
        }                                                                                          \
    }

enum { SMALL = 4 };

struct fixture {
    struct arena arena;
    struct book book;
};

static void setup_book(struct fixture *f, uint32_t levels_max)
{
    assert_int_equal(arena_init(&f->arena, book_need(levels_max)), OK);
    book_init(&f->book, &f->arena, levels_max);
    assert_true(f->arena.used <= f->arena.size);
}

static int setup(void **state)
{
    static struct fixture fixture;
    setup_book(&fixture, SMALL);
    const struct book_update snapshot = {
        .snapshot = true,
        .last_id = 10,
        .bids = LEVELS(L(100, 1), L(98, 2), L(97, 3)),
        .bid_count = 3,
        .asks = LEVELS(L(101, 4), L(103, 5)),
        .ask_count = 2,
    };
    assert_int_equal(book_apply(&fixture.book, &snapshot), BOOK_OK);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_deinit(&f->arena);
    return 0;
}

static void expect_side(const struct book *b, enum side side, const struct level *want,
                        uint32_t count)
{
    struct level got[64];
    assert_int_equal(book_side(b, side, got, 64), count);
    assert_int_equal(book_count(b, side), count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(got[i].price.units, want[i].price.units);
        assert_int_equal(got[i].qty.units, want[i].qty.units);
    }
}

#define EXPECT_SIDE(book, side, ...)                                                               \
    expect_side(book, side, LEVELS(__VA_ARGS__), sizeof(LEVELS(__VA_ARGS__)) / sizeof(struct level))

static enum book_result change(struct book *b, enum side side, int64_t price, int64_t qty)
{
    const struct level level = {{price}, {qty}};
    const struct book_update update = {
        .last_id = b->last_id + 1,
        .bids = side == SIDE_BUY ? &level : NULL,
        .asks = side == SIDE_SELL ? &level : NULL,
        .bid_count = side == SIDE_BUY,
        .ask_count = side == SIDE_SELL,
    };
    return book_apply(b, &update);
}

static void test_book__snapshot_is_shown_best_first(void **state)
{
    const struct book *b = &((struct fixture *)*state)->book;
    struct level best, top;
    EXPECT_SIDE(b, SIDE_BUY, L(100, 1), L(98, 2), L(97, 3));
    EXPECT_SIDE(b, SIDE_SELL, L(101, 4), L(103, 5));
    assert_true(book_best_bid(b, &best));
    assert_int_equal(best.price.units, 100);
    assert_true(book_best_ask(b, &best));
    assert_int_equal(best.qty.units, 4);
    assert_int_equal(book_side(b, SIDE_BUY, &top, 1), 1);
    assert_int_equal(top.price.units, 100);
    assert_int_equal(b->state, BOOK_LIVE);
    assert_int_equal(b->last_id, 10);
}

static void test_book__delta_sets_inserts_and_removes(void **state)
{
    struct book *b = &((struct fixture *)*state)->book;
    assert_int_equal(change(b, SIDE_BUY, 98, 7), BOOK_OK);
    assert_int_equal(change(b, SIDE_BUY, 99, 8), BOOK_OK);
    assert_int_equal(change(b, SIDE_BUY, 100, 0), BOOK_OK);
    EXPECT_SIDE(b, SIDE_BUY, L(99, 8), L(98, 7), L(97, 3));
    assert_int_equal(change(b, SIDE_SELL, 102, 9), BOOK_OK);
    assert_int_equal(change(b, SIDE_SELL, 101, 0), BOOK_OK);
    EXPECT_SIDE(b, SIDE_SELL, L(102, 9), L(103, 5));
    assert_int_equal(b->last_id, 15);
}

static void test_book__removing_an_absent_level_changes_nothing(void **state)
{
    struct book *b = &((struct fixture *)*state)->book;
    assert_int_equal(change(b, SIDE_BUY, 50, 0), BOOK_OK);
    assert_int_equal(change(b, SIDE_BUY, 99, 0), BOOK_OK);
    assert_int_equal(change(b, SIDE_SELL, 900, 0), BOOK_OK);
    EXPECT_SIDE(b, SIDE_BUY, L(100, 1), L(98, 2), L(97, 3));
    EXPECT_SIDE(b, SIDE_SELL, L(101, 4), L(103, 5));
}

static void test_book__a_side_may_run_empty(void **state)
{
    struct book *b = &((struct fixture *)*state)->book;
    struct level best;
    assert_int_equal(change(b, SIDE_SELL, 101, 0), BOOK_OK);
    assert_int_equal(change(b, SIDE_SELL, 103, 0), BOOK_OK);
    assert_false(book_best_ask(b, &best));
    assert_int_equal(change(b, SIDE_BUY, 500, 1), BOOK_OK);
    assert_int_equal(b->state, BOOK_LIVE);
}

static void test_book__crossed_delta_marks_stale(void **state)
{
    static const int64_t prices[] = {101, 102, 1000}; /* locked is crossed too */
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
        if (i > 0) setup(state);
        struct book *b = &((struct fixture *)*state)->book;
        assert_int_equal(change(b, SIDE_BUY, prices[i], 1), BOOK_CROSSED);
        assert_int_equal(b->state, BOOK_STALE);
        assert_int_equal(book_count(b, SIDE_BUY) + book_count(b, SIDE_SELL), 0);
        assert_int_equal(change(b, SIDE_BUY, 99, 1), BOOK_NO_SNAPSHOT);
        assert_int_equal(b->state, BOOK_STALE);
        if (i < 2) teardown(state);
    }
}

static void test_book__delta_that_moves_both_sides_is_judged_at_its_end(void **state)
{
    struct book *b = &((struct fixture *)*state)->book;
    const struct book_update update = {
        .last_id = 11,
        .bids = LEVELS(L(102, 1)),
        .bid_count = 1,
        .asks = LEVELS(L(101, 0)),
        .ask_count = 1,
    };
    assert_int_equal(book_apply(b, &update), BOOK_OK);
    struct level best;
    assert_true(book_best_bid(b, &best));
    assert_int_equal(best.price.units, 102);
}

static void test_book__unsound_levels_are_refused(void **state)
{
    static const struct {
        bool snapshot;
        struct level levels[2];
        uint32_t count;
        enum side side;
    } cases[] = {
        {false, {L(0, 1)}, 1, SIDE_BUY},
        {false, {L(-5, 1)}, 1, SIDE_SELL},
        {false, {L(99, -1)}, 1, SIDE_BUY},
        {true, {L(99, 0)}, 1, SIDE_BUY},           /* nothing to remove in a snapshot */
        {true, {L(98, 1), L(99, 1)}, 2, SIDE_BUY}, /* worst first */
        {true, {L(99, 1), L(99, 1)}, 2, SIDE_BUY}, /* a price twice */
        {true, {L(103, 1), L(102, 1)}, 2, SIDE_SELL},
        {true, {L(INT64_MIN, 1)}, 1, SIDE_SELL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i > 0) setup(state);
        struct book *b = &((struct fixture *)*state)->book;
        const bool buy = cases[i].side == SIDE_BUY;
        const struct book_update update = {
            .snapshot = cases[i].snapshot,
            .last_id = 11,
            .bids = buy ? cases[i].levels : NULL,
            .bid_count = buy ? cases[i].count : 0,
            .asks = buy ? NULL : cases[i].levels,
            .ask_count = buy ? 0 : cases[i].count,
        };
        assert_int_equal(book_apply(b, &update), BOOK_UNSOUND);
        assert_int_equal(b->state, BOOK_STALE);
        assert_int_equal(book_count(b, SIDE_BUY) + book_count(b, SIDE_SELL), 0);
        if (i + 1 < sizeof cases / sizeof *cases) teardown(state);
    }
}

static void test_book__full_side_loses_its_worst_level(void **state)
{
    struct book *b = &((struct fixture *)*state)->book;
    assert_int_equal(change(b, SIDE_BUY, 96, 4), BOOK_OK);
    assert_int_equal(b->dropped, 0);
    assert_int_equal(change(b, SIDE_BUY, 95, 5), BOOK_OK); /* itself the worst */
    assert_int_equal(b->dropped, 1);
    EXPECT_SIDE(b, SIDE_BUY, L(100, 1), L(98, 2), L(97, 3), L(96, 4));
    assert_int_equal(change(b, SIDE_BUY, 99, 6), BOOK_OK);
    assert_int_equal(b->dropped, 2);
    EXPECT_SIDE(b, SIDE_BUY, L(100, 1), L(99, 6), L(98, 2), L(97, 3));
    assert_int_equal(change(b, SIDE_BUY, 97, 9), BOOK_OK); /* a change needs no room */
    assert_int_equal(b->dropped, 2);

    const struct book_update snapshot = {
        .snapshot = true,
        .last_id = 20,
        .asks = LEVELS(L(1, 1), L(2, 1), L(3, 1), L(4, 1), L(5, 1), L(6, 1)),
        .ask_count = 6,
    };
    assert_int_equal(book_apply(b, &snapshot), BOOK_OK);
    assert_int_equal(b->dropped, 4);
    EXPECT_SIDE(b, SIDE_SELL, L(1, 1), L(2, 1), L(3, 1), L(4, 1));
    assert_int_equal(book_count(b, SIDE_BUY), 0);
}

static void test_book__take_walks_the_opposite_side(void **state)
{
    const struct book *b = &((struct fixture *)*state)->book;
    static const struct {
        enum side taker;
        int64_t qty, limit;
        uint32_t max, count;
        int64_t last_price, last_qty, left;
    } cases[] = {
        {SIDE_BUY, 3, 0, 9, 1, 101, 3, 0},   /* inside the first level */
        {SIDE_BUY, 4, 0, 9, 1, 101, 4, 0},   /* exactly the first level */
        {SIDE_BUY, 6, 0, 9, 2, 103, 2, 0},   /* into the second */
        {SIDE_BUY, 20, 0, 9, 2, 103, 5, 11}, /* more than there is */
        {SIDE_BUY, 6, 102, 9, 1, 101, 4, 2}, /* the limit stops it */
        {SIDE_BUY, 6, 103, 9, 2, 103, 2, 0}, /* a limit is inclusive */
        {SIDE_BUY, 6, 100, 9, 0, 0, 0, 6},
        {SIDE_BUY, 6, 0, 1, 1, 101, 4, 2}, /* no room to tell more */
        {SIDE_SELL, 5, 0, 9, 3, 97, 2, 0},
        {SIDE_SELL, 5, 98, 9, 2, 98, 2, 2},
        {SIDE_SELL, 5, 101, 9, 0, 0, 0, 5},
        {SIDE_SELL, 0, 0, 9, 0, 0, 0, 0},
    };
    const uint64_t hash = book_hash(b);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct level out[9];
        struct qty left = {-1};
        const uint32_t count = book_take(b, cases[i].taker, (struct qty){cases[i].qty},
                                         (struct price){cases[i].limit}, out, cases[i].max, &left);
        assert_int_equal(count, cases[i].count);
        assert_int_equal(left.units, cases[i].left);
        if (count == 0) continue;
        assert_int_equal(out[count - 1].price.units, cases[i].last_price);
        assert_int_equal(out[count - 1].qty.units, cases[i].last_qty);
    }
    assert_int_equal(book_hash(b), hash);
}

static void test_book__hash_is_of_what_is_in_it(void **state)
{
    struct book *b = &((struct fixture *)*state)->book;
    struct fixture other;
    setup_book(&other, 64);
    const struct book_update snapshot = {
        .snapshot = true,
        .last_id = 8,
        .bids = LEVELS(L(100, 1), L(98, 2)),
        .bid_count = 2,
        .asks = LEVELS(L(101, 4), L(102, 1), L(103, 5)),
        .ask_count = 3,
    };
    assert_int_equal(book_apply(&other.book, &snapshot), BOOK_OK);
    assert_int_equal(change(&other.book, SIDE_BUY, 97, 3), BOOK_OK);
    assert_int_not_equal(book_hash(&other.book), book_hash(b));
    assert_int_equal(change(&other.book, SIDE_SELL, 102, 0), BOOK_OK);
    assert_int_equal(book_hash(&other.book), book_hash(b));
    /* A pinned number: the hash is part of what two machines compare. */
    assert_int_equal(book_hash(b), UINT64_C(0xd32f4bb403809418));
    book_clear(b);
    assert_int_equal(b->state, BOOK_EMPTY);
    assert_int_not_equal(book_hash(&other.book), book_hash(b));
    arena_deinit(&other.arena);
}

/* The naive book: levels in no order, everything found by looking at all of them. */
struct naive {
    struct level levels[2][256];
    uint32_t count[2];
};

static bool is_better(enum side side, int64_t a, int64_t b)
{
    return side == SIDE_BUY ? a > b : a < b;
}

static uint32_t naive_extreme(const struct naive *n, enum side side, bool best)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < n->count[side]; i++) {
        const int64_t a = n->levels[side][i].price.units, b = n->levels[side][found].price.units;
        if (best ? is_better(side, a, b) : is_better(side, b, a)) found = i;
    }
    return found;
}

static void naive_change(struct naive *n, enum side side, struct level level, uint32_t levels_max)
{
    struct level *levels = n->levels[side];
    uint32_t at = 0;
    while (at < n->count[side] && levels[at].price.units != level.price.units) at++;
    if (at < n->count[side]) {
        levels[at] = level;
        if (level.qty.units == 0) levels[at] = levels[--n->count[side]];
        return;
    }
    if (level.qty.units == 0) return;
    levels[n->count[side]++] = level;
    if (n->count[side] <= levels_max) return;
    const uint32_t worst = naive_extreme(n, side, false);
    levels[worst] = levels[--n->count[side]];
}

static bool naive_is_crossed(const struct naive *n)
{
    if (n->count[0] == 0 || n->count[1] == 0) return false;
    return n->levels[SIDE_BUY][naive_extreme(n, SIDE_BUY, true)].price.units >=
           n->levels[SIDE_SELL][naive_extreme(n, SIDE_SELL, true)].price.units;
}

static void expect_equal(const struct book *b, struct naive n)
{
    for (unsigned side = 0; side < 2; side++) {
        struct level got[256];
        const uint32_t count = book_side(b, side, got, 256);
        assert_int_equal(count, n.count[side]);
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t best = naive_extreme(&n, side, true);
            assert_memory_equal(&got[i], &n.levels[side][best], sizeof got[i]);
            n.levels[side][best] = n.levels[side][--n.count[side]];
        }
    }
}

/* Mostly near the middle, as real changes are; sometimes across it. */
static struct level random_level(struct prng *p, enum side side)
{
    const uint64_t wide = prng_below(p, 4) == 0 ? 200 : 30;
    const int64_t distance = (int64_t)prng_below(p, wide) - (prng_below(p, 300) == 0 ? 20 : 0);
    return (struct level){
        .price = {side == SIDE_BUY ? 500 - distance : 501 + distance},
        .qty = {prng_below(p, 3) == 0 ? 0 : 1 + (int64_t)prng_below(p, 1000)},
    };
}

static void run_against_naive(uint64_t seed, uint32_t levels_max)
{
    struct fixture f;
    setup_book(&f, levels_max);
    struct naive naive = {0};
    struct prng p;
    prng_init(&p, seed);
    unsigned crossings = 0;

    for (uint64_t id = 1; id <= 4000; id++) {
        struct level levels[2][8];
        struct book_update update = {
            .snapshot = f.book.state != BOOK_LIVE,
            .last_id = id,
            .bids = levels[SIDE_BUY],
            .asks = levels[SIDE_SELL],
        };
        if (update.snapshot)
            naive = (struct naive){0};
        else
            update.bid_count = update.ask_count = (uint32_t)prng_below(&p, 9);
        for (unsigned side = 0; side < 2; side++)
            for (uint32_t i = 0; i < update.bid_count; i++) {
                levels[side][i] = random_level(&p, side);
                naive_change(&naive, side, levels[side][i], levels_max);
            }
        const enum book_result result = book_apply(&f.book, &update);
        if (naive_is_crossed(&naive)) {
            assert_int_equal(result, BOOK_CROSSED);
            assert_int_equal(book_count(&f.book, SIDE_BUY), 0);
            crossings++;
            continue;
        }
        assert_int_equal(result, BOOK_OK);
        expect_equal(&f.book, naive);
    }
    assert_true(crossings > 3);
    arena_deinit(&f.arena);
}

static void test_book__equals_a_naive_map(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 5, 17, 60, 240};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) run_against_naive(i + 1, sizes[i]);
}

int main(void)
{
#define WITH_BOOK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_BOOK(test_book__snapshot_is_shown_best_first),
        WITH_BOOK(test_book__delta_sets_inserts_and_removes),
        WITH_BOOK(test_book__removing_an_absent_level_changes_nothing),
        WITH_BOOK(test_book__a_side_may_run_empty),
        WITH_BOOK(test_book__crossed_delta_marks_stale),
        WITH_BOOK(test_book__delta_that_moves_both_sides_is_judged_at_its_end),
        WITH_BOOK(test_book__unsound_levels_are_refused),
        WITH_BOOK(test_book__full_side_loses_its_worst_level),
        WITH_BOOK(test_book__take_walks_the_opposite_side),
        WITH_BOOK(test_book__hash_is_of_what_is_in_it),
        cmocka_unit_test(test_book__equals_a_naive_map),
    };
    return cmocka_run_group_tests_name("book", tests, NULL, NULL);
}
