/* A folder of its own for each test, and rows to fill the store with. */
#ifndef TESTS_IO_STORE_FIXTURE_H
#define TESTS_IO_STORE_FIXTURE_H

#include <stdint.h>

#include "io/store/store.h"

#define NOW_MS INT64_C(1763900000000)

struct fixture {
    char folder[64];
    char path[96];
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

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
int64_t query_i64(const struct fixture *f, const char *sql);

#endif
