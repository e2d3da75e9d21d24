/* Matching: a taker walks the book, both sides settle, stops trigger. */
#include "base/check.h"
#include "core/sim/sim_internal.h"

static enum side opposite(enum side side)
{
    return side == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
}

static bool price_is_acceptable(enum side taker, int64_t limit, int64_t price)
{
    if (limit == 0) return true;
    return taker == SIDE_BUY ? price <= limit : price >= limit;
}

static struct money trade_value(const struct instrument *i, int64_t price, int64_t qty)
{
    struct money value;
    CHECK(money_notional((struct price){price}, i->price_scale, (struct qty){qty}, i->qty_scale,
                         i->quote_scale, ROUND_DOWN, &value));
    return value;
}

/* How much of qty at this price the rest of the budget pays for. */
static int64_t affordable(const struct instrument *i, int64_t price, int64_t qty, int64_t rest)
{
    struct money value;
    struct qty out = {qty};
    if (money_notional((struct price){price}, i->price_scale, out, i->qty_scale, i->quote_scale,
                       ROUND_DOWN, &value) &&
        value.units <= rest)
        return qty;
    if (!money_to_qty((struct money){rest}, i->quote_scale, (struct price){price}, i->price_scale,
                      i->qty_scale, &out) ||
        out.units > qty)
        out.units = qty;
    const int64_t step =
        i->market_step.units > i->step.units ? i->market_step.units : i->step.units;
    return step ? units_to_step(out.units, step, ROUND_DOWN) : out.units;
}

struct sim_plan sim_match_plan(const struct sim_market *m, const struct sim_plan_request *r)
{
    const struct sim_level *level;
    struct sim_plan plan = {0};
    for (uint32_t depth = 0; (level = sim_book_level(&m->book, opposite(r->side), depth));
         depth++) {
        if (!price_is_acceptable(r->side, r->limit, level->price)) break;
        for (uint32_t n = level->head; n; n = m->book.nodes[n].next) {
            const struct sim_node *node = &m->book.nodes[n];
            if (node->owner == r->account) continue;
            const int64_t left = r->qty - plan.qty;
            const int64_t wanted = node->qty < left ? node->qty : left;
            const int64_t rest = r->budget - plan.cost.units;
            const int64_t qty = affordable(&m->instrument, level->price, wanted, rest);
            plan.qty += qty;
            plan.cost.units += trade_value(&m->instrument, level->price, qty).units;
            if (qty < wanted || plan.qty == r->qty) return plan;
        }
    }
    plan.dry = true;
    return plan;
}

static void vwap_add(struct sim_market *m, int64_t now_ms, struct qty base, struct money quote)
{
    const int64_t span = now_ms / SIM_VWAP_BUCKET_MS;
    struct sim_vwap_bucket *b = &m->vwap[(uint64_t)span % SIM_VWAP_BUCKETS];
    if (b->span != span) *b = (struct sim_vwap_bucket){.span = span};
    /* A span too large for 64 bits keeps what it has: an average needs no more. */
    if (b->base > INT64_MAX / 2 - base.units || b->quote > INT64_MAX / 2 - quote.units) return;
    b->base += base.units;
    b->quote += quote.units;
}

/* One side of a trade: money moves, the order counts it. Returns what this account sees. */
static struct sim_fill settle(struct sim_exchange *e, uint32_t slot, const struct sim_print *print,
                              bool is_maker)
{
    struct sim_order *o = &e->orders[slot];
    const struct sim_market *m = &e->markets[o->instrument];
    const struct instrument *i = &m->instrument;
    struct sim_account *a = &e->accounts[o->account];
    const bool buy = o->side == SIDE_BUY;
    const uint16_t gives = buy ? m->quote : m->base, gets = buy ? m->base : m->quote;
    struct money base, fee = {0}, need = {0};
    CHECK(units_rescale(print->qty.units, i->qty_scale, i->base_scale, ROUND_UP, &base.units));
    const struct money paid = buy ? print->quote : base, received = buy ? base : print->quote;

    o->filled.units += print->qty.units;
    o->filled_quote.units += print->quote.units;
    o->updated_ms = e->now_ms;
    o->traded_maker = is_maker;
    const bool done = o->filled.units == o->qty.units;
    o->status = done ? SIM_FILLED : SIM_PARTIALLY_FILLED;

    sim_balances_spend(&a->balances, gives, paid);
    o->locked.units -= paid.units;
    if (!sim_type_is_priced((enum sim_type)o->type) && !done)
        need = o->locked; /* a market order keeps what it has set aside until it ends */
    else
        CHECK(sim_orders_lock_need(m, o, &need) && need.units <= o->locked.units);
    sim_balances_unlock(&a->balances, gives, (struct money){o->locked.units - need.units});
    o->locked = need;

    if (!a->balances.unlimited) {
        const int64_t ppm = is_maker ? i->maker_fee_ppm : i->taker_fee_ppm;
        CHECK(units_part(received.units, ppm, ROUND_DOWN, &fee.units));
        e->fees[gets].units += fee.units;
    }
    sim_balances_receive(&a->balances, gets, (struct money){received.units - fee.units});
    a->updated_ms = e->now_ms;
    return (struct sim_fill){
        .trade_id = print->id,
        .order_id = o->id,
        .list_id = o->list_id,
        .instrument = o->instrument,
        .fee_asset = gets,
        .side = o->side,
        .is_maker = is_maker,
        .price = print->price,
        .qty = print->qty,
        .quote = print->quote,
        .fee = fee,
        .time_ms = e->now_ms,
    };
}

