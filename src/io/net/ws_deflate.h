/* permessage-deflate: the negotiation, and compressed messages in both directions, on zlib.
 *
 * Our choices within RFC 7692
 * - A server always answers both no_context_takeover parameters: its messages do not depend on each
 *   other, so one compressed frame serves every subscriber; and an idle client costs no 32 KiB
 *   window.
 * - A client never compresses (what it sends is small), so any limit a server puts on it is kept.
 *   It inflates with context takeover unless the server said server_no_context_takeover.
 * - We compress with a window of 2^12 bytes: an offer that asks for a smaller one is not taken.
 *
 * Pure but for zlib's allocations. Thread: one at a time for each object. Source: RFC 7692. */
#ifndef IO_NET_WS_DEFLATE_H
#define IO_NET_WS_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>

#include <zlib.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"

#define WS_DEFLATE_WINDOW_BITS 12  /* of what we send */
#define WS_DEFLATE_LEVEL       6   /* once a message, not once a client: the ratio is worth it */
#define WS_DEFLATE_SIZE_MIN    200 /* below it compression saves too little to be worth the time */
#define WS_DEFLATE_PARAM_LIMIT 16  /* parameters in one offer; an offer with more is not taken */
#define WS_DEFLATE_ANSWER_SIZE 128

/* What a client offers. */
#define WS_DEFLATE_OFFER "permessage-deflate; client_no_context_takeover; client_max_window_bits"

/* Server: looks through a Sec-WebSocket-Extensions value for the first offer we can take and writes
 * the answer to it. False: none, or the value is malformed; the connection goes on uncompressed. */
bool ws_deflate_accept(struct slice offers, char answer[WS_DEFLATE_ANSWER_SIZE]);
/* Client: checks the server's answer to WS_DEFLATE_OFFER. *takeover: messages may refer to earlier
 * ones. ERR_PARSE: not an answer to what was offered; the connection must fail. */
enum err ws_deflate_confirm(struct slice answer, bool *takeover) ERR_MUST_USE;

/* ---- inflate: what a peer sends ---- */

struct ws_inflater {
    bool takeover;
    bool is_open; /* zlib's state exists */
    z_stream stream;
};

/* Nothing is allocated before the first message; without takeover nothing is kept after one. */
void ws_inflater_init(struct ws_inflater *i, bool takeover);
void ws_inflater_deinit(struct ws_inflater *i);
/* Appends the message to out, at most `limit` bytes. ERR_LIMIT (close with 1009), ERR_INVALID: not
 * deflate data, or cut (1007), ERR_NO_MEMORY (1011). After an error only deinit is of use. */
enum err ws_inflate(struct ws_inflater *i, struct slice compressed, size_t limit,
                    struct buffer *out) ERR_MUST_USE;

/* ---- deflate: what we send ---- */

struct ws_deflater {
    z_stream stream;
};

enum err ws_deflater_init(struct ws_deflater *d) ERR_MUST_USE;
void ws_deflater_deinit(struct ws_deflater *d);
/* Appends the compressed message, which depends on no other. out->failed tells where memory ran
 * out. */
void ws_deflate(struct ws_deflater *d, struct slice message, struct buffer *out);

#endif
