/* "Did you mean": the known name that a mistyped one is nearest to.
 *
 * Nearness is the number of letters added, dropped, changed or swapped with their neighbour, upper
 * and lower case being the same; a beginning of a name is one away from it. Further away than two,
 * or than half of what was typed, is no help and gives nothing. */
#ifndef APP_NEAREST_H
#define APP_NEAREST_H

enum { NEAREST_SIZE_MAX = 40 }; /* longer words are near to nothing */

struct nearest {
    const char *typed;
    const char *name; /* the best so far; NULL: none is near */
    unsigned distance;
};

/* The texts are not copied. */
void nearest_init(struct nearest *n, const char *typed);
void nearest_try(struct nearest *n, const char *name);

#endif
