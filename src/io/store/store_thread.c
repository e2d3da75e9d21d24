/* The store thread: group commit between two rings. */
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

struct store_thread {
    struct store *store;
    void (*wake)(void *user);
    void *user;
    struct ring commands, acks;
    uint32_t pending; /* producer's: pushed, ack not popped */
    bool running;     /* producer's */
    pthread_t thread;
    int event; /* eventfd: what a sleeping store thread waits for */
    _Atomic bool sleeping, stopping, hurry;
    _Atomic int trouble; /* enum err: why not every write is taken; OK: it is */
    _Atomic uint64_t batches, done, refused;
    struct store_command *batch; /* the store thread's */
    struct store_ack *results;
};

static enum err spawn(struct store_thread *t);
static void *run(void *argument);
static void wake_store(struct store_thread *t);
static void sleep_unless_work(struct store_thread *t);
static uint32_t take_batch(struct store_thread *t);
static void execute_batch(struct store_thread *t, uint32_t count);
static bool is_worldly(enum err err);
static void note_trouble(struct store_thread *t, enum err err);
static void mend(struct store_thread *t);
static bool wait_for_world(struct store_thread *t, uint32_t round);
static enum err try_together(struct store_thread *t, uint32_t count, bool again);
static enum err execute_again(struct store *s, const struct store_command *c, uint64_t *row_id);
static void log_refusal(const struct store_command *c);
static void try_one(struct store_thread *t, uint32_t index);
static enum err execute(struct store *s, const struct store_command *c, uint64_t *row_id);
static void answer(struct store_thread *t, uint32_t count);

enum err store_thread_start(const struct store_thread_options *options, struct store_thread **out)
{
    *out = NULL;
    /* The rings ask for cache lines of their own, which calloc does not promise. */
    struct store_thread *t = aligned_alloc(alignof(struct store_thread), sizeof *t);
    if (!t) return err_set(ERR_NO_MEMORY, "out of memory");
    memset(t, 0, sizeof *t);
    t->store = options->store;
    t->wake = options->wake;
    t->user = options->user;
    t->batch = calloc(STORE_BATCH_MAX, sizeof *t->batch);
    t->results = calloc(STORE_BATCH_MAX, sizeof *t->results);
    t->event = eventfd(0, EFD_CLOEXEC);
    enum err err = ring_init(&t->commands, sizeof(struct store_command), options->slot_count);
    if (!err) err = ring_init(&t->acks, sizeof(struct store_ack), options->slot_count);
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

bool store_thread_push(struct store_thread *t, const struct store_command *command)
{
    CHECK(t->running);
    if (t->pending == t->acks.slot_count || !ring_push(&t->commands, command)) return false;
    t->pending++;
    wake_store(t);
    return true;
}

bool store_thread_pop_ack(struct store_thread *t, struct store_ack *ack)
{
    if (!ring_pop(&t->acks, ack)) return false;
    t->pending--;
    return true;
}

uint32_t store_thread_pending(const struct store_thread *t)
{
    return t->pending;
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
    ring_deinit(&t->commands);
    ring_deinit(&t->acks);
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
    const uint64_t tail = atomic_load_explicit(&t->commands.tail, memory_order_acquire);
    const uint64_t head = atomic_load_explicit(&t->commands.head, memory_order_relaxed);
    const bool work = tail != head || atomic_load(&t->stopping);
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

static uint32_t take_batch(struct store_thread *t)
{
    uint32_t count = 0;
    while (count < STORE_BATCH_MAX && ring_pop(&t->commands, &t->batch[count])) count++;
    return count;
}

/* What the world refuses is tried until it gives way; what is wrong with one command is its own. */
static void execute_batch(struct store_thread *t, uint32_t count)
{
    bool again = false; /* a commit of unknown outcome went before */
    for (uint32_t i = 0; i < count; i++) t->results[i] = (struct store_ack){.id = t->batch[i].id};
    for (uint32_t round = 0;; round++) {
        enum err err = store_is_broken(t->store) ? store_reopen(t->store) : OK;
        if (!err) err = try_together(t, count, again);
        again |= store_is_broken(t->store);
        if (!err) {
            if (atomic_load(&t->trouble) != OK) mend(t);
            return;
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
static enum err try_together(struct store_thread *t, uint32_t count, bool again)
{
    enum err err = store_begin(t->store);
    if (err) return err;
    for (uint32_t i = 0; i < count; i++) {
        struct store_ack *result = &t->results[i];
        err = again ? execute_again(t->store, &t->batch[i], &result->row_id)
                    : execute(t->store, &t->batch[i], &result->row_id);
        result->err = (uint8_t)err;
        if (err == ERR_NOT_FOUND || err == ERR_INVALID) log_refusal(&t->batch[i]);
        if (!err || err == ERR_EXISTS || err == ERR_NOT_FOUND || err == ERR_INVALID) continue;
        store_rollback(t->store);
        return err;
    }
    return store_commit(t->store);
}

/* A command that may be done already: each tells by its own rows whether it is. The others say the
 * same thing when they are done twice. */
static enum err execute_again(struct store *s, const struct store_command *c, uint64_t *row_id)
{
    if (c->kind == STORE_BOT_INSERT && *row_id && store_has_bot(s, *row_id)) return OK;
    const enum err err = execute(s, c, row_id);
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
    case STORE_BOT_TOTALS: return store_bot_totals(s, &c->totals);
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
        const bool pushed = ring_push(&t->acks, &t->results[i]);
        CHECK(pushed);
    }
    atomic_fetch_add_explicit(&t->batches, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->done, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->refused, refused, memory_order_relaxed);
    if (t->wake) t->wake(t->user);
}
