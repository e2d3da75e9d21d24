/* Opening the store, its transactions and its writes. */
#include "io/store/store.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/check.h"
#include "base/log.h"
#include "base/slice.h"
#include "io/store/database.h"
#include "io/store/migrate.h"
#include "io/store/row_sql.h"
#include "io/store/store_internal.h"

#define LOCK_PATH_SIZE 4096

static const char *const statement_texts[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [BOOKING_SAVE] = "SAVEPOINT booking",
    [BOOKING_UNDO] = "ROLLBACK TO booking",
    [BOOKING_DONE] = "RELEASE booking",
    [SETTLE] = "INSERT INTO settings (id, install_id, order_id_limit) VALUES (1, ?1, 1)"
               " ON CONFLICT (id) DO NOTHING",
    [DATE_USER] = "UPDATE users SET created_ms = ?1 WHERE id = 1 AND created_ms = 0",
    [INSTALL_ID] = "SELECT install_id FROM settings",
    [ORDER_IDS] = "UPDATE settings SET order_id_limit = ?1 + ?2"
                  " WHERE order_id_limit <= ?1 + ?2 / 2",
    [ORDER_PLACED] =
        "INSERT INTO orders (user_id, " ORDER_COLUMNS ")"
        " SELECT b.user_id, ?1, b.id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25 FROM bots b"
        " WHERE b.id = ?2 AND b.deleted_ms IS NULL",
    [ORDER_CHANGED] = "UPDATE orders SET state = ?2, reason = ?3, filled = ?4, filled_quote = ?5,"
                      " venue_order_id = ?6, venue_code = ?7, updated_ms = ?8 WHERE id = ?1",
    [FILL] = "INSERT INTO fills (user_id, order_id, bot_id, mode, " MARKET_COLUMNS ","
             " venue_trade_id, price, qty, fee, fee_scale, fee_asset, liquidity, created_ms)"
             " SELECT o.user_id, o.id, o.bot_id, o.mode, o.venue, o.symbol, ?5, ?6, ?7, ?8, ?9, "
             "?10, ?11,"
             " ?12, ?13, ?14, ?15, ?16 FROM orders o"
             " WHERE o.id = ?1 AND o.bot_id = ?2 AND o.venue = ?3 AND o.symbol = ?4",
    [POSITION] =
        "INSERT INTO positions (" POSITION_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
        " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
        " ON CONFLICT (bot_id, venue, symbol) DO UPDATE SET is_open = ?2, base = ?3, cost = ?4,"
        " proceeds = ?5, fees = ?6, fees_quote = ?7, bought = ?8, sold = ?9, entry_price = ?10,"
        " peak = ?11, opened_ms = ?12, price_scale = ?15, qty_scale = ?16, base_scale = ?17,"
        " quote_scale = ?18",
    [TOTALS] =
        "INSERT INTO bot_states (" TOTALS_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (bot_id) DO UPDATE SET state = ?2, reason = ?3, day = ?4, day_pnl = ?5,"
        " day_trades = ?6, realized = ?7, trades = ?8, quote_scale = ?9",
    [ROUND_TRIP] =
        "INSERT INTO round_trips (user_id, fill_id, bot_id, mode, " MARKET_COLUMNS ", qty,"
        " entry_price, exit_price, pnl, pnl_ppm, fees, opened_ms, created_ms, exit_reason)"
        " SELECT user_id, id, bot_id, mode, " MARKET_COLUMNS
        ", ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM fills WHERE id = last_insert_rowid()",
    [BOT_INSERT] =
        "INSERT INTO bots (user_id, name, venue, mode, strategy, params, symbols, timeframe, "
        "capital,"
        " quote_scale, sizing_kind, sizing_value, sizing_scale, stop_loss_ppm, take_profit_ppm,"
        " trailing_ppm, max_daily_loss_ppm, daily_target_ppm, max_daily_trades, cooldown_s, wanted,"
        " created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
        " ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
    [BOT_UPDATE] =
        "UPDATE bots SET name = ?2, venue = ?3, mode = ?4, strategy = ?5, params = ?6, symbols = "
        "?7,"
        " timeframe = ?8, capital = ?9, quote_scale = ?10, sizing_kind = ?11, sizing_value = ?12,"
        " sizing_scale = ?13, stop_loss_ppm = ?14, take_profit_ppm = ?15, trailing_ppm = ?16,"
        " max_daily_loss_ppm = ?17, daily_target_ppm = ?18, max_daily_trades = ?19, cooldown_s = "
        "?20,"
        " updated_ms = ?21 WHERE user_id = ?1 AND id = ?22 AND deleted_ms IS NULL",
    [BOT_TIES] = "SELECT (wanted = 'running')"
                 " + 2 * EXISTS (SELECT 1 FROM orders WHERE bot_id = ?2"
                 "               AND state IN ('sent', 'unknown', 'open', 'canceling'))"
                 " + 4 * EXISTS (SELECT 1 FROM positions WHERE bot_id = ?2 AND is_open = 1)"
                 " FROM bots WHERE user_id = ?1 AND id = ?2 AND deleted_ms IS NULL",
    [BOT_DELETE] = "UPDATE bots SET deleted_ms = ?3, updated_ms = ?3"
                   " WHERE user_id = ?1 AND id = ?2 AND deleted_ms IS NULL",
    [BOT_WANT] = "UPDATE bots SET wanted = ?3, updated_ms = ?4"
                 " WHERE user_id = ?1 AND id = ?2 AND deleted_ms IS NULL",
};

