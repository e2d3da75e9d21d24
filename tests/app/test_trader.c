/* The trader's guards: what stands between the engine's order and the venue. A real engine and
 * store, and a gateway that only counts. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/trader_state.h"
#include "core/strategy/strategy.h"

struct world {
    char folder[64], path[96];
    struct trader *t;
    struct bridge bridge;
    uint64_t bot_id;
    int64_t candle_ms;
};

static market_candles on_history;
static void *history_user;
static unsigned answers;
static bool gateway_up;
static uint64_t placed, placed_id;

bool __wrap_gateway_is_ready(const struct gateway *g);
void __wrap_gateway_place(struct gateway *g, const struct order *order, const char *body);
void __wrap_gateway_query(struct gateway *g, const struct order *order);

bool __wrap_gateway_is_ready(const struct gateway *g)
{
    (void)g;
    return gateway_up;
}

void __wrap_gateway_place(struct gateway *g, const struct order *order, const char *body)
{
    (void)g;
    assert_non_null(strstr(body, "symbol=BTCUSDT"));
    placed++;
    placed_id = order->id;
}

void __wrap_gateway_query(struct gateway *g, const struct order *order)
{
    (void)g;
    (void)order;
}

enum err __wrap_market_session_watch_candles(struct market_session *m, uint16_t instrument,
                                             enum timeframe timeframe);
enum err __wrap_market_session_fetch_candles(struct market_session *m, const char *symbol,
                                             enum timeframe timeframe, uint32_t count,
                                             market_candles on_candles, void *user);

enum err __wrap_market_session_watch_candles(struct market_session *m, uint16_t instrument,
                                             enum timeframe timeframe)
{
    (void)m, (void)instrument, (void)timeframe;
    return OK;
}

enum err __wrap_market_session_fetch_candles(struct market_session *m, const char *symbol,
                                             enum timeframe timeframe, uint32_t count,
                                             market_candles on_candles, void *user)
{
    (void)m, (void)symbol, (void)timeframe, (void)count;
    on_history = on_candles;
    history_user = user;
    return OK;
}

static const struct instrument btc = {
    .symbol = "BTCUSDT",
    .base = "BTC",
    .quote = "USDT",
    .venue = VENUE_SIM,
    .price_scale = 2,
    .qty_scale = 5,
    .base_scale = 8,
    .quote_scale = 8,
    .tick = {1},
    .step = {1},
    .qty_min = {1},
};

static void insert_bot(struct world *w)
{
    struct store_bot bot = {.user_id = STORE_FIRST_USER,
                            .name = "guarded",
                            .mode = MODE_LIVE,
                            .strategy = "ema_cross",
                            .params = "{}",
                            .symbol_count = 1,
                            .symbols = {"BTCUSDT"},
                            .timeframe = TIMEFRAME_1M,
                            .quote_scale = 8,
                            .capital = {INT64_C(1000000000000)},
                            .sizing_kind = SIZING_PERCENT,
                            .sizing_scale = 6,
                            .sizing_value = 100000};
    assert_int_equal(store_begin(w->t->options.store), OK);
    assert_int_equal(store_bot_insert(w->t->options.store, &bot, &w->bot_id), OK);
    assert_int_equal(store_commit(w->t->options.store), OK);
}

static void command(struct world *w, enum bot_command what, const struct bot_config *config)
{
    struct event event = {.kind = EVENT_BOT,
                          .instrument = INSTRUMENT_NONE,
                          .bot = {(uint8_t)what, w->bot_id, config}};
    trader_event(w->t, &event);
}

static void add_bot(struct world *w)
{
    struct bot_config config = {.id = w->bot_id,
                                .user_id = STORE_FIRST_USER,
                                .mode = MODE_LIVE,
                                .strategy = STRATEGY_EMA_CROSS,
                                .timeframe = TIMEFRAME_1M,
                                .sizing_kind = SIZING_PERCENT,
                                .sizing_value = 100000,
                                .symbol_count = 1,
                                .quote_scale = 8,
                                .capital = {INT64_C(1000000000000)}};
    strategy_params_init(STRATEGY_EMA_CROSS, config.params);
    config.params[0] = 2;
    config.params[1] = 3;
    command(w, BOT_COMMAND_ADD, &config);
    command(w, BOT_COMMAND_START, NULL);
}

static void watch(struct trader *t)
{
    t->instruments[0] = btc;
    t->instrument_count = 1;
    t->books[0] = engine_book(t->engine, 0);
    t->lines[VENUE_SIM] = (struct line){.trader = t, .venue = VENUE_SIM};
    t->lines[VENUE_SIM].gateway = (struct gateway *)t; /* never looked into */
    struct event rules = {.kind = EVENT_INSTRUMENT, .instrument_rules = &t->instruments[0]};
    trader_event(t, &rules);
    struct event feed = {.kind = EVENT_FEED, .feed = FEED_LIVE};
    trader_event(t, &feed);
}

