/* Every route, in one table. */
#include "service/api/route.h"

#include <string.h>

#include "base/check.h"
#include "io/net/url.h"

#define MARKET "/api/v1/markets/{venue}/{symbol}"
#define LIMIT_QUERY                                                                                \
    {                                                                                              \
        "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":50}", false     \
    }
#define PAGE_QUERY                                                                                 \
    {                                                                                              \
        LIMIT_QUERY, {"cursor", "{\"type\":\"string\"}", false},                                   \
        {                                                                                          \
            "bot_id", "{\"type\":\"integer\",\"minimum\":1}", false                                \
        }                                                                                          \
    }

const struct route routes[] = {
    {"GET", "/", "page", "The live page", ops_page, .content_type = "text/html", .status = 200},
    {"GET", "/app.js", "page_script", "The live page's script", ops_page,
     .content_type = "text/javascript", .status = 200},
    {"GET", "/style.css", "page_style", "The live page's style", ops_page,
     .content_type = "text/css", .status = 200},
    {"GET", "/health", "health", "The process is alive", ops_health, "Health", .status = 200,
     .open = true},
    {"GET", "/ready", "ready", "Whether a new order could be handled (503 when not)", ops_ready,
     "Ready", .status = 200, .other_status = 503},
    {"GET", "/metrics", "metrics", "Counters for Prometheus", metrics_get,
     .content_type = "text/plain", .status = 200},
    {"GET", "/openapi.json", "openapi", "This document", ops_openapi, "OpenApi", .status = 200},
    {"GET", "/api/v1/version", "version", "What runs here", ops_version, "Version", .status = 200},
    {"GET", "/api/v1/venues", "venues", "State of every venue's market session", market_venues,
     "VenueList", .status = 200},
    {"GET", "/api/v1/symbols/spot", "symbols", "What a venue trades", market_symbols, "SymbolList",
     .status = 200, .query = {{"venue", "{\"type\":\"string\"}", true}}},
    {"GET", MARKET "/book", "book", "The newest order book", market_book, "Book", .status = 200,
     .query = {{"levels", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":15}",
                false}}},
    {"GET", MARKET "/ticker", "ticker", "Last price, best bid and ask", market_ticker, "Ticker",
     .status = 200},
    {"GET", MARKET "/trades", "prints", "The market's newest trades, newest first", market_trades,
     "PrintList", .status = 200,
     .query = {{"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":200,\"default\":50}",
                false}}},
    {"GET", MARKET "/candles", "candles", "Candles, oldest first", market_candles, "CandleList",
     .status = 200,
     .query = {{"timeframe", "{\"$ref\":\"#/components/schemas/Timeframe\"}", true},
               {"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":500}",
                false}}},
    {"GET", "/api/v1/strategies", "strategies", "Strategies and their parameters", bot_strategies,
     "StrategyList", .status = 200},
    {"GET", "/api/v1/bots", "bots", "My bots, newest first", history_list, "BotList",
     .list = list_bots, .status = 200,
     .query = {LIMIT_QUERY, {"cursor", "{\"type\":\"string\"}", false}}},
    {"POST", "/api/v1/bots", "bot_create", "Make a bot; it is stopped at first", bot_create, "Bot",
     .body_schema = "NewBot", .status = 201},
    {"GET", "/api/v1/bots/{id}", "bot", "One bot", bot_get, "Bot", .status = 200},
    {"POST", "/api/v1/bots/{id}/start", "bot_start", "Let it trade", bot_start, "BotState",
     .status = 200},
    {"POST", "/api/v1/bots/{id}/stop", "bot_stop", "Stop it; an open position is sold", bot_stop,
     "BotState", .status = 200},
    {"GET", "/api/v1/bots/{id}/state", "bot_state", "What it does, holds and has earned today",
     bot_state, "BotState", .status = 200},
    {"GET", "/api/v1/bots/{id}/why", "bot_why", "Its last decisions, newest first", bot_why,
     "DecisionList", .status = 200,
     .query = {{"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":50}",
                false}}},
    {"GET", "/api/v1/orders", "orders", "Orders of my bots, newest first", history_list,
     "OrderList", .list = list_orders, .status = 200, .query = PAGE_QUERY},
    {"GET", "/api/v1/fills", "fills", "Fills of my bots' orders, newest first", history_list,
     "FillList", .list = list_fills, .status = 200, .query = PAGE_QUERY},
    {"GET", "/api/v1/trades", "trades", "My closed round trips, newest first", history_list,
     "TradeList", .list = list_trades, .status = 200, .query = PAGE_QUERY},
    {"GET", "/api/v1/positions", "positions", "Open positions of my bots", history_positions,
     "PositionList", .status = 200, .query = PAGE_QUERY},
};

const size_t routes_count = sizeof routes / sizeof *routes;

/* Up to the next '/'. */
static struct slice segment(struct slice *rest)
{
    const char *slash = memchr(rest->data, '/', rest->size);
    const size_t size = slash ? (size_t)(slash - rest->data) : rest->size;
    const struct slice found = {rest->data, size};
    const size_t used = slash ? size + 1 : size;
    *rest = (struct slice){rest->data + used, rest->size - used};
    return found;
}

bool route_match(const char *pattern, struct slice path,
                 char params[CALL_PARAMS_MAX][CALL_PARAM_SIZE])
{
    /* Most rows differ before their first {name}. */
    size_t same = 0;
    while (pattern[same] && pattern[same] != '{' && same < path.size &&
           pattern[same] == path.data[same])
        same++;
    if (!pattern[same]) return same == path.size;
    if (pattern[same] != '{') return false;

    struct slice want = slice_of(pattern);
    unsigned count = 0;
    /* Both must have the same number of slashes, so that an end slash is no part of a match. */
    while (want.size > 0 && path.size > 0) {
        const bool last = !memchr(want.data, '/', want.size);
        if (last != !memchr(path.data, '/', path.size)) return false;
        const struct slice name = segment(&want), value = segment(&path);
        if (name.size > 0 && name.data[0] == '{') {
            CHECK(count < CALL_PARAMS_MAX);
            if (value.size == 0) return false;
            if (url_decode(value, false, params[count++], CALL_PARAM_SIZE) != OK) return false;
        } else if (!slice_equal(name, value)) {
            return false;
        }
    }
    return want.size == 0 && path.size == 0;
}

static bool parse_u64(const char *text, uint64_t *value)
{
    uint64_t sum = 0;
    if (!*text || strlen(text) > 18) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        sum = 10 * sum + (uint64_t)(*text - '0');
    }
    *value = sum;
    return true;
}

bool parse_id(const char *text, uint64_t *id)
{
    return parse_u64(text, id) && *id > 0;
}
