/* The accounts of a running server: loaded at start, kept in step with the database, joined with
 * the store thread that makes changes durable and with the web loop that asks for them.
 *
 *     web loop: account desk --change--> store client --ring--> store thread
 *                     ^------ async <------ acks ------------------'
 *                     ^------ async <------ password threads
 *     once a second:  a reader's thread compares settings.account_version and reads what another
 *                     process has changed
 *     once an hour:   sessions, API tokens and resets whose time is over leave the database
 *
 * Order: office_open while the store is the caller's, office_start when the store thread has it;
 * office_finish before that thread ends, office_close after. All on the web thread. */
#ifndef APP_OFFICE_H
#define APP_OFFICE_H

#include <uv.h>

#include "app/config.h"
#include "app/letters.h"
#include "base/err.h"
#include "core/model/instrument.h"
#include "io/store/store_thread.h"
#include "service/account/accounts.h"

/* How soon a change that another process made holds here; how often rows go whose time is over. */
enum { OFFICE_NEWS_MS = 1000, OFFICE_SWEEP_MS = 3600 * 1000 };

struct office;

/* Reads the accounts, opens or makes the file of master keys. with_setup_token: while nobody has
 * claimed the installation, a set-up token is told on standard error. config must stay. */
enum err office_open(const struct config *config, struct store *store, bool with_setup_token,
                     struct office **out) ERR_MUST_USE;
/* All of it must stay. */
struct office_surroundings {
    uv_loop_t *loop;
    struct store_thread *store;
    const char *store_url;
    const char *rest_urls[VENUE_COUNT]; /* where each venue is asked about keys */
    struct letters *letters;            /* NULL: no mail is set up */
    uint32_t sweep_ms;                  /* 0: OFFICE_SWEEP_MS */
};

enum err office_start(struct office *o, const struct office_surroundings *around) ERR_MUST_USE;
struct accounts *office_accounts(struct office *o);
struct account_desk *office_desk(struct office *o);
/* Runs the loop until no call is under way; nobody may ask any more. Venues that were asked about
 * keys count as gone. NULL is fine. */
void office_finish(struct office *o);
/* The loop must run once more after it. NULL is fine. */
void office_close(struct office *o);

#endif
