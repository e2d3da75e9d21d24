/* Flags of a subcommand: one table gives the parser and the --help.
 *
 * Flags are --name VALUE or --name=VALUE; --help is there by itself. What is not in the table is
 * refused with a message that lists what is. Operands are refused unless the command names them. */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

enum { EXIT_USAGE = 2, OPTIONS_FLAGS_MAX = 32 };

struct flag {
    const char *name;  /* without dashes */
    const char *value; /* how the help calls its value; NULL when it takes none */
    const char *help;
};

struct options {
    const char *command;
    const char *summary;      /* what the command does, for --help */
    void (*print_more)(void); /* further text for --help; NULL for none */
    const char *operand;      /* how the help calls its operands; NULL when it takes none */
    const struct flag *flags;
    unsigned flag_count;
};

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