static enum err lock_database(struct store *s, const char *path);
static enum err prepare_all(struct store *s);
static enum err settle_in(struct store *s, int64_t now_ms);
static enum err read_install_id(struct store *s);
static enum err make_install_id(char out[INSTALL_ID_SIZE]);
static enum err usable(struct store *s);
static enum err finish(struct store *s, enum err err, const char *doing, uint64_t id);
static enum err run_one(struct store *s, sqlite3_stmt *statement, const char *what, uint64_t id);
static enum err fill_insert(struct store *s, const struct store_booking *booking);
static enum err position_upsert(struct store *s, const struct store_booking *booking);
static enum err totals_upsert(struct store *s, const struct store_totals *totals);
static enum err round_trip_insert(struct store *s, const struct round_trip *trip);
static void bind_bot(struct binder *b, const struct store_bot *bot, const char *symbols);
static enum err check_texts(const struct store_bot *bot, char **symbols);
static char *symbols_text(const struct store_bot *bot);

enum err store_open(const char *path, int64_t now_ms, struct store **out)
{
    *out = NULL;
    struct store *s = calloc(1, sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "out of memory");
    s->lock.fd = -1;
    enum err err = lock_database(s, path);
    if (!err) err = database_open(path, DATABASE_WRITE, STORE_BUSY_TIMEOUT_MS, &s->db);
    if (!err) err = migrate(s->db, migrations, migrations_count, now_ms);
    if (!err) err = prepare_all(s);
    if (!err) err = settle_in(s, now_ms);
    if (err) {
        store_close(s);
        return err_note(err, "while opening the store %s", path);
    }
    *out = s;
    return OK;
}

void store_close(struct store *s)
{
    if (!s) return;
    if (s->db) {
        store_rollback(s);
        for (int i = 0; i < STATEMENT_COUNT; i++) sqlite3_finalize(s->statements[i]);
        const int code = sqlite3_close(s->db);
        CHECK(code == SQLITE_OK);
    }
    file_lock_release(&s->lock);
    free(s);
}

const char *store_install_id(const struct store *s)
{
    return s->install_id;
}

bool store_is_broken(const struct store *s)
{
    return s->broken;
}

enum err store_begin(struct store *s)
{
    CHECK(!s->in_transaction);
    if (s->broken) return usable(s);
    const enum err err = database_run(s->statements[BEGIN]);
    if (err) return err_note(err, "while beginning a transaction");
    s->in_transaction = true;
    s->lost = false;
    return OK;
}

/* Only a full disk and somebody else's lock are known to leave nothing behind: the last thing
 * written is the frame that makes the transaction valid. Of any other failure nobody knows. */
enum err store_commit(struct store *s)
{
    enum err err = usable(s);
    if (!err) err = database_run(s->statements[COMMIT]);
    if (!err) {
        s->in_transaction = false;
        return OK;
    }
    if (err != ERR_LIMIT && err != ERR_TIMEOUT && !s->lost && !s->broken) {
        s->broken = true;
        log_error("store_broken", "cause=\"%s\"", err_text());
        err = err_note(ERR_IO, "the commit failed and its outcome is unknown");
    }
    store_rollback(s);
    return err_note(err, "while committing");
}

