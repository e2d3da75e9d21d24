/* Sealed bytes: format (1), key version (4, little end first), nonce and box of the data key, nonce
 * and box of the text. */
#include "service/account/vault.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"
#include "service/account/master_keys.h"

enum {
    FORMAT = 1,
    NONCE_SIZE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_SIZE = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    KEY_SIZE = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    VERSION_AT = 1,
    KEY_NONCE_AT = VERSION_AT + 4,
    KEY_BOX_AT = KEY_NONCE_AT + NONCE_SIZE,
    TEXT_NONCE_AT = KEY_BOX_AT + KEY_SIZE + TAG_SIZE,
    TEXT_BOX_AT = TEXT_NONCE_AT + NONCE_SIZE,
    PLACE_SIZE_MAX = 128, /* a place in bytes, as the boxes are bound to it */
    PATH_SIZE = 4096,
};

_Static_assert(VAULT_OVERHEAD == TEXT_BOX_AT + TAG_SIZE, "the header tells callers the size");
_Static_assert((int)MASTER_KEY_SIZE == (int)KEY_SIZE, "a master key is a key of the cipher");
_Static_assert((int)VAULT_VERSIONS_MAX == (int)MASTER_KEYS_MAX, "one limit, told twice");

struct vault {
    pthread_mutex_t lock;     /* of keys; held for one small cipher call at most */
    struct master_keys *keys; /* in guarded memory */
    char path[PATH_SIZE];
};

/* What a box is bound to. */
struct place_bytes {
    size_t size;
    unsigned char data[PLACE_SIZE_MAX];
};

static void put_u64(unsigned char *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* version 0: of the text, which stays when the data key is wrapped anew. */
static struct place_bytes place_bytes(const struct vault_place *place, uint32_t version)
{
    struct place_bytes out = {0};
    const size_t name_size = strlen(place->table);
    CHECK(name_size <= 64);
    unsigned char *at = out.data;
    *at++ = FORMAT;
    *at++ = (unsigned char)name_size; /* so that no two places read alike */
    memcpy(at, place->table, name_size);
    at += name_size;
    put_u64(at, place->row_id);
    put_u64(at + 8, place->user_id);
    put_u64(at + 16, version);
    out.size = (size_t)(at + 24 - out.data);
    return out;
}

static void seal_box(unsigned char *nonce_and_box, const unsigned char *plain, size_t size,
                     const struct place_bytes *place, const unsigned char *key)
{
    randombytes_buf(nonce_and_box, NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce_and_box + NONCE_SIZE, NULL, plain, size,
                                               place->data, place->size, NULL, nonce_and_box, key);
}

static bool open_box(unsigned char *plain, const unsigned char *nonce_and_box, size_t box_size,
                     const struct place_bytes *place, const unsigned char *key)
{
    return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, nonce_and_box + NONCE_SIZE,
                                                      box_size, place->data, place->size,
                                                      nonce_and_box, key) == 0;
}

/* ---- master keys ---- */

static enum err load(struct vault *v)
{
    struct master_keys *keys = sodium_malloc(sizeof *keys);
    if (!keys) return err_set(ERR_NO_MEMORY, "no locked memory for the master keys (ulimit -l)");
    const enum err err = master_keys_read(v->path, keys);
    if (err) {
        sodium_free(keys);
        return err;
    }
    sodium_free(v->keys);
    v->keys = keys;
    return OK;
}

static const struct master_key *find(const struct vault *v, uint32_t version)
{
    for (uint32_t i = 0; i < v->keys->count; i++)
        if (v->keys->items[i].version == version) return &v->keys->items[i];
    return NULL;
}

static const struct master_key *newest(const struct vault *v)
{
    return &v->keys->items[v->keys->count - 1];
}

enum err vault_create(const char *path)
{
    if (sodium_init() < 0) return err_set(ERR_UNSUPPORTED, "libsodium does not start");
    struct master_keys keys = {0};
    enum err err = master_keys_add(&keys);
    if (!err) err = master_keys_write(path, &keys, true);
    sodium_memzero(&keys, sizeof keys);
    return err;
}

enum err vault_open(const char *path, struct vault **out)
{
    if (sodium_init() < 0) return err_set(ERR_UNSUPPORTED, "libsodium does not start");
    if (strlen(path) >= PATH_SIZE)
        return err_set(ERR_INVALID, "the secret file's name is too long");
    struct vault *v = calloc(1, sizeof *v);
    CHECK(v && pthread_mutex_init(&v->lock, NULL) == 0);
    memcpy(v->path, path, strlen(path) + 1);
    const enum err err = load(v);
    if (err)
        vault_close(v);
    else
        *out = v;
    return err;
}

void vault_close(struct vault *v)
{
    if (!v) return;
    sodium_free(v->keys); /* wipes it */
    pthread_mutex_destroy(&v->lock);
    free(v);
}

uint32_t vault_version(struct vault *v)
{
    pthread_mutex_lock(&v->lock);
    const uint32_t version = newest(v)->version;
    pthread_mutex_unlock(&v->lock);
    return version;
}

uint32_t vault_version_count(struct vault *v)
{
    pthread_mutex_lock(&v->lock);
    const uint32_t count = v->keys->count;
    pthread_mutex_unlock(&v->lock);
    return count;
}

enum err vault_learn(struct vault *v, uint32_t version)
{
    enum err err = OK;
    pthread_mutex_lock(&v->lock);
    if (newest(v)->version < version) err = load(v);
    if (!err && newest(v)->version < version)
        err = err_set(ERR_INVALID,
                      "the database asks for master key %u, which is not in %s: restore the secret "
                      "file that belongs to this database",
                      version, v->path);
    pthread_mutex_unlock(&v->lock);
    return err;
}

