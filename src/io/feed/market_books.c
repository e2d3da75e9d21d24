/* Depth of one instrument: deltas wait for a snapshot, then book_sync says what is told. */
#include <string.h>

#include "base/log.h"
#include "io/feed/market_internal.h"

/* A buffered delta: this, then its bids, then its asks. Sizes keep the levels aligned. */
struct delta_head {
    uint64_t first_id, last_id;
    uint32_t bid_count, ask_count;
};
_Static_assert(sizeof(struct delta_head) % _Alignof(struct level) == 0, "levels follow aligned");

static void take_delta(struct watch *w, const struct binance_depth *depth);
static void keep_delta(struct watch *w, const struct binance_depth *depth);
static void on_gap(struct watch *w, const struct binance_depth *depth);
static void tell_book(struct watch *w, const struct binance_depth *depth, bool snapshot);
static void tell_feed(struct watch *w, enum feed_state feed);
static void fetch(struct watch *w);
static void on_snapshot(void *user, const struct binance_outcome *outcome);
static void tell_buffered(struct watch *w);

void market_book_init(struct watch *w)
{
    book_sync_init(&w->sync);
    market_backoff_init(w->session, &w->backoff, 2 + (uint64_t)w->place);
    w->fetch_next = UINT64_MAX;
    w->feed = FEED_DOWN;
    w->deltas.limit = MARKET_BUFFER_MAX;
}

void market_book_deinit(struct watch *w)
{
    buffer_deinit(&w->deltas);
}

void market_book_on_delta(struct watch *w, const struct binance_depth *depth)
{
    take_delta(w, depth);
    if (!w->session->is_closed && !w->is_live) market_book_want_snapshot(w);
}

static void take_delta(struct watch *w, const struct binance_depth *depth)
{
    switch (book_sync_on_delta(&w->sync, depth->first_id, depth->last_id)) {
    case BOOK_SYNC_BUFFER: keep_delta(w, depth); break;
    case BOOK_SYNC_IGNORE: break;
    case BOOK_SYNC_APPLY: tell_book(w, depth, false); break;
    case BOOK_SYNC_RESYNC: on_gap(w, depth); break;
    }
}

static void append_delta(struct buffer *out, const struct binance_depth *depth)
{
    const struct delta_head head = {depth->first_id, depth->last_id, depth->bid_count,
                                    depth->ask_count};
    buffer_append(out, &head, sizeof head);
    buffer_append(out, depth->bids, depth->bid_count * sizeof *depth->bids);
    buffer_append(out, depth->asks, depth->ask_count * sizeof *depth->asks);
}

static void keep_delta(struct watch *w, const struct binance_depth *depth)
{
    append_delta(&w->deltas, depth);
    if (!w->deltas.failed) return;
    /* Too much has been waiting for a snapshot: begin anew with this one. */
    log_warn("sync_restarted", "symbol=%s bytes=%zu", w->rules.symbol, w->deltas.size);
    w->deltas.failed = false;
    buffer_clear(&w->deltas);
    book_sync_restart(&w->sync);
    (void)book_sync_on_delta(&w->sync, depth->first_id, depth->last_id);
    append_delta(&w->deltas, depth);
}

static uint64_t now_of(const struct watch *w)
{
    return uv_now(w->session->loop);
}

/* Whoever loses sync often asks for snapshots less and less often. */
static void plan_retry(struct watch *w)
{
    w->fetch_next = now_of(w) + backoff_next_ms(&w->backoff);
    market_wake(w->session);
}

static void on_gap(struct watch *w, const struct binance_depth *depth)
{
    struct market_session *m = w->session;
    m->gaps++;
    log_warn("book_gap", "symbol=%s first_id=%llu last_id=%llu", w->rules.symbol,
             (unsigned long long)depth->first_id, (unsigned long long)depth->last_id);
    if (w->is_live && now_of(w) - w->live_since >= RECONNECT_HEALTHY_MS) backoff_reset(&w->backoff);
    w->is_live = false;
    buffer_clear(&w->deltas);
    append_delta(&w->deltas, depth);
    if (!w->is_fetching) plan_retry(w);
    tell_feed(w, FEED_STALE);
    if (!m->is_closed) market_judge(m);
}

static void tell_book(struct watch *w, const struct binance_depth *depth, bool snapshot)
{
    struct event event = {
        .kind = EVENT_BOOK,
        .instrument = w->rules.index,
        .book = {.snapshot = snapshot,
                 .last_id = depth->last_id,
                 .bids = depth->bids,
                 .asks = depth->asks,
                 .bid_count = depth->bid_count,
                 .ask_count = depth->ask_count},
    };
    market_tell(w->session, &event);
}

static void tell_feed(struct watch *w, enum feed_state feed)
{
    struct event event = {.kind = EVENT_FEED, .instrument = w->rules.index, .feed = (uint8_t)feed};
    if (w->feed == feed || (w->feed == FEED_DOWN && feed == FEED_STALE)) return;
    w->feed = (uint8_t)feed;
    market_tell(w->session, &event);
}

