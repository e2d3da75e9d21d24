/* WebSocket frames and permessage-deflate, without a socket. */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "base/utf8.h"
#include "io/net/ws_codec.h"
#include "io/net/ws_deflate.h"

#define LIMIT ((size_t)1 << 20)

/* What a decoder gave, written down so that two runs can be compared: opcode, size, bytes. */
struct transcript {
    struct buffer text;
    enum err err;
    uint16_t code;
};

static void transcript_add(struct transcript *t, const struct ws_event *event)
{
    buffer_printf(&t->text, "%d/%d/%zu:", (int)event->opcode, event->compressed,
                  event->payload.size);
    buffer_append(&t->text, event->payload.data, event->payload.size);
    t->code = event->code;
}

/* Feeds the bytes in reads of 1..read_max (read_max 0: in one read). Each read lies in memory of
 * its own, so that a slice that outlives its read is found. */
static void decode(struct ws_decoder *d, struct slice bytes, size_t read_max, struct prng *p,
                   struct transcript *out)
{
    while (bytes.size > 0 && out->err == OK) {
        size_t size = read_max == 0 ? bytes.size : 1 + prng_below(p, read_max);
        if (size > bytes.size) size = bytes.size;
        char *copy = malloc(size);
        memcpy(copy, bytes.data, size);
        struct slice read = {copy, size};
        struct ws_event event;
        do {
            out->err = ws_decoder_next(d, &read, &event);
            if (out->err != OK) out->code = event.code;
            if (event.opcode != WS_CONTINUE) transcript_add(out, &event);
        } while (out->err == OK && event.opcode != WS_CONTINUE);
        free(copy);
        bytes = (struct slice){bytes.data + size, bytes.size - size};
    }
}

static void decode_once(enum ws_role role, bool deflate, struct slice bytes, size_t read_max,
                        struct transcript *out)
{
    struct prng p;
    prng_init(&p, 7);
    struct ws_decoder d;
    ws_decoder_init(&d, role, LIMIT, deflate);
    decode(&d, bytes, read_max, &p, out);
    ws_decoder_deinit(&d);
}

/* One frame, written straight from the RFC's picture, with nothing checked. */
static void frame_add(struct buffer *out, unsigned first, struct slice payload,
                      const unsigned char *mask)
{
    unsigned char header[10] = {(unsigned char)first};
    size_t size = 2;
    if (payload.size < 126) {
        header[1] = (unsigned char)payload.size;
    } else if (payload.size < 65536) {
        header[1] = 126;
        size = 4;
    } else {
        header[1] = 127;
        size = 10;
    }
    for (size_t i = 2; i < size; i++) {
        header[i] = (unsigned char)(payload.size >> (8 * (size - 1 - i)));
    }
    header[1] |= mask ? 0x80 : 0;
    buffer_append(out, header, size);
    if (mask) buffer_append(out, mask, 4);
    for (size_t i = 0; i < payload.size; i++) {
        buffer_append_char(out, (char)(payload.data[i] ^ (mask ? mask[i % 4] : 0)));
    }
}

