/* The trade thread: made, run, ended. */
#include "app/trader.h"

#include <stdlib.h>

#include "app/trader_state.h"
#include "base/check.h"
#include "base/log.h"

enum { STATUS_TICKS = TRADER_STATUS_MS / TRADER_TICK_MS };

static void on_tick(uv_timer_t *timer)
{
    struct trader *t = timer->data;
    trader_tick(t);
    trader_publish_bots(t, false);
    trader_publish_books(t);
}

static void on_status(uv_timer_t *timer)
{
    struct trader *t = timer->data;
    trader_lines_tick(t);
    trader_publish_bots(t, true);
    trader_publish_status(t);
    if (t->journal) journal_flush(t->journal);
}

static void on_stop(uv_async_t *handle)
{
    struct trader *t = handle->data;
    if (t->stopping) return;
    t->stopping = true;
    trader_lines_close(t);
    bridge_close_trade(t->options.bridge);
    uv_close((uv_handle_t *)&t->tick, NULL);
    uv_close((uv_handle_t *)&t->status, NULL);
    uv_close((uv_handle_t *)&t->store_wake, NULL);
    uv_close((uv_handle_t *)&t->stop, NULL);
}

static void run(void *user)
{
    struct trader *t = user;
    if (trader_lines_open(t) != OK) log_error("venue_failed", "cause=%s", err_text());
    trader_restore_begin(t);
    uv_run(&t->loop, UV_RUN_DEFAULT);
}

static enum err open_handles(struct trader *t)
{
    int code = uv_loop_init(&t->loop);
    if (!code) code = uv_async_init(&t->loop, &t->stop, on_stop);
    if (!code) code = uv_timer_init(&t->loop, &t->tick);
    if (!code) code = uv_timer_init(&t->loop, &t->status);
    if (code) return err_set(ERR_IO, "cannot make the trade loop: %s", uv_strerror(code));
    t->stop.data = t->tick.data = t->status.data = t;
    uv_timer_start(&t->tick, on_tick, TRADER_TICK_MS, TRADER_TICK_MS);
    uv_timer_start(&t->status, on_status, TRADER_STATUS_MS, TRADER_STATUS_MS);
    return bridge_open_trade(t->options.bridge, &t->loop, trader_on_request, t);
}

static enum err open_paper(struct trader *t)
{
    const struct paper_config config = {
        .orders_max = TRADER_PAPER_ORDERS_MAX,
        .latency_ms = TRADER_PAPER_LATENCY_MS,
        .slippage_ticks = TRADER_PAPER_SLIPPAGE_TICKS,
        /* Never a number again: ids of one millisecond are far apart, and below
         * VENUE_TRADE_ID_LIMIT until the year 2109. */
        .trade_id_base = (uint64_t)clock_wall_ms(&clock_system) * 32,
    };
    const enum err err =
        arena_init(&t->paper_arena, sim_paper_need(&config, TRADER_INSTRUMENTS_MAX));
    if (err) return err;
    sim_paper_init(&t->paper, &t->paper_arena, &config, t->instruments, t->books,
                   TRADER_INSTRUMENTS_MAX);
    t->paper_events.capacity = sim_paper_events_max(&t->paper) + TRADER_LEGS_MAX;
    t->paper_events.items = calloc(t->paper_events.capacity, sizeof *t->paper_events.items);
    return t->paper_events.items ? OK : err_set(ERR_NO_MEMORY, "cannot make the paper venue");
}

static enum err open_engine(struct trader *t)
{
    t->limits = (struct engine_limits){
        .instruments = TRADER_INSTRUMENTS_MAX,
        .bots = TRADER_BOTS_MAX,
        .legs = TRADER_LEGS_MAX,
        .orders = TRADER_ORDERS_MAX,
        .fills = TRADER_FILLS_MAX,
        .book_levels = TRADER_BOOK_LEVELS,
        .explain = true,
    };
    t->instruments = calloc(TRADER_INSTRUMENTS_MAX, sizeof *t->instruments);
    t->books = calloc(TRADER_INSTRUMENTS_MAX, sizeof *t->books);
    t->book_changed = calloc(TRADER_INSTRUMENTS_MAX, sizeof *t->book_changed);
    t->seats = calloc(TRADER_BOTS_MAX, sizeof *t->seats);
    t->outbox.capacity = engine_outbox_need(&t->limits);
    t->outbox.items = calloc(t->outbox.capacity, sizeof *t->outbox.items);
    if (!t->instruments || !t->books || !t->book_changed || !t->seats || !t->outbox.items)
        return err_set(ERR_NO_MEMORY, "cannot make the trader");
    const enum err err = arena_init(&t->seat_arena, id_map_need(TRADER_BOTS_MAX));
    if (err) return err;
    id_map_init(&t->seat_by_id, &t->seat_arena, TRADER_BOTS_MAX);
    return engine_new(&t->limits, &t->engine);
}

static void trader_free(struct trader *t)
{
    while (t->restored) {
        struct restored *r = t->restored;
        t->restored = r->next;
        restored_free(r);
    }
    engine_free(t->engine);
    arena_deinit(&t->paper_arena);
    arena_deinit(&t->seat_arena);
    free(t->paper_events.items);
    free(t->instruments);
    free(t->books);
    free(t->book_changed);
    free(t->seats);
    free(t->outbox.items);
    free(t->early);
    for (unsigned i = 0; i < TRADER_INSTRUMENTS_MAX; i++)
        for (unsigned k = 0; k < TIMEFRAME_COUNT; k++) free(t->recent[i][k]);
    explicit_bzero(t, sizeof *t); /* a key may have passed through */
    free(t);
}

static enum err prepare(struct trader *t)
{
    enum err err = open_engine(t);
    if (!err) err = open_paper(t);
    if (!err && t->options.journal_path)
        err = journal_create(t->options.journal_path, &t->limits, &t->journal);
    if (!err) err = trader_restore(t);
    return err;
}

/* Closes what open_handles and trader_store_open opened, when the thread could not start. */
static void abandon(struct trader *t)
{
    on_stop(&t->stop);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    uv_loop_close(&t->loop);
}

enum err trader_start(const struct trader_options *options, struct trader **out)
{
    struct trader *t = calloc(1, sizeof *t);
    if (!t) return err_set(ERR_NO_MEMORY, "cannot make the trader");
    t->options = *options;
    enum err err = prepare(t);
    if (!err) err = open_handles(t);
    if (err) goto failed;
    err = trader_store_open(t);
    if (err) {
        abandon(t);
        trader_store_close(t);
        trader_roster_close(t);
        goto failed;
    }
    if (uv_thread_create(&t->thread, run, t) != 0) {
        err = err_set(ERR_IO, "cannot start the trade thread");
        abandon(t);
        trader_store_close(t);
        trader_roster_close(t);
        goto failed;
    }
    *out = t;
    return OK;

failed:
    if (t->journal && journal_close(t->journal) != OK) log_warn("journal_lost", "%s", err_text());
    trader_free(t);
    return err;
}

struct store_thread *trader_store_thread(struct trader *t)
{
    return t->store;
}

enum err trader_stop(struct trader *t)
{
    if (!t) return OK;
    uv_async_send(&t->stop);
    uv_thread_join(&t->thread);
    trader_store_close(t);
    trader_roster_close(t);
    CHECK(uv_loop_close(&t->loop) == 0);
    const enum err err = journal_close(t->journal);
    log_info("trader_stopped", "events=%llu decisions=%016llx", (unsigned long long)t->seq,
             (unsigned long long)engine_decision_hash(t->engine));
    trader_free(t);
    return err;
}
