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
#include "io/store/migrate.h"
#include "io/store/row_sql.h"
#include "io/store/store_internal.h"

static const char *const statement_texts[STATEMENT_COUNT] = {
    [SETTLE] = "INSERT INTO settings (id, install_id, order_id_limit) VALUES (1, ?1, 1)"
               " ON CONFLICT (id) DO NOTHING",
    [DATE_USER] = "UPDATE users SET created_ms = ?1 WHERE id = 1 AND created_ms = 0",
    [INSTALL_ID] = "SELECT install_id FROM settings",
    [ORDER_IDS] = "UPDATE settings SET order_id_limit = CAST(?1 AS BIGINT) + CAST(?2 AS BIGINT)"
                  " WHERE order_id_limit <= CAST(?1 AS BIGINT) + CAST(?2 AS BIGINT) / 2",
    [ORDER_PLACED] =
        "INSERT INTO orders (user_id, " ORDER_COLUMNS ")"
        " SELECT b.user_id, ?1, b.id, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
        " ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25 FROM bots b"
        " WHERE b.id = ?2 AND b.deleted_ms IS NULL",
    [ORDER_CHANGED] = "UPDATE orders SET state = ?2, reason = ?3, filled = ?4, filled_quote = ?5,"
                      " venue_order_id = ?6, venue_code = ?7, updated_ms = ?8, qty = ?9,"
                      " price = ?10, trigger_price = ?11, price_scale = ?14, qty_scale = ?15,"
                      " base_scale = ?16, quote_scale = ?17"
                      " WHERE id = ?1 AND venue = ?12 AND symbol = ?13",
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
        ", ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM fills"
        " WHERE order_id = ?10 AND venue_trade_id = ?11",
    [BOT_INSERT] =
        "INSERT INTO bots (user_id, name, venue, mode, strategy, params, symbols, timeframe, "
        "capital,"
        " quote_scale, sizing_kind, sizing_value, sizing_scale, stop_loss_ppm, take_profit_ppm,"
        " trailing_ppm, max_daily_loss_ppm, daily_target_ppm, max_daily_trades, cooldown_s, wanted,"
        " created_ms, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,"
        " ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23) RETURNING id",
    [BOT_EXISTS] = "SELECT count(*) FROM bots WHERE id = ?1",
    [BOT_UPDATE] =
        "UPDATE bots SET name = ?2, venue = ?3, mode = ?4, strategy = ?5, params = ?6, symbols = "
        "?7,"
        " timeframe = ?8, capital = ?9, quote_scale = ?10, sizing_kind = ?11, sizing_value = ?12,"
        " sizing_scale = ?13, stop_loss_ppm = ?14, take_profit_ppm = ?15, trailing_ppm = ?16,"
        " max_daily_loss_ppm = ?17, daily_target_ppm = ?18, max_daily_trades = ?19, cooldown_s = "
        "?20,"
        " updated_ms = ?21 WHERE user_id = ?1 AND id = ?22 AND deleted_ms IS NULL",
    [BOT_TIES] = "SELECT CASE WHEN wanted = 'running' THEN 1 ELSE 0 END"
                 " + CASE WHEN EXISTS (SELECT 1 FROM orders WHERE bot_id = ?2 AND state IN"
                 "   ('sent', 'unknown', 'open', 'canceling')) THEN 2 ELSE 0 END"
                 " + CASE WHEN EXISTS (SELECT 1 FROM positions WHERE bot_id = ?2 AND is_open = 1)"
                 "   THEN 4 ELSE 0 END"
                 " FROM bots WHERE user_id = ?1 AND id = ?2 AND deleted_ms IS NULL",
    [BOT_DELETE] = "UPDATE bots SET deleted_ms = ?3, updated_ms = ?3"
                   " WHERE user_id = ?1 AND id = ?2 AND deleted_ms IS NULL",
    [BOT_WANT] = "UPDATE bots SET wanted = ?3, updated_ms = ?4"
                 " WHERE user_id = ?1 AND id = ?2 AND deleted_ms IS NULL",
    [BOTS_STOP] = "UPDATE bots SET wanted = 'stopped', updated_ms = ?2"
                  " WHERE user_id = ?1 AND wanted = 'running' AND deleted_ms IS NULL",
};

