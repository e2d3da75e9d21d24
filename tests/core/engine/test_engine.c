/* The engine as a whole: candles in, orders out, news of orders back in. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "core/engine/engine.h"
#include "core/engine/snapshot.h"
#include "core/strategy/strategy.h"

enum { MINUTE = 60000, START = 1700006400 };
#define START_MS (START * INT64_C(1000)) /* 00:00 UTC */

static const struct engine_limits limits = {
    .instruments = 4,
    .bots = 8,
    .legs = 16,
    .orders = 16,
    .fills = 64,
    .book_levels = 32,
    .explain = true,
};

struct desk {
    struct engine *engine;
    struct outbox out;
    uint64_t seq;
    int64_t time_ms;
    int64_t candle_ms;
    uint64_t trade_id;
};

static const struct instrument btc = {
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
    .notional_min = {500000000},
    .notional_min_market = true,
    .taker_fee_ppm = 1000,
};

static struct bot_config bot_of(uint64_t id)
{
    struct bot_config bot = {
        .id = id,
        .user_id = 1,
        .strategy = STRATEGY_EMA_CROSS,
        .timeframe = TIMEFRAME_1M,
        .sizing_kind = SIZING_PERCENT,
        .sizing_value = 100000,
        .symbol_count = 1,
        .quote_scale = 8,
        .capital = {INT64_C(1000000000000)},
    };
    strategy_params_init(STRATEGY_EMA_CROSS, bot.params);
    bot.params[0] = 2;
    bot.params[1] = 3;
    return bot;
}

static void step(struct desk *d, struct event event)
{
    event.seq = ++d->seq;
    event.time_ms = d->time_ms;
    engine_step(d->engine, &event, &d->out);
}

static struct desk desk_open(void)
{
    struct desk d = {.time_ms = START_MS, .candle_ms = START_MS - 100 * MINUTE};
    assert_int_equal(engine_new(&limits, &d.engine), OK);
    d.out.capacity = engine_outbox_need(&limits);
    d.out.items = calloc(d.out.capacity, sizeof *d.out.items);
    assert_non_null(d.out.items);
    step(&d, (struct event){.kind = EVENT_INSTRUMENT, .instrument_rules = &btc});
    step(&d, (struct event){.kind = EVENT_FEED, .feed = FEED_LIVE});
    return d;
}

static void desk_close(struct desk *d)
{
    engine_free(d->engine);
    free(d->out.items);
}

static void command(struct desk *d, enum bot_command what, const struct bot_config *bot)
{
    step(d, (struct event){.kind = EVENT_BOT,
                           .instrument = INSTRUMENT_NONE,
                           .bot = {.command = (uint8_t)what, .bot_id = bot->id, .config = bot}});
}

static void add_and_start(struct desk *d, const struct bot_config *bot)
{
    command(d, BOT_COMMAND_ADD, bot);
    command(d, BOT_COMMAND_START, bot);
}

static void candle(struct desk *d, int64_t close)
{
    d->candle_ms += MINUTE;
    if (d->time_ms < d->candle_ms + MINUTE) d->time_ms = d->candle_ms + MINUTE;
    step(d, (struct event){.kind = EVENT_CANDLE,
                           .candle = {.timeframe = TIMEFRAME_1M,
                                      .candle = {.open_ms = d->candle_ms,
                                                 .open = {close},
                                                 .high = {close},
                                                 .low = {close},
                                                 .close = {close}}}});
}

static void print(struct desk *d, int64_t price)
{
    step(d, (struct event){.kind = EVENT_PRINT,
                           .print = {.price = {price}, .qty = {1}, .time_ms = d->time_ms}});
}

static void wait_ms(struct desk *d, int64_t ms)
{
    d->time_ms += ms;
    step(d, (struct event){.kind = EVENT_TIME, .instrument = INSTRUMENT_NONE});
}

static void news(struct desk *d, uint64_t order_id, enum order_input input)
{
    step(d, (struct event){.kind = EVENT_ORDER,
                           .order = {.order_id = order_id, .input = (uint8_t)input}});
}

