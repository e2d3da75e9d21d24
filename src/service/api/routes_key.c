/* Keys of exchanges: shown by their ends, added after the venue was asked, deleted. */
#include "service/api/account_call.h"
#include "service/api/form.h"
#include "service/api/route.h"
#include "service/api/views_account.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void on_key(void *user, const struct store_key *key)
{
    view_key(user, key);
}

void key_list(struct call *call, const struct http_request *request)
{
    struct json_writer *w = &call->json;
    (void)request;
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
    if (key_store_list(store_reader_sql(call->api->reader), call->who.user_id, on_key, w) != OK) {
        call_failed(call, call->route->id, err_text());
        return;
    }
    writer_close(w, ']');
    writer_close(w, '}');
    call_send(call, 200);
}

static void on_added(struct call *call, const struct account_answer *answer)
{
    view_key(&call->json, &answer->key);
    call_send(call, 201);
}

void key_add(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"venue", "label", "api_key", "secret"};
    const char *venues[VENUE_COUNT];
    struct form form;
    for (unsigned i = 0; i < VENUE_COUNT; i++) venues[i] = venue_name((enum venue)i);
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_added);
    r.venue = (uint8_t)form_word(&form, "venue", FORM_REQUIRED, venues, VENUE_COUNT);
    r.name = form_text(&form, "label", FORM_REQUIRED);
    r.api_key = form_text(&form, "api_key", FORM_REQUIRED);
    r.secret = form_text(&form, "secret", FORM_REQUIRED);
    if (form_good(&form, call)) account_ask(call, &r, account_add_key);
    form_close(&form);
}

static void on_ended(struct call *call, const struct account_answer *answer)
{
    (void)answer;
    call_done(call);
}

void key_end(struct call *call, const struct http_request *request)
{
    struct account_request r = account_request_of(call, request, on_ended);
    if (!parse_id(call->params[0], &r.target_id))
        call_problem(call, PROBLEM_NOT_FOUND);
    else if (form_open_bare(call, request))
        account_ask(call, &r, account_end_key);
}
