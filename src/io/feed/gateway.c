/* The gateway's life, and placing orders. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "io/feed/gateway_internal.h"

static enum err init(struct gateway *g, const struct gateway_options *options);
static void release(struct gateway *g);
static void on_timer(uv_timer_t *timer);
static void tell_unsent(struct gateway *g);
static void on_placed(void *user, const struct binance_outcome *outcome);
static void on_accepted(const struct errand *e, const struct binance_answer *answer);
static void on_refused(const struct errand *e, const struct binance_answer *answer);

enum err gateway_open(uv_loop_t *loop, const struct gateway_options *options, struct gateway **out)
{
    CHECK(venue_rest_key(options->rest));
    *out = NULL;
    struct gateway *g = calloc(1, sizeof *g);
    if (!g) return err_set(ERR_NO_MEMORY, "no memory for a gateway");
    g->loop = loop;
    const enum err err = init(g, options);
    if (err) {
        release(g);
        return err;
    }
    CHECK(uv_timer_init(loop, &g->timer) == 0);
    g->timer.data = g;
    venue_rest_warm(options->rest);
    gateway_wake(g);
    *out = g;
    return OK;
}

static enum err init(struct gateway *g, const struct gateway_options *options)
{
    g->options = *options;
    struct gateway_options *o = &g->options;
    if (o->silence_ms == 0) o->silence_ms = GATEWAY_SILENCE_MS;
    if (!slice_copy(slice_of(options->install), g->install, sizeof g->install))
        return err_set(ERR_INVALID, "the installation's id has %d characters", INSTALL_ID_SIZE - 1);

    const enum err err = venue_stream_init(&g->stream, g->loop,
                                           &(struct venue_stream_options){
                                               .url = o->ws_api_url,
                                               .path = "",
                                               .tls = o->tls,
                                               .rest = o->rest,
                                               .jitter_seed = o->jitter_seed,
                                               .first_ms = o->reconnect_first_ms,
                                               .last_ms = o->reconnect_last_ms,
                                           });
    if (err) return err_note(err, "while opening the user stream");

    g->rules = calloc(GATEWAY_INSTRUMENTS_MAX, sizeof *g->rules);
    g->table = calloc(1, sizeof *g->table);
    g->fills = calloc(BINANCE_FILLS_MAX, sizeof *g->fills);
    g->trades = calloc(BINANCE_KLINES_MAX, sizeof *g->trades);
    if (!g->rules || !g->table || !g->fills || !g->trades)
        return err_set(ERR_NO_MEMORY, "no memory for a gateway");
    g->started = uv_now(g->loop);
    return OK;
}

static void release(struct gateway *g)
{
    while (g->errands) gateway_errand_end(g->errands);
    for (unsigned i = 0; i < g->rules_count; i++) free(g->rules[i]);
    free(g->rules);
    free(g->table);
    free(g->fills);
    free(g->trades);
    buffer_deinit(&g->out);
    free(g);
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

void gateway_close(struct gateway *g)
{
    if (!g || g->is_closed) return;
    g->is_closed = true;
    venue_rest_forget(g->options.rest, g);
    venue_stream_close(&g->stream);
    uv_close((uv_handle_t *)&g->timer, on_timer_closed);
}

bool gateway_is_ready(const struct gateway *g)
{
    return g->is_up && venue_rest_clock_known(g->options.rest);
}

void gateway_wake(struct gateway *g)
{
    CHECK(uv_timer_start(&g->timer, on_timer, 0, 0) == 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct gateway *g = timer->data;
    tell_unsent(g);
    if (g->is_closed) return;
    const uint64_t next = gateway_stream_due(g);
    if (g->is_closed || uv_is_active((uv_handle_t *)timer)) return;
    const uint64_t now = uv_now(g->loop);
    CHECK(uv_timer_start(timer, on_timer, next > now ? next - now : 0, 0) == 0);
}

static struct instrument *find_rules(const struct gateway *g, uint16_t instrument)
{
    for (unsigned i = 0; i < g->rules_count; i++)
        if (g->rules[i]->index == instrument) return g->rules[i];
    return NULL;
}

const struct instrument *gateway_rules(const struct gateway *g, uint16_t instrument)
{
    const struct instrument *rules = find_rules(g, instrument);
    CHECK(rules);
    return rules;
}

enum err gateway_add_instrument(struct gateway *g, const struct instrument *rules)
{
    struct instrument *known = find_rules(g, rules->index);
    struct instrument placed = *rules;
    if (!known && g->rules_count >= GATEWAY_INSTRUMENTS_MAX)
        return err_set(ERR_LIMIT, "orders in %d instruments are the limit",
                       GATEWAY_INSTRUMENTS_MAX);
    placed.index = g->rules_count;
    for (uint16_t i = 0; i < g->rules_count; i++)
        if (g->rules[i] == known) placed.index = i;
    const enum err err = binance_symbols_add(g->table, &placed);
    if (err) return err_note(err, "while adding %s to the gateway", rules->symbol);
    if (!known) {
        known = calloc(1, sizeof *known);
        if (!known) return err_set(ERR_NO_MEMORY, "no memory for %s", rules->symbol);
        g->rules[g->rules_count++] = known;
    }
    *known = *rules;
    return OK;
}

void gateway_body(const struct instrument *rules, const struct order *order, const char *client_id,
                  char out[GATEWAY_BODY_SIZE])
{
    struct buffer body = {0};
    binance_query_order_new(&body, rules, order, client_id);
    CHECK(!body.failed && slice_copy(buffer_slice(&body), out, GATEWAY_BODY_SIZE));
    buffer_deinit(&body);
}

struct errand *gateway_errand_new(struct gateway *g, const struct order *order)
{
    struct errand *e = calloc(1, sizeof *e);
    CHECK(e);
    e->gateway = g;
    e->order = *order;
    e->rules = gateway_rules(g, order->instrument);
    client_id_write(g->install, order->id, e->client_id);
    e->next = g->errands;
    g->errands = e;
    return e;
}

void gateway_errand_end(struct errand *e)
{
    struct errand **at = &e->gateway->errands;
    while (*at != e) at = &(*at)->next;
    *at = e->next;
    free(e);
}

static enum request_priority priority_of(const struct order *order)
{
    switch ((enum purpose)order->purpose) {
    case PURPOSE_ENTRY: return REQUEST_ENTRY;
    case PURPOSE_EXIT: return REQUEST_EXIT;
    case PURPOSE_STOP:
    case PURPOSE_TARGET: break;
    }
    return REQUEST_PROTECTIVE;
}

void gateway_place(struct gateway *g, const struct order *order, const char *body)
{
    struct errand *e = gateway_errand_new(g, order);
    e->is_place = true;
    const enum err err = venue_rest_send(g->options.rest, &(struct venue_request){
                                                              .endpoint = BINANCE_POST_ORDER,
                                                              .priority = priority_of(order),
                                                              .query = slice_of(body),
                                                              .deadline_ms = GATEWAY_ANSWER_MS,
                                                              .wait_ms = GATEWAY_LINE_MS,
                                                              .owner = g,
                                                              .on_outcome = on_placed,
                                                              .user = e,
                                                          });
    if (!err) return;
    log_warn("order_unsent", "order=%llu cause=\"%s\"", (unsigned long long)order->id, err_text());
    e->is_unsent = true;
    gateway_wake(g);
}

static void news_of(const struct errand *e, enum order_input input, enum order_reason reason,
                    const struct binance_answer *answer)
{
    gateway_tell_news(e->gateway, e->rules,
                      &(struct order_news){
                          .order_id = e->order.id,
                          .input = (uint8_t)input,
                          .reason = (uint8_t)reason,
                          .venue_code = answer->code,
                          .venue_order_id = answer->order.venue_order_id,
                      });
}

static void tell_unsent(struct gateway *g)
{
    static const struct binance_answer nothing;
    struct errand *e = g->errands;
    while (e && !g->is_closed) {
        if (!e->is_unsent) {
            e = e->next;
            continue;
        }
        const struct errand told = *e;
        gateway_errand_end(e);
        news_of(&told, ON_PROVED_ABSENT, ORDER_REASON_NOT_SENT, &nothing);
        /* The list may have changed while it was told. */
        e = g->is_closed ? NULL : g->errands;
    }
}