static void make_trader(struct world *w)
{
    struct trader *t = w->t = calloc(1, sizeof *t);
    assert_int_equal(store_open(w->path, 1, &t->options.store), OK);
    assert_int_equal(bridge_init(&w->bridge, 1), OK);
    t->options.bridge = &w->bridge;
    t->options.live_enabled = true;
    t->limits = (struct engine_limits){
        .instruments = 2, .bots = 3, .legs = 4, .orders = 64, .fills = 64, .book_levels = 8};
    assert_int_equal(engine_new(&t->limits, &t->engine), OK);
    t->outbox.capacity = engine_outbox_need(&t->limits);
    t->outbox.items = calloc(t->outbox.capacity, sizeof *t->outbox.items);
    t->instruments = calloc(2, sizeof *t->instruments);
    t->books = calloc(2, sizeof *t->books);
    t->book_changed = calloc(2, sizeof *t->book_changed);
    t->seats = calloc(3, sizeof *t->seats);
    t->paper_events.capacity = 64;
    t->paper_events.items = calloc(64, sizeof *t->paper_events.items);
    assert_int_equal(arena_init(&t->seat_arena, id_map_need(3)), OK);
    id_map_init(&t->seat_by_id, &t->seat_arena, 3);
    insert_bot(w);
    assert_int_equal(uv_loop_init(&t->loop), 0);
    assert_int_equal(trader_store_open(t), OK);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    strcpy(w->folder, "/tmp/tradebot-trader-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof w->path, "%s/tradebot.db", w->folder);
    gateway_up = true;
    placed = placed_id = 0;
    make_trader(w);
    watch(w->t);
    add_bot(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock", "-reserve"};
    struct world *w = *state;
    struct trader *t = w->t;
    trader_store_close(t);
    uv_close((uv_handle_t *)&t->store_wake, NULL);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&t->loop), 0);
    store_close(t->options.store);
    engine_free(t->engine);
    arena_deinit(&t->seat_arena);
    bridge_deinit(&w->bridge);
    free(t->paper_events.items);
    free(t->outbox.items);
    free(t->instruments);
    free(t->books);
    free(t->book_changed);
    free(t->seats);
    free(t->early);
    for (unsigned k = 0; k < TIMEFRAME_COUNT; k++) free(t->recent[0][k]);
    free(t);
    for (unsigned i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", w->path, ends[i]);
        unlink(path);
    }
    rmdir(w->folder);
    free(w);
    return 0;
}

static void candle(struct world *w, int64_t close)
{
    w->candle_ms += 60000;
    struct event event = {.kind = EVENT_CANDLE,
                          .candle = {.timeframe = TIMEFRAME_1M,
                                     .candle = {.open_ms = w->candle_ms,
                                                .open = {close},
                                                .high = {close},
                                                .low = {close},
                                                .close = {close}}}};
    trader_event(w->t, &event);
}

/* Until the store has answered everything. */
static void settle(struct world *w)
{
    while (w->t->pending_count > 0) uv_run(&w->t->loop, UV_RUN_ONCE);
}

/* An entry is wished for; the id that the engine gave it. */
static uint64_t wish(struct world *w)
{
    for (int64_t close = 1000000; close >= 960000; close -= 10000) candle(w, close);
    const uint64_t id = engine_next_order_id(w->t->engine);
    candle(w, 1000000);
    assert_int_equal(engine_next_order_id(w->t->engine), id + 1);
    return id;
}

static void assert_refused(struct world *w, uint64_t id, enum order_reason reason)
{
    settle(w);
    const struct order *order = engine_order(w->t->engine, id);
    assert_non_null(order);
    assert_int_equal(placed, 0);
    assert_int_equal(order->state, ORDER_REJECTED);
    assert_int_equal(order->reason, reason);
}

static void test_trader__order_is_durable_before_it_leaves(void **state)
{
    struct world *w = *state;
    const uint64_t id = wish(w);
    assert_int_equal(placed, 0); /* the store has not answered */
    settle(w);
    assert_int_equal(placed, 1);
    assert_int_equal(placed_id, id);
}

static void test_trader__live_order_without_leave_does_not_leave(void **state)
{
    struct world *w = *state;
    w->t->options.live_enabled = false;
    assert_refused(w, wish(w), ORDER_REASON_NOT_RECORDED);
}

static void test_trader__entry_needs_the_user_stream(void **state)
{
    struct world *w = *state;
    gateway_up = false;
    assert_refused(w, wish(w), ORDER_REASON_NOT_RECORDED);
}

static void test_trader__entry_waits_for_the_venues_bots_to_be_restored(void **state)
{
    struct world *w = *state;
    w->t->lines[VENUE_SIM].restoring = 1;
    assert_refused(w, wish(w), ORDER_REASON_NOT_RECORDED);
}

