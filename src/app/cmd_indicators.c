/* tradebot indicators: indicator columns beside the candles of a file or a recording. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "app/candle_flags.h"
#include "app/commands.h"
#include "app/output.h"
#include "service/research/indicator_table.h"
#include "service/research/utc_time.h"

enum { FLAG_SHOW = CANDLE_FLAGS, FLAG_CSV, FLAG_JSON };
enum { OUTPUT_PIECE = 1 << 20, NAME_WIDTH_MIN = 12 };

static const struct flag flags[] = {
    CANDLE_FLAG_ROWS,
    [FLAG_SHOW] = {"show", "LIST", "indicators, as in \"ema(8),rsi(14)\""},
    [FLAG_CSV] = {"csv", NULL, "the CSV's own or the candles' columns, then the indicators"},
    [FLAG_JSON] = {"json", NULL, "one JSON object a candle, one a line"},
};

static void print_more(void)
{
    struct buffer text = {0};
    buffer_append_text(&text, candle_flags_help);
    buffer_append_text(&text, "\nIndicators, of closes; a column is empty while it warms up:\n");
    indicator_table_describe(&text);
    fwrite(text.data, 1, text.size, stdout);
    buffer_deinit(&text);
}

static const struct options options = {
    .command = "indicators",
    .summary = "Prints indicator columns beside the candles of a file or a recording.",
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .print_more = print_more,
};

/* ---- the three forms ---- */

struct printer {
    const struct indicator_table *table;
    const struct candle_file *file;
    struct slice lines; /* of the file, from the one at hand on */
    struct buffer out;
};

static void append_csv_name(struct buffer *out, const char *name)
{
    const bool quoted = strchr(name, ',') != NULL;
    buffer_printf(out, quoted ? ",\"%s\"" : ",%s", name);
}

static void csv_head(struct printer *p)
{
    struct slice line = {0};
    if (!candle_file_next_line(&p->lines, &line)) return;
    buffer_append(&p->out, line.data, line.size);
    for (unsigned i = 0; i < indicator_table_columns(p->table); i++)
        append_csv_name(&p->out, indicator_table_name(p->table, i));
    buffer_append_char(&p->out, '\n');
}

static void csv_row(struct printer *p, const struct candle *c, const double *values)
{
    struct slice line = {0};
    (void)c;
    candle_file_next_line(&p->lines, &line);
    buffer_append(&p->out, line.data, line.size);
    for (unsigned i = 0; i < indicator_table_columns(p->table); i++) {
        buffer_append_char(&p->out, ',');
        if (!isnan(values[i])) indicator_write_value(values[i], &p->out);
    }
    buffer_append_char(&p->out, '\n');
}

static const char *const candle_names[] = {"open", "high", "low", "close", "volume"};
enum { CANDLE_NAME_COUNT = sizeof candle_names / sizeof *candle_names };

static void candle_texts(const struct candle_file *f, const struct candle *c,
                         char texts[CANDLE_NAME_COUNT][DECIMAL_TEXT_SIZE])
{
    decimal_write(c->open.units, f->price_scale, texts[0]);
    decimal_write(c->high.units, f->price_scale, texts[1]);
    decimal_write(c->low.units, f->price_scale, texts[2]);
    decimal_write(c->close.units, f->price_scale, texts[3]);
    decimal_write(c->volume.units, f->volume_scale, texts[4]);
}

static void json_row(struct printer *p, const struct candle *c, const double *values)
{
    char texts[CANDLE_NAME_COUNT][DECIMAL_TEXT_SIZE];
    candle_texts(p->file, c, texts);
    buffer_append_text(&p->out, "{\"open_time_ms\":");
    buffer_append_i64(&p->out, c->open_ms);
    for (unsigned i = 0; i < CANDLE_NAME_COUNT; i++)
        buffer_printf(&p->out, ",\"%s\":\"%s\"", candle_names[i], texts[i]);
    for (unsigned i = 0; i < indicator_table_columns(p->table); i++) {
        buffer_printf(&p->out, ",\"%s\":", indicator_table_name(p->table, i));
        if (isnan(values[i]))
            buffer_append_text(&p->out, "null");
        else
            indicator_write_value(values[i], &p->out);
    }
    buffer_append_text(&p->out, "}\n");
}

