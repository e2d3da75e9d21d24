/* What the rate limits count: shown to admins and this machine's console, and forgotten for them.
 */
#include <stdio.h>

#include "io/guard/guard_keys.h"
#include "service/api/account_call.h"
#include "service/api/query.h"
#include "service/api/route.h"

enum { LIST_STANDARD = 50 };

/* ---- the list ---- */

static void write_limits(struct json_writer *w, struct guard_limits *l)
{
    writer_open(w, "limits", '[');
    for (size_t i = 0; i < guard_limits_count(l); i++) {
        const struct limiter_redis_rule *rule = guard_limits_rule(l, i);
        const struct guard_totals totals = guard_limits_totals(l, i);
        writer_open(w, NULL, '{');
        writer_text(w, "name", rule->name);
        writer_u64(w, "count", rule->rule.count);
        writer_u64(w, "span_ms", rule->rule.span_ms);
        writer_u64(w, "accepted", totals.accepted);
        writer_u64(w, "refused", totals.refused);
        writer_close(w, '}');
    }
    writer_close(w, ']');
}

static void write_key(struct json_writer *w, const struct guard_limits *l,
                      const struct guard_key *k)
{
    const struct limiter_redis_rule *rule = guard_limits_rule(l, k->limit);
    char text[LIMITER_REDIS_KEY_SIZE];
    limiter_redis_key(rule, k->key, text);
    writer_open(w, NULL, '{');
    writer_text(w, "key", text);
    writer_text(w, "limit", rule->name);
    writer_u64(w, "used", k->used);
    writer_u64(w, "remaining", k->remaining);
    writer_u64(w, "ttl_ms", k->ttl_ms);
    writer_text(w, "where", k->is_on_redis ? "redis" : "memory");
    writer_close(w, '}');
}

static void on_page(void *user, const struct guard_page *page)
{
    struct call *call = user;
    struct json_writer *w = &call->json;
    const struct guard *guard = call->api->options.guard;
    struct guard_limits *l = guard_limits_of(guard);
    char cursor[24] = "";
    if (page->next) snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)page->next);
    writer_open(w, NULL, '{');
    write_limits(w, l);
    writer_open(w, "items", '[');
    for (size_t i = 0; i < page->count; i++) write_key(w, l, &page->keys[i]);
    writer_close(w, ']');
    writer_text(w, "redis", guard_is_local(guard) ? "none" : page->err ? "unavailable" : "up");
    writer_text_or_null(w, "next_cursor", cursor);
    writer_close(w, '}');
    call_send(call, 200);
}

void limits_list(struct call *call, const struct http_request *request)
{
    struct guard *guard = call->api->options.guard;
    struct faults faults = {.language = call->language};
    char sent[FAULT_SENT_SIZE];
    uint32_t max;
    uint64_t cursor = 0;
    (void)query_limit(request, "limit", GUARD_KEYS_PAGE_MAX, LIST_STANDARD, &max, &faults);
    if (query_u64(request, "cursor", &cursor, &faults) && !guard_keys_cursor_is_good(guard, cursor))
        faults_add(&faults, "cursor", FAULT_INVALID, query_sent(request, "cursor", sent),
                   "Önceki sayfanın next_cursor değerini gönderin ya da göndermeyin.",
                   "Send next_cursor of the page before, or leave it out.");
    if (faults.count > 0)
        call_faults(call, &faults);
    else
        guard_keys_list(guard, cursor, max, on_page, call);
}

/* ---- forgetting ---- */

static void on_forgotten(void *user, enum err err)
{
    if (err)
        call_problem(user, PROBLEM_REDIS_UNAVAILABLE);
    else
        call_done(user);
}

/* The key that the address names. */
static bool find_key(const struct call *call, char text[LIMITER_REDIS_KEY_SIZE], size_t *limit,
                     struct limit_key *key)
{
    const int size =
        snprintf(text, LIMITER_REDIS_KEY_SIZE, "rl:%s:%s", call->params[0], call->params[1]);
    const struct guard_limits *l = guard_limits_of(call->api->options.guard);
    return size < LIMITER_REDIS_KEY_SIZE && guard_keys_parse(l, slice_of(text), limit, key);
}

static void forget(struct call *call, const struct account_answer *answer)
{
    char text[LIMITER_REDIS_KEY_SIZE];
    size_t limit;
    struct limit_key key;
    (void)answer;
    if (find_key(call, text, &limit, &key))
        guard_keys_forget(call->api->options.guard, limit, key, on_forgotten, call);
    else
        call_problem(call, PROBLEM_NOT_FOUND);
}

/* Told first: what cannot stand in the audit log is not done. */
void limits_forget(struct call *call, const struct http_request *request)
{
    char text[LIMITER_REDIS_KEY_SIZE];
    size_t limit;
    struct limit_key key;
    if (!find_key(call, text, &limit, &key)) {
        call_problem(call, PROBLEM_NOT_FOUND);
        return;
    }
    struct account_request r = account_request_of(call, request, forget);
    r.name = slice_of(text);
    account_ask(call, &r, account_tell_limit_reset);
}

static void forget_all(struct call *call, const struct account_answer *answer)
{
    (void)answer;
    guard_keys_forget_all(call->api->options.guard, on_forgotten, call);
}

void limits_forget_all(struct call *call, const struct http_request *request)
{
    struct account_request r = account_request_of(call, request, forget_all);
    r.name = SLICE("all rate limits");
    account_ask(call, &r, account_tell_limit_reset);
}
