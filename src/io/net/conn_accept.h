/* How listener.c makes a conn from a waiting connection; of no use to anybody else. */
#ifndef IO_NET_CONN_ACCEPT_H
#define IO_NET_CONN_ACCEPT_H

#include "io/net/conn.h"

/* Whose connection it is, as far as limits go: an IPv4 address, or the /64 of an IPv6 one, which is
 * what one customer gets. */
struct conn_origin {
    uint64_t address;
    bool is_loopback;
};

/* A conn without a handler over what waits at server. */
enum err conn_accept(uv_stream_t *server, const struct conn_options *options,
                     struct conn **out) ERR_MUST_USE;
struct conn_origin conn_origin(const struct conn *c);
/* on_gone(owner) runs when its memory goes. */
void conn_set_gone(struct conn *c, void (*on_gone)(void *owner), void *owner);
/* Starts the TLS handshake, or, where tls is NULL, opens at once. */
void conn_accepted_start(struct conn *c, const struct tls_context *tls);

#endif
