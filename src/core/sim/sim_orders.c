/* Open orders in a pool with their indexes; closed ones in their account's ring; OCO lists. */
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/sim/sim_internal.h"

uint64_t sim_orders_key(uint16_t instrument, uint64_t order_id)
{
    return order_id << 8 | instrument; /* SIM_INSTRUMENTS_MAX fits 8 bits */
}

uint32_t sim_orders_find(const struct sim_exchange *e, uint16_t instrument, uint64_t order_id)
{
    uint32_t slot;
    return id_map_find(&e->by_id, sim_orders_key(instrument, order_id), &slot) ? slot : 0;
}

static uint32_t *client_bucket(const struct sim_exchange *e, uint32_t account, uint16_t instrument,
                               const char *client_id)
{
    const uint64_t seed = hash_u64(account, instrument);
    const uint64_t hash = hash_bytes(seed, client_id, strlen(client_id));
    return &e->by_client[hash & e->by_client_mask];
}

uint32_t sim_orders_find_client(const struct sim_exchange *e, uint32_t account, uint16_t instrument,
                                const char *client_id)
{
    uint32_t slot = *client_bucket(e, account, instrument, client_id);
    for (; slot; slot = e->orders[slot].client_next) {
        const struct sim_order *o = &e->orders[slot];
        if (o->account == account && o->instrument == instrument &&
            strcmp(o->client_id, client_id) == 0)
            break;
    }
    return slot;
}

static void client_index_add(struct sim_exchange *e, uint32_t slot)
{
    struct sim_order *o = &e->orders[slot];
    if (!o->client_id[0]) return;
    uint32_t *bucket = client_bucket(e, o->account, o->instrument, o->client_id);
    o->client_next = *bucket;
    *bucket = slot;
}

static void client_index_remove(struct sim_exchange *e, uint32_t slot)
{
    const struct sim_order *o = &e->orders[slot];
    /* A cancel has given the order the cancel's id; it is indexed by its own. */
    const char *id = o->original_id[0] ? o->original_id : o->client_id;
    if (!id[0]) return;
    uint32_t *link = client_bucket(e, o->account, o->instrument, id);
    while (*link != slot) {
        CHECK(*link != 0);
        link = &e->orders[*link].client_next;
    }
    *link = o->client_next;
}

static void account_link(struct sim_exchange *e, uint32_t slot)
{
    struct sim_order *o = &e->orders[slot];
    struct sim_account *a = &e->accounts[o->account];
    o->next = 0;
    o->previous = a->last_open;
    if (a->last_open)
        e->orders[a->last_open].next = slot;
    else
        a->first_open = slot;
    a->last_open = slot;
    a->open_orders[o->instrument]++;
    if (sim_type_is_stop((enum sim_type)o->type)) a->open_algo[o->instrument]++;
}

static void account_unlink(struct sim_exchange *e, uint32_t slot)
{
    const struct sim_order *o = &e->orders[slot];
    struct sim_account *a = &e->accounts[o->account];
    if (o->previous)
        e->orders[o->previous].next = o->next;
    else
        a->first_open = o->next;
    if (o->next)
        e->orders[o->next].previous = o->previous;
    else
        a->last_open = o->previous;
    a->open_orders[o->instrument]--;
    if (sim_type_is_stop((enum sim_type)o->type)) a->open_algo[o->instrument]--;
}

uint32_t sim_orders_adopt(struct sim_exchange *e, const struct sim_order *o)
{
    uint32_t slot = e->orders_free;
    if (slot)
        e->orders_free = e->orders[slot].next;
    else
        slot = ++e->orders_used;
    CHECK(slot <= e->config.orders_max);
    e->orders_count++;
    e->orders[slot] = *o;
    id_map_insert(&e->by_id, sim_orders_key(o->instrument, o->id), slot);
    client_index_add(e, slot);
    account_link(e, slot);
    return slot;
}

uint32_t sim_orders_open(struct sim_exchange *e, const struct sim_request *r, uint64_t list_id)
{
    const bool stop = sim_type_is_stop((enum sim_type)r->type);
    struct sim_order o = {
        .id = e->markets[r->instrument].next_order_id++,
        .list_id = list_id,
        .account = r->account,
        .instrument = r->instrument,
        .side = r->side,
        .type = r->type,
        .tif = r->tif,
        .status = SIM_NEW,
        .is_working = !stop,
        .price = r->price,
        .stop_price = r->stop_price,
        .qty = r->qty,
        .quote_qty = r->quote_qty,
        .created_ms = r->time_ms,
        .updated_ms = r->time_ms,
        .working_ms = stop ? -1 : r->time_ms,
    };
    memcpy(o.client_id, r->client_id, sizeof o.client_id);
    return sim_orders_adopt(e, &o);
}

uint16_t sim_orders_lock_asset(const struct sim_market *m, enum side side)
{
    return side == SIDE_BUY ? m->quote : m->base;
}

bool sim_orders_lock_need(const struct sim_market *m, const struct sim_order *o, struct money *out)
{
    const struct instrument *i = &m->instrument;
    const struct qty left = {o->qty.units - o->filled.units};
    if (o->side == SIDE_SELL)
        return units_rescale(left.units, i->qty_scale, i->base_scale, ROUND_UP, &out->units);
    const bool priced = sim_type_is_priced((enum sim_type)o->type);
    return money_notional(priced ? o->price : o->stop_price, i->price_scale, left, i->qty_scale,
                          i->quote_scale, ROUND_UP, out);
}

