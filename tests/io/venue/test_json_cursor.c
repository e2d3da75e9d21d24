/* The JSON reader against the corpus, against jansson and against its own plain forms. */
#include "cmocka_all.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "io/venue/json_cursor.h"
#include "io/venue/json_digits.h"
#include "recordings.h"

static void test_json__corpus_is_accepted_and_rejected_as_named(void **state)
{
    (void)state;
    char folder[1024], name[1400];
    const char *root = getenv("TRADEBOT_SOURCE_ROOT");
    unsigned accepted = 0, rejected = 0;
    snprintf(folder, sizeof folder, "%s/../shared/corpora/json/test_parsing", root ? root : ".");
    DIR *dir = opendir(folder);
    if (!dir) {
        printf("skipped: no ../shared/corpora/json\n");
        skip();
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct recording r;
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "corpora/json/test_parsing/%s", entry->d_name);
        assert_true(recording_open(&r, name));
        /* An exact copy, so that the sanitizer sees a read behind the end. */
        char *copy = malloc(r.size ? r.size : 1);
        memcpy(copy, r.text, r.size);
        const bool valid = cursor_is_valid((struct slice){copy, r.size});
        if (entry->d_name[0] != 'i' && valid != (entry->d_name[0] == 'y'))
            fail_msg("%s %s", entry->d_name, valid ? "accepted" : "rejected");
        accepted += entry->d_name[0] == 'y';
        rejected += entry->d_name[0] == 'n';
        if (valid) {
            json_error_t error;
            json_t *peer = json_loadb(copy, r.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
            if (!peer && json_error_code(&error) != json_error_numeric_overflow &&
                json_error_code(&error) != json_error_null_byte_in_key)
                fail_msg("%s accepted, jansson: %s", entry->d_name, error.text);
            json_decref(peer);
        }
        free(copy);
        recording_close(&r);
    }
    closedir(dir);
    assert_true(accepted >= 95 && rejected >= 188);
}

static bool decimal_of(const char *text, unsigned scale, int64_t *out)
{
    struct json_cursor c;
    cursor_init(&c, slice_of(text));
    return cursor_decimal(&c, scale, out) && cursor_end(&c);
}

static void test_json__decimals_are_exact_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned scale;
        bool ok;
        int64_t units;
    } rows[] = {
        {"\"0.00012300\"", 8, true, 12300},
        {"\"61737.63000000\"", 2, true, 6173763},
        {"\"61737.63100000\"", 2, false, 0},
        {"\"61737.63000001\"", 2, false, 0},
        {"\"1.5\"", 2, true, 150},
        {"\"10\"", 2, true, 1000},
        {"\"0.0\"", 0, true, 0},
        {"\"7.00000000\"", 0, true, 7},
        {"\"7.00000001\"", 0, false, 0},
        {"\"92233720368.54775807\"", 8, true, INT64_MAX},
        {"\"92233720368.54775808\"", 8, false, 0},
        {"\"9223372036854775807\"", 0, true, INT64_MAX},
        {"\"-1.25\"", 2, true, -125},
        {"\"1e5\"", 2, false, 0},
        {"\"NaN\"", 2, false, 0},
        {"\"\"", 2, false, 0},
        {"\".5\"", 2, false, 0},
        {"\"5.\"", 2, false, 0},
        {"\"+5\"", 2, false, 0},
        {"\"5 \"", 2, false, 0},
        {"\"1.2.3\"", 2, false, 0},
        {"\"0.000000000000000001\"", 18, true, 1},
        {"1.5", 2, false, 0},
        {"\"1.5", 2, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t units = 0;
        const bool ok = decimal_of(rows[i].text, rows[i].scale, &units);
        if (ok != rows[i].ok || (ok && units != rows[i].units))
            fail_msg("%s at scale %u: %d %lld", rows[i].text, rows[i].scale, ok, (long long)units);
    }
}

