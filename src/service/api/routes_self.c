/* What people see and change of their own accounts. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "service/api/account_call.h"
#include "service/api/form.h"
#include "service/api/route.h"
#include "service/api/views_account.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct directory *directory_of(const struct call *call)
{
    return call->api->options.accounts->directory;
}

static void on_done(struct call *call, const struct account_answer *answer)
{
    (void)answer;
    call_done(call);
}

static void send_user(struct call *call, const struct store_user *user)
{
    view_user(&call->json, NULL, user);
    call_send(call, 200);
}

void self_get(struct call *call, const struct http_request *request)
{
    struct store_user user;
    (void)request;
    if (directory_user(directory_of(call), call->who.user_id, &user))
        send_user(call, &user);
    else
        call_problem(call, PROBLEM_UNAUTHENTICATED); /* gone in this very moment */
}

static void on_changed(struct call *call, const struct account_answer *answer)
{
    send_user(call, &answer->user);
}

void self_change(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"locale"};
    static const char *const locales[] = {"tr", "en"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_changed);
    const unsigned place = form_word(&form, "locale", FORM_OPTIONAL, locales, COUNT(locales));
    if (place < COUNT(locales)) memcpy(r.locale, locales[place], sizeof r.locale);
    if (form_good(&form, call)) account_ask(call, &r, account_set_locale);
    form_close(&form);
}

/* ---- sessions ---- */

void self_sessions(struct call *call, const struct http_request *request)
{
    struct store_session rows[SESSIONS_MAX];
    struct json_writer *w = &call->json;
    (void)request;
    const uint32_t count = directory_sessions(directory_of(call), call->who.user_id, rows);
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (uint32_t i = 0; i < count; i++)
        view_session(w, &rows[i], rows[i].id == call->who.credential_id);
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

/* Asks the desk to end what the path names. */
static void end_one(struct call *call, const struct http_request *request,
                    void (*end)(struct account_desk *desk, const struct account_request *request))
{
    struct account_request r = account_request_of(call, request, on_done);
    if (!parse_id(call->params[0], &r.target_id))
        call_problem(call, PROBLEM_NOT_FOUND);
    else if (form_open_bare(call, request))
        account_ask(call, &r, end);
}

void self_end_session(struct call *call, const struct http_request *request)
{
    end_one(call, request, account_end_session);
}

/* ---- the second factor ---- */

static void on_totp_begun(struct call *call, const struct account_answer *answer)
{
    writer_open(&call->json, NULL, '{');
    writer_text(&call->json, "secret", answer->secret);
    writer_text(&call->json, "address", answer->address);
    writer_close(&call->json, '}');
    call_send(call, 201);
}

void self_totp_begin(struct call *call, const struct http_request *request)
{
    const struct account_request r = account_request_of(call, request, on_totp_begun);
    if (form_open_bare(call, request)) account_ask(call, &r, account_begin_totp);
}

static void on_totp_confirmed(struct call *call, const struct account_answer *answer)
{
    writer_open(&call->json, NULL, '{');
    writer_open(&call->json, "recovery_codes", '[');
    for (uint32_t i = 0; i < answer->code_count; i++)
        writer_text(&call->json, NULL, answer->codes[i]);
    writer_close(&call->json, ']');
    writer_close(&call->json, '}');
    call_send(call, 200);
}

void self_totp_confirm(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"code"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_totp_confirmed);
    r.code = form_text(&form, "code", FORM_REQUIRED);
    if (form_good(&form, call)) account_ask(call, &r, account_confirm_totp);
    form_close(&form);
}

void self_totp_drop(struct call *call, const struct http_request *request)
{
    const struct account_request r = account_request_of(call, request, on_done);
    if (form_open_bare(call, request)) account_ask(call, &r, account_drop_totp);
}

/* ---- API tokens ---- */

void self_tokens(struct call *call, const struct http_request *request)
{
    struct store_api_token rows[API_TOKENS_MAX];
    struct json_writer *w = &call->json;
    (void)request;
    const uint32_t count = directory_tokens(directory_of(call), call->who.user_id, rows);
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    for (uint32_t i = 0; i < count; i++) view_token(w, &rows[i], NULL);
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

/* call->state is the row as it was asked for. */
static void on_token_added(struct call *call, const struct account_answer *answer)
{
    struct store_api_token *row = call->state;
    row->id = answer->id;
    view_token(&call->json, row, answer->token);
    call_send(call, 201);
}

/* Who may trade may read. */
static uint32_t read_scopes(struct form *form)
{
    const json_t *list = json_object_get(form->object, "scopes");
    uint32_t scopes = 0;
    bool good = json_array_size(list) > 0;
    for (size_t i = 0; good && i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name && strcmp(name, "read") == 0)
            scopes |= SCOPE_READ;
        else if (name && strcmp(name, "trade") == 0)
            scopes |= SCOPE_READ | SCOPE_TRADE;
        else
            good = false;
    }
    if (!good)
        faults_add(&form->faults, "scopes", list ? FAULT_INVALID : FAULT_REQUIRED, "",
                   "[\"read\"] ya da [\"read\",\"trade\"] gönderin.",
                   "Send [\"read\"] or [\"read\",\"trade\"].");
    return scopes;
}

void self_token_add(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"name", "scopes", "expires_at"};
    struct form form;
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_token_added);
    r.name = form_text(&form, "name", FORM_REQUIRED);
    r.scopes = read_scopes(&form);
    r.expires_ms = form_time(&form, "expires_at", r.origin.now_ms);
    if (form_good(&form, call)) {
        struct store_api_token *row = call->state = calloc(1, sizeof *row);
        CHECK(row);
        slice_copy(r.name, row->name, sizeof row->name); /* one too long is refused */
        row->scopes = r.scopes;
        row->created_ms = r.origin.now_ms;
        row->expires_ms = r.expires_ms;
        account_ask(call, &r, account_add_token);
    }
    form_close(&form);
}

void self_token_end(struct call *call, const struct http_request *request)
{
    end_one(call, request, account_end_token);
}
