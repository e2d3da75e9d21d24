/* Bytes of a Redis server to replies, bounded: hiredis' reader with our own values and limits.
 * One thread at a time. Source: the RESP2 specification. */
#ifndef IO_REDIS_REDIS_READER_H
#define IO_REDIS_REDIS_READER_H

#include "base/err.h"
#include "io/redis/redis.h"

struct redis_reader;

/* Limits for one reply: its bytes, and the values in it. NULL: no memory. */
struct redis_reader *redis_reader_new(size_t bytes_max, size_t items_max);
void redis_reader_free(struct redis_reader *r);
void redis_reader_feed(struct redis_reader *r, struct slice bytes);
/* The next whole reply, the caller's to free; NULL: more bytes are needed. ERR_PARSE or ERR_LIMIT:
 * the stream is of no use any more. */
enum err redis_reader_next(struct redis_reader *r, struct redis_reply **out) ERR_MUST_USE;
/* NULL is fine. */
void redis_reply_free(struct redis_reply *reply);

#endif
