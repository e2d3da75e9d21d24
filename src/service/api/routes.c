/* Every route, in one table. */
#include "service/api/route.h"

#include <string.h>

#include "base/check.h"
#include "io/net/url.h"

#define MARKET "/api/v1/markets/{venue}/{symbol}"
#define AUTH   "/api/v1/auth"
#define LIMIT_QUERY                                                                                \
    {                                                                                              \
        "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":50}", false     \
    }
#define LIST_QUERY                                                                                 \
    {                                                                                              \
        LIMIT_QUERY,                                                                               \
        {                                                                                          \
            "cursor", "{\"type\":\"string\"}", false                                               \
        }                                                                                          \
    }
#define PAGE_QUERY                                                                                 \
    {                                                                                              \
        LIMIT_QUERY, {"cursor", "{\"type\":\"string\"}", false},                                   \
        {                                                                                          \
            "bot_id", "{\"type\":\"integer\",\"minimum\":1}", false                                \
        }                                                                                          \
    }

/* What several handlers refuse with. */
#define DATABASE       PROBLEM_BIT(STORE_UNAVAILABLE)
#define WRONG_PASSWORD (PROBLEM_BIT(INVALID_CREDENTIALS) | PROBLEM_BIT(TOTP_REQUIRED))
#define ABOUT_MARKET                                                                               \
    (PROBLEM_BIT(UNKNOWN_VENUE) | PROBLEM_BIT(UNKNOWN_SYMBOL) | PROBLEM_BIT(MARKET_NOT_READY) |    \
     PROBLEM_BIT(LIMIT_REACHED) | PROBLEM_BIT(VENUE_FAILED))

