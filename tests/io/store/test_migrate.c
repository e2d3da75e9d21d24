/* Migrations: from nothing, again, refused, killed half-way. */
#include "cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_vfs.h"
#include "fixture.h"
#include "io/store/migrate.h"
#include "io/store/migrate_text.h"

static const struct migration two[] = {
    {1, "0001_first", "CREATE TABLE first (a INTEGER) STRICT; INSERT INTO first VALUES (1);"},
    {2, "0002_second", "CREATE TABLE second (b INTEGER) STRICT; UPDATE first SET a = a + 1;"},
};
static const struct migration changed[] = {
    {1, "0001_first", "CREATE TABLE first (a INTEGER) STRICT; INSERT INTO first VALUES (2);"},
};
static const struct migration failing[] = {
    {1, "0001_first", "CREATE TABLE first (a INTEGER) STRICT; INSERT INTO first VALUES (1);"},
    {2, "0002_second", "CREATE TABLE second (b INTEGER) STRICT; INSERT INTO nowhere VALUES (1);"},
};

static struct sql *open_db(const struct fixture *f)
{
    struct sql *db = NULL;
    assert_ok(sql_open(f->url, SQL_WRITE, 1000, &db));
    return db;
}

static enum err migrate_file(const struct fixture *f, const struct migration *list, uint32_t count)
{
    struct sql *db = open_db(f);
    const enum err err = migrate(db, list, count, NOW_MS);
    sql_close(db);
    return err;
}

static void test_migrate__from_empty_and_step_by_step(void **state)
{
    const struct fixture *f = fixture_of(state);
    assert_ok(migrate_file(f, two, 1));
    assert_int_equal(query_i64(f, "SELECT a FROM first"), 1);
    assert_ok(migrate_file(f, two, 2));
    assert_ok(migrate_file(f, two, 2));
    assert_int_equal(query_i64(f, "SELECT a FROM first"), 2);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM migrations"), 2);
}

static void test_migrate__changed_content_is_refused(void **state)
{
    const struct fixture *f = fixture_of(state);
    assert_ok(migrate_file(f, two, 1));
    assert_err(migrate_file(f, changed, 1), ERR_INVALID,
               "0001_first was applied with other content");
}

static void test_migrate__newer_database_is_refused(void **state)
{
    const struct fixture *f = fixture_of(state);
    assert_ok(migrate_file(f, two, 2));
    assert_err(migrate_file(f, two, 1), ERR_UNSUPPORTED, "newer TradeBot: it has migration 0002");
}

static void test_migrate__check_tells_and_changes_nothing(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_db(f);
    assert_err(migrate_check(db, two, 2), ERR_UNSUPPORTED, "version 0 of 2");
    sql_close(db);
    assert_ok(migrate_file(f, two, 1));
    db = open_db(f);
    assert_err(migrate_check(db, two, 2), ERR_UNSUPPORTED, "version 1 of 2");
    assert_ok(migrate_check(db, two, 1));
    assert_int_equal(migrate_check(db, changed, 1), ERR_INVALID);
    sql_close(db);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM migrations"), 1);
}

static void test_migrate__foreign_database_is_refused(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_db(f);
    assert_ok(sql_exec(db, "CREATE TABLE recipes (name TEXT)"));
    assert_err(migrate(db, two, 2, NOW_MS), ERR_INVALID, "belongs to another program");
    sql_close(db);
}

static void test_migrate__failing_statement_leaves_the_old_state(void **state)
{
    const struct fixture *f = fixture_of(state);
    assert_err(migrate_file(f, failing, 2), ERR_IO, "nowhere");
    assert_int_equal(query_i64(f, "SELECT count(*) FROM migrations"), 1);
    assert_int_equal(query_i64(f,
                               f->kind == SQL_SQLITE
                                   ? "SELECT count(*) FROM sqlite_schema WHERE name = 'second'"
                                   : "SELECT count(*) FROM pg_tables WHERE tablename = 'second'"),
                     0);
    assert_ok(migrate_file(f, two, 2));
}

