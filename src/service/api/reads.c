/* Reads through the pool, a breaker before them, and a probe once a second. */
#include "service/api/reads.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "service/api/route.h"

struct reads {
    struct store_pool *pool;
    struct store_pool_client *client;
    uint32_t wait_ms;
    uv_async_t wake;
    uv_timer_t tick;
    unsigned handles_left;
    struct breaker breaker;
    struct read *first; /* all that are under way */
    uint32_t count;
    bool probes;         /* one is under way */
    bool is_failed;      /* the newest answer was a failure */
    int64_t answered_ms; /* of the newest good one */
    uint64_t done, failed, late;
};

static void on_wake(uv_async_t *wake);
static void on_tick(uv_timer_t *tick);
static void wake_loop(void *user);
static void on_closed(uv_handle_t *handle);
static bool is_unavailable(enum err err);
static void submit(struct reads *r, struct read *read);
static void unlink_read(struct read *read);
static void judge(struct read *read, bool failed);
static void on_late(struct call *call);
static void refuse(struct call *call, const struct reads *r, enum problem problem);
static void read_free(struct read *read);

enum err reads_open(uv_loop_t *loop, const char *url, uint32_t wait_ms, struct reads **out)
{
    struct reads *r = calloc(1, sizeof *r);
    CHECK(r);
    *out = NULL;
    r->wait_ms = wait_ms ? wait_ms : READS_WAIT_MS;
    r->answered_ms = api_monotonic_ms();
    breaker_init(&r->breaker, r->wait_ms / 2, (uint64_t)uv_hrtime());
    const struct store_pool_options pool = {.url = url,
                                            .thread_count = READS_THREADS,
                                            .queue_max = READS_MAX + 1, /* and the probe */
                                            .timeout_ms = r->wait_ms};
    enum err err = store_pool_start(&pool, &r->pool);
    if (!err) err = store_pool_client_open(r->pool, wake_loop, r, &r->client);
    if (err) {
        store_pool_stop(r->pool);
        free(r);
        return err;
    }
    CHECK(uv_async_init(loop, &r->wake, on_wake) == 0 && uv_timer_init(loop, &r->tick) == 0);
    r->wake.data = r->tick.data = r;
    r->handles_left = 2;
    uv_timer_start(&r->tick, on_tick, 0, READS_PROBE_MS);
    *out = r;
    return OK;
}

void reads_close(struct reads *r)
{
    if (!r) return;
    store_pool_stop(r->pool);
    while (r->first) {
        struct read *read = r->first;
        CHECK(!read->call);
        unlink_read(read);
        read_free(read);
    }
    uv_close((uv_handle_t *)&r->tick, on_closed);
    uv_close((uv_handle_t *)&r->wake, on_closed);
}

struct reads_health reads_health(const struct reads *r)
{
    const int64_t silent_ms = api_monotonic_ms() - r->answered_ms;
    return (struct reads_health){
        .state = r->breaker.state,
        .answers = !r->is_failed && silent_ms <= READS_SILENT_MS,
        .silent_ms = silent_ms,
        .under_way = r->count,
        .done_total = r->done,
        .failed_total = r->failed,
        .late_total = r->late,
        .refused_total = r->breaker.refused_total,
        .opened_total = r->breaker.opened_total,
    };
}

void *read_new(size_t size, enum err (*run)(struct store_reader *reader, struct read *read),
               void (*then)(struct call *call, struct read *read))
{
    CHECK(size >= sizeof(struct read));
    struct read *read = calloc(1, size);
    CHECK(read);
    read->run = run;
    read->then = then;
    return read;
}

void call_read(struct call *call, struct read *read)
{
    struct reads *r = call->api->reads;
    const bool is_full = r->count >= READS_MAX;
    if (is_full) read_free(read);
    if (is_full || !reads_ask(r, BREAKER_OTHER, read)) {
        refuse(call, r, is_full ? PROBLEM_BUSY : PROBLEM_STORE_UNAVAILABLE);
        return;
    }
    read->call = call;
    call->read = read;
    call_wait(call, r->wait_ms, NULL, on_late);
}

bool reads_ask(struct reads *r, enum breaker_class class, struct read *read)
{
    CHECK(r->count <= READS_MAX);
    const bool may = breaker_begin(&r->breaker, class, api_monotonic_ms(), &read->breaker_call);
    if (may)
        submit(r, read);
    else
        read_free(read);
    return may;
}

void read_forget(struct read *read)
{
    read->call = NULL;
}

/* ---- there ---- */

static enum err run(struct store_reader *reader, struct store_job *job)
{
    struct read *read = (struct read *)((char *)job - offsetof(struct read, job));
    return read->run(reader, read);
}