static void test_json__limits_round_to_the_side_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned scale;
        enum rounding mode;
        bool ok;
        int64_t units;
    } rows[] = {
        {"\"0.129\"", 2, ROUND_DOWN, true, 12},
        {"\"0.121\"", 2, ROUND_UP, true, 13},
        {"\"0.120\"", 2, ROUND_UP, true, 12},
        {"\"0.9\"", 0, ROUND_DOWN, true, 0},
        {"\"0.9\"", 0, ROUND_UP, true, 1},
        {"\"99999999999999999999\"", 8, ROUND_DOWN, true, INT64_MAX},
        {"\"5\"", 3, ROUND_UP, true, 5000},
        {"\"5.\"", 3, ROUND_UP, false, 0},
        {"\"\"", 3, ROUND_UP, false, 0},
        {"\"-1\"", 3, ROUND_UP, false, 0},
        {"\".5\"", 3, ROUND_UP, false, 0},
        {"\"1.2x\"", 1, ROUND_UP, false, 0},
        {"\"1.2.3\"", 1, ROUND_UP, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json_cursor c;
        int64_t units = 0;
        cursor_init(&c, slice_of(rows[i].text));
        const bool ok = cursor_decimal_limit(&c, rows[i].scale, rows[i].mode, &units);
        if (ok != rows[i].ok || (ok && units != rows[i].units))
            fail_msg("%s at scale %u: %d %lld", rows[i].text, rows[i].scale, ok, (long long)units);
    }
}

static void test_json__eight_digits_at_a_time_equal_the_plain_form(void **state)
{
    (void)state;
    struct prng random;
    unsigned quick = 0, refused = 0;
    prng_init(&random, 7);
    for (int round = 0; round < 300000; round++) {
        static const char alphabet[] = "00112233445566778899.\"-e/:";
        char text[64];
        size_t size = 0;
        const size_t whole = prng_below(&random, 10), part = prng_below(&random, 11);
        for (size_t i = 0; i < whole; i++) text[size++] = (char)('0' + prng_below(&random, 10));
        text[size++] = '.';
        for (size_t i = 0; i < part; i++)
            text[size++] = (char)('0' + (prng_below(&random, 3) ? prng_below(&random, 10) : 0));
        text[size++] = '"';
        if (prng_below(&random, 4) == 0)
            text[prng_below(&random, size)] = alphabet[prng_below(&random, sizeof alphabet - 1)];
        if (prng_below(&random, 8) == 0) size = prng_below(&random, size) + 1;
        const size_t after_size = prng_below(&random, 20);
        for (size_t i = 0; i < after_size; i++)
            text[size++] = "0123456789,\"}]"[prng_below(&random, 14)];

        char *exact = malloc(size);
        memcpy(exact, text, size);
        const unsigned scale = (unsigned)prng_below(&random, 10);
        const char *quote = memchr(exact, '"', size);
        int64_t plain = 0, fast = 0;
        const bool plain_ok = quote && decimal_parse(exact, (size_t)(quote - exact), scale, &plain);
        const char *after = digits_decimal(exact, exact + size, scale, &fast);
        if (after) {
            quick++;
            assert_true(plain_ok);
            assert_ptr_equal(after, quote + 1);
            assert_int_equal(fast, plain);
        } else {
            refused++;
        }
        uint64_t number = 0;
        after = digits_integer(exact, exact + size, &number);
        if (after) {
            char copy[64];
            assert_true((size_t)(after - exact) < sizeof copy && after > exact);
            memcpy(copy, exact, (size_t)(after - exact));
            copy[after - exact] = '\0';
            assert_int_equal(number, strtoull(copy, NULL, 10));
            assert_true(strspn(copy, "0123456789") == strlen(copy));
            assert_true(copy[0] != '0' || copy[1] == '\0');
            assert_true(*after < '0' || *after > '9');
        }
        free(exact);
    }
    assert_true(quick > 30000 && refused > 30000);
}

static void test_json__integers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"9007199254740993", true, INT64_C(9007199254740993)},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"1723161255208", true, INT64_C(1723161255208)},
        {"0", true, 0},
        {"-0", true, 0},
        {"00", false, 0},
        {"01", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"-", false, 0},
        {"- 1", false, 0},
        {"\"1\"", false, 0},
        {"99999999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        /* With and without bytes behind, so that both forms are used. */
        for (int padded = 0; padded < 2; padded++) {
            struct json_cursor c;
            char text[128];
            int64_t value = 0;
            snprintf(text, sizeof text, "%s%s", rows[i].text, padded ? "                    " : "");
            cursor_init(&c, slice_of(text));
            const bool ok = cursor_i64(&c, &value) && cursor_end(&c);
            if (ok != rows[i].ok || (ok && value != rows[i].value)) fail_msg("%s", text);
        }
    }
}

