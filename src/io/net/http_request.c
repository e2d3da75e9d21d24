/* Checking a request's line and framing. */
#include "io/net/http_request.h"

#include <strings.h>

static int refuse(int status, const char *why);
static int line_check(struct http_request *request, struct slice line,
                      struct request_framing *framing);
static int version_check(struct slice version, struct request_framing *framing);
static bool method_is_known(struct slice method);
static int target_check(struct http_request *request, struct request_framing *framing);
static int absolute_check(struct http_request *request);
static int host_check(const struct http_request *request, const struct request_framing *framing);
static bool authority_is_valid(struct slice host);
static int body_check(const struct http_request *request, size_t body_limit,
                      struct request_framing *framing);
static bool length_parse(struct slice digits, size_t *out);

/* Printable, but for "#<>\\^`{|} */
static const struct http_chars target_chars = {
    {UINT64_C(0xaffffff200000000), UINT64_C(0x47fffffeafffffff)}};
/* Letters, digits and -._~ */
static const struct http_chars name_chars = {
    {UINT64_C(0x03ff600000000000), UINT64_C(0x47fffffe87fffffe)}};
/* Hexadecimal digits, colon and dot. */
static const struct http_chars v6_chars = {
    {UINT64_C(0x07ff400000000000), UINT64_C(0x0000007e0000007e)}};

int http_request_check(struct http_request *request, struct slice line, size_t body_limit,
                       struct request_framing *framing)
{
    *framing = (struct request_framing){0};
    int status = line_check(request, line, framing);
    if (!status) status = host_check(request, framing);
    if (!status) status = target_check(request, framing);
    if (!status) status = body_check(request, body_limit, framing);
    if (status) return status;

    const struct slice expect = http_header_get(&request->headers, "expect");
    if (!expect.data || framing->is_1_0) return 0;
    if (!http_text_equal(expect, SLICE("100-continue"))) return refuse(417, "unknown Expect");
    framing->expects_continue = framing->has_body;
    return 0;
}

static int refuse(int status, const char *why)
{
    (void)err_set(ERR_PARSE, "%s", why);
    return status;
}

static int line_check(struct http_request *request, struct slice line,
                      struct request_framing *framing)
{
    if (line.size > HTTP_LINE_LIMIT) return refuse(414, "the request line is too long");
    const char *first = memchr(line.data, ' ', line.size);
    const char *last = memrchr(line.data, ' ', line.size);
    if (!first || first == last) return refuse(400, "the request line has not three parts");
    request->method = (struct slice){line.data, (size_t)(first - line.data)};
    request->target = (struct slice){first + 1, (size_t)(last - first) - 1};
    const struct slice version = {last + 1, line.size - (size_t)(last - line.data) - 1};
    if (!http_is_token(request->method)) return refuse(400, "the method is no token");
    const int status = version_check(version, framing);
    if (status) return status;
    if (!method_is_known(request->method)) return refuse(501, "unknown method");
    framing->is_head = slice_is(request->method, "HEAD");
    return 0;
}

static int version_check(struct slice version, struct request_framing *framing)
{
    if (slice_is(version, "HTTP/1.1")) return 0;
    framing->is_1_0 = slice_is(version, "HTTP/1.0");
    if (framing->is_1_0) return 0;
    const bool is_other = version.size == 8 && memcmp(version.data, "HTTP/", 5) == 0 &&
                          version.data[5] >= '0' && version.data[5] <= '9' &&
                          version.data[6] == '.' && version.data[7] >= '0' &&
                          version.data[7] <= '9';
    if (is_other) return refuse(505, "HTTP version is not 1.0 or 1.1");
    return refuse(400, "malformed HTTP version");
}

static bool method_is_known(struct slice method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_is(method, known[i])) return true;
    return false;
}

