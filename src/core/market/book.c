/* The order book: two sorted arrays, changed in place. */
#include "core/market/book.h"

#include <string.h>

#include "base/check.h"
#include "base/hash.h"

/* A side's order as a number: XOR with the side's flip makes a better price a larger one, for bids
 * by leaving it alone and for asks by inverting all its bits. */
static int64_t flip_of(enum side side)
{
    return side == SIDE_BUY ? 0 : -1;
}

static bool apply_snapshot(struct book *b, const struct book_update *update);
static bool apply_delta(struct book *b, const struct book_update *update);
static bool is_crossed(const struct book *b);

void book_init(struct book *b, struct arena *arena, uint32_t levels_max)
{
    CHECK(levels_max > 0 && levels_max <= BOOK_LEVELS_LIMIT);
    *b = (struct book){.levels_max = levels_max, .state = BOOK_EMPTY};
    for (unsigned side = 0; side < 2; side++)
        b->sides[side].levels = arena_take(arena, levels_max, sizeof(struct level));
}

size_t book_need(uint32_t levels_max)
{
    return 2 * arena_need(levels_max, sizeof(struct level));
}

void book_clear(struct book *b)
{
    b->sides[SIDE_BUY].count = b->sides[SIDE_SELL].count = 0;
    b->last_id = 0;
    b->state = BOOK_EMPTY;
}

enum book_result book_apply(struct book *b, const struct book_update *update)
{
    if (!update->snapshot && b->state != BOOK_LIVE) return BOOK_NO_SNAPSHOT;

    enum book_result result = BOOK_OK;
    if (!(update->snapshot ? apply_snapshot(b, update) : apply_delta(b, update)))
        result = BOOK_UNSOUND;
    else if (is_crossed(b))
        result = BOOK_CROSSED;

    if (result != BOOK_OK) {
        book_clear(b);
        b->state = BOOK_STALE;
        return result;
    }
    b->last_id = update->last_id;
    b->state = BOOK_LIVE;
    return BOOK_OK;
}

uint32_t book_side(const struct book *b, enum side side, struct level *out, uint32_t max)
{
    const struct book_half *half = &b->sides[side];
    const uint32_t count = half->count < max ? half->count : max;
    for (uint32_t i = 0; i < count; i++) out[i] = half->levels[half->count - 1 - i];
    return count;
}

uint32_t book_take(const struct book *b, enum side taker, struct qty qty, struct price limit,
                   struct level *out, uint32_t max, struct qty *left)
{
    const enum side side = taker == SIDE_BUY ? SIDE_SELL : SIDE_BUY;
    const struct book_half *half = &b->sides[side];
    const int64_t flip = flip_of(side);
    uint32_t count = 0;

    while (qty.units > 0 && count < max && count < half->count) {
        struct level level = half->levels[half->count - 1 - count];
        if (limit.units != 0 && (level.price.units ^ flip) < (limit.units ^ flip)) break;
        if (level.qty.units > qty.units) level.qty = qty;
        qty.units -= level.qty.units;
        out[count++] = level;
    }
    *left = qty;
    return count;
}

uint64_t book_hash(const struct book *b)
{
    uint64_t hash = hash_u64(hash_u64(HASH_SEED, b->state), b->last_id);
    for (unsigned side = 0; side < 2; side++) {
        const struct book_half *half = &b->sides[side];
        hash = hash_u64(hash, half->count);
        for (uint32_t i = 0; i < half->count; i++) {
            hash = hash_i64(hash, half->levels[i].price.units);
            hash = hash_i64(hash, half->levels[i].qty.units);
        }
    }
    return hash;
}

/* Best first in, best last kept. */
static bool fill_half(struct book *b, enum side side, const struct level *levels, uint32_t count)
{
    struct book_half *half = &b->sides[side];
    const int64_t flip = flip_of(side);
    const uint32_t kept = count < b->levels_max ? count : b->levels_max;

    for (uint32_t i = 0; i < count; i++) {
        const struct level level = levels[i];
        if (level.price.units <= 0 || level.qty.units <= 0) return false;
        if (i > 0 && (level.price.units ^ flip) >= (levels[i - 1].price.units ^ flip)) return false;
        if (i < kept) half->levels[kept - 1 - i] = level;
    }
    half->count = kept;
    b->dropped += count - kept;
    return true;
}

static bool apply_snapshot(struct book *b, const struct book_update *update)
{
    return fill_half(b, SIDE_BUY, update->bids, update->bid_count) &&
           fill_half(b, SIDE_SELL, update->asks, update->ask_count);
}

/* How many levels are worse than `key`: where the level with that key is, or would be put in.
 * Halves what is left without a branch to mispredict. Half of all recorded changes are more than 80
 * levels away from the best, so a linear search from there first is no faster. */
static inline uint32_t rank_of(const struct book_half *half, int64_t flip, int64_t key)
{
    const struct level *low = half->levels;
    for (uint32_t left = half->count; left > 0;) {
        const uint32_t step = (left + 1) / 2;
        low += (low[step - 1].price.units ^ flip) < key ? step : 0;
        left -= step;
    }
    return (uint32_t)(low - half->levels);
}

static void remove_at(struct book_half *half, uint32_t at)
{
    half->count--;
    memmove(&half->levels[at], &half->levels[at + 1], (half->count - at) * sizeof *half->levels);
}

static void insert_at(struct book *b, struct book_half *half, uint32_t at, struct level level)
{
    if (half->count == b->levels_max) {
        b->dropped++;
        if (at == 0) return; /* the new level is itself the worst */
        at--;
        memmove(&half->levels[0], &half->levels[1], at * sizeof *half->levels);
    } else {
        memmove(&half->levels[at + 1], &half->levels[at],
                (half->count - at) * sizeof *half->levels);
        half->count++;
    }
    half->levels[at] = level;
}

static bool change_half(struct book *b, enum side side, const struct level *levels, uint32_t count)
{
    struct book_half *half = &b->sides[side];
    const int64_t flip = flip_of(side);

    for (uint32_t i = 0; i < count; i++) {
        const struct level level = levels[i];
        if (level.price.units <= 0 || level.qty.units < 0) return false;
        const uint32_t at = rank_of(half, flip, level.price.units ^ flip);
        const bool there = at < half->count && half->levels[at].price.units == level.price.units;
        if (there && level.qty.units > 0)
            half->levels[at].qty = level.qty;
        else if (there)
            remove_at(half, at);
        else if (level.qty.units > 0)
            insert_at(b, half, at, level);
        /* else: removing a level that is not there, which is normal beyond the snapshot's depth */
    }
    return true;
}

static bool apply_delta(struct book *b, const struct book_update *update)
{
    return change_half(b, SIDE_BUY, update->bids, update->bid_count) &&
           change_half(b, SIDE_SELL, update->asks, update->ask_count);
}

static bool is_crossed(const struct book *b)
{
    struct level bid, ask;
    return book_best_bid(b, &bid) && book_best_ask(b, &ask) && bid.price.units >= ask.price.units;
}