static void test_ws_codec__examples_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        enum ws_role role;
        struct slice bytes;
        const char *expected;
    } table[] = {
        {WS_CLIENT, SLICE("\x81\x05Hello"), "1/0/5:Hello"},
        {WS_SERVER, SLICE("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "1/0/5:Hello"},
        {WS_CLIENT, SLICE("\x01\x03Hel\x80\x02lo"), "1/0/5:Hello"},
        {WS_CLIENT, SLICE("\x89\x05Hello"), "9/0/5:Hello"},
        {WS_SERVER, SLICE("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "10/0/5:Hello"},
        {WS_CLIENT, SLICE("\x01\x03Hel\x89\x01!\x80\x02lo"), "9/0/1:!1/0/5:Hello"},
        {WS_CLIENT, SLICE("\x82\x00\x81\x00"), "2/0/0:1/0/0:"},
        {WS_CLIENT,
         SLICE("\x88\x05\x03\xe8"
               "bye"),
         "8/0/3:bye"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (size_t read_max = 0; read_max < 3; read_max++) {
            struct transcript t = {0};
            decode_once(table[i].role, false, table[i].bytes, read_max, &t);
            assert_int_equal(t.err, OK);
            buffer_append_char(&t.text, '\0');
            assert_string_equal(t.text.data, table[i].expected);
            buffer_deinit(&t.text);
        }
    }
}

static void test_ws_codec__bad_frames_are_refused_with_their_code(void **state)
{
    (void)state;
    static const struct {
        enum ws_role role;
        bool deflate;
        uint16_t code;
        struct slice bytes;
    } table[] = {
        {WS_SERVER, false, 1002, SLICE("\x81\x01z")},          /* not masked */
        {WS_CLIENT, false, 1002, SLICE("\x81\x81\1\2\3\4z")},  /* masked */
        {WS_CLIENT, false, 1002, SLICE("\xc1\x01z")},          /* RSV1, not negotiated */
        {WS_CLIENT, true, 1002, SLICE("\xa1\x01z")},           /* RSV2 */
        {WS_CLIENT, true, 1002, SLICE("\x91\x01z")},           /* RSV3 */
        {WS_CLIENT, true, 1002, SLICE("\xc9\x00")},            /* RSV1 on a ping */
        {WS_CLIENT, true, 1002, SLICE("\x41\x01z\xc0\x01z")},  /* RSV1 on the second part */
        {WS_CLIENT, false, 1002, SLICE("\x83\x00")},           /* opcode 3 */
        {WS_CLIENT, false, 1002, SLICE("\x87\x00")},           /* opcode 7 */
        {WS_CLIENT, false, 1002, SLICE("\x8b\x00")},           /* opcode 11 */
        {WS_CLIENT, false, 1002, SLICE("\x8f\x00")},           /* opcode 15 */
        {WS_CLIENT, false, 1002, SLICE("\x80\x00")},           /* nothing to continue */
        {WS_CLIENT, false, 1002, SLICE("\x00\x01z")},          /* the same, not final */
        {WS_CLIENT, false, 1002, SLICE("\x01\x01z\x81\x01z")}, /* text within text */
        {WS_CLIENT, false, 1002, SLICE("\x09\x00")},           /* a ping in parts */
        {WS_CLIENT, false, 1002, SLICE("\x89\x7e\x00\x7e")},   /* a ping of 126 */
        {WS_CLIENT, false, 1002, SLICE("\x88\x01\x03")},       /* half a close code */
        {WS_CLIENT, false, 1002, SLICE("\x81\x7e\x00\x7d")},   /* 125 in two bytes */
        {WS_CLIENT, false, 1002, SLICE("\x82\x7f\0\0\0\0\0\0\xff\xff")}, /* 65535 in eight */
        {WS_CLIENT, false, 1002, SLICE("\x82\x7f\x80\0\0\0\0\0\0\0")},   /* 64 bits */
        {WS_CLIENT, false, 1009, SLICE("\x82\x7f\0\0\0\0\0\x10\0\1")},   /* LIMIT + 1 */
        {WS_CLIENT, false, 1009, SLICE("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")},
        {WS_CLIENT, false, 1009, SLICE("\x02\x01z\x00\x7f\0\0\0\0\0\x10\0\0")}, /* LIMIT in sum */
        {WS_CLIENT, false, 1007, SLICE("\x81\x01\xff")},
        {WS_CLIENT, false, 1007, SLICE("\x01\x02z\xc3\x80\x01z")},
        {WS_CLIENT, false, 1007, SLICE("\x81\x01\xc3")},             /* ends in a character */
        {WS_CLIENT, false, 1007, SLICE("\x88\x04\x03\xe8\xc0\x80")}, /* reason */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (size_t read_max = 0; read_max < 4; read_max++) {
            struct transcript t = {0};
            decode_once(table[i].role, table[i].deflate, table[i].bytes, read_max, &t);
            const enum err expected = table[i].code == 1002   ? ERR_PARSE
                                      : table[i].code == 1007 ? ERR_INVALID
                                                              : ERR_LIMIT;
            if (t.err != expected || t.code != table[i].code) {
                fail_msg("row %zu, reads of %zu: %s, code %d", i, read_max, err_name(t.err),
                         t.code);
            }
            buffer_deinit(&t.text);
        }
    }
}

static void test_ws_codec__close_codes(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 65536; code++) {
        const bool is_valid = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                              (code >= 3000 && code < 5000);
        const char bytes[4] = {'\x88', 2, (char)(code >> 8), (char)code};
        struct transcript t = {0};
        decode_once(WS_CLIENT, false, (struct slice){bytes, 4}, 0, &t);
        assert_int_equal(t.err, is_valid ? OK : ERR_PARSE);
        assert_int_equal(t.code, is_valid ? code : 1002);
        buffer_deinit(&t.text);
    }
    struct transcript t = {0};
    decode_once(WS_CLIENT, false, SLICE("\x88\x00"), 0, &t);
    assert_int_equal(t.code, WS_CODE_NONE);
    buffer_deinit(&t.text);
}

static void test_ws_codec__nothing_is_heard_after_a_close(void **state)
{
    (void)state;
    struct transcript t = {0};
    decode_once(WS_CLIENT, false, SLICE("\x88\x00\x81\x01z\x81\x01z"), 0, &t);
    assert_int_equal(t.err, OK);
    assert_int_equal(t.text.size, strlen("8/0/0:"));
    buffer_deinit(&t.text);
}

static void test_ws_codec__declared_size_takes_no_memory(void **state)
{
    (void)state;
    struct ws_decoder d;
    ws_decoder_init(&d, WS_CLIENT, (size_t)1 << 40, false);
    struct slice bytes = SLICE("\x82\x7f\0\0\0\xff\0\0\0\0z");
    struct ws_event event;
    assert_int_equal(ws_decoder_next(&d, &bytes, &event), OK);
    assert_int_equal(event.opcode, WS_CONTINUE);
    assert_true(d.message.capacity <= 4096);
    ws_decoder_deinit(&d);
}

static void test_ws_codec__whole_message_is_a_slice_of_the_input(void **state)
{
    (void)state;
    struct ws_decoder d;
    ws_decoder_init(&d, WS_CLIENT, LIMIT, false);
    const char input[] = "\x81\x05Hello\x82\x01z";
    struct slice bytes = {input, sizeof input - 1};
    struct ws_event event;
    assert_int_equal(ws_decoder_next(&d, &bytes, &event), OK);
    assert_ptr_equal(event.payload.data, input + 2);
    assert_int_equal(ws_decoder_next(&d, &bytes, &event), OK);
    assert_ptr_equal(event.payload.data, input + 9);
    assert_null(d.message.data);
    ws_decoder_deinit(&d);
}

static void test_ws_codec__large_buffer_is_given_back(void **state)
{
    (void)state;
    struct buffer bytes = {0};
    char *payload = calloc(1, 100000);
    frame_add(&bytes, 0x02, (struct slice){payload, 100000}, NULL);
    frame_add(&bytes, 0x80, (struct slice){payload, 100000}, NULL);
    struct ws_decoder d;
    ws_decoder_init(&d, WS_CLIENT, LIMIT, false);
    struct slice rest = buffer_slice(&bytes);
    struct ws_event event;
    assert_int_equal(ws_decoder_next(&d, &rest, &event), OK);
    assert_int_equal(event.payload.size, 200000);
    assert_int_equal(ws_decoder_next(&d, &rest, &event), OK);
    assert_null(d.message.data);
    ws_decoder_deinit(&d);
    buffer_deinit(&bytes);
    free(payload);
}

/* ---- property: what was sent is what comes out, however it is cut ---- */

static size_t random_size(struct prng *p)
{
    static const size_t edges[] = {0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 70000};
    if (prng_below(p, 4) == 0) return edges[prng_below(p, sizeof edges / sizeof *edges)];
    return prng_below(p, 600);
}

/* Random characters of one to four bytes, at most size bytes. */
static size_t random_text(struct prng *p, char *out, size_t size)
{
    static const char *const characters[] = {"a",
                                             "\n",
                                             "\xc3\xa9",
                                             "\xe2\x82\xac",
                                             "\xed\x9f\xbf",
                                             "\xf0\x9f\x98\x80",
                                             "\xf4\x8f\xbf\xbf"};
    size_t at = 0;
    while (true) {
        const char *c = characters[prng_below(p, 7)];
        if (at + strlen(c) > size) return at;
        memcpy(out + at, c, strlen(c));
        at += strlen(c);
    }
}

static void random_bytes(struct prng *p, void *out, size_t size)
{
    for (size_t i = 0; i < size; i++) ((char *)out)[i] = (char)prng_next(p);
}

static void control_add(struct prng *p, struct buffer *bytes, struct transcript *expected,
                        bool masked)
{
    char payload[WS_CONTROL_LIMIT];
    unsigned char mask[4];
    random_bytes(p, mask, sizeof mask);
    random_bytes(p, payload, sizeof payload);
    const struct ws_event event = {
        .opcode = prng_below(p, 2) ? WS_PING : WS_PONG,
        .payload = {payload, prng_below(p, WS_CONTROL_LIMIT + 1)},
    };
    frame_add(bytes, 0x80 | (unsigned)event.opcode, event.payload, masked ? mask : NULL);
    transcript_add(expected, &event);
}

static void message_add(struct prng *p, struct buffer *bytes, struct transcript *expected,
                        bool masked)
{
    const bool is_text = prng_below(p, 2);
    size_t size = random_size(p);
    char *payload = malloc(size + 1);
    if (is_text)
        size = random_text(p, payload, size);
    else
        random_bytes(p, payload, size);

    const struct ws_event event = {
        .opcode = is_text ? WS_TEXT : WS_BINARY,
        .compressed = !is_text && prng_below(p, 4) == 0,
        .payload = {payload, size},
    };
    const size_t part_count = 1 + prng_below(p, 4);
    size_t at = 0;
    for (size_t i = 0; i < part_count; i++) {
        unsigned char mask[4];
        random_bytes(p, mask, sizeof mask);
        const bool is_last = i + 1 == part_count;
        const size_t part_size = is_last ? size - at : prng_below(p, size - at + 1);
        const unsigned first = (is_last ? 0x80 : 0) | (i == 0 ? (unsigned)event.opcode : 0) |
                               (i == 0 && event.compressed ? 0x40 : 0);
        frame_add(bytes, first, (struct slice){payload + at, part_size}, masked ? mask : NULL);
        at += part_size;
        if (!is_last && prng_below(p, 2)) control_add(p, bytes, expected, masked);
    }
    transcript_add(expected, &event);
    free(payload);
}

static void test_ws_codec__any_cut_gives_the_same_messages(void **state)
{
    (void)state;
    static const size_t read_maxes[] = {1, 2, 7, 100, 5000, 0};
    for (uint64_t seed = 0; seed < 150; seed++) {
        struct prng p;
        prng_init(&p, seed);
        const bool masked = seed % 2;
        struct buffer bytes = {0};
        struct transcript expected = {0};
        for (int i = 0; i < 8; i++) message_add(&p, &bytes, &expected, masked);

        struct ws_decoder d;
        ws_decoder_init(&d, masked ? WS_SERVER : WS_CLIENT, LIMIT, true);
        struct transcript got = {0};
        decode(&d, buffer_slice(&bytes), read_maxes[seed % 6], &p, &got);
        if (got.err != OK || !slice_equal(buffer_slice(&got.text), buffer_slice(&expected.text))) {
            fail_msg("seed %d: %s", (int)seed, err_text());
        }
        ws_decoder_deinit(&d);
        buffer_deinit(&got.text);
        buffer_deinit(&expected.text);
        buffer_deinit(&bytes);
    }
}

static void test_ws_codec__built_frames_equal_the_plain_writing(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 11);
    char *payload = malloc(70001);
    random_bytes(&p, payload, 70001);
    for (int i = 0; i < 400; i++) {
        unsigned char mask[4];
        random_bytes(&p, mask, sizeof mask);
        const unsigned char *key = i % 2 ? mask : NULL;
        const struct slice message = {payload + prng_below(&p, 2), random_size(&p)};
        struct buffer naive = {0};
        struct buffer built = {0};
        frame_add(&naive, i % 3 ? 0x82 : 0xc2, message, key);
        ws_frame_build(&built, WS_BINARY, i % 3 == 0, message, key);
        assert_true(slice_equal(buffer_slice(&naive), buffer_slice(&built)));
        buffer_deinit(&naive);
        buffer_deinit(&built);
    }
    free(payload);
}

static void test_ws_codec__mask_goes_on_at_any_offset(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 12);
    char plain[64], whole[64], pieces[64];
    unsigned char mask[4];
    for (int i = 0; i < 500; i++) {
        random_bytes(&p, plain, sizeof plain);
        random_bytes(&p, mask, sizeof mask);
        ws_mask_copy(whole, plain, sizeof plain, mask, 0);
        const size_t cut = prng_below(&p, sizeof plain + 1);
        memcpy(pieces, plain, sizeof plain);
        ws_mask_copy(pieces, pieces, cut, mask, 0);
        ws_mask_copy(pieces + cut, pieces + cut, sizeof plain - cut, mask, cut);
        assert_memory_equal(whole, pieces, sizeof whole);
    }
}

static void test_ws_codec__long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    char reason[200], out[WS_CONTROL_LIMIT];
    memset(reason, 'x', 122);
    for (size_t i = 122; i < sizeof reason; i += 2) memcpy(reason + i, "\xc3\xa9", 2);
    assert_int_equal(ws_close_write(out, 1000, (struct slice){reason, sizeof reason}), 2 + 122);
    assert_int_equal(ws_close_write(out, 1000, (struct slice){reason, 10}), 12);
    assert_memory_equal(out, "\x03\xe8xxxxxxxxxx", 12);
    assert_int_equal(ws_close_write(out, WS_CODE_NONE, SLICE("")), 0);
}

