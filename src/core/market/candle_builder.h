/* Builds the candles of one timeframe from the prints of a market.
 *
 * A candle opens at the first print of its interval and closes when a print of a later interval
 * comes or when time passes its end. Intervals without a print give empty candles (all prices the
 * close before, volume 0), at most CANDLE_FILL_MAX at once; a longer silence is reported as a gap
 * instead, so that the caller can fetch the missing candles. A closed candle never changes.
 *
 * The prints' own times count. The time given to candle_builder_on_time should lag the clock by as
 * much as prints may be late, or the last prints of each candle are lost as late.
 * Used by one thread. */
#ifndef CORE_MARKET_CANDLE_BUILDER_H
#define CORE_MARKET_CANDLE_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/model/candle.h"
#include "core/model/event.h"

enum { CANDLE_FILL_MAX = 60 };

enum candle_result {
    CANDLE_ADDED,
    CANDLE_LATE,     /* before the open candle: counted, not used */
    CANDLE_REPEATED, /* an id that is in a candle already: counted, not used */
    CANDLE_UNSOUND,  /* price <= 0, qty < 0, time < 0, or the volume overflows: not used */
};

/* What one call closed, oldest first. With a gap it is the last candle before it,
 * if one was open. */
struct candle_output {
    uint32_t count;
    bool gap; /* [gap_from_ms, gap_to_ms) has no candles: more than CANDLE_FILL_MAX were missing */
    int64_t gap_from_ms, gap_to_ms;
    struct candle candles[1 + CANDLE_FILL_MAX];
};

struct candle_builder {
    uint8_t timeframe; /* enum timeframe */
    bool started;      /* forming is valid */
    bool traded; /* the forming candle has had a print; else all its prices are the close before */
    uint64_t last_print_id;
    struct candle forming;
    uint64_t late, repeated, unsound; /* prints, ever */
};

void candle_builder_init(struct candle_builder *b, enum timeframe timeframe);
/* Starts over from a candle that is still forming, as a venue's REST answer gives it. Prints up to
 * last_print_id are in it already (0 = not known: what the candle holds and what comes may
 * overlap). False, changing nothing, when the candle is unsound or does not start where a candle
 * can start. */
bool candle_builder_seed(struct candle_builder *b, const struct candle *forming,
                         uint64_t last_print_id);
/* Fills out anew with what the print closed, whatever the result. A print id of 0 means that the
 * venue has no ids. */
enum candle_result candle_builder_add(struct candle_builder *b, const struct print *print,
                                      struct candle_output *out);
/* Fills out anew with what the passing of time closed. */
void candle_builder_on_time(struct candle_builder *b, int64_t time_ms, struct candle_output *out);
/* The open candle; false before the first print. */
bool candle_builder_forming(const struct candle_builder *b, struct candle *out);

#endif
