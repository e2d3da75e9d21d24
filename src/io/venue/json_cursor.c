/* The JSON reader: one pass, no memory of its own, everything checked. */
#include "io/venue/json_cursor.h"

#include <string.h>

#include "base/check.h"
#include "io/venue/json_digits.h"

static void skip_space(struct json_cursor *c);
static bool close_with(struct json_cursor *c, char close, bool *more);
static bool pass_literal(struct json_cursor *c, const char *word, size_t size);
static bool pass_number(struct json_cursor *c);
static bool pass_digits(struct json_cursor *c);
static bool pass_escape(struct json_cursor *c);
static bool pass_utf8(struct json_cursor *c);
static bool read_hex4(const char *at, const char *end, unsigned *out);
static size_t unescape(struct slice raw, char *out, size_t size);

const struct digits_scale digits_scales[DIGITS_SCALE_MAX + 1] = {
    {UINT64_C(0xffffffffffffffff), 0, 1},         {UINT64_C(0xffffffffffffff00), 56, 10},
    {UINT64_C(0xffffffffffff0000), 48, 100},      {UINT64_C(0xffffffffff000000), 40, 1000},
    {UINT64_C(0xffffffff00000000), 32, 10000},    {UINT64_C(0xffffff0000000000), 24, 100000},
    {UINT64_C(0xffff000000000000), 16, 1000000},  {UINT64_C(0xff00000000000000), 8, 10000000},
    {UINT64_C(0x0000000000000000), 0, 100000000},
};

void cursor_init(struct json_cursor *c, struct slice text)
{
    c->start = c->at = text.data;
    c->end = text.data + text.size;
    c->error = NULL;
    c->depth = 0;
    c->fresh = false;
}

bool cursor_refuse(struct json_cursor *c, const char *cause)
{
    if (!c->error) c->error = cause;
    return false;
}

enum err cursor_fail(const struct json_cursor *c, const char *what)
{
    return err_set(ERR_PARSE, "%s at byte %zu of %s", c->error ? c->error : "malformed",
                   (size_t)(c->at - c->start), what);
}

enum cursor_kind cursor_peek(struct json_cursor *c)
{
    if (c->error) return CURSOR_NONE;
    skip_space(c);
    if (c->at == c->end) return CURSOR_NONE;
    switch (*c->at) {
    case '{': return CURSOR_OBJECT;
    case '[': return CURSOR_ARRAY;
    case '"': return CURSOR_STRING;
    case 't':
    case 'f': return CURSOR_BOOL;
    case 'n': return CURSOR_NULL;
    default: return *c->at == '-' || (*c->at >= '0' && *c->at <= '9') ? CURSOR_NUMBER : CURSOR_NONE;
    }
}

static bool enter(struct json_cursor *c, enum cursor_kind kind, const char *cause)
{
    if (cursor_peek(c) != kind) return cursor_refuse(c, cause);
    if (c->depth == CURSOR_DEPTH_MAX) return cursor_refuse(c, "too deep");
    c->depth++;
    c->at++;
    c->fresh = true;
    return true;
}

bool cursor_enter_object(struct json_cursor *c)
{
    return enter(c, CURSOR_OBJECT, "not an object");
}

bool cursor_enter_array(struct json_cursor *c)
{
    return enter(c, CURSOR_ARRAY, "not an array");
}

bool cursor_next_key(struct json_cursor *c, struct slice *key)
{
    bool more = false, escaped = false;
    if (!close_with(c, '}', &more) || !more) return false;
    if (cursor_peek(c) != CURSOR_STRING) return cursor_refuse(c, "key expected");
    if (!cursor_string(c, key, &escaped)) return false;
    if (escaped)
        *key =
            (struct slice){c->key_scratch, unescape(*key, c->key_scratch, sizeof c->key_scratch)};
    skip_space(c);
    if (c->at == c->end || *c->at != ':') return cursor_refuse(c, "':' expected");
    c->at++;
    return true;
}

bool cursor_next_element(struct json_cursor *c)
{
    bool more = false;
    return close_with(c, ']', &more) && more;
}

