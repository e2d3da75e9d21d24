/* Amounts in JSON: strings, because a JSON number would pass through a double. Pure. */
#ifndef CORE_MODEL_MONEY_JSON_H
#define CORE_MODEL_MONEY_JSON_H

#include "base/json_writer.h"
#include "core/model/money.h"

/* All decimals of the scale: prices and fees. */
void writer_decimal(struct json_writer *w, const char *key, int64_t units, unsigned scale);
/* The same number without trailing zeros: quantities, money, percentages. */
void writer_short_decimal(struct json_writer *w, const char *key, int64_t units, unsigned scale);

#endif
