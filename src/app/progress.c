/* A bar on standard error. */
#include "app/progress.h"

#include <stdio.h>
#include <unistd.h>

enum { BAR_WIDTH = 40 };

void progress_show(uint64_t done, uint64_t all)
{
    static const char full[] = "########################################";
    if (!isatty(STDERR_FILENO)) return;
    const int width = (int)(BAR_WIDTH * done / all);
    fprintf(stderr, "\r[%-*.*s] %3d %%", BAR_WIDTH, width, full, (int)(100 * done / all));
    if (done == all) fprintf(stderr, "\r\033[K");
}
