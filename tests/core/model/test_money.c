/* Money: exact text forms, and arithmetic against schoolbook numbers of 64 digits. */
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "core/model/money.h"

static void test_decimal__parses_what_it_can_hold_and_refuses_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned scale;
        bool good;
        int64_t units;
    } cases[] = {
        {"0", 0, true, 0},
        {"0", 18, true, 0},
        {"-0", 8, true, 0},
        {"1", 0, true, 1},
        {"1", 8, true, 100000000},
        {"1.5", 1, true, 15},
        {"0.00012300", 8, true, 12300},
        {"-0.00012300", 8, true, -12300},
        {"00042.10", 2, true, 4210},
        {"61837.63000000", 2, true, 6183763},
        {"1.0", 0, true, 1},
        {"0.100000000000000000000000000000000000000000", 1, true, 1},
        {"7.000000000000000000000000000000000000000000", 0, true, 7},
        {"00000000000000000000000000000000000000000001", 0, true, 1},
        {"9223372036854775807", 0, true, INT64_MAX},
        {"-9223372036854775808", 0, true, INT64_MIN},
        {"9.223372036854775807", 18, true, INT64_MAX},
        {"-9.223372036854775808", 18, true, INT64_MIN},
        {"92233720368.54775807", 8, true, INT64_MAX},
        {"", 8, false, 0},
        {"-", 8, false, 0},
        {".", 8, false, 0},
        {"-.", 8, false, 0},
        {".5", 8, false, 0},
        {"-.5", 8, false, 0},
        {"5.", 8, false, 0},
        {"5.", 0, false, 0},
        {"+1", 8, false, 0},
        {"--1", 8, false, 0},
        {"1-", 8, false, 0},
        {"1e5", 8, false, 0},
        {"1E5", 8, false, 0},
        {"NaN", 8, false, 0},
        {"inf", 8, false, 0},
        {"0x10", 8, false, 0},
        {"1,5", 8, false, 0},
        {"1.2.3", 8, false, 0},
        {" 1", 8, false, 0},
        {"1 ", 8, false, 0},
        {"1\n", 8, false, 0},
        {"\xd9\xa1", 8, false, 0},    /* an Arabic one */
        {"0.000000001", 8, false, 0}, /* a digit too fine for the scale */
        {"1.23", 1, false, 0},
        {"1.5", 0, false, 0},
        {"0.10000000000000000000000000000000000000001", 8, false, 0},
        {"9223372036854775808", 0, false, 0},
        {"-9223372036854775809", 0, false, 0},
        {"92233720368.54775808", 8, false, 0},
        {"-92233720368.54775809", 8, false, 0},
        {"9223372036854775807", 1, false, 0},
        {"10", 18, false, 0},
        {"99999999999999999999999999999999999999", 0, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t units = 4711;
        const bool good =
            decimal_parse(cases[i].text, strlen(cases[i].text), cases[i].scale, &units);
        if (good != cases[i].good) fail_msg("\"%s\" scale %u", cases[i].text, cases[i].scale);
        assert_int_equal(units, good ? cases[i].units : 4711);
    }
}

static void test_decimal__reads_no_further_than_its_size(void **state)
{
    (void)state;
    int64_t units;
    assert_true(decimal_parse("12.345", 4, 2, &units));
    assert_int_equal(units, 1230);
    assert_false(decimal_parse("1\0002", 3, 2, &units)); /* a NUL is not a digit */
    char *exact = malloc(3);                             /* the sanitiser sees a byte too far */
    memcpy(exact, "1.5", 3);
    assert_true(decimal_parse(exact, 3, 2, &units));
    assert_int_equal(units, 150);
    free(exact);
}

