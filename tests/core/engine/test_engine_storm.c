/* The engine in bad weather: random bots, prices and days, and a venue that answers late, twice,
 * out of order or not at all. After every event the books of the engine must agree with those kept
 * here from what was told, and at the end every bot stops flat. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "core/engine/engine.h"
#include "core/engine/snapshot.h"
#include "core/execution/position.h"
#include "core/risk/day_budget.h"
#include "core/strategy/strategy.h"

enum {
    MARKETS = 3,
    BOTS = 3,
    ORDERS_MAX = 3000,
    NEWS_MAX = 4096,
    FILLS_MAX = 4096,
    SEEDS = 400,
    STEPS = 500,
    CALM_STEPS = 400,
};
#define START_MS (INT64_C(1700006400) * 1000)

static const struct engine_limits limits = {
    .instruments = MARKETS,
    .bots = BOTS,
    .legs = (BOTS + 1) * MARKETS, /* a change has both for a moment */
    .orders = ORDERS_MAX,
    .fills = FILLS_MAX,
    .book_levels = 8,
    .explain = true,
};

/* Plain; coarse lots, so that fees in base leave much dust; many coins for little money. */
static const struct instrument rules_of[MARKETS] = {
    {.symbol = "BTCUSDT",
     .base = "BTC",
     .quote = "USDT",
     .price_scale = 2,
     .qty_scale = 5,
     .base_scale = 8,
     .quote_scale = 8,
     .tick = {1},
     .step = {1},
     .qty_min = {1},
     .notional_min = {500000000},
     .notional_min_market = true,
     .taker_fee_ppm = 1000},
    {.symbol = "BNBUSDT",
     .base = "BNB",
     .quote = "USDT",
     .price_scale = 1,
     .qty_scale = 3,
     .base_scale = 8,
     .quote_scale = 8,
     .tick = {1},
     .step = {5000},
     .qty_min = {5000},
     .taker_fee_ppm = 1000},
    {.symbol = "PEPEUSDT",
     .base = "PEPE",
     .quote = "USDT",
     .price_scale = 8,
     .qty_scale = 0,
     .base_scale = 2,
     .quote_scale = 8,
     .tick = {1},
     .step = {1},
     .qty_min = {1},
     .notional_min = {100000000},
     .notional_min_market = true,
     .taker_fee_ppm = 750},
};
static const int64_t first_price[MARKETS] = {3000000, 2500, 1200};

/* What the venue knows of an order. */
struct venue_order {
    struct order order; /* as placed */
    bool exists, closed, told_closed;
    uint8_t end; /* enum order_input: how it closed or why it never was */
    uint32_t fills[8];
    uint32_t fill_count;
};

struct venue_fill {
    struct fill fill;
    uint16_t instrument;
    uint32_t bot;
    bool buy, booked;
};

/* One bot in one instrument, from what was told. */
struct ledger {
    int64_t base;             /* distinct fills told, less fees in base */
    int64_t venue_base;       /* all fills, told or not */
    int64_t entry_quote;      /* of a working entry, at the price it was sized */
    int64_t closed_ms;        /* the last round trip */
    int64_t closed_fill_ms;   /* its last fill, by the venue's time: all that a restart knows */
    uint64_t working;         /* order id */
    struct position position; /* as the store has it */
};

struct storm {
    struct prng prng;
    struct engine *engine, *twin;
    struct outbox out, twin_out;
    uint64_t seq;
    int64_t time_ms, candle_ms;
    int64_t price[MARKETS];
    bool live[MARKETS], trading[MARKETS];
    bool calm;

    struct bot_config bots[BOTS];
    struct bot_totals totals[BOTS]; /* as the store has them */
    bool wanted[BOTS];
    int64_t cash[BOTS], realized[BOTS], day_pnl[BOTS];
    uint32_t day_trades[BOTS];
    int64_t day;
    struct ledger ledgers[BOTS][MARKETS];

    struct order stored[ORDERS_MAX]; /* by id - first_id */
    struct venue_order venue[ORDERS_MAX];
    uint32_t slot_of[ORDERS_MAX * 4]; /* by id */
    uint32_t order_count;
    uint64_t last_id;
    struct venue_fill fills[FILLS_MAX];
    uint32_t fill_count;
    struct event news[NEWS_MAX];
    uint32_t news_count;
    uint64_t entries, exits, booked, restarts, dust, cancels, changes, removals;
};

static uint64_t seed_under_way;

static uint64_t below(struct storm *s, uint64_t bound)
{
    return prng_below(&s->prng, bound);
}

static bool chance(struct storm *s, unsigned percent)
{
    return below(s, 100) < percent;
}

