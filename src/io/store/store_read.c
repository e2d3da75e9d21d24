/* Paged queries for people. */
#include "io/store/store_read.h"

#include <stdlib.h>

#include "base/check.h"
#include "io/store/row_sql.h"
#include "io/store/store.h"

/* Every list has three statements: where a page begins (the time of the row before it), the page of
 * all bots, the page of one. Two texts, not one with "or bot_id is any", so that each walks an
 * index in order and stops after `limit` rows. */
#define PLACE(table) "SELECT created_ms FROM " table " WHERE user_id = ?1 AND id = ?2"
#define PAGE(table, columns, filter)                                                               \
    "SELECT " columns " FROM " table " WHERE user_id = ?1 AND " filter                             \
    " AND (created_ms, id) < (?3, ?4) ORDER BY created_ms DESC, id DESC LIMIT ?5"
/* ?2 must appear in every text; for all bots it is 0. */
#define OF_ALL "?2 = 0"
#define OF_ONE "bot_id = ?2"
#define LIVING " AND deleted_ms IS NULL"

enum query {
    BOT_ONE,
    BOTS_PLACE,
    BOTS_ALL,
    ORDERS_PLACE,
    ORDERS_ALL,
    ORDERS_OF_BOT,
    FILLS_PLACE,
    FILLS_ALL,
    FILLS_OF_BOT,
    TRIPS_PLACE,
    TRIPS_ALL,
    TRIPS_OF_BOT,
    QUERY_COUNT
};

struct store_reader {
    struct sql *db;
    struct sql_statement *queries[QUERY_COUNT];
};

static const char *const query_texts[QUERY_COUNT] = {
    [BOT_ONE] = "SELECT " BOT_COLUMNS " FROM bots WHERE user_id = ?1 AND id = ?2" LIVING,
    [BOTS_PLACE] = PLACE("bots"),
    [BOTS_ALL] = PAGE("bots", BOT_COLUMNS, OF_ALL LIVING),
    [ORDERS_PLACE] = PLACE("orders"),
    [ORDERS_ALL] = PAGE("orders", ORDER_COLUMNS, OF_ALL),
    [ORDERS_OF_BOT] = PAGE("orders", ORDER_COLUMNS, OF_ONE),
    [FILLS_PLACE] = PLACE("fills"),
    [FILLS_ALL] = PAGE("fills", FILL_COLUMNS, OF_ALL),
    [FILLS_OF_BOT] = PAGE("fills", FILL_COLUMNS, OF_ONE),
    [TRIPS_PLACE] = PLACE("round_trips"),
    [TRIPS_ALL] = PAGE("round_trips", ROUND_TRIP_COLUMNS, OF_ALL),
    [TRIPS_OF_BOT] = PAGE("round_trips", ROUND_TRIP_COLUMNS, OF_ONE),
};

static enum err find_one(struct sql_statement *query, uint64_t user_id, uint64_t id);
static enum err start_page(struct store_reader *r, enum query place, const struct store_page *page,
                           struct sql_statement *rows);

enum err store_reader_open(const char *url, struct store_reader **out)
{
    return store_reader_open_within(url, STORE_BUSY_TIMEOUT_MS, out);
}

enum err store_reader_open_within(const char *url, uint32_t timeout_ms, struct store_reader **out)
{
    *out = NULL;
    struct store_reader *r = calloc(1, sizeof *r);
    if (!r) return err_set(ERR_NO_MEMORY, "out of memory");
    enum err err = sql_open(url, SQL_READ, timeout_ms, &r->db);
    for (int i = 0; !err && i < QUERY_COUNT; i++) {
        err = sql_prepare(r->db, query_texts[i], &r->queries[i]);
    }
    if (err) {
        store_reader_close(r);
        return err_note(err, "while opening the store for reading");
    }
    *out = r;
    return OK;
}

void store_reader_close(struct store_reader *r)
{
    if (!r) return;
    sql_close(r->db);
    free(r);
}

struct sql *store_reader_sql(struct store_reader *r)
{
    return r->db;
}

