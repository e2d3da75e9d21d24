/* The rate limiter in memory: shards of entries behind an index, forgotten by a timing wheel.
 *
 * An entry is a ring of sub-windows, oldest first; in an exact limit a sub-window is a millisecond.
 * Only its two ends are looked at. An entry sits in the wheel's slot of the time at which it would
 * have to be forgotten as that was known when it was put there: a key that stays busy moves on when
 * its slot comes up, not at each request. Each request does a bounded piece of that work. */
#include "io/guard/limiter.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sodium.h>

#include "base/arena.h"
#include "base/check.h"

#define NONE      UINT32_MAX
#define HUGE_FROM ((size_t)64 << 20) /* bytes; from here on in huge pages */

enum {
    WHEEL_SLOTS = 32, /* more than the 17 grains that lie between now and T ahead */
    WORK = 4,         /* entries of the wheel that a request looks at */
    WORK_FULL = 64,   /* the same where a key finds no room */
    CACHE_LINE = 64,
};

/* Acceptances of up to a sub-window's width. */
struct bucket {
    uint32_t last; /* the lower half of the last one's time: within T of the entry's last_ms */
    uint32_t count;
};

struct entry {
    struct limit_key key;
    int64_t last_ms;  /* the last acceptance */
    uint32_t next;    /* in the wheel or among the free */
    uint32_t total;   /* of all buckets */
    uint32_t begun;   /* the lower half of the time at which the newest bucket begins */
    uint16_t head;    /* the oldest bucket */
    uint16_t buckets; /* in use */
    struct bucket ring[];
};

/* Open addressing: the hash's upper half finds the entry without touching others. */
struct slot {
    uint32_t tag;
    uint32_t entry; /* its number + 1; 0: free, so that an unused index costs no memory */
};

struct shard {
    _Alignas(64) atomic_bool is_taken; /* the lock */
    struct slot *index;
    char *entries;
    int64_t now_ms;          /* the latest time that was told */
    int64_t turn_ms;         /* when the wheel's next slot comes up */
    int64_t shared_until_ms; /* some shared counter is in use until then */
    uint32_t free, due;      /* lists; due: taken off the wheel and not yet looked at */
    uint32_t fresh;          /* entries from here on were never used */
    uint32_t wheel[WHEEL_SLOTS];
    struct limiter_counters counters;
};

struct limiter {
    struct limit_rule rule;
    uint32_t width_ms, grain_ms;
    uint32_t ring_size;
    uint32_t entry_size;
    uint32_t keys;       /* a shard */
    uint32_t index_mask; /* of a shard */
    uint32_t shard_mask;
    unsigned char secret[crypto_shorthash_KEYBYTES];
    struct arena arena;
    struct shard *shards;
};

static uint32_t power_of_two_from(uint32_t value);
static uint32_t later_by(uint32_t ms, int64_t behind_ms);
static void layout(struct limiter *l, uint32_t keys_max);
static size_t arena_size(const struct limiter *l);
static void shard_init(struct limiter *l, struct shard *s);
static uint64_t hash_key(const struct limiter *l, struct limit_key key);
static void shard_lock(struct shard *s);
static struct shard *shard_enter(struct limiter *l, uint64_t hash);
static void shard_tell_time(struct limiter *l, struct shard *s, int64_t now_ms);
static void shard_leave(struct shard *s);
static struct entry *entry_at(const struct limiter *l, const struct shard *s, uint32_t index);
static uint32_t index_find(const struct limiter *l, const struct shard *s, struct limit_key key,
                           uint64_t hash, uint32_t *where);
static void index_insert(const struct limiter *l, struct shard *s, uint64_t hash, uint32_t entry);
static void index_remove(const struct limiter *l, struct shard *s, uint32_t where);
static struct entry *entry_for(struct limiter *l, struct shard *s, struct limit_key key,
                               uint64_t hash);
