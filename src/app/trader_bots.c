/* Bots: restored from the store at start, made and steered by people later.
 *
 * A bot enters the engine in one go, once its venue knows its symbols and its history is fetched:
 * ADD, what the store kept, its candles, and START if a person wants it to run. Until then it does
 * not exist for the engine, so it can neither trade cold nor miss what came in between. */
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/check.h"
#include "base/log.h"
#include "service/api/strategy_params.h"

struct fetch {
    struct errand *errand;
    uint16_t instrument;
    uint8_t timeframe;
};

static const struct store_bot *bot_of(const struct errand *errand)
{
    return errand->restored ? &errand->restored->bot : &errand->request.bot;
}

void errand_free(struct errand *errand)
{
    if (!errand) return;
    restored_free(errand->restored);
    free(errand->history);
    free(errand);
}

struct seat *trader_seat(struct trader *t, uint64_t bot_id)
{
    uint32_t seat;
    return id_map_find(&t->seat_by_id, bot_id, &seat) ? &t->seats[seat] : NULL;
}

static enum err check_market(const struct store_bot *bot, const struct instrument *first,
                             const struct instrument *rules)
{
    if (strcmp(rules->quote, first->quote) != 0)
        return err_set(ERR_INVALID, "%s and %s are not quoted in the same asset", first->symbol,
                       rules->symbol);
    if (rules->quote_scale != bot->quote_scale)
        return err_set(ERR_INVALID, "%s counts its quote in %u decimals, the bot in %u",
                       rules->symbol, rules->quote_scale, bot->quote_scale);
    if (bot->sizing_kind == SIZING_QUANTITY && rules->qty_scale != first->qty_scale)
        return err_set(ERR_INVALID, "%s counts quantities in %u decimals, %s in %u", first->symbol,
                       first->qty_scale, rules->symbol, rules->qty_scale);
    return OK;
}

/* The size as a person gave it, in the scale that the instruments count in. */
static enum err fit_size(const struct store_bot *bot, const struct instrument *first,
                         struct bot_config *config)
{
    if (bot->sizing_kind != SIZING_QUANTITY) return OK;
    if (units_rescale_exact(bot->sizing_value, bot->sizing_scale, first->qty_scale,
                            &config->sizing_value))
        return OK;
    return err_set(ERR_INVALID, "%s counts quantities in %u decimals, the bot's size needs more",
                   first->symbol, first->qty_scale);
}

/* Names into numbers; watches the instruments. */
enum err trader_config(struct trader *t, const struct store_bot *bot, struct bot_config *config)
{
    struct param_fault fault;
    enum strategy_kind kind;
    struct line *line = &t->lines[bot->venue];
    *config = (struct bot_config){
        .id = bot->id,
        .user_id = bot->user_id,
        .mode = bot->mode,
        .timeframe = bot->timeframe,
        .sizing_kind = bot->sizing_kind,
        .sizing_value = bot->sizing_value,
        .symbol_count = bot->symbol_count,
        .quote_scale = bot->quote_scale,
        .capital = bot->capital,
        .risk = bot->risk,
    };
    if (!strategy_find(bot->strategy, &kind))
        return err_set(ERR_INVALID, "unknown strategy %s", bot->strategy);
    config->strategy = (uint8_t)kind;
    enum err err = strategy_params_parse(kind, bot->params, config->params, &fault);
    if (err) return err;
    if (bot->mode == MODE_LIVE && !t->options.live_enabled)
        return err_set(ERR_INVALID, "live trading is not enabled (LIVE_TRADING_ENABLED)");
    if (bot->mode == MODE_LIVE && !line->gateway)
        return err_set(ERR_INVALID, "venue %s takes no live orders here", venue_name(line->venue));
    for (unsigned i = 0; i < bot->symbol_count; i++) {
        err = trader_watch(t, line, bot->symbols[i], &config->instruments[i]);
        if (err) return err;
        err = check_market(bot, &t->instruments[config->instruments[0]],
                           &t->instruments[config->instruments[i]]);
        if (err) return err;
    }
    err = fit_size(bot, &t->instruments[config->instruments[0]], config);
    if (err) return err;
    if (!engine_has_room(t->engine, bot->symbol_count))
        return err_set(ERR_LIMIT, "no room for another bot: %u run here already", t->seat_count);
    return OK;
}

