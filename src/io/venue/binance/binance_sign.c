/* HMAC by OpenSSL, Ed25519 by libsodium, and the two ways in which Binance wants payloads built. */
#include "io/venue/binance/binance_sign.h"

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "base/check.h"

enum { HMAC_SIZE = 32, PAYLOAD_LIMIT = 64 * 1024 };

static enum err set_api_key(struct binance_key *k, struct slice api_key)
{
    if (api_key.size == 0) return err_set(ERR_INVALID, "the API key is empty");
    for (size_t i = 0; i < api_key.size; i++) {
        const char c = api_key.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '-' || c == '_'))
            return err_set(ERR_INVALID, "the API key has a byte that no key has");
    }
    if (!slice_copy(api_key, k->api_key, sizeof k->api_key))
        return err_set(ERR_INVALID, "the API key is longer than %d bytes",
                       BINANCE_API_KEY_SIZE - 1);
    return OK;
}

enum err binance_key_init_hmac(struct binance_key *k, struct slice api_key, struct slice secret)
{
    *k = (struct binance_key){0};
    enum err err = set_api_key(k, api_key);
    if (err) return err;
    if (secret.size == 0 || secret.size > BINANCE_SECRET_SIZE_MAX)
        return err_set(ERR_INVALID, "the API secret is empty or too long");

    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context holds its own reference */
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (!context ||
        !EVP_MAC_init(context, (const unsigned char *)secret.data, secret.size, parameters)) {
        EVP_MAC_CTX_free(context);
        return err_set(ERR_NO_MEMORY, "cannot prepare HMAC-SHA256");
    }
    k->hmac = context;
    k->kind = BINANCE_KEY_HMAC;
    return OK;
}

enum err binance_key_init_ed25519(struct binance_key *k, struct slice api_key,
                                  const unsigned char seed[BINANCE_ED25519_SEED_SIZE])
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    _Static_assert(sizeof k->ed25519 == crypto_sign_SECRETKEYBYTES, "libsodium's form");
    *k = (struct binance_key){0};
    if (sodium_init() < 0) return err_set(ERR_UNSUPPORTED, "libsodium does not start");
    const enum err err = set_api_key(k, api_key);
    if (err) return err;
    crypto_sign_seed_keypair(public_key, k->ed25519, seed);
    k->kind = BINANCE_KEY_ED25519;
    return OK;
}

static int no_password(char *out, int size, int writing, void *user)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)user;
    return -1; /* else OpenSSL would ask on the terminal */
}

static enum err read_pem(struct slice pem, unsigned char seed[BINANCE_ED25519_SEED_SIZE])
{
    size_t size = BINANCE_ED25519_SEED_SIZE;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    enum err err = OK;
    if (!key)
        err = err_set(ERR_INVALID, "the secret is not a PEM private key, or it wants a password");
    else if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519)
        err = err_set(ERR_UNSUPPORTED, "the private key is not an Ed25519 key");
    else if (EVP_PKEY_get_raw_private_key(key, seed, &size) != 1)
        err = err_set(ERR_INVALID, "the private key cannot be read");
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return err;
}

enum err binance_key_init(struct binance_key *k, struct slice api_key, struct slice secret)
{
    static const char pem_start[] = "-----BEGIN ";
    unsigned char seed[BINANCE_ED25519_SEED_SIZE];
    *k = (struct binance_key){0};
    if (secret.size < sizeof pem_start || memcmp(secret.data, pem_start, sizeof pem_start - 1) != 0)
        return binance_key_init_hmac(k, api_key, secret);
    if (secret.size > BINANCE_SECRET_SIZE_MAX)
        return err_set(ERR_INVALID, "the secret is too long");
    enum err err = read_pem(secret, seed);
    if (!err) err = binance_key_init_ed25519(k, api_key, seed);
    OPENSSL_cleanse(seed, sizeof seed);
    return err;
}

void binance_key_deinit(struct binance_key *k)
{
    EVP_MAC_CTX_free(k->hmac); /* OpenSSL wipes the key schedule in it */
    OPENSSL_cleanse(k, sizeof *k);
}

/* The prepared context starts again with the same key: nothing is allocated, and the two hash
 * states of the key are not computed again. */
