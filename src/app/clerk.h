/* One web thread's way to change accounts: an account desk of its own, joined with the store thread
 * that makes changes durable, with the password threads and with the venues that tell about keys.
 *
 *     web loop: account desk --change--> store client --ring--> store thread
 *                     ^------ async <------ acks ------------------'
 *                     ^------ async <------ password threads
 *
 * What accounts there are is the office's (office.h), one for all threads. Order: clerk_open when
 * the store thread runs; clerk_finish before it ends, clerk_close after. Thread: one at a time, the
 * one that runs the loop. */
#ifndef APP_CLERK_H
#define APP_CLERK_H

#include <uv.h>

#include "app/letters.h"
#include "base/err.h"
#include "core/model/instrument.h"
#include "io/store/store_thread.h"
#include "service/account/accounts.h"

struct clerk;

/* All of it must stay. */
struct clerk_surroundings {
    uv_loop_t *loop;
    struct accounts *accounts;
    struct store_thread *store;
    const char *rest_urls[VENUE_COUNT]; /* where each venue is asked about keys */
    struct letters *letters;            /* NULL: no mail is set up */
};

enum err clerk_open(const struct clerk_surroundings *around, struct clerk **out) ERR_MUST_USE;
struct account_desk *clerk_desk(struct clerk *c);
/* Runs the loop until no call is under way; nobody may ask any more. Venues that were asked about
 * keys count as gone. NULL is fine. */
void clerk_finish(struct clerk *c);
/* The loop must run once more after it. NULL is fine. */
void clerk_close(struct clerk *c);

#endif
