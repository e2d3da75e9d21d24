/* The bytes of a backup: small values one after another, and at the end a checksum over all of
 * them.
 *
 *     "TBBACK01"  values …  SHA-256 of everything before (32 bytes)
 *
 * Numbers are little-endian; texts and blobs are a u32 of size and the bytes. What the values mean
 * is backup.h's affair. A reader first reads the whole file and compares the checksum, so nothing
 * of a damaged or cut file is used.
 *
 * Errors are kept: after the first one every further call does nothing, and the end tells it.
 * Memory: the caller's struct, and a buffer for the longest value. Any thread, one at a time. */
#ifndef IO_STORE_BACKUP_FILE_H
#define IO_STORE_BACKUP_FILE_H

#include <stdint.h>
#include <stdio.h>

#include <sodium.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"

/* A longer text or blob is none that a database of ours has. */
#define BACKUP_VALUE_MAX ((uint32_t)16 << 20)

struct backup_file {
    FILE *file; /* the caller's */
    crypto_hash_sha256_state hash;
    struct buffer value;
    uint64_t size, at; /* reading: of what stands before the checksum */
    enum err err;
};

/* Writes the mark. */
void backup_file_write(struct backup_file *b, FILE *file);
void backup_file_put_u8(struct backup_file *b, uint8_t value);
void backup_file_put_u64(struct backup_file *b, uint64_t value);
void backup_file_put(struct backup_file *b, struct slice value);
/* Writes the checksum and flushes. ERR_IO, ERR_LIMIT (a value was too long). */
enum err backup_file_finish(struct backup_file *b) ERR_MUST_USE;

/* Verifies all of it and stands behind the mark. ERR_PARSE: no backup, cut or damaged. ERR_IO: not
 * readable, or not a file that can be read twice. */
enum err backup_file_read(struct backup_file *b, FILE *file) ERR_MUST_USE;
uint8_t backup_file_get_u8(struct backup_file *b);
uint64_t backup_file_get_u64(struct backup_file *b);
/* Good until the next one; ends with a NUL that is not counted. */
struct slice backup_file_get(struct backup_file *b);
/* Of what was read; ERR_PARSE: the values do not fit their place. */
enum err backup_file_error(const struct backup_file *b) ERR_MUST_USE;

void backup_file_deinit(struct backup_file *b);

#endif
