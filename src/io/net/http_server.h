/* An HTTP/1.1 server on one libuv loop: keep-alive, pipelining, bodies by length or chunked.
 *
 * A handler gets one whole request and a reply handle. It answers at once or later, exactly once,
 * by http_reply_send, http_reply_take, or by pieces from http_reply_begin to http_reply_end; until
 * then the connection's next request waits, so answers
 * keep their order. The request is good only during the handler; the reply handle until it was
 * answered, also when the client or the server is gone by then (the answer is dropped, and
 * counted). Requests that were pipelined behind a late answer are handled inside the
 * http_reply_send that gives it.
 *
 * What is refused without asking the handler (RFC 9112; the connection closes after the answer):
 * 400 malformed or ambiguous framing, 408 too slow, 413 body, 414 request line, 417 Expect, 431
 * headers, 501 method or transfer coding, 505 version. A head must be clean by http_head.h, with
 * exactly one Host (HTTP/1.0: at most one). OPTIONS * is answered 204 here, and an answer of the
 * handler that cannot be sent becomes a 500. How these answers look is on_own_answer's affair.
 *
 * A client that ends its side of the stream counts as gone.
 * Thread: that of the loop, replies too. Errors: see http_server_open;
 * later ones are the client's. */
#ifndef IO_NET_HTTP_SERVER_H
#define IO_NET_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/net/conn.h"
#include "io/net/http_head.h"

/* Defaults of struct http_limits; when reached: the status beside it,
 * then the connection closes. */
#define HTTP_BODY_LIMIT          ((size_t)1 << 20) /* 413 */
#define HTTP_HEAD_MS             10000             /* from the first byte to the empty line: 408 */
#define HTTP_BODY_PROGRESS_MS    10000 /* in this time at least so many bytes of body: 408 */
#define HTTP_BODY_PROGRESS_BYTES 1024
#define HTTP_IDLE_MS             75000 /* between requests: closes silently */
#define HTTP_STALL_MS            30000 /* a client that takes less of its answer in this time ... */
#define HTTP_STALL_BYTES         1024  /* ... than so many bytes: aborted */
#define HTTP_CONNECTION_LIMIT    10000 /* 503, see struct listener_options.refusal */
#define HTTP_ADDRESS_LIMIT       256   /* of one address or IPv6 /64: the same */
#define HTTP_PENDING_LIMIT       ((size_t)64 << 20) /* one answer a client has not read: aborted */
#define HTTP_STREAM_LIMIT        ((size_t)1 << 20)  /* of an answer by pieces, unread: aborted */

struct http_server;
struct http_reply;

/* A zero takes the default. Limits of the head are those of http_head.h. */
struct http_limits {
    size_t body_limit;
    uint32_t head_ms;
    uint32_t body_progress_ms;
    uint32_t body_progress_bytes;
    uint32_t idle_ms;
    uint32_t stall_ms;
    uint32_t connection_limit;
    uint32_t address_limit;
    uint32_t loopback_limit; /* 0: connection_limit, as a proxy in front comes from there */
    size_t pending_limit;
    uint32_t read_size; /* see struct conn_options */
};

struct http_request {
    struct slice method; /* GET HEAD POST PUT PATCH DELETE OPTIONS */
    struct slice target; /* as sent */
    struct slice path;   /* still percent-coded: decode each part with url_decode */
    struct slice query;  /* behind '?', see url_query_get; empty where there is none */
    struct http_headers headers;
    struct slice body;
    const char *peer; /* address of the other end of the socket; a proxy's, where one is between */
    bool secure;      /* came by TLS */
    void *user;       /* of the server's options */
};

struct http_response {
    int status;               /* 200..599 */
    const char *content_type; /* NULL: none */
    const struct http_header *headers;
    size_t header_count;
    struct slice body;
    /* NULL: body is copied where it cannot be sent at once; else see struct conn_piece. */
    void (*release)(void *owner);
    void *owner;
};

typedef void (*http_handler)(const struct http_request *request, struct http_reply *reply);

/* An answer that the server gives without the handler. */
struct http_own_answer {
    int status;
    const char *cause;                  /* why, in a few English words; "" for OPTIONS * */
    const struct http_headers *headers; /* of the request; NULL: its head was not readable */
    void *user;                         /* of the server's options */
};

