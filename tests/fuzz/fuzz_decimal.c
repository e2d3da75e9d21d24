/* Decimal text: what decimal_parse takes, decimal_write gives back as the same number, exactly. */
#include <stdlib.h>

#include "base/check.h"
#include "core/model/money.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    const unsigned scale = data[0] % (SCALE_MAX + 1);
    int64_t units, again;
    if (!decimal_parse((const char *)data + 1, size - 1, scale, &units)) return 0;

    char text[DECIMAL_TEXT_SIZE];
    const size_t length = decimal_write(units, scale, text);
    CHECK(length < sizeof(text));
    CHECK(decimal_parse(text, length, scale, &again));
    CHECK(again == units);
    return 0;
}