static enum err prepare_all(struct store *s);
static enum err settle_in(struct store *s, int64_t now_ms);
static enum err read_install_id(struct store *s);
static enum err make_install_id(char out[INSTALL_ID_SIZE]);
static enum err begin(struct store *s, enum sql_pace pace);
static enum err usable(struct store *s);
static enum sql_piece piece_for(const struct store *s, enum sql_piece piece);
static enum err start(struct store *s, enum sql_piece piece);
static enum err write_kept(struct store *s);
static bool is_refusal(enum err err);
static enum err finish(struct store *s, enum sql_piece piece, enum err err, const char *doing,
                       uint64_t id);
static enum err fill_insert(struct store *s, const struct store_booking *booking);
static enum err keep_change(struct store *s, const struct store_change *row);
static enum err keep_position(struct store *s, const struct store_position *row);
static enum err keep_totals(struct store *s, const struct store_totals *row);
static enum err round_trip_insert(struct store *s, const struct booking *booking);
static void bind_bot(struct sql_statement *st, const struct store_bot *bot, const char *symbols);
static enum err check_texts(const struct store_bot *bot, char **symbols);
static char *symbols_text(const struct store_bot *bot);

enum err store_open(const char *url, int64_t now_ms, struct store **out)
{
    *out = NULL;
    struct store *s = calloc(1, sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "out of memory");
    s->url = strdup(url);
    enum err err = s->url ? OK : err_set(ERR_NO_MEMORY, "out of memory");
    if (!err) err = sql_open(url, SQL_WRITE, STORE_BUSY_TIMEOUT_MS, &s->db);
    if (!err) err = migrate(s->db, migrations, migrations_count, now_ms);
    if (!err) err = prepare_all(s);
    if (!err) err = settle_in(s, now_ms);
    if (!err) err = sql_fence(s->db);
    if (err) {
        store_close(s);
        return err_note(err, "while opening the store");
    }
    *out = s;
    return OK;
}

void store_close(struct store *s)
{
    if (!s) return;
    sql_close(s->db);
    free(s->url);
    free(s);
}

/* What the kernel kept of a failed sync may be on no disk, and a second sync would not say so: only
 * pages that are written again can be believed. */
static enum err copy_wal(struct store *s)
{
    struct sql_statement *st;
    int64_t is_busy = 0;
    enum err err = sql_use(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", &st);
    if (!err) err = sql_run_i64(st, &is_busy);
    if (!err && is_busy) err = err_set(ERR_TIMEOUT, "somebody reads the WAL");
    return err;
}

enum err store_reopen(struct store *s)
{
    CHECK(s->broken && !s->in_transaction);
    if (s->db && sql_kind(s->db) == SQL_POSTGRES) {
        /* It connects again by itself, and only so it notices another engine. */
        s->broken = s->lost = false;
        return OK;
    }
    sql_close(s->db);
    s->db = NULL;
    enum err err = sql_open(s->url, SQL_WRITE, STORE_BUSY_TIMEOUT_MS, &s->db);
    if (!err) err = copy_wal(s);
    if (!err) err = prepare_all(s);
    if (err) {
        sql_close(s->db);
        s->db = NULL;
        return err_note(err, "while reopening the store");
    }
    s->broken = s->lost = false;
    return OK;
}

const char *store_path(const struct store *s)
{
    if (strncmp(s->url, "postgres", 8) == 0) return NULL;
    return strncmp(s->url, "sqlite:", 7) == 0 ? s->url + 7 : s->url;
}

struct sql *store_sql(struct store *s)
{
    return s->db;
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
    return begin(s, SQL_EXACT);
}

enum err store_begin_deferred(struct store *s)
{
    return begin(s, SQL_DEFERRED);
}

static enum err begin(struct store *s, enum sql_pace pace)
{
    CHECK(!s->in_transaction);
    if (s->broken) return usable(s);
    const enum err err = sql_begin(s->db, pace);
    if (err) return err_note(err, "while beginning a transaction");
    s->in_transaction = true;
    s->lost = false;
    s->refused = OK;
    s->pace = pace;
    return OK;
}

enum err store_commit(struct store *s)
{
    enum err err = usable(s);
    if (!err) err = write_kept(s);
    const bool tried = !err;
    if (tried) err = sql_commit(s->db);
    if (tried && err == ERR_IO) {
        s->broken = true;
        log_error("store_broken", "cause=\"%s\"", err_text());
    }
    if (err) {
        store_rollback(s);
        return err_note(err, "while committing");
    }
    s->in_transaction = false;
    return OK;
}

void store_rollback(struct store *s)
{
    if (s->db) sql_rollback(s->db);
    s->in_transaction = false;
    s->order_id_floor = 0;
    s->later.change_count = s->later.position_count = s->later.totals_count = 0;
}

enum err store_order_placed(struct store *s, const struct store_order *row)
{
    const struct order *o = &row->order;
    CHECK(o->state == ORDER_SENT);
    enum err err = start(s, SQL_ONE_STATEMENT);
    if (err) return err;

