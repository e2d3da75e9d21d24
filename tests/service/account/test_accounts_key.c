/* Exchange keys at the desk: asked about before they are kept, sealed for their row, told to
 * nobody. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "io/store/account_store.h"
#include "io/store/audit_store.h"
#include "io/store/store.h"
#include "service/account/accounts.h"
#include "service/account/exchange_secret.h"

#include "cmocka_all.h"

#define NOW_MS  INT64_C(1763900000000)
#define API_KEY "abcdEFGHijklMNOPqrstwxyz"
#define SECRET  "CANARY+of/the=desk"

static char folder[64], url[128], key_path[128];
static struct accounts accounts;
static struct account_desk *desk;
static struct account_answer answer;
static unsigned answers;

static struct {
    struct sql *db;
    unsigned runs; /* how often a change is run: all but the last time it is undone */
    enum account_outcome outcome;
    bool is_full;
    unsigned probes;
    void (*during)(void); /* between the probe and the change */
} port;

static bool port_change(void *self, struct account_change *change)
{
    enum err err = OK;
    (void)self;
    for (unsigned i = 0; i < port.runs; i++) {
        assert_int_equal(sql_begin(port.db, SQL_EXACT), OK);
        assert_int_equal(sql_save(port.db, SQL_STATEMENTS), OK);
        err = change->run(port.db, change);
        assert_true(err == OK || err == ERR_EXISTS || err == ERR_NOT_FOUND || err == ERR_INVALID);
        err = sql_saved(port.db, SQL_STATEMENTS, err);
        if (i + 1 < port.runs)
            sql_rollback(port.db);
        else
            assert_int_equal(sql_commit(port.db), OK);
    }
    change->on_done(change, err);
    return true;
}

static void tell(struct account_probe *probe)
{
    probe->outcome = port.outcome;
    probe->permissions = KEY_MAY_READ | KEY_MAY_TRADE_SPOT;
    probe->ip_restricted = true;
    if (port.during) port.during();
    probe->on_done(probe);
}

static bool port_probe(void *self, struct account_probe *probe)
{
    (void)self;
    if (port.is_full) return false;
    port.probes++;
    assert_true(slice_is(probe->api_key, API_KEY) && slice_is(probe->secret, SECRET));
    tell(probe);
    return true;
}

static void port_wake(void *self)
{
    (void)self;
}

static int open_house(unsigned runs)
{
    struct store *store = NULL;
    const struct account_port real = {
        .change = port_change, .probe = port_probe, .wake = port_wake};
    strcpy(folder, "/tmp/tradebot-keys-XXXXXX");
    if (sodium_init() < 0 || !mkdtemp(folder)) return -1;
    snprintf(url, sizeof url, "%s/tradebot.db", folder);
    snprintf(key_path, sizeof key_path, "%s/secret.key", folder);
    if (store_open(url, 5, &store) != OK) return -1;
    store_close(store);
    memset(&port, 0, sizeof port);
    port.runs = runs;
    accounts = (struct accounts){.directory = directory_new()};
    struct account_picture first = {.user = {.id = 1, .email = "a@b.co", .role = ROLE_ADMIN}};
    directory_replace(accounts.directory, &first, 1, 0);
    desk = account_desk_new(&accounts, &real);
    return sql_open(url, SQL_WRITE, 5000, &port.db) != OK || vault_create(key_path) != OK ||
           vault_open(key_path, &accounts.vault) != OK;
}

static int open_once(void **state)
{
    (void)state;
    return open_house(1);
}

static int open_thrice(void **state)
{
    (void)state;
    return open_house(3);
}