void store_rollback(struct store *s)
{
    /* What the failed statement told is worth more than what ROLLBACK may add, and a transaction
     * that SQLite ended itself has nothing to roll back. */
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite3_step(s->statements[ROLLBACK]);
        sqlite3_reset(s->statements[ROLLBACK]);
    }
    s->in_transaction = false;
    s->order_id_floor = 0;
}

enum err store_order_placed(struct store *s, const struct store_order *row)
{
    const struct order *o = &row->order;
    CHECK(o->state == ORDER_SENT);
    enum err err = usable(s);
    if (err) return err;

    struct binder b;
    bind_start(&b, s->statements[ORDER_PLACED]);
    bind_u64(&b, o->id);
    bind_u64(&b, o->bot_id);
    bind_text(&b, mode_name((enum trading_mode)o->mode));
    bind_text(&b, side_name((enum side)o->side));
    bind_text(&b, order_type_name((enum order_type)o->type));
    bind_text(&b, purpose_name((enum purpose)o->purpose));
    bind_text(&b, order_state_name((enum order_state)o->state));
    bind_text(&b, order_reason_name((enum order_reason)o->reason));
    bind_i64(&b, o->qty.units);
    bind_i64(&b, o->price.units);
    bind_i64(&b, o->trigger.units);
    bind_i64(&b, o->filled.units);
    bind_i64(&b, o->filled_quote.units);
    bind_u64(&b, o->venue_order_id);
    bind_i64(&b, o->venue_code);
    bind_text(&b, row->client_order_id);
    bind_text(&b, row->body);
    bind_i64(&b, o->created_ms);
    bind_i64(&b, o->updated_ms);
    bind_market(&b, &row->market);
    err = bind_end(&b);
    if (!err) err = run_one(s, s->statements[ORDER_PLACED], "bot", o->bot_id);
    if (!err) err = store_order_ids_reserve(s, o->id);
    return finish(s, err, "placing order", o->id);
}

enum err store_order_ids_reserve(struct store *s, uint64_t order_id)
{
    if (order_id + STORE_ORDER_ID_BLOCK / 4 < s->order_id_floor) return OK;
    struct binder b;
    bind_start(&b, s->statements[ORDER_IDS]);
    bind_u64(&b, order_id);
    bind_u64(&b, STORE_ORDER_ID_BLOCK);
    enum err err = bind_end(&b);
    if (!err) err = database_run(s->statements[ORDER_IDS]);
    if (!err) s->order_id_floor = order_id + STORE_ORDER_ID_BLOCK / 2;
    return err;
}

enum err store_order_changed(struct store *s, const struct order *o)
{
    enum err err = usable(s);
    if (err) return err;
    struct binder b;
    bind_start(&b, s->statements[ORDER_CHANGED]);
    bind_u64(&b, o->id);
    bind_text(&b, order_state_name((enum order_state)o->state));
    bind_text(&b, order_reason_name((enum order_reason)o->reason));
    bind_i64(&b, o->filled.units);
    bind_i64(&b, o->filled_quote.units);
    bind_u64(&b, o->venue_order_id);
    bind_i64(&b, o->venue_code);
    bind_i64(&b, o->updated_ms);
    err = bind_end(&b);
    if (!err) err = run_one(s, s->statements[ORDER_CHANGED], "order", o->id);
    return finish(s, err, "changing order", o->id);
}

enum err store_fill_booked(struct store *s, const struct store_booking *row)
{
    const struct booking *booking = &row->booking;
    enum err err = usable(s);
    if (err) return err;
    err = database_run(s->statements[BOOKING_SAVE]);
    if (err) return finish(s, err, "booking a fill of order", booking->fill.order_id);

    const struct store_totals totals = {row->bot_id, row->market.quote_scale, booking->totals};
    err = fill_insert(s, row);
    if (!err && booking->closed) err = round_trip_insert(s, &booking->round_trip);
    if (!err) err = store_order_changed(s, &booking->order);
    if (!err) err = position_upsert(s, row);
    if (!err) err = totals_upsert(s, &totals);
    if (err && !sqlite3_get_autocommit(s->db)) {
        const enum err undone = database_run(s->statements[BOOKING_UNDO]);
        if (undone) err = undone;
    }
    if (!sqlite3_get_autocommit(s->db)) {
        const enum err released = database_run(s->statements[BOOKING_DONE]);
        if (released) err = released;
    }
    return finish(s, err, "booking a fill of order", booking->fill.order_id);
}

