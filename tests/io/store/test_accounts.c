/* Accounts in the database: each change whole, once, counted, and read back as it was written. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/store/account_read.h"
#include "io/store/account_store.h"
#include "io/store/store.h"

#include "cmocka_all.h"

enum { DAY_MS = 24 * 3600 * 1000, ROWS_MAX = 64 };

struct seen {
    struct store_user users[ROWS_MAX];
    struct store_session sessions[ROWS_MAX];
    struct store_api_token tokens[ROWS_MAX];
    unsigned user_count, session_count, token_count;
};

static char folder[64], url[128];
static struct sql *db;

static int open_database(void **state)
{
    struct store *store = NULL;
    (void)state;
    strcpy(folder, "/tmp/tradebot-accounts-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(url, sizeof url, "%s/tradebot.db", folder);
    if (store_open(url, 5, &store) != OK) return -1;
    store_close(store);
    return sql_open(url, SQL_WRITE, 5000, &db) == OK ? 0 : -1;
}

static int close_database(void **state)
{
    char command[128];
    (void)state;
    sql_close(db);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void on_user(void *user, const struct store_user *row)
{
    struct seen *seen = user;
    seen->users[seen->user_count++] = *row;
}

static void on_session(void *user, const struct store_session *row)
{
    struct seen *seen = user;
    seen->sessions[seen->session_count++] = *row;
}

static void on_token(void *user, const struct store_api_token *row)
{
    struct seen *seen = user;
    seen->tokens[seen->token_count++] = *row;
}

static struct seen *see(uint64_t user_id, int64_t now_ms)
{
    static struct seen seen;
    seen = (struct seen){0};
    const struct account_reader reader = {on_user, on_session, on_token, &seen};
    assert_int_equal(account_read(db, user_id, now_ms, &reader), OK);
    return &seen;
}

static uint64_t version(void)
{
    uint64_t value = 0;
    assert_int_equal(account_read_version(db, &value), OK);
    return value;
}

static void begin(void)
{
    assert_int_equal(sql_begin(db, SQL_EXACT), OK);
}

static void commit(void)
{
    assert_int_equal(sql_commit(db), OK);
}

/* One change in a transaction of its own. */
#define CHANGE(call, expected)                                                                     \
    do {                                                                                           \
        begin();                                                                                   \
        assert_int_equal(call, expected);                                                          \
        commit();                                                                                  \
    } while (0)

static uint64_t add_user(const char *email)
{
    struct store_user user = {.role = ROLE_TRADER, .created_ms = 7, .locale = "tr"};
    uint64_t id = 0;
    snprintf(user.email, sizeof user.email, "%s", email);
    snprintf(user.password_hash, sizeof user.password_hash, "$hash");
    CHANGE(account_store_insert(db, &user, &id), OK);
    return id;
}

static struct store_session session_of(uint64_t user_id, uint8_t mark)
{
    struct store_session s = {
        .user_id = user_id,
        .created_ms = 100,
        .authenticated_ms = 101,
        .seen_ms = 102,
        .expires_ms = 103 + 7 * (int64_t)DAY_MS,
        .lifetime_ms = 7 * (int64_t)DAY_MS,
        .address = "2001:db8::1",
        .agent = "curl/7.88.1",
    };
    memset(s.hash, mark, sizeof s.hash);
    return s;
}

static uint64_t add_session(uint64_t user_id, uint8_t mark)
{
    const struct store_session s = session_of(user_id, mark);
    uint64_t id = 0;
    CHANGE(account_store_add_session(db, &s, &id), OK);
    return id;
}

static void test_accounts__the_first_one_is_there_and_unclaimed(void **state)
{
    (void)state;
    const struct seen *seen = see(ACCOUNT_READ_ALL, 0);
    assert_int_equal(seen->user_count, 1);
    assert_int_equal(seen->users[0].id, 1);
    assert_int_equal(seen->users[0].role, ROLE_ADMIN);
    assert_string_equal(seen->users[0].email, "");
    assert_string_equal(seen->users[0].password_hash, "");
}