bool cursor_string(struct json_cursor *c, struct slice *out, bool *escaped)
{
    bool any = false;
    if (cursor_peek(c) != CURSOR_STRING) return cursor_refuse(c, "not a string");
    const char *from = ++c->at;
    for (;;) {
        if (c->at == c->end) return cursor_refuse(c, "string without end");
        const unsigned char byte = (unsigned char)*c->at;
        if (byte == '"') break;
        if (byte == '\\') {
            any = true;
            if (!pass_escape(c)) return false;
        } else if (byte < 0x20) {
            return cursor_refuse(c, "control character in a string");
        } else if (byte < 0x80) {
            c->at++;
        } else if (!pass_utf8(c)) {
            return false;
        }
    }
    *out = (struct slice){from, (size_t)(c->at - from)};
    c->at++;
    if (escaped) *escaped = any;
    return true;
}

bool cursor_text(struct json_cursor *c, char *scratch, size_t size, struct slice *out)
{
    bool escaped;
    if (!cursor_string(c, out, &escaped)) return false;
    if (!escaped) return true;
    /* An unescaped text is never longer than its escaped form. */
    if (out->size > size) return cursor_refuse(c, "text too long");
    *out = (struct slice){scratch, unescape(*out, scratch, size)};
    return true;
}

bool cursor_u64(struct json_cursor *c, uint64_t *out)
{
    if (cursor_peek(c) != CURSOR_NUMBER || *c->at == '-') return cursor_refuse(c, "not a count");
    const char *after = digits_integer(c->at, c->end, out);
    if (after && *after != '.' && (*after | 0x20) != 'e') {
        c->at = after;
        return true;
    }
    const char *from = c->at;
    uint64_t value = 0;
    if (!pass_number(c)) return false;
    for (const char *at = from; at < c->at; at++) {
        if (*at < '0' || *at > '9') return cursor_refuse(c, "not an integer");
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return cursor_refuse(c, "integer too large");
    }
    *out = value;
    return true;
}

