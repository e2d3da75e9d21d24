/* What clients may look at, and the audit. */
#include <string.h>

#include "base/check.h"
#include "core/sim/sim_internal.h"

/* Rings keep the newest: the first that is still there. */
static uint64_t ring_first(uint64_t count, uint32_t size)
{
    return count > size ? count - size : 0;
}

static bool is_called(const struct sim_order *o, const char *client_id)
{
    return strcmp(o->original_id[0] ? o->original_id : o->client_id, client_id) == 0;
}

const struct sim_order *sim_exchange_order(const struct sim_exchange *e, uint32_t account,
                                           uint16_t instrument, uint64_t order_id,
                                           const char *client_id)
{
    CHECK(account < e->account_count && instrument < e->market_count);
    const struct sim_account *a = &e->accounts[account];
    const uint32_t slot = order_id ? sim_orders_find(e, instrument, order_id)
                                   : sim_orders_find_client(e, account, instrument, client_id);
    if (slot) return e->orders[slot].account == account ? &e->orders[slot] : NULL;
    const uint64_t first = ring_first(a->history_count, e->config.history_max);
    for (uint64_t at = a->history_count; at > first; at--) {
        const struct sim_order *o = &a->history[(at - 1) % e->config.history_max];
        if (o->instrument != instrument) continue;
        if (order_id ? o->id == order_id : is_called(o, client_id)) return o;
    }
    return NULL;
}

static bool is_older(const struct sim_order *a, const struct sim_order *b)
{
    return a->created_ms != b->created_ms ? a->created_ms < b->created_ms : a->id < b->id;
}

uint32_t sim_exchange_open_orders(const struct sim_exchange *e, uint32_t account,
                                  uint16_t instrument, const struct sim_order **out, uint32_t max)
{
    CHECK(account < e->account_count);
    uint32_t count = 0;
    uint32_t slot = e->accounts[account].first_open;
    for (; slot && count < max; slot = e->orders[slot].next) {
        const struct sim_order *o = &e->orders[slot];
        if (instrument != INSTRUMENT_NONE && o->instrument != instrument) continue;
        /* The chain is in order but after a restore. */
        uint32_t at = count++;
        for (; at > 0 && is_older(o, out[at - 1]); at--) out[at] = out[at - 1];
        out[at] = o;
    }
    return count;
}

/* Keeps out[] sorted by id and at most max long: the smallest ids, or the largest when `newest`. */
static uint32_t insert_by_id(const struct sim_order **out, uint32_t count, uint32_t max,
                             const struct sim_order *o, bool newest)
{
    if (max == 0) return 0;
    uint32_t at = count;
    while (at > 0 && out[at - 1]->id > o->id) at--;
    if (count < max) {
        memmove(&out[at + 1], &out[at], (count - at) * sizeof(struct sim_order *));
        out[at] = o;
        return count + 1;
    }
    if (newest && at > 0) {
        memmove(&out[0], &out[1], (at - 1) * sizeof(struct sim_order *));
        out[at - 1] = o;
    } else if (!newest && at < count) {
        memmove(&out[at + 1], &out[at], (count - at - 1) * sizeof(struct sim_order *));
        out[at] = o;
    }
    return count;
}

uint32_t sim_exchange_all_orders(const struct sim_exchange *e, uint32_t account,
                                 uint16_t instrument, uint64_t from_id, int64_t from_ms,
                                 int64_t to_ms, const struct sim_order **out, uint32_t max)
{
    CHECK(account < e->account_count);
    const struct sim_account *a = &e->accounts[account];
    const bool newest = from_id == 0 && from_ms == 0;
    uint32_t count = 0;
    const uint64_t first = ring_first(a->history_count, e->config.history_max);
    for (uint64_t at = first; at < a->history_count; at++) {
        const struct sim_order *o = &a->history[at % e->config.history_max];
        if (o->instrument != instrument || o->id < from_id || o->created_ms < from_ms ||
            o->created_ms > to_ms)
            continue;
        count = insert_by_id(out, count, max, o, newest);
    }
    for (uint32_t slot = a->first_open; slot; slot = e->orders[slot].next) {
        const struct sim_order *o = &e->orders[slot];
        if (o->instrument != instrument || o->id < from_id || o->created_ms < from_ms ||
            o->created_ms > to_ms)
            continue;
        count = insert_by_id(out, count, max, o, newest);
    }
    return count;
}

static bool fill_matches(const struct sim_fill *f, const struct sim_fill_query *q)
{
    return f->instrument == q->instrument && (!q->order_id || f->order_id == q->order_id) &&
           f->trade_id >= q->from_trade_id && f->time_ms >= q->from_ms &&
           (!q->to_ms || f->time_ms <= q->to_ms);
}

uint32_t sim_exchange_fills(const struct sim_exchange *e, const struct sim_fill_query *q,
                            const struct sim_fill **out, uint32_t max)
{
    CHECK(q->account < e->account_count);
    const struct sim_account *a = &e->accounts[q->account];
    const uint64_t first = ring_first(a->fills_count, e->config.fills_max);
    uint64_t start = first;
    if (q->from_trade_id == 0 && q->from_ms == 0) {
        uint32_t wanted = 0;
        start = a->fills_count;
        while (start > first && wanted < max)
            if (fill_matches(&a->fills[--start % e->config.fills_max], q)) wanted++;
    }
    uint32_t count = 0;
    for (uint64_t at = start; at < a->fills_count && count < max; at++) {
        const struct sim_fill *f = &a->fills[at % e->config.fills_max];
        if (fill_matches(f, q)) out[count++] = f;
    }
    return count;
}

