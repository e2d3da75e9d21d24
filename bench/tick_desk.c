/* From a readable frame to a signed order on the wire, with the program's own parts. */
#include "tick_desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "core/strategy/strategy.h"
#include "io/venue/binance/binance_rest.h"

enum { MINUTE_MS = 60000, FRAME_LIMIT = 1 << 20, LEVELS_MAX = 5000 };

static void on_feed_open(struct conn *c);
static void on_feed_data(struct conn *c, struct slice bytes);
static void on_feed_close(struct conn *c, enum err reason, const char *text);
static void on_answer(void *user, const struct http_result *result);

static const struct conn_handler feed_handler = {
    .on_open = on_feed_open,
    .on_data = on_feed_data,
    .on_close = on_feed_close,
};

static const struct engine_limits limits = {
    .instruments = 1,
    .bots = 1,
    .legs = 1,
    .orders = 64,
    .fills = 1024,
    .book_levels = LEVELS_MAX,
    .explain = true,
};

static const struct instrument rules = {
    .venue = VENUE_BINANCE,
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
    .taker_fee_ppm = 1000,
};

static void must(enum err err)
{
    if (!err) return;
    fprintf(stderr, "bench_tick: %s\n", err_text());
    exit(1);
}

/* ---- the engine ---- */

static void step(struct desk *d, struct event *event)
{
    const int64_t now_ms = clock_wall_ms(&clock_system);
    if (now_ms > d->time_ms) d->time_ms = now_ms;
    event->seq = ++d->seq;
    event->time_ms = d->time_ms;
    engine_step(d->engine, event, &d->outbox);
}

static bool find_order(const struct desk *d, struct order *order)
{
    for (uint32_t i = 0; i < d->outbox.count; i++) {
        if (d->outbox.items[i].kind != ACTION_PLACE) continue;
        *order = d->outbox.items[i].order;
        return true;
    }
    return false;
}

static void take_snapshot(struct desk *d)
{
    struct binance_depth depth;
    must(binance_read_depth(buffer_slice(&d->input->snapshot), &rules, d->levels,
                            d->decoder.level_capacity, &depth));
    step(d, &(struct event){.kind = EVENT_BOOK,
                            .book = {.snapshot = true,
                                     .last_id = depth.last_id,
                                     .bids = depth.bids,
                                     .asks = depth.asks,
                                     .bid_count = depth.bid_count,
                                     .ask_count = depth.ask_count}});
}

static void candle(struct desk *d, int64_t close)
{
    d->candle_ms += MINUTE_MS;
    step(d, &(struct event){.kind = EVENT_CANDLE,
                            .candle = {.timeframe = TIMEFRAME_1M,
                                       .candle = {.open_ms = d->candle_ms,
                                                  .open = {close},
                                                  .high = {close},
                                                  .low = {close},
                                                  .close = {close}}}});
}

static void fill(struct desk *d, const struct order *order, int64_t price)
{
    step(d, &(struct event){.kind = EVENT_ORDER,
                            .order = {.order_id = order->id, .input = ON_ACCEPT}});
    step(d, &(struct event){.kind = EVENT_FILL,
                            .fill = {.order_id = order->id,
                                     .venue_trade_id = ++d->trade_id,
                                     .price = {price},
                                     .qty = order->qty,
                                     .fee_scale = 8,
                                     .fee_asset = "USDT",
                                     .time_ms = d->time_ms}});
}

/* Buys, and books the fill a tenth above the market: the next trade is far below the stop. */
static void arm(struct desk *d)
{
    static const int64_t closes[] = {6000000, 5900000, 5800000, 5700000, 6000000};
    struct order entry;
    if (d->ticks_taken % d->input->count == 0) take_snapshot(d);
    for (unsigned i = 0; i < sizeof closes / sizeof *closes; i++) candle(d, closes[i]);
    CHECK(find_order(d, &entry));
    fill(d, &entry, (d->last.units ? d->last.units : 6500000) / 10 * 11);
    atomic_fetch_add(&d->armed, 1);
}

