/* The account desk over a real database, pool, vault and directory; every test also with each
 * change undone twice before it is made, and on PostgreSQL with each undone once.
 *
 * libsodium's three functions of passwords are stood in for, so that hashes of these tests are
 * cheap and each check is counted; the hash of nobody costs what it costs. */
#include <dlfcn.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sodium.h>

#include "io/store/account_read.h"
#include "io/store/account_store.h"
#include "io/store/audit_store.h"
#include "io/store/postgres.h"
#include "io/store/store.h"
#include "service/account/accounts.h"

#include "cmocka_all.h"

enum { HELD_MAX = 300, PATIENCE_MS = 20000 };

#define NOW_MS   INT64_C(1763900000000)
#define DAY_MS   (INT64_C(24) * 3600 * 1000)
#define PASSWORD "correct horse battery"
#define OTHER    "staple of an odd kind"

/* ---- libsodium ---- */

static _Atomic unsigned checks, hashes;
static _Atomic bool outdated, checked_nobody;

int crypto_pwhash_str_verify(const char hash[crypto_pwhash_STRBYTES], const char *password,
                             unsigned long long size)
{
    int (*real)(const char *, const char *, unsigned long long) =
        (int (*)(const char *, const char *, unsigned long long))dlsym(RTLD_NEXT, __func__);
    checked_nobody = strcmp(hash, password_hash_of_nobody) == 0;
    checks++;
    return real(hash, password, size);
}

int crypto_pwhash_str_alg(char out[crypto_pwhash_STRBYTES], const char *password,
                          unsigned long long size, unsigned long long passes, size_t memory,
                          int algorithm)
{
    int (*real)(char *, const char *, unsigned long long, unsigned long long, size_t, int) =
        (int (*)(char *, const char *, unsigned long long, unsigned long long, size_t,
                 int))dlsym(RTLD_NEXT, __func__);
    if (passes != 3 || memory != 64 << 20 || algorithm != crypto_pwhash_ALG_ARGON2ID13) return -1;
    hashes++;
    return real(out, password, size, 1, crypto_pwhash_MEMLIMIT_MIN, algorithm);
}

int crypto_pwhash_str_needs_rehash(const char hash[crypto_pwhash_STRBYTES],
                                   unsigned long long passes, size_t memory)
{
    (void)passes;
    (void)memory;
    return outdated && strcmp(hash, password_hash_of_nobody) != 0;
}

/* ---- the port ---- */

static struct {
    struct sql *db;
    unsigned runs; /* how often a change is run: all but the last time it is undone */
    bool refuses, holds;
    enum err failure; /* of the commit */
    struct account_change *held[HELD_MAX];
    unsigned held_count, changes;
    unsigned mails;
    char mail_to[STORE_EMAIL_SIZE], mail_locale[STORE_LOCALE_SIZE], mail_token[TOKEN_TEXT_SIZE];
} port;

static int woken;

/* As the store's thread does it. */
static void carry_out(struct account_change *change)
{
    enum err err = OK;
    for (unsigned i = 0; i < port.runs; i++) {
        assert_int_equal(sql_begin(port.db, SQL_EXACT), OK);
        assert_int_equal(sql_save(port.db, SQL_STATEMENTS), OK);
        err = change->run(port.db, change);
        assert_true(err == OK || err == ERR_EXISTS || err == ERR_NOT_FOUND || err == ERR_INVALID);
        err = sql_saved(port.db, SQL_STATEMENTS, err);
        if (i + 1 < port.runs || port.failure != OK)
            sql_rollback(port.db);
        else
            assert_int_equal(sql_commit(port.db), OK);
    }
    change->on_done(change, port.failure != OK ? port.failure : err);
}

static bool port_change(void *self, struct account_change *change)
{
    (void)self;
    if (port.refuses) return false;
    port.changes++;
    if (port.holds) {
        assert_true(port.held_count < HELD_MAX);
        port.held[port.held_count++] = change;
    } else {
        carry_out(change);
    }
    return true;
}

static void release(void)
{
    port.holds = false;
    for (unsigned i = 0; i < port.held_count; i++) carry_out(port.held[i]);
    port.held_count = 0;
}

static void port_send_reset(void *self, const char *email, const char *locale, const char *token)
{
    (void)self;
    port.mails++;
    snprintf(port.mail_to, sizeof port.mail_to, "%s", email);
    snprintf(port.mail_locale, sizeof port.mail_locale, "%s", locale);
    snprintf(port.mail_token, sizeof port.mail_token, "%s", token);
}

static void port_wake(void *self)
{
    const uint64_t one = 1;
    (void)self;
    assert_int_equal(write(woken, &one, sizeof one), sizeof one);
}

/* ---- the house ---- */

static char folder[64], url[256], key_path[128];
static bool on_postgres, missing; /* the latter: there is no such database here */
static struct accounts accounts;
static struct account_desk *desk;

static void open_desk(bool with_mail)
{
    const struct account_port real = {
        .change = port_change, .send_reset = with_mail ? port_send_reset : NULL, .wake = port_wake};
    account_desk_free(desk);
    desk = account_desk_new(&accounts, &real);
}

static int open_house(unsigned runs)
{
    struct store *store = NULL;
    strcpy(folder, "/tmp/tradebot-desk-XXXXXX");
    if (sodium_init() < 0 || !mkdtemp(folder)) return -1;
    snprintf(url, sizeof url, "%s/tradebot.db", folder);
    if (on_postgres) postgres_new_database(url, sizeof url);
    snprintf(key_path, sizeof key_path, "%s/secret.key", folder);
    if (store_open(url, 5, &store) != OK) return -1;
    store_close(store);
    memset(&port, 0, sizeof port);
    port.runs = runs;
    accounts = (struct accounts){.directory = directory_new()};
    woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    outdated = false;
    struct account_picture first = {.user = {.id = 1, .role = ROLE_ADMIN, .created_ms = 5}};
    directory_replace(accounts.directory, &first, 1, 0);
    if (sql_open(url, SQL_WRITE, 5000, &port.db) != OK || vault_create(key_path) != OK ||
        vault_open(key_path, &accounts.vault) != OK ||
        password_pool_open(&accounts.passwords) != OK)
        return -1;
    open_desk(true);
    return 0;
}

static int open_once(void **state)
{
    (void)state;
    on_postgres = missing = false;
    return open_house(1);
}

static int open_thrice(void **state)
{
    (void)state;
    on_postgres = missing = false;
    return open_house(3);
}

static int open_on_postgres(void **state)
{
    (void)state;
    on_postgres = true;
    missing = !postgres_is_there();
    return missing ? 0 : open_house(2);
}

struct on_postgres {
    void (*test)(void **state);
};

static void run_on_postgres(void **state)
{
    const struct on_postgres *wrapped = *state;
    if (missing) skip();
    wrapped->test(state);
}

/* Whatever happened, the directory knows what the database holds, and the audit log holds. */
static int close_house(void **state)
{
    (void)state;
    if (missing) return 0;
    uint64_t version = 0, entries = 0;
    const bool good = account_read_version(port.db, &version) == OK &&
                      !directory_is_behind(accounts.directory, version) &&
                      audit_verify(port.db, NULL, &entries) == OK;
    if (!good) print_error("the directory is behind, or the audit log broken\n");
    password_pool_close(accounts.passwords);
    account_desk_collect(desk);
    account_desk_free(desk);
    desk = NULL;
    vault_close(accounts.vault);
    directory_free(accounts.directory);
    sql_close(port.db);
    close(woken);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && good ? 0 : -1;
}

/* ---- asking ---- */

struct ticket {
    struct account_answer answer;
    unsigned answers;
};

typedef void (*account_function)(struct account_desk *desk, const struct account_request *request);

static void on_answer(void *user, const struct account_answer *answer)
{
    struct ticket *ticket = user;
    ticket->answer = *answer;
    ticket->answers++;
}

static void begin(account_function call, struct account_request request, struct ticket *ticket)
{
    *ticket = (struct ticket){0};
    if (request.origin.now_ms == 0) request.origin.now_ms = NOW_MS;
    snprintf(request.origin.address, sizeof request.origin.address, "192.0.2.7");
    if (!*request.origin.agent) strcpy(request.origin.agent, "curl/7.88.1");
    request.done = on_answer;
    request.user = ticket;
    call(desk, &request);
}

