/* Reading the database beside the web loop: nothing here ever waits on the loop's thread.
 *
 *     route: read_new, call_read --> breaker --> pool thread: run --> loop: then, or the answer 503
 *
 * A read belongs to nobody but itself: a struct that begins with struct read, from read_new, with
 * what it asks and what it finds. `run` fills it on a pool's thread and may touch nothing else;
 * `then` answers the call from it on the loop. When the call was answered meanwhile (it was late,
 * or the server stops), `then` is not called. In each case `drop` releases what the read holds,
 * and the read is freed.
 *
 * When it is not to be had, the call is answered 503 with Retry-After: at once while READS_MAX
 * reads are under way (`busy`) and while the breaker is open, after READS_WAIT_MS where the
 * database is late, and when it fails (`store_unavailable`). Failures, and reads that took half of
 * that time, are what opens the breaker (base/breaker.h). A row that is not there is 404, one that
 * this program cannot know is 500.
 *
 * Once a second, a probe asks for nearly nothing. Thus what /ready says is known before somebody
 * asks, and a breaker closes again without anybody's request.
 *
 * Memory: up to READS_MAX reads and what they found. Thread: the loop's, but for `run`. */
#ifndef SERVICE_API_READS_H
#define SERVICE_API_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/breaker.h"
#include "base/err.h"
#include "io/store/store_pool.h"

enum {
    READS_MAX = 256,                      /* under way, of one web thread */
    READS_THREADS = 2,                    /* each has a connection of its own */
    READS_WAIT_MS = 2000,                 /* how long a call waits */
    READS_PROBE_MS = 1000,                /* between two probes */
    READS_SILENT_MS = 3 * READS_PROBE_MS, /* without an answer for so long, it does not answer */
};

struct call;
struct reads;

struct read {
    enum err (*run)(struct store_reader *reader, struct read *read);
    /* All is well. May hand the read to call_read again. */
    void (*then)(struct call *call, struct read *read);
    void (*drop)(struct read *read); /* NULL: it holds nothing */
    /* Its way. */
    struct store_job job;
    struct reads *reads;
    struct call *call; /* NULL: nobody waits any more */
    struct read *next, *previous;
    struct breaker_call breaker_call;
    bool is_judged; /* the breaker was told */
    bool is_asked;  /* on its way */
};

/* What /ready and /metrics tell. */
struct reads_health {
    enum breaker_state state;
    bool answers;      /* the newest answer was good, and it is not older than READS_SILENT_MS */
    int64_t silent_ms; /* since the newest good answer, or since the start */
    uint32_t under_way;
    uint64_t done_total, failed_total, late_total, refused_total, opened_total;
};

/* url must stay. wait_ms 0: READS_WAIT_MS. */
enum err reads_open(uv_loop_t *loop, const char *url, uint32_t wait_ms,
                    struct reads **out) ERR_MUST_USE;
/* Waits for what a thread has begun; calls may wait for nothing any more. NULL is fine. */
void reads_close(struct reads *r);
struct reads_health reads_health(const struct reads *r);

/* size: of the whole struct, whose first member is the read. Zeroed; size bytes from malloc. */
void *read_new(size_t size, enum err (*run)(struct store_reader *reader, struct read *read),
               void (*then)(struct call *call, struct read *read));
/* Takes the read, and answers the call whatever becomes of it. */
void call_read(struct call *call, struct read *read);
/* A read that nobody waits for: `then` may be NULL and is not called, `drop` tells its end. False,
 * and dropped already: the breaker keeps it away. At most READS_MAX may be under way before. */
bool reads_ask(struct reads *r, enum breaker_class class, struct read *read);
/* For the end of a call that waits. */
void read_forget(struct read *read);

#endif
