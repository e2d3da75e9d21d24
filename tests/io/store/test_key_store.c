/* Exchange keys and other sealed bytes in the database: each with its owner, sealed by its id, and
 * walked over once each. */
#include <stdlib.h>
#include <string.h>

#include "io/store/account_read.h"
#include "io/store/account_store.h"
#include "io/store/key_store.h"
#include "io/store/sealed_store.h"
#include "io/store/store.h"

#include "cmocka_all.h"

#include "fixture.h"

enum { KEYS_MAX = 8 };

struct seen {
    struct store_key keys[KEYS_MAX];
    unsigned count;
};

static struct sql *open_writer(const struct fixture *f)
{
    struct sql *db = NULL;
    store_close(open_store(f));
    assert_ok(sql_open(f->url, SQL_WRITE, 5000, &db));
    return db;
}

/* One change in a transaction of its own. */
#define CHANGE(call, expected)                                                                     \
    do {                                                                                           \
        assert_ok(sql_begin(db, SQL_EXACT));                                                       \
        assert_int_equal(call, expected);                                                          \
        assert_ok(sql_commit(db));                                                                 \
    } while (0)

static uint64_t add_user(struct sql *db, const char *email)
{
    struct store_user user = {.role = ROLE_TRADER, .created_ms = 7, .password_hash = "$hash"};
    uint64_t id = 0;
    snprintf(user.email, sizeof user.email, "%s", email);
    CHANGE(account_store_insert(db, &user, &id), OK);
    return id;
}

/* Bytes that tell the id. */
static enum err seal(void *user, uint64_t id, struct store_key_sealed *out)
{
    const struct store_key *key = user;
    out->size = (uint32_t)snprintf((char *)out->bytes, sizeof out->bytes, "sealed %llu of %llu",
                                   (unsigned long long)id, (unsigned long long)key->user_id);
    return OK;
}

static enum err seal_not(void *user, uint64_t id, struct store_key_sealed *out)
{
    (void)user;
    (void)id;
    (void)out;
    return err_set(ERR_NO_MEMORY, "no locked memory");
}

static struct store_key key_of(uint64_t user_id, const char *label)
{
    struct store_key key = {
        .user_id = user_id,
        .venue = VENUE_BINANCE,
        .masked = "abcd****wxyz",
        .permissions = KEY_MAY_READ | KEY_MAY_TRADE_SPOT,
        .ip_restricted = true,
        .created_ms = NOW_MS,
    };
    snprintf(key.label, sizeof key.label, "%s", label);
    return key;
}

static uint64_t add_key(struct sql *db, uint64_t user_id, const char *label)
{
    struct store_key key = key_of(user_id, label);
    uint64_t id = 0;
    CHANGE(key_store_add(db, &key, seal, &key, &id), OK);
    return id;
}

static void on_key(void *user, const struct store_key *key)
{
    struct seen *seen = user;
    assert_true(seen->count < KEYS_MAX);
    seen->keys[seen->count++] = *key;
}

static struct seen see(struct sql *db, uint64_t user_id)
{
    struct seen seen = {0};
    uint32_t count = 0;
    assert_ok(key_store_list(db, user_id, on_key, &seen));
    assert_ok(key_store_count(db, user_id, &count));
    assert_int_equal(count, seen.count);
    return seen;
}

static void test_keys__are_read_back_as_they_were_written(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_writer(f);
    const uint64_t user = add_user(db, "a@b.co");
    struct store_key want = key_of(user, "main \xc4\x9f"), got = {0};
    struct store_key_sealed sealed = {0};
    CHANGE(key_store_add(db, &want, seal, &want, &want.id), OK);
    add_key(db, user, "main \xc4\x9f"); /* the same name and venue again is fine */
    const struct seen seen = see(db, user);
    assert_int_equal(seen.count, 2);
    assert_memory_equal(&seen.keys[0], &want, sizeof want);
    assert_ok(key_store_get(db, user, want.id, &got, &sealed));
    assert_memory_equal(&got, &want, sizeof want);
    char text[64];
    snprintf(text, sizeof text, "sealed %llu of %llu", (unsigned long long)want.id,
             (unsigned long long)user);
    assert_int_equal(sealed.size, strlen(text));
    assert_memory_equal(sealed.bytes, text, sealed.size);
    sql_close(db);
}

static void test_keys__belong_to_one_user_alone(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_writer(f);
    const uint64_t user = add_user(db, "a@b.co"), other = add_user(db, "c@d.co");
    const uint64_t id = add_key(db, user, "mine");
    struct store_key key;
    struct store_key_sealed sealed;
    assert_int_equal(see(db, other).count, 0);
    assert_err(key_store_get(db, other, id, &key, &sealed), ERR_NOT_FOUND, "no exchange key");
    CHANGE(key_store_end(db, other, id), ERR_NOT_FOUND);
    assert_int_equal(see(db, user).count, 1);
    CHANGE(key_store_end(db, user, id), OK);
    CHANGE(key_store_end(db, user, id), ERR_NOT_FOUND);
    assert_int_equal(see(db, user).count, 0);
    sql_close(db);
}

