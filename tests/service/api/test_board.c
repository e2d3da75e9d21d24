/* The board: what it keeps, forgets and refuses. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "service/api/board.h"

static struct board *board_make(void)
{
    struct board *b = malloc(sizeof *b);
    assert_non_null(b);
    board_init(b);
    return b;
}

static void board_end(struct board *b)
{
    board_deinit(b);
    free(b);
}

static void tell_bot(struct board *b, uint64_t id, int64_t equity)
{
    struct publication p = {.kind = PUBLISH_BOT, .bot_id = id, .time_ms = 7};
    p.bot.equity.units = equity;
    board_on_publication(b, &p);
}

static void tell_market(struct board *b, uint16_t index, const char *symbol)
{
    struct publication p = {.kind = PUBLISH_INSTRUMENT, .instrument = index};
    snprintf(p.rules.symbol, sizeof p.rules.symbol, "%s", symbol);
    board_on_publication(b, &p);
}

/* Against a plain array, ids in any order, each told several times. */
static void test_board__finds_every_bot_it_was_told_of(void **state)
{
    enum { IDS = 500 };
    int64_t equity[IDS] = {0};
    struct board *b = board_make();
    struct prng prng;
    (void)state;
    prng_init(&prng, 42);
    for (int i = 0; i < 5000; i++) {
        const uint64_t id = 1 + prng_below(&prng, IDS - 1);
        equity[id] = i + 1;
        tell_bot(b, id, i + 1);
    }
    uint32_t known = 0;
    for (uint64_t id = 1; id < IDS; id++) {
        const struct board_bot *bot = board_bot(b, id);
        assert_int_equal(bot != NULL, equity[id] != 0);
        if (!bot) continue;
        assert_int_equal(bot->equity.units, equity[id]);
        assert_int_equal(b->bots[known++].id, id);
    }
    assert_int_equal(known, b->bot_count);
    assert_null(board_bot(b, 0));
    assert_null(board_bot(b, UINT64_MAX));
    board_end(b);
}

static void test_board__an_idle_bot_costs_little(void **state)
{
    struct board *b = board_make();
    (void)state;
    assert_true(sizeof(struct board_bot) <= 160);
    for (uint64_t id = 1; id <= 10000; id++) tell_bot(b, id, 1);
    assert_int_equal(b->bot_count, 10000);
    assert_true(b->bot_capacity * sizeof *b->bots <= 4 << 20);
    for (uint32_t i = 0; i < b->bot_count; i++) {
        assert_null(b->bots[i].legs);
        assert_null(b->bots[i].decisions);
    }
    board_end(b);
}

static void test_board__keeps_the_newest_decisions(void **state)
{
    struct board *b = board_make();
    (void)state;
    for (int i = 1; i <= 120; i++) {
        const struct publication p = {
            .kind = PUBLISH_DECISION, .bot_id = 3, .time_ms = i, .decision = {.price = {i}}};
        board_on_publication(b, &p);
    }
    const struct board_bot *bot = board_bot(b, 3);
    assert_false(bot->has_totals);
    for (uint32_t age = 0; age < BOARD_DECISIONS; age++)
        assert_int_equal(board_decision(bot, age)->decision.price.units, 120 - age);
    assert_null(board_decision(bot, BOARD_DECISIONS));
    board_end(b);
}

static void test_board__a_leg_is_replaced_not_repeated(void **state)
{
    struct board *b = board_make();
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (uint16_t i = 0; i < BOT_SYMBOLS_MAX; i++) {
            struct publication p = {.kind = PUBLISH_LEG, .bot_id = 3, .instrument = i};
            p.leg.instrument = i;
            p.leg.unrealized.units = 100 * round + i;
            board_on_publication(b, &p);
        }
    }
    const struct board_bot *bot = board_bot(b, 3);
    assert_int_equal(bot->leg_count, BOT_SYMBOLS_MAX);
    for (uint16_t i = 0; i < BOT_SYMBOLS_MAX; i++)
        assert_int_equal(bot->legs[i].unrealized.units, 200 + i);
    board_end(b);
}

static void test_board__news_of_unknown_markets_is_counted(void **state)
{
    struct board *b = board_make();
    (void)state;
    board_on_publication(b, &(struct publication){.kind = PUBLISH_BOOK, .instrument = 5});
    board_on_publication(b, &(struct publication){.kind = PUBLISH_PRINT, .instrument = UINT16_MAX});
    tell_market(b, BOARD_MARKETS_MAX, "BEYOND");
    assert_int_equal(b->ignored, 3);
    assert_null(board_market(b, 5));
    assert_null(board_find(b, VENUE_SIM, "BEYOND"));
    board_end(b);
}

static void test_board__mark_is_last_print_then_best_bid(void **state)
{
    struct board *b = board_make();
    (void)state;
    tell_market(b, 2, "BTCUSDT");
    const struct board_market *m = board_find(b, VENUE_SIM, "BTCUSDT");
    assert_ptr_equal(m, board_market(b, 2));
    assert_null(board_find(b, VENUE_BINANCE, "BTCUSDT"));
    assert_int_equal(board_mark(m).units, 0);
    struct publication p = {.kind = PUBLISH_BOOK, .instrument = 2, .time_ms = 1};
    p.book.bid_count = 1;
    p.book.bids[0] = (struct level){{100}, {1}};
    board_on_publication(b, &p);
    assert_int_equal(board_mark(m).units, 100);
    p = (struct publication){.kind = PUBLISH_PRINT, .instrument = 2};
    p.print = (struct print){.id = 9, .price = {105}, .qty = {1}, .time_ms = 2};
    board_on_publication(b, &p);
    p.print = (struct print){.id = 8, .price = {50}, .qty = {1}, .time_ms = 3};
    board_on_publication(b, &p);
    assert_int_equal(board_mark(m).units, 105);
    board_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_board__finds_every_bot_it_was_told_of),
        cmocka_unit_test(test_board__an_idle_bot_costs_little),
        cmocka_unit_test(test_board__keeps_the_newest_decisions),
        cmocka_unit_test(test_board__a_leg_is_replaced_not_repeated),
        cmocka_unit_test(test_board__news_of_unknown_markets_is_counted),
        cmocka_unit_test(test_board__mark_is_last_print_then_best_bid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