static void test_accounts__the_first_one_is_claimed_once(void **state)
{
    (void)state;
    CHANGE(account_store_claim(db, "a@b.co", "$hash", 9), OK);
    CHANGE(account_store_claim(db, "c@d.co", "$other", 9), ERR_EXISTS);
    const struct seen *seen = see(1, 0);
    assert_string_equal(seen->users[0].email, "a@b.co");
    assert_string_equal(seen->users[0].password_hash, "$hash");
    assert_int_equal(seen->users[0].password_ms, 9);
}

static void test_accounts__an_address_is_taken_once(void **state)
{
    (void)state;
    struct store_user user = {.email = "a@b.co", .password_hash = "$x", .role = ROLE_VIEWER};
    uint64_t id = 0;
    const uint64_t first = add_user("a@b.co");
    const uint64_t before = version();
    CHANGE(account_store_insert(db, &user, &id), ERR_EXISTS);
    CHANGE(account_store_claim(db, "a@b.co", "$hash", 9), ERR_EXISTS);
    assert_int_equal(version(), before);
    assert_true(first > 1);
}

static void test_accounts__every_change_is_read_back_and_counted(void **state)
{
    (void)state;
    const uint64_t id = add_user("a@b.co");
    uint64_t before = version();
    CHANGE(account_store_set_password(db, id, "$new", 11), OK);
    CHANGE(account_store_set_role(db, id, ROLE_ADMIN), OK);
    CHANGE(account_store_set_disabled(db, id, true), OK);
    CHANGE(account_store_set_locale(db, id, "en"), OK);
    assert_int_equal(version(), before + 4);
    const struct store_user user = see(id, 0)->users[0];
    assert_string_equal(user.password_hash, "$new");
    assert_int_equal(user.password_ms, 11);
    assert_int_equal(user.role, ROLE_ADMIN);
    assert_true(user.is_disabled);
    assert_string_equal(user.locale, "en");
    CHANGE(account_store_set_locale(db, id, ""), OK);
    assert_string_equal(see(id, 0)->users[0].locale, "");
}

static void test_accounts__a_user_that_is_not_there_is_named(void **state)
{
    (void)state;
    const uint64_t before = version();
    CHANGE(account_store_set_role(db, 77, ROLE_ADMIN), ERR_NOT_FOUND);
    assert_non_null(strstr(err_text(), "77"));
    CHANGE(account_store_delete(db, 77), ERR_NOT_FOUND);
    const struct store_session s = session_of(77, 1);
    uint64_t id;
    CHANGE(account_store_add_session(db, &s, &id), ERR_NOT_FOUND);
    assert_int_equal(version(), before);
}

static void test_accounts__sessions_are_read_until_they_end(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co");
    const uint64_t id = add_session(user, 1);
    struct store_session want = session_of(user, 1);
    want.id = id;
    const struct seen *seen = see(user, want.expires_ms - 1);
    assert_int_equal(seen->session_count, 1);
    assert_memory_equal(&seen->sessions[0], &want, sizeof want);
    assert_int_equal(see(user, want.expires_ms)->session_count, 0);

    want.seen_ms += DAY_MS;
    want.expires_ms += DAY_MS;
    CHANGE(account_store_touch_session(db, &want), OK);
    CHANGE(account_store_authenticate_session(db, id, 5000), OK);
    seen = see(user, want.expires_ms - 1);
    assert_int_equal(seen->sessions[0].seen_ms, want.seen_ms);
    assert_int_equal(seen->sessions[0].authenticated_ms, 5000);

    CHANGE(account_store_sweep(db, want.expires_ms), OK);
    assert_int_equal(see(user, 0)->session_count, 0);
}

static void test_accounts__a_session_is_ended_by_its_owner_alone(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co"), other = add_user("c@d.co");
    const uint64_t first = add_session(user, 1), second = add_session(user, 2);
    const uint64_t third = add_session(user, 3), theirs = add_session(other, 4);
    CHANGE(account_store_end_session(db, other, first), ERR_NOT_FOUND);
    CHANGE(account_store_end_session(db, user, first), OK);
    CHANGE(account_store_end_session(db, user, first), ERR_NOT_FOUND);
    CHANGE(account_store_end_sessions(db, user, third), OK);
    const struct seen *seen = see(ACCOUNT_READ_ALL, 0);
    assert_int_equal(seen->session_count, 2);
    assert_int_equal(seen->sessions[0].id, third);
    assert_int_equal(seen->sessions[1].id, theirs);
    assert_true(second < third);
    CHANGE(account_store_end_sessions(db, user, 0), OK);
    assert_int_equal(see(user, 0)->session_count, 0);
}

