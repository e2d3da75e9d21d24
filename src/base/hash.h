/* A 64-bit hash that is the same on every machine and in every run: for decision hashes, checksums
 * of our own files and hash tables. Not for secrets, and not against an enemy who picks the keys.
 *
 * It is an accumulator: hash_bytes(hash_bytes(h, a), b) differs from hashing a and b joined,
 * because each piece also mixes in its size. Values are mixed as numbers, so byte order does not
 * matter. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SEED UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t hash_u64(uint64_t hash, uint64_t value)
{
    /* splitmix64's finaliser over the running sum: every input bit reaches every output bit */
    uint64_t x = (hash ^ value) + HASH_SEED;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t hash_i64(uint64_t hash, int64_t value)
{
    return hash_u64(hash, (uint64_t)value);
}

uint64_t hash_bytes(uint64_t hash, const void *data, size_t size);

#endif
