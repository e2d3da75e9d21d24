/* Balances. */
#include "core/sim/sim_account.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"

bool sim_assets_find(const struct sim_assets *a, const char *name, uint16_t *out)
{
    for (uint16_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i].name, name) != 0) continue;
        *out = i;
        return true;
    }
    return false;
}

bool sim_assets_add(struct sim_assets *a, const char *name, unsigned scale, uint16_t *out)
{
    CHECK(scale <= SCALE_MAX && strlen(name) < ASSET_SIZE);
    if (sim_assets_find(a, name, out)) return a->items[*out].scale == scale;
    if (a->count == SIM_ASSETS_MAX) return false;
    *out = a->count++;
    a->items[*out].scale = (uint8_t)scale;
    CHECK(slice_copy(slice_of(name), a->items[*out].name, ASSET_SIZE));
    return true;
}

bool sim_balances_lock(struct sim_balances *b, uint16_t asset, struct money amount)
{
    struct sim_balance *x = &b->items[asset];
    CHECK(amount.units >= 0);
    if (!b->unlimited && x->free.units < amount.units) return false;
    x->free.units -= amount.units;
    x->locked.units += amount.units;
    return true;
}

void sim_balances_unlock(struct sim_balances *b, uint16_t asset, struct money amount)
{
    struct sim_balance *x = &b->items[asset];
    CHECK(amount.units >= 0 && x->locked.units >= amount.units);
    x->locked.units -= amount.units;
    x->free.units += amount.units;
}

void sim_balances_spend(struct sim_balances *b, uint16_t asset, struct money amount)
{
    struct sim_balance *x = &b->items[asset];
    CHECK(amount.units >= 0 && x->locked.units >= amount.units);
    x->locked.units -= amount.units;
}

void sim_balances_receive(struct sim_balances *b, uint16_t asset, struct money amount)
{
    struct sim_balance *x = &b->items[asset];
    CHECK(amount.units >= 0);
    CHECK(!__builtin_add_overflow(x->free.units, amount.units, &x->free.units));
}
