/* The rate limiter in memory: shards of open addressing, whose entries stand in the table itself,
 * so that a check waits for memory once.
 *
 * An entry is a log of sub-windows, oldest first; in an exact limit a sub-window is a millisecond.
 * Beside the entries stands a byte for each: the turn (T/8) in which it would have to be forgotten
 * as that was known when the byte was written. A hand goes over these bytes, at most once a turn
 * and a bounded piece a request, and looks only at entries whose turn is over: a key that stayed
 * busy gets a later byte then, not at each request. */
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
    TURNS_AHEAD = 10, /* more than a living entry's turn is away */
    SCAN = 64,        /* bytes that a request's piece goes over */
    SCAN_FULL = 4096, /* the same where a key finds no room */
    DUE_MAX = 4,      /* entries that a request's piece looks at */
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
    uint32_t tag;     /* of the hash: where the entry belongs; 0: free */
    uint32_t total;   /* of all buckets */
    uint32_t begun;   /* the lower half of the time at which the newest bucket begins */
    uint32_t buckets; /* in use */
    struct bucket log[];
};

struct shard {
    _Alignas(64) atomic_bool is_taken; /* the lock */
    uint8_t turn; /* that of now_ms when the hand set out; a free entry's is 0 */
    uint8_t due_count;
    uint32_t hand; /* the byte to be looked at next; at the end: no more in this turn */
    char *entries;
    uint8_t *turns;
    char *shared;
    int64_t now_ms;          /* the latest time that was told */
    int64_t turn_ends_ms;    /* when the hand may set out again */
    int64_t shared_until_ms; /* some shared counter is in use until then */
    uint32_t due[DUE_MAX];   /* found, and on their way out of memory */
    struct limiter_counters counters;
};

struct limiter {
    struct limit_rule rule;
    uint32_t width_ms, grain_ms;
    uint32_t log_size;
    uint32_t entry_size;
    uint32_t keys;  /* a shard */
    uint32_t slots; /* a shard: half as many again, so that the way to an entry is short */
    uint32_t shard_mask;
    unsigned char secret[crypto_shorthash_KEYBYTES];
    struct arena arena;
    struct shard *shards;
};

static uint32_t later_by(uint32_t ms, int64_t behind_ms);
static void layout(struct limiter *l, uint32_t keys_max);
static size_t arena_size(const struct limiter *l);
static void shard_init(struct limiter *l, struct shard *s);
static uint64_t hash_key(const struct limiter *l, struct limit_key key);
static uint32_t tag_of(uint64_t hash);
static uint32_t home_of(const struct limiter *l, uint32_t tag);
static struct shard *shard_of(const struct limiter *l, uint64_t hash);
static void shard_lock(struct shard *s);
static void shard_leave(struct shard *s);
static void shard_tell_time(struct limiter *l, struct shard *s, int64_t now_ms);
static struct entry *entry_at(const struct limiter *l, const struct shard *s, uint32_t slot);
static uint32_t slot_after(const struct limiter *l, uint32_t slot);
static uint32_t find(const struct limiter *l, const struct shard *s, struct limit_key key,
                     uint64_t hash);
static struct entry *entry_for(struct limiter *l, struct shard *s, struct limit_key key,
                               uint64_t hash);
static struct entry *entry_known(const struct limiter *l, struct shard *s, struct limit_key key,
                                 uint64_t hash);
static struct entry *shared_entry(const struct limiter *l, struct shard *s, uint64_t hash);
static struct entry *entry_new(struct limiter *l, struct shard *s, struct limit_key key,
                               uint64_t hash);
