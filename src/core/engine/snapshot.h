/* The whole state of an engine as bytes: written, read back into a fresh engine with the same
 * limits, or hashed. An engine restored from a snapshot answers every further event as the first
 * would have. */
#ifndef CORE_ENGINE_SNAPSHOT_H
#define CORE_ENGINE_SNAPSHOT_H

#include "core/engine/engine.h"

/* Writes at most `capacity` bytes and returns how many the state takes: call with capacity 0 to
 * learn the size. Little-endian, versioned. */
size_t snapshot_write(struct engine *e, void *data, size_t capacity);
/* Into an engine that has seen no event. ERR_PARSE when the bytes are not a snapshot that fits; the
 * engine must then be freed. */
enum err snapshot_read(struct engine *e, const void *data, size_t size) ERR_MUST_USE;
uint64_t snapshot_hash(struct engine *e);

#endif
