/* The opening handshake of a WebSocket, both sides: texts to write, texts to check. No I/O but
 * getrandom for the key. Source: RFC 6455 sections 4.1 and 4.2. */
#ifndef IO_NET_WS_HANDSHAKE_H
#define IO_NET_WS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"
#include "io/net/http_head.h"
#include "io/net/http_server.h"
#include "io/net/url.h"

#define WS_KEY_SIZE    25 /* 16 random bytes in base64, with the NUL */
#define WS_ACCEPT_SIZE 29 /* a SHA-1 in base64, with the NUL */

/* What the two sides agreed on. */
struct ws_agreement {
    bool deflate;
    bool takeover; /* the server's messages may refer to earlier ones */
};

/* How a server refused a handshake. */
struct ws_refusal {
    int status;            /* of its HTTP answer; 0: it did not refuse by an answer */
    int64_t retry_after_s; /* its Retry-After; -1: none that is a number of seconds */
};

void ws_key_make(char key[WS_KEY_SIZE]);
/* What the server must answer to a key. */
void ws_accept_make(struct slice key, char out[WS_ACCEPT_SIZE]);

/* ---- client ---- */

/* Appends the request. ERR_INVALID: a header that could split it,
 * or that the handshake itself sets. */
enum err ws_request_write(struct buffer *out, const struct url *url, const char *key, bool deflate,
                          const struct http_header *headers, size_t header_count) ERR_MUST_USE;
/* Checks the head of the answer to a request with this key. ERR_INVALID: refused, with the status
 * line in the text and *refusal filled; ERR_PARSE: not an answer to a WebSocket handshake. */
enum err ws_response_check(struct slice head, const char *key, bool deflate,
                           struct ws_agreement *out, struct ws_refusal *refusal) ERR_MUST_USE;

/* ---- server ---- */

/* Checks a request; on an error *status is what to answer: 400, or 426 where it is not an upgrade
 * to WebSocket version 13. */
enum err ws_request_check(const struct http_request *request, int *status) ERR_MUST_USE;
/* Appends the 101 to a checked request. deflate: take the client's offer, if it made one. */
void ws_response_write(struct buffer *out, const struct http_request *request, bool deflate,
                       struct ws_agreement *agreement);

#endif