static void collect_one(void)
{
    struct pollfd at = {.fd = woken, .events = POLLIN};
    uint64_t count;
    assert_int_equal(poll(&at, 1, PATIENCE_MS), 1);
    assert_int_equal(read(woken, &count, sizeof count), sizeof count);
    account_desk_collect(desk);
}

/* Until every call that can go on has gone as far as it can. */
static void settle(unsigned calls_left)
{
    while (account_desk_calls(desk) > calls_left) collect_one();
}

static struct account_answer ask(account_function call, struct account_request request)
{
    struct ticket ticket;
    begin(call, request, &ticket);
    settle(0);
    assert_int_equal(ticket.answers, 1);
    return ticket.answer;
}

#define ASK(call, ...) ask(call, (struct account_request){__VA_ARGS__})

static void add_first(void)
{
    assert_int_equal(ASK(account_register, .origin.is_local = true, .email = SLICE("root@here.tr"),
                         .password = SLICE(PASSWORD))
                         .outcome,
                     ACCOUNT_OK);
}

/* The newest one's id: PostgreSQL does not give the number of an undone row again. */
static uint64_t newest_user;

static uint64_t add_user(const char *email)
{
    accounts.registration = REGISTRATION_OPEN;
    const struct account_answer answer =
        ASK(account_register, .email = slice_of(email), .password = SLICE(PASSWORD));
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    newest_user = answer.user.id;
    return newest_user;
}

static bool identify_at(const char *token, int64_t now_ms, struct principal *who)
{
    enum token_kind kind;
    struct token_hash hash;
    bool touch;
    return token_read(slice_of(token), &kind, &hash) &&
           directory_identify(accounts.directory, &hash, now_ms, who, &touch);
}

static bool is_in(const char *token)
{
    struct principal who;
    return identify_at(token, NOW_MS, &who);
}

static struct account_answer login(const char *email)
{
    return ASK(account_login, .email = slice_of(email), .password = SLICE(PASSWORD));
}

/* Who is in by a new session. */
static struct principal enter(const char *email, char token[TOKEN_TEXT_SIZE])
{
    const struct account_answer answer = login(email);
    struct principal who;
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_true(identify_at(answer.token, NOW_MS, &who));
    memcpy(token, answer.token, TOKEN_TEXT_SIZE);
    return who;
}

static struct account_answer add_token(struct principal who)
{
    return ASK(account_add_token, .who = who, .name = SLICE("ci"), .scopes = SCOPE_READ);
}

static int64_t query(const char *text)
{
    struct sql_statement *st = NULL;
    int64_t value = -1;
    assert_int_equal(sql_prepare(port.db, text, &st), OK);
    assert_int_equal(sql_run_i64(st, &value), OK);
    sql_finalize(st);
    return value;
}

struct newest {
    struct audit_entry entry;
};

static void on_entry(void *user, const struct audit_entry *entry)
{
    ((struct newest *)user)->entry = *entry;
}

static struct audit_entry newest_entry(void)
{
    struct newest newest = {0};
    assert_int_equal(audit_list(port.db, 0, 1, on_entry, &newest), OK);
    return newest.entry;
}

static void assert_told(const char *action, const char *actor, const char *target)
{
    const struct audit_entry entry = newest_entry();
    assert_string_equal(entry.action, action);
    assert_string_equal(entry.actor, actor);
    assert_string_equal(entry.target, target);
    assert_string_equal(entry.address, "192.0.2.7");
}

/* Good until the next one. */
static const char *user_text(uint64_t id, const char *after)
{
    static char text[64];
    snprintf(text, sizeof text, "user %llu%s", (unsigned long long)id, after);
    return text;
}

/* ---- registering ---- */

static void test_register__first_account_is_an_admins(void **state)
{
    (void)state;
    const struct account_answer answer =
        ASK(account_register, .origin.is_local = true, .email = SLICE("  Root@Here.TR "),
            .password = SLICE(PASSWORD));
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_int_equal(answer.user.id, 1);
    assert_int_equal(answer.user.role, ROLE_ADMIN);
    assert_string_equal(answer.user.email, "root@here.tr");
    assert_true(directory_is_claimed(accounts.directory));
    assert_told("register", "root@here.tr", "first account");
    assert_int_equal(newest_entry().user_id, 1);
}

static void test_register__from_elsewhere_the_set_up_token_is_wanted(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
    struct token_hash hash;
    struct account_request r = {.email = SLICE("root@here.tr"), .password = SLICE(PASSWORD)};
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_SETUP_TOKEN_WANTED);
    token_new(TOKEN_SETUP, text, &accounts.setup_token);
    token_new(TOKEN_SETUP, other, &hash);
    r.token = slice_of(text);
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_SETUP_TOKEN_WANTED);
    accounts.has_setup_token = true;
    r.token = slice_of(other);
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_SETUP_TOKEN_WANTED);
    text[2] = 's'; /* the same bits as another kind of token */
    r.token = slice_of(text);
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_SETUP_TOKEN_WANTED);
    text[2] = 'u';
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_OK);
    r.email = SLICE("second@here.tr");
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_REGISTRATION_CLOSED);
}

static void test_register__what_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *email, *password;
        enum account_outcome outcome;
        enum password_fault fault;
    } cases[] = {
        {"", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"no-at", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"a@b@c", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"@b", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"a@", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"a b@c.de", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"a@b.c\nBcc: x@y", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"a,b@c.de", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"\xC3\xA7@b.tr", PASSWORD, ACCOUNT_BAD_EMAIL, PASSWORD_GOOD},
        {"a@b.c", "short", ACCOUNT_BAD_PASSWORD, PASSWORD_TOO_SHORT},
        {"a@b.c", "password1", ACCOUNT_BAD_PASSWORD, PASSWORD_COMMON},
        {"zbigniew7@b.c", "zbigniew7!", ACCOUNT_BAD_PASSWORD, PASSWORD_HAS_NAME},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct account_answer answer =
            ASK(account_register, .origin.is_local = true, .email = slice_of(cases[i].email),
                .password = slice_of(cases[i].password));
        assert_int_equal(answer.outcome, cases[i].outcome);
        assert_int_equal(answer.password_fault, cases[i].fault);
    }
    accounts.registration = REGISTRATION_CLOSED;
    assert_int_equal(ASK(account_register, .origin.is_local = true, .email = SLICE("a@b.c"),
                         .password = SLICE(PASSWORD))
                         .outcome,
                     ACCOUNT_REGISTRATION_CLOSED);
    assert_int_equal(port.changes, 0);
}

static void test_register__texts_of_any_size_are_refused_and_not_cut_into_good_ones(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, ' ', sizeof text);
    memcpy(text, "a@b.c", 5);
    text[sizeof text - 1] = 'x';
    struct account_request r = {
        .origin.is_local = true, .email = {text, sizeof text}, .password = SLICE(PASSWORD)};
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_BAD_EMAIL);
    r.email = SLICE("a@b.c");
    memset(text, 'q', sizeof text);
    for (size_t size = PASSWORD_SIZE_MAX + 1; size <= sizeof text; size *= 9) {
        r.password = (struct slice){text, size};
        const struct account_answer answer = ask(account_register, r);
        assert_int_equal(answer.outcome, ACCOUNT_BAD_PASSWORD);
        assert_int_equal(answer.password_fault, PASSWORD_TOO_LONG);
    }
    r.password = SLICE(PASSWORD);
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_OK);
    assert_int_equal(
        ASK(account_login, .email = SLICE("a@b.c"), .password = {text, sizeof text}).outcome,
        ACCOUNT_WRONG_CREDENTIALS);
    assert_int_equal(ASK(account_reset_password, .token = {text, sizeof text},
                         .new_password = SLICE(OTHER))
                         .outcome,
                     ACCOUNT_WRONG_TOKEN);
}

static void test_register__later_ones_are_traders_where_registration_is_open(void **state)
{
    (void)state;
    add_first();
    struct account_request r = {
        .origin.is_local = true, .email = SLICE("b@c.de"), .password = SLICE(PASSWORD)};
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_REGISTRATION_CLOSED);
    accounts.registration = REGISTRATION_OPEN;
    r.origin.is_local = false;
    const struct account_answer answer = ask(account_register, r);
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_int_equal(answer.user.role, ROLE_TRADER);
    assert_true(answer.user.id > 1);
    assert_int_equal(newest_entry().user_id, answer.user.id);
    r.email = SLICE("B@C.DE");
    assert_int_equal(ask(account_register, r).outcome, ACCOUNT_EMAIL_TAKEN);
    assert_int_equal(directory_count(accounts.directory), 2);
}

