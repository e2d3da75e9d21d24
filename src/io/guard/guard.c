/* Redis where it answers, memory where it does not. */
#include "io/guard/guard.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/check.h"

struct guard_limits {
    size_t count;
    bool with_redis;
    struct limiter_redis_rule rules[GUARD_LIMITS_MAX];
    struct limiter *local[GUARD_LIMITS_MAX];
    _Atomic uint64_t accepted[GUARD_LIMITS_MAX], refused[GUARD_LIMITS_MAX]; /* by Redis */
};

struct guard {
    uv_loop_t *loop;
    struct guard_limits *limits;
    struct redis *redis;          /* NULL: memory only */
    struct limiter_redis *shared; /* on it */
    struct guard_counters counters;
};

struct waiting {
    struct guard *guard;
    size_t limit;
    struct limit_key key;
    guard_on_answer on_answer;
    void *user;
};

static struct limit_rule share_of(struct limit_rule rule);
static struct limit_answer take_locally(struct guard *g, size_t limit, struct limit_key key);
static void on_shared_answer(void *user, enum err err, const struct limit_answer *answer);

enum err guard_limits_new(const struct guard_limit *limits, size_t count, bool with_redis,
                          struct guard_limits **out)
{
    CHECK(count <= GUARD_LIMITS_MAX);
    struct guard_limits *l = calloc(1, sizeof *l);
    if (!l) return err_set(ERR_NO_MEMORY, "no memory for rate limits");
    l->with_redis = with_redis;
    for (; l->count < count; l->count++) {
        const struct guard_limit *limit = &limits[l->count];
        const struct limit_rule rule = with_redis ? share_of(limit->rule) : limit->rule;
        const enum err err = limiter_new(rule, 0, &l->local[l->count]);
        if (err) {
            guard_limits_free(l);
            return err;
        }
        limiter_redis_rule_init(&l->rules[l->count], limit->name, limit->rule);
    }
    *out = l;
    return OK;
}

void guard_limits_free(struct guard_limits *l)
{
    if (!l) return;
    for (size_t i = 0; i < l->count; i++) limiter_free(l->local[i]);
    free(l);
}

size_t guard_limits_count(const struct guard_limits *l)
{
    return l->count;
}

const struct limiter_redis_rule *guard_limits_rule(const struct guard_limits *l, size_t limit)
{
    CHECK(limit < l->count);
    return &l->rules[limit];
}

struct guard_totals guard_limits_totals(struct guard_limits *l, size_t limit)
{
    const struct limiter_counters local = limiter_counters(guard_limits_local(l, limit));
    return (struct guard_totals){
        local.accepted + atomic_load_explicit(&l->accepted[limit], memory_order_relaxed),
        local.refused + atomic_load_explicit(&l->refused[limit], memory_order_relaxed)};
}

struct limiter *guard_limits_local(struct guard_limits *l, size_t limit)
{
    CHECK(limit < l->count);
    return l->local[limit];
}

enum err guard_new(uv_loop_t *loop, struct guard_limits *limits, struct redis *redis,
                   struct guard **out)
{
    CHECK((redis != NULL) == limits->with_redis);
    struct guard *g = calloc(1, sizeof *g);
    if (!g) return err_set(ERR_NO_MEMORY, "no memory for a guard");
    *g = (struct guard){.loop = loop, .limits = limits, .redis = redis};
    const enum err err = redis ? limiter_redis_new(redis, &g->shared) : OK;
    if (err) {
        free(g);
        return err;
    }
    *out = g;
    return OK;
}

struct guard_limits *guard_limits_of(const struct guard *g)
{
    return g->limits;
}

struct redis *guard_redis(const struct guard *g)
{
    return g->redis;
}

int64_t guard_now_ms(const struct guard *g)
{
    return (int64_t)uv_now(g->loop);
}

bool guard_is_local(const struct guard *g)
{
    return !g->shared;
}

void guard_free(struct guard *g)
{
    if (!g) return;
    limiter_redis_free(g->shared);
    free(g);
}

void guard_expect(const struct guard *g, size_t limit, struct limit_key key)
{
    CHECK(limit < g->limits->count);
    if (!g->shared) limiter_expect(g->limits->local[limit], key);
}

bool guard_take(struct guard *g, size_t limit, struct limit_key key, struct limit_answer *answer,
                guard_on_answer on_answer, void *user)
{
    CHECK(limit < g->limits->count);
    struct waiting *w = g->shared ? malloc(sizeof *w) : NULL;
    if (w) {
        *w = (struct waiting){g, limit, key, on_answer, user};
        if (limiter_redis_take(g->shared, &g->limits->rules[limit], key, on_shared_answer, w) ==
            OK) {
            g->counters.asked++;
            return false;
        }
        free(w);
    }
    *answer = take_locally(g, limit, key);
    return true;
}

void guard_give_back(struct guard *g, size_t limit, struct limit_key key,
                     const struct limit_answer *answer)
{
    CHECK(limit < g->limits->count && answer->accepted);
    if (g->shared && !answer->is_local)
        limiter_redis_give_back(g->shared, &g->limits->rules[limit], key, answer->at_ms);
    else
        limiter_give_back(g->limits->local[limit], key, answer->at_ms, (int64_t)uv_now(g->loop));
}

struct guard_counters guard_counters(const struct guard *g)
{
    return g->counters;
}

static struct limit_rule share_of(struct limit_rule rule)
{
    const uint32_t share = rule.count * GUARD_SHARE_PERCENT / 100;
    return (struct limit_rule){share > 0 ? share : 1, rule.span_ms};
}

static struct limit_answer take_locally(struct guard *g, size_t limit, struct limit_key key)
{
    struct limit_answer answer =
        limiter_take(g->limits->local[limit], key, (int64_t)uv_now(g->loop));
    answer.is_local = g->shared != NULL;
    g->counters.degraded += answer.is_local;
    return answer;
}

static void on_shared_answer(void *user, enum err err, const struct limit_answer *answer)
{
    const struct waiting w = *(struct waiting *)user;
    struct limit_answer local;
    free(user);
    if (err) {
        local = take_locally(w.guard, w.limit, w.key);
        answer = &local;
    } else {
        struct guard_limits *l = w.guard->limits;
        atomic_fetch_add_explicit(answer->accepted ? &l->accepted[w.limit] : &l->refused[w.limit],
                                  1, memory_order_relaxed);
        w.guard->counters.answered++;
    }
    w.on_answer(w.user, answer);
}
