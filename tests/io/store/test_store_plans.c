/* The lists that people page through walk an index, on tables that are large, and would not without
 * it. PLAN_ROWS in the environment says how large. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "io/store/store_read.h"

enum { ROWS = 200000, BOTS = 40, PLAN_SIZE = 4096 };

#define MARKET "'sim', 'BTCUSDT'"
#define SCALES "2, 5, 8, 8"
#define NUMBERS(count)                                                                             \
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " count ") "

/* Half of the bots are each user's. */
static const char bots_text[] =
    "INSERT INTO users (id, email, password_hash, role, state, totp_step, created_ms, password_ms)"
    " VALUES (2, 'b@example.test', 'x', 'trader', 'active', 0, 1, 1);" NUMBERS(
        ":bots") "INSERT INTO"
                 " bots (id, user_id, name, venue, mode, strategy, params, symbols, timeframe, "
                 "capital,"
                 " quote_scale, sizing_kind, sizing_value, sizing_scale, stop_loss_ppm, "
                 "take_profit_ppm,"
                 " trailing_ppm, max_daily_loss_ppm, daily_target_ppm, max_daily_trades, "
                 "cooldown_s, wanted,"
                 " created_ms, updated_ms) SELECT i, 1 + i % 2, 'n', 'sim', 'paper', 'rsi', '{}',"
                 " '[\"BTCUSDT\"]', '1m', 1, 8, 'quote', 1, 8, 0, 0, 0, 0, 0, 0, 0, 'stopped', i, "
                 "i "
                 "FROM n";
static const char orders_text[] = NUMBERS(
    ":rows") "INSERT INTO orders (id, bot_id, user_id, venue, symbol, mode, side, type,"
             " purpose, state, reason, qty, price, trigger_price, filled, filled_quote, "
             "venue_order_id,"
             " venue_code, client_order_id, body, created_ms, updated_ms, price_scale, "
             "qty_scale, base_scale,"
             " quote_scale) SELECT i, 1 + i % :bots, 1 + (1 + i) % 2, " MARKET
             ", 'paper', 'buy', 'market',"
             " 'entry', 'filled', 'none', 1, 0, 0, 1, 1, i, 0, 'c-' || i, 'b', i, i, " SCALES
             " FROM n";
static const char fills_text[] =
    NUMBERS(":rows") "INSERT INTO fills (id, order_id, bot_id, user_id, venue, symbol, mode,"
                     " venue_trade_id, price, qty, fee, fee_scale, fee_asset, liquidity, "
                     "created_ms, price_scale,"
                     " qty_scale, base_scale, quote_scale) SELECT i, i, 1 + i % :bots, 1 + (1 + i) "
                     "% 2, " MARKET ", 'paper', i, 1, 1, 0, 8, 'USDT', 'taker', i, " SCALES
                     " FROM n";
static const char trips_text[] = NUMBERS(
    ":rows") "INSERT INTO round_trips (id, bot_id, user_id, fill_id, venue, symbol, mode, qty,"
             " entry_price, exit_price, pnl, pnl_ppm, fees, opened_ms, created_ms, exit_reason, "
             "price_scale,"
             " qty_scale, base_scale, quote_scale) SELECT i, 1 + i % :bots, 1 + (1 + i) % 2, "
             "i, " MARKET ", 'paper', 1, 1, 1, 1, 1, 0, i, i, 'exit', " SCALES " FROM n";

static int rows_wanted(void)
{
    const char *rows = getenv("PLAN_ROWS");
    return rows ? (int)strtol(rows, NULL, 10) : ROWS;
}

/* :rows and :bots, as numbers. */
static void with_numbers(const char *text, char out[2048])
{
    size_t used = 0;
    while (*text) {
        const bool rows = strncmp(text, ":rows", 5) == 0, bots = strncmp(text, ":bots", 5) == 0;
        if (rows || bots)
            used += (size_t)snprintf(out + used, 16, "%d", rows ? rows_wanted() : BOTS);
        else
            out[used++] = *text;
        text += rows || bots ? 5 : 1;
    }
    out[used] = '\0';
}

