/* The synthetic market's makers and takers in a running exchange. */
#include <string.h>

#include "core/sim/sim_synthetic.h"

static enum err account_of(struct sim_exchange *e, const char *name, uint32_t *out)
{
    if (sim_exchange_find_account(e, name, out)) return OK;
    return sim_exchange_add_account(e, name, true, out);
}

enum err synthetic_driver_init(struct synthetic_driver *d, struct synthetic *s,
                               struct sim_exchange *e)
{
    *d = (struct synthetic_driver){.synthetic = s, .exchange = e};
    enum err err = account_of(e, "synthetic-maker", &d->maker);
    if (!err) err = account_of(e, "synthetic-taker", &d->taker);
    for (uint16_t i = 0; !err && i < SYNTHETIC_SYMBOLS; i++) {
        const struct instrument rules = synthetic_instrument(i);
        if (!sim_exchange_find_instrument(e, rules.symbol, &d->instruments[i]))
            err = sim_exchange_add_instrument(e, &rules, &d->instruments[i]);
    }
    return err;
}

/* What is left of a standing order; 0 when it is gone. */
static int64_t left_of(const struct synthetic_driver *d, uint16_t symbol, uint64_t order_id)
{
    const struct sim_order *o =
        sim_exchange_order(d->exchange, d->maker, d->instruments[symbol], order_id, "");
    return o ? o->qty.units - o->filled.units : 0;
}

static void cancel(const struct synthetic_driver *d, uint16_t symbol, uint64_t order_id,
                   int64_t time_ms)
{
    const struct sim_cancel request = {
        .account = d->maker,
        .instrument = d->instruments[symbol],
        .order_id = order_id,
        .time_ms = time_ms,
    };
    struct sim_order ended;
    sim_exchange_cancel(d->exchange, &request, &ended); /* one that is gone is as good */
}

/* Keeps the orders that are still wanted as they are and takes the others back. Both lists are
 * sorted from the best price on. */
static void withdraw(struct synthetic_driver *d, uint16_t symbol, enum side side,
                     struct synthetic_standings *wanted, int64_t time_ms)
{
    const struct synthetic_standings *old = &d->standings[symbol][side];
    uint32_t at = 0;
    for (uint32_t i = 0; i < old->count; i++) {
        const struct synthetic_standing *o = &old->items[i];
        const int64_t price = o->level.price.units;
        while (at < wanted->count &&
               (side == SIDE_BUY ? wanted->items[at].level.price.units > price
                                 : wanted->items[at].level.price.units < price))
            at++;
        struct synthetic_standing *w = at < wanted->count ? &wanted->items[at] : NULL;
        if (w && w->level.price.units == price && o->order_id &&
            left_of(d, symbol, o->order_id) == w->level.qty.units)
            w->order_id = o->order_id;
        else if (o->order_id)
            cancel(d, symbol, o->order_id, time_ms);
    }
}

static uint64_t place(const struct synthetic_driver *d, uint32_t account, uint16_t symbol,
                      enum side side, enum sim_tif tif, struct level level, int64_t time_ms)
{
    const struct sim_request request = {
        .account = account,
        .instrument = d->instruments[symbol],
        .side = (uint8_t)side,
        .type = SIM_TYPE_LIMIT,
        .tif = (uint8_t)tif,
        .qty = level.qty,
        .price = level.price,
        .time_ms = time_ms,
    };
    struct sim_result result;
    /* Refused when the exchange is full or halted: the level is missing until the next step. */
    if (sim_exchange_place(d->exchange, &request, &result) != SIM_REJECT_NONE) return SIM_NO_ID;
    return result.order.id;
}

static void quote(struct synthetic_driver *d, uint16_t symbol, int64_t time_ms)
{
    struct synthetic_standings wanted[2];
    for (unsigned side = 0; side < 2; side++) {
        struct level levels[SYNTHETIC_LEVELS];
        wanted[side].count =
            synthetic_levels(d->synthetic, symbol, time_ms, (enum side)side, levels);
        for (uint32_t i = 0; i < wanted[side].count; i++)
            wanted[side].items[i] = (struct synthetic_standing){.level = levels[i]};
    }
    /* Both sides are taken back before either is placed, so that the maker never meets itself. */
    for (unsigned side = 0; side < 2; side++)
        withdraw(d, symbol, (enum side)side, &wanted[side], time_ms);
    for (unsigned side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < wanted[side].count; i++) {
            struct synthetic_standing *w = &wanted[side].items[i];
            if (w->order_id == SIM_NO_ID)
                w->order_id =
                    place(d, d->maker, symbol, (enum side)side, SIM_GTC, w->level, time_ms);
        }
        d->standings[symbol][side] = wanted[side];
    }
}

static void take(const struct synthetic_driver *d, uint16_t symbol, int64_t time_ms)
{
    struct synthetic_trade trades[SYNTHETIC_TRADES_MAX];
    const uint32_t count = synthetic_trades(d->synthetic, symbol, time_ms / 1000, trades);
    for (uint32_t i = 0; i < count; i++) {
        const struct synthetic_trade *t = &trades[i];
        if (t->time_ms != time_ms) continue;
        place(d, d->taker, symbol, (enum side)t->taker, SIM_IOC,
              (struct level){.price = t->price, .qty = t->qty}, time_ms);
    }
}

void synthetic_step(struct synthetic_driver *d, int64_t now_ms)
{
    const int64_t last = now_ms / SYNTHETIC_STEP_MS;
    if (d->step == 0 || last - d->step > SYNTHETIC_CATCH_UP_MS / SYNTHETIC_STEP_MS)
        d->step = last - 1;
    while (d->step < last) {
        const int64_t time_ms = ++d->step * SYNTHETIC_STEP_MS;
        for (uint16_t symbol = 0; symbol < SYNTHETIC_SYMBOLS; symbol++) {
            quote(d, symbol, time_ms);
            take(d, symbol, time_ms);
        }
    }
}