static void test_trader__entry_is_refused_while_records_are_lost(void **state)
{
    struct world *w = *state;
    w->t->records_lost = true;
    assert_refused(w, wish(w), ORDER_REASON_NOT_RECORDED);
    w->t->records_lost = false;
    assert_true(*trader_store_trouble(w->t) == '\0');
}

static void test_trader__entry_that_aged_in_the_store_is_not_sent_and_its_row_says_so(void **state)
{
    struct world *w = *state;
    const uint64_t id = wish(w);
    w->t->time_ms += TRADER_ENTRY_AGE_MS + 1;
    assert_refused(w, id, ORDER_REASON_NOT_SENT);
    assert_false(w->t->records_lost);
}

static void test_trader__order_told_about_before_it_was_sent_is_not_sent(void **state)
{
    struct world *w = *state;
    struct event told = {.kind = EVENT_ORDER, .order = {.order_id = wish(w), .input = ON_ACCEPT}};
    trader_event(w->t, &told);
    settle(w);
    assert_int_equal(placed, 0);
}

static void test_trader__early_news_waits_for_its_bot(void **state)
{
    struct world *w = *state;
    const struct fill fill = {.order_id = 900, .venue_trade_id = 7, .price = {1}, .qty = {1}};
    struct event early = {.kind = EVENT_FILL, .fill = fill};
    w->t->restoring = 1;
    trader_order_news(w->t, &early);
    assert_int_equal(engine_counters(w->t->engine)->unknown_fills, 0);
    trader_early_due(w->t);
    assert_int_equal(w->t->early_count, 1);
    w->t->restoring = 0; /* nobody is left whose it could be */
    trader_early_due(w->t);
    assert_int_equal(w->t->early_count, 0);
    assert_int_equal(engine_counters(w->t->engine)->unknown_fills, 1);
    assert_int_equal(engine_halted_bots(w->t->engine), 1);
    settle(w);
}

static void on_answer(void *user, const struct desk_answer *answer)
{
    (void)user;
    assert_int_equal(answer->err, OK);
    answers++;
}

static void ignore_publication(void *user, const struct publication *p)
{
    (void)user;
    (void)p;
}

/* The history was made before a candle closed, and arrives after the stream told it. */
static void test_trader__candle_that_closes_while_history_is_fetched_is_not_missed(void **state)
{
    struct world *w = *state;
    struct trader *t = w->t;
    t->lines[VENUE_SIM].offered = t->lines[VENUE_SIM].symbols_known = true;
    t->lines[VENUE_SIM].session = (struct market_session *)t; /* never looked into */
    assert_int_equal(bridge_open_web(&w->bridge.ends[0], &t->loop, ignore_publication, NULL), OK);
    const struct store_bot bot = {.user_id = STORE_FIRST_USER,
                                  .name = "second",
                                  .venue = VENUE_SIM,
                                  .mode = MODE_PAPER,
                                  .strategy = "ema_cross",
                                  .params = "{}",
                                  .symbol_count = 1,
                                  .symbols = {"BTCUSDT"},
                                  .timeframe = TIMEFRAME_1M,
                                  .quote_scale = 8,
                                  .capital = {INT64_C(1000000000000)},
                                  .sizing_kind = SIZING_PERCENT,
                                  .sizing_scale = 6,
                                  .sizing_value = 100000};
    const struct desk_request request = {
        .kind = DESK_BOT_CREATE, .user_id = STORE_FIRST_USER, .bot = bot, .on_answer = on_answer};
    candle(w, 1000000);
    answers = 0;
    on_history = NULL;
    trader_bot_create(t, &request);
    settle(w);
    assert_non_null(on_history);
    struct candle history[3];
    for (int i = 0; i < 3; i++) /* the last is still open */
        history[i] = (struct candle){.open_ms = w->candle_ms + (i - 1) * 60000,
                                     .open = {1000000},
                                     .high = {1000000},
                                     .low = {1000000},
                                     .close = {1000000}};
    candle(w, 1000000);
    on_history(history_user, OK, history, 3);
    candle(w, 1000000);
    while (answers == 0) uv_run(&t->loop, UV_RUN_ONCE);
    bridge_close_web(&w->bridge.ends[0]);
    uv_run(&t->loop, UV_RUN_NOWAIT);
    assert_int_equal(engine_counters(t->engine)->candle_gaps, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_trader__order_is_durable_before_it_leaves),
        CASE(test_trader__live_order_without_leave_does_not_leave),
        CASE(test_trader__entry_needs_the_user_stream),
        CASE(test_trader__entry_waits_for_the_venues_bots_to_be_restored),
        CASE(test_trader__entry_is_refused_while_records_are_lost),
        CASE(test_trader__entry_that_aged_in_the_store_is_not_sent_and_its_row_says_so),
        CASE(test_trader__order_told_about_before_it_was_sent_is_not_sent),
        CASE(test_trader__early_news_waits_for_its_bot),
        CASE(test_trader__candle_that_closes_while_history_is_fetched_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
