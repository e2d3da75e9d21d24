/* What the answer to an order request proves.
 *
 * The one rule: only a listed code in a readable body of a 4xx answer proves that an order was not
 * accepted. Everything else that follows bytes which may have left (time-outs, 5xx, WAF pages, cut
 * or unreadable bodies, codes we do not know) proves nothing: UNKNOWN, and the reconciler asks.
 * "Duplicate order sent" is UNKNOWN too: we send an id once, so somebody may hold an order under
 * it.
 *
 * Pure. Source: Binance errors.md. */
#ifndef IO_VENUE_BINANCE_ANSWER_H
#define IO_VENUE_BINANCE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "core/model/order.h"
#include "io/venue/binance/binance_rest.h"

enum binance_request_kind { BINANCE_PLACE, BINANCE_CANCEL, BINANCE_QUERY };

enum binance_verdict {
    BINANCE_ACCEPTED,     /* the order is shown in the answer */
    BINANCE_REJECTED,     /* proved: the venue did not do what was asked */
    BINANCE_UNKNOWN_FATE, /* nothing is proved */
    BINANCE_NOT_SENT,     /* no byte left us */
    BINANCE_RATE_LIMITED, /* proved refused, because of too many requests or orders */
    BINANCE_CLOCK,        /* -1021: measure the clock offset, then treat as UNKNOWN_FATE */
    BINANCE_ABSENT,       /* a query found nothing: evidence, but no proof (the venue reads late) */
    BINANCE_VERDICT_COUNT
};

/* What the transport saw. */
struct binance_outcome {
    bool answered;   /* a complete HTTP answer (or WebSocket API answer) came */
    bool maybe_sent; /* !answered: at least one byte may have reached the wire */
    int status;      /* answered: the HTTP status */
    struct slice body;
    int64_t retry_after_s; /* the Retry-After header; -1 where there was none */
};

struct binance_answer {
    uint8_t verdict;         /* enum binance_verdict */
    uint8_t reason;          /* enum order_reason, for what was not accepted */
    int32_t code;            /* the venue's; 0 for none */
    bool orders_limited;     /* RATE_LIMITED by -1015: only new orders must wait */
    int64_t retry_after_ms;  /* of a 429, 418, -1003 or -1015, whatever the verdict; 0 = not told */
    int64_t banned_until_ms; /* from "banned until …" in the text; 0 = not told */
    struct slice message;
    struct binance_order order; /* ACCEPTED only */
};

/* client_id: the one we sent; an answer that shows another order is UNKNOWN_FATE. */
void binance_classify(enum binance_request_kind kind, const struct binance_outcome *outcome,
                      const struct instrument *i, const char *client_id, struct fill *fills,
                      uint32_t fill_capacity, struct binance_answer *out);

const char *binance_verdict_name(enum binance_verdict verdict);

#endif
