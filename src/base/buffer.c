/* The growing byte buffer. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

enum { FIRST_CAPACITY = 256 };

void buffer_deinit(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){.limit = b->limit};
}

void buffer_clear(struct buffer *b)
{
    b->size = 0;
    b->failed = false;
}

char *buffer_reserve(struct buffer *b, size_t extra)
{
    if (b->failed) return NULL;
    const size_t limit = b->limit ? b->limit : BUFFER_LIMIT_DEFAULT;
    if (extra > limit || b->size > limit - extra) {
        b->failed = true;
        return NULL;
    }
    if (b->data && b->capacity - b->size >= extra) return b->data + b->size;

    size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
    while (capacity < b->size + extra) capacity *= 2;
    char *data = realloc(b->data, capacity);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->capacity = capacity;
    return b->data + b->size;
}

void buffer_commit(struct buffer *b, size_t size)
{
    CHECK(size <= b->capacity - b->size);
    b->size += size;
}

void buffer_append(struct buffer *b, const void *data, size_t size)
{
    if (size == 0) return;
    char *at = buffer_reserve(b, size);
    if (!at) return;
    memcpy(at, data, size);
    b->size += size;
}

void buffer_append_text(struct buffer *b, const char *text)
{
    buffer_append(b, text, strlen(text));
}

void buffer_append_char(struct buffer *b, char c)
{
    buffer_append(b, &c, 1);
}

void buffer_append_u64(struct buffer *b, uint64_t value)
{
    char digits[20];
    unsigned at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buffer_append(b, digits + at, sizeof digits - at);
}

void buffer_append_i64(struct buffer *b, int64_t value)
{
    if (value < 0) buffer_append_char(b, '-');
    buffer_append_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(size >= 0);
    char *at = buffer_reserve(b, (size_t)size + 1);
    if (!at) return;
    va_start(args, format);
    vsnprintf(at, (size_t)size + 1, format, args);
    va_end(args);
    b->size += (size_t)size;
}

void buffer_consume(struct buffer *b, size_t size)
{
    CHECK(size <= b->size);
    if (size == 0) return;
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
}
