/* WebSocket frames to messages and back: pure, no I/O, for both sides of a connection.
 *
 * The decoder takes bytes in any cut and gives whole messages and control frames, in the order they
 * came. It checks everything RFC 6455 asks for: masking by role, reserved bits and opcodes,
 * shortest length form, 63-bit lengths, control frames whole and at most 125 bytes, the order of
 * fragments, UTF-8 of text as it arrives, codes and reasons of close frames. A message is refused
 * by its declared size, before a byte of it is stored; memory grows with what has arrived, not with
 * what is declared.
 *
 * Hot path: an unmasked, unfragmented message that lies whole in the input is handed on as a slice
 * into the input, without a copy.
 *
 * Thread: one at a time. Source: RFC 6455 sections 5, 7.4 and 8.1; RFC 7692 section 6 for RSV1. */
#ifndef IO_NET_WS_CODEC_H
#define IO_NET_WS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"

#define WS_HEADER_SIZE_MAX 14    /* the longest frame header */
#define WS_CONTROL_LIMIT   125   /* bytes of payload in a ping, pong or close */
#define WS_REASON_LIMIT    123   /* bytes of a close reason; longer ones are cut when written */
#define WS_KEEP_SIZE       16384 /* a larger message buffer is given back after its message */

enum ws_opcode {
    WS_CONTINUE = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Codes of RFC 6455 section 7.4.1 and the IANA registry that this program says or sees. */
enum ws_code {
    WS_CODE_NORMAL = 1000,
    WS_CODE_GOING_AWAY = 1001,
    WS_CODE_PROTOCOL = 1002,
    WS_CODE_NONE = 1005,     /* never on the wire: the close frame had no code */
    WS_CODE_ABNORMAL = 1006, /* never on the wire: no close frame came */
    WS_CODE_DATA = 1007,     /* text that is not UTF-8, or compressed data that is broken */
    WS_CODE_POLICY = 1008,
    WS_CODE_TOO_BIG = 1009,
    WS_CODE_INTERNAL = 1011,
};

/* Whose frames are masked follows from the role: a client masks, a server does not. */
enum ws_role { WS_CLIENT, WS_SERVER };

/* What came. Slices are good until the next call on the decoder, and as long as the input. */
struct ws_event {
    enum ws_opcode opcode; /* WS_CONTINUE: nothing yet, more bytes are needed */
    bool compressed;       /* a message still deflated (RSV1): its UTF-8 is not checked yet */
    uint16_t code; /* close: the peer's code or WS_CODE_NONE; error: the code to close with */
    struct slice payload; /* the message, the ping's or pong's payload, or the close reason */
};

struct ws_decoder {
    enum ws_role role; /* ours: a server expects masked frames */
    bool deflate;      /* negotiated: RSV1 is allowed */
    bool ended;        /* a close frame or an error came: all further input is ignored */
    bool in_payload;   /* the header is whole */
    uint8_t header_size;
    unsigned char header[WS_HEADER_SIZE_MAX];
    /* the frame */
    enum ws_opcode opcode;
    bool is_final;
    uint64_t size;
    uint64_t taken; /* bytes of its payload so far */
    unsigned char mask[4];
    /* the message that its fragments make */
    enum ws_opcode message_opcode; /* WS_CONTINUE: none has begun */
    bool message_compressed;
    bool message_given; /* handed out by the last call: its memory is free again */
    size_t message_limit;
    struct buffer message;
    char control[WS_CONTROL_LIMIT];
};

/* Our side is `role`; deflate: permessage-deflate is negotiated. */
void ws_decoder_init(struct ws_decoder *d, enum ws_role role, size_t message_limit, bool deflate);
void ws_decoder_deinit(struct ws_decoder *d);
/* Takes bytes from the front of *bytes until there is one event or nothing left. Call again until
 * the event is WS_CONTINUE. ERR_PARSE (close code 1002), ERR_INVALID (1007), ERR_LIMIT (1009),
 * ERR_NO_MEMORY (1011): event->code is the code to close with, err_text the cause. After an error
 * or a close event the decoder swallows everything. */
enum err ws_decoder_next(struct ws_decoder *d, struct slice *bytes,
                         struct ws_event *event) ERR_MUST_USE;

/* Writes the header of one whole frame, returns its size. compressed sets RSV1. mask: 4 bytes, or
 * NULL for a server. */
size_t ws_header_write(unsigned char out[WS_HEADER_SIZE_MAX], enum ws_opcode opcode,
                       bool compressed, uint64_t payload_size, const unsigned char *mask);
/* Copies size bytes, masked; masking twice is the identity. `offset` is the place of the first byte
 * in its frame. out and in may be the same. */
void ws_mask_copy(char *out, const char *in, size_t size, const unsigned char mask[4],
                  uint64_t offset);
/* Appends one whole frame, header and payload. Without a mask it is the same for every client of a
 * server, so it may be built once and sent to all. */
void ws_frame_build(struct buffer *out, enum ws_opcode opcode, bool compressed,
                    struct slice payload, const unsigned char *mask);
/* Writes the payload of a close frame, returns its size. WS_CODE_NONE: an empty one. A reason over
 * WS_REASON_LIMIT is cut between characters. */
size_t ws_close_write(char out[WS_CONTROL_LIMIT], uint16_t code, struct slice reason);
/* Whether a code may stand in a close frame. */
bool ws_code_is_valid(uint16_t code);

#endif