static void test_decimal__writes_all_decimals(void **state)
{
    (void)state;
    static const struct {
        int64_t units;
        unsigned scale;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {0, 2, "0.00"},
        {7, 0, "7"},
        {-7, 0, "-7"},
        {12300, 8, "0.00012300"},
        {-1, 18, "-0.000000000000000001"},
        {100, 2, "1.00"},
        {99, 2, "0.99"},
        {INT64_MAX, 0, "9223372036854775807"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MIN, 18, "-9.223372036854775808"},
        {INT64_MAX, 8, "92233720368.54775807"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[DECIMAL_TEXT_SIZE];
        memset(text, 'x', sizeof text);
        assert_int_equal(decimal_write(cases[i].units, cases[i].scale, text),
                         strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

/* Of every size alike, so that small, large and extreme numbers all come. */
static int64_t random_units(struct prng *p)
{
    switch (prng_below(p, 12)) {
    case 0: return INT64_MIN + (int64_t)prng_below(p, 3);
    case 1: return INT64_MAX - (int64_t)prng_below(p, 3);
    case 2: return (int64_t)prng_below(p, 5) - 2;
    default: return (int64_t)prng_next(p) >> prng_below(p, 63);
    }
}

static void test_decimal__short_text_ends_in_no_zero(void **state)
{
    (void)state;
    static const struct {
        int64_t units;
        unsigned scale;
        const char *text;
    } rows[] = {
        {12300, 8, "0.000123"},
        {1540000, 8, "0.0154"},
        {0, 8, "0"},
        {100000000, 8, "1"},
        {1000, 0, "1000"},
        {-50, 1, "-5"},
        {10000000000, 8, "100"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MAX, 18, "9.223372036854775807"},
    };
    char text[DECIMAL_TEXT_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(decimal_write_short(rows[i].units, rows[i].scale, text),
                         strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static void test_units__exact_rescale_loses_nothing(void **state)
{
    (void)state;
    int64_t out = 7;
    assert_true(units_rescale_exact(1540, 5, 8, &out) && out == 1540000);
    assert_true(units_rescale_exact(1540000, 8, 5, &out) && out == 1540);
    assert_true(units_rescale_exact(-1540, 5, 4, &out) && out == -154);
    assert_true(units_rescale_exact(INT64_MIN, 3, 3, &out) && out == INT64_MIN);
    out = 7;
    assert_false(units_rescale_exact(1540001, 8, 5, &out));
    assert_false(units_rescale_exact(-1, 1, 0, &out));
    assert_false(units_rescale_exact(INT64_MAX / 10 + 1, 0, 1, &out));
    assert_int_equal(out, 7);
}

static void test_decimal__round_trip(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 21);
    for (unsigned i = 0; i < 200000; i++) {
        const unsigned scale = (unsigned)prng_below(&p, SCALE_MAX + 1);
        const int64_t units = random_units(&p);
        char text[DECIMAL_TEXT_SIZE];
        int64_t again;
        const size_t size = decimal_write(units, scale, text);
        assert_true(decimal_parse(text, size, scale, &again));
        assert_int_equal(again, units);
    }
}

static void test_decimal__double_is_what_the_text_says(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 22);
    for (unsigned i = 0; i < 100000; i++) {
        const unsigned scale = (unsigned)prng_below(&p, SCALE_MAX + 1);
        const int64_t units = random_units(&p);
        char text[DECIMAL_TEXT_SIZE];
        decimal_write(units, scale, text);
        const double want = strtod(text, NULL), got = decimal_to_double(units, scale);
        if (llabs(units / 2) < INT64_C(1) << 52)
            assert_true(got == want);
        else
            assert_true(fabs(got - want) <= fabs(want) * 0x1p-52);
    }
}

/* Schoolbook numbers: sign and decimal digits, least first. Slow, plain and of no int at all. */
enum { DIGITS = 64 };

struct school {
    bool negative;
    int digits[DIGITS];
};

static struct school school_of(int64_t value)
{
    struct school s = {.negative = value < 0};
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    for (int i = 0; rest; i++, rest /= 10) s.digits[i] = (int)(rest % 10);
    return s;
}

static bool school_is_zero(const struct school *s)
{
    for (int i = 0; i < DIGITS; i++)
        if (s->digits[i]) return false;
    return true;
}

static struct school school_product(const struct school *a, const struct school *b)
{
    struct school s = {.negative = a->negative != b->negative};
    for (int i = 0; i < DIGITS; i++)
        for (int k = 0; a->digits[i] && k + i < DIGITS; k++)
            s.digits[i + k] += a->digits[i] * b->digits[k];
    for (int i = 0; i + 1 < DIGITS; i++) {
        s.digits[i + 1] += s.digits[i] / 10;
        s.digits[i] %= 10;
    }
    return s;
}

static int compare_digits(const struct school *a, const struct school *b)
{
    for (int i = DIGITS - 1; i >= 0; i--)
        if (a->digits[i] != b->digits[i]) return a->digits[i] < b->digits[i] ? -1 : 1;
    return 0;
}

static void subtract_digits(struct school *a, const struct school *b)
{
    for (int i = 0, borrow = 0; i < DIGITS; i++) {
        a->digits[i] -= b->digits[i] + borrow;
        borrow = a->digits[i] < 0;
        if (borrow) a->digits[i] += 10;
    }
}

/* Long division of the digits; away from zero when up and something is left. */
static struct school school_quotient(const struct school *a, const struct school *b, bool up)
{
    struct school s = {.negative = a->negative != b->negative}, rest = {0};
    for (int i = DIGITS - 1; i >= 0; i--) {
        memmove(rest.digits + 1, rest.digits, (DIGITS - 1) * sizeof *rest.digits);
        rest.digits[0] = a->digits[i];
        for (; compare_digits(&rest, b) >= 0; s.digits[i]++) subtract_digits(&rest, b);
    }
    if (!up || school_is_zero(&rest)) return s;
    for (int i = 0; i < DIGITS; i++) {
        if (++s.digits[i] < 10) break;
        s.digits[i] = 0;
    }
    return s;
}

static struct school school_power(unsigned exponent)
{
    struct school s = {0};
    s.digits[exponent] = 1;
    return s;
}

static bool school_to_int64(const struct school *s, int64_t *out)
{
    const struct school limit = school_of(s->negative ? INT64_MIN : INT64_MAX);
    if (compare_digits(s, &limit) > 0) return false;
    uint64_t value = 0;
    for (int i = 20; i >= 0; i--) value = value * 10 + (uint64_t)s->digits[i];
    *out = (int64_t)(s->negative ? 0 - value : value);
    return true;
}

/* a * b / c, all given as schoolbook numbers: what the function under test must give. */
static void expect_mul_div(struct school a, struct school b, struct school c, enum rounding mode,
                           bool good, int64_t got, const char *name)
{
    const struct school product = school_product(&a, &b);
    const struct school quotient = school_quotient(&product, &c, mode == ROUND_UP);
    int64_t want = 0;
    const bool fits = school_to_int64(&quotient, &want);
    if (good != fits || (good && got != want))
        fail_msg("%s: %d %lld, not %d %lld", name, good, (long long)got, fits, (long long)want);
}

static void test_school__is_itself_right(void **state)
{
    (void)state;
    static const struct {
        int64_t a, b, c;
        enum rounding mode;
        bool good;
        int64_t want;
    } cases[] = {
        {7, 3, 2, ROUND_DOWN, true, 10},
        {7, 3, 2, ROUND_UP, true, 11},
        {-7, 3, 2, ROUND_DOWN, true, -10},
        {-7, 3, 2, ROUND_UP, true, -11},
        {-7, -3, 2, ROUND_UP, true, 11},
        {-7, 3, -2, ROUND_UP, true, 11},
        {0, 5, 3, ROUND_UP, true, 0},
        {INT64_MAX, INT64_MAX, INT64_MAX, ROUND_UP, true, INT64_MAX},
        {INT64_MIN, INT64_MIN, INT64_MIN, ROUND_UP, true, INT64_MIN},
        {INT64_MIN, -1, 1, ROUND_DOWN, false, 0},
        {INT64_MIN, 1, 1, ROUND_DOWN, true, INT64_MIN},
        {INT64_MAX, 3, 2, ROUND_DOWN, false, 0},
        {999999999, 999999999, 10, ROUND_UP, true, INT64_C(99999999800000001)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got = 0;
        expect_mul_div(school_of(cases[i].a), school_of(cases[i].b), school_of(cases[i].c),
                       cases[i].mode, cases[i].good, cases[i].want, "table");
        assert_int_equal(units_mul_div(cases[i].a, cases[i].b, cases[i].c, cases[i].mode, &got),
                         cases[i].good);
        if (cases[i].good) assert_int_equal(got, cases[i].want);
    }
}

static void test_units__mul_div_part_and_rescale_equal_schoolbook(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 23);
    unsigned refused = 0;
    for (unsigned i = 0; i < 4000; i++) {
        const int64_t a = random_units(&p), b = random_units(&p);
        const enum rounding mode = (enum rounding)prng_below(&p, 2);
        const unsigned from = (unsigned)prng_below(&p, SCALE_MAX + 1);
        const unsigned to = (unsigned)prng_below(&p, SCALE_MAX + 1);
        int64_t c, got = 0;
        do c = random_units(&p);
        while (c == 0);

        bool good = units_mul_div(a, b, c, mode, &got);
        refused += !good;
        expect_mul_div(school_of(a), school_of(b), school_of(c), mode, good, got, "mul_div");
        good = units_part(a, b, mode, &got);
        expect_mul_div(school_of(a), school_of(b), school_of(PPM), mode, good, got, "part");
        good = units_rescale(a, from, to, mode, &got);
        expect_mul_div(school_of(a), school_power(to), school_power(from), mode, good, got,
                       "rescale");
    }
    assert_true(refused > 500 && refused < 3500);
}

static void test_money__notional_equals_schoolbook(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 24);
    unsigned refused = 0;
    for (unsigned i = 0; i < 6000; i++) {
        const struct price price = {random_units(&p)};
        const struct qty qty = {random_units(&p)};
        const unsigned scales[3] = {(unsigned)prng_below(&p, SCALE_MAX + 1),
                                    (unsigned)prng_below(&p, SCALE_MAX + 1),
                                    (unsigned)prng_below(&p, SCALE_MAX + 1)};
        const enum rounding mode = (enum rounding)prng_below(&p, 2);
        struct money money = {0};
        const bool good = money_notional(price, scales[0], qty, scales[1], scales[2], mode, &money);
        refused += !good;
        /* price * qty * 10^money_scale has up to 57 digits */
        const struct school a = school_of(price.units), b = school_of(qty.units);
        expect_mul_div(school_product(&a, &b), school_power(scales[2]),
                       school_power(scales[0] + scales[1]), mode, good, money.units, "notional");
    }
    assert_true(refused > 500 && refused < 5500);
}

static void test_money__to_qty_and_average_equal_schoolbook(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 25);
    unsigned refused = 0;
    for (unsigned i = 0; i < 6000; i++) {
        const int64_t units = random_units(&p), divisor = random_units(&p);
        const unsigned money_scale = (unsigned)prng_below(&p, SCALE_MAX + 1);
        const unsigned own_scale = (unsigned)prng_below(&p, SCALE_MAX + 1);
        const unsigned out_scale = (unsigned)prng_below(&p, SCALE_MAX + 1);
        struct qty qty = {0};
        struct price price = {0};
        const bool good = money_to_qty((struct money){units}, money_scale, (struct price){divisor},
                                       own_scale, out_scale, &qty);
        assert_int_equal(money_average((struct money){units}, money_scale, (struct qty){divisor},
                                       own_scale, out_scale, &price),
                         good);
        if (good) assert_int_equal(price.units, qty.units);
        refused += !good;
        if (divisor <= 0) {
            assert_false(good);
            continue;
        }
        const struct school below = school_power(money_scale), by = school_of(divisor);
        expect_mul_div(school_of(units), school_power(own_scale + out_scale),
                       school_product(&below, &by), ROUND_DOWN, good, qty.units, "to_qty");
    }
    assert_true(refused > 500 && refused < 5500);
}

static void test_units__to_step_is_a_multiple_beside(void **state)
{
    (void)state;
    static const struct {
        int64_t units, step;
        int64_t down, up;
    } cases[] = {
        {0, 1, 0, 0},
        {0, 7, 0, 0},
        {6, 7, 0, 7},
        {7, 7, 7, 7},
        {8, 7, 7, 14},
        {INT64_MAX, 1, INT64_MAX, INT64_MAX},
        {INT64_MAX - 8, 10, INT64_MAX - 17, INT64_MAX - 7}, /* ...799 */
        {INT64_MAX, 10, INT64_MAX - 7, INT64_MAX - 7},      /* none above fits */
        {INT64_MAX - 1, INT64_MAX, 0, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(units_to_step(cases[i].units, cases[i].step, ROUND_DOWN), cases[i].down);
        assert_int_equal(units_to_step(cases[i].units, cases[i].step, ROUND_UP), cases[i].up);
    }

    struct prng p;
    prng_init(&p, 26);
    for (unsigned i = 0; i < 100000; i++) {
        const int64_t units = random_units(&p) & INT64_MAX;
        const int64_t step = 1 + (random_units(&p) & (INT64_MAX >> 1));
        const int64_t down = units_to_step(units, step, ROUND_DOWN);
        const int64_t up = units_to_step(units, step, ROUND_UP);
        assert_true(down % step == 0 && up % step == 0);
        assert_true(down <= units && units - down < step);
        if (down == units)
            assert_int_equal(up, units);
        else if (down <= INT64_MAX - step)
            assert_int_equal(up, down + step);
        else
            assert_int_equal(up, down);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decimal__parses_what_it_can_hold_and_refuses_the_rest),
        cmocka_unit_test(test_decimal__reads_no_further_than_its_size),
        cmocka_unit_test(test_decimal__writes_all_decimals),
        cmocka_unit_test(test_decimal__short_text_ends_in_no_zero),
        cmocka_unit_test(test_units__exact_rescale_loses_nothing),
        cmocka_unit_test(test_decimal__round_trip),
        cmocka_unit_test(test_decimal__double_is_what_the_text_says),
        cmocka_unit_test(test_school__is_itself_right),
        cmocka_unit_test(test_units__mul_div_part_and_rescale_equal_schoolbook),
        cmocka_unit_test(test_money__notional_equals_schoolbook),
        cmocka_unit_test(test_money__to_qty_and_average_equal_schoolbook),
        cmocka_unit_test(test_units__to_step_is_a_multiple_beside),
    };
    return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
