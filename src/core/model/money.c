/* Fixed-point arithmetic and its text form. */
#include "core/model/money.h"

#include "base/check.h"

__extension__ typedef __int128 i128; /* ISO C has no 128-bit integer; gcc and clang do */

static const int64_t powers[SCALE_MAX + 1] = {
    INT64_C(1),
    INT64_C(10),
    INT64_C(100),
    INT64_C(1000),
    INT64_C(10000),
    INT64_C(100000),
    INT64_C(1000000),
    INT64_C(10000000),
    INT64_C(100000000),
    INT64_C(1000000000),
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

static bool divide(i128 product, i128 divisor, enum rounding mode, int64_t *out)
{
    /* Nearly always both fit into 64 bits, where a division takes a fraction of the time. */
    if ((int64_t)product == product && (int64_t)divisor == divisor && divisor > 0) {
        const int64_t quotient = (int64_t)product / (int64_t)divisor;
        const bool inexact = (int64_t)product % (int64_t)divisor != 0;
        *out = quotient + (mode == ROUND_UP && inexact ? (product < 0 ? -1 : 1) : 0);
        return true;
    }
    i128 result = product / divisor;
    if (mode == ROUND_UP && product % divisor != 0)
        result += (product < 0) == (divisor < 0) ? 1 : -1;
    if (result > INT64_MAX || result < INT64_MIN) return false;
    *out = (int64_t)result;
    return true;
}

bool money_notional(struct price p, unsigned price_scale, struct qty q, unsigned qty_scale,
                    unsigned money_scale, enum rounding mode, struct money *out)
{
    const unsigned scale = price_scale + qty_scale;
    CHECK(price_scale <= SCALE_MAX && qty_scale <= SCALE_MAX && money_scale <= SCALE_MAX);
    const i128 product = (i128)p.units * q.units;
    if (scale >= money_scale) {
        /* At most 10^36, which 128 bits hold. */
        const unsigned drop = scale - money_scale;
        const unsigned first = drop < SCALE_MAX ? drop : SCALE_MAX;
        return divide(product, (i128)powers[first] * powers[drop - first], mode, &out->units);
    }
    i128 raised;
    if (__builtin_mul_overflow(product, (i128)powers[money_scale - scale], &raised)) return false;
    return divide(raised, 1, mode, &out->units);
}

/* units * 10^exponent / divisor, rounded down, for exponents from -36 to 36. */
static bool shift_divide(int64_t units, int exponent, int64_t divisor, int64_t *out)
{
    if (divisor <= 0) return false;
    i128 dividend = units, below = divisor;
    for (int left = exponent; left > 0; left -= SCALE_MAX) {
        const int step = left < SCALE_MAX ? left : SCALE_MAX;
        if (__builtin_mul_overflow(dividend, (i128)powers[step], &dividend)) return false;
    }
    for (int left = -exponent; left > 0; left -= SCALE_MAX) {
        const int step = left < SCALE_MAX ? left : SCALE_MAX;
        if (__builtin_mul_overflow(below, (i128)powers[step], &below)) return false;
    }
    return divide(dividend, below, ROUND_DOWN, out);
}

bool money_to_qty(struct money m, unsigned money_scale, struct price p, unsigned price_scale,
                  unsigned qty_scale, struct qty *out)
{
    const int exponent = (int)(price_scale + qty_scale) - (int)money_scale;
    return shift_divide(m.units, exponent, p.units, &out->units);
}

bool money_average(struct money m, unsigned money_scale, struct qty q, unsigned qty_scale,
                   unsigned price_scale, struct price *out)
{
    const int exponent = (int)(price_scale + qty_scale) - (int)money_scale;
    return shift_divide(m.units, exponent, q.units, &out->units);
}

bool units_part(int64_t units, int64_t ppm, enum rounding mode, int64_t *out)
{
    int64_t product;
    if (__builtin_mul_overflow(units, ppm, &product))
        return units_mul_div(units, ppm, PPM, mode, out);
    /* Stops ask this at every price: dividing by a constant is a multiplication. */
    const int64_t rest = product % PPM;
    *out = product / PPM + (mode == ROUND_UP ? (rest > 0) - (rest < 0) : 0);
    return true;
}

bool units_rescale(int64_t units, unsigned from_scale, unsigned to_scale, enum rounding mode,
                   int64_t *out)
{
    CHECK(from_scale <= SCALE_MAX && to_scale <= SCALE_MAX);
    if (to_scale >= from_scale)
        return !__builtin_mul_overflow(units, powers[to_scale - from_scale], out);
    return divide(units, powers[from_scale - to_scale], mode, out);
}

bool units_rescale_exact(int64_t units, unsigned from_scale, unsigned to_scale, int64_t *out)
{
    CHECK(from_scale <= SCALE_MAX && to_scale <= SCALE_MAX);
    if (to_scale < from_scale && units % powers[from_scale - to_scale] != 0) return false;
    int64_t rescaled;
    if (!units_rescale(units, from_scale, to_scale, ROUND_DOWN, &rescaled)) return false;
    *out = rescaled;
    return true;
}

bool units_mul_div(int64_t a, int64_t b, int64_t divisor, enum rounding mode, int64_t *out)
{
    CHECK(divisor != 0);
    return divide((i128)a * b, divisor, mode, out);
}

int64_t units_to_step(int64_t units, int64_t step, enum rounding mode)
{
    CHECK(units >= 0 && step > 0);
    if (step == 1) return units;
    const int64_t rest = units % step;
    if (rest == 0) return units;
    const int64_t below = units - rest;
    return mode == ROUND_DOWN || below > INT64_MAX - step ? below : below + step;
}

bool decimal_parse(const char *text, size_t size, unsigned scale, int64_t *out)
{
    CHECK(scale <= SCALE_MAX);
    size_t at = 0;
    unsigned digits = 0, fraction = 0;
    bool dot = false;
    int64_t value = 0;

    const bool negative = size > 0 && text[0] == '-';
    if (negative) at++;
    for (; at < size; at++) {
        if (text[at] == '.') {
            if (dot || digits == 0) return false;
            dot = true;
            continue;
        }
        if (text[at] < '0' || text[at] > '9') return false;
        digits++;
        if (dot && fraction == scale) {
            if (text[at] != '0') return false; /* more precision than the scale has */
            continue;
        }
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        /* Kept negative, as the smallest int64 has no positive twin. */
        if (__builtin_sub_overflow(value, text[at] - '0', &value)) return false;
        if (dot) fraction++;
    }
    if (digits == 0 || text[size - 1] == '.') return false;
    if (__builtin_mul_overflow(value, powers[scale - fraction], &value)) return false;
    if (!negative && value == INT64_MIN) return false;
    *out = negative ? value : -value;
    return true;
}

size_t decimal_write(int64_t units, unsigned scale, char out[DECIMAL_TEXT_SIZE])
{
    CHECK(scale <= SCALE_MAX);
    char digits[DECIMAL_TEXT_SIZE];
    size_t count = 0;
    uint64_t rest = units < 0 ? 0 - (uint64_t)units : (uint64_t)units;
    do {
        if (count == scale && scale > 0) digits[count++] = '.';
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest || count < scale + (scale > 0 ? 2 : 0));

    size_t size = 0;
    if (units < 0) out[size++] = '-';
    while (count) out[size++] = digits[--count];
    out[size] = '\0';
    return size;
}

size_t decimal_write_short(int64_t units, unsigned scale, char out[DECIMAL_TEXT_SIZE])
{
    size_t size = decimal_write(units, scale, out);
    if (scale == 0) return size;
    while (out[size - 1] == '0') size--;
    if (out[size - 1] == '.') size--;
    out[size] = '\0';
    return size;
}

double decimal_to_double(int64_t units, unsigned scale)
{
    CHECK(scale <= SCALE_MAX);
    /* One correctly rounded division of exact numbers (units < 2^53): the nearest double. */
    return (double)units / (double)powers[scale];
}