static int64_t notional(uint16_t instrument, int64_t price, int64_t qty, unsigned qty_scale)
{
    struct money m;
    const struct instrument *i = &rules_of[instrument];
    assert_true(money_notional((struct price){price}, i->price_scale, (struct qty){qty}, qty_scale,
                               i->quote_scale, ROUND_DOWN, &m));
    return m.units;
}

static int64_t base_units(uint16_t instrument, int64_t qty)
{
    int64_t units;
    assert_true(units_rescale(qty, rules_of[instrument].qty_scale, rules_of[instrument].base_scale,
                              ROUND_DOWN, &units));
    return units;
}

/* --- the venue ------------------------------------------------------------------------------- */

static void post(struct storm *s, struct event event, bool may_double)
{
    const unsigned copies = may_double && chance(s, 25) ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        assert_true(s->news_count < NEWS_MAX);
        s->news[s->news_count++] = event;
    }
}

static void post_news(struct storm *s, const struct venue_order *v, enum order_input input)
{
    post(s,
         (struct event){.kind = EVENT_ORDER,
                        .instrument = v->order.instrument,
                        .order = {.order_id = v->order.id,
                                  .input = (uint8_t)input,
                                  .venue_order_id = v->exists ? v->order.id + 7 : 0}},
         true);
}

static void post_fill(struct storm *s, const struct venue_fill *f)
{
    post(s, (struct event){.kind = EVENT_FILL, .instrument = f->instrument, .fill = f->fill}, true);
}

static struct ledger *ledger_of(struct storm *s, uint64_t bot_id, uint16_t instrument)
{
    return &s->ledgers[bot_id - 1][instrument];
}

static void set_fee(struct storm *s, uint16_t instrument, struct fill *f)
{
    const struct instrument *i = &rules_of[instrument];
    const uint64_t kind = below(s, 3);
    const int64_t quote = notional(instrument, f->price.units, f->qty.units, i->qty_scale);
    const int64_t base = base_units(instrument, f->qty.units);
    f->fee_scale = kind == 1 ? i->base_scale : 8;
    f->fee.units = kind == 0 ? quote / 1000 : kind == 1 ? base / 1000 : 12345;
    strcpy(f->fee_asset, kind == 0 ? i->quote : kind == 1 ? i->base : "XYZ");
}

static int64_t base_change(uint16_t instrument, const struct fill *f, bool buy)
{
    const int64_t base = base_units(instrument, f->qty.units);
    const bool in_base = strcmp(f->fee_asset, rules_of[instrument].base) == 0;
    return (buy ? base : -base) - (in_base ? f->fee.units : 0);
}

static void venue_fill(struct storm *s, struct venue_order *v, int64_t qty)
{
    const uint16_t instrument = v->order.instrument;
    assert_true(s->fill_count < FILLS_MAX && v->fill_count < 8);
    v->fills[v->fill_count++] = s->fill_count;
    struct venue_fill *f = &s->fills[s->fill_count];
    const int64_t last = s->price[instrument];
    *f = (struct venue_fill){
        .instrument = instrument,
        .bot = (uint32_t)v->order.bot_id - 1,
        .buy = v->order.side == SIDE_BUY,
        .fill = {.order_id = v->order.id,
                 .venue_trade_id = ++s->fill_count,
                 .price = {last + (int64_t)below(s, (uint64_t)last / 500 + 1)},
                 .qty = {qty},
                 .time_ms = s->time_ms},
    };
    set_fee(s, instrument, &f->fill);
    ledger_of(s, v->order.bot_id, instrument)->venue_base +=
        base_change(instrument, &f->fill, f->buy);
}

/* Fills part or all of the order in a few pieces. */
static void trade(struct storm *s, struct venue_order *v, int64_t total)
{
    const int64_t step = rules_of[v->order.instrument].step.units;
    int64_t lots = total / step;
    while (lots > 0) {
        const bool rest = v->fill_count == 5 || chance(s, 50);
        const int64_t part = rest ? lots : 1 + (int64_t)below(s, (uint64_t)lots);
        venue_fill(s, v, part * step);
        lots -= part;
    }
    for (uint32_t i = 0; i < v->fill_count; i++) post_fill(s, &s->fills[v->fills[i]]);
}

static void refuse(struct storm *s, struct venue_order *v, enum order_input how)
{
    v->closed = true;
    v->end = (uint8_t)how;
    post_news(s, v, how);
}

static void execute(struct storm *s, struct venue_order *v)
{
    const struct order *o = &v->order;
    const int64_t step = rules_of[o->instrument].step.units;
    v->exists = v->closed = true;
    post_news(s, v, ON_ACCEPT);
    if (s->calm || chance(s, 60)) {
        trade(s, v, o->qty.units);
        v->end = ON_FILL_REST;
        return;
    }
    trade(s, v, (int64_t)below(s, (uint64_t)(o->qty.units / step)) * step);
    v->end = chance(s, 50) ? ON_EXPIRED : ON_CANCELED;
    post_news(s, v, (enum order_input)v->end);
}

