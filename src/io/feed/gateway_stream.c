/* The user stream: one WebSocket API connection with one subscription, for ever dialled anew. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/feed/gateway_internal.h"
#include "io/venue/binance/binance_user.h"

enum { CODE_CLOCK = -1021, CLOCK_WAIT_MS = 50 };

static uint64_t watchdog_due(struct gateway *g);
static uint64_t subscribe(struct gateway *g);
static void hang_up(struct gateway *g, const char *reason);
static void on_open(struct ws *ws);
static void on_message(struct ws *ws, enum ws_opcode opcode, struct slice message);
static void on_close(struct ws *ws, uint16_t code, struct slice reason, enum err err);
static void on_answer(struct gateway *g, const struct binance_user_answer *answer);
static void on_execution(struct gateway *g, const struct instrument *rules,
                         const struct binance_execution *execution);

static const struct ws_handler ws_handler = {
    .on_open = on_open, .on_message = on_message, .on_end = on_close, .on_close = on_close};

uint64_t gateway_stream_due(struct gateway *g)
{
    if (g->stream.ws && ws_is_open(g->stream.ws)) return watchdog_due(g);
    const uint64_t at = venue_stream_dial_at(&g->stream);
    if (at > uv_now(g->loop)) return at;
    if (venue_stream_dial(&g->stream, &(struct ws_options){0}, &ws_handler, g))
        log_warn("user_stream_failed", "cause=\"%s\"", err_text());
    return venue_stream_dial_at(&g->stream);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t watchdog_due(struct gateway *g)
{
    const uint64_t now = uv_now(g->loop);
    const uint64_t heard = ws_last_heard_ms(g->stream.ws);
    const uint64_t silent_at = heard + g->options.silence_ms;
    const uint64_t ask_at = heard + g->options.silence_ms / 2;
    const uint64_t unanswered_at = g->is_up ? UINT64_MAX : g->stream.opened + GATEWAY_SUBSCRIBE_MS;
    if (now >= silent_at || now >= unanswered_at) {
        hang_up(g, now >= silent_at ? "the venue fell silent" : "no answer to the subscription");
        return g->is_closed ? UINT64_MAX : venue_stream_dial_at(&g->stream);
    }
    const uint64_t subscribe_at = subscribe(g);
    if (now >= ask_at) venue_stream_ping(&g->stream);
    return earlier(earlier(now >= ask_at ? silent_at : ask_at, unanswered_at), subscribe_at);
}

/* A signature is good for a moment of the venue's clock only, so that must be known first; and to
 * subscribe is a request, which a ban forbids. */
static uint64_t subscribe(struct gateway *g)
{
    if (g->is_up || g->subscribe_id != 0) return UINT64_MAX;
    const bool is_banned = venue_rest_banned_until_ms(g->options.rest) > 0;
    if (is_banned || !venue_rest_clock_known(g->options.rest)) {
        /* The time that this takes is no failure of this connection. */
        g->stream.opened = uv_now(g->loop);
        return uv_now(g->loop) + CLOCK_WAIT_MS;
    }
    g->subscribe_id = ++g->next_id;
    buffer_clear(&g->out);
    if (binance_user_write_subscribe(&g->out, g->subscribe_id, venue_rest_key(g->options.rest),
                                     venue_rest_now_ms(g->options.rest)))
        log_error("user_stream_unsigned", "cause=\"%s\"", err_text());
    else
        (void)ws_send(g->stream.ws, WS_TEXT, buffer_slice(&g->out));
    return UINT64_MAX;
}

static void hang_up(struct gateway *g, const char *reason)
{
    const bool was_up = g->is_up;
    venue_stream_drop(&g->stream);
    g->is_up = false;
    g->subscribe_id = 0;
    gateway_wake(g);
    log_warn("user_stream_cut", "cause=\"%s\" again_in_ms=%llu", reason,
             (unsigned long long)(venue_stream_dial_at(&g->stream) - uv_now(g->loop)));
    if (was_up) g->options.sink.on_stream(g->options.user, false, reason);
}

