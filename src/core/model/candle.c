/* Timeframes by name and length. */
#include "core/model/candle.h"

#include <string.h>

#include "base/check.h"

static const struct {
    const char *name;
    int64_t ms;
} timeframes[TIMEFRAME_COUNT] = {
#define X(name, text, seconds) [TIMEFRAME_##name] = {text, INT64_C(1000) * (seconds)},
    TIMEFRAMES(X)
#undef X
};

int64_t timeframe_ms(enum timeframe timeframe)
{
    CHECK(timeframe < TIMEFRAME_COUNT);
    return timeframes[timeframe].ms;
}

const char *timeframe_name(enum timeframe timeframe)
{
    CHECK(timeframe < TIMEFRAME_COUNT);
    return timeframes[timeframe].name;
}

bool timeframe_parse(const char *text, enum timeframe *out)
{
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) {
        if (strcmp(text, timeframes[i].name) != 0) continue;
        *out = (enum timeframe)i;
        return true;
    }
    return false;
}

bool timeframe_from_ms(int64_t ms, enum timeframe *out)
{
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) {
        if (timeframes[i].ms != ms) continue;
        *out = (enum timeframe)i;
        return true;
    }
    return false;
}

int64_t timeframe_floor(enum timeframe timeframe, int64_t time_ms)
{
    CHECK(time_ms >= 0);
    return time_ms - time_ms % timeframe_ms(timeframe);
}

bool candle_is_sound(const struct candle *c)
{
    return c->low.units > 0 && c->low.units <= c->open.units && c->low.units <= c->close.units &&
           c->high.units >= c->open.units && c->high.units >= c->close.units &&
           c->volume.units >= 0;
}
