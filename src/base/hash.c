/* Hashing runs of bytes, eight at a time. */
#include "base/hash.h"

uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *at = data;
    hash = hash_u64(hash, size);
    for (size_t left = size; left > 0;) {
        const size_t count = left < 8 ? left : 8;
        uint64_t word = 0;
        for (size_t i = 0; i < count; i++) word |= (uint64_t)at[i] << (8 * i);
        hash = hash_u64(hash, word);
        at += count;
        left -= count;
    }
    return hash;
}