static int close_house(void **state)
{
    char command[128];
    (void)state;
    account_desk_free(desk);
    vault_close(accounts.vault);
    directory_free(accounts.directory);
    sql_close(port.db);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void on_answer(void *user, const struct account_answer *what)
{
    (void)user;
    answer = *what;
    answers++;
}

static struct account_request request_of(void)
{
    return (struct account_request){
        .origin = {.now_ms = NOW_MS, .address = "192.0.2.7"},
        .who = {.user_id = 1, .credential = CREDENTIAL_SESSION, .authenticated_ms = NOW_MS - 1000},
        .venue = VENUE_BINANCE,
        .name = SLICE("main"),
        .api_key = SLICE(API_KEY),
        .secret = SLICE(SECRET),
        .done = on_answer,
    };
}

static enum account_outcome add(const struct account_request *request)
{
    answers = 0;
    account_add_key(desk, request);
    assert_int_equal(answers, 1);
    return answer.outcome;
}

static enum account_outcome end(uint64_t user_id, uint64_t id)
{
    struct account_request request = request_of();
    request.who.user_id = user_id;
    request.target_id = id;
    answers = 0;
    account_end_key(desk, &request);
    assert_int_equal(answers, 1);
    return answer.outcome;
}

static uint32_t key_count(void)
{
    uint32_t count = 99;
    assert_int_equal(key_store_count(port.db, 1, &count), OK);
    return count;
}

static void on_entry(void *user, const struct audit_entry *entry)
{
    *(struct audit_entry *)user = *entry;
}

static struct audit_entry newest(void)
{
    struct audit_entry entry = {0};
    assert_int_equal(audit_list(port.db, 0, 1, on_entry, &entry), OK);
    return entry;
}

/* Whether the row opens to what was given. */
static bool opens(uint64_t id)
{
    struct store_key key;
    struct store_key_sealed sealed;
    struct exchange_secret *secret = NULL;
    assert_int_equal(key_store_get(port.db, 1, id, &key, &sealed), OK);
    assert_null(memmem(&sealed, sizeof sealed, SECRET, strlen(SECRET)));
    if (exchange_secret_open(accounts.vault, &key, &sealed, &secret) != OK) return false;
    const bool same = slice_is(exchange_secret_api_key(secret), API_KEY) &&
                      slice_is(exchange_secret_secret(secret), SECRET);
    exchange_secret_close(secret);
    return same;
}

static void test_key__that_the_venue_knows_is_kept_and_opens(void **state)
{
    (void)state;
    struct account_request request = request_of();
    assert_int_equal(add(&request), ACCOUNT_OK);
    assert_true(answer.id > 0 && answer.key.id == answer.id);
    assert_string_equal(answer.key.masked, "abcd****wxyz");
    assert_string_equal(answer.key.label, "main");
    assert_int_equal(answer.key.permissions, KEY_MAY_READ | KEY_MAY_TRADE_SPOT);
    assert_true(answer.key.ip_restricted);
    assert_int_equal(key_count(), 1);
    assert_true(opens(answer.id));
    const struct audit_entry entry = newest();
    assert_string_equal(entry.action, "key_added");
    assert_string_equal(entry.target, "binance abcd****wxyz");
    assert_string_equal(entry.actor, "a@b.co");
    assert_int_equal(add(&request), ACCOUNT_OK); /* several for one venue */
    assert_int_equal(key_count(), 2);
}

static void test_key__row_that_was_moved_does_not_open(void **state)
{
    (void)state;
    struct account_request request = request_of();
    assert_int_equal(add(&request), ACCOUNT_OK);
    const uint64_t first = answer.id;
    assert_int_equal(add(&request), ACCOUNT_OK);
    const uint64_t second = answer.id;
    assert_int_equal(sql_begin(port.db, SQL_EXACT), OK);
    assert_int_equal(sql_exec(port.db,
                              "UPDATE exchange_keys SET sealed = (SELECT sealed FROM exchange_keys "
                              "ORDER BY id DESC LIMIT 1)"),
                     OK);
    assert_int_equal(sql_commit(port.db), OK);
    assert_false(opens(first));
    assert_true(opens(second));
}

static void test_key__what_the_venue_says_decides(void **state)
{
    (void)state;
    static const enum account_outcome outcomes[] = {ACCOUNT_WRONG_KEY,  ACCOUNT_KEY_READS_NOTHING,
                                                    ACCOUNT_VENUE_BUSY, ACCOUNT_VENUE_GONE,
                                                    ACCOUNT_VENUE_ODD,  ACCOUNT_BAD_KEY};
    struct account_request request = request_of();
    for (unsigned i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
        port.outcome = outcomes[i];
        assert_int_equal(add(&request), outcomes[i]);
        assert_int_equal(newest().id, 0);
    }
    port.outcome = ACCOUNT_KEY_MOVES_FUNDS;
    assert_int_equal(add(&request), ACCOUNT_KEY_MOVES_FUNDS);
    assert_string_equal(newest().action, "key_refused");
    assert_int_equal(key_count(), 0);
}

static void test_key__needs_a_password_that_was_just_given(void **state)
{
    (void)state;
    struct account_request request = request_of();
    request.who.authenticated_ms = NOW_MS - INT64_C(60000) * REAUTHENTICATE_MINUTES - 1;
    assert_int_equal(add(&request), ACCOUNT_REAUTHENTICATE);
    request = request_of();
    request.who.credential = CREDENTIAL_TOKEN;
    request.who.authenticated_ms = 0;
    assert_int_equal(add(&request), ACCOUNT_REAUTHENTICATE);
    assert_int_equal(port.probes, 0);
}

static void test_key__odd_ones_are_not_asked_about(void **state)
{
    (void)state;
    static char long_text[EXCHANGE_SECRET_SIZE_MAX + 1];
    memset(long_text, 'a', sizeof long_text);
    struct account_request request = request_of();
    request.name = SLICE(" ");
    assert_int_equal(add(&request), ACCOUNT_BAD_NAME);
    request = request_of();
    request.api_key = SLICE("");
    assert_int_equal(add(&request), ACCOUNT_BAD_KEY);
    request = request_of();
    request.api_key = (struct slice){long_text, EXCHANGE_API_KEY_SIZE_MAX + 1};
    assert_int_equal(add(&request), ACCOUNT_BAD_KEY);
    request = request_of();
    request.secret = (struct slice){long_text, sizeof long_text};
    assert_int_equal(add(&request), ACCOUNT_BAD_KEY);
    assert_int_equal(port.probes, 0);
    port.is_full = true;
    request = request_of();
    assert_int_equal(add(&request), ACCOUNT_BUSY);
}

static void test_key__beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct account_request request = request_of();
    for (unsigned i = 0; i < EXCHANGE_KEYS_MAX; i++) assert_int_equal(add(&request), ACCOUNT_OK);
    assert_int_equal(add(&request), ACCOUNT_LIMIT);
    assert_int_equal(key_count(), EXCHANGE_KEYS_MAX);
}

