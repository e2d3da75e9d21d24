/* Which requests count as local: the rule that stands in for accounts until they exist.
 *
 * Local is a request whose TCP peer is loopback, whose Host names this machine (127.0.0.1, [::1] or
 * localhost, any port; a foreign name that resolves to us is DNS rebinding), that no proxy has
 * passed on, and whose Origin, if it has one, is the very address it was sent to. Pure. */
#ifndef SERVICE_API_LOCAL_H
#define SERVICE_API_LOCAL_H

#include "io/net/http_server.h"

bool local_request(const struct http_request *request);

#endif
