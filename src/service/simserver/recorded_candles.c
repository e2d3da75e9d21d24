/* Candles of recorded prints and kline frames. */
#include "service/simserver/recorded_candles.h"

#include <stdlib.h>

#include "base/check.h"
#include "io/venue/json_cursor.h"
#include "io/venue/recording_file.h"
#include "service/simserver/market_data.h"

/* ---- kline frames ---- */

static bool read_amount(struct json_cursor *j, int64_t *out)
{
    return cursor_decimal(j, RECORDING_SCALE, out) &&
           (*out >= 0 || cursor_refuse(j, "an amount below 0"));
}

/* The object k of a frame. */
static void read_columns(struct json_cursor *j, struct synthetic_candle *k)
{
    struct slice key;
    cursor_enter_object(j);
    while (cursor_next_key(j, &key)) {
        if (slice_is(key, "t"))
            cursor_i64(j, &k->candle.open_ms);
        else if (slice_is(key, "o"))
            read_amount(j, &k->candle.open.units);
        else if (slice_is(key, "h"))
            read_amount(j, &k->candle.high.units);
        else if (slice_is(key, "l"))
            read_amount(j, &k->candle.low.units);
        else if (slice_is(key, "c"))
            read_amount(j, &k->candle.close.units);
        else if (slice_is(key, "v"))
            read_amount(j, &k->candle.volume.units);
        else if (slice_is(key, "q"))
            read_amount(j, &k->quote_volume.units);
        else if (slice_is(key, "V"))
            read_amount(j, &k->taker_buy.units);
        else if (slice_is(key, "Q"))
            read_amount(j, &k->taker_buy_quote.units);
        else if (slice_is(key, "n"))
            cursor_u64(j, &k->trades);
        else
            cursor_skip(j);
    }
}

enum err recorded_kline_read(struct slice data, enum timeframe timeframe,
                             struct synthetic_candle *out)
{
    struct json_cursor j;
    struct slice key;
    const struct candle *c = &out->candle;
    *out = (struct synthetic_candle){0};
    cursor_init(&j, data);
    cursor_enter_object(&j);
    while (cursor_next_key(&j, &key)) {
        if (slice_is(key, "k"))
            read_columns(&j, out);
        else
            cursor_skip(&j);
    }
    if (cursor_end(&j) &&
        (!candle_is_sound(c) || c->open_ms < 0 || c->open_ms >= RECORDING_TIME_LIMIT ||
         timeframe_floor(timeframe, c->open_ms) != c->open_ms))
        cursor_refuse(&j, "not a candle");
    return j.error ? cursor_fail(&j, "a kline frame") : OK;
}

/* ---- planning ---- */

bool recorded_candles_plan(struct recorded_candles *c, const struct print *print)
{
    struct money quote;
    const int64_t second_ms = timeframe_floor(TIMEFRAME_1S, print->time_ms);
    if (c->planned == 0 || c->planned_ms != second_ms) c->planned++;
    c->planned_ms = second_ms;
    return money_notional(print->price, RECORDING_SCALE, print->qty, RECORDING_SCALE,
                          RECORDING_SCALE, ROUND_DOWN, &quote) &&
           !__builtin_add_overflow(c->planned_base.units, print->qty.units,
                                   &c->planned_base.units) &&
           !__builtin_add_overflow(c->planned_quote.units, quote.units, &c->planned_quote.units);
}

void recorded_candles_plan_told(struct recorded_candles *c, enum timeframe timeframe,
                                const struct synthetic_candle *k)
{
    struct told_candles *told = &c->told[timeframe];
    if (told->planned == 0 || told->planned_ms != k->candle.open_ms) told->planned++;
    told->planned_ms = k->candle.open_ms;
}

enum err recorded_candles_init(struct recorded_candles *c)
{
    candle_builder_init(&c->builder, TIMEFRAME_1S);
    c->seconds = calloc(c->planned + 1, sizeof *c->seconds);
    bool is_whole = c->seconds != NULL;
    for (unsigned i = 0; is_whole && i < TIMEFRAME_COUNT; i++) {
        c->told[i].rows = calloc(c->told[i].planned + 1, sizeof *c->told[i].rows);
        is_whole = c->told[i].rows != NULL;
    }
    return is_whole ? OK : err_set(ERR_NO_MEMORY, "no memory for the recorded candles");
}

void recorded_candles_deinit(struct recorded_candles *c)
{
    free(c->seconds);
    for (unsigned i = 0; i < TIMEFRAME_COUNT; i++) free(c->told[i].rows);
}

/* ---- playing ---- */