static bool is_below_filters(const struct storm *s, uint16_t instrument, int64_t qty)
{
    const struct instrument *i = &rules_of[instrument];
    return i->notional_min_market &&
           notional(instrument, s->price[instrument], qty, i->qty_scale) < i->notional_min.units;
}

/* An order reaches the venue, or not. */
static void venue_place(struct storm *s, const struct order *o)
{
    assert_true(s->order_count < ORDERS_MAX);
    s->slot_of[o->id] = s->order_count;
    struct venue_order *v = &s->venue[s->order_count];
    s->stored[s->order_count++] = *o;
    *v = (struct venue_order){.order = *o};
    const bool short_of_base =
        o->side == SIDE_SELL && base_units(o->instrument, o->qty.units) >
                                    ledger_of(s, o->bot_id, o->instrument)->venue_base;
    if (short_of_base || is_below_filters(s, o->instrument, o->qty.units) ||
        (!s->calm && chance(s, 12))) {
        refuse(s, v, ON_REJECT);
    } else if (!s->calm && chance(s, 8)) {
        post_news(s, v, ON_NO_ANSWER);
        refuse(s, v, ON_PROVED_ABSENT);
    } else {
        if (!s->calm && chance(s, 10)) post_news(s, v, ON_NO_ANSWER);
        execute(s, v);
    }
}

/* The whole truth once more. */
static void venue_answer_query(struct storm *s, uint64_t order_id)
{
    const struct venue_order *v = &s->venue[s->slot_of[order_id]];
    for (uint32_t i = 0; i < v->fill_count; i++) post_fill(s, &s->fills[v->fills[i]]);
    post_news(s, v, v->exists ? ON_ACCEPT : (enum order_input)v->end);
    if (v->exists && v->end != ON_FILL_REST) post_news(s, v, (enum order_input)v->end);
}

/* --- what is checked ------------------------------------------------------------------------- */

/* An order of unknown fate takes its symbol from all live bots of the account. */
static bool is_account_in_doubt(const struct storm *s, const struct order *entry)
{
    for (uint32_t i = 0; i < s->order_count; i++) {
        const struct order *o = &s->stored[i];
        if (o->state == ORDER_UNKNOWN && o->mode == MODE_LIVE &&
            o->instrument == entry->instrument &&
            s->bots[o->bot_id - 1].user_id == s->bots[entry->bot_id - 1].user_id)
            return true;
    }
    return false;
}

static void check_entry(struct storm *s, const struct order *o, int64_t price)
{
    const uint32_t b = (uint32_t)o->bot_id - 1;
    const struct bot_config *bot = &s->bots[b];
    const struct ledger *leg = &s->ledgers[b][o->instrument];
    s->entries++;
    if (o->mode == MODE_LIVE) assert_false(is_account_in_doubt(s, o));
    assert_int_equal(s->totals[b].state, BOT_RUNNING);
    assert_true(s->live[o->instrument] && s->trading[o->instrument]);
    if (leg->closed_ms)
        assert_true(s->time_ms >= leg->closed_ms + INT64_C(1000) * bot->risk.cooldown_s);
    if (bot->risk.max_daily_trades) assert_true(s->day_trades[b] < bot->risk.max_daily_trades);
    if (bot->risk.max_daily_loss_ppm)
        assert_true(s->day_pnl[b] > -bot->capital.units / PPM * bot->risk.max_daily_loss_ppm);
    int64_t free_quote = bot->capital.units + s->realized[b];
    for (uint16_t i = 0; i < MARKETS; i++) {
        const struct ledger *other = &s->ledgers[b][i];
        free_quote -= position_committed(&other->position).units + other->entry_quote;
    }
    const int64_t cost =
        notional(o->instrument, price, o->qty.units, rules_of[o->instrument].qty_scale);
    assert_true(cost <= free_quote);
    s->ledgers[b][o->instrument].entry_quote = cost;
}

static void on_place(struct storm *s, const struct order *o)
{
    struct ledger *leg = ledger_of(s, o->bot_id, o->instrument);
    assert_true(o->id > s->last_id);
    s->last_id = o->id;
    assert_true(o->id < sizeof s->slot_of / sizeof *s->slot_of);
    assert_int_equal(leg->working, 0);
    leg->working = o->id;
    if (o->side == SIDE_BUY) {
        assert_int_equal(o->purpose, PURPOSE_ENTRY);
        check_entry(s, o, s->price[o->instrument]);
    } else {
        s->exits++;
        assert_true(base_units(o->instrument, o->qty.units) <= leg->base);
    }
    venue_place(s, o);
}

