/* permessage-deflate: the header's grammar, then thin shells around zlib. */
#include "io/net/ws_deflate.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>

#include "base/check.h"

enum { INFLATE_WINDOW_BITS = 15, DEFLATE_MEMORY_LEVEL = 8 };
enum { INFLATE_STEP = 4096, STREAM_END_LIMIT = 16, WINDOW_SIZE = 1 << INFLATE_WINDOW_BITS };

/* What every flushed message ends with, and therefore leaves out (RFC 7692 section 7.2.1). */
static const char flush_tail[4] = {0, 0, '\xff', '\xff'};

struct param {
    struct slice name;
    struct slice value; /* data is NULL: none */
};

struct extension {
    struct slice name;
    size_t param_count;
    struct param params[WS_DEFLATE_PARAM_LIMIT];
};

/* The four parameters of permessage-deflate. */
struct settings {
    bool server_no_takeover;
    bool client_no_takeover;
    bool has_server_bits;
    bool has_client_bits;
    unsigned server_bits;
    unsigned client_bits; /* 0: without a value, which only an offer may do */
};

static bool extension_next(struct slice *text, struct extension *out);
static bool param_next(struct slice *text, struct param *out);
static bool value_next(struct slice *text, struct slice *out);
static bool token_next(struct slice *text, struct slice *out);
static bool char_skip(struct slice *text, char c);
static void space_skip(struct slice *text);
static bool settings_read(const struct extension *extension, struct settings *out);
static bool flag_set(bool *flag, struct slice value);
static bool bits_set(bool *flag, unsigned *bits, struct slice value);
static enum err inflater_open(struct ws_inflater *i);
static enum err inflate_part(struct ws_inflater *i, struct slice part, size_t end,
                             struct buffer *out);
static enum err inflate_restart(struct ws_inflater *i);

bool ws_deflate_accept(struct slice offers, char answer[WS_DEFLATE_ANSWER_SIZE])
{
    struct extension offer;
    while (extension_next(&offers, &offer)) {
        struct settings s;
        if (settings_read(&offer, &s) &&
            (!s.has_server_bits || s.server_bits >= WS_DEFLATE_WINDOW_BITS)) {
            char bits[40] = "";
            if (s.has_server_bits) {
                snprintf(bits, sizeof bits, "; server_max_window_bits=%d", WS_DEFLATE_WINDOW_BITS);
            }
            snprintf(answer, WS_DEFLATE_ANSWER_SIZE,
                     "permessage-deflate; server_no_context_takeover; client_no_context_takeover%s",
                     bits);
            return true;
        }
        if (!char_skip(&offers, ',')) return false;
    }
    return false;
}

enum err ws_deflate_confirm(struct slice answer, bool *takeover)
{
    struct extension extension;
    struct settings s;
    if (!extension_next(&answer, &extension) || answer.size > 0 || !settings_read(&extension, &s) ||
        (s.has_client_bits && s.client_bits == 0)) {
        return err_set(ERR_PARSE, "the server answered with an extension that was not offered");
    }
    *takeover = !s.server_no_takeover;
    return OK;
}

void ws_inflater_init(struct ws_inflater *i, bool takeover)
{
    *i = (struct ws_inflater){.takeover = takeover};
}

void ws_inflater_deinit(struct ws_inflater *i)
{
    if (i->is_open) inflateEnd(&i->stream);
    i->is_open = false;
}

enum err ws_inflate(struct ws_inflater *i, struct slice compressed, size_t limit,
                    struct buffer *out)
{
    CHECK(compressed.size <= UINT_MAX);
    const size_t end = out->size + limit;
    enum err e = inflater_open(i);
    if (e == OK) e = inflate_part(i, compressed, end, out);
    if (e == OK) e = inflate_part(i, (struct slice){flush_tail, sizeof flush_tail}, end, out);
    /* zlib's mark for "between two blocks": anywhere else the data was cut */
    const bool is_between_blocks = i->stream.data_type & 128;
    if (e == OK && !is_between_blocks) e = err_set(ERR_INVALID, "compressed message is cut");
    if (!i->takeover) ws_inflater_deinit(i);
    return e;
}

