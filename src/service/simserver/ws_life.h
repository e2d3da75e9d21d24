/* How long a WebSocket connection lives: pings, the pongs that answer them, and its last day.
 * A pong that nobody asked for does not keep a connection alive. One thread. */
#ifndef SERVICE_SIMSERVER_WS_LIFE_H
#define SERVICE_SIMSERVER_WS_LIFE_H

#include <stdint.h>

#include "base/slice.h"
#include "io/net/ws.h"
#include "service/simserver/simserver.h"

struct ws_life {
    int64_t opened_ms, pinged_ms, heard_ms;
};

struct ws_life ws_life_begin(int64_t now_ms);
void ws_life_on_pong(struct ws_life *l, struct slice payload, int64_t now_ms);
/* Pings when it is time, and closes what is silent or too old. */
void ws_life_check(struct ws_life *l, struct ws *w, const struct simserver_limits *limits,
                   int64_t now_ms);

#endif
