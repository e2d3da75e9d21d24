/* Lots, and names of venues. */
#include "core/model/instrument.h"

#include <string.h>

#include "base/check.h"

static const char *const names[VENUE_COUNT] = {[VENUE_SIM] = "sim", [VENUE_BINANCE] = "binance"};

unsigned instrument_lot_scale(const struct instrument *i)
{
    unsigned scale = i->qty_scale;
    if (i->step.units <= 0) return scale;
    for (int64_t step = i->step.units; scale > 0 && step % 10 == 0; step /= 10) scale--;
    return scale;
}

const char *venue_name(enum venue venue)
{
    CHECK(venue < VENUE_COUNT);
    return names[venue];
}

bool venue_parse(const char *name, enum venue *out)
{
    for (unsigned i = 0; i < VENUE_COUNT; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *out = (enum venue)i;
        return true;
    }
    return false;
}
