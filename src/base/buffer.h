/* A growing run of bytes on the heap, for building messages outside the core.
 *
 * A zeroed struct is an empty buffer. Growth stops at `limit` (0 = BUFFER_LIMIT_DEFAULT): from then
 * on `failed` is set and every further append does nothing, so a writer checks once, at the end. */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

#define BUFFER_LIMIT_DEFAULT ((size_t)64 << 20)

struct buffer {
    char *data;
    size_t size;
    size_t capacity;
    size_t limit;
    bool failed;
};

void buffer_deinit(struct buffer *b);
/* Empties it and keeps the memory. */
void buffer_clear(struct buffer *b);
/* Room for `extra` more bytes: where to write them, or NULL when failed. buffer_commit says how
 * many were written. */
char *buffer_reserve(struct buffer *b, size_t extra);
void buffer_commit(struct buffer *b, size_t size);
void buffer_append(struct buffer *b, const void *data, size_t size);
void buffer_append_text(struct buffer *b, const char *text);
void buffer_append_char(struct buffer *b, char c);
void buffer_append_u64(struct buffer *b, uint64_t value);
void buffer_append_i64(struct buffer *b, int64_t value);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first `size` bytes. */
void buffer_consume(struct buffer *b, size_t size);

static inline struct slice buffer_slice(const struct buffer *b)
{
    return (struct slice){b->data, b->size};
}

#endif
