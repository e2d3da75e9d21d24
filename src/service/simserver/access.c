/* Keys and signatures. */
#include "service/simserver/access.h"

#include <string.h>
#include <strings.h>

#include <sodium.h>

static void make_name(char out[ACCESS_NAME_SIZE])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (unsigned i = 0; i < ACCESS_NAME_SIZE - 1; i++)
        out[i] = letters[randombytes_uniform(sizeof letters - 1)];
    out[ACCESS_NAME_SIZE - 1] = '\0';
}

static enum err add_hmac(struct access *a, bool may_withdraw, char secret[ACCESS_NAME_SIZE])
{
    struct access_key *k = &a->keys[a->count++];
    k->kind = BINANCE_KEY_HMAC;
    k->may_withdraw = may_withdraw;
    make_name(k->name);
    make_name(secret);
    return binance_key_init_hmac(&k->hmac, slice_of(k->name), slice_of(secret));
}

enum err access_init(struct access *a, const unsigned char *ed25519_public)
{
    *a = (struct access){0};
    if (sodium_init() < 0) return err_set(ERR_IO, "libsodium does not start");
    enum err err = add_hmac(a, false, a->secret);
    if (!err) err = add_hmac(a, true, a->withdraw_secret);
    if (err || !ed25519_public) return err;
    struct access_key *k = &a->keys[a->count++];
    k->kind = BINANCE_KEY_ED25519;
    memcpy(k->name, ACCESS_ED25519_NAME, sizeof ACCESS_ED25519_NAME);
    memcpy(k->ed25519_public, ed25519_public, sizeof k->ed25519_public);
    return OK;
}

const struct access_key *access_hmac(const struct access *a, bool may_withdraw)
{
    return &a->keys[may_withdraw ? 1 : 0];
}

void access_deinit(struct access *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->keys[i].kind == BINANCE_KEY_HMAC) binance_key_deinit(&a->keys[i].hmac);
    sodium_memzero(a, sizeof *a);
}

struct access_key *access_find(struct access *a, struct slice name)
{
    for (unsigned i = 0; i < a->count; i++)
        if (slice_is(name, a->keys[i].name)) return &a->keys[i];
    return NULL;
}

static bool is_hmac(struct access_key *k, struct slice payload, struct slice signature)
{
    char expected[BINANCE_SIGNATURE_SIZE], given[BINANCE_SIGNATURE_SIZE];
    if (!slice_copy(signature, given, sizeof given)) return false;
    if (binance_sign(&k->hmac, payload, expected) != OK) return false;
    return strlen(expected) == signature.size && strcasecmp(expected, given) == 0;
}

static bool is_ed25519(const struct access_key *k, struct slice payload, struct slice signature)
{
    unsigned char bytes[crypto_sign_BYTES];
    size_t size = 0;
    if (sodium_base642bin(bytes, sizeof bytes, signature.data, signature.size, NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size != sizeof bytes)
        return false;
    return crypto_sign_verify_detached(bytes, (const unsigned char *)payload.data, payload.size,
                                       k->ed25519_public) == 0;
}

bool access_is_signed(struct access_key *k, struct slice payload, struct slice signature)
{
    return k->kind == BINANCE_KEY_HMAC ? is_hmac(k, payload, signature)
                                       : is_ed25519(k, payload, signature);
}
