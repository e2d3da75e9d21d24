/* Bodies in two forms, and the choice between them. */
#include "io/net/http_body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/check.h"
#include "base/hash.h"

enum {
    TAG_SEED = 1,
    WEIGHT_ONE = 1000, /* weights count in thousandths */
    GZIP_WINDOW_BITS = 15 + 16,
    GZIP_MEMORY_LEVEL = 9,
    CODINGS_MAX = 32, /* what a longer Accept-Encoding names behind these is not looked at */
};

struct form {
    char *data;
    size_t size;
    char tag[HTTP_BODY_TAG_SIZE];
};

struct http_body {
    const char *content_type;
    struct form identity;
    struct form gzip; /* data NULL: none */
    unsigned holds;
};

static bool compress_form(struct slice bytes, struct form *out);
static bool client_has(const char *tags, const char *tag);
static int weight_parse(struct slice parameters);
static struct slice next_part(struct slice *rest, char separator);
static struct slice trimmed(struct slice text);

enum err http_body_new(const char *content_type, struct slice bytes, struct http_body **out)
{
    struct http_body *b = calloc(1, sizeof *b);
    if (b) b->identity.data = malloc(bytes.size + 1);
    if (!b || !b->identity.data) {
        free(b);
        return err_set(ERR_NO_MEMORY, "no memory for a body of %zu bytes", bytes.size);
    }
    b->content_type = content_type;
    b->holds = 1;
    if (bytes.size) memcpy(b->identity.data, bytes.data, bytes.size);
    b->identity.size = bytes.size;
    const unsigned long long hash = hash_bytes(TAG_SEED, bytes.data, bytes.size);
    snprintf(b->identity.tag, sizeof b->identity.tag, "\"%016llx\"", hash);
    snprintf(b->gzip.tag, sizeof b->gzip.tag, "\"%016llx-gz\"", hash);
    if (bytes.size >= HTTP_GZIP_MIN && !compress_form(bytes, &b->gzip)) {
        http_body_release(b);
        return err_set(ERR_NO_MEMORY, "no memory to compress a body");
    }
    *out = b;
    return OK;
}

struct http_body *http_body_hold(struct http_body *b)
{
    b->holds++;
    return b;
}

void http_body_release(void *body)
{
    struct http_body *b = body;
    if (!b) return;
    CHECK(b->holds > 0);
    if (--b->holds) return;
    free(b->identity.data);
    free(b->gzip.data);
    free(b);
}

struct slice http_body_identity(const struct http_body *b)
{
    return (struct slice){b->identity.data, b->identity.size};
}

struct slice http_body_gzip(const struct http_body *b)
{
    return (struct slice){b->gzip.data, b->gzip.size};
}

void http_wish_read(const struct http_headers *headers, struct http_wish *out)
{
    out->takes_gzip = false;
    out->tags[0] = '\0';
    if (!headers) return;
    if (http_header_count(headers, "If-None-Match") == 1)
        (void)slice_copy(http_header_get(headers, "If-None-Match"), out->tags, sizeof out->tags);

    int gzip = -1, identity = -1, any = -1;
    struct slice list = http_header_get(headers, "Accept-Encoding");
    for (unsigned i = 0; i < CODINGS_MAX && list.size; i++) {
        struct slice parameters = next_part(&list, ',');
        const struct slice name = trimmed(next_part(&parameters, ';'));
        const int weight = weight_parse(parameters);
        if (http_text_equal(name, SLICE("gzip")) || http_text_equal(name, SLICE("x-gzip")))
            gzip = weight;
        else if (http_text_equal(name, SLICE("identity")))
            identity = weight;
        else if (slice_is(name, "*"))
            any = weight;
    }
    if (gzip < 0) gzip = any;
    out->takes_gzip = gzip > 0 && gzip >= identity;
}

