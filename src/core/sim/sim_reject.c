/* Codes and texts of refusals. */
#include "core/sim/sim_reject.h"

#include "base/check.h"

int sim_reject_code(enum sim_reject reject)
{
    static const short codes[] = {
#define X(name, code, text) [SIM_REJECT_##name] = (code),
        SIM_REJECTS(X)
#undef X
    };
    CHECK(reject < SIM_REJECT_COUNT);
    return codes[reject];
}

const char *sim_reject_text(enum sim_reject reject)
{
    static const char *const texts[] = {
#define X(name, code, text) [SIM_REJECT_##name] = (text),
        SIM_REJECTS(X)
#undef X
    };
    CHECK(reject < SIM_REJECT_COUNT);
    return texts[reject];
}
