/* TLS settings shared by many conns: who is trusted (client), who we are (server). TLS 1.2 or
 * later.
 *
 * A client always verifies the chain and the host name; there is no switch to turn that off. The
 * context may be freed while conns that were made with it still live. Any thread may make conns
 * from one context and reload it; making and freeing it is one owner's affair. */
#ifndef IO_NET_TLS_H
#define IO_NET_TLS_H

#include "base/err.h"

struct tls_context;

/* ca_file: PEM file of trusted roots; NULL: those of the system. */
enum err tls_client_new(const char *ca_file, struct tls_context **out) ERR_MUST_USE;
/* PEM files: the certificate with its chain, and its private key, which has no passphrase.
 * ERR_INVALID names the file and the cause. */
enum err tls_server_new(const char *certificate_file, const char *key_file,
                        struct tls_context **out) ERR_MUST_USE;
/* Reads the files of a server context again; conns made before keep the certificate that they began
 * with. An error leaves everything as it is. */
enum err tls_server_reload(struct tls_context *t) ERR_MUST_USE;
void tls_context_free(struct tls_context *t);

#endif