/* Gives body and headers to an answer of the server's own: must send the reply, with own->status,
 * before it returns. All of *own is good until then. */
typedef void (*http_own_answer_handler)(const struct http_own_answer *own,
                                        struct http_reply *reply);

struct http_server_options {
    const char *address;
    uint16_t port;                 /* 0: the system picks */
    enum listener_sharing sharing; /* with other servers of this process */
    const struct tls_context *tls; /* NULL: plain */
    struct http_limits limits;
    const char *headers; /* lines for every answer, each ending in CR LF; NULL: none. Copied. */
    http_handler handler;
    /* Type and body of the 503 for a connection over a limit, which nobody is asked for; NULL: the
     * words of the status. Copied. */
    const char *full_type, *full_body;
    http_own_answer_handler on_own_answer; /* NULL: the words of the status, as text/plain */
    void *user;
};

/* Who writes an answer by pieces; both may be NULL. Called from the loop only. */
struct http_stream {
    /* What waited for the client was taken: room for more. */
    void (*on_drain)(struct http_reply *reply, void *user);
    /* The client is gone: end the answer with http_reply_end, here or later. */
    void (*on_gone)(struct http_reply *reply, void *user);
};

struct http_server_counters {
    uint32_t connections;         /* alive */
    uint64_t connections_refused; /* over a limit */
    uint64_t requests;            /* that reached the handler */
    uint64_t refusals;            /* answered without the handler */
    uint64_t late_drops;          /* answers whose client was gone */
    uint64_t loop_stalls;         /* turns of the loop over LOOP_STALL_MS, whoever took them */
    uint32_t loop_longest_ms;
};

/* Errors are those of listener_open. */
enum err http_server_open(uv_loop_t *loop, const struct http_server_options *options,
                          struct http_server **out) ERR_MUST_USE;
uint16_t http_server_port(const struct http_server *s);
struct http_server_counters http_server_counters(const struct http_server *s);
/* Stops listening and drops every connection that was not taken over. Replies that are still owed
 * must still be answered (into nothing): they hold the last memory. NULL is fine. */
void http_server_close(struct http_server *s);

/* Answers and ends the handle. A header that could split the answer (CR, LF) makes it a 500. */
void http_reply_send(struct http_reply *reply, const struct http_response *response);
/* A short answer of one content type, copied. */
void http_reply_text(struct http_reply *reply, int status, const char *content_type,
                     struct slice body);
/* Begins an answer whose body comes by pieces: chunked, for an HTTP/1.0 client until the connection
 * closes. response has no body; *stream must stay. False: the client is gone or a header was bad (a
 * 500), and the handle has ended. The connection's next request waits for http_reply_end. */
bool http_reply_begin(struct http_reply *reply, const struct http_response *response,
                      const struct http_stream *stream, void *user);
/* One piece, copied where it cannot be sent at once; nothing for HEAD. A writer that looks at
 * http_reply_pending and goes on in on_drain never meets HTTP_STREAM_LIMIT; one that cannot wait
 * (events) is cut off there: ERR_LIMIT. ERR_CLOSED: the client is gone. on_gone tells the same, so
 * the result may be ignored. */
enum err http_reply_write(struct http_reply *reply, struct slice bytes);
/* Bytes that wait for the client: while there are some, on_drain will come. */
size_t http_reply_pending(const struct http_reply *reply);
/* Ends the answer and the handle. */
void http_reply_end(struct http_reply *reply);
/* The same where the answer cannot be made whole: the connection is cut, so that the client does
 * not take a part for all of it. */
void http_reply_cut(struct http_reply *reply);
/* False once the client is gone: work for it may be spared,
 * but the reply must still be answered. */
bool http_reply_is_alive(const struct http_reply *reply);
/* Takes the connection over (a WebSocket, a stream of events) and ends the handle. The server
 * forgets the connection; it writes nothing to it, not even the answer to this request. Earlier
 * answers are flushed before. Bytes that came behind the request arrive by the handler's on_data,
 * from the loop; on_open does not come, the conn is open. NULL when the client is gone (the handle
 * ends as well). */
struct conn *http_reply_take(struct http_reply *reply, const struct conn_handler *handler,
                             void *user);
/* The standard words of a status ("Not Found"), "" for an unknown one. */
const char *http_status_text(int status);

#endif
