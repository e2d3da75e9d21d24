/* The face of a database: what it promises, on each of them. */
#include "cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "io/store/migrate.h"
#include "io/store/migrate_text.h"
#include "io/store/sql.h"
#include "postgres.h"

enum { TIMEOUT_MS = 1000 };

static struct sql *open_sql(const struct fixture *f)
{
    struct sql *db = NULL;
    assert_ok(sql_open(f->url, SQL_WRITE, TIMEOUT_MS, &db));
    return db;
}

static void exec(struct sql *db, const char *text)
{
    char *own = migrate_text(text, sql_kind(db));
    assert_ok(sql_exec(db, own));
    free(own);
}

static struct sql *open_things(const struct fixture *f)
{
    struct sql *db = open_sql(f);
    exec(db, "CREATE TABLE things (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER,"
             " name TEXT UNIQUE CHECK (name <> 'bad'), data BLOB) STRICT;\n"
             "CREATE TABLE parts (thing INTEGER NOT NULL REFERENCES things (id)) STRICT;\n");
    return db;
}

static enum err put(struct sql *db, int64_t number, const char *name)
{
    struct sql_statement *st;
    assert_ok(sql_use(db, "INSERT INTO things (number, name) VALUES (?1, ?2)", &st));
    sql_i64(st, number);
    sql_text(st, name);
    return sql_run(st);
}

/* As every writer does it. */
static enum err put_piece(struct sql *db, int64_t number, const char *name)
{
    const enum err err = sql_save(db, SQL_ONE_STATEMENT);
    return sql_saved(db, SQL_ONE_STATEMENT, err ? err : put(db, number, name));
}

static enum err rename_thing(struct sql *db, int64_t number, const char *name)
{
    struct sql_statement *st;
    assert_ok(sql_use(db, "UPDATE things SET name = ?2 WHERE number = ?1", &st));
    sql_i64(st, number);
    sql_text(st, name);
    return sql_run_one(st, "thing", (uint64_t)number);
}

static int64_t count(struct sql *db)
{
    struct sql_statement *st;
    int64_t value = -1;
    assert_ok(sql_use(db, "SELECT count(*) FROM things", &st));
    assert_ok(sql_run_i64(st, &value));
    return value;
}

static void test_sql__values_come_back_as_they_went(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f);
    static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1000000000000};
    static const char *const texts[] = {"",
                                        "plain",
                                        "'; DROP TABLE things;--",
                                        "?1 $1 %s \\ \"",
                                        "\xf0\x9f\x9a\x80 \xc5\x9f\xc4\xb1k\n\t",
                                        "\x7f"};
    unsigned char bytes[256];
    for (int i = 0; i < 256; i++) bytes[i] = (unsigned char)i;
    struct sql_statement *insert, *read;
    for (int i = 0; i < 6; i++) {
        assert_ok(
            sql_use(db, "INSERT INTO things (number, name, data) VALUES (?1, ?2, ?3) RETURNING id",
                    &insert));
        sql_i64(insert, numbers[i]);
        sql_text(insert, texts[i]);
        sql_blob(insert, bytes, (size_t)i * 51);
        int64_t id = 0;
        assert_ok(sql_run_i64(insert, &id));
        assert_int_equal(id, i + 1);
    }
    assert_ok(sql_use(db, "INSERT INTO things (number, name, data) VALUES (?1, ?2, ?3)", &insert));
    sql_null(insert);
    sql_text(insert, NULL);
    sql_null(insert);
    assert_ok(sql_run(insert));

    assert_ok(
        sql_use(db, "SELECT number, name, data FROM things WHERE id >= ?1 ORDER BY id", &read));
    bool more;
    for (int round = 0; round < 2; round++) {
        sql_i64(read, 1);
        for (int i = 0; i < 6; i++) {
            assert_ok(sql_next(read, &more));
            assert_true(more);
            assert_int_equal(sql_column_i64(read, 0), numbers[i]);
            assert_string_equal(sql_column_text(read, 1).data, texts[i]);
            assert_int_equal(sql_column_text(read, 1).size, strlen(texts[i]));
            for (int again = 0; again < 2; again++) {
                const struct slice data = sql_column_blob(read, 2);
                assert_int_equal(data.size, i * 51);
                assert_memory_equal(data.data, bytes, data.size);
            }
            assert_false(sql_column_is_null(read, 2));
            assert_string_equal(sql_column_name(read, 1), "name");
        }
        assert_ok(sql_next(read, &more));
        assert_true(more);
        for (int i = 0; i < 3; i++) assert_true(sql_column_is_null(read, i));
        assert_null(sql_column_text(read, 1).data);
        assert_null(sql_column_blob(read, 2).data);
        assert_ok(sql_next(read, &more));
        assert_false(more);
    }
    sql_close(db);
}

