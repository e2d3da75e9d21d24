/* Bots changed, removed, and all of a user's stopped at once.
 *
 * A change or a removal goes into the store first, and then into the engine: killed in between, the
 * next start finds it done. It is refused unless the bot is idle; a fill that comes late while the
 * store writes is sold before the engine is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/check.h"
#include "base/log.h"

/* Why a bot may not be changed or removed; OK when it may. */
static enum err check_idle(struct trader *t, const struct seat *seat)
{
    struct bot_view view;
    CHECK(engine_bot_view(t->engine, seat->bot_id, &view));
    if (seat->changing) return err_set(ERR_EXISTS, "it is being changed or deleted already");
    if (seat->starting > 0 || view.totals.state != BOT_STOPPED)
        return err_set(ERR_EXISTS, "the bot is %s: stop it first",
                       seat->starting > 0 ? "starting"
                                          : bot_state_name((enum bot_state)view.totals.state));
    for (uint32_t i = 0; i < view.leg_count; i++) {
        const char *symbol = t->instruments[view.legs[i].instrument].symbol;
        if (view.legs[i].working_order)
            return err_set(ERR_EXISTS, "an order of it in %s is still open", symbol);
        if (view.legs[i].position.open)
            return err_set(ERR_EXISTS, "it holds a position in %s", symbol);
    }
    return OK;
}

/* The errand of a change or removal; NULL when it is refused, and answered. */
static struct errand *begin(struct trader *t, const struct desk_request *request)
{
    const struct bot_config *config = engine_bot_config(t->engine, request->bot_id);
    struct seat *seat = trader_seat(t, request->bot_id);
    enum err err = OK;
    if (!config || config->user_id != request->user_id)
        err = err_set(ERR_NOT_FOUND, "no such bot, or not ready yet");
    else if (*trader_store_trouble(t))
        err = err_set(ERR_CLOSED, "%s", trader_store_trouble(t));
    else
        err = check_idle(t, seat);
    if (err) {
        trader_answer(t, request, err, err_text(), 0);
        return NULL;
    }
    struct errand *errand = calloc(1, sizeof *errand);
    CHECK(errand);
    *errand = (struct errand){.trader = t, .request = *request, .is_exclusive = true};
    seat->changing = true;
    return errand;
}

/* What was earned and is held counts in the quote asset, at that venue and in that mode. */
static enum err check_same(const struct trader *t, const struct bot_config *before,
                           const struct errand *errand)
{
    const struct instrument *was = &t->instruments[before->instruments[0]];
    const struct instrument *is = &t->instruments[errand->config.instruments[0]];
    if (errand->config.mode != before->mode || was->venue != is->venue)
        return err_set(ERR_INVALID, "a bot keeps its venue and mode: make another bot");
    if (strcmp(was->quote, is->quote) != 0 || before->quote_scale != errand->config.quote_scale)
        return err_set(ERR_INVALID, "a bot keeps its quote asset, %s: make another bot",
                       was->quote);
    return OK;
}

void trader_bot_change(struct trader *t, const struct desk_request *request)
{
    struct errand *errand = begin(t, request);
    if (!errand) return;
    const struct bot_config *before = engine_bot_config(t->engine, request->bot_id);
    enum err err = OK;
    if (request->bot.venue != trader_seat(t, request->bot_id)->venue)
        err = err_set(ERR_INVALID, "a bot keeps its venue and mode: make another bot");
    if (!err) err = trader_config(t, &errand->request.bot, &errand->config);
    if (!err) err = check_same(t, before, errand);
    if (!err) err = trader_fetch_history(t, errand);
    if (err) trader_refuse(t, errand, err);
}

void trader_change_ready(struct trader *t, struct errand *errand)
{
    struct store_bot *bot = malloc(sizeof *bot);
    CHECK(bot);
    *bot = errand->request.bot;
    bot->updated_ms = t->time_ms;
    struct store_command update = {.kind = STORE_BOT_UPDATE, .bot = bot};
    struct pending what = {.kind = STORE_BOT_UPDATE, .errand = errand};
    trader_store_push(t, &update, &what);
}

void trader_bot_remove(struct trader *t, const struct desk_request *request)
{
    struct errand *errand = begin(t, request);
    if (!errand) return;
    struct store_command delete = {
        .kind = STORE_BOT_DELETE,
        .target = {.user_id = request->user_id, .bot_id = request->bot_id, .now_ms = t->time_ms}};
    struct pending what = {.kind = STORE_BOT_DELETE, .errand = errand};
    trader_store_push(t, &delete, &what);
}