enum err ws_deflater_init(struct ws_deflater *d)
{
    *d = (struct ws_deflater){0};
    const int result =
        deflateInit2(&d->stream, WS_DEFLATE_LEVEL, Z_DEFLATED, -WS_DEFLATE_WINDOW_BITS,
                     DEFLATE_MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    return result == Z_OK ? OK : err_set(ERR_NO_MEMORY, "no memory for a compressor");
}

void ws_deflater_deinit(struct ws_deflater *d)
{
    deflateEnd(&d->stream);
}

void ws_deflate(struct ws_deflater *d, struct slice message, struct buffer *out)
{
    CHECK(message.size <= UINT_MAX);
    z_stream *z = &d->stream;
    CHECK(deflateReset(z) == Z_OK);
    z->next_in = (Bytef *)message.data; /* zlib only reads it */
    z->avail_in = (uInt)message.size;
    do {
        char *at = buffer_reserve(out, deflateBound(z, z->avail_in) + 16);
        if (!at) return;
        const uInt room = (uInt)(out->capacity - out->size);
        z->next_out = (Bytef *)at;
        z->avail_out = room;
        const int result = deflate(z, Z_SYNC_FLUSH);
        CHECK(result == Z_OK || result == Z_BUF_ERROR);
        buffer_commit(out, room - z->avail_out);
    } while (z->avail_out == 0);
    CHECK(out->size >= sizeof flush_tail);
    out->size -= sizeof flush_tail;
}

/* One extension with its parameters: "name; a; b=1". Ends before a comma or at the end of the text.
 * False where the text does not have that form, or has too many parameters. */
static bool extension_next(struct slice *text, struct extension *out)
{
    out->param_count = 0;
    if (!token_next(text, &out->name)) return false;
    while (char_skip(text, ';')) {
        if (out->param_count == WS_DEFLATE_PARAM_LIMIT) return false;
        if (!param_next(text, &out->params[out->param_count++])) return false;
    }
    return text->size == 0 || *text->data == ',';
}

static bool param_next(struct slice *text, struct param *out)
{
    out->value = (struct slice){0};
    if (!token_next(text, &out->name)) return false;
    return !char_skip(text, '=') || value_next(text, &out->value);
}

/* A token, or a token in quotes (RFC 6455 section 9.1). */
static bool value_next(struct slice *text, struct slice *out)
{
    if (!char_skip(text, '"')) return token_next(text, out);
    return token_next(text, out) && char_skip(text, '"');
}

static bool token_next(struct slice *text, struct slice *out)
{
    space_skip(text);
    size_t size = 0;
    while (size < text->size) {
        const char c = text->data[size];
        if (c == '\0' || (!isalnum((unsigned char)c) && !strchr("!#$%&'*+-.^_`|~", c))) break;
        size++;
    }
    if (size == 0) return false;
    *out = (struct slice){text->data, size};
    *text = (struct slice){text->data + size, text->size - size};
    space_skip(text);
    return true;
}

static bool char_skip(struct slice *text, char c)
{
    if (text->size == 0 || *text->data != c) return false;
    *text = (struct slice){text->data + 1, text->size - 1};
    space_skip(text);
    return true;
}

static void space_skip(struct slice *text)
{
    while (text->size > 0 && (*text->data == ' ' || *text->data == '\t')) {
        *text = (struct slice){text->data + 1, text->size - 1};
    }
}

/* False: another extension, an unknown parameter, one twice, or a bad value. */
static bool settings_read(const struct extension *extension, struct settings *out)
{
    *out = (struct settings){0};
    if (!slice_is(extension->name, "permessage-deflate")) return false;
    for (size_t i = 0; i < extension->param_count; i++) {
        const struct param *p = &extension->params[i];
        bool is_good = false;
        if (slice_is(p->name, "server_no_context_takeover"))
            is_good = flag_set(&out->server_no_takeover, p->value);
        else if (slice_is(p->name, "client_no_context_takeover"))
            is_good = flag_set(&out->client_no_takeover, p->value);
        else if (slice_is(p->name, "server_max_window_bits"))
            is_good = p->value.data && bits_set(&out->has_server_bits, &out->server_bits, p->value);
        else if (slice_is(p->name, "client_max_window_bits"))
            is_good = bits_set(&out->has_client_bits, &out->client_bits, p->value);
        if (!is_good) return false;
    }
    return true;
}

static bool flag_set(bool *flag, struct slice value)
{
    if (*flag || value.data) return false;
    *flag = true;
    return true;
}

/* 8 to 15, no leading zero; 0 where there is no value. */
static bool bits_set(bool *flag, unsigned *bits, struct slice value)
{
    if (*flag) return false;
    *flag = true;
    if (!value.data) return true;
    for (unsigned candidate = 8; candidate <= 15; candidate++) {
        char text[4];
        snprintf(text, sizeof text, "%u", candidate);
        if (!slice_is(value, text)) continue;
        *bits = candidate;
        return true;
    }
    return false;
}

static enum err inflater_open(struct ws_inflater *i)
{
    if (i->is_open) return OK;
    i->stream = (z_stream){0};
    if (inflateInit2(&i->stream, -INFLATE_WINDOW_BITS) != Z_OK) {
        return err_set(ERR_NO_MEMORY, "no memory for an inflater");
    }
    i->is_open = true;
    return OK;
}

static enum err inflate_part(struct ws_inflater *i, struct slice part, size_t end,
                             struct buffer *out)
{
    z_stream *z = &i->stream;
    z->next_in = (Bytef *)part.data; /* zlib only reads it */
    z->avail_in = (uInt)part.size;
    unsigned stream_end_count = 0;
    do {
        /* one byte more than allowed, so that a message of exactly the limit differs from a
         * longer */
        size_t room = end - out->size + 1;
        if (room > INFLATE_STEP) room = INFLATE_STEP;
        char *at = buffer_reserve(out, room);
        if (!at) return err_set(ERR_NO_MEMORY, "no memory to inflate a message");
        z->next_out = (Bytef *)at;
        z->avail_out = (uInt)room;
        const int result = inflate(z, Z_SYNC_FLUSH);
        buffer_commit(out, room - z->avail_out);
        if (out->size > end)
            return err_set(ERR_LIMIT, "compressed message inflates over the limit");
        if (result == Z_STREAM_END) {
            if (++stream_end_count > STREAM_END_LIMIT) {
                return err_set(ERR_INVALID, "compressed message of too many streams");
            }
            const enum err e = inflate_restart(i);
            if (e != OK) return e;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return err_set(ERR_INVALID, "compressed message is broken");
        }
    } while (z->avail_in > 0 || z->avail_out == 0);
    return OK;
}

/* A final block ends zlib's stream but not the peer's (RFC 7692 section 7.2.3.4): go on, with the
 * window as it was. Costs a copy of the window, hence STREAM_END_LIMIT. */
static enum err inflate_restart(struct ws_inflater *i)
{
    Bytef window[WINDOW_SIZE];
    uInt size = 0;
    if (inflateGetDictionary(&i->stream, window, &size) != Z_OK ||
        inflateReset(&i->stream) != Z_OK ||
        (size > 0 && inflateSetDictionary(&i->stream, window, size) != Z_OK)) {
        return err_set(ERR_INVALID, "compressed message cannot go on after its final block");
    }
    return OK;
}
