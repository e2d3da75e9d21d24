/* One TLS connection as a codec: encrypted bytes in and out, plain bytes in and out, no socket.
 *
 * Used by conn.c alone. After each call that may produce encrypted bytes (handshake, write, read,
 * end) the caller sends tls_session_output and clears it. Source: OpenSSL manual, ssl(7) and
 * BIO_s_mem(3). */
#ifndef IO_NET_TLS_SESSION_H
#define IO_NET_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/net/tls.h"

struct tls_session;

/* host: the name or address the server must prove; ignored with a server context. */
enum err tls_session_new(const struct tls_context *context, const char *host,
                         struct tls_session **out) ERR_MUST_USE;
void tls_session_free(struct tls_session *s);
/* Takes encrypted bytes from the peer. */
enum err tls_session_feed(struct tls_session *s, struct slice bytes) ERR_MUST_USE;
enum err tls_session_handshake(struct tls_session *s, bool *done) ERR_MUST_USE;
/* *got 0: nothing more for now; *ended: the peer said goodbye. */
enum err tls_session_read(struct tls_session *s, char *out, size_t size, size_t *got,
                          bool *ended) ERR_MUST_USE;
enum err tls_session_write(struct tls_session *s, struct slice bytes) ERR_MUST_USE;
/* Says goodbye. */
void tls_session_end(struct tls_session *s);
struct slice tls_session_output(const struct tls_session *s);
void tls_session_output_clear(struct tls_session *s);

#endif
