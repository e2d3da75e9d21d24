/* The desk: what people ask, answered once each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/trader_state.h"
#include "base/check.h"

static struct bridge_answer answer_of(const struct desk_request *request, enum err err,
                                      const char *text)
{
    struct bridge_answer answer = {.answer = {.err = err},
                                   .on_answer = request->on_answer,
                                   .user = request->user,
                                   .end = request->end};
    snprintf(answer.answer.text, sizeof answer.answer.text, "%s", text);
    return answer;
}

void trader_answer(struct trader *t, const struct desk_request *request, enum err err,
                   const char *text, uint64_t bot_id)
{
    struct bridge_answer answer = answer_of(request, err, text);
    answer.answer.bot_id = bot_id;
    bridge_answer(t->options.bridge, &answer);
}

void trader_answer_count(struct trader *t, const struct desk_request *request, size_t count)
{
    struct bridge_answer answer = answer_of(request, OK, "");
    answer.answer.count = count;
    bridge_answer(t->options.bridge, &answer);
}

/* A request that waits for its venue. */
struct visit {
    struct trader *trader;
    struct desk_request request;
};

static void answer_visit(struct trader *t, struct visit *visit, enum err err)
{
    trader_answer(t, &visit->request, err, err ? err_text() : "", 0);
    free(visit);
}

static void answer_watched(struct trader *t, struct visit *visit, enum err err, uint16_t index)
{
    struct bridge_answer answer = answer_of(&visit->request, err, err ? err_text() : "");
    answer.answer.instrument = index;
    if (!err) answer.answer.rules = t->instruments[index];
    bridge_answer(t->options.bridge, &answer);
    free(visit);
}

static void go_watch(struct trader *t, void *user)
{
    struct visit *visit = user;
    uint16_t index = INSTRUMENT_NONE;
    const enum err err =
        trader_watch(t, &t->lines[visit->request.venue], visit->request.symbol, &index);
    answer_watched(t, visit, err, index);
}

static void on_candles(void *user, enum err err, const struct candle *candles, size_t count)
{
    struct visit *visit = user;
    struct trader *t = visit->trader;
    const struct line *line = &t->lines[visit->request.venue];
    struct bridge_answer answer = answer_of(&visit->request, err, err ? err_text() : "");
    if (!err) {
        answer.answer.rules = *market_session_find(line->session, visit->request.symbol);
        answer.candles = malloc((count ? count : 1) * sizeof *candles);
        CHECK(answer.candles);
        memcpy(answer.candles, candles, count * sizeof *candles);
        answer.answer.count = count;
    }
    bridge_answer(t->options.bridge, &answer);
    free(visit);
}

static void go_candles(struct trader *t, void *user)
{
    struct visit *visit = user;
    const struct desk_request *r = &visit->request;
    const struct line *line = &t->lines[r->venue];
    enum err err = OK;
    if (!market_session_find(line->session, r->symbol))
        err = err_set(ERR_NOT_FOUND, "%s has no symbol %s", venue_name((enum venue)r->venue),
                      r->symbol);
    else
        err = market_session_fetch_candles(line->session, r->symbol, (enum timeframe)r->timeframe,
                                           r->count, on_candles, visit);
    if (err) answer_visit(t, visit, err);
}

static void go_symbols(struct trader *t, void *user)
{
    struct visit *visit = user;
    size_t count;
    const struct instrument *all =
        market_session_symbols(t->lines[visit->request.venue].session, &count);
    struct bridge_answer answer = answer_of(&visit->request, OK, "");
    answer.instruments = malloc((count ? count : 1) * sizeof *all);
    CHECK(answer.instruments);
    memcpy(answer.instruments, all, count * sizeof *all);
    answer.answer.count = count;
    bridge_answer(t->options.bridge, &answer);
    free(visit);
}

static void give_up(struct trader *t, void *user, const char *why)
{
    answer_visit(t, user, err_set(ERR_TIMEOUT, "%s", why));
}

static void visit_venue(struct trader *t, const struct desk_request *request,
                        void (*go)(struct trader *t, void *user))
{
    struct line *line = trader_line(t, (enum venue)request->venue);
    if (!line) {
        trader_answer(t, request, ERR_UNSUPPORTED, err_text(), 0);
        return;
    }
    struct visit *visit = calloc(1, sizeof *visit);
    CHECK(visit);
    *visit = (struct visit){.trader = t, .request = *request};
    const struct waiting waiting = {.go = go,
                                    .give_up = give_up,
                                    .user = visit,
                                    .deadline_ms = t->time_ms + TRADER_PATIENCE_MS};
    trader_when_known(t, line, &waiting);
}

void trader_on_request(void *user, const struct desk_request *request)
{
    struct trader *t = user;
    CHECK(request->venue < VENUE_COUNT);
    switch ((enum desk_request_kind)request->kind) {
    case DESK_BOT_CREATE: trader_bot_create(t, request); break;
    case DESK_BOT_START: trader_bot_want(t, request, true); break;
    case DESK_BOT_STOP: trader_bot_want(t, request, false); break;
    case DESK_BOT_PANIC: trader_bot_want(t, request, false); break;
    case DESK_BOT_CHANGE: trader_bot_change(t, request); break;
    case DESK_BOT_REMOVE: trader_bot_remove(t, request); break;
    case DESK_KILL: trader_kill(t, request); break;
    case DESK_WATCH: visit_venue(t, request, go_watch); break;
    case DESK_CANDLES: visit_venue(t, request, go_candles); break;
    case DESK_SYMBOLS: visit_venue(t, request, go_symbols); break;
    }
}
