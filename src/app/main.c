/* tradebot: finds the subcommand and hands over. */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "app/nearest.h"
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
    {"user", cmd_user, "accounts: add, list, set passwords and roles, keep out"},
    {"audit", cmd_audit, "the log of who did what: read it, prove it whole"},
    {"key", cmd_key, "change the master key that seals secrets"},
    {"smoke", cmd_smoke, "try a running server from end to end"},
    {"rl", cmd_rl, "what rate limits count: list it, forget it"},
    {"doctor", cmd_doctor, "look for what is wrong, and say the cure"},
    {"migrate", cmd_migrate, "bring the database to this version"},
    {"backup", cmd_backup, "write the whole database to a file"},
    {"restore", cmd_restore, "put a backup in the place of the database"},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_commands(FILE *out)
{
    fprintf(out, "usage: tradebot COMMAND [flags]\n\n");
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    fprintf(
        out,
        "\n  --version    print the version\n  --help       this list; help COMMAND, or COMMAND "
        "--help, tells its flags\n");
}

static int run(const char *name, int argc, char **argv)
{
    struct nearest nearest;
    nearest_init(&nearest, name);
    nearest_try(&nearest, "--version");
    nearest_try(&nearest, "--help");
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) == 0) return commands[i].run(argc, argv);
        nearest_try(&nearest, commands[i].name);
    }
    fprintf(stderr, "tradebot: there is no command '%.100s'", name);
    fprintf(stderr, nearest.name ? "; did you mean %s?\n\n" : "\n\n", nearest.name);
    print_commands(stderr);
    return EXIT_USAGE;
}

/* "tradebot help COMMAND" is "tradebot COMMAND --help". */
static int help(int argc, char **argv)
{
    static char flag[] = "--help";
    if (argc > 2) {
        fprintf(stderr, "tradebot: help is for one command, as in 'tradebot help %.100s'\n",
                argv[1]);
        return EXIT_USAGE;
    }
    if (argc == 2) return run(argv[1], 2, (char *[]){argv[1], flag, NULL});
    print_commands(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (*name == '\0') {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("tradebot %s\n", TRADEBOT_VERSION);
        return 0;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0) return help(argc - 1, argv + 1);
    return run(name, argc - 1, argv + 1);
}