static void on_order(struct storm *s, const struct order *o)
{
    struct ledger *leg = ledger_of(s, o->bot_id, o->instrument);
    s->stored[s->slot_of[o->id]] = *o;
    if (!order_state_is_closed((enum order_state)o->state)) return;
    s->venue[s->slot_of[o->id]].told_closed = true;
    if (leg->working != o->id) return;
    leg->working = 0;
    leg->entry_quote = 0;
}

static void turn_day(struct storm *s)
{
    if (day_of(s->time_ms) == s->day) return;
    s->day = day_of(s->time_ms);
    memset(s->day_pnl, 0, sizeof s->day_pnl);
    memset(s->day_trades, 0, sizeof s->day_trades);
}

static void on_booking(struct storm *s, const struct booking *b)
{
    struct venue_fill *f = &s->fills[b->fill.venue_trade_id - 1];
    struct ledger *leg = &s->ledgers[f->bot][f->instrument];
    assert_false(f->booked); /* each once */
    f->booked = true;
    s->booked++;
    leg->base += base_change(f->instrument, &f->fill, f->buy);
    leg->position = b->position;
    s->totals[f->bot] = b->totals;
    const struct instrument *i = &rules_of[f->instrument];
    const int64_t quote =
        notional(f->instrument, f->fill.price.units, f->fill.qty.units, i->qty_scale);
    s->cash[f->bot] += f->buy ? -quote : quote;
    if (strcmp(f->fill.fee_asset, i->quote) == 0) s->cash[f->bot] -= f->fill.fee.units;
    if (b->closed) {
        s->realized[f->bot] += b->round_trip.pnl.units;
        s->day_pnl[f->bot] += b->round_trip.pnl.units;
        s->day_trades[f->bot]++;
        leg->closed_ms = s->time_ms;
        leg->closed_fill_ms = f->fill.time_ms;
    }
    on_order(s, &b->order);
}

static void check_bot(struct storm *s, uint32_t b)
{
    struct bot_view view;
    int64_t cash = s->realized[b], equity;
    assert_true(engine_bot_view(s->engine, b + 1, &view));
    assert_int_equal(view.totals.realized.units, s->realized[b]);
    assert_int_equal(view.totals.state, s->totals[b].state); /* nothing changes untold */
    equity = s->bots[b].capital.units + s->cash[b];
    for (uint32_t i = 0; i < view.leg_count; i++) {
        const struct leg_view *leg = &view.legs[i];
        const struct position *p = &leg->position;
        const struct ledger *mine = &s->ledgers[b][leg->instrument];
        assert_int_equal(p->base.units, mine->base);
        assert_int_equal(leg->working_order, mine->working);
        cash += p->proceeds.units - p->cost.units - p->fees_quote.units;
        if (p->open)
            equity += notional(leg->instrument, s->price[leg->instrument], p->base.units,
                               rules_of[leg->instrument].base_scale);
    }
    assert_int_equal(cash, s->cash[b]);
    assert_int_equal(view.equity.units, equity);
}

static bool is_in_the_air(const struct storm *s, uint64_t order_id);
static void venue_cancel(struct storm *s, const struct order *o);

static void step(struct storm *s, struct event event)
{
    event.seq = ++s->seq;
    event.time_ms = s->time_ms;
    turn_day(s);
    assert_true(engine_takes(s->engine, &event));
    engine_step(s->engine, &event, &s->out);
    engine_step(s->twin, &event, &s->twin_out);
    assert_int_equal(s->out.count, s->twin_out.count);
    assert_int_equal(engine_decision_hash(s->engine), engine_decision_hash(s->twin));
    for (uint32_t i = 0; i < s->out.count; i++) {
        const struct action *a = &s->out.items[i];
        switch ((enum action_kind)a->kind) {
        case ACTION_PLACE: on_place(s, &a->order); break;
        case ACTION_QUERY:
            assert_int_equal(a->order.mode, MODE_LIVE);
            if (!is_in_the_air(s, a->order.id)) venue_answer_query(s, a->order.id);
            break;
        case ACTION_CANCEL: venue_cancel(s, &a->order); break;
        case ACTION_ORDER: on_order(s, &a->order); break;
        case ACTION_FILL: on_booking(s, &a->booking); break;
        case ACTION_BOT: s->totals[a->bot_id - 1] = a->totals; break;
        case ACTION_DECISION:
        case ACTION_RESYNC: break;
        }
    }
    assert_int_equal(engine_counters(s->engine)->impossible_news, 0);
    assert_int_equal(engine_counters(s->engine)->unknown_fills, 0);
}

