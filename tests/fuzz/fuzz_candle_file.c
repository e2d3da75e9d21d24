/* Candle files: whatever comes in, what is taken is sound, sorted and on its timeframe, and reads
 * the same again from its own kept lines. */
#include "base/check.h"
#include "service/research/candle_file.h"

static void check_sound(const struct candle_file *f)
{
    const int64_t length = timeframe_ms((enum timeframe)f->timeframe);
    CHECK(f->count >= 2);
    CHECK(f->price_scale <= CANDLE_SCALE_MAX && f->volume_scale <= CANDLE_SCALE_MAX);
    for (size_t i = 0; i < f->count; i++) {
        CHECK(candle_is_sound(&f->candles[i]));
        CHECK(f->candles[i].open_ms >= 0);
        if (i == 0) continue;
        const int64_t step = f->candles[i].open_ms - f->candles[i - 1].open_ms;
        CHECK(step > 0 && step % length == 0);
    }
}

static void check_again(const struct candle_file *f)
{
    struct candle_file again;
    CHECK(candle_file_parse("again", buffer_slice(&f->lines), CANDLE_KEEP_VALUES, &again) == OK);
    CHECK(again.count == f->count && again.price_scale == f->price_scale);
    for (size_t i = 0; i < f->count; i++) {
        CHECK(again.candles[i].open_ms == f->candles[i].open_ms);
        CHECK(again.candles[i].close.units == f->candles[i].close.units);
        CHECK(again.candles[i].volume.units == f->candles[i].volume.units);
    }
    candle_file_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct candle_file f;
    const struct slice text = {(const char *)data, size};
    if (candle_file_parse("fuzz", text, CANDLE_KEEP_LINES, &f) != OK) return 0;
    check_sound(&f);
    check_again(&f);
    candle_file_free(&f);
    return 0;
}
