/* Prices, quantities and amounts of money: one int64 of units each, never a floating-point number.
 *
 * How many decimals a unit has is said by the instrument (price_scale, qty_scale) or the asset
 * (scale) that the value belongs to: a global scale would overflow for micro-priced coins.
 * One-field structs make adding a price to a quantity a compile error. Overflow is reported, never
 * wrapped; a digit that the scale cannot hold is an error, never rounded in silence. */
#ifndef CORE_MODEL_MONEY_H
#define CORE_MODEL_MONEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct price {
    int64_t units; /* quote per base, in 10^-instrument.price_scale */
};
struct qty {
    int64_t units; /* base, in 10^-instrument.qty_scale */
};
struct money {
    int64_t units; /* an asset's amount, in 10^-asset scale */
};

enum rounding { ROUND_DOWN, ROUND_UP }; /* toward zero, away from zero */

enum {
    SCALE_MAX = 18,         /* 10^18 is the largest power of ten in an int64 */
    DECIMAL_TEXT_SIZE = 24, /* sign, 19 digits, dot, leading zero, NUL */
    PPM = 1000000,          /* ratios are integers in parts per million: 0.5 % is 5000 */
};

/* notional = price * qty in units of 10^-money_scale; false on overflow. */
bool money_notional(struct price p, unsigned price_scale, struct qty q, unsigned qty_scale,
                    unsigned money_scale, enum rounding mode, struct money *out);
/* How much of the instrument this money buys at that price, rounded down; false on overflow or a
 * price of 0 or less. */
bool money_to_qty(struct money m, unsigned money_scale, struct price p, unsigned price_scale,
                  unsigned qty_scale, struct qty *out);
/* The average price at which this quantity cost this money, rounded down; false on overflow or a
 * quantity of 0 or less. */
bool money_average(struct money m, unsigned money_scale, struct qty q, unsigned qty_scale,
                   unsigned price_scale, struct price *out);
/* units * ppm / 1,000,000; false on overflow. */
bool units_part(int64_t units, int64_t ppm, enum rounding mode, int64_t *out);
/* The same amount in another scale; false on overflow. */
bool units_rescale(int64_t units, unsigned from_scale, unsigned to_scale, enum rounding mode,
                   int64_t *out);
/* The same amount in another scale, and nothing lost; on overflow or where digits would be lost it
 * is false and *out stays. */
bool units_rescale_exact(int64_t units, unsigned from_scale, unsigned to_scale, int64_t *out);
/* a * b / divisor through 128 bits; false on overflow. divisor must not be 0. */
bool units_mul_div(int64_t a, int64_t b, int64_t divisor, enum rounding mode, int64_t *out);
/* The nearest multiple of step at or below (ROUND_DOWN) or at or above units, for units >= 0, step
 * > 0. Where none above fits into an int64 it is the one below. */
int64_t units_to_step(int64_t units, int64_t step, enum rounding mode);

/* Exact: "0.00012300" with scale 8 -> 12300. No sign but '-', no exponent, no spaces. False on
 * anything else, on overflow and on a digit that the scale cannot hold. */
bool decimal_parse(const char *text, size_t size, unsigned scale, int64_t *out);
/* All `scale` decimals, as exchanges write them: 12300 with scale 8 -> "0.00012300". Returns the
 * length. */
size_t decimal_write(int64_t units, unsigned scale, char out[DECIMAL_TEXT_SIZE]);
/* Without zeros at its end: 12300 with scale 8 -> "0.000123", 0 -> "0". */
size_t decimal_write_short(int64_t units, unsigned scale, char out[DECIMAL_TEXT_SIZE]);
/* The nearest double up to 2^53 units, beyond that within one part in 2^52: for indicators and
 * charts, never back into money. */
double decimal_to_double(int64_t units, unsigned scale);

#endif
