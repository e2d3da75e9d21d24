/* Paper orders against a real book. */
#include "core/sim/sim_paper.h"

#include <string.h>

#include "base/check.h"

size_t sim_paper_need(const struct paper_config *config, uint32_t instrument_count)
{
    return arena_need(config->orders_max, sizeof(struct paper_order)) +
           arena_need(instrument_count, sizeof(struct qty[2]));
}

void sim_paper_init(struct sim_paper *p, struct arena *a, const struct paper_config *config,
                    const struct instrument *instruments, const struct book *const *books,
                    uint32_t instrument_count)
{
    CHECK(config->orders_max > 0 && config->trade_id_base > 0 && instrument_count > 0);
    *p = (struct sim_paper){
        .config = *config,
        .instruments = instruments,
        .books = books,
        .instrument_count = instrument_count,
        .orders = arena_take(a, config->orders_max, sizeof *p->orders),
        .taken = arena_take(a, instrument_count, sizeof *p->taken),
        .next_trade_id = config->trade_id_base,
    };
}

uint32_t sim_paper_events_max(const struct sim_paper *p)
{
    /* An order can be accepted, take every level, fill once more as maker, and end; one more event
     * answers the call itself. */
    return p->config.orders_max * (PAPER_TAKE_LEVELS_MAX + 3) + 1;
}

static struct event *append(struct paper_events *out, enum event_kind kind, uint16_t instrument,
                            int64_t time_ms)
{
    CHECK(out->count < out->capacity);
    struct event *e = &out->items[out->count++];
    *e = (struct event){.kind = (uint8_t)kind, .instrument = instrument, .time_ms = time_ms};
    return e;
}

static void tell(struct paper_events *out, uint64_t order_id, uint16_t instrument,
                 enum order_input input, enum order_reason reason, int64_t time_ms)
{
    append(out, EVENT_ORDER, instrument, time_ms)->order = (struct order_news){
        .order_id = order_id,
        .input = (uint8_t)input,
        .reason = (uint8_t)reason,
        .venue_order_id = input == ON_ACCEPT ? order_id : 0,
    };
}

static int64_t left_of(const struct paper_order *o)
{
    return o->order.qty.units - o->order.filled.units;
}

/* Marks an order as ended; sweep() takes it out once nobody walks the array. */
static void end(struct paper_order *o)
{
    o->order.id = 0;
}

static void sweep(struct sim_paper *p)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->orders[i].order.id == 0) continue;
        if (kept != i) p->orders[kept] = p->orders[i];
        kept++;
    }
    p->count = kept;
}

/* False where 64 bits cannot hold it. */
static bool fee_of(const struct instrument *i, struct price price, struct qty qty,
                   enum liquidity liquidity, struct money *fee)
{
    const int64_t ppm = liquidity == LIQUIDITY_MAKER ? i->maker_fee_ppm : i->taker_fee_ppm;
    struct money notional;
    return money_notional(price, i->price_scale, qty, i->qty_scale, i->quote_scale, ROUND_UP,
                          &notional) &&
           units_part(notional.units, ppm, ROUND_UP, &fee->units);
}

/* An order whose price times quantity cannot be counted ends here. */
static void fill(struct sim_paper *p, struct paper_order *o, struct price price, struct qty qty,
                 enum liquidity liquidity, int64_t time_ms, struct paper_events *out)
{
    const struct instrument *i = &p->instruments[o->order.instrument];
    struct money fee;
    if (!fee_of(i, price, qty, liquidity, &fee)) {
        tell(out, o->order.id, o->order.instrument, ON_EXPIRED, ORDER_REASON_FILTER, time_ms);
        end(o);
        return;
    }
    struct event *e = append(out, EVENT_FILL, o->order.instrument, time_ms);
    e->fill = (struct fill){
        .order_id = o->order.id,
        .venue_trade_id = p->next_trade_id++,
        .price = price,
        .qty = qty,
        .fee = fee,
        .fee_scale = i->quote_scale,
        .liquidity = (uint8_t)liquidity,
        .time_ms = time_ms,
    };
    memcpy(e->fill.fee_asset, i->quote, sizeof e->fill.fee_asset);
    o->order.filled.units += qty.units;
    if (left_of(o) == 0) end(o);
}

static const struct book *live_book(const struct sim_paper *p, uint16_t instrument)
{
    const struct book *b = p->books[instrument];
    return b && b->state == BOOK_LIVE ? b : NULL;
}