static void two_claim(struct ticket *a, struct ticket *b, bool at_once)
{
    const struct account_request first = {
        .origin.is_local = true, .email = SLICE("a@b.c"), .password = SLICE(PASSWORD)};
    struct account_request second = first;
    second.email = SLICE("d@e.f");
    port.holds = at_once;
    begin(account_register, first, a);
    begin(account_register, second, b);
    while (at_once && port.held_count < 2) collect_one();
    release();
    settle(0);
}

static void test_register__two_claim_the_first_account_and_one_has_it(void **state)
{
    (void)state;
    struct ticket a, b;
    two_claim(&a, &b, true);
    assert_true((a.answer.outcome == ACCOUNT_OK) != (b.answer.outcome == ACCOUNT_OK));
    const enum account_outcome refused =
        a.answer.outcome == ACCOUNT_OK ? b.answer.outcome : a.answer.outcome;
    assert_int_equal(refused, ACCOUNT_REGISTRATION_CLOSED);
    assert_int_equal(query("SELECT count(*) FROM users"), 1);
}

/* The second one's password is still being hashed when the first one has the account. */
static void test_register__who_was_late_for_the_first_account_gets_none_of_his_own(void **state)
{
    (void)state;
    struct ticket a, b;
    two_claim(&a, &b, false);
    assert_true((a.answer.outcome == ACCOUNT_OK) != (b.answer.outcome == ACCOUNT_OK));
    assert_int_equal(query("SELECT count(*) FROM users"), 1);
}

static void test_register__where_it_is_open_the_second_one_has_his_own(void **state)
{
    (void)state;
    struct ticket a, b;
    accounts.registration = REGISTRATION_OPEN;
    two_claim(&a, &b, true);
    assert_int_equal(a.answer.outcome, ACCOUNT_OK);
    assert_int_equal(b.answer.outcome, ACCOUNT_OK);
    assert_int_equal(a.answer.user.role + b.answer.user.role, ROLE_ADMIN + ROLE_TRADER);
    assert_int_equal(query("SELECT count(*) FROM users"), 2);
}

/* ---- logging in ---- */

static void test_login__a_session_lasts_its_days_and_slides(void **state)
{
    (void)state;
    struct principal who;
    add_first();
    for (int remembered = 0; remembered < 2; remembered++) {
        const int64_t days = remembered ? 30 : 7;
        const struct account_answer answer =
            ASK(account_login, .email = SLICE(" ROOT@here.tr"), .password = SLICE(PASSWORD),
                .remember_me = remembered);
        assert_int_equal(answer.outcome, ACCOUNT_OK);
        assert_int_equal(answer.expires_ms, NOW_MS + days * DAY_MS);
        assert_memory_equal(answer.token, "tbs_", 4);
        assert_int_equal(answer.user.id, 1);
        assert_true(identify_at(answer.token, NOW_MS + days * DAY_MS - 1, &who));
        assert_int_equal(who.credential_id, answer.id);
        assert_int_equal(who.role, ROLE_ADMIN);
        assert_true(account_is_fresh(&who, NOW_MS + 599999));
        assert_false(account_is_fresh(&who, NOW_MS + 600000));
        assert_true(identify_at(answer.token, NOW_MS + 2 * days * DAY_MS - 2, &who));
        assert_false(identify_at(answer.token, NOW_MS + 3 * days * DAY_MS - 2, &who));
    }
    assert_told("login", "root@here.tr", "session");
}

