/* The filters, each in one function. */
#include "core/sim/sim_filters.h"

static bool price_passes(const struct instrument *i, struct price p)
{
    if (p.units <= 0) return false;
    if (i->price_min.units && p.units < i->price_min.units) return false;
    if (i->price_max.units && p.units > i->price_max.units) return false;
    return !i->tick.units || p.units % i->tick.units == 0;
}

static bool lot_passes(struct qty q, struct qty min, struct qty max, struct qty step)
{
    if (q.units <= 0) return false;
    if (min.units && q.units < min.units) return false;
    if (max.units && q.units > max.units) return false;
    return !step.units || q.units % step.units == 0;
}

/* Bounds rounded so that a price exactly on one passes; an overflowing bound is no bound. */
static bool percent_passes(const struct instrument *i, enum side side, struct price p,
                           struct price average)
{
    const int64_t up = side == SIDE_BUY ? i->bid_up_ppm : i->ask_up_ppm;
    const int64_t down = side == SIDE_BUY ? i->bid_down_ppm : i->ask_down_ppm;
    int64_t bound;
    if (up && units_part(average.units, up, ROUND_DOWN, &bound) && p.units > bound) return false;
    return !down || !units_part(average.units, down, ROUND_UP, &bound) || p.units >= bound;
}

static bool notional_passes(const struct instrument *i, const struct sim_request *r,
                            struct price average)
{
    const bool market = !sim_type_is_priced((enum sim_type)r->type);
    const struct price p = !market                                    ? r->price
                           : sim_type_is_stop((enum sim_type)r->type) ? r->stop_price
                                                                      : average;
    struct money notional = r->quote_qty;
    if (notional.units == 0) {
        if (p.units == 0) return true;
        if (!money_notional(p, i->price_scale, r->qty, i->qty_scale, i->quote_scale, ROUND_DOWN,
                            &notional))
            return false;
    }
    const bool min_applies = i->notional_min.units && (!market || i->notional_min_market);
    const bool max_applies = i->notional_max.units && (!market || i->notional_max_market);
    if (min_applies && notional.units < i->notional_min.units) return false;
    return !max_applies || notional.units <= i->notional_max.units;
}

enum sim_reject sim_filters_check(const struct instrument *i, const struct sim_request *r,
                                  struct price average)
{
    const enum sim_type type = (enum sim_type)r->type;
    const enum side side = (enum side)r->side;
    const bool priced = sim_type_is_priced(type), stop = sim_type_is_stop(type);

    if (priced && !price_passes(i, r->price)) return SIM_REJECT_PRICE_FILTER;
    if (stop && !price_passes(i, r->stop_price)) return SIM_REJECT_PRICE_FILTER;
    if (priced && average.units > 0 && !percent_passes(i, side, r->price, average))
        return SIM_REJECT_PERCENT_PRICE_BY_SIDE;
    if (r->quote_qty.units == 0) {
        if (!lot_passes(r->qty, i->qty_min, i->qty_max, i->step)) return SIM_REJECT_LOT_SIZE;
        if (!priced && !lot_passes(r->qty, i->market_qty_min, i->market_qty_max, i->market_step))
            return SIM_REJECT_MARKET_LOT_SIZE;
    }
    return notional_passes(i, r, average) ? SIM_REJECT_NONE : SIM_REJECT_NOTIONAL;
}

enum sim_reject sim_filters_check_counts(const struct instrument *i, uint32_t open_orders,
                                         uint32_t open_algo, uint32_t orders, uint32_t algo)
{
    if (i->orders_max && open_orders + orders > i->orders_max) return SIM_REJECT_MAX_NUM_ORDERS;
    if (algo && i->algo_orders_max && open_algo + algo > i->algo_orders_max)
        return SIM_REJECT_MAX_NUM_ALGO_ORDERS;
    return SIM_REJECT_NONE;
}