const struct route routes[] = {
    {"GET", "/", "page", "The live page", ops_page, .content_type = "text/html", .status = 200,
     .access = ACCESS_OPEN, .limit = LIMIT_NONE, .kept = true},
    {"GET", "/app.js", "page_script", "The live page's script", ops_page,
     .content_type = "text/javascript", .status = 200, .access = ACCESS_OPEN, .limit = LIMIT_NONE,
     .kept = true},
    {"GET", "/style.css", "page_style", "The live page's style", ops_page,
     .content_type = "text/css", .status = 200, .access = ACCESS_OPEN, .limit = LIMIT_NONE,
     .kept = true},
    {"GET", "/health", "health", "The process is alive", ops_health, "Health", .status = 200,
     .access = ACCESS_OPEN, .limit = LIMIT_NONE},
    {"GET", "/ready", "ready", "Whether a new order could be handled (503 when not)", ops_ready,
     "Ready", .status = 200, .access = ACCESS_OPEN, .other_status = 503},
    {"GET", "/metrics", "metrics", "Counters for Prometheus", metrics_get,
     .content_type = "text/plain", .status = 200, .access = ACCESS_LOCAL},
    {"GET", "/openapi.json", "openapi", "This document", ops_openapi, "OpenApi", .status = 200,
     .access = ACCESS_LOCAL, .kept = true},
    {"GET", "/docs", "docs", "The manual of this API, for reading", ops_page,
     .content_type = "text/html", .status = 200, .access = ACCESS_LOCAL, .kept = true},
    {"GET", "/docs.js", "docs_script", "The manual's script", ops_page,
     .content_type = "text/javascript", .status = 200, .access = ACCESS_LOCAL, .kept = true},
    {"GET", "/docs.css", "docs_style", "The manual's style", ops_page, .content_type = "text/css",
     .status = 200, .access = ACCESS_LOCAL, .kept = true},
    {"GET", "/api/v1/version", "version", "What runs here", ops_version, "Version", .status = 200,
     .access = ACCESS_READ},
    {"POST", AUTH "/register", "register", "Make an account; the first one is the admin's",
     auth_register, "Registered", .body_schema = "NewAccount", .status = 201,
     .access = ACCESS_ENTRY, .limit = LIMIT_REGISTER,
     .refusals = DATABASE | PROBLEM_BIT(EMAIL_TAKEN) | PROBLEM_BIT(REGISTRATION_CLOSED) |
                 PROBLEM_BIT(SETUP_TOKEN_WANTED) | PROBLEM_BIT(LIMIT_REACHED)},
    {"POST", AUTH "/login", "login", "Begin a session", auth_login, "Session",
     .body_schema = "Login", .status = 200, .access = ACCESS_ENTRY, .limit = LIMIT_LOGIN,
     .refusals = DATABASE | WRONG_PASSWORD},
    {"POST", AUTH "/forgot-password", "forgot_password",
     "Have a link mailed that sets a new password; the answer tells nothing", auth_forgot,
     .body_schema = "ForgotPassword", .status = 204, .access = ACCESS_ENTRY, .limit = LIMIT_FORGOT,
     .refusals = DATABASE | PROBLEM_BIT(MAIL_NOT_CONFIGURED)},
    {"POST", AUTH "/reset-password", "reset_password",
     "Set a new password by the link's token; all sessions and API tokens end", auth_reset,
     .body_schema = "ResetPassword", .status = 204, .access = ACCESS_ENTRY, .limit = LIMIT_FORGOT,
     .refusals = DATABASE},
    {"POST", AUTH "/logout", "logout", "End this session", auth_logout, .status = 204,
     .access = ACCESS_SELF, .refusals = DATABASE},
    {"POST", AUTH "/reauthenticate", "reauthenticate",
     "Give the password again, for what asks for it", auth_reauthenticate,
     .body_schema = "Reauthenticate", .status = 204, .access = ACCESS_SELF, .limit = LIMIT_LOGIN,
     .refusals = DATABASE | WRONG_PASSWORD},
    {"POST", AUTH "/change-password", "change_password",
     "Set another password; all other sessions and API tokens end", auth_change_password,
     .body_schema = "ChangePassword", .status = 204, .access = ACCESS_SELF, .limit = LIMIT_LOGIN,
     .refusals = DATABASE | WRONG_PASSWORD},
    {"GET", AUTH "/me", "me", "Who I am", self_get, "User", .status = 200, .access = ACCESS_SELF},
    {"PATCH", AUTH "/me", "me_change", "Set my language", self_change, "User",
     .body_schema = "MeChange", .status = 200, .access = ACCESS_SELF, .refusals = DATABASE},
    {"GET", AUTH "/sessions", "sessions", "My sessions", self_sessions, "SessionList",
     .status = 200, .access = ACCESS_SELF},
    {"DELETE", AUTH "/sessions/{id}", "session_end", "End one of my sessions", self_end_session,
     .status = 204, .access = ACCESS_SELF, .refusals = DATABASE},
    {"POST", AUTH "/totp", "totp_begin", "Begin a second factor: its secret, for an authenticator",
     self_totp_begin, "TotpSecret", .status = 201, .access = ACCESS_SELF, .fresh = true,
     .refusals = DATABASE | PROBLEM_BIT(TOTP_STATE)},
    {"DELETE", AUTH "/totp", "totp_drop", "Drop the second factor", self_totp_drop, .status = 204,
     .access = ACCESS_SELF, .fresh = true, .refusals = DATABASE | PROBLEM_BIT(TOTP_STATE)},
    {"POST", AUTH "/totp/confirm", "totp_confirm",
     "Turn it on by its first code; answers recovery codes, shown this once", self_totp_confirm,
     "RecoveryCodes", .body_schema = "TotpCode", .status = 200, .access = ACCESS_SELF,
     .limit = LIMIT_LOGIN, .refusals = DATABASE | PROBLEM_BIT(TOTP_STATE)},
    {"GET", AUTH "/tokens", "tokens", "My API tokens", self_tokens, "TokenList", .status = 200,
     .access = ACCESS_SECRETS},
    {"POST", AUTH "/tokens", "token_add", "Make an API token; it is shown this once",
     self_token_add, "NewTokenMade", .body_schema = "NewToken", .status = 201,
     .access = ACCESS_SECRETS, .fresh = true, .refusals = DATABASE | PROBLEM_BIT(TOKENS_FULL)},
    {"DELETE", AUTH "/tokens/{id}", "token_end", "End one of my API tokens", self_token_end,
     .status = 204, .access = ACCESS_SECRETS, .refusals = DATABASE},
    {"GET", "/api/v1/api-keys", "keys", "My keys of exchanges, without their secrets", key_list,
     "KeyList", .status = 200, .access = ACCESS_SECRETS, .refusals = DATABASE},
    {"POST", "/api/v1/api-keys", "key_add",
     "Keep a key of an exchange, once the exchange says that it moves no funds", key_add, "Key",
     .body_schema = "NewKey", .status = 201, .access = ACCESS_SECRETS, .limit = LIMIT_KEYS,
     .fresh = true,
     .refusals = DATABASE | PROBLEM_BIT(KEYS_FULL) | PROBLEM_BIT(INVALID_KEY) |
                 PROBLEM_BIT(WRONG_KEY) | PROBLEM_BIT(WITHDRAWAL_ENABLED) |
                 PROBLEM_BIT(READING_DISABLED) | PROBLEM_BIT(VENUE_FAILED) |
                 PROBLEM_BIT(VENUE_UNCLEAR)},
    {"DELETE", "/api/v1/api-keys/{id}", "key_end", "Forget one of my keys", key_end, .status = 204,
     .access = ACCESS_SECRETS, .limit = LIMIT_KEYS, .refusals = DATABASE},
    {"GET", "/api/v1/balances", "balances",
     "What my paper bots have, by venue and asset; all of them share what is shown",
     history_balances, "BalanceList", .status = 200, .access = ACCESS_READ, .refusals = DATABASE},
    {"GET", "/api/v1/admin/users", "users", "All accounts, oldest first", admin_users, "UserList",
     .status = 200, .access = ACCESS_ADMIN,
     .query = {LIMIT_QUERY, {"cursor", "{\"type\":\"string\"}", false}}},
    {"PATCH", "/api/v1/admin/users/{id}", "user_change",
     "Set somebody's role, or disable them; their sessions and API tokens end", admin_change_user,
     "User", .body_schema = "UserChange", .status = 200, .access = ACCESS_ADMIN, .fresh = true,
     .refusals = DATABASE | PROBLEM_BIT(LAST_ADMIN)},
    {"GET", "/api/v1/admin/audit", "audit", "Who did what, newest first", admin_audit, "AuditList",
     .status = 200, .access = ACCESS_ADMIN,
     .query = {LIMIT_QUERY, {"cursor", "{\"type\":\"string\"}", false}}, .refusals = DATABASE},
    {"GET", "/api/v1/admin/limits", "limits", "Rate limits, and what they count at this moment",
     limits_list, "LimitList", .status = 200, .access = ACCESS_ADMIN, .console = true,
     .query = {LIMIT_QUERY, {"cursor", "{\"type\":\"string\"}", false}}},
    {"DELETE", "/api/v1/admin/limits", "limits_reset", "Forget all that rate limits count",
     limits_forget_all, .status = 204, .access = ACCESS_ADMIN, .console = true,
     .refusals = DATABASE | PROBLEM_BIT(REDIS_UNAVAILABLE)},
    {"DELETE", "/api/v1/admin/limits/{name}/{key}", "limit_reset",
     "Forget what one limit counts of one key", limits_forget, .status = 204,
     .access = ACCESS_ADMIN, .console = true,
     .refusals = DATABASE | PROBLEM_BIT(REDIS_UNAVAILABLE)},
    {"GET", "/api/v1/venues", "venues", "State of every venue's market session", market_venues,
     "VenueList", .status = 200, .access = ACCESS_READ},
    {"GET", "/api/v1/symbols/spot", "symbols", "What a venue trades", market_symbols, "SymbolList",
     .status = 200, .access = ACCESS_READ, .query = {{"venue", "{\"type\":\"string\"}", true}},
     .kept = true, .refusals = ABOUT_MARKET},
    {"GET", MARKET "/book", "book", "The newest order book", market_book, "Book", .status = 200,
     .access = ACCESS_READ,
     .query = {{"levels", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":15}",
                false}},
     .refusals = ABOUT_MARKET},
    {"GET", MARKET "/ticker", "ticker", "Last price, best bid and ask", market_ticker, "Ticker",
     .status = 200, .access = ACCESS_READ, .refusals = ABOUT_MARKET},
    {"GET", MARKET "/trades", "prints", "The market's newest trades, newest first", market_trades,
     "PrintList", .status = 200, .access = ACCESS_READ,
     .query = {{"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":200,\"default\":50}",
                false}},
     .refusals = ABOUT_MARKET},
    {"GET", MARKET "/candles", "candles", "Candles, oldest first", market_candles, "CandleList",
     .status = 200, .access = ACCESS_READ,
     .query = {{"timeframe", "{\"$ref\":\"#/components/schemas/Timeframe\"}", true},
               {"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":500}",
                false}},
     .refusals = ABOUT_MARKET},
    {"GET", "/api/v1/strategies", "strategies", "Strategies and their parameters", bot_strategies,
     "StrategyList", .status = 200, .access = ACCESS_READ},
    {"GET", "/api/v1/bots", "bots", "My bots, newest first", history_list, "BotList",
     .list = list_bots, .status = 200, .access = ACCESS_READ,
     .query = {LIMIT_QUERY, {"cursor", "{\"type\":\"string\"}", false}}, .refusals = DATABASE},
    {"POST", "/api/v1/bots", "bot_create", "Make a bot; it is stopped at first", bot_create, "Bot",
     .body_schema = "NewBot", .status = 201, .access = ACCESS_TRADE, .limit = LIMIT_BOT,
     .refusals = DATABASE | PROBLEM_BIT(BOT_REFUSED) | PROBLEM_BIT(LIMIT_REACHED) |
                 PROBLEM_BIT(MARKET_NOT_READY)},
    {"GET", "/api/v1/bots/{id}", "bot", "One bot", bot_get, "Bot", .status = 200,
     .access = ACCESS_READ, .refusals = DATABASE},
    {"PUT", "/api/v1/bots/{id}", "bot_change",
     "Give it other settings; only while it is stopped, flat and without an open order", bot_change,
     "Bot", .body_schema = "NewBot", .status = 200, .access = ACCESS_TRADE, .limit = LIMIT_BOT,
     .refusals = DATABASE | PROBLEM_BIT(BOT_REFUSED) | PROBLEM_BIT(BOT_NOT_IDLE) |
                 PROBLEM_BIT(LIMIT_REACHED) | PROBLEM_BIT(MARKET_NOT_READY)},
    {"DELETE", "/api/v1/bots/{id}", "bot_delete",
     "Delete it, under the same conditions; its orders, fills and trades stay", bot_remove,
     .status = 204, .access = ACCESS_TRADE, .limit = LIMIT_BOT,
     .refusals = DATABASE | PROBLEM_BIT(BOT_NOT_IDLE) | PROBLEM_BIT(MARKET_NOT_READY)},
    {"POST", "/api/v1/bots/{id}/start", "bot_start", "Let it trade", bot_start, "BotState",
     .status = 200, .access = ACCESS_TRADE, .limit = LIMIT_BOT,
     .refusals = DATABASE | PROBLEM_BIT(MARKET_NOT_READY) | PROBLEM_BIT(BOT_NOT_IDLE)},
    {"POST", "/api/v1/bots/{id}/stop", "bot_stop", "Stop it; an open position is sold", bot_stop,
     "BotState", .status = 200, .access = ACCESS_TRADE, .limit = LIMIT_BOT,
     .refusals = DATABASE | PROBLEM_BIT(MARKET_NOT_READY)},
    {"POST", "/api/v1/bots/{id}/panic", "bot_panic",
     "Stop it at once: entries under way are canceled, what it holds is sold now", bot_panic,
     "BotState", .status = 200, .access = ACCESS_TRADE,
     .refusals = DATABASE | PROBLEM_BIT(MARKET_NOT_READY)},
    {"POST", "/api/v1/kill", "kill",
     "Panic for all my bots; after the answer nothing of theirs that adds risk leaves", bot_kill,
     "Killed", .status = 200, .access = ACCESS_TRADE},
    {"GET", "/api/v1/bots/{id}/orders", "bot_orders", "Its orders, newest first", history_of_bot,
     "OrderList", .list = list_orders, .status = 200, .access = ACCESS_READ, .query = LIST_QUERY,
     .refusals = DATABASE},
    {"GET", "/api/v1/bots/{id}/trades", "bot_trades", "Its closed round trips, newest first",
     history_of_bot, "TradeList", .list = list_trades, .status = 200, .access = ACCESS_READ,
     .query = LIST_QUERY, .refusals = DATABASE},
    {"GET", "/api/v1/bots/{id}/state", "bot_state", "What it does, holds and has earned today",
     bot_state, "BotState", .status = 200, .access = ACCESS_READ, .refusals = DATABASE},
    {"GET", "/api/v1/bots/{id}/why", "bot_why", "Its last decisions, newest first", bot_why,
     "DecisionList", .status = 200, .access = ACCESS_READ,
     .query = {{"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":50}",
                false}},
     .refusals = DATABASE},
    {"GET", "/api/v1/orders", "orders", "Orders of my bots, newest first", history_list,
     "OrderList", .list = list_orders, .status = 200, .access = ACCESS_READ, .query = PAGE_QUERY,
     .refusals = DATABASE},
    {"GET", "/api/v1/fills", "fills", "Fills of my bots' orders, newest first", history_list,
     "FillList", .list = list_fills, .status = 200, .access = ACCESS_READ, .query = PAGE_QUERY,
     .refusals = DATABASE},
    {"GET", "/api/v1/trades", "trades", "My closed round trips, newest first", history_list,
     "TradeList", .list = list_trades, .status = 200, .access = ACCESS_READ, .query = PAGE_QUERY,
     .refusals = DATABASE},
    {"GET", "/api/v1/positions", "positions", "Open positions of my bots", history_positions,
     "PositionList", .status = 200, .access = ACCESS_READ, .query = PAGE_QUERY},
};

