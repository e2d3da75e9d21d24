/* Credentials of requests, and what they are good for. */
#include "service/api/access.h"

#include <stdio.h>
#include <string.h>

#include "service/api/local.h"
#include "service/api/route.h"

/* What the two names of the cookie are sent with. */
#define COOKIE_ATTRIBUTES "Path=/; HttpOnly; SameSite=Strict"

/* A session that is used goes on, so its cookie must last: as long as browsers allow. */
enum { COOKIE_AGE_S = 400 * 86400 };

static const struct rule {
    enum role role;
    uint32_t scopes; /* an API token needs all of them; 0: no API token will do */
} rules[] = {
    [ACCESS_LOCAL] = {ROLE_VIEWER, SCOPE_READ},  [ACCESS_READ] = {ROLE_VIEWER, SCOPE_READ},
    [ACCESS_TRADE] = {ROLE_TRADER, SCOPE_TRADE}, [ACCESS_SELF] = {ROLE_VIEWER, 0},
    [ACCESS_SECRETS] = {ROLE_TRADER, 0},         [ACCESS_ADMIN] = {ROLE_ADMIN, 0},
};

/* ---- credentials ---- */

static const char *cookie_name(bool is_secure)
{
    return is_secure ? "__Host-tradebot" : "tradebot";
}

/* The value of the cookie of that name in one Cookie header; empty where it is not there, or there
 * more than once: somebody else may have set the second. */
static struct slice cookie_value(struct slice header, const char *name)
{
    struct slice found = {0};
    const size_t name_size = strlen(name);
    const char *at = header.data, *end = at + header.size;
    while (at && at < end) {
        while (at < end && (*at == ' ' || *at == ';')) at++;
        const char *semicolon = memchr(at, ';', (size_t)(end - at));
        const char *stop = semicolon ? semicolon : end;
        const size_t size = (size_t)(stop - at);
        if (size > name_size && memcmp(at, name, name_size) == 0 && at[name_size] == '=') {
            if (found.data) return (struct slice){0};
            found = (struct slice){at + name_size + 1, size - name_size - 1};
        }
        at = stop;
    }
    return found;
}

/* How a request shows who it comes from. */
struct shown {
    bool good; /* hash is of a token that could be one of ours */
    bool by_cookie;
    struct token_hash hash;
};

static struct shown shown_by(const struct http_request *request)
{
    static const char scheme[] = "Bearer ";
    struct shown shown = {0};
    struct slice text = http_header_get(&request->headers, "Authorization");
    enum token_kind kind;
    if (http_header_count(&request->headers, "Authorization") > 0) {
        const struct slice start = {text.data, sizeof scheme - 1};
        if (http_header_count(&request->headers, "Authorization") > 1) return shown;
        if (text.size < start.size || !http_text_equal(start, slice_of(scheme))) return shown;
        text = (struct slice){text.data + start.size, text.size - start.size};
        shown.good = token_read(text, &kind, &shown.hash) &&
                     (kind == TOKEN_SESSION || kind == TOKEN_API || kind == TOKEN_CONSOLE);
        return shown;
    }
    if (http_header_count(&request->headers, "Cookie") != 1) return shown;
    text = cookie_value(http_header_get(&request->headers, "Cookie"), cookie_name(request->secure));
    shown.by_cookie = true;
    shown.good = token_read(text, &kind, &shown.hash) && kind == TOKEN_SESSION;
    return shown;
}

/* ---- the check ---- */

/* A browser tells which page a request comes from, and no page can make it tell otherwise. */
static bool is_from_own_page(const struct http_request *request)
{
    const size_t sites = http_header_count(&request->headers, "Sec-Fetch-Site");
    if (sites == 1 && slice_is(http_header_get(&request->headers, "Sec-Fetch-Site"), "same-origin"))
        return true;
    return sites == 0 && http_header_count(&request->headers, "Origin") == 1 &&
           local_is_own_origin(request);
}

static bool is_write(const struct route *route)
{
    return strcmp(route->method, "GET") != 0;
}

/* Nobody has claimed the installation: whoever sits at this machine is its first user, who has no
 * account to manage yet. */
static enum problem check_unclaimed(struct call *call)
{
    if (!call->is_local) return PROBLEM_NOT_LOCAL;
    if (rules[call->route->access].scopes == 0) return PROBLEM_UNAUTHENTICATED;
    call->who = (struct principal){
        .user_id = STORE_FIRST_USER, .role = ROLE_ADMIN, .scopes = SCOPE_READ | SCOPE_TRADE};
    return PROBLEM_COUNT;
}

static enum problem check_rule(const struct call *call)
{
    const struct principal *who = &call->who;
    const struct rule *rule = &rules[call->route->access];
    if (who->credential == CREDENTIAL_TOKEN && rule->scopes == 0) return PROBLEM_SCOPE_TOO_SMALL;
    if (who->role < rule->role) return PROBLEM_ROLE_TOO_LOW;
    if ((who->scopes & rule->scopes) != rule->scopes) return PROBLEM_SCOPE_TOO_SMALL;
    if (call->route->fresh && !account_is_fresh(who, api_now_ms())) return PROBLEM_REAUTHENTICATE;
    return PROBLEM_COUNT;
}

bool access_by_console(struct call *call, const struct http_request *request)
{
    const struct token_hash *console = call->api->options.console;
    if (!console || !call->route->console || !local_request(request)) return false;
    const struct shown shown = shown_by(request);
    if (!shown.good || !token_hash_equal(&shown.hash, console)) return false;
    call->who = (struct principal){.role = ROLE_ADMIN, .credential = CREDENTIAL_CONSOLE};
    return true;
}

enum problem access_check(struct call *call, const struct http_request *request)
{
    const struct api_options *options = &call->api->options;
    const enum access access = call->route->access;
    if (access == ACCESS_OPEN) return PROBLEM_COUNT;
    call->is_local = local_request(request);
    call->is_secure = request->secure;
    if (access == ACCESS_ENTRY) return PROBLEM_COUNT;
    if (call->who.credential == CREDENTIAL_CONSOLE) return PROBLEM_COUNT;
    if (access == ACCESS_LOCAL && call->is_local) return PROBLEM_COUNT;
    if (!directory_is_claimed(options->accounts->directory)) return check_unclaimed(call);

    bool touch = false;
    const int64_t now_ms = api_now_ms();
    const struct shown shown = shown_by(request);
    if (!shown.good ||
        !directory_identify(options->accounts->directory, &shown.hash, now_ms, &call->who, &touch))
        return PROBLEM_UNAUTHENTICATED;
    if (touch) account_touch(options->account_desk, &call->who, now_ms);
    call_choose_language(call, &request->headers, call->who.locale);
    if (shown.by_cookie && is_write(call->route) && !is_from_own_page(request))
        return PROBLEM_FOREIGN_ORIGIN;
    return check_rule(call);
}

/* ---- the cookie ---- */

void access_set_cookie(struct call *call, const struct account_answer *answer, bool remembered)
{
    char age[40] = "";
    if (remembered) snprintf(age, sizeof age, "; Max-Age=%d", COOKIE_AGE_S);
    snprintf(call->cookie, sizeof call->cookie, "%s=%s; " COOKIE_ATTRIBUTES "%s%s",
             cookie_name(call->is_secure), answer->token, call->is_secure ? "; Secure" : "", age);
}

void access_clear_cookie(struct call *call)
{
    snprintf(call->cookie, sizeof call->cookie, "%s=; " COOKIE_ATTRIBUTES "%s; Max-Age=0",
             cookie_name(call->is_secure), call->is_secure ? "; Secure" : "");
}
