/* The exchange's front: set-up, and what clients may ask of it. */
#include "core/sim/sim_exchange.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "core/sim/sim_filters.h"
#include "core/sim/sim_internal.h"

#define ID_BASE_MAX (UINT64_C(1) << 54)

static uint32_t buckets_for(uint32_t orders_max)
{
    uint32_t buckets = 16;
    while (buckets < orders_max) buckets *= 2;
    return buckets;
}

static size_t account_need(const struct sim_config *c)
{
    return 2 * arena_need(c->instruments_max, sizeof(uint32_t)) +
           arena_need(c->history_max, sizeof(struct sim_order)) +
           arena_need(c->fills_max, sizeof(struct sim_fill)) +
           arena_need(c->history_max, sizeof(struct sim_list));
}

static size_t market_need(const struct sim_config *c)
{
    return sim_book_need(c->orders_max, c->levels_max) +
           arena_need(c->orders_max, sizeof(uint32_t));
}

size_t sim_exchange_need(const struct sim_config *c)
{
    return arena_need(c->instruments_max, sizeof(struct sim_market)) +
           arena_need(c->accounts_max, sizeof(struct sim_account)) +
           arena_need((size_t)c->orders_max + 1, sizeof(struct sim_order)) +
           id_map_need(c->orders_max) + arena_need(buckets_for(c->orders_max), sizeof(uint32_t)) +
           arena_need(c->lists_max, sizeof(struct sim_list)) +
           arena_need(SIM_RESULT_FILLS_MAX, sizeof(struct sim_fill)) +
           c->accounts_max * account_need(c) + c->instruments_max * market_need(c);
}

void sim_exchange_init(struct sim_exchange *e, struct arena *a, const struct sim_config *c)
{
    CHECK(c->instruments_max > 0 && c->instruments_max <= SIM_INSTRUMENTS_MAX);
    CHECK(c->accounts_max > 0 && c->orders_max > 0 && c->lists_max > 0 && c->levels_max > 0);
    CHECK(c->history_max > 0 && c->fills_max > 0);
    CHECK(c->order_id_base > 0 && c->order_id_base < ID_BASE_MAX);
    CHECK(c->trade_id_base > 0 && c->list_id_base > 0);
    *e = (struct sim_exchange){
        .config = *c,
        .markets = arena_take(a, c->instruments_max, sizeof *e->markets),
        .accounts = arena_take(a, c->accounts_max, sizeof *e->accounts),
        .orders = arena_take(a, (size_t)c->orders_max + 1, sizeof *e->orders),
        .by_client = arena_take(a, buckets_for(c->orders_max), sizeof *e->by_client),
        .by_client_mask = buckets_for(c->orders_max) - 1,
        .lists = arena_take(a, c->lists_max, sizeof *e->lists),
        .result_fills = arena_take(a, SIM_RESULT_FILLS_MAX, sizeof *e->result_fills),
        .next_list_id = c->list_id_base,
        .next_execution_id = c->order_id_base,
    };
    id_map_init(&e->by_id, a, c->orders_max);
    for (uint32_t i = 0; i < c->instruments_max; i++) {
        sim_book_init(&e->markets[i].book, a, c->orders_max, c->levels_max);
        e->markets[i].stops = arena_take(a, c->orders_max, sizeof *e->markets[i].stops);
    }
    for (uint32_t i = 0; i < c->accounts_max; i++) {
        struct sim_account *account = &e->accounts[i];
        account->open_orders = arena_take(a, c->instruments_max, sizeof(uint32_t));
        account->open_algo = arena_take(a, c->instruments_max, sizeof(uint32_t));
        account->history = arena_take(a, c->history_max, sizeof(struct sim_order));
        account->fills = arena_take(a, c->fills_max, sizeof(struct sim_fill));
        account->lists = arena_take(a, c->history_max, sizeof(struct sim_list));
    }
}

static bool text_ends(const char *text, size_t size)
{
    return text[0] != '\0' && memchr(text, '\0', size) != NULL;
}

static bool rules_are_sound(const struct instrument *i)
{
    return text_ends(i->symbol, sizeof i->symbol) && text_ends(i->base, sizeof i->base) &&
           text_ends(i->quote, sizeof i->quote) && i->price_scale <= SCALE_MAX &&
           i->base_scale <= SCALE_MAX && i->quote_scale <= SCALE_MAX &&
           i->qty_scale <= i->base_scale && i->maker_fee_ppm >= 0 && i->maker_fee_ppm <= PPM &&
           i->taker_fee_ppm >= 0 && i->taker_fee_ppm <= PPM && strcmp(i->base, i->quote) != 0;
}

