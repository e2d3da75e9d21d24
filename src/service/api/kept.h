/* Answers that many ask for and that rarely change: the page's files, the OpenAPI document, each
 * venue's list of instruments. Written as JSON and compressed once, sent with an ETag.
 *
 * A venue's list is asked of the desk at the first request for it. Younger than KEPT_FRESH_MS it is
 * answered as it is; older, it is answered as it is while one request brings the next. Where the
 * desk refuses, the last good list stays and the desk is asked again after KEPT_RETRY_MS. Thread:
 * the web thread whose it is. */
#ifndef SERVICE_API_KEPT_H
#define SERVICE_API_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/model/instrument.h"
#include "io/net/http_body.h"
#include "service/api/desk.h"

struct call;

enum { KEPT_FRESH_MS = 60000, KEPT_RETRY_MS = 5000, KEPT_FILES_MAX = 16 };

struct kept_list {
    struct http_body *body;  /* NULL: none yet */
    int64_t refresh_from_ms; /* monotonic */
    bool is_asked;
};

struct kept {
    struct http_body *files[KEPT_FILES_MAX]; /* in the order of web_files */
    struct http_body *openapi;
    struct kept_list symbols[VENUE_COUNT];
};

enum err kept_open(struct kept *k, const char *version) ERR_MUST_USE;
void kept_close(struct kept *k);
/* The file of a path; NULL where there is none. */
struct http_body *kept_file(const struct kept *k, const char *path);
/* Answers with the list of instruments, or as the desk refuses; request is that of the call. */
void kept_send_symbols(struct call *call, const struct http_request *request, enum venue venue);

#endif
