/* Candles from prints, with the empty ones between them. */
#include "core/market/candle_builder.h"

#include "base/check.h"

static void close_before(struct candle_builder *b, int64_t open_ms, struct candle_output *out);
static bool take_print(struct candle_builder *b, const struct print *print);

void candle_builder_init(struct candle_builder *b, enum timeframe timeframe)
{
    CHECK(timeframe < TIMEFRAME_COUNT);
    *b = (struct candle_builder){.timeframe = (uint8_t)timeframe};
}

bool candle_builder_seed(struct candle_builder *b, const struct candle *forming,
                         uint64_t last_print_id)
{
    const enum timeframe timeframe = (enum timeframe)b->timeframe;
    if (!candle_is_sound(forming) || forming->open_ms < 0) return false;
    if (timeframe_floor(timeframe, forming->open_ms) != forming->open_ms) return false;
    b->forming = *forming;
    b->started = true;
    b->traded = forming->volume.units > 0;
    b->last_print_id = last_print_id;
    return true;
}

enum candle_result candle_builder_add(struct candle_builder *b, const struct print *print,
                                      struct candle_output *out)
{
    out->count = 0;
    out->gap = false;
    if (print->price.units <= 0 || print->qty.units < 0 || print->time_ms < 0) {
        b->unsound++;
        return CANDLE_UNSOUND;
    }
    if (print->id != 0 && print->id <= b->last_print_id) {
        b->repeated++;
        return CANDLE_REPEATED;
    }
    if (b->started && print->time_ms < b->forming.open_ms) {
        b->late++;
        return CANDLE_LATE;
    }
    close_before(b, timeframe_floor((enum timeframe)b->timeframe, print->time_ms), out);
    if (!take_print(b, print)) {
        b->unsound++;
        return CANDLE_UNSOUND;
    }
    return CANDLE_ADDED;
}

void candle_builder_on_time(struct candle_builder *b, int64_t time_ms, struct candle_output *out)
{
    out->count = 0;
    out->gap = false;
    if (!b->started || time_ms < b->forming.open_ms) return;
    close_before(b, timeframe_floor((enum timeframe)b->timeframe, time_ms), out);
}

bool candle_builder_forming(const struct candle_builder *b, struct candle *out)
{
    if (b->started) *out = b->forming;
    return b->started;
}

/* The forming candle becomes an empty one that starts at open_ms. */
static void start_empty(struct candle_builder *b, int64_t open_ms)
{
    const struct price close = b->forming.close;
    b->forming = (struct candle){
        .open_ms = open_ms, .open = close, .high = close, .low = close, .close = close};
    b->traded = false;
}

/* Closes all candles that start before open_ms, so that the forming one starts there. */
static void close_before(struct candle_builder *b, int64_t open_ms, struct candle_output *out)
{
    if (!b->started) {
        b->forming = (struct candle){.open_ms = open_ms};
        return; /* the first print fills it in */
    }
    if (open_ms <= b->forming.open_ms) return;

    const int64_t step = timeframe_ms((enum timeframe)b->timeframe);
    const int64_t next_ms = b->forming.open_ms + step;
    out->candles[out->count++] = b->forming;
    if ((open_ms - next_ms) / step > CANDLE_FILL_MAX) {
        out->gap = true;
        out->gap_from_ms = next_ms;
        out->gap_to_ms = open_ms;
    } else {
        for (int64_t at = next_ms; at < open_ms; at += step) {
            start_empty(b, at);
            out->candles[out->count++] = b->forming;
        }
    }
    start_empty(b, open_ms);
}

static bool take_print(struct candle_builder *b, const struct print *print)
{
    struct candle *c = &b->forming;
    struct qty volume;
    if (__builtin_add_overflow(c->volume.units, print->qty.units, &volume.units)) return false;
    if (!b->traded) c->open = c->high = c->low = print->price;
    if (print->price.units > c->high.units) c->high = print->price;
    if (print->price.units < c->low.units) c->low = print->price;
    c->close = print->price;
    c->volume = volume;
    b->started = b->traded = true;
    if (print->id != 0) b->last_print_id = print->id;
    return true;
}
