/* What the tests of the simulated exchange's server share: a server with a clock of its own,
 * requests to it, and WebSocket clients that keep what they hear. */
#ifndef TESTS_SERVICE_SIMSERVER_SIM_FIXTURE_H
#define TESTS_SERVICE_SIMSERVER_SIM_FIXTURE_H

#include <jansson.h>

#include "base/buffer.h"
#include "io/net/http_client.h"
#include "io/net/net_fixture.h"
#include "io/net/ws.h"
#include "service/simserver/simserver.h"

struct test_clock {
    struct clock clock; /* first: it is what the server sees */
    int64_t ahead_ms;   /* of the machine's clock */
    int64_t fixed_ms;   /* not 0: stands still there */
};

struct exchange {
    uv_loop_t loop;
    struct test_clock clock;
    struct simserver *server;
    struct simserver_info info;
    struct http_client *http;
    /* of the last answer */
    bool is_answered;
    int status;
    int64_t weight, retry_after_s; /* -1: no such header */
    struct buffer body;
};

/* Options may be zeroed; the clock is set by the fixture. */
void exchange_open(struct exchange *e, struct simserver_options options);
void exchange_close(struct exchange *e);
int64_t exchange_now(const struct exchange *e);
/* Waits for the answer. Path and query behind /binance/api/v3/. Returns the status. */
int exchange_get(struct exchange *e, const char *path);
/* Adds timestamp and signature; the parameters go into the query, for POST into the body. */
int exchange_signed(struct exchange *e, const char *method, const char *path, const char *query);
/* As given, with the test account's key. */
int exchange_send(struct exchange *e, const char *method, const char *target, const char *body);
/* HMAC-SHA256 of text with the account's secret, in hex. */
void exchange_sign(const struct exchange *e, const char *text, char out[65]);
/* The last answer as JSON; the caller drops it. */
json_t *exchange_json(const struct exchange *e);
/* The code of the refusal in the last answer; 0 when it is none. */
int exchange_code(const struct exchange *e);

struct listener_client {
    struct exchange *exchange;
    struct ws *ws;
    bool is_open, is_closed;
    uint16_t code;
    json_t *messages; /* an array */
};

/* path behind the server's root: "/binance/ws/…". Waits until it is open. */
void client_dial(struct listener_client *c, struct exchange *e, const char *path);
void client_say(struct listener_client *c, const char *text);
/* Waits until `count` messages are there. */
void client_hear(struct listener_client *c, size_t count);
json_t *client_message(const struct listener_client *c, size_t index);
void client_await_close(struct listener_client *c);
void client_hang_up(struct listener_client *c);

#endif