    struct sql_statement *st = s->statements[ORDER_PLACED];
    sql_u64(st, o->id);
    sql_u64(st, o->bot_id);
    sql_text(st, mode_name((enum trading_mode)o->mode));
    sql_text(st, side_name((enum side)o->side));
    sql_text(st, order_type_name((enum order_type)o->type));
    sql_text(st, purpose_name((enum purpose)o->purpose));
    sql_text(st, order_state_name((enum order_state)o->state));
    sql_text(st, order_reason_name((enum order_reason)o->reason));
    sql_i64(st, o->qty.units);
    sql_i64(st, o->price.units);
    sql_i64(st, o->trigger.units);
    sql_i64(st, o->filled.units);
    sql_i64(st, o->filled_quote.units);
    sql_u64(st, o->venue_order_id);
    sql_i64(st, o->venue_code);
    sql_text(st, row->client_order_id);
    sql_text(st, row->body);
    sql_i64(st, o->created_ms);
    sql_i64(st, o->updated_ms);
    bind_market(st, &row->market);
    err = sql_run_one(st, "bot", o->bot_id);
    if (!err) err = store_order_ids_reserve(s, o->id);
    return finish(s, SQL_ONE_STATEMENT, err, "placing order", o->id);
}

enum err store_order_ids_reserve(struct store *s, uint64_t order_id)
{
    if (order_id + STORE_ORDER_ID_BLOCK / 4 < s->order_id_floor) return OK;
    struct sql_statement *st = s->statements[ORDER_IDS];
    sql_u64(st, order_id);
    sql_u64(st, STORE_ORDER_ID_BLOCK);
    const enum err err = sql_run(st);
    if (!err) s->order_id_floor = order_id + STORE_ORDER_ID_BLOCK / 2;
    return err;
}

enum err store_order_changed(struct store *s, const struct store_change *change)
{
    enum err err = start(s, SQL_ONE_STATEMENT);
    if (err) return err;
    err = keep_change(s, change);
    return finish(s, SQL_ONE_STATEMENT, err, "changing order", change->order.id);
}

enum err store_fill_booked(struct store *s, const struct store_booking *row)
{
    const struct booking *booking = &row->booking;
    enum err err = start(s, SQL_STATEMENTS);
    if (err) return err;
    const struct store_totals totals = {row->bot_id, row->market.quote_scale, booking->totals};
    const struct store_change change = {booking->order, row->market};
    const struct store_position position = {row->bot_id, row->market, booking->position};
    err = fill_insert(s, row);
    if (!err && booking->closed) err = round_trip_insert(s, booking);
    if (!err) err = keep_change(s, &change);
    if (!err) err = keep_position(s, &position);
    if (!err) err = keep_totals(s, &totals);
    return finish(s, SQL_STATEMENTS, err, "booking a fill of order", booking->fill.order_id);
}

enum err store_bot_insert(struct store *s, const struct store_bot *bot, uint64_t *id)
{
    CHECK(bot->id == 0);
    char *symbols;
    enum err err = check_texts(bot, &symbols);
    if (err) return err;
    err = start(s, SQL_ONE_STATEMENT);
    if (err) {
        free(symbols);
        return err;
    }
    struct sql_statement *st = s->statements[BOT_INSERT];
    sql_u64(st, bot->user_id);
    bind_bot(st, bot, symbols);
    sql_text(st, bot->running ? "running" : "stopped");
    sql_i64(st, bot->created_ms);
    sql_i64(st, bot->updated_ms);
    int64_t made = 0;
    err = sql_run_i64(st, &made);
    if (!err) *id = (uint64_t)made;
    free(symbols);
    return finish(s, SQL_ONE_STATEMENT, err, "making a bot of user", bot->user_id);
}

bool store_has_bot(struct store *s, uint64_t bot_id)
{
    int64_t count = 0;
    sql_u64(s->statements[BOT_EXISTS], bot_id);
    return sql_run_i64(s->statements[BOT_EXISTS], &count) == OK && count > 0;
}

enum err store_bot_update(struct store *s, const struct store_bot *bot)
{
    char *symbols;
    enum err err = check_texts(bot, &symbols);
    if (err) return err;
    err = start(s, SQL_ONE_STATEMENT);
    if (err) {
        free(symbols);
        return err;
    }
    struct sql_statement *st = s->statements[BOT_UPDATE];
    sql_u64(st, bot->user_id);
    bind_bot(st, bot, symbols);
    sql_i64(st, bot->updated_ms);
    sql_u64(st, bot->id);
    err = sql_run_one(st, "bot", bot->id);
    free(symbols);
    return finish(s, SQL_ONE_STATEMENT, err, "changing bot", bot->id);
}

enum err store_bot_delete(struct store *s, uint64_t user_id, uint64_t bot_id, int64_t now_ms)
{
    enum { RUNNING = 1, ORDERS = 2, POSITION_OPEN = 4 };
    enum err err = usable(s);
    if (!err) err = write_kept(s);
    if (!err) err = start(s, SQL_ONE_STATEMENT);
    if (err) return err;
    int64_t ties = 0;
    struct sql_statement *st = s->statements[BOT_TIES];
    sql_u64(st, user_id);
    sql_u64(st, bot_id);
    err = sql_run_i64(st, &ties);
    if (!err && ties & RUNNING) err = err_set(ERR_INVALID, "the bot runs: stop it first");
    if (!err && ties & ORDERS) err = err_set(ERR_INVALID, "an order of the bot is still open");
    if (!err && ties & POSITION_OPEN) err = err_set(ERR_INVALID, "the bot holds a position");
    if (!err) {
        st = s->statements[BOT_DELETE];
        sql_u64(st, user_id);
        sql_u64(st, bot_id);
        sql_i64(st, now_ms);
        err = sql_run_one(st, "bot", bot_id);
    }
    return finish(s, SQL_ONE_STATEMENT, err, "deleting bot", bot_id);
}

enum err store_bot_want(struct store *s, uint64_t user_id, uint64_t bot_id, bool running,
                        int64_t now_ms)
{
    enum err err = start(s, SQL_ONE_STATEMENT);
    if (err) return err;
    struct sql_statement *st = s->statements[BOT_WANT];
    sql_u64(st, user_id);
    sql_u64(st, bot_id);
    sql_text(st, running ? "running" : "stopped");
    sql_i64(st, now_ms);
    err = sql_run_one(st, "bot", bot_id);
    return finish(s, SQL_ONE_STATEMENT, err, running ? "starting bot" : "stopping bot", bot_id);
}

enum err store_bots_stop(struct store *s, uint64_t user_id, int64_t now_ms)
{
    enum err err = start(s, SQL_ONE_STATEMENT);
    if (err) return err;
    struct sql_statement *st = s->statements[BOTS_STOP];
    sql_u64(st, user_id);
    sql_i64(st, now_ms);
    err = sql_run(st);
    return finish(s, SQL_ONE_STATEMENT, err, "stopping all bots of user", user_id);
}

enum err store_bot_totals(struct store *s, const struct store_totals *totals)
{
    enum err err = start(s, SQL_ONE_STATEMENT);
    if (err) return err;
    err = keep_totals(s, totals);
    return finish(s, SQL_ONE_STATEMENT, err, "keeping the totals of bot", totals->bot_id);
}

/* It reads as well as it writes, so it must be told at once. */
enum err store_run(struct store *s, enum err (*run)(struct store *s, void *arg), void *arg)
{
    enum err err = usable(s);
    if (!err) err = write_kept(s);
    if (!err) err = sql_set_pace(s->db, SQL_EXACT);
    if (err) return err;
    err = sql_save(s->db, SQL_STATEMENTS);
    if (!err) err = sql_saved(s->db, SQL_STATEMENTS, run(s, arg));
    if (err != OK && !is_refusal(err)) s->lost = true;
    const enum err paced = sql_set_pace(s->db, s->pace);
    return err ? err : paced;
}

static enum err prepare_all(struct store *s)
{
    enum err err = OK;
    for (int i = 0; !err && i < STATEMENT_COUNT; i++) {
        const char *text = statement_texts[i] ? statement_texts[i] : store_load_texts[i];
        err = sql_prepare(s->db, text, &s->statements[i]);
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
    sql_text(s->statements[SETTLE], install_id);
    err = sql_run(s->statements[SETTLE]);
    sql_i64(s->statements[DATE_USER], now_ms);
    if (!err) err = sql_run(s->statements[DATE_USER]);
    if (!err) err = read_install_id(s);
    if (!err) return store_commit(s);
    store_rollback(s);
    return err;
}

static enum err read_install_id(struct store *s)
{
    struct sql_statement *read = s->statements[INSTALL_ID];
    bool more;
    enum err err = sql_next(read, &more);
    if (!err && !(more && slice_copy(sql_column_text(read, 0), s->install_id, INSTALL_ID_SIZE))) {
        err = err_set(ERR_PARSE, "the installation's id cannot be read");
    }
    sql_reset(read);
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
    if (s->lost || !sql_in_transaction(s->db)) {
        s->lost = true;
        return err_set(ERR_IO, "the transaction was lost by an earlier failure");
    }
    return OK;
}

/* A deferred transaction is rolled back whole at a refusal, so its pieces need no savepoint. */
static enum sql_piece piece_for(const struct store *s, enum sql_piece piece)
{
    return s->pace == SQL_DEFERRED ? SQL_ONE_STATEMENT : piece;
}

/* Each write is a piece of its own. */
static enum err start(struct store *s, enum sql_piece piece)
{
    const enum err err = usable(s);
    return err ? err : sql_save(s->db, piece_for(s, piece));
}

/* What was held back is in the database after it. */
static enum err write_kept(struct store *s)
{
    if (s->refused) return err_set(s->refused, "a write of this transaction was refused");
    const enum err err = store_later_write(s);
    if (is_refusal(err)) s->refused = err;
    if (err && !is_refusal(err)) s->lost = true;
    return err;
}

static bool is_refusal(enum err err)
{
    return err == ERR_EXISTS || err == ERR_NOT_FOUND || err == ERR_INVALID;
}

/* Ends the piece, and notes whether the transaction survived. */
static enum err finish(struct store *s, enum sql_piece piece, enum err err, const char *doing,
                       uint64_t id)
{
    err = sql_saved(s->db, piece_for(s, piece), err);
    if (!err) return OK;
    if (!is_refusal(err)) s->lost = true;
    if (is_refusal(err) && s->pace == SQL_DEFERRED) s->refused = err;
    return err_note(err, "while %s %llu", doing, (unsigned long long)id);
}

static enum err fill_insert(struct store *s, const struct store_booking *row)
{
    const struct fill *f = &row->booking.fill;
    const struct store_market *m = &row->market;
    struct sql_statement *st = s->statements[FILL];
    sql_u64(st, f->order_id);
    sql_u64(st, row->bot_id);
    bind_market(st, m);
    sql_u64(st, f->venue_trade_id);
    sql_i64(st, f->price.units);
    sql_i64(st, f->qty.units);
    sql_i64(st, f->fee.units);
    sql_i64(st, f->fee_scale);
    sql_text(st, f->fee_asset);
    sql_text(st, liquidity_name((enum liquidity)f->liquidity));
    sql_i64(st, f->time_ms);
    return sql_run_one(st, "such order of the bot:", f->order_id);
}

static enum err round_trip_insert(struct store *s, const struct booking *booking)
{
    const struct round_trip *t = &booking->round_trip;
    struct sql_statement *st = s->statements[ROUND_TRIP];
    sql_i64(st, t->qty.units);
    sql_i64(st, t->entry_price.units);
    sql_i64(st, t->exit_price.units);
    sql_i64(st, t->pnl.units);
    sql_i64(st, t->pnl_ppm);
    sql_i64(st, t->fees.units);
    sql_i64(st, t->opened_ms);
    sql_i64(st, t->closed_ms);
    sql_text(st, purpose_name((enum purpose)t->exit_reason));
    sql_u64(st, booking->fill.order_id);
    sql_u64(st, booking->fill.venue_trade_id);
    return sql_run(st);
}

static enum err keep_change(struct store *s, const struct store_change *row)
{
    return s->pace == SQL_DEFERRED ? store_later_change(s, row) : store_change_write(s, row);
}

static enum err keep_position(struct store *s, const struct store_position *row)
{
    return s->pace == SQL_DEFERRED ? store_later_position(s, row) : store_position_write(s, row);
}

static enum err keep_totals(struct store *s, const struct store_totals *row)
{
    return s->pace == SQL_DEFERRED ? store_later_totals(s, row) : store_totals_write(s, row);
}

enum err store_change_write(struct store *s, const struct store_change *change)
{
    const struct order *o = &change->order;
    struct sql_statement *st = s->statements[ORDER_CHANGED];
    sql_u64(st, o->id);
    sql_text(st, order_state_name((enum order_state)o->state));
    sql_text(st, order_reason_name((enum order_reason)o->reason));
    sql_i64(st, o->filled.units);
    sql_i64(st, o->filled_quote.units);
    sql_u64(st, o->venue_order_id);
    sql_i64(st, o->venue_code);
    sql_i64(st, o->updated_ms);
    sql_i64(st, o->qty.units);
    sql_i64(st, o->price.units);
    sql_i64(st, o->trigger.units);
    bind_market(st, &change->market);
    return sql_run_one(st, "order", o->id);
}

enum err store_position_write(struct store *s, const struct store_position *row)
{
    const struct position *p = &row->position;
    struct sql_statement *st = s->statements[POSITION];
    sql_u64(st, row->bot_id);
    sql_i64(st, p->open);
    sql_i64(st, p->base.units);
    sql_i64(st, p->cost.units);
    sql_i64(st, p->proceeds.units);
    sql_i64(st, p->fees.units);
    sql_i64(st, p->fees_quote.units);
    sql_i64(st, p->bought.units);
    sql_i64(st, p->sold.units);
    sql_i64(st, p->entry_price.units);
    sql_i64(st, p->peak.units);
    sql_i64(st, p->opened_ms);
    bind_market(st, &row->market);
    return sql_run(st);
}

enum err store_totals_write(struct store *s, const struct store_totals *row)
{
    const struct bot_totals *t = &row->totals;
    struct sql_statement *st = s->statements[TOTALS];
    sql_u64(st, row->bot_id);
    sql_text(st, bot_state_name((enum bot_state)t->state));
    sql_text(st, bot_reason_name((enum bot_reason)t->reason));
    sql_i64(st, t->day);
    sql_i64(st, t->day_pnl.units);
    sql_i64(st, t->day_trades);
    sql_i64(st, t->realized.units);
    sql_u64(st, t->trades);
    sql_i64(st, row->quote_scale);
    return sql_run(st);
}

static void bind_bot(struct sql_statement *st, const struct store_bot *bot, const char *symbols)
{
    sql_text(st, bot->name);
    sql_text(st, venue_name((enum venue)bot->venue));
    sql_text(st, mode_name((enum trading_mode)bot->mode));
    sql_text(st, bot->strategy);
    sql_text(st, bot->params);
    sql_text(st, symbols);
    sql_text(st, timeframe_name((enum timeframe)bot->timeframe));
    sql_i64(st, bot->capital.units);
    sql_i64(st, bot->quote_scale);
    sql_text(st, sizing_kind_name((enum sizing_kind)bot->sizing_kind));
    sql_i64(st, bot->sizing_value);
    sql_i64(st, bot->sizing_scale);
    sql_i64(st, bot->risk.stop_loss_ppm);
    sql_i64(st, bot->risk.take_profit_ppm);
    sql_i64(st, bot->risk.trailing_ppm);
    sql_i64(st, bot->risk.max_daily_loss_ppm);
    sql_i64(st, bot->risk.daily_target_ppm);
    sql_i64(st, bot->risk.max_daily_trades);
    sql_i64(st, bot->risk.cooldown_s);
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
