/* Strict cutting of an HTTP/1.1 message head. */
#include "io/net/http_head.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"

static bool is_value_clean(struct slice value);
static bool are_bytes_clean(struct slice value);
static enum err header_split(struct slice line, struct http_header *out);
static struct slice trimmed(struct slice text);
static bool list_has_token(struct slice list, struct slice token);

/* Letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 5.6.2). */
static const struct http_chars token_chars = {
    {UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe)}};

size_t http_head_size(struct slice bytes, size_t seen)
{
    /* The four bytes may lie across what was seen and what came. */
    size_t at = seen > 3 ? seen - 3 : 0;
    while (bytes.size - at >= 4) {
        const char *found = memchr(bytes.data + at, '\r', bytes.size - at - 3);
        if (!found) return 0;
        if (memcmp(found, "\r\n\r\n", 4) == 0) return (size_t)(found - bytes.data) + 4;
        at = (size_t)(found - bytes.data) + 1;
    }
    return 0;
}

enum err http_head_scan(struct slice bytes, size_t seen)
{
    for (size_t i = seen ? seen - 1 : 0; i < bytes.size; i++) {
        const unsigned char c = (unsigned char)bytes.data[i];
        const bool is_end = i + 1 == bytes.size;
        const bool is_folded = (c == ' ' || c == '\t') && (i == 0 || bytes.data[i - 1] == '\n');
        const bool is_bad = is_folded   ? true
                            : c == '\r' ? !is_end && bytes.data[i + 1] != '\n'
                            : c == '\n' ? i == 0 || bytes.data[i - 1] != '\r'
                                        : (c < ' ' && c != '\t') || c == 127;
        if (is_bad) return err_set(ERR_PARSE, "a control character or a broken line end");
    }
    return OK;
}

enum err http_head_split(struct slice head, struct slice *line, struct http_headers *headers)
{
    CHECK(head.size >= 4);
    headers->count = 0;
    bool is_first = true;
    const char *at = head.data;
    const char *end = head.data + head.size - 2; /* where the empty line begins */
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf || lf == at || lf[-1] != '\r')
            return err_set(ERR_PARSE, "a line does not end in CR LF");
        const struct slice text = {at, (size_t)(lf - at) - 1};
        if (!is_value_clean(text)) return err_set(ERR_PARSE, "a control character in a line");
        at = lf + 1;
        if (is_first) {
            if (text.size == 0) return err_set(ERR_PARSE, "an empty first line");
            *line = text;
            is_first = false;
            continue;
        }
        if (headers->count == HTTP_HEADER_LIMIT)
            return err_set(ERR_LIMIT, "more than %d headers", HTTP_HEADER_LIMIT);
        const enum err err = header_split(text, &headers->items[headers->count]);
        if (err) return err;
        headers->count++;
    }
    if (is_first) return err_set(ERR_PARSE, "no first line");
    return OK;
}

struct slice http_header_get(const struct http_headers *headers, const char *name)
{
    const struct slice wanted = slice_of(name);
    for (size_t i = 0; i < headers->count; i++)
        if (http_text_equal(headers->items[i].name, wanted)) return headers->items[i].value;
    return (struct slice){0};
}

int64_t http_header_number(const struct http_headers *headers, const char *name)
{
    enum { DIGITS_MAX = 15 };
    const struct slice text = http_header_get(headers, name);
    int64_t value = 0;
    if (text.size == 0 || text.size > DIGITS_MAX) return -1;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return -1;
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

size_t http_header_count(const struct http_headers *headers, const char *name)
{
    const struct slice wanted = slice_of(name);
    size_t count = 0;
    for (size_t i = 0; i < headers->count; i++)
        if (http_text_equal(headers->items[i].name, wanted)) count++;
    return count;
}

bool http_header_has_token(const struct http_headers *headers, const char *name, const char *token)
{
    const struct slice wanted = slice_of(name);
    for (size_t i = 0; i < headers->count; i++)
        if (http_text_equal(headers->items[i].name, wanted) &&
            list_has_token(headers->items[i].value, slice_of(token)))
            return true;
    return false;
}

bool http_header_is_valid(const struct http_header *header)
{
    return http_is_token(header->name) && is_value_clean(header->value);
}

bool http_text_equal(struct slice a, struct slice b)
{
    if (a.size != b.size) return false;
    for (size_t i = 0; i < a.size; i++) {
        const unsigned x = (unsigned char)a.data[i], y = (unsigned char)b.data[i];
        /* The case is one bit, and counts only in letters. */
        if (x != y && ((x ^ y) != 0x20 || (x | 0x20) < 'a' || (x | 0x20) > 'z')) return false;
    }
    return true;
}

bool http_is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!http_char_is(&token_chars, text.data[i])) return false;
    return text.size > 0;
}

/* Tab is the one control character that a line may have. Eight bytes at a time; what looks bad is
 * looked at again byte by byte. */
static bool is_value_clean(struct slice value)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    size_t i = 0;
    for (; i + 8 <= value.size; i += 8) {
        uint64_t x;
        memcpy(&x, value.data + i, sizeof x);
        const uint64_t without_top = x & ~tops;
        /* A byte's top bit stays clear in `low` where the byte is below a space, and in `deletes`
         * where it is 127; bytes from 128 on are clean. */
        const uint64_t low = without_top + ones * (128 - ' ');
        const uint64_t deletes = (without_top ^ ones * 127) + ones * 127;
        if ((((low & deletes) | x) & tops) == tops) continue;
        if (!are_bytes_clean((struct slice){value.data + i, 8})) return false;
    }
    return are_bytes_clean((struct slice){value.data + i, value.size - i});
}

static bool are_bytes_clean(struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        const unsigned char c = (unsigned char)value.data[i];
        if ((c < ' ' && c != '\t') || c == 127) return false;
    }
    return true;
}

/* The name must be a token: this also refuses folded lines and space before the colon. */
static enum err header_split(struct slice line, struct http_header *out)
{
    const char *colon = memchr(line.data, ':', line.size);
    if (!colon) return err_set(ERR_PARSE, "a header line without a colon");
    out->name = (struct slice){line.data, (size_t)(colon - line.data)};
    if (!http_is_token(out->name)) return err_set(ERR_PARSE, "a header name that is no token");
    out->value = trimmed((struct slice){colon + 1, line.size - out->name.size - 1});
    return OK;
}

static struct slice trimmed(struct slice text)
{
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static bool list_has_token(struct slice list, struct slice token)
{
    const char *at = list.data;
    const char *end = list.data + list.size;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        if (!comma) comma = end;
        if (http_text_equal(trimmed((struct slice){at, (size_t)(comma - at)}), token)) return true;
        at = comma + 1;
    }
    return false;
}
