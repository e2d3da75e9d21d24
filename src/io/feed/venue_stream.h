/* One WebSocket to a venue, dialled anew for ever: what the market's and the account's stream have
 * in common.
 *
 * Waits between dials grow from first_ms to last_ms with full jitter, and are short again once a
 * connection has been of use for RECONNECT_HEALTHY_MS. While the venue forbids dials
 * (venue_rest_dial_at) there is none, however long that takes; a handshake that is refused tells
 * the REST line, so that it binds everything that this process asks of the venue.
 *
 * The owner sets its own ws_handler and reads and sends by `ws` directly; it calls
 * venue_stream_closed first in its on_end and on_close and venue_stream_drop to give a connection
 * up. After either it dials when venue_stream_dial_at has come. Thread: that of the loop. */
#ifndef IO_FEED_VENUE_STREAM_H
#define IO_FEED_VENUE_STREAM_H

#include <uv.h>

#include "base/err.h"
#include "io/feed/backoff.h"
#include "io/feed/venue_rest.h"
#include "io/net/url.h"
#include "io/net/ws.h"

enum {
    RECONNECT_FIRST_MS = 250,
    RECONNECT_LAST_MS = 30000,
    RECONNECT_HEALTHY_MS = 60000,
    VENUE_STREAM_REASON_SIZE = 128,
};

struct venue_stream_options {
    const char *url;  /* "wss://stream.binance.com:9443" */
    const char *path; /* behind the URL's own: "/stream" */
    const struct tls_context *tls;
    struct venue_rest *rest; /* the caller's, for the life of this */
    uint64_t jitter_seed;
    uint32_t first_ms, last_ms; /* 0: RECONNECT_FIRST_MS, RECONNECT_LAST_MS */
};

struct venue_stream {
    uv_loop_t *loop;
    struct venue_rest *rest;
    const struct tls_context *tls;
    char url[URL_PATH_SIZE + URL_HOST_SIZE + 32];
    struct backoff backoff;
    struct ws *ws;      /* NULL while there is none */
    uint64_t dial_next; /* loop time of the backoff's end, while ws is NULL */
    uint64_t opened;    /* loop time since when the connection is of use; 0: it is not */
    uint64_t last_ping; /* loop time, of this connection */
};

/* ERR_INVALID: a URL we may not use, see venue_url.h, or one that needs TLS. */
enum err venue_stream_init(struct venue_stream *s, uv_loop_t *loop,
                           const struct venue_stream_options *options) ERR_MUST_USE;
/* Closes without a further callback. */
void venue_stream_close(struct venue_stream *s);

/* Loop time of the next dial; UINT64_MAX while there is a connection. */
uint64_t venue_stream_dial_at(const struct venue_stream *s);
/* Dials; the time must have come. On an error the next dial is planned. */
enum err venue_stream_dial(struct venue_stream *s, const struct ws_options *options,
                           const struct ws_handler *handler, void *user) ERR_MUST_USE;
/* on_open came. */
void venue_stream_opened(struct venue_stream *s);
/* on_end or on_close came: lets go of the connection, writes the cause for people, and heeds a
 * refusal. */
void venue_stream_closed(struct venue_stream *s, uint16_t code, struct slice reason, enum err err,
                         char out[VENUE_STREAM_REASON_SIZE]);
/* The connection, if there is one, is of no use any more: plans the next dial. */
void venue_stream_drop(struct venue_stream *s);
/* Asks for a sign of life, once between two signs. */
void venue_stream_ping(struct venue_stream *s);

#endif
