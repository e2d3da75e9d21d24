/* The head of an HTTP/1.1 message: its first line and header lines, cut strictly.
 *
 * Two readers that cut one stream differently are how requests get smuggled, so nothing is repaired
 * here: every line ends in CR LF, no other CR or LF or NUL anywhere, no line begins with a space or
 * a tab (folding), names are tokens directly followed by a colon. The parser behind (llhttp 8.1)
 * lets several of these pass, so this runs before it. Pure, any thread. Source: RFC 9112
 * sections 2.2, 5. */
#ifndef IO_NET_HTTP_HEAD_H
#define IO_NET_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define HTTP_LINE_LIMIT   8192  /* first line, without its CR LF */
#define HTTP_HEAD_LIMIT   32768 /* the whole head */
#define HTTP_HEADER_LIMIT 100   /* header lines */

struct http_header {
    struct slice name;
    struct slice value; /* without the white space around it */
};

struct http_headers {
    size_t count;
    struct http_header items[HTTP_HEADER_LIMIT];
};

/* The size of the head at the start of bytes, its empty line included; 0: not all there yet. Looks
 * only at bytes from `seen` on (what an earlier call has looked at), so that a head that comes byte
 * by byte costs no more than one that comes whole. */
size_t http_head_size(struct slice bytes, size_t seen);
/* Whether what there is of an unfinished head can still become a clean one; same `seen`. */
enum err http_head_scan(struct slice bytes, size_t seen) ERR_MUST_USE;
/* Cuts a whole head. Slices point into it. ERR_PARSE: malformed; ERR_LIMIT: HTTP_HEADER_LIMIT. */
enum err http_head_split(struct slice head, struct slice *line,
                         struct http_headers *headers) ERR_MUST_USE;
/* The first value of a name, any case; data is NULL where there is none. */
struct slice http_header_get(const struct http_headers *headers, const char *name);
/* The first value of a name as a whole number of at most 15 digits; -1 where there is none. */
int64_t http_header_number(const struct http_headers *headers, const char *name);
size_t http_header_count(const struct http_headers *headers, const char *name);
/* Whether a list such as "keep-alive, Upgrade" has the token, any case,
 * in any line of that name. */
bool http_header_has_token(const struct http_headers *headers, const char *name, const char *token);
/* True for a name and a value that may be written as they are: no control character,
 * name a token. */
bool http_header_is_valid(const struct http_header *header);
/* Equal but for the case of ASCII letters. */
bool http_text_equal(struct slice a, struct slice b);
bool http_is_token(struct slice text);

/* A set of ASCII characters, a bit each. */
struct http_chars {
    uint64_t bits[2];
};

static inline bool http_char_is(const struct http_chars *set, char c)
{
    const unsigned char u = (unsigned char)c;
    return u < 128 && (set->bits[u >> 6] >> (u & 63) & 1);
}

#endif