static void open_engine(struct desk *d)
{
    struct bot_config bot = {
        .id = 1,
        .user_id = 1,
        .mode = MODE_LIVE,
        .strategy = STRATEGY_EMA_CROSS,
        .timeframe = TIMEFRAME_1M,
        .sizing_kind = SIZING_QUANTITY,
        .sizing_value = 100,
        .symbol_count = 1,
        .quote_scale = 8,
        .capital = {INT64_C(10000000000000000)}, /* it loses at every turn */
        .risk = {.stop_loss_ppm = 20000},
    };
    strategy_params_init(STRATEGY_EMA_CROSS, bot.params);
    bot.params[0] = 2;
    bot.params[1] = 3;
    must(engine_new(&limits, &d->engine));
    d->outbox.capacity = engine_outbox_need(&limits);
    d->outbox.items = calloc(d->outbox.capacity, sizeof *d->outbox.items);
    CHECK(d->outbox.items);
    d->candle_ms = timeframe_floor(TIMEFRAME_1M, clock_wall_ms(&clock_system)) -
                   INT64_C(1000000) * MINUTE_MS; /* each turn takes some minutes of history */
    step(d, &(struct event){.kind = EVENT_INSTRUMENT, .instrument_rules = &rules});
    step(d, &(struct event){.kind = EVENT_FEED, .feed = FEED_LIVE});
    struct event command = {.kind = EVENT_BOT,
                            .instrument = INSTRUMENT_NONE,
                            .bot = {.command = BOT_COMMAND_ADD, .bot_id = 1, .config = &bot}};
    step(d, &command);
    command.bot.command = BOT_COMMAND_START;
    step(d, &command);
}

/* ---- what is measured ---- */

static void send_order(struct desk *d)
{
    static const struct slice form = SLICE("application/x-www-form-urlencoded");
    must(binance_sign_query(&d->key, &d->body, 0, clock_wall_ms(&clock_system)));
    CHECK(!d->body.failed);
    const struct http_header headers[] = {
        {SLICE("X-MBX-APIKEY"), slice_of(d->key.api_key)},
        {SLICE("Content-Type"), form},
    };
    must(http_client_send(d->orders, &(struct http_call){.method = SLICE("POST"),
                                                         .target = SLICE("/api/v3/order"),
                                                         .headers = headers,
                                                         .header_count = 2,
                                                         .body = buffer_slice(&d->body),
                                                         .on_result = on_answer,
                                                         .user = d}));
}

static void make_durable(struct desk *d, const char *client_id)
{
    struct store_command command = {.kind = STORE_ORDER_PLACED, .id = d->order.id};
    command.order.order = d->order;
    command.order.market = store_market_of(&rules);
    memcpy(command.order.client_order_id, client_id, CLIENT_ID_SIZE);
    CHECK(slice_copy(buffer_slice(&d->body), command.order.body, sizeof command.order.body));
    CHECK(store_thread_push(d->store_thread, &command));
}

static void on_store_wake(uv_async_t *handle)
{
    struct desk *d = handle->data;
    struct store_ack ack;
    while (store_thread_pop_ack(d->store_thread, &ack)) {
        must((enum err)ack.err);
        send_order(d);
    }
}

static void place(struct desk *d)
{
    char client_id[CLIENT_ID_SIZE];
    CHECK(d->order.purpose == PURPOSE_STOP);
    client_id_write("benchtck", d->order.id, client_id);
    buffer_clear(&d->body);
    binance_query_order_new(&d->body, &rules, &d->order, client_id);
    if (atomic_load_explicit(&d->durable, memory_order_relaxed))
        make_durable(d, client_id);
    else
        send_order(d);
}

static void take_frame(struct desk *d, struct slice text)
{
    struct binance_frame frame;
    struct event event = {.instrument = 0};
    must(binance_stream_decode(&d->decoder, text, &frame));
    if (frame.kind == BINANCE_DEPTH) {
        event.kind = EVENT_BOOK;
        event.book = (struct book_update){.last_id = frame.depth.last_id,
                                          .bids = frame.depth.bids,
                                          .asks = frame.depth.asks,
                                          .bid_count = frame.depth.bid_count,
                                          .ask_count = frame.depth.ask_count};
    } else {
        CHECK(frame.kind == BINANCE_TRADE);
        event.kind = EVENT_PRINT;
        event.print = frame.trade;
        d->last = frame.trade.price;
        d->ticks_taken++;
    }
    step(d, &event);
    if (find_order(d, &d->order)) place(d);
}

