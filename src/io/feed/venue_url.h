/* Where a venue listens, and whether we may talk to it there: secrets and money go over TLS, or
 * stay on this machine. Pure, any thread. */
#ifndef IO_FEED_VENUE_URL_H
#define IO_FEED_VENUE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "io/net/url.h"

/* An http(s) or, with websocket, a ws(s) URL. ERR_INVALID: the other kind, a query, or a plain one
 * whose host is not loopback. Takes a '/' off the path's end, so that paths can be appended ("" for
 * the root). */
enum err venue_url_parse(const char *text, bool websocket, struct url *out) ERR_MUST_USE;
/* The same URL with `path` appended. ERR_LIMIT: does not fit. */
enum err venue_url_join(const struct url *u, const char *path, char *out, size_t size) ERR_MUST_USE;

#endif