static void fill(struct desk *d, const struct order *order, int64_t price, int64_t qty)
{
    struct event event = {.kind = EVENT_FILL,
                          .fill = {.order_id = order->id,
                                   .venue_trade_id = ++d->trade_id,
                                   .price = {price},
                                   .qty = {qty},
                                   .fee_scale = 8,
                                   .fee_asset = "USDT",
                                   .time_ms = d->time_ms}};
    step(d, event);
}

/* The only action of this kind in the outbox; NULL when there is none. */
static const struct action *find(const struct desk *d, enum action_kind kind)
{
    const struct action *found = NULL;
    for (uint32_t i = 0; i < d->out.count; i++) {
        if (d->out.items[i].kind != kind) continue;
        assert_null(found);
        found = &d->out.items[i];
    }
    return found;
}

static struct order placed(const struct desk *d)
{
    const struct action *a = find(d, ACTION_PLACE);
    assert_non_null(a);
    return a->order;
}

/* Falls, then rises until the averages cross: leaves an entry order in the outbox. */
static struct order enter(struct desk *d)
{
    static const int64_t closes[] = {10000, 9900, 9800, 9700, 9600};
    for (unsigned i = 0; i < 5; i++) {
        candle(d, closes[i] * 100);
        assert_null(find(d, ACTION_PLACE));
    }
    candle(d, 1000000);
    return placed(d);
}

static struct bot_view view(const struct desk *d, uint64_t id)
{
    struct bot_view v;
    assert_true(engine_bot_view(d->engine, id, &v));
    return v;
}

static void test_engine__cross_up_buys_and_cross_down_sells(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    assert_int_equal(entry.side, SIDE_BUY);
    assert_int_equal(entry.purpose, PURPOSE_ENTRY);
    assert_int_equal(entry.qty.units, 9990); /* 10 % of 10,000 at 10,000, less the fee */
    news(&d, entry.id, ON_ACCEPT);
    fill(&d, &entry, 1000100, entry.qty.units);
    assert_true(find(&d, ACTION_FILL)->booking.position.open);
    candle(&d, 1010000);
    assert_null(find(&d, ACTION_PLACE));
    candle(&d, 900000);
    const struct order exit = placed(&d);
    assert_int_equal(exit.side, SIDE_SELL);
    assert_int_equal(exit.purpose, PURPOSE_EXIT);
    assert_true(exit.id > entry.id);
    fill(&d, &exit, 900000, exit.qty.units);
    const struct action *booked = find(&d, ACTION_FILL);
    assert_true(booked->booking.closed);
    assert_int_equal(booked->booking.round_trip.exit_reason, PURPOSE_EXIT);
    assert_false(view(&d, 1).legs[0].position.open);
    assert_int_equal(view(&d, 1).totals.trades, 1);
    desk_close(&d);
}

static void test_engine__history_warms_up_and_never_trades(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    static const int64_t closes[] = {10000, 9900, 9800, 9700, 9600, 10000};
    for (unsigned i = 0; i < 6; i++) {
        d.candle_ms += MINUTE;
        step(&d, (struct event){.kind = EVENT_CANDLE,
                                .candle = {.timeframe = TIMEFRAME_1M,
                                           .history = true,
                                           .bot_id = 1,
                                           .candle = {.open_ms = d.candle_ms,
                                                      .open = {closes[i] * 100},
                                                      .high = {closes[i] * 100},
                                                      .low = {closes[i] * 100},
                                                      .close = {closes[i] * 100}}}});
        assert_int_equal(d.out.count, 0);
    }
    candle(&d, 900000); /* below again: averages are warm, so there is an answer */
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_NO_CROSS);
    desk_close(&d);
}

static void test_engine__candle_told_twice_counts_once(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    candle(&d, 1000000);
    assert_non_null(find(&d, ACTION_DECISION));
    d.candle_ms -= MINUTE;
    candle(&d, 1000000);
    assert_null(find(&d, ACTION_DECISION));
    desk_close(&d);
}

