/* Lists out of the store, and the positions that are open. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "service/api/balances.h"
#include "service/api/query.h"
#include "service/api/route.h"
#include "service/api/views.h"

enum { ADDING_PAGE = 100 }; /* bots of a read */

/* A list on its way from the store into an answer. Its text is written where it is read, but for
 * bots: those are shown with what the board knows of them, which is the loop's. */
struct listing {
    struct read read;
    struct store_page page;
    struct store_bot *bots;
    struct buffer text;
    struct json_writer json; /* into text */
    uint64_t last_id;
    uint32_t count;
    enum err (*list)(struct store_reader *reader, struct listing *list);
};

static void list_open(struct json_writer *w)
{
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
}

/* last_id 0: there is no page behind this one. */
static void list_close(struct json_writer *w, uint64_t last_id)
{
    char cursor[24] = "";
    writer_close(w, ']');
    if (last_id) snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)last_id);
    writer_text_or_null(w, "next_cursor", cursor);
    writer_close(w, '}');
}

/* The page that is asked for; false when the answer is given already. */
static bool read_page(struct call *call, const struct http_request *request,
                      struct store_page *page)
{
    struct faults faults = {.language = call->language};
    if (query_page(call, request, page, &faults)) return true;
    call_faults(call, &faults);
    return false;
}

static void list_count(struct listing *list, uint64_t id)
{
    list->last_id = id;
    list->count++;
}

static void on_bot(void *user, const struct store_bot *bot)
{
    struct listing *list = user;
    list->bots[list->count] = *bot;
    list_count(list, bot->id);
}

static void on_order(void *user, const struct store_order *order)
{
    struct listing *list = user;
    view_order(&list->json, order);
    list_count(list, order->order.id);
}

static void on_fill(void *user, const struct store_fill *fill)
{
    struct listing *list = user;
    view_fill(&list->json, fill);
    list_count(list, fill->id);
}

static void on_trip(void *user, const struct store_round_trip *trip)
{
    struct listing *list = user;
    view_round_trip(&list->json, trip);
    list_count(list, trip->id);
}

enum err list_bots(struct store_reader *reader, struct listing *list)
{
    list->bots = malloc(list->page.limit * sizeof *list->bots);
    CHECK(list->bots);
    return store_read_bots(reader, &list->page, on_bot, list);
}

enum err list_orders(struct store_reader *reader, struct listing *list)
{
    return store_read_orders(reader, &list->page, on_order, list);
}

enum err list_fills(struct store_reader *reader, struct listing *list)
{
    return store_read_fills(reader, &list->page, on_fill, list);
}

enum err list_trades(struct store_reader *reader, struct listing *list)
{
    return store_read_round_trips(reader, &list->page, on_trip, list);
}

static struct listing *listing_of(struct read *read)
{
    return (struct listing *)read;
}

static enum err run_list(struct store_reader *reader, struct read *read)
{
    struct listing *list = listing_of(read);
    list->json.out = &list->text;
    list_open(&list->json);
    return list->list(reader, list);
}

/* A full page may have another behind it. */
static void send_list(struct call *call, struct read *read)
{
    struct listing *list = listing_of(read);
    for (uint32_t i = 0; list->bots && i < list->count; i++)
        view_bot(&list->json, &list->bots[i], board_bot(&call->api->board, list->bots[i].id));
    list_close(&list->json, list->count == list->page.limit ? list->last_id : 0);
    call_send_text(call, &list->text);
}

static void drop_list(struct read *read)
{
    struct listing *list = listing_of(read);
    buffer_deinit(&list->text);
    free(list->bots);
}

static void ask_list(struct call *call, const struct store_page *page,
                     enum err (*run)(struct store_reader *reader, struct read *read))
{
    struct listing *list = read_new(sizeof *list, run, send_list);
    list->read.drop = drop_list;
    list->list = call->route->list;
    list->page = *page;
    call_read(call, &list->read);
}

/* Of a bot that is not there, or not there any more, there is no list. */
static enum err run_list_of_bot(struct store_reader *reader, struct read *read)
{
    const struct store_page *page = &listing_of(read)->page;
    struct store_bot bot;
    const enum err err = store_read_bot(reader, page->user_id, page->bot_id, &bot);
    return err ? err : run_list(reader, read);
}

