/* Writing a command's output, and noticing when that failed (a full disk, a closed pipe). */
#ifndef APP_OUTPUT_H
#define APP_OUTPUT_H

#include "base/buffer.h"
#include "base/err.h"

/* To standard output. */
enum err output_print(const struct buffer *b) ERR_MUST_USE;
/* To a file, which is made or replaced. */
enum err output_write_file(const char *path, const struct buffer *b) ERR_MUST_USE;

#endif
