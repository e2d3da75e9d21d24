/* Shared frames: a count, the plain frame, and the deflated one made on demand. */
#include "io/net/ws_shared.h"

#include <stdlib.h>

#include "base/check.h"

struct ws_shared {
    uint32_t reference_count;
    enum ws_opcode opcode;
    size_t message_size;
    struct ws_deflater *deflater; /* NULL: never, or not worth it */
    struct buffer plain;
    struct buffer deflated; /* empty until somebody needs it */
};

static void deflated_build(struct ws_shared *s);
static void reference_drop(void *owner);

enum err ws_shared_new(enum ws_opcode opcode, struct slice message, struct ws_deflater *deflater,
                       struct ws_shared **out)
{
    CHECK(opcode == WS_TEXT || opcode == WS_BINARY);
    struct ws_shared *s = malloc(sizeof *s);
    if (!s) return err_set(ERR_NO_MEMORY, "no memory for a shared message");
    *s = (struct ws_shared){
        .reference_count = 1,
        .opcode = opcode,
        .message_size = message.size,
        .deflater = message.size < WS_DEFLATE_SIZE_MIN ? NULL : deflater,
    };
    ws_frame_build(&s->plain, opcode, false, message, NULL);
    if (s->plain.failed) {
        ws_shared_free(s);
        return err_set(ERR_NO_MEMORY, "no memory for a shared message of %zu bytes", message.size);
    }
    *out = s;
    return OK;
}

void ws_shared_free(struct ws_shared *s)
{
    if (s) reference_drop(s);
}

struct conn_piece ws_shared_piece(struct ws_shared *s, bool deflated)
{
    if (deflated && s->deflater && s->deflated.size == 0) deflated_build(s);
    const bool use_deflated = deflated && s->deflated.size > 0;
    s->reference_count++;
    return (struct conn_piece){
        .bytes = buffer_slice(use_deflated ? &s->deflated : &s->plain),
        .release = reference_drop,
        .owner = s,
    };
}

/* Where it fails or does not pay, the plain frame serves everybody and no second try is made. */
static void deflated_build(struct ws_shared *s)
{
    const struct slice message = {s->plain.data + s->plain.size - s->message_size, s->message_size};
    struct buffer compressed = {0};
    ws_deflate(s->deflater, message, &compressed);
    if (!compressed.failed && compressed.size < message.size) {
        ws_frame_build(&s->deflated, s->opcode, true, buffer_slice(&compressed), NULL);
    }
    if (s->deflated.size == 0) s->deflater = NULL;
    buffer_deinit(&compressed);
}

static void reference_drop(void *owner)
{
    struct ws_shared *s = owner;
    CHECK(s->reference_count > 0);
    if (--s->reference_count > 0) return;
    buffer_deinit(&s->plain);
    buffer_deinit(&s->deflated);
    free(s);
}