const size_t routes_count = sizeof routes / sizeof *routes;

/* What access_check refuses with, by column. */
static uint64_t access_refusals(const struct route *row, bool is_write)
{
    static const uint64_t by_access[] = {
        [ACCESS_ADMIN] = PROBLEM_BIT(SCOPE_TOO_SMALL) | PROBLEM_BIT(ROLE_TOO_LOW),
        [ACCESS_READ] = PROBLEM_BIT(SCOPE_TOO_SMALL),
        [ACCESS_LOCAL] = PROBLEM_BIT(SCOPE_TOO_SMALL),
        [ACCESS_TRADE] = PROBLEM_BIT(SCOPE_TOO_SMALL) | PROBLEM_BIT(ROLE_TOO_LOW),
        [ACCESS_SELF] = PROBLEM_BIT(SCOPE_TOO_SMALL),
        [ACCESS_SECRETS] = PROBLEM_BIT(SCOPE_TOO_SMALL) | PROBLEM_BIT(ROLE_TOO_LOW),
    };
    if (row->access == ACCESS_OPEN || row->access == ACCESS_ENTRY) return 0;
    return by_access[row->access] | PROBLEM_BIT(UNAUTHENTICATED) | PROBLEM_BIT(NOT_LOCAL) |
           (row->fresh ? PROBLEM_BIT(REAUTHENTICATE) : 0) |
           (is_write ? PROBLEM_BIT(FOREIGN_ORIGIN) : 0);
}

uint64_t route_refusals(const struct route *row)
{
    const bool is_write = strcmp(row->method, "GET") != 0;
    const uint64_t body = PROBLEM_BIT(NOT_JSON) | PROBLEM_BIT(TOO_DEEP) |
                          PROBLEM_BIT(INVALID_FIELDS) | PROBLEM_BIT(UNSUPPORTED_MEDIA_TYPE) |
                          PROBLEM_BIT(BODY_TOO_LARGE);
    return row->refusals | access_refusals(row, is_write) | (is_write ? body : 0) |
           PROBLEM_BIT(BAD_REQUEST) | PROBLEM_BIT(BUSY) | PROBLEM_BIT(STOPPING) |
           (row->access != ACCESS_OPEN ? PROBLEM_BIT(INVALID_QUERY) : 0) |
           (row->query[0].name ? PROBLEM_BIT(INVALID_FIELDS) : 0) |
           (row->limit != LIMIT_NONE ? PROBLEM_BIT(RATE_LIMITED) : 0) |
           (strchr(row->pattern, '{') ? PROBLEM_BIT(NOT_FOUND) : 0);
}

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