static struct entry *shared_entry(const struct limiter *l, struct shard *s, uint64_t hash);
static uint32_t entry_new(struct limiter *l, struct shard *s, struct limit_key key, uint64_t hash);
static bool entry_is_live(const struct limiter *l, const struct entry *e, int64_t now_ms);
static struct limit_answer entry_take(const struct limiter *l, struct entry *e, int64_t now_ms);
static void entry_count(const struct limiter *l, struct entry *e, int64_t now_ms);
static void entry_expire(const struct limiter *l, struct entry *e, int64_t now_ms);
static void entry_give_back(const struct limiter *l, struct entry *e, int64_t at_ms);
static void entry_drop_bucket(const struct limiter *l, struct entry *e, uint32_t which);
static struct bucket *bucket_at(const struct limiter *l, struct entry *e, uint32_t which);
static int64_t bucket_last_ms(const struct entry *e, const struct bucket *b);
static void wheel_put(const struct limiter *l, struct shard *s, uint32_t index);
static void wheel_turn(struct limiter *l, struct shard *s, uint32_t work);
static bool wheel_next_due(const struct limiter *l, struct shard *s);
static void entry_free(struct limiter *l, struct shard *s, uint32_t index);

enum err limiter_new(struct limit_rule rule, uint32_t keys_max, struct limiter **out)
{
    struct limiter *l = calloc(1, sizeof *l);
    if (!l) return err_set(ERR_NO_MEMORY, "no memory for a rate limiter");
    CHECK(rule.count >= 1 && rule.span_ms >= 1);
    if (sodium_init() < 0) abort(); /* no randomness: nothing can be kept safe */
    crypto_shorthash_keygen(l->secret);
    l->rule = rule;
    layout(l, keys_max ? keys_max : LIMITER_KEYS_MAX);
    const enum err err = arena_init(&l->arena, arena_size(l));
    if (err) {
        free(l);
        return err_note(err, "while making a rate limiter");
    }
    /* In a large table nearly every key would miss the TLB as well. */
    if (l->arena.size >= HUGE_FROM) (void)madvise(l->arena.base, l->arena.size, MADV_HUGEPAGE);
    l->shards = arena_take(&l->arena, l->shard_mask + 1, sizeof *l->shards);
    for (uint32_t i = 0; i <= l->shard_mask; i++) shard_init(l, &l->shards[i]);
    *out = l;
    return OK;
}

void limiter_free(struct limiter *l)
{
    if (!l) return;
    arena_deinit(&l->arena);
    free(l);
}

struct limit_rule limiter_rule(const struct limiter *l)
{
    return l->rule;
}

struct limit_answer limiter_take(struct limiter *l, struct limit_key key, int64_t now_ms)
{
    const uint64_t hash = hash_key(l, key);
    struct shard *s = shard_enter(l, hash);
    shard_tell_time(l, s, now_ms);
    struct entry *e = entry_for(l, s, key, hash);
    struct limit_answer answer = entry_take(l, e, s->now_ms);
    /* The caller waits by its own clock, which may stand behind the latest that was told. */
    const int64_t behind = s->now_ms - now_ms;
    answer.reset_ms = later_by(answer.reset_ms, behind);
    if (answer.accepted) {
        s->counters.accepted++;
    } else {
        s->counters.refused++;
        answer.retry_ms = later_by(answer.retry_ms, behind);
    }
    shard_leave(s);
    return answer;
}

void limiter_give_back(struct limiter *l, struct limit_key key, int64_t at_ms, int64_t now_ms)
{
    const uint64_t hash = hash_key(l, key);
    uint32_t where = 0;
    struct shard *s = shard_enter(l, hash);
    shard_tell_time(l, s, now_ms);
    const uint32_t index = index_find(l, s, key, hash, &where);
    struct entry *e = index == NONE ? shared_entry(l, s, hash) : entry_at(l, s, index);
    /* What is older than T counts no more; in its place another's would be given back. */
    if (at_ms + l->rule.span_ms > s->now_ms) {
        entry_expire(l, e, s->now_ms);
        entry_give_back(l, e, at_ms);
    }
    shard_leave(s);
}

bool limiter_reset(struct limiter *l, struct limit_key key)
{
    const uint64_t hash = hash_key(l, key);
    uint32_t where = 0;
    struct shard *s = shard_enter(l, hash);
    const uint32_t index = index_find(l, s, key, hash, &where);
    struct entry *e = index == NONE ? shared_entry(l, s, hash) : entry_at(l, s, index);
    const bool was_known = e->total > 0;
    e->total = e->buckets = e->head = 0;
    shard_leave(s);
    return was_known;
}