static void test_accounts__the_sessions_seen_last_are_left(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co"), other = add_user("c@d.co");
    add_session(other, 9);
    for (uint8_t i = 0; i < 5; i++) {
        struct store_session s = session_of(user, i);
        uint64_t id = 0;
        s.seen_ms = i == 2 ? 500 : 100 + i;
        s.expires_ms = i == 4 ? 50 : 1000; /* one is over, and takes no room */
        CHANGE(account_store_add_session(db, &s, &id), OK);
    }
    CHANGE(account_store_trim_sessions(db, user, 2, 60), OK);
    const struct seen *seen = see(user, 60);
    assert_int_equal(seen->session_count, 2);
    assert_int_equal(seen->sessions[0].seen_ms, 500);
    assert_int_equal(seen->sessions[1].seen_ms, 103);
    assert_int_equal(see(other, 60)->session_count, 1);
}

static void test_accounts__still_is_for_the_password_and_the_state(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co");
    CHANGE(account_store_still(db, user, 7), OK);
    CHANGE(account_store_still(db, user, 8), ERR_NOT_FOUND);
    CHANGE(account_store_set_disabled(db, user, true), OK);
    CHANGE(account_store_still(db, user, 7), ERR_NOT_FOUND);
}

static void test_accounts__a_token_hash_is_used_once(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co");
    const struct store_session s = session_of(user, 1);
    uint64_t id;
    add_session(user, 1);
    CHANGE(account_store_add_session(db, &s, &id), ERR_EXISTS);
    assert_int_equal(see(user, 0)->session_count, 1);
}

static void test_accounts__api_tokens_come_and_go(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co"), other = add_user("c@d.co");
    struct store_api_token t = {.user_id = user, .name = "ci", .scopes = 3, .created_ms = 4};
    uint64_t first = 0, second = 0;
    memset(t.hash, 1, sizeof t.hash);
    CHANGE(account_store_add_token(db, &t, &first), OK);
    memset(t.hash, 2, sizeof t.hash);
    t.expires_ms = 1000;
    CHANGE(account_store_add_token(db, &t, &second), OK);
    CHANGE(account_store_touch_token(db, first, 99), OK);
    const struct seen *seen = see(user, 999);
    assert_int_equal(seen->token_count, 2);
    assert_int_equal(seen->tokens[0].used_ms, 99);
    assert_string_equal(seen->tokens[0].name, "ci");
    assert_int_equal(seen->tokens[0].scopes, 3);
    assert_int_equal(see(user, 1000)->token_count, 1);
    uint64_t count = 0;
    CHANGE(account_store_count_tokens(db, user, 999, &count), OK);
    assert_int_equal(count, 2);
    CHANGE(account_store_count_tokens(db, user, 1000, &count), OK);
    assert_int_equal(count, 1);
    CHANGE(account_store_sweep(db, 1000), OK);
    assert_int_equal(see(user, 0)->token_count, 1);
    CHANGE(account_store_end_token(db, other, first), ERR_NOT_FOUND);
    CHANGE(account_store_end_token(db, user, first), OK);
    CHANGE(account_store_end_tokens(db, user), OK);
    assert_int_equal(see(user, 0)->token_count, 0);
}