static void test_sql__text_that_is_none_is_refused_before_the_database(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f);
    static const struct slice bad[] = {SLICE("a\0b"), SLICE("\xff"), SLICE("\xed\xa0\x80"),
                                       SLICE("abc\xc3")};
    struct sql_statement *st;
    assert_ok(sql_use(db, "INSERT INTO things (number, name) VALUES (?1, ?2)", &st));
    assert_ok(sql_begin(db, SQL_EXACT));
    for (int i = 0; i < 4; i++) {
        sql_i64(st, i);
        sql_slice(st, bad[i]);
        assert_err(sql_run(st), ERR_INVALID,
                   i ? "value 2 holds bytes that are not UTF-8" : "value 2 holds a NUL");
    }
    assert_ok(put_piece(db, 9, "good"));
    assert_ok(sql_commit(db));
    assert_int_equal(count(db), 1);
    sql_close(db);
}

static void test_sql__refusals_leave_the_transaction_going(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f);
    assert_ok(sql_begin(db, SQL_EXACT));
    assert_ok(put_piece(db, 1, "one"));
    assert_int_equal(put_piece(db, 2, "one"), ERR_EXISTS);
    assert_int_equal(put_piece(db, 2, "bad"), ERR_INVALID);
    assert_err(rename_thing(db, 7, "seven"), ERR_NOT_FOUND, "there is no thing 7");
    struct sql_statement *part;
    assert_ok(sql_use(db, "INSERT INTO parts (thing) VALUES (?1)", &part));
    assert_ok(sql_save(db, SQL_STATEMENTS));
    assert_ok(put(db, 3, "three"));
    sql_i64(part, 99);
    assert_int_equal(sql_saved(db, SQL_STATEMENTS, sql_run(part)), ERR_NOT_FOUND);
    /* A piece within a piece: the inner one is undone, the outer one stays. */
    assert_ok(sql_save(db, SQL_STATEMENTS));
    assert_ok(put(db, 4, "four"));
    assert_ok(sql_save(db, SQL_STATEMENTS));
    assert_ok(put(db, 5, "five"));
    assert_int_equal(sql_saved(db, SQL_STATEMENTS, put(db, 6, "five")), ERR_EXISTS);
    assert_ok(sql_saved(db, SQL_STATEMENTS, OK));
    assert_ok(sql_commit(db));
    assert_int_equal(count(db), 2);
    assert_int_equal(query_i64(f, "SELECT sum(number) FROM things"), 5);
    sql_close(db);
}

static void test_sql__rollback_and_close_undo(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f);
    assert_ok(sql_begin(db, SQL_EXACT));
    assert_true(sql_in_transaction(db));
    assert_ok(put_piece(db, 1, "one"));
    sql_rollback(db);
    sql_rollback(db);
    assert_false(sql_in_transaction(db));
    assert_ok(sql_begin(db, SQL_DEFERRED));
    assert_ok(put_piece(db, 2, "two"));
    sql_close(db);
    db = open_sql(f);
    assert_int_equal(count(db), 0);
    sql_close(db);
}

/* What PostgreSQL tells late, it tells before anything is committed. */
static void test_sql__deferred_refusal_commits_nothing(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f);
    for (int kind = 0; kind < 3; kind++) {
        assert_ok(sql_begin(db, SQL_DEFERRED));
        assert_ok(put_piece(db, 1, "one"));
        enum err err = kind == 0 ? put_piece(db, 2, "one") : OK;
        if (kind == 1) err = put_piece(db, 2, "bad");
        if (kind == 2) err = rename_thing(db, 7, "seven");
        const enum err want = kind == 0 ? ERR_EXISTS : kind == 1 ? ERR_INVALID : ERR_NOT_FOUND;
        if (sql_kind(db) == SQL_POSTGRES) {
            assert_ok(err);
            assert_ok(put_piece(db, 3, "three"));
            assert_int_equal(sql_commit(db), want);
        } else {
            assert_int_equal(err, want);
            sql_rollback(db);
        }
        assert_false(sql_in_transaction(db));
        assert_int_equal(count(db), 0);
    }
    assert_ok(sql_begin(db, SQL_DEFERRED));
    for (int i = 0; i < 5000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        assert_ok(put_piece(db, i, name));
    }
    assert_int_equal(count(db), 5000);
    assert_ok(sql_commit(db));
    assert_int_equal(count(db), 5000);
    sql_close(db);
}

