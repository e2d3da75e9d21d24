/* TLS contexts and sessions over OpenSSL's memory BIOs. */
#include "io/net/tls.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <uv.h>

#include "base/check.h"
#include "io/net/tls_session.h"

struct tls_context {
    pthread_mutex_t lock; /* of the pointer: a reload puts another in its place */
    SSL_CTX *ssl;
    bool is_server;
    char *certificate_file, *key_file; /* of a server */
};

struct tls_session {
    SSL *ssl;
    BIO *in;  /* encrypted, from the peer; owned by ssl */
    BIO *out; /* encrypted, to the peer; owned by ssl */
};

static enum err context_new(bool is_server, struct tls_context **out);
static enum err certificate_load(SSL_CTX *ssl, const char *certificate_file, const char *key_file);
static enum err ssl_failed(enum err code, const char *what);
static enum err host_expect(SSL *ssl, const char *host);
static enum err handshake_failed(const struct tls_session *s);

enum err tls_client_new(const char *ca_file, struct tls_context **out)
{
    struct tls_context *t;
    const enum err err = context_new(false, &t);
    if (err) return err;
    const int loaded = ca_file ? SSL_CTX_load_verify_locations(t->ssl, ca_file, NULL)
                               : SSL_CTX_set_default_verify_paths(t->ssl);
    if (loaded != 1) {
        tls_context_free(t);
        return ssl_failed(ERR_INVALID, ca_file ? ca_file : "the system's trusted certificates");
    }
    SSL_CTX_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
    *out = t;
    return OK;
}

enum err tls_server_new(const char *certificate_file, const char *key_file,
                        struct tls_context **out)
{
    struct tls_context *t;
    enum err err = context_new(true, &t);
    if (err) return err;
    t->certificate_file = strdup(certificate_file);
    t->key_file = strdup(key_file);
    if (!t->certificate_file || !t->key_file)
        err = err_set(ERR_NO_MEMORY, "no memory for TLS settings");
    else
        err = certificate_load(t->ssl, certificate_file, key_file);
    if (err) {
        tls_context_free(t);
        return err;
    }
    *out = t;
    return OK;
}

enum err tls_server_reload(struct tls_context *t)
{
    struct tls_context *fresh;
    CHECK(t->is_server);
    const enum err err = tls_server_new(t->certificate_file, t->key_file, &fresh);
    if (err) return err_note(err, "while reading the certificate again");
    pthread_mutex_lock(&t->lock);
    SSL_CTX *old = t->ssl;
    t->ssl = fresh->ssl;
    fresh->ssl = old;
    pthread_mutex_unlock(&t->lock);
    tls_context_free(fresh);
    return OK;
}

void tls_context_free(struct tls_context *t)
{
    if (!t) return;
    SSL_CTX_free(t->ssl);
    free(t->certificate_file);
    free(t->key_file);
    pthread_mutex_destroy(&t->lock);
    free(t);
}

/* The session keeps what it was made from. */
static SSL *ssl_new(const struct tls_context *t)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)&t->lock; /* all else is only read */
    pthread_mutex_lock(lock);
    SSL *ssl = SSL_new(t->ssl);
    pthread_mutex_unlock(lock);
    return ssl;
}

enum err tls_session_new(const struct tls_context *context, const char *host,
                         struct tls_session **out)
{
    struct tls_session *s = calloc(1, sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "no memory for a TLS session");
    ERR_clear_error();
    s->ssl = ssl_new(context);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    if (!s->ssl || !s->in || !s->out) {
        BIO_free(s->in);
        BIO_free(s->out);
        s->in = s->out = NULL;
        tls_session_free(s);
        return ssl_failed(ERR_NO_MEMORY, "TLS session");
    }
    SSL_set_bio(s->ssl, s->in, s->out);
    if (context->is_server) {
        SSL_set_accept_state(s->ssl);
    } else {
        SSL_set_connect_state(s->ssl);
        const enum err err = host_expect(s->ssl, host);
        if (err) {
            tls_session_free(s);
            return err;
        }
    }
    *out = s;
    return OK;
}

void tls_session_free(struct tls_session *s)
{
    if (!s) return;
    SSL_free(s->ssl);
    free(s);
}

enum err tls_session_feed(struct tls_session *s, struct slice bytes)
{
    CHECK(bytes.size <= INT_MAX);
    if (BIO_write(s->in, bytes.data, (int)bytes.size) != (int)bytes.size)
        return err_set(ERR_NO_MEMORY, "no memory for received TLS bytes");
    return OK;
}

