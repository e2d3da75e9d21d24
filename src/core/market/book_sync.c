/* The gap detector: which deltas belong to a snapshot, and in which order. */
#include "core/market/book_sync.h"

void book_sync_init(struct book_sync *s)
{
    *s = (struct book_sync){.state = BOOK_SYNC_WAITING};
}

void book_sync_restart(struct book_sync *s)
{
    s->state = BOOK_SYNC_WAITING;
    s->has_first = false;
}

static enum book_sync_verdict start_from(struct book_sync *s, uint64_t first_id)
{
    book_sync_restart(s);
    s->has_first = true;
    s->first_id = first_id;
    return BOOK_SYNC_BUFFER;
}

enum book_sync_verdict book_sync_on_delta(struct book_sync *s, uint64_t first_id, uint64_t last_id)
{
    const bool ordered = first_id <= last_id;
    if (s->state == BOOK_SYNC_WAITING && ordered)
        return s->has_first ? BOOK_SYNC_BUFFER : start_from(s, first_id);

    if (!ordered || (first_id > s->last_id && first_id - s->last_id > 1)) {
        s->lost++;
        start_from(s, first_id);
        return BOOK_SYNC_RESYNC;
    }
    /* last_id equal to ours brings nothing either: its levels are in the book. */
    if (last_id <= s->last_id) return BOOK_SYNC_IGNORE;
    s->last_id = last_id;
    return BOOK_SYNC_APPLY;
}

enum book_sync_verdict book_sync_on_snapshot(struct book_sync *s, uint64_t last_id)
{
    if (s->state == BOOK_SYNC_LIVE) return BOOK_SYNC_IGNORE;
    if (s->has_first && last_id < s->first_id) return BOOK_SYNC_RESYNC;
    s->state = BOOK_SYNC_LIVE;
    s->has_first = false;
    s->last_id = last_id;
    return BOOK_SYNC_APPLY;
}
