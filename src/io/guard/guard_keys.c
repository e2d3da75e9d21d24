/* Walks over counters: memory first, then Redis step by step. */
#include "io/guard/guard_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* A cursor is a limit and a place in its memory, or Redis' own; up to 18 decimal digits. */
#define ON_REDIS      (UINT64_C(1) << 59)
#define SCAN_MAX      (UINT64_C(1) << 58)
#define PLACE_BITS    32
#define NUMBER_DIGITS 18

enum { BATCH_MAX = 60 /* names in one command */ };

/* One call under way. */
struct walk {
    struct guard *guard;
    guard_on_page on_page;           /* NULL: everything is forgotten */
    guard_on_forgotten on_forgotten; /* NULL: a page is told */
    void *user;
    struct guard_key *keys; /* the page, and from `begin` on the step under way */
    size_t count, room;
    size_t begin, found; /* of the step */
    size_t asked, batch; /* of found: what was asked about before, and what is under way */
    uint32_t max, steps;
    uint64_t scan; /* Redis' cursor */
    int64_t redis_ms;
};

static void list_memory(struct walk *w, uint64_t *cursor);
static void add_memory(struct walk *w, size_t limit, uint32_t *place);
static void walk_end(struct walk *w, enum err err, uint64_t next);
static void step(struct walk *w);
static void on_scanned(void *user, enum err err, const struct redis_reply *reply);
static enum err take_names(struct walk *w, const struct redis_reply *reply);
static void after_step(struct walk *w);
static void ask_time(struct walk *w);
static void on_time(void *user, enum err err, const struct redis_reply *reply);
static void on_values(void *user, enum err err, const struct redis_reply *reply);
static void ask_batch(struct walk *w);
static void on_dropped(void *user, enum err err, const struct redis_reply *reply);
static bool read_number(struct slice text, uint64_t max, uint64_t *out);
static enum err refused(const struct redis_reply *reply);

static struct walk *walk_new(struct guard *g, void *user)
{
    struct walk *w = calloc(1, sizeof *w);
    CHECK(w);
    w->guard = g;
    w->user = user;
    return w;
}

/* Has room for so many keys in all. */
static void make_room(struct walk *w, size_t room)
{
    if (room <= w->room) return;
    w->keys = realloc(w->keys, room * sizeof *w->keys);
    CHECK(w->keys);
    w->room = room;
}

bool guard_keys_cursor_is_good(const struct guard *g, uint64_t cursor)
{
    if (cursor & ON_REDIS) return guard_redis(g) && (cursor ^ ON_REDIS) < SCAN_MAX;
    return cursor >> PLACE_BITS < guard_limits_count(guard_limits_of(g));
}

void guard_keys_list(struct guard *g, uint64_t cursor, uint32_t max, guard_on_page on_page,
                     void *user)
{
    CHECK(guard_keys_cursor_is_good(g, cursor) && max >= 1 && max <= GUARD_KEYS_PAGE_MAX);
    struct walk *w = walk_new(g, user);
    w->on_page = on_page;
    w->max = max;
    make_room(w, max);
    if (!(cursor & ON_REDIS)) list_memory(w, &cursor);
    if (w->count < max && (cursor & ON_REDIS)) {
        w->scan = cursor ^ ON_REDIS;
        step(w);
    } else {
        walk_end(w, OK, cursor);
    }
}

void guard_keys_forget(struct guard *g, size_t limit, struct limit_key key,
                       guard_on_forgotten on_forgotten, void *user)
{
    (void)limiter_reset(guard_limits_local(guard_limits_of(g), limit), key);
    struct walk *w = walk_new(g, user);
    w->on_forgotten = on_forgotten;
    if (!guard_redis(g)) {
        walk_end(w, OK, 0);
        return;
    }
    make_room(w, 1);
    w->keys[0] = (struct guard_key){.limit = limit, .key = key};
    w->found = 1;
    ask_batch(w);
}

void guard_keys_forget_all(struct guard *g, guard_on_forgotten on_forgotten, void *user)
{
    struct guard_limits *l = guard_limits_of(g);
    for (size_t i = 0; i < guard_limits_count(l); i++) limiter_clear(guard_limits_local(l, i));
    struct walk *w = walk_new(g, user);
    w->on_forgotten = on_forgotten;
    if (guard_redis(g))
        step(w);
    else
        walk_end(w, OK, 0);
}