static void test_sql__reader_cannot_write(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f), *reader = NULL;
    assert_ok(sql_open(f->url, SQL_READ, TIMEOUT_MS, &reader));
    assert_int_equal(put(reader, 1, "one"), ERR_IO);
    assert_int_equal(count(reader), 0);
    assert_ok(put(db, 1, "one"));
    assert_int_equal(count(reader), 1);
    assert_ok(sql_begin(reader, SQL_EXACT));
    assert_int_equal(count(reader), 1);
    assert_ok(put(db, 2, "two"));
    assert_int_equal(count(reader), 1); /* one moment */
    sql_rollback(reader);
    assert_int_equal(count(reader), 2);
    sql_close(reader);
    sql_close(db);
}

static void test_sql__second_writer_is_refused_until_the_first_is_gone(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_sql(f), *second = NULL;
    char text[64];
    snprintf(text, sizeof text, "process %d", (int)getpid());
    assert_err(sql_open(f->url, SQL_WRITE, TIMEOUT_MS, &second), ERR_EXISTS, text);
    assert_null(second);
    sql_close(db);
    sql_close(open_sql(f));
}

static void test_sql__one_beside_the_writer_writes_and_waits_for_its_turn(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f), *beside = NULL;
    assert_ok(sql_open(f->url, SQL_BESIDE, TIMEOUT_MS, &beside));
    assert_ok(sql_begin(beside, SQL_EXACT));
    assert_ok(put_piece(beside, 1, "one"));
    assert_int_equal(count(db), 0);
    assert_ok(sql_commit(beside));
    assert_int_equal(count(db), 1);
    assert_ok(sql_begin(db, SQL_EXACT));
    assert_ok(rename_thing(db, 1, "mine"));
    enum err err = sql_begin(beside, SQL_EXACT); /* SQLite waits here, PostgreSQL at the row */
    if (!err) err = rename_thing(beside, 1, "theirs");
    assert_int_equal(err, ERR_TIMEOUT);
    sql_rollback(beside);
    assert_ok(sql_commit(db));
    sql_close(beside);
    sql_close(db);
}

static void test_sql__one_beside_the_writer_makes_no_file(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = NULL;
    assert_err(sql_open(f->url, SQL_BESIDE, TIMEOUT_MS, &db), ERR_IO, "unable to open");
    assert_int_not_equal(access(f->path, F_OK), 0);
}

static void test_sql__writer_that_was_killed_frees_the_database(void **state)
{
    const struct fixture *f = fixture_of(state);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct sql *db = NULL;
        const char ok = sql_open(f->url, SQL_WRITE, TIMEOUT_MS, &db) == OK;
        if (write(ends[1], &ok, 1) == 1) pause();
        _exit(1);
    }
    char ok = 0;
    assert_int_equal(read(ends[0], &ok, 1), 1);
    assert_true(ok);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    sql_close(open_sql(f));
}

static void test_sql__slow_query_ends_at_the_deadline(void **state)
{
    const struct fixture *f = fixture_of(state);
    sql_close(open_things(f));
    struct sql *reader = NULL;
    struct sql_statement *st;
    int64_t value;
    assert_ok(sql_open(f->url, SQL_READ, 150, &reader));
    assert_ok(sql_use(reader,
                      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                      "1000000000) SELECT max(i) FROM n",
                      &st));
    assert_int_equal(sql_run_i64(st, &value), ERR_TIMEOUT);
    assert_int_equal(count(reader), 0);
    sql_close(reader);
}

static void test_sql__addresses(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = NULL;
    char shown[128];
    assert_err(sql_open("", SQL_READ, 100, &db), ERR_INVALID, "empty");
    assert_err(sql_open("sqlite:", SQL_READ, 100, &db), ERR_INVALID, "empty");
    assert_err(sql_open("mysql://root@here/db", SQL_READ, 100, &db), ERR_INVALID,
               "neither sqlite: nor postgresql://");
    assert_err(sql_open("postgresql://u:secret@[::1/db", SQL_READ, 100, &db), ERR_INVALID,
               "u:***@[::1/db");
    assert_null(strstr(err_text(), "secret"));
    assert_err(sql_open("postgresql:///db?host=/tmp/nowhere-at-all", SQL_READ, 500, &db),
               ERR_CLOSED, "No such file or directory");
    sql_url_shown("postgresql://me:secret@db:5432/x?password=secret", shown, sizeof shown);
    assert_string_equal(shown, "postgresql://me:***@db:5432/x");
    sql_url_shown("sqlite:/a/b?c", shown, sizeof shown);
    assert_string_equal(shown, "sqlite:/a/b?c");
    assert_ok(sql_open(f->path, SQL_WRITE, 100, &db));
    sql_close(db);
}

