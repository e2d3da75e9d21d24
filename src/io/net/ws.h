/* One WebSocket connection, dialled or accepted, over a conn.
 *
 *   ws_connect ──> dialing ──(handshake)──> open ──ws_close──> closing ──> ending ──> on_close
 *   ws_accept ────────────────────────────> open ──(peer's close, an error)──> ending ──> on_close
 *
 * Callbacks
 * - on_open: once, client only; a ws from ws_accept is open when it is returned.
 * - on_message: a whole message; text is checked UTF-8, compressed ones are inflated. The slice is
 *   good during the call.
 * - on_close: exactly once, last, also where on_open never came. err OK: both close frames were
 *   exchanged, `code` and `reason` are the peer's (WS_CODE_NONE: it gave none). Otherwise reason is
 *   the cause for people, and code is what we closed with (1002, 1007, 1008, 1009, 1011) after an
 *   error of the peer, else WS_CODE_ABNORMAL. It is good during the call.
 * - on_end: the peer said goodbye or broke a rule, so nothing comes any more; on_close will say the
 *   same when the connection is gone, which may take until CONN_FLUSH_STALL_MS have passed.
 * - They run from the loop only, never inside a call of yours into this module. After ws_close or
 *   ws_abort no on_message, on_ping and on_pong comes, only on_close.
 *
 * Lifetime: a ws frees itself right after on_close returned; nobody else frees it. An owner that
 * goes away earlier calls ws_set_handler(w, NULL, NULL) and then ws_close or ws_abort: no callback
 * reaches it any more. A loop is empty, and may be closed, only after its ws have gone this way.
 *
 * errs in on_close besides those of conn.h: ERR_PARSE (protocol error of the peer), ERR_INVALID
 * (bad UTF-8 or compressed data, a refused handshake), ERR_LIMIT (message over message_limit, more
 * than WS_PING_LIMIT pings a second, peer that does not read), ERR_TIMEOUT (no handshake, no answer
 * to our close).
 *
 * A ping is answered by itself with a pong of the same payload. Silence is not judged here: a
 * watchdog reads ws_last_heard_ms. Thread: that of the loop. Source: RFC 6455. */
#ifndef IO_NET_WS_H
#define IO_NET_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/net/http_server.h"
#include "io/net/tls.h"
#include "io/net/ws_codec.h"
#include "io/net/ws_handshake.h"
#include "io/net/ws_shared.h"

#define WS_SERVER_MESSAGE_LIMIT ((size_t)64 << 10) /* from a client of ours: close 1009 */
#define WS_CLIENT_MESSAGE_LIMIT ((size_t)4 << 20)  /* from a server we trust: close 1009 */
#define WS_HANDSHAKE_TIMEOUT_MS 10000              /* name, TCP, TLS and upgrade together */
#define WS_CLOSE_TIMEOUT_MS     3000               /* for the peer's answer to our close */
#define WS_PING_LIMIT           100                /* pings in one second: close 1008 */

struct ws;

struct ws_handler {
    void (*on_open)(struct ws *w); /* may be NULL */
    void (*on_message)(struct ws *w, enum ws_opcode opcode, struct slice message);
    void (*on_ping)(struct ws *w, struct slice payload); /* may be NULL; the pong is sent already */
    void (*on_pong)(struct ws *w, struct slice payload); /* may be NULL */
    /* may be NULL */
    void (*on_end)(struct ws *w, uint16_t code, struct slice reason, enum err err);
    void (*on_close)(struct ws *w, uint16_t code, struct slice reason, enum err err);
};

/* A zero takes the default. */
struct ws_options {
    size_t message_limit;
    size_t pending_limit; /* see CONN_PENDING_LIMIT */
    bool deflate;         /* client: offer it; server: take it */
    /* client only */
    uint32_t handshake_timeout_ms;
    uint32_t read_size;            /* see struct conn_options; a server's is its HTTP server's */
    const struct tls_context *tls; /* must be there for wss */
    const struct http_header *headers;
    size_t header_count;
};

/* Dials "ws://host:port/path?query" or wss. Everything given is copied but tls and handler. An
 * error (URL, headers) means that no ws exists and no callback comes. */
enum err ws_connect(uv_loop_t *loop, const char *url, const struct ws_options *options,
                    const struct ws_handler *handler, void *user, struct ws **out) ERR_MUST_USE;
/* Takes over the connection of an upgrade request, inside the HTTP handler or later while `request`
 * is good. Origin and who may come in are the caller's checks, made before. On an error the reply
 * is answered already (400; 426 where the version or the upgrade is missing) or its client is
 * gone. */
enum err ws_accept(const struct http_request *request, struct http_reply *reply,
                   const struct ws_options *options, const struct ws_handler *handler, void *user,
                   struct ws **out) ERR_MUST_USE;

void *ws_user(const struct ws *w);
/* NULL handler: nobody listens any more. */
void ws_set_handler(struct ws *w, const struct ws_handler *handler, void *user);
bool ws_is_open(const struct ws *w);
/* Whether messages may come compressed, and shared frames leave so. */
bool ws_is_deflated(const struct ws *w);
/* The other side's address, see conn_peer. */
const char *ws_peer(const struct ws *w);
/* Bytes waiting for the kernel. */
size_t ws_pending(const struct ws *w);
/* How the server refused our handshake, for on_close; status 0 where it did not. */
struct ws_refusal ws_refusal(const struct ws *w);
/* uv_now of the last bytes that came, of whatever kind; at first, of the making. */
uint64_t ws_last_heard_ms(const struct ws *w);

/* Sends one message or ping, uncompressed. Text must be UTF-8 already. ERR_CLOSED: not open (any
 * more); ERR_IO, ERR_LIMIT as in conn_write: on_close follows, so the result may be ignored. */
enum err ws_send(struct ws *w, enum ws_opcode opcode, struct slice message);
enum err ws_ping(struct ws *w, struct slice payload);

/* Says goodbye with a code and waits for the peer's answer, at most WS_CLOSE_TIMEOUT_MS. Before
 * open it is ws_abort; when closing already, nothing. */
void ws_close(struct ws *w, uint16_t code, struct slice reason);
/* Drops the connection without a word. */
void ws_abort(struct ws *w);

/* Sends a message that was built once for many; a client of ours cannot (its frames are masked each
 * for itself). Errors as ws_send. */
enum err ws_send_shared(struct ws *w, struct ws_shared *s);

#endif