static void on_placed(void *user, const struct binance_outcome *outcome)
{
    struct errand *e = user;
    struct gateway *g = e->gateway;
    struct binance_answer answer;
    binance_classify(BINANCE_PLACE, outcome, e->rules, e->client_id, g->fills, BINANCE_FILLS_MAX,
                     &answer);
    if (answer.verdict != BINANCE_ACCEPTED)
        log_warn("order_not_accepted", "order=%llu verdict=%s status=%d code=%d text=\"%.*s\"",
                 (unsigned long long)e->order.id,
                 binance_verdict_name((enum binance_verdict)answer.verdict), outcome->status,
                 answer.code, (int)answer.message.size,
                 answer.message.data ? answer.message.data : "");
    const struct errand told = *e;
    gateway_errand_end(e);
    if (answer.verdict == BINANCE_ACCEPTED)
        on_accepted(&told, &answer);
    else
        on_refused(&told, &answer);
}

static void on_accepted(const struct errand *e, const struct binance_answer *answer)
{
    struct gateway *g = e->gateway;
    const struct binance_order *order = &answer->order;
    enum order_input input = binance_order_status_input((enum binance_order_status)order->status);
    int64_t told = 0;
    for (uint32_t i = 0; i < order->fill_count && !g->is_closed; i++) {
        struct fill fill = g->fills[i];
        fill.order_id = e->order.id;
        told += fill.qty.units;
        gateway_tell_fill(g, e->rules, &fill);
    }
    if (g->is_closed) return;
    enum order_reason reason = input == ON_REJECT ? ORDER_REASON_VENUE_REJECTED : ORDER_REASON_NONE;
    if (order->rounded_count > 0) {
        input = gateway_rounded_input((enum binance_order_status)order->status);
        reason = ORDER_REASON_FILL_ROUNDED;
    }
    const bool is_whole = told + order->rounded_count >= order->filled.units + order->is_rounded;
    /* An end is told behind the last fill only: until then it is an order that was accepted. */
    if (!is_whole) input = ON_ACCEPT;
    news_of(e, input, reason, answer);
    if (is_whole || g->is_closed) return;
    struct order known = e->order;
    known.venue_order_id = order->venue_order_id;
    gateway_query(g, &known);
}