bool guard_keys_parse(const struct guard_limits *l, struct slice text, size_t *limit,
                      struct limit_key *key)
{
    for (*limit = 0; *limit < guard_limits_count(l); (*limit)++)
        if (limiter_redis_key_parse(guard_limits_rule(l, *limit), text, key)) return true;
    return false;
}

/* ---- memory ---- */

/* Leaves in *cursor where to go on. */
static void list_memory(struct walk *w, uint64_t *cursor)
{
    const size_t limits = guard_limits_count(guard_limits_of(w->guard));
    size_t limit = *cursor >> PLACE_BITS;
    uint32_t place = (uint32_t)*cursor;
    while (limit < limits && w->count < w->max) {
        add_memory(w, limit, &place);
        if (place == 0) limit++;
    }
    *cursor = (uint64_t)limit << PLACE_BITS | place;
    if (limit == limits) *cursor = guard_redis(w->guard) ? ON_REDIS : 0;
}

static void add_memory(struct walk *w, size_t limit, uint32_t *place)
{
    static _Thread_local struct limiter_row rows[GUARD_KEYS_PAGE_MAX];
    struct limiter *l = guard_limits_local(guard_limits_of(w->guard), limit);
    const uint32_t count =
        limiter_list(l, guard_now_ms(w->guard), place, rows, w->max - (uint32_t)w->count);
    for (uint32_t i = 0; i < count; i++)
        w->keys[w->count++] = (struct guard_key){.limit = limit,
                                                 .key = rows[i].key,
                                                 .used = rows[i].used,
                                                 .remaining = limiter_rule(l).count - rows[i].used,
                                                 .ttl_ms = rows[i].ttl_ms};
}

static void walk_end(struct walk *w, enum err err, uint64_t next)
{
    const struct guard_page page = {err, w->keys, w->count, err ? 0 : next};
    if (w->on_page)
        w->on_page(w->user, &page);
    else
        w->on_forgotten(w->user, err);
    free(w->keys);
    free(w);
}

/* ---- Redis ---- */

static void step(struct walk *w)
{
    char cursor[24], places[12];
    snprintf(cursor, sizeof cursor, "%llu", (unsigned long long)w->scan);
    snprintf(places, sizeof places, "%d", GUARD_KEYS_STEP);
    const struct slice words[] = {SLICE("SCAN"), slice_of(cursor), SLICE("MATCH"),
                                  SLICE("rl:*"), SLICE("COUNT"),   slice_of(places)};
    w->steps++;
    const enum err err = redis_send(guard_redis(w->guard), words, 6, on_scanned, w);
    if (err) walk_end(w, err, 0);
}

static void on_scanned(void *user, enum err err, const struct redis_reply *reply)
{
    struct walk *w = user;
    if (!err) err = take_names(w, reply);
    if (err)
        walk_end(w, err, 0);
    else if (w->found > 0 && w->on_page)
        ask_time(w);
    else
        ask_batch(w);
}

static enum err take_names(struct walk *w, const struct redis_reply *reply)
{
    const struct redis_reply *names = NULL;
    if (reply->kind == REDIS_FAILED) return refused(reply);
    if (reply->kind == REDIS_LIST && reply->count == 2) names = reply->items[1];
    if (!names || names->kind != REDIS_LIST || reply->items[0]->kind != REDIS_TEXT ||
        !read_number(reply->items[0]->text, SCAN_MAX - 1, &w->scan))
        return err_set(ERR_PARSE, "Redis answered what SCAN does not");
    make_room(w, w->count + names->count);
    w->begin = w->count;
    w->found = w->asked = w->batch = 0;
    for (size_t i = 0; i < names->count; i++) {
        struct guard_key *k = &w->keys[w->begin + w->found];
        *k = (struct guard_key){.is_on_redis = true};
        if (names->items[i]->kind == REDIS_TEXT &&
            guard_keys_parse(guard_limits_of(w->guard), names->items[i]->text, &k->limit, &k->key))
            w->found++;
    }
    return OK;
}

static void after_step(struct walk *w)
{
    const uint32_t steps_max = w->on_page ? GUARD_KEYS_STEPS_MAX : GUARD_KEYS_FORGET_MAX;
    if (w->scan != 0 && w->steps < steps_max && (!w->on_page || w->count < w->max))
        step(w);
    else if (w->scan != 0 && !w->on_page)
        walk_end(w, err_set(ERR_LIMIT, "Redis tells keys without an end"), 0);
    else
        walk_end(w, OK, w->scan ? ON_REDIS | w->scan : 0);
}