static void entry_free(struct limiter *l, struct shard *s, uint32_t slot);
static void entry_move(const struct limiter *l, struct shard *s, uint32_t from, uint32_t to);
static bool entry_is_live(const struct limiter *l, const struct entry *e, int64_t now_ms);
static struct limit_answer entry_take(const struct limiter *l, struct entry *e, int64_t now_ms);
static void entry_count(const struct limiter *l, struct entry *e, int64_t now_ms);
static void entry_expire(const struct limiter *l, struct entry *e, int64_t now_ms);
static void entry_forget(struct entry *e);
static bool entry_tell(const struct limiter *l, struct shard *s, uint32_t slot,
                       struct limiter_row *row);
static void entry_give_back(const struct limiter *l, struct entry *e, int64_t at_ms);
static void entry_drop(struct entry *e, uint32_t which, uint32_t count);
static int64_t bucket_last_ms(const struct entry *e, const struct bucket *b);
static uint8_t turn_of(const struct limiter *l, int64_t at_ms);
static bool is_over(const struct shard *s, uint32_t slot);
static void hand_work(struct limiter *l, struct shard *s, uint32_t scan);
static void hand_look(struct limiter *l, struct shard *s);
static void hand_go(struct limiter *l, struct shard *s, uint32_t scan);

/* What nearly every check reads: the key's place with the older half of a log, and the next place.
 * Reads nothing itself, so it needs no lock.
 * Inlined, because GCC takes a function that only prefetches for one without effect. */
static inline __attribute__((always_inline)) void fetch(const struct limiter *l,
                                                        const struct shard *s, uint64_t hash)
{
    const char *home = s->entries + (size_t)home_of(l, tag_of(hash)) * l->entry_size;
    __builtin_prefetch(home, 1);
    __builtin_prefetch(home + CACHE_LINE, 1);
    __builtin_prefetch(home + l->entry_size, 1);
}

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

void limiter_expect(const struct limiter *l, struct limit_key key)
{
    const uint64_t hash = hash_key(l, key);
    fetch(l, shard_of(l, hash), hash);
}

struct limit_answer limiter_take(struct limiter *l, struct limit_key key, int64_t now_ms)
{
    const uint64_t hash = hash_key(l, key);
    struct shard *s = shard_of(l, hash);
    fetch(l, s, hash);
    shard_lock(s);
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
    struct shard *s = shard_of(l, hash);
    shard_lock(s);
    shard_tell_time(l, s, now_ms);
    struct entry *e = entry_known(l, s, key, hash);
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
    struct shard *s = shard_of(l, hash);
    shard_lock(s);
    struct entry *e = entry_known(l, s, key, hash);
    const bool was_known = e->total > 0;
    entry_forget(e);
    shard_leave(s);
    return was_known;
}

void limiter_clear(struct limiter *l)
{
    for (uint32_t i = 0; i <= l->shard_mask; i++) {
        struct shard *s = &l->shards[i];
        shard_lock(s);
        for (uint32_t slot = 0; slot < l->slots; slot++)
            if (s->turns[slot] != 0) entry_forget(entry_at(l, s, slot));
        for (uint32_t which = 0; which < LIMITER_SHARED; which++)
            entry_forget((struct entry *)(void *)(s->shared + (size_t)which * l->entry_size));
        shard_leave(s);
    }
}