static void keep_history(struct errand *errand, const struct fetch *fetch,
                         const struct candle *candles, size_t count)
{
    if (count == 0) return;
    struct event *grown = realloc(errand->history, (errand->history_count + count) * sizeof *grown);
    CHECK(grown);
    errand->history = grown;
    /* The last candle is still open: it will come whole by the stream. */
    for (size_t i = 0; i + 1 < count; i++)
        grown[errand->history_count++] = (struct event){
            .kind = EVENT_CANDLE,
            .instrument = fetch->instrument,
            .candle = {.timeframe = fetch->timeframe, .history = true, .candle = candles[i]},
        };
}

static void seat_bot(struct trader *t, struct errand *errand);

static void on_history(void *user, enum err err, const struct candle *candles, size_t count)
{
    struct fetch *fetch = user;
    struct errand *errand = fetch->errand;
    if (err) {
        log_warn("history_missing", "bot=%llu cause=%s", (unsigned long long)errand->config.id,
                 err_text());
        errand->failed = true;
    } else {
        keep_history(errand, fetch, candles, count);
    }
    free(fetch);
    if (--errand->histories_left == 0) seat_bot(errand->trader, errand);
}

enum err trader_fetch_history(struct trader *t, struct errand *errand)
{
    const struct bot_config *config = &errand->config;
    struct line *line = &t->lines[bot_of(errand)->venue];
    const struct strategy_type *type = strategy_type((enum strategy_kind)config->strategy);
    const uint32_t count = type->warm_up(config->params) + TRADER_WARM_UP_EXTRA;
    for (unsigned i = 0; i < config->symbol_count; i++) {
        const enum err err = market_session_watch_candles(line->session, config->instruments[i],
                                                          (enum timeframe)config->timeframe);
        if (err) return err; /* before any fetch holds the errand */
    }
    errand->histories_left = 1; /* ours, until all fetches are on their way */
    for (unsigned i = 0; i < config->symbol_count; i++) {
        const uint16_t instrument = config->instruments[i];
        struct fetch *fetch = calloc(1, sizeof *fetch);
        CHECK(fetch);
        *fetch = (struct fetch){errand, instrument, config->timeframe};
        errand->histories_left++;
        const enum err err =
            market_session_fetch_candles(line->session, t->instruments[instrument].symbol,
                                         (enum timeframe)config->timeframe, count, on_history,
                                         fetch);
        if (err) on_history(fetch, err, NULL, 0);
    }
    if (--errand->histories_left == 0) seat_bot(t, errand);
    return OK;
}

static void restore_event(struct trader *t, const struct restored *r, uint16_t instrument,
                          struct restore restore)
{
    struct event event = {.kind = EVENT_RESTORE, .instrument = instrument, .restore = restore};
    event.restore.bot_id = r->bot.id;
    trader_event(t, &event);
}

/* A row's instrument; NULL when the bot does not trade it. */
static const struct instrument *instrument_of(const struct trader *t,
                                              const struct bot_config *config,
                                              const struct store_market *market)
{
    for (unsigned i = 0; i < config->symbol_count; i++) {
        const struct instrument *rules = &t->instruments[config->instruments[i]];
        if (strcmp(rules->symbol, market->symbol) == 0) return rules;
    }
    return NULL;
}

static enum err check_row(const struct instrument *rules, const struct store_market *market,
                          bool fits)
{
    if (!rules)
        return err_set(ERR_INVALID, "it has rows in %s, which it does not trade", market->symbol);
    if (fits) return OK;
    return err_set(
        ERR_INVALID,
        "%s counts prices in %u decimals and quantities in %u: what the store kept in %u "
        "and %u has no exact place there",
        rules->symbol, rules->price_scale, rules->qty_scale, market->price_scale,
        market->qty_scale);
}

