/* WebSocket framing.
 *
 * The decoder alternates between two steps: collect a header (checked after its second byte, and
 * again when whole), then take payload. A frame's fields and a message's fields are kept apart,
 * because control frames may come between the fragments of a message. */
#include "io/net/ws_codec.h"

#include "base/check.h"
#include "base/utf8.h"

enum { FIN = 0x80, RSV1 = 0x40, RSV2_RSV3 = 0x30, OPCODE = 0x0f, MASKED = 0x80, SIZE = 0x7f };
enum { SIZE_IN_2_BYTES = 126, SIZE_IN_8_BYTES = 127, SIZE_IN_2_BYTES_MAX = 0xffff };

static enum err header_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event);
static size_t header_need(const struct ws_decoder *d);
static enum err first_bytes_check(struct ws_decoder *d, struct ws_event *event);
static enum err control_check(struct ws_decoder *d, struct ws_event *event);
static enum err data_check(struct ws_decoder *d, struct ws_event *event);
static enum err frame_begin(struct ws_decoder *d, struct ws_event *event);
static bool frame_size_read(struct ws_decoder *d);
static enum err payload_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event);
static enum err control_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event);
static enum err close_read(struct ws_decoder *d, struct ws_event *event);
static enum err data_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event);
static enum err message_give(struct ws_decoder *d, struct slice payload, struct ws_event *event);
static bool message_store(struct ws_decoder *d, struct slice part);
static void message_forget(struct ws_decoder *d);
static struct slice take(struct slice *bytes, uint64_t size_max);
static uint64_t big_endian_read(const unsigned char *at, size_t size);
static void big_endian_write(unsigned char *at, size_t size, uint64_t value);
static enum err fail(struct ws_decoder *d, struct ws_event *event, enum ws_code code,
                     const char *cause);

void ws_decoder_init(struct ws_decoder *d, enum ws_role role, size_t message_limit, bool deflate)
{
    CHECK(message_limit > 0);
    *d = (struct ws_decoder){
        .role = role,
        .deflate = deflate,
        .message_limit = message_limit,
        .message = {.limit = message_limit},
    };
}

void ws_decoder_deinit(struct ws_decoder *d)
{
    buffer_deinit(&d->message);
}

enum err ws_decoder_next(struct ws_decoder *d, struct slice *bytes, struct ws_event *event)
{
    *event = (struct ws_event){.opcode = WS_CONTINUE};
    if (d->message_given) message_forget(d);
    if (d->ended) (void)take(bytes, bytes->size);

    enum err e = OK;
    bool is_frame_whole = false; /* a frame without payload needs no further byte */
    while (e == OK && event->opcode == WS_CONTINUE && (bytes->size > 0 || is_frame_whole)) {
        e = d->in_payload ? payload_step(d, bytes, event) : header_step(d, bytes, event);
        is_frame_whole = d->in_payload && d->taken == d->size;
    }
    return e;
}

size_t ws_header_write(unsigned char out[WS_HEADER_SIZE_MAX], enum ws_opcode opcode,
                       bool compressed, uint64_t payload_size, const unsigned char *mask)
{
    size_t size = 2;
    out[0] = (unsigned char)(FIN | (compressed ? RSV1 : 0) | (unsigned)opcode);
    if (payload_size < SIZE_IN_2_BYTES) {
        out[1] = (unsigned char)payload_size;
    } else if (payload_size <= SIZE_IN_2_BYTES_MAX) {
        out[1] = SIZE_IN_2_BYTES;
        big_endian_write(out + 2, 2, payload_size);
        size += 2;
    } else {
        out[1] = SIZE_IN_8_BYTES;
        big_endian_write(out + 2, 8, payload_size);
        size += 8;
    }
    if (!mask) return size;
    out[1] |= MASKED;
    memcpy(out + size, mask, 4);
    return size + 4;
}

void ws_mask_copy(char *out, const char *in, size_t size, const unsigned char mask[4],
                  uint64_t offset)
{
    unsigned char key[8];
    for (unsigned i = 0; i < sizeof key; i++) key[i] = mask[(offset + i) % 4];
    uint64_t key_word;
    memcpy(&key_word, key, sizeof key_word);

    size_t i = 0;
    for (; size - i >= sizeof key_word; i += sizeof key_word) {
        uint64_t word;
        memcpy(&word, in + i, sizeof word);
        word ^= key_word;
        memcpy(out + i, &word, sizeof word);
    }
    for (; i < size; i++) out[i] = (char)(in[i] ^ key[i % sizeof key]);
}

void ws_frame_build(struct buffer *out, enum ws_opcode opcode, bool compressed,
                    struct slice payload, const unsigned char *mask)
{
    unsigned char header[WS_HEADER_SIZE_MAX];
    const size_t header_size = ws_header_write(header, opcode, compressed, payload.size, mask);
    char *at = buffer_reserve(out, header_size + payload.size);
    if (!at) return;
    memcpy(at, header, header_size);
    if (mask)
        ws_mask_copy(at + header_size, payload.data, payload.size, mask, 0);
    else if (payload.size > 0)
        memcpy(at + header_size, payload.data, payload.size);
    buffer_commit(out, header_size + payload.size);
}

