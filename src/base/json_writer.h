/* Writes JSON into a buffer, member by member; commas and escapes are its affair.
 *
 * `key` is a member's name inside an object and NULL inside an array and at the top. Texts must be
 * UTF-8: who takes a text in checks it. Overflow shows in buffer.failed. Amounts of money, which
 * are strings, are written by core/model/money_json.h. Any thread. Source: RFC 8259. */
#ifndef BASE_JSON_WRITER_H
#define BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct json_writer {
    struct buffer *out;
    bool needs_comma;
};

/* bracket: '{' or '[', and '}' or ']'. */
void writer_open(struct json_writer *w, const char *key, char bracket);
void writer_close(struct json_writer *w, char bracket);
void writer_text(struct json_writer *w, const char *key, const char *text);
/* The text, or null where it is empty. */
void writer_text_or_null(struct json_writer *w, const char *key, const char *text);
void writer_null(struct json_writer *w, const char *key);
void writer_bool(struct json_writer *w, const char *key, bool value);
void writer_u64(struct json_writer *w, const char *key, uint64_t value);
void writer_i64(struct json_writer *w, const char *key, int64_t value);
/* Ten digits; null where it is not finite. */
void writer_double(struct json_writer *w, const char *key, double value);
/* RFC 3339 in UTC with milliseconds. */
void writer_time(struct json_writer *w, const char *key, int64_t time_ms);
/* Text that is JSON already. */
void writer_raw(struct json_writer *w, const char *key, const char *json);

#endif
