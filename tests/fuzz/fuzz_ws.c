/* WebSocket frames: however a stream is cut, the decoder says the same; compressed messages stay
 * within their limit; what a header offers is answered or declined. */
#include "base/check.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "io/net/ws_codec.h"
#include "io/net/ws_deflate.h"

enum { MESSAGE_LIMIT = 4096, SERVER = 1, DEFLATE = 2 };

struct outcome {
    uint64_t hash; /* over all events and the error */
    size_t event_count;
};

static void inflate_try(struct ws_inflater *inflater, struct slice compressed)
{
    struct buffer out = {0};
    const enum err e = ws_inflate(inflater, compressed, MESSAGE_LIMIT, &out);
    CHECK(out.size <= MESSAGE_LIMIT + (e == ERR_LIMIT));
    if (e == OK) (void)utf8_is_valid(buffer_slice(&out));
    if (e != OK) ws_inflater_deinit(inflater);
    buffer_deinit(&out);
}

static void event_take(struct outcome *outcome, const struct ws_event *event)
{
    CHECK(event->payload.size <= MESSAGE_LIMIT);
    outcome->event_count++;
    outcome->hash = hash_u64(outcome->hash, (uint64_t)event->opcode << 16 | event->code);
    outcome->hash = hash_bytes(outcome->hash, event->payload.data, event->payload.size);
}

static struct outcome decode(struct slice bytes, unsigned flags, size_t read_size)
{
    struct outcome outcome = {.hash = HASH_SEED};
    struct ws_decoder decoder;
    struct ws_inflater inflater;
    ws_decoder_init(&decoder, flags & SERVER ? WS_SERVER : WS_CLIENT, MESSAGE_LIMIT,
                    flags & DEFLATE);
    ws_inflater_init(&inflater, flags & SERVER);
    enum err e = OK;
    while (bytes.size > 0 && e == OK) {
        struct slice read = {bytes.data, bytes.size < read_size ? bytes.size : read_size};
        bytes = (struct slice){bytes.data + read.size, bytes.size - read.size};
        struct ws_event event;
        e = ws_decoder_next(&decoder, &read, &event);
        while (e == OK && event.opcode != WS_CONTINUE) {
            event_take(&outcome, &event);
            if (event.compressed) inflate_try(&inflater, event.payload);
            e = ws_decoder_next(&decoder, &read, &event);
        }
        if (e != OK) outcome.hash = hash_u64(outcome.hash, (uint64_t)e << 16 | event.code);
        CHECK(decoder.message.capacity <= 2 * MESSAGE_LIMIT);
    }
    ws_inflater_deinit(&inflater);
    ws_decoder_deinit(&decoder);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    const struct slice bytes = {(const char *)data + 2, size - 2};
    const struct outcome whole = decode(bytes, data[0], bytes.size + 1);
    const struct outcome cut = decode(bytes, data[0], 1u + data[1]);
    CHECK(whole.hash == cut.hash && whole.event_count == cut.event_count);

    char answer[WS_DEFLATE_ANSWER_SIZE];
    bool takeover = false;
    (void)ws_deflate_accept(bytes, answer);
    CHECK(ws_deflate_confirm(bytes, &takeover) == OK || !takeover);
    return 0;
}
