/* One full-duplex byte stream over TCP, plain or TLS, dialled or accepted, on a libuv loop.
 *
 *     conn_dial ──> resolving ──> connecting ──> (TLS handshake) ──> open ──> closing ──> on_close
 *     listener  ──────────────────────────────> (TLS handshake) ──> open ──> closing ──> on_close
 *
 * Callbacks
 * - on_open comes once, before any on_data; on_close comes exactly once, last, also where on_open
 *   never came (refused, timed out, certificate not trusted).
 * - Callbacks run from the loop only, never inside a call of yours into this module. The one
 *   exception is `release` of a piece, which may run before conn_write_pieces returns.
 * - After conn_close or conn_abort no on_data and no on_drain comes, only on_close.
 *
 * Lifetime: a conn lives on the heap and frees itself right after on_close returned; nobody else
 * frees it, and the pointer is dead from then on. An owner that goes away earlier calls
 * conn_set_handler(c, NULL, NULL), and conn_abort or conn_close: no callback reaches it any more.
 * A loop is empty, and may be closed, only after its conns and listeners have gone this way.
 *
 * Reasons in on_close: OK (we closed it), ERR_CLOSED (the peer ended the stream in order),
 * ERR_TIMEOUT (no connection in time), ERR_NOT_FOUND (no such host), ERR_LIMIT (more than
 * pending_limit bytes waiting for a peer that does not read), ERR_INVALID (TLS: certificate or
 * protocol refused), ERR_IO (the rest; on TLS also a stream cut without a close notice). A peer
 * that ends its half of the stream is treated as gone, after what waits has been flushed.
 *
 * The first conn makes the process ignore SIGPIPE, unless it has a handler: writing to a peer that
 * is gone is an error here, not a signal.
 *
 * Thread: that of the loop. Source: RFC 9293; for TLS the OpenSSL manual, SSL over memory BIOs. */
#ifndef IO_NET_CONN_H
#define IO_NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/net/tls.h"

#define CONN_PENDING_LIMIT      ((size_t)4 << 20) /* over it the conn closes with ERR_LIMIT */
#define CONN_CONNECT_TIMEOUT_MS 10000             /* name, TCP and TLS together */
#define CONN_READ_SIZE          65536             /* bytes a read takes at most */
#define CONN_FLUSH_STALL_MS     10000 /* conn_close gives up on a peer that takes nothing */
#define CONN_LINGER_MS          1000  /* conn_close waits so long for the peer's end */
#define CONN_PEER_SIZE          64    /* a peer's address as text, with its NUL */

struct conn;
struct listener;

struct conn_handler {
    void (*on_open)(struct conn *c);                     /* may be NULL */
    void (*on_data)(struct conn *c, struct slice bytes); /* bytes are good during the call */
    void (*on_drain)(struct conn *c);                    /* may be NULL; pending fell back to 0 */
    /* text names the cause for people; it is good during the call. */
    void (*on_close)(struct conn *c, enum err reason, const char *text);
};

/* A zero takes the default named above. */
struct conn_options {
    size_t pending_limit;
    uint32_t connect_timeout_ms;
    uint32_t read_size; /* tests set 1: every byte arrives alone */
};

/* Bytes to write. Where release is NULL they are copied if the kernel does not take them at once.
 * Otherwise they must stay until release(owner), which is called exactly once, on every path: take
 * a reference before, drop it there, and one buffer serves many conns. */
struct conn_piece {
    struct slice bytes;
    void (*release)(void *owner);
    void *owner;
};

struct conn_dial {
    const char
        *host; /* a name or an address; with TLS also the name that the certificate must bear */
    uint16_t port;
    const struct tls_context *tls; /* NULL: plain */
    struct conn_options options;
    const struct conn_handler *handler;
    void *user;
};

/* Starts to connect. Addresses of a name are tried in turn. An error here means that no conn exists
 * and no callback will come; whatever the network refuses comes by on_close. */
enum err conn_dial(uv_loop_t *loop, const struct conn_dial *dial, struct conn **out) ERR_MUST_USE;