/* It comes too late, as always with market orders. */
static void venue_cancel(struct storm *s, const struct order *o)
{
    assert_int_equal(o->side, SIDE_BUY);
    s->cancels++;
    if (o->state == ORDER_SENT) return;
    post_news(s, &s->venue[s->slot_of[o->id]], ON_CANCEL_REFUSED);
}

static void check_all(struct storm *s)
{
    for (uint32_t b = 0; b < BOTS; b++) check_bot(s, b);
}

/* --- the weather ----------------------------------------------------------------------------- */

static struct bot_config random_bot(struct storm *s, uint64_t id)
{
    struct bot_config bot = {
        .id = id,
        .user_id = 1 + below(s, 2),
        .mode = (uint8_t)below(s, 2),
        .strategy = (uint8_t)below(s, STRATEGY_COUNT),
        .timeframe = TIMEFRAME_1M,
        .sizing_kind = (uint8_t)below(s, SIZING_KIND_COUNT),
        .quote_scale = 8,
        .capital = {INT64_C(1000000000000)},
    };
    strategy_params_init((enum strategy_kind)bot.strategy, bot.params);
    if (bot.strategy == STRATEGY_RSI) {
        bot.params[0] = 2;
    } else {
        bot.params[0] = 2;
        bot.params[1] = 3;
        if (bot.strategy == STRATEGY_EMA_RSI) {
            bot.params[2] = 2;
            bot.params[3] = 1;
            bot.params[4] = 99;
            bot.params[5] = (double)below(s, 2);
        }
    }
    bot.symbol_count = (uint8_t)(1 + below(s, MARKETS));
    const uint16_t first = (uint16_t)below(s, MARKETS);
    for (uint16_t i = 0; i < bot.symbol_count; i++)
        bot.instruments[i] = (uint16_t)((first + i) % MARKETS);
    static const int64_t sizes[] = {
        [SIZING_QUANTITY] = 20000,
        [SIZING_QUOTE] = INT64_C(200000000000),
        [SIZING_PERCENT] = 600000,
        [SIZING_RISK] = 5000,
    };
    bot.sizing_value = sizes[bot.sizing_kind];
    struct risk_config *r = &bot.risk;
    if (bot.sizing_kind == SIZING_RISK || chance(s, 60))
        r->stop_loss_ppm = 5000 + (int32_t)below(s, 20000);
    if (chance(s, 50)) r->take_profit_ppm = 5000 + (int32_t)below(s, 20000);
    if (chance(s, 50)) r->trailing_ppm = 3000 + (int32_t)below(s, 20000);
    if (chance(s, 30)) r->max_daily_loss_ppm = 20000;
    if (chance(s, 30)) r->daily_target_ppm = 20000;
    if (chance(s, 40)) r->max_daily_trades = 1 + (uint32_t)below(s, 5);
    if (chance(s, 40)) r->cooldown_s = (uint32_t)below(s, 300);
    return bot;
}

static void command(struct storm *s, uint32_t b, enum bot_command what)
{
    s->wanted[b] = what == BOT_COMMAND_START;
    step(s, (struct event){.kind = EVENT_BOT,
                           .instrument = INSTRUMENT_NONE,
                           .bot = {.command = (uint8_t)what, .bot_id = b + 1}});
}

static void tell_rules(struct storm *s, uint16_t i)
{
    struct instrument rules = rules_of[i];
    rules.status = s->trading[i] ? INSTRUMENT_TRADING : INSTRUMENT_HALTED;
    step(s, (struct event){.kind = EVENT_INSTRUMENT, .instrument = i, .instrument_rules = &rules});
}

static void tell_feed(struct storm *s, uint16_t i)
{
    step(s, (struct event){
                .kind = EVENT_FEED, .instrument = i, .feed = s->live[i] ? FEED_LIVE : FEED_STALE});
}

static void open_engines(struct storm *s)
{
    assert_int_equal(engine_new(&limits, &s->engine), OK);
    assert_int_equal(engine_new(&limits, &s->twin), OK);
    s->seq = 0;
    for (uint16_t i = 0; i < MARKETS; i++) {
        tell_rules(s, i);
        tell_feed(s, i);
        step(s, (struct event){.kind = EVENT_PRINT,
                               .instrument = i,
                               .print = {.price = {s->price[i]}, .qty = {1}}});
    }
    for (uint32_t b = 0; b < BOTS; b++)
        step(s, (struct event){
                    .kind = EVENT_BOT,
                    .instrument = INSTRUMENT_NONE,
                    .bot = {.command = BOT_COMMAND_ADD, .bot_id = b + 1, .config = &s->bots[b]}});
}

static void close_engines(struct storm *s)
{
    engine_free(s->engine);
    engine_free(s->twin);
}

