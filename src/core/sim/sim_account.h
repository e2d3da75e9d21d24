/* Assets, and the balances of one account in each: free and locked.
 *
 * Amounts are int64 units of the asset's scale. Every move has two ends, so per asset the sum over
 * all accounts and the fees is what was deposited, to the last unit. A balance is never negative,
 * but for the free part of an unlimited account (the synthetic market's): there it is the net of
 * its trades. */
#ifndef CORE_SIM_SIM_ACCOUNT_H
#define CORE_SIM_SIM_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/instrument.h"
#include "core/model/money.h"

enum {
    SIM_ASSETS_MAX = 64,
    SIM_ACCOUNT_NAME_SIZE = 40,
};

/* The most that may exist of one asset, so that no sum overflows. */
#define SIM_ASSET_TOTAL_MAX (INT64_MAX / 4)

struct sim_asset {
    char name[ASSET_SIZE];
    uint8_t scale;
};

struct sim_assets {
    struct sim_asset items[SIM_ASSETS_MAX];
    uint16_t count;
};

struct sim_balance {
    struct money free, locked;
};

struct sim_balances {
    struct sim_balance items[SIM_ASSETS_MAX]; /* by asset index */
    bool unlimited;
};

/* Finds or adds; false when the table is full or the name is known with another scale. */
bool sim_assets_add(struct sim_assets *a, const char *name, unsigned scale, uint16_t *out);
bool sim_assets_find(const struct sim_assets *a, const char *name, uint16_t *out);

/* Free to locked; false (and no change) when there is not enough. amount >= 0 in all of these. */
bool sim_balances_lock(struct sim_balances *b, uint16_t asset, struct money amount);
/* Locked to free; at most what is locked. */
void sim_balances_unlock(struct sim_balances *b, uint16_t asset, struct money amount);
/* Out of what is locked, to somebody else. */
void sim_balances_spend(struct sim_balances *b, uint16_t asset, struct money amount);
void sim_balances_receive(struct sim_balances *b, uint16_t asset, struct money amount);

#endif
