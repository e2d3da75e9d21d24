/* The arena over one anonymous mapping. */
#include "base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"

enum { ALIGNMENT = 64 };

enum err arena_init(struct arena *a, size_t size)
{
    void *base = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return err_set(ERR_NO_MEMORY, "cannot take %zu bytes: %s", size, strerror(errno));
    *a = (struct arena){.base = base, .size = size};
    return OK;
}

void arena_deinit(struct arena *a)
{
    if (a->base) munmap(a->base, a->size ? a->size : 1);
    *a = (struct arena){0};
}

size_t arena_need(size_t count, size_t size)
{
    size_t bytes;
    CHECK(!__builtin_mul_overflow(count, size, &bytes));
    CHECK(bytes <= SIZE_MAX - ALIGNMENT);
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

void *arena_take(struct arena *a, size_t count, size_t size)
{
    const size_t bytes = arena_need(count, size);
    CHECK(bytes <= a->size - a->used);
    void *piece = a->base + a->used;
    a->used += bytes;
    return piece;
}