enum err sim_exchange_add_instrument(struct sim_exchange *e, const struct instrument *i,
                                     uint16_t *out)
{
    if (!rules_are_sound(i)) return err_set(ERR_INVALID, "unsound rules of an instrument");
    if (sim_exchange_find_instrument(e, i->symbol, out))
        return err_set(ERR_EXISTS, "instrument %s is there already", i->symbol);
    if (e->market_count == e->config.instruments_max)
        return err_set(ERR_LIMIT, "no room for instrument %s", i->symbol);

    struct sim_market *m = &e->markets[e->market_count];
    if (!sim_assets_add(&e->assets, i->base, i->base_scale, &m->base) ||
        !sim_assets_add(&e->assets, i->quote, i->quote_scale, &m->quote))
        return err_set(ERR_INVALID, "%s: more than %d assets, or one with two scales", i->symbol,
                       SIM_ASSETS_MAX);
    *out = (uint16_t)e->market_count++;
    m->instrument = *i;
    m->instrument.index = *out;
    m->next_order_id = e->config.order_id_base;
    m->next_trade_id = e->config.trade_id_base;
    m->update_id = e->config.update_id_base;
    m->trigger_above = INT64_MAX;
    m->trigger_below = 0;
    return OK;
}

bool sim_exchange_find_instrument(const struct sim_exchange *e, const char *symbol, uint16_t *out)
{
    for (uint32_t i = 0; i < e->market_count; i++) {
        if (strcmp(e->markets[i].instrument.symbol, symbol) != 0) continue;
        *out = (uint16_t)i;
        return true;
    }
    return false;
}

enum err sim_exchange_add_account(struct sim_exchange *e, const char *name, bool unlimited,
                                  uint32_t *out)
{
    if (strlen(name) >= SIM_ACCOUNT_NAME_SIZE || !name[0])
        return err_set(ERR_INVALID, "an account's name has 1 to %d characters",
                       SIM_ACCOUNT_NAME_SIZE - 1);
    if (sim_exchange_find_account(e, name, out))
        return err_set(ERR_EXISTS, "account %s is there already", name);
    if (e->account_count == e->config.accounts_max)
        return err_set(ERR_LIMIT, "no room for account %s: %u are the most", name,
                       (unsigned)e->config.accounts_max);
    *out = e->account_count++;
    CHECK(slice_copy(slice_of(name), e->accounts[*out].name, SIM_ACCOUNT_NAME_SIZE));
    e->accounts[*out].balances.unlimited = unlimited;
    return OK;
}

bool sim_exchange_find_account(const struct sim_exchange *e, const char *name, uint32_t *out)
{
    for (uint32_t i = 0; i < e->account_count; i++) {
        if (strcmp(e->accounts[i].name, name) != 0) continue;
        *out = i;
        return true;
    }
    return false;
}

bool sim_exchange_deposit(struct sim_exchange *e, uint32_t account, uint16_t asset,
                          struct money amount, int64_t time_ms)
{
    CHECK(account < e->account_count && asset < e->assets.count && amount.units > 0);
    if (amount.units > SIM_ASSET_TOTAL_MAX - e->deposited[asset].units) return false;
    e->deposited[asset].units += amount.units;
    struct sim_account *a = &e->accounts[account];
    sim_balances_receive(&a->balances, asset, amount);
    a->updated_ms = time_ms;
    if (!e->config.listener || a->balances.unlimited) return true;
    const struct sim_event event = {
        .kind = SIM_EVENT_BALANCE,
        .instrument = INSTRUMENT_NONE,
        .account = account,
        .time_ms = time_ms,
        .balance = {.assets = {asset}, .balances = {a->balances.items[asset]}, .count = 1},
    };
    e->config.listener(e->config.context, &event);
    return true;
}

/* Each call starts with no trades of its own. */
static void begin(struct sim_exchange *e, int64_t time_ms)
{
    e->now_ms = time_ms;
    e->trade_low = INT64_MAX;
    e->trade_high = 0;
    e->result_slot = 0;
    e->result_fill_count = 0;
}

static bool would_trigger(const struct sim_market *m, const struct sim_request *r)
{
    const enum sim_type type = (enum sim_type)r->type;
    if (!sim_type_is_stop(type) || m->last.units == 0) return false;
    if (sim_type_triggers_above(type, (enum side)r->side))
        return r->stop_price.units <= m->last.units;
    return r->stop_price.units >= m->last.units;
}