uint32_t limiter_list(struct limiter *l, int64_t now_ms, struct limiter_row *rows, uint32_t max)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i <= l->shard_mask; i++) {
        struct shard *s = &l->shards[i];
        shard_lock(s);
        shard_tell_time(l, s, now_ms);
        for (uint32_t at = 0; at <= l->index_mask && count < max; at++) {
            if (s->index[at].entry == 0) continue;
            struct entry *e = entry_at(l, s, s->index[at].entry - 1);
            entry_expire(l, e, s->now_ms);
            if (e->total == 0) continue;
            const int64_t ttl = e->last_ms + l->rule.span_ms - s->now_ms;
            rows[count++] = (struct limiter_row){e->key, e->total, (uint32_t)ttl};
        }
        shard_leave(s);
    }
    return count;
}

struct limiter_counters limiter_counters(struct limiter *l)
{
    struct limiter_counters sum = {0};
    for (uint32_t i = 0; i <= l->shard_mask; i++) {
        struct shard *s = &l->shards[i];
        shard_lock(s);
        sum.accepted += s->counters.accepted;
        sum.refused += s->counters.refused;
        sum.shared += s->counters.shared;
        sum.keys += s->counters.keys;
        shard_leave(s);
    }
    return sum;
}

static uint32_t power_of_two_from(uint32_t value)
{
    uint32_t power = 1;
    while (power < value) power *= 2;
    return power;
}

static uint32_t later_by(uint32_t ms, int64_t behind_ms)
{
    return behind_ms > (int64_t)(UINT32_MAX - ms) ? UINT32_MAX : ms + (uint32_t)behind_ms;
}

static void layout(struct limiter *l, uint32_t keys_max)
{
    uint32_t shards = LIMITER_SHARDS;
    while (shards > 1 && keys_max / shards < 64) shards /= 2;
    l->shard_mask = shards - 1;
    l->keys = (keys_max + shards - 1) / shards;
    l->index_mask = power_of_two_from(l->keys * 2) - 1;
    l->width_ms = limit_rule_width_ms(l->rule);
    l->grain_ms = (l->rule.span_ms + 15) / 16;
    l->ring_size = limit_rule_buckets(l->rule);
    /* whole cache lines: a key costs one more where its entry begins in the middle of one */
    const size_t size = sizeof(struct entry) + l->ring_size * sizeof(struct bucket);
    l->entry_size = (uint32_t)((size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
}

static size_t arena_size(const struct limiter *l)
{
    const size_t shards = (size_t)l->shard_mask + 1;
    return arena_need(shards, sizeof *l->shards) +
           shards * (arena_need((size_t)l->index_mask + 1, sizeof(struct slot)) +
                     arena_need(l->keys + LIMITER_SHARED, l->entry_size));
}

static void shard_init(struct limiter *l, struct shard *s)
{
    s->index = arena_take(&l->arena, (size_t)l->index_mask + 1, sizeof *s->index);
    s->entries = arena_take(&l->arena, l->keys + LIMITER_SHARED, l->entry_size);
    s->turn_ms = l->grain_ms;
    s->free = s->due = NONE;
    for (int i = 0; i < WHEEL_SLOTS; i++) s->wheel[i] = NONE;
}

static uint64_t hash_key(const struct limiter *l, struct limit_key key)
{
    uint64_t hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "one word of hash");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key.words, sizeof key.words,
                     l->secret);
    return hash;
}

/* Held for some tens of nanoseconds, and seldom wanted by two at once: who comes second looks
 * again. A mutex would cost a second locked instruction, to leave it. */
static void shard_lock(struct shard *s)
{
    while (atomic_exchange_explicit(&s->is_taken, true, memory_order_acquire)) sched_yield();
}

static struct shard *shard_enter(struct limiter *l, uint64_t hash)
{
    struct shard *s = &l->shards[hash >> 58 & l->shard_mask];
    __builtin_prefetch(&s->index[hash & l->index_mask]);
    shard_lock(s);
    return s;
}

static void shard_tell_time(struct limiter *l, struct shard *s, int64_t now_ms)
{
    if (now_ms > s->now_ms) s->now_ms = now_ms;
    if (s->turn_ms <= s->now_ms || s->due != NONE) wheel_turn(l, s, WORK);
}

static void shard_leave(struct shard *s)
{
    atomic_store_explicit(&s->is_taken, false, memory_order_release);
}

static struct entry *entry_at(const struct limiter *l, const struct shard *s, uint32_t index)
{
    return (struct entry *)(void *)(s->entries + (size_t)index * l->entry_size);
}

