/* JSON, written. */
#include "base/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void quote(struct buffer *out, const char *text)
{
    buffer_append_char(out, '"');
    for (const char *at = text; *at; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            buffer_append_char(out, '\\');
            buffer_append_char(out, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            buffer_printf(out, "\\u%04x", c);
        } else {
            buffer_append_char(out, (char)c);
        }
    }
    buffer_append_char(out, '"');
}

static void begin(struct json_writer *w, const char *key)
{
    if (w->needs_comma) buffer_append_char(w->out, ',');
    w->needs_comma = true;
    if (!key) return;
    quote(w->out, key);
    buffer_append_char(w->out, ':');
}

void writer_open(struct json_writer *w, const char *key, char bracket)
{
    begin(w, key);
    buffer_append_char(w->out, bracket);
    w->needs_comma = false;
}

void writer_close(struct json_writer *w, char bracket)
{
    buffer_append_char(w->out, bracket);
    w->needs_comma = true;
}

void writer_text(struct json_writer *w, const char *key, const char *text)
{
    begin(w, key);
    quote(w->out, text);
}

void writer_text_or_null(struct json_writer *w, const char *key, const char *text)
{
    if (*text)
        writer_text(w, key, text);
    else
        writer_null(w, key);
}

void writer_null(struct json_writer *w, const char *key)
{
    writer_raw(w, key, "null");
}

void writer_bool(struct json_writer *w, const char *key, bool value)
{
    writer_raw(w, key, value ? "true" : "false");
}

void writer_u64(struct json_writer *w, const char *key, uint64_t value)
{
    begin(w, key);
    buffer_append_u64(w->out, value);
}

void writer_i64(struct json_writer *w, const char *key, int64_t value)
{
    begin(w, key);
    buffer_append_i64(w->out, value);
}

void writer_double(struct json_writer *w, const char *key, double value)
{
    begin(w, key);
    if (isfinite(value))
        buffer_printf(w->out, "%.10g", value);
    else
        buffer_append_text(w->out, "null");
}

void writer_time(struct json_writer *w, const char *key, int64_t time_ms)
{
    char text[64];
    struct tm tm;
    const time_t seconds = (time_t)(time_ms / 1000);
    if (time_ms < 0 || !gmtime_r(&seconds, &tm)) {
        writer_null(w, key);
        return;
    }
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(time_ms % 1000));
    writer_text(w, key, text);
}

void writer_raw(struct json_writer *w, const char *key, const char *json)
{
    begin(w, key);
    buffer_append_text(w->out, json);
}
