/* Addresses of servers: "https://host:port/path?query", schemes http, https, ws and wss only; and
 * the percent coding of paths and queries. Pure functions, any thread. Source: RFC 3986.
 *
 * A URL here has no user, no password and no fragment: those are refused, not dropped. */
#ifndef IO_NET_URL_H
#define IO_NET_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

#define URL_HOST_SIZE 256 /* a DNS name has at most 253 bytes */
#define URL_PATH_SIZE 2048

struct url {
    bool secure;              /* https or wss */
    bool websocket;           /* ws or wss */
    char host[URL_HOST_SIZE]; /* lower case; an IPv6 address without its brackets */
    uint16_t port;            /* the scheme's own where none is written */
    char path[URL_PATH_SIZE]; /* with the query; "/" where none is written */
};

/* ERR_PARSE or ERR_UNSUPPORTED (scheme) with a text that names the URL's fault. */
enum err url_parse(const char *text, struct url *out) ERR_MUST_USE;
/* "host:port" for a Host header: brackets around IPv6, no port where it is the scheme's own. */
void url_authority(const struct url *u, char *out, size_t size);
/* True for 127.0.0.0/8, ::1 and "localhost": never leaves this machine. */
bool url_host_is_loopback(const char *host);

/* Decodes %XX (and '+' as a space, in a query) into a C string. ERR_PARSE: a broken %XX, or one
 * that stands for NUL; ERR_LIMIT: longer than out. */
enum err url_decode(struct slice coded, bool plus_is_space, char *out, size_t size) ERR_MUST_USE;
/* The decoded value of the first `name=` in a query ("a=1&b=2"). ERR_NOT_FOUND without a trace text
 * change is normal: the parameter is absent. */
enum err url_query_get(struct slice query, const char *name, char *out, size_t size) ERR_MUST_USE;

#endif
