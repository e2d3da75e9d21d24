/* Names of an action's words. */
#include "core/model/action.h"

#include "base/check.h"

const char *why_name(enum why why)
{
    static const char *const names[] = {
#define X(name, text) [WHY_##name] = text,
        WHYS(X)
#undef X
    };
    CHECK(why < WHY_COUNT);
    return names[why];
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_HOLD] = "hold",
        [VERDICT_NO_ENTRY] = "no_entry",
        [VERDICT_ENTER] = "enter",
        [VERDICT_EXIT] = "exit",
    };
    CHECK(verdict <= VERDICT_EXIT);
    return names[verdict];
}