/* A level's price made worse for the taker, within the order's own limit. */
static struct price slipped(const struct sim_paper *p, const struct order *o, struct price level)
{
    const struct instrument *i = &p->instruments[o->instrument];
    const int64_t tick = i->tick.units > 0 ? i->tick.units : 1;
    const int64_t slip = tick * (int64_t)p->config.slippage_ticks;
    struct price worse;
    if (__builtin_add_overflow(level.units, o->side == SIDE_BUY ? slip : -slip, &worse.units))
        return level;
    if (o->type == ORDER_TYPE_LIMIT && o->side == SIDE_BUY && worse.units > o->price.units)
        worse = o->price;
    if (o->type == ORDER_TYPE_LIMIT && o->side == SIDE_SELL && worse.units < o->price.units)
        worse = o->price;
    return worse.units > 0 ? worse : level;
}

/* What the book would give, beyond what paper orders took from it since it changed. */
static uint32_t visible(const struct sim_paper *p, const struct paper_order *o, struct level *out)
{
    const enum side side = (enum side)o->order.side;
    const struct book *b = live_book(p, o->order.instrument);
    const struct price limit =
        o->order.type == ORDER_TYPE_LIMIT ? o->order.price : (struct price){0};
    int64_t taken = p->taken[o->order.instrument][side].units;
    struct qty wanted, missing;
    if (!b || __builtin_add_overflow(left_of(o), taken, &wanted.units)) return 0;
    uint32_t count = book_take(b, side, wanted, limit, out, PAPER_TAKE_LEVELS_MAX, &missing);
    uint32_t first = 0;
    for (; first < count && out[first].qty.units <= taken; first++) taken -= out[first].qty.units;
    count -= first;
    memmove(out, out + first, count * sizeof *out);
    if (count > 0) out[0].qty.units -= taken;
    return count;
}

static void take(struct sim_paper *p, struct paper_order *o, int64_t time_ms,
                 struct paper_events *out)
{
    struct level levels[PAPER_TAKE_LEVELS_MAX];
    struct qty *taken = &p->taken[o->order.instrument][o->order.side];
    const uint32_t count = visible(p, o, levels);
    for (uint32_t i = 0; i < count && o->order.id; i++) {
        taken->units += levels[i].qty.units;
        fill(p, o, slipped(p, &o->order, levels[i].price), levels[i].qty, LIQUIDITY_TAKER, time_ms,
             out);
    }
}

/* Quantity shown on the order's own side at its own price. */
static struct qty shown_at(const struct book *b, enum side side, struct price price)
{
    const struct book_half *half = &b->sides[side];
    for (uint32_t i = half->count; i > 0; i--) {
        const struct level *l = &half->levels[i - 1];
        if (l->price.units == price.units) return l->qty;
        if (side == SIDE_BUY ? l->price.units < price.units : l->price.units > price.units) break;
    }
    return (struct qty){0};
}

/* The order arrives at the venue. */
static void activate(struct sim_paper *p, struct paper_order *o, struct paper_events *out)
{
    const int64_t time_ms = o->acts_ms;
    const uint64_t id = o->order.id;
    const uint16_t instrument = o->order.instrument;
    o->active = true;
    tell(out, id, instrument, ON_ACCEPT, ORDER_REASON_NONE, time_ms);
    take(p, o, time_ms, out);
    if (o->order.id == 0) return;
    if (o->order.type == ORDER_TYPE_MARKET) {
        tell(out, id, instrument, ON_EXPIRED, ORDER_REASON_NO_LIQUIDITY, time_ms);
        end(o);
        return;
    }
    const struct book *b = live_book(p, instrument);
    if (b) o->ahead = shown_at(b, (enum side)o->order.side, o->order.price);
}

static int64_t due_of(const struct paper_order *o)
{
    const int64_t acts = o->active ? INT64_MAX : o->acts_ms;
    return acts < o->cancel_ms ? acts : o->cancel_ms;
}

static void act(struct sim_paper *p, struct paper_order *o, struct paper_events *out)
{
    if (!o->active && o->acts_ms <= o->cancel_ms) {
        activate(p, o, out);
        return;
    }
    tell(out, o->order.id, o->order.instrument, ON_CANCELED, ORDER_REASON_NONE, o->cancel_ms);
    end(o);
}

void sim_paper_on_time(struct sim_paper *p, int64_t time_ms, struct paper_events *out)
{
    for (;;) {
        struct paper_order *first = NULL;
        for (uint32_t i = 0; i < p->count; i++) {
            struct paper_order *o = &p->orders[i];
            if (o->order.id && due_of(o) <= time_ms && (!first || due_of(o) < due_of(first)))
                first = o;
        }
        if (!first) break;
        act(p, first, out);
    }
    sweep(p);
}

