/* What the tests of the account desk share: stand-ins, a house with its desk, and ways to ask. */
#include "desk_fixture.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sodium.h>

#include "io/store/account_read.h"
#include "io/store/postgres.h"
#include "io/store/store.h"

#include "cmocka_all.h"

enum { PATIENCE_MS = 20000 };

/* ---- libsodium ---- */

_Atomic unsigned checks, hashes;
_Atomic bool outdated, checked_nobody;

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

struct desk_port port;

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

void release(void)
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

struct accounts accounts;
struct account_desk *desk;
char key_path[128];
bool on_postgres;

static char folder[64], url[256];
static bool missing; /* there is no such database here */

void open_desk(bool with_mail)
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

int open_once(void **state)
{
    (void)state;
    on_postgres = missing = false;
    return open_house(1);
}

int open_thrice(void **state)
{
    (void)state;
    on_postgres = missing = false;
    return open_house(3);
}

int open_on_postgres(void **state)
{
    (void)state;
    on_postgres = true;
    missing = !postgres_is_there();
    return missing ? 0 : open_house(2);
}

void run_on_postgres(void **state)
{
    const struct on_postgres *wrapped = *state;
    if (missing) skip();
    wrapped->test(state);
}

int close_house(void **state)
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

static void on_answer(void *user, const struct account_answer *answer)
{
    struct ticket *ticket = user;
    ticket->answer = *answer;
    ticket->answers++;
}

void begin(account_function call, struct account_request request, struct ticket *ticket)
{
    *ticket = (struct ticket){0};
    if (request.origin.now_ms == 0) request.origin.now_ms = NOW_MS;
    snprintf(request.origin.address, sizeof request.origin.address, "192.0.2.7");
    if (!*request.origin.agent) strcpy(request.origin.agent, "curl/7.88.1");
    request.done = on_answer;
    request.user = ticket;
    call(desk, &request);
}

void collect_one(void)
{
    struct pollfd at = {.fd = woken, .events = POLLIN};
    uint64_t count;
    assert_int_equal(poll(&at, 1, PATIENCE_MS), 1);
    assert_int_equal(read(woken, &count, sizeof count), sizeof count);
    account_desk_collect(desk);
}

void settle(unsigned calls_left)
{
    while (account_desk_calls(desk) > calls_left) collect_one();
}

struct account_answer ask(account_function call, struct account_request request)
{
    struct ticket ticket;
    begin(call, request, &ticket);
    settle(0);
    assert_int_equal(ticket.answers, 1);
    return ticket.answer;
}

void add_first(void)
{
    assert_int_equal(ASK(account_register, .origin.is_local = true, .email = SLICE("root@here.tr"),
                         .password = SLICE(PASSWORD))
                         .outcome,
                     ACCOUNT_OK);
}

uint64_t newest_user;

uint64_t add_user(const char *email)
{
    accounts.registration = REGISTRATION_OPEN;
    const struct account_answer answer =
        ASK(account_register, .email = slice_of(email), .password = SLICE(PASSWORD));
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    newest_user = answer.user.id;
    return newest_user;
}

bool identify_at(const char *token, int64_t now_ms, struct principal *who)
{
    enum token_kind kind;
    struct token_hash hash;
    bool touch;
    return token_read(slice_of(token), &kind, &hash) &&
           directory_identify(accounts.directory, &hash, now_ms, who, &touch);
}

bool is_in(const char *token)
{
    struct principal who;
    return identify_at(token, NOW_MS, &who);
}

struct account_answer log_in(const char *email)
{
    return ASK(account_login, .email = slice_of(email), .password = SLICE(PASSWORD));
}

struct principal enter(const char *email, char token[TOKEN_TEXT_SIZE])
{
    const struct account_answer answer = log_in(email);
    struct principal who;
    assert_int_equal(answer.outcome, ACCOUNT_OK);
    assert_true(identify_at(answer.token, NOW_MS, &who));
    memcpy(token, answer.token, TOKEN_TEXT_SIZE);
    return who;
}

struct account_answer add_token(struct principal who)
{
    return ASK(account_add_token, .who = who, .name = SLICE("ci"), .scopes = SCOPE_READ);
}

int64_t query(const char *text)
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

struct audit_entry newest_entry(void)
{
    struct newest newest = {0};
    assert_int_equal(audit_list(port.db, 0, 1, on_entry, &newest), OK);
    return newest.entry;
}

void assert_told(const char *action, const char *actor, const char *target)
{
    const struct audit_entry entry = newest_entry();
    assert_string_equal(entry.action, action);
    assert_string_equal(entry.actor, actor);
    assert_string_equal(entry.target, target);
    assert_string_equal(entry.address, "192.0.2.7");
}

const char *user_text(uint64_t id, const char *after)
{
    static char text[64];
    snprintf(text, sizeof text, "user %llu%s", (unsigned long long)id, after);
    return text;
}