static void test_accounts__a_second_factor_is_confirmed_and_each_step_used_once(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co");
    const struct sealed secret = {.size = 5, .bytes = "\1\2\0\4\5"};
    const struct sealed other = {.size = 5, .bytes = "\1\2\0\4\6"};
    uint8_t codes[3][STORE_HASH_SIZE];
    for (unsigned i = 0; i < 3; i++) memset(codes[i], (int)i + 1, STORE_HASH_SIZE);
    CHANGE(account_store_confirm_totp(db, user, &secret, 10, codes, 3), ERR_NOT_FOUND);
    CHANGE(account_store_begin_totp(db, user, &secret), OK);
    CHANGE(account_store_confirm_totp(db, user, &other, 10, codes, 3), ERR_NOT_FOUND);
    assert_int_equal(see(user, 0)->users[0].totp.size, 0);
    CHANGE(account_store_confirm_totp(db, user, &secret, 10, codes, 3), OK);
    CHANGE(account_store_begin_totp(db, user, &other), ERR_NOT_FOUND);
    const struct store_user row = see(user, 0)->users[0];
    assert_int_equal(row.totp.size, 5);
    assert_memory_equal(row.totp.bytes, secret.bytes, 5);
    assert_int_equal(row.totp_next.size, 0);
    assert_int_equal(row.recovery_codes, 3);

    CHANGE(account_store_use_step(db, user, 10), ERR_NOT_FOUND);
    CHANGE(account_store_use_step(db, user, 9), ERR_NOT_FOUND);
    CHANGE(account_store_use_step(db, user, 12), OK);
    CHANGE(account_store_use_step(db, user, 12), ERR_NOT_FOUND);
    CHANGE(account_store_use_code(db, user, codes[1]), OK);
    CHANGE(account_store_use_code(db, user, codes[1]), ERR_NOT_FOUND);
    CHANGE(account_store_use_code(db, user + 1, codes[0]), ERR_NOT_FOUND);
    assert_int_equal(see(user, 0)->users[0].recovery_codes, 2);

    CHANGE(account_store_drop_totp(db, user), OK);
    assert_int_equal(see(user, 0)->users[0].totp.size, 0);
    assert_int_equal(see(user, 0)->users[0].recovery_codes, 0);
}

static void test_accounts__a_reset_is_used_once_in_its_time_and_the_newest_counts(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co");
    const uint8_t old[STORE_HASH_SIZE] = {1}, new[STORE_HASH_SIZE] = {2};
    uint64_t whose = 0;
    CHANGE(account_store_add_reset(db, user, old, 0, 100), OK);
    CHANGE(account_store_add_reset(db, user, new, 1, 101), OK);
    CHANGE(account_store_use_reset(db, old, 50, &whose), ERR_NOT_FOUND);
    CHANGE(account_store_use_reset(db, new, 101, &whose), ERR_NOT_FOUND);
    CHANGE(account_store_use_reset(db, new, 100, &whose), OK);
    assert_int_equal(whose, user);
    CHANGE(account_store_add_reset(db, user, old, 2, 102), OK);
    CHANGE(account_store_drop_reset(db, user), OK);
    CHANGE(account_store_drop_reset(db, user), OK);
    CHANGE(account_store_use_reset(db, old, 50, &whose), ERR_NOT_FOUND);
    CHANGE(account_store_use_reset(db, new, 100, &whose), ERR_NOT_FOUND);
}

static void test_accounts__a_user_goes_with_everything(void **state)
{
    (void)state;
    const uint64_t user = add_user("a@b.co"), other = add_user("c@d.co");
    const uint8_t hash[STORE_HASH_SIZE] = {1};
    add_session(user, 1);
    add_session(other, 2);
    CHANGE(account_store_add_reset(db, user, hash, 0, 100), OK);
    CHANGE(account_store_delete(db, user), OK);
    const struct seen *seen = see(ACCOUNT_READ_ALL, 0);
    assert_int_equal(seen->user_count, 2);
    assert_int_equal(seen->session_count, 1);
    assert_int_equal(seen->sessions[0].user_id, other);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_database, close_database)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_accounts__the_first_one_is_there_and_unclaimed),
        CASE(test_accounts__the_first_one_is_claimed_once),
        CASE(test_accounts__an_address_is_taken_once),
        CASE(test_accounts__every_change_is_read_back_and_counted),
        CASE(test_accounts__a_user_that_is_not_there_is_named),
        CASE(test_accounts__sessions_are_read_until_they_end),
        CASE(test_accounts__a_session_is_ended_by_its_owner_alone),
        CASE(test_accounts__the_sessions_seen_last_are_left),
        CASE(test_accounts__still_is_for_the_password_and_the_state),
        CASE(test_accounts__a_token_hash_is_used_once),
        CASE(test_accounts__api_tokens_come_and_go),
        CASE(test_accounts__a_second_factor_is_confirmed_and_each_step_used_once),
        CASE(test_accounts__a_reset_is_used_once_in_its_time_and_the_newest_counts),
        CASE(test_accounts__a_user_goes_with_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
