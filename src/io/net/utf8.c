/* UTF-8 validation: long runs of ASCII by words, the rest by the ranges of RFC 3629 section 4. */
#include "io/net/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

static size_t ascii_run(const unsigned char *at, size_t size);
static bool lead_take(struct utf8 *u, unsigned char byte);

bool utf8_feed(struct utf8 *u, struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.data;
    size_t left = bytes.size;
    while (left > 0) {
        if (u->missing == 0) {
            const size_t plain = ascii_run(at, left);
            at += plain;
            left -= plain;
            if (left == 0) break;
            if (!lead_take(u, *at)) return false;
        } else {
            if (*at < u->low || *at > u->high) return false;
            u->missing--;
            u->low = 0x80;
            u->high = 0xbf;
        }
        at++;
        left--;
    }
    return true;
}

bool utf8_is_valid(struct slice text)
{
    struct utf8 u = {0};
    return utf8_feed(&u, text) && utf8_is_complete(&u);
}

static size_t ascii_run(const unsigned char *at, size_t size)
{
    size_t i = 0;
    for (; size - i >= 32; i += 32) {
        uint64_t words[4];
        memcpy(words, at + i, sizeof words);
        if ((words[0] | words[1] | words[2] | words[3]) & HIGH_BITS) break;
    }
    while (i < size && at[i] < 0x80) i++;
    return i;
}

/* The first byte says how many follow; only the second has limits of its own: they shut out
 * overlong forms (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4). */
static bool lead_take(struct utf8 *u, unsigned char byte)
{
    if (byte < 0xc2 || byte > 0xf4) return false;
    u->missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    u->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    u->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}
