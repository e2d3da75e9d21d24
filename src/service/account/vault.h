/* Seals secrets (exchange keys, second factors) for rows of the database: envelope encryption.
 *
 *     plain --data key, fresh for each sealing--> box --+
 *     data key --master key of a version--> wrapped ----+--> sealed bytes, stored in the row
 *
 * Both layers are XChaCha20-Poly1305 with random nonces, and both are bound to their place (table,
 * row, owner): sealed bytes that were moved to another row, or to another user, do not open. The
 * wrapping is bound to the master key's version as well.
 *
 * Master keys are lines `<version> <base64 of 32 bytes>` in a file that nobody else may read; the
 * highest version seals. vault_rotate adds a version to the file; key_rotation.h then wraps each
 * sealed row anew (vault_rewrap, which leaves the box as it is), and vault_retire drops the old
 * versions. A vault that meets a version it does not know reads its file again: no restart is
 * needed.
 *
 * In memory the keys lie in libsodium's guarded pages: locked, not in core dumps, between
 * inaccessible ones. Thread: any; a lock inside guards the re-reading.
 * Source: libsodium documentation, "AEAD" and "Secure memory". */
#ifndef SERVICE_ACCOUNT_VAULT_H
#define SERVICE_ACCOUNT_VAULT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum {
    VAULT_VERSIONS_MAX = 8,     /* in one file at a time; one more is refused: retire first */
    VAULT_OVERHEAD = 117,       /* sealed bytes beyond the plain ones */
    VAULT_PLAIN_SIZE_MAX = 4096 /* a longer plain text is refused */
};

struct vault;

/* Where sealed bytes live. A row that is copied elsewhere does not open there. */
struct vault_place {
    const char *table;
    uint64_t row_id, user_id;
};

/* Makes the file with a first random key, mode 0600. ERR_EXISTS where there is one. */
enum err vault_create(const char *path) ERR_MUST_USE;
/* ERR_NOT_FOUND: no such file. ERR_INVALID: not a key file, or one that others may read or write:
 * the text says how to put it right. ERR_NO_MEMORY: no locked memory. */
enum err vault_open(const char *path, struct vault **out) ERR_MUST_USE;
/* Wipes the keys. NULL is fine. */
void vault_close(struct vault *v);
/* The version that seals. */
uint32_t vault_version(struct vault *v);
/* How many versions it knows: more than one while a rotation is not finished. */
uint32_t vault_version_count(struct vault *v);
/* Reads the file again where its newest version may be older than that one. ERR_INVALID: the file
 * does not have it either. */
enum err vault_learn(struct vault *v, uint32_t version) ERR_MUST_USE;

/* out takes plain.size + VAULT_OVERHEAD bytes. ERR_LIMIT: plain is too long. */
enum err vault_seal(struct vault *v, const struct vault_place *place, struct slice plain,
                    uint8_t *out) ERR_MUST_USE;
/* out takes sealed.size - VAULT_OVERHEAD bytes, and nothing on an error. ERR_INVALID: altered,
 * moved, or sealed by a master key that is gone; the text says which of the two. */
enum err vault_unseal(struct vault *v, const struct vault_place *place, struct slice sealed,
                      uint8_t *out) ERR_MUST_USE;
/* Wraps the data key by the newest master key, in place. Errors as of vault_unseal. */
enum err vault_rewrap(struct vault *v, const struct vault_place *place, uint8_t *sealed,
                      size_t size) ERR_MUST_USE;
/* The master key's version that sealed these bytes; 0 where they are too short to be ours. */
uint32_t vault_sealed_version(struct slice sealed);

/* Adds a version, durably and at once (a new file takes the old one's place). ERR_LIMIT: too many
 * versions. Running vaults go on with what they know until they meet the new one. */
enum err vault_rotate(struct vault *v) ERR_MUST_USE;
/* Drops the versions below that one, which the file must have: only when no row is sealed by
 * them. */
enum err vault_retire(struct vault *v, uint32_t below) ERR_MUST_USE;

#endif