static void test_engine__stop_sells_at_the_first_price_that_touches(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 990001);
    assert_null(find(&d, ACTION_PLACE));
    print(&d, 990000);
    const struct order stop = placed(&d);
    assert_int_equal(stop.purpose, PURPOSE_STOP);
    assert_int_equal(stop.trigger.units, 990000);
    print(&d, 980000); /* one exit at a time */
    assert_null(find(&d, ACTION_PLACE));
    desk_close(&d);
}

static void test_engine__exit_that_expires_is_sent_again_as_a_new_order(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 980000);
    const struct order first = placed(&d);
    fill(&d, &first, 980000, 1000);
    news(&d, first.id, ON_EXPIRED);
    assert_null(find(&d, ACTION_PLACE)); /* not before the retry time */
    wait_ms(&d, 1000);
    const struct order second = placed(&d);
    assert_true(second.id > first.id);
    assert_int_equal(second.qty.units, entry.qty.units - 1000);
    assert_int_equal(second.purpose, PURPOSE_STOP);
    desk_close(&d);
}

static void test_engine__unknown_order_blocks_entries_and_is_queried_not_resent(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    news(&d, entry.id, ON_NO_ANSWER);
    assert_int_equal(find(&d, ACTION_ORDER)->order.state, ORDER_UNKNOWN);
    unsigned queries = 0;
    for (int i = 0; i < 600; i++) {
        wait_ms(&d, 1000);
        assert_null(find(&d, ACTION_PLACE));
        if (find(&d, ACTION_QUERY)) queries++;
    }
    assert_in_range(queries, 10, 20); /* at once, then 4, 8, 16, 32, 60, 60 ... seconds */
    candle(&d, 900000);
    candle(&d, 800000);
    candle(&d, 1100000);
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_ORDER_UNKNOWN);
    news(&d, entry.id, ON_PROVED_ABSENT);
    assert_int_equal(find(&d, ACTION_ORDER)->order.state, ORDER_REJECTED);
    assert_int_equal(view(&d, 1).legs[0].working_order, 0);
    desk_close(&d);
}

static void test_engine__unknown_order_blocks_its_symbol_for_all_bots_of_the_account(void **state)
{
    (void)state;
    enum { ACCOUNT = 1, SAME_ACCOUNT, PAPER, SOMEBODY_ELSE, BOTS };
    struct desk d = desk_open();
    struct bot_config bots[BOTS];
    for (uint64_t id = ACCOUNT; id < BOTS; id++) {
        bots[id] = bot_of(id);
        bots[id].mode = id == PAPER ? MODE_PAPER : MODE_LIVE;
        bots[id].user_id = id == SOMEBODY_ELSE ? 2 : 1;
    }
    add_and_start(&d, &bots[ACCOUNT]);
    const struct order entry = enter(&d);
    news(&d, entry.id, ON_NO_ANSWER);
    for (uint64_t id = SAME_ACCOUNT; id < BOTS; id++) add_and_start(&d, &bots[id]);
    for (int64_t close = 990000; close >= 960000; close -= 10000) candle(&d, close);
    candle(&d, 1000000);
    unsigned placed_by = 0;
    for (uint32_t i = 0; i < d.out.count; i++) {
        const struct action *a = &d.out.items[i];
        if (a->kind == ACTION_PLACE) placed_by |= 1u << a->bot_id;
        if (a->kind == ACTION_DECISION && a->bot_id == SAME_ACCOUNT)
            assert_int_equal(a->decision.why, WHY_ORDER_UNKNOWN);
    }
    assert_int_equal(placed_by, 1u << PAPER | 1u << SOMEBODY_ELSE);
    desk_close(&d);
}

