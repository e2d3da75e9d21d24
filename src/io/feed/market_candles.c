/* Closed candles, in order and each once; what the stream left out is fetched before it goes on. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "io/feed/market_internal.h"

enum {
    /* A candle that is so late is asked for: the stream sends it within two seconds. */
    CANDLE_GRACE_MS = 5000,
    /* The venue needs a moment to finish a candle that REST shows. */
    CANDLE_SETTLE_MS = 1000,
};

static void set_first(struct candle_line *l, int64_t open_ms);
static void hold(struct candle_line *l, const struct candle *c);
static void release_held(struct candle_line *l);
static void fetch(struct candle_line *l, int64_t end_ms);
static void on_missing(void *user, const struct binance_outcome *outcome);
static void on_fetched(void *user, const struct binance_outcome *outcome);

static int64_t length_of(const struct candle_line *l)
{
    return timeframe_ms((enum timeframe)l->timeframe);
}

enum err market_session_watch_candles(struct market_session *m, uint16_t instrument,
                                      enum timeframe timeframe)
{
    struct watch *w = market_watch_of(m, instrument);
    if (!w) return err_set(ERR_NOT_FOUND, "instrument %u is not watched", instrument);
    if (w->lines[timeframe]) return OK;
    struct candle_line *l = calloc(1, sizeof *l);
    if (!l) return err_set(ERR_NO_MEMORY, "no memory to watch candles");
    const enum err err = market_streams_add(m, w->place, STREAM_KLINE + timeframe);
    if (err) {
        free(l);
        return err;
    }
    const bool known = venue_rest_clock_known(m->options.rest);
    *l = (struct candle_line){
        .watch = w,
        .timeframe = (uint8_t)timeframe,
        .watched_ms = known ? venue_rest_now_ms(m->options.rest) : -1,
        .last_open_ms = -1,
        .empty_until_ms = -1,
    };
    market_backoff_init(m, &l->backoff, m->stream_count);
    w->lines[timeframe] = l;
    return OK;
}

void market_candles_on_kline(struct watch *w, const struct binance_kline *kline)
{
    if (kline->timeframe >= TIMEFRAME_COUNT) return;
    struct candle_line *l = w->lines[kline->timeframe];
    const struct candle *c = &kline->candle;
    if (!l || c->open_ms < 0) return;
    if (timeframe_floor((enum timeframe)l->timeframe, c->open_ms) != c->open_ms) return;
    if (l->last_open_ms < 0) set_first(l, c->open_ms);
    /* A closed one that cannot be true is left out: REST will be asked for it. */
    if (!kline->closed || !candle_is_sound(c)) return;
    hold(l, c);
    release_held(l);
}

/* The first to tell is the one that was open when we were asked, also where the stream begins with
 * a later one. */
static void set_first(struct candle_line *l, int64_t open_ms)
{
    const int64_t length = length_of(l);
    int64_t first = open_ms;
    if (l->watched_ms >= 0) {
        const int64_t asked = timeframe_floor((enum timeframe)l->timeframe, l->watched_ms);
        if (asked < open_ms && (open_ms - asked) / length <= MARKET_CANDLES_MAX) first = asked;
    }
    l->last_open_ms = first - length;
}

static void hold(struct candle_line *l, const struct candle *c)
{
    if (l->held_count > 0 && c->open_ms <= l->held[l->held_count - 1].open_ms) return;
    if (l->held_count == MARKET_HELD_CANDLES_MAX) {
        /* It shows as missing then, and REST has it. */
        memmove(l->held, l->held + 1, (MARKET_HELD_CANDLES_MAX - 1) * sizeof *l->held);
        l->held_count--;
    }
    l->held[l->held_count++] = *c;
}

static void drop_first(struct candle_line *l)
{
    l->held_count--;
    memmove(l->held, l->held + 1, l->held_count * sizeof *l->held);
}

static void tell(struct candle_line *l, const struct candle *c)
{
    struct event event = {
        .kind = EVENT_CANDLE,
        .instrument = l->watch->rules.index,
        .candle = {.timeframe = l->timeframe, .candle = *c},
    };
    l->last_open_ms = c->open_ms;
    market_tell(l->watch->session, &event);
}

static void release_held(struct candle_line *l)
{
    const struct market_session *m = l->watch->session;
    while (l->held_count > 0 && !l->is_fetching && !m->is_closed) {
        const struct candle c = l->held[0];
        const bool is_next = c.open_ms == l->last_open_ms + length_of(l);
        if (c.open_ms > l->last_open_ms && !is_next && l->empty_until_ms < c.open_ms) {
            fetch(l, c.open_ms - 1);
            return;
        }
        drop_first(l);
        if (c.open_ms > l->last_open_ms) tell(l, &c);
    }
}

static void plan_retry(struct candle_line *l)
{
    l->fetch_next = uv_now(l->watch->session->loop) + backoff_next_ms(&l->backoff);
    market_wake(l->watch->session);
}

/* The query is in m->out. */
static enum err send_query(struct market_session *m,
                           void (*on_outcome)(void *user, const struct binance_outcome *outcome),
                           void *user)
{
    const struct venue_request request = {
        .endpoint = BINANCE_GET_KLINES,
        .priority = REQUEST_DATA,
        .query = buffer_slice(&m->out),
        .deadline_ms = MARKET_REST_DEADLINE_MS,
        .owner = m,
        .on_outcome = on_outcome,
        .user = user,
    };
    return venue_rest_send(m->options.rest, &request);
}