static void test_login__strangers_take_one_road(void **state)
{
    (void)state;
    add_first();
    add_user("off@here.tr");
    char token[TOKEN_TEXT_SIZE];
    const struct principal admin = enter("root@here.tr", token);
    assert_int_equal(ASK(account_set_disabled, .who = admin, .target_id = newest_user,
                         .is_disabled = true)
                         .outcome,
                     ACCOUNT_OK);
    static const struct {
        const char *email, *password;
        bool nobody;
    } cases[] = {
        {"root@here.tr", OTHER, false},
        {"nobody@here.tr", PASSWORD, true},
        {"off@here.tr", PASSWORD, false},
        {"off@here.tr", OTHER, false},
        {"", PASSWORD, true},
        {"not an address", PASSWORD, true},
        {"root@here.tr", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned checks_before = checks, hashes_before = hashes, before = port.changes;
        const struct account_answer answer = ASK(account_login, .email = slice_of(cases[i].email),
                                                 .password = slice_of(cases[i].password));
        static const struct account_answer blank;
        struct account_answer bare = answer;
        bare.outcome = ACCOUNT_OK;
        assert_int_equal(answer.outcome, ACCOUNT_WRONG_CREDENTIALS);
        assert_memory_equal(&bare, &blank, sizeof blank);
        assert_int_equal(checks - checks_before, 1);
        assert_int_equal(hashes, hashes_before);
        assert_int_equal(checked_nobody, cases[i].nobody);
        assert_int_equal(port.changes - before, 1);
        assert_string_equal(newest_entry().action, "login_failed");
    }
}

static void test_login__a_password_too_long_to_be_one_is_checked_all_the_same(void **state)
{
    (void)state;
    static char text[PASSWORD_SIZE_MAX + 1];
    add_first();
    memset(text, 'q', sizeof text);
    const unsigned before = checks;
    assert_int_equal(
        ASK(account_login, .email = SLICE("root@here.tr"), .password = {text, sizeof text}).outcome,
        ACCOUNT_WRONG_CREDENTIALS);
    assert_int_equal(checks - before, 1);
    assert_true(checked_nobody);
}

static void test_login__an_outdated_hash_is_made_anew_and_the_password_keeps_its_date(void **state)
{
    (void)state;
    add_first();
    struct store_user before, after;
    struct ticket a, b;
    assert_true(directory_user(accounts.directory, 1, &before));
    outdated = true;
    port.holds = true;
    const struct account_request r = {
        .origin.now_ms = NOW_MS + 5, .email = SLICE("root@here.tr"), .password = SLICE(PASSWORD)};
    begin(account_login, r, &a);
    begin(account_login, r, &b);
    while (port.held_count < 2) collect_one();
    release();
    assert_int_equal(a.answer.outcome, ACCOUNT_OK);
    assert_int_equal(b.answer.outcome, ACCOUNT_OK);
    outdated = false;
    assert_true(directory_user(accounts.directory, 1, &after));
    assert_string_not_equal(before.password_hash, after.password_hash);
    assert_int_equal(before.password_ms, after.password_ms);
    assert_int_equal(login("root@here.tr").outcome, ACCOUNT_OK);
}

static void test_login__a_client_of_any_name_gets_in(void **state)
{
    (void)state;
    add_first();
    struct account_request r = {.email = SLICE("root@here.tr"), .password = SLICE(PASSWORD)};
    strcpy(r.origin.agent, "caf\xE9 \xFF\xC3");
    assert_int_equal(ask(account_login, r).outcome, ACCOUNT_OK);
    struct store_session rows[SESSIONS_MAX];
    assert_int_equal(directory_sessions(accounts.directory, 1, rows), 1);
    assert_string_equal(rows[0].agent, "caf? ??");
}

static void test_login__the_session_seen_least_lately_makes_room(void **state)
{
    (void)state;
    char tokens[SESSIONS_MAX + 1][TOKEN_TEXT_SIZE];
    struct principal who;
    add_first();
    for (int i = 0; i < SESSIONS_MAX; i++) {
        const struct account_answer answer =
            ASK(account_login, .origin.now_ms = NOW_MS + i, .email = SLICE("root@here.tr"),
                .password = SLICE(PASSWORD));
        memcpy(tokens[i], answer.token, TOKEN_TEXT_SIZE);
    }
    /* The rows do not know that the first one is in use: they are told once an hour. */
    assert_true(identify_at(tokens[0], NOW_MS + 1000, &who));
    const struct account_answer answer =
        ASK(account_login, .origin.now_ms = NOW_MS + 2000, .email = SLICE("root@here.tr"),
            .password = SLICE(PASSWORD));
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_true(is_in(answer.token));
    assert_true(is_in(tokens[0]));
    assert_false(is_in(tokens[1]));
    for (int i = 2; i < SESSIONS_MAX; i++) assert_true(is_in(tokens[i]));
    assert_int_equal(query("SELECT count(*) FROM sessions"), SESSIONS_MAX);
}

static void test_login__two_at_once_do_not_pass_the_limit_of_sessions(void **state)
{
    (void)state;
    struct ticket a, b;
    add_first();
    for (int i = 0; i < SESSIONS_MAX; i++) login("root@here.tr");
    const struct account_request r = {.email = SLICE("root@here.tr"), .password = SLICE(PASSWORD)};
    port.holds = true;
    begin(account_login, r, &a);
    begin(account_login, r, &b);
    while (port.held_count < 2) collect_one();
    release();
    assert_int_equal(query("SELECT count(*) FROM sessions"), SESSIONS_MAX);
    assert_true(is_in(a.answer.token));
    assert_true(is_in(b.answer.token));
}

/* ---- the second factor ---- */

struct factor {
    uint8_t secret[TOTP_SECRET_SIZE];
    char codes[RECOVERY_CODES][RECOVERY_CODE_SIZE];
};

static void read_base32(const char *text, uint8_t out[TOTP_SECRET_SIZE])
{
    uint32_t bits = 0, count = 0;
    for (size_t at = 0; *text; text++) {
        const uint32_t value =
            *text >= 'A' ? (uint32_t)(*text - 'A') : (uint32_t)(*text - '2') + 26;
        bits = bits << 5 | value;
        count += 5;
        if (count < 8) continue;
        count -= 8;
        out[at++] = (uint8_t)(bits >> count);
    }
}

/* The code of that many steps from now. */
static struct slice code_of(const struct factor *f, int steps, char out[8])
{
    const uint64_t step = (uint64_t)(NOW_MS / 1000 / TOTP_STEP_S) + (uint64_t)(int64_t)steps;
    snprintf(out, 8, "%06u", totp_code(f->secret, step));
    return slice_of(out);
}

/* The code of the step before this one confirms it, so the ones of now and next are unused. */
static void turn_on(struct principal who, struct factor *f)
{
    char code[8];
    const struct account_answer begun = ASK(account_begin_totp, .who = who);
    assert_int_equal(begun.outcome, ACCOUNT_OK);
    assert_non_null(strstr(begun.address, begun.secret));
    read_base32(begun.secret, f->secret);
    const struct account_answer on =
        ASK(account_confirm_totp, .who = who, .code = code_of(f, -1, code));
    assert_int_equal(on.outcome, ACCOUNT_OK);
    assert_int_equal(on.code_count, RECOVERY_CODES);
    memcpy(f->codes, on.codes, sizeof f->codes);
    assert_string_equal(newest_entry().action, "totp_on");
}

static struct account_request login_with(struct slice code)
{
    return (struct account_request){
        .email = SLICE("root@here.tr"), .password = SLICE(PASSWORD), .code = code};
}

static void test_totp__is_asked_for_after_the_password(void **state)
{
    (void)state;
    struct factor f;
    char token[TOKEN_TEXT_SIZE], code[8];
    add_first();
    turn_on(enter("root@here.tr", token), &f);
    assert_int_equal(login("root@here.tr").outcome, ACCOUNT_TOTP_REQUIRED);
    assert_int_equal(ASK(account_login, .email = SLICE("root@here.tr"), .password = SLICE(OTHER),
                         .code = code_of(&f, 0, code))
                         .outcome,
                     ACCOUNT_WRONG_CREDENTIALS);
    assert_int_equal(ask(account_login, login_with(SLICE("12345"))).outcome, ACCOUNT_WRONG_CODE);
    assert_told("login_failed", "root@here.tr", "wrong code");
    assert_int_equal(ask(account_login, login_with(code_of(&f, -1, code))).outcome,
                     ACCOUNT_WRONG_CODE); /* confirmed it */
    assert_int_equal(ask(account_login, login_with(code_of(&f, -2, code))).outcome,
                     ACCOUNT_WRONG_CODE);
    assert_int_equal(ask(account_login, login_with(code_of(&f, 2, code))).outcome,
                     ACCOUNT_WRONG_CODE);
    assert_int_equal(ask(account_login, login_with(code_of(&f, 0, code))).outcome, ACCOUNT_OK);
    assert_int_equal(ask(account_login, login_with(code_of(&f, 0, code))).outcome,
                     ACCOUNT_WRONG_CODE);
    assert_int_equal(ask(account_login, login_with(code_of(&f, 1, code))).outcome, ACCOUNT_OK);
}

static void two_with_one_code(struct slice code)
{
    struct ticket a, b;
    port.holds = true;
    begin(account_login, login_with(code), &a);
    begin(account_login, login_with(code), &b);
    while (port.held_count < 2) collect_one();
    release();
    settle(0);
    assert_int_equal(a.answers + b.answers, 2);
    assert_int_equal((a.answer.outcome == ACCOUNT_OK) + (b.answer.outcome == ACCOUNT_OK), 1);
    assert_int_equal(
        (a.answer.outcome == ACCOUNT_WRONG_CODE) + (b.answer.outcome == ACCOUNT_WRONG_CODE), 1);
    assert_told("login_failed", "root@here.tr", "wrong code");
}

static void test_totp__of_two_with_one_code_one_comes_in(void **state)
{
    (void)state;
    struct factor f;
    char token[TOKEN_TEXT_SIZE], code[8];
    add_first();
    turn_on(enter("root@here.tr", token), &f);
    two_with_one_code(code_of(&f, 0, code));
    two_with_one_code(slice_of(f.codes[3]));
    assert_int_equal(query("SELECT count(*) FROM recovery_codes"), RECOVERY_CODES - 1);
}

static void test_totp__each_recovery_code_once_and_only_for_its_owner(void **state)
{
    (void)state;
    struct factor f, theirs;
    char token[TOKEN_TEXT_SIZE];
    add_first();
    add_user("b@c.de");
    turn_on(enter("root@here.tr", token), &f);
    turn_on(enter("b@c.de", token), &theirs);
    assert_int_equal(ask(account_login, login_with(slice_of(theirs.codes[0]))).outcome,
                     ACCOUNT_WRONG_CODE);
    const struct account_answer answer = ask(account_login, login_with(slice_of(f.codes[9])));
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_int_equal(answer.user.recovery_codes, RECOVERY_CODES - 1);
    assert_told("login", "root@here.tr", "with a recovery code");
    assert_int_equal(ask(account_login, login_with(slice_of(f.codes[9]))).outcome,
                     ACCOUNT_WRONG_CODE);
    assert_told("login_failed", "root@here.tr", "wrong code");
}

static void test_totp__is_begun_confirmed_and_dropped_in_that_order(void **state)
{
    (void)state;
    struct factor f, old;
    char token[TOKEN_TEXT_SIZE], code[8];
    add_first();
    const struct principal who = enter("root@here.tr", token);
    assert_int_equal(ASK(account_confirm_totp, .who = who, .code = SLICE("123456")).outcome,
                     ACCOUNT_CONFLICT);
    assert_int_equal(ASK(account_drop_totp, .who = who).outcome, ACCOUNT_CONFLICT);
    read_base32(ASK(account_begin_totp, .who = who).secret, old.secret);
    read_base32(ASK(account_begin_totp, .who = who).secret, f.secret);
    assert_int_equal(ASK(account_confirm_totp, .who = who, .code = code_of(&old, 0, code)).outcome,
                     ACCOUNT_WRONG_CODE);
    assert_int_equal(login("root@here.tr").outcome, ACCOUNT_OK); /* not on yet */
    assert_int_equal(ASK(account_confirm_totp, .who = who, .code = code_of(&f, 0, code)).outcome,
                     ACCOUNT_OK);
    assert_int_equal(ASK(account_begin_totp, .who = who).outcome, ACCOUNT_CONFLICT);
    assert_int_equal(ASK(account_confirm_totp, .who = who, .code = code_of(&f, 1, code)).outcome,
                     ACCOUNT_CONFLICT);
    assert_int_equal(ASK(account_drop_totp, .who = who).outcome, ACCOUNT_OK);
    assert_told("totp_off", "root@here.tr", "second factor");
    assert_int_equal(query("SELECT count(*) FROM recovery_codes"), 0);
    assert_int_equal(login("root@here.tr").outcome, ACCOUNT_OK);
}

/* Another secret is begun while the first one's code is on its way. */
static void test_totp__a_code_confirms_the_secret_it_is_of(void **state)
{
    (void)state;
    struct factor f;
    struct ticket confirm, again;
    char token[TOKEN_TEXT_SIZE], code[8];
    add_first();
    const struct principal who = enter("root@here.tr", token);
    read_base32(ASK(account_begin_totp, .who = who).secret, f.secret);
    port.holds = true;
    begin(account_begin_totp, (struct account_request){.who = who}, &again);
    begin(account_confirm_totp, (struct account_request){.who = who, .code = code_of(&f, 0, code)},
          &confirm);
    release();
    assert_int_equal(again.answer.outcome, ACCOUNT_OK);
    assert_int_equal(confirm.answer.outcome, ACCOUNT_CONFLICT);
    assert_int_equal(login("root@here.tr").outcome, ACCOUNT_OK);
}

static void test_totp__one_that_cannot_be_unsealed_is_a_fault_of_ours(void **state)
{
    (void)state;
    struct factor f;
    char token[TOKEN_TEXT_SIZE], code[8];
    add_first();
    const struct principal who = enter("root@here.tr", token);
    turn_on(who, &f);
    vault_close(accounts.vault);
    assert_int_equal(unlink(key_path), 0);
    assert_int_equal(vault_create(key_path), OK);
    assert_int_equal(vault_open(key_path, &accounts.vault), OK);
    assert_int_equal(ask(account_login, login_with(code_of(&f, 0, code))).outcome, ACCOUNT_FAILED);
    assert_int_equal(ASK(account_reauthenticate, .who = who, .password = SLICE(PASSWORD),
                         .code = code_of(&f, 0, code))
                         .outcome,
                     ACCOUNT_FAILED);
    assert_int_equal(ask(account_login, login_with(slice_of(f.codes[0]))).outcome, ACCOUNT_OK);
}

/* ---- authenticating again ---- */

static void test_reauthenticate__makes_a_session_fresh(void **state)
{
    (void)state;
    struct factor f;
    struct principal who;
    char token[TOKEN_TEXT_SIZE], code[8];
    add_first();
    who = enter("root@here.tr", token);
    const int64_t later = NOW_MS + 2 * 3600 * 1000;
    struct account_request r = {.origin.now_ms = later, .who = who, .password = SLICE(OTHER)};
    assert_false(account_is_fresh(&who, later));
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_WRONG_CREDENTIALS);
    assert_told("reauthenticate_failed", "root@here.tr", "wrong credentials");
    r.password = SLICE(PASSWORD);
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_OK);
    assert_true(identify_at(token, later, &who));
    assert_true(account_is_fresh(&who, later));
    turn_on(who, &f);
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_TOTP_REQUIRED);
    r.origin.now_ms = NOW_MS;
    r.code = code_of(&f, 3, code);
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_WRONG_CODE);
    r.code = code_of(&f, 0, code);
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_OK);
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_WRONG_CODE);
    r.code = slice_of(f.codes[0]);
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_OK);
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_WRONG_CODE);
    assert_told("reauthenticate_failed", "root@here.tr", "wrong code");
}

