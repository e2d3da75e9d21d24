/* Counting requests, and waiting for who counts. */
#include "service/api/limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "io/guard/client_address.h"
#include "service/api/call.h"

const char *const limit_names[LIMIT_CLASS_COUNT] = {
    [LIMIT_DEFAULT] = "default",
    [LIMIT_LOGIN] = "login",
    [LIMIT_REGISTER] = "register",
    [LIMIT_FORGOT] = "forgot",
    [LIMIT_BOT] = "bot",
    [LIMIT_KEYS] = "keys",
    [LIMIT_LOGIN_ACCOUNT] = "login:account",
};

/* ---- a request that must wait ---- */

/* One that Redis is asked about. */
struct wait {
    struct call *call;
    enum limit_class class;
    limits_next next;
    struct http_request request;
    char bytes[]; /* what the request views */
};

/* Calls visit with every text that the request views. */
static void visit_texts(struct http_request *r, void (*visit)(void *user, struct slice *text),
                        void *user)
{
    visit(user, &r->method);
    visit(user, &r->target);
    visit(user, &r->path);
    visit(user, &r->query);
    visit(user, &r->body);
    for (size_t i = 0; i < r->headers.count; i++) {
        visit(user, &r->headers.items[i].name);
        visit(user, &r->headers.items[i].value);
    }
}

static void add_size(void *user, struct slice *text)
{
    *(size_t *)user += text->size;
}

static void move_text(void *user, struct slice *text)
{
    char **at = user;
    if (text->size == 0) return; /* an absent text stays apart from an empty one */
    memcpy(*at, text->data, text->size);
    text->data = *at;
    *at += text->size;
}

static struct wait *wait_new(struct call *call, const struct http_request *request,
                             enum limit_class class, limits_next next)
{
    struct http_request *r = (struct http_request *)request; /* is only read */
    const size_t peer_size = strlen(request->peer) + 1;
    size_t size = peer_size;
    visit_texts(r, add_size, &size);
    struct wait *w = malloc(sizeof *w + size);
    CHECK(w);
    *w = (struct wait){.call = call, .class = class, .next = next, .request = *request};
    char *at = w->bytes;
    memcpy(at, request->peer, peer_size);
    w->request.peer = at;
    at += peer_size;
    visit_texts(&w->request, move_text, &at);
    return w;
}

/* ---- counting ---- */

static void go_on(struct call *call, const struct http_request *request, enum limit_class class,
                  const struct limit_answer *answer, limits_next next)
{
    call->rate = *answer;
    call->is_counted = true;
    if (class == LIMIT_LOGIN_ACCOUNT) call->account_rate = *answer;
    if (answer->accepted) {
        next(call, request);
        return;
    }
    tally_add(&call->api->tally->limited[class]);
    call_problem(call, PROBLEM_RATE_LIMITED);
}

static void on_answer(void *user, const struct limit_answer *answer)
{
    struct wait *w = user;
    go_on(w->call, &w->request, w->class, answer, w->next);
    free(w);
}

static void take(struct call *call, const struct http_request *request, enum limit_class class,
                 struct limit_key key, limits_next next)
{
    struct guard *guard = call->api->options.guard;
    struct limit_answer answer;
    struct wait *w = guard_is_local(guard) ? NULL : wait_new(call, request, class, next);
    if (!guard_take(guard, class, key, &answer, on_answer, w)) return;
    free(w);
    go_on(call, request, class, &answer, next);
}

/* ---- by what ---- */

static struct ip_address address_of(const struct call *call, const struct http_request *request)
{
    struct slice lines[HTTP_HEADER_LIMIT];
    size_t count = 0;
    struct ip_address peer;
    for (size_t i = 0; i < request->headers.count; i++)
        if (http_text_equal(request->headers.items[i].name, SLICE("X-Forwarded-For")))
            lines[count++] = request->headers.items[i].value;
    CHECK(ip_address_parse(slice_of(request->peer), &peer));
    return client_address(call->api->options.proxies, &peer, lines, count);
}

void limits_take(struct call *call, const struct http_request *request, enum limit_class class,
                 limits_next next)
{
    const struct ip_address address = address_of(call, request);
    const struct limit_key key = limit_key_address(&address);
    /* Its memory is on its way while the address is written. */
    if (class != LIMIT_NONE) guard_expect(call->api->options.guard, class, key);
    ip_address_write(&address, call->address);
    if (class == LIMIT_NONE)
        next(call, request);
    else
        take(call, request, class, key, next);
}

void limits_take_account(struct call *call, const struct http_request *request, const char *email,
                         limits_next next)
{
    call->account_key = limit_key_account(slice_of(email));
    take(call, request, LIMIT_LOGIN_ACCOUNT, call->account_key, next);
}

void limits_give_back(struct call *call)
{
    guard_give_back(call->api->options.guard, LIMIT_LOGIN_ACCOUNT, call->account_key,
                    &call->account_rate);
}
