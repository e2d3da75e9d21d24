/* UTF-8, checked: what RFC 3629 allows and nothing else (no overlong forms, no surrogates, nothing
 * above U+10FFFF). Pure, any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>

#include "base/slice.h"

bool utf8_is_valid(struct slice text);

#endif