/* An API token's number may be some session's number too. */
static void test_reauthenticate__an_api_token_freshens_nobodys_session(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    add_first();
    struct principal who = enter("root@here.tr", token);
    who.credential = CREDENTIAL_TOKEN;
    const struct account_request r = {
        .origin.now_ms = NOW_MS + DAY_MS, .who = who, .password = SLICE(PASSWORD)};
    assert_int_equal(ask(account_reauthenticate, r).outcome, ACCOUNT_NOT_FOUND);
    who.credential = CREDENTIAL_SESSION;
    assert_true(identify_at(token, NOW_MS + DAY_MS, &who));
    assert_false(account_is_fresh(&who, NOW_MS + DAY_MS));
}

static void test_reauthenticate__a_session_that_ended_meanwhile_is_not_found(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    struct ticket ticket;
    add_first();
    const struct principal who = enter("root@here.tr", token);
    begin(account_reauthenticate, (struct account_request){.who = who, .password = SLICE(PASSWORD)},
          &ticket);
    assert_int_equal(ASK(account_end_session, .who = who, .target_id = who.credential_id).outcome,
                     ACCOUNT_OK);
    settle(0);
    assert_int_equal(ticket.answer.outcome, ACCOUNT_NOT_FOUND);
}

/* ---- sessions and tokens ---- */

static void test_session__ends_at_logout_and_by_its_owner_alone(void **state)
{
    (void)state;
    char first[TOKEN_TEXT_SIZE], second[TOKEN_TEXT_SIZE], theirs[TOKEN_TEXT_SIZE];
    add_first();
    add_user("b@c.de");
    const struct principal who = enter("root@here.tr", first);
    const struct principal also = enter("root@here.tr", second);
    const struct principal other = enter("b@c.de", theirs);
    assert_int_equal(ASK(account_end_session, .who = other, .target_id = who.credential_id).outcome,
                     ACCOUNT_NOT_FOUND);
    assert_int_equal(ASK(account_end_session, .who = who, .target_id = also.credential_id).outcome,
                     ACCOUNT_OK);
    assert_string_equal(newest_entry().action, "session_ended");
    assert_false(is_in(second));
    assert_true(is_in(first));
    assert_int_equal(ASK(account_end_session, .who = who, .target_id = who.credential_id).outcome,
                     ACCOUNT_OK);
    assert_string_equal(newest_entry().action, "logout");
    assert_false(is_in(first));
    assert_true(is_in(theirs));
    assert_int_equal(ASK(account_end_session, .who = who, .target_id = who.credential_id).outcome,
                     ACCOUNT_NOT_FOUND);
}

static void test_token__comes_with_its_scopes_and_end(void **state)
{
    (void)state;
    char session[TOKEN_TEXT_SIZE];
    struct principal who;
    add_first();
    const struct principal owner = enter("root@here.tr", session);
    const struct account_answer answer =
        ASK(account_add_token, .who = owner, .name = SLICE("\xC3\xA7izelge"), .scopes = SCOPE_TRADE,
            .expires_ms = NOW_MS + 10);
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_memory_equal(answer.token, "tbt_", 4);
    assert_int_equal(answer.expires_ms, NOW_MS + 10);
    assert_told("token_added", "root@here.tr", "\xC3\xA7izelge");
    assert_true(identify_at(answer.token, NOW_MS + 9, &who));
    assert_int_equal(who.credential, CREDENTIAL_TOKEN);
    assert_int_equal(who.credential_id, answer.id);
    assert_int_equal(who.scopes, SCOPE_TRADE);
    assert_false(account_is_fresh(&who, NOW_MS));
    assert_false(identify_at(answer.token, NOW_MS + 10, &who));
    assert_int_equal(ASK(account_end_token, .who = owner, .target_id = answer.id + 1).outcome,
                     ACCOUNT_NOT_FOUND);
    assert_int_equal(ASK(account_end_token, .who = owner, .target_id = answer.id).outcome,
                     ACCOUNT_OK);
    assert_false(is_in(answer.token));
    assert_string_equal(newest_entry().action, "token_ended");
}

