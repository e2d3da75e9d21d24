/* Dialling a venue's WebSocket, for ever. */
#include "io/feed/venue_stream.h"

#include <stdio.h>

#include "base/check.h"
#include "io/feed/venue_url.h"

static uint32_t or_default(uint32_t value, uint32_t standard)
{
    return value > 0 ? value : standard;
}

enum err venue_stream_init(struct venue_stream *s, uv_loop_t *loop,
                           const struct venue_stream_options *options)
{
    struct url url;
    *s = (struct venue_stream){
        .loop = loop, .rest = options->rest, .tls = options->tls, .dial_next = uv_now(loop)};
    backoff_init(&s->backoff, options->jitter_seed,
                 or_default(options->first_ms, RECONNECT_FIRST_MS),
                 or_default(options->last_ms, RECONNECT_LAST_MS));
    enum err err = venue_url_parse(options->url, true, &url);
    if (!err) err = venue_url_join(&url, options->path, s->url, sizeof s->url);
    if (err) return err;
    if (url.secure && !options->tls) return err_set(ERR_INVALID, "%s needs TLS", options->url);
    return OK;
}

void venue_stream_close(struct venue_stream *s)
{
    if (!s->ws) return;
    ws_set_handler(s->ws, NULL, NULL);
    ws_close(s->ws, WS_CODE_NORMAL, SLICE(""));
    s->ws = NULL;
}

uint64_t venue_stream_dial_at(const struct venue_stream *s)
{
    if (s->ws) return UINT64_MAX;
    const uint64_t allowed = venue_rest_dial_at(s->rest);
    return allowed > s->dial_next ? allowed : s->dial_next;
}

enum err venue_stream_dial(struct venue_stream *s, const struct ws_options *options,
                           const struct ws_handler *handler, void *user)
{
    struct ws_options all = *options;
    all.tls = s->tls;
    CHECK(venue_stream_dial_at(s) <= uv_now(s->loop));
    const enum err err = ws_connect(s->loop, s->url, &all, handler, user, &s->ws);
    if (!err) return OK;
    s->ws = NULL;
    s->dial_next = uv_now(s->loop) + backoff_next_ms(&s->backoff);
    return err;
}

void venue_stream_opened(struct venue_stream *s)
{
    s->opened = uv_now(s->loop);
    s->last_ping = 0;
}

void venue_stream_closed(struct venue_stream *s, uint16_t code, struct slice reason, enum err err,
                         char out[VENUE_STREAM_REASON_SIZE])
{
    const struct ws_refusal refusal = ws_refusal(s->ws);
    if (err)
        snprintf(out, VENUE_STREAM_REASON_SIZE, "%.*s", (int)reason.size, reason.data);
    else
        snprintf(out, VENUE_STREAM_REASON_SIZE, "the venue closed: %u %.*s", code, (int)reason.size,
                 reason.data ? reason.data : "");
    ws_set_handler(s->ws, NULL, NULL);
    s->ws = NULL;
    if (refusal.status != 0)
        venue_rest_on_refused_dial(s->rest, refusal.status, refusal.retry_after_s);
}

void venue_stream_drop(struct venue_stream *s)
{
    const uint64_t now = uv_now(s->loop);
    if (s->ws) {
        ws_set_handler(s->ws, NULL, NULL);
        ws_abort(s->ws);
        s->ws = NULL;
    }
    if (s->opened > 0 && now - s->opened >= RECONNECT_HEALTHY_MS) backoff_reset(&s->backoff);
    s->opened = 0;
    s->dial_next = now + backoff_next_ms(&s->backoff);
}

void venue_stream_ping(struct venue_stream *s)
{
    if (s->last_ping > ws_last_heard_ms(s->ws)) return;
    s->last_ping = uv_now(s->loop);
    (void)ws_ping(s->ws, SLICE(""));
}
