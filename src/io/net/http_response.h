/* Writes the heads of HTTP/1.1 answers: status line, date, the lines that every answer bears, and
 * what is said of this one. Used by the server of this folder alone.
 *
 * Status line, Date and common lines are the same for a whole second, so they are put together once
 * and copied: a head costs one reservation and a few copies. Source: RFC 9112 sections 4, 6;
 * RFC 9110 section 6.6.1. */
#ifndef IO_NET_HTTP_RESPONSE_H
#define IO_NET_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "io/net/http_server.h"

struct response_writer {
    char *lines;          /* for every answer, each ending in CR LF */
    struct buffer common; /* "Date: ..." and lines */
    int64_t second;       /* of common */
    uint64_t looked_ms;   /* loop time of the last look at the clock */
};

/* How the end of the body is told. */
enum response_body { RESPONSE_LENGTH, RESPONSE_CHUNKED, RESPONSE_UNTIL_CLOSE };
enum response_connection { RESPONSE_STAYS, RESPONSE_KEEP_ALIVE, RESPONSE_CLOSES };

enum err response_writer_init(struct response_writer *w, const char *lines) ERR_MUST_USE;
void response_writer_deinit(struct response_writer *w);
/* False for a header that could split the answer. */
bool response_is_valid(const struct http_response *response);
/* A response without a body by its status (204, 304) tells no length. now_ms: the loop's time, only
 * compared with that of earlier calls. */
void response_write(struct response_writer *w, uint64_t now_ms,
                    const struct http_response *response, enum response_body body,
                    enum response_connection connection, struct buffer *out);

#endif
