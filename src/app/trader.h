/* The trade thread: market sessions, sequencer, engine, paper venue and gateway on one loop.
 *
 *   frames -> market session --event--> sequencer -> engine_step -> actions
 *                                           ^                          |
 *     paper venue, gateway ----event--------+      place: store, then (durable) paper or gateway
 *     desk requests (web thread) --ring-----+      book:  store; publications -> rings -> web
 *
 * A tick never changes thread on its way to a decision; an order waits one hop, for its durability.
 * Everything that changes money or bots passes here, in one order, and can be journaled. */
#ifndef APP_TRADER_H
#define APP_TRADER_H

#include "app/bridge.h"
#include "base/err.h"
#include "io/store/store.h"
#include "io/store/store_thread.h"

enum { TRADER_TEXT_SIZE = 512 };

/* Where a venue is reached. An empty rest URL: this venue is not offered. */
struct trader_venue {
    char rest[TRADER_TEXT_SIZE], ws[TRADER_TEXT_SIZE], ws_api[TRADER_TEXT_SIZE];
    /* For live orders; empty: paper only. In memory alone, wiped once the key is made of them. */
    char api_key[TRADER_TEXT_SIZE], secret[TRADER_TEXT_SIZE];
    uint32_t read_lag_ms;
};

struct trader_options {
    struct store *store; /* the caller's; touched only by the trader until trader_stop returned */
    struct bridge *bridge;
    struct trader_venue venues[VENUE_COUNT];
    bool live_enabled;
    bool restored; /* from a backup, and not settled: no live entries, and /ready says so */
    const char *journal_path; /* NULL: none */
};

struct trader;

/* Restores what the store keeps, then starts the thread. */
enum err trader_start(const struct trader_options *options, struct trader **out) ERR_MUST_USE;
/* For further clients of it; good until trader_stop. */
struct store_thread *trader_store_thread(struct trader *t);
/* Ends sessions, waits for the store to finish what was handed to it, joins. Positions and bots
 * stay as they are: the next start goes on. ERR_IO: the journal is not whole. NULL is fine. */
enum err trader_stop(struct trader *t);

#endif
