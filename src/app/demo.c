/* The demo's account and bots, made by way of the desks like anybody's. */
#include "app/demo.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/store/store_read.h"

#define DEMO_EMAIL "demo@tradebot.local"

enum { DEMO_BOTS = 3, DEMO_PASSWORD_LENGTH = 20 /* of base64url: 120 bits */ };

/* Candles of a second, so that there is something to see at once, and little money a trade: each
 * pays its fees, and a rule that trades this often on a random walk loses about them. */
static const struct {
    const char *name, *symbol, *strategy, *params;
} demos[DEMO_BOTS] = {
    {"BTC trend", "BTCUSDT", "ema_cross", "{\"ema_fast\":3,\"ema_slow\":8}"},
    {"ETH reversal", "ETHUSDT", "rsi",
     "{\"rsi_period\":7,\"rsi_oversold\":35,\"rsi_overbought\":65}"},
    {"SOL trend with RSI", "SOLUSDT", "ema_rsi",
     "{\"ema_fast\":8,\"ema_slow\":21,\"rsi_period\":7,\"rsi_overbought\":80,\"rsi_oversold\":20,"
     "\"rule\":\"state\"}"},
};

/* The answers outlive demo_start. */
static struct {
    struct desk desk;
    unsigned left; /* things that are neither there nor failed */
    char password[DEMO_PASSWORD_LENGTH + 1];
    void (*on_done)(void *user);
    void *user;
} demo;

static void settle_one(void)
{
    if (--demo.left == 0) demo.on_done(demo.user);
}

static void on_started(void *user, const struct desk_answer *answer)
{
    (void)user;
    if (answer->err != OK) log_warn("demo_bot_not_started", "cause=%s", answer->text);
    settle_one();
}

static void on_created(void *user, const struct desk_answer *answer)
{
    (void)user;
    if (answer->err != OK) {
        log_warn("demo_bot_not_made", "cause=%s", answer->text);
        settle_one();
        return;
    }
    const struct desk_request start = {.kind = DESK_BOT_START,
                                       .venue = VENUE_SIM,
                                       .user_id = STORE_FIRST_USER,
                                       .bot_id = answer->bot_id,
                                       .on_answer = on_started};
    if (demo.desk.ask(demo.desk.self, &start)) return;
    log_warn("demo_bot_not_started", "cause=busy");
    settle_one();
}

static void on_bot(void *user, const struct store_bot *bot)
{
    (void)bot;
    *(bool *)user = true;
}

static bool has_bots(const char *store_path)
{
    bool found = false;
    struct store_reader *reader;
    const struct store_page page = {.user_id = STORE_FIRST_USER, .limit = 1};
    enum err err = store_reader_open(store_path, &reader);
    if (!err) {
        err = store_read_bots(reader, &page, on_bot, &found);
        store_reader_close(reader);
    }
    if (err) log_warn("demo_failed", "cause=%s", err_text());
    return found || err;
}

static void make_bot(unsigned i)
{
    struct desk_request create = {
        .kind = DESK_BOT_CREATE,
        .venue = VENUE_SIM,
        .user_id = STORE_FIRST_USER,
        .on_answer = on_created,
    };
    struct store_bot *bot = &create.bot;
    *bot = (struct store_bot){
        .user_id = STORE_FIRST_USER,
        .venue = VENUE_SIM,
        .mode = MODE_PAPER,
        .symbol_count = 1,
        .timeframe = TIMEFRAME_1S,
        .quote_scale = 8,
        .capital = {INT64_C(1000000000000)}, /* 10,000 USDT */
        .sizing_kind = SIZING_PERCENT,
        .sizing_scale = 6,
        .sizing_value = PPM / 50,
        .risk = {.stop_loss_ppm = 5000, .take_profit_ppm = 15000, .trailing_ppm = 3000},
        .running = false,
    };
    snprintf(bot->name, sizeof bot->name, "%s", demos[i].name);
    snprintf(bot->strategy, sizeof bot->strategy, "%s", demos[i].strategy);
    snprintf(bot->params, sizeof bot->params, "%s", demos[i].params);
    snprintf(bot->symbols[0], sizeof bot->symbols[0], "%s", demos[i].symbol);
    if (demo.desk.ask(demo.desk.self, &create)) return;
    log_warn("demo_bot_not_made", "cause=busy");
    settle_one();
}

static void on_registered(void *user, const struct account_answer *answer)
{
    (void)user;
    if (answer->outcome == ACCOUNT_OK) {
        printf("demo login: " DEMO_EMAIL " %s\n", demo.password);
        fflush(stdout);
    } else {
        log_warn("demo_account_not_made", "outcome=%d", (int)answer->outcome);
    }
    explicit_bzero(demo.password, sizeof demo.password);
    settle_one();
}

/* The letters that say what a token is for are no part of the password. */
static void make_account(struct account_desk *account_desk)
{
    char token[TOKEN_TEXT_SIZE];
    struct token_hash hash;
    token_new(TOKEN_SETUP, token, &hash);
    memcpy(demo.password, token + 4, DEMO_PASSWORD_LENGTH);
    explicit_bzero(token, sizeof token);
    const struct account_request request = {
        .origin = {.now_ms = clock_wall_ms(&clock_system), .is_local = true},
        .email = SLICE(DEMO_EMAIL),
        .password = slice_of(demo.password),
        .done = on_registered,
    };
    account_register(account_desk, &request);
}

void demo_start(struct desk desk, struct accounts *accounts, struct account_desk *account_desk,
                const char *store_path, void (*on_done)(void *user), void *user)
{
    const bool is_claimed = directory_is_claimed(accounts->directory);
    const unsigned bots = has_bots(store_path) ? 0 : DEMO_BOTS;
    demo.desk = desk;
    demo.left = bots + (is_claimed ? 0 : 1) + 1;
    demo.on_done = on_done;
    demo.user = user;
    if (!is_claimed) make_account(account_desk);
    for (unsigned i = 0; i < bots; i++) make_bot(i);
    settle_one(); /* that all was asked for */
}
