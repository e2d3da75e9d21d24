/* Bots: made, steered and looked at. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "service/api/bot_form.h"
#include "service/api/json_body.h"
#include "service/api/query.h"
#include "service/api/route.h"
#include "service/api/views.h"

/* An answer to start or stop shows the new state: so long it waits for the trade thread's news. */
enum { STATE_WAIT_MS = 1000 };

void bot_strategies(struct call *call, const struct http_request *request)
{
    struct json_writer *w = &call->json;
    (void)request;
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (unsigned i = 0; i < STRATEGY_COUNT; i++)
        view_strategy(w, strategy_type((enum strategy_kind)i));
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

/* ---- looking ---- */

struct bot_read {
    struct read read;
    uint64_t user_id, bot_id;
    void (*then)(struct call *call, const struct store_bot *bot);
    struct store_bot bot;
};

static enum err run_bot(struct store_reader *reader, struct read *read)
{
    struct bot_read *r = (struct bot_read *)read;
    return store_read_bot(reader, r->user_id, r->bot_id, &r->bot);
}

static void on_bot(struct call *call, struct read *read)
{
    struct bot_read *r = (struct bot_read *)read;
    r->then(call, &r->bot);
}

/* Goes on with the caller's bot of that id, if there is one. */
static void read_bot(struct call *call, uint64_t bot_id,
                     void (*then)(struct call *call, const struct store_bot *bot))
{
    struct bot_read *r = read_new(sizeof *r, run_bot, on_bot);
    r->user_id = call->who.user_id;
    r->bot_id = bot_id;
    r->then = then;
    call_read(call, &r->read);
}

/* The same with the path's. */
static void find_bot(struct call *call,
                     void (*then)(struct call *call, const struct store_bot *bot))
{
    uint64_t bot_id;
    if (parse_id(call->params[0], &bot_id))
        read_bot(call, bot_id, then);
    else
        call_problem(call, PROBLEM_NOT_FOUND);
}

static void send_bot(struct call *call, const struct store_bot *bot, int status)
{
    view_bot(&call->json, bot, board_bot(&call->api->board, bot->id));
    call_send(call, status);
}

static void send_found(struct call *call, const struct store_bot *bot)
{
    send_bot(call, bot, 200);
}

void bot_get(struct call *call, const struct http_request *request)
{
    (void)request;
    find_bot(call, send_found);
}

static void send_state(struct call *call, const struct store_bot *bot)
{
    view_bot_state(&call->json, bot, &call->api->board, api_now_ms());
    call_send(call, 200);
}

void bot_state(struct call *call, const struct http_request *request)
{
    (void)request;
    find_bot(call, send_state);
}

static void send_why(struct call *call, const struct store_bot *bot)
{
    const struct board *board = &call->api->board;
    const struct board_bot *live = board_bot(board, bot->id);
    struct json_writer *w = &call->json;
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (uint32_t age = 0; live && age < call->limit; age++) {
        const struct board_decision *d = board_decision(live, age);
        if (!d) break;
        view_decision(w, bot, board, d);
    }
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

void bot_why(struct call *call, const struct http_request *request)
{
    struct faults faults = {.language = call->language};
    if (query_limit(request, "limit", BOARD_DECISIONS, BOARD_DECISIONS, &call->limit, &faults))
        find_bot(call, send_why);
    else
        call_faults(call, &faults);
}

/* ---- making ---- */

/* What a bot that was made or changed gets. */
static void answer_form(struct call *call, const struct desk_answer *answer,
                        void (*then)(struct call *call, const struct store_bot *bot))
{
    struct bot_form *form = call->state;
    switch (answer->err) {
    case OK: read_bot(call, answer->bot_id, then); return;
    case ERR_EXISTS: call_problem_because(call, PROBLEM_BOT_NOT_IDLE, answer->text); return;
    case ERR_NOT_FOUND:
        if (form->bot.id) { /* the form's symbols were found before */
            call_problem(call, PROBLEM_MARKET_NOT_READY);
            return;
        }
        faults_add(&form->faults, "symbols", FAULT_NOT_FOUND, "",
                   "GET /api/v1/symbols/spot?venue=%s listesinden semboller gönderin.",
                   "Send symbols that GET /api/v1/symbols/spot?venue=%s lists.",
                   venue_name((enum venue)form->bot.venue));
        call_faults(call, &form->faults);
        return;
    case ERR_INVALID: call_problem_because(call, PROBLEM_BOT_REFUSED, answer->text); return;
    case ERR_LIMIT: call_problem(call, PROBLEM_LIMIT_REACHED); return;
    case ERR_TIMEOUT: call_problem(call, PROBLEM_MARKET_NOT_READY); return;
    case ERR_CLOSED: call_problem(call, PROBLEM_BUSY); return;
    default: call_failed(call, call->route->id, answer->text); return;
    }
}

static void send_created(struct call *call, const struct store_bot *bot)
{
    send_bot(call, bot, 201);
}

static void on_created(void *user, const struct desk_answer *answer)
{
    answer_form(user, answer, send_created);
}

static void on_changed(void *user, const struct desk_answer *answer)
{
    answer_form(user, answer, send_found);
}

static void on_symbols(void *user, const struct desk_answer *answer)
{
    struct call *call = user;
    struct bot_form *form = call->state;
    if (answer->err == ERR_UNSUPPORTED) {
        faults_add(&form->faults, "venue", FAULT_UNSUPPORTED,
                   venue_name((enum venue)form->bot.venue),
                   "GET /api/v1/venues listesinden bir borsa gönderin.",
                   "Send a venue that GET /api/v1/venues lists.");
    } else if (answer->err) {
        call_problem(call, PROBLEM_MARKET_NOT_READY);
        return;
    } else {
        bot_form_fit(form, answer->instruments, answer->count);
    }
    if (form->faults.count) {
        call_faults(call, &form->faults);
        return;
    }
    const bool is_new = form->bot.id == 0;
    struct desk_request ask = {.kind = is_new ? DESK_BOT_CREATE : DESK_BOT_CHANGE,
                               .venue = form->bot.venue,
                               .bot_id = form->bot.id,
                               .bot = form->bot,
                               .on_answer = is_new ? on_created : on_changed};
    ask.bot.user_id = call->who.user_id;
    ask.bot.created_ms = ask.bot.updated_ms = api_now_ms();
    call_ask(call, &ask);
}

static void ask_symbols(struct call *call)
{
    const struct bot_form *form = call->state;
    struct desk_request ask = {
        .kind = DESK_SYMBOLS, .venue = form->bot.venue, .on_answer = on_symbols};
    call_ask(call, &ask);
}

static void read_form(struct call *call, const struct http_request *request)
{
    struct bot_form *form = malloc(sizeof *form);
    CHECK(form);
    call->state = form;
    form->problem =
        bot_form_read(form, request->body, call->api->options.live_enabled, call->language);
}

static void take_form(struct call *call)
{
    const struct bot_form *form = call->state;
    if (form->problem != PROBLEM_COUNT)
        call_problem_faults(call, form->problem, &form->faults);
    else if (!form->venue_is_known || !form->symbols_are_known)
        call_faults(call, &form->faults);
    else
        ask_symbols(call);
}

void bot_create(struct call *call, const struct http_request *request)
{
    read_form(call, request);
    take_form(call);
}

static void change_found(struct call *call, const struct store_bot *bot)
{
    struct bot_form *form = call->state;
    form->bot.id = bot->id;
    take_form(call);
}

/* What is wrong with the body is told of one's own bots only. */
void bot_change(struct call *call, const struct http_request *request)
{
    read_form(call, request);
    find_bot(call, change_found);
}

/* ---- steering ---- */

static void finish_steering(struct call *call)
{
    read_bot(call, call->bot_id, send_state);
}

static bool shows(const struct call *call, enum desk_request_kind wanted)
{
    const struct board_bot *live = board_bot(&call->api->board, call->bot_id);
    if (!live || !live->has_totals) return false;
    const bool stops = live->totals.state == BOT_STOPPED || live->totals.state == BOT_STOPPING;
    return stops == (wanted == DESK_BOT_STOP);
}

static void steered(struct call *call, const struct desk_answer *answer,
                    enum desk_request_kind wanted)
{
    if (answer->err == ERR_NOT_FOUND)
        call_problem(call, PROBLEM_MARKET_NOT_READY);
    else if (answer->err == ERR_EXISTS)
        call_problem_because(call, PROBLEM_BOT_NOT_IDLE, answer->text);
    else if (answer->err == ERR_CLOSED)
        call_problem(call, PROBLEM_BUSY);
    else if (answer->err)
        call_failed(call, call->route->id, answer->text);
    else if (shows(call, wanted))
        finish_steering(call);
    else
        call_wait(call, STATE_WAIT_MS, finish_steering, finish_steering);
}

static void on_started(void *user, const struct desk_answer *answer)
{
    steered(user, answer, DESK_BOT_START);
}

static void on_stopped(void *user, const struct desk_answer *answer)
{
    steered(user, answer, DESK_BOT_STOP);
}

static void on_removed(void *user, const struct desk_answer *answer)
{
    struct call *call = user;
    if (answer->err == OK)
        call_done(call);
    else
        steered(call, answer, DESK_BOT_REMOVE);
}

static void on_killed(void *user, const struct desk_answer *answer)
{
    struct call *call = user;
    struct json_writer *w = &call->json;
    if (answer->err) {
        steered(call, answer, DESK_KILL);
        return;
    }
    writer_open(w, NULL, '{');
    writer_bool(w, "killed", true);
    writer_u64(w, "bots", answer->count);
    writer_close(w, '}');
    call_send(call, 200);
}

/* The body may be empty or {}; false when the answer is given already. */
static bool is_bare(struct call *call, struct slice body)
{
    struct faults faults = {.language = call->language};
    json_t *object;
    if (body.size == 0) return true;
    const enum problem problem = json_body_read(body, &object, &faults);
    json_body_known(&faults, object, "", NULL, 0);
    json_decref(object);
    if (problem != PROBLEM_COUNT)
        call_problem_faults(call, problem, &faults);
    else if (faults.count)
        call_faults(call, &faults);
    return faults.count == 0;
}

struct steering {
    void (*handle)(struct call *call, const struct http_request *request);
    enum desk_request_kind kind;
    void (*on_answer)(void *user, const struct desk_answer *answer);
};

static const struct steering *steering_of(const struct route *route)
{
    static const struct steering all[] = {
        {bot_start, DESK_BOT_START, on_started},
        {bot_stop, DESK_BOT_STOP, on_stopped},
        {bot_panic, DESK_BOT_PANIC, on_stopped},
        {bot_remove, DESK_BOT_REMOVE, on_removed},
    };
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].handle == route->handle) return &all[i];
    check_failed("a route that steers", __FILE__, __LINE__);
}