void sim_stops_add(struct sim_exchange *e, uint32_t slot)
{
    const struct sim_order *o = &e->orders[slot];
    struct sim_market *m = &e->markets[o->instrument];
    const int64_t stop = o->stop_price.units;
    m->stops[m->stop_count++] = slot;
    if (sim_type_triggers_above((enum sim_type)o->type, (enum side)o->side)) {
        if (stop < m->trigger_above) m->trigger_above = stop;
    } else if (stop > m->trigger_below) {
        m->trigger_below = stop;
    }
}

void sim_stops_remove(struct sim_exchange *e, uint32_t slot)
{
    struct sim_market *m = &e->markets[e->orders[slot].instrument];
    uint32_t at = 0;
    while (m->stops[at] != slot) {
        at++;
        CHECK(at < m->stop_count);
    }
    m->stops[at] = m->stops[--m->stop_count];
}

static void list_finish_if_done(struct sim_exchange *e, uint64_t list_id)
{
    struct sim_list *list = sim_lists_open_of(e, list_id);
    CHECK(list);
    for (unsigned i = 0; i < SIM_LEGS; i++)
        if (sim_orders_find(e, list->instrument, list->order_ids[i])) return;
    list->is_done = true;
    list->updated_ms = e->now_ms;
    sim_tell_list(e, list);
    struct sim_account *a = &e->accounts[list->account];
    if (!a->balances.unlimited) a->lists[a->lists_count++ % e->config.history_max] = *list;
    list->id = SIM_NO_ID;
    e->list_count--;
}

void sim_orders_retire(struct sim_exchange *e, uint32_t slot)
{
    struct sim_order *o = &e->orders[slot];
    struct sim_account *a = &e->accounts[o->account];
    CHECK(o->locked.units == 0 && o->node == 0);
    client_index_remove(e, slot);
    account_unlink(e, slot);
    CHECK(id_map_remove(&e->by_id, sim_orders_key(o->instrument, o->id)));
    if (!a->balances.unlimited) a->history[a->history_count++ % e->config.history_max] = *o;
    o->next = e->orders_free;
    e->orders_free = slot;
    e->orders_count--;
    if (o->list_id) list_finish_if_done(e, o->list_id);
}

void sim_orders_close(struct sim_exchange *e, uint32_t slot, enum sim_execution execution,
                      enum sim_status status, enum sim_expiry expiry)
{
    struct sim_order *o = &e->orders[slot];
    struct sim_market *m = &e->markets[o->instrument];
    if (o->node) {
        sim_book_remove(&m->book, o->node);
        o->node = 0;
        sim_tell_level(e, o->instrument, (enum side)o->side, o->price.units);
    }
    if (!o->is_working) sim_stops_remove(e, slot);
    sim_balances_unlock(&e->accounts[o->account].balances,
                        sim_orders_lock_asset(m, (enum side)o->side), o->locked);
    o->locked = (struct money){0};
    o->status = (uint8_t)status;
    o->expiry = (uint8_t)expiry;
    o->updated_ms = e->now_ms;
    sim_tell_report(e, o, execution, NULL, SIM_REJECT_NONE);
    sim_tell_balances(e, o->account, o->instrument);
    sim_orders_retire(e, slot);
}

struct sim_list *sim_lists_open_of(const struct sim_exchange *e, uint64_t list_id)
{
    uint32_t seen = 0;
    if (list_id == SIM_NO_ID) return NULL;
    for (uint32_t i = 0; i < e->config.lists_max && seen < e->list_count; i++) {
        if (e->lists[i].id == list_id) return &e->lists[i];
        if (e->lists[i].id != SIM_NO_ID) seen++;
    }
    return NULL;
}

/* Takes the lock off the list; returns the other leg's slot. 0 once the list is resolved. */
static uint32_t list_open_up(struct sim_exchange *e, const struct sim_order *leg,
                             struct money *locked)
{
    struct sim_list *list = sim_lists_open_of(e, leg->list_id);
    CHECK(list);
    *locked = list->locked;
    if (list->locked.units == 0) return 0;
    list->locked = (struct money){0};
    const unsigned other = list->order_ids[0] == leg->id ? 1 : 0;
    return sim_orders_find(e, list->instrument, list->order_ids[other]);
}

void sim_lists_resolve(struct sim_exchange *e, uint32_t winner)
{
    struct sim_order *o = &e->orders[winner];
    const struct sim_market *m = &e->markets[o->instrument];
    struct money locked, need;
    if (o->list_id == SIM_NO_ID) return;
    const uint32_t other = list_open_up(e, o, &locked);
    if (other == 0) return;
    CHECK(sim_orders_lock_need(m, o, &need) && need.units <= locked.units);
    o->locked = need;
    sim_balances_unlock(&e->accounts[o->account].balances,
                        sim_orders_lock_asset(m, (enum side)o->side),
                        (struct money){locked.units - need.units});
    sim_orders_close(e, other, SIM_EXECUTION_EXPIRED, SIM_EXPIRED, SIM_EXPIRY_OCO_TRIGGER);
}

void sim_lists_dissolve(struct sim_exchange *e, uint32_t leg, enum sim_execution execution,
                        enum sim_status status, enum sim_expiry expiry)
{
    const struct sim_order *o = &e->orders[leg];
    const struct sim_market *m = &e->markets[o->instrument];
    struct money locked;
    if (o->list_id == SIM_NO_ID) return;
    const uint32_t other = list_open_up(e, o, &locked);
    if (other == 0) return;
    sim_balances_unlock(&e->accounts[o->account].balances,
                        sim_orders_lock_asset(m, (enum side)o->side), locked);
    sim_orders_close(e, other, execution, status, expiry);
}
