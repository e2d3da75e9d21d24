/* Requests of commands, one after another: sends, waits, answers. Not for the server, whose loops
 * never wait.
 *
 * Plain http goes to this machine alone. Memory: the caller's struct; an answer's body is good
 * until the next question. Thread: one. */
#ifndef APP_HTTP_ASK_H
#define APP_HTTP_ASK_H

#include <stdint.h>

#include <uv.h>

#include "base/buffer.h"
#include "base/err.h"
#include "io/net/http_client.h"
#include "io/net/tls.h"
#include "io/net/url.h"

struct http_ask {
    uv_loop_t loop;
    struct tls_context *tls;
    struct http_client *client;
    struct url url;    /* path: of all questions' beginning */
    const char *token; /* NULL: none; the caller's, sent as a bearer's */
    /* The answer: */
    bool is_answered;
    enum err err;
    char cause[256];
    int status;
    char retry_after[16]; /* "" where there is none */
    int64_t took_ns;
    struct buffer body; /* ends with a NUL that is not counted */
};

/* ERR_PARSE, ERR_UNSUPPORTED, ERR_INVALID: not a url that we may ask. */
enum err http_ask_open(struct http_ask *a, const char *url) ERR_MUST_USE;
/* body: JSON, or NULL. OK: an answer came, whatever its status. Else its cause is set. */
enum err http_ask(struct http_ask *a, const char *method, const char *path,
                  const char *body) ERR_MUST_USE;
void http_ask_close(struct http_ask *a);

#endif
