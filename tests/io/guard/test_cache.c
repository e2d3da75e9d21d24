/* The cache: one contract in memory and on Redis, and what Redis adds. */
#include "io/guard/cache.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/net/net_fixture.h"
#include "io/redis/redis_fixture.h"

enum { TTL = 60, KEEP = 100000 };

/* A source that is told what comes, and when. */
struct desk {
    uv_loop_t loop;
    struct redis_server server;
    struct redis *redis;
    struct cache *cache;
    struct cache_source source;
    struct cache_load *load; /* on its way, or NULL */
    unsigned loads;
    unsigned answers;
    enum err err;
    bool is_stale;
    char text[64];
};

static void on_load(void *user, const char *key, struct cache_load *load)
{
    struct desk *d = user;
    assert_null(d->load);
    assert_non_null(strchr(key, ':'));
    d->load = load;
    d->loads++;
}

static void end_load(struct desk *d, enum err err, const char *text)
{
    struct cache_load *load = d->load;
    d->load = NULL;
    cache_loaded(load, err, slice_of(text));
}

static bool accepts_not_evil(void *user, struct slice value)
{
    (void)user;
    return !slice_is(value, "evil");
}

static void keep_answer(struct desk *d, const struct cache_answer *a)
{
    d->err = a->err;
    d->is_stale = a->is_stale;
    d->text[0] = '\0';
    if (!a->err) snprintf(d->text, sizeof d->text, "%.*s", (int)a->value->size, a->value->data);
}

static void on_answer(void *user, const struct cache_answer *answer)
{
    struct desk *d = user;
    d->answers++;
    keep_answer(d, answer);
}

/* True: answered at once. */
static bool get(struct desk *d, const char *key)
{
    struct cache_answer a;
    uv_update_time(&d->loop);
    const bool at_once = cache_get(d->cache, &d->source, key, &a, on_answer, d);
    if (at_once) keep_answer(d, &a);
    return at_once;
}

static bool is_loading(const void *desk)
{
    return ((const struct desk *)desk)->load != NULL;
}

static bool is_answered(const void *desk)
{
    return ((const struct desk *)desk)->answers > 0;
}

/* Lets what was sent reach Redis, then time pass. */
static void outlive_ttl(struct desk *d)
{
    if (d->redis) redis_ask(&d->loop, d->redis, "GET nothing");
    nanosleep(&(struct timespec){.tv_nsec = (TTL + 5) * 1000000L}, NULL);
}

static void desk_connect(struct desk *d, bool with_redis)
{
    if (with_redis) d->redis = redis_client(&d->loop, d->server.url);
    assert_int_equal(cache_new(&d->loop, d->redis, &d->cache), OK);
    d->source = (struct cache_source){.name = "symbols:spot",
                                      .ttl_ms = TTL,
                                      .keep_ms = KEEP,
                                      .load = on_load,
                                      .accepts = accepts_not_evil,
                                      .user = d};
}

static struct desk *desk_open(bool with_redis)
{
    struct desk *d = calloc(1, sizeof *d);
    uv_loop_init(&d->loop);
    if (with_redis) redis_server_start(&d->server, NULL);
    desk_connect(d, with_redis);
    return d;
}

static void desk_disconnect(struct desk *d)
{
    redis_close(d->redis);
    cache_free(d->cache);
    d->redis = NULL;
}

static void desk_close(struct desk *d)
{
    const bool with_redis = d->redis != NULL;
    desk_disconnect(d);
    loop_finish(&d->loop);
    if (with_redis) redis_server_stop(&d->server);
    free(d);
}

/* Asks for a key that is not there, and loads it. */
static void fill(struct desk *d, const char *key, const char *text)
{
    d->answers = 0;
    assert_false(get(d, key));
    run_until(&d->loop, is_loading, d);
    end_load(d, OK, text);
    assert_int_equal(d->answers, 1);
    assert_string_equal(d->text, text);
}

/* ---- the contract ---- */

static void check_hits(bool with_redis)
{
    struct desk *d = desk_open(with_redis);
    d->source.ttl_ms = 60000;
    fill(d, "cache:a", "one");
    assert_true(get(d, "cache:a"));
    assert_string_equal(d->text, "one");
    assert_false(d->is_stale);
    fill(d, "cache:b", "");
    assert_true(get(d, "cache:b"));
    assert_string_equal(d->text, "");
    assert_int_equal(d->source.hits, 2);
    assert_int_equal(d->source.misses, 2);
    assert_int_equal(d->source.loads, 2);
    assert_int_equal(d->loads, 2);
    desk_close(d);
}