static void test_key__is_ended_by_its_owner_alone(void **state)
{
    (void)state;
    struct account_request request = request_of();
    struct account_picture other = {.user = {.id = 2, .email = "c@d.co", .role = ROLE_TRADER}};
    directory_apply(accounts.directory, 2, &other, 0, 0);
    assert_int_equal(add(&request), ACCOUNT_OK);
    const uint64_t id = answer.id;
    assert_int_equal(end(2, id), ACCOUNT_NOT_FOUND);
    assert_int_equal(key_count(), 1);
    assert_int_equal(end(1, id), ACCOUNT_OK);
    assert_string_equal(newest().action, "key_ended");
    assert_int_equal(end(1, id), ACCOUNT_NOT_FOUND);
    assert_int_equal(key_count(), 0);
}

/* A rotation as another process does it, without its walk. */
static void rotate(void)
{
    struct vault *elsewhere = NULL;
    assert_int_equal(vault_open(key_path, &elsewhere), OK);
    assert_int_equal(vault_rotate(elsewhere), OK);
    assert_int_equal(vault_retire(elsewhere, 2), OK);
    vault_close(elsewhere);
    assert_int_equal(sql_begin(port.db, SQL_EXACT), OK);
    assert_int_equal(sql_exec(port.db, "UPDATE settings SET key_version = 2"), OK);
    assert_int_equal(sql_commit(port.db), OK);
    port.during = NULL;
}

static void test_key__is_sealed_by_the_master_key_that_the_database_asks_for(void **state)
{
    (void)state;
    struct account_request request = request_of();
    struct store_key key;
    struct store_key_sealed sealed;
    port.during = rotate; /* while the venue is asked */
    assert_int_equal(add(&request), ACCOUNT_OK);
    assert_int_equal(key_store_get(port.db, 1, answer.id, &key, &sealed), OK);
    assert_int_equal(vault_sealed_version((struct slice){(const char *)sealed.bytes, sealed.size}),
                     2);
    assert_true(opens(answer.id));
}

static void test_key__is_not_kept_where_its_master_key_is_missing(void **state)
{
    (void)state;
    struct account_request request = request_of();
    assert_int_equal(sql_begin(port.db, SQL_EXACT), OK);
    assert_int_equal(sql_exec(port.db, "UPDATE settings SET key_version = 7"), OK);
    assert_int_equal(sql_commit(port.db), OK);
    assert_int_equal(add(&request), ACCOUNT_FAILED);
    assert_int_equal(key_count(), 0);
}

static void test_key__mask_shows_the_ends_of_long_keys_only(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"", "****"},
                                           {"abc", "****"},
                                           {"abcdefghijklmno", "****"},
                                           {"abcdefghijklmnop", "abcd****mnop"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char masked[STORE_MASKED_SIZE];
        exchange_key_mask(slice_of(cases[i][0]), masked);
        assert_string_equal(masked, cases[i][1]);
    }
}

#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, open_once, close_house),                                 \
    {                                                                                              \
#name "__undone_twice", name, open_thrice, close_house, NULL                               \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_key__that_the_venue_knows_is_kept_and_opens),
        CASE(test_key__row_that_was_moved_does_not_open),
        CASE(test_key__what_the_venue_says_decides),
        CASE(test_key__needs_a_password_that_was_just_given),
        CASE(test_key__odd_ones_are_not_asked_about),
        CASE(test_key__beyond_the_limit_is_refused),
        CASE(test_key__is_ended_by_its_owner_alone),
        CASE(test_key__is_sealed_by_the_master_key_that_the_database_asks_for),
        CASE(test_key__is_not_kept_where_its_master_key_is_missing),
        CASE(test_key__mask_shows_the_ends_of_long_keys_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
