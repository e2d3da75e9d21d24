/* Rate limits of the API: what is counted, by what, and what becomes of a request over it.
 *
 * A request counts for its client's address (client_address.h: a header moves it only where a
 * trusted proxy wrote it) before anything else is looked at. What guards one account counts that
 * account as well, and gives back what succeeded: only failures add up, from wherever they come.
 * Over the limit is 429 with Retry-After, after which the same request is let in; RateLimit-Limit,
 * -Remaining and -Reset stand on every counted answer.
 *
 * Where Redis counts, its answer comes later: the request is copied and goes on then. */
#ifndef SERVICE_API_LIMITS_H
#define SERVICE_API_LIMITS_H

#include <stddef.h>

#include "io/guard/guard.h"
#include "io/net/http_server.h"

struct call;

/* Which counter a route belongs to. */
enum limit_class {
    LIMIT_DEFAULT,
    LIMIT_LOGIN,
    LIMIT_REGISTER,
    LIMIT_FORGOT,
    LIMIT_BOT,
    LIMIT_KEYS,
    LIMIT_LOGIN_ACCOUNT, /* failures, by account */
    LIMIT_CLASS_COUNT,
    LIMIT_NONE = LIMIT_CLASS_COUNT, /* not counted */
};

/* Names of the classes as keys have them: "login" of rl:login:<ip>. */
extern const char *const limit_names[LIMIT_CLASS_COUNT];

/* How a counted request goes on: with the request that came, or a copy of it. */
typedef void (*limits_next)(struct call *call, const struct http_request *request);

/* Writes the client's address into call->address, counts, and goes on in next, or answers 429. */
void limits_take(struct call *call, const struct http_request *request, enum limit_class class,
                 limits_next next);
/* The same by account: for who is named by an e-mail address, normalised. */
void limits_take_account(struct call *call, const struct http_request *request, const char *email,
                         limits_next next);
/* The try succeeded: it does not count for the account. */
void limits_give_back(struct call *call);

#endif