static void on_open(struct ws *ws)
{
    struct gateway *g = ws_user(ws);
    venue_stream_opened(&g->stream);
    g->subscribe_id = 0;
    gateway_wake(g);
}

static void on_close(struct ws *ws, uint16_t code, struct slice reason, enum err err)
{
    struct gateway *g = ws_user(ws);
    char text[VENUE_STREAM_REASON_SIZE];
    venue_stream_closed(&g->stream, code, reason, err, text);
    hang_up(g, text);
}

static void on_message(struct ws *ws, enum ws_opcode opcode, struct slice message)
{
    struct gateway *g = ws_user(ws);
    struct binance_user_frame frame;
    (void)opcode;
    if (binance_user_decode(g->table, message, &frame)) {
        /* It may have told a fill: whatever it was, the caller must ask for what it missed. */
        g->malformed++;
        log_warn("user_event_malformed", "count=%llu cause=\"%s\"",
                 (unsigned long long)g->malformed, err_text());
        hang_up(g, "an account event could not be read");
        return;
    }
    switch ((enum binance_user_kind)frame.kind) {
    case BINANCE_USER_ANSWER: on_answer(g, &frame.answer); break;
    case BINANCE_USER_EXECUTION:
        on_execution(g, g->rules[frame.instrument], &frame.execution);
        break;
    case BINANCE_USER_TERMINATED: hang_up(g, "the venue ended the subscription"); break;
    case BINANCE_USER_SHUTDOWN:
        backoff_reset(&g->stream.backoff);
        hang_up(g, "the venue shuts this connection down");
        break;
    case BINANCE_USER_FOREIGN: g->foreign++; break;
    case BINANCE_USER_POSITION:
    case BINANCE_USER_BALANCE:
    case BINANCE_USER_LIST:
    case BINANCE_USER_UNKNOWN:
    case BINANCE_USER_KIND_COUNT: break;
    }
}

static void on_answer(struct gateway *g, const struct binance_user_answer *answer)
{
    char text[VENUE_STREAM_REASON_SIZE];
    if (g->subscribe_id == 0 || answer->id != g->subscribe_id) return;
    if (answer->status == 200) {
        g->is_up = true;
        g->stream.opened = uv_now(g->loop);
        g->options.sink.on_stream(g->options.user, true, "");
        return;
    }
    if (answer->error.code == CODE_CLOCK) venue_rest_clock_doubt(g->options.rest);
    venue_rest_heed(g->options.rest, &(struct binance_outcome){.answered = true,
                                                               .status = answer->status,
                                                               .body = answer->error_body,
                                                               .retry_after_s = -1});
    snprintf(text, sizeof text, "the subscription was refused: %d %.*s", answer->error.code,
             (int)answer->error.message.size,
             answer->error.message.data ? answer->error.message.data : "");
    hang_up(g, text);
}

static void tell_rounded(struct gateway *g, const struct instrument *rules, uint64_t order_id,
                         const struct binance_execution *execution)
{
    gateway_tell_news(
        g, rules,
        &(struct order_news){
            .order_id = order_id,
            .input = (uint8_t)gateway_rounded_input((enum binance_order_status)execution->status),
            .reason = ORDER_REASON_FILL_ROUNDED,
            .venue_order_id = execution->venue_order_id,
        });
}

static void on_execution(struct gateway *g, const struct instrument *rules,
                         const struct binance_execution *execution)
{
    uint64_t order_id;
    const struct slice id = execution->client_id;
    if (!client_id_parse(g->install, id.data, id.size, &order_id)) {
        if (execution->has_fill)
            g->options.sink.on_external(g->options.user, rules->index, &execution->fill);
        return;
    }
    if (execution->has_fill) {
        struct fill fill = execution->fill;
        fill.order_id = order_id;
        gateway_tell_fill(g, rules, &fill);
        if (g->is_closed) return;
    }
    if (execution->is_rounded) {
        tell_rounded(g, rules, order_id, execution);
        return;
    }
    if (!execution->has_news) return;
    gateway_tell_news(g, rules,
                      &(struct order_news){
                          .order_id = order_id,
                          .input = execution->input,
                          .reason = execution->reason,
                          .venue_order_id = execution->venue_order_id,
                      });
}
