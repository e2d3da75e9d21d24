/* What a server must know of a request before its body: the request line, and whether its framing
 * is beyond doubt. Pure. Source: RFC 9112 sections 3, 6; RFC 9110 section 10.1.1. */
#ifndef IO_NET_HTTP_REQUEST_H
#define IO_NET_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "io/net/http_server.h"

struct request_framing {
    bool is_1_0;
    bool is_head;
    bool is_asterisk; /* OPTIONS * */
    bool has_body;    /* something follows the head */
    bool expects_continue;
};

/* Fills method, target, path and query from the line, and framing from request->headers. Returns 0,
 * or the status to refuse the request with; err_text says why. */
int http_request_check(struct http_request *request, struct slice line, size_t body_limit,
                       struct request_framing *framing);

#endif