static bool list_matches(const struct sim_list *l, uint64_t id, const char *client_id)
{
    return id ? l->id == id : strcmp(l->client_id, client_id) == 0;
}

const struct sim_list *sim_exchange_list(const struct sim_exchange *e, uint32_t account,
                                         uint64_t list_id, const char *client_id)
{
    CHECK(account < e->account_count);
    const struct sim_account *a = &e->accounts[account];
    for (uint32_t i = 0; i < e->config.lists_max; i++) {
        const struct sim_list *l = &e->lists[i];
        if (l->id != SIM_NO_ID && l->account == account && list_matches(l, list_id, client_id))
            return l;
    }
    const uint64_t first = ring_first(a->lists_count, e->config.history_max);
    for (uint64_t at = a->lists_count; at > first; at--) {
        const struct sim_list *l = &a->lists[(at - 1) % e->config.history_max];
        if (list_matches(l, list_id, client_id)) return l;
    }
    return NULL;
}

struct sim_balance sim_exchange_balance(const struct sim_exchange *e, uint32_t account,
                                        uint16_t asset)
{
    CHECK(account < e->account_count && asset < e->assets.count);
    return e->accounts[account].balances.items[asset];
}

uint32_t sim_exchange_depth(const struct sim_exchange *e, uint16_t instrument, enum side side,
                            struct level *out, uint32_t max, uint64_t *update_id)
{
    CHECK(instrument < e->market_count);
    const struct sim_market *m = &e->markets[instrument];
    const struct sim_level *level;
    uint32_t count = 0;
    for (; count < max && (level = sim_book_level(&m->book, side, count)); count++)
        out[count] = (struct level){.price = {level->price}, .qty = {level->qty}};
    *update_id = m->update_id;
    return count;
}

struct price sim_exchange_average_price(const struct sim_exchange *e, uint16_t instrument,
                                        int64_t now_ms)
{
    CHECK(instrument < e->market_count);
    const struct sim_market *m = &e->markets[instrument];
    const struct instrument *i = &m->instrument;
    const int64_t oldest = now_ms / SIM_VWAP_BUCKET_MS - SIM_VWAP_BUCKETS;
    int64_t base = 0, quote = 0;
    for (unsigned b = 0; b < SIM_VWAP_BUCKETS; b++) {
        if (m->vwap[b].span <= oldest) continue;
        if (base > INT64_MAX - m->vwap[b].base || quote > INT64_MAX - m->vwap[b].quote) break;
        base += m->vwap[b].base;
        quote += m->vwap[b].quote;
    }
    struct price average;
    if (base > 0 &&
        money_average((struct money){quote}, i->quote_scale, (struct qty){base}, i->qty_scale,
                      i->price_scale, &average) &&
        average.units > 0)
        return average;
    return m->last;
}

struct price sim_exchange_last_price(const struct sim_exchange *e, uint16_t instrument)
{
    CHECK(instrument < e->market_count);
    return e->markets[instrument].last;
}

const struct instrument *sim_exchange_instrument(const struct sim_exchange *e, uint16_t instrument)
{
    CHECK(instrument < e->market_count);
    return &e->markets[instrument].instrument;
}

int64_t sim_orders_locked(const struct sim_exchange *e, uint32_t account, uint16_t asset)
{
    int64_t sum = 0;
    for (uint32_t slot = e->accounts[account].first_open; slot; slot = e->orders[slot].next) {
        const struct sim_order *o = &e->orders[slot];
        if (sim_orders_lock_asset(&e->markets[o->instrument], (enum side)o->side) == asset)
            sum += o->locked.units;
    }
    for (uint32_t i = 0; i < e->config.lists_max; i++) {
        const struct sim_list *l = &e->lists[i];
        if (l->id == SIM_NO_ID || l->account != account || l->locked.units == 0) continue;
        const uint32_t leg = sim_orders_find(e, l->instrument, l->order_ids[0]);
        CHECK(leg);
        const enum side side = (enum side)e->orders[leg].side;
        if (sim_orders_lock_asset(&e->markets[l->instrument], side) == asset)
            sum += l->locked.units;
    }
    return sum;
}

void sim_exchange_audit(const struct sim_exchange *e)
{
    for (uint16_t asset = 0; asset < e->assets.count; asset++) {
        int64_t sum = e->fees[asset].units;
        for (uint32_t i = 0; i < e->account_count; i++) {
            const struct sim_balances *balances = &e->accounts[i].balances;
            const struct sim_balance *b = &balances->items[asset];
            CHECK(balances->unlimited || b->free.units >= 0);
            CHECK(b->locked.units == sim_orders_locked(e, i, asset));
            sum += b->free.units + b->locked.units;
        }
        CHECK(sum == e->deposited[asset].units);
    }
}
