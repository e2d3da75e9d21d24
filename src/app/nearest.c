/* Edit distance, with swapped neighbours as one edit. */
#include "app/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { DISTANCE_MAX = 2 };

static bool same(char a, char b);
static unsigned distance_of(const char *a, const char *b);
static unsigned least(unsigned a, unsigned b);

void nearest_init(struct nearest *n, const char *typed)
{
    const unsigned half = (unsigned)strlen(typed) / 2;
    *n = (struct nearest){.typed = typed, .distance = least(half, DISTANCE_MAX) + 1};
}

void nearest_try(struct nearest *n, const char *name)
{
    const size_t size = strlen(n->typed);
    const bool begins = size > 0 && strncasecmp(n->typed, name, size) == 0;
    const unsigned distance = begins ? 1 : distance_of(n->typed, name);
    if (distance >= n->distance && !(begins && !n->name)) return;
    n->name = name;
    n->distance = distance;
}

/* Row by row of the usual table; two rows back is where a swap comes from. */
static unsigned distance_of(const char *a, const char *b)
{
    unsigned rows[3][NEAREST_SIZE_MAX + 1];
    const size_t height = strlen(a), width = strlen(b);
    if (height > NEAREST_SIZE_MAX || width > NEAREST_SIZE_MAX) return NEAREST_SIZE_MAX;
    for (unsigned x = 0; x <= width; x++) rows[0][x] = x;
    for (unsigned y = 1; y <= height; y++) {
        unsigned *row = rows[y % 3], *above = rows[(y + 2) % 3];
        row[0] = y;
        for (unsigned x = 1; x <= width; x++) {
            const unsigned changed = above[x - 1] + !same(a[y - 1], b[x - 1]);
            row[x] = least(changed, least(above[x], row[x - 1]) + 1);
            if (y > 1 && x > 1 && same(a[y - 1], b[x - 2]) && same(a[y - 2], b[x - 1]))
                row[x] = least(row[x], rows[(y + 1) % 3][x - 2] + 1);
        }
    }
    return rows[height % 3][width];
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}