/* The rows of a bot in the scales that its instruments have by now. A bot of which a part cannot be
 * told is not run on the rest. */
static enum err fit_rows(const struct trader *t, const struct bot_config *config,
                         struct restored *r)
{
    enum err err = OK;
    for (size_t i = 0; !err && i < r->position_count; i++) {
        struct store_position *p = &r->positions[i];
        const struct instrument *rules = instrument_of(t, config, &p->market);
        if (!rules && !p->position.open) continue; /* traded it before it was changed */
        err = check_row(rules, &p->market, rules && store_position_fit(p, rules));
    }
    for (size_t i = 0; !err && i < r->order_count; i++) {
        struct store_order *o = &r->orders[i];
        const struct instrument *rules = instrument_of(t, config, &o->market);
        if (!rules && order_state_is_closed((enum order_state)o->order.state)) continue;
        err = check_row(rules, &o->market, rules && store_order_fit(o, rules));
    }
    return err;
}

static void cancel_paper(struct trader *t, const struct order *order)
{
    /* The paper venue has no memory: what worked there is gone, and nothing more fills. */
    struct event event = {
        .kind = EVENT_ORDER,
        .instrument = order->instrument,
        .order = {.order_id = order->id, .input = ON_CANCELED, .reason = ORDER_REASON_NOT_SENT},
    };
    trader_event(t, &event);
}

static void restore_rows(struct trader *t, const struct bot_config *config, struct restored *r)
{
    if (r->has_totals)
        restore_event(t, r, INSTRUMENT_NONE,
                      (struct restore){.kind = RESTORE_BOT, .totals = r->totals});
    for (size_t i = 0; i < r->position_count; i++) {
        const struct store_position *p = &r->positions[i];
        const struct instrument *rules = instrument_of(t, config, &p->market);
        if (rules)
            restore_event(t, r, rules->index,
                          (struct restore){.kind = RESTORE_POSITION, .position = p->position});
    }
    for (size_t i = 0; i < r->fill_count; i++) {
        /* Of a fill only its trade id counts: it was booked, whatever its scales. */
        const struct instrument *rules = instrument_of(t, config, &r->fills[i].market);
        if (rules)
            restore_event(t, r, rules->index,
                          (struct restore){.kind = RESTORE_FILL, .fill = r->fills[i].fill});
    }
    for (size_t i = 0; i < r->order_count; i++) {
        struct order order = r->orders[i].order;
        const struct instrument *rules = instrument_of(t, config, &r->orders[i].market);
        if (!rules) continue;
        order.instrument = rules->index;
        restore_event(t, r, order.instrument,
                      (struct restore){.kind = RESTORE_ORDER, .order = order});
        if (order.mode == MODE_PAPER) cancel_paper(t, &order);
    }
}

void trader_command(struct trader *t, uint64_t bot_id, enum bot_command what,
                    const struct bot_config *config)
{
    struct event event = {
        .kind = EVENT_BOT,
        .instrument = INSTRUMENT_NONE,
        .bot = {.command = (uint8_t)what, .bot_id = bot_id, .config = config},
    };
    trader_event(t, &event);
}

static void add_seat(struct trader *t, const struct errand *errand)
{
    CHECK(t->seat_count < TRADER_BOTS_MAX);
    id_map_insert(&t->seat_by_id, errand->config.id, t->seat_count);
    t->seats[t->seat_count++] = (struct seat){
        .bot_id = errand->config.id,
        .user_id = errand->config.user_id,
        .venue = (enum venue)bot_of(errand)->venue,
        .changed = true,
    };
}

/* A person's wish outlives a crash between it and the bot's new state. */
static void steer_restored(struct trader *t, const struct restored *r)
{
    const uint8_t state = r->has_totals ? r->totals.state : BOT_STOPPED;
    if (!r->bot.running)
        trader_command(t, r->bot.id, BOT_COMMAND_STOP, NULL);
    else if (state == BOT_STOPPED || state == BOT_STOPPING)
        trader_command(t, r->bot.id, BOT_COMMAND_START, NULL);
}

