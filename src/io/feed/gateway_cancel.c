/* Ending an order. */
#include "base/log.h"
#include "io/feed/gateway_internal.h"

static void on_canceled(void *user, const struct binance_outcome *outcome);

/* True when there is nothing to send. */
static bool is_under_way(const struct gateway *g, const struct order *order)
{
    for (const struct errand *e = g->errands; e; e = e->next) {
        if (e->order.id != order->id || !(e->is_place || e->is_cancel)) continue;
        if (e->is_place) venue_rest_withdraw(g->options.rest, g, e);
        return true;
    }
    return false;
}

void gateway_cancel(struct gateway *g, const struct order *order)
{
    if (is_under_way(g, order)) return;
    struct errand *e = gateway_errand_new(g, order);
    e->is_cancel = true;
    buffer_clear(&g->out);
    binance_query_order_cancel(&g->out, e->rules->symbol, e->client_id);
    const enum err err = venue_rest_send(g->options.rest, &(struct venue_request){
                                                              .endpoint = BINANCE_DELETE_ORDER,
                                                              .priority = REQUEST_CANCEL,
                                                              .query = buffer_slice(&g->out),
                                                              .deadline_ms = GATEWAY_ANSWER_MS,
                                                              .owner = g,
                                                              .on_outcome = on_canceled,
                                                              .user = e,
                                                          });
    if (!err) return;
    log_warn("cancel_unsent", "order=%llu cause=\"%s\"", (unsigned long long)order->id, err_text());
    gateway_errand_end(e);
}

/* Whatever the answer, a query tells the end: it comes behind the last fill. */
static void on_canceled(void *user, const struct binance_outcome *outcome)
{
    struct errand *e = user;
    struct gateway *g = e->gateway;
    struct binance_answer answer;
    binance_classify(BINANCE_CANCEL, outcome, e->rules, e->client_id, NULL, 0, &answer);
    const struct errand told = *e;
    gateway_errand_end(e);
    if (answer.verdict != BINANCE_ACCEPTED)
        log_warn("order_not_canceled", "order=%llu verdict=%s status=%d code=%d",
                 (unsigned long long)told.order.id,
                 binance_verdict_name((enum binance_verdict)answer.verdict), outcome->status,
                 answer.code);
    if (answer.verdict == BINANCE_REJECTED)
        gateway_tell_news(g, told.rules,
                          &(struct order_news){.order_id = told.order.id,
                                               .input = ON_CANCEL_REFUSED});
    if (answer.verdict == BINANCE_CLOCK) venue_rest_clock_doubt(g->options.rest);
    if (!g->is_closed) gateway_query(g, &told.order);
}
