/* Lists out of the store, and the positions that are open. */
#include <stdio.h>

#include "service/api/balances.h"
#include "service/api/query.h"
#include "service/api/route.h"
#include "service/api/views.h"

/* A list on its way from the store into an answer. */
struct listing {
    struct call *call;
    struct json_writer *w;
    uint64_t last_id;
    uint32_t count;
};

static struct listing list_open(struct call *call)
{
    writer_open(&call->json, NULL, '{');
    writer_open(&call->json, "items", '[');
    return (struct listing){.call = call, .w = &call->json};
}

/* A full page may have another behind it. */
static void list_send(const struct listing *list, uint32_t limit, enum err err)
{
    struct call *call = list->call;
    char cursor[24];
    if (err) {
        call_failed(call, call->route->id, err_text());
        return;
    }
    writer_close(&call->json, ']');
    snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)list->last_id);
    writer_text_or_null(&call->json, "next_cursor", list->count == limit ? cursor : "");
    writer_close(&call->json, '}');
    call_send(call, 200);
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
    view_bot(list->w, bot, board_bot(&list->call->api->board, bot->id));
    list_count(list, bot->id);
}

static void on_order(void *user, const struct store_order *order)
{
    struct listing *list = user;
    view_order(list->w, order);
    list_count(list, order->order.id);
}

static void on_fill(void *user, const struct store_fill *fill)
{
    struct listing *list = user;
    view_fill(list->w, fill);
    list_count(list, fill->id);
}

static void on_trip(void *user, const struct store_round_trip *trip)
{
    struct listing *list = user;
    view_round_trip(list->w, trip);
    list_count(list, trip->id);
}

enum err list_bots(struct listing *list, const struct store_page *page)
{
    return store_read_bots(list->call->api->reader, page, on_bot, list);
}

enum err list_orders(struct listing *list, const struct store_page *page)
{
    return store_read_orders(list->call->api->reader, page, on_order, list);
}

enum err list_fills(struct listing *list, const struct store_page *page)
{
    return store_read_fills(list->call->api->reader, page, on_fill, list);
}

enum err list_trades(struct listing *list, const struct store_page *page)
{
    return store_read_round_trips(list->call->api->reader, page, on_trip, list);
}

void history_list(struct call *call, const struct http_request *request)
{
    struct store_page page;
    if (!read_page(call, request, &page)) return;
    struct listing list = list_open(call);
    const enum err err = call->route->list(&list, &page);
    list_send(&list, page.limit, err);
}

struct adding {
    struct balances balances;
    const struct board *board;
    uint64_t last_id;
    uint32_t count;
};

static void add_bot(void *user, const struct store_bot *bot)
{
    struct adding *adding = user;
    balances_add(&adding->balances, bot, adding->board);
    adding->last_id = bot->id;
    adding->count++;
}

static enum err add_bots(struct call *call, struct adding *adding)
{
    struct store_page page = {.user_id = call->who.user_id, .limit = STORE_PAGE_MAX};
    enum err err = OK;
    do {
        adding->count = 0;
        err = store_read_bots(call->api->reader, &page, add_bot, adding);
        page.before_id = adding->last_id;
    } while (!err && adding->count == page.limit);
    if (!err && adding->balances.failed)
        err = err_set(ERR_LIMIT, "the balances of user %llu do not add up in 63 bits",
                      (unsigned long long)call->who.user_id);
    return err;
}

void history_balances(struct call *call, const struct http_request *request)
{
    struct adding adding = {.board = &call->api->board};
    (void)request;
    if (add_bots(call, &adding) == OK) {
        view_balances(&call->json, &adding.balances);
        call_send(call, 200);
    } else {
        call_failed(call, call->route->id, err_text());
    }
    balances_deinit(&adding.balances);
}

/* Writes a bot's open positions from leg `first` on;
 * false when the page was full before the end. */
static bool list_bot(struct listing *list, const struct board *board, const struct board_bot *bot,
                     uint32_t first, uint32_t limit)
{
    for (uint32_t i = first; i < bot->leg_count; i++) {
        const struct board_market *m = board_market(board, bot->legs[i].instrument);
        if (!m || !bot->legs[i].position.open) continue;
        if (list->count == limit) return false;
        writer_open(list->w, NULL, '{');
        writer_u64(list->w, "bot_id", bot->id);
        writer_text(list->w, "venue", venue_name((enum venue)m->rules.venue));
        view_position(list->w, m, &bot->legs[i]);
        writer_close(list->w, '}');
        list_count(list, bot->id * BOT_SYMBOLS_MAX + i);
    }
    return true;
}

/* A position has no id of its own: its cursor is the place of bot and leg, by bot upward. */
void history_positions(struct call *call, const struct http_request *request)
{
    const struct board *board = &call->api->board;
    struct store_page page;
    if (!read_page(call, request, &page)) return;
    struct listing list = list_open(call);
    const uint64_t start = page.before_id ? page.before_id + 1 : 0;
    bool more = false;
    for (uint32_t b = board_bot_place(board, start / BOT_SYMBOLS_MAX); b < board->bot_count; b++) {
        const struct board_bot *bot = &board->bots[b];
        const bool is_first = bot->id == start / BOT_SYMBOLS_MAX;
        if (bot->user_id != page.user_id) continue;
        if (page.bot_id && bot->id != page.bot_id) continue;
        const uint32_t leg = is_first ? (uint32_t)(start % BOT_SYMBOLS_MAX) : 0;
        more = !list_bot(&list, board, bot, leg, page.limit);
        if (more) break;
    }
    list_send(&list, more ? list.count : list.count + 1, OK);
}
