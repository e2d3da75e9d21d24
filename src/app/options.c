/* getopt_long over the table. */
#include "app/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/nearest.h"
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

static int refuse_near(const struct options *o, const char *what, const char *argument,
                       const char *near)
{
    fprintf(stderr, "tradebot %s: %s '%.100s'; ", o->command, what, argument);
    if (near) fprintf(stderr, "did you mean --%s? ", near);
    fprintf(stderr, "%s are:", near ? "Flags" : "flags");
    for (unsigned i = 0; i < o->flag_count; i++) fprintf(stderr, " --%s", o->flags[i].name);
    fprintf(stderr, " --help\n");
    return OPTIONS_WRONG;
}

static int refuse(const struct options *o, const char *what, const char *argument)
{
    return refuse_near(o, what, argument, NULL);
}

static int refuse_unknown(const struct options *o, const char *argument)
{
    char typed[NEAREST_SIZE_MAX + 1];
    struct nearest nearest;
    const char *bare = argument + strspn(argument, "-");
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(bare, "="), bare);
    nearest_init(&nearest, typed);
    nearest_try(&nearest, "help");
    for (unsigned i = 0; i < o->flag_count; i++) {
        if (!o->flags[i].value && strcmp(typed, o->flags[i].name) == 0)
            return refuse(o, "a flag without a value has one in", argument);
        nearest_try(&nearest, o->flags[i].name);
    }
    return refuse_near(o, "unknown flag", argument, nearest.name);
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

/* Counts what was given. A flag where its value should be means that the value was forgotten. */
static int take(const struct options *o, int index, const char *value, bool attached)
{
    static unsigned given[OPTIONS_FLAGS_MAX];
    const struct flag *flag = &o->flags[index];
    const unsigned times = flag->times ? flag->times : 1;
    char name[64];
    snprintf(name, sizeof name, "--%s", flag->name);
    if (value && !attached && strncmp(value, "--", 2) == 0) return refuse(o, "no value for", name);
    if (++given[index] <= times) return index;
    if (times == 1)
        options_usage(o, "%s is given twice; give it once", name);
    else
        options_usage(o, "%s may be given %u times at most", name, times);
    return OPTIONS_WRONG;
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
    if (got >= FIRST_FLAG) return take(o, got - FIRST_FLAG, optarg, optind == at + 1);
    if (got == -1 && optind == argc) return OPTIONS_END;
    if (got == -1 && o->operand) {
        *value = argv[optind++];
        return OPTIONS_OPERAND;
    }
    if (got == -1) return refuse(o, "unexpected argument", argv[optind]);
    return got == ':' ? refuse(o, "no value for", argv[at]) : refuse_unknown(o, argv[at]);
}

bool options_read(const struct options *o, int argc, char **argv, struct arguments *out,
                  int *status)
{
    const char *value;
    int got;
    *out = (struct arguments){0};
    while ((got = options_next(o, argc, argv, &value)) >= 0 || got == OPTIONS_OPERAND) {
        if (got == OPTIONS_OPERAND && out->operand) {
            *status = options_usage(o, "give one %s: '%.100s' is one too many", o->operand, value);
            return false;
        }
        if (got == OPTIONS_OPERAND)
            out->operand = value;
        else if (o->flags[got].times)
            out->list[out->list_count++] = value;
        else
            out->values[got] = value ? value : "";
    }
    *status = got == OPTIONS_HELP ? 0 : EXIT_USAGE;
    return got == OPTIONS_END;
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