static void test_engine__fill_told_three_times_is_booked_once(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    for (int i = 0; i < 3; i++) {
        d.trade_id = 0;
        fill(&d, &entry, 1000000, 100);
        assert_int_equal(d.out.count, i == 0 ? 1 : 0);
    }
    assert_int_equal(engine_counters(d.engine)->duplicate_fills, 2);
    assert_int_equal(engine_order(d.engine, entry.id)->filled.units, 100);
    desk_close(&d);
}

/* A fill was finer than the scale and came rounded: the order ends, what is left of it is not sold
 * or bought again, and the bot waits for a person. */
static void test_engine__rounded_fill_ends_the_order_and_halts_the_bot(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units - 1);
    struct event e = {.kind = EVENT_ORDER, .instrument = entry.instrument};
    e.order = (struct order_news){
        .order_id = entry.id, .input = ON_ACCEPT, .reason = ORDER_REASON_FILL_ROUNDED};
    step(&d, e);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_PAUSED);
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_FILL_ROUNDED);
    e.order.input = ON_EXPIRED;
    step(&d, e);
    assert_null(find(&d, ACTION_BOT)); /* told once */
    const struct order *order = &find(&d, ACTION_ORDER)->order;
    assert_int_equal(order->state, ORDER_EXPIRED);
    assert_int_equal(order->reason, ORDER_REASON_FILL_ROUNDED);
    assert_int_equal(order->filled.units, entry.qty.units - 1);
    assert_int_equal(view(&d, 1).legs[0].working_order, 0);
    assert_int_equal(engine_halted_bots(d.engine), 1);
    for (int i = 0; i < 120; i++) {
        wait_ms(&d, 1000);
        assert_null(find(&d, ACTION_PLACE));
        assert_null(find(&d, ACTION_QUERY));
    }
    desk_close(&d);
}

/* The book holds parts of a step: an entry that found no more is sold in whole steps, and what is
 * less than one is dust. */
static void test_engine__fills_in_parts_of_a_step_are_booked_exactly(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct instrument rules = btc;
    rules.qty_scale = 8;
    rules.step.units = rules.qty_min.units = 1000;
    struct event e = {.kind = EVENT_INSTRUMENT, .instrument_rules = &rules};
    step(&d, e);
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    assert_int_equal(entry.qty.units % 1000, 0);
    fill(&d, &entry, 1000000, 618900);
    fill(&d, &entry, 1000000, 7);
    news(&d, entry.id, ON_EXPIRED);
    assert_int_equal(view(&d, 1).legs[0].position.base.units, 618907);
    e = (struct event){.kind = EVENT_BOT, .instrument = INSTRUMENT_NONE};
    e.bot = (struct bot_event){.command = BOT_COMMAND_STOP, .bot_id = 1};
    step(&d, e);
    const struct order exit = find(&d, ACTION_PLACE)->order;
    assert_int_equal(exit.qty.units, 618000);
    fill(&d, &exit, 1000000, 617999);
    assert_false(find(&d, ACTION_FILL)->booking.closed);
    fill(&d, &exit, 1000000, 1);
    const struct booking *last = &find(&d, ACTION_FILL)->booking;
    assert_int_equal(last->order.state, ORDER_FILLED);
    assert_true(last->closed);
    assert_int_equal(last->position.base.units, 907);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPED);
    desk_close(&d);
}

static void test_engine__overfill_halts_the_bot_and_books_nothing(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units + 1);
    assert_null(find(&d, ACTION_FILL));
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_IMPOSSIBLE_NEWS);
    assert_int_equal(engine_order(d.engine, entry.id)->filled.units, 0);
    desk_close(&d);
}

static void test_engine__stale_feed_denies_entries_with_the_reason(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    step(&d, (struct event){.kind = EVENT_FEED, .feed = FEED_STALE});
    static const int64_t closes[] = {10000, 9900, 9800, 9700, 9600, 10000};
    for (unsigned i = 0; i < 6; i++) candle(&d, closes[i] * 100);
    assert_null(find(&d, ACTION_PLACE));
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_FEED_STALE);
    desk_close(&d);
}

