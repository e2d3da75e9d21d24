/* The ways in and out: accounts made, sessions begun and ended, passwords changed and recovered. */
#include "service/api/account_call.h"
#include "service/api/form.h"
#include "service/api/route.h"
#include "service/api/views_account.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void on_done(struct call *call, const struct account_answer *answer)
{
    (void)answer;
    call_done(call);
}

/* ---- in ---- */

static void on_registered(struct call *call, const struct account_answer *answer)
{
    writer_open(&call->json, NULL, '{');
    view_user(&call->json, "user", &answer->user);
    writer_close(&call->json, '}');
    call_send(call, 201);
}

void auth_register(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"email", "password", "setup_token"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_registered);
    r.email = form_text(&form, "email", FORM_REQUIRED);
    r.password = form_text(&form, "password", FORM_REQUIRED);
    r.token = form_text(&form, "setup_token", FORM_OPTIONAL);
    if (form_good(&form, call)) account_ask(call, &r, account_register);
    form_close(&form);
}

static void on_logged_in(struct call *call, const struct account_answer *answer)
{
    struct json_writer *w = &call->json;
    limits_give_back(call);
    access_set_cookie(call, answer, call->is_remembered);
    writer_open(w, NULL, '{');
    writer_text(w, "access_token", answer->token);
    writer_text(w, "token_type", "bearer");
    writer_i64(w, "expires_in",
               (int64_t)(call->is_remembered ? SESSION_DAYS_REMEMBERED : SESSION_DAYS) * 86400);
    view_user(w, "user", &answer->user);
    writer_close(w, '}');
    call_send(call, 200);
}

/* False: it was answered, and closed. */
static bool read_login(struct form *form, struct call *call, const struct http_request *request,
                       struct account_request *r)
{
    static const char *const names[] = {"email", "password", "remember_me", "totp"};
    if (!form_open(form, call, request, names, COUNT(names))) return false;
    *r = account_request_of(call, request, on_logged_in);
    r->email = form_text(form, "email", FORM_REQUIRED);
    r->password = form_text(form, "password", FORM_REQUIRED);
    r->code = form_text(form, "totp", FORM_OPTIONAL);
    r->remember_me = call->is_remembered = form_bool(form, "remember_me");
    if (form_good(form, call)) return true;
    form_close(form);
    return false;
}

static void login_counted(struct call *call, const struct http_request *request)
{
    struct form form;
    struct account_request r;
    if (!read_login(&form, call, request, &r)) return;
    account_ask(call, &r, account_login);
    form_close(&form);
}

void auth_login(struct call *call, const struct http_request *request)
{
    struct form form;
    struct account_request r;
    char email[STORE_EMAIL_SIZE];
    if (!read_login(&form, call, request, &r)) return;
    /* What is no address is nobody's, and counts together. */
    if (!email_normalise(r.email, email)) email[0] = '\0';
    form_close(&form);
    limits_take_account(call, request, email, login_counted);
}

/* Somebody who is in gives a password again: failures count as those of a login. */
static void count_own(struct call *call, const struct http_request *request, limits_next next)
{
    struct store_user user;
    if (!directory_user(call->api->options.accounts->directory, call->who.user_id, &user))
        call_problem(call, PROBLEM_UNAUTHENTICATED);
    else
        limits_take_account(call, request, user.email, next);
}

static void on_authenticated(struct call *call, const struct account_answer *answer)
{
    limits_give_back(call);
    on_done(call, answer);
}

static void reauthenticate_counted(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"password", "totp"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_authenticated);
    r.password = form_text(&form, "password", FORM_REQUIRED);
    r.code = form_text(&form, "totp", FORM_OPTIONAL);
    if (form_good(&form, call)) account_ask(call, &r, account_reauthenticate);
    form_close(&form);
}

void auth_reauthenticate(struct call *call, const struct http_request *request)
{
    count_own(call, request, reauthenticate_counted);
}

/* ---- out ---- */

static void on_logged_out(struct call *call, const struct account_answer *answer)
{
    access_clear_cookie(call);
    on_done(call, answer);
}

void auth_logout(struct call *call, const struct http_request *request)
{
    if (!form_open_bare(call, request)) return;
    struct account_request r = account_request_of(call, request, on_logged_out);
    r.target_id = call->who.credential_id;
    account_ask(call, &r, account_end_session);
}

/* ---- passwords ---- */

static void change_counted(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"password", "new_password"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_authenticated);
    r.password = form_text(&form, "password", FORM_REQUIRED);
    r.new_password = form_text(&form, "new_password", FORM_REQUIRED);
    if (form_good(&form, call)) account_ask(call, &r, account_change_password);
    form_close(&form);
}

void auth_change_password(struct call *call, const struct http_request *request)
{
    count_own(call, request, change_counted);
}

void auth_forgot(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"email"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_done);
    r.email = form_text(&form, "email", FORM_REQUIRED);
    if (form_good(&form, call)) account_ask(call, &r, account_forgot_password);
    form_close(&form);
}

void auth_reset(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"token", "new_password"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_done);
    r.token = form_text(&form, "token", FORM_REQUIRED);
    r.new_password = form_text(&form, "new_password", FORM_REQUIRED);
    if (form_good(&form, call)) account_ask(call, &r, account_reset_password);
    form_close(&form);
}
