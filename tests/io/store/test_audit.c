/* The audit log: whatever is altered, left out, moved or cut off is found. */
#include <stdlib.h>
#include <string.h>

#include "io/store/audit_store.h"
#include "io/store/store.h"

#include "cmocka_all.h"

enum { ENTRIES = 12 };

static char folder[64], url[128];
static struct sql *db;

static void append(unsigned number)
{
    struct audit_entry e = {.time_ms = 1000 + number, .user_id = number % 3};
    snprintf(e.actor, sizeof e.actor, "user%u@b.co", number);
    snprintf(e.action, sizeof e.action, "login");
    snprintf(e.target, sizeof e.target, "session %u", number);
    snprintf(e.address, sizeof e.address, "127.0.0.1");
    snprintf(e.detail, sizeof e.detail, "number \"%u\"\n", number);
    assert_int_equal(sql_begin(db, SQL_EXACT), OK);
    assert_int_equal(audit_append(db, &e), OK);
    assert_int_equal(sql_commit(db), OK);
    assert_int_equal(e.id, number);
}

static int open_log(void **state)
{
    struct store *store = NULL;
    (void)state;
    strcpy(folder, "/tmp/tradebot-audit-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(url, sizeof url, "%s/tradebot.db", folder);
    if (store_open(url, 5, &store) != OK) return -1;
    store_close(store);
    if (sql_open(url, SQL_WRITE, 5000, &db) != OK) return -1;
    for (unsigned i = 1; i <= ENTRIES; i++) append(i);
    return 0;
}

static int close_log(void **state)
{
    char command[128];
    (void)state;
    sql_close(db);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static enum err verify(const struct audit_anchor *anchor, uint64_t *count)
{
    return audit_verify(db, anchor, count);
}

static void spoil(const char *text)
{
    assert_int_equal(sql_begin(db, SQL_EXACT), OK);
    assert_int_equal(sql_exec(db, text), OK);
    assert_int_equal(sql_commit(db), OK);
}

static void test_audit__a_log_as_it_was_written_holds(void **state)
{
    (void)state;
    uint64_t count = 0;
    struct audit_anchor anchor = {0};
    assert_int_equal(verify(NULL, &count), OK);
    assert_int_equal(count, ENTRIES);
    assert_int_equal(audit_newest(db, &anchor), OK);
    assert_int_equal(anchor.id, ENTRIES);
    append(ENTRIES + 1);
    assert_int_equal(verify(&anchor, &count), OK);
}

static void test_audit__whatever_is_changed_is_found(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE audit_log SET detail = 'x'",
        "UPDATE audit_log SET actor = actor || 'x'",
        "UPDATE audit_log SET action = 'logout'",
        "UPDATE audit_log SET target = ''",
        "UPDATE audit_log SET address = ''",
        "UPDATE audit_log SET request_id = 'x'",
        "UPDATE audit_log SET time_ms = time_ms + 1",
        "UPDATE audit_log SET user_id = user_id + 1",
        "UPDATE audit_log SET hash = (SELECT hash FROM audit_log WHERE id = 5)",
        "DELETE FROM audit_log",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        for (unsigned id = 1; id <= ENTRIES; id += 11) {
            char text[128];
            uint64_t count = 0;
            snprintf(text, sizeof text, "%s WHERE id = %u", changes[i], id);
            assert_int_equal(sql_begin(db, SQL_EXACT), OK);
            assert_int_equal(sql_exec(db, text), OK);
            assert_int_equal(verify(NULL, &count), ERR_INVALID);
            assert_int_equal(count, id - 1);
            sql_rollback(db);
        }
    }
    uint64_t count = 0;
    assert_int_equal(verify(NULL, &count), OK);
}

static void test_audit__entries_that_changed_places_are_found(void **state)
{
    (void)state;
    uint64_t count = 0;
    spoil("UPDATE audit_log SET id = 100 WHERE id = 3;"
          "UPDATE audit_log SET id = 3 WHERE id = 4;"
          "UPDATE audit_log SET id = 4 WHERE id = 100;");
    assert_int_equal(verify(NULL, &count), ERR_INVALID);
    assert_int_equal(count, 2);
}

static void test_audit__an_end_that_is_missing_is_found(void **state)
{
    (void)state;
    uint64_t count = 0;
    spoil("DELETE FROM audit_log WHERE id > 10");
    assert_int_equal(verify(NULL, &count), ERR_INVALID);
    assert_non_null(strstr(err_text(), "ends at entry 10, and had 12"));
}

static void test_audit__a_log_that_was_written_anew_is_held_to_the_anchor(void **state)
{
    (void)state;
    struct audit_anchor anchor = {0};
    uint64_t count = 0;
    assert_int_equal(audit_newest(db, &anchor), OK);
    spoil("DELETE FROM audit_log; UPDATE settings SET audit_id = 0, audit_hash = "
          "x'0000000000000000000000000000000000000000000000000000000000000000'");
    for (unsigned i = 1; i < ENTRIES; i++) append(i);
    assert_int_equal(verify(NULL, &count), OK);
    assert_int_equal(verify(&anchor, &count), ERR_INVALID);
    append(ENTRIES);
    assert_int_equal(verify(&anchor, &count), OK); /* the same entries are the same chain */
    anchor.hash[0] ^= 1;
    assert_int_equal(verify(&anchor, &count), ERR_INVALID);
    assert_non_null(strstr(err_text(), "written anew"));
}

static void test_audit__an_entry_goes_with_its_transaction(void **state)
{
    (void)state;
    struct audit_entry e = {.action = "login"};
    uint64_t count = 0;
    assert_int_equal(sql_begin(db, SQL_EXACT), OK);
    assert_int_equal(audit_append(db, &e), OK);
    sql_rollback(db);
    assert_int_equal(verify(NULL, &count), OK);
    assert_int_equal(count, ENTRIES);
    append(ENTRIES + 1);
}

static unsigned listed;
static uint64_t first_listed, last_listed;

static void on_entry(void *user, const struct audit_entry *entry)
{
    (void)user;
    if (listed++ == 0) first_listed = entry->id;
    last_listed = entry->id;
}

static void test_audit__pages_go_from_the_newest_back(void **state)
{
    (void)state;
    listed = 0;
    assert_int_equal(audit_list(db, 0, 5, on_entry, NULL), OK);
    assert_int_equal(listed, 5);
    assert_int_equal(first_listed, ENTRIES);
    assert_int_equal(last_listed, ENTRIES - 4);
    listed = 0;
    assert_int_equal(audit_list(db, 4, 50, on_entry, NULL), OK);
    assert_int_equal(listed, 3);
    assert_int_equal(first_listed, 3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_log, close_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_audit__a_log_as_it_was_written_holds),
        CASE(test_audit__whatever_is_changed_is_found),
        CASE(test_audit__entries_that_changed_places_are_found),
        CASE(test_audit__an_end_that_is_missing_is_found),
        CASE(test_audit__a_log_that_was_written_anew_is_held_to_the_anchor),
        CASE(test_audit__an_entry_goes_with_its_transaction),
        CASE(test_audit__pages_go_from_the_newest_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
