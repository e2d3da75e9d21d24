/* Flags of a subcommand: one table gives the parser and the --help.
 *
 * Flags are --name VALUE or --name=VALUE; --help is there by itself. What is not in the table is
 * refused with a message that lists what is, and so is a flag given more often than its row says,
 * because of two values one would be lost. Operands are refused unless the command names one.
 *
 * A process has one command line, and this reads it once: it keeps its place in globals, as getopt
 * does. */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include <stdbool.h>

enum { EXIT_USAGE = 2, OPTIONS_FLAGS_MAX = 32, OPTIONS_LIST_MAX = 64 };

struct flag {
    const char *name;  /* without dashes */
    const char *value; /* how the help calls its value; NULL when it takes none */
    const char *help;
    unsigned times; /* how often it may be given, at most OPTIONS_LIST_MAX; 0: once */
};

struct options {
    const char *command;
    const char *summary;      /* what the command does, for --help */
    void (*print_more)(void); /* further text for --help; NULL for none */
    const char *operand;      /* how the help calls its operand; NULL when it takes none */
    const struct flag *flags;
    unsigned flag_count;
};

/* What a command line said; the texts are argv's. */
struct arguments {
    /* Of each flag: NULL when it was not given, "" of a flag without a value. */
    const char *values[OPTIONS_FLAGS_MAX];
    /* Of the flag that may be given again (a table has one at most): each of its values. */
    const char *list[OPTIONS_LIST_MAX];
    unsigned list_count;
    const char *operand; /* NULL when there was none */
};

/* Reads a whole command line. False: the process ends with *status, 0 after --help, which was
 * printed to standard output, or EXIT_USAGE after an error, which was printed to standard error. */
bool options_read(const struct options *o, int argc, char **argv, struct arguments *out,
                  int *status);

enum { OPTIONS_END = -1, OPTIONS_HELP = -2, OPTIONS_WRONG = -3, OPTIONS_OPERAND = -4 };

/* The next flag's index in the table, with its value, or one of the above; an operand is a value
 * too. HELP was printed to standard output, WRONG to standard error. */
int options_next(const struct options *o, int argc, char **argv, const char **value);

/* "tradebot COMMAND: text" to standard error; returns EXIT_USAGE. */
int options_usage(const struct options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for work that failed, with err_text(); returns 1. */
int options_failed(const struct options *o);

#endif
