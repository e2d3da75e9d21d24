/* One message for many clients of a server: frames that are built once and shared.
 *
 * There are two, plain and deflated; the deflated one is made when the first subscriber needs it,
 * and messages under WS_DEFLATE_SIZE_MIN, or that compression does not make smaller, have none.
 * References are counted: conns hold theirs until the bytes are with the kernel. One thread. */
#ifndef IO_NET_WS_SHARED_H
#define IO_NET_WS_SHARED_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/net/conn.h"
#include "io/net/ws_codec.h"
#include "io/net/ws_deflate.h"

struct ws_shared;

/* Copies the message; one reference is yours. deflater: NULL (never deflated), or lives as long as
 * the message is sent to anyone. */
enum err ws_shared_new(enum ws_opcode opcode, struct slice message, struct ws_deflater *deflater,
                       struct ws_shared **out) ERR_MUST_USE;
/* Drops your reference. NULL is fine. */
void ws_shared_free(struct ws_shared *s);
/* A frame as a piece to write, holding a reference that its release drops. deflated: the receiver
 * has negotiated permessage-deflate. */
struct conn_piece ws_shared_piece(struct ws_shared *s, bool deflated);

#endif
