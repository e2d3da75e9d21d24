/* A venue that plays a script: what it answers is written by the test, request by request, and what
 * it was asked is kept. It listens on 127.0.0.1 under /binance: /binance/api/v3/… by HTTP,
 * /binance/stream and /binance/ws-api/v3 by WebSocket. */
#ifndef TESTS_IO_FEED_VENUE_SCRIPT_H
#define TESTS_IO_FEED_VENUE_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/buffer.h"
#include "core/model/instrument.h"
#include "io/net/http_server.h"
#include "io/net/ws.h"

enum { SCRIPT_ANSWERS_MAX = 64, SCRIPT_HELD_MAX = 64, SCRIPT_ASKED_MAX = 4096 };

enum script_manner {
    SCRIPT_ANSWER,
    SCRIPT_CUT,  /* reads the request, then drops the connection */
    SCRIPT_HANG, /* never answers */
    SCRIPT_HALF, /* announces more body than it sends, then drops the connection */
};

struct script_answer {
    const char *route; /* "GET /api/v3/depth" */
    enum script_manner manner;
    int status;
    const char *headers[2][2]; /* names and values; NULL where there are fewer */
    char *body;
    bool stays; /* answers every request of its route, behind all others */
};

struct venue_script {
    uv_loop_t *loop;
    struct http_server *server;
    char rest_url[64], ws_url[64], ws_api_url[80];
    bool deflates;
    struct script_answer answers[SCRIPT_ANSWERS_MAX];
    unsigned answer_count;
    struct http_reply *held[SCRIPT_HELD_MAX];
    unsigned held_count;
    char *asked[SCRIPT_ASKED_MAX]; /* "POST /api/v3/order a=b&c=d", in order of arrival */
    unsigned asked_count;

    struct ws *stream, *user;          /* NULL while nobody is there */
    unsigned stream_count, user_count; /* connections ever made */
    unsigned ping_count;               /* from the clients */
    struct buffer heard;               /* messages on the stream, a line each */
    struct buffer heard_user;
    unsigned message_count;
    unsigned stream_messages; /* of them, those of the newest connection */
    bool is_deaf; /* takes the stream's handshake and then says nothing, pongs neither */
    struct conn *deaf;
    bool refuses;             /* SUBSCRIBE is answered by an error */
    bool refuses_user;        /* the subscription is answered by an error: */
    const char *user_refusal; /* its status and error as JSON members; NULL: a late clock's */
    int refuses_dial; /* with this status the handshake of both is answered; 0: it is taken */
    const char *retry_after; /* of that answer; NULL: none */
};

/* read_size: see struct conn_options. */
void script_init(struct venue_script *v, uv_loop_t *loop, uint32_t read_size);
/* The same over TLS, and its streams take permessage-deflate. */
void script_init_tls(struct venue_script *v, uv_loop_t *loop, const struct tls_context *tls);
void script_deinit(struct venue_script *v);

/* The next request of that route is answered so. */
void script_answer(struct venue_script *v, const char *route, int status, const char *body);
void script_answer_with(struct venue_script *v, const struct script_answer *answer);
/* Every request of the route that finds no other answer. */
void script_always(struct venue_script *v, const char *route, int status, const char *body);
/* How many requests began so: "GET /api/v3/depth". */
unsigned script_count(const struct venue_script *v, const char *start);
/* The newest request that began so; "" when there was none. */
const char *script_last(const struct venue_script *v, const char *start);

/* Forgets what was asked so far: a long test asks more than SCRIPT_ASKED_MAX times. */
void script_forget(struct venue_script *v);

void script_send(struct venue_script *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void script_send_user(struct venue_script *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void script_cut(struct venue_script *v); /* the stream's connection */
void script_cut_user(struct venue_script *v);

/* BTCUSDT, index as given, as the script's exchangeInfo tells it. */
struct instrument script_instrument(uint16_t index);

#endif
