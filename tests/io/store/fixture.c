/* Test databases and sample rows. */
#include "cmocka_all.h"

#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "fault_vfs.h"
#include "postgres.h"

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    strcpy(f->folder, "/tmp/tradebot-store-XXXXXX");
    if (!mkdtemp(f->folder)) return -1;
    snprintf(f->path, sizeof f->path, "%s/tradebot.db", f->folder);
    snprintf(f->url, sizeof f->url, "sqlite:%s", f->path);
    *state = f;
    return 0;
}

int fixture_setup_postgres(void **state)
{
    if (fixture_setup(state) != 0) return -1;
    struct fixture *f = *state;
    f->kind = SQL_POSTGRES;
    f->missing = !postgres_is_there();
    if (!f->missing) postgres_new_database(f->url, sizeof f->url);
    return 0;
}

struct fixture *fixture_of(void **state)
{
    struct fixture *f = *state;
    if (f->missing) skip();
    return f;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    fault_vfs_set(FAULT_NONE, 0);
    DIR *folder = opendir(f->folder);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
        if (entry->d_name[0] != '.') unlink(path);
    }
    if (folder) closedir(folder);
    rmdir(f->folder);
    free(f);
    return 0;
}

void assert_ok(enum err err)
{
    if (err) fail_msg("%s: %s", err_name(err), err_text());
}

void assert_err(enum err err, enum err want, const char *text)
{
    if (err != want) fail_msg("%s, not %s: %s", err_name(err), err_name(want), err_text());
    if (!strstr(err_text(), text)) fail_msg("\"%s\" does not say \"%s\"", err_text(), text);
}

struct store *open_store(const struct fixture *f)
{
    struct store *s = NULL;
    assert_ok(store_open(f->url, NOW_MS, &s));
    return s;
}

struct store_market sample_market(void)
{
    struct store_market m;
    memset(&m, 0, sizeof m);
    m.venue = VENUE_SIM;
    m.price_scale = 2;
    m.qty_scale = 5;
    m.base_scale = 8;
    m.quote_scale = 8;
    strcpy(m.symbol, "BTCUSDT");
    return m;
}

struct store_bot sample_bot(void)
{
    struct store_bot b;
    memset(&b, 0, sizeof b);
    b.user_id = STORE_FIRST_USER;
    strcpy(b.name, "btc trend");
    b.mode = MODE_PAPER;
    strcpy(b.strategy, "ema_rsi");
    strcpy(b.params, "{\"ema_fast\":8}");
    b.symbol_count = 1;
    strcpy(b.symbols[0], "BTCUSDT");
    b.timeframe = TIMEFRAME_1M;
    b.quote_scale = 8;
    b.capital.units = INT64_C(1000000000000);
    b.sizing_kind = SIZING_PERCENT;
    b.sizing_scale = 6;
    b.sizing_value = 100000;
    b.risk.stop_loss_ppm = 5000;
    b.created_ms = NOW_MS;
    b.updated_ms = NOW_MS;
    return b;
}

struct store_order sample_order(uint64_t id, uint64_t bot_id)
{
    struct store_order row;
    memset(&row, 0, sizeof row);
    row.market = sample_market();
    struct order *o = &row.order;
    o->id = id;
    o->bot_id = bot_id;
    o->instrument = INSTRUMENT_NONE;
    o->side = SIDE_BUY;
    o->type = ORDER_TYPE_MARKET;
    o->purpose = PURPOSE_ENTRY;
    o->mode = MODE_PAPER;
    o->state = ORDER_SENT;
    o->qty.units = 1540;
    o->created_ms = NOW_MS + (int64_t)id;
    o->updated_ms = o->created_ms;
    client_id_write("abcdefgh", id, row.client_order_id);
    strcpy(row.body, "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01540");
    return row;
}

struct store_booking sample_booking(const struct store_order *order, uint64_t trade_id,
                                    int64_t trades)
{
    struct store_booking row;
    memset(&row, 0, sizeof row);
    row.bot_id = order->order.bot_id;
    row.market = order->market;
    struct booking *b = &row.booking;
    b->fill.order_id = order->order.id;
    b->fill.venue_trade_id = trade_id;
    b->fill.price.units = 6481240;
    b->fill.qty = order->order.qty;
    b->fill.fee.units = 99811096;
    b->fill.fee_scale = 8;
    strcpy(b->fill.fee_asset, "USDT");
    b->fill.liquidity = LIQUIDITY_TAKER;
    b->fill.time_ms = order->order.created_ms + 3;
    b->order = order->order;
    b->order.state = ORDER_FILLED;
    b->order.filled = order->order.qty;
    b->order.filled_quote.units = INT64_C(99811096000);
    b->order.venue_order_id = 77;
    b->position.base.units = trades;
    b->position.bought = order->order.qty;
    b->position.opened_ms = NOW_MS;
    b->totals.state = BOT_RUNNING;
    b->totals.trades = (uint64_t)trades;
    b->closed = true;
    b->round_trip.qty = order->order.qty;
    b->round_trip.entry_price.units = 6400000;
    b->round_trip.exit_price.units = 6481240;
    b->round_trip.pnl.units = -12;
    b->round_trip.pnl_ppm = -1;
    b->round_trip.fees.units = 3;
    b->round_trip.opened_ms = NOW_MS;
    b->round_trip.closed_ms = b->fill.time_ms;
    b->round_trip.exit_reason = PURPOSE_TARGET;
    return row;
}

uint64_t add_bot(struct store *s)
{
    const struct store_bot bot = sample_bot();
    uint64_t id = 0;
    assert_ok(store_begin(s));
    assert_ok(store_bot_insert(s, &bot, &id));
    assert_ok(store_commit(s));
    return id;
}

int64_t query_i64(const struct fixture *f, const char *text)
{
    struct sql *db = NULL;
    struct sql_statement *query = NULL;
    int64_t value = 0;
    assert_ok(sql_open(f->url, SQL_READ, 10000, &db));
    assert_ok(sql_prepare(db, text, &query));
    assert_ok(sql_run_i64(query, &value));
    sql_close(db);
    return value;
}

void reset_ids(const struct fixture *f, const char *table, uint64_t used)
{
    if (f->kind == SQL_SQLITE) return;
    char text[128];
    snprintf(text, sizeof text, "SELECT setval('%s_id_seq', %llu, %s)", table,
             (unsigned long long)(used ? used : 1), used ? "true" : "false");
    static PGconn *conn;
    static char url[256];
    if (strcmp(url, f->url) != 0) {
        PQfinish(conn);
        conn = PQconnectdb(f->url);
        strcpy(url, f->url);
    }
    PGresult *result = PQexec(conn, text);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) fail_msg("%s", PQerrorMessage(conn));
    PQclear(result);
}
