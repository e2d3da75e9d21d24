/* Which events may enter: the engine's CHECKs as questions, for events out of files. */
#include <math.h>

#include "core/engine/state.h"

static bool no(const char *rule)
{
    (void)err_set(ERR_INVALID, "%s", rule);
    return false;
}

static bool is_known(const struct engine *e, uint16_t instrument)
{
    return instrument < e->limits.instruments && e->markets[instrument].known;
}

static bool params_fit(const struct bot_config *c)
{
    const struct strategy_type *type = strategy_type((enum strategy_kind)c->strategy);
    for (unsigned i = 0; i < type->param_count; i++) {
        const struct strategy_param *p = &type->params[i];
        if (!isfinite(c->params[i]) || c->params[i] < p->min || c->params[i] > p->max) return false;
    }
    return type->conflict(c->params) == NULL;
}

static bool takes_config(const struct engine *e, const struct bot_config *c)
{
    if (c->symbol_count == 0 || c->symbol_count > BOT_SYMBOLS_MAX)
        return no("a bot has 1 to 10 symbols");
    if (c->strategy >= STRATEGY_COUNT || !params_fit(c))
        return no("a bot's strategy or its parameters are out of range");
    if (c->timeframe >= TIMEFRAME_COUNT || c->sizing_kind >= SIZING_KIND_COUNT)
        return no("a bot's timeframe or sizing is unknown");
    if (c->risk.stop_loss_ppm < 0 || c->risk.stop_loss_ppm >= PPM || c->risk.trailing_ppm < 0 ||
        c->risk.trailing_ppm >= PPM || c->risk.take_profit_ppm < 0)
        return no("a bot's stops are out of range");
    if (c->sizing_value <= 0 || c->capital.units <= 0)
        return no("a bot's size or capital is not above zero");
    if (c->sizing_kind == SIZING_RISK && c->risk.stop_loss_ppm == 0)
        return no("a bot sized by risk has no stop");
    for (unsigned i = 0; i < c->symbol_count; i++)
        if (!is_known(e, c->instruments[i])) return no("a bot's instrument is unknown");
    return true;
}

static bool takes_new(const struct engine *e, const struct bot_config *c)
{
    if (c->id == 0 || engine_find_bot(e, c->id)) return no("a bot's id is 0 or used twice");
    if (!takes_config(e, c)) return false;
    return engine_has_room(e, c->symbol_count) || no("more bots than the limits allow");
}

static bool takes_change(const struct engine *e, const struct bot_event *b)
{
    if (!engine_bot_is_idle(e, b->bot_id) || b->config->id != b->bot_id)
        return no("it changes a bot that is not idle");
    if (!takes_config(e, b->config)) return false;
    return b->config->symbol_count <= e->limits.legs - e->leg_count ||
           no("more bots than the limits allow");
}

static bool takes_command(const struct engine *e, const struct bot_event *b)
{
    switch ((enum bot_command)b->command) {
    case BOT_COMMAND_ADD: return takes_new(e, b->config);
    case BOT_COMMAND_CHANGE: return takes_change(e, b);
    case BOT_COMMAND_REMOVE:
        return engine_bot_is_idle(e, b->bot_id) || no("it removes a bot that is not idle");
    case BOT_COMMAND_START:
    case BOT_COMMAND_STOP:
    case BOT_COMMAND_PANIC:
        return engine_find_bot(e, b->bot_id) || no("it commands an unknown bot");
    case BOT_COMMAND_COUNT: break;
    }
    return no("an unknown command");
}

static bool has_leg(const struct engine *e, uint64_t bot_id, uint16_t instrument)
{
    const struct bot *bot = engine_find_bot(e, bot_id);
    for (unsigned i = 0; bot && i < bot->config.symbol_count; i++)
        if (bot->config.instruments[i] == instrument) return true;
    return no("it concerns a bot or instrument that is not there");
}

static bool takes_restore(const struct engine *e, const struct event *in)
{
    const struct restore *r = &in->restore;
    switch ((enum restore_kind)r->kind) {
    case RESTORE_COUNTER: return true;
    case RESTORE_BOT: return engine_find_bot(e, r->bot_id) || no("it restores an unknown bot");
    case RESTORE_POSITION:
    case RESTORE_FILL: return has_leg(e, r->bot_id, in->instrument);
    case RESTORE_ORDER:
        if (r->order.id == 0 || engine_order(e, r->order.id))
            return no("a restored order's id is 0 or used twice");
        if (r->order.qty.units <= 0) return no("a restored order is empty");
        if (e->orders.free_count + e->orders.closed_count == 0)
            return no("more working orders than the limits allow");
        return has_leg(e, r->order.bot_id, r->order.instrument);
    }
    return no("an unknown kind of restore");
}

static bool takes_rules(const struct engine *e, const struct event *in)
{
    const struct instrument *i = in->instrument_rules;
    if (in->instrument >= e->limits.instruments)
        return no("more instruments than the limits allow");
    if (i->tick.units < 0 || i->step.units < 0 || i->taker_fee_ppm < 0 || i->taker_fee_ppm > PPM)
        return no("an instrument's rules are out of range");
    return true;
}

bool engine_takes(const struct engine *e, const struct event *in)
{
    if (in->seq != e->seq + 1) return no("its number does not follow the one before");
    if (in->time_ms < 0 || in->time_ms < e->time_ms) return no("its time runs backwards");
    switch ((enum event_kind)in->kind) {
    case EVENT_TIME:
    case EVENT_ORDER:
    case EVENT_FILL: return true;
    case EVENT_INSTRUMENT: return takes_rules(e, in);
    case EVENT_FEED:
    case EVENT_BOOK:
    case EVENT_PRINT:
    case EVENT_BAR:
    case EVENT_CANDLE:
        return is_known(e, in->instrument) || no("it concerns an unknown instrument");
    case EVENT_BOT: return takes_command(e, &in->bot);
    case EVENT_RESTORE: return takes_restore(e, in);
    case EVENT_KIND_COUNT: break;
    }
    return no("an unknown kind of event");
}
