/* A bar on standard error while work goes on; nothing where that is no terminal. */
#ifndef APP_PROGRESS_H
#define APP_PROGRESS_H

#include <stdint.h>

/* Draws the share done <= all, all > 0; the full one takes the bar away. Cheap enough for a few
 * hundred calls. */
void progress_show(uint64_t done, uint64_t all);

#endif
