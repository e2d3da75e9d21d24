/* One line an event on standard error: time, level, a constant word, then key=value pairs.
 *
 *     2026-11-23T14:05:00.123Z info feed_live venue=sim streams=6
 *
 * Log transitions, not heartbeats. Any thread may call it: a line is one write(2). Control
 * characters in the text are escaped, so that nothing a peer sends can forge a line. Secrets have
 * no printer and must never be an argument. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_LINE_SIZE 1024

/* The lowest level that is written; LOG_INFO at start. Set it before threads start. */
void log_level_set(enum log_level level);
/* "debug", "info", "warn" or "error"; false for anything else. */
bool log_level_parse(const char *text, enum log_level *out);

void log_write(enum log_level level, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