static void one_restored(struct trader *t, const struct errand *errand)
{
    struct line *line = &t->lines[errand->restored->bot.venue];
    CHECK(t->restoring > 0 && line->restoring > 0);
    struct errand **at = &t->coming;
    while (*at != errand) at = &(*at)->next;
    *at = errand->next;
    t->restoring--;
    line->restoring--;
    if (!t->stopping) trader_early_due(t);
}

/* What closed between the history's making and now; the engine leaves out what it knows. */
static void tell_recent(struct trader *t, const struct bot_config *config, uint16_t instrument)
{
    const struct recent *r = t->recent[instrument][config->timeframe];
    if (!r) return;
    const uint64_t kept =
        r->count < TRADER_RECENT_CANDLES ? r->count : (uint64_t)TRADER_RECENT_CANDLES;
    for (uint64_t i = r->count - kept; i < r->count; i++) {
        struct event event = {
            .kind = EVENT_CANDLE,
            .instrument = instrument,
            .candle = {.timeframe = config->timeframe,
                       .history = true,
                       .bot_id = config->id,
                       .candle = r->candles[i % TRADER_RECENT_CANDLES]},
        };
        trader_event(t, &event);
    }
}

void trader_tell_history(struct trader *t, struct errand *errand)
{
    const struct bot_config *config = &errand->config;
    for (size_t i = 0; i < errand->history_count; i++) {
        errand->history[i].candle.bot_id = config->id;
        trader_event(t, &errand->history[i]);
    }
    for (unsigned i = 0; i < config->symbol_count; i++)
        tell_recent(t, config, config->instruments[i]);
}

/* Everything is there: into the engine. */
static void seat_bot(struct trader *t, struct errand *errand)
{
    const struct bot_config *config = &errand->config;
    if (t->stopping) {
        trader_refuse(t, errand, err_set(ERR_CLOSED, "the server stops"));
        return;
    }
    if (errand->request.kind == DESK_BOT_CHANGE) {
        trader_change_ready(t, errand);
        return;
    }
    if (!engine_has_room(t->engine, config->symbol_count)) { /* others came in meanwhile */
        trader_refuse(t, errand, err_set(ERR_LIMIT, "no room for another bot"));
        return;
    }
    trader_command(t, config->id, BOT_COMMAND_ADD, config);
    add_seat(t, errand);
    if (errand->restored) restore_rows(t, config, errand->restored);
    trader_tell_history(t, errand);
    if (errand->restored)
        steer_restored(t, errand->restored);
    else
        trader_answer(t, &errand->request, OK, "", config->id);
    if (errand->restored) one_restored(t, errand);
    log_info("bot_ready", "bot=%llu candles=%zu", (unsigned long long)config->id,
             errand->history_count);
    errand_free(errand);
}

void trader_refuse(struct trader *t, struct errand *errand, enum err err)
{
    struct seat *seat = trader_seat(t, errand->request.bot_id);
    if (seat && errand->is_exclusive) seat->changing = false;
    if (seat && errand->request.kind == DESK_BOT_START) seat->starting--;
    if (errand->restored)
        log_error("bot_not_restored", "bot=%llu cause=%s",
                  (unsigned long long)errand->restored->bot.id, err_text());
    else
        trader_answer(t, &errand->request, err, err_text(), 0);
    if (errand->restored) one_restored(t, errand);
    errand_free(errand);
}

static void give_up(struct trader *t, void *user, const char *why)
{
    trader_refuse(t, user, err_set(ERR_TIMEOUT, "%s", why));
}