void market_book_want_snapshot(struct watch *w)
{
    const bool coming = w->is_fetching && w->fetched_for == w->connection;
    if (w->is_live || coming || w->fetch_next != UINT64_MAX) return;
    w->fetch_next = now_of(w);
    market_wake(w->session);
}

void market_book_drop(struct watch *w)
{
    book_sync_restart(&w->sync);
    buffer_deinit(&w->deltas);
    w->deltas.limit = MARKET_BUFFER_MAX;
    w->is_live = false;
    w->is_doubted = false;
    w->connection++;
    w->fetch_next = UINT64_MAX;
    tell_feed(w, FEED_STALE);
}

void market_session_resync(struct market_session *m, uint16_t instrument)
{
    struct watch *w = market_watch_of(m, instrument);
    if (!w || !w->is_live) return;
    /* The engine is in the middle of a step: it is told from the loop. */
    w->is_doubted = true;
    market_wake(m);
}

static void start_anew(struct watch *w)
{
    struct market_session *m = w->session;
    log_warn("book_doubted", "symbol=%s", w->rules.symbol);
    market_book_drop(w);
    if (m->is_closed) return;
    plan_retry(w);
    market_judge(m);
}

uint64_t market_book_due(struct watch *w)
{
    struct market_session *m = w->session;
    if (w->is_doubted) start_anew(w);
    if (m->is_closed || w->is_fetching || w->fetch_next > now_of(w))
        return w->is_fetching ? UINT64_MAX : w->fetch_next;
    fetch(w);
    return w->is_fetching ? UINT64_MAX : w->fetch_next;
}

static void fetch(struct watch *w)
{
    struct market_session *m = w->session;
    buffer_clear(&m->out);
    binance_query_depth(&m->out, w->rules.symbol, MARKET_DEPTH_LIMIT);
    const enum err err =
        venue_rest_send(m->options.rest, &(struct venue_request){
                                             .endpoint = BINANCE_GET_DEPTH,
                                             .priority = REQUEST_DATA,
                                             .query = buffer_slice(&m->out),
                                             .weight = binance_depth_weight(MARKET_DEPTH_LIMIT),
                                             .deadline_ms = MARKET_REST_DEADLINE_MS,
                                             .owner = m,
                                             .on_outcome = on_snapshot,
                                             .user = w,
                                         });
    if (err) {
        plan_retry(w);
        return;
    }
    w->is_fetching = true;
    w->fetched_for = w->connection;
    w->fetch_next = UINT64_MAX;
}

static void on_snapshot(void *user, const struct binance_outcome *outcome)
{
    struct watch *w = user;
    struct market_session *m = w->session;
    struct binance_depth depth;
    w->is_fetching = false;
    market_wake(m);
    /* Asked for on a connection that is gone: it cannot join the stream of this one. */
    if (w->fetched_for != w->connection) return;

    enum err err = market_check(outcome);
    if (!err)
        err = binance_read_depth(outcome->body, &w->rules, m->snapshot_levels, BINANCE_LEVELS_MAX,
                                 &depth);
    if (err) {
        log_warn("snapshot_failed", "symbol=%s cause=\"%s\"", w->rules.symbol, err_text());
        plan_retry(w);
        return;
    }
    switch (book_sync_on_snapshot(&w->sync, depth.last_id)) {
    case BOOK_SYNC_APPLY: break;
    case BOOK_SYNC_RESYNC: plan_retry(w); return;
    case BOOK_SYNC_BUFFER:
    case BOOK_SYNC_IGNORE: return;
    }
    tell_book(w, &depth, true);
    if (m->is_closed) return;
    tell_buffered(w);
    if (m->is_closed || w->sync.state != BOOK_SYNC_LIVE) return;
    w->is_live = true;
    w->live_since = now_of(w);
    tell_feed(w, FEED_LIVE);
    if (!m->is_closed) market_judge(m);
}

static void tell_buffered(struct watch *w)
{
    struct buffer waiting = w->deltas;
    size_t at = 0;
    w->deltas = (struct buffer){.limit = MARKET_BUFFER_MAX};
    while (at < waiting.size && !w->session->is_closed) {
        struct delta_head head;
        memcpy(&head, waiting.data + at, sizeof head);
        const struct level *levels = (const void *)(waiting.data + at + sizeof head);
        const struct binance_depth depth = {
            .first_id = head.first_id,
            .last_id = head.last_id,
            .bids = levels,
            .asks = levels + head.bid_count,
            .bid_count = head.bid_count,
            .ask_count = head.ask_count,
        };
        take_delta(w, &depth);
        at += sizeof head + ((size_t)head.bid_count + head.ask_count) * sizeof *levels;
    }
    buffer_deinit(&waiting);
}
