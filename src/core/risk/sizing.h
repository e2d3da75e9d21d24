/* How much an entry buys. */
#ifndef CORE_RISK_SIZING_H
#define CORE_RISK_SIZING_H

#include "core/model/action.h"
#include "core/model/bot.h"
#include "core/model/instrument.h"

/* What a bot has to trade with, in quote_scale. */
struct purse {
    struct money equity; /* capital + realized profit */
    struct money free;   /* of it, not tied up in open positions and orders */
};

/* The quantity to buy at about this price: whole lot steps, rounded down, fees at the taker's rate
 * included, never more than is free (a percentage is cut to it, a fixed size is denied). WHY_NONE
 * when *out is good; else the denial. */
enum why sizing_entry(const struct bot_config *bot, const struct instrument *i, struct price price,
                      const struct purse *purse, struct qty *out);

/* Whether the venue's filters take a market order of this size at about this price. */
enum why sizing_filters(const struct instrument *i, struct price price, struct qty qty);

#endif