/* A new bot whose venue is known: into the store, so that it has an id. */
static void go_create(struct trader *t, void *user)
{
    struct errand *errand = user;
    const enum err err = trader_config(t, &errand->request.bot, &errand->config);
    if (err) {
        trader_refuse(t, errand, err);
        return;
    }
    struct store_bot *bot = malloc(sizeof *bot);
    CHECK(bot);
    *bot = errand->request.bot;
    bot->created_ms = bot->updated_ms = t->time_ms;
    struct store_command insert = {.kind = STORE_BOT_INSERT, .bot = bot};
    struct pending what = {.kind = STORE_BOT_INSERT, .errand = errand};
    trader_store_push(t, &insert, &what);
}

void trader_bot_create(struct trader *t, const struct desk_request *request)
{
    struct line *line = trader_line(t, (enum venue)request->bot.venue);
    if (!line) {
        trader_answer(t, request, ERR_UNSUPPORTED, err_text(), 0);
        return;
    }
    if (*trader_store_trouble(t)) {
        trader_answer(t, request, ERR_CLOSED, trader_store_trouble(t), 0);
        return;
    }
    struct errand *errand = calloc(1, sizeof *errand);
    CHECK(errand);
    *errand = (struct errand){.trader = t, .request = *request};
    const struct waiting waiting = {.go = go_create,
                                    .give_up = give_up,
                                    .user = errand,
                                    .deadline_ms = t->time_ms + TRADER_PATIENCE_MS};
    trader_when_known(t, line, &waiting);
}

void trader_bot_durable(struct trader *t, struct errand *errand, const struct store_ack *ack)
{
    const struct desk_request *request = &errand->request;
    if (ack->err != OK) {
        trader_refuse(t, errand,
                      err_set((enum err)ack->err, "the store refused it: %s",
                              err_name((enum err)ack->err)));
        return;
    }
    if (request->kind == DESK_BOT_CREATE) {
        errand->config.id = ack->row_id;
        const enum err err = trader_fetch_history(t, errand);
        if (err) trader_refuse(t, errand, err);
        return;
    }
    if (errand->is_exclusive || request->kind == DESK_KILL) {
        trader_roster_durable(t, errand);
        return;
    }
    const enum bot_command what = request->kind == DESK_BOT_START   ? BOT_COMMAND_START
                                  : request->kind == DESK_BOT_PANIC ? BOT_COMMAND_PANIC
                                                                    : BOT_COMMAND_STOP;
    if (what == BOT_COMMAND_START) trader_seat(t, request->bot_id)->starting--;
    trader_command(t, request->bot_id, what, NULL);
    trader_answer(t, request, OK, "", request->bot_id);
    errand_free(errand);
}

void trader_bot_want(struct trader *t, const struct desk_request *request, bool running)
{
    const struct bot_config *config = engine_bot_config(t->engine, request->bot_id);
    if (!config || config->user_id != request->user_id) {
        trader_answer(t, request, ERR_NOT_FOUND, "no such bot, or not ready yet", 0);
        return;
    }
    if (running && *trader_store_trouble(t)) { /* a stop waits instead, for as long as it takes */
        trader_answer(t, request, ERR_CLOSED, trader_store_trouble(t), 0);
        return;
    }
    struct seat *seat = trader_seat(t, request->bot_id);
    if (running && seat->changing) {
        trader_answer(t, request, ERR_EXISTS, "the bot is being changed or deleted", 0);
        return;
    }
    seat->starting += running;
    /* At once, for as long as the store may take. */
    if (request->kind == DESK_BOT_PANIC)
        trader_command(t, request->bot_id, BOT_COMMAND_PANIC, NULL);
    struct errand *errand = calloc(1, sizeof *errand);
    CHECK(errand);
    *errand = (struct errand){.trader = t, .request = *request};
    struct store_command want = {
        .kind = STORE_BOT_WANT,
        .target = {.user_id = request->user_id,
                   .bot_id = request->bot_id,
                   .running = running,
                   .now_ms = t->time_ms},
    };
    struct pending what = {.kind = STORE_BOT_WANT, .errand = errand};
    trader_store_push(t, &want, &what);
}

/* --- at start ------------------------------------------------------------------------------- */

