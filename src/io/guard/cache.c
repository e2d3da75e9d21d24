/* The cache: entries in a hash table and in the order of their last use. */
#include "io/guard/cache.h"

#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "base/check.h"
#include "base/hash.h"

enum { SLOTS = 1024, REDIS_KEY_SIZE = CACHE_KEY_SIZE + 32 };

struct waiter {
    struct waiter *next;
    cache_on_answer on_answer;
    void *user;
};

struct cache_load {
    struct cache *cache;
    struct cache_source *source;
    struct cache_load *chain;         /* in its hash slot */
    struct cache_load *newer, *older; /* by last use */
    struct cache_value *value;
    int64_t loaded_ms;
    int64_t retry_ms; /* no refresh before, after one that failed */
    enum err failure; /* the last one's */
    struct waiter *waiters, **waiters_end;
    uint32_t waiting;
    uint32_t ttl_left_ms; /* what Redis said of the value that comes next */
    bool is_loading;
    char key[CACHE_KEY_SIZE];
};

struct cache {
    uv_loop_t *loop;
    struct redis *redis;
    uint64_t seed;
    struct cache_load *slots[SLOTS];
    struct cache_load *newest, *oldest;
    struct cache_usage usage;
};

static struct cache_load **slot_of(struct cache *c, const char *key);
static struct cache_load *entry_find(struct cache *c, const char *key);
static struct cache_load *entry_new(struct cache *c, struct cache_source *source, const char *key);
static void entry_use(struct cache *c, struct cache_load *e);
static void entry_unlink(struct cache *c, struct cache_load *e);
static void entry_free(struct cache *c, struct cache_load *e);
static void make_room(struct cache *c);
static bool has_value(const struct cache_load *e, struct cache_answer *answer);
static bool wait_for(struct cache_load *e, cache_on_answer on_answer, void *user);
static void refresh(struct cache_load *e);
static void on_ttl(void *user, enum err err, const struct redis_reply *reply);
static void on_fresh(void *user, enum err err, const struct redis_reply *reply);
static void on_last_good(void *user, enum err err, const struct redis_reply *reply);
static bool is_acceptable(const struct cache_load *e, enum err err,
                          const struct redis_reply *reply);
static void load_from_source(struct cache_load *e);
static enum err set_value(struct cache_load *e, struct slice bytes, int64_t loaded_ms);
static void finish(struct cache_load *e, enum err err);
static void tell_redis(struct cache_load *e);
static void tell_counter(struct cache *c, const char *what, const char *name, uint64_t value,
                         uint64_t *told);
static void store_on_redis(struct cache *c, const char *key, const char *suffix, struct slice value,
                           uint32_t ttl_ms);
static void on_stored(void *user, enum err err, const struct redis_reply *reply);
static int64_t now_of(const struct cache *c);

enum err cache_new(uv_loop_t *loop, struct redis *redis, struct cache **out)
{
    struct cache *c = calloc(1, sizeof *c);
    if (!c) return err_set(ERR_NO_MEMORY, "no memory for a cache");
    c->loop = loop;
    c->redis = redis;
    randombytes_buf(&c->seed, sizeof c->seed);
    *out = c;
    return OK;
}

void cache_free(struct cache *c)
{
    if (!c) return;
    while (c->oldest) {
        CHECK(!c->oldest->is_loading);
        entry_free(c, c->oldest);
    }
    free(c);
}

bool cache_get(struct cache *c, struct cache_source *source, const char *key,
               struct cache_answer *answer, cache_on_answer on_answer, void *user)
{
    *answer = (struct cache_answer){.err = ERR_LIMIT};
    if (strlen(key) >= CACHE_KEY_SIZE) return true;
    struct cache_load *e = entry_find(c, key);
    if (!e) e = entry_new(c, source, key);
    if (!e) {
        answer->err = ERR_NO_MEMORY;
        return true;
    }
    entry_use(c, e);
    const bool can_refresh = !e->is_loading && now_of(c) >= e->retry_ms;
    if (has_value(e, answer)) {
        source->hits++;
        source->stale_hits += answer->is_stale;
        if (answer->is_stale && can_refresh) {
            cache_value_hold(answer->value); /* the answer outlives a load that ends at once */
            refresh(e);
            cache_value_release(answer->value);
            (void)has_value(e, answer);
        }
        return true;
    }
    source->misses++;
    if (!e->is_loading && !can_refresh) {
        answer->err = e->failure;
        return true;
    }
    if (!wait_for(e, on_answer, user)) return true;
    if (!e->is_loading) refresh(e);
    return false;
}

void cache_loaded(struct cache_load *e, enum err err, struct slice value)
{
    struct cache *c = e->cache;
    if (!err) err = set_value(e, value, now_of(c));
    if (!err) {
        e->source->loads++;
        tell_redis(e);
        finish(e, OK);
        return;
    }
    e->source->failed_loads++;
    e->failure = err;
    e->retry_ms = now_of(c) + CACHE_RETRY_MS;
    char key[REDIS_KEY_SIZE];
    snprintf(key, sizeof key, "%s:last_good", e->key);
    const struct slice words[] = {SLICE("GET"), slice_of(key)};
    if (e->value || !c->redis || redis_send(c->redis, words, 2, on_last_good, e) != OK)
        finish(e, err);
}