static void test_token__names(void **state)
{
    (void)state;
    char session[TOKEN_TEXT_SIZE], text[STORE_LABEL_SIZE + 1];
    add_first();
    struct account_request r = {.who = enter("root@here.tr", session), .scopes = SCOPE_READ};
    memset(text, 'n', sizeof text);
    static const struct {
        struct slice name;
        enum account_outcome outcome;
    } cases[] = {
        {{"", 0}, ACCOUNT_BAD_NAME},      {{"   ", 3}, ACCOUNT_BAD_NAME},
        {{"a\0b", 3}, ACCOUNT_BAD_NAME},  {{"a\nb", 3}, ACCOUNT_BAD_NAME},
        {{"a\xFF", 2}, ACCOUNT_BAD_NAME}, {{"a\x7F", 2}, ACCOUNT_BAD_NAME},
        {{"a b", 3}, ACCOUNT_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r.name = cases[i].name;
        assert_int_equal(ask(account_add_token, r).outcome, cases[i].outcome);
    }
    r.name = (struct slice){text, STORE_LABEL_SIZE - 1};
    assert_int_equal(ask(account_add_token, r).outcome, ACCOUNT_OK);
    r.name.size++;
    assert_int_equal(ask(account_add_token, r).outcome, ACCOUNT_BAD_NAME);
}

static void test_token__two_at_once_do_not_pass_the_limit(void **state)
{
    (void)state;
    char session[TOKEN_TEXT_SIZE];
    struct ticket a, b;
    add_first();
    struct account_request r = {
        .who = enter("root@here.tr", session), .name = SLICE("ci"), .scopes = SCOPE_READ};
    r.expires_ms = NOW_MS + 1;
    assert_int_equal(ask(account_add_token, r).outcome, ACCOUNT_OK);
    r.expires_ms = 0;
    r.origin.now_ms = NOW_MS + 1; /* over: it takes no room any more */
    for (int i = 0; i < API_TOKENS_MAX - 1; i++)
        assert_int_equal(ask(account_add_token, r).outcome, ACCOUNT_OK);
    port.holds = true;
    begin(account_add_token, r, &a);
    begin(account_add_token, r, &b);
    release();
    assert_int_equal(a.answer.outcome, ACCOUNT_OK);
    assert_true(is_in(a.answer.token));
    assert_int_equal(b.answer.outcome, ACCOUNT_LIMIT);
    assert_string_equal(b.answer.token, "");
}

/* ---- passwords ---- */

static void test_password__a_change_ends_all_but_the_session_that_made_it(void **state)
{
    (void)state;
    char own[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
    add_first();
    const struct principal who = enter("root@here.tr", own);
    enter("root@here.tr", other);
    const struct account_answer api = add_token(who);
    assert_int_equal(ASK(account_forgot_password, .email = SLICE("root@here.tr")).outcome,
                     ACCOUNT_OK);
    struct account_request r = {.origin.now_ms = NOW_MS + 1,
                                .who = who,
                                .password = SLICE(OTHER),
                                .new_password = SLICE(OTHER " of another")};
    assert_int_equal(ask(account_change_password, r).outcome, ACCOUNT_WRONG_CREDENTIALS);
    assert_told("password_change_failed", "root@here.tr", "wrong credentials");
    r.password = SLICE(PASSWORD);
    r.new_password = SLICE("root@here.tr");
    assert_int_equal(ask(account_change_password, r).outcome, ACCOUNT_BAD_PASSWORD);
    assert_true(is_in(other));
    r.new_password = SLICE(OTHER);
    assert_int_equal(ask(account_change_password, r).outcome, ACCOUNT_OK);
    assert_told("password_changed", "root@here.tr", "password");
    assert_true(is_in(own));
    assert_false(is_in(other));
    assert_false(is_in(api.token));
    assert_int_equal(login("root@here.tr").outcome, ACCOUNT_WRONG_CREDENTIALS);
    assert_int_equal(ASK(account_reset_password, .token = slice_of(port.mail_token),
                         .new_password = SLICE(PASSWORD))
                         .outcome,
                     ACCOUNT_WRONG_TOKEN);
}

/* The old password was checked, and before it let in somebody it was changed. */
static void test_password__what_the_old_one_began_does_not_outlive_it(void **state)
{
    (void)state;
    char own[TOKEN_TEXT_SIZE], second[TOKEN_TEXT_SIZE];
    struct ticket change, login_ticket, again, reauthenticate;
    add_first();
    const struct principal who = enter("root@here.tr", own), also = enter("root@here.tr", second);
    struct account_request r = {.origin.now_ms = NOW_MS + 1,
                                .who = who,
                                .password = SLICE(PASSWORD),
                                .new_password = SLICE(OTHER)};
    port.holds = true;
    begin(account_change_password, r, &change);
    while (port.held_count < 1) collect_one();
    begin(account_login, login_with((struct slice){0}), &login_ticket);
    r.new_password = SLICE("the thief's own choice");
    r.who = also;
    begin(account_change_password, r, &again);
    begin(account_reauthenticate, r, &reauthenticate);
    while (port.held_count < 4) collect_one();
    release();
    assert_int_equal(change.answer.outcome, ACCOUNT_OK);
    assert_int_equal(login_ticket.answer.outcome, ACCOUNT_WRONG_CREDENTIALS);
    assert_int_equal(again.answer.outcome, ACCOUNT_WRONG_CREDENTIALS);
    assert_int_equal(reauthenticate.answer.outcome, ACCOUNT_WRONG_CREDENTIALS);
    assert_int_equal(query("SELECT count(*) FROM sessions"), 1);
    assert_int_equal(
        ASK(account_login, .email = SLICE("root@here.tr"), .password = SLICE(OTHER)).outcome,
        ACCOUNT_OK);
}

static void test_forgot__answers_the_same_and_mails_only_who_is_there(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    add_first();
    add_user("off@here.tr");
    const struct principal admin = enter("root@here.tr", token);
    ASK(account_set_disabled, .who = admin, .target_id = newest_user, .is_disabled = true);
    ASK(account_set_locale, .who = admin, .locale = "en");
    static const struct {
        const char *email;
        unsigned mails;
    } cases[] = {
        {"nobody@here.tr", 0}, {"off@here.tr", 0}, {"no address", 0}, {"", 0}, {" ROOT@here.tr", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const unsigned before = port.mails;
        const struct account_answer answer =
            ASK(account_forgot_password, .email = slice_of(cases[i].email));
        static const struct account_answer blank;
        assert_memory_equal(&answer, &blank, sizeof blank);
        assert_int_equal(port.mails - before, cases[i].mails);
    }
    assert_string_equal(port.mail_to, "root@here.tr");
    assert_string_equal(port.mail_locale, "en");
    assert_memory_equal(port.mail_token, "tbr_", 4);
    assert_told("reset_asked", "root@here.tr", "password");
    port.failure = ERR_IO;
    assert_int_equal(ASK(account_forgot_password, .email = SLICE("root@here.tr")).outcome,
                     ACCOUNT_OK);
    assert_int_equal(port.mails, 1);
    open_desk(false);
    assert_int_equal(ASK(account_forgot_password, .email = SLICE("root@here.tr")).outcome,
                     ACCOUNT_NO_MAIL);
    assert_int_equal(ASK(account_forgot_password, .email = SLICE("nobody@here.tr")).outcome,
                     ACCOUNT_NO_MAIL);
}

static void test_reset__ends_everything_once_and_in_time(void **state)
{
    (void)state;
    char session[TOKEN_TEXT_SIZE], first[TOKEN_TEXT_SIZE], wrong[TOKEN_TEXT_SIZE];
    struct token_hash hash;
    add_first();
    const struct account_answer api = add_token(enter("root@here.tr", session));
    ASK(account_forgot_password, .email = SLICE("root@here.tr"));
    memcpy(first, port.mail_token, sizeof first);
    ASK(account_forgot_password, .email = SLICE("root@here.tr"));
    struct account_request r = {.token = slice_of(first), .new_password = SLICE(OTHER)};
    assert_int_equal(ask(account_reset_password, r).outcome,
                     ACCOUNT_WRONG_TOKEN); /* an older one */
    token_new(TOKEN_RESET, wrong, &hash);
    r.token = slice_of(wrong);
    assert_int_equal(ask(account_reset_password, r).outcome, ACCOUNT_WRONG_TOKEN);
    r.token = slice_of(session);
    assert_int_equal(ask(account_reset_password, r).outcome, ACCOUNT_WRONG_TOKEN);
    r.token = slice_of(port.mail_token);
    r.origin.now_ms = NOW_MS + 30 * 60 * 1000;
    assert_int_equal(ask(account_reset_password, r).outcome, ACCOUNT_WRONG_TOKEN);
    r.origin.now_ms--;
    r.new_password = SLICE("short");
    assert_int_equal(ask(account_reset_password, r).outcome, ACCOUNT_BAD_PASSWORD);
    assert_true(is_in(session));
    r.new_password = SLICE(OTHER);
    const struct account_answer answer = ask(account_reset_password, r);
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_int_equal(answer.user.id, 1);
    assert_told("password_reset", "root@here.tr", "password");
    assert_int_equal(newest_entry().user_id, 1);
    assert_false(is_in(session));
    assert_false(is_in(api.token));
    assert_int_equal(ask(account_reset_password, r).outcome, ACCOUNT_WRONG_TOKEN);
    assert_int_equal(
        ASK(account_login, .email = SLICE("root@here.tr"), .password = SLICE(OTHER)).outcome,
        ACCOUNT_OK);
}

/* ---- language, roles ---- */

static void test_locale__is_kept(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    struct principal who;
    add_first();
    who = enter("root@here.tr", token);
    assert_string_equal(ASK(account_set_locale, .who = who, .locale = "tr").user.locale, "tr");
    assert_true(identify_at(token, NOW_MS, &who));
    assert_string_equal(who.locale, "tr");
    assert_string_equal(ASK(account_set_locale, .who = who, .locale = "").user.locale, "");
}

static void test_role__a_change_ends_what_the_old_one_allowed(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE], theirs[TOKEN_TEXT_SIZE];
    add_first();
    const uint64_t id = add_user("b@c.de");
    const struct principal admin = enter("root@here.tr", token);
    const struct account_answer api = add_token(enter("b@c.de", theirs));
    const struct account_answer answer =
        ASK(account_set_role, .who = admin, .target_id = id, .role = ROLE_VIEWER);
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_int_equal(answer.user.role, ROLE_VIEWER);
    assert_told("role_set", "root@here.tr", user_text(id, " is viewer"));
    assert_false(is_in(theirs));
    assert_false(is_in(api.token));
    assert_true(is_in(token));
    assert_int_equal(enter("b@c.de", theirs).role, ROLE_VIEWER);
    assert_int_equal(
        ASK(account_set_role, .who = admin, .target_id = 77, .role = ROLE_ADMIN).outcome,
        ACCOUNT_NOT_FOUND);
    assert_int_equal(
        ASK(account_set_disabled, .who = admin, .target_id = 77, .is_disabled = true).outcome,
        ACCOUNT_NOT_FOUND);
}

static void test_disabled__is_out_at_once_and_comes_back_with_nothing(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE], theirs[TOKEN_TEXT_SIZE];
    struct ticket ticket;
    add_first();
    const uint64_t id = add_user("b@c.de");
    const struct principal admin = enter("root@here.tr", token);
    const struct account_answer api = add_token(enter("b@c.de", theirs));
    struct account_request r = {.who = admin, .target_id = id, .is_disabled = true};
    port.holds = true; /* a login whose password was right just before */
    begin(account_set_disabled, r, &ticket);
    struct ticket late;
    begin(account_login,
          (struct account_request){.email = SLICE("b@c.de"), .password = SLICE(PASSWORD)}, &late);
    while (port.held_count < 2) collect_one();
    release();
    assert_int_equal(ticket.answer.outcome, ACCOUNT_OK);
    assert_int_equal(late.answer.outcome, ACCOUNT_WRONG_CREDENTIALS);
    assert_false(is_in(theirs));
    assert_false(is_in(api.token));
    assert_int_equal(login("b@c.de").outcome, ACCOUNT_WRONG_CREDENTIALS);
    r.is_disabled = false;
    assert_int_equal(ask(account_set_disabled, r).outcome, ACCOUNT_OK);
    assert_told("user_enabled", "root@here.tr", user_text(id, ""));
    assert_false(is_in(theirs));
    assert_int_equal(login("b@c.de").outcome, ACCOUNT_OK);
}

static void test_admin__the_last_one_cannot_go(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    struct ticket a, b;
    add_first();
    const uint64_t id = add_user("b@c.de");
    const struct principal admin = enter("root@here.tr", token);
    struct account_request off = {.who = admin, .target_id = 1, .is_disabled = true};
    struct account_request down = {.who = admin, .target_id = 1, .role = ROLE_TRADER};
    assert_int_equal(ask(account_set_disabled, off).outcome, ACCOUNT_LAST_ADMIN);
    assert_int_equal(ask(account_set_role, down).outcome, ACCOUNT_LAST_ADMIN);
    assert_true(is_in(token)); /* nothing of it happened */
    assert_int_equal(
        ASK(account_set_role, .who = admin, .target_id = id, .role = ROLE_ADMIN).outcome,
        ACCOUNT_OK);
    port.holds = true; /* each of two takes the other one's role away */
    begin(account_set_role, down, &a);
    down.target_id = id;
    begin(account_set_role, down, &b);
    release();
    assert_int_equal(a.answer.outcome, ACCOUNT_OK);
    assert_int_equal(b.answer.outcome, ACCOUNT_LAST_ADMIN);
    assert_int_equal(query("SELECT count(*) FROM users WHERE role = 'admin'"), 1);
}

static void test_admin__an_account_that_nobody_claimed_is_none(void **state)
{
    (void)state;
    uint64_t count = 77;
    assert_int_equal(account_store_admins(port.db, &count), OK);
    assert_int_equal(count, 0);
    add_first();
    assert_int_equal(account_store_admins(port.db, &count), OK);
    assert_int_equal(count, 1);
}

/* ---- use ---- */

static void test_touch__tells_the_database_and_nobody_else(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    struct principal who, by_token;
    add_first();
    who = enter("root@here.tr", token);
    const struct account_answer api = add_token(who);
    const uint64_t entries = newest_entry().id;
    assert_true(identify_at(token, NOW_MS + 5000, &who));
    account_touch(desk, &who, NOW_MS + 5000);
    assert_int_equal(query("SELECT seen_ms FROM sessions"), NOW_MS + 5000);
    assert_int_equal(query("SELECT expires_ms FROM sessions"), NOW_MS + 5000 + 7 * DAY_MS);
    assert_true(identify_at(api.token, NOW_MS + 6000, &by_token));
    account_touch(desk, &by_token, NOW_MS + 6000);
    assert_int_equal(query("SELECT used_ms FROM api_tokens"), NOW_MS + 6000);
    assert_int_equal(newest_entry().id, entries);
    ASK(account_end_session, .who = who, .target_id = who.credential_id);
    account_touch(desk, &who, NOW_MS + 7000); /* it has ended meanwhile */
    port.refuses = true;
    account_touch(desk, &who, NOW_MS + 8000);
    assert_int_equal(account_desk_calls(desk), 0);
}

/* ---- a port that refuses or fails ---- */

/* Each call that changes something, as it would be right. */
static struct account_answer ask_nth(unsigned n, struct principal who)
{
    switch (n) {
    case 0:
        return ASK(account_register, .email = SLICE("new@here.tr"), .password = SLICE(PASSWORD));
    case 1: return login("root@here.tr");
    case 2: return ASK(account_reauthenticate, .who = who, .password = SLICE(PASSWORD));
    case 3: return ASK(account_end_session, .who = who, .target_id = who.credential_id);
    case 4:
        return ASK(account_change_password, .who = who, .password = SLICE(PASSWORD),
                   .new_password = SLICE(OTHER));
    case 5:
        return ASK(account_reset_password, .token = slice_of(port.mail_token),
                   .new_password = SLICE(OTHER));
    case 6: return ASK(account_begin_totp, .who = who);
    case 7: return add_token(who);
    case 8: return ASK(account_set_locale, .who = who, .locale = "en");
    case 9: return ASK(account_set_role, .who = who, .target_id = newest_user, .role = ROLE_VIEWER);
    default:
        return ASK(account_set_disabled, .who = who, .target_id = newest_user, .is_disabled = true);
    }
}

enum { CHANGING_CALLS = 11 };

static void assert_nothing_of(struct account_answer answer, enum account_outcome outcome)
{
    assert_int_equal(answer.outcome, outcome);
    assert_string_equal(answer.token, "");
    assert_string_equal(answer.secret, "");
    assert_string_equal(answer.address, "");
    assert_int_equal(answer.code_count, 0);
}

static void test_port__that_is_full_is_busy_and_nothing_happens(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    add_first();
    add_user("b@c.de");
    const struct principal who = enter("root@here.tr", token);
    ASK(account_forgot_password, .email = SLICE("root@here.tr"));
    const uint64_t entries = newest_entry().id;
    port.refuses = true;
    for (unsigned i = 0; i < CHANGING_CALLS; i++) assert_nothing_of(ask_nth(i, who), ACCOUNT_BUSY);
    assert_int_equal(
        ASK(account_login, .email = SLICE("x@y.z"), .password = SLICE(PASSWORD)).outcome,
        ACCOUNT_BUSY);
    assert_true(is_in(token));
    assert_int_equal(newest_entry().id, entries);
}

static void test_port__that_fails_is_unavailable_and_nothing_happens(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        enum account_outcome outcome;
    } cases[] = {
        {ERR_IO, ACCOUNT_UNAVAILABLE},      {ERR_LIMIT, ACCOUNT_UNAVAILABLE},
        {ERR_TIMEOUT, ACCOUNT_UNAVAILABLE}, {ERR_CLOSED, ACCOUNT_UNAVAILABLE},
        {ERR_NO_MEMORY, ACCOUNT_FAILED},
    };
    char token[TOKEN_TEXT_SIZE];
    add_first();
    add_user("b@c.de");
    const struct principal who = enter("root@here.tr", token);
    ASK(account_forgot_password, .email = SLICE("root@here.tr"));
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        port.failure = cases[c].err;
        for (unsigned i = 0; i < CHANGING_CALLS; i++)
            assert_nothing_of(ask_nth(i, who), cases[c].outcome);
        assert_int_equal(
            ASK(account_login, .email = SLICE("x@y.z"), .password = SLICE(PASSWORD)).outcome,
            ACCOUNT_WRONG_CREDENTIALS);
    }
    port.failure = OK;
    assert_true(is_in(token));
    for (unsigned i = 6; i < CHANGING_CALLS; i++)
        assert_int_equal(ask_nth(i, who).outcome, ACCOUNT_OK);
}

