/* tradebot backtest: a strategy over a file of candles or a recording, and what came of it. */
#include <stdio.h>
#include <string.h>

#include "app/candle_flags.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/progress.h"
#include "service/research/report.h"
#include "service/research/settings.h"

enum { PROGRESS_CANDLES = 1 << 16 };

enum {
    FLAG_STRATEGY = CANDLE_FLAGS,
    FLAG_SET,
    FLAG_FEES,
    FLAG_CAPITAL,
    FLAG_JSON,
    FLAG_TRADES,
};

static const struct flag flags[] = {
    CANDLE_FLAG_ROWS,
    [FLAG_STRATEGY] = {"strategy", "NAME", "which strategy"},
    [FLAG_SET] = {"set", "KEY=VALUE", "a parameter or rule; may be given again", OPTIONS_LIST_MAX},
    [FLAG_FEES] = {"fees", "MAKER,TAKER", "in percent (0.1,0.1)"},
    [FLAG_CAPITAL] = {"capital", "AMOUNT", "to begin with, in quote (10000)"},
    [FLAG_JSON] = {"json", NULL, "print the figures as one JSON object"},
    [FLAG_TRADES] = {"trades", "OUT.csv", "write the closed trades there"},
};

static void print_more(void)
{
    struct buffer text = {0};
    buffer_append_text(&text, candle_flags_help);
    buffer_append_text(&text, "\nRules for --set, beside the strategy's own parameters:\n"
                              "    stop_loss_pct=0.5 take_profit_pct=1.5 trailing_pct=0.3\n"
                              "    max_daily_loss_pct=0 daily_target_pct=0 max_daily_trades=0\n"
                              "    cooldown_s=0 slippage_ticks=1\n"
                              "    sizing=percent:100 (or quantity:0.1, quote:100, risk:1)\n\n"
                              "Strategies:\n");
    for (unsigned i = 0; i < STRATEGY_COUNT; i++) settings_describe((uint8_t)i, &text);
    fwrite(text.data, 1, text.size, stdout);
    buffer_deinit(&text);
}

static const struct options options = {
    .command = "backtest",
    .summary = "Runs a strategy over candles or a recording with the same engine that trades live.",
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .print_more = print_more,
};

static enum err find_strategy(const char *name, enum strategy_kind *out)
{
    char names[128] = "";
    size_t size = 0;
    if (strategy_find(name, out)) return OK;
    for (unsigned i = 0; i < STRATEGY_COUNT; i++)
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", i ? ", " : "",
                                 strategy_type((enum strategy_kind)i)->name);
    return err_set(ERR_INVALID, "there is no strategy '%.60s'; there are %s", name, names);
}

/* "BTCUSDT" of "data/BTCUSDT-1h-2022.csv": the file's name up to its timeframe or its ending. */
static void symbol_of(const char *path, enum timeframe timeframe, char out[SYMBOL_SIZE])
{
    char mark[8];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    snprintf(mark, sizeof mark, "-%s", timeframe_name(timeframe));
    const char *end = strstr(name, mark);
    size_t size = end ? (size_t)(end - name) : strcspn(name, ".");
    if (size >= SYMBOL_SIZE) size = SYMBOL_SIZE - 1;
    for (size_t i = 0; i < size; i++) {
        const char c = name[i];
        const bool plain =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
        out[i] = plain ? c : '_';
    }
    out[size] = '\0';
}

static enum err configure(const struct arguments *a, struct backtest_config *c)
{
    enum strategy_kind strategy;
    enum err err = find_strategy(a->values[FLAG_STRATEGY], &strategy);
    if (err) return err;
    backtest_config_init(c, (uint8_t)strategy);
    const char *fees = a->values[FLAG_FEES], *capital = a->values[FLAG_CAPITAL];
    if (fees) err = settings_fees(c, fees);
    if (!err && capital) err = settings_capital(c, capital);
    for (unsigned i = 0; !err && i < a->list_count; i++) err = settings_apply(c, a->list[i]);
    return err ? err : settings_check(c);
}

static enum err advance_all(struct backtest *b, const struct candle_file *file)
{
    bool done = false;
    for (size_t at = PROGRESS_CANDLES; !done; at += PROGRESS_CANDLES) {
        const enum err err = backtest_advance(b, PROGRESS_CANDLES, &done);
        if (err) return err;
        progress_show(done ? file->count : at, file->count);
    }
    return OK;
}

static enum err write_results(const struct arguments *a, const struct backtest *b)
{
    struct backtest_result result;
    struct buffer text = {0}, trades = {.limit = (size_t)1 << 32};
    enum err err = OK;
    backtest_view(b, &result);
    if (a->values[FLAG_TRADES]) {
        report_write_trades(&result, &trades);
        err = output_write_file(a->values[FLAG_TRADES], &trades);
    }
    if (!err) {
        (a->values[FLAG_JSON] ? report_write_json : report_write_text)(&result, &text);
        err = output_print(&text);
    }
    buffer_deinit(&text);
    buffer_deinit(&trades);
    return err;
}

static enum err run(const struct arguments *a, struct backtest_config *config,
                    const struct candle_file *file)
{
    struct backtest *b;
    if (config->symbol[0] == '\0')
        symbol_of(a->values[FLAG_DATA], (enum timeframe)file->timeframe, config->symbol);
    enum err err = backtest_new(config, file, &b);
    if (err) return err;
    err = advance_all(b, file);
    if (!err) err = write_results(a, b);
    backtest_free(b);
    return err;
}

int cmd_backtest(int argc, char **argv)
{
    struct arguments arguments;
    struct backtest_config config;
    struct candle_file file;
    int status;
    if (!options_read(&options, argc, argv, &arguments, &status)) return status;
    const struct candle_source source = candle_flags_source(&arguments);
    if (!source.path) return options_usage(&options, "--data FILE is needed");
    if (!arguments.values[FLAG_STRATEGY])
        return options_usage(&options, "--strategy NAME is needed");
    if (configure(&arguments, &config)) return options_usage(&options, "%s", err_text());

    /* A file that does not hold candles is a wrong argument, as an unknown strategy is. */
    if (candle_source_read(&source, &file, config.symbol))
        return options_usage(&options, "%s", err_text());
    const enum err err = run(&arguments, &config, &file);
    candle_file_free(&file);
    return err ? options_failed(&options) : 0;
}