void cache_drop(struct cache *c, const char *key)
{
    struct cache_load *e = entry_find(c, key);
    char last_good[REDIS_KEY_SIZE];
    snprintf(last_good, sizeof last_good, "%s:last_good", key);
    const struct slice words[] = {SLICE("DEL"), slice_of(key), slice_of(last_good)};
    if (c->redis) (void)redis_send(c->redis, words, 3, on_stored, NULL);
    if (!e) return;
    if (e->is_loading) {
        c->usage.bytes -= e->value ? e->value->size : 0;
        cache_value_release(e->value);
        e->value = NULL;
    } else {
        entry_free(c, e);
    }
}

struct cache_usage cache_usage(const struct cache *c)
{
    return c->usage;
}

void cache_value_hold(struct cache_value *v)
{
    v->references++;
}

void cache_value_release(struct cache_value *v)
{
    if (v && --v->references == 0) free(v);
}

static struct cache_load **slot_of(struct cache *c, const char *key)
{
    return &c->slots[hash_bytes(c->seed, key, strlen(key)) % SLOTS];
}

static struct cache_load *entry_find(struct cache *c, const char *key)
{
    struct cache_load *e = *slot_of(c, key);
    while (e && strcmp(e->key, key) != 0) e = e->chain;
    return e;
}

static struct cache_load *entry_new(struct cache *c, struct cache_source *source, const char *key)
{
    struct cache_load *e = calloc(1, sizeof *e);
    if (!e) return NULL;
    struct cache_load **slot = slot_of(c, key);
    *e = (struct cache_load){.cache = c, .source = source, .chain = *slot, .retry_ms = INT64_MIN};
    e->waiters_end = &e->waiters;
    snprintf(e->key, sizeof e->key, "%s", key);
    *slot = e;
    e->older = c->newest;
    if (c->newest) c->newest->newer = e;
    c->newest = e;
    if (!c->oldest) c->oldest = e;
    c->usage.entries++;
    make_room(c);
    return e;
}

/* Moves it to the front of the order of use. */
static void entry_use(struct cache *c, struct cache_load *e)
{
    if (c->newest == e) return;
    entry_unlink(c, e);
    e->older = c->newest;
    e->newer = NULL;
    if (c->newest) c->newest->newer = e;
    c->newest = e;
    if (!c->oldest) c->oldest = e;
}

static void entry_unlink(struct cache *c, struct cache_load *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
}

static void entry_free(struct cache *c, struct cache_load *e)
{
    struct cache_load **at = slot_of(c, e->key);
    while (*at != e) at = &(*at)->chain;
    *at = e->chain;
    entry_unlink(c, e);
    c->usage.entries--;
    c->usage.bytes -= e->value ? e->value->size : 0;
    cache_value_release(e->value);
    free(e);
}

/* Never drops the newest, which is being used, nor what is being loaded. */
static void make_room(struct cache *c)
{
    struct cache_load *e = c->oldest;
    while (e && e != c->newest &&
           (c->usage.entries > CACHE_ENTRIES_MAX || c->usage.bytes > CACHE_BYTES_MAX)) {
        struct cache_load *next = e->newer;
        if (!e->is_loading) {
            entry_free(c, e);
            c->usage.dropped++;
        }
        e = next;
    }
}

static bool has_value(const struct cache_load *e, struct cache_answer *answer)
{
    const int64_t age_ms = now_of(e->cache) - e->loaded_ms;
    if (!e->value || age_ms >= (int64_t)e->source->ttl_ms + e->source->keep_ms) return false;
    *answer = (struct cache_answer){OK, e->value, (uint32_t)age_ms, age_ms >= e->source->ttl_ms};
    return true;
}

static bool wait_for(struct cache_load *e, cache_on_answer on_answer, void *user)
{
    if (e->waiting == CACHE_WAITERS_MAX) return false;
    struct waiter *w = malloc(sizeof *w);
    if (!w) return false;
    *w = (struct waiter){NULL, on_answer, user};
    *e->waiters_end = w;
    e->waiters_end = &w->next;
    e->waiting++;
    return true;
}

/* Somebody else may have fetched it already: Redis is asked first. */
static void refresh(struct cache_load *e)
{
    struct cache *c = e->cache;
    const struct slice ttl[] = {SLICE("PTTL"), slice_of(e->key)};
    const struct slice get[] = {SLICE("GET"), slice_of(e->key)};
    e->is_loading = true;
    e->ttl_left_ms = 0;
    if (!c->redis || redis_send(c->redis, ttl, 2, on_ttl, e) != OK) {
        load_from_source(e);
        return;
    }
    if (redis_send(c->redis, get, 2, on_fresh, e) != OK) e->ttl_left_ms = UINT32_MAX;
}

