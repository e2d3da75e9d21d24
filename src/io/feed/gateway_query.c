/* What became of an order: its state, then its trades; and when nothing is proof of nothing. */
#include <string.h>

#include "base/log.h"
#include "io/feed/gateway_internal.h"

enum { TRADES_WEIGHT = 5, TRADES_PAGE = BINANCE_KLINES_MAX };

static bool may_prove_absence(struct gateway *g, const struct order *order);
static enum err ask(struct errand *e, enum binance_endpoint endpoint, uint32_t weight,
                    void (*on_outcome)(void *user, const struct binance_outcome *outcome));
static void on_order(void *user, const struct binance_outcome *outcome);
static void on_found(struct errand *e);
static void ask_trades(struct errand *e);
static void on_trades(void *user, const struct binance_outcome *outcome);
static void tell_state(struct errand *e, enum order_input input, enum order_reason reason);

void gateway_query(struct gateway *g, const struct order *order)
{
    for (const struct errand *e = g->errands; e; e = e->next)
        if (e->order.id == order->id && !e->is_cancel) return;
    struct errand *e = gateway_errand_new(g, order);
    e->may_prove = may_prove_absence(g, order);
    buffer_clear(&g->out);
    binance_query_order(&g->out, e->rules->symbol, e->client_id);
    if (ask(e, BINANCE_GET_ORDER, 0, on_order)) gateway_errand_end(e);
}

void gateway_doubt(struct gateway *g, uint64_t order_id)
{
    struct doubt *slot = &g->doubts[g->doubt_next++ % GATEWAY_DOUBTS_MAX];
    if (g->doubt_count == GATEWAY_DOUBTS_MAX)
        g->forgotten_ms = slot->left_ms;
    else
        g->doubt_count++;
    *slot = (struct doubt){order_id, uv_now(g->loop)};
}

/* The last moment at which the order may have left us, in loop time. */
static uint64_t left_at(const struct gateway *g, uint64_t order_id)
{
    for (uint32_t i = 0; i < g->doubt_count; i++)
        if (g->doubts[i].order_id == order_id) return g->doubts[i].left_ms;
    return g->forgotten_ms > g->started ? g->forgotten_ms : g->started;
}

static bool may_prove_absence(struct gateway *g, const struct order *order)
{
    const int64_t wait_ms =
        (int64_t)BINANCE_RECV_WINDOW_MS + g->options.read_lag_ms + GATEWAY_ABSENCE_MARGIN_MS;
    if (order->venue_order_id != 0 || order->filled.units != 0) return false;
    if (order->state != ORDER_SENT && order->state != ORDER_UNKNOWN) return false;
    if (!venue_rest_clock_known(g->options.rest)) return false;
    if (venue_rest_now_ms(g->options.rest) <= order->created_ms + wait_ms) return false;
    return uv_now(g->loop) > left_at(g, order->id) + (uint64_t)wait_ms;
}

static enum err ask(struct errand *e, enum binance_endpoint endpoint, uint32_t weight,
                    void (*on_outcome)(void *user, const struct binance_outcome *outcome))
{
    struct gateway *g = e->gateway;
    return venue_rest_send(g->options.rest, &(struct venue_request){
                                                .endpoint = endpoint,
                                                .priority = REQUEST_PROTECTIVE,
                                                .query = buffer_slice(&g->out),
                                                .weight = weight,
                                                .deadline_ms = GATEWAY_ANSWER_MS,
                                                .owner = g,
                                                .on_outcome = on_outcome,
                                                .user = e,
                                            });
}

