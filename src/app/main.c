/* tradebot: finds the subcommand and hands over. */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/options.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"serve", cmd_serve, "the server: market data, bots, orders, page and API"},
    {"backtest", cmd_backtest, "run a strategy over a file of candles"},
    {"indicators", cmd_indicators, "print indicator columns beside candles"},
    {"replay", cmd_replay, "step through a journal and check its decisions"},
    {"sim", cmd_sim, "run the simulated exchange alone"},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_commands(FILE *out)
{
    fprintf(out, "usage: tradebot COMMAND [flags]\n\n");
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n  --version    print the version\n  --help       this list; every command has "
                 "its own\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0) {
        printf("tradebot %s\n", TRADEBOT_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0) {
        print_commands(stdout);
        return 0;
    }
    if (*name) fprintf(stderr, "tradebot: there is no command '%.100s'\n", name);
    print_commands(stderr);
    return EXIT_USAGE;
}
