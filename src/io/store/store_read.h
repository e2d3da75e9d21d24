/* Reading the store for people: a connection of its own that cannot write.
 *
 * A query waits on the caller's thread, up to STORE_BUSY_TIMEOUT_MS: a loop that must not stall
 * asks by store_pool.h.
 *
 * Every query is one user's: another user's rows are not there. Lists come newest first by (time,
 * id) and are paged: the id of the last row of a page, given as before_id, starts the next one.
 *
 * Errors: those of sql.h; ERR_PARSE for a row that this program cannot know; ERR_NOT_FOUND where
 * one row was asked for. Rows are good during the callback. Thread: a reader belongs to one thread
 * at a time; open one for each. */
#ifndef IO_STORE_STORE_READ_H
#define IO_STORE_STORE_READ_H

#include <stdint.h>

#include "base/err.h"
#include "io/store/row.h"
#include "io/store/sql.h"

/* The most rows of a page; a larger limit is a bug of the caller,
 * who checks what people ask for. */
#define STORE_PAGE_MAX 1000

struct store_page {
    uint64_t user_id;
    uint64_t bot_id;    /* 0: of all bots, and of none; not used by store_read_bots */
    uint64_t before_id; /* 0: from the newest on */
    uint32_t limit;     /* 1 to STORE_PAGE_MAX */
};

struct store_reader;

/* The database must exist and be of this program's version: open the store first. */
enum err store_reader_open(const char *url, struct store_reader **out) ERR_MUST_USE;
/* The same with a limit of its own for every wait and query. */
enum err store_reader_open_within(const char *url, uint32_t timeout_ms,
                                  struct store_reader **out) ERR_MUST_USE;
/* NULL is fine. */
void store_reader_close(struct store_reader *r);
/* The connection that it reads by, for the queries of other files. */
struct sql *store_reader_sql(struct store_reader *r);

/* The text of each list's query, for whoever looks at its plan; NULL behind the last. */
const char *store_read_list_text(uint32_t index);

enum err store_read_bot(struct store_reader *r, uint64_t user_id, uint64_t bot_id,
                        struct store_bot *out) ERR_MUST_USE;
enum err store_read_bots(struct store_reader *r, const struct store_page *page,
                         void (*on_bot)(void *user, const struct store_bot *bot),
                         void *user) ERR_MUST_USE;
enum err store_read_orders(struct store_reader *r, const struct store_page *page,
                           void (*on_order)(void *user, const struct store_order *order),
                           void *user) ERR_MUST_USE;
enum err store_read_fills(struct store_reader *r, const struct store_page *page,
                          void (*on_fill)(void *user, const struct store_fill *fill),
                          void *user) ERR_MUST_USE;
enum err store_read_round_trips(struct store_reader *r, const struct store_page *page,
                                void (*on_trip)(void *user, const struct store_round_trip *trip),
                                void *user) ERR_MUST_USE;

#endif