static bool would_take(const struct sim_market *m, const struct sim_request *r)
{
    if (r->type != SIM_TYPE_LIMIT_MAKER) return false;
    const bool buy = r->side == SIDE_BUY;
    const struct sim_level *best = sim_book_level(&m->book, buy ? SIDE_SELL : SIDE_BUY, 0);
    if (!best) return false;
    return buy ? best->price <= r->price.units : best->price >= r->price.units;
}

static bool has_room(const struct sim_exchange *e, const struct sim_request *r, uint32_t orders)
{
    if (e->config.orders_max - e->orders_count < orders) return false;
    const enum sim_type type = (enum sim_type)r->type;
    if (!sim_type_is_priced(type) || sim_type_is_stop(type)) return true;
    return sim_book_has_room(&e->markets[r->instrument].book, (enum side)r->side, r->price.units);
}

/* All that an order is checked for before money and the state of the book. */
static enum sim_reject check_request(const struct sim_exchange *e, const struct sim_request *r)
{
    CHECK(r->account < e->account_count && r->instrument < e->market_count);
    CHECK(r->type < SIM_TYPE_COUNT && r->tif < SIM_TIF_COUNT && r->side <= SIDE_SELL);
    CHECK(r->quote_qty.units == 0 || r->type == SIM_TYPE_MARKET);
    const struct sim_market *m = &e->markets[r->instrument];
    if (m->instrument.status != INSTRUMENT_TRADING) return SIM_REJECT_MARKET_CLOSED;
    if (r->quote_qty.units < 0) return SIM_REJECT_ZERO_NOTIONAL;
    const enum sim_reject filter = sim_filters_check(
        &m->instrument, r, sim_exchange_average_price(e, r->instrument, r->time_ms));
    if (filter != SIM_REJECT_NONE) return filter;
    if (r->client_id[0] && sim_orders_find_client(e, r->account, r->instrument, r->client_id))
        return SIM_REJECT_DUPLICATE_ORDER;
    return SIM_REJECT_NONE;
}

static enum sim_reject check_counts(const struct sim_exchange *e, const struct sim_request *r,
                                    uint32_t orders, uint32_t algo)
{
    const struct sim_account *a = &e->accounts[r->account];
    if (a->balances.unlimited) return SIM_REJECT_NONE;
    return sim_filters_check_counts(&e->markets[r->instrument].instrument,
                                    a->open_orders[r->instrument], a->open_algo[r->instrument],
                                    orders, algo);
}

enum sim_reject sim_exchange_test(const struct sim_exchange *e, const struct sim_request *r)
{
    const enum sim_reject reject = check_request(e, r);
    if (reject != SIM_REJECT_NONE) return reject;
    return check_counts(e, r, 1, sim_type_is_stop((enum sim_type)r->type) ? 1 : 0);
}

static struct sim_plan_request plan_of(const struct sim_request *r, int64_t qty, int64_t budget)
{
    return (struct sim_plan_request){
        .account = r->account, .side = (enum side)r->side, .qty = qty, .budget = budget};
}

/* Gives a MARKET order by quote quantity the quantity that it comes to. */
static enum sim_reject plan_quote_qty(const struct sim_market *m, struct sim_request *r)
{
    const struct instrument *i = &m->instrument;
    int64_t most = INT64_MAX;
    if (i->qty_max.units) most = i->qty_max.units;
    if (i->market_qty_max.units && i->market_qty_max.units < most) most = i->market_qty_max.units;
    const struct sim_plan_request request = plan_of(r, most, r->quote_qty.units);
    const struct sim_plan plan = sim_match_plan(m, &request);
    r->qty.units = plan.qty;
    if (plan.qty > 0 && plan.qty >= i->qty_min.units && plan.qty >= i->market_qty_min.units)
        return SIM_REJECT_NONE;
    return plan.dry ? SIM_REJECT_NO_LIQUIDITY : SIM_REJECT_LOT_SIZE;
}