static void keep_fill(struct sim_exchange *e, uint32_t slot, const struct sim_fill *fill)
{
    struct sim_account *a = &e->accounts[e->orders[slot].account];
    if (!a->balances.unlimited) a->fills[a->fills_count++ % e->config.fills_max] = *fill;
    if (slot == e->result_slot && e->result_fill_count < SIM_RESULT_FILLS_MAX)
        e->result_fills[e->result_fill_count++] = *fill;
}

static void tell_trade(struct sim_exchange *e, uint32_t slot, const struct sim_fill *fill)
{
    const struct sim_order *o = &e->orders[slot];
    sim_tell_report(e, o, SIM_EXECUTION_TRADE, fill, SIM_REJECT_NONE);
    sim_tell_balances(e, o->account, o->instrument);
    if (o->status == SIM_FILLED) sim_orders_retire(e, slot);
}

static void trade(struct sim_exchange *e, uint32_t taker, uint32_t maker, int64_t price,
                  int64_t qty)
{
    struct sim_order *t = &e->orders[taker], *k = &e->orders[maker];
    struct sim_market *m = &e->markets[t->instrument];
    const bool taker_buys = t->side == SIDE_BUY;
    sim_lists_resolve(e, maker);
    const struct sim_print print = {
        .id = m->next_trade_id++,
        .price = {price},
        .qty = {qty},
        .quote = trade_value(&m->instrument, price, qty),
        .buyer_is_maker = !taker_buys,
        .buyer_order_id = taker_buys ? t->id : k->id,
        .seller_order_id = taker_buys ? k->id : t->id,
    };
    m->last = print.price;
    if (price < e->trade_low) e->trade_low = price;
    if (price > e->trade_high) e->trade_high = price;
    vwap_add(m, e->now_ms, print.qty, print.quote);

    const bool maker_done = m->book.nodes[k->node].qty == qty;
    sim_book_fill(&m->book, k->node, qty);
    if (maker_done) k->node = 0;
    const struct sim_fill taken = settle(e, taker, &print, false);
    const struct sim_fill made = settle(e, maker, &print, true);
    keep_fill(e, taker, &taken);
    keep_fill(e, maker, &made);
    sim_tell_print(e, k->instrument, &print);
    tell_trade(e, taker, &taken);
    tell_trade(e, maker, &made);
}

static void prevent_self_trade(struct sim_exchange *e, uint32_t maker)
{
    sim_lists_dissolve(e, maker, SIM_EXECUTION_EXPIRED, SIM_EXPIRED, SIM_EXPIRY_OCO_TRIGGER);
    sim_orders_close(e, maker, SIM_EXECUTION_TRADE_PREVENTION, SIM_EXPIRED_IN_MATCH,
                     SIM_EXPIRY_NONE);
}

/* Takes up to qty within the limit; returns what was not found. */
static int64_t match(struct sim_exchange *e, uint32_t slot, int64_t limit, int64_t qty)
{
    const uint32_t account = e->orders[slot].account;
    const uint16_t instrument = e->orders[slot].instrument;
    const enum side side = (enum side)e->orders[slot].side, other = opposite(side);
    struct sim_book *book = &e->markets[instrument].book;
    int64_t price = 0; /* of the level that is being eaten, not yet told */
    while (qty > 0) {
        const struct sim_level *level = sim_book_level(book, other, 0);
        if (!level || level->price != price) {
            if (price) sim_tell_level(e, instrument, other, price);
            price = 0;
        }
        if (!level || !price_is_acceptable(side, limit, level->price)) break;
        const struct sim_node *node = &book->nodes[level->head];
        if (node->owner == account) {
            prevent_self_trade(e, node->order);
            continue;
        }
        const int64_t eaten = node->qty < qty ? node->qty : qty;
        price = level->price;
        qty -= eaten;
        trade(e, slot, node->order, price, eaten);
    }
    if (price) sim_tell_level(e, instrument, other, price);
    return qty;
}

