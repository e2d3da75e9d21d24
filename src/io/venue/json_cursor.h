/* A strict, validating, single-pass reader of JSON text (RFC 8259) for wire codecs.
 *
 * The reader walks a byte slice once and allocates nothing. Everything it passes, skipped values
 * included, is checked: structure, numbers, escapes (no lone surrogates), UTF-8, and a depth of at
 * most CURSOR_DEPTH_MAX. Decimals are read straight into int64 units of a scale, exactly.
 *
 * The first failure sticks: from then on every call returns false, so a decoder may check once, at
 * the end. `error` names the cause and cursor_fail makes an enum err of it.
 *
 *     cursor_init(&c, text);
 *     cursor_enter_object(&c);
 *     while (cursor_next_key(&c, &key)) {
 *         if (slice_is(key, "p")) cursor_decimal(&c, scale, &price);
 *         else cursor_skip(&c);
 *     }
 *     if (!cursor_end(&c)) return cursor_fail(&c, "a trade");
 *
 * Functions are named cursor_… because jansson, which is linked beside, owns json_….
 *
 * Slices handed out point into the text, or into the cursor where a key had escapes: those are good
 * until the next key. */
#ifndef IO_VENUE_JSON_CURSOR_H
#define IO_VENUE_JSON_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/model/money.h"

enum {
    CURSOR_DEPTH_MAX = 64,        /* deeper text is refused */
    CURSOR_KEY_SCRATCH_SIZE = 64, /* a key with escapes that is longer reads as "" */
};

enum cursor_kind {
    CURSOR_NONE, /* no value starts here */
    CURSOR_OBJECT,
    CURSOR_ARRAY,
    CURSOR_STRING,
    CURSOR_NUMBER,
    CURSOR_BOOL,
    CURSOR_NULL,
};

struct json_cursor {
    const char *start, *at, *end;
    const char *error; /* NULL while all is well */
    unsigned depth;
    bool fresh; /* just entered: no comma before the first member */
    char key_scratch[CURSOR_KEY_SCRATCH_SIZE];
};

void cursor_init(struct json_cursor *c, struct slice text);

/* What the next value is; consumes white space only. */
enum cursor_kind cursor_peek(struct json_cursor *c);

bool cursor_enter_object(struct json_cursor *c);
/* The next member's key, the colon consumed; false at the end of the object or on failure. */
bool cursor_next_key(struct json_cursor *c, struct slice *key);
bool cursor_enter_array(struct json_cursor *c);
/* True when another element follows; false at the end of the array or on failure. */
bool cursor_next_element(struct json_cursor *c);

/* A string's bytes as written, without the quotes. *escaped tells of backslashes in it (may be
 * NULL). */
bool cursor_string(struct json_cursor *c, struct slice *out, bool *escaped);
/* A string with its escapes undone: a slice of the text where there were none, else of scratch,
 * which must hold it. */
bool cursor_text(struct json_cursor *c, char *scratch, size_t size, struct slice *out);
/* An integer without fraction or exponent that fits. */
bool cursor_i64(struct json_cursor *c, int64_t *out);
bool cursor_u64(struct json_cursor *c, uint64_t *out);
/* A quoted decimal, as exchanges write prices: exact in units of 10^-scale, else a failure. */
bool cursor_decimal(struct json_cursor *c, unsigned scale, int64_t *out);
/* As cursor_decimal for values >= 0, but digits beyond the scale are rounded and *exact tells of
 * it: for market data, which may be finer than the rules of today. */
bool cursor_decimal_rounded(struct json_cursor *c, unsigned scale, enum rounding mode, int64_t *out,
                            bool *exact);
/* As cursor_decimal_rounded, but a value too large becomes INT64_MAX: for limits, where rounding
 * goes to the safe side. */
bool cursor_decimal_limit(struct json_cursor *c, unsigned scale, enum rounding mode, int64_t *out);
bool cursor_bool(struct json_cursor *c, bool *out);
bool cursor_null(struct json_cursor *c);
/* Passes any one value, checking it. */
bool cursor_skip(struct json_cursor *c);
/* Passes any one value and hands out its bytes. */
bool cursor_raw(struct json_cursor *c, struct slice *out);

/* True when nothing failed and nothing but white space is left. */
bool cursor_end(struct json_cursor *c);
/* Makes the cursor fail with a cause of the caller's (a static string). Returns false. */
bool cursor_refuse(struct json_cursor *c, const char *cause);
/* The failure as ERR_PARSE: "price has more digits than its scale at byte 17 of a trade". */
enum err cursor_fail(const struct json_cursor *c, const char *what);

/* A whole document of any kind: for tests and for bodies that only must be sound. */
bool cursor_is_valid(struct slice text);

#endif
