/* Recordings of exchange frames: files of JSON lines, one frame each.
 *
 *     {"recv_ns":1723161253937085768,"msg":{"stream":"btcusdt@trade","data":{…}}}
 *     {"recv_s":1633998512.320639,"rest":"/api/v3/depth?symbol=NKNUSDT&limit=1000","msg":{…}}
 *
 * All lines are checked at open: JSON, times in order, depth and trades readable with 8 decimals.
 * Nothing is left out or repaired; one bad line refuses the whole recording. Several files become
 * one, each from its own first line on.
 *
 * The text stays in memory, and slices point into it. One thread at a time. */
#ifndef IO_VENUE_RECORDING_FILE_H
#define IO_VENUE_RECORDING_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/model/event.h"
#include "core/model/instrument.h"

enum {
    RECORDING_SYMBOLS_MAX = 64,
    RECORDING_FRAMES_MAX = 20000000,
    RECORDING_LEVELS_MAX = 20000, /* in one frame, both sides */
    RECORDING_SCALE = 8,          /* of all prices and quantities */
};

#define RECORDING_SIZE_MAX   ((size_t)2 << 30)        /* of a file */
#define RECORDING_TIME_LIMIT INT64_C(100000000000000) /* ms; of a print: the year 5138 */

enum recorded_kind {
    RECORDED_OTHER,
    RECORDED_DEPTH,
    RECORDED_TRADE, /* a print: trade frames, or aggTrade frames where a symbol has no others */
    RECORDED_SNAPSHOT,
};

struct recorded_frame {
    int64_t at_ns;       /* since the first line of its file */
    struct slice stream; /* size 0 for a snapshot */
    struct slice data;
    uint16_t symbol; /* INSTRUMENT_NONE: of none */
    uint8_t kind;
};

struct recorded_symbol {
    char name[SYMBOL_SIZE]; /* in capitals */
    char base[ASSET_SIZE], quote[ASSET_SIZE];
    uint64_t trades;                       /* frames of RECORDED_TRADE */
    bool has_trade_frames;                 /* so aggTrade frames are not prints */
    unsigned price_decimals, qty_decimals; /* the most that were seen, zeros at the end aside */
    struct slice snapshot;                 /* the first one read; size 0: none */
};

struct recorded_text {
    const char *path; /* the caller's */
    char *data;
    size_t size;
};

struct recording_file {
    struct recorded_text *texts;
    unsigned text_count;
    struct recorded_frame *frames; /* by time */
    size_t frame_count, frame_capacity;
    struct recorded_symbol *symbols; /* in the order they are met */
    uint16_t symbol_count;
    struct level *levels; /* of the frame read last */
};

/* A depth message; ids as Binance counts them, first_id 0 in a snapshot. */
struct recorded_depth {
    uint64_t first_id, last_id;
    const struct level *bids, *asks; /* the recording's, good until the next read */
    uint32_t bid_count, ask_count;
};

/* The paths must outlive it. ERR_PARSE and ERR_LIMIT: "file:line: cause". On an error there is
 * nothing to close. */
enum err recording_file_open(const char *const *paths, unsigned count,
                             struct recording_file *out) ERR_MUST_USE;
void recording_file_close(struct recording_file *f);

/* Of a frame of RECORDED_DEPTH or RECORDED_SNAPSHOT. Never fails: open has checked it. */
void recording_file_depth(struct recording_file *f, struct slice data, struct recorded_depth *out);
/* Of a frame of RECORDED_TRADE; the id of an aggregate is its last trade's. Never fails either. */
void recording_file_print(const struct recorded_frame *frame, struct print *out);

/* A cause that only the reader's user can see, as "file:line: cause"; data is a frame's. */
enum err recording_file_refuse(const struct recording_file *f, struct slice data,
                               const char *cause);

#endif
