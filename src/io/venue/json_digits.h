/* Decimal digits of wire text, eight at a time in one 64-bit word.
 *
 * These are the quick forms of what json_cursor.c does byte by byte, and a test shows them equal:
 * where one of them does not know the shape it returns NULL and the plain form decides.
 * Little-endian machines only; elsewhere they always return NULL. They never read at or behind
 * `end`. */
#ifndef IO_VENUE_JSON_DIGITS_H
#define IO_VENUE_JSON_DIGITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_ZEROS     UINT64_C(0x3030303030303030)
#define DIGITS_HIGH_BITS UINT64_C(0x8080808080808080)

enum { DIGITS_SCALE_MAX = 8 }; /* decimals that fit one word */

/* What a scale does to the word that holds a fraction's first eight digits. */
struct digits_scale {
    uint64_t excess; /* bytes of the digits that the scale cannot hold */
    unsigned shift;  /* moves the digits it does hold to the end of the word */
    uint32_t power;  /* 10^scale */
};
extern const struct digits_scale digits_scales[DIGITS_SCALE_MAX + 1];

static inline uint64_t digits_load(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word ^ DIGITS_ZEROS;
}

/* The high bit of the first byte that is no digit is the lowest bit set; 0 when all eight are
 * digits. Bits above the lowest one mean nothing: the sum carries. */
static inline uint64_t digits_others(uint64_t word)
{
    return ((word + UINT64_C(0x7676767676767676)) | word) & DIGITS_HIGH_BITS;
}

/* The number that eight digits make, the first of them in the lowest byte: neighbours join to
 * pairs, pairs to fours, fours to eight. */
static inline uint64_t digits_value(uint64_t word)
{
    word = (word * (10 * 256 + 1)) >> 8;
    word = ((word & UINT64_C(0x00ff00ff00ff00ff)) * (100 * 65536 + 1)) >> 16;
    return ((word & UINT64_C(0x0000ffff0000ffff)) * (UINT64_C(10000) * 4294967296 + 1)) >> 32;
}

/* digits '.' digits '"', at most seven before the dot and eight behind it: the place behind the
 * quote, or NULL. */
static inline const char *digits_decimal(const char *p, const char *end, unsigned scale,
                                         int64_t *out)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    return NULL;
#endif
    if (end - p < 10 || scale > DIGITS_SCALE_MAX) return NULL;
    const uint64_t head = digits_load(p);
    const uint64_t stop = digits_others(head);
    if (stop == 0) return NULL;
    const unsigned whole = (unsigned)__builtin_ctzll(stop) / 8;
    if (whole == 0 || p[whole] != '.' || end - p < (ptrdiff_t)whole + 10) return NULL;

    const char *after = p + whole + 1;
    uint64_t tail = digits_load(after);
    const uint64_t tail_stop = digits_others(tail);
    if (tail_stop == 0) {
        after += 8;
    } else {
        /* Fewer than eight digits read as if zeros followed. */
        const unsigned part = (unsigned)__builtin_ctzll(tail_stop) / 8;
        if (part == 0) return NULL;
        tail &= (UINT64_C(1) << (8 * part)) - 1;
        after += part;
    }
    const struct digits_scale *s = &digits_scales[scale];
    if (*after != '"' || (tail & s->excess)) return NULL;
    *out = (int64_t)(digits_value(head << (64 - 8 * whole)) * s->power +
                     digits_value(tail << s->shift));
    return after + 1;
}

/* One to fifteen digits without a leading zero, then anything else: the place behind the last
 * digit, or NULL. */
static inline const char *digits_integer(const char *p, const char *end, uint64_t *out)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    return NULL;
#endif
    if (end - p < 16) return NULL;
    const uint64_t head = digits_load(p);
    const uint64_t stop = digits_others(head);
    unsigned count;
    if (stop != 0) {
        count = (unsigned)__builtin_ctzll(stop) / 8;
        if (count == 0) return NULL;
        *out = digits_value(head << (64 - 8 * count));
    } else {
        const uint64_t tail = digits_load(p + 8);
        const uint64_t tail_stop = digits_others(tail);
        if (tail_stop == 0) return NULL;
        const unsigned more = (unsigned)__builtin_ctzll(tail_stop) / 8;
        static const uint32_t powers[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
        /* In two shifts, because a shift by 64 is not defined. */
        *out = digits_value(head) * powers[more] + digits_value(tail << (56 - 8 * more) << 8);
        count = 8 + more;
    }
    if (*p == '0' && count > 1) return NULL;
    return p + count;
}

#endif
