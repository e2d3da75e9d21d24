/* The market session's life: its connection, its watchdog, its frames. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "io/feed/market_internal.h"

static enum err init(struct market_session *m, const struct market_session_options *options);
static void release(struct market_session *m);
static void on_timer(uv_timer_t *timer);
static uint64_t connection_due(struct market_session *m);
static void dial(struct market_session *m);
static uint64_t watchdog_due(struct market_session *m);
static void hang_up(struct market_session *m, enum market_state state, const char *reason);
static void on_open(struct ws *ws);
static void on_message(struct ws *ws, enum ws_opcode opcode, struct slice message);
static void on_close(struct ws *ws, uint16_t code, struct slice reason, enum err err);

static const struct ws_handler ws_handler = {
    .on_open = on_open, .on_message = on_message, .on_end = on_close, .on_close = on_close};

enum err market_session_open(uv_loop_t *loop, const struct market_session_options *options,
                             struct market_session **out)
{
    *out = NULL;
    struct market_session *m = calloc(1, sizeof *m);
    if (!m) return err_set(ERR_NO_MEMORY, "no memory for a market session");
    m->loop = loop;
    const enum err err = init(m, options);
    if (err) {
        release(m);
        return err;
    }
    CHECK(uv_timer_init(loop, &m->timer) == 0);
    m->timer.data = m;
    market_wake(m);
    *out = m;
    return OK;
}

static enum err init(struct market_session *m, const struct market_session_options *options)
{
    m->options = *options;
    struct market_session_options *o = &m->options;
    if (o->silence_ms == 0) o->silence_ms = SILENCE_MS;
    if (o->data_silence_ms == 0) o->data_silence_ms = MARKET_DATA_SILENCE_MS;

    const enum err err = venue_stream_init(&m->stream, m->loop,
                                           &(struct venue_stream_options){
                                               .url = o->ws_url,
                                               .path = "/stream",
                                               .tls = o->tls,
                                               .rest = o->rest,
                                               .jitter_seed = o->jitter_seed,
                                               .first_ms = o->reconnect_first_ms,
                                               .last_ms = o->reconnect_last_ms,
                                           });
    if (err) return err_note(err, "while opening the streams of %s", venue_name(options->venue));

    market_backoff_init(m, &m->symbols_backoff, 1);
    m->table = calloc(1, sizeof *m->table);
    m->levels = calloc(BINANCE_LEVELS_MAX, sizeof *m->levels);
    m->snapshot_levels = calloc(BINANCE_LEVELS_MAX, sizeof *m->snapshot_levels);
    m->candles = calloc(MARKET_CANDLES_MAX, sizeof *m->candles);
    m->watches = calloc(options->instruments_max, sizeof *m->watches);
    m->streams = calloc(MARKET_STREAMS_MAX, sizeof *m->streams);
    if (!m->table || !m->levels || !m->snapshot_levels || !m->candles || !m->watches || !m->streams)
        return err_set(ERR_NO_MEMORY, "no memory for a market session");
    m->decoder = (struct binance_decoder){
        .symbols = m->table, .levels = m->levels, .level_capacity = BINANCE_LEVELS_MAX};
    m->symbols_next = uv_now(m->loop);
    return OK;
}

void market_backoff_init(const struct market_session *m, struct backoff *b, uint64_t number)
{
    const struct backoff *dials = &m->stream.backoff;
    backoff_init(b, m->options.jitter_seed + number, dials->first_ms, dials->last_ms);
}

static void release(struct market_session *m)
{
    for (unsigned i = 0; i < m->watch_count; i++) {
        market_book_deinit(m->watches[i]);
        for (unsigned t = 0; t < TIMEFRAME_COUNT; t++) free(m->watches[i]->lines[t]);
        free(m->watches[i]);
    }
    free(m->watches);
    free(m->streams);
    free(m->table);
    free(m->levels);
    free(m->snapshot_levels);
    free(m->candles);
    free(m->symbols);
    buffer_deinit(&m->out);
    free(m);
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void market_session_close(struct market_session *m)
{
    if (!m || m->is_closed) return;
    m->is_closed = true;
    venue_rest_forget(m->options.rest, m);
    venue_stream_close(&m->stream);
    market_candles_give_up(m);
    uv_close((uv_handle_t *)&m->timer, on_timer_closed);
}

enum err market_session_watch(struct market_session *m, const struct instrument *rules)
{
    if (market_watch_of(m, rules->index)) return OK;
    if (m->watch_count >= m->options.instruments_max)
        return err_set(ERR_LIMIT, "%u instruments are watched already", m->watch_count);
    if (m->stream_count + 2 > MARKET_STREAMS_MAX)
        return err_set(ERR_LIMIT, "the venue allows %d streams", MARKET_STREAMS_MAX);

    struct instrument placed = *rules;
    placed.index = m->watch_count;
    const enum err err = binance_symbols_add(m->table, &placed);
    if (err) return err_note(err, "while watching %s", rules->symbol);
    struct watch *w = calloc(1, sizeof *w);
    if (!w) return err_set(ERR_NO_MEMORY, "no memory to watch %s", rules->symbol);
    w->session = m;
    w->rules = *rules;
    w->place = m->watch_count;
    market_book_init(w);
    m->watches[m->watch_count++] = w;
    CHECK(market_streams_add(m, w->place, STREAM_DEPTH) == OK);
    CHECK(market_streams_add(m, w->place, STREAM_TRADE) == OK);
    market_wake(m);
    return OK;
}

struct watch *market_watch_of(const struct market_session *m, uint16_t instrument)
{
    for (unsigned i = 0; i < m->watch_count; i++)
        if (m->watches[i]->rules.index == instrument) return m->watches[i];
    return NULL;
}

static uint32_t streams_on(const struct market_session *m)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < m->stream_count; i++) count += m->streams[i].state == STREAM_ON;
    return count;
}

void market_session_status(const struct market_session *m, struct market_status *out)
{
    struct request_budget *budget = venue_rest_budget(m->options.rest);
    const uint64_t now = uv_now(m->loop);
    *out = (struct market_status){
        .state = m->state,
        .latency_ms = venue_rest_latency_ms(m->options.rest),
        .age_ms = m->last_frame > 0 ? (int64_t)(now - m->last_frame) : -1,
        .streams = streams_on(m),
        .frames = m->frames,
        .gaps = m->gaps,
        .reconnects = m->reconnects,
        .malformed = m->decoder.malformed_count,
        .refused = m->refused,
        .weight_used = request_budget_used(budget, venue_rest_now_ms(m->options.rest)),
        .weight_limit = budget->limits.weight,
        .banned_until_ms = venue_rest_banned_until_ms(m->options.rest),
    };
    memcpy(out->reason, m->reason, sizeof out->reason);
}

void market_set_state(struct market_session *m, enum market_state state, const char *reason)
{
    static const char *const names[] = {"down", "dialing", "syncing", "live", "stale"};
    if (m->state == state && strcmp(m->reason, reason) == 0) return;
    if (m->state != state)
        log_info("feed_state", "venue=%s state=%s streams=%u reason=\"%s\"",
                 venue_name(m->options.venue), names[state], m->stream_count, reason);
    m->state = (uint8_t)state;
    if (reason != m->reason) snprintf(m->reason, sizeof m->reason, "%s", reason);
    m->options.sink.on_state(m->options.user);
}

void market_tell(struct market_session *m, struct event *event)
{
    m->options.sink.on_event(m->options.user, event);
}

void market_judge(struct market_session *m)
{
    if (!m->stream.ws || !ws_is_open(m->stream.ws)) return;
    unsigned behind = 0;
    for (unsigned i = 0; i < m->watch_count; i++) behind += !m->watches[i]->is_live;
    if (behind == 0)
        market_set_state(m, MARKET_LIVE, "");
    else
        market_set_state(m, MARKET_SYNCING, "books are being synchronised");
}

enum err market_check(const struct binance_outcome *outcome)
{
    struct binance_error error;
    if (!outcome->answered)
        return outcome->maybe_sent ? err_set(ERR_IO, "no answer from the venue")
                                   : err_set(ERR_TIMEOUT, "the venue could not be asked");
    if (outcome->status == 200) return OK;
    if (binance_read_error(outcome->body, &error))
        return err_set(ERR_IO, "the venue answered %d", outcome->status);
    return err_set(ERR_INVALID, "the venue answered %d: %d %.*s", outcome->status, error.code,
                   (int)error.message.size, error.message.data);
}

void market_wake(struct market_session *m)
{
    CHECK(uv_timer_start(&m->timer, on_timer, 0, 0) == 0);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void on_timer(uv_timer_t *timer)
{
    struct market_session *m = timer->data;
    uint64_t next = connection_due(m);
    if (!m->is_closed) next = earlier(next, market_symbols_due(m));
    if (!m->is_closed) next = earlier(next, market_streams_due(m));
    for (unsigned i = 0; i < m->watch_count && !m->is_closed; i++) {
        next = earlier(next, market_book_due(m->watches[i]));
        if (!m->is_closed) next = earlier(next, market_candles_due(m->watches[i]));
    }
    /* A callback above may have asked for an earlier turn. */
    if (m->is_closed || uv_is_active((uv_handle_t *)timer)) return;
    const uint64_t now = uv_now(m->loop);
    CHECK(uv_timer_start(timer, on_timer, next > now ? next - now : 0, 0) == 0);
}

