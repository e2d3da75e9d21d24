/* The account desk: language, roles, use, and a port that refuses or fails. */
#include <string.h>

#include "desk_fixture.h"

#include "cmocka_all.h"

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
    assert_int_equal(log_in("b@c.de").outcome, ACCOUNT_WRONG_CREDENTIALS);
    r.is_disabled = false;
    assert_int_equal(ask(account_set_disabled, r).outcome, ACCOUNT_OK);
    assert_told("user_enabled", "root@here.tr", user_text(id, ""));
    assert_false(is_in(theirs));
    assert_int_equal(log_in("b@c.de").outcome, ACCOUNT_OK);
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
    case 1: return log_in("root@here.tr");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