void http_body_answer(struct http_body *b, const struct http_wish *wish,
                      struct http_body_answer *out)
{
    const bool is_gzip = wish->takes_gzip && b->gzip.data;
    const struct form *form = is_gzip ? &b->gzip : &b->identity;
    *out = (struct http_body_answer){.header_count = 1};
    out->headers[0] = (struct http_header){SLICE("ETag"), slice_of(form->tag)};
    if (b->gzip.data)
        out->headers[out->header_count++] =
            (struct http_header){SLICE("Vary"), SLICE("Accept-Encoding")};
    if (client_has(wish->tags, form->tag)) {
        out->response = (struct http_response){.status = 304};
    } else {
        if (is_gzip)
            out->headers[out->header_count++] =
                (struct http_header){SLICE("Content-Encoding"), SLICE("gzip")};
        out->response = (struct http_response){
            .status = 200, .content_type = b->content_type, .body = {form->data, form->size}};
    }
    /* The tag stands in the body: also a 304 holds it. */
    out->response.release = http_body_release;
    out->response.owner = http_body_hold(b);
}

/* False without memory. A form that saves less than an eighth is not kept. */
static bool compress_form(struct slice bytes, struct form *out)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    const size_t room = deflateBound(&z, bytes.size);
    out->data = malloc(room);
    int status = Z_MEM_ERROR;
    if (out->data) {
        z.next_in =
            (Bytef *)(uintptr_t)bytes.data; /* zlib's bytes are not const, but not written */
        z.avail_in = (uInt)bytes.size;
        z.next_out = (Bytef *)out->data;
        z.avail_out = (uInt)room;
        CHECK(z.avail_in == bytes.size && z.avail_out == room);
        status = deflate(&z, Z_FINISH);
        CHECK(status == Z_STREAM_END);
        out->size = z.total_out;
    }
    deflateEnd(&z);
    if (status != Z_STREAM_END) return false;
    const bool saves = out->size <= bytes.size - bytes.size / 8;
    char *fitted = saves ? realloc(out->data, out->size) : NULL;
    if (fitted) out->data = fitted;
    if (saves) return true;
    free(out->data);
    out->data = NULL;
    out->size = 0;
    return true;
}

/* If-None-Match compares weakly, so what a proxy made weak ("W/...") is still ours. */
static bool client_has(const char *tags, const char *tag)
{
    struct slice rest = slice_of(tags);
    while (rest.size) {
        struct slice one = trimmed(next_part(&rest, ','));
        if (slice_is(one, "*")) return true;
        if (one.size > 2 && memcmp(one.data, "W/", 2) == 0)
            one = (struct slice){one.data + 2, one.size - 2};
        if (slice_is(one, tag)) return true;
    }
    return false;
}

/* "q=0.5" among parameters, in thousandths; without one it is 1. What is malformed counts as 0:
 * the client did not clearly ask for it. */
static int weight_parse(struct slice parameters)
{
    while (parameters.size) {
        const struct slice one = trimmed(next_part(&parameters, ';'));
        if (one.size < 2 || (one.data[0] != 'q' && one.data[0] != 'Q') || one.data[1] != '=')
            continue;
        const struct slice digits = {one.data + 2, one.size - 2};
        if (digits.size == 0 || digits.size > 5) return 0;
        if (digits.data[0] != '0' && digits.data[0] != '1') return 0;
        if (digits.size > 1 && digits.data[1] != '.') return 0;
        int weight = (digits.data[0] - '0') * WEIGHT_ONE;
        int unit = WEIGHT_ONE / 10;
        for (size_t i = 2; i < digits.size; i++, unit /= 10) {
            if (digits.data[i] < '0' || digits.data[i] > '9') return 0;
            weight += (digits.data[i] - '0') * unit;
        }
        return weight > WEIGHT_ONE ? 0 : weight;
    }
    return WEIGHT_ONE;
}

/* What stands before the separator; the rest goes on behind it. */
static struct slice next_part(struct slice *rest, char separator)
{
    if (rest->size == 0) return (struct slice){0};
    const char *end = memchr(rest->data, separator, rest->size);
    const size_t size = end ? (size_t)(end - rest->data) : rest->size;
    const struct slice part = {rest->data, size};
    const size_t used = end ? size + 1 : size;
    *rest = (struct slice){rest->data + used, rest->size - used};
    return part;
}

static struct slice trimmed(struct slice text)
{
    while (text.size && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct slice){text.data + 1, text.size - 1};
    while (text.size && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}