/* The entry's number and its place in the index, or NONE. */
static uint32_t index_find(const struct limiter *l, const struct shard *s, struct limit_key key,
                           uint64_t hash, uint32_t *where)
{
    const uint32_t tag = (uint32_t)(hash >> 32);
    for (uint32_t at = (uint32_t)hash & l->index_mask;; at = (at + 1) & l->index_mask) {
        const struct slot slot = s->index[at];
        if (slot.entry == 0) return NONE;
        if (slot.tag == tag && limit_key_equal(entry_at(l, s, slot.entry - 1)->key, key)) {
            *where = at;
            return slot.entry - 1;
        }
    }
}

static void index_insert(const struct limiter *l, struct shard *s, uint64_t hash, uint32_t entry)
{
    uint32_t at = (uint32_t)hash & l->index_mask;
    while (s->index[at].entry != 0) at = (at + 1) & l->index_mask;
    s->index[at] = (struct slot){(uint32_t)(hash >> 32), entry + 1};
}

/* Closes the gap by moving up what would not be found behind it. */
static void index_remove(const struct limiter *l, struct shard *s, uint32_t where)
{
    uint32_t gap = where;
    for (uint32_t at = (gap + 1) & l->index_mask; s->index[at].entry != 0;
         at = (at + 1) & l->index_mask) {
        const uint64_t hash = hash_key(l, entry_at(l, s, s->index[at].entry - 1)->key);
        const uint32_t home = (uint32_t)hash & l->index_mask;
        if (((at - home) & l->index_mask) < ((at - gap) & l->index_mask)) continue;
        s->index[gap] = s->index[at];
        gap = at;
    }
    s->index[gap] = (struct slot){0};
}

/* Where the key's requests are counted. A key leaves its shared counter only when that has run out:
 * else what it took there would not count against it. */
static struct entry *entry_for(struct limiter *l, struct shard *s, struct limit_key key,
                               uint64_t hash)
{
    uint32_t where = 0;
    uint32_t index = index_find(l, s, key, hash, &where);
    if (index != NONE) return entry_at(l, s, index);
    struct entry *shared = shared_entry(l, s, hash);
    if (s->now_ms >= s->shared_until_ms || !entry_is_live(l, shared, s->now_ms)) {
        index = entry_new(l, s, key, hash);
        if (index != NONE) return entry_at(l, s, index);
    }
    s->counters.shared++;
    s->shared_until_ms = s->now_ms + l->rule.span_ms;
    return shared;
}

static struct entry *shared_entry(const struct limiter *l, struct shard *s, uint64_t hash)
{
    return entry_at(l, s, l->keys + (uint32_t)(hash >> 32) % LIMITER_SHARED);
}

static uint32_t entry_new(struct limiter *l, struct shard *s, struct limit_key key, uint64_t hash)
{
    if (s->free == NONE && s->fresh == l->keys) wheel_turn(l, s, WORK_FULL);
    uint32_t index = s->free;
    if (index != NONE)
        s->free = entry_at(l, s, index)->next;
    else if (s->fresh < l->keys)
        index = s->fresh++;
    else
        return NONE;
    struct entry *e = entry_at(l, s, index);
    *e = (struct entry){.key = key, .last_ms = s->now_ms};
    index_insert(l, s, hash, index);
    wheel_put(l, s, index);
    s->counters.keys++;
    return index;
}

static void entry_free(struct limiter *l, struct shard *s, uint32_t index)
{
    struct entry *e = entry_at(l, s, index);
    uint32_t where = 0;
    CHECK(index_find(l, s, e->key, hash_key(l, e->key), &where) == index);
    index_remove(l, s, where);
    e->next = s->free;
    s->free = index;
    s->counters.keys--;
}

static bool entry_is_live(const struct limiter *l, const struct entry *e, int64_t now_ms)
{
    return e->total > 0 && e->last_ms + l->rule.span_ms > now_ms;
}

static struct limit_answer entry_take(const struct limiter *l, struct entry *e, int64_t now_ms)
{
    struct limit_answer answer = {.limit = l->rule.count, .at_ms = now_ms};
    entry_expire(l, e, now_ms);
    if (e->total < l->rule.count) {
        entry_count(l, e, now_ms);
        answer.accepted = true;
    } else {
        const int64_t oldest_ms = bucket_last_ms(e, bucket_at(l, e, 0));
        answer.retry_ms = (uint32_t)(oldest_ms + l->rule.span_ms - now_ms);
    }
    answer.remaining = l->rule.count - e->total;
    answer.reset_ms = (uint32_t)(e->last_ms + l->rule.span_ms - now_ms);
    return answer;
}