/* Kills at every single write and sync of the real migrations; each time what is left opens. */
static void test_migrate__killed_at_any_write_opens_again(void **state)
{
    const struct fixture *f = fixture_of(state);
    int kills = 0;
    for (bool killed = true; killed; kills++) {
        char remove[512];
        snprintf(remove, sizeof remove, "rm -f %s/*", f->folder);
        assert_int_equal(system(remove), 0);
        const pid_t child = fork();
        if (child == 0) {
            struct store *s = NULL;
            fault_vfs_install();
            fault_vfs_set(FAULT_KILL, kills);
            if (!store_open(f->url, NOW_MS, &s)) store_close(s);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        store_close(open_store(f));
        assert_int_equal(query_i64(f, "SELECT count(*) FROM users WHERE id = 1 AND email IS NULL"),
                         1);
        assert_int_equal(query_i64(f, "SELECT count(*) FROM settings"), 1);
    }
    print_message("killed %d times\n", kills - 1);
    assert_true(kills > 20);
}

/* What is written in one dialect means the same in the other. */
static void test_migrate__text_is_put_into_both_dialects(void **state)
{
    (void)state;
    static const char text[] =
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, b INTEGER, INTEGERS TEXT,\n"
        "  c BLOB CHECK (length(CAST(c AS BLOB)) < 9), d TEXT CHECK (d NOT GLOB '*[^a-z0-9]*')\n"
        ") STRICT;\n"
        "-- sqlite:\nSELECT 1;\n-- postgres:\nSELECT 2;\n-- both:\nSELECT 3;\n";
    char *sqlite = migrate_text(text, SQL_SQLITE), *postgres = migrate_text(text, SQL_POSTGRES);
    assert_string_equal(
        sqlite, "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, b INTEGER, INTEGERS TEXT,\n"
                "  c BLOB CHECK (length(CAST(c AS BLOB)) < 9), d TEXT CHECK (d NOT GLOB "
                "'*[^a-z0-9]*')\n) STRICT;\nSELECT 1;\nSELECT 3;\n");
    assert_string_equal(
        postgres,
        "CREATE TABLE a (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, b BIGINT,"
        " INTEGERS TEXT,\n  c BYTEA CHECK (octet_length(c) < 9), d TEXT CHECK (d !~ "
        "'[^a-z0-9]')\n);\nSELECT 2;\nSELECT 3;\n");
    free(sqlite);
    free(postgres);
}

static const struct migration family[] = {
    {1, "0001_family",
     "CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
     "  kind TEXT CHECK (kind IN ('old'))) STRICT;\n"
     "CREATE TABLE children (id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
     "  parent INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE) STRICT;\n"
     "INSERT INTO parents (id, kind) VALUES (1, 'old'), (5, 'old');\n"
     "INSERT INTO children (parent) VALUES (1), (5), (5);\n"},
    {2, "0002_rebuilt",
     "-- sqlite:\n"
     "CREATE TABLE parents_new (id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
     "  kind TEXT CHECK (kind IN ('new'))) STRICT;\n"
     "INSERT INTO parents_new (id, kind) SELECT id, 'new' FROM parents;\n"
     "DROP TABLE parents;\n"
     "ALTER TABLE parents_new RENAME TO parents;\n"
     "-- postgres:\n"
     "ALTER TABLE parents DROP CONSTRAINT parents_kind_check;\n"
     "UPDATE parents SET kind = 'new';\n"
     "ALTER TABLE parents ADD CHECK (kind IN ('new'));\n"},
    {3, "0003_orphans",
     "-- sqlite:\nDELETE FROM parents WHERE id = 5;\n"
     "-- postgres:\nINSERT INTO children (parent) VALUES (99);\n"},
};

static void test_migrate__table_that_others_refer_to_is_rebuilt_with_its_rows(void **state)
{
    const struct fixture *f = fixture_of(state);
    for (uint32_t from = 1; from <= 2; from++) {
        if (from == 1) assert_ok(migrate_file(f, family, 1));
        assert_ok(migrate_file(f, family, 2));
        assert_int_equal(query_i64(f, "SELECT count(*) FROM parents WHERE kind = 'new'"), 2);
        assert_int_equal(query_i64(f, "SELECT count(*) FROM children c JOIN parents p"
                                      " ON p.id = c.parent"),
                         3);
    }
    /* References hold again, and ids go on behind those that the migration gave. */
    struct sql *db = open_db(f);
    struct sql_statement *st;
    int64_t id = 0;
    assert_ok(sql_use(db, "INSERT INTO parents (kind) VALUES ('new') RETURNING id", &st));
    assert_ok(sql_run_i64(st, &id));
    assert_int_equal(id, 6);
    assert_ok(sql_use(db, "INSERT INTO children (parent) VALUES (77)", &st));
    assert_int_equal(sql_run(st), ERR_NOT_FOUND);
    sql_close(db);
}

static void test_migrate__reference_to_nothing_is_not_committed(void **state)
{
    const struct fixture *f = fixture_of(state);
    assert_ok(migrate_file(f, family, 2));
    const enum err err = migrate_file(f, family, 3);
    assert_int_equal(err, f->kind == SQL_SQLITE ? ERR_INVALID : ERR_NOT_FOUND);
    assert_non_null(strstr(err_text(), "children"));
    assert_non_null(strstr(err_text(), "0003_orphans"));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM parents"), 2);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM migrations"), 2);
}