static void test_engine__crossed_book_asks_for_a_new_one_and_gates(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct level bid = {{101}, {5}}, ask = {{100}, {5}};
    step(&d,
         (struct event){
             .kind = EVENT_BOOK,
             .book = {
                 .snapshot = true, .bids = &bid, .asks = &ask, .bid_count = 1, .ask_count = 1}});
    assert_non_null(find(&d, ACTION_RESYNC));
    assert_int_equal(engine_book(d.engine, 0)->state, BOOK_STALE);
    desk_close(&d);
}

static void test_engine__stopping_sells_first_and_stops_when_flat(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    command(&d, BOT_COMMAND_STOP, &bot);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPING);
    assert_null(find(&d, ACTION_PLACE)); /* the entry is still on its way */
    fill(&d, &entry, 1000000, entry.qty.units);
    const struct order exit = placed(&d);
    assert_int_equal(exit.side, SIDE_SELL);
    fill(&d, &exit, 1000000, exit.qty.units);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPED);
    desk_close(&d);
}

static void test_engine__daily_trade_limit_pauses_until_midnight_utc(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.max_daily_trades = 1;
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 900000);
    const struct order stop = placed(&d);
    fill(&d, &stop, 900000, stop.qty.units);
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_DAILY_TRADES);
    wait_ms(&d, START_MS + 86400000 - d.time_ms - 1);
    assert_int_equal(view(&d, 1).totals.state, BOT_PAUSED);
    wait_ms(&d, 1);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_RUNNING);
    assert_int_equal(view(&d, 1).totals.day_trades, 0);
    desk_close(&d);
}

static void test_engine__restored_sent_order_is_unknown_and_asked_about(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    desk_close(&d);

    d = desk_open();
    d.time_ms = entry.created_ms + 5000;
    command(&d, BOT_COMMAND_ADD, &bot);
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = entry}});
    assert_int_equal(find(&d, ACTION_ORDER)->order.state, ORDER_UNKNOWN);
    wait_ms(&d, 0);
    assert_int_equal(find(&d, ACTION_QUERY)->order.id, entry.id);
    assert_true(engine_next_order_id(d.engine) > entry.id);
    desk_close(&d);
}

static void test_engine__late_fill_of_a_stopped_bot_goes_out_again(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    command(&d, BOT_COMMAND_STOP, &bot);
    news(&d, entry.id, ON_EXPIRED);
    assert_int_equal(find(&d, ACTION_BOT)->totals.state, BOT_STOPPED);
    fill(&d, &entry, 1000000, 100);
    assert_int_equal(find(&d, ACTION_FILL)->booking.totals.state, BOT_STOPPING);
    const struct order exit = placed(&d);
    assert_int_equal(exit.qty.units, 100);
    fill(&d, &exit, 1000000, 100);
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    desk_close(&d);
}

static void test_engine__late_fill_of_a_closed_exit_ends_stopping(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    command(&d, BOT_COMMAND_STOP, &bot);
    const struct order exit = placed(&d);
    news(&d, exit.id, ON_CANCELED);
    fill(&d, &exit, 1000000, exit.qty.units); /* its cancel overtook it */
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    wait_ms(&d, 5000);
    assert_null(find(&d, ACTION_PLACE));
    desk_close(&d);
}

static void restore_order(struct desk *d, const struct order *order)
{
    step(d, (struct event){.kind = EVENT_RESTORE,
                           .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = *order}});
}

static void test_engine__late_fill_of_an_order_closed_before_the_restart_is_booked(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.mode = MODE_LIVE;
    add_and_start(&d, &bot);
    const struct order closed = {.id = 41,
                                 .bot_id = 1,
                                 .mode = MODE_LIVE,
                                 .state = ORDER_EXPIRED,
                                 .qty = {1000},
                                 .filled = {400}};
    restore_order(&d, &closed);
    assert_int_equal(view(&d, 1).legs[0].working_order, 0);
    assert_true(engine_next_order_id(d.engine) > closed.id);
    fill(&d, &closed, 1000000, 600);
    const struct action *booked = find(&d, ACTION_FILL);
    assert_non_null(booked);
    assert_int_equal(booked->booking.order.filled.units, 1000);
    assert_int_equal(booked->booking.position.bought.units, 600);
    assert_int_equal(engine_counters(d.engine)->unknown_fills, 0);
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    desk_close(&d);
}