/* Panic for all bots of the user; how many were not stopped. */
static uint32_t stop_all(struct trader *t, uint64_t user_id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t->seat_count; i++) {
        struct bot_view view;
        if (t->seats[i].user_id != user_id) continue;
        CHECK(engine_bot_view(t->engine, t->seats[i].bot_id, &view));
        if (view.totals.state == BOT_STOPPED) continue;
        trader_command(t, t->seats[i].bot_id, BOT_COMMAND_PANIC, NULL);
        count++;
    }
    /* The store's row says so, too, but these were read before. */
    for (struct errand *e = t->coming; e; e = e->next) {
        if (e->restored->bot.user_id != user_id || !e->restored->bot.running) continue;
        e->restored->bot.running = false;
        count++;
    }
    return count;
}

void trader_kill(struct trader *t, const struct desk_request *request)
{
    struct errand *errand = calloc(1, sizeof *errand);
    CHECK(errand);
    *errand = (struct errand){.trader = t, .request = *request};
    /* At once: the store may take its time, and only the answer waits for it. */
    errand->request.count = (uint16_t)stop_all(t, request->user_id);
    log_warn("killed", "user=%llu bots=%u", (unsigned long long)request->user_id,
             errand->request.count);
    struct store_command stop = {.kind = STORE_BOTS_STOP,
                                 .target = {.user_id = request->user_id, .now_ms = t->time_ms}};
    struct pending what = {.kind = STORE_BOTS_STOP, .errand = errand};
    trader_store_push(t, &stop, &what);
}

static void publish_gone(struct trader *t, uint64_t bot_id)
{
    const struct publication p = {.kind = PUBLISH_BOT_GONE,
                                  .bot_id = bot_id,
                                  .instrument = INSTRUMENT_NONE,
                                  .time_ms = t->time_ms};
    trader_publish_news(t, &p);
}

static void drop_seat(struct trader *t, uint64_t bot_id)
{
    struct seat *seat = trader_seat(t, bot_id);
    const struct seat *last = &t->seats[--t->seat_count];
    CHECK(id_map_remove(&t->seat_by_id, bot_id));
    if (seat == last) return;
    CHECK(id_map_remove(&t->seat_by_id, last->bot_id));
    *seat = *last;
    id_map_insert(&t->seat_by_id, seat->bot_id, (uint32_t)(seat - t->seats));
}

static void apply(struct trader *t, struct errand *errand)
{
    const uint64_t bot_id = errand->request.bot_id;
    publish_gone(t, bot_id); /* its symbols, too, may be others */
    if (errand->request.kind == DESK_BOT_REMOVE) {
        trader_command(t, bot_id, BOT_COMMAND_REMOVE, NULL);
        drop_seat(t, bot_id);
    } else {
        struct seat *seat = trader_seat(t, bot_id);
        seat->changing = false;
        seat->changed = true;
        trader_command(t, bot_id, BOT_COMMAND_CHANGE, &errand->config);
        trader_tell_history(t, errand);
    }
    log_info(errand->request.kind == DESK_BOT_REMOVE ? "bot_removed" : "bot_changed", "bot=%llu",
             (unsigned long long)bot_id);
    trader_answer(t, &errand->request, OK, "", bot_id);
    errand_free(errand);
}

void trader_roster_durable(struct trader *t, struct errand *errand)
{
    if (errand->request.kind == DESK_KILL) {
        stop_all(t, errand->request.user_id); /* a start that was on its way before */
        trader_answer_count(t, &errand->request, errand->request.count);
        errand_free(errand);
    } else if (engine_bot_is_idle(t->engine, errand->request.bot_id)) {
        apply(t, errand);
    } else {
        log_warn("bot_not_idle", "bot=%llu reason=late_fill",
                 (unsigned long long)errand->request.bot_id);
        errand->next = t->parked;
        t->parked = errand;
    }
}

void trader_roster_due(struct trader *t)
{
    struct errand **at = &t->parked;
    while (*at) {
        struct errand *errand = *at;
        if (!engine_bot_is_idle(t->engine, errand->request.bot_id)) {
            at = &errand->next;
            continue;
        }
        *at = errand->next;
        apply(t, errand);
    }
}

void trader_roster_close(struct trader *t)
{
    while (t->parked) {
        struct errand *errand = t->parked;
        t->parked = errand->next;
        errand_free(errand);
    }
}
