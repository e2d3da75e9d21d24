/* The store thread: group commit between pairs of rings. */
#include "io/store/store_thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/ring.h"
#include "io/store/reserve.h"

/* Between two tries of a batch that the world refuses: doubling from one step to the last. */
enum { WAIT_STEP_MS = 50, WAIT_STEPS_MAX = 20, MEND_MS = 1000 };

struct store_client {
    struct ring commands, acks;
    struct store_thread *thread;
    void (*wake)(void *user);
    void *user;
    uint32_t pending; /* the client's: pushed, ack not popped */
    bool acked;       /* the store thread's: to be woken */
};

struct store_thread {
    struct store *store;
    struct store_client *clients[STORE_CLIENTS_MAX];
    _Atomic uint32_t client_count;
    uint32_t turn; /* the store thread's: which of the other clients comes next */
    bool running;  /* the first client's */
    pthread_t thread;
    int event; /* eventfd: what a sleeping store thread waits for */
    _Atomic bool sleeping, stopping, hurry;
    _Atomic int trouble; /* enum err: why not every write is taken; OK: it is */
    _Atomic uint64_t batches, done, refused;
    struct store_command *batch; /* the store thread's */
    struct store_ack *results;
    struct store_client *senders[STORE_BATCH_MAX];
};

static enum err spawn(struct store_thread *t);
static void *run(void *argument);
static void wake_store(struct store_thread *t);
static void sleep_unless_work(struct store_thread *t);
static void client_free(struct store_client *c);
static bool has_work(const struct store_thread *t);
static uint32_t take_batch(struct store_thread *t);
static uint32_t take_from(struct store_thread *t, struct store_client *c, uint32_t count,
                          uint32_t limit);
static void execute_batch(struct store_thread *t, uint32_t count);
static bool is_worldly(enum err err);
static void note_trouble(struct store_thread *t, enum err err);
static void mend(struct store_thread *t);
static bool wait_for_world(struct store_thread *t, uint32_t round);
static enum err try_together(struct store_thread *t, uint32_t count, bool exact, bool again);
static enum err execute_again(struct store *s, const struct store_command *c,
                              struct store_ack *result);
static void log_refusal(const struct store_command *c);
static void try_one(struct store_thread *t, uint32_t index);
static enum err execute(struct store *s, const struct store_command *c, uint64_t *row_id);
static void answer(struct store_thread *t, uint32_t count);

enum err store_thread_start(const struct store_thread_options *options, struct store_thread **out)
{
    *out = NULL;
    struct store_thread *t = calloc(1, sizeof *t);
    if (!t) return err_set(ERR_NO_MEMORY, "out of memory");
    t->store = options->store;
    t->batch = calloc(STORE_BATCH_MAX, sizeof *t->batch);
    t->results = calloc(STORE_BATCH_MAX, sizeof *t->results);
    t->event = eventfd(0, EFD_CLOEXEC);
    struct store_client *first;
    enum err err = store_client_open(t, options, &first);
    if (!err && (!t->batch || !t->results)) err = err_set(ERR_NO_MEMORY, "out of memory");
    if (!err && t->event < 0) err = err_set(ERR_IO, "no eventfd: %s", strerror(errno));
    if (!err && !reserve_make(store_path(t->store))) {
        log_warn("store_reserve_missing", "size=%d", RESERVE_SIZE);
        atomic_store(&t->trouble, ERR_LIMIT);
    }
    if (!err) err = spawn(t);
    if (err) {
        store_thread_free(t);
        return err_note(err, "while starting the store thread");
    }
    *out = t;
    return OK;
}

enum err store_client_open(struct store_thread *t, const struct store_thread_options *options,
                           struct store_client **out)
{
    *out = NULL;
    const uint32_t count = atomic_load(&t->client_count);
    if (count == STORE_CLIENTS_MAX) return err_set(ERR_LIMIT, "the store has %u clients", count);
    /* The rings ask for cache lines of their own, which calloc does not promise. */
    struct store_client *c = aligned_alloc(alignof(struct store_client), sizeof *c);
    if (!c) return err_set(ERR_NO_MEMORY, "out of memory");
    memset(c, 0, sizeof *c);
    c->thread = t;
    c->wake = options->wake;
    c->user = options->user;
    enum err err = ring_init(&c->commands, sizeof(struct store_command), options->slot_count);
    if (!err) err = ring_init(&c->acks, sizeof(struct store_ack), options->slot_count);
    if (err) {
        client_free(c);
        return err;
    }
    t->clients[count] = c;
    atomic_store(&t->client_count, count + 1);
    *out = c;
    return OK;
}

