/* Packed: the size of the API key (2 bytes, little end first), the API key, the secret. */
#include "service/account/exchange_secret.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

enum {
    SIZE_SIZE = 2,
    PACKED_MAX = STORE_KEY_SEALED_MAX - VAULT_OVERHEAD,
    ENDS_SIZE = 4,               /* shown at each end of a mask */
    MASKED_FROM = 4 * ENDS_SIZE, /* shorter keys show nothing */
};

struct exchange_secret {
    size_t size;
    unsigned char packed[PACKED_MAX];
};

void exchange_key_mask(struct slice api_key, char out[STORE_MASKED_SIZE])
{
    const int shown = api_key.size >= MASKED_FROM ? ENDS_SIZE : 0;
    snprintf(out, STORE_MASKED_SIZE, "%.*s****%.*s", shown, api_key.data, shown,
             api_key.data + api_key.size - shown);
}

enum err exchange_secret_seal(struct vault *v, uint64_t id, uint64_t user_id, struct slice api_key,
                              struct slice secret, struct store_key_sealed *out)
{
    unsigned char packed[PACKED_MAX];
    const size_t size = SIZE_SIZE + api_key.size + secret.size;
    const struct vault_place place = {"exchange_keys", id, user_id};
    if (api_key.size > UINT16_MAX || size > sizeof packed)
        return err_set(ERR_LIMIT, "an API key and secret of %zu bytes are too long", size);
    packed[0] = (unsigned char)api_key.size;
    packed[1] = (unsigned char)(api_key.size >> 8);
    memcpy(packed + SIZE_SIZE, api_key.data, api_key.size);
    memcpy(packed + SIZE_SIZE + api_key.size, secret.data, secret.size);
    const enum err err =
        vault_seal(v, &place, (struct slice){(const char *)packed, size}, out->bytes);
    sodium_memzero(packed, sizeof packed);
    out->size = (uint32_t)(size + VAULT_OVERHEAD);
    return err;
}

static size_t api_key_size(const struct exchange_secret *s)
{
    return (size_t)s->packed[0] | (size_t)s->packed[1] << 8;
}

enum err exchange_secret_open(struct vault *v, const struct store_key *key,
                              const struct store_key_sealed *sealed, struct exchange_secret **out)
{
    const struct vault_place place = {"exchange_keys", key->id, key->user_id};
    const struct slice bytes = {(const char *)sealed->bytes, sealed->size};
    if (sealed->size < VAULT_OVERHEAD + SIZE_SIZE)
        return err_set(ERR_INVALID, "the secret of exchange key %llu was altered",
                       (unsigned long long)key->id);
    struct exchange_secret *s = sodium_malloc(sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "no locked memory for an exchange key (ulimit -l)");
    s->size = sealed->size - VAULT_OVERHEAD;
    enum err err = vault_unseal(v, &place, bytes, s->packed);
    if (!err && api_key_size(s) > s->size - SIZE_SIZE)
        err = err_set(ERR_INVALID, "the secret of exchange key %llu is not one",
                      (unsigned long long)key->id);
    if (err)
        exchange_secret_close(s);
    else
        *out = s;
    return err;
}

void exchange_secret_close(struct exchange_secret *s)
{
    sodium_free(s); /* wipes it */
}

struct slice exchange_secret_api_key(const struct exchange_secret *s)
{
    return (struct slice){(const char *)s->packed + SIZE_SIZE, api_key_size(s)};
}

struct slice exchange_secret_secret(const struct exchange_secret *s)
{
    const size_t from = SIZE_SIZE + api_key_size(s);
    return (struct slice){(const char *)s->packed + from, s->size - from};
}