static void on_feed_data(struct conn *c, struct slice bytes)
{
    struct desk *d = conn_user(c);
    struct ws_event event;
    for (;;) {
        must(ws_decoder_next(&d->frames, &bytes, &event));
        if (event.opcode == WS_CONTINUE) return;
        CHECK(event.opcode == WS_TEXT);
        take_frame(d, event.payload);
    }
}

static void on_answer(void *user, const struct http_result *result)
{
    struct desk *d = user;
    if (result->err == ERR_CLOSED && !d->feed) return; /* desk_close */
    CHECK(result->err == OK && result->status == 200);
    fill(d, &d->order, d->last.units);
    arm(d);
}

/* ---- opening and closing ---- */

static void on_feed_open(struct conn *c)
{
    struct desk *d = conn_user(c);
    http_client_warm(d->orders);
    arm(d);
}

static void on_feed_close(struct conn *c, enum err reason, const char *text)
{
    (void)c;
    (void)reason;
    fprintf(stderr, "bench_tick: the feed ended: %s\n", text);
    exit(1);
}

static void wake(void *user)
{
    uv_async_send(user);
}

static void open_store(struct desk *d)
{
    struct store_bot bot = {
        .user_id = STORE_FIRST_USER,
        .venue = VENUE_BINANCE,
        .mode = MODE_LIVE,
        .name = "bench",
        .strategy = "ema_cross",
        .params = "{}",
        .symbol_count = 1,
        .symbols = {"BTCUSDT"},
        .capital = {1},
        .sizing_value = 1,
    };
    char path[128];
    uint64_t bot_id;
    memcpy(d->folder, "/tmp/tradebot-bench-XXXXXX", sizeof "/tmp/tradebot-bench-XXXXXX");
    CHECK(mkdtemp(d->folder));
    snprintf(path, sizeof path, "%s/store.db", d->folder);
    must(store_open(path, 1, &d->store));
    must(store_begin(d->store));
    must(store_bot_insert(d->store, &bot, &bot_id));
    must(store_commit(d->store));
    CHECK(bot_id == 1);
    CHECK(uv_async_init(d->loop, &d->store_wake, on_store_wake) == 0);
    d->store_wake.data = d;
    must(store_thread_start(
        &(struct store_thread_options){
            .store = d->store, .slot_count = 64, .wake = wake, .user = &d->store_wake},
        &d->store_thread));
}

void desk_open(struct desk *d, uv_loop_t *loop, const struct tick_input *input, uint16_t port,
               const struct tls_context *tls)
{
    *d = (struct desk){.loop = loop, .input = input, .tls = tls, .port = port};
    d->symbols = calloc(1, sizeof *d->symbols);
    d->levels = calloc(BINANCE_LEVELS_MAX, sizeof *d->levels);
    CHECK(d->symbols && d->levels);
    must(binance_symbols_add(d->symbols, &rules));
    d->decoder = (struct binance_decoder){
        .symbols = d->symbols, .levels = d->levels, .level_capacity = BINANCE_LEVELS_MAX};
    must(binance_key_init_hmac(
        &d->key, SLICE("vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"),
        SLICE("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")));
    ws_decoder_init(&d->frames, WS_CLIENT, FRAME_LIMIT, false);
    open_engine(d);
    open_store(d);
    must(http_client_open(loop,
                          &(struct http_client_options){
                              .host = "127.0.0.1", .port = port, .tls = tls, .pool_size = 1},
                          &d->orders));
    must(conn_dial(
        loop,
        &(struct conn_dial){
            .host = "127.0.0.1", .port = port, .tls = tls, .handler = &feed_handler, .user = d},
        &d->feed));
}

void desk_close(struct desk *d)
{
    conn_set_handler(d->feed, NULL, NULL);
    conn_abort(d->feed);
    d->feed = NULL;
    http_client_close(d->orders);
    store_thread_free(d->store_thread);
    uv_close((uv_handle_t *)&d->store_wake, NULL);
    store_close(d->store);
    static const char *const files[] = {"store.db", "store.db-lock"};
    char path[128];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", d->folder, files[i]);
        unlink(path);
    }
    rmdir(d->folder);
    engine_free(d->engine);
    binance_key_deinit(&d->key);
    ws_decoder_deinit(&d->frames);
    buffer_deinit(&d->body);
    free(d->outbox.items);
    free(d->symbols);
    free(d->levels);
}
