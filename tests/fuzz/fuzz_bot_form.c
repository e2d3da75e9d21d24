/* Hostile bodies of POST /bots: raw bytes, and a good body with bytes replaced. What is taken must
 * be a bot that the engine and the store can keep. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "service/api/bot_form.h"
#include "service/api/strategy_params.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char good[] =
    "{\"name\":\"btc trend\",\"venue\":\"sim\",\"symbols\":[\"BTCUSDT\"],\"market\":\"spot\","
    "\"mode\":\"paper\",\"strategy\":\"ema_rsi\",\"params\":{\"ema_fast\":8,\"rule\":\"cross\"},"
    "\"timeframe\":\"1m\",\"capital\":\"10000\",\"sizing\":{\"kind\":\"percent\",\"value\":\"10\"},"
    "\"risk\":{\"stop_loss_pct\":\"0.5\",\"max_daily_trades\":20,\"cooldown_s\":0},"
    "\"leverage\":1,\"margin\":\"isolated\"}";

static void must(bool condition)
{
    if (!condition) abort();
}

static void check_bot(const struct store_bot *bot)
{
    double params[STRATEGY_PARAMS_MAX];
    struct param_fault fault;
    enum strategy_kind kind;
    must(bot->capital.units > 0 && bot->sizing_value > 0);
    must(bot->symbol_count == 1 && strcmp(bot->symbols[0], "BTCUSDT") == 0);
    must(bot->name[0] && memchr(bot->name, 0, sizeof bot->name));
    must(bot->mode == MODE_PAPER && bot->timeframe < TIMEFRAME_COUNT);
    must(bot->risk.stop_loss_ppm >= 0 && bot->risk.stop_loss_ppm <= 500000);
    must(bot->risk.trailing_ppm >= 0 && bot->risk.trailing_ppm <= 500000);
    must(bot->sizing_kind < SIZING_KIND_COUNT);
    must(bot->sizing_kind < SIZING_PERCENT || bot->sizing_value <= PPM);
    must(strategy_find(bot->strategy, &kind));
    must(strategy_params_parse(kind, bot->params, params, &fault) == OK);
}

static void feed(struct slice body)
{
    static struct bot_form form;
    const struct instrument btc = {.symbol = "BTCUSDT",
                                   .base = "BTC",
                                   .quote = "USDT",
                                   .price_scale = 2,
                                   .qty_scale = 5,
                                   .base_scale = 8,
                                   .quote_scale = 8};
    if (bot_form_read(&form, body, false, LANGUAGE_TURKISH) != PROBLEM_COUNT) return;
    must(form.faults.count <= FAULTS_MAX);
    if (form.venue_is_known && form.symbols_are_known) bot_form_fit(&form, &btc, 1);
    if (form.faults.count == 0) check_bot(&form.bot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char body[sizeof good];
    memcpy(body, good, sizeof good);
    feed((struct slice){(const char *)data, size});
    for (size_t i = 0; i + 2 < size && i < 24; i += 3) {
        const size_t at = ((size_t)data[i] << 8 | data[i + 1]) % (sizeof good - 1);
        body[at] = (char)data[i + 2];
        feed((struct slice){body, sizeof good - 1});
    }
    return 0;
}
