/* A database of its own for each test, on SQLite or PostgreSQL, and rows to fill the store with. */
#ifndef TESTS_IO_STORE_FIXTURE_H
#define TESTS_IO_STORE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/store/sql.h"
#include "io/store/store.h"

#define NOW_MS INT64_C(1763900000000)

struct fixture {
    enum sql_kind kind;
    bool missing; /* there is no such database here */
    char folder[64];
    char path[96]; /* SQLite's file */
    char url[256];
};

int fixture_setup(void **state);
int fixture_setup_postgres(void **state);
int fixture_teardown(void **state);
/* What every test begins with: it ends there, skipped, where the database is missing. */
struct fixture *fixture_of(void **state);

#define ON_SQLITE(test)                                                                            \
    {                                                                                              \
#test, test, fixture_setup, fixture_teardown, NULL                                         \
    }
#define ON_POSTGRES(test)                                                                          \
    {                                                                                              \
#test "__postgres", test, fixture_setup_postgres, fixture_teardown, NULL                   \
    }
#define ON_BOTH(test) ON_SQLITE(test), ON_POSTGRES(test)

/* Fails the test with the error's text. */
void assert_ok(enum err err);
/* The code is that, and its text names the cause. */
void assert_err(enum err err, enum err want, const char *text);

struct store *open_store(const struct fixture *f);
struct store_bot sample_bot(void);
struct store_market sample_market(void);
struct store_order sample_order(uint64_t id, uint64_t bot_id);
/* The fill of that order which leaves the bot with `trades` round trips and as much of the base. */
struct store_booking sample_booking(const struct store_order *order, uint64_t trade_id,
                                    int64_t trades);
/* A committed bot; its id. */
uint64_t add_bot(struct store *s);
/* Runs one query of ours on a connection of its own. */
int64_t query_i64(const struct fixture *f, const char *text);
/* Makes the next ids of both databases the same again: PostgreSQL's counters do not go back with a
 * refused or undone insert. */
void reset_ids(const struct fixture *f, const char *table, uint64_t used);

#endif
