/* Reads HTTP/1.1 messages, one after the other, out of a stream of bytes: head, then body.
 *
 *     HEAD ──> http_message_read says MESSAGE_HEAD: look at it ──> BODY ──> MESSAGE_DONE ──>
 * http_message_next
 *
 * Framing is llhttp's, behind the strict cutting of http_head.h; in a body by chunks, trailers are
 * refused and extensions limited. Used by the server and the client of this folder. What was read
 * stays until http_message_next. A fault is final: the stream cannot be read on. */
#ifndef IO_NET_HTTP_MESSAGE_H
#define IO_NET_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <llhttp/llhttp.h>

#include "base/buffer.h"
#include "base/err.h"
#include "io/net/http_head.h"

#define HTTP_CHUNK_EXTENSION_LIMIT 256 /* bytes in one chunk's size line: 400 */

enum message_progress {
    MESSAGE_NEEDS_MORE, /* more bytes */
    MESSAGE_HEAD,       /* the head is there: once a message */
    MESSAGE_DONE,       /* the whole message is there */
    MESSAGE_FAULT,      /* see fault and err_text */
};

struct http_message {
    llhttp_t parser;
    enum { AT_HEAD, AFTER_HEAD, AT_BODY, AT_END } state;
    struct buffer in; /* bytes that came; those before `at` are used up */
    size_t at;
    size_t seen; /* of an unfinished head, what was looked at */
    struct buffer head;
    struct buffer body;
    size_t body_limit;
    size_t extension_size;
    char last[2];     /* the last bytes of the body's framing */
    bool has_no_body; /* set after MESSAGE_HEAD: the answer to a HEAD request */
    bool keep_alive;  /* good from MESSAGE_DONE on */
    int fault;        /* 400, 413, 414 or 431 */
};

void http_message_init(struct http_message *m, llhttp_type_t type, size_t body_limit);
void http_message_deinit(struct http_message *m);
enum err http_message_add(struct http_message *m, struct slice bytes) ERR_MUST_USE;
/* Goes on as far as the bytes allow. At MESSAGE_HEAD it has filled line and headers. */
enum message_progress http_message_read(struct http_message *m, struct slice *line,
                                        struct http_headers *headers);
/* The stream has ended in order: MESSAGE_DONE for a body that lasts until then,
 * else MESSAGE_FAULT. */
enum message_progress http_message_end(struct http_message *m);
/* Cuts the current head again; it was clean before. */
void http_message_head(const struct http_message *m, struct slice *line,
                       struct http_headers *headers);
/* Makes ready for the next message of the stream. */
void http_message_next(struct http_message *m);
/* Bytes that came behind the current message, or of an unfinished one. */
struct slice http_message_rest(const struct http_message *m);
/* Gives the room of used-up bytes back; no slice into `in` may be held. */
void http_message_compact(struct http_message *m);

#endif