uint32_t limiter_list(struct limiter *l, int64_t now_ms, uint32_t *place, struct limiter_row *rows,
                      uint32_t max)
{
    const uint32_t end = (l->shard_mask + 1) * l->slots;
    uint32_t count = 0, at = *place;
    while (at < end && count < max) {
        struct shard *s = &l->shards[at / l->slots];
        shard_lock(s);
        shard_tell_time(l, s, now_ms);
        for (uint32_t slot = at % l->slots; slot < l->slots && count < max; slot++, at++)
            count += entry_tell(l, s, slot, &rows[count]);
        shard_leave(s);
    }
    *place = at < end ? at : 0;
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
    l->slots = l->keys + l->keys / 2 + 1;
    l->width_ms = limit_rule_width_ms(l->rule);
    l->grain_ms = (l->rule.span_ms + 7) / 8;
    l->log_size = limit_rule_buckets(l->rule);
    /* whole cache lines: a key costs one more where its entry begins in the middle of one */
    const size_t size = sizeof(struct entry) + l->log_size * sizeof(struct bucket);
    l->entry_size = (uint32_t)((size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
}

static size_t arena_size(const struct limiter *l)
{
    const size_t shards = (size_t)l->shard_mask + 1;
    return arena_need(shards, sizeof *l->shards) +
           shards * (arena_need((size_t)l->slots + LIMITER_SHARED, l->entry_size) +
                     arena_need(l->slots, 1));
}

static void shard_init(struct limiter *l, struct shard *s)
{
    s->entries = arena_take(&l->arena, (size_t)l->slots + LIMITER_SHARED, l->entry_size);
    s->shared = s->entries + (size_t)l->slots * l->entry_size;
    s->turns = arena_take(&l->arena, l->slots, 1);
    s->turn = turn_of(l, 0);
    s->turn_ends_ms = l->grain_ms;
    s->hand = l->slots;
}

static uint64_t hash_key(const struct limiter *l, struct limit_key key)
{
    uint64_t hash;
    _Static_assert(sizeof hash == crypto_shorthash_BYTES, "one word of hash");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key.words, sizeof key.words,
                     l->secret);
    return hash;
}

static uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)hash | 1;
}

static uint32_t home_of(const struct limiter *l, uint32_t tag)
{
    return (uint32_t)((uint64_t)tag * l->slots >> 32);
}

static struct shard *shard_of(const struct limiter *l, uint64_t hash)
{
    return &l->shards[hash >> 58 & l->shard_mask];
}

/* Held for some tens of nanoseconds, and seldom wanted by two at once: who comes second looks
 * again. A mutex would cost a second locked instruction, to leave it. */
static void shard_lock(struct shard *s)
{
    while (atomic_exchange_explicit(&s->is_taken, true, memory_order_acquire)) sched_yield();
}

static void shard_leave(struct shard *s)
{
    atomic_store_explicit(&s->is_taken, false, memory_order_release);
}

static void shard_tell_time(struct limiter *l, struct shard *s, int64_t now_ms)
{
    if (now_ms > s->now_ms) s->now_ms = now_ms;
    if (s->turn_ends_ms <= s->now_ms || s->hand < l->slots || s->due_count > 0)
        hand_work(l, s, SCAN);
}

static struct entry *entry_at(const struct limiter *l, const struct shard *s, uint32_t slot)
{
    return (struct entry *)(void *)(s->entries + (size_t)slot * l->entry_size);
}

static uint32_t slot_after(const struct limiter *l, uint32_t slot)
{
    return slot + 1 == l->slots ? 0 : slot + 1;
}

/* The key's slot, or NONE. A third of all slots is free, so each search ends. */
static uint32_t find(const struct limiter *l, const struct shard *s, struct limit_key key,
                     uint64_t hash)
{
    const uint32_t tag = tag_of(hash);
    for (uint32_t slot = home_of(l, tag);; slot = slot_after(l, slot)) {
        const struct entry *e = entry_at(l, s, slot);
        if (e->tag == tag && limit_key_equal(e->key, key)) return slot;
        if (e->tag == 0) return NONE;
    }
}

/* Where the key's requests are counted. A key leaves its shared counter only when that has run out:
 * else what it took there would not count against it. */
static struct entry *entry_for(struct limiter *l, struct shard *s, struct limit_key key,
                               uint64_t hash)
{
    const uint32_t slot = find(l, s, key, hash);
    if (slot != NONE) return entry_at(l, s, slot);
    struct entry *shared = shared_entry(l, s, hash);
    if (s->now_ms >= s->shared_until_ms || !entry_is_live(l, shared, s->now_ms)) {
        struct entry *made = entry_new(l, s, key, hash);
        if (made) return made;
    }
    s->counters.shared++;
    s->shared_until_ms = s->now_ms + l->rule.span_ms;
    return shared;
}