/* One more acceptance. The ring has room: each bucket of an exact limit holds one at least, and of
 * sub-windows that begin a width apart no more than LIMIT_BUCKETS reach into a span. */
static void entry_count(const struct limiter *l, struct entry *e, int64_t now_ms)
{
    if (e->buckets == 0 || (uint32_t)now_ms - e->begun >= l->width_ms) {
        CHECK(e->buckets < l->ring_size);
        *bucket_at(l, e, e->buckets++) = (struct bucket){0};
        e->begun = (uint32_t)now_ms;
    }
    struct bucket *newest = bucket_at(l, e, e->buckets - 1u);
    newest->last = (uint32_t)now_ms;
    newest->count++;
    e->total++;
    e->last_ms = now_ms;
}

static void entry_expire(const struct limiter *l, struct entry *e, int64_t now_ms)
{
    if (!entry_is_live(l, e, now_ms)) {
        e->total = e->buckets = e->head = 0;
        return;
    }
    while (e->buckets > 0) { /* it may run empty: what was given back leaves last_ms behind */
        const struct bucket *oldest = bucket_at(l, e, 0);
        if (bucket_last_ms(e, oldest) + l->rule.span_ms > now_ms) return;
        e->total -= oldest->count;
        entry_drop_bucket(l, e, 0);
    }
}

static void entry_give_back(const struct limiter *l, struct entry *e, int64_t at_ms)
{
    for (uint32_t which = 0; which < e->buckets; which++) {
        struct bucket *b = bucket_at(l, e, which);
        if (bucket_last_ms(e, b) < at_ms) continue;
        e->total--;
        if (--b->count == 0) entry_drop_bucket(l, e, which);
        return;
    }
}

static void entry_drop_bucket(const struct limiter *l, struct entry *e, uint32_t which)
{
    /* The next acceptance must not go into a bucket that was not the newest. */
    if (which == e->buckets - 1u) e->begun -= l->width_ms;
    for (; which > 0; which--) *bucket_at(l, e, which) = *bucket_at(l, e, which - 1);
    e->head = (uint16_t)(e->head + 1u == l->ring_size ? 0 : e->head + 1);
    e->buckets--;
}

static struct bucket *bucket_at(const struct limiter *l, struct entry *e, uint32_t which)
{
    const uint32_t at = e->head + which;
    return &e->ring[at < l->ring_size ? at : at - l->ring_size];
}

static int64_t bucket_last_ms(const struct entry *e, const struct bucket *b)
{
    return e->last_ms - ((uint32_t)e->last_ms - b->last);
}

static void wheel_put(const struct limiter *l, struct shard *s, uint32_t index)
{
    struct entry *e = entry_at(l, s, index);
    const int64_t turn = (e->last_ms + l->rule.span_ms) / l->grain_ms;
    uint32_t *list = &s->wheel[turn % WHEEL_SLOTS];
    e->next = *list;
    *list = index;
}

/* Looks at up to `work` entries whose time may have come: they are forgotten, or move on. */
static void wheel_turn(struct limiter *l, struct shard *s, uint32_t work)
{
    while (work-- > 0 && (s->due != NONE || wheel_next_due(l, s))) {
        const uint32_t index = s->due;
        struct entry *e = entry_at(l, s, index);
        s->due = e->next;
        if (entry_is_live(l, e, s->now_ms))
            wheel_put(l, s, index);
        else
            entry_free(l, s, index);
    }
}

/* Takes the next slot that is over off the wheel; false when none has entries. */
static bool wheel_next_due(const struct limiter *l, struct shard *s)
{
    const int64_t current = s->now_ms / l->grain_ms;
    int64_t turn = s->turn_ms / l->grain_ms - 1;
    if (current - turn > WHEEL_SLOTS) turn = current - WHEEL_SLOTS; /* a round is all of them */
    for (; turn < current && s->due == NONE; turn++) {
        s->due = s->wheel[turn % WHEEL_SLOTS];
        s->wheel[turn % WHEEL_SLOTS] = NONE;
    }
    s->turn_ms = (turn + 1) * l->grain_ms;
    return s->due != NONE;
}