static uint64_t connection_due(struct market_session *m)
{
    if (m->stream.ws && ws_is_open(m->stream.ws)) return watchdog_due(m);
    const uint64_t at = venue_stream_dial_at(&m->stream);
    if (at > uv_now(m->loop)) {
        if (!m->stream.ws && at > m->stream.dial_next)
            market_set_state(m, MARKET_DOWN, "the venue forbids connections for now");
        return m->is_closed ? UINT64_MAX : at;
    }
    dial(m);
    return m->is_closed ? UINT64_MAX : venue_stream_dial_at(&m->stream);
}

static void dial(struct market_session *m)
{
    const struct ws_options options = {.deflate = true, .read_size = m->options.read_size};
    if (venue_stream_dial(&m->stream, &options, &ws_handler, m))
        market_set_state(m, MARKET_DOWN, err_text());
    else
        market_set_state(m, MARKET_DIALING, m->reason);
}

/* When the connection will count as hung, unless something comes; at half the time it is asked. */
static uint64_t watchdog_due(struct market_session *m)
{
    const uint64_t now = uv_now(m->loop);
    if (m->stream_count == 0) return UINT64_MAX;
    const uint64_t heard = ws_last_heard_ms(m->stream.ws);
    const uint64_t opened = m->stream.opened;
    const uint64_t data = m->last_frame > opened ? m->last_frame : opened;
    const uint64_t silent_at = heard + m->options.silence_ms;
    const uint64_t data_silent_at = data + m->options.data_silence_ms;
    if (now >= silent_at || now >= data_silent_at) {
        hang_up(m, MARKET_STALE, "the venue fell silent");
        return m->is_closed ? UINT64_MAX : venue_stream_dial_at(&m->stream);
    }
    const uint64_t ask_at = heard + m->options.silence_ms / 2;
    if (now < ask_at) return earlier(ask_at, data_silent_at);
    venue_stream_ping(&m->stream);
    return earlier(silent_at, data_silent_at);
}