void recorded_candles_add(struct recorded_candles *c, const struct print *print, struct money quote)
{
    struct candle_output closed; /* the second before, which stands in its row already */
    struct candle forming;
    if (candle_builder_add(&c->builder, print, &closed) != CANDLE_ADDED) return;
    CHECK(candle_builder_forming(&c->builder, &forming));
    struct recorded_second *s = c->count ? &c->seconds[c->count - 1] : NULL;
    if (!s || s->sum.candle.open_ms != forming.open_ms) {
        CHECK(c->count < c->planned);
        s = &c->seconds[c->count++];
        s->first_id = print->id;
    }
    s->sum.candle = forming;
    s->sum.quote_volume.units += quote.units;
    s->sum.trades++;
    s->last_id = print->id;
    if (print->taker != SIDE_BUY) return;
    s->sum.taker_buy.units += print->qty.units;
    s->sum.taker_buy_quote.units += quote.units;
}

/* The first of `count` rows that opens at or after from_ms; rows are of `size` bytes and begin with
 * their candle. */
static uint32_t lower_bound(const void *rows, size_t size, uint32_t count, int64_t from_ms)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct synthetic_candle *row = (const void *)((const char *)rows + middle * size);
        if (row->candle.open_ms < from_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t second_from(const struct recorded_candles *c, int64_t from_ms)
{
    return lower_bound(c->seconds, sizeof *c->seconds, c->count, from_ms);
}

static uint32_t told_from(const struct told_candles *t, int64_t from_ms)
{
    return lower_bound(t->rows, sizeof *t->rows, t->count, from_ms);
}

void recorded_candles_tell(struct recorded_candles *c, enum timeframe timeframe,
                           const struct synthetic_candle *k)
{
    struct told_candles *told = &c->told[timeframe];
    const int64_t open_ms = k->candle.open_ms;
    const uint32_t at = told_from(told, open_ms);
    const bool is_known = at < told->count && told->rows[at].candle.open_ms == open_ms;
    if (!is_known && at < told->count) return; /* older than what was told: nobody asks for it */
    if (!is_known) {
        CHECK(told->count < told->planned);
        told->count++;
    }
    told->rows[at] = *k;
}

struct synthetic_candle recorded_candles_sum(const struct recorded_candles *c, int64_t from_ms,
                                             int64_t until_ms, int64_t *first_id, int64_t *last_id)
{
    struct synthetic_candle sum = {.candle.open_ms = from_ms};
    *first_id = *last_id = -1;
    for (uint32_t at = second_from(c, timeframe_floor(TIMEFRAME_1S, from_ms)); at < c->count;
         at++) {
        const struct recorded_second *s = &c->seconds[at];
        if (s->sum.candle.open_ms >= until_ms) break;
        if (sum.trades == 0) *first_id = (int64_t)s->first_id;
        *last_id = (int64_t)s->last_id;
        market_merge(&sum, &s->sum);
    }
    return sum;
}

/* The last price before from_ms; 0 when there is none. */
static struct price close_before(const struct recorded_candles *c, enum timeframe timeframe,
                                 int64_t from_ms)
{
    const struct told_candles *told = &c->told[timeframe];
    const uint32_t second = second_from(c, from_ms), row = told_from(told, from_ms);
    if (row &&
        (!second || told->rows[row - 1].candle.open_ms >=
                        timeframe_floor(timeframe, c->seconds[second - 1].sum.candle.open_ms))) {
        return told->rows[row - 1].candle.close;
    }
    return second ? c->seconds[second - 1].sum.candle.close : (struct price){0};
}

/* Where the first candle opens; false when there is none. */
static bool first_open(const struct recorded_candles *c, enum timeframe timeframe, int64_t *out)
{
    const struct told_candles *told = &c->told[timeframe];
    if (c->count == 0 && told->count == 0) return false;
    *out = c->count ? timeframe_floor(timeframe, c->seconds[0].sum.candle.open_ms) : INT64_MAX;
    if (told->count && told->rows[0].candle.open_ms < *out) *out = told->rows[0].candle.open_ms;
    return true;
}

uint32_t recorded_candles_list(const struct recorded_candles *c, enum timeframe timeframe,
                               int64_t from_ms, int64_t now_ms, uint32_t count,
                               struct synthetic_candle *out)
{
    const struct told_candles *told = &c->told[timeframe];
    const int64_t length = timeframe_ms(timeframe);
    int64_t first_ms, first_id, last_id;
    uint32_t written = 0;
    if (!first_open(c, timeframe, &first_ms)) return 0;
    from_ms = from_ms < first_ms ? first_ms : timeframe_floor(timeframe, from_ms);
    struct price close = close_before(c, timeframe, from_ms);
    for (; written < count && from_ms <= now_ms; from_ms += length) {
        const uint32_t row = told_from(told, from_ms);
        struct synthetic_candle *k = &out[written++];
        if (row < told->count && told->rows[row].candle.open_ms == from_ms)
            *k = told->rows[row];
        else
            *k = recorded_candles_sum(c, from_ms, from_ms + length, &first_id, &last_id);
        if (k->candle.close.units == 0)
            k->candle = (struct candle){from_ms, close, close, close, close, {0}};
        close = k->candle.close;
    }
    return written;
}
