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
        ON_SQLITE(test_migrate__own_list_counts_up_from_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
