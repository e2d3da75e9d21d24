/* Server-sent events: the text of a stream of events, to be sent by http_reply_write with content
 * type SSE_CONTENT_TYPE. Pure; any thread. Source: HTML living standard, section 9.2.
 *
 * A client that lost its connection comes back after the time that sse_retry_write named, with the
 * header Last-Event-ID: the id of the last event that it got whole. A stream without news sends a
 * comment every SSE_HEARTBEAT_MS, so that proxies keep it open and a dead client is noticed. */
#ifndef IO_NET_SSE_H
#define IO_NET_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "io/net/http_head.h"

#define SSE_CONTENT_TYPE "text/event-stream; charset=utf-8"

enum { SSE_HEARTBEAT_MS = 15000 };

struct sse_event {
    struct slice name; /* the client's event type; empty: "message" */
    uint64_t id;       /* 0: none, the client's last id stays */
    struct slice data; /* any text; each of its lines becomes one */
};

/* False, and nothing written, where the name has a line end. */
bool sse_event_write(const struct sse_event *event, struct buffer *out);
/* A comment that no client sees. */
void sse_heartbeat_write(struct buffer *out);
void sse_retry_write(uint32_t after_ms, struct buffer *out);
/* The id that a client goes on behind; 0 where it names none or one that is not ours. */
uint64_t sse_last_id(const struct http_headers *headers);

#endif
