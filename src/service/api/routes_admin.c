/* What admins see and change: everybody's accounts, and the audit log. */
#include <stdio.h>

#include "io/store/audit_store.h"
#include "service/api/account_call.h"
#include "service/api/form.h"
#include "service/api/query.h"
#include "service/api/route.h"
#include "service/api/views_account.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* limit and cursor; false when the answer is given already. */
static bool read_page(struct call *call, const struct http_request *request,
                      struct store_page *page)
{
    struct faults faults = {.language = call->language};
    if (query_page(call, request, page, &faults)) return true;
    call_faults(call, &faults);
    return false;
}

static void open_list(struct json_writer *w)
{
    writer_open(w, NULL, '{');
    writer_open(w, "items", '[');
}

/* last_id 0: this was the last page. */
static void close_list(struct json_writer *w, uint64_t last_id)
{
    char cursor[24] = "";
    writer_close(w, ']');
    if (last_id) snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)last_id);
    writer_text_or_null(w, "next_cursor", cursor);
    writer_close(w, '}');
}

void admin_users(struct call *call, const struct http_request *request)
{
    struct directory *directory = call->api->options.accounts->directory;
    struct store_page page;
    struct store_user user;
    if (!read_page(call, request, &page)) return;
    uint64_t last_id = page.before_id;
    uint32_t count = 0;
    open_list(&call->json);
    while (count < page.limit && directory_next_user(directory, last_id + 1, &user)) {
        view_user(&call->json, NULL, &user);
        last_id = user.id;
        count++;
    }
    close_list(&call->json, count == page.limit ? last_id : 0);
    call_send(call, 200);
}

static void on_user_changed(struct call *call, const struct account_answer *answer)
{
    view_user(&call->json, NULL, &answer->user);
    call_send(call, 200);
}

/* One thing at a time, so that an answer of "no" leaves nothing half done. */
void admin_change_user(struct call *call, const struct http_request *request)
{
    static const char *const names[] = {"role", "disabled"};
    static const char *const roles[] = {"viewer", "trader", "admin"};
    struct form form;
    uint64_t user_id;
    if (!parse_id(call->params[0], &user_id)) {
        call_problem(call, PROBLEM_NOT_FOUND);
        return;
    }
    if (!form_open(&form, call, request, names, COUNT(names))) return;
    struct account_request r = account_request_of(call, request, on_user_changed);
    r.target_id = user_id;
    r.role = (enum role)form_word(&form, "role", FORM_OPTIONAL, roles, COUNT(roles));
    r.is_disabled = form_bool(&form, "disabled");
    if (form_has(&form, "role") == form_has(&form, "disabled"))
        faults_add(&form.faults, "role", FAULT_CONFLICT, "", "role ya da disabled gönderin.",
                   "Send role or disabled.");
    if (form_good(&form, call)) {
        if (form_has(&form, "role"))
            account_ask(call, &r, account_set_role);
        else
            account_ask(call, &r, account_set_disabled);
    }
    form_close(&form);
}

struct audit_listing {
    struct read read;
    struct store_page page;
    struct buffer text;
    struct json_writer json; /* into text */
    uint64_t last_id;
    uint32_t count;
};

static void on_entry(void *user, const struct audit_entry *entry)
{
    struct audit_listing *list = user;
    view_audit(&list->json, entry);
    list->count++;
    list->last_id = entry->id;
}

static enum err run_audit(struct store_reader *reader, struct read *read)
{
    struct audit_listing *list = (struct audit_listing *)read;
    list->json.out = &list->text;
    open_list(&list->json);
    const enum err err = audit_list(store_reader_sql(reader), list->page.before_id,
                                    list->page.limit, on_entry, list);
    close_list(&list->json, list->count == list->page.limit ? list->last_id : 0);
    return err;
}

static void send_audit(struct call *call, struct read *read)
{
    call_send_text(call, &((struct audit_listing *)read)->text);
}

static void drop_audit(struct read *read)
{
    buffer_deinit(&((struct audit_listing *)read)->text);
}

void admin_audit(struct call *call, const struct http_request *request)
{
    struct store_page page;
    if (!read_page(call, request, &page)) return;
    struct audit_listing *list = read_new(sizeof *list, run_audit, send_audit);
    list->read.drop = drop_audit;
    list->page = page;
    call_read(call, &list->read);
}
