/* UTF-8, checked in pieces: what RFC 3629 allows and nothing else (no overlong forms, no surrogates,
 * nothing above U+10FFFF). Pure, any thread.
 *
 * A zeroed struct utf8 stands between two characters. Feeding stops at the first byte that no valid
 * text can have there, so a bad message is refused before it is whole. */
#ifndef IO_NET_UTF8_H
#define IO_NET_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct utf8 {
    uint8_t missing; /* continuation bytes that the character still needs */
    uint8_t low;     /* the next of them must lie in low..high */
    uint8_t high;
};

/* False: no text continues like this; the struct is of no more use. */
bool utf8_feed(struct utf8 *u, struct slice bytes);
/* True between two characters: a text may end here. */
static inline bool utf8_is_complete(const struct utf8 *u)
{
    return u->missing == 0;
}
/* The whole text at once. */
bool utf8_is_valid(struct slice text);

#endif