static void client_free(struct store_client *c)
{
    ring_deinit(&c->commands);
    ring_deinit(&c->acks);
    free(c);
}

bool store_client_push(struct store_client *c, const struct store_command *command)
{
    if (c->pending == c->acks.slot_count || !ring_push(&c->commands, command)) return false;
    c->pending++;
    wake_store(c->thread);
    return true;
}

bool store_client_pop_ack(struct store_client *c, struct store_ack *ack)
{
    if (!ring_pop(&c->acks, ack)) return false;
    c->pending--;
    return true;
}

uint32_t store_client_pending(const struct store_client *c)
{
    return c->pending;
}

bool store_thread_push(struct store_thread *t, const struct store_command *command)
{
    CHECK(t->running);
    return store_client_push(t->clients[0], command);
}

bool store_thread_pop_ack(struct store_thread *t, struct store_ack *ack)
{
    return store_client_pop_ack(t->clients[0], ack);
}

uint32_t store_thread_pending(const struct store_thread *t)
{
    return store_client_pending(t->clients[0]);
}

struct store_thread_counters store_thread_counters(struct store_thread *t)
{
    return (struct store_thread_counters){
        .batches = atomic_load_explicit(&t->batches, memory_order_relaxed),
        .commands = atomic_load_explicit(&t->done, memory_order_relaxed),
        .refused = atomic_load_explicit(&t->refused, memory_order_relaxed),
    };
}

enum err store_thread_trouble(struct store_thread *t)
{
    return (enum err)atomic_load(&t->trouble);
}

void store_thread_hurry(struct store_thread *t)
{
    atomic_store(&t->hurry, true);
}

void store_thread_stop(struct store_thread *t)
{
    if (!t->running) return;
    store_thread_hurry(t);
    atomic_store(&t->stopping, true);
    wake_store(t);
    pthread_join(t->thread, NULL);
    t->running = false;
}

void store_thread_free(struct store_thread *t)
{
    if (!t) return;
    store_thread_stop(t);
    if (t->event >= 0) close(t->event);
    for (uint32_t i = 0; i < atomic_load(&t->client_count); i++) client_free(t->clients[i]);
    free(t->batch);
    free(t->results);
    free(t);
}

/* Signals are the main thread's. */
static enum err spawn(struct store_thread *t)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&t->thread, NULL, run, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) return err_set(ERR_IO, "cannot start a thread: %s", strerror(code));
    t->running = true;
    return OK;
}

static void *run(void *argument)
{
    struct store_thread *t = argument;
    pthread_setname_np(pthread_self(), "store");
    for (;;) {
        /* Read before the ring: what was pushed before the stop is then seen below. */
        const bool stopping = atomic_load(&t->stopping);
        const uint32_t count = take_batch(t);
        if (count) {
            execute_batch(t, count);
            answer(t, count);
        } else if (stopping) {
            return NULL;
        } else {
            sleep_unless_work(t);
        }
    }
}

/* `sleeping` is exchanged, not stored and loaded, on both sides: of two exchanges one comes second
 * and sees what the other side did before its own, so either the store thread sees the push or the
 * producer sees it sleeping. The system call is made only in that case. */
static void wake_store(struct store_thread *t)
{
    if (!atomic_exchange(&t->sleeping, false)) return;
    const uint64_t one = 1;
    const ssize_t size = write(t->event, &one, sizeof one);
    CHECK(size == sizeof one);
}

static void sleep_unless_work(struct store_thread *t)
{
    (void)atomic_exchange(&t->sleeping, true);
    const bool work = has_work(t) || atomic_load(&t->stopping);
    if (work && atomic_exchange(&t->sleeping, false)) return;
    /* Either there is nothing to do, or the producer is writing the wake-up already. */
    struct pollfd event = {.fd = t->event, .events = POLLIN};
    const bool well = atomic_load(&t->trouble) == OK;
    const int ready = poll(&event, 1, well ? -1 : MEND_MS);
    if (ready == 0 && atomic_exchange(&t->sleeping, false)) {
        if (!store_is_broken(t->store)) mend(t);
        return;
    }
    uint64_t count;
    while (read(t->event, &count, sizeof count) < 0) CHECK(errno == EINTR);
}