bool cursor_i64(struct json_cursor *c, int64_t *out)
{
    uint64_t magnitude;
    if (cursor_peek(c) != CURSOR_NUMBER) return cursor_refuse(c, "not a number");
    const bool negative = *c->at == '-';
    if (negative) {
        c->at++;
        if (c->at == c->end || *c->at < '0' || *c->at > '9')
            return cursor_refuse(c, "digit expected");
    }
    if (!cursor_u64(c, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return cursor_refuse(c, "integer too large");
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool cursor_decimal(struct json_cursor *c, unsigned scale, int64_t *out)
{
    struct slice text;
    if (cursor_peek(c) != CURSOR_STRING) return cursor_refuse(c, "not a quoted decimal");
    const char *after = digits_decimal(c->at + 1, c->end, scale, out);
    if (after) {
        c->at = after;
        return true;
    }
    if (!cursor_string(c, &text, NULL)) return false;
    return decimal_parse(text.data, text.size, scale, out) ||
           cursor_refuse(c, "decimal malformed or beyond its scale");
}

/* Is it digits, and perhaps a dot with digits on both sides? *rest: are there others than zeros
 * from `kept` on? */
static bool is_unsigned_decimal(struct slice text, size_t whole, size_t kept, bool *rest)
{
    *rest = false;
    if (whole == 0 || whole + 1 == text.size) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (i == whole) continue;
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *rest |= i >= kept && text.data[i] != '0';
    }
    return true;
}

static bool read_rounded(struct json_cursor *c, unsigned scale, enum rounding mode, int64_t *out,
                         bool *exact, bool *overflow)
{
    struct slice text;
    int64_t value;
    bool rest;
    if (!cursor_string(c, &text, NULL)) return false;
    const char *dot = memchr(text.data, '.', text.size);
    const size_t whole = dot ? (size_t)(dot - text.data) : text.size;
    size_t kept = text.size;
    if (dot && kept > whole + 1 + scale) kept = whole + 1 + scale;
    if (kept == whole + 1) kept = whole; /* no dot without a digit behind it */
    if (!is_unsigned_decimal(text, whole, kept, &rest))
        return cursor_refuse(c, "malformed decimal");
    /* All digits are sound, so only an overflow is left to fail. */
    *overflow = !decimal_parse(text.data, kept, scale, &value) ||
                (rest && mode == ROUND_UP && __builtin_add_overflow(value, 1, &value));
    *exact = !rest;
    *out = *overflow ? INT64_MAX : value;
    return true;
}

bool cursor_decimal_rounded(struct json_cursor *c, unsigned scale, enum rounding mode, int64_t *out,
                            bool *exact)
{
    bool overflow = false;
    return read_rounded(c, scale, mode, out, exact, &overflow) &&
           (!overflow || cursor_refuse(c, "decimal too large"));
}

bool cursor_decimal_limit(struct json_cursor *c, unsigned scale, enum rounding mode, int64_t *out)
{
    bool exact = false, overflow = false;
    return read_rounded(c, scale, mode, out, &exact, &overflow);
}

bool cursor_bool(struct json_cursor *c, bool *out)
{
    if (cursor_peek(c) != CURSOR_BOOL) return cursor_refuse(c, "not a boolean");
    *out = *c->at == 't';
    return *out ? pass_literal(c, "true", 4) : pass_literal(c, "false", 5);
}

bool cursor_null(struct json_cursor *c)
{
    if (cursor_peek(c) != CURSOR_NULL) return cursor_refuse(c, "not null");
    return pass_literal(c, "null", 4);
}

static bool pass_scalar(struct json_cursor *c, enum cursor_kind kind)
{
    struct slice text;
    bool value;
    switch (kind) {
    case CURSOR_STRING: return cursor_string(c, &text, NULL);
    case CURSOR_NUMBER: return pass_number(c);
    case CURSOR_BOOL: return cursor_bool(c, &value);
    case CURSOR_NULL: return cursor_null(c);
    default: return cursor_refuse(c, "value expected");
    }
}

bool cursor_skip(struct json_cursor *c)
{
    uint64_t objects = 0; /* one bit an open container: 1 = object; CURSOR_DEPTH_MAX fit */
    unsigned open = 0;
    struct slice key;
    for (;;) {
        const enum cursor_kind kind = cursor_peek(c);
        if (kind == CURSOR_OBJECT || kind == CURSOR_ARRAY) {
            if (!enter(c, kind, "value expected")) return false;
            objects = objects << 1 | (kind == CURSOR_OBJECT);
            open++;
        } else if (!pass_scalar(c, kind)) {
            return false;
        }
        while (open && !((objects & 1) ? cursor_next_key(c, &key) : cursor_next_element(c))) {
            if (c->error) return false;
            objects >>= 1;
            open--;
        }
        if (!open) return true;
    }
}

bool cursor_raw(struct json_cursor *c, struct slice *out)
{
    cursor_peek(c);
    const char *from = c->at;
    if (!cursor_skip(c)) return false;
    *out = (struct slice){from, (size_t)(c->at - from)};
    return true;
}

bool cursor_end(struct json_cursor *c)
{
    if (c->error) return false;
    CHECK(c->depth == 0);
    skip_space(c);
    return c->at == c->end || cursor_refuse(c, "bytes behind the end");
}

bool cursor_is_valid(struct slice text)
{
    struct json_cursor c;
    cursor_init(&c, text);
    return cursor_skip(&c) && cursor_end(&c);
}

static void skip_space(struct json_cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
}

/* Before a member: passes the comma, or the closing bracket (*more = false). */
static bool close_with(struct json_cursor *c, char close, bool *more)
{
    if (c->error) return false;
    skip_space(c);
    if (c->at == c->end) return cursor_refuse(c, "text ends too early");
    *more = *c->at != close;
    if (!*more) {
        c->at++;
        c->depth--;
        c->fresh = false;
        return true;
    }
    if (c->fresh) {
        c->fresh = false;
        return true;
    }
    if (*c->at != ',') return cursor_refuse(c, "',' expected");
    c->at++;
    return true;
}

static bool pass_literal(struct json_cursor *c, const char *word, size_t size)
{
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0)
        return cursor_refuse(c, "unknown word");
    c->at += size;
    return true;
}

static bool pass_digits(struct json_cursor *c)
{
    const char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') c->at++;
    return c->at > from || cursor_refuse(c, "digit expected");
}

static bool pass_number(struct json_cursor *c)
{
    if (c->at < c->end && *c->at == '-') c->at++;
    const char *from = c->at;
    if (!pass_digits(c)) return false;
    if (*from == '0' && c->at - from > 1) return cursor_refuse(c, "leading zero");
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!pass_digits(c)) return false;
    }
    if (c->at < c->end && (*c->at == 'e' || *c->at == 'E')) {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-')) c->at++;
        if (!pass_digits(c)) return false;
    }
    return true;
}

