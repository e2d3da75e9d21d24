/* What people and programs talk to: HTTP routes under /api/v1, health, metrics, and one live page.
 *
 * One loop, one thread (a web thread). Reads come from the board (what the trade thread publishes)
 * and, beside the loop, from store connections that cannot write (reads.h); every change goes
 * through the desk, those of accounts through the account desk, and is answered only when it is
 * durable.
 * Who is answered stands in access.h; what belongs to somebody is there for nobody else.
 *
 * Each web thread has an API of its own, and they listen on one port. What one of them tells of the
 * server (/metrics, /ready) is told of all: see tally.h.
 *
 * Order of closing: api_quiet, after which nobody is heard; then the guard must have no questions
 * waiting and the account desk no calls, and the desk must answer no more; then api_close. Requests
 * that still wait are answered 503 there. Errors of api_open: those of reads_open and
 * http_server_open. */
#ifndef SERVICE_API_API_H
#define SERVICE_API_API_H

#include <stdatomic.h>

#include <uv.h>

#include "base/err.h"
#include "io/guard/client_address.h"
#include "io/guard/guard.h"
#include "io/mail/mailer.h"
#include "io/net/conn.h"
#include "service/account/accounts.h"
#include "service/api/desk.h"
#include "service/api/problem.h"
#include "service/api/publication.h"
#include "service/api/tally.h"

struct api;

struct api_options {
    const char *address;
    uint16_t port; /* 0: the system picks, see api_port */
    enum listener_sharing sharing;
    const struct tls_context *tls; /* NULL: plain */
    const char *store_path;        /* opened before by the writing side */
    struct desk desk;
    struct guard *guard;                   /* counts requests by enum limit_class; on the loop */
    const struct trusted_proxies *proxies; /* who may say whom a request is from */
    const struct redis *redis;             /* for /ready and /metrics; NULL: none is used */
    struct mailer *mailer;                 /* for the same; NULL: no mail is set up */
    struct accounts *accounts;
    struct account_desk *account_desk; /* of the loop's thread */
    const struct token_hash *console;  /* its token, see access.h; NULL: there is none */
    const char *version, *commit;      /* commit may be "" */
    bool live_enabled;
    bool demo;
    enum language language;                       /* where Accept-Language names none of ours */
    const _Atomic uint64_t *publications_dropped; /* for /metrics; NULL: not told */
    /* Of all web threads, and which of them this one is; NULL: there is no other. Must stay until
     * the last of them is closed. */
    struct tallies *tallies;
    uint32_t thread;
    uint32_t book_wait_ms;    /* for a market's first book; 0: 5000 */
    uint32_t account_wait_ms; /* for the account desk; 0: 12000 */
    uint32_t read_wait_ms;    /* for the database; 0: READS_WAIT_MS */
};

/* options are copied; the texts must stay. */
enum err api_open(uv_loop_t *loop, const struct api_options *options,
                  struct api **out) ERR_MUST_USE;
uint16_t api_port(const struct api *a);
void api_on_publication(struct api *a, const struct publication *p);
/* Listens no more. NULL is fine, and twice is. */
void api_quiet(struct api *a);
/* NULL is fine. */
void api_close(struct api *a);

#endif