static void test_engine__fill_of_an_order_nobody_knows_halts_who_trades_live_there(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config live = bot_of(1), paper = bot_of(2);
    live.mode = MODE_LIVE;
    add_and_start(&d, &live);
    add_and_start(&d, &paper);
    fill(&d, &(struct order){.id = 999}, 1000000, 600);
    assert_null(find(&d, ACTION_FILL)); /* nothing is invented */
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_UNKNOWN_FILL);
    assert_int_equal(view(&d, 1).totals.state, BOT_PAUSED);
    assert_int_equal(view(&d, 2).totals.state, BOT_RUNNING);
    assert_int_equal(engine_counters(d.engine)->unknown_fills, 1);
    assert_int_equal(engine_halted_bots(d.engine), 1);
    command(&d, BOT_COMMAND_START, &live); /* a person has looked */
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    assert_int_equal(engine_halted_bots(d.engine), 0);
    desk_close(&d);
}

static void test_engine__fill_that_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    struct event event = {.kind = EVENT_FILL,
                          .fill = {.order_id = entry.id,
                                   .venue_trade_id = 1,
                                   .price = {1000000},
                                   .qty = {10},
                                   .fee = {1},
                                   .fee_scale = 8,
                                   .fee_asset = "USDT"}};
    step(&d, event);
    event.fill.venue_trade_id = 2;
    event.fill.fee.units = INT64_MAX; /* with the first one's more than fits */
    step(&d, event);
    assert_null(find(&d, ACTION_FILL));
    assert_int_equal(find(&d, ACTION_BOT)->totals.reason, BOT_REASON_IMPOSSIBLE_NEWS);
    assert_int_equal(engine_order(d.engine, entry.id)->filled.units, 10);
    assert_int_equal(view(&d, 1).legs[0].position.bought.units, 10);
    desk_close(&d);
}

static void test_engine__holding_that_cannot_be_sold_blocks_neither_stop_nor_entry(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    struct event event = {.kind = EVENT_FILL,
                          .fill = {.order_id = entry.id,
                                   .venue_trade_id = 1,
                                   .price = {1000000},
                                   .qty = {1},
                                   .fee = {1}, /* of 1,000: less than a lot is left */
                                   .fee_scale = 8,
                                   .fee_asset = "BTC"}};
    step(&d, event);
    news(&d, entry.id, ON_EXPIRED);
    command(&d, BOT_COMMAND_STOP, &bot);
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    command(&d, BOT_COMMAND_START, &bot);
    for (int64_t close = 990000; close > 960000; close -= 10000) candle(&d, close);
    candle(&d, 1000000);
    assert_int_equal(placed(&d).side, SIDE_BUY);
    desk_close(&d);
}

static void test_engine__day_limit_outlives_stop_and_start(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.max_daily_trades = 1;
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    print(&d, 900000);
    const struct order stop = placed(&d);
    fill(&d, &stop, 900000, stop.qty.units);
    command(&d, BOT_COMMAND_STOP, &bot);
    command(&d, BOT_COMMAND_START, &bot);
    assert_int_equal(view(&d, 1).totals.state, BOT_PAUSED);
    assert_int_equal(view(&d, 1).totals.reason, BOT_REASON_DAILY_TRADES);
    wait_ms(&d, START_MS + 86400000 - d.time_ms);
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    desk_close(&d);
}

static void test_engine__exit_rejected_time_after_time_is_tried_ever_less_often(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    command(&d, BOT_COMMAND_STOP, &bot);
    unsigned tries = 0;
    for (unsigned second = 0; second < 3600; second++) {
        const struct action *a = find(&d, ACTION_PLACE);
        if (a) {
            tries++;
            news(&d, a->order.id, ON_REJECT);
        }
        wait_ms(&d, 1000);
    }
    assert_in_range(tries, 60, 70);
    desk_close(&d);
}

