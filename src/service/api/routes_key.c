/* Keys of exchanges: shown by their ends, added after the venue was asked, deleted. */
#include "service/api/account_call.h"
#include "service/api/form.h"
#include "service/api/route.h"
#include "service/api/views_account.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct key_listing {
    struct read read;
    uint64_t user_id;
    struct buffer text;
};

static void on_key(void *user, const struct store_key *key)
{
    view_key(user, key);
}

static enum err run_list(struct store_reader *reader, struct read *read)
{
    struct key_listing *list = (struct key_listing *)read;
    struct json_writer w = {.out = &list->text};
    writer_open(&w, NULL, '{');
    writer_open(&w, "items", '[');
    const enum err err = key_store_list(store_reader_sql(reader), list->user_id, on_key, &w);
    writer_close(&w, ']');
    writer_close(&w, '}');
    return err;
}

static void send_list(struct call *call, struct read *read)
{
    call_send_text(call, &((struct key_listing *)read)->text);
}

static void drop_list(struct read *read)
{
    buffer_deinit(&((struct key_listing *)read)->text);
}

void key_list(struct call *call, const struct http_request *request)
{
    struct key_listing *list = read_new(sizeof *list, run_list, send_list);
    (void)request;
    list->read.drop = drop_list;
    list->user_id = call->who.user_id;
    call_read(call, &list->read);
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
