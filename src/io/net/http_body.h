/* A body that is sent many times: made and compressed once, shared by all answers.
 *
 * It holds the bytes as they are and, where that saves something, in gzip. Each form has an ETag of
 * its own (a hash of the bytes, "-gz" behind it for gzip), as RFC 9110 8.8.3.3 wants of forms that
 * differ in their bytes. It never changes and is counted by its holders: the maker has one hold,
 * each answer under way another. Compressing costs about 20 us for 10 KB: make bodies when their
 * content changes, not when somebody asks.
 *
 * Which form is sent says the request: gzip where Accept-Encoding names it ("*" counts) with a
 * weight above 0 and not below that of identity; else the bytes as they are, also where the client
 * refuses both. Thread: one at a time (holds are not atomic). Source: RFC 9110 sections 8.4, 8.8.3,
 * 12.5.3, 13.1.2. */
#ifndef IO_NET_HTTP_BODY_H
#define IO_NET_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/net/http_server.h"

#define HTTP_GZIP_MIN ((size_t)1024) /* smaller bodies fit one packet either way */

enum {
    HTTP_TAGS_SIZE = 256,    /* a longer If-None-Match counts as none: the answer is sent whole */
    HTTP_BODY_HEADERS = 3,   /* at most so many headers in struct http_body_answer */
    HTTP_BODY_TAG_SIZE = 24, /* an ETag with its quotes and NUL */
};

struct http_body;

/* What a request says about the form it wants; it may outlive the request. */
struct http_wish {
    bool takes_gzip;
    char tags[HTTP_TAGS_SIZE]; /* If-None-Match */
};

/* How to answer: 200 with the body, or 304 where the client has it. Its owner is the body: answer
 * with http_reply_send, which gives the hold back. */
struct http_body_answer {
    struct http_response response;
    struct http_header headers[HTTP_BODY_HEADERS]; /* ETag, Vary, Content-Encoding */
    size_t header_count;
};

/* Copies bytes. content_type must stay; text compresses well, pictures do not, and what does not is
 * kept in one form only. */
enum err http_body_new(const char *content_type, struct slice bytes,
                       struct http_body **out) ERR_MUST_USE;
struct http_body *http_body_hold(struct http_body *b);
/* Ends a hold; NULL is fine. Fits `release` of a response or a piece. */
void http_body_release(void *body);
struct slice http_body_identity(const struct http_body *b);
/* Empty where there is no such form. */
struct slice http_body_gzip(const struct http_body *b);

/* headers NULL: nothing was said. */
void http_wish_read(const struct http_headers *headers, struct http_wish *out);
/* Takes a hold for the answer. */
void http_body_answer(struct http_body *b, const struct http_wish *wish,
                      struct http_body_answer *out);

#endif