static void ask_for(struct call *call, uint64_t bot_id)
{
    const struct steering *s = steering_of(call->route);
    call->bot_id = bot_id;
    struct desk_request ask = {
        .kind = (uint8_t)s->kind, .bot_id = bot_id, .on_answer = s->on_answer};
    call_ask(call, &ask);
}

static void steer_found(struct call *call, const struct store_bot *bot)
{
    ask_for(call, bot->id);
}

/* Whose a bot is, the board knows too once the bot runs: a database that does not answer keeps
 * nobody from stopping one. */
static void steer(struct call *call, const struct http_request *request)
{
    uint64_t bot_id;
    if (!is_bare(call, request->body)) return;
    const struct board_bot *live =
        parse_id(call->params[0], &bot_id) ? board_bot(&call->api->board, bot_id) : NULL;
    if (live && live->user_id == call->who.user_id)
        ask_for(call, bot_id);
    else
        find_bot(call, steer_found);
}

void bot_start(struct call *call, const struct http_request *request)
{
    steer(call, request);
}

void bot_stop(struct call *call, const struct http_request *request)
{
    steer(call, request);
}

void bot_panic(struct call *call, const struct http_request *request)
{
    steer(call, request);
}

void bot_remove(struct call *call, const struct http_request *request)
{
    steer(call, request);
}

void bot_kill(struct call *call, const struct http_request *request)
{
    struct desk_request ask = {.kind = DESK_KILL, .on_answer = on_killed};
    if (is_bare(call, request->body)) call_ask(call, &ask);
}