size_t ws_close_write(char out[WS_CONTROL_LIMIT], uint16_t code, struct slice reason)
{
    if (code == WS_CODE_NONE) return 0;
    out[0] = (char)(code >> 8);
    out[1] = (char)(code & 0xff);
    size_t size = reason.size;
    if (size > WS_REASON_LIMIT) {
        size = WS_REASON_LIMIT;
        while (size > 0 && (reason.data[size] & 0xc0) == 0x80) size--;
    }
    if (size > 0) memcpy(out + 2, reason.data, size);
    return size + 2;
}

bool ws_code_is_valid(uint16_t code)
{
    /* 1012 to 1014 are later entries of the IANA registry; the rest below 3000 is reserved */
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum err header_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event)
{
    while (d->header_size < header_need(d)) {
        if (bytes->size == 0) return OK;
        d->header[d->header_size++] = (unsigned char)*take(bytes, 1).data;
        if (d->header_size != 2) continue;
        const enum err e = first_bytes_check(d, event);
        if (e != OK) return e;
    }
    return frame_begin(d, event);
}

static size_t header_need(const struct ws_decoder *d)
{
    if (d->header_size < 2) return 2;
    const unsigned size = d->header[1] & SIZE;
    return 2u +
           (size == SIZE_IN_2_BYTES   ? 2
            : size == SIZE_IN_8_BYTES ? 8
                                      : 0) +
           (d->header[1] & MASKED ? 4 : 0);
}

static enum err first_bytes_check(struct ws_decoder *d, struct ws_event *event)
{
    const bool is_masked = d->header[1] & MASKED;
    if (d->header[0] & RSV2_RSV3) return fail(d, event, WS_CODE_PROTOCOL, "a reserved bit is set");
    if (is_masked != (d->role == WS_SERVER)) {
        return fail(d, event, WS_CODE_PROTOCOL,
                    is_masked ? "a server's frame is masked" : "a client's frame is not masked");
    }
    d->opcode = (enum ws_opcode)(d->header[0] & OPCODE);
    d->is_final = d->header[0] & FIN;
    switch (d->opcode) {
    case WS_CONTINUE:
    case WS_TEXT:
    case WS_BINARY: return data_check(d, event);
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG: return control_check(d, event);
    }
    return fail(d, event, WS_CODE_PROTOCOL, "an unknown opcode");
}

static enum err control_check(struct ws_decoder *d, struct ws_event *event)
{
    if (d->header[0] & RSV1) {
        return fail(d, event, WS_CODE_PROTOCOL, "a control frame has a reserved bit set");
    }
    if (!d->is_final) return fail(d, event, WS_CODE_PROTOCOL, "a control frame is fragmented");
    if ((d->header[1] & SIZE) > WS_CONTROL_LIMIT) {
        return fail(d, event, WS_CODE_PROTOCOL, "a control frame is over 125 bytes");
    }
    return OK;
}

static enum err data_check(struct ws_decoder *d, struct ws_event *event)
{
    const bool is_first = d->opcode != WS_CONTINUE;
    const bool is_compressed = d->header[0] & RSV1;
    if (is_compressed && !(d->deflate && is_first)) {
        return fail(d, event, WS_CODE_PROTOCOL, "a reserved bit is set");
    }
    if (is_first && d->message_opcode != WS_CONTINUE) {
        return fail(d, event, WS_CODE_PROTOCOL, "a message begins inside another");
    }
    if (!is_first && d->message_opcode == WS_CONTINUE) {
        return fail(d, event, WS_CODE_PROTOCOL, "a continuation without a message");
    }
    if (is_first) {
        d->message_opcode = d->opcode;
        d->message_compressed = is_compressed;
    }
    return OK;
}

static enum err frame_begin(struct ws_decoder *d, struct ws_event *event)
{
    if (!frame_size_read(d)) return fail(d, event, WS_CODE_PROTOCOL, "a bad length form");
    const bool is_control = d->opcode >= WS_CLOSE;
    if (!is_control && d->size > d->message_limit - d->message.size) {
        return fail(d, event, WS_CODE_TOO_BIG, "a message over the limit");
    }
    if (d->role == WS_SERVER) memcpy(d->mask, d->header + d->header_size - 4, 4);
    d->taken = 0;
    d->in_payload = true;
    return OK;
}