static void on_ttl(void *user, enum err err, const struct redis_reply *reply)
{
    struct cache_load *e = user;
    if (e->ttl_left_ms == UINT32_MAX) {
        load_from_source(e); /* the second command did not leave */
        return;
    }
    if (!err && reply->kind == REDIS_INTEGER && reply->integer > 0 &&
        reply->integer <= (int64_t)e->source->ttl_ms)
        e->ttl_left_ms = (uint32_t)reply->integer;
}

static void on_fresh(void *user, enum err err, const struct redis_reply *reply)
{
    struct cache_load *e = user;
    const int64_t age_ms = (int64_t)e->source->ttl_ms - e->ttl_left_ms;
    if (e->ttl_left_ms == 0 || !is_acceptable(e, err, reply) ||
        set_value(e, reply->text, now_of(e->cache) - age_ms) != OK)
        load_from_source(e);
    else
        finish(e, OK);
}

/* How old it is is not known: it counts as just past its TTL. */
static void on_last_good(void *user, enum err err, const struct redis_reply *reply)
{
    struct cache_load *e = user;
    if (is_acceptable(e, err, reply) &&
        set_value(e, reply->text, now_of(e->cache) - e->source->ttl_ms) == OK)
        finish(e, OK);
    else
        finish(e, e->failure);
}

static bool is_acceptable(const struct cache_load *e, enum err err, const struct redis_reply *reply)
{
    if (err || reply->kind != REDIS_TEXT) return false;
    return !e->source->accepts || e->source->accepts(e->source->user, reply->text);
}

static void load_from_source(struct cache_load *e)
{
    e->source->load(e->source->user, e->key, e);
}

static enum err set_value(struct cache_load *e, struct slice bytes, int64_t loaded_ms)
{
    struct cache *c = e->cache;
    if (bytes.size > CACHE_VALUE_MAX)
        return err_set(ERR_LIMIT, "%s is larger than %zu bytes", e->key, CACHE_VALUE_MAX);
    struct cache_value *v = malloc(sizeof *v + bytes.size);
    if (!v) return err_set(ERR_NO_MEMORY, "no memory for %s", e->key);
    v->references = 1;
    v->size = bytes.size;
    if (bytes.size) memcpy(v->data, bytes.data, bytes.size);
    c->usage.bytes += v->size - (e->value ? e->value->size : 0);
    cache_value_release(e->value);
    e->value = v;
    e->loaded_ms = loaded_ms;
    return OK;
}

/* The refresh is over: whoever waited is answered. */
static void finish(struct cache_load *e, enum err err)
{
    struct cache *c = e->cache;
    struct waiter *w = e->waiters;
    struct cache_answer answer = {.err = err ? err : ERR_NOT_FOUND};
    if (!has_value(e, &answer)) answer.value = NULL;
    struct cache_value *held = answer.value;
    if (held) cache_value_hold(held);
    e->waiters = NULL;
    e->waiters_end = &e->waiters;
    e->waiting = 0;
    e->is_loading = false;
    make_room(c); /* e itself may go */
    while (w) {
        struct waiter *next = w->next;
        w->on_answer(w->user, &answer);
        free(w);
        w = next;
    }
    cache_value_release(held);
}

static void tell_redis(struct cache_load *e)
{
    struct cache *c = e->cache;
    struct cache_source *s = e->source;
    const struct slice value = {e->value->data, e->value->size};
    if (!c->redis) return;
    store_on_redis(c, e->key, "", value, s->ttl_ms);
    store_on_redis(c, e->key, ":last_good", value, s->ttl_ms + s->keep_ms);
    tell_counter(c, "hit", s->name, s->hits, &s->told_hits);
    tell_counter(c, "miss", s->name, s->misses, &s->told_misses);
}

static void tell_counter(struct cache *c, const char *what, const char *name, uint64_t value,
                         uint64_t *told)
{
    char key[REDIS_KEY_SIZE], count[24];
    snprintf(key, sizeof key, "metrics:cache_%s:%s", what, name);
    snprintf(count, sizeof count, "%llu", (unsigned long long)(value - *told));
    const struct slice words[] = {SLICE("INCRBY"), slice_of(key), slice_of(count)};
    if (value != *told && redis_send(c->redis, words, 3, on_stored, NULL) == OK) *told = value;
}

static void store_on_redis(struct cache *c, const char *key, const char *suffix, struct slice value,
                           uint32_t ttl_ms)
{
    char name[REDIS_KEY_SIZE], ttl[12];
    snprintf(name, sizeof name, "%s%s", key, suffix);
    snprintf(ttl, sizeof ttl, "%u", ttl_ms);
    const struct slice words[] = {SLICE("SET"), slice_of(name), value, SLICE("PX"), slice_of(ttl)};
    (void)redis_send(c->redis, words, 5, on_stored, NULL);
}

static void on_stored(void *user, enum err err, const struct redis_reply *reply)
{
    (void)user, (void)err, (void)reply; /* the memory has it; the breaker was told */
}

static int64_t now_of(const struct cache *c)
{
    return (int64_t)uv_now(c->loop);
}