static void test_engine__rest_too_small_to_sell_is_left_alone_and_told(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    bot.risk.stop_loss_ppm = 10000;
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, 40); /* 0.0004 at 10,000: 4 of the 5 USDT that a sell must have */
    news(&d, entry.id, ON_EXPIRED);
    command(&d, BOT_COMMAND_STOP, &bot);
    unsigned tries = 0;
    for (int i = 0; i < 120 && view(&d, 1).totals.state == BOT_STOPPING; i++) {
        const struct action *sent = find(&d, ACTION_PLACE);
        if (sent) {
            tries++;
            news(&d, sent->order.id, ON_REJECT);
        }
        if (view(&d, 1).totals.state == BOT_STOPPING) wait_ms(&d, 1000);
    }
    assert_in_range(tries, 2, 6); /* the venue's word counts too */
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    assert_int_equal(view(&d, 1).totals.reason, BOT_REASON_DUST);
    assert_true(view(&d, 1).legs[0].position.open); /* nothing is invented */
    assert_int_equal(view(&d, 1).totals.trades, 0);
    print(&d, 500000); /* no stop of a stopped bot */
    assert_null(find(&d, ACTION_PLACE));
    command(&d, BOT_COMMAND_STOP, &bot);
    assert_null(find(&d, ACTION_PLACE));
    /* Worth more again, a person starts it and lets it go. */
    command(&d, BOT_COMMAND_START, &bot);
    print(&d, 2000000);
    command(&d, BOT_COMMAND_STOP, &bot);
    const struct order exit = placed(&d);
    fill(&d, &exit, 2000000, exit.qty.units);
    assert_int_equal(view(&d, 1).totals.state, BOT_STOPPED);
    assert_int_equal(view(&d, 1).totals.reason, BOT_REASON_NONE);
    assert_int_equal(view(&d, 1).totals.trades, 1);
    desk_close(&d);
}

static void test_engine__restored_exit_that_fails_is_tried_again(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    add_and_start(&d, &bot);
    const struct order entry = enter(&d);
    fill(&d, &entry, 1000000, entry.qty.units);
    const struct position position = view(&d, 1).legs[0].position;
    command(&d, BOT_COMMAND_STOP, &bot);
    const struct order exit = placed(&d);
    desk_close(&d);

    d = desk_open();
    d.time_ms = exit.created_ms + 5000;
    command(&d, BOT_COMMAND_ADD, &bot);
    step(&d,
         (struct event){.kind = EVENT_RESTORE,
                        .restore = {.kind = RESTORE_POSITION, .bot_id = 1, .position = position}});
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = exit}});
    news(&d, exit.id, ON_EXPIRED);
    assert_int_equal(placed(&d).side, SIDE_SELL);
    desk_close(&d);
}

static void test_engine__restored_entry_leaves_no_capital_for_others(void **state)
{
    (void)state;
    struct desk d = desk_open();
    struct bot_config bot = bot_of(1);
    step(&d, (struct event){.kind = EVENT_INSTRUMENT, .instrument = 1, .instrument_rules = &btc});
    bot.symbol_count = 2;
    bot.instruments[0] = 1;
    const struct order entry = {
        .id = 5, .bot_id = 1, .instrument = 1, .state = ORDER_SENT, .qty = {9}};
    command(&d, BOT_COMMAND_ADD, &bot);
    bot.instruments[0] = 0;
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_ORDER, .bot_id = 1, .order = entry}});
    command(&d, BOT_COMMAND_START, &bot);
    for (int64_t close = 1000000; close >= 960000; close -= 10000) candle(&d, close);
    candle(&d, 1000000);
    assert_null(find(&d, ACTION_PLACE));
    assert_int_equal(find(&d, ACTION_DECISION)->decision.why, WHY_NO_CAPITAL);
    desk_close(&d);
}