static void work_market(struct sim_exchange *e, uint32_t slot)
{
    struct sim_order *o = &e->orders[slot];
    const struct sim_market *m = &e->markets[o->instrument];
    struct sim_balances *b = &e->accounts[o->account].balances;
    const bool buy = o->side == SIDE_BUY;
    struct sim_plan_request request = {
        .account = o->account,
        .side = (enum side)o->side,
        .qty = o->qty.units,
        .budget = INT64_MAX,
    };
    if (buy && !b->unlimited) request.budget = o->locked.units + b->items[m->quote].free.units;
    const struct sim_plan plan = sim_match_plan(m, &request);
    if (buy && plan.cost.units > o->locked.units) {
        const struct money more = {plan.cost.units - o->locked.units};
        CHECK(sim_balances_lock(b, m->quote, more));
        o->locked = plan.cost;
    }
    const bool whole = plan.qty == o->qty.units;
    /* A dry plan walks on past what it may take, so that own orders in the way expire. */
    match(e, slot, 0, plan.dry ? o->qty.units : plan.qty);
    if (!whole) sim_orders_close(e, slot, SIM_EXECUTION_EXPIRED, SIM_EXPIRED, SIM_EXPIRY_LIQUIDITY);
}

static void rest(struct sim_exchange *e, uint32_t slot)
{
    struct sim_order *o = &e->orders[slot];
    o->node = sim_book_insert(&e->markets[o->instrument].book, (enum side)o->side, o->price.units,
                              o->qty.units - o->filled.units, slot, o->account);
    if (o->node)
        sim_tell_level(e, o->instrument, (enum side)o->side, o->price.units);
    else /* only a stop order can find the book full: others were asked before */
        sim_orders_close(e, slot, SIM_EXECUTION_EXPIRED, SIM_EXPIRED, SIM_EXPIRY_EXCHANGE);
}

static bool can_fill_whole(const struct sim_exchange *e, const struct sim_order *o)
{
    const struct sim_plan_request request = {
        .account = o->account,
        .side = (enum side)o->side,
        .limit = o->price.units,
        .qty = o->qty.units,
        .budget = INT64_MAX,
    };
    return sim_match_plan(&e->markets[o->instrument], &request).qty == o->qty.units;
}

static void work_limit(struct sim_exchange *e, uint32_t slot)
{
    const struct sim_order *o = &e->orders[slot];
    if (o->tif == SIM_FOK && !can_fill_whole(e, o)) {
        sim_orders_close(e, slot, SIM_EXECUTION_EXPIRED, SIM_EXPIRED, SIM_EXPIRY_UNFILLED_FOK);
        return;
    }
    if (match(e, slot, o->price.units, o->qty.units) == 0) return;
    if (o->tif == SIM_IOC)
        sim_orders_close(e, slot, SIM_EXECUTION_EXPIRED, SIM_EXPIRED, SIM_EXPIRY_UNFILLED_IOC);
    else
        rest(e, slot);
}

void sim_match_work(struct sim_exchange *e, uint32_t slot)
{
    if (sim_type_is_priced((enum sim_type)e->orders[slot].type))
        work_limit(e, slot);
    else
        work_market(e, slot);
}

static bool is_due(const struct sim_exchange *e, const struct sim_order *o)
{
    if (sim_type_triggers_above((enum sim_type)o->type, (enum side)o->side))
        return e->trade_high >= o->stop_price.units;
    return e->trade_low <= o->stop_price.units;
}

/* The due stop with the smallest id, 0 for none; sets the bounds anew when there is none. */
static uint32_t next_due(struct sim_exchange *e, struct sim_market *m)
{
    uint32_t due = 0;
    int64_t above = INT64_MAX, below = 0;
    for (uint32_t i = 0; i < m->stop_count; i++) {
        const struct sim_order *o = &e->orders[m->stops[i]];
        if (is_due(e, o)) {
            if (!due || o->id < e->orders[due].id) due = m->stops[i];
        } else if (sim_type_triggers_above((enum sim_type)o->type, (enum side)o->side)) {
            if (o->stop_price.units < above) above = o->stop_price.units;
        } else if (o->stop_price.units > below) {
            below = o->stop_price.units;
        }
    }
    if (!due) {
        m->trigger_above = above;
        m->trigger_below = below;
    }
    return due;
}

static void trigger(struct sim_exchange *e, uint32_t slot)
{
    struct sim_order *o = &e->orders[slot];
    sim_stops_remove(e, slot);
    o->is_working = true;
    o->working_ms = o->updated_ms = e->now_ms;
    sim_lists_resolve(e, slot);
    sim_tell_report(e, o, SIM_EXECUTION_NEW, NULL, SIM_REJECT_NONE);
    sim_match_work(e, slot);
}

void sim_match_run_stops(struct sim_exchange *e, uint16_t instrument)
{
    struct sim_market *m = &e->markets[instrument];
    uint32_t due;
    while ((e->trade_high >= m->trigger_above || e->trade_low <= m->trigger_below) &&
           (due = next_due(e, m)))
        trigger(e, due);
}
