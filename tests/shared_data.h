/* Recorded data that lies beside the project, in ../shared/data. It is not part of the project: a
 * test that needs it skips where it is absent. */
#ifndef TESTS_SHARED_DATA_H
#define TESTS_SHARED_DATA_H

#include <stdio.h>
#include <stdlib.h>

/* NULL, after saying so, when the file is not there. */
static inline FILE *shared_data_open(const char *name)
{
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    char path[4096];
    snprintf(path, sizeof path, "%s/../shared/data/%s", root ? root : ".", name);
    FILE *file = fopen(path, "r");
    if (!file) fprintf(stderr, "skipped: %s is absent\n", path);
    return file;
}

/* A file of the project itself, by its path from the root. */
static inline FILE *source_file_open(const char *name)
{
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    return fopen(path, "r");
}

#endif