void sim_paper_place(struct sim_paper *p, const struct order *order, int64_t time_ms,
                     struct paper_events *out)
{
    CHECK(order->id > 0 && order->instrument < p->instrument_count && order->qty.units > 0);
    CHECK(order->type == ORDER_TYPE_MARKET || order->price.units > 0);
    sim_paper_on_time(p, time_ms, out);
    if (p->count == p->config.orders_max) {
        tell(out, order->id, order->instrument, ON_REJECT, ORDER_REASON_VENUE_REJECTED, time_ms);
        return;
    }
    struct paper_order *o = &p->orders[p->count++];
    *o = (struct paper_order){
        .order = *order,
        .acts_ms = time_ms + p->config.latency_ms,
        .cancel_ms = INT64_MAX,
    };
    o->order.filled = (struct qty){0};
    sim_paper_on_time(p, time_ms, out);
}

void sim_paper_cancel(struct sim_paper *p, uint64_t order_id, uint16_t instrument, int64_t time_ms,
                      struct paper_events *out)
{
    sim_paper_on_time(p, time_ms, out);
    for (uint32_t i = 0; i < p->count; i++) {
        struct paper_order *o = &p->orders[i];
        if (o->order.id != order_id) continue;
        if (o->cancel_ms == INT64_MAX) o->cancel_ms = time_ms + p->config.latency_ms;
        sim_paper_on_time(p, time_ms, out);
        return;
    }
    tell(out, order_id, instrument, ON_CANCEL_REFUSED, ORDER_REASON_NONE, time_ms);
}

/* The opposite side has come to a resting order: it fills at its own price, as maker. */
static void make_from_book(struct sim_paper *p, struct paper_order *o, int64_t time_ms,
                           struct paper_events *out)
{
    struct level levels[PAPER_TAKE_LEVELS_MAX];
    const uint32_t count = visible(p, o, levels);
    struct qty sum = {0};
    for (uint32_t i = 0; i < count; i++) sum.units += levels[i].qty.units;
    if (sum.units == 0) return;
    p->taken[o->order.instrument][o->order.side].units += sum.units;
    fill(p, o, o->order.price, sum, LIQUIDITY_MAKER, time_ms, out);
}

void sim_paper_on_book(struct sim_paper *p, uint16_t instrument, int64_t time_ms,
                       struct paper_events *out)
{
    CHECK(instrument < p->instrument_count);
    p->taken[instrument][SIDE_BUY] = p->taken[instrument][SIDE_SELL] = (struct qty){0};
    sim_paper_on_time(p, time_ms, out);
    const struct book *b = live_book(p, instrument);
    for (uint32_t i = 0; b && i < p->count; i++) {
        struct paper_order *o = &p->orders[i];
        if (o->order.instrument != instrument || !o->active) continue;
        make_from_book(p, o, time_ms, out);
        if (o->order.id == 0) continue;
        const struct qty shown = shown_at(b, (enum side)o->order.side, o->order.price);
        if (shown.units < o->ahead.units) o->ahead = shown;
    }
    sweep(p);
}

/* How much of the `rest` of a print comes to the order; a print at its price first serves its
 * queue. */
static int64_t reached_by(struct paper_order *o, const struct print *print, int64_t rest)
{
    const int64_t price = o->order.price.units;
    const bool buy = o->order.side == SIDE_BUY;
    if ((print->taker == SIDE_BUY) == buy) return 0; /* takers of our own side pass us by */
    const bool through = buy ? print->price.units < price : print->price.units > price;
    if (!through && print->price.units != price) return 0;
    if (!through) {
        const int64_t queue = o->ahead.units < rest ? o->ahead.units : rest;
        o->ahead.units -= queue;
        if (o->ahead.units > 0) return 0;
        /* What the queue took is not used up for others: each order has its own estimate of it. */
        const int64_t beyond = rest - queue;
        return beyond < left_of(o) ? beyond : left_of(o);
    }
    o->ahead = (struct qty){0};
    return rest < left_of(o) ? rest : left_of(o);
}

void sim_paper_on_print(struct sim_paper *p, uint16_t instrument, const struct print *print,
                        int64_t time_ms, struct paper_events *out)
{
    CHECK(instrument < p->instrument_count);
    sim_paper_on_time(p, time_ms, out);
    int64_t rest = print->qty.units;
    for (uint32_t i = 0; i < p->count && rest > 0; i++) {
        struct paper_order *o = &p->orders[i];
        if (o->order.instrument != instrument || !o->active) continue;
        const int64_t qty = reached_by(o, print, rest);
        if (qty == 0) continue;
        rest -= qty;
        fill(p, o, o->order.price, (struct qty){qty}, LIQUIDITY_MAKER, time_ms, out);
    }
    sweep(p);
}
