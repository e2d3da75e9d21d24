/* The rule of local requests. */
#include "service/api/local.h"

#include "io/net/url.h"

static const char *const proxy_headers[] = {"X-Forwarded-For", "Forwarded", "X-Real-IP"};

/* The authority without its port; empty when the port is not one. */
static struct slice host_name(struct slice authority)
{
    const char *colon = memrchr(authority.data, ':', authority.size);
    const bool bracketed = authority.size > 0 && authority.data[authority.size - 1] == ']';
    if (!colon || bracketed) return authority;
    const size_t name_size = (size_t)(colon - authority.data);
    const size_t digits = authority.size - name_size - 1;
    if (digits == 0 || digits > 5) return (struct slice){authority.data, 0};
    for (size_t i = 0; i < digits; i++)
        if (colon[1 + i] < '0' || colon[1 + i] > '9') return (struct slice){authority.data, 0};
    return (struct slice){authority.data, name_size};
}

static bool is_own_host(struct slice authority)
{
    if (!authority.data) return false;
    const struct slice name = host_name(authority);
    return slice_is(name, "127.0.0.1") || slice_is(name, "[::1]") ||
           http_text_equal(name, SLICE("localhost"));
}

bool local_is_own_origin(const struct http_request *request)
{
    const struct slice host = http_header_get(&request->headers, "Host");
    const size_t count = http_header_count(&request->headers, "Origin");
    if (count == 0) return true;
    const struct slice scheme = request->secure ? SLICE("https://") : SLICE("http://");
    const struct slice origin = http_header_get(&request->headers, "Origin");
    if (count > 1 || origin.size <= scheme.size) return false;
    const struct slice start = {origin.data, scheme.size};
    const struct slice rest = {origin.data + scheme.size, origin.size - scheme.size};
    return slice_equal(start, scheme) && http_text_equal(rest, host);
}

bool local_request(const struct http_request *request)
{
    const struct slice host = http_header_get(&request->headers, "Host");
    if (!url_host_is_loopback(request->peer)) return false;
    if (http_header_count(&request->headers, "Host") != 1 || !is_own_host(host)) return false;
    for (size_t i = 0; i < sizeof proxy_headers / sizeof *proxy_headers; i++)
        if (http_header_count(&request->headers, proxy_headers[i]) > 0) return false;
    return local_is_own_origin(request);
}
