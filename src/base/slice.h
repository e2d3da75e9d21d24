/* A view of bytes that somebody else owns: the pointer is good only as long as the owner says. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data;
    size_t size;
};

/* A slice over a string literal. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

/* Copies into a C string of `size` bytes; false (and "" in out) where it does not fit whole. */
static inline bool slice_copy(struct slice a, char *out, size_t size)
{
    if (a.size >= size) {
        out[0] = '\0';
        return false;
    }
    memcpy(out, a.data, a.size);
    out[a.size] = '\0';
    return true;
}

#endif