/* What the order must lock, or why it may not be. */
static enum sim_reject need_of(const struct sim_exchange *e, const struct sim_request *r,
                               struct money *need)
{
    const struct sim_market *m = &e->markets[r->instrument];
    const struct sim_order o = {
        .side = r->side,
        .type = r->type,
        .price = r->price,
        .stop_price = r->stop_price,
        .qty = r->qty,
    };
    if (r->type == SIM_TYPE_MARKET && r->side == SIDE_BUY) {
        const struct sim_plan_request request = plan_of(r, r->qty.units, SIM_ASSET_TOTAL_MAX);
        *need = sim_match_plan(m, &request).cost;
        const struct money asked = r->quote_qty;
        const struct sim_balances *b = &e->accounts[r->account].balances;
        if (asked.units && !b->unlimited && asked.units > b->items[m->quote].free.units)
            return SIM_REJECT_INSUFFICIENT_BALANCE;
        return SIM_REJECT_NONE;
    }
    return sim_orders_lock_need(m, &o, need) ? SIM_REJECT_NONE : SIM_REJECT_NOTIONAL;
}

static enum sim_reject refuse_and_tell(struct sim_exchange *e, const struct sim_request *r,
                                       enum sim_reject reject)
{
    struct sim_order o = {
        .id = e->markets[r->instrument].next_order_id++,
        .account = r->account,
        .instrument = r->instrument,
        .side = r->side,
        .type = r->type,
        .tif = r->tif,
        .status = SIM_REJECTED,
        .price = r->price,
        .stop_price = r->stop_price,
        .qty = r->qty,
        .quote_qty = r->quote_qty,
        .created_ms = r->time_ms,
        .updated_ms = r->time_ms,
        .working_ms = -1,
    };
    memcpy(o.client_id, r->client_id, sizeof o.client_id);
    sim_tell_report(e, &o, SIM_EXECUTION_REJECTED, NULL, reject);
    return reject;
}

/* Locks what the order needs of free money; the list's lock is made by place_list. */
static enum sim_reject lock_for(struct sim_exchange *e, const struct sim_request *r,
                                struct money *need)
{
    const struct sim_market *m = &e->markets[r->instrument];
    const enum sim_reject reject = need_of(e, r, need);
    if (reject != SIM_REJECT_NONE) return reject;
    const uint16_t asset = sim_orders_lock_asset(m, (enum side)r->side);
    return sim_balances_lock(&e->accounts[r->account].balances, asset, *need)
               ? SIM_REJECT_NONE
               : SIM_REJECT_INSUFFICIENT_BALANCE;
}

static enum sim_reject admit(struct sim_exchange *e, struct sim_request *r, struct money *need)
{
    const struct sim_market *m = &e->markets[r->instrument];
    enum sim_reject reject = sim_exchange_test(e, r);
    if (reject != SIM_REJECT_NONE) return reject;
    if (!has_room(e, r, 1)) return SIM_REJECT_OVERLOADED;
    if (would_trigger(m, r)) return refuse_and_tell(e, r, SIM_REJECT_WOULD_TRIGGER);
    if (would_take(m, r)) return refuse_and_tell(e, r, SIM_REJECT_WOULD_TAKE);
    if (r->quote_qty.units && (reject = plan_quote_qty(m, r)) != SIM_REJECT_NONE) return reject;
    reject = lock_for(e, r, need);
    if (reject == SIM_REJECT_INSUFFICIENT_BALANCE) return refuse_and_tell(e, r, reject);
    return reject;
}

static void announce(struct sim_exchange *e, uint32_t slot)
{
    const struct sim_order *o = &e->orders[slot];
    sim_tell_report(e, o, SIM_EXECUTION_NEW, NULL, SIM_REJECT_NONE);
    sim_tell_balances(e, o->account, o->instrument);
}

enum sim_reject sim_exchange_place(struct sim_exchange *e, const struct sim_request *request,
                                   struct sim_result *out)
{
    struct sim_request r = *request;
    struct money need;
    *out = (struct sim_result){0};
    begin(e, r.time_ms);
    const enum sim_reject reject = admit(e, &r, &need);
    if (reject != SIM_REJECT_NONE) return reject;

    const uint32_t slot = sim_orders_open(e, &r, SIM_NO_ID);
    e->orders[slot].locked = need;
    announce(e, slot);
    if (sim_type_is_stop((enum sim_type)r.type)) {
        sim_stops_add(e, slot);
    } else {
        e->result_slot = slot;
        sim_match_work(e, slot);
        e->result_slot = 0;
        sim_match_run_stops(e, r.instrument);
    }
    out->order = e->orders[slot]; /* readable after retirement, too */
    out->fills = e->result_fills;
    out->fill_count = e->result_fill_count;
    return SIM_REJECT_NONE;
}

static struct sim_list *list_take(struct sim_exchange *e)
{
    for (uint32_t i = 0; i < e->config.lists_max; i++)
        if (e->lists[i].id == SIM_NO_ID) return &e->lists[i];
    return NULL;
}

