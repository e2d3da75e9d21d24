/* Rotation of the master key: killed after every row and begun again, beside a server that seals,
 * nothing that was sealed is ever lost. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "io/store/account_store.h"
#include "io/store/key_store.h"
#include "io/store/sealed_store.h"
#include "io/store/store.h"
#include "service/account/exchange_secret.h"
#include "service/account/key_rotation.h"

#include "cmocka_all.h"

#include "io/store/fixture.h"

enum { USERS = 4, KEYS = 4, ROWS = USERS - 1 + KEYS, ADDED_MAX = 2000, ROTATIONS = 6 };

static unsigned added;

static char url[256], key_path[128];
static bool is_missing; /* there is no such database here */
static struct sql *db;
static struct vault *server; /* a vault that knows what it knew at the start */

#define CHANGE(call)                                                                               \
    do {                                                                                           \
        assert_int_equal(sql_begin(db, SQL_EXACT), OK);                                            \
        assert_int_equal(call, OK);                                                                \
        assert_int_equal(sql_commit(db), OK);                                                      \
    } while (0)

static enum err seal(void *user, uint64_t id, struct store_key_sealed *out)
{
    const uint64_t user_id = *(const uint64_t *)user;
    const enum err err = key_rotation_hold(db, server);
    if (err) return err;
    return exchange_secret_seal(server, id, user_id, SLICE("key"), SLICE("secret"), out);
}

static void add_key(uint64_t user_id)
{
    const struct store_key key = {
        .user_id = user_id, .venue = VENUE_SIM, .label = "k", .masked = "****"};
    uint64_t id = 0;
    CHANGE(key_store_add(db, &key, seal, &user_id, &id));
}

static void add_totp(uint64_t user_id, bool confirmed)
{
    const struct vault_place place = {"users", user_id, user_id};
    const uint8_t code[1][STORE_HASH_SIZE] = {{(uint8_t)user_id}};
    struct sealed sealed = {.size = VAULT_OVERHEAD + 4};
    assert_int_equal(sql_begin(db, SQL_EXACT), OK);
    assert_int_equal(key_rotation_hold(db, server), OK);
    assert_int_equal(vault_seal(server, &place, SLICE("totp"), sealed.bytes), OK);
    assert_int_equal(account_store_begin_totp(db, user_id, &sealed), OK);
    assert_int_equal(sql_commit(db), OK);
    if (confirmed) CHANGE(account_store_confirm_totp(db, user_id, &sealed, 1, code, 1));
}

static int open_house(void **state)
{
    const struct fixture *f = *state;
    struct store *store = NULL;
    is_missing = f->missing;
    if (is_missing) return 0;
    snprintf(url, sizeof url, "%s", f->url);
    snprintf(key_path, sizeof key_path, "%s/secret.key", f->folder);
    if (store_open(url, 5, &store) != OK) return -1;
    store_close(store);
    if (sql_open(url, SQL_WRITE, 5000, &db) != OK || vault_create(key_path) != OK ||
        vault_open(key_path, &server) != OK)
        return -1;
    for (unsigned i = 0; i < USERS; i++) {
        struct store_user user = {.role = ROLE_TRADER, .password_hash = "$hash"};
        uint64_t id = 0;
        snprintf(user.email, sizeof user.email, "u%u@b.co", i);
        CHANGE(account_store_insert(db, &user, &id));
        if (i < 3) add_totp(id, i > 0); /* the first one waits for its code */
        for (unsigned k = 0; k < KEYS / 2 && i < 2; k++) add_key(id);
    }
    return 0;
}

static int open_on_sqlite(void **state)
{
    return fixture_setup(state) == 0 ? open_house(state) : -1;
}

static int open_on_postgres(void **state)
{
    return fixture_setup_postgres(state) == 0 ? open_house(state) : -1;
}

static int close_house(void **state)
{
    vault_close(server);
    sql_close(db);
    server = NULL;
    db = NULL;
    return fixture_teardown(state);
}

/* Every row opens by the file as it is, and by the server's vault. Tells the lowest version. */
static uint32_t check_rows(unsigned want)
{
    struct vault *fresh = NULL;
    uint32_t lowest = UINT32_MAX;
    unsigned count = 0;
    assert_int_equal(vault_open(key_path, &fresh), OK);
    for (unsigned column = 0; column < SEALED_COLUMN_COUNT; column++) {
        struct sealed_row row = {0};
        bool more = false;
        for (;;) {
            uint8_t plain[STORE_KEY_SEALED_MAX];
            assert_int_equal(
                sealed_store_next(db, (enum sealed_column)column, row.row_id, &row, &more), OK);
            if (!more) break;
            const struct vault_place place = {sealed_table((enum sealed_column)column), row.row_id,
                                              row.user_id};
            const struct slice bytes = {(const char *)row.sealed.bytes, row.sealed.size};
            assert_int_equal(vault_unseal(fresh, &place, bytes, plain), OK);
            assert_int_equal(vault_unseal(server, &place, bytes, plain), OK);
            if (vault_sealed_version(bytes) < lowest) lowest = vault_sealed_version(bytes);
            count++;
        }
    }
    vault_close(fresh);
    assert_int_equal(count, want);
    return lowest;
}