enum err store_bot_insert(struct store *s, const struct store_bot *bot, uint64_t *id)
{
    CHECK(bot->id == 0);
    enum err err = usable(s);
    if (err) return err;
    char *symbols;
    err = check_texts(bot, &symbols);
    if (err) return err;
    struct binder b;
    bind_start(&b, s->statements[BOT_INSERT]);
    bind_u64(&b, bot->user_id);
    bind_bot(&b, bot, symbols);
    bind_text(&b, bot->running ? "running" : "stopped");
    bind_i64(&b, bot->created_ms);
    bind_i64(&b, bot->updated_ms);
    err = bind_end(&b);
    if (!err) err = database_run(s->statements[BOT_INSERT]);
    if (!err) *id = (uint64_t)sqlite3_last_insert_rowid(s->db);
    free(symbols);
    return finish(s, err, "making a bot of user", bot->user_id);
}

enum err store_bot_update(struct store *s, const struct store_bot *bot)
{
    enum err err = usable(s);
    if (err) return err;
    char *symbols;
    err = check_texts(bot, &symbols);
    if (err) return err;
    struct binder b;
    bind_start(&b, s->statements[BOT_UPDATE]);
    bind_u64(&b, bot->user_id);
    bind_bot(&b, bot, symbols);
    bind_i64(&b, bot->updated_ms);
    bind_u64(&b, bot->id);
    err = bind_end(&b);
    if (!err) err = run_one(s, s->statements[BOT_UPDATE], "bot", bot->id);
    free(symbols);
    return finish(s, err, "changing bot", bot->id);
}

enum err store_bot_delete(struct store *s, uint64_t user_id, uint64_t bot_id, int64_t now_ms)
{
    enum { RUNNING = 1, ORDERS = 2, POSITION_OPEN = 4 };
    enum err err = usable(s);
    if (err) return err;
    int64_t ties = 0;
    struct binder b;
    bind_start(&b, s->statements[BOT_TIES]);
    bind_u64(&b, user_id);
    bind_u64(&b, bot_id);
    err = bind_end(&b);
    if (!err) err = database_run_i64(s->statements[BOT_TIES], &ties);
    if (!err && ties & RUNNING) err = err_set(ERR_INVALID, "the bot runs: stop it first");
    if (!err && ties & ORDERS) err = err_set(ERR_INVALID, "an order of the bot is still open");
    if (!err && ties & POSITION_OPEN) err = err_set(ERR_INVALID, "the bot holds a position");
    if (!err) {
        bind_start(&b, s->statements[BOT_DELETE]);
        bind_u64(&b, user_id);
        bind_u64(&b, bot_id);
        bind_i64(&b, now_ms);
        err = bind_end(&b);
    }
    if (!err) err = run_one(s, s->statements[BOT_DELETE], "bot", bot_id);
    return finish(s, err, "deleting bot", bot_id);
}

enum err store_bot_want(struct store *s, uint64_t user_id, uint64_t bot_id, bool running,
                        int64_t now_ms)
{
    enum err err = usable(s);
    if (err) return err;
    struct binder b;
    bind_start(&b, s->statements[BOT_WANT]);
    bind_u64(&b, user_id);
    bind_u64(&b, bot_id);
    bind_text(&b, running ? "running" : "stopped");
    bind_i64(&b, now_ms);
    err = bind_end(&b);
    if (!err) err = run_one(s, s->statements[BOT_WANT], "bot", bot_id);
    return finish(s, err, running ? "starting bot" : "stopping bot", bot_id);
}

enum err store_bot_totals(struct store *s, const struct store_totals *totals)
{
    enum err err = usable(s);
    if (!err) err = totals_upsert(s, totals);
    return finish(s, err, "keeping the totals of bot", totals->bot_id);
}

static enum err lock_database(struct store *s, const char *path)
{
    char lock_path[LOCK_PATH_SIZE];
    const int size = snprintf(lock_path, sizeof lock_path, "%s-lock", path);
    if (size < 0 || (size_t)size >= sizeof lock_path) {
        return err_set(ERR_LIMIT, "the path is longer than %d bytes", LOCK_PATH_SIZE - 6);
    }
    return file_lock_take(&s->lock, lock_path);
}