static bool is_in_the_air(const struct storm *s, uint64_t order_id)
{
    for (uint32_t i = 0; i < s->news_count; i++) {
        const struct event *e = &s->news[i];
        if ((e->kind == EVENT_FILL ? e->fill.order_id : e->order.order_id) == order_id) return true;
    }
    return false;
}

static void restore(struct storm *s, uint32_t b, uint16_t instrument, struct restore what)
{
    what.bot_id = b + 1;
    step(s, (struct event){.kind = EVENT_RESTORE, .instrument = instrument, .restore = what});
}

static void restore_order(struct storm *s, const struct order *o)
{
    const uint32_t b = (uint32_t)o->bot_id - 1;
    struct ledger *leg = &s->ledgers[b][o->instrument];
    struct venue_order *v = &s->venue[s->slot_of[o->id]];
    const bool closed = order_state_is_closed((enum order_state)o->state);
    if (!closed) leg->working = o->id;
    if (!closed || o->mode == MODE_LIVE)
        restore(s, b, o->instrument, (struct restore){.kind = RESTORE_ORDER, .order = *o});
    for (uint32_t i = 0; i < v->fill_count; i++) {
        struct venue_fill *f = &s->fills[v->fills[i]];
        if (f->booked) continue;
        if (o->mode == MODE_LIVE) {
            if (closed) post_fill(s, f); /* late, and nobody asks any more */
            continue;
        }
        /* The paper venue has no memory: what it did not tell did not happen. */
        leg->venue_base -= base_change(f->instrument, &f->fill, f->buy);
        f->booked = true;
    }
    if (closed || o->mode == MODE_LIVE) return;
    step(s, (struct event){.kind = EVENT_ORDER,
                           .instrument = o->instrument,
                           .order = {.order_id = o->id, .input = ON_CANCELED}});
}

static void restore_rows(struct storm *s, uint32_t b)
{
    const struct bot_totals totals = s->totals[b];
    restore(s, b, INSTRUMENT_NONE, (struct restore){.kind = RESTORE_BOT, .totals = totals});
    for (unsigned i = 0; i < s->bots[b].symbol_count; i++) {
        const uint16_t m = s->bots[b].instruments[i];
        s->ledgers[b][m].closed_ms = s->ledgers[b][m].closed_fill_ms;
        restore(s, b, m,
                (struct restore){.kind = RESTORE_POSITION, .position = s->ledgers[b][m].position});
    }
    for (uint32_t i = 0; i < s->fill_count; i++)
        if (s->fills[i].booked && s->fills[i].bot == b)
            restore(s, b, s->fills[i].instrument,
                    (struct restore){.kind = RESTORE_FILL, .fill = s->fills[i].fill});
}

/* kill -9 and start again: what was in the air is gone, what the store has is told. */
static void restart(struct storm *s)
{
    s->restarts++;
    close_engines(s);
    struct bot_totals totals[BOTS];
    memcpy(totals, s->totals, sizeof totals);
    s->news_count = 0;
    open_engines(s);
    step(s, (struct event){.kind = EVENT_RESTORE,
                           .instrument = INSTRUMENT_NONE,
                           .restore = {.kind = RESTORE_COUNTER, .next_order_id = s->last_id + 3}});
    for (uint32_t b = 0; b < BOTS; b++) {
        s->totals[b] = totals[b];
        restore_rows(s, b);
        for (uint32_t i = 0, count = s->order_count; i < count; i++)
            if (s->stored[i].bot_id == b + 1) {
                const struct order o = s->stored[i];
                restore_order(s, &o);
            }
        const uint8_t state = s->totals[b].state;
        if (!s->wanted[b]) command(s, b, BOT_COMMAND_STOP);
        if (s->wanted[b] && (state == BOT_STOPPED || state == BOT_STOPPING))
            command(s, b, BOT_COMMAND_START);
    }
}

static void swap_twin_for_snapshot(struct storm *s)
{
    const size_t size = snapshot_write(s->engine, NULL, 0);
    unsigned char *bytes = malloc(size);
    assert_non_null(bytes);
    snapshot_write(s->engine, bytes, size);
    assert_int_equal(snapshot_hash(s->engine), snapshot_hash(s->twin));
    engine_free(s->twin);
    assert_int_equal(engine_new(&limits, &s->twin), OK);
    assert_int_equal(snapshot_read(s->twin, bytes, size), OK);
    assert_int_equal(snapshot_hash(s->engine), snapshot_hash(s->twin));
    free(bytes);
}

static void deliver(struct storm *s)
{
    if (s->news_count == 0) return;
    const uint64_t at = below(s, s->news_count);
    const struct event event = s->news[at];
    s->news[at] = s->news[--s->news_count];
    step(s, event);
}