static void fill(const struct fixture *f)
{
    store_close(open_store(f));
    struct sql *db = NULL;
    assert_ok(sql_open(f->url, SQL_WRITE, 60000, &db));
    /* What is checked here is how rows are found, not that they refer to each other. */
    assert_ok(sql_exec(db, f->kind == SQL_SQLITE ? "PRAGMA foreign_keys = OFF"
                                                 : "SET session_replication_role = replica"));
    static const char *const texts[] = {bots_text, orders_text, fills_text, trips_text};
    for (int i = 0; i < 4; i++) {
        char text[2048];
        with_numbers(texts[i], text);
        assert_ok(sql_begin(db, SQL_EXACT));
        assert_ok(sql_exec(db, text));
        assert_ok(sql_commit(db));
    }
    assert_ok(sql_exec(db, "ANALYZE"));
    sql_close(db);
}

/* The plan of one list's query for a page of 100 from the middle on, as text. */
static void plan_of(struct sql *db, const char *query, char out[PLAN_SIZE])
{
    char text[2048];
    const bool sqlite = sql_kind(db) == SQL_SQLITE;
    snprintf(text, sizeof text, "EXPLAIN %s%s", sqlite ? "QUERY PLAN " : "", query);
    struct sql_statement *st = NULL;
    assert_ok(sql_prepare(db, text, &st));
    const bool of_bot = strstr(query, "bot_id = ?2") != NULL;
    sql_u64(st, 1);
    sql_u64(st, of_bot ? 2 : 0);
    sql_i64(st, rows_wanted() / 2);
    sql_i64(st, rows_wanted() / 2);
    sql_i64(st, 100);
    size_t used = 0;
    out[0] = '\0';
    for (bool more; sql_next(st, &more) == OK && more;) {
        const struct slice step = sql_column_text(st, sqlite ? 3 : 0);
        used += (size_t)snprintf(out + used, PLAN_SIZE - used, "%s\n", step.data);
        assert_true(used < PLAN_SIZE);
    }
    sql_finalize(st);
}

static bool is_slow(const char *plan)
{
    return strstr(plan, "Seq Scan") || strstr(plan, "SCAN ") || strstr(plan, "TEMP B-TREE") ||
           (strstr(plan, "Sort") && !strstr(plan, "Incremental Sort"));
}

static void test_store_plans__lists_walk_their_index_and_need_it(void **state)
{
    const struct fixture *f = fixture_of(state);
    fill(f);
    struct sql *db = NULL;
    char plan[PLAN_SIZE];
    int lists = 0;
    assert_ok(sql_open(f->url, SQL_READ, 20000, &db));
    for (uint32_t i = 0; store_read_list_text(i); i++, lists++) {
        const char *query = store_read_list_text(i);
        plan_of(db, query, plan);
        /* A handful of bots is read faster than its index. */
        const bool is_small = strstr(query, " FROM bots ") && f->kind == SQL_POSTGRES;
        if (is_slow(plan) && !is_small) fail_msg("%s\n%s", query, plan);
        if (!strstr(plan, strstr(query, "bot_id = ?2") ? "_bot" : "_user") && !is_small)
            fail_msg("%s\n%s", query, plan);
    }
    assert_int_equal(lists, 7);
    sql_close(db);

    assert_ok(sql_open(f->url, SQL_WRITE, 20000, &db));
    assert_ok(sql_exec(db, "DROP INDEX orders_bot; DROP INDEX orders_user; DROP INDEX fills_bot;"
                           "DROP INDEX fills_user; DROP INDEX round_trips_bot;"
                           "DROP INDEX round_trips_user; DROP INDEX bots_user; ANALYZE"));
    sql_close(db);
    assert_ok(sql_open(f->url, SQL_READ, 20000, &db));
    for (uint32_t i = 0; store_read_list_text(i); i++) {
        plan_of(db, store_read_list_text(i), plan);
        if (!is_slow(plan)) fail_msg("without its index:\n%s\n%s", store_read_list_text(i), plan);
    }
    sql_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_store_plans__lists_walk_their_index_and_need_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
