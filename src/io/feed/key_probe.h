/* Asks a venue what an API key may do, before anybody keeps it: the venue's time, the key's
 * restrictions, and whether its account may trade. Nothing is placed, changed or moved.
 *
 * Each question is asked once, on a connection of the probe's own. The secret is used while the
 * probe lives and is wiped with it. A probe is outside of the request budget of venue_rest.h (its
 * weight is 22 of 6000): whoever lets people start probes must bound how many.
 *
 * Thread: that of the loop. Source: Binance wallet documents, "Get API Key Permission";
 * rest-api.md, "Account information". */
#ifndef IO_FEED_KEY_PROBE_H
#define IO_FEED_KEY_PROBE_H

#include <uv.h>

#include "base/err.h"
#include "io/net/tls.h"
#include "io/venue/binance/binance_rest.h"

enum { KEY_PROBE_DEADLINE_MS = 10000 }; /* for all of it */

enum key_verdict {
    KEY_FINE,          /* known, and not able to move funds out of its account */
    KEY_WRONG,         /* unknown, not signed by its secret, or not allowed from this address */
    KEY_MOVES_FUNDS,   /* may withdraw or transfer: nobody should hand such a key out */
    KEY_READS_NOTHING, /* may not even read its account */
    KEY_VENUE_BUSY,    /* the venue asks us to wait: 429 or 418 */
    KEY_VENUE_GONE,    /* not reachable, or no answer in time */
    KEY_VENUE_ODD,     /* an answer that we cannot read, so nothing is known */
};

struct key_report {
    enum key_verdict verdict;
    struct binance_restrictions restrictions; /* may_trade_spot: the account may, too */
    const char *text;                         /* the cause for the log; no secret */
};

struct key_probe;

struct key_probe_options {
    const char *url;               /* as of venue_rest.h */
    const struct tls_context *tls; /* must be there for https */
    struct slice api_key, secret;  /* copied into the form that signs */
    uint32_t deadline_ms;          /* 0: KEY_PROBE_DEADLINE_MS */
    /* Once, from the loop; the report is good during the call, the probe is gone after it. */
    void (*on_report)(void *user, const struct key_report *report);
    void *user;
};

/* ERR_INVALID, ERR_UNSUPPORTED: what was given cannot be a key (see binance_key_init), or the URL
 * is one that we may not use; on_report will not come. */
enum err key_probe_start(uv_loop_t *loop, const struct key_probe_options *options,
                         struct key_probe **out) ERR_MUST_USE;
/* Ends one that has not reported; it will not. */
void key_probe_cancel(struct key_probe *p);

#endif
