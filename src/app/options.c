/* getopt_long over the table. */
#include "app/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"

/* getopt's answers: table indices start above all characters. */
enum { FIRST_FLAG = 256, HELP_FLAG = FIRST_FLAG + OPTIONS_FLAGS_MAX };

static void print_help(const struct options *o)
{
    printf("usage: tradebot %s [flags]%s%s\n\n%s\n\n", o->command, o->operand ? " " : "",
           o->operand ? o->operand : "", o->summary);
    for (unsigned i = 0; i < o->flag_count; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s %s", o->flags[i].name,
                 o->flags[i].value ? o->flags[i].value : "");
        printf("  %-26s %s\n", left, o->flags[i].help);
    }
    printf("  %-26s %s\n", "--help", "this text");
    if (o->print_more) o->print_more();
}

static void print_flags(const struct options *o)
{
    for (unsigned i = 0; i < o->flag_count; i++) fprintf(stderr, " --%s", o->flags[i].name);
    fprintf(stderr, " --help\n");
}

static int refuse(const struct options *o, const char *what, const char *argument)
{
    fprintf(stderr, "tradebot %s: %s '%.100s'; flags are:", o->command, what, argument);
    print_flags(o);
    return OPTIONS_WRONG;
}

static void fill_table(const struct options *o, struct option *table)
{
    CHECK(o->flag_count <= OPTIONS_FLAGS_MAX);
    for (unsigned i = 0; i < o->flag_count; i++)
        table[i] =
            (struct option){o->flags[i].name, o->flags[i].value ? required_argument : no_argument,
                            NULL, FIRST_FLAG + (int)i};
    table[o->flag_count] = (struct option){"help", no_argument, NULL, HELP_FLAG};
    table[o->flag_count + 1] = (struct option){0};
}

int options_next(const struct options *o, int argc, char **argv, const char **value)
{
    struct option table[OPTIONS_FLAGS_MAX + 2];
    fill_table(o, table);
    opterr = 0;
    const int at = optind;
    const int got = getopt_long(argc, argv, "+:", table, NULL);
    *value = optarg;
    if (got == HELP_FLAG) {
        print_help(o);
        return OPTIONS_HELP;
    }
    if (got >= FIRST_FLAG) return got - FIRST_FLAG;
    if (got == -1 && optind == argc) return OPTIONS_END;
    if (got == -1 && o->operand) {
        *value = argv[optind++];
        return OPTIONS_OPERAND;
    }
    if (got == -1) return refuse(o, "unexpected argument", argv[optind]);
    return refuse(o, got == ':' ? "no value for" : "unknown flag", argv[at]);
}

int options_usage(const struct options *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "tradebot %s: ", o->command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return EXIT_USAGE;
}

int options_failed(const struct options *o)
{
    fprintf(stderr, "tradebot %s: %s\n", o->command, err_text());
    return 1;
}
