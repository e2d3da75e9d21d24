/* The account desk: second factor, authenticating again, sessions, tokens and passwords. */
#include <string.h>
#include <unistd.h>

#include "desk_fixture.h"

#include "cmocka_all.h"

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
    assert_int_equal(log_in("root@here.tr").outcome, ACCOUNT_TOTP_REQUIRED);
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
    assert_int_equal(log_in("root@here.tr").outcome, ACCOUNT_OK); /* not on yet */
    assert_int_equal(ASK(account_confirm_totp, .who = who, .code = code_of(&f, 0, code)).outcome,
                     ACCOUNT_OK);
    assert_int_equal(ASK(account_begin_totp, .who = who).outcome, ACCOUNT_CONFLICT);
    assert_int_equal(ASK(account_confirm_totp, .who = who, .code = code_of(&f, 1, code)).outcome,
                     ACCOUNT_CONFLICT);
    assert_int_equal(ASK(account_drop_totp, .who = who).outcome, ACCOUNT_OK);
    assert_told("totp_off", "root@here.tr", "second factor");
    assert_int_equal(query("SELECT count(*) FROM recovery_codes"), 0);
    assert_int_equal(log_in("root@here.tr").outcome, ACCOUNT_OK);
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
    assert_int_equal(log_in("root@here.tr").outcome, ACCOUNT_OK);
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
    assert_int_equal(log_in("root@here.tr").outcome, ACCOUNT_WRONG_CREDENTIALS);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
