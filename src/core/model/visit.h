/* One walk over a value's fields, for three uses: writing it as bytes, reading it back, hashing it.
 *
 * visit_<type> names every field once, so that what is written, what is read and what is hashed
 * cannot drift apart, and padding never counts. Numbers are little-endian. A reader that runs out
 * of bytes or meets a value out of range sets `failed` and reads zeros from then on; a writer that
 * runs out of room goes on counting (like snprintf). */
#ifndef CORE_MODEL_VISIT_H
#define CORE_MODEL_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/action.h"
#include "core/model/event.h"

enum visit_mode { VISIT_WRITE, VISIT_READ, VISIT_HASH };

struct visitor {
    enum visit_mode mode;
    unsigned char *out;      /* WRITE */
    const unsigned char *in; /* READ */
    size_t capacity;
    size_t at;     /* bytes read so far, or that the value takes: written whole if <= capacity */
    uint64_t hash; /* HASH */
    bool failed;
};

void visit_u8(struct visitor *v, uint8_t *value);
void visit_u16(struct visitor *v, uint16_t *value);
void visit_u32(struct visitor *v, uint32_t *value);
void visit_u64(struct visitor *v, uint64_t *value);
void visit_i32(struct visitor *v, int32_t *value);
void visit_i64(struct visitor *v, int64_t *value);
void visit_double(struct visitor *v, double *value);
void visit_bool(struct visitor *v, bool *value);
void visit_text(struct visitor *v, char *text, size_t size); /* a fixed array, NUL-padded */
/* A count or an index that must not exceed max when read. */
void visit_count(struct visitor *v, uint32_t *value, uint32_t max);
void visit_enum(struct visitor *v, uint8_t *value, uint8_t count);

void visit_instrument(struct visitor *v, struct instrument *i);
void visit_candle(struct visitor *v, struct candle *c);
void visit_level(struct visitor *v, struct level *l);
void visit_order(struct visitor *v, struct order *o);
void visit_fill(struct visitor *v, struct fill *f);
void visit_position(struct visitor *v, struct position *p);
void visit_bot_totals(struct visitor *v, struct bot_totals *t);
void visit_bot_config(struct visitor *v, struct bot_config *c);

/* Where a read event keeps what its pointers point to. */
struct event_memory {
    struct instrument instrument;
    struct bot_config bot_config;
    struct level *levels; /* room for bids and asks together */
    uint32_t level_capacity;
};

/* memory is needed when reading and may be NULL otherwise. */
void visit_event(struct visitor *v, struct event *event, struct event_memory *memory);

#endif