/* From every version that was ever released, with rows of every table in it. */
static void test_migrate__up_from_every_version_with_data(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_db(f);
    assert_ok(migrate(db, migrations, 1, NOW_MS));
    char *text = migrate_text(
        "INSERT INTO settings (id, install_id, order_id_limit) VALUES (1, 'abcdefgh', 7);\n"
        "INSERT INTO bots (user_id, name, venue, mode, strategy, params, symbols, timeframe, "
        "capital,"
        " quote_scale, sizing_kind, sizing_value, sizing_scale, stop_loss_ppm, take_profit_ppm,"
        " trailing_ppm, max_daily_loss_ppm, daily_target_ppm, max_daily_trades, cooldown_s, wanted,"
        " created_ms, updated_ms) VALUES (1, 'n', 'sim', 'paper', 'rsi', '{}', '[\"BTCUSDT\"]', "
        "'1m',"
        " 1, 8, 'quote', 1, 8, 0, 0, 0, 0, 0, 0, 0, 'stopped', 1, 1);\n"
        "INSERT INTO orders (id, bot_id, user_id, venue, symbol, mode, side, type, purpose, state,"
        " reason, qty, price, trigger_price, filled, filled_quote, venue_order_id, venue_code,"
        " client_order_id, body, created_ms, updated_ms, price_scale, qty_scale, base_scale,"
        " quote_scale) VALUES (1, 1, 1, 'sim', 'BTCUSDT', 'paper', 'buy', 'market', 'entry', "
        "'filled',"
        " 'none', 1, 0, 0, 1, 1, 1, 0, 'c', 'b', 1, 1, 2, 5, 8, 8);\n"
        "INSERT INTO fills (order_id, bot_id, user_id, venue, symbol, mode, venue_trade_id, price, "
        "qty,"
        " fee, fee_scale, fee_asset, liquidity, created_ms, price_scale, qty_scale, base_scale,"
        " quote_scale) VALUES (1, 1, 1, 'sim', 'BTCUSDT', 'paper', 1, 1, 1, 0, 8, 'USDT', 'taker', "
        "1, 2,"
        " 5, 8, 8);\n",
        sql_kind(db));
    assert_ok(sql_exec(db, text));
    free(text);
    for (uint32_t version = 2; version <= migrations_count; version++) {
        assert_ok(migrate(db, migrations, version, NOW_MS));
    }
    sql_close(db);
    store_close(open_store(f));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM users"), 1);
    assert_int_equal(query_i64(f,
                               "SELECT count(*) FROM fills f JOIN orders o ON o.id = f.order_id"
                               " JOIN bots b ON b.id = o.bot_id JOIN users u ON u.id = b.user_id"),
                     1);
    assert_int_equal(query_i64(f, "SELECT order_id_limit FROM settings"), 7);
}

static void test_migrate__own_list_counts_up_from_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < migrations_count; i++) {
        assert_int_equal(migrations[i].version, i + 1);
        assert_int_equal(strtol(migrations[i].name, NULL, 10), i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_migrate__from_empty_and_step_by_step),
        ON_BOTH(test_migrate__changed_content_is_refused),
        ON_BOTH(test_migrate__newer_database_is_refused),
        ON_BOTH(test_migrate__check_tells_and_changes_nothing),
        ON_BOTH(test_migrate__foreign_database_is_refused),
        ON_BOTH(test_migrate__failing_statement_leaves_the_old_state),
        ON_SQLITE(test_migrate__killed_at_any_write_opens_again),
        ON_SQLITE(test_migrate__text_is_put_into_both_dialects),
        ON_BOTH(test_migrate__table_that_others_refer_to_is_rebuilt_with_its_rows),
        ON_BOTH(test_migrate__reference_to_nothing_is_not_committed),
        ON_BOTH(test_migrate__up_from_every_version_with_data),
        ON_SQLITE(test_migrate__own_list_counts_up_from_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
