/* One request, whichever way it came: REST or WebSocket API. Handlers read its parameters, write
 * their answer as JSON and know nothing of the transport.
 *
 * Getters refuse with Binance's code and text and return false; a handler that got false returns
 * false itself. Parameters that an endpoint does not know are refused before its handler runs. */
#ifndef SERVICE_SIMSERVER_CALL_H
#define SERVICE_SIMSERVER_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "core/model/candle.h"
#include "core/model/order.h"
#include "core/sim/sim_reject.h"
#include "service/simserver/access.h"

enum {
    CALL_PARAMETERS_MAX = 64, /* more: -1101 */
    CALL_MESSAGE_SIZE = 256,
    CALL_SYMBOLS_MAX = 200,
};

struct simserver;
struct api_client;
struct endpoint;

struct parameter {
    struct slice name, value; /* decoded */
};

struct call {
    struct simserver *server;
    const struct endpoint *endpoint;
    struct api_client *client; /* of the WebSocket API, else NULL */
    struct parameter parameters[CALL_PARAMETERS_MAX];
    unsigned parameter_count;
    struct access_key *key; /* of a signed call */
    uint32_t account;
    int64_t now_ms;
    bool counts_orders; /* the answer shows the order counts */
    struct buffer *out; /* the answer */
    /* A refusal: status 0 means there is none. */
    int status, code;
    char message[CALL_MESSAGE_SIZE];
    int64_t retry_s; /* of 429 and 418 */
    bool has_data;   /* the refusal goes with what was written to out */
};

/* All of these return false. */
bool call_refuse(struct call *c, int status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool call_reject(struct call *c, enum sim_reject reject);
bool call_refuse_missing(struct call *c, const char *name);
bool call_refuse_not_required(struct call *c, const char *name);
bool call_refuse_value(struct call *c, const char *name);

bool call_has(const struct call *c, const char *name);
/* False when it is not there; refuses nothing. */
bool call_find(const struct call *c, const char *name, struct slice *out);
/* Mandatory. */
bool call_need(struct call *c, const char *name, struct slice *out);
bool call_symbol(struct call *c, uint16_t *out);
const struct instrument *call_rules(const struct call *c, uint16_t instrument);
/* Optional; *out is the default when it is absent. */
bool call_u64(struct call *c, const char *name, uint64_t standard, uint64_t *out);
/* Larger than max counts as max; 0 is refused. */
bool call_limit(struct call *c, uint32_t standard, uint32_t max, uint32_t *out);
/* ms or us, to ms; -1 when it is absent. */
bool call_time(struct call *c, const char *name, int64_t *out);
/* Optional: 0 when absent. -1111 for more digits than the scale. */
bool call_decimal(struct call *c, const char *name, unsigned scale, int64_t *out);
bool call_interval(struct call *c, enum timeframe *out);
/* Optional: "" when absent. -1100 for other characters than [a-zA-Z0-9-_], or more than 36. */
bool call_client_id(struct call *c, const char *name, char out[CLIENT_ID_SIZE]);
/* The instruments of symbol or symbols; all of them when neither is there. *single:
 * symbol was given. */
bool call_symbols(struct call *c, uint16_t out[CALL_SYMBOLS_MAX], unsigned *count, bool *single);

#endif
