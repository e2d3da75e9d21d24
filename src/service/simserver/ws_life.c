/* The life of WebSocket connections. */
#include "service/simserver/ws_life.h"

#include <stdio.h>

enum { TEXT_SIZE = 24 };

struct ws_life ws_life_begin(int64_t now_ms)
{
    return (struct ws_life){.opened_ms = now_ms, .pinged_ms = now_ms, .heard_ms = now_ms};
}

/* What a ping carries, and its pong must. */
static struct slice payload_of(const struct ws_life *l, char text[TEXT_SIZE])
{
    snprintf(text, TEXT_SIZE, "%lld", (long long)l->pinged_ms);
    return slice_of(text);
}

void ws_life_on_pong(struct ws_life *l, struct slice payload, int64_t now_ms)
{
    char text[TEXT_SIZE];
    if (slice_equal(payload, payload_of(l, text))) l->heard_ms = now_ms;
}

void ws_life_check(struct ws_life *l, struct ws *w, const struct simserver_limits *limits,
                   int64_t now_ms)
{
    char text[TEXT_SIZE];
    if (now_ms - l->opened_ms >= limits->connection_life_ms)
        ws_close(w, WS_CODE_GOING_AWAY, SLICE("24 hours are over"));
    if (now_ms - l->heard_ms >= limits->ping_ms + limits->pong_ms)
        ws_close(w, WS_CODE_POLICY, SLICE("Pong timeout"));
    if (now_ms - l->pinged_ms < limits->ping_ms || !ws_is_open(w)) return;
    l->pinged_ms = now_ms;
    (void)ws_ping(w, payload_of(l, text));
}
