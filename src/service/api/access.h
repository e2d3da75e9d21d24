/* Who is answered: the column of the route table that says whom a route is for, and the check.
 *
 * Somebody shows who they are by `Authorization: Bearer` with a session's or an API token, or by
 * the session's cookie, which login sets for browsers: `__Host-tradebot` over TLS, `tradebot` over
 * plain loopback, HttpOnly and SameSite=Strict. What a cookie lets in must not be asked for by
 * somebody else's page: a write needs `Sec-Fetch-Site: same-origin` or our own Origin.
 *
 * While nobody has claimed the installation there are no credentials: local requests (local.h) act
 * as the first user, and nobody else is heard. Once claimed, loopback means nothing here, but for
 * what an operator's tools read (ACCESS_LOCAL).
 *
 * The console is whoever may read the server's data folder, where its token lies, on this machine:
 * an admin without an account, for the routes whose row says so. It is not counted, so that a limit
 * that shuts everybody out can be lifted.
 *
 * Routes that change what lets people in take sessions only: an API token that leaked must not be
 * able to make itself at home. */
#ifndef SERVICE_API_ACCESS_H
#define SERVICE_API_ACCESS_H

#include "io/net/http_server.h"
#include "service/api/limits.h"
#include "service/api/problem.h"

struct call;
struct account_answer;

/* A row that says nothing is for admins. */
enum access {
    ACCESS_ADMIN,   /* admins, by a session */
    ACCESS_OPEN,    /* anybody; a query may hold anything */
    ACCESS_ENTRY,   /* anybody: the ways in */
    ACCESS_LOCAL,   /* local requests, else as ACCESS_READ */
    ACCESS_READ,    /* any role; an API token with scope read */
    ACCESS_TRADE,   /* traders; an API token with scope trade */
    ACCESS_SELF,    /* any role, by a session */
    ACCESS_SECRETS, /* traders, by a session */
};

/* Identifies who asks (call->who, is_local, is_secure, the language they chose) and holds them to
 * call->route. PROBLEM_COUNT: come in. */
enum problem access_check(struct call *call, const struct http_request *request);

/* Whether the console asks for call->route; then call->who is it. */
bool access_by_console(struct call *call, const struct http_request *request);

/* Has the answer hand the session of a login to a browser. The cookie ends with the browser unless
 * it is to be remembered. */
void access_set_cookie(struct call *call, const struct account_answer *answer, bool remembered);
/* Has the answer take the cookie away. */
void access_clear_cookie(struct call *call);

#endif
