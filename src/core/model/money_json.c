/* Amounts, written into JSON. */
#include "core/model/money_json.h"

void writer_decimal(struct json_writer *w, const char *key, int64_t units, unsigned scale)
{
    char text[DECIMAL_TEXT_SIZE];
    decimal_write(units, scale, text);
    writer_text(w, key, text);
}

void writer_short_decimal(struct json_writer *w, const char *key, int64_t units, unsigned scale)
{
    char text[DECIMAL_TEXT_SIZE];
    size_t size = decimal_write(units, scale, text);
    if (scale > 0) {
        while (text[size - 1] == '0') size--;
        if (text[size - 1] == '.') size--;
        text[size] = '\0';
    }
    writer_text(w, key, text);
}
