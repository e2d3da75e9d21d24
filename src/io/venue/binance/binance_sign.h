/* Signing Binance requests: HMAC-SHA256 or Ed25519.
 *
 * struct binance_key is the only place where a secret lives. It has no printer, must not be copied,
 * and is wiped by binance_key_deinit. The HMAC context is prepared once, so that a message costs
 * the hashing of its bytes and little more. One thread at a time. Source: Binance rest-api.md,
 * "SIGNED endpoint security"; web-socket-api.md, "Request security". */
#ifndef IO_VENUE_BINANCE_SIGN_H
#define IO_VENUE_BINANCE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"

enum {
    BINANCE_API_KEY_SIZE = 129,    /* with the NUL */
    BINANCE_SECRET_SIZE_MAX = 256, /* bytes of an HMAC secret */
    BINANCE_SIGNATURE_SIZE = 92,   /* hex 64 or base64 88, with the NUL */
    BINANCE_RECV_WINDOW_MS = 5000, /* the venue's default, written out */
    BINANCE_PARAMETERS_MAX = 24,   /* of one signed WebSocket request */
    BINANCE_ED25519_SEED_SIZE = 32,
};

enum binance_key_kind { BINANCE_KEY_NONE, BINANCE_KEY_HMAC, BINANCE_KEY_ED25519 };

struct binance_key {
    uint8_t kind; /* enum binance_key_kind */
    char api_key[BINANCE_API_KEY_SIZE];
    void *hmac;                /* OpenSSL's EVP_MAC_CTX with the secret in it */
    unsigned char ed25519[64]; /* libsodium's form: seed and public key */
};

/* ERR_INVALID: empty or too long, or an API key with bytes other than [A-Za-z0-9_-]. */
enum err binance_key_init_hmac(struct binance_key *k, struct slice api_key,
                               struct slice secret) ERR_MUST_USE;
enum err binance_key_init_ed25519(struct binance_key *k, struct slice api_key,
                                  const unsigned char seed[BINANCE_ED25519_SEED_SIZE]) ERR_MUST_USE;
/* As people are given keys: a secret that is a PEM text ("-----BEGIN PRIVATE KEY-----") is an
 * Ed25519 key's, any other is HMAC's. ERR_INVALID also: a PEM text that is none, or wants a
 * password. ERR_UNSUPPORTED: a private key of another kind. No text shows a byte of the secret. */
enum err binance_key_init(struct binance_key *k, struct slice api_key,
                          struct slice secret) ERR_MUST_USE;
/* Wipes it; fine on a zeroed or failed one. */
void binance_key_deinit(struct binance_key *k);

/* Hex (HMAC) or base64 (Ed25519) of the payload, NUL-terminated. */
enum err binance_sign(struct binance_key *k, struct slice payload,
                      char out[BINANCE_SIGNATURE_SIZE]) ERR_MUST_USE;

/* Finishes a query string that starts at `from` in out: appends recvWindow, timestamp and the
 * signature over all of it. timestamp_ms is the venue's time. */
enum err binance_sign_query(struct binance_key *k, struct buffer *out, size_t from,
                            int64_t timestamp_ms) ERR_MUST_USE;

struct binance_parameter {
    const char *name;
    struct slice value;
    bool number; /* written without quotes */
};

/* Appends {"apiKey":…,…,"signature":…}: the parameters given plus apiKey and timestamp, sorted by
 * name, signed as name=value joined by '&'. ERR_INVALID for a value that JSON would have to escape;
 * ERR_LIMIT for more than BINANCE_PARAMETERS_MAX with those two. */
enum err binance_sign_parameters(struct binance_key *k, struct buffer *out,
                                 const struct binance_parameter *parameters, size_t count,
                                 int64_t timestamp_ms) ERR_MUST_USE;

#endif