/* ---- when PostgreSQL goes away ---- */

static void stop_backends(const struct fixture *f, const char *which)
{
    char text[256];
    snprintf(text, sizeof text,
             "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
             "current_database() AND pid <> pg_backend_pid() AND %s",
             which);
    assert_true(query_i64(f, text) > 0);
    snprintf(text, sizeof text,
             "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
             " AND pid <> pg_backend_pid() AND %s",
             which);
    while (query_i64(f, text) > 0) continue;
}

static void test_sql__lost_connection_is_made_anew_with_its_lock(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_things(f), *second = NULL;
    assert_ok(put(db, 1, "one"));
    stop_backends(f, "true");
    assert_ok(sql_begin(db, SQL_DEFERRED));
    assert_ok(put_piece(db, 2, "two"));
    assert_ok(sql_commit(db));
    assert_int_equal(count(db), 2);
    assert_int_equal(sql_open(f->url, SQL_WRITE, TIMEOUT_MS, &second), ERR_EXISTS);

    assert_ok(sql_begin(db, SQL_DEFERRED));
    assert_ok(put_piece(db, 3, "three"));
    stop_backends(f, "true");
    assert_int_equal(sql_commit(db), ERR_CLOSED);
    assert_false(sql_in_transaction(db));
    assert_int_equal(count(db), 2);
    sql_close(db);
}

static void test_sql__another_writer_in_between_shuts_the_first_out(void **state)
{
    const struct fixture *f = fixture_of(state);
    static const struct migration none[1] = {
        {1, "0001_none", "CREATE TABLE a (b INTEGER) STRICT;\n"}};
    struct sql *first = open_sql(f);
    assert_ok(migrate(first, none, 1, NOW_MS));
    assert_ok(sql_fence(first));
    stop_backends(f, "application_name LIKE 'tradebot%'");
    struct sql *second = open_sql(f);
    assert_ok(sql_fence(second));
    sql_close(second);
    assert_err(sql_begin(first, SQL_EXACT), ERR_IO, "another engine wrote to the database");
    sql_close(first);
}

/* SIGSTOP: the server takes bytes and says nothing. */
static void test_sql__hung_server_is_left_at_the_deadline(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = NULL;
    sql_close(open_things(f));
    assert_ok(sql_open(f->url, SQL_READ, 200, &db));
    struct sql_statement *pid, *st;
    int64_t backend = 0, value;
    assert_ok(sql_use(db, "SELECT pg_backend_pid()", &pid));
    assert_ok(sql_run_i64(pid, &backend));
    assert_ok(sql_use(db, "SELECT count(*) FROM things", &st));
    assert_int_equal(kill((pid_t)backend, SIGSTOP), 0);
    assert_err(sql_run_i64(st, &value), ERR_TIMEOUT, "does not answer");
    assert_ok(sql_run_i64(st, &value)); /* by a new connection */
    kill((pid_t)backend, SIGCONT);
    sql_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_sql__values_come_back_as_they_went),
        ON_BOTH(test_sql__text_that_is_none_is_refused_before_the_database),
        ON_BOTH(test_sql__refusals_leave_the_transaction_going),
        ON_BOTH(test_sql__rollback_and_close_undo),
        ON_BOTH(test_sql__deferred_refusal_commits_nothing),
        ON_BOTH(test_sql__reader_cannot_write),
        ON_BOTH(test_sql__second_writer_is_refused_until_the_first_is_gone),
        ON_BOTH(test_sql__one_beside_the_writer_writes_and_waits_for_its_turn),
        ON_SQLITE(test_sql__one_beside_the_writer_makes_no_file),
        ON_BOTH(test_sql__writer_that_was_killed_frees_the_database),
        ON_BOTH(test_sql__slow_query_ends_at_the_deadline),
        ON_SQLITE(test_sql__addresses),
        ON_POSTGRES(test_sql__lost_connection_is_made_anew_with_its_lock),
        ON_POSTGRES(test_sql__another_writer_in_between_shuts_the_first_out),
        ON_POSTGRES(test_sql__hung_server_is_left_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