static void test_json__escapes_are_undone(void **state)
{
    (void)state;
    struct json_cursor c;
    struct slice key, text;
    char scratch[64];
    int64_t value = 0;
    cursor_init(&c, SLICE("{\"\\u0065\\n\":1,\"b\":\"\\ud83d\\ude00\\u00e9\\/\\u20ac\"}"));
    assert_true(cursor_enter_object(&c));
    assert_true(cursor_next_key(&c, &key));
    assert_true(slice_is(key, "e\n"));
    assert_true(cursor_i64(&c, &value));
    assert_true(cursor_next_key(&c, &key));
    assert_true(cursor_text(&c, scratch, sizeof scratch, &text));
    assert_true(slice_is(text, "\xf0\x9f\x98\x80\xc3\xa9/\xe2\x82\xac"));
    assert_false(cursor_next_key(&c, &key));
    assert_true(cursor_end(&c));
}

static void test_json__the_first_failure_sticks_and_says_where(void **state)
{
    (void)state;
    struct json_cursor c;
    struct slice key;
    int64_t value;
    cursor_init(&c, SLICE("{\"a\":x}"));
    cursor_enter_object(&c);
    cursor_next_key(&c, &key);
    assert_false(cursor_i64(&c, &value));
    assert_false(cursor_skip(&c));
    assert_false(cursor_end(&c));
    assert_int_equal(cursor_fail(&c, "a test"), ERR_PARSE);
    assert_string_equal(err_text(), "not a number at byte 5 of a test");
}

static void test_json__depth_is_bounded(void **state)
{
    (void)state;
    static char text[200001];
    memset(text, '[', 100000);
    memset(text + 100000, ']', 100000);
    assert_false(cursor_is_valid((struct slice){text, 200000}));
    memset(text, '[', CURSOR_DEPTH_MAX);
    memset(text + CURSOR_DEPTH_MAX, ']', CURSOR_DEPTH_MAX);
    assert_true(cursor_is_valid((struct slice){text, 2 * CURSOR_DEPTH_MAX}));
    memset(text, '[', CURSOR_DEPTH_MAX + 1);
    memset(text + CURSOR_DEPTH_MAX + 1, ']', CURSOR_DEPTH_MAX + 1);
    assert_false(cursor_is_valid((struct slice){text, 2 * (CURSOR_DEPTH_MAX + 1)}));
}

/* Every mutation of a small document: what we accept, jansson accepts, and the other way round. */
static void test_json__agrees_with_jansson_on_mutations(void **state)
{
    (void)state;
    static const char seed_text[] =
        "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\xc3\xa9\",true,null],\"b\":{\"c\":\"\",\"d\":0}, \"e\":[]}";
    static const char bytes[] = "{}[]\",:\\0123456789.eE+-tfnul \n\x01\x7f\x80\xc3\xff/bd8";
    struct prng random;
    unsigned accepted = 0;
    prng_init(&random, 11);
    for (int round = 0; round < 60000; round++) {
        size_t size = sizeof seed_text - 1;
        char text[256];
        memcpy(text, seed_text, size);
        for (uint64_t n = prng_below(&random, 4); n-- > 0;) {
            const size_t at = prng_below(&random, size);
            const char byte = bytes[prng_below(&random, sizeof bytes - 1)];
            switch (prng_below(&random, 3)) {
            case 0: text[at] = byte; break;
            case 1: memmove(text + at, text + at + 1, --size - at); break;
            default: memmove(text + at + 1, text + at, size++ - at); text[at] = byte;
            }
        }
        char *exact = malloc(size);
        memcpy(exact, text, size);
        json_error_t error;
        json_t *peer = json_loadb(exact, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        const bool ours = cursor_is_valid((struct slice){exact, size});
        const bool unsure = !peer && (json_error_code(&error) == json_error_numeric_overflow ||
                                      json_error_code(&error) == json_error_null_byte_in_key);
        if (!unsure && ours != (peer != NULL))
            fail_msg("%.*s: ours %d, jansson: %s", (int)size, exact, ours,
                     peer ? "yes" : error.text);
        accepted += ours;
        json_decref(peer);
        free(exact);
    }
    assert_true(accepted > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__corpus_is_accepted_and_rejected_as_named),
        cmocka_unit_test(test_json__decimals_are_exact_or_refused),
        cmocka_unit_test(test_json__limits_round_to_the_side_asked_for),
        cmocka_unit_test(test_json__eight_digits_at_a_time_equal_the_plain_form),
        cmocka_unit_test(test_json__integers_are_exact),
        cmocka_unit_test(test_json__escapes_are_undone),
        cmocka_unit_test(test_json__the_first_failure_sticks_and_says_where),
        cmocka_unit_test(test_json__depth_is_bounded),
        cmocka_unit_test(test_json__agrees_with_jansson_on_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
