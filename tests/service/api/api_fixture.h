/* The API over a real store and real HTTP, with a desk that answers by itself and an account desk
 * whose changes are made on the loop. */
#ifndef TESTS_SERVICE_API_API_FIXTURE_H
#define TESTS_SERVICE_API_API_FIXTURE_H

#include <jansson.h>

#include "io/net/net_fixture.h"
#include "io/store/fixture.h"
#include "service/api/api.h"
#include "service/api/limits.h"
#include "service/api/route.h"

enum {
    DESK_QUEUE = 64,
    CHANGES_MAX = 16,
    DESK_BTC = 0,
    DESK_ETH = 1,
    DESK_TRY = 2,
    DESK_SLOW = 3,
    DESK_SYMBOLS_COUNT
};

struct world {
    struct fixture files;
    uv_loop_t loop;
    uv_idle_t desk_idle;
    struct store *store;
    struct api *api;
    uint16_t port;

    /* The desk: answers the oldest request each time the loop turns. */
    struct desk_request queue[DESK_QUEUE];
    unsigned queued;
    bool desk_full;                   /* refuses every request */
    bool desk_silent;                 /* keeps requests and never answers */
    enum err desk_err;                /* what it answers instead of OK */
    unsigned asked[DESK_SYMBOLS + 1]; /* by kind */
    struct store_bot last_bot;
    uint64_t bot_user; /* whose bots are published */

    /* Accounts: a change is made when the loop turns, as a store thread's answer would come. */
    struct accounts accounts;
    struct account_desk *account_desk;
    uv_async_t account_wake;
    struct account_change *changes[CHANGES_MAX];
    unsigned change_count;
    bool account_silent; /* keeps changes and never makes them */
    enum err change_err; /* what a change comes to instead of being made */
    char mailed[TOKEN_TEXT_SIZE];
    enum account_outcome probe_outcome; /* what a venue says of a key */
    unsigned probes;

    char console[TOKEN_TEXT_SIZE]; /* its token */
    struct token_hash console_hash;

    struct guard_limits *limits;
    struct guard *guard;
    struct trusted_proxies proxies;
};

/* What came back. */
struct answer {
    int status;
    char *text; /* head and body */
    char *body;
    json_t *json; /* NULL where the body is none */
};

struct world_options {
    bool live_enabled;
    enum language language;
    uint32_t book_wait_ms, account_wait_ms, read_wait_ms;
    enum registration registration;
    bool has_mail;
    struct limit_rule limits[LIMIT_CLASS_COUNT]; /* {0}: far away */
    const char *proxies;                         /* NULL: nobody */
};

struct world *world_open(struct world_options options);
void world_close(struct world *w);

/* One request on a connection of its own. headers: whole lines, "" for Host alone; where they bring
 * their own Host, none is added. body NULL: none. */
struct answer ask(struct world *w, const char *method, const char *target, const char *headers,
                  const char *body);
struct answer get(struct world *w, const char *target);
struct answer post(struct world *w, const char *target, const char *body);
void answer_free(struct answer *a);
/* The value of a header line, without its end; "" when it is absent. Good until the next call. */
const char *answer_header(const struct answer *a, const char *name);
/* The text under a path such as "errors.0.field"; NULL when there is none. */
const char *answer_text(const struct answer *a, const char *path);
const json_t *answer_at(const struct answer *a, const char *path);

/* For run_until: the account desk of that world has answered all. */
bool has_no_calls(const void *world);

/* As the trade thread would publish. */
void publish_instrument(struct world *w, unsigned symbol);
void publish_book(struct world *w, unsigned symbol);
void publish_print(struct world *w, unsigned symbol, uint64_t id, int64_t price);
void publish_bot(struct world *w, uint64_t bot_id, enum bot_state state);
void publish_leg(struct world *w, uint64_t bot_id, unsigned symbol, bool open);
void publish_decision(struct world *w, uint64_t bot_id, uint64_t number);
void publish_status(struct world *w, enum venue_state state);
void publish_alarm(struct world *w, const char *store, const char *orders);
struct instrument desk_instrument(unsigned symbol);

/* A body of POST /bots that is right in everything. */
#define BOT                                                                                        \
    "{\"name\":\"btc trend\",\"venue\":\"sim\",\"symbols\":[\"BTCUSDT\"],\"market\":\"spot\","     \
    "\"mode\":\"paper\",\"api_key_id\":null,\"strategy\":\"ema_rsi\",\"params\":{\"ema_fast\":8,"  \
    "\"ema_slow\":21,\"rsi_period\":7,\"rsi_oversold\":35,\"rsi_overbought\":65,"                  \
    "\"rule\":\"cross\"},\"timeframe\":\"1m\",\"capital\":\"10000\","                              \
    "\"sizing\":{\"kind\":\"percent\",\"value\":\"10\"},\"risk\":{\"stop_loss_pct\":\"0.5\","      \
    "\"take_profit_pct\":\"1.5\",\"trailing_pct\":\"0.3\",\"max_daily_loss_pct\":\"5\","           \
    "\"daily_target_pct\":null,\"max_daily_trades\":20,\"cooldown_s\":0},\"leverage\":1,"          \
    "\"margin\":\"isolated\"}"

struct world *open_english(void);
/* Puts a user into the database without the work of a password hash, the first one as the owner of
 * the installation, with a session; its id and token. */
uint64_t add_user(struct world *w, const char *email, enum role role, char token[TOKEN_TEXT_SIZE]);
uint64_t add_api_token(struct world *w, uint64_t user_id, uint32_t scopes,
                       char token[TOKEN_TEXT_SIZE]);
/* With Authorization: Bearer; token "": nobody. */
struct answer ask_as(struct world *w, const char *token, const char *method, const char *target,
                     const char *body);
/* The path of a route with those in the places of its {names}. */
void fill_pattern(const char *pattern, const char *id, char *out, size_t size);
void assert_status(const struct answer *a, int status);
/* A whole problem: status, code, the words, the request's id in both places. */
void assert_problem(const struct answer *a, int status, const char *code);
void expect_problem(struct world *w, const char *target, int status, const char *code);
uint64_t create_bot(struct world *w);

#endif