static int target_check(struct http_request *request, struct request_framing *framing)
{
    const struct slice target = request->target;
    for (size_t i = 0; i < target.size; i++) {
        if (!http_char_is(&target_chars, target.data[i]))
            return refuse(400, "the target has a character it must not");
    }
    if (slice_is(target, "*")) {
        framing->is_asterisk = slice_is(request->method, "OPTIONS");
        if (!framing->is_asterisk) return refuse(400, "target * is for OPTIONS");
    }
    request->path = target;
    if (target.size == 0) return refuse(400, "no target");
    if (target.data[0] != '/' && !framing->is_asterisk) {
        const int status = absolute_check(request);
        if (status) return status;
    }
    const char *mark = memchr(request->path.data, '?', request->path.size);
    request->query = (struct slice){0};
    if (!mark) return 0;
    const char *end = request->path.data + request->path.size;
    request->path.size = (size_t)(mark - request->path.data);
    request->query = (struct slice){mark + 1, (size_t)(end - mark) - 1};
    return 0;
}

/* "http://host/path": as good as the path when it names the same host as the Host header, which is
 * what access rules look at. */
static int absolute_check(struct http_request *request)
{
    const struct slice target = request->target;
    const struct slice schemes[] = {SLICE("http://"), SLICE("https://")};
    for (size_t i = 0; i < 2; i++) {
        const size_t skip = schemes[i].size;
        if (target.size < skip || strncasecmp(target.data, schemes[i].data, skip) != 0) continue;
        size_t end = skip;
        while (end < target.size && target.data[end] != '/' && target.data[end] != '?') end++;
        const struct slice authority = {target.data + skip, end - skip};
        const struct slice host = http_header_get(&request->headers, "host");
        if (!http_text_equal(authority, host)) return refuse(400, "the target is for another host");
        request->path = (struct slice){target.data + end, target.size - end};
        if (end == target.size || target.data[end] != '/') return refuse(400, "no path");
        return 0;
    }
    return refuse(400, "the target does not begin with /");
}

static int host_check(const struct http_request *request, const struct request_framing *framing)
{
    const size_t count = http_header_count(&request->headers, "host");
    if (count > 1) return refuse(400, "more than one Host");
    if (count == 0) return framing->is_1_0 ? 0 : refuse(400, "no Host");
    if (!authority_is_valid(http_header_get(&request->headers, "host")))
        return refuse(400, "malformed Host");
    return 0;
}

/* Host or [IPv6], then an optional :port. */
static bool authority_is_valid(struct slice host)
{
    size_t at = 0;
    if (host.size && host.data[0] == '[') {
        at = 1;
        while (at < host.size && http_char_is(&v6_chars, host.data[at])) at++;
        if (at >= host.size || host.data[at] != ']') return false;
        at++;
    } else {
        while (at < host.size && http_char_is(&name_chars, host.data[at])) at++;
    }
    if (at == 0) return false;
    if (at == host.size) return true;
    if (host.data[at] != ':' || host.size - at > 6) return false;
    for (at++; at < host.size; at++)
        if (host.data[at] < '0' || host.data[at] > '9') return false;
    return true;
}

static int body_check(const struct http_request *request, size_t body_limit,
                      struct request_framing *framing)
{
    const struct http_headers *headers = &request->headers;
    const size_t length_count = http_header_count(headers, "content-length");
    const size_t coding_count = http_header_count(headers, "transfer-encoding");
    if (length_count > 1) return refuse(400, "more than one Content-Length");
    if (coding_count && length_count)
        return refuse(400, "both Content-Length and Transfer-Encoding");
    if (coding_count && framing->is_1_0) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (coding_count > 1) return refuse(400, "more than one Transfer-Encoding");
    if (coding_count) {
        framing->has_body = true;
        if (http_text_equal(http_header_get(headers, "transfer-encoding"), SLICE("chunked")))
            return 0;
        return refuse(501, "a transfer coding other than chunked");
    }
    if (length_count == 0) return 0;
    size_t length;
    if (!length_parse(http_header_get(headers, "content-length"), &length))
        return refuse(400, "malformed Content-Length");
    framing->has_body = length > 0;
    return length > body_limit ? refuse(413, "the body is too large") : 0;
}

static bool length_parse(struct slice digits, size_t *out)
{
    *out = 0;
    if (digits.size == 0 || digits.size > 18) return false;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') return false;
        *out = *out * 10 + (size_t)(digits.data[i] - '0');
    }
    return true;
}
