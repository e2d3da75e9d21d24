/* Values in, values out, one hash over all. */
#include "io/store/backup_file.h"

#include <errno.h>
#include <string.h>

enum { PIECE_SIZE = 1 << 16 };

static const char mark[8] = "TBBACK01";

static void put_bytes(struct backup_file *b, const void *data, size_t size);
static void get_bytes(struct backup_file *b, void *out, size_t size);
static enum err verify(struct backup_file *b);
static enum err hash_file(struct backup_file *b, uint64_t size);

void backup_file_write(struct backup_file *b, FILE *file)
{
    *b = (struct backup_file){.file = file};
    crypto_hash_sha256_init(&b->hash);
    put_bytes(b, mark, sizeof mark);
}

void backup_file_put_u8(struct backup_file *b, uint8_t value)
{
    put_bytes(b, &value, 1);
}

void backup_file_put_u64(struct backup_file *b, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    put_bytes(b, bytes, sizeof bytes);
}

void backup_file_put(struct backup_file *b, struct slice value)
{
    if (value.size > BACKUP_VALUE_MAX) {
        b->err = err_set(ERR_LIMIT, "a value of %zu bytes is too long for a backup", value.size);
        return;
    }
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value.size >> (8 * i));
    put_bytes(b, bytes, sizeof bytes);
    put_bytes(b, value.data, value.size);
}

enum err backup_file_finish(struct backup_file *b)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&b->hash, hash);
    if (b->err) return b->err;
    if (fwrite(hash, 1, sizeof hash, b->file) != sizeof hash || fflush(b->file) != 0)
        b->err = err_set(ERR_IO, "cannot write the backup: %s", strerror(errno));
    return b->err;
}

enum err backup_file_read(struct backup_file *b, FILE *file)
{
    *b = (struct backup_file){.file = file};
    crypto_hash_sha256_init(&b->hash);
    b->err = verify(b);
    return b->err;
}

uint8_t backup_file_get_u8(struct backup_file *b)
{
    uint8_t value = 0;
    get_bytes(b, &value, 1);
    return value;
}

uint64_t backup_file_get_u64(struct backup_file *b)
{
    uint8_t bytes[8] = {0};
    uint64_t value = 0;
    get_bytes(b, bytes, sizeof bytes);
    for (int i = 7; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

struct slice backup_file_get(struct backup_file *b)
{
    uint8_t bytes[4] = {0};
    uint32_t size = 0;
    get_bytes(b, bytes, sizeof bytes);
    for (int i = 3; i >= 0; i--) size = size << 8 | bytes[i];
    if (!b->err && (size > BACKUP_VALUE_MAX || size > b->size - b->at))
        b->err = err_set(ERR_PARSE, "the backup has a value of %u bytes where none can be", size);
    buffer_clear(&b->value);
    char *out = b->err ? NULL : buffer_reserve(&b->value, (size_t)size + 1);
    if (!out) {
        if (!b->err) b->err = err_set(ERR_NO_MEMORY, "out of memory");
        return (struct slice){"", 0};
    }
    get_bytes(b, out, size);
    out[size] = '\0';
    return (struct slice){out, size};
}

enum err backup_file_error(const struct backup_file *b)
{
    return b->err;
}

void backup_file_deinit(struct backup_file *b)
{
    buffer_deinit(&b->value);
}

static void put_bytes(struct backup_file *b, const void *data, size_t size)
{
    if (b->err || size == 0) return;
    crypto_hash_sha256_update(&b->hash, data, size);
    if (fwrite(data, 1, size, b->file) != size)
        b->err = err_set(ERR_IO, "cannot write the backup: %s", strerror(errno));
}

static void get_bytes(struct backup_file *b, void *out, size_t size)
{
    if (b->err) return;
    if (size > b->size - b->at)
        b->err = err_set(ERR_PARSE, "the backup ends in the middle of a value");
    else if (fread(out, 1, size, b->file) != size)
        b->err = err_set(ERR_IO, "cannot read the backup: %s", strerror(errno));
    b->at += size;
}

static enum err verify(struct backup_file *b)
{
    uint8_t kept[crypto_hash_sha256_BYTES], hash[crypto_hash_sha256_BYTES];
    char first[sizeof mark];
    if (fseek(b->file, 0, SEEK_END) != 0)
        return err_set(ERR_IO, "cannot read it twice: a backup is restored from a file");
    const long size = ftell(b->file);
    rewind(b->file);
    if (size < (long)(sizeof mark + sizeof kept) ||
        fread(first, 1, sizeof first, b->file) != sizeof first ||
        memcmp(first, mark, sizeof mark) != 0)
        return err_set(ERR_PARSE, "it is no backup of TradeBot's");
    rewind(b->file);
    b->size = (uint64_t)size - sizeof kept;
    const enum err err = hash_file(b, b->size);
    if (err) return err;
    crypto_hash_sha256_final(&b->hash, hash);
    if (fread(kept, 1, sizeof kept, b->file) != sizeof kept || memcmp(kept, hash, sizeof hash) != 0)
        return err_set(ERR_PARSE, "its checksum does not hold: it is damaged or not whole");
    b->at = sizeof mark;
    return fseek(b->file, sizeof mark, SEEK_SET) == 0
               ? OK
               : err_set(ERR_IO, "cannot read the backup: %s", strerror(errno));
}

static enum err hash_file(struct backup_file *b, uint64_t size)
{
    unsigned char piece[PIECE_SIZE];
    for (uint64_t at = 0; at < size;) {
        const size_t wanted = size - at < PIECE_SIZE ? (size_t)(size - at) : PIECE_SIZE;
        if (fread(piece, 1, wanted, b->file) != wanted)
            return err_set(ERR_IO, "cannot read the backup: %s", strerror(errno));
        crypto_hash_sha256_update(&b->hash, piece, wanted);
        at += wanted;
    }
    return OK;
}