/* ---- UTF-8 ---- */

static void test_utf8__table_whole_and_in_fragments(void **state)
{
    (void)state;
    static const struct {
        bool is_valid;
        struct slice text;
    } table[] = {
        {true, SLICE("")},
        {true, SLICE("\0\x7f")},
        {true, SLICE("0123456789012345678901234567890123456789")},
        {true, SLICE("\xc2\x80\xdf\xbf")},
        {true, SLICE("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")},
        {true, SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
        {false, SLICE("\x80")},
        {false, SLICE("\xc0\x80")},         /* NUL in two bytes */
        {false, SLICE("\xc1\xbf")},         /* overlong */
        {false, SLICE("\xe0\x9f\xbf")},     /* overlong */
        {false, SLICE("\xf0\x8f\xbf\xbf")}, /* overlong */
        {false, SLICE("\xed\xa0\x80")},     /* surrogate D800 */
        {false, SLICE("\xed\xbf\xbf")},     /* surrogate DFFF */
        {false, SLICE("\xf4\x90\x80\x80")}, /* above 10FFFF */
        {false, SLICE("\xf5\x80\x80\x80")},
        {false, SLICE("\xf8\x88\x80\x80\x80")},
        {false, SLICE("\xfe")},
        {false, SLICE("\xc3")},
        {false, SLICE("\xe2\x82")},
        {false, SLICE("\xf0\x9f\x98")},
        {false, SLICE("\xe2\x82z")},
        {false, SLICE("01234567890123456789012345678901234567\xff")},
        {false, SLICE("0123456789012345\xff"
                      "0123456789012345")},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct slice text = table[i].text;
        assert_int_equal(utf8_is_valid(text), table[i].is_valid);
        for (size_t cut = 0; cut <= text.size; cut++) {
            struct buffer bytes = {0};
            frame_add(&bytes, 0x01, (struct slice){text.data, cut}, NULL);
            frame_add(&bytes, 0x80, (struct slice){text.data + cut, text.size - cut}, NULL);
            struct transcript t = {0};
            decode_once(WS_CLIENT, false, buffer_slice(&bytes), 0, &t);
            assert_int_equal(t.err, table[i].is_valid ? OK : ERR_INVALID);
            buffer_deinit(&t.text);
            buffer_deinit(&bytes);
        }
    }
}

/* Every code point, and every form that its bits could be put in, judged by arithmetic. */
static void test_utf8__every_code_point_in_every_length(void **state)
{
    (void)state;
    static const uint32_t first_of[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned lead_of[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (uint32_t c = 0; c < 0x120000; c++) {
        for (unsigned size = 2; size <= 4; size++) {
            if (size < 4 && c >= (size == 2 ? 0x800u : 0x10000u)) continue;
            char text[4];
            for (unsigned i = 1; i < size; i++) {
                text[i] = (char)(0x80 | (c >> (6 * (size - 1 - i)) & 0x3f));
            }
            text[0] = (char)(lead_of[size] | c >> (6 * (size - 1)));
            const bool is_valid =
                c >= first_of[size] && c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
            if (utf8_is_valid((struct slice){text, size}) != is_valid) fail_msg("U+%X", c);
        }
    }
}

/* ---- permessage-deflate ---- */

static void test_ws_deflate__offers(void **state)
{
    (void)state;
#define ANSWER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    static const struct {
        const char *offer;
        const char *answer;
    } table[] = {
        {"permessage-deflate", ANSWER},
        {" permessage-deflate ;client_max_window_bits", ANSWER},
        {"permessage-deflate; client_max_window_bits=\"10\"", ANSWER},
        {"permessage-deflate; server_max_window_bits=15", ANSWER "; server_max_window_bits=12"},
        {"permessage-deflate; server_max_window_bits=9, permessage-deflate", ANSWER},
        {"x-other; a=1; b, permessage-deflate; server_no_context_takeover", ANSWER},
        {WS_DEFLATE_OFFER, ANSWER},
        {"", NULL},
        {"x-webkit-deflate-frame", NULL},
        {"permessage-deflate; server_max_window_bits=11", NULL},
        {"permessage-deflate; server_max_window_bits", NULL},
        {"permessage-deflate; client_max_window_bits=7", NULL},
        {"permessage-deflate; client_max_window_bits=16", NULL},
        {"permessage-deflate; client_max_window_bits=010", NULL},
        {"permessage-deflate; server_no_context_takeover=1", NULL},
        {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", NULL},
        {"permessage-deflate; unknown", NULL},
        {"permessage-deflate;", NULL},
        {"permessage-deflate; =", NULL},
        {"; permessage-deflate", NULL},
        {"permessage-deflate; client_max_window_bits=\"10", NULL},
        {"permessage-deflate;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a, permessage-deflate", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char answer[WS_DEFLATE_ANSWER_SIZE] = "";
        const bool taken = ws_deflate_accept(slice_of(table[i].offer), answer);
        if (taken != (table[i].answer != NULL)) fail_msg("offer %s", table[i].offer);
        if (taken) assert_string_equal(answer, table[i].answer);
    }
}

static void test_ws_deflate__answers(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        bool is_good;
        bool takeover;
    } table[] = {
        {"permessage-deflate", true, true},
        {"permessage-deflate; server_no_context_takeover", true, false},
        {ANSWER "; server_max_window_bits=8; client_max_window_bits=9", true, false},
        {"permessage-deflate; client_max_window_bits", false, false},
        {"permessage-deflate; server_max_window_bits=16", false, false},
        {"permessage-deflate, permessage-deflate", false, false},
        {"permessage-deflate; mystery", false, false},
        {"permessage-gzip", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bool takeover = false;
        const enum err e = ws_deflate_confirm(slice_of(table[i].answer), &takeover);
        assert_int_equal(e, table[i].is_good ? OK : ERR_PARSE);
        assert_int_equal(takeover, table[i].takeover);
    }
#undef ANSWER
}

static void random_json(struct prng *p, struct buffer *out, size_t size)
{
    buffer_clear(out);
    while (out->size < size) {
        buffer_printf(out, "{\"p\":\"%d.%02d\",\"q\":\"%d\"},", (int)prng_below(p, 90000),
                      (int)prng_below(p, 100), (int)prng_below(p, 1000));
    }
    out->size = size;
}

static void test_ws_deflate__round_trips(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 5, 200, 1500, 4096, 4097, 70000, 300000};
    struct prng p;
    prng_init(&p, 3);
    struct ws_deflater deflater;
    assert_int_equal(ws_deflater_init(&deflater), OK);
    struct ws_inflater inflaters[2];
    ws_inflater_init(&inflaters[0], false);
    ws_inflater_init(&inflaters[1], true);
    struct buffer message = {0}, compressed = {0}, out = {0};
    for (int i = 0; i < 60; i++) {
        const size_t size = sizes[prng_below(&p, 9)];
        random_json(&p, &message, size);
        if (i % 5 == 0 && size > 0) random_bytes(&p, message.data, size);
        buffer_clear(&compressed);
        ws_deflate(&deflater, buffer_slice(&message), &compressed);
        assert_false(compressed.failed);
        buffer_clear(&out);
        assert_int_equal(ws_inflate(&inflaters[i % 2], buffer_slice(&compressed), size, &out), OK);
        assert_true(slice_equal(buffer_slice(&out), buffer_slice(&message)));
    }
    ws_inflater_deinit(&inflaters[0]);
    ws_inflater_deinit(&inflaters[1]);
    ws_deflater_deinit(&deflater);
    buffer_deinit(&message);
    buffer_deinit(&compressed);
    buffer_deinit(&out);
}

static void inflate_both(struct slice compressed, size_t limit, enum err expected, const char *text)
{
    for (int takeover = 0; takeover < 2; takeover++) {
        struct ws_inflater i;
        ws_inflater_init(&i, takeover);
        struct buffer out = {0};
        assert_int_equal(ws_inflate(&i, compressed, limit, &out), expected);
        if (text) assert_true(slice_is(buffer_slice(&out), text));
        assert_true(out.size <= limit + 1);
        ws_inflater_deinit(&i);
        buffer_deinit(&out);
    }
}

static void test_ws_deflate__examples_of_the_rfc(void **state)
{
    (void)state;
    inflate_both(SLICE("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, OK, "Hello");
    inflate_both(SLICE("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), 5, OK,
                 "Hello");                                                   /* stored */
    inflate_both(SLICE("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 5, OK, "Hello"); /* final block */
    inflate_both(SLICE("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), 5, OK, "Hello");
    inflate_both(SLICE("\x00"), 0, OK, "");
}

static void test_ws_deflate__takeover_reaches_back(void **state)
{
    (void)state;
    struct ws_inflater i;
    ws_inflater_init(&i, true);
    struct buffer out = {0};
    for (int round = 0; round < 2; round++) {
        /* the RFC's pair: the second message refers to the first; then over a final block */
        const struct slice first = round == 0 ? SLICE("\xf2\x48\xcd\xc9\xc9\x07\x00")
                                              : SLICE("\xf3\x48\xcd\xc9\xc9\x07\x00\x00");
        assert_int_equal(ws_inflate(&i, first, 5, &out), OK);
        assert_int_equal(ws_inflate(&i, SLICE("\xf2\x00\x11\x00\x00"), 5, &out), OK);
        assert_true(slice_is(buffer_slice(&out), "HelloHello"));
        buffer_clear(&out);
    }
    ws_inflater_deinit(&i);
    buffer_deinit(&out);
}

static void test_ws_deflate__without_takeover_nothing_is_kept(void **state)
{
    (void)state;
    struct ws_inflater i;
    ws_inflater_init(&i, false);
    struct buffer out = {0};
    assert_int_equal(ws_inflate(&i, SLICE("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, &out), OK);
    assert_false(i.is_open);
    assert_int_equal(ws_inflate(&i, SLICE("\xf2\x00\x11\x00\x00"), 5, &out), ERR_INVALID);
    ws_inflater_deinit(&i);
    buffer_deinit(&out);
}

static void test_ws_deflate__bombs_and_broken_data(void **state)
{
    (void)state;
    struct ws_deflater deflater;
    assert_int_equal(ws_deflater_init(&deflater), OK);
    struct buffer bomb = {0};
    char *zeros = calloc(1, (size_t)8 << 20);
    ws_deflate(&deflater, (struct slice){zeros, (size_t)8 << 20}, &bomb);
    assert_true(bomb.size < 20000);
    inflate_both(buffer_slice(&bomb), 65536, ERR_LIMIT, NULL);
    inflate_both(buffer_slice(&bomb), 0, ERR_LIMIT, NULL);
    inflate_both((struct slice){bomb.data, bomb.size / 2}, (size_t)8 << 20, ERR_INVALID, NULL);
    inflate_both(SLICE("\xff\xff\xff"), 100, ERR_INVALID, NULL);
    inflate_both(SLICE("Hello"), 100, ERR_INVALID, NULL);
    inflate_both(SLICE("\x00\x09\x00\xf6\xffHe"), 100, ERR_INVALID, NULL);       /* stored, cut */
    inflate_both(SLICE("\xf3\x48\xcd\xc9\xc9\x07\x00"), 100, ERR_INVALID, NULL); /* ends early */

    /* final blocks without end: each would cost a copy of the window */
    for (size_t i = 0; i < 2000; i++) memcpy(zeros + 2 * i, "\x03\x00", 2);
    inflate_both((struct slice){zeros, 4001}, 100, ERR_INVALID, NULL);
    free(zeros);
    buffer_deinit(&bomb);
    ws_deflater_deinit(&deflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_codec__examples_of_the_rfc),
        cmocka_unit_test(test_ws_codec__bad_frames_are_refused_with_their_code),
        cmocka_unit_test(test_ws_codec__close_codes),
        cmocka_unit_test(test_ws_codec__nothing_is_heard_after_a_close),
        cmocka_unit_test(test_ws_codec__declared_size_takes_no_memory),
        cmocka_unit_test(test_ws_codec__whole_message_is_a_slice_of_the_input),
        cmocka_unit_test(test_ws_codec__large_buffer_is_given_back),
        cmocka_unit_test(test_ws_codec__any_cut_gives_the_same_messages),
        cmocka_unit_test(test_ws_codec__built_frames_equal_the_plain_writing),
        cmocka_unit_test(test_ws_codec__mask_goes_on_at_any_offset),
        cmocka_unit_test(test_ws_codec__long_reason_is_cut_between_characters),
        cmocka_unit_test(test_utf8__table_whole_and_in_fragments),
        cmocka_unit_test(test_utf8__every_code_point_in_every_length),
        cmocka_unit_test(test_ws_deflate__offers),
        cmocka_unit_test(test_ws_deflate__answers),
        cmocka_unit_test(test_ws_deflate__round_trips),
        cmocka_unit_test(test_ws_deflate__examples_of_the_rfc),
        cmocka_unit_test(test_ws_deflate__takeover_reaches_back),
        cmocka_unit_test(test_ws_deflate__without_takeover_nothing_is_kept),
        cmocka_unit_test(test_ws_deflate__bombs_and_broken_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