static uint32_t versions_in_file(void)
{
    struct vault *v = NULL;
    assert_int_equal(vault_open(key_path, &v), OK);
    const uint32_t count = vault_version_count(v);
    vault_close(v);
    return count;
}

struct script {
    uint64_t kill_at; /* after so many rows; 0: never */
    bool kill_in_pause;
    void (*on_row)(uint64_t done);
    uint64_t rows, total;
};

static void on_row(void *user, uint64_t done, uint64_t total)
{
    struct script *s = user;
    assert_true(done == s->rows + 1 && total >= done);
    s->rows = done;
    s->total = total;
    if (s->on_row) s->on_row(done);
    if (s->kill_at == done) _exit(9);
}

static void on_pause(void *user)
{
    if (((struct script *)user)->kill_in_pause) _exit(9);
}

static struct key_rotation run(struct script *script, enum err want)
{
    struct key_rotation r = {.db = db, .on_row = on_row, .pause = on_pause, .user = script};
    assert_int_equal(vault_open(key_path, &r.vault), OK);
    const enum err err = key_rotation_run(&r);
    if (err != want) fail_msg("%s: %s", err_name(err), err_text());
    vault_close(r.vault);
    r.vault = NULL;
    return r;
}

static void test_rotation__wraps_everything_and_retires_the_old_key(void **state)
{
    (void)state;
    if (is_missing) skip();
    struct script script = {0};
    const struct key_rotation r = run(&script, OK);
    assert_int_equal(r.version, 2);
    assert_int_equal(r.wrapped, ROWS);
    assert_false(r.was_begun);
    assert_int_equal(script.rows, ROWS);
    assert_int_equal(script.total, ROWS);
    assert_int_equal(versions_in_file(), 1);
    assert_int_equal(check_rows(ROWS), 2);
    script = (struct script){0};
    assert_int_equal(run(&script, OK).version, 3);
    assert_int_equal(check_rows(ROWS), 3);
}

/* A process that dies as if by kill -9: nothing of it is closed or rolled back by its own doing. */
static void run_and_die(struct script script)
{
    sql_close(db);
    db = NULL;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (sql_open(url, SQL_BESIDE, 5000, &db) != OK) _exit(1);
        run(&script, OK);
        _exit(2); /* it should have died */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
    assert_int_equal(sql_open(url, SQL_WRITE, 5000, &db), OK);
}

static void test_rotation__may_be_killed_after_every_row(void **state)
{
    (void)state;
    if (is_missing) skip();
    for (unsigned at = 1; at <= ROWS + 1; at++) {
        const uint32_t before = check_rows(ROWS);
        run_and_die((struct script){.kill_at = at, .kill_in_pause = at > ROWS});
        assert_int_equal(versions_in_file(), 2);
        check_rows(ROWS);
        struct script script = {0};
        const struct key_rotation r = run(&script, OK);
        assert_true(r.was_begun);
        assert_int_equal(r.version, before + 1);
        assert_int_equal(r.wrapped, at > ROWS ? 0 : ROWS - at);
        assert_int_equal(versions_in_file(), 1);
        assert_int_equal(check_rows(ROWS), before + 1);
    }
}

static void add_meanwhile(uint64_t done)
{
    if (done == 2) {
        add_totp(USERS + 1, true);
        add_key(2);
    }
    if (done == ROWS) add_key(2);
}

static void test_rotation__what_a_server_seals_meanwhile_is_sealed_by_the_new_key(void **state)
{
    (void)state;
    if (is_missing) skip();
    struct script script = {.on_row = add_meanwhile};
    run(&script, OK);
    assert_int_equal(check_rows(ROWS + 3), 2);
}

/* The code of what waits is given while the walk is among those in use. */
static void confirm_meanwhile(uint64_t done)
{
    const uint8_t code[1][STORE_HASH_SIZE] = {{7}};
    struct sealed_row row;
    struct sealed secret;
    bool more = false;
    if (done != 2) return;
    assert_int_equal(sealed_store_next(db, SEALED_TOTP_NEXT, 0, &row, &more), OK);
    assert_true(more);
    secret.size = row.sealed.size;
    memcpy(secret.bytes, row.sealed.bytes, secret.size);
    CHANGE(account_store_confirm_totp(db, row.row_id, &secret, 2, code, 1));
}