static void check_single_flight(bool with_redis)
{
    struct desk *d = desk_open(with_redis);
    for (int i = 0; i < CACHE_WAITERS_MAX; i++) assert_false(get(d, "cache:a"));
    assert_true(get(d, "cache:a"));
    assert_int_equal(d->err, ERR_LIMIT);
    run_until(&d->loop, is_loading, d);
    end_load(d, OK, "one");
    assert_int_equal(d->answers, CACHE_WAITERS_MAX);
    assert_int_equal(d->loads, 1);
    desk_close(d);
}

static void check_stale(bool with_redis)
{
    struct desk *d = desk_open(with_redis);
    fill(d, "cache:a", "one");
    outlive_ttl(d);
    for (int i = 0; i < 10; i++) {
        assert_true(get(d, "cache:a"));
        assert_true(d->is_stale);
        assert_string_equal(d->text, "one");
    }
    run_until(&d->loop, is_loading, d);
    assert_int_equal(d->loads, 2);
    end_load(d, OK, "two");
    assert_true(get(d, "cache:a"));
    assert_string_equal(d->text, "two");
    desk_close(d);
}

static void check_failed_load(bool with_redis)
{
    struct desk *d = desk_open(with_redis);
    fill(d, "cache:a", "one");
    outlive_ttl(d);
    assert_true(get(d, "cache:a"));
    run_until(&d->loop, is_loading, d);
    end_load(d, ERR_TIMEOUT, "");
    assert_true(get(d, "cache:a"));
    assert_true(d->is_stale);
    assert_string_equal(d->text, "one"); /* the last good one, and no new load for a while */
    assert_int_equal(d->loads, 2);
    d->answers = 0;
    assert_false(get(d, "cache:b")); /* nothing to fall back to */
    run_until(&d->loop, is_loading, d);
    end_load(d, ERR_TIMEOUT, "");
    run_until(&d->loop, is_answered, d);
    assert_int_equal(d->err, ERR_TIMEOUT);
    assert_true(get(d, "cache:b"));
    assert_int_equal(d->err, ERR_TIMEOUT);
    assert_int_equal(d->loads, 3);
    assert_int_equal(d->source.failed_loads, 2);
    desk_close(d);
}

static void check_bounds(bool with_redis)
{
    struct desk *d = desk_open(with_redis);
    char key[200] = "cache:";
    d->source.ttl_ms = 60000;
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "cache:%d", i);
        char *large = malloc(CACHE_VALUE_MAX + 2);
        memset(large, 'x', CACHE_VALUE_MAX + 1);
        large[i == 20 ? CACHE_VALUE_MAX + 1 : CACHE_VALUE_MAX] = '\0';
        d->answers = 0;
        assert_false(get(d, key));
        run_until(&d->loop, is_loading, d);
        end_load(d, OK, large);
        run_until(&d->loop, is_answered, d);
        assert_int_equal(d->err, i == 20 ? ERR_LIMIT : OK);
        free(large);
    }
    const struct cache_usage u = cache_usage(d->cache);
    assert_true(u.bytes <= CACHE_BYTES_MAX && u.bytes > CACHE_BYTES_MAX - 2 * CACHE_VALUE_MAX);
    assert_true(u.dropped >= 7);
    memset(key, 'k', sizeof key - 1);
    assert_true(get(d, key));
    assert_int_equal(d->err, ERR_LIMIT);
    desk_close(d);
}

static void check_drop(bool with_redis)
{
    struct desk *d = desk_open(with_redis);
    fill(d, "cache:a", "one");
    cache_drop(d->cache, "cache:a");
    fill(d, "cache:a", "two");
    assert_int_equal(d->loads, 2);
    desk_close(d);
}

#define CONTRACT(name, check)                                                                      \
    static void test_cache__##name(void **state)                                                   \
    {                                                                                              \
        (void)state;                                                                               \
        check(false);                                                                              \
        check(true);                                                                               \
    }

CONTRACT(a_fresh_value_is_given_at_once, check_hits)
CONTRACT(one_load_serves_all_who_wait, check_single_flight)
CONTRACT(a_stale_value_is_given_while_one_load_runs, check_stale)
CONTRACT(a_failed_load_leaves_the_last_good_value, check_failed_load)
CONTRACT(memory_is_bounded, check_bounds)
CONTRACT(a_dropped_key_is_loaded_again, check_drop)