static void on_refused(const struct errand *e, const struct binance_answer *answer)
{
    struct gateway *g = e->gateway;
    switch ((enum binance_verdict)answer->verdict) {
    case BINANCE_NOT_SENT: news_of(e, ON_PROVED_ABSENT, ORDER_REASON_NOT_SENT, answer); return;
    case BINANCE_REJECTED:
    case BINANCE_RATE_LIMITED:
        news_of(e, ON_REJECT, (enum order_reason)answer->reason, answer);
        return;
    case BINANCE_CLOCK: venue_rest_clock_doubt(g->options.rest); break;
    case BINANCE_ACCEPTED:
    case BINANCE_UNKNOWN_FATE:
    case BINANCE_ABSENT:
    case BINANCE_VERDICT_COUNT: break;
    }
    gateway_doubt(g, e->order.id);
    news_of(e, ON_NO_ANSWER, ORDER_REASON_NO_ANSWER, answer);
}

/* What the venue shows is there: no query under way may prove its absence. */
static void mark_seen(struct gateway *g, uint64_t order_id)
{
    for (struct errand *e = g->errands; e; e = e->next)
        if (e->order.id == order_id) e->is_seen = true;
}

enum order_input gateway_rounded_input(enum binance_order_status status)
{
    const bool works = status == BINANCE_STATUS_NEW || status == BINANCE_STATUS_PARTIALLY_FILLED;
    return works ? ON_ACCEPT : ON_EXPIRED;
}

void gateway_tell_fill(struct gateway *g, const struct instrument *rules, const struct fill *fill)
{
    struct event event = {.kind = EVENT_FILL, .instrument = rules->index, .fill = *fill};
    mark_seen(g, fill->order_id);
    if (fill->qty.units == 0) return; /* less than a unit: told as news that it was rounded */
    g->options.sink.on_event(g->options.user, &event);
}

void gateway_tell_news(struct gateway *g, const struct instrument *rules,
                       const struct order_news *news)
{
    struct event event = {.kind = EVENT_ORDER, .instrument = rules->index, .order = *news};
    if (news->input != ON_NO_ANSWER && news->input != ON_PROVED_ABSENT)
        mark_seen(g, news->order_id);
    g->options.sink.on_event(g->options.user, &event);
}