static enum sim_reject check_legs(const struct sim_exchange *e, const struct sim_request legs[])
{
    uint32_t algo = 0;
    for (unsigned i = 0; i < SIM_LEGS; i++) {
        const enum sim_reject reject = check_request(e, &legs[i]);
        if (reject != SIM_REJECT_NONE) return reject;
        if (!has_room(e, &legs[i], SIM_LEGS)) return SIM_REJECT_OVERLOADED;
        if (sim_type_is_stop((enum sim_type)legs[i].type)) algo++;
    }
    if (legs[0].client_id[0] && strcmp(legs[0].client_id, legs[1].client_id) == 0)
        return SIM_REJECT_DUPLICATE_ORDER;
    return check_counts(e, &legs[0], SIM_LEGS, algo);
}

/* One lock for both legs: the larger need. */
static enum sim_reject lock_legs(struct sim_exchange *e, const struct sim_request legs[],
                                 struct money *out)
{
    const struct sim_market *m = &e->markets[legs[0].instrument];
    struct money needs[SIM_LEGS];
    for (unsigned i = 0; i < SIM_LEGS; i++) {
        const enum sim_reject reject = need_of(e, &legs[i], &needs[i]);
        if (reject != SIM_REJECT_NONE) return reject;
        if (would_take(m, &legs[i])) return SIM_REJECT_WOULD_TAKE;
        if (would_trigger(m, &legs[i])) return SIM_REJECT_WOULD_TRIGGER;
    }
    *out = needs[0].units > needs[1].units ? needs[0] : needs[1];
    const uint16_t asset = sim_orders_lock_asset(m, (enum side)legs[0].side);
    return sim_balances_lock(&e->accounts[legs[0].account].balances, asset, *out)
               ? SIM_REJECT_NONE
               : SIM_REJECT_INSUFFICIENT_BALANCE;
}

enum sim_reject sim_exchange_place_list(struct sim_exchange *e, const struct sim_list_request *r,
                                        struct sim_list_result *out)
{
    CHECK(r->account < e->account_count && r->instrument < e->market_count);
    const struct sim_request legs[SIM_LEGS] = {sim_list_leg_request(r, &r->above),
                                               sim_list_leg_request(r, &r->below)};
    struct money locked;
    *out = (struct sim_list_result){0};
    begin(e, r->time_ms);
    enum sim_reject reject = sim_list_check(r, e->markets[r->instrument].last);
    if (reject == SIM_REJECT_NONE) reject = check_legs(e, legs);
    struct sim_list *list = list_take(e);
    if (reject == SIM_REJECT_NONE && !list) reject = SIM_REJECT_OVERLOADED;
    if (reject == SIM_REJECT_NONE && r->client_id[0]) {
        const struct sim_list *same = sim_exchange_list(e, r->account, SIM_NO_ID, r->client_id);
        if (same && !same->is_done) reject = SIM_REJECT_DUPLICATE_ORDER;
    }
    if (reject == SIM_REJECT_NONE) reject = lock_legs(e, legs, &locked);
    if (reject != SIM_REJECT_NONE) return reject;

    *list = (struct sim_list){
        .id = e->next_list_id++,
        .account = r->account,
        .instrument = r->instrument,
        .locked = locked,
        .created_ms = r->time_ms,
        .updated_ms = r->time_ms,
    };
    memcpy(list->client_id, r->client_id, sizeof list->client_id);
    e->list_count++;
    uint32_t slots[SIM_LEGS];
    for (unsigned i = 0; i < SIM_LEGS; i++) {
        slots[i] = sim_orders_open(e, &legs[i], list->id);
        list->order_ids[i] = e->orders[slots[i]].id;
        memcpy(list->order_client_ids[i], legs[i].client_id, sizeof legs[i].client_id);
    }
    sim_tell_list(e, list);
    for (unsigned i = 0; i < SIM_LEGS; i++) {
        announce(e, slots[i]);
        if (sim_type_is_stop((enum sim_type)legs[i].type))
            sim_stops_add(e, slots[i]);
        else
            sim_match_work(e, slots[i]); /* LIMIT_MAKER that does not take: it rests */
        out->orders[i] = e->orders[slots[i]];
    }
    out->list = *list;
    return SIM_REJECT_NONE;
}