static void test_keys__one_that_could_not_be_sealed_is_not_there(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_writer(f);
    const uint64_t user = add_user(db, "a@b.co");
    struct store_key key = key_of(user, "main"), nobodys = key_of(77, "main");
    uint64_t id = 0;
    assert_ok(sql_begin(db, SQL_EXACT));
    assert_int_equal(key_store_add(db, &key, seal_not, &key, &id), ERR_NO_MEMORY);
    sql_rollback(db);
    CHANGE(key_store_add(db, &nobodys, seal, &nobodys, &id), ERR_NOT_FOUND);
    assert_int_equal(see(db, user).count, 0);
    sql_close(db);
}

static void test_keys__go_with_their_user(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_writer(f);
    const uint64_t user = add_user(db, "a@b.co");
    add_key(db, user, "main");
    CHANGE(account_store_delete(db, user), OK);
    assert_int_equal(see(db, user).count, 0);
    sql_close(db);
}

static void test_sealed__the_walk_meets_everything_once(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_writer(f);
    const uint64_t user = add_user(db, "a@b.co"), other = add_user(db, "c@d.co");
    const struct sealed secret = {.size = 3, .bytes = "\1\0\3"};
    const uint8_t code[1][STORE_HASH_SIZE] = {{1}};
    CHANGE(account_store_begin_totp(db, user, &secret), OK);
    CHANGE(account_store_begin_totp(db, other, &secret), OK);
    CHANGE(account_store_confirm_totp(db, other, &secret, 1, code, 1), OK);
    const uint64_t first = add_key(db, other, "one"), second = add_key(db, user, "two");

    const uint64_t want[][3] = {{SEALED_TOTP_NEXT, user, user},
                                {SEALED_TOTP, other, other},
                                {SEALED_EXCHANGE_KEY, first, other},
                                {SEALED_EXCHANGE_KEY, second, user}};
    uint64_t count = 0;
    unsigned at = 0;
    assert_ok(sealed_store_count(db, &count));
    assert_int_equal(count, 4);
    for (unsigned column = 0; column < SEALED_COLUMN_COUNT; column++) {
        struct sealed_row row = {0};
        bool more = false;
        assert_ok(sealed_store_next(db, (enum sealed_column)column, 0, &row, &more));
        while (more) {
            assert_true(at < 4);
            assert_int_equal(row.column, want[at][0]);
            assert_int_equal(row.row_id, want[at][1]);
            assert_int_equal(row.user_id, want[at++][2]);
            assert_ok(sealed_store_next(db, (enum sealed_column)column, row.row_id, &row, &more));
        }
    }
    assert_int_equal(at, 4);
    sql_close(db);
}

static void test_sealed__is_replaced_where_it_is_still_the_same(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_writer(f);
    const uint64_t user = add_user(db, "a@b.co");
    const struct sealed secret = {.size = 3, .bytes = "\1\0\3"};
    const uint8_t bytes[3] = {9, 0, 7};
    struct sealed_row row = {0};
    bool more = false;
    uint64_t before = 0, after = 0;
    CHANGE(account_store_begin_totp(db, user, &secret), OK);
    assert_ok(sealed_store_next(db, SEALED_TOTP_NEXT, 0, &row, &more));
    assert_true(more);
    assert_ok(account_read_version(db, &before));
    CHANGE(sealed_store_replace(db, &row, bytes), OK);
    CHANGE(sealed_store_replace(db, &row, bytes), ERR_NOT_FOUND);
    assert_ok(account_read_version(db, &after));
    assert_int_equal(after, before + 1); /* servers hear of the one that happened */
    assert_ok(sealed_store_next(db, SEALED_TOTP_NEXT, 0, &row, &more));
    assert_memory_equal(row.sealed.bytes, bytes, 3);
    sql_close(db);
}

static void test_sealed__the_lowest_version_only_rises(void **state)
{
    const struct fixture *f = fixture_of(state);
    struct sql *db = open_writer(f);
    uint32_t version = 0;
    CHANGE(sealed_store_lock(db, &version), OK);
    assert_int_equal(version, 1);
    CHANGE(sealed_store_set_version(db, 3), OK);
    CHANGE(sealed_store_set_version(db, 2), OK);
    CHANGE(sealed_store_lock(db, &version), OK);
    assert_int_equal(version, 3);
    sql_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(test_keys__are_read_back_as_they_were_written),
        ON_BOTH(test_keys__belong_to_one_user_alone),
        ON_BOTH(test_keys__one_that_could_not_be_sealed_is_not_there),
        ON_BOTH(test_keys__go_with_their_user),
        ON_BOTH(test_sealed__the_walk_meets_everything_once),
        ON_BOTH(test_sealed__is_replaced_where_it_is_still_the_same),
        ON_BOTH(test_sealed__the_lowest_version_only_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
