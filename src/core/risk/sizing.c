/* Entry sizes: from money to lots. */
#include "core/risk/sizing.h"

#include "base/check.h"

/* The quote to spend, before fees; false when it does not fit. */
static bool budget_of(const struct bot_config *bot, const struct purse *purse, struct money *out)
{
    switch ((enum sizing_kind)bot->sizing_kind) {
    case SIZING_QUOTE: out->units = bot->sizing_value; return true;
    case SIZING_PERCENT:
        return units_part(purse->equity.units, bot->sizing_value, ROUND_DOWN, &out->units);
    case SIZING_RISK:
        /* Losing stop_loss_ppm of the budget loses sizing_value of the equity. */
        CHECK(bot->risk.stop_loss_ppm > 0);
        return units_mul_div(purse->equity.units, bot->sizing_value, bot->risk.stop_loss_ppm,
                             ROUND_DOWN, &out->units);
    case SIZING_QUANTITY:
    case SIZING_KIND_COUNT: break;
    }
    CHECK(false);
}

/* What `budget` buys when the taker's fee comes on top of the price. */
static bool qty_for(const struct instrument *i, struct price price, struct money budget,
                    struct qty *out)
{
    struct money before_fee;
    if (!units_mul_div(budget.units, PPM, PPM + i->taker_fee_ppm, ROUND_DOWN, &before_fee.units))
        return false;
    return money_to_qty(before_fee, i->quote_scale, price, i->price_scale, i->qty_scale, out);
}

enum why sizing_entry(const struct bot_config *bot, const struct instrument *i, struct price price,
                      const struct purse *purse, struct qty *out)
{
    struct qty affordable;
    if (price.units <= 0) return WHY_NO_PRICE;
    if (purse->free.units <= 0 || purse->equity.units <= 0) return WHY_NO_CAPITAL;
    if (!qty_for(i, price, purse->free, &affordable)) return WHY_SIZE_TOO_LARGE;

    if (bot->sizing_kind == SIZING_QUANTITY) {
        out->units = bot->sizing_value;
    } else {
        struct money budget;
        if (!budget_of(bot, purse, &budget)) return WHY_SIZE_TOO_LARGE;
        if (!qty_for(i, price, budget, out)) return WHY_SIZE_TOO_LARGE;
    }
    if (out->units > affordable.units) {
        if (bot->sizing_kind == SIZING_QUANTITY || bot->sizing_kind == SIZING_QUOTE)
            return WHY_NO_CAPITAL;
        *out = affordable;
    }
    if (out->units <= 0) return WHY_SIZE_TOO_SMALL;
    out->units = units_to_step(out->units, i->step.units > 0 ? i->step.units : 1, ROUND_DOWN);
    return sizing_filters(i, price, *out);
}

enum why sizing_filters(const struct instrument *i, struct price price, struct qty qty)
{
    struct money notional;
    if (qty.units <= 0 || qty.units < i->qty_min.units || qty.units < i->market_qty_min.units)
        return WHY_SIZE_TOO_SMALL;
    if ((i->qty_max.units && qty.units > i->qty_max.units) ||
        (i->market_qty_max.units && qty.units > i->market_qty_max.units))
        return WHY_SIZE_TOO_LARGE;
    if (!money_notional(price, i->price_scale, qty, i->qty_scale, i->quote_scale, ROUND_DOWN,
                        &notional))
        return WHY_SIZE_TOO_LARGE;
    if (i->notional_min_market && notional.units < i->notional_min.units) return WHY_SIZE_TOO_SMALL;
    if (i->notional_max_market && i->notional_max.units && notional.units > i->notional_max.units)
        return WHY_SIZE_TOO_LARGE;
    return WHY_NONE;
}
