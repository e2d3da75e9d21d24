/* Events to the listener. */
#include "core/sim/sim_internal.h"

static bool account_is_heard(const struct sim_exchange *e, uint32_t account)
{
    return e->config.listener && !e->accounts[account].balances.unlimited;
}

static struct sim_event event_of(const struct sim_exchange *e, enum sim_event_kind kind,
                                 uint16_t instrument, uint32_t account)
{
    return (struct sim_event){
        .kind = (uint8_t)kind,
        .instrument = instrument,
        .account = account,
        .time_ms = e->now_ms,
    };
}

void sim_tell_report(struct sim_exchange *e, const struct sim_order *o,
                     enum sim_execution execution, const struct sim_fill *fill,
                     enum sim_reject reject)
{
    if (!account_is_heard(e, o->account)) return;
    struct sim_event event = event_of(e, SIM_EVENT_REPORT, o->instrument, o->account);
    event.report = (struct sim_report){
        .order = o,
        .fill = fill,
        .execution_id = e->next_execution_id++,
        .execution = (uint8_t)execution,
        .reject = (uint8_t)reject,
    };
    e->config.listener(e->config.context, &event);
}

void sim_tell_balances(struct sim_exchange *e, uint32_t account, uint16_t instrument)
{
    if (!account_is_heard(e, account)) return;
    const struct sim_market *m = &e->markets[instrument];
    const struct sim_balances *b = &e->accounts[account].balances;
    struct sim_event event = event_of(e, SIM_EVENT_BALANCE, instrument, account);
    event.balance = (struct sim_balance_news){
        .assets = {m->base, m->quote},
        .balances = {b->items[m->base], b->items[m->quote]},
        .count = 2,
    };
    e->config.listener(e->config.context, &event);
}

void sim_tell_list(struct sim_exchange *e, const struct sim_list *list)
{
    if (!account_is_heard(e, list->account)) return;
    struct sim_event event = event_of(e, SIM_EVENT_LIST, list->instrument, list->account);
    event.list = list;
    e->config.listener(e->config.context, &event);
}

void sim_tell_print(struct sim_exchange *e, uint16_t instrument, const struct sim_print *print)
{
    if (!e->config.listener) return;
    struct sim_event event = event_of(e, SIM_EVENT_PRINT, instrument, 0);
    event.print = *print;
    e->config.listener(e->config.context, &event);
}

void sim_tell_level(struct sim_exchange *e, uint16_t instrument, enum side side, int64_t price)
{
    struct sim_market *m = &e->markets[instrument];
    m->update_id++;
    if (!e->config.listener) return;
    struct sim_event event = event_of(e, SIM_EVENT_LEVEL, instrument, 0);
    event.level = (struct sim_level_news){
        .update_id = m->update_id,
        .side = (uint8_t)side,
        .price = {price},
        .qty = {sim_book_qty_at(&m->book, side, price)},
    };
    e->config.listener(e->config.context, &event);
}
