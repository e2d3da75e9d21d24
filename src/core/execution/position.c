/* Booking fills into a holding. */
#include "core/execution/position.h"

#include <string.h>

static bool add(struct money *sum, int64_t units)
{
    return !__builtin_add_overflow(sum->units, units, &sum->units);
}

/* The fee in units of `scale`; false when it does not fit. */
static bool fee_units(const struct fill *f, unsigned scale, int64_t *out)
{
    return units_rescale(f->fee.units, f->fee_scale, scale, ROUND_UP, out);
}

/* Takes a fee out of what it was paid in and adds its quote value to the round trip's fees. */
static bool book_fee(struct position *p, const struct instrument *i, const struct fill *f)
{
    int64_t units;
    if (f->fee.units == 0) return true;
    if (strcmp(f->fee_asset, i->quote) == 0)
        return fee_units(f, i->quote_scale, &units) && add(&p->fees, units) &&
               add(&p->fees_quote, units);
    if (strcmp(f->fee_asset, i->base) != 0) return true;

    struct money value;
    if (!fee_units(f, i->base_scale, &units)) return false;
    if (!money_notional(f->price, i->price_scale, (struct qty){units}, i->base_scale,
                        i->quote_scale, ROUND_UP, &value))
        return false;
    return add(&p->base, -units) && add(&p->fees, value.units);
}

static bool book_buy(struct position *p, const struct instrument *i, const struct fill *f,
                     int64_t base, struct money notional)
{
    /* What cannot be sold was not worth protecting: the peak counts from here. */
    if (position_sellable(p, i).units == 0) p->peak = f->price;
    if (!p->open) {
        p->open = true;
        p->opened_ms = f->time_ms;
    }
    if (f->price.units > p->peak.units) p->peak = f->price;
    return add(&p->base, base) && add(&p->cost, notional.units) &&
           !__builtin_add_overflow(p->bought.units, f->qty.units, &p->bought.units) &&
           money_average(p->cost, i->quote_scale, p->bought, i->qty_scale, i->price_scale,
                         &p->entry_price);
}

static bool book_sell(struct position *p, const struct fill *f, int64_t base, struct money notional)
{
    return add(&p->base, -base) && add(&p->proceeds, notional.units) &&
           !__builtin_add_overflow(p->sold.units, f->qty.units, &p->sold.units);
}

static bool close_round_trip(struct position *p, const struct instrument *i, int64_t time_ms,
                             struct round_trip *trip)
{
    struct money pnl = p->proceeds;
    if (!add(&pnl, -p->cost.units) || !add(&pnl, -p->fees_quote.units)) return false;
    *trip = (struct round_trip){
        .qty = p->bought,
        .entry_price = p->entry_price,
        .pnl = pnl,
        .fees = p->fees,
        .opened_ms = p->opened_ms,
        .closed_ms = time_ms,
    };
    if (!money_average(p->proceeds, i->quote_scale, p->sold, i->qty_scale, i->price_scale,
                       &trip->exit_price))
        return false;
    if (p->cost.units > 0 &&
        !units_mul_div(pnl.units, PPM, p->cost.units, ROUND_DOWN, &trip->pnl_ppm))
        return false;
    *p = (struct position){.base = p->base};
    return true;
}

bool position_book(struct position *p, const struct instrument *i, const struct order *order,
                   const struct fill *f, bool *closed, struct round_trip *trip)
{
    struct position after = *p;
    struct money notional;
    int64_t base;
    *closed = false;
    if (!units_rescale(f->qty.units, i->qty_scale, i->base_scale, ROUND_DOWN, &base)) return false;
    if (!money_notional(f->price, i->price_scale, f->qty, i->qty_scale, i->quote_scale, ROUND_DOWN,
                        &notional))
        return false;

    const bool buy = order->side == SIDE_BUY;
    const bool more = order->filled.units < order->qty.units &&
                      !order_state_is_closed((enum order_state)order->state);
    const bool booked =
        buy ? book_buy(&after, i, f, base, notional) : book_sell(&after, f, base, notional);
    if (!booked || !book_fee(&after, i, f)) return false;
    if (!buy && !more && after.open && position_sellable(&after, i).units == 0) {
        if (!close_round_trip(&after, i, f->time_ms, trip)) return false;
        *closed = true;
    }
    *p = after;
    return true;
}

struct qty position_sellable(const struct position *p, const struct instrument *i)
{
    int64_t units;
    if (p->base.units <= 0) return (struct qty){0};
    if (!units_rescale(p->base.units, i->base_scale, i->qty_scale, ROUND_DOWN, &units))
        return (struct qty){0};
    return (struct qty){units_to_step(units, i->step.units > 0 ? i->step.units : 1, ROUND_DOWN)};
}

struct money position_unrealized(const struct position *p, const struct instrument *i,
                                 struct price price)
{
    struct money value;
    const struct qty held = {p->open ? p->base.units : 0}; /* dust counts for nothing */
    if (!money_notional(price, i->price_scale, held, i->base_scale, i->quote_scale, ROUND_DOWN,
                        &value) ||
        !add(&value, p->proceeds.units) || !add(&value, -p->cost.units) ||
        !add(&value, -p->fees_quote.units))
        return (struct money){0};
    return value;
}

struct money position_committed(const struct position *p)
{
    return (struct money){p->cost.units - p->proceeds.units + p->fees_quote.units};
}
