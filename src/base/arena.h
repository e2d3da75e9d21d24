/* One block of memory taken at start and handed out in pieces; freed all at once.
 *
 * The core takes everything it will ever need from an arena when it is made, so that nothing on the
 * path of a tick can run out of memory or wait for the allocator. Pieces are zeroed and aligned to
 * 64 bytes (a cache line). */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/err.h"

struct arena {
    unsigned char *base;
    size_t size;
    size_t used;
};

/* Takes `size` bytes from the system; the pages cost memory only once they are touched. */
enum err arena_init(struct arena *a, size_t size) ERR_MUST_USE;
void arena_deinit(struct arena *a);
/* A zeroed array of `count` pieces of `size` bytes.
 * Asking for more than arena_init took is a bug. */
void *arena_take(struct arena *a, size_t count, size_t size);
/* What arena_take(count, size) will use up: for adding up how large an arena must be. */
size_t arena_need(size_t count, size_t size);

#endif
