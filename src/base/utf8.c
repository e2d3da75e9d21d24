/* UTF-8 validation: long runs of ASCII by words, the rest by the ranges of RFC 3629 section 4. */
#include "base/utf8.h"

#include <stdint.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

static size_t ascii_run(const unsigned char *at, size_t size);
static size_t character_size(const unsigned char *at, size_t size);

bool utf8_is_valid(struct slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;
    while (left > 0) {
        const size_t plain = ascii_run(at, left);
        at += plain;
        left -= plain;
        if (left == 0) return true;
        const size_t size = character_size(at, left);
        if (size == 0) return false;
        at += size;
        left -= size;
    }
    return true;
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

/* Of a character beyond ASCII; 0: none can begin like this. The first byte says how many follow;
 * only the second has limits of its own: they shut out overlong forms (E0, F0), surrogates (ED) and
 * what lies above U+10FFFF (F4). */
static size_t character_size(const unsigned char *at, size_t size)
{
    const unsigned char lead = at[0];
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const size_t need = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (need > size) return 0;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < need; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    return need;
}
