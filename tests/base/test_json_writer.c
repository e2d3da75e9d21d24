/* JSON as it is written: commas, escapes, numbers. */
#include "cmocka_all.h"

#include <math.h>

#include "base/json_writer.h"

static void test_json_writer__commas_stand_between_members_and_nowhere_else(void **state)
{
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    (void)state;
    writer_open(&w, NULL, '{');
    writer_open(&w, "empty", '[');
    writer_close(&w, ']');
    writer_open(&w, "list", '[');
    writer_u64(&w, NULL, UINT64_MAX);
    writer_i64(&w, NULL, INT64_MIN);
    writer_open(&w, NULL, '{');
    writer_bool(&w, "yes", true);
    writer_close(&w, '}');
    writer_close(&w, ']');
    writer_text_or_null(&w, "none", "");
    writer_raw(&w, "raw", "{\"a\":1}");
    writer_close(&w, '}');
    buffer_append_char(&out, '\0');
    assert_string_equal(out.data, "{\"empty\":[],\"list\":[18446744073709551615,"
                                  "-9223372036854775808,{\"yes\":true}],\"none\":null,"
                                  "\"raw\":{\"a\":1}}");
    buffer_deinit(&out);
}

static void test_json_writer__texts_and_names_are_escaped(void **state)
{
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    (void)state;
    writer_open(&w, NULL, '{');
    writer_text(&w, "a\"b", "\\ \" \n\x7f ğ€");
    writer_close(&w, '}');
    buffer_append_char(&out, '\0');
    assert_string_equal(out.data, "{\"a\\\"b\":\"\\\\ \\\" \\u000a\\u007f ğ€\"}");
    buffer_deinit(&out);
}

static void test_json_writer__what_is_no_number_or_no_time_is_null(void **state)
{
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    (void)state;
    writer_open(&w, NULL, '[');
    writer_double(&w, NULL, 0.1);
    writer_double(&w, NULL, NAN);
    writer_double(&w, NULL, -INFINITY);
    writer_time(&w, NULL, 1763920000123);
    writer_time(&w, NULL, -1);
    writer_close(&w, ']');
    buffer_append_char(&out, '\0');
    assert_string_equal(out.data, "[0.1,null,null,\"2025-11-23T17:46:40.123Z\",null]");
    buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_writer__commas_stand_between_members_and_nowhere_else),
        cmocka_unit_test(test_json_writer__texts_and_names_are_escaped),
        cmocka_unit_test(test_json_writer__what_is_no_number_or_no_time_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
