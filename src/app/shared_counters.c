/* One loop, run until the answer is there. */
#include "app/shared_counters.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/check.h"

enum { PATIENCE_MS = 2 * REDIS_CONNECT_MS };

static void on_patience(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void on_look(uv_timer_t *timer)
{
    if (redis_is_up(timer->data)) uv_stop(timer->loop);
}

/* Until the connection is up, or patience is over. */
static void wait_for_redis(struct shared_counters *v)
{
    uv_timer_t patience, look;
    CHECK(uv_timer_init(&v->loop, &patience) == 0 && uv_timer_init(&v->loop, &look) == 0);
    look.data = v->redis;
    uv_timer_start(&patience, on_patience, PATIENCE_MS, 0);
    uv_timer_start(&look, on_look, 1, 1);
    uv_run(&v->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_close((uv_handle_t *)&look, NULL);
    uv_run(&v->loop, UV_RUN_NOWAIT);
}

enum err shared_counters_open(struct shared_counters *v, const struct config *config)
{
    struct guard_limit limits[LIMIT_CLASS_COUNT];
    struct redis_address address;
    uint64_t seed;
    *v = (struct shared_counters){0};
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    for (unsigned i = 0; i < LIMIT_CLASS_COUNT; i++)
        limits[i] = (struct guard_limit){limit_names[i], config->limits[i]};
    CHECK(uv_loop_init(&v->loop) == 0);
    enum err err = redis_address_parse(config->redis_url, &address);
    if (!err) err = redis_open(&v->loop, &address, seed, &v->redis);
    explicit_bzero(&address, sizeof address);
    if (!err) err = guard_limits_new(limits, LIMIT_CLASS_COUNT, true, &v->limits);
    if (!err) err = guard_new(&v->loop, v->limits, v->redis, &v->guard);
    if (err) return err_note(err, "while reaching Redis");
    wait_for_redis(v);
    if (redis_is_up(v->redis)) return OK;
    return err_set(ERR_TIMEOUT, "the Redis of REDIS_URL does not answer, or not to us");
}

/* What ends the wait. The cause is kept: on its way back the loop may set another. */
static void answered(struct shared_counters *v, enum err err)
{
    v->is_answered = true;
    v->err = err;
    snprintf(v->cause, sizeof v->cause, "%s", err ? err_text() : "");
    uv_stop(&v->loop);
}

static void on_page(void *user, const struct guard_page *page)
{
    struct shared_counters *v = user;
    char text[LIMITER_REDIS_KEY_SIZE];
    for (size_t i = 0; i < page->count; i++) {
        limiter_redis_key(guard_limits_rule(v->limits, page->keys[i].limit), page->keys[i].key,
                          text);
        v->on_key(v->user, text, &page->keys[i]);
    }
    v->next = page->next;
    answered(v, page->err);
}

static void on_forgotten(void *user, enum err err)
{
    answered(user, err);
}

static enum err wait_for_answer(struct shared_counters *v)
{
    while (!v->is_answered) uv_run(&v->loop, UV_RUN_DEFAULT);
    return v->err ? err_set(v->err, "Redis did not answer: %s", v->cause) : OK;
}

enum err shared_counters_list(struct shared_counters *v,
                              void (*on_key)(void *user, const char *text,
                                             const struct guard_key *key),
                              void *user)
{
    enum err err;
    v->on_key = on_key;
    v->user = user;
    v->next = 0;
    do {
        v->is_answered = false;
        guard_keys_list(v->guard, v->next, GUARD_KEYS_PAGE_MAX, on_page, v);
        err = wait_for_answer(v);
    } while (!err && v->next != 0);
    return err;
}

enum err shared_counters_forget(struct shared_counters *v, const char *text)
{
    size_t limit;
    struct limit_key key;
    v->is_answered = false;
    if (!text)
        guard_keys_forget_all(v->guard, on_forgotten, v);
    else if (guard_keys_parse(v->limits, slice_of(text), &limit, &key))
        guard_keys_forget(v->guard, limit, key, on_forgotten, v);
    else
        return err_set(ERR_INVALID, "'%.100s' is no key of a rate limit", text);
    return wait_for_answer(v);
}

void shared_counters_close(struct shared_counters *v)
{
    redis_close(v->redis);
    guard_free(v->guard);
    guard_limits_free(v->limits);
    uv_run(&v->loop, UV_RUN_DEFAULT);
    uv_loop_close(&v->loop);
}
