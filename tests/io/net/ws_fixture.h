/* What the tests of WebSocket connections share: ends that write down what happened to them, and a
 * server that makes one for each client. */
#ifndef TESTS_IO_NET_WS_FIXTURE_H
#define TESTS_IO_NET_WS_FIXTURE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "io/net/net_fixture.h"
#include "io/net/ws.h"

#define SIDE_LIMIT 8
#define UPGRADE                                                                                    \
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"       \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

/* One end and all that happened to it. */
struct side {
    struct ws *w; /* NULL once closed */
    bool echoes;
    bool is_open;
    bool is_closed;
    uint16_t code;
    enum err err;
    char reason[ERR_TEXT_SIZE];
    struct ws_refusal refusal;
    unsigned message_count;
    enum ws_opcode opcode; /* of the last message */
    struct buffer message; /* the last */
    struct buffer pong;
    struct buffer ping;
};

struct world {
    uv_loop_t loop;
    struct http_server *server;
    struct ws_options options;           /* of the server's ws */
    const struct http_response *refusal; /* answers every handshake; NULL: they are taken */
    struct side sides[SIDE_LIMIT];       /* of the server */
    unsigned count;
};

extern const struct ws_handler side_handler; /* the user is a struct side */

/* Drops the connection, if there still is one, and frees what was written down. */
void side_deinit(struct side *s);
/* The server's ends echo. read_size: see struct conn_options. */
void world_init(struct world *world, const struct tls_context *tls, uint32_t read_size);
void world_deinit(struct world *world);
/* Dials the server; scheme is "ws" or "wss". */
void client_start(struct world *world, struct side *client, const char *scheme,
                  const struct ws_options *options);
/* The same, and runs until it is open. */
void client_open(struct world *world, struct side *client, const struct ws_options *options);

#endif
