/* Binance's WebSocket API as far as the user data stream needs it: session frames out, answers and
 * account events in.
 *
 * Events come wrapped, {"subscriptionId":0,"event":{…}}, or bare. An event of a symbol that the
 * table does not know is FOREIGN; an unknown kind is UNKNOWN; neither is an error. Slices are
 * borrowed from the frame. Sources: Binance web-socket-api.md, user-data-stream.md (2026-07). */
#ifndef IO_VENUE_BINANCE_USER_H
#define IO_VENUE_BINANCE_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"
#include "core/model/event.h"
#include "io/venue/binance/binance_rest.h"
#include "io/venue/binance/binance_sign.h"

enum { BINANCE_USER_BALANCES_MAX = 64 }; /* assets of one event; more: ERR_LIMIT */

enum binance_user_kind {
    BINANCE_USER_ANSWER,     /* to a request of ours */
    BINANCE_USER_EXECUTION,  /* executionReport */
    BINANCE_USER_POSITION,   /* outboundAccountPosition: new balances of some assets */
    BINANCE_USER_BALANCE,    /* balanceUpdate: a deposit, withdrawal or transfer */
    BINANCE_USER_LIST,       /* listStatus of an order list */
    BINANCE_USER_TERMINATED, /* eventStreamTerminated: subscribe again */
    BINANCE_USER_SHUTDOWN,   /* serverShutdown: reconnect at once */
    BINANCE_USER_UNKNOWN,
    BINANCE_USER_FOREIGN,
    BINANCE_USER_KIND_COUNT
};

struct binance_user_answer {
    int64_t id; /* -1 where it was null or text */
    int status;
    int64_t subscription_id;         /* of a subscribe answer; -1 otherwise */
    int64_t used_weight;             /* REQUEST_WEIGHT of a minute; -1 where not told */
    struct binance_error error;      /* status != 200 */
    struct slice result, error_body; /* raw JSON, "" where absent */
};

struct binance_execution {
    struct slice client_id; /* the one the order was placed with, also after a cancel */
    uint64_t venue_order_id;
    uint8_t status; /* enum binance_order_status */
    uint8_t side;
    struct qty qty, filled; /* filled: cumulative */
    int64_t time_ms;
    bool has_news;
    uint8_t input;  /* enum order_input, with has_news */
    uint8_t reason; /* enum order_reason */
    bool has_fill;
    bool is_rounded;  /* the fill was finer than the scales: as in binance_rest.h */
    struct fill fill; /* order_id 0 */
};

struct binance_user_frame {
    uint8_t kind;        /* enum binance_user_kind */
    uint16_t instrument; /* EXECUTION and LIST; else INSTRUMENT_NONE */
    int64_t event_ms;
    union {
        struct binance_user_answer answer;
        struct binance_execution execution;
        struct {
            uint32_t balance_count;
            struct binance_balance balances[BINANCE_USER_BALANCES_MAX];
        } position;
        struct {
            char asset[ASSET_SIZE];
            struct money delta; /* BINANCE_FEE_SCALE decimals */
        } balance;
        struct {
            int64_t list_id;
            struct slice status; /* listOrderStatus: "EXECUTING", "ALL_DONE", "REJECT" */
            struct slice client_id;
        } list;
    };
};

enum err binance_user_decode(const struct binance_symbols *symbols, struct slice frame,
                             struct binance_user_frame *out) ERR_MUST_USE;

/* {"id":…,"method":"userDataStream.subscribe.signature","params":{…}}, for any kind of key. */
enum err binance_user_write_subscribe(struct buffer *out, int64_t id, struct binance_key *key,
                                      int64_t timestamp_ms) ERR_MUST_USE;

#endif
