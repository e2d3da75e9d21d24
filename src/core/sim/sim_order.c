/* Words of orders. */
#include "core/sim/sim_order.h"

#include <string.h>

#include "base/check.h"

bool sim_type_is_stop(enum sim_type type)
{
    return type == SIM_TYPE_STOP_LOSS || type == SIM_TYPE_STOP_LOSS_LIMIT ||
           type == SIM_TYPE_TAKE_PROFIT || type == SIM_TYPE_TAKE_PROFIT_LIMIT;
}

bool sim_type_is_priced(enum sim_type type)
{
    return type != SIM_TYPE_MARKET && type != SIM_TYPE_STOP_LOSS && type != SIM_TYPE_TAKE_PROFIT;
}

bool sim_status_is_open(enum sim_status status)
{
    return status == SIM_NEW || status == SIM_PARTIALLY_FILLED;
}

bool sim_type_triggers_above(enum sim_type type, enum side side)
{
    const bool stop_loss = type == SIM_TYPE_STOP_LOSS || type == SIM_TYPE_STOP_LOSS_LIMIT;
    return stop_loss == (side == SIDE_BUY);
}

static const char *const types[] = {
#define X(name) [SIM_TYPE_##name] = #name,
    SIM_TYPES(X)
#undef X
};

static const char *const tifs[] = {[SIM_GTC] = "GTC", [SIM_IOC] = "IOC", [SIM_FOK] = "FOK"};

const char *sim_type_name(enum sim_type type)
{
    CHECK(type < SIM_TYPE_COUNT);
    return types[type];
}

bool sim_type_parse(const char *text, enum sim_type *out)
{
    for (unsigned i = 0; i < SIM_TYPE_COUNT; i++) {
        if (strcmp(text, types[i]) != 0) continue;
        *out = (enum sim_type)i;
        return true;
    }
    return false;
}

const char *sim_tif_name(enum sim_tif tif)
{
    CHECK(tif < SIM_TIF_COUNT);
    return tifs[tif];
}

bool sim_tif_parse(const char *text, enum sim_tif *out)
{
    for (unsigned i = 0; i < SIM_TIF_COUNT; i++) {
        if (strcmp(text, tifs[i]) != 0) continue;
        *out = (enum sim_tif)i;
        return true;
    }
    return false;
}

const char *sim_status_name(enum sim_status status)
{
    static const char *const names[] = {
#define X(name) [SIM_##name] = #name,
        SIM_STATUSES(X)
#undef X
    };
    CHECK(status < SIM_STATUS_COUNT);
    return names[status];
}

const char *sim_execution_name(enum sim_execution execution)
{
    static const char *const names[] = {
#define X(name) [SIM_EXECUTION_##name] = #name,
        SIM_EXECUTIONS(X)
#undef X
    };
    CHECK(execution < SIM_EXECUTION_COUNT);
    return names[execution];
}

const char *sim_expiry_name(enum sim_expiry expiry)
{
    static const char *const names[] = {
#define X(name, text) [SIM_EXPIRY_##name] = (text),
        SIM_EXPIRIES(X)
#undef X
    };
    CHECK(expiry < SIM_EXPIRY_COUNT);
    return names[expiry];
}
