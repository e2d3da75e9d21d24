/* Between the engine's actions and the store thread: commands in order,
 * and what follows from acks. */
#include <stdlib.h>

#include "app/trader_state.h"
#include "base/check.h"
#include "base/log.h"

/* What the store thread and the backlog can hold together. */
enum { PENDING_SLOTS = TRADER_STORE_SLOTS + TRADER_BACKLOG_MAX };

static void on_store_wake(void *user)
{
    uv_async_send(&((struct trader *)user)->store_wake);
}

static void never_sent(struct trader *t, const struct order *order, enum order_reason reason)
{
    struct event event = {
        .kind = EVENT_ORDER,
        .instrument = order->instrument,
        .order = {.order_id = order->id, .input = ON_PROVED_ABSENT, .reason = (uint8_t)reason},
    };
    trader_event(t, &event);
}

/* Between an entry's decision and its leave a person may have stopped the bot, or a limit paused
 * it: once that is told, nothing that adds risk goes out. */
static bool is_running(const struct trader *t, uint64_t bot_id)
{
    struct bot_view view;
    return engine_bot_view(t->engine, bot_id, &view) && view.totals.state == BOT_RUNNING;
}

/* Nothing that the store refuses is expected: it is told aloud, and what it means for money is
 * decided here. */
static void placed(struct trader *t, const struct pending *what, const struct store_ack *ack)
{
    t->handed_id = what->order.id;
    if (ack->err != OK) {
        log_error("order_not_recorded", "order=%llu err=%s", (unsigned long long)what->order.id,
                  err_name((enum err)ack->err));
        never_sent(t, &what->order, ORDER_REASON_NOT_RECORDED);
        return;
    }
    const struct order *order = engine_order(t->engine, what->order.id);
    if (!order ||
        order->state != ORDER_SENT) { /* told about before it was sent: not ours to send */
        log_error("order_not_sent", "order=%llu reason=not_in_state_sent",
                  (unsigned long long)what->order.id);
        never_sent(t, &what->order, ORDER_REASON_NEVER_ACCEPTED);
        return;
    }
    if (order->purpose == PURPOSE_ENTRY && !is_running(t, order->bot_id)) {
        log_warn("order_not_sent", "order=%llu reason=bot_stopped", (unsigned long long)order->id);
        never_sent(t, &what->order, ORDER_REASON_NOT_SENT);
        return;
    }
    if (order->purpose == PURPOSE_ENTRY && t->time_ms > order->created_ms + TRADER_ENTRY_AGE_MS) {
        log_warn("order_not_sent", "order=%llu reason=aged", (unsigned long long)order->id);
        never_sent(t, &what->order, ORDER_REASON_NOT_SENT);
        return;
    }
    if (what->order.mode == MODE_LIVE) {
        CHECK(t->options.live_enabled);
        gateway_place(trader_line_of(t, what->order.instrument)->gateway, &what->order, what->body);
        return;
    }
    sim_paper_place(&t->paper, &what->order, t->time_ms, &t->paper_events);
    trader_drain_paper(t);
}

/* Whether the store and the engine tell different stories from here on. */
static bool is_loss(const struct pending *what, enum err err)
{
    return err != OK && (what->kind == STORE_FILL_BOOKED || what->kind == STORE_ORDER_CHANGED ||
                         what->kind == STORE_BOT_TOTALS);
}

static void acked(struct trader *t, const struct store_ack *ack)
{
    CHECK(t->pending_count > 0);
    const struct pending what = t->pending[t->pending_first];
    CHECK(what.id == ack->id);
    t->pending_first = (t->pending_first + 1) % PENDING_SLOTS;
    if (--t->pending_count == 0) t->pending_first = 0; /* stay on the same few pages */
    if (what.kind == STORE_ORDER_PLACED) {
        placed(t, &what, ack);
    } else if (what.errand) {
        trader_bot_durable(t, what.errand, ack);
    } else if (is_loss(&what, (enum err)ack->err)) {
        log_error("store_refused", "kind=%u err=%s", what.kind, err_name((enum err)ack->err));
        if (!t->records_lost) log_error("entries_stopped", "reason=store_refused until=restart");
        t->records_lost = true;
    }
}

static void push_backlog(struct trader *t)
{
    while (t->backlog_count > 0 && store_thread_push(t->store, &t->backlog[t->backlog_first])) {
        t->backlog_first = (t->backlog_first + 1) % TRADER_BACKLOG_MAX;
        if (--t->backlog_count == 0) t->backlog_first = 0;
    }
}

static void on_wake(uv_async_t *handle)
{
    struct trader *t = handle->data;
    struct store_ack ack;
    while (store_thread_pop_ack(t->store, &ack)) acked(t, &ack);
    push_backlog(t);
}

enum err trader_store_open(struct trader *t)
{
    const int code = uv_async_init(&t->loop, &t->store_wake, on_wake);
    CHECK(code == 0); /* the loop has its wake-up already for `stop` */
    t->store_wake.data = t;
    t->pending = calloc(PENDING_SLOTS, sizeof *t->pending);
    t->backlog = calloc(TRADER_BACKLOG_MAX, sizeof *t->backlog);
    if (!t->pending || !t->backlog) return err_set(ERR_NO_MEMORY, "cannot hold store commands");
    const struct store_thread_options options = {
        .store = t->options.store,
        .slot_count = TRADER_STORE_SLOTS,
        .wake = on_store_wake,
        .user = t,
    };
    return store_thread_start(&options, &t->store);
}

void trader_store_push(struct trader *t, struct store_command *command, struct pending *what)
{
    command->id = what->id = ++t->next_command_id;
    CHECK(t->pending_count < PENDING_SLOTS);
    t->pending[(t->pending_first + t->pending_count) % PENDING_SLOTS] = *what;
    t->pending_count++;
    if (t->backlog_count == 0 && store_thread_push(t->store, command)) return;
    CHECK(t->backlog_count < TRADER_BACKLOG_MAX); /* stopping is safe, forgetting is not */
    t->backlog[(t->backlog_first + t->backlog_count) % TRADER_BACKLOG_MAX] = *command;
    t->backlog_count++;
}

const char *trader_store_trouble(const struct trader *t)
{
    if (t->records_lost) return "the store refused a booking: no entries until a restart";
    if (t->backlog_count > TRADER_BACKLOG_ENTRY_MAX) return "too many changes wait for the store";
    switch (store_thread_trouble(t->store)) {
    case OK: return "";
    case ERR_LIMIT: return "the disk is full";
    case ERR_TIMEOUT: return "the database is held by somebody else, or does not answer";
    case ERR_CLOSED: return "the database cannot be reached";
    case ERR_NO_MEMORY: return "the store is out of memory";
    default: return "the disk or the database file fails";
    }
}

void trader_store_close(struct trader *t)
{
    struct store_ack ack;
    if (t->store) {
        store_thread_hurry(t->store);
        while (t->backlog_count > 0) {
            push_backlog(t);
            while (store_thread_pop_ack(t->store, &ack)) continue;
        }
        store_thread_stop(t->store);
        store_thread_free(t->store);
    }
    /* Nobody waits for an answer any more; what was pushed is in the store. */
    for (uint32_t i = 0; i < t->pending_count; i++)
        errand_free(t->pending[(t->pending_first + i) % PENDING_SLOTS].errand);
    free(t->pending);
    free(t->backlog);
}
