/* A recording of exchange frames (io/venue/recording_file) as a market.
 *
 * Several files play side by side, each from its own first line. Books start from each symbol's
 * first recorded snapshot and go on with the deltas served; after a gap in the recorded ids,
 * from the next snapshot.
 *
 * Recorded time is the exchange's, by symbol: what passes between lines, as far ahead of them as
 * the slowest print was (or, without prints, the slowest other frame), so that no print belongs to
 * a time that is over. It passes between frames too, and ends a second after the last one. */
#ifndef SERVICE_SIMSERVER_RECORDING_H
#define SERVICE_SIMSERVER_RECORDING_H

#include <uv.h>

#include "base/arena.h"
#include "base/err.h"
#include "core/market/book.h"
#include "core/model/instrument.h"
#include "io/venue/recording_file.h"
#include "service/simserver/recorded_candles.h"

enum {
    RECORDING_BOOK_LEVELS = 20000, /* a side */
    RECORDING_STREAMS_MAX = 1024,  /* names; more: refused */
    RECORDING_STREAM_BUCKETS = 2 * RECORDING_STREAMS_MAX,
};

struct played_symbol {
    struct instrument rules;
    struct book book;
    struct recorded_candles candles;
    uint64_t trades; /* in the whole recording */
    bool has_snapshot, has_gap;
    int64_t ahead_ms; /* recorded time - time since the first line */
    int64_t clock_ms; /* recorded time; 0: nothing was served */
};

struct simserver;

struct recording {
    struct simserver *server;
    struct recording_file file;
    size_t at;                     /* the next frame to serve */
    struct played_symbol *symbols; /* the file's, with their indexes */
    uint16_t symbol_count;
    struct slice names[RECORDING_STREAM_BUCKETS]; /* of the streams it holds, by hash */
    unsigned name_count;
    struct arena arena; /* of the books */
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
/* Whether frames of that stream are in it. */
bool recording_holds(const struct recording *r, struct slice stream);
/* Lets recorded time pass up to now, where it is played by the clock. */
void recording_tick(struct recording *r);
/* Lays the recorded book of an instrument into the exchange anew, as the maker's orders. */
void recording_mirror(struct recording *r, uint16_t instrument);

#endif
