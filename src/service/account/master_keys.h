/* The file of master keys: versions and 32 bytes each, in a file that nobody else may read.
 *
 * Lines are `<version> <base64>`, versions counting up; '#' starts a comment line. Writing goes
 * through a temporary file, fsync and rename, so a crash leaves the old file or the new one.
 * Thread: none of its own. */
#ifndef SERVICE_ACCOUNT_MASTER_KEYS_H
#define SERVICE_ACCOUNT_MASTER_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { MASTER_KEY_SIZE = 32, MASTER_KEYS_MAX = 8 };

struct master_key {
    uint32_t version;
    unsigned char bytes[MASTER_KEY_SIZE];
};

struct master_keys {
    uint32_t count; /* at least 1 once read; versions rise */
    struct master_key items[MASTER_KEYS_MAX];
};

/* Appends a random one of the next version. ERR_LIMIT when full. */
enum err master_keys_add(struct master_keys *keys) ERR_MUST_USE;
/* ERR_NOT_FOUND, ERR_INVALID with the cause and the cure, ERR_IO. */
enum err master_keys_read(const char *path, struct master_keys *keys) ERR_MUST_USE;
/* exclusive: ERR_EXISTS where there is a file; else it takes the place of the one there is. */
enum err master_keys_write(const char *path, const struct master_keys *keys,
                           bool exclusive) ERR_MUST_USE;

#endif
