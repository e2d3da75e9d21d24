/* How listener.c makes a conn from a waiting connection; of no use to anybody else. */
#ifndef IO_NET_CONN_ACCEPT_H
#define IO_NET_CONN_ACCEPT_H

#include "io/net/conn.h"

/* A conn without a handler over what waits at server. on_gone(owner) runs when its memory goes. */
enum err conn_accept(uv_stream_t *server, const struct tls_context *tls,
                     const struct conn_options *options, void (*on_gone)(void *owner), void *owner,
                     struct conn **out) ERR_MUST_USE;
/* Starts the TLS handshake, or opens at once. */
void conn_accepted_start(struct conn *c);

#endif