const char *store_read_list_text(uint32_t index)
{
    static const uint8_t lists[] = {BOTS_ALL,     ORDERS_ALL, ORDERS_OF_BOT, FILLS_ALL,
                                    FILLS_OF_BOT, TRIPS_ALL,  TRIPS_OF_BOT};
    return index < sizeof lists ? query_texts[lists[index]] : NULL;
}

enum err store_read_bot(struct store_reader *r, uint64_t user_id, uint64_t bot_id,
                        struct store_bot *out)
{
    struct sql_statement *query = r->queries[BOT_ONE];
    enum err err = find_one(query, user_id, bot_id);
    if (!err) err = row_bot(query, out);
    sql_reset(query);
    return err;
}

enum err store_read_bots(struct store_reader *r, const struct store_page *page,
                         void (*on_bot)(void *user, const struct store_bot *bot), void *user)
{
    CHECK(page->bot_id == 0);
    struct sql_statement *rows = r->queries[BOTS_ALL];
    struct store_bot bot;
    bool more;
    enum err err = start_page(r, BOTS_PLACE, page, rows);
    while (!err && !(err = sql_next(rows, &more)) && more) {
        err = row_bot(rows, &bot);
        if (!err) on_bot(user, &bot);
    }
    sql_reset(rows);
    return err;
}

enum err store_read_orders(struct store_reader *r, const struct store_page *page,
                           void (*on_order)(void *user, const struct store_order *order),
                           void *user)
{
    struct sql_statement *rows = r->queries[page->bot_id ? ORDERS_OF_BOT : ORDERS_ALL];
    struct store_order order;
    bool more;
    enum err err = start_page(r, ORDERS_PLACE, page, rows);
    while (!err && !(err = sql_next(rows, &more)) && more) {
        err = row_order(rows, &order);
        if (!err) on_order(user, &order);
    }
    sql_reset(rows);
    return err;
}

enum err store_read_fills(struct store_reader *r, const struct store_page *page,
                          void (*on_fill)(void *user, const struct store_fill *fill), void *user)
{
    struct sql_statement *rows = r->queries[page->bot_id ? FILLS_OF_BOT : FILLS_ALL];
    struct store_fill fill;
    bool more;
    enum err err = start_page(r, FILLS_PLACE, page, rows);
    while (!err && !(err = sql_next(rows, &more)) && more) {
        err = row_fill(rows, &fill);
        if (!err) on_fill(user, &fill);
    }
    sql_reset(rows);
    return err;
}

enum err store_read_round_trips(struct store_reader *r, const struct store_page *page,
                                void (*on_trip)(void *user, const struct store_round_trip *trip),
                                void *user)
{
    struct sql_statement *rows = r->queries[page->bot_id ? TRIPS_OF_BOT : TRIPS_ALL];
    struct store_round_trip trip;
    bool more;
    enum err err = start_page(r, TRIPS_PLACE, page, rows);
    while (!err && !(err = sql_next(rows, &more)) && more) {
        err = row_round_trip(rows, &trip);
        if (!err) on_trip(user, &trip);
    }
    sql_reset(rows);
    return err;
}

static enum err find_one(struct sql_statement *query, uint64_t user_id, uint64_t id)
{
    sql_u64(query, user_id);
    sql_u64(query, id);
    bool more;
    enum err err = sql_next(query, &more);
    if (!err && !more) {
        err = err_set(ERR_NOT_FOUND, "there is no such row %llu", (unsigned long long)id);
    }
    return err;
}

/* A page that begins behind a row which is not this user's is empty. */
static enum err start_page(struct store_reader *r, enum query place, const struct store_page *page,
                           struct sql_statement *rows)
{
    CHECK(page->limit >= 1 && page->limit <= STORE_PAGE_MAX);
    int64_t time_ms = INT64_MAX, id = INT64_MAX;
    if (page->before_id) {
        struct sql_statement *query = r->queries[place];
        enum err err = find_one(query, page->user_id, page->before_id);
        time_ms = err ? INT64_MIN : sql_column_i64(query, 0);
        id = (int64_t)page->before_id;
        sql_reset(query);
        if (err && err != ERR_NOT_FOUND) return err;
    }
    sql_u64(rows, page->user_id);
    sql_u64(rows, page->bot_id);
    sql_i64(rows, time_ms);
    sql_i64(rows, id);
    sql_i64(rows, page->limit);
    return OK;
}
