/* tradebot backtest: a strategy over a file of candles or a recording, and what came of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/options.h"
#include "app/output.h"
#include "service/research/candle_source.h"
#include "service/research/report.h"
#include "service/research/settings.h"

enum { SETTINGS_MAX = 64, PROGRESS_CANDLES = 1 << 16, PROGRESS_WIDTH = 40 };

enum {
    FLAG_DATA,
    FLAG_SYMBOL,
    FLAG_TIMEFRAME,
    FLAG_STRATEGY,
    FLAG_SET,
    FLAG_FEES,
    FLAG_CAPITAL,
    FLAG_JSON,
    FLAG_TRADES,
};

static const struct flag flags[] = {
    [FLAG_DATA] = {"data", "FILE", "candles as CSV, or recorded frames (.jsonl)"},
    [FLAG_SYMBOL] = {"symbol", "SYMBOL", "which of a recording's symbols"},
    [FLAG_TIMEFRAME] = {"timeframe", "TIME", "candles to make of a recording (1s)"},
    [FLAG_STRATEGY] = {"strategy", "NAME", "which strategy"},
    [FLAG_SET] = {"set", "KEY=VALUE", "a parameter or rule; may be given again"},
    [FLAG_FEES] = {"fees", "MAKER,TAKER", "in percent (0.1,0.1)"},
    [FLAG_CAPITAL] = {"capital", "AMOUNT", "to begin with, in quote (10000)"},
    [FLAG_JSON] = {"json", NULL, "print the figures as one JSON object"},
    [FLAG_TRADES] = {"trades", "OUT.csv", "write the closed trades there"},
};

static void print_more(void)
{
    struct buffer text = {0};
    buffer_append_text(
        &text,
        "\nCSV has a header that names its columns, or is a Binance archive. A recording has one\n"
        "frame a line; its candles are made of its trade frames, or of aggTrade frames where\n"
        "there are no others, and the last one, which may be unfinished, is left out.\n"
        "\nRules for --set, beside the strategy's own parameters:\n"
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

struct request {
    struct candle_source source;
    const char *strategy, *fees, *capital, *trades;
    const char *settings[SETTINGS_MAX];
    unsigned setting_count;
    bool json;
};

/* OPTIONS_END when all is read; else what options_next said. */
static int read_flags(int argc, char **argv, struct request *r)
{
    const char *value;
    int flag;
    while ((flag = options_next(&options, argc, argv, &value)) >= 0) {
        switch (flag) {
        case FLAG_DATA: r->source.path = value; break;
        case FLAG_SYMBOL: r->source.symbol = value; break;
        case FLAG_TIMEFRAME: r->source.timeframe = value; break;
        case FLAG_STRATEGY: r->strategy = value; break;
        case FLAG_FEES: r->fees = value; break;
        case FLAG_CAPITAL: r->capital = value; break;
        case FLAG_TRADES: r->trades = value; break;
        case FLAG_JSON: r->json = true; break;
        case FLAG_SET:
            if (r->setting_count == SETTINGS_MAX) {
                options_usage(&options, "--set may be given %d times", SETTINGS_MAX);
                return OPTIONS_WRONG;
            }
            r->settings[r->setting_count++] = value;
            break;
        }
    }
    return flag;
}

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

static enum err configure(const struct request *r, struct backtest_config *c)
{
    enum strategy_kind strategy;
    enum err err = find_strategy(r->strategy, &strategy);
    if (err) return err;
    backtest_config_init(c, (uint8_t)strategy);
    if (r->fees) err = settings_fees(c, r->fees);
    if (!err && r->capital) err = settings_capital(c, r->capital);
    for (unsigned i = 0; !err && i < r->setting_count; i++) err = settings_apply(c, r->settings[i]);
    return err ? err : settings_check(c);
}

static void show_progress(size_t done, size_t all)
{
    static const char full[] = "########################################";
    const int width = (int)(PROGRESS_WIDTH * done / all);
    fprintf(stderr, "\r[%-*.*s] %3d %%", PROGRESS_WIDTH, width, full, (int)(100 * done / all));
    if (done == all) fprintf(stderr, "\r\033[K");
}

static enum err advance_all(struct backtest *b, const struct candle_file *file)
{
    const bool show = isatty(STDERR_FILENO);
    bool done = false;
    for (size_t at = PROGRESS_CANDLES; !done; at += PROGRESS_CANDLES) {
        const enum err err = backtest_advance(b, PROGRESS_CANDLES, &done);
        if (err) return err;
        if (show) show_progress(done ? file->count : at, file->count);
    }
    return OK;
}

static enum err write_results(const struct request *r, const struct backtest *b)
{
    struct backtest_result result;
    struct buffer text = {0}, trades = {.limit = (size_t)1 << 32};
    enum err err = OK;
    backtest_view(b, &result);
    if (r->trades) {
        report_write_trades(&result, &trades);
        err = output_write_file(r->trades, &trades);
    }
    if (!err) {
        (r->json ? report_write_json : report_write_text)(&result, &text);
        err = output_print(&text);
    }
    buffer_deinit(&text);
    buffer_deinit(&trades);
    return err;
}

static enum err run(const struct request *r, struct backtest_config *config,
                    const struct candle_file *file)
{
    struct backtest *b;
    if (config->symbol[0] == '\0')
        symbol_of(r->source.path, (enum timeframe)file->timeframe, config->symbol);
    enum err err = backtest_new(config, file, &b);
    if (err) return err;
    err = advance_all(b, file);
    if (!err) err = write_results(r, b);
    backtest_free(b);
    return err;
}

int cmd_backtest(int argc, char **argv)
{
    struct request request = {0};
    struct backtest_config config;
    struct candle_file file;
    const int end = read_flags(argc, argv, &request);
    if (end != OPTIONS_END) return end == OPTIONS_HELP ? 0 : EXIT_USAGE;
    if (!request.source.path) return options_usage(&options, "--data FILE is needed");
    if (!request.strategy) return options_usage(&options, "--strategy NAME is needed");
    if (configure(&request, &config)) return options_usage(&options, "%s", err_text());

    /* A file that does not hold candles is a wrong argument, as an unknown strategy is. */
    if (candle_source_read(&request.source, &file, config.symbol))
        return options_usage(&options, "%s", err_text());
    const enum err err = run(&request, &config, &file);
    candle_file_free(&file);
    return err ? options_failed(&options) : 0;
}
