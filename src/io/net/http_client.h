/* An HTTP/1.1 client for one origin: a small pool of kept connections, one request at a time on
 * each.
 *
 * Requests leave in the order they came, each exactly once: nothing is ever sent again by this
 * module, not even when a kept connection turns out to be dead. What a failure means for the
 * request is told by maybe_sent: false, not one byte of it went to the kernel (refused, no such
 * host, queue, closed before): it is provably unsent. true, the outcome is unknown unless a status
 * came.
 *
 * Redirects are not followed, bodies are not decompressed. An origin that sends anything it was not
 * asked for loses the connection. Whether plain http is allowed is the caller's rule.
 *
 * Hot path: on an idle connection http_client_send builds the request in a kept buffer and writes
 * it with one system call, without allocating. http_client_warm opens the connection ahead. Thread:
 * that of the loop. on_result runs from the loop, once for each http_client_send that returned OK,
 * or inside http_client_close. */
#ifndef IO_NET_HTTP_CLIENT_H
#define IO_NET_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/net/conn.h"
#include "io/net/http_head.h"

#define HTTP_CLIENT_POOL_SIZE  2  /* connections; further requests wait in the queue */
#define HTTP_CLIENT_POOL_LIMIT 64 /* the largest pool_size */
#define HTTP_CLIENT_QUEUE_LIMIT                                                                    \
    1024 /* waiting requests; above it http_client_send says ERR_LIMIT */
#define HTTP_CLIENT_DEADLINE_MS    10000 /* from http_client_send to the whole answer */
#define HTTP_CLIENT_IDLE_MS        60000 /* a kept connection is closed after so long without use */
#define HTTP_CLIENT_RESPONSE_LIMIT ((size_t)32 << 20) /* of body; above it ERR_LIMIT */
#define HTTP_CLIENT_REQUEST_LIMIT  ((size_t)16 << 20) /* head and body */

struct http_client;

/* A zero takes the default. */
struct http_client_options {
    const char *host;
    uint16_t port;
    const char *authority;         /* for the Host header, see url_authority; NULL: "host:port" */
    const struct tls_context *tls; /* NULL: plain http */
    uint32_t pool_size;
    uint32_t queue_limit;
    uint32_t idle_ms;
    size_t response_limit;
    struct conn_options conn;
};

struct http_result {
    enum err err;     /* OK: a whole answer came, whatever its status */
    const char *text; /* the cause for people when err is not OK, else "" */
    bool maybe_sent;
    int status; /* 0 when err is not OK */
    struct http_headers headers;
    struct slice body;
    /* Not NULL only after `upgrade` and status 101: the stream is the caller's, who must give it a
     * handler in on_result; bytes behind the answer arrive by that handler's on_data. */
    struct conn *conn;
};

struct http_call {
    struct slice method;
    struct slice target;               /* path with query, begins with '/' */
    const struct http_header *headers; /* Host, Content-Length and Connection are written for you */
    size_t header_count;
    struct slice body;
    uint32_t deadline_ms; /* 0: HTTP_CLIENT_DEADLINE_MS */
    /* Asks for another protocol: `upgrade` is the value of the Upgrade header ("websocket"), NULL:
     * none. */
    const char *upgrade;
    /* Everything in result is good during the call. The callback may send, and may close the
     * client. */
    void (*on_result)(void *user, const struct http_result *result);
    void *user;
};

enum err http_client_open(uv_loop_t *loop, const struct http_client_options *options,
                          struct http_client **out) ERR_MUST_USE;
/* Sends, or queues until a connection is free. Everything in call is copied or written before it
 * returns. ERR_LIMIT (queue full, too large), ERR_INVALID (a header or target that could split the
 * request): nothing was sent and on_result will not come. */
enum err http_client_send(struct http_client *c, const struct http_call *call) ERR_MUST_USE;
/* Sees to it that one connection is open or opening. Its failure is silent:
 * the next request tells. */
void http_client_warm(struct http_client *c);
/* Connections that are open and idle. */
uint32_t http_client_idle_count(const struct http_client *c);
/* Answers every outstanding request with ERR_CLOSED inside the call, drops the connections. NULL is
 * fine. */
void http_client_close(struct http_client *c);

#endif
