/* Which requests count as local: the rule that stands in for an account until there is one.
 *
 * Local is a request whose TCP peer is loopback, whose Host names this machine (127.0.0.1, [::1] or
 * localhost, any port; a foreign name that resolves to us is DNS rebinding), that no proxy has
 * passed on, and whose Origin, if it has one, is the very address it was sent to. Pure. */
#ifndef SERVICE_API_LOCAL_H
#define SERVICE_API_LOCAL_H

#include "io/net/http_server.h"

bool local_request(const struct http_request *request);
/* Whether Origin, where there is one, is the very address that the request was sent to. */
bool local_is_own_origin(const struct http_request *request);

#endif
