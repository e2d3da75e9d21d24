/* The rules of OCO legs. */
#include "core/sim/sim_list.h"

#include <string.h>

/* A leg's part: the one that waits for a better price, or the one that cuts a loss. */
enum leg_kind { LEG_LIMIT, LEG_PROFIT, LEG_STOP, LEG_WRONG };

static enum leg_kind leg_kind(const struct sim_leg *leg)
{
    switch ((enum sim_type)leg->type) {
    case SIM_TYPE_LIMIT_MAKER: return LEG_LIMIT;
    case SIM_TYPE_TAKE_PROFIT:
    case SIM_TYPE_TAKE_PROFIT_LIMIT: return LEG_PROFIT;
    case SIM_TYPE_STOP_LOSS:
    case SIM_TYPE_STOP_LOSS_LIMIT: return LEG_STOP;
    default: return LEG_WRONG;
    }
}

/* The price that is compared with the last one. */
static struct price leg_price(const struct sim_leg *leg)
{
    return leg->type == SIM_TYPE_LIMIT_MAKER ? leg->price : leg->stop_price;
}

static enum sim_reject check_types(enum side side, enum leg_kind above, enum leg_kind below)
{
    const bool sell = side == SIDE_SELL;
    if (above == LEG_WRONG || below == LEG_WRONG) return SIM_REJECT_LIST_TYPE;
    if (above == LEG_LIMIT && below == LEG_LIMIT) return SIM_REJECT_LIST_BOTH_LIMIT;
    if (sell && below == LEG_LIMIT) return SIM_REJECT_LIST_SELL_LIMIT_BELOW;
    if (sell && below == LEG_PROFIT) return SIM_REJECT_LIST_SELL_PROFIT_BELOW;
    if (sell && above == LEG_STOP) return SIM_REJECT_LIST_SELL_STOP_ABOVE;
    if (!sell && above == LEG_LIMIT) return SIM_REJECT_LIST_BUY_LIMIT_ABOVE;
    if (!sell && above == LEG_PROFIT) return SIM_REJECT_LIST_BUY_PROFIT_ABOVE;
    if (!sell && below == LEG_STOP) return SIM_REJECT_LIST_BUY_STOP_BELOW;
    return SIM_REJECT_NONE;
}

enum sim_reject sim_list_check(const struct sim_list_request *r, struct price last)
{
    const enum sim_reject types =
        check_types((enum side)r->side, leg_kind(&r->above), leg_kind(&r->below));
    if (types != SIM_REJECT_NONE) return types;
    const struct price above = leg_price(&r->above), below = leg_price(&r->below);
    if (above.units <= below.units) return SIM_REJECT_LIST_PRICES;
    if (last.units && (above.units <= last.units || below.units >= last.units))
        return SIM_REJECT_LIST_PRICES;
    return SIM_REJECT_NONE;
}

struct sim_request sim_list_leg_request(const struct sim_list_request *r, const struct sim_leg *leg)
{
    struct sim_request request = {
        .account = r->account,
        .instrument = r->instrument,
        .side = r->side,
        .type = leg->type,
        .tif = leg->tif,
        .qty = r->qty,
        .price = leg->price,
        .stop_price = leg->stop_price,
        .time_ms = r->time_ms,
    };
    memcpy(request.client_id, leg->client_id, sizeof request.client_id);
    return request;
}
