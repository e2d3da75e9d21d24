/* One web thread: a loop, and everything on it that people and programs talk to.
 *
 *     loop -- bridge end    what the trade thread publishes and answers
 *          -- clerk         changes of accounts
 *          -- gate          rate limits, a client of Redis
 *          -- API           HTTP clients, the board, a reader of the database
 *
 * Web threads share the port and nothing that lives on a loop. What they have in common (the
 * office's accounts, the limits, the tallies) takes care of itself. A request, the calls that wait
 * and a stream stay on the thread that the kernel gave their connection to.
 *
 * The first one's loop is run by the main thread. The order, everything from the main thread:
 *
 *     prepare   all of them, before the trade thread starts, which wakes them
 *     open      the first, then the others, which join its port
 *     start     the others
 *     stop      the others; from here on all loops are the main thread's
 *     quiet     all of them, before the trade thread stops, which still answers
 *     close     all of them, then what they shared
 *     finish    all of them
 *
 * Each is fine on one that did not come so far. */
#ifndef APP_WEB_THREAD_H
#define APP_WEB_THREAD_H

#include <uv.h>

#include "app/bridge.h"
#include "app/clerk.h"
#include "app/config.h"
#include "app/gate.h"
#include "app/letters.h"
#include "app/office.h"
#include "base/err.h"
#include "service/api/api.h"

enum { WEB_THREADS_MAX = CONFIG_WEB_THREADS_MAX };
_Static_assert((int)WEB_THREADS_MAX <= (int)BRIDGE_ENDS_MAX, "each has an end");
_Static_assert((int)WEB_THREADS_MAX <= (int)TALLIES_MAX, "each has a tally");

/* All of it must stay. */
struct web_surroundings {
    const struct config *config;
    bool demo;
    struct bridge *bridge;
    const char *store_url;
    const char *rest_urls[VENUE_COUNT]; /* where each venue is asked about keys */
    struct store_thread *store;
    struct office *office;
    struct letters *letters;          /* NULL: no mail is set up */
    const struct tls_context *tls;    /* NULL: plain http */
    const struct token_hash *console; /* its token */
    struct guard_limits *limits;
    struct tallies *tallies; /* of all web threads: their count */
};

struct web_thread {
    uint32_t number;
    uv_loop_t loop;
    uv_async_t stop;
    struct bridge_end *end;
    struct clerk *clerk;
    struct gate *gate;
    struct api *api;
    uv_thread_t thread;
    bool is_prepared, is_running;
};

/* How many, as the settings say or as suits this machine. */
uint32_t web_thread_count(const struct config *config);

/* Makes the loop and opens the bridge's end of that number. It must not move from here on. ERR_IO.
 */
enum err web_thread_prepare(struct web_thread *w, uint32_t number,
                            struct bridge *bridge) ERR_MUST_USE;
/* Listens at the settings' address and that port. */
enum err web_thread_open(struct web_thread *w, const struct web_surroundings *around,
                         uint16_t port) ERR_MUST_USE;
enum err web_thread_start(struct web_thread *w) ERR_MUST_USE;
void web_thread_stop(struct web_thread *w);
/* Nobody is heard any more; runs the loop until no account call is under way. */
void web_thread_quiet(struct web_thread *w);
void web_thread_close(struct web_thread *w);
/* Runs the loop to its end. */
void web_thread_finish(struct web_thread *w);

#endif