void *conn_user(const struct conn *c);
uv_loop_t *conn_loop(const struct conn *c);
/* Hands the stream to another owner (an upgrade); NULL handler: nobody listens any more. */
void conn_set_handler(struct conn *c, const struct conn_handler *handler, void *user);
/* The limit of pending bytes from here on. */
void conn_set_pending_limit(struct conn *c, size_t limit);
/* The other side's address as text without port, IPv4 in IPv6 unwrapped; "" while connecting. */
const char *conn_peer(const struct conn *c);
bool conn_is_open(const struct conn *c);
bool conn_is_tls(const struct conn *c);

/* Writes in order; what the kernel does not take at once waits, up to pending_limit. ERR_CLOSED
 * when the conn is closing, ERR_IO or ERR_LIMIT when this write made it close: on_close tells the
 * same, so the result may be ignored. Before on_open it is a bug. */
enum err conn_write(struct conn *c, struct slice bytes);
/* The same for several pieces at once, in one system call where the kernel takes them. */
enum err conn_write_pieces(struct conn *c, const struct conn_piece *pieces, size_t count);
/* Bytes waiting for the kernel (on TLS: as encrypted). */
size_t conn_pending(const struct conn *c);
/* Bytes that the kernel took or may have taken since the conn was made: grows with the first byte
 * that could reach the peer, and stays equal only where a write provably sent nothing. */
uint64_t conn_written(const struct conn *c);

/* Bytes that the peer has acknowledged. The kernel's buffer is large and tells of room in lumps, so
 * a slow peer's progress shows here first. Costs a system call. */
uint64_t conn_taken(const struct conn *c);

/* No on_data until conn_resume; the peer is slowed down by TCP. A peer's end is not noticed
 * meanwhile. */
void conn_pause(struct conn *c);
void conn_resume(struct conn *c);
/* Puts bytes back in front of the stream: they arrive by on_data, from the loop,
 * before later ones. */
enum err conn_unread(struct conn *c, struct slice bytes) ERR_MUST_USE;

/* Flushes what waits, says goodbye, gives the peer CONN_LINGER_MS to end its side, closes. */
void conn_close(struct conn *c);
/* Closes at once; what waits is dropped. */
void conn_abort(struct conn *c);

/* ---- accepting ---- */

#define LISTENER_REFUSING_MAX 64

/* Whether other listeners of this process take connections of the same port, each on its own loop:
 * the kernel spreads them (SO_REUSEPORT). The first is bound as one alone is, so that the port of
 * another program stays refused. */
enum listener_sharing { LISTENER_ALONE, LISTENER_FIRST, LISTENER_JOINS };

struct listener_options {
    const char *address; /* "127.0.0.1", "::1", "0.0.0.0": an address, not a name */
    uint16_t port;       /* 0: the system picks, see listener_port; not for one that joins */
    enum listener_sharing sharing;
    uint32_t connection_limit; /* accepted and alive at once */
    /* The same of one address, an IPv6 one by its /64; loopback_limit is for this machine's own,
     * where a proxy may stand for many. 0: no limit of its own. */
    uint32_t address_limit, loopback_limit;
    /* What is written to a connection over a limit before it is closed; only where there is no
     * TLS, and to at most LISTENER_REFUSING_MAX at a time: the others are closed unheard. Must
     * stay; empty: all are. */
    struct slice refusal;
    const struct tls_context *tls; /* a server context, or NULL: plain */
    struct conn_options options;
    /* A conn was accepted: give it a handler. on_open follows (on TLS after the handshake). */
    void (*on_accept)(struct listener *l, struct conn *c);
    void *user;
};

/* Binds with SO_REUSEADDR and listens. A port that another program, or a listener that does not
 * share, listens on is ERR_EXISTS: "address 127.0.0.1:8000 is already in use". */
enum err listener_open(uv_loop_t *loop, const struct listener_options *options,
                       struct listener **out) ERR_MUST_USE;
void *listener_user(const struct listener *l);
uint16_t listener_port(const struct listener *l);
uint32_t listener_connection_count(const struct listener *l);
/* Connections refused because of a limit, since the start. */
uint64_t listener_refused_count(const struct listener *l);
/* Stops accepting; what was accepted lives on. No on_accept comes afterwards. NULL is fine. */
void listener_close(struct listener *l);

#endif
