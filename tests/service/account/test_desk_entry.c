/* The account desk: registering and logging in. */
#include <string.h>

#include "desk_fixture.h"

#include "cmocka_all.h"

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
    assert_int_equal(log_in("root@here.tr").outcome, ACCOUNT_OK);
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
    for (int i = 0; i < SESSIONS_MAX; i++) log_in("root@here.tr");
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