/* False: not the shortest form, or over 63 bits. */
static bool frame_size_read(struct ws_decoder *d)
{
    d->size = d->header[1] & SIZE;
    if (d->size == SIZE_IN_2_BYTES) {
        d->size = big_endian_read(d->header + 2, 2);
        return d->size >= SIZE_IN_2_BYTES;
    }
    if (d->size == SIZE_IN_8_BYTES) {
        d->size = big_endian_read(d->header + 2, 8);
        return d->size > SIZE_IN_2_BYTES_MAX && d->size <= INT64_MAX;
    }
    return true;
}

static enum err payload_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event)
{
    const enum err e =
        d->opcode >= WS_CLOSE ? control_step(d, bytes, event) : data_step(d, bytes, event);
    if (d->taken == d->size) {
        d->in_payload = false;
        d->header_size = 0;
    }
    return e;
}

static enum err control_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event)
{
    const struct slice part = take(bytes, d->size - d->taken);
    if (d->role == WS_SERVER)
        ws_mask_copy(d->control + d->taken, part.data, part.size, d->mask, d->taken);
    else if (part.size > 0)
        memcpy(d->control + d->taken, part.data, part.size);
    d->taken += part.size;
    if (d->taken < d->size) return OK;

    event->opcode = d->opcode;
    event->payload = (struct slice){d->control, d->size};
    return d->opcode == WS_CLOSE ? close_read(d, event) : OK;
}

static enum err close_read(struct ws_decoder *d, struct ws_event *event)
{
    struct slice reason = event->payload;
    d->ended = true;
    event->code = WS_CODE_NONE;
    if (reason.size == 0) return OK;
    if (reason.size == 1) return fail(d, event, WS_CODE_PROTOCOL, "a close frame with half a code");

    event->code = (uint16_t)big_endian_read((const unsigned char *)reason.data, 2);
    if (!ws_code_is_valid(event->code)) {
        return fail(d, event, WS_CODE_PROTOCOL, "a close code that may not be sent");
    }
    (void)take(&reason, 2);
    if (!utf8_is_valid(reason)) {
        return fail(d, event, WS_CODE_DATA, "a close reason that is not UTF-8");
    }
    event->payload = reason;
    return OK;
}

static enum err data_step(struct ws_decoder *d, struct slice *bytes, struct ws_event *event)
{
    const bool in_place = d->role == WS_CLIENT && d->opcode != WS_CONTINUE && d->is_final &&
                          d->taken == 0 && bytes->size >= d->size;
    const struct slice part = take(bytes, d->size - d->taken);
    if (!in_place && !message_store(d, part)) {
        return fail(d, event, WS_CODE_INTERNAL, "no memory for a message");
    }
    d->taken += part.size;
    if (d->taken < d->size || !d->is_final) return OK;
    return message_give(d, in_place ? part : buffer_slice(&d->message), event);
}

static enum err message_give(struct ws_decoder *d, struct slice payload, struct ws_event *event)
{
    const bool is_text = d->message_opcode == WS_TEXT && !d->message_compressed;
    if (is_text && !utf8_is_valid(payload)) {
        return fail(d, event, WS_CODE_DATA, "text that is not UTF-8");
    }
    event->opcode = d->message_opcode;
    event->compressed = d->message_compressed;
    event->payload = payload;
    d->message_opcode = WS_CONTINUE;
    d->message_given = true;
    return OK;
}

/* Copies a part behind the earlier ones, unmasked. */
static bool message_store(struct ws_decoder *d, struct slice part)
{
    if (part.size == 0) return true;
    char *at = buffer_reserve(&d->message, part.size);
    if (!at) return false;
    if (d->role == WS_SERVER)
        ws_mask_copy(at, part.data, part.size, d->mask, d->taken);
    else
        memcpy(at, part.data, part.size);
    buffer_commit(&d->message, part.size);
    return true;
}

static void message_forget(struct ws_decoder *d)
{
    d->message_given = false;
    buffer_clear(&d->message);
    if (d->message.capacity > WS_KEEP_SIZE) buffer_deinit(&d->message);
}

static struct slice take(struct slice *bytes, uint64_t size_max)
{
    const struct slice part = {bytes->data, bytes->size < size_max ? bytes->size : size_max};
    if (part.size > 0) *bytes = (struct slice){bytes->data + part.size, bytes->size - part.size};
    return part;
}

static uint64_t big_endian_read(const unsigned char *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | at[i];
    return value;
}

static void big_endian_write(unsigned char *at, size_t size, uint64_t value)
{
    for (size_t i = 0; i < size; i++) at[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
}

static enum err fail(struct ws_decoder *d, struct ws_event *event, enum ws_code code,
                     const char *cause)
{
    d->ended = true;
    *event = (struct ws_event){.opcode = WS_CONTINUE, .code = (uint16_t)code};
    const enum err e = code == WS_CODE_PROTOCOL  ? ERR_PARSE
                       : code == WS_CODE_DATA    ? ERR_INVALID
                       : code == WS_CODE_TOO_BIG ? ERR_LIMIT
                                                 : ERR_NO_MEMORY;
    return err_set(e, "WebSocket: %s", cause);
}
