/* The text of server-sent events. */
#include "cmocka_all.h"

#include "io/net/sse.h"

static void assert_text(struct buffer *b, const char *want)
{
    buffer_append_char(b, '\0');
    assert_string_equal(b->data, want);
    buffer_deinit(b);
}

static void test_sse__event_has_id_name_and_its_lines(void **state)
{
    (void)state;
    static const struct {
        struct sse_event event;
        const char *want;
    } cases[] = {
        {{.data = SLICE("{}")}, "data: {}\n\n"},
        {{.name = SLICE("bot"), .id = 7, .data = SLICE("{\"a\":1}")},
         "id: 7\nevent: bot\ndata: {\"a\":1}\n\n"},
        {{.id = UINT64_MAX, .data = SLICE("")}, "id: 18446744073709551615\ndata: \n\n"},
        {{.data = SLICE("a\nb\r\nc\rd")}, "data: a\ndata: b\ndata: c\ndata: d\n\n"},
        {{.data = SLICE("a\n\nevent: forged\n")},
         "data: a\ndata: \ndata: event: forged\ndata: \n\n"},
        {{.data = SLICE("a\r")}, "data: a\ndata: \n\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        assert_true(sse_event_write(&cases[i].event, &out));
        assert_text(&out, cases[i].want);
    }
}

static void test_sse__name_with_a_line_end_is_refused(void **state)
{
    (void)state;
    struct buffer out = {0};
    const struct sse_event bad = {.name = SLICE("a\ndata: b"), .data = SLICE("x")};
    assert_false(sse_event_write(&bad, &out));
    assert_int_equal(out.size, 0);
}

static void test_sse__heartbeat_and_retry(void **state)
{
    (void)state;
    struct buffer out = {0};
    sse_retry_write(2000, &out);
    sse_heartbeat_write(&out);
    assert_text(&out, "retry: 2000\n\n:\n\n");
}

static void test_sse__last_id_is_a_number_of_ours_or_none(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint64_t id;
    } cases[] = {{"17", 17}, {"0", 0}, {"", 0}, {"-1", 0}, {"1e3", 0}, {"9999999999999999999", 0}};
    struct http_headers headers = {.count = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        headers.items[0] = (struct http_header){SLICE("last-event-id"), slice_of(cases[i].value)};
        assert_int_equal(sse_last_id(&headers), cases[i].id);
    }
    headers.items[0].value = SLICE("3");
    headers.items[headers.count++] = headers.items[0];
    assert_int_equal(sse_last_id(&headers), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse__event_has_id_name_and_its_lines),
        cmocka_unit_test(test_sse__name_with_a_line_end_is_refused),
        cmocka_unit_test(test_sse__heartbeat_and_retry),
        cmocka_unit_test(test_sse__last_id_is_a_number_of_ours_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