/* What the values mean is a matter of the server's clock. */
static void ask_time(struct walk *w)
{
    const struct slice words[] = {SLICE("TIME")};
    const enum err err = redis_send(guard_redis(w->guard), words, 1, on_time, w);
    if (err) walk_end(w, err, 0);
}

static void on_time(void *user, enum err err, const struct redis_reply *reply)
{
    struct walk *w = user;
    uint64_t seconds = 0, us = 0;
    if (!err && reply->kind == REDIS_FAILED) err = refused(reply);
    if (!err && (reply->kind != REDIS_LIST || reply->count != 2 ||
                 reply->items[0]->kind != REDIS_TEXT || reply->items[1]->kind != REDIS_TEXT ||
                 !read_number(reply->items[0]->text, UINT32_MAX, &seconds) ||
                 !read_number(reply->items[1]->text, 999999, &us)))
        err = err_set(ERR_PARSE, "Redis answered what TIME does not");
    w->redis_ms = (int64_t)(seconds * 1000 + us / 1000);
    if (err)
        walk_end(w, err, 0);
    else
        ask_batch(w);
}

static void on_values(void *user, enum err err, const struct redis_reply *reply)
{
    struct walk *w = user;
    if (!err && reply->kind == REDIS_FAILED) err = refused(reply);
    if (!err && (reply->kind != REDIS_LIST || reply->count != w->batch))
        err = err_set(ERR_PARSE, "Redis answered what MGET does not");
    if (err) {
        walk_end(w, err, 0);
        return;
    }
    const struct guard_limits *l = guard_limits_of(w->guard);
    const struct guard_key *names = w->keys + w->begin + w->asked - w->batch;
    for (size_t i = 0; i < w->batch; i++) {
        struct guard_key k = names[i];
        const struct limiter_redis_rule *rule = guard_limits_rule(l, k.limit);
        if (reply->items[i]->kind != REDIS_TEXT) continue;
        const struct limiter_row row =
            limiter_redis_read(rule, k.key, reply->items[i]->text, w->redis_ms);
        if (row.used == 0) continue;
        k.used = row.used;
        k.remaining = row.used < rule->rule.count ? rule->rule.count - row.used : 0;
        k.ttl_ms = row.ttl_ms;
        w->keys[w->count++] = k; /* never ahead of names[i] */
    }
    ask_batch(w);
}

/* Asks for the values of the step's next names, or has them deleted. */
static void ask_batch(struct walk *w)
{
    struct slice words[BATCH_MAX + 1] = {w->on_page ? SLICE("MGET") : SLICE("DEL")};
    char texts[BATCH_MAX][LIMITER_REDIS_KEY_SIZE];
    const struct guard_limits *l = guard_limits_of(w->guard);
    if (w->asked == w->found) {
        after_step(w);
        return;
    }
    for (w->batch = 0; w->batch < BATCH_MAX && w->asked < w->found; w->batch++, w->asked++) {
        const struct guard_key *k = &w->keys[w->begin + w->asked];
        limiter_redis_key(guard_limits_rule(l, k->limit), k->key, texts[w->batch]);
        words[w->batch + 1] = slice_of(texts[w->batch]);
    }
    const enum err err = redis_send(guard_redis(w->guard), words, w->batch + 1,
                                    w->on_page ? on_values : on_dropped, w);
    if (err) walk_end(w, err, 0);
}

static void on_dropped(void *user, enum err err, const struct redis_reply *reply)
{
    struct walk *w = user;
    if (!err && reply->kind == REDIS_FAILED) err = refused(reply);
    if (err)
        walk_end(w, err, 0);
    else
        ask_batch(w);
}

static bool read_number(struct slice text, uint64_t max, uint64_t *out)
{
    uint64_t sum = 0;
    if (text.size == 0 || text.size > NUMBER_DIGITS) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        sum = 10 * sum + (uint64_t)(text.data[i] - '0');
    }
    *out = sum;
    return sum <= max;
}

static enum err refused(const struct redis_reply *reply)
{
    return err_set(ERR_IO, "Redis: %.*s", (int)(reply->text.size < 200 ? reply->text.size : 200),
                   reply->text.data);
}