/* ---- sealing ---- */

/* The lock is held. */
static void wrap(struct vault *v, const struct vault_place *place, const unsigned char *data_key,
                 uint8_t *sealed)
{
    const struct master_key *master = newest(v);
    const struct place_bytes bound = place_bytes(place, master->version);
    sealed[0] = FORMAT;
    for (int i = 0; i < 4; i++) sealed[VERSION_AT + i] = (uint8_t)(master->version >> (8 * i));
    seal_box(sealed + KEY_NONCE_AT, data_key, KEY_SIZE, &bound, master->bytes);
}

/* The lock is held. */
static enum err unwrap(struct vault *v, const struct vault_place *place, struct slice sealed,
                       unsigned char *data_key)
{
    const uint32_t version = vault_sealed_version(sealed);
    if (version == 0) return err_set(ERR_INVALID, "not sealed bytes of this program");
    if (!find(v, version)) {
        /* Another process may have rotated the keys since. */
        const enum err err = load(v);
        if (err) return err;
    }
    const struct master_key *master = find(v, version);
    if (!master)
        return err_set(ERR_INVALID,
                       "sealed by master key %u, which is not in %s: restore the secret "
                       "file that belongs to this database",
                       version, v->path);
    const struct place_bytes bound = place_bytes(place, version);
    const unsigned char *box = (const unsigned char *)sealed.data + KEY_NONCE_AT;
    if (!open_box(data_key, box, KEY_SIZE + TAG_SIZE, &bound, master->bytes))
        return err_set(ERR_INVALID,
                       "sealed bytes of %s %llu were altered, moved or belong to another "
                       "secret file",
                       place->table, (unsigned long long)place->row_id);
    return OK;
}

uint32_t vault_sealed_version(struct slice sealed)
{
    const unsigned char *bytes = (const unsigned char *)sealed.data;
    if (sealed.size < VAULT_OVERHEAD || bytes[0] != FORMAT) return 0;
    return get_u32(bytes + VERSION_AT);
}

enum err vault_seal(struct vault *v, const struct vault_place *place, struct slice plain,
                    uint8_t *out)
{
    unsigned char data_key[KEY_SIZE];
    if (plain.size > VAULT_PLAIN_SIZE_MAX)
        return err_set(ERR_LIMIT, "a secret of %zu bytes is too long: %d are allowed", plain.size,
                       VAULT_PLAIN_SIZE_MAX);
    randombytes_buf(data_key, sizeof data_key);
    pthread_mutex_lock(&v->lock);
    wrap(v, place, data_key, out);
    pthread_mutex_unlock(&v->lock);
    const struct place_bytes bound = place_bytes(place, 0);
    seal_box(out + TEXT_NONCE_AT, (const unsigned char *)plain.data, plain.size, &bound, data_key);
    sodium_memzero(data_key, sizeof data_key);
    return OK;
}

enum err vault_unseal(struct vault *v, const struct vault_place *place, struct slice sealed,
                      uint8_t *out)
{
    unsigned char data_key[KEY_SIZE];
    pthread_mutex_lock(&v->lock);
    enum err err = unwrap(v, place, sealed, data_key);
    pthread_mutex_unlock(&v->lock);
    if (err) return err;
    const struct place_bytes bound = place_bytes(place, 0);
    const unsigned char *box = (const unsigned char *)sealed.data + TEXT_NONCE_AT;
    if (!open_box(out, box, sealed.size - TEXT_BOX_AT, &bound, data_key))
        err = err_set(ERR_INVALID, "the secret in %s %llu was altered", place->table,
                      (unsigned long long)place->row_id);
    sodium_memzero(data_key, sizeof data_key);
    return err;
}

enum err vault_rewrap(struct vault *v, const struct vault_place *place, uint8_t *sealed,
                      size_t size)
{
    unsigned char data_key[KEY_SIZE];
    pthread_mutex_lock(&v->lock);
    const struct slice bytes = {(const char *)sealed, size};
    const enum err err = unwrap(v, place, bytes, data_key);
    if (!err) wrap(v, place, data_key, sealed);
    pthread_mutex_unlock(&v->lock);
    sodium_memzero(data_key, sizeof data_key);
    return err;
}

/* ---- rotation ---- */

/* The file first, memory after: what seals must never be a key that only we know. */
static enum err replace(struct vault *v,
                        enum err (*change)(struct master_keys *keys, uint32_t below),
                        uint32_t below)
{
    pthread_mutex_lock(&v->lock);
    enum err err = load(v);
    struct master_keys *keys = err ? NULL : sodium_malloc(sizeof *keys);
    if (!err && !keys) err = err_set(ERR_NO_MEMORY, "no locked memory for the master keys");
    if (!err) {
        *keys = *v->keys;
        err = change(keys, below);
    }
    if (!err) err = master_keys_write(v->path, keys, false);
    if (!err) err = load(v);
    sodium_free(keys);
    pthread_mutex_unlock(&v->lock);
    return err;
}

static enum err add(struct master_keys *keys, uint32_t below)
{
    (void)below;
    return master_keys_add(keys);
}

static enum err drop(struct master_keys *keys, uint32_t below)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < keys->count; i++)
        if (keys->items[i].version >= below) keys->items[kept++] = keys->items[i];
    if (kept == 0) return err_set(ERR_INVALID, "there is no master key %u to keep", below);
    keys->count = kept;
    return OK;
}

enum err vault_rotate(struct vault *v)
{
    return replace(v, add, 0);
}

enum err vault_retire(struct vault *v, uint32_t below)
{
    return replace(v, drop, below);
}