static struct entry *entry_known(const struct limiter *l, struct shard *s, struct limit_key key,
                                 uint64_t hash)
{
    const uint32_t slot = find(l, s, key, hash);
    return slot == NONE ? shared_entry(l, s, hash) : entry_at(l, s, slot);
}

static struct entry *shared_entry(const struct limiter *l, struct shard *s, uint64_t hash)
{
    const size_t which = (hash >> 32) % LIMITER_SHARED;
    return (struct entry *)(void *)(s->shared + which * l->entry_size);
}

/* NULL where there is no room. */
static struct entry *entry_new(struct limiter *l, struct shard *s, struct limit_key key,
                               uint64_t hash)
{
    if (s->counters.keys == l->keys) hand_work(l, s, SCAN_FULL);
    if (s->counters.keys == l->keys) return NULL;
    const uint32_t tag = tag_of(hash);
    uint32_t slot = home_of(l, tag);
    while (entry_at(l, s, slot)->tag != 0) slot = slot_after(l, slot);
    struct entry *e = entry_at(l, s, slot);
    *e = (struct entry){.key = key, .last_ms = s->now_ms, .tag = tag};
    s->turns[slot] = turn_of(l, s->now_ms + l->rule.span_ms);
    s->counters.keys++;
    return e;
}

/* Closes the gap by moving up what would not be found behind it. */
static void entry_free(struct limiter *l, struct shard *s, uint32_t slot)
{
    uint32_t gap = slot;
    for (uint32_t at = slot_after(l, gap); entry_at(l, s, at)->tag != 0; at = slot_after(l, at)) {
        const uint32_t home = home_of(l, entry_at(l, s, at)->tag);
        const uint32_t way = at >= home ? at - home : at + l->slots - home;
        const uint32_t back = at >= gap ? at - gap : at + l->slots - gap;
        if (way < back) continue;
        entry_move(l, s, at, gap);
        gap = at;
    }
    entry_at(l, s, gap)->tag = 0;
    s->turns[gap] = 0;
    s->counters.keys--;
}

static void entry_move(const struct limiter *l, struct shard *s, uint32_t from, uint32_t to)
{
    const struct entry *e = entry_at(l, s, from);
    memcpy(entry_at(l, s, to), e, sizeof *e + e->buckets * sizeof *e->log);
    s->turns[to] = s->turns[from];
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
        const int64_t oldest_ms = bucket_last_ms(e, &e->log[0]);
        answer.retry_ms = (uint32_t)(oldest_ms + l->rule.span_ms - now_ms);
    }
    answer.remaining = l->rule.count - e->total;
    answer.reset_ms = (uint32_t)(e->last_ms + l->rule.span_ms - now_ms);
    return answer;
}

/* One more acceptance. The log has room: each bucket of an exact limit holds one at least, and of
 * sub-windows that begin a width apart no more than LIMIT_BUCKETS reach into a span. */
static void entry_count(const struct limiter *l, struct entry *e, int64_t now_ms)
{
    if (e->buckets == 0 || (uint32_t)now_ms - e->begun >= l->width_ms) {
        CHECK(e->buckets < l->log_size);
        e->log[e->buckets++] = (struct bucket){0};
        e->begun = (uint32_t)now_ms;
    }
    struct bucket *newest = &e->log[e->buckets - 1];
    newest->last = (uint32_t)now_ms;
    newest->count++;
    e->total++;
    e->last_ms = now_ms;
}

static void entry_expire(const struct limiter *l, struct entry *e, int64_t now_ms)
{
    if (!entry_is_live(l, e, now_ms)) {
        entry_forget(e);
        return;
    }
    uint32_t old = 0; /* may be all: what was given back leaves last_ms behind */
    for (; old < e->buckets; old++) {
        if (bucket_last_ms(e, &e->log[old]) + l->rule.span_ms > now_ms) break;
        e->total -= e->log[old].count;
    }
    if (old > 0) entry_drop(e, 0, old);
}