static void test_rotation__a_second_factor_that_moves_meanwhile_is_not_missed(void **state)
{
    (void)state;
    if (is_missing) skip();
    struct script script = {.on_row = confirm_meanwhile};
    run(&script, OK);
    assert_int_equal(check_rows(ROWS), 2);
}

static void test_rotation__a_row_that_does_not_open_keeps_the_old_key(void **state)
{
    (void)state;
    if (is_missing) skip();
    struct script script = {0};
    struct sealed_row row;
    bool more = false;
    const uint8_t zeros[STORE_KEY_SEALED_MAX] = {0};
    assert_int_equal(sealed_store_next(db, SEALED_EXCHANGE_KEY, 1, &row, &more), OK);
    CHANGE(sealed_store_replace(db, &row, zeros));
    run(&script, ERR_INVALID);
    assert_non_null(strstr(err_text(), "exchange_keys 2"));
    assert_int_equal(versions_in_file(), 2);
}

/* A server that adds keys without a pause, on the writing connection. */
static void *serve(void *stop)
{
    for (uint64_t i = 0; i < ADDED_MAX && !__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE); i++) {
        add_key(i % USERS + 2);
        added++;
    }
    return NULL;
}

static void nothing(void *user)
{
    (void)user;
}

static void test_rotation__again_and_again_beside_a_busy_server_loses_nothing(void **state)
{
    pthread_t thread;
    bool stop = false;
    struct key_rotation r = {.pause = nothing};
    (void)state;
    if (is_missing) skip();
    added = 0;
    assert_int_equal(sql_open(url, SQL_BESIDE, 5000, &r.db), OK);
    assert_int_equal(vault_open(key_path, &r.vault), OK);
    assert_int_equal(pthread_create(&thread, NULL, serve, &stop), 0);
    for (unsigned i = 0; i < ROTATIONS; i++) {
        const enum err err = key_rotation_run(&r);
        if (err) fail_msg("%s: %s", err_name(err), err_text());
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_int_equal(r.version, ROTATIONS + 1);
    assert_int_equal(check_rows(ROWS + added), ROTATIONS + 1);
    vault_close(r.vault);
    sql_close(r.db);
}

static void *rotate(void *rotation)
{
    static enum err err;
    err = key_rotation_run(rotation);
    return &err;
}

static void test_rotation__waits_for_what_is_being_written(void **state)
{
    const uint64_t user_id = 2;
    const struct store_key key = {
        .user_id = user_id, .venue = VENUE_SIM, .label = "k", .masked = "****"};
    struct key_rotation r = {.pause = nothing};
    struct timespec until;
    pthread_t thread;
    uint64_t id = 0;
    void *result;
    (void)state;
    if (is_missing) skip();
    assert_int_equal(sql_open(url, SQL_BESIDE, 5000, &r.db), OK);
    assert_int_equal(vault_open(key_path, &r.vault), OK);
    assert_int_equal(sql_begin(db, SQL_EXACT), OK);
    assert_int_equal(key_store_add(db, &key, seal, (void *)&user_id, &id), OK);
    assert_int_equal(pthread_create(&thread, NULL, rotate, &r), 0);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 300000000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    /* It must not come to its end before we do, however long it has. */
    assert_int_equal(pthread_timedjoin_np(thread, &result, &until), ETIMEDOUT);
    assert_int_equal(sql_commit(db), OK);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal(*(enum err *)result, OK);
    assert_int_equal(check_rows(ROWS + 1), 2);
    vault_close(r.vault);
    sql_close(r.db);
}

#define CASE(name)                                                                                 \
    {#name, name, open_on_sqlite, close_house, NULL},                                              \
    {                                                                                              \
#name "__postgres", name, open_on_postgres, close_house, NULL                              \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_rotation__wraps_everything_and_retires_the_old_key),
        CASE(test_rotation__may_be_killed_after_every_row),
        CASE(test_rotation__what_a_server_seals_meanwhile_is_sealed_by_the_new_key),
        CASE(test_rotation__a_second_factor_that_moves_meanwhile_is_not_missed),
        CASE(test_rotation__a_row_that_does_not_open_keeps_the_old_key),
        CASE(test_rotation__waits_for_what_is_being_written),
        CASE(test_rotation__again_and_again_beside_a_busy_server_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