static enum err sign_hmac(struct binance_key *k, struct slice payload,
                          char out[BINANCE_SIGNATURE_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[HMAC_SIZE];
    size_t size = 0;
    if (!EVP_MAC_init(k->hmac, NULL, 0, NULL) ||
        !EVP_MAC_update(k->hmac, (const unsigned char *)payload.data, payload.size) ||
        !EVP_MAC_final(k->hmac, digest, &size, sizeof digest) || size != sizeof digest)
        return err_set(ERR_NO_MEMORY, "cannot sign");
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[2 * sizeof digest] = '\0';
    return OK;
}

static enum err sign_ed25519(const struct binance_key *k, struct slice payload,
                             char out[BINANCE_SIGNATURE_SIZE])
{
    unsigned char signature[crypto_sign_BYTES];
    if (crypto_sign_detached(signature, NULL, (const unsigned char *)payload.data, payload.size,
                             k->ed25519) != 0)
        return err_set(ERR_INVALID, "cannot sign");
    sodium_bin2base64(out, BINANCE_SIGNATURE_SIZE, signature, sizeof signature,
                      sodium_base64_VARIANT_ORIGINAL);
    return OK;
}

enum err binance_sign(struct binance_key *k, struct slice payload, char out[BINANCE_SIGNATURE_SIZE])
{
    CHECK(k->kind == BINANCE_KEY_HMAC || k->kind == BINANCE_KEY_ED25519);
    return k->kind == BINANCE_KEY_HMAC ? sign_hmac(k, payload, out) : sign_ed25519(k, payload, out);
}

enum err binance_sign_query(struct binance_key *k, struct buffer *out, size_t from,
                            int64_t timestamp_ms)
{
    char signature[BINANCE_SIGNATURE_SIZE];
    buffer_append_text(out, out->size > from ? "&recvWindow=" : "recvWindow=");
    buffer_append_i64(out, BINANCE_RECV_WINDOW_MS);
    buffer_append_text(out, "&timestamp=");
    buffer_append_i64(out, timestamp_ms);
    if (out->failed) return err_set(ERR_LIMIT, "the request does not fit its buffer");

    const enum err err =
        binance_sign(k, (struct slice){out->data + from, out->size - from}, signature);
    if (err) return err;
    buffer_append_text(out, "&signature=");
    for (const char *at = signature; *at; at++) {
        if (*at == '+')
            buffer_append_text(out, "%2B");
        else if (*at == '/')
            buffer_append_text(out, "%2F");
        else if (*at == '=')
            buffer_append_text(out, "%3D");
        else
            buffer_append_char(out, *at);
    }
    return out->failed ? err_set(ERR_LIMIT, "the request does not fit its buffer") : OK;
}

static bool needs_escape(struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        const unsigned char byte = (unsigned char)value.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') return true;
    }
    return false;
}

static void sort_by_name(struct binance_parameter *parameters, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct binance_parameter moved = parameters[i];
        size_t to = i;
        for (; to > 0 && strcmp(parameters[to - 1].name, moved.name) > 0; to--)
            parameters[to] = parameters[to - 1];
        parameters[to] = moved;
    }
}

static enum err sign_sorted(struct binance_key *k, const struct binance_parameter *parameters,
                            size_t count, char out[BINANCE_SIGNATURE_SIZE])
{
    struct buffer payload = {.limit = PAYLOAD_LIMIT};
    for (size_t i = 0; i < count; i++) {
        if (i) buffer_append_char(&payload, '&');
        buffer_append_text(&payload, parameters[i].name);
        buffer_append_char(&payload, '=');
        buffer_append(&payload, parameters[i].value.data, parameters[i].value.size);
    }
    enum err err = ERR_LIMIT;
    if (payload.failed)
        err_set(ERR_LIMIT, "the parameters are too long to sign");
    else
        err = binance_sign(k, buffer_slice(&payload), out);
    buffer_deinit(&payload);
    return err;
}

enum err binance_sign_parameters(struct binance_key *k, struct buffer *out,
                                 const struct binance_parameter *parameters, size_t count,
                                 int64_t timestamp_ms)
{
    struct binance_parameter all[BINANCE_PARAMETERS_MAX];
    char timestamp[24], signature[BINANCE_SIGNATURE_SIZE];
    if (count + 2 > BINANCE_PARAMETERS_MAX)
        return err_set(ERR_LIMIT, "more than %d parameters", BINANCE_PARAMETERS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (needs_escape(parameters[i].value))
            return err_set(ERR_INVALID, "the value of %s needs escapes", parameters[i].name);
        all[i] = parameters[i];
    }
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)timestamp_ms);
    all[count++] = (struct binance_parameter){"apiKey", slice_of(k->api_key), false};
    all[count++] = (struct binance_parameter){"timestamp", slice_of(timestamp), true};
    sort_by_name(all, count);

    const enum err err = sign_sorted(k, all, count, signature);
    if (err) return err;
    buffer_append_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        const char *quote = all[i].number ? "" : "\"";
        buffer_append_char(out, '"');
        buffer_append_text(out, all[i].name);
        buffer_append_text(out, "\":");
        buffer_append_text(out, quote);
        buffer_append(out, all[i].value.data, all[i].value.size);
        buffer_append_text(out, quote);
        buffer_append_char(out, ',');
    }
    buffer_append_text(out, "\"signature\":\"");
    buffer_append_text(out, signature);
    buffer_append_text(out, "\"}");
    return out->failed ? err_set(ERR_LIMIT, "the request does not fit its buffer") : OK;
}