static void entry_forget(struct entry *e)
{
    e->total = e->buckets = 0;
}

static bool entry_tell(const struct limiter *l, struct shard *s, uint32_t slot,
                       struct limiter_row *row)
{
    if (s->turns[slot] == 0) return false;
    struct entry *e = entry_at(l, s, slot);
    entry_expire(l, e, s->now_ms);
    const int64_t ttl_ms = e->last_ms + l->rule.span_ms - s->now_ms;
    if (e->total > 0) *row = (struct limiter_row){e->key, e->total, (uint32_t)ttl_ms};
    return e->total > 0;
}

static void entry_give_back(const struct limiter *l, struct entry *e, int64_t at_ms)
{
    for (uint32_t which = 0; which < e->buckets; which++) {
        struct bucket *b = &e->log[which];
        if (bucket_last_ms(e, b) < at_ms) continue;
        e->total--;
        if (--b->count > 0) return;
        /* The next acceptance must not go into a bucket that was not the newest. */
        if (which == e->buckets - 1) e->begun -= l->width_ms;
        entry_drop(e, which, 1);
        return;
    }
}

static void entry_drop(struct entry *e, uint32_t which, uint32_t count)
{
    e->buckets -= count;
    struct bucket *at = &e->log[which];
    for (uint32_t left = e->buckets - which; left > 0; left--, at++) *at = at[count];
}

static int64_t bucket_last_ms(const struct entry *e, const struct bucket *b)
{
    return e->last_ms - ((uint32_t)e->last_ms - b->last);
}

/* The lower eight bits; what would be 0 is looked at a turn late. */
static uint8_t turn_of(const struct limiter *l, int64_t at_ms)
{
    const uint8_t turn = (uint8_t)(at_ms / l->grain_ms);
    return turn ? turn : 1;
}

/* What lies further ahead than a living entry's turn is over since long. Being wrong once in a
 * round costs a look, or leaves a dead entry until the next turn. */
static bool is_over(const struct shard *s, uint32_t slot)
{
    const uint8_t turn = s->turns[slot];
    return turn != 0 && (uint8_t)(turn - s->turn) > TURNS_AHEAD;
}

static void hand_work(struct limiter *l, struct shard *s, uint32_t scan)
{
    if (s->turn_ends_ms <= s->now_ms && s->hand == l->slots) {
        s->turn = turn_of(l, s->now_ms);
        s->turn_ends_ms = (s->now_ms / l->grain_ms + 1) * l->grain_ms;
        s->hand = 0;
    }
    hand_look(l, s);
    hand_go(l, s, scan);
    if (scan == SCAN_FULL) hand_look(l, s);
}

/* Looks at what was found: it is forgotten, or gets a later turn. Where another entry has moved
 * into the place meanwhile, that is looked at if it is due too. */
static void hand_look(struct limiter *l, struct shard *s)
{
    for (; s->due_count > 0; s->due_count--) {
        const uint32_t slot = s->due[s->due_count - 1];
        const struct entry *e = entry_at(l, s, slot);
        if (!is_over(s, slot)) continue;
        if (entry_is_live(l, e, s->now_ms))
            s->turns[slot] = turn_of(l, e->last_ms + l->rule.span_ms);
        else
            entry_free(l, s, slot);
    }
}

/* Goes on until enough is found, or far enough for one request. */
static void hand_go(struct limiter *l, struct shard *s, uint32_t scan)
{
    uint32_t slot = s->hand;
    const uint32_t end = l->slots - slot > scan ? slot + scan : l->slots;
    for (; slot < end && s->due_count < DUE_MAX; slot++) {
        if (!is_over(s, slot)) continue;
        s->due[s->due_count++] = slot;
        __builtin_prefetch(entry_at(l, s, slot), 1);
    }
    s->hand = slot;
}