static void test_desk__one_call_too_many_is_busy(void **state)
{
    (void)state;
    static struct ticket tickets[ACCOUNT_CALLS_MAX + 1];
    char token[TOKEN_TEXT_SIZE];
    add_first();
    const struct account_request r = {.who = enter("root@here.tr", token), .locale = "en"};
    port.holds = true;
    for (unsigned i = 0; i <= ACCOUNT_CALLS_MAX; i++) begin(account_set_locale, r, &tickets[i]);
    assert_int_equal(account_desk_calls(desk), ACCOUNT_CALLS_MAX);
    assert_int_equal(tickets[ACCOUNT_CALLS_MAX].answer.outcome, ACCOUNT_BUSY);
    assert_int_equal(tickets[ACCOUNT_CALLS_MAX].answers, 1);
    release();
    for (unsigned i = 0; i < ACCOUNT_CALLS_MAX; i++) {
        assert_int_equal(tickets[i].answers, 1);
        assert_int_equal(tickets[i].answer.outcome, ACCOUNT_OK);
    }
}

static void test_desk__a_pool_that_closes_gives_every_call_its_answer(void **state)
{
    (void)state;
    enum { CALLS = PASSWORD_QUEUE_MAX }; /* seconds of work, at the full price of nobody's hash */
    const struct account_request nobody = {.email = SLICE("x@y.z"), .password = SLICE(PASSWORD)};
    static struct ticket tickets[CALLS];
    memset(tickets, 0, sizeof tickets);
    for (unsigned i = 0; i < CALLS; i++) begin(account_login, nobody, &tickets[i]);
    password_pool_close(accounts.passwords);
    account_desk_collect(desk);
    accounts.passwords = NULL;
    assert_int_equal(account_desk_calls(desk), 0);
    for (unsigned i = 0; i < CALLS; i++) assert_int_equal(tickets[i].answers, 1);
    assert_int_equal(tickets[CALLS - 1].answer.outcome, ACCOUNT_BUSY);
}

