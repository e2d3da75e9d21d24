/* Bodies in two forms: what is made, and which one a request gets. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include <zlib.h>

#include "base/prng.h"
#include "io/net/http_body.h"

enum { BODY_SIZE = 20000 };

static struct http_body *text_body(size_t size)
{
    static char text[BODY_SIZE];
    struct http_body *b;
    assert_true(size <= sizeof text);
    for (size_t i = 0; i < size; i++) text[i] = "{\"symbol\":\"BTCUSDT\"},"[i % 21];
    assert_int_equal(http_body_new("application/json", (struct slice){text, size}, &b), OK);
    return b;
}

/* The wish of a request with these lines; NULL: no such header. */
static struct http_wish wish_of(const char *accept_encoding, const char *if_none_match)
{
    struct http_headers headers = {0};
    struct http_wish wish;
    if (accept_encoding)
        headers.items[headers.count++] =
            (struct http_header){SLICE("accept-encoding"), slice_of(accept_encoding)};
    if (if_none_match)
        headers.items[headers.count++] =
            (struct http_header){SLICE("If-None-Match"), slice_of(if_none_match)};
    http_wish_read(&headers, &wish);
    return wish;
}

static const char *header_of(const struct http_body_answer *a, const char *name)
{
    static char value[HTTP_BODY_TAG_SIZE];
    for (size_t i = 0; i < a->header_count; i++)
        if (slice_is(a->headers[i].name, name)) {
            assert_true(slice_copy(a->headers[i].value, value, sizeof value));
            return value;
        }
    return "";
}

static void test_body__gzip_form_unpacks_to_the_same_bytes(void **state)
{
    (void)state;
    struct http_body *b = text_body(BODY_SIZE);
    const struct slice packed = http_body_gzip(b), plain = http_body_identity(b);
    static char out[BODY_SIZE + 1];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.data,
                  .avail_in = (uInt)packed.size,
                  .next_out = (Bytef *)out,
                  .avail_out = sizeof out};
    assert_true(packed.size > 0 && packed.size < BODY_SIZE / 10);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, BODY_SIZE);
    assert_memory_equal(out, plain.data, BODY_SIZE);
    inflateEnd(&z);
    http_body_release(b);
}

static void test_body__small_or_random_bodies_have_one_form(void **state)
{
    (void)state;
    struct http_body *b = text_body(HTTP_GZIP_MIN - 1);
    assert_int_equal(http_body_gzip(b).size, 0);
    http_body_release(b);
    b = text_body(HTTP_GZIP_MIN);
    assert_true(http_body_gzip(b).size > 0);
    http_body_release(b);
    b = text_body(0);
    assert_int_equal(http_body_identity(b).size, 0);
    http_body_release(b);

    struct prng p;
    char noise[8000];
    prng_init(&p, 1);
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (char)prng_below(&p, 256);
    assert_int_equal(http_body_new("x/y", (struct slice){noise, sizeof noise}, &b), OK);
    assert_int_equal(http_body_gzip(b).size, 0);
    struct http_body_answer a;
    const struct http_wish wish = wish_of("gzip", NULL);
    http_body_answer(b, &wish, &a);
    assert_string_equal(header_of(&a, "Content-Encoding"), "");
    assert_string_equal(header_of(&a, "Vary"), "");
    a.response.release(a.response.owner);
    http_body_release(b);
}

static void test_body__accept_encoding_chooses_the_form(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool gzip;
    } cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZip", true},
        {"x-gzip", true},
        {"deflate, gzip, br", true},
        {"gzip;q=0", false},
        {"gzip; q=0.000", false},
        {"gzip ; q=0.001", true},
        {"gzip;q=1.000", true},
        {"gzip;q=0.5, identity;q=0.6", false},
        {"gzip;q=0.6, identity;q=0.6", true},
        {"identity;q=0, gzip;q=0.1", true},
        {"identity", false},
        {"identity, gzip", true},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0.3, gzip;q=0", false},
        {"gzip, *;q=0", true},
        {"br, deflate", false},
        {"gzipp", false},
        {"gzip;q=2", false},
        {"gzip;q=1.001", false},
        {"gzip;q=0.5x", false},
        {"gzip;q=", false},
        {"gzip;level=9", true},
        {",,gzip,,", true},
    };
    struct http_body *b = text_body(BODY_SIZE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_body_answer a;
        const struct http_wish wish = wish_of(cases[i].accept, NULL);
        http_body_answer(b, &wish, &a);
        const char *coding = header_of(&a, "Content-Encoding");
        if (strcmp(coding, cases[i].gzip ? "gzip" : "") != 0)
            fail_msg("Accept-Encoding '%s' gave '%s'", cases[i].accept, coding);
        assert_string_equal(header_of(&a, "Vary"), "Accept-Encoding");
        const struct slice want = cases[i].gzip ? http_body_gzip(b) : http_body_identity(b);
        assert_true(slice_equal(a.response.body, want));
        a.response.release(a.response.owner);
    }
    http_body_release(b);
}

static void test_body__each_form_has_its_own_tag(void **state)
{
    (void)state;
    struct http_body *b = text_body(BODY_SIZE);
    char tags[2][HTTP_BODY_TAG_SIZE];
    struct http_body_answer a;
    for (int gzip = 0; gzip < 2; gzip++) {
        const struct http_wish wish = wish_of(gzip ? "gzip" : NULL, NULL);
        http_body_answer(b, &wish, &a);
        snprintf(tags[gzip], sizeof tags[gzip], "%s", header_of(&a, "ETag"));
        a.response.release(a.response.owner);
    }
    assert_string_not_equal(tags[0], tags[1]);
    for (int asked = 0; asked < 2; asked++)
        for (int had = 0; had < 2; had++) {
            char sent[80];
            snprintf(sent, sizeof sent, "\"other\" , W/%s", tags[had]);
            const struct http_wish wish = wish_of(asked ? "gzip" : NULL, sent);
            http_body_answer(b, &wish, &a);
            assert_int_equal(a.response.status, asked == had ? 304 : 200);
            assert_string_equal(header_of(&a, "ETag"), tags[asked]);
            assert_string_equal(header_of(&a, "Vary"), "Accept-Encoding");
            a.response.release(a.response.owner);
        }
    const struct http_wish any = wish_of("gzip", "*");
    http_body_answer(b, &any, &a);
    assert_int_equal(a.response.status, 304);
    a.response.release(a.response.owner);
    http_body_release(b);
}

/* The last answer under way keeps the bytes, whoever made them. */
static void test_body__lives_until_its_last_answer(void **state)
{
    (void)state;
    struct http_body *b = text_body(BODY_SIZE);
    struct http_body_answer a;
    const struct http_wish wish = wish_of("gzip", NULL);
    http_body_answer(b, &wish, &a);
    http_body_release(b);
    assert_memory_equal(a.response.body.data, "\x1f\x8b", 2);
    a.response.release(a.response.owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body__gzip_form_unpacks_to_the_same_bytes),
        cmocka_unit_test(test_body__small_or_random_bodies_have_one_form),
        cmocka_unit_test(test_body__accept_encoding_chooses_the_form),
        cmocka_unit_test(test_body__each_form_has_its_own_tag),
        cmocka_unit_test(test_body__lives_until_its_last_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
