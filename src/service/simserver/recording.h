/* A recording of exchange frames as a market: files of JSON lines, one frame each.
 *
 *     {"recv_ns":1723161253937085768,"msg":{"stream":"btcusdt@trade","data":{…}}}
 *     {"recv_s":1633998512.320639,"rest":"/api/v3/depth?symbol=NKNUSDT&limit=1000","msg":{…}}
 *
 * All lines are checked at open: JSON, times in order, depth and trades readable with 8 decimals.
 * Several files play side by side, each from its own first line. Books start from each symbol's
 * first recorded snapshot and go on with the deltas served; after a gap in the recorded ids,
 * from the next snapshot. */
#ifndef SERVICE_SIMSERVER_RECORDING_H
#define SERVICE_SIMSERVER_RECORDING_H

#include <uv.h>

#include "base/err.h"
#include "base/slice.h"
#include "core/market/book.h"
#include "core/model/instrument.h"

enum {
    RECORDING_SYMBOLS_MAX = 64,
    RECORDING_FRAMES_MAX = 20000000,
    RECORDING_LEVELS_MAX = 20000, /* a side; in one frame, both sides */
    RECORDING_SCALE = 8,
};

#define RECORDING_SIZE_MAX ((size_t)2 << 30) /* of all files */

enum recorded_kind { RECORDED_OTHER, RECORDED_DEPTH, RECORDED_TRADE, RECORDED_SNAPSHOT };

struct recorded_frame {
    int64_t at_ns;       /* since the first line of its file */
    struct slice stream; /* size 0 for a snapshot */
    struct slice data;
    uint16_t symbol; /* INSTRUMENT_NONE: of none */
    uint8_t kind;
};

struct recorded_symbol {
    struct instrument rules;
    struct book book;
    uint64_t trades; /* in the whole recording */
    bool has_trades; /* by trade frames; else aggTrade frames count as trades */
    bool has_snapshot, has_gap;
    unsigned price_decimals, qty_decimals; /* the most that were seen */
};

struct market_trade;
struct simserver;

struct recording {
    struct simserver *server;
    char **texts; /* the files */
    unsigned text_count;
    struct recorded_frame *frames; /* by time */
    size_t frame_count, frame_capacity;
    size_t at; /* the next to serve */
    struct recorded_symbol *symbols;
    uint16_t symbol_count;
    struct arena arena; /* of the books */
    struct level *levels;
    double speed;
    bool is_playing;
    uint64_t began_ns;
    uv_timer_t *timer;
    uint32_t maker; /* the account whose orders are the copy of the books */
};

/* ERR_PARSE: "file:line: cause". */
enum err recording_open(const char *const *files, unsigned count, double speed,
                        struct recording **out) ERR_MUST_USE;
/* Starts to serve on the server's loop, once. */
void recording_begin(struct recording *r);
void recording_close(struct recording *r);
/* Lays the recorded book of an instrument into the exchange anew, as the maker's orders. */
void recording_mirror(struct recording *r, uint16_t instrument);

#endif
