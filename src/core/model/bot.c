/* Names of a bot's words. */
#include "core/model/bot.h"

#include <string.h>

#include "base/check.h"

static const char *const sizing_names[SIZING_KIND_COUNT] = {
    [SIZING_QUANTITY] = "quantity",
    [SIZING_QUOTE] = "quote",
    [SIZING_PERCENT] = "percent",
    [SIZING_RISK] = "risk",
};

static const char *const state_names[BOT_STATE_COUNT] = {
    [BOT_STOPPED] = "stopped",
    [BOT_RUNNING] = "running",
    [BOT_PAUSED] = "paused",
    [BOT_STOPPING] = "stopping",
};

static const char *const reason_names[BOT_REASON_COUNT] = {
    [BOT_REASON_NONE] = "",
    [BOT_REASON_DAILY_LOSS] = "daily_loss",
    [BOT_REASON_DAILY_TARGET] = "daily_target",
    [BOT_REASON_DAILY_TRADES] = "daily_trades",
    [BOT_REASON_IMPOSSIBLE_NEWS] = "impossible_news",
    [BOT_REASON_FILL_ROUNDED] = "fill_rounded",
    [BOT_REASON_UNKNOWN_FILL] = "unknown_fill",
    [BOT_REASON_DUST] = "unsellable_dust",
};

static bool find(const char *const *names, unsigned count, const char *text, unsigned *out)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = i;
        return true;
    }
    return false;
}

const char *sizing_kind_name(enum sizing_kind kind)
{
    CHECK(kind < SIZING_KIND_COUNT);
    return sizing_names[kind];
}

bool sizing_kind_parse(const char *text, enum sizing_kind *out)
{
    unsigned index;
    if (!find(sizing_names, SIZING_KIND_COUNT, text, &index)) return false;
    *out = (enum sizing_kind)index;
    return true;
}

const char *bot_state_name(enum bot_state state)
{
    CHECK(state < BOT_STATE_COUNT);
    return state_names[state];
}

const char *bot_reason_name(enum bot_reason reason)
{
    CHECK(reason < BOT_REASON_COUNT);
    return reason_names[reason];
}
