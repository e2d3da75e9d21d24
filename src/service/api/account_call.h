/* From a request to the account desk and back: what routes_auth.c, routes_self.c and routes_admin.c
 * share. */
#ifndef SERVICE_API_ACCOUNT_CALL_H
#define SERVICE_API_ACCOUNT_CALL_H

#include "service/api/call.h"

/* Who asks and from where; on_good answers where the desk says ACCOUNT_OK, and call->state is the
 * handler's. What the desk says otherwise becomes a problem. For account_ask. */
struct account_request account_request_of(struct call *call, const struct http_request *request,
                                          void (*on_good)(struct call *call,
                                                          const struct account_answer *answer));
/* Asks the desk by one of its functions. A database that hangs does not hold the client: after
 * options.account_wait_ms the answer is 503, and what comes later comes to nobody. */
void account_ask(struct call *call, const struct account_request *r,
                 void (*ask)(struct account_desk *desk, const struct account_request *request));

#endif