/* Asks for what lies between the last candle told and end_ms. */
static void fetch(struct candle_line *l, int64_t end_ms)
{
    struct market_session *m = l->watch->session;
    if (uv_now(m->loop) < l->fetch_next) return;
    buffer_clear(&m->out);
    binance_query_klines(&m->out, l->watch->rules.symbol, (enum timeframe)l->timeframe,
                         l->last_open_ms + length_of(l), end_ms, MARKET_CANDLES_MAX);
    const enum err err = send_query(m, on_missing, l);
    if (err) {
        plan_retry(l);
        return;
    }
    l->is_fetching = true;
    l->fetch_end_ms = end_ms;
}

static void tell_missing(struct candle_line *l, size_t count)
{
    const struct market_session *m = l->watch->session;
    const int64_t before = l->last_open_ms;
    for (size_t i = 0; i < count && !m->is_closed; i++) {
        const struct candle *c = &m->candles[i];
        const bool is_closed = c->open_ms + length_of(l) - 1 <= l->fetch_end_ms;
        if (c->open_ms > l->last_open_ms && is_closed && candle_is_sound(c)) tell(l, c);
    }
    if (count < MARKET_CANDLES_MAX || l->last_open_ms == before)
        l->empty_until_ms = l->fetch_end_ms + 1;
    if (l->last_open_ms > before)
        backoff_reset(&l->backoff);
    else
        l->fetch_next = uv_now(m->loop) + backoff_next_ms(&l->backoff);
}

static void on_missing(void *user, const struct binance_outcome *outcome)
{
    struct candle_line *l = user;
    struct market_session *m = l->watch->session;
    size_t count = 0;
    l->is_fetching = false;
    market_wake(m);
    enum err err = market_check(outcome);
    if (!err)
        err = binance_read_klines(outcome->body, &l->watch->rules, m->candles, MARKET_CANDLES_MAX,
                                  &count);
    if (err) {
        log_warn("candles_failed", "symbol=%s timeframe=%s cause=\"%s\"", l->watch->rules.symbol,
                 timeframe_name((enum timeframe)l->timeframe), err_text());
        plan_retry(l);
        return;
    }
    tell_missing(l, count);
    release_held(l);
}

/* A candle that should have come and did not: the stream may have lost it for good. */
static uint64_t line_due(struct candle_line *l)
{
    struct market_session *m = l->watch->session;
    const uint64_t now = uv_now(m->loop);
    if (l->is_fetching || l->last_open_ms < 0) return UINT64_MAX;
    if (l->held_count > 0) {
        if (now < l->fetch_next) return l->fetch_next;
        release_held(l);
        return l->is_fetching ? UINT64_MAX : l->fetch_next;
    }
    if (!venue_rest_clock_known(m->options.rest)) return UINT64_MAX;
    const int64_t venue_now = venue_rest_now_ms(m->options.rest);
    const int64_t late_at = l->last_open_ms + 2 * length_of(l) + CANDLE_GRACE_MS;
    if (venue_now < late_at) return now + (uint64_t)(late_at - venue_now);
    if (now < l->fetch_next) return l->fetch_next;
    fetch(l, timeframe_floor((enum timeframe)l->timeframe, venue_now - CANDLE_SETTLE_MS) - 1);
    return l->is_fetching ? UINT64_MAX : l->fetch_next;
}

uint64_t market_candles_due(struct watch *w)
{
    uint64_t next = UINT64_MAX;
    for (unsigned t = 0; t < TIMEFRAME_COUNT && !w->session->is_closed; t++) {
        if (!w->lines[t]) continue;
        const uint64_t at = line_due(w->lines[t]);
        if (at < next) next = at;
    }
    return next;
}

enum err market_session_fetch_candles(struct market_session *m, const char *symbol,
                                      enum timeframe timeframe, uint32_t count,
                                      market_candles on_candles, void *user)
{
    const struct instrument *rules = market_session_find(m, symbol);
    if (!rules) return err_set(ERR_NOT_FOUND, "the venue has no symbol %s", symbol);
    if (count == 0 || count > MARKET_CANDLES_MAX)
        return err_set(ERR_INVALID, "1 to %d candles can be fetched, not %u", MARKET_CANDLES_MAX,
                       count);
    struct candle_fetch *f = calloc(1, sizeof *f);
    if (!f) return err_set(ERR_NO_MEMORY, "no memory to fetch candles");
    *f = (struct candle_fetch){m->fetches, m, *rules, on_candles, user};
    buffer_clear(&m->out);
    binance_query_klines(&m->out, symbol, timeframe, -1, -1, count);
    const enum err err = send_query(m, on_fetched, f);
    if (err) {
        free(f);
        return err;
    }
    m->fetches = f;
    return OK;
}

static void on_fetched(void *user, const struct binance_outcome *outcome)
{
    struct candle_fetch *f = user;
    struct market_session *m = f->session;
    struct candle_fetch **at = &m->fetches;
    size_t count = 0;
    while (*at != f) at = &(*at)->next;
    *at = f->next;
    enum err err = market_check(outcome);
    if (!err)
        err = binance_read_klines(outcome->body, &f->rules, m->candles, MARKET_CANDLES_MAX, &count);
    if (err) err = err_note(err, "while fetching candles of %s", f->rules.symbol);
    f->on_candles(f->user, err, err ? NULL : m->candles, err ? 0 : count);
    free(f);
}

void market_candles_give_up(struct market_session *m)
{
    struct candle_fetch *f;
    while ((f = m->fetches)) {
        m->fetches = f->next;
        f->on_candles(f->user, err_set(ERR_CLOSED, "the market session is closed"), NULL, 0);
        free(f);
    }
}