enum err tls_session_handshake(struct tls_session *s, bool *done)
{
    ERR_clear_error();
    const int result = SSL_do_handshake(s->ssl);
    *done = result == 1;
    if (*done) return OK;
    const int why = SSL_get_error(s->ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return OK;
    return handshake_failed(s);
}

enum err tls_session_read(struct tls_session *s, char *out, size_t size, size_t *got, bool *ended)
{
    *got = 0;
    *ended = false;
    ERR_clear_error();
    if (SSL_read_ex(s->ssl, out, size, got) == 1) return OK;
    *got = 0;
    switch (SSL_get_error(s->ssl, 0)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return OK;
    case SSL_ERROR_ZERO_RETURN: *ended = true; return OK;
    default: return ssl_failed(ERR_IO, "TLS");
    }
}

enum err tls_session_write(struct tls_session *s, struct slice bytes)
{
    if (bytes.size == 0) return OK;
    size_t written;
    ERR_clear_error();
    /* A memory BIO takes everything, and renegotiation is off: a write is whole or it failed. */
    if (SSL_write_ex(s->ssl, bytes.data, bytes.size, &written) != 1 || written != bytes.size)
        return ssl_failed(ERR_IO, "TLS");
    return OK;
}

void tls_session_end(struct tls_session *s)
{
    ERR_clear_error();
    if (SSL_is_init_finished(s->ssl)) (void)SSL_shutdown(s->ssl);
}

struct slice tls_session_output(const struct tls_session *s)
{
    char *data;
    const long size = BIO_get_mem_data(s->out, &data);
    return (struct slice){data, size > 0 ? (size_t)size : 0};
}

void tls_session_output_clear(struct tls_session *s)
{
    (void)BIO_reset(s->out);
}

static enum err context_new(bool is_server, struct tls_context **out)
{
    ERR_clear_error();
    struct tls_context *t = calloc(1, sizeof *t);
    if (!t) return err_set(ERR_NO_MEMORY, "no memory for TLS settings");
    t->is_server = is_server;
    t->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (!t->ssl) {
        free(t);
        return ssl_failed(ERR_NO_MEMORY, "TLS settings");
    }
    CHECK(pthread_mutex_init(&t->lock, NULL) == 0);
    SSL_CTX_set_min_proto_version(t->ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(t->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* Idle conns give their record buffers back: 30 KB each. */
    SSL_CTX_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS);
    *out = t;
    return OK;
}

/* OpenSSL would ask on the terminal, and the server would wait there. */
static int on_passphrase(char *out, int size, int writes, void *user)
{
    bool *asked = user;
    (void)out, (void)size, (void)writes;
    *asked = true;
    return -1;
}

static enum err certificate_load(SSL_CTX *ssl, const char *certificate_file, const char *key_file)
{
    bool asked = false;
    if (SSL_CTX_use_certificate_chain_file(ssl, certificate_file) != 1)
        return ssl_failed(ERR_INVALID, certificate_file);
    SSL_CTX_set_default_passwd_cb(ssl, on_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, &asked);
    const bool is_key = SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb(ssl, NULL);
    SSL_CTX_set_default_passwd_cb_userdata(ssl, NULL);
    if (asked) {
        ERR_clear_error();
        return err_set(ERR_INVALID, "%s: the key has a passphrase, and nobody is there to type it",
                       key_file);
    }
    if (!is_key) return ssl_failed(ERR_INVALID, key_file);
    if (SSL_CTX_check_private_key(ssl) != 1)
        return ssl_failed(ERR_INVALID, "the key does not belong to the certificate");
    return OK;
}

/* Turns OpenSSL's first queued cause into our trace. */
static enum err ssl_failed(enum err code, const char *what)
{
    const unsigned long first = ERR_get_error();
    const char *reason = first ? ERR_reason_error_string(first) : NULL;
    ERR_clear_error();
    return err_set(code, "%s: %s", what, reason ? reason : "failed");
}

/* An address must stand in the certificate as an address; a name is also sent, so that the server
 * can pick the right certificate (SNI). */
static enum err host_expect(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *expected = SSL_get0_param(ssl);
    unsigned char address[16];
    const bool is_address =
        uv_inet_pton(AF_INET, host, address) == 0 || uv_inet_pton(AF_INET6, host, address) == 0;
    if (is_address) {
        if (X509_VERIFY_PARAM_set1_ip_asc(expected, host) != 1) return ssl_failed(ERR_IO, host);
        return OK;
    }
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1)
        return ssl_failed(ERR_IO, host);
    return OK;
}

static enum err handshake_failed(const struct tls_session *s)
{
    const long verdict = SSL_get_verify_result(s->ssl);
    if (!SSL_is_server(s->ssl) && verdict != X509_V_OK) {
        ERR_clear_error();
        return err_set(ERR_INVALID, "the server's certificate is refused: %s",
                       X509_verify_cert_error_string(verdict));
    }
    return ssl_failed(ERR_INVALID, "TLS handshake");
}