static void test_engine__restored_day_that_is_over_does_not_pause(void **state)
{
    (void)state;
    struct desk d = desk_open();
    const struct bot_config bot = bot_of(1);
    wait_ms(&d, 0); /* the engine's own day has turned before the bot is there */
    command(&d, BOT_COMMAND_ADD, &bot);
    step(&d, (struct event){.kind = EVENT_RESTORE,
                            .restore = {.kind = RESTORE_BOT,
                                        .bot_id = 1,
                                        .totals = {.day = START_MS / 86400000 - 1,
                                                   .day_trades = 3,
                                                   .state = BOT_PAUSED,
                                                   .reason = BOT_REASON_DAILY_TRADES}}});
    assert_int_equal(view(&d, 1).totals.state, BOT_RUNNING);
    desk_close(&d);
}

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
        cmocka_unit_test(test_engine__cross_up_buys_and_cross_down_sells),
        cmocka_unit_test(test_engine__history_warms_up_and_never_trades),
        cmocka_unit_test(test_engine__candle_told_twice_counts_once),
        cmocka_unit_test(test_engine__stop_sells_at_the_first_price_that_touches),
        cmocka_unit_test(test_engine__exit_that_expires_is_sent_again_as_a_new_order),
        cmocka_unit_test(test_engine__unknown_order_blocks_entries_and_is_queried_not_resent),
        cmocka_unit_test(test_engine__unknown_order_blocks_its_symbol_for_all_bots_of_the_account),
        cmocka_unit_test(test_engine__fill_told_three_times_is_booked_once),
        cmocka_unit_test(test_engine__rounded_fill_ends_the_order_and_halts_the_bot),
        cmocka_unit_test(test_engine__fills_in_parts_of_a_step_are_booked_exactly),
        cmocka_unit_test(test_engine__overfill_halts_the_bot_and_books_nothing),
        cmocka_unit_test(test_engine__stale_feed_denies_entries_with_the_reason),
        cmocka_unit_test(test_engine__crossed_book_asks_for_a_new_one_and_gates),
        cmocka_unit_test(test_engine__stopping_sells_first_and_stops_when_flat),
        cmocka_unit_test(test_engine__daily_trade_limit_pauses_until_midnight_utc),
        cmocka_unit_test(test_engine__restored_sent_order_is_unknown_and_asked_about),
        cmocka_unit_test(test_engine__late_fill_of_a_stopped_bot_goes_out_again),
        cmocka_unit_test(test_engine__late_fill_of_a_closed_exit_ends_stopping),
        cmocka_unit_test(test_engine__late_fill_of_an_order_closed_before_the_restart_is_booked),
        cmocka_unit_test(test_engine__fill_of_an_order_nobody_knows_halts_who_trades_live_there),
        cmocka_unit_test(test_engine__fill_that_does_not_fit_changes_nothing),
        cmocka_unit_test(test_engine__holding_that_cannot_be_sold_blocks_neither_stop_nor_entry),
        cmocka_unit_test(test_engine__day_limit_outlives_stop_and_start),
        cmocka_unit_test(test_engine__exit_rejected_time_after_time_is_tried_ever_less_often),
        cmocka_unit_test(test_engine__rest_too_small_to_sell_is_left_alone_and_told),
        cmocka_unit_test(test_engine__restored_exit_that_fails_is_tried_again),
        cmocka_unit_test(test_engine__restored_entry_leaves_no_capital_for_others),
        cmocka_unit_test(test_engine__restored_day_that_is_over_does_not_pause),
        cmocka_unit_test(test_engine__wilder_weather_same_events_same_state),
        cmocka_unit_test(test_engine__backtest_paper_and_live_decide_alike),
        cmocka_unit_test(test_snapshot__every_cut_and_flipped_byte_is_refused_or_harmless),
    };
    return cmocka_run_group_tests_name("core/engine", tests, NULL, NULL);
}