/* The database's doing, as against what is or is not in it. */
static bool is_unavailable(enum err err)
{
    return err == ERR_TIMEOUT || err == ERR_CLOSED || err == ERR_IO || err == ERR_LIMIT ||
           err == ERR_NO_MEMORY;
}

static void take_note(struct reads *r, const struct read *read, enum err err)
{
    const bool failed = is_unavailable(err);
    if (failed != r->is_failed && failed)
        log_warn("store_reads_failing", "cause=\"%s\"", read->job.cause);
    else if (failed != r->is_failed)
        log_info("store_reads_recovered", "silent_ms=%lld",
                 (long long)(api_monotonic_ms() - r->answered_ms));
    r->is_failed = failed;
    r->failed += failed;
    r->done++;
    if (!failed) r->answered_ms = api_monotonic_ms();
}

static void answer(struct call *call, struct read *read, enum err err)
{
    const struct reads *r = read->reads;
    call->read = NULL;
    call->deadline_ms = 0;
    read->call = NULL;
    if (!err)
        read->then(call, read);
    else if (err == ERR_NOT_FOUND)
        call_problem(call, PROBLEM_NOT_FOUND);
    else if (is_unavailable(err))
        refuse(call, r, PROBLEM_STORE_UNAVAILABLE);
    else
        call_failed(call, call->route->id, read->job.cause);
}

static void on_done(struct store_job *job, enum err err)
{
    struct read *read = (struct read *)((char *)job - offsetof(struct read, job));
    struct reads *r = read->reads;
    unlink_read(read);
    take_note(r, read, err);
    judge(read, is_unavailable(err));
    read->is_asked = false;
    if (read->call) answer(read->call, read, err);
    if (!read->is_asked) read_free(read);
}

static void submit(struct reads *r, struct read *read)
{
    read->reads = r;
    read->is_judged = false;
    read->is_asked = true;
    read->job.read = run;
    read->job.done = on_done;
    read->previous = NULL;
    read->next = r->first;
    if (read->next) read->next->previous = read;
    r->first = read;
    r->count++;
    CHECK(store_pool_submit(r->client, &read->job) == OK); /* its queue holds all of ours */
}

static void unlink_read(struct read *read)
{
    struct reads *r = read->reads;
    if (read->previous)
        read->previous->next = read->next;
    else
        r->first = read->next;
    if (read->next) read->next->previous = read->previous;
    r->count--;
}

static void read_free(struct read *read)
{
    if (read->drop) read->drop(read);
    free(read);
}

static void judge(struct read *read, bool failed)
{
    if (read->is_judged) return;
    read->is_judged = true;
    breaker_end(&read->reads->breaker, &read->breaker_call, failed, api_monotonic_ms());
}

/* The read goes on: a thread may be at it. */
static void on_late(struct call *call)
{
    struct read *read = call->read;
    struct reads *r = read->reads;
    r->late++;
    judge(read, true);
    refuse(call, r, PROBLEM_STORE_UNAVAILABLE);
}

static void refuse(struct call *call, const struct reads *r, enum problem problem)
{
    const struct breaker *b = &r->breaker;
    const int64_t left_ms = b->state == BREAKER_OPEN ? b->open_until_ms - api_monotonic_ms() : 0;
    call->retry_after_s = left_ms > 1000 ? (uint32_t)((left_ms + 999) / 1000) : 1;
    call_problem(call, problem);
}

/* ---- the probe ---- */

static void ignore_bot(void *user, const struct store_bot *bot)
{
    (void)user;
    (void)bot;
}

static enum err run_probe(struct store_reader *reader, struct read *read)
{
    const struct store_page page = {.user_id = STORE_FIRST_USER, .limit = 1};
    (void)read;
    return store_read_bots(reader, &page, ignore_bot, NULL);
}

static void probe_ended(struct read *read)
{
    read->reads->probes = false;
}

/* While the breaker keeps reads away, the probe goes past it and proves nothing to it; when the
 * time has come, it is one of those that it tries. */
static void on_tick(uv_timer_t *tick)
{
    struct reads *r = tick->data;
    const struct breaker *b = &r->breaker;
    const bool passes = b->state == BREAKER_OPEN && api_monotonic_ms() < b->open_until_ms;
    if (r->probes) return;
    struct read *read = read_new(sizeof *read, run_probe, NULL);
    read->reads = r;
    read->drop = probe_ended;
    r->probes = true;
    reads_ask(r, passes ? BREAKER_PROTECTIVE : BREAKER_OTHER, read);
}

/* ---- the loop ---- */

static void wake_loop(void *user)
{
    uv_async_send(&((struct reads *)user)->wake);
}

static void on_wake(uv_async_t *wake)
{
    struct reads *r = wake->data;
    store_pool_deliver(r->client);
}

static void on_closed(uv_handle_t *handle)
{
    struct reads *r = handle->data;
    if (--r->handles_left == 0) free(r);
}
