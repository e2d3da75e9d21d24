/* Rows as values. */
#include "io/store/row.h"

#include <string.h>

struct store_market store_market_of(const struct instrument *instrument)
{
    struct store_market market = {
        .venue = instrument->venue,
        .price_scale = instrument->price_scale,
        .qty_scale = instrument->qty_scale,
        .base_scale = instrument->base_scale,
        .quote_scale = instrument->quote_scale,
    };
    memcpy(market.symbol, instrument->symbol, sizeof market.symbol);
    return market;
}

static bool fit_price(struct price *p, const struct store_market *from, const struct instrument *to,
                      bool exact)
{
    if (exact) return units_rescale_exact(p->units, from->price_scale, to->price_scale, &p->units);
    return units_rescale(p->units, from->price_scale, to->price_scale, ROUND_DOWN, &p->units);
}

static bool fit_qty(struct qty *q, const struct store_market *from, const struct instrument *to)
{
    return units_rescale_exact(q->units, from->qty_scale, to->qty_scale, &q->units);
}

static bool fit_quote(struct money *m, const struct store_market *from, const struct instrument *to)
{
    return units_rescale_exact(m->units, from->quote_scale, to->quote_scale, &m->units);
}

bool store_position_fit(struct store_position *row, const struct instrument *i)
{
    const struct store_market *from = &row->market;
    struct position p = row->position;
    if (!units_rescale_exact(p.base.units, from->base_scale, i->base_scale, &p.base.units) ||
        !fit_quote(&p.cost, from, i) || !fit_quote(&p.proceeds, from, i) ||
        !fit_quote(&p.fees, from, i) || !fit_quote(&p.fees_quote, from, i) ||
        !fit_qty(&p.bought, from, i) || !fit_qty(&p.sold, from, i) ||
        !fit_price(&p.entry_price, from, i, false) || !fit_price(&p.peak, from, i, false))
        return false;
    row->position = p;
    row->market = store_market_of(i);
    return true;
}

bool store_order_fit(struct store_order *row, const struct instrument *i)
{
    const struct store_market *from = &row->market;
    struct order o = row->order;
    if (!fit_qty(&o.qty, from, i) || !fit_qty(&o.filled, from, i) ||
        !fit_quote(&o.filled_quote, from, i) || !fit_price(&o.price, from, i, true) ||
        !fit_price(&o.trigger, from, i, false))
        return false;
    row->order = o;
    row->market = store_market_of(i);
    return true;
}
