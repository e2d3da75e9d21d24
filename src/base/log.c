/* Formats a log line and writes it in one call. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level lowest = LOG_INFO;
static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_level_set(enum log_level level)
{
    lowest = level;
}

bool log_level_parse(const char *text, enum log_level *out)
{
    for (unsigned i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(text, level_names[i]) != 0) continue;
        *out = (enum log_level)i;
        return true;
    }
    return false;
}

/* Copies text with control characters written as \xNN; returns the bytes written. */
static size_t escape(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (; *text && used + 5 < size; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != 0x7f)
            out[used++] = (char)c;
        else
            used += (size_t)snprintf(out + used, size - used, "\\x%02x", c);
    }
    return used;
}

void log_write(enum log_level level, const char *word, const char *format, ...)
{
    if (level < lowest) return;

    char text[LOG_LINE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char line[2 * LOG_LINE_SIZE];
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    used += (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ %s %s ",
                             now.tv_nsec / 1000000, level_names[level], word);
    used += escape(line + used, sizeof line - used - 1, text);
    line[used++] = '\n';
    /* A log that cannot be written has nobody left to tell. */
    if (write(STDERR_FILENO, line, used) < 0) return;
}