static bool read_hex4(const char *at, const char *end, unsigned *out)
{
    if (end - at < 4) return false;
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        const char lower = (char)(at[i] | 0x20);
        if (at[i] >= '0' && at[i] <= '9')
            value = value << 4 | (unsigned)(at[i] - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value << 4 | (unsigned)(lower - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

static bool pass_escape(struct json_cursor *c)
{
    unsigned unit, low;
    if (c->end - c->at < 2) return cursor_refuse(c, "string without end");
    const char kind = c->at[1];
    if (kind != 'u') {
        if (!memchr("\"\\/bfnrt", kind, 8)) return cursor_refuse(c, "unknown escape");
        c->at += 2;
        return true;
    }
    if (!read_hex4(c->at + 2, c->end, &unit)) return cursor_refuse(c, "malformed \\u escape");
    if (unit >= 0xdc00 && unit <= 0xdfff) return cursor_refuse(c, "lone surrogate");
    c->at += 6;
    if (unit < 0xd800 || unit > 0xdbff) return true;
    if (c->end - c->at < 6 || c->at[0] != '\\' || c->at[1] != 'u' ||
        !read_hex4(c->at + 2, c->end, &low) || low < 0xdc00 || low > 0xdfff)
        return cursor_refuse(c, "lone surrogate");
    c->at += 6;
    return true;
}

/* One character of two to four bytes: no overlong form, no surrogate, nothing above U+10FFFF. */
static bool pass_utf8(struct json_cursor *c)
{
    const unsigned char *p = (const unsigned char *)c->at;
    const size_t left = (size_t)(c->end - c->at);
    size_t size = 0;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */

    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        size = 2;
    else if (p[0] >= 0xe0 && p[0] <= 0xef)
        size = 3;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4)
        size = 4;
    if (p[0] == 0xe0) low = 0xa0;
    if (p[0] == 0xed) high = 0x9f;
    if (p[0] == 0xf0) low = 0x90;
    if (p[0] == 0xf4) high = 0x8f;

    if (size == 0 || left < size || p[1] < low || p[1] > high)
        return cursor_refuse(c, "malformed UTF-8");
    for (size_t i = 2; i < size; i++)
        if (p[i] < 0x80 || p[i] > 0xbf) return cursor_refuse(c, "malformed UTF-8");
    c->at += size;
    return true;
}

static size_t write_utf8(unsigned code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    const size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {[2] = 0xc0, [3] = 0xe0, [4] = 0xf0};
    for (size_t i = size; i-- > 1; code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(heads[size] | code);
    return size;
}

/* Undoes the escapes of a string that was checked before; 0 where it does not fit. */
static size_t unescape(struct slice raw, char *out, size_t size)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t used = 0;
    if (raw.size > size) return 0;
    for (const char *at = raw.data, *end = raw.data + raw.size; at < end;) {
        unsigned code, low = 0;
        if (*at != '\\') {
            out[used++] = *at++;
        } else if (at[1] != 'u') {
            out[used++] = to[strchr(from, at[1]) - from];
            at += 2;
        } else {
            CHECK(read_hex4(at + 2, end, &code));
            at += 6;
            if (code >= 0xd800 && code <= 0xdbff) {
                CHECK(read_hex4(at + 2, end, &low));
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            }
            used += write_utf8(code, out + used);
        }
    }
    return used;
}