static void move_price(struct storm *s, uint16_t i)
{
    const int64_t range = s->price[i] / 100 + 1;
    s->price[i] += (int64_t)below(s, (uint64_t)(2 * range + 1)) - range;
    if (s->price[i] < first_price[i] / 4 || s->price[i] > first_price[i] * 4)
        s->price[i] = first_price[i];
}

static void bar_or_print(struct storm *s, uint16_t i)
{
    const int64_t p = s->price[i];
    if (chance(s, 70))
        step(s, (struct event){
                    .kind = EVENT_PRINT, .instrument = i, .print = {.price = {p}, .qty = {1}}});
    else
        step(s, (struct event){.kind = EVENT_BAR,
                               .instrument = i,
                               .bar = {.open_ms = s->candle_ms,
                                       .open = {p},
                                       .high = {p + p / 100},
                                       .low = {p - p / 100},
                                       .close = {p}}});
}

static void candle(struct storm *s)
{
    s->candle_ms += 60000;
    for (uint16_t i = 0; i < MARKETS; i++) {
        const int64_t p = s->price[i];
        const struct candle c = {s->candle_ms, {p}, {p}, {p}, {p}, {0}};
        /* Equity counts with the last price, and a candle sets none. */
        step(s, (struct event){.kind = EVENT_CANDLE,
                               .instrument = i,
                               .candle = {.timeframe = TIMEFRAME_1M, .candle = c}});
    }
}

static bool is_told_of(const struct storm *s, uint32_t b)
{
    for (uint32_t i = 0; i < s->news_count; i++) {
        const struct event *e = &s->news[i];
        const uint64_t id = e->kind == EVENT_FILL ? e->fill.order_id : e->order.order_id;
        if (s->venue[s->slot_of[id]].order.bot_id == b + 1) return true;
    }
    return false;
}

static void command_with(struct storm *s, uint32_t b, enum bot_command what)
{
    step(s,
         (struct event){.kind = EVENT_BOT,
                        .instrument = INSTRUMENT_NONE,
                        .bot = {.command = (uint8_t)what, .bot_id = b + 1, .config = &s->bots[b]}});
}

/* Another strategy and other rules for what it holds and has earned. */
static void change(struct storm *s, uint32_t b)
{
    const struct bot_config before = s->bots[b];
    if (!engine_bot_is_idle(s->engine, b + 1)) return;
    s->bots[b] = random_bot(s, b + 1);
    s->bots[b].user_id = before.user_id;
    s->bots[b].mode = before.mode;
    s->bots[b].risk.cooldown_s = before.risk.cooldown_s;
    s->bots[b].symbol_count = before.symbol_count;
    for (unsigned i = 0; i < before.symbol_count; i++)
        s->bots[b].instruments[i] = before.instruments[before.symbol_count - 1 - i];
    command_with(s, b, BOT_COMMAND_CHANGE);
    s->changes++;
}

/* Gone, and come back from the store: the others must not notice. */
static void take_out(struct storm *s, uint32_t b)
{
    if (!engine_bot_is_idle(s->engine, b + 1) || is_told_of(s, b)) return;
    command(s, b, BOT_COMMAND_REMOVE);
    assert_null(engine_bot_config(s->engine, b + 1));
    command_with(s, b, BOT_COMMAND_ADD);
    restore_rows(s, b);
    s->removals++;
}

static void weather(struct storm *s)
{
    const uint16_t i = (uint16_t)below(s, MARKETS);
    switch (below(s, 12)) {
    case 0:
    case 1:
    case 2: deliver(s); break;
    case 3:
    case 4:
        move_price(s, i);
        bar_or_print(s, i);
        break;
    case 5:
    case 6:
    case 7:
        for (uint16_t m = 0; m < MARKETS; m++) {
            move_price(s, m);
            bar_or_print(s, m);
        }
        candle(s);
        break;
    case 8: step(s, (struct event){.kind = EVENT_TIME, .instrument = INSTRUMENT_NONE}); break;
    case 9:
        if (chance(s, 20)) s->live[i] = chance(s, 70);
        if (chance(s, 20)) s->trading[i] = chance(s, 70);
        tell_feed(s, i);
        tell_rules(s, i);
        break;
    case 10:
        if (chance(s, 30))
            command(s, (uint32_t)below(s, BOTS),
                    chance(s, 70)   ? BOT_COMMAND_START
                    : chance(s, 50) ? BOT_COMMAND_STOP
                                    : BOT_COMMAND_PANIC);
        if (chance(s, 40)) change(s, (uint32_t)below(s, BOTS));
        if (chance(s, 40)) take_out(s, (uint32_t)below(s, BOTS));
        if (chance(s, 10)) s->time_ms += INT64_C(36000000);
        break;
    default:
        if (chance(s, 20)) swap_twin_for_snapshot(s);
        if (chance(s, 15)) restart(s);
        break;
    }
}