static void test_cache__many_keys_drop_the_one_unused_for_longest(void **state)
{
    (void)state;
    struct desk *d = desk_open(false);
    char key[32];
    d->source.ttl_ms = 60000;
    fill(d, "cache:kept", "kept");
    for (int i = 0; i < 3 * CACHE_ENTRIES_MAX; i++) {
        snprintf(key, sizeof key, "cache:%d", i);
        fill(d, key, "x");
        assert_true(get(d, "cache:kept"));
    }
    assert_int_equal(cache_usage(d->cache).entries, CACHE_ENTRIES_MAX);
    assert_false(get(d, "cache:0"));
    end_load(d, OK, "x");
    desk_close(d);
}

static void test_cache__a_held_value_outlives_its_entry(void **state)
{
    (void)state;
    struct desk *d = desk_open(false);
    struct cache_answer a;
    fill(d, "cache:a", "one");
    assert_true(cache_get(d->cache, &d->source, "cache:a", &a, on_answer, d));
    cache_value_hold(a.value);
    cache_drop(d->cache, "cache:a");
    assert_memory_equal(a.value->data, "one", 3);
    cache_value_release(a.value);
    desk_close(d);
}

/* ---- what Redis adds ---- */

static void test_cache__another_instance_finds_what_one_loaded(void **state)
{
    (void)state;
    struct desk *d = desk_open(true);
    d->source.ttl_ms = 60000;
    fill(d, "cache:symbols:spot:v1", "one");
    assert_string_equal(redis_ask(&d->loop, d->redis, "GET cache:symbols:spot:v1"), "one");
    assert_string_equal(redis_ask(&d->loop, d->redis, "GET metrics:cache_miss:symbols:spot"), "1");
    desk_disconnect(d);
    desk_connect(d, true);
    d->source.ttl_ms = 60000;
    d->answers = 0;
    assert_false(get(d, "cache:symbols:spot:v1"));
    run_until(&d->loop, is_answered, d);
    assert_string_equal(d->text, "one");
    assert_int_equal(d->loads, 1);
    desk_close(d);
}

static void test_cache__the_last_good_value_survives_a_restart(void **state)
{
    (void)state;
    struct desk *d = desk_open(true);
    fill(d, "cache:a", "one");
    outlive_ttl(d);
    desk_disconnect(d);
    desk_connect(d, true);
    d->answers = 0;
    assert_false(get(d, "cache:a"));
    run_until(&d->loop, is_loading, d);
    end_load(d, ERR_IO, "");
    run_until(&d->loop, is_answered, d);
    assert_int_equal(d->err, OK);
    assert_string_equal(d->text, "one");
    assert_true(d->is_stale);
    desk_close(d);
}

static void test_cache__a_value_that_the_source_refuses_is_loaded_instead(void **state)
{
    (void)state;
    struct desk *d = desk_open(true);
    redis_ask(&d->loop, d->redis, "SET cache:a evil PX 50");
    redis_ask(&d->loop, d->redis, "SET cache:a:last_good evil");
    fill(d, "cache:a", "good");
    redis_ask(&d->loop, d->redis, "RPUSH cache:b x");
    fill(d, "cache:b", "good");
    redis_ask(&d->loop, d->redis, "SET cache:c:last_good evil");
    d->answers = 0;
    assert_false(get(d, "cache:c"));
    run_until(&d->loop, is_loading, d);
    end_load(d, ERR_IO, "");
    run_until(&d->loop, is_answered, d);
    assert_int_equal(d->err, ERR_IO);
    desk_close(d);
}

static void test_cache__goes_on_without_redis(void **state)
{
    (void)state;
    struct desk *d = desk_open(true);
    fill(d, "cache:a", "one");
    redis_server_kill(&d->server);
    fill(d, "cache:b", "two");
    assert_true(get(d, "cache:b"));
    desk_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache__a_fresh_value_is_given_at_once),
        cmocka_unit_test(test_cache__one_load_serves_all_who_wait),
        cmocka_unit_test(test_cache__a_stale_value_is_given_while_one_load_runs),
        cmocka_unit_test(test_cache__a_failed_load_leaves_the_last_good_value),
        cmocka_unit_test(test_cache__memory_is_bounded),
        cmocka_unit_test(test_cache__a_dropped_key_is_loaded_again),
        cmocka_unit_test(test_cache__many_keys_drop_the_one_unused_for_longest),
        cmocka_unit_test(test_cache__a_held_value_outlives_its_entry),
        cmocka_unit_test(test_cache__another_instance_finds_what_one_loaded),
        cmocka_unit_test(test_cache__the_last_good_value_survives_a_restart),
        cmocka_unit_test(test_cache__a_value_that_the_source_refuses_is_loaded_instead),
        cmocka_unit_test(test_cache__goes_on_without_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