static void go_restore(struct trader *t, void *user)
{
    struct errand *errand = user;
    enum err err = trader_config(t, &errand->restored->bot, &errand->config);
    if (!err) err = fit_rows(t, &errand->config, errand->restored);
    if (!err) err = trader_fetch_history(t, errand);
    if (err) trader_refuse(t, errand, err);
}

void restored_free(struct restored *r)
{
    if (!r) return;
    free(r->positions);
    free(r->orders);
    free(r->fills);
    free(r);
}

static struct restored *find_restored(struct trader *t, uint64_t bot_id)
{
    struct restored *r = t->restored;
    while (r && r->bot.id != bot_id) r = r->next;
    return r;
}

/* Room for one more item of `size` bytes at the end of an array. */
static void *grow(void *array, size_t count, size_t size)
{
    void *grown = realloc(array, (count + 1) * size);
    CHECK(grown);
    return grown;
}

static void on_bot(void *user, const struct store_bot *bot)
{
    struct trader *t = user;
    struct restored *r = calloc(1, sizeof *r);
    CHECK(r);
    r->bot = *bot;
    struct restored **last = &t->restored;
    while (*last) last = &(*last)->next;
    *last = r;
}

static void on_totals(void *user, const struct store_totals *totals)
{
    struct restored *r = find_restored(user, totals->bot_id);
    if (!r) return;
    r->totals = totals->totals;
    r->has_totals = true;
}

static void on_position(void *user, const struct store_position *position)
{
    struct restored *r = find_restored(user, position->bot_id);
    if (!r) return;
    r->positions = grow(r->positions, r->position_count, sizeof *r->positions);
    r->positions[r->position_count++] = *position;
}

static void on_order(void *user, const struct store_order *order)
{
    struct restored *r = find_restored(user, order->order.bot_id);
    if (!r) return;
    r->orders = grow(r->orders, r->order_count, sizeof *r->orders);
    r->orders[r->order_count++] = *order;
}

static void on_fill(void *user, const struct store_fill *fill)
{
    struct restored *r = find_restored(user, fill->bot_id);
    if (!r) return;
    r->fills = grow(r->fills, r->fill_count, sizeof *r->fills);
    r->fills[r->fill_count++] = *fill;
}

enum err trader_restore(struct trader *t)
{
    const struct store_loader loader = {
        .user = t,
        .on_bot = on_bot,
        .on_totals = on_totals,
        .on_position = on_position,
        .on_order = on_order,
        .on_fill = on_fill,
        .fill_count = TRADER_FILLS_MAX / 2,
        .order_count = TRADER_NEWEST_ORDERS,
    };
    uint64_t next_order_id;
    const enum err err = store_load(t->options.store, &loader, &next_order_id);
    if (err) return err_note(err, "while restoring bots");
    struct event counter = {
        .kind = EVENT_RESTORE,
        .instrument = INSTRUMENT_NONE,
        .restore = {.kind = RESTORE_COUNTER, .next_order_id = next_order_id},
    };
    trader_event(t, &counter);
    t->handed_id = next_order_id - 1;
    return OK;
}

void trader_restore_begin(struct trader *t)
{
    for (const struct restored *r = t->restored; r; r = r->next) {
        t->lines[r->bot.venue].restoring++;
        t->restoring++;
    }
    while (t->restored) {
        struct restored *r = t->restored;
        t->restored = r->next;
        struct errand *errand = calloc(1, sizeof *errand);
        CHECK(errand);
        *errand = (struct errand){.trader = t, .restored = r, .next = t->coming};
        t->coming = errand;
        struct line *line = trader_line(t, (enum venue)r->bot.venue);
        if (!line) {
            trader_refuse(t, errand, ERR_UNSUPPORTED);
            continue;
        }
        const struct waiting waiting = {
            .go = go_restore, .give_up = give_up, .user = errand, .deadline_ms = INT64_MAX};
        trader_when_known(t, line, &waiting);
    }
}