static void test_desk__somebody_who_is_gone_is_not_found(void **state)
{
    (void)state;
    const struct principal who = {.user_id = 77, .credential_id = 1};
    assert_int_equal(ask_nth(2, who).outcome, ACCOUNT_NOT_FOUND);
    assert_int_equal(ask_nth(3, who).outcome, ACCOUNT_NOT_FOUND);
    assert_int_equal(ask_nth(4, who).outcome, ACCOUNT_NOT_FOUND);
    for (unsigned i = 6; i < CHANGING_CALLS; i++)
        assert_int_equal(ask_nth(i, who).outcome, ACCOUNT_NOT_FOUND);
}

/* A row that this program cannot know is a fault, not an endless attempt. */
static void test_desk__a_row_that_cannot_be_read_is_a_fault(void **state)
{
    (void)state;
    char token[TOKEN_TEXT_SIZE];
    add_first();
    const struct principal who = enter("root@here.tr", token);
    assert_int_equal(sql_exec(port.db, "PRAGMA ignore_check_constraints = ON; "
                                       "UPDATE users SET role = 'king' WHERE id = 1"),
                     OK);
    assert_int_equal(ASK(account_set_locale, .who = who, .locale = "en").outcome, ACCOUNT_FAILED);
}

#define ON_SQLITE(name)                                                                            \
    {#name, name, open_once, close_house, NULL},                                                   \
    {                                                                                              \
#name "__undone_twice", name, open_thrice, close_house, NULL                               \
    }
#define CASE(name)                                                                                 \
    ON_SQLITE(name),                                                                               \
    {                                                                                              \
#name "__postgres", run_on_postgres, open_on_postgres, close_house, &(struct on_postgres)  \
        {                                                                                          \
            name                                                                                   \
        }                                                                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_register__first_account_is_an_admins),
        CASE(test_register__from_elsewhere_the_set_up_token_is_wanted),
        CASE(test_register__what_is_refused),
        CASE(test_register__texts_of_any_size_are_refused_and_not_cut_into_good_ones),
        CASE(test_register__later_ones_are_traders_where_registration_is_open),
        CASE(test_register__two_claim_the_first_account_and_one_has_it),
        CASE(test_register__who_was_late_for_the_first_account_gets_none_of_his_own),
        CASE(test_register__where_it_is_open_the_second_one_has_his_own),
        CASE(test_login__a_session_lasts_its_days_and_slides),
        CASE(test_login__strangers_take_one_road),
        CASE(test_login__a_password_too_long_to_be_one_is_checked_all_the_same),
        CASE(test_login__an_outdated_hash_is_made_anew_and_the_password_keeps_its_date),
        CASE(test_login__a_client_of_any_name_gets_in),
        CASE(test_login__the_session_seen_least_lately_makes_room),
        CASE(test_login__two_at_once_do_not_pass_the_limit_of_sessions),
        CASE(test_totp__is_asked_for_after_the_password),
        CASE(test_totp__of_two_with_one_code_one_comes_in),
        CASE(test_totp__each_recovery_code_once_and_only_for_its_owner),
        CASE(test_totp__is_begun_confirmed_and_dropped_in_that_order),
        CASE(test_totp__a_code_confirms_the_secret_it_is_of),
        CASE(test_totp__one_that_cannot_be_unsealed_is_a_fault_of_ours),
        CASE(test_reauthenticate__makes_a_session_fresh),
        CASE(test_reauthenticate__an_api_token_freshens_nobodys_session),
        CASE(test_reauthenticate__a_session_that_ended_meanwhile_is_not_found),
        CASE(test_session__ends_at_logout_and_by_its_owner_alone),
        CASE(test_token__comes_with_its_scopes_and_end),
        CASE(test_token__names),
        CASE(test_token__two_at_once_do_not_pass_the_limit),
        CASE(test_password__a_change_ends_all_but_the_session_that_made_it),
        CASE(test_password__what_the_old_one_began_does_not_outlive_it),
        CASE(test_forgot__answers_the_same_and_mails_only_who_is_there),
        CASE(test_reset__ends_everything_once_and_in_time),
        CASE(test_locale__is_kept),
        CASE(test_role__a_change_ends_what_the_old_one_allowed),
        CASE(test_disabled__is_out_at_once_and_comes_back_with_nothing),
        CASE(test_admin__the_last_one_cannot_go),
        CASE(test_admin__an_account_that_nobody_claimed_is_none),
        CASE(test_touch__tells_the_database_and_nobody_else),
        CASE(test_port__that_is_full_is_busy_and_nothing_happens),
        CASE(test_port__that_fails_is_unavailable_and_nothing_happens),
        CASE(test_desk__one_call_too_many_is_busy),
        CASE(test_desk__a_pool_that_closes_gives_every_call_its_answer),
        CASE(test_desk__somebody_who_is_gone_is_not_found),
        ON_SQLITE(test_desk__a_row_that_cannot_be_read_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