static int column_width(const char *name)
{
    const int size = (int)strlen(name);
    return size > NAME_WIDTH_MIN ? size : NAME_WIDTH_MIN;
}

static void text_head(struct printer *p)
{
    buffer_printf(&p->out, "%-24s", "open time");
    for (unsigned i = 0; i < CANDLE_NAME_COUNT; i++)
        buffer_printf(&p->out, " %14s", candle_names[i]);
    for (unsigned i = 0; i < indicator_table_columns(p->table); i++) {
        const char *name = indicator_table_name(p->table, i);
        buffer_printf(&p->out, " %*s", column_width(name), name);
    }
    buffer_append_char(&p->out, '\n');
}

static void text_row(struct printer *p, const struct candle *c, const double *values)
{
    char texts[CANDLE_NAME_COUNT][DECIMAL_TEXT_SIZE], time[UTC_TIME_TEXT_SIZE];
    candle_texts(p->file, c, texts);
    utc_time_write(c->open_ms, time);
    buffer_printf(&p->out, "%-24s", time);
    for (unsigned i = 0; i < CANDLE_NAME_COUNT; i++) buffer_printf(&p->out, " %14s", texts[i]);
    for (unsigned i = 0; i < indicator_table_columns(p->table); i++) {
        const int width = column_width(indicator_table_name(p->table, i));
        if (isnan(values[i]))
            buffer_printf(&p->out, " %*s", width, "-");
        else
            buffer_printf(&p->out, " %*.*f", width, p->file->price_scale + 2, values[i]);
    }
    buffer_append_char(&p->out, '\n');
}

static enum err print_all(const struct arguments *a, struct indicator_table *table,
                          struct printer *p)
{
    void (*const row)(struct printer *, const struct candle *, const double *) =
        a->values[FLAG_CSV]    ? csv_row
        : a->values[FLAG_JSON] ? json_row
                               : text_row;
    double values[INDICATOR_COLUMNS_MAX];
    if (a->values[FLAG_CSV])
        csv_head(p);
    else if (!a->values[FLAG_JSON])
        text_head(p);
    for (size_t i = 0; i < p->file->count; i++) {
        const struct candle *c = &p->file->candles[i];
        indicator_table_step(table, c, p->file->price_scale, values);
        row(p, c, values);
        if (p->out.size < OUTPUT_PIECE && i + 1 < p->file->count) continue;
        const enum err err = output_print(&p->out);
        if (err) return err;
        buffer_clear(&p->out);
    }
    return OK;
}

/* ---- the command ---- */

static enum err print_file(const struct arguments *a, struct indicator_table *table,
                           const struct candle_file *file)
{
    struct printer printer = {.table = table, .file = file, .lines = buffer_slice(&file->lines)};
    const enum err err = print_all(a, table, &printer);
    buffer_deinit(&printer.out);
    return err;
}

int cmd_indicators(int argc, char **argv)
{
    struct arguments arguments;
    struct indicator_table *table;
    struct candle_file file;
    char symbol[SYMBOL_SIZE];
    int status;
    if (!options_read(&options, argc, argv, &arguments, &status)) return status;
    struct candle_source source = candle_flags_source(&arguments);
    const char *show = arguments.values[FLAG_SHOW], *csv = arguments.values[FLAG_CSV];
    if (!source.path) return options_usage(&options, "--data FILE is needed");
    if (!show) return options_usage(&options, "--show LIST is needed");
    if (csv && arguments.values[FLAG_JSON])
        return options_usage(&options, "--csv or --json, not both");
    if (indicator_table_parse(show, &table))
        return options_usage(&options, "--show %s", err_text());

    source.keep = csv ? CANDLE_KEEP_LINES : CANDLE_KEEP_VALUES;
    if (candle_source_read(&source, &file, symbol)) {
        indicator_table_free(table);
        return options_usage(&options, "%s", err_text());
    }
    const enum err err = print_file(&arguments, table, &file);
    candle_file_free(&file);
    indicator_table_free(table);
    return err ? options_failed(&options) : 0;
}