static enum err prepare_all(struct store *s)
{
    enum err err = OK;
    for (int i = 0; !err && i < STATEMENT_COUNT; i++) {
        const char *text = statement_texts[i] ? statement_texts[i] : store_load_texts[i];
        err = database_prepare(s->db, text, &s->statements[i]);
    }
    return err;
}

/* The first open makes the installation's row and dates its user; every open reads the row. */
static enum err settle_in(struct store *s, int64_t now_ms)
{
    char install_id[INSTALL_ID_SIZE];
    enum err err = make_install_id(install_id);
    if (!err) err = store_begin(s);
    if (err) return err;
    sqlite3_bind_text(s->statements[SETTLE], 1, install_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s->statements[DATE_USER], 1, now_ms);
    err = database_run(s->statements[SETTLE]);
    if (!err) err = database_run(s->statements[DATE_USER]);
    if (!err) err = read_install_id(s);
    if (!err) return store_commit(s);
    store_rollback(s);
    return err;
}

static enum err read_install_id(struct store *s)
{
    sqlite3_stmt *read = s->statements[INSTALL_ID];
    enum err err = OK;
    if (sqlite3_step(read) != SQLITE_ROW) {
        err = database_error(s->db);
    } else {
        const char *text = (const char *)sqlite3_column_text(read, 0);
        if (!text || !slice_copy(slice_of(text), s->install_id, INSTALL_ID_SIZE)) {
            err = err_set(ERR_PARSE, "the installation's id cannot be read");
        }
    }
    sqlite3_reset(read);
    return err;
}

static enum err make_install_id(char out[INSTALL_ID_SIZE])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random) {
        return err_set(ERR_IO, "no random numbers from the system: %s", strerror(errno));
    }
    for (int i = 0; i < INSTALL_ID_SIZE - 1; i++) {
        out[i] = letters[random % 36];
        random /= 36;
    }
    out[INSTALL_ID_SIZE - 1] = '\0';
    return OK;
}

/* A transaction that a failure ended must not go on as single statements,
 * each committed by itself. */
static enum err usable(struct store *s)
{
    if (s->broken) {
        return err_set(ERR_IO, "the store failed earlier and takes no writes until it is reopened");
    }
    CHECK(s->in_transaction);
    if (s->lost || sqlite3_get_autocommit(s->db)) {
        s->lost = true;
        return err_set(ERR_IO, "the transaction was lost by an earlier failure");
    }
    return OK;
}

/* Notes whether the transaction survived. */
static enum err finish(struct store *s, enum err err, const char *doing, uint64_t id)
{
    if (!err) return OK;
    if (err != ERR_EXISTS && err != ERR_NOT_FOUND && err != ERR_INVALID) s->lost = true;
    return err_note(err, "while %s %llu", doing, (unsigned long long)id);
}

/* For statements that change exactly one row, or find nothing to change. */
static enum err run_one(struct store *s, sqlite3_stmt *statement, const char *what, uint64_t id)
{
    const enum err err = database_run(statement);
    if (err) return err;
    if (sqlite3_changes(s->db) == 1) return OK;
    return err_set(ERR_NOT_FOUND, "there is no %s %llu", what, (unsigned long long)id);
}

static enum err fill_insert(struct store *s, const struct store_booking *row)
{
    const struct fill *f = &row->booking.fill;
    const struct store_market *m = &row->market;
    struct binder b;
    bind_start(&b, s->statements[FILL]);
    bind_u64(&b, f->order_id);
    bind_u64(&b, row->bot_id);
    bind_market(&b, m);
    bind_u64(&b, f->venue_trade_id);
    bind_i64(&b, f->price.units);
    bind_i64(&b, f->qty.units);
    bind_i64(&b, f->fee.units);
    bind_i64(&b, f->fee_scale);
    bind_text(&b, f->fee_asset);
    bind_text(&b, liquidity_name((enum liquidity)f->liquidity));
    bind_i64(&b, f->time_ms);
    const enum err err = bind_end(&b);
    return err ? err : run_one(s, s->statements[FILL], "such order of the bot:", f->order_id);
}

