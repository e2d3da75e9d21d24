/* The accounts of a running server, one office for all web threads: loaded at start, kept in step
 * with the database. Who changes them goes by a clerk (clerk.h), of which each web thread has one.
 *
 *     once a second:  a reader's thread compares settings.account_version and reads what another
 *                     process has changed
 *     once an hour:   sessions, API tokens and resets whose time is over leave the database
 *
 * Order: office_open while the store is the caller's, office_start when the store thread has it;
 * office_finish when the last clerk has finished and before one is closed, office_close when all
 * are. Thread: the first web thread; office_accounts' are any thread's. */
#ifndef APP_OFFICE_H
#define APP_OFFICE_H

#include <uv.h>

#include "app/config.h"
#include "base/err.h"
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
    uint32_t sweep_ms; /* 0: OFFICE_SWEEP_MS */
};

enum err office_start(struct office *o, const struct office_surroundings *around) ERR_MUST_USE;
struct accounts *office_accounts(struct office *o);
/* Ends the password threads. NULL is fine. */
void office_finish(struct office *o);
/* The loop must run once more after it. NULL is fine. */
void office_close(struct office *o);

#endif
