/* From a request to the account desk and back: what routes_auth.c, routes_account.c and
 * routes_admin.c share. */
#ifndef SERVICE_API_ACCOUNT_CALL_H
#define SERVICE_API_ACCOUNT_CALL_H

#include "service/api/call.h"

/* Who asks and from where; on_good answers where the desk says ACCOUNT_OK, and call->state is the
 * handler's. What the desk says otherwise becomes a problem. */
struct account_request account_request_of(struct call *call, const struct http_request *request,
                                          void (*on_good)(struct call *call,
                                                          const struct account_answer *answer));

#endif