static enum sim_reject find_for_cancel(const struct sim_exchange *e, const struct sim_cancel *c,
                                       uint32_t *out)
{
    CHECK(c->account < e->account_count && c->instrument < e->market_count);
    const uint32_t slot =
        c->order_id ? sim_orders_find(e, c->instrument, c->order_id)
                    : sim_orders_find_client(e, c->account, c->instrument, c->original_id);
    if (!slot || e->orders[slot].account != c->account) return SIM_REJECT_UNKNOWN_ORDER;
    const struct sim_order *o = &e->orders[slot];
    if (c->order_id && c->original_id[0] && strcmp(o->client_id, c->original_id) != 0)
        return SIM_REJECT_CANCEL_MISMATCH;
    if (c->restriction == SIM_CANCEL_ONLY_NEW && o->status != SIM_NEW)
        return SIM_REJECT_CANCEL_RESTRICTED;
    if (c->restriction == SIM_CANCEL_ONLY_PARTIALLY_FILLED && o->status != SIM_PARTIALLY_FILLED)
        return SIM_REJECT_CANCEL_RESTRICTED;
    *out = slot;
    return SIM_REJECT_NONE;
}

/* The record of a cancelled order carries the cancel's id and keeps its own as the original one. */
static void rename_cancelled(struct sim_order *o, const char *client_id)
{
    memcpy(o->original_id, o->client_id, sizeof o->original_id);
    if (client_id[0]) CHECK(slice_copy(slice_of(client_id), o->client_id, sizeof o->client_id));
}

enum sim_reject sim_exchange_cancel(struct sim_exchange *e, const struct sim_cancel *c,
                                    struct sim_order *out)
{
    uint32_t slot;
    *out = (struct sim_order){0};
    begin(e, c->time_ms);
    const enum sim_reject reject = find_for_cancel(e, c, &slot);
    if (reject != SIM_REJECT_NONE) return reject;

    struct sim_order *o = &e->orders[slot];
    const struct sim_list *list = sim_lists_open_of(e, o->list_id);
    for (unsigned i = 0; list && i < SIM_LEGS; i++) {
        const uint32_t leg = sim_orders_find(e, o->instrument, list->order_ids[i]);
        if (leg && leg != slot) rename_cancelled(&e->orders[leg], c->client_id);
    }
    sim_lists_dissolve(e, slot, SIM_EXECUTION_CANCELED, SIM_CANCELED, SIM_EXPIRY_NONE);
    rename_cancelled(o, c->client_id);
    sim_orders_close(e, slot, SIM_EXECUTION_CANCELED, SIM_CANCELED, SIM_EXPIRY_NONE);
    *out = *o; /* readable after retirement, too */
    return SIM_REJECT_NONE;
}

static const struct sim_list *find_open_list(const struct sim_exchange *e,
                                             const struct sim_list_cancel *c)
{
    const struct sim_list *list = sim_exchange_list(e, c->account, c->list_id, c->list_client_id);
    return list && !list->is_done && list->instrument == c->instrument ? list : NULL;
}

enum sim_reject sim_exchange_cancel_list(struct sim_exchange *e, const struct sim_list_cancel *c,
                                         struct sim_list_result *out)
{
    *out = (struct sim_list_result){0};
    const struct sim_list *found = find_open_list(e, c);
    if (!found) return SIM_REJECT_UNKNOWN_ORDER;
    const struct sim_list list = *found;

    struct sim_cancel cancel = {
        .account = c->account,
        .instrument = c->instrument,
        .time_ms = c->time_ms,
    };
    memcpy(cancel.client_id, c->client_id, sizeof cancel.client_id);
    for (unsigned i = 0; i < SIM_LEGS && !cancel.order_id; i++)
        if (sim_orders_find(e, list.instrument, list.order_ids[i]))
            cancel.order_id = list.order_ids[i];
    struct sim_order ended;
    const enum sim_reject reject = sim_exchange_cancel(e, &cancel, &ended);
    if (reject != SIM_REJECT_NONE) return reject;

    out->list = list;
    out->list.is_done = true;
    out->list.locked = (struct money){0};
    out->list.updated_ms = c->time_ms;
    for (unsigned i = 0; i < SIM_LEGS; i++) {
        const struct sim_order *o =
            sim_exchange_order(e, c->account, list.instrument, list.order_ids[i], "");
        if (o) out->orders[i] = *o;
    }
    return SIM_REJECT_NONE;
}

void sim_exchange_set_status(struct sim_exchange *e, uint16_t instrument,
                             enum instrument_status status)
{
    CHECK(instrument < e->market_count);
    e->markets[instrument].instrument.status = (uint8_t)status;
}