void history_of_bot(struct call *call, const struct http_request *request)
{
    struct store_page page;
    if (!read_page(call, request, &page)) return;
    if (parse_id(call->params[0], &page.bot_id))
        ask_list(call, &page, run_list_of_bot);
    else
        call_problem(call, PROBLEM_NOT_FOUND);
}

void history_list(struct call *call, const struct http_request *request)
{
    struct store_page page;
    if (!read_page(call, request, &page)) return;
    ask_list(call, &page, run_list);
}

/* Page after page of somebody's bots, each added up on the loop, where the board is. */
struct adding {
    struct read read;
    struct store_page page;
    struct balances balances;
    struct store_bot *bots;
    uint32_t count;
};

static struct adding *adding_of(struct read *read)
{
    return (struct adding *)read;
}

static void keep_bot(void *user, const struct store_bot *bot)
{
    struct adding *adding = user;
    adding->bots[adding->count++] = *bot;
}

static enum err run_adding(struct store_reader *reader, struct read *read)
{
    struct adding *adding = adding_of(read);
    adding->count = 0;
    return store_read_bots(reader, &adding->page, keep_bot, adding);
}

static void add_page(struct call *call, struct read *read)
{
    struct adding *adding = adding_of(read);
    for (uint32_t i = 0; i < adding->count; i++)
        balances_add(&adding->balances, &adding->bots[i], &call->api->board);
    if (adding->balances.failed) {
        call_failed(call, call->route->id, "the balances do not add up in 63 bits");
    } else if (adding->count == adding->page.limit) {
        adding->page.before_id = adding->bots[adding->count - 1].id;
        call_read(call, read);
    } else {
        view_balances(&call->json, &adding->balances);
        call_send(call, 200);
    }
}

static void drop_adding(struct read *read)
{
    struct adding *adding = adding_of(read);
    balances_deinit(&adding->balances);
    free(adding->bots);
}

void history_balances(struct call *call, const struct http_request *request)
{
    struct adding *adding = read_new(sizeof *adding, run_adding, add_page);
    (void)request;
    adding->read.drop = drop_adding;
    adding->page = (struct store_page){.user_id = call->who.user_id, .limit = ADDING_PAGE};
    adding->bots = malloc(ADDING_PAGE * sizeof *adding->bots);
    CHECK(adding->bots);
    call_read(call, &adding->read);
}

/* A page of positions on its way from the board. */
struct positions {
    struct json_writer *w;
    uint64_t last_id;
    uint32_t count, limit;
};

/* Writes a bot's open positions from leg `first` on;
 * false when the page was full before the end. */
static bool list_bot(struct positions *list, const struct board *board, const struct board_bot *bot,
                     uint32_t first)
{
    for (uint32_t i = first; i < bot->leg_count; i++) {
        const struct board_market *m = board_market(board, bot->legs[i].instrument);
        if (!m || !bot->legs[i].position.open) continue;
        if (list->count == list->limit) return false;
        writer_open(list->w, NULL, '{');
        writer_u64(list->w, "bot_id", bot->id);
        writer_text(list->w, "venue", venue_name((enum venue)m->rules.venue));
        view_position(list->w, m, &bot->legs[i]);
        writer_close(list->w, '}');
        list->last_id = bot->id * BOT_SYMBOLS_MAX + i;
        list->count++;
    }
    return true;
}

/* A position has no id of its own: its cursor is the place of bot and leg, by bot upward. */
void history_positions(struct call *call, const struct http_request *request)
{
    const struct board *board = &call->api->board;
    struct store_page page;
    if (!read_page(call, request, &page)) return;
    struct positions list = {.w = &call->json, .limit = page.limit};
    list_open(list.w);
    const uint64_t start = page.before_id ? page.before_id + 1 : 0;
    bool more = false;
    for (uint32_t b = board_bot_place(board, start / BOT_SYMBOLS_MAX); b < board->bot_count; b++) {
        const struct board_bot *bot = &board->bots[b];
        const bool is_first = bot->id == start / BOT_SYMBOLS_MAX;
        if (bot->user_id != page.user_id) continue;
        if (page.bot_id && bot->id != page.bot_id) continue;
        const uint32_t leg = is_first ? (uint32_t)(start % BOT_SYMBOLS_MAX) : 0;
        more = !list_bot(&list, board, bot, leg);
        if (more) break;
    }
    list_close(list.w, more ? list.last_id : 0);
    call_send(call, 200);
}
