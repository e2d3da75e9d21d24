/* The simulated exchange on a port: Binance spot's wire protocol over core/sim.
 *
 * One port, prefix /binance: REST /binance/api/v3, of /binance/sapi/v1 what a key may do, streams
 * /binance/ws and /binance/stream, WebSocket API /binance/ws-api/v3. Used by `tradebot sim` and, on
 * a thread of its own, by `tradebot serve`.
 *
 * Two markets
 * - Synthetic: made by a seed, trading all the time. Klines and 24 h figures are functions of
 *   (seed, time) alone, so people's own trades show in trades and books, but not in them.
 * - Recording: frames of files as JSON lines, served byte for byte to those who subscribed to their
 *   stream. It begins with the first subscriber and ends with a quiet market. Depth is the recorded
 *   snapshot brought forward by what was served; trades are the recorded prints served so far;
 *   candles are as recorded kline frames tell them, else made of the prints, and close as recorded
 *   time passes. A stream of a recorded symbol that is not in the recording is made of that book,
 *   those prints and those candles, and its times are recorded time.
 *   People's orders trade against a copy of the best SIMSERVER_MIRROR_LEVELS levels a side of that
 *   book, which is laid anew with every order and, while orders of theirs are open, every tick; the
 *   recorded frames do not show them.
 *
 * Served: what the table in endpoints.c lists; anything else is 404. Rules of Binance that hold
 * here: signing (HMAC, Ed25519), timestamps, weights with 429 and 418, order counts, filters, error
 * codes and texts, 5 messages a second and 24 hours a stream connection.
 *
 * With a state folder, accounts, open orders, lists and trades survive a restart: written
 * SAVE_DELAY_MS after a change and at close, by rename. Memory for each client is bounded: one that
 * does not read is cut.
 *
 * Everything runs on the loop given; one thread. Source: Binance spot API documents,
 * state of 2026-07. */
#ifndef SERVICE_SIMSERVER_SIMSERVER_H
#define SERVICE_SIMSERVER_SIMSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/clock.h"
#include "base/err.h"

enum {
    SIMSERVER_TEXT_SIZE = 160,
    SIMSERVER_MIRROR_LEVELS = 200,
    SIMSERVER_WEIGHT_LIMIT = 6000, /* a minute and address: 429, then 418 */
    SIMSERVER_DIALS_LIMIT = 300,   /* WebSocket connections in 5 minutes and address: 429 */
    SIMSERVER_ORDERS_10S_LIMIT = 100,
    SIMSERVER_ORDERS_DAY_LIMIT = 200000,
    SIMSERVER_STREAMS_LIMIT = 1024, /* of one connection */
    SIMSERVER_MESSAGES_LIMIT = 5,   /* a second from one stream connection: closed with 1008 */
    SIMSERVER_STATE_LIMIT = 64 << 20,
};

struct simserver;

/* A zero takes the default. */
struct simserver_limits {
    uint32_t weight;
    uint32_t dials;
    uint32_t orders_10s, orders_day;
    int64_t connection_life_ms; /* of a WebSocket: 24 h */
    int64_t ping_ms, pong_ms;   /* 20 s between pings; without a pong for 60 s: closed */
    size_t pending_bytes;       /* that a client has not taken: cut */
};

struct simserver_options {
    const char *address; /* NULL: 127.0.0.1 */
    uint16_t port;       /* 0: the system picks */
    uint64_t seed;       /* of the synthetic market */
    /* Not 0: a recording instead. speed: 1 recorded time, 10 ten times faster,
     * 0 as fast as clients read. */
    const char *const *recordings;
    unsigned recording_count;
    double speed;
    const char *state_folder;  /* made if it is not there; NULL: nothing is kept */
    const struct clock *clock; /* NULL: the machine's */
    /* A second key of the test account, "ed25519-test"; NULL: none. */
    const unsigned char *ed25519_public_key;
    struct simserver_limits limits;
};

/* Where it is, and the keys of its test account, made at open: one that may trade, and one that
 * says of itself that it may withdraw, too, which a careful client refuses to keep. */
struct simserver_info {
    char rest[SIMSERVER_TEXT_SIZE], ws[SIMSERVER_TEXT_SIZE], ws_api[SIMSERVER_TEXT_SIZE];
    char url[SIMSERVER_TEXT_SIZE]; /* "http://127.0.0.1:9100" */
    char api_key[SIMSERVER_TEXT_SIZE], secret[SIMSERVER_TEXT_SIZE];
    char withdraw_api_key[SIMSERVER_TEXT_SIZE], withdraw_secret[SIMSERVER_TEXT_SIZE];
    uint16_t port;
};

struct simserver_counters {
    uint64_t requests;    /* REST and WebSocket API */
    uint64_t after_limit; /* that came from an address after its 429, before the minute was over */
    uint64_t during_ban;  /* that came from a banned address */
    uint64_t bans;        /* 418 */
    uint64_t orders;      /* accepted */
    uint64_t frames;      /* of streams, counted once for each subscriber */
    uint64_t slow_clients_cut; /* that did not take what they subscribed to */
    uint32_t stream_clients, api_clients;
    bool recording_ended; /* false while frames of a recording are still to be served */
};

/* ERR_EXISTS: the port is taken. ERR_PARSE: a recording or the saved state is damaged, with
 * "file:line:". ERR_INVALID: both were well formed but cannot be. */
enum err simserver_open(uv_loop_t *loop, const struct simserver_options *options,
                        struct simserver **out) ERR_MUST_USE;
void simserver_info(const struct simserver *s, struct simserver_info *out);
struct simserver_counters simserver_counters(const struct simserver *s);
/* Saves, and drops every client. The memory goes once the loop has run on. NULL is fine. */
void simserver_close(struct simserver *s);

#endif