static bool has_work(const struct store_thread *t)
{
    for (uint32_t i = 0; i < atomic_load(&t->client_count); i++) {
        const struct ring *r = &t->clients[i]->commands;
        if (atomic_load_explicit(&r->tail, memory_order_acquire) !=
            atomic_load_explicit(&r->head, memory_order_relaxed))
            return true;
    }
    return false;
}

static uint32_t take_batch(struct store_thread *t)
{
    const uint32_t others = atomic_load(&t->client_count) - 1;
    const uint32_t first_limit = others ? STORE_BATCH_MAX - STORE_BATCH_OTHERS : STORE_BATCH_MAX;
    uint32_t count = take_from(t, t->clients[0], 0, first_limit);
    for (uint32_t i = 0; i < others; i++) {
        count = take_from(t, t->clients[1 + (t->turn + i) % others], count, STORE_BATCH_MAX);
    }
    t->turn++;
    return count;
}

static uint32_t take_from(struct store_thread *t, struct store_client *c, uint32_t count,
                          uint32_t limit)
{
    for (; count < limit && ring_pop(&c->commands, &t->batch[count]); count++) {
        t->senders[count] = c;
    }
    return count;
}

/* What the world refuses is tried until it gives way; what is wrong with one command is its own. */
static void execute_batch(struct store_thread *t, uint32_t count)
{
    bool again = false; /* a commit of unknown outcome went before */
    bool exact = false; /* a refusal that was told late did: which command's it is must be known */
    for (uint32_t i = 0; i < count; i++) t->results[i] = (struct store_ack){.id = t->batch[i].id};
    for (uint32_t round = 0;; round++) {
        enum err err = store_is_broken(t->store) ? store_reopen(t->store) : OK;
        if (!err) err = try_together(t, count, exact || again, again);
        again |= store_is_broken(t->store);
        if (!err) {
            if (atomic_load(&t->trouble) != OK) mend(t);
            return;
        }
        if (!is_worldly(err) && !exact) {
            exact = true;
            continue;
        }
        if (!is_worldly(err)) {
            log_warn("store_batch_failed", "commands=%u cause=\"%s\"", count, err_text());
            for (uint32_t i = 0; i < count; i++) try_one(t, i);
            return;
        }
        note_trouble(t, err);
        if (err == ERR_LIMIT && reserve_give(store_path(t->store))) {
            log_warn("store_reserve_given", "size=%d", RESERVE_SIZE);
            continue;
        }
        if (!wait_for_world(t, round)) break;
    }
    for (uint32_t i = 0; i < count; i++) {
        t->results[i].err = (uint8_t)atomic_load(&t->trouble);
        t->results[i].row_id = 0;
    }
}

static bool is_worldly(enum err err)
{
    return err == ERR_LIMIT || err == ERR_IO || err == ERR_TIMEOUT || err == ERR_NO_MEMORY ||
           err == ERR_CLOSED;
}

static void note_trouble(struct store_thread *t, enum err err)
{
    if (atomic_exchange(&t->trouble, (int)err) == (int)err) return;
    log_error("store_in_trouble", "err=%s cause=\"%s\"", err_name(err), err_text());
}

/* Writing works; well is only a store that has its reserve. */
static void mend(struct store_thread *t)
{
    if (!reserve_make(store_path(t->store))) {
        atomic_store(&t->trouble, ERR_LIMIT);
        return;
    }
    atomic_store(&t->trouble, OK);
    log_info("store_well", "reserve=%d", RESERVE_SIZE);
}

/* False when nobody can wait any longer. In steps, so that store_thread_hurry is seen soon. */
static bool wait_for_world(struct store_thread *t, uint32_t round)
{
    const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000};
    const uint32_t steps = round < 5 ? 1u << round : WAIT_STEPS_MAX;
    for (uint32_t i = 0; i < steps; i++) {
        if (atomic_load(&t->hurry)) return false;
        nanosleep(&step, NULL);
    }
    return true;
}

/* OK: committed, and every result tells of its own command.
 * Else nothing of it may be told as done. */
