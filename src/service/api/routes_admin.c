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

static void open_list(struct call *call)
{
    writer_open(&call->json, NULL, '{');
    writer_open(&call->json, "items", '[');
}

/* last_id 0: this was the last page. */
static void send_list(struct call *call, uint64_t last_id)
{
    char cursor[24] = "";
    writer_close(&call->json, ']');
    if (last_id) snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)last_id);
    writer_text_or_null(&call->json, "next_cursor", cursor);
    writer_close(&call->json, '}');
    call_send(call, 200);
}

void admin_users(struct call *call, const struct http_request *request)
{
    struct directory *directory = call->api->options.accounts->directory;
    struct store_page page;
    struct store_user user;
    if (!read_page(call, request, &page)) return;
    uint64_t last_id = page.before_id;
    uint32_t count = 0;
    open_list(call);
    while (count < page.limit && directory_next_user(directory, last_id + 1, &user)) {
        view_user(&call->json, NULL, &user);
        last_id = user.id;
        count++;
    }
    send_list(call, count == page.limit ? last_id : 0);
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

struct audit_page {
    struct call *call;
    uint32_t count;
    uint64_t last_id;
};

static void on_entry(void *user, const struct audit_entry *entry)
{
    struct audit_page *page = user;
    view_audit(&page->call->json, entry);
    page->count++;
    page->last_id = entry->id;
}

void admin_audit(struct call *call, const struct http_request *request)
{
    struct store_page page;
    struct audit_page list = {.call = call};
    if (!read_page(call, request, &page)) return;
    open_list(call);
    if (audit_list(store_reader_sql(call->api->reader), page.before_id, page.limit, on_entry,
                   &list) != OK)
        call_failed(call, call->route->id, err_text());
    else
        send_list(call, list.count == page.limit ? list.last_id : 0);
}
