/* Telling the engine, at start, what the store kept. */
#include "io/store/row_sql.h"
#include "io/store/store.h"
#include "io/store/store_internal.h"

#define OPEN_STATES "('sent', 'unknown', 'open', 'canceling')"
/* The paper venue has no memory, so its closed orders get no late news. */
#define TOLD_ORDER(newest)                                                                         \
    "(state IN " OPEN_STATES " OR (mode = 'live' AND id IN"                                        \
    " (SELECT id FROM orders ORDER BY id DESC LIMIT " newest ")))"
#define OF_LIVING_BOTS "bot_id IN (SELECT id FROM bots WHERE deleted_ms IS NULL)"

const char *const store_load_texts[STATEMENT_COUNT] = {
    [LOAD_BOTS] = "SELECT " BOT_COLUMNS " FROM bots WHERE deleted_ms IS NULL ORDER BY id",
    [LOAD_TOTALS] =
        "SELECT " TOTALS_COLUMNS " FROM bot_states WHERE " OF_LIVING_BOTS " ORDER BY bot_id",
    [LOAD_POSITIONS] = "SELECT " POSITION_COLUMNS " FROM positions WHERE " OF_LIVING_BOTS
                       " ORDER BY bot_id, venue, symbol",
    [LOAD_ORDERS] = "SELECT " ORDER_COLUMNS " FROM orders WHERE " TOLD_ORDER("?1") " ORDER BY id",
    [LOAD_FILLS] = "SELECT " FILL_COLUMNS " FROM fills"
                   " WHERE id IN (SELECT id FROM fills ORDER BY id DESC LIMIT ?1)"
                   " OR order_id IN (SELECT id FROM orders WHERE " TOLD_ORDER("?2") ") ORDER BY id",
    [NEXT_ORDER_ID] = "SELECT order_id_limit FROM settings",
};

static enum err load_rows(struct store *s, const struct store_loader *loader);
static enum err load_bots(struct store *s, const struct store_loader *loader);
static enum err load_totals(struct store *s, const struct store_loader *loader);
static enum err load_positions(struct store *s, const struct store_loader *loader);
static enum err load_orders(struct store *s, const struct store_loader *loader);
static enum err load_fills(struct store *s, const struct store_loader *loader);

enum err store_load(struct store *s, const struct store_loader *loader, uint64_t *next_order_id)
{
    int64_t limit = 0;
    enum err err = store_begin(s);
    if (err) return err;
    err = load_rows(s, loader);
    if (!err) err = sql_run_i64(s->statements[NEXT_ORDER_ID], &limit);
    if (!err) err = store_order_ids_reserve(s, (uint64_t)limit);
    if (err) {
        store_rollback(s);
        return err_note(err, "while loading the store");
    }
    *next_order_id = (uint64_t)limit;
    return store_commit(s);
}

static enum err load_rows(struct store *s, const struct store_loader *loader)
{
    enum err err = load_bots(s, loader);
    if (!err) err = load_totals(s, loader);
    if (!err) err = load_positions(s, loader);
    if (!err) err = load_orders(s, loader);
    if (!err) err = load_fills(s, loader);
    return err;
}

static enum err load_bots(struct store *s, const struct store_loader *loader)
{
    struct sql_statement *rows = s->statements[LOAD_BOTS];
    struct store_bot bot;
    bool more;
    enum err err;
    while (!(err = sql_next(rows, &more)) && more) {
        err = row_bot(rows, &bot);
        if (err) break;
        loader->on_bot(loader->user, &bot);
    }
    sql_reset(rows);
    return err;
}

static enum err load_totals(struct store *s, const struct store_loader *loader)
{
    struct sql_statement *rows = s->statements[LOAD_TOTALS];
    struct store_totals totals;
    bool more;
    enum err err;
    while (!(err = sql_next(rows, &more)) && more) {
        err = row_totals(rows, &totals);
        if (err) break;
        loader->on_totals(loader->user, &totals);
    }
    sql_reset(rows);
    return err;
}

static enum err load_positions(struct store *s, const struct store_loader *loader)
{
    struct sql_statement *rows = s->statements[LOAD_POSITIONS];
    struct store_position position;
    bool more;
    enum err err;
    while (!(err = sql_next(rows, &more)) && more) {
        err = row_position(rows, &position);
        if (err) break;
        loader->on_position(loader->user, &position);
    }
    sql_reset(rows);
    return err;
}

static enum err load_orders(struct store *s, const struct store_loader *loader)
{
    struct sql_statement *rows = s->statements[LOAD_ORDERS];
    struct store_order order;
    bool more;
    enum err err;
    sql_i64(rows, loader->order_count);
    while (!(err = sql_next(rows, &more)) && more) {
        err = row_order(rows, &order);
        if (err) break;
        loader->on_order(loader->user, &order);
    }
    sql_reset(rows);
    return err;
}

static enum err load_fills(struct store *s, const struct store_loader *loader)
{
    struct sql_statement *rows = s->statements[LOAD_FILLS];
    struct store_fill fill;
    bool more;
    enum err err;
    sql_i64(rows, loader->fill_count);
    sql_i64(rows, loader->order_count);
    while (!(err = sql_next(rows, &more)) && more) {
        err = row_fill(rows, &fill);
        if (err) break;
        loader->on_fill(loader->user, &fill);
    }
    sql_reset(rows);
    return err;
}
