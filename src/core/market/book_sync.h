/* Finds lost events between a stream of book deltas and its snapshot, by Binance's procedure for a
 * local order book (web-socket-streams.md, "How to manage a local order book correctly").
 *
 *     WAITING --snapshot not older than the first delta--> LIVE
 *     LIVE    --delta that starts after the next id------> WAITING
 *
 * Each delta covers the update ids first..last, a snapshot everything up to its last id. Pure: it
 * holds no frames. The feed keeps the deltas that it was told to buffer; after the snapshot is
 * applied it hands them in again, oldest first, and does with each what the verdict says. */
#ifndef CORE_MARKET_BOOK_SYNC_H
#define CORE_MARKET_BOOK_SYNC_H

#include <stdbool.h>
#include <stdint.h>

enum book_sync_state { BOOK_SYNC_WAITING, BOOK_SYNC_LIVE };

enum book_sync_verdict {
    BOOK_SYNC_BUFFER, /* keep the delta until a snapshot is there */
    BOOK_SYNC_IGNORE, /* nothing in it that the book does not have */
    BOOK_SYNC_APPLY,
    /* Of a delta: events were lost. Drop the book and all buffered deltas, buffer this one as the
     * first, fetch a snapshot. Of a snapshot: it is older than the first buffered delta. Keep the
     * buffer, fetch another. */
    BOOK_SYNC_RESYNC,
};

struct book_sync {
    uint8_t state; /* enum book_sync_state */
    bool has_first;
    uint64_t first_id; /* while waiting: where the first buffered delta starts */
    uint64_t last_id;  /* while live: up to where the book is complete */
    uint64_t lost;     /* how often a gap was found, ever */
};

/* A new connection: waits for a snapshot, nothing buffered; the count of gaps starts at 0. */
void book_sync_init(struct book_sync *s);
/* Back to waiting with nothing buffered, for a reconnect or a book that turned out crossed. */
void book_sync_restart(struct book_sync *s);
/* A delta whose ids are in the wrong order (first > last) counts as a gap. */
enum book_sync_verdict book_sync_on_delta(struct book_sync *s, uint64_t first_id, uint64_t last_id);
/* APPLY, RESYNC, or IGNORE when the book is live already. A snapshot may come before the first
 * delta: whatever is missing between the two shows as a gap at that delta. */
enum book_sync_verdict book_sync_on_snapshot(struct book_sync *s, uint64_t last_id);

#endif