static enum err round_trip_insert(struct store *s, const struct round_trip *t)
{
    struct binder b;
    bind_start(&b, s->statements[ROUND_TRIP]);
    bind_i64(&b, t->qty.units);
    bind_i64(&b, t->entry_price.units);
    bind_i64(&b, t->exit_price.units);
    bind_i64(&b, t->pnl.units);
    bind_i64(&b, t->pnl_ppm);
    bind_i64(&b, t->fees.units);
    bind_i64(&b, t->opened_ms);
    bind_i64(&b, t->closed_ms);
    bind_text(&b, purpose_name((enum purpose)t->exit_reason));
    const enum err err = bind_end(&b);
    return err ? err : database_run(s->statements[ROUND_TRIP]);
}

static enum err position_upsert(struct store *s, const struct store_booking *row)
{
    const struct position *p = &row->booking.position;
    struct binder b;
    bind_start(&b, s->statements[POSITION]);
    bind_u64(&b, row->bot_id);
    bind_i64(&b, p->open);
    bind_i64(&b, p->base.units);
    bind_i64(&b, p->cost.units);
    bind_i64(&b, p->proceeds.units);
    bind_i64(&b, p->fees.units);
    bind_i64(&b, p->fees_quote.units);
    bind_i64(&b, p->bought.units);
    bind_i64(&b, p->sold.units);
    bind_i64(&b, p->entry_price.units);
    bind_i64(&b, p->peak.units);
    bind_i64(&b, p->opened_ms);
    bind_market(&b, &row->market);
    const enum err err = bind_end(&b);
    return err ? err : database_run(s->statements[POSITION]);
}

static enum err totals_upsert(struct store *s, const struct store_totals *row)
{
    const struct bot_totals *t = &row->totals;
    struct binder b;
    bind_start(&b, s->statements[TOTALS]);
    bind_u64(&b, row->bot_id);
    bind_text(&b, bot_state_name((enum bot_state)t->state));
    bind_text(&b, bot_reason_name((enum bot_reason)t->reason));
    bind_i64(&b, t->day);
    bind_i64(&b, t->day_pnl.units);
    bind_i64(&b, t->day_trades);
    bind_i64(&b, t->realized.units);
    bind_u64(&b, t->trades);
    bind_i64(&b, row->quote_scale);
    const enum err err = bind_end(&b);
    return err ? err : database_run(s->statements[TOTALS]);
}

static void bind_bot(struct binder *b, const struct store_bot *bot, const char *symbols)
{
    bind_text(b, bot->name);
    bind_text(b, venue_name((enum venue)bot->venue));
    bind_text(b, mode_name((enum trading_mode)bot->mode));
    bind_text(b, bot->strategy);
    bind_text(b, bot->params);
    bind_text(b, symbols);
    bind_text(b, timeframe_name((enum timeframe)bot->timeframe));
    bind_i64(b, bot->capital.units);
    bind_i64(b, bot->quote_scale);
    bind_text(b, sizing_kind_name((enum sizing_kind)bot->sizing_kind));
    bind_i64(b, bot->sizing_value);
    bind_i64(b, bot->sizing_scale);
    bind_i64(b, bot->risk.stop_loss_ppm);
    bind_i64(b, bot->risk.take_profit_ppm);
    bind_i64(b, bot->risk.trailing_ppm);
    bind_i64(b, bot->risk.max_daily_loss_ppm);
    bind_i64(b, bot->risk.daily_target_ppm);
    bind_i64(b, bot->risk.max_daily_trades);
    bind_i64(b, bot->risk.cooldown_s);
}

/* *symbols is a JSON array from malloc. */
static enum err check_texts(const struct store_bot *bot, char **symbols)
{
    json_t *params = json_loads(bot->params, JSON_REJECT_DUPLICATES, NULL);
    const bool is_object = json_is_object(params);
    json_decref(params);
    if (!is_object) {
        return err_set(ERR_INVALID, "the parameters of bot %s are not a JSON object", bot->name);
    }
    *symbols = symbols_text(bot);
    if (!*symbols) return err_set(ERR_INVALID, "the symbols of bot %s are not text", bot->name);
    return OK;
}

/* A JSON array, from malloc; NULL where a symbol is not UTF-8. */
static char *symbols_text(const struct store_bot *bot)
{
    CHECK(bot->symbol_count <= BOT_SYMBOLS_MAX);
    json_t *list = json_array();
    bool whole = list != NULL;
    for (int i = 0; whole && i < bot->symbol_count; i++) {
        whole = json_array_append_new(list, json_string(bot->symbols[i])) == 0;
    }
    char *text = whole ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}
