/* The thread-local trace behind err_set, err_note and err_text. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char trace[ERR_TEXT_SIZE];

enum err err_set(enum err code, const char *format, ...)
{
    /* By way of a copy, because an argument may be the old trace itself. */
    char text[ERR_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(trace, text, sizeof trace);
    return code;
}

enum err err_note(enum err code, const char *format, ...)
{
    size_t used = strlen(trace);
    if (used + 3 >= sizeof trace) return code;
    memcpy(trace + used, "; ", 3);
    used += 2;
    va_list args;
    va_start(args, format);
    vsnprintf(trace + used, sizeof trace - used, format, args);
    va_end(args);
    return code;
}

const char *err_text(void)
{
    return trace;
}

const char *err_name(enum err code)
{
    switch (code) {
    case OK: return "ok";
    case ERR_IO: return "io";
    case ERR_PARSE: return "parse";
    case ERR_INVALID: return "invalid";
    case ERR_LIMIT: return "limit";
    case ERR_NOT_FOUND: return "not_found";
    case ERR_EXISTS: return "exists";
    case ERR_TIMEOUT: return "timeout";
    case ERR_CLOSED: return "closed";
    case ERR_NO_MEMORY: return "no_memory";
    case ERR_UNSUPPORTED: return "unsupported";
    }
    return "unknown";
}