/* The connection is of no use any more: everything that hangs on it is stale. */
static void hang_up(struct market_session *m, enum market_state state, const char *reason)
{
    char kept[MARKET_REASON_SIZE];
    snprintf(kept, sizeof kept, "%s", reason);
    if (m->stream.opened > 0) m->reconnects++;
    venue_stream_drop(&m->stream);
    market_streams_forget(m);
    log_warn("feed_cut", "venue=%s cause=\"%s\" again_in_ms=%llu", venue_name(m->options.venue),
             kept, (unsigned long long)(venue_stream_dial_at(&m->stream) - uv_now(m->loop)));
    for (unsigned i = 0; i < m->watch_count && !m->is_closed; i++) market_book_drop(m->watches[i]);
    if (m->is_closed) return;
    market_wake(m);
    market_set_state(m, state, kept);
}

static void on_open(struct ws *ws)
{
    struct market_session *m = ws_user(ws);
    venue_stream_opened(&m->stream);
    m->next_message = m->stream.opened;
    market_wake(m);
    market_judge(m);
}

static void on_close(struct ws *ws, uint16_t code, struct slice reason, enum err err)
{
    struct market_session *m = ws_user(ws);
    char text[MARKET_REASON_SIZE];
    venue_stream_closed(&m->stream, code, reason, err, text);
    hang_up(m, MARKET_DOWN, text);
}

/* One line for the first, the second, the fourth, …: enough to see what it is, never a flood. */
static void log_malformed(const struct market_session *m, struct slice message)
{
    enum { SAMPLE_SIZE = 200 };
    const uint64_t count = m->decoder.malformed_count;
    if ((count & (count - 1)) != 0) return;
    log_warn("frame_malformed", "venue=%s count=%llu cause=\"%s\" frame=\"%.*s\"",
             venue_name(m->options.venue), (unsigned long long)count, err_text(),
             (int)(message.size < SAMPLE_SIZE ? message.size : SAMPLE_SIZE), message.data);
}

static void on_print(struct watch *w, const struct print *print)
{
    struct event event = {.kind = EVENT_PRINT, .instrument = w->rules.index, .print = *print};
    market_tell(w->session, &event);
}

static void on_message(struct ws *ws, enum ws_opcode opcode, struct slice message)
{
    struct market_session *m = ws_user(ws);
    struct binance_frame frame;
    (void)opcode;
    m->frames++;
    m->last_frame = uv_now(m->loop);
    if (binance_stream_decode(&m->decoder, message, &frame)) {
        log_malformed(m, message);
        return;
    }
    struct watch *w = frame.instrument < m->watch_count ? m->watches[frame.instrument] : NULL;
    switch ((enum binance_frame_kind)frame.kind) {
    case BINANCE_DEPTH:
        if (w) market_book_on_delta(w, &frame.depth);
        break;
    case BINANCE_TRADE:
        if (w) on_print(w, &frame.trade);
        break;
    case BINANCE_KLINE:
        if (w) market_candles_on_kline(w, &frame.kline);
        break;
    case BINANCE_RESULT:
    case BINANCE_ERROR: market_streams_on_answer(m, &frame); break;
    case BINANCE_SHUTDOWN:
        backoff_reset(&m->stream.backoff);
        hang_up(m, MARKET_DOWN, "the venue shuts this connection down");
        break;
    case BINANCE_AGG_TRADE:
    case BINANCE_PARTIAL_DEPTH:
    case BINANCE_BOOK_TICKER:
    case BINANCE_TICKER:
    case BINANCE_MINI_TICKER:
    case BINANCE_UNKNOWN:
    case BINANCE_FOREIGN:
    case BINANCE_FRAME_KIND_COUNT: break;
    }
}