static void on_order(void *user, const struct binance_outcome *outcome)
{
    struct errand *e = user;
    struct binance_answer answer;
    binance_classify(BINANCE_QUERY, outcome, e->rules, e->client_id, NULL, 0, &answer);
    switch ((enum binance_verdict)answer.verdict) {
    case BINANCE_ACCEPTED:
        e->found = answer.order;
        on_found(e);
        return;
    case BINANCE_ABSENT:
        if (e->may_prove && !e->is_seen) {
            tell_state(e, ON_PROVED_ABSENT, ORDER_REASON_NEVER_ACCEPTED);
            return;
        }
        break;
    case BINANCE_CLOCK: venue_rest_clock_doubt(e->gateway->options.rest); break;
    case BINANCE_REJECTED:
    case BINANCE_UNKNOWN_FATE:
    case BINANCE_NOT_SENT:
    case BINANCE_RATE_LIMITED:
    case BINANCE_VERDICT_COUNT:
        log_warn("query_failed", "order=%llu verdict=%s status=%d code=%d",
                 (unsigned long long)e->order.id,
                 binance_verdict_name((enum binance_verdict)answer.verdict), outcome->status,
                 answer.code);
        break;
    }
    gateway_errand_end(e);
}

static void on_found(struct errand *e)
{
    const enum order_input input =
        binance_order_status_input((enum binance_order_status)e->found.status);
    if (e->found.filled.units > 0 || e->found.is_rounded)
        ask_trades(e);
    else
        tell_state(e, input, input == ON_REJECT ? ORDER_REASON_VENUE_REJECTED : ORDER_REASON_NONE);
}

static void ask_trades(struct errand *e)
{
    struct buffer *out = &e->gateway->out;
    buffer_clear(out);
    binance_query_my_trades_by_order(out, e->rules->symbol, e->found.venue_order_id);
    if (e->next_trade_id > 0)
        buffer_printf(out, "&fromId=%llu", (unsigned long long)e->next_trade_id);
    buffer_printf(out, "&limit=%d", TRADES_PAGE);
    if (ask(e, BINANCE_GET_MY_TRADES, TRADES_WEIGHT, on_trades)) gateway_errand_end(e);
}

/* Tells the order's fills among count trades. */
static void tell_trades(struct errand *e, size_t count)
{
    struct gateway *g = e->gateway;
    for (size_t i = 0; i < count && !g->is_closed; i++) {
        const struct binance_my_trade *trade = &g->trades[i];
        if (trade->fill.venue_trade_id >= e->next_trade_id)
            e->next_trade_id = trade->fill.venue_trade_id + 1;
        if (trade->venue_order_id != e->found.venue_order_id) continue;
        struct fill fill = trade->fill;
        fill.order_id = e->order.id;
        e->told.units += fill.qty.units;
        e->rounded_count += trade->is_rounded;
        gateway_tell_fill(g, e->rules, &fill);
    }
}

static void on_trades(void *user, const struct binance_outcome *outcome)
{
    struct errand *e = user;
    const struct gateway *g = e->gateway;
    size_t count;
    if (!outcome->answered || outcome->status != 200 ||
        binance_read_my_trades(outcome->body, e->rules, g->trades, TRADES_PAGE, &count)) {
        log_warn("trades_failed", "order=%llu status=%d", (unsigned long long)e->order.id,
                 outcome->status);
        gateway_errand_end(e);
        return;
    }
    tell_trades(e, count);
    if (g->is_closed) return;
    if (count == TRADES_PAGE) {
        ask_trades(e);
        return;
    }
    /* The venue shows the state before all its trades: the end must wait for the next query. */
    const bool is_whole =
        e->told.units + e->rounded_count >= e->found.filled.units + e->found.is_rounded;
    const enum binance_order_status status = (enum binance_order_status)e->found.status;
    if (e->rounded_count > 0)
        tell_state(e, is_whole ? gateway_rounded_input(status) : ON_ACCEPT,
                   ORDER_REASON_FILL_ROUNDED);
    else
        tell_state(e, is_whole ? binance_order_status_input(status) : ON_ACCEPT, ORDER_REASON_NONE);
}

/* The last thing of an errand. */
static void tell_state(struct errand *e, enum order_input input, enum order_reason reason)
{
    struct gateway *g = e->gateway;
    const struct instrument *rules = e->rules;
    const struct order_news news = {
        .order_id = e->order.id,
        .input = (uint8_t)input,
        .reason = (uint8_t)reason,
        .venue_order_id = e->found.venue_order_id,
    };
    gateway_errand_end(e);
    gateway_tell_news(g, rules, &news);
}
