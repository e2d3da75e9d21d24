/* Heads of answers. */
#include "io/net/http_response.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

enum {
    DATE_SIZE = 40,
    FIXED_SIZE = 192, /* room for all that stands in a head beside the lines given from outside */
};

static void renew_common(struct response_writer *w, uint64_t now_ms);
static char *put(char *at, struct slice text);
static char *put_number(char *at, uint64_t value);

enum err response_writer_init(struct response_writer *w, const char *lines)
{
    *w = (struct response_writer){.lines = strdup(lines ? lines : "")};
    if (!w->lines) return err_set(ERR_NO_MEMORY, "no memory for an HTTP server");
    return OK;
}

void response_writer_deinit(struct response_writer *w)
{
    free(w->lines);
    buffer_deinit(&w->common);
}

bool response_is_valid(const struct http_response *response)
{
    CHECK(response->status >= 200 && response->status <= 599);
    for (size_t i = 0; i < response->header_count; i++)
        if (!http_header_is_valid(&response->headers[i])) return false;
    return !response->content_type || http_header_is_valid(&(struct http_header){
                                          SLICE("Content-Type"), slice_of(response->content_type)});
}

void response_write(struct response_writer *w, uint64_t now_ms,
                    const struct http_response *response, enum response_body body,
                    enum response_connection connection, struct buffer *out)
{
    renew_common(w, now_ms);
    const struct slice type =
        response->content_type ? slice_of(response->content_type) : (struct slice){0};
    size_t size = FIXED_SIZE + w->common.size + type.size;
    for (size_t i = 0; i < response->header_count; i++)
        size += response->headers[i].name.size + response->headers[i].value.size + 4;
    char *const start = buffer_reserve(out, size);
    if (!start) return;

    char *at = put(start, SLICE("HTTP/1.1 "));
    at = put_number(at, (uint64_t)response->status);
    *at++ = ' ';
    at = put(at, slice_of(http_status_text(response->status)));
    at = put(at, SLICE("\r\n"));
    at = put(at, buffer_slice(&w->common));
    if (type.data) {
        at = put(at, SLICE("Content-Type: "));
        at = put(at, type);
        at = put(at, SLICE("\r\n"));
    }
    for (size_t i = 0; i < response->header_count; i++) {
        at = put(at, response->headers[i].name);
        at = put(at, SLICE(": "));
        at = put(at, response->headers[i].value);
        at = put(at, SLICE("\r\n"));
    }
    const bool is_bare = response->status == 204 || response->status == 304;
    if (body == RESPONSE_LENGTH && !is_bare) {
        at = put(at, SLICE("Content-Length: "));
        at = put_number(at, response->body.size);
        at = put(at, SLICE("\r\n"));
    } else if (body == RESPONSE_CHUNKED && !is_bare) {
        at = put(at, SLICE("Transfer-Encoding: chunked\r\n"));
    }
    if (connection == RESPONSE_CLOSES)
        at = put(at, SLICE("Connection: close\r\n"));
    else if (connection == RESPONSE_KEEP_ALIVE)
        at = put(at, SLICE("Connection: keep-alive\r\n"));
    at = put(at, SLICE("\r\n"));
    CHECK((size_t)(at - start) <= size);
    buffer_commit(out, (size_t)(at - start));
}

const char *http_status_text(int status)
{
    switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 418: return "I'm a teapot";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";
    }
}

/* The wall's clock is looked at once a turn of the loop. */
static void renew_common(struct response_writer *w, uint64_t now_ms)
{
    if (w->common.size && now_ms == w->looked_ms) return;
    w->looked_ms = now_ms;
    const int64_t second = clock_wall_ms(&clock_system) / 1000;
    if (w->common.size && second == w->second) return;
    w->second = second;
    const time_t when = (time_t)second;
    struct tm parts;
    char date[DATE_SIZE];
    gmtime_r(&when, &parts);
    strftime(date, sizeof date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    buffer_clear(&w->common);
    buffer_append_text(&w->common, date);
    buffer_append_text(&w->common, w->lines);
    if (w->common.failed) buffer_clear(&w->common);
}

static char *put(char *at, struct slice text)
{
    if (text.size) memcpy(at, text.data, text.size);
    return at + text.size;
}

static char *put_number(char *at, uint64_t value)
{
    char digits[20];
    unsigned first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return put(at, (struct slice){digits + first, sizeof digits - first});
}
