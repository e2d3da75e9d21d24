/* Which streams the session wants, and the messages that ask for them. */
#include <stdio.h>

#include "base/log.h"
#include "io/feed/market_internal.h"

enum { STREAM_NAME_SIZE = SYMBOL_SIZE + 16 };

enum err market_streams_add(struct market_session *m, uint16_t watch, unsigned kind)
{
    if (m->stream_count >= MARKET_STREAMS_MAX)
        return err_set(ERR_LIMIT, "the venue allows %d streams", MARKET_STREAMS_MAX);
    m->streams[m->stream_count++] =
        (struct stream){.watch = watch, .kind = (uint8_t)kind, .state = STREAM_WANTED};
    market_wake(m);
    return OK;
}

void market_streams_forget(struct market_session *m)
{
    for (uint32_t i = 0; i < m->stream_count; i++) m->streams[i].state = STREAM_WANTED;
}

static void write_name(struct buffer *out, const struct market_session *m, const struct stream *s)
{
    char suffix[16];
    if (s->kind == STREAM_DEPTH)
        snprintf(suffix, sizeof suffix, "@depth@100ms");
    else if (s->kind == STREAM_TRADE)
        snprintf(suffix, sizeof suffix, "@trade");
    else
        snprintf(suffix, sizeof suffix, "@kline_%s",
                 timeframe_name((enum timeframe)(s->kind - STREAM_KLINE)));
    binance_stream_write_name(out, m->watches[s->watch]->rules.symbol, suffix);
}

/* Marks the next batch as asked for, and writes its message. */
static uint32_t write_batch(struct market_session *m)
{
    struct slice names[MARKET_STREAMS_PER_MESSAGE];
    char bytes[MARKET_STREAMS_PER_MESSAGE * STREAM_NAME_SIZE];
    struct buffer name = {0};
    uint32_t count = 0;
    size_t used = 0;
    const int64_t id = (int64_t)++m->next_id;
    for (uint32_t i = 0; i < m->stream_count && count < MARKET_STREAMS_PER_MESSAGE; i++) {
        struct stream *s = &m->streams[i];
        if (s->state != STREAM_WANTED) continue;
        buffer_clear(&name);
        write_name(&name, m, s);
        memcpy(bytes + used, name.data, name.size);
        names[count++] = (struct slice){bytes + used, name.size};
        used += name.size;
        s->state = STREAM_ASKED;
        s->message_id = id;
    }
    buffer_deinit(&name);
    buffer_clear(&m->out);
    if (count > 0) binance_stream_write_subscribe(&m->out, true, names, count, id);
    return count;
}

static bool has_wanted(const struct market_session *m)
{
    for (uint32_t i = 0; i < m->stream_count; i++)
        if (m->streams[i].state == STREAM_WANTED) return true;
    return false;
}

uint64_t market_streams_due(struct market_session *m)
{
    const uint64_t now = uv_now(m->loop);
    if (!m->stream.ws || !ws_is_open(m->stream.ws) || !has_wanted(m)) return UINT64_MAX;
    if (now < m->next_message) return m->next_message;
    (void)write_batch(m);
    m->next_message = now + 1000 / MARKET_MESSAGES_PER_SECOND;
    /* A failure shows in on_close. */
    (void)ws_send(m->stream.ws, WS_TEXT, buffer_slice(&m->out));
    market_judge(m);
    return has_wanted(m) ? m->next_message : UINT64_MAX;
}

void market_streams_on_answer(struct market_session *m, const struct binance_frame *frame)
{
    const bool refused = frame->kind == BINANCE_ERROR;
    if (refused) {
        m->refused++;
        log_warn("subscribe_refused", "venue=%s code=%lld cause=\"%.*s\"",
                 venue_name(m->options.venue), (long long)frame->control.code,
                 (int)frame->control.message.size, frame->control.message.data);
        return;
    }
    for (uint32_t i = 0; i < m->stream_count; i++) {
        struct stream *s = &m->streams[i];
        if (s->state != STREAM_ASKED || s->message_id != frame->control.id) continue;
        s->state = STREAM_ON;
        if (s->kind == STREAM_DEPTH) market_book_want_snapshot(m->watches[s->watch]);
    }
}
