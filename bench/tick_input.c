/* Frames for bench_tick, cut out of a recording or made up. */
#include "tick_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "io/net/ws_codec.h"

enum { MADE_UP_LEVELS = 500, MADE_UP_CHANGES = 12 };

static void append_frame(struct tick_input *in, struct slice text)
{
    ws_frame_build(&in->ticks[in->count], WS_TEXT, false, text, NULL);
}

/* The bytes after `key` up to the line's closing brace. */
static bool member(struct slice line, const char *key, struct slice *out)
{
    const char *at = memmem(line.data, line.size, key, strlen(key));
    if (!at || line.size < 2) return false;
    at += strlen(key);
    *out = (struct slice){at, (size_t)(line.data + line.size - 1 - at)};
    return true;
}

static bool has(struct slice text, const char *word)
{
    return memmem(text.data, text.size, word, strlen(word));
}

/* The number after `key`; 0 where there is none. */
static uint64_t number(struct slice text, const char *key)
{
    struct slice digits;
    return member(text, key, &digits) ? strtoull(digits.data, NULL, 10) : 0;
}

static void take_snapshot(struct tick_input *in, struct slice line)
{
    struct slice message;
    if (in->snapshot.size == 0 && has(line, "\"rest\"") && member(line, "\"msg\":", &message))
        buffer_append(&in->snapshot, message.data, message.size);
}

/* Every delta that the snapshot lacks belongs to the tick of the next trade; further trades up to
 * the next delta are left out. */
static void take_frame(struct tick_input *in, struct slice line)
{
    struct slice message;
    if (in->count == TICKS_MAX || has(line, "\"rest\"") || !member(line, "\"msg\":", &message))
        return;
    if (has(message, "\"depthUpdate\"")) {
        if (number(message, "\"u\":") > number(buffer_slice(&in->snapshot), "\"lastUpdateId\":"))
            append_frame(in, message);
    } else if (has(message, "\"e\":\"trade\"") && in->ticks[in->count].size > 0) {
        append_frame(in, message);
        in->count++;
    }
}

static void each_line(struct tick_input *in, FILE *file,
                      void (*take)(struct tick_input *in, struct slice line))
{
    char *text = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&text, &capacity, file)) > 0)
        take(in, (struct slice){text, (size_t)size - (text[size - 1] == '\n')});
    free(text);
}

/* The snapshot comes after deltas that it lacks, hence the two passes. */
static void load_recorded(struct tick_input *in, FILE *file)
{
    each_line(in, file, take_snapshot);
    rewind(file);
    each_line(in, file, take_frame);
}

static void append_levels(struct buffer *out, int first, int step, int count, int qty)
{
    for (int i = 0; i < count; i++)
        buffer_printf(out, "%s[\"%d.00000000\",\"%d.50000000\"]", i ? "," : "", first + i * step,
                      qty + i);
}

static void make_up(struct tick_input *in)
{
    buffer_append_text(&in->snapshot, "{\"lastUpdateId\":1,\"bids\":[");
    append_levels(&in->snapshot, 60000, -1, MADE_UP_LEVELS, 1);
    buffer_append_text(&in->snapshot, "],\"asks\":[");
    append_levels(&in->snapshot, 60001, 1, MADE_UP_LEVELS, 1);
    buffer_append_text(&in->snapshot, "]}");
    struct buffer text = {0};
    for (; in->count < TICKS_MAX; in->count++) {
        const int n = (int)in->count;
        buffer_clear(&text);
        buffer_printf(&text,
                      "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\","
                      "\"E\":1700000000000,\"s\":\"BTCUSDT\",\"U\":%d,\"u\":%d,\"b\":[",
                      n + 2, n + 2);
        append_levels(&text, 60000 - n % 7, -3, MADE_UP_CHANGES, n % 5);
        buffer_append_text(&text, "],\"a\":[");
        append_levels(&text, 60001 + n % 7, 3, MADE_UP_CHANGES, n % 5);
        buffer_append_text(&text, "]}}");
        append_frame(in, buffer_slice(&text));
        buffer_clear(&text);
        buffer_printf(&text,
                      "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":1700000000000,"
                      "\"s\":\"BTCUSDT\",\"t\":%d,\"p\":\"60000.00000000\",\"q\":\"0.02000000\","
                      "\"T\":1700000000000,\"m\":true,\"M\":true}}",
                      n + 1);
        append_frame(in, buffer_slice(&text));
    }
    buffer_deinit(&text);
}

void tick_input_load(struct tick_input *in, const char *path)
{
    *in = (struct tick_input){0};
    FILE *file = fopen(path, "r");
    in->recorded = file;
    if (file) {
        load_recorded(in, file);
        fclose(file);
    } else {
        make_up(in);
    }
    CHECK(in->count > 0 && in->snapshot.size > 0);
    size_t size = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        CHECK(!in->ticks[i].failed);
        size += in->ticks[i].size;
    }
    in->size_average = size / in->count;
}

void tick_input_free(struct tick_input *in)
{
    for (uint32_t i = 0; i < TICKS_MAX; i++) buffer_deinit(&in->ticks[i]);
    buffer_deinit(&in->snapshot);
}