static void calm_down(struct storm *s)
{
    s->calm = true;
    for (uint16_t i = 0; i < MARKETS; i++) {
        s->live[i] = s->trading[i] = true;
        tell_rules(s, i);
    }
    for (uint32_t b = 0; b < BOTS; b++) command(s, b, BOT_COMMAND_STOP);
    for (unsigned i = 0; i < CALM_STEPS || s->news_count > 0; i++) {
        s->time_ms += 1000;
        deliver(s);
        deliver(s);
        step(s, (struct event){.kind = EVENT_TIME, .instrument = INSTRUMENT_NONE});
        check_all(s);
    }
    for (uint32_t b = 0; b < BOTS; b++) {
        assert_int_equal(s->totals[b].state, BOT_STOPPED);
        for (uint16_t i = 0; i < MARKETS; i++) {
            const struct ledger *leg = &s->ledgers[b][i];
            assert_int_equal(leg->working, 0);
            const struct position held = {.base = {leg->base}};
            const int64_t rest = position_sellable(&held, &rules_of[i]).units;
            if (rest > 0) {
                assert_int_equal(s->totals[b].reason, BOT_REASON_DUST);
                assert_true(is_below_filters(s, i, rest));
                s->dust++;
            }
            assert_int_equal(leg->base, leg->venue_base);
        }
    }
    for (uint32_t i = 0; i < s->fill_count; i++) assert_true(s->fills[i].booked);
}

static void run(struct storm *s, uint64_t seed)
{
    struct outbox out = s->out, twin_out = s->twin_out;
    memset(s, 0, sizeof *s);
    s->out = out;
    s->twin_out = twin_out;
    prng_init(&s->prng, seed);
    s->time_ms = START_MS;
    s->candle_ms = START_MS - 60000;
    s->day = day_of(START_MS);
    for (uint16_t i = 0; i < MARKETS; i++) {
        s->price[i] = first_price[i];
        s->live[i] = s->trading[i] = true;
    }
    for (uint32_t b = 0; b < BOTS; b++) s->bots[b] = random_bot(s, b + 1);
    open_engines(s);
    for (uint32_t b = 0; b < BOTS; b++) command(s, b, BOT_COMMAND_START);
    for (unsigned i = 0; i < STEPS; i++) {
        s->time_ms += (int64_t)below(s, 15000);
        weather(s);
        check_all(s);
    }
    calm_down(s);
    close_engines(s);
}

static void test_engine_storm__books_agree_after_every_event(void **state)
{
    (void)state;
    struct storm *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->out.capacity = s->twin_out.capacity = engine_outbox_need(&limits);
    s->out.items = calloc(s->out.capacity, sizeof *s->out.items);
    s->twin_out.items = calloc(s->out.capacity, sizeof *s->out.items);
    const char *only = getenv("STORM_SEED"), *many = getenv("STORM_SEEDS");
    const uint64_t first = only ? strtoull(only, NULL, 10) : 1;
    const uint64_t count = many ? strtoull(many, NULL, 10) : only ? 1 : SEEDS;
    uint64_t entries = 0, exits = 0, booked = 0, restarts = 0, dust = 0;
    uint64_t cancels = 0, changes = 0, removals = 0;
    for (uint64_t seed = first; seed - first < count; seed++) {
        seed_under_way = seed;
        run(s, seed);
        entries += s->entries, exits += s->exits, booked += s->booked, restarts += s->restarts;
        dust += s->dust;
        cancels += s->cancels;
        changes += s->changes;
        removals += s->removals;
    }
    print_message("entries=%llu exits=%llu fills=%llu restarts=%llu dust=%llu\n",
                  (unsigned long long)entries, (unsigned long long)exits,
                  (unsigned long long)booked, (unsigned long long)restarts,
                  (unsigned long long)dust);
    print_message("cancels=%llu changes=%llu removals=%llu\n", (unsigned long long)cancels,
                  (unsigned long long)changes, (unsigned long long)removals);
    if (!only) assert_true(entries > count && exits > count && restarts > count);
    if (!only) assert_true(cancels > 0 && changes > count && removals > count);
    seed_under_way = 0;
    free(s->out.items);
    free(s->twin_out.items);
    free(s);
}

static int tell_seed(void **state)
{
    (void)state;
    if (seed_under_way)
        print_message("again with STORM_SEED=%llu\n", (unsigned long long)seed_under_way);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_engine_storm__books_agree_after_every_event, tell_seed),
    };
    return cmocka_run_group_tests_name("engine_storm", tests, NULL, NULL);
}