static enum err try_together(struct store_thread *t, uint32_t count, bool exact, bool again)
{
    enum err err = exact ? store_begin(t->store) : store_begin_deferred(t->store);
    if (err) return err;
    for (uint32_t i = 0; i < count; i++) {
        struct store_ack *result = &t->results[i];
        const struct store_command *c = &t->batch[i];
        err = again ? execute_again(t->store, c, result) : execute(t->store, c, &result->row_id);
        if (!again || c->kind != STORE_RUN) result->err = (uint8_t)err;
        if (exact && (err == ERR_NOT_FOUND || err == ERR_INVALID)) log_refusal(c);
        /* A function is told at once what became of it, in any transaction. */
        if (!err || ((exact || c->kind == STORE_RUN) && !is_worldly(err))) continue;
        store_rollback(t->store);
        return err;
    }
    return store_commit(t->store);
}

/* A command that may be done already: each tells by its own rows whether it is. The others say the
 * same thing when they are done twice. */
static enum err execute_again(struct store *s, const struct store_command *c,
                              struct store_ack *result)
{
    if (c->kind == STORE_RUN) {
        result->err = ERR_IO;
        return OK;
    }
    if (c->kind == STORE_BOT_INSERT && result->row_id && store_has_bot(s, result->row_id))
        return OK;
    const enum err err = execute(s, c, &result->row_id);
    const bool is_done =
        (err == ERR_EXISTS && (c->kind == STORE_ORDER_PLACED || c->kind == STORE_FILL_BOOKED)) ||
        (err == ERR_NOT_FOUND && c->kind == STORE_BOT_DELETE);
    return is_done ? OK : err;
}

/* An ack has no room for the cause. A fill that is booked already is no news. */
static void log_refusal(const struct store_command *c)
{
    log_warn("store_refused", "command=%llu kind=%u cause=\"%s\"", (unsigned long long)c->id,
             c->kind, err_text());
}

static void try_one(struct store_thread *t, uint32_t index)
{
    struct store_ack *result = &t->results[index];
    result->row_id = 0;
    enum err err = store_begin(t->store);
    if (!err) {
        err = execute(t->store, &t->batch[index], &result->row_id);
        if (!err)
            err = store_commit(t->store);
        else
            store_rollback(t->store);
    }
    result->err = (uint8_t)err;
    if (err) result->row_id = 0;
}

static enum err execute(struct store *s, const struct store_command *c, uint64_t *row_id)
{
    const struct store_bot_target *target = &c->target;
    switch ((enum store_command_kind)c->kind) {
    case STORE_ORDER_PLACED: return store_order_placed(s, &c->order);
    case STORE_ORDER_CHANGED: return store_order_changed(s, &c->changed);
    case STORE_FILL_BOOKED: return store_fill_booked(s, &c->booking);
    case STORE_BOT_INSERT: return store_bot_insert(s, c->bot, row_id);
    case STORE_BOT_UPDATE: return store_bot_update(s, c->bot);
    case STORE_BOT_DELETE:
        return store_bot_delete(s, target->user_id, target->bot_id, target->now_ms);
    case STORE_BOT_WANT:
        return store_bot_want(s, target->user_id, target->bot_id, target->running, target->now_ms);
    case STORE_BOTS_STOP: return store_bots_stop(s, target->user_id, target->now_ms);
    case STORE_BOT_TOTALS: return store_bot_totals(s, &c->totals);
    case STORE_RUN: return store_run(s, c->run.run, c->run.arg);
    }
    check_failed("a command of a kind that exists", __FILE__, __LINE__);
}

/* The ack ring has room: pushed commands never outnumber its slots. */
static void answer(struct store_thread *t, uint32_t count)
{
    uint64_t refused = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t kind = t->batch[i].kind;
        if (kind == STORE_BOT_INSERT || kind == STORE_BOT_UPDATE) free(t->batch[i].bot);
        if (t->results[i].err) refused++;
        const bool pushed = ring_push(&t->senders[i]->acks, &t->results[i]);
        CHECK(pushed);
        t->senders[i]->acked = true;
    }
    atomic_fetch_add_explicit(&t->batches, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->done, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->refused, refused, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++) {
        struct store_client *c = t->senders[i];
        if (c->acked && c->wake) c->wake(c->user);
        c->acked = false;
    }
}
